//! What C gearmand's table has no columns for, in a table of our own beside it. It is made with the first job that needs
//! it; until then nobody sees anything of it.
//!
//! What always holds: an entry belongs to a row of C's table that was written together with it. C gearmand, and whoever
//! else changes that table, knows nothing of entries, so triggers remove them: with their row, and before another row
//! takes its place. Without the triggers entries are not trusted.
//!
//! To store more, add a column, raise [`VERSION`], and let [`Extras::open`] bring older files up to it.

use crate::durable::Row;
use crate::durable::sqlite::{Text, reason};
use rusqlite::{Connection, OptionalExtension};

/// Of what is made here. Newer ones are not understood.
const VERSION: i64 = 1;

/// See the module.
#[derive(Debug)]
pub(super) struct Extras {
    queue: String,
    table: String,
    version: String,
    triggers: [String; 2],
    insert: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is nothing, and it is not needed.
    Absent,
    /// Something of it is missing.
    Damaged,
    Made,
}

/// A name in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Extras {
    /// Looks what is there, beside a queue's table of this name.
    ///
    /// # Errors
    /// Where it is no work of ours, or of a newer version.
    pub(super) fn open(db: &Connection, queue: &str) -> Result<Extras, String> {
        let [table, version] = ["extras", "extras_version"].map(|what| format!("{queue}_{what}"));
        let triggers = ["insert", "delete"].map(|what| format!("{table}_{what}"));
        let exists = |kind: &str, name: &str| {
            let select = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE";
            db.query_row(select, (kind, name), |_| Ok(())).optional().map(|row| row.is_some()).map_err(|e| reason(&e))
        };
        let tables = [exists("table", &table)?, exists("table", &version)?];
        let watched = exists("trigger", &triggers[0])? && exists("trigger", &triggers[1])?;
        if tables[1] {
            let written = format!("SELECT max(version) FROM {}", quoted(&version));
            let written: Option<i64> = db.query_row(&written, [], |row| row.get(0)).map_err(|e| reason(&e))?;
            known(written.unwrap_or_default(), &version)?;
        } else if tables[0] {
            return Err(format!("there is a table {table} that is not gearmand's: name another by --libsqlite3-table"));
        }
        let state = match (tables, watched) {
            ([true, true], true) => State::Made,
            ([false, false], false) => State::Absent,
            _ => State::Damaged,
        };
        let insert = format!("INSERT INTO {} VALUES (?1, ?2, ?3)", quoted(&table));
        let [table, version] = [table, version].map(|name| quoted(&name));
        let triggers = triggers.map(|name| quoted(&name));
        Ok(Extras { queue: quoted(queue), table, version, triggers, insert, state })
    }

    /// C's table, as it is named in a statement.
    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// What there is after a commit.
    pub(super) fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// The columns of a row, and what is stored of it here.
    pub(super) fn select(&self) -> String {
        let (queue, table) = (&self.queue, &self.table);
        let columns = "q.rowid, q.unique_key, q.function_name, q.priority, q.data, q.when_to_run";
        match self.state {
            State::Made => format!(
                "SELECT {columns}, e.reducer FROM {queue} q LEFT JOIN {table} e
                     ON e.unique_key = q.unique_key AND e.function_name = q.function_name ORDER BY q.rowid"
            ),
            State::Absent | State::Damaged => format!("SELECT {columns}, NULL FROM {queue} q ORDER BY q.rowid"),
        }
    }

    /// Makes it, within the transaction of the first job that needs it.
    pub(super) fn make(&self, db: &Connection) -> rusqlite::Result<()> {
        let Extras { queue, table, version, triggers: [insert, delete], .. } = self;
        db.execute_batch(&format!(
            "DROP TRIGGER IF EXISTS {insert};
             DROP TRIGGER IF EXISTS {delete};
             DROP TABLE IF EXISTS {table};
             CREATE TABLE IF NOT EXISTS {version} (version INTEGER PRIMARY KEY);
             INSERT OR IGNORE INTO {version} VALUES ({VERSION});
             CREATE TABLE {table} (unique_key TEXT, function_name TEXT, reducer TEXT,
                 PRIMARY KEY (unique_key, function_name)) WITHOUT ROWID;
             CREATE TRIGGER {insert} BEFORE INSERT ON {queue} BEGIN
                 DELETE FROM {table} WHERE unique_key = NEW.unique_key AND function_name = NEW.function_name;
             END;
             CREATE TRIGGER {delete} AFTER DELETE ON {queue} BEGIN
                 DELETE FROM {table} WHERE unique_key = OLD.unique_key AND function_name = OLD.function_name;
             END"
        ))
    }

    /// What C's table has no columns for, of a row with this key that was just written there.
    pub(super) fn add(&self, db: &Connection, key: &[u8], row: &Row<'_>) -> rusqlite::Result<()> {
        let entry = (Text(key), Text(row.name.function), row.extras.reducer.map(Text));
        db.prepare_cached(&self.insert)?.execute(entry).map(drop)
    }

    /// Removes entries without a row: somebody changed keys, or removed rows where there were no triggers.
    pub(super) fn sweep(&self, db: &Connection) -> rusqlite::Result<usize> {
        let (queue, table) = (&self.queue, &self.table);
        let row = "q.unique_key = e.unique_key AND q.function_name = e.function_name";
        let delete = format!("DELETE FROM {table} AS e WHERE NOT EXISTS (SELECT 1 FROM {queue} q WHERE {row})");
        match self.state {
            State::Made => db.execute(&delete, []),
            State::Absent | State::Damaged => Ok(0),
        }
    }
}

fn known(written: i64, table: &str) -> Result<(), String> {
    match written {
        VERSION => Ok(()),
        newer if newer > VERSION => Err(format!(
            "a newer gearmand has stored more there than this one knows (version {newer} in its table {table}, \
             {VERSION} here): start that one, or let it run all jobs first"
        )),
        other => Err(format!("its table {table} says version {other}, which there never was")),
    }
}
