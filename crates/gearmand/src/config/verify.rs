//! Which clients are let in by their certificates: those of a CA's, and those whose certificate the CA file holds itself.
//!
//! Must never let in whom rustls refuses for another reason than who has signed its certificate. What counts is
//! [`Authorities`]'s; who must show one is rustls's.

use gearman_core::net::authorities::Authorities;
use gearman_core::net::x509::Purpose;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// What rustls asks about a client's certificate.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) authorities: Authorities,
    /// Of these CAs.
    pub(super) rules: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.rules.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.rules.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.rules.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.rules.verify_client_cert(certificate, intermediates, now) {
            Err(Error::InvalidCertificate(refused)) => {
                self.authorities.reconsider(certificate, Purpose::Client, refused)?;
                Ok(ClientCertVerified::assertion())
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
        self.rules.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}
