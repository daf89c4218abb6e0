//! Requests that keep to HTTP as little as they can: each has an answer or an end, and others are served.

use crate::http::{Client, HttpServer};
use crate::util::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// All that is answered to these bytes, until the server closes, or to the end of what was asked.
async fn answer_to(server: &HttpServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // It may have closed before all was sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap_or_else(|_| panic!("{}", bytes.escape_ascii()));
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").or(answer.strip_prefix("HTTP/1.0 ")).map_or("", |rest| &rest[..3])
}

/// The status of the answer to a request of these lines; nothing where the connection ends without one.
async fn asked(server: &HttpServer, lines: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{}\r\n\r\n", lines.replace('\n', "\r\n")).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && timeout(LONG, stream.read_buf(&mut answer)).await.unwrap().is_ok_and(|n| n > 0) {}
    status(&String::from_utf8_lossy(&answer)).into()
}

#[tokio::test]
async fn tricks_with_paths_lead_nowhere() {
    let server = HttpServer::start().await;
    for path in [
        "/../../etc/passwd",
        "/..",
        "/.",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/healthz/..",
        "/healthz/",
        "//healthz",
        "/./healthz",
        "/%68ealthz",
        "/healthz%00",
        "/app.js%00.html",
        "/APP.JS",
        "/index.html/../app.js",
        "/web/app.js",
        "/README.md",
        "/.git/config",
        "/api/v1/../../healthz",
        "/api/v1//whoami",
        "/api/v1/%2e%2e/%2e%2e/healthz",
        "/%",
        "/%zz",
        "/%ff%fe",
        "/\\..\\..\\etc",
        "/healthz;a=b",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n",
    ] {
        let status = asked(&server, &format!("GET {path} HTTP/1.1\nHost: localhost")).await;
        assert!(["400", "404", "405"].contains(&status.as_str()), "{path}: {status}");
    }
    let long = format!("/{}", "a".repeat(15_000));
    assert!(["404", "405"].contains(&asked(&server, &format!("GET {long} HTTP/1.1\nHost: localhost")).await.as_str()));
    assert_eq!(asked(&server, "GET /healthz?../../x=%00&%zz HTTP/1.1\nHost: localhost").await, "200");
    assert_eq!(asked(&server, "GET http://localhost/healthz HTTP/1.1\nHost: localhost").await, "200");
    assert_eq!(asked(&server, "GET http://evil.example.com/healthz HTTP/1.1\nHost: localhost").await, "403");
}

#[tokio::test]
async fn strange_methods_and_versions() {
    let server = HttpServer::start().await;
    for (lines, expected) in [
        ("OPTIONS * HTTP/1.1\nHost: localhost", "404"),
        ("OPTIONS /healthz HTTP/1.1\nHost: localhost", "405"),
        ("CONNECT localhost:80 HTTP/1.1\nHost: localhost:80", "404"),
        ("TRACE /healthz HTTP/1.1\nHost: localhost", "405"),
        ("BREW /healthz HTTP/1.1\nHost: localhost", "405"),
        ("get /healthz HTTP/1.1\nHost: localhost", "405"),
        ("PRI * HTTP/2.0\n\nSM\n", ""),
        ("GET /healthz HTTP/1.2\nHost: localhost", "400"),
        ("GET /healthz HTTP/3.0\nHost: localhost", "400"),
        ("GET /healthz\nHost: localhost", "400"),
        ("GET  /healthz HTTP/1.1\nHost: localhost", "400"),
        ("GET healthz HTTP/1.1\nHost: localhost", "403"),
        ("\u{0}REQ\u{0}\u{0}", "400"),
        ("GET /healthz HTTP/1.1", "400"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nHost: localhost", "400"),
        ("GET /healthz HTTP/1.0", "200"),
        ("GET /healthz HTTP/1.0\nHost: localhost", "200"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nUpgrade: websocket\nConnection: Upgrade", "200"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__", "200"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nExpect: 100-continue", "200"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nExpect: the-impossible", "200"),
        ("GET /healthz HTTP/1.1\nHost : localhost", "400"),
        ("GET /healthz HTTP/1.1\nHost: localhost\n folded: yes", "400"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nX: a\u{0}b", "400"),
        ("GET /healthz HTTP/1.1\nHost: localhost\nRange: bytes=0-0,-99999999999999999999", "200"),
    ] {
        assert_eq!(asked(&server, lines).await, expected, "{}", lines.escape_debug());
    }
}

/// Where a request ends must be beyond doubt: else a proxy in front may see another one (smuggling).
#[tokio::test]
async fn lengths_that_contradict_themselves() {
    let server = HttpServer::start().await;
    let smuggled = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (headers, body) in [
        ("Content-Length: 1\r\nContent-Length: 2", "x"),
        ("Content-Length: 1, 2", "x"),
        ("Content-Length: -1", ""),
        ("Content-Length: +1", "x"),
        ("Content-Length: 0x1", "x"),
        ("Content-Length: 99999999999999999999999", "x"),
        ("Content-Length: 5 5", "xxxxx"),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: identity", ""),
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}{smuggled}");
        let answer = answer_to(&server, request.as_bytes()).await;
        assert!(["400", ""].contains(&status(&answer)), "{headers}: {answer}");
        assert!(!answer.contains("200 OK"), "{headers}: {answer}");
    }
    // Transfer-Encoding counts, and the connection is not used again.
    let both =
        "POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = answer_to(&server, format!("{both}{smuggled}").as_bytes()).await;
    assert!(["303", "400"].contains(&status(&answer)), "{answer}");
}

#[tokio::test]
async fn chunks_that_are_none() {
    let server = HttpServer::start().await;
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    for body in [
        "zz\r\n",
        "-1\r\n",
        "ffffffffffffffffffff\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1;a=\r\nx\r\n",
        "\r\n\r\n",
        "5\r\nab",
        "0\r\nX: y",
        "7fffffffffffffff\r\nx",
    ] {
        let answer = answer_to(&server, format!("{head}{body}").as_bytes()).await;
        assert!(["303", "400", ""].contains(&status(&answer)), "{body:?}: {answer}");
    }
    let extension = format!("{head}1;{}", "x".repeat(1 << 20));
    answer_to(&server, extension.as_bytes()).await;
    let trailers = format!("{head}0\r\n{}", "X: y\r\n".repeat(100_000));
    answer_to(&server, trailers.as_bytes()).await;
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let server = HttpServer::start().await;
    let begin = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    for (what, rest) in [
        ("a long value", format!("X: {}\r\n\r\n", "x".repeat(20_000))),
        ("a long name", format!("{}: x\r\n\r\n", "x".repeat(20_000))),
        ("many fields", format!("{}\r\n", "X: y\r\n".repeat(100))),
        ("a megabyte", format!("X: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("without an end", "X: y\r\n".repeat(1 << 18)),
    ] {
        let answer = answer_to(&server, format!("{begin}{rest}").as_bytes()).await;
        assert!(["431", ""].contains(&status(&answer)), "{what}: {answer}");
    }
    let path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let answer = answer_to(&server, path.as_bytes()).await;
    assert!(["414", "431", ""].contains(&status(&answer)), "{answer}");
    assert_eq!(asked(&server, &format!("GET /healthz HTTP/1.1\nHost: localhost{}", "\nX: y".repeat(60))).await, "200");
}

/// What a peer sent is in no header of an answer.
#[tokio::test]
async fn nothing_that_was_sent_becomes_a_header() {
    let server = HttpServer::start().await;
    for line in [
        "GET /x%0d%0aSet-Cookie:%20evil=1 HTTP/1.1\nHost: localhost",
        "GET /?login=%0d%0aSet-Cookie:%20evil=1 HTTP/1.1\nHost: localhost",
        "POST /login?%0d%0aSet-Cookie:%20evil=1 HTTP/1.1\nHost: localhost",
        "POST /logout HTTP/1.1\nHost: localhost\nOrigin: http://localhost%0d%0aSet-Cookie:evil=1",
        "GET /healthz HTTP/1.1\nHost: localhost\nIf-None-Match: \"%0d%0aSet-Cookie: evil=1\"",
    ] {
        let mut client = server.client().await;
        client.raw(format!("{}\r\nContent-Length: 0\r\n\r\n", line.replace('\n', "\r\n")).as_bytes()).await;
        let head = timeout(LONG, client.head()).await.unwrap();
        assert!(!head.headers.iter().any(|(_, value)| value.contains("evil")), "{line}: {head:?}");
    }
}

#[tokio::test]
async fn many_requests_at_once_are_answered_one_after_the_other() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let requests =
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500);
    let Client { stream, .. } = &mut client;
    stream.write_all(&requests).await.unwrap();
    for _ in 0..500 {
        client.answer("GET").await.expect(200);
        client.answer("GET").await.expect(404);
    }
}

#[tokio::test]
async fn who_leaves_in_the_middle() {
    let server = HttpServer::start().await;
    let request = b"POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789";
    for end in 0..=request.len() {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request[..end]).await.unwrap();
        if end % 2 == 0 {
            // With a reset.
            stream.set_zero_linger().unwrap();
        }
    }
    server.get("/healthz").await.expect(200);
}

/// A body that nobody wants is not read, however long it is.
#[tokio::test]
async fn a_body_for_nobody() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    client.raw(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n").await;
    client.answer("POST").await.expect(405);
    let mut rest = vec![b'x'; 1 << 20];
    let sending = async { while client.stream.write_all(&rest).await.is_ok() {} };
    timeout(LONG, sending).await.expect("it is read for ever");
    rest.clear();
    server.get("/healthz").await.expect(200);
    // Who asks whether to send it is not told to.
    let mut client = server.client().await;
    client.raw(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    client.answer("POST").await.expect(405);
}
