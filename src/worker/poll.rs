//! poll(): work() for event loops. It runs a job if there is one, never waits for one, and the stream of getStreams() is ready
//! when there may be more.
//!
//! Owns nothing. Must never wait. Invariants: one job a turn, so that the loop's other events have theirs; while a function has
//! suspended its fiber, the next turn takes the next job.
use crate::call::{Call, args, handlers};
use crate::endpoint::Endpoint;
use crate::endpoint::streams::end_poll;
use crate::failure::Failure;
use crate::runtime::at_once;
use crate::worker::Worker;
use crate::worker::work::job_ended;
use gearman_core::{Error, ReturnCode};

impl Worker {
    fn poll(&self, call: Call) -> Result<(), Failure> {
        let last_error = &self.common.last_error;
        last_error.set(ReturnCode::Success);
        self.core.borrow_mut().begin_look();
        self.prepare();
        let job = at_once(async { self.core.borrow_mut().look().await })?;
        match job {
            Ok(job) => {
                self.outage.set(false);
                self.rouse(); // should the function suspend
                let ended = self.run_job(job, false)?;
                job_ended(call, self, ended).map(|_| ()).ok_or(Failure::Thrown)
            }
            Err(Error::WouldBlock) => {
                self.outage.set(false);
                Ok(())
            }
            Err(error @ (Error::NoServers | Error::NoFunctions | Error::Server { .. })) => Err(error.into()),
            // It is tried again, by itself: one warning for all that fail.
            Err(error) if self.outage.replace(true) => {
                last_error.note_error(&error);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

handlers! {
    fn poll(call) {
        let this = args!(call, Worker, "");
        let polled = this.poll(call);
        let rested = this.core.borrow_mut().rest();
        end_poll(call, this, polled, rested);
    }
}
