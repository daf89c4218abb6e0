//! The thread that brings changes to the durable queue. All that came while it was busy goes with the next commit: a commit
//! is shared by as many as wait for it, and nobody else waits.
//!
//! It owns the backend. What always holds: batches are settled in order; what could not be changed is kept until it is, and
//! goes before anything else. Only jobs that are to be added are refused instead: all of a commit, but for the last one. A queue
//! that failed is looked after until jobs can be stored again, also where none come because it is known to fail.

#[cfg(test)]
mod tests;

use crate::durable::batch::{Batch, BatchResult, Stats};
use crate::durable::{Backend, BackendError, Change, DeadLetter, Extras, Name, Row};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long until it is tried again to make the changes that were not made, or to store anything.
const AGAIN: Duration = Duration::from_secs(1);
/// And at the end, when nobody else waits.
const PAUSE: Duration = Duration::from_millis(100);
/// When so many jobs were tried alone in vain, it is not because they are too large.
const ALONE: usize = 1000;
/// Most batches of one commit.
const BATCHES: usize = 10_000;

/// The thread, from the server's side. It ends, and is waited for, when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to serve a queue. The receiver gets what became of the batches.
    ///
    /// # Errors
    /// The system's, when there can be no thread.
    pub(crate) fn start(
        queue: Box<dyn Backend>,
        patience: Duration,
    ) -> io::Result<(Writer, UnboundedReceiver<BatchResult>)> {
        let (batches, received) = channel();
        let (results, reported) = unbounded_channel();
        let writer = WriterThread::new(queue, patience, results);
        let work = move || writer.run(&received);
        let thread = std::thread::Builder::new().name("gearmand-queue".into()).spawn(work)?;
        Ok((Writer { batches: Some(batches), thread: Some(thread) }, reported))
    }

    /// Hands a batch over. False: the thread is gone, and nothing will be stored any more.
    pub(crate) fn send(&self, batch: Batch) -> bool {
        self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_ok())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the durable queue panicked");
        }
    }
}

struct WriterThread {
    queue: Box<dyn Backend>,
    /// How long an end tries to write what would be lost.
    patience: Duration,
    /// Changes that could not be made.
    undone: Batch,
    /// The last batch that came.
    last: u64,
    stats: Stats,
    results: UnboundedSender<BatchResult>,
}

impl WriterThread {
    fn new(queue: Box<dyn Backend>, patience: Duration, results: UnboundedSender<BatchResult>) -> WriterThread {
        WriterThread { queue, patience, undone: Batch::default(), last: 0, stats: Stats::default(), results }
    }

    fn run(mut self, received: &Receiver<Batch>) {
        let mut batches = Vec::new();
        loop {
            let first = match self.undone.is_empty() && self.stats.failing_since.is_none() {
                true => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => received.recv_timeout(AGAIN),
            };
            match first {
                Ok(batch) => batches.push(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            batches.extend(received.try_iter().take(BATCHES));
            self.commit(&batches);
            batches.clear();
        }
        if !self.undone.is_empty() {
            let _ = self.patiently(|this| this.store(&[], |_| true));
        }
        let Stats { commits, changes, .. } = self.stats;
        tracing::info!("the durable queue wrote {changes} changes in {commits} commits");
        let done = self.undone.changes().filter(|change| matches!(change, Change::Done(_))).count();
        if done > 0 {
            tracing::error!("{done} jobs that are done could not be removed from the queue, and will be run again");
        }
        let others = self.undone.len() - done;
        if others > 0 {
            tracing::error!(
                "{others} changes could not be written to the queue: tries, dead letters or settings are as before"
            );
        }
    }

    fn commit(&mut self, batches: &[Batch]) {
        let (mut added, mut lost) = (true, 0);
        match self.store(batches, |_| true) {
            Err(_) if batches.iter().any(|batch| batch.last) => (added, lost) = self.store_last(batches),
            Err(error) => added = self.without_room(batches, &error),
            Ok(()) if self.stats.failing_since.is_some() => self.look_again(batches),
            Ok(()) => {}
        }
        let done = self.undone.is_empty();
        // To nobody when the server has stopped.
        self.last = batches.last().map_or(self.last, |batch| batch.number);
        let _ = self.results.send(BatchResult { batch: self.last, added, lost, done, stats: self.stats });
    }

    /// The queue failed, and these were stored. That jobs were among them shows that it works again; where none were, it is
    /// asked, as there may be room for what is over alone.
    fn look_again(&mut self, batches: &[Batch]) {
        let stored = batches.iter().flat_map(Batch::changes).any(|change| adds(&change));
        match if stored { Ok(()) } else { self.queue.probe() } {
            Ok(()) => {
                self.stats.failing_since = None;
                tracing::warn!("the durable queue works again");
            }
            Err(error) => {
                self.stats.failed += 1;
                tracing::debug!("jobs still cannot be stored: {error}");
            }
        }
    }

    /// Not all can be stored: what must not be refused is, or is kept. Whether no job is refused.
    fn without_room(&mut self, batches: &[Batch], error: &BackendError) -> bool {
        self.failed(error);
        let refused = batches.iter().flat_map(Batch::changes).any(|change| adds(&change));
        if !refused || self.store(batches, |change| !adds(change)).is_err() {
            self.keep(batches, error.held);
        }
        !refused
    }

    /// The server ends, and these were not stored. The queue may be away, or one job too large for it: as long as there is
    /// patience, all that it takes is stored at once, as somebody may soon end the end. Whether jobs are stored, and how many
    /// of them are not.
    fn store_last(&mut self, batches: &[Batch]) -> (bool, usize) {
        let (mut others, mut left) = (false, added(batches));
        let all = left.len();
        let stored = self.patiently(|this| {
            if !others {
                this.store(batches, |change| !adds(change))?;
                others = true;
            }
            this.store_apart(&mut left)
        });
        let Err(error) = stored else { return (true, 0) };
        if !others {
            return (self.without_room(batches, &error), 0);
        }
        self.failed(&error);
        for Row { name, data, .. } in left.iter().take(ALONE) {
            let (number, function, size) = (name.id, name.function.escape_ascii(), data.len());
            tracing::error!("job {number} of {function} with a workload of {size} bytes is lost");
        }
        if left.len() < all { (true, left.len()) } else { (false, 0) }
    }

    /// Stores these jobs; or halves of them, and halves of the halves that are refused. Those that are left stay.
    fn store_apart(&mut self, jobs: &mut Vec<Row<'_>>) -> Result<(), BackendError> {
        let (mut parts, mut stored) = (vec![std::mem::take(jobs)], Ok(()));
        while let Some(mut part) = parts.pop() {
            match self.write(part.iter().copied().map(Change::Add)) {
                Ok(()) => {}
                // It is not because of these.
                Err(error) if error.held => {
                    parts.push(part);
                    jobs.extend(parts.into_iter().rev().flatten());
                    return Err(error);
                }
                Err(error) if part.len() <= 1 || jobs.len() >= ALONE => {
                    jobs.append(&mut part);
                    stored = Err(error);
                }
                Err(_) => {
                    parts.push(part.split_off(part.len() / 2));
                    parts.push(part);
                }
            }
        }
        stored
    }

    /// Keeps what could not be changed, for later. Where the disk is full, at least no job runs twice: what is over is
    /// removed, ahead of its turn.
    fn keep(&mut self, batches: &[Batch], held: bool) {
        let undone = std::mem::take(&mut self.undone);
        let all = || undone.changes().chain(batches.iter().flat_map(Batch::changes));
        let over = Over::of(all());
        let removed =
            !held && over.is_sooner(all()) && self.write(all().filter_map(|change| over.removal(change))).is_ok();
        all().filter(|change| !removed || !over.is_of(change)).for_each(|change| self.undone.keep(&change));
    }

    /// The server ends: what fails is tried again, as another program may hold the file for a while.
    fn patiently(
        &mut self,
        mut store: impl FnMut(&mut WriterThread) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let begin = Instant::now();
        let mut reported = false;
        loop {
            let stored = store(self);
            let Err(error) = &stored else { return stored };
            if begin.elapsed() >= self.patience {
                return stored;
            }
            if !std::mem::replace(&mut reported, true) {
                let seconds = self.patience.as_secs();
                tracing::error!("{error}; the end waits for it, up to {seconds} s: else jobs are lost or run again");
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Brings those of these changes to disk, after all that are kept, or none.
    fn store(&mut self, batches: &[Batch], which: impl Fn(&Change<'_>) -> bool) -> Result<(), BackendError> {
        let undone = std::mem::take(&mut self.undone);
        let changes = batches.iter().flat_map(Batch::changes).filter(which);
        let stored = self.write(undone.changes().chain(changes));
        if stored.is_err() {
            self.undone = undone;
        }
        stored
    }

    fn write<'a>(&mut self, changes: impl Iterator<Item = Change<'a>>) -> Result<(), BackendError> {
        let (begin, mut count) = (Instant::now(), 0);
        let committed = self.queue.commit(&mut (1..).zip(changes).map(|(n, change)| {
            count = n;
            change
        }));
        match &committed {
            Err(_) => self.stats.failed += 1,
            Ok(()) if count > 0 => self.stats.commit(count, begin.elapsed()),
            Ok(()) => {}
        }
        committed
    }

    fn failed(&mut self, error: &BackendError) {
        if self.stats.failing_since.is_none() {
            self.stats.failing_since = Some(Instant::now());
            tracing::error!("jobs are refused, they cannot be stored: {error}");
        }
    }
}

fn adds(change: &Change<'_>) -> bool {
    matches!(change, Change::Add(_))
}

/// The jobs that these add, as all these changes leave them: some were tried since; those that are over are left out. They
/// may be added after all other changes, as who had their keys before is over, and nobody had them since.
fn added(batches: &[Batch]) -> Vec<Row<'_>> {
    let mut rows: BTreeMap<u64, Row<'_>> = BTreeMap::new();
    for change in batches.iter().flat_map(Batch::changes) {
        match change {
            Change::Add(row) => {
                rows.insert(row.name.id, row);
            }
            Change::Done(name) | Change::Bury(DeadLetter { row: Row { name, .. }, .. }) => {
                rows.remove(&name.id);
            }
            Change::Retry { name, tries, first_ms, due_ms } => {
                if let Some(row) = rows.get_mut(&name.id) {
                    row.due_ms = due_ms;
                    row.extras = Extras { tries, first_ms, ..row.extras };
                }
            }
            Change::Forget(_) | Change::Revive(_) | Change::Set(_) | Change::Unset(_) => {}
        }
    }
    rows.into_values().collect()
}

/// The ids of jobs and dead letters that are over, of all changes that could not be made. No later change is of them, so
/// that they may be removed before others are changed.
struct Over(HashSet<u64>);

impl Over {
    fn of<'a>(changes: impl Iterator<Item = Change<'a>>) -> Over {
        let (mut over, mut refused) = (HashSet::new(), HashSet::new());
        for change in changes {
            match change {
                Change::Done(Name { id, .. }) | Change::Forget(id) => over.insert(id),
                Change::Add(row) => refused.insert(row.name.id),
                _ => false,
            };
        }
        // Of a job that is refused there is nothing; under its key another may still be there, whose turn is to come.
        over.retain(|id| !refused.contains(id));
        Over(over)
    }

    fn is_of(&self, change: &Change<'_>) -> bool {
        match change {
            Change::Done(name) | Change::Retry { name, .. } => self.0.contains(&name.id),
            Change::Bury(DeadLetter { row, .. }) | Change::Revive(row) | Change::Add(row) => {
                self.0.contains(&row.name.id)
            }
            Change::Forget(id) => self.0.contains(id),
            Change::Set(_) | Change::Unset(_) => false,
        }
    }

    /// Whether there is something to be removed, and something else it need not wait for.
    fn is_sooner<'a>(&self, mut changes: impl Iterator<Item = Change<'a>>) -> bool {
        !self.0.is_empty()
            && changes.any(|change| !matches!(change, Change::Add(_) | Change::Done(_) | Change::Forget(_)))
    }

    /// What is left of a change where its job is over: nothing of it stays.
    fn removal<'a>(&self, change: Change<'a>) -> Option<Change<'a>> {
        match change {
            _ if !self.is_of(&change) => None,
            Change::Bury(DeadLetter { row, .. }) => Some(Change::Done(row.name)),
            Change::Revive(row) => Some(Change::Forget(row.name.id)),
            Change::Done(_) | Change::Forget(_) => Some(change),
            _ => None,
        }
    }
}
