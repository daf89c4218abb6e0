//! Idle connections that a client leaves for the next one. One [`Pool`] serves all clients of a
//! runtime: they take connections from it, and give them back when they end.
//!
//! Owns the connections that no client has. Must never know what was sent over one, but for options that hold for its whole life.
//!
//! A connection is kept only if it is as good as new: no request unanswered, nothing half read or half written. Whether
//! it is still open is checked when it is taken out. One is given only to who wants the same server with the same TLS settings, and
//! while the files that those name are the ones it was made with. A process never finds connections that another process made
//! ([`Connection::is_ours`]).

use crate::net::address::ServerAddress;
use crate::net::connection::Connection;
use crate::net::fork::Process;
use crate::net::tls::TlsSettings;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Idle connections to one server at most. Who needs more at a time makes and closes the others.
const PER_SERVER: usize = 4;
/// Idle connections at most.
const IN_ALL: usize = 32;
/// A connection that was not used for this long is closed when the pool is used next.
const LONGEST: Duration = Duration::from_secs(60);

/// Idle connections of one process. Clones are the same pool.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The process that what is here belongs to.
    process: Process,
    /// The one given back last is last.
    idle: Vec<Idle>,
    reused: u64,
    made: u64,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    server: ServerAddress,
    /// How TLS is spoken over it, if it is.
    tls: Option<Arc<TlsSettings>>,
    /// The option `exceptions` was sent. That can't be taken back.
    exceptions: bool,
    since: Instant,
}

impl Idle {
    fn is_to(&self, server: &ServerAddress, tls: Option<&Arc<TlsSettings>>) -> bool {
        self.server == *server && self.tls.as_ref() == tls
    }
}

/// What a pool has done, in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that wait to be used again.
    pub idle: usize,
    /// How often one was.
    pub reused: u64,
    /// How often a client made a new one.
    pub made: u64,
}

impl Pool {
    /// The state as this process may see it.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let process = Process::this();
        if inner.process != process {
            *inner = Inner { process, ..Inner::default() };
        }
        let now = Instant::now();
        inner.idle.retain(|i| now.saturating_duration_since(i.since) < LONGEST);
        inner
    }

    /// How many there are, and were.
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts { idle: inner.idle.len(), reused: inner.reused, made: inner.made }
    }

    /// Is there one to this server and with these settings, of use or not?
    pub fn knows(&self, server: &ServerAddress, tls: Option<&Arc<TlsSettings>>) -> bool {
        self.lock().idle.iter().any(|i| i.is_to(server, tls))
    }

    /// Closes what another process made or was not used for long.
    pub fn tidy(&self) {
        drop(self.lock());
    }

    /// Closes all.
    pub fn close(&self) {
        self.lock().idle.clear();
    }

    /// A client has made a connection.
    pub(crate) fn made(&self) {
        self.lock().made += 1;
    }

    /// A connection to this server that is still open and of the files that there are now, and whether the option `exceptions` was sent
    /// over it: never one with it to a client that does not want exceptions.
    pub(crate) fn take(
        &self,
        server: &ServerAddress,
        tls: Option<&Arc<TlsSettings>>,
        exceptions: bool,
    ) -> Option<(Connection, bool)> {
        let mut inner = self.lock();
        loop {
            let find = |wanted| inner.idle.iter().rposition(|i| i.is_to(server, tls) && i.exceptions == wanted);
            let found = find(exceptions).or_else(|| find(false))?;
            let mut idle = inner.idle.remove(found);
            if !idle.connection.is_of_other_files() && !idle.connection.is_stale() {
                inner.reused += 1;
                return Some((idle.connection, idle.exceptions));
            }
        }
    }

    /// Keeps a connection on which nothing is due, unless it is not fit for another client.
    pub(crate) fn give(
        &self,
        server: ServerAddress,
        tls: Option<Arc<TlsSettings>>,
        exceptions: bool,
        mut connection: Connection,
    ) {
        if !connection.is_ours() || connection.has_input() || connection.has_output() {
            return;
        }
        connection.shrink();
        let mut inner = self.lock();
        let is_same = |i: &Idle| i.is_to(&server, tls.as_ref());
        let same = inner.idle.iter().filter(|i| is_same(i)).count();
        let oldest = match same < PER_SERVER {
            true => (inner.idle.len() >= IN_ALL).then_some(0),
            false => inner.idle.iter().position(is_same),
        };
        if let Some(oldest) = oldest {
            inner.idle.remove(oldest);
        }
        inner.idle.push(Idle { connection, server, tls, exceptions, since: Instant::now() });
    }
}
