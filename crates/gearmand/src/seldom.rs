//! What would fill the log if it were logged each time: counts how often, and decides when. Nothing is logged here.

use std::fmt;
use std::time::Duration;

/// When to log something that may happen a thousand times a second.
#[derive(Clone, Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    /// When it may be logged again.
    next: Duration,
    /// So often it happened since it was logged.
    omitted: u64,
}

impl Seldom {
    /// Not more often than this.
    pub(crate) fn every(pause: Duration) -> Seldom {
        Seldom { pause, next: Duration::ZERO, omitted: 0 }
    }

    /// It happened. Whether to log it now, with how often it was left out.
    pub(crate) fn happened(&mut self, now: Duration) -> Option<Omitted> {
        if now < self.next {
            self.omitted += 1;
            return None;
        }
        self.next = now + self.pause;
        Some(Omitted(std::mem::take(&mut self.omitted)))
    }
}

/// How often something happened since it was logged: the end of the line that logs it again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Omitted(u64);

impl fmt::Display for Omitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n => write!(f, "; {n} more since the last such line"),
        }
    }
}

/// Of limits that were reached.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// A queue is full.
    pub(crate) queue: Seldom,
    /// There are too many dead letters.
    pub(crate) letters: Seldom,
    /// There are too many functions.
    pub(crate) functions: Seldom,
    /// A worker can do too much.
    pub(crate) abilities: Seldom,
    /// A connection has not the right.
    pub(crate) rights: Seldom,
}

impl Default for Limits {
    fn default() -> Limits {
        let second = Seldom::every(Duration::from_secs(1));
        let letters = Seldom::every(Duration::from_secs(60));
        Limits { queue: second.clone(), letters, functions: second.clone(), abilities: second.clone(), rights: second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_while_with_what_was_left_out() {
        let mut seldom = Seldom::every(Duration::from_secs(10));
        let received = [0, 0, 9, 10, 19, 25].map(|second| seldom.happened(Duration::from_secs(second)));
        assert_eq!(received, [Some(Omitted(0)), None, None, Some(Omitted(2)), None, Some(Omitted(1))]);
        assert_eq!(
            [Omitted(0), Omitted(2)].map(|omitted| omitted.to_string()),
            ["", "; 2 more since the last such line"]
        );
    }
}
