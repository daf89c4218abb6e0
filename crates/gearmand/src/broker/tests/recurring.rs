//! Jobs that the server submits itself.

use super::disk::{Disk, show};
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
    let mut b = bench(Schedule { unique: (*b"").into(), ..schedule("*/15 8-20 * * *") });
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

/// By two hours, and the schedule of every minute did nothing for two hours; the log did not say why.
#[test]
fn where_a_clock_is_set_back_those_of_any_hour_go_on() {
    let minutely = Schedule { name: "minutely".into(), unique: (*b"").into(), ..schedule("* * * * *") };
    let daily = Schedule { name: "daily".into(), unique: (*b"").into(), ..schedule("47 13 * * *") };
    let mut b = Bench::new();
    b.broker.set_schedules(&b.now, vec![minutely, daily]);
    let next = |b: &Bench| b.broker.schedules().map(|shown| shown.next).collect::<Vec<_>>();
    b.tick(20);
    let now: u64 = 1_000_020;
    let tomorrow = Some(now + 86_400);
    assert_eq!((b.broker.len(), next(&b)), (2, vec![Some(now + 60), tomorrow]));
    b.now.wall -= Duration::from_secs(7200);
    b.tick(0);
    // Other servers of a cluster say again what they know.
    b.broker.restore_last_run(&b.now, "minutely", now);
    assert_eq!((b.broker.len(), next(&b)), (2, vec![Some(now - 7140), tomorrow]));
    for minute in 1..=120 {
        b.tick(60);
        assert_eq!(b.broker.len(), 2 + minute);
    }
    assert_eq!(next(&b), [Some(now + 60), tomorrow], "what ran at 13:47 does not run again");
}

/// What is known of the last run is what is true by the clock as it is now: a run that cannot be stored is due after that, too.
#[test]
fn where_a_clock_was_set_back_a_run_counts_when_it_is_stored() {
    let mut d = disk(schedule("* * * * *"));
    d.b.tick(20);
    d.commit();
    d.commit();
    assert_eq!(stored(&d), Some(20));
    let worker = d.b.worker(&["f"]);
    assert!(d.b.ask(worker, GRAB).starts_with("JOB_ASSIGN"));
    d.b.send(worker, Request::Work(Work { handle: b"H:1", update: Update::Complete(b"") }));
    d.commit();
    d.b.now.wall -= Duration::from_secs(7200);
    d.b.tick(0);
    let next = |d: &Disk| d.b.broker.schedules().next().unwrap().next;
    let due = Some(1_000_020 - 7140);
    assert_eq!(next(&d), due);
    d.b.tick(60);
    d.fail();
    assert_eq!(next(&d), due, "it is due");
    d.b.tick(10);
    d.commit();
    d.commit();
    assert_eq!(d.settings[&b"schedule nightly"[..]], b"992890");
    assert_eq!(next(&d), Some(1_000_020 - 7080));
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

/// With a schedule, and a disk.
fn disk(schedule: Schedule) -> Disk {
    let mut d = Disk::new();
    d.b.broker.set_schedules(&d.b.now, vec![schedule]);
    d
}

/// When the disk has it that it ran last, since 13:46:40.
fn stored(d: &Disk) -> Option<u64> {
    let last = d.settings.get(&b"schedule nightly"[..]).map(|last| String::from_utf8(last.clone()).unwrap());
    last.map(|last| last.parse::<u64>().unwrap() - 1_000_000)
}

#[test]
fn with_a_durable_queue_its_jobs_are_stored_first() {
    let mut d = disk(schedule("* * * * *"));
    let worker = d.b.worker(&["f"]);
    d.b.send(worker, Request::PreSleep);
    d.b.tick(20);
    assert_eq!(d.b.received(worker), "", "not before it is on the disk");
    d.commit();
    assert_eq!((d.b.received(worker).as_str(), d.keys().len(), stored(&d)), ("NOOP", 1, None));
    d.commit();
    assert_eq!((stored(&d), runs(&d.b)), (Some(20), (Some(20), Some(80))));
}

/// It had run for all that could be known: the job was refused by a disk that was full for a second, and nobody was told.
#[test]
fn a_run_whose_job_cannot_be_stored_is_no_run() {
    let mut d = disk(schedule("0 * * * *"));
    d.b.tick(800);
    d.fail();
    check(&d.b);
    assert_eq!((d.b.broker.len(), runs(&d.b)), (0, (None, Some(800))), "it is due");
    d.b.broker.set_schedules(&d.b.now, vec![schedule("0 * * * *")]);
    assert_eq!(runs(&d.b), (None, Some(800)), "also when the file is read anew");
    assert_eq!(d.b.broker.deadline(&d.b.now), Some(d.b.now.steady + Duration::from_secs(10)), "but not at once");
    d.b.tick(9);
    assert_eq!(d.b.broker.len(), 0);
    d.b.tick(1);
    d.commit();
    d.commit();
    assert_eq!((d.keys().len(), stored(&d), runs(&d.b)), (1, Some(810), (Some(810), Some(4400))));
}

/// The disk takes longer than a minute: the second run has the first one's job, which is not stored either. It counted as run.
#[test]
fn a_run_that_joins_a_job_on_its_way_to_the_disk_is_none_before_it_is_there() {
    let mut d = disk(schedule("* * * * *"));
    d.b.tick(20);
    d.b.tick(60);
    assert_eq!((d.b.broker.len(), runs(&d.b)), (1, (None, Some(140))));
    d.fail();
    assert_eq!((d.b.broker.len(), runs(&d.b)), (0, (None, Some(80))), "it is due");
}

/// A client waited for it, and left before it was begun: the job was gone, and the run, too.
#[test]
fn a_run_that_joins_a_job_in_the_foreground_is_done_without_its_client() {
    let mut b = bench(schedule("*/15 * * * *"));
    let (client, worker) = b.pair();
    b.send(client, submit("f", "nightly", "theirs"));
    b.tick(800);
    assert_eq!((b.broker.len(), runs(&b).0), (1, Some(800)));
    b.leave(client);
    check(&b);
    assert_eq!(b.ask(worker, Request::GrabJob(Grab::Uniq)), "JOB_ASSIGN_UNIQ H:1|f|nightly|theirs");

    let mut d = disk(schedule("*/15 * * * *"));
    let client = d.b.connect();
    d.b.send(client, submit("f", "nightly", "theirs"));
    d.b.tick(800);
    assert_eq!(runs(&d.b).0, None, "not before it is on the disk");
    d.fail();
    assert_eq!((d.b.broker.len(), runs(&d.b)), (1, (None, Some(800))), "it is due, and the client waits");
    d.b.tick(10);
    d.b.leave(client);
    d.commit();
    d.commit();
    check(&d.b);
    assert_eq!((d.keys().len(), stored(&d), runs(&d.b)), (1, Some(810), (Some(810), Some(1700))));
}

/// The run of the one that was submitted first was forgotten: it had never run, and one that could not be stored was not due again.
#[test]
fn schedules_with_one_key_have_all_run_when_their_job_is_stored() {
    let mut d = Disk::new();
    let schedules = ["one", "other"].map(|name| Schedule { name: name.into(), ..schedule("* * * * *") });
    d.b.broker.set_schedules(&d.b.now, schedules.into());
    d.b.tick(20);
    assert_eq!(d.b.broker.len(), 1);
    d.fail();
    let next: Vec<_> = d.b.broker.schedules().map(|shown| shown.next).collect();
    assert_eq!(next, [Some(1_000_020); 2], "both are due");
    d.b.tick(10);
    d.commit();
    d.commit();
    let last: Vec<_> = d.b.broker.schedules().map(|shown| shown.last).collect();
    assert_eq!((d.keys().len(), last), (1, vec![Some(1_000_030); 2]));
    let settings: Vec<_> = d.settings.keys().map(|key| show(key)).collect();
    assert_eq!(settings, ["schedule one", "schedule other"]);
}

/// As long as it is not late, or for as long as it takes where one run is made up.
#[test]
fn a_run_that_cannot_be_stored_for_long_is_missed() {
    for (catch_up, jobs) in [(false, 0), (true, 1)] {
        let mut d = disk(Schedule { catch_up, ..schedule("0 * * * *") });
        d.b.tick(800);
        d.fail();
        for _ in 0..6 {
            d.b.tick(10);
            assert_eq!(d.b.broker.len(), 1, "it is tried again");
            d.fail();
        }
        d.b.tick(10);
        d.commit();
        d.commit();
        assert_eq!((d.keys().len(), stored(&d)), (jobs, catch_up.then_some(870)));
        assert_eq!(runs(&d.b).1, Some(4400));
    }
}

/// The job was stored, and then that it had run was not.
#[test]
fn a_server_that_is_killed_in_between_makes_one_job_of_two_runs() {
    let mut d = disk(Schedule { catch_up: true, ..schedule("0 * * * *") });
    d.settings.insert(b"schedule nightly".to_vec(), b"997200".to_vec());
    d.b.tick(800);
    d.commit();
    let unstored = d.b.broker.take_changes();
    assert_eq!(unstored.iter().flat_map(|batch| batch.changes()).count(), 1);
    d.restart();
    d.b.broker.set_schedules(&d.b.now, vec![Schedule { catch_up: true, ..schedule("0 * * * *") }]);
    d.b.tick(0);
    d.commit();
    assert_eq!((d.b.broker.len(), d.keys().len(), stored(&d)), (1, 1, Some(800)));
}

#[test]
fn a_last_run_is_known_after_a_restart() {
    let mut d = disk(Schedule { catch_up: true, ..schedule("*/15 * * * *") });
    assert_eq!(runs(&d.b), (None, Some(800)));
    // At 13:30, and the run at 13:45 was missed.
    for (key, value) in [(&b"schedule nightly"[..], &b"999000"[..]), (b"schedule other", b"soon")] {
        d.b.broker.restore(&d.b.now, &Record::Setting(Setting { key, value })).unwrap();
    }
    d.b.broker.restored(&d.b.now, 0);
    d.b.tick(0);
    d.commit();
    assert_eq!((d.b.broker.len(), runs(&d.b)), (1, (Some(0), Some(800))));
}
