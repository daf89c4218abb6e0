//! Random numbers that differ between processes, also between a process and what was forked from it.
//!
//! Owns how a generator is seeded. They are not hard to guess: nothing that is secret may be made of them.

use fastrand::Rng;
use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A generator of its own for the caller, who must not use it in a process that is forked later.
pub(crate) fn generator() -> Rng {
    // The system's random numbers are those of the parent still; two children may have been made at the same moment.
    let pid = std::process::id();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    Rng::with_seed(RandomState::new().hash_one((pid, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (mut one, mut other) = (generator(), generator());
        assert_ne!(one.u64(..), other.u64(..));
    }
}
