//! What the columns of C gearmand's tables can hold, and what they say. For backends that keep such tables beside values of
//! their own that are exact.

use gearman_core::protocol::message::Priority;

/// As C's tables have times. No job runs too early there, but for those of the year 2038 and later.
pub(crate) fn seconds(ms: u64) -> i32 {
    i32::try_from(ms.div_ceil(1000)).unwrap_or(i32::MAX)
}

/// When a job may run: exactly, unless somebody has changed the time in C's column.
pub(crate) fn due(when_to_run: i64, due_ms: i64) -> u64 {
    let ms = u64::try_from(due_ms).unwrap_or_default();
    match u64::try_from(when_to_run).unwrap_or_default() {
        when if i64::from(seconds(ms)) == when.cast_signed() => ms,
        when => when.saturating_mul(1000),
    }
}

/// The priority that this number stands for.
pub(crate) fn priority(number: i64) -> Result<Priority, String> {
    let wanted = Priority::ALL.into_iter().find(|priority| *priority as i64 == number);
    wanted.ok_or_else(|| format!("its priority is {number}, not 0, 1 or 2"))
}

/// As a column of 64 bits.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What is below zero is zero.
pub(crate) fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A count of tries.
pub(crate) fn tries(number: i64) -> Result<u16, String> {
    u16::try_from(number.max(0)).map_err(|_| format!("its tries are {number}, more than 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_unless_somebody_has_changed_them() {
        for ms in [0, 1, 1000, 1001, 4_000_000_000_000] {
            assert_eq!(due(i64::from(seconds(ms)), integer(ms)), ms);
        }
        assert_eq!((due(7, 1500), due(0, 1500), due(-3, 0)), (7000, 0, 0));
    }
}
