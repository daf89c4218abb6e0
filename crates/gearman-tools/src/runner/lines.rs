//! Bytes of a program's output -> lines of text.
//!
//! Owns what has come of a line that has no end yet. Invariants: a line has at most [`LONGEST`] bytes of output, a longer
//! one comes in pieces of whole characters; no line holds a control character, whatever the program writes.

/// Bytes of output in a line.
pub const LONGEST: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes in what came, and gives the lines that have ended.
    pub fn take(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        while !bytes.is_empty() {
            let room = (LONGEST - self.begun.len()).min(bytes.len());
            match bytes[..room].iter().position(|b| *b == b'\n') {
                Some(end) => {
                    self.begun.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                    line(self.cut());
                }
                None => {
                    self.begun.extend_from_slice(&bytes[..room]);
                    bytes = &bytes[room..];
                    if self.begun.len() == LONGEST {
                        let rest = self.begun.split_off(LONGEST - character_begun(&self.begun));
                        line(self.cut());
                        self.begun = rest;
                        if self.begun.is_empty() {
                            // Where the line ends here, so does its last piece.
                            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
                        }
                    }
                }
            }
        }
    }

    /// A last line that has no end.
    pub fn rest(&mut self) -> Option<String> {
        (!self.begun.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> String {
        let line = printable(self.begun.strip_suffix(b"\r").unwrap_or(&self.begun));
        self.begun.clear();
        line
    }
}

/// How many bytes at the end are the first of a character.
fn character_begun(bytes: &[u8]) -> usize {
    let begun = |n: &usize| {
        let last = std::str::from_utf8(&bytes[bytes.len() - n..]);
        last.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).find(begun).unwrap_or(0)
}

/// Bytes as text: what is no UTF-8, and control characters but tabs, as `\xHH`.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => text.push(c),
                c if c.is_control() => text.extend(c.to_string().bytes().map(|byte| format!("\\x{byte:02x}"))),
                c => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these pieces.
    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        pieces.iter().for_each(|piece| lines.take(piece, |line| all.push(line)));
        all.extend(lines.rest());
        all
    }

    #[test]
    fn lines_come_whole() {
        assert_eq!(lines(&[b"a", b"b\nc\r\n\nd"]), ["ab", "c", "", "d"]);
        assert_eq!(lines(&[b"a\n"]), ["a"]);
        assert!(lines(&[b""]).is_empty());
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let long = vec![b'x'; 3 * LONGEST + 5];
        for piece in [1000, LONGEST - 1, LONGEST, LONGEST + 1, long.len()] {
            let pieces: Vec<&[u8]> = long.chunks(piece).collect();
            let lengths: Vec<usize> = lines(&pieces).iter().map(String::len).collect();
            assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, 5], "{piece}");
        }
        let exactly = [&[b'x'; LONGEST][..], b"\ny\n"].concat();
        assert_eq!(lines(&[&exactly]).len(), 2);
    }

    #[test]
    fn pieces_hold_whole_characters() {
        for (character, before) in [("\u{e9}", 1), ("\u{20ac}", 1), ("\u{20ac}", 2), ("\u{1f600}", 3)] {
            let text = format!("{}{character}b\n", "a".repeat(LONGEST - before));
            let last = format!("{character}b");
            assert_eq!(lines(&[text.as_bytes()]), ["a".repeat(LONGEST - before), last]);
        }
    }

    #[test]
    fn binary_is_shown() {
        assert_eq!(lines(&[b"a\x1b[31m\0\tb\xff\xc3\xa9\n"]), ["a\\x1b[31m\\x00\tb\\xff\u{e9}"]);
    }
}
