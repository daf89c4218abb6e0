//! When a program that crashes is started again.
//!
//! Owns how often it has crashed. Must never know processes. Invariant: after the first crash there is a pause, which doubles
//! with each crash that follows; one process that was started since and settles ends all that.

use std::time::{Duration, Instant};

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);
/// So many crashes, one after the other, are no accident.
pub const FAILING: u32 = 5;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    crashes: u32,
    last: Option<Instant>,
    /// No start before this. It is there until somebody has noticed that it is over.
    until: Option<Instant>,
}

impl Backoff {
    /// A process that was started then is younger than the last crash: it shows how the next ones will go. Older ones say nothing of that.
    pub fn is_trial(&self, started: Instant) -> bool {
        self.last.is_none_or(|last| started > last)
    }

    /// A process that was started then has crashed. Those that were started together count once.
    pub fn crashed(&mut self, started: Instant, now: Instant) {
        if !self.is_trial(started) {
            return;
        }
        self.crashes = self.crashes.saturating_add(1);
        let pause = FIRST.saturating_mul(1 << (self.crashes - 1).min(16)).min(LONGEST);
        (self.last, self.until) = (Some(now), Some(now + pause));
    }

    /// A process that was started then has settled.
    pub fn settled(&mut self, started: Instant) {
        if self.is_trial(started) {
            *self = Backoff::default();
        }
    }

    /// Notices whether the pause is over.
    pub fn note_time(&mut self, now: Instant) {
        self.until = self.until.filter(|until| now < *until);
    }

    /// How many crashes there were, one after the other.
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    /// It crashes again and again.
    pub fn is_failing(&self) -> bool {
        self.crashes >= FAILING
    }

    /// The end of the pause; `None`: it is over, and that was noticed. So who waits for it does not miss it.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// How many may be started now: after a crash one alone, to see how that goes. `trials`: so many have not settled.
    pub fn may_start(&self, trials: usize) -> usize {
        match (self.until, self.crashes) {
            (Some(_), _) => 0,
            (None, 0) => usize::MAX,
            (None, _) => usize::from(trials == 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(backoff.may_start(0), if pauses.is_empty() { usize::MAX } else { 1 });
            backoff.crashed(now, now);
            assert_eq!(backoff.may_start(0), 0);
            let until = backoff.until().unwrap();
            pauses.push((until - now).as_millis());
            backoff.note_time(until - Duration::from_millis(1));
            assert_eq!((backoff.until(), backoff.may_start(0)), (Some(until), 0));
            backoff.note_time(until);
            assert_eq!(backoff.until(), None, "nothing is left to wait for");
            now = until;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
        assert!(backoff.is_failing());
        assert_eq!(backoff.may_start(1), 0, "one at a time");
        backoff.settled(now);
        assert_eq!((backoff.crashes(), backoff.may_start(0)), (0, usize::MAX));
    }

    #[test]
    fn what_is_older_than_the_last_crash_says_nothing() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        (0..10).for_each(|_| backoff.crashed(now, later));
        assert_eq!(backoff.crashes(), 1);
        backoff.settled(now);
        assert_eq!(backoff.crashes(), 1);
        assert_eq!([now, later, later + FIRST].map(|started| backoff.is_trial(started)), [false, false, true]);
    }

    /// Ten starts that the system refused at the same moment were ten crashes, and a pause of half a minute.
    #[test]
    fn what_fails_at_the_moment_of_its_start_counts_once_too() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        (0..10).for_each(|_| backoff.crashed(now, now));
        assert_eq!((backoff.crashes(), backoff.until()), (1, Some(now + FIRST)));
        backoff.settled(now);
        assert_eq!(backoff.crashes(), 1, "nor is it known from those that were started with it how the next one goes");
    }
}
