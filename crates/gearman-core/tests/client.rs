//! A client and one or more servers that behave, or are not there.

use crate::util::{
    Script, ask, client, client_with, echo, end, events, hanging, impatient, join, pass, poll_times, refusing, req,
    res, soon, within,
};
use bytes::Bytes;
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::protocol::message::Priority;
use gearman_core::server_connection::Settings;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;

fn submit(unique: &str, workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, false, b"f", unique.as_bytes(), workload).unwrap()
}

fn background(workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, true, b"f", b"", workload).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn without_servers_or_tasks_there_is_nothing_to_wait_for() {
    within(async || {
        let mut none = Client::default();
        assert_eq!(ask(&mut none, background(b"w"), None).await, Err(Error::NoServers));
        let script = Script::tcp().await;
        let mut idle = script.client();
        idle.begin();
        assert_eq!(idle.wait(None).await, Err(Error::NothingToWaitFor));
        let nowhere = idle.call_at(7, background(b"w"));
        assert_eq!(end(&mut idle, nowhere, None).await, Err(Error::NoServers));
    });
}

#[test]
fn a_refused_connection_names_server_and_reason() {
    within(async || {
        let (_socket, server) = refusing();
        let mut client = client(std::slice::from_ref(&server));
        for _ in 0..3 {
            let error = ask(&mut client, background(b"w"), None).await.unwrap_err();
            assert_eq!(error.to_string(), format!("could not connect to {server}: Connection refused"));
        }
        client.begin();
        assert_eq!(client.connect_all().await.unwrap_err().code(), ReturnCode::CouldNotConnect);
    });
}

#[test]
fn a_server_that_hangs_in_connecting_is_given_up() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut client = client_with(impatient(), std::slice::from_ref(&server));
        let expected = format!("could not connect to {server}: no answer within 50 ms");
        client.begin();
        assert_eq!(client.connect_all().await.unwrap_err().to_string(), expected);
        let error = ask(&mut client, background(b"w"), None).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn the_next_server_is_taken_where_the_first_is_down() {
    within(async || {
        let (_socket, down) = refusing();
        let second = Script::tcp().await;
        let mut client = client(&[down, second.server()]);
        let server = async {
            let mut c = second.accept().await;
            for data in ["one", "two"] {
                c.expect(req(16, data)).await;
                c.send(res(17, data)).await;
            }
            c
        };
        let calls = async {
            echo(&mut client, b"one").await;
            echo(&mut client, b"two").await;
        };
        join(server, calls).await;
    });
}

#[test]
fn the_next_server_is_taken_where_the_first_hangs() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let second = Script::tcp().await;
        let mut client = client_with(impatient(), &[hangs, second.server()]);
        let server = async {
            let mut c = second.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            c
        };
        join(server, echo(&mut client, b"one")).await;
    });
}

/// The time to connect ran out while nobody waited for that server, and the client then looked at
/// the clock again and again.
#[test]
fn a_server_that_hangs_unwatched_disturbs_nobody() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let second = Script::tcp().await;
        let mut client = client_with(impatient(), &[hangs, second.server()]);
        client.begin();
        let unwatched = client.call_at(0, Ask::echo(b"nobody").unwrap());
        let now = Some(tokio::time::Instant::now());
        assert!(matches!(client.wait(now).await, Err(Error::Timeout { .. })));
        client.forget(unwatched);
        let server = async {
            let mut c = second.accept().await;
            c.expect(req(16, "one")).await;
            tokio::time::sleep(2 * impatient().connect_timeout).await;
            c.send(res(17, "one")).await;
            c
        };
        let call = async {
            let id = client.call_at(1, Ask::echo(b"one").unwrap());
            // None of the few packets needs many looks.
            let ended = poll_times(50, end(&mut client, id, None)).await;
            assert_eq!(ended, Some(Ok(Event::Echoed(bytes("one")))));
        };
        join(server, call).await;
    });
}

/// A connection that came up while nobody looked is not known to have come up before the runtime has run.
#[test]
fn a_try_to_connect_is_begun_anew_when_nobody_looked_for_long() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.begin();
        let id = client.call(Ask::echo(b"nobody").unwrap());
        let _ = poll_times(1, client.wait(None)).await;
        client.forget(id);
        pass(Duration::from_secs(60)).await;
        let server = async {
            loop {
                let mut c = script.accept().await;
                if let Some((16, data)) = c.packet().await {
                    c.send(res(17, data)).await;
                    return c;
                }
            }
        };
        join(server, echo(&mut client, b"one")).await;
    });
}

#[test]
fn a_server_that_dies_ends_its_tasks_and_the_next_call_connects_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(7, "f\0a\0w"), req(7, "f\0b\0w")].concat()).await;
            c.send(res(8, "H:x:1")).await;
            drop(c);
            let mut c = script.accept().await;
            c.expect(req(16, "again")).await;
            c.send(res(17, "again")).await;
            c
        };
        let calls = async {
            client.begin();
            let (a, b) = (client.add(submit("a", b"w")), client.add(submit("b", b"w")));
            let received = events(&mut client).await;
            let lost = Event::Error(Error::lost(script.server(), "the server closed the connection").into());
            let expected = vec![(a, Event::Created(bytes("H:x:1"))), (a, lost.clone()), (b, lost)];
            assert_eq!(received, expected);
            echo(&mut client, b"again").await;
        };
        join(server, calls).await;
    });
}

#[test]
fn the_next_server_is_taken_when_the_first_has_died() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let server = async {
            let mut c = first.accept().await;
            c.expect(req(16, "one")).await;
            drop(first);
            drop(c);
            let mut c = second.accept().await;
            c.expect(req(16, "two")).await;
            c.send(res(17, "two")).await;
            c
        };
        let calls = async {
            let lost = ask(&mut client, Ask::echo(b"one").unwrap(), None).await;
            assert_eq!(lost.unwrap_err().code(), ReturnCode::LostConnection);
            echo(&mut client, b"two").await;
        };
        join(server, calls).await;
    });
}

#[test]
fn unix_sockets() {
    within(async || {
        let script = Script::unix();
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            drop(c);
        };
        join(server, echo(&mut client, b"one")).await;
        drop(script);
        pass(Duration::from_secs(1)).await;
        let error = ask(&mut client, background(b"w"), None).await.unwrap_err();
        assert!(error.to_string().starts_with("could not connect to unix:///"), "{error}");
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_made_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let answer = async || {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            c
        };
        for _ in 0..3 {
            let (c, ()) = join(answer(), echo(&mut client, b"one")).await;
            drop(c);
            pass(Duration::from_secs(1)).await;
        }
    });
}

/// What timed out keeps a connection busy; that the server closed it since must be seen all the same.
#[test]
fn a_connection_that_was_closed_after_a_timeout_is_made_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let (c, timeout) = join(script.accept(), ask(&mut client, background(b"w"), soon())).await;
        assert_eq!(timeout.unwrap_err().code(), ReturnCode::Timeout);
        drop(c);
        pass(Duration::from_secs(1)).await;
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            c
        };
        join(server, echo(&mut client, b"one")).await;
    });
}

#[test]
fn a_late_answer_is_nobody_elses() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(16, "one"), req(7, "f\0\0w"), req(16, "two")].concat()).await;
            c.send([res(17, "one"), res(8, "H:x:1"), res(17, "two")].concat()).await;
            // The same handle for another job is not possible; the old one's result is for nobody.
            c.expect(req(7, "f\0\0w")).await;
            c.send([res(13, "H:x:1\0old"), res(8, "H:x:2"), res(13, "H:x:2\0new")].concat()).await;
            c
        };
        let calls = async {
            let error = ask(&mut client, Ask::echo(b"one").unwrap(), soon()).await.unwrap_err();
            let Error::Timeout { server, waited } = &error else {
                panic!("{error}");
            };
            assert_eq!((server, error.code()), (&script.server().to_string(), ReturnCode::Timeout));
            assert!(*waited > 0);
            let error = ask(&mut client, submit("", b"w"), soon()).await.unwrap_err();
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
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let answer = res(17, "one");
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(&answer[..6]).await;
            c.expect(req(16, "two")).await;
            c.send([&answer[6..], &res(17, "two")].concat()).await;
            c
        };
        let calls = async {
            let error = ask(&mut client, Ask::echo(b"one").unwrap(), soon()).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::Timeout);
            echo(&mut client, b"two").await;
        };
        join(server, calls).await;
    });
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
            let mut c = script.accept().await;
            for (name, _) in cases {
                c.expect(req(18, "f\0\0w")).await;
                c.send(res(19, format!("{name}\0Job queue is full"))).await;
            }
            c
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
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(7, "f\0\0w")).await;
            c.drip([res(8, "H:x:1"), res(28, "H:x:1\0a\0"), res(13, "H:x:1\0b")].concat()).await;
            c
        };
        let (_, result) = join(server, ask(&mut client, submit("", b"w"), None)).await;
        assert_eq!(result, Ok(Event::Complete(bytes("a\0b"))));
    });
}

#[test]
fn tasks_leave_in_one_write_and_in_order_and_answers_are_told_apart() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            let all: Vec<u8> = (0..5).flat_map(|n| req(7, format!("f\0{n}\0w"))).collect();
            assert_eq!(c.read().await, all);
            let created: Vec<u8> = (0..5).flat_map(|n| res(8, format!("H:x:{n}"))).collect();
            // The first one fails, before the others are known to be created.
            c.send(res(8, "H:x:0")).await;
            c.send(res(14, "H:x:0")).await;
            c.send(&created[res(8, "H:x:0").len()..]).await;
            c.send(res(12, "H:x:3\x001\x0099999999999")).await;
            c.send(res(29, "H:x:1\0careful")).await;
            c.send(res(13, "H:x:2\0two")).await;
            c.send(res(25, "H:x:1\0thrown")).await;
            c.send([res(14, "H:x:4\0"), res(13, "H:x:3\0")].concat()).await;
            c
        };
        let calls = async {
            client.begin();
            let t: Vec<_> = (0..5).map(|n| client.add(submit(&n.to_string(), b"w"))).collect();
            let created = |n: usize| (t[n], Event::Created(Bytes::from(format!("H:x:{n}"))));
            let status = Event::Status { numerator: 1, denominator: u32::MAX };
            let expected = vec![
                created(0),
                (t[0], Event::Fail),
                created(1),
                created(2),
                created(3),
                created(4),
                (t[3], status),
                (t[1], Event::Warning(bytes("careful"))),
                (t[2], Event::Complete(bytes("two"))),
                (t[1], Event::Exception(bytes("thrown"))),
                (t[4], Event::Fail),
                (t[3], Event::Complete(bytes(""))),
            ];
            assert_eq!(events(&mut client).await, expected);
        };
        join(server, calls).await;
    });
}

#[test]
fn tasks_with_the_same_key_each_get_their_copy() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect([req(7, "f\0key\0w"), req(7, "f\0key\0w")].concat()).await;
            // One packet while only the first is known, then two of each.
            let packets = [
                res(8, "H:x:1"),
                res(28, "H:x:1\0early"),
                res(8, "H:x:1"),
                res(28, "H:x:1\0data"),
                res(28, "H:x:1\0data"),
                res(13, "H:x:1\0end"),
                res(13, "H:x:1\0end"),
            ];
            c.send(packets.concat()).await;
            c
        };
        let calls = async {
            client.begin();
            let (a, b) = (client.add(submit("key", b"w")), client.add(submit("key", b"w")));
            let received = events(&mut client).await;
            let of = |task| {
                let events = received.iter().filter(move |(id, _)| *id == task);
                events.map(|(_, e)| e.clone()).collect::<Vec<_>>()
            };
            let (created, data) = (Event::Created(bytes("H:x:1")), Event::Data(bytes("data")));
            let complete = Event::Complete(bytes("end"));
            let early = Event::Data(bytes("early"));
            assert_eq!(of(a), [created.clone(), early, data.clone(), complete.clone()]);
            assert_eq!(of(b), [created, data, complete]);
        };
        join(server, calls).await;
    });
}

#[test]
fn exceptions_are_wished_for_on_each_connection_before_anything_else() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.want_exceptions();
        let answers = [res(27, "exceptions"), res(19, "UNKNOWN_OPTION\0what?")];
        for answer in answers {
            let server = async {
                let mut c = script.accept().await;
                c.expect([req(26, "exceptions"), req(16, "one")].concat()).await;
                c.send([answer, res(17, "one")].concat()).await;
                c.expect(req(16, "two")).await;
                c.send(res(17, "two")).await;
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
fn large_tasks_all_arrive_however_slowly_they_are_read() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        const LARGE: usize = 300_000;
        let server = async {
            let mut c = script.accept().await;
            let mut bodies = Vec::new();
            while bodies.len() < 40 {
                let (number, body) = c.packet().await.unwrap();
                assert_eq!(number, 18);
                bodies.push((body.len(), body.last().copied().unwrap()));
                c.send(res(8, format!("H:x:{}", bodies.len()))).await;
            }
            let expected: Vec<_> = (0..40).map(|n| (LARGE + 3, n)).collect();
            assert_eq!(bodies, expected);
            c
        };
        let calls = async {
            client.begin();
            for n in 0..40u8 {
                client.add(background(&[n; LARGE]));
            }
            assert_eq!(events(&mut client).await.len(), 40);
        };
        join(server, calls).await;
    });
}

/// A look at the second server made room for a task of the first one's, which had been looked at before: it was
/// written when the second server sent something, and that may be never.
#[test]
fn a_task_for_an_earlier_server_does_not_wait_for_a_later_one() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let server = async {
            let (mut a, mut b) = join(first.accept(), second.accept()).await;
            join(
                async {
                    b.packet().await.unwrap();
                    b.packet().await.unwrap();
                },
                async {
                    a.expect(req(16, "one")).await;
                    a.send(res(17, "one")).await;
                },
            )
            .await;
            (a, b)
        };
        let calls = async {
            client.begin();
            client.connect_all().await.unwrap();
            let large = Ask::echo(&[b'x'; 300_000]).unwrap();
            client.call_at(1, large.clone());
            client.call_at(1, large);
            let id = client.call_at(0, Ask::echo(b"one").unwrap());
            assert_eq!(end(&mut client, id, None).await, Ok(Event::Echoed(bytes("one"))));
        };
        join(server, calls).await;
    });
}

#[test]
fn a_task_that_was_forgotten_in_time_is_never_sent() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.begin();
        let id = client.add(background(b"never"));
        client.forget(id);
        assert!(!client.has_tasks());
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            c
        };
        join(server, echo(&mut client, b"one")).await;
    });
}

#[test]
fn the_parts_of_a_result_have_a_limit_together() {
    within(async || {
        let script = Script::tcp().await;
        let settings = Settings { max_packet: 100, ..Settings::default() };
        let mut client = client_with(settings, &[script.server()]);
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(7, "f\0\0w")).await;
            c.send(res(8, "H:x:1")).await;
            for _ in 0..3 {
                c.send(res(28, [b"H:x:1\0", &[b'd'; 40][..]].concat())).await;
            }
            c.send(res(13, "H:x:1\0end")).await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
            c
        };
        let calls = async {
            let error = ask(&mut client, submit("", b"w"), None).await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { size: 120, limit: 100, .. }), "{error}");
            echo(&mut client, b"one").await;
        };
        join(server, calls).await;
    });
}

#[test]
fn keys_are_made_where_none_is_given() {
    let mut client = Client::default();
    let made = client.unique(b"", b"w");
    assert_eq!(made.as_ref().len(), 36);
    assert_ne!(made, client.unique(b"", b"w"));
    assert_eq!(client.unique(b"#", b"w"), client.unique(b"#", b"w"));
    assert_eq!(client.unique(b"mine", b"w").as_ref(), b"mine");
    assert_eq!(client.unique(b"-", b"w").as_ref(), b"-");
    assert_eq!(client.unique(&[b'k'; 100], b"w").as_ref(), [b'k'; 100]);
}
