//! The program as a service: ends that wait for jobs, the service manager, syslog.

use crate::process::{Folder, Running};
use crate::util::{
    CAN_DO, CAN_DO_TIMEOUT, ERROR, GRAB_JOB, JOB_ASSIGN, SUBMIT_JOB, SUBMIT_JOB_BG, WORK_COMPLETE, packet,
};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

fn send(stream: &mut TcpStream, command: u32, arguments: &[&[u8]]) {
    stream.write_all(&packet(b"\0REQ", command, arguments)).unwrap();
}

fn read(stream: &mut TcpStream) -> (u32, Vec<u8>) {
    let mut header = [0; 12];
    stream.read_exact(&mut header).unwrap();
    let number = |i: usize| u32::from_be_bytes(header[i..i + 4].try_into().unwrap());
    let mut body = vec![0; number(8) as usize];
    stream.read_exact(&mut body).unwrap();
    (number(4), body)
}

/// A client that waits for a job, and the worker that runs it.
pub(crate) struct AtWork {
    client: TcpStream,
    worker: TcpStream,
    handle: Vec<u8>,
}

impl AtWork {
    pub(crate) fn begin(server: &Running) -> AtWork {
        let (mut client, mut worker) = (server.connect(), server.connect());
        send(&mut client, SUBMIT_JOB, &[&b"f"[..], b"", b"x"]);
        let (_, handle) = read(&mut client);
        send(&mut worker, CAN_DO, &[&b"f"[..]]);
        send(&mut worker, GRAB_JOB, &[]);
        assert!(read(&mut worker).1.ends_with(b"\0f\0x"));
        AtWork { client, worker, handle }
    }

    /// No more jobs are taken.
    fn refused(&mut self) {
        send(&mut self.client, SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]);
        let (command, error) = read(&mut self.client);
        assert_eq!(command, ERROR);
        assert!(error.starts_with(b"QUEUE_ERROR\0"), "{}", error.escape_ascii());
    }

    /// And this one ends as if nothing had happened.
    pub(crate) fn finish(&mut self) {
        self.refused();
        send(&mut self.worker, WORK_COMPLETE, &[&self.handle, b"done"]);
        assert_eq!(read(&mut self.client), (WORK_COMPLETE, [&self.handle[..], b"\0done"].concat()));
    }
}

/// The patience of SIGTERM ended this wait as well, after no second at all where none was given: the job was lost.
#[test]
fn sigusr1_waits_for_a_job_that_takes_longer_than_the_patience() {
    let folder = Folder::new("usr1");
    let queue = format!("--libsqlite3-db={}", folder.file("queue.db"));
    for patience in ["--drain-timeout=0", "--drain-timeout=1"] {
        for durable in [&[][..], &["--queue-type=libsqlite3", &queue]] {
            let mut server = Running::start(&[&[patience], durable].concat(), &folder);
            let mut job = AtWork::begin(&server);
            // Two seconds are over when this one has run out of time.
            let mut timed = server.connect();
            send(&mut timed, CAN_DO_TIMEOUT, &[&b"timed"[..], b"2"]);
            send(&mut timed, SUBMIT_JOB, &[&b"timed"[..], b"", b""]);
            read(&mut timed);
            send(&mut timed, GRAB_JOB, &[]);
            assert_eq!(read(&mut timed).0, JOB_ASSIGN);
            server.signal(Signal::SIGUSR1);
            server.line_with("draining");
            server.line_with("ran out of time");
            drop(timed);
            job.finish();
            assert!(server.child.wait().unwrap().success());
        }
    }
}

#[test]
fn sigterm_ends_a_drain_or_begins_its_patience() {
    let folder = Folder::new("usr1-term");
    let mut server = Running::start(&[], &folder);
    let _job = AtWork::begin(&server);
    server.signal(Signal::SIGUSR1);
    server.line_with("draining");
    server.stop();

    let mut server = Running::start(&["--drain-timeout=1"], &folder);
    let _job = AtWork::begin(&server);
    server.signal(Signal::SIGUSR1);
    server.line_with("draining");
    server.signal(Signal::SIGTERM);
    server.line_with("jobs are still running after 1 s");
    assert!(server.child.wait().unwrap().success());

    let mut server = Running::start(&["--drain-timeout=600"], &folder);
    let mut job = AtWork::begin(&server);
    server.signal(Signal::SIGUSR1);
    server.line_with("draining");
    server.signal(Signal::SIGTERM);
    // Both have been heard, and a second SIGTERM ends the patience.
    server.signal(Signal::SIGUSR2);
    server.line_with("SIGUSR2");
    assert!(server.child.try_wait().unwrap().is_none());
    job.refused();
    server.stop();
}

#[test]
fn sigterm_waits_for_jobs_where_it_is_told_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::new(&format!("patient-{signal}"));
        let mut server = Running::start(&["--drain-timeout", "600"], &folder);
        let mut job = AtWork::begin(&server);
        server.signal(signal);
        server.line_with("draining");
        job.finish();
        assert!(server.child.wait().unwrap().success());
        assert_eq!(folder.read("pid"), "");
    }
}

#[test]
fn a_second_sigterm_or_the_time_ends_the_wait() {
    let folder = Folder::new("impatient");
    let mut server = Running::start(&["--drain-timeout=600"], &folder);
    let _job = AtWork::begin(&server);
    server.signal(Signal::SIGTERM);
    server.line_with("draining");
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());

    let mut server = Running::start(&["--drain-timeout=1"], &folder);
    let _job = AtWork::begin(&server);
    server.signal(Signal::SIGTERM);
    server.line_with("jobs are still running after 1 s");
    assert!(server.child.wait().unwrap().success());
}

/// A socket that a daemon would listen on.
fn daemon(address: &SocketAddr) -> UnixDatagram {
    let socket = UnixDatagram::bind_addr(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

fn next(socket: &UnixDatagram) -> String {
    let mut room = [0; 1024];
    let n = socket.recv(&mut room).unwrap();
    String::from_utf8(room[..n].to_vec()).unwrap()
}

#[test]
fn the_service_manager_is_told() {
    let folder = Folder::new("notify");
    let path = folder.file("notify");
    let hidden = format!("gearmand-test-{}", std::process::id());
    let in_files = SocketAddr::from_pathname(&path).unwrap();
    let in_no_file = SocketAddr::from_abstract_name(&hidden).unwrap();
    for (address, name) in [(in_files, path), (in_no_file, format!("@{hidden}"))] {
        let manager = daemon(&address);
        let mut server = Running::with(&["--drain-timeout=600"], &folder, &[("NOTIFY_SOCKET", &name)]);
        assert_eq!(next(&manager), "READY=1");
        let mut job = AtWork::begin(&server);
        server.signal(Signal::SIGTERM);
        assert_eq!(next(&manager), "STOPPING=1");
        server.line_with("draining");
        job.finish();
        assert!(server.child.wait().unwrap().success());
    }
}

#[test]
fn a_service_manager_that_is_gone_is_no_reason_to_fail() {
    let folder = Folder::new("unnotified");
    let mut server = Running::with(&[], &folder, &[("NOTIFY_SOCKET", "/nowhere/notify")]);
    server.line_with("WARNING");
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn syslog_gets_each_line_with_its_level() {
    let folder = Folder::new("syslog");
    let path = folder.file("log");
    let address = SocketAddr::from_pathname(&path).unwrap();
    let first = daemon(&address);
    let mut server = Running::start(&["--syslog", "--journal-socket", &path], &folder);
    let id = server.child.id();
    let line = next(&first);
    assert!(line.starts_with(&format!("<29>gearmand[{id}]: listening on 127.0.0.1:")), "{line}");
    drop(server.connect());
    assert!(next(&first).starts_with(&format!("<30>gearmand[{id}]: connection from 127.0.0.1:")));
    assert!(next(&first).contains(" closed: by the peer"));
    drop(first);
    std::fs::remove_file(&path).unwrap();
    let second = daemon(&address);
    drop(server.connect());
    assert!(next(&second).starts_with(&format!("<30>gearmand[{id}]: connection from 127.0.0.1:")));
    server.line_with("closed: by the peer"); // the file has it all, too
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn without_a_syslog_daemon_the_log_file_does() {
    let folder = Folder::new("no-syslog");
    let mut server = Running::start(&["--syslog", "--journal-socket=/nowhere/log"], &folder);
    server.signal(Signal::SIGTERM);
    server.line_with("stopped");
    assert!(server.child.wait().unwrap().success());
    let arguments =
        ["--syslog", "--journal-socket=/nowhere/log", "-l", &folder.file("log"), "-u", "nobody-of-that-name"];
    let output = crate::process::gearmand().args(["-p", "0", "-L", "127.0.0.1"]).args(arguments).output().unwrap();
    let said = crate::process::stderr(&output);
    assert!(said.contains("gearmand: --syslog: /nowhere/log: No such file or directory"), "{said}");
}
