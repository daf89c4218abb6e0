//! Peers behind other streams than TCP, and large jobs.

use super::*;
use crate::process::Folder;
use crate::tls::{Encrypted, Files};
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearmand::Listener;
use gearmand::config::tls::Verify;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

/// Jobs of this client are run by a worker there.
async fn serves(mut client: Peer, there: &Server) {
    let mut worker = sleeper(there, &["f"]).await;
    let data = vec![b'x'; 5_000_000];
    for _ in 0..3 {
        let job = client.submit("f", "", &data).await;
        let (handle, rest) = worker.woken().await;
        assert!(rest.ends_with(&data) && rest.len() == data.len() + 3);
        worker.send(WORK_DATA, &[handle.as_bytes(), &data]).await;
        worker.complete(&handle, &data).await;
        client.soon(WORK_DATA, &[&job, &data]).await;
        client.soon(WORK_COMPLETE, &[&job, &data]).await;
        worker.send(PRE_SLEEP, &[]).await;
    }
}

#[tokio::test]
async fn large_jobs() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    serves(here.peer().await, &there).await;
}

#[tokio::test]
async fn a_socket_in_the_file_system() {
    let folder = Folder::new("peers-unix");
    let path = folder.file("socket");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let listeners = vec![Listener::Tcp(listener), Listener::Unix(None, UnixListener::bind(&path).unwrap())];
    let here = Server::on(at, listeners, |_| {});
    let peer = ServerAddress::Unix(path.into());
    let there = server("helper", |config| config.peers = vec![peer]).await;
    serves(here.peer().await, &there).await;
}

/// The peer lets in who has a certificate of its CA.
#[tokio::test]
async fn tls_with_a_certificate() {
    let files = Files::new("peers-tls");
    let shown = files.ca.sign("the helper");
    let text = [shown.certificate.pem(), shown.key.serialize_pem()].concat();
    let (certificate, ca) = (files.write("helper.pem", &text), files.path("ca.pem"));
    let here = Encrypted::of(files, Verify::Require, |_| {});
    let peer = ServerAddress::new("tls://localhost", here.server.address.port().into()).unwrap();
    let settings = TlsSettings { ca_file: Some(ca), certificate: Some(certificate.into()), ..TlsSettings::default() };
    let there = server("helper", |config| {
        config.peers = vec![peer];
        config.peer_tls = TlsChoice::named(settings);
    })
    .await;
    serves(here.plain().await, &there).await;
}
