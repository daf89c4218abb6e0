//! The unit of systemd, `contrib/gearman-runner.service`.

use crate::runner::{Folder, Runner};
use std::process::Command;

fn unit() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contrib/gearman-runner.service");
    std::fs::read_to_string(file).unwrap()
}

/// What it says behind this key.
fn setting(key: &str) -> Option<String> {
    unit().lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
}

#[test]
fn systemd_takes_it() {
    let (folder, unit) = (Folder::new(), unit());
    let ours = unit.replace("/usr/local/bin/gearman-runner", env!("CARGO_BIN_EXE_gearman-runner"));
    assert_ne!(unit, ours);
    folder.write("gearman-runner.service", &ours);
    let file = folder.path("gearman-runner.service");
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(file).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(_) => eprintln!("skipped: there is no systemd-analyze"),
    }
}

/// systemd stopped the runner, and all that it kept running, when the system had killed one process of them.
#[test]
fn who_is_killed_for_want_of_memory_takes_nobody_along() {
    assert_eq!(setting("OOMPolicy").as_deref(), Some("continue"));
}

/// It had been told to end; but one of its processes was killed for it, which was a failure like any other, and systemd started it
/// again.
#[test]
fn who_was_told_to_end_is_not_started_again() {
    let stubborn = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut runner =
        Runner::start(&format!("[group.a]\ncommand = ['sh', '-c', \"{stubborn}\"]\nstop-timeout = '100ms'\n"));
    runner.line_with("ready");
    runner.ask("stop").unwrap();
    let status = runner.ended().code().map(|code| code.to_string());
    assert_eq!(setting("Restart").as_deref(), Some("on-failure"));
    assert_eq!(setting("RestartPreventExitStatus"), status);

    // One that cannot start is, as its file may be there in a moment.
    let missing =
        Command::new(env!("CARGO_BIN_EXE_gearman-runner")).args(["--config", "/no/such/file"]).output().unwrap();
    assert_ne!(missing.status.code().map(|code| code.to_string()), status);
}
