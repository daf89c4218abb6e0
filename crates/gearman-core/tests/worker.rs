//! A worker and one or more servers.

use crate::util::{
    Script, hanging, impatient, join, pass, poll_times, refusing, req, res, soon, unused_path, within, worker,
    worker_with,
};
use gearman_core::net::address::ServerAddress;
use gearman_core::protocol::message::{Grab, Update};
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::time::Instant;

const GOOD: Duration = Duration::from_secs(5);

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
fn the_first_failure_to_connect_is_told_at_once_and_later_tries_pause() {
    within(async || {
        // Refused without any packet, so that only the runtime's clock, which is paused, tells the time.
        tokio::time::pause();
        let mut worker = worker(&[ServerAddress::Unix(unused_path())], b"f");
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let begun = Instant::now();
            let error = worker.next_job(None).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::CouldNotConnect);
            pauses.push(begun.elapsed());
        }
        assert_eq!(pauses[0], Duration::ZERO);
        for (n, pause) in pauses[1..].iter().enumerate() {
            let (least, most) = (15 << n.min(6), (25 << n.min(6)).min(1250));
            let expected = Duration::from_millis(least.min(750))..=Duration::from_millis(most + 1);
            assert!(expected.contains(pause), "{n}: {pause:?} not in {expected:?}");
        }
        // The pause does not outlast the caller's patience; the reason is reported again.
        let begun = Instant::now();
        let error = worker.next_job(Some(begun + Duration::from_millis(100))).await;
        assert_eq!(error.unwrap_err().code(), ReturnCode::CouldNotConnect);
        assert!((100..=101).contains(&begun.elapsed().as_millis()));
        // A call that does not wait fails at once, each time.
        let begun = Instant::now();
        for _ in 0..3 {
            let error = worker.grab_job(None).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::CouldNotConnect);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_server_that_hangs_in_connecting_is_given_up() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut worker = worker_with(impatient(), std::slice::from_ref(&server), b"f");
        let expected = format!("could not connect to {server}: no answer within 50 ms");
        assert_eq!(worker.connect_all().await.unwrap_err().to_string(), expected);
        assert_eq!(worker.next_job(None).await.unwrap_err().to_string(), expected);
        assert_eq!(worker.grab_job(None).await.unwrap_err().to_string(), expected);
        assert_eq!(worker.echo(0, b"x", None).await.unwrap_err().to_string(), expected);
    });
}

#[test]
fn servers_that_are_down_or_hang_do_not_keep_jobs_of_others_away() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let (_socket, down) = refusing();
        let script = Script::tcp().await;
        let mut worker = worker_with(impatient(), &[hangs, down, script.server()], b"f");
        let server = async {
            let mut c = script.accept().await;
            c.lull(b"f").await;
            tokio::time::sleep(3 * impatient().connect_timeout).await;
            c.send(res(6, "")).await;
            c.expect(req(39, "")).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let (_, job) = join(server, worker.next_job(None)).await;
        assert_eq!(&job.unwrap().handle[..], b"H:x:1");
    });
}

#[test]
fn jobs_come_from_every_server_also_while_one_has_none() {
    within(async || {
        let (idle, busy) = (Script::tcp().await, Script::tcp().await);
        let mut worker = worker(&[idle.server(), busy.server()], b"f");
        let server = async {
            let (mut a, mut b) = join(idle.accept(), busy.accept()).await;
            a.lull(b"f").await;
            b.expect(req(1, "f")).await;
            for n in 0..5 {
                b.expect(req(39, "")).await;
                b.send(res(31, format!("H:b:{n}\0f\0u\0w"))).await;
                b.expect(req(13, format!("H:b:{n}\0r"))).await;
            }
            // Now both have jobs: they alternate. The one that gave the last job is asked last.
            a.send(res(6, "")).await;
            b.expect(req(39, "")).await;
            // It is asked already, or not yet: whichever, its answer decides.
            b.send(res(31, "H:b:5\0f\0u\0w")).await;
            b.expect(req(13, "H:b:5\0r")).await;
            a.expect(req(39, "")).await;
            a.send(res(31, "H:a:0\0f\0u\0w")).await;
            a.expect(req(13, "H:a:0\0r")).await;
            b.expect(req(39, "")).await;
            b.send(res(31, "H:b:6\0f\0u\0w")).await;
            (a, b)
        };
        let work = async {
            let mut handles = Vec::new();
            for _ in 0..8 {
                let mut job = worker.next_job(None).await.unwrap();
                handles.push(String::from_utf8(job.handle.to_vec()).unwrap());
                worker.send(&mut job, Update::Complete(b"r")).unwrap();
            }
            handles
        };
        let (_, handles) = join(server, work).await;
        assert_eq!(handles.join(" "), "H:b:0 H:b:1 H:b:2 H:b:3 H:b:4 H:b:5 H:a:0 H:b:6");
    });
}

/// A worker whose connection ended while it waited never looked at the server again.
#[test]
fn a_worker_connects_anew_and_says_again_who_it_is() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        worker.abilities.add(b"g", 5000).unwrap();
        worker.set_id(b"w1").unwrap();
        worker.want_exceptions();
        let greeting = [req(22, "w1"), req(26, "exceptions"), req(23, "g\x005000"), req(1, "f"), req(39, "")].concat();
        let server = async {
            for _ in 0..2 {
                let mut c = script.accept().await;
                c.expect(&greeting).await;
                c.send([res(27, "exceptions"), res(10, "")].concat()).await;
                c.expect(req(4, "")).await;
            }
            let mut c = script.accept().await;
            c.expect(&greeting).await;
            c.send(res(27, "exceptions")).await;
            c.drip(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let (_, job) = join(server, worker.next_job(None)).await;
        assert_eq!(&job.unwrap().handle[..], b"H:x:1");
    });
}

#[test]
fn a_worker_over_a_unix_socket_whose_server_restarts() {
    within(async || {
        let script = Script::unix();
        let mut worker = worker_with(impatient(), &[script.server()], b"f");
        let server = async {
            let mut c = script.accept().await;
            c.lull(b"f").await;
            // When even the time to connect, which wakes the worker once more, is over.
            tokio::time::sleep(2 * impatient().connect_timeout).await;
            drop(c);
            let mut c = script.accept().await;
            c.lull(b"f").await;
            c.send(res(6, "")).await;
            c.expect(req(39, "")).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let (_, job) = join(server, worker.next_job(None)).await;
        assert_eq!(&job.unwrap().handle[..], b"H:x:1");
    });
}

/// A server with rules: what it does not allow is reported, once each, and the worker waits on for the rest. It neither asks
/// again and again, nor takes what comes next for the end of its wait.
#[test]
fn a_function_that_is_refused_is_reported_and_the_others_go_on() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        worker.grab = Grab::Uniq;
        worker.abilities.add(b"g", 0).unwrap();
        worker.abilities.add(b"h", 0).unwrap();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "h"), req(1, "g"), req(1, "f"), req(30, "")].concat()).await;
            let refused = |f: &str| res(19, format!("PERMISSION_DENIED\0no right to work {f}"));
            c.send([refused("h"), refused("f"), res(10, "")].concat()).await;
            c.expect(req(4, "")).await;
            // Another error is of no interest, as before.
            c.send([res(19, "JOB_NOT_FOUND\0x"), res(6, "")].concat()).await;
            c.expect(req(30, "")).await;
            c.send(res(31, "H:x:1\0g\0u\0w")).await;
            c
        };
        let name = script.server().to_string();
        let work = async {
            for function in ["h", "f"] {
                let error = worker.next_job(None).await.unwrap_err();
                assert_eq!(error.code(), ReturnCode::ServerError);
                let expected = format!("server {name} refused: no right to work {function} (PERMISSION_DENIED)");
                assert_eq!(error.to_string(), expected);
            }
            worker.next_job(None).await
        };
        let (_, job) = join(server, work).await;
        assert_eq!(&job.unwrap().function[..], b"g");
    });
}

#[test]
fn changed_abilities_are_told_before_the_next_grab() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        worker.grab = Grab::Uniq;
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(30, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c.expect([req(13, "H:x:1\0r"), req(2, "f"), req(1, "g"), req(30, "")].concat()).await;
            c.send(res(10, "")).await;
            c.expect(req(4, "")).await;
            // Asleep; a new function must not wait for a wake-up call that is for the others.
            c.expect([req(23, "h\x001000"), req(30, "")].concat()).await;
            c.send(res(10, "")).await;
            c.expect(req(4, "")).await;
            c.expect([req(3, ""), req(1, "i"), req(30, "")].concat()).await;
            c.send(res(31, "H:x:2\0i\0u\0w")).await;
            c
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            worker.abilities.remove(b"f").unwrap();
            worker.abilities.add(b"g", 0).unwrap();
            let timeout = worker.next_job(soon()).await.unwrap_err();
            assert_eq!(timeout.code(), ReturnCode::Timeout);
            worker.abilities.add(b"h", 1000).unwrap();
            let timeout = worker.next_job(soon()).await.unwrap_err();
            assert_eq!(timeout.code(), ReturnCode::Timeout);
            worker.abilities.clear().unwrap();
            assert_eq!(worker.next_job(None).await.unwrap_err(), Error::NoFunctions);
            worker.abilities.add(b"i", 0).unwrap();
            assert_eq!(&worker.next_job(None).await.unwrap().function[..], b"i");
        };
        join(server, work).await;
    });
}

#[test]
fn a_job_whose_connection_was_lost_can_not_be_answered() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            drop(c);
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            // Nothing of the first one's answer, though it has the same handle.
            c.expect(req(13, "H:x:1\0second")).await;
            c
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
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let storm = res(6, "").repeat(20_000);
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(&storm).await;
            c.send(res(10, "")).await;
            c.expect(req(4, "")).await;
            c.send(res(6, "").repeat(50)).await;
            c.expect(req(39, "")).await; // one grab for all of them
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c.expect([req(13, "H:x:1\0r"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:2\0f\0u\0w")).await;
            c
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            worker.next_job(None).await.unwrap();
        };
        join(server, work).await;
    });
}

#[test]
fn a_job_that_comes_after_the_timeout_is_the_next_calls() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let accept = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c
        };
        let (mut c, timeout) = join(accept, worker.next_job(soon())).await;
        let timeout = timeout.unwrap_err();
        assert_eq!(timeout.code(), ReturnCode::Timeout);
        assert!(timeout.to_string().contains(&script.server().to_string()), "{timeout}");
        c.send(res(31, "H:x:1\0f\0u\0w")).await;
        assert_eq!(&worker.next_job(None).await.unwrap().handle[..], b"H:x:1");
        c.send(res(31, "H:x:2\0f\0u\0w")).await; // not asked for, and yet a job
        assert_eq!(&worker.grab_job(None).await.unwrap().handle[..], b"H:x:2");
    });
}

#[test]
fn who_does_not_wait_asks_every_server_each_time() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut worker = worker(&[first.server(), second.server()], b"f");
        let server = async {
            let (mut a, mut b) = join(first.accept(), second.accept()).await;
            a.expect(req(1, "f")).await;
            b.expect(req(1, "f")).await;
            for _ in 0..2 {
                a.expect(req(39, "")).await;
                a.send(res(10, "")).await;
                b.expect(req(39, "")).await;
                b.send(res(10, "")).await;
            }
            a.expect(req(39, "")).await;
            a.send(res(10, "")).await;
            b.expect(req(39, "")).await;
            b.send(res(31, "H:b:1\0f\0u\0w")).await;
            (a, b)
        };
        let work = async {
            worker.connect_all().await.unwrap();
            for _ in 0..2 {
                assert_eq!(worker.grab_job(None).await.unwrap_err(), Error::NoJobs);
            }
            assert_eq!(&worker.grab_job(None).await.unwrap().handle[..], b"H:b:1");
        };
        join(server, work).await;
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
        let mut c = script.accept().await;
        assert_eq!(worker.try_next_job().await.unwrap_err(), Error::WouldBlock);
        c.expect([req(1, "f"), req(39, "")].concat()).await;
        c.send(res(10, "")).await;
        let mut look = async || loop {
            match worker.try_next_job().await {
                Err(Error::WouldBlock) => {}
                other => break other,
            }
        };
        assert_eq!(look().await.unwrap_err(), Error::NoJobs);
        c.expect(req(4, "")).await;
        c.send(res(6, "")).await;
        let (_, job) = join(
            async {
                c.expect(req(39, "")).await;
                c.send(res(31, "H:x:1\0f\0u\0w")).await;
            },
            worker.wait_for_job(None),
        )
        .await;
        job.unwrap();
        let job = worker.try_next_job().await.unwrap();
        assert_eq!(&job.handle[..], b"H:x:1");
        worker.give_back(&job);
        c.ended().await;
    });
}

#[test]
fn who_does_not_wait_connects_anew_in_the_same_call() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let first = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(10, "")).await;
            c
        };
        let (c, none) = join(first, worker.grab_job(None)).await;
        assert_eq!(none.unwrap_err(), Error::NoJobs);
        drop(c);
        pass(GOOD).await;
        let second = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let (_, job) = join(second, worker.grab_job(None)).await;
        assert_eq!(&job.unwrap().handle[..], b"H:x:1");
    });
}

#[test]
fn a_job_that_comes_before_an_echo_is_kept() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.lull(b"f").await;
            c.expect(req(16, "data")).await;
            c.send([res(31, "H:x:1\0f\0u\0w"), res(17, "data")].concat()).await;
            c.expect(req(13, "H:x:1\0r")).await;
            c
        };
        let work = async {
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            worker.echo(0, b"data", None).await.unwrap();
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
        };
        join(server, work).await;
    });
}

#[test]
fn a_job_that_was_kept_is_gone_with_its_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "data")).await;
            c.send([res(31, "H:x:1\0f\0u\0w"), res(17, "data")].concat()).await;
            c.expect(req(16, "more")).await;
            drop(c);
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:2\0f\0u\0w")).await;
            c
        };
        let work = async {
            worker.echo(0, b"data", None).await.unwrap();
            let lost = worker.echo(0, b"more", None).await.unwrap_err();
            assert_eq!(lost.code(), ReturnCode::LostConnection);
            assert_eq!(&worker.next_job(None).await.unwrap().handle[..], b"H:x:2");
        };
        join(server, work).await;
    });
}

/// A server may take any packet of a sleeping worker for the end of its sleep, and would not wake it.
#[test]
fn who_spoke_in_its_sleep_asks_again() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.lull(b"f").await;
            c.expect(req(16, "data")).await;
            c.send(res(17, "data")).await;
            c.expect(req(39, "")).await;
            c.send(res(10, "")).await;
            c.expect(req(4, "")).await;
            c.expect([req(22, "w1"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let work = async {
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            worker.echo(0, b"data", None).await.unwrap();
            assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            worker.set_id(b"w1").unwrap();
            worker.next_job(None).await.unwrap();
        };
        join(server, work).await;
    });
}

#[test]
fn an_echo_that_was_given_up_is_not_the_next_ones() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(16, "one"), req(16, "two"), req(16, "three")].concat()).await;
            c.send([res(17, "one"), res(17, "two"), res(17, "three")].concat()).await;
            c.expect(req(16, "four")).await;
            c.send(res(17, "other")).await;
            c
        };
        let work = async {
            // One ends by its timeout; one is dropped, as by an exception of a signal handler.
            assert_eq!(worker.echo(0, b"one", soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            assert!(poll_times(1, worker.echo(0, b"two", None)).await.is_none());
            worker.echo(0, b"three", None).await.unwrap();
            let corrupted = worker.echo(0, b"four", None).await.unwrap_err();
            assert_eq!(corrupted.code(), ReturnCode::EchoDataCorruption);
        };
        join(server, work).await;
    });
}

#[test]
fn large_results_are_written_as_the_server_takes_them() {
    within(async || {
        const LARGE: usize = 8 << 20;
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, "H:x:1\0f\0u\0w")).await;
            c
        };
        let (mut c, job) = join(server, worker.next_job(None)).await;
        let mut job = job.unwrap();
        worker.send(&mut job, Update::Complete(&vec![7; LARGE])).unwrap();
        assert!(worker.has_output());
        assert_eq!(worker.flush_all(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
        let read = async {
            let (number, body) = c.packet().await.unwrap();
            assert_eq!((number, body.len()), (13, 6 + LARGE));
        };
        let (_, flushed) = join(read, worker.flush_all(None)).await;
        flushed.unwrap();
        assert!(!worker.has_output());
    });
}

#[test]
fn large_jobs_arrive_whole() {
    within(async || {
        const LARGE: usize = 9 << 20;
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c.send(res(31, [&b"H:x:1\0f\0u\0"[..], &vec![9; LARGE]].concat())).await;
            c
        };
        let (_, job) = join(server, worker.next_job(None)).await;
        let job = job.unwrap();
        assert!(job.workload.len() == LARGE && job.workload.iter().all(|b| *b == 9));
    });
}

#[test]
fn ids_that_can_not_be_shown_are_refused() {
    let mut worker = Worker::default();
    for bad in [&b""[..], b"a b", b"a\0", b"a\n", "\u{e4}".as_bytes(), &[b'x'; 255]] {
        assert!(matches!(worker.set_id(bad), Err(Error::Argument(_))));
    }
    worker.set_id(&[b'x'; 254]).unwrap();
}
