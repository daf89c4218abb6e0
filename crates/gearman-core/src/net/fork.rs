//! Which process this is, asked several times a call: what another process made must not be used.
//!
//! Owns a counter of forks. Must never allocate or lock: it runs between fork(2) and the child's own code.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Forks between this process and the one that installed a handler, plus one; 0: there is no handler.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A process, to be compared with another that it descends from or that descends from it. Cheaper than
/// getpid(2) where [a handler counts forks](handler_installed); and a number that is not given twice.
///
/// ```
/// use gearman_core::net::fork::Process;
/// assert_eq!(Process::this(), Process::this());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process(u64);

impl Process {
    /// This one.
    pub fn this() -> Process {
        match FORKS.load(Relaxed) {
            0 => Process(std::process::id().into()),
            forks => Process(forks << 32), // no process's number
        }
    }
}

/// To be called once, before anything else is made here, by a program that calls [`in_child`] in each child. From
/// then on the system is not asked which process this is.
pub fn handler_installed() {
    FORKS.fetch_max(1, Relaxed);
}

/// To be called in a child before anything else happens there: it is a process of its own now. Touches nothing
/// but a number, as is asked of a handler of pthread_atfork(3).
pub fn in_child() {
    FORKS.fetch_add(1, Relaxed);
}
