//! Calling PHP, and what PHP makes of a value.
//!
//! Must never know who is called. Invariant: nothing is owned by the frames of a call. The callable, its arguments and its
//! result lie in objects, so that a longjmp out of it loses nothing, and an exception finds all in order.
use crate::call::Arg;
use crate::sys::{
    exception_pending, zend_release_fcall_info_cache, zend_string_concat3, zval_get_long_func, zval_try_get_string_func,
};
use crate::zvals::Zvals;
use ext_php_rs::ffi::{self, zend_fcall_info_cache, zend_is_callable_ex, zend_string, zval};
use ext_php_rs::types::{ZendStr, Zval};
use std::mem::{ManuallyDrop, zeroed};
use std::ptr::null_mut;

/// Which parameters a callable takes by reference: a bit for each of the first two. PHP gives a warning and a copy
/// where such a parameter gets a value, and cannot see by itself that a context is one to be referred to.
#[derive(Clone, Copy, Default)]
pub(crate) struct ByReference(u8);

impl ByReference {
    fn has(self, i: usize) -> bool {
        self.0 & 1 << i != 0
    }
    /// The context, which is the second argument of every call of ours?
    pub(crate) fn context(self) -> bool {
        self.has(1)
    }
}

/// What this takes by reference; `None` if it is not callable as seen from the code that called us. That may also
/// mean that autoloading threw.
pub(crate) fn parameters(f: Arg<'_>) -> Option<ByReference> {
    // SAFETY: `f` is an argument of the running call; PHP fills in the cache, which is all pointers, before it returns.
    unsafe {
        let mut found: zend_fcall_info_cache = zeroed();
        let good = zend_is_callable_ex(f.as_ptr(), null_mut(), 0, null_mut(), &raw mut found, null_mut());
        // ZEND_CHECK_ARG_FLAG, two bits an argument. The other one is of functions that take either.
        let first = if cfg!(target_endian = "little") { 8 } else { 0 };
        let flags = found.function_handler.as_ref().map_or(0, |f| f.quick_arg_flags >> first);
        zend_release_fcall_info_cache(&raw mut found);
        good.then_some(ByReference((flags & 1 | flags >> 1 & 2) as u8))
    }
}

/// Calls what lies at `callable` with what lies at `arguments`, and puts the result into a slot of its
/// own. `None`: an exception is pending. An argument to be taken by reference becomes one in its slot.
pub(crate) fn call<const N: usize>(
    zvals: &Zvals,
    callable: usize,
    arguments: [usize; N],
    by_reference: ByReference,
) -> Option<usize> {
    for (i, slot) in arguments.into_iter().enumerate() {
        if by_reference.has(i) {
            zvals.refer(slot);
        }
    }
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
    // SAFETY: reads the zval; the object or string it refers to is held by `zvals`.
    unsafe { zval_get_long_func(zv, false) }
}

/// A value as text. Owned by the frame for as long as no PHP code runs.
pub(crate) struct Text(*mut zend_string);

impl Text {
    /// What lies at `i`, converted as PHP does it. `None`: that threw.
    pub(crate) fn of(zvals: &Zvals, i: usize) -> Option<Text> {
        let mut lent = zvals.lend(i);
        let zv: *mut zval = &raw mut *lent;
        // SAFETY: the zval is held by `zvals`; __toString() and error handlers may run, nothing is owned here.
        let text = unsafe { zval_try_get_string_func(zv) };
        if text.is_null() {
            return None;
        }
        let text = Text(text);
        // An error handler may have thrown at "Array to string conversion".
        if exception_pending() { None } else { Some(text) }
    }
    /// These pieces in a row.
    pub(crate) fn joined(pieces: [&[u8]; 3]) -> Text {
        let [a, b, c] = pieces.map(|piece| (piece.as_ptr().cast(), piece.len()));
        // SAFETY: PHP copies the bytes.
        Text(unsafe { zend_string_concat3(a.0, a.1, b.0, b.1, c.0, c.1) })
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a zend_string with a reference of ours.
        unsafe { (*self.0.cast::<ZendStr>()).as_bytes() }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: a reference of ours.
        unsafe { ffi::ext_php_rs_zend_string_release(self.0) };
    }
}
