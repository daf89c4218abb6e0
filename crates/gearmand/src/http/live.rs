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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_wanted_while_nobody_watches_and_nothing_old_is_shown() {
        let live = Live::default();
        let mut one = live.watch().unwrap();
        assert!(!live.wanted().await);
        live.show("first".into());
        assert_eq!(one.last.borrow_and_update().as_deref(), Some(&b"first"[..]));
        drop(one);
        let wanted = live.wanted();
        tokio::pin!(wanted);
        tokio::select! {
            biased;
            _ = &mut wanted => panic!("nobody watches"),
            () = std::future::ready(()) => {}
        }
        let two = live.watch().unwrap();
        assert_eq!(*two.last.borrow(), None);
        assert!(wanted.await);
    }

    #[tokio::test]
    async fn who_is_slow_misses_some() {
        let live = Live::default();
        let mut slow = live.watch().unwrap();
        for rendering in ["1", "2", "3"] {
            live.show(rendering.into());
        }
        slow.last.changed().await.unwrap();
        assert_eq!(slow.last.borrow_and_update().as_deref(), Some(&b"3"[..]));
        assert!(!slow.last.has_changed().unwrap());
    }

    #[test]
    fn places_are_free_again() {
        let live = Live::default();
        let mut all: Vec<Watching> = (0..STREAMS).map(|_| live.watch().unwrap()).collect();
        assert!(live.watch().is_none());
        drop(all.pop());
        assert!(live.watch().is_some());
    }
}
