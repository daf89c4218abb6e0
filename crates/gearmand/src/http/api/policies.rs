//! Rules of policies, listed.

use crate::broker::policy::{Rule, Source};
use crate::http::api::functions::Keys;
use crate::http::api::list::{gather, next, part};
use crate::http::pieces::large_json;
use crate::http::reply::{Problem, Reply};
use crate::http::{Http, Request, names};
use serde::Serialize;
use std::sync::Arc;

/// A rule, as it is shown.
#[derive(Serialize)]
pub(crate) struct Policy {
    pattern: String,
    href: String,
    source: String,
    policy: Keys,
}

impl From<Rule> for Policy {
    fn from(rule: Rule) -> Policy {
        let pattern = rule.pattern.to_string();
        let source = match rule.source {
            Source::File(line) => format!("file:{line}"),
            Source::RunTime => "run-time".into(),
        };
        Policy { href: names::policy(&pattern), pattern, source, policy: Keys(rule.policy) }
    }
}

#[derive(Serialize)]
struct All {
    policies: Vec<Policy>,
    next: Option<String>,
}

pub(crate) async fn list(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let page = gather(&http, part(&request)?, |broker, _, part| broker.policies(part)).await;
    let policies = page.entries.into_iter().map(Policy::from).collect();
    large_json(http.budget.claim(), &All { policies, next: next(page.next) })
}
