//! A CA and a certificate for 127.0.0.1, as files: what a server needs to speak TLS, and its clients to trust it.

use crate::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};

/// The files, in PEM.
pub(crate) struct Files {
    /// The certificate of the CA, which clients name.
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    /// New ones in this folder.
    pub(crate) fn make(folder: &Path) -> Result<Files> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "bench");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_string()])?.signed_by(&key, &ca)?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            std::fs::write(&file, text).map(|()| file)
        };
        Ok(Files {
            ca: write("ca.pem", ca.pem())?,
            certificate: write("server.pem", certificate.pem())?,
            key: write("server.key", key.serialize_pem())?,
        })
    }
}
