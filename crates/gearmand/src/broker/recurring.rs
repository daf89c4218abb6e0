//! Schedules: background jobs that the server submits itself, again and again, at the times of a cron expression.
//!
//! Owns the schedules, their next runs and their last ones. Must never know where they were read from.
//!
//! What always holds: a schedule's next run is later than the moment at which it was last looked at; a run that finds the one
//! before still there, by its unique key, adds nothing.

use crate::broker::cron::Cron;
use crate::broker::jobs::{Job, JobBytes, State};
use crate::broker::{Broker, Now};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// In front of the name in the key of a setting that says when it ran last.
pub(super) const SCHEDULE: &str = "schedule ";
/// A run that is later than this was missed: the server did not run, its machine slept, or its clock was set.
const LATE: Duration = Duration::from_secs(60);
/// A clock that is set back by more was wrong before: what was planned by it is planned anew. By less, what ran does not run again.
const BACK: Duration = Duration::from_secs(3 * 3600);

/// What an operator wants to be done regularly.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) name: Box<str>,
    pub(crate) cron: Cron,
    /// Of its times; `None`: the server's.
    pub(crate) zone: Option<TimeZone>,
    pub(crate) function: Box<[u8]>,
    pub(crate) workload: Bytes,
    pub(crate) unique: Box<[u8]>,
    pub(crate) priority: Priority,
    /// Whether one run is made up for all that were missed.
    pub(crate) catch_up: bool,
}

/// All schedules, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Recurring {
    entries: Vec<Entry>,
    /// When it was last looked at them; the latest of all, unless the clock was set far back.
    seen: Duration,
    /// When each ran last, by name, in seconds since 1970; of those, too, that are not in the file now.
    last: HashMap<Box<str>, u64>,
}

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    /// In seconds since 1970; `None`: never again.
    next: Option<u64>,
}

/// A schedule, and when it runs: what is shown of it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) schedule: Schedule,
    pub(crate) last: Option<u64>,
    pub(crate) next: Option<u64>,
}

impl Recurring {
    /// When the next of all is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.entries.iter().filter_map(|entry| entry.next).min()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Shown> {
        self.entries.iter().map(|entry| Shown {
            schedule: entry.schedule.clone(),
            last: self.last.get(&entry.schedule.name).copied(),
            next: entry.next,
        })
    }
}

impl Schedule {
    fn next(&self, after: Duration, local: &TimeZone) -> Option<u64> {
        self.cron.next(after, self.zone.as_ref().unwrap_or(local))
    }
}

impl Broker {
    /// When a schedule ran last, before this server was started or at another one.
    pub(crate) fn restore_last_run(&mut self, now: &Now, name: &str, last: u64) {
        let local = &self.rules.zone;
        let entry = self.recurring.entries.iter_mut().find(|entry| *entry.schedule.name == *name);
        if Duration::from_secs(last) > now.wall + BACK {
            // By a clock that was wrong: what comes before that would never run.
            if entry.is_some() {
                tracing::warn!(
                    "schedule {name}: it is said to have run at {last} s since 1970, which is still to come"
                );
            }
            return;
        }
        self.recurring.last.insert(name.into(), last);
        // Another server may have run what was planned here, too.
        if let Some(entry) = entry.filter(|entry| entry.next.is_some_and(|next| next <= last)) {
            entry.next = entry.schedule.next(Duration::from_secs(last), local);
        }
    }

    /// These are the schedules now.
    pub(crate) fn set_schedules(&mut self, now: &Now, schedules: Vec<Schedule>) {
        // What is due by those before is not lost.
        self.run_schedules(now);
        self.recurring.entries = schedules.into_iter().map(|schedule| Entry { schedule, next: None }).collect();
        self.plan_schedules(now);
    }

    /// What is known of last runs may be more than before: when each runs next.
    pub(super) fn plan_schedules(&mut self, now: &Now) {
        let local = &self.rules.zone;
        let next = |schedule: &Schedule| {
            // A run that was missed is made up by one that is due now.
            let last =
                self.recurring.last.get(&schedule.name).filter(|last| schedule.catch_up && **last < now.wall.as_secs());
            let missed = last.and_then(|last| schedule.next(Duration::from_secs(*last), local));
            missed.filter(|missed| *missed <= now.wall.as_secs()).map_or_else(|| schedule.next(now.wall, local), Some)
        };
        let planned: Vec<_> = self.recurring.entries.iter().map(|entry| next(&entry.schedule)).collect();
        self.recurring.entries.iter_mut().zip(planned).for_each(|(entry, next)| entry.next = next);
    }

    /// When the next is due that this server submits, as `wall` has it on the steady clock.
    pub(super) fn next_schedule(&self, now: &Now, wall: impl Fn(u64) -> Duration) -> Option<Duration> {
        self.recurring.due().filter(|_| self.fires_schedules(now)).map(|due| wall(due * 1000))
    }

    /// The schedules, and when they run.
    pub(crate) fn schedules(&self) -> impl Iterator<Item = Shown> {
        self.recurring.iter()
    }

    /// Submits what is due.
    pub(super) fn run_schedules(&mut self, now: &Now) {
        if self.recurring.seen > now.wall + BACK {
            tracing::warn!("the clock was set back: when schedules run next is planned anew");
            self.recurring.seen = now.wall;
            self.plan_schedules(now);
        }
        self.recurring.seen = self.recurring.seen.max(now.wall);
        if !self.fires_schedules(now) || self.recurring.due().is_none_or(|due| due > now.wall.as_secs()) {
            return;
        }
        for i in 0..self.recurring.entries.len() {
            let entry = &mut self.recurring.entries[i];
            let Some(due) = entry.next.filter(|due| *due <= now.wall.as_secs()) else { continue };
            entry.next = entry.schedule.next(now.wall, &self.rules.zone);
            let schedule = entry.schedule.clone();
            let late = now.wall.saturating_sub(Duration::from_secs(due));
            if late > LATE && !schedule.catch_up {
                tracing::warn!("schedule {}: a run is {} s late, and left out", schedule.name, late.as_secs());
                continue;
            }
            self.run(now, &schedule);
        }
    }

    /// Submits a schedule's job.
    fn run(&mut self, now: &Now, schedule: &Schedule) {
        if self.draining {
            return;
        }
        let name = &schedule.name;
        let Some(function) = self.function(now, &schedule.function) else { return };
        let (unique, workload) = (&schedule.unique, &schedule.workload);
        if self.same(now, function, (unique, workload), true).is_some()
            || self.taken_by(now, function, unique, workload).is_some()
        {
            tracing::info!("schedule {name}: its unique key is taken by the job before, so none is added");
            self.functions[function].activity().coalesced += 1;
            return self.ran(now, schedule);
        }
        let of = &self.functions[function];
        let limit = of.limit(schedule.priority);
        if limit != 0 && of.total >= limit {
            self.functions[function].activity().refused += 1;
            tracing::error!("schedule {name}: its queue is full ({limit} jobs), so this run is left out");
            return;
        }
        let bytes = JobBytes::new(&schedule.unique, &schedule.workload, None);
        let Some(id) = self.insert_background(Job::new(function, schedule.priority, true, bytes)) else {
            self.functions[function].activity().refused += 1;
            tracing::error!("schedule {name}: the shared queue cannot be reached, so this run is left out");
            return;
        };
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().submitted += 1;
        match self.persist(id, 0) {
            None => self.place(now, id, 0),
            Some(_) => self.jobs.arena[id].state = State::Storing,
        }
        self.ran(now, schedule);
    }

    fn ran(&mut self, now: &Now, schedule: &Schedule) {
        let at = now.wall.as_secs();
        self.recurring.last.insert(schedule.name.clone(), at);
        self.store_setting(&format!("{SCHEDULE}{}", schedule.name), Some(&at.to_string()));
    }
}
