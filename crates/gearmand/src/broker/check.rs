//! What the broker promises, for tests and fuzzing: they look after each step.

// A promise that is broken ends a test.
#![allow(clippy::panic, clippy::unwrap_used)]

use crate::broker::activity::End;
use crate::broker::arena::NONE;
use crate::broker::assign::sleeps;
use crate::broker::jobs::State;
use crate::broker::policy::Policy;
use crate::broker::queue::AHEAD;
use crate::broker::sessions::{OVERDUE, Role, Session};
use crate::broker::{Broker, Now};
use gearman_core::protocol::message::Priority;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Policies of all kinds, the last of which takes all back.
pub(crate) const POLICIES: [&str; 26] = [
    "retries=1 backoff=1s~50% dead-letters=2",
    "retries=2 backoff=0 retry-on=all",
    "retries=3 backoff=1ms*2<1s retry-on=fail,timeout dead-letters=3,4s",
    "retry-on=death,exception",
    "dead-letters=1",
    "dead-letters=0",
    "retries= retry-on= backoff= dead-letters=",
    "concurrency=1",
    "concurrency=3",
    "concurrency=",
    "paused=yes",
    "paused=no",
    "paused=",
    "rate=1/s",
    "rate=300/s+2",
    "rate=1/d+5",
    "rate=",
    "concurrency=2 rate=10/s",
    "max-queue=3 timeout=2",
    "max-queue= timeout=",
    "timeout=0",
    "rate= concurrency= paused= timeout= max-queue=",
    "unique-for=3s",
    "unique-for=1m keep-results=2",
    "keep-results=10,2s",
    "unique-for= keep-results=",
];

/// What fuzzing knows of a job before it goes on.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) background: bool,
    /// Whoever runs it.
    pub(crate) worker: Option<u32>,
    /// Connections from which a timeout took it.
    pub(crate) overdue: Vec<u32>,
    pub(crate) function: Arc<[u8]>,
    pub(crate) waiters: Vec<u32>,
}

/// All jobs, by number.
pub(crate) fn known(broker: &Broker) -> BTreeMap<u64, Known> {
    let known = broker.jobs.arena.iter().map(|(_, job)| {
        let overdue = broker.sessions.iter().filter(|(_, session)| session.overdue.contains(&job.number));
        let known = Known {
            background: job.background,
            worker: (job.state == State::Running).then_some(job.worker),
            overdue: overdue.map(|(id, _)| id).collect(),
            function: broker.functions[job.function].name.clone(),
            waiters: broker.waiters_of(job).collect(),
        };
        (job.number, known)
    });
    known.collect()
}

/// After the end of a round, no question is without its answer.
pub(crate) fn check_round(broker: &Broker, now: &Now) {
    check(broker, now);
    assert!(broker.asking.is_empty() && broker.called.is_empty() && broker.asking_proxies.is_empty());
    assert!(broker.sessions.iter().all(|(_, session)| !session.asking), "a question has no answer");
}

/// When all connections have left, nothing of them is left.
pub(crate) fn check_left(broker: &Broker) {
    assert_eq!((broker.running, broker.waiters.len(), broker.sessions.len()), (0, 0, 0));
}

/// What the module promises, seen from every side.
pub(crate) fn check(broker: &Broker, now: &Now) {
    let jobs = &broker.jobs.arena;
    let mut placed = HashSet::new();
    let mut count: HashMap<u32, (u32, u32, u32)> = HashMap::new();
    for (id, job) in jobs.iter() {
        let counted = count.entry(job.function).or_default();
        counted.0 += 1;
        counted.1 += u32::from(job.state == State::Running);
        counted.2 += u32::from(job.state == State::Delayed);
        assert_eq!(broker.jobs.by_number(job.number), Some(id));
        let keyless = matches!((job.unique(), job.workload()), (b"", _) | (b"-", b""));
        let same = broker.jobs.by_unique(job.function, job.unique(), job.workload());
        match job.is_forwarded() {
            true => assert_ne!(same, Some(id), "its own server sees to its key"),
            false => assert_eq!(same, (!keyless).then_some(id), "one job of a key"),
        }
        if job.state == State::Running && broker.sessions[job.worker].role == Role::Proxy {
            assert!(!job.is_forwarded(), "forwarded twice");
        }
        assert!(job.background || job.waiters != NONE || job.state == State::Running, "nobody waits for it");
    }
    for (id, function) in broker.functions.iter() {
        let counts = (function.total, function.running, function.delayed);
        assert_eq!(counts, count.get(&id).copied().unwrap_or_default());
        if let Some(activity) = &function.activity {
            let ended: u64 = End::ALL.into_iter().map(|end| activity.ended(end)).sum();
            assert_eq!(
                activity.submitted + activity.restored + activity.revived,
                ended + u64::from(function.total),
                "{activity:?}"
            );
            let waited: u64 = activity.waited.buckets().map(|(_, count)| count).sum();
            assert_eq!(waited, activity.assigned);
            assert!(activity.assigned >= activity.timed_out + activity.given_back + u64::from(function.running));
        } else {
            assert_eq!(function.total, 0);
        }
        let able = broker.sessions.iter().filter(|(_, p)| p.ability(id).is_some()).count();
        assert_eq!(function.workers as usize, able);
        let sleeping = broker.sessions.iter().filter(|(_, p)| p.asleep != 0 && p.ability(id).is_some()).count();
        let valid = sleeps(&broker.sessions, id);
        let places = function.sleepers().filter(|(number, session)| valid(*number, *session)).count();
        assert_eq!(places, sleeping, "who sleeps has one place");
        let mut queue = function.queue.clone();
        // Jobs in front of the first that was forwarded: no more are for proxies.
        let (mut ahead, mut for_proxies) = (true, 0);
        for priority in Priority::ALL {
            let passed = queue.passed(priority);
            assert!(passed <= AHEAD && (passed == 0 || queue.len_of(priority) > 0), "{passed} went before nobody");
            let (mut next, mut n) = (queue.list(priority).head, 0);
            while next != NONE {
                let job = &jobs[next];
                for_proxies += u32::from(ahead && !job.is_forwarded());
                ahead &= !job.is_forwarded();
                assert_eq!((job.state, job.function, job.priority), (State::Queued, id, priority));
                assert!(placed.insert(next), "in two places");
                (next, n) = (job.next, n + 1);
            }
            assert_eq!(queue.list(priority).len(), n);
        }
        let woken = broker.sessions.iter().filter(|(_, p)| p.woken == id).count();
        assert_eq!(function.woken as usize, woken);
        let queued: u32 = Priority::ALL.into_iter().map(|p| function.queue.len_of(p)).sum();
        // Proxies wait while one that was forwarded is next.
        let proxies_wait = function.queue.next().is_some_and(|next| jobs[next.job].is_forwarded());
        let could = |p: &Session| p.role != Role::Proxy || !proxies_wait;
        let asleep = broker.sessions.iter().any(|(_, p)| p.asleep != 0 && p.ability(id).is_some() && could(p));
        let round_goes_on = !broker.asking.is_empty() || !broker.called.is_empty() || !broker.asking_proxies.is_empty();
        if asleep && !broker.draining && !round_goes_on {
            let woken = function.woken;
            let room = function.limiter.as_ref().map_or(u32::MAX, |limiter| limiter.room(now.steady, function.running));
            let due = function.limiter.as_ref().and_then(|limiter| limiter.timer()).is_some_and(|w| w <= now.steady);
            let own_sleeps =
                broker.sessions.iter().any(|(_, p)| p.role != Role::Proxy && p.asleep != 0 && p.ability(id).is_some());
            let jobs = if own_sleeps { queued } else { for_proxies }.min(room);
            assert!(woken >= jobs || due, "{jobs} jobs may begin, {woken} are awake for them, somebody sleeps");
            check_timer(broker, id, now);
        }
    }
    broker.dead.check();
    broker.taken.check();
    broker.kept.check();
    for (_, letter) in broker.dead.range(0) {
        assert_eq!(broker.jobs.by_number(letter.job.number), None, "a job is not dead");
    }
    for (due, number) in &broker.delayed {
        let id = broker.jobs.by_number(*number).unwrap();
        assert_eq!((jobs[id].state, jobs[id].due()), (State::Delayed, Some(*due)));
        assert!(placed.insert(id), "in two places");
    }
    let storing = jobs.iter().filter(|(_, job)| job.state == State::Storing);
    for (id, job) in storing {
        let on_its_way = broker.changes.batch_of(job.number).is_some() || broker.changes.is_changing(job.number);
        assert!(on_its_way && job.stored && job.background);
        assert!(placed.insert(id), "in two places");
    }
    for (_, session) in broker.sessions.iter().filter(|(_, p)| p.asleep != 0) {
        assert_eq!(session.woken, NONE, "who sleeps was not woken since");
    }
    for (id, session) in broker.sessions.iter().filter(|(_, p)| p.woken != NONE && !p.asking) {
        let waited_for = broker.wakeups.iter().any(|w| w.session == id && w.slept == session.slept);
        assert!(waited_for, "nobody sees when connection {id} does not answer");
    }
    for step in broker.wakeups.steps() {
        assert!(step.is_sorted_by_key(|wakeup| wakeup.when), "who was woken later is given up earlier");
    }
    for (id, session) in broker.sessions.iter() {
        let twice = session.overdue.iter().any(|n| session.overdue.iter().filter(|m| *m == n).count() > 1);
        assert!(!twice && session.overdue.len() <= OVERDUE, "connection {id}: {:?}", session.overdue);
    }
    let mut running = 0;
    for (session, state) in broker.sessions.iter() {
        let (mut next, mut n) = (state.running.head, 0);
        while next != NONE {
            let job = &jobs[next];
            assert_eq!((job.state, job.worker), (State::Running, session));
            assert!(placed.insert(next), "in two places");
            (next, n) = (job.next, n + 1);
        }
        assert_eq!(state.running.len(), n);
        running += n as usize;
    }
    assert_eq!(broker.running, running);
    assert_eq!(broker.workers, broker.sessions.iter().filter(|(_, session)| !session.abilities.is_empty()).count());
    assert_eq!(placed.len(), jobs.len(), "a job is nowhere");
    for (when, id) in &broker.deadlines {
        let job = &jobs[*id];
        assert_eq!(job.extra.as_ref().unwrap().deadline, Some(*when));
        assert!(broker.sessions[job.worker].has_come_to(*id), "only those it is on");
    }
    let by_job: usize = jobs.iter().map(|(_, job)| broker.waiters_of(job).count()).sum();
    let by_session: usize = broker.sessions.iter().map(|(_, session)| waits(broker, session.waits)).sum();
    let counted: u32 = broker.sessions.iter().map(|(_, session)| session.waiting).sum();
    let all = broker.waiters.len();
    assert_eq!((by_job, by_session, counted as usize), (all, all, all));
}

/// The timer is set where more of a function's jobs wait for nothing but the rate than workers are on the way. Not while there
/// is a token and no worker for it: whoever takes it sets the timer.
fn check_timer(broker: &Broker, id: u32, now: &Now) {
    let function = &broker.functions[id];
    let Some(limiter) = &function.limiter else { return };
    let timer = limiter.timer();
    assert!(timer.is_none_or(|when| broker.tokens.contains(&(when, id))));
    let waiting = function.queue.len().min(limiter.places(function.running));
    let held = waiting.saturating_sub(function.woken);
    let busy = limiter.room(now.steady, function.running) > function.woken;
    assert!(held == 0 || busy || timer.is_some(), "nobody sees when a token comes for {held} jobs");
}

/// What became of limits from one step to the next: no job begins that one forbids.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// By the function's name.
    functions: BTreeMap<Arc<[u8]>, Watched>,
}

#[derive(Debug)]
struct Watched {
    policy: Policy,
    /// When its rate was set, and how many jobs had begun by then.
    since: Duration,
    begun: u64,
    /// After the last step.
    running: u32,
    assigned: u64,
}

impl Watch {
    /// After each step.
    pub(crate) fn look(&mut self, broker: &Broker, now: &Now) {
        let mut functions = BTreeMap::new();
        for (_, function) in broker.functions.iter() {
            let policy = function.policy.as_deref().cloned().unwrap_or_default();
            let (running, assigned) = (function.running, function.activity.as_ref().map_or(0, |a| a.assigned));
            let before = self.functions.remove(&function.name).filter(|b| b.assigned <= assigned);
            let (mut since, mut begun) = (now.steady, assigned);
            if let Some(before) = &before
                && before.policy == policy
            {
                let most = policy.concurrency().unwrap_or(u32::MAX).max(before.running);
                assert!(running <= most, "{running} run, {most} may");
                assert!(!policy.is_paused() || assigned == before.assigned, "it is paused");
            }
            if let Some(before) = before.filter(|before| before.policy.rate() == policy.rate()) {
                (since, begun) = (before.since, before.begun);
            }
            if let Some(rate) = policy.rate() {
                let time = (now.steady - since).as_nanos() / rate.interval().as_nanos();
                let most = time as u64 + u64::from(rate.burst());
                assert!(assigned - begun <= most, "{} begun, {most} may", assigned - begun);
            }
            functions.insert(function.name.clone(), Watched { policy, since, begun, running, assigned });
        }
        self.functions = functions;
    }
}

fn waits(broker: &Broker, mut next: u32) -> usize {
    let mut n = 0;
    while let Some(waiter) = broker.waiters.get(next) {
        (next, n) = (waiter.session_next, n + 1);
    }
    n
}
