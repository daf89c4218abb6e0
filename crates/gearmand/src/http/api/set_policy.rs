//! `PATCH /api/v1/policies/{pattern}`: keys of a policy are set at run time, or taken back.
//!
//! Owns how values are written in JSON. Must never know what they mean: that is said by the policy itself.

use crate::broker::policy::Policy;
use crate::http::api::policies;
use crate::http::reply::{Problem, Reply, done, json};
use crate::http::request::MAX_JSON;
use crate::http::{Http, Request};
use hyper::StatusCode;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(crate) async fn set(http: Arc<Http>, mut request: Request) -> Result<Reply, Problem> {
    let keys: Map<String, Value> = request.json(MAX_JSON).await?;
    let pattern = std::str::from_utf8(request.name("pattern"));
    let pattern = pattern.map_err(|_| Problem::unfit("the pattern: it has to be UTF-8"))?;
    let words = keys.iter().map(|(key, value)| word(key, value)).collect::<Result<Vec<_>, _>>()?;
    let set = http.shared.stored(|state| {
        let now = state.read_clock();
        state.broker.set_policy(&now, pattern, words.iter().map(String::as_str))?;
        Ok::<_, String>(state.broker.policy_set(pattern).cloned())
    });
    let rule = set.await.map_err(Problem::unfit)?;
    tracing::info!("policy {} {}", pattern.escape_debug(), words.join(" ").escape_debug());
    Ok(rule.map_or_else(done, |rule| json(StatusCode::OK, &policies::Policy::from(rule))))
}

/// A key and its value as on a command line. Null takes it back.
fn word(key: &str, value: &Value) -> Result<String, Problem> {
    if !Policy::KEYS.contains(&key) {
        return Err(Problem::unfit(Policy::no_key(key)));
    }
    let value = match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => {
            return Err(Problem::unfit(format!("{key}: it is empty; null takes back what was set")));
        }
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            return Err(Problem::unfit(format!("{key}: it has to be a string, a number, true, false or null")));
        }
    };
    Ok(format!("{key}={value}"))
}
