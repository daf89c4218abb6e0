//! Text commands about one job, over connections of their own.

use crate::conversation::{JOB_CREATED, SUBMIT_JOB_BG};
use crate::util::{
    Script, Wire, ask, client, client_with, hanging, impatient, join, poll_times, refusing, soon, within,
};
use gearman_core::client::Client;
use gearman_core::client::inquiry::Question;
use gearman_core::client::task::Ask;
use gearman_core::error::Result;
use gearman_core::net::address::ServerAddress;
use gearman_core::protocol::message::Priority;
use gearman_core::server_connection::Settings;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::time::Instant;

const UNKNOWN: &str = "ERR UNKNOWN_JOB\r\n";

/// The next connection is asked this, and answers.
async fn asked(script: &Script, line: &str, answer: impl AsRef<[u8]>) -> Wire {
    let mut wire = script.accept().await;
    wire.expect(format!("{line}\r\n")).await;
    wire.send(answer).await;
    wire
}

async fn inquire(client: &mut Client, question: Question, until: Option<Instant>) -> Result<Option<String>> {
    client.begin();
    let id = client.inquire(question)?;
    let answer = client.answer_to(id, until).await?;
    Ok(answer.map(|answer| String::from_utf8(answer.to_vec()).unwrap()))
}

fn job(handle: &str) -> Question {
    Question::job(handle.as_bytes()).unwrap()
}

fn cancel(handle: &str) -> Question {
    Question::cancel_job(handle.as_bytes()).unwrap()
}

#[test]
fn over_a_connection_of_its_own_which_is_closed() {
    within(async || {
        for script in [Script::tcp().await, Script::unix(), Script::tls().await] {
            let mut client = script.client();
            let server = async {
                asked(&script, "cancel job H:x:1", "OK\r\n").await.ended().await;
                asked(&script, "job H:x:1", "state\trunning\n.\n").await.ended().await;
            };
            let calls = async {
                assert_eq!(inquire(&mut client, cancel("H:x:1"), None).await, Ok(Some("OK\r\n".into())));
                assert_eq!(inquire(&mut client, job("H:x:1"), None).await, Ok(Some("state\trunning\n.\n".into())));
            };
            join(server, calls).await;
        }
    });
}

#[test]
fn all_are_asked_until_one_knows_the_job() {
    within(async || {
        let scripts = [Script::tcp().await, Script::tcp().await, Script::tcp().await];
        let mut client = client(&scripts.each_ref().map(Script::server));
        let servers = async {
            asked(&scripts[0], "cancel unique f k", UNKNOWN).await.ended().await;
            asked(&scripts[1], "cancel unique f k", "OK\r\n").await.ended().await;
            for script in &scripts {
                asked(script, "job H:x:1", UNKNOWN).await.ended().await;
            }
        };
        let calls = async {
            let question = Question::cancel_unique(b"f", b"k").unwrap();
            assert_eq!(inquire(&mut client, question, None).await, Ok(Some("OK\r\n".into())));
            assert_eq!(inquire(&mut client, job("H:x:1"), None).await, Ok(None));
        };
        join(servers, calls).await;
    });
}

/// Another may have a job of the same handle, which is not to be cancelled.
#[test]
fn the_server_that_gave_the_handle_is_asked_alone() {
    within(async || {
        let scripts = [Script::tcp().await, Script::tcp().await];
        let (gone, away) = refusing();
        let mut client = client(&[away, scripts[0].server(), scripts[1].server()]);
        drop(gone);
        let server = async {
            let mut wire = scripts[0].conversation().await;
            wire.receive(SUBMIT_JOB_BG).await;
            wire.reply(JOB_CREATED, "H:x:1").await;
            asked(&scripts[0], "cancel job H:x:1", UNKNOWN).await.ended().await;
            wire
        };
        let calls = async {
            let submit = Ask::submit(Priority::Normal, true, b"f", b"u", b"w").unwrap();
            ask(&mut client, submit, None).await.unwrap();
            assert_eq!(inquire(&mut client, cancel("H:x:1"), None).await, Ok(None));
        };
        join(server, calls).await;
    });
}

#[test]
fn one_that_cannot_be_asked_may_have_the_job() {
    within(async || {
        let script = Script::tcp().await;
        let (socket, away) = refusing();
        let mut client = client(&[away.clone(), script.server()]);
        let server = async {
            asked(&script, "job H:x:1", UNKNOWN).await.ended().await;
            asked(&script, "job H:x:2", ".\n").await.ended().await;
        };
        let calls = async {
            let error = inquire(&mut client, job("H:x:1"), None).await.unwrap_err();
            assert!(matches!(&error, Error::Connect { server, .. } if *server == away.to_string()), "{error}");
            assert_eq!(inquire(&mut client, job("H:x:2"), None).await, Ok(Some(".\n".into())));
        };
        join(server, calls).await;
        drop(socket);
        assert_eq!(Client::new(Settings::default()).inquire(job("H")), Err(Error::NoServers));
    });
}

#[test]
fn what_a_server_does_not_know_or_allow_is_said() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let answers = [
            (
                "ERR UNKNOWN_COMMAND Unknown+server+commandjob\r\n",
                "it does not know the text command \"job\" (UNKNOWN_COMMAND)",
            ),
            ("ERR PERMISSION_DENIED no+right+to+admin\r\n", "no right to admin (PERMISSION_DENIED)"),
            ("ERR \r\n", " ()"),
        ];
        let server = async {
            for (answer, _) in answers {
                asked(&script, "job H:x:1", answer).await.ended().await;
            }
        };
        let calls = async {
            for (_, text) in answers {
                let error = inquire(&mut client, job("H:x:1"), None).await.unwrap_err();
                assert_eq!(error.to_string(), format!("server {} refused: {text}", script.server()));
                assert_eq!(error.code(), ReturnCode::ServerError);
            }
        };
        join(server, calls).await;
    });
}

#[test]
fn answers_that_make_no_sense_or_do_not_end() {
    within(async || {
        let script = Script::tcp().await;
        let settings = Settings { max_packet: 100_000, ..Settings::default() };
        let mut client = client_with(settings, &[script.server()]);
        let answers = [
            (
                b"state\trun".to_vec(),
                "lost connection to SERVER: the server closed the connection before the end of its answer",
            ),
            (b"".to_vec(), "lost connection to SERVER: the server closed the connection before the end of its answer"),
            (b"\0RES\0\0\0\x01".to_vec(), "protocol error: SERVER: a NUL in answer to a text command"),
            (vec![b'\n'; 120_000], "a packet of 1"),
        ];
        let server = async {
            for (answer, _) in &answers {
                let mut wire = script.accept().await;
                wire.expect("job H:x:1\r\n").await;
                wire.try_send(answer).await;
            }
        };
        let calls = async {
            for (_, text) in &answers {
                let error = inquire(&mut client, job("H:x:1"), None).await.unwrap_err().to_string();
                let text = text.replace("SERVER", &script.server().to_string());
                assert!(error.starts_with(&text), "{error}");
            }
        };
        join(server, calls).await;
    });
}

#[test]
fn a_wait_ends_in_time_or_is_dropped_and_begun_again() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut wire = script.accept().await;
            wire.expect("job H:x:1\r\n").await;
            wire.ended().await;
            let mut wire = script.accept().await;
            wire.expect("job H:x:2\r\n").await;
            wire.drip(b"state\trunning\n.\n").await;
            wire.ended().await;
        };
        let calls = async {
            let error = inquire(&mut client, job("H:x:1"), soon()).await.unwrap_err();
            assert!(
                matches!(&error, Error::Timeout { server, .. } if *server == script.server().to_string()),
                "{error}"
            );
            let id = client.inquire(job("H:x:2")).unwrap();
            let answer = loop {
                match poll_times(1, client.answer_to(id, None)).await {
                    Some(answer) => break answer,
                    None => tokio::task::yield_now().await,
                }
            };
            assert_eq!(answer.unwrap().unwrap(), "state\trunning\n.\n");
            // It is over.
            assert_eq!(client.answer_to(id, None).await, Err(Error::NothingToWaitFor));
            let id = client.inquire(job("H:x:3")).unwrap();
            client.forget_inquiry(id);
            client.forget_inquiry(id);
        };
        join(server, calls).await;
    });
}

#[test]
fn connecting_may_take_so_long_and_no_longer() {
    within(async || {
        let (_listener, _first, address): (_, _, ServerAddress) = hanging().await;
        let mut client = client_with(impatient(), &[address]);
        let error =
            inquire(&mut client, job("H:x:1"), Some(Instant::now() + Duration::from_secs(60))).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    });
}
