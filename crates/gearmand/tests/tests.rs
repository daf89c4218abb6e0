//! The server by raw bytes: no client library of ours or anybody's between it and the tests.

// Tests may fail loudly, their helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod activation;
mod admin;
mod cluster;
mod concurrency;
#[allow(dead_code, reason = "tests of the library take the rest")]
mod databases;
mod direct;
mod disk;
mod durable;
mod floods;
mod http;
mod late;
mod limits;
mod listings;
mod logs;
mod misbehaving;
mod operating;
mod packets;
mod peers;
mod policies;
mod process;
mod queues;
mod rights;
mod service;
mod signals;
mod stopping;
mod successor;
mod threads;
mod tls;
mod torture;
mod torture_cluster;
mod torture_tries;
mod unwritable;
mod user;
mod util;
mod wakeups;
mod wire;
