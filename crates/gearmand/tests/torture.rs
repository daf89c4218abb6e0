//! kill -9 at any moment. TORTURE_ROUNDS says how many (`make torture`: 200); each ends a server under load.

use crate::durable::{GRAB_JOB_ALL, JOB_ASSIGN_ALL, SUBMIT_REDUCE_JOB_BACKGROUND};
use crate::process::{Folder, Running, ask, until};
use crate::util::{CAN_DO, ECHO_REQ, ECHO_RES, JOB_ASSIGN_UNIQ, JOB_CREATED, PRE_SLEEP, SUBMIT_JOB_BG, WORK_COMPLETE};
use crate::wire::Wire;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// So many rounds were asked for.
pub(crate) fn rounds() -> u32 {
    std::env::var("TORTURE_ROUNDS").map_or(10, |n| n.parse().unwrap())
}

/// Moments that nobody chose.
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn new() -> Moments {
        Moments(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1)
    }

    /// One within the next 150 ms.
    pub(crate) fn next(&mut self) -> Duration {
        Duration::from_micros(self.below(150_000))
    }

    /// Any number below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What clients and workers know, whatever the server knows.
#[derive(Default)]
pub(crate) struct Ledger {
    next: AtomicU64,
    /// JOB_CREATED came.
    pub(crate) acknowledged: Mutex<HashSet<u64>>,
    /// How often each was run.
    runs: Mutex<HashMap<u64, u32>>,
    /// The ECHO_RES after its WORK_COMPLETE came.
    finished: Mutex<HashSet<u64>>,
    /// Run once more after that.
    again: Mutex<Vec<u64>>,
}

impl Ledger {
    /// In two rounds beside much else no answer came before either ended: there was nothing that could be lost. So one round
    /// waits for the first.
    pub(crate) fn until_acknowledged(&self) {
        until(|| !self.acknowledged.lock().unwrap().is_empty());
    }

    /// Submits `n` jobs at a time until the server is gone; every second one with a unique key, every third with a reducer.
    pub(crate) fn submit(&self, stream: TcpStream, n: usize) -> io::Result<()> {
        let mut wire = Wire::new(stream);
        loop {
            let ids: Vec<u64> = (0..n).map(|_| self.next.fetch_add(1, Ordering::Relaxed)).collect();
            let names: Vec<String> = ids.iter().map(u64::to_string).collect();
            let key =
                |name: &'_ String| if name.ends_with(['0', '2', '4', '6', '8']) { name.clone() } else { String::new() };
            let keys: Vec<String> = names.iter().map(key).collect();
            let submit = |id: u64, name: &'_ String, key: &'_ String| match id.is_multiple_of(3) {
                true => (SUBMIT_REDUCE_JOB_BACKGROUND, ["f", key, "join", name].map(str::to_owned).to_vec()),
                false => (SUBMIT_JOB_BG, ["f", key, name].map(str::to_owned).to_vec()),
            };
            let submits: Vec<_> =
                ids.iter().zip(names.iter().zip(&keys)).map(|(id, (n, k))| submit(*id, n, k)).collect();
            let bytes: Vec<(u32, Vec<&[u8]>)> =
                submits.iter().map(|(command, a)| (*command, a.iter().map(String::as_bytes).collect())).collect();
            let packets: Vec<(u32, &[&[u8]])> = bytes.iter().map(|(command, a)| (*command, &a[..])).collect();
            wire.send(&packets)?;
            for id in ids {
                let (command, body) = wire.read()?;
                assert_eq!(command, JOB_CREATED, "{}", body.escape_ascii());
                self.acknowledged.lock().unwrap().insert(id);
            }
        }
    }

    /// Runs jobs until the server is gone; or, where it is to, until there are none.
    fn work(&self, stream: TcpStream, to_the_last: bool) -> io::Result<()> {
        let mut wire = Wire::new(stream);
        wire.send(&[(CAN_DO, &[b"f"])])?;
        loop {
            wire.send(&[(GRAB_JOB_ALL, &[])])?;
            let (command, body) = wire.read()?;
            if ![JOB_ASSIGN_ALL, JOB_ASSIGN_UNIQ].contains(&command) {
                if to_the_last {
                    return Ok(());
                }
                wire.send(&[(PRE_SLEEP, &[])])?;
                wire.read()?;
                continue;
            }
            let parts: Vec<&[u8]> = body.split(|b| *b == 0).collect();
            let (handle, id) = (parts[0], parts[parts.len() - 1]);
            let id: u64 = std::str::from_utf8(id).unwrap().parse().unwrap();
            let reducer = (command == JOB_ASSIGN_ALL).then(|| parts[3]);
            assert_eq!(reducer, id.is_multiple_of(3).then_some(&b"join"[..]), "of job {id}");
            if self.finished.lock().unwrap().contains(&id) {
                self.again.lock().unwrap().push(id);
            }
            *self.runs.lock().unwrap().entry(id).or_default() += 1;
            wire.send(&[(WORK_COMPLETE, &[handle, b""]), (ECHO_REQ, &[b"done?"])])?;
            let (command, body) = wire.read()?;
            assert_eq!(command, ECHO_RES, "{}", body.escape_ascii());
            self.finished.lock().unwrap().insert(id);
        }
    }
}

#[test]
fn kill_9_loses_no_acknowledged_job_and_runs_none_again_that_is_done() {
    let folder = Folder::new("torture");
    let file = folder.file("queue.db");
    kill_9(&["--queue-type", "libsqlite3", "--libsqlite3-db", &file], &folder, rounds());
}

/// So many rounds with this queue.
pub(crate) fn kill_9(queue: &[&str], folder: &Folder, rounds: u32) {
    let ledger = Arc::new(Ledger::default());
    let mut moments = Moments::new();
    for round in 0..rounds {
        let mut server = Running::start(queue, folder);
        let mut threads = Vec::new();
        for i in 0..6 {
            let (ledger, stream) = (ledger.clone(), server.connect());
            // That the connection ends is what the round is about.
            threads.push(std::thread::spawn(move || match i {
                0..3 => drop(ledger.submit(stream, 1)),
                3 => drop(ledger.submit(stream, 50)),
                _ => drop(ledger.work(stream, false)),
            }));
        }
        if round == 0 {
            ledger.until_acknowledged();
        }
        std::thread::sleep(moments.next());
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        for thread in threads {
            thread.join().unwrap_or_else(|_| panic!("round {round}"));
        }
    }
    let server = Running::start(queue, folder);
    // Many, so that they share commits.
    let workers = (0..20).map(|_| (ledger.clone(), server.connect()));
    let workers: Vec<_> = workers.map(|(l, stream)| std::thread::spawn(move || l.work(stream, true))).collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap().unwrap());
    // Not how many workers: that they are gone may be seen later.
    let status = ask(&mut server.connect(), "status\n");
    assert!(status.starts_with("f\t0\t0\t"), "{status}");
    let runs = ledger.runs.lock().unwrap();
    let acknowledged = ledger.acknowledged.lock().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !runs.contains_key(id)).collect();
    let twice = runs.values().filter(|n| **n > 1).count();
    println!(
        "{rounds} rounds: {} jobs acknowledged, {} lost; {} run, {twice} of them more than once, {} after they were done",
        acknowledged.len(),
        lost.len(),
        runs.len(),
        ledger.again.lock().unwrap().len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(*ledger.again.lock().unwrap(), Vec::<u64>::new(), "run again after they were done");
}
