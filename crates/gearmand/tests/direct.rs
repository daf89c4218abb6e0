//! Direct assignment, as it goes over the wire.

use crate::process::Folder;
use crate::util::*;
use gearmand::Listener;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

#[tokio::test]
async fn four_hops_for_a_foreground_job() {
    let server = Server::start().await;
    let mut worker = server.direct_worker(&["f"]).await;
    let mut client = server.peer().await;
    for n in 1..=3 {
        worker.send(PRE_SLEEP, &[]).await;
        let handle = client.submit("f", "", b"x").await;
        assert_eq!(handle, format!("H:test:{n}").into_bytes());
        worker.expect(JOB_ASSIGN, &[&handle, b"f", b"x"]).await;
        worker.send(WORK_COMPLETE, &[&handle, b"r"]).await;
        client.expect(WORK_COMPLETE, &[&handle, b"r"]).await;
    }
}

#[tokio::test]
async fn a_job_that_waits_is_given_at_once() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"1").await;
    let mut worker = server.direct_worker(&["f"]).await;
    worker.send(PRE_SLEEP, &[]).await;
    worker.expect(JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"1"]).await;
    client.submit("f", "", b"2").await;
    worker.sync().await; // nothing came: it is busy, not asleep
    worker.send(PRE_SLEEP, &[]).await;
    worker.expect(JOB_ASSIGN, &[&b"H:test:2"[..], b"f", b"2"]).await;
}

#[tokio::test]
async fn a_sleep_that_was_ended_by_an_echo() {
    let server = Server::start().await;
    let mut worker = server.direct_worker(&["f"]).await;
    worker.sleep().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    worker.sync().await;
    // The form of the grab is the form of what is given in the sleep after it.
    worker.send(GRAB_JOB_UNIQ, &[]).await;
    worker.expect(JOB_ASSIGN_UNIQ, &[&b"H:test:1"[..], b"f", b"", b"x"]).await;
    worker.send(GRAB_JOB_UNIQ, &[]).await;
    worker.expect(NO_JOB, &[]).await;
    worker.send(PRE_SLEEP, &[]).await;
    client.submit("f", "k", b"y").await;
    worker.expect(JOB_ASSIGN_UNIQ, &[&b"H:test:2"[..], b"f", b"k", b"y"]).await;
}

/// Three workers of one function get equally many jobs, in the order in which they went to sleep.
#[tokio::test]
async fn jobs_go_round_among_three_workers() {
    let server = Server::start().await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        let mut worker = server.direct_worker(&["f"]).await;
        worker.send(PRE_SLEEP, &[]).await;
        workers.push(worker);
    }
    let mut client = server.peer().await;
    for round in 0..12 {
        let handle = client.submit("f", "", b"x").await;
        let worker = &mut workers[round % 3];
        worker.expect(JOB_ASSIGN, &[&handle, b"f", b"x"]).await;
        worker.send(WORK_COMPLETE, &[&handle, b"r"]).await;
        client.expect(WORK_COMPLETE, &[&handle, b"r"]).await;
        worker.send(PRE_SLEEP, &[]).await;
    }
}

#[tokio::test]
async fn priorities_hold() {
    let server = Server::start().await;
    let mut worker = server.direct_worker(&["f", "g"]).await;
    worker.send(PRE_SLEEP, &[]).await;
    let mut client = server.peer().await;
    client.submit("f", "", b"first").await;
    worker.expect(JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"first"]).await;
    for (command, function) in
        [(SUBMIT_JOB_LOW_BG, "f"), (SUBMIT_JOB_BG, "f"), (SUBMIT_JOB_HIGH_BG, "g"), (SUBMIT_JOB_HIGH_BG, "f")]
    {
        assert_eq!(client.ask(command, &[function.as_bytes(), b"", b"x"]).await.0, JOB_CREATED);
    }
    // f had its turn, so g is asked first.
    for (handle, function) in [("H:test:4", "g"), ("H:test:5", "f"), ("H:test:3", "f"), ("H:test:2", "f")] {
        worker.send(PRE_SLEEP, &[]).await;
        worker.expect(JOB_ASSIGN, &[handle.as_bytes(), function.as_bytes(), b"x"]).await;
    }
}

#[tokio::test]
async fn the_wish_without_an_answer() {
    let server = Server::start().await;
    let mut worker = server.worker(&["f"]).await;
    worker.send(ALL_YOURS, &[]).await;
    worker.grab_nothing().await;
    worker.send(PRE_SLEEP, &[]).await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    worker.expect(JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"x"]).await;
}

#[tokio::test]
async fn a_worker_that_is_gone_gives_back_what_it_was_given() {
    let server = Server::start().await;
    let (mut one, mut two) = (server.direct_worker(&["f"]).await, server.direct_worker(&["f"]).await);
    for worker in [&mut one, &mut two] {
        worker.send(PRE_SLEEP, &[]).await;
    }
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    drop(one);
    two.expect(JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"x"]).await;
}

/// Workers of a container that is killed: the job of the first was given to the others, whose ends had come as well. Each of
/// these was a try, and the job failed without being run.
#[tokio::test]
async fn a_job_is_not_given_to_those_who_are_gone_together_with_its_worker() {
    let folder = Folder::new("direct-gone");
    let path = folder.file("socket");
    // An end is seen at once over a socket in the file system.
    let local = Listener::Unix(None, std::os::unix::net::UnixListener::bind(&path).unwrap());
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let server = Server::on(address, vec![local, Listener::Tcp(tcp)], |config| config.job_runs = Some(2));
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    let mut killed = Vec::new();
    for n in 0..9 {
        let mut worker = Peer { stream: UnixStream::connect(&path).await.unwrap() };
        worker.send(CAN_DO, &[&b"f"[..]]).await;
        worker.send(OPTION_REQ, &[&b"all-yours"[..]]).await;
        worker.expect(OPTION_RES, &[&b"all-yours"[..]]).await;
        worker.send(PRE_SLEEP, &[]).await;
        if n == 0 {
            worker.expect(JOB_ASSIGN, &[&b"H:test:1"[..], b"f", b"x"]).await;
        }
        killed.push(worker);
    }
    client.sync().await;
    // At once, also where a process that begins meanwhile has inherited them for a moment.
    for worker in &mut killed {
        worker.stream.shutdown().await.unwrap();
    }
    let mut worker = server.worker(&["f"]).await;
    worker.grab(&[b"H:test:1", b"f", b"x"]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
}

#[tokio::test]
async fn switched_off_the_option_is_not_known() {
    let server = Server::with(|config| config.direct_assignment = false).await;
    let mut worker = server.worker(&["f"]).await;
    worker.send(OPTION_REQ, &[&b"all-yours"[..]]).await;
    worker.expect(ERROR, &[&b"UNKNOWN_OPTION"[..], b"Server does not recognize given option"]).await;
    worker.send(ALL_YOURS, &[]).await;
    worker.send(PRE_SLEEP, &[]).await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    worker.expect(NOOP, &[]).await;
}
