//! Futures are dropped wherever they wait, as a signal handler makes a program do, and begun anew:
//! nothing is lost and nothing comes twice, however the answers are cut into pieces. In the clear and over TLS, from the first
//! byte of the handshake on.

use crate::util::{Script, Wire, join, poll_times, res, within};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::worker::Worker;
use properties::properties;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;

/// Numbers that go round.
struct Cycle(Vec<usize>, usize);

impl Cycle {
    fn next(&mut self) -> usize {
        self.1 += 1;
        self.0[self.1 % self.0.len()]
    }
}

async fn send_in_chunks(wire: &mut Wire, bytes: &[u8], chunks: &mut Cycle) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(chunks.next().min(rest.len()));
        wire.send(now).await;
        tokio::task::yield_now().await;
        rest = later;
    }
}

/// Gives each job back in reverse, in two parts, and answers echoes.
async fn reversing_server(script: &Script, mut chunks: Cycle) {
    let mut c = script.accept().await;
    let mut number = 0;
    while let Some((command, body)) = c.packet().await {
        let answer = match command {
            16 => res(17, body),
            7 => {
                number += 1;
                let workload = body.rsplit(|b| *b == 0).next().unwrap();
                let (first, last): (Vec<u8>, Vec<u8>) = (
                    workload.iter().rev().take(2).copied().collect(),
                    workload.iter().rev().skip(2).copied().collect(),
                );
                let news = |data: &[u8]| [format!("H:x:{number}\0").as_bytes(), data].concat();
                [res(8, format!("H:x:{number}")), res(28, news(&first)), res(13, news(&last))].concat()
            }
            other => panic!("command {other}"),
        };
        send_in_chunks(&mut c, &answer, &mut chunks).await;
    }
}

async fn dropped_turns(client: &mut Client, mut polls: Cycle) {
    client.begin();
    let (mut tasks, mut echoes) = (HashMap::new(), Vec::new());
    for n in 0..20 {
        let workload = format!("workload{n}");
        let ask = Ask::submit(Priority::Normal, false, b"f", b"", workload.as_bytes()).unwrap();
        tasks.insert(client.add(ask), (workload, String::new()));
        let data = format!("echo{n}");
        let echo = client.call(Ask::echo(data.as_bytes()).unwrap());
        echoes.push((echo, Event::Echoed(data.into())));
    }
    for (forgotten, _) in echoes.drain(..5) {
        client.forget(forgotten);
    }
    while client.has_tasks() || !echoes.is_empty() {
        match poll_times(polls.next(), client.wait(None)).await {
            Some(done) => done.unwrap(),
            None => tokio::task::yield_now().await,
        }
        echoes.retain(|(id, expected)| match client.take_end(*id) {
            Some(end) => {
                assert_eq!(&end, expected);
                false
            }
            None => true,
        });
        if polls.next() == 1 && echoes.len() > 5 {
            client.forget(echoes.remove(0).0); // most likely sent, and not answered yet
        }
        while let Some((id, event)) = client.next_event() {
            let (_, result) = tasks.get_mut(&id).unwrap();
            match event {
                Event::Created(_) => {}
                Event::Data(part) => result.push_str(std::str::from_utf8(&part).unwrap()),
                Event::Complete(part) => {
                    result.push_str(std::str::from_utf8(&part).unwrap());
                    result.push('.');
                }
                other => panic!("{other:?}"),
            }
        }
    }
    for (workload, result) in tasks.values() {
        let expected: String = workload.chars().rev().chain(['.']).collect();
        assert_eq!(result, &expected);
    }
}

const JOBS: usize = 15;

/// Has jobs, pauses in between, and wakes the worker or gives it a job in its sleep; checks that each is answered
/// once, in order.
async fn job_server(script: &Script, mut chunks: Cycle) {
    let mut c = script.accept().await;
    let (mut given, mut answered, mut lull) = (0, 0, true);
    let mut direct = false;
    while answered < JOBS {
        let (command, body) = c.packet().await.expect("the worker closed");
        let answer = match command {
            1 => continue,
            26 => {
                direct = true;
                res(27, body)
            }
            4 if direct && !chunks.next().is_multiple_of(3) => {
                given += 1;
                lull = given % 3 != 0;
                res(31, format!("H:x:{given}\0f\0u\0w{given}"))
            }
            39 if given == JOBS || given > answered => panic!("a job too many was asked for"),
            39 if lull => {
                lull = false;
                res(10, "")
            }
            39 => {
                given += 1;
                lull = given % 3 != 0;
                res(31, format!("H:x:{given}\0f\0u\0w{given}"))
            }
            4 => res(6, "").repeat(chunks.next() % 3 + 1),
            16 => res(17, body),
            13 => {
                answered += 1;
                assert_eq!(body, format!("H:x:{answered}\0w{answered}").into_bytes());
                continue;
            }
            other => panic!("command {other}"),
        };
        send_in_chunks(&mut c, &answer, &mut chunks).await;
    }
}

async fn dropped_waits(worker: &mut Worker, mut polls: Cycle) {
    for n in 1..=JOBS {
        let mut job = loop {
            match poll_times(polls.next(), worker.next_job(None)).await {
                Some(job) => break job.unwrap(),
                // The call was ended by the signal, or goes on.
                None if polls.next().is_multiple_of(2) => leave(worker, &mut polls).await,
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(job.handle, format!("H:x:{n}"));
        let data = format!("ping{n}");
        loop {
            match poll_times(polls.next(), worker.echo(0, data.as_bytes(), None)).await {
                Some(back) => break back.unwrap(),
                None => tokio::task::yield_now().await,
            }
        }
        let workload = job.workload.clone();
        worker.send(&mut job, Update::Complete(&workload)).unwrap();
        worker.flush(&job).await.unwrap();
    }
}

async fn leave(worker: &mut Worker, polls: &mut Cycle) {
    tokio::task::yield_now().await;
    while poll_times(polls.next(), worker.stop_waiting()).await.is_none() {
        tokio::task::yield_now().await;
    }
}

async fn script(tls: bool) -> Script {
    if tls { Script::tls().await } else { Script::tcp().await }
}

fn run_jobs(tls: bool, polls: Vec<usize>, chunks: Vec<usize>, classic: bool) {
    within(async move || {
        let script = script(tls).await;
        let mut worker = script.worker(b"f");
        worker.classic = classic;
        join(job_server(&script, Cycle(chunks, 0)), dropped_waits(&mut worker, Cycle(polls, 0))).await;
    });
}

/// Here the server accepts direct assignment and only ever wakes. Each wait was given up as soon as it slept, so
/// that each NOOP came before the echo by which the worker rose. It was forgotten: the next wait went to sleep
/// again without a question, and so for ever.
#[test]
fn a_worker_that_is_woken_while_it_rises() {
    run_jobs(false, vec![1, 2], vec![39, 36], false);
}

fn cycle(most: usize) -> impl Strategy<Value = Vec<usize>> {
    vec(1..=most, 1..20)
}

properties! {
    cases: 96;

    #[test]
    fn a_client_loses_nothing(tls: bool, polls in cycle(4), chunks in cycle(40)) {
        within(async move || {
            let script = script(tls).await;
            let mut client = script.client();
            let calls = async {
                dropped_turns(&mut client, Cycle(polls, 0)).await;
                drop(client);
            };
            join(reversing_server(&script, Cycle(chunks, 0)), calls).await;
        });
    }

    #[test]
    fn a_worker_loses_nothing(tls: bool, polls in cycle(4), chunks in cycle(40), classic: bool) {
        run_jobs(tls, polls, chunks, classic);
    }
}
