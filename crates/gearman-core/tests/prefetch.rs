//! Jobs asked for in advance.

use crate::util::{Script, join, req, res, soon, within, worker};
use gearman_core::ReturnCode;
use gearman_core::protocol::message::Update;
use gearman_core::worker::Worker;

fn grab(n: usize) -> Vec<u8> {
    req(39, "").repeat(n)
}

fn job(n: u32) -> Vec<u8> {
    res(31, format!("H:x:{n}\0f\0u\0w"))
}

fn done(n: u32) -> Vec<u8> {
    req(13, format!("H:x:{n}\0r"))
}

fn no_job(n: usize) -> Vec<u8> {
    res(10, "").repeat(n)
}

fn hoarder(script: &Script, prefetch: usize) -> Worker {
    let mut worker = worker(&[script.server()], b"f");
    worker.prefetch = prefetch;
    worker
}

async fn run(worker: &mut Worker, n: u32) {
    let mut job = worker.next_job(None).await.unwrap();
    assert_eq!(job.handle, format!("H:x:{n}"));
    worker.send(&mut job, Update::Complete(b"r")).unwrap();
}

#[test]
fn many_are_asked_for_in_one_write_and_seldom() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 4);
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send(job(1)).await;
            assert_eq!(c.read().await, [grab(4), done(1)].concat());
            c.send([job(2), job(3), job(4), job(5)].concat()).await;
            // Two are left when the third is begun.
            c.expect([done(2), grab(2), done(3)].concat()).await;
            c.send([job(6), no_job(1)].concat()).await;
            // It need not read that yet.
            c.expect([done(4), grab(2), done(5)].concat()).await;
            // Then it knows that there are no more, and asks no further.
            c.expect(done(6)).await;
            c.send(no_job(2)).await;
            c.expect(req(4, "")).await;
            c.send(res(6, "")).await;
            c.expect(grab(1)).await;
            c.send(job(7)).await;
            c.expect([grab(4), done(7)].concat()).await;
            c.send(no_job(4)).await;
            c.expect(req(4, "")).await;
            c
        };
        let work = async {
            for n in 1..8 {
                run(&mut worker, n).await;
            }
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
        };
        join(server, work).await;
    });
}

/// Our server reads nothing more from a worker for which more than a megabyte waits; this one reads nothing before all is
/// taken. A worker that only wrote waited for ever, and so did the server.
#[test]
fn jobs_in_advance_are_taken_in_while_a_large_result_is_written() {
    within(async || {
        const LARGE: usize = 32 << 20; // more than sockets hold
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 2);
        let large = |n: u32| res(31, [format!("H:x:{n}\0f\0u\0").as_bytes(), &vec![b'w'; LARGE]].concat());
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send(job(1)).await;
            c.expect(grab(2)).await;
            c.send([large(2), large(3)].concat()).await;
            assert_eq!(c.packet().await.unwrap().1.len(), "H:x:1\0".len() + LARGE);
            c.expect([done(1), grab(1), done(2), grab(1), done(3)].concat()).await;
            c
        };
        let work = async {
            let mut one = worker.next_job(None).await.unwrap();
            worker.send(&mut one, Update::Data(&vec![b'd'; LARGE])).unwrap();
            worker.flush_all(None).await.unwrap();
            worker.send(&mut one, Update::Complete(b"r")).unwrap();
            run(&mut worker, 2).await;
            run(&mut worker, 3).await;
        };
        join(server, work).await;
    });
}

#[test]
fn one_ahead() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 1);
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            for n in 1..5 {
                c.send(job(n)).await;
                c.expect([grab(1), done(n)].concat()).await;
            }
            c
        };
        let work = async {
            for n in 1..5 {
                run(&mut worker, n).await;
            }
        };
        join(server, work).await;
    });
}

#[test]
fn in_the_direct_way_it_sleeps_only_when_it_has_none() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 2);
        worker.classic = false;
        worker.abilities.add(b"f", 5000).unwrap(); // our server counts the time of a job that waits rightly
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(23, "f\x005000"), req(26, "all-yours"), grab(1)].concat()).await;
            c.send([res(27, "all-yours"), job(1)].concat()).await;
            c.expect([grab(2), done(1)].concat()).await;
            c.send([job(2), job(3)].concat()).await;
            c.expect([grab(1), done(2), grab(1), done(3)].concat()).await;
            c.send(no_job(2)).await;
            c.expect(req(4, "")).await;
            c.send(job(4)).await;
            c.expect([grab(2), done(4)].concat()).await;
            // The time is over before the grabs are answered: what comes is kept.
            c.expect(req(16, "awake")).await;
            c.send([job(5), job(6), res(17, "awake")].concat()).await;
            c.expect([done(5), grab(2), done(6)].concat()).await;
            c
        };
        let work = async {
            for n in 1..5 {
                run(&mut worker, n).await;
            }
            let mut job = worker.next_job(soon()).await.unwrap();
            assert_eq!(job.handle, "H:x:5");
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            run(&mut worker, 6).await;
        };
        join(server, work).await;
    });
}

/// Its clock would run while a job waits.
#[test]
fn none_are_asked_for_where_a_function_has_a_timeout() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 4);
        worker.abilities.add(b"g", 1000).unwrap();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(23, "g\x001000"), req(1, "f"), grab(1)].concat()).await;
            c.send(job(1)).await;
            c.expect([done(1), grab(1)].concat()).await;
            c.send(job(2)).await;
            c.expect(done(2)).await;
            c
        };
        let work = async {
            run(&mut worker, 1).await;
            run(&mut worker, 2).await;
        };
        join(server, work).await;
    });
}

/// With CANT_DO the server takes them back, those that are on their way too.
#[test]
fn jobs_of_a_function_that_is_taken_away_are_not_run() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 4);
        worker.abilities.add(b"g", 0).unwrap();
        let other = |n| res(31, format!("H:g:{n}\0g\0u\0w"));
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "g"), req(1, "f"), grab(1)].concat()).await;
            c.send(job(1)).await;
            c.expect([grab(4), done(1)].concat()).await;
            c.send([job(2), other(1)].concat()).await;
            c.expect(done(2)).await;
            c.expect([req(16, "awake"), req(2, "g")].concat()).await;
            c.send([other(2), res(17, "awake"), job(3)].concat()).await;
            c.expect([grab(4), done(3)].concat()).await;
            c
        };
        let work = async {
            run(&mut worker, 1).await;
            run(&mut worker, 2).await;
            worker.abilities.remove(b"g").unwrap();
            run(&mut worker, 3).await;
        };
        join(server, work).await;
    });
}

#[test]
fn those_that_wait_are_gone_with_the_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 4);
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send([job(1), job(2), job(3)].concat()).await;
            c.expect([grab(2)].concat()).await;
            c.ended().await;
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send(job(4)).await;
            c.expect(grab(4)).await;
            c.ended().await;
        };
        let work = async {
            let job = worker.next_job(None).await.unwrap();
            // As exit() in a function does.
            worker.give_back(&job);
            let job = worker.next_job(None).await.unwrap();
            assert_eq!(job.handle, "H:x:4");
            drop(worker);
        };
        join(server, work).await;
    });
}

/// It was kept for the next call, which ran it though the server had given it to another worker.
#[test]
fn a_job_whose_connection_ends_at_the_next_word_is_waited_for_again() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = hoarder(&script, 2);
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send([job(1), b"rubbish".to_vec()].concat()).await;
            let mut c = script.accept().await;
            c.expect([req(1, "f"), grab(1)].concat()).await;
            c.send(job(2)).await;
            c.expect([grab(2), done(2)].concat()).await;
            c
        };
        let work = async {
            worker.wait_for_job(None).await.unwrap();
            run(&mut worker, 2).await;
        };
        join(server, work).await;
    });
}
