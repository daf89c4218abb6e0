//! Clients ask: for an echo, for options, and for the status of jobs.

use crate::broker::jobs::{Job, State};
use crate::broker::{Broker, Now};
use crate::outgoing::{Answer, NOT_REMOVED, Outgoing};
use bytes::Bytes;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::{Decimal, Response, Status};

impl Broker {
    /// ECHO_REQ. What the connection did before is stored when the answer leaves.
    pub(super) fn echo(&mut self, session: u32, data: &[u8], owner: Option<&Bytes>, outgoing: &mut Outgoing) {
        if self.changes.undone {
            return outgoing.error(session, ReturnCode::QueueError.name(), NOT_REMOVED);
        }
        let batch = self.changes.last();
        outgoing.after_batch(session, batch, Answer::Echo, |outgoing| {
            outgoing.response_of(session, &Response::Echo(data), owner);
        });
    }

    /// GET_STATUS.
    pub(super) fn get_status(&mut self, session: u32, handle: &[u8], outgoing: &mut Outgoing) {
        let found = self.by_handle(handle);
        if found.is_none() && self.ask_status(session, handle, outgoing) {
            return;
        }
        let job = found.filter(|id| self.sees(session, *id)).map(|id| &self.jobs.arena[id]);
        let progress = progress(job);
        let status = status(job, &progress);
        outgoing.response(session, &Response::Status { handle, status });
    }

    /// GET_STATUS_UNIQUE: of the first function that has a job of this key, and that the connection may know of.
    pub(super) fn get_status_unique(&mut self, session: u32, unique: &[u8], outgoing: &mut Outgoing) {
        let mut jobs = self.functions.iter().filter_map(|(id, _)| self.jobs.by_unique(id, unique, b""));
        let found = jobs.find(|id| self.sees(session, *id));
        drop(jobs);
        if found.is_none() && self.ask_status_unique(session, unique, outgoing) {
            return;
        }
        let job = found.map(|id| &self.jobs.arena[id]);
        let progress = progress(job);
        let status = status(job, &progress);
        let clients = Decimal::new(job.map_or(0, |j| self.waiters_of(j).count() as u64));
        outgoing.response(session, &Response::StatusUnique { unique, status, clients: clients.as_ref() });
    }

    /// OPTION_REQ.
    pub(super) fn option(&mut self, now: &Now, session: u32, name: &[u8], outgoing: &mut Outgoing) {
        match name {
            b"exceptions" => self.sessions[session].exceptions = true,
            b"all-yours" if self.rules.direct => self.all_yours(session),
            b"at-once" => self.at_once(now, session),
            _ if self.wants_notices(session, name) => {}
            b"unique-64" => {} // GET_STATUS_UNIQUE is answered for keys of any length
            _ => {
                return outgoing.error(
                    session,
                    ReturnCode::UnknownOption.name(),
                    "Server does not recognize given option",
                );
            }
        }
        outgoing.response(session, &Response::Option(name));
    }
}

fn progress(job: Option<&Job>) -> [Decimal; 2] {
    let extra = job.and_then(|j| j.extra.as_deref());
    let [n, d] = extra.map_or([0, 0], |e| [e.numerator, e.denominator]);
    [Decimal::new(n.into()), Decimal::new(d.into())]
}

fn status<'a>(job: Option<&Job>, [numerator, denominator]: &'a [Decimal; 2]) -> Status<'a> {
    Status {
        known: job.is_some(),
        running: job.is_some_and(|j| j.state == State::Running),
        numerator: numerator.as_ref(),
        denominator: denominator.as_ref(),
    }
}
