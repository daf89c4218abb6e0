//! Who is woken for a job, and who then, when no answer comes.

use super::*;
use crate::broker::wakeups::ALL;

/// Workers that sleep, in this order.
fn sleepers(b: &mut Bench, n: usize) -> Vec<u32> {
    let workers: Vec<u32> = (0..n).map(|_| b.worker(&["f"])).collect();
    workers.iter().for_each(|worker| b.send(*worker, Request::PreSleep));
    workers
}

/// How many were woken since this was asked last.
fn woken(b: &mut Bench, workers: &[u32]) -> usize {
    workers.iter().filter(|worker| b.received(**worker) == "NOOP").count()
}

/// Workers of two servers sleep at both and are busy with one. The other server woke one of them after the other and
/// waited a second for each: the idle one among six got its job after five.
#[test]
fn the_idle_one_among_many_is_woken_soon() {
    for silent in [0, 1, 2, 5, 9, 10, 200, 3000] {
        let mut b = Bench::new();
        let client = b.connect();
        let (busy, idle) = (sleepers(&mut b, silent), sleepers(&mut b, 1)[0]);
        let begin = b.now.steady;
        b.send(client, background("f", "", "x"));
        while b.received(idle).is_empty() {
            check(&b);
            // As a timer that is late by up to a millisecond.
            let due = b.broker.deadline(&b.now).unwrap();
            b.tick_ms((due - b.now.steady).as_millis() as u64 + 1);
        }
        let waited = b.now.steady - begin;
        assert!(waited < Duration::from_millis(11), "{silent} are silent: {waited:?}");
        assert_eq!(b.ask(idle, GRAB), "JOB_ASSIGN H:1|f|x");
        check(&b);
        // Nobody is woken for a job that is taken, however long the others are silent.
        woken(&mut b, &busy);
        b.tick(60);
        assert_eq!((woken(&mut b, &busy), b.broker.deadline(&b.now)), (0, None));
        // The next job goes to the one who answers, and to nobody before it.
        b.send(idle, GRAB);
        assert_eq!(b.ask(idle, Request::PreSleep), "NO_JOB");
        b.send(client, background("f", "", "y"));
        assert_eq!((b.received(idle), woken(&mut b, &busy)), ("NOOP".into(), 0));
    }
}

#[test]
fn a_few_are_woken_first_and_all_in_the_end() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = sleepers(&mut b, 100);
    b.send(client, background("f", "", "x"));
    assert_eq!(woken(&mut b, &workers), 1);
    for (wait, more) in [(1, 0), (1, 1), (1, 0), (1, 8), (3, 0), (1, 90), (100, 0)] {
        b.tick_ms(wait);
        assert_eq!(woken(&mut b, &workers), more);
        check(&b);
    }
}

#[test]
fn nobody_else_is_woken_where_the_first_answers() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = sleepers(&mut b, 5);
    for round in 0..20 {
        let first = workers[round % 5];
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(first), "NOOP");
        b.tick_ms(1);
        assert!(b.ask(first, GRAB).starts_with("JOB_ASSIGN"));
        b.send(first, GRAB);
        assert_eq!(b.ask(first, Request::PreSleep), "NO_JOB");
        b.tick_ms(10);
        assert_eq!(woken(&mut b, &workers), 0);
        check(&b);
    }
}

/// Each job has somebody who is on the way, and each of those is waited for on its own.
#[test]
fn several_jobs_at_once() {
    let mut b = Bench::new();
    let client = b.connect();
    let (silent, awake) = (sleepers(&mut b, 3), sleepers(&mut b, 5));
    for _ in 0..5 {
        b.send(client, background("f", "", "x"));
    }
    assert_eq!((woken(&mut b, &silent), woken(&mut b, &awake)), (3, 2));
    for worker in &awake[..2] {
        assert!(b.ask(*worker, GRAB).starts_with("JOB_ASSIGN"));
    }
    b.tick_ms(2);
    assert_eq!(woken(&mut b, &awake), 3);
    for worker in &awake[2..] {
        assert!(b.ask(*worker, GRAB).starts_with("JOB_ASSIGN"));
    }
    check(&b);
}

/// One that answers late finds what there is, and its place in the line is the last.
#[test]
fn who_answers_late_is_at_the_end_of_the_line() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = sleepers(&mut b, 3);
    b.send(client, background("f", "", "x"));
    b.tick_ms(2);
    assert!(b.ask(workers[1], GRAB).ends_with("JOB_ASSIGN H:1|f|x"));
    assert_eq!(b.ask(workers[0], GRAB), "NOOP, NO_JOB");
    b.send(workers[0], Request::PreSleep);
    for next in [workers[2], workers[0]] {
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(next), "NOOP");
    }
    check(&b);
}

#[test]
fn who_was_given_up_does_not_hand_the_wake_up_on_again() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = sleepers(&mut b, 4);
    b.send(client, background("f", "", "x"));
    b.tick_ms(2);
    assert_eq!(woken(&mut b, &workers), 2);
    b.leave(workers[0]);
    assert_eq!(woken(&mut b, &workers[1..]), 0, "another was woken in its place long ago");
    b.leave(workers[1]);
    assert_eq!(woken(&mut b, &workers[2..]), 1);
    check(&b);
}

#[test]
fn all_are_woken_where_the_operator_wants() {
    let mut b = Bench::with(|rules| rules.wakeup = ALL);
    let client = b.connect();
    let workers = sleepers(&mut b, 50);
    b.send(client, background("f", "", "x"));
    assert_eq!(woken(&mut b, &workers), 50);
    check(&b);
}

/// While one is looked for, others come and go.
#[test]
fn one_who_lies_down_while_a_job_waits_gets_it() {
    let mut b = Bench::new();
    let client = b.connect();
    let silent = sleepers(&mut b, 20);
    b.send(client, background("f", "", "x"));
    b.tick_ms(7);
    let late = sleepers(&mut b, 1)[0];
    assert_eq!(b.received(late), "NOOP");
    assert_eq!(b.ask(late, GRAB), "JOB_ASSIGN H:1|f|x");
    woken(&mut b, &silent);
    b.tick_ms(50);
    assert_eq!(woken(&mut b, &silent), 0);
    check(&b);
}

/// A server that was stopped itself does not take that for the silence of its workers.
#[test]
fn a_server_that_was_held_up_goes_on_step_by_step() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = sleepers(&mut b, 100);
    b.send(client, background("f", "", "x"));
    for (wait, woken_by_then) in [(1000, 2), (1000, 10), (1000, 100)] {
        b.tick_ms(wait);
        assert_eq!(workers.iter().filter(|worker| b.broker.sessions[**worker].asleep == 0).count(), woken_by_then);
        check(&b);
    }
}
