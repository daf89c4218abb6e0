//! Standard output and error that cannot be written: whoever reads them has gone, the disk is full, they are closed.
//!
//! A remark on such a stderr ended the server with a panic (exit status 101).

use crate::process::{Folder, ask, gearmand, stderr, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the shell calls a program that wrote to a pipe without a reader.
const SIGPIPE: i32 = 141;

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe that nobody reads.
fn broken() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// The program, started by a shell that closes these of its descriptors.
fn closed(descriptors: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$@\" {descriptors}"), "sh", env!("CARGO_BIN_EXE_gearmand")]);
    command.env_remove("GEARMAND_PORT").stdin(Stdio::null());
    command
}

#[test]
fn remarks_and_errors_that_nobody_can_read() {
    for make in [full, broken] {
        // --round-robin is without effect, and a remark says so.
        let status = gearmand().args(["--check-args", "-R"]).stderr(make()).status().unwrap();
        assert_eq!(status.code(), Some(0));
        for wrong in [&["--bogus"][..], &["--config-file=/nowhere/x"], &["-l", "/nowhere/log"]] {
            let status = gearmand().args(wrong).stderr(make()).status().unwrap();
            assert_eq!(status.code(), Some(1), "{wrong:?}");
        }
    }
    let status = closed("2>&-").args(["--check-args", "-R"]).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn help_that_is_not_read_to_its_end() {
    for option in ["--help", "--version"] {
        let output = gearmand().arg(option).stdout(broken()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(SIGPIPE), String::new()), "{option}");
        let output = gearmand().arg(option).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{option}");
        assert!(stderr(&output).contains("cannot write to standard output: No space left"), "{}", stderr(&output));
        let output = closed(">&-").arg(option).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{option}");
    }
}

/// Serves, and stops by SIGTERM.
fn serves(mut command: Command, log: &str, folder: &Folder) {
    let path = folder.file("socket");
    let listen = format!("--listen=unix://{path}");
    let fixed = ["-R", "--verbose=DEBUG", "-P", "", "-l", log];
    let mut server = Ended(command.args(fixed).arg(&listen).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline && server.0.try_wait().unwrap().is_none(), "{error}"),
        }
        std::thread::yield_now();
    };
    stream.write_all(b"create function f\nstatus\n").unwrap();
    let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
    assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["OK", "f\t0\t0\t0"]);
    kill(Pid::from_raw(server.0.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}

/// Ends with its test, whatever that comes to.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let folder = Folder::new("unwritable");
    let with = |stderr: Stdio| {
        let mut command = gearmand();
        command.stderr(stderr);
        command
    };
    serves(with(full()), "stderr", &folder);
    serves(with(broken()), "stderr", &folder);
    serves(with(full()), "/dev/full", &folder);
    serves(closed("<&- >&- 2>&-"), "stderr", &folder);
}

/// A pipe that is full and open, and its other end: a write to it waits until somebody reads.
fn blocked() -> (std::io::PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let set = |flags| nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
    set(nix::fcntl::OFlag::O_NONBLOCK);
    while (&writer).write(&[b'.'; 4096]).is_ok() {}
    while (&writer).write(b".").is_ok() {}
    set(nix::fcntl::OFlag::empty());
    (reader, writer.into())
}

/// The start waited for whoever reads stderr, and never listened; and each line of the log stopped all connections.
#[test]
fn a_stderr_that_nobody_reads_stops_nothing() {
    let folder = Folder::new("blocked");
    let (reader, stderr) = blocked();
    let mut command = gearmand();
    command.stderr(stderr);
    serves(command, "stderr", &folder);
    drop(reader);

    // The same for a log that is a pipe, and lines that come when there is room again.
    let log = folder.file("log");
    nix::unistd::mkfifo(log.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = std::thread::spawn({
        let log = log.clone();
        move || File::open(log).unwrap()
    });
    let path = folder.file("second");
    let listen = format!("--listen=unix://{path}");
    let fixed = ["--verbose=INFO", "-P", "", "-l", &log, &listen];
    let mut server = Ended(gearmand().args(fixed).spawn().unwrap());
    let mut lines = BufReader::new(reader.join().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("listening on unix://"));
    // 64 KB and more.
    for _ in 0..1000 {
        ask_local(&path);
    }
    let reading = std::thread::spawn(move || {
        assert!(lines.any(|line| line.starts_with("gearmand: ") && line.contains(" left out here")));
        lines
    });
    while !reading.is_finished() {
        ask_local(&path);
    }
    let mut lines = reading.join().unwrap();
    kill(Pid::from_raw(server.0.id() as i32), Signal::SIGTERM).unwrap();
    assert!(lines.any(|line| line.contains("NOTICE") && line.ends_with(" stopped")));
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}

fn ask_local(path: &str) {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"version\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("OK "), "{answer}");
}

/// SIGHUP waited until somebody read the pipe, and meanwhile nobody was served and no other signal heard.
#[test]
fn a_log_that_is_a_pipe_without_a_reader_stops_nothing_when_it_is_opened_anew() {
    let folder = Folder::new("no-reader");
    let (log, path) = (folder.file("log"), folder.file("socket"));
    nix::unistd::mkfifo(log.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = std::thread::spawn({
        let log = log.clone();
        move || File::open(log).unwrap()
    });
    let listen = format!("--listen=unix://{path}");
    let server = Ended(gearmand().args(["--verbose=INFO", "-P", "", "-l", &log, &listen]).spawn().unwrap());
    let reader = reader.join().unwrap();
    BufReader::new(&reader).read_line(&mut String::new()).unwrap();
    drop(reader);
    let id = Pid::from_raw(server.0.id() as i32);
    kill(id, Signal::SIGHUP).unwrap();
    ask_local(&path);
    kill(id, Signal::SIGTERM).unwrap();
    let server = RefCell::new(server);
    until(|| server.borrow_mut().0.try_wait().unwrap().is_some());
    assert_eq!(server.into_inner().0.wait().unwrap().code(), Some(0));
}

/// What a daemon writes before it lets go of the terminal.
#[test]
fn a_daemon_whose_terminal_is_gone() {
    let folder = Folder::new("gone");
    let (pid, log) = (folder.file("pid"), folder.file("log"));
    let fixed = ["-d", "-R", "-p", "0", "-L", "127.0.0.1", "--verbose=NOTICE", "-l", &log, "-P", &pid];
    let status = gearmand().args(fixed).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let port = folder.read("log").lines().find_map(|l| l.rsplit_once("127.0.0.1:").map(|l| l.1.to_owned())).unwrap();
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    assert!(ask(&mut stream, "version\n").starts_with("OK "));
    kill(Pid::from_raw(folder.read("pid").trim().parse().unwrap()), Signal::SIGTERM).unwrap();
}
