//! Ways to wait less: a server that gives a sleeping worker the job itself, and jobs asked for in advance.
//!
//! Owns which servers refused that, for the whole process. Must never lose a job that came: it is run, or its connection ends.
//!
//! Direct assignment saves the round trip from NOOP to GRAB_JOB. It is for a worker of one server, which waits
//! for nothing else: a job may be on its way at any moment. So before the worker does anything else it sends an echo
//! that says it is awake, and a job that comes before the answer is a job to be run.

use super::Worker;
use crate::server_connection::drive;
use crate::worker::job::Job;
use crate::worker::notices::Refusals;
use crate::worker::protocol::{Assignment, State};
use crate::worker::server::Server;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server may take to answer that a worker has stopped waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// Servers that do not know of direct assignment: each is asked once in a process.
static REFUSED: Refusals = Refusals::new();

/// What a worker does when there is no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenIdle {
    /// Nothing.
    Never,
    /// Goes to sleep once the servers have been asked, and is woken.
    Classic,
    /// The same, but it waits in any case: not every server has to be asked first.
    Patient,
    /// The same in an event loop, where the next job may be begun before this one has ended.
    Loop,
    /// Waits for the server to give it the next job at once.
    Direct,
}

impl WhenIdle {
    pub(super) fn is_patient(self) -> bool {
        matches!(self, WhenIdle::Patient | WhenIdle::Loop | WhenIdle::Direct)
    }
}

impl Server {
    /// Is this a server that may be asked for direct assignment?
    pub(super) fn may_ask(&self) -> bool {
        self.protocol.assignment == Assignment::Unasked && !REFUSED.has(self.connection.name())
    }

    pub(super) fn remember_refusal(&self) {
        REFUSED.add(self.connection.name());
    }

    /// Has the answer to the echo that says we are awake taken longer than [`PATIENCE`]?
    fn overdue(&mut self) -> bool {
        if self.protocol.state != State::Waking {
            self.answer_by = None;
            return false;
        }
        let now = Instant::now();
        *self.answer_by.get_or_insert(now + PATIENCE) <= now
    }
}

impl Worker {
    /// What is to be done in a call that waits for jobs.
    pub(super) fn when_idle(&mut self) -> WhenIdle {
        if !self.classic && self.servers.len() == 1 {
            return WhenIdle::Direct;
        }
        self.leave_direct();
        WhenIdle::Patient
    }

    /// A server that was asked for direct assignment gives jobs to a worker that does not wait for them, so another
    /// connection is made. Not while jobs are unfinished, which would go back with it, or a result is not written.
    pub(super) fn leave_direct(&mut self) {
        for server in &mut self.servers {
            let direct = matches!(server.protocol.assignment, Assignment::Asked | Assignment::Direct);
            if direct && server.unfinished == 0 && !server.is_full() {
                server.connection.down();
                server.forget();
            }
        }
    }

    /// To be called when a call that waited for a job was given up and is not begun again: a job may be on its
    /// way. It is then the next one that [`Worker::next_job`] or [`Worker::take_arrived`] gives. A server that does
    /// not answer within a second loses its connection, and gives the job to another worker.
    pub async fn stop_waiting(&mut self) {
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            let Some(connection) = server.connection.up().filter(|c| c.is_ours()) else { continue };
            server.protocol.stop_waiting(connection.write_buffer());
        }
        drive(self, None, Worker::answer_by, |w, cx| w.poll_stopped(cx)).await;
    }

    /// Does its server know that it waits for a job, and may that be on its way? Then [`Worker::stop_waiting`] is to be
    /// called when the wait is given up.
    pub fn is_waiting_directly(&mut self) -> bool {
        let waits = |state| matches!(state, State::Asleep | State::Grabbing | State::Waking);
        let mut direct =
            self.servers.iter_mut().filter(|p| p.protocol.assignment == Assignment::Direct && waits(p.protocol.state));
        direct.any(|p| p.connection.up().is_some_and(|c| c.is_ours()))
    }

    /// A job that came while something else was waited for.
    pub fn take_arrived(&mut self) -> Option<Job> {
        self.arrived.pop_front()
    }

    /// When a server that should have answered is given up.
    pub(super) fn answer_by(&self) -> Option<Instant> {
        self.servers.iter().filter_map(|p| p.answer_by).min()
    }

    /// Gives up servers that do not answer.
    pub(super) fn expire(&mut self) {
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            if server.overdue() {
                server.connection.down();
                server.forget();
                self.arrived.retain(|job| job.server != i);
            }
        }
    }

    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.expire();
        let mut stopped = Poll::Ready(());
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            let ours = server.connection.up().is_some_and(|c| c.is_ours());
            if !ours || server.protocol.state != State::Waking {
                continue;
            }
            self.poll_flush(i, cx);
            self.receive_all(i, cx);
            if self.servers[i].protocol.state == State::Waking {
                stopped = Poll::Pending;
            }
        }
        stopped
    }

    /// Takes in what a server sent, up to more jobs than it can have been asked for: one, and those in advance. What a look
    /// is to make of it, the socket does not tell any more.
    pub(super) fn receive_all(&mut self, i: usize, cx: &mut Context<'_>) {
        self.watch.rouse();
        while self.arrived.len() <= self.prefetch + 1 {
            let Some(job) = self.receive_job(i, cx) else { return };
            self.arrived.push_back(job);
        }
    }

    /// Asks the server that gave the next job for some in advance: seldom, and for many at once. Of several servers, each gives
    /// those of one such question in its turn.
    pub(super) fn ask_ahead(&mut self, i: usize, cx: &mut Context<'_>) {
        // Those that came together with that one, and NO_JOB.
        self.receive_all(i, cx);
        let ahead = self.arrived.len().saturating_sub(1) + self.on_their_way();
        let begins = std::mem::take(&mut self.turn_begins);
        if ahead > self.prefetch / 2 || !begins && self.is_turn_of_another(i) {
            return;
        }
        let server = &mut self.servers[i];
        // Other servers than ours count a job's time from the moment they gave it.
        let timed = self.abilities.have_timeout() && server.protocol.assignment != Assignment::Direct;
        let more = !server.protocol.last_was_empty && matches!(server.protocol.state, State::Awake | State::Grabbing);
        if more && !timed && !server.is_full() {
            (ahead..self.prefetch).for_each(|_| server.grab(self.grab));
        }
    }
}
