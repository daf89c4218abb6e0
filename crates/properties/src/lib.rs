//! How property tests are run: a failure is reported within seconds, with what repeats it.
//!
//! [`properties!`] is `proptest!` with three things more. Shrinking is bounded, by time above all: a case that hangs
//! fails after seconds only, and so does each smaller one. A case that does not end ends the process, because nothing
//! else ends a loop that never yields. And a seed is printed, which draws the same cases again:
//! `PROPTEST_RNG_SEED=… cargo test …`. `GEARMAN_CASES_FACTOR=100` draws that many times the cases.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it is the tests that print, and the test harness that shows it")]

#[doc(hidden)]
pub use proptest;
use proptest::test_runner::{Config, RngSeed};
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Far beyond what any case takes on a busy machine.
pub const LONGEST_CASE: Duration = Duration::from_secs(60);

/// Properties as `proptest!` takes them, after the number of cases.
///
/// ```text
/// properties! {
///     cases: 256;
///
///     #[test]
///     fn halves_are_smaller(n in 1..1000u32) {
///         prop_assert!(n / 2 < n);
///     }
/// }
/// ```
#[macro_export]
macro_rules! properties {
    (cases: $cases:expr; $($(#[$meta:meta])* fn $name:ident($($arguments:tt)+) $body:block)*) => {
        $($crate::proptest::proptest! {
            #![proptest_config($crate::config(stringify!($name), $cases))]
            $(#[$meta])*
            fn $name($($arguments)+) {
                let _watched = $crate::watch($crate::LONGEST_CASE);
                $body
            }
        })*
    };
}

/// For [`properties!`]: so many cases, times `GEARMAN_CASES_FACTOR`.
pub fn config(name: &str, cases: u32) -> Config {
    let factor = std::env::var("GEARMAN_CASES_FACTOR").map_or(Ok(1), |factor| factor.parse());
    let cases = cases.saturating_mul(factor.unwrap_or_else(|e| fail(&format!("GEARMAN_CASES_FACTOR: {e}"))));
    println!("{name}: {cases} cases, PROPTEST_RNG_SEED={}", seed());
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed()),
        max_shrink_iters: 1000,
        max_shrink_time: 5000, // milliseconds
        failure_persistence: None,
        ..Config::default()
    }
}

/// The same for all properties of the process.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed, // of the environment
        RngSeed::Random => RandomState::new().hash_one(()),
    })
}

/// Ends the process unless it is dropped in time.
#[must_use = "what is watched lasts as long as this"]
pub struct Watched(#[allow(dead_code, reason = "dropping it is what tells")] Sender<Infallible>);

/// Watches what the caller does from here on. A test that does not end would take a processor for as long as the
/// tests run, and look like a slow one.
pub fn watch(limit: Duration) -> Watched {
    let (running, ended) = channel();
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let seed = seed();
            fail(&format!(
                "{name} is still running after {limit:?}, and nothing stops it. PROPTEST_RNG_SEED={seed} repeats it."
            ));
        }
    });
    Watched(running)
}

/// Past the test harness, which would show it only once the test has ended.
fn fail(text: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "\n{text}");
    std::process::abort();
}
