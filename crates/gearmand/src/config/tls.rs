//! What TLS connections are made with: certificate, key and CA, from their files, and the same anew when these have changed.
//!
//! Owns the files' contents, and what is to be remarked of them. Must never know connections.
//!
//! Invariants:
//! - what is in use came from files that were all well at the same time;
//! - no byte of a key is in a text or in a `Debug` output;
//! - with new files there are new keys for session tickets: what a former CA let in is not resumed.

use crate::config::verify::Clients;
use gearman_core::net::authorities::Authorities;
use gearman_core::net::pem::{self, FileError};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

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

/// What new TLS connections are made with: one for all who have a clone.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Arc<RwLock<Settings>>,
}

/// For each protocol that TLS carries. No ticket of one is good for the other.
struct Settings {
    gearman: Arc<ServerConfig>,
    /// No client is asked for a certificate: tokens say who it is, and browsers would ask their users.
    http: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What was read, and what is to be remarked of it: certificates that have expired.
type Outcome<T> = Result<(T, Vec<String>), FileError>;

impl Tls {
    /// Reads the files. Also returns what may surprise: a certificate that has expired.
    ///
    /// # Errors
    /// [`FileError`] with the first file that cannot be used.
    pub fn read(files: TlsFiles) -> Outcome<Tls> {
        let (settings, remarks) = files.read()?;
        Ok((Tls { files: Arc::new(files), current: Arc::new(RwLock::new(settings)) }, remarks))
    }

    /// Reads them anew, for the connections to come.
    ///
    /// # Errors
    /// As [`Tls::read`]: then all stays as it is.
    pub fn reload(&self) -> Result<Vec<String>, FileError> {
        let (settings, remarks) = self.files.read()?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(remarks)
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).gearman.clone()
    }

    /// The same for HTTP.
    pub(crate) fn current_http(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).http.clone()
    }
}

impl TlsFiles {
    fn read(&self) -> Outcome<Settings> {
        let provider = Arc::new(ring::default_provider());
        let identity = pem::identity(&self.certificate, &self.key, &provider)?;
        let chain = certificates(&self.certificate, &identity.cert)?;
        self.check_order(&chain)?;
        let mut remarks = remarks(&self.certificate, &chain);
        let wrong = |error: &dyn ToString| FileError::new(&self.certificate, error.to_string());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| wrong(&e))?;
        let for_http = builder.clone().with_no_client_auth();
        let builder = match (&self.ca, self.verify) {
            (Some(file), Verify::Optional | Verify::Require) => {
                let authorities = Authorities::read(file)?;
                remarks.extend(self::remarks(file, &certificates(file, authorities.named())?));
                let names: usize = authorities.roots().roots.iter().map(|root| root.subject.len()).sum();
                let rules = WebPkiClientVerifier::builder_with_provider(authorities.roots().clone(), provider);
                let rules = if self.verify == Verify::Optional { rules.allow_unauthenticated() } else { rules };
                let rules = if names > MAX_NAMES { rules.clear_root_hint_subjects() } else { rules };
                let rules = rules.build().map_err(|e| FileError::new(file, e))?;
                builder.with_client_cert_verifier(Arc::new(Clients { authorities, rules }))
            }
            _ => builder.with_no_client_auth(),
        };
        let resolver = Arc::new(SingleCertAndKey::from(identity));
        let finish = |mut config: ServerConfig| {
            // A session is the client's to keep, in its ticket.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.ticketer = ring::Ticketer::new().map_err(|e| wrong(&e))?;
            Ok(config)
        };
        let gearman = finish(builder.with_cert_resolver(resolver.clone()))?;
        let mut http = finish(for_http.with_cert_resolver(resolver))?;
        http.alpn_protocols = vec![b"http/1.1".into()];
        Ok((Settings { gearman: Arc::new(gearman), http: Arc::new(http) }, remarks))
    }

    /// Has each certificate of the server's signed the one before it?
    fn check_order(&self, chain: &[Certificate]) -> Result<(), FileError> {
        let signed = |pair: &[Certificate]| pair[0].tbs_certificate().issuer() == pair[1].tbs_certificate().subject();
        match chain.windows(2).position(|pair| !signed(pair)) {
            Some(i) => {
                let what = format!("number {} did not sign number {}", i + 2, i + 1);
                Err(pem::misplaced(&self.certificate, &what))
            }
            None => Ok(()),
        }
    }
}

/// What they say: these certificates of a file.
fn certificates(file: &Path, found: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, FileError> {
    let read = |(i, der)| Certificate::from_der(der).map_err(|e| pem::unreadable(file, i, e));
    found.iter().map(AsRef::as_ref).enumerate().map(read).collect()
}

/// What is to be remarked of them: those out of their time.
fn remarks(file: &Path, certificates: &[Certificate]) -> Vec<String> {
    let remark = |what| format!("{}: {what}", file.display());
    certificates.iter().filter_map(untimely).map(remark).collect()
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
