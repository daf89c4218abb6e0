//! How many processes a group should have, by the jobs that there are.
//!
//! Owns how many are wanted, and what was needed in the last while. Must never know servers and processes. Invariants: what
//! is wanted is within the bounds; it shrinks only to what was the most that was needed at any moment of that while, so that bursts do
//! not make it flap; it doubles at most, so that a moment's rush is not answered with all there may be.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What the servers say of a group's functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Jobs that wait and may run.
    pub waiting: u64,
    /// Jobs that workers have.
    pub running: u64,
    /// How long the one that is next has waited, where a server tells.
    pub oldest: Option<Duration>,
}

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// At least so many.
    pub min: u32,
    /// At most.
    pub max: u32,
    /// More, where a job has waited so long.
    pub grow_after: Duration,
    /// Fewer, where so many were not needed for so long.
    pub shrink_after: Duration,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Scale {
    wanted: u32,
    /// Since when there were jobs that wait at each look.
    waits_since: Option<Instant>,
    /// How many were needed, and when last; falling, as only the largest of those that are not older counts.
    needed: VecDeque<(Instant, u32)>,
}

impl Scale {
    /// The fewest, until somebody is needed.
    pub fn new(min: u32) -> Scale {
        Scale { wanted: min, waits_since: None, needed: VecDeque::new() }
    }

    /// So many should there be.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// The rules have changed.
    pub fn bound(&mut self, rules: &Rules) {
        self.wanted = self.wanted.clamp(rules.min, rules.max);
    }

    /// How long a job has waited: as told, else as long as it was seen.
    pub fn waits(&self, demand: &Demand, now: Instant) -> Option<Duration> {
        let seen = self.waits_since.map(|since| now.duration_since(since));
        demand.oldest.or(seen).filter(|_| demand.waiting > 0)
    }

    /// Takes in what the servers say now. True: another number is wanted.
    pub fn look(&mut self, demand: &Demand, rules: &Rules, now: Instant) -> bool {
        let before = self.wanted;
        self.waits_since = self.waits_since.or(Some(now)).filter(|_| demand.waiting > 0);
        let need = u32::try_from(demand.waiting.saturating_add(demand.running)).unwrap_or(u32::MAX);
        let need = need.clamp(rules.min, rules.max);
        self.remember(need, rules, now);
        let waits = self.waits(demand, now).is_some_and(|waits| waits >= rules.grow_after);
        // Where there is nobody, there is nothing to wait for. A job that runs has somebody, elsewhere or about to end.
        if need > self.wanted && (waits || self.wanted == 0 && demand.waiting > 0) {
            self.wanted = need.min(self.wanted.saturating_mul(2).max(1));
        }
        let most = self.needed.front().map_or(need, |(_, most)| *most);
        self.wanted = self.wanted.min(most).clamp(rules.min, rules.max);
        self.wanted != before
    }

    /// No server says anything: what was needed meanwhile, and whether jobs waited, is not known. What follows begins anew.
    pub fn look_failed(&mut self) {
        self.waits_since = None;
        self.needed.clear();
    }

    fn remember(&mut self, need: u32, rules: &Rules, now: Instant) {
        // What is wanted from the start, or was before a reload or an outage, is not too much before the while is over.
        if self.needed.is_empty() {
            self.needed.push_back((now, self.wanted));
        }
        while self.needed.back().is_some_and(|(_, n)| *n <= need) {
            self.needed.pop_back();
        }
        self.needed.push_back((now, need));
        while self.needed.front().is_some_and(|(since, _)| now.duration_since(*since) >= rules.shrink_after) {
            self.needed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { min: 1, max: 8, grow_after: Duration::from_secs(1), shrink_after: Duration::from_secs(30) };

    /// What is wanted after each second with so many jobs waiting, running, and the oldest so old.
    fn after(seconds: impl IntoIterator<Item = (u64, u64, Option<u64>)>, rules: &Rules) -> Vec<u32> {
        let (mut scale, mut now) = (Scale::new(rules.min), Instant::now());
        let look = |(waiting, running, oldest): (u64, u64, Option<u64>)| {
            now += Duration::from_secs(1);
            scale.look(&Demand { waiting, running, oldest: oldest.map(Duration::from_millis) }, rules, now);
            scale.wanted()
        };
        seconds.into_iter().map(look).collect()
    }

    #[test]
    fn it_doubles_while_jobs_wait_too_long() {
        assert_eq!(
            after([(100, 1, Some(200)), (100, 1, Some(1200)), (90, 2, Some(2000)), (90, 4, Some(3000))], &RULES),
            [1, 2, 4, 8]
        );
        // No more than there is to do.
        assert_eq!(after([(2, 1, Some(5000)), (1, 2, Some(5000))], &RULES), [2, 3]);
    }

    #[test]
    fn a_server_that_tells_no_ages_is_watched() {
        assert_eq!(after([(9, 1, None), (9, 1, None), (0, 2, None), (9, 2, None)], &RULES), [1, 2, 2, 2]);
    }

    #[test]
    fn the_first_job_need_not_wait() {
        let rules = Rules { min: 0, ..RULES };
        assert_eq!(after([(0, 0, None), (1, 0, Some(1))], &rules), [0, 1]);
    }

    /// One was started for each job that another host had, or a process that was about to end, and stayed while that ran.
    #[test]
    fn a_job_that_runs_needs_nobody_more() {
        let rules = Rules { min: 0, ..RULES };
        assert_eq!(after([(0, 1, None), (0, 2, None), (1, 2, Some(1))], &rules), [0, 0, 1]);
    }

    #[test]
    fn bursts_do_not_make_it_flap() {
        let burst = [(9, 4, Some(2000)), (9, 8, Some(2000)), (9, 8, Some(2000))];
        let calm = std::iter::repeat_n((0, 1, None), 20);
        let seconds: Vec<_> = (0..5).flat_map(|_| burst.into_iter().chain(calm.clone())).collect();
        let wanted = after(seconds, &RULES);
        assert_eq!(wanted[..3], [2, 4, 8]);
        assert!(wanted[3..].iter().all(|n| *n == 8), "{wanted:?}");
    }

    /// All that was needed before was too old when a server answered again: its first answer alone, before workers had come back and taken
    /// jobs, ended all but `min`. And of a server that tells no ages, the time without answers counted as that of a waiting job.
    #[test]
    fn an_outage_is_no_time_without_jobs_nor_one_of_waiting() {
        let (mut scale, mut now) = (Scale::new(8), Instant::now());
        let mut look = |scale: &mut Scale, waiting, running, seconds| {
            now += Duration::from_secs(seconds);
            scale.look(&Demand { waiting, running, oldest: None }, &RULES, now);
            scale.wanted()
        };
        assert_eq!(look(&mut scale, 0, 8, 1), 8);
        scale.look_failed();
        assert_eq!(look(&mut scale, 0, 0, 600), 8, "its first answer");
        assert_eq!(look(&mut scale, 0, 3, 29), 8);
        assert_eq!(look(&mut scale, 0, 3, 1), 3, "so many were needed since");

        assert_eq!(look(&mut scale, 9, 3, 1), 3);
        scale.look_failed();
        assert_eq!(look(&mut scale, 9, 3, 600), 3);
        assert_eq!(look(&mut scale, 9, 3, 1), 6, "it was seen to wait for a second");
    }

    #[test]
    fn it_shrinks_to_the_most_that_was_needed_in_a_while() {
        let busy = std::iter::repeat_n((5, 8, Some(2000)), 10);
        let seconds = busy.chain(std::iter::repeat_n((0, 3, None), 40)).chain(std::iter::repeat_n((0, 0, None), 40));
        let wanted = after(seconds, &RULES);
        let at = |n: u32| wanted.iter().rposition(|wanted| *wanted == n).unwrap();
        assert_eq!(wanted[9], 8);
        assert!((38..=41).contains(&at(8)), "{wanted:?}");
        assert!((78..=81).contains(&at(3)), "{wanted:?}");
        assert_eq!(wanted.last(), Some(&1));
    }
}
