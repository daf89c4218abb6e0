//! `POST /FUNCTION`: how jobs are submitted to C gearmand by HTTP (its libgearman-server/plugins/protocol/http).
//!
//! Owns that way's header fields. Must never know how a job gets into its queue.
//!
//! As in C the answer to a job that failed is 200 and an empty body, with `X-Gearman-Command: WORK_FAIL`, and without a key
//! jobs that wait are one job where they have the same workload. Other than in C nothing is submitted by GET or HEAD, the name
//! of a function may be percent-encoded, and what a job sends before its result is in front of it, whole.

use crate::http::api::submit::priority_named;
use crate::http::budget::Claim;
use crate::http::client::MAX_DATA;
use crate::http::pieces::Pieces;
use crate::http::reply::{Problem, Reply, with_body};
use crate::http::submitting::{End, Outcome, begin, queue, wait};
use crate::http::{Http, Request};
use bytes::Bytes;
use gearman_core::protocol::message::{Priority, Start, Submit};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use std::sync::Arc;

const HANDLE: HeaderName = HeaderName::from_static("x-gearman-job-handle");
const COMMAND: HeaderName = HeaderName::from_static("x-gearman-command");
/// The key of a job that has none: its workload is one.
const BY_WORKLOAD: &[u8] = b"-";

pub(crate) async fn submit(http: Arc<Http>, mut request: Request) -> Result<Reply, Problem> {
    let field = |name: &str| request.headers.get(name).map(|value| value.as_bytes().to_vec());
    let unique = field("x-gearman-unique").unwrap_or_else(|| BY_WORKLOAD.into());
    let background = field("x-gearman-background").is_some_and(|word| word.eq_ignore_ascii_case(b"true"));
    let priority = field("x-gearman-priority").map_or(Ok(Priority::Normal), |word| {
        let word = String::from_utf8_lossy(&word).to_lowercase();
        let unfit = || Problem::unfit(format!("X-Gearman-Priority: {word} is none of high, normal and low"));
        priority_named(&word).ok_or_else(unfit)
    })?;
    let mut claim = http.budget.claim();
    let workload = request.large_body(MAX_DATA, &mut claim).await?;
    let function = request.name("function");
    let start = Start::Now;
    let submit = Submit { priority, background, function, unique: &unique, workload: &workload, start, reducer: None };
    if background {
        let handle = queue(&http, &submit, &mut claim).await?;
        return Ok(told(&handle, "JOB_CREATED", Pieces::new(claim)));
    }
    let (connection, handle) = begin(&http, &submit, &mut claim).await?;
    drop(workload);
    claim.release();
    let outcome = wait(&http, &request.via, connection, &mut claim).await?;
    let (command, body) = result(outcome, claim);
    Ok(told(&handle, command, body))
}

/// No job is submitted by GET, and there is nothing else of this name.
pub(crate) async fn nothing(_: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    Err(Problem::not_found("there is nothing at this path; a job of the function of this name is submitted by POST"))
}

/// What a job returned, with the packet that ended it. Other than a result nothing is told of it.
fn result(outcome: Outcome, claim: Claim) -> (&'static str, Pieces) {
    let mut body = Pieces::new(claim);
    let End::Complete(result) = outcome.end else { return ("WORK_FAIL", body) };
    outcome.data.into_iter().chain([result]).for_each(|part| body.plain(part));
    ("WORK_COMPLETE", body)
}

fn told(handle: &Bytes, command: &'static str, body: Pieces) -> Reply {
    let mut reply = with_body(StatusCode::OK, "application/octet-stream", body.into_body());
    let headers = reply.headers_mut();
    headers.insert(COMMAND, HeaderValue::from_static(command));
    // Its prefix is the operator's, and may have what no field can have.
    headers.extend(HeaderValue::from_bytes(handle).ok().map(|handle| (HANDLE, handle)));
    reply
}
