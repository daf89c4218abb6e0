//! Jobs -> the columns of a statement, and rows -> jobs.

use crate::cluster::ask::JobRow;
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use tokio_postgres::{Error, Row};

/// A number as PostgreSQL has it. Larger ones mean "never" in due times, and are nowhere else.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number of ours.
pub(super) fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<Bytes, Error> {
    row.try_get(column).map(Bytes::copy_from_slice)
}

/// The first columns of a row, as `job!` in statements.rs has them.
pub(super) fn job(row: &Row) -> Result<JobRow, Error> {
    Ok(JobRow {
        id: natural(row.try_get(0)?),
        function: bytes(row, 1)?,
        unique: bytes(row, 2)?,
        priority: match row.try_get::<_, i16>(3)? {
            0 => Priority::High,
            1 => Priority::Normal,
            _ => Priority::Low,
        },
        data: bytes(row, 4)?,
        reducer: row.try_get::<_, Option<&[u8]>>(5)?.map(Bytes::copy_from_slice),
        tries: row.try_get::<_, i32>(6)?.try_into().unwrap_or(u16::MAX),
        first_ms: natural(row.try_get(7)?),
        due_ms: natural(row.try_get(8)?),
    })
}
