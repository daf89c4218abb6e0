//! Who is at the other end of a connection: what the system says of its socket, and its certificate of its key. Plain values.
//!
//! Owns the names that a rule may go by. Must never know rules or rights, nor sockets: who accepts the connection fills
//! this in.
//!
//! Invariants:
//! - a certificate is here only when it was verified;
//! - addresses are canonical: an IPv4 address is one, however it came.

use std::net::IpAddr;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::asn1::Any;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The names in its certificate, where it has shown one that was verified.
    pub(crate) certificate: Option<CertificateName>,
    /// The user and the group of the process that connected to a local socket.
    pub(crate) uid_gid: Option<(u32, u32)>,
    /// Its address; a local socket has none.
    pub(crate) address: Option<IpAddr>,
    /// What it connected to, as the log names it.
    pub(crate) listener: Arc<str>,
}

/// The names of whom a certificate was made for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct CertificateName {
    /// The subject's common name; `None` also where there is more than one.
    pub(crate) common_name: Option<Box<str>>,
    /// Host names, addresses, URIs and mail addresses among the alternative names.
    pub(crate) sans: Box<[Box<str>]>,
}

/// A certificate whose names cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the names in the certificate cannot be read: {0}")]
pub(crate) struct Unreadable(String);

impl CertificateName {
    /// The names in a certificate, which is to be verified elsewhere.
    ///
    /// # Errors
    /// [`Unreadable`]: nothing may be granted by it, and no rule can tell whether it is for one of its names.
    #[cfg_attr(not(test), allow(dead_code, reason = "for streams that have certificates"))]
    pub(crate) fn read(der: &[u8]) -> Result<CertificateName, Unreadable> {
        let wrong = |error: x509_cert::der::Error| Unreadable(error.to_string());
        let certificate = Certificate::from_der(der).map_err(wrong)?;
        let certificate = certificate.tbs_certificate();
        let mut common = certificate.subject().iter().filter(|part| part.oid == COMMON_NAME);
        let common_name = match (common.next(), common.next()) {
            (Some(only), None) => Some(text(&only.value).map_err(wrong)?),
            _ => None,
        };
        let sans = certificate.get_extension::<SubjectAltName>().map_err(wrong)?;
        let sans = sans.map(|(_, names)| names.0.iter().filter_map(san).collect());
        Ok(CertificateName { common_name, sans: sans.unwrap_or_default() })
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.common_name.iter().chain(&self.sans).map(|name| &**name)
    }
}

/// id-at-commonName.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A name in a subject. Teletex is Latin-1, whatever its standard says: so it is written, and read by others, OpenSSL among them.
fn text(name: &Any) -> Result<Box<str>, x509_cert::der::Error> {
    match name.tag() {
        Tag::TeletexString | Tag::Ia5String => {
            Ok(name.value().iter().map(|byte| char::from(*byte)).collect::<String>().into())
        }
        _ => Ok(name.decode_as::<DirectoryString>()?.value().into()),
    }
}

/// An alternative name that rules can go by.
fn san(name: &GeneralName) -> Option<Box<str>> {
    match name {
        GeneralName::DnsName(text) | GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.as_str().into())
        }
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
            Some(address.to_canonical().to_string().into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType};

    fn certificate(subject: &[(DnType, DnValue)], sans: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        params.subject_alt_names = sans;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn names(certificate: &[u8]) -> Vec<String> {
        CertificateName::read(certificate).unwrap().all().map(str::to_owned).collect()
    }

    #[test]
    fn the_subject_and_every_kind_of_alternative_name() {
        let utf8 = |text: &str| DnValue::Utf8String(text.into());
        let sans = vec![
            SanType::DnsName("web.example.com".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::URI("spiffe://example.com/web".try_into().unwrap()),
            SanType::IpAddress("10.0.0.7".parse().unwrap()),
            SanType::IpAddress("::ffff:10.0.0.8".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ];
        let subject = [(DnType::OrganizationName, utf8("Example")), (DnType::CommonName, utf8("Wéb 1"))];
        assert_eq!(
            names(&certificate(&subject, sans)),
            [
                "Wéb 1",
                "web.example.com",
                "ops@example.com",
                "spiffe://example.com/web",
                "10.0.0.7",
                "10.0.0.8",
                "2001:db8::1"
            ]
        );
        let printable = DnValue::PrintableString("web".try_into().unwrap());
        assert_eq!(names(&certificate(&[(DnType::CommonName, printable)], vec![])), ["web"]);
        assert_eq!(names(&certificate(&[(DnType::OrganizationName, utf8("Example"))], vec![])), [""; 0]);
    }

    /// With one of them that could not be read, all counted as none.
    #[test]
    fn names_in_an_old_encoding_are_read_and_bytes_in_none_are_an_error() {
        let replaced = |text: &[u8], at: usize, byte: u8| {
            let subject = [(DnType::CommonName, DnValue::TeletexString("M?ller".try_into().unwrap()))];
            let mut certificate = certificate(&subject, vec![SanType::DnsName("mallory".try_into().unwrap())]);
            while let Some(begin) = certificate.windows(text.len()).position(|bytes| bytes == text) {
                certificate[begin + at] = byte;
            }
            certificate
        };
        assert_eq!(names(&replaced(b"M?ller", 1, 0xfc)), ["Müller", "mallory"]);
        assert!(CertificateName::read(&replaced(b"mallory", 1, 0xe4)).is_err());
    }

    /// A name is compared whole: what is behind a NUL belongs to it.
    #[test]
    fn a_name_with_a_nul_is_no_shorter_for_it() {
        let subject = [(DnType::CommonName, DnValue::Utf8String("admin\0.example.com".into()))];
        assert_eq!(names(&certificate(&subject, vec![])), ["admin\0.example.com"]);
    }

    /// Which of them would be meant?
    #[test]
    fn two_common_names_are_none() {
        let one = certificate(&[(DnType::CommonName, DnValue::Utf8String("one-and".into()))], vec![]);
        let subject = [
            (DnType::CommonName, DnValue::Utf8String("one".into())),
            // Made to a second common name below: rcgen writes only one.
            (DnType::CustomDnType(vec![2, 5, 4, 4]), DnValue::Utf8String("two".into())),
        ];
        let mut two = certificate(&subject, vec![]);
        let surname = [0x06, 0x03, 0x55, 0x04, 0x04];
        while let Some(at) = two.windows(surname.len()).position(|bytes| bytes == surname) {
            two[at + 4] = 3;
        }
        assert_eq!((names(&one), names(&two)), (vec!["one-and".into()], vec![]));
    }

    properties::properties! {
        cases: 512;

        /// Whatever the bytes are: names, or an error.
        #[test]
        fn no_certificate_breaks_it(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>()) {
            thread_local! {
                static GOOD: Vec<u8> = certificate(
                    &[(DnType::CommonName, DnValue::Utf8String("web".into()))],
                    vec![SanType::DnsName("web.example.com".try_into().unwrap())],
                );
            }
            let mut bytes = GOOD.with(Clone::clone);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = CertificateName::read(&bytes);
            let _ = CertificateName::read(&bytes[..cut.index(bytes.len())]);
        }
    }
}
