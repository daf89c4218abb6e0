//! One connection: bytes become packets and lines, which are done in turns. All turns that one look at
//! the sockets brings are a round; what a round has to say leaves in one write for each connection that
//! it speaks to. With `server.rs` the only place that knows what kind of stream there is.
//!
//! All connections of a thread read into one buffer, and only a packet that is not complete is kept with
//! its connection. So an idle connection has no buffer at all, and a packet that is larger than the shared
//! buffer is read into memory of its own, which then is the job's.
//!
//! The state is locked for a look and for a turn; reading and writing are done without the lock.

use crate::config::Keepalive;
use crate::dispatch::dispatch;
use crate::mail::Parcel;
use crate::server::{Shared, State, keepalive};
use crate::text;
use bytes::{Buf, BufMut, Bytes};
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::write_buffer::WriteBuffer;
use socket2::SockRef;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, MutexGuard};
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
    /// Writes what the socket takes now.
    fn write(&self, bytes: &mut WriteBuffer) -> io::Result<()> {
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
                        // The socket is full; asking it again would only make it say so.
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
            Writer::Tcp(half) => half.try_write(bytes),
            Writer::Unix(half) => half.try_write(bytes),
        }
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Writer::Tcp(half) => half.try_write_vectored(pieces),
            Writer::Unix(half) => half.try_write_vectored(pieces),
        }
    }

    /// The other side is noticed soon when it is dead.
    fn watch(&self, how: Watch, probe: &Keepalive) -> io::Result<()> {
        let Writer::Tcp(half) = self else { return Ok(()) };
        let reached = (how == Watch::Reached).then_some(REACHED);
        SockRef::from(half.as_ref()).set_tcp_user_timeout(reached)?;
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
    pub(crate) writer: Arc<Writer>,
    /// Its task.
    pub(crate) waker: Option<Waker>,
    /// Its task waits until all is written that may be.
    pub(crate) full: bool,
    /// See [`Writer::watch`].
    pub(crate) watched: Option<Watch>,
    /// It is to be closed, and why.
    pub(crate) closing: Option<String>,
    pub(crate) task: Option<tokio::task::AbortHandle>,
}

impl Connection {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

thread_local! {
    /// What all connections of a thread read into.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Serves a connection to its end.
pub(crate) async fn serve(shared: Shared, peer: u32, reader: Reader, writer: Arc<Writer>) {
    let mut task = Task { shared: shared.clone(), peer, reader, writer, input: Input::default() };
    let reason = std::future::poll_fn(|cx| SHARED.with_borrow_mut(|scratch| task.poll(cx, scratch))).await;
    shared.end_round(); // it may have been told why
    shared.turn(|state| {
        tracing::info!("connection closed: {reason}");
        state.leave(peer);
        state.release(peer);
    });
}

/// One connection at work.
struct Task {
    shared: Shared,
    peer: u32,
    reader: Reader,
    writer: Arc<Writer>,
    input: Input,
}

/// What waits for a peer.
struct Waiting {
    bytes: usize,
    /// Some of it may be written, and nobody else does.
    writable: bool,
}

impl Task {
    /// Goes on with one connection, until it is over.
    fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<String> {
        for _ in 0..TURNS {
            let waiting = match self.shared.lock().look(cx, self.peer, &self.input) {
                Ok(waiting) => waiting,
                Err(reason) => return Poll::Ready(reason),
            };
            if waiting.writable {
                match self.writer.poll_write_ready(cx) {
                    Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                    Poll::Ready(Ok(())) => {
                        self.shared.write(self.peer);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if self.input.ended && waiting.bytes == 0 {
                return Poll::Ready("by the peer".into());
            }
            if self.input.must_wait(waiting.bytes) {
                return Poll::Pending;
            }
            if let Err(reason) = ready!(self.read(cx, scratch, waiting.bytes)) {
                return Poll::Ready(reason);
            }
        }
        // Others first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once, and does what that asks for; ends with the reason why the connection is over.
    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8], waiting: usize) -> Poll<Result<(), String>> {
        let peer = self.peer;
        let n = if self.input.stalled { None } else { Some(ready!(self.input.read(cx, &mut self.reader, scratch))) };
        match n {
            Some(Err(error)) => return Poll::Ready(Err(error.to_string())),
            Some(Ok(0)) => {
                let half = if self.input.partial.is_empty() { "" } else { ", in the middle of a packet" };
                if waiting == 0 {
                    return Poll::Ready(Err(format!("by the peer{half}")));
                }
                // What it asked for before it stopped sending is answered; it is nobody's client or
                // worker any more.
                self.input.ended = true;
                self.shared.turn(|state| state.leave(peer));
            }
            Some(Ok(_)) if self.input.grows() => {}
            n => {
                let n = n.and_then(Result::ok).unwrap_or_default();
                return Poll::Ready(self.shared.turn(|state| state.hear(peer, &mut self.input, scratch, n)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What a connection sent that is not a whole packet or line yet.
#[derive(Debug, Default)]
struct Input {
    partial: Vec<u8>,
    /// The whole packet, where that is known, else 0.
    need: usize,
    /// `partial` holds whole packets too: they are heard when the peer has read its answers.
    stalled: bool,
    /// The peer will send no more.
    ended: bool,
}

impl Input {
    /// The peer has to read first: so many bytes wait for it.
    fn must_wait(&self, waiting: usize) -> bool {
        self.ended || waiting > HEARD || (self.stalled && waiting > 0)
    }

    /// There is more to read of a large packet.
    fn grows(&self) -> bool {
        self.need > SCRATCH && self.partial.len() < self.need
    }

    /// Reads what there is: behind what is kept of a packet, in the shared buffer where that fits.
    fn read(&mut self, cx: &mut Context<'_>, reader: &mut Reader, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let kept = self.partial.len();
        if self.need <= SCRATCH {
            let mut buffer = ReadBuf::new(&mut scratch[kept..]);
            ready!(reader.poll_read(cx, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        // Never more than was sent until now, so that a length alone costs nothing.
        if kept == self.partial.capacity() {
            self.partial.reserve_exact((self.need - kept).min(kept.max(SCRATCH)));
        }
        let room = (self.partial.capacity() - kept).min(self.need - kept);
        reader.poll_read_buf(cx, &mut (&mut self.partial).limit(room))
    }
}

/// Ends the rounds of one thread. It is woken by the first turn of each, behind the tasks of all connections that
/// had something to read then.
pub(crate) async fn rounds(shared: Shared) {
    loop {
        shared.round.notified().await;
        shared.end_round();
    }
}

impl Shared {
    /// One turn: something is done with the state. All turns that one look at the sockets brings are a round, at the
    /// end of which everyone who was spoken to hears it.
    pub(crate) fn turn<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let done = what(&mut self.lock());
        self.round.notify_one();
        done
    }

    fn end_round(&self) {
        let mut state = self.lock();
        state.match_up();
        state.after_round();
        self.deliver(state);
    }

    /// Writes what waits for one peer.
    fn write(&self, peer: u32) {
        let mut state = self.lock();
        state.mail.touch(peer);
        self.deliver(state);
    }

    fn deliver<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        while let Some((mut parcel, writer)) = state.next_parcel() {
            drop(state);
            let written = writer.write(&mut parcel.bytes);
            state = self.lock();
            state.sent(parcel, written);
        }
    }
}

impl State {
    fn match_up(&mut self) {
        let now = self.turn;
        self.store.match_up(&now, &mut self.mail);
    }

    /// What waits for a peer; or why its connection is over. From now on its task is woken when that changes.
    fn look(&mut self, cx: &Context<'_>, peer: u32, input: &Input) -> Result<Waiting, String> {
        let waiting = Waiting { bytes: self.mail.waiting(peer), writable: self.mail.writable(peer) };
        let connection = self.connection(peer).ok_or("it is gone")?;
        if let Some(reason) = connection.closing.take() {
            return Err(reason);
        }
        connection.full = input.must_wait(waiting.bytes);
        match &mut connection.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Ok(waiting)
    }

    /// Something is to be sent to this connection, which may be a job that it did not ask for.
    fn watch(&mut self, peer: u32) {
        let Some(worker) = self.store.peers.get(peer).filter(|worker| worker.direct) else { return };
        let probe = self.config.keepalive.unwrap_or_default();
        let how = if worker.running.len() > 1 { Watch::Alive } else { Watch::Reached };
        // Who has asked in advance once will do so again.
        if let Some(connection) = self.connection(peer).filter(|c| c.watched < Some(how)) {
            connection.watched = Some(how);
            if let Err(error) = connection.writer.watch(how, &probe) {
                tracing::warn!("a worker that dies may keep its job for long: {error}");
            }
        }
    }

    /// Everything that one read of `n` bytes brought.
    fn hear(&mut self, peer: u32, input: &mut Input, scratch: &mut [u8], n: usize) -> Result<(), String> {
        let now = self.begin_turn();
        if input.need > SCRATCH {
            input.need = 0;
            let packet = Bytes::from(std::mem::take(&mut input.partial));
            if let Ok(Decoded::Frame(frame, _)) = decode(&packet, self.config.max_packet) {
                dispatch(&mut self.store, &now, peer, &frame, Some(&packet), &mut self.mail);
            }
            return Ok(());
        }
        let kept = input.partial.len();
        scratch[..kept].copy_from_slice(&input.partial);
        let mut rest = &scratch[..kept + n];
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
                self.store.answer(&now, peer, &mut self.mail);
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

    /// What is to be written next, and where to.
    fn next_parcel(&mut self) -> Option<(Parcel, Arc<Writer>)> {
        while let Some(peer) = self.mail.next_dirty() {
            self.watch(peer);
            if self.mail.overflowed(peer) {
                let limit = self.config.max_backlog;
                self.close(peer, format!("it does not read, and more than {limit} bytes wait for it"));
            } else if let Some(connection) = self.connections.get(peer as usize).and_then(Option::as_ref)
                && let Some(parcel) = self.mail.parcel(peer)
            {
                return Some((parcel, connection.writer.clone()));
            }
        }
        None
    }

    /// A parcel was written as far as the socket took it.
    fn sent(&mut self, parcel: Parcel, written: io::Result<()>) {
        let (peer, rest) = (parcel.peer, !parcel.bytes.is_empty());
        if !self.mail.sent(parcel) {
            return;
        }
        match written {
            Err(error) => self.close(peer, error.to_string()),
            // Its task waits for a socket that is full, or for the peer to have read.
            Ok(()) => self.connection(peer).filter(|c| rest || c.full).map_or((), |c| c.wake()),
        }
        self.look_for_the_end();
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
        writer.watch(Watch::Reached, &Keepalive::default()).unwrap();
        let Writer::Tcp(half) = &writer else { unreachable!() };
        let socket = SockRef::from(half.as_ref());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(REACHED));
        assert!(socket.keepalive().unwrap());
        writer.watch(Watch::Alive, &Keepalive::default()).unwrap();
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
        assert!(socket.keepalive().unwrap());
    }
}
