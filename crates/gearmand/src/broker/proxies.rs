//! Servers that help each other. A *proxy* is a worker that has its jobs run by workers of another server, where they are
//! *forwarded* jobs.
//!
//! Owns which connections are proxies, what they may be given, and which functions have idle workers here for jobs of other
//! servers. Must never know those servers.
//!
//! What always holds:
//! - a proxy is given no job that was forwarded: so none is forwarded twice, however servers name each other;
//! - it gets one only where no other worker sleeps or is on the way to it;
//! - a forwarded job is the same as no other one: its own server has joined those of its key. Were it joined to a job here that a
//!   proxy runs, two jobs could wait for each other;
//! - a forwarded job that its worker does not end is not tried again here: its own server decides.

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::assign::sleeps;
use crate::broker::functions::Function;
use crate::broker::jobs::State;
use crate::broker::sessions::Role;
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::Priority;
use std::sync::Arc;

/// What the client id of a proxy begins with; the name of its server follows.
pub(crate) const PROXY: &[u8] = b"gearmand-proxy:";
/// So many functions are looked at in one step.
const PAGE: u32 = 1000;

/// Functions for which workers are idle.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    pub(crate) functions: Vec<Arc<[u8]>>,
    /// Workers of another one are idle, and its jobs are held back by something whose end is no event.
    pub(crate) soon: bool,
}

impl Broker {
    /// Jobs that this connection submits were forwarded to this server.
    pub(crate) fn set_forwards(&mut self, session: u32) {
        self.sessions[session].role = Role::Forwards;
    }

    /// A connection has called itself so. One that has functions already is no proxy: others do not begin in this way.
    pub(super) fn may_be_proxy(&mut self, session: u32, id: &[u8]) {
        let worker = &mut self.sessions[session];
        if id.starts_with(PROXY) && worker.role == Role::Own && worker.abilities.is_empty() && worker.asleep == 0 {
            (worker.role, worker.direct) = (Role::Proxy, false);
        }
    }

    /// PRE_SLEEP of a proxy, which slept since then. At the end of the round it is woken, after all others.
    pub(super) fn proxy_sleeps(&mut self, session: u32, slept: u64) {
        self.hand_on(session, NONE);
        if slept != 0 {
            self.sessions[session].asleep = slept;
        }
        for i in 0..self.sessions[session].abilities.len() {
            let function = self.sessions[session].abilities[i].function;
            if slept == 0 {
                self.sleep_in(function, session);
            }
            self.call_proxies(function);
        }
    }

    /// Somebody is to be woken for each job of a function to which nobody is on the way.
    fn call_proxies(&mut self, function: u32) {
        let of = &self.functions[function];
        let lacking = of.queue.len().saturating_sub(of.woken);
        self.call_for(function, lacking);
    }

    /// Whether there is a job for a proxy: more may begin than workers are on the way to. `except`: so many of those do not count.
    pub(super) fn is_spare(&self, now: &Now, of: &Function, except: u32) -> bool {
        let room = of.limiter.as_ref().map_or(u32::MAX, |limiter| limiter.room(now.steady, of.running));
        let own = |job: u32| !self.jobs.arena[job].is_forwarded();
        of.queue.len().min(room) > of.woken - except && of.queue.next().is_some_and(|next| own(next.job))
    }

    /// The proxy that sleeps longest, where there is a job for it.
    pub(super) fn wake_proxy(&mut self, now: &Now, function: u32) -> Option<u32> {
        if !self.is_spare(now, &self.functions[function], 0) {
            return None;
        }
        let sleeps = sleeps(&self.sessions, function);
        self.functions[function].wake_proxy(sleeps)
    }

    /// A job has left its queue. Where proxies may not have it, they may have those behind it.
    pub(super) fn no_longer_ahead(&mut self, job: u32) {
        let job = &self.jobs.arena[job];
        if job.is_forwarded() {
            self.call_proxies(job.function);
        }
    }

    /// The worker of a forwarded job does not do it (any more): so its own server is told, which gives it to another.
    pub(super) fn hand_back(&mut self, now: &Now, id: u32, outgoing: &mut Outgoing) {
        let job = &self.jobs.arena[id];
        let (worker, number) = (job.worker, job.number);
        for client in self.waiters_of(job) {
            outgoing.error(client, ReturnCode::LostConnection.name(), "The worker does not do the job");
        }
        self.sessions[worker].lost = number;
        self.remove(id, End::Abandoned);
        self.next_on(now, worker);
    }

    /// A forwarded job is not to be run here unless somebody has begun it. False: somebody has, or it is over.
    pub(crate) fn withdraw(&mut self, handle: &[u8]) -> bool {
        let waits = |id: &u32| {
            let job = &self.jobs.arena[*id];
            job.is_forwarded() && job.state != State::Running
        };
        self.by_handle(handle).filter(waits).map(|id| self.remove(id, End::Abandoned)).is_some()
    }

    /// Whether other workers may be idle than when this was asked last.
    pub(crate) fn take_idle_changed(&mut self) -> bool {
        std::mem::take(&mut self.idle_changed)
    }

    /// Adds the functions from this number on that can take more jobs than `taken`. Where to go on, if there are more.
    pub(crate) fn idle(&self, now: &Now, from: u32, taken: u32, idle: &mut Idle) -> Option<u32> {
        let end = from.saturating_add(PAGE);
        for (id, of) in self.functions.range(from..end) {
            match self.has_idle(now, id, of, taken) {
                Ok(true) => idle.functions.push(of.name.clone()),
                Ok(false) => {}
                Err(Held) => idle.soon = true,
            }
        }
        (end < self.functions.end()).then_some(end)
    }

    /// Whether a function can take more jobs than `taken`.
    pub(crate) fn is_idle(&self, now: &Now, function: &[u8], taken: u32) -> bool {
        let found = self.functions.find(function);
        found.is_some_and(|id| self.has_idle(now, id, &self.functions[id], taken) == Ok(true))
    }

    /// For jobs that wait workers are on the way, or are about to be woken.
    fn has_idle(&self, now: &Now, id: u32, of: &Function, taken: u32) -> Result<bool, Held> {
        let before = taken.saturating_add(of.queue.len());
        let full = match of.limit(Priority::Normal) {
            0 => false,
            limit => of.total.saturating_add(taken) >= limit,
        };
        let sleep_for_others = before.saturating_sub(of.woken).max(taken);
        if self.draining || !of.has_sleepers(sleep_for_others, sleeps(&self.sessions, id)) {
            return Ok(false);
        }
        if full {
            return Err(Held);
        }
        match &of.limiter {
            Some(limiter) if limiter.places(of.running) <= before => Ok(false),
            Some(limiter) if limiter.room(now.steady, of.running) <= before => Err(Held),
            _ => Ok(true),
        }
    }
}

/// The rate of a function holds its jobs back, or it has as many as it may have.
#[derive(Debug, PartialEq, Eq)]
struct Held;
