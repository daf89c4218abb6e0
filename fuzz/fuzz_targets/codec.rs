//! A stream gives the same frames wherever it is cut, a frame is written as it was read, and so is
//! what it means.
#![no_main]

use gearman_core::protocol::admin;
use gearman_core::protocol::codec::{Decoded, decode, encode};
use gearman_core::protocol::message::{Request, Response};
use gearman_core::protocol::packet::{Command, Frame};

/// Small, so that what is too large is found.
const LIMIT: usize = 1000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        cut_anywhere(rest);
        match decode(rest, LIMIT) {
            Ok(Decoded::Frame(frame, size)) => {
                written_as_read(&frame, &rest[..size]);
                rest = &rest[size..];
            }
            _ => break,
        }
    }
    let _ = admin::Command::parse(bytes);
});

/// Fewer bytes may be too few, and never anything else.
fn cut_anywhere(bytes: &[u8]) {
    let whole = decode(bytes, LIMIT);
    for cut in 0..bytes.len().min(LIMIT + 12) {
        match decode(&bytes[..cut], LIMIT) {
            Ok(Decoded::Partial(need)) => {
                assert!(need > cut);
                match &whole {
                    Ok(Decoded::Frame(_, size)) => assert!(need <= *size),
                    Ok(Decoded::Partial(more)) => assert!(need <= *more),
                    Err(_) => {}
                }
            }
            Ok(frame) => return assert_eq!(Ok(frame), whole),
            Err(error) => {
                let whole = whole.as_ref().expect_err("wrong only in part");
                return assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(whole));
            }
        }
    }
}

fn written_as_read(frame: &Frame<'_>, bytes: &[u8]) {
    let Some(command) = frame.command() else { return };
    let mut out = Vec::new();
    encode(&mut out, frame.magic, command, &[frame.body]);
    assert_eq!(out, bytes);
    out.clear();
    if let Ok(request) = Request::parse(command, frame) {
        request.encode(&mut out);
        // Commands without arguments ignore a body, C peers put a NUL after the handle of a failure, and
        // Perl workers none where there is no data.
        let other = command.arguments() == 0
            || (command == Command::WorkFail && bytes.ends_with(b"\0"))
            || (matches!(request, Request::Work(_)) && !frame.body.contains(&0));
        // Whose magic it is, is for the one who answers to see.
        assert!(other || out[4..] == bytes[4..], "{request:?}");
    } else if let Ok(response) = Response::parse(frame) {
        response.encode(&mut out);
        let Ok(Decoded::Frame(again, _)) = decode(&out, LIMIT) else { panic!("cannot read {response:?}") };
        assert_eq!(Response::parse(&again), Ok(response));
    }
}
