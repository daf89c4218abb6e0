//! Jobs that outlive the server: they go to the durable queue before their client gets JOB_CREATED, and come back at the
//! next start. Only changes are made here; what a disk does with them is reported by [`Broker::settle`].
//!
//! What always holds: a job's id is the number in its handle, so that a handle is good over a restart; and a stored job has
//! the id, the unique key and the function that it was stored with.

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::jobs::{Job, JobBytes, State};
use crate::broker::{Broker, Now};
use crate::durable::batch::{Batch, BatchResult, Settled};
use crate::durable::{Durable, Extras, Name, Record, Row};
use crate::outgoing::Outgoing;

impl Broker {
    /// A background job is to be kept, or is kept. The batch after which it is, where that is still to come.
    pub(super) fn persist(&mut self, id: u32) -> Option<u64> {
        let job = &self.jobs.arena[id];
        match job.stored {
            true => self.changes.batch_of(job.number),
            false if self.rules.durable == Durable::Always => Some(self.store(id)),
            false => None,
        }
    }

    fn store(&mut self, id: u32) -> u64 {
        let job = &mut self.jobs.arena[id];
        job.stored = true;
        let job = &*job;
        let extra = job.extra.as_deref();
        let row = Row {
            name: Name { id: job.number, unique: job.unique(), function: &self.functions[job.function].name },
            priority: job.priority,
            data: job.workload(),
            due_ms: extra.map_or(0, |e| e.due.saturating_mul(1000)),
            extras: Extras { reducer: extra.and_then(|e| e.reducer.as_deref()), ..Extras::default() },
        };
        self.changes.add(&row, || job.shared_workload())
    }

    /// A job is over.
    pub(crate) fn unstore(&mut self, job: &Job) {
        if job.stored {
            let function = &self.functions[job.function].name;
            self.changes.done(&Name { id: job.number, unique: job.unique(), function });
        }
    }

    /// The server stops: what is to outlive it goes to the queue now.
    pub(crate) fn store_all(&mut self) {
        if self.rules.durable != Durable::AtEnd {
            return;
        }
        let unstored = self.jobs.arena.iter().filter(|(_, job)| job.background && !job.stored);
        for id in unstored.map(|(id, _)| id).collect::<Vec<_>>() {
            self.store(id);
        }
    }

    /// The changes of this round, for the durable queue; `None` where nothing changed.
    pub(crate) fn take_changes(&mut self) -> Option<Batch> {
        self.changes.take()
    }

    /// Are changes on their way?
    pub(crate) fn is_storing(&self) -> bool {
        self.changes.last().is_some()
    }

    /// How many new jobs are on their way to the durable queue.
    pub(crate) fn storing(&self) -> usize {
        self.changes.adding().count()
    }

    /// It is known what became of a batch of changes.
    pub(crate) fn settle(&mut self, now: &Now, result: BatchResult, outgoing: &mut Outgoing) {
        self.changes.settle(&result);
        while let Some(settled) = self.changes.next_settled() {
            let (Settled::Stored(number) | Settled::Refused(number)) = settled;
            // It may be over meanwhile.
            let Some(id) = self.jobs.by_number(number) else { continue };
            match settled {
                Settled::Stored(_) if self.jobs.arena[id].state == State::Storing => self.place(now, id),
                Settled::Stored(_) => {}
                Settled::Refused(_) => self.not_stored(now, id),
            }
        }
        outgoing.settle(result);
    }

    /// A job could not be stored, and its background client gets an error. Others may still wait for it.
    fn not_stored(&mut self, now: &Now, id: u32) {
        let job = &mut self.jobs.arena[id];
        (job.stored, job.background) = (false, false);
        match job.state {
            State::Running => {}
            _ if job.waiters == NONE => self.remove(id, End::Unstored),
            State::Storing => self.place(now, id),
            State::Queued | State::Delayed => {}
        }
    }

    /// Takes in what the durable queue has, when the server starts; or returns what is wrong with it. After the last
    /// comes [`Broker::restored`].
    pub(crate) fn restore(&mut self, now: &Now, record: &Record<'_>) -> Result<(), &'static str> {
        match record {
            Record::Job(row) => self.restore_job(now, row),
            // Nobody makes them yet.
            Record::Dead(_) | Record::Setting(_) => Ok(()),
        }
    }

    fn restore_job(&mut self, now: &Now, row: &Row<'_>) -> Result<(), &'static str> {
        let Name { id, unique, function } = row.name;
        if self.jobs.by_number(id).is_some() {
            return Err("another job has its id");
        }
        let function = self.function(now, function).ok_or("there are too many functions")?;
        let mut job = Job::new(function, row.priority, true, JobBytes::new(unique, row.data, None));
        (job.stored, job.since) = (true, now.microseconds());
        let due = row.due_ms.div_ceil(1000);
        if due > now.wall.as_secs() {
            job.extra().due = due;
        }
        if let Some(reducer) = row.extras.reducer {
            job.extra().reducer = Some(reducer.into());
        }
        let id = self.jobs.insert_numbered(job, id);
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().restored += 1;
        self.place(now, id);
        Ok(())
    }

    /// All jobs of the durable queue have come. New ones get larger ids than this.
    pub(crate) fn restored(&mut self, last: u64) {
        self.jobs.skip_to(last);
    }
}
