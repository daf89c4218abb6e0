//! Who a request is from, and what it may do for that.

use crate::http::reply::Problem;
use crate::rights::{Need, Pattern, Rights};
use hyper::StatusCode;
use hyper::header::HeaderMap;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct Auth {
    /// What everybody may do, where there are no tokens.
    everything: Arc<Rights>,
}

impl Auth {
    pub(crate) fn new() -> Auth {
        let all = || Pattern::new("*").into_iter().collect();
        let rule = "there are no tokens".into();
        Auth { everything: Arc::new(Rights { rule, submit: all(), work: all(), admin: true, observe: true }) }
    }

    /// What a request may do.
    ///
    /// # Errors
    /// 401, where its token is none.
    pub(crate) fn rights(&self, _headers: &HeaderMap) -> Result<Arc<Rights>, Problem> {
        Ok(self.everything.clone())
    }
}

/// Whether those rights do for it. Where a function is to be submitted, which that is.
///
/// # Errors
/// 403, with what lacks.
pub(crate) fn allow(rights: &Rights, need: Need, function: &[u8]) -> Result<(), Problem> {
    rights.allow_need(need, function).map_err(|lacking| Problem::new(StatusCode::FORBIDDEN, lacking.to_string()))
}
