//! Rows of the tables -> jobs, dead letters and settings. Whoever has `psql` may have written them, so each column is looked
//! at; what is wrong with one is said with its name. They are fetched a few at a time.

use crate::durable::columns::{due, priority, tries, whole};
use crate::durable::postgres::failure;
use crate::durable::postgres::names::EXACT;
use crate::durable::postgres::schema::Schema;
use crate::durable::remote::Failure;
use crate::durable::row_key::RowKeys;
use crate::durable::{DeadLetter, Extras, MAX_ID, Name, Record, Row, Setting, Take};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row as Columns};

/// Rows of a page.
const PAGE: u32 = 500;

/// Gives out all there is, as a transaction: nobody changes it meanwhile. The largest id.
pub(super) async fn replay(
    client: &Client,
    schema: &Schema,
    keys: &mut RowKeys,
    take: &mut Take<'_>,
) -> Result<u64, Failure> {
    let Schema { queue, dead, settings, .. } = schema;
    let run = async |statement: &str| client.batch_execute(statement).await.map_err(|e| schema.explained(&e));
    run("BEGIN").await?;
    let read = async {
        let last = number(client, schema).await?;
        let select = format!("SELECT key, value FROM {settings} ORDER BY key");
        each(client, &select, settings, &mut |columns| {
            let setting = Setting { key: bytes(columns, 0, "key")?, value: bytes(columns, 1, "value")? };
            take(&Record::Setting(setting)).map_err(str::to_owned)
        })
        .await?;
        let select = format!(
            "SELECT id, unique_key, function_name, priority::bigint, data, NULL::bigint, reducer, tries::bigint,
                 first_ms, NULL::bigint, last_ms, convert_to(reason, 'UTF8'), message, worker FROM {dead}
                 ORDER BY last_ms, id"
        );
        each(client, &select, dead, &mut |columns| {
            let name = Name {
                id: id(columns)?,
                unique: bytes(columns, 1, "unique_key")?,
                function: bytes(columns, 2, "function_name")?,
            };
            let letter = DeadLetter {
                row: job(columns, name)?,
                last_ms: whole(integer(columns, 10, "last_ms")?),
                reason: bytes(columns, 11, "reason")?,
                text: bytes(columns, 12, "message")?,
                worker: bytes(columns, 13, "worker")?,
            };
            take(&Record::Dead(letter)).map_err(str::to_owned)
        })
        .await?;
        let select = format!(
            "SELECT job_id, unique_key, function_name, priority::bigint, data, when_to_run::bigint, reducer,
                 tries::bigint, first_ms, due_ms, exact_key, exact_function FROM {queue} ORDER BY job_id"
        );
        each(client, &select, queue, &mut |columns| {
            let id = id(columns)?;
            let key = some(columns, 1, "unique_key")?.ok_or("its unique_key is NULL")?;
            let name = match some(columns, 11, "exact_function")? {
                Some(function) => Name { id, unique: bytes(columns, 10, "exact_key")?, function },
                None => {
                    let function = some(columns, 2, "function_name")?.ok_or("its function_name is NULL")?;
                    let unique = match key.starts_with(EXACT.as_bytes()) {
                        true => keys.read_other(id, key),
                        false => keys.read(id, key),
                    };
                    Name { id, unique, function }
                }
            };
            take(&Record::Job(job(columns, name)?)).map_err(str::to_owned)
        })
        .await?;
        Ok(last)
    };
    let read = read.await;
    run(if read.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    read
}

/// Rows without a number get one, in the order of their places: C gearmand wrote them, or somebody who copied rows. The
/// largest that there is.
async fn number(client: &Client, schema: &Schema) -> Result<u64, Failure> {
    let Schema { queue, dead, .. } = schema;
    let largest = format!(
        "SELECT greatest((SELECT max(job_id) FROM {queue} WHERE job_id < {MAX_ID}),
             (SELECT max(id) FROM {dead} WHERE id < {MAX_ID}), 0)"
    );
    let refused = |error| schema.explained(&error);
    let last: i64 = client.query_one(&largest, &[]).await.map_err(refused)?.get(0);
    let number = format!(
        "WITH rows AS (SELECT ctid AS place, job_id AS id, row_number() OVER (PARTITION BY job_id ORDER BY ctid) AS copy
             FROM {queue}),
         odd AS (SELECT place, row_number() OVER (ORDER BY place) AS n FROM rows WHERE id IS NULL OR copy > 1
             OR id NOT BETWEEN 1 AND {MAX_ID} - 1 OR EXISTS (SELECT 1 FROM {dead} d WHERE d.id = rows.id))
         UPDATE {queue} q SET job_id = {last} + odd.n FROM odd WHERE q.ctid = odd.place"
    );
    let numbered = client.execute(&number, &[]).await.map_err(refused)?;
    Ok(whole(last) + numbered)
}

/// Gives out the rows of a query; what is wrong with one is said with its place.
async fn each(
    client: &Client,
    select: &str,
    table: &str,
    take: &mut dyn FnMut(&Columns) -> Result<(), String>,
) -> Result<(), Failure> {
    let declare = format!("DECLARE page NO SCROLL CURSOR FOR {select}");
    client.batch_execute(&declare).await.map_err(|e| failure(&e))?;
    let fetch = client.prepare(&format!("FETCH {PAGE} FROM page")).await.map_err(|e| failure(&e))?;
    let mut number = 0u64;
    loop {
        let page = client.query(&fetch, &[]).await.map_err(|e| failure(&e))?;
        for columns in &page {
            number += 1;
            take(columns).map_err(|reason| Failure::Refused(format!("row {number} of its table {table}: {reason}")))?;
        }
        if page.is_empty() {
            break;
        }
    }
    client.batch_execute("CLOSE page").await.map_err(|e| failure(&e))
}

/// The bytes of a column of text or bytes.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::BYTEA, Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(kind)
    }
}

fn some<'a>(columns: &'a Columns, i: usize, what: &str) -> Result<Option<&'a [u8]>, String> {
    let read: Result<Option<Raw<'_>>, _> = columns.try_get(i);
    Ok(read.map_err(|_| format!("its {what} is no text"))?.map(|raw| raw.0))
}

fn bytes<'a>(columns: &'a Columns, i: usize, what: &str) -> Result<&'a [u8], String> {
    some(columns, i, what).map(Option::unwrap_or_default)
}

fn integer(columns: &Columns, i: usize, what: &str) -> Result<i64, String> {
    let read: Result<Option<i64>, _> = columns.try_get(i);
    Ok(read.map_err(|_| format!("its {what} is no number"))?.unwrap_or_default())
}

fn id(columns: &Columns) -> Result<u64, String> {
    integer(columns, 0, "id").map(whole)
}

/// The job of this name. After its id, key and function come priority, workload, when to run, reducer, tries, first and due.
fn job<'a>(columns: &'a Columns, name: Name<'a>) -> Result<Row<'a>, String> {
    let (when, due_ms) = (integer(columns, 5, "when_to_run")?, integer(columns, 9, "due_ms")?);
    Ok(Row {
        name,
        priority: priority(integer(columns, 3, "priority")?)?,
        data: bytes(columns, 4, "data")?,
        due_ms: due(when, due_ms),
        extras: Extras {
            reducer: some(columns, 6, "reducer")?,
            tries: tries(integer(columns, 7, "tries")?)?,
            first_ms: whole(integer(columns, 8, "first_ms")?),
        },
    })
}
