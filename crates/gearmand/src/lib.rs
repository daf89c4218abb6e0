//! A job server for Gearman, as a library: [`run`] serves the listeners it is given until it is told
//! to stop, so that tests own both.
//!
//! Each file uses only those above it:
//!
//! ```text
//! slab            values under small numbers, memory given back
//! queue           lists threaded through jobs; a function's three priorities
//! job             jobs, by handle and by unique key
//! workers         connections and functions, as the store sees them
//! wakeups         wake-ups without an answer, and who is woken then
//! persist         what a durable queue is: a trait
//! journal         changes on their way there
//! mail            what is to be sent, by connection
//! seldom          what the log says only now and then
//! schedule        when a SUBMIT_JOB_SCHED runs
//! store           all state: clients submit and ask …
//! grab, work      … workers get jobs, are woken, and end them
//! keep            … jobs go to the durable queue, and come back
//! text            admin commands -> answers
//! dispatch        a packet -> a call of the store
//! words           of a command line and of files
//! config          every option, with default and meaning
//! ---- below: sockets ----
//! keeper          the thread that serves the durable queue
//! sqlite          which may be an SQLite file
//! threads         what connections are spread over
//! socket_file     a socket's name in the file system
//! alarm           a timer for short waits
//! connection      bytes of one connection -> turns; a turn's answers -> sockets
//! server          accept, timers, stopping
//! ```

#![forbid(unsafe_code)]

mod admin;
mod broker;
pub mod config;
pub mod durable;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod net;
mod outgoing;
mod seldom;
mod server;
mod shared;

pub use config::Config;
pub use durable::Durable;
pub use net::listener::{Listener, SocketFile};
pub use server::{Server, Stop, run};

/// The version that `version` answers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
