//! `/api/v1`: what the server has, and what can be done with it, in JSON.

pub(crate) mod actions;
pub(crate) mod dead;
pub(crate) mod events;
pub(crate) mod functions;
pub(crate) mod history;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod openapi;
pub(crate) mod peers;
pub(crate) mod policies;
pub(crate) mod schedules;
pub(crate) mod server;
pub(crate) mod servers;
pub(crate) mod set_policy;
pub(crate) mod submit;
