//! A server whose bytes are changed, cut or kept back at any place, in the handshake and behind it: each call ends, with what is
//! wrong or with its answer, and the next server is good.

use super::Party;
use crate::authorities::names;
use crate::util::{Script, ask, echo, join, pass, res, within_a_minute};
use gearman_core::ReturnCode;
use gearman_core::client::task::{Ask, Event};
use gearman_core::net::tls::TlsChoice;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

/// What befalls the server's bytes, from one of them on.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// A bit of it is changed.
    Bit,
    /// The connection ends before it.
    End,
    /// Nothing comes from it on.
    Silence,
}

/// Serves one connection up to the answer to an echo of one byte, or until nothing more comes. True: what is wrong came
/// before the end of that.
async fn serve(script: &Script, config: &Arc<ServerConfig>, wrong: Wrong, at: usize) -> (bool, TcpStream) {
    let mut socket = script.accept_raw().await;
    socket.set_nodelay(true).unwrap();
    let mut tls = ServerConnection::new(config.clone()).unwrap();
    let (mut sent, mut befallen, mut asked, mut request) = (0, false, 0, [0; 13]);
    loop {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        if (sent..sent + bytes.len()).contains(&at) {
            befallen = true;
            match wrong {
                Wrong::Bit => bytes[at - sent] ^= 1 << (at % 8),
                Wrong::End | Wrong::Silence => bytes.truncate(at - sent),
            }
        }
        sent += bytes.len();
        let _ = socket.write_all(&bytes).await;
        match (befallen, wrong) {
            (true, Wrong::End) => {
                let _ = socket.shutdown().await;
                return (true, socket);
            }
            (true, Wrong::Silence) => return (true, socket),
            _ if asked == request.len() => return (befallen, socket),
            _ => {}
        }
        let mut bytes = [0; 4096];
        let n = socket.read(&mut bytes).await.unwrap_or(0);
        // The session also ends by an alert.
        if n == 0 || tls.read_tls(&mut &bytes[..n]).is_err() || tls.process_new_packets().is_err() {
            return (befallen, socket);
        }
        asked += tls.reader().read(&mut request[asked..]).unwrap_or(0);
        if asked == request.len() {
            tls.writer().write_all(&res(17, "x")).unwrap();
        }
    }
}

/// Longer than any call may take: connecting, or the call's own time.
const LONG: Duration = Duration::from_secs(11);

/// One call that has ten seconds, beside such a server: whether that was wrong, and what came of it.
async fn call(
    server: impl Future<Output = (bool, TcpStream)>,
    asking: impl Future<Output = gearman_core::Result<Event>>,
) -> (bool, Option<Event>) {
    // Whoever waits, waits for nothing: what is to come has come at once, or never will.
    tokio::time::pause();
    let begun = Instant::now();
    let ((befallen, _socket), end) = join(server, asking).await;
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    tokio::time::resume();
    pass(Duration::from_secs(10)).await; // clients wait after failures
    let expected = [ReturnCode::CouldNotConnect, ReturnCode::LostConnection, ReturnCode::Timeout];
    (befallen, end.inspect_err(|error| assert!(expected.contains(&error.code()), "{error}")).ok())
}

fn until() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(10))
}

#[test]
fn a_client_whose_server_is_wrong_at_any_byte() {
    within_a_minute(async || {
        for version in [&TLS12, &TLS13] {
            let party = Party::new().await;
            let config = party.authority.issue(names(&["localhost", "127.0.0.1"])).server_with(None, &[version]);
            let mut client = party.client();
            for at in 0.. {
                let wrong = [Wrong::Bit, Wrong::End, Wrong::Silence][at % 3];
                let asking = ask(&mut client, Ask::echo(b"x").unwrap(), until());
                let (befallen, end) = call(serve(&party.script, &config, wrong, at), asking).await;
                assert!(befallen || end == Some(Event::Echoed("x".into())), "{at}: {end:?}");
                if !befallen {
                    assert!(at > 500, "{at}");
                    break;
                }
            }
            join(async { party.script.conversation().await.echo("y").await }, echo(&mut client, b"y")).await;
        }
    });
}

#[test]
fn a_worker_whose_server_is_wrong_at_any_byte() {
    within_a_minute(async || {
        let party = Party::new().await;
        let config = party.authority.issue(names(&["localhost", "127.0.0.1"])).server();
        let new = || {
            let mut worker = party.script.worker(b"f");
            worker.set_tls(TlsChoice::all(party.settings.clone()));
            worker
        };
        let mut worker = new();
        for at in (0..500).step_by(5) {
            let wrong = [Wrong::Bit, Wrong::End, Wrong::Silence][at % 3];
            worker = new();
            let asking = async { worker.echo(0, b"x", until()).await.map(|()| Event::Fail) };
            assert!(call(serve(&party.script, &config, wrong, at), asking).await.0, "{at}");
        }
        let server = async {
            let mut server = party.script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server
        };
        let (_server, job) = join(server, worker.next_job(None)).await;
        assert_eq!(job.unwrap().handle, "H:x:1");
    });
}
