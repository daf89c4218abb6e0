//! `schedules`: which jobs the server submits itself, and when. No state here.

use crate::admin::fields::{encoded, field};
use crate::broker::recurring::Shown;

/// A schedule: its name, cron expression, zone, function, unique key, and in seconds since 1970 its next and its last run; empty
/// where there is none.
pub(crate) fn line(out: &mut Vec<u8>, shown: &Shown) {
    let schedule = &shown.schedule;
    let time = |at: Option<u64>| at.map(|at| at.to_string()).unwrap_or_default();
    encoded(out, schedule.name.as_bytes());
    field(out, schedule.cron.to_string());
    field(out, schedule.zone.as_ref().and_then(|zone| zone.iana_name()).unwrap_or_default());
    field(out, &schedule.function);
    field(out, &schedule.unique);
    field(out, time(shown.next));
    field(out, time(shown.last));
    out.push(b'\n');
}
