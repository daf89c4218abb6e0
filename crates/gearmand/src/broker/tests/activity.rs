//! What is counted of jobs, and when.

use super::*;
use crate::broker::activity::{End, Histogram};

/// The counts of `f` that are not 0.
fn counts(b: &Bench) -> String {
    let a = b.activity("f");
    let all = [
        ("submitted", a.submitted),
        ("coalesced", a.coalesced),
        ("refused", a.refused),
        ("restored", a.restored),
        ("assigned", a.assigned),
        ("timed out", a.timed_out),
        ("given back", a.given_back),
        ("completed", a.ended(End::Completed)),
        ("failed", a.ended(End::Failed)),
        ("exceptions", a.ended(End::Exception)),
        ("cancelled", a.ended(End::Cancelled)),
        ("abandoned", a.ended(End::Abandoned)),
        ("unstored", a.ended(End::Unstored)),
        ("retried", a.retried),
        ("dead", a.ended(End::Dead)),
        ("revived", a.revived),
    ];
    let some = all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}"));
    some.collect::<Vec<_>>().join(", ")
}

/// Durations of a histogram, as the ends of their buckets in milliseconds.
fn times(histogram: &Histogram) -> Vec<u64> {
    let ends = histogram.buckets().flat_map(|(end, n)| (0..n).map(move |_| end.unwrap().as_millis() as u64));
    ends.collect()
}

#[test]
fn the_ways_of_a_job() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    for unique in ["k", "k", "", "", ""] {
        b.send(client, submit("f", unique, ""));
    }
    assert_eq!(counts(&b), "4 submitted, 1 coalesced");
    for (handle, update) in [("H:1", Update::Complete(b"")), ("H:2", Update::Fail), ("H:3", Update::Exception(b"e"))] {
        b.send(worker, GRAB);
        b.send(worker, work(handle, update));
    }
    b.cancel("H:4");
    let ended = "4 submitted, 1 coalesced, 3 assigned, 1 completed, 1 failed, 1 exceptions, 1 cancelled";
    assert_eq!(counts(&b), ended);
    b.send(client, submit("f", "", ""));
    b.leave(client);
    assert_eq!(counts(&b), ended.replace("4 sub", "5 sub") + ", 1 abandoned");
    check(&b);
}

#[test]
fn a_job_that_comes_back() {
    let mut b = Bench::with(|rules| rules.runs = Some(3));
    let (client, worker) = (b.connect(), b.hurried());
    b.send(client, background("f", "", ""));
    b.send(worker, GRAB);
    b.tick(5);
    assert_eq!(counts(&b), "1 submitted, 1 assigned, 1 timed out");
    b.send(worker, GRAB);
    b.leave(worker);
    assert_eq!(counts(&b), "1 submitted, 2 assigned, 1 timed out, 1 given back");
    let last = b.worker(&["f"]);
    b.send(last, GRAB);
    b.leave(last);
    assert_eq!(counts(&b), "1 submitted, 3 assigned, 1 timed out, 2 given back, 1 failed");
    check(&b);
}

#[test]
fn what_is_refused() {
    let mut b = Bench::new();
    let client = b.connect();
    b.send(client, submit("f", "", ""));
    b.received(client);
    assert_eq!(b.text(client, "maxqueue f 1\n"), "OK\r\n");
    b.send(client, submit("f", "", ""));
    assert_eq!(counts(&b), "1 submitted, 1 refused");
    assert!(b.broker.drain());
    assert!(!b.broker.drain());
    b.send(client, submit("f", "", ""));
    assert_eq!(counts(&b), "1 submitted, 2 refused");
    check(&b);
}

#[test]
fn times_begin_when_a_job_could_be_run_and_when_it_is() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.send(client, background("f", "", ""));
    b.tick_ms(10);
    b.send(worker, GRAB);
    b.tick_ms(100);
    b.complete(worker, "H:1");
    assert_eq!((times(&b.activity("f").waited), times(&b.activity("f").ran)), (vec![16], vec![131]));
    assert_eq!(b.activity("f").ran.sum(), Duration::from_millis(100));
    // One that is to run later waits from then on.
    let later = (b.now.wall.as_secs() + 60).to_string();
    let submit = Submit { start: Start::Epoch(later.as_bytes()), background: true, ..job("f", "", "") };
    b.send(client, Request::Submit(submit));
    b.tick(60);
    b.tick_ms(40);
    b.send(worker, GRAB);
    assert_eq!(times(&b.activity("f").waited), [16, 65]);
    // One that comes back waits anew.
    b.tick(3600);
    b.leave(worker);
    b.tick_ms(1);
    let other = b.worker(&["f"]);
    b.send(other, GRAB);
    assert_eq!(times(&b.activity("f").waited), [1, 16, 65]);
    // And only what its worker ends has been run.
    b.cancel("H:2");
    assert_eq!(times(&b.activity("f").ran), [131]);
}

#[test]
fn a_function_that_nobody_used_has_no_counts() {
    let mut b = Bench::new();
    let worker = b.worker(&["f"]);
    b.send(worker, GRAB);
    let (_, function) = b.broker.functions.iter().next().unwrap();
    assert!(function.activity.is_none());
    // And one that was dropped begins anew.
    b.send(worker, submit("g", "", ""));
    assert_eq!(b.activity("g").submitted, 1);
    b.broker.drop_function(&b.now, b"g", &mut b.outgoing).unwrap();
    b.send(worker, submit("g", "", ""));
    b.send(worker, submit("g", "", ""));
    assert_eq!(b.activity("g").submitted, 2);
}
