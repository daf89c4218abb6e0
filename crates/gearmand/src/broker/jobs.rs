//! Jobs, and how they are found: by handle, by unique key, by number.
//!
//! The life of a job, which is always in one of its states, and what takes it from one to the next:
//!
//! | from | to | when |
//! |---|---|---|
//! | – | queued, delayed | it is submitted, to run at once or at a time |
//! | – | storing | it is submitted in the background, and the queue is durable |
//! | storing | queued, delayed | the durable queue has it as it is now |
//! | storing | gone | it cannot be stored |
//! | delayed | queued | its time has come |
//! | queued | running | a worker gets it |
//! | running | queued | its worker left, or its time was over, and no policy counts that; or it was not begun |
//! | running | delayed, storing | a try failed, and its policy has tries left |
//! | running | dead | a try failed, and none are left, or it is not tried again; its policy keeps dead letters |
//! | running | gone | it is done; or a try failed, none are left and no dead letters are kept |
//! | queued, delayed, storing | gone | its late worker did it after all; it is cancelled, or nobody waits for it |
//! | queued, delayed, storing | dead | its late worker could not do it either, and no tries are left |
//! | any of these | gone, dead | an operator cancels it, or buries it |
//! | dead | queued, storing | an operator has it tried again |
//! | dead | gone | an operator forgets it, it is too old, or one too many |
//!
//! Where it is dead it is a [`Letter`](crate::broker::dead::Letter), and not here.

use crate::broker::arena::{Arena, NONE};
use crate::durable::MAX_ID;
use arrayvec::ArrayVec;
use bytes::Bytes;
use gearman_core::MAX_HANDLE;
use gearman_core::protocol::message::Priority;
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Where a job is: see the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In a queue of its function.
    Queued,
    /// On its way to the durable queue, see [`crate::durable::batch`]. Then it is queued, or delayed.
    Storing,
    /// Waits for its time.
    Delayed,
    /// With the connection `Job::worker`.
    Running,
}

/// One job. A million of them may be queued, so it is small: what few jobs have is in `extra`.
#[derive(Debug)]
pub(crate) struct Job {
    /// The unique key, perhaps something that came after it, and the workload: exactly as large as
    /// that, or part of a read buffer that held this packet alone.
    bytes: Bytes,
    /// The number at the end of its handle, and its id in the durable queue. Never reused.
    pub(crate) number: u64,
    /// Since when it waits for a worker, or is with the one it has: microseconds of the steady clock. While delayed or
    /// on its way to the durable queue: when it may run, in milliseconds since 1970; 0 is at once.
    pub(crate) since: u64,
    /// What most jobs don't have.
    pub(crate) extra: Option<Box<Extra>>,
    /// Neighbours in the list it is in, see [`crate::broker::queue::List`].
    pub(crate) prev: u32,
    pub(crate) next: u32,
    /// Which function, by its number in the broker.
    pub(crate) function: u32,
    /// The first of the clients who wait for it; NONE without one.
    pub(crate) waiters: u32,
    /// Whose it is. Only while running.
    pub(crate) worker: u32,
    /// Where the workload begins in `bytes`.
    workload: u32,
    /// How often a worker began it and did not do it.
    pub(crate) tries: u16,
    unique: u8,
    pub(crate) priority: Priority,
    pub(crate) state: State,
    /// Runs even when nobody waits for it.
    pub(crate) background: bool,
    /// It has a row in the durable queue, or is on its way there.
    pub(crate) stored: bool,
    /// Its row is this server's, where servers share a queue.
    pub(crate) owned: bool,
}

/// What most jobs don't have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The function that joins the parts of a job that is split.
    pub(crate) reducer: Option<Box<[u8]>>,
    /// Its progress, as its worker last reported it.
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
    /// When the first of its tries failed, in milliseconds since 1970, where its function has a policy or its queue is shared;
    /// 0 before.
    pub(crate) first: u64,
    /// When its function's timeout runs out. Only while its worker is on it.
    pub(crate) deadline: Option<Duration>,
    /// It is another server's, and is run here for that one.
    pub(crate) forwarded: bool,
}

impl Job {
    pub(crate) fn new(function: u32, priority: Priority, background: bool, bytes: JobBytes) -> Job {
        let JobBytes { bytes, unique, workload } = bytes;
        Job {
            bytes,
            number: 0,
            since: 0,
            extra: None,
            prev: NONE,
            next: NONE,
            function,
            waiters: NONE,
            worker: NONE,
            workload,
            tries: 0,
            unique,
            priority,
            state: State::Queued,
            background,
            stored: false,
            owned: false,
        }
    }

    pub(crate) fn unique(&self) -> &[u8] {
        &self.bytes[..usize::from(self.unique)]
    }

    pub(crate) fn workload(&self) -> &[u8] {
        &self.bytes[self.workload as usize..]
    }

    /// The workload to be sent without a copy.
    pub(crate) fn shared_workload(&self) -> Bytes {
        self.bytes.slice(self.workload as usize..)
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// When it may run, in milliseconds since 1970, where it has to wait for that.
    pub(crate) fn due(&self) -> Option<u64> {
        let waits = matches!(self.state, State::Delayed | State::Storing);
        Some(self.since).filter(|due| waits && *due > 0)
    }

    /// It is another server's, and is run here for that one.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.forwarded)
    }

    /// Of a job that was forwarded its own server has seen to the key.
    fn key(&self) -> Option<Key<'_>> {
        if self.is_forwarded() {
            return None;
        }
        key(self.unique(), self.workload())
    }
}

/// What other jobs of the same function are the same as a job by: its unique key, and the workload where the key
/// stands for that.
type Key<'a> = (&'a [u8], &'a [u8]);

/// Key `-` stands for the workload. An empty one is no key, as in C (libgearman-server/job.cc).
fn key<'a>(unique: &'a [u8], workload: &'a [u8]) -> Option<Key<'a>> {
    match unique {
        b"" => None,
        b"-" if workload.is_empty() => None,
        b"-" => Some((unique, workload)),
        _ => Some((unique, b"")),
    }
}

/// A unique key and a workload in memory of their own.
#[derive(Debug)]
pub(crate) struct JobBytes {
    bytes: Bytes,
    unique: u8,
    workload: u32,
}

impl JobBytes {
    /// Copies both into one allocation, or keeps the part of `owner`, a buffer that holds just this
    /// packet, that they are in.
    pub(crate) fn new(unique: &[u8], workload: &[u8], owner: Option<&Bytes>) -> JobBytes {
        // Both are slices of one packet, the key in front. Whatever lies between them stays too.
        if let Some(owner) = owner {
            let begin = unique.as_ptr().addr().wrapping_sub(owner.as_ptr().addr());
            let middle = workload.as_ptr().addr().wrapping_sub(owner.as_ptr().addr());
            if begin <= middle && middle <= owner.len() && owner.len() - middle == workload.len() {
                let at = (middle - begin) as u32;
                return JobBytes { bytes: owner.slice(begin..), unique: unique.len() as u8, workload: at };
            }
        }
        let bytes = Bytes::from([unique, workload].concat().into_boxed_slice());
        JobBytes { bytes, unique: unique.len() as u8, workload: unique.len() as u32 }
    }
}

/// All jobs.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(crate) arena: Arena<Job>,
    /// By the number in the handle. Numbers are ours and in sequence: no client can choose them.
    numbers: HashTable<u32>,
    /// By function and key; with a hash that is seeded, because clients choose the keys. The hash is
    /// kept, so that growing looks at no job.
    uniques: HashTable<(u32, u32)>,
    hasher: RandomState,
    /// The last number that was given out.
    last: u64,
}

pub(crate) fn number_hash(number: u64) -> u64 {
    // Spreads a sequence over all bits (Fibonacci hashing): the table looks at both ends.
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Jobs {
    fn key_hash(&self, function: u32, key: Key<'_>) -> u32 {
        self.hasher.hash_one((function, key)) as u32
    }

    /// Takes a job in and gives it the next number.
    pub(crate) fn insert(&mut self, job: Job) -> u32 {
        self.insert_numbered(job, self.last + 1)
    }

    /// Takes a job in with this number, which no other has.
    pub(crate) fn insert_numbered(&mut self, mut job: Job, number: u64) -> u32 {
        job.number = number;
        let hash = job.key().map(|key| self.key_hash(job.function, key));
        let id = self.arena.insert(job);
        self.numbers.insert_unique(number_hash(number), id, |id| number_hash(self.arena[*id].number));
        if let Some(hash) = hash {
            self.uniques.insert_unique(spread(hash), (hash, id), |entry| spread(entry.0));
        }
        self.skip_to(number);
        id
    }

    /// Numbers up to this one are not given out any more.
    pub(crate) fn skip_to(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<Job> {
        let job = self.arena.get(id)?;
        if let Ok(entry) = self.numbers.find_entry(number_hash(job.number), |other| *other == id) {
            entry.remove();
        }
        if let Some(key) = job.key() {
            let hash = self.key_hash(job.function, key);
            if let Ok(entry) = self.uniques.find_entry(spread(hash), |entry| entry.1 == id) {
                entry.remove();
            }
        }
        if self.numbers.capacity() > 1024 && self.numbers.len() < self.numbers.capacity() / 8 {
            let jobs = &self.arena;
            self.numbers.shrink_to(self.numbers.len() * 2, |id| jobs.get(*id).map_or(0, |j| number_hash(j.number)));
            self.uniques.shrink_to(self.uniques.len() * 2, |entry| spread(entry.0));
        }
        self.arena.remove(id)
    }

    pub(crate) fn by_number(&self, number: u64) -> Option<u32> {
        self.numbers.find(number_hash(number), |id| self.arena[*id].number == number).copied()
    }

    /// The job that a submit with this key is the same as.
    pub(crate) fn by_unique(&self, function: u32, unique: &[u8], workload: &[u8]) -> Option<u32> {
        self.by_unique_where(function, unique, workload, |_| true)
    }

    /// The same among those jobs that count. Where a queue is shared, several may have one key: of some it is not known whether
    /// they are still there.
    pub(crate) fn by_unique_where(
        &self,
        function: u32,
        unique: &[u8],
        workload: &[u8],
        counts: impl Fn(&Job) -> bool,
    ) -> Option<u32> {
        let key = key(unique, workload)?;
        let hash = self.key_hash(function, key);
        let same = |entry: &(u32, u32)| {
            let job = &self.arena[entry.1];
            entry.0 == hash && job.function == function && job.key() == Some(key) && counts(job)
        };
        self.uniques.find(spread(hash), same).map(|entry| entry.1)
    }

    pub(crate) fn len(&self) -> usize {
        self.arena.len()
    }
}

/// `H:<host>:<number>`: how handles are written and read.
#[derive(Debug)]
pub(crate) struct Handles {
    prefix: Box<[u8]>,
    /// Where servers share a queue: in front of the numbers of its jobs, at each of them. Other jobs have numbers from [`MAX_ID`] on,
    /// which count from there in their handles.
    shared: Option<Box<[u8]>>,
}

/// A handle, never allocated.
pub(crate) type Handle = ArrayVec<u8, MAX_HANDLE>;

/// The longest prefix that leaves room for a colon, any number, and the NUL that C clients put after it.
pub(crate) const MAX_PREFIX: usize = MAX_HANDLE - 1 - 20 - 1;

impl Handles {
    /// With what stands in front of the colon and the number.
    pub(crate) fn new(prefix: &str) -> Handles {
        Handles { prefix: with_colon(prefix), shared: None }
    }

    /// Jobs with numbers below [`MAX_ID`] are of a queue that is shared, and have this in front.
    pub(crate) fn share(&mut self, prefix: &str) {
        self.shared = Some(with_colon(prefix));
    }

    pub(crate) fn write(&self, number: u64) -> Handle {
        let (mut handle, mut digits) = (Handle::new(), itoa::Buffer::new());
        let (prefix, number) = match (&self.shared, number.checked_sub(MAX_ID)) {
            (None, _) => (&self.prefix, number),
            (Some(_), Some(number)) => (&self.prefix, number),
            (Some(shared), None) => (shared, number),
        };
        let parts = [&prefix[..], digits.format(number).as_bytes()];
        let written = parts.into_iter().try_for_each(|part| handle.try_extend_from_slice(part));
        debug_assert!(written.is_ok(), "MAX_PREFIX leaves room for any number");
        handle
    }

    /// The number, where this is how we would write it.
    pub(crate) fn parse(&self, handle: &[u8]) -> Option<u64> {
        let Some(shared) = &self.shared else { return number(handle.strip_prefix(&self.prefix[..])?) };
        match handle.strip_prefix(&shared[..]) {
            Some(digits) => number(digits).filter(|number| *number < MAX_ID),
            None => number(handle.strip_prefix(&self.prefix[..])?)?.checked_add(MAX_ID),
        }
    }
}

fn with_colon(prefix: &str) -> Box<[u8]> {
    let prefix = prefix.as_bytes();
    [&prefix[..prefix.len().min(MAX_PREFIX)], b":"].concat().into()
}

/// Digits as we write them.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0u64, |n, d| {
        let digit = d.is_ascii_digit().then(|| u64::from(d - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_small() {
        assert!(size_of::<Job>() <= 88, "{}", size_of::<Job>());
    }

    #[test]
    fn handles_are_read_as_they_are_written() {
        let handles = Handles::new("H:host");
        for number in [1, 9, 10, 4730, u64::MAX] {
            assert_eq!(handles.parse(handles.write(number).as_ref()), Some(number));
        }
        for bad in ["H:host:", "H:host:01", "H:host:1x", "H:other:1", "H:host:18446744073709551616", "", "H:host:-1"] {
            assert_eq!(handles.parse(bad.as_bytes()), None, "{bad}");
        }
        let long = Handles::new(&"x".repeat(200));
        assert!(long.write(u64::MAX).len() < MAX_HANDLE);
    }

    #[test]
    fn handles_of_a_shared_queue_and_of_one_server() {
        let mut handles = Handles::new("H:host");
        handles.share("H:@gearmand");
        for (number, text) in
            [(7, "H:@gearmand:7"), (MAX_ID - 1, "H:@gearmand:9007199254740991"), (MAX_ID + 1, "H:host:1")]
        {
            assert_eq!(handles.write(number).as_ref(), text.as_bytes());
            assert_eq!(handles.parse(text.as_bytes()), Some(number));
        }
        for bad in ["H:@gearmand:9007199254740992", "H:@gearmand:0", "H:host:18446744073709551615", "H:other:1"] {
            assert_eq!(handles.parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_packet_of_its_own_is_kept_and_others_are_copied() {
        let packet = Bytes::from(b"....f\0key\0reducer\0work\0load".to_vec());
        let bytes = JobBytes::new(&packet[6..9], &packet[18..], Some(&packet));
        let job = Job::new(0, Priority::Normal, true, bytes);
        assert_eq!((job.unique(), job.workload()), (&b"key"[..], &b"work\0load"[..]));
        assert_eq!(job.shared_workload().as_ptr(), packet[18..].as_ptr());
        let copy = Job::new(0, Priority::Normal, true, JobBytes::new(b"key", b"", None));
        assert_eq!((copy.unique(), copy.workload()), (&b"key"[..], &b""[..]));
    }
}
