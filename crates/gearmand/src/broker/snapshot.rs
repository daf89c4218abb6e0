//! What is to be seen of the server from outside: functions, connections, jobs and counts, typed, owned and without any
//! formatting. Text commands are one rendering of it.
//!
//! Lists come in pages, so that nobody holds the lock for longer than a page takes; between two of them the broker goes
//! on. What is there all the time is in a list once; what comes or goes meanwhile may be in it or not.

#![cfg_attr(not(test), allow(dead_code, reason = "each rendering shows some of it"))]

use crate::broker::Broker;
use crate::broker::activity::Activity;
use crate::broker::arena::NONE;
use crate::broker::functions;
use crate::broker::jobs::{self, Handle};
use crate::broker::sessions::Session;
use arrayvec::ArrayVec;
use gearman_core::MAX_UNIQUE;
use gearman_core::protocol::message::Priority;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use crate::broker::jobs::State;

/// Most entries of a page.
pub(crate) const PAGE: usize = 1000;
/// A page ends at the latest after so many numbers, used or not.
const NUMBERS: u32 = 16 * PAGE as u32;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(u32);

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
    /// How often it was begun and came back.
    pub(crate) tries: u16,
    /// Bytes of its workload.
    pub(crate) workload: usize,
    /// Seconds since 1970 before which it does not run. Only while delayed.
    pub(crate) due: Option<u64>,
    /// The connection that has it. Only while running.
    pub(crate) worker: Option<u32>,
    /// Numerator and denominator, as its worker last reported them.
    pub(crate) progress: [u32; 2],
}

/// All of it in numbers. What is not the broker's is filled in by those who count it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) jobs: u64,
    pub(crate) running: u64,
    pub(crate) functions: u64,
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
    pub(crate) fn functions(&self, from: Cursor) -> Page<Function> {
        page(from, self.functions.end(), |numbers| self.functions.range(numbers), |_| 1, |_, f| function(f))
    }

    /// Functions, with what became of their jobs.
    pub(crate) fn functions_with_activity(&self, from: Cursor) -> Page<Function> {
        let with_activity = |f: &functions::Function| Function { activity: f.activity.clone(), ..function(f) };
        page(from, self.functions.end(), |numbers| self.functions.range(numbers), |_| 1, |_, f| with_activity(f))
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

    /// Counts of the broker's own; others are 0.
    pub(crate) fn server(&self) -> Server {
        Server {
            jobs: self.jobs.len() as u64,
            running: self.running as u64,
            functions: self.functions.len() as u64,
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
            due: extra.map(|e| e.due).filter(|_| job.state == State::Delayed),
            worker: (job.state == State::Running).then_some(job.worker),
            progress: extra.map_or([0, 0], |e| [e.numerator, e.denominator]),
        }
    }
}

fn function(of: &functions::Function) -> Function {
    let queued = Priority::ALL.map(|priority| of.queue.len_of(priority));
    Function {
        name: of.name.clone(),
        queued,
        running: of.running,
        delayed: of.delayed,
        storing: of.total - of.queue.len() - of.running - of.delayed,
        workers: of.workers,
        limits: of.limits,
        activity: None,
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
    let last = from.0.saturating_add(NUMBERS).min(end);
    let (mut page, mut full) = (Page { entries: Vec::new(), next: (last < end).then_some(Cursor(last)) }, 0);
    for (id, value) in range(from.0.min(last)..last) {
        if full >= PAGE {
            page.next = Some(Cursor(id));
            break;
        }
        full += entries(value);
        page.entries.push(entry(id, value));
    }
    page
}
