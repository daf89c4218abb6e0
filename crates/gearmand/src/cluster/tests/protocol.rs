//! Single steps of the protocol, one server and what it asks.

use crate::cluster::ask::*;
use crate::cluster::changes::{Changes, Ended};
use crate::cluster::lease::{HOLD, Lease};
use crate::cluster::member::{DOUBT, Member, PATIENCE, Settings, Told};
use crate::durable::batch::{Batch, BatchResult, PendingChanges};
use crate::durable::{Extras, Name, Row};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn name(id: u64, unique: &str) -> Name<'_> {
    Name { id, unique: unique.as_bytes(), function: b"f" }
}

fn add(changes: &mut PendingChanges, id: u64, unique: &str) {
    let extras = Extras::default();
    let row = Row { name: name(id, unique), priority: Priority::Normal, data: b"data", due_ms: 0, extras };
    changes.add(&row, || Bytes::from_static(b"data"));
}

fn batch(fill: impl FnOnce(&mut PendingChanges)) -> Batch {
    let mut changes = PendingChanges::default();
    fill(&mut changes);
    changes.take().unwrap()
}

/// The ids that a round asks to insert.
fn missing(changes: &Changes) -> Vec<u64> {
    changes.round.as_ref().unwrap().missing().into_iter().map(|(_, row)| row.id).collect()
}

#[test]
fn a_lease_counts_from_when_it_was_asked_for() {
    let mut lease = Lease::default();
    lease.begin(1, SECOND);
    assert!(lease.holds(SECOND + HOLD - Duration::from_millis(1)) && !lease.holds(SECOND + HOLD));
    lease.renew(2, SECOND * 5);
    assert_eq!(lease.until(), Some(SECOND + HOLD));
    lease.renew(1, SECOND * 3);
    lease.renew(1, SECOND * 2);
    assert_eq!(lease.until(), Some(SECOND * 3 + HOLD));
}

#[test]
fn new_jobs_of_one_key_are_one_job() {
    let mut changes = Changes::default();
    changes.push(
        &batch(|changes| [(1, "k"), (2, ""), (3, "k")].into_iter().for_each(|(id, key)| add(changes, id, key))),
        |_| (),
    );
    changes.begin_round();
    assert_eq!(missing(&changes), [2, 1]);
    let round = changes.round.as_mut().unwrap();
    // The key's holder is gone when it is looked for: it is asked for again.
    round.set(1, Inserted::Stored);
    round.set(0, Inserted::Missed);
    assert_eq!(missing(&changes), [1]);
    changes.round.as_mut().unwrap().set(0, Inserted::Stored);
    let mut outcomes = Vec::new();
    let ended = changes.end_round(|id, outcome, refused| outcomes.push((id, outcome.unwrap(), refused)));
    assert_eq!(ended, Some(Ended { batch: 1, added: true }));
    let stored = |id| (id, Inserted::Stored, false);
    assert_eq!(outcomes, [stored(1), stored(2), (3, Inserted::Exists(1), false)]);
}

#[test]
fn ends_go_first_but_those_of_new_jobs_go_with_the_next_round() {
    let mut changes = Changes::default();
    let filled = batch(|changes| {
        add(changes, 5, "k");
        changes.done(&name(4, "k"));
        changes.done(&name(5, "k"));
        add(changes, 6, "k");
    });
    changes.push(&filled, |_| ());
    changes.begin_round();
    assert_eq!(changes.next_settles(), [Settle::Done(4)]);
    assert_eq!(missing(&changes), [5]);
    changes.round.as_mut().unwrap().set(0, Inserted::Stored);
    assert_eq!(changes.end_round(|id, _, _| panic!("{id} is reported with its batch")), None);
    assert!(changes.is_in_batch());
    changes.begin_round();
    assert_eq!(changes.next_settles(), [Settle::Done(5)]);
    assert_eq!(missing(&changes), [6]);
    // The batch is refused as a whole: what was stored of it is reported once more.
    let mut refused = Vec::new();
    assert_eq!(changes.refuse(|id, outcome, _| refused.push((id, outcome))), [Ended { batch: 1, added: false }]);
    assert_eq!(refused, [(5, Some(Inserted::Stored)), (6, None)]);
}

/// One server and its store, which the test plays.
struct Pair {
    member: Member,
    now: Duration,
}

impl Pair {
    /// It has joined, with workers that wait.
    fn new() -> Pair {
        let settings = Settings { name: "s".into(), address: "".into(), window: 10, ids: 10 };
        let mut pair = Pair { member: Member::new(settings), now: SECOND };
        pair.answer(|ask| matches!(ask, Ask::Join { .. }), Ok(Answer::Joined { epoch: 7, namesake: false }));
        pair.know(3);
        pair.member.demand(&Bytes::from_static(b"f"), 2, 2);
        pair.answer(
            |ask| matches!(ask, Ask::Write { write: Write::Claim(_), .. }),
            Ok(Answer::Rows(Vec::new(), Vec::new())),
        );
        pair
    }

    /// Settings of this version are told and obeyed.
    fn know(&mut self, version: u64) {
        let settings = AllSettings { version, all: Vec::new() };
        self.answer(|ask| matches!(ask, Ask::Settings { .. }), Ok(Answer::Settings(Some(settings))));
        self.member.obey(version);
    }

    /// The next ask of a kind. Before it, nothing is owned and nothing to be claimed.
    fn asked(&mut self, which: impl Fn(&Ask) -> bool) -> (u64, Ask) {
        for _ in 0..100 {
            self.now = self.member.advance(self.now).min(self.now + SECOND / 10);
            while let Some(asked) = self.member.next_ask() {
                if which(&asked.ask) {
                    return (asked.number, asked.ask);
                }
                let nothing = match asked.ask {
                    Ask::Write { write: Write::Claim(_), .. } => Answer::Rows(Vec::new(), Vec::new()),
                    Ask::Owned(_) => Answer::Owned(Vec::new()),
                    Ask::Settings { known: Some(_) } => Answer::Settings(None),
                    _ => continue,
                };
                self.member.answer(self.now, asked.number, Ok(nothing));
            }
        }
        panic!("it was not asked: {:?}", self.member);
    }

    fn answer(&mut self, which: impl Fn(&Ask) -> bool, answer: Result<Answer, Fault>) -> Ask {
        let (number, ask) = self.asked(which);
        self.member.answer(self.now, number, answer);
        ask
    }

    fn told(&mut self) -> Vec<Told> {
        self.member.advance(self.now);
        let known = |told: &Told| matches!(told, Told::Lease(_) | Told::Settings { .. });
        std::iter::from_fn(|| self.member.next_told()).filter(|told| !known(told)).collect()
    }

    fn result(batch: u64, added: bool, done: bool) -> Told {
        Told::Result(BatchResult { batch, added, done, ..BatchResult::default() })
    }
}

fn inserts(ask: &Ask) -> bool {
    matches!(ask, Ask::Write { write: Write::Insert(_), .. })
}

fn resumes(ask: &Ask) -> bool {
    matches!(ask, Ask::Resume { .. })
}

fn turn(ask: &Ask) -> u64 {
    match ask {
        Ask::Write { turn, .. } | Ask::Resume { turn, .. } => *turn,
        _ => panic!("{ask:?}"),
    }
}

#[test]
fn nothing_is_said_of_a_batch_in_doubt() {
    let mut pair = Pair::new();
    pair.member.push(&batch(|changes| (add(changes, 1, ""), add(changes, 2, "k")).1));
    let insert = pair.answer(inserts, Err(Fault::InDoubt));
    // Neither here nor when this answer is lost, too.
    assert_eq!(turn(&pair.answer(resumes, Err(Fault::InDoubt))), turn(&insert));
    assert_eq!(turn(&pair.answer(resumes, Err(Fault::NotDone("not connected".into())))), turn(&insert));
    assert_eq!(pair.told(), []);
    pair.answer(resumes, Ok(Answer::Resumed(None)));
    // Two numbers are gone.
    let again = pair.answer(inserts, Err(Fault::InDoubt));
    assert_eq!(turn(&again), turn(&insert) + 2);
    pair.answer(resumes, Ok(Answer::Resumed(Some(vec![Inserted::Stored, Inserted::Over]))));
    assert_eq!(pair.told(), [Told::Free(2), Pair::result(1, true, true)]);
}

#[test]
fn who_waits_for_a_store_that_does_not_answer_gets_an_error_and_the_job_is_given_back() {
    let mut pair = Pair::new();
    pair.member.push(&batch(|changes| add(changes, 1, "")));
    let (number, _) = pair.asked(inserts);
    pair.now += DOUBT;
    assert_eq!(pair.told(), [Pair::result(1, false, true)]);
    pair.member.answer(pair.now, number, Ok(Answer::Inserted(vec![Inserted::Stored])));
    pair.answer(|ask| matches!(ask, Ask::Owned(7)), Ok(Answer::Owned(vec![1])));
    let settles = |ask: &Ask| matches!(ask, Ask::Write { write: Write::Settle(_), .. });
    let Ask::Write { write: Write::Settle(settles), .. } = pair.asked(settles).1 else { panic!() };
    assert_eq!(*settles, [Settle::Release(1)]);
}

#[test]
fn new_jobs_are_refused_while_the_store_does_not_work_and_ends_are_kept() {
    let mut pair = Pair::new();
    pair.member.push(&batch(|changes| changes.done(&name(1, ""))));
    let settles = |ask: &Ask| matches!(ask, Ask::Write { write: Write::Settle(_), .. });
    let begin = pair.now;
    while pair.now < begin + PATIENCE + SECOND {
        pair.answer(Ask::is_serial, Err(Fault::NotDone("not connected".into())));
    }
    assert_eq!(pair.told(), [Pair::result(1, true, false)]);
    let mut changes = PendingChanges::default();
    changes.set(b"a", b"b");
    changes.take();
    add(&mut changes, 2, "");
    pair.member.push(&changes.take().unwrap());
    assert_eq!(pair.told(), [Pair::result(2, false, false)]);
    pair.answer(settles, Ok(Answer::Settled(vec![Settled::Made])));
    assert_eq!(pair.told(), [Pair::result(2, true, true)]);
}

#[test]
fn a_server_without_a_store_has_little_to_do() {
    let settings = Settings { name: "s".into(), address: "".into(), window: 10, ids: 10 };
    let strangers = Pair { member: Member::new(settings), now: SECOND };
    for mut pair in [Pair::new(), strangers] {
        pair.member.push(&batch(|changes| add(changes, 1, "")));
        let (end, mut looks) = (pair.now + SECOND * 60, 0);
        while pair.now < end {
            (pair.now, looks) = (pair.member.advance(pair.now), looks + 1);
        }
        assert!(looks < 60 * 5, "{looks}");
    }
}

/// Without a connection, whatever is asked fails at once: it must not be asked again at once.
#[test]
fn a_store_that_is_away_is_asked_now_and_then() {
    let mut pair = Pair::new();
    pair.member.want_ids();
    pair.member.push(&batch(|changes| add(changes, 1, "")));
    let (end, mut asks) = (pair.now + SECOND * 60, 0);
    while pair.now < end {
        let next = pair.member.advance(pair.now);
        let asked: Vec<_> = std::iter::from_fn(|| pair.member.next_ask()).collect();
        asks += asked.len();
        assert!(asks < 60 * 20, "{asked:?}");
        for asked in &asked {
            pair.member.answer(pair.now, asked.number, Err(Fault::NotDone("away".into())));
        }
        if asked.is_empty() {
            pair.now = next;
        }
    }
}

#[test]
fn who_becomes_the_eldest_is_told_once_and_is_it_no_more_when_its_epoch_is_lost() {
    let mut pair = Pair::new();
    let beats = |ask: &Ask| matches!(ask, Ask::Beat(7));
    pair.answer(beats, Ok(Answer::Beat(Beat::Lives)));
    assert_eq!(pair.told(), []);
    pair.answer(beats, Ok(Answer::Beat(Beat::Eldest)));
    // It has to know first what the one before did: what was asked before that may not have it.
    assert_eq!(pair.told(), []);
    pair.answer(|ask| matches!(ask, Ask::Settings { .. }), Ok(Answer::Settings(None)));
    assert_eq!(pair.told(), []);
    pair.answer(|ask| matches!(ask, Ask::Settings { .. }), Ok(Answer::Settings(None)));
    assert_eq!(pair.told(), [Told::Eldest(true)]);
    pair.answer(beats, Ok(Answer::Beat(Beat::Eldest)));
    assert_eq!(pair.told(), []);
    pair.answer(beats, Ok(Answer::Beat(Beat::Dead)));
    assert_eq!(pair.told(), [Told::Eldest(false), Told::Lost]);
}

#[test]
fn nothing_is_owned_before_the_broker_has_obeyed_settings() {
    let settings = Settings { name: "s".into(), address: "".into(), window: 10, ids: 10 };
    let mut pair = Pair { member: Member::new(settings), now: SECOND };
    pair.answer(|ask| matches!(ask, Ask::Join { .. }), Ok(Answer::Joined { epoch: 7, namesake: false }));
    pair.member.demand(&Bytes::from_static(b"f"), 2, 2);
    pair.answer(|ask| matches!(ask, Ask::Beat(7)), Ok(Answer::Beat(Beat::Lives)));
    assert_eq!(pair.member.next_told(), None);
    let all = vec![(Bytes::from_static(b"k"), Bytes::from_static(b"v"))];
    let settings = AllSettings { version: 3, all: all.clone() };
    pair.answer(|ask| *ask == Ask::Settings { known: None }, Ok(Answer::Settings(Some(settings))));
    assert_eq!(pair.member.next_told(), Some(Told::Settings { version: 3, batch: 0, all }));
    assert!(matches!(pair.member.next_told(), Some(Told::Lease(lease)) if lease.epoch() == Some(7)));
    pair.member.push(&batch(|changes| add(changes, 1, "")));
    let Ask::Write { write: Write::Insert(rows), .. } =
        pair.answer(Ask::is_serial, Ok(Answer::Inserted(vec![Inserted::Stored])))
    else {
        panic!()
    };
    assert!(!rows[0].own);
    pair.member.advance(pair.now + SECOND * 2);
    assert!(std::iter::from_fn(|| pair.member.next_ask()).all(|asked| !asked.ask.is_serial()));
    pair.member.obey(3);
    pair.asked(|ask| matches!(ask, Ask::Write { write: Write::Claim(_), .. }));
}

#[test]
fn settings_that_are_told_have_what_the_broker_changed_before() {
    let mut pair = Pair::new();
    let text = Bytes::from_static;
    let old = || AllSettings { version: 4, all: vec![(text(b"a"), text(b"0")), (text(b"b"), text(b"0"))] };
    let looks = |ask: &Ask| matches!(ask, Ask::Settings { .. });
    let settles = |ask: &Ask| matches!(ask, Ask::Write { write: Write::Settle(_), .. });
    let told = |pair: &mut Pair| {
        let told = std::iter::from_fn(|| pair.member.next_told());
        let all = told.filter_map(|told| if let Told::Settings { all, .. } = told { Some(all) } else { None });
        all.last()
    };
    pair.member.woken(SETTINGS);
    let (number, _) = pair.asked(looks);
    let mut pending = PendingChanges::default();
    pending.set(b"a", b"1");
    pending.unset(b"b");
    pair.member.push(&pending.take().unwrap());
    let (settling, _) = pair.asked(settles);
    pair.member.answer(pair.now, number, Ok(Answer::Settings(Some(old()))));
    assert_eq!(told(&mut pair), Some(vec![(text(b"a"), text(b"1"))]));
    // What was made while it was read may be missing, and is not on its way any more: it is read again.
    pair.member.woken(SETTINGS);
    let (number, _) = pair.asked(looks);
    pair.member.answer(pair.now, settling, Ok(Answer::Settled(vec![Settled::Made; 2])));
    pair.member.answer(pair.now, number, Ok(Answer::Settings(Some(old()))));
    assert_eq!(told(&mut pair), None);
    let new = AllSettings { version: 5, all: vec![(text(b"a"), text(b"1"))] };
    let woken = std::cell::Cell::new(false);
    let looks_or_wakes = |ask: &Ask| {
        woken.set(woken.get() || *ask == Ask::Wake(vec![text(SETTINGS)]));
        looks(ask)
    };
    pair.answer(looks_or_wakes, Ok(Answer::Settings(Some(new.clone()))));
    assert_eq!((told(&mut pair), woken.get()), (Some(new.all), true));
}

#[test]
fn of_a_function_with_limits_no_more_is_claimed_than_can_run_now_and_when_the_store_says_so() {
    let mut pair = Pair::new();
    let function = Bytes::from_static(b"f");
    let limit = Some(Limit { concurrency: Some(5), rate: None });
    pair.member.limit(&function, limit);
    pair.member.push(&batch(|changes| add(changes, 1, "")));
    let Ask::Write { write: Write::Insert(rows), .. } =
        pair.answer(inserts, Ok(Answer::Inserted(vec![Inserted::Stored])))
    else {
        panic!()
    };
    assert!(!rows[0].own);
    let claims = |ask: &Ask| matches!(ask, Ask::Write { write: Write::Claim(_), .. });
    let later = Answer::Rows(Vec::new(), vec![(function.clone(), SECOND * 5)]);
    let Ask::Write { write: Write::Claim(wants), .. } = pair.answer(claims, Ok(later)) else { panic!() };
    assert_eq!(wants, [Want { function: function.clone(), count: 2, limit }]);
    let refused = pair.now;
    // Not even when others say that there are more.
    pair.member.woken(&function);
    pair.answer(claims, Ok(Answer::Rows(Vec::new(), Vec::new())));
    assert!(pair.now >= refused + SECOND * 5 && pair.now <= refused + SECOND * 6, "{:?}", pair.now - refused);
    // Nothing is known: it is looked again now and then.
    let before = pair.now;
    pair.answer(claims, Ok(Answer::Rows(Vec::new(), Vec::new())));
    assert!(pair.now >= before + SECOND / 2, "{:?}", pair.now - before);
    // Of one that is paused, nothing.
    pair.member.limit(&function, Some(Limit { concurrency: Some(0), rate: None }));
    let end = pair.now + SECOND * 3;
    while pair.now < end {
        pair.now = pair.member.advance(pair.now);
        assert!(std::iter::from_fn(|| pair.member.next_ask()).all(|asked| !claims(&asked.ask)));
    }
}

#[test]
fn only_the_last_that_was_said_of_a_jobs_progress_is_stored_and_forgotten_when_it_waits_or_is_over() {
    let mut pair = Pair::new();
    pair.member.push(&batch(|changes| add(changes, 1, "")));
    pair.answer(inserts, Ok(Answer::Inserted(vec![Inserted::Stored])));
    assert_eq!(pair.told(), [Pair::result(1, true, true)]);
    let settles = |ask: &Ask| matches!(ask, Ask::Write { write: Write::Settle(_), .. });
    let settle = |pair: &mut Pair, asks: &[Settle]| {
        let made = Ok(Answer::Settled(vec![Settled::Made; asks.len()]));
        let Ask::Write { write: Write::Settle(settles), .. } = pair.answer(settles, made) else { panic!() };
        assert_eq!(*settles, *asks);
    };
    // Of a job of others, nothing.
    (1..9).for_each(|id| pair.member.progress(id, 1, 9));
    pair.member.progress(1, 2, 9);
    settle(&mut pair, &[Settle::Progress { id: 1, numerator: 2, denominator: 9 }]);
    pair.member.wait(1);
    settle(&mut pair, &[Settle::Progress { id: 1, numerator: 0, denominator: 0 }]);
    let mut changes = PendingChanges::default();
    changes.set(b"", b"");
    changes.take();
    changes.done(&name(1, ""));
    pair.member.push(&changes.take().unwrap());
    settle(&mut pair, &[Settle::Done(1)]);
    settle(&mut pair, &[Settle::Progress { id: 1, numerator: 0, denominator: 0 }]);
}

#[test]
fn nothing_is_claimed_before_the_broker_knows_what_was_lost() {
    let mut pair = Pair::new();
    pair.member.begin(pair.now, 1, &Bytes::from_static(b"f"));
    pair.answer(|ask| matches!(ask, Ask::Beat(7)), Ok(Answer::Beat(Beat::Dead)));
    assert_eq!(pair.told(), [Told::Lost]);
    pair.answer(|ask| matches!(ask, Ask::Join { .. }), Ok(Answer::Joined { epoch: 8, namesake: false }));
    pair.know(4);
    pair.member.demand(&Bytes::from_static(b"f"), 3, 3);
    pair.member.advance(pair.now);
    let asked = std::iter::from_fn(|| pair.member.next_ask()).any(|asked| asked.ask.is_serial());
    assert!(!asked);
    pair.member.agree();
    let function = Bytes::from_static(b"f");
    let (unique, data) = (Bytes::new(), Bytes::new());
    let priority = Priority::Normal;
    let row = JobRow { id: 1, function, unique, priority, data, reducer: None, tries: 0, first_ms: 0, due_ms: 0 };
    let claims = |ask: &Ask| matches!(ask, Ask::Write { epoch: 8, turn: 1, write: Write::Claim(_) });
    pair.answer(claims, Ok(Answer::Rows(vec![row], Vec::new())));
    // It was handed out before, and is run still.
    assert_eq!(pair.told(), [Told::Adopted(1)]);
}

/// Workers that ask for jobs in a loop made their server claim as often, and it had no time left for anything else.
#[test]
fn workers_that_come_and_go_do_not_have_it_look_again() {
    let mut pair = Pair::new();
    let f = Bytes::from_static(b"f");
    let claims = |pair: &mut Pair| {
        pair.member.advance(pair.now);
        let asks: Vec<_> = std::iter::from_fn(|| pair.member.next_ask()).collect();
        asks.into_iter().find(|asked| matches!(asked.ask, Ask::Write { write: Write::Claim(_), .. }))
    };
    for _ in 0..5 {
        pair.member.demand(&f, 2, 0);
        pair.member.demand(&f, 2, 2);
        assert!(claims(&mut pair).is_none());
    }
    // Somebody says that there are jobs; and again while it looks, which may be too late for that.
    for _ in 0..2 {
        pair.member.woken(b"f");
        let asked = claims(&mut pair).unwrap();
        pair.member.woken(b"f");
        pair.member.answer(pair.now, asked.number, Ok(Answer::Rows(Vec::new(), Vec::new())));
    }
    let asked = claims(&mut pair).unwrap();
    pair.member.answer(pair.now, asked.number, Ok(Answer::Rows(Vec::new(), Vec::new())));
    assert!(claims(&mut pair).is_none());
}
