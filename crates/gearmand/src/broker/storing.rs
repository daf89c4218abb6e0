//! Jobs that outlive the server: they go to the durable queue before their client gets JOB_CREATED, and come back at the
//! next start. Only changes are made here; what a disk does with them is reported by [`Broker::settle`].

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::jobs::{Job, JobBytes, State};
use crate::broker::{Broker, Now};
use crate::durable::Durable;
use crate::durable::batch::{Batch, BatchResult};
use crate::durable::{Row, RowKey};
use crate::outgoing::Outgoing;
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE};

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
        let (job, key) = (&*job, job.row_key());
        let row = Row {
            key: key.as_ref(),
            function: &self.functions[job.function].name,
            priority: job.priority,
            data: job.workload(),
            due: job.extra.as_ref().map_or(0, |e| e.due),
        };
        self.changes.add(job.number, &row, || job.shared_workload())
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

    /// How many jobs are on their way to the durable queue.
    pub(crate) fn storing(&self) -> usize {
        self.changes.storing().count()
    }

    /// It is known what became of a batch of changes.
    pub(crate) fn settle(&mut self, now: &Now, result: BatchResult, outgoing: &mut Outgoing) {
        self.changes.undone = !result.done;
        self.changes.settle(result.batch);
        while let Some(number) = self.changes.next_settled() {
            // It may be over meanwhile.
            let Some(id) = self.jobs.by_number(number) else { continue };
            match result.added {
                true if self.jobs.arena[id].state == State::Storing => self.place(now, id),
                true => {}
                false => self.not_stored(now, id),
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

    /// Takes in a job of the durable queue, when the server starts; or returns what is wrong with it. After the
    /// last comes [`Broker::restored`].
    pub(crate) fn restore(&mut self, now: &Now, row: &Row<'_>) -> Result<(), &'static str> {
        if row.key.len() > MAX_UNIQUE || !(1..=MAX_FUNCTION).contains(&row.function.len()) {
            return Err("its unique_key is longer than 64 bytes, or its function_name than 512, or empty");
        }
        let function = self.function(now, row.function).ok_or("there are too many functions")?;
        let (unique, number) = RowKey::read(row.key);
        let mut job = Job::new(function, row.priority, true, JobBytes::new(unique, row.data, None));
        (job.stored, job.since) = (true, now.microseconds());
        if row.due > now.wall.as_secs() {
            job.extra().due = row.due;
        }
        let id = match number.filter(|n| self.jobs.by_number(*n).is_none()) {
            Some(number) => self.jobs.insert_numbered(job, number),
            None => {
                // Written by another server: its key does not follow from the job.
                if number.is_some() || RowKey::new(unique, 0).as_ref() != row.key {
                    job.extra().row = Some(Box::new(RowKey::of(&[row.key])));
                }
                self.jobs.insert_unnumbered(job)
            }
        };
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().restored += 1;
        self.place(now, id);
        Ok(())
    }

    /// All jobs of the durable queue have come. Those without a number of their own get one.
    pub(crate) fn restored(&mut self) {
        let unnumbered = self.jobs.arena.iter().filter(|(_, job)| job.number == 0);
        for id in unnumbered.map(|(id, _)| id).collect::<Vec<_>>() {
            self.jobs.number(id);
        }
    }
}
