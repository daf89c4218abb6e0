//! `/healthz` and `/readyz`: whether the process answers, and whether it takes jobs.

use crate::http::reply::{Problem, Reply, text};
use crate::http::{Http, Request};
use hyper::StatusCode;
use std::sync::Arc;

/// The process answers.
pub(crate) async fn alive(_: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    Ok(text(StatusCode::OK, "ok\n"))
}

/// It takes jobs; or why not, a line each.
pub(crate) async fn ready(http: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    let reasons = http.shared.lock().not_ready();
    Ok(match reasons.is_empty() {
        true => text(StatusCode::OK, "ok\n"),
        false => text(StatusCode::SERVICE_UNAVAILABLE, reasons.iter().map(|r| format!("{r}\n")).collect::<String>()),
    })
}
