//! runTasks() and wait(): sends the tasks that were added, takes in what becomes known of them, and has them and their
//! callbacks know.
//!
//! Owns the tasks of a client that are not over ([`Tasks`]). Must never know how one was made. Invariants: a task that was
//! sent is listed until it ended; nothing is held in a frame while a callback runs, which may call runTasks() itself.
use crate::call::{args, handlers};
use crate::client::callbacks::Callback;
use crate::client::{Client, option};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::object::Object;
use crate::runtime::{OnSignal, wait_for};
use crate::sys::exception_pending;
use crate::task::Task;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::net::fork::Process;
use gearman_core::{Error, ReturnCode};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use tokio::time::Instant;

#[derive(Default)]
pub(crate) struct Tasks {
    /// Those that are still to be sent: slots of the client's, and what is to be sent.
    pub(super) added: RefCell<VecDeque<(usize, Ask)>>,
    /// Those that were sent: slots.
    sent: RefCell<HashMap<TaskId, usize, ById>>,
    /// Events whose callbacks asked to pause: called again by the next runTasks().
    pub(super) again: Cell<Option<Box<Paused>>>,
    /// Why the first task failed of those that are still to be reported.
    pub(super) failed: Cell<Option<Box<Error>>>,
    /// The last runTasks() has not waited for what it began: the next one, and wait(), go on with it.
    unfinished: Cell<bool>,
    /// When a poll() last saw that something was heard of a task, and how many reports there had been.
    pub(super) heard: Cell<Option<(Instant, u64)>>,
}

/// An event whose callback asked to pause. More than one did where runTasks() was called in the callback of another: that
/// event came first, asked last, and is the first again.
pub(super) struct Paused {
    id: TaskId,
    event: Event,
    others: Option<Box<Paused>>,
}

/// Who reports an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reporter {
    /// A callback may end it, and one that was lost is reported by its own end.
    RunTasks,
    /// It has no end that could tell anybody anything.
    Poll,
}

/// Hashes [`TaskId`]s. They differ in a number that we count ourselves: no stranger can choose them so that they
/// meet, and a multiplication spreads them.
type ById = BuildHasherDefault<Multiplied>;

#[derive(Default)]
struct Multiplied(u64);

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

impl Tasks {
    /// To be sent by the next runTasks(): the task at `slot`.
    pub(super) fn add(&self, slot: usize, ask: Ask) {
        self.added.borrow_mut().push_back((slot, ask));
    }

    /// To be called again: this event, before those that are already.
    fn pause(&self, id: TaskId, event: Event) {
        self.again.set(Some(Box::new(Paused { id, event, others: self.again.take() })));
    }

    fn paused(&self) -> Option<(TaskId, Event)> {
        let Paused { id, event, others } = *self.again.take()?;
        self.again.set(others);
        Some((id, event))
    }

    /// A task was lost, or refused.
    fn note(&self, error: &Error) {
        let first = self.failed.take().unwrap_or_else(|| Box::new(error.clone()));
        self.failed.set(Some(first));
    }
}

impl Client {
    /// Runs all tasks; the code that ends it. What failed of them is reported once, by the first failure, in the call that
    /// can do no more for the others; a run that is left before keeps it for the one that goes on.
    fn run(&self) -> Result<i64, Failure> {
        self.send_added(None);
        self.begin_or_resume();
        let ended = match self.run_on() {
            Err(Failure::Gearman(error @ Error::Lost { .. })) => self.lose_all(&error),
            other => other,
        };
        self.tasks.unfinished.set(matches!(ended, Ok(code) if code == ReturnCode::IoWait.number()));
        match ended {
            Ok(code) if code != ReturnCode::Success.number() => ended,
            Ok(_) | Err(Failure::Gearman(_)) => match self.tasks.failed.take() {
                Some(first) => Err((*first).into()),
                None => ended,
            },
            Err(Failure::Thrown | Failure::Signal) => ended,
        }
    }

    /// A server that could not be reached is not tried again by what goes on with a run: else a program that alternates
    /// runTasks() and wait() would never be told of it.
    fn begin_or_resume(&self) {
        match self.tasks.unfinished.get() {
            true => {
                self.rouse();
                self.core.borrow_mut().resume();
            }
            false => self.begin(),
        }
    }

    /// Hands the tasks that were added to the core, in order. False: there were none.
    pub(super) fn send_added(&self, since: Option<Instant>) -> bool {
        let mut some = false;
        loop {
            let Some((slot, ask)) = self.tasks.added.borrow_mut().pop_front() else { return some };
            let id = self.core.borrow_mut().add(ask);
            self.tasks.sent.borrow_mut().insert(id, slot);
            // SAFETY: slots in `sent` hold tasks.
            unsafe { self.zvals.state::<Task>(slot) }.since.set(since);
            some = true;
        }
    }

    /// All tasks that are not over, in the order in which they were added, and when they were sent.
    pub(super) fn sent_since(&self) -> Vec<(Option<Instant>, TaskId)> {
        let sent = self.tasks.sent.borrow();
        // SAFETY: slots in `sent` hold tasks.
        let since = |slot: usize| unsafe { self.zvals.state::<Task>(slot) }.since.get();
        let mut all: Vec<_> = sent.iter().map(|(id, slot)| (since(*slot), *id)).collect();
        all.sort_unstable_by_key(|(_, id)| *id);
        all
    }

    fn run_on(&self) -> Result<i64, Failure> {
        let mut process = Process::this();
        loop {
            self.send_added(None);
            while let Some((id, event)) = self.next_event() {
                let code = self.report(id, event, Reporter::RunTasks)?;
                // A destructor of what the task held may have thrown.
                if exception_pending() {
                    return Err(Failure::Thrown);
                }
                if code != ReturnCode::Success.number() {
                    return Ok(code);
                }
            }
            if !self.tasks.added.borrow().is_empty() {
                continue; // by a callback
            }
            // A callback has forked, and this is the child: what was sent is its parent's, and ends.
            if process != Process::this() {
                process = Process::this();
                self.begin();
                continue;
            }
            if !self.core.borrow().has_tasks() {
                return Ok(ReturnCode::Success.number());
            }
            if self.common.has(option::NON_BLOCKING) {
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
        self.tasks.note(error);
        self.begin();
        while let Some((id, event)) = self.next_event() {
            self.report(id, event, Reporter::RunTasks)?;
        }
        Ok(ReturnCode::Success.number())
    }

    pub(super) fn next_event(&self) -> Option<(TaskId, Event)> {
        self.tasks.paused().or_else(|| self.core.borrow_mut().next_event())
    }

    /// Lets a task and its callback know. The code with which the callback wants runTasks() to end, or SUCCESS.
    pub(super) fn report(&self, id: TaskId, event: Event, reporter: Reporter) -> Result<i64, Failure> {
        let success = ReturnCode::Success.number();
        let Some(slot) = self.tasks.sent.borrow().get(&id).copied() else { return Ok(success) };
        // SAFETY: slots in `sent` hold tasks; this one stays listed until the end of this function, or
        // until a callback's own runTasks() has ended it, after which it is not touched.
        let task = unsafe { self.zvals.state::<Task>(slot) };
        let has_callback =
            |kind: Callback| task.callbacks.get() & 1 << kind as u8 != 0 && self.has_callback(kind as usize);
        let receive = |event| task.receive(event, self.common.has(option::UNBUFFERED_RESULT));
        let (kind, last) = match &event {
            Event::Created(_) => (Callback::Created, task.background.get()),
            Event::Data(_) => (Callback::Data, false),
            Event::Warning(_) => (Callback::Warning, false),
            Event::Status { .. } => (Callback::Status, false),
            Event::Complete(_) => (Callback::Complete, true),
            Event::Exception(_) => (Callback::Exception, true),
            Event::Fail => (Callback::Fail, true),
            Event::Known(_) => (Callback::Status, true),
            Event::Echoed(_) => return Ok(success),
            Event::Error(error) if reporter == Reporter::Poll && has_callback(Callback::Fail) => {
                self.common.last_error.note_error(error);
                (Callback::Fail, true)
            }
            Event::Error(error) => {
                self.tasks.note(error);
                receive(event);
                self.end_task(id);
                return Ok(success);
            }
        };
        let code = if !has_callback(kind) {
            // A background task that is about to be freed has nobody who could ask it for its handle.
            let unseen = last && matches!(event, Event::Created(_)) && self.common.has(option::FREE_TASKS);
            if !unseen {
                receive(event);
            }
            Ok(success)
        } else {
            receive(event.clone());
            self.call_back(kind, task, slot, event).map(|(code, event)| {
                if code == success || reporter == Reporter::Poll {
                    return success;
                }
                if let Some(event) = event {
                    self.tasks.pause(id, event);
                }
                code
            })
        };
        // Where it paused, the next runTasks() calls it again for the same event.
        if last && code.as_ref().map_or(true, |code| *code == success) {
            self.end_task(id);
        }
        code
    }

    fn end_task(&self, id: TaskId) {
        let Some(slot) = self.tasks.sent.borrow_mut().remove(&id) else { return };
        // SAFETY: slots in `sent` hold tasks.
        let task = unsafe { Object::<Task>::from_zval(self.zvals.remove(slot)) };
        let context = task.state().end(self.common.has(option::FREE_TASKS));
        drop(context);
        drop(task);
    }

    /// Until there is something for runTasks() to report.
    fn wait(&self) -> Result<(), Failure> {
        self.begin_or_resume();
        // Not every answer is news: that to the exceptions option is not.
        while !self.core.borrow().has_events() {
            match self.wait_for_news() {
                Ok(()) => {}
                // runTasks() reports it.
                Err(Failure::Gearman(error)) if error.elsewhere() && self.tasks.unfinished.get() => return Ok(()),
                Err(Failure::Gearman(Error::NoServers)) => return Err(Error::NothingToWaitFor.into()),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

/// Does this code end runTasks() with true?
fn is_good(code: i64) -> bool {
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

handlers! {
    fn run_tasks(call) {
        let this = args!(call, Client, "");
        let last_error = &this.common.last_error;
        match this.run() {
            Ok(code) if is_good(code) => {
                last_error.set_number(code);
                call.returns(true);
            }
            Ok(code) => last_error.refuse(call, code, format_args!("a callback returned {code}")),
            Err(failure) => last_error.fail(call, failure),
        }
    }
    fn wait(call) {
        let this = args!(call, Client, "");
        let last_error = &this.common.last_error;
        match this.wait() {
            // Not worth a warning, as with pecl: who waits for one tells the two ends apart by returnCode().
            Err(Failure::Gearman(error)) if error.code() == ReturnCode::Timeout => {
                last_error.note_error(&error);
                call.returns(false);
            }
            ended => last_error.end(call, ended),
        }
    }
}
