//! SIGHUP, as far as it is the library's: files that are read anew.

use crate::tls::{Ca, Encrypted};
use crate::util::*;
use gearmand::config::tls::Verify;
use rustls::HandshakeKind;
use std::sync::Arc;

async fn kind(server: &Encrypted, client: &Arc<rustls::ClientConfig>) -> HandshakeKind {
    let mut peer = server.peer_with(client.clone()).await.unwrap();
    // The ticket comes after the handshake.
    peer.sync().await;
    peer.stream.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn sessions_are_resumed() {
    use rustls::version::{TLS12, TLS13};
    let server = Encrypted::with("tls-resumed", Verify::Require, |_| {}).await;
    let shown = server.files.ca.sign("web");
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(server.files.client_of(Some(&shown), &[version]));
        assert_ne!(kind(&server, &client).await, HandshakeKind::Resumed);
        for _ in 0..5 {
            assert_eq!(kind(&server, &client).await, HandshakeKind::Resumed);
        }
    }
}

#[tokio::test]
async fn new_connections_get_the_new_certificate() {
    let mut server = Encrypted::start("tls-renewed").await;
    let mut before = server.peer().await;
    let renewed = server.files.ca.sign("a server");
    server.files.write_server(&renewed);
    server.tls.reload().unwrap();
    server.client = Arc::new(server.files.client(None));
    let shown = |peer: &Peer<tokio_rustls::client::TlsStream<_>>| {
        peer.stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let after = server.peer().await;
    assert_eq!(&shown(&after), renewed.certificate.der());
    assert_ne!(&shown(&before), renewed.certificate.der());
    before.sync().await;
}

#[tokio::test]
async fn bad_files_change_nothing() {
    let server = Encrypted::start("tls-kept").await;
    server.files.write("server.key", &server.files.ca.sign("another").key.serialize_pem());
    let error = server.tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.key: the key does not fit the certificate in "), "{error}");
    server.peer().await.sync().await;
}

/// Neither with its certificate nor by the ticket that it had for it.
#[tokio::test]
async fn who_is_taken_out_of_the_ca_file_is_out() {
    let server = Encrypted::with("tls-revoked", Verify::Require, |_| {}).await;
    let client = Arc::new(server.files.client(Some(&server.files.ca.sign("web"))));
    kind(&server, &client).await;
    assert_eq!(kind(&server, &client).await, HandshakeKind::Resumed);
    server.files.write("ca.pem", &Ca::new("another").certificate.pem());
    server.tls.reload().unwrap();
    for _ in 0..3 {
        let refused = async {
            let mut peer = server.peer_with(client.clone()).await?;
            peer.raw_or(b"verbose\n").await?;
            tokio::io::AsyncReadExt::read_u8(&mut peer.stream).await
        };
        assert!(refused.await.is_err());
    }
}
