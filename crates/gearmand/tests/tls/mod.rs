//! TLS: certificates that are made here, and rustls as the client.

mod files;
mod forged;
mod handshakes;
mod hostile;
mod mutated;
mod openssl;
mod reload;
mod streams;
mod verify;
mod wire;

use crate::process::Folder;
use crate::util::{Peer, Server};
use gearmand::config::tls::{TlsFiles, Verify};
use gearmand::{Config, Listener, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Identity {
    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

/// Who signs certificates.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: rcgen::Certificate,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Ca {
        let (params, key) = Ca::params(name);
        let certificate = params.self_signed(&key).unwrap();
        Ca { issuer: Issuer::new(params, key), certificate }
    }

    /// A CA that this one has signed.
    pub(crate) fn under(&self, name: &str) -> Ca {
        let (params, key) = Ca::params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Ca { issuer: Issuer::new(params, key), certificate }
    }

    /// With its own certificate, as `openssl req -x509` makes one that is a CA's and a server's or client's too.
    pub(crate) fn itself(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (mut params, key) = Ca::params(name);
        change(&mut params);
        Identity { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn params(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().unwrap())
    }

    pub(crate) fn sign(&self, name: &str) -> Identity {
        self.sign_with(name, |_| {})
    }

    pub(crate) fn sign_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(["localhost".into(), "127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate, key }
    }
}

/// The files of a server, in a folder of its own.
pub(crate) struct Files {
    pub(crate) folder: Folder,
    pub(crate) ca: Ca,
}

impl Files {
    /// A CA `ca.pem`, and a server's `server.pem` and `server.key`.
    pub(crate) fn new(name: &str) -> Files {
        let files = Files { folder: Folder::new(name), ca: Ca::new("a CA") };
        files.write("ca.pem", &files.ca.certificate.pem());
        files.write_server(&files.ca.sign("a server"));
        files
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let file = self.folder.file(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    pub(crate) fn write_server(&self, server: &Identity) {
        self.write("server.pem", &server.certificate.pem());
        self.write("server.key", &server.key.serialize_pem());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.file(name).into()
    }

    pub(crate) fn tls(&self, verify: Verify) -> Tls {
        let ca = (verify != Verify::None).then(|| self.path("ca.pem"));
        let files = TlsFiles { certificate: self.path("server.pem"), key: self.path("server.key"), ca, verify };
        let (tls, remarks) = Tls::read(files).unwrap();
        assert_eq!(remarks, [""; 0]);
        tls
    }

    /// A client's settings: with a certificate, where it has one.
    pub(crate) fn client(&self, shown: Option<&Identity>) -> ClientConfig {
        self.client_of(shown, rustls::ALL_VERSIONS)
    }

    pub(crate) fn client_of(
        &self,
        shown: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        match shown {
            Some(identity) => {
                let chain: Vec<CertificateDer<'static>> = vec![identity.certificate.der().clone()];
                // Not with_client_auth_cert(), which refuses what tests want to show.
                let provider = rustls::crypto::ring::default_provider();
                let key = provider.key_provider.load_private_key(identity.key_der()).unwrap();
                let certified = rustls::sign::CertifiedKey::new(chain, key);
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
            }
            None => builder.with_no_client_auth(),
        }
    }
}

/// A server that speaks TLS, but for a port beside it, and its files.
pub(crate) struct Encrypted {
    pub(crate) server: Server,
    plain: SocketAddr,
    pub(crate) files: Files,
    pub(crate) tls: Tls,
    pub(crate) client: Arc<ClientConfig>,
}

impl Encrypted {
    pub(crate) async fn start(name: &str) -> Encrypted {
        Encrypted::with(name, Verify::None, |_| {}).await
    }

    pub(crate) async fn with(name: &str, verify: Verify, change: impl FnOnce(&mut Config)) -> Encrypted {
        Encrypted::of(Files::new(name), verify, change)
    }

    /// With these files.
    pub(crate) fn of(files: Files, verify: Verify, change: impl FnOnce(&mut Config)) -> Encrypted {
        let tls = files.tls(verify);
        let [encrypted, clear] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, plain] = [&encrypted, &clear].map(|listener| listener.local_addr().unwrap());
        let listeners = vec![Listener::Tls(tls.clone(), encrypted), Listener::Tcp(clear)];
        let server = Server::on(address, listeners, change);
        let client = Arc::new(files.client(None));
        Encrypted { server, plain, files, tls, client }
    }

    /// A connection without TLS.
    pub(crate) async fn plain(&self) -> Peer {
        let stream = TcpStream::connect(self.plain).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }

    pub(crate) async fn peer(&self) -> Peer<TlsStream<TcpStream>> {
        self.peer_with(self.client.clone()).await.unwrap()
    }

    pub(crate) async fn peer_with(&self, client: Arc<ClientConfig>) -> std::io::Result<Peer<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(self.server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Ok(Peer { stream: TlsConnector::from(client).connect(server_name(), stream).await? })
    }
}

pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
