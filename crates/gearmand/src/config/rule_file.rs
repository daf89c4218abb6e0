//! A file of rules in TOML: its entries, and the place of each in its text.
//!
//! Owns what all such files have in common. Must never know what one of them says.
//!
//! Invariants: every mistake has its line and column.

use gearman_core::settings_file::SettingsError;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

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
    pub(super) fn of(self, text: &str, file: &Path) -> SettingsError {
        SettingsError::wrong(file, text, self.at, &self.reason)
    }
}

impl From<toml::de::Error> for Mistake {
    fn from(error: toml::de::Error) -> Mistake {
        Mistake::at(error.span().map_or(0, |Range { start, .. }| start), error.message())
    }
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
        read: impl Fn(&str) -> Option<SettingsError>,
    ) -> Result<(), TestCaseError> {
        let at = at.index(text.len() + 1);
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        for noise in ["", noise] {
            text.insert_str(at, noise);
            if let Some(SettingsError::Wrong { line, column, reason, .. }) = read(&text) {
                prop_assert!(line <= text.matches('\n').count() + 1 && column <= text.chars().count() + 1);
                prop_assert!(!reason.contains(char::is_control) && !reason.is_empty(), "{:?}", reason);
            }
        }
        Ok(())
    }
}
