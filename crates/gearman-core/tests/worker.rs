//! A worker and one or more servers.

use crate::conversation::*;
use crate::util::{Script, impatient, join, pass, poll_times, refusing, within, worker, worker_with};
use gearman_core::protocol::message::{Grab, Update};
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;

/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(5);

/// A wait for a job that ends without one.
async fn waits_in_vain(worker: &mut Worker) {
    assert_eq!(worker.next_job(until_told()).await.unwrap_err().code(), ReturnCode::Timeout);
}

#[test]
fn without_servers_or_functions_there_is_no_job() {
    within(async || {
        let mut worker = Worker::default();
        assert_eq!(worker.next_job(None).await.unwrap_err(), Error::NoServers);
        assert_eq!(worker.echo(0, b"x", None).await, Err(Error::NoServers));
        let script = Script::tcp().await;
        worker.add_server(script.server(), Vec::new());
        assert_eq!(worker.next_job(None).await.unwrap_err(), Error::NoFunctions);
        assert!(matches!(worker.echo(0, b"", None).await, Err(Error::Argument(_))));
    });
}

#[test]
fn jobs_come_from_every_server_also_while_one_has_none() {
    within(async || {
        let (idle, busy) = (Script::tcp().await, Script::tcp().await);
        let mut worker = worker(&[idle.server(), busy.server()], b"f");
        let servers = async {
            let (mut a, mut b) = join(idle.conversation(), busy.conversation()).await;
            a.lull("f").await;
            b.expect(CAN_DO, "f").await;
            for n in 0..5 {
                b.expect(GRAB_JOB_ALL, "").await;
                b.assign(&format!("H:b:{n}")).await;
                b.done(&format!("H:b:{n}")).await;
            }
            // Now both have jobs: they alternate. The one that gave the last job is asked last.
            a.reply(NOOP, "").await;
            b.expect(GRAB_JOB_ALL, "").await;
            // It is asked already, or not yet: whichever, its answer decides.
            b.assign("H:b:5").await;
            b.done("H:b:5").await;
            a.expect(GRAB_JOB_ALL, "").await;
            a.assign("H:a:0").await;
            a.done("H:a:0").await;
            b.expect(GRAB_JOB_ALL, "").await;
            b.assign("H:b:6").await;
            (a, b)
        };
        let work = async {
            for handle in ["H:b:0", "H:b:1", "H:b:2", "H:b:3", "H:b:4", "H:b:5", "H:a:0", "H:b:6"] {
                run(&mut worker, handle).await;
            }
        };
        join(servers, work).await;
    });
}

/// A worker whose connection ended while it waited never looked at the server again.
#[test]
fn a_worker_connects_anew_and_says_again_who_it_is() {
    worker_meets(
        async |script| {
            let greeted = async || {
                let mut server = script.conversation().await;
                server.expect(SET_CLIENT_ID, "w1").await;
                server.expect(OPTION_REQ, "exceptions").await;
                server.expect(CAN_DO_TIMEOUT, "g\x005000").await;
                server.greeted("f").await;
                server
            };
            for _ in 0..2 {
                let mut server = greeted().await;
                server.reply_at_once(&[OPTION_RES.with("exceptions"), NO_JOB.with("")]).await;
                server.expect(PRE_SLEEP, "").await;
            }
            let mut server = greeted().await;
            server.reply(OPTION_RES, "exceptions").await;
            server.drip(&[job("H:x:1")]).await;
            server
        },
        async |worker| {
            worker.abilities.add(b"g", 5000).unwrap();
            worker.set_id(b"w1").unwrap();
            worker.want_exceptions();
            assert_eq!(next(worker).await, "H:x:1");
        },
    );
}

#[test]
fn a_worker_over_a_unix_socket_whose_server_restarts() {
    within(async || {
        let script = Script::unix();
        let mut worker = worker_with(impatient(), &[script.server()], b"f");
        let server = async {
            let mut server = script.conversation().await;
            server.lull("f").await;
            // When even the time to connect, which wakes the worker once more, is over.
            pass(2 * impatient().connect_timeout).await;
            drop(server);
            let mut server = script.conversation().await;
            server.lull("f").await;
            server.wake().await;
            server.assign("H:x:1").await;
            server
        };
        let (_server, handle) = join(server, next(&mut worker)).await;
        assert_eq!(handle, "H:x:1");
    });
}

/// A server with rules: what it does not allow is reported, once each, and the worker waits on for the rest. It neither asks
/// again and again, nor takes what comes next for the end of its wait.
#[test]
fn a_function_that_is_refused_is_reported_and_the_others_go_on() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(CAN_DO, "h").await;
            server.expect(CAN_DO, "g").await;
            server.expect(CAN_DO, "f").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.reply(ERROR, "PERMISSION_DENIED\0no right to work h").await;
            server.reply(ERROR, "PERMISSION_DENIED\0no right to work f").await;
            server.no_job().await;
            // Another error is of no interest, as before.
            server.reply(ERROR, "JOB_NOT_FOUND\0x").await;
            server.reply(NOOP, "").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.reply(JOB_ASSIGN_UNIQ, "H:x:1\0g\0u\0w").await;
            server
        },
        async |worker| {
            worker.grab = Grab::Uniq;
            worker.abilities.add(b"g", 0).unwrap();
            worker.abilities.add(b"h", 0).unwrap();
            for function in ["h", "f"] {
                let error = worker.next_job(None).await.unwrap_err();
                assert_eq!(error.code(), ReturnCode::ServerError);
                let expected = format!("refused: no right to work {function} (PERMISSION_DENIED)");
                assert!(error.to_string().ends_with(&expected), "{error}");
            }
            assert_eq!(&worker.next_job(None).await.unwrap().function[..], b"g");
        },
    );
}

#[test]
fn changed_abilities_are_told_before_the_next_grab() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(CAN_DO, "f").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            server.expect(CANT_DO, "f").await;
            server.expect(CAN_DO, "g").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.no_job().await;
            time_is_up().await;
            // Asleep; a new function must not wait for a wake-up call that is for the others.
            server.expect(CAN_DO_TIMEOUT, "h\x001000").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.no_job().await;
            time_is_up().await;
            server.expect(RESET_ABILITIES, "").await;
            server.expect(CAN_DO, "i").await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.reply(JOB_ASSIGN_UNIQ, "H:x:2\0i\0u\0w").await;
            server
        },
        async |worker| {
            worker.grab = Grab::Uniq;
            run(worker, "H:x:1").await;
            worker.abilities.remove(b"f").unwrap();
            worker.abilities.add(b"g", 0).unwrap();
            waits_in_vain(worker).await;
            worker.abilities.add(b"h", 1000).unwrap();
            waits_in_vain(worker).await;
            worker.abilities.clear().unwrap();
            assert_eq!(worker.next_job(None).await.unwrap_err(), Error::NoFunctions);
            worker.abilities.add(b"i", 0).unwrap();
            assert_eq!(&worker.next_job(None).await.unwrap().function[..], b"i");
        },
    );
}

#[test]
fn a_job_whose_connection_was_lost_can_not_be_answered() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            drop(server);
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            // Nothing of the first one's answer, though it has the same handle.
            server.expect(WORK_COMPLETE, "H:x:1\0second").await;
            server
        };
        let work = async {
            let mut first = worker.next_job(None).await.unwrap();
            let mut second = worker.next_job(None).await.unwrap();
            let error = worker.send(&mut first, Update::Complete(b"first")).unwrap_err();
            assert_eq!(error.code(), ReturnCode::LostConnection);
            assert!(error.to_string().contains(&script.server().to_string()), "{error}");
            assert!(!first.has_ended());
            worker.send(&mut second, Update::Complete(b"second")).unwrap();
        };
        join(server, work).await;
    });
}

#[test]
fn storms_of_noops_change_nothing() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.send(NOOP.with("").answer().repeat(20_000)).await;
            server.no_job().await;
            server.send(NOOP.with("").answer().repeat(50)).await;
            server.expect(GRAB_JOB_ALL, "").await; // one for all of them
            server.assign("H:x:1").await;
            server.done("H:x:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:2").await;
            server
        },
        async |worker| {
            run(worker, "H:x:1").await;
            next(worker).await;
        },
    );
}

#[test]
fn a_job_that_comes_after_the_timeout_is_the_next_calls() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let asked = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            time_is_up().await;
            server
        };
        let (mut server, timeout) = join(asked, worker.next_job(until_told())).await;
        let timeout = timeout.unwrap_err();
        assert_eq!(timeout.code(), ReturnCode::Timeout);
        assert!(timeout.to_string().contains(&script.server().to_string()), "{timeout}");
        server.assign("H:x:1").await;
        assert_eq!(next(&mut worker).await, "H:x:1");
        server.assign("H:x:2").await; // not asked for, and yet a job
        assert_eq!(&worker.grab_job(None).await.unwrap().handle[..], b"H:x:2");
    });
}

#[test]
fn who_does_not_wait_asks_every_server_each_time() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut worker = worker(&[first.server(), second.server()], b"f");
        let servers = async {
            let (mut a, mut b) = join(first.conversation(), second.conversation()).await;
            a.expect(CAN_DO, "f").await;
            b.expect(CAN_DO, "f").await;
            for _ in 0..2 {
                a.expect(GRAB_JOB_ALL, "").await;
                a.reply(NO_JOB, "").await;
                b.expect(GRAB_JOB_ALL, "").await;
                b.reply(NO_JOB, "").await;
            }
            a.expect(GRAB_JOB_ALL, "").await;
            a.reply(NO_JOB, "").await;
            b.expect(GRAB_JOB_ALL, "").await;
            b.assign("H:b:1").await;
            (a, b)
        };
        let work = async {
            worker.connect_all().await.unwrap();
            for _ in 0..2 {
                assert_eq!(worker.grab_job(None).await.unwrap_err(), Error::NoJobs);
            }
            assert_eq!(&worker.grab_job(None).await.unwrap().handle[..], b"H:b:1");
        };
        join(servers, work).await;
    });
}

/// With one server down it never reported that the other has no job.
#[test]
fn a_look_asks_and_the_next_one_gives_what_has_come() {
    within(async || {
        let (_socket, down) = refusing();
        let script = Script::tcp().await;
        let mut worker = worker(&[down, script.server()], b"f");
        assert!(worker.connect_all().await.is_err());
        let mut server = script.conversation().await;
        assert_eq!(worker.try_next_job().await.unwrap_err(), Error::WouldBlock);
        server.greeted("f").await;
        server.reply(NO_JOB, "").await;
        let mut look = async || loop {
            match worker.try_next_job().await {
                Err(Error::WouldBlock) => {}
                other => break other,
            }
        };
        assert_eq!(look().await.unwrap_err(), Error::NoJobs);
        server.expect(PRE_SLEEP, "").await;
        let woken = async {
            server.wake().await;
            server.assign("H:x:1").await;
        };
        join(woken, worker.wait_for_job(None)).await.1.unwrap();
        let job = worker.try_next_job().await.unwrap();
        assert_eq!(&job.handle[..], b"H:x:1");
        worker.give_back(&job);
        server.ended().await;
    });
}

#[test]
fn who_does_not_wait_connects_anew_in_the_same_call() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let first = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply(NO_JOB, "").await;
            server
        };
        let (server, none) = join(first, worker.grab_job(None)).await;
        assert_eq!(none.unwrap_err(), Error::NoJobs);
        drop(server);
        pass(GOOD).await;
        let second = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server
        };
        let (_server, job) = join(second, worker.grab_job(None)).await;
        assert_eq!(&job.unwrap().handle[..], b"H:x:1");
    });
}

#[test]
fn a_job_that_comes_before_an_echo_is_kept() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.lull("f").await;
            time_is_up().await;
            server.expect(ECHO_REQ, "data").await;
            server.reply_at_once(&[job("H:x:1"), ECHO_RES.with("data")]).await;
            server.done("H:x:1").await;
            server
        },
        async |worker| {
            waits_in_vain(worker).await;
            worker.echo(0, b"data", None).await.unwrap();
            run(worker, "H:x:1").await;
        },
    );
}

#[test]
fn a_job_that_was_kept_is_gone_with_its_connection() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(ECHO_REQ, "data").await;
            server.reply_at_once(&[job("H:x:1"), ECHO_RES.with("data")]).await;
            server.expect(ECHO_REQ, "more").await;
            drop(server);
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:2").await;
            server
        },
        async |worker| {
            worker.echo(0, b"data", None).await.unwrap();
            let lost = worker.echo(0, b"more", None).await.unwrap_err();
            assert_eq!(lost.code(), ReturnCode::LostConnection);
            assert_eq!(next(worker).await, "H:x:2");
        },
    );
}

/// A server may take any packet of a sleeping worker for the end of its sleep, and would not wake it.
#[test]
fn who_sent_something_while_asleep_asks_again() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.lull("f").await;
            time_is_up().await;
            server.echo("data").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.no_job().await;
            time_is_up().await;
            server.expect(SET_CLIENT_ID, "w1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:1").await;
            server
        },
        async |worker| {
            waits_in_vain(worker).await;
            worker.echo(0, b"data", None).await.unwrap();
            waits_in_vain(worker).await;
            worker.set_id(b"w1").unwrap();
            next(worker).await;
        },
    );
}

#[test]
fn an_echo_that_was_given_up_is_not_the_next_ones() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(ECHO_REQ, "one").await;
            time_is_up().await;
            server.expect(ECHO_REQ, "two").await;
            server.expect(ECHO_REQ, "three").await;
            server.reply_at_once(&["one", "two", "three"].map(|data| ECHO_RES.with(data))).await;
            server.expect(ECHO_REQ, "four").await;
            server.reply(ECHO_RES, "other").await;
            server
        },
        async |worker| {
            // One ends by its timeout; one is dropped, as by an exception of a signal handler.
            assert_eq!(worker.echo(0, b"one", until_told()).await.unwrap_err().code(), ReturnCode::Timeout);
            assert!(poll_times(1, worker.echo(0, b"two", None)).await.is_none());
            worker.echo(0, b"three", None).await.unwrap();
            let corrupted = worker.echo(0, b"four", None).await.unwrap_err();
            assert_eq!(corrupted.code(), ReturnCode::EchoDataCorruption);
        },
    );
}

/// An exception of a signal handler ended the first. The second sent nothing, and was answered by what the first had sent.
#[test]
fn an_echo_that_was_given_up_is_not_that_of_another_call() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.echo("connects").await;
            server.expect(ECHO_REQ, "x").await;
            server.reply(ECHO_RES, "x").await;
            server.expect(ECHO_REQ, "x").await;
            server.reply(ECHO_RES, "other").await;
            server
        },
        async |worker| {
            worker.echo(0, b"connects", None).await.unwrap();
            assert!(poll_times(1, worker.echo(0, b"x", None)).await.is_none());
            worker.begin();
            let corrupted = worker.echo(0, b"x", None).await.unwrap_err();
            assert_eq!(corrupted.code(), ReturnCode::EchoDataCorruption);
        },
    );
}

#[test]
fn large_results_are_written_as_the_server_takes_them() {
    within(async || {
        const LARGE: usize = 8 << 20;
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let asked = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server
        };
        let (mut server, job) = join(asked, worker.next_job(None)).await;
        let mut job = job.unwrap();
        worker.send(&mut job, Update::Complete(&vec![7; LARGE])).unwrap();
        assert!(worker.has_output(&job));
        assert!(poll_times(1, worker.flush(&job)).await.is_none());
        let (result, flushed) = join(server.receive(WORK_COMPLETE), worker.flush(&job)).await;
        assert_eq!(result.len(), "H:x:1\0".len() + LARGE);
        flushed.unwrap();
        assert!(!worker.has_output(&job));
    });
}

/// It was told with the next update of the job, of which there is none after its result: work() said that all was well.
#[test]
fn a_result_whose_connection_ends_in_its_midst_is_lost() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
        },
        async |worker| {
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Complete(&vec![7; 16 << 20])).unwrap();
            let lost = worker.flush(&job).await.unwrap_err();
            assert_eq!(lost.code(), ReturnCode::LostConnection);
            assert_eq!(worker.flush(&job).await.unwrap_err().code(), ReturnCode::LostConnection);
        },
    );
}

#[test]
fn large_jobs_arrive_whole() {
    const LARGE: usize = 9 << 20;
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply(JOB_ASSIGN_UNIQ, [&b"H:x:1\0f\0u\0"[..], &vec![9; LARGE]].concat()).await;
            server
        },
        async |worker| {
            let job = worker.next_job(None).await.unwrap();
            assert!(job.workload.len() == LARGE && job.workload.iter().all(|b| *b == 9));
        },
    );
}

#[test]
fn ids_that_can_not_be_shown_are_refused() {
    let mut worker = Worker::default();
    for bad in [&b""[..], b"a b", b"a\0", b"a\n", "\u{e4}".as_bytes(), &[b'x'; 255]] {
        assert!(matches!(worker.set_id(bad), Err(Error::Argument(_))));
    }
    worker.set_id(&[b'x'; 254]).unwrap();
}
