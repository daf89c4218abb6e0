//! The Gearman protocol, with a client and a worker for it. Knows nothing of PHP and nothing of
//! the job server's inside.
//!
//! Each file uses only those that stand above it here, and a folder's `mod.rs` all of its own:
//!
//! ```text
//! return_code             gearman_return_t: the result of a call, as a number and a name
//! error                   the one Error, and its return code
//! protocol/               bytes; no I/O
//!     packet              commands, their arguments, a frame of bytes
//!     codec               bytes -> frame, incremental and bounded; frame -> bytes
//!     message             frame <-> typed Request and Response
//!     names               which function names and unique keys there can be
//!     admin               the text commands on the same port
//!     write_buffer        what waits to be written to a socket
//! net/                    sockets, where they lead, and which process made them
//!     address             "host:port,…" and unix:///path
//! ---- feature "client" ----
//!     fork                which process this is, asked cheaply
//!     connection          the only file with sockets
//! server_connection       a server and the way to it: connecting, waiting after failures
//! client/                 any number of tasks over any number of servers; yields events
//!     unique              keys for jobs that were given none
//!     pool                idle connections, for the next client
//!     task                what can be asked for, and what becomes known of it; pure
//!     search              which servers are asked about a job; pure
//!     ongoing             tasks that are not over, and who waits for them; pure
//!     pending             requests whose answers are due on one connection; pure
//!     server              a server as a client uses it
//!     dispatch            which server a waiting task goes to
//! worker/                 jobs of any number of servers, one at a time
//!     job                 a job that was given to this worker
//!     protocol            abilities, grab / pre-sleep / noop on one connection; pure
//!     server              a server as a worker uses it
//!     direct, echo, pace  jobs without a grab, and ahead; ECHO_REQ; failing calls
//! ```

#![forbid(unsafe_code)]

pub mod error;
pub mod net;
pub mod protocol;
pub mod return_code;

#[cfg(feature = "client")]
pub mod client;
#[cfg(all(feature = "client", any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "client")]
pub mod server_connection;
#[cfg(feature = "client")]
pub mod worker;

pub use error::{Error, Result};
pub use return_code::ReturnCode;

/// The port of a job server where none is given.
pub const DEFAULT_PORT: u16 = 4730;
/// The host of a job server where none is given.
pub const DEFAULT_HOST: &str = "localhost";

/// Largest unique key in bytes. C peers keep keys in 64 bytes with a NUL after them.
pub const MAX_UNIQUE: usize = 64;
/// Largest function name in bytes.
pub const MAX_FUNCTION: usize = 512;
/// Largest job handle in bytes; C peers keep handles in 64 bytes with a NUL after them.
pub const MAX_HANDLE: usize = 64;
/// Largest client id in bytes.
pub const MAX_CLIENT_ID: usize = 254;
/// Largest packet body that is accepted unless a caller sets another limit: 1 GiB.
pub const MAX_PACKET: usize = 1 << 30;
