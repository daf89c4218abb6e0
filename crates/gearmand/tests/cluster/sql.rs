//! The database as an operator sees it: statements that nobody else waits for.

use super::until;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// A connection. In statements, `@` stands for the schema.
pub(crate) struct Sql {
    runtime: Runtime,
    client: Client,
    schema: String,
}

impl Sql {
    pub(crate) fn connect(url: &str, schema: &str) -> Sql {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Sql { runtime, client, schema: schema.to_owned() }
    }

    fn statement(&self, text: &str) -> String {
        text.replace('@', &self.schema)
    }

    pub(crate) fn execute(&self, text: &str) {
        self.runtime.block_on(self.client.batch_execute(&self.statement(text))).unwrap();
    }

    /// A row for each, of numbers.
    pub(crate) fn numbers<const N: usize>(&self, text: &str) -> Vec<[i64; N]> {
        let rows = self.runtime.block_on(self.client.query(&self.statement(text), &[])).unwrap();
        rows.iter().map(|row| std::array::from_fn(|column| row.get(column))).collect()
    }

    pub(crate) fn number(&self, text: &str) -> i64 {
        self.numbers::<1>(text)[0][0]
    }

    /// Names and numbers.
    pub(crate) fn named(&self, text: &str) -> Vec<(String, i64)> {
        let rows = self.runtime.block_on(self.client.query(&self.statement(text), &[])).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub(crate) fn until(&self, text: &str, wanted: i64) {
        until(text, || (self.number(text) == wanted).then_some(()));
    }

    /// Milliseconds since 1970, by the database's clock.
    pub(crate) fn now(&self) -> i64 {
        self.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    }

    /// How many servers renewed their leases since then.
    pub(crate) fn heard_of(&self, since: i64) -> i64 {
        self.number(&format!("SELECT count(*) FROM @.beat WHERE at > to_timestamp({since} / 1000.0)"))
    }

    pub(crate) fn until_heard_of(&self, servers: i64, since: i64) {
        until("leases are renewed", || (self.heard_of(since) == servers).then_some(()));
    }
}
