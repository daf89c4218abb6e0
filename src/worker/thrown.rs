//! What a client is sent of an exception that left a worker function.
//!
//! Must never know the job. Invariant: the exception is pending again afterwards, unless exit() is, or as the previous one of
//! what a signal's handler threw meanwhile.
use crate::callback::Text;
use crate::object::object_zval;
use crate::sys::{eg, exception_pending, exit_pending, zend_exception_set_previous, zend_get_exception_base};
use crate::zvals::Zvals;
use ext_php_rs::ffi::{zend_object, zend_read_property};
use ext_php_rs::types::{ZendStr, Zval};
use std::mem::{forget, replace};
use std::ptr::null_mut;

/// Has `Class: message` of the pending exception sent; the class alone where the message is no text. PHP runs no code while an
/// exception is pending, but the message may take some, and sending may wait, in which handlers of signals run. So it is set aside.
pub(crate) fn tell(zvals: &Zvals, send: impl FnOnce(&[u8])) {
    let exception = swap(null_mut());
    // Kept in `zvals`, so that a longjmp out of that code loses nothing.
    let aside = zvals.add(object_zval(exception));
    if let Some(text) = describe(zvals, exception) {
        send(text.bytes());
    }
    let aside = zvals.remove(aside);
    if exit_pending() {
        return;
    }
    forget(aside); // the engine's again
    let newer = swap(exception);
    if !newer.is_null() {
        swap(newer);
        // SAFETY: both are Throwables; the newer one takes over our reference to the other.
        unsafe { zend_exception_set_previous(newer, exception) };
    }
}

/// What is thrown meanwhile is dropped. `None`: all but exit().
fn describe(zvals: &Zvals, exception: *mut zend_object) -> Option<Text> {
    let message = zvals.add(message(exception));
    let text = if is_text(zvals, message) { Text::of(zvals, message) } else { None };
    drop(zvals.remove(message));
    if exception_pending() && !exit_pending() {
        drop(object_zval(swap(null_mut()))); // its destructor may call exit()
    }
    if exit_pending() { None } else { Some(join(exception, text.as_ref().map(Text::bytes))) }
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

fn join(exception: *mut zend_object, message: Option<&[u8]>) -> Text {
    // SAFETY: it is alive, being set aside; its class has a name.
    let name = unsafe { (*(*(*exception).ce).name.cast::<ZendStr>()).as_bytes() };
    // The name of an anonymous class goes on with a NUL and the file it is in, which a client need not know.
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    match message {
        Some(message) => Text::joined([name, b": ", message]),
        None => Text::joined([name, b"", b""]),
    }
}
