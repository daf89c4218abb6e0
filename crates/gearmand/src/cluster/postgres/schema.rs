//! The tables: made where there are none, brought up to this version, and looked at before they are used.
//!
//! What always holds: whoever makes or migrates them has an advisory lock, and does it in one transaction. They are used only
//! where nothing is missing of what was made, nothing was added that changes what our statements do, and the user may do what
//! they do.
//!
//! To change a table, raise [`VERSION`], change schema.sql, and let [`MIGRATIONS`] do the same to what is older.

use crate::cluster::postgres::error::Unusable;
use crate::cluster::postgres::settings::{Settings, quoted};
use tokio_postgres::{Client, GenericClient};

/// Of schema.sql. Newer ones are not understood.
const VERSION: i32 = 1;
const MAKE: &str = include_str!("schema.sql");
/// From version 1 to 2, and so on.
const MIGRATIONS: [&str; VERSION as usize - 1] = [];

/// The oldest that has all that statements use (AS MATERIALIZED).
const OLDEST: u32 = 12;

/// One line for each object of the schema that matters, with what matters of it.
const OBJECTS: &str = "
SELECT CASE WHEN a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' THEN 'needed ' ELSE '' END || 'column '
    || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT CASE WHEN i.indisunique THEN 'unique ' ELSE '' END || 'index ' || x.relname || ' of ' || c.relname || ': '
    || regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND i.indisvalid AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint ' || o.conname || ' of ' || c.relname || ': ' || pg_get_constraintdef(o.oid)
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND o.contype IN ('c', 'f', 'x')
UNION ALL
SELECT 'trigger ' || t.tgname || ' of ' || c.relname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND NOT t.tgisinternal
ORDER BY 1";

/// Rights on tables that the user does not have.
const LACKING: &str = "
SELECT right_ || ' on ' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) right_
WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = ANY ($2)
    AND NOT (c.relname = 'cluster' AND right_ IN ('INSERT', 'DELETE'))
    AND NOT has_table_privilege(c.oid, right_)
ORDER BY 1";
const TABLES: [&str; 8] = ["cluster", "server", "beat", "job", "progress", "pace", "dead", "setting"];

/// Makes sure that the tables are there, as they should be.
pub(super) async fn prepare(client: &mut Client, settings: &Settings) -> Result<(), Unusable> {
    let number: String = client.query_one("SHOW server_version_num", &[]).await?.try_get(0)?;
    check_server(&number)?;
    if found(client, &settings.schema).await? != Found::Version(VERSION) {
        make(client, settings).await?;
    }
    let schema = &settings.schema;
    let lacking: bool = client.query_one("SELECT has_schema_privilege($1, 'USAGE')", &[schema]).await?.try_get(0)?;
    let mut lacks: Vec<String> = if lacking { Vec::new() } else { vec!["USAGE on the schema itself".into()] };
    for row in client.query(LACKING, &[schema, &&TABLES[..]]).await? {
        lacks.push(row.try_get(0)?);
    }
    if !lacks.is_empty() {
        return Err(unusable(schema, &format!("the user lacks rights: {}", lacks.join(", "))));
    }
    let made = client.query_one(&settings.statement("SELECT objects FROM @.cluster"), &[]).await?;
    let (made, found) = (made.try_get::<_, Vec<String>>(0)?, objects(client, schema).await?);
    match difference(&made, &found) {
        Some(difference) => Err(unusable(schema, &format!("it was changed by hand: {difference}"))),
        None => Ok(()),
    }
}

fn unusable(schema: &str, text: &str) -> Unusable {
    Unusable::for_good(format!("schema {schema}: {text}"))
}

fn check_server(number: &str) -> Result<(), Unusable> {
    match number.parse::<u32>().map(|number| number / 10_000) {
        Ok(major) if major >= OLDEST => Ok(()),
        _ => Err(Unusable::for_good(format!(
            "the server is too old ({number}): it must be PostgreSQL {OLDEST} or newer"
        ))),
    }
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A schema without any tables.
    Empty,
    Version(i32),
}

async fn found(client: &impl GenericClient, schema: &str) -> Result<Found, Unusable> {
    let select = "SELECT c.relname::text, a.attname IS NOT NULL FROM pg_namespace n
        LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND c.relname = 'cluster' AND a.attname = 'objects'
        WHERE n.nspname = $1 ORDER BY 2 DESC, 1";
    let rows = client.query(select, &[&schema]).await?;
    let Some(first) = rows.first() else { return Ok(Found::Nothing) };
    if first.try_get::<_, Option<&str>>(0)?.is_none() {
        return Ok(Found::Empty);
    }
    if !first.try_get::<_, bool>(1)? {
        let names: Vec<&str> = rows.iter().filter_map(|row| row.try_get(0).ok()).take(5).collect();
        let text = format!("it has tables of somebody else ({}): name another by --cluster-schema", names.join(", "));
        return Err(unusable(schema, &text));
    }
    let select = format!("SELECT version FROM {}.cluster", quoted(schema));
    match client.query(&select, &[]).await?.as_slice() {
        [row] => match row.try_get(0)? {
            version if version <= VERSION => Ok(Found::Version(version)),
            newer => {
                let text =
                    format!("it is of a newer gearmand (version {newer}; this one knows {VERSION}): use that one");
                Err(unusable(schema, &text))
            }
        },
        _ => Err(unusable(schema, "it was changed by hand: table cluster must have one row")),
    }
}

async fn make(client: &mut Client, settings: &Settings) -> Result<(), Unusable> {
    let schema = &settings.schema;
    let transaction = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('gearmand:' || $1, 0))";
    transaction.execute(lock, &[schema]).await?;
    // Somebody else may have made it meanwhile.
    let there = found(&transaction, schema).await?;
    let (from, text) = match there {
        Found::Nothing => (0, format!("CREATE SCHEMA {};{MAKE}", quoted(schema))),
        Found::Empty => (0, MAKE.to_owned()),
        Found::Version(version) => (version, MIGRATIONS.iter().skip(version as usize - 1).copied().collect()),
    };
    transaction.batch_execute(&settings.statement(&text)).await.map_err(|error| {
        let Unusable { text, passes } = error.into();
        Unusable { text: format!("schema {schema}: it cannot be made or migrated: {text}"), passes }
    })?;
    let objects = objects(&transaction, schema).await?;
    let text = match from {
        0 => "INSERT INTO @.cluster (version, next_id, objects) VALUES ($1, 1, $2)",
        _ => "UPDATE @.cluster SET version = $1, objects = $2",
    };
    transaction.execute(&settings.statement(text), &[&VERSION, &objects]).await?;
    Ok(transaction.commit().await?)
}

async fn objects(client: &impl GenericClient, schema: &str) -> Result<Vec<String>, Unusable> {
    let rows = client.query(OBJECTS, &[&schema]).await?;
    rows.iter().map(|row| row.try_get(0).map_err(Unusable::from)).collect()
}

/// What is missing, and what was added that can do harm. An index or a column more does none.
fn difference(made: &[String], found: &[String]) -> Option<String> {
    let harms = |line: &&String| !line.starts_with("index ") && !line.starts_with("column ");
    let missing = made.iter().filter(|line| !found.contains(line)).map(|line| format!("there is no {line}"));
    let added = found.iter().filter(|line| !made.contains(line)).filter(harms).map(|line| format!("there is {line}"));
    let lines: Vec<String> = missing.chain(added).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_are_too_old_are_refused() {
        assert!(check_server("150007").is_ok() && check_server("120000").is_ok());
        let error = check_server("110022").unwrap_err();
        assert!(error.text.contains("PostgreSQL 12") && !error.passes, "{error}");
    }

    #[test]
    fn harmless_additions_are_none() {
        let lines = |text: &str| text.split(';').map(str::to_owned).collect::<Vec<_>>();
        let made = lines("column a.b bigint;unique index i of a: btree (b)");
        let more = |line: &str| [&made[..], &[line.to_owned()]].concat();
        assert_eq!(difference(&made, &more("index mine of a: btree (b)")), None);
        assert_eq!(difference(&made, &more("column a.c text")), None);
        assert!(difference(&made, &more("needed column a.c text")).is_some());
        assert!(difference(&made, &more("trigger t of a")).is_some());
        assert!(difference(&made, &made[..1]).is_some_and(|text| text.contains("no unique index i")));
    }
}
