//! What becomes of a job that a worker has: news of it, its end, and its way back.

use crate::job::{Handle, State};
use crate::mail::{Mail, Payload};
use crate::slab::NONE;
use crate::store::{Now, Store};
use bytes::Bytes;
use gearman_core::Code;
use gearman_core::message::{Update, Work, number};
use gearman_core::packet::Command;

impl Store {
    /// WORK_*: to those who wait for the job.
    pub(crate) fn work(&mut self, now: &Now, peer: u32, work: &Work<'_>, owner: Option<&Bytes>, mail: &mut Mail) {
        let named = self.handles.parse(work.handle);
        let found = named.and_then(|n| self.jobs.by_number(n));
        let mine = |id: &u32| {
            let job = &self.jobs.slab[*id];
            job.state == State::Running && job.worker == peer
        };
        let Some(job) = found.filter(mine) else {
            // Perl workers send WORK_EXCEPTION and then WORK_FAIL, and die on an ERROR. Nor is it a mistake
            // of a worker's to go on with a job that was taken from it: nobody told it.
            let (worker, named) = (&self.peers[peer], named.unwrap_or_default());
            if named != 0 && (named == worker.lost || (named == worker.ended && work.is_last())) {
                return;
            }
            let text = match work.update {
                Update::Data(_) | Update::Warning(_) => "Job does not exist on server",
                Update::Exception(_) => "An exception was received for a job that does not exist",
                _ => "Job given in work result not found",
            };
            return mail.error(peer, Code::JobNotFound.name(), text);
        };
        if let Update::Status(numerator, denominator) = work.update {
            let extra = self.jobs.slab[job].extra();
            (extra.numerator, extra.denominator) = (number(numerator), number(denominator));
        }
        self.relay(job, work, owner, mail);
        if work.is_last() {
            self.end(now, job);
        }
    }

    fn relay(&self, job: u32, work: &Work<'_>, owner: Option<&Bytes>, mail: &mut Mail) {
        let job = &self.jobs.slab[job];
        if job.waiters == NONE {
            return;
        }
        let handle = work.handle;
        let (command, data) = match work.update {
            Update::Status(numerator, denominator) => {
                let last = Payload::Copied(denominator);
                for client in self.waiters_of(job) {
                    mail.packet(client, Command::WorkStatus, &[handle, numerator], &last);
                }
                return;
            }
            Update::Fail => return self.tell_failure(job, handle, mail),
            Update::Data(data) => (Command::WorkData, data),
            Update::Warning(data) => (Command::WorkWarning, data),
            Update::Complete(data) => (Command::WorkComplete, data),
            Update::Exception(data) => (Command::WorkException, data),
        };
        let data = Payload::new(data, owner);
        for client in self.waiters_of(job) {
            if command == Command::WorkException && !self.peers[client].exceptions {
                mail.packet(client, Command::WorkFail, &[], &Payload::Copied(handle));
            } else {
                mail.packet(client, command, &[handle], &data);
            }
        }
    }

    fn tell_failure(&self, job: &crate::job::Job, handle: &[u8], mail: &mut Mail) {
        for client in self.waiters_of(job) {
            mail.packet(client, Command::WorkFail, &[], &Payload::Copied(handle));
        }
    }

    fn handle(&self, job: u32) -> Handle {
        self.handles.write(self.jobs.slab[job].number)
    }

    /// A job is over, and those who wait for it know.
    fn end(&mut self, now: &Now, id: u32) {
        let job = &self.jobs.slab[id];
        let (worker, number) = (job.worker, job.number);
        self.remove(id);
        if worker != NONE {
            self.peers[worker].ended = number;
            self.next_on(now, worker);
        }
    }

    /// The job that a worker is now on, of those it has, gets its time.
    fn next_on(&mut self, now: &Now, worker: u32) {
        if let Some(next) = self.peers[worker].running.head() {
            self.start_clock(now, next);
        }
    }

    /// A job's function may have a timeout; it counts from when its worker is on it.
    pub(crate) fn start_clock(&mut self, now: &Now, id: u32) {
        let job = &mut self.jobs.slab[id];
        if job.extra.as_ref().is_some_and(|e| e.deadline.is_some()) {
            return;
        }
        let worker = &self.peers[job.worker];
        let Some(timeout) = worker.ability(job.function).and_then(|i| worker.abilities[i].timeout) else { return };
        let when = now.steady + timeout;
        job.extra().deadline = Some(when);
        self.deadlines.insert((when, id));
    }

    /// A worker is on this job, and does not know that it is no longer its own.
    fn lose(&mut self, id: u32) {
        let job = &self.jobs.slab[id];
        if let Some(worker) = self.peers.get_mut(job.worker) {
            worker.lost = job.number;
        }
    }

    /// Nobody gets this job any more: it failed.
    pub(crate) fn fail(&mut self, now: &Now, id: u32, mail: &mut Mail) {
        self.lose(id);
        let handle = self.handle(id);
        self.tell_failure(&self.jobs.slab[id], handle.as_ref(), mail);
        self.end(now, id);
    }

    /// A worker does not do its job (any more): the job goes back, in front of its queue. `tried`: the
    /// worker was on it, it is not one that it had in advance.
    pub(crate) fn give_back(&mut self, now: &Now, id: u32, tried: bool, mail: &mut Mail) {
        let Some(worker) = self.take_back(now, id, tried, mail) else { return };
        let job = &mut self.jobs.slab[id];
        let (function, priority) = (job.function, job.priority);
        job.state = State::Queued;
        self.functions[function].queue.list(priority).push_front(&mut self.jobs.slab, id);
        self.call(function);
        self.next_on(now, worker);
    }

    /// The function's timeout ran out: the job goes to the end of its queue.
    pub(crate) fn time_out(&mut self, now: &Now, id: u32, mail: &mut Mail) {
        let handle = self.handle(id);
        tracing::warn!("job {} ran out of time", handle.as_ref().escape_ascii());
        self.lose(id);
        if let Some(worker) = self.take_back(now, id, true, mail) {
            self.enqueue(id);
            self.next_on(now, worker);
        }
    }

    /// Takes a job from its worker. `None` when the job is over: tried too often, or nobody waits for it.
    fn take_back(&mut self, now: &Now, id: u32, tried: bool, mail: &mut Mail) -> Option<u32> {
        let runs = self.rules.runs;
        let job = &mut self.jobs.slab[id];
        job.tries = job.tries.saturating_add(u16::from(tried));
        if runs.is_some_and(|runs| job.tries >= runs) {
            let (tries, handle) = (job.tries, self.handle(id));
            tracing::error!("job {} given up after {tries} tries", handle.as_ref().escape_ascii());
            self.fail(now, id, mail);
            return None;
        }
        let worker = job.worker;
        if job.waiters == NONE && !job.background {
            self.end(now, id);
            return None;
        }
        self.unplace(id);
        Some(worker)
    }
}
