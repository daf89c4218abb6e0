//! Wake-ups that are not answered yet, and who is woken when no answer comes. Pure.
//!
//! Whoever sleeps may be stopped, far away, or (a worker of several servers) busy with another's job: nobody can
//! see that. So one that does not answer at once is not waited for, others are woken in its place: few at first,
//! because it may only be slow, and soon all.

use crate::broker::arena::{Arena, NONE};
use crate::broker::sessions::Session;
use std::collections::VecDeque;
use std::time::Duration;

/// So long one is waited for that was woken first, one that was woken in its place, and those after that. The last
/// step has no wait: then nobody is left to be woken.
const PATIENCE: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(2), Duration::from_millis(4)];
/// So many are woken then in the place of each.
const MORE: [u32; 3] = [1, 8, ALL];
/// Everyone who sleeps.
pub(crate) const ALL: u32 = u32::MAX;
/// A timer may be so late. That adds up to no more, however many steps there are.
const LATE: Duration = Duration::from_millis(1);

/// How often others were woken before, for the same job, and since when those of this time are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    nth: usize,
    begin: Duration,
}

impl Step {
    pub(crate) fn first(now: Duration) -> Step {
        Step { nth: 0, begin: now }
    }
}

/// A NOOP without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wakeup {
    /// When it is no longer waited for.
    pub(crate) when: Duration,
    /// The connection, and its `Session::slept`: void when that differs.
    pub(crate) session: u32,
    pub(crate) slept: u64,
    nth: usize,
}

impl Wakeup {
    /// Is it not answered yet? Who asks for a job has; at the end of the round it gets one, or NO_JOB.
    pub(crate) fn is_open(&self, sessions: &Arena<Session>) -> bool {
        sessions.get(self.session).is_some_and(|p| p.woken != NONE && p.slept == self.slept && !p.asking)
    }

    /// It is over: so many more are woken, in this step.
    pub(crate) fn next(&self, now: Duration) -> (Step, u32) {
        let begin = self.when.max(now.saturating_sub(LATE));
        (Step { nth: self.nth + 1, begin }, MORE.get(self.nth).copied().unwrap_or_default())
    }
}

/// All of them, oldest first in each step: there they wait equally long.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    steps: [VecDeque<Wakeup>; PATIENCE.len()],
}

impl Wakeups {
    /// One was sent. `false`: it is not waited for.
    pub(crate) fn sent(&mut self, session: u32, slept: u64, step: Step) -> bool {
        let (Some(line), Some(patience)) = (self.steps.get_mut(step.nth), PATIENCE.get(step.nth)) else { return false };
        line.push_back(Wakeup { when: step.begin + *patience, session, slept, nth: step.nth });
        true
    }

    /// When the next is over. Those with an answer are forgotten; usually nobody is left.
    pub(crate) fn next(&mut self, sessions: &Arena<Session>) -> Option<Duration> {
        let next = |line: &mut VecDeque<Wakeup>| {
            while line.front().is_some_and(|wakeup| !wakeup.is_open(sessions)) {
                line.pop_front();
            }
            Some(line.front()?.when)
        };
        self.steps.iter_mut().filter_map(next).min()
    }

    /// One that is over.
    pub(crate) fn over(&mut self, now: Duration) -> Option<Wakeup> {
        let due = |line: &&mut VecDeque<Wakeup>| line.front().is_some_and(|wakeup| wakeup.when <= now);
        self.steps.iter_mut().find(due)?.pop_front()
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn steps(&self) -> impl Iterator<Item = impl Iterator<Item = &Wakeup>> {
        self.steps.iter().map(VecDeque::iter)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Wakeup> {
        self.steps.iter().flatten()
    }
}
