//! How a worker comes to its servers: those that refuse, hang or are down cost no more time than they must.

use crate::conversation::*;
use crate::util::{
    Script, hanging, impatient, join, nameless, pass, refusing, unused_path, within, worker, worker_with,
};
use gearman_core::ReturnCode;
use gearman_core::net::address::ServerAddress;
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[test]
fn the_first_failure_to_connect_is_told_at_once_and_later_tries_pause() {
    within(async || {
        // Refused without any packet, so that only the runtime's clock, which is paused, tells the time.
        tokio::time::pause();
        let mut worker = worker(&[ServerAddress::Unix(unused_path())], b"f");
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let begun = Instant::now();
            let error = worker.next_job(None).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::CouldNotConnect);
            pauses.push(begun.elapsed());
        }
        assert_eq!(pauses[0], Duration::ZERO);
        for (n, pause) in pauses[1..].iter().enumerate() {
            let (least, most) = (15 << n.min(6), (25 << n.min(6)).min(1250));
            let expected = Duration::from_millis(least.min(750))..=Duration::from_millis(most + 1);
            assert!(expected.contains(pause), "{n}: {pause:?} not in {expected:?}");
        }
        // The pause does not outlast the caller's patience; the reason is reported again.
        let begun = Instant::now();
        let error = worker.next_job(Some(begun + Duration::from_millis(100))).await;
        assert_eq!(error.unwrap_err().code(), ReturnCode::CouldNotConnect);
        assert!((100..=101).contains(&begun.elapsed().as_millis()));
        // A call that does not wait fails at once, each time.
        let begun = Instant::now();
        for _ in 0..3 {
            let error = worker.grab_job(None).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::CouldNotConnect);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_server_that_hangs_in_connecting_is_given_up() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut worker = worker_with(impatient(), std::slice::from_ref(&server), b"f");
        let expected = format!("could not connect to {server}: no answer within 50 ms");
        assert_eq!(worker.connect_all().await.unwrap_err().to_string(), expected);
        assert_eq!(worker.next_job(None).await.unwrap_err().to_string(), expected);
        assert_eq!(worker.grab_job(None).await.unwrap_err().to_string(), expected);
        assert_eq!(worker.echo(0, b"x", None).await.unwrap_err().to_string(), expected);
    });
}

/// A wait that is begun anew, as at each signal, began with the first server again: with each server that hangs the time doubled.
#[test]
fn a_call_tries_each_server_once_however_often_its_wait_begins_anew() {
    within(async || {
        let hanging = [hanging().await, hanging().await, hanging().await];
        let servers = hanging.each_ref().map(|(_, _, server)| server.clone());
        let mut worker = worker_with(impatient(), &servers, b"f");
        let (each, tick) = (impatient().connect_timeout, Duration::from_millis(20));
        tokio::time::pause(); // only its own clock tells the time
        let begun = Instant::now();
        let connected = loop {
            if let Ok(connected) = timeout(tick, worker.connect_all()).await {
                break connected;
            }
        };
        let expected = format!("could not connect to {}: no answer within 50 ms", servers[0]);
        assert_eq!(connected.unwrap_err().to_string(), expected);
        assert!((3 * each..4 * each).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        // The next call tries them again.
        worker.begin();
        assert!(timeout(tick, worker.connect_all()).await.is_err());
    });
}

/// In a cluster a server that is away may be away with its name: that is no reason to have no server at all, nor to hurry.
#[test]
fn a_name_that_is_not_known_is_looked_up_again_after_pauses() {
    within(async || {
        let script = Script::tcp().await;
        let mut both = worker(&[nameless(), script.server()], b"f");
        let server = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server
        };
        let work = async {
            both.connect_all().await.unwrap();
            next(&mut both).await
        };
        let (_server, handle) = join(server, work).await;
        assert_eq!(handle, "H:x:1");
        tokio::time::pause(); // only the runtime's clock tells the time
        let mut alone = worker(&[nameless()], b"f");
        let begun = Instant::now();
        for _ in 0..12 {
            assert_eq!(alone.next_job(None).await.unwrap_err().code(), ReturnCode::Getaddrinfo);
        }
        assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
        alone.begin();
        assert_eq!(alone.connect_all().await.unwrap_err().code(), ReturnCode::Getaddrinfo);
    });
}

#[test]
fn servers_that_are_down_or_hang_do_not_keep_jobs_of_others_away() {
    within(async || {
        let (_listener, _filler, hangs) = hanging().await;
        let (_socket, down) = refusing();
        let script = Script::tcp().await;
        let mut worker = worker_with(impatient(), &[hangs, down, script.server()], b"f");
        let server = async {
            let mut server = script.conversation().await;
            server.lull("f").await;
            pass(3 * impatient().connect_timeout).await;
            server.wake().await;
            server.assign("H:x:1").await;
            server
        };
        let (_server, handle) = join(server, next(&mut worker)).await;
        assert_eq!(handle, "H:x:1");
    });
}
