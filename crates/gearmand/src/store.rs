//! All state of the server: jobs, functions, connections and who waits for whom. No sockets and no
//! clock: time is an argument, and what is to be sent is put into [`Mail`].
//!
//! Here: connections come and go, clients submit and ask. What workers do is in `grab.rs` (which job,
//! and who is woken for it) and `work.rs` (what becomes of it).
//!
//! What always holds:
//! - a job is in one place: queued in its function, delayed, or in the list of the worker that runs it;
//! - `Function::total` and `running` count just that;
//! - where a job is queued at the end of a round, nobody sleeps who can run it, or as many were woken as there are
//!   jobs and are waited for: one who then does something else hands the wake-up on at once, and one who says
//!   nothing when its time is over (`wakeups.rs`), which it has as long as it is waited for. A worker with
//!   direct assignment that was heard lately is given the job where others are woken;
//! - what a worker says of a job counts while it runs it, and after a timeout took it away as long as nobody else
//!   has it.

use crate::job::{Handles, Job, Jobs, Payload, State};
use crate::journal::{self, Durable, Journal};
use crate::mail::{Held, Mail, NOT_REMOVED};
use crate::schedule::{Schedule, Unfit, epoch};
use crate::seldom::Limits;
use crate::slab::{NONE, Slab};
use crate::wakeups::Wakeups;
use crate::workers::{Functions, Peer, Waiter};
use bytes::Bytes;
use gearman_core::protocol::message::{Decimal, Response, Start, Status, Submit};
use gearman_core::protocol::packet::Command;
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE, ReturnCode};
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

#[cfg(any(test, fuzzing))]
pub(crate) mod check;
#[cfg(test)]
pub(crate) mod tests;

/// What the operator decides.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How often a job may be begun; `None` is as often as it takes.
    pub(crate) runs: Option<u16>,
    /// How many workers are woken for each job at once; [`ALL`](crate::wakeups::ALL) is all.
    pub(crate) wakeup: u32,
    /// Whether connections begin with the option "exceptions" on.
    pub(crate) exceptions: bool,
    /// How many functions there may be.
    pub(crate) functions: usize,
    /// Which background jobs outlive the server.
    pub(crate) durable: Durable,
    /// Whether workers may get jobs without being woken for them.
    pub(crate) direct: bool,
    /// Of which SUBMIT_JOB_SCHED speaks.
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

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) rules: Rules,
    pub(crate) handles: Handles,
    pub(crate) jobs: Jobs,
    pub(crate) functions: Functions,
    pub(crate) peers: Slab<Peer>,
    pub(crate) waiters: Slab<Waiter>,
    /// Jobs that wait for their time, by seconds since 1970.
    pub(crate) delayed: BTreeSet<(u64, u32)>,
    /// Jobs whose function has a timeout and whose worker is on them.
    pub(crate) deadlines: BTreeSet<(Duration, u32)>,
    /// Workers that were woken, with the time at which they are given up. Most of them have long spoken then.
    pub(crate) wakeups: Wakeups,
    /// Workers whose GRAB_JOB is not answered yet, and functions with calls: for the end of the round.
    pub(crate) asking: VecDeque<u32>,
    pub(crate) called: VecDeque<u32>,
    /// The last number of a PRE_SLEEP.
    pub(crate) sleeps: u64,
    /// The last number of a CAN_DO.
    pub(crate) announced: u64,
    /// Jobs with workers.
    pub(crate) running: usize,
    /// No new jobs, and none are handed out any more.
    pub(crate) draining: bool,
    /// Changes on their way to the durable queue.
    pub(crate) journal: Journal,
    /// When the log speaks of limits.
    pub(crate) limits: Limits,
}

impl Store {
    pub(crate) fn new(rules: Rules, handles: Handles) -> Store {
        Store {
            rules,
            handles,
            jobs: Jobs::default(),
            functions: Functions::default(),
            peers: Slab::default(),
            waiters: Slab::default(),
            delayed: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            wakeups: Wakeups::default(),
            asking: VecDeque::new(),
            called: VecDeque::new(),
            sleeps: 0,
            announced: 0,
            running: 0,
            draining: false,
            journal: Journal::default(),
            limits: Limits::default(),
        }
    }

    /// A connection came; it is known by this number until it is released.
    pub(crate) fn connect(&mut self, fd: i32, ip: Option<IpAddr>) -> u32 {
        self.peers.insert(Peer::new(fd, ip, self.rules.exceptions))
    }

    /// A connection ended: its jobs go back, and jobs that only it waited for are dropped. It may be
    /// told so again; what is still to be sent to it stays.
    pub(crate) fn leave(&mut self, now: &Now, peer: u32, mail: &mut Mail) {
        (self.peers[peer].asleep, self.peers[peer].asking) = (0, false);
        // First as a client: what it alone waits for is not handed to anybody.
        while let Some(waiter) = self.peers.get(peer).map(|p| p.waits).filter(|w| *w != NONE) {
            let job = self.waiters[waiter].job;
            self.unlink(waiter);
            let left = &self.jobs.slab[job];
            if left.waiters == NONE && !left.background && left.state != State::Running {
                self.remove(job);
            }
        }
        self.reset_abilities(now, peer, mail);
        while let Some(job) = self.peers[peer].running.tail() {
            self.give_back(now, job, mail);
        }
    }

    /// The number of a connection that left may be given to another.
    pub(crate) fn release(&mut self, peer: u32) {
        self.peers.remove(peer);
    }

    /// The function of this name, which appears when it is named first. `None` when there are too many.
    pub(crate) fn function(&mut self, now: &Now, name: &[u8]) -> Option<u32> {
        if let Some(id) = self.functions.find(name) {
            return Some(id);
        }
        if self.functions.len() >= self.rules.functions {
            if let Some(unsaid) = self.limits.functions.happened(now.steady) {
                let (name, count) = (name.escape_ascii(), self.functions.len());
                tracing::warn!("function {name} refused, there are {count} already{unsaid}");
            }
            return None;
        }
        tracing::info!("new function {}", name.escape_ascii());
        Some(self.functions.add(name))
    }

    /// SUBMIT_JOB* and its relatives.
    pub(crate) fn submit(&mut self, now: &Now, peer: u32, submit: &Submit<'_>, owner: Option<&Bytes>, mail: &mut Mail) {
        if submit.unique.len() > MAX_UNIQUE {
            return mail.error(peer, ReturnCode::ArgumentTooLarge.name(), "Unique value too large");
        }
        if submit.function.len() > MAX_FUNCTION || submit.reducer.is_some_and(|r| r.len() > MAX_FUNCTION) {
            return mail.error(peer, ReturnCode::ArgumentTooLarge.name(), "Function value too large");
        }
        let due = match self.due(now, submit.start) {
            Ok(due) => due,
            Err(unfit) => return mail.error(peer, ReturnCode::InvalidArgument.name(), &unfit.to_string()),
        };
        let known = self.functions.find(submit.function);
        let same = known.and_then(|f| self.jobs.by_unique(f, submit.unique, submit.workload));
        let (job, new) = match same {
            Some(job) => (job, false),
            None if self.draining => {
                return mail.error(peer, ReturnCode::QueueError.name(), "Server is shutting down");
            }
            None => {
                let Some(function) = self.function(now, submit.function) else {
                    return mail.error(peer, ReturnCode::QueueError.name(), "Too many functions");
                };
                let f = &mut self.functions[function];
                let limit = f.limits[submit.priority as usize];
                if limit != 0 && f.total >= limit {
                    if let Some(unsaid) = self.limits.queue.happened(now.steady) {
                        let name = f.name.escape_ascii();
                        tracing::warn!("Job queue is full: a job of {name} refused, there are {limit}{unsaid}");
                    }
                    return mail.error(peer, ReturnCode::QueueError.name(), "Job queue is full");
                }
                f.total += 1;
                let payload = Payload::new(submit.unique, submit.workload, owner);
                let mut job = Job::new(function, submit.priority, submit.background, payload);
                if let Some(reducer) = submit.reducer {
                    job.extra().reducer = Some(reducer.into());
                }
                (self.jobs.insert(job), true)
            }
        };
        if let Some(due) = due.filter(|_| new) {
            self.jobs.slab[job].extra().due = due;
        }
        let batch = if submit.background {
            self.jobs.slab[job].background = true;
            self.keep(job)
        } else {
            self.wait_for(peer, job);
            None
        };
        let handle = self.handles.write(self.jobs.slab[job].number);
        mail.held(peer, batch, Held::Created, |mail| mail.response(peer, &Response::JobCreated(handle.as_ref())));
        match batch {
            _ if !new => {}
            None => self.place(now, job),
            Some(_) => self.jobs.slab[job].state = State::Storing,
        }
    }

    /// Puts a job where it waits for a worker, or for its time.
    pub(crate) fn place(&mut self, now: &Now, id: u32) {
        let job = &mut self.jobs.slab[id];
        match job.extra.as_ref().map(|e| e.due).filter(|due| *due > now.wall.as_secs()) {
            None => self.enqueue(id),
            Some(due) => {
                job.state = State::Delayed;
                self.delayed.insert((due, id));
            }
        }
    }

    /// ECHO_REQ. What the connection did before is stored when the answer leaves.
    pub(crate) fn echo(&mut self, peer: u32, data: &[u8], owner: Option<&Bytes>, mail: &mut Mail) {
        if self.journal.behind {
            return mail.error(peer, ReturnCode::QueueError.name(), NOT_REMOVED);
        }
        let batch = self.journal.last();
        let data = crate::mail::Payload::new(data, owner);
        mail.held(peer, batch, Held::Echo, |mail| mail.packet(peer, Command::EchoRes, &[], &data));
    }

    /// When a job may run, in seconds since 1970; `None` is at once.
    fn due(&self, now: &Now, start: Start<'_>) -> Result<Option<u64>, Unfit> {
        let due = match start {
            Start::Now => return Ok(None),
            Start::Epoch(seconds) => epoch(seconds),
            Start::Schedule(fields) => Schedule::parse(fields)?.next(now.wall, &self.rules.zone)?,
        };
        Ok(Some(due).filter(|due| *due > now.wall.as_secs()))
    }

    /// GET_STATUS.
    pub(crate) fn get_status(&self, peer: u32, handle: &[u8], mail: &mut Mail) {
        let job = self.by_handle(handle).map(|id| &self.jobs.slab[id]);
        let progress = progress(job);
        let status = status(job, &progress);
        mail.response(peer, &Response::Status { handle, status });
    }

    /// GET_STATUS_UNIQUE: of the first function that has a job of this key.
    pub(crate) fn get_status_unique(&self, peer: u32, unique: &[u8], mail: &mut Mail) {
        let mut found = self.functions.iter().filter_map(|(id, _)| self.jobs.by_unique(id, unique, b""));
        let job = found.next().map(|id| &self.jobs.slab[id]);
        let progress = progress(job);
        let status = status(job, &progress);
        let clients = Decimal::new(job.map_or(0, |j| self.waiters_of(j).count() as u64));
        mail.response(peer, &Response::StatusUnique { unique, status, clients: clients.as_ref() });
    }

    /// OPTION_REQ.
    pub(crate) fn option(&mut self, peer: u32, name: &[u8], mail: &mut Mail) {
        match name {
            b"exceptions" => self.peers[peer].exceptions = true,
            b"all-yours" if self.rules.direct => self.all_yours(peer),
            b"unique-64" => {} // GET_STATUS_UNIQUE is answered for keys of any length
            _ => return mail.error(peer, ReturnCode::UnknownOption.name(), "Server does not recognize given option"),
        }
        mail.response(peer, &Response::Option(name));
    }

    pub(crate) fn by_handle(&self, handle: &[u8]) -> Option<u32> {
        self.handles.parse(handle).and_then(|number| self.jobs.by_number(number))
    }

    /// When [`Store::tick`] has something to do.
    pub(crate) fn deadline(&mut self, now: &Now) -> Option<Duration> {
        // The wall clock may be set meanwhile, so a far moment is looked at again in a minute.
        let wall =
            |due: u64| now.steady + Duration::from_secs(due).saturating_sub(now.wall).min(Duration::from_secs(60));
        let delayed = self.delayed.first().map(|(due, _)| wall(*due));
        let deadline = self.deadlines.first().map(|(when, _)| *when);
        let wakeup = self.wakeups.next(&self.peers);
        [delayed, deadline, wakeup].into_iter().flatten().min()
    }

    /// What is due: jobs whose time has come, timeouts, workers that do not wake up.
    pub(crate) fn tick(&mut self, now: &Now, mail: &mut Mail) -> Option<Duration> {
        while let Some((due, job)) = self.delayed.first().copied().filter(|(due, _)| *due <= now.wall.as_secs()) {
            self.delayed.remove(&(due, job));
            self.enqueue(job);
        }
        while let Some((_, job)) = self.deadlines.first().copied().filter(|(when, _)| *when <= now.steady) {
            self.time_out(now, job, mail);
        }
        while let Some(wakeup) = self.wakeups.over(now.steady) {
            self.overslept(now, &wakeup, mail);
        }
        self.deadline(now)
    }

    /// A drain is over: no worker is on a job any more. One whose time was over is still on it, and may end it.
    pub(crate) fn is_drained(&self) -> bool {
        let waited_for = |peer: &Peer| peer.overdue.iter().any(|number| self.jobs.by_number(*number).is_some());
        self.draining && self.running == 0 && !self.peers.iter().any(|(_, peer)| waited_for(peer))
    }

    /// Takes a job out of all lists and forgets it. Nobody is told.
    pub(crate) fn remove(&mut self, id: u32) {
        self.unplace(id);
        while let Some(waiter) = self.jobs.slab.get(id).map(|j| j.waiters).filter(|w| *w != NONE) {
            self.unlink(waiter);
        }
        if let Some(job) = self.jobs.remove(id) {
            self.functions[job.function].total -= 1;
            if job.stored {
                let key = journal::key(&job);
                self.journal.done(key.as_ref(), &self.functions[job.function].name);
            }
        }
    }

    /// Takes a job out of the place it is in.
    pub(crate) fn unplace(&mut self, id: u32) {
        let Some(job) = self.jobs.slab.get_mut(id) else { return };
        let (function, priority, worker) = (job.function, job.priority, job.worker);
        match job.state {
            State::Queued => self.functions[function].queue.remove(&mut self.jobs.slab, priority, id),
            State::Storing => {}
            State::Delayed => drop(self.delayed.remove(&(job.extra().due, id))),
            State::Running => {
                job.worker = NONE;
                self.stop_clock(id);
                self.peers[worker].running.remove(&mut self.jobs.slab, id);
                self.functions[function].running -= 1;
                self.running -= 1;
            }
        }
    }

    fn wait_for(&mut self, peer: u32, job: u32) {
        let (next, peer_next) = (self.jobs.slab[job].waiters, self.peers[peer].waits);
        let id = self.waiters.insert(Waiter { peer, job, next, prev: NONE, peer_next, peer_prev: NONE });
        if next != NONE {
            self.waiters[next].prev = id;
        }
        if peer_next != NONE {
            self.waiters[peer_next].peer_prev = id;
        }
        self.jobs.slab[job].waiters = id;
        self.peers[peer].waits = id;
    }

    fn unlink(&mut self, id: u32) {
        let Some(waiter) = self.waiters.remove(id) else { return };
        match waiter.prev {
            NONE => self.jobs.slab[waiter.job].waiters = waiter.next,
            prev => self.waiters[prev].next = waiter.next,
        }
        if waiter.next != NONE {
            self.waiters[waiter.next].prev = waiter.prev;
        }
        match waiter.peer_prev {
            NONE => self.peers[waiter.peer].waits = waiter.peer_next,
            prev => self.waiters[prev].peer_next = waiter.peer_next,
        }
        if waiter.peer_next != NONE {
            self.waiters[waiter.peer_next].peer_prev = waiter.peer_prev;
        }
    }

    /// The connections that wait for a job, one that asked twice twice.
    pub(crate) fn waiters_of<'a>(&'a self, job: &Job) -> impl Iterator<Item = u32> + use<'a> {
        let mut next = job.waiters;
        std::iter::from_fn(move || {
            let waiter = self.waiters.get(next)?;
            next = waiter.next;
            Some(waiter.peer)
        })
    }
}

fn progress(job: Option<&Job>) -> [Decimal; 2] {
    let extra = job.and_then(|j| j.extra.as_deref());
    let [n, d] = extra.map_or([0, 0], |e| [e.numerator, e.denominator]);
    [Decimal::new(n.into()), Decimal::new(d.into())]
}

fn status<'a>(job: Option<&Job>, [numerator, denominator]: &'a [Decimal; 2]) -> Status<'a> {
    Status {
        known: job.is_some(),
        running: job.is_some_and(|j| j.state == State::Running),
        numerator: numerator.as_ref(),
        denominator: denominator.as_ref(),
    }
}
