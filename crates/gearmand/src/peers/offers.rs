//! For which functions workers are idle here, as far as nobody has asked a peer for a job for them.
//!
//! Owns how many jobs peers have been asked for and have not reached a worker yet. Must never know the peers.
//!
//! Invariant: for no function more jobs are asked for at a time than it has idle workers.

use crate::broker::proxies::Idle;
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Workers come and go thousands of times a second. After a look at all functions there is none for so many times what it took.
const PAUSE: u32 = 20;
/// Timers count so; a shorter pause is left out where nobody was idle, so that whoever is now is offered at once.
const TICK: Duration = Duration::from_millis(1);
/// When to look again where jobs are held back by what ends without an event.
const HELD: Duration = Duration::from_millis(100);

/// See the module; one for each peer.
#[derive(Clone, Debug)]
pub(crate) struct Offers {
    shared: Shared,
    /// Jobs that were asked for, of all peers.
    asked: Arc<AtomicU32>,
    /// Is sent to when other workers may be idle, or jobs that were asked for do not come.
    changed: watch::Sender<()>,
    seen: watch::Receiver<()>,
    /// Not to look at all functions before.
    next: Instant,
    /// When to look though nothing is known to have changed.
    again: Option<Instant>,
}

/// One job is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    asked: Arc<AtomicU32>,
    changed: watch::Sender<()>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
        self.changed.send_replace(());
    }
}

impl Offers {
    /// From now on the broker tells when other workers may be idle.
    pub(crate) fn new(shared: Shared) -> Offers {
        let changed = watch::Sender::new(());
        shared.lock().idle = Some(changed.clone());
        let seen = changed.subscribe();
        Offers { shared, asked: Arc::default(), changed, seen, next: Instant::now(), again: None }
    }

    /// The functions for which a job may be asked for.
    pub(crate) fn look(&mut self) -> Vec<Arc<[u8]>> {
        let begun = Instant::now();
        self.seen.mark_unchanged();
        let (mut idle, mut from) = (Idle::default(), Some(0));
        while let Some(number) = from {
            let mut state = self.shared.lock();
            let now = state.read_clock();
            from = state.broker.idle(&now, number, self.asked.load(Ordering::Relaxed), &mut idle);
        }
        let now = Instant::now();
        let pause = (now - begun) * PAUSE;
        let at_once = idle.functions.is_empty() && pause < TICK;
        self.next = now + if at_once { Duration::ZERO } else { pause };
        self.again = idle.soon.then_some(now + HELD);
        idle.functions
    }

    /// Returns when it is worth looking again. May be dropped and begun anew.
    pub(crate) async fn changed(&mut self) {
        let again = async {
            match self.again {
                Some(again) => sleep_until(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = again => {}
            // Never an error: the sender is in this as well.
            _ = self.seen.changed() => self.seen.mark_changed(),
        }
        sleep_until(self.next).await;
    }

    /// Asks for one job: of those of these functions that are still idle. `None`: of none.
    pub(crate) fn ask(&self, functions: &[Arc<[u8]>]) -> Option<(Asked, Vec<Arc<[u8]>>)> {
        let mut state = self.shared.lock();
        let now = state.read_clock();
        let asked = self.asked.load(Ordering::Relaxed);
        let idle = functions.iter().filter(|function| state.broker.is_idle(&now, function, asked));
        let idle: Vec<_> = idle.cloned().collect();
        if idle.is_empty() {
            return None;
        }
        // Under the lock: nobody else counts at the same time.
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some((Asked { asked: self.asked.clone(), changed: self.changed.clone() }, idle))
    }
}
