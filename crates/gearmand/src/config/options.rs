//! Every option, with its default and its meaning. Names, short forms and defaults are those of the C server. What a server
//! is run with follows from them: [`Config`]. Opens the durable queue, and nothing else.

use crate::config::listen::ListenOn;
use crate::config::queues::{Queue, QueueOptions};
use crate::config::tls::{TlsFiles, Verify};
use crate::config::usage::{Usage, file, number, text};
use crate::config::{Config, Keepalive, Level, host_name};
use crate::durable::{BackendError, Durable};
use clap::{ArgAction, Parser};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// An option that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs)]
pub enum Switch {
    On,
    Off,
}

/// Where the log is written by default.
pub const DEFAULT_LOG: &str = "/var/log/gearmand.log";
/// Where the process id is written by default.
pub const DEFAULT_PID: &str = "/var/gearmand.pid";
/// Read when it exists.
pub const DEFAULT_FILE: &str = "/etc/gearmand.conf";

/// More threads than any machine has use for are a mistake.
const MAX_THREADS: u32 = 1024;
/// What Linux takes for TCP_KEEPIDLE and TCP_KEEPINTVL.
const MAX_PROBE_SECONDS: i64 = 32_767;
/// And for TCP_KEEPCNT.
const MAX_PROBES: i64 = 127;
/// Heading of options that do nothing.
const WITHOUT: &str = "Without effect; taken because C gearmand has them";

const AFTER_HELP: &str = "\
Signals:
  TERM, INT  stop; with --drain-timeout, running jobs may end first
  USR1       drain: no more jobs are taken or handed out; stop when the
             running ones have ended, however long that takes
  HUP        open the log anew, and read the files of TLS, --acl,
             --policy-file and --http-token-file anew

Environment:
  GEARMAND_PORT  port to listen on, where --port is not given; empty, or what
                 Kubernetes sets for a service of that name, it is ignored
  GEARMAND_SERVER_PEM, GEARMAND_SERVER_KEY, GEARMAND_CA_CERTIFICATE
                 files of TLS, where --ssl-certificate, --ssl-key and
                 --ssl-ca-file are not given
  NOTIFY_SOCKET  set by systemd for services of Type=notify
  LISTEN_FDS     set by systemd for services with a .socket unit, with
                 LISTEN_PID: those sockets are listened on instead

Files:
  /etc/gearmand.conf     more options, read where it exists
  /var/log/gearmand.log  the log, unless --log-file or --syslog says otherwise
  /var/gearmand.pid      the process id, unless --pid-file says otherwise
  Where these cannot be written, the log goes to stderr, and there is no pid
  file. A file that was named must be writable.

Exit status:
  0  stopped by a signal, or --help, --version, --check-args
  1  the options are wrong, the server could not start, or jobs were lost
     at the end that --store-queue-on-shutdown was to keep

Examples:
  gearmand -d
  gearmand -L 127.0.0.1 -l stderr --verbose INFO
  gearmand -L unix:///run/gearmand.sock -j 3 --check-args";

/// A job server for Gearman
#[derive(Clone, Debug, Parser)]
#[command(
    name = "gearmand",
    version,
    after_help = AFTER_HELP,
    disable_version_flag = true,
    infer_long_args = true,
    args_override_self = true
)]
pub struct Options {
    /// File with rules that say who may do what; without it everybody may do everything
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub acl: Option<String>,

    /// Connections that may wait to be accepted
    #[arg(short, long, value_name = "N", default_value = "4096", value_parser = number::<i32>)]
    pub backlog: i32,

    /// Run in the background; the command returns once the server listens
    #[arg(short, long)]
    pub daemon: bool,

    /// Send exceptions to all clients, not only to those that ask for them
    #[arg(long)]
    pub exceptions: bool,

    /// File descriptors that the process may have, one for each connection [default: as many as the
    /// user may]
    #[arg(short, long, value_name = "N", value_parser = number::<u64>)]
    pub file_descriptors: Option<u64>,

    /// How often a job is begun before it fails; 0 is 1, -1 is no limit
    #[arg(short, long, value_name = "N", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub job_retries: i64,

    /// Address and port, or unix:///PATH, where metrics, health, an API and a web page are to be had over HTTP; can be
    /// given many times
    #[arg(long, value_name = "ADDRESS:PORT", action = ArgAction::Append, value_parser = text)]
    pub http_listen: Vec<String>,

    /// The same at this port of all addresses of --listen; 0 takes a free one
    #[arg(long, value_name = "PORT", value_parser = number::<u16>)]
    pub http_port: Option<u16>,

    /// File with tokens, and what each of them allows over HTTP; without it HTTP is for this host alone, and everybody may
    /// do everything
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub http_token_file: Option<String>,

    /// What handles begin with [default: H: and the host's name]
    #[arg(long, value_name = "PREFIX", value_parser = text)]
    pub job_handle_prefix: Option<String>,

    /// Tables grow by themselves
    #[arg(long, help_heading = WITHOUT, value_name = "N", value_parser = number::<u32>)]
    pub hashtable_buckets: Option<u32>,

    /// Probe silent connections; always on
    #[arg(long)]
    pub keepalive: bool,

    /// Seconds of silence before the first probe; -1 is 60, 0 is what the system has
    #[arg(long, value_name = "SECONDS", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_idle: i64,

    /// Seconds between probes; -1 is 15, 0 is what the system has
    #[arg(long, value_name = "SECONDS", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_interval: i64,

    /// Probes without an answer until a connection is closed; -1 is 4, 0 is what the system has
    #[arg(long, value_name = "N", default_value = "-1", allow_negative_numbers = true, value_parser = number::<i64>)]
    pub keepalive_count: i64,

    /// Log file, or `stderr`, or `none` [default: /var/log/gearmand.log]
    #[arg(short, long, value_name = "FILE", value_parser = text)]
    pub log_file: Option<String>,

    /// Address, host name or unix:///PATH to listen on; tls://HOST:PORT and tcp://HOST:PORT for a port of its
    /// own, with TLS or without; can be given many times [default: all addresses]
    #[arg(short = 'L', long, value_name = "ADDRESS", action = ArgAction::Append, value_parser = text)]
    pub listen: Vec<String>,

    /// Port to listen on; 0 takes a free one [default: 4730, or what GEARMAND_PORT says]
    // The beginning that C's server takes, though an option of ours begins so as well.
    #[arg(short, long, alias = "po", value_name = "PORT", value_parser = number::<u16>)]
    pub port: Option<u16>,

    /// Server for which idle workers of this one work, too: HOST:PORT, tls://HOST:PORT or unix:///PATH; can be given many
    /// times
    #[arg(long, value_name = "HOST:PORT", action = ArgAction::Append, value_parser = text)]
    pub peer: Vec<String>,

    /// File for the process id; an empty name: none [default: /var/gearmand.pid]
    #[arg(short = 'P', long, value_name = "FILE", value_parser = text)]
    pub pid_file: Option<String>,

    /// File with policies: how often jobs of a function are tried again, what is kept of them, how many run
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub policy_file: Option<String>,

    /// HTTP is spoken where --http-port says so, or --http-listen; C's port is 8080
    #[arg(short = 'r', long, help_heading = WITHOUT, value_name = "NAME", value_parser = text)]
    pub protocol: Option<String>,

    /// Functions always take turns
    #[arg(short = 'R', long, help_heading = WITHOUT)]
    pub round_robin: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub queue: QueueOptions,

    /// File with more options, separated by blanks or line ends; # begins a remark; the command line has
    /// the last word; @FILE is the same [default: /etc/gearmand.conf, where it exists]
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub config_file: Option<String>,

    /// Speak TLS at all TCP ports, but for those of --listen tcp://
    #[arg(long)]
    pub ssl: bool,

    /// The server's certificate in PEM, then those that lead to its CA
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub ssl_certificate: Option<String>,

    /// The private key of that certificate, in PEM and not encrypted
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub ssl_key: Option<String>,

    /// Certificates of the CAs whose clients are let in
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub ssl_ca_file: Option<String>,

    /// Whether clients must show a certificate of such a CA [default: require with a CA file, else none]
    #[arg(long, value_name = "none|optional|require", ignore_case = true, value_enum, hide_possible_values = true)]
    pub ssl_verify: Option<Verify>,

    /// Log to syslog, facility daemon; to a file as well only with --log-file
    #[arg(long)]
    pub syslog: bool,

    /// Where the syslog daemon listens, for tests. Its name leaves the beginnings of --syslog alone.
    #[arg(long, hide = true, value_name = "PATH", default_value = "/dev/log")]
    pub journal_socket: PathBuf,

    /// Seconds that an end tries to store what would be lost, for tests.
    #[arg(long, hide = true, value_name = "SECONDS", default_value = "30", value_parser = number::<u64>)]
    pub patience: u64,

    /// Seconds to wait for a port, a socket or a queue that another server still has; 0 gives up at once
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = number::<u64>)]
    pub bind_wait: u64,

    /// Seconds that running jobs may take to end after SIGTERM or SIGINT; 0 stops at once, and so does
    /// a second signal. SIGUSR1 waits for them without end
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = number::<u64>)]
    pub drain_timeout: u64,

    /// Write a core file after a crash
    #[arg(long)]
    pub coredump: bool,

    /// Threads that read from and write to connections, up to 1024; 0 is one, too
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = number::<u32>)]
    pub threads: u32,

    /// User to become once the server listens
    #[arg(short, long, value_name = "USER", value_parser = text)]
    pub user: Option<String>,

    /// Log what is as bad as this or worse: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "ERROR",
        ignore_case = true,
        value_enum,
        hide_possible_values = true
    )]
    pub verbose: Level,

    /// Sleeping workers to wake for each job at once; others follow when they do not answer. 0 is all
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = number::<u32>)]
    pub worker_wakeup: u32,

    /// Whether a sleeping worker that asks for it gets jobs without being woken for them
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        ignore_case = true,
        value_enum,
        hide_possible_values = true
    )]
    pub direct_assignment: Switch,

    /// Check the options and exit; no port, log or database is opened
    #[arg(long)]
    pub check_args: bool,

    /// Print the version and exit
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// GEARMAND_PORT; empty where there is none.
fn variable() -> String {
    std::env::var_os("GEARMAND_PORT").unwrap_or_default().to_string_lossy().trim().to_owned()
}

/// A file that is still found when a daemon has gone to /.
fn absolute(file: impl Into<PathBuf>) -> PathBuf {
    let file = file.into();
    std::path::absolute(&file).unwrap_or(file)
}

/// `tcp://10.96.0.1:4730` is in the environment of every container beside a service named gearmand.
fn is_of_kubernetes(port: &str) -> bool {
    port.contains("://")
}

impl Options {
    pub(super) fn check(&self) -> Result<(), Usage> {
        self.queue.check()?;
        if self.threads > MAX_THREADS {
            return Err(Usage::option(format!("--threads {}", self.threads), format!("at most {MAX_THREADS}")));
        }
        if let Some(prefix) = &self.job_handle_prefix
            && (prefix.len() > crate::broker::MAX_PREFIX || prefix.bytes().any(|b| b.is_ascii_whitespace()))
        {
            let reason = format!("at most {} characters and no blanks", crate::broker::MAX_PREFIX);
            return Err(Usage::option("--job-handle-prefix", reason));
        }
        for (option, value, most) in [
            ("--keepalive-idle", self.keepalive_idle, MAX_PROBE_SECONDS),
            ("--keepalive-interval", self.keepalive_interval, MAX_PROBE_SECONDS),
            ("--keepalive-count", self.keepalive_count, MAX_PROBES),
        ] {
            if !(-1..=most).contains(&value) {
                return Err(Usage::option(format!("{option} {value}"), format!("must be from -1 to {most}")));
            }
        }
        self.http_listen_on()?;
        self.peers()?;
        self.tls()?;
        self.check_places()
    }

    /// No place is for two protocols: whoever comes second there would wait for this server itself.
    fn check_places(&self) -> Result<(), Usage> {
        let (port, mut listen, http) = (self.port()?, self.listen_on()?, self.http_listen_on()?);
        if listen.is_empty() {
            listen.push(ListenOn::everywhere());
        }
        let named = |option: &str, on: &ListenOn| match on.name.starts_with("--") {
            true => on.name.clone(),
            false => format!("{option} {}", on.name),
        };
        for on in &http {
            if let Some(other) = listen.iter().find(|other| other.meets(on, port)) {
                let reason =
                    format!("clients and workers connect there ({}): HTTP wants a place of its own", other.name);
                return Err(Usage::option(named("--http-listen", on), reason));
            }
        }
        let tls = |on: &ListenOn| on.tls.unwrap_or(self.ssl);
        for (option, all) in [("--listen", &listen), ("--http-listen", &http)] {
            for (i, on) in all.iter().enumerate() {
                if all[..i].iter().any(|other| other.meets(on, port) && tls(other) != tls(on)) {
                    return Err(Usage::option(named(option, on), "it is to speak TLS, and not to speak it"));
                }
            }
        }
        Ok(())
    }

    /// What is to be listened on; nothing where it was not said.
    ///
    /// # Errors
    /// [`Usage`] with the word that is wrong.
    pub fn listen_on(&self) -> Result<Vec<ListenOn>, Usage> {
        let parse =
            |word: &String| ListenOn::parse(word).map_err(|reason| Usage::option(format!("--listen {word}"), reason));
        self.listen.iter().map(parse).collect()
    }

    /// Where HTTP is to be spoken; nothing where it is not.
    ///
    /// # Errors
    /// [`Usage`] with the word that is wrong.
    pub fn http_listen_on(&self) -> Result<Vec<ListenOn>, Usage> {
        let parse = |word: &String| {
            ListenOn::parse_http(word).map_err(|reason| Usage::option(format!("--http-listen {word}"), reason))
        };
        let mut all = self.http_listen.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if let Some(port) = self.http_port {
            let at_port = |on: ListenOn| ListenOn { name: format!("--http-port {port}"), port: Some(port), ..on };
            let listen = self.listen_on()?;
            match listen.is_empty() {
                true => all.push(at_port(ListenOn::everywhere())),
                false => all.extend(listen.into_iter().filter(|on| !on.is_file()).map(at_port)),
            }
        }
        Ok(all)
    }

    /// The servers for which idle workers of this one work.
    ///
    /// # Errors
    /// [`Usage`] with the word that is wrong.
    pub fn peers(&self) -> Result<Vec<ServerAddress>, Usage> {
        let parse = |word: &String| {
            let wrong = |reason: String| Usage::option(format!("--peer {word}"), reason);
            if word.is_empty() {
                return Err(wrong("name a server, such as 10.0.0.1:4730".into()));
            }
            let servers = ServerAddress::list(word).collect::<Result<Vec<_>, _>>();
            servers.map_err(|error| wrong(error.to_string()))
        };
        Ok(self.peer.iter().map(parse).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// How TLS is spoken with those: with the CAs of clients, which are those of servers as well where one is named, and with what
    /// clients of ours read from the environment.
    fn peer_tls(&self) -> TlsChoice {
        match &self.ssl_ca_file {
            None => TlsChoice::Environment,
            Some(file) => {
                let settings =
                    TlsSettings::from_environment(|name| std::env::var_os(name).map(|file| absolute(file).into()));
                TlsChoice::named(TlsSettings { ca_file: Some(absolute(file)), ..settings })
            }
        }
    }

    /// The files of TLS, where it is spoken.
    ///
    /// # Errors
    /// [`Usage`] where one that it takes is not named.
    pub fn tls(&self) -> Result<Option<TlsFiles>, Usage> {
        let encrypted = |listen: Vec<ListenOn>| listen.into_iter().find(|on| on.tls == Some(true));
        let asks = match (encrypted(self.listen_on()?), encrypted(self.http_listen_on()?)) {
            _ if self.ssl => "--ssl".to_owned(),
            (Some(on), _) => format!("--listen {}", on.name),
            (None, Some(on)) => format!("--http-listen {}", on.name),
            (None, None) => return Ok(None),
        };
        let named = |given: &Option<String>, variable: &str| {
            let set = || std::env::var_os(variable).filter(|name| !name.is_empty());
            given.as_ref().map(OsString::from).or_else(set).map(absolute)
        };
        let wanted = |what: &str, option: &str, variable: &str| {
            Usage::option(&*asks, format!("which {what}? Name it by {option}, or by {variable}"))
        };
        let certificate = named(&self.ssl_certificate, "GEARMAND_SERVER_PEM")
            .ok_or_else(|| wanted("certificate", "--ssl-certificate", "GEARMAND_SERVER_PEM"))?;
        let key = named(&self.ssl_key, "GEARMAND_SERVER_KEY")
            .ok_or_else(|| wanted("private key", "--ssl-key", "GEARMAND_SERVER_KEY"))?;
        let ca = named(&self.ssl_ca_file, "GEARMAND_CA_CERTIFICATE");
        let verify = self.ssl_verify.unwrap_or(if ca.is_some() { Verify::Require } else { Verify::None });
        if verify != Verify::None && ca.is_none() {
            let option = if verify == Verify::Require { "--ssl-verify require" } else { "--ssl-verify optional" };
            let reason = "by which CA? Name its file by --ssl-ca-file, or by GEARMAND_CA_CERTIFICATE";
            return Err(Usage::option(option, reason));
        }
        Ok(Some(TlsFiles { certificate, key, ca, verify }))
    }

    /// Options that are without effect.
    pub(super) fn unused(&self) -> Vec<String> {
        let encrypted = |word: &String| ["tls://", "https://"].iter().any(|scheme| word.starts_with(scheme));
        let spoken = self.ssl || self.listen.iter().chain(&self.http_listen).any(encrypted);
        let http = self.http_port.is_some() || !self.http_listen.is_empty();
        let peers = self.peer.iter().any(|word| word.contains("tls://"));
        // C's server speaks it at 8080 then. This one would have to refuse the start where it listens at all addresses.
        let asks_for_http = self.protocol.as_deref() == Some("http");
        let unused = [
            (!http && self.http_token_file.is_some(), "--http-token-file without --http-listen"),
            (self.hashtable_buckets.is_some(), "--hashtable-buckets"),
            (asks_for_http && !http, "--protocol http without --http-port 8080"),
            (self.protocol.is_some() && !asks_for_http, "--protocol"),
            (self.round_robin, "--round-robin"),
            (!spoken && self.ssl_certificate.is_some(), "--ssl-certificate without --ssl"),
            (!spoken && self.ssl_key.is_some(), "--ssl-key without --ssl"),
            (!spoken && !peers && self.ssl_ca_file.is_some(), "--ssl-ca-file without --ssl"),
            (!spoken && self.ssl_verify.is_some(), "--ssl-verify without --ssl"),
            (
                spoken && self.ssl_ca_file.is_some() && self.ssl_verify == Some(Verify::None),
                "--ssl-ca-file with --ssl-verify none",
            ),
        ];
        let unused = unused.into_iter().chain(self.queue.unused());
        unused.filter(|row| row.0).map(|row| row.1.to_owned()).collect()
    }

    /// Whether there is a durable queue.
    pub fn is_durable(&self) -> bool {
        self.queue.is_durable()
    }

    /// Opens the durable queue, where there is to be one.
    ///
    /// # Errors
    /// See [`QueueOptions::open_queue`].
    pub fn open_queue(&self) -> Result<Queue, BackendError> {
        self.queue.open_queue(&host_name(), self.port().unwrap_or_default())
    }

    /// The port to listen on.
    ///
    /// # Errors
    /// [`Usage`] where GEARMAND_PORT is none.
    pub fn port(&self) -> Result<u16, Usage> {
        match (self.port, variable()) {
            (Some(port), _) => Ok(port),
            (None, text) if text.is_empty() || is_of_kubernetes(&text) => Ok(gearman_core::DEFAULT_PORT),
            (None, text) => {
                let wrong = |_| Usage::option(format!("GEARMAND_PORT={text}"), "must be a number from 0 to 65535");
                text.parse().map_err(wrong)
            }
        }
    }

    /// What may surprise about the port.
    pub fn port_remark(&self) -> Option<String> {
        let text = Some(variable()).filter(|text| self.port.is_none() && is_of_kubernetes(text))?;
        let why = "Kubernetes sets it for a service named gearmand; --port names another port";
        Some(format!("GEARMAND_PORT={text} is ignored: {why}"))
    }

    /// What the server is to run with.
    pub fn config(&self) -> Config {
        let default = Config::default();
        let probe = Keepalive::default();
        let seconds = |given: i64, default| u32::try_from(given).unwrap_or(default);
        Config {
            handle_prefix: self.job_handle_prefix.clone().unwrap_or(default.handle_prefix),
            job_runs: (self.job_retries >= 0).then(|| self.job_retries.clamp(1, i64::from(u16::MAX)) as u16),
            wakeup: self.worker_wakeup,
            queue: self.queue.name(),
            durable: match (self.queue.is_durable(), self.queue.store_queue_on_shutdown) {
                (false, _) => Durable::No,
                (true, false) => Durable::Always,
                (true, true) => Durable::AtEnd,
            },
            patience: Duration::from_secs(self.patience),
            exceptions: self.exceptions,
            // They were looked at when the options were checked.
            peers: self.peers().unwrap_or_default(),
            peer_tls: self.peer_tls(),
            direct_assignment: self.direct_assignment == Switch::On,
            level: self.verbose,
            threads: self.threads.max(1) as usize,
            keepalive: Some(Keepalive {
                idle: seconds(self.keepalive_idle, probe.idle),
                interval: seconds(self.keepalive_interval, probe.interval),
                count: seconds(self.keepalive_count, probe.count),
            }),
            ..Config::default()
        }
    }
}
