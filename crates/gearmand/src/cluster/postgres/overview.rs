//! What there is: servers, and how many jobs.
//!
//! What always holds: nothing is counted further than is quick, however long the queue is; beyond, what the database knows from
//! its statistics is taken.

use crate::cluster::ask::{Answer, Counted, Counts, ServerSeen};
use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::rows::{bytes, natural};
use crate::cluster::postgres::session::{Session, payload_of};
use crate::cluster::postgres::settings::Settings;
use crate::cluster::postgres::statements::questions as statements;
use bytes::Bytes;
use tokio_postgres::{Row, SimpleQueryMessage, Statement};

/// Of a function, so many are counted of each kind.
const MOST: i64 = 10_000;
/// So many functions are found where none are named.
const FUNCTIONS: i64 = 10_000;
/// What a server owns is counted up to this: as a rule it is less, for it keeps no more than it can run soon.
const OWNED: i64 = 100_000;
/// Those that died last are shown.
const DIED: i64 = 50;

/// Prepared statements.
pub(super) struct Overview {
    servers: Statement,
    functions: Statement,
    counts: Statement,
    /// Text, for a function in place of `$1`.
    estimates: [String; 2],
}

impl Overview {
    pub(super) async fn prepare(session: &Session, settings: &Settings) -> Result<Overview, Unusable> {
        let prepare = |text| session.prepare(settings, text);
        let (servers, functions, counts) = tokio::try_join!(
            prepare(statements::SERVERS),
            prepare(statements::FUNCTIONS),
            prepare(statements::COUNTS)
        )?;
        let estimates = ["<=", ">"].map(|compares| settings.statement(&statements::estimate(compares)));
        Ok(Overview { servers, functions, counts, estimates })
    }

    pub(super) async fn servers(&self, session: &Session) -> Result<Answer, Outcome> {
        let rows = session.query(&self.servers, &[&OWNED, &DIED]).await?;
        let servers: Result<Vec<ServerSeen>, tokio_postgres::Error> = rows.iter().map(server).collect();
        servers.map(Answer::Servers).map_err(|e| Outcome::of(&e))
    }

    pub(super) async fn counts(&self, session: &Session, functions: Option<&[Bytes]>) -> Result<Answer, Outcome> {
        let found;
        let names: Vec<&[u8]> = match functions {
            Some(named) => named.iter().map(|name| &name[..]).collect(),
            None => {
                found = session.query(&self.functions, &[&FUNCTIONS]).await?;
                let names: Result<Vec<&[u8]>, _> = found.iter().map(|row| row.try_get(0)).collect();
                names.map_err(|e| Outcome::of(&e))?
            }
        };
        // One more, to know whether there are more.
        let rows = session.query(&self.counts, &[&names, &(MOST + 1)]).await?;
        let counts: Result<Vec<Counts>, tokio_postgres::Error> = rows.iter().map(counts).collect();
        let mut counts = counts.map_err(|e| Outcome::of(&e))?;
        for Counts { function, due, later, .. } in &mut counts {
            for (counted, text) in [due, later].into_iter().zip(&self.estimates) {
                if !counted.exact {
                    let estimate = text.replace("$1", &format!("'\\x{}'::bytea", payload_of(function)));
                    counted.count = counted.count.max(estimated(&session.simple(&estimate).await?));
                }
            }
        }
        Ok(Answer::Counts(counts))
    }
}

fn server(row: &Row) -> Result<ServerSeen, tokio_postgres::Error> {
    let time = |column| Ok(row.try_get::<_, Option<i64>>(column)?.map(natural));
    Ok(ServerSeen {
        epoch: natural(row.try_get(0)?),
        name: row.try_get(1)?,
        address: row.try_get(2)?,
        joined_ms: natural(row.try_get(3)?),
        silent_ms: time(4)?,
        died_ms: time(5)?,
        has_left: row.try_get(6)?,
        owned: natural(row.try_get(7)?),
    })
}

fn counts(row: &Row) -> Result<Counts, tokio_postgres::Error> {
    let counted = |column| {
        let count: i64 = row.try_get(column)?;
        Ok(Counted { count: natural(count.min(MOST)), exact: count <= MOST })
    };
    Ok(Counts { function: bytes(row, 0)?, due: counted(1)?, later: counted(2)?, owned: counted(3)?, dead: counted(4)? })
}

/// How many rows a plan expects, at its top.
fn estimated(plan: &[SimpleQueryMessage]) -> u64 {
    let lines = plan.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let rows = lines.filter_map(|line| line.split_once(" rows=")?.1.split(' ').next()?.parse().ok());
    rows.into_iter().next().unwrap_or_default()
}
