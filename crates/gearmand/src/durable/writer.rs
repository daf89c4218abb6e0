//! The thread that brings changes to the durable queue. All that came while it was busy goes with the next commit: a commit
//! is shared by as many as wait for it, and nobody else waits.
//!
//! It owns the backend. What always holds: batches are settled in order; what could not be changed is kept until it is, and
//! goes before anything else. Only jobs that are to be added are refused instead: all of a commit, but for the last one. A queue
//! that failed is looked after until jobs can be stored again, also where none come because it is known to fail.

use crate::durable::batch::{Batch, BatchResult, Stats};
use crate::durable::{Backend, BackendError, Change, DeadLetter, Name, Row};
use std::collections::HashSet;
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
            Err(error) if batches.iter().any(|batch| batch.last) => (added, lost) = self.store_last(batches, &error),
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

    /// The server ends, and these were not stored. Where the queue refused them, one job may be too large for it: all that it
    /// takes is stored at once, as somebody may soon end the end. What is left is tried again. Whether jobs are stored, and
    /// how many of them are not.
    fn store_last(&mut self, batches: &[Batch], error: &BackendError) -> (bool, usize) {
        if error.held || self.store(batches, |change| !adds(change)).is_err() {
            return match self.patiently(|this| this.store(batches, |_| true)) {
                Ok(()) => (true, 0),
                Err(error) => (self.without_room(batches, &error), 0),
            };
        }
        let jobs = batches.iter().flat_map(Batch::changes).filter_map(|change| match change {
            Change::Add(row) => Some(row),
            _ => None,
        });
        let left = self.store_apart(jobs.collect());
        let Err(error) = self.patiently(|this| this.write(left.iter().copied().map(Change::Add))) else {
            return (true, 0);
        };
        self.failed(&error);
        for Row { name, data, .. } in left.iter().take(ALONE) {
            let (number, function, size) = (name.id, name.function.escape_ascii(), data.len());
            tracing::error!("job {number} of {function} with a workload of {size} bytes is lost");
        }
        (true, left.len())
    }

    /// Stores halves of these jobs, and halves of the halves that are refused. Those that are left.
    fn store_apart<'a>(&mut self, jobs: Vec<Row<'a>>) -> Vec<Row<'a>> {
        let (mut parts, mut left) = (vec![jobs], Vec::new());
        while let Some(mut part) = parts.pop() {
            if self.write(part.iter().copied().map(Change::Add)).is_ok() {
                continue;
            }
            if part.len() <= 1 || left.len() >= ALONE {
                left.append(&mut part);
            } else {
                parts.push(part.split_off(part.len() / 2));
                parts.push(part);
            }
        }
        left
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
    fn patiently(&mut self, store: impl Fn(&mut WriterThread) -> Result<(), BackendError>) -> Result<(), BackendError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::batch::PendingChanges;
    use crate::durable::{Changes, Extras, Take};
    use gearman_core::protocol::message::Priority;
    use std::sync::{Arc, Mutex};

    /// All that was committed, how many commits are to fail first, and for how many changes but removals there is room.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<String>, u32, usize)>>);

    impl Backend for Disk {
        fn replay(&mut self, _: &mut Take<'_>) -> Result<u64, BackendError> {
            Ok(0)
        }

        fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
            let mut disk = self.0.lock().unwrap();
            let changes: Vec<_> = changes.collect();
            let large = changes.iter().filter(|change| !matches!(change, Change::Done(_) | Change::Forget(_)));
            if disk.1 > 0 || large.count() > disk.2 {
                disk.1 = disk.1.saturating_sub(1);
                return Err(BackendError { queue: "q".into(), reason: "full".into(), held: false });
            }
            disk.0.extend(changes.iter().map(|change| match change {
                Change::Add(row) => format!("add {}", row.name.id),
                Change::Done(name) => format!("done {}", name.id),
                Change::Retry { name, tries, .. } => format!("retry {} {tries}", name.id),
                Change::Bury(letter) => format!("bury {}", letter.row.name.id),
                Change::Forget(id) => format!("forget {id}"),
                Change::Revive(row) => format!("revive {}", row.name.id),
                Change::Set(_) => "set".into(),
                Change::Unset(_) => "unset".into(),
            }));
            Ok(())
        }

        fn probe(&mut self) -> Result<(), BackendError> {
            let room = self.0.lock().unwrap().2;
            let full = BackendError { queue: "q".into(), reason: "full".into(), held: false };
            (room > 0).then_some(()).ok_or(full)
        }
    }

    fn name(id: u64) -> Name<'static> {
        Name { id, unique: b"k", function: b"f" }
    }

    fn row(id: u64) -> Row<'static> {
        Row { name: name(id), priority: Priority::Normal, data: b"", due_ms: 0, extras: Extras::default() }
    }

    fn batch(changes: &mut PendingChanges, add: &[u64], done: &[u64]) -> Batch {
        for id in add {
            changes.add(&row(*id), Default::default);
        }
        done.iter().for_each(|id| changes.done(&name(*id)));
        changes.take().unwrap()
    }

    #[test]
    fn what_could_not_be_removed_goes_first_and_all_is_counted() {
        let (disk, mut changes) = (Disk::default(), PendingChanges::default());
        disk.0.lock().unwrap().2 = usize::MAX;
        let (results, mut reported) = unbounded_channel();
        let mut writer = WriterThread::new(Box::new(disk.clone()), Duration::ZERO, results);
        let mut commit = |fail, batches: &[Batch]| {
            disk.0.lock().unwrap().1 = fail;
            writer.commit(batches);
            let BatchResult { batch, added, done, stats, .. } = reported.try_recv().unwrap();
            ((batch, added, done), (stats.commits, stats.changes, stats.failing_since.is_some()), stats.longest)
        };
        let (settled, counted, longest) = commit(0, &[batch(&mut changes, &[1, 2], &[])]);
        assert_eq!((settled, counted, longest > Duration::ZERO), ((1, true, true), (1, 2, false), true));
        // Nothing can be written; then nothing can be added; then all can.
        let (settled, counted, _) = commit(2, &[batch(&mut changes, &[3], &[]), batch(&mut changes, &[], &[1])]);
        assert_eq!((settled, counted), ((3, false, false), (1, 2, true)));
        let (settled, counted, _) = commit(1, &[batch(&mut changes, &[4], &[2])]);
        assert_eq!((settled, counted), ((4, false, true), (2, 4, true)));
        let (settled, counted, _) = commit(0, &[batch(&mut changes, &[5], &[])]);
        assert_eq!((settled, counted), ((5, true, true), (3, 5, false)));
        // Where only a removal fails, no job is lost.
        let (settled, _, _) = commit(2, &[batch(&mut changes, &[], &[5])]);
        assert_eq!(settled, (6, true, false));
        assert_eq!(commit(0, &[]).0, (6, true, true));
        assert_eq!(disk.0.lock().unwrap().0, ["add 1", "add 2", "done 1", "done 2", "add 5", "done 5"]);
    }

    /// None of all jobs that were to outlive the server was stored, as one of them was larger than a message of MySQL's.
    #[test]
    fn at_the_end_a_job_that_is_too_large_is_lost_alone() {
        struct Small(Arc<Mutex<Vec<u64>>>);
        impl Backend for Small {
            fn replay(&mut self, _: &mut Take<'_>) -> Result<u64, BackendError> {
                Ok(0)
            }

            fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
                let changes: Vec<_> = changes.collect();
                if changes.iter().any(|change| matches!(change, Change::Add(row) if row.data.len() > 1)) {
                    return Err(BackendError { queue: "q".into(), reason: "too large".into(), held: false });
                }
                let id = |change: &Change<'_>| match change {
                    Change::Add(row) => Some(row.name.id),
                    _ => None,
                };
                self.0.lock().unwrap().extend(changes.iter().filter_map(id));
                Ok(())
            }

            fn probe(&mut self) -> Result<(), BackendError> {
                Ok(())
            }
        }
        let (stored, mut changes) = (Arc::<Mutex<Vec<u64>>>::default(), PendingChanges::default());
        let (results, mut reported) = unbounded_channel();
        let mut writer = WriterThread::new(Box::new(Small(stored.clone())), Duration::ZERO, results);
        for id in 1..=7 {
            let data: &[u8] = if id == 5 { b"large" } else { b"x" };
            changes.add(&Row { data, ..row(id) }, Default::default);
        }
        changes.done(&name(9));
        let mut batch = changes.take().unwrap();
        batch.last = true;
        writer.commit(&[batch]);
        let BatchResult { added, lost, done, .. } = reported.try_recv().unwrap();
        assert_eq!((added, lost, done), (true, 1, true));
        assert_eq!(*stored.lock().unwrap(), [1, 2, 3, 4, 6, 7]);
    }

    /// Where there is room for nothing, new jobs are refused and what is over is removed; all else is kept in its order,
    /// but for what is of no use any more.
    #[test]
    fn on_a_full_disk_no_job_runs_twice_and_no_letter_is_lost() {
        let letter = |id| DeadLetter { row: row(id), last_ms: 0, reason: b"fail", text: b"", worker: b"" };
        let (disk, mut changes) = (Disk::default(), PendingChanges::default());
        let (results, mut reported) = unbounded_channel();
        let mut writer = WriterThread::new(Box::new(disk.clone()), Duration::ZERO, results);
        let mut commit = |room, changes: &mut PendingChanges| {
            disk.0.lock().unwrap().2 = room;
            writer.commit(changes.take().as_slice());
            let result = reported.try_recv().unwrap();
            let written = std::mem::take(&mut disk.0.lock().unwrap().0);
            (result.added, result.done, written)
        };
        // 1 is tried again and done; 2 dies and is forgotten; 3 is a job again and done; 4 and 5 go on.
        changes.retry(&name(1), 1, 0, 0);
        changes.bury(&letter(2), Default::default);
        changes.revive(&row(3), Default::default);
        changes.retry(&name(4), 1, 0, 0);
        changes.bury(&letter(5), Default::default);
        changes.set(b"k", b"");
        assert_eq!(commit(0, &mut changes), (true, false, vec![]));
        changes.done(&name(1));
        changes.forget(2);
        changes.done(&name(3));
        changes.add(&row(6), Default::default);
        changes.retry(&name(4), 2, 0, 0);
        let removed = ["done 2", "forget 3", "done 1", "forget 2", "done 3"].map(str::to_owned);
        assert_eq!(commit(0, &mut changes), (false, false, removed.to_vec()));
        // A job that is refused has no row, so what ends it must not remove that of 5, which has the same key.
        changes.add(&row(7), Default::default);
        changes.done(&name(7));
        changes.done(&name(8));
        assert_eq!(commit(0, &mut changes), (false, false, vec!["done 8".into()]));
        changes.add(&row(9), Default::default);
        let all = ["retry 4 1", "bury 5", "set", "retry 4 2", "done 7", "add 9"].map(str::to_owned);
        assert_eq!(commit(usize::MAX, &mut changes), (true, true, all.to_vec()));
    }

    /// A load balancer sends no more jobs to a server that says that it cannot store them: none would show that it can.
    #[test]
    fn a_queue_that_failed_is_asked_whether_it_works_again() {
        let (disk, mut changes) = (Disk::default(), PendingChanges::default());
        let (results, mut reported) = unbounded_channel();
        let mut writer = WriterThread::new(Box::new(disk.clone()), Duration::ZERO, results);
        let mut commit = |room, batches: &[Batch]| {
            disk.0.lock().unwrap().2 = room;
            writer.commit(batches);
            let Stats { commits, failed, failing_since, times, busy, longest, .. } = reported.try_recv().unwrap().stats;
            assert_eq!((times.iter().sum::<u64>(), busy >= longest), (commits, true));
            (commits, failed, failing_since.is_some())
        };
        assert_eq!(commit(0, &[]), (0, 0, false));
        assert_eq!(commit(0, &[batch(&mut changes, &[1], &[])]), (0, 1, true));
        assert_eq!(commit(0, &[]), (0, 2, true));
        // What is over can be removed, and that is not enough.
        assert_eq!(commit(0, &[batch(&mut changes, &[], &[2])]), (1, 3, true));
        assert_eq!(commit(1, &[]), (1, 3, false));
    }

    /// Another program has the file: room is not what is missing, so there is no third try for each commit.
    #[test]
    fn a_file_that_is_held_is_left_alone() {
        struct Held(Arc<Mutex<u32>>);
        impl Backend for Held {
            fn replay(&mut self, _: &mut Take<'_>) -> Result<u64, BackendError> {
                Ok(0)
            }

            fn commit(&mut self, _: &mut Changes<'_, '_>) -> Result<(), BackendError> {
                *self.0.lock().unwrap() += 1;
                Err(BackendError { queue: "q".into(), reason: "held".into(), held: true })
            }

            fn probe(&mut self) -> Result<(), BackendError> {
                Err(BackendError { queue: "q".into(), reason: "held".into(), held: true })
            }
        }
        let (tries, mut changes) = (Arc::new(Mutex::new(0)), PendingChanges::default());
        let (results, _reported) = unbounded_channel();
        let mut writer = WriterThread::new(Box::new(Held(tries.clone())), Duration::ZERO, results);
        changes.set(b"k", b"");
        writer.commit(&[batch(&mut changes, &[1], &[2])]);
        assert_eq!((*tries.lock().unwrap(), writer.undone.len()), (2, 2));
    }
}
