//! Too much of something: what comes is bounded, its sender gets an error, and others are served.

use crate::util::*;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn connections() {
    let server = Server::with(|config| config.max_connections = 3).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut peer = server.peer().await;
        peer.sync().await;
        kept.push(peer);
    }
    for _ in 0..100 {
        server.peer().await.ends().await;
    }
    for peer in &mut kept {
        peer.sync().await;
    }
    // Room is there again when one leaves.
    drop(kept.pop());
    loop {
        let mut peer = server.peer().await;
        peer.raw(&packet(b"\0REQ", ECHO_REQ, &[&b"x"[..]])).await;
        if peer.read_or_end().await.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn connections_that_come_and_go() {
    let server = Server::start().await;
    let mut other = server.peer().await;
    for n in 0..500 {
        let mut peer = server.peer().await;
        // Some in the middle of a packet, some with a job, some with nothing.
        match n % 3 {
            0 => peer.raw(b"\0REQ\0\0\0\x07\0\0\0\x09f\0").await,
            1 => peer.send(SUBMIT_JOB, &[&b"f"[..], b"", b""]).await,
            _ => {}
        }
    }
    other.sync().await;
    until(&server, "show jobs\n", ".\n").await;
    until(&server, "status\n", "f\t0\t0\t0\n.\n").await;
}

#[tokio::test]
async fn functions() {
    let server = Server::with(|config| config.max_functions = 5).await;
    let (mut peer, mut other) = (server.peer().await, server.worker(&["mine"]).await);
    let full: &[&[u8]] = &[b"QUEUE_ERROR", b"Too many functions"];
    for n in 0..4 {
        peer.send(CAN_DO, &[format!("f{n}").as_bytes()]).await;
    }
    peer.sync().await;
    for (command, arguments) in [
        (CAN_DO, &[&b"more"[..]][..]),
        (CAN_DO_TIMEOUT, &[b"more", b"1"]),
        (SUBMIT_JOB, &[b"more", b"", b""]),
        (SUBMIT_JOB_BG, &[b"more", b"", b""]),
        (SUBMIT_JOB_EPOCH, &[b"more", b"", b"4000000000", b""]),
    ] {
        peer.send(command, arguments).await;
        peer.expect(ERROR, full).await;
    }
    peer.text("create function more\n", "ERR TOO_MANY_FUNCTIONS\r\n").await;
    // Limits of functions that nobody uses are not remembered without end either.
    for n in 0..100 {
        peer.text(&format!("maxqueue more-{n} 1\n"), "OK\r\n").await;
    }
    peer.submit("mine", "", b"x").await;
    assert_eq!(other.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    // Dropping one makes room.
    peer.send(CANT_DO, &[&b"f0"[..]]).await;
    peer.sync().await;
    peer.text("drop function f0\n", "OK\r\n").await;
    assert_eq!(peer.submit("more", "", b"x").await, b"H:test:2");
}

#[tokio::test]
async fn functions_of_one_worker() {
    let server = Server::start().await;
    let mut worker = server.peer().await;
    let mut bytes = Vec::new();
    for n in 0..10_000 {
        bytes.extend(packet(b"\0REQ", CAN_DO, &[format!("{n}").as_bytes()]));
    }
    worker.raw(&bytes).await;
    worker.sync().await;
    worker.send(CAN_DO, &[&b"one more"[..]]).await;
    worker.expect(ERROR, &[&b"QUEUE_ERROR"[..], b"Too many functions"]).await;
    // Who has one already may announce it again, with another timeout for instance.
    worker.send(CAN_DO, &[&b"0"[..]]).await;
    worker.sync().await;
    let mut client = server.peer().await;
    client.submit("7", "", b"").await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
}

/// Each looks through all functions, and nobody else was served before the last was answered.
#[tokio::test]
async fn questions_for_a_key_of_many_functions() {
    const FUNCTIONS: usize = 10_000;
    let server = Server::start().await;
    let (mut peer, mut other) = (server.peer().await, server.peer().await);
    let lines: String = (0..FUNCTIONS).map(|n| format!("create function f{n}\n")).collect();
    peer.text(&lines, &"OK\r\n".repeat(FUNCTIONS)).await;
    let question = packet(b"\0REQ", GET_STATUS_UNIQUE, &[&b"k"[..]]);
    peer.raw(&question.repeat(100)).await;
    other.send(SUBMIT_JOB_BG, &[&b"f0"[..], b"k", b""]).await;
    for _ in 0..99 {
        assert_eq!(peer.read().await.0, STATUS_RES_UNIQUE);
    }
    // The job came between the first question and the last.
    peer.expect(STATUS_RES_UNIQUE, &[&b"k"[..], b"1", b"0", b"0", b"0", b"0"]).await;
    other.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
}

#[tokio::test]
async fn keys_and_clients_of_one_job() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    let count = 20_000;
    let submit = packet(b"\0REQ", SUBMIT_JOB, &[&b"f"[..], b"same", b""]);
    let (mut reader, mut writer) = client.stream.split();
    let created = packet(b"\0RES", JOB_CREATED, &[&b"H:test:1"[..]]).repeat(count);
    let mut answers = vec![0; created.len()];
    let all = submit.repeat(count);
    let (sent, read) =
        tokio::join!(writer.write_all(&all), tokio::io::AsyncReadExt::read_exact(&mut reader, &mut answers));
    sent.unwrap();
    read.unwrap();
    assert!(answers == created);
    client.text("status\n", "f\t1\t0\t0\n.\n").await;
    // It leaves, and takes along what it asked for so often.
    drop(client);
    until(&server, "status\n", "f\t0\t0\t0\n.\n").await;
}

#[tokio::test]
async fn a_worker_that_does_not_read_loses_its_job() {
    let server = Server::with(|config| config.max_backlog = 1 << 20).await;
    let mut client = server.peer().await;
    client.submit("hold", "", b"held").await;
    let mut slow = server.worker(&["hold"]).await;
    assert_eq!(slow.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    slow.submit("f", "", b"").await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    let mut other = server.worker(&["hold"]).await;
    other.sleep().await;
    let part = vec![b'x'; 100_000];
    for _ in 0..200 {
        worker.send(WORK_DATA, &[&b"H:test:2"[..], &part]).await;
        worker.sync().await;
    }
    other.expect(NOOP, &[]).await;
    other.grab(&[&b"H:test:1"[..], b"hold", b"held"]).await;
    other.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
    slow.ends().await;
}

#[tokio::test]
async fn lengths_without_bytes() {
    let server = Server::start().await;
    let mut waiting = Vec::new();
    for _ in 0..200 {
        let mut peer = server.peer().await;
        // 60 MB are announced, and never come.
        peer.raw(b"\0REQ\0\0\0\x12\x03\x93\x87\x00f\0").await;
        waiting.push(peer);
    }
    let mut peer = server.peer().await;
    peer.sync().await;
    for peer in waiting {
        drop(peer);
    }
    peer.text("status\n", ".\n").await;
}

#[tokio::test]
async fn lines_and_packets_in_any_mix() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    let mut bytes = Vec::new();
    let echo = packet(b"\0REQ", ECHO_REQ, &[&b"version\n\0"[..]]);
    for _ in 0..1000 {
        bytes.extend_from_slice(b"verbose\r\n");
        bytes.extend_from_slice(&echo);
        bytes.extend_from_slice(b"\xff\xfe nonsense \x80\n");
    }
    // In pieces that fit to nothing.
    let (mut reader, mut writer) = peer.stream.split();
    let write = async {
        for piece in bytes.chunks(37) {
            writer.write_all(piece).await.unwrap();
        }
    };
    let answer = [
        &b"OK ERROR\n"[..],
        &packet(b"\0RES", ECHO_RES, &[&b"version\n\0"[..]]),
        b"ERR UNKNOWN_COMMAND Unknown+server+command\xff\xfe\r\n",
    ]
    .concat()
    .repeat(1000);
    let mut answers = vec![0; answer.len()];
    let (_, read) = tokio::join!(write, tokio::io::AsyncReadExt::read_exact(&mut reader, &mut answers));
    read.unwrap();
    assert!(answers == answer);
}
