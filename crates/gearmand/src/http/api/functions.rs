//! Functions, with what waits in each and what became of its jobs.

use crate::broker::activity::{Activity, End, Histogram};
use crate::broker::policy::Policy;
use crate::broker::snapshot;
use crate::http::api::list::{gather, next, part};
use crate::http::names::shown;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, json, seconds};
use crate::http::{Http, Request, names};
use gearman_core::protocol::message::Priority;
use hyper::StatusCode;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// A function, as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Function {
    function: String,
    href: String,
    queued: u32,
    high: u32,
    normal: u32,
    low: u32,
    running: u32,
    delayed: u32,
    storing: u32,
    free: Option<u32>,
    free_later: Option<u32>,
    total: u32,
    workers: u32,
    dead: u32,
    oldest: Option<f64>,
    paused: bool,
    limits: Limits,
    counts: Counts,
    waited: Percentiles,
    ran: Percentiles,
}

/// At most so many jobs, by the priority of the one that comes; 0: no limit.
#[derive(Debug, Serialize)]
struct Limits {
    high: u32,
    normal: u32,
    low: u32,
}

/// What became of jobs.
#[derive(Debug, Serialize)]
struct Counts {
    submitted: u64,
    coalesced: u64,
    refused: u64,
    restored: u64,
    revived: u64,
    assigned: u64,
    timed_out: u64,
    given_back: u64,
    completed: u64,
    failed: u64,
    exceptions: u64,
    cancelled: u64,
    abandoned: u64,
    unstored: u64,
    retried: u64,
    dead: u64,
    released: u64,
}

/// How long most took, in seconds.
#[derive(Debug, Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p95: Option<f64>,
}

impl From<&Histogram> for Percentiles {
    fn from(histogram: &Histogram) -> Percentiles {
        Percentiles { p50: histogram.percentile(50).map(seconds), p95: histogram.percentile(95).map(seconds) }
    }
}

impl From<&Activity> for Counts {
    fn from(activity: &Activity) -> Counts {
        Counts {
            submitted: activity.submitted,
            coalesced: activity.coalesced,
            refused: activity.refused,
            restored: activity.restored,
            revived: activity.revived,
            assigned: activity.assigned,
            timed_out: activity.timed_out,
            given_back: activity.given_back,
            completed: activity.ended(End::Completed),
            failed: activity.ended(End::Failed),
            exceptions: activity.ended(End::Exception),
            cancelled: activity.ended(End::Cancelled),
            abandoned: activity.ended(End::Abandoned),
            unstored: activity.ended(End::Unstored),
            retried: activity.retried,
            dead: activity.ended(End::Dead),
            released: activity.ended(End::Released),
        }
    }
}

impl From<&snapshot::Function> for Function {
    fn from(of: &snapshot::Function) -> Function {
        let [high, normal, low] = of.queued;
        let nothing = Activity::default();
        let activity = of.activity.as_deref().unwrap_or(&nothing);
        let limit = |priority: Priority| of.limits[priority as usize];
        Function {
            function: shown(&of.name).into_owned(),
            href: names::function(&of.name),
            queued: high + normal + low,
            high,
            normal,
            low,
            running: of.running,
            delayed: of.delayed,
            storing: of.storing,
            free: of.free.map(|free| free.due),
            free_later: of.free.map(|free| free.later),
            total: of.total(),
            workers: of.workers,
            dead: of.dead,
            oldest: of.oldest.map(seconds),
            paused: of.paused,
            limits: Limits { high: limit(Priority::High), normal: limit(Priority::Normal), low: limit(Priority::Low) },
            counts: activity.into(),
            waited: (&activity.waited).into(),
            ran: (&activity.ran).into(),
        }
    }
}

/// Keys of a policy, with their values as they are written.
#[derive(Debug)]
pub(crate) struct Keys(pub(crate) Policy);

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.entries())
    }
}

#[derive(Serialize)]
struct All {
    functions: Vec<Function>,
    next: Option<String>,
}

#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    function: Function,
    policy: Keys,
}

pub(crate) async fn list(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let page = gather(&http, part(&request)?, |broker, now, part| broker.functions_with_activity(now, part)).await;
    let functions = page.entries.iter().map(Function::from).collect();
    large_json(http.budget.claim(), &All { functions, next: next(page.next) })
}

pub(crate) async fn one(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    reply(&http, request.name("function"), StatusCode::OK)
}

/// An answer that tells of a function, with its policy.
///
/// # Errors
/// 404, where there is none of this name.
pub(crate) fn reply(http: &Http, name: &[u8], status: StatusCode) -> Result<Reply, Problem> {
    let found = http.look(|broker, now| Some((broker.function_named(now, name)?, broker.policy_of(name))));
    let (function, policy) = found.ok_or_else(|| unknown(name))?;
    Ok(json(status, &One { function: (&function).into(), policy: Keys(policy.unwrap_or_default()) }))
}

/// There is no such function.
pub(crate) fn unknown(name: &[u8]) -> Problem {
    let name = shown(name);
    Problem::not_found(format!("there is no function {name}: no worker, no client and no operator has named it"))
}

/// The same, where there is one.
///
/// # Errors
/// 404, where there is none of this name.
pub(crate) fn check_known(http: &Http, name: &[u8]) -> Result<(), Problem> {
    http.look(|broker, _| broker.knows(name)).then_some(()).ok_or_else(|| unknown(name))
}
