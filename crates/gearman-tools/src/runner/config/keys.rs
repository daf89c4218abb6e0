//! The keys of the file, as they are written -> settings, or the first mistake and its place.
//!
//! Owns the defaults. Must never read a file.

use super::{Account, Config, Group, Limits, LogFormat, Mistake, Sink};
use crate::runner::value::{NameOrNumber, Pattern, Size, Texts, Time, Words};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use nix::sys::signal::Signal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// Least memory that can be a limit, a page: whoever writes 128 means 128M, and each process would be replaced for ever.
const MEMORY: u64 = 4096;

/// Most processes of a group.
const MAX_PROCESSES: u32 = 10_000;

/// Least time from look to look.
const LOOK: Duration = Duration::from_millis(10);

/// How long a process lives at least that has not crashed.
const SETTLE: Duration = Duration::from_secs(2);

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawConfig {
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

impl RawConfig {
    pub(super) fn config(self, folder: &Path) -> Result<Config, Mistake> {
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
        let user = Account::of(self.user.as_ref(), self.group.as_ref())?;
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
