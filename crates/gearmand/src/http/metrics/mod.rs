//! `/metrics`: what Prometheus reads, in the text format of OpenMetrics, or in Prometheus' own where only that is asked for.
//!
//! Numbers are taken from a page of the snapshot after the other, then written a [family](families) at a time, as fast as
//! they are read: neither holds the lock, and the whole text is never in memory. Owns what is known from one scrape to the
//! next. Must never know what a number means for others than Prometheus.
//!
//! Invariants:
//! - a counter never goes down, also that of all functions that are not named;
//! - what a scrape has in memory was claimed before its answer began: its numbers, and the part of the text that is being read.

mod families;
mod functions;
pub(crate) mod process;
mod server;

use crate::http::budget::Claim;
use crate::http::metrics::functions::{Counts, Entry, Steady};
use crate::http::pieces::begin;
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
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::vec;
use tokio::sync::Mutex;
use tokio::task::yield_now;

/// What is known from one scrape to the next.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Since 1970, when the server started.
    started: Duration,
    /// Which functions are named, and the sums of those that are not. Held while numbers are taken, so that a scrape never sees
    /// less than the one before.
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
    let text = Text::new(server::read(&http), functions, format, http.monitoring.claim())?;
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

/// The text, written a part at a time, and sent a frame at a time. Between two parts others are served.
struct Text {
    parts: vec::IntoIter<Registry>,
    format: Format,
    /// Room for a part.
    room: usize,
    /// What is written of it, and was not sent yet.
    rest: Bytes,
    waited: bool,
    ended: bool,
    /// The memory that all of it takes. It is free when it is sent.
    _claim: Claim,
}

impl Text {
    /// # Errors
    /// 503, where others have taken the memory for it.
    fn new(server: Registry, functions: Vec<Entry>, format: Format, mut claim: Claim) -> Result<Text, Problem> {
        let room = families::longest_part(&functions);
        claim.grow(room + functions.iter().map(Entry::size).sum::<usize>())?;
        let mut parts = vec![server];
        parts.extend(families::of_functions(functions));
        let parts = parts.into_iter();
        Ok(Text { parts, format, room, rest: Bytes::new(), waited: false, ended: false, _claim: claim })
    }

    /// Writes the next part.
    fn next(&mut self) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(self.room);
        match self.parts.next() {
            Some(part) => self.format.write(&mut out, &part)?,
            None => {
                self.ended = true;
                self.format.write_end(&mut out)?;
            }
        }
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
        while self.rest.is_empty() && !self.ended {
            self.waited = !self.waited;
            if self.waited {
                let _pending = pin!(yield_now()).poll(context);
                return Poll::Pending;
            }
            // A string takes whatever is written to it. Without its end the text would be refused.
            match self.next() {
                Ok(text) => self.rest = text.into(),
                Err(fmt::Error) => return Poll::Ready(None),
            }
        }
        let frame = begin(&mut self.rest);
        Poll::Ready((!frame.is_empty()).then(|| Ok(Frame::data(frame))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::budget::Budget;
    use crate::http::metrics::functions::Gauges;
    use hyper::header::HeaderValue;

    /// Nothing was claimed, and a part was one frame, which whoever reads slowly had twice in memory.
    #[tokio::test]
    async fn a_scrape_has_its_memory_until_it_is_read_by_frames() {
        let budget = Budget::of(40 << 16);
        let label = |n: usize| format!("{n}{}", "x".repeat(100));
        let entry = |n| Entry { label: label(n), gauges: Gauges::default(), counts: Counts::default() };
        let scrape = || {
            let functions = (0..200).map(entry).collect();
            Text::new(Registry::default(), functions, Format::OpenMetrics, budget.claim())
        };
        let (mut one, other) = (scrape().unwrap(), scrape().unwrap());
        assert_eq!(scrape().map_err(Reply::from).err().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        let mut text = Vec::new();
        while let Some(frame) = one.frame().await {
            let frame = frame.unwrap().into_data().unwrap();
            assert!(frame.len() <= 64 << 10, "{}", frame.len());
            text.extend_from_slice(&frame);
        }
        let text = String::from_utf8(text).unwrap();
        let last = format!("gearman_job_run_seconds_count{{function=\"{}\"}} 0\n", label(199));
        assert!(text.contains(&last) && text.ends_with("# EOF\n"), "{text}");
        assert!(scrape().is_err());
        drop(one);
        assert!(scrape().is_ok());
        drop(other);
    }

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
