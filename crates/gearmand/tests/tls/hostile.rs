//! Peers that keep to TLS as little as they can: others are served meanwhile, and they themselves end or are answered.

use crate::tls::forged::forgeable;
use crate::tls::wire::{Wire, echo};
use crate::tls::{Encrypted, Files, server_name};
use crate::util::*;
use gearmand::config::tls::Verify;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::{ClientConnection, ContentType};
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A client's first bytes.
fn hello(files: &Files) -> Vec<u8> {
    let mut tls = ClientConnection::new(Arc::new(files.client(None)), server_name()).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    bytes
}

/// Whether the server has not closed it. What has come is taken.
fn stands(stream: &TcpStream) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match stream.try_read(&mut bytes) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

async fn ended(stream: &mut TcpStream) {
    // A reset is an end too.
    let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap();
}

/// A job of this client's, there and back.
async fn job<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Peer<S>, worker: &mut Peer) {
    let handle = client.submit("f", "", b"work").await;
    worker.grab(&[&handle, b"f", b"work"]).await;
    worker.send(WORK_COMPLETE, &[&handle, b"done"]).await;
    client.expect(WORK_COMPLETE, &[&handle, b"done"]).await;
}

/// Jobs of a client that is there and of one that has just come, over TLS and in the clear.
async fn service<S: AsyncRead + AsyncWrite + Unpin>(server: &Encrypted, client: &mut Peer<S>, worker: &mut Peer) {
    let jobs = async {
        job(client, worker).await;
        job(&mut server.plain().await, worker).await;
        job(&mut server.peer().await, worker).await;
    };
    timeout(LONG, jobs).await.unwrap();
}

async fn worker(server: &Encrypted) -> Peer {
    let mut worker = server.plain().await;
    worker.send(CAN_DO, &[&b"f"[..]]).await;
    worker.sync().await;
    worker
}

/// As many descriptors as this process may have: a test holds both ends of thousands of connections.
fn many_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    assert!(hard > 6000, "{hard} descriptors are too few for this test");
}

#[tokio::test]
async fn two_thousand_half_handshakes_that_stand_and_drip() {
    many_descriptors();
    let change = |config: &mut gearmand::Config| {
        config.max_handshakes = 4000;
        config.handshake_timeout = LONG * 10;
    };
    let server = Encrypted::with("tls-stand", Verify::None, change).await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let hello = hello(&server.files);
    let mut half = Vec::new();
    for n in 0..2000 {
        let mut stream = TcpStream::connect(server.server.address).await.unwrap();
        // All of it but for the last bytes, which are for later: so many are left to drip.
        stream.write_all(&hello[..n % (hello.len() - 10)]).await.unwrap();
        half.push((stream, n % (hello.len() - 10)));
        if n % 100 == 0 {
            service(&server, &mut client, &mut worker).await;
        }
    }
    for _ in 0..10 {
        for (stream, sent) in &mut half {
            stream.write_all(&hello[*sent..=*sent]).await.unwrap();
            *sent += 1;
        }
        service(&server, &mut client, &mut worker).await;
    }
    assert!(half.iter().all(|(stream, _)| stands(stream)), "some were ended");
    // Each goes on where it is.
    let (stream, sent) = &mut half[1999];
    stream.write_all(&hello[*sent..]).await.unwrap();
    assert_ne!(timeout(LONG, stream.read(&mut [0; 100])).await.unwrap().unwrap(), 0);
}

/// A queue of those who had gone while they waited kept those who had come for minutes: each was answered, which takes many times
/// what it takes to connect.
#[tokio::test]
async fn who_has_gone_is_not_answered() {
    let server = Encrypted::start("tls-gone").await;
    let hello = hello(&server.files);
    let mut gone = std::net::TcpStream::connect(server.server.address).unwrap();
    // The server's thread is this one: it has not seen anything of that yet.
    std::io::Write::write_all(&mut gone, &hello).unwrap();
    gone.shutdown(std::net::Shutdown::Write).unwrap();
    gone.set_nonblocking(true).unwrap();
    let mut answer = Vec::new();
    timeout(LONG, TcpStream::from_std(gone).unwrap().read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"");
    server.peer().await.sync().await;
}

/// Thousands of them, to which TLS sets no end: what each kind is counted by, the other sets back.
#[tokio::test]
async fn changes_of_keys_and_empty_records() {
    let server = Encrypted::start("tls-nothing").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let (config, forger) = forgeable(&server.client);
    let Wire { mut tls, stream } = Wire::connect_with(&server, config).await;
    let mut forger = forger(&tls);
    let (mut reader, mut writer) = stream.into_split();
    // To make them takes as long as to read them, and on the same thread.
    let mut records: Vec<u8> = (0..10).flat_map(|_| forger.nothing()).collect();
    records.extend(forger.data(&echo(1).0));
    let flood = tokio::spawn(async move {
        writer.write_all(&records).await.unwrap();
        writer
    });
    service(&server, &mut client, &mut worker).await;
    // It was understood all the while.
    let writer = flood.await.unwrap();
    let mut answer = Vec::new();
    while answer.len() < echo(1).1.len() {
        let mut bytes = [0; 4096];
        let n = timeout(LONG, reader.read(&mut bytes)).await.unwrap().unwrap();
        assert_ne!(n, 0, "the connection ended");
        tls.read_tls(&mut &bytes[..n]).unwrap();
        tls.process_new_packets().unwrap();
        let _ = std::io::Read::read_to_end(&mut tls.reader(), &mut answer);
    }
    assert_eq!(answer, echo(1).1);
    drop(writer);
}

/// A server that is asked to change its keys, again and again, by who reads nothing.
#[tokio::test]
async fn questions_for_new_keys_without_end() {
    let server = Encrypted::start("tls-asked").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let (config, forger) = forgeable(&server.client);
    let Wire { tls, mut stream } = Wire::connect_with(&server, config).await;
    let mut forger = forger(&tls);
    for _ in 0..1000 {
        let mut records = Vec::new();
        (0..31).for_each(|_| records.extend(forger.key_update(true)));
        records.extend(forger.data(&echo(1).0));
        stream.write_all(&records).await.unwrap();
    }
    service(&server, &mut client, &mut worker).await;
    assert!(stands(&stream));
}

#[tokio::test]
async fn what_is_too_much_or_not_allowed_ends_the_connection() {
    const WARNING: u8 = 1;
    const CLIENT_HELLO: u8 = 1;
    const TICKET: u8 = 4;
    let server = Encrypted::start("tls-too-much").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    for (what, typ, content, times) in [
        ("empty records", ContentType::ApplicationData, &b""[..], 40),
        ("warnings", ContentType::Alert, &[WARNING, 100], 40),
        ("cancelling", ContentType::Alert, &[WARNING, 90], 40),
        ("half an alert", ContentType::Alert, &[WARNING], 1),
        ("changes of keys", ContentType::Handshake, &[24, 0, 0, 1, 0], 1),
        ("a new handshake", ContentType::Handshake, &[CLIENT_HELLO, 0, 0, 1, 0], 1),
        ("a ticket", ContentType::Handshake, &[TICKET, 0, 0, 1, 0], 1),
        ("an empty message", ContentType::Handshake, &b""[..], 40),
        ("a message of 16 MB", ContentType::Handshake, &[CLIENT_HELLO, 255, 255, 255], 1),
        ("a change of cipher", ContentType::ChangeCipherSpec, &[1], 40),
        ("a heartbeat", ContentType::Heartbeat, &[1, 0, 4, 0], 1),
        ("what is nothing", ContentType::Unknown(99), b"x", 1),
        ("no content type", ContentType::Unknown(0), b"", 1),
    ] {
        let (config, forger) = forgeable(&server.client);
        let Wire { tls, mut stream } = Wire::connect_with(&server, config).await;
        let mut forger = forger(&tls);
        // The server may close before all was sent. One change of keys is allowed, and what follows it under the old ones is not.
        for _ in 0..times {
            let _ = stream.write_all(&forger.record(typ, content)).await;
        }
        let _ = stream.write_all(&forger.data(&echo(1).0)).await;
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap_or_else(|_| panic!("{what}: goes on"));
        service(&server, &mut client, &mut worker).await;
    }
}

/// In the clear, before the handshake or in the middle of it.
#[tokio::test]
async fn records_that_do_not_belong_into_a_handshake() {
    let server = Encrypted::start("tls-strange").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let hello = hello(&server.files);
    // A message of 64 KB, a byte in each record.
    let crumbs =
        [b"\x16\x03\x01\x00\x04\x01\x00\xff\xff".to_vec(), b"\x16\x03\x01\x00\x01\x00".repeat(65_535)].concat();
    for (what, bytes) in [
        ("warnings", [&hello[..], &b"\x15\x03\x03\x00\x02\x01\x64".repeat(1000)].concat()),
        ("changes of cipher", [&hello[..], &b"\x14\x03\x03\x00\x01\x01".repeat(1000)].concat()),
        ("empty records", [&b"\x16\x03\x01\x00\x00".repeat(1000), &hello[..]].concat()),
        ("data", [&hello[..], b"\x17\x03\x03\x00\x05hello"].concat()),
        ("the same again", hello.repeat(3)),
        ("a record too long", b"\x16\x03\x01\xff\xff".repeat(5000)),
        ("crumbs", crumbs),
    ] {
        let mut stream = TcpStream::connect(server.server.address).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap_or_else(|_| panic!("{what}: goes on"));
        service(&server, &mut client, &mut worker).await;
    }
}

/// After its end nothing of a peer counts; what it had asked before is answered.
#[tokio::test]
async fn who_says_that_it_closes_and_goes_on() {
    let server = Encrypted::start("tls-goes-on").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let (config, forger) = forgeable(&server.client);
    let mut wire = Wire::connect_with(&server, config).await;
    let mut forger = forger(&wire.tls);
    let submit = packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"never"[..], b"", b""]);
    let mut bytes = forger.data(&echo(1).0);
    bytes.extend(forger.record(ContentType::Alert, &[1, 0]));
    (0..1000).for_each(|_| bytes.extend(forger.data(&submit)));
    // It may be closed before all was taken.
    let _ = wire.stream.write_all(&bytes).await;
    ended(&mut wire.stream).await;
    service(&server, &mut client, &mut worker).await;
    client.text("show jobs\n", ".\n").await;
}

#[tokio::test]
async fn who_leaves_in_the_middle_of_a_packet_or_of_a_record() {
    let server = Encrypted::start("tls-middle").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let submit = packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"never"[..], b"", &[b'x'; 300]]);
    for (cut, of_record) in [(7, 0), (20, 0), (submit.len(), 1), (submit.len(), 100)] {
        let mut wire = Wire::connect(&server).await;
        let record = wire.record(&submit[..cut]);
        wire.stream.write_all(&record[..record.len() - of_record]).await.unwrap();
        wire.stream.shutdown().await.unwrap();
        ended(&mut wire.stream).await;
        service(&server, &mut client, &mut worker).await;
    }
    client.text("show jobs\n", ".\n").await;
}

/// The server must not hold the records of what waits, nor let others wait for it.
#[tokio::test]
async fn sixty_four_megabytes_for_who_does_not_read() {
    let server = Encrypted::start("tls-full").await;
    let (mut client, mut worker) = (server.peer().await, worker(&server).await);
    let mut slow = server.peer().await;
    let handle = slow.submit("f", "", b"large").await;
    worker.grab(&[&handle, b"f", b"large"]).await;
    let large = vec![b'x'; 64 << 20];
    worker.send(WORK_COMPLETE, &[&handle, &large]).await;
    worker.sync().await;
    for _ in 0..20 {
        service(&server, &mut client, &mut worker).await;
    }
    let (command, body) = timeout(LONG, slow.read()).await.unwrap();
    assert!(command == WORK_COMPLETE && body[handle.len() + 1..] == large);
    job(&mut slow, &mut worker).await;
}
