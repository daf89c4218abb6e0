//! Bytes that are changed by lot on their way: packets before they become records, records, and handshakes. Whoever sends them
//! is answered, refused or closed; others are served, and nothing of the server's stays with who has gone.
//!
//! `GEARMAN_TEST_SEED` repeats the lots of a test that failed.

use crate::process::{Running, gearmand, until};
use crate::tls::wire::{Wire, echo};
use crate::tls::{Encrypted, Files, server_name};
use crate::util::*;
use gearmand::config::tls::Verify;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Numbers by lot (splitmix64).
struct Lots {
    seed: u64,
    state: u64,
}

impl Lots {
    fn new() -> Lots {
        let given = std::env::var("GEARMAN_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64);
        Lots { seed, state: seed }
    }

    /// One of 0..`n`.
    fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n64 = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n64 = (n64 ^ n64 >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((n64 ^ n64 >> 31) % n.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Changes something of a packet or a record whose length stands in these bytes.
    fn change(&mut self, one: &mut Vec<u8>, length: std::ops::Range<usize>) {
        let place = self.below(one.len());
        match self.below(8) {
            0..=1 => one[place] ^= 1 << self.below(8),
            2 => one[place] = self.below(256) as u8,
            3 => one.truncate(place.max(1)),
            4 => one[length.end - 1] = one[length.end - 1].wrapping_add(*self.one(&[1, 255])),
            5 => one[length.start] = self.below(256) as u8,
            6 => {
                let first = length.start - 1;
                one[first] = self.below(256) as u8;
            }
            _ => {
                let more: Vec<u8> = (0..1 + self.below(30)).map(|_| self.below(256) as u8).collect();
                one.splice(place..place, more);
            }
        }
    }
}

#[allow(clippy::print_stderr, reason = "shown when a test fails")]
impl Drop for Lots {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with GEARMAN_TEST_SEED={}", self.seed);
        }
    }
}

/// What clients, workers and operators send.
fn requests() -> Vec<Vec<u8>> {
    let packets: [(u32, &[&[u8]]); 14] = [
        (ECHO_REQ, &[b"echo"]),
        (CAN_DO, &[b"f"]),
        (CAN_DO_TIMEOUT, &[b"f", b"1"]),
        (SUBMIT_JOB, &[b"f", b"u", b"workload"]),
        (SUBMIT_JOB_BG, &[b"f", b"", b"workload"]),
        (SUBMIT_JOB_EPOCH, &[b"f", b"", b"4000000000", b"workload"]),
        (GRAB_JOB, &[]),
        (GRAB_JOB_UNIQ, &[]),
        (PRE_SLEEP, &[]),
        (OPTION_REQ, &[b"all-yours"]),
        (WORK_COMPLETE, &[b"H:test:1", b"result"]),
        (WORK_DATA, &[b"H:test:2", b"part"]),
        (GET_STATUS, &[b"H:test:1"]),
        (GET_STATUS_UNIQUE, &[b"u"]),
    ];
    packets.iter().map(|(command, arguments)| packet(b"\0REQ", *command, arguments)).collect()
}

/// A conversation of one that changes its packets; then it leaves, or only says so.
async fn storm<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, lots: &mut Lots) {
    let requests = requests();
    for _ in 0..1 + lots.below(20) {
        let mut bytes = lots.one(&requests).clone();
        if lots.below(3) == 0 {
            lots.change(&mut bytes, 8..12);
        }
        if lots.below(8) == 0 {
            let lines = ["status\n", "workers\n", "\x7f\n", "show jobs"];
            bytes.extend(lots.one(&lines).bytes());
        }
        let cut = lots.below(bytes.len());
        let sent = async {
            peer.raw_or(&bytes[..cut]).await?;
            peer.raw_or(&bytes[cut..]).await
        };
        // It may have been closed.
        if sent.await.is_err() {
            return;
        }
    }
    if lots.below(2) == 0 {
        let _ = peer.stream.shutdown().await;
        let _ = timeout(LONG, peer.stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
}

#[tokio::test]
async fn packets_in_the_clear_and_in_records() {
    let server = Encrypted::start("tls-storm").await;
    let (mut other, mut lots) = (server.peer().await, Lots::new());
    for _ in 0..300 {
        storm(&mut server.peer().await, &mut lots).await;
        storm(&mut server.plain().await, &mut lots).await;
        timeout(LONG, other.sync()).await.unwrap();
    }
    // Nobody is left but this one, and no worker.
    timeout(LONG, async {
        loop {
            other.raw(b"workers\n").await;
            let mut answer = Vec::new();
            while !answer.ends_with(b".\n") {
                other.stream.read_buf(&mut answer).await.unwrap();
            }
            if answer.iter().filter(|b| **b == b'\n').count() == 2 {
                break;
            }
        }
    })
    .await
    .unwrap();
    let mut client = server.peer().await;
    other.send(CAN_DO, &[&b"after"[..]]).await;
    let handle = client.submit("after", "", b"work").await;
    other.grab(&[&handle, b"after", b"work"]).await;
}

/// The records of some requests, changed; what comes back is the beginning of what would have without that.
#[tokio::test]
async fn records() {
    let server = Encrypted::start("tls-records-changed").await;
    let (mut other, mut lots) = (server.peer().await, Lots::new());
    for _ in 0..300 {
        let mut wire = Wire::connect(&server).await;
        let (questions, answers): (Vec<_>, Vec<_>) = (0..5).map(echo).unzip();
        let mut records: Vec<_> = questions.iter().map(|question| wire.record(question)).collect();
        let (at, to) = (lots.below(5), lots.below(5));
        match lots.below(5) {
            0 => records.swap(at, to),
            1 => records.insert(at, records[to].clone()),
            2 => _ = records.remove(at),
            _ => lots.change(&mut records[at], 3..5),
        }
        let _ = wire.stream.write_all(&records.concat()).await;
        timeout(LONG, other.sync()).await.unwrap();
        let _ = wire.stream.shutdown().await;
        let mut came = Vec::new();
        let _ = timeout(LONG, wire.stream.read_to_end(&mut came)).await.unwrap();
        let (mut came, mut read) = (&came[..], Vec::new());
        while !came.is_empty() && wire.tls.read_tls(&mut came).is_ok_and(|n| n > 0) {
            let whole = wire.tls.process_new_packets().is_ok();
            let _ = wire.tls.reader().read_to_end(&mut read);
            if !whole {
                break;
            }
        }
        assert!(answers.concat().starts_with(&read), "{}", read.escape_ascii());
    }
}

/// What befalls a handshake.
#[derive(Clone, Copy)]
enum Wrong {
    /// A bit of this byte of what the client sends is changed.
    Bit(usize),
    /// Nothing is sent from this byte on.
    Silence(usize),
}

/// A client's handshake, up to its end or as far as it gets. False: it came to its end before that befell it.
fn handshake(client: &Arc<ClientConfig>, stream: &mut std::net::TcpStream, wrong: Wrong) -> bool {
    let mut tls = ClientConnection::new(client.clone(), server_name()).unwrap();
    let (mut sent, mut befallen) = (0, false);
    while tls.is_handshaking() || tls.wants_write() {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        match wrong {
            Wrong::Bit(at) if (sent..sent + bytes.len()).contains(&at) => {
                bytes[at - sent] ^= 1 << (at % 8);
                befallen = true;
                // Where a length is changed each side waits for the other, and the server for longer.
                stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            }
            Wrong::Silence(at) if at < sent + bytes.len() => {
                let _ = stream.write_all(&bytes[..at - sent]);
                return true;
            }
            _ => {}
        }
        sent += bytes.len();
        // It may be closed already. What is read then is an alert, or the end.
        let _ = stream.write_all(&bytes);
        if tls.is_handshaking() && (!tls.read_tls(stream).is_ok_and(|n| n > 0) || tls.process_new_packets().is_err()) {
            break;
        }
    }
    befallen
}

/// A client's settings for each version of TLS, with a certificate.
fn clients(files: &Files) -> [Arc<ClientConfig>; 2] {
    let shown = files.ca.sign("web");
    [&TLS12, &TLS13].map(|version| Arc::new(files.client_of(Some(&shown), &[version])))
}

fn connect(server: &Running) -> std::net::TcpStream {
    let stream = server.connect();
    stream.set_nodelay(true).unwrap();
    stream
}

/// An honest client, which was answered.
fn answered(server: &Running, client: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, std::net::TcpStream> {
    let session = ClientConnection::new(client.clone(), server_name()).unwrap();
    let mut honest = StreamOwned::new(session, connect(server));
    honest.write_all(b"version\n").unwrap();
    let mut answer = [0; 3];
    honest.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"OK ");
    honest
}

/// Nothing is left of any of them: no connection and no descriptor.
#[test]
fn handshakes_with_a_bit_changed_or_cut_at_every_byte() {
    let files = Files::new("tls-bits");
    let [certificate, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| files.folder.file(name));
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key, "--ssl-ca-file", &ca];
    let mut server = Running::begin(gearmand(), &options, &files.folder);
    server.port = server.line_with("listening on ").rsplit(':').next().unwrap().trim().parse().unwrap();
    let mut log = server.take_log();
    let reading = std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count();
    let clients = clients(&files);
    // Once it answers, the server has all descriptors that it needs itself.
    let standing = answered(&server, &clients[0]);
    let before = descriptors();
    for client in clients {
        let mut silent = Vec::new();
        for at in 0.. {
            let mut bit = connect(&server);
            bit.set_read_timeout(Some(LONG)).unwrap();
            let more = handshake(&client, &mut bit, Wrong::Bit(at));
            let _ = bit.shutdown(Shutdown::Write);
            let _ = bit.read_to_end(&mut Vec::new());
            let mut cut = connect(&server);
            handshake(&client, &mut cut, Wrong::Silence(at));
            silent.push(cut);
            if !more {
                break;
            }
        }
        assert!(silent.len() > 500, "{}", silent.len());
        answered(&server, &client);
    }
    until(|| descriptors() == before);
    drop(standing);
    server.stop();
    reading.join().unwrap().unwrap();
}

/// Nobody waits for what does not come.
#[tokio::test]
async fn handshakes_that_stop_at_any_byte_end() {
    let change = |config: &mut gearmand::Config| config.handshake_timeout = Duration::from_millis(100);
    let server = Encrypted::with("tls-silence", Verify::Require, change).await;
    let (address, clients) = (server.server.address, clients(&server.files));
    let good = clients[0].clone();
    let silent = tokio::task::spawn_blocking(move || {
        let mut silent = Vec::new();
        for (client, at) in clients.iter().flat_map(|client| (0..1000).step_by(7).map(move |at| (client, at))) {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            if handshake(client, &mut stream, Wrong::Silence(at)) {
                silent.push(stream);
            }
        }
        assert!(silent.len() > 100, "{}", silent.len());
        silent
    });
    for stream in silent.await.unwrap() {
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        // A reset is an end too.
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
    server.peer_with(good).await.unwrap().sync().await;
}
