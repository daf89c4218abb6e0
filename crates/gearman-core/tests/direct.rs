//! Direct assignment: a worker of one server, which gives it jobs while it sleeps.

use crate::conversation::*;
use crate::util::{Script, join, poll_times, within};
use gearman_core::protocol::message::{Grab, Update};
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};

/// A worker that may be given jobs while it sleeps, and its server.
fn direct_worker_meets<T>(
    server: impl AsyncFnOnce(&Script) -> T + Send + 'static,
    work: impl AsyncFnOnce(&mut Worker) + Send + 'static,
) {
    worker_meets(server, async |worker| {
        worker.classic = false;
        work(worker).await;
    });
}

/// A worker comes, and asks for direct assignment.
async fn greeted(server: &mut Conversation) {
    server.expect(CAN_DO, "f").await;
    server.expect(OPTION_REQ, "all-yours").await;
    server.expect(GRAB_JOB_ALL, "").await;
}

/// A connection of a worker that sleeps, and is given jobs.
async fn asleep(script: &Script) -> Conversation {
    let mut server = script.conversation().await;
    greeted(&mut server).await;
    server.reply_at_once(&[OPTION_RES.with("all-yours"), NO_JOB.with("")]).await;
    server.expect(PRE_SLEEP, "").await;
    server
}

fn awake() -> Packet {
    ECHO_RES.with("awake")
}

/// A wait that ends by its timeout, without a job.
async fn waits_in_vain(worker: &mut Worker) {
    assert_eq!(worker.next_job(until_told()).await.unwrap_err().code(), ReturnCode::Timeout);
}

/// A wait that is dropped while the worker sleeps, as by a signal.
async fn wait_is_dropped(worker: &mut Worker) {
    while !worker.is_waiting_directly() {
        assert!(poll_times(1, worker.next_job(None)).await.is_none());
        tokio::task::yield_now().await;
    }
}

/// Begins to wait for the next job, and waits no longer.
async fn begins_to_wait(worker: &mut Worker) {
    assert!(poll_times(1, worker.next_job(None)).await.is_none());
}

#[test]
fn the_next_job_is_not_asked_for_but_waited_for() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            for handle in ["H:x:2", "H:x:3", "H:x:4"] {
                server.expect_in_one_write(&[PRE_SLEEP.with("")]).await;
                server.assign(handle).await;
                server.done(handle).await;
            }
            // Jobs come in the form of the last question.
            server.expect(GRAB_JOB, "").await;
            server.no_job().await;
            server.reply(JOB_ASSIGN, "H:x:5\0f\0w").await;
            server.done("H:x:5").await;
            server.expect(PRE_SLEEP, "").await;
            server
        },
        async |worker| {
            for handle in ["H:x:1", "H:x:2", "H:x:3", "H:x:4"] {
                run(worker, handle).await;
            }
            worker.grab = Grab::Plain;
            run(worker, "H:x:5").await;
            begins_to_wait(worker).await;
        },
    );
}

#[test]
fn a_job_on_its_way_when_the_time_is_over_is_run() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            for handle in ["H:x:1", "H:x:2", "H:x:3"] {
                time_is_up().await;
                server.expect(ECHO_REQ, "awake").await;
                server.reply_at_once(&[job(handle), awake()]).await;
                server.done(handle).await;
                server.expect(PRE_SLEEP, "").await;
            }
            // Nothing was on its way.
            time_is_up().await;
            server.echo("awake").await;
            server.expect(PRE_SLEEP, "").await;
            server.assign("H:x:4").await;
            server
        },
        async |worker| {
            for handle in ["H:x:1", "H:x:2", "H:x:3"] {
                run_until(worker, handle, until_told()).await;
            }
            waits_in_vain(worker).await;
            assert_eq!(next(worker).await, "H:x:4");
        },
    );
}

#[test]
fn a_job_for_who_has_left_is_the_next_calls() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.expect(ECHO_REQ, "awake").await;
            server.reply_at_once(&[job("H:x:1"), awake()]).await;
            server.done("H:x:1").await;
            server.expect(PRE_SLEEP, "").await;
            server
        },
        async |worker| {
            wait_is_dropped(worker).await;
            worker.stop_waiting().await;
            run(worker, "H:x:1").await;
            begins_to_wait(worker).await;
        },
    );
}

#[test]
fn a_wait_that_is_only_interrupted_says_nothing() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            server.assign("H:x:1").await;
            server.expect_in_one_write(&[WORK_COMPLETE.with("H:x:1\0r")]).await;
            server
        },
        async |worker| {
            let mut job = loop {
                match poll_times(2, worker.next_job(None)).await {
                    Some(job) => break job.unwrap(),
                    None => tokio::task::yield_now().await,
                }
            };
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
        },
    );
}

#[test]
fn a_server_that_does_not_answer_loses_the_connection() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            time_is_up().await;
            server.expect(ECHO_REQ, "awake").await;
            time_is_up().await; // also that for an answer
            server.ended().await;
            let mut server = asleep(script).await;
            server.assign("H:x:1").await;
            server
        },
        async |worker| {
            waits_in_vain(worker).await;
            run(worker, "H:x:1").await;
        },
    );
}

#[test]
fn what_is_sent_in_the_sleep_ends_it_first() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.expect(ECHO_REQ, "awake").await;
            server.expect(SET_CLIENT_ID, "me").await;
            server.reply_at_once(&[job("H:x:1"), awake()]).await;
            server.done("H:x:1").await;
            server.expect(PRE_SLEEP, "").await;
            server.assign("H:x:2").await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            wait_is_dropped(worker).await;
            worker.set_id(b"me").unwrap();
            run(worker, "H:x:1").await;
            run(worker, "H:x:2").await;
        },
    );
}

#[test]
fn a_worker_with_unfinished_jobs_goes_on_directly() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.assign("H:x:1").await;
            for handle in ["H:x:2", "H:x:3"] {
                server.expect_in_one_write(&[PRE_SLEEP.with("")]).await;
                server.assign(handle).await;
            }
            for handle in ["H:x:1", "H:x:3", "H:x:2"] {
                server.done(handle).await;
            }
            // It holds none any more, so a new connection can be made for one that does not wait.
            server.ended().await;
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply(NO_JOB, "").await;
            server
        },
        async |worker| {
            let mut jobs = Vec::new();
            for _ in 0..3 {
                jobs.push(worker.next_job(None).await.unwrap());
            }
            for i in [0, 2, 1] {
                worker.send(&mut jobs[i], Update::Complete(b"r")).unwrap();
            }
            assert_eq!(worker.grab_job(None).await.unwrap_err(), Error::NoJobs);
        },
    );
}

#[test]
fn a_call_that_does_not_wait_keeps_a_connection_with_unfinished_jobs() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.assign("H:x:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:2").await;
            server.done("H:x:1").await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            let mut one = worker.next_job(None).await.unwrap();
            let mut two = worker.grab_job(None).await.unwrap();
            worker.send(&mut one, Update::Complete(b"r")).unwrap();
            worker.send(&mut two, Update::Complete(b"r")).unwrap();
        },
    );
}

/// ERROR, or no answer before that of the grab. Both are remembered: the second connection is not asked.
#[test]
fn a_server_that_refuses_or_ignores_the_option_is_not_asked_again() {
    for refusal in [Some(ERROR.with("UNKNOWN_OPTION\0Server does not recognize given option")), None] {
        within(async move || {
            let script = Script::tcp().await;
            let [mut first, mut second] = [(); 2].map(|()| script.worker(b"f"));
            (first.classic, second.classic) = (false, false);
            let server = async {
                let mut server = script.conversation().await;
                greeted(&mut server).await;
                server.reply_at_once(&refusal.into_iter().chain([NO_JOB.with("")]).collect::<Vec<_>>()).await;
                server.expect(PRE_SLEEP, "").await;
                server.wake().await;
                server.assign("H:x:1").await;
                server.done("H:x:1").await;
                server.expect(GRAB_JOB_ALL, "").await;
                server.no_job().await;
                drop(server);
                let mut again = script.conversation().await;
                again.lull("f").await;
                time_is_up().await;
                let mut other = script.conversation().await;
                other.lull("f").await;
                time_is_up().await;
                (again, other)
            };
            let work = async {
                run(&mut first, "H:x:1").await;
                waits_in_vain(&mut first).await;
                waits_in_vain(&mut second).await;
            };
            join(server, work).await;
        });
    }
}

/// It accepts every option, and knows only the classic assignment.
#[test]
fn a_server_that_says_yes_and_only_wakes() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            for handle in ["H:x:1", "H:x:2", "H:x:3"] {
                server.wake().await;
                server.assign(handle).await;
                server.done(handle).await;
                server.expect(PRE_SLEEP, "").await;
            }
            time_is_up().await;
            server.expect(ECHO_REQ, "awake").await;
            // It is woken as it leaves: the next wait begins with the question.
            server.reply_at_once(&[NOOP.with(""), awake()]).await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:4").await;
            server
        },
        async |worker| {
            for handle in ["H:x:1", "H:x:2", "H:x:3"] {
                run(worker, handle).await;
            }
            waits_in_vain(worker).await;
            run(worker, "H:x:4").await;
        },
    );
}

#[test]
fn a_second_server_makes_the_worker_classic_over_a_new_connection() {
    within(async || {
        let (script, other) = (Script::tcp().await, Script::tcp().await);
        let mut worker = script.worker(b"f");
        worker.classic = false;
        let servers = async {
            let mut server = asleep(&script).await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            server.ended().await;
            let (mut a, mut b) = join(script.conversation(), other.conversation()).await;
            b.lull("f").await; // the next to be asked
            a.lull("f").await;
            a.wake().await;
            a.assign("H:x:2").await;
            (a, b)
        };
        let work = async {
            run(&mut worker, "H:x:1").await;
            worker.add_server(other.server(), Vec::new());
            run(&mut worker, "H:x:2").await;
        };
        join(servers, work).await;
    });
}

#[test]
fn a_classic_worker_is_made_so_over_a_new_connection() {
    direct_worker_meets(
        async |script| {
            let mut server = asleep(script).await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            server.ended().await;
            let mut server = script.conversation().await;
            server.lull("f").await;
            time_is_up().await;
            server
        },
        async |worker| {
            run(worker, "H:x:1").await;
            worker.classic = true;
            waits_in_vain(worker).await;
        },
    );
}

#[test]
fn a_lost_connection_is_made_anew_and_asked_anew() {
    direct_worker_meets(
        async |script| {
            for _ in 0..3 {
                asleep(script).await;
            }
            let mut server = asleep(script).await;
            server.drip(&[job("H:x:1")]).await;
            server
        },
        async |worker| run(worker, "H:x:1").await,
    );
}
