//! Handshakes that do not end as they should, and those beside them.

use crate::process::Running;
use crate::tls::{Encrypted, Files, server_name};
use crate::util::*;
use gearmand::config::tls::Verify;
use rustls::ClientConnection;
use rustls::version::{TLS12, TLS13};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client sends of a handshake with this server, piece by piece; before each it reads what it has to. No more than `most`
/// bytes, then it stops.
async fn cut_after(server: &Encrypted, most: usize, stream: &mut TcpStream) -> bool {
    let version = if most.is_multiple_of(2) { &TLS13 } else { &TLS12 };
    let client = Arc::new(server.files.client_of(None, &[version]));
    let mut tls = ClientConnection::new(client, server_name()).unwrap();
    let mut left = most;
    while tls.is_handshaking() || tls.wants_write() {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        let part = &bytes[..bytes.len().min(left)];
        left -= part.len();
        stream.write_all(part).await.unwrap();
        if part.len() < bytes.len() {
            return true;
        }
        if tls.is_handshaking() {
            let mut bytes = [0; 4096];
            let n = stream.read(&mut bytes).await.unwrap();
            assert_ne!(n, 0);
            let mut came = &bytes[..n];
            while !came.is_empty() {
                tls.read_tls(&mut came).unwrap();
                tls.process_new_packets().unwrap();
            }
        }
    }
    false
}

#[tokio::test]
async fn cut_at_every_byte() {
    let server = Encrypted::start("tls-cut").await;
    let mut other = server.peer().await;
    let (mut most, mut whole) = (0, 0);
    // Both versions have to have come to their end.
    while whole < 2 {
        let mut stream = TcpStream::connect(server.server.address).await.unwrap();
        whole += usize::from(!cut_after(&server, most, &mut stream).await);
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap();
        other.sync().await;
        most += 1;
    }
    assert!(most > 200, "{most}");
}

#[tokio::test]
async fn one_that_takes_too_long() {
    let change = |config: &mut gearmand::Config| config.handshake_timeout = Duration::from_millis(1);
    let server = Encrypted::with("tls-late", Verify::None, change).await;
    let mut silent = server.server.peer().await;
    tokio::time::timeout(LONG, silent.ends()).await.unwrap();
    let mut half = TcpStream::connect(server.server.address).await.unwrap();
    cut_after(&server, 100, &mut half).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LONG, half.read_to_end(&mut rest)).await.unwrap();
}

/// So many have begun and do nothing; all places are theirs, and who is honest gets one.
#[tokio::test]
async fn two_thousand_half_handshakes() {
    let change = |config: &mut gearmand::Config| {
        config.max_handshakes = 100;
        config.handshake_timeout = LONG * 10;
    };
    let server = Encrypted::with("tls-half", Verify::None, change).await;
    let mut before = server.peer().await;
    let mut half: Vec<TcpStream> = Vec::new();
    for n in 0..2000 {
        let mut stream = TcpStream::connect(server.server.address).await.unwrap();
        cut_after(&server, n % 100, &mut stream).await;
        // The oldest are not there any more, and take no descriptors here either.
        if half.len() == 500 {
            let mut rest = Vec::new();
            let _ = tokio::time::timeout(LONG, half.remove(0).read_to_end(&mut rest)).await.unwrap();
        }
        half.push(stream);
        if n % 50 == 0 {
            let mut honest = tokio::time::timeout(LONG, server.peer()).await.unwrap();
            honest.sync().await;
        }
    }
    before.sync().await;
    let mut honest = server.peer().await;
    honest.text("status\n", ".\n").await;
}

/// Those that fail are told why, with an alert, and do not stay.
#[tokio::test]
async fn an_old_version_is_refused() {
    let server = Encrypted::start("tls-old").await;
    // A ClientHello of TLS 1.1.
    let body = [&[3, 2][..], &[7; 32], &[0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]].concat();
    let hello = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    let record = [&[22, 3, 1, 0, hello.len() as u8][..], &hello].concat();
    let mut stream = TcpStream::connect(server.server.address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    assert_eq!((answer.len(), answer[0], answer[5]), (7, ALERT, FATAL), "{answer:?}");
    // protocol_version, or that nothing of what it offers is known.
    assert!([70, 40, 47].contains(&answer[6]), "{answer:?}");
}

fn start(name: &str, arguments: &[&str]) -> (Files, Running) {
    let files = Files::new(name);
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let mut all = vec!["--ssl-certificate", &certificate, "--ssl-key", &key];
    all.extend(arguments);
    let mut server = Running::begin(crate::process::gearmand(), &all, &files.folder);
    server.port = server.line_with("listening on ").rsplit(':').next().unwrap().trim().parse().unwrap();
    (files, server)
}

#[test]
fn plain_bytes_on_a_port_with_tls() {
    let (_files, mut server) = start("tls-plain", &["--ssl"]);
    for bytes in [&b"status\n"[..], &packet(b"\0REQ", ECHO_REQ, &[b"x"])] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        // The end, or a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let line = server.line_with("it does not speak TLS, and this port does");
    assert!(line.starts_with("WARNING"), "{line}");
    // Others are lines of INFO.
    let line = server.line_with("it does not speak TLS, and this port does");
    assert!(line.trim_start().starts_with("INFO"), "{line}");
}

#[test]
fn a_handshake_on_a_port_without_tls() {
    let (files, mut server) = start("tls-on-plain", &["--listen", "tls://127.0.0.1:0"]);
    let client = Arc::new(files.client(None));
    let mut tls = ClientConnection::new(client, server_name()).unwrap();
    // The port of 127.0.0.1 alone; the other one's line comes second.
    let mut stream = server.connect();
    assert!(tls.complete_io(&mut stream).is_err());
    let line = server.line_with("it speaks TLS, and this port does not");
    assert!(line.starts_with("WARNING"), "{line}");
}
