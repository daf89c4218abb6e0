//! `job` and `result`: what is known of one job, and what it returned. No state here.
//!
//! Invariant: of a job that a connection may not see nothing is told, not even that there is one.

use crate::admin::fields::{Fields, unix_time, unknown_job};
use crate::broker::snapshot::{JobInfo, Life};
use crate::broker::{Broker, Now};

/// How a job is named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    Handle(&'a [u8]),
    /// A function, and a unique key in it.
    Unique(&'a [u8], &'a [u8]),
}

/// All that is known of a job.
pub(crate) fn job(broker: &Broker, now: &Now, session: u32, name: Name<'_>) -> Vec<u8> {
    let Some(info) = find(broker, now, session, name) else { return unknown_job("there is no such job") };
    let mut fields = Fields::default();
    fields.put("handle", &info.handle);
    fields.put("function", &*info.function);
    fields.put("unique", &info.unique);
    fields.put("state", info.life.name());
    fields.put("priority", info.priority.name());
    fields.put("background", u8::from(info.background).to_string());
    fields.put("tries", info.tries.to_string());
    fields.put_some("due", info.due.map(unix_time));
    fields.put_some("age", info.age.map(|age| age.as_secs().to_string()));
    fields.put_some("worker", info.worker);
    if info.progress != [0, 0] {
        fields.put("numerator", info.progress[0].to_string());
        fields.put("denominator", info.progress[1].to_string());
    }
    if let Life::Dead(cause) = info.life {
        fields.put("reason", cause.name());
        fields.put_some("text", broker.dead_letter(&info.handle).map(|letter| letter.text));
    }
    fields.end()
}

fn find(broker: &Broker, now: &Now, session: u32, name: Name<'_>) -> Option<JobInfo> {
    let info = match name {
        Name::Handle(handle) => broker.job_info(now, handle),
        Name::Unique(function, unique) => broker.job_info_unique(now, function, unique),
    };
    info.filter(|info| broker.access(session).is_none_or(|access| access.rights.sees(&info.function)))
}

/// The result that is kept of a job; of one that has not ended, its state.
pub(crate) fn result(broker: &Broker, now: &Now, session: u32, handle: &[u8]) -> Vec<u8> {
    let Some(info) = find(broker, now, session, Name::Handle(handle)) else {
        return unknown_job("there is no such job, or its result is not kept");
    };
    let mut fields = Fields::default();
    fields.put("state", info.life.name());
    if let Life::Dead(cause) = info.life {
        fields.put("reason", cause.name());
    }
    fields.end()
}
