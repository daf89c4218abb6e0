//! Every path of the HTTP side: its methods, the right that each needs, and who answers. The one table of it.
//!
//! Invariant: a handler is asked only when the request has the right that its row names.

use crate::http::api::{actions, set_policy, submit};
use crate::http::api::{dead, events, functions, history, jobs, openapi, peers, policies, schedules, server, servers};
use crate::http::reply::{Problem, Reply};
use crate::http::request::Via;
use crate::http::request::decode;
use crate::http::{Http, Request, c_submit, health, login, metrics, origin, page};
use crate::rights::Need;
use hyper::Method;
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// Answers a request.
type Answer = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;
type Handler = Box<dyn Fn(Arc<Http>, Request) -> Answer + Send + Sync>;

/// What is done at a path by one method.
struct Endpoint {
    method: Method,
    need: Need,
    handler: Handler,
}

/// A path, and all that can be done there.
struct Route {
    /// Names of its segments that stand for something.
    names: Vec<&'static str>,
    endpoints: Vec<Endpoint>,
}

/// See the module.
pub(crate) struct Routes {
    paths: matchit::Router<Route>,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routes")
    }
}

/// One row: `(method, need, handler)`.
fn row<F>(method: Method, need: Need, handler: fn(Arc<Http>, Request) -> F) -> Endpoint
where
    F: Future<Output = Result<Reply, Problem>> + Send + 'static,
{
    Endpoint { method, need, handler: Box::new(move |http, request| Box::pin(handler(http, request))) }
}

/// The table. `{name}` stands for a segment.
fn table() -> Vec<(&'static str, Vec<Endpoint>)> {
    use Need::{Admin, Nothing, Observe, Status, Submit};
    let mut table = vec![
        ("/healthz", vec![row(Method::GET, Nothing, health::alive)]),
        ("/readyz", vec![row(Method::GET, Nothing, health::ready)]),
        ("/metrics", vec![row(Method::GET, Observe, metrics::scrape)]),
        ("/login", vec![row(Method::POST, Nothing, login::log_in)]),
        ("/logout", vec![row(Method::POST, Nothing, login::log_out)]),
        ("/api/v1/whoami", vec![row(Method::GET, Nothing, login::whoami)]),
        ("/api/v1/openapi.json", vec![row(Method::GET, Nothing, openapi::document)]),
        ("/api/v1/server", vec![row(Method::GET, Observe, server::facts)]),
        ("/api/v1/servers", vec![row(Method::GET, Observe, servers::list)]),
        ("/api/v1/functions", vec![row(Method::GET, Observe, functions::list)]),
        (
            "/api/v1/functions/{function}",
            vec![
                row(Method::GET, Observe, functions::one),
                row(Method::PUT, Admin, actions::create_function),
                row(Method::DELETE, Admin, actions::drop_function),
            ],
        ),
        ("/api/v1/functions/{function}/pause", vec![row(Method::POST, Admin, actions::pause)]),
        ("/api/v1/functions/{function}/resume", vec![row(Method::POST, Admin, actions::resume)]),
        (
            "/api/v1/functions/{function}/jobs",
            vec![row(Method::GET, Observe, jobs::of_function), row(Method::POST, Submit, submit::submit)],
        ),
        (
            "/api/v1/functions/{function}/unique/{key}",
            vec![row(Method::GET, Status, jobs::of_unique), row(Method::DELETE, Admin, actions::cancel_unique)],
        ),
        ("/api/v1/functions/{function}/dead", vec![row(Method::DELETE, Admin, actions::forget_all)]),
        ("/api/v1/functions/{function}/dead/retry", vec![row(Method::POST, Admin, actions::retry_all)]),
        (
            "/api/v1/jobs/{handle}",
            vec![row(Method::GET, Status, jobs::one), row(Method::DELETE, Admin, actions::cancel)],
        ),
        ("/api/v1/jobs/{handle}/bury", vec![row(Method::POST, Admin, actions::bury)]),
        ("/api/v1/dead", vec![row(Method::GET, Observe, dead::list)]),
        (
            "/api/v1/dead/{handle}",
            vec![row(Method::GET, Observe, dead::one), row(Method::DELETE, Admin, actions::forget)],
        ),
        ("/api/v1/dead/{handle}/retry", vec![row(Method::POST, Admin, actions::retry)]),
        ("/api/v1/policies", vec![row(Method::GET, Observe, policies::list)]),
        ("/api/v1/policies/{pattern}", vec![row(Method::PATCH, Admin, set_policy::set)]),
        ("/api/v1/workers", vec![row(Method::GET, Observe, peers::workers)]),
        ("/api/v1/connections", vec![row(Method::GET, Observe, peers::connections)]),
        ("/api/v1/schedules", vec![row(Method::GET, Observe, schedules::list)]),
        ("/api/v1/history", vec![row(Method::GET, Observe, history::samples)]),
        ("/api/v1/events", vec![row(Method::GET, Observe, events::stream)]),
        (
            "/{function}",
            vec![
                row(Method::POST, Submit, c_submit::submit),
                row(Method::PUT, Submit, c_submit::submit),
                row(Method::GET, Nothing, c_submit::nothing),
            ],
        ),
    ];
    table.extend(page::FILES.iter().map(|file| (file.path, vec![of_page(file)])));
    table
}

/// The row of a file.
fn of_page(file: &'static page::File) -> Endpoint {
    let handler = move |http, request| -> Answer { Box::pin(page::serve(file, http, request)) };
    Endpoint { method: Method::GET, need: Need::Nothing, handler: Box::new(handler) }
}

impl Routes {
    /// # Errors
    /// Two paths of the table are the same.
    pub(crate) fn new() -> Result<Routes, matchit::InsertError> {
        let mut paths = matchit::Router::new();
        for (path, endpoints) in table() {
            let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            paths.insert(path, Route { names, endpoints })?;
        }
        Ok(Routes { paths })
    }
}

/// Answers a request, whatever it is.
pub(crate) async fn answer(http: Arc<Http>, via: Arc<Via>, request: hyper::Request<Incoming>) -> Reply {
    match find(http, via, request).await {
        Ok(reply) => reply,
        Err(problem) => problem.into(),
    }
}

async fn find(http: Arc<Http>, via: Arc<Via>, request: hyper::Request<Incoming>) -> Result<Reply, Problem> {
    origin::check(&request, !http.auth.has_tokens() && !via.unix)?;
    let found = http.routes.paths.at(request.uri().path());
    let found = found.map_err(|_| Problem::not_found("there is nothing at this path"))?;
    let values = found.params.iter().map(|(_, value)| decode(value));
    let named: Vec<_> = found.value.names.iter().copied().zip(values).collect();
    if named.iter().any(|(_, value)| value.contains(&0)) {
        return Err(Problem::bad_request("no name has a NUL in it: it would end there"));
    }
    // hyper sends the head of the answer alone.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let endpoints = &found.value.endpoints;
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.method == *method) else {
        let methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
        return Err(Problem::wrong_method(methods.join(", ")));
    };
    let caller = http.auth.caller(request.headers());
    let request = Request::new(request, via, caller.rights.clone(), named);
    if let Err(problem) = caller.allow(endpoint.need, request.name("function")) {
        if caller.is_wrong() {
            http.auth.wrong(&request.via.name);
        }
        return Err(problem);
    }
    http.auth.while_allowed(&caller, (endpoint.handler)(http.clone(), request)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::openapi::DOCUMENT;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn the_description_has_just_the_rows_of_the_table() {
        let rows = table().into_iter().filter(|(path, _)| path.starts_with("/api/v1/"));
        let rows = rows.flat_map(|(path, endpoints)| {
            endpoints.into_iter().map(move |endpoint| format!("{} {path}", endpoint.method.as_str().to_lowercase()))
        });
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        });
        assert_eq!(described.collect::<BTreeSet<_>>(), rows.collect());
    }

    /// docs/security.md has this table too: `| METHOD PATH, METHOD PATH | right |`. Of the page's files it has the first.
    #[test]
    fn the_documented_table_is_this_one() {
        let docs = include_str!("../../../../docs/security.md");
        let rows = docs.lines().skip_while(|line| !line.starts_with("| method and path | needs |")).skip(2);
        let mut documented = BTreeMap::new();
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            for route in cells[0].split('`').skip(1).step_by(2) {
                let twice = documented.insert(route.to_owned(), cells[1].to_owned());
                assert_eq!(twice, None, "{route} is there twice");
            }
        }
        let loaded = |path: &str| path != "/" && page::FILES.iter().any(|file| file.path == path);
        let rows = table().into_iter().filter(|(path, _)| !loaded(path)).flat_map(|(path, endpoints)| {
            endpoints
                .into_iter()
                .map(move |endpoint| (format!("{} {path}", endpoint.method), endpoint.need.shown().to_owned()))
        });
        assert_eq!(documented, rows.collect::<BTreeMap<_, _>>());
    }
}
