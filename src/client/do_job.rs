//! do*(): a job whose result the call waits for, and do*Background(), which waits for its handle. What takes a job from PHP
//! in another way goes here, unless it makes a task.
use crate::call::{Arg, Call, Str, args, handlers};
use crate::client::Client;
use bytes::Bytes;
use gearman_core::client::task::{Ask, Event};
use gearman_core::protocol::message::Priority;
use gearman_core::{Error, ReturnCode};

fn submit(call: Call, priority: Priority, background: bool) {
    let (mut function, mut workload, mut unique) = (Str::NULL, Str::NULL, Str::NULL);
    let this = args!(call, Client, "SS|S!", &mut function, &mut workload, &mut unique);
    let (function, workload) = (function.or_empty(), workload.or_empty());
    let unique = this.core.borrow_mut().unique(unique.or_empty(), workload);
    end(call, this, Ask::submit(priority, background, function, unique.as_ref(), workload));
}

/// Sends it, and gives PHP what comes of it.
fn end(call: Call, this: &Client, ask: Result<Ask, Error>) {
    let last_error = &this.common.last_error;
    match this.ask(ask) {
        Ok(Event::Created(handle)) => {
            last_error.set(ReturnCode::Success);
            this.handle.set(Bytes::copy_from_slice(&handle)); // for long, see Event::detached()
            call.returns(this.handle.or_empty());
        }
        Ok(Event::Complete(result)) => {
            last_error.set(ReturnCode::Success);
            this.reply.set(result);
            call.returns(this.reply.or_empty());
            this.reply.set(None);
        }
        Ok(other) => {
            let (code, text) = match other {
                Event::Exception(_) => (ReturnCode::WorkException, "the job ended by an exception"),
                _ => (ReturnCode::WorkFail, "the job failed"),
            };
            last_error.note(code.number(), text);
            call.returns(&b""[..]);
        }
        Err(failure) => {
            if last_error.report(call, failure) {
                call.returns(&b""[..]);
            }
        }
    }
}

handlers! {
    fn r#do(call) {
        submit(call, Priority::Normal, false);
    }
    fn do_normal(call) {
        submit(call, Priority::Normal, false);
    }
    fn do_high(call) {
        submit(call, Priority::High, false);
    }
    fn do_low(call) {
        submit(call, Priority::Low, false);
    }
    fn do_background(call) {
        submit(call, Priority::Normal, true);
    }
    fn do_high_background(call) {
        submit(call, Priority::High, true);
    }
    fn do_low_background(call) {
        submit(call, Priority::Low, true);
    }
    fn do_background_at(call) {
        let (mut function, mut workload, mut when, mut unique) = (Str::NULL, Str::NULL, Arg::NULL, Str::NULL);
        let this = args!(call, Client, "SSz|S!", &mut function, &mut workload, &mut when, &mut unique);
        let Some(when) = call.moment(3, when) else { return };
        let (function, workload) = (function.or_empty(), workload.or_empty());
        let unique = this.core.borrow_mut().unique(unique.or_empty(), workload);
        end(call, this, Ask::submit_at(when, function, unique.as_ref(), workload));
    }
    fn do_job_handle(call) {
        call.returns(args!(call, Client, "").handle.or_empty());
    }
    /// A job of do*() is over when it returns: there is never anything to report.
    fn do_status(call) {
        args!(call, Client, "");
        call.returns([0.into(), 0.into()]);
    }
}
