//! Values under small numbers, which are reused. In pages, so that a queue that was once a million
//! jobs long gives its memory back when it is short again, and growing never copies.

/// No value has this number.
pub(crate) const NONE: u32 = u32::MAX;

const PAGE: u32 = 256;

/// Values of one kind. A number may be given out again once its value was removed, so whoever keeps
/// a number is told (or can see) when the value goes.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Page<T>>,
    /// Pages that have room, each once; the last is filled first.
    open: Vec<u32>,
    /// Pages that hold memory and no value: at most one, so that a single value that comes and goes
    /// costs no allocation.
    empty: u32,
    len: usize,
}

#[derive(Debug)]
struct Page<T> {
    slots: Vec<Slot<T>>,
    /// First free slot, by its place in the page.
    free: u32,
    live: u32,
    /// Is it in `Slab::open`?
    open: bool,
}

#[derive(Debug)]
enum Slot<T> {
    Full(T),
    /// The next free slot of the page.
    Free(u32),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { pages: Vec::new(), open: Vec::new(), empty: 0, len: 0 }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let index = match self.open.last() {
            Some(&index) => index,
            None => {
                let index = self.pages.len() as u32;
                self.pages.push(Page { slots: Vec::new(), free: NONE, live: 0, open: true });
                self.open.push(index);
                index
            }
        };
        let page = &mut self.pages[index as usize];
        if page.live == 0 {
            if page.slots.capacity() == 0 {
                page.slots.reserve_exact(PAGE as usize);
            } else {
                self.empty -= 1;
            }
        }
        let slot = match page.free {
            NONE => {
                page.slots.push(Slot::Full(value));
                page.slots.len() as u32 - 1
            }
            free => {
                let slot = std::mem::replace(&mut page.slots[free as usize], Slot::Full(value));
                page.free = match slot {
                    Slot::Free(next) => next,
                    Slot::Full(_) => NONE,
                };
                free
            }
        };
        page.live += 1;
        if page.live == PAGE {
            page.open = false;
            self.open.pop();
        }
        self.len += 1;
        index * PAGE + slot
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let index = id / PAGE;
        let page = self.pages.get_mut(index as usize)?;
        let slot = page.slots.get_mut((id % PAGE) as usize)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        let Slot::Full(value) = std::mem::replace(slot, Slot::Free(page.free)) else { return None };
        page.free = id % PAGE;
        page.live -= 1;
        self.len -= 1;
        if !page.open {
            page.open = true;
            self.open.push(index);
        }
        if page.live == 0 {
            if self.empty == 0 {
                self.empty = 1;
            } else {
                page.slots = Vec::new();
                page.free = NONE;
            }
        }
        Some(value)
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        match self.pages.get((id / PAGE) as usize)?.slots.get((id % PAGE) as usize)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        match self.pages.get_mut((id / PAGE) as usize)?.slots.get_mut((id % PAGE) as usize)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Every value, by rising number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(index, page)| {
            page.slots.iter().enumerate().filter_map(move |(slot, value)| match value {
                Slot::Full(value) => Some((index as u32 * PAGE + slot as u32, value)),
                Slot::Free(_) => None,
            })
        })
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
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

impl<T> std::ops::IndexMut<u32> for Slab<T> {
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
    fn numbers_are_reused_and_pages_freed() {
        let mut slab = Slab::default();
        let ids: Vec<u32> = (0..1000).map(|i| slab.insert(i)).collect();
        assert_eq!(slab.len(), 1000);
        assert!(ids.iter().enumerate().all(|(i, id)| slab[*id] == i as i32));
        for id in &ids {
            assert!(slab.remove(*id).is_some());
            assert!(slab.remove(*id).is_none());
        }
        assert_eq!(slab.len(), 0);
        assert_eq!(slab.pages.iter().filter(|p| p.slots.capacity() > 0).count(), 1);
        for i in 0..1000 {
            assert!(slab.insert(i) < 1024);
        }
        assert_eq!(slab.iter().count(), 1000);
    }

    #[test]
    fn one_value_that_comes_and_goes_keeps_its_page() {
        let mut slab = Slab::default();
        let first = slab.insert(1);
        slab.remove(first);
        assert_eq!(slab.insert(2), first);
        assert_eq!(slab.get(first + 1), None);
        assert_eq!(slab.get(NONE), None);
    }
}
