//! What goes to a server and comes from it, and whom it is for.
//!
//! Owns nothing: a part of the client. Must never choose a server, nor wait. Invariant: a task that was sent ends by an answer, or
//! with the connection that it was sent over.

use super::Client;
use crate::client::ongoing::Listener;
use crate::client::pending::Received;
use crate::client::search::{Answer, Search};
use crate::client::task::{Event, Kind, LONG_KEYS, TaskId};
use crate::error::{Error, Result};
use crate::net::connection::Packet;
use crate::protocol::message::{Request, Response};
use bytes::Bytes;
use std::task::{Context, Poll};

/// Requests are handed to a connection as long as less than this waits to be written.
const AHEAD: usize = 256 * 1024;
/// Packets taken off a connection in one go, so that requests keep flowing meanwhile.
const BATCH: usize = 1024;

impl Client {
    /// False: enough waits to be written there already.
    pub(super) fn send(&mut self, i: usize, id: TaskId) -> bool {
        let several = self.servers.len() > 1;
        let server = &mut self.servers[i];
        let long_keys = server.long_keys;
        server.is_asked();
        let Some(connection) = server.for_request(self.exceptions) else {
            return false;
        };
        if connection.write_buffer().len() >= AHEAD {
            return false;
        }
        let Some(task) = self.tasks.get_mut(id.index as usize) else {
            return true;
        };
        if let Some(search) = &mut task.search {
            search.asks(i);
        }
        task.sent = true;
        let packet = if several { task.packet.clone() } else { std::mem::take(&mut task.packet) };
        if task.kind.needs_permission(&packet) && !long_keys {
            Request::Option(LONG_KEYS).encode(connection.write_buffer());
            server.pending.asked_permission(id, packet);
        } else {
            connection.write_buffer().share(packet);
            server.pending.sent(id, task.kind);
        }
        true
    }

    /// Writes and reads what can be without waiting. True: something became known.
    pub(super) fn exchange(&mut self, i: usize, cx: &mut Context<'_>) -> bool {
        let news = self.write_and_read(i, cx);
        let server = &mut self.servers[i];
        server.silence.observe(&mut server.connection);
        news
    }

    fn write_and_read(&mut self, i: usize, cx: &mut Context<'_>) -> bool {
        let mut received = 0;
        loop {
            let server = &mut self.servers[i];
            let idle = server.pending.is_idle();
            let Some(connection) = server.connection.up() else {
                return received > 0;
            };
            if idle && !connection.has_output() {
                return received > 0; // nothing is expected: an idle connection is looked at in begin()
            }
            let flushed = connection.poll_flush(cx);
            // Read also after a failed write: the server may have sent the reason before it closed.
            while let Poll::Ready(next) = self.poll_packet(i, cx) {
                if let Err(error) = next.and_then(|packet| self.receive(i, &packet)) {
                    self.lose(i, &error);
                    return true;
                }
                received += 1;
                if received >= BATCH {
                    cx.waker().wake_by_ref();
                    return true;
                }
            }
            match flushed {
                Poll::Ready(Err(error)) => {
                    self.lose(i, &error);
                    return true;
                }
                // There is room again: hand over more, and go on while that is taken.
                Poll::Ready(Ok(())) if !self.waiting.is_empty() => {
                    // No error: that is for when no server is up.
                    received += usize::from(self.dispatch(cx).unwrap_or(false));
                    if !self.servers[i].connection.up().is_some_and(|c| c.has_output()) {
                        return received > 0;
                    }
                }
                _ => return received > 0,
            }
        }
    }

    fn poll_packet(&mut self, i: usize, cx: &mut Context<'_>) -> Poll<Result<Packet>> {
        let server = &mut self.servers[i];
        if server.pending.is_idle() {
            return Poll::Pending;
        }
        match server.connection.up() {
            Some(connection) => connection.poll_packet(cx),
            None => Poll::Pending,
        }
    }

    fn receive(&mut self, i: usize, packet: &Packet) -> Result<()> {
        let server = &mut self.servers[i];
        let name = server.connection.name();
        let frame = packet.frame();
        let response = Response::parse(&frame).map_err(|e| e.at(name))?;
        let received = server.pending.receive(response, name, |part| packet.keep(part)).map_err(|e| e.at(name))?;
        server.connection.prove();
        match received {
            Received::Event(id, event, last) => {
                if self.servers.len() > 1 {
                    match &event {
                        Event::Created(handle) => {
                            self.servers[i].connection.refuses(false);
                            self.origins.remember(handle, i);
                        }
                        Event::Error(error) if error.elsewhere() && self.goes_elsewhere(i, id, error) => return Ok(()),
                        _ => {}
                    }
                }
                self.report(id, event, last);
            }
            Received::Permitted(id, question) => {
                server.long_keys = true;
                if let Some(connection) = server.connection.up() {
                    connection.write_buffer().share(question);
                    server.pending.sent(id, Kind::StatusUnique);
                }
            }
            Received::Nothing => {}
        }
        Ok(())
    }

    /// One of several servers has refused a job, and what else there is goes to others for a while. True: so does this one.
    fn goes_elsewhere(&mut self, i: usize, id: TaskId, refusal: &Error) -> bool {
        let servers = self.servers.len();
        let Some(task) = self.task(id).filter(|task| task.kind.is_job()) else { return false };
        let search = task.search.get_or_insert_with(|| Box::new(Search::of_refused(i, servers, refusal.clone())));
        // The packet was not kept where this server was the only one then, and is gone where nobody waits for the task any more.
        let goes = !search.is_over() && !task.packet.is_empty() && task.server.is_none();
        if goes {
            task.sent = false;
            self.waiting.push_back(id);
        }
        self.servers[i].connection.refuses(true);
        goes
    }

    pub(super) fn report(&mut self, id: TaskId, event: Event, last: bool) {
        let limit = self.settings.max_packet;
        self.reports += 1;
        let Some(task) = self.task(id).filter(|t| !t.ended) else {
            return;
        };
        let event = match &mut task.search {
            Some(search) if task.kind.is_question() => match search.receive(event) {
                Answer::Final(event) => event,
                Answer::AskNext => {
                    task.sent = false;
                    self.waiting.push_back(id);
                    return;
                }
            },
            _ => event,
        };
        (task.search, task.packet) = (None, Bytes::new()); // nobody else is to be asked
        match &mut task.listener {
            Listener::Nobody => {}
            Listener::Events => {
                self.running -= usize::from(last);
                let waits = self.events.len() >= BATCH; // nobody takes them at present
                self.events.push_back((id, if waits { event.detached() } else { event }));
            }
            Listener::Call(parts) => {
                match event {
                    Event::Data(data) => parts.add(&data, limit),
                    event if last => parts.end(event),
                    _ => {}
                }
                task.ended = parts.has_ended();
                return; // kept until the call takes its end
            }
        }
        if last {
            self.tasks.remove(id.index as usize);
        }
    }

    /// The connection is of no use any more; every task that waited for it ends.
    pub(super) fn lose(&mut self, i: usize, error: &Error) {
        let server = &mut self.servers[i];
        if !server.connection.lost(error.clone()) {
            server.connection.down(); // it made sense before, and a client does not come back by itself
        }
        self.end_pending(i, error);
    }

    pub(super) fn end_pending(&mut self, i: usize, error: &Error) {
        for id in self.servers[i].pending.end() {
            self.report(id, Event::Error(error.clone().into()), true);
        }
    }
}
