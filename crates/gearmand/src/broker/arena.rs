//! Values under small numbers, which are reused. In chunks, so that a queue that was once a million
//! jobs long gives its memory back when it is short again, and growing never copies.
//!
//! Owns the values; knows nothing of what they are, nor who keeps their numbers.
//!
//! What always holds:
//! - a number stands for one value from its insertion to its removal, and values never move;
//! - each chunk that has room is in `open` once, and only those;
//! - at most one chunk holds memory and no value.

use std::ops::Range;

/// No value has this number.
pub(crate) const NONE: u32 = u32::MAX;

const CHUNK: u32 = 256;

/// Values of one kind. A number may be given out again once its value was removed, so whoever keeps
/// a number must learn when the value goes.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks that have room, each once; the last is filled first.
    open: Vec<u32>,
    /// Chunks that hold memory and no value: at most one, so that a single value that comes and goes
    /// costs no allocation.
    empty: u32,
    len: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    slots: Vec<Slot<T>>,
    /// First free slot, by its place in the chunk.
    free: u32,
    live: u32,
    /// Is it in `Arena::open`?
    open: bool,
}

#[derive(Debug)]
enum Slot<T> {
    Full(T),
    /// The next free slot of the chunk.
    Free(u32),
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { chunks: Vec::new(), open: Vec::new(), empty: 0, len: 0 }
    }
}

impl<T> Arena<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let index = match self.open.last() {
            Some(&index) => index,
            None => {
                let index = self.chunks.len() as u32;
                self.chunks.push(Chunk { slots: Vec::new(), free: NONE, live: 0, open: true });
                self.open.push(index);
                index
            }
        };
        let chunk = &mut self.chunks[index as usize];
        if chunk.live == 0 {
            if chunk.slots.capacity() == 0 {
                chunk.slots.reserve_exact(CHUNK as usize);
            } else {
                self.empty -= 1;
            }
        }
        let slot = match chunk.free {
            NONE => {
                chunk.slots.push(Slot::Full(value));
                chunk.slots.len() as u32 - 1
            }
            free => {
                let slot = std::mem::replace(&mut chunk.slots[free as usize], Slot::Full(value));
                chunk.free = match slot {
                    Slot::Free(next) => next,
                    Slot::Full(_) => NONE,
                };
                free
            }
        };
        chunk.live += 1;
        if chunk.live == CHUNK {
            chunk.open = false;
            self.open.pop();
        }
        self.len += 1;
        index * CHUNK + slot
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let index = id / CHUNK;
        let chunk = self.chunks.get_mut(index as usize)?;
        let slot = chunk.slots.get_mut((id % CHUNK) as usize)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        let Slot::Full(value) = std::mem::replace(slot, Slot::Free(chunk.free)) else { return None };
        chunk.free = id % CHUNK;
        chunk.live -= 1;
        self.len -= 1;
        if !chunk.open {
            chunk.open = true;
            self.open.push(index);
        }
        if chunk.live == 0 {
            if self.empty == 0 {
                self.empty = 1;
            } else {
                chunk.slots = Vec::new();
                chunk.free = NONE;
            }
        }
        Some(value)
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        match self.chunks.get((id / CHUNK) as usize)?.slots.get((id % CHUNK) as usize)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        match self.chunks.get_mut((id / CHUNK) as usize)?.slots.get_mut((id % CHUNK) as usize)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Every value, by rising number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.range(0..self.end())
    }

    /// All numbers are smaller.
    pub(crate) fn end(&self) -> u32 {
        self.chunks.len() as u32 * CHUNK
    }

    /// The values under these numbers, by rising number.
    pub(crate) fn range(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, &T)> {
        let before = numbers.start / CHUNK;
        let chunks = self.chunks.get(before as usize..).unwrap_or_default().iter();
        let chunks = chunks.zip((before * CHUNK..).step_by(CHUNK as usize));
        let chunks = chunks.take_while(move |(_, first)| *first < numbers.end);
        let all = chunks.flat_map(|(chunk, first)| {
            chunk.slots.iter().zip(first..).filter_map(|(slot, id)| match slot {
                Slot::Full(value) => Some((id, value)),
                Slot::Free(_) => None,
            })
        });
        all.skip_while(move |(id, _)| *id < numbers.start).take_while(move |(id, _)| *id < numbers.end)
    }
}

impl<T> std::ops::Index<u32> for Arena<T> {
    type Output = T;

    /// For numbers that this module's callers hold links to. A stale one would be a bug that must
    /// not pass for another value.
    #[allow(clippy::panic)]
    fn index(&self, id: u32) -> &T {
        match self.get(id) {
            Some(value) => value,
            None => panic!("no value under {id}"),
        }
    }
}

impl<T> std::ops::IndexMut<u32> for Arena<T> {
    #[allow(clippy::panic)]
    fn index_mut(&mut self, id: u32) -> &mut T {
        match self.get_mut(id) {
            Some(value) => value,
            None => panic!("no value under {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reused_and_chunks_freed() {
        let mut arena = Arena::default();
        let ids: Vec<u32> = (0..1000).map(|i| arena.insert(i)).collect();
        assert_eq!(arena.len(), 1000);
        assert!(ids.iter().enumerate().all(|(i, id)| arena[*id] == i as i32));
        for id in &ids {
            assert!(arena.remove(*id).is_some());
            assert!(arena.remove(*id).is_none());
        }
        assert_eq!(arena.len(), 0);
        assert_eq!(arena.chunks.iter().filter(|p| p.slots.capacity() > 0).count(), 1);
        for i in 0..1000 {
            assert!(arena.insert(i) < 1024);
        }
        assert_eq!(arena.iter().count(), 1000);
    }

    #[test]
    fn a_range_is_what_lies_in_it() {
        let mut arena = Arena::default();
        let ids: Vec<u32> = (0..1000).map(|i| arena.insert(i)).collect();
        let (gone, left): (Vec<u32>, Vec<u32>) = ids.iter().partition(|id| *id % 3 == 0 || (256..512).contains(*id));
        assert!(gone.iter().all(|id| arena.remove(*id).is_some()));
        for (begin, end) in [(0, 1024), (0, 1), (1, 2), (255, 257), (300, 500), (500, 600), (999, 5000), (7, 7)] {
            let range: Vec<u32> = arena.range(begin..end).map(|(id, _)| id).collect();
            let expected: Vec<u32> = left.iter().copied().filter(|id| (begin..end).contains(id)).collect();
            assert_eq!(range, expected, "{begin}..{end}");
        }
    }

    #[test]
    fn one_value_that_comes_and_goes_keeps_its_chunk() {
        let mut arena = Arena::default();
        let first = arena.insert(1);
        arena.remove(first);
        assert_eq!(arena.insert(2), first);
        assert_eq!(arena.get(first + 1), None);
        assert_eq!(arena.get(NONE), None);
    }
}
