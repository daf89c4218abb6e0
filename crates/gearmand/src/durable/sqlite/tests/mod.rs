//! Files, and what others do with them: C gearmand, the version without ids, whoever has `sqlite3`.

use super::*;
use crate::durable::sqlite::schema::needed;
use crate::durable::tests::suite::{Place, backend_suite};
use crate::durable::tests::{Letter, Model, Step, Stored, jobs, read, read_all, steps};
use gearman_core::protocol::message::Priority;
use properties::properties;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

mod dead;
mod extras;

/// A file of its own for each test, which goes with it.
pub(super) struct Folder(std::path::PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let folder = format!("gearmand-sqlite-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub(super) fn file(&self) -> std::path::PathBuf {
        self.0.join("queue.db")
    }

    /// A server's queue. Power cuts are not what is tested.
    pub(super) fn open(&self) -> Sqlite {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<Sqlite, BackendError> {
        let queue = Sqlite::open(&self.file(), DEFAULT_TABLE)?;
        queue.db.pragma_update(None, "synchronous", "OFF").unwrap();
        Ok(queue)
    }

    /// Another program.
    pub(super) fn other(&self) -> Connection {
        let db = Connection::open(self.file()).unwrap();
        db.pragma_update(None, "synchronous", "OFF").unwrap();
        db
    }

    pub(super) fn count(&self, table: &str) -> u32 {
        self.other().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

impl Place for Folder {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        Ok(Box::new(self.try_open()?))
    }

    fn c_adds(&self, unique: &str, function: &str) {
        c_adds(&self.other(), unique.as_bytes(), function.as_bytes());
    }

    fn c_done(&self, unique: &str, function: &str) {
        c_done(&self.other(), unique.as_bytes(), function.as_bytes());
    }

    fn c_counts(&self) -> usize {
        self.count("gearman_queue") as usize
    }
}

backend_suite!(Some(Folder::new()));

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn job(id: u64, unique: &str, reducer: Option<&str>) -> Stored {
    let reducer = reducer.map(|reducer| reducer.as_bytes().to_vec());
    let (unique, function) = (unique.as_bytes().to_vec(), b"f".to_vec());
    Stored {
        id,
        unique,
        function,
        priority: Priority::Normal,
        data: b"x".to_vec(),
        due_ms: 0,
        reducer,
        tries: 0,
        first_ms: 0,
    }
}

pub(super) fn add(queue: &mut Sqlite, jobs: &[Stored]) -> Result<(), BackendError> {
    queue.commit(&mut jobs.iter().map(|job| Change::Add(job.row())))
}

pub(super) fn done(queue: &mut Sqlite, jobs: &[Stored]) {
    queue.commit(&mut jobs.iter().map(|job| Change::Done(job.name()))).unwrap();
}

/// Unique keys of what is stored, each with its reducer.
pub(super) fn reducers(queue: &mut Sqlite) -> Vec<(String, Option<String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    read(queue).0.into_iter().map(|row| (text(row.unique), row.reducer.map(text))).collect()
}

/// What C gearmand does (libgearman-server/plugins/queue/sqlite/instance.cc).
const C_ADD: &str = "INSERT OR REPLACE INTO gearman_queue (priority, unique_key, function_name, data, when_to_run) VALUES (?, ?, ?, ?, ?)";
const C_DONE: &str = "DELETE FROM gearman_queue WHERE unique_key = ? AND function_name = ?";

pub(super) fn c_adds(db: &Connection, unique: &[u8], function: &[u8]) {
    db.execute(C_ADD, (1, Text(unique), Text(function), b"of C", 0)).unwrap();
}

pub(super) fn c_done(db: &Connection, unique: &[u8], function: &[u8]) {
    db.execute(C_DONE, (Text(unique), Text(function))).unwrap();
}

/// Where a server started on a full disk, nobody could look at its file until the next start.
#[test]
fn alone_until_there_was_room_for_a_commit() {
    let file = std::env::temp_dir().join(format!("gearmand-alone-{}.db", std::process::id()));
    let mut queue = Sqlite::open(&file, "t").unwrap();
    queue.db = Connection::open_in_memory().unwrap(); // closes the file
    (queue.db, queue.alone) = (connect(&file, "t", "EXCLUSIVE").unwrap(), true);
    let look = || {
        let other = Connection::open(&file).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        other.query_one("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0))
    };
    look().unwrap_err();
    for n in 1..3 {
        let name = Name { id: n.into(), unique: b"", function: b"f" };
        let extras = crate::durable::Extras::default();
        let row = Row { name, priority: Priority::Normal, data: b"", due_ms: 0, extras };
        queue.commit(&mut [Change::Add(row)].into_iter()).unwrap();
        assert_eq!(look().unwrap(), n);
    }
    assert!(!queue.alone);
    drop(queue);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_probe_writes_and_changes_nothing() {
    let folder = Folder::new();
    let mut queue = folder.open();
    let stored = [job(1, "a", None)];
    add(&mut queue, &stored).unwrap();
    let wal = || std::fs::metadata(folder.0.join("queue.db-wal")).unwrap().len();
    let before = wal();
    queue.probe().unwrap();
    assert!(wal() > before, "SQLite was asked");
    assert_eq!(read(&mut queue).0, stored);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 3, "the file, -wal and -shm");
    // Another program has the file, and lets it go.
    queue.db.busy_timeout(Duration::ZERO).unwrap();
    let other = folder.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(queue.probe().unwrap_err().held);
    drop(other);
    queue.probe().unwrap();
    add(&mut queue, &[job(2, "b", None)]).unwrap();
    has_room("/nowhere/queue.db").unwrap_err();
}

/// The file that the version without ids wrote.
#[test]
fn a_file_of_the_version_before_is_taken_over() {
    let folder = Folder::new();
    folder.other().execute_batch(include_str!("../../../../tests/data/queue-2.2.0.sql")).unwrap();
    let mut queue = folder.open();
    let (rows, last) = read(&mut queue);
    let uniques: Vec<String> = rows.iter().map(|row| row.unique.escape_ascii().to_string()).collect();
    assert_eq!(uniques, ["", "mine", "-", "urgent", "", "later", "parts", "", "k\\xff"]);
    assert!(rows.iter().map(|row| row.id).eq(1..=9));
    assert_eq!(last, 9);
    // A new job must not get the row of an old one: (no key) 9 is H:8 now.
    let new = Stored { function: b"g".to_vec(), ..job(last + 1, "", None) };
    add(&mut queue, std::slice::from_ref(&new)).unwrap();
    assert_eq!(folder.count("gearman_queue"), 10);
    done(&mut queue, &rows);
    done(&mut queue, &[new]);
    assert_eq!(folder.count("gearman_queue"), 0, "each found its row");
}

/// The file that the version before tries and dead letters wrote. It stays as it is until something needs more.
#[test]
fn a_file_of_version_1_is_taken_over() {
    let folder = Folder::new();
    folder.other().execute_batch(include_str!("../../../../tests/data/queue-2.3.0.sql")).unwrap();
    let mut queue = folder.open();
    let all = |some: &Stored| (some.id, some.unique.escape_ascii().to_string(), some.reducer.clone(), some.due_ms);
    let (rows, last) = read(&mut queue);
    let of = |id, unique: &str, reducer: Option<&[u8]>, due| (id, unique.to_owned(), reducer.map(<[u8]>::to_vec), due);
    let wanted = [
        of(2, "", None, 0),
        of(3, "split", Some(b"join"), 0),
        of(4, "", Some(b""), 0),
        of(5, "-", Some(b"join\xff"), 0),
        of(7, "later", None, 4_000_000_000_000),
        of(8, "split2", Some(b"join"), 0),
    ];
    assert_eq!((rows.iter().map(all).collect::<Vec<_>>(), last), (wanted.to_vec(), 8));
    // What the version before could do leaves it as that made it.
    add(&mut queue, &[job(9, "", None), job(10, "k", Some("join"))]).unwrap();
    done(&mut queue, &rows[..1]);
    assert_eq!((queue.schema.state.version, folder.count("sqlite_schema WHERE type = 'table'")), (1, 3));
    let name = rows[1].name();
    queue.commit(&mut [Change::Retry { name, tries: 1, first_ms: 5, due_ms: 1500 }].into_iter()).unwrap();
    assert_eq!((queue.schema.state.version, folder.count("sqlite_schema WHERE type = 'table'")), (2, 5));
    drop(queue);
    let read = read(&mut folder.open()).0;
    assert_eq!(read[0], Stored { tries: 1, first_ms: 5, due_ms: 1500, ..rows[1].clone() });
    assert_eq!(read[1..5], rows[2..], "the others are as they were");
    assert_eq!((read[6].reducer.as_deref(), read.len()), (Some(&b"join"[..]), 7));
}

/// Keys as C gearmand writes them, and what only looks like ours.
#[test]
fn rows_of_another_server_are_found_by_their_own_keys() {
    let folder = Folder::new();
    drop(folder.open());
    let keys =
        [("", "f"), ("-", "f"), ("(no key) 15", "f"), ("(no key) 15", "g"), ("(workload) x", "f"), ("(no key) 0", "f")];
    for (key, function) in keys {
        c_adds(&folder.other(), key.as_bytes(), function.as_bytes());
    }
    let mut queue = folder.open();
    let (rows, last) = read(&mut queue);
    let uniques: Vec<&[u8]> = rows.iter().map(|row| &row.unique[..]).collect();
    assert_eq!((uniques, last), (vec![&b""[..], b"-", b"", b"", b"(workload) x", b"(no key) 0"], 15));
    for (n, row) in rows.iter().enumerate() {
        done(&mut queue, std::slice::from_ref(row));
        assert_eq!(folder.count("gearman_queue"), 5 - n as u32);
    }
}

/// Rows that somebody adds while the server runs keep theirs, whichever it is.
#[test]
fn what_others_add_meanwhile_is_not_replaced() {
    let folder = Folder::new();
    let mut queue = folder.open();
    add(&mut queue, &[job(1, "a", None)]).unwrap();
    let other = folder.other();
    c_adds(&other, b"by hand", b"f");
    c_adds(&other, b"c", b"f");
    let mine = [job(2, "b", None), job(3, "c", Some("join"))];
    add(&mut queue, &mine).unwrap();
    drop(queue);
    let (rows, last) = read(&mut folder.open());
    let named: Vec<(u64, &[u8], &[u8])> = rows.iter().map(|row| (row.id, &row.unique[..], &row.data[..])).collect();
    assert_eq!(named[..3], [(1, &b"a"[..], &b"x"[..]), (2, b"b", b"x"), (3, b"c", b"x")]);
    assert_eq!((named.len(), named[3].1, last), (4, &b"by hand"[..], named[3].0));
}

/// An SQLite integer may be negative, or larger than any id.
#[test]
fn rows_whose_number_is_no_id_get_one() {
    let folder = Folder::new();
    drop(folder.open());
    let insert = "INSERT INTO gearman_queue (rowid, unique_key, function_name, priority, data, when_to_run)
                      VALUES (?, ?, 'f', 1, '', 0)";
    for (rowid, key) in [(i64::MAX, "max"), (-3, "negative"), (0, "zero"), (5, "five"), (MAX_ROWID, "too large")] {
        folder.other().execute(insert, (rowid, key)).unwrap();
    }
    let mut queue = folder.open();
    let (rows, last) = read(&mut queue);
    let named: Vec<(u64, &str)> = rows.iter().map(|row| (row.id, str::from_utf8(&row.unique).unwrap())).collect();
    assert_eq!(named, [(6, "negative"), (7, "zero"), (5, "five"), (8, "too large"), (9, "max")]);
    assert_eq!(last, 9);
    add(&mut queue, &[job(10, "new", None)]).unwrap();
    done(&mut queue, &rows);
    assert_eq!(reducers(&mut queue), [("new".into(), None)]);
}

/// Jobs without extras cost a row each, and nothing is made for the others.
#[test]
fn what_is_not_used_costs_nothing() {
    let folder = Folder::new();
    let mut queue = folder.open();
    let jobs: Vec<Stored> = (1..=10).map(|id| job(id, "", None)).collect();
    let before = queue.db.total_changes();
    add(&mut queue, &jobs).unwrap();
    done(&mut queue, &jobs);
    assert_eq!((queue.db.total_changes() - before, folder.count("sqlite_schema")), (20, 2), "C's table and its index");
}

/// What happens to a file: it changes hands, and is copied.
#[derive(Clone, Debug)]
enum Deed {
    Ours(Vec<Step>),
    CAdds(Stored),
    CDone(prop::sample::Index),
    OldAdds(Stored),
    Vacuum,
    /// `.dump` into a new file.
    Dump,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => steps().prop_map(Deed::Ours),
        2 => jobs().prop_map(Deed::CAdds),
        3 => any::<prop::sample::Index>().prop_map(Deed::CDone),
        1 => jobs().prop_map(Deed::OldAdds),
        1 => Just(Deed::Vacuum),
        1 => Just(Deed::Dump),
    ]
}

/// A row as C's table has it, by key and function; with the reducer that we stored for it, and how often it was tried.
type Rows = BTreeMap<(Vec<u8>, Vec<u8>), (Vec<u8>, Option<Vec<u8>>, u16)>;

/// All rows of C's table, by the keys that jobs have there.
fn rows(queue: &Sqlite, jobs: Vec<Stored>) -> Rows {
    let mut rows = Rows::new();
    for row in jobs {
        let key = queue.keys.of(row.id, &row.unique).as_ref().to_vec();
        let replaced = rows.insert((key, row.function), (row.data, row.reducer, row.tries));
        assert_eq!(replaced, None, "a row of another job");
    }
    rows
}

/// Changes of ours on top of what is there, each committed; what there is then.
fn ours(folder: &Folder, steps: Vec<Step>) -> (Rows, Vec<Letter>) {
    let mut queue = folder.open();
    let (all, last) = read_all(&mut queue).unwrap();
    let mut model = Model::of(all, last);
    for step in steps {
        match step {
            Step::Restart => {
                drop(queue);
                queue = folder.open();
                let (all, last) = read_all(&mut queue).unwrap();
                model = Model::of(all, last);
            }
            step => {
                if let Some(made) = model.make(step) {
                    queue.commit(&mut std::iter::once(made.change())).unwrap();
                }
            }
        }
    }
    let all = model.contents();
    (rows(&queue, all.jobs), all.dead)
}

/// As `.dump` and reading that do: rows get new numbers.
fn dump(folder: &Folder) {
    let db = folder.other();
    let schema = "SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type = 'trigger'";
    let copy = folder.0.join("copy.db");
    db.execute("ATTACH ?1 AS copy", [copy.to_str().unwrap()]).unwrap();
    db.execute_batch("PRAGMA copy.synchronous = OFF").unwrap();
    let mut select = db.prepare(schema).unwrap();
    let entries = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let entries: Vec<(String, String, String)> = entries.unwrap().map(Result::unwrap).collect();
    for (name, kind, sql) in entries {
        let begin = format!("CREATE {} ", kind.to_uppercase());
        db.execute_batch(&sql.replacen(&begin, &format!("{begin}copy."), 1)).unwrap();
        if kind == "table" {
            db.execute(&format!("INSERT INTO copy.{name} SELECT * FROM main.{name} ORDER BY 1"), []).unwrap();
        }
    }
    drop(select);
    drop(db);
    std::fs::rename(copy, folder.file()).unwrap();
}

properties! {
    cases: 64;

    /// Whoever had the file: each job is there as long as it is not done, and has its own reducer and tries or none. An entry
    /// without a row is never left, let alone taken for that of another job. Dead letters stay.
    #[test]
    fn others_have_the_file_in_between(deeds in prop::collection::vec(deed(), 1..12)) {
        let folder = Folder::new();
        let (mut wanted, mut dead) = (Rows::new(), Vec::new());
        drop(folder.open());
        for deed in deeds {
            match deed {
                Deed::Ours(steps) => (wanted, dead) = ours(&folder, steps),
                Deed::CAdds(job) => {
                    c_adds(&folder.other(), &job.unique, &job.function);
                    wanted.insert((job.unique, job.function), (b"of C".to_vec(), None, 0));
                }
                Deed::OldAdds(job) => {
                    let insert = "INSERT OR REPLACE INTO gearman_queue VALUES (?1, ?2, ?3, ?4, ?5)";
                    folder.other().execute(insert, (Text(&job.unique), Text(&job.function), 1, &job.data, 0)).unwrap();
                    wanted.insert((job.unique, job.function), (job.data, None, 0));
                }
                Deed::CDone(index) if !wanted.is_empty() => {
                    let name = wanted.keys().nth(index.index(wanted.len())).unwrap().clone();
                    c_done(&folder.other(), &name.0, &name.1);
                    wanted.remove(&name);
                }
                Deed::CDone(_) => {}
                Deed::Vacuum => folder.other().execute_batch("VACUUM").unwrap(),
                Deed::Dump => dump(&folder),
            }
            let mut queue = folder.open();
            let (all, last) = read_all(&mut queue).unwrap();
            prop_assert_eq!(&all.dead, &dead);
            let ids: Vec<u64> = all.jobs.iter().chain(all.dead.iter().map(|letter| &letter.job)).map(|job| job.id).collect();
            prop_assert!(ids.iter().all(|id| *id <= last));
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids differ");
            let entries = all.jobs.iter().filter(|job| needed(&Change::Add(job.row())) > 0).count();
            prop_assert_eq!(&rows(&queue, all.jobs), &wanted);
            if queue.schema.state.has(1) {
                prop_assert_eq!(folder.count("gearman_queue_extras") as usize, entries);
            }
        }
    }
}
