//! The tables: C's with columns of our own, those of our own beside it, and whose they are.
//!
//! What always holds: what there is has one version, which is in the table of the owner. Nothing is made before the lock is
//! ours, but for an empty table of C's.
//!
//! To store more, raise [`VERSION`], and let [`Schema::make`] bring what is older up to it.

use crate::durable::postgres::failure;
use crate::durable::remote::Failure;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Of what is made here. Newer ones are not understood.
const VERSION: i32 = 1;
/// The first half of the number of our locks; the second is the table's.
const LOCK: i32 = 0x6765_6172;
/// How long the end of the session before may take.
const RELEASED: &str = "2s";

/// C's columns.
const COLUMNS: [(&str, &str); 5] = [
    ("unique_key", "character varying"),
    ("function_name", "character varying"),
    ("priority", "integer"),
    ("data", "bytea"),
    ("when_to_run", "integer"),
];
/// And ours.
const OURS: [(&str, &str); 7] = [
    ("job_id", "bigint"),
    ("due_ms", "bigint"),
    ("reducer", "bytea"),
    ("tries", "integer"),
    ("first_ms", "bigint"),
    ("exact_key", "bytea"),
    ("exact_function", "bytea"),
];

/// See the module. Names are as they stand in statements.
pub(super) struct Schema {
    /// C's table.
    pub(super) queue: String,
    pub(super) dead: String,
    pub(super) settings: String,
    owner: String,
}

impl Schema {
    /// Beside a queue's table of this name, which may have that of a schema in front.
    pub(super) fn new(table: &str) -> Schema {
        let quoted = |end: &str| {
            let parts = format!("{table}{end}");
            let parts: Vec<String> =
                parts.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
            parts.join(".")
        };
        Schema { queue: quoted(""), dead: quoted("_dead"), settings: quoted("_settings"), owner: quoted("_owner") }
    }

    /// Makes the queue ours, with all its tables. Whether the database's text is to be ASCII.
    pub(super) async fn prepare(&self, client: &Client, owner: &str, again: bool) -> Result<bool, Failure> {
        let refused = |error: Error| self.explained(&error);
        // A plan that was made when the table was empty reads all of it.
        let session = format!(
            "SET lock_timeout = '{RELEASED}'; SET enable_seqscan = off; SET enable_hashjoin = off;
             SET enable_mergejoin = off; SET client_min_messages = error; SET synchronous_commit = on"
        );
        client.batch_execute(&session).await.map_err(refused)?;
        let encoding = client.query_one("SELECT current_setting('server_encoding')", &[]).await.map_err(refused)?;
        let mut columns = self.columns(client).await.map_err(refused)?;
        if columns.is_empty() {
            client.batch_execute(&self.c_table()).await.map_err(refused)?;
            columns = self.columns(client).await.map_err(refused)?;
        }
        // As people widen them.
        let is = |kind: &str, found: &str| match kind {
            "character varying" => found == kind || found == "text",
            "integer" => found == kind || found == "bigint",
            _ => found == kind,
        };
        let has = |name: &str, kind: &str| columns.iter().any(|(found, of)| found == name && is(kind, of));
        if !COLUMNS.iter().all(|(name, kind)| has(name, kind)) {
            let list = |columns: &mut dyn Iterator<Item = (&str, &str)>| {
                columns.map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(", ")
            };
            let found = list(&mut columns.iter().map(|(name, kind)| (&**name, &**kind)));
            let reason = format!("its columns are {found}, not {}", list(&mut COLUMNS.into_iter()));
            return Err(Failure::Refused(format!("{reason}: name another by --libpq-table")));
        }
        let unique = "SELECT EXISTS (SELECT 1 FROM pg_index i WHERE indrelid = to_regclass($1) AND indisunique AND indpred IS NULL
             AND (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute a WHERE attrelid = indrelid
                 AND attnum = ANY(indkey)) = ARRAY['function_name', 'unique_key'])";
        if !client.query_one(unique, &[&self.queue]).await.map_err(refused)?.get::<_, bool>(0) {
            return Err(Failure::Refused("unique_key and function_name must be UNIQUE together there".into()));
        }
        self.lock(client, owner).await?;
        self.make(client, &columns, again).await?;
        self.own(client, owner, again).await?;
        client.batch_execute("SET lock_timeout = 0").await.map_err(refused)?;
        // SQL_ASCII is any bytes, as they come.
        Ok(!["UTF8", "SQL_ASCII"].contains(&encoding.get(0)))
    }

    /// What the database says, with the table where that helps.
    pub(super) fn explained(&self, error: &Error) -> Failure {
        match error.code() {
            Some(code) if *code == SqlState::DATATYPE_MISMATCH || *code == SqlState::UNDEFINED_COLUMN => {
                let text = error.as_db_error().map_or_else(String::new, |db| db.message().to_owned());
                let hint = format!("{}, or a table beside it, is not gearmand's", self.queue);
                Failure::Refused(format!("{text}: {hint}: name another by --libpq-table"))
            }
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
                Failure::Held("another server or program has its tables locked".into())
            }
            _ => failure(error),
        }
    }

    fn c_table(&self) -> String {
        // C gearmand's, to the letter.
        format!(
            "CREATE TABLE IF NOT EXISTS {} (unique_key VARCHAR(64), function_name VARCHAR(255), priority INTEGER,
                 data BYTEA, when_to_run INTEGER, UNIQUE (unique_key, function_name))",
            self.queue
        )
    }

    async fn columns(&self, client: &Client) -> Result<Vec<(String, String)>, Error> {
        let select = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0
                          AND NOT attisdropped ORDER BY attnum";
        let rows = client.query(select, &[&self.queue]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Only one server has the lock. The session that this server had before may still have it where its connection was cut:
    /// it is ended.
    async fn lock(&self, client: &Client, owner: &str) -> Result<(), Failure> {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = $1 AND usename = current_user AND pid <> pg_backend_pid()";
        client.execute(end, &[&format!("gearmand {owner}")]).await.map_err(|e| failure(&e))?;
        let lock = "SELECT pg_advisory_lock($1, to_regclass($2)::oid::integer)";
        match client.execute(lock, &[&LOCK, &self.queue]).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let who = "SELECT string_agg(format('process %s%s', a.pid, ' from ' || host(client_addr)), ', ')
                               FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.granted
                               AND l.locktype = 'advisory' AND l.classid = $1::integer
                               AND l.objid = to_regclass($2)::oid AND l.database = (SELECT oid FROM pg_database
                               WHERE datname = current_database())";
                let who = client.query_one(who, &[&LOCK, &self.queue]).await.map_err(|e| failure(&e))?;
                let who = who.get::<_, Option<&str>>(0).map_or_else(String::new, |who| format!(" ({who})"));
                Err(Failure::Held(format!(
                    "another server has it{who}: stop that, or name another table by --libpq-table"
                )))
            }
            locked => locked.map(drop).map_err(|e| failure(&e)),
        }
    }

    /// Makes what is missing. Whoever may not change tables needs not, where nothing is.
    async fn make(&self, client: &Client, columns: &[(String, String)], again: bool) -> Result<(), Failure> {
        let Schema { queue, dead, settings, owner } = self;
        let has = |name| columns.iter().any(|(column, _)| column == name);
        let missing: Vec<String> = OURS
            .iter()
            .filter(|(name, _)| !has(name))
            .map(|(name, kind)| format!("ADD COLUMN IF NOT EXISTS {name} {kind}"))
            .collect();
        let exists = "SELECT count(to_regclass(name)) FROM unnest($1::text[]) AS name";
        let exists = client.query_one(exists, &[&vec![dead, settings, owner]]).await.map_err(|e| failure(&e))?;
        if !missing.is_empty() || exists.get::<_, i64>(0) < 3 {
            if again {
                return Err(Failure::Taken);
            }
            let alter = match missing.is_empty() {
                true => String::new(),
                false => format!("ALTER TABLE {queue} {};", missing.join(", ")),
            };
            let make = format!(
                "BEGIN; {alter}
                 CREATE TABLE IF NOT EXISTS {dead} (id bigint PRIMARY KEY, unique_key bytea, function_name bytea,
                     priority integer, data bytea, reducer bytea, tries integer, first_ms bigint, last_ms bigint,
                     reason text, message bytea, worker bytea);
                 CREATE TABLE IF NOT EXISTS {settings} (key bytea PRIMARY KEY, value bytea);
                 CREATE TABLE IF NOT EXISTS {owner} (version integer PRIMARY KEY, owner text);
                 INSERT INTO {owner} SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM {owner}); COMMIT"
            );
            if let Err(error) = client.batch_execute(&make).await {
                client.batch_execute("ROLLBACK").await.map_err(|e| failure(&e))?;
                return Err(self.explained(&error));
            }
        }
        Ok(())
    }

    /// From now on, whoever was the owner before learns that it is not any more.
    async fn own(&self, client: &Client, owner: &str, again: bool) -> Result<(), Failure> {
        let refused = |error: Error| self.explained(&error);
        let select = format!("SELECT max(version), max(owner) FROM {}", self.owner);
        let row = client.query_one(&select, &[]).await.map_err(refused)?;
        match row.get::<_, Option<i32>>(0) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                let reason = "a newer gearmand has stored more there than this one knows";
                let versions = format!("version {newer} in its table {}, {VERSION} here", self.owner);
                return Err(Failure::Refused(format!("{reason} ({versions}): start that one")));
            }
            other => {
                let says = other.map_or_else(|| "nothing".into(), |version| format!("version {version}"));
                return Err(Failure::Refused(format!("its table {} says {says}, which there never was", self.owner)));
            }
        }
        if again {
            return if row.get::<_, Option<&str>>(1) == Some(owner) { Ok(()) } else { Err(Failure::Taken) };
        }
        let update = format!("UPDATE {} SET owner = $1", self.owner);
        client.execute(&update, &[&owner]).await.map(drop).map_err(refused)
    }
}
