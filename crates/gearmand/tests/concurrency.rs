//! A function's limit, as its workers see it.

use crate::util::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const WORKERS: usize = 50;
const JOBS: usize = 300;
const MOST: usize = 3;

#[derive(Default)]
struct Seen {
    running: AtomicUsize,
    most: AtomicUsize,
    noops: AtomicUsize,
}

/// Runs one job after the other, and says when each is done.
async fn run(mut worker: Peer, seen: Arc<Seen>, done: tokio::sync::mpsc::Sender<()>) {
    worker.send(GRAB_JOB, &[]).await;
    loop {
        match worker.read().await {
            (NOOP, _) => {
                seen.noops.fetch_add(1, Ordering::Relaxed);
                worker.send(GRAB_JOB, &[]).await;
            }
            (NO_JOB, _) => worker.send(PRE_SLEEP, &[]).await,
            (JOB_ASSIGN, body) => {
                let running = seen.running.fetch_add(1, Ordering::Relaxed) + 1;
                seen.most.fetch_max(running, Ordering::Relaxed);
                // Its work.
                tokio::time::sleep(Duration::from_millis(1)).await;
                seen.running.fetch_sub(1, Ordering::Relaxed);
                let handle = body.split(|b| *b == 0).next().unwrap();
                worker.send(WORK_COMPLETE, &[handle, b""]).await;
                worker.send(GRAB_JOB, &[]).await;
                done.send(()).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn fifty_workers_and_three_jobs_at_once() {
    for direct in [false, true] {
        let server = Server::start().await;
        let mut client = server.peer().await;
        client.text(&format!("policy f concurrency={MOST}\n"), "OK\r\n").await;
        let (seen, (done, mut all)) = (Arc::<Seen>::default(), tokio::sync::mpsc::channel(JOBS));
        for _ in 0..WORKERS {
            let worker = if direct { server.direct_worker(&["f"]).await } else { server.worker(&["f"]).await };
            tokio::spawn(run(worker, seen.clone(), done.clone()));
        }
        for _ in 0..JOBS {
            let (answer, _) = client.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b"x"]).await;
            assert_eq!(answer, JOB_CREATED);
        }
        for n in 0..JOBS {
            assert!(tokio::time::timeout(LONG, all.recv()).await.is_ok(), "{n} of {JOBS} are done");
        }
        let [most, noops] = [&seen.most, &seen.noops].map(|count| count.load(Ordering::Relaxed));
        assert!(most <= MOST, "{most} at once");
        assert!(noops <= JOBS + WORKERS, "{noops} wake-ups");
    }
}
