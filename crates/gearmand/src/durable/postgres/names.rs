//! What stands in C's columns for a job's unique key and function: text, and not every name is text that they can hold.
//!
//! What always holds: what was written is read again. A name that C's columns cannot hold is in columns of our own, and what
//! stands in C's is of no other job, and of no function that a worker has.

use crate::durable::row_key::RowKey;
use crate::durable::segments::Target;
use std::borrow::Cow;

/// What the key of a row begins with whose names are in columns of our own.
pub(super) const EXACT: &str = "(exact) ";
/// The most characters of `function_name`.
const FUNCTION: usize = 255;

/// As they are written.
pub(super) struct Names<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) function: Cow<'a, str>,
    /// Unique key and function, where the other two say less.
    pub(super) exact: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Names<'a> {
    /// `ascii`: the database has another encoding than UTF-8.
    pub(super) fn of(target: &'a Target<'a>, ascii: bool) -> Names<'a> {
        let RowKeyText(key) = RowKeyText::of(&target.key, ascii);
        let looks_exact = target.unique.starts_with(EXACT.as_bytes());
        match (key, text(target.function, ascii)) {
            (Some(key), Some(function)) if !looks_exact && function.chars().count() <= FUNCTION => {
                Names { key: key.into(), function: function.into(), exact: None }
            }
            _ => {
                let lossy = target.function.iter().map(|&b| if (b' '..=b'~').contains(&b) { b as char } else { '?' });
                let function: String = lossy.take(FUNCTION).collect();
                let exact = Some((target.unique, target.function));
                Names { key: format!("{EXACT}{}", target.id).into(), function: function.into(), exact }
            }
        }
    }
}

struct RowKeyText<'a>(Option<&'a str>);

impl<'a> RowKeyText<'a> {
    fn of(key: &'a RowKey, ascii: bool) -> RowKeyText<'a> {
        RowKeyText(text(key.as_ref(), ascii))
    }
}

/// These bytes, where PostgreSQL takes them for text.
fn text(bytes: &[u8], ascii: bool) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains('\0') && (!ascii || text.is_ascii())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_for_the_database_is_kept_beside() {
        let long = [b'f'; 256];
        for (unique, function, ascii, wanted) in [
            (&b"k"[..], &b"f"[..], true, ("k", "f", false)),
            (b"", b"f", false, ("(no key) 7", "f", false)),
            ("ü".as_bytes(), b"f", false, ("ü", "f", false)),
            ("ü".as_bytes(), b"f", true, ("(exact) 7", "f", true)),
            (b"k\xff", b"f", false, ("(exact) 7", "f", true)),
            (b"k\0", b"f", false, ("(exact) 7", "f", true)),
            (b"", b"g\xff", false, ("(exact) 7", "g?", true)),
            (b"(exact) 9", b"f", false, ("(exact) 7", "f", true)),
            (b"k", &long, false, ("(exact) 7", str::from_utf8(&long[1..]).unwrap(), true)),
        ] {
            let target = Target { id: 7, key: RowKey::new(7, unique), unique, function };
            let names = Names::of(&target, ascii);
            assert_eq!((&*names.key, &*names.function, names.exact.is_some()), wanted);
            assert!(names.exact.is_none_or(|exact| exact == (unique, function)));
        }
    }
}
