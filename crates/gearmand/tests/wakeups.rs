//! Workers that sleep and do not answer: busy with another server, stopped, or far away.

use crate::util::*;

/// Workers that sleep, in this order.
async fn sleepers(server: &Server, n: usize, direct: bool) -> Vec<Peer> {
    let mut workers = Vec::new();
    for _ in 0..n {
        let mut worker = if direct { server.direct_worker(&["f"]).await } else { server.worker(&["f"]).await };
        worker.send(PRE_SLEEP, &[]).await;
        workers.push(worker);
    }
    // What was sent has arrived: it is done in the order in which it came, one packet of each at most.
    server.peer().await.sync().await;
    workers
}

/// The workers of two servers sleep at both and are busy with jobs of one. The other waited a second for each of them
/// before it woke the next: five busy ones, and the idle one got its job after five seconds.
#[tokio::test]
async fn an_idle_worker_after_many_that_are_busy_elsewhere() {
    for (busy, direct) in [(5, false), (200, false), (5, true), (200, true)] {
        let server = Server::start().await;
        let clock = Frozen::new();
        let _busy = sleepers(&server, busy, direct).await;
        let mut idle = sleepers(&server, 1, direct).await.remove(0);
        // Longer than one is given a job without being woken.
        clock.pass(10_000).await;
        let mut client = server.peer().await;
        let handle = client.submit("f", "", b"x").await;
        let begin = tokio::time::Instant::now();
        let time = async {
            loop {
                // When an answer has come, the time before it has passed.
                client.sync().await;
                clock.pass(1).await;
            }
        };
        tokio::select! {
            biased;
            () = idle.expect(NOOP, &[]) => {}
            () = time => {}
        }
        let waited = begin.elapsed().as_millis();
        assert!(waited < 20, "{busy} busy, direct: {direct}: {waited} ms");
        idle.grab(&[&handle, b"f", b"x"]).await;
    }
}

#[tokio::test]
async fn where_the_first_answers_nobody_else_is_woken() {
    let server = Server::start().await;
    let clock = Frozen::new();
    let (mut workers, mut client) = (sleepers(&server, 20, false).await, server.peer().await);
    let handle = client.submit("f", "", b"x").await;
    workers[0].expect(NOOP, &[]).await;
    clock.pass(1).await;
    workers[0].grab(&[&handle, b"f", b"x"]).await;
    clock.pass(100).await;
    for worker in &mut workers {
        worker.sync().await;
    }
}

/// A stopped process (SIGSTOP, docker pause) is asleep for all that the server can see, and its system takes what is
/// sent to it: the job that was given to it stayed there.
#[tokio::test]
async fn a_stopped_worker_swallows_no_job() {
    let server = Server::start().await;
    let clock = Frozen::new();
    let mut stopped = sleepers(&server, 1, true).await.remove(0);
    clock.pass(4000).await;
    let (mut awake, mut client) = (sleepers(&server, 1, true).await.remove(0), server.peer().await);
    let handle = client.submit("f", "", b"x").await;
    stopped.expect(NOOP, &[]).await;
    clock.pass(3).await;
    awake.expect(JOB_ASSIGN, &[&handle, b"f", b"x"]).await;
    // It wakes up, and is a worker as before.
    stopped.grab_nothing().await;
    stopped.send(PRE_SLEEP, &[]).await;
    let handle = client.submit("f", "", b"y").await;
    stopped.expect(JOB_ASSIGN, &[&handle, b"f", b"y"]).await;
}
