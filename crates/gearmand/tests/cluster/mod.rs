//! Servers that share a queue in PostgreSQL: the program, and clients and workers that speak packets.

mod bad_input;
mod clocks;
mod database;
mod http;
mod jobs;
mod leases;
mod letters;
mod policies;
mod proxy;
mod sql;

pub(crate) use proxy::{Mode, Proxy};
pub(crate) use sql::Sql;

use crate::databases::{Database, Kind};
use crate::process::{Folder, Running};
use crate::util::{
    CAN_DO, ECHO_REQ, ECHO_RES, ERROR, GRAB_JOB_ALL, JOB_ASSIGN_ALL, JOB_ASSIGN_UNIQ, JOB_CREATED, LONG, NO_JOB, NOOP,
    PRE_SLEEP, SUBMIT_JOB_BG, WORK_COMPLETE,
};
use crate::wire::Wire;
use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

/// Servers with a schema of their own.
pub(crate) struct Cluster {
    folder: Folder,
    /// Of the database's socket.
    socket: String,
    pub(crate) schema: String,
}

impl Cluster {
    /// In the database that tests share. `None`: there is none here, and that was said.
    pub(crate) fn new(name: &str) -> Option<Cluster> {
        Database::shared(Kind::Postgres).map(|database| Cluster::of(database, name))
    }

    pub(crate) fn of(database: &Database, name: &str) -> Cluster {
        let folder = Folder::new(&format!("cluster-{name}"));
        Cluster { folder, socket: database.folder().to_owned(), schema: Database::name() }
    }

    /// Where the database is.
    pub(crate) fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.socket)
    }

    /// A place between a server and the database.
    pub(crate) fn proxy(&self) -> Proxy {
        Proxy::start(format!("{}/.s.PGSQL.5432", self.socket))
    }

    pub(crate) fn sql(&self) -> Sql {
        Sql::connect(&self.url(), &self.schema)
    }

    pub(crate) fn options(&self, url: &str, name: &str) -> Vec<String> {
        let queue = ["--queue-type=cluster".to_owned(), format!("--cluster-url={url}")];
        let names = [format!("--cluster-schema={}", self.schema), format!("--cluster-name={name}")];
        // One folder for all: none has a pid file.
        let fixed = ["--job-handle-prefix=H", "--verbose=NOTICE", "-P", ""].map(str::to_owned);
        [&queue[..], &names, &fixed].concat()
    }

    pub(crate) fn start(&self, name: &str) -> Running {
        self.start_with(name, &[])
    }

    pub(crate) fn start_with(&self, name: &str, more: &[&str]) -> Running {
        self.start_at(&self.url(), name, more)
    }

    /// A server that finds the database there.
    pub(crate) fn start_at(&self, url: &str, name: &str, more: &[&str]) -> Running {
        let options = self.options(url, name);
        let words: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Running::start(&words, &self.folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.file(name)
    }
}

/// A job, as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Job {
    handle: String,
    unique: String,
    workload: String,
}

/// A takeover takes 12 seconds, and a busy machine much longer.
fn peer(server: &Running) -> Wire {
    Wire::patient(server.connect(), LONG)
}

fn worker(server: &Running, functions: &[&str]) -> Wire {
    let mut worker = peer(server);
    for function in functions {
        worker.send(&[(CAN_DO, &[function.as_bytes()])]).unwrap();
    }
    // An error says that something could not be stored, not that it is not ready.
    assert!([ECHO_RES, ERROR].contains(&worker.ask(ECHO_REQ, &[b"ready?"]).0));
    worker
}

fn job_of(command: u32, body: &[u8]) -> Job {
    let parts: Vec<&[u8]> = body.split(|b| *b == 0).collect();
    let unique = if [JOB_ASSIGN_UNIQ, JOB_ASSIGN_ALL].contains(&command) { parts[2] } else { b"" };
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    Job { handle: text(parts[0]), unique: text(unique), workload: text(parts[parts.len() - 1]) }
}

/// The next job of a worker, however long it sleeps for that.
fn grab(worker: &mut Wire) -> Job {
    loop {
        worker.send(&[(GRAB_JOB_ALL, &[])]).unwrap();
        match worker.read().unwrap() {
            (NO_JOB, _) => {
                worker.send(&[(PRE_SLEEP, &[])]).unwrap();
                assert_eq!(worker.read().unwrap().0, NOOP);
            }
            (command, body) => {
                assert!([JOB_ASSIGN_UNIQ, JOB_ASSIGN_ALL].contains(&command), "{}", body.escape_ascii());
                return job_of(command, &body);
            }
        }
    }
}

/// There is none for it now.
fn grab_nothing(worker: &mut Wire) {
    assert_eq!(worker.ask(GRAB_JOB_ALL, &[]), (NO_JOB, String::new()));
}

/// Ends a job; what became of it is stored.
fn complete(worker: &mut Wire, job: &Job) {
    worker.send(&[(WORK_COMPLETE, &[job.handle.as_bytes(), b""]), (ECHO_REQ, &[b"stored?"])]).unwrap();
    worker.expect(ECHO_RES, &[b"stored?"]);
}

/// Submits a background job of `f`. Its handle.
fn submit(client: &mut Wire, unique: &str, workload: &str) -> String {
    let (command, handle) = client.ask(SUBMIT_JOB_BG, &[b"f", unique.as_bytes(), workload.as_bytes()]);
    assert_eq!(command, JOB_CREATED, "{handle}");
    handle
}

fn is_refused((command, error): (u32, String)) {
    assert!(command == ERROR && error.starts_with("QUEUE_ERROR\\x00"), "{command}: {error}");
}

/// A job in the background is not taken now.
fn refuses(server: &Running) {
    is_refused(peer(server).ask(SUBMIT_JOB_BG, &[b"f", b"refused", b"x"]));
}

/// A text command's whole answer: a list up to its dot, or a line that begins with OK or ERR.
fn text(server: &Running, command: &str) -> String {
    let mut stream = server.connect();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let (mut lines, mut answer) = (BufReader::new(stream), String::new());
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "{command}: {answer}");
        answer += &line;
        let alone = answer == line && (line.starts_with("OK") || line.starts_with("ERR"));
        if alone || line == ".\n" {
            return answer;
        }
    }
}

/// Asks until it is so. What is asked is a server or a database: not more often than they like.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < LONG * 2, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn until_text(server: &Running, command: &str, part: &str) -> String {
    until(&format!("{command}: {part}"), || Some(text(server, command)).filter(|answer| answer.contains(part)))
}
