//! A server as a worker uses it: the way to it, and what it knows of the worker.

use crate::server_connection::ServerConnection;
use crate::worker::protocol::Protocol;
use tokio::time::Instant;

/// A server as a worker uses it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) connection: ServerConnection,
    pub(super) protocol: Protocol,
    /// The connection (by [`ServerConnection::serial`]) that was told who we are.
    pub(super) introduced: u64,
    /// Jobs that came over it and have not ended.
    pub(super) unfinished: usize,
    /// When it must have answered that we do not wait any more, if it was told so.
    pub(super) answer_by: Option<Instant>,
}

impl Server {
    /// The connection is gone, and all that was of it.
    pub(super) fn forget(&mut self) {
        (self.protocol, self.unfinished, self.answer_by) = (Protocol::default(), 0, None);
    }

    pub(super) fn has_output(&mut self) -> bool {
        self.connection.up().is_some_and(|c| c.has_output())
    }
}
