//! Connections as the broker knows them: a client, a worker, often both.
//!
//! Knows nothing of sockets; a connection's number is the link to its socket. What a session holds of jobs and
//! functions are their numbers: the broker keeps both sides true.

use crate::broker::arena::{Arena, NONE};
use crate::broker::jobs::Job;
use crate::broker::queue::List;
use crate::rights::Access;
use gearman_core::protocol::message::Grab;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Of so many jobs that a timeout took from it a worker's results are waited for.
pub(crate) const OVERDUE: usize = 64;

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its file descriptor and address, for `workers`.
    pub(crate) fd: i32,
    pub(crate) ip: Option<IpAddr>,
    /// What it called itself by SET_CLIENT_ID.
    pub(crate) id: Option<Box<[u8]>>,
    /// What it can do, in the order in which it is asked within a priority.
    pub(crate) abilities: VecDeque<Ability>,
    /// The jobs that it has, oldest first.
    pub(crate) running: List,
    /// It runs them one behind the other, and is on the first of them: see [`Session::get`].
    pub(crate) in_turn: bool,
    /// It has said that it runs several at once, by "at-once".
    pub(crate) at_once: bool,
    /// The first of the jobs that it waits for, see [`Waiter`].
    pub(crate) waits: u32,
    /// How many those are.
    pub(crate) waiting: u32,
    /// Since which PRE_SLEEP it sleeps; 0 when awake. Larger is later, and no two are the same.
    pub(crate) asleep: u64,
    /// It got a NOOP for a job of this function, or ended one of a function with limits, has not asked for a job since, and is
    /// waited for; NONE otherwise.
    pub(crate) woken: u32,
    /// What `asleep` was when it was woken last. As long as it has not slept since, that NOOP is the last.
    pub(crate) slept: u64,
    /// When its last packet came.
    pub(crate) last_packet: Duration,
    /// Its GRAB_JOB found no job, and is not answered yet: see `Broker::match_up`.
    pub(crate) asking: bool,
    /// Gets jobs without being woken for them: it asked for that by "all-yours".
    pub(crate) direct: bool,
    /// The form of its last GRAB_JOB, in which a sleeping `direct` worker gets its next job.
    pub(crate) form: Grab,
    /// The number of the job that it ended last; 0 for none.
    pub(crate) ended: u64,
    /// So many jobs it has ended.
    pub(crate) done: u64,
    /// Numbers of jobs that a timeout took from it, and that it has not ended since: oldest first, the last
    /// [`OVERDUE`]. It ends them all the same where nobody else has them.
    pub(crate) overdue: Vec<u64>,
    /// The number of the job that failed last while it had it, because it was tried too often or an operator wanted
    /// it so; 0 for none. It does not know.
    pub(crate) lost: u64,
    /// It is still on a job that was taken from it, as far as we know: those that it has are not begun. Only where it runs them in
    /// turn.
    pub(crate) late: bool,
    /// Wants exceptions as exceptions.
    pub(crate) exceptions: bool,
    /// What it wants to be told of its jobs.
    pub(crate) notices: Notices,
    /// Who it is and what it may do; `None`: everything.
    pub(crate) access: Option<Box<Access>>,
    /// What it is where servers help each other.
    pub(crate) role: Role,
    /// A drain has refused a job of it.
    pub(crate) refused: bool,
    /// It is the server's own, which a drain does not end.
    pub(crate) stays: bool,
}

/// Whose jobs and whose workers a connection brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// This server's own.
    #[default]
    Own,
    /// It is a worker that has its jobs run by workers of another server.
    Proxy,
    /// It submits jobs that were forwarded to this server.
    Forwards,
}

/// A function that a worker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ability {
    pub(crate) function: u32,
    /// Larger is later.
    pub(crate) announced: u64,
    /// What `Broker::sleeps` was when it became known; larger than `Session::asleep` where that was in its sleep.
    pub(crate) learned: u64,
    pub(crate) timeout: Option<Duration>,
}

/// One client that waits for one job. In two lists: the job's waiters and the connection's waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) session: u32,
    pub(crate) job: u32,
    /// Neighbours among those who wait for the job.
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// Neighbours among those jobs that the connection waits for.
    pub(crate) session_next: u32,
    pub(crate) session_prev: u32,
}

/// What a session asked to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    /// By `attempts`: ahead of a job that was tried before, which time this is.
    pub(crate) attempts: bool,
    /// By `cancel-notices`: that a job which it runs was cancelled.
    pub(crate) cancelled: bool,
}

impl Session {
    pub(crate) fn new(fd: i32, ip: Option<IpAddr>, exceptions: bool) -> Session {
        Session {
            fd,
            ip,
            id: None,
            abilities: VecDeque::new(),
            running: List::default(),
            in_turn: false,
            at_once: false,
            waits: NONE,
            waiting: 0,
            asleep: 0,
            woken: NONE,
            slept: 0,
            last_packet: Duration::ZERO,
            asking: false,
            direct: false,
            form: Grab::Plain,
            ended: 0,
            done: 0,
            overdue: Vec::new(),
            lost: 0,
            late: false,
            exceptions,
            notices: Notices::default(),
            access: None,
            role: Role::Own,
            refused: false,
            stays: false,
        }
    }

    /// Gets a job. Our workers fetch jobs in advance and run them one behind the other; they ask for `attempts` ahead of the
    /// first, or for direct assignment, and say so ahead of the next where they run several at once. Any other worker that asks for
    /// a job while it has one runs both at once, as some in Go and Java do: it is on all that it has.
    pub(crate) fn get(&mut self, jobs: &mut Arena<Job>, job: u32) {
        if self.running.is_empty() {
            self.in_turn = !self.at_once && (self.direct || self.notices.attempts);
        }
        self.running.push_back(jobs, job);
    }

    /// Whether no other of its jobs comes before this one.
    pub(crate) fn has_come_to(&self, job: u32) -> bool {
        !self.in_turn || self.running.head() == Some(job)
    }

    /// A drain has refused a job of it, and nothing that it waits for is still to come; nor is it a worker's as well.
    pub(crate) fn is_refused_client(&self) -> bool {
        let works = !self.abilities.is_empty() || !self.running.is_empty() || !self.overdue.is_empty();
        let is_worker = works || self.asleep != 0 || self.asking;
        self.refused && self.waits == NONE && !is_worker && !self.stays && self.role == Role::Own
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

    /// Whether it sleeps for a function under this number: that of its PRE_SLEEP or, where it learned the function later, of then. So
    /// one that forgets a function in its sleep and learns it again has one place in the line, the last.
    pub(crate) fn sleeps_as(&self, number: u64, function: u32) -> bool {
        let own = |ability: usize| self.asleep.max(self.abilities[ability].learned);
        self.asleep != 0 && self.asleep <= number && self.ability(function).map(own) == Some(number)
    }
}
