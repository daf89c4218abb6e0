//! What a client is sent of an exception that left a worker function.
//!
//! Must never know the job. Invariant: the exception is pending again afterwards, unless exit() is.
use crate::callback::Text;
use crate::object::object_zval;
use crate::sys::{eg, exception_pending, exit_pending, zend_get_exception_base};
use crate::zvals::Zvals;
use ext_php_rs::ffi::{zend_object, zend_read_property};
use ext_php_rs::types::{ZendStr, Zval};
use std::mem::{forget, replace};
use std::ptr::null_mut;

/// `Class: message` of the pending exception, with the message that its getMessage() gives; the class alone where
/// that is no text. A message may be an object, or made by __get(), and then PHP code runs. It runs none while an
/// exception is pending: so that is set aside, and what is thrown meanwhile is dropped. All but exit(), which is
/// pending afterwards.
pub(crate) fn describe(zvals: &Zvals) -> Vec<u8> {
    let exception = swap(null_mut());
    // Kept in `zvals`, so that a longjmp out of that code loses nothing.
    let aside = zvals.add(object_zval(exception));
    let message = zvals.add(message(exception));
    let text = if is_text(zvals, message) { Text::of(zvals, message) } else { None };
    drop(zvals.remove(message));
    let aside = zvals.remove(aside);
    if exit_pending() {
        return Vec::new();
    }
    forget(aside); // the engine's again
    let dropped = swap(exception);
    if !dropped.is_null() {
        drop(object_zval(dropped));
    }
    join(exception, text.as_ref().map(Text::bytes))
}

/// Exchanges the pending exception, null for none, and with it a reference to it.
fn swap(exception: *mut zend_object) -> *mut zend_object {
    // SAFETY: see `eg`.
    replace(unsafe { &mut (*eg()).exception }, exception)
}

fn message(exception: *mut zend_object) -> Zval {
    let name = "message";
    let mut made = Zval::new();
    // SAFETY: a Throwable, whose base class has such a property; `made` is written to where __get() made the value.
    unsafe {
        let base = zend_get_exception_base(exception);
        let found = zend_read_property(base, exception, name.as_ptr().cast(), name.len(), true, &raw mut made);
        if std::ptr::eq(found, &raw const made) { made } else { (*found).shallow_clone() }
    }
}

/// Neither unset nor an array, of which PHP would make "Array".
fn is_text(zvals: &Zvals, i: usize) -> bool {
    let lent = zvals.lend(i);
    let value = lent.dereference();
    !(exception_pending() || value.is_null() || value.is_array())
}

fn join(exception: *mut zend_object, message: Option<&[u8]>) -> Vec<u8> {
    // SAFETY: it is alive, being pending; its class has a name.
    let name = unsafe { (*(*(*exception).ce).name.cast::<ZendStr>()).as_bytes() };
    // The name of an anonymous class goes on with a NUL and the file it is in, which a client need not know.
    let mut text = name.split(|b| *b == 0).next().unwrap_or_default().to_vec();
    if let Some(message) = message {
        text.extend_from_slice(b": ");
        text.extend_from_slice(message);
    }
    text
}
