//! Dead letters, listed and shown.

use crate::broker::snapshot::DeadLetter;
use crate::http::api::jobs::{With, Workload};
use crate::http::api::list::{gather, next, part};
use crate::http::names::shown;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, seconds};
use crate::http::{Http, Request, names};
use serde::Serialize;
use std::sync::Arc;

/// A dead letter, as it is shown.
#[derive(Serialize)]
struct Dead {
    handle: String,
    href: String,
    function: String,
    unique: String,
    priority: &'static str,
    reducer: Option<String>,
    tries: u16,
    first: f64,
    last: f64,
    reason: &'static str,
    text: String,
    worker: String,
    size: usize,
}

impl From<&DeadLetter> for Dead {
    fn from(letter: &DeadLetter) -> Dead {
        Dead {
            handle: shown(&letter.handle).into_owned(),
            href: names::dead(&letter.handle),
            function: shown(&letter.function).into_owned(),
            unique: shown(&letter.unique).into_owned(),
            priority: letter.priority.name(),
            reducer: letter.reducer.as_deref().map(|reducer| shown(reducer).into_owned()),
            tries: letter.tries,
            first: seconds(letter.first),
            last: seconds(letter.last),
            reason: letter.cause.name(),
            text: shown(&letter.text).into_owned(),
            worker: shown(&letter.worker).into_owned(),
            size: letter.size,
        }
    }
}

#[derive(Serialize)]
struct All {
    dead: Vec<Dead>,
    next: Option<String>,
}

/// Those of a function, or all.
pub(crate) async fn list(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let function = request.query_bytes("function");
    let look = |broker: &crate::broker::Broker, _: &_, part| broker.dead_letters(function.as_deref(), part);
    let page = gather(&http, part(&request)?, look).await;
    let dead = page.entries.iter().map(Dead::from).collect();
    large_json(http.budget.claim(), &All { dead, next: next(page.next) })
}

pub(crate) async fn one(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let letter = http.look(|broker, _| broker.dead_letter(request.name("handle")));
    let letter = letter.ok_or_else(|| Problem::not_found("there is no such dead letter"))?;
    let workload = letter.workload.as_deref().map(Workload::new);
    large_json(http.budget.claim(), &With { what: Dead::from(&letter), workload })
}
