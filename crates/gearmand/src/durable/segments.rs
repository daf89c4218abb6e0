//! The changes of a commit, in groups that a database makes with a few statements of many rows each.
//!
//! Must never know a database. What always holds: no two changes of a segment are of the same job, dead letter or setting, so
//! that it does not matter in which order a segment's statements are executed, as long as rows are removed before others are
//! added; and segments are in the order in which their changes were made.

use crate::durable::row_key::{RowKey, RowKeys};
use crate::durable::{Change, DeadLetter, Name, Row, Setting};
use std::collections::HashSet;

/// Most changes of a segment, and most bytes: what a database has to hold at once.
pub(crate) const CHANGES: usize = 5000;
const BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Segment<'a> {
    /// Rows that are to go.
    pub(crate) removed: Vec<Target<'a>>,
    /// Rows that are to be there; what has their key is replaced.
    pub(crate) added: Vec<(Target<'a>, Row<'a>)>,
    /// Rows whose jobs were tried.
    pub(crate) retried: Vec<Retry<'a>>,
    pub(crate) buried: Vec<DeadLetter<'a>>,
    pub(crate) forgotten: Vec<u64>,
    pub(crate) set: Vec<Setting<'a>>,
    pub(crate) unset: Vec<&'a [u8]>,
    touched: HashSet<Thing<'a>>,
    bytes: usize,
}

/// A row of C's table, by what it is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) id: u64,
    pub(crate) key: RowKey,
    pub(crate) unique: &'a [u8],
    pub(crate) function: &'a [u8],
}

/// A try has failed: see [`Change::Retry`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) tries: u16,
    pub(crate) first_ms: u64,
    pub(crate) due_ms: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Thing<'a> {
    Id(u64),
    /// A client's key, and the function.
    Key(&'a [u8], &'a [u8]),
    Setting(&'a [u8]),
}

impl<'a> Target<'a> {
    pub(crate) fn new(name: &Name<'a>, keys: &RowKeys) -> Target<'a> {
        Target { id: name.id, key: keys.of(name.id, name.unique), unique: name.unique, function: name.function }
    }
}

impl<'a> Segment<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Takes a change. False: it has to wait for the next segment.
    pub(crate) fn push(&mut self, change: &Change<'a>, keys: &RowKeys) -> bool {
        let things = things(change);
        let full = self.touched.len() >= CHANGES || self.bytes >= BYTES;
        if !self.is_empty() && (full || things.iter().flatten().any(|thing| self.touched.contains(thing))) {
            return false;
        }
        self.touched.extend(things.into_iter().flatten());
        let target = |name: &Name<'a>| Target::new(name, keys);
        match change {
            Change::Add(row) => self.add(row, keys),
            Change::Done(name) => self.removed.push(target(name)),
            Change::Retry { name, tries, first_ms, due_ms } => {
                let (tries, first_ms, due_ms) = (*tries, *first_ms, *due_ms);
                self.retried.push(Retry { target: target(name), tries, first_ms, due_ms });
            }
            Change::Bury(letter) => {
                self.bytes += letter.row.data.len();
                self.removed.push(target(&letter.row.name));
                self.buried.push(*letter);
            }
            Change::Forget(id) => self.forgotten.push(*id),
            Change::Revive(row) => {
                self.forgotten.push(row.name.id);
                self.add(row, keys);
            }
            Change::Set(setting) => self.set.push(*setting),
            Change::Unset(key) => self.unset.push(key),
        }
        true
    }

    fn add(&mut self, row: &Row<'a>, keys: &RowKeys) {
        self.bytes += row.data.len();
        self.added.push((Target::new(&row.name, keys), *row));
    }
}

/// What a change is about.
fn things<'a>(change: &Change<'a>) -> [Option<Thing<'a>>; 2] {
    match change {
        Change::Add(Row { name, .. })
        | Change::Done(name)
        | Change::Retry { name, .. }
        | Change::Bury(DeadLetter { row: Row { name, .. }, .. })
        | Change::Revive(Row { name, .. }) => {
            let own = !matches!(name.unique, b"" | b"-");
            [Some(Thing::Id(name.id)), own.then_some(Thing::Key(name.unique, name.function))]
        }
        Change::Forget(id) => [Some(Thing::Id(*id)), None],
        Change::Set(Setting { key, .. }) | Change::Unset(key) => [Some(Thing::Setting(key)), None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::Extras;
    use gearman_core::protocol::message::Priority;

    fn row<'a>(id: u64, unique: &'a [u8]) -> Row<'a> {
        let name = Name { id, unique, function: b"f" };
        Row { name, priority: Priority::Normal, data: b"x", due_ms: 0, extras: Extras::default() }
    }

    #[test]
    fn what_is_of_the_same_job_is_never_in_one_segment() {
        let keys = RowKeys::default();
        let mut segment = Segment::default();
        let letter = DeadLetter { row: row(4, b""), last_ms: 0, reason: b"fail", text: b"", worker: b"" };
        for change in [
            Change::Add(row(1, b"a")),
            Change::Add(row(2, b"")),
            Change::Add(row(3, b"")),
            Change::Bury(letter),
            Change::Set(Setting { key: b"k", value: b"v" }),
            Change::Unset(b"other"),
            Change::Forget(9),
        ] {
            assert!(segment.push(&change, &keys), "{change:?}");
        }
        let again = Name { id: 2, unique: b"", function: b"f" };
        for change in [
            Change::Add(row(7, b"a")),
            Change::Done(again),
            Change::Forget(4),
            Change::Revive(row(9, b"")),
            Change::Set(Setting { key: b"other", value: b"" }),
        ] {
            assert!(!segment.push(&change, &keys), "{change:?}");
        }
        assert_eq!((segment.added.len(), segment.removed.len(), segment.buried.len()), (3, 1, 1));
    }

    #[test]
    fn a_segment_is_bounded_and_takes_a_large_job_all_the_same() {
        let keys = RowKeys::default();
        let large = vec![0; 2 * BYTES];
        let mut segment = Segment::default();
        assert!(segment.push(&Change::Add(Row { data: &large, ..row(1, b"") }), &keys));
        assert!(!segment.push(&Change::Add(row(2, b"")), &keys));
    }
}
