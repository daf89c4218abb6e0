//! What waits to be written to one socket, in order.
//!
//! Owns the bytes. Must never know the socket, nor where a packet begins. Bytes leave in the order in which they came; small
//! ones are gathered, large payloads are shared and not copied.

use crate::protocol::codec::Sink;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Payloads from this size on are handed over, not copied: below it a copy is cheaper than one
/// more element for writev(2).
pub const SHARE: usize = 16 * 1024;

/// An empty write buffer gives back buffers larger than this, so that an idle connection is small.
const KEEP: usize = 16 * 1024;

/// Bytes in the order they are to be written: small ones gathered, large ones shared. Written by
/// one system call a round; as a [`Buf`] it knows how far the socket took it.
#[derive(Debug, Default)]
pub struct WriteBuffer {
    /// Complete, in front of `tail`.
    chunks: VecDeque<Bytes>,
    /// Where small writes gather.
    tail: BytesMut,
    /// Bytes in `chunks`.
    chunked: usize,
}

impl WriteBuffer {
    /// An empty one; allocates nothing.
    pub fn new() -> WriteBuffer {
        WriteBuffer::default()
    }

    /// Nothing to write?
    pub fn is_empty(&self) -> bool {
        self.chunked == 0 && self.tail.is_empty()
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.chunked + self.tail.len()
    }

    /// All of it, where it lies in one piece, which send(2) is cheaper for than writev(2).
    pub fn single(&self) -> Option<&[u8]> {
        match self.chunks.len() {
            0 => Some(&self.tail),
            1 if self.tail.is_empty() => Some(&self.chunks[0]),
            _ => None,
        }
    }

    /// Appends a payload, without copying it when it is large.
    pub fn share(&mut self, payload: Bytes) {
        if payload.len() < SHARE {
            return self.put(&payload);
        }
        if !self.tail.is_empty() {
            let gathered = self.tail.split().freeze();
            self.push(gathered);
        }
        self.push(payload);
    }

    /// To write packets whose arguments may be parts of `owner`: large ones are then not copied.
    pub fn sharing<'a>(&'a mut self, owner: &'a Bytes) -> Sharing<'a> {
        Sharing { out: self, owner }
    }

    fn push(&mut self, chunk: Bytes) {
        self.chunked += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Takes the first `n` bytes out, or all where there are fewer.
    pub fn split_to(&mut self, mut n: usize) -> WriteBuffer {
        let mut first = WriteBuffer::new();
        while let Some(front) = self.chunks.front_mut() {
            if front.len() > n {
                let begin = front.split_to(n);
                self.chunked -= n;
                if !begin.is_empty() {
                    first.push(begin);
                }
                return first;
            }
            (n, self.chunked) = (n - front.len(), self.chunked - front.len());
            if let Some(whole) = self.chunks.pop_front() {
                first.push(whole);
            }
        }
        first.tail = self.tail.split_to(n.min(self.tail.len()));
        first
    }

    /// Gives memory back that an idle connection does not need. For an empty write buffer only.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.tail.capacity() > KEEP {
            *self = WriteBuffer::default();
        }
    }

    /// Drops all that waits.
    pub fn clear(&mut self) {
        *self = WriteBuffer::default();
    }
}

impl Buf for WriteBuffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&self.tail, |c| c)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[..]).filter(|t| !t.is_empty());
        let waiting = self.chunks.iter().map(|c| &c[..]).chain(tail);
        slices.iter_mut().zip(waiting).map(|(slot, bytes)| *slot = IoSlice::new(bytes)).count()
    }

    fn advance(&mut self, mut n: usize) {
        while let Some(front) = self.chunks.front_mut() {
            let step = n.min(front.len());
            front.advance(step);
            self.chunked -= step;
            n -= step;
            if !front.is_empty() {
                return;
            }
            self.chunks.pop_front();
        }
        if n == self.tail.len() {
            self.tail.clear(); // back to the start of the same memory
        } else {
            self.tail.advance(n);
        }
    }
}

impl Sink for WriteBuffer {
    fn put(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }
}

/// A [`WriteBuffer`] for packets whose arguments may be parts of `owner`.
#[derive(Debug)]
pub struct Sharing<'a> {
    out: &'a mut WriteBuffer,
    owner: &'a Bytes,
}

impl Sink for Sharing<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let (whole, part) = (self.owner.as_ptr_range(), bytes.as_ptr_range());
        match bytes.len() >= SHARE && whole.start <= part.start && part.end <= whole.end {
            true => self.out.share(self.owner.slice_ref(bytes)),
            false => self.out.put(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::Response;

    fn drain(buffer: &mut WriteBuffer, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while buffer.has_remaining() {
            let n = step.min(buffer.chunk().len());
            all.extend_from_slice(&buffer.chunk()[..n]);
            buffer.advance(n);
        }
        all
    }

    #[test]
    fn order_is_kept_across_copied_and_shared_pieces() {
        for step in [1, 7, SHARE, usize::MAX] {
            let mut buffer = WriteBuffer::new();
            let large = vec![b'x'; SHARE + 3];
            let mut expected = Vec::new();
            for piece in [&b"small"[..], &large, b"more", &large, &large, b"end"] {
                buffer.share(Bytes::copy_from_slice(piece));
                expected.extend_from_slice(piece);
            }
            assert_eq!(buffer.len(), expected.len());
            assert_eq!(drain(&mut buffer, step), expected);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn the_first_bytes_are_taken_out() {
        let whole = [&b"head"[..], &[b'x'; SHARE], b"tail"].concat();
        for n in [0, 3, 4, 5, 3 + SHARE, 4 + SHARE, 6 + SHARE, whole.len(), whole.len() + 1] {
            let mut buffer = WriteBuffer::new();
            buffer.put(b"head");
            buffer.share(Bytes::from(vec![b'x'; SHARE]));
            buffer.put(b"tail");
            let mut first = buffer.split_to(n);
            let n = n.min(whole.len());
            assert_eq!((first.len(), buffer.len()), (n, whole.len() - n));
            assert_eq!(drain(&mut first, usize::MAX), whole[..n]);
            assert_eq!(drain(&mut buffer, usize::MAX), whole[n..]);
        }
    }

    #[test]
    fn all_pieces_go_into_one_write() {
        let mut buffer = WriteBuffer::new();
        buffer.put(b"head");
        buffer.share(Bytes::from(vec![0; SHARE]));
        buffer.put(b"tail");
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(buffer.chunks_vectored(&mut slices), 3);
        buffer.advance(4 + SHARE + 4);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_large_argument_is_not_copied_and_a_strange_one_is() {
        let owner = Bytes::from(vec![b'x'; 2 * SHARE]);
        let mut buffer = WriteBuffer::new();
        Response::Echo(&owner[1..]).encode(&mut buffer.sharing(&owner));
        assert_eq!(buffer.chunks[1].as_ptr(), owner[1..].as_ptr());
        Response::Echo(&owner[..SHARE - 1]).encode(&mut buffer.sharing(&owner));
        Response::Echo(&[b'x'; SHARE]).encode(&mut buffer.sharing(&owner));
        assert_eq!((buffer.chunks.len(), buffer.tail.len()), (2, 2 * 12 + 2 * SHARE - 1));
    }
}
