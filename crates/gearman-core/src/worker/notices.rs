//! What a server tells of jobs unasked: which try one is, and that one was cancelled (JOB_NOTICE, see docs/protocol.md).
//!
//! Owns which servers do not know of notices, for the whole process; what one told of its jobs is with the server.
//! Must never end a job: one that was cancelled is dropped here if it was not begun, else its function is left to ask.

use super::Worker;
use crate::protocol::message::{News, Notice, number};
use crate::server_connection::poll_once;
use crate::worker::job::Job;
use crate::worker::server::Server;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

/// Servers that do not know of notices: each is asked once in a process.
pub(super) static REFUSED: Refusals = Refusals::new();

/// Servers that do not know of something, by name.
pub(super) struct Refusals(Mutex<BTreeSet<String>>);

impl Refusals {
    pub(super) const fn new() -> Refusals {
        Refusals(Mutex::new(BTreeSet::new()))
    }

    pub(super) fn has(&self, server: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(server)
    }

    pub(super) fn add(&self, server: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(server.into());
    }
}

impl Server {
    /// Which try the job is that came just now; 0 where the server does not tell.
    pub(super) fn attempt(&mut self, handle: &[u8]) -> u32 {
        let told = self.told.attempt.take().filter(|(of, _)| of == handle);
        told.map_or(u32::from(self.protocol.tells_attempts), |(_, attempt)| attempt)
    }
}

impl Worker {
    /// A server told something of a job.
    pub(super) fn noticed(&mut self, i: usize, notice: &Notice<'_>) {
        let server = &mut self.servers[i];
        let handle = notice.handle;
        match notice.news {
            News::Attempt(attempt) => {
                server.told.attempt = Some((Bytes::copy_from_slice(handle), number(attempt).max(1)))
            }
            News::Cancelled => {
                let before = self.arrived.len();
                self.arrived.retain(|job| job.server != i || job.handle != handle);
                server.unfinished = server.unfinished.saturating_sub(before - self.arrived.len());
                let begun = before == self.arrived.len() && server.unfinished > 0;
                if begun {
                    server.told.cancelled(handle);
                }
            }
            News::Other(..) => {}
        }
    }

    /// Was this job cancelled, as far as its server has told? Takes in what has come and waits for nothing. False where the
    /// server does not tell, and for a job of another process, or of a connection that is gone.
    pub async fn is_cancelled(&mut self, job: &mut Job) -> bool {
        if job.cancelled || job.ended || !job.is_ours() {
            return job.cancelled;
        }
        let i = job.server;
        let server =
            self.servers.get_mut(i).filter(|p| p.protocol.tells_cancelled && p.connection.serial == job.serial);
        let Some(server) = server else { return false };
        if server.connection.up().is_some_and(|connection| connection.is_stale()) {
            poll_once(|cx| {
                self.receive_all(i, cx);
                Poll::Ready(())
            })
            .await;
        }
        job.cancelled = self.servers[i].told.is_cancelled(&job.handle);
        job.cancelled
    }
}
