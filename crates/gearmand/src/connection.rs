//! One connection: bytes become packets and lines, which are done in turns; what a turn has to say
//! leaves in one write for each connection that it speaks to. With `server.rs` the only place that
//! knows what kind of stream there is.
//!
//! All connections read into one buffer, and only a packet that is not complete is kept with its
//! connection. So an idle connection has no buffer at all, and a packet that is larger than the shared
//! buffer is read into memory of its own, which then is the job's.

use crate::config::Keepalive;
use crate::dispatch::dispatch;
use crate::server::{Shared, State, keepalive};
use crate::text;
use bytes::{BufMut, Bytes};
use gearman_core::codec::{Decoded, decode};
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::{tcp, unix};

/// Size of the buffer that all connections read into.
pub(crate) const SCRATCH: usize = 64 * 1024;
/// Turns of one connection before others have theirs.
const TURNS: usize = 4;
/// A peer for whom so much waits has to read before it is heard again.
const HEARD: usize = 1024 * 1024;
/// What a worker is sent that gets jobs in its sleep must reach it within this time, or the connection ends and
/// the job goes back. Else the system would try for a quarter of an hour.
const REACHED: Duration = Duration::from_secs(10);
/// Pieces of one write.
const PIECES: usize = 64;

/// Where a connection's bytes come from.
#[derive(Debug)]
pub(crate) enum Reader {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// Where they go. In the hands of the server, so that whoever has something to say says it at once.
#[derive(Debug)]
pub(crate) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Reader {
    /// As [`AsyncRead`], which sees by itself when a socket is drained: a `try_read` would need one more
    /// call of the system to learn it.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Reader::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            Reader::Unix(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }

    /// Into memory that was never written to. The future keeps nothing from one poll to the next.
    fn poll_read_buf(&mut self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        match self {
            Reader::Tcp(half) => pin!(half.read_buf(buffer)).poll(cx),
            Reader::Unix(half) => pin!(half.read_buf(buffer)).poll(cx),
        }
    }
}

impl Writer {
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Writer::Tcp(half) => half.try_write_vectored(pieces),
            Writer::Unix(half) => half.try_write_vectored(pieces),
        }
    }

    /// The other side is noticed soon when it is dead.
    fn watch(&self, probe: &Keepalive) -> io::Result<()> {
        let Writer::Tcp(half) = self else { return Ok(()) };
        SockRef::from(half.as_ref()).set_tcp_user_timeout(Some(REACHED))?;
        keepalive(half.as_ref(), probe)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Writer::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Writer::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }
}

/// A connection as the server holds it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) writer: Writer,
    /// Its task, when it waits.
    pub(crate) waker: Option<Waker>,
    /// Its task waits until all is written that may be.
    pub(crate) full: bool,
    /// See [`Writer::watch`].
    pub(crate) watched: bool,
    /// It is to be closed, and why.
    pub(crate) closing: Option<String>,
    pub(crate) task: Option<tokio::task::AbortHandle>,
}

impl Connection {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What a connection sent that is not a whole packet or line yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    partial: Vec<u8>,
    /// The whole packet, where that is known, else 0.
    need: usize,
    /// `partial` holds whole packets too: they are heard when the peer has read its answers.
    stalled: bool,
    /// The peer will send no more.
    ended: bool,
}

/// Serves a connection to its end.
pub(crate) async fn serve(shared: Shared, peer: u32, mut reader: Reader) {
    let mut input = Input::default();
    let reason = std::future::poll_fn(|cx| shared.lock().poll(cx, peer, &mut reader, &mut input)).await;
    let mut state = shared.lock();
    tracing::info!("connection closed: {reason}");
    state.leave(peer);
    state.release(peer);
    state.flush();
}

impl State {
    /// Goes on with one connection, until it is over.
    fn poll(&mut self, cx: &mut Context<'_>, peer: u32, reader: &mut Reader, input: &mut Input) -> Poll<String> {
        for _ in 0..TURNS {
            if let Some(reason) = self.connection(peer).and_then(|c| c.closing.take()) {
                return Poll::Ready(reason);
            }
            if self.mail.writable(peer) > 0 {
                let Some(connection) = self.connection(peer) else { return Poll::Ready("it is gone".into()) };
                match connection.writer.poll_write_ready(cx) {
                    Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                    Poll::Ready(Ok(())) => {
                        self.write(peer);
                        if self.mail.writable(peer) > 0 {
                            continue;
                        }
                    }
                    Poll::Pending => {}
                }
            }
            let waiting = self.mail.waiting(peer);
            if input.ended && waiting == 0 {
                return Poll::Ready("by the peer".into());
            }
            if input.ended || waiting > HEARD || (input.stalled && waiting > 0) {
                self.wait(cx, peer, true);
                return Poll::Pending;
            }
            let read = if input.stalled { Poll::Ready(Ok(None)) } else { self.read(cx, reader, input).map_ok(Some) };
            match read {
                Poll::Pending => {
                    self.wait(cx, peer, false);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                Poll::Ready(Ok(Some(0))) => {
                    let half = if input.partial.is_empty() { "" } else { ", in the middle of a packet" };
                    if waiting == 0 {
                        return Poll::Ready(format!("by the peer{half}"));
                    }
                    // What it asked for before it stopped sending is answered; it is nobody's client or
                    // worker any more.
                    input.ended = true;
                    self.leave(peer);
                    self.flush();
                }
                Poll::Ready(Ok(n)) => {
                    let end = self.turn(peer, input, n.unwrap_or_default());
                    self.watch(peer);
                    self.flush();
                    if let Err(reason) = end {
                        return Poll::Ready(reason);
                    }
                }
            }
        }
        // Others first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn wait(&mut self, cx: &Context<'_>, peer: u32, full: bool) {
        if let Some(connection) = self.connection(peer) {
            connection.full = full;
            match &mut connection.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
    }

    /// Reads what there is: behind what is kept of a packet, in the shared buffer where that fits.
    fn read(&mut self, cx: &mut Context<'_>, reader: &mut Reader, input: &mut Input) -> Poll<io::Result<usize>> {
        let kept = input.partial.len();
        if input.need <= SCRATCH {
            let mut buffer = ReadBuf::new(&mut self.scratch[kept..]);
            ready!(reader.poll_read(cx, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        // Never more than was sent until now, so that a length alone costs nothing.
        if kept == input.partial.capacity() {
            input.partial.reserve_exact((input.need - kept).min(kept.max(SCRATCH)));
        }
        let room = (input.partial.capacity() - kept).min(input.need - kept);
        reader.poll_read_buf(cx, &mut (&mut input.partial).limit(room))
    }

    /// Jobs may be given to this connection without having been asked for each.
    fn watch(&mut self, peer: u32) {
        let probe = self.config.keepalive.unwrap_or_default();
        if !self.store.peers[peer].direct {
            return;
        }
        if let Some(connection) = self.connection(peer).filter(|c| !c.watched) {
            connection.watched = true;
            if let Err(error) = connection.writer.watch(&probe) {
                tracing::warn!("a worker that dies may keep its job for long: {error}");
            }
        }
    }

    /// One turn: everything that one read brought.
    fn turn(&mut self, peer: u32, input: &mut Input, n: usize) -> Result<(), String> {
        let now = self.begin_turn();
        if input.need > SCRATCH {
            if input.partial.len() < input.need {
                return Ok(());
            }
            input.need = 0;
            let packet = Bytes::from(std::mem::take(&mut input.partial));
            if let Ok(Decoded::Frame(frame, _)) = decode(&packet, self.config.max_packet) {
                dispatch(&mut self.store, &now, peer, &frame, Some(&packet), &mut self.mail);
            }
            return Ok(());
        }
        let kept = input.partial.len();
        self.scratch[..kept].copy_from_slice(&input.partial);
        let mut rest = &self.scratch[..kept + n];
        (input.need, input.stalled) = (0, false);
        while let Some(first) = rest.first() {
            if self.mail.waiting(peer) > HEARD {
                input.stalled = true;
                break;
            }
            if *first != 0 {
                let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                    if rest.len() > self.config.max_line {
                        return Err(format!("a text line of more than {} bytes", self.config.max_line));
                    }
                    break;
                };
                let (line, behind) = rest.split_at(end + 1);
                rest = behind;
                text::answer(&mut self.store, &self.about, &now, peer, line, &mut self.mail);
                continue;
            }
            match decode(rest, self.config.max_packet) {
                Ok(Decoded::Frame(frame, size)) => {
                    dispatch(&mut self.store, &now, peer, &frame, None, &mut self.mail);
                    rest = &rest[size..];
                }
                Ok(Decoded::Partial(need)) => {
                    input.need = need;
                    break;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        if rest.is_empty() {
            input.partial = Vec::new();
        } else {
            input.partial.clear();
            input.partial.extend_from_slice(rest);
        }
        Ok(())
    }

    pub(crate) fn connection(&mut self, peer: u32) -> Option<&mut Connection> {
        self.connections.get_mut(peer as usize)?.as_mut()
    }

    /// Ends a turn: everyone who was spoken to hears it.
    pub(crate) fn flush(&mut self) {
        while let Some(peer) = self.mail.next_dirty() {
            if self.mail.overflowed(peer) {
                let limit = self.config.max_backlog;
                self.close(peer, format!("it does not read, and more than {limit} bytes wait for it"));
            } else {
                self.write(peer);
            }
        }
        self.after_turn();
    }

    /// Writes what the socket takes now. Its task waits for the rest.
    fn write(&mut self, peer: u32) {
        let Some(connection) = self.connections.get_mut(peer as usize).and_then(Option::as_mut) else { return };
        loop {
            let limit = self.mail.writable(peer);
            let Some(outbox) = self.mail.outbox(peer).filter(|_| limit > 0) else {
                if connection.full {
                    connection.wake();
                }
                return;
            };
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n = outbox.pieces(limit, &mut pieces);
            let whole: usize = pieces[..n].iter().map(|p| p.len()).sum();
            match connection.writer.try_write(&pieces[..n]) {
                Ok(sent) => {
                    self.mail.sent(peer, sent);
                    if sent < whole {
                        // The socket is full; asking it again would only make it say so.
                        return connection.wake();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return connection.wake(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.close(peer, error.to_string()),
            }
        }
    }

    /// Closes a connection, by waking its task.
    fn close(&mut self, peer: u32, reason: String) {
        self.mail.close(peer);
        if let Some(connection) = self.connection(peer) {
            connection.closing.get_or_insert(reason);
            connection.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_gets_jobs_in_its_sleep_is_watched() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_, half) = stream.into_split();
        let writer = Writer::Tcp(half);
        writer.watch(&Keepalive::default()).unwrap();
        let Writer::Tcp(half) = &writer else { unreachable!() };
        let socket = SockRef::from(half.as_ref());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(REACHED));
        assert!(socket.keepalive().unwrap());
    }
}
