//! A runner to which everything happens again and again needs no more memory and descriptors than at first.
//! `RUNNER_SOAK_SECONDS`: so long; a few seconds where it is not set.

use crate::runner::{Runner, Server, kill_9, pids};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Descriptors, and kilobytes in memory.
fn size(pid: u32) -> (usize, u64) {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (descriptors, memory.trim().trim_end_matches(" kB").parse().unwrap())
}

/// Nobody is about to start or to end.
fn rest(runner: &Runner) {
    runner.group("a", |group| {
        let processes = group["processes"].as_array().unwrap();
        group["running"] == 2 && processes.len() == 2 && processes.iter().all(|p| p["outdated"].is_null())
    });
}

#[test]
fn nothing_grows() {
    let seconds = std::env::var("RUNNER_SOAK_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let server = Server::start();
    server.counts(0, 0, 0);
    let talkative = "trap 'exit 0' TERM; seq 200; sleep 1000 & wait $!";
    let runner = Runner::start(&format!(
        "servers = '127.0.0.1:{}'\nlook = '20ms'\nmetrics = '127.0.0.1:0'\n\
         [group.a]\ncommand = [\"sh\", \"-c\", \"{talkative}\"]\nsettle = '20ms'\n\
         functions = 'f'\nmin = 2\nmax = 6\nshrink-after = '100ms'\ngrow-after = '1ms'\nmax-memory = '1G'\nmax-jobs = 1000\n\
         [group.crashes]\ncommand = 'false'\n",
        server.port
    ));
    rest(&runner);
    let (mut begun, mut first, mut rounds) = (Instant::now(), None, 0u32);
    while begun.elapsed() < Duration::from_secs(seconds) {
        server.counts(20, 2, 100);
        runner.group("a", |group| group["running"].as_u64() > Some(3));
        kill_9(pids(&runner.group("a", |group| group["running"].as_u64() > Some(0)))[0]);
        runner.signal(Signal::SIGHUP);
        server.counts(0, 0, 0);
        rest(&runner);
        // What was read is not kept by the test either.
        runner.lines.lock().unwrap().clear();
        rounds += 1;
        if rounds == 3 {
            (begun, first) = (Instant::now(), Some(size(runner.child.id())));
        }
    }
    let ((descriptors, memory), last) = (first.unwrap(), size(runner.child.id()));
    println!("{rounds} rounds: from {descriptors} descriptors and {memory} kB to {last:?}");
    assert!(last.0 <= descriptors + 4, "descriptors: {descriptors}, then {}", last.0);
    assert!(last.1 < memory + 4096, "memory: {memory} kB, then {} kB", last.1);
}
