//! Changes on their way to the durable queue. The server takes a [`Batch`] at the end of a round, and later reports what
//! became of it by its number. Knows nothing of threads and files.
//!
//! What always holds: batches are numbered without gaps and settled in order, and changes are read in the order in which
//! they were made. Only jobs that are to be added may be refused; all other changes are made sooner or later.

#[cfg(test)]
mod tests;

use crate::durable::{Change, DeadLetter, Extras, Name, Row, Setting};
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
    /// The jobs of the settled batches that were to be added are stored.
    added: bool,
    /// Jobs that are to be added.
    adding: OnTheirWay,
    /// Stored jobs that wait for a change of theirs.
    changing: OnTheirWay,
    /// Changes could not be made: the queue is still to make them.
    pub(crate) undone: bool,
}

/// Jobs on their way to the queue.
#[derive(Debug, Default)]
struct OnTheirWay {
    /// Their batches and ids.
    jobs: VecDeque<(u64, u64)>,
    /// The same by id, the last batch of each: a submit that joins one of them asks, however many there are.
    batches: HashMap<u64, u64>,
}

impl OnTheirWay {
    fn push(&mut self, batch: u64, id: u64) {
        self.jobs.push_back((batch, id));
        self.batches.insert(id, batch);
    }

    /// The next of those that went with batches up to this one, unless it is on its way once more, with a later batch.
    fn next(&mut self, settled: u64) -> Option<(u64, bool)> {
        let (batch, id) = *self.jobs.front().filter(|(batch, _)| *batch <= settled)?;
        self.jobs.pop_front();
        let last = self.batches.get(&id) == Some(&batch);
        if last {
            self.batches.remove(&id);
        }
        Some((id, last))
    }
}

/// What became of a job on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is stored, with all that was changed of it until now.
    Stored(u64),
    /// It could not be added.
    Refused(u64),
}

impl PendingChanges {
    /// A job is to be stored. The batch it goes with.
    pub(crate) fn add(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) -> u64 {
        self.batch.add(row, data);
        self.adding.push(self.next_batch(), row.name.id);
        self.next_batch()
    }

    /// A stored job is over.
    pub(crate) fn done(&mut self, name: &Name<'_>) {
        self.batch.done(name);
    }

    /// A try of a stored job has failed; see [`Change::Retry`]. The batch this goes with: after it, the job is
    /// [`Settled::Stored`].
    pub(crate) fn retry(&mut self, name: &Name<'_>, tries: u16, first_ms: u64, due_ms: u64) -> u64 {
        self.batch.push(name, Kind::Retry { tries, first_ms, due_ms });
        self.changing.push(self.next_batch(), name.id);
        self.next_batch()
    }

    /// A job becomes a dead letter; see [`Change::Bury`]. Of jobs that were never stored, this comes before others with
    /// their keys are added. The batch it goes with.
    pub(crate) fn bury(&mut self, letter: &DeadLetter<'_>, data: impl FnOnce() -> Bytes) -> u64 {
        self.batch.bury(letter, data);
        self.next_batch()
    }

    /// A dead letter is not kept any more. The batch this goes with.
    pub(crate) fn forget(&mut self, id: u64) -> u64 {
        self.batch.forget(id);
        self.next_batch()
    }

    /// A dead letter becomes a job again. The batch this goes with: after it, the job is [`Settled::Stored`].
    pub(crate) fn revive(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) -> u64 {
        self.batch.revive(row, data);
        self.changing.push(self.next_batch(), row.name.id);
        self.next_batch()
    }

    /// A setting has a value. The batch this goes with.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> u64 {
        self.batch.setting(key, value, Kind::Set);
        self.next_batch()
    }

    /// A setting is gone. The batch this goes with.
    pub(crate) fn unset(&mut self, key: &[u8]) -> u64 {
        self.batch.setting(key, b"", Kind::Unset);
        self.next_batch()
    }

    /// Something waits for the next batch, though it may change nothing. Which that is.
    pub(crate) fn want(&mut self) -> u64 {
        self.batch.wanted = true;
        self.next_batch()
    }

    /// The one that is being filled.
    fn next_batch(&self) -> u64 {
        self.taken + 1
    }

    /// The batch that a job is added with, while it is on its way.
    pub(crate) fn batch_of(&self, id: u64) -> Option<u64> {
        self.adding.batches.get(&id).copied()
    }

    /// Whether a stored job waits for a change of it.
    pub(crate) fn is_changing(&self, id: u64) -> bool {
        self.changing.batches.contains_key(&id)
    }

    /// The batch after which all that was changed until now is stored; `None` when it is.
    pub(crate) fn last(&self) -> Option<u64> {
        match self.batch.is_empty() {
            false => Some(self.next_batch()),
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

    /// It is known what became of more batches. After that, [`PendingChanges::next_settled`] tells of their jobs.
    pub(crate) fn settle(&mut self, result: &BatchResult) {
        (self.settled, self.added, self.undone) = (result.batch, result.added, !result.done);
    }

    /// The next job of which it is known what became of it.
    pub(crate) fn next_settled(&mut self) -> Option<Settled> {
        while let Some((id, _)) = self.adding.next(self.settled) {
            match self.added {
                true if self.is_changing(id) => {}
                true => return Some(Settled::Stored(id)),
                false => return Some(Settled::Refused(id)),
            }
        }
        // What could not be changed will be.
        while !self.undone
            && let Some((id, last)) = self.changing.next(self.settled)
        {
            if last {
                return Some(Settled::Stored(id));
            }
        }
        None
    }

    /// Jobs on their way: those that are to be added, and those that wait for a change.
    pub(crate) fn storing(&self) -> impl Iterator<Item = u64> {
        self.adding().chain(self.changing.jobs.iter().map(|(_, id)| *id))
    }

    /// Jobs that are to be added.
    pub(crate) fn adding(&self) -> impl Iterator<Item = u64> {
        self.adding.jobs.iter().map(|(_, id)| *id)
    }
}

/// Changes in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// It is to be settled even if nothing changes.
    wanted: bool,
    /// Nobody can ask for these jobs once more: they are stored now, or lost.
    pub(crate) last: bool,
    entries: Vec<Entry>,
    /// Keys, functions, small workloads, reducers and what else there is of all entries, one after the other.
    bytes: Vec<u8>,
}

/// One change. Lengths are of parts of `Batch::bytes`, in this order.
#[derive(Debug)]
struct Entry {
    id: u64,
    /// A unique key; or that of a setting.
    key: usize,
    /// A function; or the value of a setting.
    function: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Add(Job),
    Done,
    Retry { tries: u16, first_ms: u64, due_ms: u64 },
    Bury(Box<Dead>),
    Forget,
    Revive(Job),
    Set,
    Unset,
}

/// What a job has beside its name.
#[derive(Debug)]
struct Job {
    priority: Priority,
    tries: u16,
    due_ms: u64,
    first_ms: u64,
    data: Data,
    reducer: Option<u32>,
}

#[derive(Debug)]
enum Data {
    Here(usize),
    Shared(Bytes),
}

/// What a dead letter has beside its name.
#[derive(Debug)]
struct Dead {
    job: Job,
    last_ms: u64,
    reason: usize,
    text: usize,
    worker: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.wanted
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn push(&mut self, name: &Name<'_>, kind: Kind) {
        let Name { id, unique, function } = name;
        self.bytes.extend_from_slice(unique);
        self.bytes.extend_from_slice(function);
        self.entries.push(Entry { id: *id, key: unique.len(), function: function.len(), kind });
    }

    fn push_row(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes, kind: impl FnOnce(Job) -> Kind) {
        let Row { name, priority, due_ms, extras, .. } = row;
        let (reducer, small) = (extras.reducer.map(|reducer| reducer.len() as u32), row.data.len() < SHARE);
        let data = if small { Data::Here(row.data.len()) } else { Data::Shared(data()) };
        let Extras { tries, first_ms, .. } = *extras;
        self.push(name, kind(Job { priority: *priority, tries, due_ms: *due_ms, first_ms, data, reducer }));
        self.bytes.extend_from_slice(if small { row.data } else { b"" });
        self.bytes.extend_from_slice(extras.reducer.unwrap_or_default());
    }

    fn add(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) {
        self.push_row(row, data, Kind::Add);
    }

    fn revive(&mut self, row: &Row<'_>, data: impl FnOnce() -> Bytes) {
        self.push_row(row, data, Kind::Revive);
    }

    fn bury(&mut self, letter: &DeadLetter<'_>, data: impl FnOnce() -> Bytes) {
        let DeadLetter { row, last_ms, reason, text, worker } = letter;
        let parts = [reason, text, worker];
        let [reason, text, worker] = parts.map(|part| part.len());
        let kind = |job| Kind::Bury(Box::new(Dead { job, last_ms: *last_ms, reason, text, worker }));
        self.push_row(row, data, kind);
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
    }

    fn forget(&mut self, id: u64) {
        self.push(&Name { id, unique: b"", function: b"" }, Kind::Forget);
    }

    fn setting(&mut self, key: &[u8], value: &[u8], kind: Kind) {
        self.push(&Name { id: 0, unique: key, function: value }, kind);
    }

    /// A stored job is over.
    pub(crate) fn done(&mut self, name: &Name<'_>) {
        self.push(name, Kind::Done);
    }

    /// A change that is still to be made, but for those that add jobs.
    pub(crate) fn keep(&mut self, change: &Change<'_>) {
        match change {
            Change::Add(_) => {}
            Change::Done(name) => self.done(name),
            Change::Retry { name, tries, first_ms, due_ms } => {
                let (tries, first_ms, due_ms) = (*tries, *first_ms, *due_ms);
                self.push(name, Kind::Retry { tries, first_ms, due_ms });
            }
            Change::Bury(letter) => self.bury(letter, || Bytes::copy_from_slice(letter.row.data)),
            Change::Forget(id) => self.forget(*id),
            Change::Revive(row) => self.revive(row, || Bytes::copy_from_slice(row.data)),
            Change::Set(setting) => self.setting(setting.key, setting.value, Kind::Set),
            Change::Unset(key) => self.setting(key, b"", Kind::Unset),
        }
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut parts = Parts(&self.bytes);
        self.entries.iter().map(move |entry| parts.change(entry))
    }
}

/// The bytes of changes that are still to be read.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self, len: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(len);
        self.0 = rest;
        part
    }

    fn row(&mut self, name: Name<'a>, job: &'a Job) -> Row<'a> {
        let Job { priority, tries, due_ms, first_ms, data, reducer } = job;
        let data = match data {
            Data::Here(len) => self.next(*len),
            Data::Shared(bytes) => bytes,
        };
        let reducer = reducer.map(|len| self.next(len as usize));
        let extras = Extras { reducer, tries: *tries, first_ms: *first_ms };
        Row { name, priority: *priority, data, due_ms: *due_ms, extras }
    }

    fn change(&mut self, entry: &'a Entry) -> Change<'a> {
        let name = Name { id: entry.id, unique: self.next(entry.key), function: self.next(entry.function) };
        match &entry.kind {
            Kind::Add(job) => Change::Add(self.row(name, job)),
            Kind::Done => Change::Done(name),
            Kind::Retry { tries, first_ms, due_ms } => {
                Change::Retry { name, tries: *tries, first_ms: *first_ms, due_ms: *due_ms }
            }
            Kind::Bury(dead) => {
                let row = self.row(name, &dead.job);
                let [reason, text, worker] = [dead.reason, dead.text, dead.worker].map(|len| self.next(len));
                Change::Bury(DeadLetter { row, last_ms: dead.last_ms, reason, text, worker })
            }
            Kind::Forget => Change::Forget(entry.id),
            Kind::Revive(job) => Change::Revive(self.row(name, job)),
            Kind::Set => Change::Set(Setting { key: name.unique, value: name.function }),
            Kind::Unset => Change::Unset(name.unique),
        }
    }
}

/// What became of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchResult {
    /// Of all up to this one that were not settled before.
    pub(crate) batch: u64,
    /// Their new jobs are stored; all of them, or none.
    pub(crate) added: bool,
    /// But for so many of those that were to be stored at the end.
    pub(crate) lost: usize,
    /// All else that was to be changed is.
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
    /// All of them together.
    pub(crate) busy: Duration,
    /// How many took less than each of [`COMMIT_TIMES`], and not less than the one before; the last took longer than all.
    pub(crate) times: [u64; COMMIT_TIMES.len() + 1],
    /// Commits that failed, and attempts to find out whether others would.
    pub(crate) failed: u64,
    /// Since then jobs cannot be stored.
    pub(crate) failing_since: Option<Instant>,
}

/// In microseconds: where commits are told apart by how long they took.
pub(crate) const COMMIT_TIMES: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000];

impl Stats {
    /// A commit was made.
    pub(crate) fn commit(&mut self, changes: u64, took: Duration) {
        self.commits += 1;
        self.changes += changes;
        self.busy += took;
        self.longest = self.longest.max(took);
        self.times[COMMIT_TIMES.partition_point(|end| Duration::from_micros(*end) <= took)] += 1;
    }
}
