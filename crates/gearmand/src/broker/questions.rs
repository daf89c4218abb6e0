//! What the broker asks a shared queue for those who want to know of a job that is not here, and their answers.
//!
//! Owns the questions that are not answered. What always holds: an answer waits in its place among those of its connection, and a
//! queue that does not answer in time is an error, never "unknown".

use crate::broker::Broker;
use crate::broker::jobs::Handle;
use crate::cluster::ask::{Answer as Known, Ask, Fault, Seen, SeenState, Which};
use crate::cluster::said::Said;
use crate::durable::MAX_ID;
use crate::outgoing::{Answer, Outgoing};
use crate::rights::Rights;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::{Decimal, Response, Status};
use std::collections::HashMap;
use std::sync::Arc;

/// What clients get when the queue is not answered for.
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
    handle: Handle,
    /// Of who asks; `None`: all.
    rights: Option<Arc<Rights>>,
}

impl Broker {
    /// The state of a job that is not here is asked for. False: it cannot be elsewhere.
    pub(super) fn ask_status(&mut self, session: u32, handle: &[u8], outgoing: &mut Outgoing) -> bool {
        let Some(number) = self.handles.parse(handle).filter(|number| *number < MAX_ID) else { return false };
        let rights = self.access(session).map(|access| access.rights.clone());
        let Some(member) = &mut self.membership else { return false };
        let batch = self.changes.want();
        member.questions.last += 1;
        let question = member.questions.last;
        let handle = self.handles.write(number);
        member.questions.open.insert(question, Question { batch, handle: handle.clone(), rights });
        member.said.push(Said::Ask { question, ask: Ask::Look(Which::Id(number)) });
        let status = Status { known: false, running: false, numerator: b"0", denominator: b"0" };
        outgoing.after_batch(session, Some(batch), Answer::Asked(question), |outgoing| {
            outgoing.response(session, &Response::Status { handle: &handle, status });
        });
        true
    }

    /// What the queue knows.
    pub(super) fn answered(&mut self, question: u64, answer: Result<Known, Fault>, outgoing: &mut Outgoing) {
        let open = self.membership.as_mut().and_then(|member| member.questions.open.remove(&question));
        let Some(Question { batch, handle, rights }) = open else { return };
        let seen = match answer {
            Ok(Known::Looked(seen)) => seen,
            _ => {
                let (code, text) = (ReturnCode::QueueError.name().as_bytes(), NOT_KNOWN.as_bytes());
                return outgoing.replace(Answer::Asked(question), Some(batch), &Response::Error { code, text });
            }
        };
        let sees = |seen: &Seen| rights.as_ref().is_none_or(|rights| rights.sees(&seen.function));
        let seen = seen.filter(|seen| sees(seen) && seen.state != SeenState::Dead);
        let progress = [0, 0].map(Decimal::new);
        let status = Status {
            known: seen.is_some(),
            running: seen.is_some_and(|seen| matches!(seen.state, SeenState::Owned { started: true, .. })),
            numerator: progress[0].as_ref(),
            denominator: progress[1].as_ref(),
        };
        outgoing.replace(Answer::Asked(question), Some(batch), &Response::Status { handle: &handle, status });
    }
}
