//! The server's HTTP side: metrics, health, an API in JSON and a web page. It is off unless a listener is named.
//!
//! It has a thread of its own: a peer here never delays one that speaks Gearman by more than the time for which a page of
//! the [snapshot](crate::broker::snapshot) holds the lock. Owns no state of the server; what it changes it changes by the
//! same calls as text commands, and jobs it submits as a client does, through a [connection](client) of its own.
//!
//! Here: what all handlers share, and how one is found (`routes.rs`) and asked.

pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod health;
pub(crate) mod listener;
pub(crate) mod metrics;
#[allow(dead_code, reason = "the API uses it next")]
pub(crate) mod names;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod routes;

pub(crate) use request::Request;

use crate::http::auth::Auth;
use crate::http::client::Connect;
use crate::shared::Shared;

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Http {
    /// The server's state.
    pub(crate) shared: Shared,
    /// Makes connections to this server, for jobs that are submitted.
    pub(crate) connect: Connect,
    /// Who may do what.
    pub(crate) auth: Auth,
    /// What metrics know from one scrape to the next.
    pub(crate) metrics: metrics::Metrics,
    /// Paths, and who answers them.
    pub(crate) routes: routes::Routes,
}
