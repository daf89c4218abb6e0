//! Names of functions, keys and jobs, as the HTTP side shows and links them. Names are any bytes.
//!
//! Owns how they are written in JSON and in paths. Must never know what they name.
//!
//! Invariants:
//! - two names are never shown as the same text;
//! - what is linked is found by that very name, whatever bytes it has; only an empty one has no place in a path.

use crate::http::request::encode;
use std::borrow::Cow;

/// A name as text: a backslash, and bytes that are no UTF-8, as `\xHH`.
pub(crate) fn shown(name: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => Cow::Owned(escaped(name)),
    }
}

fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() + 3);
    for chunk in name.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', r"\x5c"));
        text.extend(chunk.invalid().iter().map(|byte| format!(r"\x{byte:02x}")));
    }
    text
}

/// Where a function is to be found.
pub(crate) fn function(name: &[u8]) -> String {
    format!("/api/v1/functions/{}", encode(name))
}

/// Where a job is.
pub(crate) fn job(handle: &[u8]) -> String {
    format!("/api/v1/jobs/{}", encode(handle))
}

/// Where a dead letter is.
pub(crate) fn dead(handle: &[u8]) -> String {
    format!("/api/v1/dead/{}", encode(handle))
}

/// Where the policies of a pattern are.
pub(crate) fn policy(pattern: &str) -> String {
    format!("/api/v1/policies/{}", encode(pattern.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::decode;

    #[test]
    fn any_bytes_are_text_and_no_two_the_same() {
        for (name, text) in [
            (&b"mail"[..], "mail"),
            (b"", ""),
            ("größe \u{1f600}".as_bytes(), "größe \u{1f600}"),
            (b"a\xffb", r"a\xffb"),
            (br"a\xffb", r"a\x5cxffb"),
            (b"\xe2\x82", r"\xe2\x82"),
            (b"tab\t\"\0", "tab\t\"\0"),
        ] {
            assert_eq!(shown(name), text, "{}", name.escape_ascii());
        }
        assert!(matches!(shown(b"mail"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_link_names_the_same_bytes() {
        let every: Vec<u8> = (0..=255).collect();
        for name in [&b"mail"[..], b".", b"..", b"a/b", b"a%2Fb", b"H:host:1", b"?q#f", &every] {
            let href = function(name);
            let segment = href.strip_prefix("/api/v1/functions/").unwrap();
            assert!(!segment.contains(['/', '?', '#']) && !matches!(segment, "." | ".."), "{href}");
            assert_eq!(decode(segment), name);
        }
        assert_eq!(job(b"H:host:1"), "/api/v1/jobs/H:host:1");
        assert_eq!(dead(b"H:host:1"), "/api/v1/dead/H:host:1");
        assert_eq!(policy("mail*"), "/api/v1/policies/mail*");
    }
}
