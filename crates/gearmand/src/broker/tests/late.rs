//! Results that come when the time of their function is over, in every order of events. A job that always took longer
//! than its function's timeout was taken from its only worker and given to it again, without end.

use super::*;

const FOUND: &str = "ERROR JOB_NOT_FOUND|Job given in work result not found";

/// A client that waits for a job of a worker whose time is over.
fn late(b: &mut Bench) -> (u32, u32) {
    let (client, worker) = (b.connect(), b.hurried());
    b.send(client, submit("f", "k", "x"));
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    b.received(client);
    b.tick(5);
    assert_eq!(b.broker.running, 0);
    (client, worker)
}

/// Nothing is left of the job.
fn over(b: &Bench) {
    check(b);
    assert_eq!((b.broker.jobs.len(), b.broker.waiters.len(), b.broker.deadlines.len()), (0, 0, 0));
}

#[test]
fn while_the_job_is_queued_again() {
    let endings = [
        (Update::Complete(b"r"), "WORK_COMPLETE H:1|r"),
        (Update::Fail, "WORK_FAIL H:1"),
        (Update::Exception(b"e"), "WORK_FAIL H:1"),
    ];
    for (ending, last_packet) in endings {
        let mut b = Bench::new();
        let (client, worker) = late(&mut b);
        let other = b.worker(&["f"]);
        assert_eq!(b.ask(worker, work("H:1", ending)), "", "{ending:?}");
        assert_eq!(b.received(client), last_packet);
        over(&b);
        assert_eq!(b.ask(other, GRAB), "NO_JOB");
        assert_eq!(b.ask(worker, GRAB), "NO_JOB");
        // Perl's workers send WORK_FAIL after WORK_EXCEPTION.
        assert_eq!(b.ask(worker, work("H:1", Update::Fail)), "");
    }
}

#[test]
fn what_comes_before_the_result_is_passed_on() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    for update in [Update::Data(b"part"), Update::Warning(b"hm"), Update::Status(b"1", b"2")] {
        assert_eq!(b.ask(worker, work("H:1", update)), "");
    }
    assert_eq!(b.received(client), "WORK_DATA H:1|part, WORK_WARNING H:1|hm, WORK_STATUS H:1|1|2");
    assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|0|1|2");
    b.complete(worker, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
}

#[test]
fn while_another_worker_has_the_job() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    let other = b.worker(&["f"]);
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, work("H:1", Update::Data(b"part"))), "", "nobody told it");
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"late"))), FOUND);
    assert_eq!(b.received(client), "");
    check(&b);
    // It has ended what it had, so its next words on that are not late but wrong.
    let exists = "ERROR JOB_NOT_FOUND|Job does not exist on server";
    assert_eq!(b.ask(worker, work("H:1", Update::Data(b"part"))), exists);
    b.complete(other, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
}

#[test]
fn when_another_worker_has_ended_the_job() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    let other = b.worker(&["f"]);
    b.send(other, GRAB);
    b.complete(other, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    let exception = "ERROR JOB_NOT_FOUND|An exception was received for a job that does not exist";
    assert_eq!(b.ask(worker, work("H:1", Update::Exception(b"late"))), exception);
    assert_eq!(b.ask(worker, work("H:1", Update::Fail)), "", "said already");
    assert_eq!(b.received(client), "");
    over(&b);
}

#[test]
fn when_the_other_worker_died_with_it() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    let other = b.worker(&["f"]);
    b.send(other, GRAB);
    b.leave(other);
    b.complete(worker, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
}

/// Each of two workers needs longer than its time: the first to end is heard, whichever had the job last.
#[test]
fn of_several_who_were_too_slow_the_first_ends_the_job() {
    for first in 0..2 {
        let mut b = Bench::new();
        let (client, one) = late(&mut b);
        let two = b.hurried();
        assert_eq!(b.ask(two, GRAB), "JOB_ASSIGN H:1|f|x");
        b.tick(5);
        let [first, second] = if first == 0 { [one, two] } else { [two, one] };
        assert_eq!(b.ask(first, work("H:1", Update::Complete(b"first"))), "");
        assert_eq!(b.ask(second, work("H:1", Update::Complete(b"second"))), FOUND);
        assert_eq!(b.received(client), "WORK_COMPLETE H:1|first");
        over(&b);
    }
}

#[test]
fn when_it_has_got_the_job_again_itself() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    b.tick(5);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    b.complete(worker, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), "", "it ran twice, and nobody needs to know");
}

#[test]
fn when_the_job_was_cancelled_or_dropped() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    b.cancel("H:1");
    assert_eq!(b.received(client), "WORK_FAIL H:1");
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), FOUND);
    assert_eq!(b.received(client), "");
    over(&b);
}

#[test]
fn when_its_client_has_gone() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    b.leave(client);
    over(&b);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), FOUND);
}

#[test]
fn only_the_connection_that_had_it_may_end_it() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    let other = b.hurried();
    assert_eq!(b.ask(other, work("H:1", Update::Complete(b"forged"))), FOUND);
    // Nor may whoever gets its number when it has gone.
    b.leave(worker);
    assert_eq!(b.hurried(), worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"forged"))), FOUND);
    assert_eq!(b.received(client), "");
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|x");
    check(&b);
}

/// A worker that gave a job back by itself has no say in it.
#[test]
fn a_job_that_was_given_back_is_not_late() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.hurried());
    b.send(client, submit("f", "", "x"));
    b.send(worker, GRAB);
    b.send(worker, Request::CantDo(b"f"));
    b.received(worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), FOUND);
    assert_eq!(b.received(client), "JOB_CREATED H:1");
    check(&b);
}

#[test]
fn while_the_job_is_delayed() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    let job = b.broker.by_handle(b"H:1").unwrap();
    b.broker.unplace(job);
    b.broker.place(&b.now, job, b.now.milliseconds() + 60_000);
    assert_eq!(b.broker.delayed.len(), 1);
    b.complete(worker, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
    assert!(b.broker.delayed.is_empty());
}

/// A timeout is a try. When it was the last, the job has failed, and nothing can follow.
#[test]
fn the_last_try() {
    let mut b = Bench::with(|rules| rules.runs = Some(2));
    let (client, worker) = late(&mut b);
    b.send(worker, GRAB);
    b.received(worker);
    b.tick(5);
    assert_eq!(b.received(client), "WORK_FAIL H:1");
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"r"))), "", "nobody told it");
    assert_eq!(b.received(client), "");
    over(&b);
}

#[test]
fn a_late_result_is_no_try() {
    let mut b = Bench::with(|rules| rules.runs = Some(2));
    let (client, worker) = late(&mut b);
    b.complete(worker, "H:1");
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    over(&b);
}

/// Jobs that a worker has in advance are not begun while it is still on one that is late: their time begins, and a
/// try counts, when it comes to them.
#[test]
fn those_that_the_worker_has_in_advance() {
    let mut b = Bench::with(|rules| rules.runs = Some(1));
    let (client, worker) = (b.connect(), b.hurried());
    b.in_turn(worker);
    for workload in ["1", "2", "3"] {
        b.send(client, background("f", "", workload));
        b.send(worker, GRAB);
    }
    b.broker.rules.runs = Some(2);
    b.tick(5);
    b.tick(3);
    // The first is over at last; the second has five seconds from now.
    b.received(worker);
    assert_eq!(b.ask(worker, work("H:1", Update::Complete(b""))), "");
    b.tick(4);
    assert_eq!((b.broker.running, b.broker.jobs.len()), (2, 2));
    b.tick(1);
    assert_eq!((b.broker.running, b.broker.jobs.len()), (1, 2));
    check(&b);
    // It is on the second for good: the third, not begun, goes back in its time, and that is no try.
    b.tick(5);
    assert_eq!(b.broker.running, 0);
    assert_eq!((b.tries(2), b.tries(3)), (1, 0));
    b.send(worker, work("H:2", Update::Complete(b"")));
    b.send(worker, work("H:3", Update::Complete(b"")));
    assert_eq!(b.received(worker), "");
    over(&b);
}

/// A worker in an event loop fetches none in advance, but looks as if it did: the timeout of its second job began when the first had
/// ended, and when it died by the second, that counted for the first.
#[test]
fn one_that_says_it_runs_several_at_once_is_on_all_of_them() {
    for before in [true, false] {
        let mut b = Bench::with(|rules| rules.runs = Some(3));
        let (client, worker) = (b.connect(), b.hurried());
        b.in_turn(worker);
        let at_once = |b: &mut Bench| {
            b.received(worker);
            assert_eq!(b.ask(worker, Request::Option(b"at-once")), "OPTION_RES at-once");
        };
        for workload in ["1", "2"] {
            b.send(client, background("f", "", workload));
        }
        b.send(worker, GRAB);
        if before {
            at_once(&mut b);
        }
        b.send(worker, GRAB);
        if !before {
            at_once(&mut b);
        }
        check(&b);
        b.tick(5);
        assert_eq!((b.broker.running, b.tries(1), b.tries(2)), (0, 1, 1));
        b.received(worker);
        // Also of the next ones.
        b.send(worker, GRAB);
        b.send(worker, GRAB);
        b.leave(worker);
        assert_eq!((b.tries(1), b.tries(2)), (2, 2));
        check(&b);
    }
}

#[test]
fn what_a_late_worker_tells_is_not_told_of_the_next_try() {
    let mut b = Bench::new();
    let (client, worker) = late(&mut b);
    b.send(worker, work("H:1", Update::Status(b"1", b"2")));
    let other = b.worker(&["f"]);
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|x");
    b.received(client);
    assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "STATUS_RES H:1|1|1|0|0");
}

#[test]
fn the_death_of_a_worker_that_was_late_is_no_try_of_the_next_job() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.hurried());
    b.in_turn(worker);
    for workload in ["1", "2"] {
        b.send(client, background("f", "", workload));
        b.send(worker, GRAB);
    }
    b.tick(5);
    b.leave(worker);
    assert_eq!((b.tries(1), b.tries(2)), (1, 0));
    check(&b);
}

/// A worker that asks for a job is not on another any more, whatever became of that.
#[test]
fn one_that_forgets_its_late_jobs() {
    let mut b = Bench::with(|rules| rules.runs = Some(3));
    let (client, worker) = late(&mut b);
    for _ in 0..2 {
        assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
        b.tick(5);
    }
    assert_eq!(b.received(client), "WORK_FAIL H:1");
    over(&b);
    // What it has not ended is remembered, but not without limit.
    for n in 2..200 {
        b.send(client, background("f", "", ""));
        b.broker.rules.runs = None;
        b.send(worker, GRAB);
        b.tick(5);
        b.cancel(&format!("H:{n}"));
        check(&b);
    }
}
