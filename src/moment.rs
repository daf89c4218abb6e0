//! A moment as programs give it: a Unix time, a DateTimeInterface, or a DateInterval that counts from now.
//!
//! Must never know what it is for. PHP's own date objects reckon. Invariant: a frame owns nothing but request memory while one
//! of their methods runs, which a program may have overridden.
use crate::call::{Arg, Call};
use crate::sys::*;
use ext_php_rs::ffi::{instanceof_function_slow, zend_class_entry, zval, zval_ptr_dtor};
use ext_php_rs::types::Zval;
use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::ptr::null_mut;

impl Call {
    /// Argument `n` of type `int|DateTimeInterface|DateInterval`, for which PHP's parser has no letter: "z" in the format, then
    /// this. Seconds since 1970, 0 for what was before. `None`: an exception is pending.
    pub(crate) fn moment(self, n: u32, arg: Arg<'_>) -> Option<u64> {
        self.seconds(n, arg).map(|seconds| seconds.max(0).unsigned_abs())
    }

    fn seconds(self, n: u32, arg: Arg<'_>) -> Option<i64> {
        let (n, value) = (self.number(n), arg.as_ptr());
        // SAFETY: an argument of this call; the methods are those of its class.
        unsafe {
            let found = match arg.get()? {
                object if object.is_object() && is_a(value, php_date_get_interface_ce()) => return timestamp(value),
                object if object.is_object() && is_a(value, php_date_get_interval_ce()) => return from_now(value),
                other if other.is_object() || other.is_null() => None,
                other => other.long().or_else(|| number(value, n)),
            };
            if found.is_none() {
                refuse(n, value);
            }
            found
        }
    }
}

/// What PHP takes for a number besides, such as digits, unless the caller has strict types.
unsafe fn number(value: *mut zval, n: u32) -> Option<i64> {
    let mut number = 0;
    // SAFETY: `value` is argument `n` of the running call.
    unsafe { zend_parse_arg_long_slow(value, &raw mut number, n) }.then_some(number)
}

/// A TypeError, unless something is thrown already.
unsafe fn refuse(n: u32, value: *mut zval) {
    if !exception_pending() {
        let text = c"must be of type int|DateTimeInterface|DateInterval, %s given".as_ptr();
        // SAFETY: `value` is an argument of the running call.
        unsafe { zend_argument_type_error(n, text, zend_zval_type_name(value)) };
    }
}

/// # Safety
/// `value` is an object.
unsafe fn is_a(value: *mut zval, class: *mut zend_class_entry) -> bool {
    // SAFETY: as the caller says; PHP only looks at the classes.
    unsafe {
        let of = (*(*value).value.obj).ce;
        of == class || instanceof_function_slow(of, class)
    }
}

/// Calls a method of `object`. `None`: it threw.
///
/// # Safety
/// `object` is an object that has it.
unsafe fn method(object: *mut zval, name: &CStr, argument: Option<*mut zval>) -> Option<ManuallyDrop<Zval>> {
    let mut result = ManuallyDrop::new(Zval::new());
    // SAFETY: as the caller says; PHP counts what it passes on.
    unsafe {
        let object = (*object).value.obj;
        let (count, argument) = (argument.is_some().into(), argument.unwrap_or(null_mut()));
        let (name, len) = (name.as_ptr(), name.count_bytes());
        zend_call_method(object, (*object).ce, null_mut(), name, len, &raw mut *result, count, argument, null_mut());
    }
    if exception_pending() {
        drop(ManuallyDrop::into_inner(result));
        return None;
    }
    Some(result)
}

/// # Safety
/// `object` is a DateTimeInterface.
unsafe fn timestamp(object: *mut zval) -> Option<i64> {
    // SAFETY: as the caller says.
    let seconds = ManuallyDrop::into_inner(unsafe { method(object, c"getTimestamp", None) }?);
    Some(seconds.long().unwrap_or_default())
}

/// The first whole second that is not before now and this interval, so that nothing begins early.
///
/// # Safety
/// `interval` is a DateInterval.
unsafe fn from_now(interval: *mut zval) -> Option<i64> {
    let mut now = ManuallyDrop::new(Zval::new());
    // SAFETY: `now` is made here, and released at the end, whatever its methods do.
    unsafe {
        let now: *mut zval = &raw mut *now;
        php_date_instantiate(php_date_get_immutable_ce(), now);
        let due = method(now, c"__construct", None).and_then(|_| method(now, c"add", Some(interval)));
        let seconds = due.and_then(|mut due| {
            let due: *mut zval = &raw mut *due;
            // Not by their seconds: half a second may end in the one that now is.
            let later = i64::from(zend_compare(due, now) > 0);
            let seconds = timestamp(due).map(|seconds| seconds.saturating_add(later));
            zval_ptr_dtor(due);
            seconds
        });
        zval_ptr_dtor(now);
        seconds
    }
}
