//! Jobs: those of a function, and all that is known of one.
//!
//! Invariant: of a job that the caller may not see nothing is told, not even that there is one.

use crate::broker::kept::Outcome;
use crate::broker::questions::Named;
use crate::broker::snapshot::{JobInfo, Life};
use crate::broker::{Broker, Now};
use crate::cluster::ask::Seen;
use crate::http::api::functions::check_known;
use crate::http::api::list::{gather, next, part};
use crate::http::names::shown;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, seconds};
use crate::http::{Http, Request, elsewhere, names};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// So much of a workload, a result or an exception is shown.
const SHOWN: usize = 256 * 1024;

/// A job, as it is shown.
#[derive(Debug, Serialize)]
struct Job {
    handle: String,
    href: String,
    function: String,
    unique: String,
    state: &'static str,
    priority: &'static str,
    background: bool,
    waited_for: bool,
    stored: bool,
    tries: u16,
    size: usize,
    due: Option<f64>,
    age: Option<f64>,
    worker: Option<String>,
    progress: Option<[u32; 2]>,
    /// Of a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<&JobInfo> for Job {
    fn from(info: &JobInfo) -> Job {
        Job {
            handle: shown(&info.handle).into_owned(),
            href: names::job(&info.handle),
            function: shown(&info.function).into_owned(),
            unique: shown(&info.unique).into_owned(),
            state: info.life.name(),
            priority: info.priority.name(),
            background: info.background,
            waited_for: info.waited_for,
            stored: info.stored,
            tries: info.tries,
            size: info.size,
            due: info.due.map(seconds),
            age: info.age.map(seconds),
            worker: info.worker.as_deref().map(|name| shown(name).into_owned()),
            progress: Some(info.progress).filter(|progress| *progress != [0, 0]),
            reason: None,
            text: None,
        }
    }
}

/// Bytes that may be a text: the begin of them.
struct Begin<'a> {
    /// Where they are UTF-8.
    text: Option<&'a str>,
    base64: String,
    truncated: bool,
}

impl<'a> Begin<'a> {
    fn new(bytes: &'a [u8]) -> Begin<'a> {
        let begin = &bytes[..bytes.len().min(SHOWN)];
        let text = std::str::from_utf8(begin_of_text(bytes)).ok();
        Begin { text, base64: BASE64_STANDARD.encode(begin), truncated: begin.len() < bytes.len() }
    }
}

/// The same of a text: up to the last character that is whole.
fn begin_of_text(bytes: &[u8]) -> &[u8] {
    let begin = &bytes[..bytes.len().min(SHOWN)];
    match std::str::from_utf8(begin) {
        Err(e) if begin.len() < bytes.len() && e.error_len().is_none() => &begin[..e.valid_up_to()],
        _ => begin,
    }
}

/// A workload, beside what it is of.
#[derive(Serialize)]
pub(crate) struct Workload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a str>,
    workload_base64: String,
    workload_truncated: bool,
}

impl<'a> Workload<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Workload<'a> {
        let Begin { text, base64, truncated } = Begin::new(bytes);
        Workload { workload: text, workload_base64: base64, workload_truncated: truncated }
    }
}

/// Something, and a workload.
#[derive(Serialize)]
pub(crate) struct With<'a, T> {
    #[serde(flatten)]
    pub(crate) what: T,
    #[serde(flatten)]
    pub(crate) workload: Option<Workload<'a>>,
}

/// A job that is over: what is kept of it.
#[derive(Default, Serialize)]
struct Over<'a> {
    handle: Cow<'a, str>,
    href: String,
    function: Cow<'a, str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_truncated: Option<bool>,
}

impl<'a> Over<'a> {
    fn new(handle: &'a [u8], function: &'a [u8], outcome: &'a Outcome) -> Over<'a> {
        let over = Over {
            handle: shown(handle),
            href: names::job(handle),
            function: shown(function),
            state: "failed",
            ..Over::default()
        };
        match outcome {
            Outcome::Completed(result) => {
                let Begin { text, base64, truncated } = Begin::new(result);
                let (result_base64, result_truncated) = (Some(base64), Some(truncated));
                Over { state: "done", result: text, result_base64, result_truncated, ..over }
            }
            Outcome::Failed(reason, text) => {
                Over { reason: Some(reason.name()), text: Some(shown(begin_of_text(text))), ..over }
            }
            Outcome::Cancelled => Over { reason: Some("cancelled"), ..over },
        }
    }
}

/// A job of a shared queue that is not at this server.
#[derive(Serialize)]
struct Elsewhere {
    handle: String,
    href: String,
    function: String,
    state: &'static str,
    background: bool,
    stored: bool,
    tries: u16,
    due: Option<f64>,
    server: Option<String>,
    progress: Option<[u32; 2]>,
}

impl Elsewhere {
    fn new(handle: &[u8], seen: &Seen) -> Elsewhere {
        let (state, server) = seen.shown();
        Elsewhere {
            handle: shown(handle).into_owned(),
            href: names::job(handle),
            function: shown(&seen.function).into_owned(),
            state,
            background: true,
            stored: true,
            tries: seen.tries,
            due: (seen.due_ms > 0).then(|| seconds(Duration::from_millis(seen.due_ms))),
            server: server.map(str::to_owned),
            progress: seen.progress().map(|(numerator, denominator)| [numerator, denominator]),
        }
    }
}

#[derive(Serialize)]
struct All {
    jobs: Vec<Job>,
    next: Option<String>,
}

/// Those of a function that are not over.
pub(crate) async fn of_function(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let (part, function) = (part(&request)?, request.name("function"));
    check_known(&http, function)?;
    let mut page = gather(&http, part, |broker, now, part| broker.jobs_of(now, function, part)).await;
    // Their numbers in the broker mean nothing to anybody: within a page, those that run go first, then they go by age.
    page.entries.sort_by_key(|job| (rank(job), job.handle.len(), job.handle.clone()));
    let jobs = page.entries.iter().map(Job::from).collect();
    large_json(http.budget.claim(), &All { jobs, next: next(page.next) })
}

fn rank(job: &JobInfo) -> usize {
    ["running", "queued", "delayed", "storing"].iter().position(|state| *state == job.life.name()).unwrap_or_default()
}

/// What is known of a job.
enum Found {
    /// It is not over, or a dead letter: also what its worker said of that.
    Known(Box<JobInfo>, Option<Box<[u8]>>, Bytes),
    /// What is kept of one that is over, and its function.
    Kept(Vec<u8>, Outcome),
}

pub(crate) async fn one(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let handle = request.name("handle");
    let find = |broker: &Broker, now: &Now| match broker.job_info(now, handle) {
        Some(info) => Some(known(broker, info)),
        None => {
            Some(Found::Kept(broker.function_of_result(now, handle)?.to_vec(), broker.result(now, handle)?.clone()))
        }
    };
    show(&http, &request, Named::Handle(handle), http.look(find)).await
}

/// The one that has a unique key.
pub(crate) async fn of_unique(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let (function, key) = (request.name("function"), request.name("key"));
    let find = |broker: &Broker, now: &Now| Some(known(broker, broker.job_info_unique(now, function, key)?));
    show(&http, &request, Named::Unique(function, key), http.look(find)).await
}

fn known(broker: &Broker, info: JobInfo) -> Found {
    let text = match info.life {
        Life::Dead(_) => broker.dead_letter(&info.handle).map(|letter| letter.text),
        Life::Job(_) => None,
    };
    let workload = broker.workload(&info.handle).unwrap_or_default();
    Found::Known(Box::new(info), text, workload)
}

/// `here`: what this server knows. Others are asked only where that is nothing.
async fn show(http: &Http, request: &Request, name: Named<'_>, here: Option<Found>) -> Result<Reply, Problem> {
    let whole = request.flag("workload")?;
    let Some(found) = here else { return show_elsewhere(http, request, name).await };
    let sees = |found: &Found| match found {
        Found::Known(info, ..) => request.rights.sees(&info.function),
        Found::Kept(function, _) => request.rights.sees(function),
    };
    match Some(found).filter(sees) {
        None => Err(unknown()),
        Some(Found::Known(info, text, workload)) => {
            let job = Job {
                reason: if let Life::Dead(cause) = info.life { Some(cause.name()) } else { None },
                text: text.map(|text| shown(&text).into_owned()),
                ..Job::from(&*info)
            };
            let workload = whole.then(|| Workload::new(&workload));
            large_json(http.budget.claim(), &With { what: job, workload })
        }
        Some(Found::Kept(function, outcome)) => {
            large_json(http.budget.claim(), &Over::new(request.name("handle"), &function, &outcome))
        }
    }
}

async fn show_elsewhere(http: &Http, request: &Request, name: Named<'_>) -> Result<Reply, Problem> {
    let seen = elsewhere::look(http, elsewhere::which(http, name)).await?;
    let seen = seen.filter(|seen| request.rights.sees(&seen.function)).ok_or_else(unknown)?;
    let handle = http.look(|broker, _| broker.handle_of(seen.id));
    large_json(http.budget.claim(), &Elsewhere::new(&handle, &seen))
}

fn unknown() -> Problem {
    Problem::not_found(
        "there is no such job: it is over and its result is not kept, or it never was here, or may not be seen",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_of_bytes_is_text_where_they_are() {
        let shown = |bytes: &[u8]| {
            let begin = Begin::new(bytes);
            (begin.text.map(str::len), BASE64_STANDARD.decode(begin.base64).unwrap().len(), begin.truncated)
        };
        assert_eq!(shown(b""), (Some(0), 0, false));
        assert_eq!(shown(b"a\xff"), (None, 2, false));
        assert_eq!(shown("aé".as_bytes()), (Some(3), 3, false));
        assert_eq!(shown(&"é".as_bytes()[..1]), (None, 1, false));
        let text = format!("a{}", "é".repeat(SHOWN));
        assert_eq!(shown(text.as_bytes()), (Some(SHOWN - 1), SHOWN, true));
        assert_eq!(shown(&text.as_bytes()[..SHOWN - 1]), (Some(SHOWN - 1), SHOWN - 1, false));
    }
}
