//! A job as a worker holds it.
//!
//! Owns its bytes, and where it came from: server, connection, process. Only over that connection anything can be sent of it.

use crate::net::fork::Process;
use bytes::Bytes;

/// A job that a server gave to this worker.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name at the server.
    pub handle: Bytes,
    /// The function to run.
    pub function: Bytes,
    /// Its key; empty where the worker did not ask for keys.
    pub unique: Bytes,
    /// The function that joins the parts, for a job that is split.
    pub reducer: Option<Bytes>,
    /// What to work on.
    pub workload: Bytes,
    /// Which try of the job this is, from 1 on; 0 where the server does not tell.
    pub attempt: u32,
    /// Which server of the worker gave it.
    pub(crate) server: usize,
    /// Over which connection to it: a later one knows nothing of the job.
    pub(crate) serial: u64,
    /// The process it was given to.
    pub(crate) process: Process,
    /// Its end was sent; nothing more can be.
    pub(crate) ended: bool,
    /// The server said that it was cancelled.
    pub(crate) cancelled: bool,
}

impl Job {
    /// Was the end of this job sent to the server?
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Was it given to this process? In one that was forked since, nothing can be sent for it.
    pub fn is_ours(&self) -> bool {
        self.process == Process::this()
    }
}
