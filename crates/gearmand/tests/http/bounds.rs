//! Peers that take their time, come in crowds, or do not read: each is bounded, and others are served meanwhile.

use crate::http::events::Events;
use crate::http::{Client, HttpServer};
use crate::util::*;
use gearmand::{Config, Listener};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// So soon that a test can wait for it.
const SOON: Duration = Duration::from_millis(300);

/// It is not to be served for longer than [`SOON`].
fn hasty(config: &mut Config) {
    (config.http.head, config.http.slow) = (SOON, SOON);
}

/// A job of a client of each protocol is done, and each is answered.
async fn service(server: &HttpServer) {
    let served = async {
        server.get("/healthz").await.expect(200);
        let (mut worker, mut client) = (server.gearman.worker(&["f"]).await, server.gearman.peer().await);
        let handle = client.submit("f", "", b"work").await;
        worker.grab(&[&handle, b"f", b"work"]).await;
        worker.send(WORK_COMPLETE, &[&handle, b"done"]).await;
        client.expect(WORK_COMPLETE, &[&handle, b"done"]).await;
    };
    timeout(LONG, served).await.expect("nobody is served");
}

async fn ended(client: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(LONG, client.read_to_end(&mut rest)).await.expect("it goes on");
    rest
}

/// Sends this again and again until the server has had enough.
async fn drips(server: &HttpServer, begin: &[u8], drop: &[u8]) {
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(begin).await.unwrap();
    let (mut reader, mut writer) = client.split();
    let mut rest = Vec::new();
    let dripping = async {
        while writer.write_all(drop).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::future::pending::<()>().await
    };
    let ending = async {
        tokio::select! { _ = reader.read_to_end(&mut rest) => {}, () = dripping => {} }
    };
    timeout(LONG, ending).await.expect("it goes on");
}

#[tokio::test]
async fn heads_and_bodies_that_come_by_the_byte_come_to_an_end() {
    let server = HttpServer::with(hasty).await;
    drips(&server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b"x").await;
    drips(&server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n").await;
    drips(&server, b"", b"\r\n").await;
    let tokens = "[[token]]\nname = 'x'\ntoken = 'sixteen-characters'\nadmin = true";
    let tokens = gearmand::config::Tokens::parse(tokens, std::path::Path::new("t")).unwrap();
    let file = tokio::sync::watch::Sender::new(std::sync::Arc::new(tokens));
    let guarded = HttpServer::with(|config| {
        hasty(config);
        config.tokens = Some(file.subscribe());
    });
    let guarded = guarded.await;
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    drips(&guarded, format!("{head}Content-Length: 4000\r\n\r\n").as_bytes(), b"x").await;
    drips(&guarded, format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), b"1\r\nx\r\n").await;
    for server in [&server, &guarded] {
        service(server).await;
    }
}

#[tokio::test]
async fn who_says_nothing_or_nothing_more_is_let_go() {
    let server = HttpServer::with(hasty).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /healthz HT").await.unwrap();
    let mut idle = server.client().await;
    idle.get("/healthz").await.expect(200);
    ended(&mut silent).await;
    ended(&mut half).await;
    idle.ends().await;
}

/// A hundred thousand answers for somebody who reads none of them.
#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let server = HttpServer::with(hasty).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = socket.connect(server.address).await.unwrap();
    let request = b"GET /uplot.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    // Until the server does not read any more, and then has closed it.
    let sending = async { while deaf.write_all(&request).await.is_ok() {} };
    timeout(LONG, sending).await.expect("it waits for ever");
    service(&server).await;
}

#[tokio::test]
async fn where_there_are_too_many_the_one_that_is_idle_for_longest_goes() {
    let server = HttpServer::with(|config| config.http.connections = 3).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.client().await;
        client.get("/healthz").await.expect(200);
        clients.push(client);
    }
    // The first one is not idle for longest any more.
    clients[0].get("/healthz").await.expect(200);
    service(&server).await;
    clients.remove(1).ends().await;
    for client in &mut clients {
        client.get("/healthz").await.expect(200);
    }
}

/// With functions enough that metrics, an event and a list are large bodies.
async fn with_functions(change: impl FnOnce(&mut Config)) -> HttpServer {
    let server = HttpServer::with(change).await;
    let mut client = server.gearman.peer().await;
    for n in 0..200 {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[format!("f{n}").as_bytes(), b"", b""]).await.0, JOB_CREATED);
    }
    server
}

/// All had one memory: who may only submit took it by bodies that lacked their last byte, and nobody saw the server for hours.
#[tokio::test]
async fn jobs_take_no_memory_from_monitoring() {
    // As where others have all of it.
    let server = with_functions(|config| config.http.bodies = 0).await;
    let mut client = server.client().await;
    client.ask("POST", "/f", &[], &[b'x'; 64 << 10]).await.expect(503);
    server.get("/api/v1/functions?limit=200").await.expect(503);
    let metrics = server.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("gearman_jobs{function=\"f199\"} 1\n") && metrics.ends_with("\n# EOF\n"), "{metrics}");
    let mut events = Events::by(&server, "/api/v1/events", &[]).await;
    let event = events.block().await.unwrap();
    assert!(event.starts_with("event: overview\n") && event.contains("\"f199\""), "{event}");
}

/// Nor has that no bound.
#[tokio::test]
async fn monitoring_takes_no_memory_from_jobs() {
    let server = with_functions(|config| config.http.monitoring = 0).await;
    server.get("/metrics").await.expect(503);
    server.get("/api/v1/functions?limit=200").await.expect(200);
}

/// So many may wait to be accepted as the program lets wait: else the system makes them come again, seconds later.
fn with_room(listener: std::net::TcpListener) -> std::net::TcpListener {
    let socket = socket2::Socket::from(listener);
    socket.listen(4096).unwrap();
    socket.into()
}

/// Connections of all kinds, each of which is left as it is.
async fn crowd(server: &HttpServer, most: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for n in 0..most {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // It may be closed already.
        let _ = match n % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await,
            _ => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await,
        };
        crowd.push(stream);
    }
    crowd
}

/// The median of how long something takes.
async fn median(mut what: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..31 {
        let begin = std::time::Instant::now();
        what().await;
        times.push(begin.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn ten_thousand_connections_keep_nobody_out() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    // Both ends of those that are served are ours.
    let most = ((hard as usize).saturating_sub(4000)).min(10_000);
    assert!(most > 2000, "{hard} descriptors are too few for this test");
    let server = HttpServer::on(None, |listener| Listener::Tcp(with_room(listener)), |_| {}).await;
    let mut honest = server.client().await;
    let ask = async |client: &mut Client| {
        timeout(LONG, client.get("/healthz")).await.unwrap().expect(200);
    };
    let before = median(async || ask(&mut honest).await).await;
    let mut crowd = crowd(&server, most).await;
    let stands = crowd.iter_mut().rev().filter(|stream| !matches!(stream.try_read(&mut [0; 10]), Ok(0))).count();
    assert!(stands > 0);
    // Who was there is so no more: the crowd is of the same address. Whoever comes is served.
    for _ in 0..20 {
        service(&server).await;
    }
    let mut honest = server.client().await;
    let after = median(async || ask(&mut honest).await).await;
    // A wide margin: other tests run at the same time.
    assert!(after < before * 20 + Duration::from_millis(500), "{before:?} {after:?}");
    drop(crowd);
    service(&server).await;
}
