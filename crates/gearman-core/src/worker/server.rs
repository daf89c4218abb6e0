//! A server as a worker uses it: its connection, the state of the protocol there, and how many jobs came over it.
//!
//! Must never know the jobs themselves, but for what was told of some. All but the connection's own state is forgotten with
//! the connection.

use crate::protocol::message::Grab;
use crate::server_connection::ServerConnection;
use crate::silence::Silence;
use crate::worker::protocol::{Protocol, State};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::time::Instant;

/// So many jobs may be noted as cancelled. A worker has no more of them at a time, or its server makes them up.
const CANCELLED: usize = 1024;

/// A server as a worker uses it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) connection: ServerConnection,
    pub(super) protocol: Protocol,
    /// The connection (by [`ServerConnection::serial`]) over which our id and options were sent.
    pub(super) introduced: u64,
    /// Jobs that came over it and have not ended.
    pub(super) unfinished: usize,
    /// The call in which [`Worker::connect_all`](super::Worker::connect_all) could not reach it.
    pub(super) tried: Option<u64>,
    /// When it must have answered that we stopped waiting, if that was sent.
    pub(super) answer_by: Option<Instant>,
    /// Since its last sign of life, or since it was asked for a job while it owed no answer.
    pub(super) silence: Silence,
    /// It owes an answer, and others are asked meanwhile.
    pub(super) hangs: bool,
    /// What it said of jobs unasked.
    pub(super) told: Told,
}

impl Server {
    pub(super) fn new(connection: ServerConnection) -> Server {
        let (protocol, told) = (Protocol::default(), Told::default());
        let silence = Silence::default();
        let (introduced, unfinished, tried, answer_by, hangs) = (0, 0, None, None, false);
        Server { connection, protocol, introduced, unfinished, tried, answer_by, silence, hangs, told }
    }

    /// The connection is gone, and all that belonged to it.
    pub(super) fn forget(&mut self) {
        (self.protocol, self.unfinished, self.answer_by) = (Protocol::default(), 0, None);
        self.told = Told::default();
        self.hangs = false;
    }

    /// Asks for a job, over a connection that is up.
    pub(super) fn grab(&mut self, form: Grab) {
        if self.protocol.grabs == 0 {
            self.silence.begin(&mut self.connection);
        }
        if let Some(connection) = self.connection.up() {
            self.protocol.grab(form, connection.write_buffer());
        }
    }

    /// Is there a job to be asked for, and does its socket take the question?
    pub(super) fn may_be_asked(&mut self) -> bool {
        self.protocol.state == State::Awake && self.connection.is_up() && !self.is_full()
    }

    /// Does it still take what it was sent?
    pub(super) fn is_full(&mut self) -> bool {
        self.connection.up().is_some_and(|c| c.is_full())
    }
}

/// What a server told of its jobs.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Which try the job with this handle is, which comes next.
    pub(super) attempt: Option<(Bytes, u32)>,
    /// Jobs that were cancelled after they were begun.
    cancelled: VecDeque<Bytes>,
}

impl Told {
    pub(super) fn is_cancelled(&self, handle: &[u8]) -> bool {
        self.cancelled.iter().any(|cancelled| cancelled == handle)
    }

    pub(super) fn cancelled(&mut self, handle: &[u8]) {
        if !self.is_cancelled(handle) {
            self.cancelled.truncate(CANCELLED - 1);
            self.cancelled.push_front(Bytes::copy_from_slice(handle));
        }
    }

    /// Nobody asks about this job any more.
    pub(super) fn is_over(&mut self, handle: &[u8]) {
        self.cancelled.retain(|cancelled| cancelled != handle);
    }
}
