//! Standard output and error that cannot be written: whoever reads them has gone, or the disk is full.

use crate::util::{Ended, dead_port, program, scripted_server, start};
use std::fs::File;
use std::process::Stdio;

/// What the shell calls a program that wrote to a pipe without a reader.
const SIGPIPE: Option<i32> = Some(141);

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe that nobody reads.
fn broken() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// How it ends, with this for its standard output.
fn into(out: Stdio, name: &str, port: &str, arguments: &[&str]) -> Ended {
    Ended::from(program(name, port, arguments).stdin(Stdio::null()).stdout(out).output().unwrap())
}

/// How it ends, with this for its standard error.
fn errors_into(err: Stdio, name: &str, port: &str, arguments: &[&str]) -> Ended {
    Ended::from(program(name, port, arguments).stdin(Stdio::null()).stderr(err).output().unwrap())
}

const FULL: &str = "could not write to standard output: No space left on device (os error 28)\n";

#[test]
fn answers_that_are_not_read() {
    for asked in [&["--status"][..], &["--status", "--json"], &["--watch"]] {
        for (out, status, said) in [(broken(), SIGPIPE, ""), (full(), Some(1), FULL)] {
            let watches = asked == ["--watch"];
            let (port, server) = scripted_server(move |server| {
                server.line();
                server.raw(b"f\t0\t0\t0\n.\n");
                if watches {
                    assert_eq!(server.line(), "version\r\n");
                    server.raw(b"OK 2.3.0\n");
                }
            });
            let ended = into(out, "gearadmin", &port, asked);
            server.join().unwrap();
            assert_eq!((ended.status, ended.err.trim_start_matches("gearadmin: ")), (status, said), "{asked:?}");
        }
    }
}

/// `gearman -w -f f | head -1` failed every job from the second on, for ever.
#[test]
fn a_worker_whose_output_is_not_read_leaves_the_job_to_another() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"f"]);
        server.assign(b"f", b"x");
        server.rest()
    });
    let ended = into(broken(), "gearman", &port, &["-w", "-f", "f"]);
    assert_eq!((ended.status, &*ended.err), (SIGPIPE, ""));
    assert_eq!(server.join().unwrap(), b"", "it does not say that the job is done, or that it failed");
}

#[test]
fn results_that_are_not_read() {
    for (out, status, said) in [(broken(), SIGPIPE, ""), (full(), Some(1), FULL)] {
        let (port, server) = scripted_server(|server| {
            server.packet();
            server.send(8, &[b"H:x:1"]);
            server.send(13, &[b"H:x:1", b"result"]);
            server.rest()
        });
        let ended = into(out, "gearman", &port, &["-f", "f", "one", "two"]);
        assert_eq!((ended.status, ended.err.trim_start_matches("gearman: ")), (status, said));
        assert_eq!(server.join().unwrap(), b"", "nothing more is submitted");
    }
}

#[test]
fn help_that_is_not_read_to_its_end() {
    for name in ["gearman", "gearadmin"] {
        for option in ["--help", "--version"] {
            let ended = into(broken(), name, "1", &[option]);
            assert_eq!((ended.status, &*ended.err), (SIGPIPE, ""), "{name} {option}");
            let ended = into(full(), name, "1", &[option]);
            assert_eq!((ended.status, ended.err), (Some(1), format!("{name}: {FULL}")), "{option}");
        }
    }
}

#[test]
fn errors_that_nobody_can_read() {
    for make in [full, broken] {
        let port = dead_port();
        for (name, wrong) in [
            ("gearman", &["-f", "f", "x"][..]),
            ("gearman", &["--bogus"]),
            ("gearman", &["-w", "-f", "f", "-c", "1", "-t", "10"]),
            ("gearadmin", &["--status"]),
            ("gearadmin", &["--bogus"]),
            ("gearadmin", &["--watch"]),
        ] {
            assert_eq!(errors_into(make(), name, &port, wrong).status, Some(1), "{name} {wrong:?}");
        }
        let (port, server) = scripted_server(|server| {
            server.line();
            server.raw(b"ERR UNKNOWN_JOB\r\n");
            server.line();
            server.raw(b"OK 2.3.0\n");
        });
        let ended = errors_into(make(), "gearadmin", &port, &["--cancel-job=H:x:1", "--server-version"]);
        server.join().unwrap();
        assert_eq!((ended.status, &ended.out[..]), (Some(0), &b"2.3.0\n"[..]));
    }
}

/// As `gearman … | head -1` does it: the reader goes when it has seen enough.
#[test]
fn a_table_that_is_watched_for_a_while() {
    let (port, server) = scripted_server(|server| {
        let mut looks = 0;
        loop {
            let mut line = [0; 8];
            if std::io::Read::read_exact(&mut server.stream, &mut line).is_err() {
                return looks;
            }
            looks += 1;
            // It may end in between.
            let _ = std::io::Write::write_all(&mut server.stream, b"f\t0\t0\t0\n.\n");
        }
    });
    let mut child = start("gearadmin", &port, &["--watch", "0.1"]);
    let mut first = [0; 8];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(child.stdout.take());
    Ended::from(child.wait_with_output().unwrap()).expect(141, "", "");
    assert!(server.join().unwrap() > 0);
}
