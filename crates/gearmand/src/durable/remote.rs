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
use crate::durable::segments::{CHANGES, Segment, Target};
use crate::durable::{Backend, BackendError, Change, Changes, DeadLetter, Name, Row, Setting, Take};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// After a failure to connect the next try is not made before this has passed, and then twice that, up to the last. So it is
/// where a new session makes no commit, as of a database that is read-only.
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
    /// The database takes no changes at all, so nothing was done. It may be a standby: a new session may find the primary.
    ReadOnly(String),
}

impl Failure {
    /// The session is of no use any more.
    fn ends_session(&self) -> bool {
        matches!(self, Failure::Lost(_) | Failure::Taken | Failure::ReadOnly(_))
    }
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
    /// Since the last commit that was made.
    failed: Option<Failed>,
    taken: bool,
}

/// A job by its name.
struct Orphan {
    id: u64,
    unique: Vec<u8>,
    function: Vec<u8>,
}

/// The last failure, and how long nothing is tried after it.
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
            Err(Failure::Lost(reason) | Failure::ReadOnly(reason)) => {
                return Err(remote.error(Failure::Refused(reason)));
            }
            Err(failure) => return Err(remote.error(failure)),
        }
        Ok(remote)
    }

    fn error(&self, failure: Failure) -> BackendError {
        let (reason, held) = match failure {
            Failure::Lost(reason) | Failure::Held(reason) | Failure::ReadOnly(reason) => (reason, true),
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
                tracing::warn!("{}: connected again", self.database.name());
                Ok(session)
            }
            Err(failure) => {
                self.taken = matches!(failure, Failure::Taken);
                self.pause(&failure);
                Err(failure)
            }
        }
    }

    /// Nothing is tried for a while.
    fn pause(&mut self, failure: &Failure) {
        let pause = self.failed.as_ref().map_or(PAUSE, |failed| (failed.pause * 2).min(LONGEST_PAUSE));
        let reason = self.error(failure.clone()).reason;
        self.failed = Some(Failed { at: Instant::now(), pause, reason });
    }

    /// All of these in one transaction. Whose row had another server's key, and is gone then.
    fn write(&mut self, session: &mut D::Session, changes: &[Change<'_>]) -> Result<Vec<u64>, Failure> {
        let (mut gone, mut first) = (Vec::new(), true);
        for orphans in self.orphans.chunks(CHANGES) {
            let mut segment = Segment::default();
            for Orphan { id, unique, function } in orphans {
                segment.removed.push(Target::new(&Name { id: *id, unique, function }, &self.keys));
            }
            session.apply(&segment, Part { first, last: false })?;
            first = false;
        }
        let mut segment = Segment::default();
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

    /// In this session, which is kept while it is of use.
    fn commit_in(&mut self, mut session: D::Session, changes: &[Change<'_>]) -> Result<(), Failure> {
        let mut written = self.write(&mut session, changes);
        if let Err(Failure::Refused(_)) = &written
            && let Err(lost) = session.roll_back()
        {
            written = Err(lost);
        }
        if !written.as_ref().is_err_and(Failure::ends_session) {
            self.session = Some(session);
        }
        self.taken |= matches!(written, Err(Failure::Taken));
        self.keys.forget(&written?);
        self.orphans.clear();
        self.failed = None;
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
        if !read.as_ref().is_err_and(Failure::ends_session) {
            self.session = Some(session);
        }
        Ok(read.map_err(|failure| self.error(failure))?.max(self.keys.last()))
    }

    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
        let changes: Vec<Change<'_>> = changes.collect();
        if changes.is_empty() {
            return Ok(());
        }
        let (mut is_new, mut lost) = (self.failed.is_some(), false);
        let done = loop {
            let session = match self.session() {
                Ok(session) => session,
                Err(failure) => break Err(failure),
            };
            let done = self.commit_in(session, &changes);
            lost |= matches!(done, Err(Failure::Lost(_)));
            match done {
                // The database was restarted, perhaps, and is there again.
                Err(Failure::Lost(reason) | Failure::ReadOnly(reason)) if !is_new => {
                    tracing::warn!("{}: {reason}", self.database.name());
                    is_new = true;
                }
                Err(failure) if failure.ends_session() => {
                    self.pause(&failure);
                    break Err(failure);
                }
                done => break done,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::tests::suite::{add, job};
    use std::sync::{Arc, Mutex};

    /// A database that takes every connection.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<Seen>>);

    #[derive(Default)]
    struct Seen {
        connections: u32,
        /// What each commit ends with.
        failure: Option<Failure>,
        /// How many rows each segment removes.
        removed: Vec<usize>,
    }

    impl Database for Fake {
        type Session = Fake;

        fn name(&self) -> &str {
            "q"
        }

        fn connect(&self, _: &str, _: bool) -> Result<Fake, Failure> {
            self.0.lock().unwrap().connections += 1;
            Ok(self.clone())
        }
    }

    impl Session for Fake {
        fn replay(&mut self, _: &mut RowKeys, _: &mut Take<'_>) -> Result<u64, Failure> {
            Ok(0)
        }

        fn apply(&mut self, segment: &Segment<'_>, _: Part) -> Result<(), Failure> {
            let mut seen = self.0.lock().unwrap();
            seen.removed.push(segment.removed.len());
            seen.failure.clone().map_or(Ok(()), Err)
        }

        fn roll_back(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn open_then(failure: Failure) -> (Fake, Remote<Fake>) {
        let fake = Fake::default();
        let remote = Remote::open(fake.clone()).unwrap();
        fake.0.lock().unwrap().failure = Some(failure);
        (fake, remote)
    }

    /// A database that had become read-only got two new connections for each commit, as fast as clients submitted.
    #[test]
    fn who_takes_connections_and_no_commits_is_left_alone_for_a_while() {
        for failure in [Failure::ReadOnly("it is read-only".into()), Failure::Lost("it is gone".into())] {
            let (fake, mut remote) = open_then(failure.clone());
            for id in 1..=1000 {
                let error = add(&mut remote, &[job(id, "", None)]).unwrap_err();
                assert!(error.held && error.reason.starts_with("it is "), "{error}");
            }
            // Where a second passes, it may be a few.
            let connections = fake.0.lock().unwrap().connections;
            assert!(connections < 100, "{failure:?}: {connections} connections");
        }
    }

    /// All that was refused meanwhile was looked for afterwards, in one statement that was the longer the longer that was.
    #[test]
    fn only_jobs_that_may_be_there_are_removed_and_so_many_at_a_time() {
        for (failure, wanted) in [
            (Failure::ReadOnly("it is read-only".into()), vec![0]),
            (Failure::Lost("it is gone".into()), vec![CHANGES, 1, 0]),
        ] {
            let (fake, mut remote) = open_then(failure.clone());
            let jobs: Vec<_> = (1..).take(CHANGES + 1).map(|id| job(id, "", None)).collect();
            add(&mut remote, &jobs).unwrap_err();
            *fake.0.lock().unwrap() = Seen::default();
            remote.failed = None;
            add(&mut remote, &[job(9000, "", None)]).unwrap();
            assert_eq!(fake.0.lock().unwrap().removed, wanted, "{failure:?}");
        }
    }
}
