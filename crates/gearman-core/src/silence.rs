//! For how long a server has said nothing.
//!
//! Owns a moment, and how far the connection had got by then. Must never judge: how long is too long is for who asks.

use crate::server_connection::ServerConnection;
use std::time::Duration;
use tokio::time::Instant;

/// The silence of one server.
#[derive(Debug)]
pub(crate) struct Silence {
    since: Instant,
    progress: u64,
}

impl Silence {
    /// It begins now, and what was before is no sign of life: where something is asked of a server that owed nothing, and with
    /// a new connection.
    pub(crate) fn begin(&mut self, server: &mut ServerConnection) {
        self.since = Instant::now();
        if let Some(connection) = server.up() {
            self.progress = connection.progress();
        }
    }

    /// It begins anew where there was a sign of life since this was last called.
    pub(crate) fn observe(&mut self, server: &mut ServerConnection) {
        let Some(progress) = server.up().map(|connection| connection.progress()) else { return };
        if std::mem::replace(&mut self.progress, progress) != progress {
            self.since = Instant::now();
        }
    }

    /// When it began.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Does it last for so long, or longer?
    pub(crate) fn lasts(&self, long: Duration) -> bool {
        self.since.elapsed() >= long
    }
}

impl Default for Silence {
    fn default() -> Silence {
        Silence { since: Instant::now(), progress: 0 }
    }
}
