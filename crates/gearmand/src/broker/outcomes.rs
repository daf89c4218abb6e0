//! What is remembered of jobs that are over: their results, and unique keys that are not free yet.
//!
//! Both are kept in memory alone, and only where the policy of the function wants that.

use crate::broker::kept::Outcome;
use crate::broker::policy::{Keep, Policy};
use crate::broker::{Broker, Now, SLICE};
use crate::outgoing::Outgoing;
use bytes::Bytes;
use gearman_core::protocol::message::{Response, Submit, Update, Work};
use gearman_core::protocol::write_buffer::SHARE;
use std::time::Duration;

/// What is over is dropped so late: then many are at once. It does not count any more before.
const SWEEP: Duration = Duration::from_secs(1);

impl Broker {
    /// A job is over.
    pub(super) fn remember(&mut self, now: &Now, id: u32, outcome: impl FnOnce() -> Outcome) {
        let job = &self.jobs.arena[id];
        if job.is_forwarded() {
            return;
        }
        let function = job.function;
        let Some(policy) = self.functions[function].policy.as_deref() else { return };
        let (keep, unique_for) = (policy.keep_results(), policy.unique_for());
        if keep.count == 0 && unique_for.is_none() {
            return;
        }
        let (outcome, number) = (outcome(), job.number);
        let taken = unique_for
            .filter(|_| matches!(outcome, Outcome::Completed(_)))
            .is_some_and(|time| self.taken.insert(now.steady, function, (job.unique(), job.workload()), number, time));
        // Whoever asks for a job with a key that is taken waits for its result.
        if keep.count > 0 && (job.background || taken) {
            self.kept.insert(now.steady, function, number, outcome, keep);
        }
    }

    /// The job that has ended well and whose unique key is not free yet.
    pub(super) fn taken_by(&self, now: &Now, function: u32, unique: &[u8], workload: &[u8]) -> Option<u64> {
        self.functions[function].policy.as_ref()?.unique_for()?;
        self.taken.get(now.steady, function, unique, workload)
    }

    /// A job is asked for whose unique key is taken by one that has ended well: that one's handle is the answer, and its
    /// result. False: it is not.
    pub(super) fn is_taken(
        &mut self,
        now: &Now,
        session: u32,
        function: u32,
        submit: &Submit<'_>,
        outgoing: &mut Outgoing,
    ) -> bool {
        let Some(number) = self.taken_by(now, function, submit.unique, submit.workload) else { return false };
        self.functions[function].activity().coalesced += 1;
        let handle = self.handles.write(number);
        outgoing.response(session, &Response::JobCreated(&handle));
        if !submit.background {
            let kept = match self.kept.get(now.steady, number) {
                Some(Outcome::Completed(result)) => result.clone(),
                _ => Bytes::new(),
            };
            let complete = Response::Work(Work { handle: &handle, update: Update::Complete(&kept) });
            outgoing.response_of(session, &complete, Some(&kept).filter(|kept| kept.len() >= SHARE));
        }
        true
    }

    /// What became of a job that is over, as far as that is kept.
    pub(crate) fn result(&self, now: &Now, handle: &[u8]) -> Option<&Outcome> {
        let number = self.handles.parse(handle)?;
        // A dead letter may have become a job again.
        self.kept.get(now.steady, number).filter(|_| self.jobs.by_number(number).is_none())
    }

    /// The function of such a job.
    pub(crate) fn function_of_result(&self, now: &Now, handle: &[u8]) -> Option<&[u8]> {
        let function = self.kept.function_of(now.steady, self.handles.parse(handle)?)?;
        Some(&*self.functions.get(function)?.name)
    }

    /// A function's policy was this one. What it says now holds for jobs that are over as well.
    pub(super) fn bound_outcomes(&mut self, function: u32, before: Option<&Policy>) {
        let of = |policy: Option<&Policy>| {
            policy.map_or((Keep::NOTHING, None), |policy| (policy.keep_results(), policy.unique_for()))
        };
        let policy = of(self.functions[function].policy.as_deref());
        // Thousands of functions may be looked at for one that has changed.
        if policy == of(before) {
            return;
        }
        let (keep, unique_for) = policy;
        self.kept.bound(function, keep);
        // Without a time all keys are free, see `Broker::taken_by`, until there is one again.
        if let Some(time) = unique_for {
            self.taken.set_time(function, time);
        }
    }

    /// A function is no more.
    pub(super) fn forget_outcomes(&mut self, function: u32) {
        self.taken.forget(function);
        self.kept.bound(function, Keep::NOTHING);
    }

    /// When the next of what is remembered is dropped.
    pub(super) fn next_sweep(&self) -> Option<Duration> {
        self.taken.next().into_iter().chain(self.kept.next()).min().map(|until| until + SWEEP)
    }

    /// Drops what is over.
    pub(super) fn sweep(&mut self, now: &Now) {
        if self.next_sweep().is_some_and(|when| when <= now.steady) {
            self.taken.sweep(now.steady, SLICE);
            self.kept.sweep(now.steady, SLICE);
        }
    }
}

/// The result in a WORK_COMPLETE. `owner` is the buffer that it is in, which is kept where there is little else in it.
pub(super) fn result(update: &Update<'_>, owner: Option<&Bytes>) -> Bytes {
    let Update::Complete(data) = *update else { return Bytes::new() };
    match owner {
        Some(owner) if owner.len() < 2 * data.len() => owner.slice_ref(data),
        _ => Bytes::copy_from_slice(data),
    }
}
