//! Direct assignment: workers that get jobs in their sleep.

use super::*;

const YES: &str = "OPTION_RES all-yours";

/// A direct worker, awake.
fn direct(b: &mut Bench, functions: &[&str]) -> u32 {
    let worker = b.worker(functions);
    assert_eq!(b.ask(worker, Request::Option(b"all-yours")), YES);
    worker
}

#[test]
fn a_sleeping_worker_gets_the_job_itself_in_the_form_it_asked_in_last() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    b.send(worker, Request::PreSleep);
    b.send(client, submit("f", "u", "x"));
    assert_eq!(b.received(worker), "JOB_ASSIGN H:1|f|x");
    check(&b);
    assert_eq!(b.ask(client, Request::GetStatus(b"H:1")), "JOB_CREATED H:1, STATUS_RES H:1|1|1|0|0");
    b.send(worker, work("H:1", Update::Complete(b"r")));
    assert_eq!(b.received(client), "WORK_COMPLETE H:1|r");
    b.send(worker, Request::GrabJob(Grab::Uniq));
    assert_eq!(b.ask(worker, Request::PreSleep), "NO_JOB");
    b.send(client, submit("f", "u", "x"));
    assert_eq!(b.received(worker), "JOB_ASSIGN_UNIQ H:2|f|u|x");
    b.send(worker, Request::GrabJob(Grab::All));
    b.send(worker, Request::PreSleep);
    b.send(client, Request::Submit(Submit { reducer: Some(b"r"), ..job("f", "k", "x") }));
    assert_eq!(b.received(worker), "NO_JOB, JOB_ASSIGN_ALL H:3|f|k|r|x");
    check(&b);
}

#[test]
fn a_pre_sleep_is_answered_by_the_job_that_waits() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    for workload in ["1", "2"] {
        b.send(client, background("f", "", workload));
    }
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|1");
    // Also when it holds other jobs: nobody sleeps who has enough.
    assert_eq!(b.ask(worker, Request::PreSleep), "JOB_ASSIGN H:2|f|2");
    b.send(client, background("f", "", "3"));
    assert_eq!(b.received(worker), "", "it got one in its sleep, which is over");
    check(&b);
}

#[test]
fn a_worker_that_holds_jobs_may_sleep_and_gets_more() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    b.send(client, background("f", "", "1"));
    b.send(worker, GRAB);
    b.send(worker, GRAB);
    assert_eq!(b.ask(worker, Request::PreSleep), "JOB_ASSIGN H:1|f|1, NO_JOB");
    b.send(client, background("f", "", "2"));
    assert_eq!(b.received(worker), "JOB_ASSIGN H:2|f|2");
    check(&b);
}

#[test]
fn a_worker_that_speaks_is_awake() {
    let words = [
        Request::Echo(b"x"),
        Request::Option(b"exceptions"),
        Request::SetClientId(b"me"),
        can_do("g"),
        Request::CantDo(b"other"),
        Request::GetStatus(b"H:7"),
        work("H:9", Update::Data(b"")),
        Request::AllYours,
    ];
    for word in words {
        let mut b = Bench::new();
        let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
        b.send(worker, Request::PreSleep);
        b.send(worker, word);
        b.received(worker);
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(worker), "", "{word:?}");
        check(&b);
        assert_eq!(b.ask(worker, Request::PreSleep), "JOB_ASSIGN H:1|f|x", "{word:?}");
    }
}

#[test]
fn a_job_that_was_on_its_way_comes_before_the_echo() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    b.send(worker, Request::PreSleep);
    b.send(client, background("f", "", "x"));
    assert_eq!(b.ask(worker, Request::Echo(b"e")), "JOB_ASSIGN H:1|f|x, ECHO_RES e");
}

#[test]
fn the_one_asleep_longest_is_served_first_whichever_way_it_works() {
    let mut b = Bench::new();
    let client = b.connect();
    let (one, two, three) = (direct(&mut b, &["f"]), b.worker(&["f"]), direct(&mut b, &["f"]));
    let order = [three, two, one];
    for worker in order {
        b.send(worker, Request::PreSleep);
    }
    let mut served = Vec::new();
    for _ in 0..3 {
        b.send(client, background("f", "", "x"));
        served.extend(order.into_iter().filter(|worker| !b.received(*worker).is_empty()));
    }
    assert_eq!(served, order);
    check(&b);
}

#[test]
fn the_more_urgent_job_is_given_first_and_the_other_to_the_next() {
    let mut b = Bench::new();
    let (client, woken) = (b.connect(), b.worker(&["g"]));
    b.send(woken, Request::PreSleep);
    let (one, two) = (direct(&mut b, &["f", "g"]), direct(&mut b, &["f", "g"]));
    b.send(one, Request::PreSleep);
    b.send(two, Request::PreSleep);
    // The classic worker was woken for this one, and has not come yet.
    b.send(client, Request::Submit(Submit { priority: Priority::High, background: true, ..job("g", "", "urgent") }));
    assert_eq!((b.received(woken), b.received(one)), ("NOOP".into(), String::new()));
    b.send(client, background("f", "", "x"));
    assert_eq!(b.received(one), "JOB_ASSIGN H:1|g|urgent");
    assert_eq!(b.received(two), "JOB_ASSIGN H:2|f|x");
    assert_eq!(b.ask(woken, GRAB), "NO_JOB");
    check(&b);
}

#[test]
fn a_job_wakes_one_direct_worker_however_many_are_to_be_woken() {
    let mut b = Bench::with(|rules| rules.wakeup = 3);
    let client = b.connect();
    let workers = [b.worker(&["f"]), direct(&mut b, &["f"]), direct(&mut b, &["f"]), b.worker(&["f"])];
    workers.iter().for_each(|worker| b.send(*worker, Request::PreSleep));
    b.send(client, background("f", "", "x"));
    let received = workers.map(|worker| b.received(worker));
    assert_eq!(received, ["NOOP", "JOB_ASSIGN H:1|f|x", "", ""]);
}

#[test]
fn a_dead_direct_worker_gives_its_job_to_the_next() {
    let mut b = Bench::with(|rules| rules.runs = Some(2));
    let client = b.connect();
    let (one, two) = (direct(&mut b, &["f"]), direct(&mut b, &["f"]));
    b.send(one, Request::PreSleep);
    b.send(two, Request::PreSleep);
    b.received(two);
    b.send(client, submit("f", "", "x"));
    b.leave(one);
    assert_eq!(b.received(two), "JOB_ASSIGN H:1|f|x");
    b.leave(two);
    assert_eq!(b.received(client), "JOB_CREATED H:1, WORK_FAIL H:1", "a job given in its sleep counts as begun");
    check(&b);
}

#[test]
fn the_wish_without_an_answer() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    assert_eq!(b.ask(worker, Request::AllYours), "");
    assert_eq!(b.ask(worker, Request::PreSleep), "");
    b.send(client, background("f", "", "x"));
    assert_eq!(b.received(worker), "JOB_ASSIGN H:1|f|x");
}

#[test]
fn switched_off_it_is_as_if_there_were_none() {
    let mut b = Bench::with(|rules| rules.direct = false);
    let (client, worker) = b.pair();
    let refused = "ERROR UNKNOWN_OPTION|Server does not recognize given option";
    assert_eq!(b.ask(worker, Request::Option(b"all-yours")), refused);
    assert_eq!(b.ask(worker, Request::AllYours), "");
    b.send(worker, Request::PreSleep);
    b.send(client, background("f", "", "x"));
    assert_eq!(b.received(worker), "NOOP");
}

#[test]
fn nothing_is_given_while_the_server_drains() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    b.send(client, background("f", "", "x"));
    b.broker.draining = true;
    b.send(worker, GRAB);
    assert_eq!(b.ask(worker, Request::PreSleep), "NO_JOB");
}

#[test]
fn a_function_timeout_counts_from_the_moment_the_job_was_given() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &[]));
    b.send(worker, Request::CanDo { function: b"f", timeout: Some(b"5") });
    b.send(worker, Request::PreSleep);
    b.tick(3);
    b.send(client, background("f", "", "x"));
    b.tick(4);
    assert_eq!(b.broker.running, 1);
    b.tick(1);
    assert_eq!(b.broker.running, 0);
    check(&b);
}

/// A worker that is stopped (SIGSTOP, a suspended machine) looks like one that sleeps, and its system takes what is sent
/// to it: it swallowed a job. So only who was heard within three seconds is given one unasked.
#[test]
fn one_that_was_not_heard_for_long_is_woken_first() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), direct(&mut b, &["f"]));
    for (silent, received) in [(0, "JOB_ASSIGN H:1|f|x"), (3000, "JOB_ASSIGN H:2|f|x"), (3001, "NOOP")] {
        b.send(worker, Request::PreSleep);
        b.tick_ms(silent);
        b.send(client, background("f", "", "x"));
        assert_eq!(b.received(worker), received, "after {silent} ms");
        check(&b);
    }
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:3|f|x");
    // It was heard, so the next is given to it.
    b.send(worker, Request::PreSleep);
    b.send(client, background("f", "", "x"));
    assert_eq!(b.received(worker), "JOB_ASSIGN H:4|f|x");
}

#[test]
fn those_that_are_stopped_lose_no_job_and_hold_none_up() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = [0; 12].map(|_| direct(&mut b, &["f"]));
    workers.iter().for_each(|worker| b.send(*worker, Request::PreSleep));
    b.tick(60);
    workers.iter().for_each(|worker| drop(b.received(*worker)));
    b.send(client, submit("f", "", "x"));
    // The last one is alive.
    let begin = b.now.steady;
    while b.received(workers[11]).is_empty() {
        b.tick_ms(1);
    }
    assert!(b.now.steady - begin < Duration::from_millis(11));
    assert_eq!(b.ask(workers[11], GRAB), "JOB_ASSIGN H:1|f|x");
    b.send(workers[11], work("H:1", Update::Complete(b"r")));
    assert_eq!(b.received(client), "JOB_CREATED H:1, WORK_COMPLETE H:1|r");
    check(&b);
    // The others go on: they ask, and nothing is there.
    assert_eq!(b.ask(workers[0], GRAB), "NOOP, NO_JOB");
}

/// In the place of a silent one, one that was heard lately is given the job.
#[test]
fn the_one_that_is_awake_gets_the_job_of_one_that_is_stopped() {
    let mut b = Bench::new();
    let (client, stopped, awake) = (b.connect(), direct(&mut b, &["f"]), direct(&mut b, &["f"]));
    b.send(stopped, Request::PreSleep);
    b.tick(60);
    b.send(awake, Request::PreSleep);
    b.send(client, background("f", "", "x"));
    assert_eq!((b.received(stopped), b.received(awake)), ("NOOP".into(), String::new()));
    b.tick_ms(2);
    assert_eq!(b.received(awake), "JOB_ASSIGN H:1|f|x");
    check(&b);
}
