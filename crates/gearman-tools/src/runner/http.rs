//! `/metrics` over HTTP. Nothing else, and so many connections at once: where there would be more, the oldest ends.

use crate::runner::metrics::{CONTENT_TYPE, text};
use crate::runner::orders::{Order, Orders};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE as TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Connections at once.
const MOST: usize = 16;
/// Longest wait for a request, and longest life of a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves for ever.
pub async fn serve(listener: TcpListener, orders: Orders) {
    let mut connections = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.retain(|connection: &JoinHandle<_>| !connection.is_finished());
                // Who takes long gives way: what is asked here is answered at once.
                if connections.len() == MOST
                    && let Some(oldest) = connections.pop_front()
                {
                    oldest.abort();
                }
                // Who is too slow is cut off; what it misses it knows itself.
                connections.push_back(tokio::spawn(timeout(PATIENCE, connection(stream, orders.clone()))));
            }
            // There may be no descriptor left for it; others become free.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, orders: Orders) {
    let service = service_fn(|request| {
        let orders = orders.clone();
        async move { Ok::<_, Infallible>(answer(&request, &orders).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // What a client does wrong, hyper answers.
    let _ = serving.await;
}

async fn answer(request: &Request<Incoming>, orders: &Orders) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return reply(StatusCode::NOT_FOUND, "text/plain", "there is /metrics alone\n".into());
    }
    match orders.ask(Order::Status).await.map(|status| text(&status)) {
        Some(Ok(text)) => reply(StatusCode::OK, CONTENT_TYPE, text),
        _ => reply(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the runner ends\n".into()),
    }
}

fn reply(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(text.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(TYPE, HeaderValue::from_static(kind));
    reply
}
