//! A client: any number of tasks over any number of servers, one write a round.
//!
//! Owns the tasks, the servers, and the events that were not taken yet. Must never know PHP, nor read a socket itself.
//!
//! Nothing is ever called back. [`Client::wait`] returns as soon as something became known; the caller then takes
//! [`Client::next_event`]s, or the end of a call by [`Client::take_end`]. A wait can be dropped at any await and begun
//! again: all progress is in the client.
//!
//! A job goes to the first server, in the order they were added, that can be reached. So equal unique keys meet at one
//! server. Where none can be reached, a call ends by that error, and a task of [`Client::add`] waits for the next call.
//! A job that a server refuses, because it drains or cannot store any, goes to the others, once to each.
//! Each task ends exactly once: by an answer, or because it was sent and its connection was lost.

mod dispatch;
mod exchange;
pub mod inquiry;
mod look;
mod ongoing;
pub(crate) mod pending;
pub mod pool;
mod search;
mod server;
pub mod task;
pub mod unique;

use crate::client::inquiry::Inquiry;
use crate::client::ongoing::{Listener, Ongoing, Parts};
use crate::client::pool::Pool;
use crate::client::search::Origins;
use crate::client::server::Server;
use crate::client::task::{Ask, Event, TaskId};
use crate::client::unique::Unique;
use crate::error::{Error, Result};
use crate::net::address::{Address, ServerAddress};
use crate::net::connection::Connection;
use crate::net::fork::Process;
use crate::net::tls::TlsChoice;
use crate::net::watch::Watch;
use crate::server_connection::{ServerConnection, Settings, drive, poll_once};
use bytes::Bytes;
use slab::Slab;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A connection that was silent for this long is looked at before it is used again.
const IDLE: Duration = Duration::from_millis(1);
/// Who waits for a shorter time takes no server for one that hangs.
const HANGS: Duration = Duration::from_secs(1);

/// A client of one or more job servers.
#[derive(Debug, Default)]
pub struct Client {
    settings: Settings,
    /// With which servers TLS is spoken.
    tls: TlsChoice,
    /// Where the connections of servers added from now on come from and go to.
    pool: Option<Pool>,
    servers: Vec<Server>,
    tasks: Slab<Ongoing>,
    /// Text commands that are not answered yet.
    inquiries: Slab<Inquiry>,
    /// Tasks in the order they were asked for, not sent yet.
    waiting: VecDeque<TaskId>,
    /// What became known of tasks of [`Client::add`].
    events: VecDeque<(TaskId, Event)>,
    /// Exceptions are wanted; the option is sent to each server first.
    exceptions: bool,
    serial: u32,
    /// Counts calls, so that a call tries a dead server at most once.
    call: u64,
    /// Tasks of [`Client::add`] that are not over.
    running: usize,
    /// Events reported so far.
    reports: u64,
    uniques: unique::Uniques,
    /// Where the last jobs went, if there is more than one server.
    origins: Origins,
    /// The process that last began a call.
    process: Process,
    /// What an event loop watches for it: ready when [`Client::look`] has something to do.
    pub watch: Watch,
    /// The last look has left something to be done at once.
    again: bool,
}

impl Client {
    /// A client without servers.
    pub fn new(settings: Settings) -> Client {
        Client { settings, ..Client::default() }
    }

    /// Servers that are added after this are reached by connections of this pool, where it has one, and leave theirs
    /// to it. All clients of a pool, and the pool, belong to one runtime.
    pub fn set_pool(&mut self, pool: Pool) {
        self.pool = Some(pool);
    }

    /// Has the pool a connection to this server? Then its name need not be resolved.
    pub fn is_kept(&self, server: &ServerAddress) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.knows(server, self.tls.of(server).as_ref()))
    }

    /// One more server, the last to be tried. Nothing is sent yet. `addresses` are those it was resolved
    /// to just now, and may be empty.
    pub fn add_server(&mut self, server: ServerAddress, addresses: Vec<Address>) {
        let connection = ServerConnection::new(server, addresses, &self.tls);
        self.servers.push(Server::new(connection, self.pool.clone()));
    }

    /// How TLS is spoken from now on, also with the servers that were added before. A connection that is not as it should be is
    /// given up, and what waits for an answer over it ends.
    pub fn set_tls(&mut self, tls: TlsChoice) {
        self.tls = tls;
        for i in 0..self.servers.len() {
            let connection = &mut self.servers[i].connection;
            if connection.set_tls(&self.tls) {
                let error = Error::lost(connection.name(), "it was given up, since TLS was switched on, off, or over");
                self.lose(i, &error);
            }
        }
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// To be called once when a call of the user's begins: as [`Client::resume`], and dead servers may be tried again.
    pub fn begin(&mut self) {
        self.call += 1;
        self.servers.iter_mut().for_each(|server| server.connection.renew(&self.settings));
        self.see_what_ended();
    }

    /// For a call that goes on with what the last one began: gives up what another process made (see
    /// [`crate::net::connection`]) and connections that ended between two calls. Where tasks are to be sent, each
    /// connection is looked at, however short it was idle: what goes to a server that is gone is lost.
    pub fn resume(&mut self) {
        for server in &mut self.servers {
            server.connection.refresh(&self.settings);
        }
        self.see_what_ended();
    }

    fn see_what_ended(&mut self) {
        let process = Process::this();
        let forked = std::mem::replace(&mut self.process, process) != process;
        let (now, sends) = (Instant::now(), !self.waiting.is_empty());
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            if forked && server.connection.drop_foreign() {
                self.lose(i, &Error::lost("the server", "the connection belongs to the process that made it"));
                continue;
            }
            let (idle, look) =
                (server.pending.is_idle(), sends || now.saturating_duration_since(server.silence.since()) > IDLE);
            // What came unasked must not be taken for the answer to what is asked next.
            let ended = |c: &mut Connection| match idle {
                true => c.has_input() || look && c.is_stale(),
                false => look && c.has_ended(),
            };
            if server.connection.up().is_some_and(ended) {
                let error = Error::lost(server.connection.name(), "the server closed the connection");
                server.connection.down();
                self.lose(i, &error);
            }
        }
    }

    /// Wants exceptions, from every server and on every connection.
    pub fn want_exceptions(&mut self) {
        self.exceptions = true;
    }

    /// Connects to every server. Can be dropped and called again.
    ///
    /// # Errors
    /// That of the first server that could not be reached, after all have been tried. One whose name cannot be resolved counts only
    /// where no other is up.
    pub async fn connect_all(&mut self) -> Result<()> {
        for i in 0..self.servers.len() {
            if self.servers[i].tried != Some(self.call) {
                let deadline = |c: &Client| c.servers[i].connection.connect_deadline();
                // A failure is seen below.
                drive(self, None, deadline, |c, cx| c.poll_connect(i, cx)).await;
            }
        }
        let failed = self.servers.iter().filter(|server| server.tried == Some(self.call));
        Error::of_connecting(failed.filter_map(|server| server.connection.error()), self.is_up())
    }

    fn poll_connect(&mut self, i: usize, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let server = &mut self.servers[i];
        server.reuse(self.exceptions, &self.settings);
        match server.connection.poll_up(cx, &self.settings) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(fresh)) => {
                if fresh {
                    server.made();
                }
                if !server.pending.is_idle() {
                    server.for_request(self.exceptions); // for what runs already, too
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(e)) => {
                server.tried = Some(self.call);
                Poll::Ready(Err(e))
            }
        }
    }

    /// A task whose events are to be had from [`Client::next_event`]. Sent by the next [`Client::wait`].
    pub fn add(&mut self, ask: Ask) -> TaskId {
        self.running += 1;
        self.insert(ask, Listener::Events, None)
    }

    /// A task of which only the end matters: [`Client::take_end`].
    pub fn call(&mut self, ask: Ask) -> TaskId {
        self.insert(ask, Listener::Call(Parts::default()), None)
    }

    /// As [`Client::call`], for what only one server can answer.
    pub fn call_at(&mut self, server: usize, ask: Ask) -> TaskId {
        self.insert(ask, Listener::Call(Parts::default()), Some(server))
    }

    fn insert(&mut self, ask: Ask, listener: Listener, server: Option<usize>) -> TaskId {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let Ask { kind, packet } = ask;
        let task = Ongoing { kind, packet, sent: false, server, search: None, listener, serial, ended: false };
        let id = TaskId { index: self.tasks.insert(task) as u32, serial };
        self.waiting.push_back(id);
        id
    }

    fn task(&mut self, id: TaskId) -> Option<&mut Ongoing> {
        self.tasks.get_mut(id.index as usize).filter(|t| t.serial == id.serial)
    }

    /// Nobody waits for this task any more. If it was not sent, it never will be.
    pub fn forget(&mut self, id: TaskId) {
        self.forget_all(&[id]);
    }

    /// Nobody waits for these tasks any more, which are in order. Those that somebody waited for.
    fn forget_all(&mut self, ids: &[TaskId]) -> Vec<TaskId> {
        let forgotten: Vec<TaskId> = ids.iter().copied().filter(|id| self.abandon(*id)).collect();
        let stays = |id: &TaskId| forgotten.binary_search(id).is_err();
        // Once over each list, however many they are.
        self.waiting.retain(stays);
        self.events.retain(|(id, _)| stays(id));
        forgotten
    }

    /// False: it is over, or nobody waited for it.
    fn abandon(&mut self, id: TaskId) -> bool {
        let Some(task) = self.task(id).filter(|task| !matches!(task.listener, Listener::Nobody)) else { return false };
        let counted = matches!(task.listener, Listener::Events);
        task.listener = Listener::Nobody;
        (task.search, task.packet) = (None, Bytes::new()); // no other server is to be asked
        if !task.sent || task.ended {
            self.tasks.remove(id.index as usize);
        }
        self.running -= usize::from(counted);
        true
    }

    /// What became known next of the tasks of [`Client::add`].
    pub fn next_event(&mut self) -> Option<(TaskId, Event)> {
        self.events.pop_front()
    }

    /// Has [`Client::next_event`] something to give?
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Are tasks of [`Client::add`] unfinished, or events of theirs not taken?
    pub fn has_tasks(&self) -> bool {
        self.running > 0 || !self.events.is_empty()
    }

    /// How many events were reported so far. A caller whose wait was given up for another call of this client sees
    /// by it that its event came during that one.
    pub fn reports(&self) -> u64 {
        self.reports
    }

    /// How the task of a call ended, once it has: the parts of its result joined.
    pub fn take_end(&mut self, id: TaskId) -> Option<Event> {
        let task = self.task(id).filter(|t| t.ended)?;
        let Listener::Call(parts) = &mut task.listener else {
            return None;
        };
        let end = parts.take();
        self.tasks.remove(id.index as usize);
        end
    }

    /// Sends what there is to send and waits until something became known of any task.
    ///
    /// # Errors
    /// [`Error::Timeout`] at `until`; [`Error::NothingToWaitFor`]; [`Error::NoServers`]. That of a server where
    /// none can be reached: what waits to be sent goes out with the next call. Everything else is the end of a
    /// task, and reported there.
    pub async fn wait(&mut self, until: Option<Instant>) -> Result<()> {
        let begun = Instant::now();
        let connecting = |c: &Client| c.servers.iter().filter_map(|r| r.connection.connect_deadline()).min();
        match drive(self, until, connecting, |c, cx| c.poll_wait(cx)).await {
            Some(done) => done,
            None => Err(self.timeout(begun.elapsed())),
        }
    }

    /// [`Client::wait`] without waiting. False: nothing became known.
    ///
    /// # Errors
    /// As [`Client::wait`], but for the timeout.
    pub async fn poll_once(&mut self) -> Result<bool> {
        poll_once(|cx| self.poll_wait(cx)).await.map_or(Ok(false), |news| news.map(|()| true))
    }

    /// The error of a wait that took this long.
    pub fn timeout(&self, waited: Duration) -> Error {
        let server = match self.servers.as_slice() {
            [one] => one.connection.name().to_string(),
            _ => "the servers".into(),
        };
        Error::Timeout { server, waited: waited.as_millis() as u64 }
    }

    /// [`Client::wait`] for event loops: looks once, arranges to be woken, never waits.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.servers.is_empty() {
            return Poll::Ready(Err(Error::NoServers));
        }
        // Also those that no task waits for at present: their time may run out.
        for i in 0..self.servers.len() {
            if self.servers[i].connection.is_connecting() {
                let _ = self.poll_connect(i, cx);
            }
        }
        let mut news = match self.dispatch(cx) {
            Ok(ended) => ended,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if !news && self.waiting.is_empty() && self.servers.iter().all(|r| r.pending.is_idle()) {
            return Poll::Ready(Err(Error::NothingToWaitFor));
        }
        loop {
            let waiting = self.waiting.len();
            for i in 0..self.servers.len() {
                news |= self.exchange(i, cx);
            }
            // What one server answered may have handed tasks to another that was looked at before.
            if self.waiting.len() == waiting {
                break;
            }
        }
        if news { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Who waits for `limit` at most has waited in vain. Of several servers, one that owes the answer to a request, to one of `only`,
    /// in order, where that is given, and gave no sign of life for as long as `silent`, hangs: its connection is given up, with all
    /// that waits there, and what comes next goes to another. A job that runs is nothing that a server owes, and one that sends,
    /// or makes room for what is sent to it, is at work.
    pub fn pass_over(&mut self, limit: Duration, silent: Duration, only: Option<&[TaskId]>) {
        if self.servers.len() == 1 || limit < HANGS {
            return;
        }
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            if server.is_silent(silent, only) {
                let reason = format_args!("it did not answer within {} ms", limit.as_millis());
                let error = Error::lost(server.connection.name(), reason);
                server.connection.give_up(error.clone());
                server.connection.pass_over();
                self.end_pending(i, &error);
                self.again |= !self.waiting.is_empty(); // for those that wait for room there
            }
        }
    }

    /// The key to send for what the user gave: `None` and empty become one that no other job has,
    /// `#` a number made from the workload; anything else stays as it is.
    pub fn unique<'a>(&mut self, given: &'a [u8], workload: &[u8]) -> Unique<'a> {
        match given {
            // Not the process of the last call: this one may have been forked since.
            b"" => Unique::Made(self.uniques.make(Process::this())),
            b"#" => Unique::Hash(unique::hash(workload)),
            given => Unique::Given(given),
        }
    }
}
