//! CAs, the certificates that they sign, and servers with those.

use gearman_core::net::tls::TlsSettings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate, those between it and its CA, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The same as text.
    pub(crate) chain_pem: Vec<String>,
    pub(crate) key: Vec<u8>,
    pub(crate) key_pem: String,
}

/// What a certificate says, but for who signed it.
pub(crate) fn names(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nobody"));
    params
}

fn ca(name: &str) -> CertificateParams {
    let mut params = names(&[]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        Authority(CertifiedIssuer::self_signed(ca(name), KeyPair::generate().unwrap()).unwrap())
    }

    /// One that this one has signed.
    pub(crate) fn below(&self, name: &str) -> Authority {
        Authority(CertifiedIssuer::signed_by(ca(name), KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn issue(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued::new(&certificate, &key)
    }
}

impl Issued {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Issued {
        let (chain, chain_pem) = (vec![certificate.der().clone()], vec![certificate.pem()]);
        Issued { chain, chain_pem, key: key.serialize_der(), key_pem: key.serialize_pem() }
    }

    pub(crate) fn self_signed(params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        Issued::new(&params.self_signed(&key).unwrap(), &key)
    }

    /// With one more certificate behind it.
    pub(crate) fn and(mut self, authority: &Authority) -> Issued {
        self.chain.push(authority.certificate());
        self.chain_pem.push(authority.pem());
        self
    }

    pub(crate) fn reversed(mut self) -> Issued {
        self.chain.reverse();
        self.chain_pem.reverse();
        self
    }

    /// A server with it.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server_with(None, ALL_VERSIONS)
    }

    /// A server with it that asks its clients for a certificate of this CA.
    pub(crate) fn server_with(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build();
                config.with_client_cert_verifier(verifier.unwrap())
            }
        };
        // Not with_single_cert(), which refuses what tests want to show.
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = provider().key_provider.load_private_key(key).unwrap();
        let certified = tokio_rustls::rustls::sign::CertifiedKey::new(self.chain.clone(), key);
        Arc::new(config.with_cert_resolver(Arc::new(tokio_rustls::rustls::sign::SingleCertAndKey::from(certified))))
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server whose certificate nobody should trust.
pub(crate) fn anyone() -> Arc<ServerConfig> {
    static ANYONE: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| Issued::self_signed(names(&["anyone"])).server());
    ANYONE.clone()
}

/// A folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("gearman-core-tls-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Settings of who trusts this CA alone.
    pub(crate) fn trusting(&self, authority: &Authority) -> TlsSettings {
        TlsSettings { ca_file: Some(self.file("ca.pem", authority.pem())), ..TlsSettings::default() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
