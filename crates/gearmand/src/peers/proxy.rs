//! A connection to a peer, as a worker of it.
//!
//! Owns what was sent to the peer and what is known of its life. Must never know who runs the jobs.
//!
//! Invariants:
//! - a peer that does not answer is given up: after half a minute without a byte in either direction, though it was asked;
//! - what a peer sends that was not asked for ends the connection, and so do jobs of functions that it was not told.

use crate::broker::PROXY;
use bytes::Bytes;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::connection::{Connection, Packet};
use gearman_core::net::tls::TlsChoice;
use gearman_core::protocol::message::{Grab, Request, Response, Update, Work};
use gearman_core::{Error, Result};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that was silent for so long is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(10);
/// So often, until it is given up.
const QUESTIONS: u32 = 3;
/// While more than this waits to be written, no more is added.
const BEHIND: usize = 1024 * 1024;

/// A peer, as connections to it are made.
#[derive(Clone, Debug)]
pub(crate) struct PeerAddress {
    pub(crate) server: ServerAddress,
    pub(crate) tls: TlsChoice,
    /// What this server calls itself.
    pub(crate) name: String,
    /// Largest packet that is taken.
    pub(crate) max_packet: usize,
}

/// See the module. When it is dropped the peer gives its job to another worker.
#[derive(Debug)]
pub(crate) struct Proxy {
    connection: Connection,
    announced: BTreeSet<Arc<[u8]>>,
    /// The peer was told that it sleeps, and has not woken it.
    pub(crate) asleep: bool,
    since: Instant,
    /// When to look whether the peer lives.
    look: Instant,
    /// Bytes that wait to be taken and to be written, when that was last looked at.
    progress: [usize; 2],
    /// Looks since then that found nothing new.
    silent: u32,
}

/// A job that a peer gave us.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) handle: Bytes,
    pub(crate) function: Bytes,
    pub(crate) unique: Bytes,
    pub(crate) reducer: Option<Bytes>,
    pub(crate) workload: Bytes,
}

impl Proxy {
    /// Connects, to the first of a peer's addresses that accepts. Names are resolved aside: that may take long.
    pub(crate) async fn connect(peer: &PeerAddress) -> Result<Proxy> {
        let (server, aside) = (&peer.server, peer.server.clone());
        let failed = |reason: String| Error::Connect { server: server.to_string(), reason };
        let addresses = tokio::task::spawn_blocking(move || aside.resolve());
        let addresses = addresses.await.map_err(|error| failed(error.to_string()))??;
        let mut error = failed("no address".into());
        for address in addresses {
            let late = || failed(format!("no answer within {} s", CONNECT.as_secs()));
            match timeout(CONNECT, Proxy::connect_to(peer, &address)).await.unwrap_or_else(|_| Err(late())) {
                Ok(proxy) => return Ok(proxy),
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    async fn connect_to(peer: &PeerAddress, address: &Address) -> Result<Proxy> {
        let tls = peer.tls.of(&peer.server);
        let mut connection = Connection::open(&peer.server, address, tls.as_ref(), peer.max_packet)?;
        poll_fn(|cx| connection.poll_connected(cx)).await?;
        let out = connection.write_buffer();
        Request::SetClientId(&[PROXY, peer.name.as_bytes()].concat()).encode(out);
        // C gearmand knows nothing of it; then jobs that are cancelled are run to their ends, as by its workers.
        Request::Option(b"cancel-notices").encode(out);
        let (since, announced) = (Instant::now(), BTreeSet::new());
        let look = since + SILENCE;
        Ok(Proxy { connection, announced, asleep: false, since, look, progress: [0; 2], silent: 0 })
    }

    /// How long it has been connected.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Has the peer closed it?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.connection.has_ended()
    }

    /// From now on it runs these functions, and no others. True: some are new.
    pub(crate) fn announce(&mut self, functions: &[Arc<[u8]>]) -> bool {
        let wanted: BTreeSet<_> = functions.iter().cloned().collect();
        let out = self.connection.write_buffer();
        let (mut gone, mut new) = (self.announced.difference(&wanted), wanted.difference(&self.announced).peekable());
        match wanted.is_empty() && !self.announced.is_empty() {
            true => Request::ResetAbilities.encode(out),
            false => gone.by_ref().for_each(|function| Request::CantDo(function).encode(out)),
        }
        let more = new.peek().is_some();
        new.for_each(|function| Request::CanDo { function, timeout: None }.encode(out));
        self.announced = wanted;
        more
    }

    /// Asks to be woken.
    pub(crate) fn sleep(&mut self) {
        Request::PreSleep.encode(self.connection.write_buffer());
        self.asleep = true;
    }

    /// Asks for a job; the answer is NO_JOB, or the job.
    pub(crate) fn grab(&mut self) {
        Request::GrabJob(Grab::All).encode(self.connection.write_buffer());
        self.asleep = false;
    }

    /// A job, where it may be one.
    ///
    /// # Errors
    /// Where it is of a function that the peer was not told.
    pub(crate) fn job(&self, packet: &Packet) -> Result<Option<Job>> {
        let Response::JobAssign(job) = self.response(packet)? else { return Ok(None) };
        if !self.announced.contains(job.function) {
            return Err(self.wrong(format_args!("a job of {}, which it was not told", job.function.escape_ascii())));
        }
        Ok(Some(Job {
            handle: packet.keep(job.handle),
            function: packet.keep(job.function),
            unique: packet.keep(job.unique.unwrap_or_default()),
            reducer: job.reducer.map(|reducer| packet.keep(reducer)),
            workload: packet.keep(job.workload),
        }))
    }

    /// What a packet means.
    ///
    /// # Errors
    /// Where it means nothing.
    pub(crate) fn response<'a>(&self, packet: &'a Packet) -> Result<Response<'a>> {
        Response::parse(&packet.frame()).map_err(|error| self.connection.at_this_server(error))
    }

    /// A packet that should not come.
    pub(crate) fn wrong(&self, what: impl std::fmt::Display) -> Error {
        self.connection.at_this_server(Error::unexpected(what))
    }

    /// What became of its job; `owner` is what the update is part of.
    pub(crate) fn report(&mut self, handle: &[u8], update: Update<'_>, owner: &Bytes) {
        Request::Work(Work { handle, update }).encode(&mut self.connection.write_buffer().sharing(owner));
    }

    /// Does so much wait to be written that no more is to be added?
    pub(crate) fn is_behind(&self) -> bool {
        self.connection.output() > BEHIND
    }

    /// The next packet, while all is written that waits; `None` when it [is behind](Self::is_behind) no longer. May be dropped and
    /// begun anew.
    ///
    /// # Errors
    /// Where the connection is of no more use.
    pub(crate) async fn next(&mut self) -> Result<Option<Packet>> {
        let behind = self.is_behind();
        loop {
            let connection = &mut self.connection;
            let next = poll_fn(|cx| {
                if connection.has_output()
                    && let Poll::Ready(Err(error)) = connection.poll_flush(cx)
                {
                    return Poll::Ready(Err(error));
                }
                if behind && connection.output() <= BEHIND {
                    return Poll::Ready(Ok(None));
                }
                connection.poll_packet(cx).map_ok(Some)
            });
            match timeout_at(self.look, next).await {
                Ok(next) => {
                    (self.silent, self.look) = (0, Instant::now() + SILENCE);
                    return next;
                }
                Err(_) => self.ask()?,
            }
        }
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// As [`Proxy::next`].
    pub(crate) async fn flush(&mut self) -> Result<()> {
        loop {
            let connection = &mut self.connection;
            match timeout_at(self.look, poll_fn(|cx| connection.poll_flush(cx))).await {
                Ok(flushed) => return flushed,
                Err(_) => self.ask()?,
            }
        }
    }

    /// Nothing has come for a while: is it there? Large packets take long, and do come.
    fn ask(&mut self) -> Result<()> {
        let progress = [self.connection.input(), self.connection.output()];
        let goes_on = std::mem::replace(&mut self.progress, progress) != progress;
        self.silent = if goes_on { 0 } else { self.silent + 1 };
        if self.silent > QUESTIONS {
            let seconds = (SILENCE * QUESTIONS).as_secs();
            return Err(self.connection.lost(format_args!("it has not answered for {seconds} s")));
        }
        if !self.connection.has_output() {
            Request::Echo(b"?").encode(self.connection.write_buffer());
        }
        self.look = Instant::now() + SILENCE;
        Ok(())
    }
}
