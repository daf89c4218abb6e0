//! The server by raw bytes: no client library of ours or anybody's between it and the tests.

// Tests may fail loudly, their helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod admin;
mod floods;
mod limits;
mod misbehaving;
mod packets;
mod process;
mod stopping;
mod util;
