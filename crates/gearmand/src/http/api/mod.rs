//! `/api/v1`: what the server has, and what can be done with it, in JSON.

pub(crate) mod actions;
pub(crate) mod set_policy;
pub(crate) mod submit;
