//! What a durable queue is: rows that outlive the server, and their keys. A queue of another kind is one more [`Backend`].
//!
//! The broker numbers its changes (`batch`); a thread of its own (`writer`) brings them to the backend. Nothing here
//! knows the broker.

pub(crate) mod batch;
pub mod sqlite;
pub(crate) mod writer;

use gearman_core::protocol::message::{Decimal, Priority};

/// When jobs go to the durable queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durable {
    /// Never: there is none.
    #[default]
    No,
    /// Before their client gets JOB_CREATED.
    Always,
    /// Those that are left when the server stops.
    AtEnd,
}

/// Jobs on disk. Called from one thread, which may be kept waiting; others may own the same rows.
///
/// A new kind of queue is one more implementation of this, and its options.
pub trait Backend: Send {
    /// Gives out every job that is stored, oldest first.
    ///
    /// # Errors
    /// When not all could be read, or `take` refuses a row. A server must not start then: jobs
    /// would be missing.
    fn replay(&mut self, take: &mut dyn FnMut(Row<'_>) -> Result<(), &'static str>) -> Result<(), BackendError>;

    /// A job is to be kept. One with the same key and function is replaced.
    ///
    /// # Errors
    /// Then nothing that was asked for since the last `flush` is kept.
    fn add(&mut self, row: &Row<'_>) -> Result<(), BackendError>;

    /// The job with this key need not be kept any more. No error where there is none.
    ///
    /// # Errors
    /// As [`Backend::add`].
    fn done(&mut self, key: &[u8], function: &[u8]) -> Result<(), BackendError>;

    /// Returns when all that was asked for since the last time is safe from a power cut.
    ///
    /// # Errors
    /// As [`Backend::add`].
    fn flush(&mut self) -> Result<(), BackendError>;
}

/// Why a queue cannot be used, as an operator reads it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{queue}: {reason}")]
pub struct BackendError {
    /// Which: a file, with its table.
    pub queue: String,
    /// What is wrong with it, and how to mend it.
    pub reason: String,
    /// Somebody has it, who may let it go.
    pub held: bool,
}

/// A job as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Unique within the function.
    pub key: &'a [u8],
    /// Its function.
    pub function: &'a [u8],
    /// Its priority.
    pub priority: Priority,
    /// Its workload.
    pub data: &'a [u8],
    /// Seconds since 1970 before which it may not run; 0: at once.
    pub due: u64,
}

/// What stands in the row of a job without a key, and of one whose key is its workload (`-`), before the
/// number of its handle. Rows need keys that differ; and such a job keeps its number over a restart, so that
/// its row is found again.
const NO_KEY: &[u8] = b"(no key) ";
const WORKLOAD_KEY: &[u8] = b"(workload) ";
/// Larger numbers were not written by this server.
const MAX_NUMBER: u64 = 1 << 53;

/// The key of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowKey {
    bytes: [u8; gearman_core::MAX_UNIQUE],
    len: usize,
}

impl RowKey {
    /// Of the job with this unique key, and this number in its handle.
    pub(crate) fn new(unique: &[u8], number: u64) -> RowKey {
        let digits = Decimal::new(number);
        match unique {
            b"-" => RowKey::of(&[WORKLOAD_KEY, digits.as_ref()]),
            // A client's key that looks like one of ours must not replace it. It is forgotten at a restart.
            _ if unique.is_empty() || unique.starts_with(NO_KEY) || unique.starts_with(WORKLOAD_KEY) => {
                RowKey::of(&[NO_KEY, digits.as_ref()])
            }
            _ => RowKey::of(&[unique]),
        }
    }

    /// Of these bytes, one after the other; at most as many as a unique key can have.
    pub(crate) fn of(parts: &[&[u8]]) -> RowKey {
        let mut key = RowKey { bytes: [0; gearman_core::MAX_UNIQUE], len: 0 };
        for part in parts {
            let part = &part[..part.len().min(key.bytes.len() - key.len)];
            key.bytes[key.len..key.len + part.len()].copy_from_slice(part);
            key.len += part.len();
        }
        key
    }

    /// The unique key of the job in the row with this key, and its number where that is in there.
    pub(crate) fn read(key: &[u8]) -> (&[u8], Option<u64>) {
        let number = |digits: &[u8]| {
            let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (number < MAX_NUMBER && number > 0).then_some(number)
        };
        if let Some(number) = key.strip_prefix(NO_KEY).and_then(number) {
            return (b"", Some(number));
        }
        if let Some(number) = key.strip_prefix(WORKLOAD_KEY).and_then(number) {
            return (b"-", Some(number));
        }
        (key, None)
    }
}

impl AsRef<[u8]> for RowKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for (unique, number, key, read) in [
            (&b""[..], 7, &b"(no key) 7"[..], (&b""[..], Some(7))),
            (b"-", 8, b"(workload) 8", (b"-", Some(8))),
            (b"mine", 9, b"mine", (b"mine", None)),
            (b"(no key) 1", 10, b"(no key) 10", (b"", Some(10))),
            (&[b'k'; 64], 11, &[b'k'; 64], (&[b'k'; 64], None)),
        ] {
            assert_eq!(RowKey::new(unique, number).as_ref(), key);
            assert_eq!(RowKey::read(key), read);
        }
    }

    #[test]
    fn what_only_looks_like_a_key_of_ours_is_a_clients() {
        for key in [&b"(no key) "[..], b"(no key) x", b"(workload) 0", b"(no key) 99999999999999999999"] {
            assert_eq!(RowKey::read(key), (key, None));
        }
    }
}
