//! Schedules: background jobs that the server submits itself, again and again, at the times of a cron expression.
//!
//! Owns the schedules, their next runs and their last ones. Must never know where they were read from.
//!
//! What always holds: a schedule's next run is later than the moment at which it was last looked at, but for one whose job could
//! not be stored; a run that finds a job of its unique key, mostly the one before, adds nothing, and that job is in the background
//! from then on; it is said to have run once its job is stored, so that none is lost where a server is killed in between.

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
/// A clock that is set back by more was wrong before: what was planned by it is planned anew. By less, what ran at hours that it
/// names does not run again.
const BACK: Duration = Duration::from_secs(3 * 3600);
/// A run whose job could not be stored is tried again after so long.
const AGAIN: Duration = Duration::from_secs(10);

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
    /// When it was last looked at them; the latest of all since the clock was set back.
    seen: Duration,
    /// When each ran last, by name, in seconds since 1970; of those, too, that are not in the file now.
    last: HashMap<Box<str>, u64>,
    /// Those that a clock that was ahead had said, and that do not count any more.
    forgotten: HashMap<Box<str>, u64>,
    /// Runs whose jobs are on their way to the durable queue, by the numbers of these: one of each schedule that has this job.
    storing: HashMap<u64, Vec<Run>>,
    /// A job could not be stored: not before then is anything submitted.
    pause: Duration,
}

/// A run of a schedule. Times are seconds since 1970.
#[derive(Debug)]
struct Run {
    name: Box<str>,
    due: u64,
    /// When it was submitted.
    at: u64,
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

    /// When it ran last, if what is on its way is stored.
    fn last_of(&self, name: &str) -> Option<u64> {
        let storing = self.storing.values().flatten().filter(|run| *run.name == *name).map(|run| run.at);
        storing.chain(self.last.get(name).copied()).max()
    }

    /// A run counts when this job is stored. One of the same schedule that waits for that already is the same run then.
    fn wait_for(&mut self, job: u64, run: Run) {
        let runs = self.storing.entry(job).or_default();
        runs.retain(|other| other.name != run.name);
        runs.push(run);
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

    /// What is planned holds where the clock is set back by no more than this. One for every hour has its runs in those hours that
    /// come again, too.
    fn holds(&self) -> Duration {
        if self.cron.names_hours() { BACK } else { LATE }
    }
}

impl Broker {
    /// When a schedule ran last, before this server was started or at another one.
    pub(crate) fn restore_last_run(&mut self, now: &Now, name: &str, last: u64) {
        // Servers tell each other all of them again when any has changed.
        if self.recurring.forgotten.get(name) == Some(&last) {
            return;
        }
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
        // That of this server is later where it lost its epoch before that was written down.
        let known = self.recurring.last.entry(name.into()).or_default();
        *known = last.max(*known);
        // Another server may have run what was planned here, too.
        if let Some(entry) = entry.filter(|entry| entry.next.is_some_and(|next| next <= last)) {
            entry.next = entry.schedule.next(Duration::from_secs(last), local);
        }
    }

    /// These are the schedules now.
    pub(crate) fn set_schedules(&mut self, now: &Now, schedules: Vec<Schedule>) {
        // What is due by those before is not lost.
        self.run_schedules(now);
        let is_due = |entry: &Entry| entry.next.is_some_and(|next| next <= now.wall.as_secs());
        let before = std::mem::take(&mut self.recurring.entries).into_iter().filter(is_due);
        let due: HashMap<_, _> = before.map(|entry| (entry.schedule.name, entry.next)).collect();
        self.recurring.entries = schedules.into_iter().map(|schedule| Entry { schedule, next: None }).collect();
        self.plan_schedules(now);
        for entry in &mut self.recurring.entries {
            entry.next = due.get(&entry.schedule.name).copied().unwrap_or(entry.next);
        }
    }

    /// What is known of last runs may be more than before: when each runs next.
    pub(super) fn plan_schedules(&mut self, now: &Now) {
        self.plan(now, |_| true);
    }

    fn plan(&mut self, now: &Now, which: impl Fn(&Schedule) -> bool) {
        for i in 0..self.recurring.entries.len() {
            let schedule = &self.recurring.entries[i].schedule;
            if which(schedule) {
                let next = self.missed(now, schedule).or_else(|| schedule.next(now.wall, &self.rules.zone));
                self.recurring.entries[i].next = next;
            }
        }
    }

    /// The clock was set back by so much.
    fn set_back(&mut self, now: &Now, by: Duration) {
        let Recurring { entries, seen, last, forgotten, .. } = &mut self.recurring;
        *seen = now.wall;
        if !entries.is_empty() {
            let those = if by > BACK { "" } else { " for those of any hour" };
            tracing::warn!(
                "the clock was set back by {} s: when schedules run next is planned anew{those}",
                by.as_secs()
            );
        }
        let holds = |name: &str| {
            let entry = entries.iter().find(|entry| *entry.schedule.name == *name);
            by <= entry.map_or(BACK, |entry| entry.schedule.holds())
        };
        for (name, last) in last.extract_if(|name, last| *last > now.wall.as_secs() && !holds(name)) {
            forgotten.insert(name, last);
        }
        self.plan(now, |schedule| by > schedule.holds());
    }

    /// This server submits the jobs of schedules from now on, and those that nobody did.
    pub(super) fn make_up(&mut self, now: &Now) {
        let missed: Vec<_> = self.recurring.entries.iter().map(|entry| self.missed(now, &entry.schedule)).collect();
        let missed = self.recurring.entries.iter_mut().zip(missed);
        missed.for_each(|(entry, missed)| entry.next = missed.or(entry.next));
    }

    /// The first run that was missed since the last, where one is made up for all: it is due now.
    fn missed(&self, now: &Now, schedule: &Schedule) -> Option<u64> {
        let is_over = |at: &u64| *at <= now.wall.as_secs();
        let last = self.recurring.last_of(&schedule.name).filter(|last| schedule.catch_up && is_over(last))?;
        schedule.next(Duration::from_secs(last), &self.rules.zone).filter(is_over)
    }

    /// When the next is due that this server submits, as `wall` has it on the steady clock.
    pub(super) fn next_schedule(&self, now: &Now, wall: impl Fn(u64) -> Duration) -> Option<Duration> {
        let due = self.recurring.due().filter(|_| self.fires_schedules(now));
        due.map(|due| wall(due * 1000).max(self.recurring.pause))
    }

    /// The schedules, and when they run.
    pub(crate) fn schedules(&self) -> impl Iterator<Item = Shown> {
        self.recurring.iter()
    }

    /// Submits what is due.
    pub(super) fn run_schedules(&mut self, now: &Now) {
        let back = self.recurring.seen.saturating_sub(now.wall);
        if back > LATE {
            self.set_back(now, back);
        }
        self.recurring.seen = self.recurring.seen.max(now.wall);
        if !self.fires_schedules(now) || now.steady < self.recurring.pause {
            return;
        }
        if self.recurring.due().is_none_or(|due| due > now.wall.as_secs()) {
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
            self.run(now, &schedule, due);
        }
    }

    /// Submits a schedule's job.
    fn run(&mut self, now: &Now, schedule: &Schedule, due: u64) {
        if self.draining {
            return;
        }
        let name = &schedule.name;
        let run = Run { name: name.clone(), due, at: now.wall.as_secs() };
        let Some(function) = self.function(now, &schedule.function) else { return };
        let (unique, workload) = (&schedule.unique, &schedule.workload);
        let same = self.same(now, function, (unique, workload), true);
        if same.is_some() || self.taken_by(now, function, unique, workload).is_some() {
            tracing::info!("schedule {name}: its unique key is taken, so no job is added");
            self.functions[function].activity().coalesced += 1;
            return match same {
                Some(id) => self.join(id, run),
                None => self.ran(run),
            };
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
            return self.run_again(now, run);
        };
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().submitted += 1;
        match self.persist(id, 0) {
            None => {
                self.place(now, id, 0);
                self.ran(run);
            }
            Some(_) => {
                let job = &mut self.jobs.arena[id];
                job.state = State::Storing;
                self.recurring.wait_for(job.number, run);
            }
        }
    }

    /// A run joins a job of its key. That may be one in the foreground, and stays now when nobody waits for it any more.
    fn join(&mut self, id: u32, run: Run) {
        let job = &mut self.jobs.arena[id];
        job.background = true;
        let due = job.due().unwrap_or_default();
        let batch = self.persist(id, due);
        let job = &self.jobs.arena[id];
        match batch.is_some() || job.state == State::Storing {
            true => self.recurring.wait_for(job.number, run),
            false => self.ran(run),
        }
    }

    /// It is known whether a job is stored, perhaps that of runs.
    pub(super) fn run_settled(&mut self, now: &Now, number: u64, stored: bool) {
        for run in self.recurring.storing.remove(&number).unwrap_or_default() {
            let last = self.recurring.last.get(&run.name);
            match stored {
                // Another server is the eldest by now, and has run it.
                _ if last.is_some_and(|last| *last >= run.due) => {}
                false => self.run_again(now, run),
                true if self.is_eldest() => self.ran(run),
                // It is no more this server's to say.
                true => {}
            }
        }
    }

    fn ran(&mut self, run: Run) {
        let Run { name, at, .. } = run;
        self.store_setting(&format!("{SCHEDULE}{name}"), Some(&at.to_string()));
        self.recurring.last.insert(name, at);
    }

    /// A run's job cannot be stored: it stays due.
    fn run_again(&mut self, now: &Now, run: Run) {
        tracing::error!(
            "schedule {}: its job could not be stored; in {} s it is tried again",
            run.name,
            AGAIN.as_secs()
        );
        self.recurring.pause = now.steady + AGAIN;
        if let Some(entry) = self.recurring.entries.iter_mut().find(|entry| entry.schedule.name == run.name) {
            entry.next = Some(run.due);
        }
    }
}
