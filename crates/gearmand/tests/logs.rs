//! What is logged of limits, and how often.

use crate::process::{Folder, ask, gearmand};
use crate::util::{CAN_DO, ERROR, JOB_CREATED, SUBMIT_JOB_BG};
use crate::wire::Wire;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

/// A server that logs to a file.
struct Logging {
    child: Child,
    folder: Folder,
    begun: Instant,
}

impl Logging {
    fn start(name: &str, options: &[&str]) -> Logging {
        let folder = Folder::new(name);
        let begun = Instant::now();
        let fixed = ["-p", "0", "-L", "127.0.0.1", "--verbose=INFO", "-P", "", "-l", &folder.file("log")];
        let child = gearmand().args(fixed).args(options).spawn().unwrap();
        Logging { child, folder, begun }
    }

    /// The first line with this text, as soon as there is one.
    fn line(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = self.folder.read("log");
            if let Some(line) = log.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains(text)) {
                return line.trim_end().to_owned();
            }
            assert!(Instant::now() < deadline, "the log has no line with \"{text}\": {log}");
            std::thread::yield_now();
        }
    }

    fn connect(&self) -> TcpStream {
        let line = self.line("listening on ");
        TcpStream::connect(line.rsplit(' ').next().unwrap()).unwrap()
    }

    /// Stops it, and looks whether this was logged not more than once in so many seconds.
    fn was_logged_seldom(&mut self, text: &str, seconds: u64) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
        let log = self.folder.read("log");
        let times = log.matches(text).count() as u64;
        assert!((1..=1 + self.begun.elapsed().as_secs() / seconds).contains(&times), "{times} times: {log}");
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Only the clients learned of it.
#[test]
fn a_full_queue() {
    let mut server = Logging::start("log-full", &[]);
    assert_eq!(ask(&mut server.connect(), "maxqueue full 1\n"), "OK\r\n");
    let mut client = Wire::new(server.connect());
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"full", b"", b""]).0, JOB_CREATED);
    for _ in 0..100 {
        let refused = (ERROR, "QUEUE_ERROR\\x00Job queue is full".into());
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"full", b"", b""]), refused);
    }
    let line = server.line("Job queue is full");
    assert!(line.starts_with("WARNING ") && line.contains("a job of full refused, there are 1"), "{line}");
    server.was_logged_seldom("Job queue is full", 1);
}

/// Only the worker got the error, and libgearman does not read then.
#[test]
fn a_worker_of_too_many_functions() {
    let mut server = Logging::start("log-functions", &[]);
    let mut worker = Wire::new(server.connect());
    for n in 0..10_100 {
        worker.send(&[(CAN_DO, &[format!("f{n}").as_bytes()])]).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(worker.read().unwrap(), (ERROR, b"QUEUE_ERROR\0Too many functions".to_vec()));
    }
    let line = server.line("a worker may have 10000");
    assert!(line.starts_with("WARNING ") && line.contains("function f10000 refused"), "{line}");
    server.was_logged_seldom("a worker may have 10000", 1);
}

/// It tries to accept ten times a second, and logged that each time.
#[test]
fn no_more_descriptors() {
    let mut server = Logging::start("log-descriptors", &["--file-descriptors=40"]);
    let mut first = server.connect();
    let address = first.peer_addr().unwrap();
    let _many: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(server.line("cannot accept connections").contains("ERROR "));
    let exhausted = Instant::now();
    while exhausted.elapsed() < Duration::from_millis(500) {
        assert!(ask(&mut first, "version\n").starts_with("OK "));
    }
    server.was_logged_seldom("cannot accept connections", 10);
}
