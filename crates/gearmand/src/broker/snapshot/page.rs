//! Pages of lists: where each begins and ends. Knows nothing of what is listed.
//!
//! Invariant: a page visits so many numbers at most, used or not, and has so many entries: who holds the lock for it never
//! holds it for long.

use std::fmt;
use std::ops::Range;

/// Most entries of a page.
pub(crate) const PAGE: usize = 1000;
/// A page ends at the latest after so many numbers, used or not.
pub(crate) const NUMBERS: u32 = 16 * PAGE as u32;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(pub(super) u64);

impl From<u64> for Cursor {
    fn from(place: u64) -> Cursor {
        Cursor(place)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) from: Cursor,
    /// At most so many entries; never more than [`PAGE`].
    pub(crate) most: usize,
}

impl From<Cursor> for Part {
    fn from(from: Cursor) -> Part {
        Part { from, most: PAGE }
    }
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// At most [`PAGE`]. None at all does not mean that it is the last page.
    pub(crate) entries: Vec<T>,
    /// `None`: the list ends here.
    pub(crate) next: Option<Cursor>,
}

/// A page of what has numbers below `end`. `entry` leaves out what does not belong to the list, and says as how many an entry
/// counts: what is large ends a page sooner.
pub(super) fn page<'a, T: 'a, E, I: Iterator<Item = (u32, &'a T)>>(
    part: Part,
    end: u32,
    range: impl FnOnce(Range<u32>) -> I,
    entry: impl Fn(u32, &T) -> Option<(usize, E)>,
) -> Page<E> {
    let from = u32::try_from(part.from.0).unwrap_or(u32::MAX);
    let last = from.saturating_add(NUMBERS).min(end);
    let (mut page, mut full) = (Page { entries: Vec::new(), next: (last < end).then_some(Cursor(last.into())) }, 0);
    for (id, value) in range(from.min(last)..last) {
        if full >= PAGE || page.entries.len() >= part.most.min(PAGE) {
            page.next = Some(Cursor(id.into()));
            break;
        }
        if let Some((counts, entry)) = entry(id, value) {
            full += counts;
            page.entries.push(entry);
        }
    }
    page
}

/// The same of what comes with its place in the list, from the first that is wanted on.
pub(super) fn page_of<T, E>(part: Part, all: impl Iterator<Item = (u64, T)>, entry: impl Fn(T) -> E) -> Page<E> {
    let mut page = Page { entries: Vec::new(), next: None };
    for (place, value) in all {
        if page.entries.len() >= part.most.min(PAGE) {
            page.next = Some(Cursor(place));
            break;
        }
        page.entries.push(entry(value));
    }
    page
}
