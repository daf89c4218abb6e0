//! What charts begin with: the samples of the last quarter of an hour.

use crate::http::api::functions::check_known;
use crate::http::history::STEP;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, seconds};
use crate::http::samples::Sample;
use crate::http::{Http, Request};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct History {
    step: f64,
    now: f64,
    samples: Vec<Sample>,
}

/// Of all functions together, or of one.
pub(crate) async fn samples(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let function = request.query_bytes("function");
    function.as_deref().map_or(Ok(()), |function| check_known(&http, function))?;
    let now = http.look(|_, now| now.wall);
    let samples = http.history.samples(function.as_deref());
    large_json(http.budget.claim(), &History { step: seconds(STEP), now: seconds(now), samples })
}
