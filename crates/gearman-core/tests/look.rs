//! Clients and workers in an event loop that knows nothing but their watch: it looks when that is ready, and only then.

use crate::conversation::*;
use crate::util::{
    Script, client, client_with, crowded, hanging, impatient, is_ready, join, ready, refusing, within, worker,
    worker_with,
};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::error::Result;
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::worker::Worker;
use gearman_core::worker::job::Job;
use gearman_core::{Error, ReturnCode};

async fn look(client: &mut Client) {
    ready(&mut client.watch).await;
    client.begin_look(false);
    client.look().await;
    client.rest(None).unwrap();
}

/// The next event of a task.
async fn event(client: &mut Client) -> Event {
    loop {
        if let Some((_, event)) = client.next_event() {
            client.rest(None).unwrap();
            return event;
        }
        look(client).await;
    }
}

async fn look_for_job(worker: &mut Worker) -> Result<Job> {
    ready(&mut worker.watch).await;
    worker.begin_look();
    let job = worker.look().await;
    worker.rest().unwrap();
    job
}

async fn job_of(worker: &mut Worker) -> Job {
    loop {
        match look_for_job(worker).await {
            Ok(job) => return job,
            Err(error) => assert_eq!(error, Error::WouldBlock),
        }
    }
}

fn submit(key: &str) -> Ask {
    Ask::submit(Priority::Normal, false, b"f", key.as_bytes(), b"w").unwrap()
}

#[test]
fn a_client_is_ready_when_there_is_something_to_do_and_only_then() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0k\0w").await;
            server.drip(&[JOB_CREATED.with("H:1"), WORK_COMPLETE.with("H:1\0done")]).await;
            server
        },
        async |client| {
            assert!(is_ready(&mut client.watch), "at first");
            client.add(submit("k"));
            assert_eq!(event(client).await, Event::Created("H:1".into()));
            assert_eq!(event(client).await, Event::Complete("done".into()));
            assert!(!is_ready(&mut client.watch), "at last");
            client.watch.rouse();
            assert!(is_ready(&mut client.watch));
            look(client).await;
            assert!(!is_ready(&mut client.watch));
        },
    );
}

#[test]
fn where_no_server_can_be_reached_tasks_end_and_the_next_one_tries_again() {
    within(async || {
        let (_socket, server) = refusing();
        let mut client = client(&[server]);
        for _ in 0..2 {
            client.add(submit("k"));
            client.add(submit("l"));
            client.begin();
            client.watch.rouse();
            for _ in 0..2 {
                let Event::Error(error) = event(&mut client).await else { panic!() };
                assert_eq!(error.code(), ReturnCode::CouldNotConnect);
            }
            assert!(!client.has_tasks() && !is_ready(&mut client.watch));
        }
    });
}

#[test]
fn a_server_that_hangs_in_connecting_is_given_up_in_time() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut client = client_with(impatient(), &[server]);
        client.add(submit("k"));
        client.begin();
        let Event::Error(error) = event(&mut client).await else { panic!() };
        assert!(error.to_string().ends_with("no answer within 50 ms"), "{error}");
    });
}

/// The time between two looks was no part of a try, which so began again for ever.
#[test]
fn a_worker_gives_up_a_server_that_hangs_in_connecting_too() {
    within(async || {
        let (_listener, _filler, server) = hanging().await;
        let mut worker = worker_with(impatient(), &[server], b"f");
        let error = loop {
            match look_for_job(&mut worker).await {
                Err(Error::WouldBlock) => {}
                ended => break ended.unwrap_err(),
            }
        };
        assert!(error.to_string().contains("no answer within 50 ms"), "{error}");
    });
}

/// No socket tells that there is room.
#[test]
fn a_worker_that_finds_no_room_at_a_unix_socket_looks_again() {
    within(async || {
        let (script, _first) = crowded();
        let mut worker = script.worker(b"f");
        assert_eq!(look_for_job(&mut worker).await.unwrap_err(), Error::WouldBlock);
        let server = async {
            drop(script.accept().await);
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:1").await;
            server
        };
        let (_server, job) = join(server, job_of(&mut worker)).await;
        assert_eq!(job.handle, "H:1");
    });
}

#[test]
fn a_task_that_is_ended_ends_once_whatever_the_server_says() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0k\0w").await;
            server.expect(SUBMIT_JOB, "f\0l\0w").await;
            let answers = [JOB_CREATED.with("H:1"), JOB_CREATED.with("H:2"), WORK_COMPLETE.with("H:1\0late")];
            server.reply_at_once(&answers).await;
            server.reply(WORK_COMPLETE, "H:2\0done").await;
            server
        },
        async |client| {
            let given_up = client.add(submit("k"));
            look(client).await;
            look(client).await;
            client.end(&[given_up], &Error::NothingToWaitFor);
            client.end(&[given_up], &Error::NoServers);
            assert_eq!(event(client).await, Event::Error(Error::NothingToWaitFor.into()));
            client.add(submit("l"));
            client.watch.rouse();
            assert_eq!(event(client).await, Event::Created("H:2".into()));
            assert_eq!(event(client).await, Event::Complete("done".into()));
            assert!(!client.has_tasks());
        },
    );
}

/// Each was looked for in all that waited to be sent, and in all that was to be told: with so many that took minutes.
#[test]
fn a_hundred_thousand_tasks_are_ended_at_once() {
    within(async || {
        let mut client = client(&[]);
        let mut ended: Vec<_> = (0..100_001).map(|_| client.add(submit("k"))).collect();
        ended.remove(50_000);
        client.end(&ended, &Error::NothingToWaitFor);
        let told = std::iter::from_fn(|| client.next_event());
        assert!(told.eq(ended.into_iter().map(|id| (id, Event::Error(Error::NothingToWaitFor.into())))));
        assert!(client.has_tasks(), "the one that was left out");
    });
}

#[test]
fn a_worker_is_woken_runs_jobs_and_asks_for_more() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.lull("f").await;
            server.wake().await;
            server.assign("H:1").await;
            server.done("H:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.no_job().await;
            server
        },
        async |worker| {
            let mut job = job_of(worker).await;
            assert_eq!(job.handle, "H:1");
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            worker.rest().unwrap();
            for _ in 0..2 {
                assert_eq!(look_for_job(worker).await.unwrap_err(), Error::WouldBlock); // asks, and sleeps
            }
            assert!(!is_ready(&mut worker.watch));
        },
    );
}

/// A server takes whoever speaks for awake, and would not wake it again.
#[test]
fn a_worker_that_speaks_in_its_sleep_asks_once_more() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.no_job().await;
            server.expect(WORK_STATUS, "H:1\x001\x002").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.no_job().await;
            server
        },
        async |worker| {
            let mut job = job_of(worker).await;
            for _ in 0..2 {
                assert_eq!(look_for_job(worker).await.unwrap_err(), Error::WouldBlock);
            }
            assert!(!is_ready(&mut worker.watch));
            worker.send(&mut job, Update::Status(b"1", b"2")).unwrap();
            worker.rest().unwrap();
            for _ in 0..2 {
                assert_eq!(look_for_job(worker).await.unwrap_err(), Error::WouldBlock);
            }
            assert!(!is_ready(&mut worker.watch));
        },
    );
}

#[test]
fn a_worker_finds_its_server_again_by_itself_and_without_functions_rests() {
    within(async || {
        let script = Script::tcp().await;
        let mut worker = worker(&[script.server()], b"f");
        let serve = async {
            let mut server = script.conversation().await;
            server.lull("f").await;
            drop(server);
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:2").await;
            server
        };
        let (_server, job) = join(serve, async {
            loop {
                if let Ok(job) = look_for_job(&mut worker).await {
                    break job;
                }
            }
        })
        .await;
        assert_eq!(job.handle, "H:2");
        worker.abilities.clear().unwrap();
        assert_eq!(look_for_job(&mut worker).await.unwrap_err(), Error::NoFunctions);
        assert!(!is_ready(&mut worker.watch));
    });
}
