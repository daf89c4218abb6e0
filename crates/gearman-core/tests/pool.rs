//! Clients that leave their connections to each other.

use crate::conversation::*;
use crate::util::{Script, ask, echo, join, pass, soon, within};
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

#[test]
fn the_next_client_goes_on_where_the_last_one_ended() {
    within(async || {
        for script in [Script::tcp().await, Script::unix()] {
            let pool = Pool::default();
            let server = async {
                let mut server = script.conversation().await;
                for n in 0..5 {
                    server.echo(&n.to_string()).await;
                }
                server
            };
            let calls = async {
                for n in 0..5 {
                    assert_eq!(pool.knows(&script.server(), None), n > 0);
                    echo(&mut client(&script, &pool), n.to_string().as_bytes()).await;
                }
            };
            let (server, ()) = join(server, calls).await;
            assert_eq!(pool.counts(), counts(1, 4, 1));
            pool.close();
            server.ended().await;
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
        let server = script.conversation().await;
        pool.close();
        server.ended().await;
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
        let known = scripts.iter().position(|s| pool.knows(&s.server(), None));
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
        script.conversation().await.ended().await;
    });
}

#[test]
fn a_wish_for_exceptions_is_not_left_to_one_who_has_none() {
    within(async || {
        let (script, pool) = (Script::tcp().await, Pool::default());
        let server = async {
            let mut first = script.conversation().await;
            first.expect(OPTION_REQ, "exceptions").await;
            first.expect(ECHO_REQ, "a").await;
            first.reply_at_once(&[OPTION_RES.with("exceptions"), ECHO_RES.with("a")]).await;
            let mut second = script.conversation().await;
            second.echo("b").await;
            first.echo("c").await; // the option was sent already
            second.echo("d").await;
            // Two at once who wish: the second gets the one without the option, and sends it.
            first.echo("e").await;
            second.expect(OPTION_REQ, "exceptions").await;
            second.expect(ECHO_REQ, "f").await;
            second.reply_at_once(&[OPTION_RES.with("exceptions"), ECHO_RES.with("f")]).await;
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
        let (created, data) = (JOB_CREATED.with("H:x:1").answer(), WORK_DATA.with("H:x:1\0part").answer());
        for (name, asked, answer) in [
            ("no answer", submit(true), vec![]),
            ("half an answer", submit(true), created[..7].to_vec()),
            ("a job that runs", submit(false), created.clone()),
            ("a job that sends data", submit(false), [created.clone(), data].concat()),
            ("a wrong answer", submit(true), ECHO_RES.with("x").answer()),
            ("too large an answer", submit(true), b"\0RES\0\0\0\x08\xff\xff\xff\xff".to_vec()),
        ] {
            let (script, pool) = (Script::tcp().await, Pool::default());
            let server = async {
                let mut server = script.conversation().await;
                server.receive(if asked.is_background() { SUBMIT_JOB_BG } else { SUBMIT_JOB }).await;
                server.send(answer).await;
                server
            };
            let calls = async {
                let mut client = client(&script, &pool);
                ask(&mut client, asked.clone(), soon()).await.unwrap_err();
            };
            let (server, ()) = join(server, calls).await;
            assert_eq!(pool.counts(), counts(0, 0, 1), "{name}");
            server.ended().await;
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
            let mut server = script.conversation().await;
            server.echo("x").await;
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
        let (closed, mut talks) = (script.conversation().await, script.conversation().await);
        drop((one, other));
        // One was closed, over the other came what nobody asked for.
        drop(closed);
        talks.reply(NOOP, "").await;
        let server = async {
            let mut server = script.conversation().await;
            server.echo("x").await;
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
            let mut server = script.conversation().await;
            server.echo("x").await;
            server.expect(ECHO_REQ, "y").await;
            drop(server);
            let mut server = script.conversation().await;
            server.echo("z").await;
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
            let mut server = script.conversation().await;
            server.echo("x").await;
            server.expect(ECHO_REQ, "y").await;
            server.reply(ECHO_RES, vec![b'x'; 5000]).await;
            server.ended().await;
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
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0\0w").await;
            server.reply(JOB_CREATED, "H:x:1").await;
            server.expect(OPTION_REQ, "exceptions").await;
            server.reply_at_once(&[OPTION_RES.with("exceptions"), WORK_EXCEPTION.with("H:x:1\0why")]).await;
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
