//! Clients that leave their connections to each other.

use crate::util::{Script, ask, echo, join, pass, req, res, soon, within};
use gearman_core::client::Client;
use gearman_core::client::pool::{Counts, Pool};
use gearman_core::client::task::{Ask, Event};
use gearman_core::protocol::message::Priority;
use gearman_core::server_connection::Settings;
use std::time::Duration;

fn client(script: &Script, pool: &Pool) -> Client {
    let mut client = Client::new(Settings::default());
    client.set_pool(pool.clone());
    client.add_server(script.server(), Vec::new());
    client
}

/// As addServer() makes them.
fn wishing(script: &Script, pool: &Pool) -> Client {
    let mut client = client(script, pool);
    client.want_exceptions();
    client
}

fn counts(idle: usize, reused: u64, made: u64) -> Counts {
    Counts { idle, reused, made }
}

/// What the server of a connection receives, and sends.
fn echoed(text: &str) -> (Vec<u8>, Vec<u8>) {
    (req(16, text), res(17, text))
}

#[test]
fn the_next_client_goes_on_where_the_last_one_ended() {
    within(async || {
        for script in [Script::tcp().await, Script::unix()] {
            let pool = Pool::default();
            let server = async {
                let mut c = script.accept().await;
                for n in 0..5 {
                    let (asked, answer) = echoed(&n.to_string());
                    c.expect(asked).await;
                    c.send(answer).await;
                }
                c
            };
            let calls = async {
                for n in 0..5 {
                    assert_eq!(pool.knows(&script.server()), n > 0);
                    echo(&mut client(&script, &pool), n.to_string().as_bytes()).await;
                }
            };
            let (wire, ()) = join(server, calls).await;
            assert_eq!(pool.counts(), counts(1, 4, 1));
            pool.close();
            wire.ended().await;
        }
    });
}

#[test]
fn who_only_connects_says_nothing() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        for _ in 0..3 {
            let mut client = wishing(&script, &pool);
            client.begin();
            client.connect_all().await.unwrap();
        }
        assert_eq!(pool.counts(), counts(1, 2, 1));
        let wire = script.accept().await;
        pool.close();
        wire.ended().await;
    });
}

#[test]
fn clients_at_the_same_time_have_connections_of_their_own() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let mut clients: Vec<_> = (0..6).map(|_| client(&script, &pool)).collect();
        for client in &mut clients {
            client.begin();
            client.connect_all().await.unwrap();
        }
        assert_eq!(pool.counts(), counts(0, 0, 6));
        drop(clients);
        assert_eq!(pool.counts(), counts(4, 0, 6), "no more than four to one server");
    });
}

#[test]
fn no_more_than_32_are_kept_and_the_oldest_go_first() {
    within(async || {
        let pool = Pool::default();
        let mut scripts = Vec::new();
        for _ in 0..40 {
            let script = Script::unix();
            let mut client = client(&script, &pool);
            client.begin();
            client.connect_all().await.unwrap();
            scripts.push(script);
        }
        assert_eq!(pool.counts(), counts(32, 0, 40));
        let known = scripts.iter().position(|s| pool.knows(&s.server()));
        assert_eq!(known, Some(8));
    });
}

#[test]
fn what_nobody_wanted_for_a_minute_is_closed() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let connect = async || {
            let mut client = client(&script, &pool);
            client.begin();
            client.connect_all().await.unwrap();
        };
        connect().await;
        pass(Duration::from_secs(59)).await;
        connect().await;
        pass(Duration::from_secs(59)).await;
        assert_eq!(pool.counts(), counts(1, 1, 1));
        pass(Duration::from_secs(1)).await;
        assert_eq!(pool.counts(), counts(0, 1, 1));
        script.accept().await.ended().await;
    });
}

#[test]
fn a_wish_for_exceptions_is_not_left_to_one_who_has_none() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let option = req(26, "exceptions");
        let agreed = res(27, "exceptions");
        let server = async {
            let mut first = script.accept().await;
            first.expect([option.clone(), req(16, "a")].concat()).await;
            first.send([agreed.clone(), res(17, "a")].concat()).await;
            let mut second = script.accept().await;
            second.expect(req(16, "b")).await;
            second.send(res(17, "b")).await;
            first.expect(req(16, "c")).await; // sent already
            first.send(res(17, "c")).await;
            second.expect(req(16, "d")).await;
            second.send(res(17, "d")).await;
            // Two at once who wish: the second gets the one without the option, and sends it.
            first.expect(req(16, "e")).await;
            first.send(res(17, "e")).await;
            second.expect([option, req(16, "f")].concat()).await;
            second.send([agreed, res(17, "f")].concat()).await;
            (first, second)
        };
        let calls = async {
            echo(&mut wishing(&script, &pool), b"a").await;
            echo(&mut client(&script, &pool), b"b").await;
            echo(&mut wishing(&script, &pool), b"c").await;
            echo(&mut client(&script, &pool), b"d").await;
            let (mut one, mut other) = (wishing(&script, &pool), wishing(&script, &pool));
            echo(&mut one, b"e").await;
            echo(&mut other, b"f").await;
        };
        join(server, calls).await;
        assert_eq!(pool.counts(), counts(2, 4, 2));
    });
}

#[test]
fn what_is_not_over_is_not_left_to_others() {
    within(async || {
        let submit = |background| Ask::submit(Priority::Normal, background, b"f", b"", b"w").unwrap();
        let (created, data) = (res(8, "H:x:1"), res(28, "H:x:1\0part"));
        for (name, asked, answer) in [
            ("no answer", submit(true), vec![]),
            ("half an answer", submit(true), created[..7].to_vec()),
            ("a job that runs", submit(false), created.clone()),
            ("a job that sends data", submit(false), [created.clone(), data].concat()),
            ("a wrong answer", submit(true), res(17, "x")),
            ("too large an answer", submit(true), b"\0RES\0\0\0\x08\xff\xff\xff\xff".to_vec()),
        ] {
            let (script, pool) = (Script::tcp().await, Pool::default());
            let server = async {
                let mut c = script.accept().await;
                c.packet().await.unwrap();
                c.send(answer).await;
                c
            };
            let calls = async {
                let mut client = client(&script, &pool);
                ask(&mut client, asked, soon()).await.unwrap_err();
            };
            let (wire, ()) = join(server, calls).await;
            assert_eq!(pool.counts(), counts(0, 0, 1), "{name}");
            wire.ended().await;
        }
    });
}

#[test]
fn half_a_request_is_not_left_to_others() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let mut client = client(&script, &pool);
        let large = Ask::submit(Priority::Normal, true, b"f", b"", &vec![b'x'; 32 << 20]).unwrap();
        ask(&mut client, large, soon()).await.unwrap_err();
        drop(client);
        assert_eq!(pool.counts(), counts(0, 0, 1));
    });
}

#[test]
fn what_was_not_sent_does_no_harm() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let mut last = client(&script, &pool);
        last.begin();
        last.connect_all().await.unwrap();
        last.add(Ask::echo(b"never").unwrap());
        drop(last);
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "x")).await;
            c.send(res(17, "x")).await;
        };
        join(server, async { echo(&mut client(&script, &pool), b"x").await }).await;
        assert_eq!(pool.counts(), counts(1, 1, 1));
    });
}

#[test]
fn the_dead_are_passed_over() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let (mut one, mut other) = (client(&script, &pool), client(&script, &pool));
        for client in [&mut one, &mut other] {
            client.begin();
            client.connect_all().await.unwrap();
        }
        let (closed, mut talks) = (script.accept().await, script.accept().await);
        drop((one, other));
        // One was closed, over the other came what nobody asked for.
        drop(closed);
        talks.send(res(6, "")).await;
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "x")).await;
            c.send(res(17, "x")).await;
        };
        join(server, async { echo(&mut client(&script, &pool), b"x").await }).await;
        assert_eq!(pool.counts(), counts(1, 0, 3));
        talks.ended().await;
    });
}

#[test]
fn one_that_dies_in_use_is_made_anew_by_the_next_call() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "x")).await;
            c.send(res(17, "x")).await;
            c.packet().await.unwrap();
            drop(c);
            let mut c = script.accept().await;
            c.expect(req(16, "z")).await;
            c.send(res(17, "z")).await;
        };
        let calls = async {
            echo(&mut client(&script, &pool), b"x").await;
            let mut next = client(&script, &pool);
            ask(&mut next, Ask::echo(b"y").unwrap(), None).await.unwrap_err();
            echo(&mut next, b"z").await;
        };
        join(server, calls).await;
        assert_eq!(pool.counts(), counts(1, 1, 2));
    });
}

#[test]
fn limits_are_those_of_the_client_not_of_the_connection() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let server = async {
            let mut c = script.accept().await;
            c.packet().await.unwrap();
            c.send(res(17, "x")).await;
            c.packet().await.unwrap();
            c.send(res(17, vec![b'x'; 5000])).await;
            c.ended().await;
        };
        let calls = async {
            echo(&mut client(&script, &pool), b"x").await;
            let mut small = Client::new(Settings { max_packet: 1024, ..Settings::default() });
            small.set_pool(pool.clone());
            small.add_server(script.server(), Vec::new());
            let error = ask(&mut small, Ask::echo(b"y").unwrap(), None).await.unwrap_err();
            assert_eq!(error.code(), gearman_core::ReturnCode::DataTooLarge);
        };
        join(server, calls).await;
        assert_eq!(pool.counts(), counts(0, 1, 1));
    });
}

#[test]
fn a_late_wish_is_told_while_a_job_runs() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.packet().await.unwrap();
            c.send(res(8, "H:x:1")).await;
            c.expect(req(26, "exceptions")).await;
            c.send([res(27, "exceptions"), res(25, "H:x:1\0why")].concat()).await;
        };
        let calls = async {
            let id = client.add(Ask::submit(Priority::Normal, false, b"f", b"", b"w").unwrap());
            client.begin();
            client.wait(None).await.unwrap();
            assert!(matches!(client.next_event(), Some((of, Event::Created(_))) if of == id));
            client.want_exceptions();
            client.connect_all().await.unwrap();
            while !client.has_events() {
                client.wait(None).await.unwrap();
            }
            assert_eq!(client.next_event(), Some((id, Event::Exception("why".into()))));
        };
        join(server, calls).await;
    });
}
