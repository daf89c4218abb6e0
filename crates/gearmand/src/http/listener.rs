//! Accepting HTTP connections, and serving each within bounds of time, memory and number.
//!
//! Owns the thread of the HTTP side and its connections. Must never know what they ask for.

use crate::config::HttpBounds;
use crate::config::tls::Tls;
use crate::http::Http;
use crate::http::api::events;
use crate::http::history;
use crate::http::patience::Patient;
use crate::http::places::{Place, Places, Seat};
use crate::http::reply::{Problem, Reply, until};
use crate::http::request::Via;
use crate::http::routes::answer;
use crate::net::listener::{Accept, Accepted, EXHAUSTED, Listener, is_one_connection};
use crate::net::stream::Socket;
use crate::net::threads::Thread;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Longest head of a request, and most that is read ahead of it.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields.
const MAX_FIELDS: usize = 64;
/// The first byte of a TLS connection, and of no request.
const HANDSHAKE: u8 = 0x16;

/// The HTTP side at work. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    _thread: Thread,
}

impl Serving {
    /// Begins to serve these listeners, on a thread of their own.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn start(listeners: Vec<Listener>, http: Arc<Http>) -> io::Result<Serving> {
        let thread = Thread::start("http".into())?;
        let runtime = thread.runtime();
        let _there = runtime.enter();
        runtime.spawn(history::keep(http.clone()));
        runtime.spawn(events::render(http.clone()));
        let places = Arc::new(Places::new(http.shared.lock().config.http.connections));
        for listener in listeners {
            runtime.spawn(accept(Accept::new(listener)?, http.clone(), places.clone()));
        }
        Ok(Serving { _thread: thread })
    }
}

async fn accept(listener: Accept, http: Arc<Http>, places: Arc<Places>) {
    let probe = http.shared.lock().config.keepalive;
    loop {
        match listener.next(probe).await {
            Ok(accepted) => {
                if let Some(place) = places.enter(accepted.peer.address) {
                    tokio::spawn(connection(accepted, http.clone(), place));
                }
            }
            Err(error) if is_one_connection(&error) => {}
            Err(error) => {
                http.shared.lock().cannot_accept(&error);
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// One connection, to its end.
async fn connection(accepted: Accepted, http: Arc<Http>, mut place: Place) {
    let Accepted { socket, name, tls, .. } = accepted;
    let (bounds, handshake) = {
        let config = &http.shared.lock().config;
        (config.http, config.handshake_timeout)
    };
    let watched = match socket.duplicate() {
        Ok(watched) => Some(watched),
        Err(error) => return http.shared.lock().cannot_accept(&error),
    };
    let unix = matches!(socket, Socket::Unix(_));
    let via = Via { name, unix, tls: tls.is_some(), slow: bounds.slow, socket: watched };
    let peer = Connected { http, via: Arc::new(via), bounds, seat: place.seat() };
    let serving = async {
        match (socket, tls) {
            (Socket::Unix(unix), _) => peer.serve(unix).await,
            (Socket::Tcp(tcp), None) => peer.plain(tcp).await,
            (Socket::Tcp(tcp), Some(tls)) => peer.encrypted(tcp, &tls, handshake).await,
        }
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = place.lost() => Err("it was idle, and others came".into()),
    };
    if let Err(reason) = ended {
        tracing::debug!("HTTP connection from {}: {reason}", peer.via.name);
    }
}

/// What serves the requests of one connection.
pub(crate) struct Connected {
    pub(crate) http: Arc<Http>,
    pub(crate) via: Arc<Via>,
    pub(crate) bounds: HttpBounds,
    pub(crate) seat: Arc<Seat>,
}

impl Connected {
    /// One that is not encrypted, and should not begin to be.
    async fn plain(&self, tcp: TcpStream) -> Result<(), String> {
        match first_byte(&tcp, self.bounds.head).await? {
            Some(HANDSHAKE) => Err(self.http.shared.lock().refuse_tls()),
            _ => self.serve(tcp).await,
        }
    }

    async fn encrypted(&self, tcp: TcpStream, tls: &Tls, limit: Duration) -> Result<(), String> {
        match first_byte(&tcp, limit).await? {
            Some(HANDSHAKE) => {}
            None => return Ok(()),
            Some(_) => return self.refuse_plain(tcp).await,
        }
        let stream = timeout(limit, TlsAcceptor::from(tls.current_http()).accept(tcp)).await;
        let stream = stream.map_err(|_| "its TLS handshake took too long".to_owned())?;
        self.serve(stream.map_err(|e| e.to_string())?).await
    }

    /// Requests of a stream, whatever it goes over, to its end.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Result<(), String> {
        let (http, via) = (self.http.clone(), self.via.clone());
        self.answer_by(stream, move |request| answer(http.clone(), via.clone(), request)).await
    }

    /// Tells a client that does not encrypt that it should.
    async fn refuse_plain(&self, tcp: TcpStream) -> Result<(), String> {
        let refused = |_| {
            let mut reply: Reply = Problem::bad_request("this port speaks TLS: https:// is wanted").into();
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            std::future::ready(reply)
        };
        self.answer_by(tcp, refused).await
    }

    /// Each request is answered so, within the bounds.
    async fn answer_by<S, F>(&self, stream: S, answer: impl Fn(hyper::Request<Incoming>) -> F) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = Reply>,
    {
        let service = service_fn(|request| {
            // It is busy until all of the answer was taken.
            let (busy, answering) = (self.seat.busy(), answer(request));
            async move { Ok::<_, Infallible>(until(answering.await, move || busy.is_there())) }
        });
        let mut ends = self.http.ending.subscribe();
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.head)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_FIELDS)
            // With a queue of its own for bodies, hyper would put what it answers to nonsense before an answer that waits there.
            .writev(false)
            .serve_connection(TokioIo::new(Patient::new(stream, self.bounds.slow)), service);
        let mut serving = pin!(serving);
        let served = tokio::select! {
            served = &mut serving => served,
            () = ends.begun() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        served.map_err(|e| e.to_string())
    }
}

/// The first byte that comes, which stays where it is. `None`: the end does.
async fn first_byte(tcp: &TcpStream, limit: Duration) -> Result<Option<u8>, String> {
    let mut byte = [0];
    let came = timeout(limit, tcp.peek(&mut byte)).await.map_err(|_| "it sends nothing".to_owned())?;
    came.map(|n| (n > 0).then_some(byte[0])).map_err(|e| e.to_string())
}
