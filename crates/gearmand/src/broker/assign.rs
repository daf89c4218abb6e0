//! Workers: what they can do, which job each gets, and who is woken when there is one. A worker that asked for
//! direct assignment ("all-yours") is not woken but given the job at once.

use crate::broker::arena::{Arena, NONE};
use crate::broker::functions::Function;
use crate::broker::jobs::{State, number_hash};
use crate::broker::queue::Priorities;
use crate::broker::sessions::{Ability, Role, Session};
use crate::broker::wakeups::{Step, Wakeup};
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use gearman_core::protocol::message::{Assign, Grab, Priority, Response, number};
use gearman_core::protocol::write_buffer::SHARE;
use gearman_core::{MAX_CLIENT_ID, MAX_FUNCTION, ReturnCode};
use std::time::Duration;

/// A worker that sleeps and sent a packet within this time is given a job without being woken. One that was not may be
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

/// Is this still true: the connection sleeps for that function under this number?
pub(super) fn sleeps(sessions: &Arena<Session>, function: u32) -> impl Fn(u64, u32) -> bool {
    move |number, session| sessions.get(session).is_some_and(|p| p.sleeps_as(number, function))
}

impl Broker {
    /// CAN_DO and CAN_DO_TIMEOUT.
    pub(super) fn can_do(
        &mut self,
        now: &Now,
        session: u32,
        name: &[u8],
        limit: Option<&[u8]>,
        outgoing: &mut Outgoing,
    ) {
        if name.len() > MAX_FUNCTION {
            return outgoing.error(session, ReturnCode::ArgumentTooLarge.name(), "Function value too large");
        }
        let worker = &self.sessions[session];
        let has = || self.functions.find(name).is_some_and(|function| worker.ability(function).is_some());
        if worker.abilities.len() >= ABILITIES && !has() {
            if let Some(omitted) = self.limits.abilities.happened(now.steady) {
                let name = name.escape_ascii();
                tracing::warn!("function {name} refused: a worker may have {ABILITIES} functions{omitted}");
            }
            return outgoing.error(session, ReturnCode::QueueError.name(), "Too many functions");
        }
        let Some(function) = self.function(now, name) else {
            return outgoing.error(session, ReturnCode::QueueError.name(), "Too many functions");
        };
        let worker = &mut self.sessions[session];
        let asleep = worker.asleep;
        let known = worker.ability(function).and_then(|i| worker.abilities.remove(i));
        let new = known.is_none();
        self.announced += 1;
        self.sleeps += u64::from(new && asleep != 0);
        let learned = known.map_or(self.sleeps, |known| known.learned);
        let ability = Ability { function, announced: self.announced, learned, timeout: limit.and_then(timeout) };
        // The one announced last is asked first.
        self.workers += usize::from(worker.abilities.is_empty() && new);
        worker.abilities.push_front(ability);
        if new {
            self.functions[function].workers += 1;
            self.demand_changed(function);
            if asleep != 0 {
                self.idle_changed = true;
                self.sleep_in(function, session);
                self.functions[function].idle += u32::from(self.is_counted(session));
                if !self.functions[function].queue.is_empty() {
                    self.call(function);
                }
            }
        }
    }

    /// CANT_DO. A job of this function that it still runs goes back.
    pub(super) fn cant_do(&mut self, now: &Now, session: u32, name: &[u8], outgoing: &mut Outgoing) {
        let Some(function) = self.functions.find(name) else { return };
        let worker = &mut self.sessions[session];
        if worker.ability(function).and_then(|i| worker.abilities.remove(i)).is_some() {
            self.forget(now, session, function, outgoing);
        }
    }

    /// RESET_ABILITIES. All jobs that it still runs go back.
    pub(super) fn reset_abilities(&mut self, now: &Now, session: u32, outgoing: &mut Outgoing) {
        // From the last to the first, whatever their functions: the first is in front again, and of those that are run in turn no other was begun.
        while let Some(job) = self.sessions[session].running.tail() {
            self.give_back(now, job, outgoing);
        }
        while let Some(ability) = self.sessions[session].abilities.pop_back() {
            self.forget(now, session, ability.function, outgoing);
        }
    }

    fn forget(&mut self, now: &Now, session: u32, function: u32, outgoing: &mut Outgoing) {
        self.functions[function].workers -= 1;
        if self.is_counted(session) && self.sessions[session].asleep != 0 {
            self.functions[function].idle -= 1;
        }
        self.demand_changed(function);
        self.idle_changed = true;
        self.workers -= usize::from(self.sessions[session].abilities.is_empty());
        // From the last to the first, so that the first is in front again.
        let mut next = self.sessions[session].running.tail();
        while let Some(job) = next {
            let current = &self.jobs.arena[job];
            next = (current.prev != NONE).then_some(current.prev);
            if current.function == function {
                self.give_back(now, job, outgoing);
            }
        }
        if self.sessions[session].woken == function {
            self.hand_on(session, NONE);
        }
    }

    /// ALL_YOURS, or the option of this name, which has an answer: from now on the worker gets its next job while
    /// it sleeps, in place of the NOOP.
    pub(super) fn all_yours(&mut self, session: u32) {
        self.sessions[session].direct = self.rules.direct && self.sessions[session].role != Role::Proxy;
    }

    /// A packet came. The job that a direct worker is given in its sleep must find it waiting for one: so
    /// whatever it sends ends its sleep. Answers leave in the order of their questions.
    pub(super) fn receive(&mut self, now: &Now, session: u32, outgoing: &mut Outgoing) {
        self.answer(now, session, outgoing);
        self.packets += 1;
        let worker = &mut self.sessions[session];
        worker.last_packet = now.steady;
        if worker.direct {
            self.set_asleep(session, 0);
        }
    }

    /// PRE_SLEEP: a NOOP as soon as there is a job, which may be now, or the job itself.
    pub(super) fn pre_sleep(&mut self, now: &Now, session: u32, outgoing: &mut Outgoing) {
        self.moves_on(now, session);
        let slept = self.sessions[session].asleep;
        self.sleeps += 1;
        self.set_asleep(session, self.sleeps);
        let worker = &self.sessions[session];
        if worker.role == Role::Proxy {
            return self.proxy_sleeps(session, slept);
        }
        self.idle_changed = true;
        let (direct, on_the_way) = (worker.direct, worker.woken);
        let wanted = |id, of: &Function| match direct {
            true => of.is_open(now.steady),
            false => of.lacks_workers(now.steady, u32::from(id == on_the_way)),
        };
        if let Some(found) = self.first_of(session, wanted) {
            if direct {
                return self.give(now, session, found, outgoing);
            }
            let function = self.jobs.arena[found.job].function;
            self.hand_on(session, function);
            return self.noop(session, function, Step::first(now.steady), outgoing);
        }
        self.on_the_way(session, NONE);
        if slept != 0 {
            // Said twice: it keeps its place.
            self.set_asleep(session, slept);
            return;
        }
        for i in 0..self.sessions[session].abilities.len() {
            self.sleep_in(self.sessions[session].abilities[i].function, session);
        }
    }

    /// A worker of this function has just gone to sleep; or has just learned it, and sleeps.
    pub(super) fn sleep_in(&mut self, function: u32, session: u32) {
        let role = self.sessions[session].role;
        let sleeps = sleeps(&self.sessions, function);
        self.functions[function].sleeps(self.sleeps, session, role, sleeps);
    }

    /// Wakes a worker that sleeps.
    fn noop(&mut self, session: u32, function: u32, step: Step, outgoing: &mut Outgoing) {
        let slept = self.sessions[session].asleep;
        self.sessions[session].slept = slept;
        self.set_asleep(session, 0);
        if self.wakeups.sent(session, slept, step) {
            self.on_the_way(session, function);
        }
        outgoing.response(session, &Response::Noop);
    }

    /// GRAB_JOB in its three forms.
    pub(super) fn grab(&mut self, now: &Now, session: u32, grab: Grab, outgoing: &mut Outgoing) {
        self.set_asleep(session, 0);
        self.sessions[session].form = grab;
        self.moves_on(now, session);
        if self.sessions[session].role == Role::Proxy {
            // When all others have got theirs.
            self.sessions[session].asking = true;
            return self.asking_proxies.push_back(session);
        }
        match self.first_for(now, session) {
            Some(found) => self.give(now, session, found, outgoing),
            None => {
                self.sessions[session].asking = true;
                self.asking.push_back(session);
            }
        }
    }

    /// A GRAB_JOB that found no job gets its answer: at the end of the round, or ahead of the connection's next one.
    pub(crate) fn answer(&mut self, now: &Now, session: u32, outgoing: &mut Outgoing) {
        if !self.sessions.get_mut(session).is_some_and(|worker| std::mem::take(&mut worker.asking)) {
            return;
        }
        match self.first_for(now, session) {
            Some(found) => self.give(now, session, found, outgoing),
            None => {
                self.on_the_way(session, NONE);
                outgoing.response(session, &Response::NoJob);
            }
        }
    }

    /// The end of a round. Under load, jobs and workers that ask for one come in the same round, in any order: they
    /// are brought together, and only for jobs that are left somebody is woken. Done at once, one job would be "no
    /// job" for who came before it, and wake another: four packets more.
    pub(crate) fn match_up(&mut self, now: &Now, outgoing: &mut Outgoing) {
        self.check_lease(now, outgoing);
        self.match_own(now, outgoing);
        while let Some(session) = self.asking_proxies.pop_front() {
            self.answer(now, session, outgoing);
            self.match_own(now, outgoing);
        }
    }

    fn match_own(&mut self, now: &Now, outgoing: &mut Outgoing) {
        while let Some(session) = self.asking.pop_front() {
            self.answer(now, session, outgoing);
        }
        while let Some(function) = self.called.pop_front() {
            let Some(of) = self.functions.get_mut(function) else { continue };
            let jobs = std::mem::take(&mut of.calls).min(of.queue.len());
            if of.limiter.is_some() {
                self.wake_for_room(now, function, outgoing);
                continue;
            }
            // Where nobody sleeps for one of them, nobody does for the others, however many those are.
            for _ in 0..jobs {
                if !self.wake_one(now, function, outgoing) {
                    break;
                }
            }
        }
    }

    /// Gives a worker the job that was found for it.
    fn give(&mut self, now: &Now, session: u32, found: Found, outgoing: &mut Outgoing) {
        let Found { ability, priority, job, ahead } = found;
        if ahead {
            self.pass(now, session, priority, job);
        }
        self.set_asleep(session, 0);
        let worker = &mut self.sessions[session];
        // The function just served is asked last the next time.
        if let Some(ability) = worker.abilities.remove(ability) {
            worker.abilities.push_back(ability);
        }
        let function = self.jobs.arena[job].function;
        let of = &mut self.functions[function];
        of.queue.take(&mut self.jobs.arena, priority, job);
        of.running += 1;
        self.running += 1;
        self.sessions[session].get(&mut self.jobs.arena, job);
        let assigned = &mut self.jobs.arena[job];
        (assigned.state, assigned.worker) = (State::Running, session);
        let begin = now.microseconds();
        let waited = begin.saturating_sub(std::mem::replace(&mut assigned.since, begin));
        let activity = of.activity();
        activity.assigned += 1;
        activity.waited.record(waited);
        if of.limiter.is_some() {
            self.use_up(now, function);
        }
        self.forget_progress(job); // a late worker may have told of its own
        if self.sessions[session].has_come_to(job) {
            self.start_clock(now, job);
        }
        self.row_begun(job);
        self.assign(session, job, self.sessions[session].form, outgoing);
        self.hand_on(session, function);
        self.no_longer_ahead(job);
    }

    fn assign(&self, session: u32, job: u32, grab: Grab, outgoing: &mut Outgoing) {
        let job = &self.jobs.arena[job];
        let handle = self.handles.write(job.number);
        self.tell_attempt(session, job, &handle, outgoing);
        let assign = Assign {
            handle: &handle,
            function: &self.functions[job.function].name,
            unique: (grab != Grab::Plain).then(|| job.unique()),
            reducer: job.extra.as_ref().and_then(|e| e.reducer.as_deref()).filter(|_| grab == Grab::All),
            workload: job.workload(),
        };
        let owner = (job.workload().len() >= SHARE).then(|| job.shared_workload());
        outgoing.response_of(session, &Response::JobAssign(assign), owner.as_ref());
    }

    /// The job that a worker is to get, if there is one.
    fn first_for(&self, now: &Now, session: u32) -> Option<Found> {
        let worker = &self.sessions[session];
        if worker.role == Role::Proxy {
            // Somebody who sleeps is about to be woken for it, where a token has just come.
            let own_sleeps = |id, of: &Function| of.has_sleepers(0, sleeps(&self.sessions, id));
            return self.first_of(session, |id, of| {
                self.is_spare(now, of, u32::from(id == worker.woken)) && !own_sleeps(id, of)
            });
        }
        self.first_of(session, |_, of| of.is_open(now.steady))
    }

    /// The same of these functions alone.
    fn first_of(&self, session: u32, wanted: impl Fn(u32, &Function) -> bool) -> Option<Found> {
        if self.draining {
            return None;
        }
        let mut waiting = Priorities::default();
        let abilities = self.sessions[session].abilities.iter().enumerate();
        let queued = abilities.filter_map(|(i, a)| {
            let of = &self.functions[a.function];
            let next = of.queue.next()?;
            if !wanted(a.function, of) {
                return None;
            }
            waiting |= of.queue.waiting();
            Some((i, next))
        });
        // The first of those with the best priority.
        let (ability, next) = queued.min_by_key(|(_, next)| next.rank())?;
        Some(Found { ability, priority: next.priority, job: next.job, ahead: waiting.below(next.priority) })
    }

    /// A worker is given this job ahead of lower ones. Those of one function count that, so that lower ones are let
    /// through equally often however many functions have some; of which function is left to chance, so that all are.
    fn pass(&mut self, now: &Now, session: u32, priority: Priority, job: u32) {
        let abilities = &self.sessions[session].abilities;
        let (before, after) = (0..abilities.len(), 0..abilities.len());
        let chance = number_hash(self.jobs.arena[job].number) as usize % abilities.len().max(1);
        for ability in before.chain(after).skip(chance) {
            let of = &mut self.functions[abilities[ability].function];
            if of.queue.waiting().below(priority) && of.is_open(now.steady) {
                return of.queue.pass(priority);
            }
        }
    }

    /// Puts a job at the end of its queue; somebody is woken for it. Not for a job that nobody waits for.
    pub(super) fn enqueue(&mut self, id: u32) {
        let job = &mut self.jobs.arena[id];
        let (function, priority) = (job.function, job.priority);
        job.state = State::Queued;
        self.functions[function].queue.list(priority).push_back(&mut self.jobs.arena, id);
        self.call(function);
    }

    /// A job of this function waits for somebody to be woken at the end of the round.
    pub(super) fn call(&mut self, function: u32) {
        self.call_for(function, 1);
    }

    /// The same of so many jobs.
    pub(super) fn call_for(&mut self, function: u32, jobs: u32) {
        let of = &mut self.functions[function];
        if of.calls == 0 && jobs > 0 {
            self.called.push_back(function);
        }
        of.calls = of.calls.saturating_add(jobs);
    }

    /// One job of this function waits, and nobody is on the way. False: nobody sleeps.
    pub(super) fn wake_one(&mut self, now: &Now, function: u32, outgoing: &mut Outgoing) -> bool {
        self.wake(now, function, Step::first(now.steady), self.rules.wakeup, outgoing)
    }

    /// Gives one job of this function to a worker that sleeps, or wakes up to `left` for it. False: there were not enough.
    fn wake(&mut self, now: &Now, function: u32, step: Step, mut left: u32, outgoing: &mut Outgoing) -> bool {
        while left > 0 && !self.draining {
            let own = self.functions[function].wake(sleeps(&self.sessions, function));
            let Some(session) = own.or_else(|| self.wake_proxy(now, function)) else { return false };
            let worker = &self.sessions[session];
            let direct = worker.direct && now.steady.saturating_sub(worker.last_packet) <= AWAKE;
            match self.first_for(now, session).filter(|_| direct) {
                Some(found) => {
                    let given = self.jobs.arena[found.job].function;
                    self.give(now, session, found, outgoing);
                    if given == function {
                        return true;
                    }
                    // It had a more urgent one to do, which others were woken for: the next for ours.
                }
                None => {
                    self.noop(session, function, step, outgoing);
                    left -= 1;
                }
            }
        }
        !self.draining
    }

    /// A worker that was woken does something else than take a job of the function it was woken for
    /// (`got`: it got a job of this one): the next is woken, where a job still waits.
    pub(super) fn hand_on(&mut self, session: u32, got: u32) {
        let function = self.on_the_way(session, NONE);
        if function == NONE || function == got {
            return;
        }
        if self.functions.get(function).is_some_and(|f| !f.queue.is_empty()) {
            self.call(function);
        }
    }

    /// A worker had the time to answer a wake-up. If it did not, it is not waited for: where a job still waits, others
    /// are woken for it. It sleeps no more until it says so, so jobs that come go to those who answer.
    pub(super) fn overslept(&mut self, now: &Now, wakeup: &Wakeup, outgoing: &mut Outgoing) {
        if !wakeup.is_open(&self.sessions) {
            return;
        }
        let function = self.on_the_way(wakeup.session, NONE);
        if self.functions.get(function).is_some_and(|f| f.lacks_workers(now.steady, 0)) {
            let worker = &self.sessions[wakeup.session];
            let name = worker.id.as_deref().unwrap_or(b"-");
            tracing::debug!("worker {} (descriptor {}) does not answer a wake-up", name.escape_ascii(), worker.fd);
            let (step, more) = wakeup.next(now.steady);
            self.wake(now, function, step, more, outgoing);
        }
    }

    /// SET_CLIENT_ID.
    pub(super) fn set_client_id(&mut self, session: u32, id: &[u8], outgoing: &mut Outgoing) {
        if id.len() > MAX_CLIENT_ID {
            return outgoing.error(session, ReturnCode::ArgumentTooLarge.name(), "Client id too large");
        }
        self.sessions[session].id = (!id.is_empty()).then(|| id.into());
        self.may_be_proxy(session, id);
    }
}
