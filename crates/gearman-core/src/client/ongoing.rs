//! Tasks that are not over, and who waits for them. Pure.
//!
//! Owns what a task has received so far. Must never know which connection it came from.
//!
//! A result in parts that grows beyond the limit for one packet ends its call with an error.

use crate::client::search::Search;
use crate::client::task::{Event, Kind};
use crate::error::Error;
use bytes::{Bytes, BytesMut};

/// Who gets the events of a task.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Each event is queued, for [`crate::client::Client::next_event`].
    Events,
    /// A call waits for the end: parts of the result so far, and the end once it is known.
    Call(Parts),
    /// Nobody any more; the answers are still to come and must be recognised.
    Nobody,
}

/// What a call has received so far.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Of the result: copies, since each would keep all that was read together with it.
    data: BytesMut,
    /// How the task ended, once it has.
    end: Option<Event>,
}

impl Parts {
    /// One more part of the result; more than `limit` bytes in all are the end.
    pub(crate) fn add(&mut self, part: &[u8], limit: usize) {
        let size = self.data.len() + part.len();
        if size <= limit {
            self.data.extend_from_slice(part);
        } else {
            let error = Error::TooLarge { from: String::new(), size, limit };
            *self = Parts { data: BytesMut::new(), end: Some(Event::Error(error.into())) };
        }
    }

    pub(crate) fn end(&mut self, end: Event) {
        self.end = Some(end);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// How the task ended, with the whole of its result.
    pub(crate) fn take(&mut self) -> Option<Event> {
        let Parts { mut data, end } = std::mem::take(self);
        match end {
            Some(Event::Complete(last)) if !data.is_empty() => {
                data.extend_from_slice(&last);
                Some(Event::Complete(data.freeze()))
            }
            end => end,
        }
    }
}

/// A task that is not over.
#[derive(Debug)]
pub(crate) struct Ongoing {
    pub(crate) kind: Kind,
    /// Emptied when it is sent, or, where another server may be asked as well, when it is answered or nobody waits for it any more.
    pub(crate) packet: Bytes,
    /// A server has it.
    pub(crate) sent: bool,
    /// The one server that can answer, for questions about a server.
    pub(crate) server: Option<usize>,
    /// Of a question about a job, where several servers might know, and of a job that one of several has refused: who is to be asked.
    pub(crate) search: Option<Box<Search>>,
    pub(crate) listener: Listener,
    pub(crate) serial: u32,
    /// Over, with an end that a call has not fetched yet.
    pub(crate) ended: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_fill_the_limit() {
        let mut parts = Parts::default();
        parts.add(b"12345", 10);
        parts.add(b"67890", 10);
        assert!(!parts.has_ended());
        parts.add(b"!", 10);
        let Some(Event::Error(error)) = parts.take() else { panic!() };
        assert!(matches!(*error, Error::TooLarge { size: 11, .. }));
    }
}
