//! A stream of bytes to a server: the only file with sockets. Which kinds there are (TCP, Unix, TLS over TCP) is known here alone.
//!
//! Owns the socket and its options, whether it is connected yet, and which process made it. Must never know a packet, nor for
//! whom the bytes are.
//!
//! What holds for every kind, also for one that encrypts:
//! - it is ready when bytes can be exchanged: after all that both sides have to agree on before;
//! - reading is pending only when nothing is left to be had, neither in the socket nor here;
//! - bytes leave the write buffer once the socket has taken them, so it is empty only when all is written;
//! - what comes for the stream's own use is no input: it is neither read nor seen by [`Stream::look`].
//!
//! **Forks.** A stream remembers the process that made it. In any other process it must not be used ([`Stream::is_ours`]), and
//! dropping it there closes the copied descriptor and nothing else: nothing is sent, and the socket stays in the epoll set that
//! parent and child share, from which a socket that is dropped in the usual way would be taken for the parent too. The owner
//! ends it with shutdown(2), so that a forked child which never touches Gearman does not keep it open; before that it ends a TLS
//! session, which nobody else may.

use crate::net::address::Address;
use crate::net::fork::Process;
pub(crate) use crate::net::session::Look;
use crate::net::session::Session;
use crate::net::watch::{Place, Set, Wants};
use crate::protocol::write_buffer::WriteBuffer;
use bytes::{Buf, BytesMut};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use std::future::Future;
use std::io::{self, Read, Write};
use std::mem::{MaybeUninit, forget, replace};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep};

/// A host that sends nothing for so long, though it was asked or has something to acknowledge, is dead. By the system's own
/// settings that would take two hours, or a quarter of an hour where something was sent.
///
/// The system takes a host for dead as well that acknowledges but has had no room for so long: its program is stopped,
/// or hangs, and more was sent than fits between. No weaker option makes the system give up on what is not acknowledged.
const DEAD: Duration = Duration::from_secs(120);
/// Silence after which the system asks whether the other side is still there, and between further questions.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Between two tries to get into the queue of a unix socket that is full.
const PAUSE: Duration = Duration::from_millis(10);

/// A stream, being connected or connected.
#[derive(Debug)]
pub(crate) struct Stream {
    kind: Kind,
    /// The socket is connected.
    connected: bool,
    /// The process that made it.
    process: Process,
    /// Where an event loop watches it.
    place: Option<Place>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(TcpStream, Box<Session>),
    /// Not in the queue of its unix socket yet.
    Outside(Box<Outside>),
    /// Left to the process that made it.
    Abandoned,
}

impl Stream {
    /// Begins to connect and does not wait for it: [`Stream::poll_ready`] does. Must be called inside a tokio runtime. The
    /// socket's options are set before it connects, so that they hold from the first packet on. With a session it is TLS.
    pub(crate) fn open(address: &Address, session: Option<Session>) -> io::Result<Stream> {
        let (kind, connected) = match address {
            Address::Tcp(address) => {
                let (socket, connected) = begin_tcp(*address)?;
                match session {
                    None => (Kind::Tcp(socket), connected),
                    Some(session) => (Kind::Tls(socket, session.into()), connected),
                }
            }
            Address::Unix(path) => {
                let server = SockAddr::unix(path)?;
                match connect_unix(&server)? {
                    Some(socket) => (Kind::Unix(socket), true),
                    None => (Kind::Outside(Box::new(Outside { server, pause: Box::pin(sleep(PAUSE)) })), false),
                }
            }
        };
        Ok(Stream { kind, connected, process: Process::this(), place: None })
    }

    /// Was it made by this process? Any other must drop it unused.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == Process::this()
    }

    /// Ready when bytes can be exchanged.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.connected {
            match &mut self.kind {
                Kind::Tcp(s) | Kind::Tls(s, _) => {
                    if let Some(e) = ready!(s.poll_write_ready(cx)).and_then(|()| s.take_error())? {
                        return Poll::Ready(Err(e));
                    }
                }
                Kind::Outside(outside) => self.kind = Kind::Unix(ready!(outside.poll_connect(cx))?),
                Kind::Unix(_) => {}
                Kind::Abandoned => return Poll::Ready(Err(not_ours())),
            }
            self.connected = true;
        }
        match &mut self.kind {
            Kind::Tls(socket, session) => session.poll_ready(socket, cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// When a try to be ready goes on though its socket tells nothing.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Outside(outside) => Some(outside.pause.deadline()),
            _ => None,
        }
    }

    /// Is it connected, and something else has to be agreed on before it is ready?
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(&self.kind, Kind::Tls(_, session) if self.connected && session.is_handshaking())
    }

    /// Was it made with files that were changed since? Only TLS has any.
    pub(crate) fn is_of_other_files(&self) -> bool {
        matches!(&self.kind, Kind::Tls(_, session) if session.is_of_other_files())
    }

    // Futures made and polled once: tokio's calls advance the buffer by exactly what went over the wire, and `read_buf` notes
    // after a short read that the socket is drained, which saves a recv(2) that ends in EAGAIN for every answer.

    /// Appends to `read_buffer` what has arrived. `Ok(0)`: the other side has closed.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, read_buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Tcp(s) => pin!(s.read_buf(read_buffer)).poll(cx),
            Kind::Unix(s) => pin!(s.read_buf(read_buffer)).poll(cx),
            Kind::Tls(s, session) => session.poll_read(s, cx, read_buffer),
            Kind::Outside(_) | Kind::Abandoned => Poll::Ready(Err(not_ours())),
        }
    }

    /// Writes what the socket takes; ready when nothing is left.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, write_buffer: &mut WriteBuffer) -> Poll<io::Result<()>> {
        while write_buffer.has_remaining() {
            let written = match &mut self.kind {
                Kind::Tcp(s) => ready!(write(s, cx, write_buffer))?,
                Kind::Unix(s) => ready!(write(s, cx, write_buffer))?,
                Kind::Tls(s, session) => {
                    let written = ready!(session.poll_write(s, cx, write_buffer));
                    return Poll::Ready(written.map_err(|e| self.reason(e)));
                }
                Kind::Outside(_) | Kind::Abandoned => return Poll::Ready(Err(not_ours())),
            };
            if written == 0 {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "the socket takes no more")));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Why nothing more can be written: who refuses us says so before it closes, which is then seen first.
    fn reason(&mut self, e: io::Error) -> io::Error {
        match (self.look(), &self.kind) {
            (_, Kind::Tls(_, session)) => session.failure().unwrap_or(e),
            _ => e,
        }
    }

    /// What there is to read, without taking it. One recv(2) that does not wait, or, where it brings what is no input, some.
    pub(crate) fn look(&mut self) -> Look {
        if let Kind::Tls(socket, session) = &mut self.kind {
            let socket = SockRef::from(&*socket);
            return session.look(|room| (&*socket).read(room));
        }
        self.peek()
    }

    /// A look at the socket's own bytes.
    fn peek(&self) -> Look {
        let Some(socket) = self.socket() else { return Look::End };
        match socket.peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Look::End,
            Ok(_) => Look::Input,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Look::Nothing,
            Err(_) => Look::End,
        }
    }

    /// What has come of a try to be ready: nothing, something to go on with, or the end. Asks the system, which knows it before
    /// the runtime has run.
    pub(crate) fn look_at_try(&self) -> Look {
        if let Kind::Outside(_) = self.kind {
            return Look::Nothing;
        }
        let Some(socket) = self.socket() else { return Look::End };
        let awaited = if self.connected { PollFlags::POLLIN } else { PollFlags::POLLOUT };
        let mut looked = [PollFd::new(socket.as_fd(), awaited)];
        let seen =
            poll(&mut looked, PollTimeout::ZERO).ok().and_then(|_| looked[0].revents()).unwrap_or(PollFlags::empty());
        match seen {
            _ if seen.is_empty() => Look::Nothing,
            _ if seen.contains(PollFlags::POLLERR) => Look::Input, // a peek would take the reason away
            _ if self.peek() == Look::End => Look::End,
            _ => Look::Input,
        }
    }

    /// Gives memory back that an idle stream does not need.
    pub(crate) fn shrink(&mut self) {
        if let Kind::Tls(_, session) = &mut self.kind {
            session.shrink();
        }
    }

    /// Has the set ready when what the stream waits for is there: first that it is connected, then what is given.
    pub(crate) fn watch(&mut self, set: &Set, then: Wants) -> io::Result<()> {
        let wants = match &self.kind {
            _ if !self.connected => Wants { read: false, write: true },
            Kind::Tls(_, session) if session.is_handshaking() => Wants { read: true, write: session.wants_write() },
            _ => then,
        };
        let place = self.place.take();
        let put = self.socket().map(|socket| set.put(&*socket, place, wants));
        self.place = put.transpose()?.flatten();
        Ok(())
    }

    /// Nobody watches it any more.
    pub(crate) fn unwatch(&mut self) {
        if let (Some(place), Some(socket)) = (self.place.take(), self.socket()) {
            place.leave(&*socket);
        }
    }

    /// The socket's number.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        self.socket().map(|s| s.as_raw_fd())
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        match &self.kind {
            Kind::Tcp(s) | Kind::Tls(s, _) => Some(SockRef::from(s)),
            Kind::Unix(s) => Some(SockRef::from(s)),
            Kind::Outside(_) | Kind::Abandoned => None,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let fd = self.fd();
        if self.is_ours() {
            self.unwatch();
            if let Kind::Tls(socket, session) = &mut self.kind {
                session.close(&mut Quietly(SockRef::from(&*socket)));
            }
            // The other side may have closed it already; then there is nothing to end.
            let _ = self.socket().map(|s| s.shutdown(Shutdown::Both));
        } else {
            // Not dropped: see "Forks" above. What belongs to this process alone is.
            match replace(&mut self.kind, Kind::Abandoned) {
                Kind::Tls(socket, _session) => forget(socket),
                other => forget(other),
            }
            let _ = fd.map(nix::unistd::close);
        }
    }
}

/// A unix socket has a queue of connections that its server has yet to accept. Where that is full the system does not wait for room, as
/// with TCP, and does not tell when there is some.
#[derive(Debug)]
struct Outside {
    server: SockAddr,
    /// Until the next try.
    pause: Pin<Box<Sleep>>,
}

impl Outside {
    /// Ready when there was room.
    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        loop {
            // By the clock: nobody may have looked after the timers for long.
            if self.pause.deadline() <= Instant::now() {
                if let Some(socket) = connect_unix(&self.server)? {
                    return Poll::Ready(Ok(socket));
                }
                self.pause.as_mut().reset(Instant::now() + PAUSE);
            }
            ready!(self.pause.as_mut().poll(cx));
        }
    }
}

/// A socket that connects, and whether it has done so already.
fn begin_tcp(address: SocketAddr) -> io::Result<(TcpStream, bool)> {
    let socket = above_stdio(Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL))?;
    // Also the end of unanswered questions, whatever their number.
    socket.set_tcp_user_timeout(Some(DEAD))?;
    let connected = match socket.connect(&address.into()) {
        Ok(()) => true,
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => false,
        Err(e) => return Err(e),
    };
    Ok((TcpStream::from_std(socket.into())?, connected))
}

/// A unix socket connects at once, unless there is no room: `None`.
fn connect_unix(server: &SockAddr) -> io::Result<Option<UnixStream>> {
    let socket = above_stdio(Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?)?;
    match socket.connect(server) {
        Ok(()) => UnixStream::from_std(socket.into()).map(Some),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

/// Writes without a signal where the other side is gone.
struct Quietly<'a>(SockRef<'a>);

impl Write for Quietly<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_with_flags(bytes, libc::MSG_NOSIGNAL)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn not_ours() -> io::Error {
    io::ErrorKind::NotConnected.into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::net::TcpListener;

    /// A stream and the other side's end of it.
    async fn connected() -> (Stream, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = Stream::open(&Address::Tcp(listener.local_addr().unwrap()), None).unwrap();
        poll_fn(|cx| stream.poll_ready(cx)).await.unwrap();
        (stream, listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn a_host_that_vanishes_is_noticed_whether_or_not_something_was_sent() {
        let (stream, _peer) = connected().await;
        let socket = stream.socket().unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(DEAD));
    }

    #[tokio::test]
    async fn a_look_takes_nothing() {
        let (mut stream, mut peer) = connected().await;
        assert_eq!(stream.look(), Look::Nothing);
        peer.write_all(b"bytes").unwrap();
        drop(peer);
        let mut read = BytesMut::new();
        assert_eq!((stream.look(), stream.look()), (Look::Input, Look::Input));
        assert_eq!(poll_fn(|cx| stream.poll_read(cx, &mut read)).await.unwrap(), 5);
        assert_eq!((&read[..], stream.look()), (&b"bytes"[..], Look::End));
        assert_eq!(poll_fn(|cx| stream.poll_read(cx, &mut read)).await.unwrap(), 0);
    }
}
