//! A worker: takes jobs from any number of servers, one at a time.
//!
//! Owns the servers, the functions, and the jobs that arrived and were not taken yet. Must never know PHP, nor run a
//! function itself.
//!
//! As in [`crate::client`], nothing is called back: [`Worker::next_job`] returns a job, the caller runs it and
//! answers with [`Worker::send`]. Every await can be dropped and begun again.
//!
//! One server is asked at a time, so that never more than one job is on its way here, unless more are wanted
//! ([`Worker::prefetch`]), or a server does not answer: see `worker/hangs.rs`. A server that has none is asked to
//! wake us (PRE_SLEEP, NOOP) and is left alone until it does. Where it is the only one and can do so, it gives us the job itself: see `worker/direct.rs`. Where no
//! server can be reached, calls that fail at once are slowed down: see `worker/pace.rs`.

use crate::error::{Error, Result};
use crate::net::address::{Address, ServerAddress};
use crate::net::connection::Packet;
use crate::net::fork::Process;
use crate::net::tls::TlsChoice;
use crate::net::watch::Watch;
use crate::protocol::message::{Assign, Grab, Request, Response};
use crate::return_code::PERMISSION_DENIED;
use crate::server_connection::{ServerConnection, Settings, drive, poll_once};
use crate::worker::job::Job;
use crate::worker::protocol::{Abilities, Assignment, Received, State};
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

mod direct;
mod echo;
mod hangs;
pub mod job;
mod look;
mod notices;
mod pace;
pub mod protocol;
mod send;
mod server;
use direct::WhenIdle;
use echo::Echo;
use pace::Pace;
use server::Server;

/// So many refusals may wait to be reported. A worker has no more functions, or its server is out of its mind.
const REFUSALS: usize = 1000;

/// A worker of one or more job servers.
#[derive(Debug, Default)]
pub struct Worker {
    settings: Settings,
    /// With which servers TLS is spoken.
    tls: TlsChoice,
    servers: Vec<Server>,
    /// The functions it runs.
    pub abilities: Abilities,
    /// How jobs are asked for.
    pub grab: Grab,
    /// Waits to be woken (PRE_SLEEP, NOOP) also where its only server could give it the job itself.
    pub classic: bool,
    /// Asks servers to tell which try a job is, and that it was cancelled: [`Job::attempt`], [`Worker::is_cancelled`].
    pub notices: bool,
    /// So many jobs may wait here while another is run. They go back to the server with the connection.
    pub prefetch: usize,
    id: Bytes,
    exceptions: bool,
    /// Counts calls, so that one which connects to all tries a dead server once, however often its wait begins anew.
    call: u64,
    /// The server to ask first: the one after that which gave the last job.
    next_server: usize,
    /// It was asked for one job, and for none ahead yet.
    turn_begins: bool,
    /// The echo that a call waits for.
    echo: Option<Echo>,
    /// Counts echoes.
    echoes: u32,
    /// Jobs that came while something else was waited for: the next to be run.
    arrived: VecDeque<Job>,
    /// Why a server that could be connected to is of no use.
    failed: Option<Error>,
    /// What servers do not allow this worker, and nobody was told yet.
    refused: VecDeque<Error>,
    /// Slows down calls that fail at once.
    pace: Pace,
    /// The process that last began a call.
    process: Process,
    /// What an event loop watches for it: ready when [`Worker::look`] has something to do.
    pub watch: Watch,
    /// The last look has left something to be done at once.
    again: bool,
}

impl Worker {
    /// A worker without servers and functions.
    pub fn new(settings: Settings) -> Worker {
        Worker { settings, ..Worker::default() }
    }

    /// One more server. Nothing is sent yet. `addresses` are those it was resolved to just now, and may be
    /// empty.
    pub fn add_server(&mut self, server: ServerAddress, addresses: Vec<Address>) {
        self.servers.push(Server::new(ServerConnection::new(server, addresses, &self.tls)));
    }

    /// How TLS is spoken from now on, also with the servers that were added before. A connection that is not as it should be is
    /// given up, and its jobs go back to the server.
    pub fn set_tls(&mut self, tls: TlsChoice) {
        self.tls = tls;
        for (i, server) in self.servers.iter_mut().enumerate() {
            if server.connection.set_tls(&self.tls) {
                server.forget();
                self.arrived.retain(|job| job.server != i);
            }
        }
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// To be called once when a call of the user's begins: gives up what another process made (see
    /// [`crate::net::connection`]), its jobs among that, and an echo that was waited for.
    pub fn begin(&mut self) {
        self.call += 1;
        self.echo = None;
        self.servers.iter_mut().for_each(|server| server.connection.renew(&self.settings));
        self.leave_foreign();
    }

    fn leave_foreign(&mut self) {
        let process = Process::this();
        let forked = std::mem::replace(&mut self.process, process) != process;
        if forked {
            self.arrived.retain(Job::is_ours);
        }
        for server in &mut self.servers {
            if forked && server.connection.drop_foreign() {
                server.forget();
            }
        }
    }

    /// Asks every server, now and on each new connection, for the option `exceptions`; a worker
    /// has no use for it, but programs may rely on the server having been asked.
    pub fn want_exceptions(&mut self) {
        self.exceptions = true;
    }

    /// The name to show in the server's list of workers: 1 to 254 printable characters without blanks.
    /// Sent to connected servers at once, to others when they are connected to.
    ///
    /// # Errors
    /// [`Error::Argument`] for what cannot be a name.
    pub fn set_id(&mut self, id: &[u8]) -> Result<()> {
        if id.is_empty() || id.len() > crate::MAX_CLIENT_ID || !id.iter().all(u8::is_ascii_graphic) {
            return Err(Error::Argument("an id is 1 to 254 printable characters without blanks"));
        }
        self.id = Bytes::copy_from_slice(id);
        for i in 0..self.servers.len() {
            let server = &mut self.servers[i];
            if let Some(connection) = server.connection.up().filter(|c| c.is_ours()) {
                server.protocol.interrupt_sleep(connection.write_buffer());
                Request::SetClientId(&self.id).encode(connection.write_buffer());
                if let Err(error) = connection.try_flush() {
                    self.lose(i, error);
                }
            }
        }
        Ok(())
    }

    /// Connects to every server; can be dropped and called again: then it goes on with those that this call has not tried yet.
    ///
    /// # Errors
    /// That of the first server that could not be reached, after all have been tried once. One whose name cannot be resolved counts
    /// only where no other is up.
    pub async fn connect_all(&mut self) -> Result<()> {
        for i in 0..self.servers.len() {
            let deadline = |w: &Worker| w.servers[i].connection.connect_deadline();
            if self.servers[i].tried != Some(self.call)
                && let Some(Err(_)) = drive(self, None, deadline, |w, cx| w.poll_connect(i, cx)).await
            {
                self.servers[i].tried = Some(self.call);
            }
        }
        let failed = self.servers.iter().filter(|server| server.tried == Some(self.call));
        let up = self.servers.iter().any(|server| server.connection.is_up());
        Error::of_connecting(failed.filter_map(|server| server.connection.error()), up)
    }

    fn poll_connect(&mut self, i: usize, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let server = &mut self.servers[i];
        let up = server.connection.poll_up(cx, &self.settings);
        if matches!(up, Poll::Ready(Ok(_))) && server.introduced != server.connection.serial {
            server.introduced = server.connection.serial;
            server.forget();
            // Who fetches jobs in advance asks each time: by that the server knows that they are run one behind the other, and one that
            // did not know may have been replaced.
            let notices = self.notices && (self.prefetch > 0 || !notices::REFUSED.has(server.connection.name()));
            if let Some(connection) = server.connection.up() {
                if !self.id.is_empty() {
                    Request::SetClientId(&self.id).encode(connection.write_buffer());
                }
                if self.exceptions {
                    server.protocol.option(b"exceptions", connection.write_buffer());
                }
                if notices {
                    server.protocol.ask_for_notices(connection.write_buffer());
                }
            }
        }
        up.map(|done| done.map(|_| ()))
    }

    /// Waits for a job. Where the wait is given up before its end, and not begun anew, [`Worker::stop_waiting`] is to be
    /// called.
    ///
    /// # Errors
    /// [`Error::Timeout`] at `until`; [`Error::NoServers`], [`Error::NoFunctions`]; [`Error::Connect`] or [`Error::Resolve`] when no
    /// server can be reached, [`Error::Lost`], [`Error::Protocol`] or [`Error::TooLarge`] when the last that could be
    /// reached is of no use (the first time at once, later after a pause that grows up to a second). [`Error::Server`] for a
    /// function that a server does not allow this worker: the wait is to be begun anew, for the others.
    pub async fn next_job(&mut self, until: Option<Instant>) -> Result<Job> {
        self.paced(async |w| w.wait_for_next(until).await).await
    }

    async fn wait_for_next(&mut self, until: Option<Instant>) -> Result<Job> {
        self.check()?;
        self.see_what_came().await;
        let begun = Instant::now();
        if let Some(job) = drive(self, until, Worker::wake, |w, cx| w.poll_job(cx)).await {
            return job;
        }
        self.stop_waiting().await;
        self.take_arrived().ok_or_else(|| self.unreachable().unwrap_or_else(|| self.timeout(begun.elapsed())))
    }

    /// [`Worker::next_job`] without waiting: asks for a job where none is asked for, and gives one that has come.
    ///
    /// # Errors
    /// As [`Worker::next_job`] but for the timeout, and [`Error::WouldBlock`] where a server has yet to answer,
    /// [`Error::NoJobs`] where all have.
    pub async fn try_next_job(&mut self) -> Result<Job> {
        self.paced(Worker::try_once).await
    }

    async fn try_once(&mut self) -> Result<Job> {
        self.check()?;
        self.leave_direct();
        match poll_once(|cx| self.poll_servers(cx, WhenIdle::Classic)).await.flatten() {
            Some(job) => job,
            None => Err(self.unreachable().unwrap_or_else(|| match self.is_answered() {
                true => Error::NoJobs,
                false => Error::WouldBlock,
            })),
        }
    }

    /// Waits as [`Worker::next_job`] does, and leaves the job to that.
    ///
    /// # Errors
    /// As [`Worker::next_job`].
    pub async fn wait_for_job(&mut self, until: Option<Instant>) -> Result<()> {
        loop {
            let job = self.next_job(until).await?;
            // Not if its connection has ended meanwhile: the server has given it to
            // another worker then.
            let (i, server) = (job.server, &self.servers[job.server]);
            if server.connection.is_up() && server.connection.serial == job.serial {
                self.arrived.push_front(job);
            }
            poll_once(|cx| {
                self.receive_all(i, cx);
                Poll::Ready(())
            })
            .await;
            if !self.arrived.is_empty() {
                return Ok(());
            }
        }
    }

    /// Has every connected server answered that it has no job, but for those that hang?
    fn is_answered(&self) -> bool {
        let mut up = self.servers.iter().filter(|p| p.connection.is_up() && !p.hangs).peekable();
        up.peek().is_some() && up.all(|p| matches!(p.protocol.state, State::NoJob | State::Asleep))
    }

    /// When to go on though no socket is ready.
    fn wake(&self) -> Option<Instant> {
        self.servers
            .iter()
            .filter_map(|p| p.connection.wake())
            .chain(self.answer_by())
            .chain(self.patience_ends())
            .min()
    }

    /// A job, if one can be had without waiting for longer than a server takes to answer.
    ///
    /// # Errors
    /// As [`Worker::next_job`], and [`Error::NoJobs`] where no server has one.
    pub async fn grab_job(&mut self, until: Option<Instant>) -> Result<Job> {
        self.paced(async |w| w.ask_all(until).await).await
    }

    async fn ask_all(&mut self, until: Option<Instant>) -> Result<Job> {
        self.check()?;
        self.leave_direct();
        self.see_what_came().await;
        let begun = Instant::now();
        for server in &mut self.servers {
            // Those who sleep are asked as well: their NOOP may be on its way.
            if matches!(server.protocol.state, State::Asleep | State::NoJob) {
                server.protocol.state = State::Awake;
            }
        }
        match drive(self, until, Worker::wake, |w, cx| w.poll_servers(cx, WhenIdle::Never)).await {
            Some(Some(job)) => job,
            Some(None) => Err(self.unreachable().unwrap_or(Error::NoJobs)),
            None => Err(self.unreachable().unwrap_or_else(|| self.timeout(begun.elapsed()))),
        }
    }

    /// Can there be a job at all?
    fn check(&mut self) -> Result<()> {
        if self.servers.is_empty() {
            return Err(Error::NoServers);
        }
        if self.abilities.is_empty() {
            self.announce();
            (0..self.servers.len()).for_each(|i| self.try_flush(i));
            return Err(Error::NoFunctions);
        }
        Ok(())
    }

    /// Announces changed functions to connected servers. They take back the jobs they gave us for functions that we
    /// no longer have.
    fn announce(&mut self) {
        for (i, server) in self.servers.iter_mut().enumerate() {
            let Some(connection) = server.connection.up() else { continue };
            if server.protocol.announce(&self.abilities, connection.write_buffer()) {
                let before = self.arrived.len();
                self.arrived.retain(|job| job.server != i || self.abilities.has(&job.function));
                server.unfinished = server.unfinished.saturating_sub(before - self.arrived.len());
            }
        }
    }

    /// The error of a wait that took this long.
    pub fn timeout(&self, waited: Duration) -> Error {
        let server = match self.servers.as_slice() {
            [one] => one.connection.name().to_string(),
            _ => "the servers".into(),
        };
        Error::Timeout { server, waited: waited.as_millis() as u64 }
    }

    /// Why no server is of use, if that is so.
    fn unreachable(&self) -> Option<Error> {
        let useless = self.servers.iter().all(|p| !p.connection.is_up() || p.connection.error().is_some());
        self.servers.iter().find_map(|p| p.connection.error()).filter(|_| useless).cloned()
    }

    /// [`Worker::next_job`] for event loops: looks once, arranges to be woken by the servers, never waits.
    pub fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<Result<Job>> {
        let when_idle = self.when_idle();
        match self.poll_servers(cx, when_idle) {
            Poll::Ready(Some(job)) => Poll::Ready(job),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Ready with `None`: every server has been asked and has no job. Unless `when_idle` is never, they will
    /// wake us.
    fn poll_servers(&mut self, cx: &mut Context<'_>, when_idle: WhenIdle) -> Poll<Option<Result<Job>>> {
        self.announce();
        if let Some(refused) = self.refused.pop_front() {
            return Poll::Ready(Some(Err(refused)));
        }
        if let Some(job) = self.arrived.pop_front() {
            self.look_at_others(&job, cx);
            if let Some(job) = self.found(job, when_idle, cx) {
                return Poll::Ready(Some(Ok(job)));
            }
        }
        self.failed = None;
        'again: loop {
            self.expire();
            if let Some(failed) = self.poll_reachable(cx) {
                return Poll::Ready(Some(Err(failed)));
            }
            self.announce();
            for i in self.order() {
                if let Some(job) = self.receive_job(i, cx) {
                    self.next_server = i + 1;
                    // What came before it is told before it.
                    if let Some(refused) = self.refused.pop_front() {
                        self.arrived.push_front(job);
                        return Poll::Ready(Some(Err(refused)));
                    }
                    match self.found(job, when_idle, cx) {
                        Some(job) => return Poll::Ready(Some(Ok(job))),
                        None => continue 'again,
                    }
                }
            }
            self.see_who_hangs();
            // One that has taken all of a large result may be asked again.
            for i in 0..self.servers.len() {
                if self.servers[i].is_full() {
                    self.poll_flush(i, cx);
                }
            }
            let asked = self.ask(when_idle);
            for i in 0..self.servers.len() {
                self.poll_flush(i, cx);
            }
            // Not one that failed, and whose pause has ended meanwhile: its error is reported first.
            if self.servers.iter().any(|p| p.connection.is_due() && p.connection.error().is_none()) {
                continue; // its connection ended just now
            }
            if let Some(refused) = self.refused.pop_front() {
                return Poll::Ready(Some(Err(refused)));
            }
            if let Some(failed) = self.failed.take().filter(|_| !self.hope()) {
                return Poll::Ready(Some(Err(failed)));
            }
            let busy = self.is_asking();
            let connecting = self.servers.iter().any(|p| p.connection.is_connecting());
            match asked {
                // What was written may have failed, or been answered already.
                true if !busy => {}
                true => return Poll::Pending,
                false if connecting || busy => return Poll::Pending,
                false => return Poll::Ready(None),
            }
        }
    }

    /// The next job to be run, this one unless it is heard of meanwhile that it is not.
    fn found(&mut self, job: Job, when_idle: WhenIdle, cx: &mut Context<'_>) -> Option<Job> {
        let i = job.server;
        // A server that knows of jobs that are run at once takes all that a worker has for begun.
        let alone = |worker: &Worker| worker.begun(i) <= 1 && !worker.servers[i].protocol.at_once;
        if matches!(when_idle, WhenIdle::Never | WhenIdle::Loop) || self.prefetch == 0 || !alone(self) {
            self.try_flush(i);
            return Some(job);
        }
        // It is one of those that have come: it goes with its connection, and when it is cancelled.
        self.arrived.push_front(job);
        self.ask_ahead(i, cx);
        self.try_flush(i);
        self.arrived.pop_front()
    }

    /// How many of its jobs do not wait for those before them.
    fn begun(&self, i: usize) -> usize {
        let arrived = match self.servers.len() {
            1 => self.arrived.len(), // they may be many
            _ => self.arrived.iter().filter(|job| job.server == i).count(),
        };
        self.servers[i].unfinished.saturating_sub(arrived)
    }

    /// Every server once, beginning with [`Worker::next_server`].
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (n, first) = (self.servers.len(), self.next_server);
        (0..n).map(move |i| (first + i) % n)
    }

    /// Connects to servers that are due. An error: none is up, and none can be reached.
    fn poll_reachable(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        let mut failed = None;
        for i in 0..self.servers.len() {
            let connection = &self.servers[i].connection;
            let rests = !connection.is_up() && !connection.is_connecting() && !connection.is_due();
            if rests {
                continue;
            }
            if let Poll::Ready(Err(error)) = self.poll_connect(i, cx) {
                failed = failed.or(Some(error));
            }
        }
        failed.filter(|_| !self.hope())
    }

    /// Is a server up, or may soon be?
    fn hope(&self) -> bool {
        self.servers.iter().any(|p| p.connection.is_up() || p.connection.is_connecting())
    }

    /// Asks the next server for a job, unless one is being asked. True: one is asked now.
    fn ask(&mut self, when_idle: WhenIdle) -> bool {
        let mut busy = self.is_asking();
        let mut asked = false;
        for i in self.order() {
            let runs = self.begun(i) > 0;
            let server = &mut self.servers[i];
            let (asks_directly, may_be_asked) =
                (when_idle == WhenIdle::Direct && server.may_ask(), server.may_be_asked());
            let Some(connection) = server.connection.up() else { continue };
            if runs && may_be_asked {
                server.protocol.runs_at_once(connection.write_buffer());
            }
            match server.protocol.state {
                State::Awake if !may_be_asked => {}
                State::Awake if when_idle.is_patient() && server.protocol.may_sleep(self.grab) => {
                    server.protocol.sleep(connection.write_buffer());
                }
                State::Awake if !busy => {
                    if asks_directly {
                        server.protocol.ask_directly(connection.write_buffer());
                    }
                    server.grab(self.grab);
                    (busy, asked, self.turn_begins) = (true, true, true);
                }
                State::NoJob if when_idle != WhenIdle::Never => server.protocol.sleep(connection.write_buffer()),
                _ => {}
            }
        }
        asked
    }

    /// Takes in what a server sent, up to a job.
    fn receive_job(&mut self, i: usize, cx: &mut Context<'_>) -> Option<Job> {
        loop {
            let server = &mut self.servers[i];
            let connection = server.connection.up()?;
            match connection.poll_packet(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(packet)) => match self.receive(i, &packet) {
                    Ok(None) => {}
                    Ok(Some(job)) => return Some(job),
                    Err(error) => self.lose(i, error),
                },
                Poll::Ready(Err(error)) => self.lose(i, error),
            }
        }
    }

    fn receive(&mut self, i: usize, packet: &Packet) -> Result<Option<Job>> {
        let server = &mut self.servers[i];
        let frame = packet.frame();
        let asked = server.protocol.assignment == Assignment::Asked;
        let response = Response::parse(&frame).map_err(|e| e.at(server.connection.name()))?;
        // That it knows an option, or does not, does not show that it is of use to a worker.
        if let Response::Error { code, text } = response
            && code == PERMISSION_DENIED.as_bytes()
            && self.refused.len() < REFUSALS
        {
            self.refused.push_back(Error::refused(server.connection.name(), code, text));
        }
        let makes_sense = !matches!(response, Response::Option(_) | Response::Error { .. });
        let received = server.protocol.receive(response).map_err(|e| e.at(server.connection.name()))?;
        if makes_sense {
            server.connection.prove();
        }
        if asked && server.protocol.assignment == Assignment::Refused {
            server.remember_refusal();
        }
        server.unfinished += usize::from(matches!(received, Received::Job(_)));
        match received {
            Received::Job(Assign { handle, function, unique, reducer, workload }) => Ok(Some(Job {
                attempt: server.attempt(handle),
                handle: packet.keep(handle),
                function: packet.keep(function),
                unique: packet.keep(unique.unwrap_or_default()),
                reducer: reducer.map(|r| packet.keep(r)),
                workload: packet.keep(workload),
                server: i,
                serial: server.connection.serial,
                process: Process::this(),
                ended: false,
                cancelled: false,
            })),
            Received::Echo(number, data) => {
                if let Some(echo) = self.echo.as_mut().filter(|e| e.number == number) {
                    echo.back = Some(packet.keep(data));
                }
                Ok(None)
            }
            Received::Notice(notice) => {
                self.noticed(i, &notice);
                Ok(None)
            }
            Received::NoNotices => {
                notices::REFUSED.add(server.connection.name());
                Ok(None)
            }
            Received::Nothing => Ok(None),
        }
    }

    /// The connection is of no use any more: it ended, or what came over it cannot be understood. No
    /// error of the user's unless nothing else ever came over it: the server gives its jobs to others,
    /// and we connect again.
    fn lose(&mut self, i: usize, error: Error) {
        let server = &mut self.servers[i];
        server.forget();
        self.arrived.retain(|job| job.server != i);
        if server.connection.lost(error.clone()) {
            self.failed = Some(error);
        }
    }
}
