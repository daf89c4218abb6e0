//! Files that cannot be used, and what is said of them.

use super::{Party, echo_or_error, reason};
use crate::authorities::{Authority, names};
use crate::util::{echo, join, within};
use gearman_core::net::tls::TlsSettings;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// An EC key that openssl has encrypted in the two ways that there are; nothing of it is real.
const ENCRYPTED: [&str; 2] = [
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
];

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    within(async || {
        let party = Party::new().await;
        let folder = &party.folder;
        let good = party.authority.issue(names(&["a client"]));
        let other = party.authority.issue(names(&["another client"]));
        let between = party.authority.below("between");
        let chain = between.issue(names(&["a client"])).and(&between);
        let certificate = folder.file("good.pem", &good.chain_pem[0]);
        let key = folder.file("good.key", &good.key_pem);
        let file = |name: &str, content: &str| Some(folder.file(name, content));
        let huge = folder.file("huge.pem", "");
        std::fs::File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
        let fifo = folder.path("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();

        let ca = |ca_file: Option<PathBuf>| TlsSettings { ca_file, ..TlsSettings::default() };
        let of = |certificate: Option<PathBuf>, key: Option<PathBuf>| TlsSettings {
            certificate,
            key,
            ..party.settings.clone()
        };
        let in_order = [chain.chain_pem[0].clone(), chain.chain_pem[1].clone()];
        let reversed = in_order.iter().rev().cloned().collect::<String>();
        let cases = vec![
            (ca(Some(folder.path("none.pem"))), "the CA file F/none.pem: No such file or directory"),
            (ca(Some(folder.path(""))), "the CA file F/: it is a directory"),
            (
                ca(Some(huge.clone())),
                "the CA file F/huge.pem: it is larger than 4 MiB, which no file of certificates is",
            ),
            (ca(Some(fifo)), "the CA file F/fifo: it is no regular file"),
            (ca(file("empty.pem", "")), "the CA file F/empty.pem: it is empty"),
            (
                ca(file("text.pem", "hello")),
                "the CA file F/text.pem: there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)",
            ),
            (
                ca(Some(key.clone())),
                "the CA file F/good.key: there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)",
            ),
            (
                ca(file("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n")),
                "the CA file F/torn.pem: it is no PEM: a section in it cannot be decoded",
            ),
            (
                ca(file("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
                "the CA file F/junk.pem: its certificate number 1 cannot be read: ",
            ),
            (of(Some(folder.path("none.pem")), None), "the certificate file F/none.pem: "),
            (of(Some(huge), Some(key.clone())), "the certificate file F/huge.pem: it is larger than 4 MiB"),
            (of(Some(certificate.clone()), Some(folder.path("none.key"))), "the key file F/none.key: "),
            (of(Some(certificate.clone()), file("empty.key", "")), "the key file F/empty.key: it is empty"),
            (
                of(Some(certificate.clone()), None),
                "the certificate file F/good.pem: there is no private key in it (in PEM: -----BEGIN PRIVATE KEY-----)",
            ),
            (
                of(None, Some(key.clone())),
                "a key without a certificate is of no use: name the certificate of F/good.key",
            ),
            (
                of(Some(certificate.clone()), file("other.key", &other.key_pem)),
                "the key file F/other.key: the key does not fit the certificate in F/good.pem",
            ),
            (
                of(Some(certificate.clone()), file("one.key", ENCRYPTED[0])),
                "the key file F/one.key: the key is encrypted, and nobody is there to type the password",
            ),
            (
                of(Some(certificate.clone()), file("two.key", ENCRYPTED[1])),
                "the key file F/two.key: the key is encrypted, and nobody is there to type the password",
            ),
            (
                of(
                    Some(certificate),
                    file("bad.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                ),
                "the key file F/bad.key: the key is damaged, or none of RSA",
            ),
            (
                of(file("reversed.pem", &reversed), file("chain.key", &chain.key_pem)),
                "the certificate file F/reversed.pem: its certificates are in the wrong order: the key is that of number 2; that of the key comes first, then the one that signed it, and so on",
            ),
        ];
        for (settings, expected) in cases {
            let said = reason(echo_or_error(&mut party.client_with(settings)).await);
            let said = said.replace(folder.path("").to_str().unwrap(), "F/");
            assert!(said.starts_with(expected), "{said}\ninstead of {expected}");
            assert!(!said.contains("AAAA"), "{said}");
        }
        let settings = of(file("chain.pem", &in_order.concat()), file("chain.key", &chain.key_pem));
        let mut client = party.client_with(settings);
        join(async { party.script.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
    });
}

#[test]
fn a_key_that_may_not_be_read() {
    if nix::unistd::geteuid().is_root() {
        return; // may read everything
    }
    within(async || {
        let party = Party::new().await;
        let good = party.authority.issue(names(&["a client"]));
        let certificate = party.folder.file("good.pem", &good.chain_pem[0]);
        let key = party.folder.file("good.key", &good.key_pem);
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o000)).unwrap();
        let settings = TlsSettings { certificate: Some(certificate), key: Some(key), ..party.settings.clone() };
        let said = reason(echo_or_error(&mut party.client_with(settings)).await);
        assert!(said.contains("good.key: Permission denied"), "{said}");
    });
}

/// What is in a file counts when a connection is made, not when it was named.
#[test]
fn a_file_that_is_changed_is_read_again() {
    within(async || {
        let party = Party::new().await;
        let ca_file = party.settings.ca_file.clone().unwrap();
        let good = std::fs::read(&ca_file).unwrap();
        let connect = async |works: bool| {
            let server = async { party.script.accept_tls().await.ok() };
            let mut client = party.client();
            client.begin();
            let (_stream, connected) = join(server, client.connect_all()).await;
            assert_eq!(connected.is_ok(), works, "{connected:?}");
        };
        connect(true).await;
        std::fs::write(&ca_file, Authority::new("another").pem()).unwrap();
        connect(false).await;
        std::fs::remove_file(&ca_file).unwrap();
        let said = reason(echo_or_error(&mut party.client()).await);
        assert!(said.contains("No such file"), "{said}");
        std::fs::write(&ca_file, good).unwrap();
        connect(true).await;
    });
}
