//! Answers to the text commands, as who asked reads them: where one ends, whether it is a refusal, and the fields of a list that
//! describes one thing.
//!
//! Must never know what was asked. What a server may send that makes no sense is an error, and never more than that.

use crate::error::{Error, Result};
use std::borrow::Cow;

/// Where the answer at the start of `received` ends, if it is all there. No end lies before `seen`. `listing`: it is a list,
/// and ends in a line with a dot, unless it is a refusal.
pub fn end(received: &[u8], seen: usize, listing: bool) -> Option<usize> {
    let line_end = |from: usize| memchr::memchr(b'\n', &received[from..]).map(|i| from + i + 1);
    // A line of a list may begin with ERR as well, where a function is called so; then it has columns.
    let first = |line: &[u8]| !listing || line.starts_with(b"ERR ") && !line.contains(&b'\t');
    let mut next = line_end(seen.min(received.len()));
    // Only where there is an end to a line: who looks back for the start of a long one with each part of it never comes to its end.
    let mut line = next.and_then(|_| memchr::memrchr(b'\n', &received[..seen])).map_or(0, |i| i + 1);
    while let Some(end) = next {
        if line == 0 && first(&received[..end]) || listing && matches!(&received[line..end], b".\n" | b".\r\n") {
            return Some(end);
        }
        (line, next) = (end, line_end(end));
    }
    None
}

/// A refusal: `ERR CODE some+words`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// One word, such as `UNKNOWN_JOB`.
    pub code: &'a [u8],
    /// For people, with + for blanks. Often empty.
    pub text: &'a [u8],
}

impl<'a> Refusal<'a> {
    /// What this answer refuses, if it does.
    pub fn read(answer: &'a [u8]) -> Option<Refusal<'a>> {
        let line = answer.strip_prefix(b"ERR ")?.trim_ascii();
        let blank = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        Some(Refusal { code: &line[..blank], text: line[blank..].trim_ascii() })
    }

    /// Does the server not know the command at all, or not with these words?
    pub fn is_unknown_command(&self) -> bool {
        matches!(self.code, b"UNKNOWN_COMMAND" | b"UNKNOWN_ERROR" | b"INVALID_ARGUMENTS")
    }
}

/// The lines `KEY\tVALUE` of a list, values with their `%XX` decoded. Keys are lower case letters and dashes.
pub fn fields(listing: &[u8]) -> impl Iterator<Item = Result<(&str, Cow<'_, [u8]>)>> {
    let lines = listing.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !matches!(*line, b"" | b".")).map(|line| {
        let tab = memchr::memchr(b'\t', line);
        let key = tab.and_then(|tab| std::str::from_utf8(&line[..tab]).ok()).filter(|key| is_key(key));
        match (key, tab) {
            (Some(key), Some(tab)) => Ok((key, decoded(&line[tab + 1..]))),
            _ => Err(Error::protocol("a line in answer to a text command that is no key with a value")),
        }
    })
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Without `%XX`, which stands for what would end a line or a field. Anything else stays.
pub fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', value).is_none() {
        return value.into();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.first_chunk::<2>().and_then(hex)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    bytes.into()
}

fn hex(digits: &[u8; 2]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|digit| digit as u8);
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use properties::properties;
    use proptest::prelude::*;

    /// The end, as it is found when the answer comes byte by byte.
    fn slowly(received: &[u8], listing: bool) -> Option<usize> {
        (0..received.len()).find_map(|n| end(&received[..=n], n, listing))
    }

    #[test]
    fn an_answer_ends_where_it_should_however_it_comes() {
        for (received, listing, expected) in [
            (&b"OK 12\nOK\r\n"[..], false, Some(6)),
            (b"OK\r\n", false, Some(4)),
            (b"OK", false, None),
            (b".\n.\n", true, Some(2)),
            (b"f\t0\t0\t0\n.\nrest\n", true, Some(10)),
            (b"f\t0\t0\t0\r\n.\r\n", true, Some(12)),
            (b"f.\n..\n .\n.", true, None),
            (b"ERR UNKNOWN_COMMAND x\r\n", true, Some(23)),
            (b"ERR f\t0\t0\t0\n.\n", true, Some(14)),
            (b"f\t0\t0\t0\nERR x\n.\n", true, Some(16)),
        ] {
            assert_eq!(end(received, 0, listing), expected, "{}", received.escape_ascii());
            assert_eq!(slowly(received, listing), expected, "{}", received.escape_ascii());
        }
    }

    #[test]
    fn refusals_have_a_code_and_perhaps_words() {
        let refusal = |code, text| Some(Refusal { code, text });
        assert_eq!(Refusal::read(b"ERR UNKNOWN_JOB\r\n"), refusal(b"UNKNOWN_JOB", b""));
        assert_eq!(Refusal::read(b"ERR NO no+right to\n"), refusal(b"NO", b"no+right to"));
        assert_eq!(Refusal::read(b"ERR \n"), refusal(b"", b""));
        assert_eq!(Refusal::read(b"OK\r\n"), None);
        assert_eq!(Refusal::read(b""), None);
    }

    #[test]
    fn fields_are_keys_with_values() {
        let listing = b"handle\tH:x:1\r\ntext\ta%0Ab%09c%zz%2\nempty\t\n.\n";
        let read: Vec<_> = fields(listing).map(Result::unwrap).collect();
        let expected: [(&str, &[u8]); 3] = [("handle", b"H:x:1"), ("text", b"a\nb\tc%zz%2"), ("empty", b"")];
        assert_eq!(read, expected.map(|(key, value)| (key, value.into())));
        for bad in [&b"no tab\n.\n"[..], b"\tno key\n", b"Key\t1\n", b"0\t1\n", b"k\xff\t1\n", b"\0RES\t1"] {
            assert!(fields(bad).next().unwrap().is_err(), "{}", bad.escape_ascii());
        }
    }

    properties! {
        cases: 512;

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), listing in any::<bool>()) {
            prop_assert_eq!(slowly(&bytes, listing), end(&bytes, 0, listing));
            fields(&bytes).for_each(drop);
            Refusal::read(&bytes);
        }

        #[test]
        fn what_was_encoded_is_decoded(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let escaped = |b: &u8| match b {
                b'%' | 0..0x20 | 0x7f => format!("%{b:02X}").into_bytes(),
                b => vec![*b],
            };
            let line: Vec<u8> = b"key\t".iter().copied().chain(value.iter().flat_map(escaped)).collect();
            let read = fields(&line).next().unwrap().unwrap();
            prop_assert_eq!(read.1.as_ref(), &value[..]);
        }
    }
}
