//! A server as a client uses it: the way to it, which answers are due there, and what it was told.

use crate::client::pending::Link;
use crate::client::pool::Pool;
use crate::client::task::option;
use crate::net::connection::Connection;
use crate::server_connection::{Peer, Settings};
use tokio::time::Instant;

/// One server of a client.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) peer: Peer,
    pub(crate) link: Link,
    /// The call in which it was last tried in vain.
    pub(crate) tried: Option<u64>,
    /// When something last went over it.
    pub(crate) used: Instant,
    /// The server knows of our wish to hear of exceptions.
    told: bool,
    /// The server said that it can be asked about keys of [`crate::MAX_UNIQUE`] bytes.
    pub(crate) long_keys: bool,
    /// Where connections come from and go to.
    pool: Option<Pool>,
}

impl Route {
    pub(crate) fn new(peer: Peer, pool: Option<Pool>) -> Route {
        Route { peer, link: Link::default(), tried: None, used: Instant::now(), told: false, long_keys: false, pool }
    }

    /// Where no connection is there or on its way, takes one that another client has left.
    pub(crate) fn reuse(&mut self, exceptions: bool, settings: &Settings) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.peer.is_down()) else { return };
        if let Some((mut connection, told)) = pool.take(self.peer.server(), exceptions) {
            connection.set_limit(settings.max_packet);
            self.peer.adopt(connection);
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
        let connection = self.peer.up()?;
        if exceptions && !self.told {
            option(connection.outbox(), b"exceptions");
            self.link.sent_option();
            self.told = true;
        }
        Some(connection)
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.link.is_idle()) else { return };
        if let Some(connection) = self.peer.release() {
            pool.give(self.peer.server().clone(), self.told, connection);
        }
    }
}
