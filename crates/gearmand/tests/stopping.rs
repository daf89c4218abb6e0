//! Stop and drain.

use crate::util::*;
use gearmand::Stop;
use tokio::time::timeout;

#[tokio::test]
async fn stop_ends_at_once() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"").await;
    let mut worker = server.worker(&["f"]).await;
    worker.ask(GRAB_JOB, &[]).await;
    server.stop.send(Stop::Now).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
    client.ends().await;
    worker.ends().await;
}

#[tokio::test]
async fn drain_lets_running_jobs_end() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"running").await;
    client.submit("f", "", b"queued").await;
    let mut worker = server.worker(&["f"]).await;
    worker.ask(GRAB_JOB, &[]).await;
    let mut idle = server.worker(&["f"]).await;
    server.stop.send(Stop::Drain).unwrap();
    // Until it knows of it, it may still hand out the other one.
    loop {
        let (command, body) = client.ask(SUBMIT_JOB_BG, &[&b"g"[..], b"", b""]).await;
        if command == ERROR {
            assert!(body.starts_with(b"QUEUE_ERROR\0"));
            break;
        }
    }
    idle.grab_nothing().await;
    idle.sleep().await;
    assert!(!server.task.is_finished());
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"result"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"result"]).await;
    timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn stop_ends_a_drain() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"").await;
    let mut worker = server.worker(&["f"]).await;
    worker.ask(GRAB_JOB, &[]).await;
    server.stop.send(Stop::Drain).unwrap();
    while client.ask(SUBMIT_JOB_BG, &[&b"g"[..], b"", b""]).await.0 != ERROR {}
    server.stop.send(Stop::Now).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn drain_with_nothing_to_do_ends_at_once() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.sync().await;
    server.stop.send(Stop::Drain).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
    peer.ends().await;
}
