//! How many jobs are taken: no more than workers are idle, and than limits on either side let begin.

use super::*;
use gearmand::config::Acl;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Both servers have more jobs than there are workers.
#[tokio::test]
async fn no_more_jobs_are_taken_than_workers_are_idle() {
    let (one, two) = (server("one", |_| {}).await, server("two", |_| {}).await);
    let there = helper(&[&one, &two]).await;
    let mut clients = [one.peer().await, two.peer().await];
    let mut admins = [one.peer().await, two.peer().await];
    for client in &mut clients {
        for n in 0..20u8 {
            client.submit("f", "", &[n]).await;
        }
    }
    let mut workers = [sleeper(&there, &["f", "g"]).await, sleeper(&there, &["f", "h"]).await];
    for _ in 0..10 {
        for worker in &mut workers {
            let (handle, _) = worker.woken().await;
            let mut running = 0;
            for admin in &mut admins {
                running += admin.status("f").await.unwrap()[1];
            }
            assert!((1..=2).contains(&running), "{running} run, there are two workers");
            worker.complete(&handle, b"").await;
            worker.send(PRE_SLEEP, &[]).await;
        }
    }
    drop(workers);
    for admin in &mut admins {
        wait_for(admin, "f", |[_, running, workers]| (running, workers) == (0, 0)).await;
    }
}

#[tokio::test]
async fn many_workers_have_many_jobs_at_once() {
    let here = server("here", |config| config.threads = 2).await;
    let peers = vec![address(here.address)];
    let there = server("helper", |config| (config.peers, config.threads) = (peers, 3)).await;
    let mut client = here.peer().await;
    for n in 0..60u8 {
        client.submit("f", "", &[n]).await;
    }
    let (mut workers, go) = (JoinSet::new(), watch::Sender::new(false));
    for _ in 0..50 {
        let (mut worker, mut go) = (sleeper(&there, &["f"]).await, go.subscribe());
        workers.spawn(async move {
            let (handle, _) = worker.woken().await;
            go.wait_for(|go| *go).await.unwrap();
            worker.complete(&handle, b"").await;
            worker
        });
    }
    let mut admin = here.peer().await;
    wait_for(&mut admin, "f", |[jobs, running, _]| (jobs, running) == (60, 50)).await;
    go.send_replace(true);
    for _ in 0..50 {
        assert_eq!(timeout(LONG, client.read()).await.unwrap().0, WORK_COMPLETE);
    }
    assert_eq!(admin.status("f").await.map(|[jobs, running, _]| [jobs, running]), Some([10, 0]));
}

#[tokio::test]
async fn limits_of_the_jobs_own_server() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let (mut client, mut admin) = (here.peer().await, here.peer().await);
    admin.text("policy f concurrency=1\n", "OK\r\n").await;
    for n in 0..3u8 {
        client.submit("f", "", &[n]).await;
    }
    let mut workers = JoinSet::new();
    for _ in 0..2 {
        let (mut worker, mut admin) = (sleeper(&there, &["f"]).await, here.peer().await);
        workers.spawn(async move {
            loop {
                let (handle, _) = worker.woken().await;
                let running = admin.status("f").await.unwrap()[1];
                worker.complete(&handle, running.to_string().as_bytes()).await;
                worker.send(PRE_SLEEP, &[]).await;
            }
        });
    }
    for _ in 0..3 {
        let (command, result) = timeout(LONG, client.read()).await.unwrap();
        assert!(command == WORK_COMPLETE && result.ends_with(b"\x001"), "{}", result.escape_ascii());
    }
}

#[tokio::test]
async fn limits_of_the_helper() {
    let here = server("here", |_| {}).await;
    let there = helper(&[&here]).await;
    let (mut client, mut admin) = (here.peer().await, there.peer().await);
    admin.text("policy f paused=yes\n", "OK\r\n").await;
    let (mut f, mut g) = (sleeper(&there, &["f"]).await, sleeper(&there, &["g"]).await);
    client.submit("f", "", b"").await;
    client.submit("g", "", b"").await;
    let (handle, _) = g.woken().await;
    g.complete(&handle, b"").await;
    client.soon(WORK_COMPLETE, &[b"H:here:2", b""]).await;
    assert_eq!(client.status("f").await, Some([1, 0, 0]), "nobody is idle for what is paused");
    admin.text("policy f paused=no concurrency=1 rate=20/s\n", "OK\r\n").await;
    let (handle, _) = f.woken().await;
    let mut more = sleeper(&there, &["f"]).await;
    client.submit("f", "", b"").await;
    g.send(PRE_SLEEP, &[]).await;
    client.submit("g", "", b"").await;
    g.woken().await;
    assert_eq!(client.status("f").await.map(|[jobs, running, _]| [jobs, running]), Some([2, 1]), "one at a time");
    f.complete(&handle, b"").await;
    client.soon(WORK_COMPLETE, &[b"H:here:1", b""]).await;
    more.woken().await;
}

/// A connection of a helper has the rights of a worker.
#[tokio::test]
async fn rights_at_the_jobs_own_server() {
    const RULES: &str = "[[rule]]\naddress = '127.0.0.1'\nwork = 'f'\nsubmit = '*'\nobserve = true\n";
    let acl = watch::Sender::new(Arc::new(Acl::parse(RULES, Path::new("acl.toml")).unwrap()));
    let rules = acl.subscribe();
    let here = server("here", |config| config.acl = Some(rules)).await;
    let there = helper(&[&here]).await;
    let mut worker = sleeper(&there, &["g", "f", "h"]).await;
    let mut client = here.peer().await;
    client.submit("g", "", b"not allowed").await;
    client.submit("f", "", b"allowed").await;
    let (handle, rest) = worker.woken().await;
    assert_eq!(rest, b"f\0\0allowed");
    worker.complete(&handle, b"").await;
    client.soon(WORK_COMPLETE, &[b"H:here:2", b""]).await;
    assert_eq!(client.status("g").await, Some([1, 0, 0]));
}
