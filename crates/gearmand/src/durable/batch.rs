//! Changes on their way to the durable queue. The server takes a [`Batch`] at the end of a round, and later reports what
//! became of it by its number. Knows nothing of threads and files.
//!
//! What always holds: batches are numbered without gaps and settled in order, and changes are read in the order in which
//! they were made.

use crate::durable::{Change, Extras, Name, Row};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use gearman_core::protocol::write_buffer::SHARE;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PendingChanges {
    /// What changed since the last batch was taken.
    batch: Batch,
    /// The last batch that was taken.
    taken: u64,
    /// The last batch of which it is known what became of it.
    settled: u64,
    /// Jobs on their way: their batches and ids.
    storing: VecDeque<(u64, u64)>,
    /// The same by id: a submit that joins one of them asks, however many there are.
    batches: HashMap<u64, u64>,
    /// Jobs are done that could not be removed from the queue: it does not know yet.
    pub(crate) undone: bool,
}

impl PendingChanges {
    /// A job is to be stored. The batch it goes with.
    pub(crate) fn add(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) -> u64 {
        let batch = self.taken + 1;
        self.batch.add(row, data);
        self.storing.push_back((batch, row.name.id));
        self.batches.insert(row.name.id, batch);
        batch
    }

    /// A stored job is over.
    pub(crate) fn done(&mut self, name: &Name<'_>) {
        self.batch.done(name);
    }

    /// The batch that a job is on its way with.
    pub(crate) fn batch_of(&self, id: u64) -> Option<u64> {
        self.batches.get(&id).copied()
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
        let (batch, id) = *self.storing.front()?;
        if batch > self.settled {
            return None;
        }
        self.storing.pop_front();
        // It may be on its way once more, with a later batch.
        if self.batches.get(&id) == Some(&batch) {
            self.batches.remove(&id);
        }
        Some(id)
    }

    /// Jobs on their way.
    pub(crate) fn storing(&self) -> impl Iterator<Item = u64> {
        self.storing.iter().map(|(_, id)| *id)
    }
}

/// Changes in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// Nobody can ask for these jobs once more: they are stored now, or lost.
    pub(crate) last: bool,
    entries: Vec<Entry>,
    /// Keys, functions, small workloads and reducers of all entries, one after the other.
    bytes: Vec<u8>,
}

/// One change. Lengths are of parts of `Batch::bytes`, in this order.
#[derive(Debug)]
struct Entry {
    id: u64,
    unique: usize,
    function: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Add { priority: Priority, due: u64, data: Data, reducer: Option<usize> },
    Done,
}

#[derive(Debug)]
enum Data {
    Here(usize),
    Shared(Bytes),
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn push(&mut self, name: &Name<'_>, kind: Kind) {
        let Name { id, unique, function } = name;
        self.bytes.extend_from_slice(unique);
        self.bytes.extend_from_slice(function);
        self.entries.push(Entry { id: *id, unique: unique.len(), function: function.len(), kind });
    }

    fn add(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) {
        let Row { name, priority, due, extras, .. } = row;
        let (priority, due, reducer) = (*priority, *due, extras.reducer.map(<[u8]>::len));
        let small = row.data.len() < SHARE;
        let data = if small { Data::Here(row.data.len()) } else { Data::Shared(data()) };
        self.push(name, Kind::Add { priority, due, data, reducer });
        self.bytes.extend_from_slice(if small { row.data } else { b"" });
        self.bytes.extend_from_slice(extras.reducer.unwrap_or_default());
    }

    /// A stored job is over.
    pub(crate) fn done(&mut self, name: &Name<'_>) {
        self.push(name, Kind::Done);
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut rest = &self.bytes[..];
        let mut part = move |len: usize| {
            let (part, after) = rest.split_at(len);
            rest = after;
            part
        };
        self.entries.iter().map(move |entry| {
            let name = Name { id: entry.id, unique: part(entry.unique), function: part(entry.function) };
            let Kind::Add { priority, due, data, reducer } = &entry.kind else { return Change::Done(name) };
            let data = match data {
                Data::Here(len) => part(*len),
                Data::Shared(bytes) => bytes,
            };
            let extras = Extras { reducer: reducer.map(&mut part) };
            Change::Add(Row { name, priority: *priority, data, due: *due, extras })
        })
    }
}

/// What became of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchResult {
    /// Of all up to this one that were not settled before.
    pub(crate) batch: u64,
    /// Their jobs are stored; all of them, or none.
    pub(crate) added: bool,
    /// All jobs that are over are removed.
    pub(crate) done: bool,
    /// Counted until now.
    pub(crate) stats: Stats,
}

/// What a durable queue did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) commits: u64,
    /// Jobs added and removed by them.
    pub(crate) changes: u64,
    /// The longest that one commit took.
    pub(crate) longest: Duration,
    /// Since then nothing can be written.
    pub(crate) failing_since: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: u64, unique: &[u8]) -> Name<'_> {
        Name { id, unique, function: b"f" }
    }

    fn row<'a>(id: u64, unique: &'a [u8], data: &'a [u8]) -> Row<'a> {
        Row { name: name(id, unique), priority: Priority::Low, data, due: 5, extras: Extras::default() }
    }

    #[test]
    fn changes_are_read_as_they_were_made() {
        let mut changes = PendingChanges::default();
        let large = vec![b'x'; SHARE];
        assert_eq!(changes.add(&row(1, b"k", b"data"), || panic!("small ones are copied")), 1);
        changes.done(&name(1, b"k"));
        let joined = |id, data| Row { extras: Extras { reducer: Some(b"join") }, ..row(id, b"", data) };
        changes.add(&joined(2, &large), || Bytes::from(large.clone()));
        changes.add(&joined(3, b"small"), Bytes::new);
        changes.add(&Row { extras: Extras { reducer: Some(b"") }, ..row(4, b"", b"") }, Bytes::new);
        changes.add(&row(5, b"l", b""), Bytes::new);
        let batch = changes.take().unwrap();
        let changes: Vec<_> = batch.changes().collect();
        let wanted = [
            Change::Add(row(1, b"k", b"data")),
            Change::Done(name(1, b"k")),
            Change::Add(joined(2, &large)),
            Change::Add(joined(3, b"small")),
            Change::Add(Row { extras: Extras { reducer: Some(b"") }, ..row(4, b"", b"") }),
            Change::Add(row(5, b"l", b"")),
        ];
        assert_eq!(changes, wanted);
    }

    #[test]
    fn who_waits_for_what() {
        let mut changes = PendingChanges::default();
        assert_eq!((changes.last(), changes.take().is_none()), (None, true));
        changes.add(&row(1, b"k", b""), Bytes::new);
        assert_eq!(changes.last(), Some(1));
        assert_eq!(changes.take().unwrap().number, 1);
        assert_eq!(changes.last(), Some(1));
        assert_eq!(changes.add(&row(2, b"l", b""), Bytes::new), 2);
        assert_eq!((changes.last(), changes.batch_of(1), changes.batch_of(2)), (Some(2), Some(1), Some(2)));
        changes.settle(1);
        assert_eq!((changes.next_settled(), changes.next_settled()), (Some(1), None));
        assert_eq!((changes.last(), changes.batch_of(1)), (Some(2), None));
        changes.take();
        changes.settle(2);
        assert_eq!((changes.next_settled(), changes.last()), (Some(2), None));
    }
}
