//! What GearmanClient and GearmanWorker have in common: servers, options, a timeout, and how their last call ended.
//!
//! Owns that part of their state ([`Common`]), and the methods that both classes have (methods.rs: a method for both goes
//! there). Must never know which of the two it serves: what differs is in [`Endpoint`].
use crate::endpoint::tls::Files;
use crate::failure::Failure;
use crate::last_error::LastError;
use crate::object::Class;
use crate::zvals::ZvalCell;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::TlsChoice;
use gearman_core::net::watch::Watch;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) mod methods;
pub(crate) mod servers;
pub(crate) mod streams;
pub(crate) mod tls;

/// The state that every endpoint has.
pub(crate) struct Common {
    pub(crate) last_error: LastError,
    /// Milliseconds, negative: none.
    pub(crate) timeout: Cell<i64>,
    pub(crate) options: Cell<i64>,
    pub(crate) tls: RefCell<Files>,
    /// What addServer() and addServers() have added and were false for: who tries again until a name is known means one server.
    pub(crate) refused: RefCell<HashSet<ServerAddress>>,
    /// What getStreams() gave.
    pub(crate) stream: ZvalCell,
}

impl Common {
    /// Of a fresh object, with the options that it has.
    pub(crate) fn new(options: i64) -> Self {
        Common {
            last_error: LastError::new(),
            timeout: Cell::new(-1),
            options: Cell::new(options),
            tls: RefCell::default(),
            refused: RefCell::default(),
            stream: ZvalCell::default(),
        }
    }
    pub(crate) fn has(&self, option: i64) -> bool {
        self.options.get() & option != 0
    }
}

/// A GearmanClient or a GearmanWorker.
pub(crate) trait Endpoint: Class {
    /// The options that a program may change.
    const CHANGEABLE: i64;
    /// The option that says that the timeout counts; 0: it always does.
    const TIMEOUT_OPTION: i64;
    /// The option that says that connections speak TLS.
    const TLS_OPTION: i64;

    fn common(&self) -> &Common;
    /// How long a call waits that begins now; `None`: for ever.
    fn until(&self) -> Option<Instant> {
        let common = self.common();
        let counts = Self::TIMEOUT_OPTION == 0 || common.has(Self::TIMEOUT_OPTION);
        let timeout = u64::try_from(common.timeout.get()).ok().filter(|_| counts)?;
        Some(Instant::now() + Duration::from_millis(timeout.min(1 << 40)))
    }
    /// Adds a server, with the addresses that its name stands for, where they are known.
    fn add(&self, server: ServerAddress, addresses: Vec<Address>);
    /// Is a connection to this server at hand, so that its name need not be looked up?
    fn is_kept(&self, _server: &ServerAddress) -> bool {
        false
    }
    /// How connections are made from now on.
    fn set_tls(&self, tls: TlsChoice);
    /// What event loops watch for it.
    fn with_watch<T>(&self, f: impl FnOnce(&mut Watch) -> T) -> T;
    /// There may be something to do for poll().
    fn rouse(&self) {
        self.with_watch(Watch::rouse);
    }
    /// How many servers it has.
    fn servers(&self) -> usize;
    /// Wishes to be sent exceptions, from now on.
    fn want_exceptions(&self);
    /// Connects to all servers.
    fn connect(&self) -> Result<(), Failure>;
    /// Has all servers send `data` back.
    fn ping(&self, data: &[u8]) -> Result<(), Failure>;
}
