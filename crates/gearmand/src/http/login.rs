//! The page's form to log in and out, and who a request is from.

use crate::http::auth::NAME;
use crate::http::reply::{Problem, Reply, json, see_other};
use crate::http::{Http, Request};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ORIGIN, SET_COOKIE};
use serde::Serialize;
use std::sync::Arc;

/// Longest form.
const MAX_FORM: usize = 4 * 1024;

/// A token -> a cookie, and back to the page.
pub(crate) async fn log_in(http: Arc<Http>, mut request: Request) -> Result<Reply, Problem> {
    if !http.auth.has_tokens() {
        return Ok(see_other("/"));
    }
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = "the body has to be a form: Content-Type: application/x-www-form-urlencoded";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let body = request.body(MAX_FORM).await?;
    let token = form_urlencoded::parse(&body).find(|(name, _)| name == "token").map(|(_, value)| value);
    match http.auth.cookie(token.unwrap_or_default().trim().as_bytes()) {
        Some(cookie) => with_cookie(see_other("/"), &request, &cookie, ""),
        None => {
            http.auth.wrong(&request.via.name);
            Ok(see_other("/?login=failed"))
        }
    }
}

/// The cookie goes.
pub(crate) async fn log_out(_: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    with_cookie(see_other("/"), &request, "", "; Max-Age=0")
}

/// The browser keeps this cookie from scripts and from other sites, and from the clear where the page came encrypted: by us,
/// or by a proxy in front.
fn with_cookie(mut reply: Reply, request: &Request, value: &str, more: &str) -> Result<Reply, Problem> {
    let origin = request.headers.get(ORIGIN).map_or(&b""[..], |origin| origin.as_bytes());
    let secure = if request.via.tls || origin.starts_with(b"https://") { "; Secure" } else { "" };
    let cookie = format!("{NAME}={value}; HttpOnly; SameSite=Strict; Path=/{secure}{more}");
    let cookie =
        cookie.parse().map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no cookie can be made"))?;
    reply.headers_mut().insert(SET_COOKIE, cookie);
    Ok(reply)
}

/// What the page begins with.
#[derive(Serialize)]
struct Who<'a> {
    name: Option<&'a str>,
    /// Whether there are tokens to log in with.
    login: bool,
    observe: bool,
    submit: Vec<String>,
    admin: bool,
}

/// Who a request is from, and what it may do.
pub(crate) async fn whoami(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let caller = http.auth.caller(&request.headers);
    if caller.is_wrong() {
        http.auth.wrong(&request.via.name);
        return Err(Problem::unauthorized("there is no such token"));
    }
    let rights = &caller.rights;
    let submit = rights.submit.iter().map(|pattern| pattern.to_string()).collect();
    let login = http.auth.has_tokens();
    Ok(json(StatusCode::OK, &Who { name: caller.name(), login, observe: rights.observe, submit, admin: rights.admin }))
}
