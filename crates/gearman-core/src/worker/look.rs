//! A worker in an event loop of somebody else's: it does what can be done without waiting, and has the loop call it again.
//!
//! Owns nothing: a part of the worker. Must never wait, nor know the loop. Invariants: after [`Worker::rest`] the watch is ready
//! as soon as a look has something to do, and not before; a job is asked for in a look only, so a loop that does not call gets
//! one at most.

use super::Worker;
use crate::error::{Error, Result};
use crate::server_connection::look_once;
use crate::worker::direct::WhenIdle;
use crate::worker::job::Job;
use crate::worker::server::Server;
use tokio::time::Instant;

impl Worker {
    /// [`Worker::begin`] for loops: there a try to connect goes on from one call to the next, and fails when it has run out of time.
    pub fn begin_look(&mut self) {
        for server in &mut self.servers {
            server.connection.refresh(&self.settings);
        }
        self.leave_foreign();
    }

    /// [`Worker::try_next_job`] for loops. It never pauses: the watch is ready when the next try is due.
    ///
    /// # Errors
    /// As [`Worker::try_next_job`].
    pub async fn look(&mut self) -> Result<Job> {
        self.again = false;
        self.check()?;
        self.leave_direct();
        self.servers.iter_mut().for_each(|server| server.connection.keep_addresses());
        let (polled, again) = look_once(|cx| self.poll_servers(cx, WhenIdle::Loop)).await;
        self.again = again;
        match polled.flatten() {
            Some(job) => job,
            None => Err(self.unreachable().unwrap_or(Error::WouldBlock)),
        }
    }

    /// Has the watch ready when there is something to do, at the latest at the moment that is returned where it is no socket
    /// alone that is waited for. A worker without functions waits for nothing.
    ///
    /// # Errors
    /// [`Error::Lost`] where the system cannot watch a socket.
    pub fn rest(&mut self) -> Result<Option<Instant>> {
        let idle = self.abilities.is_empty();
        let left = self.again || !self.arrived.is_empty() || !self.refused.is_empty() || self.is_to_ask();
        let now = left.then(Instant::now);
        let due = self.wake().into_iter().chain(now).min().filter(|_| !idle);
        self.watch.ready_at(due);
        let Some(set) = self.watch.set() else { return Ok(due) };
        for server in &mut self.servers {
            if idle {
                server.connection.unwatch();
                continue;
            }
            let watched = server.connection.watch(set, true);
            watched.map_err(|e| Error::lost(server.connection.name(), format_args!("it cannot be watched: {e}")))?;
        }
        Ok(due)
    }

    /// Is a server to be asked for a job?
    fn is_to_ask(&mut self) -> bool {
        self.servers.iter_mut().any(Server::may_be_asked) && !self.is_asking()
    }
}
