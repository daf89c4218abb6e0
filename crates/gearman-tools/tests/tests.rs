//! The programs, talking to servers that follow a script.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests fail loudly")]

mod admin;
mod client;
mod runner;
mod server;
mod tls;
mod unwritable;
mod util;
mod watch;
mod worker;
