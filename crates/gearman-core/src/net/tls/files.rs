//! The files that settings name, and the system's certificates.
//!
//! Owns what counts as a change of a file. What is in one is [`pem`]'s.

use super::TlsSettings;
use crate::net::authorities::Authorities;
use crate::net::pem;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

type Result<T> = std::result::Result<T, String>;

/// What stat(2) says of the three files: other bytes, other stamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamps([Option<Stamp>; 3]);

/// Device, inode, size, and when content and inode were changed.
type Stamp = (u64, u64, u64, [(i64, i64); 2]);

impl Stamps {
    pub(crate) fn of(settings: &TlsSettings) -> Stamps {
        let files = [&settings.ca_file, &settings.certificate, &settings.key];
        Stamps(files.map(|file| {
            // What cannot be looked at cannot be read either, which is reported.
            let m = std::fs::metadata(file.as_ref()?).ok()?;
            Some((m.dev(), m.ino(), m.size(), [(m.mtime(), m.mtime_nsec()), (m.ctime(), m.ctime_nsec())]))
        }))
    }
}

/// Whom a CA file trusts.
pub(super) fn authorities(path: &Path) -> Result<Authorities> {
    Authorities::read(path).map_err(|e| format!("the CA file {e}"))
}

/// The system's, read once.
pub(super) fn system_authorities() -> Result<Authorities> {
    static ROOTS: OnceLock<Authorities> = OnceLock::new();
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
    Ok(ROOTS.get_or_init(|| Authorities::unnamed(roots)).clone())
}

/// The certificate to show to servers, and its key.
pub(super) fn identity(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Option<CertifiedKey>> {
    let (certificate, key) = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(both), None) => (both, both),
        (None, Some(key)) => {
            return Err(format!("a key without a certificate is of no use: name the certificate of {}", key.display()));
        }
        (None, None) => return Ok(None),
    };
    let wrong = |e: pem::FileError| match e.file == *certificate {
        true => format!("the certificate file {e}"),
        false => format!("the key file {e}"),
    };
    pem::identity(certificate, key, provider).map(Some).map_err(wrong)
}
