//! Background jobs through servers that somebody else has started, who knows their databases: interop/shared-queue.sh. Clients
//! and workers in bare packets, as in [`load`](crate::load).

use crate::Result;
use crate::hub::{Hub, Outgoing};
use crate::load::{all_read, exchange, grab, submit};
use gearman_core::protocol::message::{Grab, Request, Response, Update, Work};
use hdrhistogram::Histogram;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// Clients wait while so many jobs wait for workers.
const BACKLOG: u64 = 1000;

/// What is to be done.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Load {
    /// Ports of the servers; connections are spread over them
    #[arg(value_delimiter = ',', required = true)]
    ports: Vec<u16>,
    /// The function
    #[arg(long, default_value = "f")]
    function: String,
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Jobs of a client that are not answered yet
    #[arg(long, default_value_t = 1)]
    window: usize,
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// For how long clients submit
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Jobs a second, due at even distances whether or not the servers keep pace; else as many as they can
    #[arg(long)]
    rate: Option<f64>,
    /// Without clients: so many jobs, which wait already, are run
    #[arg(long, default_value_t = 0)]
    jobs: u64,
    /// Bytes of a workload
    #[arg(long, default_value_t = 100)]
    size: usize,
}

/// One under way.
struct Run {
    load: Load,
    workload: Vec<u8>,
    begin: Instant,
    submitted: u64,
    created: u64,
    completed: u64,
    /// Clients that may submit: each as often as it has room.
    idle: VecDeque<usize>,
    /// Of each client, when those were due that are not answered yet.
    due: Vec<VecDeque<Duration>>,
    /// Microseconds from when a job was due to its handle.
    latencies: Histogram<u64>,
}

impl Load {
    /// Prints, separated by blanks: how many jobs were acknowledged, and how many that is in a second; how many were run and
    /// settled in a second; and of the time that a submit took the median and the 99th of a hundred, in microseconds.
    pub(crate) fn run(self, mut out: impl Write) -> Result<()> {
        let mut hub = Hub::new()?;
        for i in 0..self.workers + self.clients {
            hub.add(TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports[i % self.ports.len()]))?)?;
        }
        for worker in 0..self.workers {
            Request::CanDo { function: self.function.as_bytes(), timeout: None }.encode(hub.out().to(worker));
        }
        all_read(&mut hub, self.workers + self.clients)?;
        let workers = self.workers;
        let mut run = Run::new(self)?;
        let took = run.run(&mut hub)?.as_secs_f64();
        // What workers have said is stored when they are answered.
        all_read(&mut hub, workers)?;
        let all = run.begin.elapsed().as_secs_f64();
        let at = |quantile| run.latencies.value_at_quantile(quantile);
        let (submits, completed) = (run.created as f64 / took, run.completed as f64 / all);
        Ok(writeln!(out, "{} {submits:.0} {completed:.0} {} {}", run.created, at(0.5), at(0.99))?)
    }
}

impl Run {
    fn new(load: Load) -> Result<Run> {
        let clients = load.workers..load.workers + load.clients;
        Ok(Run {
            workload: vec![b'x'; load.size],
            begin: Instant::now(),
            submitted: 0,
            created: 0,
            completed: 0,
            idle: std::iter::repeat_n(clients, load.window).flatten().collect(),
            due: vec![VecDeque::new(); load.workers + load.clients],
            // Grows as it must, and is true to a thousandth.
            latencies: Histogram::new(3)?,
            load,
        })
    }

    /// Until all is done. How long it took until all that was submitted was acknowledged.
    fn run(&mut self, hub: &mut Hub) -> Result<Duration> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        hub.wake_by(&timer)?;
        for worker in 0..self.load.workers {
            grab(hub.out().to(worker), false);
        }
        self.begin = Instant::now();
        let mut acknowledged = None;
        loop {
            self.submit_due(hub.out());
            let submits = self.load.clients > 0 && self.begin.elapsed().as_secs_f64() < self.load.seconds;
            if !submits && self.created == self.submitted {
                let took = *acknowledged.get_or_insert_with(|| self.begin.elapsed());
                let wanted = if self.load.clients > 0 { self.submitted } else { self.load.jobs };
                if self.load.workers == 0 || self.completed >= wanted {
                    return Ok(took);
                }
            }
            if submits && !self.idle.is_empty() && self.has_room() {
                // Setting it also takes back that it was readable. Zero would switch it off.
                let left = self.next_due().saturating_sub(self.begin.elapsed()).max(Duration::from_micros(1));
                timer.set(Expiration::OneShot(left.into()), TimerSetTimeFlags::empty())?;
            } else {
                timer.unset()?;
            }
            exchange(hub, |out, from, response| self.on(out, from, response))?;
        }
    }

    fn next_due(&self) -> Duration {
        let at = |rate: f64| Duration::from_secs_f64(self.submitted as f64 / rate);
        self.load.rate.map_or(Duration::ZERO, at)
    }

    fn has_room(&self) -> bool {
        self.load.workers == 0 || self.submitted < self.completed + BACKLOG
    }

    fn submit_due(&mut self, out: &mut Outgoing) {
        let now = self.begin.elapsed();
        while now.as_secs_f64() < self.load.seconds && self.next_due() <= now && self.has_room() {
            let Some(client) = self.idle.pop_front() else { break };
            // Where it is only now that a client is free, the wait until now counts.
            let due = if self.load.rate.is_some() { self.next_due() } else { now };
            self.due[client].push_back(due);
            // C gearmand stores no second job without a key.
            submit(out.to(client), Some(self.submitted), true, self.load.function.as_bytes(), &self.workload);
            self.submitted += 1;
        }
    }

    fn on(&mut self, out: &mut Outgoing, from: usize, response: Response<'_>) -> Result<()> {
        match response {
            Response::JobAssign(job) => {
                let out = out.to(from);
                Request::Work(Work { handle: job.handle, update: Update::Complete(b"") }).encode(out);
                Request::GrabJob(Grab::All).encode(out);
                self.completed += 1;
            }
            Response::NoJob => Request::PreSleep.encode(out.to(from)),
            Response::Noop => grab(out.to(from), false),
            Response::JobCreated(_) => {
                let due = self.due[from].pop_front().ok_or("a handle that nobody asked for")?;
                self.latencies.record(self.begin.elapsed().saturating_sub(due).as_micros() as u64)?;
                self.created += 1;
                self.idle.push_back(from);
            }
            _ => (),
        }
        Ok(())
    }
}
