//! What every backend has to do, with changes by lot: each runs [`conform`] against queues of its own.

pub(crate) mod certificate;
#[allow(dead_code, reason = "tests of the program take the rest")]
#[path = "../../../tests/databases.rs"]
pub(crate) mod databases;
pub(crate) mod suite;

use crate::durable::recovery::recover;
use crate::durable::{Backend, BackendError, Change, DeadLetter, Extras, Name, Record, Row, Setting};
use gearman_core::protocol::message::Priority;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A row in memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) unique: Vec<u8>,
    pub(crate) function: Vec<u8>,
    pub(crate) priority: Priority,
    pub(crate) data: Vec<u8>,
    pub(crate) due_ms: u64,
    pub(crate) reducer: Option<Vec<u8>>,
    pub(crate) tries: u16,
    pub(crate) first_ms: u64,
}

impl Stored {
    pub(crate) fn name(&self) -> Name<'_> {
        Name { id: self.id, unique: &self.unique, function: &self.function }
    }

    pub(crate) fn row(&self) -> Row<'_> {
        let extras = Extras { reducer: self.reducer.as_deref(), tries: self.tries, first_ms: self.first_ms };
        Row { name: self.name(), priority: self.priority, data: &self.data, due_ms: self.due_ms, extras }
    }

    fn of(row: &Row<'_>) -> Stored {
        let Name { id, unique, function } = row.name;
        Stored {
            id,
            unique: unique.to_vec(),
            function: function.to_vec(),
            priority: row.priority,
            data: row.data.to_vec(),
            due_ms: row.due_ms,
            reducer: row.extras.reducer.map(<[u8]>::to_vec),
            tries: row.extras.tries,
            first_ms: row.extras.first_ms,
        }
    }

    /// Clients have given it this key, of which there is one at a time in each function.
    fn has_key_of(&self, other: &Stored) -> bool {
        !matches!(&self.unique[..], b"" | b"-") && (&self.unique, &self.function) == (&other.unique, &other.function)
    }
}

/// A dead letter in memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) job: Stored,
    pub(crate) last_ms: u64,
    pub(crate) text: Vec<u8>,
}

impl Letter {
    /// As it is written. Two parts follow from the others.
    pub(crate) fn letter(&self) -> DeadLetter<'_> {
        let reason = if self.text.is_empty() { &b"fail"[..] } else { b"exception" };
        DeadLetter { row: self.job.row(), last_ms: self.last_ms, reason, text: &self.text, worker: &self.job.function }
    }

    fn of(letter: &DeadLetter<'_>) -> Letter {
        let read = Letter { job: Stored::of(&letter.row), last_ms: letter.last_ms, text: letter.text.to_vec() };
        assert_eq!(read.letter(), *letter);
        read
    }
}

/// All that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) jobs: Vec<Stored>,
    pub(crate) dead: Vec<Letter>,
    pub(crate) settings: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// All that is stored, and the last id that is taken.
pub(crate) fn read_all(queue: &mut dyn Backend) -> Result<(Contents, u64), BackendError> {
    let mut all = Contents::default();
    let last = recover(queue, &mut |record| {
        match record {
            Record::Setting(setting) => {
                assert!(all.jobs.is_empty() && all.dead.is_empty(), "settings come first");
                assert_eq!(all.settings.insert(setting.key.into(), setting.value.into()), None);
            }
            Record::Dead(letter) => {
                assert!(all.jobs.is_empty(), "dead letters come before jobs");
                all.dead.push(Letter::of(letter));
            }
            Record::Job(row) => all.jobs.push(Stored::of(row)),
        }
        Ok(())
    })?;
    Ok((all, last))
}

/// All jobs that are stored, and the last id that is taken.
pub(crate) fn read(queue: &mut dyn Backend) -> (Vec<Stored>, u64) {
    let (all, last) = read_all(queue).unwrap();
    (all.jobs, last)
}

/// The jobs that a client submits. Those with an id of 0 are to get one.
pub(crate) fn jobs() -> impl Strategy<Value = Stored> {
    let unique = prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(b"-".to_vec()),
        4 => prop::sample::select(vec!["a", "b", "c"]).prop_map(|key| key.into()),
        1 => prop::collection::vec(any::<u8>(), 1..=64),
    ];
    let function = prop::sample::select(vec![b"f".to_vec(), b"g\xff".to_vec()]);
    let data = prop::collection::vec(any::<u8>(), 0..20);
    let due_ms = prop_oneof![Just(0), Just(4_000_000_000_000)];
    let reducer = prop::option::of(prop_oneof![Just(b"join".to_vec()), Just(Vec::new())]);
    let all = (unique, function, prop::sample::select(Priority::ALL.to_vec()), data, due_ms, reducer);
    all.prop_map(|(unique, function, priority, data, due_ms, reducer)| Stored {
        unique,
        function,
        priority,
        data,
        due_ms,
        reducer,
        ..nobody()
    })
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add(Stored),
    /// One of those that are kept; or of those that are not, where there are none. So are the next four.
    Done(prop::sample::Index),
    /// So many milliseconds after 2 000 000 000 seconds.
    Retry(prop::sample::Index, u64),
    Bury(prop::sample::Index, u64, Vec<u8>),
    Forget(prop::sample::Index),
    Revive(prop::sample::Index),
    Set(u8, Vec<u8>),
    Unset(u8),
    Commit,
    /// What is not committed is lost.
    Restart,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (index, bytes) = (any::<prop::sample::Index>, || prop::collection::vec(any::<u8>(), 0..10));
    let step = prop_oneof![
        8 => jobs().prop_map(Step::Add),
        4 => index().prop_map(Step::Done),
        4 => (index(), 0..5000u64).prop_map(|(index, ms)| Step::Retry(index, ms)),
        3 => (index(), 0..5u64, bytes()).prop_map(|(index, ms, text)| Step::Bury(index, ms, text)),
        1 => index().prop_map(Step::Forget),
        2 => index().prop_map(Step::Revive),
        1 => (0..3u8, bytes()).prop_map(|(key, value)| Step::Set(key, value)),
        1 => (0..3u8).prop_map(Step::Unset),
        4 => Just(Step::Commit),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// A change in memory of its own.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    Add(Stored),
    Done(Stored),
    Retry(Stored),
    Bury(Letter),
    Forget(u64),
    Revive(Stored),
    Set(Vec<u8>, Vec<u8>),
    Unset(Vec<u8>),
}

impl Made {
    pub(crate) fn change(&self) -> Change<'_> {
        match self {
            Made::Add(job) => Change::Add(job.row()),
            Made::Done(job) => Change::Done(job.name()),
            Made::Retry(job) => {
                Change::Retry { name: job.name(), tries: job.tries, first_ms: job.first_ms, due_ms: job.due_ms }
            }
            Made::Bury(letter) => Change::Bury(letter.letter()),
            Made::Forget(id) => Change::Forget(*id),
            Made::Revive(job) => Change::Revive(job.row()),
            Made::Set(key, value) => Change::Set(Setting { key, value }),
            Made::Unset(key) => Change::Unset(key),
        }
    }
}

/// What a queue should have, as the changes are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<u64, Stored>,
    pub(crate) dead: BTreeMap<u64, Letter>,
    settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The last id.
    last: u64,
}

impl Model {
    /// Goes on with what was read.
    pub(crate) fn of(all: Contents, last: u64) -> Model {
        let jobs = all.jobs.into_iter().map(|job| (job.id, job)).collect();
        let dead = all.dead.into_iter().map(|letter| (letter.job.id, letter)).collect();
        Model { jobs, dead, settings: all.settings, last }
    }

    pub(crate) fn contents(&self) -> Contents {
        let mut dead: Vec<_> = self.dead.values().cloned().collect();
        dead.sort_by_key(|letter| (letter.last_ms, letter.job.id));
        Contents { jobs: self.jobs.values().cloned().collect(), dead, settings: self.settings.clone() }
    }

    fn job(&self, index: &prop::sample::Index) -> Stored {
        let jobs: Vec<_> = self.jobs.values().collect();
        if jobs.is_empty() { Stored { id: self.last + 1, ..nobody() } } else { (*index.get(&jobs)).clone() }
    }

    fn letter(&self, index: &prop::sample::Index) -> Option<Letter> {
        let dead: Vec<_> = self.dead.values().collect();
        (!dead.is_empty()).then(|| (*index.get(&dead)).clone())
    }

    /// What a broker makes of a step, if anything.
    pub(crate) fn make(&mut self, step: Step) -> Option<Made> {
        let is_free = |job: &Stored| !self.jobs.values().any(|other| job.has_key_of(other));
        Some(match step {
            Step::Add(job) => {
                let job = Some(job).filter(is_free)?;
                self.last += 1;
                let job = Stored { id: self.last, ..job };
                self.jobs.insert(job.id, job.clone());
                Made::Add(job)
            }
            Step::Done(index) => {
                let job = self.job(&index);
                self.jobs.remove(&job.id);
                Made::Done(job)
            }
            Step::Retry(index, ms) => {
                let job = self.job(&index);
                let first_ms = if job.tries == 0 { 2_000_000_000_000 } else { job.first_ms };
                let job = Stored { tries: job.tries + 1, first_ms, due_ms: 2_000_000_000_000 + ms, ..job };
                if let Some(kept) = self.jobs.get_mut(&job.id) {
                    kept.clone_from(&job);
                }
                Made::Retry(job)
            }
            Step::Bury(index, ms, text) => {
                let job = self.job(&index);
                self.jobs.remove(&job.id);
                self.last = self.last.max(job.id);
                let letter = Letter { job: Stored { due_ms: 0, ..job }, last_ms: 2_000_000_000_000 + ms, text };
                self.dead.insert(letter.job.id, letter.clone());
                Made::Bury(letter)
            }
            Step::Forget(index) => {
                let id = self.letter(&index).map_or(self.last + 1, |letter| letter.job.id);
                self.dead.remove(&id);
                Made::Forget(id)
            }
            Step::Revive(index) => {
                let job = Stored { tries: 0, first_ms: 0, ..self.letter(&index)?.job };
                let job = Some(job).filter(is_free)?;
                self.dead.remove(&job.id);
                self.jobs.insert(job.id, job.clone());
                Made::Revive(job)
            }
            Step::Set(key, value) => {
                self.settings.insert(vec![key], value.clone());
                Made::Set(vec![key], value)
            }
            Step::Unset(key) => {
                self.settings.remove(&vec![key]);
                Made::Unset(vec![key])
            }
            Step::Commit | Step::Restart => return None,
        })
    }
}

/// After a restart there is what was committed, all of it and as it was, in its order; ids are not given twice.
pub(crate) fn conform(steps: Vec<Step>, open: impl Fn() -> Box<dyn Backend>) {
    let mut queue = open();
    let mut kept = Model::default();
    let mut committed = kept.contents();
    let mut changes = Vec::new();
    for step in steps.into_iter().chain([Step::Commit, Step::Restart]) {
        match step {
            Step::Commit => {
                queue.commit(&mut changes.iter().map(Made::change)).unwrap();
                (committed, changes) = (kept.contents(), Vec::new());
            }
            Step::Restart => {
                drop(queue);
                queue = open();
                let (all, taken) = read_all(&mut *queue).unwrap();
                assert_eq!(all, committed);
                (kept, changes) = (Model::of(all, taken), Vec::new());
                assert!(kept.jobs.keys().chain(kept.dead.keys()).all(|id| *id <= taken));
            }
            step => changes.extend(kept.make(step)),
        }
    }
}

/// A job that is not there.
fn nobody() -> Stored {
    Stored {
        id: 0,
        unique: b"gone".to_vec(),
        function: b"h".to_vec(),
        priority: Priority::Normal,
        data: Vec::new(),
        due_ms: 0,
        reducer: None,
        tries: 0,
        first_ms: 0,
    }
}
