//! Those who ask: the command line, Prometheus, the service manager.

use crate::runner::{Folder, LONG, PATIENT, Runner, until};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn program(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
    command.arg("--config").arg(folder.path("runner.toml")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_line() {
    let mut runner = Runner::start(&format!("[group.mail]\ncommand = {PATIENT}\nsettle = '100ms'\n"));
    let [pid] = runner.at_work("mail", 1)[..] else { panic!() };
    let status = program(&runner.folder, &["status"]);
    let shown = text(&status.stdout);
    assert!(status.status.success() && shown.contains("GROUP") && shown.contains(&format!("mail   {pid}")), "{shown}");
    let json = program(&runner.folder, &["status", "--json"]);
    assert!(text(&json.stdout).starts_with("{\"version\":\""));
    let unknown = program(&runner.folder, &["restart", "nobody"]);
    assert_eq!(
        (unknown.status.code(), &*text(&unknown.stderr)),
        (Some(1), "gearman-runner: there is no group nobody\n")
    );
    assert!(program(&runner.folder, &["restart", "mail"]).status.success());
    runner.line_with(&format!("{pid} is replaced: restart"));
    assert!(program(&runner.folder, &["reload"]).status.success());
    assert!(program(&runner.folder, &["stop"]).status.success());
    assert!(runner.ended().success());
    let gone = program(&runner.folder, &["status"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("no runner answers at "), "{gone:?}");
}

/// Where no process had to be waited for, the runner was gone before it had answered, and the client said that it was not
/// understood.
#[test]
fn a_stop_is_answered_where_nothing_runs() {
    for group in ["command = 'false'", "command = 'true'\nfunctions = 'f'\nmin = 0\nmax = 1"] {
        let mut runner = Runner::start(&format!("servers = 'unix:///none'\n[group.a]\n{group}\n"));
        runner.group("a", |group| group["processes"].as_array().unwrap().is_empty());
        let stopped = program(&runner.folder, &["stop"]);
        assert!(stopped.status.success(), "{stopped:?}");
        assert_eq!(text(&stopped.stdout), "all processes are asked to end\n");
        assert!(runner.ended().success());
    }
}

/// The second one killed all of them in the midst of their jobs, and answered that they were asked to end. So did a signal that came
/// after it, as at the end of the system.
#[test]
fn a_stop_that_is_asked_for_again_kills_nobody() {
    let busy = "trap 'until test -e done; do sleep 0.05; done; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let mut runner = Runner::start(&format!("[group.a]\ncommand = ['sh', '-c', \"{busy}\"]\nstop-timeout = '1d'\n"));
    runner.line_with("ready");
    for _ in 0..2 {
        assert_eq!(runner.ask("stop").as_deref(), Ok("all processes are asked to end\n"));
    }
    runner.signal(Signal::SIGTERM);
    runner.line_with("SIGTERM: all processes are asked to end");
    runner.folder.write("done", "");
    assert_eq!(runner.ended().code(), Some(0), "nobody was killed");
}

/// They wanted a file that can be used, though the runner was to be asked what is wrong with it, or to be stopped.
#[test]
fn a_runner_is_found_by_a_file_that_cannot_be_used() {
    let mut runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\n"));
    for (broken, reason) in [("[group.a]\ncomand = 'x'\n", ":3:1: unknown field `comand`"), ("[group.a\n", ":2:9: ")] {
        runner.folder.config(broken);
        let reload = program(&runner.folder, &["reload"]);
        assert!(!reload.status.success() && text(&reload.stderr).contains(reason), "{reload:?}");
        runner.line_with(&format!("error: not reloaded: {}{reason}", runner.folder.path("runner.toml").display()));
        let status = program(&runner.folder, &["status"]);
        assert!(status.status.success() && text(&status.stdout).contains(reason), "{status:?}");
    }
    assert!(program(&runner.folder, &["stop"]).status.success());
    assert!(runner.ended().success());
    runner.folder.write("runner.toml", "[group.a\n");
    let unknown = program(&runner.folder, &["status"]);
    assert!(text(&unknown.stderr).ends_with("; with --socket the file is not needed\n"), "{unknown:?}");
}

/// A socket that was deleted came back by a restart alone, and until then another runner could be started beside the first; one
/// that had another name in the file was said to have changed, once, and not where it had.
#[test]
fn a_reload_opens_the_socket_where_it_is_to_be() {
    let config = |metrics| format!("{metrics}[group.a]\ncommand = {PATIENT}\nsettle = '1ms'\n");
    let mut runner = Runner::start(&config(""));
    let (socket, other) = (runner.folder.path("runner.sock"), runner.folder.path("other.sock"));
    std::fs::remove_file(&socket).unwrap();
    runner.signal(Signal::SIGHUP);
    until("the socket", || runner.ask_once("status").is_some(), |there| *there);
    let second = program(&runner.folder, &[]);
    assert!(text(&second.stderr).contains("another runner listens there"), "{second:?}");
    // What is there stays open.
    let inode = |path: &std::path::Path| std::fs::metadata(path).unwrap().ino();
    let before = inode(&socket);
    runner.ask("reload").unwrap();
    assert_eq!(inode(&socket), before);
    runner.folder.write("runner.toml", &format!("socket = 'other.sock'\n{}", config("metrics = '127.0.0.1:0'\n")));
    runner.ask("reload").unwrap();
    assert!(!socket.exists());
    for _ in 0..2 {
        assert!(program(&runner.folder, &["reload"]).status.success());
    }
    runner.folder.write("runner.toml", &format!("socket = 'other.sock'\n{}", config("")));
    assert!(program(&runner.folder, &["reload"]).status.success());
    // What is somebody else's is left alone, and the other one stays.
    let _somebody = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    runner.folder.config(&config(""));
    runner.signal(Signal::SIGHUP);
    runner.line_with(&format!("warning: cannot open the socket {}: another runner listens there", socket.display()));
    gearman_tools::runner::control::ask(&other, "stop").unwrap().unwrap();
    assert!(runner.ended().success());
    assert!(socket.exists() && !other.exists());
    let warnings = runner.lines().iter().filter(|line| line.contains("warning: metrics is another one")).count();
    assert_eq!(warnings, 3, "one for each reload with another address");
}

#[test]
fn a_configuration_is_checked() {
    let folder = Folder::new();
    folder.config("[group.a]\ncommand = 'true'\n");
    let good = program(&folder, &["--check-config"]);
    assert!(good.status.success() && text(&good.stdout).ends_with("runner.toml: good, 1 groups\n"), "{good:?}");
    folder.config("[group.a]\ncommand = 'x'\nmax-age = 'soon'\n");
    for arguments in [&["--check-config"][..], &[]] {
        let bad = program(&folder, arguments);
        assert_eq!(bad.status.code(), Some(1));
        assert!(text(&bad.stderr).contains("runner.toml:4:11: soon is not a time, such as 500ms"), "{bad:?}");
    }
}

/// A file was good whatever it named, and a start told of each of these in another way, some of them again and again.
#[test]
fn what_a_configuration_names_is_looked_for() {
    let folder = Folder::new();
    folder.write("bad.pem", "no certificate");
    folder.config(
        "servers = ['tls://127.0.0.1', 'unix:///run/x']\ntls = { ca-file = 'bad.pem' }\n\
         [group.a]\ncommand = 'true'\ndirectory = 'none'\n\
         [group.b]\ncommand = 'no-such-program'\nstdout = 'none/log'\n\
         [group.c]\ncommand = 'true'\ndirectory = 'runner.toml'\n\
         [group.d]\ncommand = './bad.pem'\nstderr = '.'\n\
         [group.e]\ncommand = 'sh -c true'\nstderr = 'log'\n",
    );
    let bad = program(&folder, &["--check-config"]);
    assert_eq!((bad.status.code(), &*bad.stdout), (Some(1), &b""[..]));
    let all = text(&bad.stderr);
    for (line, wanted) in [
        "[tls]: no TLS connection to tls://127.0.0.1:4730: ",
        "[group.a]: directory = ",
        "[group.b]: command = \"no-such-program\" is not found, or cannot be run, in ",
        "[group.b]: stdout = ",
        "[group.c]: directory = ",
        "[group.d]: command = \"./bad.pem\" is not found, or cannot be run, in ",
        "[group.d]: stderr = ",
    ]
    .into_iter()
    .enumerate()
    {
        let said = all.lines().nth(line).unwrap_or_default();
        assert!(said.contains(&format!("runner.toml: {wanted}")), "{wanted} in {all}");
    }
    assert_eq!(all.lines().count(), 7, "{all}");
    assert!(!folder.path("log").exists(), "it only looks");
}

#[test]
fn one_runner_a_socket() {
    let runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\n"));
    let second = program(&runner.folder, &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another runner listens there"), "{second:?}");
    runner.ask("status").unwrap();
    let nonsense = runner.ask("dance").unwrap_err();
    assert!(nonsense.contains("the commands are status"), "{nonsense}");
    // Many who ask nothing keep nobody out for ever, and a runner that was killed leaves a file that is in nobody's way.
    let mut runner = runner;
    runner.signal(Signal::SIGKILL);
    runner.ended();
    let folder = Folder::new();
    std::fs::rename(runner.folder.path("runner.sock"), folder.path("runner.sock")).unwrap();
    folder.config(&format!("[group.a]\ncommand = {PATIENT}\n"));
    Runner::in_folder(folder, |_| {}).at_work("a", 1);
}

#[test]
fn a_runner_takes_its_own_socket_away_and_no_other() {
    let mut first = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\n"));
    let socket = first.folder.path("runner.sock");
    std::fs::remove_file(&socket).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
    command.arg("--config").arg(first.folder.path("runner.toml")).stdout(Stdio::null());
    let mut second = command.spawn().unwrap();
    until("the second one", || first.ask_once("status").is_some(), |there| *there);
    first.signal(Signal::SIGTERM);
    first.ended();
    let stopped = first.ask_once("stop");
    if stopped.is_none() {
        second.kill().unwrap();
    }
    second.wait().unwrap();
    assert!(stopped.is_some_and(|answer| answer.is_ok()));
    assert!(!socket.exists());
}

fn metrics_address(runner: &Runner) -> String {
    let line = runner.line_with("metrics at http://");
    line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn metrics() {
    let runner = Runner::start("metrics = '127.0.0.1:0'\n[group.a]\ncommand = 'false'\n");
    let address = metrics_address(&runner);
    let get = |path| get(&address, path);
    until("failing", || get("/metrics"), |text| text.contains("gearman_runner_failing{group=\"a\"} 1.0\n"));
    let reply = get("/metrics");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.contains("openmetrics-text"), "{reply}");
    assert!(reply.contains("gearman_runner_ended_total{group=\"a\",how=\"crashed\"} "), "{reply}");
    assert!(get("/").starts_with("HTTP/1.1 404"));
}

/// Sixteen who did not end their requests had all places for half a minute.
#[test]
fn slow_clients_do_not_keep_others_from_the_metrics() {
    let runner = Runner::start(&format!("metrics = '127.0.0.1:0'\n[group.a]\ncommand = {PATIENT}\n"));
    let address = metrics_address(&runner);
    let mut slow: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"GET /metrics HT").unwrap());
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 200 OK\r\n"));
    // They were slow up to here; the oldest gave way.
    for stream in &slow[slow.len() - 15..] {
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
    assert!(slow[0].read(&mut [0]).map_or(true, |n| n == 0));
}

#[test]
fn the_service_manager() {
    let folder = Folder::new();
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_read_timeout(Some(LONG)).unwrap();
    folder.config("[group.a]\ncommand = ['sh', '-c', 'echo socket=$NOTIFY_SOCKET; exec sleep 1000']\n");
    let notify = folder.path("notify");
    let mut runner = Runner::in_folder(folder, |command| {
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    });
    let next = |but: &str| {
        let mut room = [0; 200];
        loop {
            let n = manager.recv(&mut room).unwrap();
            let state = text(&room[..n]);
            if state != but {
                return state;
            }
        }
    };
    assert_eq!(next(""), "READY=1");
    assert_eq!(next(""), "WATCHDOG=1");
    assert_eq!(next(""), "WATCHDOG=1");
    runner.line_with("]: socket=");
    assert!(!runner.lines().iter().any(|line| line.contains("socket=/")));
    runner.signal(Signal::SIGHUP);
    let reloading = next("WATCHDOG=1");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next("WATCHDOG=1"), "READY=1");
    runner.signal(Signal::SIGTERM);
    assert_eq!(next("WATCHDOG=1"), "STOPPING=1");
    assert!(runner.ended().success());
}

/// What a process has open, by its number.
fn descriptors(pid: impl std::fmt::Display) -> BTreeMap<usize, PathBuf> {
    let of = |entry: std::fs::DirEntry| {
        let number: usize = entry.file_name().to_str()?.parse().ok()?;
        Some((number, std::fs::read_link(entry.path()).ok()?))
    };
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten().filter_map(of).collect()
}

/// Each message took a descriptor: where processes and clients had all of them, the runner was silent, and was killed for it with
/// all of its processes.
#[test]
fn the_service_manager_hears_of_a_runner_without_descriptors() {
    let folder = Folder::new();
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_read_timeout(Some(LONG)).unwrap();
    folder.config(&format!("[group.a]\ncommand = {PATIENT}\nsettle = '1ms'\n"));
    let notify = folder.path("notify");
    let mut runner = Runner::in_folder(folder, |command| {
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    });
    let [worker] = runner.at_work("a", 1)[..] else { panic!() };
    runner.line_with("at work");
    // The socket is the runner's alone: a worker has no more sockets than this test has itself.
    let ours: Vec<PathBuf> = descriptors("self").into_values().collect();
    let is_socket = |open: &PathBuf| open.to_str().is_some_and(|open| open.starts_with("socket:"));
    let inherited = descriptors(worker).into_values().find(|open| is_socket(open) && !ours.contains(open));
    assert_eq!(inherited, None);

    // It may have hardly more than it has, and clients that say nothing take what is free. What it got from whoever started this test
    // may be far above.
    let pid = runner.child.id();
    let taken = |limit: usize| descriptors(pid).range(..limit).count();
    let limit = (3..).find(|limit| taken(*limit) < *limit).unwrap() + 4;
    let limited = Command::new("prlimit").arg(format!("--pid={pid}")).arg(format!("--nofile={limit}:")).status();
    assert!(limited.unwrap().success());
    let clients: Vec<UnixStream> =
        (0..20).map(|_| UnixStream::connect(runner.folder.path("runner.sock")).unwrap()).collect();
    until("its last descriptor", || taken(limit), |taken| *taken == limit);
    // What was sent before that says nothing.
    let mut room = [0; 200];
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut room).is_ok() {}
    manager.set_nonblocking(false).unwrap();
    let n = manager.recv(&mut room).unwrap();
    assert_eq!(text(&room[..n]), "WATCHDOG=1");
    let lines = runner.lines();
    assert!(!lines.iter().any(|line| line.contains("Too many open files")), "{lines:?}");
    drop(clients);
    runner.signal(Signal::SIGTERM);
    assert!(runner.ended().success());
}
