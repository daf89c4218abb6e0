//! All state of the server: jobs, functions, connections and who waits for whom. No sockets and no
//! clock: time is an argument, and what is to be sent is put into [`Outgoing`].
//!
//! Here: connections come and go, and what is due is done. The rest is in the files beside it: `submit.rs` (new jobs), `status.rs`
//! (what clients ask of them), `assign.rs` (which worker gets which job, and who is woken for it), `results.rs` (what becomes of it),
//! `retries.rs` (what becomes of it when it was not done), `proxies.rs` (jobs of other servers, and for their workers), `storing.rs` (what the durable queue knows of it) and `manage.rs`
//! (what operators ask for); `outcomes.rs` remembers results and keys of jobs that are over. The states of a job are a table in `jobs.rs`.
//!
//! The state is private to this folder. In come packets (`dispatch.rs`), time, and what became of changes; out come
//! answers, changes to be stored, and what is to be seen from outside (`snapshot.rs`).
//!
//! What always holds:
//! - a job is in one place: queued in its function, delayed, on its way to the durable queue, in the list of the worker
//!   that runs it, or a dead letter (`dead.rs`);
//! - `Function::total`, `running` and `delayed` count just that;
//! - where a job is queued at the end of a round and no limit holds it back (`limits.rs`), nobody sleeps who can run it, or as many were woken as there are
//!   jobs and are waited for: one who then does something else hands the wake-up on at once, and one who sends
//!   nothing when its time is over (`wakeups.rs`), which it has as long as it is waited for. A worker with
//!   direct assignment that sent a packet lately is given the job where others are woken;
//! - what a worker reports of a job counts while it runs it, and after a timeout took it away as long as nobody else
//!   has it.

use crate::broker::activity::End;
use crate::broker::arena::{Arena, NONE};
use crate::broker::dead::DeadLetters;
use crate::broker::functions::Functions;
use crate::broker::jobs::{Handles, Job, Jobs, State};
use crate::broker::kept::KeptResults;
use crate::broker::sessions::{Session, Waiter};
use crate::broker::taken::TakenKeys;
use crate::broker::wakeups::Wakeups;
use crate::durable::Durable;
use crate::durable::batch::PendingChanges;
use crate::outgoing::Outgoing;
use crate::rights::{Access, Lacking};
use crate::seldom::Limits;
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

pub(crate) mod activity;
mod arena;
mod assign;
#[cfg(any(test, fuzzing))]
pub(crate) mod check;
pub(crate) mod cron;
pub(crate) mod dead;
pub(crate) mod dispatch;
mod functions;
mod jobs;
pub(crate) mod kept;
mod limits;
pub(crate) mod manage;
pub(crate) mod membership;
mod notices;
mod outcomes;
pub(crate) mod policy;
pub(crate) mod proxies;
pub(crate) mod questions;
mod queue;
pub(crate) mod recurring;
mod results;
pub(crate) mod retries;
mod schedule;
mod sessions;
mod shared_letters;
mod shared_rows;
pub(crate) mod snapshot;
mod status;
mod storing;
pub(crate) mod submit;
mod taken;
#[cfg(test)]
mod tests;
mod wakeups;

pub(crate) use jobs::MAX_PREFIX;
pub(crate) use proxies::PROXY;
pub(crate) use wakeups::ALL;

/// Of what may be due in any number at once, so much is done at a time: a few milliseconds.
const SLICE: usize = 2_000;
/// Then others come first: who holds the lock all the time but for a moment is given it again before them.
const PAUSE: Duration = Duration::from_millis(1);

/// What the operator decides.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How often a job may be begun; `None` is as often as it takes.
    pub(crate) runs: Option<u16>,
    /// How many workers are woken for each job at once; [`ALL`] is all.
    pub(crate) wakeup: u32,
    /// Whether connections begin with the option "exceptions" on.
    pub(crate) exceptions: bool,
    /// How many functions there may be.
    pub(crate) functions: usize,
    /// Which background jobs outlive the server.
    pub(crate) durable: Durable,
    /// Whether workers may get jobs without being woken for them.
    pub(crate) direct: bool,
    /// Of the times in SUBMIT_JOB_SCHED.
    pub(crate) zone: TimeZone,
}

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Since some moment before; never goes back.
    pub(crate) steady: Duration,
    /// Since 1970; may jump.
    pub(crate) wall: Duration,
}

impl Now {
    /// The steady clock in microseconds.
    fn microseconds(&self) -> u64 {
        self.steady.as_secs() * 1_000_000 + u64::from(self.steady.subsec_micros())
    }

    /// How long it is since a moment in microseconds of the steady clock.
    fn since(&self, microseconds: u64) -> Duration {
        Duration::from_micros(self.microseconds().saturating_sub(microseconds))
    }

    /// The wall clock in milliseconds since 1970.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.wall.as_millis() as u64
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Broker {
    rules: Rules,
    handles: Handles,
    jobs: Jobs,
    functions: Functions,
    policies: policy::Rules,
    recurring: recurring::Recurring,
    sessions: Arena<Session>,
    waiters: Arena<Waiter>,
    /// Jobs that wait for their time: milliseconds since 1970, and their numbers.
    delayed: BTreeSet<(u64, u64)>,
    /// Until then no more of what is due is taken: others come first.
    pause: Duration,
    /// Jobs whose function has a timeout and whose worker is on them.
    deadlines: BTreeSet<(Duration, u32)>,
    /// Functions whose jobs wait for their rate, by when somebody is to be woken for one.
    tokens: BTreeSet<(Duration, u32)>,
    /// Workers that were woken, with the time at which they are given up. Most of them have long answered then.
    wakeups: Wakeups,
    /// Workers whose GRAB_JOB is not answered yet, and functions with calls: for the end of the round.
    asking: VecDeque<u32>,
    called: VecDeque<u32>,
    /// The same of proxies, which come last.
    asking_proxies: VecDeque<u32>,
    /// More workers may be idle than before, or fewer know a function.
    idle_changed: bool,
    /// The last number of a PRE_SLEEP, or of a function that was learned in a sleep.
    sleeps: u64,
    /// The last number of a CAN_DO.
    announced: u64,
    /// Jobs with workers.
    running: usize,
    /// Connections that can run a function.
    workers: usize,
    /// No new jobs, and none are handed out any more.
    draining: bool,
    /// Jobs that ran out of tries.
    dead: DeadLetters,
    /// Of jobs that are over: unique keys that are not free yet, and results.
    taken: TakenKeys,
    kept: KeptResults,
    /// Changes on their way to the durable queue.
    changes: PendingChanges,
    /// Of a queue that several servers share; `None`: there is none.
    membership: Option<Box<membership::Membership>>,
    /// When to log that a limit was reached.
    limits: Limits,
    /// So many packets came.
    packets: u64,
}

impl Broker {
    /// Without jobs. `prefix` is what stands in front of the number in each handle.
    pub(crate) fn new(rules: Rules, prefix: &str) -> Broker {
        Broker {
            rules,
            handles: Handles::new(prefix),
            jobs: Jobs::default(),
            functions: Functions::default(),
            policies: policy::Rules::default(),
            recurring: recurring::Recurring::default(),
            sessions: Arena::default(),
            waiters: Arena::default(),
            delayed: BTreeSet::new(),
            pause: Duration::ZERO,
            deadlines: BTreeSet::new(),
            tokens: BTreeSet::new(),
            wakeups: Wakeups::default(),
            asking: VecDeque::new(),
            called: VecDeque::new(),
            asking_proxies: VecDeque::new(),
            idle_changed: false,
            sleeps: 0,
            announced: 0,
            running: 0,
            workers: 0,
            draining: false,
            dead: DeadLetters::default(),
            taken: TakenKeys::default(),
            kept: KeptResults::default(),
            changes: PendingChanges::default(),
            membership: None,
            limits: Limits::default(),
            packets: 0,
        }
    }

    /// A connection came; it is known by this number until it is released.
    pub(crate) fn connect(&mut self, fd: i32, ip: Option<IpAddr>) -> u32 {
        self.sessions.insert(Session::new(fd, ip, self.rules.exceptions))
    }

    /// From now on it may do just what this says.
    pub(crate) fn set_access(&mut self, session: u32, access: Access) {
        self.sessions[session].access = Some(Box::new(access));
    }

    /// Who a connection is and what it may do; `None`: everything.
    pub(crate) fn access(&self, session: u32) -> Option<&Access> {
        self.sessions.get(session)?.access.as_deref()
    }

    /// The same, to be changed.
    pub(crate) fn access_mut(&mut self, session: u32) -> Option<&mut Access> {
        self.sessions.get_mut(session)?.access.as_deref_mut()
    }

    /// A connection asked for what it may not do: a line of the log.
    pub(crate) fn denied(&mut self, now: &Now, session: u32, lacking: &Lacking<'_>) {
        if let Some(omitted) = self.limits.rights.happened(now.steady) {
            let rule = self.access(session).map_or("", |access| &access.rights.rule);
            tracing::info!("refused: {lacking}; rule {rule}{omitted}");
        }
    }

    /// Whether a connection may know of this job.
    fn sees(&self, session: u32, job: u32) -> bool {
        let sees = |access: &Access| access.rights.sees(&self.functions[self.jobs.arena[job].function].name);
        self.access(session).is_none_or(sees)
    }

    /// A connection ended: its jobs go back, and jobs that only it waited for are dropped. It may be
    /// told so again; what is still to be sent to it stays.
    pub(crate) fn leave(&mut self, now: &Now, session: u32, outgoing: &mut Outgoing) {
        self.set_asleep(session, 0);
        self.sessions[session].asking = false;
        // First as a client: what it alone waits for is not handed to anybody.
        while let Some(waiter) = self.sessions.get(session).map(|p| p.waits).filter(|w| *w != NONE) {
            let job = self.waiters[waiter].job;
            self.unlink(waiter);
            let left = &self.jobs.arena[job];
            match left.state {
                _ if left.waiters != NONE => {}
                State::Running => {}
                _ if !left.background => self.remove(job, End::Abandoned),
                // It was kept here for whoever waited.
                State::Queued => self.row_waits(now, job),
                State::Storing | State::Delayed => {}
            }
        }
        self.reset_abilities(now, session, outgoing);
    }

    /// The number of a connection that left may be given to another.
    pub(crate) fn release(&mut self, session: u32) {
        self.sessions.remove(session);
    }

    /// The function of this name, which appears when it is named first. `None` when there are too many.
    fn function(&mut self, now: &Now, name: &[u8]) -> Option<u32> {
        if let Some(id) = self.functions.find(name) {
            return Some(id);
        }
        if self.functions.len() >= self.rules.functions {
            if let Some(omitted) = self.limits.functions.happened(now.steady) {
                let (name, count) = (name.escape_ascii(), self.functions.len());
                tracing::warn!("function {name} refused, there are {count} already{omitted}");
            }
            return None;
        }
        tracing::info!("new function {}", name.escape_ascii());
        let id = self.functions.add(name);
        self.obey(id);
        Some(id)
    }

    /// Puts a job where it waits for a worker, or for its time, in milliseconds since 1970.
    fn place(&mut self, now: &Now, id: u32, due: u64) {
        if due <= now.milliseconds() {
            self.begin(now, id);
            self.enqueue(id);
            return self.row_waits(now, id);
        }
        let job = &mut self.jobs.arena[id];
        (job.state, job.since) = (State::Delayed, due);
        self.functions[job.function].delayed += 1;
        self.delayed.insert((due, job.number));
    }

    /// The number in a handle, where it is one of ours.
    pub(crate) fn number_of(&self, handle: &[u8]) -> Option<u64> {
        self.handles.parse(handle)
    }

    /// The handle of a number.
    pub(crate) fn handle_of(&self, number: u64) -> jobs::Handle {
        self.handles.write(number)
    }

    fn by_handle(&self, handle: &[u8]) -> Option<u32> {
        self.handles.parse(handle).and_then(|number| self.jobs.by_number(number))
    }

    /// When [`Broker::tick`] has something to do.
    pub(crate) fn deadline(&mut self, now: &Now) -> Option<Duration> {
        // The wall clock may be set meanwhile, so a far moment is looked at again in a minute.
        let wall =
            |due: u64| now.steady + Duration::from_millis(due).saturating_sub(now.wall).min(Duration::from_secs(60));
        let due = self.delayed.first().map(|(due, _)| *due).into_iter().chain(self.dead.next_expired()).min();
        let due = due.map(|due| wall(due).max(self.pause));
        let deadline = self.deadlines.first().map(|(when, _)| *when);
        let token = self.tokens.first().map(|(when, _)| *when);
        let wakeup = self.wakeups.next(&self.sessions);
        let (recurring, sweep) = (self.next_schedule(now, wall), self.next_sweep());
        let membership = self.membership_deadline();
        [due, deadline, token, wakeup, recurring, sweep, membership].into_iter().flatten().min()
    }

    /// What is due: jobs whose time has come, schedules, timeouts, tokens of rates, workers that do not wake up, dead letters,
    /// keys and results that are too old.
    pub(crate) fn tick(&mut self, now: &Now, outgoing: &mut Outgoing) -> Option<Duration> {
        self.give_idle_back(now, outgoing);
        if self.pause <= now.steady {
            self.take_due(now);
        }
        self.run_schedules(now);
        self.sweep(now);
        while let Some((_, job)) = self.deadlines.first().copied().filter(|(when, _)| *when <= now.steady) {
            self.time_out(now, job, outgoing);
        }
        self.tokens_come(now);
        while let Some(wakeup) = self.wakeups.over(now.steady) {
            self.overslept(now, &wakeup, outgoing);
        }
        self.deadline(now)
    }

    /// Jobs whose time has come are queued, and dead letters that are too old dropped: so many at a time that nobody else
    /// waits long, and others come in between.
    fn take_due(&mut self, now: &Now) {
        let mut left = SLICE;
        while let Some((_, number)) = self.delayed.first().filter(|(due, _)| left > 0 && *due <= now.milliseconds())
            && let Some(job) = self.jobs.by_number(*number)
        {
            self.unplace(job);
            self.begin(now, job);
            self.enqueue(job);
            left -= 1;
        }
        while left > 0 && self.expire(now) {
            left -= 1;
        }
        if left == 0 {
            self.pause = now.steady + PAUSE;
        }
    }

    /// No new jobs are taken.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// A drain is over: no worker is on a job any more. One whose time was over is still on it, and may end it.
    pub(crate) fn is_drained(&self) -> bool {
        let waited_for =
            |session: &Session| session.overdue.iter().any(|number| self.jobs.by_number(*number).is_some());
        self.draining && self.running == 0 && !self.sessions.iter().any(|(_, session)| waited_for(session))
    }

    /// This server drains, has refused a job of this connection, and will tell it nothing more: another server may be of use to it. Not
    /// before it was refused: of a job that is on its way to a connection that is closed nobody could say what became of it.
    pub(crate) fn may_go(&self, session: u32) -> bool {
        self.draining && self.sessions.get(session).is_some_and(Session::is_refused_client)
    }

    /// A drain does not end this connection, see [`Broker::may_go`]: it is the server's own.
    pub(crate) fn set_stays(&mut self, session: u32) {
        self.sessions[session].stays = true;
    }

    /// From now on no jobs are taken, and none handed out. False: that was so before.
    pub(crate) fn drain(&mut self) -> bool {
        self.idle_changed = true;
        !std::mem::replace(&mut self.draining, true)
    }

    /// How many jobs there are.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many jobs a worker with direct assignment has; `None` for all other connections.
    pub(crate) fn has_directly(&self, session: u32) -> Option<u32> {
        self.sessions.get(session).filter(|worker| worker.direct).map(|worker| worker.running.len())
    }

    /// A job begins to wait for a worker, or to be run.
    fn begin(&mut self, now: &Now, id: u32) {
        self.jobs.arena[id].since = now.microseconds();
    }

    /// Takes a job out of all lists and forgets it. Nothing is sent.
    fn remove(&mut self, id: u32, end: End) {
        if let Some(job) = self.take_out(id, end) {
            self.unstore(&job);
        }
    }

    /// Takes a job out of all lists; the durable queue does not learn of it.
    fn take_out(&mut self, id: u32, end: End) -> Option<Job> {
        self.unplace(id);
        while let Some(waiter) = self.jobs.arena.get(id).map(|j| j.waiters).filter(|w| *w != NONE) {
            self.unlink(waiter);
        }
        let job = self.jobs.remove(id)?;
        let function = &mut self.functions[job.function];
        function.total -= 1;
        function.activity().end(end);
        Some(job)
    }

    /// Takes a job out of the place it is in.
    fn unplace(&mut self, id: u32) {
        let Some(job) = self.jobs.arena.get_mut(id) else { return };
        let (function, priority, worker) = (job.function, job.priority, job.worker);
        match job.state {
            State::Queued => {
                self.functions[function].queue.remove(&mut self.jobs.arena, priority, id);
                self.no_longer_ahead(id);
            }
            State::Storing => {}
            State::Delayed => {
                self.delayed.remove(&(job.since, job.number));
                self.functions[function].delayed -= 1;
            }
            State::Running => {
                job.worker = NONE;
                self.stop_clock(id);
                self.forget_progress(id);
                self.sessions[worker].running.remove(&mut self.jobs.arena, id);
                self.functions[function].running -= 1;
                self.running -= 1;
                self.leave_place(function);
            }
        }
    }

    fn unlink(&mut self, id: u32) {
        let Some(waiter) = self.waiters.remove(id) else { return };
        self.sessions[waiter.session].waiting -= 1;
        match waiter.prev {
            NONE => self.jobs.arena[waiter.job].waiters = waiter.next,
            prev => self.waiters[prev].next = waiter.next,
        }
        if waiter.next != NONE {
            self.waiters[waiter.next].prev = waiter.prev;
        }
        match waiter.session_prev {
            NONE => self.sessions[waiter.session].waits = waiter.session_next,
            prev => self.waiters[prev].session_next = waiter.session_next,
        }
        if waiter.session_next != NONE {
            self.waiters[waiter.session_next].session_prev = waiter.session_prev;
        }
    }

    /// The connections that wait for a job, one that asked twice twice.
    fn waiters_of<'a>(&'a self, job: &Job) -> impl Iterator<Item = u32> + use<'a> {
        let mut next = job.waiters;
        std::iter::from_fn(move || {
            let waiter = self.waiters.get(next)?;
            next = waiter.next;
            Some(waiter.session)
        })
    }
}
