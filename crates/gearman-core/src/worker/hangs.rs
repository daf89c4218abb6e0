//! Of several servers one that does not answer whether it has a job: after a moment the others are asked as well.
//!
//! Owns nothing: a part of the worker. Must never give up a connection, since what was asked may still be answered. Invariants:
//! where no other server could answer, it is waited for; a job that it gives in the end is run next.

use super::Worker;
use crate::worker::job::Job;
use crate::worker::protocol::State;
use crate::worker::server::Server;
use std::task::Context;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::Instant;

/// How long a server is waited for alone.
const PATIENCE: Duration = Duration::from_secs(1);

impl Server {
    /// Owes it an answer that has to do with jobs?
    fn owes(&self) -> bool {
        self.connection.is_up() && matches!(self.protocol.state, State::Grabbing | State::Waking)
    }
}

impl Worker {
    /// What servers have sent is to be seen before the clock judges them: nobody may have looked for long. To be awaited when a
    /// call begins that waits.
    pub(super) async fn see_what_came(&self) {
        if self.servers.len() > 1 && self.arrived.is_empty() && self.servers.iter().any(Server::owes) {
            yield_now().await;
        }
    }

    /// Takes in what other servers than that of this job sent, while jobs that are here already keep the worker from asking: a
    /// late answer, or that there are jobs. And what they were sent is written on.
    pub(super) fn look_at_others(&mut self, job: &Job, cx: &mut Context<'_>) {
        for i in (0..self.servers.len()).filter(|i| *i != job.server) {
            self.poll_flush(i, cx);
            self.receive_all(i, cx);
        }
    }

    /// Is it another server's turn to be asked for a job, or to be connected to?
    pub(super) fn is_turn_of_another(&self, i: usize) -> bool {
        let waits = |p: &Server| match p.connection.is_up() {
            true => matches!(p.protocol.state, State::Awake | State::NoJob),
            false => p.connection.is_connecting() || p.connection.is_due(),
        };
        self.servers.iter().enumerate().any(|(other, p)| other != i && waits(p))
    }

    /// How many jobs are on their way, but for those of servers that hang.
    pub(super) fn on_their_way(&self) -> usize {
        self.servers.iter().filter(|p| !p.hangs).map(|p| p.protocol.grabs).sum()
    }

    /// Finds out which servers hang.
    pub(super) fn see_who_hangs(&mut self) {
        if self.servers.len() == 1 {
            return;
        }
        for server in &mut self.servers {
            let owes = server.owes();
            if owes {
                server.silence.observe(&mut server.connection);
            }
            server.hangs = owes && server.silence.lasts(PATIENCE);
        }
    }

    /// Is an answer that has to do with jobs waited for, before another server is asked?
    pub(super) fn is_asking(&self) -> bool {
        let owes = self.servers.iter().any(Server::owes);
        owes && (self.servers.iter().any(|p| p.owes() && !p.hangs) || !self.has_other())
    }

    /// Is there a server that does not hang?
    fn has_other(&self) -> bool {
        self.servers.iter().any(|p| p.connection.is_up() && !p.hangs)
    }

    /// When a server that owes an answer is waited for no longer.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let several = self.servers.len() > 1;
        let waited_for = self.servers.iter().filter(|p| several && p.owes() && !p.hangs);
        waited_for.map(|p| p.silence.since() + PATIENCE).min()
    }
}
