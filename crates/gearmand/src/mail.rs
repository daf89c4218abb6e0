//! What is to be sent, by connection: the store and the text commands put it here, the server takes
//! it to the sockets at the end of a turn. No sockets here.
//!
//! While a thread writes a connection's bytes they are away, in a [`Parcel`], and nobody else writes to that
//! connection; what others have to say to it meanwhile gathers here, and goes next.

use crate::journal::Settled;
use bytes::{Buf, Bytes};
use gearman_core::ReturnCode;
use gearman_core::protocol::codec::{Sink, encode, head};
use gearman_core::protocol::message::Response;
use gearman_core::protocol::packet::{Command, Magic};
use gearman_core::protocol::write_buffer::{SHARE, WriteBuffer};
use std::collections::VecDeque;

/// Packets from this size on are remembered by their place, see [`Letter::beyond`].
const LARGE: usize = 1024 * 1024;
/// Empty outboxes that are kept for the next who has something to send.
const SPARE: usize = 32;

/// The outboxes of all connections.
#[derive(Debug)]
pub(crate) struct Mail {
    boxes: Vec<Slot>,
    /// Who got something since the server last looked, each once.
    dirty: Vec<u32>,
    #[allow(clippy::vec_box)] // The boxes are what is kept.
    spare: Vec<Box<Letter>>,
    limit: usize,
    /// Whose answers wait for which batch.
    holds: VecDeque<(u64, u32)>,
}

/// One connection's.
#[derive(Debug, Default)]
struct Slot {
    /// Only while something waits: an idle connection has none.
    letter: Option<Box<Letter>>,
    open: bool,
    dirty: bool,
    /// Somebody has a parcel of it.
    away: bool,
    /// How many connections had this number before: a parcel of one of those is nobody's.
    before: u32,
    /// More than the limit waited: what follows is dropped, and the connection is to be closed.
    overflowed: bool,
}

#[derive(Debug, Default)]
struct Letter {
    /// What a parcel is made of, and what of it the socket did not take; empty while it is away.
    begun: WriteBuffer,
    /// What gathers behind.
    outbox: WriteBuffer,
    /// Bytes that were sent of this letter.
    sent: usize,
    /// And bytes that were put into parcels, sent or not.
    taken: usize,
    /// Where large packets begin and end, counted as `sent` is.
    large: VecDeque<(usize, usize)>,
    /// Answers that must wait until a batch of changes is stored; and with them what is behind.
    held: VecDeque<Hold>,
}

/// Bytes of one connection on their way to its socket: to be taken from the front, and then
/// [brought back](Mail::sent).
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) peer: u32,
    pub(crate) bytes: WriteBuffer,
    before: u32,
}

/// An answer that waits, by its place, counted as `Letter::sent` is.
#[derive(Debug)]
struct Hold {
    begin: usize,
    end: usize,
    batch: u64,
    what: Held,
}

/// Which answer waits for a batch: that decides when it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// JOB_CREATED: jobs had to be stored.
    Created,
    /// ECHO_RES: jobs that are done had to be removed.
    Echo,
}

/// What clients hear instead.
const NOT_STORED: &str = "The job could not be stored";
pub(crate) const NOT_REMOVED: &str = "Jobs that are done could not be removed from the queue";

impl Letter {
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
        self.taken + self.outbox.len()
    }

    /// Bytes that the socket has not taken yet.
    fn waiting(&self) -> usize {
        self.end() - self.sent
    }

    /// Bytes of `outbox` that may be sent now.
    fn free(&self) -> usize {
        self.held.front().map_or(self.outbox.len(), |hold| hold.begin - self.taken)
    }

    /// Lets go of what waited for batches that are settled, and puts errors in the place of answers that
    /// are not true.
    fn settle(&mut self, settled: Settled) {
        let settled_ones = self.held.iter().take_while(|hold| hold.batch <= settled.batch).count();
        let wrong: Vec<_> = self.held.drain(..settled_ones).filter_map(|h| Some((h.error(settled)?, h))).collect();
        if wrong.is_empty() {
            return;
        }
        let waiting = self.outbox.copy_to_bytes(self.outbox.len());
        let mut at = 0;
        for (error, hold) in &wrong {
            self.outbox.put(&waiting[at..hold.begin - self.taken]);
            self.outbox.put(error);
            at = hold.end - self.taken;
        }
        self.outbox.put(&waiting[at..]);
        let moved = |place: usize| {
            let before = wrong.iter().take_while(|(_, hold)| hold.end <= place);
            before.fold(place, |place, (error, hold)| place + error.len() - (hold.end - hold.begin))
        };
        self.large.iter_mut().for_each(|(begin, end)| (*begin, *end) = (moved(*begin), moved(*end)));
        self.held.iter_mut().for_each(|h| (h.begin, h.end) = (moved(h.begin), moved(h.end)));
    }
}

impl Hold {
    /// What is to be said instead, when the batch did not do what the answer says.
    fn error(&self, settled: Settled) -> Option<Vec<u8>> {
        let text = match self.what {
            Held::Created => (!settled.added).then_some(NOT_STORED)?,
            Held::Echo => (!settled.done).then_some(NOT_REMOVED)?,
        };
        let mut error = Vec::new();
        encode(
            &mut error,
            Magic::Response,
            Command::Error,
            &[ReturnCode::QueueError.name().as_bytes(), text.as_bytes()],
        );
        Some(error)
    }
}

impl Mail {
    /// None yet; more than `limit` bytes must not wait for one connection.
    pub(crate) fn new(limit: usize) -> Mail {
        Mail { boxes: Vec::new(), dirty: Vec::new(), spare: Vec::new(), limit, holds: VecDeque::new() }
    }

    pub(crate) fn open(&mut self, peer: u32) {
        if self.boxes.len() <= peer as usize {
            self.boxes.resize_with(peer as usize + 1, Slot::default);
        }
        let Slot { dirty, before, .. } = self.boxes[peer as usize];
        self.boxes[peer as usize] = Slot { open: true, dirty, before: before.wrapping_add(1), ..Slot::default() };
    }

    /// Nothing can be sent to it any more.
    pub(crate) fn close(&mut self, peer: u32) {
        if let Some(slot) = self.boxes.get_mut(peer as usize) {
            (slot.open, slot.away) = (false, false);
            slot.letter = None;
        }
    }

    /// Writes one packet, or a whole answer, by `write`.
    pub(crate) fn send(&mut self, peer: u32, write: impl FnOnce(&mut WriteBuffer)) {
        let Some(slot) = self.boxes.get_mut(peer as usize).filter(|s| s.open && !s.overflowed) else { return };
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(peer);
        }
        let spare = &mut self.spare;
        let letter = slot.letter.get_or_insert_with(|| spare.pop().unwrap_or_default());
        let begin = letter.end();
        if letter.waiting() > self.limit && letter.beyond() > self.limit {
            slot.overflowed = true;
            return;
        }
        write(&mut letter.outbox);
        let end = letter.end();
        if end - begin >= LARGE {
            letter.large.push_back((begin, end));
        }
    }

    /// Writes an answer that must not leave before this batch is stored, where there is one.
    pub(crate) fn held(&mut self, peer: u32, batch: Option<u64>, what: Held, write: impl FnOnce(&mut Mail)) {
        let begin = self.end(peer);
        write(self);
        let Some(batch) = batch else { return };
        let end = self.end(peer);
        if let Some(letter) = self.boxes.get_mut(peer as usize).and_then(|s| s.letter.as_mut()).filter(|_| end > begin)
        {
            letter.held.push_back(Hold { begin, end, batch, what });
            if self.holds.back() != Some(&(batch, peer)) {
                self.holds.push_back((batch, peer));
            }
        }
    }

    /// Where the next byte for a connection will be, counted as `Letter::sent` is.
    fn end(&self, peer: u32) -> usize {
        let letter = self.boxes.get(peer as usize).and_then(|s| s.letter.as_ref());
        letter.map_or(0, |l| l.end())
    }

    /// It is known what became of batches: those whose answers waited get them.
    pub(crate) fn settle(&mut self, settled: Settled) {
        while let Some((_, peer)) = self.holds.front().copied().filter(|(batch, _)| *batch <= settled.batch) {
            self.holds.pop_front();
            let Some(slot) = self.boxes.get_mut(peer as usize) else { continue };
            let Some(letter) = &mut slot.letter else { continue };
            letter.settle(settled);
            self.touch(peer);
        }
    }

    pub(crate) fn response(&mut self, peer: u32, response: &Response<'_>) {
        self.send(peer, |out| response.encode(out));
    }

    /// A packet whose last argument may be large.
    pub(crate) fn packet(&mut self, peer: u32, command: Command, first: &[&[u8]], last: &Payload<'_>) {
        self.send(peer, |out| match last {
            Payload::Shared(bytes) => {
                head(out, Magic::Response, command, first, bytes.len());
                out.share(bytes.clone());
            }
            Payload::Copied(bytes) => {
                head(out, Magic::Response, command, first, bytes.len());
                out.put(bytes);
            }
        });
    }

    pub(crate) fn error(&mut self, peer: u32, code: &str, text: &str) {
        self.send(peer, |out| encode(out, Magic::Response, Command::Error, &[code.as_bytes(), text.as_bytes()]));
    }

    /// Something may be written to this connection.
    pub(crate) fn touch(&mut self, peer: u32) {
        if let Some(slot) = self.boxes.get_mut(peer as usize).filter(|slot| !slot.dirty) {
            slot.dirty = true;
            self.dirty.push(peer);
        }
    }

    /// Next connection that something was put into the outbox of.
    pub(crate) fn next_dirty(&mut self) -> Option<u32> {
        let peer = self.dirty.pop()?;
        self.boxes[peer as usize].dirty = false;
        Some(peer)
    }

    /// What may be written to one connection now: all that waits for nothing but its socket. `None` also while
    /// another parcel of it is away.
    pub(crate) fn parcel(&mut self, peer: u32) -> Option<Parcel> {
        let slot = self.boxes.get_mut(peer as usize).filter(|slot| !slot.away)?;
        let letter = slot.letter.as_mut()?;
        if letter.begun.is_empty() {
            let free = letter.free();
            letter.taken += free;
            if letter.held.is_empty() {
                std::mem::swap(&mut letter.begun, &mut letter.outbox);
            } else {
                letter.begun = letter.outbox.split_to(free);
            }
        }
        slot.away = !letter.begun.is_empty();
        let before = slot.before;
        slot.away.then(|| Parcel { peer, bytes: std::mem::take(&mut letter.begun), before })
    }

    /// The socket took what is not in the parcel any more. Says whether the connection it was for is still there.
    pub(crate) fn sent(&mut self, parcel: Parcel) -> bool {
        let Parcel { peer, bytes, before } = parcel;
        let slot = self.boxes.get_mut(peer as usize).filter(|s| s.away && s.before == before);
        let Some(Slot { letter: Some(letter), away, .. }) = slot else { return false };
        *away = false;
        letter.begun = bytes;
        letter.sent = letter.taken - letter.begun.len();
        if letter.begun.is_empty() {
            letter.begun.shrink();
            if letter.waiting() == 0 {
                self.put_away(peer);
            } else {
                self.touch(peer); // what came meanwhile
            }
        }
        true
    }

    /// Nothing waits for a connection any more.
    fn put_away(&mut self, peer: u32) {
        if let Some(mut letter) = self.boxes[peer as usize].letter.take().filter(|_| self.spare.len() < SPARE) {
            letter.outbox.shrink();
            letter.large.clear();
            (letter.sent, letter.taken) = (0, 0);
            self.spare.push(letter);
        }
    }

    /// Is there something that may be written to one connection, and nobody who writes it or is about to?
    pub(crate) fn writable(&self, peer: u32) -> bool {
        let slot = self.boxes.get(peer as usize).filter(|slot| !slot.away && !slot.dirty);
        slot.and_then(|s| s.letter.as_ref()).is_some_and(|l| !l.begun.is_empty() || l.free() > 0)
    }

    /// How many bytes wait for one connection.
    pub(crate) fn waiting(&self, peer: u32) -> usize {
        let letter = self.boxes.get(peer as usize).and_then(|s| s.letter.as_ref());
        letter.map_or(0, |l| l.waiting())
    }

    pub(crate) fn overflowed(&self, peer: u32) -> bool {
        self.boxes.get(peer as usize).is_some_and(|s| s.overflowed)
    }

    /// Does nothing wait for anybody?
    pub(crate) fn is_empty(&self) -> bool {
        self.boxes.iter().all(|s| s.letter.is_none())
    }
}

/// The last argument of a packet on its way through.
#[derive(Clone, Debug)]
pub(crate) enum Payload<'a> {
    /// Small.
    Copied(&'a [u8]),
    /// Large, to be handed on.
    Shared(Bytes),
}

impl<'a> Payload<'a> {
    /// `data`, which is part of `owner` where there is one. Large data is made shareable once, however
    /// many there are to get it.
    pub(crate) fn new(data: &'a [u8], owner: Option<&Bytes>) -> Payload<'a> {
        match owner {
            _ if data.len() < SHARE => Payload::Copied(data),
            Some(owner) => Payload::Shared(owner.slice_ref(data)),
            None => Payload::Shared(Bytes::copy_from_slice(data)),
        }
    }
}

#[cfg(any(test, fuzzing))]
impl Mail {
    /// Takes all that may be sent to one connection.
    pub(crate) fn take(&mut self, peer: u32) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(mut parcel) = self.parcel(peer) {
            all.extend_from_slice(&parcel.bytes.copy_to_bytes(parcel.bytes.len()));
            self.sent(parcel);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_wait_for_their_batch_and_all_behind_them_too() {
        let mut mail = Mail::new(1 << 20);
        mail.open(0);
        put(&mut mail, 5);
        mail.held(0, Some(1), Held::Created, |mail| put(mail, 7));
        put(&mut mail, 3);
        mail.held(0, Some(2), Held::Echo, |mail| put(mail, 11));
        mail.held(0, None, Held::Echo, |mail| put(mail, 1));
        assert_eq!((write(&mut mail, 5), mail.waiting(0)), (5, 22));
        assert!(!mail.writable(0) && mail.parcel(0).is_none());
        while mail.next_dirty().is_some() {}
        mail.settle(Settled { batch: 1, added: true, done: false });
        assert_eq!((mail.next_dirty(), write(&mut mail, 0)), (Some(0), 10));
        mail.settle(Settled { batch: 2, added: false, done: true });
        assert_eq!((write(&mut mail, 10), write(&mut mail, 12), mail.waiting(0)), (10, 12, 0));
    }

    #[test]
    fn answers_that_are_not_true_become_errors() {
        let mut mail = Mail::new(10_000);
        mail.open(0);
        put(&mut mail, 2);
        for batch in 1..=3 {
            mail.held(0, Some(batch), Held::Created, |mail| mail.send(0, |out| out.put(b"created")));
        }
        mail.send(0, |out| out.put(&[b'x'; LARGE]));
        mail.held(0, Some(4), Held::Created, |mail| mail.send(0, |out| out.put(b"last")));
        assert_eq!(write(&mut mail, 1), 2);
        mail.settle(Settled { batch: 1, added: true, done: true });
        mail.settle(Settled { batch: 3, added: false, done: true });
        let error = b"\0RES\0\0\0\x13\0\0\0'QUEUE_ERROR\0The job could not be stored";
        assert_eq!(mail.waiting(0), 1 + 7 + 2 * error.len() + LARGE + 4);
        assert_eq!(mail.take(0)[..8 + 2 * error.len()], [&b"\0created"[..], error, error].concat());
        assert_eq!(mail.waiting(0), 4);
    }

    fn put(mail: &mut Mail, bytes: usize) {
        mail.send(0, |out| out.put(&vec![0; bytes]));
    }

    /// Lets the socket take `n` bytes of a parcel; says how large the parcel was.
    fn write(mail: &mut Mail, n: usize) -> usize {
        let mut parcel = mail.parcel(0).unwrap();
        let whole = parcel.bytes.len();
        parcel.bytes.advance(n);
        assert!(mail.sent(parcel));
        whole
    }

    #[test]
    fn one_writes_and_what_others_say_meanwhile_goes_next() {
        let mut mail = Mail::new(1000);
        mail.open(0);
        put(&mut mail, 5);
        let mut parcel = mail.parcel(0).unwrap();
        put(&mut mail, 7);
        assert!(mail.parcel(0).is_none() && !mail.writable(0) && !mail.is_empty());
        assert_eq!((mail.next_dirty(), mail.next_dirty(), mail.waiting(0)), (Some(0), None, 12));
        parcel.bytes.advance(3);
        mail.sent(parcel);
        assert!(mail.writable(0));
        assert_eq!((write(&mut mail, 2), mail.next_dirty()), (2, Some(0)));
        assert_eq!((write(&mut mail, 7), mail.next_dirty(), mail.is_empty()), (7, None, true));
    }

    #[test]
    fn a_parcel_of_a_connection_that_is_gone_is_nobodys() {
        let mut mail = Mail::new(1000);
        mail.open(0);
        put(&mut mail, 5);
        let late = mail.parcel(0).unwrap();
        mail.close(0);
        mail.open(0);
        put(&mut mail, 7);
        let next = mail.parcel(0).unwrap();
        assert!(!mail.sent(late));
        assert_eq!((next.bytes.len(), mail.sent(next), write(&mut mail, 7)), (7, true, 7));
    }

    #[test]
    fn the_limit_is_counted_beyond_a_large_packet() {
        let mut mail = Mail::new(1000);
        mail.open(0);
        put(&mut mail, 10 * LARGE);
        put(&mut mail, 900);
        write(&mut mail, LARGE);
        put(&mut mail, 200);
        assert!(!mail.overflowed(0));
        put(&mut mail, 1);
        assert!(mail.overflowed(0));
        assert_eq!(mail.waiting(0), 9 * LARGE + 1100);
    }

    #[test]
    fn a_large_packet_behind_a_small_one_passes_too() {
        let mut mail = Mail::new(1000);
        mail.open(0);
        put(&mut mail, 500);
        put(&mut mail, 2 * LARGE);
        put(&mut mail, 100);
        assert!(!mail.overflowed(0));
        put(&mut mail, 2 * LARGE);
        put(&mut mail, 1);
        assert!(mail.overflowed(0));
    }

    #[test]
    fn closed_ones_get_nothing_and_their_number_can_be_used_again() {
        let mut mail = Mail::new(1000);
        mail.open(0);
        put(&mut mail, 5);
        mail.close(0);
        put(&mut mail, 5);
        assert_eq!(mail.waiting(0), 0);
        mail.open(0);
        put(&mut mail, 5);
        assert_eq!((mail.next_dirty(), mail.next_dirty()), (Some(0), None));
        assert_eq!(mail.take(0).len(), 5);
        assert!(mail.is_empty());
    }
}
