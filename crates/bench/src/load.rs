//! The load generator: clients and workers in bare packets, the same for every server. One thread, so that
//! on two processors the server has one of them.

use crate::Result;
use crate::hub::{Event, Hub, Outgoing};
use crate::server::Server;
use gearman_core::protocol::message::{Grab, Priority, Request, Response, Start, Submit, Update, Work};
use hdrhistogram::Histogram;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::time::{Duration, Instant};

/// A server that sends nothing for so many milliseconds has stalled.
const STALLED: u16 = 20_000;
const FUNCTION: &[u8] = b"echo";

/// What a load cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Microseconds for each job, end to end: all of it divided by the number of jobs.
    pub(crate) time: f64,
    /// Microseconds of the server's processor time for each job.
    pub(crate) cpu: f64,
    /// Microseconds that 99 of 100 jobs took at most, from the moment they were due.
    pub(crate) p99: f64,
}

/// A load of foreground jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Foreground {
    pub(crate) clients: usize,
    pub(crate) workers: usize,
    /// Jobs that each client has open at once.
    pub(crate) pipelining: usize,
    /// Workers ask for direct assignment, as ours do on our server.
    pub(crate) direct: bool,
    pub(crate) jobs: u64,
    /// Jobs a second, due at even distances whether or not the server keeps pace; else as many as it can.
    pub(crate) rate: Option<f64>,
}

/// Appends a submit; its key, if it has one, is as long as those that client libraries make, and differs
/// from its neighbours' as much.
pub(crate) fn submit(out: &mut Vec<u8>, key: Option<u64>, background: bool, function: &[u8], workload: &[u8]) {
    let mut bytes = *b"0123456789abcdef-4000-8000-0123456789";
    let unique: &[u8] = match key {
        Some(n) => {
            let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bytes[..16]
                .iter_mut()
                .zip((0..64).step_by(4))
                .for_each(|(b, i)| *b = b"0123456789abcdef"[(mixed >> i) as usize & 15]);
            &bytes[..36]
        }
        None => b"",
    };
    let priority = Priority::Normal;
    Request::Submit(Submit { priority, background, function, unique, workload, start: Start::Now, reducer: None })
        .encode(out);
}

/// An exchange in which something must happen.
pub(crate) fn exchange(
    hub: &mut Hub,
    mut on: impl FnMut(&mut Outgoing, usize, Response<'_>) -> Result<()>,
) -> Result<()> {
    let moved = hub.exchange(STALLED.into(), |out, from, event| match event {
        Event::Frame(frame) => match Response::parse(&frame)? {
            Response::Error { code, text } => {
                Err(format!("the server sends {}: {}", String::from_utf8_lossy(code), String::from_utf8_lossy(text))
                    .into())
            }
            response => on(out, from, response),
        },
        Event::Text(line) => Err(format!("text: {}", String::from_utf8_lossy(line)).into()),
        Event::Closed => Err("the server closed a connection".into()),
    })?;
    if moved { Ok(()) } else { Err("the server stalled".into()) }
}

/// Waits until the server has read all that was sent on these connections.
pub(crate) fn all_read(hub: &mut Hub, connections: usize) -> Result<()> {
    for connection in 0..connections {
        Request::Echo(b"read").encode(hub.out().to(connection));
    }
    let mut left = connections;
    while left > 0 {
        exchange(hub, |_, _, response| {
            left -= usize::from(matches!(response, Response::Echo(_)));
            Ok(())
        })?;
    }
    Ok(())
}

/// Runs a load of foreground jobs to its end.
pub(crate) fn foreground(server: &Server, load: &Foreground) -> Result<Cost> {
    let mut hub = Hub::new()?;
    for _ in 0..load.workers + load.clients {
        hub.add(server.connect()?)?;
    }
    for worker in 0..load.workers {
        let out = hub.out().to(worker);
        if load.direct {
            Request::Option(b"all-yours").encode(out);
        }
        Request::CanDo { function: FUNCTION, timeout: None }.encode(out);
    }
    all_read(&mut hub, load.workers)?;
    Run::new(*load)?.run(&mut hub, server)
}

/// What a worker sends when it is free. With direct assignment the job itself is the answer, now or later.
pub(crate) fn grab(out: &mut Vec<u8>, direct: bool) {
    match direct {
        true => Request::PreSleep.encode(out),
        false => Request::GrabJob(Grab::All).encode(out),
    }
}

/// A foreground load under way.
struct Run {
    load: Foreground,
    begin: Instant,
    submitted: u64,
    completed: u64,
    /// Clients that may submit: each as often as it has room.
    idle: Vec<usize>,
    /// Nanoseconds from when a job was due to its end.
    latencies: Histogram<u64>,
}

impl Run {
    fn new(load: Foreground) -> Result<Run> {
        let clients = load.workers..load.workers + load.clients;
        let idle = std::iter::repeat_n(clients, load.pipelining).flatten().collect();
        // Grows as it must, and is true to a thousandth.
        let latencies = Histogram::new(3)?;
        Ok(Run { load, begin: Instant::now(), submitted: 0, completed: 0, idle, latencies })
    }

    fn run(mut self, hub: &mut Hub, server: &Server) -> Result<Cost> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        hub.wake_by(&timer)?;
        for worker in 0..self.load.workers {
            grab(hub.out().to(worker), self.load.direct);
        }
        let cpu = server.process.cpu()?;
        self.begin = Instant::now();
        while self.completed < self.load.jobs {
            self.submit_due(hub.out());
            if self.submitted < self.load.jobs && !self.idle.is_empty() {
                // Setting it also takes back that it was readable. Zero would switch it off.
                let left = Duration::from_nanos(self.due().saturating_sub(self.elapsed()).max(1));
                timer.set(Expiration::OneShot(left.into()), TimerSetTimeFlags::empty())?;
            } else {
                timer.unset()?;
            }
            exchange(hub, |out, from, response| self.on(out, from, response))?;
        }
        let jobs = self.load.jobs as f64;
        Ok(Cost {
            time: self.elapsed() as f64 / 1e3 / jobs,
            cpu: (server.process.cpu()? - cpu).as_secs_f64() * 1e6 / jobs,
            p99: self.latencies.value_at_quantile(0.99) as f64 / 1e3,
        })
    }

    /// Nanoseconds since it began.
    fn elapsed(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    /// When the next job is due.
    fn due(&self) -> u64 {
        self.load.rate.map_or(0, |rate| (self.submitted as f64 * 1e9 / rate) as u64)
    }

    fn submit_due(&mut self, out: &mut Outgoing) {
        let now = self.elapsed();
        while self.submitted < self.load.jobs && self.due() <= now {
            let Some(client) = self.idle.pop() else { break };
            // Where it is only now that a client is free, the wait until now counts.
            let due = if self.load.rate.is_some() { self.due() } else { now };
            // Twelve bytes with the time when the job was due.
            let mut workload = [b'x'; 12];
            workload[..8].copy_from_slice(&due.to_be_bytes());
            submit(out.to(client), Some(self.submitted), false, FUNCTION, &workload);
            self.submitted += 1;
        }
    }

    fn on(&mut self, out: &mut Outgoing, from: usize, response: Response<'_>) -> Result<()> {
        match response {
            Response::JobAssign(job) => {
                let out = out.to(from);
                Request::Work(Work { handle: job.handle, update: Update::Complete(job.workload) }).encode(out);
                grab(out, self.load.direct);
            }
            Response::NoJob => Request::PreSleep.encode(out.to(from)),
            Response::Noop => grab(out.to(from), self.load.direct),
            Response::Work(Work { update: Update::Complete(workload), .. }) => {
                let due = workload.first_chunk().ok_or("a result that is not the workload")?;
                self.latencies.record(self.elapsed().saturating_sub(u64::from_be_bytes(*due)))?;
                self.completed += 1;
                self.idle.push(from);
            }
            _ => (),
        }
        Ok(())
    }
}

/// Submits `jobs` background jobs on so many connections, each with at most `window` unanswered.
pub(crate) fn background(server: &Server, clients: usize, window: u64, jobs: u64, unique: bool) -> Result<Cost> {
    let cpu = server.process.cpu()?;
    let (time, _) = submit_all(server, "echo", clients, window, jobs, unique)?;
    let cpu = (server.process.cpu()? - cpu).as_secs_f64() * 1e6 / jobs as f64;
    Ok(Cost { time: time.as_secs_f64() * 1e6 / jobs as f64, cpu, p99: 0.0 })
}

/// Queues jobs, each with a key of its own.
pub(crate) fn queue(server: &Server, function: &str, jobs: u64) -> Result<()> {
    submit_all(server, function, 1, 1000, jobs, true).map(drop)
}

fn submit_all(
    server: &Server,
    function: &str,
    clients: usize,
    window: u64,
    jobs: u64,
    unique: bool,
) -> Result<(Duration, Hub)> {
    let mut hub = Hub::new()?;
    for _ in 0..clients {
        hub.add(server.connect()?)?;
    }
    all_read(&mut hub, clients)?;
    let begin = Instant::now();
    let mut submitted = 0;
    let mut more = |out: &mut Outgoing, client: usize, count: u64| {
        for _ in 0..count.min(jobs - submitted) {
            submit(out.to(client), unique.then_some(submitted), true, function.as_bytes(), b"twelve bytes");
            submitted += 1;
        }
    };
    for client in 0..clients {
        more(hub.out(), client, window);
    }
    let mut created = 0;
    while created < jobs {
        exchange(&mut hub, |out, from, response| {
            if let Response::JobCreated(_) = response {
                created += 1;
                more(out, from, 1);
            }
            Ok(())
        })?;
    }
    Ok((begin.elapsed(), hub))
}

/// With `depth` jobs queued, one is submitted and the oldest one done, `jobs` times.
pub(crate) fn at_depth(server: &Server, depth: u64, jobs: u64) -> Result<Cost> {
    const WORKER: usize = 0;
    const CLIENT: usize = 1;
    queue(server, "echo", depth)?;
    let mut hub = Hub::new()?;
    for _ in [WORKER, CLIENT] {
        hub.add(server.connect()?)?;
    }
    Request::CanDo { function: FUNCTION, timeout: None }.encode(hub.out().to(WORKER));
    all_read(&mut hub, 2)?;
    let cpu = server.process.cpu()?;
    let begin = Instant::now();
    for i in 0..jobs {
        submit(hub.out().to(CLIENT), Some(depth + i), true, FUNCTION, b"twelve bytes");
        Request::GrabJob(Grab::All).encode(hub.out().to(WORKER));
        let (mut created, mut assigned) = (false, false);
        while !(created && assigned) {
            exchange(&mut hub, |out, _, response| {
                match response {
                    Response::JobCreated(_) => created = true,
                    Response::JobAssign(job) => {
                        assigned = true;
                        let update = Update::Complete(b"");
                        Request::Work(Work { handle: job.handle, update }).encode(out.to(WORKER));
                    }
                    _ => return Err("neither a handle nor a job".into()),
                }
                Ok(())
            })?;
        }
    }
    all_read(&mut hub, 1)?;
    let time = begin.elapsed().as_secs_f64() * 1e6 / jobs as f64;
    let cpu = (server.process.cpu()? - cpu).as_secs_f64() * 1e6 / jobs as f64;
    server.expect_jobs("echo", depth)?;
    Ok(Cost { time, cpu, p99: 0.0 })
}
