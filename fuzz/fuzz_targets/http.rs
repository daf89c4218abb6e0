//! A peer of the HTTP side that sends anything: see gearmand's src/fuzzing/http.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gearmand::fuzzing::http::run(bytes));
