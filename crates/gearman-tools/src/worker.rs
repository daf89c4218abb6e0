//! Worker mode: for each job runs a command, which reads the workload and writes the result. Without
//! a command workloads are printed.

use crate::error::{Error, Result};
use crate::flags::Lines;
use crate::{print, report};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::protocol::message::Update;
use gearman_core::server_connection::Settings;
use gearman_core::worker::Worker;
use gearman_core::worker::job::Job;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// What to work on, and how.
#[derive(Clone, Debug)]
pub struct WorkOptions {
    /// The functions to offer.
    pub functions: Vec<Vec<u8>>,
    /// The command and its arguments; empty: print workloads.
    pub command: Vec<OsString>,
    /// Send each line of output at once.
    pub lines: Option<Lines>,
    /// End after so many jobs or failed waits; 0: never.
    pub count: u64,
    /// Longest wait for a job.
    pub patience: Option<Duration>,
}

/// Works until the count is reached, or SIGTERM or SIGINT comes: then at once, a running command gets
/// SIGTERM, and its job goes back to the server when the connection closes. False: not all went well,
/// and what did not was printed.
///
/// # Errors
/// [`Error::Gearman`] for names that no function can have, [`Error::Io`] for signals, [`Error::Output`] where nobody
/// reads what is printed.
pub async fn run(
    options: &WorkOptions,
    servers: Vec<(ServerAddress, Vec<Address>)>,
    tls: Option<TlsSettings>,
) -> Result<bool> {
    let mut worker = Worker::new(Settings::default());
    worker.set_tls(tls.map(TlsChoice::all).unwrap_or_default());
    for (server, addresses) in servers {
        worker.add_server(server, addresses);
    }
    for function in &options.functions {
        worker.abilities.add(function, 0)?;
    }
    let handle = |kind| signal(kind).map_err(Error::io("listen for signals"));
    let (mut terminated, mut interrupted) = (handle(SignalKind::terminate())?, handle(SignalKind::interrupt())?);
    tokio::select! {
        biased;
        _ = terminated.recv() => Ok(true),
        _ = interrupted.recv() => Ok(true),
        well = serve(&mut worker, options) => well,
    }
}

async fn serve(worker: &mut Worker, options: &WorkOptions) -> Result<bool> {
    let mut left = options.count;
    let mut well = true;
    // The last trouble that was reported, so that a server that stays away is reported once.
    let mut trouble = None;
    loop {
        worker.begin();
        let until = options.patience.and_then(|p| Instant::now().checked_add(p));
        match worker.next_job(until).await {
            Ok(mut job) => {
                trouble = None;
                match run_job(worker, &mut job, options).await {
                    Ok(()) => {}
                    // The job goes back to the server with the connection, for another worker.
                    Err(error) if error.is_unread() => return Err(error),
                    Err(error) => {
                        well = false;
                        report("gearman", error);
                        // A result that no packet can hold fails its job. Of no effect where the job has ended,
                        // or went back to the server with its connection.
                        let _ = send(worker, &mut job, Update::Fail).await;
                    }
                }
            }
            // A function is not allowed: it goes on with the others, and this was no wait.
            Err(error @ gearman_core::Error::Server { .. }) => {
                well = false;
                report("gearman", error);
                continue;
            }
            Err(error) => {
                well = false;
                if trouble.replace(error.code()) != Some(error.code()) {
                    report("gearman", error);
                }
            }
        }
        // Every wait counts, also one without a job, as in C: so -c 1 with -t is a worker for one job that
        // ends where there is none.
        if left > 0 {
            left -= 1;
            if left == 0 {
                return Ok(well);
            }
        }
    }
}

/// One job. An error is about this job only.
async fn run_job(worker: &mut Worker, job: &mut Job, options: &WorkOptions) -> Result<()> {
    let Some((program, arguments)) = options.command.split_first() else {
        // What could not be printed was not done.
        print(&[&job.workload])?;
        return send(worker, job, Update::Complete(b"")).await;
    };
    let outcome = match Running::start(program, arguments) {
        Ok(running) => running.relay(worker, job, options.lines).await?,
        Err(error) => Err(error),
    };
    let shown = String::from_utf8_lossy(&job.function).into_owned();
    match outcome {
        Ok((status, rest)) if status.success() => send(worker, job, Update::Complete(&rest)).await,
        Ok((status, rest)) => {
            if !rest.is_empty() {
                send(worker, job, Update::Data(&rest)).await?;
            }
            report("gearman", format_args!("{shown}: the command ended with {status}"));
            send(worker, job, Update::Fail).await
        }
        Err(error) => {
            report("gearman", format_args!("{shown}: could not run {}: {error}", program.to_string_lossy()));
            send(worker, job, Update::Fail).await
        }
    }
}

/// Sends an update, and waits until it is written.
async fn send(worker: &mut Worker, job: &mut Job, update: Update<'_>) -> Result<()> {
    worker.send(job, update)?;
    Ok(worker.flush(job).await?)
}

/// A command that works on a job.
struct Running {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Running {
    fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Running> {
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Running { child, input, output }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Feeds it the workload while reading what it writes, so that neither waits for the other with
    /// a full pipe. Returns how it ended, and what of its output was not sent yet. The outer error: the
    /// server cannot be reached any more.
    async fn relay(
        self,
        worker: &mut Worker,
        job: &mut Job,
        lines: Option<Lines>,
    ) -> Result<io::Result<(ExitStatus, Vec<u8>)>> {
        let Running { child, mut input, output } = self;
        let mut child = EndWithUs(child);
        let workload = job.workload.clone();
        let feed = async move {
            // A command need not read all of it, or any.
            let _ = input.write_all(&workload).await;
            Ok(())
        };
        let listen = async {
            let mut output = BufReader::new(output);
            let mut rest = Vec::new();
            match lines {
                None => output.read_to_end(&mut rest).await.map_err(Error::io("read"))?,
                Some(lines) => {
                    while output.read_until(b'\n', &mut rest).await.map_err(Error::io("read"))? > 0 {
                        send(worker, job, Update::Data(lines.cut(&rest))).await?;
                        rest.clear();
                    }
                    0
                }
            };
            Ok::<_, Error>(rest)
        };
        match tokio::try_join!(feed, listen) {
            Ok(((), rest)) => Ok(child.0.wait().await.map(|status| (status, rest))),
            Err(Error::Io { reason, .. }) => Ok(Err(reason)),
            Err(error) => Err(error),
        }
    }
}

/// Ends the command when its result is not wanted any more. By SIGTERM, so that it can tidy up.
struct EndWithUs(Child);

impl Drop for EndWithUs {
    fn drop(&mut self) {
        // None once it has ended and was waited for, so that no other process is hit.
        if let Some(pid) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}
