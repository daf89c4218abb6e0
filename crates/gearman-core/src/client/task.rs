//! What a client can ask for ([`Ask`]), and what becomes known of it ([`Event`]). Pure data.
//!
//! Owns the packet of a request, and which kind of answer it has. Must never know a server or a connection.
//! An [`Ask`] is a whole packet that any server can read: what the protocol cannot carry is refused when it is made.

use crate::error::{Error, Result};
use crate::protocol::message::{Decimal, Priority, Request, Start, Submit};
use crate::protocol::names::{check_function, check_unique};
use crate::protocol::packet::HEADER;
use crate::{MAX_HANDLE, MAX_UNIQUE};
use bytes::Bytes;
use memchr::memchr;

/// Names a task of one client. Never reused while anyone could still hold it. Earlier ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    pub(crate) serial: u32,
    pub(crate) index: u32,
}

/// The option by which a server shows that it can be asked about keys of [`MAX_UNIQUE`] bytes. C servers (seen: 1.1.20)
/// never answer a question about one, and do not know the option.
pub(crate) const LONG_KEYS: &[u8] = b"unique-64";

/// What becomes of the question where they do not.
pub(crate) const NO_LONG_KEYS: Error =
    Error::Argument("this server can be asked about unique keys of at most 63 bytes: to one of 64 it would not answer");

/// What kind of answer a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JOB_CREATED, then the job's updates until it ends.
    Foreground,
    /// JOB_CREATED.
    Background,
    /// STATUS_RES.
    Status,
    /// STATUS_RES_UNIQUE.
    StatusUnique,
    /// ECHO_RES.
    Echo,
}

impl Kind {
    /// Does it give a server a job?
    pub(crate) fn is_job(self) -> bool {
        matches!(self, Kind::Foreground | Kind::Background)
    }

    /// Does it ask for what a server knows of a job?
    pub(crate) fn is_question(self) -> bool {
        matches!(self, Kind::Status | Kind::StatusUnique)
    }

    /// May this question only be put to a server that knows [`LONG_KEYS`]?
    pub(crate) fn needs_permission(self, packet: &[u8]) -> bool {
        self == Kind::StatusUnique && packet.len() == HEADER + MAX_UNIQUE
    }
}

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub(crate) kind: Kind,
    /// The whole packet.
    pub(crate) packet: Bytes,
}

impl Ask {
    /// A job. `unique` is sent as it is; [`crate::client::Client::unique`] makes one up.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty workload or function name, names too long for the protocol, and NUL
    /// bytes in either name, which the protocol cannot carry.
    pub fn submit(
        priority: Priority,
        background: bool,
        function: &[u8],
        unique: &[u8],
        workload: &[u8],
    ) -> Result<Ask> {
        not_empty(workload)?;
        job(Submit { priority, background, function, unique, workload, start: Start::Now, reducer: None })
    }

    /// A background job that does not run before this moment, in seconds since 1970; at once where that is past.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`Ask::submit`].
    pub fn submit_at(epoch: u64, function: &[u8], unique: &[u8], workload: &[u8]) -> Result<Ask> {
        not_empty(workload)?;
        let (priority, epoch) = (Priority::Normal, Decimal::new(epoch));
        let start = Start::Epoch(epoch.as_ref());
        job(Submit { priority, background: true, function, unique, workload, start, reducer: None })
    }

    /// A job without a workload, which the protocol allows and [`Ask::submit`] refuses as libgearman does.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`Ask::submit`], but for the workload.
    pub fn submit_empty(priority: Priority, background: bool, function: &[u8], unique: &[u8]) -> Result<Ask> {
        job(Submit { priority, background, function, unique, workload: b"", start: Start::Now, reducer: None })
    }

    /// Is JOB_CREATED the only answer to it?
    pub fn is_background(&self) -> bool {
        self.kind == Kind::Background
    }

    /// What the server knows of the job with this handle. A handle that is longer than any is cut, as in
    /// libgearman: C servers (seen: 1.1.20) never answer a question with one.
    ///
    /// # Errors
    /// [`Error::Argument`] for NUL bytes.
    pub fn status(handle: &[u8]) -> Result<Ask> {
        if memchr(0, handle).is_some() {
            return Err(Error::Argument("a job handle holds no NUL bytes"));
        }
        ask(Kind::Status, Request::GetStatus(&handle[..handle.len().min(MAX_HANDLE - 1)]))
    }

    /// What the server knows of the job with this key. Of one of [`MAX_UNIQUE`] bytes not every server answers:
    /// then the answer is [`Error::Argument`].
    ///
    /// # Errors
    /// [`Error::Argument`] for keys that cannot be one.
    pub fn status_unique(unique: &[u8]) -> Result<Ask> {
        check_unique(unique)?;
        ask(Kind::StatusUnique, Request::GetStatusUnique(unique))
    }

    /// Sends `data` there and back.
    ///
    /// # Errors
    /// [`Error::Argument`] for no data.
    pub fn echo(data: &[u8]) -> Result<Ask> {
        if data.is_empty() {
            return Err(Error::Argument("there is nothing to echo: the data is empty"));
        }
        ask(Kind::Echo, Request::Echo(data))
    }
}

fn not_empty(workload: &[u8]) -> Result<()> {
    match workload {
        b"" => Err(Error::Argument("the workload is empty: Gearman jobs need at least one byte")),
        _ => Ok(()),
    }
}

fn job(job: Submit<'_>) -> Result<Ask> {
    check_function(job.function)?;
    check_unique(job.unique)?;
    let kind = if job.background { Kind::Background } else { Kind::Foreground };
    ask(kind, Request::Submit(job))
}

#[inline]
fn ask(kind: Kind, request: Request<'_>) -> Result<Ask> {
    match request.packet() {
        Some(packet) => Ok(Ask { kind, packet: packet.into() }),
        None => Err(Error::Argument("the data is larger than a packet can be, 4 GiB")),
    }
}

/// What became known of a task. Bytes in it share memory with all that was read together with them: see [`Event::detached`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server took the job; its handle. Ends a background task.
    Created(Bytes),
    /// How far the worker is.
    Status {
        /// Done so far.
        numerator: u32,
        /// Of so many.
        denominator: u32,
    },
    /// A part of the result.
    Data(Bytes),
    /// A remark of the worker.
    Warning(Bytes),
    /// The end: the result, or its last part.
    Complete(Bytes),
    /// The end: the worker threw.
    Exception(Bytes),
    /// The end: the job failed.
    Fail,
    /// The end of a question: what the server knows of a job.
    Known(Known),
    /// The end of an echo: what came back.
    Echoed(Bytes),
    /// The end: the server refused it, or the connection was lost. Boxed, so that all others are small.
    Error(Box<Error>),
}

/// What was read together with fewer bytes may be many times as large.
const SHORT: usize = 16 * 1024;

impl Event {
    /// The same, to be kept for long: short bytes share memory with nothing.
    #[must_use]
    pub fn detached(self) -> Event {
        let own = |bytes: Bytes| if bytes.len() < SHORT { Bytes::copy_from_slice(&bytes) } else { bytes };
        match self {
            Event::Created(handle) => Event::Created(own(handle)),
            Event::Data(part) => Event::Data(own(part)),
            Event::Warning(text) => Event::Warning(own(text)),
            Event::Complete(result) => Event::Complete(own(result)),
            Event::Exception(text) => Event::Exception(own(text)),
            Event::Echoed(data) => Event::Echoed(own(data)),
            Event::Status { .. } | Event::Fail | Event::Known(_) | Event::Error(_) => self,
        }
    }
}

/// What the server knows of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Queued or running.
    pub known: bool,
    /// A worker has it.
    pub running: bool,
    /// Done so far.
    pub numerator: u32,
    /// Of so many.
    pub denominator: u32,
    /// How many clients wait for it; 0 where the server was asked by handle.
    pub clients: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_FUNCTION;

    #[test]
    fn arguments_that_the_protocol_can_not_carry_are_refused() {
        let submit = |function: &[u8], unique: &[u8], workload: &[u8]| {
            Ask::submit(Priority::Normal, false, function, unique, workload)
        };
        assert!(submit(&[b'f'; MAX_FUNCTION], &[b'u'; MAX_UNIQUE], b"\0").is_ok());
        for (function, unique, workload) in [
            (&b""[..], &b""[..], &b"w"[..]),
            (&[b'f'; MAX_FUNCTION + 1], b"", b"w"),
            (b"f\0", b"", b"w"),
            (b"f", &[b'u'; MAX_UNIQUE + 1], b"w"),
            (b"f", b"\0u", b"w"),
            (b"f", b"", b""),
        ] {
            assert!(matches!(submit(function, unique, workload), Err(Error::Argument(_))));
        }
        assert!(Ask::status(b"H\0").is_err());
        assert!(Ask::status_unique(b"u\0").is_err());
        assert!(Ask::echo(b"").is_err());
    }
}
