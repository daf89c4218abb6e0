//! What docs/operating.md and contrib/ ask operators to do.

use crate::process::{Folder, gearmand, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(project().join(file)).unwrap()
}

/// Whether these options are right, and the remarks about them.
fn check(options: &[&str]) -> (bool, String) {
    let output = gearmand().arg("--check-args").args(options).output().unwrap();
    (output.status.success(), stderr(&output))
}

#[test]
fn every_command_of_the_page_is_right() {
    let page = read("docs/operating.md");
    let commands: Vec<&str> = page.lines().filter_map(|line| line.trim_start().strip_prefix("gearmand ")).collect();
    assert!(commands.len() > 3);
    for command in commands {
        let options: Vec<&str> = command.split(' ').collect();
        assert_eq!(check(&options), (true, String::new()), "gearmand {command}");
    }
}

#[test]
fn the_table_of_flags_tells_the_truth() {
    let page = read("docs/operating.md");
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, flag, here, ..] = cells[..] else { panic!("{row}") };
        if !["works", "without effect", "refused"].contains(&here) {
            continue;
        }
        rows += 1;
        let conf = format!("--config-file={}", project().join("contrib/gearmand.conf").display());
        let mut parts = flag.trim_matches('`').split(' ');
        let option = match (parts.next().unwrap(), parts.next()) {
            ("--config-file", _) => conf,
            ("--acl", _) => format!("--acl={}", project().join("contrib/acl.toml").display()),
            ("--policy-file", _) => format!("--policy-file={}", project().join("contrib/policies.toml").display()),
            ("--peer", _) => "--peer=127.0.0.1:4730".into(),
            ("--http-listen", _) => "--http-listen=127.0.0.1:0".into(),
            ("--http-token-file", _) => {
                format!("--http-token-file={}", project().join("contrib/http-tokens.toml").display())
            }
            (name, None) => name.to_owned(),
            (name, Some("LEVEL")) => format!("{name}=INFO"),
            (name, Some(value)) if value.chars().all(char::is_uppercase) => format!("{name}=1"),
            (name, Some(value)) => format!("{name}={value}"),
        };
        let beside: &[&str] = match flag {
            "`--http-port N`" => &["--listen=127.0.0.1"],
            "`--http-token-file FILE`" => &["--http-listen=127.0.0.1:0"],
            _ => &[],
        };
        let (well, remarks) = check(&[&[option.as_str()], beside].concat());
        let found = match (well, remarks.is_empty()) {
            (true, true) => "works",
            (true, false) if remarks.ends_with(" is without effect\n") => "without effect",
            (true, false) => "works otherwise",
            (false, _) => "refused",
        };
        assert_eq!(found, here, "{option}: {remarks}");
    }
    assert!(rows > 25, "{rows}");
}

#[test]
fn the_example_of_a_configuration_is_taken() {
    let file = project().join("contrib/gearmand.conf");
    assert_eq!(check(&["--config-file", file.to_str().unwrap()]), (true, String::new()));
}

/// Each of them alone.
#[test]
fn the_examples_of_queues_are_taken() {
    let (folder, examples) = (Folder::new("queues-conf"), read("contrib/queues.conf"));
    let mut taken = 0;
    for example in examples.split("\n\n").filter(|example| example.contains("#--")) {
        let options: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix('#')).collect();
        let options: Vec<&str> = options.into_iter().filter(|line| line.starts_with("--")).collect();
        let file = folder.file("conf");
        std::fs::write(&file, options.join("\n")).unwrap();
        assert_eq!(check(&["--config-file", &file]), (true, String::new()), "{example}");
        taken += 1;
    }
    assert_eq!(taken, 3);
}

#[test]
fn systemd_takes_the_units() {
    let folder = Folder::new("unit");
    let unit = read("contrib/gearmand.service");
    let ours = unit.replace("/usr/local/bin/gearmand", env!("CARGO_BIN_EXE_gearmand"));
    assert_ne!(unit, ours);
    let file = folder.file("gearmand.service");
    std::fs::write(&file, ours).unwrap();
    let sockets = folder.file("gearmand.socket");
    std::fs::write(&sockets, read("contrib/gearmand.socket")).unwrap();
    match Command::new("systemd-analyze").args(["verify", "--man=no", &file, &sockets]).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output)),
        Err(_) => eprintln!("skipped: there is no systemd-analyze"),
    }
    // A server with a long queue never started: systemd killed it after its 90 seconds, while it read.
    assert!(unit.contains("\nType=notify\n") && unit.contains("\nTimeoutStartSec=infinity\n"));
    // With a limit, systemd kills the server after a drain that takes longer.
    assert!(unit.contains("\nKillSignal=SIGUSR1\nTimeoutStopSec=infinity\n"));
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/gearmand ")).unwrap();
    assert_eq!(check(&command.split(' ').collect::<Vec<_>>()), (true, String::new()));
}
