//! kill -9 at any moment, of a server whose jobs are tried again and die. TORTURE_ROUNDS says how many. After each round
//! the file is looked at, beside what clients and workers know.

use crate::process::{Folder, Running, ask};
use crate::torture::{Ledger, Moments, rounds};
use crate::util::{
    CAN_DO, ECHO_REQ, ECHO_RES, GRAB_JOB_ALL, JOB_ASSIGN_ALL, JOB_ASSIGN_UNIQ, NOOP, PRE_SLEEP, WORK_COMPLETE,
    WORK_EXCEPTION, WORK_FAIL,
};
use crate::wire::Wire;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A job may fail three times and once more.
const TRIES: u32 = 4;
const POLICY: &str = "policy f retries=3 backoff=10ms dead-letters=1000000\n";

/// What a worker makes of a job, by its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Done,
    Fails,
    Throws,
    /// The worker leaves without a word.
    Leaves,
}

fn deed(id: u64, begun: u32) -> Deed {
    let kind = [Deed::Fails, Deed::Throws, Deed::Leaves][(id / 5 % 3) as usize];
    match id % 5 {
        // In vain whatever is tried.
        4 if kind == Deed::Leaves => Deed::Fails,
        4 => kind,
        3 if u64::from(begun) <= id / 15 % 3 => kind,
        _ => Deed::Done,
    }
}

/// What is known of a job, whatever the server knows.
#[derive(Default)]
struct Known {
    begun: u32,
    /// So many of its tries failed, which the server has said to have stored.
    failed: u32,
    /// Its worker has said that it is done.
    done: bool,
    /// The server has said to have stored that.
    finished: bool,
    /// As many tries as the file has ever had.
    stored: u32,
    /// It is a dead letter in the file.
    dead: bool,
    /// It was one, at any time.
    died: bool,
    /// An operator has it tried again, or is about to: then it is done, and its tries count anew.
    revived: bool,
    handle: String,
}

/// What workers and an operator know of all jobs, and what was wrong.
#[derive(Default)]
struct Lives {
    known: Mutex<HashMap<u64, Known>>,
    wrong: Mutex<Vec<String>>,
}

impl Lives {
    fn known(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.known.lock().unwrap()
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// Runs jobs until the server is gone, over one connection after another.
    fn work(&self, connect: impl Fn() -> io::Result<std::net::TcpStream>) -> io::Result<()> {
        loop {
            let mut wire = Wire::new(connect()?);
            wire.send(&[(CAN_DO, &[b"f"])])?;
            while self.run(&mut wire)? {}
        }
    }

    /// Grabs a job and runs it. False: this worker is gone.
    fn run(&self, wire: &mut Wire) -> io::Result<bool> {
        wire.send(&[(GRAB_JOB_ALL, &[])])?;
        let (command, body) = wire.read()?;
        if ![JOB_ASSIGN_ALL, JOB_ASSIGN_UNIQ].contains(&command) {
            wire.send(&[(PRE_SLEEP, &[])])?;
            assert_eq!(wire.read()?.0, NOOP);
            return Ok(true);
        }
        let parts: Vec<&[u8]> = body.split(|b| *b == 0).collect();
        let (handle, id) = (parts[0], parts[parts.len() - 1]);
        let id: u64 = std::str::from_utf8(id).unwrap().parse().unwrap();
        let deed = self.begin(id, handle);
        let ends: (u32, &[&[u8]]) = match deed {
            Deed::Done => (WORK_COMPLETE, &[handle, b""]),
            Deed::Fails => (WORK_FAIL, &[handle]),
            Deed::Throws => (WORK_EXCEPTION, &[handle, b"in vain"]),
            Deed::Leaves => return Ok(false),
        };
        wire.send(&[ends, (ECHO_REQ, &[b"stored?"])])?;
        let (command, body) = wire.read()?;
        assert_eq!(command, ECHO_RES, "{}", body.escape_ascii());
        let mut known = self.known();
        let job = known.get_mut(&id).unwrap();
        match deed {
            Deed::Done => job.finished = true,
            _ => job.failed += 1,
        }
        Ok(true)
    }

    fn begin(&self, id: u64, handle: &[u8]) -> Deed {
        let mut known = self.known();
        let job = known.entry(id).or_default();
        if job.finished {
            self.wrong(format!("job {id} runs, and was done"));
        }
        if job.dead && !job.revived {
            self.wrong(format!("job {id} runs, and was dead"));
        }
        job.begun += 1;
        job.handle = String::from_utf8(handle.to_vec()).unwrap();
        let deed = if job.revived { Deed::Done } else { deed(id, job.begun) };
        job.done |= deed == Deed::Done;
        deed
    }

    /// Has every other job that died tried again, once each, until the server is gone.
    fn revive(&self, connection: std::net::TcpStream) -> io::Result<()> {
        let mut wire = Wire::new(connection);
        let may_be = |id: u64, job: &Known| job.dead && !job.revived && (id / 5).is_multiple_of(2);
        let dead: Vec<_> = self.known().iter().filter(|(id, job)| may_be(**id, job)).map(|(id, _)| *id).collect();
        for dead in dead.chunks(20) {
            let mut lines = String::new();
            for id in dead {
                let mut known = self.known();
                let job = known.get_mut(id).unwrap();
                job.revived = true;
                lines += &format!("dead-retry {}\n", job.handle);
            }
            wire.send_text(&lines)?;
            for id in dead {
                assert_eq!(wire.read_line()?.trim_end(), "OK 1", "job {id}");
            }
        }
        Ok(())
    }

    /// What the file of a server that is gone says.
    fn look(&self, file: &str) {
        let db = Connection::open(file).unwrap();
        let read = |select: &str| -> Vec<(u64, u32)> {
            let mut select = db.prepare(select).unwrap();
            let row = |row: &rusqlite::Row<'_>| {
                let id: String = row.get(0)?;
                Ok((id.parse().unwrap(), row.get::<_, Option<u32>>(1)?.unwrap_or_default()))
            };
            select.query_map([], row).unwrap().map(Result::unwrap).collect()
        };
        let jobs = read(
            "SELECT CAST(q.data AS TEXT), e.tries FROM gearman_queue q LEFT JOIN gearman_queue_extras e
                 ON e.unique_key = q.unique_key AND e.function_name = q.function_name",
        );
        let dead = read("SELECT CAST(data AS TEXT), tries FROM gearman_queue_dead");
        let mut seen = HashSet::new();
        let mut known = self.known();
        for (id, tries, is_dead) in
            jobs.iter().map(|(id, n)| (*id, *n, false)).chain(dead.iter().map(|(id, n)| (*id, *n, true)))
        {
            let job = known.entry(id).or_default();
            if !seen.insert(id) {
                self.wrong(format!("job {id} is there twice, as a job or dead"));
            }
            if job.finished || (is_dead && job.done) {
                self.wrong(format!("job {id} is there, and was done; dead: {is_dead}"));
            }
            if job.dead && !is_dead && !job.revived {
                self.wrong(format!("job {id} was dead, and is a job"));
            }
            if is_dead && tries != TRIES {
                self.wrong(format!("job {id} is dead after {tries} tries"));
            }
            if !job.revived && tries < job.stored.max(job.failed) {
                let Known { stored, failed, .. } = job;
                self.wrong(format!("job {id} has {tries} tries, and had {stored}; {failed} were said to be stored"));
            }
            if is_dead && job.revived {
                // The answer to who revived it did not come.
                job.revived = false;
            }
            (job.stored, job.dead) = (tries, is_dead);
            job.died |= is_dead;
        }
        let gone = known.iter_mut().filter(|(id, job)| !seen.contains(id) && job.dead && !job.revived);
        for (id, _) in gone {
            self.wrong(format!("job {id} was dead, and is gone"));
        }
    }
}

#[test]
fn kill_9_loses_no_try_and_no_dead_letter() {
    let rounds = rounds();
    let folder = Folder::new("torture-tries");
    let file = folder.file("queue.db");
    let queue = ["--queue-type", "libsqlite3", "--libsqlite3-db", &file];
    let (ledger, lives) = (Arc::new(Ledger::default()), Arc::new(Lives::default()));
    let mut moments = Moments::new();
    let mut server = Running::start(&queue, &folder);
    assert_eq!(ask(&mut server.connect(), POLICY).trim_end(), "OK");
    server.stop();
    for round in 0..rounds {
        let mut server = Running::start(&queue, &folder);
        server.ignore_log();
        let port = server.port;
        let mut threads = Vec::new();
        // Few clients, so that jobs die in the rounds, not only after them.
        for i in 0..16 {
            let (ledger, lives, stream) = (ledger.clone(), lives.clone(), server.connect());
            // That the connection ends is what the round is about.
            threads.push(std::thread::spawn(move || match i {
                0 => drop(ledger.submit(stream, 1)),
                1 => drop(ledger.submit(stream, 5)),
                2 => drop(lives.revive(stream)),
                _ => drop(lives.work(|| std::net::TcpStream::connect(("127.0.0.1", port)))),
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
        lives.look(&file);
        let wrong = lives.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "round {round}: {wrong:#?}");
    }
    let mut server = Running::start(&queue, &folder);
    server.ignore_log();
    let port = server.port;
    let workers = (0..20).map(|_| lives.clone());
    let workers: Vec<_> = workers
        .map(|lives| std::thread::spawn(move || lives.work(|| std::net::TcpStream::connect(("127.0.0.1", port)))))
        .collect();
    let begin = Instant::now();
    let mut admin = server.connect();
    while !ask(&mut admin, "status\n").starts_with("f\t0\t0\t") {
        assert!(begin.elapsed() < Duration::from_secs(600), "jobs are left");
        std::thread::yield_now();
    }
    server.stop();
    workers.into_iter().for_each(|worker| drop(worker.join().unwrap()));
    lives.look(&file);
    let (known, acknowledged) = (lives.known(), ledger.acknowledged.lock().unwrap());
    let is_over = |id: &u64| known.get(id).is_some_and(|job| job.dead || job.done);
    let lost: Vec<_> = acknowledged.iter().filter(|id| !is_over(id)).collect();
    let count = |which: fn(&Known) -> bool| known.values().filter(|job| which(job)).count();
    println!(
        "{rounds} rounds with retries: {} jobs acknowledged, {} lost; {} tries began, {} failed; {} died, {} of them revived; {} wrong",
        acknowledged.len(),
        lost.len(),
        known.values().map(|job| job.begun).sum::<u32>(),
        known.values().map(|job| job.failed).sum::<u32>(),
        count(|job| job.died),
        count(|job| job.revived),
        lives.wrong.lock().unwrap().len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(*lives.wrong.lock().unwrap(), Vec::<String>::new());
}
