//! A connection whose bytes are a test's: which are sent, when, and what becomes of them on their way.

use crate::tls::{Encrypted, server_name};
use crate::util::*;
use rustls::{ClientConfig, ClientConnection};
use std::io::{Read, Write};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes of a client, as they are on the wire: a test decides when which of them are sent.
pub(crate) struct Wire {
    pub(crate) tls: ClientConnection,
    pub(crate) stream: TcpStream,
}

impl Wire {
    pub(crate) async fn connect(server: &Encrypted) -> Wire {
        Wire::connect_with(server, server.client.clone()).await
    }

    pub(crate) async fn connect_with(server: &Encrypted, client: Arc<ClientConfig>) -> Wire {
        let stream = TcpStream::connect(server.server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = ClientConnection::new(client, server_name()).unwrap();
        let mut wire = Wire { tls, stream };
        while wire.tls.is_handshaking() || wire.tls.wants_write() {
            let bytes = wire.encrypted();
            wire.stream.write_all(&bytes).await.unwrap();
            if wire.tls.is_handshaking() {
                wire.read_some().await;
            }
        }
        wire
    }

    pub(crate) fn encrypted(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// One record of this.
    pub(crate) fn record(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(bytes).unwrap();
        self.encrypted()
    }

    pub(crate) async fn read_some(&mut self) {
        let mut bytes = [0; 4096];
        let n = self.stream.read(&mut bytes).await.unwrap();
        assert_ne!(n, 0, "the connection ended");
        let mut came = &bytes[..n];
        while !came.is_empty() {
            self.tls.read_tls(&mut came).unwrap();
            self.tls.process_new_packets().unwrap();
        }
    }

    pub(crate) async fn expect(&mut self, expected: &[u8]) {
        let mut answer = vec![0; expected.len()];
        let mut read = 0;
        while read < answer.len() {
            match self.tls.reader().read(&mut answer[read..]) {
                Ok(n) => read += n,
                Err(_) => tokio::time::timeout(LONG, self.read_some()).await.unwrap(),
            }
        }
        assert!(answer == expected, "{}", answer.escape_ascii());
    }
}

/// A question, and its answer.
pub(crate) fn echo(n: usize) -> (Vec<u8>, Vec<u8>) {
    let text = format!("echo {n}");
    (packet(b"\0REQ", ECHO_REQ, &[text.as_bytes()]), packet(b"\0RES", ECHO_RES, &[text.as_bytes()]))
}
