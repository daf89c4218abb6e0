//! What other servers have that share a queue with this one: asked for, and awaited. Jobs of theirs, and those of nobody.
//!
//! Owns what a request gets when the queue does not answer. Must never know how a job is shown.
//!
//! Invariant: a queue that does not answer in time is 503, never "there is no such job".

use crate::broker::questions::Named;
use crate::cluster::ask::{Answer, Ask, Seen, ServerSeen, Which};
use crate::http::Http;
use crate::http::reply::Problem;
use hyper::StatusCode;

/// How a job is asked for; `None`: it can be nowhere else.
pub(crate) fn which(http: &Http, name: Named<'_>) -> Option<Which> {
    http.look(|broker, _| broker.which(name))
}

/// What is known of a job, wherever it is; `None`: there is none.
///
/// # Errors
/// 503, where the queue does not answer.
pub(crate) async fn look(http: &Http, which: Option<Which>) -> Result<Option<Seen>, Problem> {
    let Some(which) = which else { return Ok(None) };
    match ask(http, Ask::Look(which)).await {
        Some(Answer::Looked(seen)) => Ok(seen),
        _ => Err(no_answer()),
    }
}

/// The servers that share the queue.
///
/// # Errors
/// 404, where none is shared; 503, where it does not answer.
pub(crate) async fn servers(http: &Http) -> Result<Vec<ServerSeen>, Problem> {
    if http.shared.lock().link.is_none() {
        return Err(Problem::not_found("this server shares no queue with others (--queue-type cluster)"));
    }
    match ask(http, Ask::Servers).await {
        Some(Answer::Servers(all)) => Ok(all),
        _ => Err(no_answer()),
    }
}

async fn ask(http: &Http, ask: Ask) -> Option<Answer> {
    let answer = http.shared.lock().link.as_ref().map(|link| link.ask(ask))?;
    // Why there is none is logged where the database is spoken to.
    answer.await.ok()?.ok()
}

fn no_answer() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the shared queue does not answer; the log says why")
}
