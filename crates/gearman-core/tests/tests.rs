//! What crosses the wire, and what becomes of servers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests fail loudly")]

mod authorities;
mod cancel;
mod client;
mod codec;
mod connecting;
mod conversation;
mod direct;
mod forms;
mod golden;
mod hangs;
mod hostile;
mod inquiries;
mod liar;
mod look;
mod mutated;
mod notices;
mod outages;
mod pace;
mod pool;
mod prefetch;
mod questions;
mod seldom;
mod tls;
mod util;
mod worker;
