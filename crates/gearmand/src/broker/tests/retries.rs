//! What policies decide of jobs that were not done: when they are tried again, who learns of it, and what becomes of dead
//! letters.

use super::life::{begin, dead};
use super::*;
use crate::broker::dead::{Cause, MAX_TEXT};
use crate::broker::jobs::Handle;
use crate::broker::policy::Reason;
use crate::broker::retries::NotRetried;
use crate::broker::snapshot::Cursor;

#[test]
fn the_pauses_grow() {
    let (mut b, _, worker) = begin("retries=4 backoff=1s*3<10s");
    for seconds in [1, 3, 9, 10] {
        b.fail(worker, Update::Fail);
        assert_eq!(b.wait("H:1"), Duration::from_secs(seconds));
        assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(seconds)));
        b.tick(seconds);
    }
    b.fail(worker, Update::Fail);
    assert_eq!(b.life("H:1"), "dead");
}

#[test]
fn jobs_that_fail_together_do_not_come_back_together() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.policy("retries=9 backoff=10s~50%");
    let mut waits = Vec::new();
    for number in 1..=100 {
        b.send(client, background("f", "", ""));
        b.fail(worker, Update::Fail);
        waits.push(b.wait(&format!("H:{number}")).as_millis());
    }
    assert!(waits.iter().all(|wait| (5_000..=15_000).contains(wait)));
    let early = waits.iter().filter(|wait| **wait < 10_000).count();
    assert!((30..70).contains(&early), "{early} of 100 are early");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 90);
}

#[test]
fn clients_who_wait_learn_only_of_the_last_try() {
    let (mut b, _, worker) = begin("retries=1 backoff=0");
    let (one, two) = (b.connect(), b.connect());
    b.send(one, Request::Option(b"exceptions"));
    b.send(one, submit("f", "k", ""));
    b.send(two, submit("f", "k", ""));
    b.received(one);
    b.received(two);
    b.fail(worker, Update::Exception(b"first"));
    assert_eq!((b.received(one), b.received(two)), (String::new(), String::new()));
    b.fail(worker, Update::Exception(b"second"));
    assert_eq!(b.received(one), "WORK_EXCEPTION H:1|second");
    assert_eq!(b.received(two), "WORK_FAIL H:1");
    assert_eq!(b.life("H:1"), "dead");
}

#[test]
fn a_job_in_the_foreground_is_not_tried_again() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.policy("retries=5");
    b.send(client, submit("f", "k", ""));
    b.fail(worker, Update::Fail);
    assert_eq!(b.received(client), "JOB_CREATED H:1, WORK_FAIL H:1");
    assert_eq!((b.life("H:1"), b.dead()), ("gone", String::new()));
    b.send(client, submit("f", "k", ""));
    b.send(worker, GRAB);
    b.leave(worker);
    assert_eq!((b.life("H:2"), b.tries(2)), ("queued", 1));
}

/// `--job-retries` is for those who have no policy, and for ends that it says nothing of.
#[test]
fn the_limit_of_the_server_is_not_for_what_a_policy_counts() {
    let mut b = Bench::with(|rules| rules.runs = Some(1));
    let (client, worker) = b.pair();
    b.policy("retries=1 retry-on=death backoff=0 dead-letters=5");
    b.send(client, background("f", "", ""));
    b.send(worker, GRAB);
    b.leave(worker);
    assert_eq!(b.life("H:1"), "queued");
    let hurried = b.hurried();
    b.send(hurried, GRAB);
    b.tick(5);
    assert_eq!(b.dead(), "H:1 timeout 2");
}

/// Its tries, which the policy had counted, were held against it when a worker that had fetched it ahead ended: it was given up.
#[test]
fn a_job_that_was_not_begun_is_not_given_up() {
    let mut b = Bench::with(|rules| rules.runs = Some(1));
    let (client, worker) = b.pair();
    b.policy("retries=10 backoff=0");
    assert_eq!(b.ask(worker, Request::Option(b"all-yours")), "OPTION_RES all-yours", "it runs them in turn");
    b.send(client, background("f", "", ""));
    b.send(client, background("f", "", ""));
    b.fail(worker, Update::Fail);
    assert_eq!((b.ask(worker, GRAB), b.ask(worker, GRAB)), ("JOB_ASSIGN H:2|f|".into(), "JOB_ASSIGN H:1|f|".into()));
    b.leave(worker);
    assert_eq!((b.life("H:1"), b.tries(1)), ("queued", 1));
    assert_eq!((b.life("H:2"), b.tries(2)), ("queued", 1));
}

#[test]
fn a_policy_counts_from_when_it_is_set() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.send(client, background("f", "", ""));
    b.send(worker, GRAB);
    b.policy("retries=1 backoff=1m");
    b.send(worker, work("H:1", Update::Fail));
    assert_eq!(b.life("H:1"), "delayed");
    b.policy("retries=");
    b.tick(60);
    b.received(worker);
    b.fail(worker, Update::Fail);
    assert_eq!((b.life("H:1"), b.dead()), ("gone", String::new()));
}

#[test]
fn jobs_due_at_once_run_in_the_order_in_which_they_came() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let at = (b.now.wall.as_secs() + 10).to_string();
    let later = || Request::Submit(Submit { start: Start::Epoch(at.as_bytes()), background: true, ..job("f", "", "") });
    for _ in 0..5 {
        b.send(client, later());
    }
    // Their places are used again, in another order.
    b.cancel("H:2");
    b.cancel("H:4");
    b.send(client, later());
    b.send(client, later());
    b.tick(10);
    let order: Vec<String> = (0..5).map(|_| b.ask(worker, GRAB)).collect();
    assert_eq!(order, [1, 3, 5, 6, 7].map(|number| format!("JOB_ASSIGN H:{number}|f|")));
}

#[test]
fn many_that_are_due_at_once_are_taken_a_part_at_a_time() {
    let mut b = Bench::new();
    let client = b.connect();
    let at = (b.now.wall.as_secs() + 10).to_string();
    for _ in 0..SLICE * 2 + 1 {
        let later = Submit { start: Start::Epoch(at.as_bytes()), background: true, ..job("f", "", "") };
        b.receive(client, Request::Submit(later));
        b.outgoing.take(client);
    }
    b.tick(10);
    for left in [SLICE + 1, 1] {
        assert_eq!(b.broker.delayed.len(), left);
        b.tick(0);
        assert_eq!(b.broker.delayed.len(), left, "others come in between");
        assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + PAUSE));
        b.tick_ms(1);
    }
    assert_eq!((b.broker.delayed.len(), b.broker.deadline(&b.now)), (0, None));
    check(&b);
}

#[test]
fn a_dead_letter_is_not_retried_while_a_job_has_its_key() {
    let (mut b, client, _) = dead();
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:2", "the key of a dead letter is free");
    let same = Handle::try_from(&b"H:2"[..]).unwrap();
    assert_eq!(b.retry_dead("H:1"), Err(NotRetried::KeyTaken(same)));
    assert_eq!(b.retry_dead("H:2"), Err(NotRetried::Unknown));
    b.cancel("H:2");
    b.broker.drain();
    assert_eq!(b.retry_dead("H:1"), Err(NotRetried::Draining));
    assert_eq!(b.life("H:1"), "dead");
}

#[test]
fn all_dead_letters_of_a_function() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.worker(&["f", "g"]));
    b.broker.set_policy(&b.now, "*", ["dead-letters=10"].into_iter()).unwrap();
    for (function, unique) in [("f", "a"), ("g", "b"), ("f", "c"), ("f", "d")] {
        b.send(client, background(function, unique, ""));
        b.fail(worker, Update::Fail);
    }
    b.send(client, background("f", "c", ""));
    assert_eq!(b.broker.retry_all(&b.now, b"f"), 2);
    b.end_round();
    assert_eq!((b.dead(), b.life("H:1"), b.life("H:4")), ("H:2 fail 1, H:3 fail 1".into(), "queued", "queued"));
    assert_eq!((b.broker.forget_all(b"f"), b.broker.forget_all(b"f"), b.broker.forget_all(b"none")), (1, 0, 0));
    assert_eq!(b.dead(), "H:2 fail 1");
    check(&b);
}

#[test]
fn a_dead_letter_outlives_its_function() {
    let (mut b, client, worker) = dead();
    b.leave(worker);
    assert_eq!(b.text(client, "drop function f\n"), "OK\r\n");
    b.send(client, background("g", "", "")); // has its number now
    assert_eq!(b.life("H:1"), "dead");
    assert_eq!(b.retry_dead("H:1"), Ok(()));
    let worker = b.worker(&["f"]);
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::Uniq)), "JOB_ASSIGN_UNIQ H:1|f|k|data");
}

/// A policy that says nothing of dead letters any more leaves those that there are.
#[test]
fn no_letter_is_lost_with_its_policy() {
    let (mut b, _, _) = dead();
    b.policy("dead-letters=");
    assert_eq!(b.life("H:1"), "dead");
    b.tick(7 * 24 * 3600 - 1);
    assert_eq!(b.life("H:1"), "dead");
    b.tick(1);
    assert_eq!(b.life("H:1"), "gone");
}

#[test]
fn what_is_kept_of_a_dead_letter_is_bounded() {
    let (mut b, client, worker) = begin("dead-letters=1000000");
    b.fail(worker, Update::Exception(&[b'e'; MAX_TEXT + 1]));
    assert_eq!(b.broker.dead_letter(b"H:1").unwrap().text.len(), MAX_TEXT);
    // The oldest have to go, of whatever function.
    b.broker.set_policy(&b.now, "g", ["dead-letters=5"].into_iter()).unwrap();
    b.send(worker, can_do("g"));
    b.broker.dead.max_bytes = 100_000;
    let large = "x".repeat(30_000);
    for _ in 0..5 {
        b.received(client);
        b.received(worker);
        b.send(client, background("g", "", &large));
        b.fail(worker, Update::Fail);
    }
    assert_eq!((b.broker.dead.dropped, b.dead()), (3, "H:4 fail 1, H:5 fail 1, H:6 fail 1".into()));
    assert_eq!(b.life("H:1"), "gone");
    check(&b);
}

#[test]
fn pages_of_dead_letters() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.policy("dead-letters=100000");
    for _ in 0..2500 {
        b.send(client, background("f", "", ""));
        b.fail(worker, Update::Fail);
    }
    for function in [None, Some(&b"f"[..])] {
        let (mut from, mut sizes, mut handles) = (Some(Cursor::default()), Vec::new(), Vec::new());
        while let Some(cursor) = from {
            let page = b.broker.dead_letters(function, cursor);
            sizes.push(page.entries.len());
            handles.extend(page.entries.iter().map(|letter| letter.handle.clone()));
            from = page.next;
        }
        assert_eq!((sizes, handles.len()), (vec![1000, 1000, 500], 2500));
        assert_eq!((&handles[0][..], &handles[2499][..]), (&b"H:1"[..], &b"H:2500"[..]));
    }
    assert_eq!(b.broker.dead_letters(Some(b"g"), Cursor::default()).entries.len(), 0);
}

#[test]
fn what_is_known_of_a_job() {
    let (mut b, client, worker) = begin("retries=1 backoff=1m");
    let of = |b: &Bench| {
        let by_key = b.broker.job_info_unique(&b.now, b"f", b"k").unwrap();
        let info = b.info("H:1").unwrap();
        assert_eq!(format!("{by_key:?}"), format!("{info:?}"));
        let seconds = |time: Option<Duration>| time.map_or("-".into(), |time| time.as_secs().to_string());
        let worker = info.worker.map_or("none".into(), |name| name.escape_ascii().to_string());
        let due = seconds(info.due.map(|due| due - b.now.wall));
        format!("{} {} due {due} age {} worker {worker}", info.life.name(), info.tries, seconds(info.age))
    };
    b.tick(3);
    assert_eq!(of(&b), "queued 0 due - age 3 worker none");
    b.send(worker, Request::SetClientId(b"w"));
    b.send(worker, GRAB);
    b.tick(2);
    assert_eq!(of(&b), "running 0 due - age 2 worker w");
    b.send(worker, work("H:1", Update::Fail));
    assert_eq!(of(&b), "delayed 1 due 60 age - worker none");
    b.tick(60);
    b.received(worker);
    b.fail(worker, Update::Fail);
    b.tick(4);
    assert_eq!(of(&b), "dead 2 due - age 4 worker w");
    assert_eq!(b.info("H:1").unwrap().life, crate::broker::snapshot::Life::Dead(Cause::Failed(Reason::Fail)));
    assert!(b.broker.job_info_unique(&b.now, b"g", b"k").is_none() && b.info("H:9").is_none());
    let info = b.info("H:1").unwrap();
    assert_eq!((&info.function[..], &info.unique[..], info.priority), (&b"f"[..], &b"k"[..], Priority::Normal));
    assert_eq!((info.background, info.progress), (true, [0, 0]));
    // Who lives goes first.
    b.send(client, background("f", "k", ""));
    assert_eq!(&b.broker.job_info_unique(&b.now, b"f", b"k").unwrap().handle[..], b"H:2");
}
