//! Tries, dead letters and settings: made and not made, damaged, on a full disk, and with C gearmand in between.

use super::{Folder, add, c_adds, c_done, done, dump, job};
use crate::durable::sqlite::Sqlite;
use crate::durable::sqlite::schema::State;
use crate::durable::tests::{Contents, Letter, Made, Stored, read, read_all};
use crate::durable::{Backend, BackendError};

fn commit(queue: &mut Sqlite, changes: &[Made]) -> Result<(), BackendError> {
    queue.commit(&mut changes.iter().map(Made::change))
}

fn tried(job: Stored, tries: u16, due_ms: u64) -> Stored {
    Stored { tries, first_ms: 1000, due_ms, ..job }
}

fn letter(job: Stored, last_ms: u64) -> Letter {
    Letter { job: tried(job, 3, 0), last_ms, text: b"no \0 such file\xff".to_vec() }
}

fn set(key: &str, value: &str) -> Made {
    Made::Set(key.into(), value.into())
}

/// A file with a job that waits for its second try, two dead letters and a setting.
fn with_all() -> (Folder, Contents) {
    let folder = Folder::new();
    let mut queue = folder.open();
    add(&mut queue, &[job(1, "a", Some("join")), job(2, "b", None), job(3, "", None)]).unwrap();
    let dead = [letter(job(3, "", None), 7000), letter(job(2, "b", None), 8001)];
    let waits = tried(job(1, "a", Some("join")), 1, 9001);
    let changes = [
        Made::Retry(waits.clone()),
        Made::Bury(dead[1].clone()),
        Made::Bury(dead[0].clone()),
        set("policy f", "retries=3"),
        set("other", "x"),
        set("policy f", "retries=4"),
        Made::Unset(b"other".to_vec()),
    ];
    commit(&mut queue, &changes).unwrap();
    let settings = [(b"policy f".to_vec(), b"retries=4".to_vec())].into();
    (folder, Contents { jobs: vec![waits], dead: dead.to_vec(), settings })
}

fn all(folder: &Folder) -> Contents {
    read_all(&mut folder.open()).unwrap().0
}

/// Its table has what was tried, with times that are not too early; and nothing that is dead.
#[test]
fn c_gearmand_takes_the_file_back() {
    let (folder, wanted) = with_all();
    let rows = "gearman_queue WHERE unique_key = 'a' AND when_to_run = 10";
    assert_eq!((folder.count(rows), folder.count("gearman_queue")), (1, 1));
    // It runs that job, and gets others: one of the same key, and one whose row has the number of a dead letter.
    c_done(&folder.other(), b"a", b"f");
    c_adds(&folder.other(), b"a", b"f");
    c_adds(&folder.other(), b"b", b"f");
    assert_eq!(folder.count("gearman_queue JOIN gearman_queue_dead d ON d.id = gearman_queue.rowid"), 1);
    let (read, last) = read_all(&mut folder.open()).unwrap();
    let jobs: Vec<_> = read.jobs.iter().map(|job| (job.id, &job.unique[..], job.tries, job.due_ms)).collect();
    assert_eq!((jobs, last), (vec![(1, &b"a"[..], 0, 0), (4, b"b", 0, 0)], 4));
    assert_eq!((read.dead, read.settings), (wanted.dead.clone(), wanted.settings));
    // The other row is moved away where the letter becomes a job again under its own number.
    let mut queue = folder.open();
    read_all(&mut queue).unwrap();
    commit(&mut queue, &[Made::Revive(wanted.dead[0].job.clone()), Made::Forget(2)]).unwrap();
    commit(&mut queue, &[Made::Done(job(4, "b", None))]).unwrap();
    drop(queue);
    let left: Vec<_> = read_jobs(&folder).into_iter().map(|job| (job.id, job.unique)).collect();
    assert_eq!(left, [(1, b"a".to_vec()), (3, Vec::new())]);
}

fn read_jobs(folder: &Folder) -> Vec<Stored> {
    read(&mut folder.open()).0
}

/// Somebody wants it to be run now.
#[test]
fn a_time_that_is_changed_by_hand_counts() {
    let (folder, wanted) = with_all();
    folder.other().execute("UPDATE gearman_queue SET when_to_run = 0", []).unwrap();
    assert_eq!(read_jobs(&folder), [Stored { due_ms: 0, ..wanted.jobs[0].clone() }]);
}

#[test]
fn a_full_disk_leaves_all_or_nothing() {
    let folder = Folder::new();
    let mut queue = folder.open();
    add(&mut queue, &[job(1, "a", None), job(2, "b", None)]).unwrap();
    let before = all_of(&mut queue);
    let pages: u32 = queue.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |queue: &Sqlite, pages: u32| {
        queue.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    };
    let changes =
        [Made::Retry(tried(job(1, "a", None), 1, 5)), Made::Bury(letter(job(2, "b", None), 6)), set("k", "v")];
    let mut failed = 0;
    for room in 0.. {
        limit(&queue, pages + room);
        match commit(&mut queue, &changes) {
            Ok(()) => break,
            Err(error) => assert!(error.reason.contains("the disk is full"), "{error}"),
        }
        failed += 1;
        assert_eq!((all_of(&mut queue), queue.schema.state), (before.clone(), State::default()));
    }
    assert!(failed > 3, "each of our tables needs a page");
    let read = all_of(&mut queue);
    assert_eq!((read.jobs.len(), read.dead.len(), read.settings.len()), (1, 1, 1));
    // Without room, what need not be kept can still be removed.
    let large = Letter { text: vec![b'x'; 100_000], ..letter(job(1, "a", None), 7) };
    limit(&queue, 1);
    commit(&mut queue, &[Made::Bury(large)]).unwrap_err();
    commit(&mut queue, &[Made::Done(job(1, "a", None)), Made::Forget(2), Made::Unset(b"k".to_vec())]).unwrap();
    assert_eq!(all_of(&mut queue), Contents::default());
}

fn all_of(queue: &mut Sqlite) -> Contents {
    read_all(queue).unwrap().0
}

/// The files as they are at each moment of a commit are what `kill -9` leaves then.
#[test]
fn killed_in_the_middle_of_a_commit() {
    let (folder, wanted) = with_all();
    let mut queue = folder.open();
    // What is changed goes to the disk at once, long before the commit.
    queue.db.pragma_update(None, "cache_size", 1).unwrap();
    let large = |n: u64| Stored { data: vec![b'x'; 20_000], ..job(n, "", None) };
    let again = Stored { tries: 0, first_ms: 0, ..wanted.dead[1].job.clone() };
    let changes = [
        Made::Retry(tried(wanted.jobs[0].clone(), 2, 12_345)),
        Made::Bury(letter(wanted.jobs[0].clone(), 9000)),
        Made::Revive(again),
        Made::Forget(3),
        set("policy g", "paused=yes"),
    ];
    // Some of them may be kept back: other connections of this process count for SQLite, too.
    let changes: Vec<_> = (4..24).map(|n| Made::Add(large(n))).chain(changes).chain([Made::Add(large(24))]).collect();
    let copy = Folder::new();
    let mut spilled = 0;
    let mut looked = changes.iter().map(|made| {
        for name in ["queue.db", "queue.db-wal"] {
            std::fs::copy(folder.0.join(name), copy.0.join(name)).unwrap();
        }
        spilled = spilled.max(std::fs::metadata(copy.0.join("queue.db-wal")).unwrap().len());
        assert_eq!(all(&copy), wanted, "before {made:?}");
        made.change()
    });
    queue.commit(&mut looked).unwrap();
    assert!(spilled > 20_000, "nothing was on the disk before the commit");
    let read = all_of(&mut queue);
    assert_eq!((read.jobs.len(), read.dead.len(), read.settings.len()), (22, 1, 2));
}

/// Rows get new numbers when a file is copied by `.dump`, and their keys stay: so the key that follows from a dead letter's id
/// may be that of another row. That row was replaced when the letter became a job again.
#[test]
fn a_letter_that_becomes_a_job_again_leaves_other_rows_alone() {
    for at_once in [false, true] {
        let folder = Folder::new();
        let mut queue = folder.open();
        let jobs = [1, 2, 3].map(|id| Stored { data: vec![id as u8], ..job(id, "", None) });
        add(&mut queue, &jobs).unwrap();
        done(&mut queue, &jobs[..1]);
        drop(queue);
        dump(&folder);
        let mut queue = folder.open();
        let jobs = read_all(&mut queue).unwrap().0.jobs;
        assert_eq!(jobs.iter().map(|job| (job.id, &job.data[..])).collect::<Vec<_>>(), [(1, &[2][..]), (2, &[3])]);
        let changes = [Made::Bury(letter(jobs[1].clone(), 7000)), Made::Revive(jobs[1].clone())];
        changes.chunks(if at_once { 2 } else { 1 }).for_each(|changes| commit(&mut queue, changes).unwrap());
        drop(queue);
        let mut queue = folder.open();
        assert_eq!(read_all(&mut queue).unwrap().0.jobs, jobs);
        done(&mut queue, &jobs[1..]);
        assert_eq!(all_of(&mut queue).jobs, jobs[..1]);
    }
}

#[test]
fn damaged_letters_and_settings_are_named() {
    let dead = "its table \"gearman_queue_dead\": ";
    let settings = "its table \"gearman_queue_settings\": ";
    for (damage, table, wanted) in [
        ("UPDATE gearman_queue_dead SET tries = 'x' WHERE id = 2", dead, "the row with id 2: its tries is no number;"),
        ("UPDATE gearman_queue_dead SET tries = 70000", dead, "the row with id 3: its tries are 70000, more than"),
        ("UPDATE gearman_queue_dead SET priority = 3", dead, "the row with id 3: its priority is 3, not 0, 1 or 2;"),
        ("UPDATE gearman_queue_dead SET function_name = NULL", dead, "the row with id 3: its function_name is NULL;"),
        ("UPDATE gearman_queue_dead SET id = -1 WHERE id = 2", dead, "the row with id -1: its id is 0, or too large;"),
        ("UPDATE gearman_queue_dead SET data = 1", dead, "the row with id 3: its data is no text;"),
        ("ALTER TABLE gearman_queue_dead DROP COLUMN worker", dead, "no such column: worker"),
        ("ALTER TABLE gearman_queue_settings DROP COLUMN value", settings, "no such column: value"),
        ("UPDATE gearman_queue_extras SET tries = -1.5", "", "row 1 of its table: its tries is no number"),
        ("ALTER TABLE gearman_queue_extras DROP COLUMN tries", "", "no such column: e.tries"),
    ] {
        let (folder, _) = with_all();
        folder.other().execute_batch(damage).unwrap();
        let error = read_all(&mut folder.open()).unwrap_err().reason;
        assert!(error.starts_with(&format!("{table}{wanted}")), "{damage}: {error}");
    }
}

/// What is left is as it was, and what is missing is made with the next change.
#[test]
fn a_table_that_is_missing_is_made_anew() {
    for table in ["gearman_queue_dead", "gearman_queue_settings", "gearman_queue_extras"] {
        let (folder, mut wanted) = with_all();
        folder.other().execute_batch(&format!("DROP TABLE {table}")).unwrap();
        match table {
            "gearman_queue_dead" => wanted.dead.clear(),
            "gearman_queue_settings" => wanted.settings.clear(),
            _ => wanted.jobs = vec![Stored { due_ms: 10_000, ..job(1, "a", None) }],
        }
        let mut queue = folder.open();
        assert_eq!(all_of(&mut queue), wanted, "{table}");
        wanted.dead.push(letter(job(9, "", None), 9999));
        wanted.settings.insert(b"k".to_vec(), b"v".to_vec());
        wanted.jobs[0] = tried(wanted.jobs[0].clone(), 2, 20_002);
        let more =
            [Made::Bury(wanted.dead.last().unwrap().clone()), set("k", "v"), Made::Retry(wanted.jobs[0].clone())];
        commit(&mut queue, &more).unwrap();
        drop(queue);
        assert_eq!(all(&folder), wanted, "{table}");
    }
}

#[test]
fn tables_of_these_names_that_are_not_ours_are_left_alone() {
    for table in ["gearman_queue_dead", "gearman_queue_settings"] {
        let folder = Folder::new();
        add(&mut folder.open(), &[job(1, "k", Some("join"))]).unwrap();
        folder.other().execute_batch(&format!("CREATE TABLE {table} (x)")).unwrap();
        let error = folder.try_open().unwrap_err().reason;
        assert!(error.contains(&format!("a table {table} that is not gearmand's")), "{error}");
    }
}
