//! As many processes as there are jobs for.

use crate::runner::{PATIENT, Runner, Server, until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn config(servers: &[&Server], more: &str) -> String {
    let servers: Vec<String> = servers.iter().map(|server| format!("'127.0.0.1:{}'", server.port)).collect();
    format!(
        "servers = [{}]\nlook = '50ms'\n[group.a]\ncommand = {PATIENT}\nfunctions = 'f*'\nsettle = '50ms'\n{more}",
        servers.join(",")
    )
}

#[test]
fn more_while_jobs_wait_and_fewer_when_they_are_not_needed() {
    let server = Server::start();
    server.counts(0, 0, 0);
    let runner = Runner::start(&config(&[&server], "min = 1\nmax = 6\nshrink-after = '1s'\n"));
    let first = runner.at_work("a", 1);
    server.counts(50, 1, 900);
    runner.group("a", |group| group["waiting"] == 50);
    assert_eq!(runner.at_work("a", 1), first, "it does not wait for long");
    server.counts(50, 1, 1500);
    assert!(runner.at_work("a", 6).contains(&first[0]));
    server.counts(0, 3, 0);
    assert!(runner.at_work("a", 3).contains(&first[0]), "the youngest go first");
    server.counts(0, 0, 0);
    assert_eq!(runner.at_work("a", 1), first);
    let group = runner.group("a", |_| true);
    assert_eq!((&group["counts"]["started"], &group["counts"]["stopped"]), (&6.into(), &5.into()));
    // 2, 4, 6, 3, 1.
    let steps = || runner.lines().into_iter().filter(|line| line.contains("in place of")).count();
    until("all steps", steps, |steps| *steps == 5);
}

#[test]
fn none_without_jobs_and_one_at_the_first() {
    let server = Server::start();
    server.counts(0, 0, 0);
    let runner = Runner::start(&config(&[&server], "min = 0\nmax = 4\nshrink-after = '500ms'\ngrow-after = '1h'\n"));
    runner.group("a", |group| group["waiting"] == 0);
    assert!(runner.at_work("a", 0).is_empty());
    server.counts(1, 0, 1);
    runner.at_work("a", 1);
    server.counts(0, 0, 0);
    runner.at_work("a", 0);
}

/// C gearmand tells no ages, and another server is down.
#[test]
fn servers_of_other_kinds() {
    let (server, dead) = (Server::start(), crate::util::dead_port());
    server.answers.lock().unwrap().status = Some("f1\t30\t1\t1\nother\t99\t0\t0\n.\n".into());
    let all = config(&[&server], "min = 1\nmax = 3\ngrow-after = '200ms'\n");
    let runner = Runner::start(&all.replace("servers = [", &format!("servers = ['127.0.0.1:{dead}', ")));
    runner.at_work("a", 3);
    let status = runner.status();
    assert_eq!(status["servers"][0]["up"], false);
    assert!(status["servers"][0]["error"].as_str().unwrap().contains("refused"), "{status}");
    assert_eq!((&status["servers"][1]["up"], &status["servers"][1]["ages"]), (&true.into(), &false.into()));
    assert_eq!(status["groups"][0]["waiting"], 29);
}

#[test]
fn while_no_server_answers_nothing_changes() {
    let server = Server::start();
    server.counts(9, 2, 5000);
    let runner = Runner::start(&config(&[&server], "min = 1\nmax = 3\nshrink-after = '300ms'\n"));
    let all = runner.at_work("a", 3);
    server.answers.lock().unwrap().counters = Some("ERR PERMISSION_DENIED no+right+to+observe\r\n".into());
    runner.group("a", |group| group["waiting"].is_null());
    runner.line_with("refused: no right to observe (PERMISSION_DENIED)");
    // For longer than it takes to shrink.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(900) {
        assert_eq!(runner.at_work("a", 3), all);
    }
    server.counts(0, 0, 0);
    runner.line_with("answers again");
    runner.at_work("a", 1);
}

/// A server that never comes to an end of its answer: it says so much to each question, and then waits for the other to go.
fn endless(talk: impl Fn(&mut TcpStream) + Send + 'static) -> (u16, Arc<Mutex<Vec<bool>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let questions = Arc::new(Mutex::new(Vec::new()));
    let shared = questions.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // Whether it is open still.
            shared.lock().unwrap().push(true);
            talk(&mut stream);
            while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            *shared.lock().unwrap().last_mut().unwrap() = false;
        }
    });
    (port, questions)
}

/// All others were asked again when a server that hangs had been waited for, each time.
#[test]
fn a_server_that_hangs_does_not_slow_down_the_others() {
    let (bad, questions) = endless(|_| {});
    let good = Server::start();
    good.counts(50, 1, 5000);
    let all = config(&[&good], "min = 1\nmax = 8\n");
    let runner = Runner::start(&all.replace("servers = [", &format!("servers = ['127.0.0.1:{bad}', ")));
    let open = || questions.lock().unwrap().clone();
    let asked = || good.answers.lock().unwrap().asked;
    // How often the good one was asked while the same question to the bad one was open.
    let meanwhile = || {
        let (before, first) = (open(), asked());
        until("ten looks, or an end", || (open(), asked()), |now| now.0 != before || now.1 > first + 10);
        if open() == before && before.last() == Some(&true) { asked() - first } else { 0 }
    };
    until("ten looks", meanwhile, |looks| *looks > 10);
    runner.at_work("a", 8);
    // One that has not answered yet is no server without jobs, and no failure; later it is.
    let status = until("its failure", || runner.status(), |status| status["servers"][0]["up"] == false);
    assert_eq!(status["servers"][0]["error"], format!("127.0.0.1:{bad} has not answered within 5 s"));
    assert_eq!(status["groups"][0]["waiting"], 50);
    // Each time for the same reason, which is told once.
    until("more questions", || open().len(), |n| *n > 2);
    assert_eq!(runner.lines().iter().filter(|line| line.contains("has not answered")).count(), 1);
}

/// It keeps talking, so no read ever takes too long; its last answer would have counted for ever, and its connection stayed, with
/// all that had come.
#[test]
fn a_server_whose_answer_never_ends_has_failed() {
    let (bad, questions) = endless(|stream| {
        while stream.write_all(b"f\t9").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let all = config(&[], "min = 1\nmax = 8\n");
    let runner = Runner::start(&all.replace("servers = [", &format!("servers = ['127.0.0.1:{bad}'")));
    until("the question", || questions.lock().unwrap().clone(), |open| open[..] == [true]);
    runner.line_with(&format!("warning: 127.0.0.1:{bad} has not answered within 5 s"));
    // It is given up, and asked anew, for the same reason.
    until("more questions", || questions.lock().unwrap().clone(), |open| open.len() > 2);
    assert_eq!(runner.lines().iter().filter(|line| line.contains("has not answered")).count(), 1);
    // A reload does not ask it once more meanwhile.
    let before = questions.lock().unwrap().len();
    for _ in 0..3 {
        runner.ask("reload").unwrap();
    }
    assert_eq!(runner.status()["servers"][0]["up"], false);
    assert!(questions.lock().unwrap().len() <= before + 1);
    runner.at_work("a", 1);
}

/// Its answer was kept until there was no memory left.
#[test]
fn a_server_whose_answer_is_too_large_has_failed() {
    let lines = format!("{}\n", "x".repeat(1023)).repeat(1024);
    let (bad, _) = endless(move |stream| while stream.write_all(lines.as_bytes()).is_ok() {});
    let all = config(&[], "min = 1\nmax = 8\n");
    let runner = Runner::start(&all.replace("servers = [", &format!("servers = ['127.0.0.1:{bad}'")));
    let why =
        format!("lost connection to 127.0.0.1:{bad}: it was given up: an answer of more than 67108864 bytes is none");
    // Within the time that it has, or not.
    let said = || runner.status()["servers"][0]["error"].as_str().map(String::from);
    until("its end", said, |said| said.as_ref().is_some_and(|said| *said == why));
}
