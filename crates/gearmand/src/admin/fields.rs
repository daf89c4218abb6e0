//! Pieces of answers of our own: fields between tabs, lines of a key and a value, refusals. No state, and nothing of what they
//! tell.
//!
//! Invariant: whatever a value holds, its field ends at the tab or the line end that was put there.

use std::fmt::Display;
use std::time::Duration;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A value, with %XX for what ends fields and lines, all other control characters, and %.
pub(crate) fn encoded(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b'%' | 0..0x20 | 0x7f => {
                out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(*byte),
        }
    }
}

/// A field that is not the first of its line.
pub(crate) fn field(out: &mut Vec<u8>, value: impl AsRef<[u8]>) {
    out.push(b'\t');
    encoded(out, value.as_ref());
}

/// Seconds since 1970. Never earlier than what is said, which counts where something is to happen then.
pub(crate) fn unix_time(time: Duration) -> String {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).to_string()
}

/// A list that describes one thing: a line for each field.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    pub(crate) fn put(&mut self, key: &str, value: impl AsRef<[u8]>) {
        self.0.extend_from_slice(key.as_bytes());
        field(&mut self.0, value);
        self.0.push(b'\n');
    }

    /// Where there is something to tell.
    pub(crate) fn put_some(&mut self, key: &str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// The whole answer.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b".\n");
        self.0
    }
}

/// `ERR CODE some+words`. The reason may hold what somebody sent.
pub(crate) fn refused(code: &str, reason: impl Display) -> Vec<u8> {
    let reason = reason.to_string().replace(char::is_whitespace, "+").replace(char::is_control, "?");
    format!("ERR {code} {reason}\r\n").into()
}

/// Of a job that is not there.
pub(crate) fn unknown_job(reason: impl Display) -> Vec<u8> {
    refused("UNKNOWN_JOB", reason)
}

/// `OK`.
pub(crate) fn done() -> Vec<u8> {
    b"OK\r\n".to_vec()
}

/// `OK n`.
pub(crate) fn so_many(count: usize) -> Vec<u8> {
    format!("OK {count}\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_breaks_its_line() {
        let mut fields = Fields::default();
        fields.put("all", (0..=255).collect::<Vec<u8>>());
        fields.put_some("nothing", None::<&str>);
        fields.put("empty", "");
        let text = fields.end();
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 3);
        assert!(text.starts_with(b"all\t%00%01%02") && text.ends_with(b"\xfe\xff\nempty\t\n.\n"));
        let shown = |time| unix_time(Duration::from_millis(time));
        assert_eq!([shown(0), shown(1000), shown(1001)], ["0", "1", "2"]);
        assert_eq!(refused("NO", "a b\r\nc\u{1}"), b"ERR NO a+b++c?\r\n");
    }
}
