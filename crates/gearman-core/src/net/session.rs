//! A TLS session over a socket: packets' bytes in, records out, and the other way round.
//!
//! Owns what rustls keeps, and the records that were read and not decrypted yet. Must never know which socket it is, nor a packet.
//!
//! - Reading is pending only when all records that came are decrypted, and their bytes handed out; or, its task being woken
//!   already, where they were TLS's own and do not end: whoever counts the time, or waits for a signal, has a turn.
//! - Bytes leave the write buffer when the records that hold them are written. Until then they are in both.
//! - Tickets and changes of keys are dealt with and are no input.
//! - Dropping it sends nothing: [`Session::close`] does.

use crate::error::{Result, system_text};
use crate::net::address::ServerAddress;
use crate::net::tls::{self, Failure, Stamps, TlsSettings};
use crate::protocol::write_buffer::WriteBuffer;
use bytes::{Buf, BytesMut};
use rustls::ClientConnection;
use std::future::Future;
use std::io::{self, BufRead, IoSlice, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// Room that a read is given: some records of the largest size.
const READ: usize = 64 * 1024;
/// Bytes that are encrypted at a time, and then written by one system call: what clients gather before they wait for a socket.
const SEAL: usize = 256 * 1024;
/// Pieces of the write buffer that are encrypted at a time.
const PIECES: usize = 64;
/// So much of TLS's own, without a byte to read: then others have a turn. No record is as large.
const FRUITLESS: usize = 32 * 1024;
/// Room for a look at a session that should be silent.
const LOOK: usize = 4096;
/// Looks at most, one after the other: more than tickets and changes of keys take that anybody needs.
const LOOKS: usize = 64;

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing yet.
    Nothing,
    /// At least a byte, or the reason why there will be none.
    Input,
    /// The other side has closed, and all was read that it had sent; or the stream is broken.
    End,
}

/// A session, being agreed on or agreed on.
#[derive(Debug)]
pub(crate) struct Session {
    tls: ClientConnection,
    /// For messages, and to look at the files again.
    settings: Arc<TlsSettings>,
    /// The files that it was made with.
    stamps: Stamps,
    /// Records, or the beginning of one, that rustls has not seen.
    incoming: BytesMut,
    /// So many bytes in front of the write buffer are encrypted, and the records not all written.
    sealed: usize,
    /// Bytes have come from the other side that are not TLS's own: it has accepted us.
    heard: bool,
    /// The other side has closed.
    ended: bool,
    /// Nothing more can be understood: reported when all that came before was read.
    failed: Option<Failure>,
}

impl Session {
    /// One with this server. Nothing is sent yet.
    pub(crate) fn new(settings: &Arc<TlsSettings>, server: &ServerAddress) -> Result<Session> {
        let (mut tls, stamps) = tls::stamped_session(settings, server)?;
        tls.set_buffer_limit(Some(SEAL));
        let (settings, incoming) = (settings.clone(), BytesMut::new());
        Ok(Session { tls, settings, stamps, incoming, sealed: 0, heard: false, ended: false, failed: None })
    }

    /// Was one of the files that it was made with changed since? Some stat(2)s.
    pub(crate) fn is_of_other_files(&self) -> bool {
        self.stamps != Stamps::of(&self.settings)
    }

    /// Ready when both sides have agreed, and the other one has been sent all that it needs for that.
    pub(crate) fn poll_ready<S>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            self.decrypt_next();
            // Also the alert that says why we give up.
            let sent = self.poll_send(socket, cx);
            if let Some(failure) = &self.failed {
                return Poll::Ready(Err(error(failure.clone())));
            }
            ready!(sent).map_err(cut_short)?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                return Poll::Ready(Err(error(Failure::cut_short("the server closed the connection"))));
            }
            if self.incoming.is_empty() {
                ready!(self.poll_fill(socket, cx)).map_err(cut_short)?;
            }
        }
    }

    /// Is it not agreed on yet?
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Are there records that the socket has not taken?
    pub(crate) fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Appends to `read_buffer` what has arrived. `Ok(0)`: the other side has closed.
    pub(crate) fn poll_read<S>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        read_buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (before, mut fruitless) = (read_buffer.len(), 0);
        loop {
            fruitless += self.incoming.len();
            self.decrypt(read_buffer);
            if read_buffer.len() > before {
                return Poll::Ready(Ok(read_buffer.len() - before));
            }
            if let Some(failure) = self.failed.clone() {
                // Tells the other side why, if the socket takes it.
                let _ = self.poll_send(socket, cx);
                return Poll::Ready(Err(error(failure)));
            }
            if self.ended {
                return Poll::Ready(Ok(0));
            }
            if fruitless >= FRUITLESS {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_fill(socket, cx))?;
        }
    }

    /// Encrypts and writes what the socket takes; ready when nothing is left.
    pub(crate) fn poll_write<S>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        write_buffer: &mut WriteBuffer,
    ) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_send(socket, cx))?;
            write_buffer.advance(std::mem::take(&mut self.sealed));
            if !write_buffer.has_remaining() {
                return Poll::Ready(Ok(()));
            }
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n = write_buffer.chunks_vectored(&mut pieces);
            self.sealed = self.tls.writer().write_vectored(&pieces[..n])?;
            if self.sealed == 0 {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "the session takes no more")));
            }
        }
    }

    /// What there is to read. `receive` reads from the socket without waiting. Who sends without end what is no input is as good
    /// as gone: nobody could wait for the end of that, nor hear a signal meanwhile.
    pub(crate) fn look(&mut self, receive: impl Fn(&mut [u8]) -> io::Result<usize>) -> Look {
        let mut looks = 0;
        loop {
            if self.has_plaintext() || self.failed.is_some() {
                return Look::Input;
            }
            if self.ended {
                return Look::End;
            }
            if !self.incoming.is_empty() {
                self.decrypt_next();
                continue;
            }
            if looks == LOOKS {
                return Look::End;
            }
            looks += 1;
            let mut room = [0; LOOK];
            match receive(&mut room) {
                Ok(0) => self.ended = true,
                Ok(n) => self.incoming.extend_from_slice(&room[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Look::Nothing,
                Err(_) => return Look::End,
            }
        }
    }

    /// Why nothing more can be read, if that is known already.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failed.clone().map(error)
    }

    /// Gives memory back that an idle session does not need.
    pub(crate) fn shrink(&mut self) {
        if self.incoming.is_empty() {
            self.incoming = BytesMut::new();
        }
    }

    /// Tells the other side that nothing more comes, unless it is in the middle of a record.
    pub(crate) fn close(&mut self, socket: &mut impl Write) {
        if self.sealed == 0 && !self.tls.wants_write() && !self.tls.is_handshaking() && self.failed.is_none() {
            self.tls.send_close_notify();
            // Where the socket does not take it the other side sees the end all the same.
            let _ = self.tls.write_tls(socket);
        }
    }

    /// Decrypts all that was read.
    fn decrypt(&mut self, read_buffer: &mut BytesMut) {
        loop {
            let mut reader = self.tls.reader();
            // An error: there is nothing, or there will be nothing more.
            while let Ok(bytes) = reader.fill_buf() {
                let n = bytes.len();
                if n == 0 {
                    break;
                }
                read_buffer.extend_from_slice(bytes);
                self.heard = true;
                reader.consume(n);
            }
            if self.incoming.is_empty() || self.failed.is_some() {
                return;
            }
            self.decrypt_next();
        }
    }

    /// Decrypts some of what was read: rustls takes no more than it has room for.
    fn decrypt_next(&mut self) {
        if self.incoming.is_empty() || self.failed.is_some() {
            return;
        }
        let handshaking = self.tls.is_handshaking();
        let taken = self.tls.read_tls(&mut (&mut self.incoming).reader());
        let processed = match taken {
            Ok(_) => self.tls.process_new_packets(),
            // A record that is larger than TLS allows.
            Err(e) => Err(rustls::Error::General(e.to_string())),
        };
        match processed {
            Ok(state) if state.peer_has_closed() => {
                self.ended = true;
                self.incoming.clear(); // nobody has to look at what comes after the end
            }
            Ok(_) => {}
            Err(e) => {
                let Failure { reason, refused } = Failure::new(&e, &self.settings, handshaking);
                self.failed = Some(Failure { reason, refused: refused && !self.heard });
            }
        }
    }

    fn has_plaintext(&mut self) -> bool {
        self.tls.reader().fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    /// Reads once.
    fn poll_fill<S: AsyncRead + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.incoming.reserve(READ);
        let n = ready!(pin!(socket.read_buf(&mut self.incoming)).poll(cx))?;
        self.ended |= n == 0;
        Poll::Ready(Ok(()))
    }

    /// Writes the records that are ready.
    fn poll_send<S: AsyncWrite + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut NoWait { socket, cx }) {
                Ok(0) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "the socket takes no more"))),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn error(failure: Failure) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, failure)
}

/// The socket broke before TLS was agreed on.
fn cut_short(e: io::Error) -> io::Error {
    error(Failure::cut_short(&system_text(&e)))
}

/// A socket as rustls wants to write to it.
struct NoWait<'a, 'b, S> {
    socket: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncWrite + Unpin> Write for NoWait<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        now(Pin::new(&mut *self.socket).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [one] => self.write(one),
            several => now(Pin::new(&mut *self.socket).poll_write_vectored(self.cx, several)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn now<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
