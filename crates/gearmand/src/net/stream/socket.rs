//! The socket of a connection, TCP or Unix.
//!
//! Owns the calls of the system. Must never know what the bytes mean, nor that they may be encrypted.
//! Invariants: those of [`Stream`](super::Stream).

use crate::config::Keepalive;
use bytes::{Buf, BufMut};
use gearman_core::protocol::write_buffer::WriteBuffer;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

/// What a worker is sent that gets jobs in its sleep must reach it within this time, or the connection ends and
/// the job goes back. Else the system would try for a quarter of an hour.
pub(super) const REACHED: Duration = Duration::from_secs(10);
/// Pieces of one write.
pub(super) const PIECES: usize = 64;

/// A socket that was accepted.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same for every kind of socket.
macro_rules! with_socket {
    ($it:expr, $socket:ident => $call:expr) => {
        match $it {
            Socket::Tcp($socket) => $call,
            Socket::Unix($socket) => $call,
        }
    };
}

impl Socket {
    /// The same, in another thread's runtime.
    pub(crate) fn hand_to(self, runtime: &Handle) -> io::Result<Socket> {
        let _there = runtime.enter();
        Ok(match self {
            Socket::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Socket::Unix(stream) => Socket::Unix(UnixStream::from_std(stream.into_std()?)?),
        })
    }

    /// The same socket, for who waits until it is [closed](Socket::closed) while another reads from it.
    pub(crate) fn duplicate(&self) -> io::Result<Socket> {
        Ok(match self {
            Socket::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream.as_fd().try_clone_to_owned()?.into())?),
            Socket::Unix(stream) => Socket::Unix(UnixStream::from_std(stream.as_fd().try_clone_to_owned()?.into())?),
        })
    }

    /// Returns when the other side has closed, or says no more, even if not all was read.
    pub(crate) async fn closed(&self) -> io::Result<()> {
        loop {
            let ready = with_socket!(self, socket => socket.ready(Interest::READABLE).await)?;
            if ready.is_read_closed() {
                return Ok(());
            }
            // What came is not for us: it counts as not ready until more comes.
            let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = with_socket!(self, socket => socket.try_io(Interest::READABLE, nothing));
        }
    }

    /// Reads once, as much as there is and there is room for; 0 is the end. Only the connection's task reads: it is the
    /// one that is woken.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        loop {
            ready!(with_socket!(self, socket => socket.poll_read_ready(cx)))?;
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// A socket that had less than there was room for is drained: it counts as not ready any more, which saves the call
    /// of the system that would only show it. What comes from then on makes it ready again.
    fn try_read(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        let room = buffer.chunk_mut().len();
        let mut drained = None;
        let read = with_socket!(self, socket => socket.try_io(Interest::READABLE, || {
            let n = socket.try_read_buf(buffer)?;
            if 0 < n && n < room {
                drained = Some(n);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(n)
        }));
        drained.map_or(read, Ok)
    }

    /// Writes what the socket takes now.
    pub(crate) fn write(&self, bytes: &mut WriteBuffer) -> io::Result<()> {
        while !bytes.is_empty() {
            let (sent, whole) = match bytes.single() {
                Some(all) => (self.try_write(all), all.len()),
                None => {
                    let mut pieces = [IoSlice::new(&[]); PIECES];
                    let n = bytes.chunks_vectored(&mut pieces);
                    let pieces = &pieces[..n];
                    let whole = pieces.iter().map(|piece| piece.len()).sum();
                    (self.try_write_vectored(pieces), whole)
                }
            };
            match sent {
                Ok(sent) => {
                    bytes.advance(sent);
                    if sent < whole {
                        // The socket is full; trying again would only show that.
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        with_socket!(self, socket => socket.try_write(bytes))
    }

    pub(super) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        with_socket!(self, socket => socket.try_write_vectored(pieces))
    }

    /// When a write may get on. Only the connection's task waits for that.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_socket!(self, socket => socket.poll_write_ready(cx))
    }

    /// Whether the other side has closed, or says no more, and all was read.
    pub(super) fn has_ended(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        match with_socket!(self, socket => SockRef::from(socket).peek(&mut byte)) {
            Ok(n) => n == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Nothing is written any more: the other side reads the end.
    pub(super) fn finish_writing(&self) -> io::Result<()> {
        with_socket!(self, socket => SockRef::from(socket).shutdown(Shutdown::Write))
    }

    /// Makes sure that a peer that is dead is noticed soon.
    pub(crate) fn watch(&self, how: Watch, probe: &Keepalive) -> io::Result<()> {
        let Socket::Tcp(socket) = self else { return Ok(()) };
        let reached = (how == Watch::Reached).then_some(REACHED);
        SockRef::from(socket).set_tcp_user_timeout(reached)?;
        keepalive(socket, probe)
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        with_socket!(self, socket => socket.as_raw_fd())
    }
}

/// How a worker is watched that gets jobs without having asked for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watch {
    /// What it is sent must reach it soon.
    Reached,
    /// It has asked for jobs in advance: those may wait for as long as it works and does not read. To the system
    /// that is the same as not to be reached.
    Alive,
}

pub(crate) fn keepalive(stream: &TcpStream, probe: &Keepalive) -> io::Result<()> {
    let seconds = |n: u32| (n > 0).then(|| Duration::from_secs(n.into()));
    let mut settings = TcpKeepalive::new();
    if let Some(idle) = seconds(probe.idle) {
        settings = settings.with_time(idle);
    }
    if let Some(interval) = seconds(probe.interval) {
        settings = settings.with_interval(interval);
    }
    if probe.count > 0 {
        settings = settings.with_retries(probe.count);
    }
    SockRef::from(stream).set_tcp_keepalive(&settings)
}
