//! Large workloads and results, and the memory that they take.

use crate::http::Client;
use crate::http::submit::{JOBS, detail};
use crate::process::{Folder, Running};
use crate::util::{
    CAN_DO, ECHO_REQ, ECHO_RES, GRAB_JOB, JOB_ASSIGN, NO_JOB, NOOP, PRE_SLEEP, WORK_COMPLETE, WORK_DATA,
};
use crate::wire::Wire;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::net::TcpStream;

const LARGE: usize = 64 << 20;
/// What a request may take at its peak, in units of its workload: the body in base64, the workload, the job's packet,
/// and what allocators have kept of that.
const TIMES: usize = 4;

/// A server that listens for HTTP, and where.
pub(crate) fn start(arguments: &[&str], folder: &Folder) -> (Running, SocketAddr) {
    let mut server = Running::start(&[&["--http-listen", "127.0.0.1:0"], arguments].concat(), folder);
    let line = server.said("HTTP at http://");
    let address = line.trim_end().rsplit("http://").next().unwrap().parse().unwrap();
    (server, address)
}

pub(crate) async fn client(address: SocketAddr) -> Client {
    Client::new(TcpStream::connect(address).await.unwrap())
}

/// A worker of f.
fn worker(server: &Running) -> Wire {
    let mut worker = Wire::new(server.connect());
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    worker
}

/// The job that it gets next: handle and workload.
fn next_job(worker: &mut Wire) -> (Vec<u8>, Vec<u8>) {
    loop {
        worker.send(&[(GRAB_JOB, &[])]).unwrap();
        let (command, body) = worker.read().unwrap();
        if command == JOB_ASSIGN {
            let parts: Vec<&[u8]> = body.splitn(3, |byte| *byte == 0).collect();
            return (parts[0].to_vec(), parts[2].to_vec());
        }
        assert_eq!(command, NO_JOB);
        worker.send(&[(PRE_SLEEP, &[])]).unwrap();
        assert_eq!(worker.read().unwrap().0, NOOP);
    }
}

/// A worker that returns each workload as it is, so often.
fn echo(server: &Running, jobs: usize) -> JoinHandle<()> {
    let mut worker = worker(server);
    std::thread::spawn(move || {
        for _ in 0..jobs {
            let (handle, workload) = next_job(&mut worker);
            worker.send(&[(WORK_COMPLETE, &[&handle, &workload])]).unwrap();
        }
    })
}

/// The most memory that a server had, in bytes.
fn peak(server: &Running) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn bytes() -> Vec<u8> {
    (0..LARGE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[tokio::test]
async fn a_workload_of_64_mb_each_way_in_json() {
    let folder = Folder::new("http-large-json");
    let (server, address) = start(&[], &folder);
    let worker = echo(&server, 1);
    let base64 = BASE64_STANDARD.encode(bytes());
    let body = format!("{{\"workload_base64\":\"{base64}\"}}");
    let mut client = client(address).await;
    let answer = client.ask("POST", JOBS, &["Content-Type: application/json"], body.as_bytes()).await.expect(200);
    drop(body);
    let answer = answer.json();
    assert!(answer["result_base64"] == base64.as_str() && answer.get("result").is_none());
    worker.join().unwrap();
    assert!(peak(&server) < TIMES * LARGE, "{} MB", peak(&server) >> 20);
}

#[tokio::test]
async fn a_workload_of_64_mb_each_way_as_in_c() {
    let folder = Folder::new("http-large-c");
    let (server, address) = start(&[], &folder);
    let worker = echo(&server, 3);
    let (mut client, workload) = (client(address).await, bytes());
    for _ in 0..3 {
        let answer = client.ask("POST", "/f", &[], &workload).await.expect(200);
        assert!(answer.body == workload);
    }
    worker.join().unwrap();
    assert!(peak(&server) < TIMES * LARGE, "{} MB", peak(&server) >> 20);
}

/// `unique` and what else is small could be anything: a list of numbers took sixteen times its length. And what was wrong was
/// told whole, by an answer that nothing was claimed for, to somebody who may take hours to read it.
#[tokio::test]
async fn what_ought_to_be_small_takes_no_memory() {
    let folder = Folder::new("http-large-small");
    let (server, address) = start(&[], &folder);
    let mut client = client(address).await;
    let (list, text) = (format!("[0{}]", ",0".repeat(8 << 20)), "A".repeat(16 << 20));
    for (body, said) in [
        (format!("{{\"unique\":{list}}}"), "unique: it has to be a string"),
        (format!("{{\"unique\":\"{text}\"}}"), "unique has more than 64 bytes"),
        (format!("{{\"delay\":{{\"x\":{list}}}}}"), "delay: {} is no number of seconds"),
        (format!("{{\"background\":{list}}}"), "background: [] is neither true nor false"),
        (format!("{{\"priority\":\"{text}\"}}"), "priority: \"AAAA"),
        (format!("{{\"timeout\":\"{text}\"}}"), "timeout: \"AAAA"),
        (format!("{{\"{text}\":1}}"), "the body: unknown field `AAAA"),
    ] {
        let answer = client.ask("POST", JOBS, &["Content-Type: application/json"], body.as_bytes()).await.expect(422);
        let detail = detail(&answer);
        assert!(detail.starts_with(said) && detail.len() <= 1024, "{} bytes: {:.100}", detail.len(), detail);
        assert!(peak(&server) < 100 << 20, "{} MB: {said}", peak(&server) >> 20);
    }
}

/// Each kept the buffer that it came in: 40 bytes at a time took a hundred times what was claimed for them.
#[tokio::test]
async fn small_pieces_take_little_more_than_their_bytes() {
    const PIECES: usize = 10_000;
    let folder = Folder::new("http-large-pieces");
    let (server, address) = start(&[], &folder);
    let (mut client, mut worker) = (client(address).await, worker(&server));
    client.send("POST", JOBS, &["Content-Type: application/json"], b"{\"timeout\":3600}").await;
    let (handle, _) = next_job(&mut worker);
    let before = peak(&server);
    for _ in 0..PIECES {
        // When that is answered, the piece has been handed on, alone.
        worker.send(&[(WORK_DATA, &[&handle, &[b'x'; 40]]), (ECHO_REQ, &[b"next"])]).unwrap();
        worker.expect(ECHO_RES, &[b"next"]);
    }
    worker.send(&[(WORK_COMPLETE, &[&handle, b""])]).unwrap();
    let answer = client.answer("POST").await.expect(200).json();
    assert_eq!(answer["data"].as_array().unwrap().len(), PIECES);
    let took = peak(&server) - before;
    assert!(took < 16 << 20, "{} MB", took >> 20);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let folder = Folder::new("http-too-large");
    let (server, address) = start(&[], &folder);
    for (path, most) in [("/f", 256 << 20), (JOBS, 384 << 20)] {
        let mut client = client(address).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        client.raw(format!("{head}Content-Length: {}\r\n\r\n", most + 1).as_bytes()).await;
        let answer = client.answer("POST").await.expect(413);
        assert_eq!(detail(&answer), format!("a body has {most} bytes at most here"));
    }
    assert!(peak(&server) < 100 << 20, "{} MB", peak(&server) >> 20);
}
