//! Jobs asked for in advance.

use crate::conversation::*;
use crate::util::{Script, pass};
use gearman_core::ReturnCode;
use gearman_core::protocol::message::Update;
use gearman_core::worker::Worker;
use std::time::Duration;
use tokio::task::yield_now;

/// A worker that asks for so many jobs in advance, and its server.
fn worker_with_prefetch_meets<T>(
    prefetch: usize,
    server: impl AsyncFnOnce(&Script) -> T + Send + 'static,
    work: impl AsyncFnOnce(&mut Worker) + Send + 'static,
) {
    worker_meets(server, async move |worker| {
        worker.prefetch = prefetch;
        work(worker).await;
    });
}

impl Conversation {
    /// So many jobs are asked for.
    async fn grabs(&mut self, n: usize) {
        for _ in 0..n {
            self.expect(GRAB_JOB_ALL, "").await;
        }
    }
}

#[test]
fn many_are_asked_for_in_one_write_and_seldom() {
    worker_with_prefetch_meets(
        4,
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            let grab = || GRAB_JOB_ALL.with("");
            server.expect_in_one_write(&[grab(), grab(), grab(), grab(), WORK_COMPLETE.with("H:x:1\0r")]).await;
            server.reply_at_once(&["H:x:2", "H:x:3", "H:x:4", "H:x:5"].map(job)).await;
            // Two are left when the third is begun.
            server.done("H:x:2").await;
            server.grabs(2).await;
            server.done("H:x:3").await;
            server.reply_at_once(&[job("H:x:6"), NO_JOB.with("")]).await;
            // It need not read that yet.
            server.done("H:x:4").await;
            server.grabs(2).await;
            server.done("H:x:5").await;
            // Then it knows that there are no more, and asks no further.
            server.done("H:x:6").await;
            server.reply_at_once(&[NO_JOB.with(""), NO_JOB.with("")]).await;
            server.expect(PRE_SLEEP, "").await;
            server.wake().await;
            server.assign("H:x:7").await;
            server.grabs(4).await;
            server.done("H:x:7").await;
            server.reply_at_once(&[(); 4].map(|()| NO_JOB.with(""))).await;
            server.expect(PRE_SLEEP, "").await;
            time_is_up().await;
            server
        },
        async |worker| {
            for n in 1..8 {
                run(worker, &format!("H:x:{n}")).await;
            }
            assert_eq!(worker.next_job(until_told()).await.unwrap_err().code(), ReturnCode::Timeout);
        },
    );
}

/// Our server reads nothing more from a worker for which more than a megabyte waits; this one reads nothing before all is
/// taken. A worker that only wrote waited for ever, and so did the server.
#[test]
fn jobs_in_advance_are_taken_in_while_a_large_result_is_written() {
    const LARGE: usize = 16 << 20; // more than sockets hold
    worker_with_prefetch_meets(
        2,
        async |script| {
            let large = |n| JOB_ASSIGN_UNIQ.with([format!("H:x:{n}\0f\0u\0").as_bytes(), &vec![b'w'; LARGE]].concat());
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server.grabs(2).await;
            server.reply_at_once(&[large(2), large(3)]).await;
            assert_eq!(server.receive(WORK_DATA).await.len(), "H:x:1\0".len() + LARGE);
            server.done("H:x:1").await;
            server.grabs(1).await;
            server.done("H:x:2").await;
            server.grabs(1).await;
            server.done("H:x:3").await;
            server
        },
        async |worker| {
            let mut one = worker.next_job(None).await.unwrap();
            worker.send(&mut one, Update::Data(&vec![b'd'; LARGE])).unwrap();
            worker.flush(&one).await.unwrap();
            worker.send(&mut one, Update::Complete(b"r")).unwrap();
            run(worker, "H:x:2").await;
            let mut three = worker.next_job(None).await.unwrap();
            worker.send(&mut three, Update::Complete(b"r")).unwrap();
            worker.flush(&three).await.unwrap(); // the server may be at the large one still
        },
    );
}

/// The first of several servers was asked again and again while it had jobs, and the others never: not for a job, and not whether
/// one that had been waited for in vain had answered meanwhile.
#[test]
fn servers_take_turns() {
    worker_meets_two(
        async |mut first, mut second| {
            second.expect(CAN_DO, "f").await;
            first.expect(CAN_DO, "f").await;
            for n in ["1", "2"] {
                for (name, server) in [("a", &mut first), ("b", &mut second)] {
                    let [one, two, three] = [1, 2, 3].map(|i| format!("H:{name}:{n}:{i}"));
                    server.grabs(1).await;
                    server.assign(&one).await;
                    server.grabs(2).await;
                    server.done(&one).await;
                    server.reply_at_once(&[job(&two), job(&three)]).await;
                    server.done(&two).await;
                    server.done(&three).await;
                }
            }
            (first, second)
        },
        async |worker| {
            worker.prefetch = 2;
            for (n, name) in [("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")] {
                for i in 1..=3 {
                    run(worker, &format!("H:{name}:{n}:{i}")).await;
                }
            }
        },
    );
}

/// It came only when the other had no job left, and was as good as lost: its server had given it. And while it was waited for,
/// no jobs were asked for in advance.
#[test]
fn a_late_job_does_not_wait_for_all_jobs_of_others() {
    worker_meets_two(
        async |mut hangs, mut good| {
            hangs.greeted("f").await;
            good.expect(CAN_DO, "f").await;
            pass(Duration::from_secs(1)).await;
            good.grabs(1).await;
            good.assign("H:1").await;
            good.grabs(4).await;
            good.done("H:1").await;
            good.reply_at_once(&["H:2", "H:3", "H:4", "H:5"].map(job)).await;
            good.done("H:2").await;
            good.grabs(2).await;
            hangs.assign("H:late").await;
            good.done("H:3").await;
            good.reply_at_once(&["H:6", "H:7"].map(job)).await;
            good.done("H:4").await;
            good.done("H:5").await;
            hangs.done("H:late").await;
            (hangs, good)
        },
        async |worker| {
            worker.prefetch = 4;
            for handle in ["H:1", "H:2", "H:3", "H:4", "H:5", "H:late"] {
                // Programs do something else meanwhile, in the same runtime.
                for _ in 0..10 {
                    yield_now().await;
                }
                run(worker, handle).await;
            }
        },
    );
}

#[test]
fn one_ahead() {
    const HANDLES: [&str; 4] = ["H:x:1", "H:x:2", "H:x:3", "H:x:4"];
    worker_with_prefetch_meets(
        1,
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            for handle in HANDLES {
                server.assign(handle).await;
                server.grabs(1).await;
                server.done(handle).await;
            }
            server
        },
        async |worker| {
            for handle in HANDLES {
                run(worker, handle).await;
            }
        },
    );
}

#[test]
fn in_the_direct_way_it_sleeps_only_when_it_has_none() {
    worker_with_prefetch_meets(
        2,
        async |script| {
            let mut server = script.conversation().await;
            server.expect(CAN_DO_TIMEOUT, "f\x005000").await;
            server.expect(OPTION_REQ, "all-yours").await;
            server.grabs(1).await;
            server.reply_at_once(&[OPTION_RES.with("all-yours"), job("H:x:1")]).await;
            server.grabs(2).await;
            server.done("H:x:1").await;
            server.reply_at_once(&["H:x:2", "H:x:3"].map(job)).await;
            server.grabs(1).await;
            server.done("H:x:2").await;
            server.grabs(1).await;
            server.done("H:x:3").await;
            server.reply_at_once(&[NO_JOB.with(""), NO_JOB.with("")]).await;
            server.expect(PRE_SLEEP, "").await;
            server.assign("H:x:4").await;
            server.grabs(2).await;
            server.done("H:x:4").await;
            // The time is over before the grabs are answered: what comes is kept.
            time_is_up().await;
            server.expect(ECHO_REQ, "awake").await;
            server.reply_at_once(&[job("H:x:5"), job("H:x:6"), ECHO_RES.with("awake")]).await;
            server.done("H:x:5").await;
            server.grabs(2).await;
            server.done("H:x:6").await;
            server
        },
        async |worker| {
            worker.classic = false;
            worker.abilities.add(b"f", 5000).unwrap(); // our server counts the time of a job that waits rightly
            for handle in ["H:x:1", "H:x:2", "H:x:3", "H:x:4"] {
                run(worker, handle).await;
            }
            run_until(worker, "H:x:5", until_told()).await;
            run(worker, "H:x:6").await;
        },
    );
}

/// Its clock would run while a job waits.
#[test]
fn none_are_asked_for_where_a_function_has_a_timeout() {
    worker_with_prefetch_meets(
        4,
        async |script| {
            let mut server = script.conversation().await;
            server.expect(CAN_DO_TIMEOUT, "g\x001000").await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            server.grabs(1).await;
            server.assign("H:x:2").await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            worker.abilities.add(b"g", 1000).unwrap();
            run(worker, "H:x:1").await;
            run(worker, "H:x:2").await;
        },
    );
}

/// With CANT_DO the server takes them back, those that are on their way too.
#[test]
fn jobs_of_a_function_that_is_taken_away_are_not_run() {
    worker_with_prefetch_meets(
        4,
        async |script| {
            let other = |n| JOB_ASSIGN_UNIQ.with(format!("H:g:{n}\0g\0u\0w"));
            let mut server = script.conversation().await;
            server.expect(CAN_DO, "g").await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server.grabs(4).await;
            server.done("H:x:1").await;
            server.reply_at_once(&[job("H:x:2"), other(1)]).await;
            server.done("H:x:2").await;
            server.expect(ECHO_REQ, "awake").await;
            server.expect(CANT_DO, "g").await;
            server.reply_at_once(&[other(2), ECHO_RES.with("awake"), job("H:x:3")]).await;
            server.grabs(4).await;
            server.done("H:x:3").await;
            server
        },
        async |worker| {
            worker.abilities.add(b"g", 0).unwrap();
            run(worker, "H:x:1").await;
            run(worker, "H:x:2").await;
            worker.abilities.remove(b"g").unwrap();
            run(worker, "H:x:3").await;
        },
    );
}

#[test]
fn those_that_wait_are_gone_with_the_connection() {
    worker_with_prefetch_meets(
        4,
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply_at_once(&["H:x:1", "H:x:2", "H:x:3"].map(job)).await;
            server.grabs(2).await;
            server.ended().await;
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:4").await;
            server.grabs(4).await;
            server.ended().await;
        },
        async |worker| {
            let job = worker.next_job(None).await.unwrap();
            // As exit() in a function does.
            worker.give_back(&job);
            assert_eq!(next(worker).await, "H:x:4");
            drop(std::mem::take(worker));
        },
    );
}

/// It was kept for the next call, which ran it though the server had given it to another worker.
#[test]
fn a_job_whose_connection_ends_right_after_it_is_waited_for_again() {
    worker_with_prefetch_meets(
        2,
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.send([&job("H:x:1").answer()[..], b"rubbish"].concat()).await;
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:2").await;
            server.grabs(2).await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            assert_eq!(worker.wait_for_job(None).await.unwrap_err().code(), ReturnCode::InvalidMagic);
            run(worker, "H:x:2").await;
        },
    );
}
