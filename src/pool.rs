//! `gearman.persistent`: the connections that clients leave to those after them, also to those of the
//! next request.
//!
//! Owns one pool a thread of PHP's, beside the runtime that its sockets belong to, and ended before it. Must never know who
//! uses a connection.
use gearman_core::client::pool::{Counts, Pool};
use std::cell::Cell;
use std::ptr::null_mut;

thread_local! {
    // A plain cell, as in runtime.rs: what a thread-local's own destructor does comes too late.
    static POOL: Cell<*mut Pool> = const { Cell::new(null_mut()) };
}

fn get() -> Option<&'static Pool> {
    // SAFETY: null, or made in `shared` and freed nowhere but in `shutdown`, after which no object is left.
    unsafe { POOL.get().as_ref() }
}

/// This thread's pool, made when first asked for.
pub(crate) fn shared() -> Pool {
    get().cloned().unwrap_or_else(|| {
        let pool = Pool::default();
        POOL.set(Box::into_raw(Box::new(pool.clone())));
        pool
    })
}

/// In a forked child: closes its copies of its parent's connections.
pub(crate) fn disown() {
    if let Some(pool) = get() {
        pool.tidy();
    }
}

/// For phpinfo(): idle, reused and made so far.
pub(crate) fn text() -> String {
    let Counts { idle, reused, made } = get().map_or_else(Counts::default, Pool::counts);
    format!("{idle} idle, {reused} reused, {made} made")
}

/// Before the runtime ends.
pub(crate) fn shutdown() {
    let pool = POOL.replace(null_mut());
    if !pool.is_null() {
        // SAFETY: taken out of the cell, so it is freed once.
        unsafe { Box::from_raw(pool) }.close();
    }
}
