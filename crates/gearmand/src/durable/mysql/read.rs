//! Rows of the tables -> jobs, dead letters and settings. Whoever has `mysql` may have written them, so each column is looked
//! at; what is wrong with one is said with its name.

use crate::durable::columns::{due, priority, tries, whole};
use crate::durable::mysql::failure;
use crate::durable::mysql::schema::Schema;
use crate::durable::mysql::wire::{Columns, Wire, WireError};
use crate::durable::remote::Failure;
use crate::durable::row_key::RowKeys;
use crate::durable::{DeadLetter, Extras, MAX_ID, Name, Record, Row, Setting, Take};

/// Gives out all there is, as it comes. The largest id.
pub(super) fn replay(
    wire: &mut Wire,
    schema: &Schema,
    keys: &mut RowKeys,
    take: &mut Take<'_>,
) -> Result<u64, Failure> {
    let Schema { queue, dead, settings, .. } = schema;
    let last = number(wire, schema).map_err(failure)?;
    each(wire, &format!("SELECT name, value FROM {settings}"), settings, &mut |columns| {
        let setting = Setting { key: bytes(columns, 0), value: bytes(columns, 1) };
        take(&Record::Setting(setting)).map_err(str::to_owned)
    })?;
    let select = format!(
        "SELECT id, unique_key, function_name, priority, data, NULL, reducer, tries, first_ms, NULL, last_ms, reason,
             message, worker FROM {dead} ORDER BY last_ms, id"
    );
    each(wire, &select, dead, &mut |columns| {
        let id = whole(integer(columns, 0, "id")?);
        let name = Name { id, unique: bytes(columns, 1), function: bytes(columns, 2) };
        let letter = DeadLetter {
            row: job(columns, name)?,
            last_ms: whole(integer(columns, 10, "last_ms")?),
            reason: bytes(columns, 11),
            text: bytes(columns, 12),
            worker: bytes(columns, 13),
        };
        take(&Record::Dead(letter)).map_err(str::to_owned)
    })?;
    let select = format!(
        "SELECT job_id, unique_key, function_name, priority, data, when_to_run, reducer, tries, first_ms, due_ms
             FROM {queue} ORDER BY job_id"
    );
    each(wire, &select, queue, &mut |columns| {
        let id = whole(integer(columns, 0, "job_id")?);
        let key = columns.get(1).ok_or("its unique_key is NULL")?;
        let function = columns.get(2).ok_or("its function_name is NULL")?;
        let name = Name { id, unique: keys.read(id, key), function };
        take(&Record::Job(job(columns, name)?)).map_err(str::to_owned)
    })?;
    Ok(last)
}

/// Rows without a number get one, in their order: C gearmand wrote them, or somebody who copied rows. The largest that there
/// is.
fn number(wire: &mut Wire, schema: &Schema) -> Result<u64, WireError> {
    let Schema { queue, dead, .. } = schema;
    let odd = format!(
        "UPDATE {queue} SET job_id = NULL WHERE job_id NOT BETWEEN 1 AND {MAX_ID} - 1
             OR job_id IN (SELECT id FROM {dead});
         UPDATE {queue} q JOIN (SELECT job_id AS i, MIN(CONCAT(unique_key, '\\0', function_name)) AS k FROM {queue}
             GROUP BY job_id HAVING count(*) > 1) d ON q.job_id = d.i
             SET q.job_id = NULL WHERE CONCAT(q.unique_key, '\\0', q.function_name) <> d.k"
    );
    wire.execute(odd.as_bytes())?;
    let largest = format!(
        "SELECT greatest(IFNULL((SELECT max(job_id) FROM {queue}), 0),
             IFNULL((SELECT max(id) FROM {dead} WHERE id < {MAX_ID}), 0))"
    );
    let last = wire.query_one(&largest)?.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
    let last: u64 = last.unwrap_or_default();
    let number = format!("SET @last := {last}; UPDATE {queue} SET job_id = (@last := @last + 1) WHERE job_id IS NULL");
    Ok(last + wire.execute(number.as_bytes())?)
}

/// Gives out the rows of a query; what is wrong with one is said with its place.
fn each(
    wire: &mut Wire,
    select: &str,
    table: &str,
    take: &mut dyn FnMut(&Columns<'_>) -> Result<(), String>,
) -> Result<(), Failure> {
    let mut number = 0u64;
    let read = wire.query(select, &mut |columns| {
        number += 1;
        take(columns).map_err(|reason| format!("row {number} of its table {table}: {reason}"))
    });
    read.map_err(|error| match error {
        WireError::Server(code @ (1054 | 1146), text) => failure(WireError::Server(
            code,
            format!("{text}: {table} is not gearmand's: name another by --mysql-table"),
        )),
        error => failure(error),
    })
}

fn bytes<'a>(columns: &Columns<'a>, i: usize) -> &'a [u8] {
    columns.get(i).unwrap_or_default()
}

fn integer(columns: &Columns<'_>, i: usize, what: &str) -> Result<i64, String> {
    let Some(text) = columns.get(i) else { return Ok(0) };
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("its {what} is no number"))
}

/// The job of this name. After its id, key and function come priority, workload, when to run, reducer, tries, first and due.
fn job<'a>(columns: &Columns<'a>, name: Name<'a>) -> Result<Row<'a>, String> {
    let (when, due_ms) = (integer(columns, 5, "when_to_run")?, integer(columns, 9, "due_ms")?);
    Ok(Row {
        name,
        priority: priority(integer(columns, 3, "priority")?)?,
        data: bytes(columns, 4),
        due_ms: due(when, due_ms),
        extras: Extras {
            reducer: columns.get(6),
            tries: tries(integer(columns, 7, "tries")?)?,
            first_ms: whole(integer(columns, 8, "first_ms")?),
        },
    })
}
