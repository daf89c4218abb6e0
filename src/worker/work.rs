//! work() = next job -> function -> answer; grabJob() and wait().
//!
//! Must never know how functions are registered. Invariants: a job is answered when its function ended, and only then, by the
//! process that got it; all that a running function needs lies in the job's object, and that in the worker's.
use crate::call::{Call, args, handlers};
use crate::callback::{self, Text};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::job::{self, Job};
use crate::object::Object;
use crate::runtime::{OnSignal, catch_up, finish, wait_for};
use crate::sys::exit_pending;
use crate::worker::functions::Function;
use crate::worker::thrown;
use crate::worker::{Worker, option};
use ext_php_rs::types::Zval;
use gearman_core::protocol::message::Update;
use gearman_core::worker::job as core;
use gearman_core::{Error, ReturnCode};
use std::rc::Rc;
use std::time::Duration;

/// How a job ended.
pub(super) enum Ended {
    /// A job was run, and this is what its function made of it.
    Job(i64),
    /// A job came for a function that is announced and has no callable.
    NoCallable(String),
}

/// What is noted of a function that ended its job with another code than SUCCESS.
const ENDED: &str = "the function ended the job with this code";

impl Worker {
    /// The next job, waiting for it as the options ask.
    fn next_job(&self, on_signal: OnSignal) -> Result<core::Job, Failure> {
        catch_up()?;
        let at_once = self.has(option::NON_BLOCKING) || self.until().is_some() && self.common.timeout.get() == 0;
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

    /// A wait for a job. Functions that a server does not allow are warned of, and the wait goes on for the others.
    fn warned<T>(&self, call: Call, mut wait: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        loop {
            match wait() {
                Err(failure @ Failure::Gearman(Error::Server { .. })) => {
                    if !self.common.last_error.report(call, failure) {
                        self.stop_waiting();
                        return Err(Failure::Thrown);
                    }
                }
                other => return other,
            }
        }
    }

    fn work(&self, call: Call) -> Result<Ended, Failure> {
        let job = self.warned(call, || self.next_job(OnSignal::Return))?;
        self.run_job(job, true).map_err(|failure| self.untaken(call, failure))
    }

    /// Why a result got to nobody: that is warned of also where the loop is to go on as if there had been no job.
    fn untaken(&self, call: Call, failure: Failure) -> Failure {
        let Failure::Gearman(error) = failure else { return failure };
        match self.adapted(error.clone().into()) {
            Failure::Gearman(adapted) if is_quiet(adapted.code()) && !is_quiet(error.code()) => {
                match self.common.last_error.report(call, error.into()) {
                    true => adapted.into(),
                    false => Failure::Thrown,
                }
            }
            adapted => adapted,
        }
    }

    /// Has the function called that a job is for. Unless it `waits`, what the socket does not take is left to poll().
    pub(super) fn run_job(&self, job: core::Job, waits: bool) -> Result<Ended, Failure> {
        let Some(function) = self.functions.borrow().get(&job.function[..]).copied() else {
            // It stays with this worker until it disconnects; register() announced its function.
            return Ok(Ended::NoCallable(job.function.escape_ascii().to_string()));
        };
        let object = Object::<Job>::new();
        object.state().begin(job, Rc::downgrade(&self.core), waits);
        self.run(function, object).map(Ended::Job)
    }

    /// Runs a job, and answers it; the code that it ended with.
    fn run(&self, function: Function, object: Object<Job>) -> Result<i64, Failure> {
        // All that the call needs lies in the job's object, and that in ours: the function may unregister
        // or replace itself.
        let zvals = &object.state().zvals;
        drop(zvals.replace(job::CALLABLE, self.zvals.get(function.callable)));
        drop(zvals.replace(job::CONTEXT, self.zvals.get(function.context)));
        drop(zvals.replace(job::THIS, object.share())); // a cycle, broken below
        let slot = self.zvals.add(object.into_zval());
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
        ended
    }

    /// The function returned: sends its result, and gives the code that work() ends with.
    fn answer(&self, job: &Job, result: usize) -> Result<i64, Failure> {
        let code = job.code();
        let good = [ReturnCode::Success, ReturnCode::Shutdown].iter().any(|c| c.number() == code);
        let sent = match (job.has_ended(), good) {
            (true, _) => job.untaken().map_or(Ok(()), |error| Err(error.into())),
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
            Err(failure) => Err(failure),
        }
    }

    /// The function threw or called exit(). The exception stays pending, and leaves work().
    fn answer_thrown(&self, job: &Job) -> Result<i64, Failure> {
        if !exit_pending() && !job.has_ended() {
            // A failure to send it need not be reported: the exception itself comes out of work().
            thrown::tell(&job.zvals, |text| drop(job.send(Update::Exception(text))));
        }
        // Also where PHP code that ran meanwhile has called it.
        if exit_pending() {
            // The job is not done. Its connection is closed, so that the server gives it to another worker.
            if let Some(unfinished) = job.end() {
                self.core.borrow_mut().give_back(&unfinished);
            }
        } else {
            self.common.last_error.note(ReturnCode::WorkException.number(), "the function threw");
        }
        Err(Failure::Thrown)
    }
}

/// Does work() return false without a warning?
pub(super) fn is_quiet(code: ReturnCode) -> bool {
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
        this.common.last_error.note_signal();
    } else {
        this.common.last_error.set(ReturnCode::Success);
    }
    call.returns(!tell);
}

/// There was no job: false, and a warning where pecl gives one.
fn no_job(call: Call, this: &Worker, failure: Failure) {
    match failure {
        Failure::Gearman(error) if is_quiet(error.code()) => {
            this.common.last_error.note_error(&error);
            call.returns(false);
        }
        other => this.common.last_error.fail(call, other),
    }
}

/// A job ended in this way. Notes it, and warns where pecl does; the result of work(), `None`: something was thrown.
pub(super) fn job_ended(call: Call, this: &Worker, ended: Ended) -> Option<bool> {
    let last_error = &this.common.last_error;
    let warned = match ended {
        Ended::Job(code) => match ReturnCode::from_number(code) {
            Some(ReturnCode::Success) => {
                last_error.set(ReturnCode::Success);
                return Some(true);
            }
            Some(quiet) if is_quiet(quiet) => {
                last_error.note(code, ENDED);
                return Some(false);
            }
            _ => last_error.warn(call, code, ENDED),
        },
        Ended::NoCallable(function) => {
            let text = function + ": a job for it came, and it is registered without a callable: use addFunction()";
            last_error.warn(call, ReturnCode::InvalidFunctionName.number(), text)
        }
    };
    warned.then_some(false)
}

handlers! {
    fn work(call) {
        let this = args!(call, Worker, "");
        match this.work(call) {
            Ok(ended) => {
                if let Some(result) = job_ended(call, this, ended) {
                    call.returns(result);
                }
            }
            Err(Failure::Signal) => interrupted(call, this),
            Err(failure) => no_job(call, this, failure),
        }
    }
    fn grab_job(call) {
        let this = args!(call, Worker, "");
        let until = this.until();
        let job = this.warned(call, || {
            this.begin(); // each time: a warning's handler may have forked
            wait_for(OnSignal::Resume, || async { this.core.borrow_mut().grab_job(until).await })
        });
        let object = job.map(|job| {
            let object = Object::<Job>::new();
            object.state().begin(job, Rc::downgrade(&this.core), true);
            object.into_zval()
        });
        this.common.last_error.end(call, object.map_err(|failure| this.adapted(failure)));
    }
    /// Until there is a job for work() to run. While no server is there, one pause between two tries.
    fn wait(call) {
        let this = args!(call, Worker, "");
        match this.warned(call, || this.wait()) {
            Ok(()) => this.common.last_error.end(call, Ok::<_, Failure>(())),
            Err(Failure::Signal) => interrupted(call, this),
            Err(Failure::Gearman(Error::NoServers | Error::NoFunctions)) => no_job(call, this, Error::NothingToWaitFor.into()),
            Err(Failure::Gearman(error)) => no_job(call, this, error.away(ReturnCode::NoActiveFds).into()),
            Err(failure) => no_job(call, this, failure),
        }
    }
}
