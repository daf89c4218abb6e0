//! Client and worker beside a server whose answers are changed at random: no call hangs or panics, each task ends once, right
//! answers are taken for what they are, and a good server is served afterwards. See [`crate::liar`].
//!
//! `GEARMAN_FUZZ_EXCHANGES` says how many calls (4000), `GEARMAN_FUZZ_SEED` repeats what failed.

use crate::liar::{Liar, Lots};
use crate::util::{Script, alone, ask, client_with, within, worker_with};
use bytes::Bytes;
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::error::{Error, Result};
use gearman_core::protocol::message::{Grab, Priority, Update};
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use gearman_core::worker::job::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Calls with one object.
const CALLS: u64 = 50;
/// Longer than any call may take: the timeout, connecting, and hearing that a worker waits no more.
const LONG: Duration = Duration::from_secs(8);

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Says how to repeat it, where a test fails.
struct Seed(u64);

#[allow(clippy::print_stdout, reason = "shown when a test fails")]
impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("repeat it with GEARMAN_FUZZ_SEED={} GEARMAN_FUZZ_EXCHANGES={CALLS}", self.0);
        }
    }
}

/// What the packets go over.
#[derive(Clone, Copy)]
enum Over {
    Unix,
    Tls,
}

/// Runs `exchange` beside a server of its own until there were enough calls, each time with another seed.
fn exchanges(over: Over, exchange: impl AsyncFn(&Liar, &Lots) + Clone + Send + 'static) {
    let wanted = number_of("GEARMAN_FUZZ_EXCHANGES").unwrap_or(4000);
    let first = number_of("GEARMAN_FUZZ_SEED").unwrap_or_else(|| {
        std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_micros() as u64 // another each time
    });
    for seed in (first..).take(wanted.div_ceil(CALLS) as usize) {
        let exchange = exchange.clone();
        let _seed = Seed(seed);
        within(async move || {
            // Whoever waits, waits for nothing: what is to come has come at once, or never will.
            tokio::time::pause();
            let script = match over {
                Over::Unix => Script::unix(),
                Over::Tls => Script::tls().await,
            };
            let (liar, lots) = (Liar::new(script, seed), Lots::new(!seed));
            tokio::select! {
                () = liar.serve() => {}
                () = alone(exchange(&liar, &lots)) => {}
            }
        });
    }
}

fn settings(lots: &Lots) -> Settings {
    let max_packet = if lots.once_in(2) { 200 } else { Settings::default().max_packet };
    Settings { max_packet, ..Settings::default() }
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(100))
}

fn workload(lots: &Lots) -> Vec<u8> {
    (0..1 + lots.below(60)).map(|_| lots.number() as u8).collect()
}

fn submit(background: bool, workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, background, b"f", b"", workload).unwrap()
}

#[test]
fn a_client_and_changed_answers() {
    clients(Over::Unix);
}

#[test]
fn a_client_and_changed_answers_over_tls() {
    clients(Over::Tls);
}

fn clients(over: Over) {
    exchanges(over, async |liar, lots| {
        let mut client = client_with(settings(lots), &[liar.script.server()]);
        if lots.once_in(2) {
            client.want_exceptions();
        }
        for _ in 0..CALLS {
            let begun = Instant::now();
            match lots.below(3) {
                0 => tasks(&mut client, liar, lots).await,
                _ => call(&mut client, liar, lots).await,
            }
            assert!(begun.elapsed() < LONG, "a call took {:?}", begun.elapsed());
        }
        liar.repent();
        // The first call may find out that the connection is of no use, or be misled by what was sent on it before.
        let _ = ask(&mut client, submit(false, b"first"), soon()).await;
        let last = ask(&mut client, submit(false, b"honest"), soon()).await;
        assert_eq!(last, Ok(Event::Complete(Bytes::from_static(b"honest"))));
    });
}

/// One call, and what came of it where nothing was changed.
async fn call(client: &mut Client, liar: &Liar, lots: &Lots) {
    let data = workload(lots);
    let lot = lots.below(5);
    let asked = match lot {
        0 => Ask::echo(&data).unwrap(),
        1 => submit(false, &data),
        2 => submit(true, &data),
        3 => Ask::status(b"H:liar:1").unwrap(),
        _ => Ask::status_unique(b"key").unwrap(),
    };
    let end = ask(client, asked, soon()).await;
    if liar.lied.get() {
        return;
    }
    let Ok(end) = end.inspect_err(|error| assert!(excusable(error), "{error}")) else { return };
    let right = match (lot, &end) {
        (0, Event::Echoed(back)) | (1, Event::Complete(back)) => *back == data,
        (2, Event::Created(handle)) => handle.starts_with(b"H:liar:"),
        (3, Event::Known(known)) => (known.numerator, known.running, known.clients) == (3, false, 0),
        (4, Event::Known(known)) => (known.numerator, known.running, known.clients) == (3, true, 2),
        _ => false,
    };
    assert!(right, "{lot}: {end:?}");
}

/// An honest server may be late, and what was sent on the connection before may be the reason to close it.
fn excusable(error: &Error) -> bool {
    matches!(error, Error::Timeout { .. } | Error::Lost { .. } | Error::Connect { .. })
}

/// Several tasks at once, each of which must end once, or be waited for until the timeout.
async fn tasks(client: &mut Client, liar: &Liar, lots: &Lots) {
    client.begin();
    let mut open: BTreeMap<String, (TaskId, Vec<u8>, Vec<u8>)> = BTreeMap::new();
    for _ in 0..1 + lots.below(4) {
        let data = workload(lots);
        let id = client.add(submit(false, &data));
        open.insert(format!("{id:?}"), (id, data, Vec::new()));
    }
    let until = soon();
    while client.has_tasks() {
        if let Err(error) = client.wait(until).await {
            assert!(matches!(error, Error::Timeout { .. }), "{error}");
            break;
        }
        while let Some((id, event)) = client.next_event() {
            let (_, data, so_far) = open.get_mut(&format!("{id:?}")).expect("a task that has not ended");
            match event {
                Event::Data(part) => so_far.extend_from_slice(&part),
                Event::Complete(part) => {
                    so_far.extend_from_slice(&part);
                    assert!(liar.lied.get() || so_far == data, "{so_far:?} for {data:?}");
                    open.remove(&format!("{id:?}"));
                }
                Event::Fail | Event::Exception(_) | Event::Error(_) => _ = open.remove(&format!("{id:?}")),
                _ => {}
            }
        }
    }
    for (id, _, _) in open.values() {
        client.forget(*id);
    }
    assert!(!client.has_tasks());
}

#[test]
fn a_worker_and_changed_answers() {
    workers(Over::Unix);
}

#[test]
fn a_worker_and_changed_answers_over_tls() {
    workers(Over::Tls);
}

fn workers(over: Over) {
    exchanges(over, async |liar, lots| {
        let mut worker = worker_with(settings(lots), &[liar.script.server()], b"f");
        worker.classic = lots.once_in(2);
        worker.prefetch = [0, 0, 1, 5][lots.below(4)];
        worker.grab = [Grab::Plain, Grab::Uniq, Grab::All][lots.below(3)];
        if lots.once_in(2) {
            worker.want_exceptions();
        }
        let mut seen = BTreeSet::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            worker.begin();
            let job = work(&mut worker, lots).await;
            assert!(begun.elapsed() < LONG, "a call took {:?}", begun.elapsed());
            if let Ok(Some(job)) = job {
                answer(&mut worker, job, liar, lots, &mut seen).await;
            }
        }
        liar.repent();
        let mut last = Err(Error::NoJobs);
        for _ in 0..5 {
            // It rests for a second at most where all that came was lies.
            last = worker.next_job(Some(Instant::now() + Duration::from_secs(3))).await;
            let Ok(job) = &mut last else { continue };
            if worker.send(job, Update::Complete(b"")).is_ok() && !liar.lied.get() {
                break;
            }
        }
        assert!(last.is_ok(), "{last:?}");
    });
}

async fn work(worker: &mut Worker, lots: &Lots) -> Result<Option<Job>> {
    match lots.below(10) {
        0 => worker.echo(0, &workload(lots), soon()).await.map(|()| None),
        1 => {
            worker.abilities.add(b"g", lots.below(2) as u64 * 1000)?;
            worker.try_next_job().await.map(Some)
        }
        2 => {
            let _ = worker.abilities.remove(b"g");
            worker.wait_for_job(soon()).await.map(|()| None)
        }
        3 => worker.set_id(b"me").map(|()| None),
        4 | 5 => worker.grab_job(soon()).await.map(Some),
        _ => worker.next_job(soon()).await.map(Some),
    }
}

async fn answer(worker: &mut Worker, mut job: Job, liar: &Liar, lots: &Lots, seen: &mut BTreeSet<Vec<u8>>) {
    if !liar.lied.get() {
        let number = job.handle.rsplit(|b| *b == b':').next().unwrap_or_default();
        assert_eq!(job.workload, [b"job ", number].concat(), "{job:?}");
        assert!(seen.insert(job.handle.to_vec()), "came twice: {job:?}");
    }
    if lots.once_in(10) {
        return worker.give_back(&job);
    }
    let data = workload(lots);
    // It may have ended with its connection, which is reported here.
    let _ = worker.send(&mut job, Update::Data(&data));
    let end = [Update::Complete(&data), Update::Fail, Update::Exception(&data)][lots.below(3)];
    let _ = worker.send(&mut job, end);
    let flushed = timeout(Duration::from_millis(100), worker.flush(&job)).await;
    let _ = flushed.expect("the server takes it, or the connection ends");
}
