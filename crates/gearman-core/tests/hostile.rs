//! Peers that do not behave: each costs one call at most, and the next connection is as good as new.

use crate::util::{
    Script, Wire, alone, ask, client_with, echo, events, join, pass, req, res, soon, within, worker_with,
};
use gearman_core::client::task::Ask;
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;

/// What a hostile server sends before it waits for the end, and what must be reported.
fn lies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("rubbish", b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "wrong magic \"HTTP\""),
        ("rubbish after a good start", b"\0REX".to_vec(), "wrong magic"),
        ("the magic of a request", req(17, "one"), "ECHO_RES with the magic of a request"),
        ("four gigabytes", b"\0RES\0\0\0\x11\xff\xff\xff\xff".to_vec(), "a packet of 4294967295 bytes from "),
        ("one byte too many", res(17, [0; 1001]), "packet of 1001 bytes"),
        ("a command that does not exist", res(5, ""), "unknown command 5"),
        ("a command above all others", res(u32::MAX, ""), "unknown command 4294967295"),
        ("a request as an answer", res(7, "f\0\0w"), "SUBMIT_JOB is not an answer"),
        ("too few arguments", res(20, "H:x:1"), "STATUS_RES with too few arguments"),
    ]
}

fn modest() -> Settings {
    Settings { max_packet: 1000, ..Settings::default() }
}

/// A connection over which nothing wrong is sent.
async fn honest(script: &Script) -> Wire {
    let mut c = script.accept().await;
    c.expect(req(16, "two")).await;
    c.send(res(17, "two")).await;
    c
}

/// Each case in the clear and over TLS.
fn twice<T: Clone>(cases: impl IntoIterator<Item = T>) -> impl Iterator<Item = (bool, T)> {
    cases.into_iter().flat_map(|case| [(false, case.clone()), (true, case)])
}

async fn script(tls: bool) -> Script {
    if tls { Script::tls().await } else { Script::tcp().await }
}

#[test]
fn a_client_survives_lies() {
    let only_workers = "what only workers get";
    let client_lies = [
        ("another answer", res(8, "H:x:1"), "JOB_CREATED where another answer was due"),
        ("an option nobody asked for", res(27, "exceptions"), "OPTION_RES"),
        ("a job", res(11, "H:x:1\0f\0w"), only_workers),
        ("no job", res(10, ""), only_workers),
        ("a wake-up call", res(6, ""), only_workers),
    ];
    within(async move || {
        for (tls, (what, lie, reason)) in twice(lies().into_iter().chain(client_lies)) {
            let script = script(tls).await;
            let mut client = client_with(modest(), &[script.server()]);
            let server = async {
                let mut c = script.accept().await;
                c.expect(req(16, "one")).await;
                c.try_send(lie).await;
                c.ended().await;
                honest(&script).await
            };
            let calls = async {
                let error = ask(&mut client, Ask::echo(b"one").unwrap(), None).await.unwrap_err();
                assert!(error.closes(), "{what}: {error}");
                assert!(error.to_string().contains(reason), "{what}: {error}");
                let named = error.to_string().contains(&script.server().to_string());
                assert!(named, "{what}: {error}");
                echo(&mut client, b"two").await;
            };
            join(server, calls).await;
        }
    });
}

#[test]
fn a_client_is_told_where_the_stream_ended() {
    within(async || {
        let cases = [
            (Vec::new(), "the server closed the connection"),
            (res(17, "one")[..5].to_vec(), "the server closed the connection in the middle of a packet, after 5 bytes"),
            (
                res(17, "one")[..14].to_vec(),
                "the server closed the connection in the middle of a packet, after 14 bytes",
            ),
        ];
        for (tls, (start, reason)) in twice(cases) {
            let script = script(tls).await;
            let mut client = script.client();
            let server = async {
                let mut c = script.accept().await;
                c.expect(req(16, "one")).await;
                c.send(start).await;
                drop(c);
                honest(&script).await
            };
            let calls = async {
                let error = ask(&mut client, Ask::echo(b"one").unwrap(), None).await;
                assert_eq!(error, Err(Error::lost(script.server(), reason)));
                echo(&mut client, b"two").await;
            };
            join(server, calls).await;
        }
    });
}

#[test]
fn an_answer_that_nobody_asked_for_is_not_the_next_calls() {
    within(async || {
        // In the same read as an answer; and later, whole or in part.
        for (tls, (at_once, later)) in twice([
            (res(17, "unasked"), Vec::new()),
            (Vec::new(), res(17, "unasked")),
            (res(17, "unasked")[..7].to_vec(), Vec::new()),
        ]) {
            let script = script(tls).await;
            let mut client = script.client();
            let server = async {
                let mut c = script.accept().await;
                c.expect(req(16, "one")).await;
                c.send([res(17, "one"), at_once].concat()).await;
                c
            };
            let (mut c, ()) = join(server, echo(&mut client, b"one")).await;
            c.send(&later).await;
            pass(Duration::from_secs(1)).await;
            let server = async {
                c.ended().await;
                honest(&script).await
            };
            join(server, echo(&mut client, b"two")).await;
        }
    });
}

#[test]
fn news_of_unknown_jobs_are_of_no_interest() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "two")).await;
            c.send([res(13, "H:x:9\0r"), res(14, "H:x:9"), res(28, "H:x:9\0d"), res(17, "two")].concat()).await;
            c
        };
        join(server, echo(&mut client, b"two")).await;
    });
}

#[test]
fn a_client_does_not_connect_for_ever_to_what_closes_at_once() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.begin();
        for n in 0..100 {
            client.add(Ask::submit(Priority::Normal, true, b"f", b"", &[n]).unwrap());
        }
        let server = async {
            let mut connections = 0;
            loop {
                drop(script.accept().await);
                connections += 1;
                assert!(connections <= 100);
            }
        };
        tokio::select! {
            () = server => {}
            events = alone(events(&mut client)) => assert_eq!(events.len(), 100),
        }
    });
}

#[test]
fn a_worker_survives_lies() {
    let worker_lies = [
        ("a handle", res(8, "H:x:1"), "a worker got JOB_CREATED"),
        ("an echo", res(17, "x"), "ECHO_RES without having asked"),
        ("an option", res(27, "x"), "OPTION_RES without having asked"),
        ("no job, twice", [res(10, ""), res(10, "")].concat(), "NO_JOB without having asked"),
    ];
    within(async move || {
        for (tls, (what, lie, reason)) in twice(lies().into_iter().chain(worker_lies)) {
            let script = script(tls).await;
            let mut worker = worker_with(modest(), &[script.server()], b"f");
            let server = async {
                let mut c = script.accept().await;
                c.expect([req(1, "f"), req(39, "")].concat()).await;
                c.try_send(lie).await;
                while c.packet().await.is_some() {}
                let mut c = script.accept().await;
                c.expect([req(1, "f"), req(39, "")].concat()).await;
                c.send(res(31, "H:x:1\0f\0u\0w")).await;
                c
            };
            let work = async {
                let error = worker.next_job(None).await.unwrap_err();
                assert!(error.closes(), "{what}: {error}");
                assert!(error.to_string().contains(reason), "{what}: {error}");
                let job = worker.next_job(None).await.unwrap();
                assert_eq!(&job.handle[..], b"H:x:1", "{what}");
            };
            join(server, work).await;
        }
    });
}

/// It was connected to again and again, as fast as the machine can.
#[test]
fn a_worker_reports_a_server_that_closes_at_once_and_rests_before_it_tries_again() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            loop {
                drop(script.accept().await);
            }
        };
        let work = async {
            for _ in 0..4 {
                let error = worker.next_job(None).await.unwrap_err();
                assert_eq!(error.code(), ReturnCode::LostConnection, "{error}");
            }
            // It rests now, for far longer than this.
            let none = worker.next_job(Some(tokio::time::Instant::now())).await.unwrap_err();
            assert_eq!(none.code(), ReturnCode::LostConnection);
        };
        tokio::select! { () = server => {}, () = alone(work) => {} }
    });
}

/// A server that has closed what it accepted, and its worker, which may try it again at once.
async fn closed_once() -> (Script, Worker) {
    let script = Script::tcp().await;
    let mut worker = script.worker(b"f");
    let (_, lost) = join(async { drop(script.accept().await) }, worker.next_job(None)).await;
    assert_eq!(lost.unwrap_err().code(), ReturnCode::LostConnection);
    pass(Duration::from_secs(1)).await;
    (script, worker)
}

/// What a worker is told at the end of its time does not depend on what its server does at that moment.
#[test]
fn a_worker_whose_time_is_up_hears_of_a_server_that_closes_what_it_accepts_until_one_proves_good() {
    within(async || {
        let (script, mut worker) = closed_once().await;
        // It has accepted once more, and has not closed yet.
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(1, "f"), req(39, "")].concat()).await;
            c
        };
        let (mut c, none) = join(server, worker.next_job(soon())).await;
        assert_eq!(none.unwrap_err().code(), ReturnCode::LostConnection);

        let server = async {
            c.send(res(10, "")).await;
            c.expect(req(4, "")).await;
            c
        };
        let (_c, none) = join(server, worker.next_job(soon())).await;
        assert_eq!(none.unwrap_err().code(), ReturnCode::Timeout);
    });
}

#[test]
fn a_worker_whose_time_is_up_does_not_hear_of_earlier_connections_when_one_lasts() {
    within(async || {
        let (script, mut worker) = closed_once().await;
        let (_c, none) = join(script.accept(), worker.next_job(soon())).await;
        assert_eq!(none.unwrap_err().code(), ReturnCode::LostConnection);
        // A server that hangs is not one that closes.
        pass(Duration::from_secs(1)).await;
        assert_eq!(worker.next_job(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
    });
}

/// That it knows an option was taken for a sign that it is of use: it was tried again and again until the time was up,
/// and the call ended with what the server had come to just then.
#[test]
fn a_server_that_knows_an_option_and_closes_is_of_no_use_to_a_worker() {
    within(async || {
        for answer in [res(27, "all-yours"), res(19, "UNKNOWN_OPTION\0what?")] {
            let script = Script::tcp().await;
            let mut worker = script.worker(b"f");
            worker.classic = false;
            let server = async {
                let mut c = script.accept().await;
                c.expect([req(1, "f"), req(26, "all-yours"), req(39, "")].concat()).await;
                c.send(answer).await;
            };
            let ((), lost) = join(server, worker.next_job(None)).await;
            let error = lost.unwrap_err();
            assert_eq!(error, Error::lost(script.server(), "the server closed the connection"));
        }
    });
}

#[test]
fn a_worker_is_not_disturbed_by_errors_that_concern_nothing_it_waits_for() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        worker.want_exceptions();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(26, "exceptions"), req(1, "f"), req(39, "")].concat()).await;
            c.send(res(19, "UNKNOWN_OPTION\0what?")).await;
            c.send(res(11, "H:x:1\0f\0w")).await;
            c.expect([req(13, "H:x:1\0r"), req(39, "")].concat()).await;
            c.send(res(19, "JOB_NOT_FOUND\0Job given in work result not found")).await;
            c.send(res(11, "H:x:2\0f\0w")).await;
            c
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            assert_eq!(&worker.next_job(None).await.unwrap().handle[..], b"H:x:2");
        };
        join(server, work).await;
    });
}
