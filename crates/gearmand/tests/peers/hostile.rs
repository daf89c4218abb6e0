//! Peers that answer with what is no answer, with too much, or not at all.

use super::*;
use crate::http::HttpServer;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A peer that the test speaks for, a server that works for it, and a worker that is idle there.
struct Hostile {
    listener: TcpListener,
    there: Server,
    worker: Peer,
}

/// One connection of the helper, as its peer has it.
struct Link(TcpStream);

impl Hostile {
    async fn start() -> Hostile {
        Hostile::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = address(listener.local_addr().unwrap());
        let there = server("helper", |config| {
            config.peers = vec![peer];
            config.max_packet = 1000;
            change(config);
        })
        .await;
        let worker = sleeper(&there, &["f"]).await;
        Hostile { listener, there, worker }
    }

    async fn accept(&self) -> Link {
        Link(timeout(LONG, self.listener.accept()).await.expect("the helper does not come").unwrap().0)
    }

    /// The helper still serves its own, and the peer as soon as that behaves.
    async fn goes_on(&mut self) {
        let mut client = self.there.peer().await;
        let job = client.submit("f", "", b"own").await;
        let (handle, _) = self.worker.woken().await;
        self.worker.complete(&handle, b"").await;
        client.soon(WORK_COMPLETE, &[&job, b""]).await;
        self.worker.send(PRE_SLEEP, &[]).await;
        let mut link = self.accept().await;
        link.asleep().await;
        link.give(&[b"H:peer:9", b"f", b"", b"theirs"]).await;
        let (handle, rest) = self.worker.woken().await;
        assert_eq!(rest, b"f\0\0theirs");
        self.worker.complete(&handle, b"done").await;
        assert_eq!(link.until(WORK_COMPLETE).await, b"H:peer:9\0done");
    }
}

impl Link {
    async fn read(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut header = [0; 12];
        self.0.read_exact(&mut header).await.ok()?;
        assert_eq!(&header[..4], b"\0REQ");
        let number = |i: usize| u32::from_be_bytes(header[i..i + 4].try_into().unwrap());
        let mut body = vec![0; number(8) as usize];
        self.0.read_exact(&mut body).await.ok()?;
        Some((number(4), body))
    }

    /// What comes with the next of these.
    async fn until(&mut self, command: u32) -> Vec<u8> {
        let reads = async {
            loop {
                let (got, body) = self.read().await.expect("the helper has gone");
                if got == command {
                    return body;
                }
            }
        };
        timeout(LONG, reads).await.expect("the helper says nothing")
    }

    async fn asleep(&mut self) {
        assert!(self.until(SET_CLIENT_ID).await.starts_with(b"gearmand-proxy:"));
        assert_eq!(self.until(CAN_DO).await, b"f");
        // Where the last job came from there may be more.
        loop {
            match timeout(LONG, self.read()).await.expect("the helper says nothing").expect("the helper has gone").0 {
                GRAB_JOB_ALL => self.send(NO_JOB, &[]).await,
                PRE_SLEEP => return,
                _ => {}
            }
        }
    }

    async fn send(&mut self, command: u32, arguments: &[&[u8]]) {
        self.0.write_all(&packet(b"\0RES", command, arguments)).await.unwrap();
    }

    /// Wakes it, and gives it a job when it asks.
    async fn give(&mut self, job: &[&[u8]]) {
        self.send(NOOP, &[]).await;
        self.until(GRAB_JOB_ALL).await;
        self.send(JOB_ASSIGN_UNIQ, job).await;
    }

    async fn ends(&mut self) {
        let ends = async { while self.read().await.is_some() {} };
        timeout(LONG, ends).await.expect("the helper stays");
    }
}

#[tokio::test]
async fn what_is_no_packet() {
    let mut hostile = Hostile::start().await;
    for rubbish in
        [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\0REQ\0\0\0\x06\0\0\0\0", b"\0RES\0\0\0\x06\xff\xff\xff\xff"]
    {
        let mut link = hostile.accept().await;
        link.asleep().await;
        link.0.write_all(rubbish).await.unwrap();
        link.ends().await;
    }
    hostile.goes_on().await;
}

#[tokio::test]
async fn jobs_that_nobody_asked_for() {
    let mut hostile = Hostile::start().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.send(JOB_ASSIGN_UNIQ, &[b"H:peer:1", b"f", b"", b""]).await;
    link.ends().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.send(NO_JOB, &[]).await;
    link.ends().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.give(&[b"H:peer:1", b"not told", b"", b""]).await;
    link.ends().await;
    hostile.goes_on().await;
}

/// What a client could not submit here is no job here: it goes back.
#[tokio::test]
async fn jobs_that_cannot_be() {
    let mut hostile = Hostile::start().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.give(&[b"H:peer:1", b"f", &[b'k'; 100], b""]).await;
    link.ends().await;
    hostile.goes_on().await;
}

/// There is no room for the job: it is not asked for, so that it does not go back and count as tried.
#[tokio::test]
async fn a_helper_with_as_many_connections_as_it_may_have() {
    let hostile = Hostile::with(|config| config.max_connections = 1).await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    for _ in 0..10 {
        link.send(NOOP, &[]).await;
        assert_eq!(timeout(LONG, link.read()).await.unwrap().unwrap().0, PRE_SLEEP);
    }
}

#[tokio::test]
async fn a_job_and_then_rubbish() {
    let mut hostile = Hostile::start().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.give(&[b"H:peer:1", b"f", b"", b"x"]).await;
    let (handle, _) = hostile.worker.woken().await;
    link.0.write_all(b"rubbish").await.unwrap();
    link.ends().await;
    hostile.worker.complete(&handle, b"for nobody").await;
    hostile.worker.send(PRE_SLEEP, &[]).await;
    hostile.goes_on().await;
}

/// It is asked again after pauses: not as often as it can answer.
#[tokio::test]
async fn one_that_wakes_without_end_and_has_no_job() {
    let mut hostile = Hostile::start().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    let begun = Instant::now();
    for _ in 0..14 {
        link.send(NOOP, &[]).await;
        link.until(GRAB_JOB_ALL).await;
        link.send(NO_JOB, &[]).await;
        link.until(PRE_SLEEP).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    drop(link);
    hostile.goes_on().await;
}

#[tokio::test]
async fn one_that_closes_at_once_is_tried_after_pauses_that_grow() {
    let mut hostile = Hostile::start().await;
    let begun = Instant::now();
    for _ in 0..5 {
        drop(hostile.accept().await);
    }
    // 100, 200, 400 and 800 ms, and a quarter less at most.
    assert!(begun.elapsed() >= Duration::from_millis(1125), "{:?}", begun.elapsed());
    hostile.goes_on().await;
}

/// A half-open connection: it is there, and nobody answers.
#[tokio::test]
async fn one_that_does_not_answer_is_given_up() {
    let mut hostile = Hostile::start().await;
    let mut link = hostile.accept().await;
    link.asleep().await;
    link.give(&[b"H:peer:1", b"f", b"", b"x"]).await;
    let (handle, _) = hostile.worker.woken().await;
    // While the job runs another connection waits for the next one.
    let idle = sleeper(&hostile.there, &["f"]).await;
    let mut listening = hostile.accept().await;
    listening.asleep().await;
    let clock = Frozen::new();
    let mut seconds = 0;
    let (mut echoes, mut ended) = (0, [false; 2]);
    while ended != [true; 2] {
        assert!(seconds < 60, "it is waited for");
        clock.pass(1000).await;
        seconds += 1;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        for (link, ended) in [&mut link, &mut listening].into_iter().zip(&mut ended) {
            let mut bytes = [0; 4096];
            match link.0.try_read(&mut bytes) {
                Ok(0) => *ended = true,
                Ok(n) => echoes += usize::from(bytes[..n].ends_with(b"?")),
                Err(_) => {}
            }
        }
    }
    assert!(seconds >= 30 && echoes >= 2, "{seconds} s, {echoes} questions");
    drop((clock, idle));
    hostile.worker.complete(&handle, b"for nobody").await;
    hostile.worker.send(PRE_SLEEP, &[]).await;
    hostile.goes_on().await;
}

/// The connection over which it was listened to was lost, and the next job's took its place: it was said to be away for as long as
/// that stood.
#[tokio::test]
async fn one_whose_used_connections_are_enough_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = address(listener.local_addr().unwrap());
    let up = format!("gearmand_peer_up{{peer=\"{peer}\"}}");
    let there = HttpServer::with(|config| config.peers = vec![peer]).await;
    let accept = async || Link(timeout(LONG, listener.accept()).await.expect("the helper does not come").unwrap().0);
    let says = async |value: u8| {
        let line = format!("{up} {value}\n");
        let asks = async { while !there.get("/metrics").await.expect(200).text().contains(&line) {} };
        timeout(LONG, asks).await.expect("it says something else");
    };
    let mut busy = sleeper(&there.gearman, &["f"]).await;
    let mut link = accept().await;
    link.asleep().await;
    link.give(&[b"H:peer:1", b"f", b"", b"x"]).await;
    let (handle, _) = busy.woken().await;
    // While another worker is idle a connection waits for the next job.
    let idle = sleeper(&there.gearman, &["f"]).await;
    let mut listening = accept().await;
    listening.asleep().await;
    says(1).await;
    drop(idle);
    listening.until(RESET_ABILITIES).await;
    drop(listening);
    says(0).await;
    busy.complete(&handle, b"").await;
    assert_eq!(link.until(WORK_COMPLETE).await, b"H:peer:1\0");
    says(1).await;
}

/// It was asked for a job, and hangs: the worker that was kept for it works for others.
#[tokio::test]
async fn one_that_hangs_keeps_no_worker_from_another_peer() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = server("here", |_| {}).await;
    let peers = vec![address(hanging.local_addr().unwrap()), address(here.address)];
    let there = server("helper", |config| config.peers = peers).await;
    let mut worker = sleeper(&there, &["f"]).await;
    let mut link = Link(hanging.accept().await.unwrap().0);
    link.asleep().await;
    link.send(NOOP, &[]).await;
    link.until(GRAB_JOB_ALL).await;
    let mut client = here.peer().await;
    let job = client.submit("f", "", b"x").await;
    let (handle, _) = worker.woken().await;
    // Too late: nobody is idle for it.
    link.send(JOB_ASSIGN_UNIQ, &[b"H:peer:1", b"f", b"", b"late"]).await;
    link.ends().await;
    worker.complete(&handle, b"").await;
    client.soon(WORK_COMPLETE, &[&job, b""]).await;
}
