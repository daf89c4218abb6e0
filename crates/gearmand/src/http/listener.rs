//! Accepting HTTP connections, and serving each within bounds of time, memory and number.
//!
//! Owns the thread of the HTTP side and its connections. Must never know what they ask for.

use crate::config::tls::Tls;
use crate::http::Http;
use crate::http::api::events;
use crate::http::history;
use crate::http::routes::answer;
use crate::net::listener::{Accept, Accepted, Listener};
use crate::net::stream::Socket;
use crate::net::threads::Thread;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

/// Most connections at a time.
const CONNECTIONS: usize = 1024;
/// Longest head of a request, and most that is read ahead of it.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields.
const MAX_FIELDS: usize = 64;
/// How long a head may take to come; and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long nobody is accepted when the system has no more descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

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
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        for listener in listeners {
            runtime.spawn(accept(Accept::new(listener)?, http.clone(), places.clone()));
        }
        Ok(Serving { _thread: thread })
    }
}

async fn accept(listener: Accept, http: Arc<Http>, places: Arc<Semaphore>) {
    let probe = http.shared.lock().config.keepalive;
    loop {
        let accepted = match listener.next(probe).await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("HTTP: cannot accept: {error}");
                tokio::time::sleep(EXHAUSTED).await;
                continue;
            }
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            tokio::spawn(connection(accepted, http.clone(), place));
        }
    }
}

/// One connection, to its end.
async fn connection(accepted: Accepted, http: Arc<Http>, _place: OwnedSemaphorePermit) {
    let Accepted { socket, name, tls, .. } = accepted;
    let ended = match (socket, tls) {
        (Socket::Tcp(tcp), None) => serve(tcp, http).await,
        (Socket::Unix(unix), None) => serve(unix, http).await,
        (Socket::Tcp(tcp), Some(tls)) => encrypted(tcp, &tls, http).await,
        (Socket::Unix(unix), Some(tls)) => encrypted(unix, &tls, http).await,
    };
    if let Err(reason) = ended {
        tracing::debug!("HTTP connection from {name}: {reason}");
    }
}

async fn encrypted<S>(socket: S, tls: &Tls, http: Arc<Http>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepting = TlsAcceptor::from(tls.current()).accept(socket);
    let stream = tokio::time::timeout(HEAD_TIME, accepting).await;
    let stream = stream.map_err(|_| "its TLS handshake took too long".to_owned())?;
    serve(stream.map_err(|e| e.to_string())?, http).await
}

async fn serve<S>(stream: S, http: Arc<Http>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut ends = http.ending.subscribe();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let http = http.clone();
        async move { Ok::<_, Infallible>(answer(http, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
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
