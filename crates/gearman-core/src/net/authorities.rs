//! Whom a CA file trusts: those whose certificates its CAs have signed, and those whose certificate it holds itself.
//!
//! Owns the second rule. A certificate that signs itself is often all that somebody has: `openssl req -x509` makes one, of a CA
//! (CA:TRUE), which webpki lets nobody show as his own. OpenSSL does, where the file of CAs holds it.
//!
//! Invariants:
//! - only a certificate that is in the file byte for byte is trusted so, and only from a file that somebody named;
//! - its time, its purpose and its name count as those of any other. Of the name the caller is left to see.

use crate::net::pem::{self, FileError};
use crate::net::x509::{self, Purpose};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// CAs, and certificates that are trusted for what they are.
#[derive(Clone, Debug)]
pub struct Authorities {
    roots: Arc<RootCertStore>,
    named: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Those of a PEM file that somebody named.
    ///
    /// # Errors
    /// [`FileError`] for what is no such file.
    pub fn read(file: &Path) -> Result<Authorities, FileError> {
        let named = pem::certificates(file)?;
        let mut roots = RootCertStore::empty();
        for (i, certificate) in named.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|e| pem::unreadable(file, i, e))?;
        }
        Ok(Authorities { roots: roots.into(), named })
    }

    /// CAs that nobody named, such as the system's.
    pub fn unnamed(roots: RootCertStore) -> Authorities {
        Authorities { roots: roots.into(), named: Vec::new() }
    }

    /// The CAs.
    pub fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// The certificates that are trusted for what they are.
    pub fn named(&self) -> &[CertificateDer<'static>] {
        &self.named
    }

    /// Judges anew a certificate that webpki has refused with these words. Is it trusted all the same, its name is still to be
    /// compared: webpki does that last.
    ///
    /// # Errors
    /// Why it stays refused.
    pub fn reconsider(
        &self,
        certificate: &CertificateDer<'_>,
        purpose: Purpose,
        refused: CertificateError,
    ) -> Result<(), CertificateError> {
        let of_ca = is_of_ca(&refused);
        // Webpki has looked at its time before it says one of these, but not at its purpose before the first.
        let by_issuer = of_ca || matches!(refused, CertificateError::UnknownIssuer | CertificateError::BadSignature);
        match by_issuer && self.named.iter().any(|named| named == certificate) {
            true if x509::is_for(certificate, purpose) => Ok(()),
            true => Err(CertificateError::InvalidPurpose),
            // That it is a CA's is not what is wrong with it.
            false if of_ca && x509::names_itself(certificate) => Err(CertificateError::UnknownIssuer),
            false => Err(refused),
        }
    }
}

/// Was a certificate refused because it is a CA's?
pub fn is_of_ca(refused: &CertificateError) -> bool {
    // Webpki's own error, which rustls has no name for and does not export.
    matches!(refused, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}
