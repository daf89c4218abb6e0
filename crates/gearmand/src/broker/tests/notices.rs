//! JOB_NOTICE: for workers that asked, and for nobody else.

use super::*;

/// A worker of `f` that is told which try a job is, and what was cancelled.
fn told(b: &mut Bench) -> u32 {
    let worker = b.worker(&["f"]);
    assert_eq!(b.ask(worker, Request::Option(b"attempts")), "OPTION_RES attempts");
    assert_eq!(b.ask(worker, Request::Option(b"cancel-notices")), "OPTION_RES cancel-notices");
    worker
}

#[test]
fn a_job_that_was_tried_before_is_announced_as_such() {
    let mut b = Bench::new();
    let client = b.connect();
    b.send(client, background("f", "", "x"));
    for attempt in 1..4 {
        let worker = told(&mut b);
        let notice = if attempt > 1 { format!("JOB_NOTICE H:1|attempt|{attempt}, ") } else { String::new() };
        assert_eq!(b.ask(worker, GRAB), format!("{notice}JOB_ASSIGN H:1|f|x"));
        b.leave(worker);
    }
    let other = b.worker(&["f"]);
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|x");
}

#[test]
fn a_worker_with_direct_assignment_is_told_ahead_of_the_job_too() {
    let mut b = Bench::new();
    let (client, first, worker) = (b.connect(), b.worker(&["f"]), told(&mut b));
    b.send(client, background("f", "", "x"));
    assert_eq!(b.ask(first, GRAB), "JOB_ASSIGN H:1|f|x");
    b.send(worker, Request::Option(b"all-yours"));
    b.send(worker, GRAB);
    b.send(worker, Request::PreSleep);
    b.received(worker);
    b.leave(first);
    assert_eq!(b.received(worker), "JOB_NOTICE H:1|attempt|2, JOB_ASSIGN H:1|f|x");
    check(&b);
}

#[test]
fn the_worker_of_a_cancelled_job_is_told_once() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), told(&mut b));
    for workload in ["1", "2", "3"] {
        b.send(client, submit("f", "", workload));
    }
    b.send(worker, GRAB);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|1, JOB_ASSIGN H:2|f|2");
    b.received(client);
    for handle in ["H:2", "H:1", "H:3"] {
        b.cancel(handle);
    }
    assert_eq!(b.received(worker), "JOB_NOTICE H:2|cancelled|, JOB_NOTICE H:1|cancelled|");
    assert_eq!(b.received(client), "WORK_FAIL H:2, WORK_FAIL H:1, WORK_FAIL H:3");
    check(&b);
    // What it says of the one that it was on is not listened to, nor an error.
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), "");
    assert_eq!(b.received(client), "");
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
}

#[test]
fn who_did_not_ask_is_told_nothing() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.send(worker, Request::Option(b"attempts"));
    b.send(client, submit("f", "", "x"));
    b.send(worker, GRAB);
    b.received(worker);
    b.cancel("H:1");
    assert_eq!(b.received(worker), "");
}

#[test]
fn a_job_that_was_tried_too_often_was_not_cancelled() {
    let mut b = Bench::with(|rules| rules.runs = Some(1));
    let (client, worker) = (b.connect(), told(&mut b));
    b.send(client, submit("f", "", "x"));
    b.send(worker, GRAB);
    b.send(worker, Request::CantDo(b"f"));
    assert_eq!(b.received(client), "JOB_CREATED H:1, WORK_FAIL H:1");
    assert_eq!(b.received(worker), "JOB_ASSIGN H:1|f|x");
}
