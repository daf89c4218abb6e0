//! The job server's program: flags -> start -> run -> exit code.

#![deny(unsafe_code)]

mod process;

use crate::process::activation;
use crate::process::daemon::{self, Caller, Side};
use crate::process::import;
use crate::process::log::{Log, NOTICE};
use crate::process::notify::ServiceManager;
use crate::process::output;
use crate::process::reload::Reload;
use crate::process::rule_files::RuleFiles;
use crate::process::signals::Signals;
use crate::process::start;
use crate::process::syslog::Syslog;
use crate::process::user::Other;
use gearmand::config::{DEFAULT_LOG, Level, Options, Usage};
use gearmand::{Listener, Tls};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The exit status where nobody reads the help to its end (`| head`): a shell's for SIGPIPE.
const UNREAD: u8 = 128 + 13;

fn main() -> ExitCode {
    let (options, unused) = match Options::read(std::env::args_os()) {
        Ok(read) => read,
        Err(Usage::Clap(error)) => return shown(&error),
        Err(error) => return failed(&error.to_string()),
    };
    let rules = match RuleFiles::open(&options) {
        Ok(rules) => rules,
        Err(error) => return failed(&error),
    };
    let mut remarks = remarks(&options, unused);
    remarks.extend(rules.remark());
    if options.check_args {
        let checked = check_tls(&options).and_then(|more| Ok((more, start::http_endpoints(&options)?)));
        return match checked {
            Ok((more, (_, open))) => {
                remarks.iter().chain(&more).chain(&open).for_each(|remark| print(remark));
                ExitCode::SUCCESS
            }
            Err(error) => failed(&error),
        };
    }
    if options.queue.import.is_some() {
        remarks.iter().for_each(|remark| print(remark));
        return import::run(&options).map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS);
    }
    let given = match activation::take() {
        Ok(given) => given,
        Err(error) => return failed(&error),
    };
    if !given.is_empty() && !options.ssl && options.listen.iter().any(|word| word.starts_with("tls://")) {
        return failed(
            "--listen tls:// is without effect, as the server was given its sockets (LISTEN_FDS): for TLS, --ssl",
        );
    }
    if !given.is_empty() && (options.port.is_some() || !options.listen.is_empty()) {
        remarks.push("--listen and --port are without effect, as the server was given its sockets (LISTEN_FDS)".into());
    }
    let caller = match options.daemon.then(daemon::detach).transpose() {
        Ok(None) => None,
        Ok(Some(Side::Daemon(caller))) => Some(caller),
        Ok(Some(Side::Caller(code))) => return code,
        Err(error) => return failed(&format!("cannot detach: {error}")),
    };
    match run(Launch { options, rules, given, remarks, caller }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(reason: &str) -> ExitCode {
    print(reason);
    ExitCode::FAILURE
}

/// To stderr: there is no log yet, or it is what failed. Where stderr cannot be written either, nothing can be done.
fn print(text: &str) {
    let _ = output::to_stderr(format!("gearmand: {text}\n").as_bytes());
}

/// Shows help or what is wrong with the options. The C server exits with 1 where clap would with 2.
fn shown(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        _ if usage.use_stderr() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(UNREAD),
        Err(error) => failed(&format!("cannot write to standard output: {error}")),
    }
}

/// Whether the files of TLS can be used, and what is to be remarked of them.
fn check_tls(options: &Options) -> Result<Vec<String>, String> {
    match options.tls().map_err(|e| e.to_string())? {
        Some(files) => Tls::read(files).map(|(_, remarks)| remarks).map_err(|e| e.to_string()),
        None => Ok(Vec::new()),
    }
}

/// What may surprise someone who comes from the C server.
fn remarks(options: &Options, unused: Vec<String>) -> Vec<String> {
    let mut remarks: Vec<String> = unused.into_iter().map(|option| format!("{option} is without effect")).collect();
    if options.job_retries == 0 {
        let meant = "a job is begun once; in C gearmand 1.1 it meant no limit, which is -1 now";
        remarks.push(format!("--job-retries 0: {meant}"));
    }
    remarks.extend(options.port_remark());
    remarks
}

/// How long an end waits for a thread that cannot be ended: it may be resolving a host's name.
const ABANDON: Duration = Duration::from_secs(2);

/// What there is before the server.
struct Launch {
    options: Options,
    /// The files of `--acl`, `--policy-file` and `--http-token-file`.
    rules: RuleFiles,
    /// Sockets that came with the process.
    given: Vec<Listener>,
    /// What may surprise, for the log.
    remarks: Vec<String>,
    /// The process that was called, if this one is in the background.
    caller: Option<Caller>,
}

/// Everything between the command line and the exit.
fn run(launch: Launch) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot start: {e}"))?;
    let end = runtime.block_on(serve(launch));
    runtime.shutdown_timeout(ABANDON);
    end
}

/// Starts, and serves until the last job.
async fn serve(launch: Launch) -> Result<(), String> {
    let Launch { options, rules, given, remarks, caller } = launch;
    // Before all that takes time, and before anybody can know of this process.
    let mut signals = Signals::listen().map_err(|e| format!("cannot handle signals: {e}"))?;
    daemon::umask();
    let opened = {
        let (options, mut remarks) = (options.clone(), remarks);
        start::aside(move || {
            let other = options.user.as_deref().map(Other::find).transpose()?.flatten();
            let log = open_log(&options, other.as_ref(), &mut remarks)?;
            Ok::<_, String>((log, other, remarks))
        })
    };
    // A pipe may have nobody who reads it.
    let (log, other, remarks) = tokio::select! {
        opened = opened => opened??,
        () = signals.end() => return unready("a signal", caller),
    };
    log.start(options.verbose);
    let report = |remark: &str| {
        tracing::warn!("{remark}");
        // By default the log has errors only.
        if !(log.is_stderr() && options.verbose >= Level::Warning) {
            print(remark);
        }
    };
    remarks.iter().for_each(|remark| report(remark));
    let manager = ServiceManager::default();
    let reload = Reload::default();
    let reopened = log.clone();
    reload.add(move || reopened.reopen());
    rules.reload_by(&reload);
    let mut stop = signals.follow(reload.clone(), manager.clone(), Duration::from_secs(options.drain_timeout));
    let reported = stop.clone();
    let start = start::start(&options, &rules, given, other.as_ref(), &reload, &reported, report);
    let ready = tokio::select! {
        biased;
        _ = stop.changed() => return unready("a signal", caller),
        ready = start => ready?,
        () = abandoned(caller.as_ref()) => return unready("the end of the process that was called", caller),
    };
    for name in &ready.bound.names {
        tracing::info!(target: NOTICE, "listening on {name}");
    }
    for name in &ready.http {
        tracing::info!(target: NOTICE, "HTTP at {name}");
    }
    if let Some(caller) = caller {
        caller.ready().map_err(|e| format!("cannot let go of the terminal: {e}"))?;
    }
    manager.ready();
    // The file with the number goes last.
    let _pid = ready.pid;
    ready.server.run(ready.bound.listeners, stop).await.map_err(|e| e.to_string())?;
    tracing::info!(target: NOTICE, "stopped");
    Ok(())
}

/// The start ends without a server, which is an error to whoever waits for one.
fn unready(why: &str, caller: Option<Caller>) -> Result<(), String> {
    tracing::info!(target: NOTICE, "the start was stopped by {why}");
    caller.map_or(Ok(()), |_| Err(format!("the start was stopped by {why}")))
}

/// The process that was called ended before there was a server: whoever called it does not want one.
async fn abandoned(caller: Option<&Caller>) {
    if let Some(caller) = caller {
        match caller.gone().await {
            Ok(()) => return,
            Err(error) => tracing::warn!("cannot see whether the process that was called lives: {error}"),
        }
    }
    std::future::pending().await
}

/// The log file, syslog, or both where both were asked for. Without a syslog daemon the file does.
fn open_log(options: &Options, other: Option<&Other>, remarks: &mut Vec<String>) -> Result<Log, String> {
    match options.syslog.then(|| Syslog::connect(&options.journal_socket)) {
        Some(Ok(syslog)) if options.log_file.is_none() => Ok(Log::none().and(syslog)),
        Some(Ok(syslog)) => Ok(open_file(options, other, remarks)?.and(syslog)),
        Some(Err(error)) => {
            let log = open_file(options, other, remarks)?;
            remarks
                .push(format!("--syslog: {}: {error}; only the log file is written", options.journal_socket.display()));
            Ok(log)
        }
        None => open_file(options, other, remarks),
    }
}

fn open_file(options: &Options, other: Option<&Other>, remarks: &mut Vec<String>) -> Result<Log, String> {
    match options.log_file.as_deref() {
        Some("stderr") => Ok(Log::stderr()),
        Some("none") => Ok(Log::none()),
        Some(file) => Log::file(Path::new(file), other).map_err(|e| format!("--log-file {file}: {e}")),
        None => Ok(Log::file(Path::new(DEFAULT_LOG), other).unwrap_or_else(|error| {
            remarks.push(format!("cannot write {DEFAULT_LOG}, logging to stderr: {error}"));
            Log::stderr()
        })),
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
