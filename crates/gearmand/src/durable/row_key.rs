//! The keys of rows in the tables of C gearmand, which have no column for an id and need keys that differ. For backends
//! that keep such tables; nobody else knows these keys.
//!
//! What always holds: no job gets the key of a row that is another's. Numbers in keys are ids, or below
//! [`RowKeys::last`].

use crate::durable::MAX_ID;
use gearman_core::MAX_UNIQUE;
use gearman_core::protocol::message::Decimal;
use std::collections::HashMap;

/// What stands in the row of a job without a key, and of one whose key is its workload (`-`), before its id.
const NO_KEY: &[u8] = b"(no key) ";
const WORKLOAD_KEY: &[u8] = b"(workload) ";
/// With these, a key is not longer than a client's may be.
const MAX_ZEROS: usize = 32;

/// The key of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowKey {
    bytes: [u8; MAX_UNIQUE],
    len: usize,
}

impl RowKey {
    /// Of the job with this id and unique key.
    pub(crate) fn new(id: u64, unique: &[u8]) -> RowKey {
        RowKey::padded(id, unique, 0)
    }

    /// One that is read as the same, where the id is in it: that has so many zeros in front.
    fn padded(id: u64, unique: &[u8], zeros: usize) -> RowKey {
        let (zeros, digits) = (&[b'0'; MAX_ZEROS][..zeros], Decimal::new(id));
        match unique {
            b"-" => RowKey::of(&[WORKLOAD_KEY, zeros, digits.as_ref()]),
            // A client's key that looks like one of ours must not replace it. It is forgotten at a restart.
            _ if unique.is_empty() || unique.starts_with(NO_KEY) || unique.starts_with(WORKLOAD_KEY) => {
                RowKey::of(&[NO_KEY, zeros, digits.as_ref()])
            }
            _ => RowKey::of(&[unique]),
        }
    }

    /// Of these bytes, one after the other; at most as many as a unique key can have.
    fn of(parts: &[&[u8]]) -> RowKey {
        let mut key = RowKey { bytes: [0; MAX_UNIQUE], len: 0 };
        for part in parts {
            let part = &part[..part.len().min(key.bytes.len() - key.len)];
            key.bytes[key.len..key.len + part.len()].copy_from_slice(part);
            key.len += part.len();
        }
        key
    }

    /// The unique key of the job in the row with this key, and the number where that is in there.
    fn read(key: &[u8]) -> (&[u8], Option<u64>) {
        let number = |digits: &[u8]| {
            let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (number < MAX_ID && number > 0).then_some(number)
        };
        if let Some(number) = key.strip_prefix(NO_KEY).and_then(number) {
            return (b"", Some(number));
        }
        if let Some(number) = key.strip_prefix(WORKLOAD_KEY).and_then(number) {
            return (b"-", Some(number));
        }
        (key, None)
    }
}

impl AsRef<[u8]> for RowKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The keys of all rows.
#[derive(Debug, Default)]
pub(crate) struct RowKeys {
    /// Those that do not follow from the job, by its id: another server wrote them.
    others: HashMap<u64, Box<[u8]>>,
    /// The largest number in a key.
    last: u64,
}

impl RowKeys {
    /// The unique key of the job with this id, in a row with this key.
    pub(crate) fn read<'a>(&mut self, id: u64, key: &'a [u8]) -> &'a [u8] {
        let (unique, number) = RowKey::read(key);
        self.last = self.last.max(number.unwrap_or_default());
        if RowKey::new(id, unique).as_ref() != key {
            self.others.insert(id, key.into());
        }
        unique
    }

    /// The same, of one that another server wrote, and that is taken for one of ours here: the job knows nothing of it.
    pub(crate) fn read_other(&mut self, id: u64, key: &[u8]) -> &'static [u8] {
        self.others.insert(id, key.into());
        b""
    }

    /// The key of the row of a job.
    pub(crate) fn of(&self, id: u64, unique: &[u8]) -> RowKey {
        match self.is_other(id).then(|| &self.others[&id]) {
            Some(key) => RowKey::of(&[key]),
            None => RowKey::new(id, unique),
        }
    }

    /// A dead letter becomes a job again. Where rows got new numbers (`.dump`), one of them may have the key that follows from
    /// its id.
    pub(crate) fn claim(&mut self, id: u64, unique: &[u8]) {
        if self.others.is_empty() || self.is_other(id) {
            return;
        }
        let mut keys = (0..=MAX_ZEROS).map(|zeros| RowKey::padded(id, unique, zeros));
        let free = keys.find(|key| !self.others.values().any(|other| **other == *key.as_ref()));
        if let Some(key) = free.filter(|key| key.as_ref() != RowKey::new(id, unique).as_ref()) {
            self.others.insert(id, key.as_ref().into());
        }
    }

    /// Whether the key of this job's row does not follow from the job.
    pub(crate) fn is_other(&self, id: u64) -> bool {
        !self.others.is_empty() && self.others.contains_key(&id)
    }

    /// The rows of these jobs are gone.
    pub(crate) fn forget(&mut self, ids: &[u64]) {
        for id in ids {
            self.others.remove(id);
        }
        if self.others.is_empty() {
            self.others = HashMap::new();
        }
    }

    /// New jobs need ids that are larger: else their keys may be those of other rows.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for (unique, id, key, read) in [
            (&b""[..], 7, &b"(no key) 7"[..], (&b""[..], Some(7))),
            (b"-", 8, b"(workload) 8", (b"-", Some(8))),
            (b"mine", 9, b"mine", (b"mine", None)),
            (b"(no key) 1", 10, b"(no key) 10", (b"", Some(10))),
            (&[b'k'; 64], 11, &[b'k'; 64], (&[b'k'; 64], None)),
        ] {
            assert_eq!(RowKey::new(id, unique).as_ref(), key);
            assert_eq!(RowKey::read(key), read);
        }
    }

    #[test]
    fn what_only_looks_like_a_key_of_ours_is_a_clients() {
        for key in [&b"(no key) "[..], b"(no key) x", b"(workload) 0", b"(no key) 99999999999999999999"] {
            assert_eq!(RowKey::read(key), (key, None));
        }
    }

    /// Each finds its row again, whatever key it has; once that is gone, keys follow from jobs.
    #[test]
    fn keys_that_another_server_wrote_are_kept() {
        let mut keys = RowKeys::default();
        let rows =
            [&b"mine"[..], b"", b"-", b"(no key) 4", b"(no key) 9", b"(workload) 2", b"(no key) 0", b"(no key) x"];
        let uniques: Vec<&[u8]> = (1..).zip(rows).map(|(id, key)| keys.read(id, key)).collect();
        assert_eq!(uniques, [&b"mine"[..], b"", b"-", b"", b"", b"-", b"(no key) 0", b"(no key) x"]);
        for (id, (key, unique)) in (1..).zip(rows.into_iter().zip(uniques)) {
            assert_eq!(keys.of(id, unique).as_ref(), key);
        }
        assert_eq!((keys.last(), keys.others.len()), (9, 6), "the first and the fourth are as we write them");
        for (id, unique, key) in
            [(9, &b""[..], &b"(no key) 09"[..]), (2, b"-", b""), (10, b"", b"(no key) 10"), (11, b"k", b"k")]
        {
            keys.claim(id, unique);
            assert_eq!(keys.of(id, unique).as_ref(), key);
        }
        assert_eq!(RowKey::read(b"(no key) 09"), (&b""[..], Some(9)));
        keys.forget(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((keys.of(2, b"").as_ref(), keys.others.len()), (&b"(no key) 2"[..], 0));
    }
}
