//! Options of durable queues, and which queue follows from them. Names and defaults are those of the C server's plugins.
//!
//! Must never show a password: conninfo and passwords are [`Secret`].

use crate::config::usage::{Usage, text};
use crate::durable::{Backend, BackendError, postgres, sqlite};
use clap::Args;
use std::fmt;
use std::path::Path;

/// Jobs in memory only.
const BUILTIN: &str = "builtin";
/// Jobs in an SQLite file too.
const SQLITE: &str = "libsqlite3";
/// Jobs in a table of PostgreSQL too. C's name, and that of its plugin.
const POSTGRES: [&str; 2] = ["Postgres", "libpq"];
/// All of them, for messages.
const TYPES: &str = "builtin, libsqlite3 and Postgres";

/// See the module.
#[derive(Clone, Debug, Args)]
pub struct QueueOptions {
    /// Where jobs are kept: `builtin` is memory; from `libsqlite3` (a file) and `Postgres` (a database) they come
    /// back after a restart
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

    /// Write jobs to the durable queue only when the server stops: faster, and a crash loses them
    #[arg(long)]
    pub store_queue_on_shutdown: bool,

    /// Move all jobs from this queue into the one that the other options name, and exit: sqlite:FILE or
    /// postgres:CONNINFO, with #TABLE behind it where that has another name
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

/// Where a durable queue is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Sqlite { file: String, table: String },
    Postgres { conninfo: Secret, table: String },
}

impl Place {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        match self {
            Place::Sqlite { file, table } => Ok(Box::new(sqlite::Sqlite::open(Path::new(file), table)?)),
            Place::Postgres { conninfo, table } => postgres::open(&conninfo.0, table),
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
            _ => Err("must begin with sqlite:FILE or postgres:CONNINFO".into()),
        }
    }
}

impl QueueOptions {
    pub(super) fn check(&self) -> Result<(), Usage> {
        self.place()?;
        match (&self.import, self.is_durable()) {
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
        Ok(match &self.libsqlite3_db {
            _ if self.is(&[BUILTIN]) => None,
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
            _ => {
                let reason = format!("this server has {TYPES}");
                return Err(Usage::option(format!("--queue-type {}", self.queue_type), reason));
            }
        })
    }

    /// Options that are without effect, of a queue that is not the one chosen.
    pub(super) fn unused(&self) -> Vec<(bool, &'static str)> {
        vec![
            (!self.is(&[SQLITE]) && self.libsqlite3_db.is_some(), "--libsqlite3-db without --queue-type libsqlite3"),
            (!self.is(&POSTGRES) && self.libpq_conninfo.is_some(), "--libpq-conninfo without --queue-type Postgres"),
            (
                !self.is_durable() && self.store_queue_on_shutdown,
                "--store-queue-on-shutdown without --queue-type libsqlite3",
            ),
        ]
    }

    /// Opens the durable queue, where there is to be one.
    ///
    /// # Errors
    /// Where it cannot be used, or another server has it.
    pub fn open_queue(&self) -> Result<Option<Box<dyn Backend>>, BackendError> {
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
