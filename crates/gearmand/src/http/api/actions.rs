//! What operators do with functions, jobs and dead letters, one call of the broker each. The same calls as those of text
//! commands. No state here.

use crate::broker::manage::{NotBuried, NotDropped};
use crate::broker::questions::Named;
use crate::broker::retries::NotRetried;
use crate::broker::{Broker, Now};
use crate::cluster::ask::{Seen, SeenState, Settled, Which};
use crate::http::api::functions::{reply, unknown};
use crate::http::reply::{Problem, Reply, done, json};
use crate::http::submitting::check_name;
use crate::http::{Http, Request, elsewhere, names};
use crate::outgoing::Outgoing;
use gearman_core::MAX_FUNCTION;
use hyper::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// How many dead letters something was done with.
#[derive(Serialize)]
struct Count {
    count: usize,
}

/// One step under the lock, and until what it changed is stored.
async fn step<T>(http: &Http, what: impl FnOnce(&mut Broker, &Now, &mut Outgoing) -> T) -> T {
    let step = http.shared.stored(|state| {
        let now = state.read_clock();
        what(&mut state.broker, &now, &mut state.outgoing)
    });
    step.await
}

/// A function is to be known, also without workers and jobs.
pub(crate) async fn create_function(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let name = request.name("function");
    check_name("the function's name", name, MAX_FUNCTION)?;
    let created = step(&http, |broker, now, _| {
        let known = broker.knows(name);
        (known, broker.create_function(now, name))
    });
    let (known, created) = created.await;
    match (created, known) {
        (false, _) => Err(too_many_functions()),
        (true, true) => reply(&http, name, StatusCode::OK),
        (true, false) => reply(&http, name, StatusCode::CREATED),
    }
}

/// A function is to be forgotten, with the jobs that wait in it.
pub(crate) async fn drop_function(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let name = request.name("function");
    match step(&http, |broker, now, outgoing| broker.drop_function(now, name, outgoing)).await {
        Ok(()) => Ok(done()),
        Err(NotDropped::Unknown) => Err(unknown(name)),
        Err(NotDropped::InUse) => {
            Err(Problem::conflict("it is in use: there are workers that can run it, or jobs of it are running"))
        }
    }
}

/// Jobs of a function are taken, and none is handed out.
pub(crate) async fn pause(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let name = request.name("function");
    let pattern = exact(name)?;
    set_paused(&http, name, |broker, now| set(broker, now, pattern, "paused=yes")).await?;
    reply(&http, name, StatusCode::OK)
}

/// They are handed out again, whatever other rules say.
pub(crate) async fn resume(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let name = request.name("function");
    let pattern = exact(name)?;
    let set = set_paused(&http, name, |broker, now| {
        set(broker, now, pattern, "paused=")?;
        match broker.policy_of(name) {
            Some(policy) if policy.is_paused() => set(broker, now, pattern, "paused=no"),
            _ => Ok(()),
        }
    });
    set.await?;
    reply(&http, name, StatusCode::OK)
}

fn set(broker: &mut Broker, now: &Now, pattern: &str, word: &str) -> Result<(), String> {
    broker.set_policy(now, pattern, std::iter::once(word))
}

async fn set_paused(
    http: &Http,
    name: &[u8],
    set: impl FnOnce(&mut Broker, &Now) -> Result<(), String>,
) -> Result<(), Problem> {
    let set = step(http, |broker, now, _| broker.knows(name).then(|| set(broker, now))).await;
    set.ok_or_else(|| unknown(name))?.map_err(Problem::conflict)
}

/// A pattern that is for this function alone.
fn exact(name: &[u8]) -> Result<&str, Problem> {
    let exact = std::str::from_utf8(name).ok().filter(|name| !name.contains('*'));
    exact.ok_or_else(|| Problem::conflict("no policy is for this function alone: its name has a *, or is no UTF-8"))
}

/// A job is to end, whoever has it.
pub(crate) async fn cancel(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let handle = request.name("handle");
    match step(&http, |broker, now, outgoing| broker.cancel(now, handle, outgoing)).await {
        true => Ok(done()),
        false => cancel_elsewhere(&http, Named::Handle(handle), "there is no such job, or it has ended").await,
    }
}

/// The same by its unique key.
pub(crate) async fn cancel_unique(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let (function, key) = (request.name("function"), request.name("key"));
    match step(&http, |broker, now, outgoing| broker.cancel_unique(now, function, key, outgoing)).await {
        true => Ok(done()),
        false => cancel_elsewhere(&http, Named::Unique(function, key), "no job of this function has this key").await,
    }
}

/// A job of a shared queue that was not at this server. It may come here meanwhile, or go to another one.
async fn cancel_elsewhere(http: &Http, name: Named<'_>, unknown: &str) -> Result<Reply, Problem> {
    let seen = elsewhere::look(http, elsewhere::which(http, name)).await?;
    let seen = seen.filter(|seen| seen.state != SeenState::Dead).ok_or_else(|| Problem::not_found(unknown))?;
    let cancel_here = async |free: bool| {
        let cancel = step(http, |broker, now, outgoing| {
            let here = broker.cancel(now, &broker.handle_of(seen.id), outgoing);
            if free && !here {
                broker.cancel_free(seen.id);
            }
            here
        });
        cancel.await
    };
    let free = seen.state == SeenState::Free;
    if cancel_here(free).await || free && cancel_here(false).await {
        return Ok(done());
    }
    match elsewhere::look(http, Some(Which::Id(seen.id))).await? {
        Some(Seen { state: SeenState::Owned { server, .. }, .. }) => {
            Err(Problem::conflict(format!("server {server} has it: cancel it there")))
        }
        Some(Seen { state: SeenState::Free, .. }) => Err(Problem::conflict("it has changed hands: try again")),
        None | Some(Seen { state: SeenState::Dead, .. }) => Ok(done()),
    }
}

/// A job becomes a dead letter, whoever has it.
pub(crate) async fn bury(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let handle = request.name("handle");
    match step(&http, |broker, now, outgoing| broker.bury_job(now, handle, outgoing)).await {
        Ok(()) => Ok(done()),
        Err(NotBuried::Unknown) => Err(not_here(&http, handle).await?),
        Err(NotBuried::Foreground) => {
            Err(Problem::conflict("it is in the foreground and ends with who waits for it; it can be cancelled"))
        }
    }
}

/// Why nothing is done with a job that is not at this server.
async fn not_here(http: &Http, handle: &[u8]) -> Result<Problem, Problem> {
    let seen = elsewhere::look(http, elsewhere::which(http, Named::Handle(handle))).await?;
    Ok(match seen.map(|seen| seen.state) {
        Some(SeenState::Owned { server, .. }) => Problem::conflict(format!("server {server} has it: bury it there")),
        Some(SeenState::Free) => Problem::conflict("no server has it: it can be cancelled"),
        Some(SeenState::Dead) | None => Problem::not_found("there is no such job, or it has ended"),
    })
}

/// A dead letter becomes a job again.
pub(crate) async fn retry(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let handle = request.name("handle");
    match http.shared.stored(|state| state.retry_dead(handle)).await {
        Ok(None) => Ok(done()),
        Ok(Some(mut said)) => match said.try_recv() {
            Ok(Settled::Exists(same)) => Err(key_taken(&http.look(|broker, _| broker.handle_of(same)))),
            Ok(Settled::Made | Settled::Taken | Settled::Gone) => Ok(done()),
            Err(_) => Err(unavailable(
                "the shared queue does not answer: when it does, this is a job again unless another has its key",
            )),
        },
        Err(NotRetried::Unknown) => Err(unknown_letter()),
        Err(NotRetried::KeyTaken(by)) => Err(key_taken(&by)),
        Err(NotRetried::TooManyFunctions) => Err(too_many_functions()),
        Err(NotRetried::Draining) => Err(unavailable("the server is to stop")),
    }
}

/// A dead letter is dropped.
pub(crate) async fn forget(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let handle = request.name("handle");
    match step(&http, |broker, _, _| broker.forget_dead(handle)).await {
        true => Ok(done()),
        false => Err(unknown_letter()),
    }
}

/// All dead letters of a function become jobs again, as far as they can.
pub(crate) async fn retry_all(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let function = request.name("function");
    let count = step(&http, |broker, now, _| broker.retry_all(now, function)).await;
    Ok(json(StatusCode::OK, &Count { count }))
}

/// All dead letters of a function are dropped.
pub(crate) async fn forget_all(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let function = request.name("function");
    let count = step(&http, |broker, _, _| broker.forget_all(function)).await;
    Ok(json(StatusCode::OK, &Count { count }))
}

fn key_taken(by: &[u8]) -> Problem {
    Problem::conflict(format!("its unique key is that of job {}", names::shown(by)))
}

fn unknown_letter() -> Problem {
    Problem::not_found("there is no such dead letter")
}

fn too_many_functions() -> Problem {
    unavailable("there are too many functions; those that are not used can be dropped")
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}
