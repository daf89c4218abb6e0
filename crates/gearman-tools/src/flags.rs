//! The options of both programs. Letters, defaults and the ways to write them are those of the C
//! tools: options and data may be mixed, the last of a repeated option counts, and a number may have
//! blanks around it (`"-p 4730"` as one argument).

use crate::ended;
use crate::error::{Error, Result};
use crate::job_flags::{JobFlags, word};
use crate::tls::TlsFlags;
use clap::{ArgAction, Parser};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::protocol::admin::Command;
use gearman_core::protocol::message::Priority;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// The options of `gearman`.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "gearman",
    version,
    about = "Submit jobs to a Gearman server, or work on them with a command",
    override_usage = "gearman [OPTIONS] -f <FUNCTION> [DATA]...\n       gearman -w [OPTIONS] -f <FUNCTION> [-- COMMAND [ARGS]...]",
    after_help = GEARMAN_EXAMPLES,
    disable_help_flag = true,
    args_override_self = true
)]
pub struct Gearman {
    /// Function of the jobs; can be given many times
    #[arg(short = 'f', value_name = "FUNCTION", required = true, allow_hyphen_values = true)]
    pub functions: Vec<OsString>,
    /// Host of the job server, tls://HOST, or unix:///PATH
    #[arg(
        short = 'h',
        value_name = "HOST",
        default_value = "localhost",
        value_parser = trimmed,
        allow_hyphen_values = true
    )]
    pub host: String,
    /// Port of the job server
    #[arg(short = 'p', value_name = "PORT", default_value = "4730", value_parser = number::<u16>, allow_hyphen_values = true)]
    pub port: u16,
    /// Longest silence of the server, in milliseconds; negative: no limit [default: no limit]
    #[arg(short = 't', value_name = "TIMEOUT", value_parser = number::<i64>, allow_hyphen_values = true)]
    pub timeout: Option<i64>,
    /// Write the process id to this file, and remove it at the end
    #[arg(short = 'i', value_name = "PIDFILE", allow_hyphen_values = true)]
    pub pid_file: Option<PathBuf>,
    /// Run in the background, detached from the terminal
    #[arg(short = 'd')]
    pub daemon: bool,
    /// Print the handles of created jobs, too
    #[arg(short = 'v')]
    pub verbose: bool,
    /// Print this help
    #[arg(short = 'H', long = "help", action = ArgAction::Help)]
    help: Option<bool>,

    /// Run jobs in the background: do not wait for results
    #[arg(short = 'b', help_heading = "Client options")]
    pub background: bool,
    /// Run jobs with high priority
    #[arg(short = 'I', overrides_with = "low", help_heading = "Client options")]
    pub high: bool,
    /// Run jobs with low priority
    #[arg(short = 'L', overrides_with = "high", help_heading = "Client options")]
    pub low: bool,
    /// Unique key of the jobs
    #[arg(short = 'u', value_name = "UNIQUE", allow_hyphen_values = true, help_heading = "Client options")]
    pub unique: Option<OsString>,
    /// Prefix what is printed with the function's name
    #[arg(short = 'P', help_heading = "Client options")]
    pub prefix: bool,
    /// Submit jobs without reading standard input
    #[arg(short = 's', help_heading = "Client options")]
    pub suppress_input: bool,

    /// Work on jobs instead of submitting them
    #[arg(short = 'w', help_heading = "Worker options")]
    pub worker: bool,
    /// End after so many jobs; a wait that failed or timed out counts as one; 0: never
    #[arg(
        short = 'c',
        value_name = "COUNT",
        default_value = "0",
        value_parser = number::<u64>,
        allow_hyphen_values = true,
        help_heading = "Worker options"
    )]
    pub count: u64,

    /// Client: one job for each line of standard input. Worker: send each line of output at once
    #[arg(short = 'n', help_heading = "Client and worker options")]
    pub lines: bool,
    /// As -n, without the newlines
    #[arg(short = 'N', help_heading = "Client and worker options")]
    pub strip: bool,

    /// How to speak TLS.
    #[command(flatten)]
    pub tls: TlsFlags,

    /// Client: data of the jobs, one each; standard input where there is none. Worker: command to run for
    /// each job, which reads the job's data and writes its result; without one, data are printed
    #[arg(value_name = "DATA or COMMAND")]
    pub arguments: Vec<OsString>,
}

const GEARMAN_EXAMPLES: &str = "\
Environment:
  GEARMAN_SERVER   servers to use instead of -h and -p: host:port,host:port,...
  GEARMAN_SERVERS  servers to use before all others
  GEARMAND_CA_CERTIFICATE, GEARMAN_CLIENT_PEM, GEARMAN_CLIENT_KEY
                   as --ssl-ca-file, --ssl-certificate and --ssl-key; only the
                   first asks for TLS

Exit status:
  0  all went well
  1  a job failed or could not be submitted, a worker could not work, or the
     options were wrong
  141  nobody reads its output any more, as in gearman ... | head

Examples:
  gearman -w -f wc -- wc -l            a worker that counts lines
  gearman -f wc < /etc/passwd          its client
  gearman -f resize a.png b.png        two jobs, one after the other
  tail -f log | gearman -b -N -f line  one background job for each line
  gearman -w -f wc -c 100 -t 5000 -- wc -l
                                       end after 100 jobs";

/// The options of `gearadmin`.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "gearadmin",
    version,
    about = "Ask a Gearman server how it is, and manage its functions",
    after_help = GEARADMIN_EXAMPLES,
    disable_help_flag = true,
    // The C tool takes unambiguous beginnings of its options.
    infer_long_args = true
)]
pub struct Gearadmin {
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Host of the job server, tls://HOST, or unix:///PATH
    #[arg(short, long, value_name = "HOST", default_value = "localhost", value_parser = trimmed)]
    pub host: String,
    /// Port of the job server
    // Such aliases are beginnings that meant this before there were others that begin so.
    #[arg(short, long, alias = "po", value_name = "PORT", default_value = "4730", value_parser = number::<u16>)]
    pub port: u16,
    /// Longest silence of the server, in milliseconds
    #[arg(short, long, value_name = "TIMEOUT", default_value = "30000", value_parser = number::<u64>)]
    pub timeout: u64,

    /// Version of the server
    #[arg(long, help_heading = "What to ask")]
    pub server_version: bool,
    /// Log level of the server
    #[arg(long, help_heading = "What to ask")]
    pub server_verbose: bool,
    /// Process id of the server
    #[arg(long, help_heading = "What to ask")]
    pub getpid: bool,
    /// Functions: name, jobs, running jobs, workers
    #[arg(long, help_heading = "What to ask")]
    pub status: bool,
    /// Functions: name, queued jobs of high, normal and low priority, workers
    #[arg(long, alias = "prioritystatus", help_heading = "What to ask")]
    pub priority_status: bool,
    /// Connections: descriptor, address, id, functions
    #[arg(long, help_heading = "What to ask")]
    pub workers: bool,
    /// Jobs: handle, retries, ignored, background
    #[arg(long, help_heading = "What to ask")]
    pub show_jobs: bool,
    /// Unique keys of jobs
    #[arg(long, help_heading = "What to ask")]
    pub show_unique_jobs: bool,
    /// What the server and its functions have done so far; only gearman_rs's gearmand answers
    #[arg(long, help_heading = "What to ask")]
    pub counters: bool,
    /// Who this connection is to the server, and its rights; only gearman_rs's gearmand answers
    #[arg(long, help_heading = "What to ask")]
    pub whoami: bool,
    /// Print all answers as one JSON document; see below
    #[arg(long, alias = "j", help_heading = "What to ask")]
    pub json: bool,
    /// Show a table of all functions every so many seconds (1 without a number), until Ctrl-C; see below
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "1",
        value_parser = seconds,
        conflicts_with_all = [
            "json", "getpid", "status", "priority_status", "workers", "server_version", "server_verbose",
            "show_jobs", "show_unique_jobs", "counters", "whoami", "create_function", "drop_function", "max_queue", "cancel_job",
            "policies", "schedules", "servers", "policy", "dead", "dead_show", "retry", "forget", "bury", "job", "result", "cancel_unique",
        ],
        help_heading = "What to ask"
    )]
    pub watch: Option<Duration>,

    /// Make a function known
    #[arg(long, value_parser = word, value_name = "FUNCTION", help_heading = "What to do")]
    pub create_function: Option<String>,
    /// Forget a function that nobody works on; its queued jobs fail
    #[arg(long, alias = "d", value_parser = word, value_name = "FUNCTION", help_heading = "What to do")]
    pub drop_function: Option<String>,
    /// Most jobs that a function may have: one number for all priorities, or three for high, normal and
    /// low; none or 0: no limit
    #[arg(
        long,
        value_names = ["FUNCTION", "LIMIT"],
        num_args = 1..=4,
        allow_hyphen_values = false,
        value_parser = word,
        help_heading = "What to do"
    )]
    pub max_queue: Option<Vec<String>>,
    /// Cancel a job, queued or running
    #[arg(
        long,
        aliases = ["ca", "can", "canc", "cance", "cancel", "cancel-"],
        value_parser = word,
        value_name = "HANDLE",
        help_heading = "What to do"
    )]
    pub cancel_job: Option<String>,

    /// What only our server knows.
    #[command(flatten)]
    pub jobs: JobFlags,

    /// How to speak TLS.
    #[command(flatten)]
    pub tls: TlsFlags,

    /// The C tool ignores words that belong to no option. So does this one, where it only asks.
    #[arg(hide = true)]
    ignored: Vec<OsString>,
}

const GEARADMIN_EXAMPLES: &str = "\
Several questions are asked over one connection.

JSON:
  One object in one line, with a field for each question: pid, version,
  verbose, status, priority_status, workers, jobs, unique_jobs, counters,
  whoami, policies, schedules, servers, dead, dead_letter, job, result. What was done is under done,
  what the server refused under errors. Names may be any bytes: those that are
  not UTF-8 are written \\xHH. A connection without an id has null.

Policies:
  retries=N            a background job is tried again so often
  retry-on=REASONS     after fail, exception, timeout, death; all
  backoff=1s*2<10m~20% the wait before: the first, times what, at most, and
                       more or less by chance
  dead-letters=N,TIME  so many jobs that ran out of tries are kept, so long
  timeout=TIME         a job may run so long
  max-queue=N          so many there may be, running and delayed ones too
  concurrency=N        so many may run at once
  rate=N/s+BURST       so many may begin in a second; /m, /h and /d, too
  paused=yes           jobs are taken, none is handed out
  unique-for=TIME      a unique key counts as taken after its job so long
  keep-results=N,TIME  so many results of background jobs are kept, so long
  Times are 500ms, 30s, 5m, 2h, 7d. Each key comes from the rule that fits best
  and has it: the function's name, then the longest pattern; what was set by
  --policy goes before the server's file. In lists, %XX is a byte.

Watch:
  QUEUED RUNNING DELAYED  jobs that wait for a worker, have one, wait for their
                          time or their next try
  DEAD                    dead letters
  WORKERS                 connections that can run it
  OLDEST                  how long the job that is next has waited
  IN/S DONE/S FAILED/S    in a second, since the look before: new jobs, jobs
                          completed, jobs and tries that failed
  WAIT50 WAIT95           half of the jobs waited no longer, and 95 in 100,
                          since the look before
  RUN50 RUN95             the same of how long they ran
  STATE                   no-worker: jobs wait, and nobody can run them;
                          new-dead: jobs became dead letters in the last minute;
                          paused: no job begins
  Functions in trouble come first, in the order of these states (paused: where
  jobs wait), then the longest queues, then the busiest. A narrow terminal
  shows fewer columns.
  A C server does not count what becomes of jobs. There QUEUED has delayed jobs
  too, and JOBS/S are those that leave: --watch looks ten times a round, but at
  most ten times a second, and counts by how much the number of jobs goes down.
  That is a lower bound, as jobs that come while others go hide them, and
  cancelled jobs count as well.
  Where standard output is not a terminal, tables are printed one after the
  other, with an empty line behind each.

Environment:
  GEARMAND_CA_CERTIFICATE, GEARMAN_CLIENT_PEM, GEARMAN_CLIENT_KEY
    as --ssl-ca-file, --ssl-certificate and --ssl-key; only the first asks for
    TLS

Exit status:
  0  the server answered, even if it refused what C's gearadmin asks for, too
  1  the server could not be asked, does not know the command, refused one that
     C's does not have, or has no result; or the options were wrong
  141  nobody reads its output any more, as in gearadmin ... | head

Names:
  Text commands end them at blanks: a function or job with one in its name
  cannot be told of, and is refused before anything is asked.

Examples:
  gearadmin --status
  gearadmin -h 10.0.0.5 -p 4731 --workers
  gearadmin --whoami
  gearadmin --watch
  gearadmin --status --json | jq '.status[] | select(.queued > 1000) | .function'
  gearadmin --max-queue resize 1000
  gearadmin --cancel-job H:web1:42
  gearadmin --policy 'mail.*' retries=5 backoff='10s*3<1h' rate=50/s
  gearadmin --dead mail.send
  gearadmin --retry mail.send";

impl Gearadmin {
    /// The lines to send, in the order in which the C tool sends them; ahead of them what changes something that the C tool
    /// cannot, and behind them what it cannot ask.
    ///
    /// # Errors
    /// [`Error::Usage`] for limits that are none, and for a name that may be two words.
    pub fn commands(&self) -> Result<Vec<String>> {
        let named = |command: &str, name: &Option<String>| name.as_ref().map(|name| format!("{command} {name}"));
        let max_queue = self.max_queue.as_ref().map(|words| format!("maxqueue {}", words.join(" ")));
        if max_queue.as_ref().is_some_and(|line| !matches!(Command::parse(line.as_bytes()), Command::MaxQueue(..))) {
            return Err(Error::Usage("--max-queue: behind the function there is no number, one, or three"));
        }
        let create = named("create function", &self.create_function);
        let drop = named("drop function", &self.drop_function);
        let cancel = named("cancel job", &self.cancel_job);
        let others = self.jobs.changes()?;
        let changes = [&create, &drop, &max_queue, &cancel].into_iter().any(Option::is_some) || !others.is_empty();
        if changes && !self.ignored.is_empty() {
            return Err(Error::Usage(
                "there are words that belong to no option, and no text command can speak of a name with blanks",
            ));
        }
        let ask = |wanted: bool, command: &str| wanted.then(|| command.to_owned());
        let known_to_c = [
            ask(self.getpid, "getpid"),
            create,
            drop,
            max_queue,
            ask(self.show_jobs, "show jobs"),
            ask(self.show_unique_jobs, "show unique jobs"),
            cancel,
            ask(self.server_verbose, "verbose"),
            ask(self.server_version, "version"),
            ask(self.workers, "workers"),
            ask(self.priority_status, "prioritystatus"),
            ask(self.status, "status"),
        ];
        let ours = [ask(self.counters, "counters"), ask(self.whoami, "whoami")];
        let known_to_c = known_to_c.into_iter().flatten();
        Ok(others
            .into_iter()
            .chain(known_to_c)
            .chain(ours.into_iter().flatten())
            .chain(self.jobs.questions())
            .collect())
    }

    /// The server to ask.
    ///
    /// # Errors
    /// [`Error::Gearman`] for what can't be a host.
    pub fn server(&self) -> Result<ServerAddress> {
        Ok(ServerAddress::new(&self.host, self.port.into())?)
    }

    /// [`Gearadmin::timeout`] as a duration.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout.max(1))
    }
}

impl Gearman {
    /// The priority of jobs.
    pub fn priority(&self) -> Priority {
        match (self.high, self.low) {
            (true, _) => Priority::High,
            (_, true) => Priority::Low,
            _ => Priority::Normal,
        }
    }

    /// The longest silence of a server. Never less than a millisecond: nothing at all can be heard
    /// without waiting.
    pub fn patience(&self) -> Option<Duration> {
        let milliseconds = u64::try_from(self.timeout?).ok()?;
        Some(Duration::from_millis(milliseconds.max(1)))
    }

    /// Are lines taken one by one, and their newlines with them?
    pub fn line_mode(&self) -> Option<Lines> {
        match (self.strip, self.lines) {
            (true, _) => Some(Lines::Stripped),
            (_, true) => Some(Lines::Whole),
            _ => None,
        }
    }

    /// The servers and their addresses: those of GEARMAN_SERVERS, then those of GEARMAN_SERVER or else
    /// that of `-h` and `-p`. As in libgearman, which reads the first of the variables, and the C tool,
    /// which reads the second.
    ///
    /// # Errors
    /// [`Error::Gearman`] for what can't be a server, and when no name can be resolved. A name among others that can be is tried again later.
    pub fn servers(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<(ServerAddress, Vec<Address>)>> {
        let mut servers = Vec::new();
        let list = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
        if let Some(first) = list("GEARMAN_SERVERS").filter(|l| !l.is_empty()) {
            servers.extend(ServerAddress::list(&first));
        }
        match list("GEARMAN_SERVER") {
            Some(list) => servers.extend(ServerAddress::list(&list)),
            None => servers.push(ServerAddress::new(&self.host, self.port.into())),
        }
        let mut found = Vec::with_capacity(servers.len());
        let mut failed = None;
        for server in servers {
            let server = server?;
            let addresses = server.resolve().unwrap_or_else(|error| {
                failed.get_or_insert(error);
                Vec::new()
            });
            found.push((server, addresses));
        }
        match failed {
            Some(error) if found.iter().all(|(_, addresses)| addresses.is_empty()) => Err(error.into()),
            _ => Ok(found),
        }
    }
}

/// How lines are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// With their newline.
    Whole,
    /// Without it.
    Stripped,
}

impl Lines {
    /// `line` as it is to be sent.
    pub fn cut(self, line: &[u8]) -> &[u8] {
        match self {
            Lines::Whole => line,
            Lines::Stripped => line.strip_suffix(b"\n").unwrap_or(line),
        }
    }
}

/// The options, or the status to exit with: after `--help` 0, after a wrong option 1 as in the C tools
/// (clap's own is 2).
///
/// # Errors
/// The exit status, when everything has been said.
pub fn parse<F: Parser>(arguments: impl IntoIterator<Item = OsString>) -> std::result::Result<F, ExitCode> {
    F::try_parse_from(arguments).map_err(|error| match error.print() {
        _ if error.use_stderr() => ExitCode::FAILURE,
        printed => ended(F::command().get_name(), printed.map(|()| true).map_err(Error::Output)),
    })
}

fn number<T: FromStr>(text: &str) -> std::result::Result<T, T::Err> {
    text.trim().parse()
}

/// A tenth of a second to a day: nobody reads faster, or waits longer.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.trim().parse().ok().filter(|s: &f64| (0.1..=86400.0).contains(s));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds, from 0.1 to 86400".into())
}

fn trimmed(text: &str) -> std::result::Result<String, std::convert::Infallible> {
    Ok(text.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn gearman(arguments: &[&str]) -> std::result::Result<Gearman, clap::Error> {
        Gearman::try_parse_from(std::iter::once(&"gearman").chain(arguments))
    }

    #[test]
    fn the_flags_make_sense_to_clap() {
        Gearman::command().debug_assert();
        Gearadmin::command().debug_assert();
    }

    #[test]
    fn values_may_start_with_a_blank_or_a_hyphen() {
        let flags = gearman(&["-p 40123", "-h 127.0.0.1", "-t", "-1", "-u", "-", "-f", "-x"]).unwrap();
        assert_eq!((flags.port, flags.host.as_str()), (40123, "127.0.0.1"));
        assert_eq!(flags.patience(), None);
        assert_eq!((flags.unique, flags.functions), (Some("-".into()), vec!["-x".into()]));
    }

    #[test]
    fn options_may_stand_among_data_and_repeat() {
        let flags =
            gearman(&["one", "-f", "a", "-b", "two", "-bf", "b", "-L", "-I", "-p1", "-p2", "--", "-n"]).unwrap();
        assert_eq!(flags.arguments, ["one", "two", "-n"]);
        assert_eq!(flags.functions, ["a", "b"]);
        assert_eq!((flags.priority(), flags.port, flags.lines), (Priority::High, 2, false));
        assert_eq!(gearman(&["-f", "a", "-IL"]).unwrap().priority(), Priority::Low);
    }

    #[test]
    fn what_is_refused() {
        assert!(gearman(&["-S", "-f", "a"]).unwrap().tls.ssl && gearman(&["--ssl", "-f", "a"]).unwrap().tls.ssl);
        for wrong in [&["data"][..], &["-f"], &["-f", "a", "-p", "70000"], &["-f", "a", "-p", "x"], &["-x", "-f", "a"]]
        {
            assert!(gearman(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn servers_come_from_the_environment_first() {
        let names = |one: Option<&str>, many: Option<&str>| -> Vec<String> {
            let variable = |name: &str| match name {
                "GEARMAN_SERVER" => one.map(OsString::from),
                _ => many.map(OsString::from),
            };
            let flags = gearman(&["-f", "a", "-h", "127.0.0.1", "-p", "1"]).unwrap();
            let servers = flags.servers(variable).unwrap();
            servers.into_iter().map(|(server, _)| server.to_string()).collect()
        };
        assert_eq!(names(None, None), ["127.0.0.1:1"]);
        assert_eq!(names(Some("127.0.0.1:2,127.0.0.2"), None), ["127.0.0.1:2", "127.0.0.2:4730"]);
        assert_eq!(names(Some(" 127.0.0.1:2 , 127.0.0.2"), None), ["127.0.0.1:2", "127.0.0.2:4730"]);
        assert_eq!(names(Some(""), None), ["localhost:4730"]);
        assert_eq!(names(None, Some("127.0.0.1:3")), ["127.0.0.1:3", "127.0.0.1:1"]);
    }

    #[test]
    fn gearadmin_asks_in_the_order_of_the_c_tool() {
        let all = "gearadmin --status --priority-status --workers --server-version --server-verbose --show-jobs \
                   --show-unique-jobs --cancel-job=H:x:1 --create-function=a --drop-function b --getpid --max-queue c 1 2 3";
        let flags = Gearadmin::try_parse_from(all.split(' ')).unwrap();
        assert_eq!(
            flags.commands().unwrap(),
            [
                "getpid",
                "create function a",
                "drop function b",
                "maxqueue c 1 2 3",
                "show jobs",
                "show unique jobs",
                "cancel job H:x:1",
                "verbose",
                "version",
                "workers",
                "prioritystatus",
                "status"
            ]
        );
    }

    #[test]
    fn gearadmin_takes_beginnings_of_options_and_ignores_words() {
        let flags = Gearadmin::try_parse_from(["gearadmin", "--stat", "word", "-p 7"]).unwrap();
        assert!(flags.status && flags.port == 7);
        assert!(Gearadmin::try_parse_from(["gearadmin", "--show"]).is_err());
        assert!(Gearadmin::try_parse_from(["gearadmin", "--shutdown"]).is_err());
    }

    #[test]
    fn how_often_to_watch() {
        let watch = |words: &[&str]| {
            let flags = Gearadmin::try_parse_from([&["gearadmin"], words].concat());
            flags.map(|f| f.watch.map(|w| w.as_secs_f32()))
        };
        assert_eq!(watch(&["--watch"]).unwrap(), Some(1.0));
        assert_eq!(watch(&["--watch", "0.5"]).unwrap(), Some(0.5));
        assert_eq!(watch(&["--watch=60", "-p", "1"]).unwrap(), Some(60.0));
        assert_eq!(watch(&[]).unwrap(), None);
        for wrong in [&["--watch=0"][..], &["--watch=x"], &["--watch=NaN"], &["--watch", "--status"]] {
            assert!(watch(wrong).is_err(), "{wrong:?}");
        }
    }
}
