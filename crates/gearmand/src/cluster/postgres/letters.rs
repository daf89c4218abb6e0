//! Dead letters: which there are, and what they are.

use crate::cluster::ask::{Answer, Letter};
use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::rows::{bytes, job, natural, number};
use crate::cluster::postgres::session::Session;
use crate::cluster::postgres::settings::Settings;
use crate::cluster::postgres::statements::questions as statements;
use tokio_postgres::{Row, Statement};

/// An answer ends with the letter whose workload makes it that large.
const MOST_BYTES: i64 = 16 << 20;
/// So many are told of. Servers keep fewer.
const MOST: i64 = 1_000_000;

/// Prepared statements.
pub(super) struct DeadLetters {
    ids: Statement,
    some: Statement,
}

impl DeadLetters {
    pub(super) async fn prepare(session: &Session, settings: &Settings) -> Result<DeadLetters, Unusable> {
        let prepare = |text| session.prepare(settings, text);
        let (ids, some) = tokio::try_join!(prepare(statements::LETTER_IDS), prepare(statements::LETTERS))?;
        Ok(DeadLetters { ids, some })
    }

    pub(super) async fn ids(&self, session: &Session) -> Result<Answer, Outcome> {
        let rows = session.query(&self.ids, &[&MOST]).await?;
        let ids = rows.iter().map(|row| Ok((natural(row.try_get(0)?), natural(row.try_get(1)?))));
        ids.collect::<Result<_, _>>().map(Answer::LetterIds).map_err(|e: tokio_postgres::Error| Outcome::of(&e))
    }

    pub(super) async fn some(&self, session: &Session, ids: &[u64]) -> Result<Answer, Outcome> {
        let ids: Vec<i64> = ids.iter().map(|id| number(*id)).collect();
        let rows = session.query(&self.some, &[&ids, &MOST_BYTES]).await?;
        let letters = rows.iter().map(letter).collect::<Result<_, _>>();
        letters.map(Answer::Letters).map_err(|e| Outcome::of(&e))
    }
}

/// As `letter!` in statements.rs has it.
fn letter(row: &Row) -> Result<Letter, tokio_postgres::Error> {
    let last_ms = natural(row.try_get(9)?);
    Ok(Letter { row: job(row)?, last_ms, reason: bytes(row, 10)?, text: bytes(row, 11)?, worker: bytes(row, 12)? })
}
