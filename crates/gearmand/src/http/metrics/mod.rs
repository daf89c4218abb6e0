//! `/metrics`: what Prometheus reads, in the text format of OpenMetrics, or in Prometheus' own where only that is asked for.
//!
//! Numbers are taken from a page of the snapshot after the other, then written a [family](families) at a time, as fast as
//! they are read: neither holds the lock, and the whole text is never in memory. Owns what is known from one scrape to the
//! next. Must never know what a number means for others than Prometheus.
//!
//! Invariant: a counter never goes down, also that of all functions that are not named.

mod families;
mod functions;
pub(crate) mod process;
mod server;

use crate::http::metrics::functions::{Counts, Steady};
use crate::http::reply::{Problem, Reply, with_body};
use crate::http::{Http, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use hyper::header::{ACCEPT, HeaderMap};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::vec;
use tokio::sync::Mutex;

/// What is known from one scrape to the next.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Since 1970, when the server started.
    started: Duration,
    /// Of the functions that are not named. Held while numbers are taken, so that a scrape never sees less than the one
    /// before.
    others: Mutex<Steady>,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Metrics { started, others: Mutex::new(Steady::new(Counts::default())) }
    }
}

/// All numbers, as text.
pub(crate) async fn scrape(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let format = Format::accepted(&request.headers);
    let functions = {
        let mut others = http.metrics.others.lock().await;
        functions::read(&http.shared, &mut others).await
    };
    let mut parts = vec![server::read(&http)];
    parts.extend(families::of_functions(functions));
    let text = Text { parts: parts.into_iter(), format, waited: false, length: 0, ended: false };
    Ok(with_body(StatusCode::OK, format.content_type(), text.boxed()))
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// OpenMetrics, unless something else is wanted: `promtool check metrics` and old programs read only Prometheus' own.
    fn accepted(headers: &HeaderMap) -> Format {
        let accepts = |kind| headers.get_all(ACCEPT).iter().any(|a| a.to_str().is_ok_and(|a| a.contains(kind)));
        match accepts("text/plain") && !accepts("application/openmetrics-text") {
            true => Format::Prometheus,
            false => Format::OpenMetrics,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }

    /// One part of the text.
    fn write(self, out: &mut String, part: &Registry) -> fmt::Result {
        match self {
            Format::OpenMetrics => text::encode_registry(out, part),
            Format::Prometheus => prometheus_text::encode(out, part),
        }
    }

    fn write_end(self, out: &mut String) -> fmt::Result {
        match self {
            Format::OpenMetrics => text::encode_eof(out),
            Format::Prometheus => Ok(()),
        }
    }
}

/// The text, a part at a time. In between others are served.
struct Text {
    parts: vec::IntoIter<Registry>,
    format: Format,
    waited: bool,
    /// Of the part before: the next one may be as long.
    length: usize,
    ended: bool,
}

impl Text {
    fn next(&mut self) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(self.length);
        match self.parts.next() {
            Some(part) => self.format.write(&mut out, &part)?,
            None => {
                self.ended = true;
                self.format.write_end(&mut out)?;
            }
        }
        self.length = out.len();
        Ok(out)
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A string takes whatever is written to it. Without its end the text would be refused.
        match self.next() {
            Ok(text) => Poll::Ready(Some(Ok(Frame::data(text.into())))),
            Err(fmt::Error) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn the_format_that_is_asked_for() {
        for (accept, format) in [
            (None, Format::OpenMetrics),
            (Some("*/*"), Format::OpenMetrics),
            (Some("text/plain"), Format::Prometheus),
            (Some("text/plain;version=0.0.4;q=1,*/*;q=0.1"), Format::Prometheus),
            (
                Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"),
                Format::OpenMetrics,
            ),
        ] {
            let headers = accept.map(|accept| (ACCEPT, HeaderValue::from_static(accept))).into_iter().collect();
            assert_eq!(Format::accepted(&headers), format, "{accept:?}");
        }
    }
}
