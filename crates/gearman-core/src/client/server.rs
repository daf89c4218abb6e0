//! A server as a client uses it: its connection, the answers that are due there, and the options that were sent.
//!
//! Must never know tasks, but for their numbers. What is known of a connection is forgotten when another takes its place.
//! When it is dropped with nothing due, its connection goes to the pool.

use crate::client::pending::Pending;
use crate::client::pool::Pool;
use crate::client::task::TaskId;
use crate::net::connection::Connection;
use crate::protocol::message::Request;
use crate::server_connection::{ServerConnection, Settings};
use crate::silence::Silence;
use std::time::Duration;

/// One server of a client.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) connection: ServerConnection,
    pub(crate) pending: Pending,
    /// The call in which connecting last failed.
    pub(crate) tried: Option<u64>,
    /// Since its last sign of life, or since it was asked while it owed no answer.
    pub(crate) silence: Silence,
    /// The option `exceptions` was sent.
    exceptions_sent: bool,
    /// The server answered that it can be asked about keys of [`crate::MAX_UNIQUE`] bytes.
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
            silence: Silence::default(),
            exceptions_sent: false,
            long_keys: false,
            pool,
        }
    }

    /// Where there is no connection, and none being made, takes one that another client has left.
    pub(crate) fn reuse(&mut self, exceptions: bool, settings: &Settings) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.connection.is_down()) else { return };
        if let Some((mut connection, exceptions_sent)) =
            pool.take(self.connection.address(), self.connection.tls(), exceptions)
        {
            connection.set_limit(settings.max_packet);
            self.connection.adopt(connection);
            self.exceptions_sent = exceptions_sent;
            self.long_keys = false;
            self.silence.begin(&mut self.connection);
        }
    }

    /// A connection was made, and nothing was sent over it yet.
    pub(crate) fn made(&mut self) {
        self.exceptions_sent = false;
        self.long_keys = false;
        self.silence.begin(&mut self.connection);
        if let Some(pool) = &self.pool {
            pool.made();
        }
    }

    /// Something is about to be asked.
    pub(crate) fn is_asked(&mut self) {
        if !self.pending.owes(None) {
            self.silence.begin(&mut self.connection);
        }
    }

    /// Does it owe an answer, to one of `only` where that is given, and gave no sign of life for so long?
    pub(crate) fn is_silent(&self, long: Duration, only: Option<&[TaskId]>) -> bool {
        self.silence.lasts(long) && self.pending.owes(only)
    }

    /// The connection, to append a request. The option `exceptions` is sent before the first
    /// one: a client that asks nothing sends nothing.
    pub(crate) fn for_request(&mut self, exceptions: bool) -> Option<&mut Connection> {
        let connection = self.connection.up()?;
        if exceptions && !self.exceptions_sent {
            Request::Option(b"exceptions").encode(connection.write_buffer());
            self.pending.sent_option();
            self.exceptions_sent = true;
        }
        Some(connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.pending.is_idle()) else { return };
        if let Some(connection) = self.connection.release() {
            let (server, tls) = (self.connection.address().clone(), self.connection.tls().cloned());
            pool.give(server, tls, self.exceptions_sent, connection);
        }
    }
}
