//! Accepting connections, timers, and stopping. Each connection is a task of one of the [`Threads`], and all
//! state is behind one lock, held for a turn and never while something is read or written.

use crate::alarm::Alarm;
use crate::config::{Config, Keepalive};
use crate::connection::{Connection, Reader, SCRATCH, Writer, rounds, serve};
use crate::job::Handles;
use crate::journal::{Durable, Settled};
use crate::keeper::Keeper;
use crate::mail::Mail;
use crate::persist::{Persist, PersistError};
use crate::seldom::Seldom;
use crate::socket_file::SocketFile;
use crate::store::{Now, Rules, Store};
use crate::text::About;
use crate::threads::Threads;
use crate::wakeups::ALL;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tracing::Instrument;

/// What is listened on, bound by the caller.
#[derive(Debug)]
pub enum Listener {
    /// An Internet address.
    Tcp(std::net::TcpListener),
    /// A socket in the file system. Its file is gone before nobody listens any more.
    Unix(SocketFile, std::os::unix::net::UnixListener),
}

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
/// How often the log says that connections cannot be accepted, and that they are refused.
const TROUBLE: Duration = Duration::from_secs(10);
/// Memory is given back when so many jobs have gone.
const TRIM: usize = 10_000;
/// At the latest so long after that.
const TRIM_EVERY: Duration = Duration::from_secs(2);

/// All that connections share. See [`Shared`].
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) mail: Mail,
    pub(crate) config: Config,
    pub(crate) about: About,
    /// By the number that the store gave.
    pub(crate) connections: Vec<Option<Connection>>,
    open: usize,
    begin: Instant,
    /// For when the timer is set; `None`: for nothing.
    armed: Option<Duration>,
    /// The timer is to look again, or the last job of a drain has ended.
    news: Arc<Notify>,
    /// Most jobs since memory was given back.
    most: usize,
    /// When it is to be given back.
    trim: Option<Duration>,
    /// When the turn began that is going on or was the last.
    pub(crate) turn: Now,
    /// Only what was said is still brought out.
    stopping: bool,
    /// Jobs that were to be stored at the end, and could not be.
    lost: usize,
    /// Who brings jobs to the durable queue.
    keeper: Option<Keeper>,
    /// When the log says that nobody can be accepted.
    exhausted: Seldom,
    /// When it says that there are connections enough.
    crowded: Seldom,
}

/// The state, in the hands of every task.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    /// A turn was had on this thread: its round is to be ended, see [`Shared::turn`].
    pub(crate) round: Arc<Notify>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere ends one connection, not all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due, and says when there will be something again. When the timer comes, those that it was set for have
    /// usually done what they had to: then there is no turn.
    fn tick(&self) -> Option<Instant> {
        let mut state = self.lock();
        let now = state.begin_turn();
        let mut next = state.deadline(&now);
        if next.is_some_and(|when| when <= now.steady) {
            state.tick();
            next = state.deadline(&now);
            self.round.notify_one();
        }
        state.armed = next;
        next.map(|when| state.begin + when)
    }
}

/// The state in the hands of one thread's tasks.
struct Place {
    shared: Shared,
    rounds: AbortHandle,
}

impl Place {
    fn new(shared: &Shared, runtime: &Handle) -> Place {
        let shared = Shared { state: shared.state.clone(), round: Arc::default() };
        let rounds = runtime.spawn(rounds(shared.clone())).abort_handle();
        Place { shared, rounds }
    }
}

impl Drop for Place {
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
        let state = self.shared.lock();
        state.connections.iter().flatten().filter_map(|c| c.task.as_ref()).for_each(AbortHandle::abort);
    }
}

/// A server that has taken in the jobs of its durable queue, and listens to nobody yet.
#[derive(Debug)]
pub struct Server {
    shared: Shared,
    news: Arc<Notify>,
    /// What becomes of batches; `None` without a durable queue.
    settled: Option<UnboundedReceiver<Settled>>,
}

impl Server {
    /// A server with the jobs of this queue, where it has one. Reading them takes long when there are many, and ends
    /// when `stop` says so.
    ///
    /// # Errors
    /// When the queue cannot be read to its end.
    pub fn new(
        config: Config,
        queue: Option<Box<dyn Persist>>,
        stop: &watch::Receiver<Stop>,
    ) -> Result<Server, PersistError> {
        let news = Arc::new(Notify::new());
        let mut state = State::new(config, news.clone());
        let mut settled = None;
        if let Some(mut queue) = queue {
            let now = state.begin_turn();
            let store = &mut state.store;
            tracing::info!("reading the durable queue");
            queue.replay(&mut |row| match *stop.borrow() {
                Stop::No => store.restore(&now, &row),
                Stop::Drain | Stop::Now => Err("the server is to stop"),
            })?;
            store.restored();
            if store.jobs.len() > 0 {
                tracing::info!(target: "gearmand::notice", "{} jobs of the durable queue", store.jobs.len());
            }
            let no_thread =
                |e| PersistError { queue: "the queue".into(), reason: format!("no thread for it: {e}"), held: false };
            let (keeper, news) = Keeper::start(queue, state.config.patience).map_err(no_thread)?;
            (state.keeper, settled) = (Some(keeper), Some(news));
        }
        let shared = Shared { state: Arc::new(Mutex::new(state)), round: Arc::default() };
        Ok(Server { shared, news, settled })
    }

    /// Serves until `stop` says otherwise, or for ever when its sender is gone. Must be called in a tokio
    /// runtime with I/O and time.
    ///
    /// # Errors
    /// Those of handing the listeners to the runtime; and where jobs were lost that [`Durable::AtEnd`] was to keep.
    pub async fn run(mut self, listeners: Vec<Listener>, mut stop: watch::Receiver<Stop>) -> io::Result<()> {
        let count = self.shared.lock().config.threads;
        let threads = Arc::new(Threads::start(count, |runtime| Place::new(&self.shared, runtime))?);
        self.shared = threads.this().1.shared.clone();
        let mut tasks = Tasks { shared: self.shared.clone(), accept: Vec::new() };
        for listener in listeners {
            let listener = Accept::new(listener)?;
            let accepting = accept(listener, threads.clone());
            tasks.accept.push(tokio::spawn(accepting));
        }
        let mut alarm = Alarm::new();
        loop {
            let deadline = self.shared.tick();
            let timer = async {
                match deadline {
                    Some(when) => alarm.until(when).await,
                    None => std::future::pending().await,
                }
            };
            let told = async {
                if stop.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = timer => {}
                () = self.news.notified() => {}
                () = told => {}
                settled = next(&mut self.settled) => self.shared.turn(|state| state.settle(settled)),
            }
            let wish = *stop.borrow_and_update();
            if wish == Stop::Drain && !self.shared.lock().store.draining {
                self.shared.lock().store.draining = true;
                tasks.close().await;
                tracing::info!(target: "gearmand::notice", "draining: no more jobs are taken or handed out");
            }
            let state = self.shared.lock();
            if wish == Stop::Now || state.store.is_drained() {
                break;
            }
        }
        tasks.close().await;
        self.last_words().await;
        match self.shared.lock().lost {
            0 => Ok(()),
            n => {
                tracing::error!("{n} jobs are lost: the durable queue could not be written");
                Err(io::Error::other(format!("{n} jobs are lost: the durable queue could not be written")))
            }
        }
    }

    /// Stores what is to be stored, and then brings out what was said.
    async fn last_words(&mut self) {
        self.shared.turn(|state| {
            (state.stopping, state.store.draining) = (true, true);
            state.store.keep_all();
        });
        while self.settled.is_some() && self.shared.lock().store.journal.last().is_some() {
            let settled = next(&mut self.settled).await;
            self.shared.turn(|state| state.settle(settled));
        }
        let last = Instant::now() + FLUSH;
        while Instant::now() < last && !self.shared.lock().mail.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(last) => {}
                () = self.news.notified() => {}
            }
        }
        // Its thread ends with all written, and the file closed.
        let keeper = self.shared.lock().keeper.take();
        drop(keeper);
    }
}

/// The next news of the durable queue. Never, where there is none, or its thread is gone: who sends it a
/// batch sees that.
async fn next(settled: &mut Option<UnboundedReceiver<Settled>>) -> Settled {
    if let Some(news) = settled
        && let Some(settled) = news.recv().await
    {
        return settled;
    }
    *settled = None;
    std::future::pending().await
}

/// Serves without a durable queue: see [`Server::run`].
///
/// # Errors
/// As [`Server::run`].
pub async fn run(listeners: Vec<Listener>, config: Config, stop: watch::Receiver<Stop>) -> io::Result<()> {
    Server::new(config, None, &stop).map_err(io::Error::other)?.run(listeners, stop).await
}

impl State {
    fn new(config: Config, news: Arc<Notify>) -> State {
        let rules = Rules {
            runs: config.job_runs,
            wakeup: if config.wakeup == 0 { ALL } else { config.wakeup },
            exceptions: config.exceptions,
            functions: config.max_functions,
            durable: config.durable,
            direct: config.direct_assignment,
            zone: config.zone.clone(),
        };
        State {
            store: Store::new(rules, Handles::new(&config.handle_prefix)),
            mail: Mail::new(config.max_backlog),
            about: About { level: config.level.name(), limits: config.max_functions },
            config: Config { max_line: config.max_line.min(SCRATCH - 1), ..config },
            connections: Vec::new(),
            open: 0,
            begin: Instant::now(),
            armed: None,
            news,
            most: 0,
            trim: None,
            turn: Now::default(),
            stopping: false,
            lost: 0,
            keeper: None,
            exhausted: Seldom::every(TROUBLE),
            crowded: Seldom::every(TROUBLE),
        }
    }

    /// The system will not give another connection.
    fn cannot_accept(&mut self, error: &io::Error) {
        if let Some(unsaid) = self.exhausted.happened(self.begin.elapsed()) {
            tracing::error!("cannot accept connections: {error}{unsaid}");
        }
    }

    /// A connection is one too many.
    fn refused(&mut self, name: &str) {
        if let Some(unsaid) = self.crowded.happened(self.begin.elapsed()) {
            tracing::warn!("connection from {name} refused, there are {} already{unsaid}", self.open);
        }
    }

    /// A turn begins.
    pub(crate) fn begin_turn(&mut self) -> Now {
        self.turn = Now { steady: self.begin.elapsed(), wall: (self.config.clock)() };
        self.turn
    }

    /// When something is due.
    fn deadline(&mut self, now: &Now) -> Option<Duration> {
        self.store.deadline(now).into_iter().chain(self.trim).min()
    }

    /// What is due.
    fn tick(&mut self) {
        let now = self.turn;
        self.store.tick(&now, &mut self.mail);
        if self.trim.is_some_and(|when| when <= now.steady) {
            (self.trim, self.most) = (None, self.store.jobs.len());
            (self.config.trim)();
        }
    }

    /// Looks whether somebody waits for what a round did: the durable queue, the timer, or the end of a drain.
    pub(crate) fn after_round(&mut self) {
        self.store_batch();
        let jobs = self.store.jobs.len();
        self.most = self.most.max(jobs);
        let now = self.turn;
        if self.trim.is_none() && self.most > TRIM && jobs < self.most / 8 {
            self.trim = Some(now.steady + TRIM_EVERY);
        }
        let due = self.deadline(&now);
        let earlier = due.is_some_and(|due| due <= now.steady || self.armed.is_none_or(|armed| due < armed));
        if earlier || self.store.is_drained() {
            self.news.notify_one();
        }
        self.look_for_the_end();
    }

    /// Whoever waits for the last words to be said hears that they were.
    pub(crate) fn look_for_the_end(&self) {
        if self.stopping && self.mail.is_empty() {
            self.news.notify_one();
        }
    }

    fn store_batch(&mut self) {
        while let Some(mut batch) = self.store.journal.take() {
            let number = batch.number;
            batch.last = self.stopping && self.config.durable == Durable::AtEnd;
            if !self.keeper.as_ref().is_some_and(|keeper| keeper.send(batch)) {
                tracing::error!("the thread of the durable queue is gone: jobs are refused");
                self.settle(Settled { batch: number, added: false, done: false });
            }
        }
    }

    fn settle(&mut self, settled: Settled) {
        if self.stopping && !settled.added && self.config.durable == Durable::AtEnd {
            self.lost += self.store.journal.storing().count();
        }
        let now = self.begin_turn();
        self.store.settle(&now, settled, &mut self.mail);
    }

    pub(crate) fn leave(&mut self, peer: u32) {
        let now = self.begin_turn();
        self.store.leave(&now, peer, &mut self.mail);
    }

    pub(crate) fn release(&mut self, peer: u32) {
        self.mail.close(peer);
        self.store.release(peer);
        if self.connections.get_mut(peer as usize).and_then(Option::take).is_some() {
            self.open -= 1;
        }
    }
}

/// A listener in the runtime's hands.
enum Accept {
    Tcp(tokio::net::TcpListener),
    /// Its file goes first.
    Unix {
        _file: SocketFile,
        listener: tokio::net::UnixListener,
    },
}

/// A connection that was accepted.
enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Stream {
    /// Into the hands of another thread's runtime.
    fn hand_to(self, runtime: &Handle) -> io::Result<Stream> {
        let _there = runtime.enter();
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(tokio::net::TcpStream::from_std(stream.into_std()?)?),
            Stream::Unix(stream) => Stream::Unix(tokio::net::UnixStream::from_std(stream.into_std()?)?),
        })
    }

    fn split(self) -> (Reader, Writer) {
        match self {
            Stream::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (Reader::Tcp(reader), Writer::Tcp(writer))
            }
            Stream::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                (Reader::Unix(reader), Writer::Unix(writer))
            }
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Accept {
    fn new(listener: Listener) -> io::Result<Accept> {
        Ok(match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Accept::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            Listener::Unix(file, listener) => {
                listener.set_nonblocking(true)?;
                Accept::Unix { _file: file, listener: tokio::net::UnixListener::from_std(listener)? }
            }
        })
    }

    /// The next connection, and from where it comes.
    async fn next(&self, config: &Config) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Accept::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // The peer may be gone already; then reading says so.
                let probe = || config.keepalive.map_or(Ok(()), |probe| keepalive(&stream, &probe));
                let _ = stream.set_nodelay(true).and_then(|()| probe());
                Ok((Stream::Tcp(stream), Some(address)))
            }
            Accept::Unix { listener, .. } => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

pub(crate) fn keepalive(stream: &tokio::net::TcpStream, probe: &Keepalive) -> io::Result<()> {
    let seconds = |n: u32| (n > 0).then(|| Duration::from_secs(n.into()));
    let mut settings = TcpKeepalive::new();
    if let Some(idle) = seconds(probe.idle) {
        settings = settings.with_time(idle);
    }
    if let Some(interval) = seconds(probe.interval) {
        settings = settings.with_interval(interval);
    }
    if probe.count > 0 {
        settings = settings.with_retries(probe.count);
    }
    SockRef::from(stream).set_tcp_keepalive(&settings)
}

async fn accept(listener: Accept, threads: Arc<Threads<Place>>) {
    let config = threads.this().1.shared.lock().config.clone();
    loop {
        let accepted = listener.next(&config).await;
        match accepted.and_then(|(stream, from)| admit(stream, from, &threads)) {
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

fn admit(stream: Stream, from: Option<SocketAddr>, threads: &Threads<Place>) -> io::Result<()> {
    let name = from.map_or_else(|| "a local socket".into(), |address| address.to_string());
    let (thread, Place { shared, .. }) = threads.next();
    let stream = if thread.id() == threads.this().0.id() { stream } else { stream.hand_to(thread)? };
    let mut state = shared.lock();
    if state.open >= state.config.max_connections {
        state.refused(&name);
        return Ok(());
    }
    let peer = state.store.connect(stream.as_raw_fd(), from.map(|address| address.ip().to_canonical()));
    tracing::info!("connection from {name}");
    state.mail.open(peer);
    if state.connections.len() <= peer as usize {
        state.connections.resize_with(peer as usize + 1, || None);
    }
    state.open += 1;
    // What the log says of this connection's turns begins with its name.
    let named = tracing::info_span!("connection", message = name);
    let (reader, writer) = stream.split();
    let writer = Arc::new(writer);
    let task = thread.spawn(serve(shared.clone(), peer, reader, writer.clone()).instrument(named)).abort_handle();
    state.connections[peer as usize] =
        Some(Connection { writer, waker: None, full: false, watched: None, closing: None, task: Some(task) });
    Ok(())
}
