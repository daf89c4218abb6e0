//! The durable queue in Redis, in the keys of C gearmand's `redis` queue: either server can go on with what the other left.
//!
//! What C's keys have no place for is in fields of our own in their hashes, which C gearmand does not read. Dead letters and
//! settings are in keys of our own, see `redis/keys.rs`.
//!
//! What always holds: a commit is one `MULTI`, which is made only while the lock is ours: it is watched. The lock expires, and
//! is renewed by a thread, so that of two servers only one has the queue, and a dead one does not have it for long.
//!
//! How much outlives a crash of Redis is up to its settings (`appendonly`, `appendfsync`).

mod keys;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use crate::durable::client_tls::{self, Verify};
use crate::durable::columns::integer;
use crate::durable::redis::keys::Keys;
use crate::durable::redis::wire::{Reply, Wire};
use crate::durable::remote::{Database, Failure, Part, Remote, Session};
use crate::durable::row_key::RowKeys;
use crate::durable::segments::Segment;
use crate::durable::socket::Socket;
use crate::durable::{BackendError, DeadLetter, Row, Take};
use rustls::ClientConfig;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where it is unless that is given: C's.
pub const DEFAULT_SERVER: &str = "127.0.0.1";
/// And the port.
pub const DEFAULT_PORT: u16 = 6379;
/// And what keys begin with.
pub const DEFAULT_PREFIX: &str = "_gear_";

/// Of what is stored here. Newer ones are not understood.
const VERSION: &str = "1";
/// How long Redis may take for what has no more than a batch to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// Milliseconds after which the lock of a server that is gone expires, and how often it is renewed.
const EXPIRES: &str = "6000";
const RENEWED: Duration = Duration::from_secs(2);
/// So long is a word at most unless Redis says otherwise (proto-max-bulk-len). It ends the connection at a longer one.
const LONGEST: usize = 512 << 20;
/// Sets fields of a job that is there, and of nothing else. It is sent each time: Redis may forget scripts that it knows by name.
const RETRY: &[u8] = b"if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'tries', ARGV[1], 'first', ARGV[2], 'due', ARGV[3]) end";

/// Where a queue is: the arguments of the options.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// A host, or a path: a socket.
    pub server: &'a str,
    /// Its port.
    pub port: u16,
    /// The password, if there is one.
    pub password: &'a str,
    /// What keys begin with.
    pub prefix: &'a str,
    /// A file with CAs: TLS is spoken then, and the certificate verified.
    pub ca: Option<&'a str>,
}

/// A queue under this prefix.
///
/// # Errors
/// [`BackendError`] where Redis cannot be used, or another server has the queue.
pub fn open(target: &Target<'_>) -> Result<Box<dyn crate::durable::Backend>, BackendError> {
    let Target { server, port, prefix, .. } = target;
    let name = format!("the queue in Redis ({server}, port {port}, prefix {prefix})");
    let wrong = |reason: String| BackendError { queue: name.clone(), reason, held: false };
    let tls = target.ca.map(|ca| client_tls::config(Verify::Name, Some(Path::new(ca)))).transpose();
    let tls = tls.map_err(|e| wrong(format!("--redis-ssl-ca: {e}")))?;
    let keys = Arc::new(Keys::new(prefix).map_err(wrong)?);
    Ok(Box::new(Remote::open(Redis {
        name,
        server: (*server).to_owned(),
        port: *port,
        password: target.password.to_owned(),
        tls,
        keys,
        sessions: AtomicU32::new(0),
    })?))
}

struct Redis {
    name: String,
    server: String,
    port: u16,
    password: String,
    tls: Option<Arc<ClientConfig>>,
    keys: Arc<Keys>,
    /// How many there were.
    sessions: AtomicU32,
}

impl Redis {
    fn wire(&self) -> Result<Wire, Failure> {
        let mut socket = match self.server.starts_with('/') {
            true => Socket::unix(&self.server),
            false => Socket::tcp(&self.server, self.port),
        }
        .map_err(lost)?;
        socket.set_patience(Some(PATIENCE)).map_err(lost)?;
        if let Some(config) = &self.tls {
            socket.encrypt(&self.server, config.clone()).map_err(Failure::Refused)?;
        }
        let mut wire = Wire::new(socket);
        if !self.password.is_empty() {
            let reply = wire.ask(&[b"AUTH", self.password.as_bytes()]).map_err(lost)?;
            refused(&reply)?;
        }
        Ok(wire)
    }
}

impl Database for Redis {
    type Session = Connected;

    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self, owner: &str, again: bool) -> Result<Connected, Failure> {
        let mut wire = self.wire()?;
        let keys = &self.keys;
        // A session before this one may still be on its way: it watches the lock, which has another value now.
        let token = format!("{owner}:{}", self.sessions.fetch_add(1, Ordering::Relaxed));
        wire.push(&[b"WATCH", &keys.lock]);
        wire.push(&[b"GET", &keys.lock]);
        wire.push(&[b"GET", &keys.version]);
        wire.push(&[b"GET", &keys.owner]);
        let mut found = all(&mut wire)?.into_iter().skip(1).map(Reply::bytes);
        let (lock, version, before) = (found.next().flatten(), found.next().flatten(), found.next().flatten());
        if let Some(other) = lock.filter(|lock| !lock.starts_with(owner.as_bytes())) {
            let hint = "stop that, or name another prefix by --redis-prefix";
            let other = other.escape_ascii();
            return Err(Failure::Held(format!(
                "another server has it ({other}), or had it until some seconds ago: {hint}"
            )));
        }
        if let Some(version) = version.filter(|version| version != VERSION.as_bytes()) {
            let reason = "a newer gearmand has stored more there than this one knows";
            let versions = format!("version {}, {VERSION} here", version.escape_ascii());
            return Err(Failure::Refused(format!("{reason} ({versions}): start that one")));
        }
        if again && before.as_deref() != Some(owner.as_bytes()) {
            return Err(Failure::Taken);
        }
        wire.push(&[b"MULTI"]);
        wire.push(&[b"SET", &keys.lock, token.as_bytes(), b"PX", EXPIRES.as_bytes()]);
        wire.push(&[b"SET", &keys.owner, owner.as_bytes()]);
        wire.push(&[b"SET", &keys.version, VERSION.as_bytes()]);
        wire.push(&[b"EXEC"]);
        if all(&mut wire)?.pop() == Some(Reply::Nothing) {
            return Err(Failure::Held("another server was quicker".into()));
        }
        warn_of_losses(&mut wire, &self.name)?;
        let longest = setting(&mut wire, b"proto-max-bulk-len")?.and_then(|text| text.parse().ok()).unwrap_or(LONGEST);
        let mut lock = Lock { wire, keys: keys.clone(), token, busy: false, ours: false };
        lock.watch()?;
        let shared = Arc::new(Mutex::new(lock));
        Ok(Connected { renewal: Renewal::start(&shared)?, shared, keys: keys.clone(), longest })
    }
}

/// A setting of Redis. Whoever may not ask is not told.
fn setting(wire: &mut Wire, name: &[u8]) -> Result<Option<String>, Failure> {
    let reply = wire.ask(&[b"CONFIG", b"GET", name]).map_err(lost)?;
    Ok(reply.list().into_iter().nth(1).and_then(Reply::bytes).and_then(|value| String::from_utf8(value).ok()))
}

fn warn_of_losses(wire: &mut Wire, name: &str) -> Result<(), Failure> {
    if setting(wire, b"appendonly")?.as_deref() == Some("no") {
        tracing::warn!("{name}: its setting appendonly is no: when Redis ends, jobs since its last snapshot are lost");
    }
    Ok(())
}

/// The connection, and the lock that it watches.
struct Lock {
    wire: Wire,
    keys: Arc<Keys>,
    token: String,
    /// A commit is half sent. Its end renews the lock.
    busy: bool,
    /// It was ours when it was looked at last, and is watched since.
    ours: bool,
}

impl Lock {
    /// From now until the next `EXEC`, nothing is made unless the lock is still ours.
    fn watch(&mut self) -> Result<(), Failure> {
        self.push_watch();
        let held = all(&mut self.wire)?.pop().and_then(Reply::bytes);
        self.check(held.as_deref())
    }

    fn push_watch(&mut self) {
        self.wire.push(&[b"WATCH", &self.keys.lock]);
        self.wire.push(&[b"GET", &self.keys.lock]);
    }

    fn check(&mut self, held: Option<&[u8]>) -> Result<(), Failure> {
        self.ours = held == Some(self.token.as_bytes());
        match self.ours {
            true => Ok(()),
            false => Err(Failure::Lost("the lock has expired, as this server was stopped or Redis was slow".into())),
        }
    }

    fn renew(&mut self) -> Result<(), Failure> {
        if self.busy {
            return Ok(());
        }
        self.wire.push(&[b"MULTI"]);
        self.wire.push(&[b"PEXPIRE", &self.keys.lock, EXPIRES.as_bytes()]);
        self.wire.push(&[b"EXEC"]);
        self.watch()
    }
}

/// The thread that renews the lock. It ends, and is waited for, when this is dropped.
struct Renewal {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    fn start(shared: &Arc<Mutex<Lock>>) -> Result<Renewal, Failure> {
        let (end, ended) = channel::<()>();
        let lock = shared.clone();
        let renew = move || {
            while ended.recv_timeout(RENEWED) == Err(RecvTimeoutError::Timeout) {
                if let Err(failure) = locked(&lock).renew() {
                    // The next commit sees it, too, and connects again.
                    tracing::warn!("the lock of the queue in Redis was not renewed: {failure:?}");
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("gearmand-lock".into()).spawn(renew);
        let thread = thread.map_err(|e| Failure::Refused(format!("no thread that renews the lock: {e}")))?;
        Ok(Renewal { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that renews a lock panicked");
        }
    }
}

fn locked(lock: &Mutex<Lock>) -> MutexGuard<'_, Lock> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that has the queue.
struct Connected {
    renewal: Renewal,
    shared: Arc<Mutex<Lock>>,
    keys: Arc<Keys>,
    /// What Redis takes in a word.
    longest: usize,
}

impl Session for Connected {
    fn replay(&mut self, keys: &mut RowKeys, take: &mut Take<'_>) -> Result<u64, Failure> {
        read::replay(&self.shared, &self.keys, keys, take)
    }

    fn apply(&mut self, segment: &Segment<'_>, part: Part) -> Result<(), Failure> {
        let rows = segment.added.iter().map(|(_, row)| row).chain(segment.buried.iter().map(|letter| &letter.row));
        if let Some(size) = rows.map(|row| row.data.len()).find(|size| *size > self.longest) {
            let most = format!("Redis takes {} at most, see its setting proto-max-bulk-len", self.longest);
            return Err(Failure::Refused(format!("a workload of {size} bytes: {most}")));
        }
        let mut lock = locked(&self.shared);
        lock.busy = !part.last;
        let Lock { wire, .. } = &mut *lock;
        if part.first {
            wire.push(&[b"MULTI"]);
        }
        push(wire, &self.keys, segment).map_err(lost)?;
        if !part.last {
            return self.queued(wire);
        }
        wire.push(&[b"PEXPIRE", &self.keys.lock, EXPIRES.as_bytes()]);
        wire.push(&[b"EXEC"]);
        lock.push_watch();
        let mut answers = lock.wire.answers().map_err(lost)?;
        let (held, _, done) = (answers.pop(), answers.pop(), answers.pop());
        let kept = lock.check(held.and_then(Reply::bytes).as_deref());
        if let Some(refusal) = answers.iter().find(|answer| answer.error().is_some()) {
            refused(refusal)?;
        }
        match done {
            Some(Reply::Nothing) => {
                return Err(Failure::Lost("the lock has expired, or somebody has changed it".into()));
            }
            Some(done) => refused(&done).map_err(half_made)?,
            None => return Err(Failure::Lost("it did not answer".into())),
        }
        // It was made; whether the next one can be is seen then.
        if let Err(failure) = kept {
            tracing::warn!("the queue in Redis: {failure:?}");
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), Failure> {
        let mut lock = locked(&self.shared);
        // Where there is nothing to be given up, that is an error, and no matter.
        lock.busy = false;
        lock.wire.ask(&[b"DISCARD"]).map_err(lost)?;
        lock.watch()
    }
}

impl Connected {
    /// Answers while more is to come.
    fn queued(&self, wire: &mut Wire) -> Result<(), Failure> {
        wire.answers().map_err(lost)?.iter().try_for_each(refused)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.renewal.end = None;
        let mut lock = locked(&self.shared);
        let Lock { wire, keys, ours: true, .. } = &mut *lock else { return };
        wire.push(&[b"MULTI"]);
        wire.push(&[b"DEL", &keys.lock]);
        wire.push(&[b"EXEC"]);
        // Where it is not ours any more, nothing is done; where Redis is gone, it expires.
        let _ = wire.answers();
    }
}

/// The commands of a segment.
fn push(wire: &mut Wire, keys: &Keys, segment: &Segment<'_>) -> io::Result<()> {
    for target in &segment.removed {
        wire.push(&[b"DEL", &keys.job(target)]);
    }
    for (target, row) in &segment.added {
        let key = keys.job(target);
        wire.push(&[b"DEL", &key]);
        push_job(wire, &key, row);
        wire.send_some()?;
    }
    for tried in &segment.retried {
        let [tries, first, due] = [u64::from(tried.tries), tried.first_ms, tried.due_ms].map(text);
        wire.push(&[b"EVAL", RETRY, b"1", &keys.job(&tried.target), &tries, &first, &due]);
    }
    for letter in &segment.buried {
        push_letter(wire, keys, letter);
        wire.send_some()?;
    }
    for id in &segment.forgotten {
        wire.push(&[b"DEL", &keys.letter(*id)]);
        wire.push(&[b"ZREM", &keys.dead, &text(*id)]);
    }
    for setting in &segment.set {
        wire.push(&[b"HSET", &keys.settings, setting.key, setting.value]);
    }
    for key in &segment.unset {
        wire.push(&[b"HDEL", &keys.settings, key]);
    }
    Ok(())
}

fn text(number: u64) -> Vec<u8> {
    integer(number).to_string().into_bytes()
}

/// C's fields first, then ours. What is not there is nothing.
fn push_job(wire: &mut Wire, key: &[u8], row: &Row<'_>) {
    let priority = (row.priority as u8).to_string();
    let (id, due) = (text(row.name.id), text(row.due_ms));
    let (tries, first) = (text(row.extras.tries.into()), text(row.extras.first_ms));
    let mut words: Vec<&[u8]> = vec![b"HSET", key, b"data", row.data, b"priority", priority.as_bytes()];
    words.extend_from_slice(&[b"id", &id, b"function", row.name.function, b"unique", row.name.unique]);
    if row.due_ms > 0 {
        words.extend_from_slice(&[b"due", &due]);
    }
    if row.extras.tries > 0 {
        words.extend_from_slice(&[b"tries", &tries]);
    }
    if row.extras.first_ms > 0 {
        words.extend_from_slice(&[b"first", &first]);
    }
    if let Some(reducer) = row.extras.reducer {
        words.extend_from_slice(&[b"reducer", reducer]);
    }
    wire.push(&words);
}

fn push_letter(wire: &mut Wire, keys: &Keys, letter: &DeadLetter<'_>) {
    let (key, id, last) = (keys.letter(letter.row.name.id), text(letter.row.name.id), text(letter.last_ms));
    wire.push(&[b"DEL", &key]);
    push_job(wire, &key, &letter.row);
    let DeadLetter { reason, text, worker, .. } = letter;
    wire.push(&[b"HSET", &key, b"last", &last, b"reason", reason, b"message", text, b"worker", worker]);
    wire.push(&[b"ZADD", &keys.dead, &last, &id]);
}

/// All answers, unless one is an error.
fn all(wire: &mut Wire) -> Result<Vec<Reply>, Failure> {
    let answers = wire.answers().map_err(lost)?;
    answers.iter().try_for_each(refused)?;
    Ok(answers)
}

fn all_of(wire: &mut Wire, words: &[&[u8]]) -> Result<Reply, Failure> {
    let reply = wire.ask(words).map_err(lost)?;
    refused(&reply).map(|()| reply)
}

fn lost(error: io::Error) -> Failure {
    Failure::Lost(format!("{error}: is Redis there, with this host and port?"))
}

/// Of a commit that Redis began, one command failed: all others were made, and nothing undoes them.
fn half_made(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(reason) | Failure::Held(reason) | Failure::ReadOnly(reason) => Failure::Lost(reason),
        failure => failure,
    }
}

/// What Redis says, and how to mend it.
fn refused(reply: &Reply) -> Result<(), Failure> {
    let Some(text) = reply.error() else { return Ok(()) };
    let hint = match text.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" => "name the password by --redis-password",
        "NOPERM" => "its user may not do that",
        "LOADING" => return Err(Failure::Held(text.to_owned())),
        // A replica that is to become the primary.
        "READONLY" | "MASTERDOWN" => return Err(Failure::ReadOnly(text.to_owned())),
        "OOM" => "its memory is full",
        "MISCONF" => "it cannot write to its disk",
        "MOVED" | "CROSSSLOT" | "CLUSTERDOWN" => "a cluster of Redis cannot keep a queue",
        "WRONGTYPE" => "something under this prefix is no job; name another by --redis-prefix",
        _ => return Err(Failure::Refused(text.to_owned())),
    };
    Err(Failure::Refused(format!("{text}: {hint}")))
}
