//! Against a real server: the one named by the variable GEARMAND.

use crate::util::{LONG, dead_port, feed, run, start};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on a free port; `None` where no server is named.
fn server() -> Option<(Server, String)> {
    let program = std::env::var_os("GEARMAND")?;
    let port = dead_port();
    let mut command = Command::new(program);
    command.args(["-p", &port, "-L", "127.0.0.1", "-l", "stderr"]);
    let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(begun.elapsed() < LONG, "the server does not listen");
        std::thread::yield_now();
    }
    Some((server, port))
}

/// The commands of docs/operating.md that end by themselves.
fn documented() -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let page = std::fs::read_to_string(page).unwrap();
    let commands = page.lines().filter_map(|line| line.strip_prefix("gearadmin "));
    let words = |command: &str| command.split('|').next().unwrap().split_whitespace().map(str::to_owned).collect();
    commands.filter(|command| !command.starts_with("--watch")).map(words).collect()
}

#[test]
fn commands_of_the_page_for_operators() {
    use clap::Parser;
    assert!(documented().len() > 5);
    for words in documented() {
        let all = std::iter::once("gearadmin".to_owned()).chain(words.clone());
        assert!(gearman_tools::flags::Gearadmin::try_parse_from(all).is_ok(), "{words:?}");
    }
    let Some((_server, port)) = server() else {
        eprintln!("skipped: GEARMAND names no server");
        return;
    };
    for words in documented() {
        let ended = run("gearadmin", &port, &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.status, Some(0), "{words:?}: {}", ended.err);
    }
}

#[test]
fn worker_client_and_gearadmin_together() {
    let Some((_server, port)) = server() else {
        eprintln!("skipped: GEARMAND names no server");
        return;
    };
    let worker = start("gearman", &port, &["-w", "-f", "wc", "-f", "cat", "-c", "2", "--", "cat"]);
    feed("gearman", &port, &["-f", "wc"], b"a\nb\n").expect(0, "a\nb\n", "");
    let large: Vec<u8> = (0..1_000_000u32).map(|i| (i % 7) as u8).collect();
    assert_eq!(feed("gearman", &port, &["-f", "cat"], &large).out, large);
    assert_eq!(worker.wait_with_output().unwrap().status.code(), Some(0));

    run("gearman", &port, &["-b", "-f", "later", "-u", "key", "x"]).expect(0, "", "");
    let status = run("gearadmin", &port, &["--status", "--show-unique-jobs"]);
    let status = String::from_utf8(status.out).unwrap();
    assert!(status.starts_with("key\n.\n") && status.contains("later\t1\t0\t0\n"), "{status}");
}
