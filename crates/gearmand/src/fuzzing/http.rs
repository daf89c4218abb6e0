//! Bytes as what a peer of the HTTP side sends, for the fuzz target `http` (fuzz/) and for tests. Whatever they are, the
//! connection comes to its end, and what is answered is HTTP.
//!
//! Bits of the first byte say whether there are tokens (1) and whether the peer came by a socket file (2); the second one,
//! how many bytes come at a time, up to 255.

use crate::Config;
use crate::config::Tokens;
use crate::http::Http;
use crate::http::auth::Auth;
use crate::http::budget::Budget;
use crate::http::client::Connect;
use crate::http::ending::Ending;
use crate::http::history::History;
use crate::http::listener::Connected;
use crate::http::live::Live;
use crate::http::metrics::Metrics;
use crate::http::places::Places;
use crate::http::request::Via;
use crate::http::routes::Routes;
use crate::shared::{Shared, State};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

/// The file of tokens, where there are any.
const TOKENS: &str =
    "[[token]]\nname = 'all'\ntoken = 'a-token-of-fuzzing'\nsubmit = '*'\nobserve = true\nadmin = true\n";
/// What says that an answer does not end by itself.
const EVENTS: &[u8] = b"text/event-stream";
/// By then any connection is at its end.
const LONG: Duration = Duration::from_secs(20);

/// Does what these bytes stand for.
///
/// # Panics
/// When what is promised is not kept.
pub fn run(bytes: &[u8]) {
    answered(bytes);
}

fn answered(bytes: &[u8]) -> Vec<u8> {
    let &[how, pace, ref sent @ ..] = bytes else { return Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let answer = runtime.unwrap_or_else(|e| panic!("{e}")).block_on(answer(how, usize::from(pace).max(1), sent));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
    answer
}

/// All that is answered.
async fn answer(how: u8, pace: usize, sent: &[u8]) -> Vec<u8> {
    let (peer, stream) = tokio::io::duplex(pace);
    let bounds = Config::default().http;
    let via = Via { name: "a peer".into(), unix: how & 2 != 0, tls: false, slow: bounds.slow, socket: None };
    let place = Arc::new(Places::new(1)).enter(None).unwrap_or_else(|| panic!("there is no place"));
    let connected = Connected { http: Arc::new(http(how & 1 != 0)), via: Arc::new(via), bounds, seat: place.seat() };
    let mut serving = pin!(connected.serve(stream));
    let mut talking = pin!(talk(peer, sent));
    let both = async {
        let answer = tokio::select! {
            _ = &mut serving => return talking.await,
            answer = &mut talking => answer,
        };
        // They go on until it is seen that nobody is there to read them.
        if !has_events(&answer) {
            let _ = serving.await;
        }
        answer
    };
    tokio::time::timeout(LONG, both).await.unwrap_or_else(|_| panic!("it goes on"))
}

fn has_events(answer: &[u8]) -> bool {
    answer.windows(EVENTS.len()).any(|part| part == EVENTS)
}

fn http(with_tokens: bool) -> Http {
    let tokens = || Tokens::parse(TOKENS, Path::new("tokens")).unwrap_or_else(|e| panic!("{e}"));
    // Nobody changes them.
    let tokens = with_tokens.then(|| watch::channel(Arc::new(tokens())).1);
    let config = Config::default();
    let bounds = config.http;
    Http {
        shared: Shared::new(State::new(config, Arc::default())),
        connect: Connect::new(|| Err(io::Error::other("there are no connections here"))),
        budget: Budget::of(bounds.bodies),
        monitoring: Budget::of(bounds.monitoring),
        ending: Ending::new(),
        auth: Auth::new(tokens),
        history: History::default(),
        live: Live::default(),
        metrics: Metrics::new(),
        routes: Routes::new().unwrap_or_else(|e| panic!("{e}")),
    }
}

/// Turns of the server's in which nothing came: nothing more will come until it is told something.
const SILENCE: usize = 20;

/// Sends all, and reads until the other end is closed, or has nothing more to say though it was told that this is the end.
async fn talk(peer: DuplexStream, sent: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(peer);
    let answer = RefCell::new(Vec::new());
    let silence = async || {
        let mut turns = 0;
        while turns < SILENCE {
            let before = answer.borrow().len();
            tokio::task::yield_now().await;
            turns = if answer.borrow().len() == before { turns + 1 } else { 0 };
        }
    };
    let sending = async {
        // What is behind a question for events is not read.
        let events = async {
            while !has_events(&answer.borrow()) {
                silence().await;
            }
        };
        tokio::select! {
            _ = writer.write_all(sent) => {} // the other end may have had enough
            () = events => {}
        }
        silence().await;
        let _ = writer.shutdown().await;
        silence().await;
    };
    let reading = async {
        let mut bytes = [0; 256];
        while let Ok(n @ 1..) = reader.read(&mut bytes).await {
            answer.borrow_mut().extend_from_slice(&bytes[..n]);
        }
    };
    tokio::select! {
        () = sending => {}
        () = reading => {}
    }
    answer.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use properties::properties;
    use proptest::prelude::*;

    /// What fuzzing begins with, and what it once found.
    #[test]
    fn the_seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/http");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 5);
        for file in files {
            println!("{}", file.display()); // shown when it fails
            let answer = answered(&std::fs::read(file).unwrap());
            assert!(!answer.is_empty());
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let words: &[&[u8]] = &[
            b"GET ",
            b"POST ",
            b"PATCH ",
            b"DELETE ",
            b"/",
            b"/healthz",
            b"/api/v1/functions/",
            b"f%00",
            b"%2f..",
            b"/jobs",
            b"?limit=1&after=x",
            b" HTTP/1.1\r\n",
            b" HTTP/1.0\r\n",
            b"Host: localhost\r\n",
            b"Origin: http://localhost\r\n",
            b"Authorization: Bearer a-token-of-fuzzing\r\n",
            b"Cookie: gearmand=x\r\n",
            b"Content-Type: application/json\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Connection: close\r\n",
            b"\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"{\"workload\":\"x\",\"background\":true}",
            b"token=a-token-of-fuzzing",
        ];
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        let bytes = prop::collection::vec(any::<u8>(), 0..8);
        prop_oneof![20 => prop::sample::select(words), 1 => bytes]
    }

    properties! {
        cases: 500;

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            run(&bytes);
        }

        #[test]
        fn what_looks_like_requests(how in any::<[u8; 2]>(), pieces in prop::collection::vec(pieces(), 0..40)) {
            run(&[&how[..], &pieces.concat()].concat());
        }

        /// A request of the seeds with something else in it, or without something.
        #[test]
        fn what_was_a_request(how in any::<[u8; 2]>(), at in 0..200_usize, cut in 0..10_usize, more in pieces()) {
            let request = b"POST /login?a=b HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
                            Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\n\
                            token=a-token-of-fuzzing";
            let (before, behind) = request.split_at(at.min(request.len()));
            run(&[&how[..], before, &more, &behind[cut.min(behind.len())..]].concat());
        }
    }
}
