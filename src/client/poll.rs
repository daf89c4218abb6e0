//! poll(): runTasks() for event loops. It does what can be done without waiting, and the stream of getStreams() is ready when
//! there is more.
//!
//! Owns nothing. Must never wait. Invariants: each task ends by a callback of its own or by a warning; what a turn leaves undone,
//! also where a callback threw, the next one does; while a callback has suspended its fiber, the next turn goes on with the others.
use crate::call::{args, handlers};
use crate::client::Client;
use crate::client::run_tasks::Reporter;
use crate::endpoint::Endpoint;
use crate::endpoint::streams::end_poll;
use crate::failure::Failure;
use crate::runtime::at_once;
use crate::sys::{exception_pending, in_fiber};
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::time::Instant;

/// After so long callbacks wait for the next turn, so that the loop's other events have theirs.
const TURN: Duration = Duration::from_millis(1);

impl Client {
    fn poll(&self) -> Result<(), Failure> {
        self.common.last_error.set(ReturnCode::Success);
        // What is added may be tried at servers that could not be reached before.
        let new = self.send_added(Some(Instant::now()));
        self.core.borrow_mut().begin_look(new);
        at_once(async { self.core.borrow_mut().look().await })?;
        self.end_silent();
        self.report_all()?;
        match self.tasks.failed.take() {
            Some(first) => Err((*first).into()),
            None => Ok(()),
        }
    }

    fn report_all(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        while let Some((id, event)) = self.next_event() {
            if in_fiber() {
                self.rouse(); // should the callback suspend, the next turn takes what is left
            }
            self.report(id, event, Reporter::Poll)?;
            // A destructor of what the task held may have thrown.
            if exception_pending() {
                return Err(Failure::Thrown);
            }
            if begun.elapsed() >= TURN {
                break;
            }
        }
        Ok(())
    }

    fn limit(&self) -> Option<Duration> {
        u64::try_from(self.common.timeout.get()).ok().map(|limit| Duration::from_millis(limit.min(1 << 40)))
    }

    /// Ends tasks that setTimeout() gives no more time: nothing was heard for so long, and they wait for so long.
    fn end_silent(&self) {
        let (now, reports) = (Instant::now(), self.core.borrow().reports());
        if !self.core.borrow().has_tasks() {
            return self.tasks.heard.set(None);
        }
        let silent = self.tasks.heard.get().filter(|(_, before)| *before == reports);
        let Some((since, limit)) = silent.map(|(since, _)| since).zip(self.limit()) else {
            self.tasks.heard.set(Some((now, reports)));
            // Others are heard of, for as long as they please: who hangs is known by its own silence.
            return self.limit().iter().for_each(|limit| self.core.borrow_mut().pass_over(*limit, *limit, None));
        };
        if since + limit > now {
            return;
        }
        let (late, others): (Vec<_>, Vec<_>) =
            self.sent_since().into_iter().partition(|(since, _)| since.is_none_or(|since| since + limit <= now));
        let late: Vec<_> = late.into_iter().map(|(_, id)| id).collect();
        let mut core = self.core.borrow_mut();
        let error = core.timeout(limit);
        core.end(&late, &error);
        // The first half may have gone by with connecting, or sending.
        core.pass_over(limit, limit / 2, Some(&late));
        drop(core);
        let oldest = others.into_iter().filter_map(|(since, _)| since).min();
        self.tasks.heard.set(Some((oldest.unwrap_or(now), reports)));
    }

    /// Has the stream ready when the next turn has something to do.
    fn rest(&self) -> Result<Option<Instant>, Error> {
        let again = self.tasks.again.take();
        let now = again.is_some() || !self.tasks.added.borrow().is_empty();
        self.tasks.again.set(again);
        let silent = self.tasks.heard.get().filter(|_| self.core.borrow().has_tasks());
        let silent = silent.zip(self.limit()).map(|((since, _), limit)| since + limit);
        self.core.borrow_mut().rest(if now { Some(Instant::now()) } else { silent })
    }
}

handlers! {
    fn poll(call) {
        let this = args!(call, Client, "");
        let polled = this.poll();
        end_poll(call, this, polled, this.rest());
    }
}
