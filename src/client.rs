//! GearmanClient: converts, delegates, reports. Each fn in `handlers!` is a method and its
//! procedural twin. Nothing is owned by these frames while PHP code may run.
#![allow(
    clippy::await_holding_refcell_ref,
    reason = "block_on ends, and with it the borrow, before anyone else could want one"
)]
use crate::bytes_cell::BytesCell;
use crate::call::{Call, Reply, Str, args, handlers, string};
use crate::callback::ByReference;
use crate::failure::{Failure, LastError};
use crate::ini;
use crate::object::{Class, Entry, Zvals};
use crate::pool;
use crate::runtime::{OnSignal, wait_for};
use crate::servers::{self, Endpoint};
use crate::tasks::{ById, CALLBACKS, Callback, add, is_good, new_task, set_callback};
use bytes::Bytes;
use ext_php_rs::ffi::zval;
use ext_php_rs::types::Zval;
use gearman_core::client as core;
use gearman_core::client::task::{Ask, Event, Known, TaskId};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::protocol::message::Priority;
use gearman_core::{Error, ReturnCode};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ptr::null_mut;
use std::time::Duration;
use tokio::time::Instant;

/// Options, with libgearman's numbers.
pub(crate) mod option {
    pub(crate) const NON_BLOCKING: i64 = 2;
    pub(crate) const UNBUFFERED_RESULT: i64 = 8;
    pub(crate) const FREE_TASKS: i64 = 32;
    pub(crate) const GENERATE_UNIQUE: i64 = 64;
    pub(crate) const STOP_WAIT_ON_SIGNAL: i64 = 1024;
    /// What a program may change.
    pub(crate) const ALL: i64 = NON_BLOCKING | UNBUFFERED_RESULT | FREE_TASKS | GENERATE_UNIQUE | STOP_WAIT_ON_SIGNAL;
}

pub(crate) struct Client {
    /// The callbacks, then the tasks that are not over and what calls in progress hold.
    pub(crate) zvals: Zvals,
    /// What the callbacks take by reference.
    pub(crate) by_reference: Cell<[ByReference; CALLBACKS]>,
    pub(crate) core: RefCell<core::Client>,
    pub(crate) last_error: LastError,
    /// Milliseconds without an answer from a server, negative: any number.
    timeout: Cell<i64>,
    options: Cell<i64>,
    context: BytesCell,
    /// Handle of the last background job.
    handle: BytesCell,
    /// The result being given to PHP.
    reply: BytesCell,
    /// Tasks that runTasks() has still to send: slots in `zvals`, and what is to be sent.
    pub(crate) added: RefCell<VecDeque<(usize, Ask)>>,
    /// Tasks that were sent: slots in `zvals`.
    pub(crate) sent: RefCell<HashMap<TaskId, usize, ById>>,
    /// An event whose callback asked to pause: called again by the next runTasks().
    pub(crate) again: Cell<Option<(TaskId, Event)>>,
    /// Why the first task failed of those that runTasks() has still to report.
    pub(crate) failed: Cell<Option<Box<Error>>>,
    /// The last runTasks() has not waited for what it began: the next one, and wait(), go on with it.
    pub(crate) unfinished: Cell<bool>,
}

impl Class for Client {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Client> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        Client {
            zvals: Zvals::new(CALLBACKS),
            by_reference: Cell::default(),
            core: RefCell::new(new_core()),
            last_error: LastError::new(),
            timeout: Cell::new(-1),
            options: Cell::new(option::FREE_TASKS),
            context: BytesCell::default(),
            handle: BytesCell::default(),
            reply: BytesCell::default(),
            added: RefCell::default(),
            sent: RefCell::default(),
            again: Cell::default(),
            failed: Cell::default(),
            unfinished: Cell::default(),
        }
    }
    fn zvals(&self) -> *const [Zval] {
        self.zvals.all()
    }
}

impl Endpoint for Client {
    fn last_error(&self) -> &LastError {
        &self.last_error
    }
    fn add(&self, server: ServerAddress, addresses: Vec<Address>) {
        self.core.borrow_mut().add_server(server, addresses);
    }
    fn is_kept(&self, server: &ServerAddress) -> bool {
        self.core.borrow().is_kept(server)
    }
    fn has_servers(&self) -> bool {
        self.core.borrow().servers() > 0
    }
    fn want_exceptions(&self) {
        self.core.borrow_mut().want_exceptions();
    }
    fn connect(&self) -> Result<(), Failure> {
        if !self.has_servers() {
            return Err(Error::NoServers.into());
        }
        self.begin();
        wait_for(OnSignal::Resume, || async { self.core.borrow_mut().connect_all().await })
    }
}

fn new_core() -> core::Client {
    let mut core = core::Client::new(ini::settings());
    if ini::persistent() {
        core.set_pool(pool::shared());
    }
    core
}

impl Client {
    pub(crate) fn has(&self, option: i64) -> bool {
        self.options.get() & option != 0
    }

    pub(crate) fn begin(&self) {
        self.core.borrow_mut().begin();
    }

    /// A server that could not be reached is not tried again by what goes on with a run: else a program that alternates
    /// runTasks() and wait() would never be told of it.
    pub(crate) fn begin_or_resume(&self) {
        match self.unfinished.get() {
            true => self.core.borrow_mut().resume(),
            false => self.core.borrow_mut().begin(),
        }
    }

    /// Waits for an event of any task, at most as long as setTimeout() allows. It may have come to a call that a signal handler
    /// makes meanwhile, and then there may be nothing else to come.
    pub(crate) fn wait_for_news(&self) -> Result<(), Failure> {
        let (timeout, reports) = (self.timeout.get(), self.core.borrow().reports());
        let until = u64::try_from(timeout).ok().map(|ms| Instant::now() + Duration::from_millis(ms.min(1 << 40)));
        let on_signal = if self.has(option::STOP_WAIT_ON_SIGNAL) { OnSignal::Return } else { OnSignal::Resume };
        wait_for(on_signal, || async {
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
                self.core.borrow_mut().forget(id);
                return Err(failure);
            }
        }
    }

    /// Asks and waits for the answer.
    fn ask(&self, ask: Result<Ask, Error>) -> Result<Event, Failure> {
        let ask = ask?;
        self.begin();
        let id = self.core.borrow_mut().call(ask);
        self.end_of(id)
    }

    fn ping(&self, data: &[u8]) -> Result<(), Failure> {
        Ask::echo(data)?; // an argument that cannot be sent is reported before a missing server
        self.begin();
        let servers = self.core.borrow().servers();
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

/// do*() and do*Background().
fn submit(call: Call, priority: Priority, background: bool) {
    let (mut function, mut workload, mut unique) = (Str::NULL, Str::NULL, Str::NULL);
    let this = args!(call, Client, "SS|S!", &mut function, &mut workload, &mut unique);
    let (function, workload) = (function.or_empty(), workload.or_empty());
    let unique = this.core.borrow_mut().unique(unique.or_empty(), workload);
    match this.ask(Ask::submit(priority, background, function, unique.as_ref(), workload)) {
        Ok(Event::Created(handle)) => {
            this.last_error.set(ReturnCode::Success);
            this.handle.set(Bytes::copy_from_slice(&handle)); // for long, see Event
            call.returns(this.handle.or_empty());
        }
        Ok(Event::Complete(result)) => {
            this.last_error.set(ReturnCode::Success);
            this.reply.set(result);
            call.returns(this.reply.or_empty());
            this.reply.set(None);
        }
        Ok(other) => {
            let (code, text) = match other {
                Event::Exception(_) => (ReturnCode::WorkException, "the job ended by an exception"),
                _ => (ReturnCode::WorkFail, "the job failed"),
            };
            this.last_error.note(code.number(), text);
            call.returns(&b""[..]);
        }
        Err(failure) => {
            if this.last_error.report(call, failure) {
                call.returns(&b""[..]);
            }
        }
    }
}

fn change_options(call: Call, change: impl FnOnce(i64, i64) -> i64) {
    let mut given = 0i64;
    let this = args!(call, Client, "l", &mut given);
    this.options.set(change(this.options.get(), given & option::ALL));
    call.returns(true);
}

/// What jobStatus() gives.
fn status(known: Known) -> Reply {
    [known.known.into(), known.running.into(), i64::from(known.numerator).into(), i64::from(known.denominator).into()]
        .into()
}

handlers! {
    /// Harmless when called twice or never.
    fn construct(call) {
        servers::add_defaults(args!(call, Client, ""));
    }
    /// The end of the object does what there is to do.
    fn destruct(call) {
        args!(call, Client, "");
    }
    fn return_code(call) {
        call.returns(args!(call, Client, "").last_error.code());
    }
    fn error(call) {
        call.returns(args!(call, Client, "").last_error.error());
    }
    fn get_errno(call) {
        args!(call, Client, "");
        call.returns(0);
    }

    fn options(call) {
        call.returns(args!(call, Client, "").options.get());
    }
    fn set_options(call) {
        change_options(call, |_, given| given);
    }
    fn add_options(call) {
        change_options(call, |old, given| old | given);
    }
    fn remove_options(call) {
        change_options(call, |old, given| old & !given);
    }
    fn timeout(call) {
        call.returns(args!(call, Client, "").timeout.get());
    }
    fn set_timeout(call) {
        let mut timeout = 0i64;
        let this = args!(call, Client, "l", &mut timeout);
        this.timeout.set(timeout);
        call.returns(true);
    }
    fn context(call) {
        call.returns(args!(call, Client, "").context.or_empty());
    }
    fn set_context(call) {
        let mut context = Str::NULL;
        let this = args!(call, Client, "S", &mut context);
        this.context.set(Bytes::copy_from_slice(context.or_empty()));
        call.returns(true);
    }

    fn add_server(call) {
        let (mut host, mut port, mut setup) = (Str::NULL, 0i64, true);
        let this = args!(call, Client, "|S!lb", &mut host, &mut port, &mut setup);
        servers::add_server(call, this, host, port, setup);
    }
    fn add_servers(call) {
        let (mut list, mut setup) = (Str::NULL, true);
        let this = args!(call, Client, "|S!b", &mut list, &mut setup);
        servers::add_servers(call, this, list, setup);
    }
    fn enable_exception_handler(call) {
        servers::enable_exception_handler(call, args!(call, Client, ""));
    }

    fn r#do(call) {
        submit(call, Priority::Normal, false);
    }
    fn do_normal(call) {
        submit(call, Priority::Normal, false);
    }
    fn do_high(call) {
        submit(call, Priority::High, false);
    }
    fn do_low(call) {
        submit(call, Priority::Low, false);
    }
    fn do_background(call) {
        submit(call, Priority::Normal, true);
    }
    fn do_high_background(call) {
        submit(call, Priority::High, true);
    }
    fn do_low_background(call) {
        submit(call, Priority::Low, true);
    }
    fn do_job_handle(call) {
        call.returns(args!(call, Client, "").handle.or_empty());
    }
    /// A job of do*() is over when it returns: there is never anything to report.
    fn do_status(call) {
        args!(call, Client, "");
        call.returns([0.into(), 0.into()]);
    }

    fn job_status(call) {
        let mut handle = Str::NULL;
        let this = args!(call, Client, "S", &mut handle);
        let known = match this.ask(Ask::status(handle.or_empty())) {
            Ok(Event::Known(known)) => {
                this.last_error.set(ReturnCode::Success);
                known
            }
            Ok(_) => Known::default(),
            Err(failure) => match this.last_error.report(call, failure) {
                true => Known::default(),
                false => return,
            },
        };
        call.returns(status(known));
    }
    /// Unlike its sibling it leaves returnCode() alone, as in pecl, unless there was no answer, now or the last time.
    fn job_status_by_unique_key(call) {
        let mut unique = Str::NULL;
        let this = args!(call, Client, "S", &mut unique);
        let known = match this.ask(Ask::status_unique(unique.or_empty())) {
            Ok(answer) => {
                this.last_error.answered();
                if let Event::Known(known) = answer { known } else { Known::default() }
            }
            Err(failure) => {
                if !this.last_error.report(call, failure) {
                    return;
                }
                this.last_error.unanswered();
                Known::default()
            }
        };
        call.returns(status(known));
    }
    fn ping(call) {
        let mut data = Str::NULL;
        let this = args!(call, Client, "S", &mut data);
        match this.ping(data.or_empty()) {
            Ok(()) => {
                this.last_error.set(ReturnCode::Success);
                call.returns(true);
            }
            Err(failure) => if this.last_error.report(call, failure) {
                call.returns(false);
            }
        }
    }

    fn add_task(call) {
        add(call, Priority::Normal, false);
    }
    fn add_task_high(call) {
        add(call, Priority::High, false);
    }
    fn add_task_low(call) {
        add(call, Priority::Low, false);
    }
    fn add_task_background(call) {
        add(call, Priority::Normal, true);
    }
    fn add_task_high_background(call) {
        add(call, Priority::High, true);
    }
    fn add_task_low_background(call) {
        add(call, Priority::Low, true);
    }
    fn add_task_status(call) {
        let (mut handle, mut context) = (Str::NULL, null_mut::<zval>());
        let this = args!(call, Client, "S|z", &mut handle, &mut context);
        let task = new_task(string(b""), string(b""));
        this.add_task(call, task, Ask::status(handle.or_empty()), handle, context);
    }
    fn run_tasks(call) {
        let this = args!(call, Client, "");
        match this.run() {
            Ok(code) => {
                if is_good(code) {
                    this.last_error.set_number(code);
                    call.returns(true);
                } else if this.last_error.refuse(call, code, format_args!("a callback returned {code}")) {
                    call.returns(false);
                }
            }
            Err(failure) => if this.last_error.report(call, failure) {
                call.returns(false);
            }
        }
    }
    /// Until there is something for runTasks() to report.
    fn wait(call) {
        let this = args!(call, Client, "");
        this.begin_or_resume();
        // Not every answer is news: that to the exceptions option is not.
        let waited = loop {
            if this.core.borrow().has_events() {
                break Ok(());
            }
            if let Err(failure) = this.wait_for_news() {
                break Err(failure);
            }
        };
        let waited = match waited {
            // runTasks() reports it.
            Err(Failure::Gearman(error)) if error.elsewhere() && this.unfinished.get() => Ok(()),
            Err(Failure::Gearman(Error::NoServers)) => Err(Error::NothingToWaitFor.into()),
            other => other,
        };
        match waited {
            Ok(()) => {
                this.last_error.set(ReturnCode::Success);
                call.returns(true);
            }
            Err(failure) => if this.last_error.report(call, failure) {
                call.returns(false);
            }
        }
    }

    fn set_workload_callback(call) {
        set_callback(call, Callback::Workload);
    }
    fn set_created_callback(call) {
        set_callback(call, Callback::Created);
    }
    fn set_data_callback(call) {
        set_callback(call, Callback::Data);
    }
    fn set_warning_callback(call) {
        set_callback(call, Callback::Warning);
    }
    fn set_status_callback(call) {
        set_callback(call, Callback::Status);
    }
    fn set_complete_callback(call) {
        set_callback(call, Callback::Complete);
    }
    fn set_exception_callback(call) {
        set_callback(call, Callback::Exception);
    }
    fn set_fail_callback(call) {
        set_callback(call, Callback::Fail);
    }
    fn clear_callbacks(call) {
        let this = args!(call, Client, "");
        for i in 0..CALLBACKS {
            drop(this.zvals.replace(i, Zval::new()));
        }
        call.returns(true);
    }
}
