//! The log: the C server's levels and a line for each event, to a file that can be opened anew.
//!
//! `tracing` has five levels and the C server eight. ERROR, WARNING, INFO and DEBUG are what they are
//! called; NOTICE is an INFO event with the target `gearmand::notice`; nothing is worse than ERROR.

use gearmand::config::Level;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

const NOTICE: &str = "gearmand::notice";

/// Where the log goes.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Target>);

#[derive(Debug)]
enum Target {
    None,
    Stderr,
    File(PathBuf, Mutex<File>),
}

impl Log {
    pub(crate) fn none() -> Log {
        Log(Arc::new(Target::None))
    }

    pub(crate) fn stderr() -> Log {
        Log(Arc::new(Target::Stderr))
    }

    pub(crate) fn file(path: &Path) -> io::Result<Log> {
        let file = open(path)?;
        Ok(Log(Arc::new(Target::File(std::path::absolute(path)?, Mutex::new(file)))))
    }

    /// The file's name may mean another file now: logrotate(8) moved the old one away.
    pub(crate) fn reopen(&self) {
        if let Target::File(path, file) = &*self.0 {
            match open(path) {
                Ok(new) => *file.lock().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => tracing::error!("cannot open {} anew: {error}", path.display()),
            }
        }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match &*self.0 {
            Target::File(path, _) => Some(path),
            _ => None,
        }
    }

    /// From here on, what happens is written down.
    pub(crate) fn start(&self, level: Level) {
        if matches!(*self.0, Target::None) {
            return;
        }
        let most = match level {
            Level::Fatal | Level::Alert | Level::Critical => return,
            Level::Error => filter::LevelFilter::ERROR,
            Level::Warning => filter::LevelFilter::WARN,
            Level::Notice | Level::Info => filter::LevelFilter::INFO,
            Level::Debug => filter::LevelFilter::DEBUG,
        };
        let wanted = move |event: &Metadata<'_>| {
            level != Level::Notice || *event.level() < tracing::Level::INFO || event.target() == NOTICE
        };
        let layer = tracing_subscriber::fmt::layer().event_format(Line).with_writer(self.clone());
        let layer = layer.with_filter(filter::filter_fn(wanted).with_max_level_hint(most)).with_filter(most);
        // Fails only where there is one already.
        let _ = tracing_subscriber::registry().with(layer).try_init();
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*self.0 {
            Target::None => Ok(line.len()),
            Target::Stderr => io::stderr().write(line),
            Target::File(_, file) => file.lock().unwrap_or_else(PoisonError::into_inner).write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Log;

    fn make_writer(&'a self) -> &'a Log {
        self
    }
}

/// `   INFO 2026-01-02T03:04:05.678901Z text`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "ERROR",
            tracing::Level::WARN => "WARNING",
            tracing::Level::INFO if event.metadata().target() == NOTICE => "NOTICE",
            tracing::Level::INFO => "INFO",
            _ => "DEBUG",
        };
        write!(out, "{level:>7} ")?;
        SystemTime.format_time(&mut out)?;
        out.write_char(' ')?;
        ctx.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}
