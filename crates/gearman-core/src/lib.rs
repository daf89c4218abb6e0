//! The Gearman protocol, with a client and a worker for it. Knows nothing of PHP and nothing of
//! the job server's inside.
//!
//! Each file uses only those above it:
//!
//! ```text
//! code            gearman_return_t: what a call, or the wire, says of an outcome
//! error           the one Error, and what follows from it
//! packet          commands, their arguments, a frame of bytes
//! codec           bytes -> frame, incremental and bounded; frame -> bytes
//! message         frame <-> typed Request and Response
//! admin           the text commands on the same port
//! outbox          what waits to be written to a socket
//! servers         "host:port,…" and unix:///path
//! ---- feature "client" ----
//! process         which process this is, asked cheaply
//! connection      the only file with sockets
//! unique          keys for jobs that were given none
//! peer            a server and the way to it: connecting, waiting after failures
//! pool            idle connections, for the next client
//! task, link      client state, pure: what was asked for, and which answer is whose
//! search          which servers are asked about a job
//! route           a server as a client uses it
//! client          drives tasks over peers; yields events
//! job, duty       worker state, pure: abilities, grab / pre-sleep / noop
//! worker          drives duties over peers; yields jobs
//! ```

#![forbid(unsafe_code)]

pub mod admin;
pub mod code;
pub mod codec;
pub mod error;
pub mod message;
pub mod outbox;
pub mod packet;
pub mod servers;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod connection;
#[cfg(feature = "client")]
pub mod duty;
#[cfg(all(feature = "client", any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "client")]
pub mod job;
#[cfg(feature = "client")]
pub mod link;
#[cfg(feature = "client")]
pub mod peer;
#[cfg(feature = "client")]
pub mod pool;
#[cfg(feature = "client")]
pub mod process;
#[cfg(feature = "client")]
mod route;
#[cfg(feature = "client")]
mod search;
#[cfg(feature = "client")]
pub mod task;
#[cfg(feature = "client")]
pub mod unique;
#[cfg(feature = "client")]
pub mod worker;

pub use code::Code;
pub use error::{Error, Result};

/// The port of a job server where none is given.
pub const DEFAULT_PORT: u16 = 4730;
/// The host of a job server where none is given.
pub const DEFAULT_HOST: &str = "localhost";

/// Largest unique key in bytes. C peers keep keys in 64 bytes with a NUL behind.
pub const MAX_UNIQUE: usize = 64;
/// Largest function name in bytes.
pub const MAX_FUNCTION: usize = 512;
/// Largest job handle in bytes; C peers keep handles in 64 bytes with a NUL behind.
pub const MAX_HANDLE: usize = 64;
/// Largest client id in bytes.
pub const MAX_CLIENT_ID: usize = 254;
/// Largest packet body that is accepted unless a caller sets another limit: 1 GiB.
pub const MAX_PACKET: usize = 1 << 30;
