//! A server whose queue others share, as its broker sees that: by what it is told, and what it says.

use super::recurring::{runs, schedule};
use super::*;
use crate::broker::recurring::Schedule;
use crate::cluster::ask::{Answer, JobRow, Seen, SeenState};
use crate::cluster::lease::Lease;
use crate::cluster::member::Told;
use crate::cluster::said::Said;
use crate::durable::batch::BatchResult;
use crate::net::peer::Peer;
use crate::rights::tests::patterns;
use crate::rights::{Access, Rights};

/// A server that has joined: it is the eldest, and has numbers for jobs.
fn member(change: impl FnOnce(&mut Rules)) -> Bench {
    let mut b = Bench::with(|rules| {
        rules.durable = Durable::Always;
        change(rules);
    });
    b.broker.share_queue("H:@");
    tell(&mut b, Told::Settings { version: 1, batch: 0, all: Vec::new() });
    renew(&mut b);
    tell(&mut b, Told::Eldest(true));
    tell(&mut b, Told::Ids { first: 100, count: 10_000 });
    said(&mut b);
    b
}

fn tell(b: &mut Bench, told: Told) {
    b.broker.told(&b.now, told, &mut b.outgoing);
    b.end_round();
}

/// The lease holds for eight seconds from now on.
fn renew(b: &mut Bench) {
    let mut lease = Lease::default();
    lease.begin(1, b.now.steady);
    tell(b, Told::Lease(lease));
}

/// So many seconds in which the lease was renewed.
fn later(b: &mut Bench, seconds: u64) {
    b.now.steady += Duration::from_secs(seconds);
    b.now.wall += Duration::from_secs(seconds);
    renew(b);
    b.tick(0);
}

/// A job of `f` is this server's, of which so many tries failed elsewhere.
fn claim(b: &mut Bench, id: u64, tries: u16) {
    let (function, unique, data) = (Bytes::from_static(b"f"), Bytes::from(id.to_string()), Bytes::from_static(b"x"));
    let (priority, first_ms) = (Priority::Normal, u64::from(tries));
    let row = JobRow { id, function, unique, priority, data, reducer: None, tries, first_ms, due_ms: 0 };
    tell(b, Told::Claimed(row));
}

/// What was said since, without what is said of workers.
fn said(b: &mut Bench) -> Vec<String> {
    let said = b.broker.take_said(&b.now).into_iter();
    said.filter(|said| !matches!(said, Said::Demand { .. })).map(|said| format!("{said:?}")).collect()
}

/// What idle workers of other servers could run stayed here for ever: it was looked at once, when a client waited for it.
#[test]
fn a_job_is_given_back_when_the_client_that_waited_for_it_has_left() {
    let mut b = member(|_| {});
    claim(&mut b, 7, 0);
    let client = b.connect();
    assert_eq!(b.ask(client, submit("f", "7", "x")), "JOB_CREATED H:@:7");
    b.tick(2);
    assert_eq!(said(&mut b), [""; 0], "somebody waits for it here");
    b.leave(client);
    check(&b);
    b.tick(1);
    assert_eq!(said(&mut b), ["GiveBack(7)"]);
    assert_eq!(b.broker.len(), 0);
}

/// The eldest had run it by a clock that was a year ahead: when the others heard of that, they waited for the year to pass.
#[test]
fn a_last_run_that_is_still_to_come_stops_no_schedule() {
    let mut b = member(|_| {});
    b.broker.set_schedules(&b.now, vec![schedule("*/15 * * * *")]);
    let last = |last: u64| (Bytes::from_static(b"schedule nightly"), Bytes::from(last.to_string()));
    let now = b.now.wall.as_secs();
    tell(&mut b, Told::Settings { version: 2, batch: 0, all: vec![last(now + 365 * 86_400)] });
    assert_eq!(runs(&b), (None, Some(800)));
    // Clocks of servers differ a little: what another one has run is not run again.
    tell(&mut b, Told::Settings { version: 3, batch: 0, all: vec![last(now + 801)] });
    assert_eq!(runs(&b), (Some(801), Some(1700)));
}

/// The changes of the last round.
fn changes(b: &mut Bench) -> Vec<String> {
    let batch = b.broker.take_changes();
    batch.iter().flat_map(|batch| batch.changes()).map(|change| format!("{change:?}")).collect()
}

/// A worker takes the next job and dies of it.
fn die(b: &mut Bench) {
    let worker = b.worker(&["f"]);
    assert!(b.ask(worker, GRAB).starts_with("JOB_ASSIGN"));
    b.leave(worker);
}

/// A job that killed its worker was given back as if nobody had tried it, and killed worker after worker, a second after each other.
#[test]
fn a_job_is_given_back_with_its_tries() {
    let mut b = member(|rules| rules.runs = Some(3));
    claim(&mut b, 7, 1);
    die(&mut b);
    assert_eq!(b.tries(7), 2);
    said(&mut b);
    b.tick(1);
    let given_back = "tries: 2, first_ms: 1, due_ms: 0 }";
    assert!(matches!(&changes(&mut b)[..], [retry] if retry.starts_with("Retry") && retry.ends_with(given_back)));
    assert_eq!((said(&mut b), b.broker.len()), (vec![], 0));
    claim(&mut b, 7, 2);
    die(&mut b);
    assert!(matches!(&changes(&mut b)[..], [done] if done.starts_with("Done")));
    // Nobody may have it by then.
    claim(&mut b, 8, 0);
    die(&mut b);
    tell(&mut b, Told::Lost);
    assert!(matches!(&changes(&mut b)[..], [retry] if retry.starts_with("Retry")));
}

/// What became of all changes until now.
fn settle(b: &mut Bench, added: bool) -> Vec<String> {
    let changes = changes(b);
    let batch = b.broker.last_batch().unwrap();
    tell(b, Told::Result(BatchResult { batch, added, done: true, ..BatchResult::default() }));
    changes
}

/// It was said to have run in a write of its own, before its job was stored: a server that was killed in between had run nothing.
#[test]
fn a_schedule_has_run_when_its_job_is_stored() {
    let mut b = member(|_| {});
    b.broker.set_schedules(&b.now, vec![schedule("*/15 * * * *")]);
    later(&mut b, 800);
    assert!(matches!(&settle(&mut b, false)[..], [add] if add.starts_with("Add")));
    assert_eq!(runs(&b), (None, Some(800)), "it is due");
    later(&mut b, 10);
    assert!(matches!(&settle(&mut b, true)[..], [add] if add.starts_with("Add")));
    assert!(matches!(&settle(&mut b, true)[..], [set] if set.starts_with("Set")));
    assert_eq!(runs(&b), (Some(810), Some(1700)));
}

/// What an eldest that is slow to learn of it says of its runs could be older than what is known of those since.
#[test]
fn a_run_of_which_another_eldest_knows_better_is_not_written_down() {
    let mut b = member(|_| {});
    b.broker.set_schedules(&b.now, vec![schedule("*/15 * * * *")]);
    later(&mut b, 800);
    tell(&mut b, Told::Eldest(false));
    assert!(matches!(&settle(&mut b, true)[..], [add] if add.starts_with("Add")));
    assert_eq!((changes(&mut b), runs(&b)), (vec![], (None, Some(1700))));
}

/// It was planned before anybody knew of the runs that were, and was made up only where one server has a queue of its own.
#[test]
fn a_run_that_all_servers_missed_is_made_up_by_who_becomes_the_eldest() {
    let mut b = member(|_| {});
    tell(&mut b, Told::Eldest(false));
    b.broker.set_schedules(&b.now, vec![Schedule { catch_up: true, ..schedule("*/15 * * * *") }]);
    let yesterday = Bytes::from((b.now.wall.as_secs() - 86_400).to_string());
    let settings = |version| Told::Settings {
        version,
        batch: 0,
        all: vec![(Bytes::from_static(b"schedule nightly"), yesterday.clone())],
    };
    tell(&mut b, settings(2));
    later(&mut b, 0);
    assert_eq!(changes(&mut b), [""; 0], "others may have made it up");
    tell(&mut b, Told::Eldest(true));
    later(&mut b, 0);
    assert!(matches!(&settle(&mut b, true)[..], [add] if add.starts_with("Add")));
    assert_eq!(runs(&b), (Some(0), Some(800)));
    // This is dropped with the epoch, but not forgotten here.
    assert!(matches!(&changes(&mut b)[..], [set] if set.starts_with("Set")));
    for told in [Told::Eldest(false), Told::Lost, settings(3), Told::Eldest(true)] {
        tell(&mut b, told);
    }
    later(&mut b, 0);
    assert_eq!((changes(&mut b), runs(&b)), (vec![], (Some(0), Some(800))));
}

/// The queue is asked for a job, which it has, and no server.
fn answer_free(b: &mut Bench, id: u64) {
    let said = b.broker.take_said(&b.now);
    let asked = said.iter().find_map(|said| match said {
        Said::Ask { question, .. } => Some(*question),
        _ => None,
    });
    // The batch of the question goes on its way before the answer comes.
    assert_eq!(changes(b), [""; 0]);
    let seen = Seen { id, function: Bytes::from_static(b"f"), tries: 0, due_ms: 0, state: SeenState::Free };
    tell(b, Told::Answered { question: asked.unwrap(), answer: Ok(Answer::Looked(Some(seen))) });
}

/// It was told that there is no such job, which then ran: what it may not see it could not cancel, where it can at a server that has the job.
#[test]
fn a_job_that_no_server_has_is_cancelled_by_who_may_not_see_it() {
    let mut b = member(|_| {});
    let admin = b.connect();
    let rights = Rights { admin: true, submit: patterns(&["g"]), ..Rights::default() };
    let peer = Peer { certificate: None, uid_gid: None, address: None, listener: "x".into() };
    b.broker.set_access(admin, Access { peer, rights: rights.into() });
    for (line, id) in [("cancel job H:@:7", 7), ("cancel unique f k", 8)] {
        assert_eq!(b.text(admin, line), "", "the queue is asked");
        answer_free(&mut b, id);
        assert!(
            matches!(&settle(&mut b, false)[..], [done] if done.starts_with("Done") && done.contains(&format!("id: {id},")))
        );
        assert_eq!(b.outgoing.take(admin), b"OK\r\n");
    }
    // It is not shown for that.
    assert_eq!(b.text(admin, "job H:@:9"), "");
    answer_free(&mut b, 9);
    settle(&mut b, false);
    assert_eq!(b.outgoing.take(admin), b"ERR UNKNOWN_JOB there+is+no+such+job\r\n");
}
