//! SUBMIT_JOB and its relatives: a client's job becomes a new one, or joins one of the same unique key.

use crate::broker::arena::NONE;
use crate::broker::jobs::{Job, JobBytes, State};
use crate::broker::schedule::{Schedule, Unfit, epoch};
use crate::broker::sessions::{Role, Waiter};
use crate::broker::{Broker, Now};
use crate::outgoing::{Answer, Outgoing};
use bytes::Bytes;
use gearman_core::protocol::message::{Response, Start, Submit};
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE, ReturnCode};

/// Why a function takes no more jobs: the text of the error.
pub(crate) const QUEUE_FULL: &str = "Job queue is full";
/// Why a server takes no more jobs in the background, which shares a queue with others.
const NO_QUEUE: &str = "The shared queue cannot be reached";

impl Broker {
    /// SUBMIT_JOB* and its relatives.
    pub(super) fn submit(
        &mut self,
        now: &Now,
        session: u32,
        submit: &Submit<'_>,
        owner: Option<&Bytes>,
        outgoing: &mut Outgoing,
    ) {
        if submit.unique.len() > MAX_UNIQUE {
            return outgoing.error(session, ReturnCode::ArgumentTooLarge.name(), "Unique value too large");
        }
        if submit.function.len() > MAX_FUNCTION || submit.reducer.is_some_and(|r| r.len() > MAX_FUNCTION) {
            return outgoing.error(session, ReturnCode::ArgumentTooLarge.name(), "Function value too large");
        }
        let due = match self.due(now, submit.start) {
            Ok(due) => due,
            Err(unfit) => return outgoing.error(session, ReturnCode::InvalidArgument.name(), &unfit.to_string()),
        };
        let forwarded = self.sessions[session].role == Role::Forwards && !submit.background;
        // One that is forwarded is no other job, whatever its key.
        let known = self.functions.find(submit.function).filter(|_| !forwarded);
        let key = (submit.unique, submit.workload);
        let same = known.and_then(|f| self.same(now, f, key, submit.background));
        if let (Some(function), None) = (known, same)
            && self.is_taken(now, session, function, submit, outgoing)
        {
            return;
        }
        let (job, new) = match same {
            Some(job) => {
                self.functions[self.jobs.arena[job].function].activity().coalesced += 1;
                (job, false)
            }
            None if self.draining => {
                if let Some(function) = known {
                    self.functions[function].activity().refused += 1;
                }
                self.sessions[session].refused = true;
                return outgoing.error(session, ReturnCode::QueueError.name(), "Server is shutting down");
            }
            None => {
                let Some(function) = self.function(now, submit.function) else {
                    return outgoing.error(session, ReturnCode::QueueError.name(), "Too many functions");
                };
                let f = &mut self.functions[function];
                let limit = f.limit(submit.priority);
                if limit != 0 && f.total >= limit {
                    f.activity().refused += 1;
                    if let Some(omitted) = self.limits.queue.happened(now.steady) {
                        let name = f.name.escape_ascii();
                        tracing::warn!("Job queue is full: a job of {name} refused, there are {limit}{omitted}");
                    }
                    return outgoing.error(session, ReturnCode::QueueError.name(), QUEUE_FULL);
                }
                let bytes = JobBytes::new(submit.unique, submit.workload, owner);
                let mut job = Job::new(function, submit.priority, submit.background, bytes);
                if let Some(reducer) = submit.reducer {
                    job.extra().reducer = Some(reducer.into());
                }
                if forwarded {
                    job.extra().forwarded = true;
                }
                let inserted = match submit.background {
                    true => self.insert_background(job),
                    false => Some(self.jobs.insert(job)),
                };
                let f = &mut self.functions[function];
                let Some(job) = inserted else {
                    f.activity().refused += 1;
                    return outgoing.error(session, ReturnCode::QueueError.name(), NO_QUEUE);
                };
                f.total += 1;
                f.activity().submitted += 1;
                (job, true)
            }
        };
        // Who joins a job waits as long as it does.
        let due = if new { due } else { self.jobs.arena[job].due().unwrap_or_default() };
        let batch = if submit.background {
            self.jobs.arena[job].background = true;
            self.persist(job, due)
        } else {
            self.wait_for(session, job);
            None
        };
        let number = self.jobs.arena[job].number;
        let handle = self.handles.write(number);
        outgoing.after_batch(session, batch, Answer::Created(number), |outgoing| {
            outgoing.response(session, &Response::JobCreated(&handle))
        });
        match batch {
            _ if !new => {}
            None => self.place(now, job, due),
            Some(_) => (self.jobs.arena[job].state, self.jobs.arena[job].since) = (State::Storing, due),
        }
    }

    /// When a job may run, in milliseconds since 1970; 0 is at once.
    fn due(&self, now: &Now, start: Start<'_>) -> Result<u64, Unfit> {
        let seconds = match start {
            Start::Now => return Ok(0),
            Start::Epoch(seconds) => epoch(seconds),
            Start::Schedule(fields) => Schedule::parse(fields)?.next(now.wall, &self.rules.zone)?,
        };
        Ok(if seconds > now.wall.as_secs() { seconds.saturating_mul(1000) } else { 0 })
    }

    fn wait_for(&mut self, session: u32, job: u32) {
        let (next, session_next) = (self.jobs.arena[job].waiters, self.sessions[session].waits);
        let id = self.waiters.insert(Waiter { session, job, next, prev: NONE, session_next, session_prev: NONE });
        if next != NONE {
            self.waiters[next].prev = id;
        }
        if session_next != NONE {
            self.waiters[session_next].session_prev = id;
        }
        self.jobs.arena[job].waiters = id;
        let client = &mut self.sessions[session];
        (client.waits, client.waiting) = (id, client.waiting + 1);
    }
}
