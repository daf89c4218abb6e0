//! Where what is. Of a job: C gearmand's key, `PREFIX-FUNCTION-UNIQUE`, a hash with its fields `data` and `priority` and with
//! ours. All else is under names that do not begin with the prefix: C gearmand takes all that does for jobs.
//!
//! What always holds: no two jobs have one key. C's do where a function has a hyphen in its name; so a job of such a function
//! has a key that no other job's is, longer than any that has a client's unique key, and what it is say our fields alone.

use crate::durable::segments::Target;
use gearman_core::MAX_UNIQUE;

/// What names of ours begin with.
const OURS: &str = "gearmand:";

/// See the module.
pub(super) struct Keys {
    prefix: Vec<u8>,
    pub(super) lock: Vec<u8>,
    pub(super) owner: Vec<u8>,
    pub(super) version: Vec<u8>,
    pub(super) settings: Vec<u8>,
    /// The numbers of dead letters, by the time of their deaths.
    pub(super) dead: Vec<u8>,
    /// A job before it is moved to its key.
    pub(super) made: Vec<u8>,
}

impl Keys {
    /// # Errors
    /// Where names of ours would begin with this prefix.
    pub(super) fn new(prefix: &str) -> Result<Keys, String> {
        if OURS.starts_with(prefix) || prefix.starts_with(OURS) {
            return Err(format!("--redis-prefix: {prefix} is what names of other things begin with, or all of it"));
        }
        let ours = |what: &str| format!("{OURS}{prefix}:{what}").into_bytes();
        Ok(Keys {
            prefix: format!("{prefix}-").into_bytes(),
            lock: ours("lock"),
            owner: ours("owner"),
            version: ours("version"),
            settings: ours("settings"),
            dead: ours("dead"),
            made: ours("made"),
        })
    }

    /// Of a job.
    pub(super) fn job(&self, target: &Target<'_>) -> Vec<u8> {
        let function = target.function;
        if function.contains(&b'-') {
            let function: Vec<u8> = function.iter().map(|b| if *b == b'-' { b'_' } else { *b }).collect();
            return [&self.prefix, &function[..], format!("-(exact) {:0MAX_UNIQUE$}", target.id).as_bytes()].concat();
        }
        [&self.prefix, function, b"-", target.key.as_ref()].concat()
    }

    /// What C gearmand makes of a key: function and unique key.
    pub(super) fn parts<'a>(&self, key: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let rest = key.strip_prefix(&self.prefix[..])?;
        let hyphen = rest.iter().position(|b| *b == b'-')?;
        Some((&rest[..hyphen], &rest[hyphen + 1..]))
    }

    /// All keys of jobs, as SCAN wants them.
    pub(super) fn pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::new();
        for byte in &self.prefix {
            if b"*?[]\\^".contains(byte) {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        pattern.push(b'*');
        pattern
    }

    /// Of a dead letter.
    pub(super) fn letter(&self, id: u64) -> Vec<u8> {
        [&self.dead, format!(":{id}").as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::row_key::RowKey;

    #[test]
    fn no_two_jobs_have_one_key() {
        let keys = Keys::new("_gear_").unwrap();
        let key = |id, unique, function| keys.job(&Target { id, key: RowKey::new(id, unique), unique, function });
        assert_eq!(key(1, b"c-d", b"ab"), b"_gear_-ab-c-d");
        assert_eq!(keys.parts(b"_gear_-ab-c-d"), Some((&b"ab"[..], &b"c-d"[..])));
        let exact = key(2, b"d", b"ab-c");
        assert_eq!(exact, [&b"_gear_-ab_c-(exact) "[..], &[b'0'; MAX_UNIQUE - 1], b"2"].concat());
        let longest = &exact[b"_gear_-ab_c-".len()..][..MAX_UNIQUE];
        assert_ne!(key(3, longest, b"ab_c"), exact, "a client's unique key is no longer");
        assert_eq!(key(3, b"", b""), b"_gear_--(no key) 3");
        assert_eq!((keys.parts(b"other"), keys.parts(b"_gear_-x")), (None, None));
        assert_eq!(Keys::new("a*").unwrap().pattern(), b"a\\*-*");
        assert!(["", "g", "gearmand:", "gearmand:x"].iter().all(|prefix| Keys::new(prefix).is_err()));
    }
}
