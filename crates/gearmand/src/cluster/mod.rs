//! A queue that several servers share: jobs are rows of one database, servers own some of them for a while, and any server
//! may die. docs/cluster.md has the protocol.
//!
//! ```text
//! broker ── batches, demand ──> Member ── asks ──> a store
//! broker <── jobs, outcomes ─── Member <── answers ──
//! ```
//!
//! Owns what one server knows of its part in it. But for `link.rs` and the store, knows nothing of sockets, threads and clocks: time is an argument. What
//! always holds: a server hands out a job only while it owns its row, by a lease that it has renewed in time.

pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod held;
pub(crate) mod lease;
pub(crate) mod link;
pub(crate) mod member;
pub(crate) mod mirror;
pub(crate) mod postgres;
pub(crate) mod said;
#[cfg(test)]
mod tests;

use std::fmt;

/// A queue that is shared with other servers: where it is, and what this server is among them.
#[derive(Clone)]
pub struct SharedQueue {
    pub(crate) store: postgres::settings::Settings,
    pub(crate) member: member::Settings,
    /// What its jobs have in front of the number in their handles.
    pub(crate) prefix: String,
}

impl fmt::Debug for SharedQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedQueue")
            .field("member", &self.member)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
