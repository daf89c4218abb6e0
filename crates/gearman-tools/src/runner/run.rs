//! The runner at work: signals, orders, servers and time, brought to the one who supervises, one after the other.
//!
//! Owns the loop. Must never decide. Invariant: nothing in the loop waits for anything but the next event.

use crate::runner::config::Config;
use crate::runner::control::{Control, Socket};
use crate::runner::http;
use crate::runner::log::Log;
use crate::runner::notify::{ALIVE, Manager, READY, STOPPING, reloading, watchdog};
use crate::runner::orders::{Answer, Order, Orders};
use crate::runner::reload::{Outcome, Reload, Reloads};
use crate::runner::servers::{Asking, Look};
use crate::runner::supervisor::Supervisor;
use crate::runner::watching::Watching;
use nix::sys::signal::Signal as Number;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The exit status of a runner that was told to end, and had to kill a process for that. A service manager does not start it again, as it
/// does after a failure.
pub const HAD_TO_KILL: u8 = 10;

/// How long the end waits for the last lines: for what is in the pipes of processes, and for who reads them.
const LAST: Duration = Duration::from_secs(2);

/// Runs until it is told to end. True: all processes have ended when they were asked to.
///
/// # Errors
/// In words: why it does not start.
pub fn run(file: &Path, config: Config) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot start: {e}"))?;
    let (log, writer) = Log::start(config.log).map_err(|e| format!("cannot start: {e}"))?;
    let ended = runtime.block_on(async {
        let ended = run_loop(file.into(), config, log).await;
        // Where nobody reads them, they are lost.
        let _ = timeout(LAST, writer.done()).await;
        ended
    });
    // A server that is silent, or a file that does not answer, is not waited for.
    runtime.shutdown_background();
    ended
}

struct Loop {
    supervisor: Supervisor,
    log: Log,
    orders: Orders,
    /// The service manager, where there is one.
    manager: Option<Manager>,
    /// The socket that is open.
    control: Option<Control>,
    /// Where metrics are.
    metrics: Option<SocketAddr>,
    /// The servers, where there is anything to ask.
    asking: Option<Asking>,
    /// When processes were looked at.
    measured: Option<Instant>,
    /// Who reads the file again.
    reading: Reloads,
    /// Reloads that are not done, each with whom the outcome is for.
    reloads: VecDeque<Option<Answer>>,
    /// The end has begun.
    stopping: bool,
    /// A signal has asked for it: the next one kills.
    signalled: bool,
}

/// Handlers that stand from the start.
struct Signals {
    child: Signal,
    ends: [Signal; 3],
    hangup: Signal,
    passed: [Signal; 2],
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        let on = |kind| signal(kind);
        Ok(Signals {
            child: on(SignalKind::child())?,
            ends: [on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::quit())?],
            hangup: on(SignalKind::hangup())?,
            passed: [on(SignalKind::user_defined1())?, on(SignalKind::user_defined2())?],
        })
    }
}

async fn run_loop(file: PathBuf, config: Config, log: Log) -> Result<bool, String> {
    let signals = Signals::listen().map_err(|e| format!("cannot handle signals: {e}"))?;
    let (orders, ordered) = Orders::new();
    // Without it the work can be done all the same.
    let manager = Manager::find().unwrap_or_else(|error| {
        log.warning(None, &format!("cannot reach the service manager: {error}"));
        None
    });
    // Before any process is started: another runner may be at work.
    let socket = config.socket.as_deref().map(Socket::open).transpose()?;
    let control = socket.map(|socket| Control::serve(socket, orders.clone()));
    if let Some(address) = config.metrics {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|e| format!("cannot listen on {address} for metrics: {e}"))?;
        if !address.ip().is_loopback() {
            log.warning(None, &format!("whoever reaches {address} can read the metrics"));
        }
        if let Ok(address) = listener.local_addr() {
            log.info(None, &format!("metrics at http://{address}/metrics"));
        }
        tokio::spawn(http::serve(listener, orders.clone()));
    }
    // Before any process is started: what changes from then on is news to it.
    let mut watching = Watching::new(orders.clone(), log.clone());
    watching.follow(&config.groups).await;
    let work = Loop {
        manager,
        control,
        metrics: config.metrics,
        reading: Reloads::new(file.clone(), watching),
        supervisor: Supervisor::new(file, config, log.clone()),
        log,
        orders,
        asking: None,
        measured: None,
        reloads: VecDeque::new(),
        stopping: false,
        signalled: false,
    };
    Ok(work.run(signals, ordered).await)
}

impl Loop {
    async fn run(mut self, mut signals: Signals, mut ordered: mpsc::Receiver<Order>) -> bool {
        self.ask();
        self.supervisor.step();
        self.tell(READY);
        let alive = watchdog();
        let [terminate, interrupt, quit] = &mut signals.ends;
        let [first, second] = &mut signals.passed;
        let mut next_alive = alive.map(|every| Instant::now() + every);
        let well = loop {
            let next_measure = self.next_measure();
            tokio::select! {
                _ = signals.child.recv() => self.supervisor.bury(),
                _ = terminate.recv() => self.end("SIGTERM"),
                _ = interrupt.recv() => self.end("SIGINT"),
                _ = quit.recv() => self.end("SIGQUIT"),
                _ = signals.hangup.recv() => self.reload(None),
                _ = first.recv() => self.supervisor.signal(Number::SIGUSR1),
                _ = second.recv() => self.supervisor.signal(Number::SIGUSR2),
                Some(order) = ordered.recv() => self.order(order),
                Some(look) = next_look(&mut self.asking) => self.supervisor.looked(look),
                Some(outcome) = self.reading.next() => self.reloaded(outcome),
                () = until(self.supervisor.due()) => {}
                () = until(next_alive) => {
                    self.tell(ALIVE);
                    next_alive = alive.map(|every| Instant::now() + every);
                }
                () = until(next_measure) => {
                    self.supervisor.measure();
                    self.measured = Some(Instant::now());
                }
            }
            self.supervisor.step();
            if let Some(well) = self.supervisor.over() {
                break well;
            }
        };
        self.log.info(None, "all processes have ended");
        // Who has asked has an answer, or hears that there is none.
        let control = self.control.take();
        drop((self, ordered));
        if let Some(control) = control {
            control.close().await;
        }
        well
    }

    /// `None`: nobody's memory or time matters.
    fn next_measure(&self) -> Option<Instant> {
        let next = self.measured.map_or_else(Instant::now, |last| last + self.supervisor.config().look);
        self.supervisor.measures().then_some(next)
    }

    fn tell(&self, state: &str) {
        if let Some(Err(error)) = self.manager.as_ref().map(|manager| manager.tell(state)) {
            self.log.warning(None, &format!("cannot send {} to the service manager: {error}", state.escape_debug()));
        }
    }

    /// A signal to end. Who does not want to wait sends another one.
    fn end(&mut self, signal: &str) {
        match std::mem::replace(&mut self.signalled, true) {
            true => self.supervisor.kill(signal),
            false => self.stop(signal),
        }
    }

    fn stop(&mut self, why: &str) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.tell(STOPPING);
        }
        self.supervisor.stop(why);
    }

    /// One after the other: what was read first is begun first.
    fn reload(&mut self, answer: Option<Answer>) {
        self.reloads.push_back(answer);
        if self.reloads.len() == 1 {
            self.read();
        }
    }

    fn read(&mut self) {
        self.tell(&reloading());
        self.reading.begin(self.control.as_ref().map(|control| control.place().clone()));
    }

    /// What has come of a reload.
    fn reloaded(&mut self, outcome: Outcome) {
        let outcome = match outcome {
            Ok(reload) => self.apply(reload),
            Err(error) => {
                self.supervisor.refuse(&error);
                Err(error)
            }
        };
        if !self.stopping {
            self.tell(READY);
        }
        if let Some(Some(answer)) = self.reloads.pop_front() {
            let _ = answer.send(outcome); // who has asked may have gone
        }
        if !self.reloads.is_empty() {
            self.read();
        }
    }

    fn apply(&mut self, Reload { config, socket }: Reload) -> Result<String, String> {
        let (metrics, closed) = (config.metrics, config.socket.is_none());
        let said = self.supervisor.apply(config)?;
        if metrics != self.metrics {
            self.log.warning(None, "metrics is another one in the file: a restart of the runner alone brings it about");
        }
        if closed {
            self.control = None;
        }
        match socket {
            Some(Ok(socket)) => self.control = Some(Control::serve(socket, self.orders.clone())),
            Some(Err(reason)) => self.log.warning(None, &reason),
            None => {}
        }
        self.ask();
        Ok(said)
    }

    fn order(&mut self, order: Order) {
        // Who has asked may have gone.
        let _ = match order {
            Order::Status(answer) => answer.send(self.supervisor.status()).is_ok(),
            Order::Reload(answer) => return self.reload(Some(answer)),
            Order::Restart(group, answer) => answer.send(self.supervisor.restart(&group, "restart")).is_ok(),
            Order::Stop(answer) => {
                self.stop("it was asked to stop");
                answer.send(Ok("all processes are asked to end".into())).is_ok()
            }
            Order::Changed(group) => self.supervisor.restart(&group, "changed files").is_ok(),
        };
    }

    /// Begins to ask servers.
    fn ask(&mut self) {
        let questions = self.supervisor.questions();
        // What is asked as before goes on: else each of many reloads would ask a server once more that hangs.
        if self.asking.as_ref().map(Asking::questions) != questions.as_ref() {
            self.asking = questions.map(Asking::begin);
        }
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

/// What comes of the next look at servers, where they are asked.
async fn next_look(asking: &mut Option<Asking>) -> Option<Look> {
    match asking {
        Some(asking) => asking.next().await,
        None => std::future::pending().await,
    }
}
