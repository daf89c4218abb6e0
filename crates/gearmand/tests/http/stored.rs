//! A durable queue: what HTTP acknowledges is stored.

use crate::http::HttpServer;
use crate::http::large::start;
use crate::http::submit::{JOBS, detail};
use crate::process::{Folder, Running};
use crate::torture::{Moments, rounds};
use crate::util::{CAN_DO, GRAB_JOB, JOB_ASSIGN};
use crate::wire::Wire;
use gearmand::Listener;
use gearmand::durable::{Backend, BackendError, Changes, Durable, Take};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A queue whose commits are as a test says, and happen when it says so.
struct Gate {
    begun: UnboundedSender<()>,
    results: Receiver<bool>,
    /// One has failed, and so do all that are tried in its place.
    broken: bool,
}

impl Backend for Gate {
    fn replay(&mut self, _: &mut Take<'_>) -> Result<u64, BackendError> {
        Ok(0)
    }

    fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
        changes.for_each(drop);
        if !self.broken {
            self.begun.send(()).unwrap();
            self.broken = !self.results.recv().unwrap();
        }
        self.probe()
    }

    fn probe(&mut self) -> Result<(), BackendError> {
        let failed = || BackendError { queue: "the gate".into(), reason: "the test wants it".into(), held: false };
        (!self.broken).then_some(()).ok_or_else(failed)
    }
}

#[tokio::test]
async fn a_job_is_acknowledged_when_it_is_stored_and_not_before() {
    let ((begun, mut begins), (settle, results)) = (unbounded_channel(), channel());
    let gate = Gate { begun, results, broken: false };
    let server = HttpServer::on(Some(Box::new(gate)), Listener::Tcp, |config| config.durable = Durable::Always).await;
    for (stored, status) in [(true, 202), (false, 503)] {
        let mut sender = server.client().await;
        sender.send("POST", JOBS, &["Content-Type: application/json"], br#"{"background":true}"#).await;
        begins.recv().await.unwrap();
        // It is being stored. Others are answered meanwhile, and this one is not.
        server.client().await.get("/healthz").await.expect(200);
        let nothing = sender.stream.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        settle.send(stored).unwrap();
        let answer = sender.answer("POST").await.expect(status);
        if !stored {
            assert_eq!(detail(&answer), "The job could not be stored");
        }
    }
}

#[tokio::test]
async fn what_an_operator_does_is_acknowledged_when_it_is_stored_and_not_before() {
    let ((begun, mut begins), (settle, results)) = (unbounded_channel(), channel());
    let gate = Gate { begun, results, broken: false };
    let server = HttpServer::on(Some(Box::new(gate)), Listener::Tcp, |config| config.durable = Durable::Always).await;
    let (bury, dead) = ("/api/v1/jobs/H:test:1/bury", "/api/v1/dead/H:test:1");
    for (method, path, body, status) in [
        ("POST", JOBS, r#"{"background":true}"#, 202),
        ("POST", JOBS, r#"{"background":true,"unique":"key"}"#, 202),
        ("PATCH", "/api/v1/policies/f*", r#"{"retries":2}"#, 200),
        ("POST", "/api/v1/functions/f/pause", "", 200),
        ("POST", "/api/v1/functions/f/resume", "", 200),
        ("POST", bury, "", 204),
        ("POST", &format!("{dead}/retry"), "", 204),
        ("POST", bury, "", 204),
        ("POST", "/api/v1/functions/f/dead/retry", "", 200),
        ("POST", bury, "", 204),
        ("DELETE", dead, "", 204),
        ("DELETE", "/api/v1/functions/f/unique/key", "", 204),
        ("POST", JOBS, r#"{"background":true}"#, 202),
        ("POST", "/api/v1/jobs/H:test:3/bury", "", 204),
        ("DELETE", "/api/v1/functions/f/dead", "", 200),
        ("POST", JOBS, r#"{"background":true}"#, 202),
        ("DELETE", "/api/v1/jobs/H:test:4", "", 204),
        ("POST", JOBS, r#"{"background":true}"#, 202),
        ("DELETE", "/api/v1/functions/f", "", 204),
    ] {
        let mut client = server.client().await;
        client.send(method, path, &["Content-Type: application/json"], body.as_bytes()).await;
        begins.recv().await.unwrap();
        // What would have been answered at once is there when another is answered.
        server.client().await.get("/healthz").await.expect(200);
        let nothing = client.stream.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "{method} {path}");
        settle.send(true).unwrap();
        client.answer(method).await.expect(status);
    }
}

/// What clients know, whatever the server knows.
#[derive(Default)]
struct Acknowledged {
    next: AtomicU64,
    jobs: Mutex<HashSet<String>>,
}

impl Acknowledged {
    /// Submits jobs over one connection until the server is gone: in JSON, or as to C gearmand.
    fn submit(&self, address: SocketAddr, in_json: bool) -> io::Result<()> {
        let mut stream = BufReader::new(TcpStream::connect(address)?);
        loop {
            let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
            let request = match in_json {
                true => {
                    let body = format!("{{\"workload\":\"{name}\",\"background\":true}}");
                    let head = format!("POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
                    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
                }
                false => {
                    let head = "POST /f HTTP/1.1\r\nHost: localhost\r\nX-Gearman-Background: true\r\n";
                    format!("{head}Content-Length: {}\r\n\r\n{name}", name.len())
                }
            };
            stream.get_mut().write_all(request.as_bytes())?;
            let status = answer(&mut stream)?;
            assert_eq!(status, if in_json { "202" } else { "200" });
            self.jobs.lock().unwrap().insert(name);
        }
    }
}

/// The status of the next answer, which was read whole.
fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let (mut status, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(' ') {
            Some(("HTTP/1.1", rest)) => status = rest[..3].to_owned(),
            Some(("content-length:", number)) => length = number.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(status)
}

/// The workloads of all jobs of f, oldest first.
fn all(server: &Running) -> Vec<String> {
    let mut worker = Wire::new(server.connect());
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    let mut jobs = Vec::new();
    loop {
        worker.send(&[(GRAB_JOB, &[])]).unwrap();
        let (command, body) = worker.read().unwrap();
        if command != JOB_ASSIGN {
            return jobs;
        }
        jobs.push(String::from_utf8(body.rsplit(|byte| *byte == 0).next().unwrap().to_vec()).unwrap());
    }
}

#[test]
fn kill_9_loses_no_job_that_was_acknowledged_by_http() {
    let folder = Folder::new("http-torture");
    let file = folder.file("queue.db");
    let queue = ["--queue-type", "libsqlite3", "--libsqlite3-db", &file];
    let (acknowledged, mut moments) = (Arc::new(Acknowledged::default()), Moments::new());
    let connect = |in_json| {
        let acknowledged = acknowledged.clone();
        // That the connection ends is what the round is about.
        move |address| drop(acknowledged.submit(address, in_json))
    };
    for round in 0..rounds() / 2 {
        let (mut server, address) = start(&queue, &folder);
        let threads = [true, true, false, false].map(|in_json| {
            let submit = connect(in_json);
            std::thread::spawn(move || submit(address))
        });
        std::thread::sleep(moments.next());
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        for thread in threads {
            thread.join().unwrap_or_else(|_| panic!("round {round}"));
        }
    }
    let jobs = all(&Running::start(&queue, &folder));
    let known: HashSet<&String> = jobs.iter().collect();
    assert_eq!(known.len(), jobs.len(), "none is there twice");
    let acknowledged = acknowledged.jobs.lock().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|name| !known.contains(name)).collect();
    assert!(lost.is_empty() && !acknowledged.is_empty(), "{} acknowledged, lost {lost:?}", acknowledged.len());
}
