//! Jobs that the server submits itself.

use super::*;
use crate::broker::cron::Cron;
use crate::broker::recurring::Schedule;
use crate::durable::{Record, Setting};
use gearman_core::protocol::message::Work;

pub(super) fn schedule(cron: &str) -> Schedule {
    Schedule {
        name: "nightly".into(),
        cron: Cron::parse(cron).unwrap(),
        zone: None,
        function: (*b"f").into(),
        workload: Bytes::from_static(b"all of it"),
        unique: (*b"nightly").into(),
        priority: Priority::High,
        catch_up: false,
    }
}

/// It is 13:46:40.
fn bench(schedule: Schedule) -> Bench {
    let mut b = Bench::new();
    b.broker.set_schedules(&b.now, vec![schedule]);
    b
}

/// When it ran last and runs next, since 13:46:40.
pub(super) fn runs(b: &Bench) -> (Option<u64>, Option<u64>) {
    let shown = b.broker.schedules().next().unwrap();
    let since = |at: u64| at as i64 - 1_000_000;
    (shown.last.map(since).map(|s| s as u64), shown.next.map(since).map(|s| s as u64))
}

#[test]
fn a_schedule_submits_its_job_at_its_times() {
    let mut b = bench(schedule("*/15 * * * *"));
    let worker = b.worker(&["f"]);
    assert_eq!(b.ask(worker, Request::PreSleep), "");
    assert_eq!(
        b.broker.deadline(&b.now),
        Some(b.now.steady + Duration::from_secs(60)),
        "looked at again: the clock may be set"
    );
    assert_eq!(runs(&b), (None, Some(800)));
    b.tick(799);
    assert_eq!(b.received(worker), "");
    b.tick(1);
    assert_eq!(b.received(worker), "NOOP");
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::Uniq)), "JOB_ASSIGN_UNIQ H:1|f|nightly|all of it");
    assert_eq!(runs(&b), (Some(800), Some(1700)));
    let done = Request::Work(Work { handle: b"H:1", update: Update::Complete(b"") });
    assert_eq!(b.ask(worker, done), "");
    b.tick(900);
    assert_eq!((b.broker.len(), runs(&b)), (1, (Some(1700), Some(2600))));
}

#[test]
fn a_slow_run_is_not_doubled() {
    let mut b = bench(schedule("* * * * *"));
    for minute in 1..5 {
        b.tick(60);
        assert_eq!(b.broker.len(), 1, "{minute}");
    }
    // With the workload as its key, and without a key.
    let mut b = bench(Schedule { unique: (*b"-").into(), ..schedule("* * * * *") });
    b.tick(60);
    b.tick(60);
    assert_eq!(b.broker.len(), 1);
    let mut b = bench(Schedule { unique: (*b"").into(), ..schedule("* * * * *") });
    b.tick(60);
    b.tick(60);
    assert_eq!(b.broker.len(), 2);
}

#[test]
fn a_run_obeys_the_policy_of_its_function() {
    let mut b = bench(schedule("* * * * *"));
    b.set_policy("f", "unique-for=10m");
    let worker = b.worker(&["f"]);
    b.tick(60);
    b.ask(worker, GRAB);
    b.send(worker, Request::Work(Work { handle: b"H:1", update: Update::Complete(b"") }));
    b.tick(60);
    assert_eq!(b.broker.len(), 0, "its key is taken");
    let mut b = bench(Schedule { unique: (*b"").into(), ..schedule("* * * * *") });
    b.set_policy("f", "max-queue=1");
    b.tick(60);
    b.tick(60);
    assert_eq!(b.broker.len(), 1);
}

#[test]
fn what_was_missed_is_made_up_once_or_not_at_all() {
    // An hour without the server, or a machine that slept.
    for (catch_up, jobs) in [(false, 0), (true, 1)] {
        let mut b = bench(Schedule { catch_up, unique: (*b"").into(), ..schedule("*/15 * * * *") });
        b.tick(3600);
        assert_eq!(b.broker.len(), jobs);
        let (_, next) = runs(&b);
        assert_eq!(next, Some(4400));

        let mut b = Bench::new();
        b.broker.restore_last_run(&b.now, "nightly", 1_000_000 - 3600);
        b.broker.set_schedules(&b.now, vec![Schedule { catch_up, unique: (*b"").into(), ..schedule("*/15 * * * *") }]);
        b.tick(0);
        assert_eq!(b.broker.len(), jobs);
        b.tick(799);
        assert_eq!(b.broker.len(), jobs, "once");
    }
}

#[test]
fn a_new_schedule_has_missed_nothing_and_a_late_timer_is_no_miss() {
    let mut b = bench(Schedule { catch_up: true, ..schedule("*/15 * * * *") });
    b.tick(0);
    assert_eq!(b.broker.len(), 0);
    b.tick(845);
    assert_eq!(b.broker.len(), 1);
}

#[test]
fn other_schedules_take_their_place() {
    let mut b = bench(schedule("*/15 * * * *"));
    b.tick(800);
    let hourly = schedule("0 * * * *");
    b.broker.set_schedules(&b.now, vec![hourly]);
    assert_eq!(runs(&b), (Some(800), Some(4400)), "14:00 is now, which has begun");
}

/// It was due, and the file was read before anybody looked.
#[test]
fn a_run_that_is_due_when_the_file_is_read_anew_is_not_lost() {
    let mut b = bench(schedule("*/15 * * * *"));
    b.now.wall += Duration::from_secs(800);
    b.broker.set_schedules(&b.now, vec![schedule("0 * * * *")]);
    assert_eq!((b.broker.len(), runs(&b)), (1, (Some(800), Some(4400))));
}

/// It waited for the day that the clock had shown.
#[test]
fn a_clock_that_was_wrong_and_is_set_back() {
    let mut b = bench(Schedule { unique: (*b"").into(), ..schedule("*/15 * * * *") });
    b.tick(800);
    let mut set_back = |seconds| {
        b.now.wall -= Duration::from_secs(seconds);
        b.tick(0);
        b.tick(60);
        (b.broker.len(), b.broker.schedules().next().unwrap().next)
    };
    assert_eq!(set_back(3600), (1, Some(1_001_700)), "what ran does not run again");
    // It is 18:07:40 of another day.
    assert_eq!(set_back(500_000), (1, Some(497_700)));
}

#[test]
fn a_full_queue_and_a_drain_leave_a_run_out() {
    let mut b = bench(Schedule { unique: (*b"").into(), ..schedule("* * * * *") });
    b.broker.limit(b"f", [1, 0, 0]);
    b.tick(60);
    b.tick(60);
    assert_eq!(b.broker.len(), 1);
    b.broker.limit(b"f", [0; 3]);
    b.broker.drain();
    b.tick(60);
    assert_eq!(b.broker.len(), 1);
}

#[test]
fn with_a_durable_queue_its_jobs_are_stored_first() {
    let mut b = Bench::with(|rules| rules.durable = Durable::Always);
    b.broker.set_schedules(&b.now, vec![schedule("* * * * *")]);
    let worker = b.worker(&["f"]);
    b.send(worker, Request::PreSleep);
    b.tick(60);
    assert_eq!(b.received(worker), "", "not before it is on the disk");
    let batch = b.broker.take_changes().unwrap();
    let changes: Vec<_> = batch.changes().map(|change| format!("{change:?}")).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[0].starts_with("Add(") && changes[1].starts_with("Set("), "{changes:?}");
}

#[test]
fn a_last_run_is_known_after_a_restart() {
    let mut b = Bench::with(|rules| rules.durable = Durable::Always);
    let made_up = Schedule { catch_up: true, ..schedule("*/15 * * * *") };
    b.broker.set_schedules(&b.now, vec![made_up]);
    assert_eq!(runs(&b), (None, Some(800)));
    // At 13:30, and the run at 13:45 was missed.
    for (key, value) in [(&b"schedule nightly"[..], &b"999000"[..]), (b"schedule other", b"soon")] {
        b.broker.restore(&b.now, &Record::Setting(Setting { key, value })).unwrap();
    }
    b.broker.restored(&b.now, 0);
    b.tick(0);
    assert_eq!((b.broker.len(), runs(&b)), (1, (Some(0), Some(800))));
}
