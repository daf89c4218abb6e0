//! Which servers are asked about a job, where there are several: those that gave its handle, if that is
//! remembered; else all, one after the other, until one knows the job. And which are given a job that one has refused. Pure.
//!
//! Owns who was asked, who is left, and the first failure. Must never know connections: servers are numbers.
//!
//! A handle alone does not identify its server: servers on one host use the same prefix, and number their jobs alike.
//! No server is asked the same question twice in a search.

use crate::client::task::{Event, Kind};
use crate::error::Error;
use crate::protocol::packet::HEADER;
use bytes::Bytes;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many jobs are remembered, in 64 KiB.
const LAST: usize = 4096;

/// Where the last jobs went.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// The hash of a handle, and the number of the server that gave it. The last one is last.
    last: VecDeque<(u64, u32)>,
}

impl Origins {
    pub(crate) fn remember(&mut self, handle: &[u8], server: usize) {
        let origin = (hash(handle), server as u32);
        if self.last.back() == Some(&origin) {
            return; // jobs with one key are one job
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(origin);
    }

    /// The servers that gave this handle, the last one first.
    pub(crate) fn of(&self, handle: &[u8]) -> Vec<usize> {
        let (hash, mut servers) = (hash(handle), Vec::new());
        for (_, server) in self.last.iter().rev().filter(|(of, _)| *of == hash) {
            let server = *server as usize;
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }
}

fn hash(handle: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    handle.hash(&mut hasher);
    hasher.finish()
}

/// A question, or a job, that several servers may be asked to take.
#[derive(Debug)]
pub(crate) struct Search {
    /// Who is still to be asked.
    left: Vec<usize>,
    asked: bool,
    /// Why the first server that could not answer could not.
    failed: Option<Error>,
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The end of the search.
    Final(Event),
    /// The next server is to be asked.
    AskNext,
}

impl Search {
    /// Nobody was asked yet.
    pub(crate) fn begin(kind: Kind, question: &Bytes, origins: &Origins, servers: usize) -> Search {
        let mut left = match kind {
            Kind::Status => origins.of(question.get(HEADER..).unwrap_or_default()),
            _ => Vec::new(),
        };
        if left.is_empty() {
            left.extend(0..servers);
        }
        Search { left, asked: false, failed: None }
    }

    /// A job was refused by one of so many servers.
    pub(crate) fn of_refused(by: usize, servers: usize, refusal: Error) -> Search {
        Search { left: (0..servers).filter(|i| *i != by).collect(), asked: true, failed: Some(refusal) }
    }

    /// Who is to be asked next: the first in order of those with the least rank.
    pub(crate) fn next<R: Ord>(&self, rank: impl Fn(usize) -> R) -> Option<usize> {
        self.left.iter().copied().min_by_key(|i| rank(*i))
    }

    /// This server is being asked.
    pub(crate) fn asks(&mut self, server: usize) {
        self.asked = true;
        self.left.retain(|i| *i != server);
    }

    /// Is nobody left to be asked?
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Was anyone?
    pub(crate) fn has_asked(&self) -> bool {
        self.asked
    }

    /// This server can not be asked.
    pub(crate) fn passes(&mut self, server: usize, error: Error) {
        self.left.retain(|i| *i != server);
        self.failed.get_or_insert(error);
    }

    /// Why there is no answer: not every server answered that it does not know the job, so one may still have it. Or why the first one
    /// refused it.
    pub(crate) fn failure(&self) -> Error {
        self.failed.clone().unwrap_or(Error::NoServers)
    }

    /// A server has answered, or was lost before it could.
    pub(crate) fn receive(&mut self, event: Event) -> Answer {
        match &event {
            Event::Known(known) if known.known => return Answer::Final(event),
            Event::Error(error) => _ = self.failed.get_or_insert_with(|| (**error).clone()),
            _ => {}
        }
        if !self.left.is_empty() {
            return Answer::AskNext;
        }
        Answer::Final(self.failed.take().map_or(event, |error| Event::Error(error.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_handles_are_remembered_and_no_more() {
        let mut origins = Origins::default();
        for n in 0..LAST + 10 {
            origins.remember(format!("H:x:{n}").as_bytes(), n % 3);
            origins.remember(format!("H:x:{n}").as_bytes(), n % 3);
        }
        assert_eq!(origins.last.len(), LAST);
        assert_eq!(origins.of(b"H:x:9"), []);
        for n in [10, 11, LAST + 9] {
            assert_eq!(origins.of(format!("H:x:{n}").as_bytes()), [n % 3]);
        }
    }

    #[test]
    fn a_handle_of_two_servers_is_asked_of_both_the_last_one_first() {
        let mut origins = Origins::default();
        for server in [2, 0, 2] {
            origins.remember(b"H:x:1", server);
        }
        origins.remember(b"H:x:2", 1);
        assert_eq!(origins.of(b"H:x:1"), [2, 0]);
    }
}
