//! A process that forks: parent and child both go on, each over its own connection. Not in the
//! harness of the other tests, whose threads a fork would leave behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

use gearman_core::client::Client;
use gearman_core::client::pool::{Counts, Pool};
use gearman_core::client::task::{Ask, Event};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::fork;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork};
use std::io::{Read, Write};
use std::mem::{forget, replace};
use std::net::TcpListener;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Children say so.
static TOLD: AtomicBool = AtomicBool::new(false);

fn main() {
    for tls in [false, true] {
        forks(tls);
    }
    fork::handler_installed();
    TOLD.store(true, Relaxed);
    for tls in [false, true] {
        forks(tls);
    }
}

fn forks(tls: bool) {
    alarm::set(10); // what hangs fails
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = tls.then(config);
    let server = in_child(|| serve(&listener, config.as_ref()));
    drop(listener);

    let mut runtime = new_runtime();
    let address = ServerAddress::new(if tls { "tls://127.0.0.1" } else { "127.0.0.1" }, i64::from(port)).unwrap();
    let (mut client, mut worker) = (Client::new(Settings::default()), Worker::new(Settings::default()));
    client.set_tls(TlsChoice::named(anybody()));
    worker.set_tls(TlsChoice::named(anybody()));
    client.add_server(address.clone(), Vec::new());
    worker.add_server(address.clone(), Vec::new());
    worker.abilities.add(b"f", 0).unwrap();
    worker.begin();
    assert_eq!(connection(&runtime, &mut client), "1");
    let mut job = runtime.block_on(worker.next_job(None)).unwrap();
    assert_eq!(&job.handle[..], b"2");
    // Brings a second job, which is kept for later.
    runtime.block_on(worker.echo(0, b"x", None)).unwrap();

    for n in 0..3 {
        let child = in_child(|| {
            forget(replace(&mut runtime, new_runtime()));
            let mine = connection(&runtime, &mut client);
            assert_eq!(mine, (3 + 2 * n).to_string());
            assert_eq!(connection(&runtime, &mut client), mine);
            let refused = worker.send(&mut job, Update::Complete(b"child"));
            assert!(matches!(refused, Err(Error::JobGone(_))));
            worker.begin();
            let mut own = runtime.block_on(worker.next_job(None)).unwrap();
            assert_eq!(own.handle, (4 + 2 * n).to_string());
            worker.send(&mut own, Update::Complete(b"child")).unwrap();
        });
        assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
        assert_eq!(connection(&runtime, &mut client), "1");
    }
    worker.begin();
    worker.send(&mut job, Update::Complete(b"parent")).unwrap();
    let kept = runtime.block_on(worker.next_job(None)).unwrap();
    assert_eq!((&kept.handle[..], &kept.workload[..]), (&b"2"[..], &b"kept"[..]));

    let pool = Pool::default();
    let with_pool = |runtime: &Runtime| {
        let mut client = Client::new(Settings::default());
        client.set_pool(pool.clone());
        client.set_tls(TlsChoice::named(anybody()));
        client.add_server(address.clone(), Vec::new());
        connection(runtime, &mut client)
    };
    let parents = with_pool(&runtime);
    for _ in 0..2 {
        let child = in_child(|| {
            forget(replace(&mut runtime, new_runtime()));
            let mine = with_pool(&runtime);
            assert_ne!(mine, parents);
            assert_eq!(with_pool(&runtime), mine);
            assert_eq!(pool.counts(), Counts { idle: 1, reused: 1, made: 1 });
            pool.close();
        });
        assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
        assert_eq!(with_pool(&runtime), parents);
    }

    kill(server, Signal::SIGKILL).unwrap();
    waitpid(server, None).unwrap();
    client.begin();
    let id = client.call(Ask::echo(b"x").unwrap());
    let ended = loop {
        if let Some(end) = client.take_end(id) {
            break end;
        }
        runtime.block_on(client.wait(None)).unwrap();
    };
    assert!(
        matches!(ended, Event::Error(e) if matches!(e.code(), ReturnCode::LostConnection | ReturnCode::CouldNotConnect))
    );
}

fn new_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn in_child(run: impl FnOnce()) -> Pid {
    // SAFETY: this process has a single thread here.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            alarm::set(10);
            if TOLD.load(Relaxed) {
                fork::in_child();
            }
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            exit(i32::from(done.is_err()));
        }
    }
}

/// The number of the connection that the client uses, as the server counts them.
fn connection(runtime: &Runtime, client: &mut Client) -> String {
    client.begin();
    let id = client.call(Ask::submit(Priority::Normal, true, b"f", b"", b"w").unwrap());
    loop {
        match client.take_end(id) {
            Some(Event::Created(handle)) => return String::from_utf8(handle.to_vec()).unwrap(),
            Some(other) => panic!("{other:?}"),
            None => runtime.block_on(client.wait(None)).unwrap(),
        }
    }
}

/// The server's certificate is as good as any.
fn anybody() -> TlsSettings {
    TlsSettings { verify: false, ..TlsSettings::default() }
}

fn config() -> Arc<ServerConfig> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["anyone".into()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// Every job's handle is the number of the connection it was submitted or given over. Before an
/// echo comes a job that nobody asked for. What is no packet, or no record, ends the connection.
fn serve(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
    for number in 1.. {
        let (stream, _) = listener.accept().unwrap();
        let mut stream: Box<dyn Wire> = match tls {
            None => Box::new(stream),
            Some(config) => Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)),
        };
        std::thread::spawn(move || {
            while let Some((command, body)) = packet(&mut stream) {
                let job = |workload| answer(11, format!("{number}\0f\0{workload}").as_bytes());
                let answer = match command {
                    18 => answer(8, number.to_string().as_bytes()),
                    16 => [job("kept"), answer(17, &body)].concat(),
                    39 => job("w"),
                    _ => continue,
                };
                stream.write_all(&answer).unwrap();
                stream.flush().unwrap();
            }
        });
    }
}

fn packet(stream: &mut impl Read) -> Option<(u32, Vec<u8>)> {
    let mut header = [0; 12];
    stream.read_exact(&mut header).ok()?;
    let number = u32::from_be_bytes(header[4..8].try_into().unwrap());
    let mut body = vec![0; u32::from_be_bytes(header[8..].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).ok()?;
    Some((number, body))
}

fn answer(number: u32, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32;
    [&b"\0RES"[..], &number.to_be_bytes(), &length.to_be_bytes(), body].concat()
}
