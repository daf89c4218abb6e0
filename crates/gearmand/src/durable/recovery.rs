//! Reading what a durable queue has at the start. Each job and each dead letter must be one that a client could have submitted.
//!
//! What always holds: ids differ, and [`recover`] returns one so that all larger ones are free.

use crate::durable::{Backend, BackendError, DeadLetter, MAX_ID, Record, Row, Take};
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE};

/// Gives out all there is, in the order of [`Backend::replay`]. Returns the last id that is taken.
///
/// # Errors
/// Where something is no job, or those of [`Backend::replay`].
pub(crate) fn recover(queue: &mut dyn Backend, take: &mut Take<'_>) -> Result<u64, BackendError> {
    let mut last = 0;
    let read = queue.replay(&mut |record| {
        if let Record::Job(row) | Record::Dead(DeadLetter { row, .. }) = record {
            check(row)?;
            last = last.max(row.name.id);
        }
        take(record)
    })?;
    Ok(last.max(read))
}

fn check(row: &Row<'_>) -> Result<(), &'static str> {
    let name = &row.name;
    // A function's name may be empty.
    if name.unique.len() > MAX_UNIQUE || name.function.len() > MAX_FUNCTION {
        return Err("its unique_key is longer than 64 bytes, or its function_name than 512");
    }
    if row.extras.reducer.is_some_and(|reducer| reducer.len() > MAX_FUNCTION) {
        return Err("its reducer is longer than 512 bytes");
    }
    match name.id {
        1..MAX_ID => Ok(()),
        _ => Err("its id is 0, or too large"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{Changes, Extras, Name};
    use gearman_core::protocol::message::Priority;

    /// One row, and whatever was there before.
    struct One<'a>(Row<'a>);

    impl Backend for One<'_> {
        fn replay(&mut self, take: &mut Take<'_>) -> Result<u64, BackendError> {
            let fail = |reason: &str| BackendError { queue: "q".into(), reason: reason.into(), held: false };
            take(&Record::Job(self.0)).map(|()| 7).map_err(fail)
        }

        fn commit(&mut self, _: &mut Changes<'_, '_>) -> Result<(), BackendError> {
            Ok(())
        }

        fn probe(&mut self) -> Result<(), BackendError> {
            Ok(())
        }
    }

    #[test]
    fn rows_that_no_job_can_be_made_of_are_named() {
        let row = |id, unique, function, reducer| Row {
            name: Name { id, unique, function },
            priority: Priority::Normal,
            data: b"",
            due_ms: 0,
            extras: Extras { reducer, ..Extras::default() },
        };
        let (name, long) = ([b'n'; 513], [b'k'; 65]);
        for (row, wanted) in [
            (row(1, &long[..64], b"f", Some(&name[..512])), Ok(7)),
            (row(9, b"", &name[..512], Some(b"")), Ok(9)),
            (row(1, &long, b"f", None), Err("its unique_key")),
            (row(1, b"k", b"", None), Ok(7)),
            (row(1, b"k", &name, None), Err("its unique_key")),
            (row(1, b"k", b"f", Some(&name)), Err("its reducer")),
            (row(0, b"k", b"f", None), Err("its id")),
            (row(MAX_ID, b"k", b"f", None), Err("its id")),
        ] {
            let read = recover(&mut One(row), &mut |_| Ok(())).map_err(|e| e.reason);
            let as_wanted = match (&read, wanted) {
                (Err(reason), Err(begin)) => reason.starts_with(begin),
                (read, wanted) => read.clone().ok() == wanted.ok(),
            };
            assert!(as_wanted, "{read:?}, not {wanted:?}");
        }
    }
}
