//! What the broker asks a shared queue for those who want to know of a job that is not here, and their answers.
//!
//! Owns the questions that are not answered. What always holds: an answer waits in its place among those of its connection, and a
//! queue that does not answer in time is an error, never "unknown".

use crate::broker::Broker;
use crate::broker::jobs::Handle;
use crate::cluster::ask::{Answer as Known, Ask, Fault, JobRow, Seen, SeenState, ServerSeen, Which};
use crate::cluster::said::Said;
use crate::durable::{Extras, MAX_ID, Name, Row};
use crate::outgoing::{Answer, Outgoing};
use crate::rights::Rights;
use bytes::Bytes;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::{Decimal, Priority, Response, Status};
use std::collections::HashMap;
use std::sync::Arc;

/// What clients get when the queue does not answer.
const NOT_KNOWN: &str = "The shared queue cannot be asked";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: u64,
    open: HashMap<u64, Question>,
}

#[derive(Debug)]
struct Question {
    /// The batch that its answer waits for, and the connection that it is for.
    batch: u64,
    session: u32,
    /// Of who asks; `None`: all.
    rights: Option<Arc<Rights>>,
    about: About,
}

/// What is to be answered.
#[derive(Debug)]
enum About {
    Status(Handle),
    StatusUnique(Box<[u8]>),
    Elsewhere(Wanted, Tell),
    Servers(TellServers),
}

/// What an operator wants to know of a job that is not here, or to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that is known of it.
    Job,
    /// It is to be cancelled.
    Cancel,
}

/// How a job is named that is not here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Handle(&'a [u8]),
    /// A function, and a unique key in it.
    Unique(&'a [u8], &'a [u8]),
}

/// How an operator is answered: what was wanted, and the handle of the job with what is known; an error where the queue does not
/// answer.
pub(crate) type Tell = fn(Wanted, Result<Option<(&[u8], &Seen)>, &str>) -> Vec<u8>;

/// The same of servers.
pub(crate) type TellServers = fn(Result<&[ServerSeen], &str>) -> Vec<u8>;

impl Broker {
    /// The number of a job of the shared queue that may be at any server.
    fn shared_number(&self, handle: &[u8]) -> Option<u64> {
        self.membership.as_ref()?;
        self.handles.parse(handle).filter(|number| *number < MAX_ID)
    }

    /// How a shared queue is asked for a job; `None`: it is not there.
    pub(crate) fn which(&self, name: Named<'_>) -> Option<Which> {
        match name {
            Named::Handle(handle) => self.shared_number(handle).map(Which::Id),
            Named::Unique(function, unique) => self.is_member().then(|| Which::Key(Box::new(named(function, unique)))),
        }
    }

    /// A job that no server has is to end. If one has it by now, it does not.
    pub(crate) fn cancel_free(&mut self, id: u64) {
        self.changes.done(&Name { id, unique: b"", function: b"" });
    }

    /// Asks; what `placeholder` writes is replaced by the answer.
    fn ask(
        &mut self,
        session: u32,
        (ask, about): (Ask, About),
        outgoing: &mut Outgoing,
        placeholder: impl FnOnce(&mut Outgoing),
    ) {
        let rights = self.access(session).map(|access| access.rights.clone());
        let batch = self.changes.want();
        let Some(member) = &mut self.membership else { return };
        member.questions.last += 1;
        let question = member.questions.last;
        member.questions.open.insert(question, Question { batch, session, rights, about });
        member.said.push(Said::Ask { question, ask });
        outgoing.after_batch(session, Some(batch), Answer::Asked(question), placeholder);
    }

    /// The state of a job that is not here is asked for. False: it cannot be elsewhere.
    pub(super) fn ask_status(&mut self, session: u32, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let Some(number) = self.shared_number(handle) else { return false };
        let handle = self.handles.write(number);
        let asked = (Ask::Look(Which::Id(number)), About::Status(handle.clone()));
        self.ask(session, asked, outgoing, |outgoing| {
            outgoing.response(session, &Response::Status { handle: &handle, status: UNKNOWN });
        });
        true
    }

    /// The same by its unique key.
    pub(super) fn ask_status_unique(&mut self, session: u32, unique: &[u8], outgoing: &mut Outgoing) -> bool {
        if !self.is_member() || unique.is_empty() || unique == b"-" {
            return false;
        }
        let which = Which::Unique(Bytes::copy_from_slice(unique));
        let asked = (Ask::Look(which), About::StatusUnique(unique.into()));
        self.ask(session, asked, outgoing, |outgoing| {
            outgoing.response(session, &Response::StatusUnique { unique, status: UNKNOWN, clients: b"0" });
        });
        true
    }

    /// An operator wants something of a job that is not here; `tell` says what is known. False: it cannot be elsewhere.
    pub(crate) fn ask_elsewhere(
        &mut self,
        session: u32,
        (wanted, name): (Wanted, Named<'_>),
        tell: Tell,
        outgoing: &mut Outgoing,
    ) -> bool {
        let Some(which) = self.which(name) else { return false };
        let asked = (Ask::Look(which), About::Elsewhere(wanted, tell));
        self.ask(session, asked, outgoing, |outgoing| outgoing.text(session, b".\n".to_vec()));
        true
    }

    /// The servers that share the queue are asked for. False: none is shared.
    pub(crate) fn ask_servers(&mut self, session: u32, tell: TellServers, outgoing: &mut Outgoing) -> bool {
        if !self.is_member() {
            return false;
        }
        let asked = (Ask::Servers, About::Servers(tell));
        self.ask(session, asked, outgoing, |outgoing| outgoing.text(session, b".\n".to_vec()));
        true
    }

    /// What the queue knows.
    pub(super) fn answered(&mut self, question: u64, answer: Result<Known, Fault>, outgoing: &mut Outgoing) {
        let open = self.membership.as_mut().and_then(|member| member.questions.open.remove(&question));
        let Some(Question { batch, session, rights, about }) = open else { return };
        let (what, batch) = (Answer::Asked(question), Some(batch));
        if let About::Servers(tell) = about {
            let servers = match &answer {
                Ok(Known::Servers(servers)) => Ok(&servers[..]),
                _ => Err(NOT_KNOWN),
            };
            return outgoing.replace_bytes(what, batch, tell(servers));
        }
        let seen = match answer {
            Ok(Known::Looked(seen)) => Ok(seen),
            _ => Err(NOT_KNOWN),
        };
        // Whoever may cancel may do so with all jobs, here as well: that was looked at when it was asked.
        let cancels = matches!(about, About::Elsewhere(Wanted::Cancel, _));
        let sees = |seen: &Seen| cancels || rights.as_ref().is_none_or(|rights| rights.sees(&seen.function));
        let seen = seen.map(|seen| seen.filter(sees));
        if let About::Elsewhere(wanted, tell) = about {
            let handle = seen.as_ref().ok().and_then(Option::as_ref).map(|seen| self.handles.write(seen.id));
            let found = seen.as_ref().map(|seen| Some((&**handle.as_ref()?, seen.as_ref()?))).map_err(|text| *text);
            let answer = tell(wanted, found);
            if let (Wanted::Cancel, Ok(Some(Seen { id, state: SeenState::Free, .. }))) = (wanted, seen) {
                // It is answered when that is stored.
                self.cancel_free(id);
                let next = self.changes.want();
                outgoing.defer(session, what, next);
                return outgoing.replace_bytes(what, Some(next), answer);
            }
            return outgoing.replace_bytes(what, batch, answer);
        }
        let seen = match seen {
            Ok(seen) => seen.filter(|seen| seen.state != SeenState::Dead),
            Err(text) => {
                let (code, text) = (ReturnCode::QueueError.name().as_bytes(), text.as_bytes());
                return outgoing.replace(what, batch, &Response::Error { code, text });
            }
        };
        let (numerator, denominator) = seen.as_ref().and_then(Seen::progress).unwrap_or_default();
        let progress = [numerator, denominator].map(|part| Decimal::new(part.into()));
        let status = Status {
            known: seen.is_some(),
            running: seen.is_some_and(|seen| matches!(seen.state, SeenState::Owned { started: true, .. })),
            numerator: progress[0].as_ref(),
            denominator: progress[1].as_ref(),
        };
        match &about {
            About::Status(handle) => outgoing.replace(what, batch, &Response::Status { handle, status }),
            About::StatusUnique(unique) => {
                outgoing.replace(what, batch, &Response::StatusUnique { unique, status, clients: b"0" });
            }
            About::Elsewhere(..) | About::Servers(_) => {}
        }
    }
}

/// A job of which no more than its key is known.
fn named(function: &[u8], unique: &[u8]) -> JobRow {
    let row = Row {
        name: Name { id: 0, unique, function },
        priority: Priority::Normal,
        data: b"",
        due_ms: 0,
        extras: Extras::default(),
    };
    JobRow::from(&row)
}

const UNKNOWN: Status<'_> = Status { known: false, running: false, numerator: b"0", denominator: b"0" };
