//! Processes that die, crash, do not end, or start others.

use crate::runner::{PATIENT, Runner, kill_9, lives, until};
use nix::sys::signal::Signal;

#[test]
fn who_is_killed_is_replaced_and_the_others_stay() {
    let runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\nprocesses = 3\nsettle = '200ms'\n"));
    let before = runner.at_work("a", 3);
    kill_9(before[1]);
    runner.line_with(&format!("{} ended (SIGKILL)", before[1]));
    let after = runner.at_work("a", 3);
    assert_eq!(after[..2], [before[0], before[2]]);
    assert!(!before.contains(&after[2]));
    let group = runner.group("a", |_| true);
    assert_eq!((&group["state"], &group["counts"]["crashed"]), (&"ok".into(), &1.into()));
}

#[test]
fn a_crash_loop_is_slow_and_seen_and_goes_on_until_it_works() {
    let runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'test -e good || exit 3; exec sleep 1000']\nprocesses = 4\nsettle = '1s'\n",
    );
    let group = runner.group("a", |group| group["state"] == "failing");
    // Four at the start, then one at a time.
    let started = group["counts"]["started"].as_u64().unwrap();
    assert!((8..=9).contains(&started), "{group}");
    assert!(group["last_crash"].as_str().unwrap().contains("exit status 3"), "{group}");
    runner.line_with("error: it has crashed 5 times");
    runner.folder.write("good", "");
    runner.at_work("a", 4);
    let group = runner.group("a", |group| group["state"] == "ok");
    assert_eq!(group["crashing"], 0);
    runner.line_with("it does not crash any more");
}

/// It had not settled yet, and was waited for as if it were the one that is tried: of ten the others were started after that alone,
/// whatever the pause was.
#[test]
fn who_was_there_before_a_crash_keeps_nobody_from_starting() {
    // The first one stays, without settling; the others crash.
    let runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'mkdir first || exit 1; exec sleep 1000']\nprocesses = 2\nsettle = '1h'\n",
    );
    // Two at the start, then one after each pause.
    let group = runner.group("a", |group| group["counts"]["started"].as_u64() >= Some(4));
    assert!(group["crashing"].as_u64() >= Some(2), "{group}");
    assert!(group["starting"].as_u64() >= Some(1), "{group}");
}

/// Of many groups that crashed together some were not started again: their pause ended while others were being started, and nobody
/// waited for its end any more.
#[test]
fn each_of_many_groups_is_started_again() {
    let group = |n: u32| {
        let program = format!("test -e up.{n} || {{ touch up.{n}; exit 1; }}; echo works again; exec sleep 1000");
        format!("[group.g{n}]\ncommand = ['sh', '-c', '{program}']\nsettle = '1h'\n")
    };
    let runner = Runner::start(&(0..40).map(group).collect::<String>());
    // To ask it would wake it.
    until("all", || runner.lines(), |lines| lines.iter().filter(|l| l.ends_with("works again")).count() == 40);
}

#[test]
fn a_program_that_is_not_there_says_so() {
    let runner = Runner::start("[group.a]\ncommand = '/no/such/program'\n[group.b]\ncommand = 'sleep 1000'\n");
    runner.line_with("cannot run /no/such/program in ");
    runner.group("a", |group| group["last_crash"].as_str().is_some_and(|how| how.contains("exit status 127")));
    runner.at_work("b", 1);
}

#[test]
fn what_a_process_has_started_ends_with_it() {
    let runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'sleep 1000 & echo $! >pid.new; mv pid.new pid; wait']\nsettle = '200ms'\n",
    );
    let [pid] = runner.at_work("a", 1)[..] else { panic!() };
    let file = runner.folder.path("pid");
    until("its number", || file.exists(), |there| *there);
    let grandchild: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert!(lives(grandchild));
    kill_9(pid);
    until("its end", || lives(grandchild), |lives| !lives);
}

#[test]
fn an_end_in_peace() {
    let mut runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\nprocesses = 2\nsettle = '200ms'\n"));
    let pids = runner.at_work("a", 2);
    runner.signal(Signal::SIGTERM);
    assert_eq!(runner.ended().code(), Some(0));
    assert!(!pids.into_iter().any(lives));
    assert!(!runner.folder.path("runner.sock").exists());
    runner.line_with("all processes have ended");
}

#[test]
fn who_does_not_end_is_killed_and_that_is_told() {
    let stubborn =
        "command = ['sh', '-c', 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done']\nsettle = '200ms'\n";
    let mut runner = Runner::start(&format!("[group.a]\n{stubborn}stop-timeout = '300ms'\n"));
    let [pid] = runner.at_work("a", 1)[..] else { panic!() };
    runner.line_with("ready");
    runner.signal(Signal::SIGINT);
    assert_eq!(runner.ended().code(), Some(10));
    runner.line_with(&format!("{pid} does not end: killed"));
    assert!(!lives(pid));

    // A second signal does not wait.
    let mut runner = Runner::start(&format!("[group.a]\n{stubborn}stop-timeout = '1d'\n"));
    runner.at_work("a", 1);
    runner.line_with("ready");
    runner.signal(Signal::SIGTERM);
    runner.line_with("asked to end");
    runner.signal(Signal::SIGTERM);
    assert_eq!(runner.ended().code(), Some(10));
}

#[test]
fn processes_do_not_outlive_a_runner_that_was_killed() {
    let mut runner = Runner::start(&format!("[group.a]\ncommand = {PATIENT}\nprocesses = 2\nsettle = '200ms'\n"));
    let pids = runner.at_work("a", 2);
    until("their lines", || runner.lines(), |lines| lines.iter().filter(|l| l.ends_with("at work")).count() == 2);
    runner.signal(Signal::SIGKILL);
    runner.ended();
    until("their ends", || pids.iter().any(|pid| lives(*pid)), |lives| !lives);
}

#[test]
fn signals_are_passed_on() {
    let program = "trap 'echo got one' USR1; trap 'echo got two' USR2; echo ready; while :; do sleep 0.05; done";
    let runner = Runner::start(&format!("[group.a]\ncommand = ['sh', '-c', \"{program}\"]\nprocesses = 2\n"));
    until("both", || runner.lines(), |lines| lines.iter().filter(|line| line.ends_with("ready")).count() == 2);
    for (signal, text) in [(Signal::SIGUSR1, "got one"), (Signal::SIGUSR2, "got two")] {
        runner.signal(signal);
        until(text, || runner.lines(), |lines| lines.iter().filter(|line| line.ends_with(text)).count() == 2);
    }
}
