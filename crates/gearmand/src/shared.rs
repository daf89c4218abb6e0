//! The state that all connections and timers share, and its lock. The lock is held for one step of work, and never while
//! something is read or written. Knows connections by number and their streams, which it writes to and never reads.
//!
//! All steps that one look at the sockets brings are a *round*. At the end of a round workers get their jobs, changes go
//! to the durable queue, and all that was sent leaves in one write for each connection.

mod storing;

use crate::admin::text::About;
use crate::broker::snapshot::Server;
use crate::broker::{ALL, Broker, Now, Rules};
use crate::cluster::ask::Settled;
use crate::cluster::link::Link;
use crate::config::Config;
use crate::durable::batch::Stats;
use crate::durable::writer::Writer;
use crate::net::peer::Peer;
use crate::net::stream::{Stream, Watch};
use crate::outgoing::{InFlight, Outgoing};
use crate::peers::counts::Counts;
use crate::rights::Access;
use crate::seldom::Seldom;
use std::io;
use std::net::IpAddr;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// How often it is logged that connections cannot be accepted, and that they are refused.
const TROUBLE: Duration = Duration::from_secs(10);
/// Memory is given back when so many jobs have gone.
const TRIM: usize = 10_000;
/// At the latest so long after that.
const TRIM_EVERY: Duration = Duration::from_secs(2);

/// A connection as the server holds it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Arc<Stream>,
    /// Its task.
    pub(crate) waker: Option<Waker>,
    /// Its task waits until all is written that may be.
    pub(crate) full: bool,
    /// See [`Stream::watch`].
    watched: Option<Watch>,
    /// It is to be closed, and why.
    pub(crate) closing: Option<String>,
    task: AbortHandle,
}

impl Connection {
    pub(crate) fn new(stream: Arc<Stream>, task: AbortHandle) -> Connection {
        Connection { stream, waker: None, full: false, watched: None, closing: None, task }
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// All that connections share. See [`Shared`].
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) broker: Broker,
    pub(crate) outgoing: Outgoing,
    pub(crate) config: Config,
    /// By the number that the broker gave.
    connections: Vec<Option<Connection>>,
    open: usize,
    /// How many connections there were, and how many were one too many.
    accepted: u64,
    refused: u64,
    /// Bytes of whole packets and lines that came.
    pub(crate) bytes_received: u64,
    begin: Instant,
    /// For when the timer is set; `None`: for nothing.
    armed: Option<Duration>,
    /// The timer is to look again, or the last job of a drain has ended.
    wake: Arc<Notify>,
    /// Most jobs since memory was given back.
    most: usize,
    /// When it is to be given back.
    trim: Option<Duration>,
    /// When the last step of work began.
    now: Now,
    /// Only what is left to be sent is still sent.
    pub(crate) stopping: bool,
    /// Jobs that were to be stored at the end, and could not be.
    pub(crate) lost: usize,
    /// Who brings jobs to the durable queue.
    pub(crate) writer: Option<Writer>,
    /// The same, where the queue is shared with other servers.
    pub(crate) link: Option<Link>,
    /// Dead letters that the shared queue was asked to make jobs again, and who is to be told what came of that.
    revivals: Vec<(u64, oneshot::Sender<Settled>)>,
    /// What the durable queue did until its last result.
    pub(crate) stored: Stats,
    /// The servers that this one helps.
    pub(crate) peers: Vec<Arc<Counts>>,
    /// Who is told when workers may be idle; `None`: nobody asks.
    pub(crate) idle: Option<watch::Sender<()>>,
    /// The last batch of which it is known what became of it: see [`Shared::stored`].
    settled: watch::Sender<u64>,
    /// When to log that nobody can be accepted.
    exhausted: Seldom,
    /// When to log that there are connections enough.
    crowded: Seldom,
    /// When to log that somebody speaks TLS where nobody does.
    encrypted: Seldom,
}

/// The state, as every task has it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    /// A step was done on this thread: its round is to be ended, see [`Shared::with_state`].
    round: Arc<Notify>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Shared {
        Shared { state: Arc::new(Mutex::new(state)), round: Arc::default() }
    }

    /// The same state, with rounds of its own.
    pub(crate) fn for_another_thread(&self) -> Shared {
        Shared { state: self.state.clone(), round: Arc::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere ends one connection, not all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step of work that an operator asked for. When it returns, what was changed outlives the server, as when a text
    /// command is answered: what could not be stored is tried again.
    pub(crate) async fn stored<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let (done, batch, mut settled) =
            self.with_state(|state| (what(state), state.broker.last_batch(), state.settled.subscribe()));
        if let Some(batch) = batch {
            // The error is that the state is gone, which its own handle keeps.
            let _ = settled.wait_for(|settled| *settled >= batch).await;
        }
        done
    }

    /// Does what is due, and returns when something will be due again. When the timer comes, those that it was set for have
    /// usually done what they had to: then nothing is done.
    pub(crate) fn tick(&self) -> Option<Instant> {
        let mut state = self.lock();
        let now = state.read_clock();
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

/// Ends the rounds of one thread. It is woken by the first step of each, after the tasks of all connections that
/// had something to read then.
pub(crate) async fn end_rounds(shared: Shared) {
    loop {
        shared.round.notified().await;
        shared.end_round();
    }
}

impl Shared {
    /// One step of work under the lock. What it sends leaves at the end of the round.
    pub(crate) fn with_state<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let done = what(&mut self.lock());
        self.round.notify_one();
        done
    }

    pub(crate) fn end_round(&self) {
        let mut state = self.lock();
        state.match_up();
        state.after_round();
        self.deliver(state);
    }

    /// Writes what waits for one connection.
    pub(crate) fn write(&self, session: u32) {
        let mut state = self.lock();
        state.outgoing.touch(session);
        self.deliver(state);
    }

    fn deliver<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        while let Some((mut in_flight, stream)) = state.next_write() {
            drop(state);
            let written = stream.write(&mut in_flight.bytes);
            state = self.lock();
            state.sent(in_flight, written);
        }
    }
}

impl State {
    pub(crate) fn new(config: Config, wake: Arc<Notify>) -> State {
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
            broker: Broker::new(rules, &config.handle_prefix),
            outgoing: Outgoing::new(config.max_backlog),
            config,
            connections: Vec::new(),
            open: 0,
            accepted: 0,
            refused: 0,
            bytes_received: 0,
            begin: Instant::now(),
            armed: None,
            wake,
            most: 0,
            trim: None,
            now: Now::default(),
            stopping: false,
            lost: 0,
            writer: None,
            link: None,
            revivals: Vec::new(),
            stored: Stats::default(),
            peers: Vec::new(),
            idle: None,
            settled: watch::Sender::new(0),
            exhausted: Seldom::every(TROUBLE),
            crowded: Seldom::every(TROUBLE),
            encrypted: Seldom::every(TROUBLE),
        }
    }

    /// There are as many connections as there may be.
    pub(crate) fn is_full(&self) -> bool {
        self.open >= self.config.max_connections
    }

    /// A connection came. The number it is known by from now on: [`State::insert`] follows.
    pub(crate) fn connect(&mut self, fd: RawFd, ip: Option<IpAddr>) -> u32 {
        let session = self.broker.connect(fd, ip);
        self.outgoing.open(session);
        session
    }

    /// Its rights are decided. Where nobody asks for rights, who it is is not found out.
    pub(crate) fn decide(&mut self, session: u32, peer: impl FnOnce() -> Peer) {
        if let Some(acl) = &self.config.acl {
            let peer = peer();
            let rights = acl.borrow().decide(&peer);
            self.broker.set_access(session, Access { peer, rights });
        }
    }

    /// There are other rules. Every connection has the rights that these give; one that has lost some is closed: so
    /// nothing is left of what it had, and its peer learns of it. It may connect again.
    pub(crate) fn decide_anew(&mut self) {
        let Some(acl) = &self.config.acl else { return };
        let acl = acl.borrow().clone();
        for session in 0..self.connections.len() as u32 {
            let Some(access) = self.broker.access_mut(session) else { continue };
            let rights = acl.decide(&access.peer);
            let before = std::mem::replace(&mut access.rights, rights.clone());
            if !rights.include(&before) {
                self.close(session, format!("it has lost rights: its rule is {} now", rights.rule));
            }
        }
    }

    /// There are other policies in their file.
    pub(crate) fn read_policies(&mut self) {
        let now = self.read_clock();
        if let Some(policies) = &self.config.policies {
            let (rules, schedules) = {
                let policies = policies.borrow();
                (policies.functions.clone(), policies.schedules.clone())
            };
            self.broker.replace_policies(&now, rules);
            self.broker.set_schedules(&now, schedules);
        }
    }

    /// The connection under a number that is new.
    pub(crate) fn insert(&mut self, session: u32, connection: Connection) {
        if self.connections.len() <= session as usize {
            self.connections.resize_with(session as usize + 1, || None);
        }
        self.connections[session as usize] = Some(connection);
        self.open += 1;
        self.accepted += 1;
    }

    /// What text commands tell of the process.
    pub(crate) fn about(&self) -> About {
        About { level: self.config.level.name(), server: self.counts() }
    }

    /// The server in numbers.
    pub(crate) fn counts(&self) -> Server {
        let (packets_sent, bytes_sent) = self.outgoing.counts();
        let Stats { commits, changes, longest, .. } = self.stored;
        Server {
            connections: self.open as u64,
            accepted: self.accepted,
            refused: self.refused,
            bytes_received: self.bytes_received,
            packets_sent,
            bytes_sent,
            commits,
            changes,
            longest_commit: longest,
            uptime: self.now.steady,
            cluster: self.broker.standing(self.now.steady),
            ..self.broker.server()
        }
    }

    /// Why no jobs are taken; nothing where they are.
    pub(crate) fn not_ready(&self) -> Vec<&'static str> {
        let reasons = [
            (self.broker.is_draining(), "the server drains: it takes no more jobs"),
            (
                self.link.is_none() && self.stored.failing_since.is_some(),
                "the durable queue cannot be written; the log says why",
            ),
            (
                !self.broker.holds_lease(&Now { steady: self.begin.elapsed(), ..self.now }),
                "the shared queue does not answer: its jobs are neither taken nor handed out; the log says why",
            ),
        ];
        reasons.into_iter().filter(|(so, _)| *so).map(|(_, reason)| reason).collect()
    }

    /// Closes all connections at once.
    pub(crate) fn close_all(&mut self) {
        self.connections.drain(..).flatten().for_each(|connection| connection.task.abort());
    }

    /// The system will not give another connection.
    pub(crate) fn cannot_accept(&mut self, error: &io::Error) {
        if let Some(omitted) = self.exhausted.happened(self.begin.elapsed()) {
            tracing::error!("cannot accept connections: {error}{omitted}");
        }
    }

    /// A connection is one too many.
    pub(crate) fn refuse(&mut self, name: &str) {
        self.refused += 1;
        if let Some(omitted) = self.crowded.happened(self.begin.elapsed()) {
            tracing::warn!("connection from {name} refused, there are {} already{omitted}", self.open);
        }
    }

    /// A connection that is not encrypted begins a TLS handshake. Why it ends.
    pub(crate) fn refuse_tls(&mut self) -> String {
        let reason = "it speaks TLS, and this port does not";
        if let Some(omitted) = self.encrypted.happened(self.begin.elapsed()) {
            tracing::warn!("refused: {reason}{omitted}");
        }
        reason.into()
    }

    /// When the steady clock began.
    pub(crate) fn begin(&self) -> std::time::Instant {
        self.begin.into_std()
    }

    /// A step of work begins: the time it counts with.
    pub(crate) fn read_clock(&mut self) -> Now {
        self.now = Now { steady: self.begin.elapsed(), wall: (self.config.clock)() };
        self.now
    }

    /// When something is due.
    fn deadline(&mut self, now: &Now) -> Option<Duration> {
        self.broker.deadline(now).into_iter().chain(self.trim).min()
    }

    /// What is due.
    fn tick(&mut self) {
        let now = self.now;
        self.broker.tick(&now, &mut self.outgoing);
        if self.trim.is_some_and(|when| when <= now.steady) {
            (self.trim, self.most) = (None, self.broker.len());
            (self.config.trim)();
        }
    }

    /// Looks whether somebody waits for what a round did: the durable queue, the timer, or the end of a drain.
    pub(crate) fn after_round(&mut self) {
        self.store_batch();
        if let Some(idle) = &self.idle
            && self.broker.take_idle_changed()
        {
            idle.send_replace(());
        }
        let jobs = self.broker.len();
        self.most = self.most.max(jobs);
        let now = self.now;
        if self.trim.is_none() && self.most > TRIM && jobs < self.most / 8 {
            self.trim = Some(now.steady + TRIM_EVERY);
        }
        let due = self.deadline(&now);
        let earlier = due.is_some_and(|due| due <= now.steady || self.armed.is_none_or(|armed| due < armed));
        if earlier || self.broker.is_drained() {
            self.wake.notify_one();
        }
        self.check_finished();
    }

    /// Whoever waits for the last answers to be sent is woken when they are.
    pub(crate) fn check_finished(&self) {
        if self.stopping && self.outgoing.is_empty() {
            self.wake.notify_one();
        }
    }

    pub(crate) fn leave(&mut self, session: u32) {
        let now = self.read_clock();
        self.broker.leave(&now, session, &mut self.outgoing);
    }

    pub(crate) fn release(&mut self, session: u32) {
        self.outgoing.close(session);
        self.broker.release(session);
        if self.connections.get_mut(session as usize).and_then(Option::take).is_some() {
            self.open -= 1;
        }
    }

    fn match_up(&mut self) {
        // A lease counts from this very moment: the server may have been stopped since its last step.
        let now = if self.link.is_some() { self.read_clock() } else { self.now };
        self.broker.match_up(&now, &mut self.outgoing);
    }

    /// Something is to be sent to this connection, which may be a job that it did not ask for.
    fn watch(&mut self, session: u32) {
        let Some(jobs) = self.broker.has_directly(session) else { return };
        let probe = self.config.keepalive.unwrap_or_default();
        let how = if jobs > 1 { Watch::Alive } else { Watch::Reached };
        // Who has asked in advance once will do so again.
        if let Some(connection) = self.connection(session).filter(|c| c.watched < Some(how)) {
            connection.watched = Some(how);
            if let Err(error) = connection.stream.watch(how, &probe) {
                tracing::warn!("a worker that dies may keep its job for long: {error}");
            }
        }
    }

    pub(crate) fn connection(&mut self, session: u32) -> Option<&mut Connection> {
        self.connections.get_mut(session as usize)?.as_mut()
    }

    /// What is to be written next, and where to.
    fn next_write(&mut self) -> Option<(InFlight, Arc<Stream>)> {
        while let Some(session) = self.outgoing.next_dirty() {
            self.watch(session);
            if self.outgoing.overflowed(session) {
                let limit = self.config.max_backlog;
                self.close(session, format!("it does not read, and more than {limit} bytes wait for it"));
            } else if let Some(connection) = self.connections.get(session as usize).and_then(Option::as_ref)
                && let Some(in_flight) = self.outgoing.begin_write(session)
            {
                return Some((in_flight, connection.stream.clone()));
            }
        }
        None
    }

    /// Bytes were written as far as the socket took them.
    fn sent(&mut self, in_flight: InFlight, written: io::Result<()>) {
        let (session, rest) = (in_flight.session, !in_flight.bytes.is_empty());
        if !self.outgoing.sent(in_flight) {
            return;
        }
        let wakes = rest || self.broker.may_go(session);
        match written {
            Err(error) => self.close(session, error.to_string()),
            // Its task waits for a socket that is full, for the peer to have read, or for the last that it is told in a drain.
            Ok(()) => self.connection(session).filter(|c| wakes || c.full).map_or((), |c| c.wake()),
        }
        self.check_finished();
    }

    /// Closes a connection, by waking its task. It has left at once: what it had is not given to somebody else who is closed
    /// too, and whose task comes later.
    fn close(&mut self, session: u32, reason: String) {
        self.outgoing.close(session);
        if let Some(connection) = self.connection(session).filter(|connection| connection.closing.is_none()) {
            connection.closing = Some(reason);
            connection.wake();
            self.leave(session);
        }
    }
}
