//! New configurations, and new programs.

use crate::runner::{PATIENT, Runner, lives, until};
use nix::sys::signal::Signal;

fn group(processes: u32, word: &str) -> String {
    let program = format!("trap 'exit 0' TERM; echo {word}; sleep 1000 & wait $!");
    format!("[group.a]\ncommand = [\"sh\", \"-c\", \"{program}\"]\nprocesses = {processes}\nsettle = '200ms'\n")
}

/// How many there were at least, from the first moment at which there were so many, and at most; by what was written.
fn fewest_and_most(runner: &Runner, enough: i32) -> (i32, i32) {
    let (mut now, mut fewest, mut most) = (0, i32::MAX, 0);
    for line in runner.lines() {
        now += i32::from(line.ends_with(" started")) - i32::from(line.contains(" ended ("));
        most = most.max(now);
        if most >= enough {
            fewest = fewest.min(now);
        }
    }
    (fewest, most)
}

#[test]
fn all_are_replaced_and_there_are_never_fewer() {
    let runner = Runner::start(&group(3, "one"));
    let before = runner.at_work("a", 3);
    runner.folder.config(&group(3, "two"));
    runner.signal(Signal::SIGHUP);
    runner.line_with("all processes are replaced");
    let after = runner.group("a", |group| {
        let processes = group["processes"].as_array().unwrap();
        processes.len() == 3 && processes.iter().all(|p| !before.contains(&(p["pid"].as_i64().unwrap() as i32)))
    });
    assert_eq!(after["counts"]["stopped"], 3);
    assert!(!before.into_iter().any(lives));
    // Lines come after what they tell of.
    let count = |text: &str| runner.lines().iter().filter(|line| line.contains(text)).count();
    until("all lines", || (count(" ended ("), count("]: two")), |counts| *counts == (3, 3));
    assert_eq!(fewest_and_most(&runner, 3), (3, 4));
}

#[test]
fn groups_come_and_go() {
    let runner = Runner::start(&format!("[group.old]\ncommand = {PATIENT}\n{}", group(1, "one")));
    let old = runner.at_work("old", 1);
    runner.folder.config(&format!("[group.young]\ncommand = {PATIENT}\nsettle = '1ms'\n{}", group(2, "one")));
    runner.ask("reload").unwrap();
    runner.at_work("young", 1);
    runner.at_work("a", 2);
    runner.line_with(&format!("{} ended (exit status 0)", old[0]));
    until("its end", || runner.status()["groups"].as_array().unwrap().len(), |n| *n == 2);
}

/// A group that was renamed by mistake had no more processes, once its name was right again, than those of before left room for
/// until they had ended their jobs.
#[test]
fn a_group_that_comes_back_does_not_wait_for_its_old_processes() {
    let busy = "trap 'until [ -e done ]; do sleep 0.05; done; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let config = |name| {
        format!(
            "[group.{name}]\ncommand = [\"sh\", \"-c\", \"{busy}\"]\nprocesses = 3\nsettle = '200ms'\nstop-timeout = '1d'\n"
        )
    };
    let runner = Runner::start(&config("mail"));
    let old = runner.at_work("mail", 3);
    until("all traps", || runner.lines(), |lines| lines.iter().filter(|line| line.ends_with("ready")).count() == 3);
    for name in ["mial", "mail"] {
        runner.folder.config(&config(name));
        runner.ask("reload").unwrap();
    }
    let group = runner.group("mail", |group| group["running"] == 3);
    assert_eq!((&group["stopping"], &group["counts"]["started"]), (&3.into(), &6.into()), "{group}");
    assert!(old.into_iter().all(lives));
    runner.folder.write("done", "");
    runner.at_work("mail", 3);
}

/// The old one was sent the signal of the new program, which ended it in the midst of its job.
#[test]
fn a_process_is_asked_to_end_as_when_it_was_started_and_has_the_time_of_now() {
    let config = |signal: &str, timeout: &str| {
        let program = format!(
            "trap 'until [ -e done ]; do sleep 0.05; done; echo ends its job; exit 0' {signal}; echo heeds {signal}; while :; do sleep 0.05; done"
        );
        format!(
            "[group.a]\ncommand = [\"sh\", \"-c\", \"{program}\"]\nstop-signal = '{signal}'\nstop-timeout = '{timeout}'\nsettle = '200ms'\n"
        )
    };
    let runner = Runner::start(&config("TERM", "1ms"));
    let [old] = runner.at_work("a", 1)[..] else { panic!() };
    runner.line_with("heeds TERM");
    runner.folder.config(&config("USR1", "1d"));
    runner.ask("reload").unwrap();
    runner.group("a", |group| group["running"] == 1 && group["stopping"] == 1);
    runner.folder.write("done", "");
    runner.line_with(&format!("a[{old}]: ends its job"));
    runner.line_with(&format!("{old} ended (exit status 0)"));
    let [new] = runner.at_work("a", 1)[..] else { panic!() };
    assert_ne!(new, old);
}

#[test]
fn a_bad_configuration_changes_nothing_and_is_shown() {
    let runner = Runner::start(&format!("metrics = '127.0.0.1:0'\n{}", group(2, "one")));
    let before = runner.at_work("a", 2);
    runner.folder.config("[group.a]\ncomand = 'x'\n");
    runner.signal(Signal::SIGHUP);
    let line = runner.line_with("error: not reloaded: ");
    assert!(line.contains("runner.toml:3:1: unknown field `comand`, expected one of `command`"), "{line}");
    assert_eq!(runner.at_work("a", 2), before);
    assert!(runner.status()["config_error"].as_str().unwrap().contains("comand"));
    assert!(runner.ask("status").unwrap().contains("not reloaded: "));
    let refused = runner.ask("reload").unwrap_err();
    assert!(refused.contains("runner.toml:3:1:"), "{refused}");
    runner.folder.config(&group(2, "two"));
    runner.ask("reload").unwrap();
    assert!(runner.status()["config_error"].is_null());
}

#[test]
fn what_does_not_start_replaces_nobody() {
    // Long enough for a crash on a busy machine.
    let slow = |word| group(2, word).replace("200ms", "1s");
    let runner = Runner::start(&slow("one"));
    let before = runner.at_work("a", 2);
    runner.folder.config(&slow("one").replace("sleep 1000", "exit 7; "));
    runner.ask("reload").unwrap();
    runner.group("a", |group| group["state"] == "failing");
    assert!(before.iter().all(|pid| lives(*pid)));
    runner.folder.config(&slow("two"));
    runner.ask("reload").unwrap();
    runner.group("a", |group| group["state"] == "ok" && group["counts"]["stopped"] == 2);
    runner.at_work("a", 2);
}

/// What changed right behind a start or a reload was missed: the files were looked at for the first time a moment later.
#[test]
fn changed_files() {
    let config = format!("{}watch = 'src'\n[group.b]\ncommand = {PATIENT}\nsettle = '1ms'\n", group(1, "one"));
    let folder = crate::runner::Folder::new();
    std::fs::create_dir(folder.path("src")).unwrap();
    folder.config(&config);
    let runner = Runner::in_folder(folder, |_| {});
    let (before, others) = (runner.at_work("a", 1), runner.at_work("b", 1));
    runner.folder.write("src/a.php", "<?php");
    runner.line_with("a: all processes are replaced: changed files");
    runner.line_with(&format!("{} ended", before[0]));
    assert_ne!(runner.at_work("a", 1), before);
    assert_eq!(runner.at_work("b", 1), others);
    runner.ask("reload").unwrap();
    runner.folder.write("src/a.php", "<?php //");
    let changes = || runner.lines().iter().filter(|line| line.contains("replaced: changed files")).count();
    until("the second change", changes, |n| *n == 2);
}
