//! What would fill the log if it were said each time.

use std::fmt;
use std::time::Duration;

/// When to say something that may happen a thousand times a second.
#[derive(Clone, Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    /// When it may be said again.
    next: Duration,
    /// So often it happened since it was said.
    unsaid: u64,
}

impl Seldom {
    /// Not more often than this.
    pub(crate) fn every(pause: Duration) -> Seldom {
        Seldom { pause, next: Duration::ZERO, unsaid: 0 }
    }

    /// It happened. Whether to say so now, and what to say of the times when it was not said.
    pub(crate) fn happened(&mut self, now: Duration) -> Option<Unsaid> {
        if now < self.next {
            self.unsaid += 1;
            return None;
        }
        self.next = now + self.pause;
        Some(Unsaid(std::mem::take(&mut self.unsaid)))
    }
}

/// How often something happened since it was said: the end of the line that says it again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsaid(u64);

impl fmt::Display for Unsaid {
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
    /// There are too many functions.
    pub(crate) functions: Seldom,
    /// A worker can do too much.
    pub(crate) abilities: Seldom,
}

impl Default for Limits {
    fn default() -> Limits {
        let second = Seldom::every(Duration::from_secs(1));
        Limits { queue: second.clone(), functions: second.clone(), abilities: second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_while_with_what_was_left_out() {
        let mut seldom = Seldom::every(Duration::from_secs(10));
        let said = [0, 0, 9, 10, 19, 25].map(|second| seldom.happened(Duration::from_secs(second)));
        assert_eq!(said, [Some(Unsaid(0)), None, None, Some(Unsaid(2)), None, Some(Unsaid(1))]);
        assert_eq!([Unsaid(0), Unsaid(2)].map(|unsaid| unsaid.to_string()), ["", "; 2 more since the last such line"]);
    }
}
