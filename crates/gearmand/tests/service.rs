//! The program as a service: ends that wait for jobs, the service manager, syslog.

use crate::process::{Folder, Running, ended, gearmand, stderr};
use crate::util::{
    CAN_DO, CAN_DO_TIMEOUT, ERROR, GRAB_JOB, JOB_ASSIGN, JOB_CREATED, SUBMIT_JOB, SUBMIT_JOB_BG, WORK_COMPLETE,
};
use crate::wire::Wire;
use nix::sys::signal::Signal;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A client that waits for a job, and the worker that runs it.
pub(crate) struct AtWork {
    client: Wire,
    worker: Wire,
    handle: Vec<u8>,
}

impl AtWork {
    pub(crate) fn begin(server: &Running) -> AtWork {
        let (mut client, mut worker) = (Wire::new(server.connect()), Wire::new(server.connect()));
        client.send(&[(SUBMIT_JOB, &[b"f", b"", b"x"])]).unwrap();
        let (_, handle) = client.read().unwrap();
        worker.send(&[(CAN_DO, &[b"f"]), (GRAB_JOB, &[])]).unwrap();
        worker.expect(JOB_ASSIGN, &[&handle, b"f", b"x"]);
        AtWork { client, worker, handle }
    }

    /// No more jobs are taken.
    fn refused(&mut self) {
        let (command, error) = self.client.ask(SUBMIT_JOB_BG, &[b"f", b"", b""]);
        assert!(command == ERROR && error.starts_with("QUEUE_ERROR\\x00"), "{error}");
    }

    /// And this one ends as if nothing had happened.
    pub(crate) fn finish(&mut self) {
        self.refused();
        self.worker.send(&[(WORK_COMPLETE, &[&self.handle, b"done"])]).unwrap();
        self.client.expect(WORK_COMPLETE, &[&self.handle, b"done"]);
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
            let mut timed = Wire::new(server.connect());
            timed.send(&[(CAN_DO_TIMEOUT, &[b"timed", b"2"])]).unwrap();
            timed.ask(SUBMIT_JOB, &[b"timed", b"", b""]);
            assert_eq!(timed.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
            server.signal(Signal::SIGUSR1);
            server.line_with("draining");
            server.line_with("ran out of time");
            drop(timed);
            job.finish();
            assert!(ended(&mut server.child).success());
        }
    }
}

/// A drain hands out no more jobs, and those that waited were gone without a word.
#[test]
fn the_end_says_how_many_jobs_are_gone_with_it() {
    let folder = Folder::new("gone");
    let queue = format!("--libsqlite3-db={}", folder.file("queue.db"));
    let durable = ["--queue-type=libsqlite3", queue.as_str()];
    for (signal, options, times) in
        [(Signal::SIGUSR1, &[][..], 1), (Signal::SIGTERM, &[][..], 1), (Signal::SIGUSR1, &durable[..], 0)]
    {
        let mut server = Running::start(options, &folder);
        let mut client = Wire::new(server.connect());
        // Of the one that it waits for the client is told otherwise.
        for command in [SUBMIT_JOB_BG, SUBMIT_JOB_BG, SUBMIT_JOB] {
            assert_eq!(client.ask(command, &[b"f", b"", b"x"]).0, JOB_CREATED);
        }
        server.signal(signal);
        assert!(ended(&mut server.child).success());
        let log = server.rest();
        let told = log.iter().filter(|line| line.starts_with("WARNING") && line.ends_with("in memory alone: 2"));
        assert_eq!(told.count(), times, "{log:?}");
        assert_eq!(log.iter().filter(|line| line.contains("in memory alone")).count(), times, "{log:?}");
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
    assert!(ended(&mut server.child).success());

    let mut server = Running::start(&["--drain-timeout=600"], &folder);
    let mut job = AtWork::begin(&server);
    server.signal(Signal::SIGUSR1);
    server.line_with("draining");
    server.signal(Signal::SIGTERM);
    // Both have been handled, and a second SIGTERM ends the patience.
    server.signal(Signal::SIGUSR2);
    server.line_with("SIGUSR2");
    assert!(server.child.try_wait().unwrap().is_none());
    job.refused();
    server.stop();
}

#[test]
fn sigterm_waits_for_jobs_where_it_is_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::new(&format!("patient-{signal}"));
        let mut server = Running::start(&["--drain-timeout", "600"], &folder);
        let mut job = AtWork::begin(&server);
        server.signal(signal);
        server.line_with("draining");
        job.finish();
        assert!(ended(&mut server.child).success());
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
    assert!(ended(&mut server.child).success());

    let mut server = Running::start(&["--drain-timeout=1"], &folder);
    let _job = AtWork::begin(&server);
    server.signal(Signal::SIGTERM);
    server.line_with("jobs are still running after 1 s");
    assert!(ended(&mut server.child).success());
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
fn the_service_manager_knows_how_far_the_server_is() {
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
        server.signal(Signal::SIGHUP);
        let reloading = next(&manager);
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
        assert!(time.parse::<u64>().unwrap() > 0);
        assert_eq!(next(&manager), "READY=1");
        server.signal(Signal::SIGTERM);
        assert_eq!(next(&manager), "STOPPING=1");
        server.line_with("draining");
        // This one opens the log anew as well, and the server does not count as ready because of it.
        server.signal(Signal::SIGHUP);
        job.finish();
        assert!(ended(&mut server.child).success());
        manager.set_nonblocking(true).unwrap();
        assert_eq!(manager.recv(&mut [0; 64]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

/// A reload ends with what a start ends with: too early, it would make systemd start what needs a server.
#[test]
fn a_server_that_reloads_while_it_starts_is_not_ready() {
    let folder = Folder::new("reload-start");
    let path = folder.file("notify");
    let manager = daemon(&SocketAddr::from_pathname(&path).unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = gearmand();
    command.env("NOTIFY_SOCKET", &path);
    let mut server = Running::begin(command, &["-p", &port], &folder);
    server.line_with("waiting for it");
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGUSR2);
    server.line_with("SIGUSR2");
    manager.set_nonblocking(true).unwrap();
    assert!(manager.recv(&mut [0; 64]).is_err());
    manager.set_nonblocking(false).unwrap();
    drop(taken);
    assert_eq!(next(&manager), "READY=1");
    server.stop();
}

#[test]
fn a_service_manager_that_is_gone_is_no_reason_to_fail() {
    let folder = Folder::new("unnotified");
    let mut server = Running::with(&[], &folder, &[("NOTIFY_SOCKET", "/nowhere/notify")]);
    server.line_with("WARNING");
    server.signal(Signal::SIGTERM);
    assert!(ended(&mut server.child).success());
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
    assert!(ended(&mut server.child).success());
}

#[test]
fn without_a_syslog_daemon_the_log_file_does() {
    let folder = Folder::new("no-syslog");
    let mut server = Running::start(&["--syslog", "--journal-socket=/nowhere/log"], &folder);
    server.signal(Signal::SIGTERM);
    server.line_with("stopped");
    assert!(ended(&mut server.child).success());
    // Something else ends the start after that.
    let arguments = ["--syslog", "--journal-socket=/nowhere/log", "-l", &folder.file("log"), "-P", "/nowhere/pid"];
    let output = gearmand().args(["-p", "0", "-L", "127.0.0.1"]).args(arguments).output().unwrap();
    let text = stderr(&output);
    assert!(text.contains("gearmand: --syslog: /nowhere/log: No such file or directory"), "{text}");
}
