//! Which server a waiting task goes to, and what becomes of it where there is none.
//!
//! Owns nothing: a part of the client. Must never know what a packet means, nor read one.
//! Tasks leave the queue in order. A task that only one server can answer does not hold up the others.

use super::Client;
use crate::client::ongoing::Listener;
use crate::client::search::Search;
use crate::client::task::{Event, TaskId};
use crate::error::{Error, Result};
use std::task::{Context, Poll};
use tokio::time::Instant;

impl Client {
    /// Hands waiting tasks to servers. True: some ended, for want of one.
    ///
    /// # Errors
    /// No server can be reached in this call, and what waits stays for the next one.
    pub(super) fn dispatch(&mut self, cx: &mut Context<'_>) -> Result<bool> {
        let (mut ended, mut index, mut unreachable) = (false, 0, None);
        while let Some(id) = self.waiting.get(index).copied() {
            match self.poll_destination(id, cx) {
                // Others need not wait for a server that only this one needs.
                Poll::Pending if self.is_up() => index += 1,
                Poll::Pending => return Ok(ended),
                Poll::Ready(Ok(i)) => {
                    if !self.send(i, id) {
                        return Ok(ended);
                    }
                    self.waiting.remove(index);
                }
                Poll::Ready(Err(error)) => match self.poll_stays(id, cx) {
                    Poll::Pending => return Ok(ended),
                    Poll::Ready(true) => {
                        unreachable.get_or_insert(error);
                        index += 1;
                    }
                    Poll::Ready(false) => {
                        self.waiting.remove(index);
                        self.report(id, Event::Error(error.into()), true);
                        ended = true;
                    }
                },
            }
        }
        match unreachable {
            Some(error) if !ended => Err(error),
            _ => Ok(ended),
        }
    }

    fn is_up(&self) -> bool {
        self.servers.iter().any(|r| r.connection.is_up())
    }

    fn poll_destination(&mut self, id: TaskId, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(task) = self.tasks.get(id.index as usize) else { return self.poll_any_server(cx) };
        match task.server {
            Some(i) => self.poll_server(i, cx),
            None if task.kind.is_question() && self.servers.len() > 1 => self.poll_search(id, cx),
            None => self.poll_any_server(cx),
        }
    }

    /// Does a task without a server wait for the next call? Not the task of a call; nor what was sent already, nor
    /// what only others than those who can be reached could answer.
    fn poll_stays(&mut self, id: TaskId, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(task) = self.tasks.get_mut(id.index as usize) else { return Poll::Ready(false) };
        let search = task.search.take(); // if it waits, the next call begins it anew
        if !matches!(task.listener, Listener::Events) || search.is_some_and(|s| s.has_asked()) {
            return Poll::Ready(false);
        }
        self.poll_any_server(cx).map(|reached| reached.is_err())
    }

    fn poll_server(&mut self, i: usize, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(server) = self.servers.get(i) else {
            return Poll::Ready(Err(Error::NoServers));
        };
        if server.tried == Some(self.call) && !server.connection.is_up() {
            return Poll::Ready(Err(server.connection.error().cloned().unwrap_or(Error::NoServers)));
        }
        match self.poll_connect(i, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(done) => Poll::Ready(done.map(|()| i)),
        }
    }

    /// The next server to be asked about a job: one that is up, else the next one in order.
    ///
    /// # Errors
    /// That of the first server that could not answer, where no other is left.
    fn poll_search(&mut self, id: TaskId, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(task) = self.tasks.get_mut(id.index as usize) else { return Poll::Pending };
        let begin = || Box::new(Search::begin(task.kind, &task.packet, &self.origins, self.servers.len()));
        let mut search = task.search.take().unwrap_or_else(begin);
        let server = loop {
            let Some(i) = search.next(|i| self.servers[i].connection.is_up()) else {
                break Poll::Ready(Err(search.failure()));
            };
            match self.poll_server(i, cx) {
                Poll::Ready(Err(error)) => search.passes(i, error),
                pending_or_up => break pending_or_up,
            }
        };
        if let Some(task) = self.tasks.get_mut(id.index as usize) {
            task.search = Some(search);
        }
        server
    }

    /// The first server in order that is up; else they are tried in order, those that failed lately
    /// last.
    fn poll_any_server(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        if let Some(first) = self.servers.iter().position(|r| r.connection.is_up()) {
            return Poll::Ready(Ok(first));
        }
        let now = Instant::now();
        for patient in [true, false] {
            for i in 0..self.servers.len() {
                let server = &self.servers[i];
                let due = server.connection.is_connecting() || !patient || server.connection.due() <= now;
                if server.tried == Some(self.call) || !due {
                    continue;
                }
                match self.poll_connect(i, cx) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(i)),
                    Poll::Ready(Err(_)) => {} // the next one
                    Poll::Pending => return Poll::Pending,
                }
            }
        }
        let error = self.servers.iter().find_map(|r| r.connection.error().cloned());
        Poll::Ready(Err(error.unwrap_or(Error::NoServers)))
    }
}
