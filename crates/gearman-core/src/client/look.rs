//! A client in an event loop of somebody else's: it does what can be done without waiting, and has the loop call it again.
//!
//! Owns nothing: a part of the client. Must never wait, nor know the loop. Invariant: after [`Client::rest`] the watch is ready
//! as soon as a look has something to do, and not before.

use super::Client;
use crate::client::ongoing::Listener;
use crate::client::task::{Event, TaskId};
use crate::error::{Error, Result};
use crate::server_connection::look_once;
use tokio::time::Instant;

impl Client {
    /// [`Client::begin`], where there is something `new`, and [`Client::resume`] for loops: there a try to connect goes on from one call
    /// to the next, and fails when it has run out of time.
    pub fn begin_look(&mut self, new: bool) {
        self.call += u64::from(new);
        self.resume();
    }

    /// Sends and receives what can be without waiting. Tasks that no server can be reached for end by that error.
    pub async fn look(&mut self) {
        self.servers.iter_mut().for_each(|server| server.connection.keep_addresses());
        let (polled, again) = look_once(|cx| self.poll_wait(cx)).await;
        self.again = again;
        if let Some(Err(error)) = polled {
            self.end_waiting(&error);
        }
    }

    /// No server can be reached: what waits to be sent ends.
    fn end_waiting(&mut self, error: &Error) {
        let waiting = std::mem::take(&mut self.waiting);
        for id in waiting {
            match self.task(id).map(|task| &task.listener) {
                Some(Listener::Events) => self.report(id, Event::Error(error.clone().into()), true),
                _ => self.waiting.push_back(id),
            }
        }
    }

    /// Tasks of [`Client::add`], in order, end by this error, but for those that are over. What a server may answer yet is nobody's.
    pub fn end(&mut self, ids: &[TaskId], error: &Error) {
        let ended = self.forget_all(ids);
        self.events.extend(ended.into_iter().map(|id| (id, Event::Error(error.clone().into()))));
    }

    /// Has the watch ready when there is something to do: at the latest at `due`, the moment that is returned where it is no
    /// socket alone that is waited for.
    ///
    /// # Errors
    /// [`Error::Lost`] where the system cannot watch a socket.
    pub fn rest(&mut self, due: Option<Instant>) -> Result<Option<Instant>> {
        let connecting = self.servers.iter().filter_map(|server| server.connection.connect_deadline()).min();
        let now = (self.again || self.has_events()).then(Instant::now);
        let due = due.into_iter().chain(connecting).chain(now).min();
        self.watch.ready_at(due);
        let Some(set) = self.watch.set() else { return Ok(due) };
        for server in &mut self.servers {
            let reads = !server.pending.is_idle();
            let watched = server.connection.watch(set, reads);
            watched.map_err(|e| Error::lost(server.connection.name(), format_args!("it cannot be watched: {e}")))?;
        }
        Ok(due)
    }
}
