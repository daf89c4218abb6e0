//! What `counters` says, a text command of our server: see docs/operating.md. Lines of an unknown kind are skipped and
//! unknown fields are kept, so that a newer server is understood too.

use crate::error::{Error, Result};
use crate::listing::shown;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer to `counters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Of the server itself.
    pub server: Fields,
    /// What the server is in a cluster, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Fields>,
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

/// The first bound of the server's histograms, and the last, in microseconds.
const FIRST: u64 = 64;
const LAST: u64 = FIRST << 30;

impl FunctionCounters {
    /// The number under a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.fields.get(name)? {
            Count::Number(n) => Some(*n),
            Count::Times(_) => None,
        }
    }

    /// The histogram under a name; nothing where there is none.
    pub fn times(&self, name: &str) -> &[Bucket] {
        match self.fields.get(name) {
            Some(Count::Times(times)) => times,
            _ => &[],
        }
    }
}

/// What a histogram has more than it had.
pub fn since(times: &[Bucket], before: &[Bucket]) -> Vec<Bucket> {
    let had = |below| before.iter().find(|bucket| bucket.below == below).map_or(0, |bucket| bucket.count);
    let more = |bucket: &Bucket| Bucket { count: bucket.count.saturating_sub(had(bucket.below)), ..*bucket };
    times.iter().map(more).filter(|bucket| bucket.count > 0).collect()
}

/// What a share of the times does not exceed, in microseconds: within a bucket they count as spread evenly. Nothing where
/// there are no times.
pub fn quantile(times: &[Bucket], share: f64) -> Option<f64> {
    let mut rest = share * times.iter().map(|bucket| bucket.count).sum::<u64>() as f64;
    let mut found = None;
    for bucket in times.iter().filter(|bucket| bucket.count > 0) {
        // Each bound is the double of the one before it, and below the first one a bucket begins at 0. Of what is in the
        // last, which has no bound, nothing is known but the one before it.
        let (bottom, top) = match bucket.below {
            Some(FIRST) => (0, FIRST),
            Some(below) => (below / 2, below),
            None => (LAST, LAST),
        };
        let within = (rest / bucket.count as f64).min(1.0);
        found = Some(bottom as f64 + (top - bottom) as f64 * within);
        rest -= bucket.count as f64;
        if rest <= 0.0 {
            break;
        }
    }
    found
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
            Some(b"cluster") => all.cluster = Some(fields(words).ok_or_else(wrong)?),
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
        assert_eq!((f.function.as_str(), f.number("cancelled"), f.number("new")), ("a\tb\\", Some(9), Some(7)));
        assert_eq!(
            (f.number("old"), f.number("waited_us"), f.times("ran_us"), f.times("total")),
            (None, None, &[][..], &[][..])
        );
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
    }

    #[test]
    fn quantiles_of_what_came_since() {
        let times = |text: &str| match count(text) {
            Some(Count::Times(times)) => times,
            other => panic!("{other:?}"),
        };
        let more = since(&times("64:9,128:14,1024:20,inf:1"), &times("64:9,128:10,256:1"));
        assert_eq!(more, times("128:4,1024:20,inf:1"));
        for (text, share, expected) in [
            ("64:10", 0.5, 32.0),
            ("128:10", 0.5, 96.0),
            ("64:1,128:1", 0.5, 64.0),
            ("64:1,128:1", 0.95, 121.6),
            ("64:0,256:4,4096:0", 1.0, 256.0),
            ("64:98,1048576:2", 0.5, 32.65306122448979),
            ("64:98,1048576:2", 0.99, 786432.0),
            ("inf:3", 0.5, 68719476736.0),
        ] {
            let found = quantile(&times(text), share).unwrap();
            assert!((found - expected).abs() < 1e-6 * expected, "{text} {share}: {found}");
        }
        assert_eq!((quantile(&[], 0.5), quantile(&times("64:0,"), 0.5)), (None, None));
    }
}
