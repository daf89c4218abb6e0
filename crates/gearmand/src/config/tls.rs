//! What TLS connections are made with: certificate, key and CA, from their files, and the same anew when these have changed.
//!
//! Owns the files' contents, and what is wrong with them. Must never know connections.
//!
//! Invariants:
//! - what is in use came from files that were all well at the same time;
//! - no byte of a key is in a text or in a `Debug` output;
//! - with new files there are new keys for session tickets: what a former CA let in is not resumed.

use crate::config::regular;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{Error as RustlsError, InconsistentKeys, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// No file of certificates that is meant is larger.
const MAX_FILE: u64 = 1024 * 1024;

/// Bytes that a chain may have: clients take a message of 64 KiB, in which there is a little more than the chain.
const MAX_CHAIN: usize = 60 * 1024;

/// Bytes of CAs' names that clients are told, so that they can choose among their certificates. More are not worth their way, and
/// from 64 KiB on they have no place in a handshake.
const MAX_NAMES: usize = 16 * 1024;

/// Whether a client has to show a certificate of the CA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Verify {
    /// It is not asked for one.
    None,
    /// It need not; but one that it shows has to be right.
    Optional,
    /// It has to.
    Require,
}

/// The files that are named, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and after it those that lead to its CA's.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose certificates clients may show.
    pub ca: Option<PathBuf>,
    /// Whether they have to.
    pub verify: Verify,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct TlsError {
    file: PathBuf,
    reason: String,
}

impl TlsError {
    fn new(file: &Path, reason: impl ToString) -> TlsError {
        TlsError { file: file.into(), reason: reason.to_string() }
    }
}

/// What new TLS connections are made with: one for all who have a clone.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What was read, and what is to be remarked of it: certificates that have expired.
type Outcome<T> = Result<(T, Vec<String>), TlsError>;

impl Tls {
    /// Reads the files. Also returns what may surprise: a certificate that has expired.
    ///
    /// # Errors
    /// [`TlsError`] with the first file that cannot be used.
    pub fn read(files: TlsFiles) -> Outcome<Tls> {
        let (config, remarks) = files.read()?;
        Ok((Tls { files: Arc::new(files), current: Arc::new(RwLock::new(config)) }, remarks))
    }

    /// Reads them anew, for the connections to come.
    ///
    /// # Errors
    /// As [`Tls::read`]: then all stays as it is.
    pub fn reload(&self) -> Result<Vec<String>, TlsError> {
        let (config, remarks) = self.files.read()?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(remarks)
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TlsFiles {
    fn read(&self) -> Outcome<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let (chain, mut remarks) = certificates(&self.certificate)?;
        let key = key(&self.key, &provider)?;
        let identity = self.identity(chain, key)?;
        let wrong = |error: &dyn ToString| TlsError::new(&self.certificate, error.to_string());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| wrong(&e))?;
        let builder = match (&self.ca, self.verify) {
            (Some(file), Verify::Optional | Verify::Require) => {
                let (roots, more) = roots(file)?;
                remarks.extend(more);
                let names: usize = roots.roots.iter().map(|root| root.subject.len()).sum();
                let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                if self.verify == Verify::Optional {
                    verifier = verifier.allow_unauthenticated();
                }
                if names > MAX_NAMES {
                    verifier = verifier.clear_root_hint_subjects();
                }
                builder.with_client_cert_verifier(verifier.build().map_err(|e| TlsError::new(file, e))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        // A session is the client's to keep, in its ticket.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ring::Ticketer::new().map_err(|e| wrong(&e))?;
        Ok((Arc::new(config), remarks))
    }

    /// The chain with its key, which fits its first certificate.
    fn identity(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: Arc<dyn SigningKey>,
    ) -> Result<CertifiedKey, TlsError> {
        let fits = |chain: Vec<_>| match CertifiedKey::new(chain, key.clone()).keys_match() {
            Ok(()) | Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown)) => true,
            Err(_) => false,
        };
        let order = |what: String| {
            let right = "the server's own comes first, then the one that signed it, and so on";
            TlsError::new(&self.certificate, format!("its certificates are in the wrong order: {what}; {right}"))
        };
        if !fits(chain.clone()) {
            return Err(match chain.iter().position(|certificate| fits(vec![certificate.clone()])) {
                Some(i) => order(format!("the key is that of number {}", i + 1)),
                None => {
                    let reason = format!("the key does not fit the certificate in {}", self.certificate.display());
                    TlsError::new(&self.key, reason)
                }
            });
        }
        let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
        if bytes > MAX_CHAIN {
            let reason =
                format!("its {} certificates have {bytes} bytes together, and no client takes so many", chain.len());
            return Err(TlsError::new(&self.certificate, reason));
        }
        let names: Vec<_> = chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let signed = |pair: &[Certificate]| pair[0].tbs_certificate().issuer() == pair[1].tbs_certificate().subject();
        match names.windows(2).position(|pair| !signed(pair)) {
            Some(i) => Err(order(format!("number {} did not sign number {}", i + 2, i + 1))),
            None => Ok(CertifiedKey::new(chain, key)),
        }
    }
}

/// The bytes of a file.
fn contents(file: &Path) -> Result<Vec<u8>, TlsError> {
    let bytes = regular::read(file, MAX_FILE).map_err(|e| TlsError::new(file, e))?;
    match bytes.len() as u64 {
        0 => Err(TlsError::new(file, "it is empty")),
        n if n > MAX_FILE => Err(TlsError::new(file, "it has more than 1 MiB, which no file of certificates has")),
        _ => Ok(bytes),
    }
}

/// The certificates of a file, one or more; and what is to be remarked of them.
fn certificates(file: &Path) -> Outcome<Vec<CertificateDer<'static>>> {
    let bytes = contents(file)?;
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&bytes).collect();
    // The library's text may hold a line of the file.
    let found = found.map_err(|_| TlsError::new(file, "it is no PEM: a section in it cannot be decoded"))?;
    if found.is_empty() {
        return Err(TlsError::new(file, "there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)"));
    }
    let mut remarks = Vec::new();
    for (i, der) in found.iter().enumerate() {
        let unreadable = |e| TlsError::new(file, format!("its certificate number {} cannot be read: {e}", i + 1));
        let certificate = Certificate::from_der(der).map_err(unreadable)?;
        remarks.extend(untimely(&certificate).map(|what| format!("{}: {what}", file.display())));
    }
    Ok((found, remarks))
}

/// What is wrong with its time.
fn untimely(certificate: &Certificate) -> Option<String> {
    let certificate = certificate.tbs_certificate();
    let (subject, valid) = (certificate.subject(), certificate.validity());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    if valid.not_after.to_unix_duration() < now {
        Some(format!("the certificate of {subject} has expired on {}", valid.not_after))
    } else if now < valid.not_before.to_unix_duration() {
        Some(format!("the certificate of {subject} is not valid before {}", valid.not_before))
    } else {
        None
    }
}

fn roots(file: &Path) -> Outcome<RootCertStore> {
    let (found, remarks) = certificates(file)?;
    let mut roots = RootCertStore::empty();
    for (i, certificate) in found.into_iter().enumerate() {
        let unusable = |e| TlsError::new(file, format!("its certificate number {} cannot be a CA's: {e}", i + 1));
        roots.add(certificate).map_err(unusable)?;
    }
    Ok((roots, remarks))
}

fn key(file: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, TlsError> {
    let bytes = contents(file)?;
    if is_encrypted(&bytes) {
        let way = "`openssl pkey -in FILE -out NEW` makes one that is not";
        return Err(TlsError::new(
            file,
            format!("the key is encrypted, and nobody is there to type the password; {way}"),
        ));
    }
    // The library's text may hold a line of the file.
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        PemError::NoItemsFound => {
            TlsError::new(file, "there is no private key in it (in PEM: -----BEGIN PRIVATE KEY-----)")
        }
        _ => TlsError::new(file, "it is no PEM: a section in it cannot be decoded"),
    })?;
    let kinds = "the key is broken, or none of RSA with 2048 to 8192 bits, ECDSA with P-256 or P-384, and Ed25519";
    provider.key_provider.load_private_key(key).map_err(|_| TlsError::new(file, kinds))
}

/// Both forms that openssl writes.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|b| *b == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}
