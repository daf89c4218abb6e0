//! Files of settings that people write: their text, and the place in it where something is wrong.
//!
//! Owns what all of them have in common. Must never know what one of them says. Invariants: only a regular file of a bounded
//! size is read; every mistake has its line and column.

use crate::regular;
use std::io;
use std::path::{Path, PathBuf};

/// No file that a person writes is larger.
const MAX_SIZE: u64 = 1 << 20;

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
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
        /// What is wrong, and how to mend it: in one line.
        reason: String,
    },
}

impl SettingsError {
    /// Something wrong at a byte of the text of this file.
    pub fn wrong(file: &Path, text: &str, at: usize, reason: &str) -> SettingsError {
        let before = text.get(..at).unwrap_or(text);
        SettingsError::Wrong {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            reason: reason.trim().replace('\n', "; ").replace(char::is_control, " "),
        }
    }
}

/// The text of a file.
///
/// # Errors
/// [`SettingsError::Unreadable`]: also where it is no regular file, no UTF-8, or larger than 1 MiB.
pub fn read(file: &Path) -> Result<String, SettingsError> {
    let text = regular::read(file, MAX_SIZE).and_then(|bytes| match bytes.len() as u64 > MAX_SIZE {
        true => Err(io::Error::other(format!("it is larger than {MAX_SIZE} bytes"))),
        false => String::from_utf8(bytes).map_err(|e| io::Error::other(e.utf8_error())),
    });
    text.map_err(|e| SettingsError::Unreadable { file: file.into(), reason: e.to_string() })
}
