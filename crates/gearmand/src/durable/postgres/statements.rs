//! Segments -> statements of many rows each, which are on their way together.

use crate::durable::Row;
use crate::durable::columns::{integer, seconds};
use crate::durable::postgres::names::Names;
use crate::durable::postgres::schema::Schema;
use crate::durable::remote::Part;
use crate::durable::segments::{Segment, Target};
use tokio_postgres::{Client, Error, Statement};

/// Prepared once in a session.
pub(super) struct Statements {
    remove: Statement,
    add: Statement,
    retry: Statement,
    bury: Statement,
    forget: Statement,
    set: Statement,
    unset: Statement,
    /// Text is to be ASCII.
    ascii: bool,
}

impl Statements {
    pub(super) async fn prepare(client: &Client, schema: &Schema, ascii: bool) -> Result<Statements, Error> {
        let Schema { queue, dead, settings, .. } = schema;
        let row = "q.unique_key = r.k AND q.function_name = r.f AND q.job_id = r.i";
        let (remove, add, retry) = (
            format!(
                "DELETE FROM {queue} q USING unnest($1::text[], $2::text[], $3::bigint[]) AS r(k, f, i) WHERE {row}"
            ),
            format!(
                "INSERT INTO {queue} (unique_key, function_name, priority, data, when_to_run, job_id, due_ms, reducer,
                     tries, first_ms, exact_key, exact_function)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::bytea[], $5::integer[], $6::bigint[],
                     $7::bigint[], $8::bytea[], $9::integer[], $10::bigint[], $11::bytea[], $12::bytea[])
                 ON CONFLICT (unique_key, function_name) DO UPDATE SET priority = excluded.priority,
                     data = excluded.data, when_to_run = excluded.when_to_run, job_id = excluded.job_id,
                     due_ms = excluded.due_ms, reducer = excluded.reducer, tries = excluded.tries,
                     first_ms = excluded.first_ms, exact_key = excluded.exact_key,
                     exact_function = excluded.exact_function"
            ),
            format!(
                "UPDATE {queue} q SET when_to_run = r.w, due_ms = r.due, tries = r.tries, first_ms = r.first
                 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[], $6::integer[],
                     $7::bigint[]) AS r(k, f, i, w, due, tries, first) WHERE {row}"
            ),
        );
        let (bury, forget, set, unset) = (
            format!(
                "INSERT INTO {dead} (id, unique_key, function_name, priority, data, reducer, tries, first_ms, last_ms,
                     reason, message, worker)
                 SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[],
                     $7::integer[], $8::bigint[], $9::bigint[], $10::text[], $11::bytea[], $12::bytea[])
                 ON CONFLICT (id) DO UPDATE SET unique_key = excluded.unique_key,
                     function_name = excluded.function_name, priority = excluded.priority, data = excluded.data,
                     reducer = excluded.reducer, tries = excluded.tries, first_ms = excluded.first_ms,
                     last_ms = excluded.last_ms, reason = excluded.reason, message = excluded.message,
                     worker = excluded.worker"
            ),
            format!("DELETE FROM {dead} WHERE id = ANY($1::bigint[])"),
            format!(
                "INSERT INTO {settings} (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            ),
            format!("DELETE FROM {settings} WHERE key = ANY($1::bytea[])"),
        );
        Ok(Statements {
            remove: client.prepare(&remove).await?,
            add: client.prepare(&add).await?,
            retry: client.prepare(&retry).await?,
            bury: client.prepare(&bury).await?,
            forget: client.prepare(&forget).await?,
            set: client.prepare(&set).await?,
            unset: client.prepare(&unset).await?,
            ascii,
        })
    }

    /// All is sent before the first answer is waited for. Where one is refused, so are those behind it.
    pub(super) async fn execute(&self, client: &Client, segment: &Segment<'_>, part: Part) -> Result<(), Error> {
        let simple = async |wanted: bool, statement: &str| match wanted {
            true => client.batch_execute(statement).await,
            false => Ok(()),
        };
        let (began, removed, added, retried, buried, forgotten, set, unset, ended) = tokio::join!(
            biased;
            simple(part.first, "BEGIN"),
            self.remove(client, &segment.removed),
            self.add(client, &segment.added),
            self.retry(client, segment),
            self.bury(client, segment),
            self.forget(client, &segment.forgotten),
            self.set(client, segment),
            self.unset(client, &segment.unset),
            simple(part.last, "COMMIT"),
        );
        began.and(removed).and(added).and(retried).and(buried).and(forgotten).and(set).and(unset).and(ended)
    }

    async fn remove(&self, client: &Client, targets: &[Target<'_>]) -> Result<(), Error> {
        if targets.is_empty() {
            return Ok(());
        }
        let names: Vec<Names<'_>> = targets.iter().map(|target| Names::of(target, self.ascii)).collect();
        let keys: Vec<&str> = names.iter().map(|name| &*name.key).collect();
        let functions: Vec<&str> = names.iter().map(|name| &*name.function).collect();
        let ids: Vec<i64> = targets.iter().map(|target| integer(target.id)).collect();
        client.execute(&self.remove, &[&keys, &functions, &ids]).await.map(drop)
    }

    async fn add(&self, client: &Client, added: &[(Target<'_>, Row<'_>)]) -> Result<(), Error> {
        if added.is_empty() {
            return Ok(());
        }
        let names: Vec<Names<'_>> = added.iter().map(|(target, _)| Names::of(target, self.ascii)).collect();
        let rows = || added.iter().map(|(_, row)| row);
        let keys: Vec<&str> = names.iter().map(|name| &*name.key).collect();
        let functions: Vec<&str> = names.iter().map(|name| &*name.function).collect();
        let priorities: Vec<i32> = rows().map(|row| row.priority as i32).collect();
        let data: Vec<&[u8]> = rows().map(|row| row.data).collect();
        let whens: Vec<i32> = rows().map(|row| seconds(row.due_ms)).collect();
        let ids: Vec<i64> = rows().map(|row| integer(row.name.id)).collect();
        let dues: Vec<Option<i64>> = rows().map(|row| (row.due_ms > 0).then_some(integer(row.due_ms))).collect();
        let reducers: Vec<Option<&[u8]>> = rows().map(|row| row.extras.reducer).collect();
        let tries: Vec<Option<i32>> = rows().map(|row| some(row.extras.tries).map(i32::from)).collect();
        let firsts: Vec<Option<i64>> = rows().map(|row| some(row.extras.first_ms).map(integer)).collect();
        let exact_keys: Vec<Option<&[u8]>> = names.iter().map(|name| name.exact.map(|exact| exact.0)).collect();
        let exact_functions: Vec<Option<&[u8]>> = names.iter().map(|name| name.exact.map(|exact| exact.1)).collect();
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 12] = [
            &keys,
            &functions,
            &priorities,
            &data,
            &whens,
            &ids,
            &dues,
            &reducers,
            &tries,
            &firsts,
            &exact_keys,
            &exact_functions,
        ];
        client.execute(&self.add, &columns).await.map(drop)
    }

    async fn retry(&self, client: &Client, segment: &Segment<'_>) -> Result<(), Error> {
        let retried = &segment.retried;
        if retried.is_empty() {
            return Ok(());
        }
        let names: Vec<Names<'_>> = retried.iter().map(|retry| Names::of(&retry.target, self.ascii)).collect();
        let keys: Vec<&str> = names.iter().map(|name| &*name.key).collect();
        let functions: Vec<&str> = names.iter().map(|name| &*name.function).collect();
        let ids: Vec<i64> = retried.iter().map(|retry| integer(retry.target.id)).collect();
        let whens: Vec<i32> = retried.iter().map(|retry| seconds(retry.due_ms)).collect();
        let dues: Vec<i64> = retried.iter().map(|retry| integer(retry.due_ms)).collect();
        let tries: Vec<i32> = retried.iter().map(|retry| i32::from(retry.tries)).collect();
        let firsts: Vec<i64> = retried.iter().map(|retry| integer(retry.first_ms)).collect();
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&keys, &functions, &ids, &whens, &dues, &tries, &firsts];
        client.execute(&self.retry, &columns).await.map(drop)
    }

    async fn bury(&self, client: &Client, segment: &Segment<'_>) -> Result<(), Error> {
        let letters = &segment.buried;
        if letters.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = letters.iter().map(|letter| integer(letter.row.name.id)).collect();
        let keys: Vec<&[u8]> = letters.iter().map(|letter| letter.row.name.unique).collect();
        let functions: Vec<&[u8]> = letters.iter().map(|letter| letter.row.name.function).collect();
        let priorities: Vec<i32> = letters.iter().map(|letter| letter.row.priority as i32).collect();
        let data: Vec<&[u8]> = letters.iter().map(|letter| letter.row.data).collect();
        let reducers: Vec<Option<&[u8]>> = letters.iter().map(|letter| letter.row.extras.reducer).collect();
        let tries: Vec<i32> = letters.iter().map(|letter| i32::from(letter.row.extras.tries)).collect();
        let firsts: Vec<i64> = letters.iter().map(|letter| integer(letter.row.extras.first_ms)).collect();
        let lasts: Vec<i64> = letters.iter().map(|letter| integer(letter.last_ms)).collect();
        // One of our own words.
        let reasons: Vec<&str> =
            letters.iter().map(|letter| std::str::from_utf8(letter.reason).unwrap_or_default()).collect();
        let texts: Vec<&[u8]> = letters.iter().map(|letter| letter.text).collect();
        let workers: Vec<&[u8]> = letters.iter().map(|letter| letter.worker).collect();
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 12] = [
            &ids,
            &keys,
            &functions,
            &priorities,
            &data,
            &reducers,
            &tries,
            &firsts,
            &lasts,
            &reasons,
            &texts,
            &workers,
        ];
        client.execute(&self.bury, &columns).await.map(drop)
    }

    async fn forget(&self, client: &Client, ids: &[u64]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = ids.iter().copied().map(integer).collect();
        client.execute(&self.forget, &[&ids]).await.map(drop)
    }

    async fn set(&self, client: &Client, segment: &Segment<'_>) -> Result<(), Error> {
        if segment.set.is_empty() {
            return Ok(());
        }
        let keys: Vec<&[u8]> = segment.set.iter().map(|setting| setting.key).collect();
        let values: Vec<&[u8]> = segment.set.iter().map(|setting| setting.value).collect();
        client.execute(&self.set, &[&keys, &values]).await.map(drop)
    }

    async fn unset(&self, client: &Client, keys: &[&[u8]]) -> Result<(), Error> {
        match keys.is_empty() {
            true => Ok(()),
            false => client.execute(&self.unset, &[&keys]).await.map(drop),
        }
    }
}

/// What is nothing is not written.
fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}
