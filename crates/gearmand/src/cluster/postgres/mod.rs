//! The store of a shared queue in a PostgreSQL database.
//!
//! ```text
//! asks ──> Store ── writes, one after the other ──> a session ──> PostgreSQL
//!                ── questions that take long ─────> another one
//!                ── all else, without waiting ────> a third one
//!          woken <── notifications ────────────────
//! ```
//!
//! Knows what is asked and answered, and nothing of who asks and why. What always holds:
//!
//! - An ask is one statement, or statements that are sent as one: no transaction is ever open while nobody works on it.
//! - Only the database's clock decides what is due, and who is dead.
//! - A beat waits for no write, and no question: it goes another way, to a row of its own.
//! - When a session breaks, the store is of no use any more, and another has to be made.

mod error;
mod letters;
mod overview;
mod rows;
mod schema;
mod servers;
mod session;
pub(crate) mod settings;
mod statements;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use error::Unusable;

use crate::cluster::ask::{Answer, Ask, Fault};
use crate::cluster::postgres::error::Outcome;
use crate::cluster::postgres::letters::DeadLetters;
use crate::cluster::postgres::overview::Overview;
use crate::cluster::postgres::servers::Servers;
use crate::cluster::postgres::session::{Session, in_time};
use crate::cluster::postgres::settings::{Settings, quoted};
use crate::cluster::postgres::writes::Writes;
use bytes::Bytes;
use tokio::sync::mpsc;

/// How many wake-ups are kept for who looks late. Those that are lost are made good by looking now and then.
const WAKE_UPS: usize = 1000;

/// See the module. To be made and used in a runtime of tokio's.
pub(crate) struct Store {
    writing: Session,
    writes: Writes,
    asking: Session,
    letters: DeadLetters,
    overview: Overview,
    beside: Session,
    servers: Servers,
}

impl Store {
    /// Connects, makes the tables where there are none, and brings older ones up to date. The functions that get free jobs are
    /// told to whoever has the receiver.
    ///
    /// # Errors
    /// [`Unusable`] when the database cannot be reached, or must not be used.
    pub(crate) async fn open(settings: &Settings) -> Result<(Store, mpsc::Receiver<Bytes>), Unusable> {
        let (wakes, woken) = mpsc::channel(WAKE_UPS);
        // On the heap: so much at once takes a large part of a stack.
        let session = |woken| Box::pin(Session::open(settings, woken));
        let (mut writing, asking, mut beside) = tokio::try_join!(session(None), session(None), session(Some(wakes)))?;
        let prepared = Box::pin(async {
            schema::prepare(writing.client(), settings).await?;
            let writes = Writes::prepare(&writing, settings).await?;
            let letters = DeadLetters::prepare(&asking, settings).await?;
            let overview = Overview::prepare(&asking, settings).await?;
            let servers = Servers::prepare(&beside, &asking, settings).await?;
            if !settings.pooled {
                beside.client().batch_execute(&format!("LISTEN {}", quoted(&settings.schema))).await?;
            }
            Ok((Store { writing, writes, asking, letters, overview, beside, servers }, woken))
        });
        in_time(prepared).await
    }

    /// One transaction. Those that are serial must be asked one after the other. What is asked is on its way with the first
    /// poll, and may be done even if nobody waits for the answer.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Answer, Fault> {
        Ok(self.answer(ask).await?)
    }

    async fn answer(&self, ask: &Ask) -> Result<Answer, Outcome> {
        let (writes, servers) = (&self.writes, &self.servers);
        let (letters, overview) = (&self.letters, &self.overview);
        let session = match ask {
            _ if ask.is_serial() => &self.writing,
            _ if ask.is_question() => &self.asking,
            _ => &self.beside,
        };
        match ask {
            Ask::Join { name, address, after } => servers.join(session, name, address, *after).await,
            Ask::Beat(epoch) => servers.beat(session, *epoch).await,
            Ask::Leave(epoch) => servers.leave(session, *epoch).await,
            Ask::Sweep(epoch) => servers.sweep(session, *epoch).await,
            Ask::Settings { known } => servers.settings(session, *known).await,
            Ask::Block { count } => servers.block(session, *count).await,
            Ask::Wake(functions) => servers.wake(session, functions).await,
            Ask::Look(which) => servers.look(session, which).await,
            Ask::LetterIds => letters.ids(session).await,
            Ask::Letters(ids) => letters.some(session, ids).await,
            Ask::Servers => overview.servers(session).await,
            Ask::Counts(functions) => overview.counts(session, functions.as_deref()).await,
            Ask::Write { epoch, turn, write } => writes.write(session, *epoch, *turn, write).await,
            Ask::Resume { epoch, turn, rows } => writes.resume(session, *epoch, *turn, rows).await,
            Ask::Owned(epoch) => writes.owned(session, *epoch).await,
        }
    }

    /// A session broke, or is of no use any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.writing.is_broken() || self.asking.is_broken() || self.beside.is_broken()
    }
}
