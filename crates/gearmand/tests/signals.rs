//! Every signal at every moment of a start and of an end.

use crate::process::{Folder, Running, gearmand, until};
use crate::service::AtWork;
use crate::util::{JOB_CREATED, SUBMIT_JOB_BG};
use crate::wire::Wire;
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use rusqlite::Connection;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

/// A server at a moment of its life.
struct Moment {
    server: Running,
    /// These end it at once; the others change nothing.
    end: &'static [Signal],
    /// Lets it go on, and brings it to its end.
    go_on: Box<dyn FnOnce(&mut Running)>,
}

type Reach = fn(&Folder) -> Moment;

const MOMENTS: &[(&str, Reach)] = &[
    ("waits for the port", waits_for_the_port),
    ("waits for the socket", waits_for_the_socket),
    ("waits for the queue of another server", waits_for_a_server),
    ("waits for a program that holds the queue", waits_for_a_program),
    ("reads a long queue", reads),
    ("listens", listens),
    ("runs a job", runs),
    ("drains", drains),
    ("drains for a time", drains_for_a_time),
    ("writes its queue at the end", writes),
];

const ALL: &[Signal] = &[SIGTERM, SIGINT, SIGUSR1];

fn begin(folder: &Folder, more: &[&str]) -> Running {
    let (queue, socket) =
        (format!("--libsqlite3-db={}", folder.file("db")), format!("-Lunix://{}", folder.file("socket")));
    let fixed = ["--queue-type=libsqlite3", &queue, "--store-queue-on-shutdown", &socket];
    Running::begin(gearmand(), &[&fixed, more].concat(), folder)
}

fn started(folder: &Folder, more: &[&str]) -> Running {
    let mut server = begin(folder, more);
    server.listens();
    server
}

/// It waits for what is held.
fn waiting(folder: &Folder, more: &[&str], held: impl Send + 'static) -> Moment {
    let mut server = begin(folder, more);
    server.line_with("waiting for it");
    let go_on = |server: &mut Running| {
        drop(held);
        server.listens();
        server.stop();
    };
    Moment { server, end: ALL, go_on: Box::new(go_on) }
}

fn waits_for_the_port(folder: &Folder) -> Moment {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    waiting(folder, &["-p", &port], other)
}

fn waits_for_the_socket(folder: &Folder) -> Moment {
    let other = UnixListener::bind(folder.file("socket")).unwrap();
    let file = folder.file("socket");
    // Whoever ends in good order removes it.
    struct Other(Option<UnixListener>, String);
    impl Drop for Other {
        fn drop(&mut self) {
            std::fs::remove_file(&self.1).unwrap();
            self.0.take();
        }
    }
    waiting(folder, &[], Other(Some(other), file))
}

fn waits_for_a_server(folder: &Folder) -> Moment {
    let file = std::fs::File::create(folder.file("db")).unwrap();
    waiting(folder, &[], nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).unwrap())
}

fn waits_for_a_program(folder: &Folder) -> Moment {
    let db = Connection::open(folder.file("db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    waiting(folder, &[], db)
}

fn reads(folder: &Folder) -> Moment {
    started(folder, &[]).stop();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
                INSERT INTO gearman_queue SELECT 'k' || i, 'f', 1, 'x', 0 FROM n";
    Connection::open(folder.file("db")).unwrap().execute(rows, []).unwrap();
    let mut server = begin(folder, &[]);
    server.line_with("reading the durable queue");
    let go_on = |server: &mut Running| {
        server.listens();
        server.stop();
    };
    Moment { server, end: ALL, go_on: Box::new(go_on) }
}

fn listens(folder: &Folder) -> Moment {
    Moment { server: started(folder, &[]), end: ALL, go_on: Box::new(Running::stop) }
}

fn runs(folder: &Folder) -> Moment {
    let server = started(folder, &[]);
    let mut job = AtWork::begin(&server);
    let go_on = move |server: &mut Running| {
        server.signal(SIGUSR1);
        server.drains();
        job.finish();
        assert!(server.child.wait().unwrap().success());
    };
    Moment { server, end: &[SIGTERM, SIGINT], go_on: Box::new(go_on) }
}

fn drains(folder: &Folder) -> Moment {
    let Moment { server, end, go_on } = runs(folder);
    server.signal(SIGUSR1);
    Moment { server, end, go_on }
}

fn drains_for_a_time(folder: &Folder) -> Moment {
    let mut server = started(folder, &["--drain-timeout=600"]);
    let mut job = AtWork::begin(&server);
    server.signal(SIGTERM);
    server.drains();
    let go_on = move |server: &mut Running| {
        job.finish();
        assert!(server.child.wait().unwrap().success());
    };
    Moment { server, end: &[SIGTERM, SIGINT], go_on: Box::new(go_on) }
}

fn writes(folder: &Folder) -> Moment {
    let mut server = started(folder, &[]);
    assert_eq!(Wire::new(server.connect()).ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
    let file = folder.file("db");
    let db = Connection::open(&file).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    server.signal(SIGTERM);
    server.line_with("the end waits for it");
    let go_on = move |server: &mut Running| {
        drop(db);
        assert!(server.child.wait().unwrap().success());
        let rows =
            Connection::open(&file).unwrap().query_row("SELECT count(*) FROM gearman_queue", [], |row| row.get(0));
        assert_eq!(rows, Ok(1), "the job is kept");
    };
    Moment { server, end: &[], go_on: Box::new(go_on) }
}

impl Running {
    fn drains(&mut self) {
        if !self.seen.iter().any(|line| line.contains("draining")) {
            self.line_with("draining");
        }
    }
}

/// A log that is a pipe without a reader keeps a start waiting before there is anything to be seen of it.
#[test]
fn sigterm_while_the_log_is_opened() {
    let folder = Folder::new("log-pipe");
    let log = folder.file("log");
    nix::unistd::mkfifo(log.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut server = Running::begin(gearmand(), &["-l", &log], &folder);
    let status = || std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let caught = |line: &str| line.strip_prefix("SigCgt:").map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    let handled = || status().lines().find_map(caught).unwrap() & (1 << (SIGTERM as u64 - 1)) != 0;
    until(handled);
    server.stop();
}

/// At every moment, what these signals do; in the end nothing is left.
fn at_every_moment(name: &str, signals: &[Signal]) {
    for (moment, reach) in MOMENTS {
        eprintln!("{signals:?} to a server that {moment}");
        let folder = Folder::new(&format!("{name} {moment}"));
        let Moment { mut server, end, go_on } = reach(&folder);
        signals.iter().for_each(|signal| server.signal(*signal));
        if signals.iter().any(|signal| end.contains(signal)) {
            assert!(server.child.wait().unwrap().success());
            // Whoever is waited for, goes.
            drop(go_on);
        } else {
            // Once it has handled this one, it has handled those.
            server.signal(SIGUSR2);
            server.line_with("SIGUSR2");
            go_on(&mut server);
        }
        for file in ["pid", "socket"] {
            assert!(!std::path::Path::new(&folder.file(file)).exists(), "{file} is left");
        }
    }
}

/// logrotate(8) sends SIGHUP whenever it likes, and ended a server that was reading its queue.
#[test]
fn some_end_it_at_no_moment() {
    at_every_moment("none", &[SIGHUP, SIGPIPE, SIGUSR2]);
}

#[test]
fn sigterm_at_every_moment() {
    at_every_moment("term", &[SIGTERM]);
}

#[test]
fn sigint_at_every_moment() {
    at_every_moment("int", &[SIGINT]);
}

#[test]
fn sigusr1_at_every_moment() {
    at_every_moment("usr1", &[SIGUSR1]);
}
