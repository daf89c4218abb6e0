//! Servers come and go, refuse jobs, close connections in the middle and are late, and calls end before all is done:
//! each task ends once or is still to be sent, none is sent twice, and no call fails for what an earlier one has reported.

use crate::util::{Script, Wire, alone, ask, client, echo, end, join, req, res, unused_path, within};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::net::address::ServerAddress;
use gearman_core::protocol::message::Priority;
use gearman_core::{Error, ReturnCode};
use properties::properties;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

/// What a server does with a job while things go wrong. Its letter is the job's workload.
const DONE: char = 'd';
const REFUSED: char = 'r';
/// The connection ends in place of an answer.
const CUT: char = 'c';
/// The connection ends when the job has begun.
const CUT_LATER: char = 'l';
/// The next request on the connection is received first.
const SLOW: char = 's';

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Up(usize),
    Down(usize),
    /// A task, in the background or not.
    Add(char, bool),
    /// runTasks(), with little patience.
    Run,
    /// doBackground().
    Call(char),
}

/// What all servers together have seen.
#[derive(Default)]
struct Seen {
    /// How often each key arrived.
    arrived: RefCell<HashMap<String, usize>>,
    jobs: Cell<usize>,
    /// Every job is done at once.
    well: Cell<bool>,
}

/// A server, there or not.
struct Host {
    path: PathBuf,
    /// Who listens, and who serves the connections. None: it is not there.
    tasks: Rc<RefCell<JoinSet<()>>>,
    seen: Rc<Seen>,
}

impl Host {
    fn new(seen: &Rc<Seen>) -> Host {
        Host { path: unused_path(), tasks: Rc::default(), seen: seen.clone() }
    }

    fn is_up(&self) -> bool {
        !self.tasks.borrow().is_empty()
    }

    fn up(&self) {
        if self.is_up() {
            return;
        }
        let (script, tasks, seen) = (Script::at(self.path.clone()), self.tasks.clone(), self.seen.clone());
        self.tasks.borrow_mut().spawn_local(async move {
            loop {
                let wire = script.accept().await;
                tasks.borrow_mut().spawn_local(serve(wire, seen.clone()));
            }
        });
    }

    /// As a process that is killed.
    async fn down(&self) {
        let mut tasks = self.tasks.take();
        tasks.shutdown().await;
    }
}

async fn serve(mut wire: Wire, seen: Rc<Seen>) {
    let mut late = Vec::new();
    while let Some((command, body)) = wire.packet().await {
        wire.try_send(std::mem::take(&mut late)).await;
        if command == 16 {
            wire.try_send(res(17, body)).await;
            continue;
        }
        let body = String::from_utf8(body).unwrap();
        let [_, key, fate] = body.split('\0').collect::<Vec<_>>()[..] else { panic!("{body:?}") };
        *seen.arrived.borrow_mut().entry(key.into()).or_default() += 1;
        seen.jobs.set(seen.jobs.get() + 1);
        let handle = format!("H:x:{}", seen.jobs.get());
        let created = res(8, &handle);
        let complete = if command == 7 { res(13, format!("{handle}\0")) } else { Vec::new() };
        match fate.chars().next() {
            _ if seen.well.get() => wire.try_send([created, complete].concat()).await,
            Some(REFUSED) => wire.try_send(res(19, "QUEUE_ERROR\0Job queue is full")).await,
            Some(CUT) => return,
            Some(CUT_LATER) => return wire.try_send(created).await,
            Some(SLOW) if command == 7 => {
                wire.try_send(created).await;
                late.extend(complete);
            }
            // Answers are in order, so those to background jobs are not late.
            _ => wire.try_send([created, complete].concat()).await,
        }
    }
}

/// A client's program.
struct Program {
    client: Client,
    /// Tasks that have not ended: their keys, and whether they are in the background.
    open: HashMap<TaskId, (String, bool)>,
    keys: usize,
}

impl Program {
    fn job(&mut self, fate: char, background: bool) -> (String, Ask) {
        self.keys += 1;
        let (key, workload) = (format!("key{}", self.keys), fate.to_string());
        let ask = Ask::submit(Priority::Normal, background, b"f", key.as_bytes(), workload.as_bytes());
        (key, ask.unwrap())
    }

    fn add(&mut self, fate: char, background: bool) {
        let (key, ask) = self.job(fate, background);
        let id = self.client.add(ask);
        self.open.insert(id, (key, background));
    }

    /// As runTasks(): goes on until nothing more can be done. The first failure of a task, and what ended it.
    async fn run(&mut self, until: Option<Instant>) -> (Option<Error>, Result<(), Error>) {
        self.client.begin();
        let mut failed = None;
        loop {
            while let Some((id, event)) = self.client.next_event() {
                let (key, background) = self.open.remove(&id).expect("a task that has not ended");
                match event {
                    Event::Created(_) if !background => _ = self.open.insert(id, (key, background)),
                    Event::Created(_) | Event::Complete(_) => {}
                    Event::Error(error) => {
                        assert!(
                            matches!(error.code(), ReturnCode::LostConnection | ReturnCode::QueueError),
                            "{key}: {error}"
                        );
                        failed.get_or_insert(*error);
                    }
                    other => panic!("{other:?}"),
                }
            }
            if !self.client.has_tasks() {
                return (failed, Ok(()));
            }
            if let Err(error) = self.client.wait(until).await {
                return (failed, Err(error));
            }
        }
    }
}

async fn play(servers: usize, deeds: Vec<Deed>) {
    let seen = Rc::new(Seen::default());
    let hosts: Vec<Host> = (0..servers).map(|_| Host::new(&seen)).collect();
    let addresses: Vec<ServerAddress> = hosts.iter().map(|host| ServerAddress::Unix(host.path.clone())).collect();
    let mut program = Program { client: client(&addresses), open: HashMap::new(), keys: 0 };
    for deed in deeds {
        match deed {
            Deed::Up(i) => hosts[i % servers].up(),
            Deed::Down(i) => hosts[i % servers].down().await,
            Deed::Add(fate, background) => program.add(fate, background),
            Deed::Run => {
                let (_, ended) = program.run(impatient()).await;
                let none_is_up = !hosts.iter().any(Host::is_up);
                match ended {
                    Ok(()) => assert!(program.open.is_empty(), "left: {:?}", program.open),
                    Err(Error::Timeout { .. }) => {}
                    Err(Error::Connect { .. }) => assert!(none_is_up && !program.open.is_empty()),
                    Err(other) => panic!("{other}"),
                }
            }
            Deed::Call(fate) => {
                let job = program.job(fate, true).1;
                let ended = ask(&mut program.client, job, impatient()).await;
                let reachable = hosts.iter().any(Host::is_up);
                assert!(reachable || matches!(&ended, Err(e) if !matches!(e, Error::Timeout { .. })), "{ended:?}");
            }
        }
    }
    seen.well.set(true);
    hosts.iter().for_each(Host::up);
    all_is_well(&mut program, servers).await;
    for (key, times) in seen.arrived.borrow().iter() {
        assert_eq!(*times, 1, "{key}");
    }
}

/// What was lost is reported at last, what was not sent goes out, and then nothing fails any more.
async fn all_is_well(program: &mut Program, servers: usize) {
    for i in 0..servers {
        // The answer to what was late comes with that to this. What is lost is found out by it.
        for _ in 0..2 {
            program.client.begin();
            let echo = program.client.call_at(i, Ask::echo(b"?").unwrap());
            let _ = end(&mut program.client, echo, None).await;
        }
    }
    let (_, ended) = program.run(None).await;
    assert_eq!((ended, program.open.len()), (Ok(()), 0));
    program.add(DONE, false);
    program.add(DONE, true);
    assert_eq!(program.run(None).await, (None, Ok(())));
}

fn impatient() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(5))
}

fn deed() -> impl Strategy<Value = Deed> {
    let fate =
        || prop_oneof![4 => Just(DONE), 1 => Just(REFUSED), 1 => Just(CUT), 1 => Just(CUT_LATER), 1 => Just(SLOW)];
    prop_oneof![
        3 => (0..3usize).prop_map(Deed::Up),
        2 => (0..3usize).prop_map(Deed::Down),
        8 => (fate(), any::<bool>()).prop_map(|(fate, background)| Deed::Add(fate, background)),
        4 => Just(Deed::Run),
        1 => fate().prop_map(Deed::Call),
    ]
}

properties! {
    cases: 64;

    #[test]
    fn each_task_ends_once_or_is_still_to_be_sent(servers in 1..4usize, deeds in vec(deed(), 1..40)) {
        within(async move || LocalSet::new().run_until(alone(play(servers, deeds))).await);
    }
}

/// A call went to a server that was seen to be gone a moment before, and its tasks were lost with it.
#[test]
fn tasks_are_not_sent_where_nobody_is() {
    within(async || {
        let script = Script::unix();
        let mut program = Program { client: script.client(), open: HashMap::new(), keys: 0 };
        let server = async {
            let mut c = script.accept().await;
            c.expect(req(16, "one")).await;
            c.send(res(17, "one")).await;
        };
        join(server, echo(&mut program.client, b"one")).await;
        drop(script);
        program.add(DONE, true);
        let (failed, ended) = program.run(None).await;
        assert_eq!(failed, None);
        assert_eq!(ended.unwrap_err().code(), ReturnCode::CouldNotConnect);
        assert_eq!(program.open.len(), 1);
    });
}
