//! What a server is run with ([`Config`]), and the options that it follows from ([`Options`]). No sockets here.

mod acl;
mod command_line;
pub(crate) mod file;
mod listen;
mod options;
mod policies;
mod queues;
mod rule_file;
mod schedules;
pub mod tls;
mod tokens;
mod usage;
mod verify;

pub use acl::Acl;
pub use listen::ListenOn;
pub use options::{DEFAULT_FILE, DEFAULT_LOG, DEFAULT_PID, Options, Switch};
pub use policies::Policies;
pub use queues::{Queue, QueueOptions, Secret};
pub(crate) use tokens::Token;
pub use tokens::Tokens;
pub use usage::Usage;

use crate::durable::Durable;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsChoice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// What a server needs to know to run. See [`Config::default`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What comes before `:<number>` in handles.
    pub handle_prefix: String,
    /// How often a job is begun before it counts as failed; `None` is as often as it takes.
    pub job_runs: Option<u16>,
    /// How many sleeping workers are woken for each job at once, before it is seen whether they answer; 0 is all.
    pub wakeup: u32,
    /// Clients get exceptions without asking for them.
    pub exceptions: bool,
    /// Workers that ask for it get jobs without being woken for them.
    pub direct_assignment: bool,
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
    /// Most TLS handshakes at a time: for one more, the oldest ends.
    pub max_handshakes: usize,
    /// How long one may take.
    pub handshake_timeout: Duration,
    /// Threads that connections are spread over, 1 or more.
    pub threads: usize,
    /// Probing of silent connections; `None` is none.
    pub keepalive: Option<Keepalive>,
    /// Where jobs in the background are kept, as `--queue-type` names it.
    pub queue: &'static str,
    /// Which background jobs outlive the server, where it has a durable queue.
    pub durable: Durable,
    /// Who may do what, now and later; `None`: everybody everything.
    pub acl: Option<watch::Receiver<Arc<Acl>>>,
    /// What is wanted for the jobs of functions, now and later; `None`: nothing but what is set at run time.
    pub policies: Option<watch::Receiver<Arc<Policies>>>,
    /// Who may do what over HTTP, now and later; `None`: whoever reaches it everything.
    pub tokens: Option<watch::Receiver<Arc<Tokens>>>,
    /// What HTTP peers may take.
    pub http: HttpBounds,
    /// Servers whose jobs are run here while workers are idle.
    pub peers: Vec<ServerAddress>,
    /// With which of them TLS is spoken, and how.
    pub peer_tls: TlsChoice,
    /// How long an end tries to store what would be lost.
    pub patience: Duration,
    /// The log level's name, for the text command `verbose`.
    pub level: Level,
    /// What time it is, since 1970. Tests have their own.
    pub clock: fn() -> Duration,
    /// In which the times of SUBMIT_JOB_SCHED are.
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
            direct_assignment: true,
            max_packet: gearman_core::MAX_PACKET,
            max_line: 8 * 1024,
            max_backlog: 64 * 1024 * 1024,
            max_functions: 100_000,
            max_connections: usize::MAX,
            max_handshakes: 1024,
            handshake_timeout: Duration::from_secs(10),
            threads: 1,
            keepalive: Some(Keepalive::default()),
            queue: queues::BUILTIN,
            durable: Durable::No,
            acl: None,
            policies: None,
            tokens: None,
            http: HttpBounds::default(),
            peers: Vec::new(),
            peer_tls: TlsChoice::default(),
            patience: Duration::from_secs(30),
            level: Level::Error,
            clock: || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            zone: jiff::tz::TimeZone::system(),
            trim: || {},
        }
    }
}

/// What peers of the HTTP side may take, of places, time and memory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HttpBounds {
    /// Most connections at a time: for one more, the one that has been idle for longest ends.
    pub connections: usize,
    /// How long the head of a request may take to come, and how long a connection may be idle before.
    pub head: Duration,
    /// How long a body may take to come, and an answer to be read, beyond what their length asks for.
    pub slow: Duration,
    /// Most bytes of large bodies that are under way: jobs and lists.
    pub bodies: usize,
    /// The same of what monitoring reads: metrics and events. Twice the longest metrics, those of 2,000 functions whose names
    /// are as long as may be.
    pub monitoring: usize,
}

impl Default for HttpBounds {
    fn default() -> HttpBounds {
        HttpBounds {
            connections: 1024,
            head: Duration::from_secs(15),
            slow: Duration::from_secs(30),
            bodies: 1 << 30,
            monitoring: 256 << 20,
        }
    }
}

/// What the system calls this host.
pub(crate) fn host_name() -> String {
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
