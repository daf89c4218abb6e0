//! What `counters` says, a text command of our server: see docs/operating.md. Lines of an unknown kind are skipped and
//! unknown fields are kept, so that a newer server is understood too.

use crate::error::{Error, Result};
use crate::listing::{Function, shown};
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer to `counters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Of the server itself.
    pub server: Fields,
    /// Of each function.
    pub functions: Vec<FunctionCounters>,
}

/// A line about a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionCounters {
    /// See [`shown`].
    pub function: String,
    /// What is counted of it.
    #[serde(flatten)]
    pub fields: Fields,
}

/// Counts by name.
pub type Fields = BTreeMap<String, Count>;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Count {
    /// How many, or how much.
    Number(u64),
    /// How often something took how long.
    Times(Vec<Bucket>),
}

/// How often something took less than this, and not less than the bucket before it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// In microseconds; `None`: however long.
    pub below: Option<u64>,
    /// So often.
    pub count: u64,
}

impl FunctionCounters {
    /// The number under a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.fields.get(name)? {
            Count::Number(n) => Some(*n),
            Count::Times(_) => None,
        }
    }

    /// What `status` says of it.
    ///
    /// # Errors
    /// [`Error::Answer`] where a field is missing.
    pub fn function(&self) -> Result<Function> {
        let number = |name: &str| self.number(name).ok_or_else(|| bad(&self.function));
        let (total, running) = (number("total")?, number("running")?);
        let queued = total.saturating_sub(running);
        Ok(Function { function: self.function.clone(), total, queued, running, workers: number("workers")? })
    }

    /// Jobs that workers have ended, in whichever way.
    pub fn ended(&self) -> u64 {
        ["completed", "failed", "exceptions"].iter().filter_map(|name| self.number(name)).sum()
    }
}

/// The answer to `counters`.
///
/// # Errors
/// [`Error::Answer`] for what is no such list.
pub fn counters(answer: &[u8]) -> Result<Counters> {
    let text = answer.strip_suffix(b"\n").map(|text| text.strip_suffix(b"\r").unwrap_or(text));
    let text = text.and_then(|text| text.strip_suffix(b".")).ok_or_else(|| bad(&shown(answer)))?;
    let mut all = Counters::default();
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let wrong = || bad(&shown(line));
        let mut words = line.split(|b| *b == b'\t');
        match words.next() {
            Some(b"server") => all.server = fields(words).ok_or_else(wrong)?,
            Some(b"function") => {
                let name = words.next().and_then(unescaped).ok_or_else(wrong)?;
                let fields = fields(words).ok_or_else(wrong)?;
                all.functions.push(FunctionCounters { function: shown(&name), fields });
            }
            _ => {}
        }
    }
    Ok(all)
}

fn bad(line: &str) -> Error {
    Error::Answer { command: "counters", line: line.into() }
}

/// `name=value` each.
fn fields<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<Fields> {
    let field = |word| {
        let (name, value) = std::str::from_utf8(word).ok()?.split_once('=')?;
        Some((name.to_owned(), count(value)?))
    };
    words.map(field).collect()
}

/// `17`, or `64:3,128:1,inf:1`. Nothing at all is a histogram without entries.
fn count(value: &str) -> Option<Count> {
    if let Ok(number) = value.parse() {
        return Some(Count::Number(number));
    }
    let bucket = |text: &str| {
        let (below, count) = text.split_once(':')?;
        let below = if below == "inf" { None } else { Some(below.parse().ok()?) };
        Some(Bucket { below, count: count.parse().ok()? })
    };
    value.split(',').filter(|text| !text.is_empty()).map(bucket).collect::<Option<_>>().map(Count::Times)
}

/// A name whose tabs, line ends and backslashes were written `\xHH`.
pub(crate) fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::with_capacity(name.len()), name);
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match first {
            b'\\' => {
                let digits = std::str::from_utf8(rest.strip_prefix(b"x")?.get(..2)?).ok()?;
                rest = &rest[3..];
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => *byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field() {
        let answer = b"server\tuptime_s=5\tjobs=0\nfuture\tx\nfunction\ta\\x09b\\x5c\ttotal=3\trunning=1\tworkers=2\tcompleted=4\tfailed=1\texceptions=2\tcancelled=9\twaited_us=64:3,inf:1\tran_us=\tnew=7\n.\n";
        let all = counters(answer).unwrap();
        assert_eq!(all.server["uptime_s"], Count::Number(5));
        let [f] = &all.functions[..] else { panic!("{all:?}") };
        assert_eq!((f.function.as_str(), f.ended(), f.number("new")), ("a\tb\\", 7, Some(7)));
        let function = f.function().unwrap();
        assert_eq!((function.total, function.queued, function.running, function.workers), (3, 2, 1, 2));
        let times = vec![Bucket { below: Some(64), count: 3 }, Bucket { below: None, count: 1 }];
        assert_eq!((&f.fields["waited_us"], &f.fields["ran_us"]), (&Count::Times(times), &Count::Times(Vec::new())));
        assert_eq!(counters(b".\r\n").unwrap(), Counters::default());
    }

    #[test]
    fn what_is_no_such_list_is_an_error_that_shows_it() {
        for answer in
            [&b"server\tx=1\n"[..], b"", b"server\tx\n.\n", b"function\t\\q\ttotal=1\n.\n", b"server\tx=a\n.\n"]
        {
            let error = counters(answer).unwrap_err().to_string();
            assert!(error.starts_with("the server's answer to counters"), "{error}");
        }
        let without = counters(b"function\tf\ttotal=1\n.\n").unwrap();
        assert!(without.functions[0].function().is_err());
    }
}
