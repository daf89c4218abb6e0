//! GearmanClient: its state, and how a call waits.
//!
//! ```text
//! do_job     do*(), doBackground() and their kin
//! status     jobStatus*()
//! inquiry    cancelJob*(), jobInfo(), jobResult()
//! callbacks  set*Callback(), and calling back
//! add_task   addTask() and its kin
//! run_tasks  runTasks() and wait()
//! poll       poll()
//! ```
//!
//! What it has in common with a worker is in endpoint/. Must never know a packet: the core does. Invariants: no borrow of the
//! core outlives a call of the core's, and none is alive while PHP code may run, which may use this very client; frames own
//! nothing meanwhile.
use crate::bytes_cell::BytesCell;
use crate::call::{Str, args, handlers};
use crate::client::callbacks::{ByReferences, CALLBACKS};
use crate::client::run_tasks::Tasks;
use crate::endpoint::methods::endpoint_methods;
use crate::endpoint::{Common, Endpoint, tls};
use crate::failure::Failure;
use crate::ini;
use crate::object::{Class, Entry};
use crate::pool;
use crate::runtime::{OnSignal, wait_for};
use crate::zvals::Zvals;
use bytes::Bytes;
use ext_php_rs::types::Zval;
use gearman_core::Error;
use gearman_core::client as core;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::TlsChoice;
use gearman_core::net::watch::Watch;
use std::cell::RefCell;
use std::time::Duration;

mod add_task;
mod callbacks;
mod do_job;
mod inquiry;
mod poll;
mod run_tasks;
mod status;

// The tables in arginfo.rs look for each handler here.
pub(crate) use {add_task::*, callbacks::*, do_job::*, inquiry::*, poll::*, run_tasks::*, status::*};

/// Options, with libgearman's numbers.
mod option {
    pub(super) const NON_BLOCKING: i64 = 2;
    pub(super) const UNBUFFERED_RESULT: i64 = 8;
    pub(super) const FREE_TASKS: i64 = 32;
    pub(super) const GENERATE_UNIQUE: i64 = 64;
    pub(super) const SSL: i64 = 256;
    pub(super) const STOP_WAIT_ON_SIGNAL: i64 = 1024;
}

pub(crate) struct Client {
    common: Common,
    core: RefCell<core::Client>,
    /// The callbacks, then the tasks that are not over and what calls in progress hold.
    zvals: Zvals,
    /// What the callbacks take by reference.
    by_reference: ByReferences,
    tasks: Tasks,
    context: BytesCell,
    /// Handle of the last background job.
    handle: BytesCell,
    /// The result being given to PHP.
    reply: BytesCell,
    /// The piece of it that is being given, where it is not as it came.
    piece: BytesCell,
}

impl Class for Client {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Client> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        let mut core = core::Client::new(ini::settings());
        if ini::persistent() {
            core.set_pool(pool::shared());
        }
        let this = Client {
            common: Common::new(option::FREE_TASKS),
            core: RefCell::new(core),
            zvals: Zvals::new(CALLBACKS),
            by_reference: ByReferences::default(),
            tasks: Tasks::default(),
            context: BytesCell::default(),
            handle: BytesCell::default(),
            reply: BytesCell::default(),
            piece: BytesCell::default(),
        };
        this.common.timeout.set(ini::default_timeout());
        tls::begin(&this);
        this
    }
    fn zvals(&self) -> *const [Zval] {
        self.zvals.all()
    }
}

impl Endpoint for Client {
    const CHANGEABLE: i64 = option::NON_BLOCKING
        | option::UNBUFFERED_RESULT
        | option::FREE_TASKS
        | option::GENERATE_UNIQUE
        | option::SSL
        | option::STOP_WAIT_ON_SIGNAL;
    const TIMEOUT_OPTION: i64 = 0;
    const TLS_OPTION: i64 = option::SSL;

    fn common(&self) -> &Common {
        &self.common
    }
    fn add(&self, server: ServerAddress, addresses: Vec<Address>) {
        self.core.borrow_mut().add_server(server, addresses);
    }
    fn is_kept(&self, server: &ServerAddress) -> bool {
        self.core.borrow().is_kept(server)
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
        self.begin();
        wait_for(OnSignal::Resume, || async { self.core.borrow_mut().connect_all().await })
    }
    fn ping(&self, data: &[u8]) -> Result<(), Failure> {
        Ask::echo(data)?; // an argument that cannot be sent is reported before a missing server
        self.begin();
        let servers = self.servers();
        if servers == 0 {
            return Err(Error::NoServers.into());
        }
        for i in 0..servers {
            let id = self.core.borrow_mut().call_at(i, Ask::echo(data)?);
            match self.end_of(id)? {
                Event::Echoed(back) if back == data => {}
                _ => return Err(Error::EchoCorrupted { server: "a server".into() }.into()),
            }
        }
        Ok(())
    }
}

impl Client {
    /// Prepares the core for a call.
    fn begin(&self) {
        self.rouse();
        self.core.borrow_mut().begin();
    }

    /// Asks and waits for the answer.
    fn ask(&self, ask: Result<Ask, Error>) -> Result<Event, Failure> {
        let ask = ask?;
        self.begin();
        let id = self.core.borrow_mut().call(ask);
        self.end_of(id)
    }

    /// Waits for the end of a call's task.
    fn end_of(&self, id: TaskId) -> Result<Event, Failure> {
        loop {
            if let Some(end) = self.core.borrow_mut().take_end(id) {
                return match end {
                    Event::Error(error) => Err((*error).into()),
                    end => Ok(end),
                };
            }
            if let Err(failure) = self.wait_for_news() {
                let mut core = self.core.borrow_mut();
                core.forget(id);
                if let Failure::Gearman(Error::Timeout { waited, .. }) = &failure {
                    let waited = Duration::from_millis(*waited);
                    // The first half may have gone by with connecting, or sending.
                    core.pass_over(waited, waited / 2, None);
                }
                return Err(failure);
            }
        }
    }

    /// Waits for an event of any task, at most as long as setTimeout() allows. It may have come to a call that a signal handler
    /// makes meanwhile, and then there may be nothing else to come.
    fn wait_for_news(&self) -> Result<(), Failure> {
        let (timeout, until) = (self.common.timeout.get(), self.until());
        let reports = self.core.borrow().reports();
        let stops = self.common.has(option::STOP_WAIT_ON_SIGNAL);
        wait_for(if stops { OnSignal::Return } else { OnSignal::Resume }, || async {
            let mut core = self.core.borrow_mut();
            match timeout {
                _ if core.reports() != reports => Ok(()),
                0 => core
                    .poll_once()
                    .await
                    .and_then(|news| if news { Ok(()) } else { Err(core.timeout(Duration::ZERO)) }),
                _ => core.wait(until).await,
            }
        })
    }
}

endpoint_methods!(Client);

handlers! {
    fn context(call) {
        call.returns(args!(call, Client, "").context.or_empty());
    }
    fn set_context(call) {
        let mut context = Str::NULL;
        let this = args!(call, Client, "S", &mut context);
        this.context.set(Bytes::copy_from_slice(context.or_empty()));
        call.returns(true);
    }
}
