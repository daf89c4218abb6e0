//! `gearadmin --json`: all answers as one document.

use crate::counters::{Counters, counters};
use crate::error::{Error, Result};
use crate::life::{self, DeadLetter, Fields, Member, Rule, Schedule};
use crate::listing::{self, Connection, Function, Job, Priorities, shown};
use crate::text::Answer;
use crate::whoami::{Whoami, whoami};
use serde::Serialize;
use std::collections::BTreeMap;

/// The document. A field for each question that was asked; a question that the server refused is found
/// under `errors`.
#[derive(Debug, Default, Serialize)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Vec<Function>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_status: Option<Vec<Priorities>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<Vec<Connection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<Job>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_jobs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<Counters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whoami: Option<Whoami>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<Rule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedules: Option<Vec<Schedule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead: Option<Vec<DeadLetter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Fields>,
    /// What was done: command and answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    done: BTreeMap<String, String>,
    /// What was refused: command and reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, String>,
}

/// Questions about something that they name.
const ABOUT: [&str; 4] = ["dead", "dead-show", "job", "result"];

impl Document {
    /// Takes the answer to a command in.
    ///
    /// # Errors
    /// [`Error::Answer`] when it cannot be understood.
    pub fn add(&mut self, command: &str, answer: &[u8]) -> Result<()> {
        let text = match Answer::read(answer) {
            Answer::Said(text) => text,
            // A function may be called `ERR `: then the list goes on behind it.
            Answer::Refused(_) if answer.contains(&b'\t') => answer,
            Answer::Refused(reason) => {
                self.errors.insert(command.into(), line(reason));
                return Ok(());
            }
        };
        // What one of these is about follows its name.
        let asked =
            command.split_once(' ').map(|(word, _)| word).filter(|word| ABOUT.contains(word)).unwrap_or(command);
        match asked {
            "getpid" => {
                let bad = |_| Error::Answer { command: "getpid", line: line(text) };
                self.pid = Some(line(text).parse().map_err(bad)?);
            }
            "version" => self.version = Some(line(text)),
            "verbose" => self.verbose = Some(line(text)),
            "status" => self.status = Some(listing::status(answer)?),
            "prioritystatus" => self.priority_status = Some(listing::priority_status(answer)?),
            "workers" => self.workers = Some(listing::workers(answer)?),
            "show jobs" => self.jobs = Some(listing::jobs(answer)?),
            "whoami" => self.whoami = Some(whoami(answer)?),
            "counters" => self.counters = Some(counters(answer)?),
            "policies" => self.policies = Some(life::policies(answer)?),
            "schedules" => self.schedules = Some(life::schedules(answer)?),
            "servers" => self.servers = Some(life::servers(answer)?),
            "dead" => self.dead = Some(life::dead_letters(answer)?),
            "dead-show" => self.dead_letter = Some(life::fields("dead-show", answer)?),
            "job" => self.job = Some(life::fields("job", answer)?),
            "result" => self.result = Some(life::result(answer)?),
            "show unique jobs" => self.unique_jobs = Some(listing::unique_jobs(answer)?),
            _ => {
                self.done.insert(command.into(), line(text));
            }
        }
        Ok(())
    }

    /// The document, in a line of its own.
    ///
    /// # Errors
    /// [`Error::Io`], which nothing in a document can cause.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self).map_err(|e| Error::io("write JSON")(e.into()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn line(text: &[u8]) -> String {
    shown(text.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(answers: &[(&str, &[u8])]) -> String {
        let mut document = Document::default();
        for (command, answer) in answers {
            document.add(command, answer).unwrap();
        }
        String::from_utf8(document.write().unwrap()).unwrap()
    }

    #[test]
    fn field_names_stay_as_they_are() {
        let all = document(&[
            ("getpid", b"OK 12\n"),
            ("version", b"OK 2.3.0\n"),
            ("verbose", b"OK INFO\n"),
            ("status", b"f\t3\t1\t2\n.\n"),
            ("prioritystatus", b"f\t1\t0\t1\t2\n.\n"),
            ("workers", b"7 127.0.0.1 - : f\n.\n"),
            ("show jobs", b"H:x:1\t0\t0\t1\n.\n"),
            ("show unique jobs", b"key\n.\n"),
            ("counters", b"server\tjobs=3\nfunction\tf\tcompleted=2\tran_us=64:1,inf:1\n.\n"),
            ("whoami", b"rule\t2 (web)\nsubmit\tmail.*\nadmin\tno\nobserve\tyes\n.\n"),
            ("policies", b"f\trun-time\tretries=3\n.\n"),
            ("servers", b"web1:4730\tweb1:4730\t7\tlives\t1700000000\t\t120\t3\n.\n"),
            ("schedules", b"nightly\t30 2 * * *\tEurope/Berlin\tf\tk\t100\t\n.\n"),
            ("dead f", b"H:x:1\tf\tk\t2\t10\t20\tfail\tme\t3\t\n.\n"),
            ("dead-show H:x:1", b"handle\tH:x:1\ntries\t2\nworkload\ta%09b\n.\n"),
            ("job f k", b"handle\tH:x:1\nstate\tqueued\nbackground\t1\n.\n"),
            ("result H:x:2", b"state\tdone\ndata\tYQBi/w==\n.\n"),
            ("dead-retry f", b"OK 2\n"),
            ("create function f", b"OK\r\n"),
            ("cancel job H:x:9", b"ERR UNKNOWN_JOB\r\n"),
        ]);
        let expected = concat!(
            r#"{"pid":12,"version":"2.3.0","verbose":"INFO","#,
            r#""status":[{"function":"f","total":3,"queued":2,"running":1,"workers":2}],"#,
            r#""priority_status":[{"function":"f","high":1,"normal":0,"low":1,"workers":2}],"#,
            r#""workers":[{"fd":7,"address":"127.0.0.1","id":null,"functions":["f"]}],"#,
            r#""jobs":[{"handle":"H:x:1","retries":0,"ignored":false,"background":true}],"#,
            r#""unique_jobs":["key"],"counters":{"server":{"jobs":3},"functions":[{"function":"f","completed":2,"#,
            r#""ran_us":[{"below":64,"count":1},{"below":null,"count":1}]}]},"#,
            r#""whoami":{"listener":null,"address":null,"uid":null,"gid":null,"certificate":[],"rule":"2 (web)","#,
            r#""submit":["mail.*"],"work":[],"admin":false,"observe":true},"#,
            r#""policies":[{"pattern":"f","source":"run-time","policy":{"retries":"3"}}],"#,
            r#""schedules":[{"name":"nightly","cron":"30 2 * * *","zone":"Europe/Berlin","function":"f","unique":"k","#,
            r#""next":100,"last":null}],"#,
            r#""servers":[{"name":"web1:4730","address":"web1:4730","epoch":7,"state":"lives","joined":1700000000,"ended":null,"#,
            r#""silent":120,"jobs":3}],"#,
            r#""dead":[{"handle":"H:x:1","function":"f","unique":"k","tries":2,"first":10,"last":20,"reason":"fail","#,
            r#""worker":"me","bytes":3,"text":""}],"#,
            r#""dead_letter":{"handle":"H:x:1","tries":2,"workload":"a\tb"},"#,
            r#""job":{"background":true,"handle":"H:x:1","state":"queued"},"#,
            r#""result":{"data":"a\u0000b\\xff","state":"done"},"#,
            r#""done":{"create function f":"OK","dead-retry f":"2"},"errors":{"cancel job H:x:9":"UNKNOWN_JOB"}}"#,
            "\n"
        );
        assert_eq!(all, expected);
        assert_eq!(document(&[]), "{}\n");
    }

    #[test]
    fn any_bytes_are_well_formed() {
        let every: Vec<u8> = (0..=255).filter(|b| *b != b'\n').collect();
        let list = [&every[..], b"\t0\t0\t0\n.\n"].concat();
        let text = document(&[("status", &list)]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = value["status"][0]["function"].as_str().unwrap();
        assert!(name.starts_with('\0') && name.contains("\"#$") && name.ends_with(r"\xfe\xff"), "{name}");
    }

    #[test]
    fn a_function_called_err_is_no_error() {
        let text = document(&[("status", b"ERR f\t0\t0\t0\n.\n")]);
        assert!(text.contains(r#""function":"ERR f""#), "{text}");
        let text = document(&[("show jobs", b"ERR UNKNOWN_COMMAND x\r\n")]);
        assert_eq!(text, "{\"errors\":{\"show jobs\":\"UNKNOWN_COMMAND x\"}}\n");
    }
}
