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

pub(crate) mod counts;
pub(crate) mod forward;
pub(crate) mod offers;
pub(crate) mod proxy;

use crate::peers::counts::Counts;
use crate::peers::forward::{Here, Taken, forward};
use crate::peers::offers::{Asked, Offers};
use crate::peers::proxy::{Job, PeerAddress, Proxy};
use crate::seldom::Seldom;
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
/// So long workers are kept for a peer that was asked for a job and does not answer.
const HOLD: Duration = Duration::from_secs(1);
/// After so many questions in a row without a job, each waits a while.
const IN_VAIN: u32 = 3;
/// So long, and after a job that went back.
const REST: Duration = Duration::from_millis(50);
/// Most connections that are kept for the next job.
const KEPT: usize = 4;
/// How often it is logged that a peer refuses something.
const REFUSED: Duration = Duration::from_secs(60);

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
            let peer = Peer::new(address, counts, here.clone(), offers.clone());
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
    counts: Arc<Counts>,
    here: Here,
    offers: Offers,
    /// Connections whose jobs are over; `None` for a job that went back.
    returns: mpsc::UnboundedSender<Option<Proxy>>,
    returned: mpsc::UnboundedReceiver<Option<Proxy>>,
    kept: Vec<Proxy>,
    /// Failures in a row.
    failures: u32,
    refused: Seldom,
    begin: Instant,
}

impl Peer {
    fn new(address: PeerAddress, counts: Arc<Counts>, here: Here, offers: Offers) -> Peer {
        let (returns, returned) = mpsc::unbounded_channel();
        let (kept, failures, begin) = (Vec::new(), 0, Instant::now());
        let refused = Seldom::every(REFUSED);
        Peer { address, counts, here, offers, returns, returned, kept, failures, refused, begin }
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
                    self.counts.take();
                    while jobs.try_join_next().is_some() {}
                    jobs.spawn(run(self.here.clone(), self.counts.clone(), proxy, taken, self.returns.clone()));
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
        while let Some(returned) = self.returned.try_recv().ok().or_else(|| self.kept.pop().map(Some)) {
            let Some(mut proxy) = returned else {
                sleep(REST).await;
                continue;
            };
            if !proxy.has_ended() {
                return Ok(proxy);
            }
        }
        while self.offers.look().is_empty() {
            self.offers.changed().await;
        }
        let proxy = Proxy::connect(&self.address).await?;
        if !self.counts.set_up(true) {
            tracing::info!("peer {}: connected", self.counts.peer);
        }
        Ok(proxy)
    }

    /// Logs the first of several failures, and waits.
    async fn failed(&mut self, error: &Error) {
        match self.failures {
            0 => tracing::warn!("peer {}: {error}; it is tried again", self.counts.peer),
            _ => tracing::debug!("peer {}: {error}", self.counts.peer),
        }
        self.counts.set_up(false);
        self.failures += 1;
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(10));
        sleep(doubled.min(LAST_PAUSE).mul_f64(0.75 + 0.5 * chance())).await;
    }

    /// Waits for a job. `more`: there may be one now.
    async fn take(&mut self, proxy: &mut Proxy, mut more: bool) -> Result<Taken> {
        let mut in_vain = 0;
        loop {
            if std::mem::take(&mut more) {
                match self.ask(proxy).await? {
                    Some(taken) => return Ok(taken),
                    None => in_vain += 1,
                }
                if in_vain > IN_VAIN {
                    sleep(REST).await;
                }
            }
            let new = proxy.announce(&self.offers.look());
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
                        other => self.noted(&other),
                    }
                }
                () = self.offers.changed() => return Ok(false),
                Some(returned) = self.returned.recv() => self.keep(returned).await,
            }
        }
    }

    /// Asks for a job of what is idle of what the peer knows.
    async fn ask(&mut self, proxy: &mut Proxy) -> Result<Option<Taken>> {
        // The error was logged.
        let Ok(local) = self.here.local().await else { return Ok(None) };
        let found = self.grab(proxy).await;
        match found {
            Ok(Some((job, asked))) => Ok(Some(Taken { job, asked, local })),
            found => {
                self.here.keep(local);
                found.map(|_| None)
            }
        }
    }

    async fn grab(&mut self, proxy: &mut Proxy) -> Result<Option<(Job, Asked)>> {
        let Some((asked, idle)) = self.offers.ask(&proxy.announced()) else { return Ok(None) };
        proxy.announce(&idle);
        proxy.grab();
        let (mut asked, until) = (Some(asked), Instant::now() + HOLD);
        loop {
            let next = match &asked {
                Some(_) => match timeout_at(until, proxy.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        asked = None;
                        continue;
                    }
                },
                None => proxy.next().await,
            };
            let Some(packet) = next? else { continue };
            if let Some(job) = proxy.job(&packet)? {
                let function = [Arc::from(&job.function[..])];
                let asked = asked.or_else(|| Some(self.offers.ask(&function)?.0));
                let late = || proxy.wrong("a job that comes too late: nobody is idle for it any more");
                return Ok(Some((job, asked.ok_or_else(late)?)));
            }
            match proxy.response(&packet)? {
                Response::NoJob => return Ok(None),
                other => self.noted(&other),
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

    fn noted(&mut self, response: &Response<'_>) {
        let Response::Error { code, text } = response else { return };
        if *code == b"UNKNOWN_OPTION" {
            return;
        }
        if let Some(omitted) = self.refused.happened(self.begin.elapsed()) {
            let (code, text) = (code.escape_ascii(), text.escape_ascii());
            tracing::warn!("peer {}: it refuses: {text} ({code}){omitted}", self.counts.peer);
        }
    }
}

/// Has a job run, and gives its connection back.
async fn run(
    here: Here,
    counts: Arc<Counts>,
    proxy: Proxy,
    taken: Taken,
    returns: mpsc::UnboundedSender<Option<Proxy>>,
) {
    let (handle, function) = (taken.job.handle.clone(), taken.job.function.clone());
    let done = forward(&here, proxy, taken).await;
    let returned = done.inspect_err(|reason| {
        let (handle, function) = (handle.escape_ascii(), function.escape_ascii());
        tracing::info!("peer {}: its job {handle} of {function} goes back: {reason}", counts.peer);
        counts.give_back();
    });
    // The error is that no more jobs are wanted.
    drop(returns.send(returned.ok()));
}

/// Anything from 0 to 1.
fn chance() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1u64 << 53) as f64
}
