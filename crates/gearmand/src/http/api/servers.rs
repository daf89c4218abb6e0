//! Servers that share a queue. No state here.

use crate::cluster::ask::ServerSeen;
use crate::http::elsewhere::servers;
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply, seconds};
use crate::http::{Http, Request};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// A server from when it joined until it left, or was declared dead.
#[derive(Serialize)]
struct Server {
    name: String,
    address: String,
    epoch: u64,
    state: &'static str,
    joined: f64,
    ended: Option<f64>,
    silent: Option<f64>,
    jobs: u64,
}

impl From<ServerSeen> for Server {
    fn from(seen: ServerSeen) -> Server {
        let of_ms = |ms| seconds(Duration::from_millis(ms));
        Server {
            state: seen.state(),
            name: seen.name,
            address: seen.address,
            epoch: seen.epoch,
            joined: of_ms(seen.joined_ms),
            ended: seen.died_ms.map(of_ms),
            silent: seen.silent_ms.map(of_ms),
            jobs: seen.owned,
        }
    }
}

#[derive(Serialize)]
struct All {
    servers: Vec<Server>,
}

pub(crate) async fn list(http: Arc<Http>, _: Request) -> Result<Reply, Problem> {
    let servers = servers(&http).await?.into_iter().map(Server::from).collect();
    large_json(http.budget.claim(), &All { servers })
}
