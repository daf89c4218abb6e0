//! The tasks of a client: addTask() and its kin, runTasks(), and the callbacks. The methods themselves are
//! in client.rs; what is known of one task is in task.rs.
#![allow(
    clippy::await_holding_refcell_ref,
    reason = "block_on ends, and with it the borrow, before anyone else could want one"
)]
use crate::call::{Call, Str, args, string};
use crate::callback;
use crate::client::{Client, option};
use crate::failure::Failure;
use crate::object::{instantiate, object_state};
use crate::runtime::{OnSignal, wait_for};
use crate::servers;
use crate::sys::exception_pending;
use crate::task::Task;
use ext_php_rs::ffi::zval;
use ext_php_rs::types::Zval;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::client::unique::Unique;
use gearman_core::protocol::message::Priority;
use gearman_core::{Error, ReturnCode};
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr::null_mut;

/// The kinds of callbacks; each is the place of its callable in `zvals`, and a bit in
/// [`Task::callbacks`].
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

/// Hashes [`TaskId`]s. They differ in a number that we count ourselves: no stranger can choose them so that they
/// meet, and a multiplication spreads them.
pub(crate) type ById = BuildHasherDefault<Multiplied>;

#[derive(Default)]
pub(crate) struct Multiplied(u64);

impl Hasher for Multiplied {
    fn write_u32(&mut self, n: u32) {
        self.0 = (self.0 ^ u64::from(n)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u32((*b).into()));
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Client {
    /// Hands the tasks that were added to the core, in order.
    fn send_added(&self) {
        loop {
            let Some((slot, ask)) = self.added.borrow_mut().pop_front() else { return };
            let id = self.core.borrow_mut().add(ask);
            self.sent.borrow_mut().insert(id, slot);
        }
    }

    /// Runs all tasks; the code that ends it. What failed of them is reported once, by the first failure, in the call that
    /// can do no more for the others; a run that is left before keeps it for the one that goes on.
    pub(crate) fn run(&self) -> Result<i64, Failure> {
        self.send_added();
        self.begin_or_resume();
        let ended = match self.run_on() {
            Err(Failure::Gearman(error @ Error::Lost { .. })) => self.lose_all(&error),
            other => other,
        };
        self.unfinished.set(matches!(ended, Ok(code) if code == ReturnCode::IoWait.number()));
        match ended {
            Ok(code) if code != ReturnCode::Success.number() => ended,
            Ok(_) | Err(Failure::Gearman(_)) => match self.failed.take() {
                Some(first) => Err((*first).into()),
                None => ended,
            },
            Err(Failure::Thrown | Failure::Signal) => ended,
        }
    }

    fn run_on(&self) -> Result<i64, Failure> {
        loop {
            self.send_added();
            while let Some((id, event)) = self.next_event() {
                let code = self.report(id, event)?;
                // A destructor of what the task held may have thrown.
                if exception_pending() {
                    return Err(Failure::Thrown);
                }
                if code != ReturnCode::Success.number() {
                    return Ok(code);
                }
            }
            if !self.added.borrow().is_empty() {
                continue; // by a callback
            }
            if !self.core.borrow().has_tasks() {
                return Ok(ReturnCode::Success.number());
            }
            if self.has(option::NON_BLOCKING) {
                if !wait_for(OnSignal::Resume, || async { self.core.borrow_mut().poll_once().await })? {
                    return Ok(ReturnCode::IoWait.number());
                }
            } else {
                self.wait_for_news()?;
            }
        }
    }

    /// There is no waiting any more: most likely a signal handler has forked, and this is the child. Then all that was
    /// sent is its parent's, and ends with this call.
    fn lose_all(&self, error: &Error) -> Result<i64, Failure> {
        self.note(error);
        self.begin();
        while let Some((id, event)) = self.next_event() {
            self.report(id, event)?;
        }
        Ok(ReturnCode::Success.number())
    }

    /// A task was lost, or refused.
    fn note(&self, error: &Error) {
        let first = self.failed.take().unwrap_or_else(|| Box::new(error.clone()));
        self.failed.set(Some(first));
    }

    fn next_event(&self) -> Option<(TaskId, Event)> {
        self.again.take().or_else(|| self.core.borrow_mut().next_event())
    }

    /// Lets a task and its callback know. The code with which the callback wants runTasks() to end, or SUCCESS.
    fn report(&self, id: TaskId, event: Event) -> Result<i64, Failure> {
        let Some(slot) = self.sent.borrow().get(&id).copied() else { return Ok(ReturnCode::Success.number()) };
        // SAFETY: slots in `sent` hold tasks; this one stays listed until the end of this function, or
        // until a callback's own runTasks() has ended it, after which it is not touched.
        let task = unsafe { self.zvals.state::<Task>(slot) };
        let receive = |event| task.receive(event, self.has(option::UNBUFFERED_RESULT));
        let (kind, last) = match &event {
            Event::Created(_) => (Callback::Created, task.background.get()),
            Event::Data(_) => (Callback::Data, false),
            Event::Warning(_) => (Callback::Warning, false),
            Event::Status { .. } => (Callback::Status, false),
            Event::Complete(_) => (Callback::Complete, true),
            Event::Exception(_) => (Callback::Exception, true),
            Event::Fail => (Callback::Fail, true),
            Event::Known(_) => (Callback::Status, true),
            Event::Echoed(_) => return Ok(ReturnCode::Success.number()),
            Event::Error(error) => {
                self.note(error);
                receive(event);
                self.end_task(id);
                return Ok(ReturnCode::Success.number());
            }
        };
        let code = if task.callbacks.get() & 1 << kind as u8 == 0 || self.zvals.is_null(kind as usize) {
            // A background task that is about to be freed has nobody who could ask it for its handle.
            let unseen = last && matches!(event, Event::Created(_)) && self.has(option::FREE_TASKS);
            if !unseen {
                receive(event);
            }
            Ok(ReturnCode::Success.number())
        } else {
            receive(event.clone());
            self.call_back(id, event, task, slot, kind)
        };
        // Where it paused, the next runTasks() calls it again for the same event.
        if last && code.as_ref().map_or(true, |code| *code == ReturnCode::Success.number()) {
            self.end_task(id);
        }
        code
    }

    fn call_back(&self, id: TaskId, event: Event, task: &Task, slot: usize, kind: Callback) -> Result<i64, Failure> {
        let success = ReturnCode::Success.number();
        // References of the call's own: the callback may replace itself, or end its task by running it.
        let zvals = &self.zvals;
        let callable = zvals.add(zvals.get(kind as usize));
        let object = zvals.add(zvals.get(slot));
        let by_reference = self.by_reference.get()[kind as usize];
        // The task's own, so that what becomes of it there is what its next callback gets.
        let context = zvals.add(if by_reference.context() { task.context.reference() } else { task.context.value() });
        // Not in this frame, which a longjmp would end without a trace.
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
            Some(code) if code == success || code == ReturnCode::IoWait.number() => Ok(success),
            Some(code) => {
                self.again.set(event.map(|event| (id, event)));
                Ok(code)
            }
        }
    }

    fn end_task(&self, id: TaskId) {
        let Some(slot) = self.sent.borrow_mut().remove(&id) else { return };
        let object = self.zvals.remove(slot);
        let context = object_state::<Task>(&object).end(self.has(option::FREE_TASKS));
        drop(context);
        drop(object);
    }

    /// addTask() and its kin, with a [`new_task`].
    pub(crate) fn add_task(
        &self,
        call: Call,
        object: Zval,
        ask: Result<Ask, Error>,
        handle: Str<'_>,
        context: *mut zval,
    ) {
        let ask = match ask {
            Ok(ask) => ask,
            Err(error) => {
                drop(object);
                if self.last_error.report(call, error.into()) {
                    call.returns(false);
                }
                return;
            }
        };
        let task = object_state::<Task>(&object);
        task.begin(ask.is_background(), handle.or_empty());
        let set = (0..CALLBACKS).filter(|i| !self.zvals.is_null(*i)).fold(0, |bits, i| bits | 1 << i);
        task.callbacks.set(set);
        // SAFETY: null, or an argument of this call.
        if let Some(context) = unsafe { context.as_ref() } {
            task.has_context.set(true);
            // The slot was empty.
            drop(task.context.replace(context.shallow_clone()));
        }
        let slot = self.zvals.add(object.shallow_clone());
        self.added.borrow_mut().push_back((slot, ask));
        self.last_error.set(ReturnCode::Success);
        call.returns(object);
    }
}

/// A task that nobody knows of yet. To be made before its [`Ask`]: where PHP's allocator longjmps, nothing of
/// ours is lost.
pub(crate) fn new_task(function: Zval, unique: Zval) -> Zval {
    let object = instantiate::<Task>();
    object_state::<Task>(&object).name(function, unique);
    object
}

/// Does this code end runTasks() with true?
pub(crate) fn is_good(code: i64) -> bool {
    let good = [
        ReturnCode::Success,
        ReturnCode::Pause,
        ReturnCode::IoWait,
        ReturnCode::WorkStatus,
        ReturnCode::WorkData,
        ReturnCode::WorkException,
        ReturnCode::WorkWarning,
        ReturnCode::WorkFail,
    ];
    good.iter().any(|c| c.number() == code)
}

/// addTask() in its six forms.
pub(crate) fn add(call: Call, priority: Priority, background: bool) {
    let (mut function, mut workload, mut context, mut unique) =
        (Str::NULL, null_mut::<zval>(), null_mut::<zval>(), Str::NULL);
    let this = args!(call, Client, "Sz|zS!", &mut function, &mut workload, &mut context, &mut unique);
    let Some(workload) = call.text(2, workload) else { return };
    let key = this.core.borrow_mut().unique(unique.or_empty(), workload.or_empty());
    let task = match &key {
        Unique::Given(_) => new_task(function.share(), unique.share()),
        made => new_task(function.share(), string(made.as_ref())),
    };
    let ask = Ask::submit(priority, background, function.or_empty(), key.as_ref(), workload.or_empty());
    this.add_task(call, task, ask, Str::NULL, context);
}

/// set*Callback(). Not "f" in the format: pecl warns where PHP's parser would throw a TypeError.
pub(crate) fn set_callback(call: Call, kind: Callback) {
    let mut f = null_mut::<zval>();
    let this = args!(call, Client, "z", &mut f);
    let Some(by_reference) = callback::parameters(f) else {
        let code = ReturnCode::InvalidArgument.number();
        // Autoloading may have thrown.
        if !exception_pending() && this.last_error.refuse(call, code, "function is not callable") {
            call.returns(false);
        }
        return;
    };
    let mut all = this.by_reference.get();
    all[kind as usize] = by_reference;
    this.by_reference.set(all);
    // SAFETY: an argument of this call. What was there is dropped at once, with nothing borrowed.
    drop(this.zvals.replace(kind as usize, unsafe { (*f).shallow_clone() }));
    match kind {
        _ if exception_pending() => {} // of that destructor
        Callback::Exception => servers::enable_exception_handler(call, this),
        _ => call.returns(true),
    }
}
