//! A client of this very server: HTTP submits jobs as every client does, through a connection. So a job that is acknowledged
//! is stored, one whose client has gone ends as others do, and the broker knows of no other way.
//!
//! Owns the connections and their packets. Must never know HTTP, but for the [problem](Problem) that an error is.
//!
//! Invariants:
//! - a connection that is [kept](Connect::keep) waits for nothing, and nothing more comes over it;
//! - of an answer no more is read than its [claim](Claim) has room for, beside what was read of it before;
//! - what is read takes no more memory than its bytes, but for a little for each packet.

use crate::broker::submit::QUEUE_FULL;
use crate::http::budget::Claim;
use crate::http::reply::Problem;
use bytes::{Buf, Bytes, BytesMut};
use gearman_core::ReturnCode;
use gearman_core::protocol::codec::{Decoded, Sink, decode};
use gearman_core::protocol::message::{Request, Response, Start, Submit, Update};
use gearman_core::protocol::packet::HEADER;
use hyper::StatusCode;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Largest workload, and largest answer of a job.
pub(crate) const MAX_DATA: usize = 256 << 20;
/// What comes with them in a packet: names and a handle.
const NAMES: usize = 4096;
/// Room for one read: that much more than is there, so that a length alone costs nothing. Packets that are smaller are copied.
const READ: usize = 64 * 1024;
/// At least that much.
const SMALL: usize = 4096;
/// Most connections that are kept for the next who submits.
const KEPT: usize = 16;
/// What it calls itself in the list of workers.
const NAME: &[u8] = b"http";

/// Makes connections to this server, of which it returns the client's end, and keeps some for later.
#[derive(Clone)]
pub(crate) struct Connect {
    connect: Arc<dyn Fn() -> io::Result<UnixStream> + Send + Sync>,
    kept: Arc<Mutex<Vec<Connection>>>,
}

/// A connection as a client has it. It ends when this is dropped, and so do jobs that only it waits for.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    /// What came and was not taken yet.
    buffer: BytesMut,
}

/// What is heard of a job that is waited for.
#[derive(Debug)]
pub(crate) enum News {
    Data(Bytes),
    Warning(Bytes),
    Complete(Bytes),
    Exception(Bytes),
    Fail,
}

impl Connect {
    pub(crate) fn new(connect: impl Fn() -> io::Result<UnixStream> + Send + Sync + 'static) -> Connect {
        Connect { connect: Arc::new(connect), kept: Arc::default() }
    }

    /// A connection that waits for nothing: one that was kept, or one more.
    ///
    /// # Errors
    /// 503: the system's, and where there are as many connections as there may be.
    pub(crate) async fn connection(&self) -> Result<Connection, Problem> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = kept {
            return Ok(connection);
        }
        let stream = (self.connect)().map_err(|error| unavailable(format!("no connection for the job: {error}")))?;
        let mut connection = Connection { stream, buffer: BytesMut::new() };
        let mut packets = Vec::new();
        Request::SetClientId(NAME).encode(&mut packets);
        Request::Option(b"exceptions").encode(&mut packets);
        connection.write(&packets).await?;
        Ok(connection)
    }

    /// It waits for nothing any more, and the next may have it.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(Connection { buffer: BytesMut::new(), ..connection });
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}

impl Connection {
    /// Submits a job, and returns its handle: a background job is stored then.
    ///
    /// # Errors
    /// What the server says against it, and 503 where it is not there any more.
    pub(crate) async fn submit(&mut self, submit: &Submit<'_>, claim: &mut Claim) -> Result<Bytes, Problem> {
        self.write(&head(submit)).await?;
        self.write(submit.workload).await?;
        loop {
            let packet = self.packet(submit.workload.len(), claim).await?;
            match response(&packet)? {
                Response::JobCreated(handle) => return Ok(packet.slice_ref(handle)),
                Response::Error { code, text } => return Err(refused(code, text)),
                _ => {}
            }
        }
    }

    /// What comes next of the job; so many bytes of it are there already.
    ///
    /// # Errors
    /// 503, where the server is not there any more, or has no room for it.
    pub(crate) async fn news(&mut self, collected: usize, claim: &mut Claim) -> Result<News, Problem> {
        loop {
            let packet = self.packet(collected, claim).await?;
            match response(&packet)? {
                Response::Work(work) => match work.update {
                    Update::Status(..) => {}
                    Update::Data(data) => return Ok(News::Data(packet.slice_ref(data))),
                    Update::Warning(text) => return Ok(News::Warning(packet.slice_ref(text))),
                    Update::Complete(result) => return Ok(News::Complete(packet.slice_ref(result))),
                    Update::Exception(text) => return Ok(News::Exception(packet.slice_ref(text))),
                    Update::Fail => return Ok(News::Fail),
                },
                Response::Error { code, text } => return Err(refused(code, text)),
                _ => {}
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.stream.write_all(bytes).await.map_err(|error| gone(&error))
    }

    /// The next packet, whole. The claim is for so many bytes besides.
    async fn packet(&mut self, besides: usize, claim: &mut Claim) -> Result<Bytes, Problem> {
        loop {
            let need = match decode(&self.buffer, MAX_DATA + NAMES) {
                Ok(Decoded::Frame(_, size)) => return Ok(self.take(size)),
                Ok(Decoded::Partial(need)) => need,
                Err(error) => {
                    return Err(Problem::new(StatusCode::BAD_GATEWAY, format!("what the job returned: {error}")));
                }
            };
            claim.grow(besides + need)?;
            let has = self.buffer.len();
            self.buffer.reserve((need - has).clamp(SMALL, has.max(READ)));
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(gone(&error)),
            }
        }
    }

    /// The first packet of the buffer, which is so long. A small one is a copy: as a part of the buffer it would keep all of that
    /// for as long as its job is waited for. A large one has the buffer for itself.
    fn take(&mut self, size: usize) -> Bytes {
        if size < READ {
            let packet = Bytes::copy_from_slice(&self.buffer[..size]);
            self.buffer.advance(size);
            return packet;
        }
        let rest = BytesMut::from(&self.buffer[size..]);
        self.buffer.truncate(size);
        std::mem::replace(&mut self.buffer, rest).freeze()
    }
}

/// A SUBMIT_JOB* up to its workload, which need not be copied behind it.
fn head(submit: &Submit<'_>) -> Vec<u8> {
    /// The rest is left out.
    struct Begin(Vec<u8>, usize);
    impl Sink for Begin {
        fn put(&mut self, bytes: &[u8]) {
            let Begin(begin, most) = self;
            begin.extend_from_slice(&bytes[..bytes.len().min(*most - begin.len())]);
        }
    }
    let when = if let Start::Epoch(when) = submit.start { when.len() + 1 } else { 0 };
    let mut begin = Begin(Vec::new(), HEADER + submit.function.len() + 1 + submit.unique.len() + 1 + when);
    Request::Submit(*submit).encode(&mut begin);
    begin.0
}

fn response(packet: &Bytes) -> Result<Response<'_>, Problem> {
    let response = match decode(packet, packet.len()) {
        Ok(Decoded::Frame(frame, _)) => Response::parse(&frame),
        Ok(Decoded::Partial(_)) => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(error),
    };
    response.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// What the server says against a job.
fn refused(code: &[u8], text: &[u8]) -> Problem {
    let full = text == QUEUE_FULL.as_bytes();
    let is = |known: ReturnCode| code == known.name().as_bytes();
    let status = match () {
        () if full => StatusCode::TOO_MANY_REQUESTS,
        () if is(ReturnCode::QueueError) => StatusCode::SERVICE_UNAVAILABLE,
        () => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let more = if full { ": the function has as many jobs as it may have (max-queue, maxqueue)" } else { "" };
    Problem::new(status, format!("{}{more}", String::from_utf8_lossy(text)))
}

fn unavailable(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

fn gone(error: &io::Error) -> Problem {
    unavailable(format!("the server has ended meanwhile, or does not take the job: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::budget::Budget;
    use crate::http::reply::Reply;
    use gearman_core::protocol::message::Work;
    use std::time::Duration;

    /// A connection, and the server's end of it.
    fn connected() -> (Connection, UnixStream) {
        let (stream, server) = UnixStream::pair().unwrap();
        (Connection { stream, buffer: BytesMut::new() }, server)
    }

    fn work_data(data: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        Response::Work(Work { handle: b"H:test:1", update: Update::Data(data) }).encode(&mut packet);
        packet
    }

    /// 40 bytes that came alone kept a buffer of 4 KiB for as long as their job was waited for.
    #[tokio::test]
    async fn what_is_read_keeps_no_memory_but_its_own() {
        let (mut connection, mut server) = connected();
        let mut claim = Budget::of(1 << 20).claim();
        for length in [40, READ / 2, 3 * READ, 40] {
            let data = vec![b'x'; length];
            let packets = [work_data(&data), work_data(b"more")].concat();
            let (written, news) = tokio::join!(server.write_all(&packets), connection.news(0, &mut claim));
            written.unwrap();
            let News::Data(read) = news.unwrap() else { panic!("it is no data") };
            assert!(read == data);
            // That of a large one grew twofold at a time. One that the connection has too, as its buffer, is not given.
            let kept = read.try_into_mut().map(|read| read.capacity()).map_err(|read| read.len());
            assert!(kept.is_ok_and(|kept| kept < 4 * length), "{length}: {kept:?}");
            assert!(matches!(connection.news(0, &mut claim).await.unwrap(), News::Data(more) if more == "more"));
        }
    }

    /// What was claimed was the larger of the two, and both are there.
    #[tokio::test]
    async fn what_comes_next_is_claimed_beside_what_was_collected() {
        let (mut connection, mut server) = connected();
        let mut claim = Budget::of(4 * READ).claim();
        // There is no room for it, so that none of it is waited for.
        server.write_all(&work_data(&[0; 3 * READ])[..HEADER]).await.unwrap();
        let news = tokio::time::timeout(Duration::from_secs(30), connection.news(2 * READ, &mut claim));
        let refused = news.await.unwrap().map_err(Reply::from).unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn the_begin_of_a_packet_and_its_workload_are_the_packet() {
        for (start, workload) in [
            (Start::Now, &b""[..]),
            (Start::Now, b"a\0b"),
            (Start::Epoch(b"1700000000"), b"\0\0"),
            (Start::Epoch(b"1"), b""),
        ] {
            let background = start != Start::Now;
            let submit = Submit {
                function: b"resize",
                unique: b"key",
                workload,
                start,
                background,
                priority: Default::default(),
                reducer: None,
            };
            let mut whole = Vec::new();
            Request::Submit(submit).encode(&mut whole);
            assert_eq!([&head(&submit)[..], workload].concat(), whole);
        }
    }
}
