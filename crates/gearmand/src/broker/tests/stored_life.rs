//! The life of stored jobs: tries, dead letters and policies, and what of them is on disk.

use super::disk::Disk;
use super::*;

/// The policy of `f`.
fn policy(d: &mut Disk, words: &str) {
    d.b.broker.set_policy(&d.b.now, "f", words.split(' ')).unwrap();
}

/// A job of `f` that was stored, given to a worker, and failed.
fn failed(words: &str) -> (Disk, u32, u32) {
    let (mut d, client, worker) = Disk::with_pair();
    policy(&mut d, words);
    d.b.send(client, background("f", "k", "data"));
    d.commit();
    d.b.send(worker, GRAB);
    d.b.send(worker, work("H:1", Update::Exception(b"oops")));
    (d, client, worker)
}

fn state(d: &Disk, handle: &str) -> &'static str {
    check(&d.b);
    d.b.broker.job_info(&d.b.now, handle.as_bytes()).map_or("gone", |info| info.life.name())
}

#[test]
fn a_job_waits_for_its_next_try_once_the_disk_knows_of_the_last() {
    let (mut d, _, worker) = failed("retries=2 backoff=1500ms");
    assert_eq!(state(&d, "H:1"), "storing");
    let due = d.b.broker.job_info(&d.b.now, b"H:1").unwrap().due;
    assert_eq!(due, Some(d.b.now.wall + Duration::from_millis(1500)));
    d.b.received(worker);
    // However long that takes, and whatever cannot be written meanwhile.
    d.fail();
    d.b.tick(5);
    assert_eq!((state(&d, "H:1"), d.b.ask(worker, GRAB)), ("storing", "NO_JOB".into()));
    d.b.send(worker, Request::PreSleep);
    d.b.send(worker, background("f", "", "another"));
    d.commit();
    assert_eq!(state(&d, "H:1"), "queued");
    assert_eq!((d.rows[&1].tries, d.rows[&1].due_ms), (1, 1_000_001_500));
    d.restart();
    let worker = d.b.worker(&["f"]);
    assert_eq!((d.b.tries(1), d.b.ask(worker, GRAB)), (1, "JOB_ASSIGN H:1|f|data".into()));
    d.b.send(worker, work("H:1", Update::Fail));
    d.commit();
    assert_eq!((state(&d, "H:1"), d.b.tries(1)), ("delayed", 2));
}

#[test]
fn tries_and_times_survive_a_restart() {
    let (mut d, ..) = failed("retries=2 backoff=1m");
    d.commit();
    d.b.tick(10);
    d.restart();
    assert_eq!((state(&d, "H:1"), d.b.tries(1)), ("delayed", 1), "and the policy too");
    let info = d.b.broker.job_info(&d.b.now, b"H:1").unwrap();
    assert_eq!(info.due, Some(d.b.now.wall + Duration::from_secs(50)));
    d.b.tick(50);
    let worker = d.b.worker(&["f"]);
    for _ in 0..2 {
        d.b.send(worker, GRAB);
        d.b.send(worker, work("H:1", Update::Fail));
        d.commit();
        d.b.tick(60);
    }
    let letter = d.b.broker.dead_letter(b"H:1").unwrap();
    assert_eq!((letter.tries, letter.first), (3, Duration::from_secs(1_000_000)));
}

#[test]
fn a_try_that_the_disk_did_not_learn_of_is_made_again() {
    let (mut d, ..) = failed("retries=1 backoff=1m");
    d.restart();
    assert_eq!((state(&d, "H:1"), d.b.tries(1)), ("queued", 0));
}

#[test]
fn a_late_result_ends_a_job_whose_try_is_on_its_way_to_the_disk() {
    let (mut d, client, _) = Disk::with_pair();
    policy(&mut d, "retries=1 backoff=1m");
    let hurried = d.b.hurried();
    d.b.send(client, background("f", "k", "data"));
    d.commit();
    d.b.send(hurried, GRAB);
    d.b.tick(5);
    assert_eq!(state(&d, "H:1"), "storing");
    d.b.complete(hurried, "H:1");
    assert_eq!(state(&d, "H:1"), "gone");
    d.commit();
    assert_eq!((d.keys(), d.dead.len()), (Vec::new(), 0));
}

#[test]
fn who_joins_a_job_does_not_change_when_it_runs() {
    let (mut d, client, worker) = Disk::with_pair();
    let at = (d.b.now.wall.as_secs() + 60).to_string();
    let later = Submit { start: Start::Epoch(at.as_bytes()), background: true, ..job("f", "k", "data") };
    d.b.send(client, submit("f", "k", "data"));
    d.b.send(client, Request::Submit(later));
    d.commit();
    assert_eq!((state(&d, "H:1"), d.rows[&1].due_ms), ("queued", 0));
    // One that waits for its next try, and was not stored when it was joined before.
    policy(&mut d, "retries=1 backoff=1m");
    d.b.send(client, submit("f", "l", "data"));
    d.b.send(client, background("f", "l", "data"));
    d.b.send(worker, GRAB);
    d.b.send(worker, GRAB);
    d.b.send(worker, work("H:2", Update::Fail));
    d.fail();
    d.b.send(client, background("f", "l", "data"));
    d.commit();
    assert_eq!((state(&d, "H:2"), d.rows[&2].due_ms), ("delayed", 1_000_060_000));
}

/// A foreground job that is joined in the background may fail before its row is on disk.
#[test]
fn a_try_fails_before_the_job_is_stored() {
    for good in [true, false] {
        let (mut d, client, worker) = Disk::with_pair();
        policy(&mut d, "retries=1 backoff=1m");
        d.b.send(client, submit("f", "k", "data"));
        d.b.send(worker, GRAB);
        d.b.send(client, background("f", "k", "data"));
        d.take();
        d.b.send(worker, work("H:1", Update::Fail));
        d.take();
        assert_eq!(state(&d, "H:1"), "storing");
        let first = d.way.remove(0);
        let rest = std::mem::replace(&mut d.way, vec![first]);
        d.settle_all(good);
        check(&d.b);
        d.way = rest;
        d.commit();
        assert_eq!(state(&d, "H:1"), "delayed", "somebody waits for it");
        assert_eq!((d.rows.len(), d.b.broker.jobs.arena[0].background), (usize::from(good), good));
    }
}

/// Buried and brought back, it would have been stored after all, and have run once more after a restart.
#[test]
fn a_job_that_is_refused_is_gone_whatever_was_done_with_it_meanwhile() {
    let mut d = Disk::new();
    let client = d.b.connect();
    d.b.send(client, background("f", "k", "data"));
    d.take();
    d.b.broker.bury_job(&d.b.now, b"H:1", &mut d.b.outgoing).unwrap();
    d.b.broker.retry_dead(&d.b.now, b"H:1").unwrap();
    d.settle_all(false);
    assert_eq!(state(&d, "H:1"), "gone");
    d.commit();
    assert_eq!((d.keys(), d.dead.len()), (Vec::new(), 0));
    assert_eq!(d.b.received(client), "ERROR QUEUE_ERROR|The job could not be stored");
}

#[test]
fn a_dead_letter_survives_a_restart() {
    let (mut d, _, worker) = failed("dead-letters=10,1h");
    let before = format!("{:?}", d.b.broker.dead_letter(b"H:1").unwrap());
    d.commit();
    assert_eq!((d.keys(), d.dead.len()), (Vec::new(), 1));
    d.b.leave(worker);
    d.restart();
    assert_eq!((state(&d, "H:1"), format!("{:?}", d.b.broker.dead_letter(b"H:1").unwrap())), ("dead", before));
    // New jobs get other ids, its key is free, and it grows old as before.
    let client = d.b.connect();
    d.b.send(client, background("f", "k", "other"));
    d.commit();
    assert_eq!(d.b.received(client), "JOB_CREATED H:2");
    assert_eq!(d.keys(), ["f k"]);
    d.b.tick(3600);
    d.commit();
    assert_eq!((state(&d, "H:1"), d.dead.len()), ("gone", 0));
}

#[test]
fn a_dead_letter_is_a_job_again_once_the_disk_knows() {
    let (mut d, ..) = failed("dead-letters=10");
    d.commit();
    d.b.broker.retry_dead(&d.b.now, b"H:1").unwrap();
    assert_eq!(state(&d, "H:1"), "storing");
    d.fail();
    assert_eq!(state(&d, "H:1"), "storing");
    d.restart();
    assert_eq!(state(&d, "H:1"), "dead", "the disk did not know");
    d.b.broker.retry_dead(&d.b.now, b"H:1").unwrap();
    d.commit();
    assert_eq!((state(&d, "H:1"), d.keys(), d.dead.len()), ("queued", vec!["f k".to_owned()], 0));
    d.restart();
    assert_eq!((state(&d, "H:1"), d.b.tries(1)), ("queued", 0));
}

#[test]
fn a_dead_letter_is_gone_from_the_disk_whatever_ends_it() {
    for end in ["forgotten", "dropped", "too old"] {
        let (mut d, client, worker) = failed("dead-letters=1,1h");
        d.commit();
        match end {
            "forgotten" => assert_eq!(d.b.broker.forget_all(b"f"), 1),
            "too old" => d.b.tick(3600),
            _ => {
                d.b.send(client, background("f", "k2", ""));
                d.commit();
                d.b.send(worker, GRAB);
                d.b.send(worker, work("H:2", Update::Fail));
            }
        }
        d.commit();
        let left: Vec<u64> = d.dead.iter().map(|(id, ..)| *id).collect();
        assert_eq!(left, if end == "dropped" { vec![2] } else { vec![] }, "{end}");
        assert_eq!(d.keys(), Vec::<String>::new());
    }
}

/// How many letters are kept may be said by a file, which is read after them.
#[test]
fn dead_letters_come_back_before_it_is_known_how_many_are_kept() {
    let (mut d, client, worker) = failed("dead-letters=5000");
    for _ in 0..1500 {
        d.b.send(client, background("f", "", ""));
        d.commit();
        d.b.send(worker, GRAB);
        let number = d.b.broker.jobs.arena[0].number;
        d.b.send(worker, work(&format!("H:{number}"), Update::Fail));
        d.b.outgoing.take(worker);
        d.b.outgoing.take(client);
    }
    d.commit();
    d.restart();
    assert_eq!(d.b.broker.server().dead, 1501);
    d.settings.clear();
    d.restart();
    assert_eq!(d.b.broker.server().dead, 1000, "no policy any more");
    d.commit();
    assert_eq!(d.dead.len(), 1000);
}

#[test]
fn where_jobs_are_stored_at_the_end_dead_letters_are_at_once() {
    let mut d = Disk::new();
    d.b.broker.rules.durable = Durable::AtEnd;
    let (client, worker) = d.b.pair();
    policy(&mut d, "retries=1 backoff=1m");
    for _ in 0..2 {
        d.b.send(client, background("f", "", ""));
        d.b.send(worker, GRAB);
    }
    d.b.send(worker, work("H:1", Update::Fail));
    policy(&mut d, "retries=0 dead-letters=5");
    d.b.send(worker, work("H:2", Update::Fail));
    d.commit();
    assert_eq!((d.rows.len(), d.dead.len()), (0, 1));
    d.b.broker.store_all();
    d.commit();
    assert_eq!((d.rows[&1].tries, d.rows[&1].due_ms), (1, 1_000_060_000));
}

#[test]
fn policies_that_were_set_survive_a_restart() {
    let mut d = Disk::new();
    for (pattern, words) in
        [("f", "retries=3"), ("g*", "retries=1 timeout=5m"), ("f", "backoff=1s~5%"), ("g*", "timeout=")]
    {
        d.b.broker.set_policy(&d.b.now, pattern, words.split(' ')).unwrap();
    }
    assert!(d.b.broker.set_policy(&d.b.now, "f", ["retry=3"].into_iter()).is_err());
    d.commit();
    d.settings.insert(b"policy h".to_vec(), b"of=another version".to_vec());
    d.restart();
    let shown = |d: &Disk| {
        let all = d.b.broker.policies.iter().map(|rule| format!("{} {} ({})", rule.pattern, rule.policy, rule.source));
        all.collect::<Vec<_>>()
    };
    assert_eq!(shown(&d), ["f retries=3 backoff=1s~5% (run time)", "g* retries=1 (run time)"]);
    d.b.broker.set_policy(&d.b.now, "f", ["retries=", "backoff="].into_iter()).unwrap();
    d.commit();
    assert_eq!(d.settings.len(), 2, "what cannot be read stays");
    d.restart();
    assert_eq!(shown(&d), ["g* retries=1 (run time)"]);
}
