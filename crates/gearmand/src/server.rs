//! Accepting connections, timers, and stopping. Each connection is a task of one of the [`Threads`]; what they share is
//! in [`crate::shared`]. Nothing of the protocol here.

use crate::cluster::link::Link;
use crate::cluster::member::Told;
use crate::cluster::postgres::Unusable;
use crate::config::{Config, Queue, host_name};
use crate::durable::BackendError;
use crate::durable::batch::BatchResult;
use crate::durable::recovery::recover;
use crate::durable::writer::Writer;
use crate::http::Http;
use crate::http::auth::Auth;
use crate::http::budget::Budget;
use crate::http::client::Connect;
use crate::http::ending::Ending;
use crate::http::history::History;
use crate::http::listener::Serving;
use crate::http::live::Live;
use crate::http::metrics::Metrics;
use crate::http::routes::Routes;
use crate::net::alarm::Alarm;
use crate::net::connection::{SCRATCH, serve};
use crate::net::handshakes::{Handshakes, Place};
use crate::net::listener::{Accept, Accepted, EXHAUSTED, Listener, is_one_connection};
use crate::net::peer::Peer;
use crate::net::stream::{HandshakeError, Socket, Stream};
use crate::net::threads::Threads;
use crate::peers::Peers;
use crate::peers::forward::Here;
use crate::peers::proxy::PeerAddress;
use crate::shared::{Connection, Shared, State, end_rounds};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
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
/// How long a client whose handshake failed may take to read why.
const REFUSED: Duration = Duration::from_secs(1);
/// How long the first connections wait until this server may store jobs in a shared queue.
const JOIN: Duration = Duration::from_secs(2);

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
    handshakes: Arc<Handshakes>,
}

impl Tasks {
    /// Nobody is accepted any more; when this returns, the sockets are closed and their files are gone.
    async fn close(&mut self) {
        for task in self.accept.drain(..) {
            task.abort();
            // Ended by us, or by itself.
            let _ = task.await;
        }
        self.handshakes.close();
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.accept.iter().for_each(JoinHandle::abort);
        self.handshakes.close();
        self.shared.lock().close_all();
    }
}

/// A server that has taken in the jobs of its durable queue, and listens to nobody yet.
#[derive(Debug)]
pub struct Server {
    shared: Shared,
    wake: Arc<Notify>,
    /// What becomes of batches; `None` without a durable queue.
    results: Option<UnboundedReceiver<BatchResult>>,
    /// What a shared queue tells; `None` without one.
    told: Option<UnboundedReceiver<Vec<Told>>>,
    /// Where HTTP is spoken.
    http: Vec<Listener>,
}

impl Server {
    /// A server with the jobs of this queue, where it has one. Reading them takes long when there are many, and ends
    /// when `stop` says so.
    ///
    /// # Errors
    /// When the queue cannot be read to its end.
    pub fn new(config: Config, queue: Queue, stop: &watch::Receiver<Stop>) -> Result<Server, BackendError> {
        let wake = Arc::new(Notify::new());
        // A line has to fit into the buffer that it is read into.
        let config = Config { max_line: config.max_line.min(SCRATCH - 1), ..config };
        let mut state = State::new(config, wake.clone());
        state.read_policies();
        let (mut results, mut told) = (None, None);
        if let Queue::Shared(queue) = queue {
            state.broker.share_queue(&queue.prefix);
            let unusable = |e: Unusable| BackendError { queue: "the shared queue".into(), reason: e.text, held: false };
            let (link, tells) = Link::start(*queue, state.begin()).map_err(unusable)?;
            (state.link, told) = (Some(link), Some(tells));
        } else if let Queue::Own(mut queue) = queue {
            let now = state.read_clock();
            let broker = &mut state.broker;
            tracing::info!("reading the durable queue");
            let last = recover(&mut *queue, &mut |record| match *stop.borrow() {
                Stop::No => broker.restore(&now, record),
                Stop::Drain | Stop::Now => Err("the server is to stop"),
            })?;
            broker.restored(&now, last);
            if broker.len() > 0 {
                tracing::info!(target: "gearmand::notice", "{} jobs of the durable queue", broker.len());
            }
            let no_thread =
                |e| BackendError { queue: "the queue".into(), reason: format!("no thread for it: {e}"), held: false };
            let (writer, received) = Writer::start(queue, state.config.patience).map_err(no_thread)?;
            (state.writer, results) = (Some(writer), Some(received));
        }
        let shared = Shared::new(state);
        Ok(Server { shared, wake, results, told, http: Vec::new() })
    }

    /// HTTP is spoken here, from when it runs until its end.
    pub fn with_http(self, listeners: Vec<Listener>) -> Server {
        Server { http: listeners, ..self }
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
        let handshakes = Arc::new(Handshakes::new(self.shared.lock().config.max_handshakes));
        self.join_cluster().await;
        let mut tasks = Tasks { shared: self.shared.clone(), accept: Vec::new(), handshakes };
        for listener in listeners {
            let listener = Accept::new(listener)?;
            let accepting = accept(listener, threads.clone(), tasks.handshakes.clone());
            tasks.accept.push(tokio::spawn(accepting));
        }
        let http = self.serve_http(&threads)?;
        let mut peers = self.help_peers(&threads);
        let mut alarm = Alarm::new();
        let (mut acl, mut policies) = {
            let config = &self.shared.lock().config;
            (config.acl.clone(), config.policies.clone())
        };
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
                () = changed(&mut policies) => self.shared.with_state(State::read_policies),
                result = next(&mut self.results) => self.shared.with_state(|state| state.settle(result)),
                told = next(&mut self.told) => self.shared.with_state(|state| state.told(told)),
            }
            let wish = *stop.borrow_and_update();
            if wish == Stop::Drain && !self.shared.lock().broker.is_draining() {
                // First: clients that a drain refuses connect anew, and not to this server.
                tasks.close().await;
                self.shared.with_state(State::drain);
                tracing::info!(target: "gearmand::notice", "draining: no more jobs are taken or handed out");
            }
            let state = self.shared.lock();
            if wish == Stop::Now || state.broker.is_drained() {
                break;
            }
        }
        tasks.close().await;
        self.finish().await;
        let unstored = self.shared.lock().broker.unstored();
        if unstored > 0 {
            tracing::warn!("background jobs that are gone with this server, as they were in memory alone: {unstored}");
        }
        // Those who wait for a job over a connection of the server to itself learn that it does not come any more.
        self.shared.lock().close_all();
        if let Some(peers) = &mut peers {
            peers.finish(FLUSH).await;
        }
        if let Some((_serving, http)) = &http {
            http.ending.finish(FLUSH).await;
        }
        match self.shared.lock().lost {
            0 => Ok(()),
            n => {
                tracing::error!("{n} jobs are lost: the durable queue could not be written");
                Err(io::Error::other(format!("{n} jobs are lost: the durable queue could not be written")))
            }
        }
    }

    /// Begins to serve HTTP, where that is wanted.
    fn serve_http(&mut self, threads: &Arc<Threads<PerThread>>) -> io::Result<Option<(Serving, Arc<Http>)>> {
        if self.http.is_empty() {
            return Ok(None);
        }
        let threads = threads.clone();
        let (bounds, tokens) = {
            let config = &self.shared.lock().config;
            (config.http, config.tokens.clone())
        };
        let http = Arc::new(Http {
            shared: self.shared.clone(),
            connect: Connect::new(move || connect_itself(&threads, "HTTP", false)),
            auth: Auth::new(tokens),
            budget: Budget::of(bounds.bodies),
            monitoring: Budget::of(bounds.monitoring),
            ending: Ending::new(),
            history: History::default(),
            live: Live::default(),
            metrics: Metrics::new(),
            routes: Routes::new().map_err(io::Error::other)?,
        });
        let serving = Serving::start(std::mem::take(&mut self.http), http.clone())?;
        Ok(Some((serving, http)))
    }

    /// Whoever submits first is not refused because this server has no numbers for jobs yet. A store that is away is not waited
    /// for: there are other things to do.
    async fn join_cluster(&mut self) {
        let last = Instant::now() + JOIN;
        while !self.shared.lock().broker.may_store() {
            tokio::select! {
                told = next(&mut self.told) => self.shared.with_state(|state| state.told(told)),
                () = tokio::time::sleep_until(last) => return,
            }
        }
    }

    /// All that is to be settled is, and the rows of this server are free; a store that does not answer is not waited for long.
    async fn leave_cluster(&mut self) {
        let patience = self.shared.lock().config.patience;
        let last = Instant::now() + patience;
        while let Some(receiver) = &mut self.told {
            tokio::select! {
                told = receiver.recv() => match told {
                    Some(told) => self.shared.with_state(|state| state.told(told)),
                    None => self.told = None,
                },
                () = tokio::time::sleep_until(last) => {
                    tracing::error!("the shared queue does not answer: jobs that are done may be run again by other servers");
                    return;
                }
            }
        }
    }

    /// Begins to work at other servers, where there are any.
    fn help_peers(&self, threads: &Arc<Threads<PerThread>>) -> Option<Peers> {
        let (peers, tls, max_packet) = {
            let config = &self.shared.lock().config;
            (config.peers.clone(), config.peer_tls.clone(), config.max_packet)
        };
        if peers.is_empty() {
            return None;
        }
        let threads = threads.clone();
        let connect = move || connect_itself(&threads, "a peer's job", true);
        let here = Here::new(self.shared.clone(), connect, max_packet);
        let address = |server| PeerAddress { server, tls: tls.clone(), name: host_name(), max_packet };
        Some(Peers::start(peers.into_iter().map(address), &here))
    }

    /// Stores what is to be stored, and then sends what is left to be sent.
    async fn finish(&mut self) {
        self.shared.with_state(|state| {
            state.stopping = true;
            state.broker.drain();
            state.broker.store_all();
            state.leave_cluster();
        });
        self.leave_cluster().await;
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

/// What the thread of a queue tells next. Never, where there is none, or it is gone: who sends it something sees that.
async fn next<T>(results: &mut Option<UnboundedReceiver<T>>) -> T {
    if let Some(receiver) = results
        && let Some(result) = receiver.recv().await
    {
        return result;
    }
    *results = None;
    std::future::pending().await
}

/// The rules are others now. Never, where there are none, or nobody is left to change them.
async fn changed<T>(file: &mut Option<watch::Receiver<Arc<T>>>) {
    if let Some(rules) = file
        && rules.changed().await.is_ok()
    {
        return;
    }
    *file = None;
    std::future::pending().await
}

/// Serves without a durable queue: see [`Server::run`].
///
/// # Errors
/// As [`Server::run`].
pub async fn run(listeners: Vec<Listener>, config: Config, stop: watch::Receiver<Stop>) -> io::Result<()> {
    Server::new(config, Queue::Memory, &stop).map_err(io::Error::other)?.run(listeners, stop).await
}

async fn accept(listener: Accept, threads: Arc<Threads<PerThread>>, handshakes: Arc<Handshakes>) {
    let probe = threads.this().1.shared.lock().config.keepalive;
    loop {
        let accepted = listener.next(probe).await;
        let encrypted = accepted.as_ref().is_ok_and(|accepted| accepted.tls.is_some());
        match accepted.and_then(|accepted| admit(accepted, &threads, &handshakes)) {
            // Those that have come go on with their handshakes before more come.
            Ok(()) if encrypted => tokio::task::yield_now().await,
            Ok(()) => {}
            Err(error) if is_one_connection(&error) => {}
            Err(error) => {
                threads.this().1.shared.lock().cannot_accept(&error);
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

fn admit(accepted: Accepted, threads: &Threads<PerThread>, handshakes: &Arc<Handshakes>) -> io::Result<()> {
    let Accepted { socket, peer, name, tls } = accepted;
    let (thread, PerThread { shared, .. }) = threads.next();
    let socket = if thread.id() == threads.this().0.id() { socket } else { socket.hand_to(thread)? };
    let Some(tls) = tls else {
        connect(shared, thread, Stream::Plain(socket), peer, name);
        return Ok(());
    };
    {
        let mut state = shared.lock();
        if state.is_full() {
            state.refuse(&name);
            return Ok(());
        }
    }
    if let Some(place) = handshakes.begin(peer.address) {
        let stream = Stream::encrypted(socket, tls.current())?;
        thread.spawn(shake_hands(shared.clone(), stream, peer, name, place, handshakes.clone()));
    }
    Ok(())
}

/// Does the handshake of a connection that is to be encrypted; then it is one.
async fn shake_hands(
    shared: Shared,
    stream: Stream,
    mut peer: Peer,
    name: String,
    mut place: Place,
    handshakes: Arc<Handshakes>,
) {
    let limit = shared.lock().config.handshake_timeout;
    let done = tokio::select! {
        biased;
        // Whose place is lost may not have begun, and should not.
        () = place.lost() => return,
        done = poll_fn(|cx| stream.poll_handshake(cx)) => done,
        () = tokio::time::sleep(limit) => Err(HandshakeError::Late(limit.as_secs())),
    };
    if let Err(error) = done {
        handshakes.failed(&error, &name);
        if matches!(error, HandshakeError::Failed(_)) {
            tokio::select! {
                () = poll_fn(|cx| stream.poll_refused(cx)) => {}
                () = place.lost() => {}
                () = tokio::time::sleep(REFUSED) => {}
            }
        }
        return;
    }
    match stream.certificate() {
        Ok(certificate) => peer.certificate = certificate,
        Err(error) => {
            // A rule that shuts one of its names out would be passed over, and the next one decide.
            let has_rules = shared.lock().config.acl.is_some();
            if has_rules {
                tracing::warn!("connection from {name} refused: {error}, and a rule could be for one of them");
                return;
            }
            tracing::warn!("{name}: {error}");
        }
    }
    if place.leave() {
        connect(&shared, &Handle::current(), stream, peer, name);
    }
}

/// A connection of the server to itself, which may do everything: who asks for it has looked. The client's end. Jobs that are
/// submitted over it may be of another server.
fn connect_itself(threads: &Threads<PerThread>, name: &str, forwards: bool) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let (thread, PerThread { shared, .. }) = threads.next();
    let stream = Stream::Plain(Socket::Unix(theirs).hand_to(thread)?);
    let mut state = shared.lock();
    if state.is_full() {
        state.refuse(name);
        return Err(io::Error::other("there are as many connections as there may be"));
    }
    let session = insert(&mut state, shared, thread, stream, None, name.into());
    state.broker.set_stays(session);
    if forwards {
        state.broker.set_forwards(session);
    }
    Ok(ours)
}

/// A connection is served from here on.
fn connect(shared: &Shared, thread: &Handle, stream: Stream, peer: Peer, name: String) {
    let mut state = shared.lock();
    if state.is_full() {
        return state.refuse(&name);
    }
    match peer.certificate.as_ref().and_then(|certificate| certificate.all().next()) {
        // Who asked for the certificate may have chosen the name, and lines of the log with it.
        Some(shown) => tracing::info!("connection from {name}, with the certificate of {}", shown.escape_debug()),
        None => tracing::info!("connection from {name}"),
    }
    let session = insert(&mut state, shared, thread, stream, peer.address, name);
    state.decide(session, || peer);
}

/// One more connection, with a task of its own. It may do everything, unless something else is decided before the lock is let go.
fn insert(
    state: &mut State,
    shared: &Shared,
    thread: &Handle,
    stream: Stream,
    address: Option<IpAddr>,
    name: String,
) -> u32 {
    let session = state.connect(stream.as_raw_fd(), address);
    // Log lines of this connection begin with its name.
    let named = tracing::info_span!("connection", message = name);
    let stream = Arc::new(stream);
    let task = thread.spawn(serve(shared.clone(), session, stream.clone()).instrument(named)).abort_handle();
    state.insert(session, Connection::new(stream, task));
    session
}
