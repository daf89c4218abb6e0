//! Of several servers one that does not answer whether it has a job: after a moment the others are asked as well.
//!
//! Owns nothing: a part of the worker. Must never give up a connection, since what was asked may still be answered. Invariants:
//! where no other server could answer, it is waited for; a job that it gives in the end is run next.

use super::Worker;
use crate::worker::protocol::State;
use crate::worker::server::Server;
use std::time::Duration;
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
