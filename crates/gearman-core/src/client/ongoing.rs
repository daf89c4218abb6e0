//! Tasks that are not over, and who waits for them. Pure.
//!
//! Owns what a task has received so far. Must never know which connection it came from.
//!
//! A result in parts that grows beyond the limit for one packet ends its call with an error.

use crate::client::search::Search;
use crate::client::task::{Event, Kind};
use crate::error::Error;
use bytes::Bytes;

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
    pub(crate) data: Vec<Bytes>,
    /// Bytes in `data`.
    pub(crate) size: usize,
    pub(crate) end: Option<Event>,
}

impl Parts {
    /// One more part; more than `limit` bytes in all are the end.
    pub(crate) fn add(&mut self, part: Bytes, limit: usize) {
        self.size += part.len();
        self.data.push(part);
        if self.size > limit {
            let size = self.size;
            self.data.clear();
            self.end = Some(Event::Error(Error::TooLarge { from: String::new(), size, limit }.into()));
        }
    }
}

/// A task that is not over.
#[derive(Debug)]
pub(crate) struct Ongoing {
    pub(crate) kind: Kind,
    /// Emptied when it is sent.
    pub(crate) packet: Bytes,
    /// The one server that can answer, for questions about a server.
    pub(crate) server: Option<usize>,
    /// Of a question about a job, where several servers might know: who is to be asked.
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
        parts.add(Bytes::from_static(b"12345"), 10);
        parts.add(Bytes::from_static(b"67890"), 10);
        assert_eq!(parts.end, None);
        parts.add(Bytes::from_static(b"!"), 10);
        let Some(Event::Error(error)) = &parts.end else { panic!("{:?}", parts.end) };
        assert!(matches!(**error, Error::TooLarge { size: 11, .. }));
        assert!(parts.data.is_empty());
    }
}
