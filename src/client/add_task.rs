//! addTask() and its kin: tasks for runTasks(). What adds one in another way goes here.
use crate::call::{Arg, Call, Str, args, handlers, string};
use crate::client::Client;
use crate::client::callbacks::CALLBACKS;
use crate::endpoint::Endpoint;
use crate::object::Object;
use crate::task::Task;
use ext_php_rs::types::Zval;
use gearman_core::client::task::Ask;
use gearman_core::client::unique::Unique;
use gearman_core::protocol::message::Priority;
use gearman_core::{Error, ReturnCode};

/// addTask() in its six forms.
fn add(call: Call, priority: Priority, background: bool) {
    let (mut function, mut workload, mut context, mut unique) = (Str::NULL, Arg::NULL, Arg::NULL, Str::NULL);
    let this = args!(call, Client, "Sz|zS!", &mut function, &mut workload, &mut context, &mut unique);
    let Some(workload) = call.text(2, workload) else { return };
    this.add_job(call, function, workload, context, unique, |key| {
        Ask::submit(priority, background, function.or_empty(), key, workload.or_empty())
    });
}

impl Client {
    /// Adds a job. `ask` makes it, given its key.
    fn add_job(
        &self,
        call: Call,
        function: Str<'_>,
        workload: Str<'_>,
        context: Arg<'_>,
        unique: Str<'_>,
        ask: impl FnOnce(&[u8]) -> Result<Ask, Error>,
    ) {
        let key = self.core.borrow_mut().unique(unique.or_empty(), workload.or_empty());
        let task = match &key {
            Unique::Given(_) => new_task(function.share(), unique.share()),
            made => new_task(function.share(), string(made.as_ref())),
        };
        self.add_task(call, task, ask(key.as_ref()), Str::NULL, context);
    }
}

/// A task that nobody knows of yet. To be made before its [`Ask`]: where PHP's allocator longjmps, nothing of
/// ours is lost.
fn new_task(function: Zval, unique: Zval) -> Object<Task> {
    let task = Object::<Task>::new();
    task.state().name(function, unique);
    task
}

impl Client {
    /// Has the next runTasks() send a [`new_task`], and gives it to PHP.
    fn add_task(&self, call: Call, task: Object<Task>, ask: Result<Ask, Error>, handle: Str<'_>, context: Arg<'_>) {
        let ask = match ask {
            Ok(ask) => ask,
            Err(error) => {
                drop(task); // before a warning, which may longjmp
                return self.common.last_error.fail(call, error);
            }
        };
        let state = task.state();
        state.begin(ask.is_background(), handle.or_empty());
        let set = (0..CALLBACKS).filter(|i| self.has_callback(*i)).fold(0, |bits, i| bits | 1 << i);
        state.callbacks.set(set);
        if let Some(context) = context.get() {
            state.has_context.set(true);
            // The slot was empty.
            drop(state.context.replace(context.shallow_clone()));
        }
        self.tasks.add(self.zvals.add(task.share()), ask);
        self.rouse();
        self.common.last_error.set(ReturnCode::Success);
        call.returns(task.into_zval());
    }
}

handlers! {
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
    fn add_task_background_at(call) {
        let (mut function, mut workload, mut when) = (Str::NULL, Arg::NULL, Arg::NULL);
        let (mut context, mut unique) = (Arg::NULL, Str::NULL);
        let this = args!(call, Client, "Szz|zS!", &mut function, &mut workload, &mut when, &mut context, &mut unique);
        let Some(workload) = call.text(2, workload) else { return };
        let Some(when) = call.moment(3, when) else { return };
        this.add_job(call, function, workload, context, unique, |key| {
            Ask::submit_at(when, function.or_empty(), key, workload.or_empty())
        });
    }
    fn add_task_status(call) {
        let (mut handle, mut context) = (Str::NULL, Arg::NULL);
        let this = args!(call, Client, "S|z", &mut handle, &mut context);
        let task = new_task(string(b""), string(b""));
        this.add_task(call, task, Ask::status(handle.or_empty()), handle, context);
    }
}
