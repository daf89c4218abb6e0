//! What became of jobs that are over, where the policy of their function keeps that. Pure, and in memory only.
//!
//! Owns the results, by the numbers of their jobs. Knows nothing of policies and of jobs that are not over.
//!
//! What always holds: a number has one result; a function has as many as are allowed, all together take [`MAX_BYTES`], and the
//! oldest goes for another.

use crate::broker::policy::{Keep, Reason};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Most memory of all results.
const MAX_BYTES: usize = 64 << 20;
/// What one takes beside its bytes, about.
const ENTRY: usize = 256;

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its result: what came with WORK_COMPLETE.
    Completed(Bytes),
    /// Why its last try failed, and what its worker said of that: the text of an exception.
    Failed(Reason, Bytes),
    /// An operator cancelled it.
    Cancelled,
}

impl Outcome {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Outcome::Completed(bytes) | Outcome::Failed(_, bytes) => bytes,
            Outcome::Cancelled => b"",
        }
    }

    /// The memory that it takes, about.
    fn size(&self) -> usize {
        ENTRY + self.bytes().len()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct KeptResults {
    /// In the order in which they came.
    results: BTreeMap<u64, Kept>,
    /// Their places there, by the numbers of the jobs.
    places: HashMap<u64, u64>,
    functions: HashMap<u32, BTreeSet<u64>>,
    /// Those that grow too old, and their places.
    ends: BTreeSet<(Duration, u64)>,
    /// The last place.
    last: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    function: u32,
    /// When its job was over.
    ended: Duration,
    until: Option<Duration>,
    outcome: Outcome,
}

impl KeptResults {
    /// Keeps what became of a job. What is too large for all memory that there is for this is not kept.
    pub(crate) fn insert(&mut self, now: Duration, function: u32, number: u64, outcome: Outcome, keep: Keep) {
        self.remove(number);
        if outcome.size() > MAX_BYTES {
            return;
        }
        self.last += 1;
        self.bytes += outcome.size();
        let until = keep.age.map(|age| now + age.0);
        self.ends.extend(until.map(|until| (until, self.last)));
        self.places.insert(number, self.last);
        self.functions.entry(function).or_default().insert(self.last);
        self.results.insert(self.last, Kept { number, function, ended: now, until, outcome });
        self.drop_surplus(function, keep.count);
        while self.bytes > MAX_BYTES
            && let Some((place, _)) = self.results.first_key_value()
        {
            self.remove_at(*place);
        }
    }

    pub(crate) fn get(&self, now: Duration, number: u64) -> Option<&Outcome> {
        self.of(now, number).map(|kept| &kept.outcome)
    }

    /// The function of a job whose result is kept.
    pub(crate) fn function_of(&self, now: Duration, number: u64) -> Option<u32> {
        self.of(now, number).map(|kept| kept.function)
    }

    fn of(&self, now: Duration, number: u64) -> Option<&Kept> {
        let kept = self.results.get(self.places.get(&number)?)?;
        Some(kept).filter(|_| kept.until.is_none_or(|until| until > now))
    }

    /// A function may have so many from now on, and so old ones.
    pub(crate) fn bound(&mut self, function: u32, keep: Keep) {
        self.drop_surplus(function, keep.count);
        for place in self.functions.get(&function).into_iter().flatten() {
            let Some(kept) = self.results.get_mut(place) else { continue };
            if let Some(until) = kept.until {
                self.ends.remove(&(until, *place));
            }
            kept.until = keep.age.map(|age| kept.ended + age.0);
            self.ends.extend(kept.until.map(|until| (until, *place)));
        }
    }

    fn drop_surplus(&mut self, function: u32, count: u32) {
        while let Some(of) = self.functions.get(&function).filter(|of| of.len() > count as usize)
            && let Some(oldest) = of.first().copied()
        {
            self.remove_at(oldest);
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(place) = self.places.get(&number) {
            self.remove_at(*place);
        }
    }

    fn remove_at(&mut self, place: u64) {
        let Some(kept) = self.results.remove(&place) else { return };
        self.bytes -= kept.outcome.size();
        self.places.remove(&kept.number);
        if let Some(until) = kept.until {
            self.ends.remove(&(until, place));
        }
        if let Some(of) = self.functions.get_mut(&kept.function) {
            of.remove(&place);
            if of.is_empty() {
                self.functions.remove(&kept.function);
            }
        }
    }

    /// When the next one is too old.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Drops up to so many that are too old.
    pub(crate) fn sweep(&mut self, now: Duration, most: usize) {
        for _ in 0..most {
            let Some((_, place)) = self.ends.first().copied().filter(|(until, _)| *until <= now) else { return };
            self.remove_at(place);
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn check(&self) {
        let bytes: usize = self.results.values().map(|kept| kept.outcome.size()).sum();
        assert!(bytes == self.bytes && bytes <= MAX_BYTES);
        let by_function: usize = self.functions.values().map(BTreeSet::len).sum();
        assert_eq!((self.places.len(), by_function), (self.results.len(), self.results.len()));
        assert_eq!(self.ends.len(), self.results.values().filter(|kept| kept.until.is_some()).count());
        for (place, kept) in &self.results {
            assert_eq!(self.places.get(&kept.number), Some(place));
            assert!(self.functions[&kept.function].contains(place));
            assert!(kept.until.is_none_or(|until| self.ends.contains(&(until, *place))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(text: &str) -> Keep {
        text.parse().unwrap()
    }

    fn done(size: usize) -> Outcome {
        Outcome::Completed(vec![0; size].into())
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn by_count_and_by_age() {
        let mut results = KeptResults::default();
        for number in 1..=5 {
            results.insert(s(number), 1, number, done(1), keep("3,10s"));
            results.insert(s(number), 2, 100 + number, Outcome::Cancelled, keep("2"));
            results.check();
        }
        let found = |results: &KeptResults, now: u64| {
            let numbers = (1..200).filter(|number| results.get(s(now), *number).is_some());
            numbers.collect::<Vec<u64>>()
        };
        assert_eq!(found(&results, 5), [3, 4, 5, 104, 105]);
        assert_eq!(found(&results, 14), [5, 104, 105]);
        assert_eq!(results.next(), Some(s(13)));
        results.sweep(s(14), 1);
        assert_eq!(results.next(), Some(s(14)));
        results.sweep(s(1000), 100);
        assert_eq!((results.next(), found(&results, 0)), (None, vec![104, 105]));
        results.bound(2, keep("1"));
        assert_eq!(found(&results, 0), [105]);
        results.check();
        // A number may come again.
        results.insert(s(1), 2, 105, Outcome::Failed(Reason::Death, Bytes::new()), keep("9"));
        assert_eq!(results.get(s(1), 105), Some(&Outcome::Failed(Reason::Death, Bytes::new())));
        results.bound(2, Keep::NOTHING);
        results.check();
        assert_eq!((results.results.len(), results.bytes), (0, 0));
    }

    #[test]
    fn an_age_that_is_changed_counts_from_the_end_of_the_job() {
        let mut results = KeptResults::default();
        for number in 1..=3 {
            results.insert(s(number), 1, number, done(1), keep("9,1h"));
        }
        results.insert(s(1), 2, 9, done(1), keep("9,1h"));
        let found = |results: &KeptResults| [1, 2, 3, 9].map(|number| results.get(s(12), number).is_some());
        for (changed, expected) in [("9,10s", [false, false, true, true]), ("2,1h", [false, true, true, true])] {
            results.bound(1, keep(changed));
            results.check();
            assert_eq!(found(&results), expected, "{changed}");
        }
        results.bound(1, keep("9"));
        results.check();
        results.sweep(s(10_000), 100);
        assert_eq!(found(&results), [false, true, true, false], "however old, but for the other function's");
    }

    #[test]
    fn by_bytes_whoever_they_are_of() {
        let mut results = KeptResults::default();
        for number in 0..70 {
            results.insert(s(1), number as u32 % 3, number, done(1 << 20), keep("1000"));
        }
        results.check();
        let kept = (0..70).filter(|number| results.get(s(1), *number).is_some()).collect::<Vec<_>>();
        assert_eq!(kept, (7..70).collect::<Vec<_>>());
        results.insert(s(1), 1, 100, done(MAX_BYTES), keep("1000"));
        assert_eq!((results.get(s(1), 100), results.results.len()), (None, 63));
    }
}
