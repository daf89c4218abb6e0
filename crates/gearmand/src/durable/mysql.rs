//! The durable queue in a MySQL or MariaDB database, in the table of C gearmand's `MySQL` queue: either server can go on
//! with what the other left.
//!
//! What C's table has no columns for is in columns of our own at its end, which C gearmand's statements neither read nor
//! write. Its columns of text are made to hold bytes: for them the keys `a` and `A` are not the same. Dead letters and
//! settings are in tables of our own, see `mysql/schema.rs`.
//!
//! What always holds: a job's id is its row's `job_id`. A commit is one transaction, which is one message with many
//! statements unless it is large. Only one server has the queue: it has a lock by name for as long as its session lives.

mod login;
mod read;
mod schema;
mod statements;
#[cfg(test)]
mod tests;
mod wire;

use crate::durable::client_tls::{self, Verify};
use crate::durable::mysql::login::Account;
use crate::durable::mysql::schema::Schema;
use crate::durable::mysql::statements::Statements;
use crate::durable::mysql::wire::{Wire, WireError};
use crate::durable::remote::{Database, Failure, Part, Remote, Session};
use crate::durable::row_key::RowKeys;
use crate::durable::segments::Segment;
use crate::durable::socket::Socket;
use crate::durable::{BackendError, Take};
use rustls::ClientConfig;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The table's name unless it is given: C's.
pub const DEFAULT_TABLE: &str = "gearman_queue";
/// And the port.
pub const DEFAULT_PORT: u16 = 3306;

/// How long the database may take for what has no more than a batch to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where databases of this host listen.
const SOCKETS: [&str; 3] = ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

/// Where a queue is: the arguments of the options.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// A host; a path: a socket; `localhost`: the socket of this host's database, where there is one.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// Who.
    pub user: &'a str,
    /// And the password.
    pub password: &'a str,
    /// Which database.
    pub database: &'a str,
    /// Which table.
    pub table: &'a str,
    /// A file with CAs: TLS is spoken then, and the database's certificate verified.
    pub ca: Option<&'a str>,
}

/// A queue in this table of this database.
///
/// # Errors
/// [`BackendError`] where the database cannot be used, the table is not such a queue, or another server has it.
pub fn open(target: &Target<'_>) -> Result<Box<dyn crate::durable::Backend>, BackendError> {
    let Target { host, database, table, .. } = target;
    let name = format!("the queue in MySQL ({host}, database {database}, table {table})");
    let tls = target.ca.map(|ca| client_tls::config(Verify::Name, Some(Path::new(ca)))).transpose();
    let tls =
        tls.map_err(|e| BackendError { queue: name.clone(), reason: format!("--mysql-ssl-ca: {e}"), held: false })?;
    Ok(Box::new(Remote::open(MySql {
        name,
        host: (*host).to_owned(),
        port: target.port,
        user: target.user.to_owned(),
        password: target.password.to_owned(),
        database: (*database).to_owned(),
        table: (*table).to_owned(),
        tls,
        number: AtomicU32::new(0),
    })?))
}

struct MySql {
    name: String,
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    table: String,
    tls: Option<Arc<ClientConfig>>,
    /// Of the connection before.
    number: AtomicU32,
}

impl MySql {
    fn wire(&self) -> Result<Wire, WireError> {
        let local = SOCKETS.into_iter().find(|path| Path::new(path).exists());
        let socket = match (&*self.host, local) {
            (path, _) if path.starts_with('/') => Socket::unix(path),
            ("localhost", Some(path)) if self.tls.is_none() => Socket::unix(path),
            (host, _) => Socket::tcp(host, self.port),
        };
        Ok(Wire::new(socket?))
    }
}

impl Database for MySql {
    type Session = Connected;

    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self, owner: &str, again: bool) -> Result<Connected, Failure> {
        let connected = || {
            let mut wire = self.wire()?;
            wire.set_patience(Some(PATIENCE))?;
            let tls = self.tls.as_ref().map(|config| (&*self.host, config.clone()));
            let Self { user, password, database, .. } = self;
            let number = login::login(&mut wire, &Account { user, password, database, tls })?;
            Ok((wire, number))
        };
        let (mut wire, number) = connected().map_err(failure)?;
        let schema = Schema::new(&self.table);
        let before = self.number.load(Ordering::Relaxed);
        let most = schema.prepare(&mut wire, owner, again.then_some(before))?;
        self.number.store(number, Ordering::Relaxed);
        Ok(Connected { wire, statements: Statements::new(&schema, most), schema })
    }
}

/// A connection that has the queue.
struct Connected {
    wire: Wire,
    schema: Schema,
    statements: Statements,
}

impl Session for Connected {
    fn replay(&mut self, keys: &mut RowKeys, take: &mut Take<'_>) -> Result<u64, Failure> {
        patiently(&mut self.wire, |wire| read::replay(wire, &self.schema, keys, take))
    }

    fn apply(&mut self, segment: &Segment<'_>, part: Part) -> Result<(), Failure> {
        self.statements.execute(&mut self.wire, segment, part).map_err(failure)
    }

    fn roll_back(&mut self) -> Result<(), Failure> {
        self.statements.clear();
        self.wire.execute(b"ROLLBACK").map(drop).map_err(failure)
    }
}

/// What has all rows to do takes as long as it takes.
fn patiently<T>(wire: &mut Wire, work: impl FnOnce(&mut Wire) -> Result<T, Failure>) -> Result<T, Failure> {
    wire.set_patience(None).map_err(|e| failure(e.into()))?;
    let done = work(wire);
    wire.set_patience(Some(PATIENCE)).map_err(|e| failure(e.into()))?;
    done
}

/// What the database says, and how to mend it. A connection that is gone is told from a statement that is refused.
fn failure(error: WireError) -> Failure {
    let (code, text) = match error {
        WireError::Io(error) => {
            return Failure::Lost(format!("{error}: is the database there, with this host and port?"));
        }
        WireError::Other(reason) => return Failure::Refused(reason),
        WireError::Server(code, text) => (code, text),
    };
    let hint = match code {
        // Too many connections, it shuts down, it ended this one.
        1040 | 1053 | 1077..=1079 | 1317 | 1927 | 3024 | 4031 => return Failure::Lost(text),
        // A replica that is to become the primary.
        1290 | 1836 => return Failure::ReadOnly(text),
        1045 => "user and password are those of --mysql-user and --mysql-password, or MYSQL_PWD",
        1046 | 1049 => "make it (CREATE DATABASE), or name another by --mysql-db",
        1044 | 1142 | 1143 => {
            "its user needs SELECT, INSERT, UPDATE, DELETE, CREATE and ALTER there (GRANT ... ON DATABASE.* TO USER)"
        }
        1021 | 1114 => "its disk is full",
        1364 => "a column that is not ours needs a default there (ALTER TABLE ... ALTER ... SET DEFAULT ...)",
        1265 | 1406 => {
            "a job does not fit into a column of its table, which should be unique_key VARBINARY(64), function_name \
             VARBINARY(512), data LONGBLOB (ALTER TABLE ... MODIFY ...)"
        }
        _ => return Failure::Refused(text),
    };
    Failure::Refused(format!("{text}: {hint}"))
}
