//! Jobs that outlive the server: they go to the durable queue before their client gets JOB_CREATED, and come back at the
//! next start. Only changes are made here; what a disk does with them is reported by [`Broker::settle`].
//!
//! What always holds: a job's id is the number in its handle, so that a handle is good over a restart; and a stored job has
//! the id, the unique key and the function that it was stored with.

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::dead::{Cause, Letter};
use crate::broker::jobs::{Extra, Job, JobBytes, State};
use crate::broker::policy::Keep;
use crate::broker::recurring::SCHEDULE;
use crate::broker::{Broker, Now};
use crate::durable::batch::{Batch, BatchResult, Settled};
use crate::durable::{DeadLetter, Durable, Extras, IMPORT, Name, Record, Row, Setting};
use crate::outgoing::Outgoing;

/// In front of the pattern in the key of a setting.
const POLICY: &str = "policy ";

/// A job as it is to be stored. Its tries are, where its function has a policy or its queue is shared.
fn row<'a>(job: &'a Job, function: &'a [u8], due_ms: u64) -> Row<'a> {
    let name = Name { id: job.number, unique: job.unique(), function };
    let extras = job.extra.as_deref().map(|extra| {
        let tries = if extra.first > 0 { job.tries } else { 0 };
        Extras { reducer: extra.reducer.as_deref(), tries, first_ms: extra.first }
    });
    Row { name, priority: job.priority, data: job.workload(), due_ms, extras: extras.unwrap_or_default() }
}

/// The job of a row.
pub(super) fn job(function: u32, row: &Row<'_>) -> Job {
    let mut job = Job::new(function, row.priority, true, JobBytes::new(row.name.unique, row.data, None));
    (job.stored, job.tries) = (true, row.extras.tries);
    if !row.extras.is_empty() {
        let (reducer, first) = (row.extras.reducer.map(Box::from), row.extras.first_ms);
        job.extra = Some(Box::new(Extra { reducer, first, ..Extra::default() }));
    }
    job
}

/// The dead letter of a row, or why there is none.
pub(super) fn letter(dead: &DeadLetter<'_>) -> Result<Letter, &'static str> {
    let DeadLetter { row, last_ms, reason, text, worker } = *dead;
    let cause = Cause::named(reason).ok_or("its reason is unknown")?;
    let mut job = job(NONE, &row);
    job.number = row.name.id;
    let function = row.name.function.into();
    Ok(Letter { job, function, last: last_ms, cause, text: text.into(), worker: worker.into() })
}

impl Broker {
    /// A background job is to be kept, or is kept. The batch after which it is, where that is still to come.
    pub(super) fn persist(&mut self, id: u32, due: u64) -> Option<u64> {
        let job = &self.jobs.arena[id];
        match job.stored {
            true => self.changes.batch_of(job.number),
            false if self.rules.durable == Durable::Always => Some(self.store(id, due)),
            false => None,
        }
    }

    fn store(&mut self, id: u32, due: u64) -> u64 {
        let job = &mut self.jobs.arena[id];
        job.stored = true;
        let job = &*job;
        let row = row(job, &self.functions[job.function].name, due);
        self.changes.add(&row, || job.shared_workload())
    }

    /// A job is over.
    pub(crate) fn unstore(&mut self, job: &Job) {
        if job.stored {
            let function = &self.functions[job.function].name;
            self.changes.done(&Name { id: job.number, unique: job.unique(), function });
        }
    }

    /// A try of a job has failed, and it waits until `due` for the next. True: it is stored, and the durable queue is to
    /// know that first.
    pub(super) fn store_try(&mut self, id: u32, due: u64) -> bool {
        let job = &mut self.jobs.arena[id];
        let stored = job.stored;
        if stored {
            (job.state, job.since) = (State::Storing, due);
            self.store_tries(id, due);
        }
        stored
    }

    /// So many tries of a stored job have failed, and it waits until `due` for the next.
    pub(super) fn store_tries(&mut self, id: u32, due: u64) {
        let job = &self.jobs.arena[id];
        let Row { name, extras, .. } = row(job, &self.functions[job.function].name, due);
        self.changes.retry(&name, extras.tries, extras.first_ms, due);
    }

    /// A job has become a dead letter. It is stored at once wherever there is a durable queue: later, another job could have
    /// its key.
    pub(super) fn store_letter(&mut self, letter: &mut Letter) {
        letter.job.stored |= self.rules.durable != Durable::No;
        if letter.job.stored {
            let Letter { job, function, last, cause, text, worker } = &*letter;
            let (row, reason) = (row(job, function, 0), cause.name().as_bytes());
            let row = Row { extras: Extras { tries: job.tries, first_ms: letter.first(), ..row.extras }, ..row };
            let dead = DeadLetter { row, last_ms: *last, reason, text, worker };
            self.changes.bury(&dead, || job.shared_workload());
        }
    }

    /// A dead letter is gone.
    pub(super) fn unstore_letter(&mut self, letter: &Letter) {
        if letter.job.stored {
            self.changes.forget(letter.job.number);
        }
    }

    /// A dead letter has become a job. True: it is stored, and the durable queue is to know that first.
    pub(super) fn store_revived(&mut self, id: u32) -> bool {
        let job = &mut self.jobs.arena[id];
        if job.stored {
            (job.state, job.since) = (State::Storing, 0);
            let row = row(job, &self.functions[job.function].name, 0);
            self.changes.revive(&row, || job.shared_workload());
        }
        job.stored
    }

    /// A policy was set at run time; with no words it is taken back.
    pub(super) fn store_policy(&mut self, pattern: &str, words: Option<String>) {
        self.store_setting(&format!("{POLICY}{pattern}"), words.as_deref());
    }

    /// Something is to be known after a restart, or not any more.
    pub(super) fn store_setting(&mut self, key: &str, value: Option<&str>) {
        let batch = match value {
            _ if self.rules.durable == Durable::No => return,
            Some(value) => self.changes.set(key.as_bytes(), value.as_bytes()),
            None => self.changes.unset(key.as_bytes()),
        };
        self.setting_changed(batch, key, value);
    }

    /// The server stops: what is to outlive it goes to the queue now.
    pub(crate) fn store_all(&mut self) {
        if self.rules.durable != Durable::AtEnd {
            return;
        }
        let unstored = self.jobs.arena.iter().filter(|(_, job)| job.background && !job.stored);
        for id in unstored.map(|(id, _)| id).collect::<Vec<_>>() {
            self.store(id, self.jobs.arena[id].due().unwrap_or_default());
        }
    }

    /// How many jobs that nobody needs to wait for are in memory alone.
    pub(crate) fn unstored(&self) -> usize {
        self.jobs.arena.iter().filter(|(_, job)| job.background && !job.stored).count()
    }

    /// The changes of this round, for the durable queue; `None` where nothing changed.
    pub(crate) fn take_changes(&mut self) -> Option<Batch> {
        self.changes.take()
    }

    /// The batch after which all is stored that was changed until now; `None` when it is.
    pub(crate) fn last_batch(&self) -> Option<u64> {
        self.changes.last()
    }

    /// Are changes on their way?
    pub(crate) fn is_storing(&self) -> bool {
        self.last_batch().is_some()
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
            self.run_settled(now, number, matches!(settled, Settled::Stored(_)));
            // It may be over meanwhile.
            let Some(id) = self.jobs.by_number(number) else { continue };
            match settled {
                Settled::Stored(_) if self.jobs.arena[id].state == State::Storing => {
                    let job = &mut self.jobs.arena[id];
                    // Where a queue is shared, this server has it, or it would have been let go.
                    job.owned = true;
                    let due = job.since;
                    self.place(now, id, due);
                }
                Settled::Stored(_) => {}
                Settled::Refused(_) => self.not_stored(now, id),
            }
        }
        outgoing.settle(result);
    }

    /// A job could not be stored, and its background client gets an error. Others may still wait for it.
    fn not_stored(&mut self, now: &Now, id: u32) {
        let job = &mut self.jobs.arena[id];
        if self.changes.is_changing(job.number) {
            // It was a dead letter meanwhile, and that it is a job again would store it.
            let function = &self.functions[job.function].name;
            self.changes.done(&Name { id: job.number, unique: job.unique(), function });
        }
        (job.stored, job.background) = (false, false);
        match job.state {
            State::Running => {}
            _ if job.waiters == NONE => self.remove(id, End::Unstored),
            State::Storing => {
                let due = job.since;
                self.place(now, id, due);
            }
            State::Queued | State::Delayed => {}
        }
    }

    /// Takes in what the durable queue has, when the server starts; or returns what is wrong with it. After the last
    /// comes [`Broker::restored`].
    pub(crate) fn restore(&mut self, now: &Now, record: &Record<'_>) -> Result<(), &'static str> {
        match record {
            Record::Job(row) => self.restore_job(now, row),
            Record::Dead(letter) => self.restore_letter(letter),
            Record::Setting(setting) => {
                self.restore_setting(now, setting);
                self.apply_policies(now);
                Ok(())
            }
        }
    }

    /// What cannot be read any more is not obeyed: jobs are worth more than it.
    pub(super) fn restore_setting(&mut self, now: &Now, setting: &Setting<'_>) {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|e| e.to_string());
        let key_and_value = text(setting.key).and_then(|key| Ok((key, text(setting.value)?)));
        let set = key_and_value.and_then(|(key, value)| {
            if let Some(pattern) = key.strip_prefix(POLICY) {
                self.policies.set(pattern, value.split(' '))?;
            } else if let Some(name) = key.strip_prefix(SCHEDULE) {
                self.restore_last_run(now, name, value.parse().map_err(|_| "that is no time")?);
            } else if key.starts_with(IMPORT) {
                tracing::warn!("an import of jobs with this queue was interrupted: see gearmand --import");
            } else {
                return Err("no such thing can be set".into());
            }
            Ok(())
        });
        if let Err(reason) = set {
            let (key, value) = (setting.key.escape_ascii(), setting.value.escape_ascii());
            tracing::error!("the durable queue has a setting that is left out: {key} is {value}: {reason}");
        }
    }

    fn restore_letter(&mut self, dead: &DeadLetter<'_>) -> Result<(), &'static str> {
        if self.dead.get(dead.row.name.id).is_some() {
            return Err("another dead letter has its id");
        }
        self.dead.insert(letter(dead)?, Keep::ALL);
        Ok(())
    }

    fn restore_job(&mut self, now: &Now, row: &Row<'_>) -> Result<(), &'static str> {
        let Name { id, function, .. } = row.name;
        if self.jobs.by_number(id).is_some() || self.dead.get(id).is_some() {
            return Err("another job has its id");
        }
        let function = self.function(now, function).ok_or("there are too many functions")?;
        let job = job(function, row);
        let id = self.jobs.insert_numbered(job, id);
        let of = &mut self.functions[function];
        of.total += 1;
        of.activity().restored += 1;
        self.place(now, id, row.due_ms);
        Ok(())
    }

    /// All that the durable queue has has come. New jobs get larger ids than this. Only now are policies known that say how
    /// many dead letters are kept.
    pub(crate) fn restored(&mut self, now: &Now, last: u64) {
        self.jobs.skip_to(last);
        self.bound_letters(now);
        self.plan_schedules(now);
    }
}
