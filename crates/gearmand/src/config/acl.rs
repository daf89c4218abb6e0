//! The file of `--acl`: rules that say who may do what. The first rule that fits a peer decides; where none does, the peer
//! has no right at all.
//!
//! Owns what the file may say, and where in it something is wrong. Must never know connections; who a peer is, others
//! have found out.
//!
//! Invariants: a file is taken whole or not at all; all that a peer needs to be matched is in it, nothing is looked up.

use crate::config::rule_file::Mistake;
use crate::net::peer::Peer;
use crate::rights::{Pattern, Rights};
use gearman_core::settings_file::{self, SettingsError};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

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

impl Acl {
    /// Reads a file.
    ///
    /// # Errors
    /// [`SettingsError`], which names it.
    pub fn read(file: &Path) -> Result<Acl, SettingsError> {
        Acl::parse(&settings_file::read(file)?, file)
    }

    /// Reads the text of a file; the name is for errors.
    ///
    /// # Errors
    /// [`SettingsError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Acl, SettingsError> {
        let parsed: File = toml::from_str(text).map_err(|e| Mistake::from(e).of(text, file))?;
        if parsed.rule.is_empty() {
            return Err(Mistake::at(0, "there is no [[rule]]: nobody could do anything").of(text, file));
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

/// The name of a rule or of a token: it stands in lines of the log.
pub(super) struct Name(pub(super) String);

impl TryFrom<&str> for Name {
    type Error = String;

    fn try_from(text: &str) -> Result<Name, String> {
        match text.is_empty() || text.chars().any(char::is_control) {
            true => Err("a name is some text without control characters".into()),
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
pub(super) struct Granted(pub(super) Vec<Pattern>);

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
