//! Schedules, listed: there are never more than a file may have.

use crate::http::names::shown;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply};
use crate::http::{Http, Request};
use serde::Serialize;
use std::sync::Arc;

/// A schedule, as it is shown. Times are whole seconds since 1970.
#[derive(Serialize)]
struct Schedule {
    name: String,
    cron: String,
    zone: Option<String>,
    function: String,
    unique: String,
    next: Option<u64>,
    last: Option<u64>,
}

#[derive(Serialize)]
struct All {
    schedules: Vec<Schedule>,
}

pub(crate) async fn list(http: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    let all: Vec<_> = http.look(|broker, _| broker.schedules().collect());
    let schedules = all.into_iter().map(|of| Schedule {
        name: of.schedule.name.into(),
        cron: of.schedule.cron.to_string(),
        zone: of.schedule.zone.as_ref().and_then(|zone| zone.iana_name()).map(str::to_owned),
        function: shown(&of.schedule.function).into_owned(),
        unique: shown(&of.schedule.unique).into_owned(),
        next: of.next,
        last: of.last,
    });
    large_json(http.budget.claim(), &All { schedules: schedules.collect() })
}
