//! The unit of systemd, `contrib/gearman-runner.service`.

use crate::runner::Folder;
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
