//! What C gearmand's table has no columns for, in entries of a table of our own beside it.
//!
//! What always holds: an entry belongs to a row of C's table that was written together with it. C gearmand, and whoever
//! else changes that table, knows nothing of entries, so triggers remove them: with their row, and before another row
//! takes its place. Without the triggers entries are not trusted.

use crate::durable::Row;
use crate::durable::sqlite::Text;
use crate::durable::sqlite::schema::Schema;
use rusqlite::Connection;

/// The statements.
#[derive(Debug)]
pub(super) struct Extras {
    insert: String,
    delay: String,
    tried: String,
}

/// The tries of a job that have failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tries {
    pub(super) count: u16,
    pub(super) first_ms: u64,
    /// When the next one may begin. C's table has it too, in seconds.
    pub(super) due_ms: u64,
}

impl Extras {
    pub(super) fn new(schema: &Schema) -> Extras {
        let Schema { queue, extras, .. } = schema;
        Extras {
            insert: format!("INSERT INTO {extras} (unique_key, function_name, reducer) VALUES (?1, ?2, ?3)"),
            delay: format!("UPDATE {queue} SET when_to_run = ?3 WHERE unique_key = ?1 AND function_name = ?2"),
            tried: format!(
                "INSERT INTO {extras} (unique_key, function_name, tries, first, due) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (unique_key, function_name)
                     DO UPDATE SET tries = excluded.tries, first = excluded.first, due = excluded.due"
            ),
        }
    }

    /// What C's table has no columns for, of a row with this key that was just written there.
    pub(super) fn add(&self, db: &Connection, key: &[u8], row: &Row<'_>) -> rusqlite::Result<()> {
        let (function, extras) = (row.name.function, &row.extras);
        if let Some(reducer) = extras.reducer {
            db.prepare_cached(&self.insert)?.execute((Text(key), Text(function), Text(reducer)))?;
        }
        if extras.tries > 0 || !row.due_ms.is_multiple_of(1000) {
            let tries = Tries { count: extras.tries, first_ms: extras.first_ms, due_ms: row.due_ms };
            self.tried(db, key, function, tries)?;
        }
        Ok(())
    }

    /// A try of the job in the row with this key has failed. Without that row there is nothing to be known of it.
    pub(super) fn retry(&self, db: &Connection, key: &[u8], function: &[u8], tries: Tries) -> rusqlite::Result<()> {
        let mut delay = db.prepare_cached(&self.delay)?;
        match delay.execute((Text(key), Text(function), seconds(tries.due_ms)))? {
            0 => Ok(()),
            _ => self.tried(db, key, function, tries),
        }
    }

    fn tried(&self, db: &Connection, key: &[u8], function: &[u8], tries: Tries) -> rusqlite::Result<()> {
        let Tries { count, first_ms, due_ms } = tries;
        let entry = (Text(key), Text(function), count, integer(first_ms), integer(due_ms));
        db.prepare_cached(&self.tried)?.execute(entry).map(drop)
    }
}

/// As C's table has times. No job runs too early there.
pub(super) fn seconds(ms: u64) -> i64 {
    ms.div_ceil(1000).cast_signed()
}

/// As an SQLite integer.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The columns of all rows in the order of [`crate::durable::sqlite::rows::job`], with their entries. A row whose number is
/// that of a dead letter has none: C gearmand has given it to a job of its own.
pub(super) fn select(schema: &Schema) -> String {
    let Schema { queue, extras, dead, state, .. } = schema;
    let id = match state.dead {
        true => format!("CASE WHEN q.rowid IN (SELECT id FROM {dead}) THEN 0 ELSE q.rowid END"),
        false => "q.rowid".into(),
    };
    let more = match state {
        state if state.has_extras(2) => "e.reducer, e.tries, e.first, e.due",
        state if state.has_extras(1) => "e.reducer, NULL, NULL, NULL",
        _ => "NULL, NULL, NULL, NULL",
    };
    let entries = match state.has_extras(1) {
        true => {
            format!("LEFT JOIN {extras} e ON e.unique_key = q.unique_key AND e.function_name = q.function_name")
        }
        false => String::new(),
    };
    format!(
        "SELECT {id}, q.unique_key, q.function_name, q.priority, q.data, q.when_to_run, {more}
             FROM {queue} q {entries} ORDER BY q.rowid"
    )
}

/// Removes entries without a row: somebody changed keys, or removed rows where there were no triggers.
pub(super) fn sweep(db: &Connection, schema: &Schema) -> rusqlite::Result<usize> {
    let Schema { queue, extras, state, .. } = schema;
    let row = "q.unique_key = e.unique_key AND q.function_name = e.function_name";
    let delete = format!("DELETE FROM {extras} AS e WHERE NOT EXISTS (SELECT 1 FROM {queue} q WHERE {row})");
    if state.has_extras(1) { db.execute(&delete, []) } else { Ok(0) }
}
