//! What the runner writes: lines of its processes, and its own, as text or as JSON, to standard output.
//!
//! Owns the form of a line, and the thread that writes. Nobody who supervises may wait for a reader: a thread writes, and the
//! runner's own lines are left out, and counted, where it cannot keep up. Lines of processes are not: their pipes fill up, and they
//! wait themselves, as at a terminal. Invariant: the runner's own lines have places of their own, and come first; else programs
//! that write much would leave them none.

use crate::runner::config::LogFormat;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Lines of processes that wait for the thread.
const WAITING: usize = 256;
/// And of our own: all processes of a large group may end at once.
const OWN: usize = 16 * 1024;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Something does not work.
    Error,
}

/// Which of its outputs a process has written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line, before it is written.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<Stream>,
    text: &'a str,
}

impl Line<'_> {
    fn write(&self, json: bool) -> Vec<u8> {
        if json && let Ok(mut line) = serde_json::to_vec(self) {
            line.push(b'\n');
            return line;
        }
        let what = match (self.group, self.pid, self.level) {
            (Some(group), Some(pid), None) => format!("{group}[{pid}]"),
            (Some(group), ..) => format!("gearman-runner: {group}"),
            _ => "gearman-runner".into(),
        };
        let level = match self.level {
            Some(Level::Error) => " error:",
            Some(Level::Warning) => " warning:",
            _ => "",
        };
        format!("{} {what}:{level} {}\n", self.time, self.text).into()
    }
}

/// Where lines go. Clones are the same.
#[derive(Clone, Debug)]
pub struct Log {
    lines: mpsc::Sender<Vec<u8>>,
    own: mpsc::Sender<Vec<u8>>,
    json: Arc<AtomicBool>,
    /// Of our own, so many were left out since the last that was not.
    omitted: Arc<AtomicU64>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer(oneshot::Receiver<()>);

impl Writer {
    /// Waits until all has been written. It has been, soon after the last [`Log`] is gone, unless nobody reads.
    pub async fn done(self) {
        // The thread sends nothing: it ends.
        let _ = self.0.await;
    }
}

impl Log {
    /// Begins to write to standard output.
    ///
    /// # Errors
    /// The system's, where there is no thread.
    pub fn start(format: LogFormat) -> io::Result<(Log, Writer)> {
        Log::to(io::stdout(), format)
    }

    fn to(out: impl Write + Send + 'static, format: LogFormat) -> io::Result<(Log, Writer)> {
        let (lines, of_processes) = mpsc::channel(WAITING);
        let (own, ours) = mpsc::channel(OWN);
        let (done, written) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::Builder::new().name("log".into()).spawn(move || {
            runtime.block_on(write(out, ours, of_processes));
            drop(done);
        })?;
        let json = Arc::new(AtomicBool::new(format == LogFormat::Json));
        Ok((Log { lines, own, json, omitted: Arc::default() }, Writer(written)))
    }

    /// From here on lines have this form.
    pub fn set_format(&self, format: LogFormat) {
        self.json.store(format == LogFormat::Json, Ordering::Relaxed);
    }

    /// Says something of the runner itself, or of a group.
    pub fn say(&self, level: Level, group: Option<&str>, text: &str) {
        let omitted = self.omitted.swap(0, Ordering::Relaxed);
        let more = match omitted {
            0 => String::new(),
            n => format!(" ({n} lines before this were left out, as nobody read them)"),
        };
        let text = &format!("{text}{more}");
        let line = Line { time: now(), level: Some(level), group, pid: None, stream: None, text };
        if self.own.try_send(line.write(self.json.load(Ordering::Relaxed))).is_err() {
            self.omitted.fetch_add(omitted + 1, Ordering::Relaxed);
        }
    }

    /// Something is as it should be.
    pub fn info(&self, group: Option<&str>, text: &str) {
        self.say(Level::Info, group, text);
    }

    /// Somebody should look at something.
    pub fn warning(&self, group: Option<&str>, text: &str) {
        self.say(Level::Warning, group, text);
    }

    /// A line of a process, as soon as there is room for it.
    pub async fn line(&self, group: &str, pid: u32, stream: Stream, text: &str) {
        let line = Line { time: now(), level: None, group: Some(group), pid: Some(pid), stream: Some(stream), text };
        // The thread ends after all who write.
        let _ = self.lines.send(line.write(self.json.load(Ordering::Relaxed))).await;
    }
}

/// Writes until there is nobody any more who says something: the runner's own lines first.
async fn write(mut out: impl Write, mut ours: mpsc::Receiver<Vec<u8>>, mut of_processes: mpsc::Receiver<Vec<u8>>) {
    loop {
        let line = tokio::select! {
            biased;
            Some(line) = ours.recv() => line,
            Some(line) = of_processes.recv() => line,
            else => return,
        };
        // Where nobody can read it any more, what is written is nobody's loss; programs go on.
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc as gate};
    use std::time::{Duration, Instant};

    /// A reader that takes lines from when on it is told to.
    struct Slow {
        begins: Option<gate::Receiver<()>>,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.begins.take().map(|begins| begins.recv());
            self.lines.lock().unwrap().push(String::from_utf8(line.into()).unwrap());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written, in the end, of all that is said: while nobody reads, until that begins.
    fn written(said: impl AsyncFnOnce(Log, &gate::Sender<()>)) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (begin, begins) = gate::channel();
        let (log, writer) = Log::to(Slow { begins: Some(begins), lines: lines.clone() }, LogFormat::Text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            said(log, &begin).await;
            drop(begin);
            writer.done().await;
        });
        let lines = lines.lock().unwrap();
        lines.iter().map(|line| line.split_once(' ').unwrap().1.trim_end().into()).collect()
    }

    /// Processes that write much had each place as it became free, and what the runner said of crashes and of a file that
    /// cannot be used was left out, though somebody read all the time; of 600 processes that ended together half the ends were
    /// missing.
    #[test]
    fn the_runner_is_heard_above_its_processes() {
        let lines = written(async |log, _| {
            loop {
                let mut line = std::pin::pin!(log.line("a", 1, Stream::Stdout, "x"));
                let waits = tokio::select! {
                    biased;
                    () = &mut line => false,
                    () = std::future::ready(()) => true,
                };
                if waits {
                    return (0..2000).for_each(|n| log.warning(None, &n.to_string()));
                }
                // Else tokio lets it wait after a while for the sake of others.
                tokio::task::yield_now().await;
            }
        });
        let own: Vec<_> = lines.iter().enumerate().filter(|(_, line)| line.starts_with("gearman-runner: ")).collect();
        let wanted: Vec<_> = (0..2000).map(|n| format!("gearman-runner: warning: {n}")).collect();
        assert!(own.iter().map(|(_, line)| *line).eq(&wanted), "{own:?}");
        // But for one that was being written.
        assert!(own[0].0 <= 1 && lines.len() >= 2000 + WAITING, "{} of {}", own[0].0, lines.len());
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let lines = written(async |log, begin| {
            (0..OWN + 10).for_each(|n| log.info(None, &n.to_string()));
            begin.send(()).unwrap();
            let deadline = Instant::now() + Duration::from_secs(60);
            while log.own.capacity() < OWN {
                assert!(Instant::now() < deadline, "they are not written");
                std::thread::yield_now();
            }
            log.info(None, "last");
        });
        // One more may have been with the writer.
        let left_out = OWN + 10 + 1 - lines.len();
        assert!([9, 10].contains(&left_out), "{left_out}");
        let last = format!("gearman-runner: last ({left_out} lines before this were left out, as nobody read them)");
        assert_eq!(lines.last(), Some(&last));
    }

    #[test]
    fn text_and_json() {
        let time = || "T".to_owned();
        let line = Line {
            time: time(),
            level: None,
            group: Some("mail"),
            pid: Some(7),
            stream: Some(Stream::Stderr),
            text: "a \"b\"",
        };
        assert_eq!(line.write(false), b"T mail[7]: a \"b\"\n");
        let json = br#"{"time":"T","group":"mail","pid":7,"stream":"stderr","text":"a \"b\""}"#;
        assert_eq!(line.write(true), [&json[..], b"\n"].concat());
        let own = Line { time: time(), level: Some(Level::Warning), group: None, pid: None, stream: None, text: "x" };
        assert_eq!(own.write(false), b"T gearman-runner: warning: x\n");
        assert_eq!(own.write(true), b"{\"time\":\"T\",\"level\":\"warning\",\"text\":\"x\"}\n");
    }
}
