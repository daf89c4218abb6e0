//! A job server for Gearman, as a library: [`run`] serves the listeners it is given until it is to stop,
//! so that tests own both.
//!
//! Each module uses only those above it, and a module and its children each other; `scripts/map.sh` checks that.
//!
//! ```text
//! durable            what a durable queue is: a trait, changes and rows
//! durable::batch     changes on their way there
//! outgoing           what is to be sent, by connection
//! seldom             what is logged only now and then
//! net::peer          who is at the other end of a connection
//! rights             what a connection may do; what each packet and text command needs
//! broker::activity   what became of a function's jobs, in numbers
//! broker::arena      values under small numbers, memory given back
//! broker::jobs       jobs, by handle and by unique key
//! broker::queue      lists threaded through jobs; a function's three priorities
//! broker::schedule   when a SUBMIT_JOB_SCHED runs
//! broker::sessions   connections, as the broker sees them
//! broker::functions  what waits in each function, and who can run it
//! broker::wakeups    wake-ups without an answer, and who is woken then
//! broker             all state; connections come and go, clients ask for a status …
//! broker::submit     … and submit jobs
//! broker::assign     … workers are woken, and get jobs
//! broker::results    … and send results
//! broker::storing    … jobs go to the durable queue, and come back
//! broker::manage     … operators make, limit and drop functions, and cancel jobs
//! broker::snapshot   … what is to be seen from outside
//! broker::dispatch   a packet -> a call of the broker
//! admin::listing     the snapshot -> lists of lines
//! admin::whoami      who a connection is, and its rights -> a list of lines
//! admin::text        text commands -> answers
//! durable::writer    the thread that writes changes
//! durable::recovery  reading the jobs at the start
//! durable::row_key   the keys of rows in C gearmand's tables
//! durable::sqlite    a durable queue in an SQLite file
//! durable::sqlite::extras  what C gearmand's table there has no columns for
//! config::file       words of a command line and of files
//! config::acl        the file of rules: who has which rights
//! config::verify     which clients are let in by their certificates
//! config::tls        certificates and keys, from their files
//! config::listen     a word of --listen
//! config             what a server is run with
//! config::options    every option, with default and meaning
//! config::command_line  words of the command line and of files -> options
//! ---- below: sockets ----
//! net::stream::socket  a socket, TCP or Unix
//! net::stream::tls   its bytes, encrypted
//! net::stream        both: what connections have
//! net::handshakes    TLS handshakes under way
//! net::listener      what is listened on
//! net::alarm         a timer for short waits
//! net::threads       what connections are spread over
//! shared             the state that all connections share, and its lock
//! net::connection    bytes of one connection -> packets -> the broker
//! server             accepting, timers, stopping
//! ```
//!
//! The program around it is in `main.rs` and `process/`.

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
mod rights;
mod seldom;
mod server;
mod shared;

pub use config::Config;
pub use config::tls::Tls;
pub use durable::Durable;
pub use net::listener::{Listener, SocketFile};
pub use server::{Server, Stop, run};

/// The version that `version` answers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
