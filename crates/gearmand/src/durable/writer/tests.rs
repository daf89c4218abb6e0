use super::*;
use crate::durable::batch::PendingChanges;
use crate::durable::{Changes, Take};
use gearman_core::protocol::message::Priority;
use std::ops::{Range, RangeInclusive};
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

/// A database that refuses jobs that are large, and what is in it.
#[derive(Clone, Default)]
struct Small(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    /// How many commits were asked for.
    commits: u32,
    /// In which of them the database is away.
    away: Range<u32>,
    /// From which one on it takes large jobs, too; 0: from none.
    large: u32,
    /// Tries and due times, by id.
    jobs: BTreeMap<u64, (u16, u64)>,
    letters: Vec<u64>,
}

impl Backend for Small {
    fn replay(&mut self, _: &mut Take<'_>) -> Result<u64, BackendError> {
        Ok(0)
    }

    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
        let mut contents = self.0.lock().unwrap();
        let Contents { commits, away, large, jobs, letters } = &mut *contents;
        let changes: Vec<_> = changes.collect();
        let number = *commits;
        *commits += 1;
        let fail = |reason: &str, held| Err(BackendError { queue: "q".into(), reason: reason.into(), held });
        if away.contains(&number) {
            return fail("away", true);
        }
        let too_large = |change: &Change<'_>| matches!(change, Change::Add(row) if row.data.len() > 1);
        if (*large == 0 || number < *large) && changes.iter().any(too_large) {
            return fail("too large", false);
        }
        for change in changes {
            match change {
                Change::Add(row) => {
                    assert_eq!(jobs.insert(row.name.id, (row.extras.tries, row.due_ms)), None, "added twice");
                }
                Change::Done(name) => {
                    jobs.remove(&name.id);
                }
                Change::Retry { name, tries, due_ms, .. } => {
                    if let Some(job) = jobs.get_mut(&name.id) {
                        *job = (tries, due_ms);
                    }
                }
                Change::Bury(letter) => {
                    jobs.remove(&letter.row.name.id);
                    letters.push(letter.row.name.id);
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<(), BackendError> {
        Ok(())
    }
}

impl Small {
    fn jobs(&self) -> Vec<u64> {
        self.0.lock().unwrap().jobs.keys().copied().collect()
    }
}

/// The server ends with these batches. Whether its jobs are stored, how many are lost, and whether all else is done.
fn end(queue: &Small, patience: Duration, mut batches: Vec<Batch>) -> (bool, usize, bool) {
    let (results, mut reported) = unbounded_channel();
    let mut writer = WriterThread::new(Box::new(queue.clone()), patience, results);
    batches.iter_mut().for_each(|batch| batch.last = true);
    writer.commit(&batches);
    let BatchResult { added, lost, done, .. } = reported.try_recv().unwrap();
    (added, lost, done)
}

/// These jobs, one of which is large.
fn add_with_large(changes: &mut PendingChanges, ids: RangeInclusive<u64>, large: u64) {
    for id in ids {
        let data: &[u8] = if id == large { b"large" } else { b"x" };
        changes.add(&Row { data, ..row(id) }, Default::default);
    }
}

/// None of all jobs that were to outlive the server was stored, as one of them was larger than a message of MySQL's.
#[test]
fn at_the_end_a_job_that_is_too_large_is_lost_alone() {
    let (queue, mut changes) = (Small::default(), PendingChanges::default());
    add_with_large(&mut changes, 1..=7, 5);
    changes.done(&name(9));
    assert_eq!(end(&queue, Duration::ZERO, vec![changes.take().unwrap()]), (true, 1, true));
    assert_eq!(queue.jobs(), [1, 2, 3, 4, 6, 7]);
}

/// Jobs whose workers told of their end in the server's last moments were stored after that, because of one that was too
/// large: those that were done ran again, those that had died were jobs and dead letters, and failed tries did not count.
#[test]
fn at_the_end_no_job_is_stored_that_is_over() {
    let (queue, mut changes) = (Small::default(), PendingChanges::default());
    add_with_large(&mut changes, 1..=6, 3);
    changes.done(&name(1));
    let mut batches = vec![changes.take().unwrap()];
    let letter = DeadLetter { row: row(2), last_ms: 0, reason: b"fail", text: b"", worker: b"" };
    changes.bury(&letter, Default::default);
    changes.retry(&name(4), 1, 8, 9);
    changes.done(&name(6));
    batches.push(changes.take().unwrap());
    assert_eq!(end(&queue, Duration::ZERO, batches), (true, 1, true));
    let contents = queue.0.lock().unwrap();
    assert_eq!(contents.jobs, BTreeMap::from([(4, (1, 9)), (5, (0, 0))]));
    assert_eq!(contents.letters, [2]);
}

/// All jobs were lost, not only the one that was too large, where the database was away at first.
#[test]
fn at_the_end_a_job_is_lost_alone_though_the_database_was_away() {
    let (queue, mut changes) = (Small::default(), PendingChanges::default());
    queue.0.lock().unwrap().away = 0..1;
    add_with_large(&mut changes, 1..=7, 5);
    changes.done(&name(9));
    assert_eq!(end(&queue, Duration::ZERO, vec![changes.take().unwrap()]), (true, 1, true));
    assert_eq!(queue.jobs(), [1, 2, 3, 4, 6, 7]);
}

/// While the database is away no job is tried alone, which could take longer than there is patience; those that are left
/// are tried again.
#[test]
fn at_the_end_what_is_left_when_the_database_goes_away_is_stored_when_it_is_back() {
    // All jobs, all else, all jobs, three of them. Then it goes away.
    let away = |patience, away, large| {
        let (queue, mut changes) = (Small::default(), PendingChanges::default());
        *queue.0.lock().unwrap() = Contents { away, large, ..Contents::default() };
        add_with_large(&mut changes, 1..=7, 5);
        let ended = end(&queue, patience, vec![changes.take().unwrap()]);
        let commits = queue.0.lock().unwrap().commits;
        (ended, commits, queue.jobs())
    };
    let patience = Duration::from_secs(600);
    assert_eq!(away(Duration::ZERO, 4..9, 0), ((true, 4, true), 5, vec![1, 2, 3]));
    assert_eq!(away(patience, 4..5, 5), ((true, 0, true), 6, vec![1, 2, 3, 4, 5, 6, 7]));
    // Where no job was stored, that is what is said.
    assert_eq!(away(Duration::ZERO, 2..9, 0), ((false, 0, true), 3, vec![]));
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
