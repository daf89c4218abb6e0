//! What operators ask for: functions are made, limited and dropped, policies set, jobs cancelled and buried, dead letters
//! tried again or forgotten.

use crate::broker::activity::End;
use crate::broker::dead::Cause;
use crate::broker::retries::NotRetried;
use crate::broker::{Broker, Now, policy};
use crate::outgoing::Outgoing;
use std::collections::BTreeSet;

/// Why a function is not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDropped {
    /// There is none of this name.
    Unknown,
    /// Workers can run it, or jobs of it are running.
    InUse,
}

/// Why a job does not become a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBuried {
    /// There is none of this handle.
    Unknown,
    /// It is in the foreground: it ends with those who wait for it.
    Foreground,
}

impl Broker {
    /// A function is to be known, also without workers and jobs. False: there are too many.
    pub(crate) fn create_function(&mut self, now: &Now, name: &[u8]) -> bool {
        self.function(now, name).is_some()
    }

    /// Operators purge a function by dropping it: its queued jobs fail.
    pub(crate) fn drop_function(&mut self, now: &Now, name: &[u8], outgoing: &mut Outgoing) -> Result<(), NotDropped> {
        let id = self.functions.find(name).ok_or(NotDropped::Unknown)?;
        let function = &self.functions[id];
        if function.workers > 0 || function.running > 0 {
            return Err(NotDropped::InUse);
        }
        while let Some((_, job)) = self.functions[id].queue.first() {
            self.fail(now, job, End::Cancelled, outgoing);
        }
        if self.functions[id].total > 0 {
            let delayed = self.delayed.iter().map(|(_, number)| *number);
            let waiting = delayed.chain(self.changes.storing()).filter_map(|number| self.jobs.by_number(number));
            let of_it: BTreeSet<u32> = waiting.filter(|job| self.jobs.arena[*job].function == id).collect();
            for job in of_it {
                self.fail(now, job, End::Cancelled, outgoing);
            }
        }
        self.forget_outcomes(id);
        self.forget_demand(id);
        self.functions.remove(id);
        Ok(())
    }

    /// A function may have at most so many jobs, by the priority of the one that comes; 0 is no limit. It need not be
    /// known yet.
    pub(crate) fn limit(&mut self, name: &[u8], limits: [u32; 3]) {
        self.functions.limit(name, limits, self.rules.functions);
    }

    /// Sets keys of the policy of all functions that a pattern matches; `KEY=` takes back what was set so. All of it is done, or
    /// nothing, and the reason is returned.
    pub(crate) fn set_policy<'a>(
        &mut self,
        now: &Now,
        pattern: &str,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        let stored = self.policies.set(pattern, words)?.map(|rule| rule.policy.to_string());
        self.store_policy(pattern, stored);
        self.apply_policies(now);
        Ok(())
    }

    /// The rule that is set at run time for this pattern.
    pub(crate) fn policy_set(&self, pattern: &str) -> Option<&policy::Rule> {
        let set = |rule: &&policy::Rule| rule.source == policy::Source::RunTime && rule.pattern.to_string() == pattern;
        self.policies.iter().find(set)
    }

    /// The file of policies has these rules now.
    pub(crate) fn replace_policies(&mut self, now: &Now, rules: Vec<policy::Rule>) {
        self.policies.replace_file(rules);
        self.apply_policies(now);
    }

    /// The rules have changed: what each function's jobs have to obey from now on.
    pub(super) fn apply_policies(&mut self, now: &Now) {
        for id in 0..self.functions.end() {
            self.obey(id);
        }
        self.bound_letters(now);
    }

    /// A job is over, whoever has it. False: there is none of this handle.
    pub(crate) fn cancel(&mut self, now: &Now, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let job = self.by_handle(handle);
        job.map(|job| self.fail(now, job, End::Cancelled, outgoing)).is_some()
    }

    /// The same, of the job with this unique key.
    pub(crate) fn cancel_unique(&mut self, now: &Now, function: &[u8], unique: &[u8], outgoing: &mut Outgoing) -> bool {
        let job = self.functions.find(function).and_then(|function| self.jobs.by_unique(function, unique, b""));
        job.map(|job| self.fail(now, job, End::Cancelled, outgoing)).is_some()
    }

    /// A job is not to be run for now: it becomes a dead letter, whoever has it.
    pub(crate) fn bury_job(&mut self, now: &Now, handle: &[u8], outgoing: &mut Outgoing) -> Result<(), NotBuried> {
        let job = self.by_handle(handle).ok_or(NotBuried::Unknown)?;
        if !self.jobs.arena[job].background {
            return Err(NotBuried::Foreground);
        }
        let worker = self.report_end(job, End::Cancelled, outgoing);
        self.bury(now, job, Cause::Buried, b"", worker);
        self.next_on(now, worker);
        Ok(())
    }

    /// A dead letter becomes a job again, with the same handle and unique key; its tries count anew.
    pub(crate) fn retry_dead(&mut self, now: &Now, handle: &[u8]) -> Result<(), NotRetried> {
        let number = self.handles.parse(handle).ok_or(NotRetried::Unknown)?;
        self.revive(now, number)
    }

    /// The same with all of a function, oldest first. Returns how many; those that are not tried again stay.
    pub(crate) fn retry_all(&mut self, now: &Now, function: &[u8]) -> usize {
        let numbers = self.dead_of(function);
        numbers.into_iter().filter(|number| self.revive(now, *number).is_ok()).count()
    }

    /// A dead letter is dropped. False: there is none of this handle.
    pub(crate) fn forget_dead(&mut self, handle: &[u8]) -> bool {
        self.handles.parse(handle).is_some_and(|number| self.forget_number(number))
    }

    /// All dead letters of a function are dropped. Returns how many those are.
    pub(crate) fn forget_all(&mut self, function: &[u8]) -> usize {
        let numbers = self.dead_of(function);
        numbers.into_iter().filter(|number| self.forget_number(*number)).count()
    }

    fn dead_of(&self, function: &[u8]) -> Vec<u64> {
        self.dead.of_function(function, 0).map(|(_, letter)| letter.job.number).collect()
    }

    fn forget_number(&mut self, number: u64) -> bool {
        let letter = self.dead.remove(number);
        letter.inspect(|letter| self.unstore_letter(letter)).is_some()
    }
}
