//! The configuration: a TOML file -> settings, or what is wrong in it, where, and how to mend it.
//!
//! Owns what can be set. Must never know what is done with it. Invariants: a file is taken whole or not at all; paths are
//! those of the file's folder, and within a group those of its directory.

mod account;
mod keys;

pub use account::Account;

use crate::runner::value::Pattern;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use gearman_core::settings_file::{self, SettingsError};
use keys::RawConfig;
use nix::sys::signal::Signal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

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
    /// [`SettingsError`], which names it.
    pub fn read(file: &Path) -> Result<Config, SettingsError> {
        let text = settings_file::read(file)?;
        Config::parse(&text, file)
    }

    /// The socket alone, for who asks a runner what is wrong with its file: also where that cannot be used, as far as it is TOML.
    ///
    /// # Errors
    /// [`SettingsError`], where no socket is found and something is wrong.
    pub fn read_socket(file: &Path) -> Result<Option<PathBuf>, SettingsError> {
        Config::parse_socket(&settings_file::read(file)?, file)
    }

    fn parse_socket(text: &str, file: &Path) -> Result<Option<PathBuf>, SettingsError> {
        #[derive(Deserialize)]
        struct Socket {
            socket: PathBuf,
        }
        let read = |text| toml::from_str::<Socket>(text);
        let found = read(text).or_else(|error| {
            // What is before the line of the mistake may be TOML.
            let good = error.span().and_then(|span| text.get(..span.start)).and_then(|before| before.rfind('\n'));
            read(&text[..good.unwrap_or(0)])
        });
        match found {
            Ok(Socket { socket }) => Ok(Some(folder(file).join(socket))),
            Err(_) => Config::parse(text, file).map(|config| config.socket),
        }
    }

    /// Reads the text of a file; the name is for errors, and its folder for paths.
    ///
    /// # Errors
    /// [`SettingsError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Config, SettingsError> {
        let raw = toml::from_str::<RawConfig>(text).map_err(Mistake::from);
        let config = raw.and_then(|raw| raw.config(&folder(file)));
        config.map_err(|Mistake(at, reason)| SettingsError::wrong(file, text, at, &reason))
    }
}

/// Where its paths begin.
fn folder(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.into());
    file.parent().unwrap_or(Path::new("/")).into()
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

    /// Whoever asked a runner why its file is not taken was told by the client, which did not find the runner.
    #[test]
    fn the_socket_is_found_in_a_file_that_cannot_be_used() {
        for (text, wanted) in [
            ("socket = 's'\n[group.a]\ncommand = 'x'\n", Ok(Some("/srv/s"))),
            ("socket = 's'\n[group.a]\ncomand = 'x'\n", Ok(Some("/srv/s"))),
            ("look = 'soon'\nsocket = '/run/s'\n", Ok(Some("/run/s"))),
            ("socket = 's'\n[group.a]\ncommand = [\n", Ok(Some("/srv/s"))),
            ("socket = 's'\nlook = 1\n[group.a\ncommand = 'x'\n", Ok(Some("/srv/s"))),
            ("[group.a]\ncommand = 'x'\n", Ok(None)),
            ("[group.a]\ncomand = 'x'\n", Err("/srv/runner.toml:2:1: unknown field")),
            ("[group.a\nsocket = 's'\n", Err("/srv/runner.toml:1:9: ")),
            ("socket = 3\n", Err("/srv/runner.toml:1:10: invalid type")),
        ] {
            let found = Config::parse_socket(text, Path::new("/srv/runner.toml")).map_err(|e| e.to_string());
            match (&found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found.as_deref(), wanted.map(Path::new), "{text}"),
                (Err(error), Err(wanted)) => assert!(error.starts_with(wanted), "{text}: {error}"),
                _ => panic!("{text}: {found:?}"),
            }
        }
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
