//! Servers that this one helps: it works at its *peers*, for the functions for which workers are idle here, and has their jobs run
//! by those. Peers see workers as all others, and need not know of it.
//!
//! Each peer has a task, which listens over one connection for jobs; each job has its own task and connection until its end, as with
//! a worker that runs one job at a time. Connections are kept for the next job.
//!
//! Invariants:
//! - no job is asked for unless a worker is idle for it ([`offers`]);
//! - while a peer cannot be reached it is tried again after pauses that grow, and nothing else is done for it;
//! - a job ends here with its connection: what its worker still does is for nobody.

pub(crate) mod asker;
pub(crate) mod counts;
pub(crate) mod forward;
pub(crate) mod offers;
pub(crate) mod proxy;

use crate::peers::asker::{Answer, Asker};
use crate::peers::counts::Counts;
use crate::peers::forward::{Here, Taken, forward};
use crate::peers::offers::Offers;
use crate::peers::proxy::{PeerAddress, Proxy};
use gearman_core::protocol::message::Response;
use gearman_core::{Error, Result};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

/// Pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest. A connection that lasted longer was a good one.
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// After so many questions in a row without a job, each waits a while.
const IN_VAIN: u32 = 3;
/// So long, and after a job that went back.
const REST: Duration = Duration::from_millis(50);
/// Most connections that are kept for the next job.
const KEPT: usize = 4;

/// The tasks of all peers.
#[derive(Debug)]
pub(crate) struct Peers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Peers {
    /// In a tokio runtime.
    pub(crate) fn start(addresses: impl Iterator<Item = PeerAddress>, here: &Here) -> Peers {
        let (stop, offers) = (watch::Sender::new(false), Offers::new(here.shared.clone()));
        let tasks = addresses.map(|address| {
            let counts = Arc::new(Counts::new(address.server.to_string()));
            here.shared.lock().peers.push(counts.clone());
            let peer = Peer::new(address, Asker::new(counts, here.clone(), offers.clone()));
            tokio::spawn(peer.serve(stop.subscribe()))
        });
        let tasks = tasks.collect();
        Peers { stop, tasks }
    }

    /// No more jobs are taken. What is known of those that were is told, for so long at most; the rest goes back.
    pub(crate) async fn finish(&mut self, most: Duration) {
        self.stop.send_replace(true);
        let last = Instant::now() + most;
        for task in &mut self.tasks {
            if timeout_at(last, task).await.is_err() {
                tracing::debug!("jobs of a peer are cut off");
            }
        }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One peer.
struct Peer {
    address: PeerAddress,
    asker: Asker,
    /// Connections whose jobs are over; `None` for a job that went back.
    returns: mpsc::UnboundedSender<Option<Proxy>>,
    returned: mpsc::UnboundedReceiver<Option<Proxy>>,
    kept: Vec<Proxy>,
    /// Failures in a row.
    failures: u32,
    /// What was offered to it last.
    offered: Vec<Arc<[u8]>>,
}

impl Peer {
    fn new(address: PeerAddress, asker: Asker) -> Peer {
        let (returns, returned) = mpsc::unbounded_channel();
        Peer { address, asker, returns, returned, kept: Vec::new(), failures: 0, offered: Vec::new() }
    }

    /// Takes jobs until it is to stop, and waits for the end of those.
    async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        let mut jobs = JoinSet::new();
        tokio::select! {
            // The error is that the server is gone.
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.listen(&mut jobs) => {}
        }
        drop(self);
        while jobs.join_next().await.is_some() {}
    }

    async fn listen(&mut self, jobs: &mut JoinSet<()>) {
        // There may be more where the last job came from.
        let mut more = false;
        loop {
            let mut proxy = match self.connection().await {
                Ok(proxy) => proxy,
                Err(error) => {
                    self.failed(&error).await;
                    continue;
                }
            };
            match self.take(&mut proxy, more).await {
                Ok(taken) => {
                    (more, self.failures) = (true, 0);
                    while jobs.try_join_next().is_some() {}
                    jobs.spawn(run(self.asker.clone(), proxy, taken, self.returns.clone()));
                }
                Err(error) => {
                    more = false;
                    if proxy.age() > LAST_PAUSE {
                        self.failures = 0;
                    }
                    drop(proxy);
                    self.failed(&error).await;
                }
            }
        }
    }

    /// A connection: one that was used before, or one more as soon as a worker is idle.
    async fn connection(&mut self) -> Result<Proxy> {
        let proxy = match self.used().await {
            Some(proxy) => proxy,
            None => Proxy::connect(&self.address).await?,
        };
        if !self.asker.counts.set_up(true) {
            tracing::info!("peer {}: connected", self.asker.counts.peer);
        }
        Ok(proxy)
    }

    /// One that was used before, as soon as there is one; `None` where a worker is idle before that.
    async fn used(&mut self) -> Option<Proxy> {
        loop {
            let mut returned = self.returned.try_recv().ok().or_else(|| self.kept.pop().map(Some));
            if returned.is_none() {
                if !self.asker.offers.look().is_empty() {
                    return None;
                }
                tokio::select! {
                    () = self.asker.offers.changed() => {}
                    one = self.returned.recv() => returned = one,
                }
            }
            let Some(returned) = returned else { continue };
            let Some(mut proxy) = returned else {
                sleep(REST).await;
                continue;
            };
            if !proxy.has_ended() {
                return Some(proxy);
            }
        }
    }

    /// Logs the first of several failures, and waits.
    async fn failed(&mut self, error: &Error) {
        match self.failures {
            0 => tracing::warn!("peer {}: {error}; it is tried again", self.asker.counts.peer),
            _ => tracing::debug!("peer {}: {error}", self.asker.counts.peer),
        }
        self.asker.counts.set_up(false);
        self.failures += 1;
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(10));
        sleep(doubled.min(LAST_PAUSE).mul_f64(0.75 + 0.5 * chance())).await;
    }

    /// Waits for a job. `more`: there may be one now.
    async fn take(&mut self, proxy: &mut Proxy, mut more: bool) -> Result<Taken> {
        let mut in_vain = 0;
        loop {
            if std::mem::take(&mut more) {
                match self.asker.ask(proxy, &self.offered).await? {
                    Answer::Job(taken) => return Ok(*taken),
                    Answer::None => in_vain += 1,
                    Answer::Unasked => {}
                }
                if in_vain > IN_VAIN {
                    sleep(REST).await;
                }
            }
            self.offered = self.asker.offers.look();
            let new = proxy.announce(&self.offered);
            if new || !proxy.asleep {
                proxy.sleep();
            }
            more = self.woken(proxy).await?;
        }
    }

    /// Waits for something to do. True: the peer may have a job.
    async fn woken(&mut self, proxy: &mut Proxy) -> Result<bool> {
        loop {
            tokio::select! {
                packet = proxy.next() => {
                    let Some(packet) = packet? else { continue };
                    match proxy.response(&packet)? {
                        Response::Noop => {
                            proxy.asleep = false;
                            return Ok(true);
                        }
                        Response::JobAssign(_) | Response::NoJob => return Err(proxy.wrong("it was asked for no job")),
                        other => self.asker.noted(&other),
                    }
                }
                () = self.asker.offers.changed() => return Ok(false),
                Some(returned) = self.returned.recv() => self.keep(returned).await,
            }
        }
    }

    /// A connection whose job is over is kept for the next one; the peer does not count on it meanwhile. Jobs that went back may
    /// come again, and not as fast as they can.
    async fn keep(&mut self, returned: Option<Proxy>) {
        let Some(mut proxy) = returned else { return sleep(REST).await };
        proxy.announce(&[]);
        if self.kept.len() < KEPT && proxy.flush().await.is_ok() {
            self.kept.push(proxy);
        }
    }
}

/// Has a job run, and gives its connection back.
async fn run(asker: Asker, proxy: Proxy, taken: Taken, returns: mpsc::UnboundedSender<Option<Proxy>>) {
    let (handle, function) = (taken.job.handle.clone(), taken.job.function.clone());
    let returned = forward(&asker.here, proxy, taken).await.inspect_err(|reason| {
        let (peer, handle, function) = (&asker.counts.peer, handle.escape_ascii(), function.escape_ascii());
        tracing::info!("peer {peer}: its job {handle} of {function} goes back: {reason}");
        asker.counts.give_back();
    });
    // The error is that no more jobs are wanted.
    drop(returns.send(returned.ok()));
}

/// Anything from 0 to 1.
fn chance() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1u64 << 53) as f64
}
