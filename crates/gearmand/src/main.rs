//! The job server's program: flags -> configuration -> bind -> run -> exit code.

#![deny(unsafe_code)]

mod bind;
mod daemon;
mod log;
mod notify;
mod signals;
mod syslog;

use daemon::{Caller, Side};
use gearmand::config::{DEFAULT_LOG, DEFAULT_PID, Level, Options, Usage};
use gearmand::{Config, Server};
use log::Log;
use notify::notify;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use syslog::Syslog;

/// The exit status where nobody reads the help to its end (`| head`): what a shell says of SIGPIPE.
const UNREAD: u8 = 128 + 13;

fn main() -> ExitCode {
    let (options, unused) = match Options::read(std::env::args_os()) {
        Ok(read) => read,
        Err(Usage::Clap(error)) => return shown(&error),
        Err(error) => return failed(&error.to_string()),
    };
    let remarks = remarks(&options, unused);
    if options.check_args {
        remarks.iter().for_each(|remark| say(remark));
        return ExitCode::SUCCESS;
    }
    let caller = match options.daemon.then(daemon::detach).transpose() {
        Ok(None) => None,
        Ok(Some(Side::Daemon(caller))) => Some(caller),
        Ok(Some(Side::Caller(code))) => return code,
        Err(error) => return failed(&format!("cannot detach: {error}")),
    };
    match start(&options, remarks, caller) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(reason: &str) -> ExitCode {
    say(reason);
    ExitCode::FAILURE
}

/// Nobody listens to the log yet, or it is what failed. Where stderr cannot be written, nobody is told.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "gearmand: {text}");
}

/// Shows help or what is wrong with the options. The C server exits with 1 where clap would say 2.
fn shown(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        _ if usage.use_stderr() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(UNREAD),
        Err(error) => failed(&format!("cannot write to standard output: {error}")),
    }
}

/// What may surprise someone who comes from the C server.
fn remarks(options: &Options, unused: Vec<String>) -> Vec<String> {
    let mut remarks: Vec<String> = unused.into_iter().map(|option| format!("{option} is without effect")).collect();
    if options.job_retries == 0 {
        let meant = "a job is begun once; in C gearmand 1.1 it meant no limit, which is -1 now";
        remarks.push(format!("--job-retries 0: {meant}"));
    }
    remarks
}

/// Everything between the command line and the last job.
fn start(options: &Options, mut remarks: Vec<String>, caller: Option<Caller>) -> Result<(), String> {
    daemon::umask();
    let log = open_log(options, &mut remarks)?;
    log.start(options.verbose);
    for remark in remarks {
        tracing::warn!("{remark}");
        // By default the log has errors only.
        if !(log.is_stderr() && options.verbose >= Level::Warning) {
            say(&remark);
        }
    }
    descriptors(options)?;
    let port = options.port().map_err(|e| e.to_string())?;
    let mut bound = bind::bind(&options.listen, port, options.backlog)?;
    let pid = PidFile::write(options)?;
    if let Some(user) = &options.user {
        let files: Vec<&Path> = log.path().into_iter().chain(pid.path()).chain(bound.paths()).collect();
        daemon::become_user(user, &files)?;
    }
    if options.coredump {
        daemon::allow_core().map_err(|e| format!("--coredump: {e}"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot start: {e}"))?;
    let mut config: Config = options.config();
    config.trim = trim;
    let queue = options.open_queue().map_err(|e| e.to_string())?;
    let server = Server::new(config, queue).map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let stop = signals::listen(log, Duration::from_secs(options.drain_timeout))
            .map_err(|e| format!("cannot listen to signals: {e}"))?;
        for name in &bound.names {
            tracing::info!(target: "gearmand::notice", "listening on {name}");
        }
        if let Some(caller) = caller {
            caller.ready().map_err(|e| format!("cannot let go of the terminal: {e}"))?;
        }
        notify("READY=1");
        server.run(std::mem::take(&mut bound.listeners), stop).await.map_err(|e| e.to_string())
    })?;
    tracing::info!(target: "gearmand::notice", "stopped");
    Ok(())
}

/// The log file, syslog, or both where both were asked for. Without a syslog daemon the file does.
fn open_log(options: &Options, remarks: &mut Vec<String>) -> Result<Log, String> {
    match options.syslog.then(|| Syslog::connect(&options.journal_socket)) {
        Some(Ok(syslog)) if options.log_file.is_none() => Ok(Log::none().and(syslog)),
        Some(Ok(syslog)) => Ok(open_file(options, remarks)?.and(syslog)),
        Some(Err(error)) => {
            let log = open_file(options, remarks)?;
            remarks
                .push(format!("--syslog: {}: {error}; only the log file is written", options.journal_socket.display()));
            Ok(log)
        }
        None => open_file(options, remarks),
    }
}

fn open_file(options: &Options, remarks: &mut Vec<String>) -> Result<Log, String> {
    match options.log_file.as_deref() {
        Some("stderr") => Ok(Log::stderr()),
        Some("none") => Ok(Log::none()),
        Some(file) => Log::file(Path::new(file)).map_err(|e| format!("--log-file {file}: {e}")),
        None => Ok(Log::file(Path::new(DEFAULT_LOG)).unwrap_or_else(|error| {
            remarks.push(format!("cannot write {DEFAULT_LOG}, logging to stderr: {error}"));
            Log::stderr()
        })),
    }
}

/// As many descriptors as were asked for, or as the user may have.
fn descriptors(options: &Options) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let said = |e: nix::Error| format!("--file-descriptors: {e}");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(said)?;
    match options.file_descriptors {
        Some(n) => setrlimit(Resource::RLIMIT_NOFILE, n, hard.max(n)).map_err(said),
        None => setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(said),
    }
}

/// The file with our number; gone when we are.
#[derive(Debug)]
struct PidFile(Option<PathBuf>);

impl PidFile {
    fn write(options: &Options) -> Result<PidFile, String> {
        let file = options.pid_file.as_deref().unwrap_or(DEFAULT_PID);
        if file.is_empty() {
            return Ok(PidFile(None));
        }
        let path = std::path::absolute(file).map_err(|e| format!("--pid-file {file}: {e}"))?;
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Ok(PidFile(Some(path))),
            Err(error) if options.pid_file.is_some() => Err(format!("--pid-file {file}: {error}")),
            Err(error) => {
                tracing::warn!("cannot write {file}: {error}");
                Ok(PidFile(None))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Without privileges any more, it may have to stay.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Gives memory that was freed back to the system.
fn trim() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "nobody wraps it")]
    // SAFETY: malloc_trim(3) may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
