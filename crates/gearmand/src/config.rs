//! Every option: [`Options`] as they stand on the command line, and the [`Config`] that a server is
//! run with. Names, short forms and habits are those of the C server.

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What a server needs to know to run. See [`Config::default`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What stands in front of `:<number>` in handles.
    pub handle_prefix: String,
    /// How often a job is begun before it counts as failed; `None` is as often as it takes.
    pub job_runs: Option<u16>,
    /// How many sleeping workers are woken for each job.
    pub wakeup: u32,
    /// Clients get exceptions without asking for them.
    pub exceptions: bool,
    /// Largest body of a packet.
    pub max_packet: usize,
    /// Longest line of a text command.
    pub max_line: usize,
    /// Bytes that may wait for a connection that does not read, beyond the packet being sent.
    pub max_backlog: usize,
    /// Most functions there may be.
    pub max_functions: usize,
    /// Most connections at a time.
    pub max_connections: usize,
    /// Probing of silent connections; `None` is none.
    pub keepalive: Option<Keepalive>,
    /// The log level's name, for the text command `verbose`.
    pub level: Level,
    /// What time it is, since 1970. Tests have their own.
    pub clock: fn() -> Duration,
    /// In which SUBMIT_JOB_SCHED tells a time.
    pub zone: jiff::tz::TimeZone,
    /// Called after many jobs have gone, to give their memory back to the system.
    pub trim: fn(),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            handle_prefix: format!("H:{}", host_name()),
            job_runs: None,
            wakeup: 1,
            exceptions: false,
            max_packet: gearman_core::MAX_PACKET,
            max_line: 8 * 1024,
            max_backlog: 64 * 1024 * 1024,
            max_functions: 100_000,
            max_connections: usize::MAX,
            keepalive: Some(Keepalive::default()),
            level: Level::Error,
            clock: || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            zone: jiff::tz::TimeZone::system(),
            trim: || {},
        }
    }
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into())
}

/// When a silent connection is probed; 0 leaves a value to the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Seconds of silence before the first probe.
    pub idle: u32,
    /// Seconds between probes.
    pub interval: u32,
    /// Probes without an answer until the connection is given up.
    pub count: u32,
}

impl Default for Keepalive {
    /// A host that died is noticed after two minutes.
    fn default() -> Keepalive {
        Keepalive { idle: 60, interval: 15, count: 4 }
    }
}

/// The levels of the C server's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
#[allow(missing_docs)]
pub enum Level {
    Fatal,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Level {
    /// As it is written on the command line and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Fatal => "FATAL",
            Level::Alert => "ALERT",
            Level::Critical => "CRITICAL",
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NOTICE",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        }
    }
}

/// Where the log is written unless told otherwise.
pub const DEFAULT_LOG: &str = "/var/log/gearmand.log";
/// Where the process number is written unless told otherwise.
pub const DEFAULT_PID: &str = "/var/gearmand.pid";
/// Read when it exists.
pub const DEFAULT_FILE: &str = "/etc/gearmand.conf";

/// gearmand, a job server for Gearman
#[derive(Clone, Debug, Parser)]
#[command(name = "gearmand", version, disable_version_flag = true, infer_long_args = true, args_override_self = true)]
pub struct Options {
    /// Number of connections that may wait to be accepted
    #[arg(short, long, value_name = "N", default_value = "4096", value_parser = number::<i32>)]
    pub backlog: i32,

    /// Detach and run in the background
    #[arg(short, long)]
    pub daemon: bool,

    /// Send exceptions to all clients, not only to those who ask for them
    #[arg(long)]
    pub exceptions: bool,

    /// Number of file descriptors to allow for the process [default: as many as the user may have]
    #[arg(short, long, value_name = "N", value_parser = number::<u64>)]
    pub file_descriptors: Option<u64>,

    /// How often a job is begun before it counts as failed; 0 is 1, -1 is no limit
    #[arg(short, long, value_name = "N", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub job_retries: i64,

    /// What handles begin with; by default H: and the host's name
    #[arg(long, value_name = "PREFIX", value_parser = text)]
    pub job_handle_prefix: Option<String>,

    /// Without effect: tables grow by themselves
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    pub hashtable_buckets: Option<u32>,

    /// Probe silent connections; always on
    #[arg(long)]
    pub keepalive: bool,

    /// Seconds of silence before the first probe; -1 leaves it to the server
    #[arg(long, value_name = "SECONDS", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_idle: i64,

    /// Seconds between probes; -1 leaves it to the server
    #[arg(long, value_name = "SECONDS", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_interval: i64,

    /// Probes until a connection is given up; -1 leaves it to the server
    #[arg(long, value_name = "N", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_count: i64,

    /// Log file, `stderr`, or `none`; SIGHUP opens it anew [default: /var/log/gearmand.log]
    #[arg(short, long, value_name = "FILE", value_parser = text)]
    pub log_file: Option<String>,

    /// Address, host name or unix:///path to listen on; may be given several times [default: all]
    #[arg(short = 'L', long, value_name = "ADDRESS", action = ArgAction::Append, value_parser = text)]
    pub listen: Vec<String>,

    /// Port to listen on; 0 takes a free one [default: 4730, or what GEARMAND_PORT says]
    #[arg(short, long, value_name = "PORT", value_parser = number::<u16>)]
    pub port: Option<u16>,

    /// File to write the process number to [default: /var/gearmand.pid]
    #[arg(short = 'P', long, value_name = "FILE", value_parser = text)]
    pub pid_file: Option<String>,

    /// Without effect: both protocols are always spoken
    #[arg(short = 'r', long, value_name = "NAME", value_parser = text)]
    pub protocol: Option<String>,

    /// Without effect: functions always take turns
    #[arg(short = 'R', long)]
    pub round_robin: bool,

    /// Where jobs are kept; `builtin` is memory
    #[arg(short, long, value_name = "NAME", default_value = "builtin", value_parser = text)]
    pub queue_type: String,

    /// File with more options, separated by blanks or line ends; @FILE does the same [default:
    /// /etc/gearmand.conf, where it exists]
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub config_file: Option<String>,

    /// Without effect: see --log-file
    #[arg(long)]
    pub syslog: bool,

    /// Without effect: see ulimit(1)
    #[arg(long)]
    pub coredump: bool,

    /// Without effect: one thread serves all connections
    #[arg(short, long, value_name = "N", value_parser = number::<u32>)]
    pub threads: Option<u32>,

    /// Switch to this user once listening
    #[arg(short, long, value_name = "USER", value_parser = text)]
    pub user: Option<String>,

    /// What to log: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "ERROR",
        ignore_case = true,
        value_enum,
        hide_possible_values = true
    )]
    pub verbose: Level,

    /// Sleeping workers to wake for each job; 0 wakes one
    #[arg(short, long, value_name = "N", default_value = "0", value_parser = number::<u32>)]
    pub worker_wakeup: u32,

    /// Check the options and exit
    #[arg(long)]
    pub check_args: bool,

    /// Print the version and exit
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Options of the C server's plugins, which this server has no use for. They take an argument.
const PLUGINS: &[&str] = &[
    "http-port",
    "libmemcached-servers",
    "libmemcached-prefix",
    "libsqlite3-db",
    "libsqlite3-table",
    "libpq-conninfo",
    "libpq-table",
    "redis-server",
    "redis-port",
    "redis-password",
    "redis-prefix",
    "mysql-host",
    "mysql-port",
    "mysql-user",
    "mysql-password",
    "mysql-db",
    "mysql-table",
    "libtokyocabinet-file",
];
/// And those without an argument.
const PLUGIN_SWITCHES: &[&str] = &["store-queue-on-shutdown", "libtokyocabinet-optimize"];
/// Whoever asks for these must not get a server without.
const REFUSED: &[&str] = &["ssl", "ssl-ca-file", "ssl-certificate", "ssl-key"];

/// An argument as `-p 4730` in one word has it: with a blank in front.
fn text(argument: &str) -> Result<String, String> {
    Ok(argument.trim_start().to_owned())
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(argument: &str) -> Result<T, T::Err> {
    argument.trim().parse()
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Usage {
    /// clap's words, which for `--help` and `--version` are no error.
    #[error("{0}")]
    Clap(#[from] clap::Error),
    /// An option that cannot be as it was given.
    #[error("{option}: {reason}")]
    Option {
        /// The option, or the variable, with its value.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Usage {
    fn option(option: impl Into<String>, reason: impl ToString) -> Usage {
        Usage::Option { option: option.into(), reason: reason.to_string() }
    }
}

impl Options {
    /// Reads a command line, with the files it names; the words of a file come before it, so that the
    /// command line has the last word. Also returns the options that are without effect.
    ///
    /// # Errors
    /// [`Usage`] where the server should not start.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<(Options, Vec<String>), Usage> {
        let given: Vec<OsString> = arguments.into_iter().collect();
        let first = Options::parse_words(&given)?;
        let words = match &first.0.config_file {
            Some(file) => file_words(file)?,
            None if std::path::Path::new(DEFAULT_FILE).exists() => file_words(DEFAULT_FILE)?,
            None => Vec::new(),
        };
        let (options, unused) = if words.is_empty() {
            first
        } else {
            let (name, rest) = given.split_at(given.len().min(1));
            Options::parse_words(&[name, &words, rest].concat())?
        };
        options.check()?;
        Ok((options, unused))
    }

    fn parse_words(words: &[OsString]) -> Result<(Options, Vec<String>), Usage> {
        let mut expanded = Vec::new();
        for word in words {
            match word.to_str().and_then(|w| w.strip_prefix('@')) {
                Some(file) => expanded.extend(file_words(file)?),
                None => expanded.push(word.clone()),
            }
        }
        let mut command = Options::command();
        let hidden = |name: &'static str| clap::Arg::new(name).long(name).hide(true);
        for name in PLUGINS {
            command = command.arg(hidden(name).num_args(1));
        }
        for name in PLUGIN_SWITCHES.iter().chain(&REFUSED[..1]) {
            command = command.arg(hidden(name).action(ArgAction::SetTrue));
        }
        for name in &REFUSED[1..] {
            command = command.arg(hidden(name).num_args(1));
        }
        let matches = command.try_get_matches_from(expanded)?;
        let set = |name: &&&str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        if let Some(name) = REFUSED.iter().find(set) {
            return Err(Usage::option(format!("--{name}"), "this server has no TLS"));
        }
        let mut unused: Vec<String> =
            PLUGINS.iter().chain(PLUGIN_SWITCHES).filter(set).map(|n| format!("--{n}")).collect();
        let options = Options::from_arg_matches(&matches)?;
        let without = [
            (options.hashtable_buckets.is_some(), "--hashtable-buckets"),
            (options.protocol.is_some(), "--protocol"),
            (options.round_robin, "--round-robin"),
            (options.syslog, "--syslog"),
            (options.coredump, "--coredump"),
            (options.threads.is_some(), "--threads"),
        ];
        unused.extend(without.iter().filter(|w| w.0).map(|w| w.1.to_owned()));
        Ok((options, unused))
    }

    fn check(&self) -> Result<(), Usage> {
        if self.queue_type != "builtin" {
            return Err(Usage::option(format!("--queue-type {}", self.queue_type), "this server has only builtin"));
        }
        if let Some(prefix) = &self.job_handle_prefix
            && (prefix.len() > crate::job::MAX_PREFIX || prefix.bytes().any(|b| b.is_ascii_whitespace()))
        {
            let reason = format!("at most {} characters and no blanks", crate::job::MAX_PREFIX);
            return Err(Usage::option("--job-handle-prefix", reason));
        }
        self.port().map(drop)
    }

    /// The port to listen on.
    ///
    /// # Errors
    /// [`Usage`] where GEARMAND_PORT is none.
    pub fn port(&self) -> Result<u16, Usage> {
        match (self.port, std::env::var("GEARMAND_PORT")) {
            (Some(port), _) => Ok(port),
            (None, Ok(port)) => {
                let reason = |_| "must be a number from 0 to 65535";
                port.trim().parse().map_err(|e| Usage::option(format!("GEARMAND_PORT={port}"), reason(e)))
            }
            (None, Err(_)) => Ok(gearman_core::DEFAULT_PORT),
        }
    }

    /// What the server is to run with.
    pub fn config(&self) -> Config {
        let default = Config::default();
        let probe = Keepalive::default();
        let seconds = |given: i64, default| u32::try_from(given).unwrap_or(default);
        Config {
            handle_prefix: self.job_handle_prefix.clone().unwrap_or(default.handle_prefix),
            job_runs: (self.job_retries >= 0).then(|| self.job_retries.clamp(1, i64::from(u16::MAX)) as u16),
            wakeup: self.worker_wakeup.max(1),
            exceptions: self.exceptions,
            level: self.verbose,
            keepalive: Some(Keepalive {
                idle: seconds(self.keepalive_idle, probe.idle),
                interval: seconds(self.keepalive_interval, probe.interval),
                count: seconds(self.keepalive_count, probe.count),
            }),
            ..Config::default()
        }
    }
}

fn file_words(file: &str) -> Result<Vec<OsString>, Usage> {
    let text =
        std::fs::read_to_string(PathBuf::from(file)).map_err(|e| Usage::option(format!("--config-file {file}"), e))?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    Ok(lines.flat_map(str::split_whitespace).map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<(Options, Vec<String>), Usage> {
        let words = ["gearmand"].iter().chain(words).map(OsString::from);
        Options::read(words)
    }

    #[test]
    fn as_the_c_server_takes_them() {
        let (options, unused) =
            read(&["-p 40123", "--listen=::1", "-L", "localhost", "--verb=INFO", "-j", "3", "-t4", "-R"]).unwrap();
        assert_eq!(options.port().unwrap(), 40123);
        assert_eq!(options.listen, ["::1", "localhost"]);
        assert_eq!(options.verbose, Level::Info);
        assert_eq!(options.config().job_runs, Some(3));
        assert_eq!(unused, ["--round-robin", "--threads"]);
        assert_eq!(read(&["-j", "-1"]).unwrap().0.config().job_runs, None);
        assert_eq!(read(&["--job-retries=0"]).unwrap().0.config().job_runs, Some(1));
        assert_eq!(read(&["--mysql-host=h", "--store-queue-on-shutdown"]).unwrap().1.len(), 2);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            "--verbose=LOUD",
            "-p=x",
            "--port=70000",
            "--bogus",
            "word",
            "--ssl",
            "-qmysql",
            "--config-file=/nowhere/x",
        ] {
            let error = read(&[bad]).unwrap_err().to_string();
            assert!(!error.is_empty(), "{bad}");
        }
    }

    #[test]
    fn help_lists_every_option() {
        Options::command().debug_assert();
    }
}
