//! `gearadmin --watch`, in a pipe and on a terminal.

use crate::util::{LONG, start};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Answers a connection's questions as a C server does, as long as there are answers.
fn answer(stream: TcpStream, answers: &[&str]) {
    let unknown = ("counters", "ERR UNKNOWN_COMMAND Unknown+server+commandcounters\r\n");
    let answers = answers.iter().map(|answer| ("status", *answer));
    converse(stream, std::iter::once(unknown).chain(answers));
}

/// Expects these questions, and gives these answers.
fn converse<'a>(stream: TcpStream, conversation: impl Iterator<Item = (&'a str, &'a str)>) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    for (question, answer) in conversation {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{question}\r\n"));
        writer.write_all(answer.as_bytes()).unwrap();
    }
}

/// Ends with its test, whatever that comes to.
struct Watching(Child);

impl Watching {
    fn interrupt(&mut self) -> Option<i32> {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines of one table.
fn table(lines: &mut impl Iterator<Item = String>) -> Vec<Vec<String>> {
    let columns = |line: String| line.split_whitespace().map(str::to_owned).collect();
    lines.by_ref().take_while(|line| !line.is_empty()).map(columns).collect()
}

#[test]
fn in_a_pipe_tables_follow_each_other_also_over_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut child = Watching(start("gearadmin", &address.port().to_string(), &["--watch", "0.1"]));
    let mut out = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut err = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    answer(listener.accept().unwrap().0, &["f\t5\t1\t2\n.\n", "f\t3\t1\t2\ng\t9\t0\t0\n.\n"]);
    let first = table(&mut out);
    assert_eq!(first[0], ["FUNCTION", "QUEUED", "RUNNING", "WORKERS", "JOBS/S"]);
    assert_eq!(first[1..], [["f", "4", "1", "2", "-"]]);
    let second = table(&mut out);
    assert_eq!(second[1], ["g", "9", "0", "0", "0.0"]);
    assert_eq!(second[2][..4], ["f", "2", "1", "2"]);
    assert!(second[2][4].parse::<f64>().unwrap() > 0.0, "{second:?}");
    let lost = err.next().unwrap();
    assert!(lost.starts_with(&format!("gearadmin: lost connection to {address}: ")), "{lost}");
    assert!(lost.ends_with("; trying again"), "{lost}");
    // Said once, however long it lasts.
    for _ in 0..3 {
        drop(listener.accept().unwrap());
    }
    answer(listener.accept().unwrap().0, &["f\t0\t0\t2\n.\n"]);
    assert_eq!(table(&mut out)[1][..4], ["f", "0", "0", "2"]);
    assert!(err.next().unwrap().ends_with("; trying again"));
    assert_eq!(child.interrupt(), Some(0));
    assert_eq!(err.next(), None);
}

/// One look a round is enough, and no job is missed.
#[test]
fn a_server_that_counts_is_asked_for_its_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut child = Watching(start("gearadmin", &port, &["--watch", "0.5"]));
    let mut out = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let answers = [10, 1010, 1010].map(|completed| {
        format!("server\tjobs=5\nfunction\tf\ttotal=5\trunning=1\tworkers=2\tcompleted={completed}\tfailed=0\n.\n")
    });
    let (stream, _) = listener.accept().unwrap();
    let server =
        std::thread::spawn(move || converse(stream, answers.iter().map(|answer| ("counters", answer.as_str()))));
    assert_eq!(table(&mut out)[1], ["f", "4", "1", "2", "-"]);
    let second = table(&mut out);
    assert_eq!(second[1][..4], ["f", "4", "1", "2"]);
    let rate: f64 = second[1][4].parse().unwrap();
    // A busy machine takes longer than half a second for a round.
    assert!(rate > 0.0 && rate <= 2000.0, "{second:?}");
    assert_eq!(table(&mut out)[1], ["f", "4", "1", "2", "0.0"]);
    server.join().unwrap();
    assert_eq!(child.interrupt(), Some(0));
}

#[test]
fn a_server_that_is_not_there_at_the_start_is_an_error() {
    let port = crate::util::dead_port();
    let refused = format!("gearadmin: could not connect to 127.0.0.1:{port}: Connection refused\n");
    crate::util::run("gearadmin", &port, &["--watch"]).expect(1, "", &refused);
}

#[test]
fn a_silent_server_does_not_keep_it_from_ending() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut child = Watching(start("gearadmin", &port, &["--watch"]));
    let _silent = listener.accept().unwrap();
    assert_eq!(child.interrupt(), Some(0));
}

#[test]
fn a_terminal_is_filled_and_given_back() {
    let size = Winsize { ws_row: 6, ws_col: 48, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearadmin"));
    command.args(["-h", "127.0.0.1", "-p", &port, "--watch"]).env("TERM", "xterm");
    let command_line = command.stdout(Stdio::from(pty.slave)).stderr(Stdio::null());
    let mut child = Watching(command_line.spawn().unwrap());
    drop(command);
    let list: String = (0..9).map(|n| format!("function-{n}\t{n}\t0\t0\n")).collect();
    let server = std::thread::spawn(move || answer(listener.accept().unwrap().0, &[&format!("{list}.\n")]));
    let mut master = File::from(pty.master);
    let mut seen = String::new();
    let begun = Instant::now();
    let mut room = [0; 4096];
    while !seen.contains("and 7 more") {
        assert!(begun.elapsed() < LONG, "{seen:?}");
        let n = master.read(&mut room).unwrap();
        seen.push_str(std::str::from_utf8(&room[..n]).unwrap());
    }
    assert!(seen.starts_with("\x1b[?1049h\x1b[?25l"), "{seen:?}");
    for line in seen.replace("\x1b[K", "").split("\r\n") {
        assert!(line.contains('\x1b') || line.len() <= 48, "{line:?}");
    }
    assert!(seen.contains("\r\nfunctio~"), "{seen:?}");
    assert_eq!(child.interrupt(), Some(0));
    server.join().unwrap();
    loop {
        match master.read(&mut room) {
            Ok(0) => break,
            Ok(n) => seen.push_str(std::str::from_utf8(&room[..n]).unwrap()),
            // Nobody has the other side open any more.
            Err(error) if error.kind() != ErrorKind::Interrupted => break,
            Err(_) => {}
        }
    }
    assert!(seen.ends_with("\x1b[?25h\x1b[?1049l"), "{seen:?}");
}
