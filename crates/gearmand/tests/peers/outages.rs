//! Peers that are away, die and come back.

use super::*;
use crate::process::{Folder, Running};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::time::Duration;
use tokio::net::TcpStream;

async fn connect(port: u16) -> Peer {
    let asks = async {
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
                stream.set_nodelay(true).unwrap();
                return Peer { stream };
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, asks).await.unwrap()
}

/// A peer in a process of its own.
fn start(folder: &Folder, port: u16) -> Running {
    let mut running =
        Running::start(&["-p", &port.to_string(), "--job-handle-prefix", "H:p", "--threads", "2"], folder);
    // Nobody reads it any more.
    let mut log = running.take_log();
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    running
}

#[tokio::test]
async fn a_peer_is_killed_and_comes_back() {
    let folder = Folder::new("peers-killed");
    let mut peer = start(&folder, 0);
    let port = peer.port;
    let at = address(([127, 0, 0, 1], port).into());
    let there = server("helper", |config| config.peers = vec![at]).await;
    let mut worker = sleeper(&there, &["f"]).await;
    for round in 0..5u8 {
        let mut client = connect(port).await;
        client.submit("f", "", &[round]).await;
        let (handle, _) = worker.woken().await;
        peer.child.kill().unwrap();
        peer.child.wait().unwrap();
        client.ends().await;
        // What it does is for nobody; it works for others meanwhile.
        worker.complete(&handle, b"").await;
        worker.send(PRE_SLEEP, &[]).await;
        let mut own = there.peer().await;
        let job = own.submit("f", "", b"own").await;
        let (handle, _) = worker.woken().await;
        worker.complete(&handle, b"").await;
        own.soon(WORK_COMPLETE, &[&job, b""]).await;
        worker.send(PRE_SLEEP, &[]).await;
        peer = start(&folder, port);
        let mut client = connect(port).await;
        let job = client.submit("f", "", &[round]).await;
        let (handle, rest) = worker.woken().await;
        assert_eq!(rest, [b'f', 0, 0, round]);
        worker.complete(&handle, b"again").await;
        client.soon(WORK_COMPLETE, &[&job, b"again"]).await;
        worker.send(PRE_SLEEP, &[]).await;
    }
    peer.child.kill().unwrap();
    peer.child.wait().unwrap();
}

/// Stopped in the middle of a job, and not for long: nothing is lost.
#[tokio::test]
async fn a_peer_is_stopped_for_a_moment() {
    let folder = Folder::new("peers-stopped");
    let mut peer = start(&folder, 0);
    let pid = Pid::from_raw(peer.child.id() as i32);
    let at = address(([127, 0, 0, 1], peer.port).into());
    let there = server("helper", |config| config.peers = vec![at]).await;
    let mut worker = sleeper(&there, &["f"]).await;
    let mut client = connect(peer.port).await;
    for _ in 0..20 {
        let job = client.submit("f", "", b"x").await;
        let (handle, _) = worker.woken().await;
        kill(pid, Signal::SIGSTOP).unwrap();
        worker.send(WORK_DATA, &[handle.as_bytes(), b"part"]).await;
        worker.complete(&handle, b"all").await;
        worker.sleep().await;
        kill(pid, Signal::SIGCONT).unwrap();
        client.soon(WORK_DATA, &[&job, b"part"]).await;
        client.soon(WORK_COMPLETE, &[&job, b"all"]).await;
    }
    peer.child.kill().unwrap();
    peer.child.wait().unwrap();
}

/// The helper is killed in the middle: its peer gives the job to its own worker.
#[tokio::test]
async fn the_helper_is_killed() {
    let folder = Folder::new("peers-helper-killed");
    let here = server("here", |_| {}).await;
    let mut helper = Running::start(&["--peer", &here.address.to_string()], &folder);
    let mut far = connect(helper.port).await;
    far.send(CAN_DO, &[b"f"]).await;
    far.sleep().await;
    let mut client = here.peer().await;
    let job = client.submit("f", "", b"x").await;
    far.woken().await;
    helper.child.kill().unwrap();
    helper.child.wait().unwrap();
    let mut near = sleeper(&here, &["f"]).await;
    let (handle, _) = near.woken().await;
    near.complete(&handle, b"done").await;
    client.soon(WORK_COMPLETE, &[&job, b"done"]).await;
}

/// A worker that connects anew whenever its server is gone, and answers each job with its workload.
async fn echoing(port: u16) {
    loop {
        let mut worker = connect(port).await;
        while serve_one(&mut worker).await.is_some() {}
    }
}

async fn serve_one(worker: &mut Peer) -> Option<()> {
    let request = |command, arguments: &[&[u8]]| packet(b"\0REQ", command, arguments);
    worker.raw_or(&[request(CAN_DO, &[b"f"]), request(GRAB_JOB, &[])].concat()).await.ok()?;
    loop {
        match worker.read_or_end().await? {
            (NO_JOB, _) => worker.raw_or(&request(PRE_SLEEP, &[])).await.ok()?,
            (NOOP, _) => worker.raw_or(&request(GRAB_JOB, &[])).await.ok()?,
            (JOB_ASSIGN, body) => {
                let mut parts = body.splitn(3, |byte| *byte == 0);
                let (handle, workload) = (parts.next()?, parts.nth(1)?);
                return worker.raw_or(&request(WORK_COMPLETE, &[handle, workload])).await.ok();
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Two servers help, and one of them after the other is killed and comes back: every job ends, with its own result.
#[tokio::test]
async fn helpers_are_killed_under_load() {
    const JOBS: usize = 3000;
    let folders = [Folder::new("peers-load-1"), Folder::new("peers-load-2")];
    let here = server("here", |_| {}).await;
    let peer = here.address.to_string();
    let start = |folder: &Folder, port: u16| {
        let mut running = Running::start(&["-p", &port.to_string(), "--peer", &peer], folder);
        let mut log = running.take_log();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        running
    };
    let mut helpers = folders.each_ref().map(|folder| start(folder, 0));
    let ports = helpers.each_ref().map(|helper| helper.port);
    let mut workers = tokio::task::JoinSet::new();
    for port in ports.into_iter().cycle().take(8) {
        workers.spawn(echoing(port));
    }
    let mut client = here.peer().await;
    for n in 0..JOBS {
        client.send(SUBMIT_JOB, &[b"f", b"", n.to_string().as_bytes()]).await;
    }
    // Jobs are numbered as they were submitted, from 1.
    let (mut done, mut turn) = (HashSet::new(), 0);
    while done.len() < JOBS {
        let (command, body) = timeout(LONG, client.read()).await.expect("a job does not end");
        if command == JOB_CREATED {
            continue;
        }
        assert_eq!(command, WORK_COMPLETE);
        let text = String::from_utf8(body).unwrap();
        let (handle, result) = text.split_once('\0').unwrap();
        let n: usize = result.parse().unwrap();
        assert_eq!(handle, format!("H:here:{}", n + 1));
        assert!(done.insert(n), "{n} ended twice");
        if done.len() % 300 == 0 {
            let (folder, helper) = (&folders[turn % 2], &mut helpers[turn % 2]);
            helper.child.kill().unwrap();
            helper.child.wait().unwrap();
            *helper = start(folder, helper.port);
            turn += 1;
        }
    }
    wait_for(&mut client, "f", |[jobs, ..]| jobs == 0).await;
    for helper in &mut helpers {
        helper.child.kill().unwrap();
        helper.child.wait().unwrap();
    }
}
