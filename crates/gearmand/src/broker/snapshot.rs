//! What is to be seen of the server from outside: functions, connections, jobs and counts, typed, owned and without any
//! formatting. Text commands are one rendering of it.
//!
//! Lists come in pages, so that nobody holds the lock for longer than a page takes; between two of them the broker goes
//! on. What is there all the time is in a list once; what comes or goes meanwhile may be in it or not.

#![cfg_attr(not(test), allow(dead_code, reason = "each rendering shows some of it"))]

use crate::broker::activity::Activity;
use crate::broker::arena::NONE;
use crate::broker::dead::Letter;
use crate::broker::functions;
use crate::broker::jobs::{self, Handle};
use crate::broker::membership::{Free, Standing};
use crate::broker::policy::{Policy, Rule};
use crate::broker::sessions::Session;
use crate::broker::{Broker, Now};
use arrayvec::ArrayVec;
use bytes::Bytes;
use gearman_core::MAX_UNIQUE;
use gearman_core::protocol::message::Priority;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use crate::broker::dead::Cause;
pub(crate) use crate::broker::jobs::State;
pub(crate) use page::{Cursor, PAGE, Page, Part};

use page::{NUMBERS, page, page_of};

mod page;
pub(crate) mod peers;

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Arc<[u8]>,
    /// Jobs that may run now, by priority.
    pub(crate) queued: [u32; 3],
    pub(crate) running: u32,
    /// Jobs that wait for their time.
    pub(crate) delayed: u32,
    /// Jobs on their way to the durable queue.
    pub(crate) storing: u32,
    /// Connections that can run it.
    pub(crate) workers: u32,
    /// At most so many jobs, by the priority of the one that comes; 0 is no limit.
    pub(crate) limits: [u32; 3],
    /// How long the longest waiting of those has waited that are next in their priorities; `None`: none waits.
    pub(crate) oldest: Option<Duration>,
    /// Dead letters that there are.
    pub(crate) dead: u32,
    /// Its policy lets none of its jobs begin.
    pub(crate) paused: bool,
    /// What became of its jobs, where that was asked for; `None` also before the first.
    pub(crate) activity: Option<Box<Activity>>,
    /// Where servers share a queue: jobs that are no server's.
    pub(crate) free: Option<Free>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Its number.
    pub(crate) session: u32,
    /// Its descriptor in the server.
    pub(crate) fd: i32,
    /// `None` for a socket in the file system.
    pub(crate) address: Option<IpAddr>,
    /// What it calls itself.
    pub(crate) id: Option<Box<[u8]>>,
    /// In the order in which they are asked next.
    pub(crate) abilities: Vec<Ability>,
    /// Jobs that it runs, or holds in advance.
    pub(crate) running: u32,
    /// Jobs that it waits for; one that it asked for twice counts twice.
    pub(crate) waiting: u32,
}

/// A function that a worker can run.
#[derive(Debug)]
pub(crate) struct Ability {
    pub(crate) function: Arc<[u8]>,
    /// Larger is later.
    pub(crate) announced: u64,
    pub(crate) timeout: Option<Duration>,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) handle: Handle,
    pub(crate) function: Arc<[u8]>,
    pub(crate) unique: ArrayVec<u8, MAX_UNIQUE>,
    pub(crate) state: State,
    pub(crate) priority: Priority,
    /// It runs even when nobody waits for it.
    pub(crate) background: bool,
    /// Somebody waits for its result.
    pub(crate) waited_for: bool,
    /// It has a row in the durable queue, or will have one.
    pub(crate) stored: bool,
    /// How often a worker began it and did not do it.
    pub(crate) tries: u16,
    /// Bytes of its workload.
    pub(crate) workload: usize,
    /// Since 1970; before then it does not run.
    pub(crate) due: Option<Duration>,
    /// The connection that has it. Only while running.
    pub(crate) worker: Option<u32>,
    /// Numerator and denominator, as its worker last reported them.
    pub(crate) progress: [u32; 2],
}

/// A job that ran out of tries.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// The one that it had as a job.
    pub(crate) handle: Handle,
    pub(crate) function: Arc<[u8]>,
    pub(crate) unique: ArrayVec<u8, MAX_UNIQUE>,
    pub(crate) priority: Priority,
    /// The function that joins the parts of a job that is split.
    pub(crate) reducer: Option<Box<[u8]>>,
    /// How many tries failed.
    pub(crate) tries: u16,
    /// When the first of them did, since 1970.
    pub(crate) first: Duration,
    /// When the last did, or an operator buried it.
    pub(crate) last: Duration,
    pub(crate) cause: Cause,
    /// What its worker said of the last try: the begin of an exception's text.
    pub(crate) text: Box<[u8]>,
    /// What its last worker called itself, else its address; `-` in the file system, nothing where no worker had it.
    pub(crate) worker: Box<[u8]>,
    /// Bytes of its workload.
    pub(crate) size: usize,
    /// Its workload; not in lists.
    pub(crate) workload: Option<Bytes>,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It is to be run, or is.
    Job(State),
    /// It is a dead letter.
    Dead(Cause),
}

impl Life {
    /// In one word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Life::Job(State::Queued) => "queued",
            Life::Job(State::Storing) => "storing",
            Life::Job(State::Delayed) => "delayed",
            Life::Job(State::Running) => "running",
            Life::Dead(_) => "dead",
        }
    }
}

/// What is known of one job, also of one that is a dead letter.
#[derive(Debug)]
pub(crate) struct JobInfo {
    pub(crate) handle: Handle,
    pub(crate) function: Arc<[u8]>,
    pub(crate) unique: ArrayVec<u8, MAX_UNIQUE>,
    pub(crate) life: Life,
    pub(crate) priority: Priority,
    /// It runs even when nobody waits for it.
    pub(crate) background: bool,
    /// How many tries failed.
    pub(crate) tries: u16,
    /// Since 1970; before then it does not run.
    pub(crate) due: Option<Duration>,
    /// How long it is queued, running or dead. Not of one that waits for its time.
    pub(crate) age: Option<Duration>,
    /// What its worker calls itself, else that one's address; of a dead letter the last one's.
    pub(crate) worker: Option<Box<[u8]>>,
    /// Numerator and denominator, as its worker last reported them.
    pub(crate) progress: [u32; 2],
    /// Somebody waits for its result.
    pub(crate) waited_for: bool,
    /// It has a row in the durable queue, or will have one.
    pub(crate) stored: bool,
    /// Bytes of its workload.
    pub(crate) size: usize,
}

/// All of it in numbers. What is not the broker's is filled in by those who count it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) jobs: u64,
    pub(crate) running: u64,
    pub(crate) functions: u64,
    /// Connections that can run a function.
    pub(crate) workers: u64,
    /// Dead letters that there are.
    pub(crate) dead: u64,
    /// Dead letters that had to go because there were too many.
    pub(crate) dead_dropped: u64,
    /// Packets that came.
    pub(crate) packets_received: u64,
    /// Packets that were sent, or wait to be; an answer to a text command counts as one.
    pub(crate) packets_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    /// Connections that there are.
    pub(crate) connections: u64,
    /// Connections that there were, with those that there are.
    pub(crate) accepted: u64,
    /// Connections that were one too many.
    pub(crate) refused: u64,
    /// Of the durable queue.
    pub(crate) commits: u64,
    /// What those commits held: jobs that were added or removed.
    pub(crate) changes: u64,
    pub(crate) longest_commit: Duration,
    /// Since the server started.
    pub(crate) uptime: Duration,
    /// Where servers share a queue.
    pub(crate) cluster: Option<Standing>,
}

impl Function {
    /// Jobs in all.
    pub(crate) fn total(&self) -> u32 {
        self.queued.iter().sum::<u32>() + self.running + self.delayed + self.storing
    }
}

impl Broker {
    /// Functions, by rising number; what became of their jobs is left out.
    pub(crate) fn functions(&self, now: &Now, part: impl Into<Part>) -> Page<Function> {
        let entry = |_, f: &functions::Function| Some((1, self.function_entry(now, f)));
        page(part.into(), self.functions.end(), |numbers| self.functions.range(numbers), entry)
    }

    /// Functions, with what became of their jobs.
    pub(crate) fn functions_with_activity(&self, now: &Now, part: impl Into<Part>) -> Page<Function> {
        let entry = |_, f: &functions::Function| Some((1, self.function_with_activity(now, f)));
        page(part.into(), self.functions.end(), |numbers| self.functions.range(numbers), entry)
    }

    /// One function, with what became of its jobs.
    pub(crate) fn function_named(&self, now: &Now, name: &[u8]) -> Option<Function> {
        Some(self.function_with_activity(now, &self.functions[self.functions.find(name)?]))
    }

    /// Whether there is this function.
    pub(crate) fn knows(&self, function: &[u8]) -> bool {
        self.functions.find(function).is_some()
    }

    /// What an operator wants for its jobs, all rules together; `None`: nothing, or there is no such function.
    pub(crate) fn policy_of(&self, function: &[u8]) -> Option<Policy> {
        self.functions[self.functions.find(function)?].policy.as_deref().cloned()
    }

    fn function_with_activity(&self, now: &Now, of: &functions::Function) -> Function {
        Function { activity: of.activity.clone(), ..self.function_entry(now, of) }
    }

    fn function_entry(&self, now: &Now, of: &functions::Function) -> Function {
        let queued = Priority::ALL.map(|priority| of.queue.len_of(priority));
        let since = of.queue.heads().map(|job| self.jobs.arena[job].since).min();
        Function {
            name: of.name.clone(),
            queued,
            running: of.running,
            delayed: of.delayed,
            storing: of.total - of.queue.len() - of.running - of.delayed,
            workers: of.workers,
            limits: of.limits,
            oldest: since.map(|since| now.since(since)),
            dead: self.dead.len_of(&of.name) as u32,
            paused: of.policy.as_ref().is_some_and(|policy| policy.is_paused()),
            activity: None,
            free: self.free_of(&of.name),
        }
    }

    /// Connections, by rising number. Each function that one can run counts as an entry of its page, so a page that
    /// ends with a worker of many is longer.
    pub(crate) fn connections(&self, part: impl Into<Part>) -> Page<Connection> {
        let entry = |id, session: &Session| Some((1 + session.abilities.len(), self.connection(id, session)));
        page(part.into(), self.sessions.end(), |numbers| self.sessions.range(numbers), entry)
    }

    /// Jobs, by rising number.
    pub(crate) fn jobs(&self, part: impl Into<Part>) -> Page<Job> {
        let entry = |_, job: &jobs::Job| Some((1, self.job(job)));
        page(part.into(), self.jobs.arena.end(), |numbers| self.jobs.arena.range(numbers), entry)
    }

    /// The jobs of one function, by rising number. Where most are of others a page has few, or none.
    pub(crate) fn jobs_of(&self, now: &Now, function: &[u8], part: impl Into<Part>) -> Page<JobInfo> {
        let Some(id) = self.functions.find(function) else { return Page { entries: Vec::new(), next: None } };
        let entry = |_, job: &jobs::Job| (job.function == id).then(|| (1, self.info(now, job)));
        page(part.into(), self.jobs.arena.end(), |numbers| self.jobs.arena.range(numbers), entry)
    }

    /// The rules of policies, those that go first in front.
    pub(crate) fn policies(&self, part: impl Into<Part>) -> Page<Rule> {
        let part = part.into();
        let begin = usize::try_from(part.from.0).unwrap_or(usize::MAX);
        page_of(part, (0..).zip(self.policies.iter()).skip(begin), Rule::clone)
    }

    /// Dead letters, those that came first in front; of one function, or of all.
    pub(crate) fn dead_letters(&self, function: Option<&[u8]>, part: impl Into<Part>) -> Page<DeadLetter> {
        let part = part.into();
        let entry = |letter: &Letter| self.letter(letter);
        match function {
            Some(function) => page_of(part, self.dead.of_function(function, part.from.0), entry),
            None => page_of(part, self.dead.range(part.from.0), entry),
        }
    }

    /// One dead letter, with its workload.
    pub(crate) fn dead_letter(&self, handle: &[u8]) -> Option<DeadLetter> {
        let letter = self.dead.get(self.handles.parse(handle)?)?;
        Some(DeadLetter { workload: Some(letter.job.shared_workload()), ..self.letter(letter) })
    }

    fn letter(&self, letter: &Letter) -> DeadLetter {
        DeadLetter {
            handle: self.handles.write(letter.job.number),
            function: letter.function.clone(),
            unique: letter.job.unique().iter().copied().take(MAX_UNIQUE).collect(),
            priority: letter.job.priority,
            reducer: letter.reducer().map(Box::from),
            tries: letter.job.tries,
            first: Duration::from_millis(letter.first()),
            last: Duration::from_millis(letter.last),
            cause: letter.cause,
            text: letter.text.clone(),
            worker: letter.worker.clone(),
            size: letter.job.workload().len(),
            workload: None,
        }
    }

    /// Whether a job of this handle is here, or what is left of one: a dead letter, a result.
    pub(crate) fn has_job(&self, now: &Now, handle: &[u8]) -> bool {
        self.job_info(now, handle).is_some() || self.function_of_result(now, handle).is_some()
    }

    /// What is known of a job.
    pub(crate) fn job_info(&self, now: &Now, handle: &[u8]) -> Option<JobInfo> {
        let number = self.handles.parse(handle)?;
        match self.jobs.by_number(number) {
            Some(id) => Some(self.info(now, &self.jobs.arena[id])),
            None => self.dead.get(number).map(|letter| self.info_of_dead(now, letter)),
        }
    }

    /// The same, of the job that has a unique key; else of the last dead letter that had it, as far as it is among the last
    /// of its function.
    pub(crate) fn job_info_unique(&self, now: &Now, function: &[u8], unique: &[u8]) -> Option<JobInfo> {
        let live = self.functions.find(function).and_then(|id| self.jobs.by_unique(id, unique, b""));
        if let Some(id) = live {
            return Some(self.info(now, &self.jobs.arena[id]));
        }
        let mut last = self.dead.of_function(function, 0).rev().take(NUMBERS as usize);
        let letter = last.find(|(_, letter)| letter.job.unique() == unique && !matches!(unique, b"" | b"-"));
        letter.map(|(_, letter)| self.info_of_dead(now, letter))
    }

    /// The workload of a job, or of a dead letter; not a copy.
    pub(crate) fn workload(&self, handle: &[u8]) -> Option<Bytes> {
        let number = self.handles.parse(handle)?;
        let job = match self.jobs.by_number(number) {
            Some(id) => &self.jobs.arena[id],
            None => &self.dead.get(number)?.job,
        };
        Some(job.shared_workload())
    }

    fn info(&self, now: &Now, job: &jobs::Job) -> JobInfo {
        let age = now.since(job.since);
        let Job {
            handle,
            function,
            unique,
            state,
            priority,
            background,
            waited_for,
            stored,
            tries,
            workload: size,
            due,
            worker,
            progress,
        } = self.job(job);
        JobInfo {
            handle,
            function,
            unique,
            life: Life::Job(state),
            priority,
            background,
            tries,
            due,
            age: matches!(state, State::Queued | State::Running).then_some(age),
            worker: worker.map(|worker| self.name_of(worker).into()),
            progress,
            waited_for,
            stored,
            size,
        }
    }

    fn info_of_dead(&self, now: &Now, letter: &Letter) -> JobInfo {
        let DeadLetter { handle, function, unique, priority, tries, last, cause, worker, size, .. } =
            self.letter(letter);
        JobInfo {
            handle,
            function,
            unique,
            life: Life::Dead(cause),
            priority,
            background: true,
            tries,
            due: None,
            age: Some(now.wall.saturating_sub(last)),
            worker: Some(worker).filter(|worker| !worker.is_empty()),
            progress: [0, 0],
            waited_for: false,
            stored: letter.job.stored,
            size,
        }
    }

    /// Counts of the broker's own; others are 0.
    pub(crate) fn server(&self) -> Server {
        Server {
            jobs: self.jobs.len() as u64,
            running: self.running as u64,
            functions: self.functions.len() as u64,
            workers: self.workers as u64,
            dead: self.dead.len() as u64,
            dead_dropped: self.dead.dropped,
            packets_received: self.packets,
            ..Server::default()
        }
    }

    fn connection(&self, id: u32, session: &Session) -> Connection {
        let abilities = session.abilities.iter().map(|ability| Ability {
            function: self.functions[ability.function].name.clone(),
            announced: ability.announced,
            timeout: ability.timeout,
        });
        Connection {
            session: id,
            fd: session.fd,
            address: session.ip,
            id: session.id.clone(),
            abilities: abilities.collect(),
            running: session.running.len(),
            waiting: session.waiting,
        }
    }

    fn job(&self, job: &jobs::Job) -> Job {
        let extra = job.extra.as_deref();
        Job {
            handle: self.handles.write(job.number),
            function: self.functions[job.function].name.clone(),
            unique: job.unique().iter().copied().take(MAX_UNIQUE).collect(),
            state: job.state,
            priority: job.priority,
            background: job.background,
            waited_for: job.waiters != NONE,
            stored: job.stored,
            tries: job.tries,
            workload: job.workload().len(),
            due: job.due().map(Duration::from_millis),
            worker: (job.state == State::Running).then_some(job.worker),
            progress: extra.map_or([0, 0], |e| [e.numerator, e.denominator]),
        }
    }
}
