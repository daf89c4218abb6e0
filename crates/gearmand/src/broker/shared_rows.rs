//! Jobs of a queue that several servers share, while they are at this one: they come, wait, are begun, and end or are let go.
//!
//! Keeps what [`crate::broker::membership`] promises of them. Must never know of the database.

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::jobs::State;
use crate::broker::membership::{KEPT, Membership};
use crate::broker::{Broker, Now};
use crate::cluster::ask::JobRow;
use crate::cluster::said::Said;
use crate::durable::{MAX_ID, Name};
use crate::outgoing::Outgoing;
use bytes::Bytes;
use gearman_core::protocol::message::Update;
use std::time::Duration;

/// Others are told no more often how far jobs are.
const PROGRESS: Duration = Duration::from_secs(1);

impl Broker {
    /// A worker has a stored job.
    pub(super) fn row_begun(&mut self, id: u32) {
        let job = &self.jobs.arena[id];
        let Some(member) = self.membership.as_mut().filter(|_| job.stored) else { return };
        let function = Bytes::copy_from_slice(&self.functions[job.function].name);
        member.said.push(Said::Begin { id: job.number, function });
        if self.functions[job.function].limiter.is_some() {
            member.changed.insert(job.function);
        }
    }

    /// An owned job waits in its queue.
    pub(super) fn row_waits(&mut self, now: &Now, id: u32) {
        let job = &self.jobs.arena[id];
        if let Some(member) = self.membership.as_mut().filter(|_| job.stored) {
            member.waiting.push_back((now.steady, job.number));
            member.hands_out = true;
        }
    }

    /// A worker does not do its job, and it would wait for another one. False: it is not this server's any more, and let go.
    pub(super) fn row_stays(&mut self, now: &Now, id: u32, outgoing: &mut Outgoing) -> bool {
        let job = &self.jobs.arena[id];
        let (owned, number) = (job.owned, job.number);
        let Some(member) = self.membership.as_mut().filter(|_| job.stored) else { return true };
        if !owned {
            // Its worker has it no more, and it is in no list.
            self.jobs.arena[id].state = State::Storing;
            self.give_up_row(id, outgoing);
            return false;
        }
        member.said.push(Said::Wait(number));
        self.row_waits(now, id);
        true
    }

    /// A worker that was late has done a job after all that went back to the shared queue: nobody need do it again.
    pub(super) fn done_elsewhere(&mut self, number: u64, update: &Update<'_>) {
        if self.is_member() && number < MAX_ID && matches!(update, Update::Complete(_)) {
            self.changes.done(&Name { id: number, unique: b"", function: b"" });
        }
    }

    /// A worker says how far a job is. Others know it a second later.
    pub(super) fn row_progresses(&mut self, id: u32, numerator: u32, denominator: u32) {
        let job = &self.jobs.arena[id];
        if let Some(member) = self.membership.as_mut().filter(|_| job.stored && job.owned) {
            member.progress.insert(job.number, (numerator, denominator));
        }
    }

    pub(super) fn tell_progress(&mut self, now: &Now) {
        let Some(member) = self.membership.as_mut().filter(|member| member.next_progress <= now.steady) else { return };
        if !member.progress.is_empty() {
            member.next_progress = now.steady + PROGRESS;
        }
        for (id, (numerator, denominator)) in std::mem::take(&mut member.progress) {
            // What is over meanwhile is not known to the member any more.
            if self.jobs.by_number(id).is_some_and(|job| self.jobs.arena[job].state == State::Running) {
                member.said.push(Said::Progress { id, numerator, denominator });
            }
        }
    }

    /// A job is given back to the shared queue.
    pub(super) fn give_up_row(&mut self, id: u32, outgoing: &mut Outgoing) {
        let number = self.jobs.arena[id].number;
        if !self.gives_tries_back(id)
            && let Some(member) = &mut self.membership
        {
            member.said.push(Said::GiveBack(number));
        }
        self.let_go(id, outgoing);
    }

    /// A job that was tried is given back as after a try: whoever has it next goes on counting, and so it does no harm for ever.
    /// False: it was not.
    fn gives_tries_back(&mut self, id: u32) -> bool {
        let tried = self.jobs.arena[id].tries > 0;
        if tried {
            self.store_tries(id, 0);
        }
        tried
    }

    /// A job is not this server's any more, and may be another's.
    pub(super) fn let_go(&mut self, id: u32, outgoing: &mut Outgoing) {
        if self.jobs.arena[id].waiters != NONE {
            self.report_end(id, End::Released, outgoing);
        }
        // It goes on elsewhere: the durable queue is told nothing.
        let _elsewhere = self.take_out(id, End::Released);
    }

    /// All that waits is given back.
    pub(crate) fn give_all_back(&mut self, outgoing: &mut Outgoing) {
        let Some(member) = &mut self.membership else { return };
        member.hands_out = false;
        member.waiting.clear();
        member.changed.extend(member.demand.keys().copied());
        let queued = self.jobs.arena.iter().filter(|(_, job)| job.stored && job.state == State::Queued);
        for id in queued.map(|(id, _)| id).collect::<Vec<_>>() {
            self.give_up_row(id, outgoing);
        }
    }

    /// Before jobs are handed out: where the lease is over, there are none of the shared queue.
    pub(crate) fn check_lease(&mut self, now: &Now, outgoing: &mut Outgoing) {
        let over = |member: &Membership| member.hands_out && !member.lease.holds(now.steady);
        if self.membership.as_deref().is_some_and(over) {
            tracing::warn!(
                "the shared queue did not answer in time: its jobs are not handed out until it does; other servers may take them"
            );
            self.give_all_back(outgoing);
        }
    }

    /// Jobs that nobody began are given back, unless somebody waits here for them.
    pub(super) fn give_idle_back(&mut self, now: &Now, outgoing: &mut Outgoing) {
        self.check_lease(now, outgoing);
        self.tell_progress(now);
        while let Some(member) = &mut self.membership
            && let Some((_, number)) = member.waiting.front().copied().filter(|(since, _)| *since + KEPT <= now.steady)
        {
            member.waiting.pop_front();
            let Some(id) = self.jobs.by_number(number) else { continue };
            let job = &self.jobs.arena[id];
            if job.state == State::Queued && now.since(job.since) >= KEPT && job.waiters == NONE {
                self.give_up_row(id, outgoing);
            }
        }
    }

    /// All rows are lost: what waits is forgotten, what runs goes on and is nobody's that we know of.
    pub(super) fn lose_rows(&mut self, outgoing: &mut Outgoing) {
        let queued = self.jobs.arena.iter().filter(|(_, job)| job.stored && job.state == State::Queued);
        for id in queued.map(|(id, _)| id).collect::<Vec<_>>() {
            // If nobody else has it by now.
            self.gives_tries_back(id);
            self.let_go(id, outgoing);
        }
        for id in self.jobs.arena.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.jobs.arena[id].owned = false;
        }
        if let Some(member) = &mut self.membership {
            member.waiting.clear();
            member.hands_out = false;
            member.said.push(Said::Agree);
        }
    }

    /// A job of the shared queue is this server's.
    pub(super) fn claimed(&mut self, now: &Now, row: &JobRow) {
        let function = if self.draining { None } else { self.function(now, &row.function) };
        let (Some(function), None) = (function, self.jobs.by_number(row.id)) else {
            if let Some(member) = &mut self.membership {
                member.said.push(Said::GiveBack(row.id));
            }
            return;
        };
        // It was a dead letter, perhaps, that another server had tried again.
        let _was = self.dead.remove(row.id);
        let mut job = crate::broker::storing::job(function, &row.row());
        job.owned = true;
        let id = self.jobs.insert_numbered(job, row.id);
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().restored += 1;
        self.begin(now, id);
        self.enqueue(id);
        self.row_waits(now, id);
    }

    /// A job on its way to the shared queue is there, and not this server's.
    pub(super) fn free(&mut self, number: u64, outgoing: &mut Outgoing) {
        if let Some(id) = self.jobs.by_number(number).filter(|id| self.jobs.arena[*id].state == State::Storing) {
            self.let_go(id, outgoing);
        }
    }
}
