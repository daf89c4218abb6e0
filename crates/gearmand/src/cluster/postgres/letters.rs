//! Dead letters: shown by pages, kept within bounds, and all of a function's forgotten or tried again.
//!
//! What always holds: whoever changes letters locks them in the order of their ids, so that two servers never wait for each other.

use crate::cluster::ask::{Answer, Bound, Cleared, Letter, Letters, LettersOf, Place};
use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::rows::{bytes, job, natural, number};
use crate::cluster::postgres::session::Session;
use crate::cluster::postgres::settings::Settings;
use crate::cluster::postgres::statements::questions as statements;
use bytes::Bytes;
use tokio_postgres::{Row, Statement};

/// So many letters are changed at once.
const PIECE: i64 = 1_000;
/// A page, or a piece, ends with the letter whose workload makes it that large.
const PAGE_BYTES: i64 = 16 << 20;
/// So far letters are counted.
const MOST: i64 = 100_000;

/// Prepared statements.
pub(super) struct DeadLetters {
    page: Statement,
    page_of: Statement,
    letter: Statement,
    trim: Statement,
    forget: Statement,
    revive: Statement,
}

impl DeadLetters {
    pub(super) async fn prepare(session: &Session, settings: &Settings) -> Result<DeadLetters, Unusable> {
        let (all, of) = (statements::letters("true"), statements::letters("d.function = $6"));
        let prepare = |text| session.prepare(settings, text);
        let (page, page_of, letter, trim, forget, revive) = tokio::try_join!(
            prepare(&all),
            prepare(&of),
            prepare(statements::LETTER),
            prepare(statements::TRIM),
            prepare(statements::FORGET_ALL),
            prepare(statements::REVIVE_ALL),
        )?;
        Ok(DeadLetters { page, page_of, letter, trim, forget, revive })
    }

    pub(super) async fn page(
        &self,
        session: &Session,
        function: Option<&Bytes>,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Answer, Outcome> {
        let (last_ms, id) = numbers(after);
        let limit = i64::from(limit);
        let rows = match function.map(|name| &name[..]) {
            Some(name) => session.query(&self.page_of, &[&last_ms, &id, &limit, &PAGE_BYTES, &MOST, &name]).await?,
            None => session.query(&self.page, &[&last_ms, &id, &limit, &PAGE_BYTES, &MOST]).await?,
        };
        let letters = read_page(&rows).map_err(|e| Outcome::of(&e))?;
        Ok(Answer::Letters(letters))
    }

    pub(super) async fn letter(&self, session: &Session, id: u64) -> Result<Answer, Outcome> {
        let rows = session.query(&self.letter, &[&number(id)]).await?;
        let read = rows.first().map(letter).transpose().map_err(|e| Outcome::of(&e))?;
        Ok(Answer::Letter(read.map(Box::new)))
    }

    pub(super) async fn trim(&self, session: &Session, bounds: &[Bound]) -> Result<Answer, Outcome> {
        // More than there will ever be.
        let most = |count: u64| number(count).min(i64::MAX / 2);
        let functions: Vec<&[u8]> = bounds.iter().map(|bound| &bound.function[..]).collect();
        let counts: Vec<i64> = bounds.iter().map(|bound| most(bound.count)).collect();
        let oldest: Vec<i64> = bounds.iter().map(|bound| number(bound.oldest_ms)).collect();
        let gone = session.query(&self.trim, &[&functions, &counts, &oldest, &PIECE]).await?;
        Ok(Answer::Trimmed(gone.len() as u64))
    }

    pub(super) async fn forget_all(&self, session: &Session, of: &LettersOf) -> Result<Answer, Outcome> {
        clear(session, &self.forget, of).await
    }

    pub(super) async fn revive_all(&self, session: &Session, of: &LettersOf) -> Result<Answer, Outcome> {
        clear(session, &self.revive, of).await
    }
}

fn numbers(place: Option<Place>) -> (i64, i64) {
    place.map_or((-1, -1), |place| (number(place.last_ms), number(place.id)))
}

async fn clear(session: &Session, statement: &Statement, of: &LettersOf) -> Result<Answer, Outcome> {
    let (last_ms, id) = numbers(of.after);
    let rows = session.query(statement, &[&&of.function[..], &last_ms, &id, &PIECE, &PAGE_BYTES, &MOST]).await?;
    let read = |row: &Row| {
        let (made, left) = (natural(row.try_get(0)?), natural(row.try_get(1)?));
        let last: Option<(i64, i64)> = row.try_get::<_, Option<i64>>(2)?.zip(row.try_get(3)?);
        let next = last.filter(|_| left > 0).map(|(last_ms, id)| Place { last_ms: natural(last_ms), id: natural(id) });
        Ok(Cleared { made, left, next })
    };
    let cleared: Option<Cleared> = rows.first().map(read).transpose().map_err(|e| Outcome::of(&e))?;
    Ok(Answer::Cleared(cleared.unwrap_or_default()))
}

/// As `letter!` in statements.rs has it.
fn letter(row: &Row) -> Result<Letter, tokio_postgres::Error> {
    let last_ms = natural(row.try_get(9)?);
    Ok(Letter { row: job(row)?, last_ms, reason: bytes(row, 10)?, text: bytes(row, 11)?, worker: bytes(row, 12)? })
}

/// Each row says how many letters there are, and how many from the page on; one that has no id is no letter.
fn read_page(rows: &[Row]) -> Result<Letters, tokio_postgres::Error> {
    let mut letters = Letters::default();
    let mut found = 0;
    for row in rows {
        letters.total = natural(row.try_get(13)?);
        if row.try_get::<_, Option<i64>>(0)?.is_some() {
            letters.page.push(letter(row)?);
            found = natural(row.try_get(14)?);
        }
    }
    let more = found > letters.page.len() as u64;
    letters.next = letters.page.last().filter(|_| more).map(Letter::place);
    Ok(letters)
}
