//! The one error of this crate, and what follows from it.
//!
//! Owns the texts that users read, each error's return code, and whether its connection is still of use. Must never know who
//! made the call. A text names the server, once that is known.

use crate::return_code::ReturnCode;
use std::fmt::Display;

/// The text by which servers, C's too, refuse a job of a function that has as many as it may have.
const QUEUE_FULL: &str = "Job queue is full";

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Each variant is a decision that a caller can make; its text names the server,
/// the reason and, where there is one, the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server was added.
    #[error("no servers have been added: call addServer() first")]
    NoServers,
    /// A host name could not be resolved.
    #[error("could not resolve {server}: {reason}")]
    Resolve {
        /// As the user wrote it.
        server: String,
        /// The resolver's text.
        reason: String,
    },
    /// A connection could not be made.
    #[error("could not connect to {server}: {reason}")]
    Connect {
        /// Host and port, or path.
        server: String,
        /// The system's text.
        reason: String,
    },
    /// TLS could not be agreed on, so that nothing was sent: a file that cannot be used, a certificate that is not to be
    /// trusted, a server that does not take ours.
    #[error("no TLS connection to {server}: {reason}")]
    Tls {
        /// Host and port.
        server: String,
        /// What is wrong, with which file, and how to mend it.
        reason: String,
    },
    /// The connection ended, or had to be given up.
    #[error("lost connection to {server}: {reason}")]
    Lost {
        /// Host and port, or path.
        server: String,
        /// What was seen of it.
        reason: String,
    },
    /// The other side sent what the protocol does not allow; the stream cannot be trusted any more.
    #[error("protocol error: {reason}")]
    Protocol {
        /// Which kind of wrong: [`ReturnCode::InvalidMagic`], [`ReturnCode::InvalidCommand`], [`ReturnCode::InvalidPacket`] or
        /// [`ReturnCode::UnexpectedPacket`].
        code: ReturnCode,
        /// What was wrong with it.
        reason: String,
    },
    /// A packet is larger than the limit allows.
    #[error("a packet of {size} bytes{from} exceeds the limit of {limit} bytes")]
    TooLarge {
        /// " from " and its sender, once that is known.
        from: String,
        /// Bytes of the body, as its header declares them.
        size: usize,
        /// The limit that was set.
        limit: usize,
    },
    /// The server answered with an ERROR packet.
    #[error("server {server} refused: {text} ({name})")]
    Server {
        /// Host and port, or path.
        server: String,
        /// The packet's code, `None` where libgearman has no such code.
        code: Option<ReturnCode>,
        /// The packet's code as it was sent.
        name: String,
        /// The packet's text.
        text: String,
    },
    /// Nothing came from the server for as long as the caller would wait.
    #[error("timeout reached, nothing was heard from {server} for {waited} ms")]
    Timeout {
        /// Host and port, or path; "the servers" where several were waited for.
        server: String,
        /// How long the wait was, in milliseconds.
        waited: u64,
    },
    /// An argument that cannot be sent.
    #[error("{0}")]
    Argument(&'static str),
    /// No server is there, reported as something less than a failure: see [`Error::away`].
    #[error("no server is there: {reason}")]
    Away {
        /// What it is reported as.
        code: ReturnCode,
        /// Why none is there.
        reason: Box<Error>,
    },
    /// There is nothing to wait for.
    #[error("no active file descriptors: there is nothing to wait for")]
    NothingToWaitFor,
    /// The worker has no function.
    #[error("no functions have been registered: call addFunction() first")]
    NoFunctions,
    /// This function was not registered.
    #[error("function is not registered")]
    NoSuchFunction,
    /// No server has a job.
    #[error("no jobs")]
    NoJobs,
    /// Not without waiting, and the caller would not wait.
    #[error("operation would block")]
    WouldBlock,
    /// The job is over, its connection is gone, or it belongs to another process.
    #[error("the job cannot be answered: {0}")]
    JobGone(&'static str),
    /// An echo came back changed.
    #[error("{server} answered an echo with other data")]
    EchoCorrupted {
        /// Host and port, or path.
        server: String,
    },
}

impl Error {
    /// An [`Error::Protocol`]: a packet that does not fit its command.
    pub fn protocol(reason: impl Display) -> Error {
        Error::Protocol { code: ReturnCode::InvalidPacket, reason: reason.to_string() }
    }

    /// An [`Error::Protocol`]: a good packet in the wrong place.
    pub fn unexpected(reason: impl Display) -> Error {
        Error::Protocol { code: ReturnCode::UnexpectedPacket, reason: reason.to_string() }
    }

    /// An [`Error::Lost`].
    pub fn lost(server: impl Display, reason: impl Display) -> Error {
        Error::Lost { server: server.to_string(), reason: reason.to_string() }
    }

    /// The [`Error::Server`] that an ERROR packet stands for.
    pub fn refused(server: impl Display, code: &[u8], text: &[u8]) -> Error {
        Error::Server {
            server: server.to_string(),
            code: ReturnCode::from_wire(code),
            name: String::from_utf8_lossy(code).into_owned(),
            text: String::from_utf8_lossy(text).into_owned(),
        }
    }

    /// An error about what was sent means nothing to a user without the name of who sent it.
    #[must_use]
    pub fn at(self, server: impl Display) -> Error {
        match self {
            Error::Protocol { code, reason } => Error::Protocol { code, reason: format!("{server}: {reason}") },
            Error::TooLarge { size, limit, .. } => Error::TooLarge { from: format!(" from {server}"), size, limit },
            other => other,
        }
    }

    /// Reports as `code` that a server is gone or cannot be reached: for callers to whom it is the same whether there is
    /// no job or no server. Other errors stay what they are.
    #[must_use]
    pub fn away(self, code: ReturnCode) -> Error {
        match self {
            Error::Resolve { .. } | Error::Connect { .. } | Error::Tls { .. } | Error::Lost { .. } => {
                Error::Away { code, reason: Box::new(self) }
            }
            other => other,
        }
    }

    /// The code that libgearman reports in this case.
    pub fn code(&self) -> ReturnCode {
        match self {
            Error::NoServers => ReturnCode::NoServers,
            Error::Resolve { .. } => ReturnCode::Getaddrinfo,
            Error::Connect { .. } | Error::Tls { .. } => ReturnCode::CouldNotConnect,
            Error::Lost { .. } => ReturnCode::LostConnection,
            Error::Protocol { code, .. } | Error::Away { code, .. } => *code,
            Error::TooLarge { .. } => ReturnCode::DataTooLarge,
            Error::Server { code, .. } => code.unwrap_or(ReturnCode::ServerError),
            Error::Timeout { .. } => ReturnCode::Timeout,
            Error::Argument(_) | Error::JobGone(_) => ReturnCode::InvalidArgument,
            Error::NothingToWaitFor => ReturnCode::NoActiveFds,
            Error::NoFunctions => ReturnCode::NoRegisteredFunctions,
            Error::NoSuchFunction => ReturnCode::NoRegisteredFunction,
            Error::NoJobs => ReturnCode::NoJobs,
            Error::WouldBlock => ReturnCode::IoWait,
            Error::EchoCorrupted { .. } => ReturnCode::EchoDataCorruption,
        }
    }

    /// What connecting to several servers has failed for, of all that failed there. That a name cannot be resolved is nothing to fail
    /// for where another server is `up`: some names go with their servers, and whoever gave it was told.
    pub(crate) fn of_connecting<'a>(mut failures: impl Iterator<Item = &'a Error>, up: bool) -> Result<()> {
        let failed = failures.find(|error| !(up && matches!(error, Error::Resolve { .. })));
        failed.map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Must the connection be closed, because what follows on it cannot be understood?
    pub fn closes(&self) -> bool {
        matches!(self, Error::Tls { .. } | Error::Lost { .. } | Error::Protocol { .. } | Error::TooLarge { .. })
    }

    /// May the same request be tried at another server? Only where it cannot have been accepted.
    pub fn elsewhere(&self) -> bool {
        match self {
            Error::Resolve { .. } | Error::Connect { .. } | Error::Tls { .. } => true,
            // It drains, or cannot store jobs. That a queue is full is no fault of the server's: the limit is to hold jobs back.
            Error::Server { code: Some(ReturnCode::QueueError), text, .. } => text != QUEUE_FULL,
            _ => false,
        }
    }
}

/// The system's text without Rust's "(os error N)".
#[cfg(feature = "tls")]
pub(crate) fn system_text(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_string()
}
