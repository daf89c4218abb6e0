//! What is promised holds in many schedules of the model, and what is not done right breaks it.

use super::world::{FEW, explore, one_crash};
use crate::cluster::member::Wrong;
use std::time::Duration;

/// From the environment, else as given.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn promises_hold_in_all_schedules() {
    let first = number("MODEL_SEED", 0);
    // Without optimisation each takes twenty times as long.
    let usual = if cfg!(debug_assertions) { 100 } else { 3_000 };
    let (schedules, seconds) = (number("MODEL_SCHEDULES", usual), number("MODEL_SECONDS", 600));
    let seen = explore(first..first + schedules, Wrong::Nothing, Duration::from_secs(seconds));
    let seen = seen.unwrap_or_else(|bad| panic!("{bad}"));
    println!("{seen:?}");
    if seen.schedules < FEW {
        return;
    }
    assert!(seen.acknowledged > seen.submits / 2, "{seen:?}");
    assert!(seen.counts.doubts > 0 && seen.counts.lost > 0 && seen.again > 0, "{seen:?}");
}

/// Each mistake breaks a promise in one of the first schedules: this one, or whichever.
fn finds(wrong: Wrong, promise: &str) {
    finds_from(0, wrong, promise);
}

/// As [`finds`], for what the schedules before that one do not show: to walk through them takes long.
fn finds_from(first: u64, wrong: Wrong, promise: &str) {
    let found = explore(first..20_000, wrong, Duration::MAX);
    let found = found.err().unwrap_or_else(|| panic!("{wrong:?} was not found"));
    println!("{wrong:?}: {found}");
    assert!(found.contains(promise), "{found}");
}

#[test]
fn a_lease_that_counts_from_its_answer_is_found() {
    finds(Wrong::LeaseFromAnswer, "server");
}

#[test]
#[ignore = "a minute: by hand, with --release"]
fn a_write_that_is_not_read_back_is_found() {
    finds(Wrong::NoReadBack, "job");
}

#[test]
#[ignore = "a minute: by hand, with --release"]
fn a_claim_before_the_broker_has_agreed_is_found() {
    finds(Wrong::NoAgreement, "job");
}

#[test]
fn ends_that_are_not_fenced_are_found() {
    finds_from(550, Wrong::NoFence, "hands out job");
}

#[test]
fn writes_without_turns_are_found() {
    finds(Wrong::NoTurns, "");
}

#[test]
#[ignore = "a minute: by hand, with --release"]
fn a_submit_that_joins_any_job_is_found() {
    finds(Wrong::JoinsAny, "not run since");
}

#[test]
fn an_eldest_that_does_not_wait_for_the_death_of_others_is_found() {
    finds(Wrong::EldestTooSoon, "two servers are the eldest");
}

#[test]
fn an_eldest_that_stays_it_under_a_new_epoch_is_found() {
    finds(Wrong::StaysEldest, "two servers are the eldest");
}

#[test]
fn settings_that_go_back_are_found() {
    finds(Wrong::SettingsGoBack, "run");
}

#[test]
fn runs_of_an_epoch_that_another_writes_down_are_found() {
    finds(Wrong::RunsOutlive, "run");
}

#[test]
fn limits_that_are_not_looked_at_are_found() {
    finds(Wrong::NoLimit, "jobs");
}

#[test]
fn limits_of_each_server_alone_are_found() {
    finds(Wrong::LimitOfServer, "are owned, of which");
}

#[test]
fn rates_of_each_server_alone_are_found() {
    finds(Wrong::RateOfServer, "are claimed in");
}

#[test]
fn a_dead_servers_jobs_are_free_within_twelve_seconds() {
    for seed in 0..20 {
        let takeovers = one_crash(seed).unwrap();
        assert!(takeovers.iter().all(|after| *after <= Duration::from_secs(12)), "{takeovers:?}");
    }
}
