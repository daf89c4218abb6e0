//! Where no server is there, calls that do not wait would be made without end, however they are mixed: each fails at
//! once. So who hurries is held back.

use super::Worker;
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Calls in vain are this far apart, on the average: with [`FREE`] less than a hundred in any second.
const ROUND: Duration = Duration::from_millis(12);
/// So many may come sooner: to connect and be answered takes some calls of those who do not wait.
const FREE: u32 = 8;

/// How fast calls in vain are made.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the next call would begin that comes neither early nor late; none after a call that was not in vain.
    next: Option<Instant>,
}

impl Pace {
    /// A call begins; not before the moment that is returned, if there is one.
    fn begin(&self, now: Instant) -> Option<Instant> {
        self.next.and_then(|next| next.checked_sub(ROUND * FREE)).filter(|due| *due > now)
    }

    /// A call that began then has ended.
    fn end(&mut self, begun: Instant, vain: bool) {
        self.next = vain.then(|| self.next.map_or(begun, |next| next.max(begun)) + ROUND);
    }
}

impl Worker {
    /// Makes a call, later if it is one of too many in vain. The pause does not end with the call's own time: that may
    /// be none at all.
    pub(super) async fn paced<T>(&mut self, call: impl AsyncFnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        let mut begun = Instant::now();
        if let Some(due) = self.pace.begin(begun) {
            sleep_until(due).await;
            begun = Instant::now();
        }
        let outcome = call(self).await;
        let vain = outcome.as_ref().is_err_and(|error| self.is_vain(error));
        self.pace.end(begun, vain);
        outcome
    }

    /// Did a call fail for anything else than that no server has a job?
    fn is_vain(&self, error: &Error) -> bool {
        let idle = matches!(error, Error::Timeout { .. } | Error::NoJobs | Error::WouldBlock);
        !idle || !self.servers.iter().any(|p| p.connection.is_proven())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Calls in vain in a second, which take so long in turn unless they are held back.
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
    fn who_hurries_in_vain_is_held_back() {
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
