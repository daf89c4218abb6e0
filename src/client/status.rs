//! jobStatus() and its kin: how far a job is. What else there is to be asked about one by its handle, or by its unique key,
//! goes here where it is a packet, and into inquiry.rs where it is a text command.
use crate::call::{Reply, Str, args, handlers};
use crate::client::Client;
use gearman_core::ReturnCode;
use gearman_core::client::task::{Ask, Event, Known};

fn status(known: Known) -> Reply {
    [known.known.into(), known.running.into(), i64::from(known.numerator).into(), i64::from(known.denominator).into()]
        .into()
}

handlers! {
    fn job_status(call) {
        let mut handle = Str::NULL;
        let this = args!(call, Client, "S", &mut handle);
        let last_error = &this.common.last_error;
        let known = match this.ask(Ask::status(handle.or_empty())) {
            Ok(Event::Known(known)) => {
                last_error.set(ReturnCode::Success);
                known
            }
            Ok(_) => Known::default(),
            Err(failure) => match last_error.report(call, failure) {
                true => Known::default(),
                false => return,
            },
        };
        call.returns(status(known));
    }
    /// Unlike its sibling it leaves returnCode() alone, as in pecl, unless there was no answer, now or the last time.
    fn job_status_by_unique_key(call) {
        let mut unique = Str::NULL;
        let this = args!(call, Client, "S", &mut unique);
        let last_error = &this.common.last_error;
        let known = match this.ask(Ask::status_unique(unique.or_empty())) {
            Ok(answer) => {
                last_error.answered();
                if let Event::Known(known) = answer { known } else { Known::default() }
            }
            Err(failure) => {
                if !last_error.report(call, failure) {
                    return;
                }
                last_error.unanswered();
                Known::default()
            }
        };
        call.returns(status(known));
    }
}
