//! What is sent to those who watch: one rendering for all of them, made as long as somebody watches.
//!
//! Owns the last rendering, and the places of those who watch. Must never know how an event is written.
//!
//! Invariant: whoever is slow misses renderings; nothing waits for it, and only one that it is being sent is kept for it.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

/// Most that watch at a time.
const STREAMS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Live {
    last: watch::Sender<Option<Bytes>>,
    /// Somebody came.
    came: Notify,
    places: Arc<Semaphore>,
}

/// Somebody who watches.
#[derive(Debug)]
pub(crate) struct Watching {
    /// The last rendering; `None`: there is none yet.
    pub(crate) last: watch::Receiver<Option<Bytes>>,
    _place: OwnedSemaphorePermit,
}

impl Default for Live {
    fn default() -> Live {
        Live { last: watch::Sender::new(None), came: Notify::new(), places: Arc::new(Semaphore::new(STREAMS)) }
    }
}

impl Live {
    /// One more watches. `None`: there are as many as there may be.
    pub(crate) fn watch(&self) -> Option<Watching> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let last = self.last.subscribe();
        self.came.notify_one();
        Some(Watching { last, _place: place })
    }

    /// Waits until somebody watches. True: nobody did meanwhile.
    pub(crate) async fn wanted(&self) -> bool {
        if self.last.receiver_count() > 0 {
            return false;
        }
        // Whoever comes now is told nothing old.
        self.last.send_replace(None);
        while self.last.receiver_count() == 0 {
            self.came.notified().await;
        }
        true
    }

    /// This is the last rendering now.
    pub(crate) fn show(&self, rendering: Bytes) {
        self.last.send_replace(Some(rendering));
    }
}
