//! What a server asks of the store that it shares with others, and what it is answered. Each [`Ask`] is one transaction:
//! all of it is done, or nothing.
//!
//! Knows neither how a store does that nor why a server asks. What stores hold to:
//!
//! - An *epoch* stands for one server from its join until it leaves or is declared dead; none is used twice. It lives as long as it
//!   was heard of within [`DEAD_AFTER`](crate::cluster::lease::DEAD_AFTER), by the clock of the store alone (in SQL:
//!   `clock_timestamp()`, read once the row of the epoch is locked), and nobody has declared it dead. Dead ones stay dead.
//! - Epochs are seen in their order: once one has joined, no smaller one comes. So the eldest stays it until it is dead.
//! - A row is *free*, or owned by an epoch. Whoever is owned by an epoch that does not live becomes free with the next
//!   [`Ask::Sweep`]; one that is declared dead loses its rows in the same transaction.
//! - Writes of an epoch are numbered, see [`Ask::Write`]. So one whose answer was lost is never made later than the next.
//! - All rows live under one key of their function: see [`JobRow::key`].

use crate::durable::{Extras, Name, Row};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use std::sync::Arc;
use std::time::Duration;

/// See the module. From 1.
pub(crate) type Epoch = u64;

/// In place of a function, where others are woken: settings have changed. No job has a function of this name.
pub(crate) const SETTINGS: &[u8] = b"\0";
/// In front of the keys of settings that say when schedules ran last. The eldest epoch makes them, and no other: one that is not made
/// when an epoch is lost is dropped.
pub(crate) const RUN: &[u8] = b"schedule ";

/// One transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    /// A server begins, with a new epoch. [`Answer::Joined`].
    Join {
        /// What people call it. Others may have the same name: it means nothing here.
        name: Arc<str>,
        /// Where it is to be found.
        address: Arc<str>,
        /// The epoch that it had before, in the same process: that is over, and what it still owns is the new one's.
        after: Option<Epoch>,
    },
    /// An epoch is to live on. [`Answer::Beat`]. Must not wait for a write of the same epoch.
    Beat(Epoch),
    /// An epoch is over, and its rows are free. [`Answer::Done`].
    Leave(Epoch),
    /// Declares those dead that were not heard of in time, counts a try for each of their rows that is marked as started, and
    /// frees all rows whose owner does not live. [`Answer::Swept`].
    ///
    /// Nobody is declared dead unless the epoch that asks has been heard of in the last [`HEARD_FOR`](crate::cluster::lease::HEARD_FOR)
    /// without a gap as long: who could not reach the store itself cannot know whether others could.
    Sweep(Epoch),
    /// Numbers for jobs, that nobody else gets. [`Answer::Block`].
    Block {
        /// How many.
        count: u64,
    },
    /// All settings, unless this is still their version: it changes with each write that sets or unsets any.
    /// [`Answer::Settings`].
    Settings { known: Option<u64> },
    /// Other servers are told that there are free jobs of these functions; or, by [`SETTINGS`], that settings have changed.
    /// [`Answer::Done`].
    Wake(Vec<Bytes>),
    /// What is known of one job. [`Answer::Looked`].
    Look(Which),
    /// The ids of all dead letters and when they died, in that order: one that was tried again in vain has the same id, and
    /// another time. [`Answer::LetterIds`].
    LetterIds,
    /// Dead letters of these ids: as many of those that there are, from the first on, as fit into memory well; one at
    /// least. [`Answer::Letters`].
    Letters(Arc<[u64]>),
    /// All servers that live, and the last that died. [`Answer::Servers`].
    Servers,
    /// How many jobs there are of these functions, or of all that have any, up to 10,000 of them by name. [`Answer::Counts`].
    Counts(Option<Vec<Bytes>>),
    /// A change of rows: made only if the epoch lives and its last write was number `turn - 1` (0: none yet), and then that
    /// becomes `turn`. Else [`Answer::Fenced`], and nothing is done. An epoch cannot be declared dead in the middle of it.
    Write {
        /// Whose.
        epoch: Epoch,
        /// Its number, from 1.
        turn: u64,
        /// What.
        write: Write,
    },
    /// The answer to write `turn` was lost. [`Answer::Resumed`]: whether it was made. If it was not, its number and the next are
    /// used up, so that it never will be, and so that asking this once more gets the same answer. Waits for one that is still
    /// being made. Works for epochs that are dead, too: their last number is kept for a day.
    Resume {
        /// Whose.
        epoch: Epoch,
        /// Which.
        turn: u64,
        /// The rows that it had to insert.
        rows: Arc<[NewRow]>,
    },
    /// The ids of all rows that an epoch owns. [`Answer::Owned`].
    Owned(Epoch),
}

impl Ask {
    /// Those that are asked one after the other, each when the one before is answered. The others go another way, in order but
    /// without waiting, so that a slow write does not cost a lease.
    pub(crate) fn is_serial(&self) -> bool {
        matches!(self, Ask::Write { .. } | Ask::Resume { .. } | Ask::Owned(_))
    }

    /// Those that may take long, go a third way, and may be asked once more where it is not known what came of them.
    pub(crate) fn is_question(&self) -> bool {
        matches!(self, Ask::Look(_) | Ask::LetterIds | Ask::Letters(_) | Ask::Servers | Ask::Counts(_))
    }
}

/// Which job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Which {
    /// By its id.
    Id(u64),
    /// By its unique key, in whichever function: that of one such job.
    Unique(Bytes),
    /// By the function and the key of this row; the rest of it says nothing.
    Key(Box<JobRow>),
}

/// See [`Ask::Write`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    /// New jobs. No two of them have the same key, and those with keys are in the order of their keys, so that two servers
    /// never wait for each other. [`Answer::Inserted`], in this order.
    ///
    /// A row whose key another row has is left out (ON CONFLICT DO NOTHING), and that one is looked for by a statement of its
    /// own.
    Insert(Arc<[NewRow]>),
    /// What became of jobs. Each job at most once, and each setting, so that stores may do them kind by kind.
    /// [`Answer::Settled`], in this order.
    Settle(Arc<[Settle]>),
    /// The epoch is to own free jobs that are due by the clock of the store: of each function so many, by priority, due time
    /// and id. Rows that others are about to change are left out (SKIP LOCKED). Functions are in their order, each once, so that
    /// two servers never wait for each other. [`Answer::Rows`].
    ///
    /// Of a function with limits, no more than its [`Limit`] leaves when those are counted that all servers own, and no other
    /// claim with limits is made between counting and owning.
    Claim(Vec<Want>),
}

/// How many jobs of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Want {
    /// Of which.
    pub(crate) function: Bytes,
    /// At most.
    pub(crate) count: u32,
    /// That hold over all servers.
    pub(crate) limit: Option<Limit>,
}

/// How many jobs of a function may be owned, however many servers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// At most so many at the same time, whether they wait for a worker or are run.
    pub(crate) concurrency: Option<u32>,
    /// So many may be claimed in a time, by the clock of the store. A job that is given back gives no token back.
    pub(crate) rate: Option<Pace>,
}

/// A rate by virtual scheduling: each job takes a token, and the time is known at which the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// From one token to the next, in microseconds. From 1.
    pub(crate) interval_us: u64,
    /// So many may be taken at once when none was for long. From 1.
    pub(crate) burst: u32,
}

/// Tokens that were waited for are not lost when a claim comes so much later.
#[cfg(test)]
pub(crate) const LATE: Duration = Duration::from_secs(1);

/// A job that is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewRow {
    /// What.
    pub(crate) row: JobRow,
    /// Owned by the epoch that inserts it; else free.
    pub(crate) own: bool,
}

/// A job, as a [`Row`] that owns its parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobRow {
    pub(crate) id: u64,
    pub(crate) function: Bytes,
    /// As the client gave it; empty without one.
    pub(crate) unique: Bytes,
    pub(crate) priority: Priority,
    pub(crate) data: Bytes,
    /// The function that joins the parts of a job that is split.
    pub(crate) reducer: Option<Bytes>,
    /// How many tries of it have failed.
    pub(crate) tries: u16,
    /// When the first did: milliseconds since 1970; 0 before.
    pub(crate) first_ms: u64,
    /// Milliseconds since 1970 before which it may not run, by the clock of the store; 0: at once.
    pub(crate) due_ms: u64,
}

/// What no two rows of a function have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key<'a> {
    pub(crate) function: &'a [u8],
    pub(crate) unique: &'a [u8],
    /// The workload where the unique key stands for it, else empty.
    pub(crate) data: &'a [u8],
}

impl JobRow {
    /// By what other jobs are the same job, as the broker has it: key `-` stands for the workload.
    pub(crate) fn key(&self) -> Option<Key<'_>> {
        let data = match (&self.unique[..], &self.data[..]) {
            (b"", _) | (b"-", b"") => return None,
            (b"-", data) => data,
            _ => b"",
        };
        Some(Key { function: &self.function, unique: &self.unique, data })
    }

    pub(crate) fn row(&self) -> Row<'_> {
        let name = Name { id: self.id, unique: &self.unique, function: &self.function };
        let extras = Extras { reducer: self.reducer.as_deref(), tries: self.tries, first_ms: self.first_ms };
        Row { name, priority: self.priority, data: &self.data, due_ms: self.due_ms, extras }
    }
}

impl From<&Row<'_>> for JobRow {
    fn from(row: &Row<'_>) -> JobRow {
        let copy = Bytes::copy_from_slice;
        JobRow {
            id: row.name.id,
            function: copy(row.name.function),
            unique: copy(row.name.unique),
            priority: row.priority,
            data: copy(row.data),
            reducer: row.extras.reducer.map(copy),
            tries: row.extras.tries,
            first_ms: row.extras.first_ms,
            due_ms: row.due_ms,
        }
    }
}

/// What became of a job, or of what is kept beside jobs. Those with *own* are made only where the epoch that asks owns the row,
/// those with *own or free* also where nobody does: a late end of a job that was freed meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Settle {
    /// It is over, and its row is removed. Own or free.
    Done(u64),
    /// A try failed. It is free, not marked as started, and waits. Own or free; tries and due time never go down: of a free
    /// row, the later ones stay. `first_ms` is that of the row, where it has one. `due_ms` 0: it is given back, with the tries that
    /// failed here, and may run at once.
    Retry { id: u64, tries: u16, first_ms: u64, due_ms: u64 },
    /// It becomes a dead letter, in the same way. Its key is free. Own or free.
    Bury(Box<Death>),
    /// It is begun: marked as started. Own.
    Started(u64),
    /// How far it is, for who asks while this epoch owns it. 0 of 0: what was said is not kept any more, whoever owns it. Own.
    Progress { id: u64, numerator: u32, denominator: u32 },
    /// It is free; its mark is removed and no try counted. Own.
    Release(u64),
    /// There is no dead letter of this id any more.
    Forget(u64),
    /// The dead letter of this id is a free job again, due at once, its tries and `first_ms` 0, unless a row has its key.
    Revive(u64),
    /// A setting has a value.
    Set(Bytes, Bytes),
    /// There is none of this key.
    Unset(Bytes),
}

/// How a job died.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Death {
    pub(crate) id: u64,
    pub(crate) tries: u16,
    pub(crate) first_ms: u64,
    /// When its last try failed.
    pub(crate) last_ms: u64,
    pub(crate) reason: Bytes,
    pub(crate) text: Bytes,
    pub(crate) worker: Bytes,
}

/// A job that is not tried any more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Letter {
    /// Not due at any time.
    pub(crate) row: JobRow,
    /// See [`Death`].
    pub(crate) last_ms: u64,
    pub(crate) reason: Bytes,
    pub(crate) text: Bytes,
    pub(crate) worker: Bytes,
}

/// What the store says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Joined {
        epoch: Epoch,
        /// Another epoch of the same name lives.
        namesake: bool,
    },
    Beat(Beat),
    Done,
    /// `None`: they are those of this version.
    Settings(Option<AllSettings>),
    Swept(Swept),
    /// The first of them.
    Block(u64),
    /// `None`: there is no such job or dead letter.
    Looked(Option<Seen>),
    /// Ids, and [`Letter::last_ms`].
    LetterIds(Vec<(u64, u64)>),
    Letters(Vec<Letter>),
    /// By epoch.
    Servers(Vec<ServerSeen>),
    Counts(Vec<Counts>),
    /// See [`Ask::Write`].
    Fenced,
    Inserted(Vec<Inserted>),
    Settled(Vec<Settled>),
    /// Those that are owned now; and the functions of which more may be claimed after so long. Of a function that is not among
    /// these there are no more, as far as is known, or others have to end first.
    Rows(Vec<JobRow>, Vec<(Bytes, Duration)>),
    /// `None`: it was not made, and will not be. Else it was; and where it had rows, what it did with them, as far as can be
    /// said now: one that is there by its id is stored; where another row has its key now, that exists; the rest is over.
    Resumed(Option<Vec<Inserted>>),
    Owned(Vec<u64>),
}

/// What all servers are told at run time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AllSettings {
    pub(crate) version: u64,
    /// Keys and values.
    pub(crate) all: Vec<(Bytes, Bytes)>,
}

/// What an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// It was declared dead, or is to be.
    Dead,
    /// It was heard of.
    Lives,
    /// And all that are smaller have left, or were declared dead.
    Eldest,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Swept {
    /// Names of the servers that were declared dead.
    pub(crate) died: Vec<String>,
    /// How many rows are free.
    pub(crate) freed: u64,
}

/// What became of a row that was to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Stored,
    /// Not stored: the row with this id has its key.
    Exists(u64),
    /// Not stored: a row had its key, and was gone when it was looked for. To be asked once more.
    Missed,
    /// Only of a write whose answer was lost: it was stored, or another row had its key, and that job is over by now.
    Over,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Made,
    /// Not made: another epoch owns the row, or nobody where it had to be owned.
    Taken,
    /// Not made: there is no such row, or dead letter.
    Gone,
    /// Not revived: the row with this id has its key.
    Exists(u64),
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) function: Bytes,
    pub(crate) tries: u16,
    pub(crate) due_ms: u64,
    pub(crate) state: SeenState,
}

impl Seen {
    /// How far it is, where its worker said so.
    pub(crate) fn progress(&self) -> Option<(u32, u32)> {
        match self.state {
            SeenState::Owned { progress, .. } => progress,
            SeenState::Free | SeenState::Dead => None,
        }
    }

    /// As a job of this server would be shown: its state by name, and which server has it.
    pub(crate) fn shown(&self) -> (&'static str, Option<&str>) {
        match &self.state {
            SeenState::Free if self.due_ms > 0 => ("delayed", None),
            SeenState::Free => ("queued", None),
            SeenState::Owned { server, started: false, .. } => ("queued", Some(server)),
            SeenState::Owned { server, started: true, .. } => ("running", Some(server)),
            SeenState::Dead => ("dead", None),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SeenState {
    Free,
    /// By the server of this name.
    Owned {
        server: String,
        started: bool,
        /// How far it is, if that is known: numerator and denominator.
        progress: Option<(u32, u32)>,
    },
    Dead,
}

/// What is known of one epoch of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerSeen {
    pub(crate) epoch: Epoch,
    pub(crate) name: String,
    pub(crate) address: String,
    /// Milliseconds since 1970.
    pub(crate) joined_ms: u64,
    /// For how long nothing was heard of it; `None`: it does not live.
    pub(crate) silent_ms: Option<u64>,
    /// When it left, or was declared dead.
    pub(crate) died_ms: Option<u64>,
    /// It left by itself.
    pub(crate) has_left: bool,
    /// How many rows it owns; counted up to 100,000.
    pub(crate) owned: u64,
}

impl ServerSeen {
    /// `lives`, `left` or `dead`.
    pub(crate) fn state(&self) -> &'static str {
        match (self.silent_ms, self.has_left) {
            (Some(_), _) => "lives",
            (None, true) => "left",
            (None, false) => "dead",
        }
    }
}

/// How many jobs of a function there are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) function: Bytes,
    /// Free ones that may run now.
    pub(crate) due: Counted,
    /// Free ones that may not run yet.
    pub(crate) later: Counted,
    pub(crate) owned: Counted,
    /// Dead letters.
    pub(crate) dead: Counted,
}

/// A number that is counted up to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Where it is not exact: of free jobs what the store thinks, by its statistics, and 10,000 at least; of others 10,000.
    pub(crate) count: u64,
    pub(crate) exact: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Nothing was done, for sure: it was refused, for this reason, or never sent.
    NotDone(String),
    /// The connection broke after it was sent: perhaps it was done, or will be.
    InDoubt,
}
