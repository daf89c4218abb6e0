//! A server in bytes, for what is no conversation (see `conversation`), and short ways to ask a client.

use crate::authorities;
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::error::Result;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::net::watch::Watch;
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, Socket, Type};
use std::convert::Infallible;
use std::future::poll_fn;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// Longer than any test takes, so that what hangs fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a test in a runtime of its own.
pub(crate) fn within(test: impl AsyncFnOnce() + Send + 'static) {
    ends_within(DEADLINE, test);
}

/// For what takes seconds of computing, and longer beside much else.
pub(crate) fn within_a_minute(test: impl AsyncFnOnce() + Send + 'static) {
    ends_within(2 * DEADLINE, test);
}

/// In a thread of its own as well. What is not done in time is dropped where it waits, so that its thread ends; a loop
/// that never waits can only be ended with the process.
fn ends_within(limit: Duration, test: impl AsyncFnOnce() + Send + 'static) {
    let _watched = properties::watch(limit + Duration::from_secs(5));
    let (running, ended) = mpsc::channel::<Infallible>();
    let (give_up, given_up) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let _running = running; // dropped when all else is, the runtime too
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // It panics while the test is there still, so that what that shows of itself can be seen.
            let too_late = async {
                match given_up.await {
                    Ok(()) => panic!("still not done after {limit:?}"),
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = too_late => {}
                () = test() => {}
            }
        });
    });
    // Not by the runtime's clock: tests stop it, and put it forward.
    if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
        let _ = give_up.send(());
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The threads of tests that went round for ever went on beside all later ones.
#[test]
fn what_does_not_end_is_ended() {
    let held = Arc::new(());
    let lent = held.clone();
    let run = move || {
        ends_within(Duration::from_millis(50), async move || {
            let _lent = lent;
            loop {
                tokio::task::yield_now().await;
            }
        });
    };
    let panic = std::panic::catch_unwind(run).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "still not done after 50ms");
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Both, each woken for itself alone: a wake-up that one of them forgot to arrange is not made up for by
/// the other's.
pub(crate) async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    tokio::join!(alone(a), alone(b))
}

/// Polls the future only when it was woken itself.
pub(crate) async fn alone<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true), Mutex::new(Waker::noop().clone())));
    let waker = Waker::from(woken.clone());
    poll_fn(|cx| {
        woken.1.lock().unwrap().clone_from(cx.waker());
        match woken.0.swap(false, Ordering::Relaxed) {
            true => future.as_mut().poll(&mut Context::from_waker(&waker)),
            false => Poll::Pending,
        }
    })
    .await
}

/// Whether it was, and who else to wake.
struct Woken(AtomicBool, Mutex<Waker>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        self.1.lock().unwrap().wake_by_ref();
    }
}

/// Would an event loop be woken now?
pub(crate) fn is_ready(watch: &mut Watch) -> bool {
    let descriptor = watch.descriptor().unwrap();
    poll(&mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
}

/// Until it is; the other side goes on meanwhile.
pub(crate) async fn ready(watch: &mut Watch) {
    while !is_ready(watch) {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A moment so near that a server which sends nothing has sent nothing until then.
pub(crate) fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(30))
}

/// Lets time pass for everything that looks at the runtime's clock.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The future's output, unless it is still pending after it was polled this many times: then it is dropped.
pub(crate) async fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The bytes of a packet.
pub(crate) fn packet(magic: &[u8; 4], number: u32, body: &[u8]) -> Vec<u8> {
    [magic, &number.to_be_bytes()[..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// The bytes of a request.
pub(crate) fn req(number: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    packet(b"\0REQ", number, body.as_ref())
}

/// The bytes of an answer.
pub(crate) fn res(number: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    packet(b"\0RES", number, body.as_ref())
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Unix(UnixListener, PathBuf),
}

/// Where a client or a worker finds its scripted server.
pub(crate) struct Script(Listener);

impl Script {
    pub(crate) async fn tcp() -> Script {
        Script(Listener::Tcp(TcpListener::bind("127.0.0.1:0").await.unwrap()))
    }

    /// With a certificate that nobody verifies.
    pub(crate) async fn tls() -> Script {
        Script::tls_as(authorities::anyone()).await
    }

    pub(crate) async fn tls_as(config: Arc<ServerConfig>) -> Script {
        Script(Listener::Tls(TcpListener::bind("127.0.0.1:0").await.unwrap(), config.into()))
    }

    pub(crate) fn unix() -> Script {
        Script::at(unused_path())
    }

    /// Where nobody is: a path that was used before is used again.
    pub(crate) fn at(path: PathBuf) -> Script {
        Script(Listener::Unix(UnixListener::bind(&path).unwrap(), path))
    }

    pub(crate) fn server(&self) -> ServerAddress {
        match &self.0 {
            Listener::Tcp(l) => tcp_server(l.local_addr().unwrap().port()),
            Listener::Tls(l, _) => {
                ServerAddress::new("tls://127.0.0.1", l.local_addr().unwrap().port().into()).unwrap()
            }
            Listener::Unix(_, path) => ServerAddress::Unix(path.clone()),
        }
    }

    pub(crate) async fn accept(&self) -> Wire {
        let stream: Box<dyn Stream> = match &self.0 {
            Listener::Tcp(l) => {
                let stream = l.accept().await.unwrap().0;
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Listener::Tls(..) => Box::new(self.accept_tls().await.unwrap()),
            Listener::Unix(l, _) => Box::new(l.accept().await.unwrap().0),
        };
        Wire { stream }
    }

    /// The next connection, once TLS is agreed on, or why it is not.
    pub(crate) async fn accept_tls(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let Listener::Tls(l, acceptor) = &self.0 else { panic!("without TLS") };
        let stream = l.accept().await.unwrap().0;
        stream.set_nodelay(true).unwrap();
        acceptor.accept(stream).await
    }

    /// The next connection before anything comes over it.
    pub(crate) async fn accept_raw(&self) -> TcpStream {
        let (Listener::Tcp(l) | Listener::Tls(l, _)) = &self.0 else { panic!("not TCP") };
        l.accept().await.unwrap().0
    }

    /// A client of this server alone.
    pub(crate) fn client(&self) -> Client {
        client(&[self.server()])
    }

    /// A worker of this server alone, with one function.
    pub(crate) fn worker(&self, function: &[u8]) -> Worker {
        worker(&[self.server()], function)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

pub(crate) fn tcp_server(port: u16) -> ServerAddress {
    ServerAddress::new("127.0.0.1", i64::from(port)).unwrap()
}

/// A path that no other test uses.
pub(crate) fn unused_path() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let (pid, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(format!("gearman-core-{pid}-{number}"))
}

/// A port that refuses connections, as long as the socket lives.
pub(crate) fn refusing() -> (TcpSocket, ServerAddress) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = tcp_server(socket.local_addr().unwrap().port());
    (socket, server)
}

/// A name that no resolver knows, nor is asked for.
pub(crate) fn nameless() -> ServerAddress {
    ServerAddress::Tcp { host: "no\0name".into(), port: 1, tls: false }
}

/// A port to which connecting never comes to an end: its queue is full and nobody accepts.
pub(crate) async fn hanging() -> (TcpListener, TcpStream, ServerAddress) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let first = TcpStream::connect(address).await.unwrap();
    (listener, first, tcp_server(address.port()))
}

/// A server at a path whose queue is full, and who fills it: nobody else gets in before that one is accepted.
pub(crate) fn crowded() -> (Script, UnixStream) {
    let path = unused_path();
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let first = UnixStream::connect(&path).unwrap();
    (Script(Listener::Unix(UnixListener::from_std(socket.into()).unwrap(), path)), first)
}

/// Settings with which tests of [`hanging`] ports and [`crowded`] paths come to an end.
pub(crate) fn impatient() -> Settings {
    Settings { connect_timeout: Duration::from_millis(50), ..Settings::default() }
}

/// The certificate of [`Script::tls`] is as good as any.
fn anybody() -> TlsSettings {
    TlsSettings { verify: false, ..TlsSettings::default() }
}

pub(crate) fn client(servers: &[ServerAddress]) -> Client {
    client_with(Settings::default(), servers)
}

pub(crate) fn client_with(settings: Settings, servers: &[ServerAddress]) -> Client {
    let mut client = Client::new(settings);
    client.set_tls(TlsChoice::named(anybody()));
    for server in servers {
        client.add_server(server.clone(), Vec::new());
    }
    client
}

pub(crate) fn worker(servers: &[ServerAddress], function: &[u8]) -> Worker {
    worker_with(Settings::default(), servers, function)
}

pub(crate) fn worker_with(settings: Settings, servers: &[ServerAddress], function: &[u8]) -> Worker {
    let mut worker = Worker::new(settings);
    worker.set_tls(TlsChoice::named(anybody()));
    for server in servers {
        worker.add_server(server.clone(), Vec::new());
    }
    worker.abilities.add(function, 0).unwrap();
    worker.classic = true;
    worker.begin();
    worker
}

/// One connection as the scripted server sees it.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends, without caring whether the other side still listens.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Sends byte by byte, and lets the other side look at each.
    pub(crate) async fn drip(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Reads as many bytes as are expected, which must be these.
    pub(crate) async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut seen = vec![0; expected.len()];
        let mut length = 0;
        while length < seen.len() {
            let n = self.stream.read(&mut seen[length..]).await.unwrap();
            length += n;
            if n == 0 || seen[..length] != expected[..length] {
                break;
            }
        }
        assert_eq!(seen[..length].escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// What comes in the next read, at most 64 KiB.
    pub(crate) async fn read(&mut self) -> Vec<u8> {
        let mut seen = vec![0; 1 << 16];
        let n = self.stream.read(&mut seen).await.unwrap_or(0);
        seen.truncate(n);
        seen
    }

    /// The next packet's number and body; `None` at the end.
    pub(crate) async fn packet(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut header = [0; 12];
        self.stream.read_exact(&mut header).await.ok()?;
        assert_eq!(&header[..4], b"\0REQ");
        let number = u32::from_be_bytes(header[4..8].try_into().unwrap());
        let mut body = vec![0; u32::from_be_bytes(header[8..].try_into().unwrap()) as usize];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((number, body))
    }

    /// The other side closes, and sends nothing before.
    pub(crate) async fn ended(mut self) {
        let rest = self.read().await;
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
}

/// A call of one task, to its end.
pub(crate) async fn ask(client: &mut Client, ask: Ask, until: Option<Instant>) -> Result<Event> {
    client.begin();
    let id = client.call(ask);
    end(client, id, until).await
}

/// The end of a task of [`Client::call`].
pub(crate) async fn end(client: &mut Client, id: TaskId, until: Option<Instant>) -> Result<Event> {
    loop {
        match client.take_end(id) {
            Some(Event::Error(error)) => return Err(*error),
            Some(end) => return Ok(end),
            None => {}
        }
        if let Err(error) = client.wait(until).await {
            client.forget(id);
            return Err(error);
        }
    }
}

/// An echo there and back.
pub(crate) async fn echo(client: &mut Client, data: &[u8]) {
    let back = ask(client, Ask::echo(data).unwrap(), None).await;
    assert_eq!(back, Ok(Event::Echoed(data.to_vec().into())));
}

/// Every event of the tasks of [`Client::add`], as they come.
pub(crate) async fn events(client: &mut Client) -> Vec<(TaskId, Event)> {
    let mut all = Vec::new();
    while client.has_tasks() {
        all.extend(std::iter::from_fn(|| client.next_event()));
        if client.has_tasks() {
            client.wait(None).await.unwrap();
        }
    }
    all
}
