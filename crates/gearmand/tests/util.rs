//! A server on a free port, and a peer that speaks bytes.

use gearmand::{Config, Listener, Stop, run};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A server in the runtime of its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Server {
        Server::at(Listener::Tcp, change).await
    }

    pub(crate) async fn at(
        kind: impl FnOnce(std::net::TcpListener) -> Listener,
        change: impl FnOnce(&mut Config),
    ) -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Server::on(address, vec![kind(listener)], change)
    }

    /// With these listeners, one of which has this address.
    pub(crate) fn on(address: SocketAddr, listeners: Vec<Listener>, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        config.handle_prefix = "H:test".into();
        change(&mut config);
        let (stop, stopped) = watch::channel(Stop::No);
        let task = tokio::spawn(run(listeners, config, stopped));
        Server { address, stop, task }
    }

    pub(crate) async fn peer(&self) -> Peer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }

    /// A connection that can do these functions, and whose abilities have arrived.
    pub(crate) async fn worker(&self, functions: &[&str]) -> Peer {
        let mut peer = self.peer().await;
        for function in functions {
            peer.send(CAN_DO, &[function.as_bytes()]).await;
        }
        peer.sync().await;
        peer
    }

    /// The same with direct assignment.
    pub(crate) async fn direct_worker(&self, functions: &[&str]) -> Peer {
        let mut worker = self.worker(functions).await;
        worker.send(OPTION_REQ, &[&b"all-yours"[..]]).await;
        worker.expect(OPTION_RES, &[&b"all-yours"[..]]).await;
        worker
    }
}

pub(crate) const CAN_DO: u32 = 1;
pub(crate) const CANT_DO: u32 = 2;
pub(crate) const RESET_ABILITIES: u32 = 3;
pub(crate) const PRE_SLEEP: u32 = 4;
pub(crate) const NOOP: u32 = 6;
pub(crate) const SUBMIT_JOB: u32 = 7;
pub(crate) const JOB_CREATED: u32 = 8;
pub(crate) const GRAB_JOB: u32 = 9;
pub(crate) const NO_JOB: u32 = 10;
pub(crate) const JOB_ASSIGN: u32 = 11;
pub(crate) const WORK_STATUS: u32 = 12;
pub(crate) const WORK_COMPLETE: u32 = 13;
pub(crate) const WORK_FAIL: u32 = 14;
pub(crate) const GET_STATUS: u32 = 15;
pub(crate) const ECHO_REQ: u32 = 16;
pub(crate) const ECHO_RES: u32 = 17;
pub(crate) const SUBMIT_JOB_BG: u32 = 18;
pub(crate) const ERROR: u32 = 19;
pub(crate) const STATUS_RES: u32 = 20;
pub(crate) const SUBMIT_JOB_HIGH: u32 = 21;
pub(crate) const SET_CLIENT_ID: u32 = 22;
pub(crate) const CAN_DO_TIMEOUT: u32 = 23;
pub(crate) const ALL_YOURS: u32 = 24;
pub(crate) const WORK_EXCEPTION: u32 = 25;
pub(crate) const OPTION_REQ: u32 = 26;
pub(crate) const OPTION_RES: u32 = 27;
pub(crate) const WORK_DATA: u32 = 28;
pub(crate) const WORK_WARNING: u32 = 29;
pub(crate) const GRAB_JOB_UNIQ: u32 = 30;
pub(crate) const JOB_ASSIGN_UNIQ: u32 = 31;
pub(crate) const SUBMIT_JOB_HIGH_BG: u32 = 32;
pub(crate) const SUBMIT_JOB_LOW: u32 = 33;
pub(crate) const SUBMIT_JOB_LOW_BG: u32 = 34;
pub(crate) const SUBMIT_JOB_SCHED: u32 = 35;
pub(crate) const SUBMIT_JOB_EPOCH: u32 = 36;
pub(crate) const SUBMIT_REDUCE_JOB: u32 = 37;
pub(crate) const SUBMIT_REDUCE_JOB_BACKGROUND: u32 = 38;
pub(crate) const GRAB_JOB_ALL: u32 = 39;
pub(crate) const JOB_ASSIGN_ALL: u32 = 40;
pub(crate) const GET_STATUS_UNIQUE: u32 = 41;
pub(crate) const STATUS_RES_UNIQUE: u32 = 42;

/// One end of a connection.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
}

/// The bytes of a packet.
pub(crate) fn packet(magic: &[u8; 4], command: u32, arguments: &[&[u8]]) -> Vec<u8> {
    let body = arguments.join(&0);
    [&magic[..], &command.to_be_bytes(), &(body.len() as u32).to_be_bytes(), &body].concat()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.raw_or(bytes).await.unwrap();
    }

    /// Where it may be refused already.
    pub(crate) async fn raw_or(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub(crate) async fn send(&mut self, command: u32, arguments: &[&[u8]]) {
        self.raw(&packet(b"\0REQ", command, arguments)).await;
    }

    /// The next packet: command and body.
    pub(crate) async fn read(&mut self) -> (u32, Vec<u8>) {
        self.read_or_end().await.expect("the connection ended")
    }

    pub(crate) async fn read_or_end(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut header = [0; 12];
        self.stream.read_exact(&mut header).await.ok()?;
        assert_eq!(&header[..4], b"\0RES");
        let number = |i: usize| u32::from_be_bytes(header[i..i + 4].try_into().unwrap());
        let mut body = vec![0; number(8) as usize];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((number(4), body))
    }

    pub(crate) async fn expect(&mut self, command: u32, arguments: &[&[u8]]) {
        let (got, body) = self.read().await;
        let (body, expected) = (body.escape_ascii().to_string(), arguments.join(&0).escape_ascii().to_string());
        assert_eq!((got, body), (command, expected));
    }

    pub(crate) async fn ask(&mut self, command: u32, arguments: &[&[u8]]) -> (u32, Vec<u8>) {
        self.send(command, arguments).await;
        self.read().await
    }

    /// All that was sent before has been done; nothing else was answered meanwhile.
    pub(crate) async fn sync(&mut self) {
        self.send(ECHO_REQ, &[&b"sync"[..]]).await;
        self.expect(ECHO_RES, &[&b"sync"[..]]).await;
    }

    /// Asks for a job, and is assigned this one: handle, function and workload.
    pub(crate) async fn grab(&mut self, job: &[&[u8]]) {
        self.send(GRAB_JOB, &[]).await;
        self.expect(JOB_ASSIGN, job).await;
    }

    /// Asks for a job, and there is none.
    pub(crate) async fn grab_nothing(&mut self) {
        self.send(GRAB_JOB, &[]).await;
        self.expect(NO_JOB, &[]).await;
    }

    /// It sleeps, and the server knows that.
    pub(crate) async fn sleep(&mut self) {
        self.send(PRE_SLEEP, &[]).await;
        self.sync().await;
    }

    pub(crate) async fn submit(&mut self, function: &str, unique: &str, workload: &[u8]) -> Vec<u8> {
        let (command, handle) = self.ask(SUBMIT_JOB, &[function.as_bytes(), unique.as_bytes(), workload]).await;
        assert_eq!(command, JOB_CREATED, "{}", handle.escape_ascii());
        handle
    }

    /// Sends text, and reads as much as is expected of the answer.
    pub(crate) async fn text(&mut self, line: &str, expected: &str) {
        self.raw(line.as_bytes()).await;
        let mut answer = vec![0; expected.len()];
        let read = tokio::time::timeout(LONG, self.stream.read_exact(&mut answer)).await;
        assert!(read.is_ok_and(|read| read.is_ok()), "{line:?}: {} instead of {expected}", answer.escape_ascii());
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }

    /// The connection ends, whatever may come before.
    pub(crate) async fn ends(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut rest).await;
    }
}

/// Waits until something is so, asking the server as often as it answers.
pub(crate) async fn until(server: &Server, line: &str, expected: &str) {
    let mut peer = server.peer().await;
    loop {
        peer.raw(line.as_bytes()).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b".\n") {
            peer.stream.read_buf(&mut answer).await.unwrap();
        }
        if String::from_utf8_lossy(&answer) == expected {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Longer than anything takes: a test that hangs fails.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The clock of a test stands still until this is dropped, but for [`Frozen::pass`]: nothing is late because the machine
/// is slow. A paused clock alone goes on whenever nobody has anything to do.
pub(crate) struct Frozen {
    _held: std::sync::mpsc::Sender<()>,
}

impl Frozen {
    pub(crate) fn new() -> Frozen {
        tokio::time::pause();
        let (held, holds) = std::sync::mpsc::channel::<()>();
        // As long as this blocks, the clock does not go on by itself.
        tokio::task::spawn_blocking(move || holds.recv());
        Frozen { _held: held }
    }

    /// The timers of a server count whole milliseconds: what waits for one more than that has surely come. A timer that was
    /// set for a short wait goes by the system's clock; the server looks at its own when that goes off.
    pub(crate) async fn pass(&self, milliseconds: u64) {
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
