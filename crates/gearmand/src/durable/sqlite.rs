//! The durable queue in an SQLite file, in the table of C gearmand's `libsqlite3` queue: either server can
//! go on with what the other left.

use crate::durable::{Backend, BackendError, Row};
use gearman_core::protocol::message::Priority;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// The table's name unless it is given.
pub const DEFAULT_TABLE: &str = "gearman_queue";

/// How long another program may hold the file before jobs are refused.
const BUSY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    insert: String,
    delete: String,
    select: String,
    /// The file, with the table: for messages.
    name: String,
    /// Changes were made that are not committed.
    begun: bool,
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
        let quoted = format!("\"{}\"", table.replace('"', "\"\""));
        let (db, alone) = match connect(file, &quoted, "NORMAL") {
            Err(error) if may_lack_room(&error) => {
                let db = connect(file, &quoted, "EXCLUSIVE").map_err(|_| fail(reason(&error)))?;
                // Left by the first try; nobody else can have it open.
                let _ = std::fs::remove_file(format!("{}-shm", file.display()));
                tracing::warn!("{name}: there is no room on the disk; until there is, no other program can look at it");
                (db, true)
            }
            opened => (opened.map_err(|e| BackendError { held: is_busy(&e), ..fail(reason(&e)) })?, false),
        };
        let sqlite = Sqlite {
            db,
            insert: format!("INSERT OR REPLACE INTO {quoted} VALUES (?1, ?2, ?3, ?4, ?5)"),
            delete: format!("DELETE FROM {quoted} WHERE unique_key = ?1 AND function_name = ?2"),
            select: format!(
                "SELECT unique_key, function_name, priority, data, when_to_run FROM {quoted} ORDER BY rowid"
            ),
            name: name.clone(),
            begun: false,
            alone,
            _lock: lock,
        };
        sqlite.check_columns(table).map_err(fail)?;
        Ok(sqlite)
    }

    /// There was room for a commit, so there may be for others. Where there is not, the next commit tries again.
    fn share(&mut self) {
        // Out of WAL and back: within, the mode of locking stays as it is.
        let modes = "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL";
        self.alone = self.db.execute_batch(modes).is_err();
    }

    fn check_columns(&self, table: &str) -> Result<(), String> {
        let mut names = Vec::new();
        let listed = self.db.pragma(None, "table_info", table, |row| {
            names.push(row.get::<_, String>("name")?);
            Ok(())
        });
        listed.map_err(|e| reason(&e))?;
        let wanted = ["unique_key", "function_name", "priority", "data", "when_to_run"];
        if names == wanted {
            return Ok(());
        }
        Err(format!(
            "its columns are {}, not {}: name another by --libsqlite3-table",
            names.join(", "),
            wanted.join(", ")
        ))
    }

    /// Does one thing within the transaction that the next flush commits.
    fn change(&mut self, what: impl FnOnce(&Sqlite) -> rusqlite::Result<usize>) -> Result<(), BackendError> {
        let begun = if self.begun { Ok(()) } else { self.db.execute_batch("BEGIN IMMEDIATE") };
        self.begun = begun.is_ok();
        begun.and_then(|()| what(self).map(drop)).map_err(|e| self.undo(&e))
    }

    /// Forgets all changes since the last commit, for this reason.
    fn undo(&mut self, error: &rusqlite::Error) -> BackendError {
        // Some errors have undone them already.
        if std::mem::take(&mut self.begun)
            && !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::error!("{}: {}", self.name, reason(&error));
        }
        BackendError { queue: self.name.clone(), reason: reason(error), held: is_busy(error) }
    }
}

impl Backend for Sqlite {
    fn replay(&mut self, take: &mut dyn FnMut(Row<'_>) -> Result<(), &'static str>) -> Result<(), BackendError> {
        let mut read = || -> Result<(), String> {
            let received = |e: rusqlite::Error| reason(&e);
            let mut select = self.db.prepare(&self.select).map_err(received)?;
            let mut rows = select.query([]).map_err(received)?;
            let mut number = 0u64;
            while let Some(row) = rows.next().map_err(received)? {
                number += 1;
                let taken = read_row(row).and_then(|row| take(row).map_err(str::to_owned));
                taken.map_err(|e| format!("row {number} of its table: {e}"))?;
            }
            Ok(())
        };
        read().map_err(|reason| BackendError { queue: self.name.clone(), reason, held: false })
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), BackendError> {
        self.change(|this| {
            this.db.prepare_cached(&this.insert)?.execute((
                Text(row.key),
                Text(row.function),
                row.priority as i64,
                row.data,
                i64::try_from(row.due).unwrap_or(i64::MAX),
            ))
        })
    }

    fn done(&mut self, key: &[u8], function: &[u8]) -> Result<(), BackendError> {
        self.change(|this| this.db.prepare_cached(&this.delete)?.execute((Text(key), Text(function))))
    }

    fn flush(&mut self) -> Result<(), BackendError> {
        if !self.begun {
            return Ok(());
        }
        match self.db.execute_batch("COMMIT") {
            Ok(()) => {
                self.begun = false;
                if self.alone {
                    self.share();
                }
                Ok(())
            }
            Err(error) => Err(self.undo(&error)),
        }
    }
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

fn read_row<'a>(row: &'a rusqlite::Row<'_>) -> Result<Row<'a>, String> {
    let bytes = |i: usize, what: &str| match row.get_ref(i) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Ok(bytes),
        // The C server writes NULL for an empty workload.
        Ok(ValueRef::Null) => Ok(&[][..]),
        _ => Err(format!("its {what} is no text")),
    };
    let number = |i: usize, what: &str| match row.get(i) {
        Ok(Value::Integer(n)) => Ok(n),
        Ok(Value::Null) => Ok(0),
        _ => Err(format!("its {what} is no number")),
    };
    let priority = number(2, "priority")?;
    let wanted = Priority::ALL.into_iter().find(|p| *p as i64 == priority);
    Ok(Row {
        key: bytes(0, "unique_key")?,
        function: bytes(1, "function_name")?,
        priority: wanted.ok_or_else(|| format!("its priority is {priority}, not 0, 1 or 2"))?,
        data: bytes(3, "data")?,
        due: u64::try_from(number(4, "when_to_run")?).unwrap_or_default(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let key = [n as u8];
            let row = Row { key: &key, function: b"f", priority: Priority::Normal, data: b"", due: 0 };
            queue.add(&row).unwrap();
            queue.flush().unwrap();
            assert_eq!(look().unwrap(), n);
        }
        assert!(!queue.alone);
        drop(queue);
        std::fs::remove_file(&file).unwrap();
    }
}
