//! Server-sent events: what the page shows, again and again.
//!
//! Owns how events are written, and how often. Must never know who may watch: the one who lets the request in sees to it that
//! its answer ends with its right.
//!
//! Invariants:
//! - for all who watch there is one rendering in a while; what one of them wants besides is of one function;
//! - a rendering has its memory claimed for as long as it is being sent to anybody; where there is none, it is left out.

use crate::broker::snapshot::Cursor;
use crate::broker::{Broker, Now};
use crate::http::api::functions::Function;
use crate::http::api::server::Server;
use crate::http::history::Last;
use crate::http::live::Watching;
use crate::http::pieces::begin;
use crate::http::reply::{Problem, Reply, seconds, with_body};
use crate::http::samples::{Counts, Rates, Sample};
use crate::http::{Http, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;

/// From one event to the next.
const STEP: Duration = Duration::from_secs(2);
/// Where nothing is sent for so long, a comment is: what is in between must not take the line for dead.
const SILENCE: Duration = Duration::from_secs(15);
/// Most functions in an event: those that appeared first.
const FUNCTIONS: usize = 2000;

/// What comes first: how long a browser waits before it connects again, in milliseconds.
const BEGIN: &str = "retry: 2000\n\n";
const COMMENT: &str = ":\n\n";

/// All that there is, in an event.
#[derive(Serialize)]
struct Overview<'a> {
    at: f64,
    server: Server,
    functions: &'a [Changing],
    more: usize,
    total: Sample,
}

#[derive(Serialize)]
struct Changing {
    #[serde(flatten)]
    function: Function,
    /// What happened in the last step.
    now: Rates,
}

/// One function, in an event.
#[derive(Serialize)]
struct OfFunction {
    at: f64,
    sample: Sample,
    function: Function,
}

/// An event, as it is sent.
fn event(name: &str, data: &impl Serialize) -> Vec<u8> {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // Names are escaped, so it is one line; and nothing in it can fail.
    let written = serde_json::to_writer(&mut text, data);
    debug_assert!(written.is_ok());
    text.extend_from_slice(b"\n\n");
    text
}

/// Renders what is there, for ever, as long as somebody watches.
pub(crate) async fn render(http: Arc<Http>) {
    let mut before = None;
    loop {
        if http.live.wanted().await {
            before = None;
        }
        // The last sample is not long ago.
        let (total, functions) = before.take().unwrap_or_else(|| http.history.last());
        let (overview, counts) = overview(&http, total, &functions).await;
        before = Some(counts);
        let mut claim = http.monitoring.claim();
        match claim.grow(overview.len()) {
            Ok(()) => http.live.show(claim.until_gone(overview.into())),
            Err(_) => {
                tracing::debug!("HTTP: an event of {} bytes is left out: there is no memory for it", overview.len())
            }
        }
        tokio::time::sleep(STEP).await;
    }
}

/// The event, and what it counted. `before` is what was counted the last time.
async fn overview(http: &Http, mut total_before: Counts, before: &Last) -> (Vec<u8>, (Counts, Last)) {
    let mut total = http.look(|broker, now| Counts::begin(now, &broker.server()));
    let (mut functions, mut more, mut last, mut next) = (Vec::new(), 0, Last::new(), Some(Cursor::default()));
    let new = total_before.of_nothing();
    while let Some(from) = next {
        let (now, page) = http.look(|broker, now| (*now, broker.functions_with_activity(now, from)));
        next = page.next;
        for function in &page.entries {
            total.add(function);
            if functions.len() == FUNCTIONS {
                more += 1;
                continue;
            }
            let counts = Counts::of(&now, function);
            // One that is not there is new; or there were too many.
            let earlier = before.get(&function.name).or((before.len() < FUNCTIONS).then_some(&new)).unwrap_or(&counts);
            functions.push(Changing { function: function.into(), now: Rates::between(earlier, &counts) });
            last.insert(function.name.clone(), counts);
        }
        tokio::task::yield_now().await;
    }
    for (_, gone) in before.iter().filter(|(name, _)| !last.contains_key(*name)) {
        total_before.without(gone);
    }
    let sample = Sample::between(&total_before, &total);
    let at = http.look(|_, now| seconds(now.wall));
    let overview = Overview { at, server: Server::new(http), functions: &functions, more, total: sample };
    (event("overview", &overview), (total, last))
}

/// A stream of events; of one function besides, whenever there is one of this name: a page that shows it stays live while it is gone.
pub(crate) async fn stream(http: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let function = request.query_bytes("function");
    let watching = http.live.watch().ok_or_else(|| {
        let detail = "as many watch already as may: close a page, or ask again and again for what it shows";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(feed(http, watching, function, sender));
    Ok(with_body(StatusCode::OK, "text/event-stream", Pieces { pieces, rest: Bytes::new() }.boxed()))
}

/// Sends events until nobody reads them any more, or the server ends.
async fn feed(http: Arc<Http>, mut watching: Watching, function: Option<Vec<u8>>, to: mpsc::Sender<Bytes>) {
    let mut function = function.map(|name| Watched { name, before: None });
    let mut ends = http.ending.subscribe();
    tokio::select! {
        // An error means that the answer is at its end.
        _ = send(&http, &mut watching, function.as_mut(), &to) => {}
        () = ends.begun() => {}
    }
}

type Sent = Result<(), mpsc::error::SendError<Bytes>>;

async fn send(http: &Http, on: &mut Watching, mut function: Option<&mut Watched>, to: &mpsc::Sender<Bytes>) -> Sent {
    to.send(Bytes::from(BEGIN)).await?;
    loop {
        let overview = on.last.borrow_and_update().clone();
        if let Some(overview) = overview {
            to.send(overview).await?;
            if let Some(event) = function.as_mut().and_then(|function| function.event(http)) {
                to.send(event).await?;
            }
        }
        tokio::select! {
            changed = on.last.changed() => if changed.is_err() { return Ok(()) },
            () = to.closed() => return Ok(()),
            () = tokio::time::sleep(SILENCE) => to.send(Bytes::from(COMMENT)).await?,
        }
    }
}

/// The function that somebody watches.
struct Watched {
    name: Vec<u8>,
    before: Option<Counts>,
}

impl Watched {
    /// `None`: there is none of this name now.
    fn event(&mut self, http: &Http) -> Option<Bytes> {
        let look = |broker: &Broker, now: &Now| Some((*now, broker.function_named(now, &self.name)?));
        let (now, function) = http.look(look)?;
        let counts = Counts::of(&now, &function);
        let before = self.before.take().or_else(|| http.history.last_of(&self.name));
        let sample = Sample::between(before.as_ref().unwrap_or(&counts), &counts);
        self.before = Some(counts);
        Some(event("function", &OfFunction { at: seconds(now.wall), sample, function: (&function).into() }).into())
    }
}

/// A body that comes bit by bit, and is sent by frames.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    /// What was not sent yet of the last.
    rest: Bytes,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            let Some(piece) = ready!(self.pieces.poll_recv(cx)) else { return Poll::Ready(None) };
            self.rest = piece;
        }
        Poll::Ready(Some(Ok(Frame::data(begin(&mut self.rest)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::budget::Budget;

    /// It was one frame, of which each who reads slowly had a copy, and nothing was claimed for one that newer ones had followed.
    #[tokio::test]
    async fn a_long_event_is_sent_by_frames_and_has_its_memory_until_then() {
        const LENGTH: usize = 1 << 20;
        let budget = Budget::of(LENGTH);
        let mut claim = budget.claim();
        claim.grow(LENGTH).unwrap();
        let (sender, pieces) = mpsc::channel(1);
        sender.send(claim.until_gone(vec![b'x'; LENGTH].into())).await.unwrap();
        drop(sender);
        let mut body = Pieces { pieces, rest: Bytes::new() };
        let mut sent = 0;
        while let Some(frame) = body.frame().await {
            assert!(budget.claim().grow(LENGTH).is_err());
            let frame = frame.unwrap().into_data().unwrap();
            assert!(frame.len() <= 64 << 10, "{}", frame.len());
            sent += frame.len();
        }
        assert_eq!(sent, LENGTH);
        assert!(budget.claim().grow(LENGTH).is_ok());
    }
}
