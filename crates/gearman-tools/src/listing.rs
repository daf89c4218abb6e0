//! What the lists of the text protocol say, line by line.
//!
//! Columns are found from the right, because a name may hold blanks and tabs. A name may even hold line
//! ends: a line without its columns is the beginning of the next one. What the protocol cannot tell
//! apart, nobody can: a function with a blank in its name is two in the list of workers.

use crate::error::{Error, Result};
use serde::Serialize;
use std::str::FromStr;

/// A line of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// See [`shown`].
    pub function: String,
    /// Jobs in all.
    pub total: u64,
    /// Those of them that wait for a worker or for their time.
    pub queued: u64,
    /// Those that a worker has.
    pub running: u64,
    /// Connections that can run them.
    pub workers: u64,
}

/// A line of `prioritystatus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Priorities {
    /// See [`shown`].
    pub function: String,
    /// Queued jobs of this priority.
    pub high: u64,
    /// Queued jobs of this priority.
    pub normal: u64,
    /// Queued jobs of this priority.
    pub low: u64,
    /// Connections that can run them.
    pub workers: u64,
}

/// A line of `workers`: any connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// File descriptor in the server.
    pub fd: i64,
    /// Where it comes from.
    pub address: String,
    /// What it calls itself.
    pub id: Option<String>,
    /// What it can do.
    pub functions: Vec<String>,
}

/// A line of `show jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its handle.
    pub handle: String,
    /// How often a worker failed to end it.
    pub retries: u64,
    /// Its result goes nowhere, although it is no background job.
    pub ignored: bool,
    /// Nobody waits for it.
    pub background: bool,
}

/// A name as text. It may be any bytes: those that are no UTF-8 are written `\xHH`.
pub fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// The answer to `status`.
///
/// # Errors
/// [`Error::Answer`] for what is no such list; so are the others'.
pub fn status(answer: &[u8]) -> Result<Vec<Function>> {
    entries("status", answer, |line| {
        let [function, total, running, workers] = columns(line)?;
        let (total, running) = (number(total)?, number(running)?);
        Some(Function {
            function: shown(function),
            total,
            queued: total.saturating_sub(running),
            running,
            workers: number(workers)?,
        })
    })
}

/// The answer to `prioritystatus`.
///
/// # Errors
/// As [`status`].
pub fn priority_status(answer: &[u8]) -> Result<Vec<Priorities>> {
    entries("prioritystatus", answer, |line| {
        let [function, high, normal, low, workers] = columns(line)?;
        let [high, normal, low, workers] = [number(high)?, number(normal)?, number(low)?, number(workers)?];
        Some(Priorities { function: shown(function), high, normal, low, workers })
    })
}

/// The answer to `workers`.
///
/// # Errors
/// As [`status`].
pub fn workers(answer: &[u8]) -> Result<Vec<Connection>> {
    entries("workers", answer, |line| {
        let mut words = line.splitn(3, |b| *b == b' ');
        let (fd, address, rest) = (words.next()?, words.next()?, words.next()?);
        // `id : f1 f2`, where the id may hold blanks.
        let colon = rest.windows(2).position(|pair| pair == b" :")?;
        let (id, functions) = (&rest[..colon], &rest[colon + 2..]);
        Some(Connection {
            fd: number(fd)?,
            address: shown(address),
            id: (id != b"-").then(|| shown(id)),
            functions: functions.split(|b| *b == b' ').filter(|name| !name.is_empty()).map(shown).collect(),
        })
    })
}

/// The answer to `show jobs`.
///
/// # Errors
/// As [`status`].
pub fn jobs(answer: &[u8]) -> Result<Vec<Job>> {
    entries("show jobs", answer, |line| {
        let [handle, retries, ignored, background] = columns(line)?;
        let [ignored, background] = [number::<u8>(ignored)? != 0, number::<u8>(background)? != 0];
        Some(Job { handle: shown(handle), retries: number(retries)?, ignored, background })
    })
}

/// The answer to `show unique jobs`: a key for each job, empty where it has none.
///
/// # Errors
/// As [`status`].
pub fn unique_jobs(answer: &[u8]) -> Result<Vec<String>> {
    entries("show unique jobs", answer, |line| Some(shown(line)))
}

/// The entries of a list, up to the dot.
fn entries<T>(command: &'static str, answer: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>> {
    let bad = |line: &[u8]| Error::Answer { command, line: shown(line) };
    let list = answer.strip_suffix(b"\n").ok_or_else(|| bad(answer))?;
    let list = list.strip_suffix(b"\r").unwrap_or(list);
    let mut rest = list.strip_suffix(b".").filter(|l| l.is_empty() || l.ends_with(b"\n")).ok_or_else(|| bad(answer))?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let ends = rest.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i);
        let entry = ends.map(|end| (end, &rest[..end])).find_map(|(end, line)| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            Some((end, read(line)?))
        });
        let (end, entry) = entry.ok_or_else(|| bad(rest.split(|b| *b == b'\n').next().unwrap_or_default()))?;
        found.push(entry);
        rest = &rest[end + 1..];
    }
    Ok(found)
}

/// A name, and N - 1 columns behind it.
fn columns<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts: Vec<&[u8]> = line.rsplitn(N, |b| *b == b'\t').collect();
    parts.reverse();
    parts.try_into().ok()
}

fn number<T: FromStr>(column: &[u8]) -> Option<T> {
    std::str::from_utf8(column).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_any_bytes() {
        let list = status(b"a b\t1\t0\t0\nx\ty\t2\t2\t1\ntwo\nlines\t0\t0\t0\n\xff\xc3\xa9\t0\t0\t0\n.\n").unwrap();
        let names: Vec<&str> = list.iter().map(|f| f.function.as_str()).collect();
        assert_eq!(names, ["a b", "x\ty", "two\nlines", "\\xff\u{e9}"]);
        assert_eq!((list[0].total, list[0].queued, list[1].queued, list[1].running), (1, 1, 0, 2));
    }

    #[test]
    fn every_list() {
        let high = Priorities { function: "f".into(), high: 1, normal: 2, low: 3, workers: 4 };
        assert_eq!(priority_status(b"f\t1\t2\t3\t4\n.\n").unwrap(), [high]);
        let connections = workers(b"33 ::1 - :\n34 unix my id : f g\n.\r\n").unwrap();
        assert_eq!(
            (connections[0].id.as_deref(), connections[0].address.as_str(), connections[0].functions.len()),
            (None, "::1", 0)
        );
        assert_eq!((connections[1].id.as_deref(), connections[1].functions.join(",")), (Some("my id"), "f,g".into()));
        let job = Job { handle: "H:x:1".into(), retries: 2, ignored: false, background: true };
        assert_eq!(jobs(b"H:x:1\t2\t0\t1\n.\n").unwrap(), [job]);
        assert_eq!(unique_jobs(b"a\n\nb\n.\n").unwrap(), ["a", "", "b"]);
        assert!(status(b".\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_an_error_that_shows_it() {
        for answer in [&b"f\t1\t0\n.\n"[..], b"f\t1\t0\tx\n.\n", b"f\t1\t0\t0\n", b"f\t1\t0\t0.\n", b""] {
            let error = status(answer).unwrap_err().to_string();
            assert!(error.starts_with("the server's answer to status"), "{error}");
        }
    }
}
