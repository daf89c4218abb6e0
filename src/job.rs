//! GearmanJob: what a worker function gets.
//!
//! Owns a job while its function runs. Must never know how it came, nor when it is over: the worker says. Invariants: the
//! worker is not kept alive by it; what is given to PHP is copied with nothing borrowed.
use crate::bytes_cell::BytesCell;
use crate::call::{Call, Str, args, handlers};
use crate::failure::Failure;
use crate::object::{Class, Entry};
use crate::runtime::{OnSignal, wait_for};
use crate::zvals::Zvals;
use bytes::Bytes;
use ext_php_rs::types::Zval;
use gearman_core::protocol::message::{Decimal, Update};
use gearman_core::worker::Worker;
use gearman_core::worker::job as core;
use gearman_core::{Error, ReturnCode};
use std::cell::{Cell, RefCell};
use std::rc::Weak;

/// A job while its function runs; after grabJob(), for as long as the object lives. Else empty.
pub(crate) struct Job {
    pub(crate) zvals: Zvals,
    /// Each borrow is for a copy, or a packet.
    job: RefCell<Option<core::Job>>,
    worker: RefCell<Weak<RefCell<Worker>>>,
    /// What is sent of it is waited for until the socket has taken it.
    waits: Cell<bool>,
    /// Part of the job that is being given to PHP.
    lent: BytesCell,
    /// What returnCode() gives, and the function ends with.
    code: Cell<i64>,
    /// Why the end of the job, which was sent, has got to nobody.
    untaken: RefCell<Option<Error>>,
}

/// Slots in `zvals`, of what a running function needs.
pub(crate) const CALLABLE: usize = 0;
pub(crate) const CONTEXT: usize = 1;
pub(crate) const THIS: usize = 2;

impl Class for Job {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Job> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        Job {
            zvals: Zvals::new(3),
            job: RefCell::default(),
            worker: RefCell::default(),
            waits: Cell::default(),
            lent: BytesCell::default(),
            code: Cell::new(0),
            untaken: RefCell::default(),
        }
    }
    fn zvals(&self) -> *const [Zval] {
        self.zvals.all()
    }
}

impl Job {
    /// Unless it `waits`, what the socket does not take at once is left to poll().
    pub(crate) fn begin(&self, job: core::Job, worker: Weak<RefCell<Worker>>, waits: bool) {
        self.waits.set(waits);
        *self.job.borrow_mut() = Some(job);
        *self.worker.borrow_mut() = worker;
    }

    /// The function has ended: from now on as `new GearmanJob` gives it.
    pub(crate) fn end(&self) -> Option<core::Job> {
        self.lent.set(None);
        self.job.borrow_mut().take()
    }

    /// The code that the function ended with.
    pub(crate) fn code(&self) -> i64 {
        self.code.get()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.job.borrow().as_ref().is_none_or(core::Job::has_ended)
    }

    /// Why its end has got to nobody, where the function ends with that.
    pub(crate) fn untaken(&self) -> Option<Error> {
        self.untaken.borrow().clone().filter(|error| error.code().number() == self.code())
    }

    /// Was it given to this process?
    pub(crate) fn is_ours(&self) -> bool {
        self.job.borrow().as_ref().is_none_or(core::Job::is_ours)
    }

    /// Says something of the job and waits until it is written, unless poll() runs it.
    pub(crate) fn send(&self, update: Update<'_>) -> Result<(), Failure> {
        let worker =
            || self.worker.borrow().upgrade().ok_or(Error::JobGone("its worker is gone, or it was never given to one"));
        let written = {
            let worker = worker()?;
            let mut worker = worker.borrow_mut();
            let mut job = self.job.borrow_mut();
            let job = job.as_mut().ok_or(Error::JobGone("its function has returned"))?;
            worker.send(job, update)?;
            !(self.waits.get() && worker.has_output(job))
        };
        match written {
            true => Ok(()),
            // The worker is looked up anew each time: a reference held here would outlive a longjmp out of a signal
            // handler, and keep its connections open.
            false => wait_for(OnSignal::Resume, || async {
                let (worker, job) = (worker()?, self.job.borrow());
                let Some(job) = job.as_ref() else { return Ok(()) };
                worker.borrow_mut().flush(job).await
            }),
        }
    }

    /// Has the server told that the job was cancelled?
    fn is_cancelled(&self) -> Result<bool, Failure> {
        wait_for(OnSignal::Resume, || async {
            let Some(worker) = self.worker.borrow().upgrade() else { return Ok(false) };
            let (mut worker, mut job) = (worker.borrow_mut(), self.job.borrow_mut());
            Ok(match job.as_mut() {
                Some(job) => worker.is_cancelled(job).await,
                None => false,
            })
        })
    }

    /// A part of the job, `None` where there is no job. To be copied at once, as all of [`BytesCell`]'s: the borrow
    /// has ended, which a longjmp out of PHP's allocator would not do.
    fn lend(&self, part: impl FnOnce(&core::Job) -> &Bytes) -> Option<&[u8]> {
        self.lent.set(self.job.borrow().as_ref().map(part).cloned());
        self.lent.get()
    }
}

/// A send*() method, once its arguments are known.
fn send(call: Call, this: &Job, update: Update<'_>) {
    let fruitless = this.job.borrow().is_none();
    match this.send(update) {
        Ok(()) => {
            this.code.set(ReturnCode::Success.number());
            call.returns(true);
        }
        Err(Failure::Gearman(error)) => {
            this.code.set(error.code().number());
            if this.has_ended() {
                this.untaken.borrow_mut().get_or_insert_with(|| error.clone());
            }
            // A part of a result that nobody waits for is not worth a warning.
            if !(fruitless && matches!(update, Update::Data(_) | Update::Warning(_))) {
                call.warn(error);
            }
            call.returns(false);
        }
        Err(Failure::Thrown | Failure::Signal) => {}
    }
}

/// A number of a status: C peers keep 32 bits.
fn count(call: Call, this: &Job, n: i64) -> Option<Decimal> {
    let good = u32::try_from(n).ok().map(|n| Decimal::new(n.into()));
    if good.is_none() {
        this.code.set(ReturnCode::InvalidArgument.number());
        call.warn(format_args!("{n} cannot be sent as a status: numbers from 0 to 4294967295 can"));
        call.returns(false);
    }
    good
}

handlers! {
    fn destruct(call) {
        args!(call, Job, "");
    }
    fn return_code(call) {
        call.returns(args!(call, Job, "").code.get());
    }
    fn set_return(call) {
        let mut code = 0i64;
        let this = args!(call, Job, "l", &mut code);
        if ReturnCode::from_number(code).is_none() {
            call.warn(format_args!("{code} is no return code: those are 0 to {}", ReturnCode::MaxReturn.number()));
            return call.returns(false);
        }
        this.code.set(code);
        call.returns(true);
    }

    fn send_data(call) {
        let mut data = Str::NULL;
        let this = args!(call, Job, "S", &mut data);
        send(call, this, Update::Data(data.or_empty()));
    }
    fn send_warning(call) {
        let mut text = Str::NULL;
        let this = args!(call, Job, "S", &mut text);
        send(call, this, Update::Warning(text.or_empty()));
    }
    fn send_status(call) {
        let (mut numerator, mut denominator) = (0i64, 0i64);
        let this = args!(call, Job, "ll", &mut numerator, &mut denominator);
        let Some(n) = count(call, this, numerator) else { return };
        let Some(d) = count(call, this, denominator) else { return };
        send(call, this, Update::Status(n.as_ref(), d.as_ref()));
    }
    fn send_complete(call) {
        let mut result = Str::NULL;
        let this = args!(call, Job, "S", &mut result);
        send(call, this, Update::Complete(result.or_empty()));
    }
    fn send_exception(call) {
        let mut text = Str::NULL;
        let this = args!(call, Job, "S", &mut text);
        if text.or_empty().is_empty() {
            this.code.set(ReturnCode::InvalidArgument.number());
            call.warn("the text of an exception must not be empty");
            return call.returns(false);
        }
        send(call, this, Update::Exception(text.or_empty()));
    }
    fn send_fail(call) {
        let this = args!(call, Job, "");
        send(call, this, Update::Fail);
    }

    fn handle(call) {
        call.returns(args!(call, Job, "").lend(|job| &job.handle));
    }
    fn function_name(call) {
        call.returns(args!(call, Job, "").lend(|job| &job.function));
    }
    fn unique(call) {
        call.returns(args!(call, Job, "").lend(|job| &job.unique));
    }
    fn workload(call) {
        call.returns(args!(call, Job, "").lend(|job| &job.workload).unwrap_or_default());
    }
    fn attempt(call) {
        let this = args!(call, Job, "");
        call.returns(this.job.borrow().as_ref().map_or(0, |job| i64::from(job.attempt)));
    }
    /// Signal handlers run as in every wait, short as this one is. What fails is seen by the next send*().
    fn is_cancelled(call) {
        let this = args!(call, Job, "");
        match this.is_cancelled() {
            Err(Failure::Thrown) => {}
            cancelled => call.returns(cancelled.unwrap_or_default()),
        }
    }
    fn workload_size(call) {
        call.returns(args!(call, Job, "").lend(|job| &job.workload).map_or(0, |w| w.len() as i64));
    }
}
