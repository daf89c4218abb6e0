//! What operators see and ask for: renderings of the broker's state. No sockets here, and no state of their own.

pub(crate) mod text;
