//! The runner at work: signals, orders, servers and time, brought to the one who supervises, one after the other.
//!
//! Owns the loop. Must never decide. Invariant: nothing in the loop waits for anything but the next event.

use crate::runner::config::Config;
use crate::runner::control::{Control, Socket};
use crate::runner::files::Files;
use crate::runner::http;
use crate::runner::log::Log;
use crate::runner::notify::{ALIVE, READY, STOPPING, notify, reloading, watchdog};
use crate::runner::orders::{Answer, Order, Orders};
use crate::runner::servers::{Asking, Look};
use crate::runner::supervisor::Supervisor;
use nix::sys::signal::Signal as Number;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

/// How often files are looked at.
const FILES: Duration = Duration::from_secs(2);
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
        let ended = Loop::run(file.into(), config, log).await;
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
    /// The servers, where there is anything to ask.
    asking: Option<Asking>,
    /// When processes were looked at.
    measured: Option<Instant>,
    /// The tasks that look at files; begun anew by a reload.
    tasks: Vec<JoinHandle<()>>,
    /// Reloads that are not done, each with whom the outcome is for.
    reloads: VecDeque<Option<Answer>>,
    /// The end has begun.
    stopping: bool,
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

impl Loop {
    async fn run(file: PathBuf, config: Config, log: Log) -> Result<bool, String> {
        let mut signals = Signals::listen().map_err(|e| format!("cannot handle signals: {e}"))?;
        let (orders, mut ordered) = Orders::new();
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
        let files = files_of(&config).await;
        let supervisor = Supervisor::new(file, config, log.clone());
        let mut this = Loop {
            supervisor,
            log,
            orders,
            asking: None,
            measured: None,
            tasks: Vec::new(),
            reloads: VecDeque::new(),
            stopping: false,
        };
        this.watch(files);
        this.supervisor.step();
        this.tell(READY);
        let alive = watchdog();
        let [terminate, interrupt, quit] = &mut signals.ends;
        let [first, second] = &mut signals.passed;
        let mut next_alive = alive.map(|every| Instant::now() + every);
        loop {
            let next_measure = this.next_measure();
            tokio::select! {
                _ = signals.child.recv() => this.supervisor.bury(),
                _ = terminate.recv() => this.stop("SIGTERM"),
                _ = interrupt.recv() => this.stop("SIGINT"),
                _ = quit.recv() => this.stop("SIGQUIT"),
                _ = signals.hangup.recv() => this.reload(None),
                _ = first.recv() => this.supervisor.signal(Number::SIGUSR1),
                _ = second.recv() => this.supervisor.signal(Number::SIGUSR2),
                Some(order) = ordered.recv() => this.order(order),
                Some(look) = next_look(&mut this.asking) => this.supervisor.looked(look),
                () = until(this.supervisor.due()) => {}
                () = until(next_alive) => {
                    this.tell(ALIVE);
                    next_alive = alive.map(|every| Instant::now() + every);
                }
                () = until(next_measure) => {
                    this.supervisor.measure();
                    this.measured = Some(Instant::now());
                }
            }
            this.supervisor.step();
            if let Some(well) = this.supervisor.over() {
                this.tasks.iter().for_each(JoinHandle::abort);
                this.log.info(None, "all processes have ended");
                // Who has asked has an answer, or hears that there is none.
                drop((this, ordered));
                if let Some(control) = control {
                    control.close().await;
                }
                return Ok(well);
            }
        }
    }

    /// `None`: nobody's memory or time matters.
    fn next_measure(&self) -> Option<Instant> {
        let next = self.measured.map_or_else(Instant::now, |last| last + self.supervisor.config().look);
        self.supervisor.measures().then_some(next)
    }

    fn tell(&self, state: &str) {
        if let Err(error) = notify(state) {
            self.log.warning(None, &format!("cannot send {} to the service manager: {error}", state.escape_debug()));
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

    /// Reads the file. What it says is begun by [`Order::Apply`], once the files of its groups were looked at.
    fn read(&mut self) {
        self.tell(&reloading());
        match self.supervisor.read() {
            Ok(config) => {
                let orders = self.orders.clone();
                tokio::spawn(async move {
                    let files = files_of(&config).await;
                    orders.tell(Order::Apply(config.into(), files)).await
                });
            }
            Err(error) => self.reloaded(Err(error)),
        }
    }

    fn apply(&mut self, config: Config, files: Vec<(String, Files)>) {
        let outcome = self.supervisor.apply(config);
        if outcome.is_ok() {
            self.watch(files);
        }
        self.reloaded(outcome);
    }

    fn reloaded(&mut self, outcome: Result<String, String>) {
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

    fn order(&mut self, order: Order) {
        // Who has asked may have gone.
        let _ = match order {
            Order::Status(answer) => answer.send(self.supervisor.status()).is_ok(),
            Order::Reload(answer) => return self.reload(Some(answer)),
            Order::Apply(config, files) => return self.apply(*config, files),
            Order::Restart(group, answer) => answer.send(self.supervisor.restart(&group, "restart")).is_ok(),
            Order::Stop(answer) => {
                self.stop("it was asked to stop");
                answer.send(Ok("all processes are asked to end".into())).is_ok()
            }
            Order::Changed(group) => self.supervisor.restart(&group, "changed files").is_ok(),
        };
    }

    /// Begins to look at servers, and at files.
    fn watch(&mut self, files: Vec<(String, Files)>) {
        let questions = self.supervisor.questions();
        // What is asked as before goes on: else each of many reloads would ask a server once more that hangs.
        if self.asking.as_ref().map(Asking::questions) != questions.as_ref() {
            self.asking = questions.map(Asking::begin);
        }
        self.tasks.drain(..).for_each(|task| task.abort());
        let watching =
            files.into_iter().map(|(group, files)| tokio::spawn(watch_files(files, group, self.orders.clone())));
        self.tasks.extend(watching);
    }
}

/// The files of each group that has some, as they are now.
async fn files_of(config: &Config) -> Vec<(String, Files)> {
    let groups = config.groups.iter().filter(|group| !group.watch.is_empty());
    let groups: Vec<_> = groups.map(|group| (group.name.clone(), group.watch.clone())).collect();
    let looked = spawn_blocking(|| groups.into_iter().map(|(group, paths)| (group, Files::new(paths))).collect());
    looked.await.unwrap_or_default()
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

/// Looks at files, again and again.
async fn watch_files(mut files: Files, group: String, orders: Orders) {
    loop {
        sleep(FILES).await;
        let looked = spawn_blocking(move || {
            let changed = files.have_changed();
            (files, changed)
        });
        let Ok((same, changed)) = looked.await else { return };
        files = same;
        if changed && !orders.tell(Order::Changed(group.clone())).await {
            return;
        }
    }
}
