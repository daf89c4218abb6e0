//! What every backend has to do, with changes by lot: each runs [`conform`] against queues of its own.

use crate::durable::recovery::recover;
use crate::durable::{Backend, Change, Extras, Name, Record, Row};
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
}

impl Stored {
    pub(crate) fn name(&self) -> Name<'_> {
        Name { id: self.id, unique: &self.unique, function: &self.function }
    }

    pub(crate) fn row(&self) -> Row<'_> {
        let extras = Extras { reducer: self.reducer.as_deref(), ..Extras::default() };
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
        }
    }
}

/// All that is stored, and the last id that is taken.
pub(crate) fn read(queue: &mut dyn Backend) -> (Vec<Stored>, u64) {
    let mut rows = Vec::new();
    let last = recover(queue, &mut |record| {
        if let Record::Job(row) = record {
            rows.push(Stored::of(row));
        }
        Ok(())
    });
    (rows, last.unwrap())
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
        id: 0,
        unique,
        function,
        priority,
        data,
        due_ms,
        reducer,
    })
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add(Stored),
    /// One of those that are kept; or of those that are not, where there are none.
    Done(prop::sample::Index),
    Commit,
    /// What is not committed is lost.
    Restart,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => jobs().prop_map(Step::Add),
        4 => any::<prop::sample::Index>().prop_map(Step::Done),
        3 => Just(Step::Commit),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// After a restart there is what was committed, all of it and as it was, in its order; ids are not given twice.
pub(crate) fn conform<B: Backend>(steps: Vec<Step>, open: impl Fn() -> B) {
    let mut queue = open();
    let mut kept: BTreeMap<u64, Stored> = BTreeMap::new();
    let mut committed = kept.clone();
    let mut changes: Vec<(bool, Stored)> = Vec::new();
    let mut last = 0;
    for step in steps.into_iter().chain([Step::Commit, Step::Restart]) {
        match step {
            Step::Add(mut job) => {
                // A client's key is of one job at a time: the broker sees to that.
                let same = |other: &Stored| (&other.unique, &other.function) == (&job.unique, &job.function);
                if matches!(&job.unique[..], b"" | b"-") || !kept.values().any(same) {
                    last += 1;
                    job.id = last;
                    kept.insert(last, job.clone());
                    changes.push((true, job));
                }
            }
            Step::Done(index) => {
                let ids: Vec<u64> = kept.keys().copied().collect();
                let nobody = Stored { id: last + 1, ..crate::durable::tests::nobody() };
                let job = (!ids.is_empty()).then(|| index.get(&ids)).and_then(|id| kept.remove(id));
                changes.push((false, job.unwrap_or(nobody)));
            }
            Step::Commit => {
                let mut all = changes.iter().map(|(add, job)| match add {
                    true => Change::Add(job.row()),
                    false => Change::Done(job.name()),
                });
                queue.commit(&mut all).unwrap();
                (committed, changes) = (kept.clone(), Vec::new());
            }
            Step::Restart => {
                drop(queue);
                queue = open();
                let (rows, taken) = read(&mut queue);
                assert_eq!(rows, committed.values().cloned().collect::<Vec<_>>());
                assert!(committed.keys().all(|id| *id <= taken));
                (kept, changes, last) = (committed.clone(), Vec::new(), taken);
            }
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
    }
}
