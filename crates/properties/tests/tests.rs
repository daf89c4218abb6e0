//! Properties that fail, each in a process of its own: what is told, and that it is told soon.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use properties::{properties, watch};
use proptest::prelude::*;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

const CHILD: &str = "PROPERTY_FAILS";

/// Runs this test once more, and tells how it ended and what it said. `None` in that second run.
fn run_again(test: &str) -> Option<(ExitStatus, String)> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command
        .env_remove("GEARMAN_CASES_FACTOR")
        .args(["--exact", test])
        .envs([(CHILD, "1"), ("PROPTEST_RNG_SEED", "17")])
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr].concat();
    Some((output.status, String::from_utf8(said).unwrap()))
}

properties! {
    cases: 100;

    fn is_small(n in 0..1000u32) {
        prop_assert!(n < 500);
    }
}

#[test]
fn a_failure_is_told_with_its_seed_and_inputs() {
    let again = || run_again("a_failure_is_told_with_its_seed_and_inputs");
    let Some((status, said)) = again() else { return is_small() };
    assert!(!status.success());
    for told in ["is_small: 100 cases, PROPTEST_RNG_SEED=17", "minimal failing input: n = 500"] {
        assert!(said.contains(told), "no {told:?} in {said}");
    }
    let successes = |said: &str| said.lines().find(|line| line.contains("successes:")).map(str::to_owned).unwrap();
    assert_eq!(successes(&again().unwrap().1), successes(&said), "another run with the same seed");
}

/// Tests hung like this for ever: a loop that never yields outlived its time limit, and went on beside all others.
#[test]
fn what_never_ends_ends_the_process() {
    let Some((status, said)) = run_again("what_never_ends_ends_the_process") else {
        let _watched = watch(Duration::from_millis(50));
        loop {
            std::hint::spin_loop();
        }
    };
    assert_eq!(status.signal(), Some(6), "{said}");
    assert!(said.contains("is still running after 50ms") && said.contains("PROPTEST_RNG_SEED=17 repeats it"), "{said}");
}
