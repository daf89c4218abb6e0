//! The broker's side of a queue that several servers share: which of its jobs may be handed out, and what the rest of the server
//! ([`crate::cluster`]) is told and tells.
//!
//! Owns the lease as it is known here, the numbers for new jobs, and what is still to be said. Must never know of the database.
//!
//! What always holds, where a queue is shared:
//! - a stored job that waits in a queue is this server's, and the lease holds, or nothing is handed out before it is given back;
//! - jobs that are not stored (those in the foreground) need neither;
//! - a stored job leaves memory by its end, or by being let go. Whoever waits for one that is let go is told that it failed;
//! - a job of some key is found for a submit only while it is owned: of others it is not known whether they are still there.

use crate::broker::functions::Function;
use crate::broker::jobs::{Job, State};
use crate::broker::policy::{Policy, Rate};
use crate::broker::questions::Questions;
use crate::broker::sessions::Role;
use crate::broker::{Broker, Now};
use crate::cluster::ask::{self, Limit, Pace};
use crate::cluster::lease::Lease;
use crate::cluster::member::{Counts, Told};
use crate::cluster::said::Said;
use crate::durable::{MAX_ID, Setting};
use crate::outgoing::{Answer, Outgoing};
use bytes::Bytes;
use gearman_core::protocol::message::Response;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

/// Numbers are asked for when there are fewer.
const FEW_NUMBERS: u64 = 2_000;
/// Who asks for jobs again and again, and sleeps in between, is idle as often. It is not said more often than this.
const DEMAND_EVERY: Duration = Duration::from_millis(5);
/// A job that nobody began for so long is as good for another server.
pub(super) const KEPT: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Membership {
    pub(super) lease: Lease,
    /// For new jobs.
    numbers: VecDeque<Range<u64>>,
    asked_for_numbers: bool,
    pub(super) said: Vec<Said>,
    /// Functions whose workers are others than before, or do something else.
    pub(super) changed: BTreeSet<u32>,
    /// When that may be said again.
    next_demand: Duration,
    /// What was said of them.
    pub(super) demand: BTreeMap<u32, Demand>,
    /// Owned jobs by since when they wait, oldest first. Some are begun meanwhile, or gone.
    pub(super) waiting: VecDeque<(Duration, u64)>,
    /// Jobs were handed out by the lease; when it is over, that is still to be seen to.
    pub(super) hands_out: bool,
    /// No server of the cluster is older than this one.
    eldest: bool,
    /// Settings that were changed here, with their batches, keys and values: others may not know of them yet.
    settings: VecDeque<(u64, Bytes, Option<Bytes>)>,
    pub(super) questions: Questions,
    /// How far jobs are of which others do not know yet, and when they are told.
    pub(super) progress: BTreeMap<u64, (u32, u32)>,
    pub(super) next_progress: Duration,
    /// Jobs of the shared queue that no server has, by function.
    free: HashMap<Bytes, Free>,
    counts: Counts,
}

/// How many jobs of a function no server has, some seconds ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Free {
    /// That may run now.
    pub(crate) due: u32,
    /// That wait for their time.
    pub(crate) later: u32,
}

/// What a server is in a cluster, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The number that it has since it joined; `None`: it has not, or not again.
    pub(crate) epoch: Option<u64>,
    /// Its lease holds: it hands out jobs of the shared queue.
    pub(crate) lease: bool,
    /// It submits the jobs of schedules.
    pub(crate) eldest: bool,
    pub(crate) counts: Counts,
}

/// What a function needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// How many workers can run it, and how many of those have nothing to do and may.
    able: u32,
    idle: u32,
    /// What limits it over all servers.
    limit: Option<Limit>,
}

impl Demand {
    fn of(function: &Function) -> Demand {
        let Some(limiter) = &function.limiter else {
            return Demand { able: function.workers, idle: function.idle, limit: None };
        };
        let policy = function.policy.as_deref();
        let pace = |rate: Rate| Pace { interval_us: rate.interval().as_micros().max(1) as u64, burst: rate.burst() };
        let (concurrency, rate) = (policy.and_then(Policy::concurrency), policy.and_then(Policy::rate).map(pace));
        let limit = (concurrency.is_some() || rate.is_some()).then_some(Limit { concurrency, rate });
        match limiter.places(0) {
            0 => Demand { limit, ..Demand::default() },
            _ => Demand { able: function.workers, idle: function.idle.min(limiter.places(function.running)), limit },
        }
    }
}

impl Membership {
    fn next_number(&mut self) -> Option<u64> {
        let first = self.numbers.front_mut()?;
        let number = first.start;
        first.start += 1;
        if first.is_empty() {
            self.numbers.pop_front();
        }
        Some(number)
    }

    fn is_short_of_numbers(&self) -> bool {
        self.numbers.iter().map(|range| range.end - range.start).sum::<u64>() < FEW_NUMBERS
    }
}

impl Broker {
    /// The durable queue is shared with other servers; `prefix` is what its jobs have in front of the number in their handles.
    pub(crate) fn share_queue(&mut self, prefix: &str) {
        self.handles.share(prefix);
        self.jobs.skip_to(MAX_ID);
        self.membership = Some(Box::default());
    }

    /// Whether the queue is shared.
    pub(crate) fn is_member(&self) -> bool {
        self.membership.is_some()
    }

    /// Whether jobs of the shared queue may be handed out; true where there is none.
    pub(crate) fn holds_lease(&self, now: &Now) -> bool {
        self.membership.as_ref().is_none_or(|member| member.lease.holds(now.steady))
    }

    /// Whether there is a number for a new job; true where the queue is not shared.
    pub(crate) fn may_store(&self) -> bool {
        self.membership.as_ref().is_none_or(|member| !member.numbers.is_empty())
    }

    /// What this server is in a cluster; `None`: it is in none.
    pub(crate) fn standing(&self, now: Duration) -> Option<Standing> {
        let member = self.membership.as_ref()?;
        let (epoch, lease) = (member.lease.epoch(), member.lease.holds(now));
        Some(Standing { epoch, lease, eldest: member.eldest, counts: member.counts })
    }

    /// How many jobs of a function no server has; `None`: no queue is shared.
    pub(crate) fn free_of(&self, function: &[u8]) -> Option<Free> {
        let member = self.membership.as_ref()?;
        Some(member.free.get(function).copied().unwrap_or_default())
    }

    /// So many jobs of these functions are in the queue. Functions that nobody has named here are known from now on.
    fn count_free(&mut self, now: &Now, all: &[ask::Counts]) {
        let count = |counted: &ask::Counted| u32::try_from(counted.count).unwrap_or(u32::MAX);
        let free = all.iter().map(|of| (of.function.clone(), Free { due: count(&of.due), later: count(&of.later) }));
        let free: HashMap<_, _> = free.filter(|(_, free)| *free != Free::default()).collect();
        for function in free.keys() {
            // Where there are too many, this one is not shown.
            let _shown = self.function(now, function);
        }
        if let Some(member) = &mut self.membership {
            member.free = free;
        }
    }

    /// Whether no server of the cluster is older than this one, as far as is known; true where there is none.
    pub(super) fn is_eldest(&self) -> bool {
        self.membership.as_ref().is_none_or(|member| member.eldest)
    }

    /// Whether this server submits the jobs of schedules: of a cluster, one does.
    pub(super) fn fires_schedules(&self, now: &Now) -> bool {
        self.is_eldest() && self.holds_lease(now)
    }

    /// A setting is changed here.
    pub(super) fn setting_changed(&mut self, batch: u64, key: &str, value: Option<&str>) {
        if let Some(member) = &mut self.membership {
            let copy = |text: &str| Bytes::copy_from_slice(text.as_bytes());
            member.settings.push_back((batch, copy(key), value.map(copy)));
        }
    }

    /// These are the settings of all servers, with what was changed here up to this batch.
    fn obey_settings(&mut self, now: &Now, version: u64, batch: u64, all: Vec<(Bytes, Bytes)>) {
        let Some(member) = &mut self.membership else { return };
        member.settings.retain(|(of, ..)| *of > batch);
        member.said.push(Said::Obey(version));
        let mut settings: BTreeMap<_, _> = all.into_iter().collect();
        for (_, key, value) in &member.settings {
            match value {
                Some(value) => drop(settings.insert(key.clone(), value.clone())),
                None => drop(settings.remove(key)),
            }
        }
        self.policies.forget_run_time();
        settings.iter().for_each(|(key, value)| self.restore_setting(now, &Setting { key, value }));
        self.apply_policies(now);
    }

    /// A number for a new job in the background; where there is no shared queue, the next one.
    pub(super) fn insert_background(&mut self, job: Job) -> Option<u32> {
        let Some(member) = &mut self.membership else { return Some(self.jobs.insert(job)) };
        let number = member.next_number();
        if member.is_short_of_numbers() && !std::mem::replace(&mut member.asked_for_numbers, true) {
            member.said.push(Said::WantIds);
        }
        number.map(|number| self.jobs.insert_numbered(job, number))
    }

    /// The job that a submit with this key joins.
    pub(super) fn same(&self, now: &Now, function: u32, key: (&[u8], &[u8]), background: bool) -> Option<u32> {
        let Some(member) = &self.membership else { return self.jobs.by_unique(function, key.0, key.1) };
        let holds = member.lease.holds(now.steady);
        let joins = |job: &Job| match (job.stored, job.state) {
            (false, _) => !background,
            (true, State::Queued | State::Running) => job.owned && holds,
            (true, State::Storing | State::Delayed) => false,
        };
        self.jobs.by_unique_where(function, key.0, key.1, joins)
    }

    /// What is to be told now, without the changes of the queue.
    pub(crate) fn take_said(&mut self, now: &Now) -> Vec<Said> {
        let Some(member) = &mut self.membership else { return Vec::new() };
        let tell = !member.changed.is_empty() && member.next_demand <= now.steady;
        if tell {
            member.next_demand = now.steady + DEMAND_EVERY;
        }
        for id in if tell { std::mem::take(&mut member.changed) } else { BTreeSet::new() } {
            let Some(of) = self.functions.get(id) else { continue };
            let demand = if self.draining { Demand::default() } else { Demand::of(of) };
            let before = member.demand.insert(id, demand).unwrap_or_default();
            if before == demand {
                continue;
            }
            let function = Bytes::copy_from_slice(&of.name);
            if before.limit != demand.limit {
                member.said.push(Said::Limit { function: function.clone(), limit: demand.limit });
            }
            member.said.push(Said::Demand { function, able: demand.able, idle: demand.idle });
        }
        std::mem::take(&mut member.said)
    }

    /// The server stops, and gives back what it has.
    pub(crate) fn leave_cluster(&mut self, outgoing: &mut Outgoing) {
        self.give_all_back(outgoing);
        let running = self.jobs.arena.iter().filter(|(_, job)| job.stored && job.state == State::Running);
        for id in running.map(|(id, _)| id).collect::<Vec<_>>() {
            self.give_up_row(id, outgoing);
        }
        if let Some(member) = &mut self.membership {
            member.said.push(Said::Leave);
        }
    }

    /// Workers of a function came, went, fell asleep or woke up; or what it may do has changed.
    pub(super) fn demand_changed(&mut self, function: u32) {
        if let Some(member) = &mut self.membership {
            member.changed.insert(function);
        }
    }

    /// A function is dropped, and another one may get its number.
    pub(super) fn forget_demand(&mut self, function: u32) {
        let Some(member) = &mut self.membership else { return };
        let Some(Demand { limit: Some(_), .. }) = member.demand.remove(&function) else { return };
        let function = Bytes::copy_from_slice(&self.functions[function].name);
        member.said.push(Said::Limit { function, limit: None });
    }

    /// Whether it counts for the shared queue that a connection sleeps: who works for a peer wants none of its jobs.
    pub(super) fn is_counted(&self, session: u32) -> bool {
        self.is_member() && self.sessions[session].role != Role::Proxy
    }

    /// A connection sleeps since a PRE_SLEEP, 0: it does not. All changes of that are made here.
    pub(super) fn set_asleep(&mut self, session: u32, asleep: u64) {
        let worker = &mut self.sessions[session];
        let before = std::mem::replace(&mut worker.asleep, asleep);
        let Some(member) = &mut self.membership else { return };
        if (before == 0) == (asleep == 0) || worker.role == Role::Proxy {
            return;
        }
        for ability in &worker.abilities {
            let idle = &mut self.functions[ability.function].idle;
            *idle = if asleep == 0 { *idle - 1 } else { *idle + 1 };
            member.changed.insert(ability.function);
        }
    }

    /// When [`Broker::tick`] has something to do for the shared queue.
    pub(super) fn membership_deadline(&self) -> Option<Duration> {
        let member = self.membership.as_ref()?;
        let oldest = member.waiting.front().map(|(since, _)| *since + KEPT);
        let lease = member.lease.until().filter(|_| member.hands_out);
        let progress = Some(member.next_progress).filter(|_| !member.progress.is_empty());
        let demand = Some(member.next_demand).filter(|_| !member.changed.is_empty());
        [oldest, lease, progress, demand].into_iter().flatten().min()
    }

    /// What the rest of the server says of the shared queue; what became of batches goes to [`Broker::settle`].
    pub(crate) fn told(&mut self, now: &Now, told: Told, outgoing: &mut Outgoing) {
        match told {
            Told::Lease(lease) => {
                if let Some(member) = &mut self.membership {
                    member.lease = lease;
                }
            }
            Told::Lost => self.lose_rows(outgoing),
            Told::Claimed(row) => self.claimed(now, &row),
            Told::Adopted(number) => {
                if let Some(id) = self.jobs.by_number(number) {
                    self.jobs.arena[id].owned = true;
                }
            }
            Told::Letter(letter) => self.letter_told(now, &letter),
            Told::LetterGone { id, last_ms } => self.letter_gone(id, last_ms),
            Told::FreeJobs(all) => self.count_free(now, &all),
            Told::Counts(counts) => {
                if let Some(member) = &mut self.membership {
                    member.counts = counts;
                }
            }
            Told::Eldest(eldest) => {
                if let Some(member) = &mut self.membership {
                    member.eldest = eldest;
                }
                if eldest {
                    self.make_up(now);
                }
            }
            Told::Settings { version, batch, all } => self.obey_settings(now, version, batch, all),
            Told::Free(number) => self.free(number, outgoing),
            Told::Exists { id, same } => {
                let handle = self.handles.write(same);
                outgoing.replace(Answer::Created(id), None, &Response::JobCreated(&handle));
                self.free(id, outgoing);
            }
            Told::Revived { id, outcome } => self.revived(id, outcome),
            Told::Answered { question, answer } => self.answered(question, answer, outgoing),
            Told::Result(result) => self.settle(now, result, outgoing),
            Told::Ids { first, count } => {
                if let Some(member) = &mut self.membership {
                    member.asked_for_numbers = false;
                    member.numbers.push_back(first..first + count);
                }
            }
        }
    }
}
