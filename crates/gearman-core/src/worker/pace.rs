//! Slows down calls that fail at once. Without it, programs that call again at once would use a whole processor while no
//! server can be reached.
//!
//! Owns when the next call would be due. Must never know why a call failed, nor slow down one after a good one.

use super::Worker;
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Calls that fail are this far apart, on the average: with [`FREE`] less than a hundred in any second.
const ROUND: Duration = Duration::from_millis(12);
/// So many may come sooner: to connect and be answered takes some calls of those who do not wait.
const FREE: u32 = 8;

/// How fast failing calls are made.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the next call would begin that comes neither early nor late; none after a call that did not fail.
    next: Option<Instant>,
}

impl Pace {
    /// A call begins; not before the moment that is returned, if there is one.
    fn begin(&self, now: Instant) -> Option<Instant> {
        self.next.and_then(|next| next.checked_sub(ROUND * FREE)).filter(|due| *due > now)
    }

    /// A call that began then has ended.
    fn end(&mut self, begun: Instant, failed: bool) {
        self.next = failed.then(|| self.next.map_or(begun, |next| next.max(begun)) + ROUND);
    }
}

impl Worker {
    /// Makes a call, later if too many before it failed. The pause does not end with the call's own time: that may
    /// be none at all.
    pub(super) async fn paced<T>(&mut self, call: impl AsyncFnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        let mut begun = Instant::now();
        if let Some(due) = self.pace.begin(begun) {
            sleep_until(due).await;
            begun = Instant::now();
        }
        let outcome = call(self).await;
        let failed = outcome.as_ref().is_err_and(|error| self.has_failed(error));
        self.pace.end(begun, failed);
        outcome
    }

    /// Did a call fail for anything else than that no server has a job, or does not allow a function?
    fn has_failed(&self, error: &Error) -> bool {
        let idle = matches!(error, Error::Timeout { .. } | Error::NoJobs | Error::WouldBlock | Error::Server { .. });
        !idle || !self.servers.iter().any(|p| p.connection.is_proven())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Failing calls in a second, which take so long one after the other unless they are slowed down.
    fn calls(times: &[Duration]) -> u32 {
        let (mut pace, begun, mut calls) = (Pace::default(), Instant::now(), 0);
        let mut now = begun;
        for time in times.iter().cycle() {
            now = pace.begin(now).unwrap_or(now);
            if now >= begun + 1000 * MILLISECOND {
                break;
            }
            pace.end(now, true);
            calls += 1;
            now += *time;
        }
        calls
    }

    #[test]
    fn who_hurries_is_slowed_down() {
        let moment = MILLISECOND / 1000;
        for times in
            [&[moment][..], &[5 * MILLISECOND], &[15 * MILLISECOND, moment], &[50 * MILLISECOND, moment, moment]]
        {
            assert!((50..100).contains(&calls(times)), "{times:?}: {}", calls(times));
        }
        assert_eq!(calls(&[20 * MILLISECOND]), 50, "who takes their time is not");
    }

    #[test]
    fn the_first_calls_are_free_and_so_are_those_after_a_good_one() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let mut free = || {
            let mut calls = 0;
            while pace.begin(now).is_none() {
                pace.end(now, true);
                calls += 1;
            }
            pace.end(now, false);
            calls
        };
        assert_eq!((free(), free()), (1 + FREE, 1 + FREE));
    }
}
