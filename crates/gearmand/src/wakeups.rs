//! Wake-ups that are not answered yet, and who is woken when no answer comes. Pure.
//!
//! Whoever sleeps may be stopped, far away, or (a worker of several servers) busy with another's job: nobody can
//! see that. So one that does not answer at once is not waited for, others are woken in its place: few at first,
//! because it may only be slow, and soon all.

use std::collections::VecDeque;
use std::time::Duration;

/// So long one is waited for that was woken first, one that was woken in its place, and those after that. The last
/// step has no wait: then nobody is left to be woken.
const PATIENCE: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(4), Duration::from_millis(4)];
/// So many are woken then in the place of each.
const MORE: [u32; 3] = [1, 8, ALL];
/// Everyone who sleeps.
pub(crate) const ALL: u32 = u32::MAX;

/// How often others were woken before, for the same job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step(usize);

impl Step {
    /// When one that nobody answered is over: so many more are woken, and are waited for like this.
    pub(crate) fn next(self) -> (Step, u32) {
        (Step(self.0 + 1), MORE.get(self.0).copied().unwrap_or_default())
    }
}

/// A NOOP without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wakeup {
    /// When it is no longer waited for.
    pub(crate) when: Duration,
    /// The connection, and its `Peer::slept`: void when that differs.
    pub(crate) peer: u32,
    pub(crate) slept: u64,
    pub(crate) step: Step,
}

/// All of them, oldest first in each step: there they wait equally long.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    steps: [VecDeque<Wakeup>; PATIENCE.len()],
}

impl Wakeups {
    /// One was sent. `false`: it is not waited for. `open`: has this one no answer yet?
    pub(crate) fn sent(
        &mut self,
        now: Duration,
        peer: u32,
        slept: u64,
        step: Step,
        open: impl Fn(&Wakeup) -> bool,
    ) -> bool {
        let (Some(line), Some(patience)) = (self.steps.get_mut(step.0), PATIENCE.get(step.0)) else { return false };
        // Those with an answer are forgotten first: usually nobody is left.
        while line.front().is_some_and(|wakeup| !open(wakeup)) {
            line.pop_front();
        }
        line.push_back(Wakeup { when: now + *patience, peer, slept, step });
        true
    }

    /// When the next is over.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.steps.iter().filter_map(|line| Some(line.front()?.when)).min()
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
