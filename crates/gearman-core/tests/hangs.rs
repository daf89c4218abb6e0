//! Of several servers one that takes requests and does not answer: which one that is, and where all else goes then; and workers, which
//! others still give jobs.

use crate::conversation::*;
use crate::util::{Script, ask, client, end, events, join, pass, poll_times, req, res, within, worker};
use gearman_core::client::Client;
use gearman_core::client::inquiry::Question;
use gearman_core::client::task::{Ask, Event};
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::worker::Worker;
use gearman_core::worker::job::Job;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::yield_now;

const LIMIT: Duration = Duration::from_secs(2);
/// For so long a worker waits for one server alone.
const ALONE: Duration = Duration::from_secs(1);

fn job(background: bool, key: &str, workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, background, b"f", key.as_bytes(), workload).unwrap()
}

/// A call that waits in vain, and has its server passed over, as programs do.
async fn in_vain(client: &mut Client, what: Ask) {
    let given_up = ask(client, what, until_told()).await;
    assert_eq!(given_up.unwrap_err().code(), ReturnCode::Timeout);
    client.pass_over(LIMIT, LIMIT / 2, None);
}

/// A job in the background is taken by this server.
async fn takes(server: &mut Conversation, key: &str) {
    server.expect(SUBMIT_JOB_BG, format!("f\0{key}\0w")).await;
    server.reply(JOB_CREATED, "H:1").await;
}

async fn is_taken(client: &mut Client, key: &str) {
    assert_eq!(ask(client, job(true, key, b"w"), None).await, Ok(Event::Created("H:1".into())));
}

/// A question about a job was put to the server that hangs again and again, though another knows the job. What connected to all
/// servers, or asked all, brought that one back, and jobs with it.
#[test]
fn what_can_go_to_others_does_until_it_answers() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let mut hangs = first.conversation().await;
            hangs.expect(GET_STATUS, "H:x:1").await;
            time_is_up().await;
            hangs.ended().await;
            let mut good = second.conversation().await;
            good.expect(GET_STATUS, "H:x:1").await;
            good.reply(STATUS_RES, "H:x:1\x001\x000\x000\x000").await;
            let mut again = first.conversation().await;
            takes(&mut good, "one").await;
            // What only it can answer is asked of it, and with that it is back.
            again.expect(ECHO_REQ, "here").await;
            again.reply(ECHO_RES, "here").await;
            takes(&mut again, "two").await;
            (good, again)
        };
        let calls = async {
            in_vain(&mut client, Ask::status(b"H:x:1").unwrap()).await;
            let Ok(Event::Known(known)) = ask(&mut client, Ask::status(b"H:x:1").unwrap(), None).await else {
                panic!()
            };
            assert!(known.known);
            client.begin();
            client.connect_all().await.unwrap();
            is_taken(&mut client, "one").await;
            let id = client.call_at(0, Ask::echo(b"here").unwrap());
            end(&mut client, id, None).await.unwrap();
            is_taken(&mut client, "two").await;
        };
        join(servers, calls).await;
    });
}

/// Where nobody else is there, it is asked all the same.
#[test]
fn it_is_better_than_none() {
    within(async || {
        let (first, gone) = (Script::tcp().await, Script::unix());
        let mut client = client(&[first.server(), gone.server()]);
        drop(gone);
        let server = async {
            let mut hangs = first.conversation().await;
            hangs.expect(SUBMIT_JOB_BG, "f\0one\0w").await;
            time_is_up().await;
            hangs.ended().await;
            let mut again = first.conversation().await;
            takes(&mut again, "two").await;
            again
        };
        let calls = async {
            in_vain(&mut client, job(true, "one", b"w")).await;
            is_taken(&mut client, "two").await;
        };
        join(server, calls).await;
    });
}

/// One that was asked late in the wait, as where connecting took long, was taken for one that hangs. One that runs a job is
/// none, however long that takes.
#[test]
fn who_has_just_been_asked_or_runs_a_job_does_not_hang() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let server = async {
            let mut server = first.conversation().await;
            server.expect(SUBMIT_JOB, "f\0runs\0w").await;
            server.reply(JOB_CREATED, "H:runs").await;
            server.echo("asked late").await;
            server
        };
        let calls = async {
            let runs = client.add(job(false, "runs", b"w"));
            client.begin();
            client.wait(None).await.unwrap();
            assert_eq!(client.next_event(), Some((runs, Event::Created("H:runs".into()))));
            pass(2 * LIMIT).await;
            client.pass_over(LIMIT, LIMIT / 2, None);
            let late = client.call(Ask::echo(b"asked late").unwrap());
            assert!(!client.poll_once().await.unwrap());
            client.pass_over(LIMIT, LIMIT / 2, None);
            end(&mut client, late, None).await.unwrap();
            assert!(client.has_tasks(), "the job runs");
        };
        join(server, calls).await;
    });
}

/// One that took a large request little by little was taken for one that hangs, and the request was cut off.
#[test]
fn who_takes_a_large_request_does_not_hang() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let (half, has_half) = oneshot::channel();
        let workload = vec![b'w'; 32 << 20];
        let request = req(18, [b"f\0large\0", &workload[..]].concat());
        let size = request.len();
        let server = async {
            let mut server = first.accept().await;
            let mut taken = 0;
            // Sockets hold less.
            while taken < size / 2 {
                taken += server.read().await.len();
            }
            half.send(()).unwrap();
            while taken < size {
                taken += server.read().await.len();
            }
            server.send(res(8, "H:large")).await;
            server
        };
        let calls = async {
            client.begin();
            let id = client.call(job(true, "large", &workload));
            assert!(!client.poll_once().await.unwrap());
            pass(2 * LIMIT).await;
            tokio::select! {
                taken = has_half => taken.unwrap(),
                early = client.wait(None) => panic!("{early:?}"),
            }
            client.pass_over(LIMIT, LIMIT / 2, None);
            assert_eq!(end(&mut client, id, None).await, Ok(Event::Created("H:large".into())));
        };
        join(server, calls).await;
    });
}

/// What fills the way to it keeps a call's own request back: it was never taken for one that hangs, and each call failed. All
/// that was sent there ends; what was not goes to another.
#[test]
fn what_was_not_sent_yet_goes_to_another() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let large = vec![b'w'; 32 << 20];
        let servers = async {
            let hangs = first.conversation().await;
            time_is_up().await;
            let mut good = second.conversation().await;
            takes(&mut good, "waits").await;
            takes(&mut good, "two").await;
            (hangs, good)
        };
        let calls = async {
            let sent = client.add(job(true, "large", &large));
            client.begin();
            let waits = client.add(job(true, "waits", b"w"));
            in_vain(&mut client, job(true, "one", b"w")).await;
            let all = events(&mut client).await;
            assert!(
                matches!(&all[0], (id, Event::Error(error)) if *id == sent && matches!(**error, Error::Lost { .. }))
            );
            assert_eq!(all[1..], [(waits, Event::Created("H:1".into()))]);
            is_taken(&mut client, "two").await;
        };
        join(servers, calls).await;
    });
}

/// A text command was put to it again and again, though another server knows the job.
#[test]
fn text_commands_go_to_others_too() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let hangs = first.accept().await;
            time_is_up().await;
            let mut good = second.accept().await;
            assert_eq!(good.read().await, b"cancel job H:x:1\r\n");
            good.send("OK\r\n").await;
            (hangs, good)
        };
        let calls = async {
            let question = || Question::cancel_job(b"H:x:1").unwrap();
            client.begin();
            let id = client.inquire(question()).unwrap();
            let given_up = client.answer_to(id, until_told()).await;
            assert_eq!(given_up.unwrap_err().code(), ReturnCode::Timeout);
            let id = client.inquire(question()).unwrap();
            client.answer_to(id, None).await.unwrap().unwrap();
        };
        join(servers, calls).await;
    });
}

/// The next job of a worker that looks again and again, with which no time passes.
async fn look_for(worker: &mut Worker, handle: &str) -> Job {
    loop {
        match worker.look().await {
            Ok(job) if job.handle == handle => return job,
            Ok(job) => panic!("{job:?}"),
            Err(_) => yield_now().await,
        }
    }
}

/// A worker waited for such a server, and had no job of any other.
#[test]
fn a_worker_asks_the_others() {
    worker_meets_two(
        async |mut hangs, mut good| {
            hangs.greeted("f").await;
            good.expect(CAN_DO, "f").await;
            pass(ALONE).await;
            good.expect(GRAB_JOB_ALL, "").await;
            good.assign("H:good:1").await;
            good.done("H:good:1").await;
            // It is not waited for once more.
            good.expect(GRAB_JOB_ALL, "").await;
            good.no_job().await;
            good.wake().await;
            good.assign("H:good:2").await;
            good.done("H:good:2").await;
            good.expect(GRAB_JOB_ALL, "").await;
            good.no_job().await;
            // What it was asked stands: it answers late, and then as ever.
            hangs.assign("H:late:1").await;
            hangs.done("H:late:1").await;
            hangs.expect(GRAB_JOB_ALL, "").await;
            hangs.no_job().await;
            hangs.wake().await;
            hangs.assign("H:late:2").await;
            (hangs, good)
        },
        async |worker| {
            for handle in ["H:good:1", "H:good:2", "H:late:1", "H:late:2"] {
                run(worker, handle).await;
            }
        },
    );
}

/// What it had sent before it was asked again was taken for a sign of life after that: a worker that looks seldom, as in an event
/// loop, waited for two seconds.
#[test]
fn what_was_before_is_no_sign_of_life() {
    worker_meets_two(
        async |mut hangs, mut good| {
            hangs.greeted("f").await;
            hangs.assign("H:1").await;
            hangs.done("H:1").await;
            good.greeted("f").await;
            good.no_job().await;
            hangs.expect(GRAB_JOB_ALL, "").await;
            good.reply(NOOP, "").await;
            tokio::time::advance(ALONE).await;
            good.expect(GRAB_JOB_ALL, "").await;
            good.assign("H:good").await;
            (hangs, good)
        },
        async |worker| {
            tokio::time::pause(); // it goes on where it is told to: nobody here waits for it
            for handle in ["H:1", "H:good"] {
                let mut job = look_for(worker, handle).await;
                worker.send(&mut job, Update::Complete(b"r")).unwrap();
            }
        },
    );
}

/// A call that began more than a second after the one that asked judged by the clock alone, and had not looked at what had come:
/// two jobs for a worker that can run one.
#[test]
fn who_has_answered_by_the_next_call_does_not_hang() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut worker = worker(&[first.server(), second.server()], b"f");
        let greeted = async {
            let (mut one, mut other) = join(first.conversation(), second.conversation()).await;
            one.greeted("f").await;
            other.expect(CAN_DO, "f").await;
            (one, other)
        };
        let (mut one, mut other) = tokio::select! {
            both = greeted => both,
            job = worker.next_job(None) => panic!("{job:?}"),
        };
        pass(2 * ALONE).await;
        one.assign("H:1").await;
        run(&mut worker, "H:1").await;
        one.done("H:1").await;
        assert!(poll_times(1, other.receive(GRAB_JOB_ALL)).await.is_none());
    });
}

/// One that sends a job little by little is at work, until it stops.
#[test]
fn a_worker_waits_for_who_is_at_work() {
    worker_meets_two(
        async |mut slow, mut other| {
            slow.greeted("f").await;
            let assignment = crate::conversation::job("H:slow").answer();
            let (most, rest) = assignment.split_at(assignment.len() - 1);
            for byte in most {
                slow.send([*byte]).await;
                pass(ALONE / 4).await; // it may see two at once
            }
            other.expect(CAN_DO, "f").await;
            assert!(poll_times(1, other.receive(GRAB_JOB_ALL)).await.is_none());
            pass(ALONE).await;
            other.expect(GRAB_JOB_ALL, "").await;
            other.assign("H:other").await;
            other.done("H:other").await;
            slow.send(rest).await;
            slow.done("H:slow").await;
            (slow, other)
        },
        async |worker| {
            run(worker, "H:other").await;
            run(worker, "H:slow").await;
        },
    );
}

/// What nobody else could answer is waited for.
#[test]
fn a_worker_waits_for_who_is_alone() {
    within(async || {
        let (first, gone) = (Script::tcp().await, Script::unix());
        let mut worker = worker(&[first.server(), gone.server()], b"f");
        drop(gone);
        let server = async {
            let mut server = first.conversation().await;
            server.greeted("f").await;
            pass(3 * ALONE).await;
            server.assign("H:1").await;
            server
        };
        let grab = async {
            let job = worker.grab_job(None).await.unwrap();
            assert_eq!(job.handle, "H:1");
        };
        join(server, grab).await;
    });
}

/// After a signal handler had thrown out of the wait for its socket, each small result for another server waited for that, too.
#[test]
fn a_result_that_is_not_taken_keeps_no_other_server_waiting() {
    const LARGE: usize = 16 << 20; // more than sockets hold
    worker_meets_two(
        async |mut hangs, mut good| {
            hangs.greeted("f").await;
            hangs.assign("H:large").await;
            good.greeted("f").await;
            good.assign("H:small").await;
            good.done("H:small").await;
            // It is asked for no job before it has taken the result.
            good.expect(GRAB_JOB_ALL, "").await;
            good.assign("H:next").await;
            good.expect(GRAB_JOB_ALL, "").await;
            assert_eq!(hangs.receive(WORK_COMPLETE).await.len(), "H:large\0".len() + LARGE);
            good.no_job().await;
            hangs.expect(GRAB_JOB_ALL, "").await;
            hangs.assign("H:back").await;
            (hangs, good)
        },
        async |worker| {
            tokio::time::pause(); // it goes on where nobody has anything to do but to wait
            let mut large = look_for(worker, "H:large").await;
            worker.send(&mut large, Update::Complete(&vec![b'r'; LARGE])).unwrap();
            assert!(poll_times(1, worker.flush(&large)).await.is_none());
            assert!(worker.has_output(&large));
            let mut small = look_for(worker, "H:small").await;
            worker.send(&mut small, Update::Complete(b"r")).unwrap();
            worker.flush(&small).await.unwrap();
            look_for(worker, "H:next").await;
            run(worker, "H:back").await;
        },
    );
}
