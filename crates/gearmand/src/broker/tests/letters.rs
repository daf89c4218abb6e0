//! Dead letters of a queue that servers share.

use super::*;
use crate::cluster::ask::{JobRow, Letter};
use crate::cluster::lease::Lease;
use crate::cluster::member::Told;

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
    Told::Letter(Box::new(Letter { row: row(1), last_ms: 1_000_000_000, reason, text, worker: "".into() }))
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
        assert_eq!((b.broker.dead.len(), &*b.broker.dead.get(7).unwrap().text), (1, &b"second"[..]));
    }
}
