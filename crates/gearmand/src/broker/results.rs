//! What becomes of a job that a worker has: news of it, its end, and its way back.

use crate::broker::activity::{Activity, End};
use crate::broker::arena::NONE;
use crate::broker::jobs::{Handle, State};
use crate::broker::kept::Outcome;
use crate::broker::outcomes::result;
use crate::broker::policy::Reason;
use crate::broker::retries::{Failure, Fate};
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use bytes::Bytes;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::{Response, Update, Work, number};

impl Broker {
    /// WORK_*: to those who wait for the job.
    pub(super) fn work(
        &mut self,
        now: &Now,
        session: u32,
        work: &Work<'_>,
        owner: Option<&Bytes>,
        outgoing: &mut Outgoing,
    ) {
        let named = self.handles.parse(work.handle);
        let found = named.and_then(|n| self.jobs.by_number(n));
        let Some(job) = found.filter(|job| self.may_speak_of(*job, session)) else {
            return self.not_its_own(now, session, named.unwrap_or_default(), work, outgoing);
        };
        if let Update::Status(numerator, denominator) = work.update {
            let extra = self.jobs.arena[job].extra();
            (extra.numerator, extra.denominator) = (number(numerator), number(denominator));
            let (numerator, denominator) = (extra.numerator, extra.denominator);
            self.row_progresses(job, numerator, denominator);
        }
        let failure = Failure::reported(&work.update);
        let again = failure.is_some_and(|failure| self.fate(job, failure.reason) == Fate::Again);
        if !again {
            self.relay(job, work, owner, outgoing);
        }
        let Some(end) = end(&work.update) else { return };
        let ended = &self.jobs.arena[job];
        let (number, function) = (ended.number, ended.function);
        if ended.state == State::Running {
            let ran = now.microseconds().saturating_sub(ended.since);
            self.functions[ended.function].activity().ran.record(ran);
        }
        match failure {
            None => {
                self.remember(now, job, || Outcome::Completed(result(&work.update, owner)));
                self.remove(job, end);
            }
            Some(_) if again => self.retry(now, job),
            Some(failure) => {
                if self.jobs.arena[job].state == State::Running {
                    self.count_try(now, job);
                }
                self.end_in_vain(now, job, end, failure, session);
            }
        }
        self.ended(now, session, number);
        self.expect(now, session, function);
    }

    /// A job is its worker's. One whose time was over while it was on it does not know that: as long as nobody else has
    /// the job, its results count as before, so that a job that always takes longer than its function may is done in the end.
    fn may_speak_of(&self, job: u32, session: u32) -> bool {
        let job = &self.jobs.arena[job];
        match job.state {
            State::Running => job.worker == session,
            _ => self.sessions[session].overdue.contains(&job.number),
        }
    }

    /// News of a job that is another's, or over.
    fn not_its_own(&mut self, now: &Now, session: u32, number: u64, work: &Work<'_>, outgoing: &mut Outgoing) {
        let worker = &self.sessions[session];
        let was_its_own = number != 0 && (number == worker.lost || worker.overdue.contains(&number));
        // It is no mistake of a worker's to go on with a job that was taken from it: it does not know. Perl workers send
        // WORK_EXCEPTION and then WORK_FAIL, and die on an ERROR.
        let silent = match work.is_last() {
            true => number != 0 && (number == worker.lost || number == worker.ended),
            false => was_its_own,
        };
        if was_its_own && work.is_last() {
            self.done_elsewhere(number, &work.update);
            self.ended(now, session, number);
        }
        if silent {
            return;
        }
        let text = match work.update {
            Update::Data(_) | Update::Warning(_) => "Job does not exist on server",
            Update::Exception(_) => "An exception was received for a job that does not exist",
            _ => "Job given in work result not found",
        };
        outgoing.error(session, ReturnCode::JobNotFound.name(), text);
    }

    fn relay(&self, job: u32, work: &Work<'_>, owner: Option<&Bytes>, outgoing: &mut Outgoing) {
        let job = &self.jobs.arena[job];
        if job.waiters == NONE {
            return;
        }
        let thrown = matches!(work.update, Update::Exception(_));
        let (news, failure) = (Response::Work(*work), failure(work.handle));
        for client in self.waiters_of(job) {
            match thrown && !self.sessions[client].exceptions {
                true => outgoing.response(client, &failure),
                false => outgoing.response_of(client, &news, owner),
            }
        }
    }

    fn report_failure(&self, job: &crate::broker::jobs::Job, handle: &[u8], outgoing: &mut Outgoing) {
        for client in self.waiters_of(job) {
            outgoing.response(client, &failure(handle));
        }
    }

    fn handle(&self, job: u32) -> Handle {
        self.handles.write(self.jobs.arena[job].number)
    }

    /// A worker has ended a job, whoever's it is by now, and goes on to the next that it has.
    fn ended(&mut self, now: &Now, session: u32, number: u64) {
        let worker = &mut self.sessions[session];
        worker.ended = number;
        worker.done += 1;
        worker.overdue.retain(|overdue| *overdue != number);
        self.moves_on(now, session);
        self.next_on(now, session);
    }

    /// A worker shows that it is not (any more) on a job that was taken from it. The time of the next one that it has
    /// ran meanwhile, and begins anew.
    pub(super) fn moves_on(&mut self, now: &Now, session: u32) {
        let worker = &mut self.sessions[session];
        if std::mem::take(&mut worker.late)
            && let Some(next) = worker.running.head()
        {
            self.stop_clock(next);
            self.start_clock(now, next);
        }
    }

    /// The job that a worker is now on, of those that it runs in turn, gets its time.
    pub(super) fn next_on(&mut self, now: &Now, worker: u32) {
        let in_turn = self.sessions.get(worker).filter(|worker| worker.in_turn);
        if let Some(next) = in_turn.and_then(|worker| worker.running.head()) {
            self.start_clock(now, next);
        }
    }

    /// "at-once": a worker that runs several jobs at once is on all that it has. Until now it was on the first, or on all.
    pub(super) fn at_once(&mut self, now: &Now, session: u32) {
        let worker = &mut self.sessions[session];
        let was_in_turn = std::mem::replace(&mut worker.in_turn, false);
        (worker.at_once, worker.late) = (true, false);
        let mut next = if was_in_turn { worker.running.head } else { NONE };
        while next != NONE {
            self.start_clock(now, next);
            next = self.jobs.arena[next].next;
        }
    }

    /// A job's function may have a timeout; it counts from when its worker is on it.
    pub(super) fn start_clock(&mut self, now: &Now, id: u32) {
        let job = &mut self.jobs.arena[id];
        if job.extra.as_ref().is_some_and(|e| e.deadline.is_some()) {
            return;
        }
        let worker = &self.sessions[job.worker];
        let announced = worker.ability(job.function).and_then(|i| worker.abilities[i].timeout);
        let Some(timeout) = announced.or_else(|| self.functions[job.function].timeout()) else { return };
        let when = now.steady + timeout;
        job.extra().deadline = Some(when);
        self.deadlines.insert((when, id));
    }

    pub(super) fn stop_clock(&mut self, id: u32) {
        if let Some(deadline) = self.jobs.arena[id].extra.as_mut().and_then(|e| e.deadline.take()) {
            self.deadlines.remove(&(deadline, id));
        }
    }

    /// A worker has a job no more, or not yet: the next one that has it begins with nothing.
    pub(super) fn forget_progress(&mut self, id: u32) {
        let job = &mut self.jobs.arena[id];
        if let Some(extra) = &mut job.extra {
            (extra.numerator, extra.denominator) = (0, 0);
        }
        if let Some(member) = &mut self.membership {
            member.progress.remove(&job.number);
        }
    }

    /// Is its worker on this job? Not while it still is on one that was taken from it.
    fn begun(&self, id: u32) -> bool {
        let worker = &self.sessions[self.jobs.arena[id].worker];
        worker.has_come_to(id) && !worker.late
    }

    /// Nobody gets this job any more: those who wait for it are told that it failed.
    pub(super) fn fail(&mut self, now: &Now, id: u32, end: End, outgoing: &mut Outgoing) {
        let worker = self.report_end(id, end, outgoing);
        self.remember(now, id, || Outcome::Cancelled);
        self.remove(id, end);
        self.next_on(now, worker);
    }

    /// Those who wait for a job are told that it failed; its worker is told what it asked to be told. Who that is, if anybody.
    pub(super) fn report_end(&mut self, id: u32, end: End, outgoing: &mut Outgoing) -> u32 {
        let (handle, job) = (self.handle(id), &self.jobs.arena[id]);
        self.report_failure(job, &handle, outgoing);
        let (worker, number) = (job.worker, job.number);
        if worker != NONE {
            self.tell_cancelled(worker, end, &handle, outgoing);
            // It does not know yet, or never will.
            let on_it = self.begun(id);
            let worker = &mut self.sessions[worker];
            worker.lost = number;
            worker.late |= worker.in_turn && on_it;
        }
        worker
    }

    /// A worker does not do its job (any more): the job goes back, in front of its queue; or a try of it has failed.
    pub(super) fn give_back(&mut self, now: &Now, id: u32, outgoing: &mut Outgoing) {
        let tried = self.begun(id);
        self.activity_of(id).given_back += 1;
        if tried && self.has_failed(now, id, Reason::Death, outgoing) {
            return;
        }
        let Some(worker) = self.take_back(now, id, tried, Reason::Death, outgoing) else { return };
        if !self.row_stays(now, id, outgoing) {
            return self.next_on(now, worker);
        }
        let job = &mut self.jobs.arena[id];
        let (function, priority) = (job.function, job.priority);
        (job.state, job.since) = (State::Queued, now.microseconds());
        self.functions[function].queue.list(priority).push_front(&mut self.jobs.arena, id);
        self.call(function);
        self.next_on(now, worker);
    }

    /// The function's timeout ran out: the job goes to the end of its queue; or a try of it has failed.
    pub(super) fn time_out(&mut self, now: &Now, id: u32, outgoing: &mut Outgoing) {
        let handle = self.handle(id);
        tracing::warn!("job {} ran out of time", handle.escape_ascii());
        self.activity_of(id).timed_out += 1;
        let (tried, job) = (self.begun(id), &self.jobs.arena[id]);
        let number = job.number;
        let worker = job.worker;
        self.sessions[worker].late = self.sessions[worker].in_turn;
        if tried && self.has_failed(now, id, Reason::Timeout, outgoing) {
            if self.jobs.by_number(number).is_some() {
                self.sessions[worker].runs_over(number);
            }
            return;
        }
        if let Some(worker) = self.take_back(now, id, tried, Reason::Timeout, outgoing) {
            self.sessions[worker].runs_over(number);
            if self.row_stays(now, id, outgoing) {
                self.begin(now, id);
                self.enqueue(id);
            }
            self.next_on(now, worker);
        }
    }

    /// A worker was on a job and does not end it. True: that was a try which the job's policy counts, and it waits for the
    /// next or is over.
    fn has_failed(&mut self, now: &Now, id: u32, reason: Reason, outgoing: &mut Outgoing) -> bool {
        let worker = self.jobs.arena[id].worker;
        match self.fate(id, reason) {
            Fate::Back => return false,
            Fate::Again => self.retry(now, id),
            Fate::Over => {
                self.count_try(now, id);
                self.give_up(now, id, Failure::silent(reason), outgoing);
            }
        }
        self.next_on(now, worker);
        true
    }

    /// Takes a job from its worker. `None` when the job is over: tried too often, or nobody waits for it.
    fn take_back(&mut self, now: &Now, id: u32, tried: bool, reason: Reason, outgoing: &mut Outgoing) -> Option<u32> {
        if self.jobs.arena[id].is_forwarded() {
            self.hand_back(now, id, outgoing);
            return None;
        }
        if tried {
            self.count_try(now, id);
        }
        // Tries that a policy counted may be as many already. One that was not begun has not failed once more.
        let runs = self.rules.runs.filter(|_| tried);
        let job = &self.jobs.arena[id];
        if runs.is_some_and(|runs| job.tries >= runs) {
            let (tries, handle) = (job.tries, self.handle(id));
            tracing::error!("job {} given up after {tries} tries", handle.escape_ascii());
            self.give_up(now, id, Failure::silent(reason), outgoing);
            return None;
        }
        let worker = job.worker;
        if job.waiters == NONE && !job.background {
            self.sessions[worker].lost = job.number;
            self.remove(id, End::Abandoned);
            self.next_on(now, worker);
            return None;
        }
        self.unplace(id);
        Some(worker)
    }

    /// Of the function of a job.
    fn activity_of(&mut self, id: u32) -> &mut Activity {
        self.functions[self.jobs.arena[id].function].activity()
    }
}

/// What a worker's report ends its job as; `None`: the job goes on.
fn end(update: &Update<'_>) -> Option<End> {
    match update {
        Update::Complete(_) => Some(End::Completed),
        Update::Fail => Some(End::Failed),
        Update::Exception(_) => Some(End::Exception),
        Update::Data(_) | Update::Warning(_) | Update::Status(..) => None,
    }
}

fn failure(handle: &[u8]) -> Response<'_> {
    Response::Work(Work { handle, update: Update::Fail })
}
