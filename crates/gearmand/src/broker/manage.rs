//! What operators ask for: functions are made, limited and dropped, policies set, jobs cancelled.

use crate::broker::activity::End;
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

#[allow(dead_code, reason = "policies are set from outside next")]
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
            let delayed = self.delayed.iter().map(|(_, job)| *job);
            let storing = self.changes.storing().filter_map(|number| self.jobs.by_number(number));
            let of_it: BTreeSet<u32> =
                delayed.chain(storing).filter(|job| self.jobs.arena[*job].function == id).collect();
            for job in of_it {
                self.fail(now, job, End::Cancelled, outgoing);
            }
        }
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
    pub(crate) fn set_policy<'a>(&mut self, pattern: &str, words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        self.policies.set(pattern, words)?;
        self.apply_policies();
        Ok(())
    }

    /// The file of policies has these rules now.
    pub(crate) fn replace_policies(&mut self, rules: Vec<policy::Rule>) {
        self.policies.replace_file(rules);
        self.apply_policies();
    }

    /// The rules have changed: what each function's jobs have to obey from now on.
    fn apply_policies(&mut self) {
        for id in 0..self.functions.end() {
            let Some(function) = self.functions.get_mut(id) else { continue };
            function.policy = self.policies.policy_of(&function.name).map(Box::new);
        }
    }

    /// A job is over, whoever has it. False: there is none of this handle.
    pub(crate) fn cancel(&mut self, now: &Now, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let job = self.by_handle(handle);
        job.map(|job| self.fail(now, job, End::Cancelled, outgoing)).is_some()
    }
}
