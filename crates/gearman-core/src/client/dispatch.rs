//! Which server a waiting task goes to, and what becomes of it where there is none.
//!
//! Owns nothing: a part of the client. Must never know what a packet means, nor read one.
//! Tasks leave the queue in order. A task that only one server can answer does not hold up the others.

use super::Client;
use crate::client::ongoing::Listener;
use crate::client::search::Search;
use crate::client::server::Server;
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

    pub(super) fn is_up(&self) -> bool {
        self.servers.iter().any(|r| r.connection.is_up())
    }

    fn poll_destination(&mut self, id: TaskId, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(task) = self.tasks.get(id.index as usize) else { return self.poll_any_server(cx) };
        let searches = task.search.is_some() || task.kind.is_question() && self.servers.len() > 1;
        match task.server {
            Some(i) => self.poll_server(i, cx),
            None if searches => self.poll_search(id, cx),
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

    /// The next server to be asked about a job, or to be given one that others refused: one that is up, else the next one in order; last
    /// those that hang or refuse jobs.
    ///
    /// # Errors
    /// That of the first server that could not answer, where no other is left.
    fn poll_search(&mut self, id: TaskId, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(task) = self.tasks.get_mut(id.index as usize) else { return Poll::Pending };
        let is_job = task.kind.is_job();
        let begin = || Box::new(Search::begin(task.kind, &task.packet, &self.origins, self.servers.len()));
        let mut search = task.search.take().unwrap_or_else(begin);
        let server = loop {
            let rank = |i: usize| (self.servers[i].connection.is_passed_over(), !self.servers[i].connection.is_up());
            let Some(i) = search.next(rank) else {
                break Poll::Ready(Err(search.failure()));
            };
            // One that was down when a long call began may be back: for a job this is the last chance.
            if is_job && self.servers[i].connection.is_due() {
                self.servers[i].tried = None;
            }
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

    /// The first server in order that is up; else they are tried in order, those that failed lately last. After all
    /// of them those that hang or refuse jobs.
    fn poll_any_server(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        for last in [false, true] {
            let is_up = |s: &Server| s.connection.is_up() && s.connection.is_passed_over() == last;
            if let Some(first) = self.servers.iter().position(is_up) {
                return Poll::Ready(Ok(first));
            }
            if let Some(done) = self.poll_connect_any(last, cx) {
                return done;
            }
        }
        let error = self.servers.iter().find_map(|r| r.connection.error().cloned());
        Poll::Ready(Err(error.unwrap_or(Error::NoServers)))
    }

    /// `None`: none of those that are passed over, or are not, can be reached.
    fn poll_connect_any(&mut self, last: bool, cx: &mut Context<'_>) -> Option<Poll<Result<usize>>> {
        let now = Instant::now();
        for patient in [true, false] {
            for i in 0..self.servers.len() {
                let Server { connection, tried, .. } = &self.servers[i];
                let due = connection.is_connecting() || !patient || connection.due() <= now;
                if connection.is_passed_over() != last || *tried == Some(self.call) || !due {
                    continue;
                }
                match self.poll_connect(i, cx) {
                    Poll::Ready(Ok(())) => return Some(Poll::Ready(Ok(i))),
                    Poll::Ready(Err(_)) => {} // the next one
                    Poll::Pending => return Some(Poll::Pending),
                }
            }
        }
        None
    }
}
