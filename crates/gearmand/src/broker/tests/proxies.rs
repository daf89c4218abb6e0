//! Proxies and forwarded jobs.

use super::*;
use crate::broker::proxies::Idle;

/// The functions of which so many jobs more could be run by idle workers.
fn idle(b: &Bench, taken: u32) -> String {
    let mut idle = Idle::default();
    assert_eq!(b.broker.idle(&b.now, 0, taken, &mut idle), None);
    let names: Vec<_> = idle.functions.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    for name in &names {
        assert!(b.broker.is_idle(&b.now, name.as_bytes(), taken));
    }
    format!("{}{}", names.join(","), if idle.soon { " soon" } else { "" })
}

#[test]
fn own_workers_go_first() {
    let mut b = Bench::new();
    let (client, proxy, own) = (b.connect(), b.proxy(&["f"]), b.worker(&["f"]));
    b.send(proxy, Request::PreSleep);
    b.send(own, Request::PreSleep);
    b.send(client, submit("f", "", "1"));
    assert_eq!((b.received(own), b.received(proxy)), ("NOOP".into(), "".into()));
    // It is on the way: the proxy, which asks unasked, gets nothing.
    assert_eq!(b.ask(proxy, GRAB), "NO_JOB");
    assert_eq!(b.ask(proxy, Request::PreSleep), "", "nor is it woken");
    check(&b);
    assert_eq!(b.ask(own, GRAB), "JOB_ASSIGN H:1|f|1");
    // Nobody is left but the proxy.
    b.send(client, submit("f", "", "2"));
    assert_eq!(b.received(proxy), "NOOP");
    assert_eq!(b.ask(proxy, GRAB), "JOB_ASSIGN H:2|f|2");
    check(&b);
}

#[test]
fn who_asks_in_the_same_round_goes_first() {
    let mut b = Bench::new();
    let (client, proxy, own) = (b.connect(), b.proxy(&["f"]), b.worker(&["f"]));
    b.receive(proxy, GRAB);
    b.receive(own, GRAB);
    b.receive(client, submit("f", "", "1"));
    b.end_round();
    assert_eq!((b.received(own), b.received(proxy)), ("JOB_ASSIGN H:1|f|1".into(), "NO_JOB".into()));
    b.receive(client, submit("f", "", "2"));
    b.receive(proxy, GRAB);
    b.receive(own, work("H:1", Update::Complete(b"")));
    b.receive(own, GRAB);
    b.end_round();
    assert_eq!((b.received(own), b.received(proxy)), ("JOB_ASSIGN H:2|f|2".into(), "NO_JOB".into()));
}

#[test]
fn a_proxy_gets_the_job_of_an_own_worker_that_does_not_wake_up() {
    let mut b = Bench::new();
    let (client, proxy, own) = (b.connect(), b.proxy(&["f"]), b.worker(&["f"]));
    b.send(own, Request::PreSleep);
    b.send(proxy, Request::PreSleep);
    b.send(client, submit("f", "", "1"));
    assert_eq!((b.received(own), b.received(proxy)), ("NOOP".into(), "".into()));
    b.tick_ms(2);
    assert_eq!(b.received(proxy), "NOOP");
    assert_eq!(b.ask(proxy, GRAB), "JOB_ASSIGN H:1|f|1");
    check(&b);
}

#[test]
fn all_are_woken_at_once_but_for_proxies() {
    let mut b = Bench::with(|rules| rules.wakeup = ALL);
    let (client, proxy) = (b.connect(), b.proxy(&["f"]));
    b.send(proxy, Request::PreSleep);
    let own = b.sleepers(2);
    b.send(client, submit("f", "", "1"));
    assert_eq!((b.woken(&own), b.received(proxy)), (2, "".into()));
}

#[test]
fn a_proxy_is_no_direct_worker_and_others_do_not_become_proxies() {
    let mut b = Bench::new();
    let (client, proxy, own) = (b.connect(), b.proxy(&["f"]), b.worker(&["f"]));
    b.send(proxy, Request::Option(b"all-yours"));
    b.received(proxy);
    b.send(proxy, Request::PreSleep);
    b.send(own, Request::SetClientId(b"gearmand-proxy:late"));
    b.send(own, Request::PreSleep);
    b.send(client, submit("f", "", "1"));
    assert_eq!((b.received(own), b.received(proxy)), ("NOOP".into(), "".into()));
    b.leave(own);
    assert_eq!(b.received(proxy), "NOOP");
}

#[test]
fn nothing_is_forwarded_twice() {
    let mut b = Bench::new();
    let (client, forwarder, proxy) = (b.connect(), b.forwarder(), b.proxy(&["f"]));
    b.send(proxy, Request::PreSleep);
    b.send(forwarder, submit("f", "k", "theirs"));
    b.send(client, submit("f", "k", "ours"));
    assert_eq!(b.received(proxy), "", "theirs is first");
    assert_eq!(b.ask(proxy, GRAB), "NO_JOB");
    assert_eq!(b.ask(proxy, Request::PreSleep), "");
    check(&b);
    // Somebody begins it: then the one behind it may be forwarded.
    let own = b.worker(&["f"]);
    assert_eq!(b.ask(own, GRAB), "JOB_ASSIGN H:1|f|theirs");
    assert_eq!(b.received(proxy), "NOOP");
    assert_eq!(b.ask(proxy, GRAB), "JOB_ASSIGN H:2|f|ours");
    check(&b);
}

#[test]
fn what_waits_behind_a_forwarded_job_is_seen_when_that_is_withdrawn() {
    let mut b = Bench::new();
    let (client, forwarder, proxy) = (b.connect(), b.forwarder(), b.proxy(&["f"]));
    b.send(forwarder, submit("f", "", "theirs"));
    b.send(client, submit("f", "", "ours"));
    assert_eq!(b.ask(proxy, Request::PreSleep), "");
    assert!(!b.broker.withdraw(b"H:2"), "that is ours");
    assert!(b.broker.withdraw(b"H:1"));
    assert!(!b.broker.withdraw(b"H:1"));
    b.end_round();
    assert_eq!(b.received(proxy), "NOOP");
    assert_eq!(b.ask(proxy, GRAB), "JOB_ASSIGN H:2|f|ours");
    assert!(!b.broker.withdraw(b"H:2"));
    check(&b);
}

/// Two servers that forward each other a job of one key: each would wait for the other's.
#[test]
fn a_forwarded_job_joins_no_other() {
    let mut b = Bench::new();
    b.set_policy("f", "unique-for=1m keep-results=10");
    let (client, forwarder, worker) = (b.connect(), b.forwarder(), b.worker(&["f"]));
    assert_eq!(b.ask(client, submit("f", "k", "x")), "JOB_CREATED H:1");
    assert_eq!(b.ask(forwarder, submit("f", "k", "x")), "JOB_CREATED H:2");
    assert_eq!(b.ask(forwarder, submit("f", "-", "x")), "JOB_CREATED H:3");
    assert_eq!(b.ask(client, submit("f", "k", "x")), "JOB_CREATED H:1");
    assert_eq!(b.ask(client, submit("f", "-", "x")), "JOB_CREATED H:4");
    check(&b);
    b.send(worker, GRAB);
    assert_eq!(b.received(worker), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::Uniq)), "JOB_ASSIGN_UNIQ H:2|f|k|x", "its worker knows the key");
    b.complete(worker, "H:2");
    assert_eq!(b.received(forwarder), "WORK_COMPLETE H:2|r");
    b.complete(worker, "H:1");
    // The key counts as taken by ours alone, and only for ours.
    b.received(client);
    assert_eq!(b.ask(client, submit("f", "k", "x")), "JOB_CREATED H:1, WORK_COMPLETE H:1|r");
    assert_eq!(b.ask(forwarder, submit("f", "k", "x")), "JOB_CREATED H:5");
    check(&b);
}

#[test]
fn who_runs_a_forwarded_job_goes_away() {
    let mut b = Bench::with(|rules| rules.runs = Some(1));
    let (forwarder, worker) = (b.forwarder(), b.worker(&["f"]));
    b.send(forwarder, submit("f", "", "x"));
    b.send(worker, GRAB);
    b.received(forwarder);
    b.leave(worker);
    assert_eq!(b.received(forwarder), "ERROR LOST_CONNECTION|The worker does not do the job");
    assert_eq!(b.broker.jobs.len(), 0, "it is tried again elsewhere");
    check(&b);
}

#[test]
fn a_forwarded_job_runs_out_of_time() {
    let mut b = Bench::new();
    let (forwarder, worker) = (b.forwarder(), b.hurried());
    b.send(forwarder, submit("f", "", "x"));
    b.send(worker, GRAB);
    b.received(forwarder);
    b.received(worker);
    b.tick(5);
    assert_eq!(b.received(forwarder), "ERROR LOST_CONNECTION|The worker does not do the job");
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"late"))), "", "no mistake of the worker's");
    assert_eq!(b.received(forwarder), "");
    check(&b);
}

#[test]
fn limits_hold_for_proxies() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let (client, one, two) = (b.connect(), b.proxy(&["f"]), b.proxy(&["f"]));
    b.send(one, Request::PreSleep);
    b.send(two, Request::PreSleep);
    b.send(client, submit("f", "", "1"));
    b.send(client, submit("f", "", "2"));
    assert_eq!((b.received(one), b.received(two)), ("NOOP".into(), "".into()));
    assert_eq!(b.ask(one, GRAB), "JOB_ASSIGN H:1|f|1");
    assert_eq!(b.ask(two, GRAB), "NO_JOB");
    assert_eq!(b.ask(two, Request::PreSleep), "");
    let own = b.worker(&["f"]);
    b.send(own, Request::PreSleep);
    b.complete(one, "H:1");
    assert_eq!((b.received(own), b.received(two)), ("NOOP".into(), "".into()), "the place is for its own");
    b.set_policy("f", "paused=yes");
    assert_eq!((b.ask(own, GRAB), b.ask(one, GRAB)), ("NO_JOB".into(), "NO_JOB".into()));
    check(&b);
}

#[test]
fn what_is_idle() {
    let mut b = Bench::new();
    let (client, proxy, worker) = (b.connect(), b.proxy(&["f", "h"]), b.worker(&["f", "g"]));
    b.send(proxy, Request::PreSleep);
    assert_eq!(idle(&b, 0), "", "neither proxies nor those who are awake");
    b.send(worker, Request::PreSleep);
    assert!(b.broker.take_idle_changed());
    assert!(!b.broker.take_idle_changed());
    assert_eq!((idle(&b, 0), idle(&b, 1)), ("f,g".into(), "".into()));
    let other = b.worker(&["f"]);
    b.send(other, Request::PreSleep);
    assert_eq!((idle(&b, 1), idle(&b, 2)), ("f".into(), "".into()));
    // Before the end of the round nobody is woken for it yet.
    b.receive(client, submit("f", "", ""));
    assert_eq!((idle(&b, 0), idle(&b, 1)), ("f,g".into(), "".into()));
    b.end_round();
    assert_eq!(idle(&b, 0), "f", "the one asleep longest, who can do both, was woken");
    b.broker.drain();
    assert_eq!(idle(&b, 0), "");
    assert!(b.broker.take_idle_changed());
}

#[test]
fn what_limits_let_be_idle() {
    let mut b = Bench::new();
    let (client, workers) = (b.connect(), b.sleepers(4));
    b.broker.take_idle_changed();
    b.set_policy("f", "concurrency=2");
    assert!(b.broker.take_idle_changed());
    assert_eq!((idle(&b, 1), idle(&b, 2)), ("f".into(), "".into()));
    b.set_policy("f", "paused=yes");
    assert_eq!(idle(&b, 0), "");
    b.set_policy("f", "paused=no concurrency= rate=1/s");
    assert_eq!((idle(&b, 0), idle(&b, 1)), ("f".into(), " soon".into()));
    b.set_policy("f", "rate= max-queue=1");
    assert_eq!((idle(&b, 0), idle(&b, 1)), ("f".into(), " soon".into()));
    b.send(client, submit("f", "", ""));
    b.send(workers[0], GRAB);
    assert_eq!(idle(&b, 0), " soon", "there are as many as there may be");
    b.set_policy("f", "max-queue= concurrency=1");
    assert_eq!(idle(&b, 0), "");
    b.broker.take_idle_changed();
    b.complete(workers[0], "H:1");
    assert!(b.broker.take_idle_changed(), "others sleep all the time, and its place is free");
    assert_eq!(idle(&b, 0), "f");
    b.broker.take_idle_changed();
    b.leave(workers[1]);
    assert!(b.broker.take_idle_changed());
}
