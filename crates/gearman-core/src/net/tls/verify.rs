//! Who a server must be: one whose certificate a trusted CA has signed, or anybody.
//!
//! Must never take a certificate that rustls refuses: what is decided here is only whether rustls is asked, and how to say that a
//! certificate is signed by itself.

use super::reason::SignedByItself;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Which servers are trusted.
#[derive(Debug)]
pub(super) struct Trust {
    /// `None`: all. That who shows a certificate has its key is verified all the same.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Those of these CAs.
    pub(super) fn these(roots: Arc<RootCertStore>, provider: &Arc<CryptoProvider>) -> Result<Trust, String> {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
        Ok(Trust { verifier: Some(verifier.map_err(|e| e.to_string())?), provider: provider.clone() })
    }

    /// No CA is asked.
    pub(super) fn nobody(provider: &Arc<CryptoProvider>) -> Trust {
        Trust { verifier: None, provider: provider.clone() }
    }

    /// Is it signed by its own key? Then it is good where itself is the only CA, or its name or age is all that is wrong.
    fn signed_by_itself(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        let mut roots = RootCertStore::empty();
        if roots.add(certificate.clone().into_owned()).is_err() {
            return false;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), self.provider.clone()).build();
        verifier.is_ok_and(|v| {
            let verified = v.verify_server_cert(certificate, &[], name, &[], now);
            !matches!(
                verified,
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature))
            )
        })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = &self.verifier else { return Ok(ServerCertVerified::assertion()) };
        let verified = verifier.verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
                if self.signed_by_itself(certificate, name, now) =>
            {
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(SignedByItself)))))
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
