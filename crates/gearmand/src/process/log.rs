//! The log: the C server's levels and a line for each event, to a file that can be opened anew, to stderr, and to
//! syslog. Each line is handed over whole, in one call of a writer.
//!
//! `tracing` has five levels and the C server eight. ERROR, WARNING, INFO and DEBUG are what they are
//! called; NOTICE is an INFO event with the target `gearmand::notice`; nothing is worse than ERROR.

use crate::process::output::{self, Output};
use crate::process::syslog::Syslog;
use crate::process::user::{self, Other};
use gearmand::config::Level;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) const NOTICE: &str = "gearmand::notice";

/// Where the log goes.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    target: Arc<Target>,
    syslog: Option<Syslog>,
}

#[derive(Debug)]
enum Target {
    None,
    Stderr,
    File(LogFile, Mutex<Output<File>>),
}

/// How the file is opened, each time.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    /// Whose it is to be, where that is another.
    other: Option<Other>,
}

impl LogFile {
    fn open(&self, flags: OFlag) -> io::Result<Output<File>> {
        let open = || OpenOptions::new().create(true).append(true).custom_flags(flags.bits()).open(&self.path);
        Output::file(user::open(self.other.as_ref(), &self.path, open)?)
    }
}

impl Log {
    fn new(target: Target) -> Log {
        Log { target: Arc::new(target), syslog: None }
    }

    /// To syslog as well.
    pub(crate) fn and(self, syslog: Syslog) -> Log {
        Log { syslog: Some(syslog), ..self }
    }

    pub(crate) fn none() -> Log {
        Log::new(Target::None)
    }

    pub(crate) fn stderr() -> Log {
        Log::new(Target::Stderr)
    }

    pub(crate) fn file(path: &Path, other: Option<&Other>) -> io::Result<Log> {
        let file = LogFile { path: std::path::absolute(path)?, other: other.cloned() };
        let output = file.open(OFlag::empty())?;
        Ok(Log::new(Target::File(file, Mutex::new(output))))
    }

    /// The file's name may mean another file now: logrotate(8) moved the old one away. It is not waited until somebody reads a
    /// pipe: nobody would be served meanwhile.
    pub(crate) fn reopen(&self) {
        if let Target::File(file, output) = &*self.target {
            match file.open(OFlag::O_NONBLOCK) {
                Ok(new) => *output.lock().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => tracing::error!("cannot open {} anew: {error}", file.path.display()),
            }
        }
    }

    pub(crate) fn is_stderr(&self) -> bool {
        matches!(*self.target, Target::Stderr)
    }

    /// From here on, what happens is logged.
    pub(crate) fn start(&self, level: Level) {
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
        let file = !matches!(*self.target, Target::None);
        // A log that cannot be written goes on without its lines: an error on stderr would be a panic where the log is stderr.
        let file = file.then(|| layer().event_format(Line).with_writer(self.clone()).log_internal_errors(false));
        let syslog = self.syslog.clone();
        let syslog = syslog.map(|s| layer().event_format(Bare).with_writer(s).log_internal_errors(false));
        let registry = tracing_subscriber::registry().with(filter::filter_fn(wanted)).with(most);
        // Fails only where there is one already.
        let _ = registry.with(file).with(syslog).try_init();
    }
}

impl Write for &Log {
    /// Called once for each line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*self.target {
            Target::None => {}
            Target::Stderr => output::to_stderr(line)?,
            Target::File(_, output) => output.lock().unwrap_or_else(PoisonError::into_inner).line(line)?,
        }
        Ok(line.len())
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

/// The level as the C server calls it.
pub(crate) fn name(event: &Metadata<'_>) -> &'static str {
    match *event.level() {
        tracing::Level::ERROR => "ERROR",
        tracing::Level::WARN => "WARNING",
        tracing::Level::INFO if event.target() == NOTICE => "NOTICE",
        tracing::Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

/// `text`: syslog knows the rest.
struct Bare;

impl<S, N> FormatEvent<S, N> for Bare
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        connection(ctx, &mut out)?;
        ctx.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

/// The connection that it is about.
fn connection<S, N>(ctx: &FmtContext<'_, S, N>, out: &mut Writer<'_>) -> std::fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    for span in ctx.event_scope().into_iter().flatten() {
        if let Some(name) = span.extensions().get::<FormattedFields<N>>() {
            write!(out, "{name}: ")?;
        }
    }
    Ok(())
}

/// `   INFO 2026-01-02T03:04:05.678901Z 127.0.0.1:40000: text`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        write!(out, "{:>7} ", name(event.metadata()))?;
        SystemTime.format_time(&mut out)?;
        out.write_char(' ')?;
        connection(ctx, &mut out)?;
        ctx.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}
