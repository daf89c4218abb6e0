//! What the tests of the broker have in common.

use super::*;
use crate::admin::text::{About, answer};
use crate::broker::activity::Activity;
use crate::broker::dispatch::dispatch;
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::message::{Grab, Priority, Request, Start, Submit, Update, Work};
use gearman_core::protocol::packet::HEADER;

/// A broker with what it sends and a clock that only the test moves.
pub(crate) struct Bench {
    pub(crate) broker: Broker,
    pub(crate) outgoing: Outgoing,
    pub(crate) now: Now,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Rules)) -> Bench {
        let mut rules = Rules {
            runs: None,
            wakeup: 1,
            exceptions: false,
            functions: 100,
            durable: Durable::No,
            direct: true,
            zone: TimeZone::UTC,
        };
        change(&mut rules);
        let now = Now { steady: Duration::from_secs(5), wall: Duration::from_secs(1_000_000) };
        Bench { broker: Broker::new(rules, "H"), outgoing: Outgoing::new(1 << 20), now }
    }

    pub(crate) fn connect(&mut self) -> u32 {
        let session = self.broker.connect(0, None);
        self.outgoing.open(session);
        session
    }

    pub(crate) fn leave(&mut self, session: u32) {
        self.broker.leave(&self.now, session, &mut self.outgoing);
        self.outgoing.close(session);
        self.broker.release(session);
        self.end_round();
    }

    pub(crate) fn end_round(&mut self) {
        self.broker.match_up(&self.now, &mut self.outgoing);
    }

    /// A round of one packet.
    pub(crate) fn send(&mut self, session: u32, request: Request<'_>) {
        self.receive(session, request);
        self.end_round();
    }

    /// One packet, and the round goes on.
    pub(crate) fn receive(&mut self, session: u32, request: Request<'_>) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let Ok(Decoded::Frame(frame, _)) = decode(&bytes, 1 << 20) else { panic!("cannot read {request:?}") };
        dispatch(&mut self.broker, &self.now, session, &frame, None, &mut self.outgoing);
    }

    /// Sends, and says what came back to the same connection.
    pub(crate) fn ask(&mut self, session: u32, request: Request<'_>) -> String {
        self.send(session, request);
        self.received(session)
    }

    /// What was sent to a connection: `NAME argument|argument`, packets separated by blanks.
    pub(crate) fn received(&mut self, session: u32) -> String {
        let bytes = self.outgoing.take(session);
        let mut rest = &bytes[..];
        let mut all = Vec::new();
        while !rest.is_empty() {
            let Ok(Decoded::Frame(frame, size)) = decode(rest, 1 << 20) else { panic!("no packet: {rest:?}") };
            let body = frame.body.iter().map(|b| if *b == 0 { '|' } else { char::from(*b) }).collect::<String>();
            let name = frame.command().unwrap().name();
            all.push(if size == HEADER { name.to_owned() } else { format!("{name} {body}") });
            rest = &rest[size..];
        }
        all.join(", ")
    }

    /// Sets keys of a policy at run time.
    pub(crate) fn set_policy(&mut self, pattern: &str, words: &str) {
        self.broker.set_policy(&self.now, pattern, words.split(' ')).unwrap();
        self.end_round();
    }

    /// How many jobs of a function run.
    pub(crate) fn running(&self, function: &str) -> u32 {
        self.broker.functions[self.broker.functions.find(function.as_bytes()).unwrap()].running
    }

    pub(crate) fn tick(&mut self, seconds: u64) {
        self.tick_ms(seconds * 1000);
    }

    pub(crate) fn tick_ms(&mut self, milliseconds: u64) {
        self.now.steady += Duration::from_millis(milliseconds);
        self.now.wall += Duration::from_millis(milliseconds);
        self.broker.tick(&self.now, &mut self.outgoing);
        self.end_round();
    }

    pub(crate) fn worker(&mut self, functions: &[&str]) -> u32 {
        let session = self.connect();
        for function in functions {
            self.send(session, can_do(function));
        }
        session
    }

    /// A worker that has its jobs run by another server's.
    pub(crate) fn proxy(&mut self, functions: &[&str]) -> u32 {
        let session = self.connect();
        self.send(session, Request::SetClientId(b"gearmand-proxy:other"));
        for function in functions {
            self.send(session, can_do(function));
        }
        session
    }

    /// A client whose jobs were forwarded to this server.
    pub(crate) fn forwarder(&mut self) -> u32 {
        let session = self.connect();
        self.broker.set_forwards(session);
        session
    }

    /// A client, and a worker of `f`.
    pub(crate) fn pair(&mut self) -> (u32, u32) {
        (self.connect(), self.worker(&["f"]))
    }

    /// A worker of `f` whose jobs have five seconds.
    pub(crate) fn hurried(&mut self) -> u32 {
        let worker = self.connect();
        self.send(worker, Request::CanDo { function: b"f", timeout: Some(b"5") });
        worker
    }

    /// From now on this worker runs jobs one behind the other, as ours do.
    pub(crate) fn in_turn(&mut self, worker: u32) {
        assert_eq!(self.ask(worker, Request::Option(b"attempts")), "OPTION_RES attempts");
    }

    /// Workers of `f` that sleep, in this order.
    pub(crate) fn sleepers(&mut self, n: usize) -> Vec<u32> {
        let workers: Vec<u32> = (0..n).map(|_| self.worker(&["f"])).collect();
        workers.iter().for_each(|worker| self.send(*worker, Request::PreSleep));
        workers
    }

    /// How many of them were woken since this was asked last.
    pub(crate) fn woken(&mut self, workers: &[u32]) -> usize {
        workers.iter().filter(|worker| self.received(**worker) == "NOOP").count()
    }

    /// A worker ends a job of its own with the result `r`.
    pub(crate) fn complete(&mut self, worker: u32, handle: &str) {
        self.send(worker, work(handle, Update::Complete(b"r")));
    }

    /// An operator cancels a job.
    pub(crate) fn cancel(&mut self, handle: &str) {
        assert!(self.broker.cancel(&self.now, handle.as_bytes(), &mut self.outgoing));
    }

    /// The answer to a text command, with all its pages.
    pub(crate) fn text(&mut self, session: u32, line: &str) -> String {
        let about = About { level: "ERROR", server: self.broker.server() };
        let listing = answer(&mut self.broker, &about, &self.now, session, line.as_bytes(), &mut self.outgoing);
        let text = match listing {
            None => self.outgoing.take(session),
            Some(mut listing) => {
                while !listing.write(listing.page(&self.broker, &self.now)) {}
                listing.into_text()
            }
        };
        String::from_utf8(text).unwrap()
    }

    /// How often a job was begun and came back.
    pub(crate) fn tries(&self, number: u64) -> u16 {
        self.broker.jobs.arena[self.broker.jobs.by_number(number).unwrap()].tries
    }

    /// What became of the jobs of a function.
    pub(crate) fn activity(&self, function: &str) -> &Activity {
        let function = self.broker.functions.find(function.as_bytes()).unwrap();
        self.broker.functions[function].activity.as_deref().unwrap()
    }
}

pub(crate) fn can_do(function: &str) -> Request<'_> {
    Request::CanDo { function: function.as_bytes(), timeout: None }
}

pub(crate) fn job<'a>(function: &'a str, unique: &'a str, workload: &'a str) -> Submit<'a> {
    Submit {
        priority: Priority::Normal,
        background: false,
        function: function.as_bytes(),
        unique: unique.as_bytes(),
        workload: workload.as_bytes(),
        start: Start::Now,
        reducer: None,
    }
}

pub(crate) fn submit<'a>(function: &'a str, unique: &'a str, workload: &'a str) -> Request<'a> {
    Request::Submit(job(function, unique, workload))
}

pub(crate) fn background<'a>(function: &'a str, unique: &'a str, workload: &'a str) -> Request<'a> {
    Request::Submit(Submit { background: true, ..job(function, unique, workload) })
}

pub(crate) fn work<'a>(handle: &'a str, update: Update<'a>) -> Request<'a> {
    Request::Work(Work { handle: handle.as_bytes(), update })
}

pub(crate) const GRAB: Request<'_> = Request::GrabJob(Grab::Plain);

pub(crate) fn check(b: &Bench) {
    super::check::check(&b.broker, &b.now);
}
