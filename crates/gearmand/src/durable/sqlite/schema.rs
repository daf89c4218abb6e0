//! The tables of our own beside C gearmand's: what is there, and making what is not. They are made with the first change that
//! needs them; until then nobody sees anything of them.
//!
//! What always holds: what there is has one version, or nothing has; version 1 has entries for what C's table has no
//! columns for, 2 more columns of those, dead letters and settings.
//!
//! To store more, raise [`VERSION`], and let [`Schema::make`] bring what is older up to it.

use crate::durable::sqlite::reason;
use crate::durable::{Change, Row};
use rusqlite::{Connection, OptionalExtension};

/// Of what is made here. Newer ones are not understood.
pub(super) const VERSION: i64 = 2;

/// See the module. Names are as they stand in statements.
#[derive(Debug)]
pub(super) struct Schema {
    /// C's table.
    pub(super) queue: String,
    pub(super) extras: String,
    pub(super) dead: String,
    pub(super) settings: String,
    version: String,
    triggers: [String; 2],
    pub(super) state: State,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// 0: nothing is, and it is not needed.
    pub(super) version: i64,
    /// The entries or their triggers are missing, or they are more than there should be. Then entries are not trusted.
    pub(super) damaged: bool,
    /// There is a table of dead letters.
    pub(super) dead: bool,
    /// There is one of settings.
    pub(super) settings: bool,
}

impl State {
    /// Whether there is all that belongs to its version, and that is this one at least.
    pub(super) fn has(&self, version: i64) -> bool {
        self.version >= version && self.is_complete()
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.damaged && (self.version < 2 || self.dead && self.settings)
    }

    /// Whether entries can be read that have the columns of this version.
    pub(super) fn has_extras(&self, version: i64) -> bool {
        self.version >= version && !self.damaged
    }
}

/// A name in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The version that a change needs.
pub(super) fn needed(change: &Change<'_>) -> i64 {
    match change {
        Change::Add(row) => needed_by(row),
        Change::Retry { .. } | Change::Bury(_) | Change::Revive(_) | Change::Set(_) => 2,
        Change::Done(_) | Change::Forget(_) | Change::Unset(_) => 0,
    }
}

fn needed_by(row: &Row<'_>) -> i64 {
    match row {
        row if row.extras.tries > 0 || !row.due_ms.is_multiple_of(1000) => 2,
        row if row.extras.reducer.is_some() => 1,
        _ => 0,
    }
}

impl Schema {
    /// Looks what is there, beside a queue's table of this name.
    ///
    /// # Errors
    /// Where it is no work of ours, or of a newer version.
    pub(super) fn open(db: &Connection, queue: &str) -> Result<Schema, String> {
        let names = ["extras", "dead", "settings", "extras_version"].map(|what| format!("{queue}_{what}"));
        let triggers = ["insert", "delete"].map(|what| format!("{queue}_extras_{what}"));
        let exists = |kind: &str, name: &str| {
            let select = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE";
            db.query_row(select, (kind, name), |_| Ok(())).optional().map(|row| row.is_some()).map_err(|e| reason(&e))
        };
        let mut tables = [false; 4];
        for (table, name) in tables.iter_mut().zip(&names) {
            *table = exists("table", name)?;
        }
        let [extras, dead, settings, versioned] = tables;
        let [watched, also] = [exists("trigger", &triggers[0])?, exists("trigger", &triggers[1])?];
        let version = if versioned { written(db, &names[3])? } else { 0 };
        for (table, name, since) in [(extras, &names[0], 1), (dead, &names[1], 2), (settings, &names[2], 2)] {
            if table && version < since {
                return Err(format!(
                    "there is a table {name} that is not gearmand's: name another by --libsqlite3-table"
                ));
            }
        }
        let damaged = [extras, watched, also] != [version > 0; 3];
        let [extras, dead_name, settings_name, version_name] = names.map(|name| quoted(&name));
        Ok(Schema {
            queue: quoted(queue),
            extras,
            dead: dead_name,
            settings: settings_name,
            version: version_name,
            triggers: triggers.map(|name| quoted(&name)),
            state: State { version, damaged, dead, settings },
        })
    }

    /// Makes what is missing, up to this version at least, within the transaction of the first change that needs it. What
    /// there is then.
    pub(super) fn make(&self, db: &Connection, state: State, version: i64) -> rusqlite::Result<State> {
        let to = version.max(state.version).max(1);
        let from = if state.damaged { 0 } else { state.version };
        if from < 1 {
            self.make_entries(db)?;
        }
        if from < 2 && to >= 2 {
            let Schema { extras, .. } = self;
            db.execute_batch(&format!(
                "ALTER TABLE {extras} ADD COLUMN tries INTEGER;
                 ALTER TABLE {extras} ADD COLUMN first INTEGER;
                 ALTER TABLE {extras} ADD COLUMN due INTEGER"
            ))?;
        }
        if to >= 2 {
            let Schema { dead, settings, .. } = self;
            db.execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {dead} (id INTEGER PRIMARY KEY, unique_key TEXT, function_name TEXT,
                     priority INTEGER, data BLOB, reducer TEXT, tries INTEGER, first INTEGER, last INTEGER,
                     reason TEXT, message TEXT, worker TEXT);
                 CREATE TABLE IF NOT EXISTS {settings} (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
            ))?;
        }
        let version = &self.version;
        db.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {version} (version INTEGER PRIMARY KEY);
             INSERT OR IGNORE INTO {version} VALUES ({to})"
        ))?;
        Ok(State { version: to, damaged: false, dead: to >= 2, settings: to >= 2 })
    }

    fn make_entries(&self, db: &Connection) -> rusqlite::Result<()> {
        let Schema { queue, extras, triggers: [insert, delete], .. } = self;
        db.execute_batch(&format!(
            "DROP TRIGGER IF EXISTS {insert};
             DROP TRIGGER IF EXISTS {delete};
             DROP TABLE IF EXISTS {extras};
             CREATE TABLE {extras} (unique_key TEXT, function_name TEXT, reducer TEXT,
                 PRIMARY KEY (unique_key, function_name)) WITHOUT ROWID;
             CREATE TRIGGER {insert} BEFORE INSERT ON {queue} BEGIN
                 DELETE FROM {extras} WHERE unique_key = NEW.unique_key AND function_name = NEW.function_name;
             END;
             CREATE TRIGGER {delete} AFTER DELETE ON {queue} BEGIN
                 DELETE FROM {extras} WHERE unique_key = OLD.unique_key AND function_name = OLD.function_name;
             END"
        ))
    }
}

/// The version that this table says, if it is one that is known here.
fn written(db: &Connection, table: &str) -> Result<i64, String> {
    let written = format!("SELECT max(version) FROM {}", quoted(table));
    let written: Option<i64> = db.query_row(&written, [], |row| row.get(0)).map_err(|e| reason(&e))?;
    match written.unwrap_or_default() {
        known @ 1..=VERSION => Ok(known),
        newer if newer > VERSION => Err(format!(
            "a newer gearmand has stored more there than this one knows (version {newer} in its table {table}, \
             {VERSION} here): start that one, or let it run all jobs first"
        )),
        other => Err(format!("its table {table} says version {other}, which there never was")),
    }
}
