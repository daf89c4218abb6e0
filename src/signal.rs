//! What PHP does when a signal ended a wait: whether handlers are due, and running them.
//!
//! Owns the signals that are held back between a look at pcntl's queue and the next wait. Must never know what is waited
//! for, nor of tokio: runtime.rs says when. Its callers hold nothing while it runs handlers, which are PHP code: they may
//! throw, exit, longjmp or use the very object that is waiting. No signal is held back any more when a handler of ours
//! returns to PHP.
use crate::sys::{eg, exception_pending, zend_timeout, zend_vm_stack_extend};
use ext_php_rs::alloc::efree;
use ext_php_rs::ffi::{
    ZEND_INTERNAL_FUNCTION, zend_atomic_bool_store, zend_call_known_function, zend_fetch_function_str, zend_function,
    zend_interrupt_function, zval,
};
use ext_php_rs::types::Zval;
use libc::{SIG_BLOCK, SIG_SETMASK, SIGRTMAX, pthread_sigmask, sigfillset, sigismember, sigpending, sigset_t};
use std::cell::Cell;
use std::mem::{ManuallyDrop, zeroed};
use std::ptr::null_mut;

/// What came of a look at the signal handlers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handlers {
    /// None was due.
    Idle,
    Ran,
    /// An exception is pending, the call must return.
    Threw,
}

/// Set by PHP's own C handlers: pcntl's with async signals, and that of max_execution_time.
pub(crate) fn interrupted() -> bool {
    // SAFETY: this thread's globals; the flag is an atomic of C's, read as one.
    unsafe { (&raw const (*eg()).vm_interrupt.value).read_volatile() }
}

/// Runs the signal handlers that are due, when a wait was interrupted and may go on.
pub(crate) fn dispatch() -> Handlers {
    // SAFETY: between two calls of PHP code, as the VM does it.
    outcome(unsafe { run_interrupt() || run_queued() })
}

/// What the VM does between opcodes (zend_vm_def.h, zend_interrupt_helper), where it is asked to: by pcntl with async
/// signals, by max_execution_time, or by a profiler, a hundred times a second. True: PHP code ran, so it was a handler.
///
/// # Safety
/// Where PHP code may run.
unsafe fn run_interrupt() -> bool {
    if !interrupted() {
        return false;
    }
    // SAFETY: this thread's globals; as the caller says.
    unsafe {
        zend_atomic_bool_store(&raw mut (*eg()).vm_interrupt, false);
        if (*eg()).timed_out.value {
            zend_timeout(); // "Maximum execution time …": a fatal error, does not come back
        }
        zend_interrupt_function.is_some_and(|run| runs_code(0, || run((*eg()).current_execute_data)))
    }
}

/// Runs the handlers of signals that came before a wait, while PHP code ran. With async signals there are
/// none: they ran where they came.
pub(crate) fn catch_up() -> Handlers {
    let function = pcntl_signal_dispatch();
    // SAFETY: where PHP code may run; the function is PHP's own.
    outcome(!function.is_null() && unsafe { call(function) })
}

fn outcome(ran: bool) -> Handlers {
    match (exception_pending(), ran) {
        (true, _) => Handlers::Threw,
        (false, true) => Handlers::Ran,
        (false, false) => Handlers::Idle,
    }
}

/// pcntl's, or null: where there is no pcntl, programs define a function of that name, which dispatches nothing.
fn pcntl_signal_dispatch() -> *mut zend_function {
    let name = "pcntl_signal_dispatch";
    // SAFETY: a look-up in the function table; what is found has a type.
    unsafe {
        let function = zend_fetch_function_str(name.as_ptr().cast(), name.len());
        if !function.is_null() && u32::from((*function).type_) == ZEND_INTERNAL_FUNCTION {
            function
        } else {
            null_mut()
        }
    }
}

/// Without async signals pcntl only queues them and sets no flag. So all signals are held back
/// from here until tokio is about to park, where [`pending`] is asked once more: else those that
/// come in between raise no EINTR, nor do those that come while handlers run (pcntl blocks them and
/// queues them when it unblocks). In a dense stream 1.6 % were handled only at the end of the wait.
///
/// True: a handler ran.
///
/// # Safety
/// Where PHP code may run.
unsafe fn run_queued() -> bool {
    let function = pcntl_signal_dispatch();
    let mut ran = false;
    while !function.is_null() {
        // Not in HELD yet: Gearman calls of the handlers must neither go back to this mask, which pcntl undoes
        // when they have run, nor take the one in between for the one to go back to.
        let before = hold();
        // SAFETY: as the caller says.
        ran |= unsafe { call(function) };
        HELD.set(Some(before));
        if exception_pending() {
            release();
            break;
        }
        if !pending() {
            break;
        }
        release();
    }
    ran
}

/// Calls a function of PHP's that takes no arguments. True: it called PHP code, which pcntl_signal_dispatch() does not return.
///
/// # Safety
/// The function exists and takes no arguments, and PHP code may run.
unsafe fn call(function: *mut zend_function) -> bool {
    /// In zvals: a frame without arguments is 5, and an observer may add one. What lies after that is the handler's.
    const FRAME: usize = 8;
    let mut result = ManuallyDrop::new(Zval::new()); // a bool
    // SAFETY: as the caller says.
    unsafe {
        runs_code(FRAME, || {
            zend_call_known_function(function, null_mut(), null_mut(), &raw mut *result, 0, null_mut(), null_mut());
        })
    }
}

/// Calls `call`. True: it called PHP code. Frames lie on the VM's stack one after the other; so marks where the next one
/// would lie, behind the `own` zvals of the call itself, are overwritten by that.
///
/// # Safety
/// Where PHP code may run.
unsafe fn runs_code(own: usize, call: impl FnOnce()) -> bool {
    /// In zvals: more than the head of a frame and a handler's two arguments.
    const MARKS: usize = 16;
    /// In zvals: a handler's frame that is larger than that goes to a page of its own, and is not seen.
    const ROOM: usize = 1024;
    const MARK: u64 = 0x6d61_726b_6d61_726b;
    // SAFETY: the free part of the page that the VM's stack is on; the VM takes it as it is.
    unsafe {
        let extended = (*eg()).vm_stack_end.offset_from((*eg()).vm_stack_top) < ROOM as isize;
        if extended {
            extend_stack(ROOM);
        }
        let top = (*eg()).vm_stack_top;
        let mut marks = (own..own + MARKS).map(|i| top.add(i).cast::<[u64; 2]>());
        marks.clone().for_each(|mark| mark.write([MARK; 2]));
        call();
        let ran = marks.any(|mark| mark.read() != [MARK; 2]);
        if extended {
            shrink_stack();
        }
        ran
    }
}

/// Has the VM's stack go on at the begin of a page with room for so many zvals. After a longjmp it is PHP's to free, as all others.
///
/// # Safety
/// Where PHP code may run.
unsafe fn extend_stack(room: usize) {
    // SAFETY: what the VM does for a frame that finds no room, without a frame.
    unsafe { (*eg()).vm_stack_top = zend_vm_stack_extend(room * size_of::<zval>()).cast() };
}

/// Undoes [`extend_stack`].
///
/// # Safety
/// The frames that were laid on that page are gone.
unsafe fn shrink_stack() {
    // SAFETY: what zend_vm_stack_free_call_frame() does with a page that was made for one frame.
    unsafe {
        let (globals, page) = (eg(), (*eg()).vm_stack);
        let before = (*page).prev;
        ((*globals).vm_stack_top, (*globals).vm_stack_end) = ((*before).top, (*before).end);
        (*globals).vm_stack = before;
        efree(page.cast());
    }
}

thread_local! {
    /// The mask to go back to.
    static HELD: Cell<Option<sigset_t>> = const { Cell::new(None) };
}

/// Blocks all signals. The mask that was in force.
fn hold() -> sigset_t {
    if let Some(before) = HELD.take() {
        return before; // and all are blocked still
    }
    // SAFETY: plain system calls on local sets.
    unsafe {
        let (mut all, mut before): (sigset_t, sigset_t) = zeroed();
        sigfillset(&raw mut all);
        pthread_sigmask(SIG_BLOCK, &raw const all, &raw mut before);
        before
    }
}

/// Is there a signal that only we hold back?
pub(crate) fn pending() -> bool {
    // SAFETY: plain system calls on local sets.
    HELD.get().is_some_and(|old| unsafe {
        let mut set: sigset_t = zeroed();
        sigpending(&raw mut set);
        (1..=SIGRTMAX()).any(|n| sigismember(&raw const set, n) == 1 && sigismember(&raw const old, n) == 0)
    })
}

/// Called before tokio parks, when a wait ends and when a handler returns to PHP.
pub(crate) fn release() {
    if let Some(old) = HELD.take() {
        // SAFETY: the mask that was in force before `hold`.
        unsafe { pthread_sigmask(SIG_SETMASK, &raw const old, null_mut()) };
    }
}
