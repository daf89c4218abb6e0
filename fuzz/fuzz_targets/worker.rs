//! A worker's state of one connection, and a server that says anything: see gearman-core's src/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gearman_core::fuzzing::worker(bytes));
