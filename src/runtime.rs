//! The one way from PHP to async: [`wait_for`], and below it `block_on`.
//!
//! Owns tokio's runtime. Must never know PHP's objects, nor what is waited for: that is a future of the caller's. No PHP
//! code runs inside `block_on`, so nothing of tokio's is on the stack when PHP longjmps. One current-thread runtime a
//! process (in ZTS: a thread of PHP's), no threads of its own; what one process made, another never uses or drops
//! ([`PerProcess`]).
//!
//! A Unix signal ends a wait. epoll_wait is never restarted after a signal handler, SA_RESTART or not, but
//! tokio swallows the EINTR and parks again. Its hooks run right before and after, on this thread,
//! so `errno` shows it: 0 before, EINTR after. Then the waiting future is woken and returns "signal"
//! instead of being polled on. No pipe, no knowledge of pcntl. What a signal between the last look
//! and epoll_wait would lose is made good by a tick each second.
use crate::failure::Failure;
use crate::pool;
use crate::signal::{self, Handlers};
use gearman_core::Error;
use gearman_core::net::fork::{self, Process};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::pin::{Pin, pin};
use std::ptr::null_mut;
use std::sync::Once;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Sleep, sleep};

/// How a wait ended. After `Interrupted` the future is gone: those given to
/// [`block_on`] keep their progress in the object they work on and can be made anew.
enum Wait<T> {
    Done(T),
    /// By a signal, or the tick: PHP's handlers are to be looked after.
    Interrupted,
}

/// Longest time in the kernel before PHP's signal handlers are looked after.
const TICK: Duration = Duration::from_secs(1);

thread_local! {
    // Plain cells without destructors: those of a forked child's thread-locals would drop the parent's runtime.
    static RUNTIME: Cell<*mut PerProcess<Looping>> = const { Cell::new(null_mut()) };
    static SIGNAL: Cell<bool> = const { Cell::new(false) };
    /// A signal came while no call was waiting for it.
    static MISSED: Cell<bool> = const { Cell::new(false) };
    static WAITING: Cell<Option<ManuallyDrop<Waker>>> = const { Cell::new(None) };
}

/// The event loop, and the tick that ends waits.
struct Looping {
    /// First, so that it is dropped before the runtime that it is registered with. It stays there from one
    /// wait to the next: to register one for each is a twentieth of all that a short call does.
    tick: Cell<Option<Pin<Box<Sleep>>>>,
    runtime: Runtime,
}

/// What a call does when PHP's signal handlers ran while it waited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// Goes on waiting.
    Resume,
    /// Ends with [`Failure::Signal`].
    Return,
}

/// Waits for what `step` makes, running PHP's signal handlers meanwhile. `step` is called again after
/// each interruption; its borrows end before handlers run, which may use the very object that waits,
/// or fork.
pub(crate) fn wait_for<T, F>(on_signal: OnSignal, mut step: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Error>>,
{
    let (begun, process) = (Instant::now(), Process::this());
    loop {
        match block_on(begun, step()) {
            // The core counts from the last interruption.
            Ok(Wait::Done(Err(Error::Timeout { server, .. }))) => {
                return Err(Error::Timeout { server, waited: begun.elapsed().as_millis() as u64 }.into());
            }
            Ok(Wait::Done(result)) => return Ok(result?),
            Ok(Wait::Interrupted) => {
                let handlers = signal::dispatch();
                if handlers == Handlers::Threw {
                    return Err(Failure::Thrown);
                }
                // Not for any signal: a child's end is held back as well, and nobody may want to know of it.
                if handlers == Handlers::Ran && on_signal == OnSignal::Return {
                    return Err(Failure::Signal);
                }
                if Process::this() != process {
                    // A handler has forked, and this is the child: the answer is its parent's, and so is what
                    // waits to be written.
                    return Err(Error::lost("the server", "it belongs to the process that forked this one").into());
                }
            }
            Err(e) => return Err(no_event_loop(&e).into()),
        }
    }
}

/// For calls that end when a signal was handled, before they wait: runs the handlers of signals that came
/// while PHP code ran.
pub(crate) fn catch_up() -> Result<(), Failure> {
    match signal::catch_up() {
        Handlers::Idle => Ok(()),
        Handlers::Ran => Err(Failure::Signal),
        Handlers::Threw => Err(Failure::Thrown),
    }
}

fn block_on<F: Future>(begun: Instant, future: F) -> io::Result<Wait<F::Output>> {
    let Looping { tick: kept, runtime } = runtime()?;
    let mut future = pin!(future);
    // One that was due while nobody waited would end this wait for nothing.
    let mut tick = kept.take().filter(|tick| tick.deadline().into_std() > begun);
    SIGNAL.set(MISSED.take());
    let wait = runtime.block_on(poll_fn(|cx| {
        if let Poll::Ready(v) = future.as_mut().poll(cx) {
            return Poll::Ready(Wait::Done(v)); // first: what has arrived is not thrown away
        }
        if SIGNAL.take() {
            return Poll::Ready(Wait::Interrupted);
        }
        // Made only now: a call that need not wait does not pay for it.
        if tick.get_or_insert_with(|| Box::pin(sleep(TICK))).as_mut().poll(cx).is_ready() {
            tick = None;
            return Poll::Ready(Wait::Interrupted);
        }
        wait_with(Some(cx.waker().clone()));
        Poll::Pending
    }));
    kept.set(tick);
    wait_with(None);
    signal::release();
    Ok(wait)
}

/// Does what does not wait. Signal handlers run where PHP code goes on.
pub(crate) fn at_once<F: Future>(future: F) -> Result<F::Output, Failure> {
    let Looping { runtime, .. } = runtime().map_err(|e| no_event_loop(&e))?;
    SIGNAL.set(false);
    let done = runtime.block_on(future);
    MISSED.set(SIGNAL.take());
    signal::release();
    Ok(done)
}

fn no_event_loop(e: &io::Error) -> Error {
    Error::lost("the servers", format_args!("no event loop: {e}"))
}

/// Waits for what must not be interrupted, and is bounded by itself: what a call does before it ends, when an
/// exception may be pending already. Signal handlers run in the next wait.
pub(crate) fn finish<F: Future>(future: F) {
    // Without an event loop there is nothing to finish.
    let _ = at_once(future);
}

fn wait_with(waker: Option<Waker>) {
    drop(WAITING.replace(waker.map(ManuallyDrop::new)).map(ManuallyDrop::into_inner));
}

fn signal_came() {
    SIGNAL.set(true);
    if let Some(waker) = WAITING.take() {
        ManuallyDrop::into_inner(waker).wake();
    }
}

fn runtime() -> io::Result<&'static Looping> {
    let old = RUNTIME.get();
    // SAFETY: made by Box::into_raw below and freed nowhere but in `free`.
    if let Some(p) = unsafe { old.as_ref() }.filter(|p| p.ours()) {
        return Ok(p);
    }
    let gaps = fill_stdio()?;
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_park(|| {
            // A signal that came before raises no EINTR any more.
            if signal::interrupted() || signal::pending() {
                signal_came();
            }
            signal::release();
            set_errno(0);
        })
        .on_thread_unpark(|| {
            if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) {
                signal_came();
            }
        })
        .build()?;
    drop(gaps);
    RUNTIME.set(Box::into_raw(Box::new(PerProcess::new(Looping { tick: Cell::default(), runtime }))));
    pool::disown();
    // SAFETY: the cell holds the new one now; nobody else has the old pointer.
    unsafe { free(old) };
    // SAFETY: made two lines above.
    Ok(unsafe { &*RUNTIME.get() })
}

/// In a process that runs without standard descriptors, those of a runtime would take their numbers, and what is printed
/// would go into its waker. So something else is there while one is built.
fn fill_stdio() -> io::Result<Vec<UnixDatagram>> {
    let mut gaps = Vec::new();
    loop {
        let next = UnixDatagram::unbound()?; // of the lowest number that is free
        if next.as_raw_fd() > libc::STDERR_FILENO {
            return Ok(gaps);
        }
        gaps.push(next);
    }
}

fn set_errno(value: i32) {
    // SAFETY: the address is this thread's own errno.
    unsafe { *libc::__errno_location() = value };
}

/// # Safety
/// `runtime` is null or came from Box::into_raw, and is used by nobody any more.
unsafe fn free(runtime: *mut PerProcess<Looping>) {
    if !runtime.is_null() {
        // Of another process: forgotten, see PerProcess.
        // SAFETY: as the caller says.
        drop(unsafe { Box::from_raw(runtime) });
    }
}

/// For the start of the module. The system forgets the handler when it unloads the module.
pub(crate) fn register_fork_handler() {
    extern "C" fn child() {
        fork::in_child();
    }
    // The embed SAPI starts one module more than once.
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: the handler only counts; where it cannot be had, the system is asked as before.
        if unsafe { libc::pthread_atfork(None, None, Some(child)) } == 0 {
            fork::handler_installed();
        }
    });
}

/// For the end of a thread (ZTS) or of the module; the thread's objects are gone by then.
pub(crate) fn shutdown() {
    // SAFETY: the pointer is taken out of the cell, so it is freed once.
    unsafe { free(RUNTIME.replace(null_mut())) };
}

/// A value that only the process which made it may use or drop. A child forgets its copy: parent and
/// child share one epoll set, and a dropped runtime would take the parent's sockets out of it.
/// Three descriptors of a runtime stay open in each child that goes on; they cannot be reached.
struct PerProcess<T> {
    process: Process,
    value: ManuallyDrop<T>,
}

impl<T> PerProcess<T> {
    fn new(value: T) -> Self {
        Self { process: Process::this(), value: ManuallyDrop::new(value) }
    }
    fn ours(&self) -> bool {
        self.process == Process::this()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.ours() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

impl<T> Deref for PerProcess<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
