//! The server in facts and numbers.

use crate::VERSION;
use crate::broker::membership::Standing;
use crate::broker::snapshot;
use crate::cluster::member::Counts;
use crate::http::metrics::process::Process;
use crate::http::reply::{Problem, Reply, json, seconds};
use crate::http::{Http, Request};
use hyper::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// The server, as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    version: &'static str,
    pid: u32,
    host: String,
    started: f64,
    uptime: f64,
    draining: bool,
    ready: bool,
    queue: &'static str,
    functions: u64,
    jobs: u64,
    running: u64,
    dead: u64,
    dead_dropped: u64,
    connections: u64,
    workers: u64,
    accepted: u64,
    refused: u64,
    packets_received: u64,
    packets_sent: u64,
    bytes_received: u64,
    bytes_sent: u64,
    commits: u64,
    changes: u64,
    longest_commit: f64,
    memory: Option<u64>,
    cluster: Option<Cluster>,
}

/// What it is among servers that share a queue.
#[derive(Debug, Serialize)]
struct Cluster {
    epoch: Option<u64>,
    lease: bool,
    eldest: bool,
    claimed: u64,
    released: u64,
    adopted: u64,
    lost: u64,
    late: u64,
    died: u64,
    doubts: u64,
}

impl From<Standing> for Cluster {
    fn from(standing: Standing) -> Cluster {
        let Standing { epoch, lease, eldest, counts } = standing;
        let Counts { claimed, released, adopted, lost, late, died, doubts } = counts;
        Cluster { epoch, lease, eldest, claimed, released, adopted, lost, late, died, doubts }
    }
}

impl Server {
    pub(crate) fn new(http: &Http) -> Server {
        let mut state = http.shared.lock();
        let now = state.read_clock();
        let counts = state.counts();
        let (draining, ready) = (state.broker.is_draining(), state.not_ready().is_empty());
        let queue = state.config.queue;
        drop(state);
        let snapshot::Server { uptime, longest_commit, .. } = counts;
        Server {
            version: VERSION,
            pid: std::process::id(),
            host: nix::unistd::gethostname().map(|host| host.to_string_lossy().into_owned()).unwrap_or_default(),
            started: seconds(now.wall.saturating_sub(uptime)),
            uptime: seconds(uptime),
            draining,
            ready,
            queue,
            functions: counts.functions,
            jobs: counts.jobs,
            running: counts.running,
            dead: counts.dead,
            dead_dropped: counts.dead_dropped,
            connections: counts.connections,
            workers: counts.workers,
            accepted: counts.accepted,
            refused: counts.refused,
            packets_received: counts.packets_received,
            packets_sent: counts.packets_sent,
            bytes_received: counts.bytes_received,
            bytes_sent: counts.bytes_sent,
            commits: counts.commits,
            changes: counts.changes,
            longest_commit: seconds(longest_commit),
            memory: Process::read().resident,
            cluster: counts.cluster.map(Cluster::from),
        }
    }
}

pub(crate) async fn facts(http: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    Ok(json(StatusCode::OK, &Server::new(&http)))
}
