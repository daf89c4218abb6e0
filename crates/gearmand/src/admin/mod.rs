//! What operators see and ask for: renderings of the broker's state. No sockets here.

pub(crate) mod text;
