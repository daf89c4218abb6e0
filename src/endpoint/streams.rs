//! getStreams(), and how poll() ends.
//!
//! Owns the stream that an object gives to event loops: a duplicate of its watch's descriptor, so that who closes either leaves
//! the other alone. Must never know what poll() does. Invariant: it is the same stream for as long as the object lives, unless
//! the program closed it or has forked.
use crate::call::{Call, Reply};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::sys::_php_stream_fopen_from_fd;
use ext_php_rs::ffi::{IS_RESOURCE_EX, ZEND_DEBUG};
use ext_php_rs::types::Zval;
use gearman_core::net::watch::Watch;
use gearman_core::{Error, ReturnCode};
use std::ffi::c_int;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::ptr::null;
use tokio::time::Instant;

/// getStreams().
pub(crate) fn get_streams(call: Call, this: &impl Endpoint) {
    let (made, kept) = (this.with_watch(|watch| watch.is_made()), this.common().stream.get());
    if made && is_open(&kept) {
        return call.returns([kept.into()]);
    }
    drop(kept);
    match this.with_watch(Watch::descriptor) {
        Ok(descriptor) => {
            let stream = open(descriptor);
            drop(this.common().stream.replace(stream.shallow_clone()));
            call.returns([stream.into()]);
        }
        Err(e) => {
            let text = format!("there is nothing to watch: {e}");
            if this.common().last_error.warn(call, ReturnCode::Errno.number(), text) {
                call.returns([]);
            }
        }
    }
}

fn is_open(stream: &Zval) -> bool {
    // SAFETY: a resource is there for as long as a zval refers to it; its type is negative once it was closed.
    stream.is_resource() && unsafe { (*stream.value.res).type_ >= 0 }
}

/// A stream of PHP's, which owns the descriptor from now on.
fn open(descriptor: OwnedFd) -> Zval {
    let (fd, mode) = (descriptor.into_raw_fd(), c"r".as_ptr());
    let mut zv = Zval::new();
    // SAFETY: the descriptor is open and ours. A debug build takes also where in which file the call is, for its own report.
    unsafe {
        let stream = if ZEND_DEBUG == 0 {
            _php_stream_fopen_from_fd(fd, mode, null(), false)
        } else {
            let (file, line) = (c"gearman".as_ptr(), 0 as c_int);
            _php_stream_fopen_from_fd(fd, mode, null(), false, 0 as c_int, file, line, file, line)
        };
        // What php_stream_to_zval() does.
        (*stream).set___exposed(1);
        zv.value.res = (*stream).res;
        zv.u1.type_info = IS_RESOURCE_EX;
    }
    zv
}

/// Ends a poll() that came to `polled`: with how many seconds it takes until the stream is ready, or null.
pub(crate) fn end_poll(
    call: Call,
    this: &impl Endpoint,
    polled: Result<(), Failure>,
    rested: Result<Option<Instant>, Error>,
) {
    let (due, failed) = match rested {
        Ok(due) => (due, polled),
        Err(error) => (None, polled.and(Err(error.into()))),
    };
    if let Err(failure) = failed
        && !this.common().last_error.report(call, failure)
    {
        return;
    }
    let seconds = due.map(|due| due.saturating_duration_since(Instant::now()).as_secs_f64());
    call.returns(seconds.map_or_else(|| Zval::new().into(), Reply::from));
}
