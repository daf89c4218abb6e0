//! The configuration: a TOML file -> settings, or what is wrong in it, where, and how to mend it.
//!
//! Owns the keys and their defaults. Must never know what is done with them. Invariants: a file is taken whole or not at
//! all; paths are those of the file's folder, and within a group those of its directory.

use crate::runner::value::{NameOrNumber, Pattern, Size, Texts, Time, Words};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use gearman_core::regular;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Group as SystemGroup, Uid, User, geteuid};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// Least memory that can be a limit, a page: whoever writes 128 means 128M, and each process would be replaced for ever.
const MEMORY: u64 = 4096;

/// Longest file.
const MAX_SIZE: u64 = 1 << 20;
/// Most processes of a group.
const MAX_PROCESSES: u32 = 10_000;

/// Least time from look to look.
const LOOK: Duration = Duration::from_millis(10);

/// How long a process lives at least that has not crashed.
const SETTLE: Duration = Duration::from_secs(2);

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who is asked how many jobs wait.
    pub servers: Vec<ServerAddress>,
    /// How TLS is spoken with them, where the file says so.
    pub tls: Option<TlsSettings>,
    /// How often they are asked, and processes looked at.
    pub look: Duration,
    /// Where `gearman-runner status` asks.
    pub socket: Option<PathBuf>,
    /// Where Prometheus asks.
    pub metrics: Option<SocketAddr>,
    /// How lines are written.
    pub log: LogFormat,
    /// By name.
    pub groups: Vec<Group>,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// Processes that run the same program.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Of letters, digits, and `._-`.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// As whom, where it is somebody else.
    pub user: Option<Account>,
    /// Variables besides those of the runner.
    pub env: BTreeMap<String, String>,
    /// Where its standard output goes.
    pub stdout: Sink,
    /// And its standard error.
    pub stderr: Sink,
    /// Functions whose waiting jobs count.
    pub functions: Vec<Pattern>,
    /// So many processes at least.
    pub min: u32,
    /// And at most.
    pub max: u32,
    /// There is one more where a job has waited so long.
    pub grow_after: Duration,
    /// There are fewer where so many were not needed for so long.
    pub shrink_after: Duration,
    /// A process that ends earlier has crashed.
    pub settle: Duration,
    /// How a process is asked to end.
    pub stop_signal: Signal,
    /// So long it may take.
    pub stop_timeout: Duration,
    /// When a process is replaced.
    pub limits: Limits,
    /// Files and folders: when they change, all processes are replaced.
    pub watch: Vec<PathBuf>,
}

/// Bounds of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Jobs that it has done.
    pub jobs: Option<u64>,
    /// Since its start.
    pub age: Option<Duration>,
    /// Bytes in memory.
    pub memory: Option<u64>,
    /// Time on processors.
    pub cpu: Option<Duration>,
}

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// For its groups, and the variables USER and LOGNAME; `None` where a number was given that has no name.
    pub name: Option<String>,
    /// Its home.
    pub home: Option<PathBuf>,
    /// Its number.
    pub uid: u32,
    /// That of its group.
    pub gid: u32,
}

/// Where output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sink {
    /// Line by line to the runner's own.
    #[default]
    Log,
    /// Nowhere.
    Null,
    /// To the runner's own as it is.
    Inherit,
    /// To the end of a file.
    File(PathBuf),
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: {reason}", .file.display())]
    Unreadable {
        /// Its name.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It says something that cannot be.
    #[error("{}:{line}:{column}: {reason}", .file.display())]
    Wrong {
        /// Its name.
        file: PathBuf,
        /// From 1 on.
        line: usize,
        /// From 1 on.
        column: usize,
        /// What is wrong, and how to mend it.
        reason: String,
    },
}

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawConfig {
    servers: Option<Spanned<Texts>>,
    tls: Option<RawTls>,
    look: Option<Spanned<Time>>,
    socket: Option<PathBuf>,
    metrics: Option<Spanned<String>>,
    #[serde(default)]
    log: LogFormat,
    #[serde(default)]
    group: BTreeMap<Spanned<String>, RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawTls {
    ca_file: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    peer_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawGroup {
    command: Words,
    directory: Option<PathBuf>,
    user: Option<Spanned<NameOrNumber>>,
    group: Option<Spanned<NameOrNumber>>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, String>,
    stdout: Option<String>,
    stderr: Option<String>,
    functions: Option<Spanned<Texts>>,
    min: Option<Spanned<u32>>,
    max: Option<Spanned<u32>>,
    processes: Option<Spanned<u32>>,
    grow_after: Option<Time>,
    shrink_after: Option<Time>,
    settle: Option<Spanned<Time>>,
    stop_signal: Option<Spanned<String>>,
    stop_timeout: Option<Time>,
    max_jobs: Option<Spanned<u64>>,
    max_age: Option<Spanned<Time>>,
    max_memory: Option<Spanned<Size>>,
    max_cpu: Option<Spanned<Time>>,
    watch: Option<Texts>,
}

/// Something wrong: at which byte, and what.
struct Mistake(usize, String);

impl Mistake {
    fn of<T>(part: &Spanned<T>, reason: impl Into<String>) -> Mistake {
        Mistake(part.span().start, reason.into())
    }
}

impl From<toml::de::Error> for Mistake {
    fn from(error: toml::de::Error) -> Mistake {
        Mistake(error.span().map_or(0, |span| span.start), error.message().to_owned())
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`], which names it.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable { file: file.into(), reason };
        let bytes = regular::read(file, MAX_SIZE).map_err(|e| unreadable(e.to_string()))?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(unreadable(format!("it is larger than {MAX_SIZE} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|e| unreadable(e.utf8_error().to_string()))?;
        Config::parse(&text, file)
    }

    /// Reads the text of a file; the name is for errors, and its folder for paths.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        let folder = std::path::absolute(file).unwrap_or_else(|_| file.into());
        let folder = folder.parent().unwrap_or(Path::new("/"));
        let raw = toml::from_str::<RawConfig>(text).map_err(Mistake::from);
        raw.and_then(|raw| raw.config(folder)).map_err(|Mistake(at, reason)| {
            let before = text.get(..at).unwrap_or(text);
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let reason = reason.trim().replace('\n', "; ").replace(char::is_control, " ");
            ConfigError::Wrong { file: file.into(), line: before.matches('\n').count() + 1, column, reason }
        })
    }
}

impl RawConfig {
    fn config(self, folder: &Path) -> Result<Config, Mistake> {
        let servers = match &self.servers {
            Some(texts) if texts.get_ref().0.is_empty() => {
                return Err(Mistake::of(texts, "at least 1 server: leave the key out for localhost"));
            }
            Some(texts) => {
                let list = texts.get_ref().0.iter().map(|text| server(text)).collect::<Result<Vec<_>, _>>();
                let list = list.map_err(|reason| Mistake::of(texts, reason))?;
                // Its jobs would count twice.
                if let Some((n, twice)) = list.iter().enumerate().find(|(n, server)| list[..*n].contains(server)) {
                    return Err(Mistake::of(
                        texts,
                        format!("{twice} is there twice, the second time in place {}", n + 1),
                    ));
                }
                list
            }
            None => ServerAddress::list("localhost").filter_map(Result::ok).collect(),
        };
        let metrics = self.metrics.as_ref().map(|at| {
            let parsed = at.get_ref().parse::<SocketAddr>();
            parsed.map_err(|_| Mistake::of(at, "an address and a port are wanted, such as 127.0.0.1:9180"))
        });
        let look = match &self.look {
            Some(look) if look.get_ref().0 < LOOK => {
                return Err(Mistake::of(look, "more often than every 10ms is too often: 1s is usual"));
            }
            look => look.as_ref().map_or(Duration::from_secs(1), |look| look.get_ref().0),
        };
        if self.group.is_empty() {
            return Err(Mistake(0, "there is no group: write [group.NAME] and command = [...]".into()));
        }
        let mut groups = Vec::new();
        for (name, raw) in self.group {
            groups.push(raw.group(&name, folder)?);
        }
        Ok(Config {
            servers,
            tls: self.tls.map(|tls| tls.settings(folder)),
            look,
            socket: self.socket.map(|path| folder.join(path)),
            metrics: metrics.transpose()?,
            log: self.log,
            groups,
        })
    }
}

impl RawTls {
    fn settings(self, folder: &Path) -> TlsSettings {
        let file = |file: Option<PathBuf>| file.map(|file| folder.join(file));
        TlsSettings {
            ca_file: file(self.ca_file),
            certificate: file(self.certificate),
            key: file(self.key),
            peer_name: self.peer_name,
            ..TlsSettings::default()
        }
    }
}

impl RawGroup {
    fn group(self, name: &Spanned<String>, folder: &Path) -> Result<Group, Mistake> {
        let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.get_ref().is_empty() || !name.get_ref().chars().all(letters) {
            return Err(Mistake::of(name, "the name of a group is of letters, digits, and the characters . _ -"));
        }
        let (min, max) = self.bounds()?;
        let functions = match &self.functions {
            Some(texts) if min == max || !texts.get_ref().0.is_empty() => {
                let patterns = texts.get_ref().0.iter().map(|text| Pattern::new(text));
                patterns.collect::<Result<Vec<_>, _>>().map_err(|reason| Mistake::of(texts, reason))?
            }
            _ if min < max => {
                let reason = "it has min and max, so functions is wanted: those whose waiting jobs count, or \"*\"";
                return Err(Mistake::of(name, reason));
            }
            _ => Vec::new(),
        };
        if let Some((key, _)) = self.env.iter().find(|(key, value)| !is_variable(key.get_ref(), value)) {
            return Err(Mistake::of(key, "a variable has a name without =, and no NUL"));
        }
        let user = self.account()?;
        let limits = Limits {
            jobs: positive(&self.max_jobs, |n| *n > 0)?.copied(),
            age: positive(&self.max_age, |time| !time.0.is_zero())?.map(|time| time.0),
            memory: memory(&self.max_memory)?,
            cpu: positive(&self.max_cpu, |time| !time.0.is_zero())?.map(|time| time.0),
        };
        let directory = self.directory.map_or(folder.into(), |path| folder.join(path));
        let sink = |text: Option<String>| match text.as_deref() {
            None | Some("log") => Sink::Log,
            Some("null") => Sink::Null,
            Some("inherit") => Sink::Inherit,
            Some(path) => Sink::File(directory.join(path)),
        };
        let time = |time: Option<Time>, seconds| time.map_or(Duration::from_secs(seconds), |time| time.0);
        Ok(Group {
            name: name.get_ref().clone(),
            command: self.command.0,
            user,
            stdout: sink(self.stdout),
            stderr: sink(self.stderr),
            env: self.env.into_iter().map(|(key, value)| (key.into_inner(), value)).collect(),
            functions,
            min,
            max,
            grow_after: time(self.grow_after, 1),
            shrink_after: time(self.shrink_after, 30),
            settle: positive(&self.settle, |time| !time.0.is_zero())?.map_or(SETTLE, |time| time.0),
            stop_signal: stop_signal(self.stop_signal.as_ref())?,
            stop_timeout: time(self.stop_timeout, 60),
            limits,
            watch: self.watch.unwrap_or_default().0.into_iter().map(|path| directory.join(path)).collect(),
            directory,
        })
    }

    fn bounds(&self) -> Result<(u32, u32), Mistake> {
        let get = |part: &Option<Spanned<u32>>| part.as_ref().map(|n| *n.get_ref());
        let (min, max) = match (&self.processes, get(&self.min), get(&self.max)) {
            (Some(n), None, None) => (*n.get_ref(), *n.get_ref()),
            (Some(n), ..) => return Err(Mistake::of(n, "either processes, or min and max")),
            (None, min, max) => (min.unwrap_or(1), max.unwrap_or(min.unwrap_or(1))),
        };
        let last = self.max.as_ref().or(self.min.as_ref()).or(self.processes.as_ref());
        let wrong = match (min, max) {
            (0, 0) if self.min.is_some() && self.max.is_none() => "with min = 0 max is wanted, too",
            (_, 0) => "at least 1 process is wanted",
            (_, max) if max > MAX_PROCESSES => "more than 10000 processes are too many",
            (min, max) if min > max => "max is less than min",
            _ => return Ok((min, max)),
        };
        Err(last.map_or_else(|| Mistake(0, wrong.into()), |part| Mistake::of(part, wrong)))
    }

    fn account(&self) -> Result<Option<Account>, Mistake> {
        let Some(user) = &self.user else {
            return match &self.group {
                Some(group) => Err(Mistake::of(group, "a group without a user: user = \"...\" is wanted, too")),
                None => Ok(None),
            };
        };
        let found = match user.get_ref().0.parse::<u32>() {
            Ok(uid) => User::from_uid(Uid::from_raw(uid)),
            Err(_) => User::from_name(&user.get_ref().0),
        };
        let found = found.map_err(|e| Mistake::of(user, format!("{}: {e}", user.get_ref().0)))?;
        let mut account = match (found, user.get_ref().0.parse::<u32>()) {
            (Some(known), _) => Account {
                name: Some(known.name),
                home: Some(known.dir),
                uid: known.uid.as_raw(),
                gid: known.gid.as_raw(),
            },
            (None, Ok(uid)) => Account { name: None, home: None, uid, gid: uid },
            (None, Err(_)) => return Err(Mistake::of(user, format!("there is no user {}", user.get_ref().0))),
        };
        if let Some(group) = &self.group {
            account.gid = gid(group)?.as_raw();
        }
        if !geteuid().is_root() && account.uid != geteuid().as_raw() {
            return Err(Mistake::of(user, "only root can run programs as somebody else: leave user out, or be root"));
        }
        Ok(Some(account))
    }
}

/// One server a text: a path may hold a comma, and what is behind it is no other server.
fn server(text: &str) -> Result<ServerAddress, String> {
    if !text.starts_with("unix://") && text.contains(',') {
        return Err(format!("{text} is more than one server: write a list, such as [\"a:4730\", \"b:4730\"]"));
    }
    let one = match text.strip_prefix("unix://") {
        Some(_) => ServerAddress::new(text, 0),
        None => ServerAddress::list(text).next().unwrap_or_else(|| ServerAddress::new(text, 0)),
    };
    one.map_err(|e| e.to_string())
}

fn gid(group: &Spanned<NameOrNumber>) -> Result<Gid, Mistake> {
    let name = &group.get_ref().0;
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = SystemGroup::from_name(name).ok().flatten();
    found.map(|found| found.gid).ok_or_else(|| Mistake::of(group, format!("there is no group {name}")))
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

fn stop_signal(name: Option<&Spanned<String>>) -> Result<Signal, Mistake> {
    let Some(name) = name else { return Ok(Signal::SIGTERM) };
    let long = format!("SIG{}", name.get_ref().trim_start_matches("SIG"));
    match long.parse() {
        Ok(Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU | Signal::SIGCONT) => {
            Err(Mistake::of(name, "nobody ends by that signal: TERM, INT, QUIT and the like are meant"))
        }
        signal => {
            signal.map_err(|_| Mistake::of(name, "there is no such signal: TERM, INT, QUIT and the like are meant"))
        }
    }
}

fn memory(limit: &Option<Spanned<Size>>) -> Result<Option<u64>, Mistake> {
    match limit {
        Some(limit) if limit.get_ref().0 < MEMORY => {
            Err(Mistake::of(limit, "so few bytes no process has: write 128M, for example"))
        }
        limit => Ok(limit.as_ref().map(|limit| limit.get_ref().0)),
    }
}

/// A limit, where there is one.
fn positive<T>(limit: &Option<Spanned<T>>, is: impl Fn(&T) -> bool) -> Result<Option<&T>, Mistake> {
    match limit {
        Some(limit) if !is(limit.get_ref()) => Err(Mistake::of(limit, "0 is too little: leave the key out")),
        limit => Ok(limit.as_ref().map(Spanned::get_ref)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/srv/runner.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn little_is_enough() {
        let config = parse("[group.a]\ncommand = 'php worker.php'\n").unwrap();
        assert_eq!(config.servers, [ServerAddress::new("", 0).unwrap()]);
        let [group] = &config.groups[..] else { panic!("{config:?}") };
        assert_eq!(group.command, ["php", "worker.php"]);
        assert_eq!((group.min, group.max, group.directory.to_str()), (1, 1, Some("/srv")));
        assert_eq!((group.stop_signal, group.stop_timeout), (Signal::SIGTERM, Duration::from_secs(60)));
    }

    /// It was cut at the comma, and the rest of it was a host.
    #[test]
    fn a_path_may_hold_a_comma() {
        let config = parse("servers = 'unix:///run/a,b.sock'\n[group.a]\ncommand = 'x'\n").unwrap();
        assert_eq!(config.servers, [ServerAddress::Unix("/run/a,b.sock".into())]);
    }

    #[test]
    fn all_of_it() {
        let config = parse(
            r#"
            servers = ["a:1", "tls://b"]
            look = "250ms"
            socket = "runner.sock"
            metrics = "127.0.0.1:9180"
            log = "json"
            [tls]
            ca-file = "ca.pem"
            [group.mail]
            command = ["php", "a b.php"]
            directory = "app"
            user = 0
            env = { APP_ENV = "prod" }
            functions = ["mail*", "x"]
            min = 2
            max = 8
            grow-after = "2s"
            shrink-after = "1m"
            settle = 5
            stop-signal = "INT"
            stop-timeout = "5m"
            max-jobs = 1000
            max-age = "1h"
            max-memory = "128M"
            max-cpu = "10m"
            watch = ["src", "/etc/x"]
            stdout = "out.log"
            stderr = "inherit"
            "#,
        )
        .unwrap();
        assert_eq!(config.servers.len(), 2);
        assert_eq!(config.tls.unwrap().ca_file.unwrap().to_str(), Some("/srv/ca.pem"));
        assert_eq!(config.socket.unwrap().to_str(), Some("/srv/runner.sock"));
        let group = &config.groups[0];
        assert_eq!(group.watch, [Path::new("/srv/app/src"), Path::new("/etc/x")]);
        assert_eq!((&group.stdout, &group.stderr), (&Sink::File("/srv/app/out.log".into()), &Sink::Inherit));
        assert_eq!(group.limits.memory, Some(128 << 20));
        assert_eq!(group.user.as_ref().unwrap().name.as_deref(), Some("root"));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        for (text, wanted) in [
            ("", "1:1: there is no group"),
            ("look = 1\nfoo = 2\n", "2:1: unknown field `foo`, expected one of `servers`"),
            ("[group.a]\ncommand = 'x'\nmim = 2\n", "3:1: unknown field `mim`"),
            ("[group.a]\nmin = 1\n", "1:1: missing field `command`"),
            ("[group.a]\ncommand = []\n", "2:11: a program is wanted"),
            ("[group.a]\ncommand = 'a | b'\n", "2:11: | means something to a shell"),
            ("[group.a]\ncommand = 3\n", "2:11: invalid type: integer `3`, expected a text, or a list of texts"),
            ("[group.a]\ncommand='x'\nmax-age = 'soon'\n", "3:11: soon is not a time, such as 500ms"),
            ("[group.a]\ncommand='x'\nmax-memory = '1T'\n", "3:14: 1T is not a size"),
            ("[group.a]\ncommand='x'\nmax-memory = 128\n", "3:14: so few bytes no process has"),
            ("[group.a]\ncommand='x'\nmax-jobs = 0\n", "3:12: 0 is too little"),
            ("[group.a]\ncommand='x'\nmin = 5\nmax = 4\nfunctions='*'\n", "4:7: max is less than min"),
            ("[group.a]\ncommand='x'\nmax = 4\nfunctions=[]\n", "1:8: it has min and max, so functions is wanted"),
            ("[group.a]\ncommand='x'\nprocesses = 10001\n", "3:13: more than 10000 processes"),
            ("[group.a]\ncommand='x'\nmin = 1\nmax = 4\n", "1:8: it has min and max, so functions is wanted"),
            ("[group.a]\ncommand='x'\nmin = 1\nprocesses = 4\n", "4:13: either processes, or min and max"),
            ("[group.a]\ncommand='x'\nprocesses = 0\n", "3:13: at least 1 process"),
            ("[group.a]\ncommand='x'\nfunctions='a*b*'\n", "3:11: a*b*: a pattern has one *"),
            ("[group.a]\ncommand='x'\nuser='no-such-user'\n", "3:6: there is no user no-such-user"),
            ("[group.a]\ncommand='x'\ngroup='root'\n", "3:7: a group without a user"),
            ("[group.a]\ncommand='x'\nuser=-1\n", "3:6: there is no user -1"),
            (
                "[group.a]\ncommand='x'\nuser=1.5\n",
                "3:6: invalid type: floating point `1.5`, expected a name or a number",
            ),
            ("[group.a]\ncommand='x'\nstop-signal='HALT'\n", "3:13: there is no such signal"),
            ("[group.a]\ncommand='x'\nstop-signal='STOP'\n", "3:13: nobody ends by that signal"),
            ("servers = []\n[group.a]\ncommand='x'\n", "1:11: at least 1 server"),
            ("[group.\"a b\"]\ncommand='x'\n", "1:8: the name of a group is of letters"),
            ("servers = 'a:99999'\n[group.a]\ncommand='x'\n", "1:11: "),
            ("metrics = 9180\n[group.a]\ncommand='x'\n", "1:11: invalid type"),
            ("metrics = 'x'\n[group.a]\ncommand='x'\n", "1:11: an address and a port"),
            ("look = 0\n[group.a]\ncommand='x'\n", "1:8: more often than every 10ms is too often"),
            ("look = 0.001\n[group.a]\ncommand='x'\n", "1:8: more often than every 10ms is too often"),
            ("[group.a]\ncommand='x'\nmin = 0\n", "3:7: with min = 0 max is wanted, too"),
            ("[group.a]\ncommand='x'\nmin = 0\nmax = 0\n", "4:7: at least 1 process"),
            ("servers = ['a', 'b', 'a:4730']\n[group.a]\ncommand='x'\n", "1:11: a:4730 is there twice"),
            ("servers = 'a,b'\n[group.a]\ncommand='x'\n", "1:11: a,b is more than one server: write a list"),
            ("log = 'xml'\n[group.a]\ncommand='x'\n", "1:7: unknown variant `xml`, expected `text` or `json`"),
            ("[group.a\n", "1:9: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("/srv/runner.toml:{wanted}")), "{text}: {error}");
        }
    }
}
