//! What a broker does with a shared queue, no more: jobs in memory, workers that take them, and changes by the code of real ones.

use super::memory::run;
use crate::cluster::ask::JobRow;
use crate::cluster::lease::Lease;
use crate::cluster::member::{Told, Wrong};
use crate::durable::DeadLetter;
use crate::durable::batch::{Batch, PendingChanges, Settled};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Numbers are asked for when there are fewer.
const FEW_IDS: usize = 20;
/// So many tries, then a job is dead.
const TRIES: u16 = 3;
/// The setting that says when a schedule ran last, and how often it does.
pub(super) const SCHEDULE: &[u8] = b"schedule s";
const RUN_EVERY_MS: u64 = 3000;

/// What it tells the member, in this order.
#[derive(Debug)]
pub(super) enum Said {
    Batch(Batch),
    Begin(u64, Bytes),
    Wait(u64),
    Progress(u64),
    GiveBack(u64),
    Demand(Bytes, u32, u32),
    Agree,
    Obey(u64),
    WantIds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Adding,
    Changing,
    Queued(Duration),
    Running,
}

#[derive(Debug)]
struct Job {
    row: JobRow,
    state: State,
    owned: bool,
    /// The submits that wait for it to be stored.
    waiting: Vec<usize>,
}

/// How a worker ends a job.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Done,
    Fails,
    /// The worker leaves: a try that failed, too, but the job waits here for another worker.
    Leaves,
}

/// Those of a function.
#[derive(Debug, Default)]
struct Workers {
    able: u32,
    busy: u32,
    /// What was said: how many there are, and how many have nothing to do.
    said: Option<(u32, u32)>,
}

#[derive(Debug, Default)]
pub(super) struct Broker {
    changes: PendingChanges,
    lease: Lease,
    eldest: bool,
    pub(super) settings: BTreeMap<Bytes, Bytes>,
    /// Of settings, what was changed here, and went with which batch.
    set: Vec<(u64, Bytes, Bytes)>,
    /// The runs of the schedule that began.
    pub(super) runs: Vec<u64>,
    jobs: BTreeMap<u64, Job>,
    ids: VecDeque<u64>,
    asked_for_ids: bool,
    /// By function.
    workers: BTreeMap<Bytes, Workers>,
    pub(super) said: Vec<Said>,
    /// Submits that are answered: by a handle, or an error.
    pub(super) answers: Vec<(usize, Option<u64>)>,
    pub(super) bad: Option<String>,
    pub(super) wrong: Option<Wrong>,
}

impl Broker {
    pub(super) fn new(workers: &[(&'static str, u32)], wrong: Option<Wrong>) -> Broker {
        let workers = workers
            .iter()
            .map(|(name, able)| (Bytes::from_static(name.as_bytes()), Workers { able: *able, busy: 0, said: None }));
        Broker { workers: workers.collect(), wrong, ..Broker::default() }
    }

    pub(super) fn waiting(&self) -> usize {
        self.jobs.values().map(|job| job.waiting.len()).sum()
    }

    pub(super) fn queued(&self, function: &[u8]) -> usize {
        let queued = |job: &&Job| matches!(job.state, State::Queued(_)) && job.row.function == function;
        self.jobs.values().filter(queued).count()
    }

    pub(super) fn function(&self, id: u64) -> Bytes {
        self.jobs[&id].row.function.clone()
    }

    pub(super) fn epoch(&self) -> Option<u64> {
        self.lease.epoch()
    }

    /// What only one server may do, it may do now.
    pub(super) fn rules(&self, now: Duration) -> bool {
        self.eldest && self.lease.holds(now)
    }

    pub(super) fn set(&mut self, key: &'static [u8], value: u64) {
        let value = Bytes::from(value.to_string());
        let batch = self.changes.set(key, &value);
        self.set.push((batch, Bytes::from_static(key), value.clone()));
        self.settings.insert(Bytes::from_static(key), value);
    }

    /// What is due of the schedule.
    fn run(&mut self, now: Duration, wall_ms: u64) {
        let (due, last) = (wall_ms / RUN_EVERY_MS, self.settings.get(SCHEDULE).map(run));
        if self.rules(now) && Some(due) > last {
            self.runs.push(due);
            self.set(SCHEDULE, due);
        }
    }

    pub(super) fn submit(&mut self, now: Duration, submit: usize, mut row: JobRow) -> Option<u64> {
        // Whether a job is still there is known here only of those that are owned. Of all others the store is asked: what is on
        // its way may have been done by others before this submit came.
        let joins = |job: &&mut Job| match job.state {
            _ if self.wrong == Some(Wrong::JoinsAny) => true,
            State::Queued(_) | State::Running => job.owned && self.lease.holds(now),
            State::Adding | State::Changing => false,
        };
        let mut same = self.jobs.values_mut().filter(|job| job.row.key().is_some() && job.row.key() == row.key());
        if let Some(job) = same.find(joins) {
            match job.state {
                State::Adding => job.waiting.push(submit),
                _ => self.answers.push((submit, Some(job.row.id))),
            }
            return None;
        }
        let Some(id) = self.ids.pop_front() else {
            self.answers.push((submit, None));
            return None;
        };
        row.id = id;
        self.changes.add(&row.row(), || row.data.clone());
        self.jobs.insert(id, Job { row, state: State::Adding, owned: false, waiting: vec![submit] });
        Some(id)
    }

    /// Workers say how far their jobs are.
    pub(super) fn progress(&mut self) {
        let running = self.jobs.iter().filter(|(_, job)| job.state == State::Running);
        self.said.extend(running.map(|(id, _)| Said::Progress(*id)));
    }

    /// An operator cancels the last job that is on its way to the store.
    pub(super) fn cancel(&mut self) -> Option<u64> {
        let (&id, _) = self.jobs.iter().rfind(|(_, job)| job.state == State::Adding)?;
        let job = self.jobs.remove(&id)?;
        self.changes.done(&job.row.row().name);
        self.answers.extend(job.waiting.iter().map(|submit| (*submit, None)));
        Some(id)
    }

    /// An operator has a dead letter tried again. It is no job here before it is claimed.
    pub(super) fn revive(&mut self, row: &JobRow) {
        let row = JobRow { tries: 0, first_ms: 0, due_ms: 0, ..row.clone() };
        self.changes.revive(&row.row(), || row.data.clone());
    }

    pub(super) fn tell(&mut self, now: Duration, told: Told) {
        match told {
            Told::Lease(lease) => self.lease = lease,
            Told::Eldest(eldest) => self.eldest = eldest,
            Told::Settings { version, batch, all } => {
                self.settings = all.into_iter().collect();
                self.set.retain(|(with, ..)| *with > batch);
                self.settings.extend(self.set.iter().map(|(_, key, value)| (key.clone(), value.clone())));
                self.said.push(Said::Obey(version));
            }
            Told::Lost => {
                let queued = self.jobs.iter().filter(|(_, job)| matches!(job.state, State::Queued(_)));
                for id in queued.map(|(id, _)| *id).collect::<Vec<_>>() {
                    if let Some(job) = self.jobs.remove(&id).filter(|job| job.row.tries > 0) {
                        self.give_tries_back(&job);
                    }
                }
                self.jobs.values_mut().for_each(|job| job.owned = false);
                self.set.retain(|(_, key, _)| key != SCHEDULE);
                self.said.push(Said::Agree);
            }
            Told::Claimed(row) => {
                let (id, state) = (row.id, State::Queued(now));
                let job = Job { row, state, owned: true, waiting: Vec::new() };
                if let Some(there) = self.jobs.insert(id, job) {
                    self.bad = Some(format!("job {id} is claimed, and was there: {there:?}"));
                }
            }
            Told::Adopted(id) => {
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.owned = true;
                }
            }
            Told::Free(id) => self.forget(id, id),
            Told::Exists { id, same } => self.forget(id, same),
            Told::Revived { .. }
            | Told::Answered { .. }
            | Told::Counts(_)
            | Told::FreeJobs(_)
            | Told::Letter(_)
            | Told::LetterGone { .. } => {}
            Told::Result(result) => {
                self.changes.settle(&result);
                while let Some(settled) = self.changes.next_settled() {
                    self.settle(now, settled);
                }
            }
            Told::Ids { first, count } => {
                self.asked_for_ids = false;
                self.ids.extend(first..first + count);
            }
        }
    }

    fn forget(&mut self, id: u64, handle: u64) {
        if let Some(job) = self.jobs.remove(&id) {
            if !matches!(job.state, State::Adding | State::Changing) {
                self.bad = Some(format!("job {id} is forgotten as {:?}", job.state));
            }
            self.answers.extend(job.waiting.iter().map(|submit| (*submit, Some(handle))));
        }
    }

    fn settle(&mut self, now: Duration, settled: Settled) {
        let (Settled::Stored(id) | Settled::Refused(id)) = settled;
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.state == State::Adding) else { return };
        let stored = settled == Settled::Stored(id);
        let waiting = std::mem::take(&mut job.waiting);
        self.answers.extend(waiting.into_iter().map(|submit| (submit, stored.then_some(id))));
        match stored {
            true => (job.state, job.owned) = (State::Queued(now), true),
            false => drop(self.jobs.remove(&id)),
        }
    }

    /// The jobs that are given to workers now.
    pub(super) fn turn(&mut self, now: Duration, wall_ms: u64) -> Vec<u64> {
        self.run(now, wall_ms);
        let mut begun = Vec::new();
        let mut queued: Vec<_> = self.jobs.iter().filter(|(_, job)| matches!(job.state, State::Queued(_))).collect();
        queued.sort_by_key(|(id, job)| (job.row.priority, **id));
        for id in queued.into_iter().map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            let idle = self.workers.get_mut(&job.row.function).filter(|workers| workers.busy < workers.able);
            match (idle, job.state) {
                (Some(workers), _) if self.lease.holds(now) => {
                    workers.busy += 1;
                    job.state = State::Running;
                    self.said.push(Said::Begin(id, job.row.function.clone()));
                    begun.push(id);
                }
                // It waits for too long.
                (_, State::Queued(since)) if since + Duration::from_secs(1) <= now => self.give_back(id),
                _ => {}
            }
        }
        self.said.extend(self.changes.take().map(Said::Batch));
        for (name, workers) in &mut self.workers {
            let demand = (workers.able, workers.able - workers.busy);
            if workers.said.replace(demand) != Some(demand) {
                self.said.push(Said::Demand(name.clone(), demand.0, demand.1));
            }
        }
        if self.ids.len() < FEW_IDS && !std::mem::replace(&mut self.asked_for_ids, true) {
            self.said.push(Said::WantIds);
        }
        begun
    }

    fn give_back(&mut self, id: u64) {
        match self.jobs.remove(&id) {
            Some(job) if job.row.tries > 0 => self.give_tries_back(&job),
            _ => self.said.push(Said::GiveBack(id)),
        }
    }

    fn give_tries_back(&mut self, job: &Job) {
        self.changes.retry(&job.row.row().name, job.row.tries, job.row.first_ms, 0);
    }

    pub(super) fn end(&mut self, now: Duration, wall_ms: u64, id: u64, function: &Bytes, end: End) {
        if let Some(workers) = self.workers.get_mut(function) {
            workers.busy -= 1;
        }
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.state == State::Running) else { return };
        if !matches!(end, End::Done) {
            job.row.tries += 1;
            if job.row.first_ms == 0 {
                job.row.first_ms = wall_ms;
            }
        }
        match end {
            End::Done => {
                self.changes.done(&job.row.row().name);
                self.jobs.remove(&id);
            }
            End::Fails => {
                if job.row.tries >= TRIES {
                    let row = job.row.row();
                    let letter = DeadLetter { row, last_ms: wall_ms, reason: b"fail", text: b"", worker: b"" };
                    self.changes.bury(&letter, || job.row.data.clone());
                    self.jobs.remove(&id);
                } else {
                    job.state = State::Changing;
                    let due = wall_ms + u64::from(job.row.tries) * 1500;
                    self.changes.retry(&job.row.row().name, job.row.tries, job.row.first_ms, due);
                }
            }
            End::Leaves if job.owned => {
                job.state = State::Queued(now);
                self.said.push(Said::Wait(id));
            }
            End::Leaves => self.give_back(id),
        }
    }
}
