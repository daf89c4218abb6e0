//! Unique keys that count as taken for a while after their jobs have ended well. Pure, and in memory only.
//!
//! Owns the keys, by function, each with the number of its job and its end. Knows nothing of policies and of jobs that are not
//! over.
//!
//! What always holds: a key is there once; each has its place in `ends`; there are at most [`MOST`], and the one that would
//! end first goes for another.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Most keys.
pub(crate) const MOST: usize = 100_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct TakenKeys {
    functions: HashMap<u32, HashMap<Arc<[u8]>, Taken>>,
    /// By when they are free again and the numbers of their jobs.
    ends: BTreeMap<(Duration, u64), Place>,
    hashers: [RandomState; 2],
}

/// A function, and a key.
type Place = (u32, Arc<[u8]>);

#[derive(Debug)]
struct Taken {
    number: u64,
    /// When its job ended.
    ended: Duration,
    until: Duration,
}

impl TakenKeys {
    /// What stands for a unique key. For `-`, which stands for the workload, that is two keyed hashes of it: nobody can look for two
    /// workloads that have both in common. No other key has a NUL in it.
    fn key<'a>(&self, unique: &'a [u8], workload: &[u8]) -> Option<Cow<'a, [u8]>> {
        match unique {
            b"" => None,
            b"-" if workload.is_empty() => None,
            b"-" => {
                let [one, other] = self.hashers.each_ref().map(|hasher| hasher.hash_one(workload).to_ne_bytes());
                Some(Cow::Owned([&b"-\0"[..], &one, &other].concat()))
            }
            _ => Some(Cow::Borrowed(unique)),
        }
    }

    /// The key of a job that has ended well is taken for a time. False: it has none.
    pub(crate) fn insert(
        &mut self,
        now: Duration,
        function: u32,
        key: (&[u8], &[u8]),
        number: u64,
        time: Duration,
    ) -> bool {
        let Some(key) = self.key(key.0, key.1) else { return false };
        self.remove(function, &key);
        while self.ends.len() >= MOST {
            self.pop();
        }
        let key: Arc<[u8]> = key.into();
        let until = now + time;
        self.ends.insert((until, number), (function, key.clone()));
        self.functions.entry(function).or_default().insert(key, Taken { number, ended: now, until });
        true
    }

    /// All keys of a function are taken for this time since their jobs ended.
    pub(crate) fn set_time(&mut self, function: u32, time: Duration) {
        let Some(of) = self.functions.get_mut(&function) else { return };
        for taken in of.values_mut() {
            let Some(place) = self.ends.remove(&(taken.until, taken.number)) else { continue };
            taken.until = taken.ended + time;
            self.ends.insert((taken.until, taken.number), place);
        }
    }

    /// The number of the job that has ended well and whose key this still is.
    pub(crate) fn get(&self, now: Duration, function: u32, unique: &[u8], workload: &[u8]) -> Option<u64> {
        let of = self.functions.get(&function)?;
        let taken = of.get(&*self.key(unique, workload)?)?;
        (taken.until > now).then_some(taken.number)
    }

    fn remove(&mut self, function: u32, key: &[u8]) {
        let Some(of) = self.functions.get_mut(&function) else { return };
        if let Some(taken) = of.remove(key) {
            self.ends.remove(&(taken.until, taken.number));
        }
        if of.is_empty() {
            self.functions.remove(&function);
        }
    }

    /// The one that is free first is free now.
    fn pop(&mut self) {
        if let Some((_, (function, key))) = self.ends.pop_first() {
            self.remove(function, &key);
        }
    }

    /// When the next one is free again.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.ends.first_key_value().map(|((until, _), _)| *until)
    }

    /// Drops up to so many that are free again.
    pub(crate) fn sweep(&mut self, now: Duration, most: usize) {
        for _ in 0..most {
            if self.next().is_none_or(|until| until > now) {
                return;
            }
            self.pop();
        }
    }

    /// A function is no more.
    pub(crate) fn forget(&mut self, function: u32) {
        for (_, taken) in self.functions.remove(&function).into_iter().flatten() {
            self.ends.remove(&(taken.until, taken.number));
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn check(&self) {
        let keys: usize = self.functions.values().map(HashMap::len).sum();
        assert_eq!(keys, self.ends.len());
        assert!(keys <= MOST && self.functions.values().all(|of| !of.is_empty()));
        for ((until, number), (function, key)) in &self.ends {
            let taken = &self.functions[function][key];
            assert_eq!((taken.until, taken.number), (*until, *number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_is_taken_until_its_time_is_over() {
        let mut keys = TakenKeys::default();
        assert!(keys.insert(s(0), 1, (b"k", b"x"), 7, s(10)));
        assert!(keys.insert(s(5), 2, (b"k", b"x"), 8, s(15)));
        assert!(keys.insert(s(5), 1, (b"-", b"x"), 9, s(10)));
        for (key, number) in [((1, &b"k"[..], &b"y"[..]), Some(7)), ((2, b"k", b""), Some(8)), ((3, b"k", b"x"), None)]
        {
            assert_eq!(keys.get(s(9), key.0, key.1, key.2), number);
        }
        assert_eq!(keys.get(s(9), 1, b"-", b"x"), Some(9));
        assert_eq!(keys.get(s(9), 1, b"-", b"y"), None);
        assert_eq!((keys.get(s(10), 1, b"k", b""), keys.get(s(10), 2, b"k", b"")), (None, Some(8)));
        // Another job of this key has ended meanwhile.
        assert!(keys.insert(s(10), 1, (b"k", b""), 11, s(20)));
        assert_eq!((keys.get(s(10), 1, b"k", b""), keys.next()), (Some(11), Some(s(15))));
        keys.check();
        keys.sweep(s(20), 100);
        keys.check();
        assert_eq!((keys.next(), keys.get(s(0), 1, b"-", b"x")), (Some(s(30)), None));
        keys.forget(1);
        assert_eq!(keys.next(), None);
    }

    #[test]
    fn a_time_that_is_changed_counts_from_the_end_of_the_job() {
        let mut keys = TakenKeys::default();
        for n in 1..=3u8 {
            keys.insert(s(n.into()), 1, (&[n], b""), n.into(), s(100));
        }
        keys.insert(s(1), 2, (b"k", b""), 4, s(100));
        let taken = |keys: &TakenKeys, now| [1, 2, 3u8].map(|n| keys.get(s(now), 1, &[n], b"").is_some());
        keys.set_time(1, s(10));
        keys.check();
        assert_eq!((taken(&keys, 12), keys.next()), ([false, false, true], Some(s(11))));
        keys.set_time(1, s(20));
        keys.check();
        assert_eq!((taken(&keys, 12), taken(&keys, 21)), ([true; 3], [false, true, true]));
        keys.sweep(s(1000), 3);
        assert_eq!((taken(&keys, 12), keys.next()), ([false; 3], Some(s(101))), "the other function's is as it was");
    }

    #[test]
    fn no_key() {
        let mut keys = TakenKeys::default();
        assert!(!keys.insert(s(0), 1, (b"", b"x"), 1, s(10)));
        assert!(!keys.insert(s(0), 1, (b"-", b""), 2, s(10)));
        assert_eq!((keys.get(s(0), 1, b"", b"x"), keys.next()), (None, None));
    }

    #[test]
    fn so_many_and_no_more() {
        let mut keys = TakenKeys::default();
        for n in 0..MOST as u64 + 10 {
            keys.insert(s(n), 1, (n.to_string().as_bytes(), b""), n, s(100));
        }
        keys.check();
        let taken = |n: u64| keys.get(s(0), 1, n.to_string().as_bytes(), b"");
        assert_eq!([9, 10, MOST as u64 + 9].map(taken), [None, Some(10), Some(MOST as u64 + 9)]);
    }
}
