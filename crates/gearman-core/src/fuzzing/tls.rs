//! Input of the fuzz target `tls`, and of a test that draws such input: the bytes are read as what befalls a client's session
//! and the records of its server on their way. The client must get the beginning of what the server sent and nothing else,
//! whatever happens to records; where nothing happens to them both sides must get all of it.
//!
//! A step is its kind and a number:
//!
//! ```text
//! c .   the client sees to its session: agrees, writes, reads
//! l .   it looks whether something is there
//! r n   its socket has room for n bytes more, and not for more
//! w n   it has n bytes to send
//! W n   so has the server, 100 times n
//! s .   the server takes what has come, and answers
//! k .   it changes its keys; e . it ends
//! d n   n bytes of what the server wrote arrive; D . all
//! f n   a bit of the next byte but n is changed; x n  n bytes are lost; i n  n bytes more arrive
//! ```

use crate::net::address::ServerAddress;
use crate::net::session::{Look, Session};
use crate::net::tls::TlsSettings;
use crate::protocol::codec::Sink;
use crate::protocol::write_buffer::WriteBuffer;
use bytes::{Buf, BytesMut};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// These bytes as a client's session and its server.
///
/// # Panics
/// When a promise is broken.
pub fn run(bytes: &[u8], server: &Arc<ServerConfig>) {
    let Some(mut pair) = Pair::new(server) else { return };
    for step in bytes.chunks_exact(2) {
        pair.step(step[0], usize::from(step[1]));
        pair.check();
    }
    if !pair.changed {
        pair.finish();
    }
}

/// More changes of keys in a row, with no data between two, are taken for an attack by the client's library, and it ends the session.
const KEY_CHANGES: usize = 32;

/// The client's socket.
#[derive(Default)]
struct Memory {
    /// What has arrived.
    inbox: BytesMut,
    ended: bool,
    /// What was written.
    outbox: Vec<u8>,
    /// Bytes that it still takes.
    room: usize,
}

impl AsyncRead for Memory {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.inbox.is_empty() && !self.ended {
            return Poll::Pending;
        }
        let n = room.remaining().min(self.inbox.len());
        room.put_slice(&self.inbox.split_to(n));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = bytes.len().min(self.room);
        self.room -= n;
        self.outbox.extend_from_slice(&bytes[..n]);
        if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Pair {
    client: Session,
    socket: Memory,
    write_buffer: WriteBuffer,
    /// All that the client read.
    read: BytesMut,
    /// Its session was ready.
    agreed: bool,
    /// It has failed or ended.
    over: bool,
    server: ServerConnection,
    /// The server has failed or closed.
    silent: bool,
    /// How often it has changed its keys since its last data.
    key_changes: usize,
    /// What the server wrote and has not arrived.
    way: Vec<u8>,
    /// What each side had to send, and what the server got.
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    at_server: Vec<u8>,
    /// Something befell a record.
    changed: bool,
}

impl Pair {
    fn new(config: &Arc<ServerConfig>) -> Option<Pair> {
        let settings = TlsSettings { verify: false, ..TlsSettings::default() };
        let address = ServerAddress::new("tls://server", 0).ok()?;
        Some(Pair {
            client: Session::new(&Arc::new(settings), &address).ok()?,
            socket: Memory { room: usize::MAX, ..Memory::default() },
            write_buffer: WriteBuffer::new(),
            read: BytesMut::new(),
            agreed: false,
            over: false,
            server: ServerConnection::new(config.clone()).ok()?,
            silent: false,
            key_changes: 0,
            way: Vec::new(),
            from_client: Vec::new(),
            from_server: Vec::new(),
            at_server: Vec::new(),
            changed: false,
        })
    }

    fn step(&mut self, kind: u8, n: usize) {
        match kind {
            b'c' => self.poll(),
            b'l' => self.look(),
            b'r' => self.socket.room = n,
            b'w' => {
                let bytes = vec![self.from_client.len() as u8; n];
                self.write_buffer.put(&bytes);
                self.from_client.extend(bytes);
            }
            b'W' if !self.silent && !self.server.is_handshaking() => {
                let bytes = vec![self.from_server.len() as u8; 100 * n];
                let taken = self.server.writer().write(&bytes).unwrap_or(0);
                self.from_server.extend_from_slice(&bytes[..taken]);
                if taken > 0 {
                    self.key_changes = 0;
                }
                self.serve();
            }
            b's' => self.serve(),
            b'k' if !self.silent && self.key_changes < KEY_CHANGES => {
                self.key_changes += usize::from(self.server.refresh_traffic_keys().is_ok());
            }
            b'e' if !self.silent && !self.server.is_handshaking() => {
                self.server.send_close_notify();
                self.serve();
                self.silent = true;
            }
            b'd' => self.arrive(n),
            b'D' => self.arrive(usize::MAX),
            b'f' if n < self.way.len() => {
                self.way[n] ^= 1 << (n % 8);
                self.changed = true;
            }
            b'x' => {
                self.way.drain(..n.min(self.way.len()));
                self.changed = true;
            }
            b'i' => {
                self.way.splice(..0, (0..n).map(|i| (i * 37) as u8));
                self.changed = true;
            }
            _ => {}
        }
    }

    fn poll(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        // Once it has failed nobody asks it again.
        if self.over {
            return;
        }
        match self.client.poll_ready(&mut self.socket, &mut cx) {
            Poll::Pending => return,
            Poll::Ready(Err(_)) => return self.over = true,
            Poll::Ready(Ok(())) => self.agreed = true,
        }
        let written = self.client.poll_write(&mut self.socket, &mut cx, &mut self.write_buffer);
        assert_eq!(written.is_pending(), self.write_buffer.has_remaining(), "bytes leave it when they are written");
        self.read_all();
    }

    fn read_all(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let before = self.read.len();
            match self.client.poll_read(&mut self.socket, &mut cx, &mut self.read) {
                Poll::Pending => {
                    assert!(self.socket.inbox.is_empty() && before == self.read.len(), "it waits for what is there");
                    return;
                }
                Poll::Ready(Ok(0) | Err(_)) => return self.over = true,
                Poll::Ready(Ok(n)) => assert_eq!(self.read.len(), before + n),
            }
        }
    }

    fn look(&mut self) {
        if self.over || !self.agreed {
            return;
        }
        let (socket, before) = (std::cell::RefCell::new(&mut self.socket), self.read.len());
        let look = self.client.look(|room| {
            let mut socket = socket.borrow_mut();
            let n = room.len().min(socket.inbox.len());
            if n == 0 && !socket.ended {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            room[..n].copy_from_slice(&socket.inbox.split_to(n));
            Ok(n)
        });
        self.read_all();
        let came = self.read.len() > before;
        match look {
            Look::Nothing => assert!(!came && !self.over, "there was something"),
            Look::Input => assert!(came || self.over, "there was nothing"),
            Look::End => assert!(self.over && !came, "there was more"),
        }
    }

    /// The server takes what the client wrote.
    fn serve(&mut self) {
        if self.silent {
            return;
        }
        let outbox = std::mem::take(&mut self.socket.outbox);
        let mut rest = &outbox[..];
        while !rest.is_empty() && !self.silent {
            let taken = self.server.read_tls(&mut rest);
            let processed = taken.map_err(|_| ()).and_then(|_| self.server.process_new_packets().map_err(|_| ()));
            let mut plain = vec![0; 1 << 16];
            while let Ok(n @ 1..) = self.server.reader().read(&mut plain) {
                self.at_server.extend_from_slice(&plain[..n]);
            }
            self.silent = processed.is_err();
            assert!(!self.silent || self.changed, "the server cannot read what the client sends: {processed:?}");
        }
        while self.server.wants_write() && self.server.write_tls(&mut self.way).is_ok() {}
    }

    fn arrive(&mut self, n: usize) {
        let n = n.min(self.way.len());
        self.socket.inbox.extend(self.way.drain(..n));
    }

    fn check(&self) {
        assert!(self.from_server.starts_with(&self.read), "the client got what the server did not send");
        assert!(self.from_client.starts_with(&self.at_server), "the server got what the client did not send");
    }

    /// All that is under way arrives.
    fn finish(&mut self) {
        self.socket.room = usize::MAX;
        for _ in 0..8 {
            self.poll();
            self.serve();
            self.arrive(usize::MAX);
        }
        self.check();
        assert_eq!(self.read.len(), self.from_server.len(), "the client did not get all");
        if !self.silent {
            assert_eq!(self.at_server.len(), self.from_client.len(), "the server did not get all");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use properties::properties;
    use proptest::prelude::*;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use std::sync::LazyLock;

    static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["server".into()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    });

    /// A handshake to its end.
    const AGREE: &[u8] = b"c\0s\0D\0c\0s\0";

    fn steps(kinds: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
        let step = (prop::sample::select(kinds), any::<u8>());
        (any::<bool>(), prop::collection::vec(step, 0..60)).prop_map(|(agreed, steps)| {
            let begin = if agreed { AGREE } else { b"" };
            [begin, &steps.into_iter().flat_map(|(kind, n)| [kind, n]).collect::<Vec<_>>()].concat()
        })
    }

    properties! {
        cases: 400;

        #[test]
        fn whatever_happens_to_records(steps in steps(b"cclrwwWWsssddDkefxi")) {
            run(&steps, &SERVER);
        }

        #[test]
        fn where_nothing_happens_to_them_all_arrives(steps in steps(b"cclrwwWWsssddDke")) {
            run(&steps, &SERVER);
        }
    }

    #[test]
    fn a_bit_of_each_byte() {
        for n in 0..=255 {
            run(&[AGREE, b"D\0c\0W\x01f", &[n], b"D\0l\0c\0s\0"].concat(), &SERVER);
            run(&[b"c\0s\0f", &[n][..], b"D\0c\0s\0D\0c\0"].concat(), &SERVER);
        }
    }

    /// A look went on for as long as something came that is no input, and no timeout or signal could end it.
    #[test]
    fn a_look_has_an_end() {
        let mut pair = Pair::new(&SERVER).unwrap();
        AGREE.chunks_exact(2).for_each(|step| pair.step(step[0], step[1].into()));
        let mut record = b"\x17\x03\x03\x40\x00".iter().chain(std::iter::repeat(&0));
        let came = std::cell::RefCell::new((&mut record, 0));
        let look = pair.client.look(|room| {
            let (record, n) = &mut *came.borrow_mut();
            room[0] = *record.next().unwrap();
            *n += 1;
            Ok(1)
        });
        assert_eq!(look, Look::End);
        assert!(came.into_inner().1 < 1000);
    }

    #[test]
    fn seeds_of_the_fuzz_target() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/tls");
        let seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            run(&std::fs::read(seed).unwrap(), &SERVER);
        }
    }
}
