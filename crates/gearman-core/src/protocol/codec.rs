//! Bytes to frames and back. Pure: a read buffer goes in, a borrowed [`Frame`] comes out.
//!
//! Owns the header's layout and the limit on a body's size. Must never know what a command's arguments mean.

use crate::error::{Error, Result};
use crate::protocol::packet::{Command, Frame, HEADER, Magic};
use crate::return_code::ReturnCode;
use bytes::BytesMut;

/// What stands at the front of a read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole packet and the bytes it takes from the buffer.
    Frame(Frame<'a>, usize),
    /// The packet at the front needs this many bytes in all; at least [`HEADER`] while its length
    /// is not known. Never more than the limit and a header, so it is safe to reserve.
    Partial(usize),
}

/// Looks at the front of `buffer`. Never waits, never copies, and judges the declared length
/// before anyone reserves memory for it.
///
/// # Errors
/// [`Error::Protocol`] on a wrong magic, as soon as a byte differs; [`Error::TooLarge`] where the
/// body is declared larger than `limit` bytes. Neither can be recovered from on this stream.
///
/// ```
/// use gearman_core::protocol::codec::{decode, Decoded};
/// let bytes = b"\0REQ\0\0\0\x10\0\0\0\x02hi";
/// assert_eq!(decode(&bytes[..5], 100), Ok(Decoded::Partial(12)));
/// let Ok(Decoded::Frame(frame, 14)) = decode(bytes, 100) else { panic!() };
/// assert_eq!(frame.body, b"hi");
/// ```
pub fn decode(buffer: &[u8], limit: usize) -> Result<Decoded<'_>> {
    let Some((header, rest)) = buffer.split_at_checked(HEADER) else {
        let seen = &buffer[..buffer.len().min(4)];
        let possible = [Magic::Request, Magic::Response].iter().any(|m| m.bytes().starts_with(seen));
        return if possible { Ok(Decoded::Partial(HEADER)) } else { Err(wrong_magic(seen)) };
    };
    let magic = match &header[..4] {
        b"\0REQ" => Magic::Request,
        b"\0RES" => Magic::Response,
        other => return Err(wrong_magic(other)),
    };
    let number = be_u32(&header[4..8]);
    let size = be_u32(&header[8..12]) as usize;
    if size > limit {
        return Err(Error::TooLarge { from: String::new(), size, limit });
    }
    match rest.get(..size) {
        Some(body) => Ok(Decoded::Frame(Frame { magic, number, body }, HEADER + size)),
        None => Ok(Decoded::Partial(HEADER + size)),
    }
}

fn be_u32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b))
}

fn wrong_magic(seen: &[u8]) -> Error {
    let reason = format!("wrong magic \"{}\", expected \\0REQ or \\0RES", seen.escape_ascii());
    Error::Protocol { code: ReturnCode::InvalidMagic, reason }
}

/// Where packets are written to.
pub trait Sink {
    /// Appends these bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for BytesMut {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The size of a body with these arguments.
#[inline]
pub(crate) fn body_size(arguments: &[&[u8]]) -> usize {
    arguments.iter().map(|a| a.len()).sum::<usize>() + arguments.len().saturating_sub(1)
}

/// Appends a packet with these arguments: for [`Request`](crate::protocol::message::Request) and
/// [`Response`](crate::protocol::message::Response), by which all packets are written. What may be too large for one is refused
/// before: [`Request::fits`](crate::protocol::message::Request::fits).
#[inline]
pub fn encode(out: &mut impl Sink, magic: Magic, command: Command, arguments: &[&[u8]]) {
    let size = body_size(arguments);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&magic.bytes());
    header[4..8].copy_from_slice(&(command as u32).to_be_bytes());
    header[8..].copy_from_slice(&(size as u32).to_be_bytes());
    out.put(&header);
    if let Some((last, first)) = arguments.split_last() {
        for argument in first {
            out.put(argument);
            out.put(&[0]);
        }
        out.put(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_first_byte_is_seen_at_once() {
        assert!(decode(b"G", 100).is_err());
        assert!(decode(b"\0R", 100).is_ok());
        assert!(decode(b"\0RX", 100).is_err());
    }

    #[test]
    fn four_gigabytes_are_refused_from_the_header_alone() {
        let header = b"\0REQ\0\0\0\x07\xff\xff\xff\xff";
        assert_eq!(
            decode(header, 100),
            Err(Error::TooLarge { from: String::new(), size: u32::MAX as usize, limit: 100 })
        );
    }

    #[test]
    fn a_header_alone_tells_the_size() {
        let header = b"\0RES\0\0\0\x11\0\0\0\x05";
        assert_eq!(decode(header, 100), Ok(Decoded::Partial(17)));
    }
}
