//! Calling PHP. Nothing is owned by the frames of a call: the callable, its arguments and its result
//! lie in objects, so that a longjmp out of it loses nothing, and an exception finds all in order.
use crate::object::Zvals;
use crate::sys::{exception_pending, zval_get_long_func};
use ext_php_rs::ffi::{self, zend_is_callable, zval};
use ext_php_rs::types::Zval;
use std::mem::ManuallyDrop;
use std::ptr::null_mut;

/// Is this callable, as seen from the code that called us? False may also mean that autoloading threw.
pub(crate) fn is_callable(f: *mut zval) -> bool {
    // SAFETY: an argument of the running call.
    unsafe { zend_is_callable(f, 0, null_mut()) }
}

/// Calls what lies at `callable` with what lies at `arguments`, and puts the result into a place of its
/// own. `None`: an exception is pending.
pub(crate) fn call<const N: usize>(zvals: &Zvals, callable: usize, arguments: [usize; N]) -> Option<usize> {
    let mut callable = zvals.lend(callable);
    let mut arguments = arguments.map(|i| zvals.lend(i));
    let mut result = ManuallyDrop::new(Zval::new());
    // SAFETY: PHP counts what it passes on; all of it lives in `zvals` for as long as the call lasts.
    unsafe {
        let callable: *mut zval = &raw mut *callable;
        let n = arguments.len() as u32;
        ffi::_call_user_function_impl(
            null_mut(),
            callable,
            &raw mut *result,
            n,
            arguments.as_mut_ptr().cast(),
            null_mut(),
        );
    }
    let result = zvals.add(ManuallyDrop::into_inner(result));
    if exception_pending() {
        drop(zvals.remove(result));
        return None;
    }
    Some(result)
}

/// The int that lies at `i`, as `(int)` makes it; a warning about it may throw.
pub(crate) fn long(zvals: &Zvals, i: usize) -> i64 {
    let mut lent = zvals.lend(i);
    let zv: *mut zval = &raw mut *lent;
    // SAFETY: reads the zval; the object or string behind it is held by `zvals`.
    unsafe { zval_get_long_func(zv, false) }
}
