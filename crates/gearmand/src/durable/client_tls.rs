//! TLS to a database: whom its certificate must be of.
//!
//! Must never know a database. A database is no job server: what is asked of its certificate is what its own clients ask.

use gearman_core::net::authorities::Authorities;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// What is verified of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Nothing: whoever can come between can be the database.
    Nothing,
    /// That a CA of the file has signed it.
    Chain,
    /// That, and the host's name in it.
    Name,
}

/// What connections are made with. `ca`: a file with the certificates of CAs.
pub(crate) fn config(verify: Verify, ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let rules = match (verify, ca) {
        (Verify::Nothing, _) => None,
        (_, None) => return Err("which CA has signed the database's certificate? Name its file".into()),
        (_, Some(file)) => {
            let authorities = Authorities::read(file).map_err(|e| e.to_string())?;
            let roots = authorities.roots().clone();
            let rules = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            Some(rules.map_err(|e| e.to_string())?)
        }
    };
    let verifier = Arc::new(Verifier { rules, named: verify == Verify::Name, provider: provider.clone() });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| e.to_string())?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(Arc::new(config.with_no_client_auth()))
}

#[derive(Debug)]
struct Verifier {
    rules: Option<Arc<WebPkiServerVerifier>>,
    named: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(rules) = &self.rules else { return Ok(ServerCertVerified::assertion()) };
        match rules.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.named => Ok(ServerCertVerified::assertion()),
            verified => verified,
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
