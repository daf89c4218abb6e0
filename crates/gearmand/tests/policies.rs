//! The file of policies: read at the start and by SIGHUP, and obeyed.

use crate::process::{Folder, Running, ask, gearmand, stderr};
use crate::util::*;
use gearmand::config::Policies;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::watch;

fn policies(text: &str) -> Arc<Policies> {
    Arc::new(Policies::parse(text, Path::new("policies.toml")).unwrap())
}

/// A server that follows this file, with a clock of the test's own.
async fn server(file: &watch::Sender<Arc<Policies>>, clock: fn() -> Duration) -> Server {
    let policies = file.subscribe();
    Server::with(|config| (config.policies, config.clock) = (Some(policies), clock)).await
}

/// The whole list.
fn list(peer: &mut TcpStream) -> String {
    peer.write_all(b"policies\n").unwrap();
    let mut lines = BufReader::new(peer);
    let mut list = String::new();
    while !list.ends_with(".\n") {
        assert!(lines.read_line(&mut list).unwrap() > 0);
    }
    list
}

/// A worker fails a job, twice; between the tries it waits.
#[tokio::test]
async fn a_file_is_obeyed_and_so_is_the_next() {
    static NOW: AtomicU64 = AtomicU64::new(1_000_000);
    let file = watch::Sender::new(policies("[function.'f*']\nretries = 1\nbackoff = '5s'\n"));
    let server = server(&file, || Duration::from_secs(NOW.load(Relaxed))).await;
    let mut client = server.peer().await;
    let mut worker = server.worker(&["f"]).await;
    client.send(SUBMIT_JOB_BG, &[b"f", b"", b"data"]).await;
    client.expect(JOB_CREATED, &[b"H:test:1"]).await;
    worker.grab(&[b"H:test:1", b"f", b"data"]).await;
    worker.send(WORK_FAIL, &[b"H:test:1"]).await;
    worker.sync().await;
    client.text("status\n", "f\t1\t0\t1\n.\n").await;
    worker.grab_nothing().await;
    worker.sleep().await;
    NOW.fetch_add(5, Relaxed);
    // Something happens: the server looks at its clock.
    client.sync().await;
    worker.expect(NOOP, &[]).await;
    worker.grab(&[b"H:test:1", b"f", b"data"]).await;
    worker.send(WORK_EXCEPTION, &[b"H:test:1", b"no disk"]).await;
    worker.sync().await;
    client.text("policies\n", "f*\tfile:1\tretries=1\tbackoff=5s\n.\n").await;
    client.text("status\n", "f\t0\t0\t1\n.\n").await;

    file.send_replace(policies("\n[function.f]\nretries = 0\n"));
    until(&server, "policies\n", "f\tfile:2\tretries=0\n.\n").await;
    client.text("dead-retry f\n", "OK 1\n").await;
    worker.grab(&[b"H:test:1", b"f", b"data"]).await;
    worker.send(WORK_FAIL, &[b"H:test:1"]).await;
    worker.sync().await;
    client.text("dead\n", ".\n").await;
    client.text("job H:test:1\n", "ERR UNKNOWN_JOB there+is+no+such+job\r\n").await;
}

/// The server submits a job itself, to a worker that sleeps, when the time has come.
#[tokio::test]
async fn a_schedule_of_the_file_is_run() {
    // 13:46:40.
    static NOW: AtomicU64 = AtomicU64::new(1_000_000);
    let file = watch::Sender::new(policies(
        "[schedule.nightly]\ncron = '0 14 * * *'\nzone = 'UTC'\nfunction = 'f'\nworkload = 'all'\n",
    ));
    let server = server(&file, || Duration::from_secs(NOW.load(Relaxed))).await;
    let mut client = server.peer().await;
    let mut worker = server.worker(&["f"]).await;
    worker.sleep().await;
    client.text("schedules\n", "nightly\t0 14 * * *\tUTC\tf\tnightly\t1000800\t\n.\n").await;
    NOW.fetch_add(801, Relaxed);
    // Something happens: the server looks at its clock.
    client.sync().await;
    worker.expect(NOOP, &[]).await;
    worker.grab(&[b"H:test:1", b"f", b"all"]).await;
    client.text("schedules\n", "nightly\t0 14 * * *\tUTC\tf\tnightly\t1087200\t1000801\n.\n").await;
    file.send_replace(policies(""));
    until(&server, "schedules\n", ".\n").await;
}

#[test]
fn a_file_with_a_mistake_is_no_start() {
    let folder = Folder::new("policies-wrong");
    let file = folder.file("policies.toml");
    let start = |more: &[&str]| {
        let output = gearmand()
            .args(["-p", "0", "-L", "127.0.0.1", "-l", "none", "-P", "", "--policy-file", &file])
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, text) = start(&[]);
    assert!(code == Some(1) && text.contains(&format!("--policy-file {file}: No such file")), "{text}");
    std::fs::write(&file, "[function.f]\nretries = 3\n\n[function.g]\nretries = -3\n").unwrap();
    for more in [&[][..], &["--check-args"]] {
        let (code, text) = start(more);
        let expected = format!("gearmand: --policy-file {file}:5:11: retries: -3 is not a number from 0 to 1000\n");
        assert_eq!((code, text), (Some(1), expected));
    }
    std::fs::write(&file, "[function.f]\nretries = 3\n").unwrap();
    assert_eq!(start(&["--check-args"]), (Some(0), String::new()));
}

#[test]
fn sighup_reads_the_policies_anew() {
    let folder = Folder::new("policies");
    let file = folder.file("policies.toml");
    std::fs::write(&file, "[function.f]\nretries = 3\n").unwrap();
    let mut server = Running::start(&["--policy-file", &file], &folder);
    let mut peer = server.connect();
    let first = "f\tfile:1\tretries=3\n";
    assert_eq!(list(&mut peer), format!("{first}.\n"));
    assert_eq!(ask(&mut peer, "policy g paused=yes\n"), "OK\r\n");

    std::fs::write(&file, "[function.g]\nretries = 1\n[function.f]\nretry = 3\n").unwrap();
    server.signal(Signal::SIGHUP);
    let line = server.line_with("policies.toml");
    assert!(
        line.contains("ERROR") && line.contains(&format!("--policy-file {file}:4:1: there is no key retry")),
        "{line}"
    );
    assert!(line.ends_with("; the rules stay as they were\n"), "{line}");
    assert_eq!(list(&mut peer), format!("g\trun-time\tpaused=yes\n{first}.\n"));

    std::fs::write(&file, "[function.'*']\nretries = 1\n").unwrap();
    server.signal(Signal::SIGHUP);
    let line = server.line_with("policies.toml anew");
    assert!(line.contains("NOTICE") && line.ends_with("anew: 1 policies, 0 schedules\n"), "{line}");
    let deadline = Instant::now() + LONG;
    let expected = "g\trun-time\tpaused=yes\n*\tfile:1\tretries=1\n.\n";
    while list(&mut peer) != expected {
        assert!(Instant::now() < deadline);
    }
    server.stop();
}
