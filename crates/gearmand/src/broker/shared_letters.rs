//! Dead letters where servers share a queue: each server shows those of all, and whoever claims one that is a job again runs it.
//!
//! What always holds: a letter of another server is not stored by this one; a letter that is tried again stays one here until the
//! queue says that it is none. A letter that was looked for before its job came here again may be told after that; it stays until
//! the next look, or until the job ends in a letter of its own.

use crate::broker::retries::NotRetried;
use crate::broker::storing::letter;
use crate::broker::{Broker, Now};
use crate::cluster::ask::{Letter, Settled};
use crate::durable::{DeadLetter, Extras, Name, Row};

impl Broker {
    /// There is this dead letter, of whichever server. Where its job has died here since that was looked for, this is the one before.
    pub(super) fn letter_told(&mut self, now: &Now, told: &Letter) {
        if self.dead.get(told.row.id).is_some_and(|known| known.last >= told.last_ms) {
            return;
        }
        let Letter { row, last_ms, reason, text, worker } = told;
        match letter(&DeadLetter { row: row.row(), last_ms: *last_ms, reason, text, worker }) {
            Ok(letter) => self.keep(now, letter),
            Err(error) => tracing::warn!("dead letter {} of the shared queue is not shown: {error}", row.id),
        }
    }

    /// The letter of a job that died then is gone; not that of one that died here since.
    pub(super) fn letter_gone(&mut self, number: u64, last_ms: u64) {
        if self.dead.get(number).is_some_and(|known| known.last == last_ms) {
            let _gone = self.dead.remove(number);
        }
    }

    /// A dead letter is to be a job again. Its letter goes when it is.
    pub(super) fn revive_shared(&mut self, number: u64) -> Result<(), NotRetried> {
        let letter = self.dead.get(number).ok_or(NotRetried::Unknown)?;
        if self.draining {
            return Err(NotRetried::Draining);
        }
        let job = &letter.job;
        let name = Name { id: number, unique: job.unique(), function: &letter.function };
        let extras = Extras { reducer: letter.reducer(), ..Extras::default() };
        let row = Row { name, priority: job.priority, data: job.workload(), due_ms: 0, extras };
        self.changes.revive(&row, || job.shared_workload());
        Ok(())
    }

    /// Whether a dead letter is a job again.
    pub(super) fn revived(&mut self, number: u64, outcome: Settled) {
        if matches!(outcome, Settled::Made | Settled::Gone) {
            // It may have been told to be gone before.
            let _gone = self.dead.remove(number);
        }
    }
}
