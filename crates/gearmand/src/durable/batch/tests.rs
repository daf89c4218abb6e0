//! Changes on their way, and who waits for them.

use super::*;

fn name(id: u64, unique: &[u8]) -> Name<'_> {
    Name { id, unique, function: b"f" }
}

fn row<'a>(id: u64, unique: &'a [u8], data: &'a [u8]) -> Row<'a> {
    Row { name: name(id, unique), priority: Priority::Low, data, due_ms: 5, extras: Extras::default() }
}

#[test]
fn changes_are_read_as_they_were_made() {
    let mut changes = PendingChanges::default();
    let large = vec![b'x'; SHARE];
    assert_eq!(changes.add(&row(1, b"k", b"data"), || panic!("small ones are copied")), 1);
    changes.done(&name(1, b"k"));
    let joined =
        |id, data| Row { extras: Extras { reducer: Some(b"join"), ..Extras::default() }, ..row(id, b"", data) };
    changes.add(&joined(2, &large), || Bytes::from(large.clone()));
    changes.add(&joined(3, b"small"), Bytes::new);
    changes.add(&Row { extras: Extras { reducer: Some(b""), ..Extras::default() }, ..row(4, b"", b"") }, Bytes::new);
    changes.add(&row(5, b"l", b""), Bytes::new);
    let batch = changes.take().unwrap();
    let changes: Vec<_> = batch.changes().collect();
    let wanted = [
        Change::Add(row(1, b"k", b"data")),
        Change::Done(name(1, b"k")),
        Change::Add(joined(2, &large)),
        Change::Add(joined(3, b"small")),
        Change::Add(Row { extras: Extras { reducer: Some(b""), ..Extras::default() }, ..row(4, b"", b"") }),
        Change::Add(row(5, b"l", b"")),
    ];
    assert_eq!(changes, wanted);
}

#[test]
fn what_is_changed_of_tries_letters_and_settings() {
    let mut changes = PendingChanges::default();
    let (large, text) = (vec![b'x'; SHARE], vec![b'e'; 4096]);
    let extras = Extras { reducer: Some(b"join"), tries: 3, first_ms: 7 };
    let dead = |id, data| DeadLetter {
        row: Row { extras, ..row(id, b"k", data) },
        last_ms: 9,
        reason: b"exception",
        text: &text,
        worker: b"mine",
    };
    assert_eq!(changes.retry(&name(1, b"k"), 2, 7, 8), 1);
    changes.bury(&dead(1, &large), || Bytes::from(large.clone()));
    changes.bury(&dead(2, b"small"), || panic!("small ones are copied"));
    changes.forget(2);
    changes.set(b"key", b"value");
    changes.unset(b"key");
    changes.revive(&row(1, b"k", &large), || Bytes::from(large.clone()));
    changes.done(&name(1, b"k"));
    let wanted = [
        Change::Retry { name: name(1, b"k"), tries: 2, first_ms: 7, due_ms: 8 },
        Change::Bury(dead(1, &large)),
        Change::Bury(dead(2, b"small")),
        Change::Forget(2),
        Change::Set(Setting { key: b"key", value: b"value" }),
        Change::Unset(b"key"),
        Change::Revive(row(1, b"k", &large)),
        Change::Done(name(1, b"k")),
    ];
    let batch = changes.take().unwrap();
    assert_eq!(batch.changes().collect::<Vec<_>>(), wanted);
    let mut kept = Batch::default();
    batch.changes().for_each(|change| kept.keep(&change));
    assert_eq!(kept.changes().collect::<Vec<_>>(), wanted);
}

/// A change is a few words for every job, so that a million of them need not much.
#[test]
fn a_change_is_small() {
    assert!(size_of::<Entry>() <= 96, "{}", size_of::<Entry>());
}

fn settled(batch: u64, added: bool, done: bool) -> BatchResult {
    BatchResult { batch, added, done, ..BatchResult::default() }
}

#[test]
fn a_job_waits_for_all_its_changes() {
    let mut changes = PendingChanges::default();
    let next = |changes: &mut PendingChanges, result| {
        changes.settle(&result);
        std::iter::from_fn(|| changes.next_settled()).collect::<Vec<_>>()
    };
    // It was run before it was to be stored, and its try has failed meanwhile.
    changes.add(&row(1, b"k", b""), Bytes::new);
    changes.take();
    assert_eq!(changes.retry(&name(1, b"k"), 1, 5, 6), 2);
    changes.take();
    assert_eq!(next(&mut changes, settled(1, true, true)), []);
    assert_eq!((changes.batch_of(1), changes.is_changing(1)), (None, true));
    // What cannot be changed now will be later: the job still waits, others need not.
    changes.add(&row(2, b"l", b""), Bytes::new);
    changes.take();
    assert_eq!(next(&mut changes, settled(3, false, false)), [Settled::Refused(2)]);
    assert_eq!((changes.storing().collect::<Vec<_>>(), changes.adding().count()), (vec![1], 0));
    assert_eq!(next(&mut changes, settled(3, true, true)), [Settled::Stored(1)]);
    assert_eq!((changes.is_changing(1), changes.storing().count()), (false, 0));
    // Dead and alive again, twice in a row.
    changes.revive(&row(1, b"k", b""), Bytes::new);
    changes.take();
    changes.revive(&row(1, b"k", b""), Bytes::new);
    assert_eq!(next(&mut changes, settled(4, true, true)), []);
    changes.take();
    assert_eq!(next(&mut changes, settled(5, true, true)), [Settled::Stored(1)]);
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
    changes.settle(&BatchResult { batch: 1, added: true, done: true, ..BatchResult::default() });
    assert_eq!((changes.next_settled(), changes.next_settled()), (Some(Settled::Stored(1)), None));
    assert_eq!((changes.last(), changes.batch_of(1)), (Some(2), None));
    changes.take();
    changes.settle(&BatchResult { batch: 2, added: true, done: true, ..BatchResult::default() });
    assert_eq!((changes.next_settled(), changes.last()), (Some(Settled::Stored(2)), None));
}

#[test]
fn a_commit_is_counted_by_how_long_it_took() {
    let mut stats = Stats::default();
    for (n, microseconds) in [0, 499, 500, 2_499_999, 2_500_000, 60_000_000].into_iter().enumerate() {
        stats.commit(n as u64, Duration::from_micros(microseconds));
    }
    let mut times = [0; COMMIT_TIMES.len() + 1];
    (times[0], times[1], times[COMMIT_TIMES.len() - 1], times[COMMIT_TIMES.len()]) = (2, 1, 1, 2);
    assert_eq!(stats.times, times);
    assert_eq!((stats.commits, stats.changes, stats.longest.as_secs()), (6, 15, 60));
    assert_eq!(stats.busy, Duration::from_micros(65_000_998));
}
