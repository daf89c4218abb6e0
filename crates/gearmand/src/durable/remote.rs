//! A queue in a database that is a server of its own, and may go away and come back: what all such backends share. Each
//! of them is a [`Database`] with its [`Session`].
//!
//! ```text
//! changes ──> Remote ── segments ──> a Session ──> the database
//!               │ lost: once more, in a new session; then it is an error, and later commits try again
//! ```
//!
//! What always holds:
//! - Of a commit that was reported as failed nothing is left, though the database may have made it: the next session removes
//!   the jobs that it added before anything else. All other changes may be made twice.
//! - A session begins when the one before has ended in the database too: it has the lock.
//! - Where another server had the queue meanwhile, nothing is changed any more: what is known here is not what is there.

use crate::durable::row_key::RowKeys;
use crate::durable::segments::{Segment, Target};
use crate::durable::{Backend, BackendError, Change, Changes, DeadLetter, Name, Row, Setting, Take};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// After a failure to connect the next try is not made before this has passed, and then twice that, up to the last.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The key of a setting that is never there.
const PROBE: &[u8] = b"probe";

/// Where a queue is.
pub(crate) trait Database: Send {
    type Session: Session;

    /// What it is called in messages.
    fn name(&self) -> &str;

    /// Connects, makes what tables are missing, and has the queue alone from then on. `again`: it was this owner's before, and
    /// must not have been anybody else's meanwhile.
    fn connect(&self, owner: &str, again: bool) -> Result<Self::Session, Failure>;
}

/// A connection to the database of a queue, which has the queue alone.
pub(crate) trait Session: Send {
    /// See [`Backend::replay`].
    fn replay(&mut self, keys: &mut RowKeys, take: &mut Take<'_>) -> Result<u64, Failure>;

    /// Makes some changes of a transaction: the first, the last, or those between.
    fn apply(&mut self, segment: &Segment<'_>, part: Part) -> Result<(), Failure>;

    /// None of them is made.
    fn roll_back(&mut self) -> Result<(), Failure>;
}

/// Which part of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) first: bool,
    pub(crate) last: bool,
}

/// Why something was not done.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There is no connection; of what was asked for it is not known whether it was done.
    Lost(String),
    /// Another server has the queue.
    Held(String),
    /// Another server has had the queue since it was ours.
    Taken,
    /// The database refuses it.
    Refused(String),
}

/// See the module.
pub(crate) struct Remote<D: Database> {
    database: D,
    session: Option<D::Session>,
    /// What this server is known by in the database.
    owner: String,
    keys: RowKeys,
    /// Jobs of commits that were reported as failed, and may be there.
    orphans: Vec<Orphan>,
    failed: Option<Failed>,
    taken: bool,
}

/// A job by its name.
struct Orphan {
    id: u64,
    unique: Vec<u8>,
    function: Vec<u8>,
}

/// The last try to connect.
struct Failed {
    at: Instant,
    pause: Duration,
    reason: String,
}

impl<D: Database> Remote<D> {
    /// # Errors
    /// [`BackendError`] where the database cannot be used, or another server has the queue.
    pub(crate) fn open(database: D) -> Result<Remote<D>, BackendError> {
        let owner = format!("{}-{:016x}", std::process::id(), RandomState::new().build_hasher().finish());
        let session = database.connect(&owner, false);
        let mut remote = Remote {
            database,
            session: None,
            owner,
            keys: RowKeys::default(),
            orphans: Vec::new(),
            failed: None,
            taken: false,
        };
        match session {
            Ok(session) => remote.session = Some(session),
            // Whoever can be waited for, is; a database that is not there may be a wrong word.
            Err(Failure::Lost(reason)) => return Err(remote.error(Failure::Refused(reason))),
            Err(failure) => return Err(remote.error(failure)),
        }
        Ok(remote)
    }

    fn error(&self, failure: Failure) -> BackendError {
        let (reason, held) = match failure {
            Failure::Lost(reason) | Failure::Held(reason) => (reason, true),
            Failure::Taken => {
                let reason = "another server has had it since the connection was lost: what this one knows is not what \
                              is stored; stop this one";
                (reason.to_owned(), true)
            }
            Failure::Refused(reason) => (reason, false),
        };
        BackendError { queue: self.database.name().to_owned(), reason, held }
    }

    /// Takes the session, or makes a new one.
    fn session(&mut self) -> Result<D::Session, Failure> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        if self.taken {
            return Err(Failure::Taken);
        }
        if let Some(failed) = self.failed.as_ref().filter(|failed| failed.at.elapsed() < failed.pause) {
            return Err(Failure::Lost(failed.reason.clone()));
        }
        match self.database.connect(&self.owner, true) {
            Ok(session) => {
                self.failed = None;
                tracing::warn!("{}: connected again", self.database.name());
                Ok(session)
            }
            Err(failure) => {
                self.taken = matches!(failure, Failure::Taken);
                let pause = self.failed.as_ref().map_or(PAUSE, |failed| (failed.pause * 2).min(LONGEST_PAUSE));
                let reason = self.error(failure.clone()).reason;
                self.failed = Some(Failed { at: Instant::now(), pause, reason });
                Err(failure)
            }
        }
    }

    /// All of these in one transaction. Whose row had another server's key, and is gone then.
    fn write(&mut self, session: &mut D::Session, changes: &[Change<'_>]) -> Result<Vec<u64>, Failure> {
        let (mut gone, mut first) = (Vec::new(), true);
        let mut segment = Segment::default();
        for orphan in &self.orphans {
            let name = Name { id: orphan.id, unique: &orphan.unique, function: &orphan.function };
            segment.removed.push(Target::new(&name, &self.keys));
        }
        if !self.orphans.is_empty() {
            session.apply(&segment, Part { first, last: false })?;
            (segment, first) = (Segment::default(), false);
        }
        for change in changes {
            match change {
                Change::Revive(row) => {
                    self.keys.claim(row.name.id, row.name.unique);
                    gone.retain(|id| *id != row.name.id);
                }
                Change::Done(name) | Change::Bury(DeadLetter { row: Row { name, .. }, .. }) => {
                    gone.extend(self.keys.is_other(name.id).then_some(name.id));
                }
                _ => {}
            }
            if !segment.push(change, &self.keys) {
                session.apply(&segment, Part { first, last: false })?;
                (segment, first) = (Segment::default(), false);
                segment.push(change, &self.keys);
            }
        }
        session.apply(&segment, Part { first, last: true })?;
        Ok(gone)
    }

    /// In this session, which is kept unless it is lost.
    fn commit_in(&mut self, mut session: D::Session, changes: &[Change<'_>]) -> Result<(), Failure> {
        let mut written = self.write(&mut session, changes);
        if let Err(Failure::Refused(_)) = &written
            && let Err(lost) = session.roll_back()
        {
            written = Err(lost);
        }
        if !matches!(written, Err(Failure::Lost(_) | Failure::Taken)) {
            self.session = Some(session);
        }
        self.taken |= matches!(written, Err(Failure::Taken));
        self.keys.forget(&written?);
        self.orphans.clear();
        Ok(())
    }

    /// These jobs are refused, and may be stored.
    pub(super) fn doubt(&mut self, changes: &[Change<'_>]) {
        for change in changes {
            if let Change::Add(Row { name, .. }) = change {
                let (unique, function) = (name.unique.to_vec(), name.function.to_vec());
                self.orphans.push(Orphan { id: name.id, unique, function });
            }
        }
    }
}

impl<D: Database> Backend for Remote<D> {
    fn replay(&mut self, take: &mut Take<'_>) -> Result<u64, BackendError> {
        let mut session = self.session().map_err(|failure| self.error(failure))?;
        self.keys = RowKeys::default();
        let read = session.replay(&mut self.keys, take);
        if !matches!(read, Err(Failure::Lost(_))) {
            self.session = Some(session);
        }
        Ok(read.map_err(|failure| self.error(failure))?.max(self.keys.last()))
    }

    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
        let changes: Vec<Change<'_>> = changes.collect();
        if changes.is_empty() {
            return Ok(());
        }
        let mut lost = false;
        let done = loop {
            let session = match self.session() {
                Ok(session) => session,
                Err(failure) => break Err(failure),
            };
            match self.commit_in(session, &changes) {
                // The database was restarted, perhaps, and is there again.
                Err(Failure::Lost(reason)) if !lost => {
                    tracing::warn!("{}: {reason}", self.database.name());
                    lost = true;
                }
                done => {
                    lost |= matches!(done, Err(Failure::Lost(_)));
                    break done;
                }
            }
        };
        if lost && done.is_err() {
            self.doubt(&changes);
        }
        done.map_err(|failure| self.error(failure))
    }

    /// A setting that nobody reads is written, and removed again in the same transaction.
    fn probe(&mut self) -> Result<(), BackendError> {
        let changes = [Change::Set(Setting { key: PROBE, value: b"" }), Change::Unset(PROBE)];
        self.commit(&mut changes.into_iter())
    }
}
