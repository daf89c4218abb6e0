//! What a worker sends of its jobs, and what of that waits for a socket.
//!
//! Must never send over another connection than that over which the job came: the server has given it to another worker then.

use crate::error::{Error, Result};
use crate::protocol::message::{Request, Update, Work};
use crate::server_connection::with_deadline;
use crate::worker::Worker;
use crate::worker::job::Job;
use crate::worker::server::Server;
use std::future::poll_fn;
use std::task::{Context, Poll};
use tokio::time::Instant;

impl Worker {
    /// Sends an update of a job, and writes it if the socket takes it; else the next
    /// [`Worker::flush_all`] does. After an update that ends the job nothing more is sent of it, and
    /// no error results from trying.
    ///
    /// # Errors
    /// [`Error::JobGone`] for a job of another process; [`Error::Argument`] for data that no packet can hold, of
    /// which nothing is sent; [`Error::Lost`] when its connection is gone, so that the
    /// server has given the job to another worker.
    pub fn send(&mut self, job: &mut Job, update: Update<'_>) -> Result<()> {
        if !job.is_ours() {
            return Err(Error::JobGone("it was given to the process that forked this one"));
        }
        if job.ended {
            return Ok(());
        }
        let work = Work { handle: &job.handle, update };
        let (last, request) = (work.is_last(), Request::Work(work));
        if !request.fits() {
            return Err(Error::Argument("the data is larger than a packet can be, 4 GiB"));
        }
        let server = self.servers.get_mut(job.server).ok_or(Error::JobGone("its server is not known"))?;
        let same = server.connection.serial == job.serial;
        let Some(connection) = server.connection.up().filter(|_| same) else {
            return Err(Error::lost(server.connection.name(), "the connection over which the job came has ended"));
        };
        server.protocol.interrupt_sleep(connection.write_buffer());
        request.encode(connection.write_buffer());
        job.ended |= last;
        server.unfinished = server.unfinished.saturating_sub(usize::from(last));
        if let Err(error) = connection.try_flush() {
            self.lose(job.server, error.clone());
            return Err(error);
        }
        Ok(())
    }

    /// Does something of [`Worker::send`] wait for its socket?
    pub fn has_output(&mut self) -> bool {
        self.servers.iter_mut().any(Server::has_output)
    }

    /// Waits until all that was sent is written. Takes in meanwhile what comes: a server may stop reading from
    /// a worker that does not take the jobs it asked for in advance.
    ///
    /// # Errors
    /// [`Error::Timeout`] at `until`. A lost connection is no error here: the job's next send returns it.
    pub async fn flush_all(&mut self, until: Option<Instant>) -> Result<()> {
        let begun = Instant::now();
        let flushed = poll_fn(|cx| {
            for i in 0..self.servers.len() {
                self.flush(i, cx);
                if self.servers[i].has_output() {
                    self.receive_all(i, cx);
                }
            }
            if self.has_output() { Poll::Pending } else { Poll::Ready(()) }
        });
        with_deadline(until, flushed).await.ok_or_else(|| self.timeout(begun.elapsed()))
    }

    /// Closes the connection over which this job came, so that the server gives it to another worker. Other jobs of
    /// the same connection go the same way.
    pub fn give_back(&mut self, job: &Job) {
        let server = self.servers.get_mut(job.server).filter(|p| job.is_ours() && p.connection.serial == job.serial);
        if let Some(server) = server.filter(|p| p.connection.is_up()) {
            server.connection.down();
            server.forget();
            self.arrived.retain(|other| other.server != job.server);
        }
    }

    pub(super) fn try_flush(&mut self, i: usize) {
        let connection = self.servers[i].connection.up().filter(|c| c.has_output());
        if let Some(Err(error)) = connection.map(|c| c.try_flush()) {
            self.lose(i, error);
        }
    }

    pub(super) fn flush(&mut self, i: usize, cx: &mut Context<'_>) {
        let connection = self.servers[i].connection.up().filter(|c| c.has_output());
        if let Some(Poll::Ready(Err(error))) = connection.map(|c| c.poll_flush(cx)) {
            self.lose(i, error);
        }
    }
}
