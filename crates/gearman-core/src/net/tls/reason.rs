//! Why TLS failed, in words: what was wrong, with which file, and how to mend it.
//!
//! Must never print a byte of a key, or what a server wrote, unescaped.

use super::TlsSettings;
use crate::error::system_text;
use crate::net::authorities::is_of_ca;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

/// TLS failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub reason: String,
    /// The server has taken nothing: it was refused, or refused us, before it read a byte.
    pub refused: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

/// Of a certificate: what rustls has no words for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// There is no CA above it.
    #[error("signed by itself")]
    SignedByItself,
    /// Who shows it has not signed the handshake with its key.
    #[error("shown without its key")]
    OfAnother,
}

impl From<Wrong> for CertificateError {
    fn from(wrong: Wrong) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(wrong)))
    }
}

impl Failure {
    /// Of who lets rustls read and write by itself: its errors are inside the socket's.
    pub fn of(e: &io::Error, settings: &TlsSettings, handshaking: bool) -> Failure {
        match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Failure::new(error, settings, handshaking),
            None if e.kind() == io::ErrorKind::UnexpectedEof => Failure::cut_short("the server closed the connection"),
            None if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Failure::cut_short("no answer came in time")
            }
            None => Failure::cut_short(&system_text(e)),
        }
    }

    /// What rustls found, during the handshake or later.
    pub(crate) fn new(error: &Error, settings: &TlsSettings, handshaking: bool) -> Failure {
        let (reason, refusal) = match error {
            Error::InvalidCertificate(wrong) => (certificate(wrong, settings), true),
            Error::AlertReceived(alert) => self::alert(*alert, settings),
            Error::InvalidMessage(_) if handshaking => (
                "what the server answers is not TLS: is it a plain server, or another port that speaks TLS?".into(),
                true,
            ),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => (TOO_OLD.into(), true),
            Error::DecryptError => ("what came was changed on its way, and cannot be decrypted".into(), false),
            other => (format!("the server does not keep to TLS: {other}"), false),
        };
        Failure { reason, refused: handshaking || refusal }
    }

    /// The connection ended, or broke, before TLS was agreed on.
    pub(crate) fn cut_short(how: &str) -> Failure {
        let reason = format!("{how} during the TLS handshake: does the server speak TLS on this port?");
        Failure { reason, refused: true }
    }
}

const TOO_OLD: &str = "the server speaks neither TLS 1.2 nor 1.3, and nothing older is safe";

/// A host's name or an address, out of the form in which webpki shows what a certificate names; `None`: neither.
fn plain(presented: &str) -> Option<&str> {
    let within = |before, after| presented.strip_prefix(before)?.strip_suffix(after);
    within("DnsName(\"", "\")").or_else(|| within("IpAddress(", ")"))
}

/// What is wrong with the server's certificate.
fn certificate(wrong: &CertificateError, settings: &TlsSettings) -> String {
    let name_it = match &settings.ca_file {
        Some(file) => format!("put the certificate of its CA into {}", file.display()),
        None => "name the file with the certificate of its CA".into(),
    };
    let name_itself = match &settings.ca_file {
        Some(file) => format!("put it into {}", file.display()),
        None => "name the file that it is in as that of the CA".into(),
    };
    let whom = match &settings.ca_file {
        Some(file) => format!("no CA in {}", file.display()),
        None => "no CA that this system knows".into(),
    };
    match wrong {
        CertificateError::UnknownIssuer => format!("the server's certificate is signed by {whom}: {name_it}"),
        // Somebody has made a CA anew.
        CertificateError::BadSignature => {
            format!("the server's certificate is signed by {whom}, but by one of the same name: {name_it}")
        }
        CertificateError::Other(other) if other.0.downcast_ref() == Some(&Wrong::SignedByItself) => {
            format!("the server's certificate is self-signed, and not trusted: {name_itself}")
        }
        CertificateError::Other(other) if other.0.downcast_ref() == Some(&Wrong::OfAnother) => {
            "the server shows a certificate whose key it has not: it may be that of another".into()
        }
        refused if is_of_ca(refused) => {
            "the server shows the certificate of a CA as its own: its chain may be in the wrong order".into()
        }
        CertificateError::Expired => "the server's certificate has expired: it must be renewed".into(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("the server's certificate has expired, {} ago: it must be renewed", apart(*not_after, *time))
        }
        CertificateError::NotValidYet => "the server's certificate is not valid yet: is the clock right?".into(),
        CertificateError::NotValidYetContext { time, not_before } => {
            let left = apart(*time, *not_before);
            format!("the server's certificate is not valid yet, for {left} more: is the clock right?")
        }
        CertificateError::NotValidForName => "the server's certificate has another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let (names, wanted): (Vec<_>, _) = (presented.iter().filter_map(|n| plain(n)).collect(), expected.to_str());
            match names.is_empty() {
                true => format!(
                    "the server's certificate names neither a host nor an address (subjectAltName), so not {wanted}: it must be \
                     made anew"
                ),
                false => format!(
                    "the server's certificate is made out to {}, not to {wanted}: connect to that name, or say that it is right \
                     (peer name)",
                    names.join(", ").escape_debug()
                ),
            }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not one for servers (extendedKeyUsage)".into()
        }
        other => format!("the server's certificate cannot be used: {other:?}"),
    }
}

/// Seconds to days, by what is readable.
fn apart(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    let (n, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// What the server says when it gives up, and whether it refuses us: in TLS 1.3 it looks at our certificate after the handshake
/// is over for us.
fn alert(alert: AlertDescription, settings: &TlsSettings) -> (String, bool) {
    use AlertDescription as Alert;
    let ours = match &settings.certificate {
        Some(file) => format!("our certificate in {}", file.display()),
        None => "that we show no certificate".into(),
    };
    let refuses = |why: &str| (format!("the server does not accept {ours}: {why}"), true);
    let none = settings.certificate.as_deref().is_none_or(|file: &Path| file.as_os_str().is_empty());
    match alert {
        Alert::CertificateRequired => {
            ("the server requires a certificate of its clients: name one, and its key".into(), true)
        }
        Alert::HandshakeFailure if none => (
            "the server breaks off the handshake: it may require a certificate of its clients, or no cipher that we know".into(),
            true,
        ),
        Alert::UnknownCA => refuses("it does not know the CA that signed it"),
        Alert::BadCertificate => refuses("it takes it for damaged, or asks for one"),
        Alert::CertificateExpired => refuses("it has expired, or is not valid yet"),
        Alert::CertificateRevoked => refuses("it was revoked"),
        Alert::CertificateUnknown | Alert::UnsupportedCertificate => refuses("it cannot be used there"),
        Alert::AccessDenied => refuses("it may not connect there"),
        Alert::DecryptError if !none => refuses("its signature cannot be verified"),
        Alert::ProtocolVersion => (TOO_OLD.into(), true),
        Alert::UnrecognisedName => ("the server does not know the name that it was asked for".into(), true),
        other => (format!("the server reports an error of TLS: {other:?}"), false),
    }
}
