//! Sockets, and what waits for them: the only part of the library that reads and writes. Above it everything is pure.
//!
//! What kind of stream a connection is, only [`stream`] and [`listener`] know.

pub(crate) mod alarm;
pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod peer;
pub(crate) mod stream;
pub(crate) mod threads;
