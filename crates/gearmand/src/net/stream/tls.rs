//! An encrypted stream over another one: rustls's state of both directions, under a lock that is held for no longer than
//! a call, as the end of a round may be written by any thread.
//!
//! What keeps the invariants of [`Stream`](super::Stream):
//! - A read takes what is decrypted before it asks the socket, so nothing of it waits when a read does.
//! - Records are made of what is written only when those before them have left, as many as one write takes; and what they
//!   were made of is taken out of the [`WriteBuffer`] when all of them have left.

use crate::net::peer::{CertificateName, Unreadable};
use crate::net::stream::socket::{PIECES, Socket};
use bytes::{Buf, BufMut};
use gearman_core::protocol::write_buffer::WriteBuffer;
use rustls::{ServerConfig, ServerConnection};
use std::cell::RefCell;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// What a thread reads at a time.
const SCRATCH: usize = 64 * 1024;
/// And at least, however little room there is for what is decrypted: rustls takes as much at once beside any record that is
/// not whole yet, and keeps what there is no room for.
const LEAST: usize = 1024;
/// A handshake is read in pieces of this.
const HELLO: usize = 4096;
/// Most that is encrypted for one write: eight full records.
const BATCH: usize = 128 * 1024;
/// So much of TLS's own, without a byte to read: then others have their turn. No record is as large.
const FRUITLESS: usize = 32 * 1024;
/// The first byte of a connection that begins a handshake: the type of its record.
const HANDSHAKE: u8 = 22;

thread_local! {
    /// What all encrypted connections of a thread read into.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Why there is no encrypted connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("it does not speak TLS, and this port does")]
    Plain,
    #[error("the TLS handshake failed: {0}")]
    Failed(#[from] io::Error),
    #[error("it left in the TLS handshake")]
    Left,
    #[error("the TLS handshake took more than {0} s")]
    Late(u64),
}

/// An encrypted connection, or one that is to be.
pub(crate) struct Tls {
    socket: Socket,
    session: Mutex<Session>,
}

struct Session {
    tls: ServerConnection,
    /// So many bytes at the front of the [`WriteBuffer`] are in records that have not all left.
    taken: usize,
    /// Something came.
    begun: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.socket).finish()
    }
}

impl Tls {
    pub(super) fn new(socket: Socket, config: Arc<ServerConfig>) -> io::Result<Tls> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(BATCH));
        Ok(Tls { socket, session: Mutex::new(Session { tls, taken: 0, begun: false }) })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the handshake, until it is done.
    pub(super) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        SHARED.with_borrow_mut(|scratch| {
            loop {
                let mut session = self.session();
                session.flush(&self.socket)?;
                if session.tls.wants_write() {
                    drop(session);
                    ready!(self.socket.poll_write_ready(cx))?;
                    continue;
                }
                if !session.tls.is_handshaking() {
                    return Poll::Ready(Ok(()));
                }
                drop(session);
                let n = ready!(self.socket.poll_read(cx, &mut &mut scratch[..HELLO]))?;
                if n == 0 {
                    return Poll::Ready(Err(HandshakeError::Left));
                }
                let mut session = self.session();
                if !std::mem::replace(&mut session.begun, true) {
                    if scratch[0] != HANDSHAKE {
                        return Poll::Ready(Err(HandshakeError::Plain));
                    }
                    // To answer takes many times what it takes to ask, and who has waited for too long has gone.
                    if self.socket.has_ended() {
                        return Poll::Ready(Err(HandshakeError::Left));
                    }
                }
                let mut nothing: &mut [u8] = &mut [];
                session.receive(&scratch[..n], &self.socket, &mut nothing)?;
            }
        })
    }

    /// After a handshake that failed, and whose reason was sent: waits until the other side has closed. If this one did so with
    /// something unread, the system would drop what was sent.
    pub(super) fn poll_refused(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.socket.finish_writing().is_err() {
            return Poll::Ready(());
        }
        SHARED.with_borrow_mut(|scratch| {
            while let Ok(1..) = ready!(self.socket.poll_read(cx, &mut &mut scratch[..])) {}
            Poll::Ready(())
        })
    }

    /// The names in the certificate that the peer has shown.
    pub(super) fn certificate(&self) -> Result<Option<CertificateName>, Unreadable> {
        let session = self.session();
        let shown = session.tls.peer_certificates().and_then(<[_]>::first);
        shown.map(|certificate| CertificateName::read(certificate)).transpose()
    }

    /// See [`Stream::poll_read`](super::Stream::poll_read).
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        let (mut read, mut fruitless) = (self.session().ready(buffer)?, 0);
        SHARED.with_borrow_mut(|scratch| {
            loop {
                if let Some(n) = read {
                    return Poll::Ready(Ok(n));
                }
                // Changes of keys and empty records may come without end, and each takes its time.
                if fruitless >= FRUITLESS {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let room = scratch.len().min(buffer.remaining_mut().max(LEAST));
                let Poll::Ready(came) = self.socket.poll_read(cx, &mut &mut scratch[..room]) else {
                    self.session().shrink();
                    return Poll::Pending;
                };
                read = match came? {
                    // Without a close_notify: many do not send one, and every packet says how long it is.
                    0 => Some(0),
                    n => {
                        fruitless += n;
                        self.session().receive(&scratch[..n], &self.socket, buffer)?
                    }
                };
            }
        })
    }

    /// See [`Stream::write`](super::Stream::write).
    pub(super) fn write(&self, bytes: &mut WriteBuffer) -> io::Result<()> {
        let mut session = self.session();
        loop {
            session.flush(&self.socket)?;
            if session.tls.wants_write() {
                return Ok(());
            }
            bytes.advance(std::mem::take(&mut session.taken));
            if bytes.is_empty() {
                return Ok(());
            }
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n = bytes.chunks_vectored(&mut pieces);
            session.taken = session.tls.writer().write_vectored(&pieces[..n])?;
            if session.taken == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
    }
}

impl Session {
    /// Decrypts what came from the socket, as far as there is room; what there is no room for waits for the next read. How much
    /// was read: 0 is the end, `None` that more has to come first.
    fn receive(&mut self, mut came: &[u8], socket: &Socket, buffer: &mut impl BufMut) -> io::Result<Option<usize>> {
        let mut read = None;
        while !came.is_empty() {
            // After the end nothing counts.
            if self.tls.read_tls(&mut came)? == 0 {
                break;
            }
            let processed = self.tls.process_new_packets();
            // An alert says what is wrong. It is not waited for.
            self.flush(socket)?;
            match (processed, read) {
                (Ok(_), _) => {}
                // What is wrong with the stream is wrong for ever: the next read shows it.
                (Err(_), Some(_)) => break,
                (Err(error), None) => return Err(io::Error::other(error)),
            }
            if let Some(n) = self.plaintext(buffer)? {
                read = Some(read.unwrap_or(0) + n);
            }
        }
        Ok(read)
    }

    /// What can be read without asking the socket.
    fn ready(&mut self, buffer: &mut impl BufMut) -> io::Result<Option<usize>> {
        match self.plaintext(buffer)? {
            None => self.tls.process_new_packets().map(|_| None).map_err(io::Error::other),
            read => Ok(read),
        }
    }

    /// Takes what is decrypted. See [`Session::receive`].
    fn plaintext(&mut self, buffer: &mut impl BufMut) -> io::Result<Option<usize>> {
        let mut reader = self.tls.reader();
        let mut read = 0;
        while buffer.has_remaining_mut() {
            let n = match reader.fill_buf() {
                Ok([]) => return Ok(Some(read)),
                Ok(chunk) => {
                    let n = chunk.len().min(buffer.remaining_mut());
                    buffer.put_slice(&chunk[..n]);
                    n
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            reader.consume(n);
            read += n;
        }
        Ok((read > 0).then_some(read))
    }

    /// Writes records, as far as the socket takes them.
    fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Writer(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives back the memory of the last record, which rustls does when it is to read.
    fn shrink(&mut self) {
        let _ = self.tls.read_tls(&mut Nothing);
    }
}

impl Drop for Tls {
    /// Says that this is the end, so that the peer knows that nobody cut it off. A socket that is full, or broken, has no
    /// room for that.
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !session.tls.is_handshaking() {
            session.tls.send_close_notify();
        }
        let _ = session.flush(&self.socket);
    }
}

/// What records are written to.
struct Writer<'a>(&'a Socket);

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket without anything to read.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}
