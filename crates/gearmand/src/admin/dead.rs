//! Dead letters, as they are listed and shown, tried again and forgotten. No state here.

use crate::admin::fields::{Fields, encoded, field, refused, so_many, unix_time, unknown_job};
use crate::broker::manage::NotBuried;
use crate::broker::retries::NotRetried;
use crate::broker::snapshot::{Cursor, DeadLetter};
use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;

/// Handle, function, unique key, tries, times of the first and the last one that failed, reason, last worker, bytes of the
/// workload, and what that worker said.
pub(crate) fn line(out: &mut Vec<u8>, letter: &DeadLetter) {
    encoded(out, &letter.handle);
    field(out, &*letter.function);
    field(out, &letter.unique);
    field(out, letter.tries.to_string());
    field(out, unix_time(letter.first));
    field(out, unix_time(letter.last));
    field(out, letter.cause.name());
    field(out, &*letter.worker);
    field(out, letter.size.to_string());
    field(out, &*letter.text);
    out.push(b'\n');
}

/// All of one.
pub(crate) fn show(letter: Option<DeadLetter>) -> Vec<u8> {
    let Some(letter) = letter else { return unknown_job("there is no such dead letter") };
    let mut fields = Fields::default();
    fields.put("handle", &letter.handle);
    fields.put("function", &*letter.function);
    fields.put("unique", &letter.unique);
    fields.put("priority", letter.priority.name());
    fields.put_some("reducer", letter.reducer);
    fields.put("tries", letter.tries.to_string());
    fields.put("first", unix_time(letter.first));
    fields.put("last", unix_time(letter.last));
    fields.put("reason", letter.cause.name());
    fields.put("text", letter.text);
    fields.put("worker", letter.worker);
    fields.put("workload", letter.workload.unwrap_or_default());
    fields.end()
}

/// The one of this handle becomes a job again; or all of this function.
pub(crate) fn retry(broker: &mut Broker, now: &Now, what: &[u8]) -> Vec<u8> {
    match broker.retry_dead(now, what) {
        Ok(()) => so_many(1),
        Err(NotRetried::Unknown) => match broker.retry_all(now, what) {
            0 if is_empty(broker, what) => unknown(what),
            count => so_many(count),
        },
        Err(NotRetried::KeyTaken(handle)) => key_taken(&handle),
        Err(NotRetried::TooManyFunctions) => {
            refused("NOT_RETRIED", "its function is unknown by now, and there are too many")
        }
        Err(NotRetried::Draining) => refused("NOT_RETRIED", "the server is to stop"),
    }
}

/// It is not tried again: this job has its key.
pub(crate) fn key_taken(handle: &[u8]) -> Vec<u8> {
    refused("NOT_RETRIED", format!("its unique key is that of job {}", handle.escape_ascii()))
}

/// The one of this handle is dropped; or all of this function.
pub(crate) fn forget(broker: &mut Broker, what: &[u8]) -> Vec<u8> {
    if broker.forget_dead(what) {
        return so_many(1);
    }
    match broker.forget_all(what) {
        0 => unknown(what),
        count => so_many(count),
    }
}

/// A job becomes one.
pub(crate) fn bury(broker: &mut Broker, now: &Now, handle: &[u8], outgoing: &mut Outgoing) -> Vec<u8> {
    match broker.bury_job(now, handle, outgoing) {
        Ok(()) => so_many(1),
        Err(NotBuried::Unknown) => unknown_job("there is no such job"),
        Err(NotBuried::Foreground) => refused("NOT_BURIED", "it is in the foreground and ends with who waits for it"),
    }
}

fn is_empty(broker: &Broker, function: &[u8]) -> bool {
    broker.dead_letters(Some(function), Cursor::default()).entries.is_empty()
}

fn unknown(what: &[u8]) -> Vec<u8> {
    unknown_job(format!("there is no dead letter of {}", what.escape_ascii()))
}
