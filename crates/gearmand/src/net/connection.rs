//! One connection: its bytes become packets and lines of text, which are done one after the other under the lock.
//!
//! All connections of a thread read into one buffer, and only a packet that is not complete is kept with
//! its connection. So an idle connection has no buffer at all, and a packet that is larger than the shared
//! buffer is read into memory of its own, which then is the job's.
//!
//! The state is locked for a look and for what one read brought; reading and writing are done without the lock.

use crate::admin::listing::Listing;
use crate::admin::text;
use crate::broker::dispatch::dispatch;
use crate::net::stream::Stream;
use crate::shared::{Shared, State};
use bytes::{BufMut, Bytes};
use gearman_core::protocol::codec::{Decoded, decode};
use nix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::yield_now;

/// Size of the buffer that all connections read into.
pub(crate) const SCRATCH: usize = 64 * 1024;
/// Turns of one connection before others have theirs.
const READS: usize = 4;
/// What a TLS handshake begins with: the type of its record, and the version's first byte. No line does.
const TLS_HANDSHAKE: &[u8] = &[22, 3];
/// While more than this waits for the other side, nothing more is read from it.
const UNREAD: usize = 1024 * 1024;
/// How long such a turn lasts. Thousands of packets fit into a read, and some look through all functions, jobs that a worker has, or
/// clients that wait.
const SLICE: Duration = Duration::from_millis(5);
thread_local! {
    /// What all connections of a thread read into.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Serves a connection to its end.
pub(crate) async fn serve(shared: Shared, session: u32, stream: Arc<Stream>) {
    let mut task = Task { shared: shared.clone(), session, stream, input: Input::default() };
    let reason = std::future::poll_fn(|cx| SHARED.with_borrow_mut(|scratch| task.poll(cx, scratch))).await;
    // The reason may be on its way. The round goes on: it may bring the ends of others, too, and who has ended gets no job.
    shared.write(session);
    shared.with_state(|state| {
        tracing::info!("connection closed: {reason}");
        state.leave(session);
        state.release(session);
    });
}

/// The time, as it is had for a few nanoseconds: for each packet. Its steps are of four milliseconds at most.
fn clock() -> Duration {
    // Where there is no such clock, turns end by READS alone.
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(Duration::ZERO, Duration::from)
}

/// One connection at work.
struct Task {
    shared: Shared,
    session: u32,
    stream: Arc<Stream>,
    input: Input,
}

/// What waits for the other side.
struct Waiting {
    bytes: usize,
    /// Some of it may be written, and nobody else does.
    writable: bool,
    /// When it has that, the other side has no more use of this server.
    last: bool,
}

impl Task {
    /// Goes on with one connection, until it is over.
    fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<String> {
        let end = clock() + SLICE;
        for _ in 0..READS {
            let waiting = match self.shared.lock().look(cx, self.session, &self.input) {
                Ok(waiting) => waiting,
                Err(reason) => return Poll::Ready(reason),
            };
            if waiting.writable {
                match self.stream.poll_write_ready(cx) {
                    Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                    Poll::Ready(Ok(())) => {
                        self.shared.write(self.session);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if let Some(listing) = self.input.listing.take() {
                self.go_on(listing);
                continue;
            }
            if self.input.ended && waiting.bytes == 0 {
                return Poll::Ready("by the peer".into());
            }
            if self.input.must_wait(waiting.bytes) {
                return Poll::Pending;
            }
            match self.read(cx, scratch, waiting.bytes, end) {
                // Its time is over.
                Poll::Ready(Ok(())) if self.input.whole => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                // Only now, so that all that has come of it is answered.
                Poll::Pending if waiting.last && waiting.bytes == 0 && self.input.partial.is_empty() => {
                    return Poll::Ready("the server drains".into());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        // Others first, also those whose bytes are yet to be noticed: woken at once, it would have 60 turns before that.
        let _pending = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    /// One more page of a list: taken under the lock, and written down without it. Others are served between two pages.
    fn go_on(&mut self, mut listing: Box<Listing>) {
        let page = {
            let mut state = self.shared.lock();
            let now = state.read_clock();
            listing.page(&state.broker, &now)
        };
        if !listing.write(page) {
            self.input.listing = Some(listing);
            return;
        }
        self.shared.with_state(|state| state.outgoing.text(self.session, listing.into_text()));
    }

    /// Reads once, and does what that asks for until the turn's `end`; ends with the reason why the connection is over.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        waiting: usize,
        end: Duration,
    ) -> Poll<Result<(), String>> {
        let session = self.session;
        let n = if self.input.whole { None } else { Some(ready!(self.input.read(cx, &self.stream, scratch))) };
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
                self.shared.with_state(|state| state.leave(session));
            }
            Some(Ok(_)) if self.input.grows() => {}
            n => {
                let n = n.and_then(Result::ok).unwrap_or_default();
                return Poll::Ready(
                    self.shared.with_state(|state| state.receive(session, &mut self.input, scratch, n, end)),
                );
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
    /// `partial` may hold whole packets too: they are done, in the next turn, before more is read.
    whole: bool,
    /// But not before the other side has read its answers.
    stalled: bool,
    /// The answer to its last line, as far as it is written. What came after that line waits, so that answers keep the
    /// order of their questions.
    listing: Option<Box<Listing>>,
    /// The other side will send no more.
    ended: bool,
}

impl Input {
    /// The other side has to read first: so many bytes wait for it.
    fn must_wait(&self, waiting: usize) -> bool {
        self.ended || waiting > UNREAD || (self.stalled && waiting > 0)
    }

    /// There is more to read of a large packet.
    fn grows(&self) -> bool {
        self.need > SCRATCH && self.partial.len() < self.need
    }

    /// Reads what there is: after what is kept of a packet, in the shared buffer where that fits.
    fn read(&mut self, cx: &mut Context<'_>, stream: &Stream, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let kept = self.partial.len();
        if self.need <= SCRATCH {
            return stream.poll_read(cx, &mut &mut scratch[kept..]);
        }
        // Never more than was sent until now, so that a length alone costs nothing.
        if kept == self.partial.capacity() {
            self.partial.reserve_exact((self.need - kept).min(kept.max(SCRATCH)));
        }
        let room = (self.partial.capacity() - kept).min(self.need - kept);
        stream.poll_read(cx, &mut (&mut self.partial).limit(room))
    }
}

impl State {
    /// Why its connection is over, where it is to be closed.
    fn check_open(&mut self, session: u32) -> Result<(), String> {
        self.connection(session).and_then(|connection| connection.closing.take()).map_or(Ok(()), Err)
    }

    /// What waits for a connection; or why its connection is over. From now on its task is woken when that changes.
    fn look(&mut self, cx: &Context<'_>, session: u32, input: &Input) -> Result<Waiting, String> {
        let waiting = Waiting {
            bytes: self.outgoing.waiting(session),
            writable: self.outgoing.writable(session),
            last: self.broker.may_go(session),
        };
        self.check_open(session)?;
        let connection = self.connection(session).ok_or("it is gone")?;
        connection.full = input.must_wait(waiting.bytes);
        match &mut connection.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Ok(waiting)
    }

    /// What one read of `n` bytes brought, until the turn's `end`; nothing of it is done for a connection that was closed meanwhile.
    fn receive(
        &mut self,
        session: u32,
        input: &mut Input,
        scratch: &mut [u8],
        n: usize,
        end: Duration,
    ) -> Result<(), String> {
        self.check_open(session)?;
        let now = self.read_clock();
        if input.need > SCRATCH {
            input.need = 0;
            let packet = Bytes::from(std::mem::take(&mut input.partial));
            if let Ok(Decoded::Frame(frame, _)) = decode(&packet, self.config.max_packet) {
                self.bytes_received += packet.len() as u64;
                dispatch(&mut self.broker, &now, session, &frame, Some(&packet), &mut self.outgoing);
            }
            return Ok(());
        }
        let kept = input.partial.len();
        scratch[..kept].copy_from_slice(&input.partial);
        let mut rest = &scratch[..kept + n];
        (input.need, input.whole, input.stalled) = (0, false, false);
        while let Some(first) = rest.first() {
            if self.outgoing.waiting(session) > UNREAD {
                (input.whole, input.stalled) = (true, true);
                break;
            }
            if clock() > end {
                input.whole = true;
                break;
            }
            if *first != 0 {
                if rest.starts_with(TLS_HANDSHAKE) {
                    return Err(self.refuse_tls());
                }
                let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                    if rest.len() > self.config.max_line {
                        return Err(format!("a text line of more than {} bytes", self.config.max_line));
                    }
                    break;
                };
                let (line, after) = rest.split_at(end + 1);
                rest = after;
                let about = self.about();
                let listing = text::answer(&mut self.broker, &about, &now, session, line, &mut self.outgoing);
                input.listing = listing.map(Box::new);
                if input.listing.is_some() {
                    input.whole = !rest.is_empty();
                    break;
                }
                continue;
            }
            match decode(rest, self.config.max_packet) {
                Ok(Decoded::Frame(frame, size)) => {
                    dispatch(&mut self.broker, &now, session, &frame, None, &mut self.outgoing);
                    rest = &rest[size..];
                }
                Ok(Decoded::Partial(need)) => {
                    input.need = need;
                    break;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        self.bytes_received += (kept + n - rest.len()) as u64;
        if rest.is_empty() {
            input.partial = Vec::new();
        } else {
            input.partial.clear();
            input.partial.extend_from_slice(rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use gearman_core::protocol::message::{Grab, Request};

    /// Each of these looks through all functions of the worker, and thousands fit into one read: nobody else was served for seconds. So
    /// were lines of text.
    #[test]
    fn what_takes_long_is_done_in_turns() {
        let mut state = State::new(Config::default(), Arc::default());
        let session = state.connect(0, None);
        let mut scratch = vec![0; SCRATCH];
        let mut turns = |packets: &[u8]| {
            let (mut input, mut turns) = (Input::default(), 0);
            for came in packets.chunks(SCRATCH / 2) {
                scratch[input.partial.len()..][..came.len()].copy_from_slice(came);
                let mut n = came.len();
                while n > 0 || input.whole {
                    state.receive(session, &mut input, &mut scratch, n, clock() + SLICE).unwrap();
                    (n, turns) = (0, turns + 1);
                }
            }
            assert!(input.partial.is_empty());
            (turns, state.outgoing.take(session))
        };
        let mut packets = Vec::new();
        for n in 0..10_000 {
            Request::CanDo { function: format!("f{n}").as_bytes(), timeout: None }.encode(&mut packets);
        }
        turns(&packets);
        packets.clear();
        (0..500).for_each(|_| Request::GrabJob(Grab::Plain).encode(&mut packets));
        Request::Echo(b"").encode(&mut packets);
        let (taken, answers) = turns(&packets);
        assert_eq!(answers.windows(4).filter(|bytes| *bytes == b"\0RES").count(), 501);
        assert!(taken > 4, "{taken}");
    }
}
