//! Changes on their way to the durable queue. The server takes a [`Batch`] at the end of a round, and later reports what
//! became of it by its number. Knows nothing of jobs, threads and files.
//!
//! What always holds: batches are numbered without gaps and settled in order, and changes are read in the order in which
//! they were made.

use crate::durable::Row;
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use gearman_core::protocol::write_buffer::SHARE;
use std::collections::{HashMap, VecDeque};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PendingChanges {
    /// What changed since the last batch was taken.
    batch: Batch,
    /// The last batch that was taken.
    taken: u64,
    /// The last batch of which it is known what became of it.
    settled: u64,
    /// Jobs on their way, by the batch and the number in their handle.
    storing: VecDeque<(u64, u64)>,
    /// The same by number: a submit that joins one of them asks, however many there are.
    batches: HashMap<u64, u64>,
    /// Jobs are done that could not be removed from the queue: it does not know yet.
    pub(crate) undone: bool,
}

impl PendingChanges {
    /// A job is to be stored. The batch it goes with.
    pub(crate) fn add(&mut self, number: u64, row: &Row<'_>, data: impl FnOnce() -> Bytes) -> u64 {
        let batch = self.taken + 1;
        self.batch.add(row, data);
        self.storing.push_back((batch, number));
        self.batches.insert(number, batch);
        batch
    }

    /// A stored job is over.
    pub(crate) fn done(&mut self, key: &[u8], function: &[u8]) {
        self.batch.done(key, function);
    }

    /// The batch that a job is on its way with.
    pub(crate) fn batch_of(&self, number: u64) -> Option<u64> {
        self.batches.get(&number).copied()
    }

    /// The batch after which all that was changed until now is stored; `None` when it is.
    pub(crate) fn last(&self) -> Option<u64> {
        match self.batch.is_empty() {
            false => Some(self.taken + 1),
            true => (self.settled < self.taken).then_some(self.taken),
        }
    }

    /// What is to be stored now.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        self.taken += 1;
        Some(Batch { number: self.taken, ..std::mem::take(&mut self.batch) })
    }

    /// It is known what became of the batches up to this one.
    pub(crate) fn settle(&mut self, batch: u64) {
        self.settled = batch;
    }

    /// The next job of those that went with settled batches.
    pub(crate) fn next_settled(&mut self) -> Option<u64> {
        let (batch, number) = *self.storing.front()?;
        if batch > self.settled {
            return None;
        }
        self.storing.pop_front();
        // It may be on its way once more, with a later batch.
        if self.batches.get(&number) == Some(&batch) {
            self.batches.remove(&number);
        }
        Some(number)
    }

    /// Jobs on their way.
    pub(crate) fn storing(&self) -> impl Iterator<Item = u64> {
        self.storing.iter().map(|(_, number)| *number)
    }
}

/// Changes in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// Nobody can ask for these jobs once more: they are stored now, or lost.
    pub(crate) last: bool,
    entries: Vec<Entry>,
    /// Keys, functions and small workloads of all entries, one after the other.
    bytes: Vec<u8>,
}

/// One change. Lengths are of parts of `Batch::bytes`, in this order.
#[derive(Debug)]
struct Entry {
    key: usize,
    function: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Add { priority: Priority, due: u64, data: Data },
    Done,
}

#[derive(Debug)]
enum Data {
    Here(usize),
    Shared(Bytes),
}

/// A change, as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    Add(Row<'a>),
    Done { key: &'a [u8], function: &'a [u8] },
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn add(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) {
        self.bytes.extend_from_slice(row.key);
        self.bytes.extend_from_slice(row.function);
        let data = match row.data.len() {
            large if large >= SHARE => Data::Shared(data()),
            small => {
                self.bytes.extend_from_slice(row.data);
                Data::Here(small)
            }
        };
        let kind = Kind::Add { priority: row.priority, due: row.due, data };
        self.entries.push(Entry { key: row.key.len(), function: row.function.len(), kind });
    }

    fn done(&mut self, key: &[u8], function: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(function);
        self.entries.push(Entry { key: key.len(), function: function.len(), kind: Kind::Done });
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut rest = &self.bytes[..];
        let mut part = move |len: usize| {
            let (part, after) = rest.split_at(len);
            rest = after;
            part
        };
        self.entries.iter().map(move |entry| {
            let (key, function) = (part(entry.key), part(entry.function));
            match &entry.kind {
                Kind::Done => Change::Done { key, function },
                Kind::Add { priority, due, data } => {
                    let data = match data {
                        Data::Here(len) => part(*len),
                        Data::Shared(bytes) => bytes,
                    };
                    Change::Add(Row { key, function, priority: *priority, data, due: *due })
                }
            }
        })
    }
}

/// What became of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchResult {
    /// Of all up to this one that were not settled before.
    pub(crate) batch: u64,
    /// Their jobs are stored; all of them, or none.
    pub(crate) added: bool,
    /// All jobs that are over are removed.
    pub(crate) done: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(key: &'a [u8], data: &'a [u8]) -> Row<'a> {
        Row { key, function: b"f", priority: Priority::Low, data, due: 5 }
    }

    #[test]
    fn changes_are_read_as_they_were_made() {
        let mut changes = PendingChanges::default();
        let large = vec![b'x'; SHARE];
        assert_eq!(changes.add(1, &row(b"k", b"data"), || panic!("small ones are copied")), 1);
        changes.done(b"k", b"f");
        changes.add(2, &row(b"", &large), || Bytes::from(large.clone()));
        changes.add(3, &row(b"l", b""), Bytes::new);
        let batch = changes.take().unwrap();
        let changes: Vec<_> = batch.changes().collect();
        let done = Change::Done { key: b"k", function: b"f" };
        assert_eq!(
            changes,
            [Change::Add(row(b"k", b"data")), done, Change::Add(row(b"", &large)), Change::Add(row(b"l", b""))]
        );
    }

    #[test]
    fn who_waits_for_what() {
        let mut changes = PendingChanges::default();
        assert_eq!((changes.last(), changes.take().is_none()), (None, true));
        changes.add(1, &row(b"k", b""), Bytes::new);
        assert_eq!(changes.last(), Some(1));
        assert_eq!(changes.take().unwrap().number, 1);
        assert_eq!(changes.last(), Some(1));
        assert_eq!(changes.add(2, &row(b"l", b""), Bytes::new), 2);
        assert_eq!((changes.last(), changes.batch_of(1), changes.batch_of(2)), (Some(2), Some(1), Some(2)));
        changes.settle(1);
        assert_eq!((changes.next_settled(), changes.next_settled()), (Some(1), None));
        assert_eq!((changes.last(), changes.batch_of(1)), (Some(2), None));
        changes.take();
        changes.settle(2);
        assert_eq!((changes.next_settled(), changes.last()), (Some(2), None));
    }
}
