//! Accepting connections, timers, and stopping. Each connection is a task of one of the [`Threads`]; what they share is
//! in [`crate::shared`]. Nothing of the protocol here.

use crate::config::{Acl, Config};
use crate::durable::batch::BatchResult;
use crate::durable::recovery::recover;
use crate::durable::writer::Writer;
use crate::durable::{Backend, BackendError};
use crate::net::alarm::Alarm;
use crate::net::connection::{SCRATCH, serve};
use crate::net::listener::{Accept, Listener};
use crate::net::peer::Peer;
use crate::net::stream::Stream;
use crate::net::threads::Threads;
use crate::shared::{Connection, Shared, State, end_rounds};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tracing::Instrument;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Go on.
    No,
    /// Hand out no more jobs, and end when the running ones have ended.
    Drain,
    /// End now.
    Now,
}

/// How long an end waits for those who are slow to read their last answers.
const FLUSH: Duration = Duration::from_secs(1);
/// How long nobody is accepted when the system has no more descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What one thread's tasks have of their own.
#[derive(Debug)]
struct PerThread {
    shared: Shared,
    rounds: AbortHandle,
}

impl PerThread {
    fn new(shared: &Shared, runtime: &Handle) -> PerThread {
        let shared = shared.for_another_thread();
        let rounds = runtime.spawn(end_rounds(shared.clone())).abort_handle();
        PerThread { shared, rounds }
    }
}

impl Drop for PerThread {
    fn drop(&mut self) {
        self.rounds.abort();
    }
}

/// The tasks of a server: they end with it.
struct Tasks {
    shared: Shared,
    accept: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// Nobody is accepted any more; when this returns, the sockets are closed and their files are gone.
    async fn close(&mut self) {
        for task in self.accept.drain(..) {
            task.abort();
            // Ended by us, or by itself.
            let _ = task.await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.accept.iter().for_each(JoinHandle::abort);
        self.shared.lock().abort_all();
    }
}

/// A server that has taken in the jobs of its durable queue, and listens to nobody yet.
#[derive(Debug)]
pub struct Server {
    shared: Shared,
    wake: Arc<Notify>,
    /// What becomes of batches; `None` without a durable queue.
    results: Option<UnboundedReceiver<BatchResult>>,
}

impl Server {
    /// A server with the jobs of this queue, where it has one. Reading them takes long when there are many, and ends
    /// when `stop` says so.
    ///
    /// # Errors
    /// When the queue cannot be read to its end.
    pub fn new(
        config: Config,
        queue: Option<Box<dyn Backend>>,
        stop: &watch::Receiver<Stop>,
    ) -> Result<Server, BackendError> {
        let wake = Arc::new(Notify::new());
        // A line has to fit into the buffer that it is read into.
        let config = Config { max_line: config.max_line.min(SCRATCH - 1), ..config };
        let mut state = State::new(config, wake.clone());
        let mut results = None;
        if let Some(mut queue) = queue {
            let now = state.read_clock();
            let broker = &mut state.broker;
            tracing::info!("reading the durable queue");
            let last = recover(&mut *queue, &mut |row| match *stop.borrow() {
                Stop::No => broker.restore(&now, row),
                Stop::Drain | Stop::Now => Err("the server is to stop"),
            })?;
            broker.restored(last);
            if broker.len() > 0 {
                tracing::info!(target: "gearmand::notice", "{} jobs of the durable queue", broker.len());
            }
            let no_thread =
                |e| BackendError { queue: "the queue".into(), reason: format!("no thread for it: {e}"), held: false };
            let (writer, received) = Writer::start(queue, state.config.patience).map_err(no_thread)?;
            (state.writer, results) = (Some(writer), Some(received));
        }
        let shared = Shared::new(state);
        Ok(Server { shared, wake, results })
    }

    /// Serves until `stop` says otherwise, or for ever when its sender is gone. Must be called in a tokio
    /// runtime with I/O and time.
    ///
    /// # Errors
    /// Those of handing the listeners to the runtime; and where jobs were lost that [`crate::Durable::AtEnd`] was to keep.
    pub async fn run(mut self, listeners: Vec<Listener>, mut stop: watch::Receiver<Stop>) -> io::Result<()> {
        let count = self.shared.lock().config.threads;
        let threads = Arc::new(Threads::start(count, |runtime| PerThread::new(&self.shared, runtime))?);
        self.shared = threads.this().1.shared.clone();
        let mut tasks = Tasks { shared: self.shared.clone(), accept: Vec::new() };
        for listener in listeners {
            let name: Arc<str> = listener.name().into();
            let listener = Accept::new(listener)?;
            let accepting = accept(listener, name, threads.clone());
            tasks.accept.push(tokio::spawn(accepting));
        }
        let mut alarm = Alarm::new();
        let mut acl = self.shared.lock().config.acl.clone();
        loop {
            let deadline = self.shared.tick();
            let timer = async {
                match deadline {
                    Some(when) => alarm.until(when).await,
                    None => std::future::pending().await,
                }
            };
            let stopped = async {
                if stop.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = timer => {}
                () = self.wake.notified() => {}
                () = stopped => {}
                () = changed(&mut acl) => self.shared.with_state(State::decide_anew),
                result = next(&mut self.results) => self.shared.with_state(|state| state.settle(result)),
            }
            let wish = *stop.borrow_and_update();
            if wish == Stop::Drain && self.shared.lock().broker.drain() {
                tasks.close().await;
                tracing::info!(target: "gearmand::notice", "draining: no more jobs are taken or handed out");
            }
            let state = self.shared.lock();
            if wish == Stop::Now || state.broker.is_drained() {
                break;
            }
        }
        tasks.close().await;
        self.finish().await;
        match self.shared.lock().lost {
            0 => Ok(()),
            n => {
                tracing::error!("{n} jobs are lost: the durable queue could not be written");
                Err(io::Error::other(format!("{n} jobs are lost: the durable queue could not be written")))
            }
        }
    }

    /// Stores what is to be stored, and then sends what is left to be sent.
    async fn finish(&mut self) {
        self.shared.with_state(|state| {
            state.stopping = true;
            state.broker.drain();
            state.broker.store_all();
        });
        while self.results.is_some() && self.shared.lock().broker.is_storing() {
            let result = next(&mut self.results).await;
            self.shared.with_state(|state| state.settle(result));
        }
        let last = Instant::now() + FLUSH;
        while Instant::now() < last && !self.shared.lock().outgoing.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(last) => {}
                () = self.wake.notified() => {}
            }
        }
        // Its thread ends with all written, and the file closed.
        let writer = self.shared.lock().writer.take();
        drop(writer);
    }
}

/// What became of the next batches of the durable queue. Never, where there is none, or its thread is gone: who sends it a
/// batch sees that.
async fn next(results: &mut Option<UnboundedReceiver<BatchResult>>) -> BatchResult {
    if let Some(receiver) = results
        && let Some(result) = receiver.recv().await
    {
        return result;
    }
    *results = None;
    std::future::pending().await
}

/// The rules are others now. Never, where there are none, or nobody is left to change them.
async fn changed(acl: &mut Option<watch::Receiver<Arc<Acl>>>) {
    if let Some(rules) = acl
        && rules.changed().await.is_ok()
    {
        return;
    }
    *acl = None;
    std::future::pending().await
}

/// Serves without a durable queue: see [`Server::run`].
///
/// # Errors
/// As [`Server::run`].
pub async fn run(listeners: Vec<Listener>, config: Config, stop: watch::Receiver<Stop>) -> io::Result<()> {
    Server::new(config, None, &stop).map_err(io::Error::other)?.run(listeners, stop).await
}

async fn accept(listener: Accept, name: Arc<str>, threads: Arc<Threads<PerThread>>) {
    let probe = threads.this().1.shared.lock().config.keepalive;
    loop {
        let accepted = listener.next(probe).await;
        match accepted.and_then(|(stream, from)| admit(stream, from, &name, &threads)) {
            Ok(()) => {}
            Err(error) if is_one_connection(&error) => {}
            Err(error) => {
                threads.this().1.shared.lock().cannot_accept(&error);
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// Errors that are about a connection that came and went, not about the server.
fn is_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | WouldBlock)
}

fn admit(
    stream: Stream,
    from: Option<SocketAddr>,
    listener: &Arc<str>,
    threads: &Threads<PerThread>,
) -> io::Result<()> {
    let name = from.map_or_else(|| "a local socket".into(), |address| address.to_string());
    let (thread, PerThread { shared, .. }) = threads.next();
    let stream = if thread.id() == threads.this().0.id() { stream } else { stream.hand_to(thread)? };
    let mut state = shared.lock();
    if state.is_full() {
        state.refuse(&name);
        return Ok(());
    }
    let session = state.connect(stream.as_raw_fd(), from.map(|address| address.ip()));
    state.decide(session, || Peer {
        certificate: None,
        uid_gid: stream.uid_gid(),
        address: from.map(|address| address.ip()),
        listener: listener.clone(),
    });
    tracing::info!("connection from {name}");
    // Log lines of this connection begin with its name.
    let named = tracing::info_span!("connection", message = name);
    let stream = Arc::new(stream);
    let task = thread.spawn(serve(shared.clone(), session, stream.clone()).instrument(named)).abort_handle();
    state.insert(session, Connection::new(stream, task));
    Ok(())
}
