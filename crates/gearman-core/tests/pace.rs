//! Calls that do not wait, made without end: a loop is not to burn CPU while no server is there.

use crate::conversation::*;
use crate::util::{Script, hanging, join, pass, unused_path, within, worker};
use gearman_core::error::Result;
use gearman_core::net::address::ServerAddress;
use gearman_core::worker::Worker;
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::time::Instant;

/// Every way to ask for a job without time to wait for it, in turn.
async fn hurry(worker: &mut Worker, n: usize) -> Result<()> {
    worker.begin();
    let now = Some(Instant::now());
    match n % 4 {
        0 => worker.try_next_job().await.map(drop),
        1 => worker.grab_job(now).await.map(drop),
        2 => worker.next_job(now).await.map(drop),
        _ => worker.wait_for_job(now).await,
    }
}

/// Seconds of the runtime's clock that so many calls take, made at once or one kind of them only.
async fn seconds(worker: &mut Worker, calls: usize, kind: Option<usize>) -> f64 {
    let begun = Instant::now();
    for n in 0..calls {
        hurry(worker, kind.unwrap_or(n)).await.unwrap_err();
    }
    begun.elapsed().as_secs_f64()
}

/// Each of them failed at once: 300,000 rounds a second.
#[test]
fn without_a_server_there_are_less_than_a_hundred_calls_a_second() {
    for kind in [None, Some(0), Some(1), Some(2), Some(3)] {
        within(async move || {
            tokio::time::pause();
            // Refused without any packet, so that only the clock, which is paused, tells the time.
            let nobody = || ServerAddress::Unix(unused_path());
            for servers in [&[][..], &[nobody()], &[nobody(), nobody(), nobody()]] {
                let mut worker = worker(servers, b"f");
                assert!(seconds(&mut worker, 300, kind).await > 3.0, "{kind:?} {}", servers.len());
            }
            let mut idle = worker(&[nobody()], b"f");
            idle.abilities.clear().unwrap();
            assert!(seconds(&mut idle, 300, kind).await > 3.0, "no functions");
        });
    }
}

#[test]
fn while_connecting_hangs_as_well() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        tokio::time::pause();
        assert!(seconds(&mut worker(&[server], b"f"), 300, Some(0)).await > 3.0);
    });
}

#[test]
fn a_server_that_closes_what_it_accepts_is_none() {
    within(async || {
        let script = Script::unix();
        let mut worker = script.worker(b"f");
        let server = async {
            loop {
                drop(script.accept().await);
            }
        };
        let work = async {
            tokio::time::pause();
            seconds(&mut worker, 300, None).await
        };
        tokio::select! {
            () = server => {}
            seconds = work => assert!(seconds > 2.0, "{seconds}"),
        }
    });
}

#[test]
fn who_is_answered_is_not_held_back() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let look = async {
            loop {
                match worker.try_next_job().await {
                    Err(Error::WouldBlock) => tokio::task::yield_now().await,
                    other => break other.unwrap_err(),
                }
            }
        };
        let server = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.reply(NO_JOB, "").await;
            server
        };
        let (_server, none) = join(server, look).await;
        assert_eq!(none, Error::NoJobs);
        tokio::time::pause();
        let begun = Instant::now();
        for _ in 0..300 {
            assert_eq!(worker.try_next_job().await.unwrap_err(), Error::NoJobs);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    });
}

/// A job that waited for work() was there for every wait(), long after its server was gone.
#[test]
fn a_job_that_waits_goes_with_its_connection() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        let server = async {
            let mut server = script.conversation().await;
            server.lull("f").await;
            server.wake().await;
            server.assign("H:x:1").await;
            server
        };
        let (server, job) = join(server, worker.wait_for_job(None)).await;
        job.unwrap();
        worker.wait_for_job(None).await.unwrap();
        drop((server, script));
        pass(Duration::from_secs(2)).await;
        let gone = loop {
            worker.begin();
            match worker.wait_for_job(Some(Instant::now())).await {
                Ok(()) => tokio::task::yield_now().await, // the news of its end is on its way
                Err(error) => break error,
            }
        };
        assert_eq!(gone.code(), ReturnCode::CouldNotConnect);
        assert!(worker.take_arrived().is_none());
    });
}
