//! What the broker asks a shared queue for those who want to know of a job that is not here, and their answers.
//!
//! Owns the questions that are not answered. What always holds: an answer waits in its place among those of its connection, and a
//! queue that does not answer in time is an error, never "unknown".

use crate::broker::Broker;
use crate::broker::jobs::Handle;
use crate::cluster::ask::{Answer as Known, Ask, Fault, Seen, SeenState, Which};
use crate::cluster::said::Said;
use crate::durable::{MAX_ID, Name};
use crate::outgoing::{Answer, Outgoing};
use crate::rights::Rights;
use bytes::Bytes;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::{Decimal, Response, Status};
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
    /// The batch that its answer waits for.
    batch: u64,
    /// Of who asks; `None`: all.
    rights: Option<Arc<Rights>>,
    about: About,
}

/// What is to be answered.
#[derive(Debug)]
enum About {
    Status(Handle),
    StatusUnique(Box<[u8]>),
    Elsewhere(Box<Elsewhere>),
}

/// What an operator wants to know of a job that is not here, or to be done with it.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    pub(crate) what: Wanted,
    /// Of the job.
    pub(crate) handle: Vec<u8>,
    tell: Tell,
}

/// See [`Elsewhere`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that is known of it.
    Job,
    /// It is to be cancelled.
    Cancel,
}

/// How an operator is answered: what was wanted, and what is known; an error where the queue does not answer.
pub(crate) type Tell = fn(&Elsewhere, Result<Option<&Seen>, &str>) -> Vec<u8>;

impl Broker {
    /// The number of a job of the shared queue that may be at any server.
    fn shared_number(&self, handle: &[u8]) -> Option<u64> {
        self.membership.as_ref()?;
        self.handles.parse(handle).filter(|number| *number < MAX_ID)
    }

    /// Asks; what `placeholder` writes is replaced by the answer.
    fn ask(
        &mut self,
        session: u32,
        (which, about): (Which, About),
        outgoing: &mut Outgoing,
        placeholder: impl FnOnce(&mut Outgoing),
    ) {
        let rights = self.access(session).map(|access| access.rights.clone());
        let batch = self.changes.want();
        let Some(member) = &mut self.membership else { return };
        member.questions.last += 1;
        let question = member.questions.last;
        member.questions.open.insert(question, Question { batch, rights, about });
        member.said.push(Said::Ask { question, ask: Ask::Look(which) });
        outgoing.after_batch(session, Some(batch), Answer::Asked(question), placeholder);
    }

    /// The state of a job that is not here is asked for. False: it cannot be elsewhere.
    pub(super) fn ask_status(&mut self, session: u32, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let Some(number) = self.shared_number(handle) else { return false };
        let handle = self.handles.write(number);
        let asked = (Which::Id(number), About::Status(handle.clone()));
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
        let asked = (Which::Unique(Bytes::copy_from_slice(unique)), About::StatusUnique(unique.into()));
        self.ask(session, asked, outgoing, |outgoing| {
            outgoing.response(session, &Response::StatusUnique { unique, status: UNKNOWN, clients: b"0" });
        });
        true
    }

    /// An operator wants something of a job that is not here; `tell` says what is known. False: it cannot be elsewhere.
    pub(crate) fn ask_elsewhere(
        &mut self,
        session: u32,
        (what, handle): (Wanted, &[u8]),
        tell: Tell,
        outgoing: &mut Outgoing,
    ) -> bool {
        let Some(number) = self.shared_number(handle) else { return false };
        let elsewhere = Elsewhere { what, handle: handle.into(), tell };
        let asked = (Which::Id(number), About::Elsewhere(Box::new(elsewhere)));
        self.ask(session, asked, outgoing, |outgoing| outgoing.text(session, b".\n".to_vec()));
        true
    }

    /// What the queue knows.
    pub(super) fn answered(&mut self, question: u64, answer: Result<Known, Fault>, outgoing: &mut Outgoing) {
        let open = self.membership.as_mut().and_then(|member| member.questions.open.remove(&question));
        let Some(Question { batch, rights, about }) = open else { return };
        let (what, batch) = (Answer::Asked(question), Some(batch));
        let seen = match answer {
            Ok(Known::Looked(seen)) => Ok(seen),
            _ => Err(NOT_KNOWN),
        };
        let sees = |seen: &Seen| rights.as_ref().is_none_or(|rights| rights.sees(&seen.function));
        let seen = seen.map(|seen| seen.filter(sees));
        if let About::Elsewhere(elsewhere) = about {
            let seen = seen.as_ref().map(Option::as_ref).map_err(|text| *text);
            let answer = (elsewhere.tell)(&elsewhere, seen);
            if let Ok(Some(Seen { id, state: SeenState::Free, .. })) = seen
                && elsewhere.what == Wanted::Cancel
            {
                self.changes.done(&Name { id: *id, unique: b"", function: b"" });
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
        let progress = [0, 0].map(Decimal::new);
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
            About::Elsewhere(_) => {}
        }
    }
}

const UNKNOWN: Status<'_> = Status { known: false, running: false, numerator: b"0", denominator: b"0" };
