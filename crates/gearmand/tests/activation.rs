//! Sockets that the server is given (LISTEN_FDS), as systemd does it.

use crate::process::{Folder, Running, ask, stderr};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A program that gives the server what this one has as stdin and stdout, and then becomes it.
fn given(first: impl Into<OwnedFd>, second: Option<OwnedFd>) -> Command {
    let mut command = Command::new("sh");
    let script = match second {
        Some(_) => "export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$@\" 3<&0 4<&1 </dev/null >/dev/null",
        None => "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\" 3<&0 </dev/null",
    };
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_gearmand")]).stdin(first.into());
    command.stdout(second.map_or_else(Stdio::inherit, Stdio::from));
    command
}

fn version(stream: impl Read + Write) -> io::Result<String> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"version\n")?;
    let mut answer = String::new();
    stream.read_line(&mut answer)?;
    Ok(answer)
}

#[track_caller]
fn answers(stream: impl Read + Write) {
    assert!(version(stream).unwrap().starts_with("OK "));
}

fn tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn sockets_that_are_given_are_listened_on_instead() {
    let folder = Folder::new("given");
    let (listener, address) = tcp();
    let (path, unused) = (folder.file("given"), folder.file("unused"));
    let local = UnixListener::bind(&path).unwrap();
    let command = given(listener.try_clone().unwrap(), Some(local.try_clone().unwrap().into()));
    let mut server = Running::begin(command, &["-L", &format!("unix://{unused}")], &folder);
    server.line_with("--listen and --port are without effect");
    server.line_with(&format!("listening on {address}"));
    server.line_with(&format!("listening on unix://{path}"));
    answers(TcpStream::connect(&address).unwrap());
    answers(UnixStream::connect(&path).unwrap());
    assert!(!std::path::Path::new(&unused).exists());
    server.stop();
    // They are not the server's.
    TcpStream::connect(&address).unwrap();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn with_ssl_those_of_the_internet_speak_tls() {
    let files = crate::tls::Files::new("given-tls");
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let (listener, address) = tcp();
    let path = files.folder.file("given");
    let local = UnixListener::bind(&path).unwrap();
    let give = || given(listener.try_clone().unwrap(), Some(local.try_clone().unwrap().into()));
    let named = ["--ssl-certificate", &certificate, "--ssl-key", &key];
    let mut server = Running::begin(give(), &[&["--ssl"], &named[..]].concat(), &files.folder);
    server.line_with(&format!("listening on tls://{address}"));
    answers(UnixStream::connect(&path).unwrap());
    let tls = rustls::ClientConnection::new(files.client(None).into(), crate::tls::server_name()).unwrap();
    answers(rustls::StreamOwned::new(tls, TcpStream::connect(&address).unwrap()));
    server.stop();
    // Who asks for TLS is not given a server without.
    let output = give().args(["-L", "tls://127.0.0.1"]).args(named).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--listen tls:// is without effect"), "{}", stderr(&output));
}

/// One server after the other ends in a drain, while connections come all the time: each is answered.
#[test]
fn no_connection_is_refused_while_one_server_follows_another() {
    let folder = Folder::new("given-restart");
    let (listener, address) = tcp();
    let start = || {
        let mut server = Running::begin(given(listener.try_clone().unwrap(), None), &[], &folder);
        server.line_with("listening on ");
        server
    };
    let mut server = start();
    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // One that was accepted in the moment before the end may get none.
                    if version(TcpStream::connect(&address).unwrap()).is_ok_and(|answer| answer.starts_with("OK ")) {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..5 {
            let before = served.load(Ordering::Relaxed);
            while served.load(Ordering::Relaxed) < before + 20 {
                std::thread::yield_now();
            }
            server.signal(Signal::SIGUSR1);
            assert!(server.child.wait().unwrap().success());
            server = start();
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_daemon_has_them_too() {
    let folder = Folder::new("given-daemon");
    let (listener, address) = tcp();
    let status = given(listener.try_clone().unwrap(), None)
        .args(["-d", "-l", &folder.file("log"), "-P", &folder.file("pid")])
        .status()
        .unwrap();
    assert!(status.success());
    let id = folder.read("pid").trim().parse().unwrap();
    assert_eq!(ask(&mut TcpStream::connect(&address).unwrap(), "getpid\n"), format!("OK {id}\n"));
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
}

#[test]
fn what_cannot_be_listened_on_is_an_error() {
    let (listener, address) = tcp();
    let connected = TcpStream::connect(&address).unwrap();
    let neither = "LISTEN_FDS: descriptor 3 is neither a TCP nor a Unix stream socket";
    let cases: [(OwnedFd, &str); 4] = [
        (UnixDatagram::unbound().unwrap().into(), neither),
        (std::fs::File::open("/dev/null").unwrap().into(), neither),
        (connected.into(), "LISTEN_FDS: descriptor 3 is a socket that nobody listens on"),
        (UnixStream::pair().unwrap().0.into(), "LISTEN_FDS: descriptor 3 is a socket that nobody listens on"),
    ];
    for (descriptor, error) in cases {
        let output = given(descriptor, None).args(["-l", "stderr", "-P", ""]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).starts_with(&format!("gearmand: {error}")), "{}", stderr(&output));
    }
    drop(listener);
}

/// A child of a service has its parent's environment.
#[test]
fn what_was_given_to_another_process_is_not_taken() {
    for id in ["1", ""] {
        let folder = Folder::new(&format!("given-{id}"));
        let variables = [("LISTEN_PID", id), ("LISTEN_FDS", "1")];
        let server = Running::with(&[], &folder, &variables);
        answers(server.connect());
    }
}

#[test]
fn systemd_starts_it_by_a_connection() {
    let folder = Folder::new("socket-activate");
    let path = folder.file("socket");
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen", &path, env!("CARGO_BIN_EXE_gearmand"), "-l", "stderr", "-P", ""]);
    let Ok(mut child) = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn() else {
        return eprintln!("skipped: there is no systemd-socket-activate");
    };
    let mut log = BufReader::new(child.stderr.take().unwrap());
    log.read_line(&mut String::new()).unwrap();
    answers(UnixStream::connect(&path).unwrap());
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}
