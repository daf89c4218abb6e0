//! What becomes of a job that was not done: by the policy of its function it is tried again after a while, or becomes a dead
//! letter; and how an operator brings that back.
//!
//! Only jobs in the background: whoever waits for a job in the foreground learns that it failed, and tries again.
//!
//! What always holds: a job waits for its next try only while it has tries left, and a stored one only once the durable queue
//! knows how many failed; a number is that of a job or of a dead letter, never of both (but see
//! [`crate::broker::shared_letters`]).

use crate::broker::activity::End;
use crate::broker::dead::{Cause, Letter, MAX_TEXT};
use crate::broker::jobs::{Job, State, number_hash};
use crate::broker::kept::Outcome;
use crate::broker::policy::{Keep, Policy, Reason};
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use bytes::Bytes;
use gearman_core::protocol::message::Update;

/// What becomes of a job after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is tried again after a while.
    Again,
    /// It goes back into its queue.
    Back,
    /// It is not tried any more.
    Over,
}

/// How a try failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    pub(super) reason: Reason,
    /// What its worker said of that.
    pub(super) text: &'a [u8],
}

impl<'a> Failure<'a> {
    /// Of which its worker said nothing.
    pub(super) fn silent(reason: Reason) -> Failure<'a> {
        Failure { reason, text: b"" }
    }

    /// What a worker reports, where that is a failure.
    pub(super) fn reported(update: &Update<'a>) -> Option<Failure<'a>> {
        match update {
            Update::Fail => Some(Failure::silent(Reason::Fail)),
            Update::Exception(text) => Some(Failure { reason: Reason::Exception, text }),
            Update::Complete(_) | Update::Data(_) | Update::Warning(_) | Update::Status(..) => None,
        }
    }
}

/// Why a dead letter is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotRetried {
    /// There is none of this handle.
    Unknown,
    /// A job has its unique key: the one of this handle.
    KeyTaken(crate::broker::jobs::Handle),
    /// Its function is unknown by now, and there are too many.
    TooManyFunctions,
    /// The server is to stop.
    Draining,
}

impl Broker {
    /// What the tries of a job obey.
    fn policy_for(&self, job: &Job) -> Option<&Policy> {
        self.functions[job.function].policy.as_deref().filter(|_| job.background)
    }

    /// What becomes of a job whose try failed. That try is not counted yet; unless its time was over before, which counted.
    pub(super) fn fate(&self, id: u32, reason: Reason) -> Fate {
        let job = &self.jobs.arena[id];
        let tries = job.tries.saturating_add(u16::from(job.state == State::Running));
        match self.policy_for(job).filter(|policy| policy.retries_on(reason)) {
            Some(policy) if tries <= policy.retries() => Fate::Again,
            Some(_) => Fate::Over,
            None => match reason {
                Reason::Fail | Reason::Exception => Fate::Over,
                Reason::Timeout | Reason::Death => Fate::Back,
            },
        }
    }

    /// A try of a running job failed.
    pub(super) fn count_try(&mut self, now: &Now, id: u32) {
        // Where servers share a queue, the next that has the job goes on counting.
        let stored = self.policy_for(&self.jobs.arena[id]).is_some() || self.is_member();
        let job = &mut self.jobs.arena[id];
        job.tries = job.tries.saturating_add(1);
        if stored && job.extra().first == 0 {
            job.extra().first = now.milliseconds();
        }
    }

    /// A job is to be tried again: its worker has it no more, and it waits. One that was taken from its worker before
    /// waits already.
    pub(super) fn retry(&mut self, now: &Now, id: u32) {
        if self.jobs.arena[id].state != State::Running {
            return;
        }
        self.count_try(now, id);
        self.unplace(id);
        let job = &self.jobs.arena[id];
        let wait = self.policy_for(job).map(|policy| policy.backoff().wait(job.tries, chance(job))).unwrap_or_default();
        let due = now.milliseconds().saturating_add(wait.as_millis() as u64);
        self.functions[job.function].activity().retried += 1;
        if !self.store_try(id, due) {
            self.place(now, id, due);
        }
    }

    /// A job that was tried in vain is given up: those who wait for it are told that it failed.
    pub(super) fn give_up(&mut self, now: &Now, id: u32, failure: Failure<'_>, outgoing: &mut Outgoing) {
        let worker = self.report_end(id, End::Failed, outgoing);
        self.end_in_vain(now, id, End::Failed, failure, worker);
        self.next_on(now, worker);
    }

    /// A job is over that was not done: a dead letter, where its function's policy keeps any.
    pub(super) fn end_in_vain(&mut self, now: &Now, id: u32, end: End, failure: Failure<'_>, worker: u32) {
        self.remember(now, id, || Outcome::Failed(failure.reason, Bytes::copy_from_slice(failure.text)));
        let kept = self.policy_for(&self.jobs.arena[id]).is_some_and(|policy| policy.dead_letters().count > 0);
        match kept {
            true => self.bury(now, id, Cause::Failed(failure.reason), failure.text, worker),
            false => self.remove(id, end),
        }
    }

    /// A job becomes a dead letter. `worker`: the last that had it, NONE where nobody had.
    pub(super) fn bury(&mut self, now: &Now, id: u32, cause: Cause, text: &[u8], worker: u32) {
        let worker = self.name_of(worker).into();
        let Some(job) = self.take_out(id, End::Dead) else { return };
        let function = self.functions[job.function].name.clone();
        let handle = self.handles.write(job.number);
        tracing::info!("job {} is a dead letter after {} tries: {}", handle.escape_ascii(), job.tries, cause.name());
        let text = text[..text.len().min(MAX_TEXT)].into();
        let mut letter = Letter { job, function, last: now.milliseconds(), cause, text, worker };
        self.store_letter(&mut letter);
        self.keep(now, letter);
    }

    /// Takes a dead letter in; the oldest may have to go for it.
    pub(super) fn keep(&mut self, now: &Now, letter: Letter) {
        let function = letter.function.clone();
        let keep = self.bounds(&function);
        self.dead.insert(letter, keep);
        self.drop_surplus(now, &function);
    }

    /// What is kept of a function's dead letters. Those of one whose policy keeps none (any more) are there because an operator
    /// wanted it so.
    fn bounds(&self, function: &[u8]) -> Keep {
        let kept = |policy: &Policy| Some(policy.dead_letters()).filter(|keep| keep.count > 0);
        let keep = match self.functions.find(function) {
            Some(id) => self.functions[id].policy.as_deref().and_then(kept),
            None => self.policies.policy_of(function).as_ref().and_then(kept),
        };
        keep.unwrap_or(Policy::DEAD_LETTERS)
    }

    fn drop_surplus(&mut self, now: &Now, function: &[u8]) {
        while let Some(letter) = self.dead.pop_surplus(function) {
            if let Some(omitted) = self.limits.letters.happened(now.steady) {
                let name = letter.function.escape_ascii();
                tracing::warn!("there are too many dead letters: the oldest of {name} is dropped{omitted}");
            }
            self.unstore_letter(&letter);
        }
    }

    /// Policies have changed.
    pub(super) fn bound_letters(&mut self, now: &Now) {
        let functions: Vec<_> = self.dead.functions().cloned().collect();
        for function in functions {
            let keep = self.bounds(&function);
            self.dead.bound(&function, keep);
            self.drop_surplus(now, &function);
        }
    }

    /// A dead letter that is too old is dropped. False: there is none.
    pub(super) fn expire(&mut self, now: &Now) -> bool {
        let letter = self.dead.pop_expired(now.milliseconds());
        letter.inspect(|letter| self.unstore_letter(letter)).is_some()
    }

    /// A dead letter is a job again: its tries count anew.
    pub(super) fn revive(&mut self, now: &Now, number: u64) -> Result<(), NotRetried> {
        if self.is_member() {
            return self.revive_shared(number);
        }
        let letter = self.dead.get(number).ok_or(NotRetried::Unknown)?;
        if self.draining {
            return Err(NotRetried::Draining);
        }
        let name = letter.function.clone();
        let function = self.function(now, &name).ok_or(NotRetried::TooManyFunctions)?;
        let letter = self.dead.get(number).ok_or(NotRetried::Unknown)?;
        if let Some(same) = self.jobs.by_unique(function, letter.job.unique(), letter.job.workload()) {
            return Err(NotRetried::KeyTaken(self.handles.write(self.jobs.arena[same].number)));
        }
        let Letter { mut job, .. } = self.dead.remove(number).ok_or(NotRetried::Unknown)?;
        (job.function, job.tries) = (function, 0);
        let reducer = job.extra.take().and_then(|extra| extra.reducer);
        if reducer.is_some() {
            job.extra().reducer = reducer;
        }
        let id = self.jobs.insert_numbered(job, number);
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().revived += 1;
        if !self.store_revived(id) {
            self.place(now, id, 0);
        }
        Ok(())
    }

    /// What a worker calls itself, else its address; nothing for NONE.
    pub(super) fn name_of(&self, worker: u32) -> Vec<u8> {
        match self.sessions.get(worker) {
            None => Vec::new(),
            Some(session) => match (&session.id, session.ip) {
                (Some(id), _) => id.to_vec(),
                (None, Some(ip)) => ip.to_string().into(),
                (None, None) => b"-".to_vec(),
            },
        }
    }
}

/// Anything from 0 to 1, another for each try of each job.
fn chance(job: &Job) -> f64 {
    let hash = number_hash(number_hash(job.number).wrapping_add(job.tries.into()));
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
