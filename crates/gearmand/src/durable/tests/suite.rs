//! What every backend has to do, by what each test says: [`backend_suite`] runs all of it against queues of one kind.

use super::{Contents, Letter, Made, Stored, read_all};
use crate::durable::{Backend, BackendError, Change};
use gearman_core::protocol::message::Priority;
use std::time::{Duration, Instant};

/// A queue of a test's own, which is opened again and again, as by one server after the other.
pub(crate) trait Place {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError>;

    /// What C gearmand does when a job comes: workload `of C`.
    fn c_adds(&self, unique: &str, function: &str);

    /// And when one is over.
    fn c_done(&self, unique: &str, function: &str);

    /// How many jobs C gearmand sees.
    fn c_counts(&self) -> usize;

    /// Where it keeps C's keys: each has a client's key and a function of one job at most.
    fn all(&self) -> Contents {
        read_all(&mut *self.open().unwrap()).unwrap().0
    }
}

/// Tests of a kind of queue. The argument makes an `Option` of a [`Place`]; `None` where there can be none.
macro_rules! backend_suite {
    ($place:expr) => {
        mod suite {
            use super::*;
            use crate::durable::tests::suite as all;
            use crate::durable::tests::{Step, conform, steps};
            use properties::properties;

            $crate::durable::tests::suite::backend_suite!(@ $place;
                letters_are_kept_until_they_are_forgotten_or_jobs_again,
                what_is_not_there_is_neither_tried_nor_missed,
                c_gearmand_takes_it_back,
                keys_of_c_gearmands_that_look_like_ours,
                names_of_any_bytes_come_back,
                jobs_of_any_size_come_back,
                only_one_server_has_it,
                a_job_with_the_key_of_another_replaces_it,
                changes_that_are_made_twice_are_made_once,
                a_probe_leaves_nothing_behind
            );

            properties! {
                cases: 24;

                #[test]
                fn it_does_what_every_backend_has_to_do(steps in steps()) {
                    // A key that looks like ours is forgotten, so it cannot be compared.
                    let ours = |step: &Step| matches!(step, Step::Add(job) if job.unique.starts_with(b"("));
                    let steps = steps.into_iter().filter(|step| !ours(step)).collect();
                    if let Some(place) = $place {
                        conform(steps, || all::Place::open(&place).unwrap());
                    }
                }
            }
        }
    };
    (@ $place:expr; $($name:ident),*) => {
        $(#[test]
        fn $name() {
            if let Some(place) = $place {
                all::$name(&place);
            }
        })*
    };
}
pub(crate) use backend_suite;

pub(crate) fn job(id: u64, unique: &str, reducer: Option<&str>) -> Stored {
    Stored {
        id,
        unique: unique.as_bytes().to_vec(),
        function: b"f".to_vec(),
        priority: Priority::Normal,
        data: b"x".to_vec(),
        due_ms: 0,
        reducer: reducer.map(|reducer| reducer.as_bytes().to_vec()),
        tries: 0,
        first_ms: 0,
    }
}

pub(crate) fn a_probe_leaves_nothing_behind(place: &impl Place) {
    let mut queue = place.open().unwrap();
    add(&mut *queue, &[job(1, "a", None)]).unwrap();
    queue.probe().unwrap();
    drop(queue);
    let all = place.all();
    assert_eq!((all.jobs.len(), all.dead.len(), all.settings.len(), place.c_counts()), (1, 0, 0, 1));
}

pub(crate) fn commit(queue: &mut dyn Backend, changes: &[Made]) -> Result<(), BackendError> {
    queue.commit(&mut changes.iter().map(Made::change))
}

pub(crate) fn add(queue: &mut dyn Backend, jobs: &[Stored]) -> Result<(), BackendError> {
    queue.commit(&mut jobs.iter().map(|job| Change::Add(job.row())))
}

pub(crate) fn tried(job: Stored, tries: u16, due_ms: u64) -> Stored {
    Stored { tries, first_ms: 1000, due_ms, ..job }
}

pub(crate) fn letter(job: Stored, last_ms: u64) -> Letter {
    Letter { job: tried(job, 3, 0), last_ms, text: b"no \0 such file\xff".to_vec() }
}

/// A job that waits for its second try, two dead letters and a setting.
fn with_all(place: &dyn Place) -> Contents {
    let mut queue = place.open().unwrap();
    read_all(&mut *queue).unwrap();
    add(&mut *queue, &[job(1, "a", Some("join")), job(2, "b", None), job(3, "", None)]).unwrap();
    let dead = [letter(job(3, "", None), 7000), letter(job(2, "b", None), 8001)];
    let waits = tried(job(1, "a", Some("join")), 1, 9001);
    let set = |key: &str, value: &str| Made::Set(key.into(), value.into());
    let changes = [
        Made::Retry(waits.clone()),
        Made::Bury(dead[1].clone()),
        Made::Bury(dead[0].clone()),
        set("policy f", "retries=3"),
        set("other", "x"),
        set("policy f", "retries=4"),
        Made::Unset(b"other".to_vec()),
    ];
    commit(&mut *queue, &changes).unwrap();
    let settings = [(b"policy f".to_vec(), b"retries=4".to_vec())].into();
    Contents { jobs: vec![waits], dead: dead.to_vec(), settings }
}

pub(crate) fn letters_are_kept_until_they_are_forgotten_or_jobs_again(place: &dyn Place) {
    let wanted = with_all(place);
    let (read, last) = read_all(&mut *place.open().unwrap()).unwrap();
    assert_eq!((read, last), (wanted.clone(), 3), "ids of dead letters are taken");
    let mut queue = place.open().unwrap();
    read_all(&mut *queue).unwrap();
    let again = Stored { tries: 0, first_ms: 0, ..wanted.dead[1].job.clone() };
    commit(&mut *queue, &[Made::Forget(3), Made::Revive(again.clone())]).unwrap();
    drop(queue);
    let jobs = vec![wanted.jobs[0].clone(), again];
    assert_eq!(place.all(), Contents { jobs, dead: Vec::new(), ..wanted });
}

pub(crate) fn what_is_not_there_is_neither_tried_nor_missed(place: &dyn Place) {
    let wanted = with_all(place);
    let mut queue = place.open().unwrap();
    let gone = job(9, "gone", None);
    let changes =
        [Made::Retry(tried(gone.clone(), 1, 5)), Made::Forget(9), Made::Unset(b"gone".to_vec()), Made::Done(gone)];
    commit(&mut *queue, &changes).unwrap();
    drop(queue);
    assert_eq!((place.all(), place.c_counts()), (wanted, 1));
}

/// It runs a job, and gets others: one of the same key, and one whose key a dead letter has.
pub(crate) fn c_gearmand_takes_it_back(place: &dyn Place) {
    let wanted = with_all(place);
    assert_eq!(place.c_counts(), 1);
    place.c_done("a", "f");
    place.c_adds("a", "f");
    place.c_adds("b", "f");
    let mut queue = place.open().unwrap();
    let (read, last) = read_all(&mut *queue).unwrap();
    let mut jobs = read.jobs.clone();
    jobs.sort_by(|a, b| a.unique.cmp(&b.unique));
    let of: Vec<_> = jobs.iter().map(|job| (&job.unique[..], &job.data[..], job.tries, job.due_ms)).collect();
    assert_eq!(of, [(&b"a"[..], &b"of C"[..], 0, 0), (b"b", b"of C", 0, 0)]);
    assert!(jobs.iter().all(|job| job.reducer.is_none() && job.id <= last), "nothing of the job before is left");
    assert_eq!((read.dead, read.settings), (wanted.dead.clone(), wanted.settings));
    assert!(jobs.iter().all(|job| wanted.dead.iter().all(|letter| letter.job.id != job.id)), "ids differ");
    // Ids stay, and each finds its row.
    drop(queue);
    queue = place.open().unwrap();
    let mut again = read_all(&mut *queue).unwrap().0.jobs;
    again.sort_by(|a, b| a.unique.cmp(&b.unique));
    assert_eq!(again, jobs);
    let new = job(last + 1, "", None);
    commit(&mut *queue, &[Made::Add(new.clone()), Made::Revive(wanted.dead[0].job.clone())]).unwrap();
    commit(&mut *queue, &[Made::Done(jobs[0].clone())]).unwrap();
    drop(queue);
    let mut left: Vec<Vec<u8>> = place.all().jobs.into_iter().map(|job| job.unique).collect();
    left.sort_unstable();
    assert_eq!((left, place.c_counts()), (vec![Vec::new(), Vec::new(), b"b".to_vec()], 3));
}

/// Its clients choose them. A job of such a key was not found again in PostgreSQL, and ran after each restart.
pub(crate) fn keys_of_c_gearmands_that_look_like_ours(place: &impl Place) {
    drop(place.open().unwrap());
    let keys = ["(exact) 9", "(exact) 1", "(no key) 9", "(workload) x"];
    keys.iter().for_each(|key| place.c_adds(key, "f"));
    let mut queue = place.open().unwrap();
    let jobs = read_all(&mut *queue).unwrap().0.jobs;
    assert_eq!((jobs.len(), place.c_counts()), (4, 4));
    let tried = Made::Retry(tried(jobs[0].clone(), 1, 9001));
    commit(&mut *queue, &[tried, Made::Bury(letter(jobs[1].clone(), 5))]).unwrap();
    commit(&mut *queue, &[0, 2, 3].map(|i| Made::Done(jobs[i].clone()))).unwrap();
    drop(queue);
    assert_eq!((place.all().dead, place.c_counts()), (vec![letter(jobs[1].clone(), 5)], 0));
}

/// Protocol and broker take them, so they must not be lost.
pub(crate) fn names_of_any_bytes_come_back(place: &dyn Place) {
    let names: [(&[u8], &[u8]); 10] = [
        (b"", b""),
        (b"k\xff", b"f"),
        ("schl\u{fc}ssel".as_bytes(), "f\u{fc}r".as_bytes()),
        (b"'; DROP TABLE queue; --", b"\\x41 \"q\" `b` ' %s"),
        (b"K", b"case"),
        (b"k", b"case"),
        (b"k ", b"case"),
        (&[b'k'; 64], &[b'f'; 512]),
        (b"-", b"g\xff\x01-\n"),
        // A client that guessed the number of the one before had that replaced in Redis.
        (b"(exact) 9", b"g\xff\x01_\n"),
    ];
    let jobs: Vec<Stored> = (1..)
        .zip(names)
        .map(|(id, (unique, function))| Stored {
            unique: unique.into(),
            function: function.into(),
            ..job(id, "", None)
        })
        .collect();
    let mut queue = place.open().unwrap();
    add(&mut *queue, &jobs).unwrap();
    drop(queue);
    let mut queue = place.open().unwrap();
    assert_eq!(read_all(&mut *queue).unwrap(), (Contents { jobs: jobs.clone(), ..Contents::default() }, 10));
    let letters: Vec<Letter> = jobs.iter().map(|job| letter(job.clone(), job.id)).collect();
    commit(&mut *queue, &letters.iter().cloned().map(Made::Bury).collect::<Vec<_>>()).unwrap();
    drop(queue);
    assert_eq!(place.all(), Contents { dead: letters, ..Contents::default() });
    assert_eq!(place.c_counts(), 0);
}

/// More than a statement takes at once, times and workloads of all kinds, the last moment of a 32-bit clock.
pub(crate) fn jobs_of_any_size_come_back(place: &dyn Place) {
    let large = |id: u64| Stored { data: vec![id as u8; 3_000_000], ..job(id, "", None) };
    let times = [1, 999, 1000, 1001, 2_147_483_646_001, 2_147_483_648_000, 4_000_000_000_001];
    let timed = (4..).zip(times).map(|(id, due_ms)| Stored { due_ms, data: Vec::new(), ..job(id, "", Some("")) });
    let many = (11..12_011).map(|id| job(id, if id % 2 == 0 { "" } else { "-" }, None));
    let jobs: Vec<Stored> = (1..4).map(large).chain(timed).chain(many).collect();
    let mut queue = place.open().unwrap();
    add(&mut *queue, &jobs).unwrap();
    drop(queue);
    let mut queue = place.open().unwrap();
    let read = read_all(&mut *queue).unwrap();
    assert!(read == (Contents { jobs: jobs.clone(), ..Contents::default() }, 12_010));
    commit(&mut *queue, &jobs.iter().cloned().map(Made::Done).collect::<Vec<_>>()).unwrap();
    drop(queue);
    assert_eq!((place.all(), place.c_counts()), (Contents::default(), 0));
}

pub(crate) fn only_one_server_has_it(place: &dyn Place) {
    let mut queue = place.open().unwrap();
    let refused = place.open().map(drop).unwrap_err();
    assert!(refused.held && refused.reason.contains("another server has it"), "{refused}");
    add(&mut *queue, &[job(1, "a", None)]).unwrap();
    drop(queue);
    assert_eq!(place.all().jobs, [job(1, "a", None)]);
}

/// The server was killed, perhaps, before it knew that the first was stored.
pub(crate) fn a_job_with_the_key_of_another_replaces_it(place: &dyn Place) {
    let mut queue = place.open().unwrap();
    add(&mut *queue, &[job(1, "a", Some("join"))]).unwrap();
    let second = Stored { priority: Priority::High, data: b"y".to_vec(), ..job(2, "a", None) };
    add(&mut *queue, std::slice::from_ref(&second)).unwrap();
    drop(queue);
    assert_eq!((place.all().jobs, place.c_counts()), (vec![second], 1));
}

/// A database that did not answer may have made them.
pub(crate) fn changes_that_are_made_twice_are_made_once(place: &dyn Place) {
    let wanted = with_all(place);
    let mut queue = place.open().unwrap();
    read_all(&mut *queue).unwrap();
    let again = Stored { tries: 0, first_ms: 0, ..wanted.dead[1].job.clone() };
    let replaces = Stored { data: b"new".to_vec(), ..job(5, "a", None) };
    let changes = [
        Made::Add(job(4, "", Some("join"))),
        Made::Retry(tried(wanted.jobs[0].clone(), 2, 10_500)),
        Made::Done(wanted.jobs[0].clone()),
        Made::Add(replaces.clone()),
        Made::Revive(again.clone()),
        Made::Forget(3),
        Made::Bury(letter(job(4, "", Some("join")), 9000)),
        Made::Set(b"k".to_vec(), b"v".to_vec()),
        Made::Unset(b"policy f".to_vec()),
    ];
    for _ in 0..2 {
        commit(&mut *queue, &changes).unwrap();
    }
    drop(queue);
    let dead = vec![letter(job(4, "", Some("join")), 9000)];
    let settings = [(b"k".to_vec(), b"v".to_vec())].into();
    assert_eq!(place.all(), Contents { jobs: vec![again, replaces], dead, settings });
}

/// Whoever has lost the queue goes on with it where nobody else had it meanwhile; else it changes nothing any more. `cut` takes it
/// from its owner.
pub(crate) fn lose_the_queue(open: impl Fn() -> Box<dyn Backend>, cut: impl Fn(), patience: Duration) {
    let mut first = open();
    add(&mut *first, &[job(1, "a", None)]).unwrap();
    cut();
    add(&mut *first, &[job(2, "b", None)]).unwrap();
    cut();
    let mut second = open();
    let error = add(&mut *first, &[job(3, "c", None)]).unwrap_err();
    assert!(error.held && error.reason.contains("another server has it"), "{error}");
    add(&mut *second, &[job(3, "x", None)]).unwrap();
    drop(second);
    let begin = Instant::now();
    let error = loop {
        let error = commit(&mut *first, &[Made::Done(job(1, "a", None))]).unwrap_err();
        if error.reason.contains("stop this one") {
            break error;
        }
        assert!(begin.elapsed() < patience, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(error.held);
}
