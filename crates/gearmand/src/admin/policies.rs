//! `policy` and `policies`: what is wanted for the jobs of functions, set and shown. No state here.

use crate::admin::fields::{done, encoded, field, refused};
use crate::broker::policy::{Rule, Source};
use crate::broker::{Broker, Now};

/// Sets keys of a policy.
pub(crate) fn set(broker: &mut Broker, now: &Now, pattern: &str, words: &[&str]) -> Vec<u8> {
    match broker.set_policy(now, pattern, words.iter().copied()) {
        Ok(()) => {
            tracing::info!("policy {} {}", pattern.escape_debug(), words.join(" ").escape_debug());
            done()
        }
        Err(reason) => refused("INVALID_POLICY", reason),
    }
}

/// A rule: its pattern, where it comes from, and what it says.
pub(crate) fn line(out: &mut Vec<u8>, rule: &Rule) {
    encoded(out, rule.pattern.to_string().as_bytes());
    match rule.source {
        Source::File(line) => field(out, format!("file:{line}")),
        Source::RunTime => field(out, "run-time"),
    }
    for (key, value) in rule.policy.entries() {
        field(out, format!("{key}={value}"));
    }
    out.push(b'\n');
}
