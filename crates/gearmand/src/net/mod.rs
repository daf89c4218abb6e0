//! Sockets: the only place of the library that reads and writes them.

pub(crate) mod alarm;
pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod stream;
pub(crate) mod threads;
