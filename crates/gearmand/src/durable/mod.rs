//! Jobs that outlive the server: what a backend has to do, and what goes to it and comes back.
//!
//! ```text
//! broker ── changes ──> batch ──> writer (a thread) ──> a Backend ──> disk
//! broker <── results ──────────── writer
//! broker <── rows ── recovery <────────────────────────── a Backend       at the start only
//! ```
//!
//! A stored job has an id, which the broker gives it and which it keeps over restarts: changes name it by that. It depends
//! neither on its unique key nor on what its row looks like. What only a few jobs have is in [`Extras`]. Beside jobs there are
//! dead letters, which keep the ids that they had as jobs, and settings: what was said at run time and is to be known afterwards.
//!
//! Nothing here knows the broker, packets or connections. What always holds: a job is acknowledged when the batch that
//! adds it was committed; changes reach the backend in the order they were made; a commit is all of its changes or none.
//!
//! A queue of another kind is one more file with an implementation of [`Backend`], and its options; where it is in a database
//! that is a server of its own, one of `remote::Session`.

pub(crate) mod batch;
mod client_tls;
mod columns;
pub mod import;
pub mod mysql;
pub mod postgres;
pub(crate) mod recovery;
pub mod redis;
mod remote;
pub(crate) mod row_key;
mod segments;
mod socket;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod writer;

use gearman_core::protocol::message::Priority;

/// When jobs go to the durable queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durable {
    /// Never: there is none.
    #[default]
    No,
    /// Before their client gets JOB_CREATED.
    Always,
    /// Those that are left when the server stops.
    AtEnd,
}

/// What keys of settings begin with that say how far an import is: at the source `import`, which is its name; in the target
/// `import NAME`, which is the last id that was taken when it began, and `import NAME PAGE`, which is what is in that page.
pub(crate) const IMPORT: &str = "import";

/// No id is as large.
pub const MAX_ID: u64 = 1 << 53;

/// A place where jobs are kept. Called from one thread, which may be kept waiting.
pub trait Backend: Send {
    /// Gives out all settings; then every dead letter, those that died first in front; then every job that is stored, oldest
    /// first. Jobs and dead letters have ids of their own: from 1, less than [`MAX_ID`]. Jobs whose rows have no place for an
    /// id are counted. Returns an id so that new jobs get larger ones.
    ///
    /// # Errors
    /// When not all could be read, or `take` refuses something. A server must not start then: jobs
    /// would be missing.
    fn replay(&mut self, take: &mut Take<'_>) -> Result<u64, BackendError>;

    /// Returns when all these changes are made, and safe from a power cut. They are made in this order.
    ///
    /// # Errors
    /// Then none of them is made, and each may be asked for again.
    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError>;

    /// Whether there is room for a few jobs, and they could be committed now. Nothing is changed by that.
    ///
    /// # Errors
    /// When they could not.
    fn probe(&mut self) -> Result<(), BackendError>;
}

/// What becomes of something that is read, or what is wrong with it.
pub type Take<'t> = dyn FnMut(&Record<'_>) -> Result<(), &'static str> + 't;

/// What a commit has to do.
pub type Changes<'i, 'c> = dyn Iterator<Item = Change<'c>> + 'i;

/// One change of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A job is to be kept. What else is stored under its names is replaced.
    Add(Row<'a>),
    /// A job need not be kept any more. It may be gone already.
    Done(Name<'a>),
    /// A try of a job has failed, and it waits for the next. It may be gone already.
    Retry {
        /// Which.
        name: Name<'a>,
        /// How many tries have failed.
        tries: u16,
        /// When the first did: milliseconds since 1970.
        first_ms: u64,
        /// When the next one may begin: milliseconds since 1970.
        due_ms: u64,
    },
    /// A job becomes a dead letter: what is stored under its names is removed, if it is there, and the letter kept.
    Bury(DeadLetter<'a>),
    /// The dead letter with this id need not be kept any more. It may be gone already.
    Forget(u64),
    /// The dead letter with the id of this job becomes a job again.
    Revive(Row<'a>),
    /// A setting has this value.
    Set(Setting<'a>),
    /// There is no setting with this key any more.
    Unset(&'a [u8]),
}

/// What is read at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A job.
    Job(Row<'a>),
    /// A job that ran out of tries.
    Dead(DeadLetter<'a>),
    /// What was said at run time.
    Setting(Setting<'a>),
}

/// What a stored job is known by: its id, and with that what it had when it was added or read. A backend whose rows have
/// no id finds them by the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// No other stored job has it, and none that is added later.
    pub id: u64,
    /// The client's name for it; empty without one.
    pub unique: &'a [u8],
    /// Its function.
    pub function: &'a [u8],
}

/// A job as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Which.
    pub name: Name<'a>,
    /// Its priority.
    pub priority: Priority,
    /// Its workload.
    pub data: &'a [u8],
    /// Milliseconds since 1970 before which it may not run; 0: at once.
    pub due_ms: u64,
    /// What most jobs don't have.
    pub extras: Extras<'a>,
}

/// What most jobs don't have, and C gearmand's tables have no columns for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// The function that joins the parts of a job that is split.
    pub reducer: Option<&'a [u8]>,
    /// How many tries of it have failed, where they are counted.
    pub tries: u16,
    /// When the first did: milliseconds since 1970.
    pub first_ms: u64,
}

impl Extras<'_> {
    /// There is nothing to be stored.
    pub fn is_empty(&self) -> bool {
        *self == Extras::default()
    }
}

/// A job that ran out of tries, and why. It keeps the id that it had; its unique key is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The job, with the count of its tries and the time of the first.
    pub row: Row<'a>,
    /// When its last try failed: milliseconds since 1970.
    pub last_ms: u64,
    /// How, in one word.
    pub reason: &'a [u8],
    /// What its worker said of it.
    pub text: &'a [u8],
    /// Which worker that was.
    pub worker: &'a [u8],
}

/// Something that was said at run time. What it means is known to who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// No other has it.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// Why a queue cannot be used, as an operator reads it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{queue}: {reason}")]
pub struct BackendError {
    /// Which: a file, with its table.
    pub queue: String,
    /// What is wrong with it, and how to mend it.
    pub reason: String,
    /// Somebody has it, who may let it go.
    pub held: bool,
}

/// A part of a URL: `%2F` is a slash.
pub(crate) fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value);
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
