//! Direct assignment: a worker of one server, which gives it jobs while it sleeps.

use crate::util::{Script, Wire, join, poll_times, req, res, soon, within, worker};
use gearman_core::protocol::message::{Grab, Update};
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};

const CAN_DO: &str = "f";

fn direct(script: &Script) -> Worker {
    let mut worker = worker(&[script.server()], CAN_DO.as_bytes());
    worker.classic = false;
    worker
}

fn greeting() -> Vec<u8> {
    [req(1, CAN_DO), req(26, "all-yours"), req(39, "")].concat()
}

fn sleep() -> Vec<u8> {
    req(4, "")
}

fn yes() -> Vec<u8> {
    res(27, "all-yours")
}

fn job(n: u32) -> Vec<u8> {
    res(31, format!("H:x:{n}\0f\0u\0w"))
}

fn done(n: u32) -> Vec<u8> {
    req(13, format!("H:x:{n}\0r"))
}

fn awake() -> (Vec<u8>, Vec<u8>) {
    (req(16, "awake"), res(17, "awake"))
}

/// A connection of a worker that sleeps.
async fn asleep(script: &Script) -> Wire {
    let mut c = script.accept().await;
    c.expect(greeting()).await;
    c.send([yes(), res(10, "")].concat()).await;
    c.expect(req(4, "")).await;
    c
}

async fn run(worker: &mut Worker, n: u32) {
    let mut job = worker.next_job(None).await.unwrap();
    assert_eq!(job.handle, format!("H:x:{n}"));
    worker.send(&mut job, Update::Complete(b"r")).unwrap();
}

#[test]
fn the_next_job_is_not_asked_for_but_waited_for() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            c.expect(done(1)).await;
            for n in 2..5 {
                assert_eq!(c.read().await, sleep());
                c.send(job(n)).await;
                c.expect(done(n)).await;
            }
            // Jobs come in the form of the last question.
            c.expect(req(9, "")).await;
            c.send(res(10, "")).await;
            c.expect(sleep()).await;
            c.send(res(11, "H:x:5\0f\0w")).await;
            c.expect([done(5), sleep()].concat()).await;
            c
        };
        let work = async {
            for n in 1..5 {
                run(&mut worker, n).await;
            }
            worker.grab = Grab::Plain;
            run(&mut worker, 5).await;
            assert!(poll_times(1, worker.next_job(None)).await.is_none());
        };
        join(server, work).await;
    });
}

#[test]
fn a_job_on_its_way_when_the_time_is_over_is_run() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let (ask, answer) = awake();
        let server = async {
            let mut c = asleep(&script).await;
            for n in 1..4 {
                c.expect(&ask).await;
                c.send([job(n), answer.clone()].concat()).await;
                c.expect([done(n), sleep()].concat()).await;
            }
            // Nothing was on its way.
            c.expect(&ask).await;
            c.send(&answer).await;
            c.expect(sleep()).await;
            c.send(job(4)).await;
            c
        };
        let work = async {
            for n in 1..4 {
                let mut job = worker.next_job(soon()).await.unwrap();
                assert_eq!(job.handle, format!("H:x:{n}"));
                worker.send(&mut job, Update::Complete(b"r")).unwrap();
            }
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            assert_eq!(worker.next_job(None).await.unwrap().handle, "H:x:4");
        };
        join(server, work).await;
    });
}

#[test]
fn a_job_for_who_has_left_is_the_next_calls() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let (ask, answer) = awake();
        let server = async {
            let mut c = asleep(&script).await;
            c.expect(&ask).await;
            c.send([job(1), answer].concat()).await;
            c.expect([done(1), sleep()].concat()).await;
            c
        };
        let work = async {
            // As by a signal: the wait is dropped when it sleeps.
            while !worker.is_waiting_directly() {
                assert!(poll_times(1, worker.next_job(None)).await.is_none());
                tokio::task::yield_now().await;
            }
            worker.stop_waiting().await;
            run(&mut worker, 1).await;
            assert!(poll_times(1, worker.next_job(None)).await.is_none());
        };
        join(server, work).await;
    });
}

#[test]
fn a_wait_that_is_only_interrupted_says_nothing() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            c.send(job(1)).await;
            assert_eq!(c.read().await, done(1));
            c
        };
        let work = async {
            let mut job = loop {
                match poll_times(2, worker.next_job(None)).await {
                    Some(job) => break job.unwrap(),
                    None => tokio::task::yield_now().await,
                }
            };
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
        };
        join(server, work).await;
    });
}

#[test]
fn a_server_that_does_not_answer_loses_the_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.expect(awake().0).await;
            c.ended().await;
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            c
        };
        let work = async {
            let timeout = worker.next_job(soon()).await.unwrap_err();
            assert_eq!(timeout.code(), ReturnCode::Timeout);
            run(&mut worker, 1).await;
        };
        join(server, work).await;
    });
}

#[test]
fn what_is_said_in_the_sleep_ends_it_first() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let (ask, answer) = awake();
        let server = async {
            let mut c = asleep(&script).await;
            c.expect([ask, req(22, "me")].concat()).await;
            c.send([job(1), answer].concat()).await;
            c.expect([done(1), sleep()].concat()).await;
            c.send(job(2)).await;
            c.expect(done(2)).await;
            c
        };
        let work = async {
            while !worker.is_waiting_directly() {
                assert!(poll_times(1, worker.next_job(None)).await.is_none());
                tokio::task::yield_now().await;
            }
            worker.set_id(b"me").unwrap();
            run(&mut worker, 1).await;
            run(&mut worker, 2).await;
        };
        join(server, work).await;
    });
}

#[test]
fn a_worker_with_unfinished_jobs_goes_on_directly() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            for n in 2..4 {
                assert_eq!(c.read().await, sleep());
                c.send(job(n)).await;
            }
            c.expect([done(1), done(3), done(2)].concat()).await;
            // It holds none any more, so a new connection can be made for one that does not wait.
            c.ended().await;
            let mut c = script.accept().await;
            c.expect([req(1, CAN_DO), req(39, "")].concat()).await;
            c.send(res(10, "")).await;
            c
        };
        let work = async {
            let mut jobs = Vec::new();
            for _ in 0..3 {
                jobs.push(worker.next_job(None).await.unwrap());
            }
            for i in [0, 2, 1] {
                worker.send(&mut jobs[i], Update::Complete(b"r")).unwrap();
            }
            assert_eq!(worker.grab_job(None).await.unwrap_err(), Error::NoJobs);
        };
        join(server, work).await;
    });
}

#[test]
fn a_call_that_does_not_wait_keeps_a_connection_with_unfinished_jobs() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            c.expect(req(39, "")).await;
            c.send(job(2)).await;
            c.expect([done(1), done(2)].concat()).await;
            c
        };
        let work = async {
            let mut one = worker.next_job(None).await.unwrap();
            let mut two = worker.grab_job(None).await.unwrap();
            worker.send(&mut one, Update::Complete(b"r")).unwrap();
            worker.send(&mut two, Update::Complete(b"r")).unwrap();
        };
        join(server, work).await;
    });
}

/// ERROR, or no answer before that of the grab. Both are remembered: the second connection is not asked.
#[test]
fn a_server_that_refuses_or_ignores_the_option_is_not_asked_again() {
    for refusal in [res(19, "UNKNOWN_OPTION\0Server does not recognize given option"), Vec::new()] {
        within(async move || {
            let script = Script::tcp().await;
            let mut worker = direct(&script);
            let server = async {
                let mut c = script.accept().await;
                c.expect(greeting()).await;
                c.send([refusal, res(10, "")].concat()).await;
                c.expect(req(4, "")).await;
                c.send(res(6, "")).await;
                c.expect(req(39, "")).await;
                c.send(job(1)).await;
                c.expect([done(1), req(39, "")].concat()).await;
                c.send(res(10, "")).await;
                c.expect(req(4, "")).await;
                drop(c);
                let mut c = script.accept().await;
                c.lull(CAN_DO.as_bytes()).await;
                let mut other = script.accept().await;
                other.lull(CAN_DO.as_bytes()).await;
                (c, other)
            };
            let mut second = direct(&script);
            let work = async {
                run(&mut worker, 1).await;
                let timeout = worker.next_job(soon()).await.unwrap_err();
                assert_eq!(timeout.code(), ReturnCode::Timeout);
                assert_eq!(second.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            };
            join(server, work).await;
        });
    }
}

/// It accepts every option, and knows only the classic assignment.
#[test]
fn a_server_that_says_yes_and_only_wakes() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let (ask, answer) = awake();
        let server = async {
            let mut c = asleep(&script).await;
            for n in 1..4 {
                c.send(res(6, "")).await;
                c.expect(req(39, "")).await;
                c.send(job(n)).await;
                c.expect([done(n), sleep()].concat()).await;
            }
            c.expect(&ask).await;
            // It is woken as it leaves: the next wait begins with the question.
            c.send([res(6, ""), answer].concat()).await;
            c.expect(req(39, "")).await;
            c.send(job(4)).await;
            c
        };
        let work = async {
            for n in 1..4 {
                run(&mut worker, n).await;
            }
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            run(&mut worker, 4).await;
        };
        join(server, work).await;
    });
}

#[test]
fn a_second_server_makes_the_worker_classic_over_a_new_connection() {
    within(async || {
        let (script, other) = (Script::tcp().await, Script::tcp().await);
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            c.expect(done(1)).await;
            c.ended().await;
            let (mut a, mut b) = join(script.accept(), other.accept()).await;
            b.lull(CAN_DO.as_bytes()).await; // the next to be asked
            a.lull(CAN_DO.as_bytes()).await;
            a.send(res(6, "")).await;
            a.expect(req(39, "")).await;
            a.send(job(2)).await;
            (a, b)
        };
        let work = async {
            run(&mut worker, 1).await;
            worker.add_server(other.server(), Vec::new());
            run(&mut worker, 2).await;
        };
        join(server, work).await;
    });
}

#[test]
fn a_classic_worker_is_made_so_over_a_new_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            let mut c = asleep(&script).await;
            c.send(job(1)).await;
            c.expect(done(1)).await;
            c.ended().await;
            let mut c = script.accept().await;
            c.lull(CAN_DO.as_bytes()).await;
            c
        };
        let work = async {
            run(&mut worker, 1).await;
            worker.classic = true;
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
        };
        join(server, work).await;
    });
}

#[test]
fn a_lost_connection_is_made_anew_and_asked_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = direct(&script);
        let server = async {
            for _ in 0..3 {
                asleep(&script).await;
            }
            let mut c = asleep(&script).await;
            c.drip(job(1)).await;
            c
        };
        join(server, run(&mut worker, 1)).await;
    });
}
