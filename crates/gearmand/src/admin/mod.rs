//! What operators see and ask for: renderings of the broker's snapshot. No sockets here, and no state of their own.

mod connections;
pub(crate) mod dead;
mod fields;
mod job;
pub(crate) mod listing;
mod policies;
mod schedules;
mod servers;
pub(crate) mod text;
pub(crate) mod whoami;
