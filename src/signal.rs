//! What PHP does when a signal ended a wait. Called with nothing held: handlers are PHP code, they
//! may throw, exit, longjmp or use the very object that is waiting.
use crate::runtime::interrupted;
use crate::sys::{eg, exception_pending, zend_timeout};
use ext_php_rs::ffi::{
    zend_atomic_bool_store, zend_call_known_function, zend_fetch_function_str, zend_interrupt_function,
};
use ext_php_rs::types::Zval;
use libc::{SIG_BLOCK, SIG_SETMASK, SIGRTMAX, pthread_sigmask, sigfillset, sigismember, sigpending, sigset_t};
use std::cell::Cell;
use std::mem::{ManuallyDrop, zeroed};
use std::ptr::null_mut;

/// Runs the signal handlers that are due. False: an exception is pending, the call must return.
pub(crate) fn dispatch() -> bool {
    // SAFETY: this thread's globals, between two calls of PHP code, as the VM does it.
    unsafe {
        if interrupted() {
            // What the VM does between opcodes (zend_vm_def.h, zend_interrupt_helper).
            zend_atomic_bool_store(&raw mut (*eg()).vm_interrupt, false);
            if (*eg()).timed_out.value {
                zend_timeout(); // "Maximum execution time …": a fatal error, does not come back
            }
            if let Some(run) = zend_interrupt_function {
                run((*eg()).current_execute_data);
            }
        } else {
            run_queued();
        }
    }
    !exception_pending()
}

/// Without async signals pcntl only queues them and no flag tells. So all signals are held back
/// from here until tokio is about to park, where [`pending`] is asked once more: else those that
/// come in between raise no EINTR, nor do those that come while handlers run (pcntl blocks them and
/// queues them when it unblocks). In a dense stream 1.6 % were heard only at the end of the wait.
///
/// # Safety
/// Where PHP code may run.
unsafe fn run_queued() {
    let name = "pcntl_signal_dispatch";
    // SAFETY: a look-up in the function table.
    let function = unsafe { zend_fetch_function_str(name.as_ptr().cast(), name.len()) };
    while !function.is_null() {
        // Not in HELD yet: Gearman calls of the handlers must neither go back to this mask, which pcntl undoes
        // when they have run, nor take the one in between for the one to go back to.
        let before = hold();
        let mut result = ManuallyDrop::new(Zval::new()); // a bool
        // SAFETY: the function exists and takes no arguments.
        unsafe {
            zend_call_known_function(function, null_mut(), null_mut(), &raw mut *result, 0, null_mut(), null_mut())
        };
        HELD.set(Some(before));
        if exception_pending() {
            return release();
        }
        if !pending() {
            return;
        }
        release();
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
