//! Connections as the store knows them (a client, a worker, often both), and functions with who
//! can run them.

use crate::queue::{List, Queue};
use crate::slab::NONE;
use gearman_core::protocol::message::Grab;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// Of so many jobs that a timeout took from it a worker's results are waited for.
pub(crate) const OVERDUE: usize = 64;

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its file descriptor and address, for `workers`.
    pub(crate) fd: i32,
    pub(crate) ip: Option<IpAddr>,
    /// What it called itself by SET_CLIENT_ID.
    pub(crate) id: Option<Box<[u8]>>,
    /// What it can do, in the order in which it is asked within a priority.
    pub(crate) abilities: VecDeque<Ability>,
    /// The jobs that it runs, oldest first. It is on the first of them.
    pub(crate) running: List,
    /// The first of the jobs that it waits for, see [`Waiter`].
    pub(crate) waits: u32,
    /// Since which PRE_SLEEP it sleeps; 0 when awake. Larger is later, and no two are the same.
    pub(crate) asleep: u64,
    /// It got a NOOP for a job of this function, has not asked for a job since, and is waited for; NONE otherwise.
    pub(crate) woken: u32,
    /// What `asleep` was when it was woken last. As long as it has not slept since, that NOOP is the last.
    pub(crate) slept: u64,
    /// When its last packet came.
    pub(crate) heard: Duration,
    /// Its GRAB_JOB found no job, and is not answered yet: see `Store::match_up`.
    pub(crate) asking: bool,
    /// Gets jobs without being woken for them: it asked for that by "all-yours".
    pub(crate) direct: bool,
    /// The form of its last GRAB_JOB, in which a sleeping `direct` worker gets its next job.
    pub(crate) form: Grab,
    /// The number of the job that it ended last; 0 for none.
    pub(crate) ended: u64,
    /// Numbers of jobs that a timeout took from it, and that it has not ended since: oldest first, the last
    /// [`OVERDUE`]. It ends them all the same where nobody else has them.
    pub(crate) overdue: Vec<u64>,
    /// The number of the job that failed last while it had it, because it was tried too often or an operator wanted
    /// it so; 0 for none. Nobody told it.
    pub(crate) lost: u64,
    /// It is still on a job that was taken from it, as far as we know: those that it has are not begun.
    pub(crate) late: bool,
    /// Wants exceptions as exceptions.
    pub(crate) exceptions: bool,
}

/// A function that a worker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ability {
    pub(crate) function: u32,
    /// Larger is later.
    pub(crate) announced: u64,
    pub(crate) timeout: Option<Duration>,
}

/// One client that waits for one job. In two lists: the job's waiters and the connection's waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) peer: u32,
    pub(crate) job: u32,
    /// Neighbours among those who wait for the job.
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// Neighbours among those jobs that the connection waits for.
    pub(crate) peer_next: u32,
    pub(crate) peer_prev: u32,
}

impl Peer {
    pub(crate) fn new(fd: i32, ip: Option<IpAddr>, exceptions: bool) -> Peer {
        Peer {
            fd,
            ip,
            id: None,
            abilities: VecDeque::new(),
            running: List::default(),
            waits: NONE,
            asleep: 0,
            woken: NONE,
            slept: 0,
            heard: Duration::ZERO,
            asking: false,
            direct: false,
            form: Grab::Plain,
            ended: 0,
            overdue: Vec::new(),
            lost: 0,
            late: false,
            exceptions,
        }
    }

    /// A timeout takes a job from it.
    pub(crate) fn runs_over(&mut self, number: u64) {
        if self.overdue.contains(&number) {
            return;
        }
        if self.overdue.len() == OVERDUE {
            self.overdue.remove(0);
        }
        self.overdue.push(number);
    }

    pub(crate) fn ability(&self, function: u32) -> Option<usize> {
        self.abilities.iter().position(|a| a.function == function)
    }
}

/// A function that was ever named by a worker, a client or an operator.
#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) name: Box<[u8]>,
    /// Jobs that may run now.
    pub(crate) queue: Queue,
    /// Jobs in all: queued, running and waiting for their time.
    pub(crate) total: u32,
    pub(crate) running: u32,
    /// Connections that can run it.
    pub(crate) workers: u32,
    /// At most so many jobs, by the priority of the one that comes; 0 is no limit.
    pub(crate) limits: [u32; 3],
    /// So many jobs came for which workers are to be woken at the end of the round.
    pub(crate) calls: u32,
    /// Workers that sleep, longest first, as (`Peer::asleep`, connection). An entry is void when the
    /// connection's `asleep` differs: waking a worker must not cost a visit to each function it knows.
    sleepers: VecDeque<(u64, u32)>,
}

impl Function {
    /// A worker went to sleep; or one that sleeps learned this function.
    pub(crate) fn sleeps(&mut self, since: u64, peer: u32, valid: impl Fn(u64, u32) -> bool) {
        // Void entries are swept out before they outnumber the workers, so each costs little.
        if self.sleepers.len() > 16 + 2 * self.workers as usize {
            self.sleepers.retain(|(since, peer)| valid(*since, *peer));
        }
        self.sleepers.push_back((since, peer));
    }

    /// The one that sleeps longest.
    pub(crate) fn wake(&mut self, valid: impl Fn(u64, u32) -> bool) -> Option<u32> {
        while let Some((since, peer)) = self.sleepers.pop_front() {
            if valid(since, peer) {
                return Some(peer);
            }
        }
        None
    }
}

/// All functions, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    list: Vec<Option<Function>>,
    free: Vec<u32>,
    names: HashMap<Box<[u8]>, u32>,
    /// Limits that were set for functions which nobody named yet.
    limits: HashMap<Box<[u8]>, [u32; 3]>,
}

impl Functions {
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn add(&mut self, name: &[u8]) -> u32 {
        let limits = self.limits.remove(name).unwrap_or_default();
        let function = Function { name: name.into(), limits, ..Function::default() };
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.list.push(None);
                self.list.len() as u32 - 1
            }
        };
        self.list[id as usize] = Some(function);
        self.names.insert(name.into(), id);
        id
    }

    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(function) = self.list.get_mut(id as usize).and_then(Option::take) {
            self.names.remove(&function.name);
            self.free.push(id);
        }
    }

    /// At most `most` functions may be remembered that nobody uses.
    pub(crate) fn limit(&mut self, name: &[u8], limits: [u32; 3], most: usize) {
        match self.find(name) {
            Some(id) => self[id].limits = limits,
            None if limits == [0; 3] => drop(self.limits.remove(name)),
            None if self.limits.len() < most => drop(self.limits.insert(name.into(), limits)),
            None => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Function)> {
        self.list.iter().enumerate().filter_map(|(id, function)| Some((id as u32, function.as_ref()?)))
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Function> {
        self.list.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Function> {
        self.list.get_mut(id as usize)?.as_mut()
    }
}

impl std::ops::Index<u32> for Functions {
    type Output = Function;

    /// For numbers that jobs and abilities hold: a function is removed only when there are none.
    #[allow(clippy::panic)]
    fn index(&self, id: u32) -> &Function {
        match self.get(id) {
            Some(function) => function,
            None => panic!("no function under {id}"),
        }
    }
}

impl std::ops::IndexMut<u32> for Functions {
    #[allow(clippy::panic)]
    fn index_mut(&mut self, id: u32) -> &mut Function {
        match self.get_mut(id) {
            Some(function) => function,
            None => panic!("no function under {id}"),
        }
    }
}
