//! The protocol as bytes: packets with their arguments, the typed requests and responses, text commands.
//!
//! Must never know sockets, clocks, or the state of a conversation: the same bytes mean the same at any time. What is
//! parsed is borrowed from the buffer it was read from.

pub mod admin;
pub mod answer;
pub mod codec;
pub mod message;
pub mod names;
pub mod packet;
pub mod write_buffer;
