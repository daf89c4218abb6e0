//! Rows of a file -> jobs. Whoever has `sqlite3` may have written them, so each column is looked at; what is wrong with one
//! is said with its name.

use crate::durable::{Extras, Name, Row};
use gearman_core::protocol::message::Priority;
use rusqlite::types::{Value, ValueRef};

/// The columns of a row, by number.
pub(super) struct Columns<'a>(pub(super) &'a rusqlite::Row<'a>);

impl<'a> Columns<'a> {
    fn text(&self, i: usize, what: &str) -> Result<Option<&'a [u8]>, String> {
        match self.0.get_ref(i) {
            Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Ok(Some(bytes)),
            Ok(ValueRef::Null) => Ok(None),
            _ => Err(format!("its {what} is no text")),
        }
    }

    /// C gearmand writes NULL for an empty workload.
    pub(super) fn bytes(&self, i: usize, what: &str) -> Result<&'a [u8], String> {
        self.text(i, what).map(Option::unwrap_or_default)
    }

    /// A function's name, which may be empty.
    pub(super) fn function(&self, i: usize) -> Result<&'a [u8], String> {
        self.text(i, "function_name")?.ok_or_else(|| "its function_name is NULL".into())
    }

    fn number(&self, i: usize, what: &str) -> Result<Option<i64>, String> {
        match self.0.get(i) {
            Ok(Value::Integer(n)) => Ok(Some(n)),
            Ok(Value::Null) => Ok(None),
            _ => Err(format!("its {what} is no number")),
        }
    }

    /// What is below zero is zero.
    pub(super) fn whole(&self, i: usize, what: &str) -> Result<u64, String> {
        let number = self.number(i, what)?.unwrap_or_default();
        Ok(u64::try_from(number).unwrap_or_default())
    }
}

/// The job of this name. After its id, key and function in the columns 0 to 2 come priority, workload, when to run, and what
/// C's table has no columns for: reducer, tries, first and due.
pub(super) fn job<'a>(columns: &Columns<'a>, name: Name<'a>) -> Result<Row<'a>, String> {
    let priority = columns.number(3, "priority")?.unwrap_or_default();
    let wanted = Priority::ALL.into_iter().find(|p| *p as i64 == priority);
    let tries = columns.whole(7, "tries")?;
    Ok(Row {
        name,
        priority: wanted.ok_or_else(|| format!("its priority is {priority}, not 0, 1 or 2"))?,
        data: columns.bytes(4, "data")?,
        due_ms: due(columns.whole(5, "when_to_run")?, columns.whole(9, "due")?),
        extras: Extras {
            reducer: columns.text(6, "reducer")?,
            tries: u16::try_from(tries).map_err(|_| format!("its tries are {tries}, more than 65535"))?,
            first_ms: columns.whole(8, "first")?,
        },
    })
}

/// When a job may run: exactly, unless somebody has changed the time in C's table.
fn due(seconds: u64, ms: u64) -> u64 {
    if ms.div_ceil(1000) == seconds { ms } else { seconds.saturating_mul(1000) }
}
