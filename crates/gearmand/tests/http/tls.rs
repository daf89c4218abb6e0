//! HTTP over TLS: the certificate of the other port, and no client's.

use crate::http::{Client, HttpServer};
use crate::tls::{Files, server_name};
use crate::util::*;
use gearmand::config::tls::Verify;
use gearmand::{Listener, Tls};
use rustls::ClientConfig;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn serve(tls: Tls) -> HttpServer {
    HttpServer::on(None, |http| Listener::Tls(tls, http), |_| {}).await
}

async fn connect(server: &HttpServer, client: ClientConfig) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(server.address).await?;
    TlsConnector::from(Arc::new(client)).connect(server_name(), stream).await.map(Client::new)
}

#[tokio::test]
async fn no_client_is_asked_for_a_certificate_though_gearman_s_must_have_one() {
    let files = Files::new("http-tls");
    let server = serve(files.tls(Verify::Require)).await;
    for protocols in [&[][..], &[b"http/1.1".to_vec()], &[b"h2".to_vec(), b"http/1.1".to_vec()]] {
        let mut config = files.client(None);
        config.alpn_protocols = protocols.to_vec();
        let mut client = connect(&server, config).await.unwrap();
        client.get("/healthz").await.expect(200);
        let chosen = client.stream.get_ref().1.alpn_protocol().unwrap_or(b"http/1.1");
        assert_eq!(chosen, b"http/1.1");
    }
}

/// Else the ticket of who needs no certificate would let in who does.
#[tokio::test]
async fn a_session_of_http_is_none_of_gearman() {
    let files = Files::new("http-tls-ticket");
    let tls = files.tls(Verify::Require);
    let server = serve(tls.clone()).await;
    let gearman = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gearman.local_addr().unwrap();
    let other = Server::on(address, vec![Listener::Tls(tls, gearman)], |_| {});
    let config = files.client(None);
    let mut client = connect(&server, config.clone()).await.unwrap();
    client.get("/healthz").await.expect(200);
    let mut again = connect(&server, config.clone()).await.unwrap();
    again.get("/healthz").await.expect(200);
    assert_eq!(again.stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    let stream = TcpStream::connect(other.address).await.unwrap();
    if let Ok(stream) = TlsConnector::from(Arc::new(config)).connect(server_name(), stream).await {
        // With TLS 1.3 the client learns it later.
        let mut peer = Peer { stream };
        let _ = peer.raw_or(&packet(b"\0REQ", ECHO_REQ, &[&b"x"[..]])).await;
        assert!(timeout(LONG, peer.read_or_end()).await.unwrap().is_none(), "it is let in");
    }
}

#[tokio::test]
async fn new_connections_get_the_new_certificate() {
    let files = Files::new("http-tls-renewed");
    let tls = files.tls(Verify::None);
    let server = serve(tls.clone()).await;
    let renewed = files.ca.sign("a server");
    let mut before = connect(&server, files.client(None)).await.unwrap();
    files.write_server(&renewed);
    tls.reload().unwrap();
    let after = connect(&server, files.client(None)).await.unwrap();
    assert_eq!(&after.stream.get_ref().1.peer_certificates().unwrap()[0], renewed.certificate.der());
    before.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_cookie_that_came_encrypted_goes_no_other_way() {
    let files = Files::new("http-tls-cookie");
    let text = "[[token]]\nname = 'x'\ntoken = 'sixteen-characters'\nadmin = true";
    let tokens = gearmand::config::Tokens::parse(text, std::path::Path::new("t")).unwrap();
    let file = tokio::sync::watch::Sender::new(Arc::new(tokens));
    let tls = files.tls(Verify::None);
    let server = HttpServer::on(None, |http| Listener::Tls(tls, http), |config| config.tokens = Some(file.subscribe()));
    let server = server.await;
    let mut client = connect(&server, files.client(None)).await.unwrap();
    let form = "Content-Type: application/x-www-form-urlencoded";
    let answer = client.ask("POST", "/login", &[form], b"token=sixteen-characters").await.expect(303);
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Secure"), "{cookie}");
}

/// It is told in the clear, as that is what it understands.
#[tokio::test]
async fn who_does_not_encrypt_is_told_to() {
    let files = Files::new("http-tls-plain");
    let server = serve(files.tls(Verify::None)).await;
    let mut client = server.client().await;
    let problem = client.get("/healthz").await.expect(400);
    assert!(problem.text().contains("this port speaks TLS: https:// is wanted"), "{}", problem.text());
    client.ends().await;
    // What is neither.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\0REQ\0\0\0\x10\0\0\0\0").await.unwrap();
    let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap();
    connect(&server, files.client(None)).await.unwrap().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn who_encrypts_where_nobody_does_is_let_go() {
    let files = Files::new("http-plain");
    let server = HttpServer::start().await;
    let refused = timeout(LONG, connect(&server, files.client(None))).await.unwrap();
    assert!(refused.is_err());
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn half_handshakes_take_no_more_places_than_there_are() {
    let files = Files::new("http-tls-half");
    let tls = files.tls(Verify::None);
    let server = HttpServer::on(
        None,
        |http| Listener::Tls(tls, http),
        |config| {
            config.http.connections = 16;
            config.handshake_timeout = LONG * 10;
            config.http.head = LONG * 10;
        },
    );
    let server = server.await;
    let mut half = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(&b"\x16\x03\x01\x02\x00\x01"[..n % 6]).await;
        half.push(stream);
        if n % 20 == 0 {
            let asked = async { connect(&server, files.client(None)).await.unwrap().get("/healthz").await };
            timeout(LONG, asked).await.unwrap().expect(200);
        }
    }
    // The first ones have gone.
    let _ = timeout(LONG, half[0].read_to_end(&mut Vec::new())).await.expect("it goes on");
}
