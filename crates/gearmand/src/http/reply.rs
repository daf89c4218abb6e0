//! What a request is answered with: a body with its type, or a problem that says what is wrong and what to do.
//!
//! Owns the bodies and the headers that every answer has. Must never know what was asked for.
//!
//! Invariant: nothing that a peer sent is in a header, and in a body only where its type says that it is no HTML.

use crate::http::small::begin;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// An answer.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

/// What is read as soon as it is there, and not kept by anybody in between.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// So much is told of what is wrong, with the mark that there is more: it may name what a peer sent, and no memory is claimed
/// for it.
const MAX_DETAIL: usize = 1024 - '…'.len_utf8();

/// What every answer says to browsers: it is what its type says, no page of anybody's shows it or has a part of it, nothing in
/// it runs or is loaded, and where it leads, nobody else learns from where.
const TO_BROWSERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // Not "no-referrer": browsers then hide the Origin even from ourselves, and the login form's has to be right.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// An answer with this body.
pub(crate) fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    with_body(status, kind, Full::new(body.into()).boxed())
}

/// The same, of a body that comes bit by bit.
pub(crate) fn with_body(status: StatusCode, kind: &'static str, body: BoxBody<Bytes, Infallible>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.extend(TO_BROWSERS);
    reply
}

/// What was asked for is found there, by GET.
pub(crate) fn see_other(path: &'static str) -> Reply {
    let mut reply = text(StatusCode::SEE_OTHER, Bytes::new());
    reply.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    reply
}

/// The same, whose body ends when it may not go on. That is asked before each piece of it.
pub(crate) fn until(reply: Reply, goes_on: impl Fn() -> bool + Send + Sync + 'static) -> Reply {
    reply.map(|body| Until { body, goes_on: Box::new(goes_on) }.boxed())
}

struct Until {
    body: BoxBody<Bytes, Infallible>,
    goes_on: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Body for Until {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match (self.goes_on)() {
            true => Pin::new(&mut self.body).poll_frame(cx),
            false => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text)
}

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => reply(status, "application/json", body),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into(),
    }
}

/// A duration, or a time since 1970, in seconds: exact to the microsecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

/// It is done, and there is nothing to say of it.
pub(crate) fn done() -> Reply {
    let mut reply = text(StatusCode::NO_CONTENT, Bytes::new());
    reply.headers_mut().remove(CONTENT_TYPE);
    reply
}

/// Why a request is not answered as it wished (RFC 9457).
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What is wrong, where, and how to mend it.
    detail: String,
    /// Methods that the path has.
    #[serde(skip)]
    allow: Option<String>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error");
        let detail = begin(&detail.into(), MAX_DETAIL).into_owned();
        Problem { kind: "about:blank", title, status, detail, allow: None }
    }

    /// There is nothing of this name.
    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// Who it is from has to be known, and is not.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// It is not as it has to be.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A value is not what it has to be.
    pub(crate) fn unfit(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// What is there does not let it be done.
    pub(crate) fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail)
    }

    /// The path has other methods.
    pub(crate) fn wrong_method(allow: String) -> Problem {
        let detail = format!("this path has {allow}");
        Problem { allow: Some(allow), ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Reply {
        // Strings and a number: nothing that could fail.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut reply = reply(problem.status, "application/problem+json", body);
        if problem.status == StatusCode::UNAUTHORIZED {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"gearmand\""));
        }
        if let Some(allow) = problem.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            reply.headers_mut().insert(ALLOW, allow);
        }
        reply
    }
}
