//! The tables: C's with columns of our own, those of our own beside it, and whose they are.
//!
//! What always holds: what there is has one version, which is in the table of the owner. Nothing is made before the lock is
//! ours, but for an empty table of C's.
//!
//! To store more, raise [`VERSION`], and let [`Schema::make`] bring what is older up to it.

use crate::durable::mysql::wire::{Wire, WireError};
use crate::durable::mysql::{failure, patiently};
use crate::durable::remote::Failure;

/// Of what is made here. Newer ones are not understood.
const VERSION: i64 = 1;
/// Seconds that the end of the session before may take.
const RELEASED: u32 = 2;
/// How much a statement and what is around it take at most, besides a workload.
const AROUND: usize = 1 << 12;

/// C's columns, with the types of MySQL's that they may have.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("unique_key", &["varchar", "varbinary"]),
    ("function_name", &["varchar", "varbinary"]),
    ("priority", &["int", "bigint", "smallint", "tinyint"]),
    ("data", &["longblob", "mediumblob", "blob"]),
    ("when_to_run", &["int", "bigint"]),
];
/// And ours.
const OURS: [(&str, &str); 5] = [
    ("job_id", "BIGINT"),
    ("due_ms", "BIGINT"),
    ("reducer", "VARBINARY(512)"),
    ("tries", "INT"),
    ("first_ms", "BIGINT"),
];

/// See the module. Names are as they stand in statements.
pub(super) struct Schema {
    name: String,
    /// C's table.
    pub(super) queue: String,
    pub(super) dead: String,
    pub(super) settings: String,
    owner: String,
}

impl Schema {
    pub(super) fn new(table: &str) -> Schema {
        let quoted = |end: &str| format!("`{}`", format!("{table}{end}").replace('`', "``"));
        Schema {
            name: literal(table.as_bytes()),
            queue: quoted(""),
            dead: quoted("_dead"),
            settings: quoted("_settings"),
            owner: quoted("_owner"),
        }
    }

    /// Makes the queue ours, with all its tables. `before`: the connection that it was ours in. The most bytes that a message
    /// may have.
    pub(super) fn prepare(&self, wire: &mut Wire, owner: &str, before: Option<u32>) -> Result<usize, Failure> {
        let session = "SET SESSION sql_mode = '', autocommit = 1, wait_timeout = 31536000, lock_wait_timeout = 5,
                           group_concat_max_len = 65536, innodb_lock_wait_timeout = 5";
        wire.execute(session.as_bytes()).map_err(failure)?;
        let most = wire.query_one("SELECT @@max_allowed_packet").map_err(failure)?;
        let most = most.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()).unwrap_or(1 << 20);
        let mut columns = self.columns(wire)?;
        if columns.is_empty() {
            wire.execute(self.c_table().as_bytes()).map_err(failure)?;
            columns = self.columns(wire)?;
        }
        let has =
            |name: &str, kinds: &[&str]| columns.iter().any(|(found, kind)| found == name && kinds.contains(&&**kind));
        if !COLUMNS.iter().all(|(name, kinds)| has(name, kinds)) {
            let found: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            let wanted = COLUMNS.map(|(name, kinds)| format!("{name} {}", kinds[0])).join(", ");
            let reason = format!("its columns are {}, not {wanted}: name another by --mysql-table", found.join(", "));
            return Err(Failure::Refused(reason));
        }
        self.lock(wire, before)?;
        self.make(wire, &columns, before.is_some())?;
        // What C's table had was taken over; from here on nothing is cut to fit a column.
        wire.execute(b"SET SESSION sql_mode = 'STRICT_ALL_TABLES'").map_err(failure)?;
        self.own(wire, owner, before.is_some())?;
        Ok(usize::saturating_sub(most, AROUND))
    }

    fn c_table(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (unique_key VARBINARY(64), function_name VARBINARY(512), priority INT,
                 data LONGBLOB, when_to_run INT, UNIQUE KEY (unique_key, function_name)) ENGINE = InnoDB",
            self.queue
        )
    }

    /// Their names and types.
    fn columns(&self, wire: &mut Wire) -> Result<Vec<(String, String)>, Failure> {
        let select = format!(
            "SELECT column_name, data_type FROM information_schema.columns
                 WHERE table_schema = DATABASE() AND table_name = {} ORDER BY ordinal_position",
            self.name
        );
        let mut columns = Vec::new();
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).to_lowercase();
        let read = wire.query(&select, &mut |row| {
            columns.push((text(row.get(0)), text(row.get(1))));
            Ok(())
        });
        read.map_err(failure)?;
        Ok(columns)
    }

    /// Only one server has the lock. The session that this server had before may still have it where its connection was cut:
    /// it is ended, unless somebody else has the queue.
    fn lock(&self, wire: &mut Wire, before: Option<u32>) -> Result<(), Failure> {
        let name = format!("CONCAT('gearmand ', MD5(CONCAT(DATABASE(), '.', {})))", self.name);
        let get = format!("SELECT GET_LOCK({name}, {RELEASED})");
        let mut locked = wire.query_one(&get).map_err(failure)?;
        if let Some(before) = before.filter(|_| locked.as_deref() != Some(b"1")) {
            let holder = wire.query_one(&format!("SELECT IS_USED_LOCK({name})")).map_err(failure)?;
            if holder == Some(before.to_string().into_bytes()) {
                match wire.execute(format!("KILL {before}").as_bytes()) {
                    // It has ended by itself.
                    Ok(_) | Err(WireError::Server(1094, _)) => {}
                    Err(error) => return Err(failure(error)),
                }
                locked = wire.query_one(&get).map_err(failure)?;
            }
        }
        match locked.as_deref() {
            Some(b"1") => Ok(()),
            _ => {
                let holder = wire.query_one(&format!("SELECT IS_USED_LOCK({name})")).map_err(failure)?;
                let holder = holder.map_or_else(String::new, |id| format!(" (connection {})", id.escape_ascii()));
                let hint = "stop that, or name another table by --mysql-table";
                Err(Failure::Held(format!("another server has it{holder}: {hint}")))
            }
        }
    }

    /// Makes what is missing. Whoever may not change tables needs not, where nothing is.
    fn make(&self, wire: &mut Wire, columns: &[(String, String)], again: bool) -> Result<(), Failure> {
        let Schema { name, queue, dead, settings, owner } = self;
        let about = |what: &str| format!("SELECT {what} WHERE table_schema = DATABASE() AND table_name = {name}");
        let engine = wire.query_one(&about("engine FROM information_schema.tables")).map_err(failure)?;
        if engine.as_deref().is_some_and(|engine| !engine.eq_ignore_ascii_case(b"InnoDB")) {
            let engine = engine.unwrap_or_default();
            let mend = format!("ALTER TABLE {queue} ENGINE = InnoDB");
            let reason = format!("its engine is {}, which has no transactions: {mend}", engine.escape_ascii());
            return Err(Failure::Refused(reason));
        }
        let unique = "count(*) FROM (SELECT index_name, GROUP_CONCAT(column_name ORDER BY column_name) AS columns_
                          FROM information_schema.statistics";
        let unique = format!(
            "{} AND non_unique = 0 GROUP BY index_name) i WHERE columns_ = 'function_name,unique_key'",
            about(unique)
        );
        if wire.query_one(&unique).map_err(failure)?.as_deref() == Some(b"0") {
            return Err(Failure::Refused("unique_key and function_name must be UNIQUE together there".into()));
        }
        let has = |wanted: &str| columns.iter().any(|(name, _)| name == wanted);
        let text = |wanted: &str| columns.iter().any(|(name, kind)| name == wanted && kind == "varchar");
        let mut alter: Vec<String> = OURS
            .iter()
            .filter(|(name, _)| !has(name))
            .map(|(name, kind)| format!("ADD COLUMN {name} {kind}"))
            .collect();
        // As text, two keys that differ may be the same.
        let mut encode = Vec::new();
        for (column, size) in [("unique_key", 64), ("function_name", 512)] {
            if text(column) {
                // C gearmand has sent UTF-8, which the table may have stored in another encoding.
                encode.push(format!("MODIFY {column} VARCHAR({size}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"));
                alter.push(format!("MODIFY {column} VARBINARY({size})"));
            }
        }
        let exists = format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()
                 AND table_name IN (CONCAT({name}, '_dead'), CONCAT({name}, '_settings'), CONCAT({name}, '_owner'))"
        );
        let complete = wire.query_one(&exists).map_err(failure)?.as_deref() == Some(b"3");
        if alter.is_empty() && complete {
            return Ok(());
        }
        if again {
            return Err(Failure::Taken);
        }
        let changes = |list: &[String]| match list.is_empty() {
            true => String::new(),
            false => format!("ALTER TABLE {queue} {};", list.join(", ")),
        };
        let alter = [changes(&encode), changes(&alter)].concat();
        let make = format!(
            "{alter} CREATE TABLE IF NOT EXISTS {dead} (id BIGINT PRIMARY KEY, unique_key VARBINARY(64),
                 function_name VARBINARY(512), priority INT, data LONGBLOB, reducer VARBINARY(512), tries INT,
                 first_ms BIGINT, last_ms BIGINT, reason VARBINARY(32), message LONGBLOB, worker BLOB) ENGINE = InnoDB;
             CREATE TABLE IF NOT EXISTS {settings} (name VARBINARY(700) PRIMARY KEY, value LONGBLOB) ENGINE = InnoDB;
             CREATE TABLE IF NOT EXISTS {owner} (version INT PRIMARY KEY, owner VARBINARY(64)) ENGINE = InnoDB;
             INSERT INTO {owner} (version) SELECT {VERSION} FROM (SELECT count(*) AS n FROM {owner}) o WHERE o.n = 0"
        );
        // All rows of a table of C's are written anew.
        patiently(wire, |wire| wire.execute(make.as_bytes()).map(drop).map_err(failure))
    }

    /// From now on, whoever was the owner before learns that it is not any more.
    fn own(&self, wire: &mut Wire, owner: &str, again: bool) -> Result<(), Failure> {
        let table = &self.owner;
        let version = wire.query_one(&format!("SELECT max(version) FROM {table}")).map_err(failure)?;
        let version = version.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse::<i64>().ok());
        match version {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                let reason = "a newer gearmand has stored more there than this one knows";
                let versions = format!("version {newer} in its table {table}, {VERSION} here");
                return Err(Failure::Refused(format!("{reason} ({versions}): start that one")));
            }
            other => {
                let says = other.map_or_else(|| "nothing".into(), |version| format!("version {version}"));
                return Err(Failure::Refused(format!("its table {table} says {says}, which there never was")));
            }
        }
        if again {
            let found = wire.query_one(&format!("SELECT max(owner) FROM {table}")).map_err(failure)?;
            return if found.as_deref() == Some(owner.as_bytes()) { Ok(()) } else { Err(Failure::Taken) };
        }
        let update = format!("UPDATE {table} SET owner = {}", literal(owner.as_bytes()));
        wire.execute(update.as_bytes()).map(drop).map_err(failure)
    }
}

/// Text in a statement.
fn literal(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if hex.is_empty() { "''".into() } else { format!("CONVERT(x'{hex}' USING utf8)") }
}
