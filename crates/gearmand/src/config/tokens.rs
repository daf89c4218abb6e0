//! The file of `--http-token-file`: tokens, and what each of them allows over HTTP.
//!
//! Owns what the file may say, where in it something is wrong, and what of a token is kept: its digest, and a key for the
//! cookie of the page. Must never know requests.
//!
//! Invariants:
//! - a file is taken whole or not at all; no two tokens in it are the same, and no two have one name;
//! - no token is kept, nor is any part of one in an error or in a `Debug` output;
//! - all tokens are looked at, whichever fits, and compared in constant time.

use crate::config::acl::{Granted, Name};
use crate::config::rule_file::Mistake;
use crate::rights::Rights;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gearman_core::settings_file::{self, SettingsError};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use toml::Spanned;

/// Shortest and longest token. One of 16 random characters cannot be guessed.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// A digest in hexadecimal digits.
const DIGITS: usize = 64;
/// What keys of cookies are made from, and a digest.
const COOKIE: &[u8] = b"gearmand: the cookie of a token";

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens {
    tokens: Vec<Arc<Token>>,
    /// A token stands in the file, and not its digest alone.
    plain: bool,
    /// What is to be remarked of the file.
    remark: Option<String>,
}

/// What is known of a token.
pub(crate) struct Token {
    digest: Digest,
    /// Seals the token, so that the sealed one may be a cookie.
    cookie: LessSafeKey,
    /// What it allows, under its name.
    pub(crate) rights: Arc<Rights>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("rights", &self.rights).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a file.
    ///
    /// # Errors
    /// [`SettingsError`], which names it.
    pub fn read(file: &Path) -> Result<Tokens, SettingsError> {
        let mut tokens = Tokens::parse(&settings_file::read(file)?, file)?;
        let open = std::fs::metadata(file).is_ok_and(|found| found.mode() & 0o004 != 0);
        if open && tokens.plain {
            let how = "chmod o-r, or sha256 in place of token";
            tokens.remark = Some(format!("{}: everybody on this host can read its tokens: {how}", file.display()));
        }
        Ok(tokens)
    }

    /// Reads the text of a file; the name is for errors.
    ///
    /// # Errors
    /// [`SettingsError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Tokens, SettingsError> {
        let parsed: File = toml::from_str(text).map_err(|e| Mistake::from(e).of(text, file))?;
        if parsed.token.is_empty() {
            return Err(Mistake::at(0, "there is no [[token]]: nobody could do anything").of(text, file));
        }
        let plain = parsed.token.iter().any(|written| written.get_ref().token.is_some());
        let (mut names, mut digests) = (HashSet::new(), HashSet::new());
        let mut tokens = Vec::new();
        for written in parsed.token {
            let token = Token::new(written, &mut names, &mut digests).map_err(|mistake| mistake.of(text, file))?;
            tokens.push(Arc::new(token));
        }
        Ok(Tokens { tokens, plain, remark: None })
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// What is to be remarked of the file.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// The token that this is.
    pub(crate) fn find(&self, token: &[u8]) -> Option<&Arc<Token>> {
        let given = Digest::of(token);
        // All of them, whichever it is.
        self.tokens.iter().fold(None, |found, token| if given.is(&token.digest) { Some(token) } else { found })
    }

    /// The token whose cookie this is.
    pub(crate) fn find_cookie(&self, cookie: &[u8]) -> Option<&Arc<Token>> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        self.tokens.iter().fold(None, |found, token| if token.opens(&sealed) { Some(token) } else { found })
    }

    /// Whether a token, of this file or a former version of it, allows what it did.
    pub(crate) fn still_allow(&self, token: &Token) -> bool {
        let now = self.tokens.iter().find(|now| now.digest.is(&token.digest));
        now.is_some_and(|now| now.rights.include(&token.rights))
    }
}

impl Token {
    fn new(
        written: Spanned<Written>,
        names: &mut HashSet<String>,
        digests: &mut HashSet<Digest>,
    ) -> Result<Token, Mistake> {
        let place = written.span().start;
        let Written { name, token, sha256, submit, admin, observe } = written.into_inner();
        let wrong = |what: &str| Mistake::at(place, what);
        let name = name.into_inner().0;
        let digest = match (token, sha256) {
            (Some(Secret(digest)), None) | (None, Some(Hash(digest))) => digest,
            (None, None) => return Err(wrong("this token has neither token nor sha256")),
            (Some(_), Some(_)) => return Err(wrong("this token has both token and sha256: one is enough")),
        };
        if submit.0.is_empty() && !admin && !observe {
            return Err(wrong("this token allows nothing: submit, observe or admin is wanted"));
        }
        if !digests.insert(digest) {
            return Err(wrong("this token is there twice"));
        }
        if !names.insert(name.clone()) {
            return Err(wrong("this name is there twice"));
        }
        let cookie = cookie_key(&digest).ok_or_else(|| wrong("no key can be made from it"))?;
        let rights = Rights { rule: name.into(), submit: submit.0.into(), admin, observe, ..Rights::default() };
        Ok(Token { digest, cookie, rights: Arc::new(rights) })
    }

    /// What a browser keeps in place of the token: the token, sealed by a key that follows from its digest. So it is the same
    /// after a restart, is worth nothing when the token is gone, shows the token to nobody who has not the file, and who has
    /// the file with the digest alone cannot make it.
    pub(crate) fn cookie(&self, token: &[u8]) -> Option<String> {
        let mut sealed = token.to_vec();
        self.cookie.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    fn opens(&self, sealed: &[u8]) -> bool {
        let mut token = sealed.to_vec();
        let opened = self.cookie.open_in_place(nonce(), Aad::empty(), &mut token);
        opened.is_ok_and(|token| Digest::of(token).is(&self.digest))
    }
}

fn cookie_key(digest: &Digest) -> Option<LessSafeKey> {
    let key = self::digest(&SHA256, &[COOKIE, &digest.0].concat());
    UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).ok().map(LessSafeKey::new)
}

/// Each key seals one text alone, the token that it follows from.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// What is kept of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Digest([u8; 32]);

impl Digest {
    fn of(token: &[u8]) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Digest(bytes)
    }

    fn of_digits(digits: &str) -> Option<Digest> {
        let digits = digits.as_bytes();
        let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = value(*pair.first()?)? << 4 | value(*pair.get(1)?)?;
        }
        (digits.len() == DIGITS).then_some(Digest(bytes))
    }

    fn is(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Spanned<Written>>,
}

/// A token as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<Name>,
    token: Option<Secret>,
    sha256: Option<Hash>,
    #[serde(default)]
    submit: Granted,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    observe: bool,
}

/// The token itself.
struct Secret(Digest);

/// Its digest, in digits.
struct Hash(Digest);

/// A text that no error shows, as other kinds of values would be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hidden {
    Text(String),
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let wanted = || {
            let (shortest, longest) = (LENGTH.start(), LENGTH.end());
            D::Error::custom(format!("a token is a text of {shortest} to {longest} ASCII characters without blanks"))
        };
        match Hidden::deserialize(from)? {
            Hidden::Text(token) if LENGTH.contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Secret(Digest::of(token.as_bytes())))
            }
            Hidden::Text(_) | Hidden::Other(_) => Err(wanted()),
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let digest = match Hidden::deserialize(from)? {
            Hidden::Text(digits) => Digest::of_digits(&digits),
            Hidden::Other(_) => None,
        };
        let wanted = || D::Error::custom(format!("the SHA-256 of a token is a text of {DIGITS} hexadecimal digits"));
        digest.map(Hash).ok_or_else(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rule_file::tests::no_text_breaks;
    use properties::properties;
    use proptest::prelude::*;
    use proptest::sample::Index;

    const SECRET: &str = "0123456789abcdef";

    fn parse(text: &str) -> Result<Tokens, String> {
        Tokens::parse(text, Path::new("t")).map_err(|error| error.to_string())
    }

    fn one(more: &str) -> String {
        format!("[[token]]\nname = 'ops'\n{more}\n")
    }

    #[test]
    fn a_token_and_its_digest_are_the_same_token() {
        // printf 0123456789abcdef | sha256sum
        let digest = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
        for key in [format!("token = '{SECRET}'"), format!("sha256 = '{digest}'")] {
            let tokens = parse(&one(&format!("{key}\nsubmit = 'mail.*'\nobserve = true"))).unwrap();
            let found = tokens.find(SECRET.as_bytes()).unwrap();
            assert!(found.rights.observe && !found.rights.admin && found.rights.submits(b"mail.x"));
            assert_eq!(&*found.rights.rule, "ops");
            for wrong in ["", "0123456789abcdeg", "0123456789abcde", digest] {
                assert!(tokens.find(wrong.as_bytes()).is_none(), "{wrong}");
            }
        }
    }

    /// It lasts as long as its token, and is no token; nor does it show one.
    #[test]
    fn a_cookie_is_good_for_its_token_alone() {
        let text = one(&format!("token = '{SECRET}'\nadmin = true"));
        let tokens = parse(&text).unwrap();
        let cookie = tokens.find(SECRET.as_bytes()).unwrap().cookie(SECRET.as_bytes()).unwrap();
        let again = parse(&text).unwrap();
        assert!(again.find_cookie(cookie.as_bytes()).unwrap().rights.admin);
        assert!(tokens.find(cookie.as_bytes()).is_none() && tokens.find_cookie(SECRET.as_bytes()).is_none());
        let other = parse(&one("token = 'another-token-of-ops'\nadmin = true")).unwrap();
        assert!(other.find_cookie(cookie.as_bytes()).is_none());
        for at in 0..cookie.len() {
            let mut forged = cookie.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(tokens.find_cookie(&forged).is_none(), "{at}");
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        assert!(!sealed.windows(4).any(|part| SECRET.as_bytes().windows(4).any(|plain| plain == part)));
    }

    #[test]
    fn what_is_wrong_has_its_place_and_shows_no_token() {
        let good = one(&format!("token = '{SECRET}'\nobserve = true"));
        for (text, expected) in [
            ("".into(), "t:1:1: there is no [[token]]: nobody could do anything"),
            (one("token = 'tooshort-secret'\nadmn = true"), "t:4:1: unknown field `admn`"),
            (one("token = 'short-secret'"), "t:3:9: a token is a text of 16 to 256 ASCII characters without blanks"),
            (one("token = 'a secret with blanks'"), "t:3:9: a token is"),
            (one("token = 5551234567890123"), "t:3:9: a token is"),
            (one("token = [5551234567890123]"), "t:3:9: a token is"),
            (one("token = true"), "t:3:9: a token is"),
            (one("sha256 = '5551234567890123'"), "t:3:10: the SHA-256 of a token is a text of 64 hexadecimal digits"),
            (one(&format!("sha256 = '{}g'", "5".repeat(63))), "t:3:10: the SHA-256"),
            (one(&format!("sha256 = '{}'", "5".repeat(66))), "t:3:10: the SHA-256"),
            (one("observe = true"), "t:1:1: this token has neither token nor sha256"),
            (
                one(&format!("token = '{SECRET}'\nsha256 = '{}'", "5".repeat(64))),
                "t:1:1: this token has both token and sha256",
            ),
            (one(&format!("token = '{SECRET}'\nsubmit = []")), "t:1:1: this token allows nothing"),
            ("[[token]]\nobserve = true".into(), "t:1:1: missing field `name`"),
            (format!("{good}{}", good.replace("ops", "dev")), "t:5:1: this token is there twice"),
            (format!("{good}{}", good.replace("abcdef", "abcdeg")), "t:5:1: this name is there twice"),
            (good.replace("'ops'", "''"), "t:2:8: a name is some text without control characters"),
            (good.replace("true", "1"), "t:4:11: invalid type: integer `1`"),
            (format!("{good}work = '*'"), "t:5:1: unknown field `work`"),
        ] {
            let error = parse(&text).map(drop).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains("555") && !error.contains(SECRET), "{error}");
        }
        assert!(!format!("{:?}", parse(&good)).contains(SECRET));
    }

    properties! {
        cases: 500;

        #[test]
        fn no_text_breaks_it(noise in "[\\[\\]='\"a-z0-9\n]{0,8}", at in any::<Index>()) {
            let text = one(&format!("token = '{SECRET}'\nsubmit = ['a', 'b*']\nobserve = true"));
            let error = |text: &str| Tokens::parse(text, Path::new("t")).err();
            let shows = |text: &str| error(text).is_some_and(|error| error.to_string().contains(SECRET));
            no_text_breaks(text, &noise, &at, |text| {
                assert!(!shows(text), "{text}");
                error(text)
            })?;
        }
    }
}
