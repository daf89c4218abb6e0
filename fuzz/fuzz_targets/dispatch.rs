//! The whole server but its sockets: see gearmand's src/fuzzing.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gearmand::fuzzing::run(bytes));
