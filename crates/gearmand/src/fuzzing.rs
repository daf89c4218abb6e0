//! Bytes as what several connections do, for the fuzz target `dispatch` (fuzz/) and for a test
//! that replays what it found. After each step the broker must be in order, and nothing lost: a job
//! ends only where something ends it, and who waits for it is sent its end.
//!
//! The first byte is what the operator decided, and in its upper three bits how many steps (1 to 8) are a round. A
//! step is the number of a connection, its kind, a length and as many bytes:
//!
//! ```text
//! 0 c 0           connects, or leaves
//! 0 t 5 .....     five seconds pass
//! 0 m 5 .....     five milliseconds pass
//! 0 l 7 version   a line of text
//! 0 p 2 *.        functions of this pattern get one of POLICIES, by the second byte
//! 0 b 3 H:1       a job is buried
//! 0 r 3 H:1       a dead letter becomes a job again
//! 0 f 3 H:1       a dead letter is forgotten
//! 0 7 5 f\0\0ab   any other kind is the number of a command, here SUBMIT_JOB
//! ```

// What is found ends the program.
#![allow(clippy::panic)]

pub mod http;

use crate::Durable;
use crate::admin::text::{About, answer};
use crate::broker::check::{Known, POLICIES, Watch, check, check_left, check_round, known};
use crate::broker::dispatch::dispatch;
use crate::broker::snapshot::Server;
use crate::broker::{ALL, Broker, Now, Rules};
use crate::outgoing::Outgoing;
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::message::{Request, Response};
use gearman_core::protocol::packet::{Command, Frame, Magic};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// Connections that there may be at a time.
const CONNECTIONS: usize = 6;
/// Functions that there may be.
const FUNCTIONS: usize = 8;

/// Does what these bytes stand for.
///
/// # Panics
/// When an invariant is broken.
pub fn run(bytes: &[u8]) {
    let Some((&first, mut rest)) = bytes.split_first() else { return };
    let mut world = World::new(first);
    while let [who, kind, length, after @ ..] = rest {
        let (data, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        world.step(usize::from(*who) % CONNECTIONS, *kind, data);
    }
    for who in 0..CONNECTIONS {
        world.leave(who);
    }
    check_left(&world.broker);
}

struct World {
    broker: Broker,
    outgoing: Outgoing,
    now: Now,
    connections: [Option<u32>; CONNECTIONS],
    /// Jobs may be tried too often, and then are dead or have failed.
    limited: bool,
    /// So many steps are a round.
    round: usize,
    steps: usize,
    watch: Watch,
}

impl World {
    /// The first byte is what the operator decided.
    fn new(first: u8) -> World {
        let rules = Rules {
            runs: Some(u16::from(first & 3)).filter(|runs| *runs != 0),
            wakeup: if first & 4 == 0 { 1 } else { ALL },
            exceptions: first & 8 != 0,
            functions: FUNCTIONS,
            durable: Durable::No,
            direct: first & 16 == 0,
            zone: TimeZone::UTC,
        };
        let now = Now { steady: Duration::from_secs(5), wall: Duration::from_secs(1_000_000) };
        let (limited, broker, outgoing) = (rules.runs.is_some(), Broker::new(rules, "H"), Outgoing::new(1 << 16));
        let round = 1 + usize::from(first >> 5);
        World {
            broker,
            outgoing,
            now,
            connections: [None; CONNECTIONS],
            limited,
            round,
            steps: 0,
            watch: Watch::default(),
        }
    }

    fn step(&mut self, who: usize, kind: u8, data: &[u8]) {
        let before = known(&self.broker);
        match kind {
            b'c' if self.connections[who].is_some() => return self.leave(who),
            b'c' => {
                let session = self.broker.connect(who as i32, None);
                self.outgoing.open(session);
                self.connections[who] = Some(session);
            }
            b't' | b'm' => {
                let unit = if kind == b't' { Duration::from_secs(1) } else { Duration::from_millis(1) };
                let time = unit * data.len() as u32;
                self.now = Now { steady: self.now.steady + time, wall: self.now.wall + time };
                let next = self.broker.tick(&self.now, &mut self.outgoing);
                assert!(next.is_none_or(|next| next > self.now.steady), "what is due was not done");
            }
            b'l' => {
                let Some(session) = self.connections[who] else { return };
                // A policy may end a job after its last try.
                self.limited |= data.to_ascii_lowercase().starts_with(b"policy ");
                let about = About { level: "ERROR", server: Server::default() };
                let listing = answer(&mut self.broker, &about, &self.now, session, data, &mut self.outgoing);
                if let Some(mut listing) = listing {
                    while !listing.write(listing.page(&self.broker, &self.now)) {}
                }
            }
            b'p' => {
                let [pattern, policy] = data else { return };
                let words = POLICIES[usize::from(*policy) % POLICIES.len()].split(' ');
                let set = self.broker.set_policy(&self.now, &char::from(*pattern).to_string(), words);
                self.limited |= set.is_ok();
            }
            b'b' => self.broker.bury_job(&self.now, data, &mut self.outgoing).unwrap_or(()),
            b'r' => self.broker.retry_dead(&self.now, data).unwrap_or(()),
            b'f' => drop(self.broker.forget_dead(data)),
            command => {
                let Some(session) = self.connections[who] else { return };
                let frame = Frame { magic: Magic::Request, number: command.into(), body: data };
                dispatch(&mut self.broker, &self.now, session, &frame, None, &mut self.outgoing);
            }
        }
        self.judge(&before, |world, number, job| match kind {
            b't' | b'm' => {
                let unwanted = !job.background && job.waiters.is_empty();
                job.worker.is_some() && (world.limited || unwanted)
            }
            b'l' => may_end_by(data, number, job),
            b'b' => job.background && data == format!("H:{number}").as_bytes(),
            b'p' | b'r' | b'f' => false,
            command => may_end(world, command, data, number, job, world.connections[who]),
        });
    }

    fn leave(&mut self, who: usize) {
        let Some(session) = self.connections[who].take() else { return };
        let before = known(&self.broker);
        self.broker.leave(&self.now, session, &mut self.outgoing);
        self.broker.leave(&self.now, session, &mut self.outgoing);
        self.outgoing.close(session);
        self.broker.release(session);
        self.judge(&before, |world, _, job| {
            let last = !job.background && job.waiters.iter().all(|waiter| *waiter == session);
            last || (job.worker == Some(session) && world.limited)
        });
    }

    /// Looks at what a step did. `may_end`: it can have been the end of this job.
    fn judge(&mut self, before: &BTreeMap<u64, Known>, may_end: impl Fn(&World, u64, &Known) -> bool) {
        check(&self.broker, &self.now);
        self.watch.look(&self.broker, &self.now);
        self.steps += 1;
        if self.steps.is_multiple_of(self.round) {
            self.broker.match_up(&self.now, &mut self.outgoing);
            check_round(&self.broker, &self.now);
            self.watch.look(&self.broker, &self.now);
        }
        let after = known(&self.broker);
        let gone = before.iter().filter(|(number, _)| !after.contains_key(number));
        let gone: Vec<(u64, &Known)> = gone.map(|(number, job)| (*number, job)).collect();
        for (number, job) in &gone {
            assert!(may_end(self, *number, job), "job {number} is lost: {job:?}");
        }
        for session in self.connections.into_iter().flatten() {
            let ended = endings(&self.outgoing.take(session));
            for (number, job) in &gone {
                let handle = format!("H:{number}").into_bytes();
                let informed = ended.iter().filter(|ended| **ended == handle).count();
                let waits = job.waiters.iter().filter(|waiter| **waiter == session).count();
                assert_eq!(informed, waits, "connection {session} of the end of job {number}: {job:?}");
            }
        }
    }
}

/// May a packet end a job?
fn may_end(world: &World, command: u8, body: &[u8], number: u64, job: &Known, session: Option<u32>) -> bool {
    let Some(command) = Command::from_number(command.into()) else { return false };
    match command {
        Command::CantDo | Command::ResetAbilities => {
            // Tried too often; or it is given back, and nobody waits for it.
            let unwanted = !job.background && job.waiters.is_empty();
            job.worker.is_some() && job.worker == session && (world.limited || unwanted)
        }
        _ => {
            let frame = Frame { magic: Magic::Request, number: command as u32, body };
            let Ok(Request::Work(work)) = Request::parse(command, &frame) else { return false };
            let ends = work.is_last() && work.handle == format!("H:{number}").as_bytes();
            let late = job.worker.is_none() && session.is_some_and(|session| job.overdue.contains(&session));
            ends && (job.worker.is_some() && job.worker == session || late)
        }
    }
}

/// May a line end a job?
fn may_end_by(line: &[u8], number: u64, job: &Known) -> bool {
    use gearman_core::protocol::admin::Command;
    match Command::parse(line) {
        Command::CancelJob(handle) | Command::Bury(handle) => handle == format!("H:{number}").as_bytes(),
        Command::CancelUnique(function, _) => *function == *job.function,
        Command::DropFunction(name) => *name == *job.function && job.worker.is_none(),
        _ => false,
    }
}

/// The handles of jobs whose end a connection was sent.
fn endings(mut sent: &[u8]) -> Vec<Vec<u8>> {
    let mut ended = Vec::new();
    // Answers to lines are no packets, and nothing follows them.
    while let Ok(Decoded::Frame(frame, size)) = decode(sent, 1 << 20) {
        if let Ok(Response::Work(work)) = Response::parse(&frame)
            && work.is_last()
        {
            ended.push(work.handle.to_vec());
        }
        sent = &sent[size..];
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use properties::properties;
    use proptest::prelude::*;

    /// What fuzzing begins with, and what it once found.
    #[test]
    fn the_seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/dispatch");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 5);
        for file in files {
            println!("{}", file.display()); // shown when it fails
            run(&std::fs::read(file).unwrap());
        }
    }

    properties! {
        cases: 256;

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            run(&bytes);
        }
    }
}
