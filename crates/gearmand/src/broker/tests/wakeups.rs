//! Who is woken for a job, and who then, when no answer comes.

use super::*;

/// A client, and workers that sleep, in this order.
fn asleep(n: usize) -> (Bench, u32, Vec<u32>) {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = b.sleepers(n);
    (b, client, workers)
}

/// Workers of two servers sleep at both and are busy with one. The other server woke one of them after the other and
/// waited a second for each: the idle one among six got its job after five.
#[test]
fn the_idle_one_among_many_is_woken_soon() {
    for silent in [0, 1, 2, 5, 9, 10, 200, 3000] {
        let (mut b, client, busy) = asleep(silent);
        let idle = b.sleepers(1)[0];
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
        b.woken(&busy);
        b.tick(60);
        assert_eq!((b.woken(&busy), b.broker.deadline(&b.now)), (0, None));
        // The next job goes to the one who answers, and to nobody before it.
        b.send(idle, GRAB);
        assert_eq!(b.ask(idle, Request::PreSleep), "NO_JOB");
        b.send(client, background("f", "", "y"));
        assert_eq!((b.received(idle), b.woken(&busy)), ("NOOP".into(), 0));
    }
}

#[test]
fn a_few_are_woken_first_and_all_in_the_end() {
    let (mut b, client, workers) = asleep(100);
    b.send(client, background("f", "", "x"));
    assert_eq!(b.woken(&workers), 1);
    for (wait, more) in [(1, 0), (1, 1), (1, 0), (1, 8), (3, 0), (1, 90), (100, 0)] {
        b.tick_ms(wait);
        assert_eq!(b.woken(&workers), more);
        check(&b);
    }
}

#[test]
fn nobody_else_is_woken_where_the_first_answers() {
    let (mut b, client, workers) = asleep(5);
    for round in 0..20 {
        let first = workers[round % 5];
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(first), "NOOP");
        b.tick_ms(1);
        assert!(b.ask(first, GRAB).starts_with("JOB_ASSIGN"));
        b.send(first, GRAB);
        assert_eq!(b.ask(first, Request::PreSleep), "NO_JOB");
        b.tick_ms(10);
        assert_eq!(b.woken(&workers), 0);
        check(&b);
    }
}

/// Each job has somebody who is on the way, and each of those is waited for on its own.
#[test]
fn several_jobs_at_once() {
    let (mut b, client, silent) = asleep(3);
    let awake = b.sleepers(5);
    for _ in 0..5 {
        b.send(client, background("f", "", "x"));
    }
    assert_eq!((b.woken(&silent), b.woken(&awake)), (3, 2));
    for worker in &awake[..2] {
        assert!(b.ask(*worker, GRAB).starts_with("JOB_ASSIGN"));
    }
    b.tick_ms(2);
    assert_eq!(b.woken(&awake), 3);
    for worker in &awake[2..] {
        assert!(b.ask(*worker, GRAB).starts_with("JOB_ASSIGN"));
    }
    check(&b);
}

/// One that answers late finds what there is, and its place in the line is the last.
#[test]
fn who_answers_late_is_at_the_end_of_the_line() {
    let (mut b, client, workers) = asleep(3);
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
    let (mut b, client, workers) = asleep(4);
    b.send(client, background("f", "", "x"));
    b.tick_ms(2);
    assert_eq!(b.woken(&workers), 2);
    b.leave(workers[0]);
    assert_eq!(b.woken(&workers[1..]), 0, "another was woken in its place long ago");
    b.leave(workers[1]);
    assert_eq!(b.woken(&workers[2..]), 1);
    check(&b);
}

#[test]
fn all_are_woken_where_the_operator_wants() {
    let mut b = Bench::with(|rules| rules.wakeup = ALL);
    let client = b.connect();
    let workers = b.sleepers(50);
    b.send(client, background("f", "", "x"));
    assert_eq!(b.woken(&workers), 50);
    check(&b);
}

/// While one is looked for, others come and go.
#[test]
fn one_who_lies_down_while_a_job_waits_gets_it() {
    let (mut b, client, silent) = asleep(20);
    b.send(client, background("f", "", "x"));
    b.tick_ms(7);
    let late = b.sleepers(1)[0];
    assert_eq!(b.received(late), "NOOP");
    assert_eq!(b.ask(late, GRAB), "JOB_ASSIGN H:1|f|x");
    b.woken(&silent);
    b.tick_ms(50);
    assert_eq!(b.woken(&silent), 0);
    check(&b);
}

/// Proxies do that for as long as a server runs: each time they were in the line once more, and all of it was swept for each.
#[test]
fn who_forgets_a_function_in_its_sleep_and_learns_it_again_is_in_the_line_once() {
    let mut b = Bench::new();
    let (client, other, worker, proxy) = (b.connect(), b.worker(&["f"]), b.worker(&["f"]), b.proxy(&["f"]));
    for session in [worker, proxy, other] {
        b.send(session, Request::PreSleep);
    }
    for _ in 0..100 {
        for (session, forget) in [(worker, Request::CantDo(b"f")), (proxy, Request::ResetAbilities)] {
            b.send(session, forget);
            b.send(session, can_do("f"));
            // One that it knows keeps its place.
            b.send(session, can_do("f"));
            b.send(session, Request::PreSleep);
            check(&b);
        }
    }
    let function = b.broker.functions.find(b"f").unwrap();
    let entries = b.broker.functions[function].sleepers().count();
    assert!(entries < 50, "{entries} for three workers");
    for next in [other, worker, proxy] {
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(next), "NOOP");
        check(&b);
    }
}

/// A server that was stopped itself does not take that for the silence of its workers.
#[test]
fn a_server_that_was_held_up_goes_on_step_by_step() {
    let (mut b, client, workers) = asleep(100);
    b.send(client, background("f", "", "x"));
    for (wait, woken_by_then) in [(1000, 2), (1000, 10), (1000, 100)] {
        b.tick_ms(wait);
        assert_eq!(workers.iter().filter(|worker| b.broker.sessions[**worker].asleep == 0).count(), woken_by_then);
        check(&b);
    }
}
