//! Lists that take many pages, and `counters`.

use crate::process::{Folder, ask};
use crate::util::*;
use std::collections::HashMap;
use std::fmt::Write;
use tokio::io::AsyncReadExt;

/// More than ten pages.
const JOBS: usize = 10_500;

/// A server with so many jobs, each with a key.
async fn long_queue() -> Server {
    let server = Server::start().await;
    let mut client = server.peer().await;
    let submits = (0..JOBS).map(|n| packet(b"\0REQ", SUBMIT_JOB_BG, &[b"f", format!("key{n}").as_bytes(), b""]));
    let (submits, mut answers) = (submits.collect::<Vec<_>>().concat(), vec![0; 0]);
    let (mut reader, mut writer) = client.stream.split();
    let write = tokio::io::AsyncWriteExt::write_all(&mut writer, &submits);
    let read = async {
        while answers.windows(12).filter(|window| window.starts_with(b"\0RES")).count() < JOBS {
            assert!(reader.read_buf(&mut answers).await.unwrap() > 0);
        }
    };
    let (written, ()) = tokio::join!(write, read);
    written.unwrap();
    server
}

/// `show jobs`, but for those without these numbers.
fn jobs(without: &[usize]) -> String {
    let mut list = String::new();
    for n in (1..=JOBS).filter(|n| !without.contains(n)) {
        writeln!(list, "H:test:{n}\t0\t0\t1").unwrap();
    }
    list + ".\n"
}

#[tokio::test]
async fn what_is_asked_after_a_list_is_answered_after_it() {
    let server = long_queue().await;
    let mut peer = server.peer().await;
    let keys: String = (0..JOBS).map(|n| format!("key{n}\n")).collect();
    let questions = [
        packet(b"\0REQ", GRAB_JOB, &[]),
        b"show jobs\n".to_vec(),
        b"version\n".to_vec(),
        packet(b"\0REQ", ECHO_REQ, &[&b"1"[..]]),
        b"show unique jobs\nSTATUS\r\n".to_vec(),
        packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"g"[..], b"", b""]),
        b"status\n".to_vec(),
        packet(b"\0REQ", ECHO_REQ, &[&b"2"[..]])[..9].to_vec(),
    ];
    peer.raw(&questions.concat()).await;
    peer.expect(NO_JOB, &[]).await;
    peer.text("", &jobs(&[])).await;
    peer.text("", "OK 2.3.0\n").await;
    peer.expect(ECHO_RES, &[&b"1"[..]]).await;
    peer.text("", &format!("{keys}.\n")).await;
    peer.text("", &format!("f\t{JOBS}\t0\t0\n.\n")).await;
    peer.expect(JOB_CREATED, &[format!("H:test:{}", JOBS + 1).as_bytes()]).await;
    peer.text("", &format!("f\t{JOBS}\t0\t0\ng\t1\t0\t0\n.\n")).await;
    peer.raw(&packet(b"\0REQ", ECHO_REQ, &[&b"2"[..]])[9..]).await;
    peer.expect(ECHO_RES, &[&b"2"[..]]).await;
}

/// A list is read to its end also where the other side sends no more: `echo show jobs | nc`.
#[tokio::test]
async fn who_has_sent_all_gets_its_list() {
    let server = long_queue().await;
    let mut peer = server.peer().await;
    peer.raw(b"show jobs\nversion\n").await;
    tokio::io::AsyncWriteExt::shutdown(&mut peer.stream).await.unwrap();
    let mut answer = String::new();
    peer.stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer == jobs(&[]) + "OK 2.3.0\n", "{} bytes", answer.len());
}

/// Whichever of the two is read first: the other one's line is done before the list has come to its last page.
#[tokio::test]
async fn others_are_served_while_a_list_is_made() {
    let server = long_queue().await;
    let (mut peer, mut other) = (server.peer().await, server.peer().await);
    peer.raw(b"show jobs\n").await;
    other.raw(format!("cancel job H:test:{JOBS}\n").as_bytes()).await;
    peer.text("", &jobs(&[JOBS])).await;
    other.text("", "OK\r\n").await;
}

/// The client of a job may ask for a list: what it is told of its job comes before the list or after it.
#[tokio::test]
async fn nothing_comes_between_the_lines_of_a_list() {
    let server = long_queue().await;
    let (mut client, mut worker) = (server.peer().await, server.worker(&["g"]).await);
    let handle = client.submit("g", "", b"").await;
    worker.send(GRAB_JOB, &[]).await;
    worker.expect(JOB_ASSIGN, &[&handle, b"g", b""]).await;
    client.raw(b"show unique jobs\n").await;
    worker.send(WORK_COMPLETE, &[&handle, b"result"]).await;
    let complete = packet(b"\0RES", WORK_COMPLETE, &[&handle, b"result"]);
    let keys: Vec<u8> = (0..JOBS).flat_map(|n| format!("key{n}\n").into_bytes()).collect();
    // The client's own job has no key.
    let lists = [[&keys[..], b".\n"].concat(), [&keys[..], b"\n.\n"].concat()];
    let mut answer = Vec::new();
    while !(answer.ends_with(b"\n.\n") || answer.ends_with(&complete)) || answer.len() < keys.len() + complete.len() {
        assert!(client.stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    let whole =
        lists.iter().any(|list| answer == [&complete[..], list].concat() || answer == [&list[..], &complete].concat());
    assert!(whole, "{}", answer.escape_ascii());
}

#[tokio::test]
async fn what_connections_have_done() {
    let server = Server::start().await;
    let (mut client, mut worker) = (server.peer().await, server.worker(&["f"]).await);
    worker.send(SET_CLIENT_ID, &[&b"an\tna"[..]]).await;
    for (end, result) in [(WORK_COMPLETE, &[&b"x"[..]][..]), (WORK_FAIL, &[])] {
        let (_, handle) = client.ask(SUBMIT_JOB_BG, &[b"f", b"", b""]).await;
        worker.grab(&[&handle, b"f", b""]).await;
        worker.send(end, &[&[&handle[..]], result].concat()).await;
    }
    // One that it has not ended.
    let handle = client.submit("f", "", b"").await;
    worker.grab(&[&handle, b"f", b""]).await;
    worker.sync().await;
    let mut other = server.peer().await;
    other.raw(b"connections\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n.\n") {
        assert!(other.stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    let lines: Vec<Vec<&str>> = answer.lines().map(|line| line.split('\t').skip(1).collect()).collect();
    let [client, worker, other] = [["", "0", "0", "1"], ["an%09na", "1", "2", "0"], ["", "0", "0", "0"]]
        .map(|rest| [&["127.0.0.1"][..], &rest].concat());
    assert_eq!(lines, [client, worker, other, vec![]], "{answer}");
}

/// A line of `counters`, by its fields' names.
fn fields(line: &str) -> HashMap<&str, &str> {
    line.split('\t').filter_map(|field| field.split_once('=')).collect()
}

#[tokio::test]
async fn what_a_server_counts() {
    let server = Server::with(|config| config.max_connections = 2).await;
    let (mut client, mut worker) = (server.peer().await, server.peer().await);
    let mut received = 0;
    let mut sent = 0;
    for (peer, command, arguments, answer) in [
        (0, SUBMIT_JOB, &[&b"f"[..], b"k", b"data"][..], (JOB_CREATED, &[&b"H:test:1"[..]][..])),
        (0, SUBMIT_JOB, &[&b"f"[..], b"k", b"data"], (JOB_CREATED, &[&b"H:test:1"[..]])),
        (1, CAN_DO, &[&b"f"[..]], (0, &[])),
        (1, GRAB_JOB, &[], (JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"data"])),
        // Larger than the buffer that is read into.
        (1, ECHO_REQ, &[&[b'x'; 300_000][..]], (ECHO_RES, &[&[b'x'; 300_000][..]])),
    ] {
        let peer = if peer == 0 { &mut client } else { &mut worker };
        peer.send(command, arguments).await;
        received += packet(b"\0REQ", command, arguments).len();
        if answer.0 != 0 {
            peer.expect(answer.0, answer.1).await;
            sent += packet(b"\0RES", answer.0, answer.1).len();
        }
    }
    server.peer().await.ends().await;
    worker.raw(b"counters\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n.\n") {
        assert!(worker.stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("server\t") && lines[1].starts_with("function\tf\t"), "{answer}");
    let (counts, of_f) = (fields(lines[0]), fields(lines[1]));
    for (name, count) in [
        ("connections", 2),
        ("accepted", 2),
        ("refused", 1),
        ("functions", 1),
        ("jobs", 1),
        ("running", 1),
        ("packets_received", 5),
        ("packets_sent", 4),
        ("bytes_sent", sent),
        ("commits", 0),
    ] {
        assert_eq!(counts[name], count.to_string(), "{name}: {answer}");
    }
    assert_eq!(counts["bytes_received"], received.to_string());
    for (name, count) in [("total", "1"), ("running", "1"), ("submitted", "1"), ("coalesced", "1"), ("assigned", "1")] {
        assert_eq!(of_f[name], count, "{name}: {answer}");
    }
}

#[test]
fn commits_are_counted() {
    let folder = Folder::new("commits");
    let server = crate::durable::start(&folder.file("queue.db"), &folder);
    let mut client = crate::durable::peer(&server);
    for _ in 0..3 {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"", b""]).0, JOB_CREATED);
    }
    let answer = ask(&mut server.connect(), "counters\n");
    let counts = fields(answer.lines().next().unwrap());
    assert_eq!((counts["commits"], counts["changes"]), ("3", "3"), "{answer}");
    assert!(counts["longest_commit_us"].parse::<u64>().unwrap() > 0, "{answer}");
}
