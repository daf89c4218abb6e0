//! The life of a job: each arrow of the table in jobs.rs, with a clock that only the test moves. Those from and to `storing`
//! are in stored.rs and stored_life.rs.

use super::*;
use crate::broker::activity::End;
use crate::broker::manage::NotBuried;
use crate::broker::retries::NotRetried;
use crate::broker::snapshot::{Cursor, JobInfo};

impl Bench {
    /// Sets keys of the policy of `f`.
    pub(super) fn policy(&mut self, words: &str) {
        self.broker.set_policy(&self.now, "f", words.split(' ')).unwrap();
    }

    pub(super) fn info(&self, handle: &str) -> Option<JobInfo> {
        self.broker.job_info(&self.now, handle.as_bytes())
    }

    /// Where a job is in its life; all must be in order meanwhile.
    pub(super) fn life(&self, handle: &str) -> &'static str {
        check(self);
        self.info(handle).map_or("gone", |info| info.life.name())
    }

    /// How long a delayed job still waits.
    pub(super) fn wait(&self, handle: &str) -> Duration {
        self.info(handle).unwrap().due.unwrap() - self.now.wall
    }

    pub(super) fn bury(&mut self, handle: &str) -> Result<(), NotBuried> {
        let buried = self.broker.bury_job(&self.now, handle.as_bytes(), &mut self.outgoing);
        self.end_round();
        buried
    }

    pub(super) fn retry_dead(&mut self, handle: &str) -> Result<(), NotRetried> {
        let retried = self.broker.retry_dead(&self.now, handle.as_bytes());
        self.end_round();
        retried
    }

    /// Handles, causes and tries of all dead letters, those that came first in front.
    pub(super) fn dead(&self) -> String {
        let page = self.broker.dead_letters(None, Cursor::default());
        let shown = |l: &crate::broker::snapshot::DeadLetter| {
            format!("{} {} {}", l.handle.escape_ascii(), l.cause.name(), l.tries)
        };
        page.entries.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// A worker is given a job of `f`, and fails it.
    pub(super) fn fail(&mut self, worker: u32, update: Update<'_>) {
        let assigned = self.ask(worker, GRAB);
        let handle = assigned.strip_prefix("JOB_ASSIGN ").unwrap().split('|').next().unwrap();
        self.send(worker, work(handle, update));
    }
}

/// A client, a worker, and a job of `f` in the background, with this policy.
pub(super) fn begin(words: &str) -> (Bench, u32, u32) {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    b.policy(words);
    assert_eq!(b.ask(client, background("f", "k", "data")), "JOB_CREATED H:1");
    (b, client, worker)
}

/// The same, and the job is a dead letter.
pub(super) fn dead() -> (Bench, u32, u32) {
    let (mut b, client, worker) = begin("dead-letters=10,1h");
    b.fail(worker, Update::Exception(b"oops"));
    assert_eq!(b.life("H:1"), "dead");
    (b, client, worker)
}

const ENDS: [Update<'_>; 2] = [Update::Fail, Update::Exception(b"e")];

#[test]
fn a_submit_makes_a_queued_job_or_a_delayed_one() {
    let (mut b, client, _) = begin("retries=1");
    assert_eq!(b.life("H:1"), "queued");
    let at = (b.now.wall.as_secs() + 10).to_string();
    let later = Submit { start: Start::Epoch(at.as_bytes()), background: true, ..job("f", "", "x") };
    b.send(client, Request::Submit(later));
    assert_eq!((b.life("H:2"), b.wait("H:2")), ("delayed", Duration::from_secs(10)));
}

#[test]
fn a_delayed_job_is_queued_when_its_time_has_come_to_the_millisecond() {
    let (mut b, _, worker) = begin("retries=1 backoff=1500ms");
    b.fail(worker, Update::Fail);
    b.tick_ms(1499);
    assert_eq!(b.life("H:1"), "delayed");
    b.tick_ms(1);
    assert_eq!(b.life("H:1"), "queued");
}

#[test]
fn a_queued_job_runs() {
    let (mut b, _, worker) = begin("retries=1");
    b.send(worker, GRAB);
    assert_eq!(b.life("H:1"), "running");
}

#[test]
fn a_running_job_goes_back_where_its_policy_does_not_count_how_its_try_ended() {
    let (mut b, _, worker) = begin("retries=1 retry-on=fail");
    b.send(worker, GRAB);
    b.leave(worker);
    assert_eq!((b.life("H:1"), b.tries(1)), ("queued", 1));
    let hurried = b.hurried();
    b.send(hurried, GRAB);
    b.tick(5);
    assert_eq!((b.life("H:1"), b.tries(1)), ("queued", 2));
    assert_eq!(b.activity("f").retried, 0);
}

#[test]
fn a_running_job_goes_back_at_once_that_was_not_begun() {
    let (mut b, client, worker) = begin("retries=1 backoff=1h");
    b.in_turn(worker);
    b.send(client, background("f", "", "in advance"));
    b.send(worker, GRAB);
    b.send(worker, GRAB);
    b.leave(worker);
    assert_eq!((b.life("H:1"), b.tries(1)), ("delayed", 1));
    assert_eq!((b.life("H:2"), b.tries(2)), ("queued", 0));
}

/// They went back function by function: when those of the first one's function had, the next looked as if its worker were on it.
#[test]
fn of_jobs_of_several_functions_the_first_alone_was_begun() {
    for resets in [false, true] {
        let mut b = Bench::new();
        let (client, worker) = (b.connect(), b.worker(&["f", "g"]));
        b.in_turn(worker);
        for function in ["f", "g", "g", "f"] {
            b.send(client, background(function, "", ""));
            b.send(worker, GRAB);
        }
        match resets {
            true => b.send(worker, Request::ResetAbilities),
            false => b.leave(worker),
        }
        let tries = [1, 2, 3, 4].map(|number| (b.life(&format!("H:{number}")), b.tries(number)));
        assert_eq!(tries, [("queued", 1), ("queued", 0), ("queued", 0), ("queued", 0)]);
        let other = b.worker(&["f", "g"]);
        let order = [(); 4].map(|()| b.ask(other, GRAB));
        let wanted = ["H:2|g", "H:1|f", "H:3|g", "H:4|f"].map(|job| format!("JOB_ASSIGN {job}|"));
        assert_eq!(order, wanted, "each function's first is in front again");
    }
}

#[test]
fn a_running_job_is_delayed_after_each_end_that_its_policy_tries_again() {
    for update in ENDS {
        let (mut b, _, worker) = begin("retries=1 retry-on=fail,exception backoff=2s");
        b.fail(worker, update);
        assert_eq!((b.life("H:1"), b.wait("H:1"), b.tries(1)), ("delayed", Duration::from_secs(2), 1), "{update:?}");
        assert_eq!(b.received(worker).rsplit(' ').next(), Some(""), "no word to the worker");
        assert_eq!(b.ask(worker, work("H:1", Update::Fail)), "", "nor when it says more, as Perl's do");
        assert_eq!((b.life("H:1"), b.tries(1)), ("delayed", 1));
    }
    let (mut b, _, worker) = begin("retries=1 retry-on=death backoff=2s");
    b.send(worker, GRAB);
    b.send(worker, Request::CantDo(b"f"));
    assert_eq!((b.life("H:1"), b.tries(1)), ("delayed", 1));
    let (mut b, _, _) = begin("retries=1 retry-on=timeout backoff=2s");
    let hurried = b.hurried();
    b.send(hurried, GRAB);
    b.tick(5);
    assert_eq!((b.life("H:1"), b.wait("H:1"), b.tries(1)), ("delayed", Duration::from_secs(2), 1));
    assert_eq!((b.activity("f").retried, b.activity("f").timed_out), (1, 1));
}

#[test]
fn a_running_job_is_dead_when_no_tries_are_left() {
    let (mut b, _, worker) = begin("retries=2 backoff=0");
    b.fail(worker, Update::Fail);
    b.tick(1);
    b.fail(worker, Update::Exception(b"once more"));
    b.tick(1);
    b.send(worker, Request::SetClientId(b"the worker"));
    b.fail(worker, Update::Exception(b"oops"));
    assert_eq!((b.life("H:1"), b.dead()), ("dead", "H:1 exception 3".into()));
    let letter = b.broker.dead_letter(b"H:1").unwrap();
    assert_eq!((&letter.function[..], &letter.unique[..]), (&b"f"[..], &b"k"[..]));
    assert_eq!((letter.workload.as_deref(), letter.size), (Some(&b"data"[..]), 4));
    assert_eq!((letter.priority, letter.reducer), (Priority::Normal, None));
    assert_eq!((&letter.text[..], &letter.worker[..]), (&b"oops"[..], &b"the worker"[..]));
    assert_eq!((letter.first, letter.last), (b.now.wall - Duration::from_secs(2), b.now.wall));
    let activity = b.activity("f");
    assert_eq!((activity.retried, activity.ended(End::Dead), activity.ended(End::Failed)), (2, 1, 0));
}

#[test]
fn a_running_job_is_dead_after_death_and_timeout_too() {
    let (mut b, client, worker) = begin("retries=1 backoff=0");
    b.send(client, background("f", "", ""));
    for _ in 0..2 {
        let other = b.worker(&["f"]);
        b.send(other, GRAB);
        b.leave(other);
        b.tick(1);
        b.send(worker, GRAB); // the other one is in front now, and goes on
    }
    let running: Vec<_> = ["H:1", "H:2"].into_iter().map(|handle| b.life(handle)).collect();
    assert_eq!((b.dead(), running), ("H:1 death 2".into(), vec!["dead", "running"]));
    b.leave(worker);
    b.tick(1);
    let hurried = b.hurried();
    b.send(hurried, GRAB);
    b.tick(5);
    assert_eq!(b.dead(), "H:1 death 2, H:2 timeout 2");
    b.received(hurried);
    assert_eq!(b.ask(hurried, work("H:2", Update::Complete(b"late"))), "", "nobody told it");
}

#[test]
fn a_running_job_is_dead_without_a_retry_where_dead_letters_are_kept() {
    let (mut b, _, worker) = begin("dead-letters=10");
    b.fail(worker, Update::Fail);
    assert_eq!(b.dead(), "H:1 fail 1");
}

#[test]
fn a_running_job_ends() {
    let (mut b, _, worker) = begin("retries=1");
    b.send(worker, GRAB);
    b.complete(worker, "H:1");
    assert_eq!((b.life("H:1"), b.dead()), ("gone", String::new()));
    for words in ["retries=1 dead-letters=0 retry-on=death", "paused=no"] {
        for update in ENDS {
            let (mut b, _, worker) = begin(words);
            b.fail(worker, update);
            assert_eq!((b.life("H:1"), b.dead()), ("gone", String::new()));
        }
    }
    let (mut b, _, worker) = begin("retries=1 dead-letters=0 backoff=0");
    b.fail(worker, Update::Fail);
    b.fail(worker, Update::Fail);
    assert_eq!((b.life("H:1"), b.activity("f").ended(End::Failed)), ("gone", 1));
}

#[test]
fn a_job_ends_wherever_it_is_when_it_is_cancelled() {
    for place in ["queued", "delayed", "running"] {
        let (mut b, client, worker) = begin("retries=1 backoff=1h");
        b.send(client, submit("f", "k", ""));
        match place {
            "delayed" => b.fail(worker, Update::Fail),
            "running" => b.send(worker, GRAB),
            _ => {}
        }
        assert_eq!(b.life("H:1"), place);
        b.received(client);
        assert!(b.broker.cancel_unique(&b.now, b"f", b"k", &mut b.outgoing));
        assert!(!b.broker.cancel_unique(&b.now, b"f", b"k", &mut b.outgoing));
        assert!(!b.broker.cancel_unique(&b.now, b"g", b"k", &mut b.outgoing));
        assert_eq!((b.received(client), b.life("H:1")), ("WORK_FAIL H:1".into(), "gone"));
        if place == "running" {
            b.received(worker);
            assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"late"))), "");
        }
    }
}

#[test]
fn a_late_result_ends_a_job_that_waits_for_its_next_try() {
    for (later, place) in [(0, "delayed"), (60, "queued")] {
        let (mut b, _, _) = begin("retries=1 backoff=1m");
        let hurried = b.hurried();
        b.send(hurried, GRAB);
        b.tick(5);
        b.tick(later);
        assert_eq!(b.life("H:1"), place);
        b.complete(hurried, "H:1");
        assert_eq!((b.life("H:1"), b.activity("f").ended(End::Completed)), ("gone", 1));
    }
}

/// Its time was over, which was a try; that it could not do the job either is no other one.
#[test]
fn a_late_failure_is_no_second_try() {
    for update in ENDS {
        let (mut b, client, _) = begin("retries=1 backoff=1m");
        b.send(client, submit("f", "k", ""));
        let hurried = b.hurried();
        b.send(hurried, GRAB);
        b.tick(5);
        b.received(client);
        b.send(hurried, work("H:1", update));
        assert_eq!((b.life("H:1"), b.tries(1), b.received(client)), ("delayed", 1, String::new()));
    }
}

/// As often as its time was over it went back, which counts; then it has no tries left.
#[test]
fn a_late_failure_ends_a_job_that_was_tried_too_often() {
    let (mut b, _, _) = begin("retries=1 retry-on=fail");
    let hurried = b.hurried();
    for _ in 0..2 {
        b.send(hurried, GRAB);
        b.tick(5);
    }
    b.send(hurried, work("H:1", Update::Fail));
    assert_eq!(b.dead(), "H:1 fail 2");
}

#[test]
fn a_job_is_buried_wherever_it_is() {
    for place in ["queued", "delayed", "running"] {
        let (mut b, client, worker) = begin("retries=1 backoff=1h");
        match place {
            "delayed" => b.fail(worker, Update::Fail),
            "running" => b.send(worker, GRAB),
            _ => {}
        }
        b.send(client, submit("f", "k", ""));
        b.received(client);
        assert_eq!((b.life("H:1"), b.bury("H:1")), (place, Ok(())));
        assert_eq!((b.received(client), b.life("H:1")), ("WORK_FAIL H:1".into(), "dead"));
        assert_eq!(b.dead(), format!("H:1 buried {}", u8::from(place == "delayed")));
        if place == "running" {
            b.received(worker);
            assert_eq!(b.ask(worker, work("H:1", Update::Complete(b"late"))), "");
        }
    }
    let (mut b, client, _) = begin("paused=no");
    b.send(client, submit("f", "foreground", ""));
    assert_eq!((b.bury("H:2"), b.bury("H:3")), (Err(NotBuried::Foreground), Err(NotBuried::Unknown)));
    assert_eq!(b.bury("H:1"), Ok(()), "also where the policy keeps nothing");
    assert_eq!(b.life("H:1"), "dead");
}

#[test]
fn a_dead_job_is_queued_when_it_is_retried() {
    let (mut b, client, worker) = dead();
    b.policy("retries=1 backoff=0");
    b.send(worker, Request::PreSleep);
    assert_eq!(b.retry_dead("H:1"), Ok(()));
    assert_eq!((b.life("H:1"), b.dead(), b.tries(1)), ("queued", String::new(), 0));
    assert!(b.received(worker).ends_with("NOOP"));
    assert_eq!(b.ask(client, background("f", "k", "")), "JOB_CREATED H:1", "it has its key again");
    b.fail(worker, Update::Fail);
    assert_eq!((b.life("H:1"), b.tries(1)), ("queued", 1), "its tries count anew");
    b.fail(worker, Update::Fail);
    assert_eq!(b.dead(), "H:1 fail 2");
    assert_eq!((b.activity("f").revived, b.activity("f").ended(End::Dead)), (1, 2));
}

#[test]
fn a_dead_job_is_gone_when_it_is_forgotten_or_too_old_or_one_too_many() {
    let (mut b, _, _) = dead();
    assert!(b.broker.forget_dead(b"H:1"));
    assert!(!b.broker.forget_dead(b"H:1"));
    assert_eq!(b.life("H:1"), "gone");

    let (mut b, _, _) = dead();
    b.tick(3599);
    assert_eq!(b.life("H:1"), "dead");
    assert_eq!(b.broker.deadline(&b.now), Some(b.now.steady + Duration::from_secs(1)));
    b.tick(1);
    assert_eq!((b.life("H:1"), b.broker.deadline(&b.now), b.broker.dead.dropped), ("gone", None, 0));

    let (mut b, client, worker) = dead();
    b.policy("dead-letters=2");
    for _ in 0..2 {
        b.send(client, background("f", "", ""));
        b.fail(worker, Update::Fail);
    }
    assert_eq!((b.life("H:1"), b.dead(), b.broker.dead.dropped), ("gone", "H:2 fail 1, H:3 fail 1".into(), 1));
    b.policy("dead-letters=1");
    assert_eq!((b.dead(), b.broker.server().dead, b.broker.server().dead_dropped), ("H:3 fail 1".into(), 1, 2));
}
