//! Jobs that a server refuses, and who takes them then.

use super::{background, bytes, submit};
use crate::conversation::*;
use crate::util::{Script, ask, client, echo, end, events, join, pass, refusing, unused_path, within};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::error::Result;
use gearman_core::net::address::ServerAddress;
use std::time::Duration;
use tokio::sync::Notify;

const DRAINS: &str = "QUEUE_ERROR\0Server is shutting down";
const NO_DISK: &str = "QUEUE_ERROR\0The job could not be stored";
const FULL: &str = "QUEUE_ERROR\0Job queue is full";

/// doBackground().
async fn put(client: &mut Client, workload: &str) -> Result<Event> {
    ask(client, background(workload.as_bytes()), None).await
}

async fn is_taken(client: &mut Client, workload: &str) {
    assert_eq!(put(client, workload).await, Ok(Event::Created(bytes("H:1"))));
}

async fn takes(server: &mut Conversation, workload: &str) {
    server.expect(SUBMIT_JOB_BG, format!("f\0\0{workload}")).await;
    server.reply(JOB_CREATED, "H:1").await;
}

async fn refuses(server: &mut Conversation, workload: &str, why: &str) {
    server.expect(SUBMIT_JOB_BG, format!("f\0\0{workload}")).await;
    server.reply(ERROR, why).await;
}

/// A client stayed with a server that drained, and all it sent was refused for as long as the last job there took, though another
/// server was well.
#[test]
fn another_takes_what_one_that_drains_refuses_and_what_comes_then() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let mut drains = first.conversation().await;
            drains.echo("here").await;
            refuses(&mut drains, "one", DRAINS).await;
            let mut well = second.conversation().await;
            takes(&mut well, "one").await;
            takes(&mut well, "two").await;
            // What only it can answer is still asked there.
            drains.echo("there").await;
            takes(&mut well, "three").await;
            (drains, well)
        };
        let calls = async {
            echo(&mut client, b"here").await;
            is_taken(&mut client, "one").await;
            is_taken(&mut client, "two").await;
            let id = client.call_at(0, Ask::echo(b"there").unwrap());
            end(&mut client, id, None).await.unwrap();
            is_taken(&mut client, "three").await;
        };
        join(servers, calls).await;
    });
}

/// And the next job does not go there: with the last result of one that drains the connection ends, and that job was lost.
#[test]
fn what_runs_where_others_are_refused_comes_to_its_end() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let mut drains = first.conversation().await;
            drains.expect(SUBMIT_JOB, "f\0runs\0w").await;
            drains.reply(JOB_CREATED, "H:1").await;
            drains.expect(SUBMIT_JOB, "f\0new\0w").await;
            drains.reply(ERROR, DRAINS).await;
            let mut well = second.conversation().await;
            well.expect(SUBMIT_JOB, "f\0new\0w").await;
            well.reply_at_once(&[JOB_CREATED.with("H:2"), WORK_COMPLETE.with("H:2\0there")]).await;
            drains.reply_at_once(&[WORK_STATUS.with("H:1\x001\x002"), WORK_COMPLETE.with("H:1\0here")]).await;
            well.expect(SUBMIT_JOB, "f\0next\0w").await;
            well.reply_at_once(&[JOB_CREATED.with("H:3"), WORK_COMPLETE.with("H:3\0there")]).await;
            (drains, well)
        };
        let calls = async {
            client.begin();
            let (runs, new) = (client.add(submit("runs", b"w")), client.add(submit("new", b"w")));
            let all = events(&mut client).await;
            let of = |task: TaskId| -> Vec<Event> {
                all.iter().filter(|(id, _)| *id == task).map(|(_, event)| event.clone()).collect()
            };
            let status = Event::Status { numerator: 1, denominator: 2 };
            assert_eq!(of(runs), [Event::Created(bytes("H:1")), status, Event::Complete(bytes("here"))]);
            assert_eq!(of(new), [Event::Created(bytes("H:2")), Event::Complete(bytes("there"))]);
            let next = client.add(submit("next", b"w"));
            let complete = (next, Event::Complete(bytes("there")));
            assert_eq!(events(&mut client).await, [(next, Event::Created(bytes("H:3"))), complete]);
        };
        join(servers, calls).await;
    });
}

#[test]
fn where_all_refuse_each_is_asked_once() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let mut drains = first.conversation().await;
            refuses(&mut drains, "one", DRAINS).await;
            let mut full = second.conversation().await;
            refuses(&mut full, "one", NO_DISK).await;
            // Both are better than none, and one that takes a job is better.
            refuses(&mut drains, "two", DRAINS).await;
            takes(&mut full, "two").await;
            takes(&mut full, "three").await;
            (drains, full)
        };
        let calls = async {
            let error = put(&mut client, "one").await.unwrap_err();
            let expected = format!("server {} refused: The job could not be stored (QUEUE_ERROR)", second.server());
            assert_eq!(error.to_string(), expected);
            is_taken(&mut client, "two").await;
            is_taken(&mut client, "three").await;
        };
        join(servers, calls).await;
    });
}

#[test]
fn where_no_other_is_there_the_refusal_is_the_end() {
    within(async || {
        let first = Script::tcp().await;
        let (_socket, down) = refusing();
        let mut client = client(&[first.server(), down]);
        let server = async {
            let mut drains = first.conversation().await;
            refuses(&mut drains, "one", DRAINS).await;
            takes(&mut drains, "two").await;
            drains
        };
        let calls = async {
            let error = put(&mut client, "one").await.unwrap_err();
            let expected = format!("server {} refused: Server is shutting down (QUEUE_ERROR)", first.server());
            assert_eq!(error.to_string(), expected);
            is_taken(&mut client, "two").await;
        };
        join(server, calls).await;
    });
}

/// One that was down when a long call began counted as down until its end, and all that the other refused then was at its end.
#[test]
fn one_that_has_come_back_takes_what_is_refused() {
    within(async || {
        let (path, second) = (unused_path(), Script::tcp().await);
        let mut client = client(&[ServerAddress::Unix(path.clone()), second.server()]);
        client.begin();
        let server = async {
            let mut well = second.conversation().await;
            takes(&mut well, "one").await;
            well
        };
        client.add(background(b"one"));
        let (mut drains, _) = join(server, events(&mut client)).await;
        let first = Script::at(path);
        pass(Duration::from_secs(2)).await; // longer than the longest pause before a server is tried again
        let servers = async {
            refuses(&mut drains, "two", DRAINS).await;
            let mut back = first.conversation().await;
            takes(&mut back, "two").await;
            back
        };
        let two = client.add(background(b"two"));
        let (_back, all) = join(servers, events(&mut client)).await;
        assert_eq!(all, [(two, Event::Created(bytes("H:1")))]);
    });
}

/// That is for the job, not for the server: what a limit holds back must not come in by another door.
#[test]
fn a_full_queue_is_full() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let server = async {
            let mut server = first.conversation().await;
            refuses(&mut server, "one", FULL).await;
            takes(&mut server, "two").await;
            server
        };
        let calls = async {
            let error = put(&mut client, "one").await.unwrap_err();
            let expected = format!("server {} refused: Job queue is full (QUEUE_ERROR)", first.server());
            assert_eq!(error.to_string(), expected);
            is_taken(&mut client, "two").await;
        };
        join(server, calls).await;
    });
}

/// It was sent without a copy.
#[test]
fn what_was_sent_before_there_was_another_server_is_refused() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server()]);
        let (tell, told) = tokio::sync::oneshot::channel();
        let servers = async {
            let mut drains = first.conversation().await;
            drains.expect(SUBMIT_JOB_BG, "f\0\0one").await;
            tell.send(()).unwrap();
            drains.reply(ERROR, DRAINS).await;
            let mut well = second.conversation().await;
            takes(&mut well, "two").await;
            (drains, well)
        };
        let calls = async {
            client.begin();
            let id = client.call(background(b"one"));
            tokio::select! {
                biased;
                sent = told => sent.unwrap(),
                _ = client.wait(None) => panic!("it was not answered yet"),
            }
            client.add_server(second.server(), Vec::new());
            assert!(end(&mut client, id, None).await.is_err());
            is_taken(&mut client, "two").await;
        };
        join(servers, calls).await;
    });
}

/// Nobody would hear of it, whoever took it.
#[test]
fn what_nobody_waits_for_goes_nowhere_else() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let given_up = Notify::new();
        let servers = async {
            let mut drains = first.conversation().await;
            drains.expect(SUBMIT_JOB_BG, "f\0\0given up").await;
            time_is_up().await;
            given_up.notified().await;
            drains.reply(ERROR, DRAINS).await;
            drains.echo("here").await;
            let mut well = second.conversation().await;
            well.echo("there").await;
            (drains, well)
        };
        let calls = async {
            assert!(ask(&mut client, background(b"given up"), until_told()).await.is_err());
            given_up.notify_one();
            for (server, data) in [(0, "here"), (1, "there")] {
                client.begin();
                let id = client.call_at(server, Ask::echo(data.as_bytes()).unwrap());
                assert_eq!(end(&mut client, id, None).await, Ok(Event::Echoed(bytes(data))));
            }
        };
        join(servers, calls).await;
    });
}
