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
use crate::broker::policy::Rule;
use crate::broker::sessions::Session;
use crate::broker::{Broker, Now};
use arrayvec::ArrayVec;
use bytes::Bytes;
use gearman_core::MAX_UNIQUE;
use gearman_core::protocol::message::Priority;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use crate::broker::dead::Cause;
pub(crate) use crate::broker::jobs::State;

/// Most entries of a page.
pub(crate) const PAGE: usize = 1000;
/// A page ends at the latest after so many numbers, used or not.
const NUMBERS: u32 = 16 * PAGE as u32;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(u64);

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// At most [`PAGE`]. None at all does not mean that it is the last page.
    pub(crate) entries: Vec<T>,
    /// `None`: the list ends here.
    pub(crate) next: Option<Cursor>,
}

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
}

/// All of it in numbers. What is not the broker's is filled in by those who count it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) jobs: u64,
    pub(crate) running: u64,
    pub(crate) functions: u64,
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
}

impl Function {
    /// Jobs in all.
    pub(crate) fn total(&self) -> u32 {
        self.queued.iter().sum::<u32>() + self.running + self.delayed + self.storing
    }
}

impl Broker {
    /// Functions, by rising number; what became of their jobs is left out.
    pub(crate) fn functions(&self, now: &Now, from: Cursor) -> Page<Function> {
        let entry = |_, f: &functions::Function| self.function_entry(now, f);
        page(from, self.functions.end(), |numbers| self.functions.range(numbers), |_| 1, entry)
    }

    /// Functions, with what became of their jobs.
    pub(crate) fn functions_with_activity(&self, now: &Now, from: Cursor) -> Page<Function> {
        let entry = |_, f: &functions::Function| self.function_with_activity(now, f);
        page(from, self.functions.end(), |numbers| self.functions.range(numbers), |_| 1, entry)
    }

    /// One function, with what became of its jobs.
    pub(crate) fn function_named(&self, now: &Now, name: &[u8]) -> Option<Function> {
        Some(self.function_with_activity(now, &self.functions[self.functions.find(name)?]))
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
            oldest: since.map(|since| Duration::from_micros(now.microseconds().saturating_sub(since))),
            dead: self.dead.len_of(&of.name) as u32,
            paused: of.policy.as_ref().is_some_and(|policy| policy.is_paused()),
            activity: None,
        }
    }

    /// Connections, by rising number. Each function that one can run counts as an entry of its page, so a page that
    /// ends with a worker of many is longer.
    pub(crate) fn connections(&self, from: Cursor) -> Page<Connection> {
        let entries = |session: &Session| 1 + session.abilities.len();
        let numbers = |numbers| self.sessions.range(numbers);
        page(from, self.sessions.end(), numbers, entries, |id, session| self.connection(id, session))
    }

    /// Jobs, by rising number.
    pub(crate) fn jobs(&self, from: Cursor) -> Page<Job> {
        page(from, self.jobs.arena.end(), |numbers| self.jobs.arena.range(numbers), |_| 1, |_, job| self.job(job))
    }

    /// The rules of policies, those that go first in front.
    pub(crate) fn policies(&self, from: Cursor) -> Page<Rule> {
        let begin = from.0 as usize;
        let entries: Vec<Rule> = self.policies.iter().skip(begin).take(PAGE).cloned().collect();
        let next = (entries.len() == PAGE).then_some(Cursor(from.0 + PAGE as u64));
        Page { entries, next }
    }

    /// Dead letters, those that came first in front; of one function, or of all.
    pub(crate) fn dead_letters(&self, function: Option<&[u8]>, from: Cursor) -> Page<DeadLetter> {
        match function {
            Some(function) => self.letters(self.dead.of_function(function, from.0)),
            None => self.letters(self.dead.range(from.0)),
        }
    }

    fn letters<'a>(&self, letters: impl Iterator<Item = (u64, &'a Letter)>) -> Page<DeadLetter> {
        let mut page = Page { entries: Vec::new(), next: None };
        for (place, letter) in letters {
            if page.entries.len() == PAGE {
                page.next = Some(Cursor(place));
                break;
            }
            page.entries.push(self.letter(letter));
        }
        page
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

    fn info(&self, now: &Now, job: &jobs::Job) -> JobInfo {
        let age = Duration::from_micros(now.microseconds().saturating_sub(job.since));
        let Job { handle, function, unique, state, priority, background, tries, due, worker, progress, .. } =
            self.job(job);
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
        }
    }

    fn info_of_dead(&self, now: &Now, letter: &Letter) -> JobInfo {
        let DeadLetter { handle, function, unique, priority, tries, last, cause, worker, .. } = self.letter(letter);
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
        }
    }

    /// Counts of the broker's own; others are 0.
    pub(crate) fn server(&self) -> Server {
        Server {
            jobs: self.jobs.len() as u64,
            running: self.running as u64,
            functions: self.functions.len() as u64,
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

/// A page of what has numbers below `end`. `entries`: as how many it counts.
fn page<'a, T: 'a, E, I: Iterator<Item = (u32, &'a T)>>(
    from: Cursor,
    end: u32,
    range: impl FnOnce(Range<u32>) -> I,
    entries: impl Fn(&T) -> usize,
    entry: impl Fn(u32, &T) -> E,
) -> Page<E> {
    let from = u32::try_from(from.0).unwrap_or(u32::MAX);
    let last = from.saturating_add(NUMBERS).min(end);
    let (mut page, mut full) = (Page { entries: Vec::new(), next: (last < end).then_some(Cursor(last.into())) }, 0);
    for (id, value) in range(from.min(last)..last) {
        if full >= PAGE {
            page.next = Some(Cursor(id.into()));
            break;
        }
        full += entries(value);
        page.entries.push(entry(id, value));
    }
    page
}
