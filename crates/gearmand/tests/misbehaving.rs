//! Peers that do what they should not: they get an error or are closed, and others are served.

use crate::util::*;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn errors_that_leave_the_connection_open() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.raw(&packet(b"\0RES", ECHO_REQ, &[&b"x"[..]])).await;
    peer.expect(ERROR, &[&b"INVALID_MAGIC"[..], b"Request magic expected"]).await;
    for command in [0, 5, 43, 99, u32::MAX, JOB_CREATED, NOOP, STATUS_RES] {
        peer.send(command, &[&b"x"[..]]).await;
        peer.expect(ERROR, &[&b"INVALID_COMMAND"[..], b"Command not expected"]).await;
    }
    let (command, body) = peer.ask(SUBMIT_JOB, &[&b"f"[..]]).await;
    assert_eq!(command, ERROR);
    assert!(body.starts_with(b"INVALID_PACKET\0"));
    let found: &[&[u8]] = &[&b"JOB_NOT_FOUND"[..], b"Job given in work result not found"];
    peer.send(WORK_COMPLETE, &[&b"H:test:1"[..], b""]).await;
    peer.expect(ERROR, found).await;
    peer.sync().await;
}

#[tokio::test]
async fn what_closes_it() {
    let server = Server::with(|config| config.max_packet = 1000).await;
    let mut other = server.peer().await;
    other.sync().await;
    for bytes in [
        &b"\0RUBBISH"[..],
        b"\0REX\0\0\0\x10\0\0\0\0",
        b"\0REQ\0\0\0\x07\xff\xff\xff\xff",
        b"\0REQ\0\0\0\x10\0\0\x03\xe9",
    ] {
        let mut peer = server.peer().await;
        peer.sync().await;
        peer.raw(bytes).await;
        peer.ends().await;
        other.sync().await;
    }
    let mut peer = server.peer().await;
    peer.send(ECHO_REQ, &[&[b'x'; 1000][..]]).await;
    assert_eq!(peer.read().await.1.len(), 1000);
}

#[tokio::test]
async fn a_text_line_without_an_end() {
    let server = Server::with(|config| config.max_line = 100).await;
    let mut peer = server.peer().await;
    // The server closes at some point; writing may fail from then on.
    for _ in 0..100 {
        if peer.stream.write_all(&[b'x'; 64]).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    peer.ends().await;
    server.peer().await.sync().await;
}

#[tokio::test]
async fn half_packets_and_early_ends() {
    let server = Server::start().await;
    let whole = packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"f"[..], b"", b"x"]);
    let mut waiting = Vec::new();
    for cut in 1..whole.len() {
        let mut peer = server.peer().await;
        peer.raw(&whole[..cut]).await;
        peer.stream.shutdown().await.unwrap();
        peer.ends().await;
        let mut peer = server.peer().await;
        peer.raw(&whole[..cut]).await;
        waiting.push((peer, cut));
    }
    server.peer().await.text("status\n", ".\n").await;
    for (mut peer, cut) in waiting {
        peer.raw(&whole[cut..]).await;
        assert_eq!(peer.read().await.0, JOB_CREATED);
    }
}

#[tokio::test]
async fn requests_before_the_end_are_answered() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.raw(b"version\n").await;
    peer.stream.shutdown().await.unwrap();
    peer.text("", "OK 2.3.0\n").await;
    peer.ends().await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_when_others_fill_its_buffer() {
    let server = Server::with(|config| config.max_backlog = 1 << 20).await;
    let mut slow = server.peer().await;
    slow.submit("f", "", b"").await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    let part = vec![b'x'; 100_000];
    // Far more than the kernel's buffers and the limit take.
    for _ in 0..200 {
        worker.send(WORK_DATA, &[&b"H:test:1"[..], &part]).await;
        worker.sync().await;
    }
    // Its end is not the worker's: the job goes on, and nobody waits for it.
    until(&server, "show jobs\n", "H:test:1\t0\t1\t0\n.\n").await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b""]).await;
    worker.sync().await;
    slow.ends().await;
}

#[tokio::test]
async fn who_fills_its_own_buffer_is_not_read_from_until_it_reads() {
    let server = Server::with(|config| config.max_backlog = 4 << 20).await;
    let peer = server.peer().await;
    let (mut reader, mut writer) = peer.stream.into_split();
    let echo = packet(b"\0REQ", ECHO_REQ, &[&vec![b'e'; 50_000][..]]);
    let count = 2000; // 100 MB, of which the server must not hold more than a little
    let writing = tokio::spawn(async move {
        for _ in 0..count {
            writer.write_all(&echo).await.unwrap();
        }
        writer
    });
    server.peer().await.sync().await;
    let mut all = vec![0; (50_000 + 12) * count];
    tokio::io::AsyncReadExt::read_exact(&mut reader, &mut all).await.unwrap();
    writing.await.unwrap();
}

#[tokio::test]
async fn many_listings_asked_for_at_once() {
    let server = Server::with(|config| config.max_backlog = 4 << 20).await;
    let mut worker = server.peer().await;
    for i in 0..2000 {
        worker.send(CAN_DO, &[format!("function-{i}").as_bytes()]).await;
    }
    worker.sync().await;
    let mut peer = server.peer().await;
    peer.raw("status\n".repeat(300).as_bytes()).await;
    let mut dots = 0;
    let mut buffer = vec![0; 65536];
    let mut last = b'\n';
    while dots < 300 {
        let n = tokio::io::AsyncReadExt::read(&mut peer.stream, &mut buffer).await.unwrap();
        assert_ne!(n, 0, "closed after {dots}");
        for byte in &buffer[..n] {
            dots += usize::from(last == b'\n' && *byte == b'.');
            last = *byte;
        }
    }
}
