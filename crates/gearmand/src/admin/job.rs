//! `job` and `result`: what is known of one job, and what it returned. No state here.
//!
//! Invariant: of a job that a connection may not see nothing is told, not even that there is one; but to who cancels it, as that is an
//! administrator's right over all jobs.

use crate::admin::fields::{Fields, refused, unix_time, unknown_job};
use crate::broker::kept::Outcome;
use crate::broker::questions::Wanted;
use crate::broker::snapshot::{JobInfo, Life};
use crate::broker::{Broker, Now};
use crate::cluster::ask::{Seen, SeenState};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::time::Duration;

/// How a job is named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    Handle(&'a [u8]),
    /// A function, and a unique key in it.
    Unique(&'a [u8], &'a [u8]),
}

/// All that is known of a job; of one that is over, what is kept of it.
pub(crate) fn job(broker: &Broker, now: &Now, session: u32, name: Name<'_>) -> Vec<u8> {
    if let Some(info) = find(broker, now, session, name) {
        return known(broker, &info);
    }
    if let Name::Handle(handle) = name
        && let Some((function, outcome)) = kept(broker, now, session, handle)
    {
        let mut fields = Fields::default();
        fields.put("handle", handle);
        fields.put("function", function);
        put_end(&mut fields, outcome);
        return fields.end();
    }
    unknown_job("there is no such job")
}

fn known(broker: &Broker, info: &JobInfo) -> Vec<u8> {
    let mut fields = Fields::default();
    fields.put("handle", &info.handle);
    fields.put("function", &*info.function);
    fields.put("unique", &info.unique);
    fields.put("state", info.life.name());
    fields.put("priority", info.priority.name());
    fields.put("background", u8::from(info.background).to_string());
    fields.put("tries", info.tries.to_string());
    fields.put_some("due", info.due.map(unix_time));
    fields.put_some("age", info.age.map(|age| age.as_secs().to_string()));
    fields.put_some("worker", info.worker.as_deref());
    if info.progress != [0, 0] {
        fields.put("numerator", info.progress[0].to_string());
        fields.put("denominator", info.progress[1].to_string());
    }
    put_cause(&mut fields, broker, info);
    fields.end()
}

/// What is known of a job that is not at this server, and what is done with it.
pub(crate) fn elsewhere(wanted: Wanted, found: Result<Option<(&[u8], &Seen)>, &str>) -> Vec<u8> {
    let (handle, seen) = match found {
        Ok(Some(found)) => found,
        Ok(None) => return unknown_job("there is no such job"),
        Err(text) => return refused("QUEUE_ERROR", text),
    };
    match (wanted, &seen.state) {
        (Wanted::Job, _) => shared(handle, seen),
        (Wanted::Cancel, SeenState::Free) => b"OK\r\n".to_vec(),
        (Wanted::Cancel, SeenState::Owned { server, .. }) => {
            refused("NOT_CANCELLED", format!("server {server} has it: cancel it there"))
        }
        (Wanted::Cancel, SeenState::Dead) => unknown_job("it is a dead letter: forget it"),
    }
}

fn shared(handle: &[u8], seen: &Seen) -> Vec<u8> {
    let (state, server) = seen.shown();
    let mut fields = Fields::default();
    fields.put("handle", handle);
    fields.put("function", &*seen.function);
    fields.put("state", state);
    fields.put("background", "1");
    fields.put("tries", seen.tries.to_string());
    fields.put_some("due", (seen.due_ms > 0).then(|| unix_time(Duration::from_millis(seen.due_ms))));
    fields.put_some("server", server);
    if let Some((numerator, denominator)) = seen.progress() {
        fields.put("numerator", numerator.to_string());
        fields.put("denominator", denominator.to_string());
    }
    fields.end()
}

/// What a job returned, or why it failed; of one that is not over, its state. It may be large: see [`Returned::answer`].
#[derive(Clone, Debug)]
pub(crate) enum Returned {
    Outcome(Outcome),
    Answer(Vec<u8>),
}

pub(crate) fn result(broker: &Broker, now: &Now, session: u32, handle: &[u8]) -> Returned {
    if let Some(info) = find(broker, now, session, Name::Handle(handle)) {
        let mut fields = Fields::default();
        fields.put("state", info.life.name());
        put_cause(&mut fields, broker, &info);
        return Returned::Answer(fields.end());
    }
    match kept(broker, now, session, handle) {
        Some((_, outcome)) => Returned::Outcome(outcome.clone()),
        None => Returned::Answer(unknown_job("there is no such job, or its result is not kept")),
    }
}

impl Returned {
    /// As it is sent.
    pub(crate) fn answer(self) -> Vec<u8> {
        let outcome = match self {
            Returned::Answer(answer) => return answer,
            Returned::Outcome(outcome) => outcome,
        };
        let mut fields = Fields::default();
        put_end(&mut fields, &outcome);
        if let Outcome::Completed(data) = &outcome {
            fields.put("data", BASE64_STANDARD.encode(data));
        }
        fields.end()
    }
}

/// How a job that is over ended.
fn put_end(fields: &mut Fields, outcome: &Outcome) {
    match outcome {
        Outcome::Completed(_) => fields.put("state", "done"),
        Outcome::Failed(reason, text) => {
            fields.put("state", "failed");
            fields.put("reason", reason.name());
            fields.put("text", text);
        }
        Outcome::Cancelled => {
            fields.put("state", "failed");
            fields.put("reason", "cancelled");
        }
    }
}

/// Why a dead letter is one.
fn put_cause(fields: &mut Fields, broker: &Broker, info: &JobInfo) {
    if let Life::Dead(cause) = info.life {
        fields.put("reason", cause.name());
        fields.put_some("text", broker.dead_letter(&info.handle).map(|letter| letter.text));
    }
}

/// A job that there is, or a dead letter.
fn find(broker: &Broker, now: &Now, session: u32, name: Name<'_>) -> Option<JobInfo> {
    let info = match name {
        Name::Handle(handle) => broker.job_info(now, handle),
        Name::Unique(function, unique) => broker.job_info_unique(now, function, unique),
    };
    info.filter(|info| sees(broker, session, &info.function))
}

/// What is kept of a job that is over, and its function.
fn kept<'a>(broker: &'a Broker, now: &Now, session: u32, handle: &[u8]) -> Option<(&'a [u8], &'a Outcome)> {
    let function = broker.function_of_result(now, handle).filter(|function| sees(broker, session, function))?;
    Some((function, broker.result(now, handle)?))
}

fn sees(broker: &Broker, session: u32, function: &[u8]) -> bool {
    broker.access(session).is_none_or(|access| access.rights.sees(function))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_dead_letter_that_is_elsewhere_is_no_job_that_waits() {
        let seen = Seen { id: 1, function: Bytes::from_static(b"f"), tries: 2, due_ms: 0, state: SeenState::Dead };
        let told = |wanted| String::from_utf8(elsewhere(wanted, Ok(Some((b"H:1", &seen))))).unwrap();
        assert!(told(Wanted::Job).contains("state\tdead\n"), "{}", told(Wanted::Job));
        assert!(told(Wanted::Cancel).starts_with("ERR UNKNOWN_JOB"), "{}", told(Wanted::Cancel));
    }
}
