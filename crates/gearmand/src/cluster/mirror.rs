//! Which dead letters the broker was told of, and which it still is to be told of: every server shows all of them. Pure.
//!
//! Knows nothing of the database, and of what the broker does with letters. What always holds: a letter is told once until it is
//! told to be gone; what is told to be gone was told before, or was the broker's own. A letter that was tried again and has died once
//! more is another one: its id is the same, and its time is not.

use crate::cluster::ask::{Answer, Ask, Fault};
use crate::cluster::member::Told;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How often it is looked which there are; the more there are, the less often: see [`Mirror::pause`].
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many are asked for at once.
const AT_ONCE: usize = 200;

/// See the module. Times are of the server's steady clock.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// Those that the broker knows, and when they died: they were told, or were its own.
    told: HashMap<u64, u64>,
    /// The broker's own that were not looked for yet: the batches that they are stored with, ids, and when they died.
    own: VecDeque<(u64, u64, u64)>,
    /// All batches up to this one are stored.
    stored: u64,
    /// There are these, too, in the order in which they died.
    missing: VecDeque<u64>,
    /// Something is asked.
    asking: bool,
    next: Duration,
}

impl Mirror {
    /// The broker has made a letter of a job, in this batch.
    pub(crate) fn buried(&mut self, batch: u64, id: u64, last_ms: u64) {
        self.own.push_back((batch, id, last_ms));
    }

    /// The broker is told that a letter is a job again, and knows of none of this id then: also where that has died meanwhile.
    pub(crate) fn revived(&mut self, id: u64) {
        self.told.remove(&id);
    }

    /// All batches up to this one are stored.
    pub(crate) fn stored(&mut self, batch: u64) {
        self.stored = batch;
    }

    /// What is to be asked now.
    pub(crate) fn next_ask(&mut self, now: Duration) -> Option<Ask> {
        if self.asking || (self.missing.is_empty() && now < self.next) {
            return None;
        }
        self.asking = true;
        let stored = self.own.iter().take_while(|(batch, ..)| *batch <= self.stored).count();
        self.told.extend(self.own.drain(..stored).map(|(_, id, last_ms)| (id, last_ms)));
        let some: Vec<_> = self.missing.iter().take(AT_ONCE).copied().collect();
        Some(if some.is_empty() { Ask::LetterIds } else { Ask::Letters(some.into()) })
    }

    /// When it is to be asked again, unless it is under way.
    pub(crate) fn next(&self) -> Option<Duration> {
        (!self.asking).then_some(if self.missing.is_empty() { self.next } else { Duration::ZERO })
    }

    /// What was answered: what the broker is to be told.
    pub(crate) fn answer(&mut self, now: Duration, answer: Result<Answer, Fault>) -> Vec<Told> {
        self.asking = false;
        match answer {
            Ok(Answer::LetterIds(dead)) => {
                self.next = now + self.pause(dead.len());
                let there: HashMap<_, _> = dead.iter().copied().collect();
                let gone: Vec<_> = self.told.extract_if(|id, last_ms| there.get(id) != Some(last_ms)).collect();
                self.missing = dead.into_iter().map(|(id, _)| id).filter(|id| !self.told.contains_key(id)).collect();
                gone.into_iter().map(|(id, last_ms)| Told::LetterGone { id, last_ms }).collect()
            }
            Ok(Answer::Letters(letters)) => {
                match letters.last() {
                    // As many as fit: those before the last that are not among them are gone.
                    Some(last) => while self.missing.pop_front().is_some_and(|id| id != last.row.id) {},
                    None => drop(self.missing.drain(..AT_ONCE.min(self.missing.len()))),
                }
                self.told.extend(letters.iter().map(|letter| (letter.row.id, letter.last_ms)));
                letters.into_iter().map(|letter| Told::Letter(Box::new(letter))).collect()
            }
            _ => {
                self.next = now + LOOK_EVERY;
                self.missing.clear();
                Vec::new()
            }
        }
    }

    /// A look at a hundred thousand takes as long as one at fifty thousand twice.
    fn pause(&self, letters: usize) -> Duration {
        LOOK_EVERY * (1 + letters as u32 / 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ask::{JobRow, Letter};
    use bytes::Bytes;
    use gearman_core::protocol::message::Priority;

    fn letter(id: u64) -> Letter {
        let row = JobRow {
            id,
            function: Bytes::from("f"),
            unique: Bytes::new(),
            priority: Priority::Normal,
            data: Bytes::new(),
            reducer: None,
            tries: 1,
            first_ms: 1,
            due_ms: 0,
        };
        Letter { row, last_ms: 2, reason: Bytes::from("fail"), text: Bytes::new(), worker: Bytes::new() }
    }

    fn told(told: Vec<Told>) -> Vec<i64> {
        let shown = |told| match told {
            Told::Letter(letter) => letter.row.id as i64,
            Told::LetterGone { id, .. } => -(id as i64),
            other => panic!("{other:?}"),
        };
        told.into_iter().map(shown).collect()
    }

    /// They died at the time that is in [`letter`].
    fn ids(ids: &[u64]) -> Result<Answer, Fault> {
        Ok(Answer::LetterIds(ids.iter().map(|id| (*id, 2)).collect()))
    }

    #[test]
    fn letters_come_and_go() {
        let (mut mirror, mut now) = (Mirror::default(), Duration::ZERO);
        assert_eq!(mirror.next_ask(now), Some(Ask::LetterIds));
        assert_eq!((mirror.next_ask(now), mirror.next()), (None, None));
        assert_eq!(told(mirror.answer(now, ids(&[7, 3, 5, 9]))), Vec::<i64>::new());
        assert_eq!(mirror.next_ask(now), Some(Ask::Letters([7, 3, 5, 9].into())));
        // 3 is gone meanwhile, and 9 did not fit.
        assert_eq!(told(mirror.answer(now, Ok(Answer::Letters(vec![letter(7), letter(5)])))), [7, 5]);
        assert_eq!(mirror.next_ask(now), Some(Ask::Letters([9].into())));
        assert_eq!(told(mirror.answer(now, Ok(Answer::Letters(vec![letter(9)])))), [9]);
        assert_eq!((mirror.next_ask(now), mirror.next()), (None, Some(LOOK_EVERY)));
        now += LOOK_EVERY;
        assert_eq!(mirror.next_ask(now), Some(Ask::LetterIds));
        assert_eq!(told(mirror.answer(now, ids(&[7, 9, 11]))), [-5]);
        assert_eq!(mirror.next_ask(now), Some(Ask::Letters([11].into())));
        assert_eq!(told(mirror.answer(now, Err(Fault::InDoubt))), Vec::<i64>::new());
        assert_eq!(mirror.next_ask(now + LOOK_EVERY), Some(Ask::LetterIds));
        assert_eq!(told(mirror.answer(now, ids(&[]))).len(), 2);
    }

    /// Somebody else has forgotten it before it was ever looked for.
    #[test]
    fn a_letter_of_the_brokers_own_goes_too() {
        let mut mirror = Mirror::default();
        mirror.buried(1, 7, 2);
        mirror.buried(2, 9, 2);
        mirror.stored(1);
        assert_eq!(mirror.next_ask(Duration::ZERO), Some(Ask::LetterIds));
        // Not yet there for sure when it was asked.
        mirror.stored(2);
        assert_eq!(told(mirror.answer(Duration::ZERO, ids(&[]))), [-7]);
        assert_eq!(mirror.next_ask(LOOK_EVERY), Some(Ask::LetterIds));
        assert_eq!(told(mirror.answer(LOOK_EVERY, ids(&[]))), [-9]);
    }

    /// It was tried again and died once more between two looks: it stayed as it was where it was known, and was not shown any more
    /// where it had been tried again.
    #[test]
    fn a_letter_that_died_again_is_told_anew() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.next_ask(Duration::ZERO), Some(Ask::LetterIds));
        assert_eq!(told(mirror.answer(Duration::ZERO, ids(&[7, 9]))).len(), 0);
        assert_eq!(mirror.next_ask(Duration::ZERO), Some(Ask::Letters([7, 9].into())));
        assert_eq!(told(mirror.answer(Duration::ZERO, Ok(Answer::Letters(vec![letter(7), letter(9)])))), [7, 9]);
        // That of 9 is the broker's own, and stored, but not reported as stored.
        mirror.buried(1, 9, 3);
        assert_eq!(mirror.next_ask(LOOK_EVERY), Some(Ask::LetterIds));
        let mut gone = told(mirror.answer(LOOK_EVERY, Ok(Answer::LetterIds(vec![(7, 3), (9, 3)]))));
        gone.sort_unstable();
        assert_eq!(gone, [-9, -7], "the broker knows that 9 is another one by now");
        assert_eq!(mirror.next_ask(LOOK_EVERY), Some(Ask::Letters([7, 9].into())));
        let again = [7, 9].map(|id| Letter { last_ms: 3, ..letter(id) });
        assert_eq!(told(mirror.answer(LOOK_EVERY, Ok(Answer::Letters(again.into())))), [7, 9]);
        mirror.stored(1);
        // It was tried again from here, and had died again before that was told.
        mirror.revived(7);
        assert_eq!(mirror.next_ask(LOOK_EVERY * 2), Some(Ask::LetterIds));
        assert_eq!(told(mirror.answer(LOOK_EVERY * 2, Ok(Answer::LetterIds(vec![(7, 3), (9, 3)])))).len(), 0);
        assert_eq!(mirror.next_ask(LOOK_EVERY * 2), Some(Ask::Letters([7].into())));
    }
}
