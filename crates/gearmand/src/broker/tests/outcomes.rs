//! What is remembered of jobs that are over: results, and unique keys that are not free yet.

use super::*;
use crate::broker::kept::Outcome;
use crate::broker::policy::Reason;

/// A worker grabs the next job and ends it so.
fn end(b: &mut Bench, worker: u32, update: Update<'_>) -> String {
    b.received(worker);
    let got = b.ask(worker, GRAB);
    let handle = got.split([' ', '|']).nth(1).unwrap_or_else(|| panic!("{got}")).to_owned();
    b.send(worker, work(&handle, update));
    check(b);
    handle
}

fn result(b: &Bench, handle: &str) -> Option<Outcome> {
    b.broker.result(&b.now, handle.as_bytes()).cloned()
}

fn completed(text: &'static [u8]) -> Option<Outcome> {
    Some(Outcome::Completed(Bytes::from_static(text)))
}

#[test]
fn a_key_is_taken_for_a_while_after_its_job_has_ended_well() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=10s");
    let (client, other, worker) = (b.connect(), b.connect(), b.worker(&["f"]));
    assert_eq!(b.ask(client, background("f", "k", "x")), "JOB_CREATED H:1");
    // While it runs it is joined, as ever.
    assert_eq!(b.ask(other, submit("f", "k", "")), "JOB_CREATED H:1");
    end(&mut b, worker, Update::Complete(b"r"));
    assert_eq!(b.received(other), "WORK_COMPLETE H:1|r");
    b.tick(9);
    assert_eq!(b.ask(client, background("f", "k", "y")), "JOB_CREATED H:1");
    let later = Submit { start: Start::Epoch(b"2000000"), background: true, ..job("f", "k", "") };
    assert_eq!(b.ask(client, Request::Submit(later)), "JOB_CREATED H:1");
    // Nothing is kept of the result: there is an end, and no more.
    assert_eq!(b.ask(other, submit("f", "k", "y")), "JOB_CREATED H:1, WORK_COMPLETE H:1|");
    assert_eq!((b.broker.jobs.len(), b.activity("f").coalesced), (0, 4));
    assert_eq!(b.ask(client, background("f", "l", "x")), "JOB_CREATED H:2");
    assert_eq!(b.ask(client, background("g", "k", "x")), "JOB_CREATED H:3");
    b.tick(1);
    assert_eq!(b.ask(client, background("f", "k", "x")), "JOB_CREATED H:4");
    check(&b);
    assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(1)));
    b.tick(1);
    assert_eq!(b.broker.deadline(&b.now), None);
}

#[test]
fn only_a_job_that_ended_well_keeps_its_key() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=1h");
    let (client, worker) = b.pair();
    for update in [Update::Fail, Update::Exception(b"oops")] {
        b.send(client, background("f", "k", "x"));
        end(&mut b, worker, update);
    }
    b.send(client, background("f", "k", "x"));
    b.cancel("H:3");
    b.send(client, background("f", "", "x"));
    end(&mut b, worker, Update::Complete(b""));
    b.received(client);
    assert_eq!(b.ask(client, background("f", "k", "x")), "JOB_CREATED H:5");
    assert_eq!(b.ask(client, background("f", "", "x")), "JOB_CREATED H:6");
    // A late result after a timeout is an end as well.
    let hurried = b.hurried();
    b.send(hurried, GRAB);
    b.tick(6);
    b.complete(hurried, "H:5");
    b.received(client);
    assert_eq!(b.ask(client, background("f", "k", "x")), "JOB_CREATED H:5");
    check(&b);
}

#[test]
fn the_key_that_stands_for_the_workload() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=1h");
    let (client, worker) = b.pair();
    b.send(client, background("f", "-", "one"));
    end(&mut b, worker, Update::Complete(b""));
    b.received(client);
    assert_eq!(b.ask(client, background("f", "-", "one")), "JOB_CREATED H:1");
    assert_eq!(b.ask(client, background("f", "-", "two")), "JOB_CREATED H:2");
    assert_eq!(b.ask(client, background("f", "-", "")), "JOB_CREATED H:3");
}

#[test]
fn a_second_client_gets_the_result_that_is_kept() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=10s keep-results=5");
    let (client, worker) = b.pair();
    for (n, background) in [(1, true), (2, false)] {
        let key = format!("k{n}");
        b.send(client, Request::Submit(Submit { background, ..job("f", &key, "x") }));
        end(&mut b, worker, Update::Complete(b"result"));
        b.received(client);
        let answer = format!("JOB_CREATED H:{n}, WORK_COMPLETE H:{n}|result");
        assert_eq!(b.ask(client, submit("f", &key, "")), answer);
    }
    // A large one is sent without a copy.
    let large = "x".repeat(100_000);
    b.send(client, submit("f", "large", ""));
    end(&mut b, worker, Update::Complete(large.as_bytes()));
    b.received(client);
    assert_eq!(b.ask(client, submit("f", "large", "")), format!("JOB_CREATED H:3, WORK_COMPLETE H:3|{large}"));
    // While the server drains as well: nothing runs for it.
    b.broker.drain();
    assert_eq!(b.ask(client, background("f", "k1", "")), "JOB_CREATED H:1");
    assert!(b.ask(client, background("f", "new", "")).starts_with("ERROR"));
}

#[test]
fn policies_that_change() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=1h keep-results=2");
    let (client, worker) = b.pair();
    for key in ["1", "2", "3"] {
        b.send(client, background("f", key, ""));
        end(&mut b, worker, Update::Complete(b"r"));
    }
    assert_eq!(["H:1", "H:2", "H:3"].map(|handle| result(&b, handle).is_some()), [false, true, true]);
    b.set_policy("f", "keep-results=1");
    assert_eq!(["H:2", "H:3"].map(|handle| result(&b, handle).is_some()), [false, true]);
    b.set_policy("f", "keep-results= unique-for=");
    assert_eq!(result(&b, "H:3"), None);
    b.received(client);
    assert_eq!(b.ask(client, background("f", "1", "")), "JOB_CREATED H:4");
    check(&b);
}

/// A key was taken for an hour after the operator had made that ten seconds, and its client's jobs were not run.
#[test]
fn times_that_change_hold_for_jobs_that_are_over() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=1h keep-results=9,1h");
    let (client, worker) = b.pair();
    b.send(client, background("f", "k", ""));
    end(&mut b, worker, Update::Complete(b"r"));
    b.received(client);
    b.set_policy("f", "unique-for=10s keep-results=9,5s");
    check(&b);
    b.tick(4);
    assert_eq!(result(&b, "H:1"), completed(b"r"));
    b.tick(1);
    assert_eq!(result(&b, "H:1"), None);
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:1");
    // Longer, taken back for a moment, and shorter again.
    b.set_policy("f", "unique-for=1h");
    b.tick(10);
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:1");
    b.set_policy("f", "unique-for=");
    b.set_policy("f", "unique-for=20s");
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:1");
    b.set_policy("f", "unique-for=15s");
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:2");
    b.tick(1);
    assert_eq!(b.broker.deadline(&b.now), None, "nothing is remembered");
    check(&b);
}

#[test]
fn what_became_of_jobs_in_the_background() {
    let mut b = Bench::new();
    b.set_policy("f", "keep-results=100,1m");
    let (client, worker) = b.pair();
    for _ in 0..3 {
        b.send(client, background("f", "", ""));
    }
    end(&mut b, worker, Update::Complete(b"fine"));
    end(&mut b, worker, Update::Fail);
    end(&mut b, worker, Update::Exception(b"oops"));
    b.send(client, background("f", "", ""));
    b.cancel("H:4");
    b.send(client, submit("f", "", ""));
    end(&mut b, worker, Update::Complete(b"in the foreground"));
    assert_eq!(result(&b, "H:1"), completed(b"fine"));
    assert_eq!(result(&b, "H:2"), Some(Outcome::Failed(Reason::Fail, Bytes::new())));
    assert_eq!(result(&b, "H:3"), Some(Outcome::Failed(Reason::Exception, Bytes::from_static(b"oops"))));
    assert_eq!(result(&b, "H:4"), Some(Outcome::Cancelled));
    assert_eq!([result(&b, "H:5"), result(&b, "H:6"), result(&b, "nonsense")], [None, None, None]);
    b.tick(60);
    assert_eq!(result(&b, "H:1"), None);
    b.tick(1);
    assert_eq!(b.broker.deadline(&b.now), None);
    check(&b);
}

/// Only the last try counts, and what a dead letter is when it is a job again is not known yet.
#[test]
fn jobs_that_are_tried_again() {
    let mut b = Bench::new();
    b.set_policy("f", "keep-results=9 retries=1 backoff=1s");
    let (client, worker) = b.pair();
    b.send(client, background("f", "", ""));
    end(&mut b, worker, Update::Exception(b"first"));
    assert_eq!(result(&b, "H:1"), None);
    b.tick(1);
    end(&mut b, worker, Update::Exception(b"second"));
    assert_eq!(result(&b, "H:1"), Some(Outcome::Failed(Reason::Exception, Bytes::from_static(b"second"))));
    b.broker.retry_dead(&b.now, b"H:1").unwrap();
    assert_eq!(result(&b, "H:1"), None);
    end(&mut b, worker, Update::Complete(b"third"));
    assert_eq!(result(&b, "H:1"), completed(b"third"));
    // Its worker dies each time.
    b.set_policy("f", "retries=1 backoff=0");
    b.send(client, background("f", "", ""));
    for _ in 0..2 {
        let worker = b.worker(&["f"]);
        assert!(b.ask(worker, GRAB).starts_with("JOB_ASSIGN"));
        b.leave(worker);
        b.tick(0);
    }
    assert_eq!(result(&b, "H:2"), Some(Outcome::Failed(Reason::Death, Bytes::new())));
    check(&b);
}

#[test]
fn a_function_that_is_dropped() {
    let mut b = Bench::new();
    b.set_policy("*", "unique-for=1h keep-results=9");
    let (client, worker) = b.pair();
    b.send(client, background("f", "k", ""));
    end(&mut b, worker, Update::Complete(b"r"));
    b.leave(worker);
    b.broker.drop_function(&b.now, b"f", &mut b.outgoing).unwrap();
    assert_eq!((result(&b, "H:1"), b.broker.deadline(&b.now)), (None, None));
    b.received(client);
    assert_eq!(b.ask(client, background("g", "k", "")), "JOB_CREATED H:2");
    check(&b);
}
