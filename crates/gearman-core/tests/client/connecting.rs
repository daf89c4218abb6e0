//! Which server a client connects to, and when anew.

use super::{background, bytes, submit};
use crate::conversation::*;
use crate::util::{
    Script, ask, client, client_with, crowded, echo, end, events, hanging, impatient, join, nameless, pass, poll_times,
    refusing, within,
};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::server_connection::Settings;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::time::Instant;

/// A new connection, and an echo over it.
async fn echoes(script: &Script, data: &str) -> Conversation {
    let mut server = script.conversation().await;
    server.echo(data).await;
    server
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
            let mut server = echoes(&second, "one").await;
            server.echo("two").await;
            server
        };
        let calls = async {
            echo(&mut client, b"one").await;
            echo(&mut client, b"two").await;
        };
        join(server, calls).await;
    });
}

/// In a cluster a server that is away may be away with its name.
#[test]
fn the_next_server_is_taken_where_the_name_of_the_first_is_not_known() {
    within(async || {
        let (_socket, down) = refusing();
        let second = Script::tcp().await;
        let mut one = client(&[nameless(), second.server()]);
        let calls = async {
            one.begin();
            one.connect_all().await.unwrap();
            echo(&mut one, b"one").await;
            let id = one.call_at(0, Ask::echo(b"two").unwrap());
            assert_eq!(end(&mut one, id, None).await.unwrap_err().code(), ReturnCode::Getaddrinfo);
        };
        join(echoes(&second, "one"), calls).await;
        // It excuses no other, and is told where there is no other.
        let mut three = client(&[nameless(), down, second.server()]);
        three.begin();
        assert_eq!(three.connect_all().await.unwrap_err().code(), ReturnCode::CouldNotConnect);
        let mut alone = client(&[nameless()]);
        alone.begin();
        assert_eq!(alone.connect_all().await.unwrap_err().code(), ReturnCode::Getaddrinfo);
    });
}

#[test]
fn the_next_server_is_taken_where_the_first_hangs() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let second = Script::tcp().await;
        let mut client = client_with(impatient(), &[hangs, second.server()]);
        join(echoes(&second, "one"), echo(&mut client, b"one")).await;
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
        tokio::time::pause(); // or a busy machine may let the time to connect run out here
        assert!(matches!(client.wait(Some(Instant::now())).await, Err(Error::Timeout { .. })));
        tokio::time::resume();
        client.forget(unwatched);
        let server = async {
            let mut server = second.conversation().await;
            server.expect(ECHO_REQ, "one").await;
            pass(2 * impatient().connect_timeout).await;
            server.reply(ECHO_RES, "one").await;
            server
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

/// That it came up while nobody looked is not known to the runtime before that has run: it was taken for one that hangs.
#[test]
fn a_try_to_connect_goes_on_when_nobody_looked_for_long() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        client.begin();
        let id = client.call(Ask::echo(b"nobody").unwrap());
        let _ = poll_times(1, client.wait(None)).await;
        client.forget(id);
        pass(Duration::from_secs(60)).await;
        join(echoes(&script, "one"), echo(&mut client, b"one")).await;
    });
}

/// The first address of a name had all the time there is, and those behind it were never tried: a host whose IPv6 address leads
/// nowhere was never reached.
#[test]
fn an_address_that_hangs_leaves_time_to_those_behind_it() {
    within(async || {
        let hour = Duration::from_secs(3600);
        let (_listener, _filler, hangs) = hanging().await;
        let script = Script::tcp().await;
        let addresses = [hangs, script.server()].map(|server| server.resolve().unwrap()).concat();
        let mut client = Client::new(Settings { connect_timeout: hour, ..Settings::default() });
        client.add_server(script.server(), addresses);
        let call = async {
            client.begin();
            let id = client.call(Ask::echo(b"one").unwrap());
            assert_eq!(poll_times(1, client.wait(None)).await, None);
            pass(hour / 2).await;
            assert_eq!(end(&mut client, id, None).await, Ok(Event::Echoed(bytes("one"))));
        };
        join(echoes(&script, "one"), call).await;
    });
}

#[test]
fn a_server_that_dies_ends_its_tasks_and_the_next_call_connects_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0a\0w").await;
            server.expect(SUBMIT_JOB, "f\0b\0w").await;
            server.reply(JOB_CREATED, "H:x:1").await;
            drop(server);
            echoes(&script, "again").await
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
        let servers = async {
            let mut server = first.conversation().await;
            server.expect(ECHO_REQ, "one").await;
            drop(first);
            drop(server);
            echoes(&second, "two").await
        };
        let calls = async {
            let lost = ask(&mut client, Ask::echo(b"one").unwrap(), None).await;
            assert_eq!(lost.unwrap_err().code(), ReturnCode::LostConnection);
            echo(&mut client, b"two").await;
        };
        join(servers, calls).await;
    });
}

#[test]
fn unix_sockets() {
    within(async || {
        let script = Script::unix();
        let mut client = script.client();
        join(async { drop(echoes(&script, "one").await) }, echo(&mut client, b"one")).await;
        drop(script);
        pass(Duration::from_secs(1)).await;
        let error = ask(&mut client, background(b"w"), None).await.unwrap_err();
        assert!(error.to_string().starts_with("could not connect to unix:///"), "{error}");
    });
}

/// It was an error at once, though over TCP it is waited for: a server that had yet to accept others failed whoever came then.
#[test]
fn who_finds_no_room_at_a_unix_socket_waits_for_it() {
    within(async || {
        let (script, _first) = crowded();
        let mut client = script.client();
        client.begin();
        let call = client.call(Ask::echo(b"one").unwrap());
        assert_eq!(poll_times(1, client.wait(None)).await, None);
        let server = async {
            drop(script.accept().await);
            echoes(&script, "one").await
        };
        let (_server, ended) = join(server, end(&mut client, call, None)).await;
        assert_eq!(ended, Ok(Event::Echoed(bytes("one"))));
    });
}

#[test]
fn who_waits_for_room_does_so_for_as_long_as_connecting_may_take() {
    within(async || {
        let (script, _first) = crowded();
        let mut client = client_with(impatient(), &[script.server()]);
        client.begin();
        let expected = format!("could not connect to {}: no answer within 50 ms", script.server());
        assert_eq!(client.connect_all().await.unwrap_err().to_string(), expected);
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_made_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        for _ in 0..3 {
            let (server, ()) = join(echoes(&script, "one"), echo(&mut client, b"one")).await;
            drop(server);
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
        let server = async {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB_BG, "f\0\0w").await;
            time_is_up().await;
            server
        };
        let (server, timeout) = join(server, ask(&mut client, background(b"w"), until_told())).await;
        assert_eq!(timeout.unwrap_err().code(), ReturnCode::Timeout);
        drop(server);
        pass(Duration::from_secs(1)).await;
        join(echoes(&script, "one"), echo(&mut client, b"one")).await;
    });
}
