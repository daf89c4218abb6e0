//! The durable queue in a PostgreSQL database, in the table of C gearmand's `Postgres` queue: either server can go on
//! with what the other left.
//!
//! What C's table has no columns for is in columns of our own at its end, which C gearmand's statements neither read nor
//! write: they are NULL in its rows, and gone with them. Dead letters and settings are in tables of our own, see
//! `postgres/schema.rs`.
//!
//! What always holds: a job's id is its row's `job_id`, which is how it survives a restart. Rows are found by C's keys and
//! that. A commit is one transaction, whose statements are all on their way before the first is answered. Only one
//! server has the queue: it has an advisory lock for as long as its session lives.

pub(crate) mod connect;
pub(crate) mod conninfo;
mod names;
mod read;
mod schema;
mod statements;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

use crate::durable::BackendError;
use crate::durable::Take;
use crate::durable::postgres::connect::NotConnected;
use crate::durable::postgres::conninfo::Conninfo;
use crate::durable::postgres::schema::Schema;
use crate::durable::postgres::statements::Statements;
use crate::durable::remote::{Database, Failure, Part, Remote, Session};
use crate::durable::row_key::RowKeys;
use crate::durable::segments::Segment;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// The table's name unless it is given: C's.
pub const DEFAULT_TABLE: &str = "queue";

/// How long the database may take for what has no more than a batch to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an end waits for the database to know of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// A queue in this table of this database. Its changes are made by the [`crate::durable::Backend`] that this returns.
///
/// # Errors
/// [`BackendError`] where the database cannot be used, the table is not such a queue, or another server has it.
pub fn open(conninfo: &str, table: &str) -> Result<Box<dyn crate::durable::Backend>, BackendError> {
    Ok(Box::new(connect(conninfo, table)?))
}

fn connect(conninfo: &str, table: &str) -> Result<Remote<Postgres>, BackendError> {
    let parsed = Conninfo::parse(conninfo, |name| std::env::var(name).ok());
    let named = |conninfo: &Conninfo| format!("the queue in PostgreSQL ({}, table {table})", conninfo.place());
    let conninfo = parsed.map_err(|reason| BackendError {
        queue: "the queue in PostgreSQL".into(),
        reason: format!("--libpq-conninfo: {reason}"),
        held: false,
    })?;
    Remote::open(Postgres { name: named(&conninfo), conninfo, table: table.to_owned() })
}

/// Where the queue is.
pub(crate) struct Postgres {
    name: String,
    conninfo: Conninfo,
    table: String,
}

impl Database for Postgres {
    type Session = Connected;

    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self, owner: &str, again: bool) -> Result<Connected, Failure> {
        let link = Link::new(&self.conninfo, owner)?;
        let schema = Schema::new(&self.table);
        let ascii = link.wait(async |client| schema.prepare(client, owner, again).await)??;
        let statements = link.wait(async |client| Statements::prepare(client, &schema, ascii).await)?;
        let statements = statements.map_err(|error| schema.explained(&error))?;
        Ok(Connected { link, schema, statements })
    }
}

/// A connection that has the queue.
pub(crate) struct Connected {
    link: Link,
    schema: Schema,
    statements: Statements,
}

impl Session for Connected {
    fn replay(&mut self, keys: &mut RowKeys, take: &mut Take<'_>) -> Result<u64, Failure> {
        // As long as it takes.
        self.link.block_on(async |client| read::replay(client, &self.schema, keys, take).await)
    }

    fn apply(&mut self, segment: &Segment<'_>, part: Part) -> Result<(), Failure> {
        let executed = self.link.wait(async |client| self.statements.execute(client, segment, part).await)?;
        executed.map_err(|e| failure(&e))
    }

    fn roll_back(&mut self) -> Result<(), Failure> {
        let undone = self.link.wait(async |client| client.batch_execute("ROLLBACK").await)?;
        undone.map_err(|e| failure(&e))
    }
}

/// A connection and what drives it. It does so only while something is waited for.
struct Link {
    /// Both are there but for the end.
    client: Option<Client>,
    driven: Option<(Runtime, JoinHandle<()>)>,
}

impl Link {
    fn new(conninfo: &Conninfo, owner: &str) -> Result<Link, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::Refused(format!("no timers: {e}")))?;
        let mut config = conninfo.config.clone();
        // Who looks at pg_stat_activity sees whose it is; and so do we: see `schema`.
        config.application_name(format!("gearmand {owner}"));
        let connected = runtime.block_on(async {
            let (client, connection) = connect::connect(&config, &conninfo.tls).await?;
            // Why it ends is told to whoever waits for an answer.
            let driver = tokio::spawn(async move { drop(connection.await) });
            Ok::<_, NotConnected>((client, driver))
        });
        match connected {
            Ok((client, driver)) => Ok(Link { client: Some(client), driven: Some((runtime, driver)) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(match error {
                    NotConnected::Failed(error) => failure(&error),
                    NotConnected::Silent(_) => Failure::Lost(error.to_string()),
                })
            }
        }
    }

    fn block_on<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        match (&self.driven, &self.client) {
            (Some((runtime, _)), Some(client)) => runtime.block_on(work(client)),
            _ => Err(Failure::Lost("the connection was closed".into())),
        }
    }

    /// For something that is done soon, or never.
    fn wait<T>(&self, work: impl AsyncFnOnce(&Client) -> T) -> Result<T, Failure> {
        self.block_on(async |client| {
            let late = |_| Failure::Lost(format!("the database did not answer within {} s", PATIENCE.as_secs()));
            tokio::time::timeout(PATIENCE, work(client)).await.map_err(late)
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some((runtime, driver)) = self.driven.take() else { return };
        // So that whoever comes next finds the lock free.
        if Handle::try_current().is_err() {
            drop(self.client.take());
            // Too late is no matter: the system closes the connection.
            let _ = runtime.block_on(async { tokio::time::timeout(FAREWELL, driver).await });
        }
        // Never waits, and may be called anywhere.
        runtime.shutdown_background();
    }
}

/// What the database says, and how to mend it. A connection that is gone is told from a statement that is refused.
fn failure(error: &Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        let text = conninfo::explained(error);
        return match error.is_closed() || error.to_string().contains("communicating") || is_io(error) {
            true => Failure::Lost(format!("{text}: is the database there, with this host and port?")),
            false => Failure::Refused(text),
        };
    };
    let text = format!("{}: {}", db.severity(), db.message());
    let hint = match db.code() {
        code if *code == SqlState::CANNOT_CONNECT_NOW => return Failure::Held(text),
        code if code.code().starts_with("57P") || code.code().starts_with("08") => return Failure::Lost(text),
        // A standby that is to become the primary.
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => return Failure::ReadOnly(text),
        code if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "user and password are those of --libpq-conninfo, PGUSER and PGPASSWORD"
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => "make it (createdb), or name another by dbname=",
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "its user must own the table, or be allowed to make tables in its schema"
        }
        code if *code == SqlState::TOO_MANY_CONNECTIONS => return Failure::Lost(text),
        code if *code == SqlState::DISK_FULL => "its disk is full",
        _ => return Failure::Refused(text),
    };
    Failure::Refused(format!("{text}: {hint}"))
}

fn is_io(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}
