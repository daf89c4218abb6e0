//! Dead letters: jobs that ran out of tries, and why. They wait for an operator, who has them tried again or forgotten.
//!
//! Owns the letters, by the numbers that they had as jobs, and their order. Knows neither functions nor policies but by name
//! and bounds, and nothing of the durable queue: who takes a letter out tells it.
//!
//! What always holds: a number has one letter at most; when nothing is [surplus](DeadLetters::pop_surplus) any more, no
//! function has more letters than its bounds say, and all together no more than [`MAX_BYTES`].

use crate::broker::jobs::Job;
use crate::broker::policy::{Keep, Reason};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Most memory of all letters.
const MAX_BYTES: usize = 256 << 20;
/// Of what a worker said of its last try, so much is kept.
pub(crate) const MAX_TEXT: usize = 4096;

/// Why a job is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its last try ended so.
    Failed(Reason),
    /// An operator wanted it so.
    Buried,
}

impl Cause {
    /// As it is shown, and stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::Failed(reason) => reason.name(),
            Cause::Buried => "buried",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &[u8]) -> Option<Cause> {
        let mut all = Reason::ALL.into_iter().map(Cause::Failed).chain([Cause::Buried]);
        all.find(|cause| cause.name().as_bytes() == name)
    }
}

/// A job that is not tried any more.
#[derive(Debug)]
pub(crate) struct Letter {
    /// As it was. Its function may have another number by now, and it is in no list.
    pub(crate) job: Job,
    pub(crate) function: Arc<[u8]>,
    /// When the last try failed: milliseconds since 1970.
    pub(crate) last: u64,
    pub(crate) cause: Cause,
    /// What its worker said of the last try: the text of an exception.
    pub(crate) text: Box<[u8]>,
    /// What that worker called itself, else where it was.
    pub(crate) worker: Box<[u8]>,
}

impl Letter {
    /// When the first try failed.
    pub(crate) fn first(&self) -> u64 {
        self.job.extra.as_ref().map(|e| e.first).filter(|first| *first > 0).unwrap_or(self.last)
    }

    pub(crate) fn reducer(&self) -> Option<&[u8]> {
        self.job.extra.as_ref()?.reducer.as_deref()
    }

    /// The memory that it takes, about.
    fn bytes(&self) -> usize {
        let parts =
            [self.job.unique(), self.job.workload(), &self.text, &self.worker, self.reducer().unwrap_or_default()];
        size_of::<Letter>() + 128 + parts.into_iter().map(<[u8]>::len).sum::<usize>()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    /// In the order in which they came.
    letters: BTreeMap<u64, Letter>,
    /// Their places there, by number.
    places: HashMap<u64, u64>,
    functions: HashMap<Arc<[u8]>, OfFunction>,
    /// Those that grow too old: milliseconds since 1970, and their places.
    expiring: BTreeSet<(u64, u64)>,
    /// The last place.
    last: u64,
    bytes: usize,
    /// All together may have so many.
    pub(crate) max_bytes: usize,
    /// So many had to go because there were too many. Never goes down.
    pub(crate) dropped: u64,
}

impl Default for DeadLetters {
    fn default() -> DeadLetters {
        DeadLetters {
            letters: BTreeMap::new(),
            places: HashMap::new(),
            functions: HashMap::new(),
            expiring: BTreeSet::new(),
            last: 0,
            bytes: 0,
            max_bytes: MAX_BYTES,
            dropped: 0,
        }
    }
}

/// The letters of a function; at least one.
#[derive(Debug)]
struct OfFunction {
    keep: Keep,
    places: BTreeSet<u64>,
}

/// When a letter is too old.
fn expires(letter: &Letter, keep: Keep) -> Option<u64> {
    keep.age.map(|age| letter.last.saturating_add(age.0.as_millis() as u64))
}

impl DeadLetters {
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    /// How many a function has.
    pub(crate) fn len_of(&self, function: &[u8]) -> usize {
        self.functions.get(function).map_or(0, |of| of.places.len())
    }

    /// Takes in a letter, in the place of one that its number has. The bounds are for its function, where this is its first.
    pub(crate) fn insert(&mut self, letter: Letter, keep: Keep) {
        let _before = self.remove(letter.job.number);
        self.last += 1;
        let entry = self.functions.entry(letter.function.clone());
        let of = entry.or_insert_with(|| OfFunction { keep, places: BTreeSet::new() });
        of.places.insert(self.last);
        self.expiring.extend(expires(&letter, of.keep).map(|when| (when, self.last)));
        self.places.insert(letter.job.number, self.last);
        self.bytes += letter.bytes();
        self.letters.insert(self.last, letter);
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Letter> {
        self.letters.get(self.places.get(&number)?)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Letter> {
        let place = *self.places.get(&number)?;
        self.remove_at(place)
    }

    fn remove_at(&mut self, place: u64) -> Option<Letter> {
        let letter = self.letters.remove(&place)?;
        self.places.remove(&letter.job.number);
        self.bytes -= letter.bytes();
        if let Some(of) = self.functions.get_mut(&letter.function) {
            of.places.remove(&place);
            if let Some(when) = expires(&letter, of.keep) {
                self.expiring.remove(&(when, place));
            }
            if of.places.is_empty() {
                self.functions.remove(&letter.function);
            }
        }
        Some(letter)
    }

    /// The oldest letter that is one too many: of this function, or of all.
    pub(crate) fn pop_surplus(&mut self, function: &[u8]) -> Option<Letter> {
        let crowded = self.functions.get(function).filter(|of| of.places.len() > of.keep.count as usize);
        let of_it = crowded.and_then(|of| of.places.first().copied());
        let of_all = || self.letters.first_key_value().filter(|_| self.bytes > self.max_bytes).map(|(place, _)| *place);
        let place = of_it.or_else(of_all)?;
        self.dropped += 1;
        self.remove_at(place)
    }

    /// When the next letter is too old: milliseconds since 1970.
    pub(crate) fn next_expired(&self) -> Option<u64> {
        self.expiring.first().map(|(when, _)| *when)
    }

    /// A letter that is too old now.
    pub(crate) fn pop_expired(&mut self, now: u64) -> Option<Letter> {
        let (_, place) = *self.expiring.first().filter(|(when, _)| *when <= now)?;
        self.remove_at(place)
    }

    /// The functions that have letters.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.functions.keys()
    }

    /// From now on a function has these bounds; until it has no letters any more.
    pub(crate) fn bound(&mut self, function: &[u8], keep: Keep) {
        let Some(of) = self.functions.get_mut(function).filter(|of| of.keep != keep) else { return };
        let before = std::mem::replace(&mut of.keep, keep);
        for place in &of.places {
            let Some(letter) = self.letters.get(place) else { continue };
            if let Some(when) = expires(letter, before) {
                self.expiring.remove(&(when, *place));
            }
            self.expiring.extend(expires(letter, keep).map(|when| (when, *place)));
        }
    }

    /// Letters with their places, from this place on: those that came first in front.
    pub(crate) fn range(&self, from: u64) -> impl DoubleEndedIterator<Item = (u64, &Letter)> {
        self.letters.range(from..).map(|(place, letter)| (*place, letter))
    }

    /// The same, of one function.
    pub(crate) fn of_function(&self, function: &[u8], from: u64) -> impl DoubleEndedIterator<Item = (u64, &Letter)> {
        let places = self.functions.get(function).map(|of| of.places.range(from..));
        places.into_iter().flatten().filter_map(|place| Some((*place, self.letters.get(place)?)))
    }

    /// What the module promises.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check(&self) {
        assert_eq!(self.places.len(), self.letters.len());
        assert_eq!(self.bytes, self.letters.values().map(Letter::bytes).sum::<usize>());
        assert!(self.bytes <= self.max_bytes);
        let mut expiring = BTreeSet::new();
        for (place, letter) in &self.letters {
            let of = &self.functions[&letter.function];
            assert!(of.places.contains(place) && self.places[&letter.job.number] == *place);
            expiring.extend(expires(letter, of.keep).map(|when| (when, *place)));
        }
        assert_eq!(expiring, self.expiring);
        assert!(self.functions.values().all(|of| (1..=of.keep.count as usize).contains(&of.places.len())));
        let by_function: usize = self.functions.values().map(|of| of.places.len()).sum();
        assert_eq!(by_function, self.letters.len());
    }
}
