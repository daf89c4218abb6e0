//! Values of the configuration: their text -> what they mean, or what is wrong with them and how they are written.
//!
//! Must never know the keys that have them.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::time::Duration;

/// A time: `500ms`, `1.5s`, `10m`, `2h`, `1d`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of bytes: `128M`, `1.5G`, or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A program and its arguments: a list of words, or a text that is cut into words as a shell does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

/// Texts: a list of them, or one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

/// A user or a group, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameOrNumber(pub String);

/// Which functions: one name, or what is before and behind one `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    /// `None`: there is no `*`.
    behind: Option<String>,
}

impl Pattern {
    /// What is wrong with it, where something is.
    ///
    /// # Errors
    /// The reason.
    pub fn new(text: &str) -> Result<Pattern, String> {
        match text.split_once('*') {
            None if text.is_empty() => Err("an empty name is no function".into()),
            None => Ok(Pattern { before: text.into(), behind: None }),
            Some((_, behind)) if behind.contains('*') => Err(format!("{text}: a pattern has one * at most")),
            Some((before, behind)) => Ok(Pattern { before: before.into(), behind: Some(behind.into()) }),
        }
    }

    /// Whether a function is one of them.
    pub fn matches(&self, function: &str) -> bool {
        match &self.behind {
            None => function == self.before,
            Some(behind) => {
                let rest = function.strip_prefix(self.before.as_str());
                rest.is_some_and(|rest| rest.ends_with(behind.as_str()))
            }
        }
    }
}

/// Longer times are a mistake, and could not be added to a moment.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

fn time(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok().filter(|time| *time <= LONGEST)
}

fn size(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let shift = match unit.trim() {
        "" => 0,
        "K" | "k" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * f64::from(1 << shift)) as u64)
}

/// What only a shell understands: words, and how words begin.
const SHELL: [&str; 4] = ["|", "||", "&", "&&"];
const SHELL_BEGINS: [&str; 6] = [">", "<", "2>", "$", "`", "~/"];

fn words(text: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(text).ok_or_else(|| format!("{text}: a quote has no end"))?;
    let for_a_shell = |word: &&String| {
        let begins = SHELL_BEGINS.iter().any(|begin| word.starts_with(begin));
        begins || word.ends_with(';') || SHELL.contains(&word.as_str())
    };
    match words.iter().find(for_a_shell) {
        Some(word) => Err(format!(
            "{word} means something to a shell, and there is none: write command = [\"sh\", \"-c\", \"exec ...\"]"
        )),
        None => Ok(words),
    }
}

/// Reads a text or a number as a value; the words tell what is wanted.
struct One<T> {
    read: fn(&str) -> Option<T>,
    wanted: &'static str,
}

impl<T> One<T> {
    fn of<E: Error>(&self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::custom(format!("{text} is not {}", self.wanted)))
    }
}

impl<T> Visitor<'_> for One<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.of(text)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.of(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.of(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        from.deserialize_any(One { read: time, wanted: "a time, such as 500ms, 30s, 5m, 2h or 1d" }).map(Time)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Size, D::Error> {
        from.deserialize_any(One { read: size, wanted: "a size, such as 64M or 1.5G" }).map(Size)
    }
}

/// Reads a list of texts, or one text.
struct Many {
    one: fn(&str) -> Result<Vec<String>, String>,
}

impl<'de> Visitor<'de> for Many {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
        (self.one)(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
        let words = from.deserialize_any(Many { one: words })?;
        match words.iter().find(|word| word.contains('\0')) {
            Some(_) => Err(D::Error::custom("no word of a command holds a NUL")),
            None if words.first().is_none_or(String::is_empty) => {
                Err(D::Error::custom("a program is wanted, such as [\"php\", \"worker.php\"]"))
            }
            None => Ok(Words(words)),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Texts, D::Error> {
        from.deserialize_any(Many { one: |text| Ok(vec![text.into()]) }).map(Texts)
    }
}

impl<'de> Deserialize<'de> for NameOrNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<NameOrNumber, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = NameOrNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a number")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<NameOrNumber, E> {
                Ok(NameOrNumber(name.into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<NameOrNumber, E> {
                Ok(NameOrNumber(number.to_string()))
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        for (text, milliseconds) in
            [("500ms", 500), ("1.5s", 1500), ("90", 90_000), ("2m", 120_000), ("1 h", 3_600_000), ("1d", 86_400_000)]
        {
            assert_eq!(time(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for (text, bytes) in [("0", 0), ("64K", 65536), ("1.5M", 3 << 19), ("2G", 2 << 30)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "s", "-1s", "1w", "1.2.3s", "1e9s", "36501d", "99999999999999999999999d", "5 minutes", "1KB"] {
            assert_eq!((time(text), size(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn commands_are_cut_into_words_without_a_shell() {
        assert_eq!(words("php 'a b.php' \"--x=1 2\" c\\ d").unwrap(), ["php", "a b.php", "--x=1 2", "c d"]);
        for wrong in [
            "php worker.php | tee log",
            "cd /srv && php x",
            "php $FILE",
            "a; b",
            "php 'x",
            "php x >log",
            "php x 2>>log",
            "php ~/x.php",
            "php `x`",
        ] {
            words(wrong).unwrap_err();
        }
        assert!(words("a && b").unwrap_err().contains("\"sh\", \"-c\""));
    }

    #[test]
    fn patterns() {
        let matches = |pattern, function| Pattern::new(pattern).unwrap().matches(function);
        assert!(matches("*", "x") && matches("mail*", "mail.send") && matches("a*z", "az") && matches("f", "f"));
        assert!(!matches("mail*", "xmail") && !matches("f", "ff") && !matches("ab*ba", "aba"));
        Pattern::new("a*b*").unwrap_err();
        Pattern::new("").unwrap_err();
    }
}
