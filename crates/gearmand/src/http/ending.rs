//! The end of the HTTP side: requests that are under way are answered first.
//!
//! Owns the word to end, and who has not ended yet. Must never know what they do.

use std::time::Duration;
use tokio::sync::watch;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ending(watch::Sender<bool>);

/// As whoever has to end has it; until it is dropped the server waits for a while.
#[derive(Debug)]
pub(crate) struct Ends(watch::Receiver<bool>);

impl Ending {
    pub(crate) fn new() -> Ending {
        Ending(watch::Sender::new(false))
    }

    pub(crate) fn subscribe(&self) -> Ends {
        Ends(self.0.subscribe())
    }

    /// All are to end; returns when they have, and after this time at the latest.
    pub(crate) async fn finish(&self, most: Duration) {
        self.0.send_replace(true);
        if tokio::time::timeout(most, self.0.closed()).await.is_err() {
            tracing::debug!("HTTP: {} connections are cut off", self.0.receiver_count());
        }
    }
}

impl Ends {
    /// Returns when it is time to end.
    pub(crate) async fn begun(&mut self) {
        // The error is that the server is gone, which is an end as well.
        let _ = self.0.wait_for(|ends| *ends).await;
    }
}
