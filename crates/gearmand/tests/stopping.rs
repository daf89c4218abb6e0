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

/// They kept their connections, and all that they sent was refused for as long as the longest job took, while another server was well.
#[tokio::test]
async fn a_drain_sends_clients_away_that_it_has_refused() {
    let server = Server::start().await;
    let (mut silent, mut idle, mut waiting) = (server.peer().await, server.peer().await, server.peer().await);
    let (_, long) = idle.ask(SUBMIT_JOB_BG, &[&b"long"[..], b"", b"x"]).await;
    let short = waiting.submit("short", "", b"x").await;
    let (mut on_long, mut on_short) = (server.worker(&["long"]).await, server.worker(&["short"]).await);
    on_long.grab(&[&long, b"long", b"x"]).await;
    on_short.grab(&[&short, b"short", b"x"]).await;
    let mut asleep = server.worker(&["short"]).await;
    asleep.sleep().await;
    silent.sync().await;

    server.stop.send(Stop::Drain).unwrap();
    // Two in one write: each is answered before the end.
    let job = packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"long"[..], b"", b"y"]);
    while !is_refused(&mut waiting).await {}
    idle.raw(&[&job[..], &job[..]].concat()).await;
    for _ in 0..2 {
        idle.expect(ERROR, &[&b"QUEUE_ERROR"[..], b"Server is shutting down"]).await;
    }
    timeout(LONG, idle.ends()).await.unwrap();
    // Who was refused nothing may ask, and who waits has its result first; workers stay.
    silent.sync().await;
    asleep.sync().await;
    on_short.send(WORK_COMPLETE, &[&short, b"result"]).await;
    waiting.expect(WORK_COMPLETE, &[&short, b"result"]).await;
    timeout(LONG, waiting.ends()).await.unwrap();
    assert!(!server.task.is_finished(), "one still runs");
    on_long.send(WORK_COMPLETE, &[&long, b""]).await;
    timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
}

/// Whether a job of another function is refused, as in a drain.
async fn is_refused(client: &mut Peer) -> bool {
    client.ask(SUBMIT_JOB_BG, &[&b"other"[..], b"", b""]).await.0 == ERROR
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
