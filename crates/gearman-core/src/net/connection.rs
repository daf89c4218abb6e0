//! One connection to a job server: packets out of a stream, requests into it.
//!
//! Owns the stream, what was read and not taken yet, and what waits to be written. Must never know which kind of stream it is,
//! what a packet means, or which requests are unanswered.
//!
//! Every `poll_*` can be abandoned and called again: progress is kept in the connection, never in
//! a future. So a caller may leave the runtime at any moment, run something else, and come back.
//!
//! A connection belongs to the process that made it. Any other drops it unused ([`Connection::is_ours`]), and that has no effect on
//! the process that it belongs to.

use crate::error::{Error, Result, system_text};
use crate::net::address::{Address, ServerAddress};
use crate::net::session::Session;
pub(crate) use crate::net::stream::Look;
use crate::net::stream::Stream;
use crate::net::tls::{Failure, TlsSettings};
use crate::net::watch::{Set, Wants};
use crate::protocol::answer;
use crate::protocol::codec::{Decoded, decode};
use crate::protocol::packet::{Frame, HEADER, Magic};
use crate::protocol::write_buffer::WriteBuffer;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt::Display;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use tokio::time::Instant;

/// Room that a read is given at least: a page of small packets in one system call.
const READ: usize = 16 * 1024;
/// Largest step in which room for a large packet is made, so that the other side must send what it
/// announces before we take memory for it.
const STEP: usize = 4 << 20;
/// Larger packets have memory of their own, which goes with them.
const LARGE: usize = 128 * 1024;

/// A packet that was taken off a connection. Its body owns no more than the packet's own bytes
/// and those of packets read together with it.
#[derive(Clone, Debug)]
pub struct Packet {
    magic: Magic,
    number: u32,
    body: Bytes,
}

impl Packet {
    /// As the protocol's functions want it.
    pub fn frame(&self) -> Frame<'_> {
        Frame { magic: self.magic, number: self.number, body: &self.body }
    }

    /// `part` of this packet's frame, without a copy.
    pub fn keep(&self, part: &[u8]) -> Bytes {
        self.body.slice_ref(part)
    }
}

/// A connection, being made or made.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// For messages.
    server: String,
    read_buffer: BytesMut,
    write_buffer: WriteBuffer,
    /// Largest packet body to accept.
    limit: usize,
    /// See [`Connection::progress`].
    progress: u64,
    /// The socket took no more.
    full: bool,
}

impl Connection {
    /// Begins to connect and does not wait for it: [`Connection::poll_connected`] does. Must be
    /// called inside a tokio runtime. Packets with a body above `limit` bytes are refused. With settings TLS is spoken.
    ///
    /// # Errors
    /// [`Error::Connect`] where the system refuses at once, [`Error::Tls`] for settings that cannot be used.
    pub fn open(
        server: &ServerAddress,
        address: &Address,
        tls: Option<&Arc<TlsSettings>>,
        limit: usize,
    ) -> Result<Connection> {
        let session = tls.map(|settings| Session::new(settings, server)).transpose()?;
        let server = server.to_string();
        match Stream::open(address, session) {
            Ok(stream) => {
                let (read_buffer, write_buffer) = (BytesMut::new(), WriteBuffer::new());
                Ok(Connection { stream, server, read_buffer, write_buffer, limit, progress: 0, full: false })
            }
            Err(e) => Err(Error::Connect { server, reason: system_text(&e) }),
        }
    }

    /// Was it made by this process? Any other must drop it unused.
    pub fn is_ours(&self) -> bool {
        self.stream.is_ours()
    }

    /// Host and port, or path, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Ready when the connection stands.
    ///
    /// # Errors
    /// [`Error::Connect`] with the system's reason, [`Error::Tls`] with TLS's.
    pub fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let ready = ready!(self.stream.poll_ready(cx));
        Poll::Ready(ready.map_err(|e| {
            self.refused(&e).unwrap_or_else(|| Error::Connect { server: self.server.clone(), reason: system_text(&e) })
        }))
    }

    /// Is it connected, and TLS not agreed on yet?
    pub fn is_handshaking(&self) -> bool {
        self.stream.is_handshaking()
    }

    /// Was it made with a certificate, key or CA whose file was changed since?
    pub(crate) fn is_of_other_files(&self) -> bool {
        self.stream.is_of_other_files()
    }

    /// What the other side has done for the connection to stand: nothing yet, its part, or that and closed it. Known also where the
    /// runtime has not run since.
    pub(crate) fn look_at_try(&self) -> Look {
        self.stream.look_at_try()
    }

    /// When [`Connection::poll_connected`] is to be called again though nothing comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.stream.due()
    }

    /// Where requests are appended; [`Connection::poll_flush`] sends them.
    pub fn write_buffer(&mut self) -> &mut WriteBuffer {
        &mut self.write_buffer
    }

    /// Does something wait to be written?
    pub fn has_output(&self) -> bool {
        !self.write_buffer.is_empty()
    }

    /// How many bytes wait to be written.
    pub fn output(&self) -> usize {
        self.write_buffer.len()
    }

    /// Did the socket take no more when it was last written to?
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// How many bytes were read and not taken yet: it grows while a large packet comes.
    pub fn input(&self) -> usize {
        self.read_buffer.len()
    }

    /// Bytes that the server has sent, or made room for: what a socket takes at once is no sign of life.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// Writes what the socket takes; ready when nothing is left.
    ///
    /// # Errors
    /// [`Error::Lost`] with the system's reason; [`Error::Tls`] where the server refuses us.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let before = self.write_buffer.len();
        let written = self.stream.poll_write(cx, &mut self.write_buffer);
        if std::mem::replace(&mut self.full, written.is_pending()) {
            self.progress += (before - self.write_buffer.len()) as u64;
        }
        let written = ready!(written);
        self.write_buffer.shrink();
        Poll::Ready(written.map_err(|e| self.broken(&e)))
    }

    /// Writes what the socket takes right now. False: something is left for [`Connection::poll_flush`].
    ///
    /// # Errors
    /// As [`Connection::poll_flush`].
    pub fn try_flush(&mut self) -> Result<bool> {
        match self.poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// The next packet.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ended, [`Error::Tls`] where the server refuses us, [`Error::Protocol`] and [`Error::TooLarge`] for what cannot be
    /// understood. After any of them the connection is of no more use.
    pub fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet>> {
        loop {
            let want = match decode(&self.read_buffer, self.limit) {
                Ok(Decoded::Partial(want)) => want,
                Ok(Decoded::Frame(Frame { magic, number, .. }, size)) => {
                    let mut packet = self.read_buffer.split_to(size);
                    packet.advance(HEADER);
                    if size > LARGE {
                        // What follows it would keep its memory, and read into it again, for ever.
                        self.read_buffer = BytesMut::from(&self.read_buffer[..]);
                    }
                    return Poll::Ready(Ok(Packet { magic, number, body: packet.freeze() }));
                }
                Err(error) => return Poll::Ready(Err(self.at_this_server(error))),
            };
            let room = want.saturating_sub(self.read_buffer.len()).clamp(READ, STEP);
            self.read_buffer.reserve(room);
            match ready!(self.stream.poll_read(cx, &mut self.read_buffer)) {
                Ok(0) => return Poll::Ready(Err(self.closed())),
                Ok(n) => self.progress += n as u64,
                Err(e) => return Poll::Ready(Err(self.broken(&e))),
            }
        }
    }

    /// The answer to a text command, line ends and all, where nothing else was asked for on this connection. `listing`: it is
    /// a list. `seen` is 0 at first, and is kept by who calls again.
    ///
    /// # Errors
    /// As [`Connection::poll_packet`]; the limit of packets holds for answers too.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>, listing: bool, seen: &mut usize) -> Poll<Result<Bytes>> {
        loop {
            if let Some(end) = answer::end(&self.read_buffer, *seen, listing) {
                *seen = 0;
                return Poll::Ready(Ok(self.read_buffer.split_to(end).freeze()));
            }
            if memchr::memchr(0, &self.read_buffer[*seen..]).is_some() {
                return Poll::Ready(Err(self.at_this_server(Error::unexpected("a NUL in answer to a text command"))));
            }
            *seen = self.read_buffer.len();
            if *seen > self.limit {
                let from = format!(" from {}", self.server);
                return Poll::Ready(Err(Error::TooLarge { from, size: *seen, limit: self.limit }));
            }
            self.read_buffer.reserve((*seen).clamp(READ, STEP));
            match ready!(self.stream.poll_read(cx, &mut self.read_buffer)) {
                Ok(0) => {
                    return Poll::Ready(
                        Err(self.lost("the server closed the connection before the end of its answer")),
                    );
                }
                Ok(_) => {}
                Err(e) => return Poll::Ready(Err(self.broken(&e))),
            }
        }
    }

    /// Packets with a body above `limit` bytes are refused from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Gives memory back that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.read_buffer.is_empty() {
            self.read_buffer = BytesMut::new();
        }
        self.write_buffer.shrink();
        self.stream.shrink();
    }

    /// Has the set ready when there is something to do here, `reads`: also when something comes.
    pub(crate) fn watch(&mut self, set: &Set, reads: bool) -> io::Result<()> {
        let write = self.has_output();
        self.stream.watch(set, Wants { read: reads, write })
    }

    /// Nobody watches it any more.
    pub(crate) fn unwatch(&mut self) {
        self.stream.unwatch();
    }

    /// Has the other side closed an idle connection, or sent something unasked? One recv(2) that does
    /// not wait. To be asked before a connection is used again after a pause.
    pub fn is_stale(&mut self) -> bool {
        self.has_input() || self.stream.look() != Look::Nothing
    }

    /// Has the other side closed the connection, and was all read that it had sent? One recv(2).
    pub fn has_ended(&mut self) -> bool {
        !self.has_input() && self.stream.look() == Look::End
    }

    /// Is something of what was read not taken yet?
    pub fn has_input(&self) -> bool {
        !self.read_buffer.is_empty()
    }

    /// The socket's number, for event loops that want to wait until something arrives: what has arrived before is read first.
    pub fn fd(&self) -> Option<RawFd> {
        self.stream.fd()
    }

    /// An [`Error::Lost`] of this connection.
    pub fn lost(&self, reason: impl Display) -> Error {
        Error::lost(&self.server, reason)
    }

    /// What the stream says after it stood. That a server refuses us may come as late as that.
    fn broken(&self, e: &io::Error) -> Error {
        self.refused(e).unwrap_or_else(|| self.lost(system_text(e)))
    }

    fn refused(&self, e: &io::Error) -> Option<Error> {
        let failure = e.get_ref()?.downcast_ref::<Failure>().filter(|f| f.refused)?;
        Some(Error::Tls { server: self.server.clone(), reason: failure.reason.clone() })
    }

    fn closed(&self) -> Error {
        match self.read_buffer.len() {
            0 => self.lost("the server closed the connection"),
            n => self.lost(format_args!("the server closed the connection in the middle of a packet, after {n} bytes")),
        }
    }

    /// A protocol error means nothing to a user without the name of who made it.
    pub fn at_this_server(&self, error: Error) -> Error {
        error.at(&self.server)
    }
}
