//! set*Callback(), and calling one of them.
//!
//! Owns the first slots of a client's values, which hold the callables. Must never know why a task is reported:
//! run_tasks.rs decides which callback that takes.
use crate::call::{Arg, Call, args, handlers};
use crate::callback::{self, ByReference};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::endpoint::servers::enable_exception_handler;
use crate::failure::Failure;
use crate::ini;
use crate::sys::exception_pending;
use crate::task::Task;
use ext_php_rs::types::Zval;
use gearman_core::ReturnCode;
use gearman_core::client::task::Event;
use std::cell::Cell;

/// The kinds of callbacks; each is the slot of its callable, and a bit in [`Task::callbacks`].
#[derive(Clone, Copy)]
pub(crate) enum Callback {
    /// May be set, and is never called: tasks carry their workload.
    Workload,
    Created,
    Data,
    Warning,
    Status,
    Complete,
    Exception,
    Fail,
}
pub(crate) const CALLBACKS: usize = 8;

/// What each callback takes by reference.
pub(crate) type ByReferences = Cell<[ByReference; CALLBACKS]>;

impl Client {
    pub(super) fn has_callback(&self, kind: usize) -> bool {
        !self.zvals.is_null(kind)
    }

    /// Calls the callback of this kind for the task at `slot`. The code with which it wants runTasks() to end, or SUCCESS;
    /// and the event, which is the task's meanwhile: a longjmp would end this frame without a trace.
    pub(super) fn call_back(
        &self,
        kind: Callback,
        task: &Task,
        slot: usize,
        event: Event,
    ) -> Result<(i64, Option<Event>), Failure> {
        // References of the call's own: the callback may replace itself, or end its task by running it.
        let zvals = &self.zvals;
        let callable = zvals.add(zvals.get(kind as usize));
        let object = zvals.add(zvals.get(slot));
        let by_reference = self.by_reference.get()[kind as usize];
        // The task's own, so that what becomes of it there is what its next callback gets.
        let context = zvals.add(if by_reference.context() { task.context.reference() } else { task.context.value() });
        task.event.set(Some(event));
        let result = match task.has_context.get() {
            true => callback::call(zvals, callable, [object, context], by_reference),
            false => callback::call(zvals, callable, [object], by_reference),
        };
        let code = result.map(|result| {
            let code = callback::long(zvals, result);
            drop(zvals.remove(result));
            code
        });
        let event = task.event.take();
        for held in [callable, object, context] {
            drop(zvals.remove(held));
        }
        match code {
            None => Err(Failure::Thrown),
            Some(_) if exception_pending() => Err(Failure::Thrown),
            // What true and most arrays come to. As a code it would mean "would block", and ask for a
            // pause that no one meant.
            Some(code) if code == ReturnCode::IoWait.number() => Ok((ReturnCode::Success.number(), event)),
            Some(code) => Ok((code, event)),
        }
    }
}

/// Not "f" in the format: pecl warns where PHP's parser would throw a TypeError.
fn set_callback(call: Call, kind: Callback) {
    let mut f = Arg::NULL;
    let this = args!(call, Client, "z", &mut f);
    let Some(by_reference) = callback::parameters(f) else {
        // Autoloading may have thrown.
        if !exception_pending() {
            this.common.last_error.refuse(call, ReturnCode::InvalidArgument.number(), "function is not callable");
        }
        return;
    };
    let mut all = this.by_reference.get();
    all[kind as usize] = by_reference;
    this.by_reference.set(all);
    // What was there is dropped at once, with nothing borrowed.
    drop(this.zvals.replace(kind as usize, f.share()));
    match kind {
        _ if exception_pending() => {} // of that destructor
        // Whoever connects asks for them.
        Callback::Exception if ini::lazy_connect() && this.servers() > 0 => {
            this.want_exceptions();
            call.returns(true);
        }
        Callback::Exception => enable_exception_handler(call, this),
        _ => call.returns(true),
    }
}

handlers! {
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
