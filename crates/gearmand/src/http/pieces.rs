//! A body in pieces, some of them large: those are encoded while they are sent, so that an answer takes no more memory than
//! what it tells.
//!
//! Owns the encodings, and how long a frame is. Must never know what the pieces mean.
//!
//! Invariant: a frame is a few times [`STEP`] long at most, however large a piece is.

use crate::http::budget::Claim;
use crate::http::names::shown;
use crate::http::reply::{Problem, Reply, with_body};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// So much of a piece is encoded at a time. A multiple of three, so that no base64 is padded in the middle.
const STEP: usize = 48 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: VecDeque<Piece>,
    /// The memory that they take. It is free when they are sent.
    _claim: Claim,
}

#[derive(Debug)]
enum Piece {
    /// As it is.
    Plain(Bytes),
    /// The inside of a string in JSON. UTF-8.
    Text(Bytes),
    /// The same of what is no UTF-8, as names are shown.
    Shown(Bytes),
    Base64(Bytes),
}

impl Pieces {
    pub(crate) fn new(claim: Claim) -> Pieces {
        Pieces { pieces: VecDeque::new(), _claim: claim }
    }

    /// As it is.
    pub(crate) fn plain(&mut self, bytes: impl Into<Bytes>) {
        self.pieces.push_back(Piece::Plain(bytes.into()));
    }

    /// A string of JSON that is these bytes in base64.
    pub(crate) fn base64_string(&mut self, bytes: Bytes) {
        self.quoted(Piece::Base64(bytes));
    }

    /// A string of JSON: a text as it is; what is no UTF-8 as names are shown.
    pub(crate) fn string(&mut self, bytes: Bytes) {
        match std::str::from_utf8(&bytes) {
            Ok(_) => self.quoted(Piece::Text(bytes)),
            Err(_) => self.quoted(Piece::Shown(bytes)),
        }
    }

    /// A list of JSON.
    pub(crate) fn list(&mut self, entries: Vec<Bytes>, put: impl Fn(&mut Pieces, Bytes)) {
        // A comma, two quotes and what is between them: there may be many, and no room for twice as many.
        self.pieces.reserve_exact(4 * entries.len() + 2);
        self.plain("[");
        for (i, entry) in entries.into_iter().enumerate() {
            if i > 0 {
                self.plain(",");
            }
            put(self, entry);
        }
        self.plain("]");
    }

    fn quoted(&mut self, piece: Piece) {
        self.plain("\"");
        self.pieces.push_back(piece);
        self.plain("\"");
    }

    /// A body that is sent bit by bit; where it is short, at once.
    pub(crate) fn into_body(mut self) -> BoxBody<Bytes, Infallible> {
        if self.pieces.iter().map(|piece| piece.bytes().len()).sum::<usize>() > STEP {
            return self.boxed();
        }
        Full::new(self.next(usize::MAX)).boxed()
    }

    /// Frames of at least so many bytes, as long as there are so many.
    fn next(&mut self, least: usize) -> Bytes {
        let mut frame = Vec::new();
        while frame.len() < least
            && let Some(piece) = self.pieces.front_mut()
        {
            // What needs no encoding and is large is not copied either.
            if let Piece::Plain(bytes) = piece
                && bytes.len() >= STEP
                && frame.is_empty()
            {
                return bytes.split_to(STEP);
            }
            piece.take(&mut frame);
            if piece.bytes().is_empty() {
                self.pieces.pop_front();
            }
        }
        frame.into()
    }
}

impl Piece {
    fn bytes(&self) -> &Bytes {
        let (Piece::Plain(bytes) | Piece::Text(bytes) | Piece::Shown(bytes) | Piece::Base64(bytes)) = self;
        bytes
    }

    /// Its begin, encoded.
    fn take(&mut self, out: &mut Vec<u8>) {
        match self {
            Piece::Plain(bytes) => out.extend_from_slice(&begin(bytes)),
            Piece::Base64(bytes) => out.extend_from_slice(BASE64_STANDARD.encode(begin(bytes)).as_bytes()),
            Piece::Text(bytes) => put_inside(&String::from_utf8_lossy(&text_begin(bytes)), out),
            Piece::Shown(bytes) => put_inside(&shown(&text_begin(bytes)), out),
        }
    }
}

/// Takes the first [`STEP`] bytes, as far as there are so many.
pub(crate) fn begin(bytes: &mut Bytes) -> Bytes {
    bytes.split_to(STEP.min(bytes.len()))
}

/// The same, but for the begin of a character that goes on behind them.
fn text_begin(bytes: &mut Bytes) -> Bytes {
    let inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    // None has more than four bytes: where so many could only be inside of one, there is none.
    let end = (STEP - 3..=STEP).rev().find(|at| !inside(at)).unwrap_or(STEP);
    bytes.split_to(end.min(bytes.len()))
}

/// The inside of a string in JSON.
fn put_inside(text: &str, out: &mut Vec<u8>) {
    let quoted = serde_json::Value::from(text).to_string();
    out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}

/// A value as JSON, which may be large: what is claimed for it is free when it is sent.
///
/// # Errors
/// 503, where others have taken the rest.
pub(crate) fn large_json(mut claim: Claim, value: &impl Serialize) -> Result<Reply, Problem> {
    let body = serde_json::to_vec(value);
    let body = body.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    claim.grow(body.len())?;
    let mut pieces = Pieces::new(claim);
    pieces.plain(body.into_boxed_slice());
    Ok(with_body(StatusCode::OK, "application/json", pieces.into_body()))
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.next(STEP);
        Poll::Ready((!frame.is_empty()).then(|| Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        let plain = self.pieces.iter().all(|piece| matches!(piece, Piece::Plain(_)));
        let bytes = self.pieces.iter().map(|piece| piece.bytes().len() as u64).sum();
        if plain { SizeHint::with_exact(bytes) } else { SizeHint::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::budget::Budget;

    fn pieces() -> Pieces {
        Pieces::new(Budget::of(1 << 20).claim())
    }

    /// All of it, and how long the longest frame was.
    fn sent(mut pieces: Pieces) -> (Vec<u8>, usize) {
        let frames: Vec<Bytes> =
            std::iter::from_fn(|| Some(pieces.next(STEP)).filter(|frame| !frame.is_empty())).collect();
        (frames.concat(), frames.iter().map(Bytes::len).max().unwrap_or_default())
    }

    #[test]
    fn large_pieces_are_the_same_as_if_they_had_been_encoded_at_once() {
        for length in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP + 2] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            let text: String = "aé\"\u{1f600}\n".chars().cycle().take(length).collect();
            let mut all = pieces();
            all.plain("[");
            all.string(Bytes::from(text.clone()));
            all.plain(",");
            all.base64_string(bytes.clone().into());
            all.plain("]");
            let (sent, longest) = sent(all);
            assert!(longest <= 8 * STEP, "{longest}");
            let read: Vec<String> = serde_json::from_slice(&sent).unwrap();
            assert_eq!(read, [text, BASE64_STANDARD.encode(&bytes)]);
        }
    }

    /// It was written out at once, four times as long, and nothing was claimed for that.
    #[test]
    fn what_is_no_text_is_shown_while_it_is_sent() {
        for part in [&b"\x80"[..], b"\xf0\x9f", "aé\\\u{1f600}".as_bytes(), b"\xf0\x9f\x98\x80\x80\xc3"] {
            for length in [1, STEP - 2, STEP - 1, STEP, STEP + 1, 2 * STEP + 3] {
                let mut bytes: Vec<u8> = part.iter().copied().cycle().take(length).collect();
                bytes.push(0xff);
                let mut all = pieces();
                all.string(bytes.clone().into());
                let held: usize = all.pieces.iter().map(|piece| piece.bytes().len()).sum();
                assert_eq!(held, bytes.len() + 2, "its quotes");
                let (sent, longest) = sent(all);
                assert!(longest <= 8 * STEP, "{longest}");
                assert!(serde_json::from_slice::<String>(&sent).unwrap() == shown(&bytes), "{part:?} {length}");
            }
        }
    }

    #[test]
    fn lists() {
        let mut all = pieces();
        all.list(vec!["a\"".into(), Bytes::from_static(b"\xff")], Pieces::string);
        all.list(vec!["a".into()], Pieces::base64_string);
        all.list(Vec::new(), Pieces::string);
        assert_eq!(String::from_utf8(sent(all).0).unwrap(), r#"["a\"","\\xff"]["YQ=="][]"#);
    }

    #[test]
    fn the_length_of_plain_pieces_is_known() {
        let mut all = pieces();
        all.plain(vec![b'x'; 2 * STEP]);
        all.plain("yz");
        assert_eq!(all.size_hint().exact(), Some(2 * STEP as u64 + 2));
        assert_eq!(sent(all).0.len(), 2 * STEP + 2);
        let mut all = pieces();
        all.base64_string("yz".into());
        assert_eq!(all.size_hint().exact(), None);
    }

    /// A list, or a job with its workload, was no large body: each connection could have one that nothing was claimed for.
    #[tokio::test]
    async fn a_large_value_has_its_memory_until_it_is_sent() {
        let budget = Budget::of(1 << 20);
        let text = "a\n".repeat(150_000);
        let large = || large_json(budget.claim(), &text);
        let (one, other) = (large().unwrap(), large().unwrap());
        assert_eq!(large().map_err(Reply::from).unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(large_json(budget.claim(), &"small").is_ok());
        let length = one.body().size_hint().exact();
        let sent = one.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((length, serde_json::from_slice(&sent).ok()), (Some(sent.len() as u64), Some(text.clone())));
        assert!(large().is_ok());
        drop(other);
    }
}
