//! What a worker sends of its jobs, and what of that waits for a socket.
//!
//! Must never send over another connection than that over which the job came: the server has given it to another worker then.

use crate::error::{Error, Result};
use crate::net::connection::Connection;
use crate::protocol::message::{Request, Update, Work};
use crate::worker::Worker;
use crate::worker::job::Job;
use std::future::poll_fn;
use std::task::{Context, Poll};

impl Worker {
    /// Sends an update of a job, and writes it if the socket takes it; else
    /// [`Worker::flush`] does, or the next call. After an update that ends the job nothing more is sent of it, and
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
        self.watch.rouse(); // a server takes whoever speaks for awake; and the connection may be lost by it
        let work = Work { handle: &job.handle, update };
        let (last, request) = (work.is_last(), Request::Work(work));
        if !request.fits() {
            return Err(Error::Argument("the data is larger than a packet can be, 4 GiB"));
        }
        let server = self.servers.get_mut(job.server).filter(|p| p.connection.serial == job.serial);
        let Some(server) = server else { return Err(self.ended_before(job)) };
        let Some(connection) = server.connection.up() else { return Err(self.ended_before(job)) };
        server.protocol.interrupt_sleep(connection.write_buffer());
        request.encode(connection.write_buffer());
        job.ended |= last;
        if last {
            server.unfinished = server.unfinished.saturating_sub(1);
            server.told.is_over(&job.handle);
        }
        if let Err(error) = connection.try_flush() {
            self.lose(job.server, error.clone());
            return Err(error);
        }
        Ok(())
    }

    /// Does something of [`Worker::send`] wait for the socket of this job's server?
    pub fn has_output(&mut self, job: &Job) -> bool {
        self.connection_of(job).is_some_and(|c| c.has_output())
    }

    /// Waits until all that was sent of a job is written. Where the wait is given up, the calls that follow write the rest.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ends before, so that the server has given the job to another worker.
    pub async fn flush(&mut self, job: &Job) -> Result<()> {
        poll_fn(|cx| self.poll_written(job, cx)).await
    }

    /// Takes in meanwhile what comes: a server may stop reading from a worker that does not take the jobs it asked for in
    /// advance.
    fn poll_written(&mut self, job: &Job, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.connection_of(job).map(|c| c.poll_flush(cx)) {
            Some(Poll::Ready(Err(error))) => {
                self.lose(job.server, error.clone());
                return Poll::Ready(Err(error));
            }
            Some(Poll::Ready(Ok(()))) => return Poll::Ready(Ok(())),
            Some(Poll::Pending) => self.receive_all(job.server, cx),
            None => {}
        }
        match self.connection_of(job) {
            Some(_) => Poll::Pending,
            None => Poll::Ready(Err(self.ended_before(job))),
        }
    }

    /// The connection over which it came, unless that has ended.
    fn connection_of(&mut self, job: &Job) -> Option<&mut Connection> {
        self.servers.get_mut(job.server).filter(|p| p.connection.serial == job.serial)?.connection.up()
    }

    fn ended_before(&self, job: &Job) -> Error {
        let name = self.servers.get(job.server).map_or("the server", |p| p.connection.name());
        Error::lost(name, "the connection over which the job came has ended")
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

    pub(super) fn poll_flush(&mut self, i: usize, cx: &mut Context<'_>) {
        let connection = self.servers[i].connection.up().filter(|c| c.has_output());
        if let Some(Poll::Ready(Err(error))) = connection.map(|c| c.poll_flush(cx)) {
            self.lose(i, error);
        }
    }
}
