//! The table beside C's: made and not made, damaged, newer than the program.

use super::{Folder, add, c_adds, c_done, done, job, reducers};
use crate::durable::sqlite::schema::State;
use rusqlite::Connection;

fn some(unique: &str, reducer: &str) -> (String, Option<String>) {
    (unique.into(), Some(reducer.into()))
}

fn none(unique: &str) -> (String, Option<String>) {
    (unique.into(), None)
}

#[test]
fn made_with_the_first_job_that_needs_it() {
    let folder = Folder::new();
    let mut queue = folder.open();
    add(&mut queue, &[job(1, "plain", None)]).unwrap();
    assert_eq!(folder.count("sqlite_schema"), 2);
    add(&mut queue, &[job(2, "", None), job(3, "a", Some("join")), job(4, "", Some("")), job(5, "b", Some("join"))])
        .unwrap();
    done(&mut queue, &[job(5, "b", None)]);
    drop(queue);
    let mut queue = folder.open();
    let read = [none("plain"), none(""), some("a", "join"), some("", "")];
    assert_eq!((reducers(&mut queue), folder.count("gearman_queue_extras")), (read.to_vec(), 2));
    done(&mut queue, &[job(3, "a", None), job(4, "", None)]);
    assert_eq!((folder.count("gearman_queue_extras"), folder.count("gearman_queue")), (0, 2));
}

/// C gearmand runs one job, and gets another with the same key, whose row has the same number too.
#[test]
fn an_entry_is_never_taken_for_that_of_another_job() {
    let folder = Folder::new();
    add(&mut folder.open(), &[job(1, "k", Some("join"))]).unwrap();
    c_done(&folder.other(), b"k", b"f");
    assert_eq!(folder.count("gearman_queue_extras"), 0, "nothing is left");
    c_adds(&folder.other(), b"k", b"f");
    assert_eq!(reducers(&mut folder.open()), [none("k")]);
    // The same where C replaces the row, or nobody would remove the entry.
    done(&mut folder.open(), &[job(1, "k", None)]);
    add(&mut folder.open(), &[job(2, "k", Some("join"))]).unwrap();
    c_adds(&folder.other(), b"k", b"f");
    assert_eq!(reducers(&mut folder.open()), [none("k")]);
}

#[test]
fn a_full_disk_leaves_it_all_or_nothing() {
    let folder = Folder::new();
    let mut queue = folder.open();
    add(&mut queue, &[job(1, "plain", None)]).unwrap();
    let pages: u32 = queue.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |queue: &super::Sqlite, pages: u32| {
        queue.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    };
    for room in 0..2 {
        limit(&queue, pages + room);
        let error = add(&mut queue, &[job(2, "k", Some("join"))]).unwrap_err();
        assert!(error.reason.contains("the disk is full"), "{error}");
        assert_eq!((folder.count("sqlite_schema"), queue.schema.state), (2, State::default()));
        add(&mut queue, &[job(3 + u64::from(room), "", None)]).unwrap();
    }
    limit(&queue, pages + 100);
    add(&mut queue, &[job(2, "k", Some("join"))]).unwrap();
    drop(queue);
    let read = [none("plain"), some("k", "join"), none(""), none("")];
    assert_eq!(reducers(&mut folder.open()), read);
}

#[test]
fn what_is_newer_than_the_program_or_not_ours_is_left_alone() {
    let refused = |sql: &str| {
        let folder = Folder::new();
        add(&mut folder.open(), &[job(1, "k", Some("join"))]).unwrap();
        folder.other().execute_batch(sql).unwrap();
        let before = std::fs::read(folder.file()).unwrap();
        let reason = folder.try_open().unwrap_err().reason;
        assert!(std::fs::read(folder.file()).unwrap() == before, "it was changed");
        reason
    };
    let newer = refused("INSERT INTO gearman_queue_extras_version VALUES (3)");
    assert!(newer.starts_with("a newer gearmand has stored more there") && newer.contains("version 3"), "{newer}");
    let strange = refused("UPDATE gearman_queue_extras_version SET version = 0");
    assert!(strange.contains("says version 0"), "{strange}");
    let others = refused("DROP TABLE gearman_queue_extras_version");
    assert!(others.contains("gearman_queue_extras that is not gearmand's"), "{others}");
}

/// Without the triggers nobody knows whether an entry is still that of its row.
#[test]
fn what_is_damaged_is_made_anew() {
    let drop_trigger = "DROP TRIGGER gearman_queue_extras_delete";
    let drop_queue = "DROP TABLE gearman_queue";
    let drop_table = "DROP TABLE gearman_queue_extras";
    for damage in [drop_trigger, drop_queue, drop_table] {
        let folder = Folder::new();
        add(&mut folder.open(), &[job(1, "k", Some("join")), job(2, "l", Some("join"))]).unwrap();
        folder.other().execute_batch(damage).unwrap();
        if damage == drop_queue {
            // As C gearmand makes it, with another job of the same key.
            drop(folder.open());
            c_adds(&folder.other(), b"k", b"f");
        }
        let mut queue = folder.open();
        assert!(queue.schema.state.damaged, "{damage}");
        assert!(reducers(&mut queue).iter().all(|(_, reducer)| reducer.is_none()));
        done(&mut queue, &[job(2, "l", None)]);
        add(&mut queue, &[job(3, "m", Some("join"))]).unwrap();
        drop(queue);
        assert_eq!(reducers(&mut folder.open()), [none("k"), some("m", "join")], "{damage}");
    }
}

#[test]
fn an_entry_without_a_row_goes_at_the_next_start() {
    let folder = Folder::new();
    add(&mut folder.open(), &[job(1, "k", Some("join")), job(2, "l", Some("join"))]).unwrap();
    folder.other().execute("UPDATE gearman_queue SET unique_key = 'renamed' WHERE unique_key = 'k'", []).unwrap();
    assert_eq!(folder.count("gearman_queue_extras"), 2);
    assert_eq!(reducers(&mut folder.open()), [none("renamed"), some("l", "join")]);
    assert_eq!(folder.count("gearman_queue_extras"), 1);
}

/// Both queues of one file have their own.
#[test]
fn tables_of_other_names() {
    let folder = Folder::new();
    for table in ["mine", "what \"they\" call it"] {
        let open = || super::Sqlite::open(&folder.file(), table).unwrap();
        add(&mut open(), &[job(1, "k", Some("join"))]).unwrap();
        assert_eq!(reducers(&mut open()), [some("k", "join")]);
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    let tables: u32 = Connection::open(folder.file()).unwrap().query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 6);
}
