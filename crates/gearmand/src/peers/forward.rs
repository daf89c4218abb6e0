//! One job of a peer, from here to its end: submitted to this server as by any client, and what becomes of it told to the peer
//! as by any worker.
//!
//! Owns the connection to this server. Must never know how the job was come by.
//!
//! Where a job is not done here its connection to the peer is given up, and the peer does what it does when a worker dies.
//!
//! Invariant: a connection to this server that is kept for the next job waits for nothing.

use crate::peers::offers::Asked;
use crate::peers::proxy::{Job, Proxy};
use crate::shared::Shared;
use bytes::{Bytes, BytesMut};
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::message::{News, Priority, Request, Response, Start, Submit};
use gearman_core::protocol::write_buffer::WriteBuffer;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until};

/// A worker was idle when the job was asked for. If none has begun it so long after it is known here, the peer may have another one.
const BEGIN: Duration = Duration::from_secs(1);
/// Room for one read.
const READ: usize = 16 * 1024;
/// Names, handles and headers beside the largest data.
const NAMES: usize = 4096;
/// Most connections to this server that are kept for the next job.
const KEPT: usize = 16;
/// What they call themselves in the list of workers.
const NAME: &[u8] = b"peer";

/// How jobs reach this server.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) shared: Shared,
    connect: Arc<dyn Fn() -> io::Result<UnixStream> + Send + Sync>,
    kept: Arc<Mutex<Vec<Local>>>,
    max_packet: usize,
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Here")
    }
}

/// A job of a peer, and what it takes to have it run here.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) job: Job,
    /// Until a worker has it.
    pub(crate) asked: Asked,
    /// Had before the job was asked for: one that cannot be submitted would go back, and count as tried.
    pub(crate) local: Local,
}

/// Has a job run by a worker of this server, and returns the connection to its peer when that knows its end.
///
/// # Errors
/// Why it was not run here to its end.
pub(crate) async fn forward(here: &Here, mut proxy: Proxy, taken: Taken) -> Result<Proxy, String> {
    let Taken { job, asked, mut local } = taken;
    local.submit(&job).await.map_err(|error| format!("this server does not take it: {error}"))?;
    let mut asked = Some(asked);
    let (mut handle, mut cancelled, mut begin_by) = (Bytes::new(), false, None);
    loop {
        let late = async {
            match begin_by {
                Some(when) => sleep_until(when).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            packet = proxy.next() => {
                let Some(packet) = packet.map_err(|error| error.to_string())? else { continue };
                if let Response::JobNotice(notice) = proxy.response(&packet).map_err(|error| error.to_string())?
                    && notice.news == News::Cancelled
                    && notice.handle == job.handle
                {
                    // Who runs it is told, and we are told that it failed.
                    cancelled = true;
                    here.cancel(&handle);
                }
            }
            packet = local.packet(), if !proxy.is_behind() => {
                let packet = packet.map_err(|error| format!("this server has let go of it: {error}"))?;
                match response(&packet)? {
                    Response::JobCreated(created) => {
                        handle = packet.slice_ref(created);
                        begin_by = Some(Instant::now() + BEGIN);
                        // Whoever was idle for it is not any more.
                        drop(asked.take());
                        if cancelled {
                            here.cancel(&handle);
                        }
                    }
                    Response::Work(work) => {
                        proxy.report(&job.handle, work.update, &packet);
                        if work.is_last() {
                            here.keep(local);
                            proxy.flush().await.map_err(|error| error.to_string())?;
                            return Ok(proxy);
                        }
                    }
                    Response::Error { text, .. } => return Err(String::from_utf8_lossy(text).into_owned()),
                    _ => {}
                }
            }
            () = late => {
                begin_by = None;
                if here.withdraw(&handle) {
                    return Err(format!("no worker has begun it within {} ms", BEGIN.as_millis()));
                }
            }
        }
    }
}

impl Here {
    /// `connect` makes a connection over which forwarded jobs are submitted.
    pub(crate) fn new(
        shared: Shared,
        connect: impl Fn() -> io::Result<UnixStream> + Send + Sync + 'static,
        max_packet: usize,
    ) -> Here {
        Here { shared, connect: Arc::new(connect), kept: Arc::default(), max_packet }
    }

    /// A connection that waits for nothing: one that was kept, or one more.
    ///
    /// # Errors
    /// The system's, and where there are as many connections as there may be.
    pub(crate) async fn local(&self) -> io::Result<Local> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(local) = kept {
            return Ok(local);
        }
        let stream = (self.connect)()?;
        let mut local = Local { stream, buffer: BytesMut::new(), limit: self.max_packet.saturating_add(NAMES) };
        let mut packets = Vec::new();
        Request::SetClientId(NAME).encode(&mut packets);
        Request::Option(b"exceptions").encode(&mut packets);
        local.stream.write_all(&packets).await?;
        Ok(local)
    }

    /// It waits for nothing, and the next job may have it.
    pub(crate) fn keep(&self, local: Local) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(Local { buffer: BytesMut::new(), ..local });
        }
    }

    fn cancel(&self, handle: &[u8]) {
        self.shared.with_state(|state| {
            let now = state.read_clock();
            state.broker.cancel(&now, handle, &mut state.outgoing)
        });
    }

    /// A job is not to be run unless it is. True: it will not be.
    fn withdraw(&self, handle: &[u8]) -> bool {
        self.shared.with_state(|state| state.broker.withdraw(handle))
    }
}

/// A connection to this server. When it is dropped a job that nobody has begun is dropped, too; results of others are.
#[derive(Debug)]
pub(crate) struct Local {
    stream: UnixStream,
    /// What came and was not taken yet.
    buffer: BytesMut,
    limit: usize,
}

impl Local {
    async fn submit(&mut self, job: &Job) -> io::Result<()> {
        let mut out = WriteBuffer::new();
        let submit = Submit {
            priority: Priority::Normal,
            background: false,
            function: &job.function,
            unique: &job.unique,
            workload: &job.workload,
            start: Start::Now,
            reducer: job.reducer.as_deref(),
        };
        Request::Submit(submit).encode(&mut out.sharing(&job.workload));
        self.stream.write_all_buf(&mut out).await
    }

    /// The next packet, whole. May be dropped and begun anew.
    async fn packet(&mut self) -> io::Result<Bytes> {
        loop {
            match decode(&self.buffer, self.limit) {
                Ok(Decoded::Frame(_, size)) => return Ok(self.buffer.split_to(size).freeze()),
                Ok(Decoded::Partial(_)) => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
            }
            // Twice as much as there is at most: a large packet is not moved at each read.
            self.buffer.reserve(self.buffer.len().max(READ));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn response(packet: &Bytes) -> Result<Response<'_>, String> {
    match decode(packet, packet.len()) {
        Ok(Decoded::Frame(frame, _)) => Response::parse(&frame).map_err(|error| error.to_string()),
        Ok(Decoded::Partial(_)) => Err("half a packet".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::broker::dispatch::dispatch;
    use crate::peers::offers::Offers;
    use crate::peers::proxy::PeerAddress;
    use crate::shared::State;
    use gearman_core::net::address::ServerAddress;
    use gearman_core::net::tls::TlsChoice;
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    /// One packet of a connection.
    fn receive(state: &mut State, session: u32, request: Request<'_>) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let Ok(Decoded::Frame(frame, _)) = decode(&bytes, 1000) else { panic!("cannot read {request:?}") };
        let now = state.read_clock();
        dispatch(&mut state.broker, &now, session, &frame, None, &mut state.outgoing);
    }

    /// A job that this server was slow to take had no time to be begun in any more: its peer waited for it as long as nobody did.
    #[tokio::test]
    async fn a_job_that_nobody_begins_goes_back_however_late_it_was_taken() {
        let shared = Shared::new(State::new(Config::default(), Arc::default()));
        shared.with_state(|state| {
            let worker = state.connect(-1, None);
            receive(state, worker, Request::CanDo { function: b"f", timeout: None });
            receive(state, worker, Request::PreSleep);
        });
        let (asked, _) = Offers::new(shared.clone()).ask(&[Arc::from(&b"f"[..])]).unwrap();
        let handle = shared.with_state(|state| {
            let forwards = state.connect(-1, None);
            state.broker.set_forwards(forwards);
            let submit = Submit {
                priority: Priority::Normal,
                background: false,
                function: b"f",
                unique: b"",
                workload: b"",
                start: Start::Now,
                reducer: None,
            };
            receive(state, forwards, Request::Submit(submit));
            state.broker.handle_of(1).to_vec()
        });

        // A peer that says nothing, and the test in place of this server.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = ServerAddress::new("127.0.0.1", port.into()).unwrap();
        let peer = PeerAddress { server, tls: TlsChoice::default(), name: "here".into(), max_packet: 1000 };
        let proxy = Proxy::connect(&peer).await.unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = Mutex::new(Some(ours));
        let connect = move || ours.lock().unwrap().take().ok_or_else(|| io::Error::other("there is but one"));
        let here = Here::new(shared.clone(), connect, 1000);
        let local = here.local().await.unwrap();
        let [handle_of_peer, function] = ["H:peer:1", "f"].map(Bytes::from);
        let (unique, reducer, workload) = (Bytes::new(), None, Bytes::new());
        let job = Job { handle: handle_of_peer, function, unique, reducer, workload };

        tokio::time::pause();
        let answer = async {
            sleep(2 * BEGIN).await;
            let created = [&b"\0RES\0\0\0\x08"[..], &(handle.len() as u32).to_be_bytes(), &handle].concat();
            theirs.write_all(&created).await.unwrap();
        };
        let (ended, ()) = tokio::join!(forward(&here, proxy, Taken { job, asked, local }), answer);
        assert_eq!(ended.unwrap_err(), "no worker has begun it within 1000 ms");
        assert_eq!(shared.lock().broker.len(), 0);
    }
}
