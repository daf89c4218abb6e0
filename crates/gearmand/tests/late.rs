//! Results that come when the time of their function is over.

use crate::util::*;
use gearmand::Stop;
use tokio::time::timeout;

/// One worker, whose function always takes longer than its limit: the timeout took the job from it, its result was
/// dropped, and it got the job again, for ever. C's own tests hang on that.
#[tokio::test]
async fn a_job_that_always_outlives_its_timeout_ends() {
    let server = Server::start().await;
    let clock = Frozen::new();
    let (mut client, mut worker) = (server.peer().await, server.peer().await);
    worker.send(CAN_DO_TIMEOUT, &[&b"f"[..], b"5000"]).await;
    worker.grab_nothing().await;
    worker.sleep().await;
    let handle = client.submit("f", "", b"x").await;
    worker.expect(NOOP, &[]).await;
    worker.grab(&[&handle, b"f", b"x"]).await;
    clock.pass(20_000).await;
    until(&server, "status\n", "f\t1\t0\t1\n.\n").await;
    worker.send(WORK_DATA, &[&handle, b"part"]).await;
    worker.send(WORK_COMPLETE, &[&handle, b"late"]).await;
    client.expect(WORK_DATA, &[&handle, b"part"]).await;
    client.expect(WORK_COMPLETE, &[&handle, b"late"]).await;
    worker.grab_nothing().await;
}

/// A drain ended when a job ran out of time, though its worker was still on it: what was done by then was lost.
#[tokio::test]
async fn a_drain_waits_for_it() {
    for leaves in [false, true] {
        let server = Server::start().await;
        let clock = Frozen::new();
        let (mut client, mut worker) = (server.peer().await, server.peer().await);
        let handle = client.submit("f", "", b"x").await;
        worker.send(CAN_DO_TIMEOUT, &[&b"f"[..], b"5000"]).await;
        worker.grab(&[&handle, b"f", b"x"]).await;
        server.stop.send(Stop::Drain).unwrap();
        while client.ask(SUBMIT_JOB_BG, &[&b"g"[..], b"", b""]).await.0 != ERROR {}
        clock.pass(5001).await;
        client.send(GET_STATUS, &[&handle]).await;
        client.expect(STATUS_RES, &[&handle, b"1", b"0", b"0", b"0"]).await;
        if leaves {
            drop(worker);
        } else {
            worker.send(WORK_COMPLETE, &[&handle, b"late"]).await;
            client.expect(WORK_COMPLETE, &[&handle, b"late"]).await;
        }
        timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_that_is_too_slow_beside_one_that_is_not() {
    let server = Server::start().await;
    let clock = Frozen::new();
    let mut client = server.peer().await;
    let handle = client.submit("f", "", b"x").await;
    let mut slow = server.peer().await;
    slow.send(CAN_DO_TIMEOUT, &[&b"f"[..], b"5000"]).await;
    slow.grab(&[&handle, b"f", b"x"]).await;
    let mut other = server.worker(&["f"]).await;
    other.sleep().await;
    clock.pass(5001).await;
    other.expect(NOOP, &[]).await;
    other.grab(&[&handle, b"f", b"x"]).await;
    slow.send(WORK_COMPLETE, &[&handle, b"late"]).await;
    slow.expect(ERROR, &[&b"JOB_NOT_FOUND"[..], b"Job given in work result not found"]).await;
    other.send(WORK_COMPLETE, &[&handle, b"r"]).await;
    client.expect(WORK_COMPLETE, &[&handle, b"r"]).await;
}
