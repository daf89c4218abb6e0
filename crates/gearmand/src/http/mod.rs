//! The server's HTTP side: metrics, health, an API in JSON and a web page. It is off unless a listener is named.
//!
//! It has a thread of its own: a peer here never delays one that speaks Gearman by more than the time for which a page of
//! the [snapshot](crate::broker::snapshot) holds the lock. Owns no state of the server; what it changes it changes by the
//! same calls as text commands, and jobs it submits as a client does, through a [connection](client) of its own.
//!
//! Here: what all handlers share, and how one is found (`routes.rs`) and asked.

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod budget;
pub(crate) mod c_submit;
pub(crate) mod client;
pub(crate) mod elsewhere;
pub(crate) mod ending;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod listener;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod metrics;
pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod patience;
pub(crate) mod pieces;
pub(crate) mod places;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod routes;
pub(crate) mod samples;
pub(crate) mod small;
pub(crate) mod submitting;

pub(crate) use request::Request;

use crate::broker::{Broker, Now};
use crate::http::auth::Auth;
use crate::http::budget::Budget;
use crate::http::client::Connect;
use crate::http::ending::Ending;
use crate::http::history::History;
use crate::http::live::Live;
use crate::shared::Shared;

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Http {
    /// The server's state.
    pub(crate) shared: Shared,
    /// Makes connections to this server, for jobs that are submitted.
    pub(crate) connect: Connect,
    /// Memory for large bodies, but for those of monitoring.
    pub(crate) budget: Budget,
    /// Memory for metrics and events.
    pub(crate) monitoring: Budget,
    /// When to end.
    pub(crate) ending: Ending,
    /// Who may do what.
    pub(crate) auth: Auth,
    /// What happened lately.
    pub(crate) history: History,
    /// What is sent to those who watch.
    pub(crate) live: Live,
    /// What metrics know from one scrape to the next.
    pub(crate) metrics: metrics::Metrics,
    /// Paths, and who answers them.
    pub(crate) routes: routes::Routes,
}

impl Http {
    /// Looks at the broker. The lock is held as long as that takes: see [`crate::broker::snapshot`].
    pub(crate) fn look<T>(&self, what: impl FnOnce(&Broker, &Now) -> T) -> T {
        let mut state = self.shared.lock();
        let now = state.read_clock();
        what(&state.broker, &now)
    }
}
