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

/// Its questions and answers: those of a server that counts, which says its version once.
fn counting(answers: &[String]) -> impl Iterator<Item = (&str, &str)> {
    let mut all: Vec<_> = answers.iter().map(|answer| ("counters", answer.as_str())).collect();
    all.insert(1, ("version", "OK 2.3.0\n"));
    all.into_iter()
}

/// What a server that counts says: of itself, and of `f`.
fn counts(server: &str, f: &str) -> String {
    format!("server {server}\nfunction f high=0 normal=4 low=0 running=1 workers=2 {f}\n.\n").replace(' ', "\t")
}

/// One look a round is enough, and no job is missed. The server may go away; the one that comes counts anew.
#[test]
fn a_server_that_counts_is_asked_for_its_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut child = Watching(start("gearadmin", &port, &["--watch", "0.5"]));
    let mut out = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let answers = [10, 1010, 1010].map(|completed| {
        let f = format!(
            "submitted=9 completed={completed} failed=0 ran_us=128:{completed} dead_letters=3 oldest_us=7000000"
        );
        counts("uptime_s=60 connections=3 jobs=5 running=1 dead=3", &f)
    });
    let (stream, _) = listener.accept().unwrap();
    converse(stream.try_clone().unwrap(), counting(&answers[..1]));
    let first = table(&mut out);
    let about = "gearmand 2.3.0, 5 jobs, 1 running, 3 dead letters, 3 connections, up 1m 0s, 0 functions";
    assert_eq!(first[0].join(" "), about);
    let heads =
        "FUNCTION QUEUED RUNNING DELAYED DEAD WORKERS OLDEST IN/S DONE/S FAILED/S WAIT50 WAIT95 RUN50 RUN95 STATE";
    assert_eq!(first[1].join(" "), heads);
    assert_eq!(first[2].join(" "), "f 4 1 - 3 2 7.0s - - - - - - - -");
    converse(stream, answers[1..].iter().map(|answer| ("counters", answer.as_str())));
    let second = table(&mut out);
    let rate: f64 = second[2][8].parse().unwrap();
    // A busy machine takes longer than half a second for a round.
    assert!(rate > 0.0 && rate <= 2000.0, "{second:?}");
    assert_eq!(second[2][10..].join(" "), "- - 96us 125us -");
    assert_eq!(table(&mut out)[2].join(" "), "f 4 1 - 3 2 7.0s 0.0 0.0 0.0 - - - - -");

    let (stream, _) = listener.accept().unwrap();
    let answers = [counts("uptime_s=1 dead=0", "completed=2"), counts("uptime_s=2 dead=1", "completed=2 dead=1")];
    converse(stream, counting(&answers));
    assert_eq!(table(&mut out)[2].join(" "), "f 4 1 - - 2 - - - - - - - - -");
    let last = table(&mut out);
    assert_eq!((last[0].join(" ").contains("1 dead letter,"), last[2][14].as_str()), (true, "new-dead"), "{last:?}");
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

/// `gearadmin --watch` on a terminal.
struct Terminal {
    child: Watching,
    master: File,
    /// All that was written to it.
    seen: String,
}

impl Terminal {
    fn watch(port: &str, interval: &str, (width, height): (u16, u16)) -> Terminal {
        let size = Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gearadmin"));
        command.args(["-h", "127.0.0.1", "-p", port, "--watch", interval]).env("TERM", "xterm");
        command.stdout(Stdio::from(pty.slave)).stderr(Stdio::null());
        let child = Watching(command.spawn().unwrap());
        Terminal { child, master: File::from(pty.master), seen: String::new() }
    }

    /// Reads until this is there, and what is shown is whole.
    fn until(&mut self, text: &str) {
        let begun = Instant::now();
        let mut room = [0; 4096];
        while !self.seen.rsplit_once("\x1b[J").is_some_and(|(whole, _)| whole.contains(text)) {
            assert!(begun.elapsed() < LONG, "{:?}", self.seen);
            let n = self.master.read(&mut room).unwrap();
            self.seen.push_str(std::str::from_utf8(&room[..n]).unwrap());
        }
    }

    /// The lines that were drawn last.
    fn lines(&self) -> Vec<&str> {
        let (whole, _) = self.seen.rsplit_once("\x1b[J").unwrap();
        whole.rsplit_once("\x1b[H").unwrap().1.split("\r\n").collect()
    }

    /// Ends it: all that it wrote.
    fn end(mut self) -> String {
        assert_eq!(self.child.interrupt(), Some(0));
        let mut room = [0; 4096];
        loop {
            match self.master.read(&mut room) {
                Ok(0) => break,
                Ok(n) => self.seen.push_str(std::str::from_utf8(&room[..n]).unwrap()),
                // Nobody has the other side open any more.
                Err(error) if error.kind() != ErrorKind::Interrupted => break,
                Err(_) => {}
            }
        }
        self.seen
    }
}

#[test]
fn a_terminal_is_filled_and_given_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut terminal = Terminal::watch(&port, "1", (48, 6));
    let list: String = (0..9).map(|n| format!("function-{n}\t{n}\t0\t0\n")).collect();
    let server = std::thread::spawn(move || answer(listener.accept().unwrap().0, &[&format!("{list}.\n")]));
    terminal.until("and 7 more");
    assert!(terminal.seen.starts_with("\x1b[?1049h\x1b[?25l"), "{:?}", terminal.seen);
    // Where a line is as wide as the terminal, wiping away what is behind it would take its last character.
    let rest = "         0         0         -";
    assert_eq!(
        terminal.lines(),
        [
            &format!("127.0.0.1:{port}\x1b[K"),
            "\x1b[K",
            "FUNCTION    QUEUED   RUNNING   WORKERS    JOBS/S",
            &format!("functio~         8{rest}"),
            &format!("functio~         7{rest}"),
            "and 7 more\x1b[K",
        ]
    );
    server.join().unwrap();
    let seen = terminal.end();
    assert!(seen.ends_with("\x1b[?25h\x1b[?1049l"), "{seen:?}");
}

/// Of very many functions those that need somebody are seen, in a terminal that is too small for all columns. A server that
/// is away is said so in their place.
#[test]
fn the_troubled_of_very_many_functions_are_on_a_small_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut terminal = Terminal::watch(&port, "0.2", (60, 7));
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let function = |n: i32, workers| {
            let f =
                format!("function f{n} high=0 normal=3 low=0 running=0 workers={workers} dead_letters=0 oldest_us=5");
            f.replace(' ', "\t") + "\n"
        };
        let all: String = (0..2000).map(|n| function(n, i32::from(n != 1234))).collect();
        converse(listener.accept().unwrap().0, counting(&[format!("server\tjobs=6000\tdead=0\n{all}.\n")]));
        wait.recv().unwrap();
        converse(listener.accept().unwrap().0, counting(&[counts("jobs=5 dead=1", "dead_letters=1")]));
    });
    terminal.until("and 1997 more");
    let lines: Vec<&str> = terminal.lines().into_iter().map(|line| line.trim_end_matches("\x1b[K")).collect();
    let title = format!("127.0.0.1:{port}: gearmand 2.3.0, 6000 jobs, 0 running");
    assert_eq!(
        lines,
        [
            &title,
            "",
            "FUNCTION   QUEUED  RUNNING   DEAD  WORKERS      STATE",
            "f1234           3        0      0        0  no-worker",
            "f0              3        0      0        1          -",
            "f1              3        0      0        1          -",
            "and 1997 more",
        ]
    );
    terminal.until("trying again");
    assert_eq!(terminal.lines()[0], format!("127.0.0.1:{port}\x1b[K"));
    end.send(()).unwrap();
    terminal.until("5 jobs");
    server.join().unwrap();
    terminal.end();
}
