//! A client of HTTP/1.1 that sends what it is told, byte by byte, and reads one answer after the other.

use crate::util::LONG;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    /// What came, and was not read yet.
    rest: Vec<u8>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first of these; nothing where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// It has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Client<S> {
        Client { stream, rest: Vec::new() }
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a request with these lines of its head besides, such as `Origin: http://a`.
    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|line| head += &format!("{line}\r\n"));
        self.raw(&[head.as_bytes(), b"\r\n", body].concat()).await;
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.send(method, path, headers, body).await;
        self.answer(method).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    /// The same with a body in JSON.
    pub(crate) async fn json(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path, &["Content-Type: application/json"], body.to_string().as_bytes()).await
    }

    /// The next answer, to a request of this method.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let mut answer = self.head().await;
        let chunked = answer.header("transfer-encoding") == "chunked";
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
        } else if chunked {
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
        } else {
            answer.body = self.take(answer.header("content-length").parse().unwrap()).await;
        }
        answer
    }

    /// The head of an answer alone: [`Client::chunk`] reads the body of one that does not end.
    pub(crate) async fn head(&mut self) -> Answer {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Answer { status: status.unwrap_or_else(|| panic!("{first}")), headers, body: Vec::new() }
    }

    /// The next piece of a body that comes in pieces; `None`: it is at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let length = usize::from_str_radix(&self.line().await, 16).unwrap();
        let chunk = self.take(length).await;
        self.line().await;
        (length > 0).then_some(chunk)
    }

    /// The server closes the connection, and has sent nothing more.
    pub(crate) async fn ends(&mut self) {
        while self.more().await {}
        assert_eq!(String::from_utf8_lossy(&self.rest), "");
    }

    /// The same, whatever came before.
    pub(crate) async fn stream_ends(&mut self) {
        while self.more().await {}
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(end + 2).await;
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.more().await, "the connection ended: {}", self.rest.escape_ascii());
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            assert!(self.more().await, "the connection ended: {}", self.rest.escape_ascii());
        }
        let rest = self.rest.split_off(length);
        std::mem::replace(&mut self.rest, rest)
    }

    /// Reads on. False: the other end is closed.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(LONG, self.stream.read_buf(&mut self.rest)).await;
        // A reset is an end too.
        read.expect("nothing comes").is_ok_and(|count| count > 0)
    }
}
