//! What is to be sent, by connection. The broker and the text commands put it here; the server writes it to the sockets
//! at the end of a round. Knows nothing of sockets and of what the bytes mean.
//!
//! What always holds:
//! - the bytes of a connection leave in the order in which they were put here;
//! - an answer that waits for a batch of changes does not leave before the batch is settled, and nothing after it either;
//! - while a thread writes a connection's bytes they are in flight, see [`InFlight`], and nobody else writes to that
//!   connection; what comes meanwhile gathers here and is written next.

#[cfg(test)]
mod tests;

use crate::durable::batch::BatchResult;
use bytes::{Buf, Bytes};
use gearman_core::ReturnCode;
use gearman_core::protocol::codec::Sink;
use gearman_core::protocol::message::Response;
use gearman_core::protocol::write_buffer::WriteBuffer;
use std::collections::{HashMap, VecDeque};

/// Packets from this size on are remembered by their place, see [`SendQueue::beyond`].
const LARGE: usize = 1024 * 1024;
/// Empty queues that are kept for the next who has something to send: as many as a busy round sends to. With fewer, each
/// round allocates and frees the rest.
const SPARE: usize = 128;

/// The send queues of all connections.
#[derive(Debug)]
pub(crate) struct Outgoing {
    slots: Vec<Slot>,
    /// Connections that got something since the server last looked, each once.
    dirty: Vec<u32>,
    #[allow(clippy::vec_box)] // The allocations are what is kept.
    spare: Vec<Box<SendQueue>>,
    limit: usize,
    /// Packets that were put here; an answer to a text command is one.
    packets: u64,
    /// Bytes that sockets took.
    bytes: u64,
    /// Whose answers wait for which batch.
    barriers: VecDeque<(u64, u32)>,
    /// Packets to be sent instead of answers that wait.
    replacements: Replacements,
}

/// Each with the batch after which it is of no use.
type Replacements = HashMap<Answer, (u64, Vec<u8>)>;

/// One connection's.
#[derive(Debug, Default)]
struct Slot {
    /// Only while something waits: an idle connection has none.
    queue: Option<Box<SendQueue>>,
    open: bool,
    dirty: bool,
    /// Some of its bytes are in flight.
    writing: bool,
    /// How many connections had this number before: what is in flight for one of those is dropped.
    before: u32,
    /// More than the limit waited: what follows is dropped, and the connection is to be closed.
    overflowed: bool,
}

#[derive(Debug, Default)]
struct SendQueue {
    /// What is written next, and what of it the socket did not take; empty while it is in flight.
    begun: WriteBuffer,
    /// What comes after it.
    next: WriteBuffer,
    /// Bytes of this queue that were sent.
    sent: usize,
    /// Bytes that were taken to be written, sent or not.
    taken: usize,
    /// Where large packets begin and end, counted as `sent` is.
    large: VecDeque<(usize, usize)>,
    /// Answers that must wait until a batch of changes is stored; what comes after them waits too.
    barriers: VecDeque<Barrier>,
}

/// Bytes of one connection on their way to its socket: to be taken from the front, and then
/// [brought back](Outgoing::sent).
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) session: u32,
    pub(crate) bytes: WriteBuffer,
    before: u32,
}

/// An answer that waits, by its place, counted as `SendQueue::sent` is.
#[derive(Debug)]
struct Barrier {
    begin: usize,
    end: usize,
    batch: u64,
    what: Answer,
}

/// Which answer waits for a batch: that decides when it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// JOB_CREATED: the job of this number had to be stored.
    Created(u64),
    /// What a shared queue knows, which is asked this question: see [`Outgoing::replace`].
    Asked(u64),
    /// That of a text command that tries this dead letter again.
    Revived(u64),
    /// ECHO_RES: jobs that are done had to be removed.
    Echo,
    /// That of a text command. It never fails: what it did holds, and what could not be stored is tried again.
    Text,
}

/// What clients get instead.
const NOT_STORED: &str = "The job could not be stored";
pub(crate) const NOT_REMOVED: &str = "Jobs that are done could not be removed from the queue";

impl SendQueue {
    /// What waits beyond the next large packet, which may always be as large as a packet can be.
    fn beyond(&mut self) -> usize {
        while self.large.front().is_some_and(|l| l.1 <= self.sent) {
            self.large.pop_front();
        }
        let next = self.large.front().map_or(0, |l| l.1 - l.0.max(self.sent));
        self.waiting() - next
    }

    /// Where the next byte will be, counted as `sent` is.
    fn end(&self) -> usize {
        self.taken + self.next.len()
    }

    /// Bytes that the socket has not taken yet.
    fn waiting(&self) -> usize {
        self.end() - self.sent
    }

    /// Bytes of `next` that may be sent now.
    fn free(&self) -> usize {
        self.barriers.front().map_or(self.next.len(), |barrier| barrier.begin - self.taken)
    }

    /// Frees what waited for batches that are settled, and puts errors in the place of answers that
    /// are not true.
    fn settle(&mut self, result: BatchResult, replacements: &Replacements) {
        let settled = self.barriers.iter().take_while(|barrier| barrier.batch <= result.batch).count();
        let wrong = self.barriers.drain(..settled).filter_map(|h| Some((h.replacement(result, replacements)?, h)));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() {
            return;
        }
        let waiting = self.next.copy_to_bytes(self.next.len());
        let mut at = 0;
        for (error, barrier) in &wrong {
            self.next.put(&waiting[at..barrier.begin - self.taken]);
            self.next.put(error);
            at = barrier.end - self.taken;
        }
        self.next.put(&waiting[at..]);
        let moved = |place: usize| {
            let before = wrong.iter().take_while(|(_, barrier)| barrier.end <= place);
            before.fold(place, |place, (error, barrier)| place + error.len() - (barrier.end - barrier.begin))
        };
        self.large.iter_mut().for_each(|(begin, end)| (*begin, *end) = (moved(*begin), moved(*end)));
        self.barriers.iter_mut().for_each(|h| (h.begin, h.end) = (moved(h.begin), moved(h.end)));
    }
}

impl Barrier {
    /// What to send instead, when the batch did not do what the answer says.
    fn replacement(&self, result: BatchResult, replacements: &Replacements) -> Option<Vec<u8>> {
        let error = |text: &'static str| Response::Error {
            code: ReturnCode::QueueError.name().as_bytes(),
            text: text.as_bytes(),
        };
        let response = match self.what {
            Answer::Created(_) if !result.added => error(NOT_STORED),
            Answer::Echo => (!result.done).then(|| error(NOT_REMOVED))?,
            Answer::Created(_) | Answer::Asked(_) | Answer::Revived(_) | Answer::Text => {
                return replacements.get(&self.what).map(|(_, packet)| packet.clone());
            }
        };
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        Some(bytes)
    }
}

impl Outgoing {
    /// None yet; more than `limit` bytes must not wait for one connection.
    pub(crate) fn new(limit: usize) -> Outgoing {
        Outgoing {
            slots: Vec::new(),
            dirty: Vec::new(),
            spare: Vec::new(),
            limit,
            packets: 0,
            bytes: 0,
            barriers: VecDeque::new(),
            replacements: HashMap::new(),
        }
    }

    pub(crate) fn open(&mut self, session: u32) {
        if self.slots.len() <= session as usize {
            self.slots.resize_with(session as usize + 1, Slot::default);
        }
        let Slot { dirty, before, .. } = self.slots[session as usize];
        self.slots[session as usize] = Slot { open: true, dirty, before: before.wrapping_add(1), ..Slot::default() };
    }

    /// Nothing can be sent to it any more.
    pub(crate) fn close(&mut self, session: u32) {
        if let Some(slot) = self.slots.get_mut(session as usize) {
            (slot.open, slot.writing) = (false, false);
            slot.queue = None;
        }
    }

    /// Writes one packet, or a whole answer, by `write`.
    pub(crate) fn send(&mut self, session: u32, write: impl FnOnce(&mut WriteBuffer)) {
        let Some(slot) = self.slots.get_mut(session as usize).filter(|s| s.open && !s.overflowed) else { return };
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(session);
        }
        let spare = &mut self.spare;
        let queue = slot.queue.get_or_insert_with(|| spare.pop().unwrap_or_default());
        let begin = queue.end();
        if queue.waiting() > self.limit && queue.beyond() > self.limit {
            slot.overflowed = true;
            return;
        }
        write(&mut queue.next);
        self.packets += 1;
        let end = queue.end();
        if end - begin >= LARGE {
            queue.large.push_back((begin, end));
        }
    }

    /// Writes an answer that must not leave before this batch is stored, where there is one.
    pub(crate) fn after_batch(
        &mut self,
        session: u32,
        batch: Option<u64>,
        what: Answer,
        write: impl FnOnce(&mut Outgoing),
    ) {
        let begin = self.end(session);
        write(self);
        let Some(batch) = batch else { return };
        let end = self.end(session);
        if let Some(queue) = self.slots.get_mut(session as usize).and_then(|s| s.queue.as_mut()).filter(|_| end > begin)
        {
            queue.barriers.push_back(Barrier { begin, end, batch, what });
            if self.barriers.back() != Some(&(batch, session)) {
                self.barriers.push_back((batch, session));
            }
        }
    }

    /// An answer that waits is to wait for this batch, which is the next to be taken.
    pub(crate) fn defer(&mut self, session: u32, what: Answer, batch: u64) {
        let queue = self.slots.get_mut(session as usize).and_then(|slot| slot.queue.as_mut());
        if let Some(barrier) = queue.and_then(|queue| queue.barriers.iter_mut().find(|barrier| barrier.what == what)) {
            barrier.batch = batch;
            self.barriers.push_back((batch, session));
        }
    }

    /// Where the next byte for a connection will be, counted as `SendQueue::sent` is.
    fn end(&self, session: u32) -> usize {
        let queue = self.slots.get(session as usize).and_then(|s| s.queue.as_ref());
        queue.map_or(0, |l| l.end())
    }

    /// It is known what became of batches: those whose answers waited get them.
    pub(crate) fn settle(&mut self, result: BatchResult) {
        while let Some((_, session)) = self.barriers.front().copied().filter(|(batch, _)| *batch <= result.batch) {
            self.barriers.pop_front();
            let Some(slot) = self.slots.get_mut(session as usize) else { continue };
            let Some(queue) = &mut slot.queue else { continue };
            queue.settle(result, &self.replacements);
            self.touch(session);
        }
        self.replacements.retain(|_, (batch, _)| *batch > result.batch);
    }

    /// Instead of an answer that waits this is sent, when its batch is settled: `batch`, or the next where that is not known.
    pub(crate) fn replace(&mut self, what: Answer, batch: Option<u64>, response: &Response<'_>) {
        let mut packet = Vec::new();
        response.encode(&mut packet);
        self.replace_bytes(what, batch, packet);
    }

    /// The same with these bytes.
    pub(crate) fn replace_bytes(&mut self, what: Answer, batch: Option<u64>, bytes: Vec<u8>) {
        self.replacements.insert(what, (batch.unwrap_or_default(), bytes));
    }

    pub(crate) fn response(&mut self, session: u32, response: &Response<'_>) {
        self.send(session, |out| response.encode(out));
    }

    /// A packet with arguments that are part of `owner`, where there is one: large ones are handed on, not copied.
    pub(crate) fn response_of(&mut self, session: u32, response: &Response<'_>, owner: Option<&Bytes>) {
        self.send(session, |out| match owner {
            Some(owner) => response.encode(&mut out.sharing(owner)),
            None => response.encode(out),
        });
    }

    /// An answer to a text command.
    pub(crate) fn text(&mut self, session: u32, text: Vec<u8>) {
        self.send(session, |out| out.share(Bytes::from(text)));
    }

    pub(crate) fn error(&mut self, session: u32, code: &str, text: &str) {
        self.response(session, &Response::Error { code: code.as_bytes(), text: text.as_bytes() });
    }

    /// Something may be written to this connection.
    pub(crate) fn touch(&mut self, session: u32) {
        if let Some(slot) = self.slots.get_mut(session as usize).filter(|slot| !slot.dirty) {
            slot.dirty = true;
            self.dirty.push(session);
        }
    }

    /// Next connection that something is to be written to.
    pub(crate) fn next_dirty(&mut self) -> Option<u32> {
        let session = self.dirty.pop()?;
        self.slots[session as usize].dirty = false;
        Some(session)
    }

    /// What may be written to one connection now: all that waits for nothing but its socket. `None` also while
    /// other bytes of it are in flight.
    pub(crate) fn begin_write(&mut self, session: u32) -> Option<InFlight> {
        let slot = self.slots.get_mut(session as usize).filter(|slot| !slot.writing)?;
        let queue = slot.queue.as_mut()?;
        if queue.begun.is_empty() {
            let free = queue.free();
            queue.taken += free;
            if queue.barriers.is_empty() {
                std::mem::swap(&mut queue.begun, &mut queue.next);
            } else {
                queue.begun = queue.next.split_to(free);
            }
        }
        slot.writing = !queue.begun.is_empty();
        let before = slot.before;
        slot.writing.then(|| InFlight { session, bytes: std::mem::take(&mut queue.begun), before })
    }

    /// The socket took what is not in flight any more. Returns whether its connection is still there.
    pub(crate) fn sent(&mut self, in_flight: InFlight) -> bool {
        let InFlight { session, bytes, before } = in_flight;
        let slot = self.slots.get_mut(session as usize).filter(|s| s.writing && s.before == before);
        let Some(Slot { queue: Some(queue), writing, .. }) = slot else { return false };
        *writing = false;
        queue.begun = bytes;
        let sent = queue.taken - queue.begun.len();
        self.bytes += (sent - std::mem::replace(&mut queue.sent, sent)) as u64;
        if queue.begun.is_empty() {
            queue.begun.shrink();
            if queue.waiting() == 0 {
                self.put_away(session);
            } else {
                self.touch(session); // what came meanwhile
            }
        }
        true
    }

    /// Nothing waits for a connection any more.
    fn put_away(&mut self, session: u32) {
        if let Some(mut queue) = self.slots[session as usize].queue.take().filter(|_| self.spare.len() < SPARE) {
            queue.next.shrink();
            queue.large.clear();
            (queue.sent, queue.taken) = (0, 0);
            self.spare.push(queue);
        }
    }

    /// Is there something that may be written to one connection, and nobody who writes it or is about to?
    pub(crate) fn writable(&self, session: u32) -> bool {
        let slot = self.slots.get(session as usize).filter(|slot| !slot.writing && !slot.dirty);
        slot.and_then(|s| s.queue.as_ref()).is_some_and(|l| !l.begun.is_empty() || l.free() > 0)
    }

    /// How many bytes wait for one connection.
    pub(crate) fn waiting(&self, session: u32) -> usize {
        let queue = self.slots.get(session as usize).and_then(|s| s.queue.as_ref());
        queue.map_or(0, |l| l.waiting())
    }

    pub(crate) fn overflowed(&self, session: u32) -> bool {
        self.slots.get(session as usize).is_some_and(|s| s.overflowed)
    }

    /// How many packets were put here, and how many bytes of them sockets took.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.packets, self.bytes)
    }

    /// Does nothing wait for anybody?
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| s.queue.is_none())
    }
}

#[cfg(any(test, fuzzing))]
impl Outgoing {
    /// Takes all that may be sent to one connection.
    pub(crate) fn take(&mut self, session: u32) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(mut in_flight) = self.begin_write(session) {
            all.extend_from_slice(&in_flight.bytes.copy_to_bytes(in_flight.bytes.len()));
            self.sent(in_flight);
        }
        all
    }
}
