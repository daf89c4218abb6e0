//! GearmanWorker: the table of functions, and work() = next job -> function -> answer.
#![allow(
    clippy::await_holding_refcell_ref,
    reason = "block_on ends, and with it the borrow, before anyone else could want one"
)]
use crate::call::{Call, Str, args, handlers};
use crate::callback::{self, ByReference, Text};
use crate::failure::{Failure, LastError};
use crate::ini;
use crate::job::{self, Job};
use crate::object::{Class, Entry, Zvals, instantiate, object_state};
use crate::runtime::{OnSignal, catch_up, finish, wait_for};
use crate::servers::{self, Endpoint};
use crate::sys::{exception_pending, exit_pending};
use crate::thrown;
use ext_php_rs::ffi::zval;
use ext_php_rs::types::Zval;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::protocol::message::{Grab, Update};
use gearman_core::worker::protocol::Abilities;
use gearman_core::{Error, ReturnCode, worker as core};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::null_mut;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Options, with libgearman's numbers.
mod option {
    pub(super) const NON_BLOCKING: i64 = 2;
    pub(super) const PACKET_INIT: i64 = 4;
    pub(super) const CHANGE: i64 = 64;
    pub(super) const GRAB_UNIQ: i64 = 128;
    pub(super) const TIMEOUT_RETURN: i64 = 256;
    pub(super) const GRAB_ALL: i64 = 512;
    pub(super) const STOP_WAIT_ON_SIGNAL: i64 = 8192;
    /// What a program may change.
    pub(super) const ALL: i64 = NON_BLOCKING | GRAB_UNIQ | TIMEOUT_RETURN | GRAB_ALL | STOP_WAIT_ON_SIGNAL;
    /// What a fresh worker has.
    pub(super) const FRESH: i64 = GRAB_ALL | GRAB_UNIQ | PACKET_INIT;
}

/// GEARMAN_WORKER_WAIT_TIMEOUT: the timeout, in milliseconds, once TIMEOUT_RETURN was removed.
const WAIT_TIMEOUT: i64 = 10_000;

pub(crate) struct Worker {
    /// Callables and contexts of functions, jobs being run and what calls in progress hold.
    zvals: Zvals,
    /// Shared with jobs, which must not keep it alive.
    core: Rc<RefCell<core::Worker>>,
    last_error: LastError,
    /// Its server may give it jobs while it sleeps.
    direct: bool,
    /// Milliseconds, negative: none.
    timeout: Cell<i64>,
    options: Cell<i64>,
    functions: RefCell<HashMap<Vec<u8>, Function>>,
}

/// Slots in `zvals`.
#[derive(Clone, Copy)]
struct Function {
    callable: usize,
    context: usize,
    by_reference: ByReference,
}

impl Class for Worker {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Worker> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        let mut core = core::Worker::new(ini::settings());
        core.prefetch = ini::prefetch();
        Worker {
            zvals: Zvals::new(0),
            core: Rc::new(RefCell::new(core)),
            last_error: LastError::new(),
            direct: ini::direct_assignment(),
            timeout: Cell::new(-1),
            options: Cell::new(option::FRESH),
            functions: RefCell::default(),
        }
    }
    fn zvals(&self) -> *const [Zval] {
        self.zvals.all()
    }
}

impl Endpoint for Worker {
    fn last_error(&self) -> &LastError {
        &self.last_error
    }
    fn add(&self, server: ServerAddress, addresses: Vec<Address>) {
        self.core.borrow_mut().add_server(server, addresses);
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
        self.core.borrow_mut().begin();
        wait_for(OnSignal::Resume, || async { self.core.borrow_mut().connect_all().await })
    }
}

/// How work() ended.
enum Ended {
    /// A job was run, and this is what its function made of it.
    Job(i64),
    /// A job came for a function that is announced and has no callable.
    NoCallable(String),
}

impl Worker {
    fn has(&self, option: i64) -> bool {
        self.options.get() & option != 0
    }

    fn until(&self) -> Option<Instant> {
        let limit = u64::try_from(self.timeout.get()).ok().filter(|_| self.has(option::TIMEOUT_RETURN));
        limit.map(|ms| Instant::now() + Duration::from_millis(ms.min(1 << 40)))
    }

    /// Prepares the core for a call.
    fn begin(&self) {
        let mut core = self.core.borrow_mut();
        core.begin();
        core.classic = !self.direct || self.has(option::NON_BLOCKING);
        core.grab = match (self.has(option::GRAB_UNIQ), self.has(option::GRAB_ALL)) {
            (false, _) => Grab::Plain,
            (true, false) => Grab::Uniq,
            (true, true) => Grab::All,
        };
        self.options.set(self.options.get() & !option::CHANGE);
    }

    /// The next job, waiting for it as the options ask.
    fn next_job(&self, on_signal: OnSignal) -> Result<gearman_core::worker::job::Job, Failure> {
        let at_once = self.has(option::NON_BLOCKING) || self.until().is_some() && self.timeout.get() == 0;
        if !at_once {
            catch_up()?;
        }
        self.begin();
        let until = self.until();
        let job = wait_for(on_signal, || async {
            let mut core = self.core.borrow_mut();
            if at_once { core.try_next_job().await } else { core.next_job(until).await }
        });
        match job {
            Err(Failure::Signal) => {
                self.stop_waiting();
                self.core.borrow_mut().take_arrived().ok_or(Failure::Signal)
            }
            Err(Failure::Thrown) => {
                self.stop_waiting(); // and the job is the next work()'s
                Err(Failure::Thrown)
            }
            Err(Failure::Gearman(Error::WouldBlock | Error::NoJobs)) if !self.has(option::NON_BLOCKING) => {
                Err(self.core.borrow().timeout(Duration::ZERO).into())
            }
            other => other.map_err(|failure| self.adapted(failure)),
        }
    }

    /// To a NON_BLOCKING worker, servers that are gone are the same as jobs that are not there: the loops that are written
    /// for it leave the waiting to wait(), and go on only for that.
    fn adapted(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Gearman(error) if self.has(option::NON_BLOCKING) => error.away(ReturnCode::NoJobs).into(),
            other => other,
        }
    }

    /// A signal ended the wait: takes in a job that is on its way.
    fn stop_waiting(&self) {
        if self.core.borrow_mut().is_waiting_directly() {
            finish(async { self.core.borrow_mut().stop_waiting().await });
        }
    }

    fn wait(&self) -> Result<(), Failure> {
        catch_up()?;
        self.begin();
        let until = self.until();
        let waited = wait_for(OnSignal::Return, || async { self.core.borrow_mut().wait_for_job(until).await });
        if matches!(waited, Err(Failure::Signal | Failure::Thrown)) {
            self.stop_waiting();
        }
        waited
    }

    fn work(&self) -> Result<Ended, Failure> {
        let job = self.next_job(OnSignal::Return)?;
        let Some(function) = self.functions.borrow().get(&job.function[..]).copied() else {
            // It stays with this worker until it disconnects; register() announced its function.
            return Ok(Ended::NoCallable(job.function.escape_ascii().to_string()));
        };
        let object = instantiate::<Job>();
        let this = object_state::<Job>(&object);
        this.begin(job, Rc::downgrade(&self.core));
        // All that the call needs lies in the job's object, and that in ours: the function may unregister
        // or replace itself.
        let zvals = &this.zvals;
        drop(zvals.replace(job::CALLABLE, self.zvals.get(function.callable)));
        drop(zvals.replace(job::CONTEXT, self.zvals.get(function.context)));
        drop(zvals.replace(job::THIS, object.shallow_clone())); // a cycle, broken below
        let slot = self.zvals.add(object);
        // SAFETY: listed at `slot` until it is removed below; a longjmp leaves it there.
        let this = unsafe { self.zvals.state::<Job>(slot) };
        let result = callback::call(&this.zvals, job::CALLABLE, [job::THIS, job::CONTEXT], function.by_reference);
        let ended = match result {
            Some(result) => self.answer(this, result),
            None => self.answer_thrown(this),
        };
        this.end();
        for i in [job::CALLABLE, job::CONTEXT, job::THIS] {
            drop(this.zvals.replace(i, Zval::new()));
        }
        drop(self.zvals.remove(slot));
        ended.map(Ended::Job)
    }

    /// The function returned: sends its result, and gives the code that work() ends with.
    fn answer(&self, job: &Job, result: usize) -> Result<i64, Failure> {
        let code = job.code();
        let good = [ReturnCode::Success, ReturnCode::Shutdown].iter().any(|c| c.number() == code);
        let sent = match (job.has_ended(), good) {
            (true, _) => Ok(()),
            (false, false) => job.send(Update::Fail),
            (false, true) => match Text::of(&job.zvals, result) {
                Some(text) => job.send(Update::Complete(text.bytes())),
                None => {
                    drop(job.zvals.remove(result));
                    return self.answer_thrown(job);
                }
            },
        };
        drop(job.zvals.remove(result));
        match sent {
            Ok(()) => Ok(code),
            Err(_) if !job.is_ours() => Ok(code), // forked inside the function: it was never ours to answer
            Err(failure) => Err(self.adapted(failure)),
        }
    }

    /// The function threw or called exit(). The exception stays pending, and leaves work().
    fn answer_thrown(&self, job: &Job) -> Result<i64, Failure> {
        // Which may take PHP code, and that may call exit().
        let text = if exit_pending() || job.has_ended() { Vec::new() } else { thrown::describe(&job.zvals) };
        if exit_pending() {
            // The job is not done. Its connection is closed, so that the server gives it to another worker.
            if let Some(unfinished) = job.end() {
                self.core.borrow_mut().give_back(&unfinished);
            }
        } else {
            // A failure to send it need not be reported: the exception itself comes out of work().
            let _ = if job.has_ended() { Ok(()) } else { job.send(Update::Exception(&text)) };
            self.last_error.note(ReturnCode::WorkException.number(), "the function threw");
        }
        Err(Failure::Thrown)
    }

    fn set_function(
        &self,
        name: &[u8],
        callable: Zval,
        by_reference: ByReference,
        context: Zval,
        timeout: i64,
    ) -> Result<(), Error> {
        self.core.borrow_mut().abilities.add(name, milliseconds(timeout))?;
        let (callable, context) = (self.zvals.add(callable), self.zvals.add(context));
        if by_reference.context() {
            self.zvals.refer(context); // one and the same for every job, so that what is counted there stays
        }
        let function = Function { callable, context, by_reference };
        let replaced = self.functions.borrow_mut().insert(name.to_vec(), function);
        self.drop_function(replaced);
        self.options.set(self.options.get() | option::CHANGE);
        Ok(())
    }

    fn drop_functions(&self, names: impl IntoIterator<Item = Vec<u8>>) {
        for name in names {
            let function = self.functions.borrow_mut().remove(&name);
            self.drop_function(function);
        }
        self.options.set(self.options.get() | option::CHANGE);
    }

    fn drop_function(&self, function: Option<Function>) {
        if let Some(function) = function {
            drop(self.zvals.remove(function.callable));
            drop(self.zvals.remove(function.context));
        }
    }

    /// Changes what the worker can do, and reports it.
    fn change_abilities(&self, call: Call, change: impl FnOnce(&mut Abilities) -> Result<(), Error>) -> bool {
        let changed = change(&mut self.core.borrow_mut().abilities);
        match changed {
            Ok(()) => {
                self.last_error.set(ReturnCode::Success);
                self.options.set(self.options.get() | option::CHANGE);
                call.returns(true);
                true
            }
            Err(error) => {
                if self.last_error.report(call, error.into()) {
                    call.returns(false);
                }
                false
            }
        }
    }
}

/// PHP's seconds in the protocol's milliseconds; 0 and below: none.
fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).map_or(0, |s| s.saturating_mul(1000))
}

fn change_options(call: Call, change: impl FnOnce(i64, i64) -> i64) {
    let mut given = 0i64;
    let this = args!(call, Worker, "l", &mut given);
    let old = this.options.get();
    let new = change(old & option::ALL, given & option::ALL) | old & !option::ALL;
    if old & !new & option::TIMEOUT_RETURN != 0 {
        this.timeout.set(WAIT_TIMEOUT);
    }
    this.options.set(new);
    call.returns(true);
}

/// Does work() return false without a warning?
fn is_quiet(code: ReturnCode) -> bool {
    matches!(
        code,
        ReturnCode::IoWait
            | ReturnCode::WorkFail
            | ReturnCode::WorkException
            | ReturnCode::Timeout
            | ReturnCode::NoJobs
    )
}

/// A signal was handled. No job was run, and nothing is wrong: `while (!$stop && $worker->work());` looks at
/// $stop. Programs that want to distinguish it from a job ask for it.
fn interrupted(call: Call, this: &Worker) {
    let tell = this.has(option::STOP_WAIT_ON_SIGNAL);
    if tell {
        this.last_error.interrupted()
    } else {
        this.last_error.set(ReturnCode::Success)
    }
    call.returns(!tell);
}

/// Notes why there was no job, warning where pecl does, and gives PHP its false.
fn no_job(call: Call, this: &Worker, failure: Failure) {
    match failure {
        Failure::Gearman(error) if is_quiet(error.code()) => this.last_error.fail(&error),
        other => {
            if !this.last_error.report(call, other) {
                return;
            }
        }
    }
    call.returns(false);
}

handlers! {
    /// Harmless when called twice or never.
    fn construct(call) {
        servers::add_defaults(args!(call, Worker, ""));
    }
    /// The end of the object does what there is to do.
    fn destruct(call) {
        args!(call, Worker, "");
    }
    fn return_code(call) {
        call.returns(args!(call, Worker, "").last_error.code());
    }
    fn error(call) {
        call.returns(args!(call, Worker, "").last_error.error());
    }
    fn get_errno(call) {
        args!(call, Worker, "");
        call.returns(0);
    }

    fn options(call) {
        call.returns(args!(call, Worker, "").options.get());
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
        call.returns(args!(call, Worker, "").timeout.get());
    }
    fn set_timeout(call) {
        let mut timeout = 0i64;
        let this = args!(call, Worker, "l", &mut timeout);
        this.timeout.set(timeout);
        this.options.set(this.options.get() | option::TIMEOUT_RETURN);
        call.returns(true);
    }
    /// An id that cannot be one is refused without a warning, as in pecl.
    fn set_id(call) {
        let mut id = Str::NULL;
        let this = args!(call, Worker, "S", &mut id);
        this.core.borrow_mut().begin();
        let set = this.core.borrow_mut().set_id(id.or_empty());
        if let Err(error) = &set {
            this.last_error.fail(error);
        }
        call.returns(set.is_ok());
    }

    fn add_server(call) {
        let (mut host, mut port, mut setup) = (Str::NULL, 0i64, true);
        let this = args!(call, Worker, "|S!lb", &mut host, &mut port, &mut setup);
        servers::add_server(call, this, host, port, setup);
    }
    fn add_servers(call) {
        let (mut list, mut setup) = (Str::NULL, true);
        let this = args!(call, Worker, "|S!b", &mut list, &mut setup);
        servers::add_servers(call, this, list, setup);
    }
    fn enable_exception_handler(call) {
        servers::enable_exception_handler(call, args!(call, Worker, ""));
    }

    /// "z" for name and function: pecl warns where PHP's parser would convert or throw.
    fn add_function(call) {
        let (mut name, mut f, mut context, mut timeout) = (null_mut::<zval>(), null_mut::<zval>(), null_mut::<zval>(), 0i64);
        let this = args!(call, Worker, "zz|zl", &mut name, &mut f, &mut context, &mut timeout);
        // SAFETY: arguments of this call.
        let (name, given) = unsafe { ((*name).zend_str(), context.as_ref()) };
        let refused = ReturnCode::InvalidArgument.number();
        let Some(name) = name else {
            if this.last_error.refuse(call, refused, "the function's name must be a string") {
                call.returns(false);
            }
            return;
        };
        let Some(by_reference) = callback::parameters(f) else {
            let text = format_args!("function {} is not callable", name.as_bytes().escape_ascii());
            if !exception_pending() && this.last_error.refuse(call, refused, text) {
                call.returns(false);
            }
            return;
        };
        // SAFETY: as above.
        let callable = unsafe { (*f).shallow_clone() };
        let context = given.map_or_else(Zval::new, Zval::shallow_clone);
        match this.set_function(name.as_bytes(), callable, by_reference, context, timeout) {
            Ok(()) => {
                this.last_error.set(ReturnCode::Success);
                call.returns(true);
            }
            Err(error) => if this.last_error.report(call, error.into()) {
                call.returns(false);
            }
        }
    }
    fn register(call) {
        let (mut name, mut timeout) = (Str::NULL, 0i64);
        let this = args!(call, Worker, "S|l", &mut name, &mut timeout);
        this.change_abilities(call, |abilities| abilities.add(name.or_empty(), milliseconds(timeout)));
    }
    fn unregister(call) {
        let mut name = Str::NULL;
        let this = args!(call, Worker, "S", &mut name);
        if this.change_abilities(call, |abilities| abilities.remove(name.or_empty())) {
            this.drop_functions([name.or_empty().to_vec()]);
        }
    }
    fn unregister_all(call) {
        let this = args!(call, Worker, "");
        if this.change_abilities(call, Abilities::clear) {
            let names: Vec<_> = this.functions.borrow().keys().cloned().collect();
            this.drop_functions(names);
        }
    }

    fn work(call) {
        let this = args!(call, Worker, "");
        match this.work() {
            Ok(Ended::Job(code)) => {
                let (success, text) = (code == ReturnCode::Success.number(), "the function ended the job with this code");
                if success {
                    this.last_error.set(ReturnCode::Success);
                } else if ReturnCode::from_number(code).is_some_and(is_quiet) {
                    this.last_error.note(code, text);
                } else if !this.last_error.refuse(call, code, text) {
                    return;
                }
                call.returns(success);
            }
            Ok(Ended::NoCallable(function)) => {
                let text = function + ": a job for it came, and it is registered without a callable: use addFunction()";
                if this.last_error.refuse(call, ReturnCode::InvalidFunctionName.number(), text) {
                    call.returns(false);
                }
            }
            Err(Failure::Signal) => interrupted(call, this),
            Err(failure) => no_job(call, this, failure),
        }
    }
    fn grab_job(call) {
        let this = args!(call, Worker, "");
        this.begin();
        let until = this.until();
        match wait_for(OnSignal::Resume, || async { this.core.borrow_mut().grab_job(until).await }) {
            Ok(job) => {
                let object = instantiate::<Job>();
                object_state::<Job>(&object).begin(job, Rc::downgrade(&this.core));
                this.last_error.set(ReturnCode::Success);
                call.returns(object);
            }
            Err(failure) => if this.last_error.report(call, this.adapted(failure)) {
                call.returns(false);
            }
        }
    }
    /// Until there is a job for work() to run. While no server is there, one pause between two tries.
    fn wait(call) {
        let this = args!(call, Worker, "");
        match this.wait() {
            Ok(()) => {
                this.last_error.set(ReturnCode::Success);
                call.returns(true);
            }
            Err(Failure::Signal) => interrupted(call, this),
            Err(Failure::Gearman(Error::NoServers | Error::NoFunctions)) => no_job(call, this, Error::NothingToWaitFor.into()),
            Err(Failure::Gearman(error)) => no_job(call, this, error.away(ReturnCode::NoActiveFds).into()),
            Err(failure) => no_job(call, this, failure),
        }
    }
    fn ping(call) {
        let mut data = Str::NULL;
        let this = args!(call, Worker, "S", &mut data);
        this.begin();
        let servers = this.core.borrow().servers();
        let mut result = if servers == 0 { Err(Error::NoServers.into()) } else { Ok(()) };
        for i in 0..servers {
            if result.is_ok() {
                let until = this.until();
                let data = data.or_empty();
                result = wait_for(OnSignal::Resume, || async { this.core.borrow_mut().echo(i, data, until).await });
            }
        }
        match result {
            Ok(()) => {
                this.last_error.set(ReturnCode::Success);
                call.returns(true);
            }
            Err(failure) => if this.last_error.report(call, failure) {
                call.returns(false);
            }
        }
    }
}
