//! The protocol as bytes: commands, packets, text commands. No I/O, no clock, no state of a conversation.

pub mod admin;
pub mod codec;
pub mod message;
pub mod names;
pub mod packet;
pub mod write_buffer;
