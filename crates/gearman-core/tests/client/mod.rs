//! A client and one or more servers that behave, or are not there.

mod answers;
mod connecting;
mod elsewhere;
mod tasks;

use bytes::Bytes;
use gearman_core::client::task::Ask;
use gearman_core::protocol::message::Priority;

/// A job of the function "f".
fn submit(unique: &str, workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, false, b"f", unique.as_bytes(), workload).unwrap()
}

/// One in the background, without a key.
fn background(workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, true, b"f", b"", workload).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
