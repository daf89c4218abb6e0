//! A disk for the broker: a map, which is asked to store, or fails, when the test says so.

use super::*;
use crate::durable::batch::{Batch, BatchResult};
use crate::durable::{Change, DeadLetter, Extras, Name, Record, Row, Setting};
use std::collections::BTreeMap;

/// A row, without its id.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) unique: Vec<u8>,
    pub(super) function: Vec<u8>,
    pub(super) priority: Priority,
    pub(super) data: Vec<u8>,
    pub(super) due_ms: u64,
    pub(super) reducer: Option<Vec<u8>>,
    pub(super) tries: u16,
    pub(super) first_ms: u64,
}

/// What a dead letter has beside its job.
#[derive(Clone, Debug)]
pub(super) struct Death {
    pub(super) last_ms: u64,
    pub(super) reason: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) worker: Vec<u8>,
}

/// A store, and the disk that its batches go to.
pub(super) struct Disk {
    pub(super) b: Bench,
    /// By id, in the order of replay.
    pub(super) rows: BTreeMap<u64, Stored>,
    /// Dead letters, in the order of replay.
    pub(super) dead: Vec<(u64, Stored, Death)>,
    pub(super) settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Changes that could not be made, each of which is once it can be.
    pub(super) kept: Vec<Batch>,
    /// Batches on their way.
    pub(super) way: Vec<Batch>,
}

impl Disk {
    pub(super) fn new() -> Disk {
        let b = Bench::with(|rules| rules.durable = Durable::Always);
        let (dead, settings, kept) = (Vec::new(), BTreeMap::new(), Vec::new());
        Disk { b, rows: BTreeMap::new(), dead, settings, kept, way: Vec::new() }
    }

    /// With a client, and a worker of `f`.
    pub(super) fn with_pair() -> (Disk, u32, u32) {
        let mut d = Disk::new();
        let (client, worker) = d.b.pair();
        (d, client, worker)
    }

    /// The batch so far is stored.
    pub(super) fn commit(&mut self) {
        self.take();
        self.settle_all(true);
    }

    /// It is not, because the disk is full.
    pub(super) fn fail(&mut self) {
        self.take();
        self.settle_all(false);
    }

    /// The batch so far is on its way.
    pub(super) fn take(&mut self) {
        self.way.extend(self.b.broker.take_changes());
    }

    /// All batches on their way go with one commit, after what is kept. On a full disk jobs are refused, and changes kept.
    pub(super) fn settle_all(&mut self, good: bool) {
        let way = std::mem::take(&mut self.way);
        let Some(last) = way.last().map(|batch| batch.number) else { return };
        self.kept.extend(way);
        if good {
            for batch in std::mem::take(&mut self.kept) {
                batch.changes().for_each(|change| self.make(&change));
            }
            return self.settle(BatchResult { batch: last, added: true, done: true, ..BatchResult::default() });
        }
        let mut left = Batch::default();
        let adds = |change: &Change<'_>| matches!(change, Change::Add(_));
        let refused = self.kept.iter().flat_map(Batch::changes).any(|change| adds(&change));
        let kept = std::mem::take(&mut self.kept);
        kept.iter().flat_map(Batch::changes).filter(|change| !adds(change)).for_each(|change| left.keep(&change));
        let done = left.is_empty();
        self.kept.push(left);
        self.settle(BatchResult { batch: last, added: !refused, done, ..BatchResult::default() });
    }

    pub(super) fn make(&mut self, change: &Change<'_>) {
        match change {
            Change::Add(row) => self.write(row),
            Change::Done(name) => self.erase(name),
            Change::Retry { name, tries, first_ms, due_ms } => {
                if let Some(row) = self.rows.get_mut(&name.id) {
                    assert!(row.tries < *tries && *first_ms > 0, "tries never go down");
                    (row.tries, row.first_ms, row.due_ms) = (*tries, *first_ms, *due_ms);
                }
            }
            Change::Bury(letter) => {
                self.erase(&letter.row.name);
                let DeadLetter { row, last_ms, reason, text, worker } = letter;
                let (reason, text, worker) = (reason.to_vec(), text.to_vec(), worker.to_vec());
                self.dead.push((row.name.id, stored(row), Death { last_ms: *last_ms, reason, text, worker }));
            }
            Change::Forget(id) => self.dead.retain(|(other, ..)| other != id),
            Change::Revive(row) => {
                assert!(self.dead.iter().any(|(id, ..)| *id == row.name.id));
                self.dead.retain(|(id, ..)| *id != row.name.id);
                self.write(row);
            }
            Change::Set(setting) => drop(self.settings.insert(setting.key.to_vec(), setting.value.to_vec())),
            Change::Unset(key) => drop(self.settings.remove(*key)),
        }
    }

    /// A backend may look for any of its names.
    pub(super) fn erase(&mut self, name: &Name<'_>) {
        let row = self.rows.remove(&name.id);
        assert!(row.is_none_or(|row| (&row.unique[..], &row.function[..]) == (name.unique, name.function)));
    }

    pub(super) fn write(&mut self, row: &Row<'_>) {
        let Name { id, unique, function } = row.name;
        let keyless = matches!(unique, b"" | b"-");
        self.rows.retain(|_, other| keyless || (&other.unique[..], &other.function[..]) != (unique, function));
        assert!(self.rows.insert(id, stored(row)).is_none(), "two jobs of one id");
    }

    pub(super) fn settle(&mut self, result: BatchResult) {
        let Bench { broker, outgoing, now } = &mut self.b;
        broker.settle(now, result, outgoing);
        self.b.end_round();
    }

    /// kill -9, and a new server.
    pub(super) fn restart(&mut self) {
        let now = self.b.now;
        self.way.clear();
        self.kept.clear();
        self.b = Bench::with(|rules| rules.durable = Durable::Always);
        self.b.now = now;
        let broker = &mut self.b.broker;
        for (key, value) in &self.settings {
            broker.restore(&now, &Record::Setting(Setting { key, value })).unwrap();
        }
        for (id, stored, death) in &self.dead {
            let Death { last_ms, reason, text, worker } = death;
            let letter = DeadLetter { row: stored.row(*id), last_ms: *last_ms, reason, text, worker };
            broker.restore(&now, &Record::Dead(letter)).unwrap();
        }
        for (id, stored) in &self.rows {
            broker.restore(&now, &Record::Job(stored.row(*id))).unwrap();
        }
        let dead = self.dead.iter().map(|(id, ..)| id);
        let last = self.rows.keys().chain(dead).max().copied().unwrap_or_default();
        broker.restored(&now, last);
        self.b.end_round();
        check(&self.b);
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> =
            self.rows.values().map(|row| format!("{} {}", show(&row.function), show(&row.unique))).collect();
        keys.sort();
        keys
    }
}

impl Stored {
    pub(super) fn row(&self, id: u64) -> Row<'_> {
        let name = Name { id, unique: &self.unique, function: &self.function };
        let extras = Extras { reducer: self.reducer.as_deref(), tries: self.tries, first_ms: self.first_ms };
        Row { name, priority: self.priority, data: &self.data, due_ms: self.due_ms, extras }
    }
}

fn stored(row: &Row<'_>) -> Stored {
    Stored {
        unique: row.name.unique.to_vec(),
        function: row.name.function.to_vec(),
        priority: row.priority,
        data: row.data.to_vec(),
        due_ms: row.due_ms,
        reducer: row.extras.reducer.map(<[u8]>::to_vec),
        tries: row.extras.tries,
        first_ms: row.extras.first_ms,
    }
}

pub(super) fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
