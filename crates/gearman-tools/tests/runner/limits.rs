//! Processes that are old, large, busy, or have done their jobs.

use crate::runner::{PATIENT, Runner, Server, until};

/// The first process is replaced for this reason, and not before its follower has settled.
#[track_caller]
fn replaced(runner: &Runner, why: &str) {
    let pid = &runner.line_with("a: ")["2026-11-27T20:43:33.123Z gearman-runner: a: ".len()..];
    let pid = pid.split(' ').next().unwrap();
    runner.line_with(&format!("{pid} is replaced: {why}"));
    let lines = until(pid, || runner.lines(), |lines| lines.iter().any(|l| l.contains(&format!("{pid} ended"))));
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    let second = lines.iter().enumerate().filter(|(_, line)| line.ends_with(" started")).nth(1).unwrap().0;
    assert!(second < at(&format!("{pid} is replaced")), "{lines:?}");
}

#[test]
fn age() {
    let runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\nsettle = '100ms'\nmax-age = '500ms'\n"));
    replaced(&runner, "age");
}

#[test]
fn memory() {
    let config = format!("look = '100ms'\n[group.a]\ncommand = {PATIENT}\nsettle = '100ms'\nmax-memory = '10K'\n");
    replaced(&Runner::start(&config), "memory");
}

/// Memory was looked at for the first time when the time from look to look was over that counted before.
#[test]
fn a_shorter_look_counts_at_once() {
    let config = |look| format!("look = '{look}'\n[group.a]\ncommand = {PATIENT}\nsettle = '100ms'\n");
    let runner = Runner::start(&format!("{}max-memory = '1G'\n", config("1h")));
    runner.at_work("a", 1);
    runner.folder.config(&format!("{}max-memory = '10K'\n", config("100ms")));
    runner.ask("reload").unwrap();
    runner.line_with(" is replaced: memory");
}

#[test]
fn cpu() {
    let config = "look = '100ms'\n[group.a]\ncommand = ['sh', '-c', 'while :; do :; done']\nsettle = '100ms'\nmax-cpu = '200ms'\n";
    replaced(&Runner::start(config), "cpu");
}

#[test]
fn jobs_as_the_server_tells() {
    let server = Server::start();
    server.counts(0, 0, 0);
    let runner = Runner::start(&format!(
        "servers = '127.0.0.1:{}'\nlook = '50ms'\n[group.a]\ncommand = {PATIENT}\nsettle = '100ms'\nmax-jobs = 100\n",
        server.port
    ));
    let [pid] = runner.at_work("a", 1)[..] else { panic!() };
    let id = runner.status()["groups"][0]["processes"][0]["id"].as_str().unwrap().to_owned();
    let tell = |jobs: u32| {
        let list = format!("7\t127.0.0.1\t\t0\t5000\t0\n8\t127.0.0.1\t{id}\t1\t{jobs}\t0\n.\n");
        server.answers.lock().unwrap().connections = Some(list);
    };
    tell(99);
    runner.group("a", |group| group["processes"][0]["jobs"] == 99);
    assert_eq!(runner.at_work("a", 1), [pid]);
    tell(100);
    replaced(&runner, "jobs");
    runner.line_with(&format!("{pid} ended"));
    assert_ne!(runner.at_work("a", 1), [pid]);
}
