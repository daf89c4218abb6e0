//! Whom a client does not trust, who does not trust it, and what it says of that.

use super::{Party, echo_or_error, reason};
use crate::authorities::{Authority, Folder, Issued, names};
use crate::conversation::*;
use crate::util::{
    Script, alone, client_with, echo, impatient, join, pass, refusing, tcp_server, within, within_a_minute, worker,
};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::{Error, ReturnCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig};

/// Why a client that trusts the authority refuses this server.
async fn refusal(server: impl FnOnce(&Authority) -> Arc<ServerConfig>) -> String {
    let party = Party::of(server).await;
    let mut client = party.client();
    let (accepted, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
    accepted.unwrap_err();
    let error = refused.clone().unwrap_err();
    assert_eq!((error.code(), error.closes(), error.elsewhere()), (ReturnCode::CouldNotConnect, true, true));
    assert!(error.to_string().starts_with(&format!("no TLS connection to {}: ", party.script.server())), "{error}");
    let ca_file = party.settings.ca_file.as_ref().unwrap().display().to_string();
    reason(refused).replace(&ca_file, "ca.pem")
}

fn localhost() -> CertificateParams {
    names(&["localhost", "127.0.0.1"])
}

#[test]
fn a_server_that_another_ca_speaks_for() {
    within(async || {
        let said = refusal(|_| Authority::new("another").issue(localhost()).server()).await;
        assert_eq!(
            said,
            "the server's certificate is signed by no CA in ca.pem: put the certificate of its CA into ca.pem"
        );
    });
}

/// Whoever makes a CA anew gives it the name that it had.
#[test]
fn a_server_that_another_ca_of_the_same_name_speaks_for() {
    within(async || {
        let said = refusal(|_| Authority::new("the CA").issue(localhost()).server()).await;
        assert_eq!(
            said,
            "the server's certificate is signed by no CA in ca.pem, but by one of the same name: put the certificate of \
             its CA into ca.pem"
        );
    });
}

#[test]
fn a_server_that_nobody_speaks_for() {
    within(async || {
        let said = refusal(|_| Issued::self_signed(localhost()).server()).await;
        assert_eq!(said, "the server's certificate is self-signed, and not trusted: put it into ca.pem");
        let mut params = localhost();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let said = refusal(|_| Issued::self_signed(params).server()).await;
        assert_eq!(said, "the server's certificate is self-signed, and not trusted: put it into ca.pem");
    });
}

#[test]
fn a_certificate_out_of_its_time() {
    within(async || {
        let mut old = localhost();
        (old.not_before, old.not_after) = (rcgen::date_time_ymd(2001, 1, 1), rcgen::date_time_ymd(2002, 1, 1));
        let said = refusal(|authority| authority.issue(old).server()).await;
        assert!(said.starts_with("the server's certificate has expired, "), "{said}");
        assert!(said.ends_with(" days ago: it must be renewed"), "{said}");
        let mut young = localhost();
        (young.not_before, young.not_after) = (rcgen::date_time_ymd(3001, 1, 1), rcgen::date_time_ymd(3002, 1, 1));
        let said = refusal(|authority| authority.issue(young).server()).await;
        assert!(said.starts_with("the server's certificate is not valid yet, for "), "{said}");
        assert!(said.ends_with(" days more: is the clock right?"), "{said}");
    });
}

#[test]
fn a_certificate_of_somebody_else() {
    within(async || {
        let said = refusal(|authority| authority.issue(names(&["other.example", "10.0.0.1"])).server()).await;
        assert_eq!(
            said,
            "the server's certificate is made out to other.example, 10.0.0.1, not to 127.0.0.1: connect to that name, or say \
             that it is right (peer name)"
        );
        let said = refusal(|authority| authority.issue(names(&[])).server()).await;
        assert_eq!(
            said,
            "the server's certificate names neither a host nor an address (subjectAltName), so not 127.0.0.1: it must be made \
             anew"
        );
    });
}

/// By name, by IP address, by the name that is said to be right, and not at all.
#[test]
fn whom_it_is_made_out_to() {
    within(async || {
        let party = Party::of(|authority| authority.issue(names(&["queue.example", "localhost"])).server()).await;
        let ServerAddress::Tcp { port, .. } = party.script.server() else { panic!("TCP") };
        let cases = [
            ("localhost", None, true, true),
            ("127.0.0.1", None, true, false),
            ("127.0.0.1", Some("queue.example"), true, true),
            ("localhost", Some("127.0.0.1"), true, false),
            ("localhost", Some("other.example"), true, false),
            ("127.0.0.1", Some("other.example"), false, true),
        ];
        for (host, peer_name, verify, good) in cases {
            // The loopback of IPv6 is asked first, where there is one: nobody is there.
            let server = ServerAddress::new(&format!("tls://{host}"), port.into()).unwrap();
            let mut client = client_with(gearman_core::server_connection::Settings::default(), &[server]);
            let peer_name = peer_name.map(Into::into);
            client.set_tls(TlsChoice::all(TlsSettings { peer_name, verify, ..party.settings.clone() }));
            let server = async {
                match party.script.accept_tls().await {
                    Ok(mut stream) => {
                        let asked = stream.get_ref().1.server_name().map(ToString::to_string);
                        let mut request = [0; 13];
                        stream.read_exact(&mut request).await.unwrap();
                        stream.write_all(&ECHO_RES.with("x").answer()).await.unwrap();
                        asked
                    }
                    Err(_) => None,
                }
            };
            let (asked, answer) = join(server, echo_or_error(&mut client)).await;
            assert_eq!(answer.is_ok(), good, "{host} {:?} {answer:?}", client);
            if good && host == "localhost" {
                assert_eq!(asked.as_deref(), Some("localhost"), "the server is told which name is meant");
            }
        }
    });
}

#[test]
fn a_chain_is_followed_and_must_be_in_order() {
    within(async || {
        let party = Party::of(|authority| {
            let between = authority.below("between");
            between.issue(localhost()).and(&between).server()
        });
        let party = party.await;
        let mut client = party.client();
        join(async { party.script.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
        let said = refusal(|authority| {
            let between = authority.below("between");
            between.issue(localhost()).and(&between).reversed().server()
        })
        .await;
        assert!(said.contains("the certificate of a CA as its own: its chain may be in the wrong order"), "{said}");
        let said = refusal(|authority| authority.below("between").issue(localhost()).server()).await;
        assert!(said.starts_with("the server's certificate is signed by no CA in"), "{said}");
    });
}

/// In TLS 1.3 the server says so when the handshake is over for us: it must not look as if the connection was lost.
#[test]
fn who_shows_no_certificate_where_one_is_required() {
    within(async || {
        for versions in [&[&TLS12][..], &[&TLS13], ALL_VERSIONS] {
            let party =
                Party::of(|authority| authority.issue(localhost()).server_with(Some(authority), versions)).await;
            let mut client = party.client();
            let (accepted, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
            accepted.unwrap_err();
            let expected = "the server requires a certificate of its clients: name one, and its key";
            assert_eq!(reason(refused), expected, "{versions:?}");

            let mut worker = worker(&[party.script.server()], b"f");
            worker.set_tls(TlsChoice::all(party.settings.clone()));
            let (_, refused) = join(party.script.accept_tls(), worker.next_job(None)).await;
            assert_eq!(
                refused.unwrap_err(),
                Error::Tls { server: party.script.server().to_string(), reason: expected.into() }
            );

            let issued = party.authority.issue(names(&["a client"]));
            let certificate = party.folder.file("client.pem", &issued.chain_pem[0]);
            let key = party.folder.file("client.key", &issued.key_pem);
            let settings = TlsSettings { certificate: Some(certificate), key: Some(key), ..party.settings.clone() };
            let mut client = party.client_with(settings);
            join(async { party.script.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
        }
    });
}

#[test]
fn a_certificate_that_the_server_does_not_know() {
    within(async || {
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let party =
                Party::of(|authority| authority.issue(localhost()).server_with(Some(authority), versions)).await;
            let issued = Authority::new("another").issue(names(&["a client"]));
            // Both in one file.
            let both = party.folder.file("both.pem", issued.key_pem.clone() + &issued.chain_pem[0]);
            let mut client =
                party.client_with(TlsSettings { certificate: Some(both.clone()), ..party.settings.clone() });
            let (accepted, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
            accepted.unwrap_err();
            let expected = format!(
                "the server does not accept our certificate in {}: it does not know the CA that signed it",
                both.display()
            );
            assert_eq!(reason(refused), expected);
        }
    });
}

/// A connection that was made, and over which nothing was asked yet: after a pause it is looked at, and made anew.
#[test]
fn who_is_refused_between_two_calls() {
    within(async || {
        for paused in [false, true] {
            let party =
                Party::of(|authority| authority.issue(localhost()).server_with(Some(authority), &[&TLS13])).await;
            let mut client = party.client();
            client.begin();
            let (accepted, connected) = join(party.script.accept_tls(), client.connect_all()).await;
            accepted.unwrap_err();
            connected.unwrap();
            if paused {
                pass(Duration::from_secs(1)).await;
            }
            let server = async {
                loop {
                    party.script.accept_tls().await.unwrap_err();
                }
            };
            let refused =
                tokio::select! { never = server => never, refused = alone(echo_or_error(&mut client)) => refused };
            assert!(reason(refused).starts_with("the server requires a certificate"));
        }
    });
}

/// A name that stands for several addresses, and nobody is at the last of them.
#[test]
fn that_tls_is_refused_is_said_whatever_other_addresses_come_to() {
    within(async || {
        let party = Party::of(|_| Issued::self_signed(localhost()).server()).await;
        let (_socket, nobody) = refusing();
        let addresses = [party.script.server(), nobody].iter().flat_map(|s| s.resolve().unwrap()).collect();
        let mut client = gearman_core::client::Client::default();
        client.set_tls(TlsChoice::all(party.settings.clone()));
        client.add_server(party.script.server(), addresses);
        let (_, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
        assert!(reason(refused).contains("self-signed"));
    });
}

/// A server that reads what comes, says this and closes.
async fn refusal_of_raw(answer: &[u8]) -> String {
    let script = Script::tcp().await;
    let ServerAddress::Tcp { port, .. } = script.server() else { panic!("TCP") };
    let named = ServerAddress::new("tls://127.0.0.1", port.into()).unwrap();
    let mut client = client_with(gearman_core::server_connection::Settings::default(), &[named]);
    let server = async {
        let mut raw = script.accept_raw().await;
        let mut hello = [0; 4096];
        assert!(raw.read(&mut hello).await.unwrap() > 0);
        raw.write_all(answer).await.unwrap();
    };
    let ((), refused) = join(server, echo_or_error(&mut client)).await;
    reason(refused)
}

#[test]
fn what_is_no_tls() {
    within(async || {
        let plain = "what the server answers is not TLS: is it a plain server, or another port that speaks TLS?";
        for answer in [
            &b"ERR UNKNOWN_COMMAND Unknown+server+command\r\n"[..],
            b"\0RES\0\0\0\x11\0\0\0\0",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ] {
            assert_eq!(refusal_of_raw(answer).await, plain, "{}", answer.escape_ascii());
        }
        let closed = refusal_of_raw(b"").await;
        assert_eq!(
            closed,
            "the server closed the connection during the TLS handshake: does the server speak TLS on this port?"
        );
    });
}

#[test]
fn what_is_older_than_tls_1_2() {
    within(async || {
        let too_old = "the server speaks neither TLS 1.2 nor 1.3, and nothing older is safe";
        let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        hello.extend([7; 32]); // random
        hello.extend([0, 0xc0, 0x13, 0]); // no session, a cipher, no compression
        assert_eq!(refusal_of_raw(&hello).await, too_old);
        assert_eq!(refusal_of_raw(b"\x15\x03\x02\x00\x02\x02\x46").await, too_old);
    });
}

/// The time to connect is the time until requests can be sent.
#[test]
fn a_server_that_accepts_and_says_nothing() {
    within(async || {
        let script = Script::tcp().await;
        let ServerAddress::Tcp { port, .. } = script.server() else { panic!("TCP") };
        let named = ServerAddress::new("tls://127.0.0.1", port.into()).unwrap();
        let mut client = client_with(impatient(), &[named]);
        let (_mute, refused) = join(script.accept_raw(), echo_or_error(&mut client)).await;
        assert_eq!(
            reason(refused),
            "no end of the TLS handshake within 50 ms: does the server speak TLS on this port?"
        );
    });
}

/// The server's answer to hello is cut after each of its bytes, and the connection then closed.
#[test]
fn a_handshake_that_is_cut() {
    within_a_minute(async || {
        let whole = 3000; // more than the server sends
        let folder = Folder::new();
        let authority = Authority::new("the CA");
        let config = authority.issue(localhost()).server();
        let settings = Arc::new(folder.trusting(&authority));
        // One server for all: so many would push out what other tests' clients know of theirs.
        let script = Script::tcp().await;
        let ServerAddress::Tcp { port, .. } = script.server() else { panic!("TCP") };
        let mut cuts = 0;
        for length in 0..whole {
            let mut client = client_with(gearman_core::server_connection::Settings::default(), &[tcp_server(port)]);
            client.set_tls(TlsChoice::all(TlsSettings::clone(&settings)));
            let config = config.clone();
            let server = async {
                let mut raw = script.accept_raw().await;
                let mut tls = tokio_rustls::rustls::ServerConnection::new(config).unwrap();
                let mut hello = [0; 4096];
                let n = raw.read(&mut hello).await.unwrap();
                tls.read_tls(&mut &hello[..n]).unwrap();
                tls.process_new_packets().unwrap();
                let mut answer = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut answer).unwrap();
                }
                raw.write_all(&answer[..length.min(answer.len())]).await.unwrap();
                answer.len()
            };
            let (all, refused) = join(server, echo_or_error(&mut client)).await;
            if length >= all {
                assert!(refused.is_err());
                break;
            }
            cuts += 1;
            let said = reason(refused);
            assert!(said.contains("during the TLS handshake"), "after {length} bytes: {said}");
        }
        assert!(cuts > 500, "{cuts}");
    });
}
