//! The one error of the tools.

use std::io;

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong; its text is what the user reads behind the program's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something between us and a server, or an argument that no server would take.
    #[error(transparent)]
    Gearman(#[from] gearman_core::Error),
    /// A file, a pipe or a process.
    #[error("could not {what}: {reason}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's words.
        reason: io::Error,
    },
    /// Standard output cannot be written.
    #[error("could not write to standard output: {0}")]
    Output(io::Error),
    /// An answer that no server should give.
    #[error("the server's answer to {command} is not understood: {line}")]
    Answer {
        /// What was asked.
        command: &'static str,
        /// What cannot be understood.
        line: String,
    },
    /// Options that cannot be honoured.
    #[error("{0}")]
    Usage(&'static str),
}

impl Error {
    /// Our output is not read any more: no reason to print anything, or to go on.
    pub fn is_unread(&self) -> bool {
        matches!(self, Error::Output(reason) if reason.kind() == io::ErrorKind::BrokenPipe)
    }

    /// An [`Error::Io`] for something that was tried: `.map_err(Error::io("read a file"))`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |reason| Error::Io { what, reason }
    }
}
