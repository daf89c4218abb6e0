//! Limits of a function's policy: how many of its jobs run at once, how many begin in a time, whether any do. Jobs that may not
//! begin wait in their queue; their function is passed over, and nobody is woken for them until they may.
//!
//! Owns what of a limit is used up, and when a job may begin that waits for the rate. Knows nothing of which worker gets
//! which job.
//!
//! What always holds, of a function with limits:
//! - no job begins that a limit forbids. More run only where they began before the limit was set;
//! - at the end of a round as many workers are on the way as jobs may begin, or nobody sleeps who can run them;
//! - where jobs wait for the rate alone, the timer is set for the moment at which somebody is to be woken.

use crate::broker::arena::NONE;
use crate::broker::policy::{Policy, Rate};
use crate::broker::sessions::Role;
use crate::broker::wakeups::Step;
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use std::time::Duration;

/// A token may be so late, because of a timer or of a worker that was woken for it, and those after it come in time all the same.
const LATE: Duration = Duration::from_secs(1);

/// What a function's jobs have to obey, and how far that is used up.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    paused: bool,
    /// At most so many run at once.
    concurrency: u32,
    tokens: Option<Tokens>,
    /// When to look whether somebody is to be woken, as in `Broker::tokens`.
    timer: Option<Duration>,
}

/// A rate by virtual scheduling: not tokens are counted, but the time is known at which the next one is due.
#[derive(Clone, Debug)]
struct Tokens {
    rate: Rate,
    /// From one token to the next.
    interval: Duration,
    /// A job may begin so long before its token is due: a burst.
    ahead: Duration,
    /// When the next token is due; may be long ago.
    next: Duration,
    /// Jobs wait for nothing else since then: tokens that came late are not lost.
    wanted: bool,
}

impl Tokens {
    fn new(rate: Rate) -> Tokens {
        let interval = rate.interval();
        let ahead = interval.saturating_mul(rate.burst() - 1);
        Tokens { rate, interval, ahead, next: Duration::ZERO, wanted: false }
    }

    /// From when on tokens count.
    fn base(&self, now: Duration) -> Duration {
        let late = if self.wanted { LATE } else { Duration::ZERO };
        self.next.max(now.saturating_sub(late))
    }

    /// So many jobs may begin now.
    fn count(&self, now: Duration) -> u32 {
        let Some(since) = (now + self.ahead).checked_sub(self.base(now)) else { return 0 };
        u32::try_from(since.as_nanos() / self.interval.as_nanos()).map_or(u32::MAX, |n| n.saturating_add(1))
    }

    fn take(&mut self, now: Duration) {
        self.next = self.base(now) + self.interval;
    }

    /// So many jobs wait, and so many workers are on the way to them. When another is to be woken; `None` where that does
    /// not depend on the rate.
    fn wait(&mut self, now: Duration, jobs: u32, woken: u32) -> Option<Duration> {
        if jobs <= woken {
            self.wanted &= jobs > 0;
            return None;
        }
        self.next = self.base(now);
        let under_way = self.interval.saturating_mul(woken);
        if self.count(now) > woken {
            // There are tokens, and no workers. Those that come meanwhile are not saved up.
            self.next = self.next.max(now.saturating_sub(under_way));
            self.wanted = woken > 0;
            return None;
        }
        self.wanted = true;
        Some((self.next + under_way).saturating_sub(self.ahead))
    }
}

impl Limiter {
    /// What a policy limits; `None`: nothing. `before`: what held until now, which goes on where it is the same.
    fn new(policy: &Policy, before: Option<&Limiter>) -> Option<Limiter> {
        let concurrency = policy.concurrency().unwrap_or(u32::MAX);
        let same = |rate: &Rate| before.and_then(|b| b.tokens.clone()).filter(|tokens| tokens.rate == *rate);
        let tokens = policy.rate().map(|rate| same(&rate).unwrap_or_else(|| Tokens::new(rate)));
        let limits = policy.is_paused() || concurrency != u32::MAX || tokens.is_some();
        let timer = before.and_then(|before| before.timer);
        limits.then_some(Limiter { paused: policy.is_paused(), concurrency, tokens, timer })
    }

    /// So many more may run, whatever the rate.
    pub(crate) fn places(&self, running: u32) -> u32 {
        if self.paused { 0 } else { self.concurrency.saturating_sub(running) }
    }

    /// So many more may begin now, when so many run.
    pub(crate) fn room(&self, now: Duration, running: u32) -> u32 {
        let tokens = self.tokens.as_ref().map_or(u32::MAX, |tokens| tokens.count(now));
        self.places(running).min(tokens)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn timer(&self) -> Option<Duration> {
        self.timer
    }
}

impl Broker {
    /// What a function's jobs have to obey from now on: the rules have changed, or the function is new.
    pub(super) fn obey(&mut self, id: u32) {
        let Some(of) = self.functions.get_mut(id) else { return };
        let policy = self.policies.policy_of(&of.name).map(Box::new);
        let policy_before = std::mem::replace(&mut of.policy, policy);
        let before = of.limiter.take();
        of.limiter = of.policy.as_deref().and_then(|policy| Limiter::new(policy, before.as_deref())).map(Box::new);
        if let Some(timer) = before.as_ref().and_then(|before| before.timer)
            && of.limiter.is_none()
        {
            self.tokens.remove(&(timer, id));
        }
        self.demand_changed(id);
        let Some(of) = self.functions.get_mut(id) else { return };
        let calls = match (before.is_some(), of.limiter.is_some()) {
            (_, true) => 1,
            (true, false) => of.queue.len().saturating_sub(of.woken),
            (false, false) => 0,
        };
        self.call_for(id, calls);
        self.bound_outcomes(id, policy_before.as_deref());
        self.idle_changed = true;
    }

    /// Workers are woken for the jobs of a function with limits: for as many as may begin, so far as nobody is on the way.
    pub(super) fn wake_for_room(&mut self, now: &Now, function: u32, outgoing: &mut Outgoing) {
        let lacks = |broker: &Broker| broker.functions.get(function).is_some_and(|of| of.lacks_workers(now.steady, 0));
        while lacks(self) && self.wake_one(now, function, outgoing) {}
        self.set_timer(now, function);
    }

    /// A job of this function begins.
    pub(super) fn use_up(&mut self, now: &Now, function: u32) {
        if let Some(limiter) = &mut self.functions[function].limiter
            && let Some(tokens) = &mut limiter.tokens
        {
            tokens.take(now.steady);
            self.call(function);
        }
    }

    /// A job of this function does not run any more: another may.
    pub(super) fn leave_place(&mut self, function: u32) {
        let of = &self.functions[function];
        if of.limiter.is_none() {
            return;
        }
        let waits = !of.queue.is_empty();
        self.idle_changed = true;
        self.demand_changed(function);
        if waits {
            self.call(function);
        }
    }

    /// Notes for whose job a worker is on the way, NONE for nobody's, and says whose it was.
    pub(super) fn on_the_way(&mut self, session: u32, function: u32) -> u32 {
        let before = std::mem::replace(&mut self.sessions[session].woken, function);
        if before == function {
            return before;
        }
        if let Some(of) = self.functions.get_mut(before) {
            of.woken -= 1;
        }
        if let Some(of) = self.functions.get_mut(function) {
            of.woken += 1;
        }
        for changed in [before, function] {
            if self.functions.get(changed).is_some_and(|of| of.limiter.is_some()) {
                self.call(changed);
            }
        }
        before
    }

    /// A worker has ended a job of this function. As a rule it asks for the next one at once: so it is waited for like one that was
    /// woken, and nobody else is woken for the place that it left.
    pub(super) fn expect(&mut self, now: &Now, session: u32, function: u32) {
        let of = &self.functions[function];
        if of.limiter.is_none() || self.draining || !of.lacks_workers(now.steady, 0) {
            return;
        }
        let worker = &self.sessions[session];
        let asks =
            worker.asleep == 0 && worker.woken == NONE && worker.running.is_empty() && worker.role != Role::Proxy;
        if !asks || worker.ability(function).is_none() {
            return;
        }
        self.sleeps += 1;
        self.sessions[session].slept = self.sleeps;
        if self.wakeups.sent(session, self.sleeps, Step::first(now.steady)) {
            self.on_the_way(session, function);
        }
    }

    /// Sets the timer of a function whose jobs wait for its rate.
    pub(super) fn set_timer(&mut self, now: &Now, id: u32) {
        let draining = self.draining;
        let Some(of) = self.functions.get_mut(id) else { return };
        let (queued, running, woken) = (of.queue.len(), of.running, of.woken);
        let Some(limiter) = &mut of.limiter else { return };
        let jobs = if draining { 0 } else { queued.min(limiter.places(running)) };
        let timer = limiter.tokens.as_mut().and_then(|tokens| tokens.wait(now.steady, jobs, woken));
        let before = std::mem::replace(&mut limiter.timer, timer);
        if before == timer {
            return;
        }
        if let Some(before) = before {
            self.tokens.remove(&(before, id));
        }
        if let Some(timer) = timer {
            self.tokens.insert((timer, id));
        }
    }

    /// Tokens are due: at the end of the round workers are woken for them.
    pub(super) fn tokens_come(&mut self, now: &Now) {
        while let Some((when, id)) = self.tokens.first().copied().filter(|(when, _)| *when <= now.steady) {
            self.tokens.remove(&(when, id));
            // It may have been dropped, and its number be another's.
            let limiter = self.functions.get_mut(id).and_then(|of| of.limiter.as_mut());
            if let Some(limiter) = limiter.filter(|limiter| limiter.timer == Some(when)) {
                limiter.timer = None;
                self.call(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(rate: &str) -> Tokens {
        Tokens::new(rate.parse().unwrap())
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_at_a_time_and_none_saved_up() {
        let mut tokens = tokens("100/s");
        for (now, count) in [(5000, 1), (5009, 0), (5010, 1), (5011, 0), (9000, 1), (9009, 0), (9010, 1)] {
            assert_eq!(tokens.count(ms(now)), count, "{now}");
            if count > 0 {
                tokens.take(ms(now));
            }
        }
    }

    #[test]
    fn a_burst_after_a_pause() {
        let mut tokens = tokens("10/s+4");
        assert_eq!(tokens.count(ms(5000)), 5);
        for _ in 0..5 {
            tokens.take(ms(5000));
        }
        let counts = [5000, 5099, 5100, 5199, 5200, 5499, 5500, 9000].map(|now| tokens.count(ms(now)));
        assert_eq!(counts, [0, 0, 1, 1, 2, 4, 5, 5]);
    }

    #[test]
    fn what_comes_late_is_not_lost_and_no_more_than_a_second_of_it() {
        let mut tokens = tokens("1000/s");
        tokens.take(ms(5000));
        assert_eq!(tokens.wait(ms(5000), 9000, 0), Some(ms(5001)));
        assert_eq!(tokens.count(ms(5004)), 4);
        for _ in 0..4 {
            tokens.take(ms(5004));
        }
        assert_eq!(tokens.count(ms(5004)), 0);
        assert_eq!(tokens.wait(ms(5004), 9000, 0), Some(ms(5005)));
        assert_eq!(tokens.count(ms(65_000)), 1001);
    }

    #[test]
    fn tokens_are_not_saved_up_for_workers_that_are_busy() {
        let mut tokens = tokens("100/s");
        tokens.take(ms(5000));
        tokens.wait(ms(5000), 50, 0);
        // One is on the way, and nobody else sleeps.
        assert_eq!(tokens.wait(ms(5030), 50, 1), None);
        assert_eq!(tokens.count(ms(5030)), 2);
        tokens.take(ms(5030));
        assert_eq!(tokens.wait(ms(5030), 49, 0), None);
        assert_eq!((tokens.count(ms(5030)), tokens.count(ms(5900))), (1, 1));
    }

    /// Those who are on the way at first count as well.
    #[test]
    fn what_is_due_after_a_pause_is_not_due_before_it() {
        let mut tokens = tokens("100/s");
        assert_eq!(tokens.wait(ms(5000), 3, 1), Some(ms(5010)));
        assert_eq!((tokens.count(ms(5000)), tokens.count(ms(5009)), tokens.count(ms(5010))), (1, 1, 2));
    }

    #[test]
    fn far_away_moments() {
        let mut tokens = tokens("1/d+1000000");
        assert_eq!(tokens.count(ms(5000)), 1_000_001);
        tokens.take(ms(5000));
        assert_eq!(tokens.count(ms(5000)), 1_000_000);
    }
}
