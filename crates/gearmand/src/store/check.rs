//! What the store promises, for tests and fuzzing: they look after each step.

// A promise that is broken ends a test.
#![allow(clippy::panic, clippy::unwrap_used)]

use crate::job::State;
use crate::queue::AHEAD;
use crate::slab::NONE;
use crate::store::Store;
use crate::workers::OVERDUE;
use gearman_core::protocol::message::Priority;
use std::collections::{HashMap, HashSet};

/// What the module promises, seen from every side.
pub(crate) fn check(store: &Store) {
    let jobs = &store.jobs.slab;
    let mut placed = HashSet::new();
    let mut count: HashMap<u32, (u32, u32)> = HashMap::new();
    for (id, job) in jobs.iter() {
        let counted = count.entry(job.function).or_default();
        counted.0 += 1;
        counted.1 += u32::from(job.state == State::Running);
        assert_eq!(store.jobs.by_number(job.number), Some(id));
        let keyless = matches!((job.unique(), job.workload()), (b"", _) | (b"-", b""));
        let same = store.jobs.by_unique(job.function, job.unique(), job.workload());
        assert_eq!(same, (!keyless).then_some(id), "one job of a key");
        assert!(job.background || job.waiters != NONE || job.state == State::Running, "nobody waits for it");
    }
    for (id, function) in store.functions.iter() {
        assert_eq!((function.total, function.running), count.get(&id).copied().unwrap_or_default());
        let able = store.peers.iter().filter(|(_, p)| p.ability(id).is_some()).count();
        assert_eq!(function.workers as usize, able);
        let mut queue = function.queue.clone();
        for priority in Priority::ALL {
            let passed = queue.passed(priority);
            assert!(passed <= AHEAD && (passed == 0 || queue.len_of(priority) > 0), "{passed} went before nobody");
            let (mut next, mut n) = (queue.list(priority).head, 0);
            while next != NONE {
                let job = &jobs[next];
                assert_eq!((job.state, job.function, job.priority), (State::Queued, id, priority));
                assert!(placed.insert(next), "in two places");
                (next, n) = (job.next, n + 1);
            }
            assert_eq!(queue.list(priority).len(), n);
        }
        let queued: u32 = Priority::ALL.into_iter().map(|p| function.queue.len_of(p)).sum();
        let asleep = store.peers.iter().any(|(_, p)| p.asleep != 0 && p.ability(id).is_some());
        let round_goes_on = !store.asking.is_empty() || !store.called.is_empty();
        if asleep && !store.draining && !round_goes_on {
            let woken = store.peers.iter().filter(|(_, p)| p.woken == id).count();
            assert!(woken >= queued as usize, "{queued} jobs wait, {woken} are awake for them, somebody sleeps");
        }
    }
    for (due, id) in &store.delayed {
        let job = &jobs[*id];
        assert_eq!((job.state, job.extra.as_ref().unwrap().due), (State::Delayed, *due));
        assert!(placed.insert(*id), "in two places");
    }
    let storing = jobs.iter().filter(|(_, job)| job.state == State::Storing);
    for (id, job) in storing {
        assert!(store.journal.batch_of(job.number).is_some() && job.stored && job.background);
        assert!(placed.insert(id), "in two places");
    }
    for (_, peer) in store.peers.iter().filter(|(_, p)| p.asleep != 0) {
        assert_eq!(peer.woken, NONE, "who sleeps was not woken since");
    }
    for (id, peer) in store.peers.iter().filter(|(_, p)| p.woken != NONE && !p.asking) {
        let waited_for = store.wakeups.iter().any(|w| w.peer == id && w.slept == peer.slept);
        assert!(waited_for, "nobody sees when connection {id} does not answer");
    }
    for step in store.wakeups.steps() {
        assert!(step.is_sorted_by_key(|wakeup| wakeup.when), "who was woken later is given up earlier");
    }
    for (id, peer) in store.peers.iter() {
        let twice = peer.overdue.iter().any(|n| peer.overdue.iter().filter(|m| *m == n).count() > 1);
        assert!(!twice && peer.overdue.len() <= OVERDUE, "connection {id}: {:?}", peer.overdue);
    }
    let mut running = 0;
    for (peer, state) in store.peers.iter() {
        let (mut next, mut n) = (state.running.head, 0);
        while next != NONE {
            let job = &jobs[next];
            assert_eq!((job.state, job.worker), (State::Running, peer));
            assert!(placed.insert(next), "in two places");
            (next, n) = (job.next, n + 1);
        }
        assert_eq!(state.running.len(), n);
        running += n as usize;
    }
    assert_eq!(store.running, running);
    assert_eq!(placed.len(), jobs.len(), "a job is nowhere");
    for (when, id) in &store.deadlines {
        let job = &jobs[*id];
        assert_eq!(job.extra.as_ref().unwrap().deadline, Some(*when));
        assert_eq!(store.peers[job.worker].running.head, *id, "only the one it is on");
    }
    let by_job: usize = jobs.iter().map(|(_, job)| store.waiters_of(job).count()).sum();
    let by_peer: usize = store.peers.iter().map(|(_, peer)| waits(store, peer.waits)).sum();
    assert_eq!((by_job, by_peer), (store.waiters.len(), store.waiters.len()));
}

fn waits(store: &Store, mut next: u32) -> usize {
    let mut n = 0;
    while let Some(waiter) = store.waiters.get(next) {
        (next, n) = (waiter.peer_next, n + 1);
    }
    n
}
