//! What operators ask for: functions are made, limited and dropped, jobs cancelled.

use crate::broker::activity::End;
use crate::broker::{Broker, Now};
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

    /// A job is over, whoever has it. False: there is none of this handle.
    pub(crate) fn cancel(&mut self, now: &Now, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let job = self.by_handle(handle);
        job.map(|job| self.fail(now, job, End::Cancelled, outgoing)).is_some()
    }
}
