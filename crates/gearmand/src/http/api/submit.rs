//! `POST /api/v1/functions/{function}/jobs`: a job is submitted.
//!
//! Owns how a job is wished for in JSON, and how its end is told. Must never know how it gets into its queue.

use crate::http::budget::Claim;
use crate::http::client::{Connection, MAX_DATA};
use crate::http::pieces::Pieces;
use crate::http::reply::{Problem, Reply, json, with_body};
use crate::http::request::{Via, parse_json};
use crate::http::small::small;
use crate::http::submitting::{End, Outcome, begin, queue, wait};
use crate::http::{Http, Request, names};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use gearman_core::protocol::message::{Priority, Start, Submit};
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Longest body: a workload is longer in base64, or with its quotes escaped.
const MAX_BODY: usize = MAX_DATA + MAX_DATA / 2;
/// How long a job is waited for where nothing else is wished.
const TIMEOUT: Duration = Duration::from_secs(30);
/// And the longest time that may be.
const MAX_TIMEOUT: f64 = 3600.0;
/// Later than that is no moment.
const MAX_TIME: f64 = 1e12;

/// With and without the padding at its end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The body of a request. What is small is looked at later, so that what is wrong with it has its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow, default)]
    workload: Cow<'a, str>,
    #[serde(borrow, default)]
    workload_base64: Cow<'a, str>,
    #[serde(default, deserialize_with = "small")]
    unique: Value,
    #[serde(default, deserialize_with = "small")]
    priority: Value,
    #[serde(default, deserialize_with = "small")]
    background: Value,
    #[serde(default, deserialize_with = "small")]
    delay: Value,
    #[serde(default, deserialize_with = "small")]
    at: Value,
    #[serde(default, deserialize_with = "small")]
    timeout: Value,
}

/// What is wished for.
struct Wish {
    workload: Bytes,
    unique: String,
    priority: Priority,
    /// Not before this second since 1970.
    at: Option<String>,
    /// How long to wait for its end; `None`: not at all.
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct Queued<'a> {
    handle: Cow<'a, str>,
    href: String,
}

pub(crate) async fn submit(http: Arc<Http>, mut request: Request) -> Result<Reply, Problem> {
    request.is_json()?;
    let mut claim = http.budget.claim();
    let body = request.large_body(MAX_BODY, &mut claim).await?;
    let now = (http.shared.lock().config.clock)();
    let wish = Wish::read(&body, now)?;
    drop(body);
    let submit = Submit {
        priority: wish.priority,
        background: wish.timeout.is_none(),
        function: request.name("function"),
        unique: wish.unique.as_bytes(),
        workload: &wish.workload,
        start: wish.at.as_ref().map_or(Start::Now, |at| Start::Epoch(at.as_bytes())),
        reducer: None,
    };
    let Some(timeout) = wish.timeout else {
        return Ok(queued(&queue(&http, &submit, &mut claim).await?));
    };
    let until = tokio::time::Instant::now() + timeout;
    let (connection, handle) = begin(&http, &submit, &mut claim).await?;
    drop(wish);
    claim.release();
    let ended = wait_until(&http, &request.via, connection, claim, until).await?;
    let late = || {
        let (handle, seconds) = (names::shown(&handle), timeout.as_secs_f64());
        Problem::new(StatusCode::GATEWAY_TIMEOUT, format!("job {handle} has not ended within {seconds} s"))
    };
    let (outcome, claim) = ended.ok_or_else(late)?;
    Ok(with_body(StatusCode::OK, "application/json", told(&handle, outcome, claim).into_body()))
}

/// `None`: the time is over.
async fn wait_until(
    http: &Http,
    via: &Via,
    connection: Connection,
    mut claim: Claim,
    until: tokio::time::Instant,
) -> Result<Option<(Outcome, Claim)>, Problem> {
    match tokio::time::timeout_at(until, wait(http, via, connection, &mut claim)).await {
        Ok(outcome) => Ok(Some((outcome?, claim))),
        Err(_) => Ok(None),
    }
}

fn queued(handle: &[u8]) -> Reply {
    let href = names::job(handle);
    let location = HeaderValue::try_from(&href);
    let mut reply = json(StatusCode::ACCEPTED, &Queued { handle: names::shown(handle), href });
    if let Ok(location) = location {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// How a job ended, in JSON.
fn told(handle: &[u8], outcome: Outcome, claim: Claim) -> Pieces {
    let mut told = Pieces::new(claim);
    told.plain(format!("{{\"handle\":{},\"state\":", Value::from(names::shown(handle))));
    match outcome.end {
        End::Complete(result) => {
            told.plain("\"done\"");
            if std::str::from_utf8(&result).is_ok() {
                told.plain(",\"result\":");
                told.string(result.clone());
            }
            told.plain(",\"result_base64\":");
            told.base64_string(result);
        }
        End::Exception(exception) => {
            told.plain("\"failed\",\"exception\":");
            told.string(exception);
        }
        End::Fail => told.plain("\"failed\""),
    }
    told.plain(",\"data\":");
    told.list(outcome.data, Pieces::base64_string);
    told.plain(",\"warnings\":");
    told.list(outcome.warnings, Pieces::string);
    told.plain("}");
    told
}

impl Wish {
    fn read(body: &[u8], now: Duration) -> Result<Wish, Problem> {
        let body: Body<'_> = parse_json(body)?;
        let priority = priority(&body.priority)?;
        let at = moment(&body, now)?;
        let background = flag("background", &body.background)?;
        let timeout = number("timeout", &body.timeout, MAX_TIMEOUT)?;
        let waits = !background.unwrap_or(at.is_some());
        if at.is_some() && waits {
            return Err(Problem::unfit("background: nobody can wait for a job that is delayed"));
        }
        if at.is_some() && priority != Priority::Normal {
            return Err(Problem::unfit("priority: that of a job that is delayed is normal"));
        }
        if !waits && timeout.is_some() {
            return Err(Problem::unfit("timeout: nobody waits for a job in the background"));
        }
        let timeout = waits.then(|| timeout.map_or(TIMEOUT, Duration::from_secs_f64));
        let unique = match body.unique {
            Value::Null => String::new(),
            Value::String(unique) => unique,
            _ => return Err(Problem::unfit("unique: it has to be a string")),
        };
        let at = at.map(|second| second.to_string());
        Ok(Wish { workload: workload(body.workload, &body.workload_base64)?, unique, priority, at, timeout })
    }
}

fn workload(text: Cow<'_, str>, base64: &str) -> Result<Bytes, Problem> {
    if base64.is_empty() {
        return Ok(text.into_owned().into());
    }
    if !text.is_empty() {
        return Err(Problem::unfit("workload_base64: there is a workload already; one of them is enough"));
    }
    let decoded = BASE64.decode(base64).map_err(|error| Problem::unfit(format!("workload_base64: {error}")))?;
    Ok(decoded.into())
}

fn priority(value: &Value) -> Result<Priority, Problem> {
    if value.is_null() {
        return Ok(Priority::Normal);
    }
    let named = value.as_str().and_then(priority_named);
    named.ok_or_else(|| Problem::unfit(format!("priority: {value} is none of high, normal and low")))
}

/// The priority of this name.
pub(crate) fn priority_named(name: &str) -> Option<Priority> {
    Priority::ALL.into_iter().find(|priority| priority.name() == name)
}

/// The second since 1970 before which a job is not to run, where there is one.
fn moment(body: &Body<'_>, now: Duration) -> Result<Option<u64>, Problem> {
    let delay = number("delay", &body.delay, MAX_TIME)?;
    let at = number("at", &body.at, MAX_TIME)?;
    match (delay, at) {
        (Some(_), Some(_)) => Err(Problem::unfit("at: there is a delay already; one of them is enough")),
        // Never earlier than what is said.
        (delay, at) => Ok(delay.map(|delay| delay + now.as_secs_f64()).or(at).map(|second| second.ceil() as u64)),
    }
}

fn flag(name: &str, value: &Value) -> Result<Option<bool>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        other => Err(Problem::unfit(format!("{name}: {other} is neither true nor false"))),
    }
}

/// Seconds, and no more than these.
fn number(name: &str, value: &Value, most: f64) -> Result<Option<f64>, Problem> {
    if value.is_null() {
        return Ok(None);
    }
    let fits = value.as_f64().filter(|seconds| (0.0..=most).contains(seconds));
    fits.map(Some).ok_or_else(|| Problem::unfit(format!("{name}: {value} is no number of seconds from 0 to {most}")))
}
