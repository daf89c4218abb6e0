//! Limits of a policy: how many jobs run, how many begin in a time, and who is woken when more may.

use super::*;
use crate::broker::queue::AHEAD;

/// Workers that do what workers do: asleep, woken, asking, at work for a while, asking again.
struct Crew {
    workers: Vec<u32>,
    /// What each has, and when it will be done.
    busy: Vec<Vec<(String, Duration)>>,
    takes: Duration,
    noops: usize,
    assigned: Vec<Duration>,
    /// Most that ran at once.
    most: usize,
}

impl Crew {
    fn asleep(b: &mut Bench, n: usize, takes_ms: u64) -> Crew {
        let workers = b.sleepers(n);
        let takes = Duration::from_millis(takes_ms);
        Crew { busy: vec![Vec::new(); n], workers, takes, noops: 0, assigned: Vec::new(), most: 0 }
    }

    fn running(&self) -> usize {
        self.busy.iter().map(Vec::len).sum()
    }

    /// All that they have to say at this moment.
    fn act(&mut self, b: &mut Bench) {
        let mut silent = false;
        while !std::mem::replace(&mut silent, true) {
            for (worker, busy) in self.workers.iter().zip(&mut self.busy) {
                let done = busy.extract_if(.., |(_, when)| *when <= b.now.steady).collect::<Vec<_>>();
                for (handle, _) in done {
                    b.complete(*worker, &handle);
                    b.send(*worker, GRAB);
                }
                for word in b.received(*worker).split(", ").filter(|word| !word.is_empty()) {
                    silent = false;
                    match word {
                        "NOOP" => {
                            self.noops += 1;
                            b.send(*worker, GRAB);
                        }
                        "NO_JOB" => b.send(*worker, Request::PreSleep),
                        job => {
                            let handle = job.strip_prefix("JOB_ASSIGN ").unwrap().split('|').next().unwrap();
                            busy.push((handle.to_owned(), b.now.steady + self.takes));
                            self.assigned.push(b.now.steady);
                        }
                    }
                }
            }
            self.most = self.most.max(self.running());
            check(b);
        }
    }

    /// Until then, with a timer that is late by up to so many milliseconds.
    fn until(&mut self, b: &mut Bench, end: Duration, late: u64) {
        let mut ticks = 0;
        while b.now.steady < end {
            self.act(b);
            let done = self.busy.iter().flatten().map(|(_, when)| *when).min();
            let due = b.broker.deadline(&b.now).map(|when| {
                ticks += 1;
                when + Duration::from_micros(ticks * 7919 % (late * 1000 + 1))
            });
            let next = due.into_iter().chain(done).min().unwrap_or(end).min(end);
            let step = next.saturating_sub(b.now.steady);
            b.now = Now { steady: b.now.steady + step, wall: b.now.wall + step };
            if due.is_some_and(|due| due <= b.now.steady) {
                b.tick_ms(0);
            }
        }
        self.act(b);
    }
}

fn jobs(b: &mut Bench, client: u32, function: &str, n: usize) {
    for _ in 0..n {
        b.send(client, background(function, "", "x"));
    }
    b.received(client);
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn never_more_run_than_may() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=3");
    let client = b.connect();
    let mut crew = Crew::asleep(&mut b, 50, 7);
    jobs(&mut b, client, "f", 200);
    let end = b.now.steady + 10 * SECOND;
    crew.until(&mut b, end, 1);
    assert_eq!((crew.assigned.len(), crew.most), (200, 3));
    // Whoever ends a job asks for the next, and nobody is woken for it.
    assert_eq!(crew.noops, 3);
    // As if there were three workers: 67 times 7 ms.
    let took = *crew.assigned.last().unwrap() - crew.assigned[0];
    assert_eq!(took, Duration::from_millis(66 * 7));
}

/// A job ends, and its worker does not ask for another: the next is woken after the time that one has who was woken.
#[test]
fn one_more_is_woken_when_a_job_ends() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=2");
    let client = b.connect();
    let workers = b.sleepers(6);
    jobs(&mut b, client, "f", 5);
    assert_eq!(b.woken(&workers), 2);
    assert_eq!(b.ask(workers[0], GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(workers[1], GRAB), "JOB_ASSIGN H:2|f|x");
    b.tick(3600);
    assert_eq!(b.woken(&workers), 0);
    b.complete(workers[0], "H:1");
    check(&b);
    assert_eq!(b.woken(&workers), 0, "it is asked to go on first");
    b.tick_ms(2);
    assert_eq!(b.woken(&workers), 1);
    check(&b);
    assert_eq!(b.ask(workers[2], GRAB), "JOB_ASSIGN H:3|f|x");
    assert_eq!(b.ask(workers[0], GRAB), "NO_JOB");
    // One that dies leaves a place, and its job is in front again.
    b.leave(workers[1]);
    assert_eq!(b.woken(&workers[2..]), 1);
    assert_eq!(b.ask(workers[3], GRAB), "JOB_ASSIGN H:2|f|x");
    // Cancelled.
    b.cancel("H:3");
    b.end_round();
    assert_eq!(b.woken(&workers[2..]), 1);
    check(&b);
    assert_eq!(b.running("f"), 1);
}

#[test]
fn who_ends_a_job_and_sleeps_or_leaves_is_not_waited_for() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let client = b.connect();
    let workers = b.sleepers(3);
    jobs(&mut b, client, "f", 3);
    assert_eq!(b.received(workers[0]), "NOOP");
    b.send(workers[0], GRAB);
    b.received(workers[0]);
    b.complete(workers[0], "H:1");
    b.leave(workers[0]);
    assert_eq!(b.woken(&workers[1..]), 1);
    b.send(workers[1], GRAB);
    b.complete(workers[1], "H:2");
    b.received(workers[1]);
    // It says that it sleeps: then it is the one that is woken.
    assert_eq!(b.ask(workers[1], Request::PreSleep), "NOOP");
    assert_eq!(b.woken(&workers[2..]), 0);
    check(&b);
}

#[test]
fn a_pause_and_its_end() {
    let mut b = Bench::new();
    b.set_policy("f*", "paused=yes");
    let (client, awake) = (b.connect(), b.worker(&["f"]));
    let workers = b.sleepers(10);
    jobs(&mut b, client, "f", 4);
    b.tick(100);
    assert_eq!((b.woken(&workers), b.ask(awake, GRAB)), (0, "NO_JOB".into()));
    assert_eq!(b.broker.deadline(&b.now), None);
    check(&b);
    b.set_policy("f*", "paused=no");
    assert_eq!(b.woken(&workers), 4);
    check(&b);
    // What runs goes on, what is queued waits.
    assert_eq!(b.ask(workers[0], GRAB), "JOB_ASSIGN H:1|f|x");
    b.set_policy("f", "paused=yes");
    assert_eq!(b.ask(workers[1], GRAB), "NO_JOB");
    b.complete(workers[0], "H:1");
    b.tick(10);
    assert_eq!(b.woken(&workers), 0);
    b.set_policy("f", "paused= concurrency=2");
    assert_eq!(b.woken(&workers), 2);
    check(&b);
}

#[test]
fn a_policy_that_changes_while_jobs_run() {
    let mut b = Bench::new();
    let client = b.connect();
    let workers = b.sleepers(20);
    jobs(&mut b, client, "f", 20);
    b.woken(&workers);
    for worker in &workers[..5] {
        assert!(b.ask(*worker, GRAB).starts_with("JOB_ASSIGN"));
    }
    b.set_policy("f", "concurrency=3");
    for (n, worker) in workers[5..].iter().enumerate() {
        assert_eq!(b.ask(*worker, GRAB), "NO_JOB", "{n}");
        b.send(*worker, Request::PreSleep);
    }
    for n in 0..2 {
        b.complete(workers[n], &format!("H:{}", n + 1));
        b.tick_ms(50);
        assert_eq!((b.woken(&workers), b.ask(workers[n], GRAB)), (0, "NO_JOB".into()), "as many run as may, or more");
    }
    b.complete(workers[2], "H:3");
    assert_eq!(b.ask(workers[2], GRAB), "JOB_ASSIGN H:6|f|x");
    assert_eq!(b.running("f"), 3);
    check(&b);
    b.set_policy("f", "concurrency=5");
    assert_eq!((b.woken(&workers), b.running("f")), (2, 3));
    // Another pattern, and the one before it no more.
    b.set_policy("*", "concurrency=7");
    assert_eq!(b.woken(&workers), 0);
    b.set_policy("f", "concurrency=");
    assert_eq!(b.woken(&workers), 2);
    check(&b);
    // No limit: all that wait have somebody on the way.
    b.set_policy("*", "concurrency=");
    assert_eq!(b.woken(&workers), 14 - 4, "14 jobs, and four are on the way");
    check(&b);
}

#[test]
fn so_many_in_a_time_however_late_the_timer() {
    for late in [0, 1, 3, 40] {
        let mut b = Bench::new();
        b.set_policy("f", "rate=100/s");
        let client = b.connect();
        let mut crew = Crew::asleep(&mut b, 20, 30);
        jobs(&mut b, client, "f", 400);
        let end = b.now.steady + 3 * SECOND;
        crew.until(&mut b, end, late);
        let begun = crew.assigned.len();
        assert!((296..=304).contains(&begun), "{begun} with {late} ms");
        assert!(crew.noops <= begun + 20, "{} for {begun}", crew.noops);
        if late == 0 {
            let even = crew.assigned.windows(2).all(|two| two[1] - two[0] == Duration::from_millis(10));
            assert!(even, "{:?}", crew.assigned);
        }
    }
}

/// After a pause so many more at once; in all never more than the rate and one burst.
#[test]
fn a_burst_after_a_pause() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=100/s+20");
    let client = b.connect();
    let mut crew = Crew::asleep(&mut b, 50, 1);
    for _ in 0..2 {
        let (begin, before) = (b.now.steady, crew.assigned.len());
        jobs(&mut b, client, "f", 100);
        crew.act(&mut b);
        assert_eq!(crew.assigned.len() - before, 21);
        crew.until(&mut b, begin + SECOND / 2, 0);
        assert_eq!(crew.assigned.len() - before, 71);
        crew.until(&mut b, begin + 5 * SECOND, 1);
        assert_eq!(crew.assigned.len() - before, 100);
    }
}

/// With workers that cannot keep up the rate is not saved up for when they can.
#[test]
fn a_rate_that_workers_do_not_reach() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=100/s");
    let client = b.connect();
    let mut crew = Crew::asleep(&mut b, 1, 50);
    jobs(&mut b, client, "f", 500);
    let end = b.now.steady + 5 * SECOND;
    crew.until(&mut b, end, 1);
    assert_eq!(crew.assigned.len(), 101);
    let mut many = Crew::asleep(&mut b, 20, 50);
    let end = b.now.steady + SECOND;
    many.until(&mut b, end, 1);
    assert!((98..=102).contains(&many.assigned.len()), "{}", many.assigned.len());
}

#[test]
fn a_rate_that_changes() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=1/d");
    let client = b.connect();
    let mut crew = Crew::asleep(&mut b, 30, 5);
    jobs(&mut b, client, "f", 2000);
    let end = b.now.steady + 5 * SECOND;
    crew.until(&mut b, end, 1);
    assert_eq!((crew.assigned.len(), crew.noops), (1, 1));
    // What the rate has in store is not set back by other keys.
    b.set_policy("f", "concurrency=20");
    crew.act(&mut b);
    assert_eq!(crew.assigned.len(), 1);
    b.set_policy("f", "rate=100/s");
    let end = b.now.steady + SECOND;
    crew.until(&mut b, end, 1);
    assert!((100..=102).contains(&crew.assigned.len()), "{}", crew.assigned.len());
    b.set_policy("f", "rate=");
    crew.act(&mut b);
    assert_eq!(crew.running(), 20);
    b.set_policy("f", "concurrency=");
    crew.act(&mut b);
    assert_eq!(crew.running(), 30);
    assert!(b.broker.tokens.is_empty());
    check(&b);
}

/// Both hold; whichever is narrower decides.
#[test]
fn a_rate_and_a_concurrency() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=100/s concurrency=2");
    let client = b.connect();
    for (takes, begun) in [(10, 100), (100, 20)] {
        let mut crew = Crew::asleep(&mut b, 10, takes);
        jobs(&mut b, client, "f", 300);
        let end = b.now.steady + SECOND;
        crew.until(&mut b, end, 1);
        assert!(crew.most <= 2 && crew.assigned.len().abs_diff(begun) <= 5, "{}", crew.assigned.len());
        for worker in crew.workers {
            b.leave(worker);
        }
        check(&b);
    }
}

#[test]
fn a_worker_of_two_functions_of_which_one_is_closed() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let (client, worker, other) = (b.connect(), b.worker(&["f", "g"]), b.worker(&["f"]));
    for _ in 0..3 {
        b.send(client, Request::Submit(Submit { priority: Priority::High, background: true, ..job("f", "", "x") }));
    }
    jobs(&mut b, client, "g", 2);
    assert_eq!(b.ask(other, GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:4|g|x");
    b.complete(worker, "H:4");
    assert_eq!(b.ask(worker, Request::PreSleep), "NOOP");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:5|g|x");
    b.complete(worker, "H:5");
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    assert_eq!(b.ask(worker, Request::PreSleep), "");
    b.cancel("H:1");
    b.end_round();
    assert_eq!(b.received(worker), "NOOP");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:2|f|x");
    check(&b);
}

/// As many are on the way as may run: who lies down meanwhile is left alone, until one of those does something else.
#[test]
fn nobody_is_woken_for_a_place_that_another_is_on_the_way_to() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let client = b.connect();
    let workers = b.sleepers(2);
    jobs(&mut b, client, "f", 5);
    assert_eq!(b.woken(&workers), 1);
    let late = b.worker(&["f", "g"]);
    assert_eq!(b.ask(late, Request::PreSleep), "");
    check(&b);
    // For another function it may be woken.
    jobs(&mut b, client, "g", 1);
    assert_eq!(b.received(late), "NOOP");
    // Somebody else comes first: the one that was woken finds the place taken.
    let other = b.worker(&["f"]);
    assert!(b.ask(other, GRAB).starts_with("JOB_ASSIGN"));
    assert_eq!(b.ask(workers[0], GRAB), "NO_JOB");
    assert_eq!(b.ask(workers[0], Request::PreSleep), "");
    b.tick(5);
    assert_eq!(b.woken(&workers), 0);
    check(&b);
}

#[test]
fn direct_workers_are_given_as_many_as_may_run() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=2");
    let client = b.connect();
    let workers: Vec<u32> = (0..5).map(|_| b.worker(&["f"])).collect();
    for worker in &workers {
        b.send(*worker, Request::Option(b"all-yours"));
        b.send(*worker, Request::PreSleep);
        b.received(*worker);
    }
    jobs(&mut b, client, "f", 6);
    let got = workers.iter().map(|worker| b.received(*worker)).collect::<Vec<_>>();
    assert_eq!(got, ["JOB_ASSIGN H:1|f|x", "JOB_ASSIGN H:2|f|x", "", "", ""]);
    // The end and the next question in one round: nobody else gets anything.
    b.receive(workers[0], work("H:1", Update::Complete(b"")));
    b.receive(workers[0], GRAB);
    b.end_round();
    assert_eq!(b.received(workers[0]), "JOB_ASSIGN H:3|f|x");
    assert!(workers[2..].iter().all(|worker| b.received(*worker).is_empty()));
    // The end alone, and nothing for a while.
    b.send(workers[1], work("H:2", Update::Complete(b"")));
    b.tick_ms(2);
    assert_eq!(b.received(workers[2]), "JOB_ASSIGN H:4|f|x");
    assert_eq!(b.ask(workers[1], Request::PreSleep), "");
    check(&b);
    // By a rate.
    b.set_policy("f", "concurrency= rate=10/s");
    assert_eq!(b.received(workers[3]), "JOB_ASSIGN H:5|f|x");
    b.tick_ms(99);
    assert_eq!((b.received(workers[4]), b.received(workers[1])), ("".into(), "".into()));
    b.tick_ms(1);
    assert_eq!(b.received(workers[4]), "JOB_ASSIGN H:6|f|x");
    check(&b);
}

/// What a worker holds in advance counts as running.
#[test]
fn jobs_that_are_fetched_ahead() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=3");
    let (client, eager) = b.pair();
    let sleeper = b.sleepers(1)[0];
    jobs(&mut b, client, "f", 6);
    for _ in 0..5 {
        b.receive(eager, GRAB);
    }
    b.end_round();
    let got = b.received(eager);
    assert_eq!((got.matches("JOB_ASSIGN").count(), got.matches("NO_JOB").count(), b.running("f")), (3, 2, 3));
    b.received(sleeper);
    b.tick(1);
    assert_eq!(b.received(sleeper), "");
    // It goes on with what it has, so its end leaves a place to others at once.
    b.complete(eager, "H:1");
    assert!(b.ask(sleeper, Request::PreSleep).contains("NOOP"));
    assert_eq!(b.ask(sleeper, GRAB), "JOB_ASSIGN H:4|f|x");
    assert_eq!(b.running("f"), 3);
    b.leave(eager);
    assert_eq!(b.running("f"), 1);
    check(&b);
}

/// Those who do not answer are not waited for, as without limits; no more than there are places.
#[test]
fn who_oversleeps_is_replaced() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=2");
    let client = b.connect();
    let workers = b.sleepers(40);
    jobs(&mut b, client, "f", 10);
    assert_eq!(b.woken(&workers), 2);
    b.tick_ms(2);
    assert_eq!(b.woken(&workers), 2);
    check(&b);
    assert!(b.ask(workers[2], GRAB).starts_with("JOB_ASSIGN"));
    assert!(b.ask(workers[3], GRAB).starts_with("JOB_ASSIGN"));
    b.tick(60);
    assert_eq!(b.woken(&workers), 0, "there is no place");
    assert_eq!((b.ask(workers[0], GRAB), b.ask(workers[1], GRAB)), ("NO_JOB".into(), "NO_JOB".into()));
    // Nobody answers: soon all are woken for the one place.
    b.complete(workers[2], "H:1");
    for (wait, more) in [(2, 1), (2, 8), (4, 27)] {
        b.tick_ms(wait);
        assert_eq!(b.woken(&workers), more, "after {wait}");
        check(&b);
    }
    assert!(b.ask(workers[39], GRAB).starts_with("JOB_ASSIGN"));
    check(&b);
}

/// A token that nobody comes for goes to whoever does, and the next comes in time.
#[test]
fn who_oversleeps_a_token() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=10/s");
    let client = b.connect();
    let workers = b.sleepers(4);
    jobs(&mut b, client, "f", 10);
    assert_eq!(b.woken(&workers), 1);
    b.tick_ms(2);
    assert_eq!(b.woken(&workers), 1);
    assert_eq!(b.ask(workers[1], GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(workers[0], GRAB), "NO_JOB");
    b.tick_ms(97);
    assert_eq!(b.woken(&workers), 0);
    b.tick_ms(3);
    assert_eq!(b.woken(&workers), 1);
    check(&b);
}

/// Jobs of a closed function are behind nobody: none is let through for those that went before.
#[test]
fn what_is_closed_does_not_wait_for_its_turn() {
    let mut b = Bench::new();
    b.set_policy("low", "paused=yes");
    let (client, worker) = (b.connect(), b.worker(&["urgent", "low"]));
    b.send(client, Request::Submit(Submit { priority: Priority::Low, background: true, ..job("low", "", "") }));
    let urgent = |b: &mut Bench, n: u32| {
        let urgent = Submit { priority: Priority::High, background: true, ..job("urgent", "", "") };
        b.send(client, Request::Submit(urgent));
        b.received(worker);
        let got = b.ask(worker, GRAB);
        let handle = got.split([' ', '|']).nth(1).unwrap().to_owned();
        b.complete(worker, &handle);
        check(b);
        assert!(n == 0 || got.contains("|urgent|"), "{n}: {got}");
        got
    };
    for n in 1..300 {
        urgent(&mut b, n);
    }
    let low = b.broker.functions.find(b"low").unwrap();
    assert_eq!(b.broker.functions[low].queue.passed(Priority::Low), 0);
    b.set_policy("low", "paused=no");
    for n in 1..=u32::from(AHEAD) {
        urgent(&mut b, n);
    }
    assert!(urgent(&mut b, 0).contains("|low|"));
}

#[test]
fn priorities_within_a_limit() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let (client, worker) = b.pair();
    for priority in [2, 1, 0] {
        let priority = Priority::ALL[priority];
        b.send(client, Request::Submit(Submit { priority, background: true, ..job("f", "", "x") }));
    }
    for handle in ["H:3", "H:2", "H:1"] {
        assert_eq!(b.ask(worker, GRAB), format!("JOB_ASSIGN {handle}|f|x"));
        assert_eq!(b.ask(worker, GRAB), "NO_JOB");
        b.complete(worker, handle);
    }
}

#[test]
fn a_drain_wakes_nobody() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    b.set_policy("g", "rate=10/s");
    let (client, worker, idle) = (b.connect(), b.worker(&["f", "g"]), b.worker(&["f", "g"]));
    jobs(&mut b, client, "f", 3);
    jobs(&mut b, client, "g", 3);
    b.send(worker, GRAB);
    b.send(worker, GRAB);
    b.received(worker);
    b.send(idle, Request::PreSleep);
    b.broker.drain();
    b.end_round();
    b.complete(worker, "H:1");
    b.complete(worker, "H:4");
    b.tick(2);
    b.set_policy("*", "rate=");
    b.set_policy("f", "concurrency=2");
    assert_eq!((b.received(idle), b.ask(worker, GRAB)), ("".into(), "NO_JOB".into()));
    assert!(b.broker.is_drained());
    assert_eq!(b.broker.deadline(&b.now), None);
    check(&b);
}

/// Jobs in the foreground obey as well.
#[test]
fn in_the_foreground() {
    let mut b = Bench::new();
    b.set_policy("f", "concurrency=1");
    let (client, worker) = b.pair();
    b.send(client, submit("f", "", "x"));
    b.send(client, submit("f", "", "y"));
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|x");
    assert_eq!(b.ask(worker, GRAB), "NO_JOB");
    b.complete(worker, "H:1");
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:2|f|y");
    // Who runs it goes on when nobody waits any more, and counts.
    b.leave(client);
    assert_eq!(b.running("f"), 1);
    check(&b);
}

/// A function that is dropped leaves no timer, and the next of its number has limits of its own.
#[test]
fn a_function_that_is_dropped_while_its_jobs_wait_for_the_rate() {
    let mut b = Bench::new();
    b.set_policy("f", "rate=1/s");
    let (client, worker) = b.pair();
    jobs(&mut b, client, "f", 3);
    b.send(worker, GRAB);
    b.complete(worker, "H:1");
    b.leave(worker);
    b.broker.drop_function(&b.now, b"f", &mut b.outgoing).unwrap();
    b.end_round();
    let workers = (0..3).map(|_| b.worker(&["g"])).collect::<Vec<_>>();
    workers.iter().for_each(|worker| b.send(*worker, Request::PreSleep));
    jobs(&mut b, client, "g", 1);
    assert_eq!(b.woken(&workers), 1);
    b.send(workers[0], GRAB);
    b.tick(2);
    assert_eq!((b.woken(&workers), b.broker.deadline(&b.now)), (0, None));
    check(&b);
}

#[test]
fn the_timeout_of_a_policy() {
    let mut b = Bench::new();
    b.set_policy("f", "timeout=3s");
    let (client, plain, hurried) = (b.connect(), b.worker(&["f"]), b.hurried());
    jobs(&mut b, client, "f", 3);
    b.send(plain, GRAB);
    b.send(hurried, GRAB);
    b.tick_ms(2999);
    assert_eq!(b.running("f"), 2);
    b.tick_ms(1);
    assert_eq!(b.running("f"), 1, "the one who announced none");
    b.tick(2);
    assert_eq!((b.running("f"), b.activity("f").timed_out), (0, 2), "the other had five seconds");
    check(&b);
    // It counts for jobs that begin from then on.
    b.set_policy("f", "timeout=0");
    let worker = b.worker(&["f"]);
    b.send(worker, GRAB);
    b.set_policy("f", "timeout=1s");
    b.tick(3600);
    assert_eq!(b.running("f"), 1);
    check(&b);
}

/// A place that a timeout leaves is another's, though its worker is still at it.
#[test]
fn a_timeout_leaves_a_place() {
    let mut b = Bench::new();
    b.set_policy("f", "timeout=3 concurrency=1");
    let client = b.connect();
    let workers = b.sleepers(2);
    jobs(&mut b, client, "f", 2);
    b.send(workers[0], GRAB);
    b.received(workers[0]);
    b.tick(3);
    assert_eq!(b.received(workers[1]), "NOOP");
    assert_eq!(b.ask(workers[1], GRAB), "JOB_ASSIGN H:2|f|x");
    b.complete(workers[0], "H:1");
    assert_eq!(b.ask(workers[0], GRAB), "NO_JOB");
    check(&b);
}

#[test]
fn as_many_jobs_as_a_policy_lets_in() {
    let mut b = Bench::new();
    b.set_policy("f", "max-queue=3");
    let client = b.connect();
    let full = "ERROR QUEUE_ERROR|Job queue is full";
    let room = |b: &mut Bench| {
        let answers: Vec<_> = (0..9).map(|_| b.ask(client, background("f", "", ""))).collect();
        assert!(answers.iter().all(|answer| answer == full || answer.starts_with("JOB_CREATED")), "{answers:?}");
        answers.iter().filter(|answer| *answer != full).count()
    };
    assert_eq!(room(&mut b), 3);
    // With what was set by "maxqueue" both hold.
    b.broker.limit(b"f", [5, 5, 5]);
    assert_eq!(room(&mut b), 0);
    b.set_policy("f", "max-queue=8");
    assert_eq!(room(&mut b), 2);
    b.broker.limit(b"f", [0; 3]);
    assert_eq!(room(&mut b), 3);
    b.set_policy("f", "max-queue=0");
    assert_eq!(room(&mut b), 9);
    assert_eq!(b.activity("f").refused, 6 + 9 + 7 + 6);
}
