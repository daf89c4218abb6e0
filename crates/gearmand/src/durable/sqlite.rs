//! The durable queue in an SQLite file, in the table of C gearmand's `libsqlite3` queue: either server can
//! go on with what the other left. What that table has no columns for, and what C gearmand knows nothing of, is in tables of our
//! own, see `sqlite/schema.rs`.
//!
//! A job's id is the `rowid` of its row, which is how it survives a restart. Rows are found by C's primary key: VACUUM may
//! change a rowid, and whoever adds a row by hand may take one that is to be ours.

mod dead;
mod extras;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use crate::durable::row_key::RowKeys;
use crate::durable::sqlite::dead::Dead;
use crate::durable::sqlite::extras::{Extras, Tries};
use crate::durable::sqlite::rows::Columns;
use crate::durable::sqlite::schema::{Schema, State, quoted};
use crate::durable::{Backend, BackendError, Change, Changes, DeadLetter, MAX_ID, Name, Record, Row, Take};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// The table's name unless it is given.
pub const DEFAULT_TABLE: &str = "gearman_queue";

/// The same as an SQLite integer.
const MAX_ROWID: i64 = MAX_ID.cast_signed();
/// How far ahead of our rows others are moved.
const AWAY: i64 = 1 << 20;
/// How long another program may hold the file before jobs are refused.
const BUSY: Duration = Duration::from_secs(1);
/// Room for a few jobs: where there is so much, the disk is not full.
const ROOM: usize = 256 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    insert: String,
    delete: String,
    move_away: String,
    keys: RowKeys,
    schema: Schema,
    extras: Extras,
    dead: Dead,
    /// The file, with the table: for messages.
    name: String,
    /// No other program can look at the file: see [`Sqlite::open`].
    alone: bool,
    /// Keeps a second server away from these jobs. After `db`, so that it is let go last: closing
    /// any descriptor of the file drops SQLite's own locks.
    _lock: Flock<File>,
}

impl Sqlite {
    /// Opens or makes the file, and the table in it. What is there can be read on a full disk, too: the index that
    /// those who look at the file share is a file of its own (`-shm`), and alone one needs none.
    ///
    /// # Errors
    /// [`BackendError`] where the file cannot be written, is held by another server, or is no such queue.
    pub fn open(file: &Path, table: &str) -> Result<Sqlite, BackendError> {
        let name = format!("the queue {} (table {table})", file.display());
        let fail = |reason: String| BackendError { queue: name.clone(), reason, held: false };
        let lock = lock(file).map_err(|(reason, held)| BackendError { held, ..fail(reason) })?;
        let queue = quoted(table);
        let (db, alone) = match connect(file, &queue, "NORMAL") {
            Err(error) if may_lack_room(&error) => {
                let db = connect(file, &queue, "EXCLUSIVE").map_err(|_| fail(reason(&error)))?;
                // Left by the first try; nobody else can have it open.
                let _ = std::fs::remove_file(format!("{}-shm", file.display()));
                tracing::warn!("{name}: there is no room on the disk; until there is, no other program can look at it");
                (db, true)
            }
            opened => (opened.map_err(|e| BackendError { held: is_busy(&e), ..fail(reason(&e)) })?, false),
        };
        check_columns(&db, table).map_err(fail)?;
        let schema = Schema::open(&db, table).map_err(fail)?;
        if schema.state.damaged {
            tracing::warn!("{name}: something is missing of what belongs to it, reducers and counts of tries are lost");
        } else if !schema.state.is_complete() {
            tracing::warn!("{name}: its table of dead letters or that of settings is missing, and made anew");
        }
        if let Err(error) = extras::sweep(&db, &schema) {
            tracing::warn!("{name}: what is left of jobs that are gone cannot be removed: {}", reason(&error));
        }
        Ok(Sqlite {
            db,
            insert: format!(
                "INSERT INTO {queue} (rowid, unique_key, function_name, priority, data, when_to_run)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            ),
            delete: format!("DELETE FROM {queue} WHERE unique_key = ?1 AND function_name = ?2"),
            move_away: format!(
                "UPDATE {queue} SET rowid = (SELECT max(rowid) FROM {queue} WHERE rowid < {MAX_ID}) + {AWAY}
                     WHERE rowid = ?1"
            ),
            keys: RowKeys::default(),
            extras: Extras::new(&schema),
            dead: Dead::new(&schema),
            schema,
            name,
            alone,
            _lock: lock,
        })
    }

    /// There was room for a commit, so there may be for others. Where there is not, the next commit tries again.
    fn share(&mut self) {
        // Out of WAL and back: within, the mode of locking stays as it is.
        let modes = "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL";
        self.alone = self.db.execute_batch(modes).is_err();
    }

    /// All of these in one transaction, and one at least. Those whose row had another server's key, and is gone; and what
    /// tables there are now.
    fn write<'c>(&mut self, changes: impl Iterator<Item = Change<'c>>) -> rusqlite::Result<(Vec<u64>, State)> {
        let (mut gone, mut state) = (Vec::new(), self.schema.state);
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        for change in changes {
            let needed = schema::needed(&change);
            if !state.has(needed) {
                state = self.schema.make(&self.db, state, needed)?;
            }
            match change {
                Change::Add(row) => self.add(&row)?,
                Change::Done(name) | Change::Bury(DeadLetter { row: Row { name, .. }, .. }) => {
                    self.done(&name)?;
                    gone.extend(self.keys.is_other(name.id).then_some(name.id));
                }
                Change::Revive(Row { name, .. }) => {
                    self.keys.claim(name.id, name.unique);
                    gone.retain(|id| *id != name.id);
                }
                _ => {}
            }
            if state.has(2) {
                self.write_ours(&change)?;
            }
        }
        self.db.execute_batch("COMMIT")?;
        Ok((gone, state))
    }

    /// What of a change is in the tables that C gearmand knows nothing of.
    fn write_ours(&self, change: &Change<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Add(_) | Change::Done(_) => Ok(()),
            Change::Retry { name, tries, first_ms, due_ms } => {
                let key = self.keys.of(name.id, name.unique);
                let tries = Tries { count: *tries, first_ms: *first_ms, due_ms: *due_ms };
                self.extras.retry(&self.db, key.as_ref(), name.function, tries)
            }
            Change::Bury(letter) => self.dead.bury(&self.db, letter),
            Change::Forget(id) => self.dead.forget(&self.db, *id),
            Change::Revive(row) => {
                self.dead.forget(&self.db, row.name.id)?;
                self.add(row)
            }
            Change::Set(setting) => self.dead.set(&self.db, setting),
            Change::Unset(key) => self.dead.unset(&self.db, key),
        }
    }

    fn add(&self, row: &Row<'_>) -> rusqlite::Result<()> {
        let key = self.keys.of(row.name.id, row.name.unique);
        let (key, id) = (key.as_ref(), row.name.id.cast_signed());
        let columns =
            (id, Text(key), Text(row.name.function), row.priority as i64, row.data, extras::seconds(row.due_ms));
        let mut insert = self.db.prepare_cached(&self.insert)?;
        match insert.execute(columns) {
            // Somebody else has added a row meanwhile: the same job, or another one that keeps its row.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.done(&row.name)?;
                self.db.execute(&self.move_away, [id])?;
                insert.execute(columns)?
            }
            inserted => inserted?,
        };
        match row.extras.is_empty() {
            true => Ok(()),
            false => self.extras.add(&self.db, key, row),
        }
    }

    fn done(&self, name: &Name<'_>) -> rusqlite::Result<()> {
        let key = self.keys.of(name.id, name.unique);
        self.db.prepare_cached(&self.delete)?.execute((Text(key.as_ref()), Text(name.function))).map(drop)
    }

    /// Writes to the queue's file what is there already.
    fn touch(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        let version: i64 = self.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        self.db.execute_batch(&format!("PRAGMA user_version = {version}; COMMIT"))
    }

    /// Nothing of it was done, for this reason.
    fn undo(&self, error: &rusqlite::Error) -> BackendError {
        // Some errors have undone it already.
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::error!("{}: {}", self.name, reason(&error));
        }
        BackendError { queue: self.name.clone(), reason: reason(error), held: is_busy(error) }
    }

    fn read(&mut self, take: &mut Take<'_>) -> Result<u64, String> {
        dead::read_settings(&self.db, &self.schema, take)?;
        dead::read_letters(&self.db, &self.schema, take)?;
        self.read_jobs(take)
    }

    /// Gives out all rows. In ids that are none, such as negative ones, nothing of ours was stored: they get others.
    fn read_jobs(&mut self, take: &mut Take<'_>) -> Result<u64, String> {
        let received = |e: rusqlite::Error| reason(&e);
        let mut last = self.largest_id().map_err(received)?;
        let mut select = self.db.prepare(&extras::select(&self.schema)).map_err(received)?;
        let mut rows = select.query([]).map_err(received)?;
        let mut number = 0u64;
        while let Some(row) = rows.next().map_err(received)? {
            number += 1;
            let id = match row.get(0).map_err(received)? {
                id @ 1..MAX_ROWID => i64::cast_unsigned(id),
                _ => {
                    last += 1;
                    last
                }
            };
            let taken = read_row(&Columns(row), id, &mut self.keys)
                .and_then(|row| take(&Record::Job(row)).map_err(str::to_owned));
            taken.map_err(|e| format!("row {number} of its table: {e}"))?;
        }
        Ok(last.max(self.keys.last()))
    }

    /// Of all jobs and dead letters; 0 without any.
    fn largest_id(&self) -> rusqlite::Result<u64> {
        let Schema { queue, dead, state, .. } = &self.schema;
        let mut largest = 0;
        for (table, exists) in [(queue, true), (dead, state.dead)] {
            let select = format!("SELECT max(rowid) FROM {table} WHERE rowid BETWEEN 1 AND {MAX_ID} - 1");
            if exists {
                let of_table: Option<i64> = self.db.query_row(&select, [], |row| row.get(0))?;
                largest = largest.max(of_table.map_or(0, i64::cast_unsigned));
            }
        }
        Ok(largest)
    }
}

impl Backend for Sqlite {
    fn replay(&mut self, take: &mut Take<'_>) -> Result<u64, BackendError> {
        self.read(take).map_err(|reason| BackendError { queue: self.name.clone(), reason, held: false })
    }

    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
        let Some(first) = changes.next() else { return Ok(()) };
        let all = std::iter::once(first).chain(changes);
        let (gone, state) = self.write(all).map_err(|error| self.undo(&error))?;
        self.keys.forget(&gone);
        self.schema.state = state;
        if self.alone {
            self.share();
        }
        Ok(())
    }

    /// SQLite may have room in files that it has already, so the disk is asked, too.
    fn probe(&mut self) -> Result<(), BackendError> {
        let fail = |reason| BackendError { queue: self.name.clone(), reason, held: false };
        has_room(self.db.path().unwrap_or_default()).map_err(|e| fail(format!("there is no room beside it: {e}")))?;
        self.touch().map_err(|error| self.undo(&error))
    }
}

/// Whether so much can be written beside this file. Nothing is left of that, even where the server is killed.
fn has_room(file: &str) -> io::Result<()> {
    let name = format!("{file}-probe");
    let mut probe = File::create(&name)?;
    std::fs::remove_file(&name)?;
    probe.write_all(&vec![0; ROOM])?;
    probe.sync_data()
}

fn check_columns(db: &Connection, table: &str) -> Result<(), String> {
    let mut names = Vec::new();
    let listed = db.pragma(None, "table_info", table, |row| {
        names.push(row.get::<_, String>("name")?);
        Ok(())
    });
    listed.map_err(|e| reason(&e))?;
    let wanted = ["unique_key", "function_name", "priority", "data", "when_to_run"];
    if names == wanted {
        return Ok(());
    }
    let (found, table) = (names.join(", "), quoted(table));
    if names == wanted[..4] {
        return Err(format!(
            "its columns are {found}, as of a C gearmand without delayed jobs: add the one that is missing by \
             ALTER TABLE {table} ADD COLUMN when_to_run INTEGER"
        ));
    }
    Err(format!("its columns are {found}, not {}: name another by --libsqlite3-table", wanted.join(", ")))
}

/// The file, with the table. Nothing is written where that is there already.
fn connect(file: &Path, table: &str, locking: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "locking_mode", locking)?;
    // Readers and the writer do not wait for each other, and a commit is one write to the disk.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Also shows that the file can be written.
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         CREATE TABLE IF NOT EXISTS {table} (unique_key TEXT, function_name TEXT, priority INTEGER,
             data BLOB, when_to_run INTEGER, PRIMARY KEY (unique_key, function_name));
         COMMIT"
    ))?;
    Ok(db)
}

/// SQLite tells of a full disk as such only where it writes to the file itself.
fn may_lack_room(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// Bytes as TEXT, UTF-8 or not: the C server stores and looks for keys so.
#[derive(Clone, Copy)]
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// Takes the file for this process alone, making it where there is none. Or why not, and whether another has it.
fn lock(file: &Path) -> Result<Flock<File>, (String, bool)> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(file);
    let opened = opened.map_err(|e| (format!("it cannot be written: {e}"), false))?;
    Flock::lock(opened, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => {
            ("another server has it: stop that, or name another file by --libsqlite3-db".to_owned(), true)
        }
        error => (format!("it cannot be locked: {error}"), false),
    })
}

fn read_row<'a>(columns: &Columns<'a>, id: u64, keys: &mut RowKeys) -> Result<Row<'a>, String> {
    let unique = keys.read(id, columns.bytes(1, "unique_key")?);
    rows::job(columns, Name { id, unique, function: columns.function(2)? })
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What is wrong, and how to mend it.
fn reason(error: &rusqlite::Error) -> String {
    let hint = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds it; end that",
        Some(ErrorCode::NotADatabase) => "it is no SQLite file, or a damaged one; name another by --libsqlite3-db",
        Some(ErrorCode::DatabaseCorrupt) => {
            "it is damaged; save what can be saved with `sqlite3 FILE .recover`, into a new file"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the server's user must be able to write the file and its folder"
        }
        Some(ErrorCode::DiskFull) => "the disk is full",
        _ => return error.to_string(),
    };
    format!("{error}: {hint}")
}
