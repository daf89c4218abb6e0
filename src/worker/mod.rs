//! GearmanWorker: its state, and what each of its calls begins with.
//!
//! ```text
//! functions  addFunction(), register() and their kin: the table of functions
//! thrown     what a client is sent of an exception
//! work       work() = next job -> function -> answer; grabJob() and wait()
//! poll       poll()
//! ```
//!
//! What it has in common with a client is in endpoint/. Must never know a packet: the core does. Invariants: no borrow of the
//! core outlives a call of the core's, and none is alive while PHP code may run, which may use this very worker; frames own
//! nothing meanwhile. Jobs do not keep the core alive.
use crate::call::{Str, args, handlers};
use crate::endpoint::methods::endpoint_methods;
use crate::endpoint::{Common, Endpoint, tls};
use crate::failure::Failure;
use crate::ini;
use crate::object::{Class, Entry};
use crate::runtime::{OnSignal, wait_for};
use crate::worker::functions::Functions;
use crate::zvals::Zvals;
use ext_php_rs::types::Zval;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::TlsChoice;
use gearman_core::net::watch::Watch;
use gearman_core::protocol::message::Grab;
use gearman_core::{Error, ReturnCode, worker as core};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

mod functions;
mod poll;
mod thrown;
mod work;

// The tables in arginfo.rs look for each handler here.
pub(crate) use {functions::*, poll::*, work::*};

/// Options, with libgearman's numbers.
mod option {
    pub(super) const NON_BLOCKING: i64 = 2;
    pub(super) const PACKET_INIT: i64 = 4;
    pub(super) const CHANGE: i64 = 64;
    pub(super) const GRAB_UNIQ: i64 = 128;
    pub(super) const TIMEOUT_RETURN: i64 = 256;
    pub(super) const GRAB_ALL: i64 = 512;
    pub(super) const SSL: i64 = 1024;
    pub(super) const STOP_WAIT_ON_SIGNAL: i64 = 8192;
}

pub(crate) struct Worker {
    common: Common,
    /// Shared with jobs, which must not keep it alive.
    core: Rc<RefCell<core::Worker>>,
    /// Callables and contexts of functions, jobs being run and what calls in progress hold.
    zvals: Zvals,
    functions: Functions,
    /// Its server may give it jobs while it sleeps.
    direct: bool,
    /// poll() has told that no server can be reached, and none was since.
    outage: Cell<bool>,
}

impl Class for Worker {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Worker> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        let mut core = core::Worker::new(ini::settings());
        core.prefetch = ini::prefetch();
        core.notices = true;
        let this = Worker {
            common: Common::new(option::GRAB_ALL | option::GRAB_UNIQ | option::PACKET_INIT),
            core: Rc::new(RefCell::new(core)),
            zvals: Zvals::new(0),
            functions: Functions::default(),
            direct: ini::direct_assignment(),
            outage: Cell::default(),
        };
        tls::begin(&this);
        this
    }
    fn zvals(&self) -> *const [Zval] {
        self.zvals.all()
    }
}

impl Endpoint for Worker {
    const CHANGEABLE: i64 = option::NON_BLOCKING
        | option::GRAB_UNIQ
        | option::TIMEOUT_RETURN
        | option::GRAB_ALL
        | option::SSL
        | option::STOP_WAIT_ON_SIGNAL;
    const TIMEOUT_OPTION: i64 = option::TIMEOUT_RETURN;
    const TLS_OPTION: i64 = option::SSL;

    fn common(&self) -> &Common {
        &self.common
    }
    fn add(&self, server: ServerAddress, addresses: Vec<Address>) {
        self.core.borrow_mut().add_server(server, addresses);
        self.rouse();
    }
    fn set_tls(&self, tls: TlsChoice) {
        self.core.borrow_mut().set_tls(tls);
        self.rouse();
    }
    fn with_watch<T>(&self, f: impl FnOnce(&mut Watch) -> T) -> T {
        f(&mut self.core.borrow_mut().watch)
    }
    fn servers(&self) -> usize {
        self.core.borrow().servers()
    }
    fn want_exceptions(&self) {
        self.core.borrow_mut().want_exceptions();
    }
    fn connect(&self) -> Result<(), Failure> {
        self.rouse();
        self.core.borrow_mut().begin();
        wait_for(OnSignal::Resume, || async { self.core.borrow_mut().connect_all().await })
    }
    fn ping(&self, data: &[u8]) -> Result<(), Failure> {
        self.begin();
        let servers = self.servers();
        if servers == 0 {
            return Err(Error::NoServers.into());
        }
        for i in 0..servers {
            let until = self.until();
            wait_for(OnSignal::Resume, || async { self.core.borrow_mut().echo(i, data, until).await })?;
        }
        Ok(())
    }
}

impl Worker {
    fn has(&self, option: i64) -> bool {
        self.common.has(option)
    }

    /// Prepares the core for a call.
    fn begin(&self) {
        self.rouse();
        self.core.borrow_mut().begin();
        self.prepare();
    }

    fn prepare(&self) {
        let mut core = self.core.borrow_mut();
        core.classic = !self.direct || self.has(option::NON_BLOCKING);
        core.grab = match (self.has(option::GRAB_UNIQ), self.has(option::GRAB_ALL)) {
            (false, _) => Grab::Plain,
            (true, false) => Grab::Uniq,
            (true, true) => Grab::All,
        };
        self.common.options.set(self.common.options.get() & !option::CHANGE);
    }

    /// To a NON_BLOCKING worker, servers that are gone are the same as jobs that are not there: the loops that are written
    /// for it leave the waiting to wait(), and go on only for that.
    fn adapted(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Gearman(error) if self.has(option::NON_BLOCKING) => error.away(ReturnCode::NoJobs).into(),
            other => other,
        }
    }
}

endpoint_methods!(Worker);

handlers! {
    /// An id that cannot be one is refused without a warning, as in pecl.
    fn set_id(call) {
        let mut id = Str::NULL;
        let this = args!(call, Worker, "S", &mut id);
        this.rouse();
        this.core.borrow_mut().begin();
        let set = this.core.borrow_mut().set_id(id.or_empty());
        if let Err(error) = &set {
            this.common.last_error.note_error(error);
        }
        call.returns(set.is_ok());
    }
}
