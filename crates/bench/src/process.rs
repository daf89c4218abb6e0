//! Child processes that cannot outlive the measurement, nor stall it.

use crate::Result;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A started program; killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    output: Receiver<(Stream, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{name} does not start: {e}"))?;
        let (to, output) = channel();
        let out = child.stdout.take().map(|s| (Stream::Out, Box::new(s) as Box<dyn Read + Send>));
        let err = child.stderr.take().map(|s| (Stream::Err, Box::new(s) as Box<dyn Read + Send>));
        for (stream, mut pipe) in [out, err].into_iter().flatten() {
            let to = to.clone();
            // It sleeps until the child has ended, so it does not disturb what is measured.
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Err(e) = pipe.read_to_end(&mut bytes) {
                    bytes.extend_from_slice(e.to_string().as_bytes());
                }
                // There is no receiver any more where the process was dropped.
                let _ = to.send((stream, String::from_utf8_lossy(&bytes).into_owned()));
            });
        }
        Ok(Process { child, name: name.into(), output })
    }

    /// What it wrote to its two streams, when it ended well within this time.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<(String, String)> {
        let deadline = Instant::now() + limit;
        let (mut out, mut err) = (String::new(), String::new());
        for _ in 0..2 {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok((Stream::Out, text)) => out = text,
                Ok((Stream::Err, text)) => err = text,
                Err(_) => return Err(format!("{} stalled: nothing came for {limit:?}", self.name).into()),
            }
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("{} failed ({status}): {out}{err}", self.name).into());
        }
        Ok((out, err))
    }

    /// Fails, with its output, where it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let output: String = self.output.iter().take(2).map(|(_, text)| text).collect();
                Err(format!("{} ended ({status}): {output}", self.name).into())
            }
        }
    }

    /// Processor time that all its threads have used, from /proc; in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is a name that may hold blanks, in parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')').ok_or("stat without a name")?.1.split_whitespace().collect();
        let ticks = |i: usize| -> Result<u64> { Ok(fields.get(i).ok_or("short stat")?.parse()?) };
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS))
    }
}

/// USER_HZ, which Linux has fixed for programs.
const TICKS: u64 = 100;

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens at. It is below those that the system gives to whoever asks for any, so no connection gets it
/// meanwhile.
pub(crate) fn free_port() -> Result<u16> {
    const PORTS: std::ops::Range<u16> = 10_000..32_768;
    let any = RandomState::new().hash_one(()) as usize % PORTS.len();
    let mut ports = PORTS.cycle().skip(any).take(PORTS.len());
    ports.find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()).ok_or("no port is free".into())
}

/// Asks until it is so.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so()? {
        if Instant::now() > deadline {
            return Err(format!("waited in vain: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
