//! What operators see and ask for: renderings of the broker's snapshot. No sockets here, and no state of their own.

pub(crate) mod listing;
pub(crate) mod text;
pub(crate) mod whoami;
