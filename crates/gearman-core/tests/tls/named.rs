//! A server whose certificate is the CA file: what `openssl req -x509` makes, and all that many have.

use super::{Party, echo_or_error, reason};
use crate::authorities::{Authority, Issued, names};
use crate::util::{echo, join, within};
use gearman_core::net::tls::TlsSettings;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Usage, IsCa};
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// As `openssl req -x509 -subj /CN=localhost -addext subjectAltName=…` has it.
fn params() -> CertificateParams {
    let mut params = names(&["localhost", "127.0.0.1"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A server with this certificate, and settings that name this file of CAs.
async fn party(server: &Issued, ca_file: String) -> Party {
    let mut party = Party::of(|_| server.server()).await;
    party.settings = TlsSettings { ca_file: Some(party.folder.file("ca.pem", ca_file)), ..party.settings };
    party
}

async fn accepted(party: &Party) {
    let mut client = party.client();
    join(async { party.script.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
}

async fn refusal(party: &Party) -> String {
    let mut client = party.client();
    let (accepted, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
    accepted.unwrap_err();
    let ca_file = party.settings.ca_file.as_ref().unwrap().display().to_string();
    reason(refused).replace(&ca_file, "ca.pem")
}

#[test]
fn the_servers_certificate_as_the_ca_file() {
    within(async || {
        let server = Issued::self_signed(params());
        for versions in [&[&TLS12], &[&TLS13]] {
            let mut party = Party::of(|_| server.server_with(None, versions)).await;
            party.settings.ca_file = Some(party.folder.file("ca.pem", &server.chain_pem[0]));
            accepted(&party).await;
        }
        // Beside others of its name, and not as a CA.
        let others: String = (0..2).map(|_| Issued::self_signed(params()).chain_pem[0].clone()).collect();
        accepted(&party(&server, others + &server.chain_pem[0]).await).await;
        let plain = Issued::self_signed(names(&["127.0.0.1"]));
        accepted(&party(&plain, plain.chain_pem[0].clone()).await).await;
        // Whoever has signed it.
        let signed = Authority::new("somebody").issue(names(&["127.0.0.1"]));
        accepted(&party(&signed, signed.chain_pem[0].clone()).await).await;
    });
}

#[test]
fn another_key_under_the_same_name() {
    within(async || {
        let (server, other) = (Issued::self_signed(params()), Issued::self_signed(params()));
        let said = refusal(&party(&server, other.chain_pem[0].clone()).await).await;
        assert_eq!(said, "the server's certificate is self-signed, and not trusted: put it into ca.pem");
        let said = refusal(&party(&Issued::self_signed(names(&["127.0.0.1"])), other.chain_pem[0].clone()).await).await;
        assert_eq!(said, "the server's certificate is self-signed, and not trusted: put it into ca.pem");
    });
}

/// Who has seen a certificate has not its key.
#[test]
fn its_key_is_still_asked_for() {
    within(async || {
        for versions in [&[&TLS12], &[&TLS13]] {
            let (known, thief) = (Issued::self_signed(params()), Issued::self_signed(params()));
            let stolen = Issued { key: thief.key, ..known.clone() };
            let mut party = Party::of(|_| stolen.server_with(None, versions)).await;
            party.settings.ca_file = Some(party.folder.file("ca.pem", &known.chain_pem[0]));
            let expected = "the server shows a certificate whose key it has not: it may be that of another";
            assert_eq!(refusal(&party).await, expected);
        }
    });
}

#[test]
fn its_time_counts() {
    within(async || {
        let mut old = params();
        (old.not_before, old.not_after) = (rcgen::date_time_ymd(2001, 1, 1), rcgen::date_time_ymd(2002, 1, 1));
        let old = Issued::self_signed(old);
        let said = refusal(&party(&old, old.chain_pem[0].clone()).await).await;
        assert!(said.starts_with("the server's certificate has expired, "), "{said}");
        let mut young = params();
        (young.not_before, young.not_after) = (rcgen::date_time_ymd(3001, 1, 1), rcgen::date_time_ymd(3002, 1, 1));
        let young = Issued::self_signed(young);
        let said = refusal(&party(&young, young.chain_pem[0].clone()).await).await;
        assert!(said.starts_with("the server's certificate is not valid yet, "), "{said}");
    });
}

#[test]
fn its_names_count() {
    within(async || {
        let mut other = names(&["other.example"]);
        other.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let other = Issued::self_signed(other);
        let mut party = party(&other, other.chain_pem[0].clone()).await;
        let said = refusal(&party).await;
        assert!(said.contains("other.example") && said.contains("not to 127.0.0.1"), "{said}");
        party.settings.peer_name = Some("other.example".into());
        accepted(&party).await;
        // A common name is no name.
        let mut common = names(&[]);
        common.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        common.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let common = Issued::self_signed(common);
        let said = refusal(&self::party(&common, common.chain_pem[0].clone()).await).await;
        assert!(said.contains("names neither a host nor an address (subjectAltName)"), "{said}");
    });
}

#[test]
fn its_purpose_counts() {
    within(async || {
        for (usages, good) in
            [(vec![Usage::ClientAuth], false), (vec![Usage::CodeSigning], false), (vec![Usage::ServerAuth], true)]
        {
            let mut params = params();
            params.extended_key_usages = usages;
            let server = Issued::self_signed(params);
            let party = party(&server, server.chain_pem[0].clone()).await;
            match good {
                true => accepted(&party).await,
                false => {
                    let expected = "the server's certificate is not one for servers (extendedKeyUsage)";
                    assert_eq!(refusal(&party).await, expected);
                }
            }
        }
    });
}
