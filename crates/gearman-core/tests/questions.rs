//! A question about a job, where there are several servers.

use crate::conversation::*;
use crate::util::{Script, ask, client, client_with, echo, end, events, hanging, join, pass, refusing, within};
use gearman_core::client::task::{Ask, Event, Known};
use gearman_core::net::address::ServerAddress;
use gearman_core::protocol::message::Priority;
use gearman_core::server_connection::Settings;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;

fn question(handle: &str) -> Ask {
    Ask::status(handle.as_bytes()).unwrap()
}

impl Conversation {
    /// The server is asked about this job, and answers whether it knows it.
    async fn asked(&mut self, handle: &str, known: bool) {
        self.expect(GET_STATUS, handle).await;
        let known = u8::from(known);
        self.reply(STATUS_RES, format!("{handle}\0{known}\0{known}\x001\x002")).await;
    }

    /// It is asked about a key, and knows nothing of it.
    async fn asked_in_vain(&mut self, unique: &str) {
        self.expect(GET_STATUS_UNIQUE, unique).await;
        self.reply(STATUS_RES_UNIQUE, format!("{unique}\x000\x000\x000\x000\x000")).await;
    }
}

/// A client that has seen that this server is there.
async fn seen(script: &Script) -> Conversation {
    let mut server = script.conversation().await;
    server.echo("here").await;
    server
}

fn known(known: bool) -> Event {
    Event::Known(Known { known, running: known, numerator: 1, denominator: 2, clients: 0 })
}

#[test]
fn one_server_is_asked_once() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut server = script.conversation().await;
            server.asked("H:x:1", false).await;
            server
        };
        let (server, answer) = join(server, ask(&mut client, question("H:x:1"), None)).await;
        assert_eq!(answer, Ok(known(false)));
        drop(client);
        server.ended().await;
    });
}

#[test]
fn all_are_asked_until_one_knows_the_job() {
    within(async || {
        let scripts = [Script::tcp().await, Script::tcp().await, Script::tcp().await];
        let mut client = client(&scripts.each_ref().map(Script::server));
        let servers = async {
            let mut first = scripts[0].conversation().await;
            first.asked("H:x:1", false).await;
            let mut second = scripts[1].conversation().await;
            second.asked("H:x:1", true).await;
            // By key, and in runTasks(). Nobody knows it.
            first.asked_in_vain("key").await;
            second.asked_in_vain("key").await;
            let mut third = scripts[2].conversation().await;
            third.asked_in_vain("key").await;
            (first, second, third)
        };
        let calls = async {
            assert_eq!(ask(&mut client, question("H:x:1"), None).await, Ok(known(true)));
            client.begin();
            let id = client.add(Ask::status_unique(b"key").unwrap());
            assert_eq!(events(&mut client).await, [(id, Event::Known(Known::default()))]);
        };
        join(servers, calls).await;
    });
}

/// Servers on one host give the same handles: only the one that gave it can answer that a job is done.
#[test]
fn a_handle_leads_to_the_server_that_gave_it() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let submit = || Ask::submit(Priority::Normal, true, b"f", b"key", b"w").unwrap();
        let servers = async {
            let (mut a, mut b) = (seen(&first).await, seen(&second).await);
            drop(first);
            a.expect(SUBMIT_JOB_BG, "f\0key\0w").await;
            drop(a);
            b.expect(SUBMIT_JOB_BG, "f\0key\0w").await;
            b.reply(JOB_CREATED, "H:x:1").await;
            b.asked("H:x:1", false).await;
            b
        };
        let calls = async {
            for i in 0..2 {
                client.begin();
                let id = client.call_at(i, Ask::echo(b"here").unwrap());
                end(&mut client, id, None).await.unwrap();
            }
            let lost = ask(&mut client, submit(), None).await;
            assert_eq!(lost.unwrap_err().code(), ReturnCode::LostConnection);
            assert_eq!(ask(&mut client, submit(), None).await, Ok(Event::Created("H:x:1".into())));
            // The first server can not be reached, and need not be.
            assert_eq!(ask(&mut client, question("H:x:1"), None).await, Ok(known(false)));
        };
        join(servers, calls).await;
    });
}

#[test]
fn a_job_that_nobody_who_answers_knows_may_be_where_nobody_answers() {
    within(async || {
        let (_socket, down) = refusing();
        let up = Script::tcp().await;
        let mut client = client(&[down.clone(), up.server()]);
        let server = async {
            let mut server = seen(&up).await;
            server.asked("H:x:1", false).await;
            server.asked("H:x:2", true).await;
            server.asked("H:x:3", false).await;
            server
        };
        let calls = async {
            echo(&mut client, b"here").await;
            let refused = Error::Connect { server: down.to_string(), reason: "Connection refused".into() };
            assert_eq!(ask(&mut client, question("H:x:1"), None).await, Err(refused.clone()));
            assert_eq!(ask(&mut client, question("H:x:2"), None).await, Ok(known(true)));
            client.begin();
            let id = client.add(question("H:x:3"));
            assert_eq!(events(&mut client).await, [(id, Event::Error(refused.into()))]);
        };
        join(server, calls).await;
    });
}

#[test]
fn who_is_lost_before_it_answers_may_have_known() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        for knows in [true, false] {
            let servers = async {
                let mut a = first.conversation().await;
                a.expect(GET_STATUS, "H:x:1").await;
                drop(a);
                let mut b = second.conversation().await;
                b.asked("H:x:1", knows).await;
            };
            let (_, answer) = join(servers, ask(&mut client, question("H:x:1"), None)).await;
            match knows {
                true => assert_eq!(answer, Ok(known(true))),
                false => assert_eq!(answer.unwrap_err().code(), ReturnCode::LostConnection),
            }
            pass(Duration::from_secs(1)).await; // by then it is seen that both are gone
        }
    });
}

#[test]
fn a_question_that_was_given_up_is_not_asked_elsewhere() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let server = async {
            let mut server = first.conversation().await;
            server.expect(GET_STATUS, "H:x:1").await;
            time_is_up().await;
            server.expect(ECHO_REQ, "one").await;
            server.reply(STATUS_RES, "H:x:1\x000\x000\x000\x000").await;
            server.reply(ECHO_RES, "one").await;
            server
        };
        let calls = async {
            let given_up = ask(&mut client, question("H:x:1"), until_told()).await;
            assert_eq!(given_up.unwrap_err().code(), ReturnCode::Timeout);
            echo(&mut client, b"one").await;
        };
        join(server, calls).await;
        assert!(!client.has_tasks());
    });
}

#[test]
fn a_question_that_nobody_could_be_asked_waits_for_the_next_call() {
    within(async || {
        let scripts = [Script::unix(), Script::unix()];
        let servers = scripts.each_ref().map(Script::server);
        drop(scripts);
        let mut client = client(&servers);
        let id = client.add(question("H:x:1"));
        client.begin();
        assert_eq!(client.wait(None).await.unwrap_err().code(), ReturnCode::CouldNotConnect);
        assert_eq!((client.next_event(), client.has_tasks()), (None, true));
        let ServerAddress::Unix(path) = &servers[1] else { panic!("a path") };
        let second = Script::at(path.clone());
        let server = async {
            let mut server = second.conversation().await;
            server.asked("H:x:1", true).await;
            server
        };
        let calls = async {
            client.begin();
            assert_eq!(events(&mut client).await, [(id, known(true))]);
        };
        join(server, calls).await;
    });
}

#[test]
fn a_server_that_hangs_keeps_only_the_question_waiting() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let up = Script::tcp().await;
        let patient = Settings { connect_timeout: Duration::from_secs(60), ..Settings::default() };
        let mut client = client_with(patient, &[hangs, up.server()]);
        let server = async {
            let mut server = seen(&up).await;
            server.asked("H:x:1", false).await;
            server.echo("one").await;
            server
        };
        let calls = async {
            client.begin();
            let id = client.call_at(1, Ask::echo(b"here").unwrap());
            end(&mut client, id, None).await.unwrap();
            client.add(question("H:x:1"));
            client.wait(None).await.unwrap();
            echo(&mut client, b"one").await;
            assert!(client.has_tasks());
        };
        join(server, calls).await;
    });
}
