//! The only sockets of this crate, where they lead, and which process made them.

pub mod address;
#[cfg(feature = "client")]
pub mod connection;
#[cfg(feature = "client")]
pub mod fork;
