//! Functions that are no twin of a method: plain zend_parse_parameters. (A twin is the method's own handler: the stub says
//! which, and nothing is written for it.)
use crate::call::{Call, handlers};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::endpoint::servers::add_defaults;
use crate::object::Object;
use crate::sys::{exception_pending, zend_parse_parameters};
use crate::worker::Worker;
use ext_php_rs::ffi::ZEND_RESULT_CODE_SUCCESS;
use std::ffi::CStr;

/// Programs ask for it to know what the library can do; ours can what this one could.
pub(crate) const LIBGEARMAN: &CStr = c"1.1.20";

const VERBOSE: [&str; 6] = ["NEVER", "FATAL", "ERROR", "INFO", "DEBUG", "CRAZY"];

fn no_arguments(call: Call) -> bool {
    // SAFETY: an empty format takes no variables.
    unsafe { zend_parse_parameters(call.count(), c"".as_ptr()) == ZEND_RESULT_CODE_SUCCESS }
}

fn create<T: Endpoint>(call: Call) {
    if no_arguments(call) {
        let object = Object::<T>::new();
        add_defaults(object.state());
        if !exception_pending() {
            call.returns(object.into_zval());
        }
    }
}

handlers! {
    /// pecl does not look at arguments here.
    fn version(call) {
        call.returns(LIBGEARMAN.to_bytes());
    }
    fn bugreport(call) {
        call.returns(&b"https://github.com/gearman-rs/gearman_rs/issues"[..]);
    }
    fn verbose_name(call) {
        let mut verbose = 0i64;
        // SAFETY: "l" takes one i64.
        if unsafe { zend_parse_parameters(call.count(), c"l".as_ptr(), &raw mut verbose) } != ZEND_RESULT_CODE_SUCCESS {
            return;
        }
        match usize::try_from(verbose) {
            Ok(level) => call.returns(VERBOSE.get(level).unwrap_or(&"UNKNOWN").as_bytes()),
            Err(_) => call.warn("a level is not negative"),
        }
    }
    fn client_create(call) {
        create::<Client>(call);
    }
    fn worker_create(call) {
        create::<Worker>(call);
    }
}
