//! What the runner writes: lines of its processes, and its own, as text or as JSON, to standard output.
//!
//! Owns the form of a line, and the thread that writes. Nobody who supervises may wait for a reader: a thread writes, and the
//! runner's own lines are left out, and counted, where it cannot keep up. Lines of processes are not: their pipes fill up, and they
//! wait themselves, as at a terminal.

use crate::runner::config::LogFormat;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Lines that wait for the thread.
const WAITING: usize = 256;

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
    json: Arc<AtomicBool>,
    /// Of our own, so many were left out since the last that was not.
    omitted: Arc<AtomicU64>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer(JoinHandle<()>);

impl Writer {
    /// Whether all has been written. It has been, soon after the last [`Log`] is gone, unless nobody reads.
    pub fn is_done(&self) -> bool {
        self.0.is_finished()
    }
}

impl Log {
    /// Begins to write to standard output.
    ///
    /// # Errors
    /// The system's, where there is no thread.
    pub fn start(format: LogFormat) -> io::Result<(Log, Writer)> {
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || {
            let mut out = io::stdout();
            while let Some(line) = waiting.blocking_recv() {
                // Where nobody can read it any more, what is written is nobody's loss; programs go on.
                let _ = out.write_all(&line).and_then(|()| out.flush());
            }
        })?;
        let json = Arc::new(AtomicBool::new(format == LogFormat::Json));
        Ok((Log { lines, json, omitted: Arc::default() }, Writer(thread)))
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
        if self.lines.try_send(line.write(self.json.load(Ordering::Relaxed))).is_err() {
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

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

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
