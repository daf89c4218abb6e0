//! What the broker wants to be changed, in the order in which it is asked of the store: round after round, first what became of jobs, then
//! new jobs.
//!
//! Knows nothing of epochs, leases and answers' ways. What always holds: a change of a job comes after the one that adds it, and a
//! new job after all ends that the broker reported before it: it may have the key of one of them. No two rows of a round have
//! the same key: the second is the same job as the first.

use crate::cluster::ask::{Death, Inserted, JobRow, Key, RUN, Settle};
use crate::durable::batch::Batch;
use crate::durable::{Change, DeadLetter, Setting};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// With so many changes a round ends, at the end of a batch.
const ROUND: usize = 1_000;
/// Or with so many bytes of new jobs.
const ROUND_BYTES: usize = 4 << 20;
/// Most changes that are asked for at once.
const AT_ONCE: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// In no round yet.
    stream: VecDeque<Entry>,
    /// What became of jobs, still to be asked for: of this round, and of those before that could not be made.
    settles: VecDeque<Settle>,
    /// How far jobs are, that nothing else is to be asked for of: the last that was said.
    progress: BTreeMap<u64, (u32, u32)>,
    /// The new jobs of this round.
    pub(crate) round: Option<Round>,
    /// The new jobs of the batch that the last round ended within, and what became of them. It is reported with their batch.
    begun: Vec<(u64, Option<Inserted>)>,
}

#[derive(Debug)]
enum Entry {
    Add(JobRow),
    Settle(Settle),
    /// Of this batch.
    End(u64),
}

/// New jobs that are asked for together.
#[derive(Debug, Default)]
pub(crate) struct Round {
    adds: Vec<Add>,
    /// The last batch that ends with it.
    end: Option<u64>,
    /// So many of the jobs are of batches up to that.
    ended: usize,
}

#[derive(Debug)]
struct Add {
    row: JobRow,
    /// Its key is that of this one, before it.
    same: Option<usize>,
    outcome: Option<Inserted>,
}

/// What became of batches up to this one: whether their jobs are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) batch: u64,
    pub(crate) added: bool,
}

impl Settle {
    /// The job or dead letter that it is of.
    pub(crate) fn id(&self) -> Option<u64> {
        match self {
            Settle::Done(id)
            | Settle::Retry { id, .. }
            | Settle::Started(id)
            | Settle::Progress { id, .. }
            | Settle::Release(id)
            | Settle::Forget(id)
            | Settle::Revive(id) => Some(*id),
            Settle::Bury(death) => Some(death.id),
            Settle::Set(..) | Settle::Unset(_) => None,
        }
    }

    /// The key of the setting that it is of.
    pub(crate) fn setting(&self) -> Option<&Bytes> {
        match self {
            Settle::Set(key, _) | Settle::Unset(key) => Some(key),
            _ => None,
        }
    }

    /// Nobody waits for it, and it is of no use under another epoch.
    pub(crate) fn is_remark(&self) -> bool {
        matches!(self, Settle::Started(_) | Settle::Progress { .. })
    }

    /// It frees a job that nobody has ended, and that any server may have at once.
    pub(crate) fn gives_back(&self) -> bool {
        matches!(self, Settle::Release(_) | Settle::Retry { due_ms: 0, .. })
    }

    /// Does it say when a schedule ran?
    pub(crate) fn is_run(&self) -> bool {
        self.setting().is_some_and(|key| key.starts_with(RUN))
    }
}

/// What a change asks of the store; `None` where it adds a job.
fn settle(change: &Change<'_>) -> Option<Settle> {
    let copy = Bytes::copy_from_slice;
    Some(match change {
        Change::Add(_) => return None,
        Change::Done(name) => Settle::Done(name.id),
        Change::Retry { name, tries, first_ms, due_ms } => {
            Settle::Retry { id: name.id, tries: *tries, first_ms: *first_ms, due_ms: *due_ms }
        }
        Change::Bury(DeadLetter { row, last_ms, reason, text, worker }) => Settle::Bury(Box::new(Death {
            id: row.name.id,
            tries: row.extras.tries,
            first_ms: row.extras.first_ms,
            last_ms: *last_ms,
            reason: copy(reason),
            text: copy(text),
            worker: copy(worker),
        })),
        Change::Forget(id) => Settle::Forget(*id),
        Change::Revive(row) => Settle::Revive(row.name.id),
        Change::Set(Setting { key, value }) => Settle::Set(copy(key), copy(value)),
        Change::Unset(key) => Settle::Unset(copy(key)),
    })
}

impl Changes {
    /// Takes a batch in, and reports the jobs that something became of.
    pub(crate) fn push(&mut self, batch: &Batch, mut ending: impl FnMut(u64)) {
        for change in batch.changes() {
            if let Change::Done(name) | Change::Retry { name, .. } = change {
                ending(name.id);
            } else if let Change::Bury(letter) = change {
                ending(letter.row.name.id);
            }
            self.stream.push_back(match (settle(&change), &change) {
                (None, Change::Add(row)) => Entry::Add(JobRow::from(row)),
                (Some(settle), _) => Entry::Settle(settle),
                (None, _) => continue,
            });
        }
        self.stream.push_back(Entry::End(batch.number));
    }

    /// Something else is to be asked for with the next.
    pub(crate) fn also(&mut self, settle: Settle) {
        self.settles.push_back(settle);
    }

    /// A job is so far. 0 of 0: see [`Settle::Progress`].
    pub(crate) fn progress(&mut self, id: u64, numerator: u32, denominator: u32) {
        self.progress.insert(id, (numerator, denominator));
    }

    /// An epoch is lost: what only owners may do need not be done.
    pub(crate) fn lose(&mut self) {
        self.settles.retain(|settle| !settle.is_remark() && !matches!(settle, Settle::Release(_)));
        self.progress.clear();
    }

    /// Nor what only the eldest may.
    pub(crate) fn lose_runs(&mut self) {
        self.settles.retain(|settle| !settle.is_run());
        self.stream.retain(|entry| !matches!(entry, Entry::Settle(settle) if settle.is_run()));
    }

    /// All that became of jobs and settings, and was not asked for.
    pub(crate) fn settles(&self) -> impl Iterator<Item = &Settle> {
        let stream = self.stream.iter().filter_map(|entry| match entry {
            Entry::Settle(settle) => Some(settle),
            Entry::Add(_) | Entry::End(_) => None,
        });
        self.settles.iter().chain(stream)
    }

    /// Are there new jobs to be stored, or batches that nothing was reported of?
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.stream.is_empty() || self.round.is_some()
    }

    /// Nothing is to be asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.stream.is_empty() && self.settles.is_empty() && self.progress.is_empty() && self.round.is_none()
    }

    /// All that became of jobs was asked for.
    pub(crate) fn are_settled(&self) -> bool {
        self.settles.iter().all(Settle::is_remark)
    }

    /// The next round begins, where there is something to be done and none is under way.
    pub(crate) fn begin_round(&mut self) {
        if self.round.is_some() || self.stream.is_empty() {
            return;
        }
        let (mut round, mut ids, mut count, mut bytes) = (Round::default(), HashSet::new(), 0, 0);
        while let Some(entry) = self.stream.pop_front() {
            count += 1;
            match entry {
                Entry::Settle(settle) if settle.id().is_some_and(|id| ids.contains(&id)) => {
                    self.stream.push_front(Entry::Settle(settle));
                    break;
                }
                Entry::Settle(settle) => self.settles.push_back(settle),
                Entry::Add(row) => {
                    ids.insert(row.id);
                    bytes += row.data.len();
                    round.adds.push(Add { row, same: None, outcome: None });
                }
                Entry::End(batch) => {
                    round.end = Some(batch);
                    round.ended = round.adds.len();
                    if count >= ROUND || bytes >= ROUND_BYTES {
                        break;
                    }
                }
            }
        }
        round.fold();
        self.round = Some(round);
    }

    /// The next of what became of jobs, that may be asked for together: each job once, and each setting.
    pub(crate) fn next_settles(&mut self) -> Vec<Settle> {
        let (mut ids, mut settings, mut next) = (HashSet::new(), HashSet::new(), Vec::new());
        while let Some(settle) = self.settles.front().filter(|_| next.len() < AT_ONCE) {
            let new = match (settle.id(), settle.setting()) {
                (Some(id), _) => ids.insert(id),
                (None, Some(key)) => settings.insert(key.clone()),
                (None, None) => true,
            };
            if !new {
                break;
            }
            next.extend(self.settles.pop_front());
        }
        let room = AT_ONCE - next.len();
        let progress = self.progress.iter().filter(|(id, _)| !ids.contains(id)).take(room);
        let progress: Vec<_> = progress.map(|(id, said)| (*id, *said)).collect();
        for (id, (numerator, denominator)) in progress {
            self.progress.remove(&id);
            next.push(Settle::Progress { id, numerator, denominator });
        }
        next
    }

    /// Those were not made, and are to be asked for before all others.
    pub(crate) fn put_back(&mut self, settles: Vec<Settle>) {
        settles.into_iter().rev().for_each(|settle| self.settles.push_front(settle));
    }

    /// Is a batch begun of which nothing was reported?
    pub(crate) fn is_in_batch(&self) -> bool {
        !self.begun.is_empty()
    }

    /// The round is over. Each new job of the batches that end with it is reported, with what became of it and whether all are
    /// refused, as they are where of one it is not known. What became of these batches.
    pub(crate) fn end_round(&mut self, mut report: impl FnMut(u64, Option<Inserted>, bool)) -> Option<Ended> {
        let round = self.round.take()?;
        self.begun.extend(round.adds.iter().enumerate().map(|(at, add)| (add.row.id, round.outcome(at))));
        let batch = round.end?;
        let rest = self.begun.len() - (round.adds.len() - round.ended);
        let rest = self.begun.split_off(rest);
        let over = std::mem::replace(&mut self.begun, rest);
        let refused = over.iter().any(|(_, outcome)| outcome.is_none());
        over.into_iter().for_each(|(id, outcome)| report(id, outcome, refused));
        Some(Ended { batch, added: !refused })
    }

    /// All new jobs that are not stored yet are refused.
    pub(crate) fn refuse(&mut self, mut report: impl FnMut(u64, Option<Inserted>, bool)) -> Vec<Ended> {
        let mut ended = Vec::from_iter(self.end_round(&mut report));
        while !self.stream.is_empty() {
            self.begin_round();
            ended.extend(self.end_round(&mut report));
        }
        ended
    }
}

impl Round {
    /// Those with the key of one before are the same job.
    fn fold(&mut self) {
        let mut keys: HashMap<Key<'_>, usize> = HashMap::new();
        let mut same = Vec::new();
        for (at, add) in self.adds.iter().enumerate() {
            if let Some(key) = add.row.key() {
                let first = *keys.entry(key).or_insert(at);
                same.extend((first != at).then_some((at, first)));
            }
        }
        same.into_iter().for_each(|(at, first)| self.adds[at].same = Some(first));
    }

    fn outcome(&self, at: usize) -> Option<Inserted> {
        let Some(first) = self.adds[at].same else { return self.adds[at].outcome };
        match self.adds[first].outcome? {
            Inserted::Stored | Inserted::Over => Some(Inserted::Exists(self.adds[first].row.id)),
            other => Some(other),
        }
    }

    /// Those that are to be asked for, in the order of their keys.
    pub(crate) fn missing(&self) -> Vec<(usize, &JobRow)> {
        let missing = self.adds.iter().enumerate().filter(|(_, add)| add.same.is_none() && add.outcome.is_none());
        let mut missing: Vec<_> = missing.map(|(at, add)| (at, &add.row)).collect();
        missing.sort_by_key(|(_, row)| row.key());
        missing
    }

    /// What became of one of them.
    pub(crate) fn set(&mut self, at: usize, outcome: Inserted) {
        self.adds[at].outcome = Some(outcome).filter(|outcome| *outcome != Inserted::Missed);
    }
}
