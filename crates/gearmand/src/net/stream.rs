//! A stream of bytes, TCP or Unix: the only place that knows which. What is above never asks.
//!
//! One [`Stream`] is both directions of a connection, as an encrypted stream has one state for both. Every method takes
//! `&self`: the connection's task reads, and at the end of a round any thread writes, one at a time (see
//! [`crate::outgoing`]); neither waits for the other. A kind of stream that has a state guards it in here, for no longer
//! than a call. No packets here.
//!
//! Invariants, which every kind of stream keeps:
//! - A read that is pending has left nothing behind, in the system or in the stream, and its task is woken by what comes.
//! - What is still in the [`WriteBuffer`] after a write has not left yet, and what is not in it any more is the
//!   system's: nothing that was taken waits in the stream.

use crate::config::Keepalive;
use bytes::{Buf, BufMut};
use gearman_core::protocol::write_buffer::WriteBuffer;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

/// What a worker is sent that gets jobs in its sleep must reach it within this time, or the connection ends and
/// the job goes back. Else the system would try for a quarter of an hour.
const REACHED: Duration = Duration::from_secs(10);
/// Pieces of one write.
const PIECES: usize = 64;

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same for every kind of socket.
macro_rules! with_socket {
    ($stream:expr, $socket:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($socket) => $call,
            Stream::Unix($socket) => $call,
        }
    };
}

impl Stream {
    /// The same stream, with its socket in another thread's runtime.
    pub(crate) fn hand_to(self, runtime: &Handle) -> io::Result<Stream> {
        let _there = runtime.enter();
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Stream::Unix(stream) => Stream::Unix(UnixStream::from_std(stream.into_std()?)?),
        })
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
                Some(all) => (with_socket!(self, socket => socket.try_write(all)), all.len()),
                None => {
                    let mut pieces = [IoSlice::new(&[]); PIECES];
                    let n = bytes.chunks_vectored(&mut pieces);
                    let pieces = &pieces[..n];
                    let whole = pieces.iter().map(|piece| piece.len()).sum();
                    (with_socket!(self, socket => socket.try_write_vectored(pieces)), whole)
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

    /// The user and the group of the process that made a local connection, when it did.
    pub(crate) fn uid_gid(&self) -> Option<(u32, u32)> {
        let Stream::Unix(socket) = self else { return None };
        socket.peer_cred().ok().map(|process| (process.uid(), process.gid()))
    }

    /// When a write may get on. Only the connection's task waits for that.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_socket!(self, socket => socket.poll_write_ready(cx))
    }

    /// Makes sure that a peer that is dead is noticed soon.
    pub(crate) fn watch(&self, how: Watch, probe: &Keepalive) -> io::Result<()> {
        let Stream::Tcp(socket) = self else { return Ok(()) };
        let reached = (how == Watch::Reached).then_some(REACHED);
        SockRef::from(socket).set_tcp_user_timeout(reached)?;
        keepalive(socket, probe)
    }
}

impl AsRawFd for Stream {
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

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_core::protocol::codec::Sink;
    use std::future::poll_fn;
    use std::sync::Arc;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::net::TcpListener;

    trait Peer: AsyncRead + AsyncWrite + Unpin {}
    impl<T: AsyncRead + AsyncWrite + Unpin> Peer for T {}

    async fn tcp() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Stream::Tcp(listener.accept().await.unwrap().0), peer)
    }

    /// A stream of each kind, and its other end.
    async fn all() -> Vec<(Stream, Box<dyn Peer>)> {
        let (stream, peer) = tcp().await;
        let (local, local_peer) = UnixStream::pair().unwrap();
        vec![(stream, Box::new(peer)), (Stream::Unix(local), Box::new(local_peer))]
    }

    async fn read(stream: &Stream, room: usize) -> Vec<u8> {
        let mut room = vec![0; room];
        let whole = room.len();
        let mut rest = &mut room[..];
        let n = poll_fn(|cx| stream.poll_read(cx, &mut rest)).await.unwrap();
        assert_eq!(rest.len(), whole - n);
        room.truncate(n);
        room
    }

    #[tokio::test]
    async fn a_worker_that_gets_jobs_in_its_sleep_is_watched() {
        let (stream, _peer) = tcp().await;
        stream.watch(Watch::Reached, &Keepalive::default()).unwrap();
        let Stream::Tcp(socket) = &stream else { unreachable!() };
        let socket = SockRef::from(socket);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(REACHED));
        assert!(socket.keepalive().unwrap());
        stream.watch(Watch::Alive, &Keepalive::default()).unwrap();
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
        assert!(socket.keepalive().unwrap());
    }

    #[tokio::test]
    async fn nothing_is_left_behind_by_a_short_read_or_a_full_one() {
        for (stream, mut peer) in all().await {
            for round in 0..100_u8 {
                // Whether this one is sent before the read or while it waits is not known.
                let small = [round; 3];
                let (bytes, sent) = tokio::join!(read(&stream, 4), peer.write_all(&small));
                sent.unwrap();
                assert_eq!(bytes, small);
                peer.write_all(&[round; 9]).await.unwrap();
                let mut rest = 9;
                while rest > 0 {
                    rest -= read(&stream, 4).await.len();
                }
            }
            drop(peer);
            assert_eq!((read(&stream, 4).await, read(&stream, 4).await), (vec![], vec![]), "the end stays");
        }
    }

    /// As much as there is room for, and not a byte beyond it.
    #[tokio::test]
    async fn a_vector_is_filled_as_far_as_it_may_be() {
        for (stream, mut peer) in all().await {
            peer.write_all(b"abcdefgh").await.unwrap();
            let mut bytes = Vec::with_capacity(100);
            let n = poll_fn(|cx| stream.poll_read(cx, &mut (&mut bytes).limit(5))).await.unwrap();
            assert_eq!((n, &bytes[..]), (5, &b"abcde"[..]));
        }
    }

    #[tokio::test]
    async fn another_thread_writes_while_a_read_waits() {
        for (stream, mut peer) in all().await {
            let stream = Arc::new(stream);
            let reader = stream.clone();
            let reading = tokio::spawn(async move { read(&reader, 4).await });
            tokio::task::yield_now().await;
            let written = std::thread::spawn(move || {
                let mut bytes = WriteBuffer::new();
                bytes.put(b"answer");
                stream.write(&mut bytes).map(|()| bytes.len())
            });
            let mut answer = [0; 6];
            peer.read_exact(&mut answer).await.unwrap();
            assert_eq!((&answer, written.join().unwrap().unwrap()), (b"answer", 0));
            assert!(!reading.is_finished());
            peer.write_all(b"more").await.unwrap();
            assert_eq!(reading.await.unwrap(), b"more");
        }
    }

    #[tokio::test]
    async fn a_full_socket_keeps_the_rest_until_it_is_ready_again() {
        for (stream, mut peer) in all().await {
            let all: Vec<u8> = (0..8_000_000_u32).map(|i| i as u8).collect();
            let mut bytes = WriteBuffer::new();
            all.chunks(100_000).for_each(|chunk| bytes.share(bytes::Bytes::copy_from_slice(chunk)));
            stream.write(&mut bytes).unwrap();
            assert!(!bytes.is_empty(), "no socket takes that much");
            let mut received = vec![0; all.len()];
            let writing = async {
                while !bytes.is_empty() {
                    poll_fn(|cx| stream.poll_write_ready(cx)).await.unwrap();
                    stream.write(&mut bytes).unwrap();
                }
            };
            tokio::join!(writing, async { peer.read_exact(&mut received).await.unwrap() });
            assert!(received == all);
        }
    }
}
