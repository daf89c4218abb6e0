//! A server that takes the place of another.

use crate::process::{Folder, Running, ask, gearmand, stderr, until};
use crate::service::AtWork;
use crate::util::{JOB_CREATED, SUBMIT_JOB_BG};
use crate::wire::Wire;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

/// `kill $pid; gearmand ...`, as people restart: the new one gave up for want of the port or the queue.
#[test]
fn it_waits_for_the_one_that_is_stopping() {
    const IN_FLIGHT: usize = 200;
    let folder = Folder::new("restarts");
    let (queue, socket) =
        (format!("--libsqlite3-db={}", folder.file("db")), format!("-Lunix://{}", folder.file("socket")));
    let options = ["--queue-type=libsqlite3", &queue, &socket];
    let mut server = Running::start(&options, &folder);
    let port = server.port.to_string();
    let options = [&options[..], &["-p", &port]].concat();
    let (mut sent, mut taken) = (0, 0);
    for _ in 0..20 {
        let mut client = Wire::new(server.connect());
        let keys: Vec<String> = (sent..sent + IN_FLIGHT).map(|i| i.to_string()).collect();
        let jobs: Vec<[&[u8]; 3]> = keys.iter().map(|key| [&b"f"[..], key.as_bytes(), b"x"]).collect();
        let packets: Vec<(u32, &[&[u8]])> = jobs.iter().map(|job| (SUBMIT_JOB_BG, &job[..])).collect();
        client.send(&packets).unwrap();
        sent += IN_FLIGHT;
        server.signal(Signal::SIGTERM);
        let mut next = Running::start(&options, &folder);
        while let Ok((command, _)) = client.read() {
            taken += usize::from(command == JOB_CREATED);
        }
        assert!(server.child.wait().unwrap().success());
        std::mem::swap(&mut server, &mut next);
        assert_eq!(folder.read("pid").trim(), server.child.id().to_string());
        let kept: usize = ask(&mut server.connect(), "status\n").split('\t').nth(1).map_or(0, |n| n.parse().unwrap());
        assert!((taken..=sent).contains(&kept), "{taken} were acknowledged, {kept} are there");
    }
    server.stop();
}

/// A draining server removed the socket and the pid file of the one that had taken its place.
#[test]
fn its_files_stay_when_the_one_before_it_ends() {
    let folder = Folder::new("files");
    let socket = format!("-Lunix://{}", folder.file("socket"));
    let mut old = Running::start(&[&socket], &folder);
    let mut job = AtWork::begin(&old);
    old.signal(Signal::SIGUSR1);
    old.line_with("draining");
    let mut new = Running::start(&[&socket, "-p", &old.port.to_string()], &folder);
    job.finish();
    assert!(old.child.wait().unwrap().success());
    assert_eq!(folder.read("pid").trim(), new.child.id().to_string());
    let mut stream = UnixStream::connect(folder.file("socket")).unwrap();
    stream.write_all(b"getpid\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert_eq!(answer, format!("OK {}\n", new.child.id()));
    new.stop();
    assert!(!Path::new(&folder.file("pid")).exists() && !Path::new(&folder.file("socket")).exists());
}

/// A server that drains keeps its port of HTTP. The next one listened for workers at once, accepted none, and waited for that port.
#[test]
fn it_listens_for_nobody_before_it_has_the_port_of_http() {
    let folder = Folder::new("http-port");
    let mut old = Running::start(&["--http-listen=127.0.0.1:0"], &folder);
    let http = old.said("HTTP at http://").rsplit("http://").next().unwrap().trim().to_owned();
    let mut job = AtWork::begin(&old);
    old.signal(Signal::SIGUSR1);
    old.line_with("draining");
    let (http, port) = (format!("--http-listen={http}"), old.port.to_string());
    let mut new = Running::begin(gearmand(), &[&http, "-p", &port], &folder);
    new.line_with("waiting for it");
    let refused = std::net::TcpStream::connect(("127.0.0.1", old.port)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    job.finish();
    assert!(old.child.wait().unwrap().success());
    new.listens();
    assert!(ask(&mut new.connect(), "version\n").starts_with("OK "));
    new.stop();
}

/// It wrote its process id over that of the server that runs, and then found that it could not start.
#[test]
fn who_cannot_start_leaves_the_files_of_the_one_that_runs() {
    let folder = Folder::new("failed");
    let socket = format!("-Lunix://{}", folder.file("socket"));
    let queue = format!("--libsqlite3-db={}", folder.file("db"));
    let durable = ["--queue-type=libsqlite3", &queue, "-P", &folder.file("pid"), "-p0", "-L127.0.0.1", "-l", "none"];
    let mut first = Running::start(&[&durable[..2], &[&socket]].concat(), &folder);
    let id = first.child.id().to_string();
    for why in [&[][..], &["-q", "builtin", &socket], &["-q", "builtin", "-p", &first.port.to_string()]] {
        let output = gearmand().args(durable).args(why).arg("--bind-wait=0").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{why:?}: {}", stderr(&output));
        assert_eq!(folder.read("pid").trim(), id, "{why:?}");
        assert!(UnixStream::connect(folder.file("socket")).is_ok(), "{why:?}");
    }
    first.stop();
}

/// Whether somebody listens on a socket was asked by a connection. A stopped server takes none in the end, and then
/// the start waited for it without end, deaf to signals.
#[test]
fn a_server_that_is_stopped_listens_too() {
    let folder = Folder::new("stopped");
    let name = socket2::SockAddr::unix(folder.file("socket")).unwrap();
    let socket = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let stopped = socket();
    stopped.bind(&name).unwrap();
    stopped.listen(0).unwrap();
    let mut waiting = Vec::new();
    loop {
        let next = socket();
        next.set_nonblocking(true).unwrap();
        if next.connect(&name).is_err() {
            break;
        }
        waiting.push(next);
    }
    let listen = format!("-Lunix://{}", folder.file("socket"));
    let server = RefCell::new(Running::begin(gearmand(), &[&listen, "--bind-wait=1"], &folder));
    until(|| server.borrow_mut().child.try_wait().unwrap().is_some());
    let mut server = server.into_inner();
    server.line_with("address in use, after 1 s");
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
}

/// It asked by a connection, twenty times a second, and each left two lines in the other's log.
#[test]
fn it_leaves_few_lines_in_the_log_of_the_one_it_waits_for() {
    for killed in [false, true] {
        let folder = Folder::new(&format!("quiet-{killed}"));
        let listen = format!("-Lunix://{}", folder.file("socket"));
        let mut old = Running::start(&[&listen], &folder);
        let mut new = Running::begin(gearmand(), &[&listen, "--bind-wait=1", "-P", ""], &folder);
        new.line_with(", after 1 s");
        assert_eq!(new.child.wait().unwrap().code(), Some(1));
        let mut new = Running::begin(gearmand(), &[&listen], &folder);
        new.line_with("waiting for it");
        if killed {
            old.child.kill().unwrap();
        } else {
            old.signal(Signal::SIGTERM);
        }
        new.listens();
        old.child.wait().unwrap();
        let log = old.rest();
        let connections = log.iter().filter(|line| line.contains("connection from a local socket")).count();
        assert!((1..=2).contains(&connections), "{log:?}");
        new.stop();
    }
}

/// Of several that were started at once two took the socket: what is bound and does not listen yet looked left over.
#[test]
fn a_socket_that_does_not_listen_yet_is_not_left_over() {
    let folder = Folder::new("starting");
    let name = socket2::SockAddr::unix(folder.file("socket")).unwrap();
    let starting = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let lock = Flock::lock(File::open(folder.file("")).unwrap(), FlockArg::LockExclusive).unwrap();
    starting.bind(&name).unwrap();
    let listen = format!("-Lunix://{}", folder.file("socket"));
    let mut server = Running::begin(gearmand(), &[&listen], &folder);
    let line = server.line_with(" on unix://");
    assert!(line.contains("waiting for it"), "{line}");
    starting.listen(1).unwrap();
    lock.unlock().unwrap();
    starting.accept().unwrap();
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn what_is_kept_for_too_long_is_named() {
    let folder = Folder::new("kept");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments = ["-p", &port, "-L", "127.0.0.1", "-l", "none", "-P", &folder.file("pid"), "--bind-wait"];
    for (wait, after) in [("0", ""), ("1", ", after 1 s")] {
        for how in [&[][..], &["-d"]] {
            let output = gearmand().args(arguments).arg(wait).args(how).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let text = stderr(&output);
            let error =
                format!("gearmand: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98){after}\n");
            assert!(text.ends_with(&error), "{text}");
        }
    }
}

#[test]
fn the_caller_of_a_daemon_waits_too() {
    let folder = Folder::new("called");
    let (pid, log) = (folder.file("pid"), folder.file("log"));
    let begin = |port: &str| {
        let arguments = ["-d", "-p", port, "-L", "127.0.0.1", "-l", &log, "-P", &pid, "--verbose=NOTICE"];
        gearmand().args(arguments).stderr(Stdio::null()).spawn().unwrap()
    };
    let waits = || until(|| folder.read("log").contains("waiting for it"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    // Whoever interrupts it wants no server.
    let mut caller = begin(&port);
    waits();
    caller.kill().unwrap();
    caller.wait().unwrap();
    until(|| folder.read("log").contains("the start was stopped"));
    std::fs::remove_file(&log).unwrap();

    let mut caller = begin(&port);
    waits();
    assert_eq!(folder.read("pid"), "");
    assert!(caller.try_wait().unwrap().is_none());
    drop(taken);
    assert!(caller.wait().unwrap().success());
    let id = folder.read("pid").trim().parse().unwrap();
    assert_eq!(
        ask(&mut std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap(), "getpid\n"),
        format!("OK {id}\n")
    );
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
    until(|| !Path::new(&pid).exists());
}
