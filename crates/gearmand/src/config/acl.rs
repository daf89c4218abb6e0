//! The file of `--acl`: rules that say who may do what. The first rule that fits a peer decides; where none does, the peer
//! has no right at all.
//!
//! Owns what the file may say, and where in it something is wrong. Must never know connections; who a peer is, others
//! have found out.
//!
//! Invariants: a file is taken whole or not at all; all that a peer needs to be matched is in it, nothing is looked up.

use crate::net::peer::Peer;
use crate::rights::{Pattern, Rights};
use gearman_core::regular;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No file that a person writes is larger.
const MAX_SIZE: u64 = 1024 * 1024;

/// The rules of a file.
#[derive(Debug)]
pub struct Acl {
    rules: Vec<(Condition, Arc<Rights>)>,
    /// Where no rule fits.
    none: Arc<Rights>,
}

/// Whom a rule is for: each of these that is given must fit, by one of its values.
#[derive(Debug)]
struct Condition {
    certificate: Option<List<Pattern>>,
    uid: Option<List<u32>>,
    gid: Option<List<u32>>,
    address: Option<List<Range>>,
    listener: Option<List<Pattern>>,
}

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclError {
    /// It cannot be read.
    #[error("{}: {reason}", .file.display())]
    Unreadable {
        /// Its name.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It says something that cannot be.
    #[error("{}:{line}:{column}: {reason}", .file.display())]
    Wrong {
        /// Its name.
        file: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// The character in it, from 1 on.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Acl {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AclError`], which names it.
    pub fn read(file: &Path) -> Result<Acl, AclError> {
        let unreadable = |reason: String| AclError::Unreadable { file: file.into(), reason };
        let text = text_of(file).map_err(|e| unreadable(e.to_string()))?;
        let text = String::from_utf8(text).map_err(|e| unreadable(e.utf8_error().to_string()))?;
        Acl::parse(&text, file)
    }

    /// Reads the text of a file; the name is for errors.
    ///
    /// # Errors
    /// [`AclError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Acl, AclError> {
        let wrong = |at: usize, reason: &str| {
            let (line, column) = place(text, at);
            let reason = reason.trim().replace('\n', "; ").replace(char::is_control, " ");
            AclError::Wrong { file: file.into(), line, column, reason }
        };
        let parsed: File = toml::from_str(text).map_err(|e| wrong(e.span().map_or(0, |s| s.start), e.message()))?;
        if parsed.rule.is_empty() {
            return Err(wrong(0, "there is no [[rule]]: nobody could do anything"));
        }
        let rules = parsed.rule.into_iter().zip(1..).map(|(rule, number)| rule.split(number)).collect();
        Ok(Acl { rules, none: Arc::new(Rights { rule: "none".into(), ..Rights::default() }) })
    }

    /// How many rules there are.
    #[allow(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What a peer may do.
    pub(crate) fn decide(&self, peer: &Peer) -> Arc<Rights> {
        let rule = self.rules.iter().find(|(condition, _)| condition.fits(peer));
        rule.map_or(&self.none, |(_, rights)| rights).clone()
    }
}

/// The text of a file that is not too large.
fn text_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let text = regular::read(file, MAX_SIZE)?;
    match text.len() as u64 > MAX_SIZE {
        true => Err(std::io::Error::other(format!("it is larger than {MAX_SIZE} bytes"))),
        false => Ok(text),
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

impl Condition {
    fn fits(&self, peer: &Peer) -> bool {
        /// Without a list everybody fits; with one, who has what is asked for.
        fn any<T>(list: &Option<List<T>>, fits: impl Fn(&T) -> bool) -> bool {
            list.as_ref().is_none_or(|list| list.0.iter().any(fits))
        }
        let names =
            |pattern: &Pattern| peer.certificate.iter().flat_map(|c| c.all()).any(|n| pattern.matches(n.as_bytes()));
        any(&self.certificate, names)
            && any(&self.uid, |uid| peer.uid_gid.is_some_and(|ids| ids.0 == *uid))
            && any(&self.gid, |gid| peer.uid_gid.is_some_and(|ids| ids.1 == *gid))
            && any(&self.address, |range| peer.address.is_some_and(|address| range.contains(address)))
            && any(&self.listener, |pattern| pattern.matches(peer.listener.as_bytes()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: Option<Name>,
    certificate: Option<List<Pattern>>,
    uid: Option<List<u32>>,
    gid: Option<List<u32>>,
    address: Option<List<Range>>,
    listener: Option<List<Pattern>>,
    #[serde(default)]
    submit: Granted,
    #[serde(default)]
    work: Granted,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    observe: bool,
}

impl Rule {
    fn split(self, number: usize) -> (Condition, Arc<Rights>) {
        let Rule { name, certificate, uid, gid, address, listener, submit, work, admin, observe } = self;
        let rule = name.map_or_else(|| number.to_string(), |name| format!("{number} ({})", name.0));
        let rights = Rights { rule: rule.into(), submit: submit.0.into(), work: work.0.into(), admin, observe };
        (Condition { certificate, uid, gid, address, listener }, Arc::new(rights))
    }
}

/// A rule's name: it stands in lines of the log.
struct Name(String);

impl TryFrom<&str> for Name {
    type Error = String;

    fn try_from(text: &str) -> Result<Name, String> {
        match text.is_empty() || text.chars().any(char::is_control) {
            true => Err("a rule's name is some text without control characters".into()),
            false => Ok(Name(text.into())),
        }
    }
}

impl TryFrom<&str> for Pattern {
    type Error = String;

    fn try_from(text: &str) -> Result<Pattern, String> {
        Pattern::new(text).map_err(|reason| format!("\"{text}\": {reason}"))
    }
}

/// Addresses that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: IpAddr,
    last: IpAddr,
}

impl Range {
    fn contains(&self, address: IpAddr) -> bool {
        // All of one family come before all of the other.
        (self.first..=self.last).contains(&address.to_canonical())
    }
}

impl TryFrom<&str> for Range {
    type Error = String;

    /// An address, or a network: `10.0.0.0/8`. What maps to IPv4 is IPv4, as peers' addresses are.
    fn try_from(text: &str) -> Result<Range, String> {
        let wrong = || format!("\"{text}\" is no address and no range, such as 10.0.0.0/8 or fd00::/8");
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => whole,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= whole).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        let (bits, length, v4) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96, true),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) if length >= 96 => (u128::from(v4.to_bits()), length, true),
                _ => (v6.to_bits(), length, false),
            },
        };
        let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
        let to_address = |bits: u128| match v4 {
            true => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
            false => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        };
        if bits & hosts != 0 {
            let network = to_address(bits & !hosts);
            let length = if v4 { length - 96 } else { length };
            return Err(format!("\"{text}\" is an address in the range {network}/{length}: which one is meant?"));
        }
        Ok(Range { first: to_address(bits), last: to_address(bits | hosts) })
    }
}

/// What a condition asks for: one value, or a list with one at least.
#[derive(Debug)]
struct List<T>(Vec<T>);

/// The functions of a right: one pattern, or a list that may be empty.
#[derive(Default)]
struct Granted(Vec<Pattern>);

impl<'de, T: Value> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<List<T>, D::Error> {
        let list = from.deserialize_any(Values(PhantomData))?;
        match list.is_empty() {
            true => Err(D::Error::custom("an empty list is nobody: a rule that never applies")),
            false => Ok(List(list)),
        }
    }
}

impl<'de> Deserialize<'de> for Granted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Granted, D::Error> {
        from.deserialize_any(Values(PhantomData)).map(Granted)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
        from.deserialize_any(One(PhantomData))
    }
}

/// What a value of the file may be made from.
trait Value: Sized {
    const WANTED: &'static str;

    fn of_text(text: &str) -> Result<Self, String>;

    fn of_number(number: i64) -> Option<Self>;
}

macro_rules! text_values {
    ($($kind:ty = $wanted:literal,)*) => {$(
        impl Value for $kind {
            const WANTED: &'static str = $wanted;

            fn of_text(text: &str) -> Result<Self, String> {
                Self::try_from(text)
            }

            fn of_number(_: i64) -> Option<Self> {
                None
            }
        }
    )*};
}

text_values! {
    Name = "a text",
    Pattern = "a name or a pattern, as a text",
    Range = "an address or a range, as a text",
}

impl Value for u32 {
    const WANTED: &'static str = "the number of a user or a group";

    fn of_text(text: &str) -> Result<u32, String> {
        Err(format!("\"{text}\": {} is wanted", u32::WANTED))
    }

    fn of_number(number: i64) -> Option<u32> {
        u32::try_from(number).ok()
    }
}

/// One value.
struct One<T>(PhantomData<T>);

impl<T: Value> Visitor<'_> for One<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::of_text(text).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        T::of_number(number).ok_or_else(|| E::custom(format!("{number}: {} is wanted", T::WANTED)))
    }
}

/// An element of a list.
struct Element<T>(T);

impl<'de, T: Value> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Element<T>, D::Error> {
        from.deserialize_any(One(PhantomData)).map(Element)
    }
}

/// One value, or a list of them.
struct Values<T>(PhantomData<T>);

impl<'de, T: Value> Visitor<'de> for Values<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a list of them", T::WANTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        One(PhantomData).visit_str(text).map(|one| vec![one])
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Vec<T>, E> {
        One(PhantomData).visit_i64(number).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(Element(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
