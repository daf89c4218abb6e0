//! Whose an answer is: late ones, halves of them, refusals, and those of several tasks of one job.

use super::{background, bytes, submit};
use crate::conversation::*;
use crate::util::{Script, ask, client_with, echo, end, events, join, pass, within};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::server_connection::Settings;
use gearman_core::{Error, ReturnCode};
use std::collections::HashSet;
use std::time::Duration;

#[test]
fn a_late_answer_is_nobody_elses() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut server = script.conversation().await;
            server.expect(ECHO_REQ, "one").await;
            time_is_up().await;
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            time_is_up().await;
            server.expect(ECHO_REQ, "two").await;
            server.reply_at_once(&[ECHO_RES.with("one"), JOB_CREATED.with("H:x:1"), ECHO_RES.with("two")]).await;
            // The same handle for another job is not possible; the old one's result is for nobody.
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            let (old, new) = (WORK_COMPLETE.with("H:x:1\0old"), WORK_COMPLETE.with("H:x:2\0new"));
            server.reply_at_once(&[old, JOB_CREATED.with("H:x:2"), new]).await;
            server
        };
        let calls = async {
            let error = ask(&mut client, Ask::echo(b"one").unwrap(), until_told()).await.unwrap_err();
            let Error::Timeout { server, waited } = &error else {
                panic!("{error}");
            };
            assert_eq!((server, error.code()), (&script.server().to_string(), ReturnCode::Timeout));
            assert!(*waited > 0);
            let error = ask(&mut client, submit("", b"w"), until_told()).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::Timeout);
            echo(&mut client, b"two").await;
            let new = ask(&mut client, submit("", b"w"), None).await;
            assert_eq!(new, Ok(Event::Complete(bytes("new"))));
        };
        join(server, calls).await;
    });
}

#[test]
fn half_an_answer_that_comes_too_late_is_nobody_elses_either() {
    client_meets(
        async |script| {
            let answer = ECHO_RES.with("one").answer();
            let mut server = script.conversation().await;
            server.expect(ECHO_REQ, "one").await;
            server.send(&answer[..6]).await;
            time_is_up().await;
            server.expect(ECHO_REQ, "two").await;
            server.send([&answer[6..], &ECHO_RES.with("two").answer()].concat()).await;
            server
        },
        async |client| {
            let error = ask(client, Ask::echo(b"one").unwrap(), until_told()).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::Timeout);
            echo(client, b"two").await;
        },
    );
}

#[test]
fn refusals_name_the_code_and_leave_the_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let cases = [
            ("QUEUE_ERROR", ReturnCode::QueueError),
            ("GEARMAN_QUEUE_ERROR", ReturnCode::QueueError),
            ("NEWS_TO_US", ReturnCode::ServerError),
        ];
        let server = async {
            let mut server = script.conversation().await;
            for (name, _) in cases {
                server.expect(SUBMIT_JOB_BG, "f\0\0w").await;
                server.reply(ERROR, format!("{name}\0Job queue is full")).await;
            }
            server
        };
        let calls = async {
            for (name, code) in cases {
                let error = ask(&mut client, background(b"w"), None).await.unwrap_err();
                assert_eq!(error.code(), code);
                assert!(!error.closes());
                let server = script.server();
                assert_eq!(error.to_string(), format!("server {server} refused: Job queue is full ({name})"));
            }
        };
        join(server, calls).await;
    });
}

#[test]
fn answers_may_come_byte_by_byte() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            let (part, end) = (WORK_DATA.with("H:x:1\0a\0"), WORK_COMPLETE.with("H:x:1\0b"));
            server.drip(&[JOB_CREATED.with("H:x:1"), part, end]).await;
            server
        },
        async |client| {
            let result = ask(client, submit("", b"w"), None).await;
            assert_eq!(result, Ok(Event::Complete(bytes("a\0b"))));
        },
    );
}

#[test]
fn tasks_with_the_same_key_each_get_their_copy() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0key\0w").await;
            server.expect(SUBMIT_JOB, "f\0key\0w").await;
            // One packet while only the first is known, then two of each.
            let packets = [
                JOB_CREATED.with("H:x:1"),
                WORK_DATA.with("H:x:1\0early"),
                JOB_CREATED.with("H:x:1"),
                WORK_DATA.with("H:x:1\0data"),
                WORK_DATA.with("H:x:1\0data"),
                WORK_COMPLETE.with("H:x:1\0end"),
                WORK_COMPLETE.with("H:x:1\0end"),
            ];
            server.reply_at_once(&packets).await;
            server
        },
        async |client| {
            client.begin();
            let (a, b) = (client.add(submit("key", b"w")), client.add(submit("key", b"w")));
            let received = events(client).await;
            let of = |task| {
                let events = received.iter().filter(move |(id, _)| *id == task);
                events.map(|(_, e)| e.clone()).collect::<Vec<_>>()
            };
            let (created, data) = (Event::Created(bytes("H:x:1")), Event::Data(bytes("data")));
            let complete = Event::Complete(bytes("end"));
            let early = Event::Data(bytes("early"));
            assert_eq!(of(a), [created.clone(), early, data.clone(), complete.clone()]);
            assert_eq!(of(b), [created, data, complete]);
        },
    );
}

#[test]
fn exceptions_are_wished_for_on_each_connection_before_anything_else() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.want_exceptions();
        for answer in [OPTION_RES.with("exceptions"), ERROR.with("UNKNOWN_OPTION\0what?")] {
            let server = async {
                let mut server = script.conversation().await;
                server.expect(OPTION_REQ, "exceptions").await;
                server.expect(ECHO_REQ, "one").await;
                server.reply_at_once(&[answer, ECHO_RES.with("one")]).await;
                server.echo("two").await;
            };
            let calls = async {
                echo(&mut client, b"one").await;
                echo(&mut client, b"two").await;
            };
            join(server, calls).await;
            pass(Duration::from_secs(1)).await;
        }
    });
}

#[test]
fn the_parts_of_a_result_have_a_limit_together() {
    within(async || {
        let script = Script::tcp().await;
        let settings = Settings { max_packet: 100, ..Settings::default() };
        let mut client = client_with(settings, &[script.server()]);
        let server = async {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            server.reply(JOB_CREATED, "H:x:1").await;
            for _ in 0..3 {
                server.reply(WORK_DATA, [b"H:x:1\0", &[b'd'; 40][..]].concat()).await;
            }
            server.reply(WORK_COMPLETE, "H:x:1\0end").await;
            server.echo("one").await;
            server
        };
        let calls = async {
            let error = ask(&mut client, submit("", b"w"), None).await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { size: 120, limit: 100, .. }), "{error}");
            echo(&mut client, b"one").await;
        };
        join(server, calls).await;
    });
}

/// Each part kept all that was read with it, and 16 KiB were taken for what came next: of a result that came byte by byte, for each byte.
#[test]
fn the_parts_of_a_result_do_not_keep_what_was_read_with_them() {
    parts_come_singly(async |client| {
        let job = client.call(submit("", b"w"));
        look_at_memory(client).await;
        let Ok(Event::Complete(result)) = end(client, job, None).await else { panic!() };
        assert_eq!(result.len(), PARTS + 1);
    });
}

/// So did those of a task which nobody took, since the program waited for something else.
#[test]
fn events_that_nobody_takes_do_not_keep_what_was_read_with_them() {
    parts_come_singly(async |client| {
        client.add(submit("", b"w"));
        look_at_memory(client).await;
        let parts = events(client).await.into_iter().filter(|(_, event)| *event == Event::Data(bytes("x")));
        assert_eq!(parts.count(), PARTS);
    });
}

const PARTS: usize = 3000;

fn parts_come_singly(calls: impl AsyncFnOnce(&mut Client) + Send + 'static) {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            server.reply(JOB_CREATED, "H:x:1").await;
            for _ in 0..PARTS {
                server.reply(WORK_DATA, "H:x:1\0x").await;
                server.echo("?").await;
            }
            server.reply(WORK_COMPLETE, "H:x:1\0.").await;
            server
        },
        async |client| {
            client.begin();
            calls(client).await;
        },
    );
}

/// What is read after each part is in the same memory again, as long as nobody keeps that.
async fn look_at_memory(client: &mut Client) {
    let mut places = HashSet::new();
    for _ in 0..PARTS {
        let id = client.call(Ask::echo(b"?").unwrap());
        let Ok(Event::Echoed(back)) = end(client, id, None).await else { panic!() };
        places.insert(back.as_ptr() as usize);
    }
    assert!(places.len() < PARTS / 2, "{} places", places.len());
}
