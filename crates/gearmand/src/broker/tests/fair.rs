//! Priorities, and that nobody waits for ever because of them.

use super::*;
use crate::broker::queue::AHEAD;

fn of(priority: usize, function: &str) -> Request<'_> {
    Request::Submit(Submit { priority: Priority::ALL[priority], background: true, ..job(function, "", function) })
}

/// One worker, and always enough urgent jobs: how many of those it does before it does the one of this handle.
fn served_before(b: &mut Bench, worker: u32, client: u32, urgent: &str, handle: &str) -> usize {
    for n in 0..1000 {
        b.send(client, of(0, urgent));
        b.received(worker);
        let got = b.ask(worker, GRAB);
        let got = got.split([' ', '|']).nth(1).unwrap().to_owned();
        b.send(worker, work(&got, Update::Complete(b"")));
        check(b);
        if got == handle {
            return n;
        }
    }
    panic!("{handle} is never done");
}

/// A stream of urgent jobs that never ended kept all others from ever being done.
#[test]
fn a_low_job_beside_a_steady_stream_of_urgent_ones() {
    for low in ["f", "g"] {
        let mut b = Bench::new();
        let (client, worker) = (b.connect(), b.worker(&["f", "g"]));
        b.send(client, of(2, low));
        assert_eq!(served_before(&mut b, worker, client, "f", "H:1"), usize::from(AHEAD), "{low}");
    }
}

/// As pushed as asked for.
#[test]
fn the_same_with_direct_assignment() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.send(worker, Request::Option(b"all-yours"));
    b.send(client, of(2, "f"));
    for n in 0.. {
        b.send(client, of(0, "f"));
        b.received(worker);
        let got = b.ask(worker, Request::PreSleep);
        if got.starts_with("JOB_ASSIGN H:1|") {
            assert_eq!(n, i32::from(AHEAD));
            break;
        }
        assert!(n < 200);
    }
}

#[test]
fn normal_and_low_jobs_both_come_to_their_turn() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    for _ in 0..10 {
        b.send(client, of(1, "f"));
        b.send(client, of(2, "f"));
    }
    let mut served = [0; 3];
    for _ in 0..5 * (usize::from(AHEAD) + 2) {
        b.send(client, of(0, "f"));
        b.received(worker);
        let got = b.ask(worker, GRAB);
        let number: u64 = got.split([':', '|']).nth(1).unwrap().parse().unwrap();
        let priority = b.broker.jobs.arena[b.broker.jobs.by_number(number).unwrap()].priority;
        served[priority as usize] += 1;
        b.send(worker, work(&format!("H:{number}"), Update::Complete(b"")));
        check(&b);
    }
    assert_eq!(served, [5 * usize::from(AHEAD), 5, 5]);
}

/// However many functions have low jobs, urgent ones are served 100 times as often; and each function's turn comes.
#[test]
fn low_jobs_of_many_functions() {
    const FUNCTIONS: usize = 20;
    let names: Vec<String> = (0..FUNCTIONS).map(|i| format!("low{i}")).collect();
    let mut b = Bench::new();
    let client = b.connect();
    let abilities: Vec<&str> = names.iter().map(String::as_str).chain(["urgent"]).collect();
    let mut worker = b.worker(&abilities);
    for name in &names {
        for _ in 0..100 {
            b.send(client, of(2, name));
        }
    }
    let mut served = std::collections::HashMap::new();
    let rounds = 50 * FUNCTIONS * usize::from(AHEAD);
    for n in 0..rounds {
        b.send(client, of(0, "urgent"));
        let got = b.ask(worker, GRAB);
        let (handle, function) = got.split_once('|').unwrap();
        *served.entry(function.split('|').next().unwrap().to_owned()).or_insert(0) += 1;
        b.send(worker, work(handle.split_once(' ').unwrap().1, Update::Complete(b"")));
        b.received(client);
        // Workers come and go: what was counted is not lost with them.
        if n % 37 == 0 {
            b.leave(worker);
            worker = b.worker(&abilities);
        }
    }
    let urgent = served.remove("urgent").unwrap();
    let low: usize = served.values().sum();
    assert!(urgent >= low * usize::from(AHEAD), "{urgent} urgent, {low} low");
    assert!(low * (usize::from(AHEAD) + 2) > rounds - FUNCTIONS * (usize::from(AHEAD) + 2), "{low} low of {rounds}");
    assert_eq!(served.len(), FUNCTIONS, "{served:?}");
    assert!(served.values().all(|n| *n > 20), "{served:?}");
}

/// The order is strict while it keeps nobody waiting for long; what went before is forgotten when nobody waits.
#[test]
fn a_short_queue_is_served_in_strict_order() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    for _ in 0..10 {
        for priority in [2, 1, 0] {
            for _ in 0..30 {
                b.send(client, of(priority, "f"));
            }
        }
        let mut last = Priority::High;
        for _ in 0..90 {
            b.received(worker);
            let got = b.ask(worker, GRAB);
            let number: u64 = got.split([':', '|']).nth(1).unwrap().parse().unwrap();
            let priority = b.broker.jobs.arena[b.broker.jobs.by_number(number).unwrap()].priority;
            assert!(priority >= last);
            last = priority;
            b.send(worker, work(&format!("H:{number}"), Update::Complete(b"")));
        }
        check(&b);
    }
}

/// Jobs that nobody waits for any more leave no trace in the count.
#[test]
fn low_jobs_that_are_gone_do_not_count() {
    let mut b = Bench::new();
    let (client, other, worker) = (b.connect(), b.connect(), b.worker(&["f"]));
    b.send(other, Request::Submit(Submit { priority: Priority::Low, ..job("f", "", "") }));
    for n in 2..100 {
        b.send(client, of(0, "f"));
        b.received(worker);
        assert_eq!(b.ask(worker, GRAB), format!("JOB_ASSIGN H:{n}|f|f"));
        b.send(worker, work(&format!("H:{n}"), Update::Complete(b"")));
    }
    b.leave(other);
    check(&b);
    b.send(client, of(2, "f"));
    assert_eq!(served_before(&mut b, worker, client, "f", "H:100"), usize::from(AHEAD));
}
