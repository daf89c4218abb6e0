//! What our server says of policies, dead letters and single jobs: see docs/operating.md. Fields that are not known here are
//! kept, so that a newer server is understood too.

use crate::error::{Error, Result};
use crate::listing::shown;
use gearman_core::client::inquiry::Outcome;
use gearman_core::protocol::answer::{self, decoded};
use serde::Serialize;
use std::collections::BTreeMap;

/// A line of `policies`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The functions it is for.
    pub pattern: String,
    /// `file:3`, its line, or `run-time`.
    pub source: String,
    /// What it says, by key.
    pub policy: BTreeMap<String, String>,
}

/// A line of `servers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// The number that it got when it joined.
    pub epoch: u64,
    /// `lives`, `left` or `dead`.
    pub state: String,
    /// When it joined: seconds since 1970.
    pub joined: u64,
    /// When it left, or was declared dead.
    pub ended: Option<u64>,
    /// How many milliseconds ago it was heard of, if it lives.
    pub silent: Option<u64>,
    /// How many jobs it has.
    pub jobs: u64,
}

/// A line of `schedules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When it runs, as crontab(5) has it.
    pub cron: String,
    /// Of these times; empty: the server's.
    pub zone: String,
    /// Whose job it is.
    pub function: String,
    /// The job's unique key; may be empty.
    pub unique: String,
    /// The next run, in seconds since 1970.
    pub next: Option<u64>,
    /// And the last.
    pub last: Option<u64>,
}

/// A line of `dead`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The one that it had as a job.
    pub handle: String,
    /// What it was to run.
    pub function: String,
    /// Its unique key; may be empty.
    pub unique: String,
    /// How many tries failed.
    pub tries: u64,
    /// When the first did, in seconds since 1970.
    pub first: u64,
    /// And the last.
    pub last: u64,
    /// Why: `fail`, `exception`, `timeout`, `death`, `buried`.
    pub reason: String,
    /// Who had it last; may be empty.
    pub worker: String,
    /// Of its workload.
    pub bytes: u64,
    /// What its worker said; may be empty.
    pub text: String,
}

/// What is known of one thing, by name.
pub type Fields = BTreeMap<String, Value>;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// How many, how long, or when.
    Number(u64),
    /// Whether.
    Flag(bool),
    /// All else; see [`shown`].
    Text(String),
}

/// Fields that are numbers.
const NUMBERS: [&str; 7] = ["tries", "due", "age", "first", "last", "numerator", "denominator"];

/// The answer to `policies`.
///
/// # Errors
/// [`Error::Answer`] for what is no such list; so are the others'.
pub fn policies(answer: &[u8]) -> Result<Vec<Rule>> {
    lines("policies", answer, |fields| {
        let [pattern, source, keys @ ..] = fields else { return None };
        let policy = keys.iter().map(|key| key.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())));
        Some(Rule { pattern: pattern.clone(), source: source.clone(), policy: policy.collect::<Option<_>>()? })
    })
}

/// The answer to `schedules`.
///
/// # Errors
/// As [`policies`].
pub fn schedules(answer: &[u8]) -> Result<Vec<Schedule>> {
    let time = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    lines("schedules", answer, |fields| {
        let [name, cron, zone, function, unique, next, last, ..] = fields else { return None };
        Some(Schedule {
            name: name.clone(),
            cron: cron.clone(),
            zone: zone.clone(),
            function: function.clone(),
            unique: unique.clone(),
            next: time(next)?,
            last: time(last)?,
        })
    })
}

/// The answer to `servers`.
///
/// # Errors
/// As [`policies`].
pub fn servers(answer: &[u8]) -> Result<Vec<Member>> {
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    lines("servers", answer, |fields| {
        let [name, address, epoch, state, joined, ended, silent, jobs, ..] = fields else { return None };
        Some(Member {
            name: name.clone(),
            address: address.clone(),
            epoch: epoch.parse().ok()?,
            state: state.clone(),
            joined: joined.parse().ok()?,
            ended: number(ended)?,
            silent: number(silent)?,
            jobs: jobs.parse().ok()?,
        })
    })
}

/// The answer to `dead`.
///
/// # Errors
/// As [`policies`].
pub fn dead_letters(answer: &[u8]) -> Result<Vec<DeadLetter>> {
    lines("dead", answer, |fields| {
        let [handle, function, unique, tries, first, last, reason, worker, bytes, text, ..] = fields else {
            return None;
        };
        let (tries, first, last) = (tries.parse().ok()?, first.parse().ok()?, last.parse().ok()?);
        let bytes = bytes.parse().ok()?;
        let [handle, function, unique, reason, worker, text] =
            [handle, function, unique, reason, worker, text].map(String::clone);
        Some(DeadLetter { handle, function, unique, tries, first, last, reason, worker, bytes, text })
    })
}

/// The answer to `job` and `dead-show`.
///
/// # Errors
/// As [`policies`].
pub fn fields(command: &'static str, answer: &[u8]) -> Result<Fields> {
    let mut all = Fields::new();
    for field in answer::fields(answer) {
        let (key, value) = field.map_err(|_| Error::Answer { command, line: shown(answer) })?;
        let value = shown(&value);
        let value = match value.parse() {
            Ok(number) if NUMBERS.contains(&key) => Value::Number(number),
            _ if key == "background" => Value::Flag(value == "1"),
            _ => Value::Text(value),
        };
        all.insert(key.into(), value);
    }
    Ok(all)
}

/// The answer to `result`, with its data as they are.
///
/// # Errors
/// As [`policies`].
pub fn result(answer: &[u8]) -> Result<Fields> {
    let mut all = fields("result", answer)?;
    if let Outcome::Done(data) = Outcome::read(answer)? {
        all.insert("data".into(), Value::Text(shown(&data)));
    }
    Ok(all)
}

/// A list with a line for each entry, up to the dot.
fn lines<T>(command: &'static str, answer: &[u8], read: impl Fn(&[String]) -> Option<T>) -> Result<Vec<T>> {
    let bad = |line: &[u8]| Error::Answer { command, line: shown(line) };
    let list = answer.strip_suffix(b".\n").or_else(|| answer.strip_suffix(b".\r\n")).ok_or_else(|| bad(answer))?;
    let lines = list
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty());
    let entry = |line: &[u8]| {
        let fields: Vec<String> = line.split(|b| *b == b'\t').map(|field| shown(&decoded(field))).collect();
        read(&fields).ok_or_else(|| bad(line))
    };
    lines.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let rules =
            policies(b"resize*\tfile:3\tretries=3\tbackoff=1s*2<10m~20%25\na%09b\trun-time\tpaused=yes\n.\n").unwrap();
        assert_eq!((rules[0].pattern.as_str(), rules[0].source.as_str()), ("resize*", "file:3"));
        assert_eq!(rules[0].policy["backoff"], "1s*2<10m~20%");
        assert_eq!((rules[1].pattern.as_str(), rules.len()), ("a\tb", 2));
        let letters = dead_letters(b"H:x:1\tf\t\t2\t10\t20\texception\t\t3\tno%0Adisk\n.\n").unwrap();
        assert_eq!((letters[0].tries, letters[0].last, letters[0].text.as_str()), (2, 20, "no\ndisk"));
        assert_eq!((policies(b".\n").unwrap(), dead_letters(b".\r\n").unwrap()), (vec![], vec![]));
        for wrong in [&b"f\n.\n"[..], b"f\tx\tretries\n.\n", b"", b"f\tx\tretries=3\n"] {
            assert!(policies(wrong).unwrap_err().to_string().starts_with("the server's answer to policies"));
        }
        assert!(dead_letters(b"H:x:1\tf\t\tx\t10\t20\tfail\t\t3\t\n.\n").is_err());
    }

    #[test]
    fn one_job() {
        let job =
            fields("job", b"handle\tH:x:1\nstate\tdead\nbackground\t1\ntries\t2\ntext\t100%25\nlater\t7\n.\n").unwrap();
        let json = serde_json::to_string(&job).unwrap();
        assert_eq!(json, r#"{"background":true,"handle":"H:x:1","later":"7","state":"dead","text":"100%","tries":2}"#);
        assert!(fields("job", b"no tab\n.\n").is_err());
    }
}
