//! The rules of the durable queue.

use super::disk::Disk;
use super::*;
use super::{Bench, GRAB, background, check, job, submit, work};
use crate::broker::check::POLICIES;
use crate::durable::batch::{Batch, BatchResult};
use crate::durable::{Change, Extras, Name, Record, Row};
use gearman_core::protocol::message::{Priority, Request, Start, Submit, Update};
use properties::properties;
use proptest::prelude::*;
use std::collections::HashSet;

#[test]
fn a_job_is_answered_and_handed_out_when_it_is_stored() {
    let (mut d, client, worker) = Disk::with_pair();
    d.b.send(worker, Request::PreSleep);
    assert_eq!(d.b.ask(client, background("f", "k", "data")), "");
    assert_eq!((d.b.received(worker), d.b.ask(worker, GRAB)), (String::new(), "NO_JOB".into()));
    check(&d.b);
    // Others are served meanwhile, and what follows on the same connection keeps its order.
    let other = d.b.connect();
    assert_eq!(d.b.ask(other, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|0|0|0");
    assert_eq!(d.b.ask(client, Request::GetStatus(b"H:9")), "");
    d.b.send(worker, Request::PreSleep);
    d.commit();
    assert_eq!(d.b.received(client), "JOB_CREATED H:1, STATUS_RES H:9|0|0|0|0");
    assert_eq!(d.b.received(worker), "NOOP");
    assert_eq!(d.keys(), ["f k"]);
    assert_eq!(d.b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|data");
    d.b.complete(worker, "H:1");
    d.commit();
    assert_eq!(d.keys(), Vec::<String>::new());
    // Foreground jobs are not stored.
    assert_eq!(d.b.ask(client, submit("f", "k", "data")), "JOB_CREATED H:2");
    assert!(d.b.broker.take_changes().is_none());
}

#[test]
fn a_job_that_cannot_be_stored_is_refused_and_gone() {
    let mut d = Disk::new();
    let client = d.b.connect();
    d.b.send(client, background("f", "k", "data"));
    d.fail();
    assert_eq!(d.b.received(client), "ERROR QUEUE_ERROR|The job could not be stored");
    assert_eq!(d.b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|0|0|0|0");
    check(&d.b);
    d.b.send(client, background("f", "k", "data"));
    d.commit();
    assert_eq!(d.b.received(client), "JOB_CREATED H:2");
}

#[test]
fn joining_makes_a_foreground_job_one_that_is_kept() {
    let mut d = Disk::new();
    let (client, other) = (d.b.connect(), d.b.connect());
    assert_eq!(d.b.ask(client, submit("f", "k", "data")), "JOB_CREATED H:1");
    d.b.send(other, background("f", "k", "data"));
    d.b.send(other, background("f", "k", "data"));
    d.commit();
    assert_eq!(d.b.received(other), "JOB_CREATED H:1, JOB_CREATED H:1");
    d.b.leave(client);
    d.restart();
    assert_eq!(d.keys(), ["f k"]);
    let worker = d.b.worker(&["f"]);
    assert_eq!(d.b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|data");
}

#[test]
fn a_join_that_cannot_be_stored_leaves_the_job_as_it_was() {
    let mut d = Disk::new();
    let (client, other) = (d.b.connect(), d.b.connect());
    d.b.send(client, submit("f", "k", "data"));
    d.b.send(other, background("f", "k", "data"));
    // A second one joins in the next batch: it must not take the first one's row for stored.
    let first = d.b.broker.take_changes().unwrap();
    d.b.send(other, background("f", "k", "data"));
    d.b.send(other, background("g", "", "data"));
    let second = d.b.broker.take_changes().unwrap();
    d.settle(BatchResult { batch: first.number, added: false, done: true, ..BatchResult::default() });
    d.settle(BatchResult { batch: second.number, added: true, done: true, ..BatchResult::default() });
    let refused = "ERROR QUEUE_ERROR|The job could not be stored";
    assert_eq!(d.b.received(other), format!("{refused}, {refused}, JOB_CREATED H:2"));
    check(&d.b);
    d.b.leave(client);
    check(&d.b);
    assert_eq!(d.b.ask(other, Request::GetStatus(b"H:1")), "STATUS_RES H:1|0|0|0|0", "nobody waits for it");
}

#[test]
fn an_echo_comes_back_when_all_before_it_is_stored() {
    let (mut d, client, worker) = Disk::with_pair();
    d.b.send(client, background("f", "", "x"));
    d.commit();
    d.b.ask(worker, GRAB);
    d.b.complete(worker, "H:1");
    assert_eq!(d.b.ask(worker, Request::Echo(b"done?")), "");
    d.commit();
    assert_eq!(d.b.received(worker), "ECHO_RES done?");
    assert_eq!(d.b.ask(worker, Request::Echo(b"again")), "ECHO_RES again");
}

#[test]
fn an_echo_is_refused_while_jobs_that_are_done_cannot_be_removed() {
    let (mut d, client, worker) = Disk::with_pair();
    d.b.send(client, background("f", "", "x"));
    d.commit();
    d.b.ask(worker, GRAB);
    d.b.complete(worker, "H:1");
    d.b.send(worker, Request::Echo(b"done?"));
    let batch = d.b.broker.take_changes().unwrap();
    d.settle(BatchResult { batch: batch.number, added: true, done: false, ..BatchResult::default() });
    let refused = "ERROR QUEUE_ERROR|Jobs that are done could not be removed from the queue";
    assert_eq!(d.b.received(worker), refused);
    assert_eq!(d.b.ask(worker, Request::Echo(b"x")), refused);
    d.settle(BatchResult { batch: batch.number, added: true, done: true, ..BatchResult::default() });
    assert_eq!(d.b.ask(worker, Request::Echo(b"x")), "ECHO_RES x");
}

#[test]
fn a_job_over_is_removed_whatever_ended_it() {
    let mut d = Disk::new();
    d.b.broker.rules.runs = Some(1);
    let (client, worker) = d.b.pair();
    for unique in ["complete", "fail", "exception", "lost", "cancelled"] {
        d.b.send(client, background("f", unique, "x"));
    }
    d.b.send(client, background("dropped", "", "x"));
    d.commit();
    d.b.send(client, background("dropped", "on its way", "x"));
    for (handle, update) in [("H:1", Update::Complete(b"")), ("H:2", Update::Fail), ("H:3", Update::Exception(b"e"))] {
        d.b.send(worker, GRAB);
        d.b.send(worker, work(handle, update));
    }
    d.b.send(worker, GRAB);
    d.b.leave(worker);
    for line in ["cancel job H:5\n", "drop function dropped\n"] {
        d.b.text(client, line);
    }
    d.commit();
    assert_eq!(d.keys(), Vec::<String>::new());
    check(&d.b);
    assert_eq!(d.b.broker.jobs.len(), 0);
}

/// A result that comes when the function's time is over ends the job in the queue too, also when its row is only on its
/// way there.
#[test]
fn a_late_result_removes_the_row() {
    for on_its_way in [false, true] {
        let mut d = Disk::new();
        let (client, worker) = (d.b.connect(), d.b.hurried());
        if on_its_way {
            d.b.send(client, submit("f", "k", "x"));
        } else {
            d.b.send(client, background("f", "k", "x"));
            d.commit();
        }
        assert_eq!(d.b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
        if on_its_way {
            // Whoever joins it in the background makes it one that is kept.
            d.b.send(client, background("f", "k", "x"));
            d.take();
        }
        d.b.tick(5);
        assert_eq!((d.b.broker.running, d.b.broker.jobs.len()), (0, 1));
        d.b.complete(worker, "H:1");
        check(&d.b);
        d.commit();
        assert_eq!((d.keys(), d.b.broker.jobs.len()), (Vec::new(), 0));
        let last_packet =
            if on_its_way { "JOB_CREATED H:1, JOB_CREATED H:1, WORK_COMPLETE H:1|r" } else { "JOB_CREATED H:1" };
        assert_eq!(d.b.received(client), last_packet);
        check(&d.b);
        d.restart();
        assert_eq!(d.b.broker.jobs.len(), 0);
    }
}

#[test]
fn what_comes_back_after_a_restart() {
    let mut d = Disk::new();
    let client = d.b.connect();
    let due = (d.b.now.wall.as_secs() + 60).to_string();
    let kept = |priority, unique, start| Submit { priority, background: true, start, ..job("f", unique, unique) };
    for submit in [
        kept(Priority::Low, "low", Start::Now),
        kept(Priority::Normal, "", Start::Now),
        kept(Priority::Normal, "-", Start::Now),
        kept(Priority::High, "high", Start::Now),
        kept(Priority::Normal, "later", Start::Epoch(due.as_bytes())),
        kept(Priority::Normal, "(no key) 1", Start::Now),
    ] {
        d.b.send(client, Request::Submit(submit));
    }
    d.b.send(client, submit("f", "foreground", "x"));
    d.commit();
    assert_eq!(d.keys(), ["f ", "f (no key) 1", "f -", "f high", "f later", "f low"]);
    d.restart();
    let (client, worker) = d.b.pair();
    // Keys of their own survive, and those without one are no duplicates of each other.
    d.b.send(client, background("f", "-", "-"));
    d.b.send(client, background("f", "high", "x"));
    assert!(d.b.broker.take_changes().is_none(), "both are the same as one that is stored");
    let grab = |d: &mut Disk| d.b.ask(worker, Request::GrabJob(gearman_core::protocol::message::Grab::Uniq));
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:4|f|high|high");
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:2|f||");
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:3|f|-|-");
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:6|f|(no key) 1|(no key) 1");
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:1|f|low|low");
    assert_eq!(grab(&mut d), "NO_JOB");
    d.b.tick(60);
    assert_eq!(grab(&mut d), "JOB_ASSIGN_UNIQ H:5|f|later|later");
    for handle in ["H:1", "H:2", "H:3", "H:4", "H:5", "H:6"] {
        d.b.complete(worker, handle);
    }
    d.commit();
    assert_eq!(d.keys(), Vec::<String>::new(), "each found its row again");
}

/// A handle is good over a restart, whatever the key; a new job never gets one that is taken.
#[test]
fn a_job_has_the_same_handle_after_a_restart() {
    let mut d = Disk::new();
    let client = d.b.connect();
    for unique in ["a", "", "-", "b"] {
        d.b.send(client, background("f", unique, "x"));
    }
    d.commit();
    d.b.send(client, Request::Submit(job("f", "in the foreground", "x")));
    let worker = d.b.worker(&["f"]);
    d.b.send(worker, GRAB);
    d.b.send(worker, work("H:1", Update::Complete(b"")));
    d.commit();
    d.restart();
    let (client, worker) = (d.b.connect(), d.b.worker(&["f"]));
    for (number, known) in [(1, 0), (2, 1), (3, 1), (4, 1), (5, 0)] {
        let handle = format!("H:{number}");
        let status = d.b.ask(client, Request::GetStatus(handle.as_bytes()));
        assert_eq!(status, format!("STATUS_RES {handle}|{known}|0|0|0"));
    }
    d.b.send(client, background("f", "c", "x"));
    d.commit();
    assert_eq!(d.b.received(client), "JOB_CREATED H:5");
    assert_eq!(d.b.ask(worker, GRAB), "JOB_ASSIGN H:2|f|x");
}

/// Ids that are taken by more than the jobs that came back, such as those in row keys.
#[test]
fn new_jobs_get_ids_after_all_that_are_taken() {
    let mut d = Disk::new();
    d.b.broker.restored(&d.b.now, 17);
    let client = d.b.connect();
    assert_eq!(d.b.ask(client, submit("f", "", "x")), "JOB_CREATED H:18");
    d.b.broker.restored(&d.b.now, 3);
    assert_eq!(d.b.ask(client, submit("f", "", "x")), "JOB_CREATED H:19");
}

#[test]
fn two_rows_of_one_id_are_refused() {
    let mut d = Disk::new();
    let Bench { broker, now, .. } = &mut d.b;
    let mut restore = |id, unique| {
        let name = Name { id, unique, function: b"f" };
        let row = Row { name, priority: Priority::Normal, data: b"", due_ms: 0, extras: Extras::default() };
        broker.restore(now, &Record::Job(row))
    };
    assert_eq!([restore(1, b"a"), restore(2, b"b"), restore(1, b"c")].map(|r| r.is_ok()), [true, true, false]);
    check(&d.b);
}

/// The worker of a job that is split was not told who joins its parts, once the server had been restarted.
#[test]
fn a_reducer_survives_a_restart() {
    let mut d = Disk::new();
    let client = d.b.connect();
    let split = Submit { background: true, reducer: Some(b"join"), ..job("f", "k", "parts") };
    d.b.send(client, Request::Submit(split));
    d.commit();
    d.restart();
    let worker = d.b.worker(&["f"]);
    let assigned = d.b.ask(worker, Request::GrabJob(gearman_core::protocol::message::Grab::All));
    assert_eq!(assigned, "JOB_ASSIGN_ALL H:1|f|k|join|parts");
}

#[test]
fn at_the_end_all_that_is_left_is_stored() {
    let mut d = Disk::new();
    d.b.broker.rules.durable = Durable::AtEnd;
    let (client, worker) = d.b.pair();
    for unique in ["done", "running", "queued"] {
        assert!(d.b.ask(client, background("f", unique, "x")).starts_with("JOB_CREATED"));
    }
    d.b.send(client, submit("f", "foreground", "x"));
    d.b.send(worker, GRAB);
    d.b.complete(worker, "H:1");
    d.b.send(worker, GRAB);
    assert!(d.b.broker.take_changes().is_none());
    d.b.broker.store_all();
    d.commit();
    assert_eq!(d.keys(), ["f queued", "f running"]);
}

#[derive(Clone, Debug)]
enum Step {
    Submit { unique: u8, background: bool, reducer: bool },
    Grab,
    End(u8, u8),
    Tick(u8),
    Policy(u8),
    Bury(u8),
    RetryDead(u8),
    ForgetDead(u8),
    Leave,
    Take,
    Settle(bool),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8, any::<bool>(), any::<bool>())
            .prop_map(|(unique, background, reducer)| Step::Submit { unique, background, reducer }),
        4 => Just(Step::Grab),
        6 => (any::<u8>(), 0..4u8).prop_map(|(job, how)| Step::End(job, how)),
        2 => (0..8u8).prop_map(Step::Tick),
        2 => any::<u8>().prop_map(Step::Policy),
        1 => any::<u8>().prop_map(Step::Bury),
        2 => any::<u8>().prop_map(Step::RetryDead),
        1 => any::<u8>().prop_map(Step::ForgetDead),
        1 => Just(Step::Leave),
        4 => Just(Step::Take),
        3 => Just(Step::Settle(true)),
        1 => Just(Step::Settle(false)),
        1 => Just(Step::Restart),
    ]
}

properties! {
    cases: 256;

    /// Batches settle late and may fail, servers are killed: what was acknowledged and is not over has a row, and
    /// when all is settled, nothing else has.
    #[test]
    fn what_is_acknowledged_is_stored(steps in prop::collection::vec(step(), 1..120)) {
        const UNIQUES: [&str; 4] = ["", "-", "k", "l"];
        let mut d = Disk::new();
        let (mut client, mut worker) = d.b.pair();
        for step in steps {
            match step {
                Step::Submit { unique, background: kept, reducer } => {
                    let reducer = reducer.then_some(&b"join"[..]);
                    let submit = Submit { background: kept, reducer, ..job("f", UNIQUES[usize::from(unique)], "w") };
                    d.b.send(client, Request::Submit(submit));
                }
                Step::Grab => d.b.send(worker, GRAB),
                Step::End(n, how) => {
                    let running: Vec<u64> =
                        d.b.broker.jobs.arena.iter().filter(|(_, j)| j.state == State::Running).map(|(_, j)| j.number).collect();
                    if let Some(number) = running.get(usize::from(n) % running.len().max(1)) {
                        let updates = [Update::Complete(b"r"), Update::Fail, Update::Exception(b"e")];
                        match updates.get(usize::from(how)) {
                            Some(update) => d.b.send(worker, work(&format!("H:{number}"), *update)),
                            None => {
                                d.b.leave(worker);
                                worker = d.b.worker(&["f"]);
                            }
                        }
                    }
                }
                Step::Tick(seconds) => d.b.tick(seconds.into()),
                Step::Policy(n) => {
                    let words = POLICIES[usize::from(n) % POLICIES.len()].split(' ');
                    d.b.broker.set_policy(&d.b.now, "f", words).unwrap();
                }
                Step::Bury(n) => {
                    let all: Vec<u64> = d.b.broker.jobs.arena.iter().map(|(_, job)| job.number).collect();
                    let handle = all.get(usize::from(n) % all.len().max(1)).map(|n| format!("H:{n}")).unwrap_or_default();
                    d.b.broker.bury_job(&d.b.now, handle.as_bytes(), &mut d.b.outgoing).unwrap_or(());
                    d.b.end_round();
                }
                Step::RetryDead(n) | Step::ForgetDead(n) => {
                    let all: Vec<u64> = d.b.broker.dead.range(0).map(|(_, letter)| letter.job.number).collect();
                    let handle = all.get(usize::from(n) % all.len().max(1)).map(|n| format!("H:{n}")).unwrap_or_default();
                    match step {
                        Step::RetryDead(_) => d.b.broker.retry_dead(&d.b.now, handle.as_bytes()).unwrap_or(()),
                        _ => drop(d.b.broker.forget_dead(handle.as_bytes())),
                    }
                    d.b.end_round();
                }
                Step::Leave => {
                    d.b.leave(client);
                    client = d.b.connect();
                }
                Step::Take => d.take(),
                Step::Settle(good) => d.settle_all(good),
                Step::Restart => {
                    d.restart();
                    (client, worker) = d.b.pair();
                }
            }
            check(&d.b);
            // Every background job that no batch is on its way for is on disk as it is.
            let mut way: HashSet<u64> = d.b.broker.changes.storing().collect();
            // What could not be changed yet will be, of whatever job that is.
            way.extend(d.kept.iter().flat_map(Batch::changes).filter_map(|change| match change {
                Change::Bury(letter) => Some(letter.row.name.id),
                _ => None,
            }));
            for (_, job) in d.b.broker.jobs.arena.iter().filter(|(_, j)| j.background && !way.contains(&j.number)) {
                let row = d.rows.get(&job.number);
                let reducer = job.extra.as_ref().and_then(|e| e.reducer.as_deref());
                let same = row.is_some_and(|row| row.unique == job.unique() && row.reducer.as_deref() == reducer);
                prop_assert!(job.stored && same, "job {} has another row: {row:?}", job.number);
                let waits = job.state != State::Delayed || row.is_some_and(|row| row.due_ms == job.since);
                prop_assert!(waits, "job {} waits for {}: {row:?}", job.number, job.since);
            }
            d.b.outgoing.take(client);
            d.b.outgoing.take(worker);
        }
        d.b.send(client, background("g", "", "so that there is something to commit"));
        d.commit();
        prop_assert_eq!(d.b.broker.jobs.arena.iter().filter(|(_, j)| j.stored).count(), d.rows.len());
        let dead = d.b.broker.dead.range(0).map(|(_, letter)| letter.job.number);
        prop_assert!(dead.eq(d.dead.iter().map(|(id, ..)| *id)), "{:?}", d.dead);
    }
}
