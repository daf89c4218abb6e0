//! Connections: all of them, and those that can run a function.

use crate::broker::snapshot::peers::Peer;
use crate::http::api::list::{gather, next, part};
use crate::http::names::shown;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, seconds};
use crate::http::{Http, Request};
use serde::Serialize;
use std::sync::Arc;

/// A connection, as it is shown.
#[derive(Serialize)]
struct Connection {
    connection: i32,
    address: String,
    id: Option<String>,
    functions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<usize>,
    running: Vec<Running>,
    jobs: u32,
    done: u64,
    waiting: u32,
}

#[derive(Serialize)]
struct Running {
    handle: String,
    function: String,
    r#for: f64,
}

impl From<Peer> for Connection {
    fn from(peer: Peer) -> Connection {
        let running = peer.running.iter().map(|job| Running {
            handle: shown(&job.handle).into_owned(),
            function: shown(&job.function).into_owned(),
            r#for: seconds(job.age),
        });
        Connection {
            connection: peer.fd,
            address: peer.address.map_or("unix".into(), |ip| ip.to_canonical().to_string()),
            id: peer.id.as_deref().map(|id| shown(id).into_owned()),
            functions: peer.functions.iter().map(|name| shown(name).into_owned()).collect(),
            more: Some(peer.more).filter(|more| *more > 0),
            running: running.collect(),
            jobs: peer.jobs,
            done: peer.done,
            waiting: peer.waiting,
        }
    }
}

#[derive(Serialize)]
struct Workers {
    workers: Vec<Connection>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Connections {
    connections: Vec<Connection>,
    next: Option<String>,
}

pub(crate) async fn workers(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let page = gather(&http, part(&request)?, |broker, now, part| broker.peers(now, part, true)).await;
    let workers = page.entries.into_iter().map(Connection::from).collect();
    large_json(http.budget.claim(), &Workers { workers, next: next(page.next) })
}

pub(crate) async fn connections(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let page = gather(&http, part(&request)?, |broker, now, part| broker.peers(now, part, false)).await;
    let connections = page.entries.into_iter().map(Connection::from).collect();
    large_json(http.budget.claim(), &Connections { connections, next: next(page.next) })
}
