//! Who is let in, and what the others get to read.

use crate::process::{Running, gearmand};
use crate::tls::{Ca, Encrypted, Files, Identity, server_name};
use crate::util::LONG;
use gearmand::config::tls::Verify;
use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

/// What becomes of a client with this certificate, on either version of TLS.
async fn outcome(server: &Encrypted, shown: Option<&Identity>) -> Result<(), String> {
    let mut outcomes = Vec::new();
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(server.files.client_of(shown, &[version]));
        let tried = async {
            let mut peer = server.peer_with(client).await?;
            peer.raw_or(b"verbose\n").await?;
            // With TLS 1.3 a client learns only now that it was refused.
            let mut answer = [0; 9];
            tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut answer).await.map(|_| ())
        };
        let tried: std::io::Result<()> = tokio::time::timeout(LONG, tried).await.unwrap();
        outcomes.push(tried.map_err(|e| e.to_string()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes.remove(0)
}

fn refused(alert: &str) -> Result<(), String> {
    Err(format!("received fatal alert: {alert}"))
}

#[tokio::test]
async fn without_a_ca_nobody_is_asked() {
    let server = Encrypted::start("tls-verify-none").await;
    assert_eq!(outcome(&server, None).await, Ok(()));
    assert_eq!(outcome(&server, Some(&Ca::new("another").sign("stranger"))).await, Ok(()));
}

#[tokio::test]
async fn only_those_with_a_certificate() {
    let server = Encrypted::with("tls-verify-require", Verify::Require, |_| {}).await;
    let ca = &server.files.ca;
    assert_eq!(outcome(&server, Some(&ca.sign("web"))).await, Ok(()));
    let none = outcome(&server, None).await.unwrap_err();
    assert!(none.contains("CertificateRequired") || none.contains("HandshakeFailure"), "{none}");
    assert_eq!(outcome(&server, Some(&Ca::new("another").sign("stranger"))).await, refused("UnknownCA"));
    // One that only calls itself the same.
    assert!(outcome(&server, Some(&Ca::new("a CA").sign("web"))).await.is_err());
    let expired = ca.sign_with("old", |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(outcome(&server, Some(&expired)).await, refused("CertificateExpired"));
    let early = ca.sign_with("new", |params| params.not_before = date_time_ymd(4000, 1, 1));
    assert!(outcome(&server, Some(&early)).await.is_err());
}

/// Their names are more than a handshake has room for: with so many no client could connect, and a debug build ended.
#[tokio::test]
async fn a_file_of_very_many_cas() {
    let files = Files::new("tls-many-cas");
    let one = files.ca.certificate.pem();
    let long = Ca::new(&"x".repeat(900)).certificate.pem();
    files.write("ca.pem", &[&*long.repeat(80), &one].concat());
    let server = Encrypted::of(files, Verify::Require, |_| {});
    assert_eq!(outcome(&server, Some(&server.files.ca.sign("web"))).await, Ok(()));
    assert!(outcome(&server, None).await.is_err());
}

#[tokio::test]
async fn one_that_is_shown_has_to_be_right() {
    let server = Encrypted::with("tls-verify-optional", Verify::Optional, |_| {}).await;
    assert_eq!(outcome(&server, None).await, Ok(()));
    assert_eq!(outcome(&server, Some(&server.files.ca.sign("web"))).await, Ok(()));
    assert_eq!(outcome(&server, Some(&Ca::new("another").sign("stranger"))).await, refused("UnknownCA"));
}

/// Rights go by the certificate that was shown, and by what a session that is resumed was begun with.
#[tokio::test]
async fn a_certificate_gives_its_rights() {
    let rules = "[[rule]]\nname = \"web\"\ncertificate = \"web\"\nlistener = \"tls://*\"\nsubmit = \"*\"\n";
    let rules = gearmand::config::Acl::parse(rules, std::path::Path::new("acl.toml")).unwrap();
    let (_sender, receiver) = tokio::sync::watch::channel(Arc::new(rules));
    let server = Encrypted::with("tls-rights", Verify::Optional, |config| config.acl = Some(receiver)).await;
    let address = server.server.address;
    let about =
        |rest: &str| format!("listener\ttls://{address}\naddress\t127.0.0.1\n{rest}\nadmin\tno\nobserve\tno\n.\n");
    let web = Arc::new(server.files.client(Some(&server.files.ca.sign("web"))));
    for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let mut peer = server.peer_with(web.clone()).await.unwrap();
        let names = "certificate\tweb\ncertificate\tlocalhost\ncertificate\t127.0.0.1";
        peer.text("whoami\n", &about(&format!("{names}\nrule\t1 (web)\nsubmit\t*"))).await;
        assert_eq!(peer.stream.get_ref().1.handshake_kind(), Some(kind));
    }
    server.peer().await.text("whoami\n", &about("rule\tnone")).await;
}

/// It counted as one without names, so the rule that shuts one of them out was passed over, and the next one let it do all.
#[tokio::test]
async fn a_certificate_whose_names_cannot_be_read_is_refused_where_there_are_rules() {
    let rules = "[[rule]]\nname = \"out\"\ncertificate = \"mallory\"\n\n[[rule]]\nname = \"all\"\nobserve = true\n";
    let rules = gearmand::config::Acl::parse(rules, std::path::Path::new("acl.toml")).unwrap();
    let (_sender, receiver) = tokio::sync::watch::channel(Arc::new(rules));
    // The alternative name of a host, in a byte that is no ASCII.
    let unreadable = |server: &Encrypted| {
        let odd = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x30, 3, 0x82, 1, 0xe4]);
        server.files.ca.sign_with("mallory", |params| {
            params.subject_alt_names.clear();
            params.custom_extensions.push(odd);
        })
    };
    let server = Encrypted::with("tls-unreadable", Verify::Require, |config| config.acl = Some(receiver)).await;
    assert_eq!(outcome(&server, Some(&server.files.ca.sign("web"))).await, Ok(()));
    let client = Arc::new(server.files.client(Some(&unreadable(&server))));
    let mut peer = server.peer_with(client).await.unwrap();
    // It may be closed before that is sent.
    let _ = peer.raw_or(b"verbose\n").await;
    let read = tokio::time::timeout(LONG, tokio::io::AsyncReadExt::read(&mut peer.stream, &mut [0])).await.unwrap();
    assert!(!read.as_ref().is_ok_and(|n| *n > 0), "{read:?}");
    // Where nobody asks for names, none is needed.
    let server = Encrypted::with("tls-unreadable-free", Verify::Require, |_| {}).await;
    assert_eq!(outcome(&server, Some(&unreadable(&server))).await, Ok(()));
}

/// What `openssl req -x509` makes is a CA's certificate that has signed itself: given as the CA file, it lets in who shows it.
#[tokio::test]
async fn a_clients_own_certificate_as_the_ca_file() {
    let server = Encrypted::with("tls-verify-named", Verify::Require, |_| {}).await;
    let trust = |shown: &Identity| {
        server.files.write("ca.pem", &shown.certificate.pem());
        server.tls.reload().unwrap();
    };
    let client = Ca::itself("a client", |_| {});
    assert_eq!(outcome(&server, Some(&client)).await, refused("UnknownCA"));
    trust(&client);
    assert_eq!(outcome(&server, Some(&client)).await, Ok(()));
    // Another key under the same name, and the certificate without its key.
    let other = Ca::itself("a client", |_| {});
    assert_eq!(outcome(&server, Some(&other)).await, refused("UnknownCA"));
    let stolen = Identity { certificate: client.certificate.clone(), key: other.key };
    assert!(outcome(&server, Some(&stolen)).await.unwrap_err().starts_with("received fatal alert: "));
    // Who is of a CA that is not in the file.
    assert_eq!(outcome(&server, Some(&server.files.ca.sign("web"))).await, refused("UnknownCA"));

    let expired = Ca::itself("old", |params| params.not_after = date_time_ymd(2020, 1, 1));
    trust(&expired);
    assert_eq!(outcome(&server, Some(&expired)).await, refused("CertificateExpired"));
    let for_servers = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let wrong = Ca::itself("a server", for_servers);
    trust(&wrong);
    assert_eq!(outcome(&server, Some(&wrong)).await, refused("UnsupportedCertificate"));
    // Taken out of the file, it lets nobody in any more.
    trust(&client);
    assert_eq!(outcome(&server, Some(&client)).await, Ok(()));
    server.files.write("ca.pem", &server.files.ca.certificate.pem());
    server.tls.reload().unwrap();
    assert_eq!(outcome(&server, Some(&client)).await, refused("UnknownCA"));
}

/// Whoever has a certificate of the CA's may have chosen the name in it.
#[test]
fn names_that_would_be_lines_of_a_log_or_of_an_answer() {
    let files = Files::new("tls-names");
    let [certificate, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| files.folder.file(name));
    let acl = files.write("acl.toml", "[[rule]]\nname = \"star\"\ncertificate = \"admin\"\nadmin = true\n\n[[rule]]\n");
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key, "--ssl-ca-file", &ca, "--acl", &acl];
    let mut server = Running::begin(gearmand(), &options, &files.folder);
    server.port = server.line_with("listening on ").rsplit(':').next().unwrap().trim().parse().unwrap();
    for (name, shown) in [
        ("web\nadmin\tyes", "web\\nadmin\\tyes"),
        ("admin\0.example.com", "admin\\0.example.com"),
        ("*", "*"),
        ("\u{1b}[2Jadmin\u{202e}", "\\u{1b}[2Jadmin\\u{202e}"),
        ("Zürich", "Zürich"),
    ] {
        let config = Arc::new(files.client(Some(&files.ca.sign(name))));
        let session = ClientConnection::new(config, server_name()).unwrap();
        let mut client = BufReader::new(StreamOwned::new(session, server.connect()));
        client.get_mut().write_all(b"whoami\n").unwrap();
        let lines: Vec<String> = client.lines().map(Result::unwrap).take_while(|line| line != ".").collect();
        let named: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("certificate\t")).collect();
        assert_eq!(named.len(), 3, "{lines:?}");
        assert!(lines.contains(&"admin\tno".into()) && !lines.contains(&"admin\tyes".into()), "{lines:?}");
        let line = server.line_with(", with the certificate of ");
        assert!(line.trim_end().ends_with(&format!(", with the certificate of {shown}")), "{line}");
    }
}
