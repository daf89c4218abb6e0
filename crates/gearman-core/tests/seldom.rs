//! Clients and workers that look seldom: calls that do not wait, or not for long, with more time between two of them than a try to
//! connect may take. What came meanwhile counts, and what did not come holds up nobody else.

use crate::conversation::Conversation;
use crate::util::{Script, ask, client_with, end, hanging, join, pass, poll_times, ready, within, worker_with};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::watch::Watch;
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use socket2::SockRef;
use std::time::Duration;

/// So much that no real time counts.
const HOUR: Duration = Duration::from_secs(3600);

fn patient() -> Settings {
    Settings { connect_timeout: HOUR, ..Settings::default() }
}

fn worker_at(server: &ServerAddress, addresses: Vec<Address>) -> Worker {
    let mut worker = worker_with(patient(), &[], b"f");
    worker.add_server(server.clone(), addresses);
    worker
}

fn client_at(server: &ServerAddress, addresses: Vec<Address>) -> Client {
    let mut client = client_with(patient(), &[]);
    client.add_server(server.clone(), addresses);
    client
}

/// Something comes, and then an hour goes by before anybody looks.
async fn later(watch: &mut Watch) {
    ready(watch).await;
    pass(HOUR).await;
}

/// Looks until it has a job.
async fn works(worker: &mut Worker, begin: fn(&mut Worker)) {
    loop {
        begin(worker);
        if let Ok(job) = worker.try_next_job().await {
            return assert_eq!(job.handle, "H:1");
        }
        worker.rest().unwrap();
        later(&mut worker.watch).await;
    }
}

async fn gives_a_job(script: &Script) -> Conversation {
    let mut server = script.conversation().await;
    server.greeted("f").await;
    server.assign("H:1").await;
    server
}

/// As runTasks(): the first call of a run begins it, and others go on with it.
async fn runs(client: &mut Client, begin: fn(&mut Client)) {
    client.add(Ask::echo(b"one").unwrap());
    client.begin();
    loop {
        if client.poll_once().await.unwrap() {
            let event = client.next_event().map(|(_, event)| event);
            return assert_eq!(event, Some(Event::Echoed("one".into())));
        }
        client.rest(None).unwrap();
        later(&mut client.watch).await;
        begin(client);
    }
}

async fn echoes(script: &Script) -> Conversation {
    let mut server = script.conversation().await;
    server.echo("one").await;
    server
}

/// A call whose time is up in connecting.
async fn in_vain(client: &mut Client) {
    client.begin();
    let id = client.call(Ask::echo(b"nobody").unwrap());
    assert_eq!(poll_times(1, client.wait(None)).await, None);
    client.forget(id);
}

async fn echo(client: &mut Client) {
    let echo = ask(client, Ask::echo(b"one").unwrap(), None).await;
    assert_eq!(echo, Ok(Event::Echoed("one".into())));
}

/// Connections were thrown away unseen and begun anew, each time, for ever.
#[test]
fn a_worker_is_connected_between_two_looks() {
    within(async || {
        for script in [Script::tcp().await, Script::tls().await] {
            let mut worker = worker_at(&script.server(), Vec::new());
            join(gives_a_job(&script), works(&mut worker, Worker::begin)).await;
        }
    });
}

#[test]
fn so_is_a_client() {
    within(async || {
        for begin in [Client::begin, Client::resume] {
            for script in [Script::tcp().await, Script::tls().await] {
                let mut client = client_at(&script.server(), Vec::new());
                join(echoes(&script), runs(&mut client, begin)).await;
            }
        }
    });
}

/// In a loop that something else held up: the time for TLS was up when the connection was first seen.
#[test]
fn so_is_who_looks_in_a_loop() {
    within(async || {
        let script = Script::tls().await;
        let mut worker = worker_at(&script.server(), Vec::new());
        join(gives_a_job(&script), works(&mut worker, Worker::begin_look)).await;
        let mut client = client_at(&script.server(), Vec::new());
        join(echoes(&script), runs(&mut client, |client| client.begin_look(false))).await;
    });
}

/// The first address was tried again and again.
#[test]
fn an_address_that_hangs_is_followed_by_the_next() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let script = Script::tcp().await;
        let addresses = || [&hangs, &script.server()].map(|server| server.resolve().unwrap()).concat();
        let mut worker = worker_at(&hangs, addresses());
        worker.try_next_job().await.unwrap_err();
        pass(HOUR).await;
        join(gives_a_job(&script), works(&mut worker, Worker::begin)).await;
        for begin in [Client::begin, Client::resume] {
            let mut client = client_at(&hangs, addresses());
            in_vain(&mut client).await;
            pass(HOUR).await;
            join(echoes(&script), runs(&mut client, begin)).await;
        }
    });
}

/// A server that takes no connection was tried first in each call, whose time was up before another's turn came.
#[test]
fn a_server_that_hangs_in_connecting_keeps_no_later_call_from_the_next() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let second = Script::tcp().await;
        let mut client = client_with(patient(), &[hangs, second.server()]);
        in_vain(&mut client).await;
        pass(HOUR).await;
        join(echoes(&second), echo(&mut client)).await;
    });
}

/// What one call has waited for in vain is no failure of the next: the only server may be back.
#[test]
fn the_only_server_is_tried_anew() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut client = client_with(patient(), &[server]);
        in_vain(&mut client).await;
        pass(HOUR).await;
        client.begin();
        let id = client.call(Ask::echo(b"one").unwrap());
        assert_eq!(poll_times(1, end(&mut client, id, None)).await, None);
    });
}

/// A connection that stood between two calls, and was closed: nothing is sent over it.
#[test]
fn what_was_closed_meanwhile_is_made_anew() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = client_at(&script.server(), Vec::new());
        in_vain(&mut client).await;
        let connection = script.accept_raw().await;
        SockRef::from(&connection).set_linger(Some(HOUR)).unwrap(); // its end has arrived when it is closed
        drop(connection);
        pass(HOUR).await;
        join(echoes(&script), echo(&mut client)).await;
    });
}
