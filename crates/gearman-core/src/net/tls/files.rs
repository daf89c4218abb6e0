//! Certificates and keys out of PEM files.
//!
//! Owns what is wrong with a file, in words that name it and never show what is in it. Must never read more of a file than
//! [`LARGEST`], nor wait for what is none.

use super::TlsSettings;
use crate::error::system_text;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Of a file in bytes: more than all CAs of the world take.
const LARGEST: u64 = 4 << 20;

type Result<T> = std::result::Result<T, String>;

/// What stat(2) says of the three files: other bytes, other stamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamps([Option<Stamp>; 3]);

/// Device, inode, size, and when content and inode were changed.
type Stamp = (u64, u64, u64, [(i64, i64); 2]);

impl Stamps {
    pub(super) fn of(settings: &TlsSettings) -> Stamps {
        let files = [&settings.ca_file, &settings.certificate, &settings.key];
        Stamps(files.map(|file| {
            // What cannot be looked at cannot be read either, which is reported.
            let m = std::fs::metadata(file.as_ref()?).ok()?;
            Some((m.dev(), m.ino(), m.size(), [(m.mtime(), m.mtime_nsec()), (m.ctime(), m.ctime_nsec())]))
        }))
    }
}

/// The certificates of a CA file.
pub(super) fn authorities(path: &Path) -> Result<Arc<RootCertStore>> {
    let what = format!("the CA file {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&what, &read(&what, path)?)? {
        roots.add(certificate).map_err(|e| format!("{what} holds what is no certificate: {e}"))?;
    }
    Ok(Arc::new(roots))
}

/// The system's, read once.
pub(super) fn system_authorities() -> Result<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or(String::new(), |e| format!(" ({e})"));
        return Err(format!(
            "this system has no certificates of CAs{why}: install its ca-certificates, or name a CA file"
        ));
    }
    Ok(ROOTS.get_or_init(|| Arc::new(roots)).clone())
}

/// The certificate to show to servers, and its key.
pub(super) fn identity(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Option<CertifiedKey>> {
    let Some(file) = &settings.certificate else {
        return match &settings.key {
            Some(key) => {
                Err(format!("a key without a certificate is of no use: name the certificate of {}", key.display()))
            }
            None => Ok(None),
        };
    };
    let what = format!("the certificate file {}", file.display());
    let pem = read(&what, file)?;
    let chain = certificates(&what, &pem)?;
    let (key_what, key) = match &settings.key {
        Some(path) => {
            let key_what = format!("the key file {}", path.display());
            let key = private_key(&key_what, &read(&key_what, path)?)?;
            (key_what, key)
        }
        None => (what.clone(), private_key(&what, &pem)?),
    };
    // What rustls says of a key would not help, and might show it.
    let key = provider.key_provider.load_private_key(key);
    let key =
        key.map_err(|_| format!("{key_what} holds a key that is damaged, or of a kind that TLS has no use for"))?;
    certify(chain, key, &what, &key_what).map(Some)
}

/// Certificate and key, if they belong together.
fn certify(
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    what: &str,
    key_what: &str,
) -> Result<CertifiedKey> {
    let fits = |certificate: &CertificateDer<'static>| match CertifiedKey::new(vec![certificate.clone()], key.clone())
        .keys_match()
    {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(true),
        Err(rustls::Error::InconsistentKeys(_)) => Ok(false),
        Err(e) => Err(format!("{what} holds what is no certificate: {e}")),
    };
    for (n, certificate) in chain.iter().enumerate() {
        match (fits(certificate)?, n) {
            (true, 0) => return Ok(CertifiedKey::new(chain, key)),
            (true, _) => {
                return Err(format!(
                    "{what} is in the wrong order: the key belongs to certificate {} of it, which must come first, and \
                     behind each the one that signed it",
                    n + 1
                ));
            }
            (false, _) => {}
        }
    }
    Err(format!(
        "{key_what} holds a key that does not fit the certificate in {}",
        what.trim_start_matches("the certificate file ")
    ))
}

/// All of them, in their order; one at least.
fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // Not the parser's words: they may show a line of the file, which may hold a key as well.
    let all = all.map_err(|_| format!("{what} is not PEM: a section in it cannot be decoded"))?;
    match all.is_empty() {
        true => Err(format!("{what} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")),
        false => Ok(all),
    }
}

fn private_key(what: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    let has = |text: &[u8]| pem.windows(text.len()).any(|w| w == text);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(format!(
            "{what} holds an encrypted key, and nobody is here to give its passphrase: decrypt it once (openssl pkey -in …)"
        ));
    }
    // Not the parser's words: they may show a piece of the key.
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| format!("{what} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"))
}

/// A whole file, if it is one, and not too large.
fn read(what: &str, path: &Path) -> Result<Vec<u8>> {
    let failed = |e: &io::Error| format!("could not read {what}: {}", system_text(e));
    // Without O_NONBLOCK opening a FIFO would wait for somebody who writes.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(|e| failed(&e))?;
    let metadata = file.metadata().map_err(|e| failed(&e))?;
    if metadata.is_dir() {
        return Err(format!("{what} is a directory, and must be a file in PEM"));
    }
    if !metadata.is_file() {
        return Err(format!("{what} is not a file"));
    }
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(|e| failed(&e))?;
    match content.len() as u64 {
        0 => Err(format!("{what} is empty")),
        n if n > LARGEST => Err(format!("{what} is larger than {} MB: that is no file of certificates", LARGEST >> 20)),
        _ => Ok(content),
    }
}
