//! A client of this very server: HTTP submits jobs as every client does, through a connection. So a job that is acknowledged
//! is stored, one whose client has gone ends as others do, and the broker knows of no other way.
//!
//! Owns the connection and its packets. Must never know HTTP.

use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::net::UnixStream;

/// Makes a connection to this server, and returns the client's end of it.
#[derive(Clone)]
pub(crate) struct Connect(Arc<dyn Fn() -> io::Result<UnixStream> + Send + Sync>);

impl Connect {
    pub(crate) fn new(connect: impl Fn() -> io::Result<UnixStream> + Send + Sync + 'static) -> Connect {
        Connect(Arc::new(connect))
    }

    /// One more connection. It ends when this is dropped.
    ///
    /// # Errors
    /// The system's, and where there are as many connections as there may be.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        (self.0)()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}
