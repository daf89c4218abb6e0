//! Sessions that are taken up again by the next client, and when they are not.

use super::Party;
use crate::authorities::{Authority, Issued, names};
use crate::conversation::ECHO_RES;
use crate::util::{Script, echo, join, within};
use gearman_core::client::Client;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

/// A new client asks something; how the server came to agree with it.
async fn handshake(script: &Script, settings: &TlsSettings) -> HandshakeKind {
    let server = async {
        let mut stream = script.accept_tls().await.unwrap();
        stream.read_exact(&mut [0; 13]).await.unwrap();
        stream.write_all(&ECHO_RES.with("x").answer()).await.unwrap();
        stream.flush().await.unwrap();
        stream.get_ref().1.handshake_kind().unwrap()
    };
    let mut client = Client::default();
    client.set_tls(TlsChoice::all(settings.clone()));
    client.add_server(script.server(), Vec::new());
    join(server, echo(&mut client, b"x")).await.0
}

fn issued(authority: &Authority) -> Issued {
    authority.issue(names(&["localhost", "127.0.0.1"]))
}

#[test]
fn the_next_client_takes_the_session_up() {
    within(async || {
        for version in [&TLS12, &TLS13] {
            let party = Party::of(|authority| issued(authority).server_with(None, &[version])).await;
            assert_eq!(handshake(&party.script, &party.settings).await, HandshakeKind::Full);
            for _ in 0..20 {
                assert_eq!(handshake(&party.script, &party.settings).await, HandshakeKind::Resumed);
            }
        }
    });
}

#[test]
fn servers_on_one_host_do_not_take_each_others() {
    within(async || {
        let party = Party::new().await;
        let other = Script::tls_as(issued(&party.authority).server()).await;
        for script in [&party.script, &other] {
            assert_eq!(handshake(script, &party.settings).await, HandshakeKind::Full);
        }
        for script in [&party.script, &other, &party.script, &other] {
            assert_eq!(handshake(script, &party.settings).await, HandshakeKind::Resumed);
        }
    });
}

/// Another certificate, another CA, or none at all is another session. So is the same file with something else in it.
#[test]
fn other_settings_are_another_session() {
    within(async || {
        let party =
            Party::of(|authority| -> Arc<ServerConfig> { issued(authority).server_with(None, &[&TLS13]) }).await;
        let settings = &party.settings;
        assert_eq!(handshake(&party.script, settings).await, HandshakeKind::Full);
        let blind = TlsSettings { verify: false, ..settings.clone() };
        assert_eq!(handshake(&party.script, &blind).await, HandshakeKind::Full);
        let client = party.authority.issue(names(&["a client"]));
        let file = party.folder.file("client.pem", client.key_pem.clone() + &client.chain_pem[0]);
        let with_certificate = TlsSettings { certificate: Some(file.clone()), ..settings.clone() };
        assert_eq!(handshake(&party.script, &with_certificate).await, HandshakeKind::Full);
        assert_eq!(handshake(&party.script, &with_certificate).await, HandshakeKind::Resumed);
        let renewed = party.authority.issue(names(&["a client"]));
        std::fs::write(&file, renewed.key_pem.clone() + &renewed.chain_pem[0]).unwrap();
        assert_eq!(handshake(&party.script, &with_certificate).await, HandshakeKind::Full);
        assert_eq!(handshake(&party.script, settings).await, HandshakeKind::Resumed);
    });
}
