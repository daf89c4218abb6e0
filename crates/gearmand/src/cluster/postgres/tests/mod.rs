//! The store against a real PostgreSQL, each test in a schema of its own.

mod asks;
mod faults;
mod letters;
mod limits;
mod overview;
mod schema;
mod servers;
mod settle;
mod size;

use crate::cluster::ask::{Answer, Ask, Epoch, Fault, Inserted, JobRow, NewRow, Settle, Settled, Want, Write};
use crate::cluster::postgres::Store;
use crate::cluster::postgres::settings::Settings;
use crate::durable::tests::databases::{Database, Kind};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls};

/// A schema in a database.
struct Place {
    settings: Settings,
    url: String,
}

/// `None`: there is no PostgreSQL here, and that was said.
fn place() -> Option<Place> {
    Database::shared(Kind::Postgres).map(place_in)
}

fn place_in(database: &Database) -> Place {
    let url = format!("host={} user=postgres dbname=postgres", database.folder());
    Place { settings: settings(&url, &format!("Store {}", Database::name())), url }
}

/// Nobody beats in most tests, however long they take on a busy machine.
const DEAD_AFTER: Duration = Duration::from_secs(3600);

fn settings(url: &str, schema: &str) -> Settings {
    Settings {
        dead_after: DEAD_AFTER,
        heard_for: Duration::ZERO,
        ..Settings::new(url, |_| None, None, schema).unwrap()
    }
}

impl Place {
    async fn open(&self) -> Store {
        self.listening().await.0
    }

    async fn listening(&self) -> (Store, mpsc::Receiver<Bytes>) {
        // On a machine that is so busy that a statement times out, it is tried again, as servers do.
        until(async || match Store::open(&self.settings).await {
            Err(error) if error.passes => None,
            opened => Some(opened.unwrap()),
        })
        .await
    }

    async fn server(&self) -> Server {
        Server::join(self.open().await, "a").await
    }

    /// Somebody else's connection.
    async fn admin(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// `@` stands for the schema.
    async fn execute(&self, text: &str) {
        self.admin().await.batch_execute(&self.settings.statement(text)).await.unwrap();
    }

    async fn number(&self, text: &str) -> i64 {
        self.admin().await.query_one(&self.settings.statement(text), &[]).await.unwrap().get(0)
    }
}

/// A store as one server uses it.
struct Server {
    store: Store,
    epoch: Epoch,
    turn: AtomicU64,
}

impl Server {
    async fn join(store: Store, name: &str) -> Server {
        let joined = store.ask(&Ask::Join { name: name.into(), address: "here".into(), after: None }).await;
        let Ok(Answer::Joined { epoch, .. }) = joined else { panic!("{joined:?}") };
        Server { store, epoch, turn: AtomicU64::new(0) }
    }

    fn next_write(&self, write: Write) -> Ask {
        Ask::Write { epoch: self.epoch, turn: self.turn.fetch_add(1, Ordering::Relaxed) + 1, write }
    }

    async fn write(&self, write: Write) -> Result<Answer, Fault> {
        self.store.ask(&self.next_write(write)).await
    }

    async fn insert(&self, rows: Vec<NewRow>) -> Vec<Inserted> {
        match self.write(Write::Insert(rows.into())).await {
            Ok(Answer::Inserted(fates)) => fates,
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self, function: &str, count: u32) -> Vec<JobRow> {
        let want = Want { function: Bytes::copy_from_slice(function.as_bytes()), count, limit: None };
        match self.write(Write::Claim(vec![want])).await {
            Ok(Answer::Rows(rows, _)) => rows,
            other => panic!("{other:?}"),
        }
    }

    async fn claim_ids(&self, function: &str, count: u32) -> Vec<u64> {
        self.claim(function, count).await.iter().map(|row| row.id).collect()
    }

    async fn settle(&self, changes: Vec<Settle>) -> Vec<Settled> {
        match self.write(Write::Settle(changes.into())).await {
            Ok(Answer::Settled(fates)) => fates,
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&self, ask: Ask) -> Answer {
        self.store.ask(&ask).await.unwrap()
    }

    async fn owned(&self) -> Vec<u64> {
        match self.ask(Ask::Owned(self.epoch)).await {
            Answer::Owned(mut ids) => {
                ids.sort_unstable();
                ids
            }
            other => panic!("{other:?}"),
        }
    }

    async fn block(&self, count: u64) -> u64 {
        match self.ask(Ask::Block { count }).await {
            Answer::Block(first) => first,
            other => panic!("{other:?}"),
        }
    }
}

fn job(id: u64, function: &str, unique: &str) -> JobRow {
    JobRow {
        id,
        function: Bytes::copy_from_slice(function.as_bytes()),
        unique: Bytes::copy_from_slice(unique.as_bytes()),
        priority: Priority::Normal,
        data: Bytes::from_static(b"data\0"),
        reducer: None,
        tries: 0,
        first_ms: 0,
        due_ms: 0,
    }
}

fn free(row: JobRow) -> NewRow {
    NewRow { row, own: false }
}

fn own(row: JobRow) -> NewRow {
    NewRow { row, own: true }
}

/// Without a key, of function `f`.
fn jobs(ids: impl IntoIterator<Item = u64>, own: bool) -> Vec<NewRow> {
    ids.into_iter().map(|id| NewRow { row: job(id, "f", ""), own }).collect()
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// What is awaited comes in a time that is long enough for a busy machine.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.unwrap()
}

/// Asks until the answer is this.
async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
