//! Certificates and keys out of PEM files, for clients and servers alike.
//!
//! Owns what is wrong with a file, in words. Must never read more of a file than [`LARGEST`], wait for what is none, nor show
//! what is in it: the parser's own words may hold a line of a key, and are left out.

use crate::error::system_text;
use crate::regular;
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as SyntaxError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of a file in bytes: more than all CAs of the world take.
pub const LARGEST: u64 = 4 << 20;

/// Bytes that a chain may have: a handshake has a message of 64 KiB for it, and nobody takes a longer one.
const LONGEST_CHAIN: usize = 60 * 1024;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct FileError {
    /// Which file.
    pub file: PathBuf,
    /// In words, without the file's name.
    pub reason: String,
}

impl FileError {
    /// What is wrong with this file.
    pub fn new(file: &Path, reason: impl ToString) -> FileError {
        FileError { file: file.into(), reason: reason.to_string() }
    }
}

type Result<T> = std::result::Result<T, FileError>;

/// All certificates of a file, in their order; one at least.
///
/// # Errors
/// [`FileError`] for what is no such file.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents(file)?).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(missing(file, "certificate", "CERTIFICATE")),
        Err(_) => Err(undecodable(file)),
    }
}

/// The certificates of one file, those that lead to the CA behind that of the key, and the key of another file, or of the
/// same.
///
/// # Errors
/// [`FileError`] with the file that cannot be used: also where the key does not fit.
pub fn identity(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let chain = certificates(certificate)?;
    let bytes: usize = chain.iter().map(|der| der.len()).sum();
    if bytes > LONGEST_CHAIN {
        let reason = format!("its {} certificates have {bytes} bytes together, and nobody takes so many", chain.len());
        return Err(FileError::new(certificate, reason));
    }
    let signing = private_key(key, provider)?;
    for (i, der) in chain.iter().enumerate() {
        let fits = match CertifiedKey::new(vec![der.clone()], signing.clone()).keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => true,
            Err(rustls::Error::InconsistentKeys(_)) => false,
            Err(e) => return Err(unreadable(certificate, i, e)),
        };
        match (fits, i) {
            (true, 0) => return Ok(CertifiedKey::new(chain, signing)),
            (true, _) => return Err(misplaced(certificate, &format!("the key is that of number {}", i + 1))),
            (false, _) => {}
        }
    }
    Err(FileError::new(key, format!("the key does not fit the certificate in {}", certificate.display())))
}

/// Certificates that are in the wrong order: in which way.
pub fn misplaced(file: &Path, what: &str) -> FileError {
    let right = "that of the key comes first, then the one that signed it, and so on";
    FileError::new(file, format!("its certificates are in the wrong order: {what}; {right}"))
}

/// One of a file's certificates cannot be read: the first is 0.
pub fn unreadable(file: &Path, place: usize, why: impl std::fmt::Display) -> FileError {
    FileError::new(file, format!("its certificate number {} cannot be read: {why}", place + 1))
}

fn private_key(file: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>> {
    let pem = contents(file)?;
    if is_encrypted(&pem) {
        let way = "`openssl pkey -in FILE -out NEW` makes one that is not";
        let reason = format!("the key is encrypted, and nobody is there to type the password; {way}");
        return Err(FileError::new(file, reason));
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| match e {
        SyntaxError::NoItemsFound => missing(file, "private key", "PRIVATE KEY"),
        _ => undecodable(file),
    })?;
    let kinds = "the key is damaged, or none of RSA with 2048 to 8192 bits, ECDSA with P-256 or P-384, and Ed25519";
    // What rustls says of a key would not help, and might show it.
    provider.key_provider.load_private_key(key).map_err(|_| FileError::new(file, kinds))
}

/// In one of the two forms that openssl writes.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|b| *b == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}

fn missing(file: &Path, what: &str, label: &str) -> FileError {
    FileError::new(file, format!("there is no {what} in it (in PEM: -----BEGIN {label}-----)"))
}

fn undecodable(file: &Path) -> FileError {
    FileError::new(file, "it is no PEM: a section in it cannot be decoded")
}

/// A whole file, if it is one, and not too large.
fn contents(file: &Path) -> Result<Vec<u8>> {
    let wrong = |reason: &str| Err(FileError::new(file, reason));
    let bytes = regular::read(file, LARGEST).map_err(|e| FileError::new(file, system_text(&e)))?;
    match bytes.len() as u64 {
        0 => wrong("it is empty"),
        n if n > LARGEST => {
            wrong(&format!("it is larger than {} MiB, which no file of certificates is", LARGEST >> 20))
        }
        _ => Ok(bytes),
    }
}
