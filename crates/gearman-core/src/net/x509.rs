//! The little of a certificate that rustls does not tell: what it is for, and whether it names itself as who signed it.
//!
//! Must never be asked to verify anything. What does not look as it should is for nothing.

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be a server.
    Server,
    /// To be a client, or a worker.
    Client,
}

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
/// The version, in TBSCertificate.
const VERSION: u8 = 0xa0;
/// The extensions, in TBSCertificate.
const EXTENSIONS: u8 = 0xa3;
/// id-ce-extKeyUsage, 2.5.29.37.
const EXTENDED_KEY_USAGE: (u8, &[u8]) = (OID, &[0x55, 0x1d, 0x25]);
/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: (u8, &[u8]) = (OID, &[0x2b, 6, 1, 5, 5, 7, 3, 1]);
/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
const CLIENT_AUTH: (u8, &[u8]) = (OID, &[0x2b, 6, 1, 5, 5, 7, 3, 2]);

/// May a certificate (DER) be shown for this? It may where it lists no purposes, or this one among them: as webpki has it.
pub fn is_for(certificate: &[u8], purpose: Purpose) -> bool {
    let wanted = match purpose {
        Purpose::Server => SERVER_AUTH,
        Purpose::Client => CLIENT_AUTH,
    };
    purposes(certificate).is_some_and(|listed| listed.is_none_or(|all| all.contains(&wanted)))
}

/// Has a certificate (DER) one name as its subject and as who signed it? What it says need not be true.
pub fn names_itself(certificate: &[u8]) -> bool {
    // Version, number, algorithm, issuer, validity, subject.
    let fields = fields(certificate).unwrap_or_default();
    matches!(fields.as_slice(), [(VERSION, _), _, _, issuer, _, subject, ..] if issuer == subject)
}

/// An element of DER: its tag, and what is in it.
type Element<'a> = (u8, &'a [u8]);

/// Its extended key usage; `Some(None)`: it has none.
fn purposes(certificate: &[u8]) -> Option<Option<Vec<Element<'_>>>> {
    let fields = fields(certificate)?;
    let Some((_, extensions)) = fields.iter().find(|(tag, _)| *tag == EXTENSIONS) else { return Some(None) };
    for (_, extension) in elements(within(extensions)?)? {
        // Its name, perhaps whether it is critical, its value.
        let parts = elements(extension)?;
        if *parts.first()? == EXTENDED_KEY_USAGE {
            return elements(within(parts.last()?.1)?).map(Some);
        }
    }
    Some(None)
}

/// The fields of TBSCertificate.
fn fields(certificate: &[u8]) -> Option<Vec<Element<'_>>> {
    let (_, signed) = elements(within(certificate)?)?.into_iter().next()?;
    elements(signed)
}

/// What is in the one SEQUENCE that this is.
fn within(der: &[u8]) -> Option<&[u8]> {
    match element(der)? {
        ((SEQUENCE, content), []) => Some(content),
        _ => None,
    }
}

/// One after the other, to the end.
fn elements(mut der: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut all = Vec::new();
    while !der.is_empty() {
        let (first, rest) = element(der)?;
        all.push(first);
        der = rest;
    }
    Some(all)
}

/// The first, and what follows it.
fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let [tag, length, rest @ ..] = der else { return None };
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        // As so many bytes, the most significant first.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(((*tag, content), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose as Usage, KeyPair};

    fn certificate(usages: &[Usage]) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        params.extended_key_usages = usages.to_vec();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn what_a_certificate_is_for() {
        for (usages, server, client) in [
            (&[][..], true, true),
            (&[Usage::ServerAuth], true, false),
            (&[Usage::ClientAuth], false, true),
            (&[Usage::CodeSigning], false, false),
            (&[Usage::CodeSigning, Usage::ClientAuth, Usage::ServerAuth], true, true),
            (&[Usage::Any], false, false),
        ] {
            let der = certificate(usages);
            assert_eq!((is_for(&der, Purpose::Server), is_for(&der, Purpose::Client)), (server, client), "{usages:?}");
        }
    }

    #[test]
    fn who_has_signed_it_by_its_own_words() {
        let itself = certificate(&[]);
        assert!(names_itself(&itself));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "another");
        let other = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateParams::new(["localhost".into()]).unwrap();
        assert!(!names_itself(params.signed_by(&KeyPair::generate().unwrap(), &other).unwrap().der()));
    }

    /// It might leave the list of purposes unread.
    #[test]
    fn what_is_no_certificate_is_for_nothing() {
        let der = certificate(&[Usage::ClientAuth]);
        for length in 0..der.len() {
            assert!(!is_for(&der[..length], Purpose::Client), "{length}");
        }
        for place in 0..der.len() {
            for byte in [0, 0x7f, 0x80, 0x83, 0xff] {
                let mut changed = der.clone();
                changed[place] = byte;
                // All that counts is that it ends.
                let _ = (is_for(&changed, Purpose::Server), names_itself(&changed));
            }
        }
        assert!(!is_for(&[der, vec![0]].concat(), Purpose::Client));
    }
}
