//! Dead letters of a queue that servers share.

use super::*;
use crate::cluster::ask::{JobRow, Letter};
use crate::cluster::lease::Lease;
use crate::cluster::member::Told;

/// When it was a letter first: before the time of tests.
const DIED_MS: u64 = 999_000_000;

fn row(tries: u16) -> JobRow {
    JobRow {
        id: 7,
        function: "f".into(),
        unique: "k".into(),
        priority: Priority::Normal,
        data: "data".into(),
        reducer: None,
        tries,
        first_ms: 0,
        due_ms: 0,
    }
}

fn letter() -> Told {
    let (reason, text) = ("exception".into(), "first".into());
    Told::Letter(Box::new(Letter { row: row(1), last_ms: DIED_MS, reason, text, worker: "".into() }))
}

/// Another server had it tried again, and here it fails at once: it stood twice in the list, and one of the two could be neither
/// tried again nor forgotten.
#[test]
fn a_job_that_was_a_dead_letter_is_one_letter_again() {
    for told_late in [false, true] {
        let mut b = Bench::with(|rules| rules.durable = Durable::Always);
        b.broker.share_queue("");
        b.set_policy("f", "dead-letters=10");
        let worker = b.worker(&["f"]);
        let mut lease = Lease::default();
        lease.begin(1, b.now.steady);
        let claimed = [Told::Lease(lease), letter(), Told::Claimed(row(0))];
        claimed.into_iter().for_each(|told| b.broker.told(&b.now, told, &mut b.outgoing));
        check(&b);
        assert!(b.broker.dead.get(7).is_none(), "it is a job");
        if told_late {
            // It was looked for before it was a job again.
            b.broker.told(&b.now, letter(), &mut b.outgoing);
        }
        let handle = b.broker.handles.write(7).escape_ascii().to_string();
        assert_eq!(b.ask(worker, GRAB), format!("JOB_ASSIGN {handle}|f|data"));
        b.send(worker, work(&handle, Update::Exception(b"second")));
        check(&b);
        // What is said of the one before does not matter to it, and comes late.
        for told in [letter(), Told::LetterGone { id: 7, last_ms: DIED_MS }] {
            b.broker.told(&b.now, told, &mut b.outgoing);
            assert_eq!((b.broker.dead.len(), &*b.broker.dead.get(7).unwrap().text), (1, &b"second"[..]));
        }
        let again = Told::LetterGone { id: 7, last_ms: b.now.milliseconds() };
        b.broker.told(&b.now, again, &mut b.outgoing);
        assert_eq!(b.broker.dead.len(), 0);
    }
}
