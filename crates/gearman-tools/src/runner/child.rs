//! One process: started, watched, asked to end, killed, and buried.
//!
//! Owns the process until it has ended, and its output. Must never know why it should end. Invariant: nothing of its process
//! group outlives it, and no signal goes to a process that only has its number: its number is free after the group is gone.

use crate::runner::config::Group;
use crate::runner::launch;
use crate::runner::lines::Lines;
use crate::runner::log::{Log, Stream};
use crate::runner::process::Usage;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// So long more output is waited for after the end, where somebody else still has the pipe.
const LINGER: Duration = Duration::from_secs(1);
/// So long what was written is read after the end.
const LAST_LINES: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Process {
    /// Higher ones are younger.
    pub number: u64,
    /// What it may call itself to job servers.
    pub id: String,
    /// The system's number of it.
    pub pid: u32,
    /// When it was started.
    pub started: Instant,
    /// It has lived long enough to count.
    pub settled: bool,
    /// Why it is to be replaced, if it is.
    pub outdated: Option<&'static str>,
    /// It was asked to end.
    pub stopping: bool,
    /// When it is killed, if it was asked to end and has not.
    pub deadline: Option<Instant>,
    /// It was killed.
    pub killed: bool,
    /// What jobs it has done.
    pub jobs: Jobs,
    /// When it has lived for too long.
    pub too_old: Option<Instant>,
    /// How its program is asked to end: what the file says now may be about another one.
    stop_signal: Signal,
    child: Child,
    /// Who reads its output learns by the end of this that it has ended.
    _output: watch::Sender<()>,
}

/// What tells a process from all others.
#[derive(Clone, Debug)]
pub struct Name {
    /// Higher ones are younger.
    pub number: u64,
    /// What it may call itself to job servers.
    pub id: String,
    /// From 0 to 1: what is not to happen to all at the same time is spread by it.
    pub spread: f64,
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Somebody else asked how.
    Unknown,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Code(code) => write!(f, "exit status {code}"),
            End::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "{signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
            End::Unknown => f.write_str("nobody knows how"),
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> End {
        match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (_, Some(signal)) => End::Signal(signal),
            _ => End::Unknown,
        }
    }
}

/// Jobs that a process has done, as servers tell it: each of its connections.
#[derive(Debug, Default)]
pub struct Jobs {
    done: u64,
    /// By server and connection, what was told last.
    last: HashMap<(usize, String), u64>,
    /// A server knows it by its name.
    known: bool,
}

impl Jobs {
    /// A server tells of a connection. One that has done less than before is another one, with the same number.
    pub fn told(&mut self, server: usize, connection: &str, jobs: u64) {
        self.known = true;
        let last = self.last.insert((server, connection.into()), jobs).unwrap_or_default();
        self.done = self.done.saturating_add(jobs.checked_sub(last).unwrap_or(jobs));
    }

    /// How many; `None`: no server knows it.
    pub fn done(&self) -> Option<u64> {
        self.known.then_some(self.done)
    }
}

impl Process {
    /// Starts a process of this group. Must be called in a tokio runtime, by the main thread.
    ///
    /// # Errors
    /// The system's.
    pub fn start(group: &Group, name: Name, log: &Log) -> io::Result<Process> {
        let mut child = launch::start(group, &name.id)?;
        // Many that are started one after the other do not all begin at the same time.
        let started = Instant::now();
        let pid = child.id();
        let pipes = pipes(&mut child).inspect_err(|_| {
            // Nobody would watch it.
            let _ = child.kill().and_then(|()| child.wait());
        })?;
        let (output, ended) = watch::channel(());
        for (from, stream) in pipes {
            tokio::spawn(copy(from, log.clone(), group.name.clone(), pid, stream, ended.clone()));
        }
        Ok(Process {
            number: name.number,
            id: name.id,
            pid,
            started,
            settled: false,
            outdated: None,
            stopping: false,
            deadline: None,
            killed: false,
            jobs: Jobs::default(),
            // Not all at the same time, where all were started so.
            too_old: group.limits.age.map(|age| started + age + age.mul_f64(name.spread / 10.0)),
            stop_signal: group.stop_signal,
            child,
            _output: output,
        })
    }

    /// Memory and time on processors.
    pub fn usage(&self) -> Option<Usage> {
        Usage::of(self.pid)
    }

    /// Asks it to end. It gets the signal alone: what it has started itself may belong to its job.
    pub fn stop(&mut self, patience: Duration, now: Instant) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.deadline = now.checked_add(patience);
            self.signal(self.stop_signal);
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // It may have ended, and not be buried yet.
        let _ = kill(self.system_pid(), signal);
    }

    /// Kills it, and all that it has started.
    pub fn kill(&mut self) {
        (self.stopping, self.killed, self.deadline) = (true, true, None);
        // It may have no group of its own yet.
        if killpg(self.system_pid(), Signal::SIGKILL).is_err() {
            self.signal(Signal::SIGKILL);
        }
    }

    /// It has ended, and is not buried.
    pub fn has_ended(&self) -> bool {
        !matches!(self.look(), Ok(WaitStatus::StillAlive))
    }

    /// Whether it has ended, and how. Then it is buried, and so is the rest of its group.
    pub fn ended(&mut self) -> Option<End> {
        match self.look() {
            Ok(WaitStatus::StillAlive) => return None,
            // Its number may be another's by now.
            Err(Errno::ECHILD) => return Some(End::Unknown),
            // An error is also an end by a signal that has no name.
            Ok(_) | Err(_) => {}
        }
        // While it is not buried, its number is its own.
        let _ = killpg(self.system_pid(), Signal::SIGKILL);
        Some(match self.child.try_wait() {
            Ok(Some(status)) => status.into(),
            Ok(None) | Err(_) => End::Unknown,
        })
    }

    fn look(&self) -> nix::Result<WaitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.system_pid()), flags)
    }

    fn system_pid(&self) -> Pid {
        Pid::from_raw(self.pid.cast_signed())
    }
}

/// Its outputs, as far as they are to be read.
fn pipes(child: &mut Child) -> io::Result<Vec<(Receiver, Stream)>> {
    let outputs = [
        (child.stdout.take().map(OwnedFd::from), Stream::Stdout),
        (child.stderr.take().map(OwnedFd::from), Stream::Stderr),
    ];
    let pipes = outputs.into_iter().filter_map(|(pipe, stream)| Some((pipe?, stream)));
    pipes.map(|(pipe, stream)| Ok((Receiver::from_owned_fd(pipe)?, stream))).collect()
}

/// Lines from a pipe into the log, up to its end, or shortly after the process has ended: others may have the pipe as well. A log that
/// is read slowly is waited for, since the last lines tell why it has ended.
async fn copy(mut from: Receiver, log: Log, group: String, pid: u32, stream: Stream, ended: watch::Receiver<()>) {
    let copying = async {
        let mut lines = Lines::default();
        let mut room = vec![0; 8 * 1024];
        let mut over = pin!(after(ended.clone(), LINGER));
        loop {
            let read = tokio::select! {
                biased;
                read = from.read(&mut room) => read,
                () = &mut over => break,
            };
            let Ok(n @ 1..) = read else { break };
            let mut whole = Vec::new();
            lines.take(&room[..n], |line| whole.push(line));
            for line in whole {
                log.line(&group, pid, stream, &line).await;
            }
        }
        if let Some(rest) = lines.rest() {
            log.line(&group, pid, stream, &rest).await;
        }
    };
    tokio::select! {
        () = copying => {}
        () = after(ended.clone(), LAST_LINES) => {}
    }
}

/// So long after its end.
async fn after(mut ended: watch::Receiver<()>, time: Duration) {
    // An error: there is nobody any more who could say something.
    let _ = ended.changed().await;
    tokio::time::sleep(time).await;
}

/// Buries processes that are not ours to watch: those whose parents have died, where this one is the first of all.
/// `ours`: whether a process is one of those that are watched.
pub fn bury_others(ours: impl Fn(u32) -> bool) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags) {
            Ok(status) => {
                let other = status.pid().filter(|pid| !ours(pid.as_raw().cast_unsigned()));
                // Of those that are watched there will be news.
                let Some(pid) = other else { return };
                let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
            }
            // It was ended by a signal that has no name, and has to go all the same.
            Err(Errno::EINVAL) => _ = waitpid(None, Some(WaitPidFlag::WNOHANG)),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_all_connections_count() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.done(), None);
        for (server, connection, told, done) in
            [(0, "7", 5, 5), (1, "7", 2, 7), (0, "7", 6, 8), (0, "9", 1, 9), (0, "7", 2, 11), (0, "7", 2, 11)]
        {
            jobs.told(server, connection, told);
            assert_eq!(jobs.done(), Some(done));
        }
    }

    #[test]
    fn ends_in_words() {
        let said = [End::Code(3), End::Signal(9), End::Signal(40)].map(|end| end.to_string());
        assert_eq!(said, ["exit status 3", "SIGKILL", "signal 40"]);
    }
}
