//! GearmanTask: what addTask() gives and callbacks get.
use crate::call::{args, handlers};
use crate::held::Held;
use crate::object::{Class, Entry, Zvals};
use bytes::Bytes;
use ext_php_rs::types::Zval;
use gearman_core::Code;
use gearman_core::task::{Ask, Event};
use std::cell::Cell;

/// What is known of a task. Its client fills it in, and empties it when the task is over.
pub(crate) struct Task {
    zvals: Zvals,
    /// Belongs to a client that knows it; what `new GearmanTask` gives does not.
    alive: Cell<bool>,
    function: Held,
    unique: Held,
    handle: Held,
    /// The last packet with data in it.
    data: Held,
    /// How much of `data` was given out by recvData().
    received: Cell<usize>,
    /// data() leaves the result to recvData().
    unbuffered: Cell<bool>,
    known: Cell<bool>,
    running: Cell<bool>,
    numerator: Cell<i64>,
    denominator: Cell<i64>,
    code: Cell<i64>,
    /// Which callbacks it was added with: a bit for each kind.
    pub(crate) callbacks: Cell<u8>,
    /// addTask() was given a context, so callbacks get a second argument.
    pub(crate) has_context: Cell<bool>,
    /// Nothing is heard of it but that it was created.
    pub(crate) background: Cell<bool>,
    /// What its callback is being called for.
    pub(crate) told: Cell<Option<Event>>,
    /// Until it is sent.
    pub(crate) ask: Cell<Option<Ask>>,
}

/// The place in `zvals`.
pub(crate) const CONTEXT: usize = 0;

impl Class for Task {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Task> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        Task {
            zvals: Zvals::new(1),
            alive: Cell::default(),
            function: Held::default(),
            unique: Held::default(),
            handle: Held::default(),
            data: Held::default(),
            received: Cell::default(),
            unbuffered: Cell::default(),
            known: Cell::default(),
            running: Cell::default(),
            numerator: Cell::default(),
            denominator: Cell::default(),
            code: Cell::default(),
            callbacks: Cell::default(),
            has_context: Cell::default(),
            background: Cell::default(),
            told: Cell::default(),
            ask: Cell::default(),
        }
    }
    fn zvals(&self) -> &Zvals {
        &self.zvals
    }
}

impl Task {
    /// A task that its client is about to know. `function` and `unique` are empty where a handle is asked about.
    pub(crate) fn begin(&self, ask: Ask, function: &[u8], unique: &[u8], handle: &[u8]) {
        self.alive.set(true);
        self.background.set(ask.is_background());
        self.ask.set(Some(ask));
        self.function.set(Bytes::copy_from_slice(function));
        self.unique.set(Bytes::copy_from_slice(unique));
        self.handle.set(Bytes::copy_from_slice(handle));
    }

    /// Takes in what became known; may be told the same twice.
    pub(crate) fn learn(&self, event: &Event, unbuffered: bool) {
        let (mut known, mut data) = (true, None);
        match event {
            Event::Created(handle) => self.handle.set(handle.clone()),
            Event::Status { numerator, denominator } => self.counts(*numerator, *denominator),
            Event::Data(part) => {
                self.running.set(true);
                data = Some(part.clone());
            }
            Event::Warning(text) => data = Some(text.clone()),
            Event::Complete(result) | Event::Exception(result) => {
                known = false;
                data = Some(result.clone());
            }
            Event::Fail | Event::Error(_) | Event::Echoed(_) => known = false,
            Event::Known(status) => {
                known = status.known;
                self.running.set(status.running);
                self.counts(status.numerator, status.denominator);
            }
        }
        self.known.set(known);
        if !known && !matches!(event, Event::Known(_)) {
            self.running.set(false);
        }
        self.code.set(match event {
            Event::Fail => Code::WorkFail.number(),
            Event::Exception(_) => Code::WorkException.number(),
            Event::Error(error) => error.code().number(),
            _ => Code::Success.number(),
        });
        self.unbuffered.set(unbuffered && matches!(event, Event::Complete(_) | Event::Data(_)));
        self.received.set(0);
        self.data.set(data);
    }

    fn counts(&self, numerator: u32, denominator: u32) {
        self.numerator.set(numerator.into());
        self.denominator.set(denominator.into());
    }

    /// The run is over. What is given back holds the context, to be dropped when nothing is borrowed.
    #[must_use = "its destructor is PHP code"]
    pub(crate) fn end(&self, free: bool) -> Zval {
        self.alive.set(!free);
        self.data.set(None);
        self.ask.set(None);
        self.zvals.replace(CONTEXT, Zval::new())
    }

    fn if_alive<T>(&self, value: T) -> Option<T> {
        self.alive.get().then_some(value)
    }
}

handlers! {
    /// pecl does not look at arguments here.
    fn construct(_call) {}
    fn return_code(call) {
        call.returns(args!(call, Task, "").code.get());
    }
    fn function_name(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.function.or_empty()));
    }
    fn unique(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.unique.or_empty()));
    }
    fn job_handle(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.handle.or_empty()));
    }
    fn is_known(call) {
        let this = args!(call, Task, "");
        call.returns(this.alive.get() && this.known.get());
    }
    fn is_running(call) {
        let this = args!(call, Task, "");
        call.returns(this.alive.get() && this.running.get());
    }
    fn task_numerator(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.numerator.get()));
    }
    fn task_denominator(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.denominator.get()));
    }
    fn data(call) {
        let this = args!(call, Task, "");
        match this.unbuffered.get() {
            true => call.returns(false),
            false => call.returns(this.if_alive(this.data.or_empty())),
        }
    }
    fn data_size(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.data.or_empty().len() as i64));
    }
    /// A task carries its workload from the start, so there is never one to be sent.
    fn send_workload(call) {
        let mut data = crate::call::Str::NULL;
        args!(call, Task, "S", &mut data);
        call.returns(false);
    }
    /// The next `data_len` bytes at most: [length, bytes], and [0, ''] at the end.
    fn recv_data(call) {
        let mut length = 0i64;
        let this = args!(call, Task, "l", &mut length);
        if !this.alive.get() {
            return call.returns(false);
        }
        let rest = this.data.or_empty().get(this.received.get()..).unwrap_or_default();
        let piece = &rest[..rest.len().min(usize::try_from(length).unwrap_or(0))];
        this.received.set(this.received.get() + piece.len());
        call.returns([(piece.len() as i64).into(), piece.into()]);
    }
}
