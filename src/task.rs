//! GearmanTask: what addTask() gives and callbacks get.
//!
//! Owns what is known of one task. Must never know its client, which fills it in: a cycle of the two would live as long as
//! the request.
use crate::bytes_cell::BytesCell;
use crate::call::{Str, args, handlers};
use crate::object::{Class, Entry};
use crate::zvals::ZvalCell;
use bytes::Bytes;
use ext_php_rs::types::Zval;
use gearman_core::ReturnCode;
use gearman_core::client::task::Event;
use std::cell::Cell;
use tokio::time::Instant;

/// What is known of a task. Its client fills it in, and empties it when the task is over.
pub(crate) struct Task {
    /// What addTask() was given for callbacks.
    pub(crate) context: ZvalCell,
    /// Belongs to a client that knows it; what `new GearmanTask` gives does not.
    alive: Cell<bool>,
    function: ZvalCell,
    unique: ZvalCell,
    handle: BytesCell,
    /// The last packet with data in it.
    data: BytesCell,
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
    /// Its only event is that it was created.
    pub(crate) background: Cell<bool>,
    /// When poll() sent it.
    pub(crate) since: Cell<Option<Instant>>,
    /// What its callback is being called for.
    pub(crate) event: Cell<Option<Event>>,
}

impl Class for Task {
    fn entry() -> &'static Entry<Self> {
        static ENTRY: Entry<Task> = Entry::new();
        &ENTRY
    }
    fn new() -> Self {
        Task {
            context: ZvalCell::default(),
            alive: Cell::default(),
            function: ZvalCell::default(),
            unique: ZvalCell::default(),
            handle: BytesCell::default(),
            data: BytesCell::default(),
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
            since: Cell::default(),
            event: Cell::default(),
        }
    }
    fn zvals(&self) -> *const [Zval] {
        self.context.all()
    }
}

impl Task {
    /// What it runs, and its key, as strings: nothing of them is known where a handle is asked about.
    pub(crate) fn name(&self, function: Zval, unique: Zval) {
        for (slot, string) in [(&self.function, function), (&self.unique, unique)] {
            drop(slot.replace(string));
        }
    }

    /// A task that its client is about to know.
    pub(crate) fn begin(&self, background: bool, handle: &[u8]) {
        self.alive.set(true);
        self.background.set(background);
        self.handle.set(Bytes::copy_from_slice(handle));
    }

    /// Takes in an event; the same one may come twice.
    pub(crate) fn receive(&self, event: Event, unbuffered: bool) {
        self.code.set(match &event {
            Event::Fail => ReturnCode::WorkFail.number(),
            Event::Exception(_) => ReturnCode::WorkException.number(),
            Event::Error(error) => error.code().number(),
            _ => ReturnCode::Success.number(),
        });
        self.unbuffered.set(unbuffered && matches!(event, Event::Complete(_) | Event::Data(_)));
        let (mut known, mut running, mut data) = (true, self.running.get(), None);
        // All others are the end, after which nothing is kept.
        let stays = matches!(event, Event::Created(_) | Event::Data(_) | Event::Warning(_));
        match if stays { event.detached() } else { event } {
            Event::Created(handle) => self.handle.set(handle),
            Event::Status { numerator, denominator } => self.counts(numerator, denominator),
            Event::Data(part) => {
                running = true;
                data = Some(part);
            }
            Event::Warning(text) => data = Some(text),
            Event::Complete(result) | Event::Exception(result) => {
                (known, running) = (false, false);
                data = Some(result);
            }
            Event::Fail | Event::Error(_) | Event::Echoed(_) => (known, running) = (false, false),
            Event::Known(status) => {
                (known, running) = (status.known, status.running);
                self.counts(status.numerator, status.denominator);
            }
        }
        self.known.set(known);
        self.running.set(running);
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
        self.context.replace(Zval::new())
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
        call.returns(this.if_alive(this.function.get()));
    }
    fn unique(call) {
        let this = args!(call, Task, "");
        call.returns(this.if_alive(this.unique.get()));
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
        let mut data = Str::NULL;
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
