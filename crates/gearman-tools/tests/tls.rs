//! Both programs beside a server that speaks TLS.

use crate::util::{Ended, LONG, request, run, run_with};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A CA, a folder with its certificate, and one for a client.
struct Files {
    folder: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(name: &str) -> Files {
        let folder = std::env::temp_dir().join(format!("gearman-tools-tls-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = Files { folder, ca };
        let key = KeyPair::generate().unwrap();
        let client = CertificateParams::new(vec!["a client".into()]).unwrap().signed_by(&key, &files.ca).unwrap();
        std::fs::write(files.path("ca.pem"), files.ca.pem()).unwrap();
        std::fs::write(files.path("client.pem"), client.pem()).unwrap();
        std::fs::write(files.path("client.key"), key.serialize_pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().into()
    }

    /// A server for 127.0.0.1 and queue.example.
    fn config(&self, asks_for_certificates: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(default_provider());
        let config =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let config = match asks_for_certificates {
            false => config.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(self.ca.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
                config.with_client_cert_verifier(verifier)
            }
        };
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".into(), "queue.example".into()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.ca).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Wire = StreamOwned<ServerConnection, TcpStream>;

/// A server on a free port that accepts one connection and plays `script` on it, unless TLS is not agreed on.
fn server(config: Arc<ServerConfig>, script: impl FnOnce(&mut Wire) + Send + 'static) -> (String, JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let thread = std::thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut wire = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let agreed = wire.conn.complete_io(&mut wire.sock).is_ok();
        if agreed {
            script(&mut wire);
            wire.conn.send_close_notify();
            wire.flush().unwrap();
        }
        agreed
    });
    (port, thread)
}

fn answers_version(wire: &mut Wire) {
    let mut line = [0; 9];
    wire.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"version\r\n");
    wire.write_all(b"OK 9.9\n").unwrap();
    // The other side says that it closes.
    assert_eq!(wire.read(&mut line).unwrap(), 0);
}

fn runs_a_job(wire: &mut Wire) {
    let submit = request(7, &[b"f", b"key", b"w"]);
    let mut packet = vec![0; submit.len()];
    wire.read_exact(&mut packet).unwrap();
    assert_eq!(packet.escape_ascii().to_string(), submit.escape_ascii().to_string());
    let created = b"\0RES\0\0\0\x08\0\0\0\x03H:1";
    let complete = b"\0RES\0\0\0\x0d\0\0\0\x08H:1\0done";
    wire.write_all(&[&created[..], complete].concat()).unwrap();
    wire.read_to_end(&mut packet).unwrap();
}

type Variables<'a> = &'a [(&'a str, &'a str)];

/// What both programs say, the second without its own name.
fn both(config: &Arc<ServerConfig>, arguments: &[&str], variables: Variables, good: bool) -> [Ended; 2] {
    let asked = |program: &str, own: &[&str], script: fn(&mut Wire)| {
        let (port, server) = server(config.clone(), script);
        let ended = run_with(program, &port, &[own, arguments].concat(), variables);
        assert_eq!(server.join().unwrap(), good, "{ended:?}");
        ended
    };
    let admin = asked("gearadmin", &["--server-version"], answers_version);
    let client = asked("gearman", &["-f", "f", "-u", "key", "w"], runs_a_job);
    [admin, client]
}

#[test]
fn who_is_trusted_is_asked() {
    let files = Files::new("trusted");
    let config = files.config(false);
    let ca = files.path("ca.pem");
    let good: [(&[&str], Variables); 5] = [
        (&["--ssl-ca-file", &ca], &[]),
        (&["-S", "--ssl-ca-file", &ca, "--ssl-peer-name", "queue.example"], &[]),
        (&["--ssl"], &[("GEARMAND_CA_CERTIFICATE", &ca)]),
        (&[], &[("GEARMAND_CA_CERTIFICATE", &ca)]),
        (&["-h", "tls://127.0.0.1", "--ssl-ca-file", &ca], &[]),
    ];
    for (arguments, variables) in good {
        if arguments.contains(&"-h") {
            // gearadmin, as C's, takes an option once.
            let (port, server) = server(config.clone(), runs_a_job);
            run_with("gearman", &port, &[&["-f", "f", "-u", "key", "w"], arguments].concat(), variables)
                .expect(0, "done", "");
            assert!(server.join().unwrap());
            continue;
        }
        let [admin, client] = both(&config, arguments, variables, true);
        admin.expect(0, "9.9\n", "");
        client.expect(0, "done", "");
    }
}

#[test]
fn who_is_not_trusted_is_not() {
    let (files, other) = (Files::new("one"), Files::new("other"));
    let config = files.config(false);
    let (ca, wrong) = (files.path("ca.pem"), other.path("ca.pem"));
    let cases: [(&[&str], String); 2] = [
        (&["--ssl-ca-file", &wrong], format!("the server's certificate is signed by no CA in {wrong}")),
        (&["--ssl-ca-file", &ca, "--ssl-peer-name", "x.example"], "not to x.example".into()),
    ];
    for (arguments, said) in cases {
        for (name, ended) in ["gearadmin", "gearman"].iter().zip(both(&config, arguments, &[], false)) {
            assert_eq!((ended.status, ended.out.as_slice()), (Some(1), &b""[..]));
            let start = format!("{name}: no TLS connection to 127.0.0.1:");
            assert!(ended.err.starts_with(&start) && ended.err.contains(&said), "{}", ended.err);
        }
    }
}

#[test]
fn a_certificate_is_shown_where_one_is_required() {
    let files = Files::new("required");
    let config = files.config(true);
    let [ca, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(|name| files.path(name));
    for ended in both(&config, &["--ssl-ca-file", &ca], &[], false) {
        assert!(
            ended.err.ends_with("the server requires a certificate of its clients: name one, and its key\n"),
            "{ended:?}"
        );
    }
    let named = ["--ssl-ca-file", &ca, "--ssl-certificate", &certificate, "--ssl-key", &key];
    let [admin, client] = both(&config, &named, &[], true);
    admin.expect(0, "9.9\n", "");
    client.expect(0, "done", "");
    let variables =
        [("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_CLIENT_PEM", &*certificate), ("GEARMAN_CLIENT_KEY", &*key)];
    let [admin, client] = both(&config, &[], &variables, true);
    admin.expect(0, "9.9\n", "");
    client.expect(0, "done", "");
}

#[test]
fn a_file_that_is_none_is_named() {
    let files = Files::new("none");
    let missing = files.path("missing.pem");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (program, arguments) in [("gearadmin", &["--status"][..]), ("gearman", &["-f", "f", "w"])] {
        let ended = run(program, &port, &[arguments, &["--ssl-ca-file", &missing]].concat());
        let said = format!(
            "{program}: no TLS connection to 127.0.0.1:{port}: the CA file {missing}: No such file or directory\n"
        );
        ended.expect(1, "", &said);
    }
}

#[test]
fn a_plain_server_is_told_apart() {
    let files = Files::new("plain");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut stream = listener.accept().unwrap().0;
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.write_all(b"ERR UNKNOWN_COMMAND Unknown+server+command\r\n").unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    for (program, arguments) in [("gearadmin", &["--status"][..]), ("gearman", &["-f", "f", "w"])] {
        let ended = run(program, &port, &[arguments, &["--ssl-ca-file", &files.path("ca.pem")]].concat());
        assert!(ended.err.contains("what the server answers is not TLS"), "{ended:?}");
    }
    server.join().unwrap();
}

#[test]
fn a_worker_over_tls() {
    let files = Files::new("worker");
    let (port, server) = server(files.config(false), |wire| {
        let greeting = [request(1, &[b"f"]), request(26, &[b"all-yours"]), request(39, &[])].concat();
        let mut packets = vec![0; greeting.len()];
        wire.read_exact(&mut packets).unwrap();
        assert_eq!(packets.escape_ascii().to_string(), greeting.escape_ascii().to_string());
        wire.write_all(b"\0RES\0\0\0\x1f\0\0\0\x0bH:1\0f\0u\0abc").unwrap();
        let done = request(13, &[b"H:1", b"abc"]);
        let mut packet = vec![0; done.len()];
        wire.read_exact(&mut packet).unwrap();
        assert_eq!(packet.escape_ascii().to_string(), done.escape_ascii().to_string());
    });
    let ca = files.path("ca.pem");
    run("gearman", &port, &["-w", "-f", "f", "-c", "1", "--ssl-ca-file", &ca, "--", "cat"]).expect(0, "", "");
    assert!(server.join().unwrap());
}
