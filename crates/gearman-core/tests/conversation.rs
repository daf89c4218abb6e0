//! A scripted server, step by step: what it expects, and what it replies, in the protocol's own names.
//!
//! ```text
//! server.expect(CAN_DO, "f").await;
//! server.expect(GRAB_JOB_ALL, "").await;
//! server.reply(JOB_ASSIGN_UNIQ, "H:x:1\0f\0u\0w").await;
//! ```
//!
//! A step that fails says what was expected and what came; and whatever made a test fail, all steps so far are shown. To
//! see that something is *not* sent, expect what comes after it: packets come in order.

use crate::util::{Script, Wire, join, packet, pass, within};
use gearman_core::client::Client;
use gearman_core::protocol::message::Update;
use gearman_core::worker::Worker;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;

macro_rules! commands {
    ($($name:ident = $number:literal)*) => {
        $(pub(crate) const $name: Command = Command($number);)*

        /// The name of the command with this number.
        fn name(number: u32) -> String {
            match number { $($number => stringify!($name).into(),)* _ => format!("command {number}") }
        }
    };
}

/// By its number, which is not taken from the code that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command(u32);

commands! {
    CAN_DO = 1 CANT_DO = 2 RESET_ABILITIES = 3 PRE_SLEEP = 4 NOOP = 6 SUBMIT_JOB = 7 JOB_CREATED = 8 GRAB_JOB = 9
    NO_JOB = 10 JOB_ASSIGN = 11 WORK_STATUS = 12 WORK_COMPLETE = 13 WORK_FAIL = 14 GET_STATUS = 15 ECHO_REQ = 16
    ECHO_RES = 17 SUBMIT_JOB_BG = 18 ERROR = 19 STATUS_RES = 20 SET_CLIENT_ID = 22 CAN_DO_TIMEOUT = 23
    WORK_EXCEPTION = 25 OPTION_REQ = 26 OPTION_RES = 27 WORK_DATA = 28 WORK_WARNING = 29 GRAB_JOB_UNIQ = 30
    JOB_ASSIGN_UNIQ = 31 GRAB_JOB_ALL = 39 GET_STATUS_UNIQUE = 41 STATUS_RES_UNIQUE = 42 JOB_NOTICE = 200
}

impl Command {
    /// A packet of it.
    pub(crate) fn with(self, body: impl AsRef<[u8]>) -> Packet {
        Packet { number: self.0, body: body.as_ref().to_vec() }
    }
}

/// A packet either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    number: u32,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    /// Its bytes as an answer.
    pub(crate) fn answer(&self) -> Vec<u8> {
        packet(b"\0RES", self.number, &self.body)
    }

    /// As a step is shown; of a large one the beginning.
    fn show(&self) -> String {
        let (name, shown) = (name(self.number), &self.body[..self.body.len().min(80)]);
        match self.body.len() - shown.len() {
            0 => format!("{name} {}", shown.escape_ascii()),
            more => format!("{name} {}… {more} bytes more", shown.escape_ascii()),
        }
    }
}

/// One connection as the scripted server sees it, and the steps so far.
pub(crate) struct Conversation {
    wire: Wire,
    steps: Vec<String>,
}

impl Script {
    /// The next connection.
    pub(crate) async fn conversation(&self) -> Conversation {
        Conversation { wire: self.accept().await, steps: Vec::new() }
    }
}

impl Conversation {
    /// The other side sends this next.
    pub(crate) async fn expect(&mut self, command: Command, body: impl AsRef<[u8]>) {
        let expected = command.with(body);
        let shown = expected.show();
        self.step(format!("expect {shown}"));
        let came = self.read().await;
        assert!(came.as_ref() == Some(&expected), "expected {shown}, came {}", show(came.as_ref()));
    }

    /// It sends these next, and all of them in one write.
    pub(crate) async fn expect_in_one_write(&mut self, expected: &[Packet]) {
        let shown: Vec<_> = expected.iter().map(Packet::show).collect();
        self.step(format!("expect in one write {}", shown.join(", ")));
        let came = self.wire.read().await;
        let bytes: Vec<u8> = expected.iter().flat_map(|p| packet(b"\0REQ", p.number, &p.body)).collect();
        assert_eq!(came.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }

    /// It sends this command next; the body.
    pub(crate) async fn receive(&mut self, command: Command) -> Vec<u8> {
        self.step(format!("receive {}", name(command.0)));
        let came = self.read().await;
        match came {
            Some(packet) if packet.number == command.0 => packet.body,
            other => panic!("expected {}, came {}", name(command.0), show(other.as_ref())),
        }
    }

    /// What it sends next; `None` at the end.
    async fn read(&mut self) -> Option<Packet> {
        self.wire.packet().await.map(|(number, body)| Packet { number, body })
    }

    pub(crate) async fn reply(&mut self, command: Command, body: impl AsRef<[u8]>) {
        self.reply_at_once(&[command.with(body)]).await;
    }

    /// Answers in one write.
    pub(crate) async fn reply_at_once(&mut self, answers: &[Packet]) {
        for answer in answers {
            self.step(format!("reply {}", answer.show()));
        }
        let bytes: Vec<u8> = answers.iter().flat_map(Packet::answer).collect();
        self.wire.send(bytes).await;
    }

    /// Answers byte by byte, and lets the other side look at each.
    pub(crate) async fn drip(&mut self, answers: &[Packet]) {
        for answer in answers {
            self.step(format!("drip {}", answer.show()));
            self.wire.drip(answer.answer()).await;
        }
    }

    /// Sends bytes that are no whole packet.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.step(format!("send {}, {} bytes", bytes[..bytes.len().min(80)].escape_ascii(), bytes.len()));
        self.wire.send(bytes).await;
    }

    /// The other side closes, and sends nothing before.
    pub(crate) async fn ended(mut self) {
        self.step("expect the end".into());
        let came = self.wire.read().await;
        assert!(came.is_empty(), "expected the end, came {}", came.escape_ascii());
    }

    /// An echo there and back: for a client.
    pub(crate) async fn echo(&mut self, data: &str) {
        self.expect(ECHO_REQ, data).await;
        self.reply(ECHO_RES, data).await;
    }

    /// A worker of one function comes, and asks for a job.
    pub(crate) async fn greeted(&mut self, function: &str) {
        self.expect(CAN_DO, function).await;
        self.expect(GRAB_JOB_ALL, "").await;
    }

    /// It comes, there is nothing to do, and it sleeps.
    pub(crate) async fn lull(&mut self, function: &str) {
        self.greeted(function).await;
        self.no_job().await;
    }

    /// There is no job, and the worker sleeps.
    pub(crate) async fn no_job(&mut self) {
        self.reply(NO_JOB, "").await;
        self.expect(PRE_SLEEP, "").await;
    }

    /// A worker that sleeps is woken, and asks.
    pub(crate) async fn wake(&mut self) {
        self.reply(NOOP, "").await;
        self.expect(GRAB_JOB_ALL, "").await;
    }

    /// Gives a job of the function "f".
    pub(crate) async fn assign(&mut self, handle: &str) {
        self.reply_at_once(&[job(handle)]).await;
    }

    /// The worker has run a job: see [`run`].
    pub(crate) async fn done(&mut self, handle: &str) {
        self.expect(WORK_COMPLETE, format!("{handle}\0r")).await;
    }

    fn step(&mut self, what: String) {
        self.steps.push(what);
    }
}

impl Drop for Conversation {
    /// Whatever failed, also where the last step never ended: what was said before it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut all = String::from("the conversation, as the server sees it:\n");
            for (n, step) in self.steps.iter().enumerate() {
                let _ = writeln!(all, "{:4}. {step}", n + 1);
            }
            eprint!("{all}");
        }
    }
}

fn show(came: Option<&Packet>) -> String {
    came.map_or("the end".into(), Packet::show)
}

/// A job of the function "f".
pub(crate) fn job(handle: &str) -> Packet {
    JOB_ASSIGN_UNIQ.with(format!("{handle}\0f\0u\0w"))
}

/// More than any test takes: a call that waits for so long ends by [`time_is_up`].
const PATIENCE: Duration = Duration::from_secs(3600);

/// When a call is to end that waits for a server which then says that [the time is up](time_is_up).
pub(crate) fn until_told() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}

/// Ends the call that waits for it now: every moment to which the runtime's clock is to go is over.
pub(crate) async fn time_is_up() {
    pass(PATIENCE).await;
}

/// A worker of one server with the function "f", and what that server expects and replies. It keeps the connections that
/// it returns until both are done.
pub(crate) fn worker_meets<T>(
    server: impl AsyncFnOnce(&Script) -> T + Send + 'static,
    work: impl AsyncFnOnce(&mut Worker) + Send + 'static,
) {
    within(async move || {
        let script = Script::tcp().await;
        let mut worker = script.worker(b"f");
        join(server(&script), work(&mut worker)).await;
    });
}

/// The same for a worker of two servers.
pub(crate) fn worker_meets_two<T>(
    servers: impl AsyncFnOnce(Conversation, Conversation) -> T + Send + 'static,
    work: impl AsyncFnOnce(&mut Worker) + Send + 'static,
) {
    within(async move || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut worker = crate::util::worker(&[first.server(), second.server()], b"f");
        let talk = async {
            let (first, second) = join(first.conversation(), second.conversation()).await;
            servers(first, second).await
        };
        join(talk, work(&mut worker)).await;
    });
}

/// The same for a client.
pub(crate) fn client_meets<T>(
    server: impl AsyncFnOnce(&Script) -> T + Send + 'static,
    calls: impl AsyncFnOnce(&mut Client) + Send + 'static,
) {
    within(async move || {
        let script = Script::tcp().await;
        let mut client = script.client();
        join(server(&script), calls(&mut client)).await;
    });
}

/// The handle of the worker's next job.
pub(crate) async fn next(worker: &mut Worker) -> String {
    let job = worker.next_job(None).await.unwrap();
    String::from_utf8(job.handle.to_vec()).unwrap()
}

/// Runs the worker's next job, which must be this one.
pub(crate) async fn run(worker: &mut Worker, handle: &str) {
    run_until(worker, handle, None).await;
}

/// The same, for a call that may end before.
pub(crate) async fn run_until(worker: &mut Worker, handle: &str, until: Option<Instant>) {
    let mut job = worker.next_job(until).await.unwrap();
    assert_eq!(job.handle, handle);
    worker.send(&mut job, Update::Complete(b"r")).unwrap();
}

/// What failed, with all that was shown of it.
fn failure(server: impl AsyncFnOnce(&Script) + Send + 'static) -> String {
    let run = || worker_meets(server, async |worker| _ = worker.next_job(None).await);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_step_that_fails_says_what_was_expected_and_what_came() {
    let other = failure(async |script| {
        let mut server = script.conversation().await;
        server.expect(CAN_DO, "f").await;
        server.expect(PRE_SLEEP, "").await;
    });
    assert_eq!(other, "expected PRE_SLEEP , came GRAB_JOB_ALL ");
    let argument = failure(async |script| script.conversation().await.expect(CAN_DO, "g").await);
    assert_eq!(argument, "expected CAN_DO g, came CAN_DO f");
}
