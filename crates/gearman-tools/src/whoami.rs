//! What `whoami` says, a text command of our server: see docs/security.md. A name and a value in each line; names that are
//! not known here are skipped.

use crate::counters::unescaped;
use crate::error::{Error, Result};
use crate::listing::shown;
use serde::Serialize;

/// The answer to `whoami`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Whoami {
    /// What was connected to; `None` also where there are no rules, as for all up to `certificate`.
    pub listener: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// By which user, over a socket file.
    pub uid: Option<u32>,
    /// And which group.
    pub gid: Option<u32>,
    /// The names in the certificate that was shown.
    pub certificate: Vec<String>,
    /// The rule that decides.
    pub rule: String,
    /// Functions whose jobs may be submitted.
    pub submit: Vec<String>,
    /// Functions whose jobs may be run.
    pub work: Vec<String>,
    /// Functions and jobs of all may be changed.
    pub admin: bool,
    /// And seen.
    pub observe: bool,
}

/// The answer to `whoami`.
///
/// # Errors
/// [`Error::Answer`] for what is no such list.
pub fn whoami(answer: &[u8]) -> Result<Whoami> {
    let bad = |line: &[u8]| Error::Answer { command: "whoami", line: shown(line) };
    let text = answer.strip_suffix(b".\n").or_else(|| answer.strip_suffix(b".\r\n")).ok_or_else(|| bad(answer))?;
    let mut all = Whoami::default();
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        all.take(line).ok_or_else(|| bad(line))?;
    }
    Ok(all)
}

impl Whoami {
    fn take(&mut self, line: &[u8]) -> Option<()> {
        let tab = line.iter().position(|b| *b == b'\t')?;
        let value = shown(&unescaped(&line[tab + 1..])?);
        let granted = || Some(value == "yes").filter(|yes| *yes || value == "no");
        match &line[..tab] {
            b"listener" => self.listener = Some(value),
            b"address" => self.address = Some(value),
            b"uid" => self.uid = Some(value.parse().ok()?),
            b"gid" => self.gid = Some(value.parse().ok()?),
            b"certificate" => self.certificate.push(value),
            b"rule" => self.rule = value,
            b"submit" => self.submit.push(value),
            b"work" => self.work.push(value),
            b"admin" => self.admin = granted()?,
            b"observe" => self.observe = granted()?,
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_line_by_line() {
        let answer = b"listener\tunix:///run/g\nuid\t33\ngid\t7\ncertificate\ta\ncertificate\tb\nrule\t2 (web)\n\
            submit\tmail.*\nsubmit\ta\\x09b\nadmin\tno\nobserve\tyes\nlater\tmore\n.\n";
        let expected = Whoami {
            listener: Some("unix:///run/g".into()),
            address: None,
            uid: Some(33),
            gid: Some(7),
            certificate: vec!["a".into(), "b".into()],
            rule: "2 (web)".into(),
            submit: vec!["mail.*".into(), "a\tb".into()],
            work: vec![],
            admin: false,
            observe: true,
        };
        assert_eq!(whoami(answer).unwrap(), expected);
        for wrong in [&b""[..], b"rule\n.\n", b"uid\tx\n.\n", b"admin\tperhaps\n.\n", b"rule\t1\n"] {
            let error = whoami(wrong).unwrap_err().to_string();
            assert!(error.starts_with("the server's answer to whoami"), "{error}");
        }
    }
}
