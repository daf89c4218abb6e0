//! `--libpq-conninfo`: words or a URL, as libpq has them -> where the database is. What is not said is taken from libpq's
//! variables (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`).
//!
//! What it says of TLS is read here: tokio-postgres knows nothing of certificates. Passwords are in no message.

use crate::durable::client_tls::{self, Verify};
use crate::durable::decoded;
use crate::durable::postgres::tls::Tls;
use gearman_core::net::address::lookup;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long a connection may take where nothing was said.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// And how long the system sends again what is not received.
const UNRECEIVED: Duration = Duration::from_secs(15);
/// Where Debian's PostgreSQL listens.
const SOCKETS: &str = "/var/run/postgresql";

/// Where a database is, and whether TLS is spoken with it.
#[derive(Clone)]
pub(crate) struct Conninfo {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

impl Conninfo {
    pub(crate) fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Conninfo, String> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (rest, [mode, ca]) = take_out(text, ["sslmode", "sslrootcert"]);
        let mut config: Config = rest.parse().map_err(|e| explained(&e))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            let sockets = if Path::new(SOCKETS).is_dir() { SOCKETS } else { "localhost" };
            config.host(variable("PGHOST").unwrap_or_else(|| sockets.into()));
        }
        know_localhost(&mut config);
        if let Some(port) = variable("PGPORT").filter(|_| config.get_ports().is_empty()) {
            config.port(port.parse().map_err(|_| format!("PGPORT={port} is no port"))?);
        }
        if let Some(user) = variable("PGUSER").filter(|_| config.get_user().is_none()) {
            config.user(user);
        }
        if let Some(password) = variable("PGPASSWORD").filter(|_| config.get_password().is_none()) {
            config.password(password);
        }
        if let Some(name) = variable("PGDATABASE").filter(|_| config.get_dbname().is_none()) {
            config.dbname(name);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNRECEIVED);
        }
        let mode = mode.or_else(|| variable("PGSSLMODE"));
        let ca = ca.or_else(|| variable("PGSSLROOTCERT"));
        let (mode, verify) = match (mode.as_deref(), &ca) {
            (Some("disable"), _) => (SslMode::Disable, Verify::Nothing),
            (None | Some("prefer" | "allow"), _) => (SslMode::Prefer, Verify::Nothing),
            (Some("require"), None) => (SslMode::Require, Verify::Nothing),
            // As libpq has it.
            (Some("require" | "verify-ca"), _) => (SslMode::Require, Verify::Chain),
            (Some("verify-full"), _) => (SslMode::Require, Verify::Name),
            (Some(other), _) => {
                let modes = "disable, allow, prefer, require, verify-ca or verify-full";
                return Err(format!("sslmode={other}: must be {modes}"));
            }
        };
        config.ssl_mode(mode);
        let tls = client_tls::config(verify, ca.as_deref().map(Path::new)).map_err(|e| format!("sslrootcert: {e}"))?;
        Ok(Conninfo { config, tls: Tls(tls) })
    }

    /// For messages.
    pub(super) fn place(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let mut hosts: Vec<String> = hosts.collect();
        hosts.dedup(); // one with several addresses
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or("the user's");
        format!("{}, database {name}", hosts.join(", "))
    }
}

pub(super) fn explained(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The words without those of these names, and their values. In a URL they are parts of its query.
fn take_out<const N: usize>(text: &str, names: [&str; N]) -> (String, [Option<String>; N]) {
    let mut found = [const { None }; N];
    let mut keep = |word: &str, value: fn(&str) -> String| {
        let (name, given) = word.split_once('=').unwrap_or((word, ""));
        let place = names.iter().position(|wanted| *wanted == name.trim());
        place.is_none_or(|place| {
            found[place] = Some(value(given.trim()));
            false
        })
    };
    let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let kept: Vec<&str> = query.split('&').filter(|word| !word.is_empty() && keep(word, decoded)).collect();
        if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
    } else {
        let kept: Vec<&str> = words(text).filter(|word| keep(word, unquoted)).collect();
        kept.join(" ")
    };
    (rest, found)
}

/// Words as libpq has them: `name=value` or `name = 'a value'`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let value = rest.find('=').map_or(rest.len(), |at| at + 1);
        let begin = value + (rest[value..].len() - rest[value..].trim_start().len());
        let end = begin + end_of_value(&rest[begin..]);
        let word;
        (word, rest) = rest.split_at(end);
        rest = rest.trim_start();
        Some(word)
    })
}

fn end_of_value(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    inner.replace("\\'", "'").replace("\\\\", "\\")
}

/// localhost is the loopback, also where the files of a minimal container have no line for it.
fn know_localhost(config: &mut Config) {
    let is_localhost = |host: &Host| matches!(host, Host::Tcp(name) if name.eq_ignore_ascii_case("localhost"));
    if !config.get_hostaddrs().is_empty() || config.get_hosts().len() != 1 || !is_localhost(&config.get_hosts()[0]) {
        return;
    }
    for (at, address) in lookup("localhost", 0).unwrap_or_default().iter().enumerate() {
        if at > 0 {
            config.host("localhost");
        }
        config.hostaddr(address.ip());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let variable = |name: &str| match name {
            "PGHOST" => Some("/run/x".to_owned()),
            "PGUSER" => Some("u".into()),
            "PGPASSWORD" => Some("secret".into()),
            _ => None,
        };
        Conninfo::parse(text, variable).map(|conninfo| conninfo.config)
    }

    #[test]
    fn as_libpq_reads_them() {
        let config = parse("host = 'db 1' user=me password='it\\'s' sslmode=require dbname=q").unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("db 1".into())]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("me"), Some("q")));
        assert_eq!((config.get_password(), config.get_ssl_mode()), (Some(&b"it's"[..]), SslMode::Require));
        let config = parse("").unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix("/run/x".into())]);
        assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(&b"secret"[..])));
        let config = parse("postgresql://a:b@h:5433/d?sslmode=disable&application_name=x").unwrap();
        assert_eq!((config.get_ports(), config.get_ssl_mode()), (&[5433][..], SslMode::Disable));
        assert_eq!((config.get_user(), config.get_application_name()), (Some("a"), Some("x")));
        assert_eq!(decoded("%2Fetc%2Fca%20x.pem%"), "/etc/ca x.pem%");
    }

    /// In a minimal container nobody else knows it.
    #[test]
    fn localhost_is_the_loopback() {
        let config = parse("host=localhost port=5433").unwrap();
        let addresses = config.get_hostaddrs();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.is_loopback()), "{addresses:?}");
        assert!(config.get_hosts().len() == addresses.len() && config.get_ports() == [5433]);
        assert!(parse("host=db.example.org").unwrap().get_hostaddrs().is_empty());
        let place = Conninfo::parse("host=localhost dbname=q", |_| None).unwrap().place();
        assert_eq!(place, "localhost, database q");
    }

    #[test]
    fn what_cannot_be_is_named_and_no_password_is_shown() {
        for (text, wanted) in [
            ("password=hidden hots=x", "hots"),
            ("sslmode=maybe", "sslmode=maybe"),
            ("sslmode=verify-full", "which CA"),
            ("sslmode=verify-ca sslrootcert=/nowhere", "/nowhere"),
            ("port=x password=hidden", "port"),
        ] {
            let error = parse(text).err().unwrap();
            assert!(error.contains(wanted) && !error.contains("hidden"), "{text}: {error}");
        }
    }
}
