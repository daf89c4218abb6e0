//! The HTTP side: a server that listens for both protocols, and peers of both.

mod actions;
mod auth;
mod bounds;
mod c_submit;
mod client;
mod dead;
mod events;
mod functions;
mod health;
mod hostile;
mod jobs;
mod large;
mod metrics;
mod page;
mod peers;
pub(crate) mod schema;
mod seen;
mod server;
mod set_policy;
mod start;
mod stored;
mod submit;
mod tls;

pub(crate) use client::{Answer, Client};
pub(crate) use metrics::get;

use crate::util::Server;
use gearmand::config::Policies;
use gearmand::durable::Backend;
use gearmand::{Config, Listener, Stop};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A server with a port for each protocol.
pub(crate) struct HttpServer {
    /// What speaks Gearman: peers and workers come from here.
    pub(crate) gearman: Server,
    pub(crate) address: SocketAddr,
}

impl HttpServer {
    pub(crate) async fn start() -> HttpServer {
        HttpServer::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> HttpServer {
        HttpServer::on(None, Listener::Tcp, change).await
    }

    /// With this durable queue, and HTTP spoken so.
    pub(crate) async fn on(
        queue: Option<Box<dyn Backend>>,
        kind: impl FnOnce(std::net::TcpListener) -> Listener,
        change: impl FnOnce(&mut Config),
    ) -> HttpServer {
        let [gearman, http] = [(), ()].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [at, address] = [&gearman, &http].map(|listener| listener.local_addr().unwrap());
        let mut config = Config::default();
        config.handle_prefix = "H:test".into();
        change(&mut config);
        let (stop, stopped) = watch::channel(Stop::No);
        let queue = queue.map_or(gearmand::Queue::Memory, gearmand::Queue::Own);
        let server = gearmand::Server::new(config, queue, &stopped).unwrap().with_http(vec![kind(http)]);
        let task = tokio::spawn(server.run(vec![Listener::Tcp(gearman)], stopped));
        HttpServer { gearman: Server { address: at, stop, task }, address }
    }

    /// A new connection.
    pub(crate) async fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Asks by a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().await.get(path).await
    }

    /// What is found at a path of the API, and that it is as the description says.
    pub(crate) async fn found(&self, path: &str) -> Value {
        let found = self.get(path).await.expect(200).json();
        schema::check(path, &found);
        found
    }

    /// A list, by pages of so many entries, and of how many pages it was.
    pub(crate) async fn list(&self, path: &str, name: &str, limit: usize) -> (Vec<Value>, usize) {
        let (mut all, mut pages, mut after) = (Vec::new(), 0, String::new());
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.found(&format!("{path}{sign}limit={limit}{after}")).await;
            let entries = page[name].as_array().unwrap();
            assert!(entries.len() <= limit);
            all.extend(entries.iter().cloned());
            pages += 1;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return (all, pages),
            }
        }
    }

    /// A server whose file of policies says this.
    pub(crate) async fn obeying(policies: &str) -> (HttpServer, watch::Sender<Arc<Policies>>) {
        let policies = watch::Sender::new(Arc::new(Policies::parse(policies, Path::new("policies.toml")).unwrap()));
        let file = policies.subscribe();
        (HttpServer::with(|config| config.policies = Some(file)).await, policies)
    }

    /// Asks again and again until the answer is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut client = self.client().await;
        let asking = async {
            loop {
                let answer = client.get(path).await.json();
                if wanted(&answer) {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::util::LONG, asking).await.expect("it never is so")
    }
}
