//! A server as a client uses it: the way to it, which answers are due there, and what it was told.

use crate::client::pending::Pending;
use crate::client::pool::Pool;
use crate::client::task::option;
use crate::net::connection::Connection;
use crate::server_connection::{ServerConnection, Settings};
use tokio::time::Instant;

/// One server of a client.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) connection: ServerConnection,
    pub(crate) pending: Pending,
    /// The call in which it was last tried in vain.
    pub(crate) tried: Option<u64>,
    /// When something last went over it.
    pub(crate) used: Instant,
    /// The server knows of our wish to receive of exceptions.
    told: bool,
    /// The server said that it can be asked about keys of [`crate::MAX_UNIQUE`] bytes.
    pub(crate) long_keys: bool,
    /// Where connections come from and go to.
    pool: Option<Pool>,
}

impl Server {
    pub(crate) fn new(connection: ServerConnection, pool: Option<Pool>) -> Server {
        Server {
            connection,
            pending: Pending::default(),
            tried: None,
            used: Instant::now(),
            told: false,
            long_keys: false,
            pool,
        }
    }

    /// Where no connection is there or on its way, takes one that another client has left.
    pub(crate) fn reuse(&mut self, exceptions: bool, settings: &Settings) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.connection.is_down()) else { return };
        if let Some((mut connection, told)) = pool.take(self.connection.address(), exceptions) {
            connection.set_limit(settings.max_packet);
            self.connection.adopt(connection);
            self.told = told;
            self.long_keys = false;
            self.used = Instant::now();
        }
    }

    /// A connection was made, and the server knows nothing of us.
    pub(crate) fn made(&mut self) {
        self.told = false;
        self.long_keys = false;
        self.used = Instant::now();
        if let Some(pool) = &self.pool {
            pool.made();
        }
    }

    /// The connection, to append a request. The server is told of the wish for exceptions before the first
    /// one: who asks nothing leaves no trace.
    pub(crate) fn for_request(&mut self, exceptions: bool) -> Option<&mut Connection> {
        let connection = self.connection.up()?;
        if exceptions && !self.told {
            option(connection.write_buffer(), b"exceptions");
            self.pending.sent_option();
            self.told = true;
        }
        Some(connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.pending.is_idle()) else { return };
        if let Some(connection) = self.connection.release() {
            pool.give(self.connection.address().clone(), self.told, connection);
        }
    }
}
