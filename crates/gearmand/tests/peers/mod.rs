//! Servers that help each other (`--peer`): clients at one server, workers at another.

mod hostile;
mod limits;
mod loops;
mod outages;
mod streams;

use crate::util::*;
use gearman_core::net::address::ServerAddress;
use gearmand::{Config, Stop};
use std::net::SocketAddr;
use tokio::time::timeout;

/// A server, whose handles begin in its own way.
pub(crate) async fn server(name: &str, change: impl FnOnce(&mut Config)) -> Server {
    Server::with(|config| {
        config.handle_prefix = format!("H:{name}");
        change(config);
    })
    .await
}

pub(crate) fn address(at: SocketAddr) -> ServerAddress {
    ServerAddress::new(&at.ip().to_string(), at.port().into()).unwrap()
}

/// A server that works for others.
pub(crate) async fn helper(peers: &[&Server]) -> Server {
    let peers = peers.iter().map(|peer| address(peer.address)).collect();
    server("helper", |config| config.peers = peers).await
}

/// A worker that sleeps.
pub(crate) async fn sleeper(server: &Server, functions: &[&str]) -> Peer {
    let mut worker = server.worker(functions).await;
    worker.send(PRE_SLEEP, &[]).await;
    worker
}

impl Peer {
    /// It is woken, and given a job: its handle, and what else there is of it.
    pub(crate) async fn woken(&mut self) -> (String, Vec<u8>) {
        self.woken_for(GRAB_JOB_ALL).await
    }

    async fn woken_for(&mut self, grab: u32) -> (String, Vec<u8>) {
        loop {
            let noop = timeout(LONG, self.read()).await.expect("nobody wakes the worker");
            assert_eq!(noop.0, NOOP);
            let (command, body) = self.ask(grab, &[]).await;
            if command != NO_JOB {
                let (handle, rest) = body.split_at(body.iter().position(|byte| *byte == 0).unwrap());
                return (String::from_utf8(handle.to_vec()).unwrap(), rest[1..].to_vec());
            }
            self.send(PRE_SLEEP, &[]).await;
        }
    }

    pub(crate) async fn complete(&mut self, handle: &str, result: &[u8]) {
        self.send(WORK_COMPLETE, &[handle.as_bytes(), result]).await;
    }

    /// The next packet, which comes within a minute.
    pub(crate) async fn soon(&mut self, command: u32, arguments: &[&[u8]]) {
        timeout(LONG, self.expect(command, arguments)).await.expect("nothing comes");
    }

    /// The line of `status` about a function: jobs, those that run, workers.
    pub(crate) async fn status(&mut self, function: &str) -> Option<[u32; 3]> {
        self.raw(b"status\n").await;
        let mut answer = Vec::new();
        while !answer.ends_with(b".\n") {
            tokio::io::AsyncReadExt::read_buf(&mut self.stream, &mut answer).await.unwrap();
        }
        let text = String::from_utf8(answer).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{function}\t")))?;
        let numbers: Vec<u32> = line.split('\t').map(|n| n.parse().unwrap()).collect();
        Some([numbers[0], numbers[1], numbers[2]])
    }
}

#[tokio::test]
async fn clients_here_and_workers_there() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut worker = sleeper(&there, &["f", "g"]).await;
    let mut client = here.peer().await;
    client.ask(OPTION_REQ, &[b"exceptions"]).await;
    let mut other = here.peer().await;

    assert_eq!(client.submit("f", "key", b"work\0load").await, b"H:here:1");
    assert_eq!(other.submit("f", "key", b"work\0load").await, b"H:here:1", "joined where it was submitted");
    let (handle, rest) = worker.woken().await;
    assert_eq!((&handle[..], &rest[..]), ("H:helper:1", &b"f\0key\0work\0load"[..]));
    for part in 0..100u32 {
        let (part, handle) = (part.to_string(), handle.as_bytes());
        worker.send(WORK_STATUS, &[handle, part.as_bytes(), b"100"]).await;
        worker.send(WORK_DATA, &[handle, part.as_bytes()]).await;
        worker.send(WORK_WARNING, &[handle, part.as_bytes()]).await;
    }
    worker.complete(&handle, b"res\0ult").await;
    for peer in [&mut client, &mut other] {
        for part in 0..100u32 {
            let part = part.to_string();
            peer.soon(WORK_STATUS, &[b"H:here:1", part.as_bytes(), b"100"]).await;
            peer.soon(WORK_DATA, &[b"H:here:1", part.as_bytes()]).await;
            peer.soon(WORK_WARNING, &[b"H:here:1", part.as_bytes()]).await;
        }
        peer.soon(WORK_COMPLETE, &[b"H:here:1", b"res\0ult"]).await;
    }

    // An exception, for whoever asked for exceptions and who did not.
    worker.send(PRE_SLEEP, &[]).await;
    client.submit("g", "both", b"").await;
    other.submit("g", "both", b"").await;
    let (handle, _) = worker.woken().await;
    worker.send(WORK_EXCEPTION, &[handle.as_bytes(), b"no disk"]).await;
    client.soon(WORK_EXCEPTION, &[b"H:here:2", b"no disk"]).await;
    other.soon(WORK_FAIL, &[b"H:here:2"]).await;

    // A job that fails, and one that is split.
    worker.send(PRE_SLEEP, &[]).await;
    client.send(SUBMIT_REDUCE_JOB, &[b"g", b"k", b"joins", b"x"]).await;
    client.soon(JOB_CREATED, &[b"H:here:3"]).await;
    let (handle, rest) = worker.woken().await;
    assert_eq!(rest, b"g\0k\0joins\0x");
    worker.send(WORK_FAIL, &[handle.as_bytes()]).await;
    client.soon(WORK_FAIL, &[b"H:here:3"]).await;

    // One in the background.
    worker.send(PRE_SLEEP, &[]).await;
    client.ask(SUBMIT_JOB_BG, &[b"f", b"", b"later"]).await;
    let (handle, rest) = worker.woken().await;
    assert_eq!(rest, b"f\0\0later");
    worker.complete(&handle, b"").await;
    wait_for(&mut other, "f", |[jobs, ..]| jobs == 0).await;
    there.stop.send(Stop::Now).unwrap();
    timeout(LONG, there.task).await.unwrap().unwrap().unwrap();
}

/// Asks until it is so.
pub(crate) async fn wait_for(peer: &mut Peer, function: &str, so: impl Fn([u32; 3]) -> bool) {
    let asks = async {
        while !peer.status(function).await.is_some_and(&so) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(LONG, asks).await.is_ok(), "{function} stays so");
}

#[tokio::test]
async fn own_workers_go_first() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    // The helper has announced itself.
    wait_for(&mut client, "f", |[_, _, workers]| workers == 1).await;
    let mut near = here.worker(&["f"]).await;
    for n in 0..20u8 {
        near.sleep().await;
        client.submit("f", "", &[n]).await;
        let (handle, _) = near.woken().await;
        assert!(handle.starts_with("H:here:"));
        near.complete(&handle, &[n]).await;
        client.soon(WORK_COMPLETE, &[handle.as_bytes(), &[n]]).await;
    }
    near.sleep().await;
    // It is on one: the next goes there.
    client.submit("f", "", b"near").await;
    near.woken().await;
    let next = client.submit("f", "", b"far").await;
    let (handle, rest) = far.woken().await;
    assert_eq!(rest, b"f\0\0far");
    far.complete(&handle, b"from far").await;
    client.soon(WORK_COMPLETE, &[&next, b"from far"]).await;
}

#[tokio::test]
async fn a_worker_that_dies_gives_its_job_to_one_at_the_jobs_own_server() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    let job = client.submit("f", "", b"x").await;
    far.woken().await;
    drop(far);
    let mut near = sleeper(&here, &["f"]).await;
    let (handle, rest) = near.woken().await;
    assert_eq!((handle.as_bytes(), &rest[..]), (&job[..], &b"f\0\0x"[..]));
    near.complete(&handle, b"done").await;
    client.soon(WORK_COMPLETE, &[&job, b"done"]).await;
    let mut admin = there.peer().await;
    wait_for(&mut admin, "f", |status| status == [0, 0, 0]).await;
}

/// It sleeps for all that its server knows, and does nothing when it is woken.
#[tokio::test]
async fn a_worker_that_does_not_wake_up_keeps_no_job_from_its_own_server() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    let job = client.submit("f", "", b"x").await;
    timeout(LONG, far.expect(NOOP, &[])).await.unwrap();
    let mut near = sleeper(&here, &["f"]).await;
    let (handle, _) = near.woken().await;
    assert_eq!(handle.as_bytes(), job);
    wait_for(&mut there.peer().await, "f", |[jobs, ..]| jobs == 0).await;
    assert_eq!(far.ask(GRAB_JOB, &[]).await.0, NO_JOB, "it is not run twice");
    near.complete(&handle, b"done").await;
    client.soon(WORK_COMPLETE, &[&job, b"done"]).await;
}

#[tokio::test]
async fn a_job_is_cancelled_where_it_was_submitted() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    far.ask(OPTION_REQ, &[b"cancel-notices"]).await;
    let mut client = here.peer().await;
    client.submit("f", "", b"x").await;
    let (handle, _) = far.woken().await;
    let mut admin = here.peer().await;
    admin.text("cancel job H:here:1\n", "OK\r\n").await;
    client.soon(WORK_FAIL, &[b"H:here:1"]).await;
    const JOB_NOTICE: u32 = 200;
    let (command, notice) = timeout(LONG, far.read()).await.unwrap();
    assert_eq!((command, &notice[..]), (JOB_NOTICE, &[handle.as_bytes(), b"\0cancelled\0"].concat()[..]));
    // The way to the peer is as good as before.
    far.complete(&handle, b"too late").await;
    far.send(PRE_SLEEP, &[]).await;
    let next = client.submit("f", "", b"y").await;
    let (handle, _) = far.woken().await;
    far.complete(&handle, b"in time").await;
    client.soon(WORK_COMPLETE, &[&next, b"in time"]).await;
}

#[tokio::test]
async fn a_client_goes_away() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    client.submit("f", "", b"x").await;
    let (handle, _) = far.woken().await;
    drop(client);
    far.complete(&handle, b"for nobody").await;
    far.send(PRE_SLEEP, &[]).await;
    let mut client = here.peer().await;
    let next = client.submit("f", "", b"y").await;
    let (handle, _) = far.woken().await;
    far.complete(&handle, b"for somebody").await;
    client.soon(WORK_COMPLETE, &[&next, b"for somebody"]).await;
}

#[tokio::test]
async fn the_helper_drains_and_stops() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let _idle = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    let first = client.submit("f", "", b"1").await;
    let (handle, _) = far.woken().await;
    there.stop.send(Stop::Drain).unwrap();
    wait_for(&mut client, "f", |[_, _, workers]| workers == 1).await;
    client.submit("f", "", b"2").await;
    far.complete(&handle, b"in time").await;
    client.soon(WORK_COMPLETE, &[&first, b"in time"]).await;
    timeout(LONG, there.task).await.unwrap().unwrap().unwrap();
    wait_for(&mut client, "f", |status| status == [1, 0, 0]).await;
}

#[tokio::test]
async fn the_helper_stops_at_once() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let mut far = sleeper(&there, &["f"]).await;
    let mut client = here.peer().await;
    let job = client.submit("f", "", b"1").await;
    far.woken().await;
    there.stop.send(Stop::Now).unwrap();
    timeout(LONG, there.task).await.unwrap().unwrap().unwrap();
    let mut near = sleeper(&here, &["f"]).await;
    let (handle, _) = near.woken().await;
    assert_eq!(handle.as_bytes(), job);
}
