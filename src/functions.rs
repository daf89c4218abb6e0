//! Functions that are no twin of a method: plain zend_parse_parameters.
use crate::call::{Call, handlers};
use crate::client::Client;
use crate::object::{instantiate, object_state};
use crate::servers::{self, Endpoint};
use crate::sys::zend_parse_parameters;
use crate::worker::Worker;
use ext_php_rs::ffi::ZEND_RESULT_CODE_SUCCESS;
use ext_php_rs::types::Zval;
use std::ffi::CStr;

/// Programs ask for it to know what the library can do; ours can what this one could.
pub(crate) const LIBGEARMAN: &CStr = c"1.1.20";

const VERBOSE: [&str; 6] = ["NEVER", "FATAL", "ERROR", "INFO", "DEBUG", "CRAZY"];

fn no_arguments(call: Call) -> bool {
    // SAFETY: an empty format takes no variables.
    unsafe { zend_parse_parameters(call.count(), c"".as_ptr()) == ZEND_RESULT_CODE_SUCCESS }
}

fn create(call: Call, object: Zval, endpoint: &impl Endpoint) {
    servers::add_defaults(endpoint);
    if !crate::sys::exception_pending() {
        call.returns(object);
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
        if no_arguments(call) {
            let object = instantiate::<Client>();
            let state: *const Client = object_state::<Client>(&object);
            // SAFETY: `object` moves to where PHP keeps it; the state stays where it is.
            create(call, object, unsafe { &*state });
        }
    }
    fn worker_create(call) {
        if no_arguments(call) {
            let object = instantiate::<Worker>();
            let state: *const Worker = object_state::<Worker>(&object);
            // SAFETY: as above.
            create(call, object, unsafe { &*state });
        }
    }
}
