//! A stream of bytes, over TCP or a Unix socket, and over TCP perhaps encrypted: the only place that knows which. What is
//! above never asks, but for the handshake that comes before an encrypted one.
//!
//! One [`Stream`] is both directions of a connection, as an encrypted stream has one state for both. Every method takes
//! `&self`: the connection's task reads, and at the end of a round any thread writes, one at a time (see
//! [`crate::outgoing`]); neither waits for the other. A kind of stream that has a state guards it in here, for no longer
//! than a call. No packets here.
//!
//! Invariants, which every kind of stream keeps:
//! - A read that is pending has left nothing behind, in the system or in the stream, and its task is woken by what comes; or
//!   it has, as what came so far was the stream's own, and its task is woken already.
//! - What is not in the [`WriteBuffer`] any more after a write is the system's: nothing waits in the stream that was taken out
//!   of it. Of what is still in it, an encrypted stream may have sent the beginning: the same bytes are to come again.

mod socket;
mod tls;

pub(crate) use socket::{Socket, Watch, keepalive};
pub(crate) use tls::HandshakeError;

use crate::config::Keepalive;
use crate::net::peer::{CertificateName, Unreadable};
use crate::net::stream::tls::Tls;
use bytes::BufMut;
use gearman_core::protocol::write_buffer::WriteBuffer;
use rustls::ServerConfig;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    /// Boxed, as it is many times larger than the other.
    Tls(Box<Tls>),
}

impl Stream {
    /// One that is to be encrypted: the handshake comes first.
    pub(crate) fn encrypted(socket: Socket, config: Arc<ServerConfig>) -> io::Result<Stream> {
        Ok(Stream::Tls(Box::new(Tls::new(socket, config)?)))
    }

    /// Goes on with the handshake, until it is done.
    pub(crate) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        match self {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(tls) => tls.poll_handshake(cx),
        }
    }

    /// After a handshake that failed: waits until the other side has read why.
    pub(crate) fn poll_refused(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Stream::Plain(_) => Poll::Ready(()),
            Stream::Tls(tls) => tls.poll_refused(cx),
        }
    }

    /// The names in the certificate that the other side has shown, where it has.
    pub(crate) fn certificate(&self) -> Result<Option<CertificateName>, Unreadable> {
        match self {
            Stream::Plain(_) => Ok(None),
            Stream::Tls(tls) => tls.certificate(),
        }
    }

    /// Reads once, as much as there is and there is room for; 0 is the end. Only the connection's task reads: it is the
    /// one that is woken.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        match self {
            Stream::Plain(socket) => socket.poll_read(cx, buffer),
            Stream::Tls(tls) => tls.poll_read(cx, buffer),
        }
    }

    /// Writes what the socket takes now.
    pub(crate) fn write(&self, bytes: &mut WriteBuffer) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    /// When a write may get on. Only the connection's task waits for that.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_write_ready(cx)
    }

    /// Makes sure that a peer that is dead is noticed soon.
    pub(crate) fn watch(&self, how: Watch, probe: &Keepalive) -> io::Result<()> {
        self.socket().watch(how, probe)
    }

    fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.socket(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

#[cfg(test)]
#[path = "../../tests/tls/forged.rs"]
mod forged;

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_core::protocol::codec::Sink;
    use socket2::SockRef;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream, UnixStream};

    const SCRATCH: usize = 64 * 1024;

    trait Peer: AsyncRead + AsyncWrite + Unpin {}
    impl<T: AsyncRead + AsyncWrite + Unpin> Peer for T {}

    async fn tcp() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Stream::Plain(Socket::Tcp(listener.accept().await.unwrap().0)), peer)
    }

    /// An encrypted one, whose handshake is done.
    async fn tls() -> (Stream, impl Peer) {
        tls_with(Arc::new).await
    }

    async fn tls_with(
        settings: impl FnOnce(rustls::ClientConfig) -> Arc<rustls::ClientConfig>,
    ) -> (Stream, tokio_rustls::client::TlsStream<TcpStream>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let (Stream::Plain(socket), peer) = tcp().await else { unreachable!() };
        let stream = Stream::encrypted(socket, Arc::new(server)).unwrap();
        let connector = tokio_rustls::TlsConnector::from(settings(client));
        let connecting = connector.connect("localhost".try_into().unwrap(), peer);
        let (done, peer) = tokio::join!(poll_fn(|cx| stream.poll_handshake(cx)), connecting);
        done.unwrap();
        let mut peer = peer.unwrap();
        // The tickets come before: who leaves with something unread resets the connection.
        let mut first = WriteBuffer::new();
        first.put(b"!");
        stream.write(&mut first).unwrap();
        assert_eq!(peer.read_u8().await.unwrap(), b'!');
        (stream, peer)
    }

    /// A stream of each kind, and its other end.
    async fn all() -> Vec<(Stream, Box<dyn Peer>)> {
        let (stream, peer) = tcp().await;
        let (local, local_peer) = UnixStream::pair().unwrap();
        let (encrypted, encrypted_peer) = tls().await;
        vec![
            (stream, Box::new(peer)),
            (Stream::Plain(Socket::Unix(local)), Box::new(local_peer)),
            (encrypted, Box::new(encrypted_peer)),
        ]
    }

    async fn read(stream: &Stream, room: usize) -> Vec<u8> {
        let mut room = vec![0; room];
        let whole = room.len();
        let mut rest = &mut room[..];
        let n = poll_fn(|cx| stream.poll_read(cx, &mut rest)).await.unwrap();
        assert_eq!(rest.len(), whole - n);
        room.truncate(n);
        room
    }

    #[tokio::test]
    async fn a_worker_that_gets_jobs_in_its_sleep_is_watched() {
        let (stream, _peer) = tcp().await;
        stream.watch(Watch::Reached, &Keepalive::default()).unwrap();
        let Stream::Plain(Socket::Tcp(socket)) = &stream else { unreachable!() };
        let socket = SockRef::from(socket);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(socket::REACHED));
        assert!(socket.keepalive().unwrap());
        stream.watch(Watch::Alive, &Keepalive::default()).unwrap();
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
        assert!(socket.keepalive().unwrap());
    }

    #[tokio::test]
    async fn nothing_is_left_behind_by_a_short_read_or_a_full_one() {
        for (stream, mut peer) in all().await {
            for round in 0..100_u8 {
                // Whether this one is sent before the read or while it waits is not known.
                let small = [round; 3];
                let (bytes, sent) = tokio::join!(read(&stream, 4), peer.write_all(&small));
                sent.unwrap();
                assert_eq!(bytes, small);
                peer.write_all(&[round; 9]).await.unwrap();
                let mut rest = 9;
                while rest > 0 {
                    rest -= read(&stream, 4).await.len();
                }
            }
            drop(peer);
            assert_eq!((read(&stream, 4).await, read(&stream, 4).await), (vec![], vec![]), "the end stays");
        }
    }

    /// As much as there is room for, and not a byte beyond it.
    #[tokio::test]
    async fn a_vector_is_filled_as_far_as_it_may_be() {
        for (stream, mut peer) in all().await {
            peer.write_all(b"abcdefgh").await.unwrap();
            let mut bytes = Vec::with_capacity(100);
            let n = poll_fn(|cx| stream.poll_read(cx, &mut (&mut bytes).limit(5))).await.unwrap();
            assert_eq!((n, &bytes[..]), (5, &b"abcde"[..]));
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Of these there may be many megabytes, each of which takes a tenth of a second, and nobody else had a turn.
    #[tokio::test]
    async fn others_have_their_turn_between_records_without_anything_to_read() {
        let mut begin = None;
        let settings = |client| {
            let (client, forger) = super::forged::forgeable(&client);
            begin = Some(forger);
            client
        };
        let (stream, peer) = tls_with(settings).await;
        let (mut peer, session) = peer.into_inner();
        let mut forger = begin.unwrap()(&session);
        for _ in 0..10 {
            peer.write_all(&forger.nothing()).await.unwrap();
        }
        peer.write_all(&forger.data(b"last")).await.unwrap();
        let (mut turns, mut bytes) = (0, Vec::with_capacity(SCRATCH));
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        while stream.poll_read(&mut Context::from_waker(&waker), &mut (&mut bytes).limit(SCRATCH)).is_pending() {
            // By itself, as nothing else has run meanwhile.
            turns += usize::from(woken.0.load(Ordering::Relaxed));
            tokio::task::yield_now().await;
            woken.0.store(false, Ordering::Relaxed);
        }
        assert!(turns > 0, "{turns}");
        assert_eq!(bytes, b"last");
    }

    #[tokio::test]
    async fn another_thread_writes_while_a_read_waits() {
        for (stream, mut peer) in all().await {
            let stream = Arc::new(stream);
            let reader = stream.clone();
            let reading = tokio::spawn(async move { read(&reader, 4).await });
            tokio::task::yield_now().await;
            let written = std::thread::spawn(move || {
                let mut bytes = WriteBuffer::new();
                bytes.put(b"answer");
                stream.write(&mut bytes).map(|()| bytes.len())
            });
            let mut answer = [0; 6];
            peer.read_exact(&mut answer).await.unwrap();
            assert_eq!((&answer, written.join().unwrap().unwrap()), (b"answer", 0));
            assert!(!reading.is_finished());
            peer.write_all(b"more").await.unwrap();
            assert_eq!(reading.await.unwrap(), b"more");
        }
    }

    #[tokio::test]
    async fn a_full_socket_keeps_the_rest_until_it_is_ready_again() {
        for (stream, mut peer) in all().await {
            let all: Vec<u8> = (0..8_000_000_u32).map(|i| i as u8).collect();
            let mut bytes = WriteBuffer::new();
            all.chunks(100_000).for_each(|chunk| bytes.share(bytes::Bytes::copy_from_slice(chunk)));
            stream.write(&mut bytes).unwrap();
            assert!(!bytes.is_empty(), "no socket takes that much");
            let mut received = vec![0; all.len()];
            let writing = async {
                while !bytes.is_empty() {
                    poll_fn(|cx| stream.poll_write_ready(cx)).await.unwrap();
                    stream.write(&mut bytes).unwrap();
                }
            };
            tokio::join!(writing, async { peer.read_exact(&mut received).await.unwrap() });
            assert!(received == all);
        }
    }
}
