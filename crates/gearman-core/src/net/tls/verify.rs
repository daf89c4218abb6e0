//! Who a server must be: one whose certificate a trusted CA has signed or the CA file holds, or anybody.
//!
//! Must never take a certificate that rustls refuses, unless [`Authorities`] says that who signed it is of no weight. What is
//! decided here is only whether rustls is asked, and how to say that a certificate is signed by itself.

use super::reason::Wrong;
use crate::net::authorities::Authorities;
use crate::net::x509::Purpose;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Which servers are trusted.
#[derive(Debug)]
pub(super) struct Trust {
    /// `None`: all. That who shows a certificate has its key is verified all the same.
    known: Option<Known>,
    provider: Arc<CryptoProvider>,
}

/// Who speaks for servers, and rustls's rules with that.
#[derive(Debug)]
struct Known {
    authorities: Authorities,
    rules: Arc<WebPkiServerVerifier>,
}

impl Trust {
    /// Those that these speak for.
    pub(super) fn these(authorities: Authorities, provider: &Arc<CryptoProvider>) -> Result<Trust, String> {
        let roots = authorities.roots().clone();
        let rules = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
        let rules = rules.map_err(|e| e.to_string())?;
        Ok(Trust { known: Some(Known { authorities, rules }), provider: provider.clone() })
    }

    /// No CA is asked.
    pub(super) fn nobody(provider: &Arc<CryptoProvider>) -> Trust {
        Trust { known: None, provider: provider.clone() }
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

/// In rustls's words a handshake's wrong signature would be a certificate's.
fn of_its_key(verified: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
    verified.map_err(|e| match e {
        Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::from(Wrong::OfAnother).into(),
        other => other,
    })
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
        let Some(known) = &self.known else { return Ok(ServerCertVerified::assertion()) };
        let refused = match known.rules.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            Err(Error::InvalidCertificate(refused)) => refused,
            other => return other,
        };
        match known.authorities.reconsider(certificate, Purpose::Server, refused) {
            Ok(()) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(CertificateError::UnknownIssuer) if self.signed_by_itself(certificate, name, now) => {
                Err(CertificateError::from(Wrong::SignedByItself).into())
            }
            Err(refused) => Err(refused.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        of_its_key(verify_tls12_signature(message, certificate, signed, known))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        of_its_key(verify_tls13_signature(message, certificate, signed, known))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
