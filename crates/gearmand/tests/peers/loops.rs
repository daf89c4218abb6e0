//! Servers that name each other, or stand in a ring.

use super::*;
use gearmand::{Listener, run};
use std::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Servers, each of which works for those that `peers` names.
async fn servers(peers: &[&[usize]]) -> Vec<Server> {
    let listeners: Vec<_> = peers.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let start = |(number, listener): (usize, TcpListener)| {
        let mut config = Config::default();
        config.handle_prefix = format!("H:{number}");
        config.peers = peers[number].iter().map(|peer| address(addresses[*peer])).collect();
        let (stop, stopped) = watch::channel(Stop::No);
        let task = tokio::spawn(run(vec![Listener::Tcp(listener)], config, stopped));
        Server { address: addresses[number], stop, task }
    };
    listeners.into_iter().enumerate().map(start).collect()
}

/// What a worker does with its next job.
async fn work(worker: &mut Peer) -> Vec<u8> {
    let (handle, rest) = worker.woken().await;
    worker.complete(&handle, handle.as_bytes()).await;
    worker.send(PRE_SLEEP, &[]).await;
    rest
}

#[tokio::test]
async fn two_that_name_each_other() {
    let both = servers(&[&[1], &[0]]).await;
    let (mut zero, mut one) = (both[0].peer().await, both[1].peer().await);
    zero.submit("f", "k", b"of zero").await;
    one.submit("f", "k", b"of one").await;
    // Whoever comes is worker of one of them alone, and gets both.
    let mut worker = sleeper(&both[1], &["f"]).await;
    let mut done = [work(&mut worker).await, work(&mut worker).await];
    done.sort();
    assert_eq!(done, [b"f\0k\0of one".to_vec(), b"f\0k\0of zero".to_vec()]);
    let (command, result) = timeout(LONG, zero.read()).await.unwrap();
    assert!(command == WORK_COMPLETE && result.starts_with(b"H:0:1\0H:1:"), "{}", result.escape_ascii());
    one.soon(WORK_COMPLETE, &[b"H:1:1", b"H:1:1"]).await;
}

/// Jobs of one key at both, workers at both that leave and come: none waits for one that waits for it.
#[tokio::test]
async fn two_that_name_each_other_with_one_key() {
    let both = servers(&[&[1], &[0]]).await;
    for round in 0..50u8 {
        let (mut zero, mut one) = (both[0].peer().await, both[1].peer().await);
        zero.submit("f", "k", &[round]).await;
        one.submit("f", "k", &[round]).await;
        let mut workers = JoinSet::new();
        for server in &both {
            let mut worker = sleeper(server, &["f"]).await;
            workers.spawn(async move { while !work(&mut worker).await.is_empty() {} });
        }
        for client in [&mut zero, &mut one] {
            let (command, _) = timeout(LONG, client.read()).await.expect("jobs wait for each other");
            assert_eq!(command, WORK_COMPLETE);
        }
    }
}

/// Each helps the next: a job goes one step, and stays.
#[tokio::test]
async fn three_in_a_ring() {
    let ring = servers(&[&[1], &[2], &[0]]).await;
    let mut clients = [ring[0].peer().await, ring[1].peer().await, ring[2].peer().await];
    for client in &mut clients {
        client.submit("f", "", b"").await;
    }
    // 0 helps 1, 1 helps 2, 2 helps 0: a worker of 2 has jobs of 2 and of 0.
    let mut worker = sleeper(&ring[2], &["f"]).await;
    work(&mut worker).await;
    work(&mut worker).await;
    clients[0].soon(WORK_COMPLETE, &[b"H:0:1", b"H:2:2"]).await;
    clients[2].soon(WORK_COMPLETE, &[b"H:2:1", b"H:2:1"]).await;
    for _ in 0..10 {
        let again = clients[0].submit("f", "", b"").await;
        work(&mut worker).await;
        let (command, result) = timeout(LONG, clients[0].read()).await.unwrap();
        assert!(command == WORK_COMPLETE && result.starts_with(&again));
        assert_eq!(clients[1].status("f").await, Some([1, 0, 0]), "that of 1 waits");
    }
    let mut near = sleeper(&ring[0], &["f"]).await;
    assert_eq!(work(&mut near).await, b"f\0\0");
    clients[1].soon(WORK_COMPLETE, &[b"H:1:1", b"H:0:12"]).await;
}

/// It was forwarded, and the worker that was idle for it does not wake up: somebody else's would, one server on.
#[tokio::test]
async fn a_job_goes_no_further_than_one_step() {
    let row = servers(&[&[], &[0], &[1]]).await;
    let mut asleep = sleeper(&row[1], &["f"]).await;
    let mut last = sleeper(&row[2], &["f"]).await;
    let mut client = row[0].peer().await;
    let mut admin = row[1].peer().await;
    // Both helpers have announced themselves.
    wait_for(&mut client, "f", |[_, _, workers]| workers == 1).await;
    wait_for(&mut admin, "f", |[_, _, workers]| workers == 2).await;
    let job = client.submit("f", "", b"x").await;
    timeout(LONG, asleep.expect(NOOP, &[])).await.unwrap();
    // It goes back, and stays where it was submitted.
    wait_for(&mut client, "f", |status| status == [1, 0, 0]).await;
    last.sync().await;
    assert_eq!(row[2].peer().await.status("f").await, Some([0, 0, 1]));
    // What was submitted one step away goes there.
    let near = admin.submit("f", "", b"y").await;
    assert_eq!(work(&mut last).await, b"f\0\0y");
    let (command, result) = timeout(LONG, admin.read()).await.unwrap();
    assert!(command == WORK_COMPLETE && result.starts_with(&near));
    let mut own = sleeper(&row[0], &["f"]).await;
    work(&mut own).await;
    client.soon(WORK_COMPLETE, &[&job, &job]).await;
}

/// Each server joins jobs of one key that were submitted to it, and no others: else two could wait for each other.
#[tokio::test]
async fn a_job_of_the_same_key_elsewhere_is_another_one() {
    let row = servers(&[&[], &[0]]).await;
    let (mut far, mut near) = (row[0].peer().await, row[1].peer().await);
    let mut first = sleeper(&row[1], &["f"]).await;
    near.submit("f", "k", b"near").await;
    let (handle, _) = first.woken().await;
    let mut second = sleeper(&row[1], &["f"]).await;
    far.submit("f", "k", b"far").await;
    assert_eq!(work(&mut second).await, b"f\0k\0far");
    far.soon(WORK_COMPLETE, &[b"H:0:1", b"H:1:2"]).await;
    first.complete(&handle, b"done").await;
    near.soon(WORK_COMPLETE, &[b"H:1:1", b"done"]).await;
}

/// A worker that could run what the server has for itself is no reason to ask it.
#[tokio::test]
async fn one_that_names_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let itself = Server::on(at, vec![Listener::Tcp(listener)], |config| config.peers = vec![address(at)]);
    let mut client = itself.peer().await;
    client.submit("f", "", b"").await;
    let mut worker = sleeper(&itself, &["f"]).await;
    for _ in 0..20 {
        work(&mut worker).await;
        assert_eq!(timeout(LONG, client.read()).await.unwrap().0, WORK_COMPLETE);
        client.submit("f", "", b"").await;
    }
}
