//! What is to be seen of a peer from outside, in numbers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Of one peer.
#[derive(Debug)]
pub(crate) struct Counts {
    /// As it was named.
    pub(crate) peer: String,
    /// It was there when a connection to it was wanted last.
    up: AtomicBool,
    taken: AtomicU64,
    returned: AtomicU64,
}

impl Counts {
    pub(crate) fn new(peer: String) -> Counts {
        Counts { peer, up: AtomicBool::new(false), taken: AtomicU64::new(0), returned: AtomicU64::new(0) }
    }

    /// Whether it was up before.
    pub(crate) fn set_up(&self, up: bool) -> bool {
        self.up.swap(up, Ordering::Relaxed)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// It gave us a job.
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// A job of it was not run here to its end.
    pub(crate) fn give_back(&self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
    }

    /// Jobs that it gave us, and those of them that went back.
    pub(crate) fn jobs(&self) -> [u64; 2] {
        [&self.taken, &self.returned].map(|count| count.load(Ordering::Relaxed))
    }
}
