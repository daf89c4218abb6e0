//! Workers: what they can do, which job each gets, and who is woken when there is one. A worker that asked for
//! direct assignment ("all-yours") is not woken but given the job at once.

use crate::job::{State, number_hash};
use crate::mail::Mail;
use crate::queue::Priorities;
use crate::slab::{NONE, Slab};
use crate::store::{Now, Store};
use crate::wakeups::{Step, Wakeup};
use crate::workers::{Ability, Peer};
use gearman_core::protocol::message::{Assign, Grab, Priority, Response, number};
use gearman_core::protocol::write_buffer::SHARE;
use gearman_core::{MAX_CLIENT_ID, MAX_FUNCTION, ReturnCode};
use std::time::Duration;

/// A worker that sleeps and was heard within this time is given a job without being woken. One that was not may be
/// stopped: its system takes what is sent to it, and nobody works on it.
const AWAKE: Duration = Duration::from_secs(3);
/// Most functions of one worker: each of its requests may look at all of them.
const ABILITIES: usize = 10_000;

/// What a CAN_DO_TIMEOUT means: milliseconds; but PHP, Perl and Python workers mean seconds when
/// they say less than 1000, and nobody wants a job to be over in a tenth of a second.
fn timeout(argument: &[u8]) -> Option<Duration> {
    match u64::from(number(argument)) {
        0 => None,
        seconds @ 1..1000 => Some(Duration::from_secs(seconds)),
        milliseconds => Some(Duration::from_millis(milliseconds)),
    }
}

/// A job for a worker.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Which of its abilities.
    ability: usize,
    priority: Priority,
    job: u32,
    /// Jobs of lower priorities wait that it could have instead.
    ahead: bool,
}

/// Is this still true: the connection sleeps since then, and can do that?
fn sleeps(peers: &Slab<Peer>, function: u32) -> impl Fn(u64, u32) -> bool {
    move |since, peer| peers.get(peer).is_some_and(|p| p.asleep == since && p.ability(function).is_some())
}

impl Store {
    /// CAN_DO and CAN_DO_TIMEOUT.
    pub(crate) fn can_do(&mut self, now: &Now, peer: u32, name: &[u8], limit: Option<&[u8]>, mail: &mut Mail) {
        if name.len() > MAX_FUNCTION {
            return mail.error(peer, ReturnCode::ArgumentTooLarge.name(), "Function value too large");
        }
        let worker = &self.peers[peer];
        let has = || self.functions.find(name).is_some_and(|function| worker.ability(function).is_some());
        if worker.abilities.len() >= ABILITIES && !has() {
            if let Some(unsaid) = self.limits.abilities.happened(now.steady) {
                let name = name.escape_ascii();
                tracing::warn!("function {name} refused: a worker may have {ABILITIES} functions{unsaid}");
            }
            return mail.error(peer, ReturnCode::QueueError.name(), "Too many functions");
        }
        let Some(function) = self.function(now, name) else {
            return mail.error(peer, ReturnCode::QueueError.name(), "Too many functions");
        };
        let worker = &mut self.peers[peer];
        self.announced += 1;
        let ability = Ability { function, announced: self.announced, timeout: limit.and_then(timeout) };
        let known = worker.ability(function).and_then(|i| worker.abilities.remove(i)).is_some();
        // The one announced last is asked first.
        worker.abilities.push_front(ability);
        let asleep = worker.asleep;
        if !known {
            self.functions[function].workers += 1;
            if asleep != 0 {
                self.sleep_in(function, peer);
                if !self.functions[function].queue.is_empty() {
                    self.call(function);
                }
            }
        }
    }

    /// CANT_DO. A job of this function that it still runs goes back.
    pub(crate) fn cant_do(&mut self, now: &Now, peer: u32, name: &[u8], mail: &mut Mail) {
        let Some(function) = self.functions.find(name) else { return };
        let worker = &mut self.peers[peer];
        if worker.ability(function).and_then(|i| worker.abilities.remove(i)).is_some() {
            self.forget(now, peer, function, mail);
        }
    }

    /// RESET_ABILITIES.
    pub(crate) fn reset_abilities(&mut self, now: &Now, peer: u32, mail: &mut Mail) {
        while let Some(ability) = self.peers[peer].abilities.pop_back() {
            self.forget(now, peer, ability.function, mail);
        }
    }

    fn forget(&mut self, now: &Now, peer: u32, function: u32, mail: &mut Mail) {
        self.functions[function].workers -= 1;
        // From the last to the first, so that the first is in front again.
        let mut next = self.peers[peer].running.tail();
        while let Some(job) = next {
            let current = &self.jobs.slab[job];
            next = (current.prev != NONE).then_some(current.prev);
            if current.function == function {
                self.give_back(now, job, mail);
            }
        }
        if self.peers[peer].woken == function {
            self.hand_on(peer, NONE);
        }
    }

    /// ALL_YOURS, or the option of this name, which has an answer: from now on the worker gets its next job while
    /// it sleeps, in place of the NOOP.
    pub(crate) fn all_yours(&mut self, peer: u32) {
        self.peers[peer].direct = self.rules.direct;
    }

    /// A packet came. The job that a direct worker is given in its sleep must find it waiting for one: so
    /// whatever it says ends its sleep. Answers leave in the order of their questions.
    pub(crate) fn hear(&mut self, now: &Now, peer: u32, mail: &mut Mail) {
        self.answer(now, peer, mail);
        let worker = &mut self.peers[peer];
        worker.heard = now.steady;
        if worker.direct {
            worker.asleep = 0;
        }
    }

    /// PRE_SLEEP: a NOOP as soon as there is a job, which may be now, or the job itself.
    pub(crate) fn pre_sleep(&mut self, now: &Now, peer: u32, mail: &mut Mail) {
        self.moves_on(now, peer);
        let slept = self.peers[peer].asleep;
        self.sleeps += 1;
        self.peers[peer].asleep = self.sleeps;
        if let Some(found) = self.first_for(peer) {
            if self.peers[peer].direct {
                return self.give(now, peer, found, mail);
            }
            let function = self.jobs.slab[found.job].function;
            self.hand_on(peer, function);
            return self.noop(peer, function, Step::first(now.steady), mail);
        }
        self.peers[peer].woken = NONE;
        if slept != 0 {
            // Said twice: it keeps its place.
            self.peers[peer].asleep = slept;
            return;
        }
        for i in 0..self.peers[peer].abilities.len() {
            self.sleep_in(self.peers[peer].abilities[i].function, peer);
        }
    }

    fn sleep_in(&mut self, function: u32, peer: u32) {
        let since = self.peers[peer].asleep;
        let sleeps = sleeps(&self.peers, function);
        self.functions[function].sleeps(since, peer, sleeps);
    }

    /// Wakes a worker that sleeps.
    fn noop(&mut self, peer: u32, function: u32, step: Step, mail: &mut Mail) {
        let worker = &mut self.peers[peer];
        (worker.slept, worker.asleep, worker.woken) = (worker.asleep, 0, function);
        let slept = worker.slept;
        if !self.wakeups.sent(peer, slept, step) {
            self.peers[peer].woken = NONE;
        }
        mail.response(peer, &Response::Noop);
    }

    /// GRAB_JOB in its three forms.
    pub(crate) fn grab(&mut self, now: &Now, peer: u32, grab: Grab, mail: &mut Mail) {
        let worker = &mut self.peers[peer];
        (worker.asleep, worker.form) = (0, grab);
        self.moves_on(now, peer);
        match self.first_for(peer) {
            Some(found) => self.give(now, peer, found, mail),
            None => {
                self.peers[peer].asking = true;
                self.asking.push_back(peer);
            }
        }
    }

    /// A GRAB_JOB that found no job gets its answer: at the end of the round, or ahead of the connection's next one.
    pub(crate) fn answer(&mut self, now: &Now, peer: u32, mail: &mut Mail) {
        if !self.peers.get_mut(peer).is_some_and(|worker| std::mem::take(&mut worker.asking)) {
            return;
        }
        match self.first_for(peer) {
            Some(found) => self.give(now, peer, found, mail),
            None => {
                self.peers[peer].woken = NONE;
                mail.response(peer, &Response::NoJob);
            }
        }
    }

    /// The end of a round. Under load, jobs and workers that ask for one come in the same round, in any order: they
    /// are brought together, and only for jobs that are left somebody is woken. Done at once, one job would be "no
    /// job" for who came before it, and wake another: four packets more.
    pub(crate) fn match_up(&mut self, now: &Now, mail: &mut Mail) {
        while let Some(peer) = self.asking.pop_front() {
            self.answer(now, peer, mail);
        }
        while let Some(function) = self.called.pop_front() {
            let Some(of) = self.functions.get_mut(function) else { continue };
            let jobs = std::mem::take(&mut of.calls).min(of.queue.len());
            for _ in 0..jobs {
                self.wake(now, function, Step::first(now.steady), self.rules.wakeup, mail);
            }
        }
    }

    /// Gives a worker the job that was found for it.
    fn give(&mut self, now: &Now, peer: u32, found: Found, mail: &mut Mail) {
        let Found { ability, priority, job, ahead } = found;
        if ahead {
            self.pass(peer, priority, job);
        }
        let worker = &mut self.peers[peer];
        worker.asleep = 0;
        // The function just served is asked last the next time.
        if let Some(ability) = worker.abilities.remove(ability) {
            worker.abilities.push_back(ability);
        }
        let function = self.jobs.slab[job].function;
        self.functions[function].queue.take(&mut self.jobs.slab, priority, job);
        self.functions[function].running += 1;
        self.running += 1;
        self.peers[peer].running.push_back(&mut self.jobs.slab, job);
        let assigned = &mut self.jobs.slab[job];
        (assigned.state, assigned.worker) = (State::Running, peer);
        if self.peers[peer].running.len() == 1 {
            self.start_clock(now, job);
        }
        self.assign(peer, job, self.peers[peer].form, mail);
        self.hand_on(peer, function);
    }

    fn assign(&self, peer: u32, job: u32, grab: Grab, mail: &mut Mail) {
        let job = &self.jobs.slab[job];
        let handle = self.handles.write(job.number);
        let assign = Assign {
            handle: handle.as_ref(),
            function: &self.functions[job.function].name,
            unique: (grab != Grab::Plain).then(|| job.unique()),
            reducer: job.extra.as_ref().and_then(|e| e.reducer.as_deref()).filter(|_| grab == Grab::All),
            workload: job.workload(),
        };
        let (command, arguments, n) = assign.form();
        let payload = match job.workload() {
            large if large.len() >= SHARE => crate::mail::Payload::Shared(job.shared_workload()),
            small => crate::mail::Payload::Copied(small),
        };
        mail.packet(peer, command, &arguments[..n], &payload);
    }

    /// The job that a worker is to get, if there is one.
    fn first_for(&self, peer: u32) -> Option<Found> {
        if self.draining {
            return None;
        }
        let mut waiting = Priorities::default();
        let abilities = self.peers[peer].abilities.iter().enumerate();
        let queued = abilities.filter_map(|(i, a)| {
            let queue = &self.functions[a.function].queue;
            waiting |= queue.waiting();
            Some((i, queue.next()?))
        });
        // The first of those with the best priority.
        let (ability, next) = queued.min_by_key(|(_, next)| next.rank())?;
        Some(Found { ability, priority: next.priority, job: next.job, ahead: waiting.below(next.priority) })
    }

    /// A worker is given this job ahead of lower ones. Those of one function count that, so that lower ones are let
    /// through equally often however many functions have some; of which function is left to chance, so that all are.
    fn pass(&mut self, peer: u32, priority: Priority, job: u32) {
        let abilities = &self.peers[peer].abilities;
        let (before, behind) = (0..abilities.len(), 0..abilities.len());
        let chance = number_hash(self.jobs.slab[job].number) as usize % abilities.len().max(1);
        for ability in before.chain(behind).skip(chance) {
            let queue = &mut self.functions[abilities[ability].function].queue;
            if queue.waiting().below(priority) {
                return queue.pass(priority);
            }
        }
    }

    /// Puts a job at the end of its queue; somebody is woken for it. Not for a job that nobody waits for.
    pub(crate) fn enqueue(&mut self, id: u32) {
        let job = &mut self.jobs.slab[id];
        let (function, priority) = (job.function, job.priority);
        job.state = State::Queued;
        self.functions[function].queue.list(priority).push_back(&mut self.jobs.slab, id);
        self.call(function);
    }

    /// A job of this function waits for somebody to be woken at the end of the round.
    pub(crate) fn call(&mut self, function: u32) {
        let of = &mut self.functions[function];
        of.calls += 1;
        if of.calls == 1 {
            self.called.push_back(function);
        }
    }

    /// Gives one job of this function to a worker that sleeps, or wakes up to `left` for it.
    fn wake(&mut self, now: &Now, function: u32, step: Step, mut left: u32, mail: &mut Mail) {
        while left > 0 && !self.draining {
            let sleeps = sleeps(&self.peers, function);
            let Some(peer) = self.functions[function].wake(sleeps) else { return };
            let worker = &self.peers[peer];
            let direct = worker.direct && now.steady.saturating_sub(worker.heard) <= AWAKE;
            match self.first_for(peer).filter(|_| direct) {
                Some(found) => {
                    let given = self.jobs.slab[found.job].function;
                    self.give(now, peer, found, mail);
                    if given == function {
                        return;
                    }
                    // It had a more urgent one to do, which others were woken for: the next for ours.
                }
                None => {
                    self.noop(peer, function, step, mail);
                    left -= 1;
                }
            }
        }
    }

    /// A worker that was woken does something else than take a job of the function it was woken for
    /// (`got`: it got a job of this one): the next is woken, where a job still waits.
    fn hand_on(&mut self, peer: u32, got: u32) {
        let function = std::mem::replace(&mut self.peers[peer].woken, NONE);
        if function == NONE || function == got {
            return;
        }
        if self.functions.get(function).is_some_and(|f| !f.queue.is_empty()) {
            self.call(function);
        }
    }

    /// A worker had the time to answer a wake-up. If it did not, it is not waited for: where a job still waits, others
    /// are woken for it. It sleeps no more until it says so, so jobs that come go to those who answer.
    pub(crate) fn overslept(&mut self, now: &Now, wakeup: &Wakeup, mail: &mut Mail) {
        if !wakeup.is_open(&self.peers) {
            return;
        }
        let worker = &mut self.peers[wakeup.peer];
        let function = std::mem::replace(&mut worker.woken, NONE);
        if self.functions.get(function).is_some_and(|f| !f.queue.is_empty()) {
            let name = worker.id.as_deref().unwrap_or(b"-");
            tracing::debug!("worker {} (descriptor {}) does not answer a wake-up", name.escape_ascii(), worker.fd);
            let (step, more) = wakeup.next(now.steady);
            self.wake(now, function, step, more, mail);
        }
    }

    /// SET_CLIENT_ID.
    pub(crate) fn set_client_id(&mut self, peer: u32, id: &[u8], mail: &mut Mail) {
        if id.len() > MAX_CLIENT_ID {
            return mail.error(peer, ReturnCode::ArgumentTooLarge.name(), "Client id too large");
        }
        self.peers[peer].id = (!id.is_empty()).then(|| id.into());
    }
}
