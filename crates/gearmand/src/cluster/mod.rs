//! A queue that several servers share: jobs are rows of one database, servers own some of them for a while, and any server
//! may die. docs/cluster.md has the protocol.
//!
//! ```text
//! broker ── batches, demand ──> Member ── asks ──> a store
//! broker <── jobs, outcomes ─── Member <── answers ──
//! ```
//!
//! Owns what one server knows of its part in it. Knows nothing of sockets, threads and clocks: time is an argument. What always
//! holds: a server hands out a job only while it owns its row, by a lease that it has renewed in time.

pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod held;
pub(crate) mod lease;
pub(crate) mod member;
pub(crate) mod postgres;
#[cfg(test)]
mod tests;
