//! What processes write, and what they are given.

use crate::runner::{Folder, Runner, kill_9, lives, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

#[test]
fn lines_have_the_names_of_their_processes() {
    let runner = Runner::start(
        r#"[group.a]
command = ['sh', '-c', 'echo out; echo err >&2; printf "no end"; printf "\033[31m\377\n" >&2; sleep 1000']
[group.b]
command = ['sh', '-c', 'head -c 100000 /dev/zero | tr "\0" x; echo; sleep 1000']
"#,
    );
    let pid = runner.group("a", |group| group["processes"][0]["pid"].is_u64())["processes"][0]["pid"].clone();
    for text in ["out", "err", "\\x1b[31m\\xff"] {
        runner.line_with(&format!("a[{pid}]: {text}"));
    }
    let long = || runner.lines().into_iter().filter(|line| line.contains(" b[")).map(|line| line.len()).collect();
    let long: Vec<usize> = until("all of it", long, |lines: &Vec<usize>| lines.len() == 7);
    assert!(long.iter().all(|length| *length < 17_000), "{long:?}");
    assert!(!runner.lines().iter().any(|line| line.contains("no end")));
    runner.ask("restart a").unwrap();
    // The process ends, and with it its last line.
    runner.line_with("]: no end");
}

#[test]
fn json() {
    let runner =
        Runner::start("log = 'json'\n[group.a]\ncommand = ['sh', '-c', 'echo \"a \\\"b\\\"\" >&2; sleep 1000']\n");
    let line = runner.line_with("stderr");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json!([line["group"], line["stream"], line["text"]]), json!(["a", "stderr", "a \"b\""]));
    assert!(runner.lines().iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{:?}", runner.lines());
}

#[test]
fn what_a_process_is_given() {
    let runner = Runner::start(
        r#"[group.a]
command = ['sh', '-c', 'echo "$PWD $APP_ENV $GEARMAN_RUNNER_GROUP $GEARMAN_RUNNER_ID $NOTIFY_SOCKET"; cat; echo err >&2; sleep 1000']
directory = "/"
env = { APP_ENV = "prod" }
stderr = "/dev/null"
[group.b]
command = ['sh', '-c', 'echo to a file; sleep 1000']
stdout = "b.log"
"#,
    );
    let id = runner.group("a", |group| group["processes"][0]["id"].is_string())["processes"][0]["id"].clone();
    runner.line_with(&format!("]: / prod a {}", id.as_str().unwrap()));
    let file = runner.folder.path("b.log");
    until("b.log", || std::fs::read_to_string(&file).unwrap_or_default(), |text| text == "to a file\n");
    assert!(!runner.lines().iter().any(|line| line.ends_with("err")));
}

/// Why there was no program went nowhere, too: all that was told was an exit status.
#[test]
fn what_a_program_says_goes_nowhere_but_not_why_there_is_none() {
    let runner = Runner::start(
        r#"[group.a]
command = '/no/such/program'
stderr = 'null'
[group.b]
command = ['sh', '-c', 'echo "this is $$"; exec sleep 1000']
stderr = 'null'
"#,
    );
    runner.line_with("]: gearman-runner: cannot run /no/such/program in ");
    let line = runner.line_with("]: this is ");
    let pid = line.rsplit(' ').next().unwrap();
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/fd/2")).unwrap(), Path::new("/dev/null"));
}

/// The runner ended together with the last process, and what was in the pipes by then was lost: the reason of an end, for example.
#[test]
fn last_lines() {
    let program = "trap 'seq 1 500; echo last; exit 0' TERM; echo first; sleep 1000 & wait $!";
    let mut runner = Runner::start(&format!("[group.a]\ncommand = [\"sh\", \"-c\", \"{program}\"]\nprocesses = 4\n"));
    let count = |text: &str| runner.lines().iter().filter(|line| line.ends_with(text)).count();
    until("all of them", || count("]: first"), |n| *n == 4);
    runner.signal(Signal::SIGTERM);
    assert!(runner.ended().success());
    let all = || runner.lines().iter().filter(|line| line.contains(" a[")).count();
    until("all lines", all, |n| *n == 4 * 502);
}

/// Whoever writes waits; who supervises does not.
#[test]
fn output_that_nobody_reads() {
    let folder = Folder::new();
    folder.config("[group.a]\ncommand = 'yes'\nprocesses = 2\nsettle = '100ms'\nstop-timeout = '100ms'\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
    command.arg("--config").arg(folder.path("runner.toml")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut runner = Runner { child: command.spawn().unwrap(), folder, lines: Arc::default() };
    until("the socket", || runner.ask_once("status").is_some(), |there| *there);
    let before = runner.at_work("a", 2);
    // It sleeps, as nobody takes what it writes.
    let sleeps = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") S ");
    let all_sleep = || (0..20).all(|_| before.iter().all(sleeps));
    until("both wait", all_sleep, |sleep| *sleep);
    kill_9(before[0]);
    until("another one", || runner.at_work("a", 2), |after| after[0] == before[1]);
    runner.signal(Signal::SIGTERM);
    assert!(runner.ended().code().is_some());
    assert!(!before.into_iter().any(lives));
}

/// A second after its process had ended the rest was dropped, and with it why it had.
#[test]
fn last_lines_wait_for_whoever_reads_the_log() {
    const LINES: usize = 500;
    let runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'seq -f \"it does not work because of reasons of which this is number %g\" 500; exit 1']\n",
    );
    let nobody_reads = runner.lines.lock().unwrap();
    // Their pauses take longer than that second.
    runner.group("a", |group| group["counts"]["crashed"].as_u64() >= Some(6));
    drop(nobody_reads);
    let by_process = || {
        let mut processes = BTreeMap::<String, usize>::new();
        for line in runner.lines().iter().filter_map(|line| line.split_once(": it does not work")) {
            *processes.entry(line.0.rsplit(' ').next().unwrap().into()).or_default() += 1;
        }
        processes
    };
    until("all lines", by_process, |lines| lines.len() >= 7 && lines.values().filter(|n| **n < LINES).count() <= 1);
}

/// Nor does it where a named pipe has no reader yet.
#[test]
fn a_pipe_that_nobody_reads() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    folder.config(
        "[group.a]\ncommand = ['sh', '-c', 'echo to a pipe; exec sleep 1000']\nstdout = 'pipe'\nsettle = '100ms'\n",
    );
    let mut runner = Runner::in_folder(folder, |_| {});
    runner.at_work("a", 1);
    let mut line = String::new();
    BufReader::new(File::open(runner.folder.path("pipe")).unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "to a pipe\n");
    runner.signal(Signal::SIGTERM);
    assert_eq!(runner.ended().code(), Some(0));
}

#[test]
fn another_user() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can run programs as somebody else");
    }
    let mut runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'echo \"$(id -u) $(id -G) $USER $HOME\"; sleep 1000']\nuser = 'nobody'\ndirectory = '/'\n",
    );
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let line = format!("]: {} {} nobody {}", nobody.uid, nobody.gid, nobody.dir.display());
    let [pid] = runner.at_work("a", 1)[..] else { panic!() };
    runner.line_with(&line);
    assert_eq!(std::fs::metadata(format!("/proc/{pid}")).unwrap().uid(), nobody.uid.as_raw());
    // It still hears of the runner's end.
    runner.signal(Signal::SIGKILL);
    runner.ended();
    until("its end", || lives(pid), |lives| !lives);
}

/// Root opened it all: a worker that put a link in the place of its log, to a file in /etc/cron.d for example, had root write there.
#[test]
fn links_of_the_user_lead_root_nowhere() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can run programs as somebody else");
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let folder = Folder::new();
    folder.write("secret", "secret\n");
    // One of its own, and one of root's with a link to that.
    std::fs::create_dir(folder.path("own")).unwrap();
    chown(folder.path("own"), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    symlink(folder.path("secret"), folder.path("own/link")).unwrap();
    symlink("own/link", folder.path("chain")).unwrap();
    let group = |name: &str, sink: &str, file: &str| {
        let file = folder.path(file);
        format!(
            "[group.{name}]\ncommand = ['sh', '-c', 'echo text; echo text >&2; exec sleep 1000']\nuser = 'nobody'\n\
             directory = '/'\nsettle = '100ms'\n{sink} = {file:?}\n"
        )
    };
    let groups = [
        group("link", "stdout", "own/link"),
        group("chain", "stderr", "chain"),
        group("theirs", "stderr", "own/log"),
        group("ours", "stdout", "log"),
    ];
    folder.config(&groups.concat());
    let runner = Runner::in_folder(folder, |_| {});
    for (name, file) in [("link", "own/link"), ("chain", "chain")] {
        let file = runner.folder.path(file);
        let told =
            format!("]: gearman-runner: {}, with the rights of the group's user: Permission denied", file.display());
        let of_group = |line: &String| line.contains(&format!(" {name}[")) && line.contains(&told);
        until(&told, || runner.lines(), |lines| lines.iter().any(of_group));
    }
    runner.at_work("theirs", 1);
    runner.at_work("ours", 1);
    for (file, owner) in [("own/log", nobody.uid.as_raw()), ("log", 0)] {
        let path = runner.folder.path(file);
        until(file, || std::fs::read_to_string(&path).unwrap_or_default(), |text| text == "text\n");
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), owner, "{file}");
    }
    assert_eq!(std::fs::read_to_string(runner.folder.path("secret")).unwrap(), "secret\n");
}

/// With `stderr = "null"` it was told nowhere why a file could not be opened, and to `--check-config` the file was good: so it was with logs
/// in the user's folder that root had made.
#[test]
fn a_file_that_the_user_may_not_write_is_told_of() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can run programs as somebody else");
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let folder = Folder::new();
    std::fs::create_dir(folder.path("own")).unwrap();
    chown(folder.path("own"), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    folder.write("own/of-root", "");
    let group = |name: &str, file: &str| {
        let file = folder.path(file);
        format!(
            "[group.{name}]\ncommand = 'sleep 1000'\nuser = 'nobody'\ndirectory = '/'\nsettle = '100ms'\n\
             stdout = {file:?}\nstderr = 'null'\n"
        )
    };
    folder.config(&[group("good", "own/log"), group("bad", "own/of-root")].concat());
    let file = folder.path("own/of-root");
    let told = format!("{}, with the rights of the group's user: Permission denied", file.display());
    let mut check = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
    let check = check.arg("--config").arg(folder.path("runner.toml")).arg("--check-config").output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success() && said.lines().count() == 1, "{said}");
    assert!(said.contains(&format!("[group.bad]: {told}")), "{said}");
    assert!(!folder.path("own/log").exists(), "it only looks");
    let runner = Runner::in_folder(folder, |_| {});
    runner.line_with(&format!("]: gearman-runner: {told}"));
    runner.at_work("good", 1);
    until("its file", || runner.folder.path("own/log").exists(), |there| *there);
}
