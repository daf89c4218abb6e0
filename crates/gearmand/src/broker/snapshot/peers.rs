//! Connections with what they do: those who run jobs, and those who wait for them.

use crate::broker::arena::NONE;
use crate::broker::jobs::Handle;
use crate::broker::sessions::Session;
use crate::broker::snapshot::{Page, Part, page};
use crate::broker::{Broker, Now};
use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// So many functions of a connection are told.
const FUNCTIONS: usize = 1000;
/// So many of the jobs that it has.
const JOBS: usize = 100;

/// A connection, and what it does.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its descriptor in the server.
    pub(crate) fd: i32,
    /// `None` for a socket in the file system.
    pub(crate) address: Option<IpAddr>,
    /// What it calls itself.
    pub(crate) id: Option<Box<[u8]>>,
    /// What it can run, of that what it announced last in front: the first of many.
    pub(crate) functions: Vec<Arc<[u8]>>,
    /// So many more.
    pub(crate) more: usize,
    /// The jobs that it has, the first of many: it is on the first of them.
    pub(crate) running: Vec<RunningJob>,
    /// How many it has.
    pub(crate) jobs: u32,
    /// How many it has ended.
    pub(crate) done: u64,
    /// Jobs that it waits for; one that it asked for twice counts twice.
    pub(crate) waiting: u32,
}

/// A job that a worker has.
#[derive(Debug)]
pub(crate) struct RunningJob {
    pub(crate) handle: Handle,
    pub(crate) function: Arc<[u8]>,
    /// So long.
    pub(crate) age: Duration,
}

impl Broker {
    /// Connections, by rising number; of those that can run a function alone where `workers` says so.
    pub(crate) fn peers(&self, now: &Now, part: impl Into<Part>, workers: bool) -> Page<Peer> {
        page(
            part.into(),
            self.sessions.end(),
            |numbers| self.sessions.range(numbers),
            |_, session| {
                if workers && session.abilities.is_empty() {
                    return None;
                }
                let peer = self.peer(now, session);
                Some((1 + peer.functions.len() + peer.running.len(), peer))
            },
        )
    }

    fn peer(&self, now: &Now, session: &Session) -> Peer {
        let mut abilities: Vec<_> = session.abilities.iter().take(FUNCTIONS).collect();
        // They change places as they are served.
        abilities.sort_unstable_by_key(|ability| Reverse(ability.announced));
        let (mut running, mut next) = (Vec::new(), session.running.head);
        while next != NONE && running.len() < JOBS {
            let job = &self.jobs.arena[next];
            running.push(RunningJob {
                handle: self.handles.write(job.number),
                function: self.functions[job.function].name.clone(),
                age: now.since(job.since),
            });
            next = job.next;
        }
        Peer {
            fd: session.fd,
            address: session.ip,
            id: session.id.clone(),
            more: session.abilities.len() - abilities.len(),
            functions: abilities.iter().map(|ability| self.functions[ability.function].name.clone()).collect(),
            running,
            jobs: session.running.len(),
            done: session.done,
            waiting: session.waiting,
        }
    }
}
