//! A request as its handler gets it: what its path names, its query and its body, all within bounds.
//!
//! Owns the decoding, and the bounds of what is decoded. Must never know what is done with it.
//!
//! Invariants:
//! - what a path names is bytes, as functions and keys are: `%2F` in it is no separator;
//! - a body is never longer than [`MAX_JSON`], or than what its handler takes, and its peer has only so long for it.

use crate::http::budget::Claim;
use crate::http::patience::time_for;
use crate::http::reply::Problem;
use crate::net::stream::Socket;
use crate::rights::Rights;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest body in JSON, but for that of a submit.
pub(crate) const MAX_JSON: usize = 64 * 1024;

/// What need not be encoded in a path.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'*').remove(b'@');

/// The connection that a request came by.
#[derive(Debug)]
pub(crate) struct Via {
    /// As the log names it.
    pub(crate) name: String,
    /// It is a socket in the file system.
    pub(crate) unix: bool,
    /// It is encrypted.
    pub(crate) tls: bool,
    /// How long a body may take to come, beyond what its length asks for.
    pub(crate) slow: Duration,
    /// Its socket, where it is one, to be [watched](Via::closed).
    pub(crate) socket: Option<Socket>,
}

impl Via {
    /// Returns when the peer has closed its end. Where it sent another request behind the one that is being answered, nothing
    /// is read from it meanwhile, and its end would not be seen.
    pub(crate) async fn closed(&self) {
        match &self.socket {
            // An error is an end as well.
            Some(socket) => drop(socket.closed().await),
            None => std::future::pending().await,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    /// What whoever sent it may do.
    pub(crate) rights: Arc<Rights>,
    /// How it came.
    pub(crate) via: Arc<Via>,
    /// What the path names, by the name that its route gives it.
    pub(crate) named: Vec<(&'static str, Vec<u8>)>,
    query: Vec<(String, String)>,
    raw_query: String,
    body: Incoming,
}

impl Request {
    pub(crate) fn new(
        request: hyper::Request<Incoming>,
        via: Arc<Via>,
        rights: Arc<Rights>,
        named: Vec<(&'static str, Vec<u8>)>,
    ) -> Request {
        let (head, body) = request.into_parts();
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        let query = form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
        Request { headers: head.headers, rights, via, named, query, raw_query, body }
    }

    /// What the path names by this name; nothing where its route has no such name.
    pub(crate) fn name(&self, of: &str) -> &[u8] {
        self.named.iter().find(|(name, _)| *name == of).map_or(b"", |(_, value)| value)
    }

    /// A word of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, of any bytes: a name.
    pub(crate) fn query_bytes(&self, name: &str) -> Option<Vec<u8>> {
        let words = self.raw_query.split('&').map(|word| word.split_once('=').unwrap_or((word, "")));
        // As form_urlencoded reads it, which knows texts alone.
        words
            .map(|(known, value)| (known, value.replace('+', " ")))
            .find(|(known, _)| decode(known) == name.as_bytes())
            .map(|(_, value)| decode(&value))
    }

    /// Whether something is wished for.
    ///
    /// # Errors
    /// 422, where that is not to be understood.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => Err(Problem::unfit(format!("{name}={other}: it is 0, 1, false or true"))),
        }
    }

    /// The whole body, of so many bytes at most.
    ///
    /// # Errors
    /// 413 where it is longer, 408 where it does not come, 400 where it ends too early.
    pub(crate) async fn body(&mut self, most: usize) -> Result<Bytes, Problem> {
        self.collect(most, |_| Ok(())).await
    }

    /// The same of a body that may be large: the claim is for what has come of it.
    ///
    /// # Errors
    /// Those of [`Request::body`], and those of the claim.
    pub(crate) async fn large_body(&mut self, most: usize, claim: &mut Claim) -> Result<Bytes, Problem> {
        self.collect(most, |bytes| claim.grow(bytes)).await
    }

    async fn collect(
        &mut self,
        most: usize,
        mut grows: impl FnMut(usize) -> Result<(), Problem>,
    ) -> Result<Bytes, Problem> {
        let too_long = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has {most} bytes at most here"));
        if self.body.size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        let begin = Instant::now();
        let mut whole = Vec::new();
        loop {
            let deadline = begin + self.via.slow + time_for(whole.len());
            let frame = tokio::time::timeout_at(deadline, self.body.frame()).await;
            let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly");
            let Some(frame) = frame.map_err(late)? else { return Ok(whole.into()) };
            let frame = frame.map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))?;
            // Trailers are nothing to us.
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > most {
                return Err(too_long());
            }
            grows(whole.len() + data.len())?;
            whole.extend_from_slice(&data);
        }
    }

    /// The body, which is JSON.
    ///
    /// # Errors
    /// Those of [`Request::body`]; 415 where it is said to be something else, 400 where it is no JSON, and 422 where it says
    /// something that is not wanted.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, most: usize) -> Result<T, Problem> {
        self.is_json()?;
        parse_json(&self.body(most).await?)
    }

    /// The body is said to be JSON.
    ///
    /// # Errors
    /// 415, where it is not.
    pub(crate) fn is_json(&self) -> Result<(), Problem> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            let detail = "the body has to be JSON, and to say so: Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        Ok(())
    }
}

/// # Errors
/// 400 where it is no JSON, and 422 where it says something that is not wanted.
pub(crate) fn parse_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // A list would be taken for an object whose names are left out.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::unfit("the body: it has to be an object, not a list"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::unfit(format!("the body: {error}")),
        _ => Problem::bad_request(format!("the body is no JSON: {error}")),
    })
}

/// A segment of a path -> the bytes that it stands for.
pub(crate) fn decode(segment: &str) -> Vec<u8> {
    percent_decode_str(segment).collect()
}

/// Bytes -> a segment of a path.
pub(crate) fn encode(name: &[u8]) -> String {
    match name {
        // They would be taken for places in the tree.
        b"." => "%2E".into(),
        b".." => "%2E%2E".into(),
        _ => percent_encode(name, IN_PATH).to_string(),
    }
}
