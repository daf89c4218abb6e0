//! What workers that asked for it are told of their jobs (JOB_NOTICE): which try one is, and that one was cancelled.
//!
//! Here are the two options by which it is asked for. Must never know why a job is tried again, or who cancelled it. Who has not
//! asked is sent nothing.

use crate::broker::Broker;
use crate::broker::activity::End;
use crate::broker::jobs::Job;
use crate::outgoing::Outgoing;
use gearman_core::protocol::message::{Decimal, News, Notice, Response};

impl Broker {
    /// OPTION_REQ: is it one of these two? Then it is on from now on.
    pub(super) fn wants_notices(&mut self, session: u32, option: &[u8]) -> bool {
        let notices = &mut self.sessions[session].notices;
        match option {
            b"attempts" => notices.attempts = true,
            b"cancel-notices" => notices.cancelled = true,
            _ => return false,
        }
        true
    }

    /// To be sent ahead of the job itself.
    #[inline]
    pub(super) fn tell_attempt(&self, session: u32, job: &Job, handle: &[u8], outgoing: &mut Outgoing) {
        if job.tries > 0 && self.sessions[session].notices.attempts {
            let attempt = Decimal::new(u64::from(job.tries) + 1);
            outgoing.response(session, &notice(handle, News::Attempt(attempt.as_ref())));
        }
    }

    /// A job that this session runs is over.
    pub(super) fn tell_cancelled(&self, session: u32, end: End, handle: &[u8], outgoing: &mut Outgoing) {
        if end == End::Cancelled && self.sessions[session].notices.cancelled {
            outgoing.response(session, &notice(handle, News::Cancelled));
        }
    }
}

fn notice<'a>(handle: &'a [u8], news: News<'a>) -> Response<'a> {
    Response::JobNotice(Notice { handle, news })
}
