//! Where no server is there, calls that do not wait would be made without end, however they are mixed: each fails at
//! once. So who hurries is held back.

use super::Worker;
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// From one call in vain to the next call of one who hurries: with [`Pace::FREE`] less than a hundred calls a second.
const ROUND: Duration = Duration::from_millis(12);

/// When and how often calls were in vain.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The beginning of the last call, if it was in vain.
    vain: Option<Instant>,
    /// So many calls in a row began sooner than [`ROUND`] after one in vain.
    hurried: u32,
}

impl Pace {
    /// So many are not held back: to connect and be answered takes some calls of those who do not wait.
    const FREE: u32 = 8;

    /// A call begins; not before the moment that is returned, if there is one.
    fn begin(&mut self, now: Instant) -> Option<Instant> {
        let due = self.vain.map(|vain| vain + ROUND).filter(|due| *due > now);
        self.hurried = if due.is_some() { self.hurried + 1 } else { 0 };
        due.filter(|_| self.hurried > Self::FREE)
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
        self.pace.vain = vain.then_some(begun);
        outcome
    }

    /// Did a call fail for anything else than that no server has a job?
    fn is_vain(&self, error: &Error) -> bool {
        let idle = matches!(error, Error::Timeout { .. } | Error::NoJobs | Error::WouldBlock);
        !idle || !self.servers.iter().any(|p| p.peer.has_spoken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Calls in a second, each in vain, that begin this long after each other unless they are held back.
    fn calls(between: Duration) -> u32 {
        let (mut pace, begun, mut calls) = (Pace::default(), Instant::now(), 0);
        let mut now = begun;
        while now < begun + 1000 * MILLISECOND {
            now = pace.begin(now).unwrap_or(now);
            pace.vain = Some(now);
            calls += 1;
            now += between;
        }
        calls
    }

    #[test]
    fn who_hurries_in_vain_is_held_back() {
        assert!((80..100).contains(&calls(MILLISECOND / 1000)));
        assert!((80..100).contains(&calls(5 * MILLISECOND)));
        assert_eq!(calls(20 * MILLISECOND), 50, "who takes their time is not");
    }

    #[test]
    fn the_first_calls_are_free_and_so_are_those_after_a_good_one() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let mut free = || {
            let mut calls = 0;
            while pace.begin(now).is_none() {
                pace.vain = Some(now);
                calls += 1;
            }
            pace.vain = None;
            calls
        };
        assert_eq!((free(), free()), (1 + Pace::FREE, 1 + Pace::FREE));
    }
}
