//! A server and the way to it: not connected, connecting, or connected. Shared by client and worker.
//!
//! Owns the connection, the addresses still to try, the failures in a row and the pause that follows them. Must never know
//! what is sent over the connection.
//!
//! A connection counts as proven once something that makes sense came over it. A connection that ends unproven, or that
//! did not last a second, counts as a failure to connect: the next one is made after a pause that doubles, from 20 ms up to
//! a second.

use crate::error::{Error, Result};
use crate::net::address::{Address, ServerAddress};
use crate::net::connection::{Connection, Look};
use crate::net::tls::{TlsChoice, TlsSettings};
use crate::net::watch::Set;
use crate::random::generator;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, ready};
use std::time::Duration;
use std::vec::IntoIter;
use tokio::time::{Instant, timeout_at};

/// What a client or a worker wants of all its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one server may take to accept a connection, all its addresses together: each has an equal part of it, and what those
    /// before have left. TLS must be agreed on by then, too.
    pub connect_timeout: Duration,
    /// Largest packet body to accept, in bytes.
    pub max_packet: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { connect_timeout: Duration::from_secs(5), max_packet: crate::MAX_PACKET }
    }
}

/// Pause after the first failure to connect; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause between two tries. A connection that lasted longer was a good one.
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// So long a server that hangs, or refuses jobs, comes after the others, unless it answers, or takes one, before.
const HANG_PAUSE: Duration = Duration::from_secs(10);

/// One server of a client or a worker.
#[derive(Debug)]
pub struct ServerConnection {
    address: ServerAddress,
    /// `address` as text, for messages.
    name: String,
    /// How TLS is spoken with it, if it is.
    tls: Option<Arc<TlsSettings>>,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// When it should be tried again.
    due: Instant,
    /// The last failure, until the connection is proven.
    error: Option<Error>,
    /// What the name was resolved to when the server was added: for the first try. Later ones ask
    /// again, since addresses change.
    resolved: Vec<Address>,
    /// The addresses of the last try, to be used again if it succeeds; `None`: they are not kept.
    kept: Option<Vec<Address>>,
    /// Counts connections that came up, to tell what belonged to an earlier one.
    pub serial: u64,
    /// When the last connection came up.
    since: Instant,
    /// Until when it is taken for one that hangs.
    hangs: Option<Instant>,
    /// Until when it is taken for one that refuses jobs.
    refuses: Option<Instant>,
    /// Something that makes sense came over the last connection.
    proven: bool,
}

#[derive(Debug)]
enum State {
    Down,
    /// The addresses in `rest` have `left` for themselves; `before` is what those before came to.
    Connecting {
        connection: Connection,
        deadline: Instant,
        rest: IntoIter<Address>,
        left: Duration,
        before: Option<Error>,
    },
    Up(Connection),
}

impl ServerConnection {
    /// A server that is not connected to yet, and the addresses it was resolved to, if it was.
    pub fn new(address: ServerAddress, resolved: Vec<Address>, tls: &TlsChoice) -> ServerConnection {
        ServerConnection {
            name: address.to_string(),
            tls: tls.of(&address),
            address,
            state: State::Down,
            failures: 0,
            due: Instant::now(),
            error: None,
            resolved,
            kept: None,
            serial: 0,
            since: Instant::now(),
            hangs: None,
            refuses: None,
            proven: false,
        }
    }

    /// Host and port, or path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// How TLS is spoken with it, if it is.
    pub fn tls(&self) -> Option<&Arc<TlsSettings>> {
        self.tls.as_ref()
    }

    /// Connections are made in this way from now on. True: one was made in another way, or was being made, and is given up.
    pub fn set_tls(&mut self, tls: &TlsChoice) -> bool {
        let tls = tls.of(&self.address);
        if self.tls == tls {
            return false;
        }
        self.tls = tls;
        let given_up = !self.is_down();
        self.down(); // what failed in the other way may not fail in this one
        given_up
    }

    /// The connection, if it is up.
    pub fn up(&mut self) -> Option<&mut Connection> {
        match &mut self.state {
            State::Up(connection) => Some(connection),
            _ => None,
        }
    }

    /// Is a connection up?
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Is there no connection, and none being made?
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// Is a connection being made?
    pub fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting { .. })
    }

    /// Why it is of no use: the last failure, until a connection is proven or lasts. Else the error of a call whose time
    /// is up would depend on whether a server that closes what it accepts has just accepted or just closed.
    pub fn error(&self) -> Option<&Error> {
        let lasts = self.is_up() && self.since.elapsed() >= LAST_PAUSE;
        self.error.as_ref().filter(|_| !lasts)
    }

    /// Is it up, and has something that makes sense come over this connection?
    pub fn is_proven(&self) -> bool {
        self.is_up() && self.proven
    }

    /// When it should be tried again: at once unless the last tries failed.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Is it time to begin a connection?
    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Down) && self.due <= Instant::now()
    }

    /// When to look at it though its socket is not ready: as with [`ServerConnection::connect_deadline`], or the next try is due.
    pub fn wake(&self) -> Option<Instant> {
        match &self.state {
            State::Down => Some(self.due),
            _ => self.connect_deadline(),
        }
    }

    /// How long to wait after the last of `failures`. Spread by ±25%, so that a restarted server does not
    /// see all its workers at the same moment.
    fn pause(&self) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(1).min(10));
        doubled.min(LAST_PAUSE).mul_f64(0.75 + 0.5 * generator().f64())
    }

    /// When the try that is under way has taken too long, or goes on though its socket is not ready.
    pub fn connect_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting { connection, deadline, .. } => connection.due().into_iter().chain([*deadline]).min(),
            _ => None,
        }
    }

    /// Makes progress towards a connection, beginning one where there is none; ready when it is up.
    /// True: it came up just now, and the server knows nothing of us yet.
    ///
    /// # Errors
    /// [`Error::Resolve`], [`Error::Connect`] or [`Error::Tls`] when the last of its addresses failed.
    pub fn poll_up(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<Result<bool>> {
        loop {
            match &mut self.state {
                State::Up(_) => return Poll::Ready(Ok(false)),
                State::Connecting { connection, deadline, rest, left, before } => {
                    let outcome = match connection.poll_connected(cx) {
                        Poll::Pending if Instant::now() >= *deadline => {
                            Err(took_too_long(&self.name, connection.is_handshaking(), settings))
                        }
                        pending_or_ready => ready!(pending_or_ready),
                    };
                    match outcome {
                        Ok(()) => {
                            self.come_up();
                            return Poll::Ready(Ok(true));
                        }
                        Err(error) => {
                            let left = *left + deadline.saturating_duration_since(Instant::now());
                            let (rest, error) = (std::mem::take(rest), worse(before.take(), error));
                            self.next_address(rest, left, Some(error), settings)?;
                        }
                    }
                }
                State::Down => {
                    let addresses = match std::mem::take(&mut self.resolved) {
                        known if !known.is_empty() => known,
                        _ => self.address.resolve().map_err(|e| self.fail(e))?,
                    };
                    if let Some(kept) = &mut self.kept {
                        kept.clone_from(&addresses);
                    }
                    self.next_address(addresses.into_iter(), settings.connect_timeout, None, settings)?;
                }
            }
        }
    }

    /// Not yet the end of `failures` and `error`: it may be one that accepts connections and closes them.
    fn come_up(&mut self) {
        if let State::Connecting { connection, .. } = std::mem::replace(&mut self.state, State::Down) {
            self.set_up(connection);
        }
        if let Some(kept) = &mut self.kept {
            self.resolved = std::mem::take(kept);
        }
        self.proven = false;
    }

    fn set_up(&mut self, connection: Connection) {
        self.state = State::Up(connection);
        self.serial += 1;
        self.since = Instant::now();
    }

    /// Takes over a connection that is up and proven.
    pub fn adopt(&mut self, connection: Connection) {
        self.set_up(connection);
        // That it made sense was before, and is no sign of life.
        (self.proven, self.error) = (true, None);
    }

    /// Gives the connection out, if one is up.
    pub fn release(&mut self) -> Option<Connection> {
        self.unwatch();
        match std::mem::replace(&mut self.state, State::Down) {
            State::Up(connection) => Some(connection),
            _ => None,
        }
    }

    /// From now on its name is looked up again, which may take long, only after its last addresses were of no use.
    pub(crate) fn keep_addresses(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// Has the set ready when there is something to do for the connection, `reads`: also when something comes over it.
    pub(crate) fn watch(&mut self, set: &Set, reads: bool) -> io::Result<()> {
        match &mut self.state {
            State::Down => Ok(()),
            State::Connecting { connection, .. } | State::Up(connection) => connection.watch(set, reads),
        }
    }

    /// Nobody watches it any more.
    pub(crate) fn unwatch(&mut self) {
        match &mut self.state {
            State::Down => {}
            State::Connecting { connection, .. } | State::Up(connection) => connection.unwatch(),
        }
    }

    /// Goes on with the first address that does not fail at once: for an equal share of the time that is `left`, since what hangs must
    /// leave time to those behind it. `before` is what those before came to.
    fn next_address(
        &mut self,
        mut rest: IntoIter<Address>,
        left: Duration,
        mut before: Option<Error>,
        settings: &Settings,
    ) -> Result<()> {
        while let Some(address) = rest.next() {
            match Connection::open(&self.address, &address, self.tls.as_ref(), settings.max_packet) {
                Ok(connection) => {
                    let share = left / (rest.len() as u32 + 1);
                    let (deadline, left) = (Instant::now() + share, left - share);
                    self.state = State::Connecting { connection, deadline, rest, left, before };
                    return Ok(());
                }
                Err(error) => before = Some(worse(before, error)),
            }
        }
        let none = || Error::Connect { server: self.name.clone(), reason: "no address".into() };
        let error = before.unwrap_or_else(none);
        Err(self.fail(error))
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Down;
        self.failures += 1;
        self.due = Instant::now() + self.pause();
        self.error = Some(error.clone());
        error
    }

    /// Something that makes sense came over the connection.
    pub fn prove(&mut self) {
        (self.proven, self.error, self.hangs) = (true, None, None);
    }

    /// It took a request and did not answer, though it may accept another connection at once, or took no connection: what can go to
    /// others does, for a while.
    pub fn pass_over(&mut self) {
        self.hangs = Some(Instant::now() + HANG_PAUSE);
    }

    /// It has refused a job, as it would the next one, or has taken one. What jobs that run there come to says nothing of that.
    pub fn refuses(&mut self, refuses: bool) {
        self.refuses = refuses.then(|| Instant::now() + HANG_PAUSE);
    }

    /// Is it passed over?
    pub fn is_passed_over(&self) -> bool {
        self.hangs.max(self.refuses).is_some_and(|until| Instant::now() < until)
    }

    /// Gives the connection up for a failure.
    pub fn give_up(&mut self, error: Error) {
        self.fail(error);
    }

    /// Gives the connection up. It may be made again at once.
    pub fn down(&mut self) {
        self.state = State::Down;
        self.failures = 0;
        self.due = Instant::now();
    }

    /// Gives the connection up for what was seen of it. Made again at once if it was a good one; else after
    /// a pause, or a server that closes what it accepts would be connected to without end. True: nothing
    /// else than a failure to connect, since all that came over it is this error.
    pub fn lost(&mut self, error: Error) -> bool {
        if !self.is_up() {
            return false;
        }
        let senseless = !self.proven || !matches!(error, Error::Lost { .. });
        if senseless || self.since.elapsed() < LAST_PAUSE {
            self.fail(error);
        } else {
            self.down();
        }
        senseless
    }

    /// A call begins: a try that ran out of time between two calls is no failure of this one. It may be made again at once, though
    /// after those of other servers.
    pub fn renew(&mut self, settings: &Settings) {
        if self.refresh(settings) {
            return;
        }
        let State::Connecting { connection, rest, before, .. } = &mut self.state else { return };
        let error = took_too_long(&self.name, connection.is_handshaking(), settings);
        let error = worse(before.take(), error);
        self.resolved = std::mem::take(rest).collect(); // these are next
        self.fail(error);
        self.due = Instant::now(); // its pause was over before
        self.pass_over();
    }

    /// A call goes on, and nobody may have looked since the last one. A try whose time is up has time for its next step where the
    /// server has done its part meanwhile, and begins anew where that has closed since. False: it has run out of time, and ends when it
    /// is polled.
    pub fn refresh(&mut self, settings: &Settings) -> bool {
        let State::Connecting { connection, deadline, .. } = &mut self.state else { return true };
        let now = Instant::now();
        if *deadline > now {
            return true;
        }
        match connection.look_at_try() {
            Look::Nothing => return false,
            Look::Input => *deadline = now + settings.connect_timeout,
            Look::End => self.down(),
        }
        true
    }

    /// Gives up a connection that another process made. True: there was one.
    pub fn drop_foreign(&mut self) -> bool {
        let foreign = match &self.state {
            State::Down => false,
            State::Connecting { connection, .. } | State::Up(connection) => !connection.is_ours(),
        };
        if foreign {
            self.down();
        }
        foreign
    }
}

/// What is reported of several addresses: that of the last, but where one speaks TLS that is refused. The others need not
/// be there at all.
fn worse(before: Option<Error>, error: Error) -> Error {
    before.filter(|before| matches!(before, Error::Tls { .. })).unwrap_or(error)
}

fn took_too_long(server: &str, handshaking: bool, settings: &Settings) -> Error {
    let (server, limit) = (server.into(), settings.connect_timeout.as_millis());
    match handshaking {
        false => Error::Connect { server, reason: format!("no answer within {limit} ms") },
        true => {
            let reason =
                format!("no end of the TLS handshake within {limit} ms: does the server speak TLS on this port?");
            Error::Tls { server, reason }
        }
    }
}

/// The future's output, or `None` at `until`. It is polled once at least.
pub(crate) async fn with_deadline<T>(until: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(future.await),
        Some(until) => timeout_at(until, future).await.ok(),
    }
}

/// Polls until it is ready, or `None` at `until`. Polls also at the moment that `wake`
/// gives; that is asked again after each poll, since a poll may begin a connection or lose one.
pub(crate) async fn drive<S, T>(
    state: &mut S,
    until: Option<Instant>,
    wake: impl Fn(&S) -> Option<Instant>,
    mut poll: impl FnMut(&mut S, &mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    loop {
        let at = wake(state);
        let polled = poll_fn(|cx| match poll(state, cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if wake(state) != at => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match with_deadline(at.into_iter().chain(until).min(), polled).await {
            Some(Some(done)) => return Some(done),
            None if until.is_some_and(|u| u <= Instant::now()) => return None,
            _ => {}
        }
    }
}

/// Notes that what was polled asks to be polled again at once, though no socket may become ready meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// As [`poll_once`]. True: it is to be polled again at once.
pub(crate) async fn look_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> (Option<T>, bool) {
    tokio::task::yield_now().await;
    let again = Arc::<Again>::default();
    let polled = match poll(&mut Context::from_waker(&again.clone().into())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    };
    (polled, again.0.load(Relaxed))
}

/// Polls without waiting, after the runtime has looked at its sockets. Once: what is asked by this poll
/// is answered to the next, whatever the speed of the server, so that programs see one behaviour.
pub(crate) async fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    tokio::task::yield_now().await;
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio::net::UnixListener;
    use tokio::time::advance;

    /// A server that takes connections as long as the listener lives.
    fn server(name: &str) -> (ServerConnection, UnixListener) {
        let path = std::env::temp_dir().join(format!("gearman-core-server-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        (ServerConnection::new(ServerAddress::Unix(path.clone()), Vec::new(), &TlsChoice::default()), listener)
    }

    /// Connects; that needs no waiting on a unix socket.
    fn up(server: &mut ServerConnection) -> Result<bool> {
        match server.poll_up(&mut Context::from_waker(Waker::noop()), &Settings::default()) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("a unix socket connects at once or not at all"),
        }
    }

    fn remove(server: &ServerConnection) {
        if let ServerAddress::Unix(path) = &server.address {
            std::fs::remove_file(path).unwrap();
        }
    }

    fn closed() -> Error {
        Error::lost("server", "closed")
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_second_and_end_with_a_good_connection() {
        let (mut server, listener) = server("pauses");
        remove(&server);
        drop(listener);
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            assert!(server.is_due());
            assert!(matches!(up(&mut server), Err(Error::Connect { .. })));
            assert!(!server.is_due() && server.error().is_some());
            let pause = server.due() - Instant::now();
            longest = longest.max(pause);
            assert!(pause <= LAST_PAUSE.mul_f64(1.25));
            advance(pause).await;
        }
        assert!(longest > LAST_PAUSE.mul_f64(0.7));
    }

    #[tokio::test(start_paused = true)]
    async fn what_closes_without_a_word_is_a_failure() {
        let (mut server, _listener) = server("mute");
        let mut last = Duration::ZERO;
        for n in 1..=5 {
            assert_eq!(up(&mut server), Ok(true));
            assert_eq!(up(&mut server), Ok(false));
            assert_eq!(server.serial, n);
            assert!(server.lost(closed()));
            let pause = server.due() - Instant::now();
            assert!(pause > last, "{pause:?} after {last:?}");
            last = pause;
        }
        // A good one makes up for it.
        up(&mut server).unwrap();
        server.prove();
        advance(LAST_PAUSE).await;
        assert!(!server.lost(closed()));
        assert!(server.is_due() && server.failures == 0);
        remove(&server);
    }

    #[tokio::test(start_paused = true)]
    async fn what_made_sense_and_closed_soon_is_no_failure_but_rests() {
        let (mut server, _listener) = server("brief");
        up(&mut server).unwrap();
        server.prove();
        assert!(!server.lost(closed()));
        assert!(!server.is_due() && !server.is_up());
        assert!(!server.lost(closed()), "it is down already");
        // What can not be understood is one, whatever came before.
        up(&mut server).unwrap();
        server.prove();
        assert!(server.lost(Error::protocol("rubbish")));
        remove(&server);
    }

    #[tokio::test(start_paused = true)]
    async fn the_moment_to_wake_is_asked_anew_after_each_poll() {
        let mut polls = 0;
        let minute = Duration::from_secs(60);
        let begun = Instant::now();
        // The first poll begins something that must be looked at a minute later.
        let wake = |polls: &u32| (*polls == 1 || *polls == 2).then(|| begun + minute);
        let done = drive(&mut polls, None, wake, |polls, _| {
            *polls += 1;
            match begun.elapsed() {
                Duration::ZERO => Poll::Pending,
                later => Poll::Ready(later),
            }
        });
        assert!(done.await >= Some(minute));
        assert_eq!(polls, 3);
        let until = Some(begun + 2 * minute);
        assert_eq!(drive(&mut polls, until, |_| None, |_, _| Poll::<()>::Pending).await, None);
        assert!(Some(Instant::now()) >= until);
    }
}
