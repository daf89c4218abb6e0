//! A file of rules in TOML: its text, and the place in it where something is wrong.
//!
//! Owns what all such files have in common. Must never know what one of them says.
//!
//! Invariants: only a regular file of a bounded size is read; every mistake has its line and column.

use gearman_core::regular;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// No file that a person writes is larger.
const MAX_SIZE: u64 = 1024 * 1024;

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("{}: {reason}", .file.display())]
    Unreadable {
        /// Its name.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It says something that cannot be.
    #[error("{}:{line}:{column}: {reason}", .file.display())]
    Wrong {
        /// Its name.
        file: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// The character in it, from 1 on.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The text of a file.
pub(super) fn read(file: &Path) -> Result<String, FileError> {
    let unreadable = |reason: String| FileError::Unreadable { file: file.into(), reason };
    let text = text_of(file).map_err(|e| unreadable(e.to_string()))?;
    String::from_utf8(text).map_err(|e| unreadable(e.utf8_error().to_string()))
}

/// The text of a file that is not too large.
fn text_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let text = regular::read(file, MAX_SIZE)?;
    match text.len() as u64 > MAX_SIZE {
        true => Err(std::io::Error::other(format!("it is larger than {MAX_SIZE} bytes"))),
        false => Ok(text),
    }
}

/// Something wrong in a text.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The byte.
    at: usize,
    reason: String,
}

impl Mistake {
    pub(super) fn at(at: usize, reason: impl Into<String>) -> Mistake {
        Mistake { at, reason: reason.into() }
    }

    /// Of a key or a value.
    pub(super) fn of_part<T>(part: &Spanned<T>, reason: impl Into<String>) -> Mistake {
        Mistake::at(part.span().start, reason)
    }

    /// With its place in the text of this file.
    pub(super) fn of(self, text: &str, file: &Path) -> FileError {
        let (line, column) = place(text, self.at);
        let reason = self.reason.trim().replace('\n', "; ").replace(char::is_control, " ");
        FileError::Wrong { file: file.into(), line, column, reason }
    }
}

impl From<toml::de::Error> for Mistake {
    fn from(error: toml::de::Error) -> Mistake {
        Mistake::at(error.span().map_or(0, |Range { start, .. }| start), error.message())
    }
}

/// Line and column of a byte.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// A key, and what stands behind it.
pub(super) type Entry<'a> = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>);

/// The entries of a table as they are written, so that the first mistake is the one that is found. `wanted` is what should
/// be there where it is no table.
pub(super) fn entries<'a>(value: &'a Spanned<DeValue<'a>>, wanted: impl Display) -> Result<Vec<Entry<'a>>, Mistake> {
    let table = value.get_ref().as_table();
    table.map(in_order).ok_or_else(|| Mistake::of_part(value, format!("{wanted} is wanted")))
}

/// The same of a table that is known to be one.
pub(super) fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A value as it would be written behind `KEY=`.
pub(super) fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, Mistake> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(true) => Ok("yes".into()),
        DeValue::Boolean(false) => Ok("no".into()),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            Ok(number.map_or_else(|_| digits.as_str().into(), |number| number.to_string()))
        }
        other => {
            let reason =
                format!("a text, a whole number, true or false is wanted, not what TOML calls {}", name(other));
            Err(Mistake::of_part(value, reason))
        }
    }
}

fn name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Float(_) => "a float",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
        DeValue::String(_) => "a string",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Integer(_) => "an integer",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// A text, and the same with some noise in it, is read; or what is wrong has a place in it, and words.
    pub(crate) fn no_text_breaks(
        mut text: String,
        noise: &str,
        at: &Index,
        read: impl Fn(&str) -> Option<FileError>,
    ) -> Result<(), TestCaseError> {
        let at = at.index(text.len() + 1);
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        for noise in ["", noise] {
            text.insert_str(at, noise);
            if let Some(FileError::Wrong { line, column, reason, .. }) = read(&text) {
                prop_assert!(line <= text.matches('\n').count() + 1 && column <= text.chars().count() + 1);
                prop_assert!(!reason.contains(char::is_control) && !reason.is_empty(), "{:?}", reason);
            }
        }
        Ok(())
    }
}
