//! Every path of the HTTP side: its methods, the right that each needs, and who answers. The one table of it.
//!
//! Invariant: a handler is asked only when the request has the right that its row names.

use crate::http::reply::{Problem, Reply};
use crate::http::request::decode;
use crate::http::{Http, Request, auth, health, metrics};
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
    use Need::{Nothing, Observe};
    vec![
        ("/healthz", vec![row(Method::GET, Nothing, health::alive)]),
        ("/readyz", vec![row(Method::GET, Nothing, health::ready)]),
        ("/metrics", vec![row(Method::GET, Observe, metrics::scrape)]),
    ]
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
pub(crate) async fn answer(http: Arc<Http>, request: hyper::Request<Incoming>) -> Reply {
    match find(http, request).await {
        Ok(reply) => reply,
        Err(problem) => problem.into(),
    }
}

async fn find(http: Arc<Http>, request: hyper::Request<Incoming>) -> Result<Reply, Problem> {
    let found = http.routes.paths.at(request.uri().path());
    let found = found.map_err(|_| Problem::not_found("there is nothing at this path"))?;
    let values = found.params.iter().map(|(_, value)| decode(value));
    let named = found.value.names.iter().copied().zip(values).collect();
    // hyper sends the head of the answer alone.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let endpoints = &found.value.endpoints;
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.method == *method) else {
        let methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
        return Err(Problem::wrong_method(methods.join(", ")));
    };
    let rights = http.auth.rights(request.headers())?;
    let request = Request::new(request, rights, named);
    auth::allow(&request.rights, endpoint.need, request.name("function"))?;
    (endpoint.handler)(http.clone(), request).await
}
