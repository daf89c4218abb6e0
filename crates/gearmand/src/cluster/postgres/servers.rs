//! What changes no jobs of a living server: servers come, are heard of and go, settings, numbers for jobs, wake-ups, and looking.

use crate::cluster::ask::{AllSettings, Answer, Beat, Epoch, Seen, SeenState, Swept, Which};
use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::rows::{natural, number};
use crate::cluster::postgres::session::{Session, payload_of};
use crate::cluster::postgres::settings::Settings;
use crate::cluster::postgres::statements;
use bytes::Bytes;
use tokio_postgres::{Row, SimpleQueryMessage, Statement};

/// Prepared statements.
pub(super) struct Servers {
    join: Statement,
    beat: Statement,
    settings: Statement,
    block: Statement,
    wake: Statement,
    look_id: Statement,
    look_key: Statement,
    look_unique: Statement,
    /// Texts of those that are more than one.
    leave: String,
    sweep: String,
    /// Of wake-ups; none where nobody would hear.
    channel: Option<String>,
}

impl Servers {
    /// Looking goes another way than all else.
    pub(super) async fn prepare(session: &Session, asking: &Session, settings: &Settings) -> Result<Servers, Unusable> {
        let (by_id, by_key, by_unique) = (statements::look_id(), statements::look_key(), statements::look_unique());
        let prepare = |text| session.prepare(settings, text);
        let (join, beat, settled, block, wake, look_id, look_key, look_unique) = tokio::try_join!(
            prepare(statements::JOIN),
            prepare(statements::BEAT),
            prepare(statements::SETTINGS),
            prepare(statements::BLOCK),
            prepare(statements::WAKE),
            asking.prepare(settings, &by_id),
            asking.prepare(settings, &by_key),
            asking.prepare(settings, &by_unique),
        )?;
        Ok(Servers {
            join,
            beat,
            settings: settled,
            block,
            wake,
            look_id,
            look_key,
            look_unique,
            leave: settings.statement(statements::LEAVE),
            sweep: settings.statement(statements::SWEEP),
            channel: (!settings.pooled).then(|| settings.schema.clone()),
        })
    }

    pub(super) async fn join(
        &self,
        session: &Session,
        name: &str,
        address: &str,
        after: Option<Epoch>,
    ) -> Result<Answer, Outcome> {
        let rows = session.query(&self.join, &[&name, &address, &after.map(number)]).await?;
        one(&rows, |row| Ok(Answer::Joined { epoch: natural(row.try_get(0)?), namesake: row.try_get(1)? }))
    }

    pub(super) async fn beat(&self, session: &Session, epoch: Epoch) -> Result<Answer, Outcome> {
        let rows = session.query(&self.beat, &[&number(epoch)]).await?;
        let eldest = rows.first().map(|row| row.try_get(0)).transpose().map_err(|e| Outcome::of(&e))?;
        Ok(Answer::Beat(match eldest {
            None => Beat::Dead,
            Some(false) => Beat::Lives,
            Some(true) => Beat::Eldest,
        }))
    }

    pub(super) async fn settings(&self, session: &Session, known: Option<u64>) -> Result<Answer, Outcome> {
        let rows = session.query(&self.settings, &[&known.map_or(-1, number)]).await?;
        let read = |row: &Row| match row.try_get::<_, Option<&[u8]>>(1)? {
            Some(key) => Ok(Some((Bytes::copy_from_slice(key), Bytes::copy_from_slice(row.try_get(2)?)))),
            None => Ok(None),
        };
        let all: Result<Vec<Option<(Bytes, Bytes)>>, tokio_postgres::Error> = rows.iter().map(read).collect();
        let all = all.map_err(|e| Outcome::of(&e))?;
        one(rows.get(..1).unwrap_or_default(), |row| {
            let version = natural(row.try_get(0)?);
            let new = AllSettings { version, all: all.iter().flatten().cloned().collect() };
            Ok(Answer::Settings((known != Some(version)).then_some(new)))
        })
    }

    pub(super) async fn sweep(&self, session: &Session, epoch: Epoch) -> Result<Answer, Outcome> {
        // Without parameters, because it is more than one statement.
        let sweep = self.sweep.replace("$1", &epoch.to_string());
        Ok(Answer::Swept(swept(&session.simple(&sweep).await?)))
    }

    pub(super) async fn block(&self, session: &Session, count: u64) -> Result<Answer, Outcome> {
        let rows = session.query(&self.block, &[&number(count)]).await?;
        one(&rows, |row| Ok(Answer::Block(natural(row.try_get(0)?))))
    }

    pub(super) async fn wake(&self, session: &Session, functions: &[Bytes]) -> Result<Answer, Outcome> {
        if let Some(channel) = self.channel.as_ref().filter(|_| !functions.is_empty()) {
            let payloads: Vec<String> = functions.iter().map(|function| payload_of(function)).collect();
            session.query(&self.wake, &[channel, &payloads]).await?;
        }
        Ok(Answer::Done)
    }

    pub(super) async fn leave(&self, session: &Session, epoch: Epoch) -> Result<Answer, Outcome> {
        // Without parameters, because it is more than one statement.
        session.simple(&self.leave.replace("$1", &epoch.to_string())).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn look(&self, session: &Session, which: &Which) -> Result<Answer, Outcome> {
        let rows = match which {
            Which::Id(id) => session.query(&self.look_id, &[&number(*id)]).await?,
            Which::Unique(unique) => session.query(&self.look_unique, &[&&unique[..]]).await?,
            Which::Key(row) => match row.key() {
                Some(key) => session.query(&self.look_key, &[&key.function, &key.unique, &key.data]).await?,
                None => Vec::new(),
            },
        };
        let seen = rows.first().map(seen).transpose();
        Ok(Answer::Looked(seen.map_err(|e| Outcome::of(&e))?))
    }
}

fn one(rows: &[Row], read: impl Fn(&Row) -> Result<Answer, tokio_postgres::Error>) -> Result<Answer, Outcome> {
    match rows {
        [row] => read(row).map_err(|e| Outcome::of(&e)),
        _ => Err(Outcome::NotDone("the schema was changed by hand: table cluster must have one row".into())),
    }
}

fn seen(row: &Row) -> Result<Seen, tokio_postgres::Error> {
    let part = |column| Ok(row.try_get::<_, Option<i64>>(column)?.map(|part| part.try_into().unwrap_or(u32::MAX)));
    let progress: Option<(u32, u32)> = part(7)?.zip(part(8)?);
    let state = match (row.try_get::<_, Option<bool>>(5)?, row.try_get::<_, Option<i64>>(3)?) {
        (None, _) => SeenState::Dead,
        (Some(_), None) => SeenState::Free,
        (Some(started), Some(_)) => SeenState::Owned { server: row.try_get(4)?, started, progress },
    };
    let tries = row.try_get::<_, i32>(1)?.try_into().unwrap_or(u16::MAX);
    let function = Bytes::copy_from_slice(row.try_get(6)?);
    Ok(Seen { id: natural(row.try_get(0)?), function, tries, due_ms: natural(row.try_get(2)?), state })
}

/// Of the first statement the rows, of the second how many there were.
fn swept(messages: &[SimpleQueryMessage]) -> Swept {
    let mut swept = Swept::default();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => swept.died.extend(row.get(0).map(str::to_owned)),
            SimpleQueryMessage::CommandComplete(rows) => swept.freed = *rows,
            _ => {}
        }
    }
    swept
}
