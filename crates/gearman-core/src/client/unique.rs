//! Unique keys for jobs that were given none, and keys made from the workload.
//!
//! Owns the generators of a client. Must never know the jobs: no key is remembered.

use crate::net::fork::Process;
use crate::protocol::message::Decimal;
use crate::random::generator;
use fastrand::Rng;

/// A job's key. Needs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique<'a> {
    /// As the user gave it, also where it is too long to be sent: [`crate::client::task::Ask`] refuses that.
    Given(&'a [u8]),
    /// Made up: a UUID.
    Made([u8; 36]),
    /// Made from the workload.
    Hash(Decimal),
}

impl AsRef<[u8]> for Unique<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Unique::Given(given) => given,
            Unique::Made(uuid) => uuid,
            Unique::Hash(number) => number.as_ref(),
        }
    }
}

/// Makes keys in the form of a UUID, version 4. They must differ but need not be hard to guess: so they come from generators
/// that are seeded once a process, not from a system call each.
#[derive(Debug, Default)]
pub(crate) struct Uniques {
    /// One for each half of a key, and the process that seeded them: after a fork both would make the same keys.
    random: Option<(Process, [Rng; 2])>,
}

impl Uniques {
    pub(crate) fn make(&mut self, process: Process) -> [u8; 36] {
        let seeded = self.random.take().filter(|(by, _)| *by == process);
        let seeded = seeded.unwrap_or_else(|| (process, [generator(), generator()]));
        let (_, [high, low]) = self.random.insert(seeded);
        let high = high.u64(..) & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = low.u64(..) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        uuid(high, low)
    }
}

fn uuid(high: u64, low: u64) -> [u8; 36] {
    /// Where each byte's digits are; in between are dashes.
    const AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    let mut text = [b'-'; 36];
    for i in 0..16 {
        text[AT[i]..AT[i] + 2].copy_from_slice(&HEX[usize::from(bytes[i])]);
    }
    text
}

/// The two digits of each byte.
static HEX: [[u8; 2]; 256] = {
    let (digits, mut all) = (b"0123456789abcdef", [[0; 2]; 256]);
    let mut i = 0;
    while i < 256 {
        all[i] = [digits[i >> 4], digits[i & 15]];
        i += 1;
    }
    all
};

/// What libgearman sends for the key `#`: the workload's MurmurHash3 (32 bits) in decimal, seeded
/// by its length (libhashkit's murmur3).
pub(crate) fn hash(workload: &[u8]) -> Decimal {
    Decimal::new(murmur3(workload, 0xdead_beef_u32.wrapping_mul(workload.len() as u32)).into())
}

fn murmur3(data: &[u8], seed: u32) -> u32 {
    let scramble = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, rest) = data.as_chunks::<4>();
    let mut h = blocks.iter().fold(seed, |h, block| {
        (h ^ scramble(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    if !rest.is_empty() {
        h ^= scramble(rest.iter().rev().fold(0, |k, b| k << 8 | u32::from(*b)));
    }
    h ^= data.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_differ_and_look_like_a_uuid() {
        let mut uniques = Uniques::default();
        let keys: HashSet<Vec<u8>> = (0..10_000).map(|_| uniques.make(Process::this()).to_vec()).collect();
        assert_eq!(keys.len(), 10_000);
        for key in keys {
            assert_eq!((key.len(), key[8], key[14], key[23]), (36, b'-', b'4', b'-'));
        }
        let key = uuid(0x0123_4567_89ab_4def, 0x8f01_2345_6789_abcd);
        assert_eq!(&key, b"01234567-89ab-4def-8f01-23456789abcd");
    }

    #[test]
    fn a_forked_process_makes_other_keys() {
        let mut parent = Uniques::default();
        parent.make(Process::this());
        let random = parent.random.clone().map(|(_, random)| (Process::default(), random));
        let mut child = Uniques { random };
        assert_ne!(parent.make(Process::this()), child.make(Process::this()));
    }

    #[test]
    fn murmur3_as_published() {
        assert_eq!(murmur3(b"", 0), 0);
        assert_eq!(murmur3(b"hello", 0), 0x248b_fa47);
        assert_eq!(murmur3(b"The quick brown fox jumps over the lazy dog", 0x9747_b28c), 0x2fa8_26cd);
    }
}
