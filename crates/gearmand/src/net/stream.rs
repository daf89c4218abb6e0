//! A stream of bytes, TCP or Unix: the only place that knows which. What is above never asks.
//!
//! Its two halves have one owner each: a connection's task reads, and whoever has something to send writes, one at a
//! time (see [`crate::outgoing`]). No packets here.

use crate::config::Keepalive;
use bytes::{Buf, BufMut};
use gearman_core::protocol::write_buffer::WriteBuffer;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::{tcp, unix};
use tokio::runtime::Handle;

/// What a worker is sent that gets jobs in its sleep must reach it within this time, or the connection ends and
/// the job goes back. Else the system would try for a quarter of an hour.
const REACHED: Duration = Duration::from_secs(10);
/// Pieces of one write.
const PIECES: usize = 64;

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Stream {
    /// Into the hands of another thread's runtime.
    pub(crate) fn hand_to(self, runtime: &Handle) -> io::Result<Stream> {
        let _there = runtime.enter();
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(tokio::net::TcpStream::from_std(stream.into_std()?)?),
            Stream::Unix(stream) => Stream::Unix(tokio::net::UnixStream::from_std(stream.into_std()?)?),
        })
    }

    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Stream::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (ReadHalf::Tcp(reader), WriteHalf::Tcp(writer))
            }
            Stream::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                (ReadHalf::Unix(reader), WriteHalf::Unix(writer))
            }
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
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

/// Where a connection's bytes come from.
#[derive(Debug)]
pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// Where they go. The server has it, so that whoever has something to send writes at once.
#[derive(Debug)]
pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl ReadHalf {
    /// As [`AsyncRead`], which sees by itself when a socket is drained: a `try_read` would need one more
    /// call of the system to learn it.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            ReadHalf::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            ReadHalf::Unix(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }

    /// Into memory that was never written to. The future keeps nothing from one poll to the next.
    pub(crate) fn poll_read_buf(&mut self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        match self {
            ReadHalf::Tcp(half) => pin!(half.read_buf(buffer)).poll(cx),
            ReadHalf::Unix(half) => pin!(half.read_buf(buffer)).poll(cx),
        }
    }
}

impl WriteHalf {
    /// Writes what the socket takes now.
    pub(crate) fn write(&self, bytes: &mut WriteBuffer) -> io::Result<()> {
        while !bytes.is_empty() {
            let (sent, whole) = match bytes.single() {
                Some(all) => (self.try_write(all), all.len()),
                None => {
                    let mut pieces = [IoSlice::new(&[]); PIECES];
                    let n = bytes.chunks_vectored(&mut pieces);
                    (self.try_write_vectored(&pieces[..n]), pieces[..n].iter().map(|p| p.len()).sum())
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

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(half) => half.try_write(bytes),
            WriteHalf::Unix(half) => half.try_write(bytes),
        }
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(half) => half.try_write_vectored(pieces),
            WriteHalf::Unix(half) => half.try_write_vectored(pieces),
        }
    }

    /// The other side is noticed soon when it is dead.
    pub(crate) fn watch(&self, how: Watch, probe: &Keepalive) -> io::Result<()> {
        let WriteHalf::Tcp(half) = self else { return Ok(()) };
        let reached = (how == Watch::Reached).then_some(REACHED);
        SockRef::from(half.as_ref()).set_tcp_user_timeout(reached)?;
        keepalive(half.as_ref(), probe)
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            WriteHalf::Tcp(half) => half.as_ref().poll_write_ready(cx),
            WriteHalf::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }
}

pub(crate) fn keepalive(stream: &tokio::net::TcpStream, probe: &Keepalive) -> io::Result<()> {
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

    #[tokio::test]
    async fn a_worker_that_gets_jobs_in_its_sleep_is_watched() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_, half) = stream.into_split();
        let writer = WriteHalf::Tcp(half);
        writer.watch(Watch::Reached, &Keepalive::default()).unwrap();
        let WriteHalf::Tcp(half) = &writer else { unreachable!() };
        let socket = SockRef::from(half.as_ref());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(REACHED));
        assert!(socket.keepalive().unwrap());
        writer.watch(Watch::Alive, &Keepalive::default()).unwrap();
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
        assert!(socket.keepalive().unwrap());
    }
}
