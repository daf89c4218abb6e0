//! Options of durable queues, and which queue follows from them. Names and defaults are those of the C server's plugins.
//!
//! Must never show a password: conninfo and passwords are [`Secret`].

use crate::cluster::SharedQueue;
use crate::cluster::member;
use crate::cluster::postgres::settings as cluster;
use crate::config::usage::{Usage, number, text};
use crate::durable::decoded;
use crate::durable::{Backend, BackendError, mysql, postgres, redis, sqlite};
use clap::Args;
use std::fmt;
use std::path::Path;

/// Jobs in memory only.
pub(super) const BUILTIN: &str = "builtin";
/// Jobs in an SQLite file too.
const SQLITE: &str = "libsqlite3";
/// Jobs in a table of PostgreSQL too. C's name, and that of its plugin.
const POSTGRES: [&str; 2] = ["Postgres", "libpq"];
/// And of MySQL or MariaDB.
const MYSQL: &str = "MySQL";
/// In keys of Redis.
const REDIS: &str = "redis";
/// In a database, shared by several servers.
const CLUSTER: &str = "cluster";
/// All of them, for messages.
const TYPES: &str = "builtin, libsqlite3, Postgres, MySQL, redis and cluster";
/// So many numbers for jobs a server takes at once from those that all share.
const NUMBERS: u64 = 10_000;

/// See the module.
#[derive(Clone, Debug, Args)]
pub struct QueueOptions {
    /// Where jobs are kept: `builtin` is memory; from `libsqlite3` (a file), `Postgres`, `MySQL` and `redis`
    /// (databases) they come back after a restart; `cluster` is a database that several servers share
    #[arg(short, long, value_name = "NAME", default_value = BUILTIN, value_parser = text)]
    pub queue_type: String,

    /// File of the queue libsqlite3; made where there is none
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub libsqlite3_db: Option<String>,

    /// Table in that file; as the C server's
    #[arg(long, value_name = "NAME", default_value = sqlite::DEFAULT_TABLE, value_parser = text)]
    pub libsqlite3_table: String,

    /// Database of the queue Postgres, as libpq has it: `host=db user=gearmand dbname=jobs`, or a URL; what it
    /// does not say is taken from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and PGSSLROOTCERT
    #[arg(long, value_name = "CONNINFO", value_parser = secret)]
    pub libpq_conninfo: Option<Secret>,

    /// Table in that database, made where there is none; as the C server's
    #[arg(long, value_name = "NAME", default_value = postgres::DEFAULT_TABLE, value_parser = text)]
    pub libpq_table: String,

    /// Host of the queue MySQL's database, or a socket's path; localhost is the socket of this host's database,
    /// where there is one
    #[arg(long, value_name = "HOST", default_value = "localhost", value_parser = text)]
    pub mysql_host: String,

    /// Port of that database
    #[arg(long, value_name = "PORT", default_value_t = mysql::DEFAULT_PORT, value_parser = number::<u16>)]
    pub mysql_port: u16,

    /// Who connects to it [default: the user that the server runs as]
    #[arg(long, value_name = "USER", value_parser = text)]
    pub mysql_user: Option<String>,

    /// With which password [default: what MYSQL_PWD says]
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub mysql_password: Option<Secret>,

    /// Database of the queue MySQL
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub mysql_db: Option<String>,

    /// Table in that database, made where there is none; as the C server's
    #[arg(long, value_name = "NAME", default_value = mysql::DEFAULT_TABLE, value_parser = text)]
    pub mysql_table: String,

    /// Certificates of the CAs that have signed the database's: TLS is spoken with it
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub mysql_ssl_ca: Option<String>,

    /// Host of the queue redis, or a socket's path
    #[arg(long, value_name = "HOST", default_value = redis::DEFAULT_SERVER, value_parser = text)]
    pub redis_server: String,

    /// Its port
    #[arg(long, value_name = "PORT", default_value_t = redis::DEFAULT_PORT, value_parser = number::<u16>)]
    pub redis_port: u16,

    /// Its password
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub redis_password: Option<Secret>,

    /// What the keys of its jobs begin with; as the C server's
    #[arg(long, value_name = "PREFIX", default_value = redis::DEFAULT_PREFIX, value_parser = text)]
    pub redis_prefix: String,

    /// Certificates of the CAs that have signed Redis's: TLS is spoken with it
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub redis_ssl_ca: Option<String>,

    /// Database of the queue cluster: a URL of PostgreSQL's, or words as libpq has them; what it does not say is taken
    /// from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and PGSSLROOTCERT
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub cluster_url: Option<Secret>,

    /// File with the password for it
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub cluster_password_file: Option<String>,

    /// Schema in that database, made where there is none; servers with the same one share a queue
    #[arg(long, value_name = "NAME", default_value = cluster::DEFAULT_SCHEMA, value_parser = text)]
    pub cluster_schema: String,

    /// What this server is called among those [default: HOST:PORT]
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub cluster_name: Option<String>,

    /// Most jobs of a function that this server takes before its workers begin them
    #[arg(long, value_name = "JOBS", default_value_t = 1_000, value_parser = number::<u32>)]
    pub cluster_window: u32,

    /// Connections to that database go through PgBouncer in its transaction mode: free jobs are found by looking
    /// each second, not by being told of
    #[arg(long)]
    pub cluster_pooled: bool,

    /// Write jobs to the durable queue only when the server stops: faster, and a crash loses them
    #[arg(long)]
    pub store_queue_on_shutdown: bool,

    /// Move all jobs from this queue into the one that the other options name, and exit: sqlite:FILE,
    /// postgres:CONNINFO, mysql://USER:PASSWORD@HOST:PORT/DATABASE or redis://:PASSWORD@HOST:PORT, with #TABLE
    /// behind it (for Redis #PREFIX) where that has another name
    #[arg(long, value_name = "FROM", value_parser = secret)]
    pub import: Option<Secret>,
}

/// What must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

fn secret(argument: &str) -> Result<Secret, String> {
    text(argument).map(Secret)
}

/// Where jobs in the background are kept.
pub enum Queue {
    /// In memory alone.
    Memory,
    /// In a durable queue of this server's own.
    Own(Box<dyn Backend>),
    /// In one that several servers share.
    Shared(Box<SharedQueue>),
}

/// Where a durable queue of one server is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Redis {
        server: String,
        port: u16,
        password: Secret,
        prefix: String,
        ca: Option<String>,
    },
    Sqlite {
        file: String,
        table: String,
    },
    Postgres {
        conninfo: Secret,
        table: String,
    },
    MySql {
        host: String,
        port: u16,
        user: String,
        password: Secret,
        database: String,
        table: String,
        ca: Option<String>,
    },
}

impl Place {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        match self {
            Place::Sqlite { file, table } => Ok(Box::new(sqlite::Sqlite::open(Path::new(file), table)?)),
            Place::Postgres { conninfo, table } => postgres::open(&conninfo.0, table),
            Place::Redis { server, port, password, prefix, ca } => {
                redis::open(&redis::Target { server, port: *port, password: &password.0, prefix, ca: ca.as_deref() })
            }
            Place::MySql { host, port, user, password, database, table, ca } => mysql::open(&mysql::Target {
                host,
                port: *port,
                user,
                password: &password.0,
                database,
                table,
                ca: ca.as_deref(),
            }),
        }
    }

    /// A word of `--import`.
    fn parse(word: &str) -> Result<Place, String> {
        let (place, table) = match word.rsplit_once('#') {
            Some((place, table)) => (place, Some(table)),
            None => (word, None),
        };
        let table = |default: &str| table.unwrap_or(default).to_owned();
        let (kind, rest) = place.split_once(':').unwrap_or((place, ""));
        match kind {
            "sqlite" | SQLITE if !rest.is_empty() => {
                Ok(Place::Sqlite { file: rest.into(), table: table(sqlite::DEFAULT_TABLE) })
            }
            // A URL is a conninfo as a whole.
            "postgres" | "postgresql" => {
                let conninfo = if rest.starts_with("//") { place } else { rest };
                Ok(Place::Postgres { conninfo: Secret(conninfo.into()), table: table(postgres::DEFAULT_TABLE) })
            }
            "mysql" => {
                let reason = "must be mysql://USER:PASSWORD@HOST:PORT/DATABASE";
                let url = Url::parse(rest).filter(|url| !url.path.is_empty()).ok_or(reason)?;
                Ok(Place::MySql {
                    host: url.host.unwrap_or_else(|| "localhost".into()),
                    port: url.port.unwrap_or(mysql::DEFAULT_PORT),
                    user: url.user.unwrap_or_else(own_name),
                    password: Secret(url.password.unwrap_or_else(|| environment("MYSQL_PWD"))),
                    database: url.path,
                    table: table(mysql::DEFAULT_TABLE),
                    ca: None,
                })
            }
            "redis" => {
                let url = Url::parse(rest).ok_or("must be redis://:PASSWORD@HOST:PORT")?;
                Ok(Place::Redis {
                    server: url.host.unwrap_or_else(|| redis::DEFAULT_SERVER.into()),
                    port: url.port.unwrap_or(redis::DEFAULT_PORT),
                    password: Secret(url.password.unwrap_or_default()),
                    prefix: table(redis::DEFAULT_PREFIX),
                    ca: None,
                })
            }
            _ => Err("must begin with sqlite:FILE, postgres:CONNINFO, mysql:// or redis://".into()),
        }
    }
}

/// What stands behind `mysql:` or `redis:`: `//USER:PASSWORD@HOST:PORT/PATH`, of which all may be missing. `%2F` is a slash.
#[derive(Debug, Default, PartialEq, Eq)]
struct Url {
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Url> {
        let (authority, path) = text.strip_prefix("//")?.split_once('/').unwrap_or((&text[2..], ""));
        let (account, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (place, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let some = |text: &str| (!text.is_empty()).then(|| decoded(text));
        Some(Url { user: some(user), password: some(password), host: some(host), port, path: decoded(path) })
    }
}

/// The name of the user that this process runs as.
fn own_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    user.ok().flatten().map_or_else(String::new, |user| user.name)
}

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

impl QueueOptions {
    pub(super) fn check(&self) -> Result<(), Usage> {
        self.place()?;
        if self.is(&[CLUSTER]) {
            self.shared("", 0)?;
        }
        match (&self.import, self.is_durable()) {
            (Some(_), true) if self.is(&[CLUSTER]) => Err(Usage::option(
                "--import",
                "jobs are moved into a queue of one server: name another by --queue-type",
            )),
            (Some(_), false) => Err(Usage::option("--import", "into which queue? Name it by --queue-type")),
            (Some(from), true) => {
                let reason = |reason| Usage::option("--import", reason);
                Place::parse(&from.0).map(drop).map_err(reason)
            }
            (None, _) => Ok(()),
        }
    }

    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.queue_type.eq_ignore_ascii_case(name))
    }

    /// The one that is chosen.
    pub(super) fn name(&self) -> &'static str {
        let names = [BUILTIN, SQLITE, POSTGRES[0], POSTGRES[1], MYSQL, REDIS, CLUSTER];
        let chosen = names.into_iter().find(|name| self.is(&[name])).unwrap_or(BUILTIN);
        if chosen == POSTGRES[1] { POSTGRES[0] } else { chosen }
    }

    /// Whether there is a durable queue.
    pub fn is_durable(&self) -> bool {
        !self.is(&[BUILTIN])
    }

    /// Which queue jobs are kept in, where there is one.
    fn place(&self) -> Result<Option<Place>, Usage> {
        let is_name = |option, name: &str| match name.is_empty() || name.contains('\0') {
            true => Err(Usage::option(option, "must be the name of a table")),
            false => Ok(name.to_owned()),
        };
        let sqlite_table = is_name("--libsqlite3-table", &self.libsqlite3_table)?;
        let postgres_table = is_name("--libpq-table", &self.libpq_table)?;
        let mysql_table = is_name("--mysql-table", &self.mysql_table)?;
        Ok(match &self.libsqlite3_db {
            _ if self.is(&[BUILTIN]) || self.is(&[CLUSTER]) => None,
            Some(file) if self.is(&[SQLITE]) && !file.is_empty() => {
                Some(Place::Sqlite { file: file.clone(), table: sqlite_table })
            }
            _ if self.is(&[SQLITE]) => {
                return Err(Usage::option("--queue-type libsqlite3", "which file? Name it by --libsqlite3-db"));
            }
            _ if self.is(&POSTGRES) => {
                let conninfo = self.libpq_conninfo.clone().unwrap_or_else(|| Secret(String::new()));
                Some(Place::Postgres { conninfo, table: postgres_table })
            }
            _ if self.is(&[MYSQL]) => {
                let which = || Usage::option("--queue-type MySQL", "which database? Name it by --mysql-db");
                let database = self.mysql_db.clone().filter(|name| !name.is_empty()).ok_or_else(which)?;
                Some(Place::MySql {
                    host: self.mysql_host.clone(),
                    port: self.mysql_port,
                    user: self.mysql_user.clone().unwrap_or_else(own_name),
                    password: self.mysql_password.clone().unwrap_or_else(|| Secret(environment("MYSQL_PWD"))),
                    database,
                    table: mysql_table,
                    ca: self.mysql_ssl_ca.clone(),
                })
            }
            _ if self.is(&[REDIS]) => Some(Place::Redis {
                server: self.redis_server.clone(),
                port: self.redis_port,
                password: self.redis_password.clone().unwrap_or_else(|| Secret(String::new())),
                prefix: self.redis_prefix.clone(),
                ca: self.redis_ssl_ca.clone(),
            }),
            _ => {
                let reason = format!("this server has {TYPES}");
                return Err(Usage::option(format!("--queue-type {}", self.queue_type), reason));
            }
        })
    }

    /// The queue that is shared with other servers, by which this one is known as `host:port` unless it has a name.
    fn shared(&self, host: &str, port: u16) -> Result<SharedQueue, Usage> {
        let url = self.cluster_url.as_ref().map_or("", |url| &url.0);
        let password_file = self.cluster_password_file.as_ref().map(Path::new);
        let variable = |name: &str| std::env::var(name).ok();
        let mut store = cluster::Settings::new(url, variable, password_file, &self.cluster_schema)
            .map_err(|e| Usage::option("--queue-type cluster", e.text))?;
        store.pooled = self.cluster_pooled;
        if self.store_queue_on_shutdown {
            let reason = "other servers run the jobs of the queue cluster: they are written at once";
            return Err(Usage::option("--store-queue-on-shutdown", reason));
        }
        let address = format!("{host}:{port}");
        let name = self.cluster_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| address.clone());
        let window = self.cluster_window.max(1);
        let member = member::Settings { name: name.into(), address: address.into(), window, ids: NUMBERS };
        Ok(SharedQueue { store, member, prefix: format!("H:@{}", self.cluster_schema) })
    }

    /// Options that are without effect, of a queue that is not the one chosen.
    pub(super) fn unused(&self) -> Vec<(bool, &'static str)> {
        vec![
            (!self.is(&[SQLITE]) && self.libsqlite3_db.is_some(), "--libsqlite3-db without --queue-type libsqlite3"),
            (!self.is(&POSTGRES) && self.libpq_conninfo.is_some(), "--libpq-conninfo without --queue-type Postgres"),
            (!self.is(&[MYSQL]) && self.mysql_db.is_some(), "--mysql-db without --queue-type MySQL"),
            (!self.is(&[CLUSTER]) && self.cluster_url.is_some(), "--cluster-url without --queue-type cluster"),
            (!self.is(&[REDIS]) && self.redis_password.is_some(), "--redis-password without --queue-type redis"),
            (
                !self.is_durable() && self.store_queue_on_shutdown,
                "--store-queue-on-shutdown without --queue-type libsqlite3",
            ),
        ]
    }

    /// Opens the durable queue, where there is to be one; one that is shared is opened when the server is made. `host` and
    /// `port` are where this server is.
    ///
    /// # Errors
    /// Where it cannot be used, or another server has it.
    pub fn open_queue(&self, host: &str, port: u16) -> Result<Queue, BackendError> {
        if self.is(&[CLUSTER]) {
            let unusable = |e: Usage| BackendError { queue: CLUSTER.into(), reason: e.to_string(), held: false };
            return self.shared(host, port).map(|queue| Queue::Shared(Box::new(queue))).map_err(unusable);
        }
        Ok(self.open_own()?.map_or(Queue::Memory, Queue::Own))
    }

    /// Opens a durable queue of one server.
    ///
    /// # Errors
    /// The same.
    pub fn open_own(&self) -> Result<Option<Box<dyn Backend>>, BackendError> {
        // Was looked at before.
        self.place().ok().flatten().map(|place| place.open()).transpose()
    }

    /// Opens the queue that `--import` names.
    ///
    /// # Errors
    /// The same.
    pub fn open_import(&self) -> Result<Option<Box<dyn Backend>>, BackendError> {
        let place = self.import.as_ref().and_then(|from| Place::parse(&from.0).ok());
        place.map(|place| place.open()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_databases() {
        let url = Url::parse("//me:p%40ss@[::1]:3307/jobs").unwrap();
        let of = (url.user.as_deref(), url.password.as_deref(), url.host.as_deref(), url.port, &*url.path);
        assert_eq!(of, (Some("me"), Some("p@ss"), Some("::1"), Some(3307), "jobs"));
        assert_eq!(Url::parse("//%2Frun%2Fx/").unwrap().host.as_deref(), Some("/run/x"));
        assert_eq!(Url::parse("//"), Some(Url::default()));
        assert_eq!((Url::parse("x"), Url::parse("//h:port/")), (None, None));
    }

    #[test]
    fn words_of_import() {
        for (word, wanted) in [
            ("sqlite:/q.db#t", "Sqlite { file: \"/q.db\", table: \"t\" }"),
            ("postgres:host=h password=p", "Postgres { conninfo: (not shown), table: \"queue\" }"),
            ("postgresql://h/d#q", "Postgres { conninfo: (not shown), table: \"q\" }"),
        ] {
            assert_eq!(format!("{:?}", Place::parse(word).unwrap()), wanted);
        }
        let mysql = format!("{:?}", Place::parse("mysql://u:secret@h/d").unwrap());
        assert!(mysql.contains("database: \"d\"") && !mysql.contains("secret"), "{mysql}");
        for word in ["", "sqlite:", "mysql://h", "mysql:h/d", "drizzle:x"] {
            assert!(Place::parse(word).is_err(), "{word}");
        }
    }
}
