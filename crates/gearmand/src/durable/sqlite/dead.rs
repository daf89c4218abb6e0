//! Dead letters and settings, in tables of our own that C gearmand knows nothing of.
//!
//! What always holds: a dead letter has its job's id, and is written with the removal of its job's row.

use crate::durable::sqlite::Text;
use crate::durable::sqlite::extras::integer;
use crate::durable::sqlite::rows::{self, Columns};
use crate::durable::sqlite::schema::Schema;
use crate::durable::{DeadLetter, Name, Record, Setting, Take};
use rusqlite::Connection;

/// The statements.
#[derive(Debug)]
pub(super) struct Dead {
    bury: String,
    forget: String,
    set: String,
    unset: String,
}

impl Dead {
    pub(super) fn new(schema: &Schema) -> Dead {
        let Schema { dead, settings, .. } = schema;
        Dead {
            bury: format!(
                "INSERT OR REPLACE INTO {dead} (id, unique_key, function_name, priority, data, reducer, tries, first,
                     last, reason, message, worker) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
            ),
            forget: format!("DELETE FROM {dead} WHERE id = ?1"),
            set: format!("INSERT OR REPLACE INTO {settings} (key, value) VALUES (?1, ?2)"),
            unset: format!("DELETE FROM {settings} WHERE key = ?1"),
        }
    }

    pub(super) fn bury(&self, db: &Connection, letter: &DeadLetter<'_>) -> rusqlite::Result<()> {
        let DeadLetter { row, last_ms, reason, text, worker } = letter;
        let columns = (
            row.name.id.cast_signed(),
            Text(row.name.unique),
            Text(row.name.function),
            row.priority as i64,
            row.data,
            row.extras.reducer.map(Text),
            row.extras.tries,
            integer(row.extras.first_ms),
            integer(*last_ms),
            Text(reason),
            Text(text),
            Text(worker),
        );
        db.prepare_cached(&self.bury)?.execute(columns).map(drop)
    }

    pub(super) fn forget(&self, db: &Connection, id: u64) -> rusqlite::Result<()> {
        db.prepare_cached(&self.forget)?.execute([id.cast_signed()]).map(drop)
    }

    pub(super) fn set(&self, db: &Connection, setting: &Setting<'_>) -> rusqlite::Result<()> {
        db.prepare_cached(&self.set)?.execute((Text(setting.key), Text(setting.value))).map(drop)
    }

    pub(super) fn unset(&self, db: &Connection, key: &[u8]) -> rusqlite::Result<()> {
        db.prepare_cached(&self.unset)?.execute([Text(key)]).map(drop)
    }
}

/// Gives out all settings.
pub(super) fn read_settings(db: &Connection, schema: &Schema, take: &mut Take<'_>) -> Result<(), String> {
    if !schema.state.settings {
        return Ok(());
    }
    let table = &schema.settings;
    let wrong = |what: String| damaged(table, &what);
    let select = format!("SELECT key, value FROM {table}");
    let mut select = db.prepare(&select).map_err(|e| wrong(super::reason(&e)))?;
    let mut rows = select.query([]).map_err(|e| wrong(super::reason(&e)))?;
    while let Some(row) = rows.next().map_err(|e| wrong(super::reason(&e)))? {
        let columns = Columns(row);
        let setting = columns.bytes(0, "key").and_then(|key| Ok(Setting { key, value: columns.bytes(1, "value")? }));
        let taken = setting.and_then(|setting| take(&Record::Setting(setting)).map_err(str::to_owned));
        taken.map_err(wrong)?;
    }
    Ok(())
}

/// Gives out all dead letters, those that died first in front.
pub(super) fn read_letters(db: &Connection, schema: &Schema, take: &mut Take<'_>) -> Result<(), String> {
    if !schema.state.dead {
        return Ok(());
    }
    let table = &schema.dead;
    let wrong = |what: String| damaged(table, &what);
    let failed = |e: rusqlite::Error| wrong(super::reason(&e));
    // Numbers alone are sorted, not workloads.
    let ids = format!("SELECT id FROM {table} ORDER BY last, id");
    let mut ids = db.prepare(&ids).map_err(failed)?;
    let ids = ids.query_map([], |row| row.get(0)).map_err(failed)?;
    let ids: Vec<i64> = ids.collect::<Result<_, _>>().map_err(failed)?;
    let select = format!(
        "SELECT id, unique_key, function_name, priority, data, NULL, reducer, tries, first, NULL, last, reason,
             message, worker FROM {table} WHERE id = ?1"
    );
    let mut select = db.prepare(&select).map_err(failed)?;
    for id in ids {
        let mut rows = select.query([id]).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else { continue };
        let taken = letter(&Columns(row), u64::try_from(id).unwrap_or_default())
            .and_then(|letter| take(&Record::Dead(letter)).map_err(str::to_owned));
        taken.map_err(|e| wrong(format!("the row with id {id}: {e}")))?;
    }
    Ok(())
}

/// A table that is gone is made anew.
fn damaged(table: &str, what: &str) -> String {
    format!("its table {table}: {what}; mend that, or give up all that is in it: DROP TABLE {table}")
}

fn letter<'a>(columns: &Columns<'a>, id: u64) -> Result<DeadLetter<'a>, String> {
    let name = Name { id, unique: columns.bytes(1, "unique_key")?, function: columns.function(2)? };
    Ok(DeadLetter {
        row: rows::job(columns, name)?,
        last_ms: columns.whole(10, "last")?,
        reason: columns.bytes(11, "reason")?,
        text: columns.bytes(12, "message")?,
        worker: columns.bytes(13, "worker")?,
    })
}
