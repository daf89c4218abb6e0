//! The broker by packets, without sockets: one test for each rule; random.rs has operations by lot.

use super::*;
use bytes::Bytes;
use gearman_core::protocol::message::{Grab, Priority, Request, Start, Submit, Update};

mod activity;
mod bench;
mod commands;
mod direct;
mod disk;
mod fair;
mod late;
mod letters;
mod life;
mod limits;
mod notices;
mod outcomes;
mod proxies;
mod random;
mod recurring;
mod retries;
mod shared;
mod snapshot;
mod stored;
mod stored_life;
mod wakeups;

pub(crate) use bench::{Bench, GRAB, background, can_do, check, job, submit, work};

#[test]
fn a_job_from_submit_to_complete() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    assert_eq!(b.ask(worker, Request::PreSleep), "");
    assert_eq!(b.ask(client, submit("f", "u", "data")), "JOB_CREATED H:1");
    assert_eq!(b.received(worker), "NOOP");
    assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|0|0|0");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|data");
    b.send(worker, work("H:1", Update::Status(b"3", b"10")));
    b.send(worker, work("H:1", Update::Data(b"part")));
    b.send(worker, work("H:1", Update::Warning(b"hm")));
    assert_eq!(b.received(client), "WORK_STATUS H:1|3|10, WORK_DATA H:1|part, WORK_WARNING H:1|hm");
    assert_eq!(b.ask(client, Request::GetStatusUnique(b"u")), "STATUS_RES_UNIQUE u|1|1|3|10|1");
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"result"))), "");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|result");
    assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|0|0|0|0");
}

#[test]
fn forms_of_grab() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    for _ in 0..3 {
        b.send(client, Request::Submit(Submit { reducer: Some(b"r"), ..job("f", "", "x") }));
    }
    b.send(client, submit("f", "k", "x"));
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::Uniq)), "JOB_ASSIGN_UNIQ H:2|f||x");
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::All)), "JOB_ASSIGN_ALL H:3|f||r|x");
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::All)), "JOB_ASSIGN_UNIQ H:4|f|k|x");
}

#[test]
fn priorities_are_global_and_functions_take_turns() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.worker(&["a", "b"]));
    for (function, priority) in [("a", 2), ("b", 2), ("a", 1), ("b", 1), ("a", 1), ("b", 0), ("a", 0)] {
        b.send(client, Request::Submit(Submit { priority: Priority::ALL[priority], ..job(function, "", function) }));
    }
    let served: Vec<String> = (0..7).map(|_| b.ask(worker, GRAB)).collect();
    let handles: Vec<&str> = served.iter().map(|s| s.split(['|', ' ']).nth(1).unwrap()).collect();
    // b was announced last; high first; then they alternate within a priority.
    assert_eq!(handles, ["H:6", "H:7", "H:4", "H:3", "H:5", "H:2", "H:1"]);
}

#[test]
fn jobs_of_one_key_are_one_job() {
    let mut b = Bench::new();
    let (one, two, worker) = (b.connect(), b.connect(), b.worker(&["f", "g"]));
    assert_eq!(b.ask(one, submit("f", "k", "x")), "JOB_CREATED H:1");
    assert_eq!(b.ask(two, submit("f", "k", "other")), "JOB_CREATED H:1");
    assert_eq!(b.ask(two, submit("g", "k", "x")), "JOB_CREATED H:2");
    assert_eq!(b.ask(one, submit("f", "", "x")), "JOB_CREATED H:3");
    assert_eq!(b.ask(one, submit("f", "", "x")), "JOB_CREATED H:4");
    assert_eq!(b.ask(one, submit("f", "-", "x")), "JOB_CREATED H:5");
    assert_eq!(b.ask(one, submit("f", "-", "y")), "JOB_CREATED H:6");
    assert_eq!(b.ask(two, submit("f", "-", "x")), "JOB_CREATED H:5");
    // No workload is no key: two such jobs became one, which C keeps apart.
    assert_eq!(b.ask(one, submit("f", "-", "")), "JOB_CREATED H:7");
    assert_eq!(b.ask(two, submit("f", "-", "")), "JOB_CREATED H:8");
    b.send(worker, Request::CantDo(b"g"));
    b.received(worker);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    // Running, and still the same job; who asks twice hears twice.
    assert_eq!(b.ask(two, submit("f", "k", "")), "JOB_CREATED H:1");
    b.send(worker, work("H:1", Update::Complete(b"r")));
    assert_eq!(b.received(one), "WORK_COMPLETE H:1|r");
    assert_eq!(b.received(two), "WORK_COMPLETE H:1|r, WORK_COMPLETE H:1|r");
    assert_eq!(b.ask(two, submit("f", "k", "")), "JOB_CREATED H:9");
}

#[test]
fn a_background_submit_makes_a_foreground_job_stay() {
    let mut b = Bench::new();
    let (one, two, worker) = (b.connect(), b.connect(), b.worker(&["f"]));
    b.send(one, submit("f", "k", "x"));
    b.send(one, submit("f", "gone", "x"));
    b.send(two, background("f", "k", "x"));
    b.leave(one);
    check(&b);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
}

#[test]
fn exceptions_for_those_who_asked() {
    let mut b = Bench::new();
    let (one, two, worker) = (b.connect(), b.connect(), b.worker(&["f"]));
    assert_eq!(b.ask(one, Request::Option(b"exceptions")), "OPTION_RES exceptions");
    assert_eq!(b.ask(one, Request::Option(b"unique-64")), "OPTION_RES unique-64");
    let refused = "ERROR UNKNOWN_OPTION|Server does not recognize given option";
    assert_eq!(b.ask(one, Request::Option(b"all-mine")), refused);
    b.send(one, submit("f", "k", ""));
    b.send(two, submit("f", "k", ""));
    b.send(worker, GRAB);
    b.received(one);
    b.received(two);
    b.send(worker, work("H:1", Update::Exception(b"oops")));
    assert_eq!(b.received(one), "WORK_EXCEPTION H:1|oops");
    assert_eq!(b.received(two), "WORK_FAIL H:1");
    b.received(worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Fail)), "", "a second ending is ignored");
}

#[test]
fn work_on_what_is_not_ones_own() {
    let mut b = Bench::new();
    let (client, worker, other) = (b.connect(), b.worker(&["f"]), b.worker(&["f"]));
    b.send(client, submit("f", "", ""));
    b.send(worker, GRAB);
    let found = "ERROR JOB_NOT_FOUND|Job given in work result not found";
    assert_eq!(b.ask(other, work("H:1", Update::Complete(b""))), found);
    assert_eq!(b.ask(other, work("H:1", Update::Status(b"1", b"2"))), found);
    assert_eq!(b.ask(other, work("nonsense", Update::Fail)), found);
    let exists = "ERROR JOB_NOT_FOUND|Job does not exist on server";
    assert_eq!(b.ask(other, work("H:1", Update::Data(b""))), exists);
    assert_eq!(b.ask(other, work("H:1", Update::Warning(b""))), exists);
    let exception = "ERROR JOB_NOT_FOUND|An exception was received for a job that does not exist";
    assert_eq!(b.ask(other, work("H:1", Update::Exception(b""))), exception);
    b.received(client);
    b.send(worker, work("H:1", Update::Complete(b"r")));
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    b.received(worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Data(b""))), exists);
}

#[test]
fn a_dead_workers_jobs_go_back_in_front() {
    let mut b = Bench::new();
    let (client, worker, other) = (b.connect(), b.worker(&["f"]), b.worker(&["f"]));
    b.in_turn(worker);
    for workload in ["1", "2", "3"] {
        b.send(client, background("f", "", workload));
    }
    b.send(worker, GRAB);
    b.send(worker, GRAB);
    b.send(other, Request::PreSleep);
    b.received(other);
    b.leave(worker);
    check(&b);
    for workload in ["1", "2", "3"] {
        assert_eq!(b.ask(other, GRAB), format!("JOB_ASSIGN H:{workload}|f|{workload}"));
    }
    // The second was only held, not tried.
    assert_eq!([1, 2, 3].map(|n| b.tries(n)), [1, 0, 0]);
    // The other worker runs all at once.
    b.send(other, Request::CantDo(b"f"));
    assert_eq!([1, 2, 3].map(|n| b.tries(n)), [2, 1, 1]);
    check(&b);
}

/// How far its dead worker had come was said of a job that waited, and of its next try.
#[test]
fn a_job_that_goes_back_is_as_far_as_a_new_one() {
    let mut b = Bench::new();
    b.set_policy("f", "retries=5 retry-on=fail backoff=0");
    let (client, hurried) = (b.connect(), b.hurried());
    b.send(client, background("f", "", ""));
    b.received(client);
    for end in ["death", "timeout", "retry"] {
        let worker = if end == "timeout" { hurried } else { b.worker(&["f"]) };
        assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|");
        assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|1|0|0");
        b.send(worker, work("H:1", Update::Status(b"100", b"100")));
        assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|1|100|100");
        match end {
            "death" => b.leave(worker),
            "timeout" => b.tick(5),
            _ => b.send(worker, work("H:1", Update::Fail)),
        }
        assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|0|0|0", "{end}");
    }
    check(&b);
}

#[test]
fn job_retries() {
    let mut b = Bench::with(|rules| rules.runs = Some(2));
    let client = b.connect();
    b.send(client, submit("f", "", "x"));
    for _ in 0..2 {
        let worker = b.worker(&["f"]);
        b.received(client);
        assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
        b.leave(worker);
    }
    assert_eq!(b.received(client), "WORK_FAIL H:1");
    assert_eq!(b.broker.jobs.len(), 0);
    check(&b);
}

#[test]
fn a_timeout_puts_a_job_at_the_end() {
    let mut b = Bench::new();
    let (client, worker, other) = (b.connect(), b.connect(), b.worker(&["f"]));
    b.send(worker, Request::CanDo { function: b"f", timeout: Some(b"5") });
    for workload in ["1", "2"] {
        b.send(client, background("f", "", workload));
    }
    b.send(worker, GRAB);
    b.received(worker);
    assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(5)));
    b.tick(4);
    assert_eq!(b.broker.running, 1);
    b.tick(1);
    assert_eq!(b.broker.running, 0);
    check(&b);
    assert_eq!(b.ask(worker, work("H:1", Update::Data(b""))), "", "too late, but no mistake");
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:2|f|2");
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|1");
    b.tick(3600);
    assert_eq!(b.broker.running, 2, "the other worker has no timeout");
}

#[test]
fn the_clock_of_a_job_starts_when_the_one_before_it_ends() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.connect());
    b.send(worker, Request::CanDo { function: b"f", timeout: Some(b"2000") });
    b.in_turn(worker);
    for _ in 0..2 {
        b.send(client, background("f", "", ""));
        b.send(worker, GRAB);
    }
    b.tick(1);
    b.send(worker, work("H:1", Update::Complete(b"")));
    b.tick(1);
    assert_eq!(b.broker.running, 1);
    check(&b);
    b.tick(1);
    assert_eq!(b.broker.running, 0);
}

/// Workers in Go and Java run several jobs of one connection at once. They were taken for some that fetch jobs in advance: the
/// second had all the time that the first took, and the death of its worker was no try of it.
#[test]
fn a_worker_that_runs_several_jobs_at_once() {
    let mut b = Bench::with(|rules| rules.runs = Some(2));
    let (client, worker) = (b.connect(), b.hurried());
    for _ in 0..3 {
        b.send(client, background("f", "", ""));
    }
    b.send(worker, GRAB);
    b.tick(2);
    b.send(worker, GRAB);
    b.received(worker);
    // What it asks for now is not about those that it has.
    b.in_turn(worker);
    b.send(worker, GRAB);
    b.tick(3);
    check(&b);
    assert_eq!((b.broker.running, b.tries(1)), (2, 1), "five seconds from when each was given");
    b.tick(2);
    check(&b);
    assert_eq!((b.broker.running, b.tries(2), b.tries(3)), (0, 1, 1));
    for handle in ["H:1", "H:2", "H:3"] {
        b.complete(worker, handle);
    }
    assert_eq!(b.received(worker).matches("ERROR").count(), 0);
    assert_eq!(b.broker.jobs.len(), 0);

    let worker = b.worker(&["f"]);
    for _ in 0..2 {
        b.send(client, background("f", "", ""));
        b.send(worker, GRAB);
    }
    b.leave(worker);
    assert_eq!((b.tries(4), b.tries(5)), (1, 1));
    check(&b);
}

#[test]
fn a_hundred_sleep_and_one_is_woken() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers: Vec<u32> = (0..100).map(|_| b.worker(&["f", "g"])).collect();
    for worker in workers.iter().rev() {
        b.send(*worker, Request::PreSleep);
    }
    b.send(client, background("f", "", ""));
    let woken: Vec<u32> = workers.iter().copied().filter(|w| !b.received(*w).is_empty()).collect();
    assert_eq!(woken, [workers[99]], "the one asleep longest");
    // It dies before it asks, so the next gets its job.
    b.leave(workers[99]);
    assert_eq!(b.received(workers[98]), "NOOP");
    // This one takes something else.
    b.send(client, Request::Submit(Submit { priority: Priority::High, ..job("g", "", "") }));
    assert_eq!(b.received(workers[97]), "NOOP");
    assert_eq!(b.ask(workers[98], GRAB), "JOB_ASSIGN H:2|g|");
    assert_eq!(b.received(workers[96]), "NOOP");
    // And this one does nothing at all.
    b.tick_ms(2);
    assert_eq!(b.received(workers[95]), "NOOP");
    check(&b);
}

#[test]
fn as_many_are_woken_as_the_operator_wants() {
    let mut b = Bench::with(|rules| rules.wakeup = 3);
    let client = b.connect();
    let workers: Vec<u32> = (0..5).map(|_| b.worker(&["f"])).collect();
    workers.iter().for_each(|worker| b.send(*worker, Request::PreSleep));
    b.send(client, background("f", "", ""));
    let woken: Vec<bool> = workers.iter().map(|w| b.received(*w) == "NOOP").collect();
    assert_eq!(woken, [true, true, true, false, false]);
}

#[test]
fn who_goes_to_sleep_while_there_is_a_job_is_woken_at_once() {
    let mut b = Bench::new();
    let (client, worker, late) = (b.connect(), b.worker(&["f"]), b.connect());
    b.send(late, Request::PreSleep);
    b.send(client, background("f", "", ""));
    assert_eq!(b.ask(worker, Request::PreSleep), "NOOP");
    assert_eq!(b.ask(worker, Request::PreSleep), "NOOP");
    assert_eq!(b.ask(late, can_do("f")), "NOOP", "so is who learns the function in its sleep");
}

#[test]
fn jobs_with_a_time() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let at = (b.now.wall.as_secs() + 90).to_string();
    let later = Submit { start: Start::Epoch(at.as_bytes()), background: true, ..job("f", "k", "x") };
    assert_eq!(b.ask(client, Request::Submit(later)), "JOB_CREATED H:1");
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    b.send(worker, Request::PreSleep);
    assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(60)));
    b.tick(89);
    assert_eq!(b.received(worker), "");
    check(&b);
    b.tick(1);
    assert_eq!(b.received(worker), "NOOP");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    let past = Submit { start: Start::Epoch(b"7"), background: true, ..job("f", "", "y") };
    b.send(client, Request::Submit(past));
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:2|f|y");
}

#[test]
fn a_wall_clock_that_is_set_while_a_job_waits_for_its_time() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let at = (b.now.wall.as_secs() + 90).to_string();
    let later = |start| Request::Submit(Submit { start, background: true, ..job("f", "", "") });
    b.send(client, later(Start::Epoch(at.as_bytes())));
    b.send(client, later(Start::Epoch(b"99999999999999999999")));
    // Back by an hour: it waits an hour longer.
    b.now.wall -= Duration::from_secs(3600);
    b.tick(90);
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    b.tick(3599);
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    // Forward: it is seen within a minute, whatever the timer was set for.
    let sooner = (b.now.wall.as_secs() + 7200).to_string();
    b.send(client, later(Start::Epoch(sooner.as_bytes())));
    b.now.wall += Duration::from_secs(7200);
    assert!(b.broker.deadline(&b.now).unwrap() <= b.now.steady + Duration::from_secs(60));
    b.tick(0);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:3|f|");
    assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(60)), "the last waits for ever");
    check(&b);
}

#[test]
fn a_schedule_in_the_zone_of_the_server() {
    let mut b = Bench::with(|rules| rules.zone = TimeZone::fixed(jiff::tz::offset(-3)));
    let client = b.connect();
    // 13:46:40 on 12 January 1970 in London, and 10:46:40 there.
    let fields: [&[u8]; 5] = [b"47", b"10", b"12", b"", b"*"];
    b.send(client, Request::Submit(Submit { start: Start::Schedule(fields), background: true, ..job("f", "k", "") }));
    assert_eq!(b.broker.delayed.first().map(|d| d.0), Some(1_000_020_000));
    assert_eq!(b.received(client), "JOB_CREATED H:1");
    // Who joins it by its key waits with it.
    assert_eq!(b.ask(client, submit("f", "k", "")), "JOB_CREATED H:1");
    assert_eq!(b.ask(client, Request::GetStatusUnique(b"k")), "STATUS_RES_UNIQUE k|1|0|0|0|1");
    let never: [&[u8]; 5] = [b"", b"", b"30", b"2", b""];
    let wrong = Submit { start: Start::Schedule(never), background: true, ..job("f", "k", "") };
    assert_eq!(b.ask(client, Request::Submit(wrong)), "ERROR INVALID_ARGUMENT|There is no day 30 in month 2");
    check(&b);
}

#[test]
fn what_is_too_large() {
    let mut b = Bench::new();
    let client = b.connect();
    let refused = "ERROR ARGUMENT_TOO_LARGE|Unique value too large";
    assert_eq!(b.ask(client, submit("f", &"u".repeat(65), "")), refused);
    assert_eq!(b.ask(client, submit("f", &"u".repeat(64), "")), "JOB_CREATED H:1");
    assert!(b.ask(client, submit(&"f".repeat(513), "", "")).starts_with("ERROR ARGUMENT_TOO_LARGE"));
    for i in 0..120 {
        b.send(client, submit(&format!("f{i}"), "", ""));
    }
    assert_eq!(b.broker.functions.len(), 100);
    assert!(b.received(client).ends_with("ERROR QUEUE_ERROR|Too many functions"));
}

#[test]
fn draining() {
    let mut b = Bench::new();
    let (client, worker, idle) = (b.connect(), b.worker(&["f"]), b.worker(&["f"]));
    b.send(client, submit("f", "k", ""));
    b.send(client, submit("f", "", ""));
    b.send(worker, GRAB);
    b.broker.draining = true;
    assert_eq!(b.ask(idle, GRAB), "NO_JOB");
    assert_eq!(b.ask(idle, Request::PreSleep), "");
    b.received(client);
    assert_eq!(b.ask(client, submit("f", "new", "")), "ERROR QUEUE_ERROR|Server is shutting down");
    assert_eq!(b.ask(client, submit("f", "k", "")), "JOB_CREATED H:1");
    b.send(worker, work("H:1", Update::Complete(b"r")));
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r, WORK_COMPLETE H:1|r");
    assert_eq!(b.broker.running, 0);
}

#[test]
fn a_job_that_is_cancelled_while_it_runs() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.send(client, submit("f", "", ""));
    b.send(worker, GRAB);
    b.cancel("H:1");
    assert_eq!(b.received(client), "JOB_CREATED H:1, WORK_FAIL H:1");
    b.received(worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b""))), "");
    assert_eq!(b.received(client), "");
    check(&b);
}

/// In one round, whoever comes first.
#[test]
fn jobs_and_who_asks_for_one_are_brought_together() {
    for job_first in [true, false] {
        let mut b = Bench::new();
        let (client, worker, sleeper) = (b.connect(), b.worker(&["f"]), b.worker(&["f"]));
        b.send(sleeper, Request::PreSleep);
        for _ in 0..3 {
            if job_first {
                b.receive(client, background("f", "", "x"));
            }
            b.receive(worker, GRAB);
            if !job_first {
                assert_eq!(b.received(worker), "");
                b.receive(client, background("f", "", "x"));
            }
            b.end_round();
            assert!(b.received(worker).starts_with("JOB_ASSIGN"));
            assert_eq!(b.received(sleeper), "", "nothing is left for it");
            check(&b);
        }
        // As many are woken as jobs are left, not as came.
        b.receive(worker, GRAB);
        b.receive(client, background("f", "", "x"));
        b.receive(client, background("f", "", "x"));
        b.end_round();
        assert!(b.received(worker).starts_with("JOB_ASSIGN"));
        assert_eq!(b.received(sleeper), "NOOP");
        check(&b);
    }
}

#[test]
fn a_question_is_answered_before_the_next() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.receive(worker, GRAB);
    b.receive(worker, Request::Echo(b"e"));
    assert_eq!(b.received(worker), "NO_JOB, ECHO_RES e");
    b.receive(worker, GRAB);
    b.receive(client, background("f", "", "x"));
    b.receive(worker, Request::PreSleep);
    assert_eq!(b.received(worker), "JOB_ASSIGN H:1|f|x");
    // Who has left gets nothing, nor whoever has its number then.
    b.receive(worker, GRAB);
    b.receive(client, background("f", "", "y"));
    b.leave(worker);
    assert_eq!(b.worker(&["f"]), worker);
    b.end_round();
    assert_eq!(b.received(worker), "");
    check(&b);
}
