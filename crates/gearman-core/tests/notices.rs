//! JOB_NOTICE: which try a job is, and that it was cancelled.

use crate::conversation::*;
use crate::util::{Script, pass, poll_times, ready};
use gearman_core::protocol::message::Update;
use gearman_core::worker::Worker;
use gearman_core::worker::job::Job;
use std::time::Duration;

/// A worker that wants to be told of its jobs, and its server.
fn told_worker_meets<T>(
    server: impl AsyncFnOnce(&Script) -> T + Send + 'static,
    work: impl AsyncFnOnce(&mut Worker) + Send + 'static,
) {
    worker_meets(server, async |worker| {
        worker.notices = true;
        work(worker).await;
    });
}

/// A worker comes that wants to be told.
async fn greeted(script: &Script) -> Conversation {
    let mut server = script.conversation().await;
    server.expect(OPTION_REQ, "attempts").await;
    server.expect(OPTION_REQ, "cancel-notices").await;
    server.greeted("f").await;
    server
}

/// The same, at a server that can do so.
async fn telling(script: &Script) -> Conversation {
    let mut server = greeted(script).await;
    server.reply_at_once(&[OPTION_RES.with("attempts"), OPTION_RES.with("cancel-notices")]).await;
    server
}

/// It has a job at such a server, and has asked for two in advance.
async fn asked_for_two_in_advance(script: &Script) -> Conversation {
    let mut server = telling(script).await;
    server.assign("H:x:1").await;
    server.expect(GRAB_JOB_ALL, "").await;
    server.expect(GRAB_JOB_ALL, "").await;
    server
}

/// It has a job there, and asks for one to be run beside it.
async fn running_another(script: &Script) -> Conversation {
    let mut server = telling(script).await;
    server.assign("H:x:1").await;
    server.expect(OPTION_REQ, "at-once").await;
    server.expect(GRAB_JOB_ALL, "").await;
    server
}

fn attempt(handle: &str, number: &str) -> Packet {
    JOB_NOTICE.with(format!("{handle}\0attempt\0{number}"))
}

fn cancelled(handle: &str) -> Packet {
    JOB_NOTICE.with(format!("{handle}\0cancelled\0"))
}

async fn next_job(worker: &mut Worker) -> Job {
    worker.next_job(None).await.unwrap()
}

/// Asks until the notice is there.
async fn until_cancelled(worker: &mut Worker, job: &mut Job) {
    while !worker.is_cancelled(job).await {
        tokio::task::yield_now().await;
    }
}

async fn complete(worker: &mut Worker, job: &mut Job) {
    worker.send(job, Update::Complete(b"r")).unwrap();
    worker.flush(job).await.unwrap();
}

#[test]
fn a_job_is_the_first_try_unless_the_server_says_otherwise() {
    told_worker_meets(
        async |script| {
            let mut server = telling(script).await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            for (notice, handle) in [("H:x:2", "H:x:2"), ("H:x:2", "H:x:3")] {
                server.expect(GRAB_JOB_ALL, "").await;
                server.reply_at_once(&[attempt(notice, "7"), job(handle)]).await;
                server.done(handle).await;
            }
            server
        },
        async |worker| {
            for expected in [("H:x:1", 1), ("H:x:2", 7), ("H:x:3", 1)] {
                let mut job = next_job(worker).await;
                assert_eq!((std::str::from_utf8(&job.handle).unwrap(), job.attempt), expected);
                complete(worker, &mut job).await;
            }
        },
    );
}

#[test]
fn a_server_that_knows_nothing_of_it_is_asked_once() {
    told_worker_meets(
        async |script| {
            let mut server = greeted(script).await;
            server.reply_at_once(&[ERROR.with("UNKNOWN_OPTION\0?"), ERROR.with("UNKNOWN_OPTION\0?")]).await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            drop(server);
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:2").await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            for _ in 0..2 {
                let mut job = next_job(worker).await;
                assert_eq!((job.attempt, worker.is_cancelled(&mut job).await), (0, false));
                complete(worker, &mut job).await;
            }
        },
    );
}

/// It was taken for what it was before, where a server like ours had come in the place of one that knows nothing.
#[test]
fn one_that_fetches_jobs_in_advance_asks_at_each_connection() {
    told_worker_meets(
        async |script| {
            let mut server = greeted(script).await;
            server.reply_at_once(&[ERROR.with("UNKNOWN_OPTION\0?"), ERROR.with("UNKNOWN_OPTION\0?")]).await;
            server.assign("H:x:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            drop(server);
            let mut server = telling(script).await;
            server.assign("H:x:2").await;
            server
        },
        async |worker| {
            worker.prefetch = 1;
            assert_eq!(next_job(worker).await.attempt, 0);
            assert_eq!(next_job(worker).await.attempt, 1);
        },
    );
}

/// As in an event loop, whose server took it for one that runs them in turn.
#[test]
fn one_that_runs_several_jobs_at_once_says_so_ahead_of_the_second() {
    told_worker_meets(
        async |script| {
            let mut server = running_another(script).await;
            server.reply_at_once(&[OPTION_RES.with("at-once"), job("H:x:2")]).await;
            server.done("H:x:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:3").await;
            server
        },
        async |worker| {
            let mut first = next_job(worker).await;
            assert_eq!(next(worker).await, "H:x:2");
            complete(worker, &mut first).await;
            assert_eq!(next(worker).await, "H:x:3");
        },
    );
}

/// All that it held counted as tried when it died.
#[test]
fn one_that_runs_several_jobs_at_once_asks_for_none_in_advance() {
    told_worker_meets(
        async |script| {
            let mut server = running_another(script).await;
            server.reply_at_once(&[OPTION_RES.with("at-once"), job("H:x:2")]).await;
            // By a wait, too.
            for (ended, next) in [("H:x:1", "H:x:3"), ("H:x:2", "H:x:4"), ("H:x:3", "H:x:5")] {
                server.done(ended).await;
                server.expect(GRAB_JOB_ALL, "").await;
                server.assign(next).await;
            }
            server
        },
        async |worker| {
            worker.prefetch = 4;
            let mut jobs = Vec::new();
            while jobs.len() < 2 {
                ready(&mut worker.watch).await;
                jobs.extend(worker.look().await.ok());
                worker.rest().unwrap();
            }
            while jobs.len() < 5 {
                let i = jobs.len() - 2;
                complete(worker, &mut jobs[i]).await;
                jobs.push(next_job(worker).await);
            }
        },
    );
}

#[test]
fn a_server_of_an_older_version_that_knows_notices_alone_does_no_harm() {
    told_worker_meets(
        async |script| {
            let mut server = running_another(script).await;
            server.reply_at_once(&[ERROR.with("UNKNOWN_OPTION\0?"), attempt("H:x:2", "2"), job("H:x:2")]).await;
            server
        },
        async |worker| {
            let _first = next_job(worker).await;
            assert_eq!(next_job(worker).await.attempt, 2);
        },
    );
}

#[test]
fn a_server_that_does_not_answer_an_option_does_no_harm() {
    told_worker_meets(
        async |script| {
            let mut server = greeted(script).await;
            server.assign("H:x:1").await;
            server.echo("still there?").await;
            server
        },
        async |worker| {
            assert_eq!(next_job(worker).await.attempt, 0);
            worker.echo(0, b"still there?", None).await.unwrap();
        },
    );
}

#[test]
fn a_running_job_learns_that_it_was_cancelled() {
    told_worker_meets(
        async |script| {
            let mut server = telling(script).await;
            server.assign("H:x:1").await;
            server.expect(WORK_STATUS, "H:x:1\x001\x002").await;
            server.drip(&[cancelled("H:x:9"), NOOP.with(""), cancelled("H:x:1")]).await;
            server.done("H:x:1").await;
            // The next one is not.
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:2").await;
            server.done("H:x:2").await;
            server
        },
        async |worker| {
            let mut job = next_job(worker).await;
            assert!(!worker.is_cancelled(&mut job).await);
            worker.send(&mut job, Update::Status(b"1", b"2")).unwrap();
            until_cancelled(worker, &mut job).await;
            complete(worker, &mut job).await;
            assert!(worker.is_cancelled(&mut job).await, "it stays so");
            let mut job = next_job(worker).await;
            assert!(!worker.is_cancelled(&mut job).await);
            complete(worker, &mut job).await;
        },
    );
}

#[test]
fn a_job_in_advance_that_was_cancelled_is_not_run() {
    told_worker_meets(
        async |script| {
            let mut server = asked_for_two_in_advance(script).await;
            server.reply_at_once(&[job("H:x:2"), job("H:x:3"), cancelled("H:x:2"), cancelled("H:x:1")]).await;
            server.done("H:x:1").await;
            // Once more for as many, as there is none in advance.
            server.expect(GRAB_JOB_ALL, "").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.done("H:x:3").await;
            server
        },
        async |worker| {
            worker.prefetch = 2;
            let mut job = next_job(worker).await;
            until_cancelled(worker, &mut job).await;
            complete(worker, &mut job).await;
            let mut job = next_job(worker).await;
            assert_eq!(job.handle, "H:x:3");
            complete(worker, &mut job).await;
        },
    );
}

/// What was read with the job said that it was cancelled, and it was run all the same.
#[test]
fn a_job_that_was_cancelled_on_its_way_is_not_run() {
    told_worker_meets(
        async |script| {
            let mut server = asked_for_two_in_advance(script).await;
            server.done("H:x:1").await;
            server.reply_at_once(&[job("H:x:2"), cancelled("H:x:2"), job("H:x:3")]).await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.done("H:x:3").await;
            server
        },
        async |worker| {
            worker.prefetch = 2;
            for handle in ["H:x:1", "H:x:3"] {
                let mut job = next_job(worker).await;
                assert_eq!(job.handle, handle);
                complete(worker, &mut job).await;
            }
        },
    );
}

#[test]
fn a_lost_connection_is_no_cancellation() {
    told_worker_meets(
        async |script| {
            let mut server = telling(script).await;
            server.assign("H:x:1").await;
            server.expect(WORK_STATUS, "H:x:1\x001\x002").await;
            server.reply(ECHO_RES, "nobody asked").await;
        },
        async |worker| {
            let mut job = next_job(worker).await;
            worker.send(&mut job, Update::Status(b"1", b"2")).unwrap();
            while worker.send(&mut job, Update::Status(b"", b"")).is_ok() {
                assert!(!worker.is_cancelled(&mut job).await);
                pass(Duration::from_millis(1)).await;
            }
        },
    );
}

#[test]
fn a_notice_that_was_not_asked_for_ends_the_connection() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply(JOB_NOTICE, "H:x:1\0cancelled\0").await;
            server.ended().await;
        },
        async |worker| {
            let error = worker.next_job(None).await.unwrap_err().to_string();
            assert!(error.ends_with("a worker got JOB_NOTICE without having asked"), "{error}");
        },
    );
}

#[test]
fn what_is_not_understood_is_passed_over_and_much_of_it_does_no_harm() {
    told_worker_meets(
        async |script| {
            let mut server = telling(script).await;
            server.reply_at_once(&[attempt("H:x:1", "-7"), job("H:x:1")]).await;
            server.expect(WORK_STATUS, "H:x:1\x001\x002").await;
            server.reply(JOB_NOTICE, "H:x:1\0weather\0fine").await;
            for n in 0..5000 {
                server.reply(JOB_NOTICE, format!("H:y:{n}\0cancelled\0")).await;
            }
            server.reply_at_once(&[cancelled("H:x:1")]).await;
            server.done("H:x:1").await;
            server
        },
        async |worker| {
            let mut job = next_job(worker).await;
            assert_eq!(job.attempt, 1);
            worker.send(&mut job, Update::Status(b"1", b"2")).unwrap();
            until_cancelled(worker, &mut job).await;
            complete(worker, &mut job).await;
            assert!(poll_times(1, worker.next_job(None)).await.is_none());
        },
    );
}
