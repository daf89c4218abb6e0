//! One connection to a job server: the only file of this crate with sockets. Other kinds of stream (TLS) belong here.
//!
//! Owns the socket, what was read and not taken yet, and what waits to be written. Must never know what a packet
//! means, or which requests are unanswered.
//!
//! Every `poll_*` can be abandoned and called again: progress is kept in the connection, never in
//! a future. So a caller may leave the runtime at any moment, run something else, and come back.
//!
//! **Forks.** A connection remembers the process that made it. In any other process it must not be
//! used ([`Connection::is_ours`]), and dropping it there closes the copied descriptor and nothing
//! else: parent and child share one epoll set, and a socket that a child drops in the usual way
//! would be taken out of its parent's set too. The owner ends it with shutdown(2), so that a forked
//! child which never touches Gearman does not keep it open.

use crate::error::{Error, Result};
use crate::net::address::{Address, ServerAddress};
use crate::net::fork::Process;
use crate::protocol::codec::{Decoded, decode};
use crate::protocol::packet::{Frame, HEADER, Magic};
use crate::protocol::write_buffer::WriteBuffer;
use bytes::{Buf, Bytes, BytesMut};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use std::fmt::Display;
use std::future::Future;
use std::io;
use std::mem::{forget, replace};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Room that a read is given at least: a page of small packets in one system call.
const READ: usize = 16 * 1024;
/// Largest step in which room for a large packet is made, so that the other side must send what it
/// announces before we take memory for it.
const STEP: usize = 4 << 20;
/// Larger packets have memory of their own, which goes with them.
const LARGE: usize = 128 * 1024;
/// A host that sends nothing for so long, though it was asked or has something to acknowledge, is dead. By the system's own
/// settings that would take two hours, or a quarter of an hour where something was sent.
///
/// The system takes a host for dead as well that acknowledges but has had no room for so long: its program is stopped,
/// or hangs, and more was sent than fits between. No weaker option makes the system give up on what is not acknowledged.
const DEAD: Duration = Duration::from_secs(120);
/// Silence after which the system asks whether the other side is still there, and between further questions.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A packet that was taken off a connection. Its body owns no more than the packet's own bytes
/// and those of packets read together with it.
#[derive(Clone, Debug)]
pub struct Packet {
    magic: Magic,
    number: u32,
    body: Bytes,
}

impl Packet {
    /// As the protocol's functions want it.
    pub fn frame(&self) -> Frame<'_> {
        Frame { magic: self.magic, number: self.number, body: &self.body }
    }

    /// `part` of this packet's frame, without a copy.
    pub fn keep(&self, part: &[u8]) -> Bytes {
        self.body.slice_ref(part)
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// After [`Connection`] gave it up.
    Closed,
}

/// A connection, being made or made.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// The process that made it.
    process: Process,
    /// For messages.
    server: String,
    connected: bool,
    read_buffer: BytesMut,
    write_buffer: WriteBuffer,
    /// Largest packet body to accept.
    limit: usize,
}

impl Connection {
    /// Begins to connect and does not wait for it: [`Connection::poll_connected`] does. Must be
    /// called inside a tokio runtime. Packets with a body above `limit` bytes are refused.
    ///
    /// # Errors
    /// [`Error::Connect`] where the system refuses at once.
    pub fn open(server: &ServerAddress, address: &Address, limit: usize) -> Result<Connection> {
        let name = server.to_string();
        let failed = |e: io::Error| Error::Connect { server: name.clone(), reason: reason(&e) };
        let (stream, connected) = begin(address).map_err(failed)?;
        Ok(Connection {
            stream,
            process: Process::this(),
            server: server.to_string(),
            connected,
            read_buffer: BytesMut::new(),
            write_buffer: WriteBuffer::new(),
            limit,
        })
    }

    /// Was it made by this process? Any other must drop it unused.
    pub fn is_ours(&self) -> bool {
        self.process == Process::this()
    }

    /// Host and port, or path, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Ready when the connection stands.
    ///
    /// # Errors
    /// [`Error::Connect`] with the system's reason.
    pub fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.connected {
            return Poll::Ready(Ok(()));
        }
        let failed = |e: io::Error| Error::Connect { server: self.server.clone(), reason: reason(&e) };
        let state = match &self.stream {
            Stream::Tcp(s) => ready!(s.poll_write_ready(cx)).and_then(|()| s.take_error()),
            Stream::Unix(s) => ready!(s.poll_write_ready(cx)).and_then(|()| s.take_error()),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        };
        if let Some(error) = state.map_err(failed)? {
            return Poll::Ready(Err(failed(error)));
        }
        self.connected = true;
        Poll::Ready(Ok(()))
    }

    /// Where requests are appended; [`Connection::poll_flush`] sends them.
    pub fn write_buffer(&mut self) -> &mut WriteBuffer {
        &mut self.write_buffer
    }

    /// Does something wait to be written?
    pub fn has_output(&self) -> bool {
        !self.write_buffer.is_empty()
    }

    /// Writes what the socket takes; ready when nothing is left.
    ///
    /// # Errors
    /// [`Error::Lost`] with the system's reason.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.write_buffer.has_remaining() {
            match ready!(self.stream.poll_write(cx, &mut self.write_buffer)) {
                Ok(0) => return Poll::Ready(Err(self.lost("the socket takes no more"))),
                Ok(_) => {}
                Err(e) => return Poll::Ready(Err(self.lost(reason(&e)))),
            }
        }
        self.write_buffer.shrink();
        Poll::Ready(Ok(()))
    }

    /// Writes what the socket takes right now. False: something is left for [`Connection::poll_flush`].
    ///
    /// # Errors
    /// As [`Connection::poll_flush`].
    pub fn try_flush(&mut self) -> Result<bool> {
        match self.poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// The next packet.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ended, [`Error::Protocol`] and [`Error::TooLarge`] for what cannot be
    /// understood. After any of them the connection is of no more use.
    pub fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet>> {
        loop {
            let want = match decode(&self.read_buffer, self.limit) {
                Ok(Decoded::Partial(want)) => want,
                Ok(Decoded::Frame(Frame { magic, number, .. }, size)) => {
                    let mut packet = self.read_buffer.split_to(size);
                    packet.advance(HEADER);
                    if size > LARGE {
                        // What follows it would keep its memory, and read into it again, for ever.
                        self.read_buffer = BytesMut::from(&self.read_buffer[..]);
                    }
                    return Poll::Ready(Ok(Packet { magic, number, body: packet.freeze() }));
                }
                Err(error) => return Poll::Ready(Err(self.at_this_server(error))),
            };
            let room = want.saturating_sub(self.read_buffer.len()).clamp(READ, STEP);
            self.read_buffer.reserve(room);
            match ready!(self.stream.poll_read(cx, &mut self.read_buffer)) {
                Ok(0) => return Poll::Ready(Err(self.closed())),
                Ok(_) => {}
                Err(e) => return Poll::Ready(Err(self.lost(reason(&e)))),
            }
        }
    }

    /// Packets with a body above `limit` bytes are refused from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Gives memory back that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.read_buffer.is_empty() {
            self.read_buffer = BytesMut::new();
        }
        self.write_buffer.shrink();
    }

    /// Has the other side closed an idle connection, or sent something unasked? One recv(2) that does
    /// not wait. To be asked before a connection is used again after a pause.
    pub fn is_stale(&self) -> bool {
        self.has_input() || self.peek().is_none_or(|n| n > 0)
    }

    /// Has the other side closed the connection, and was all read that it had sent? One recv(2).
    pub fn has_ended(&self) -> bool {
        !self.has_input() && self.peek().is_none()
    }

    /// Is something of what was read not taken yet?
    pub fn has_input(&self) -> bool {
        !self.read_buffer.is_empty()
    }

    /// How many bytes can be read right now, 1 for any number; `None` at the end of the stream.
    fn peek(&self) -> Option<usize> {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let peeked = match &self.stream {
            Stream::Tcp(s) => SockRef::from(s).peek(&mut byte),
            Stream::Unix(s) => SockRef::from(s).peek(&mut byte),
            Stream::Closed => return None,
        };
        match peeked {
            Ok(n) => Some(n).filter(|n| *n > 0),
            Err(e) => (e.kind() == io::ErrorKind::WouldBlock).then_some(0),
        }
    }

    /// The socket's number, for event loops that want to wait for it.
    pub fn fd(&self) -> Option<RawFd> {
        self.stream.fd()
    }

    /// An [`Error::Lost`] of this connection.
    pub fn lost(&self, reason: impl Display) -> Error {
        Error::lost(&self.server, reason)
    }

    fn closed(&self) -> Error {
        match self.read_buffer.len() {
            0 => self.lost("the server closed the connection"),
            n => self.lost(format_args!("the server closed the connection in the middle of a packet, after {n} bytes")),
        }
    }

    /// A protocol error means nothing to a user without the name of who made it.
    pub fn at_this_server(&self, error: Error) -> Error {
        error.at(&self.server)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_ours() {
            self.stream.shutdown();
        } else {
            let stream = replace(&mut self.stream, Stream::Closed);
            if let Some(fd) = stream.fd() {
                // Not dropped: see "Forks" above.
                forget(stream);
                let _ = nix::unistd::close(fd);
            }
        }
    }
}

/// In a process without standard descriptors a socket would become one of them, and what is printed would go to the
/// server.
fn above_stdio(socket: Socket) -> io::Result<Socket> {
    match socket.as_raw_fd() {
        // The copy has a number from 3 on: std sees to that for the same reason.
        0..=2 => Ok(OwnedFd::from(socket).try_clone()?.into()),
        _ => Ok(socket),
    }
}

/// The socket's options are set before it connects, so that they hold from the first packet on.
fn begin(address: &Address) -> io::Result<(Stream, bool)> {
    let (target, domain) = match address {
        Address::Tcp(a) => (SockAddr::from(*a), Domain::for_address(*a)),
        Address::Unix(path) => (SockAddr::unix(path)?, Domain::UNIX),
    };
    let socket = above_stdio(Socket::new(domain, Type::STREAM.nonblocking(), None)?)?;
    if domain != Domain::UNIX {
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL))?;
        // Also the end of unanswered questions, whatever their number.
        socket.set_tcp_user_timeout(Some(DEAD))?;
    }
    let connected = match socket.connect(&target) {
        Ok(()) => true,
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => false,
        Err(e) => return Err(e),
    };
    let stream = match domain {
        Domain::UNIX => Stream::Unix(UnixStream::from_std(socket.into())?),
        _ => Stream::Tcp(TcpStream::from_std(socket.into())?),
    };
    Ok((stream, connected))
}

/// The system's text without Rust's "(os error N)".
fn reason(e: &io::Error) -> String {
    let text = e.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_string()
}

/// One piece is written by send(2), without the list of pieces, room for 64, that tokio makes for each writev(2).
fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    write_buffer: &mut WriteBuffer,
) -> Poll<io::Result<usize>> {
    let Some(single) = write_buffer.single() else { return pin!(stream.write_buf(write_buffer)).poll(cx) };
    let n = ready!(Pin::new(stream).poll_write(cx, single))?;
    write_buffer.advance(n);
    Poll::Ready(Ok(n))
}

impl Stream {
    // Futures made and polled once: tokio's calls advance the buffer by exactly what went
    // over the wire, and `read_buf` notes after a short read that the socket is drained, which saves
    // a recv(2) that ends in EAGAIN for every answer.

    fn poll_write(&mut self, cx: &mut Context<'_>, write_buffer: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(s) => write(s, cx, write_buffer),
            Stream::Unix(s) => write(s, cx, write_buffer),
            Stream::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Appends to `read_buffer` what has arrived, at most its spare room.
    fn poll_read(&mut self, cx: &mut Context<'_>, read_buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(s) => pin!(s.read_buf(read_buffer)).poll(cx),
            Stream::Unix(s) => pin!(s.read_buf(read_buffer)).poll(cx),
            Stream::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn shutdown(&self) {
        // It may be closed by the other side already; then there is nothing to end.
        let _ = match self {
            Stream::Tcp(s) => SockRef::from(s).shutdown(std::net::Shutdown::Both),
            Stream::Unix(s) => SockRef::from(s).shutdown(std::net::Shutdown::Both),
            Stream::Closed => Ok(()),
        };
    }

    fn fd(&self) -> Option<RawFd> {
        match self {
            Stream::Tcp(s) => Some(s.as_raw_fd()),
            Stream::Unix(s) => Some(s.as_raw_fd()),
            Stream::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_vanishes_is_noticed_whether_or_not_something_was_sent() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = ServerAddress::new("127.0.0.1", address.port().into()).unwrap();
        let connection = Connection::open(&server, &Address::Tcp(address), 0).unwrap();
        let Stream::Tcp(stream) = &connection.stream else { unreachable!() };
        let socket = SockRef::from(stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(DEAD));
    }
}
