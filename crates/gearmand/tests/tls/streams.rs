//! Packets and text through TLS, in records of every size.

use crate::tls::Encrypted;
use crate::tls::wire::{Wire, echo};
use crate::util::*;
use gearmand::Stop;
use gearmand::config::tls::Verify;
use std::io::Read;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_job_goes_through() {
    let server = Encrypted::start("tls-job").await;
    let (mut client, mut worker) = (server.peer().await, server.peer().await);
    worker.send(CAN_DO, &[&b"f"[..]]).await;
    worker.sleep().await;
    assert_eq!(client.submit("f", "", b"work").await, b"H:test:1");
    worker.expect(NOOP, &[]).await;
    worker.grab(&[&b"H:test:1"[..], b"f", b"work"]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
    client.text("status\n", "f\t0\t0\t1\n.\n").await;
    client.text("verbose\r\n", "OK ERROR\n").await;
}

/// A direct worker is written to by the round of another connection, while its own task waits for what comes.
#[tokio::test]
async fn jobs_go_through_four_threads() {
    let server = Encrypted::with("tls-threads", Verify::None, |config| config.threads = 4).await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        let mut worker = server.peer().await;
        worker.ask(OPTION_REQ, &[&b"all-yours"[..]]).await;
        worker.send(CAN_DO, &[&b"f"[..]]).await;
        worker.send(PRE_SLEEP, &[]).await;
        workers.push(tokio::spawn(async move {
            while let Some((command, body)) = worker.read_or_end().await {
                match command {
                    JOB_ASSIGN => {
                        let handle = body.split(|b| *b == 0).next().unwrap();
                        worker.send(WORK_COMPLETE, &[handle, b"done"]).await;
                        worker.send(PRE_SLEEP, &[]).await;
                    }
                    NOOP => worker.send(GRAB_JOB, &[]).await,
                    _ => worker.send(PRE_SLEEP, &[]).await,
                }
            }
        }));
    }
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = server.peer().await;
        clients.push(tokio::spawn(async move {
            for _ in 0..200 {
                let handle = client.submit("f", "", b"work").await;
                client.expect(WORK_COMPLETE, &[&handle, b"done"]).await;
            }
        }));
    }
    for client in clients {
        tokio::time::timeout(LONG, client).await.unwrap().unwrap();
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// No packet waits in the stream for what comes after it.
#[tokio::test]
async fn one_record_with_many_packets() {
    let server = Encrypted::start("tls-many").await;
    let mut wire = Wire::connect(&server).await;
    for count in [2, 400] {
        let (questions, answers): (Vec<_>, Vec<_>) = (0..count).map(echo).unzip();
        let record = wire.record(&questions.concat());
        wire.stream.write_all(&record).await.unwrap();
        wire.expect(&answers.concat()).await;
    }
}

/// More than is read at once, in one go: the end of it is decrypted and waits, and no socket wakes anybody for it.
#[tokio::test]
async fn many_records_at_once() {
    let server = Encrypted::start("tls-records").await;
    let mut wire = Wire::connect(&server).await;
    for size in [1, 100, 16 * 1024] {
        let (questions, answers): (Vec<_>, Vec<_>) = (0..4000).map(echo).unzip();
        let records: Vec<u8> = questions.concat().chunks(size).flat_map(|part| wire.record(part)).collect();
        let (mut reader, mut writer) = tokio::io::split(wire.stream);
        let sending = tokio::spawn(async move {
            writer.write_all(&records).await.unwrap();
            writer
        });
        // It is read meanwhile, as the server stops reading from one who does not.
        let mut came = vec![0; 16 * 1024];
        let (expected, mut answer) = (answers.concat(), Vec::new());
        while answer.len() < expected.len() {
            let n = tokio::time::timeout(LONG, reader.read(&mut came)).await.unwrap().unwrap();
            let mut part = &came[..n];
            while !part.is_empty() {
                wire.tls.read_tls(&mut part).unwrap();
                let new = wire.tls.process_new_packets().unwrap().plaintext_bytes_to_read();
                let begin = answer.len();
                answer.resize(begin + new, 0);
                wire.tls.reader().read_exact(&mut answer[begin..]).unwrap();
            }
        }
        assert!(answer == expected, "records of {size}");
        wire.stream = reader.unsplit(sending.await.unwrap());
    }
}

#[tokio::test]
async fn one_packet_over_many_records_and_one_byte_at_a_time() {
    let server = Encrypted::start("tls-bytes").await;
    let mut wire = Wire::connect(&server).await;
    let (question, answer) = echo(1);
    let records: Vec<Vec<u8>> = question.iter().map(|byte| wire.record(&[*byte])).collect();
    for record in records {
        wire.stream.write_all(&record).await.unwrap();
        tokio::task::yield_now().await;
    }
    wire.expect(&answer).await;
    let record = wire.record(&question);
    for byte in record {
        wire.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    wire.expect(&answer).await;
}

#[tokio::test]
async fn sixty_four_megabytes_each_way() {
    let server = Encrypted::start("tls-large").await;
    let mut peer = server.peer().await;
    let large: Vec<u8> = (0..64 << 20_u32).map(|i: u32| (i ^ (i >> 8)) as u8).collect();
    peer.send(ECHO_REQ, &[&large]).await;
    let (command, body) = peer.read().await;
    assert!(command == ECHO_RES && body == large);
    peer.sync().await;
}

/// A record that is not whole keeps nobody else waiting, and one that is wrong ends its connection alone.
#[tokio::test]
async fn mutated_records() {
    let server = Encrypted::start("tls-mutated").await;
    let mut other = server.peer().await;
    let (question, _) = echo(1);
    for at in 0..question.len() + 20 {
        let mut wire = Wire::connect(&server).await;
        let mut record = wire.record(&question);
        let at = at % record.len();
        record[at] ^= 1 << (at % 8);
        wire.stream.write_all(&record).await.unwrap();
        other.sync().await;
        wire.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(LONG, wire.stream.read_to_end(&mut rest)).await.unwrap();
    }
    other.sync().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read() {
    let server = Encrypted::with("tls-unread", Verify::None, |config| config.max_backlog = 1 << 20).await;
    let (mut slow, mut other) = (server.peer().await, server.peer().await);
    let large = vec![b'x'; 1 << 20];
    for _ in 0..2 {
        slow.send(ECHO_REQ, &[&large]).await;
    }
    other.sync().await;
    // What it did not read waits for it, whole and in order.
    for _ in 0..2 {
        slow.expect(ECHO_RES, &[&large]).await;
    }
    // Others send it more than may wait.
    slow.submit("f", "", b"").await;
    other.send(CAN_DO, &[&b"f"[..]]).await;
    assert_eq!(other.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    for _ in 0..200 {
        other.send(WORK_DATA, &[&b"H:test:1"[..], &large[..100_000]]).await;
        other.sync().await;
    }
    slow.ends().await;
    other.sync().await;
}

/// The end of what is read is a close_notify, and not a connection that was cut.
#[tokio::test]
async fn a_stop_and_a_drain_say_that_it_is_the_end() {
    for (stop, threads) in [(Stop::Now, 1), (Stop::Drain, 1), (Stop::Now, 3), (Stop::Drain, 3)] {
        let name = format!("tls-{stop:?}-{threads}");
        let server = Encrypted::with(&name, Verify::None, |config| config.threads = threads).await;
        let mut peers = Vec::new();
        for _ in 0..threads {
            let mut peer = server.peer().await;
            peer.sync().await;
            peers.push(peer);
        }
        server.server.stop.send(stop).unwrap();
        server.server.task.await.unwrap().unwrap();
        for mut peer in peers {
            let mut rest = Vec::new();
            // Without one rustls makes an error of it.
            tokio::time::timeout(LONG, peer.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
            assert_eq!(rest, b"");
        }
    }
}

/// What was asked for before the end is answered, however it is said.
#[tokio::test]
async fn the_end_of_what_is_sent() {
    let server = Encrypted::start("tls-end").await;
    let mut peer = server.peer().await;
    peer.raw(b"version\n").await;
    peer.stream.shutdown().await.unwrap();
    let mut answer = String::new();
    peer.stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("OK "), "{answer}");
    let mut wire = Wire::connect(&server).await;
    let record = wire.record(b"verbose\n");
    wire.stream.write_all(&record).await.unwrap();
    wire.stream.shutdown().await.unwrap();
    wire.expect(b"OK ERROR\n").await;
}
