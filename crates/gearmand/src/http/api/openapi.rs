//! The description of the API, in the form of OpenAPI 3.1. It is a file of this folder, as it is.

use crate::http::reply::{Problem, Reply, reply};
use crate::http::{Http, Request};
use hyper::StatusCode;
use std::sync::Arc;

/// See the module.
pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

pub(crate) async fn document(_: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    Ok(reply(StatusCode::OK, "application/json", DOCUMENT))
}
