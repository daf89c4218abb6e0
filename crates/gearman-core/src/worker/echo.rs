//! ECHO_REQ: does a server answer?
//!
//! Owns the one echo that is waited for. Answers of echoes that were given up are told from it by their number; jobs that come
//! meanwhile are kept.

use super::Worker;
use crate::error::{Error, Result};
use crate::server_connection::drive;
use bytes::Bytes;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// An echo in progress.
#[derive(Debug)]
pub(super) struct Echo {
    server: usize,
    /// The connection, by [`crate::server_connection::ServerConnection::serial`].
    serial: u64,
    /// Distinguishes it from earlier ones that were given up.
    pub(super) number: u32,
    /// What was sent.
    data: Bytes,
    /// What came back.
    pub(super) back: Option<Bytes>,
}

impl Worker {
    /// Sends `data` to one server and waits until it comes back. When dropped and called again with the
    /// same arguments, the wait goes on, unless [`Worker::begin`] was called.
    ///
    /// # Errors
    /// [`Error::Argument`] for no data, the connection's errors, [`Error::Timeout`], [`Error::EchoCorrupted`].
    pub async fn echo(&mut self, server: usize, data: &[u8], until: Option<Instant>) -> Result<()> {
        if data.is_empty() {
            return Err(Error::Argument("there is nothing to echo: the data is empty"));
        }
        if server >= self.servers.len() {
            return Err(Error::NoServers);
        }
        let begun = Instant::now();
        let deadline = |w: &Worker| w.servers[server].connection.connect_deadline();
        let back = drive(self, until, deadline, |w, cx| w.poll_echo(server, data, cx)).await;
        self.echo = None;
        match back {
            Some(back) if back.as_ref().is_ok_and(|b| b != data) => {
                Err(Error::EchoCorrupted { server: self.servers[server].connection.name().into() })
            }
            Some(back) => back.map(|_| ()),
            None => Err(self.timeout(begun.elapsed())),
        }
    }

    fn poll_echo(&mut self, i: usize, data: &[u8], cx: &mut Context<'_>) -> Poll<Result<Bytes>> {
        ready!(self.poll_connect(i, cx))?;
        let serial = self.servers[i].connection.serial;
        if self.echo.as_ref().is_none_or(|e| e.server != i || e.data != data) {
            self.echoes += 1;
            self.echo =
                Some(Echo { server: i, serial, number: self.echoes, data: Bytes::copy_from_slice(data), back: None });
            let server = &mut self.servers[i];
            if let Some(connection) = server.connection.up() {
                server.protocol.echo(self.echoes, data, connection.write_buffer());
            }
        }
        self.poll_flush(i, cx);
        while let Some(job) = self.receive_job(i, cx) {
            self.arrived.push_back(job);
        }
        let Some(echo) = &mut self.echo else {
            return Poll::Pending;
        };
        if let Some(back) = echo.back.take() {
            return Poll::Ready(Ok(back));
        }
        let connection = &self.servers[i].connection;
        if connection.is_up() && connection.serial == echo.serial {
            return Poll::Pending;
        }
        let error = connection.error().cloned();
        Poll::Ready(Err(error.unwrap_or_else(|| Error::lost(connection.name(), "the server closed the connection"))))
    }
}
