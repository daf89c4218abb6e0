//! As the first process of a pid namespace, as in a container.

use crate::runner::{Folder, Runner, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};

/// The words of a command that makes its program the first; `None` where that is not allowed.
fn unshare() -> Option<Command> {
    let words = || {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc"]);
        command
    };
    let tried = words().arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success()).then(words)
}

/// Those whose parent this is, with their states.
fn children(parent: u32) -> Vec<(i32, char)> {
    let of = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut rest = stat.rsplit_once(") ")?.1.split(' ');
        let state = rest.next()?.chars().next()?;
        (rest.next()? == parent.to_string()).then_some((pid, state))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
}

#[test]
fn it_buries_orphans_and_ends_as_asked() {
    let Some(mut command) = unshare() else {
        return eprintln!("skipped: no pid namespace may be made here");
    };
    let folder = Folder::new();
    // Orphans in sessions of their own, some of which outlive those who left them.
    folder.config(
        "[group.a]\ncommand = ['sh', '-c', \"trap 'exit 0' TERM; for n in 1 2 3 4 5; do setsid sh -c 'sleep 0.1 & sleep 0.2' & done; \
         echo pid $$ of $PPID; sleep 1000 & wait $!\"]\nprocesses = 2\nsettle = '500ms'\n",
    );
    command.arg(env!("CARGO_BIN_EXE_gearman-runner")).arg("--config").arg(folder.path("runner.toml"));
    let mut runner = Runner::of(folder, command);
    assert_eq!(runner.status()["pid"], 1);
    let inside = runner.at_work("a", 2);
    let line = runner.line_with("]: pid ");
    assert!(line.ends_with(" of 1"), "{line}");
    let [(first, _)] = children(runner.child.id())[..] else { panic!("{:?}", children(runner.child.id())) };
    let first = first as u32;
    // Their followers are two processes more, and nothing else is left.
    for _ in 0..3 {
        runner.ask("restart a").unwrap();
        runner.group("a", |group| group["processes"].as_array().unwrap().iter().all(|p| p["outdated"].is_null()));
    }
    until(
        "the orphans' ends",
        || children(first),
        |children| children.len() == 2 && children.iter().all(|c| c.1 != 'Z'),
    );
    assert_ne!(runner.at_work("a", 2), inside);
    kill(Pid::from_raw(first.cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(runner.ended().code(), Some(0));
    runner.line_with("all processes have ended");
}
