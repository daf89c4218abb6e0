//! What changes rows, in turns: new jobs, claims, what became of jobs, and whether a write in doubt was made.
//!
//! What always holds: a write is one statement. What it left undone is looked for by others behind it; where that fails, the write
//! is in doubt, for it was made.

use crate::cluster::ask::{Answer, Epoch, Inserted, JobRow, NewRow, Settle, Settled, Want, Write};
use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::rows::{bytes, job, natural, number};
use crate::cluster::postgres::session::{Parameters, Session};
use crate::cluster::postgres::settings::Settings;
use crate::cluster::postgres::statements;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio_postgres::{Row, Statement};

/// A claim stops with the job whose workload makes it that large.
const CLAIM_BYTES: i64 = 64 << 20;

/// Prepared statements.
pub(super) struct Writes {
    insert: Statement,
    pub(super) twins: Statement,
    there: Statement,
    claim: Statement,
    claim_limited: Statement,
    done: Statement,
    settle: Statement,
    rivals: Statement,
    burn: Statement,
    known: Statement,
    owned: Statement,
}

/// Rows by ids: what became of them.
type Fates = HashMap<u64, Inserted>;

impl Writes {
    pub(super) async fn prepare(session: &Session, settings: &Settings) -> Result<Writes, Unusable> {
        let prepare = |text| session.prepare(settings, text);
        let (insert, twins, there, claim, claim_limited, done, settle, rivals, burn, known, owned) = tokio::try_join!(
            prepare(statements::INSERT),
            prepare(statements::TWINS),
            prepare(statements::THERE),
            prepare(statements::CLAIM),
            prepare(statements::CLAIM_LIMITED),
            prepare(statements::DONE),
            prepare(statements::SETTLE),
            prepare(statements::RIVALS),
            prepare(statements::BURN),
            prepare(statements::KNOWN),
            prepare(statements::OWNED),
        )?;
        Ok(Writes { insert, twins, there, claim, claim_limited, done, settle, rivals, burn, known, owned })
    }

    pub(super) async fn write(
        &self,
        session: &Session,
        epoch: Epoch,
        turn: u64,
        write: &Write,
    ) -> Result<Answer, Outcome> {
        let fence = (number(epoch), number(turn));
        match write {
            Write::Insert(rows) => self.insert(session, fence, rows).await,
            Write::Settle(changes) => self.settle(session, fence, changes).await,
            Write::Claim(wants) => self.claim(session, fence, wants).await,
        }
    }

    async fn insert(&self, session: &Session, fence: (i64, i64), rows: &[NewRow]) -> Result<Answer, Outcome> {
        let jobs = || rows.iter().map(|new| &new.row);
        let ids: Vec<i64> = jobs().map(|row| number(row.id)).collect();
        let functions: Vec<&[u8]> = jobs().map(|row| &row.function[..]).collect();
        let keys: Vec<&[u8]> = jobs().map(|row| &row.unique[..]).collect();
        let priorities: Vec<i16> = jobs().map(|row| row.priority as i16).collect();
        let dues: Vec<i64> = jobs().map(|row| number(row.due_ms)).collect();
        let tries: Vec<i32> = jobs().map(|row| row.tries.into()).collect();
        let firsts: Vec<i64> = jobs().map(|row| number(row.first_ms)).collect();
        let own: Vec<bool> = rows.iter().map(|new| new.own).collect();
        let reducers: Vec<Option<&[u8]>> = jobs().map(|row| row.reducer.as_deref()).collect();
        let data: Vec<&[u8]> = jobs().map(|row| &row.data[..]).collect();
        let added = session
            .query(
                &self.insert,
                &[
                    &fence.0,
                    &fence.1,
                    &ids,
                    &functions,
                    &keys,
                    &priorities,
                    &dues,
                    &tries,
                    &firsts,
                    &own,
                    &reducers,
                    &data,
                ],
            )
            .await?;
        let added: HashSet<u64> = session.behind(ids_of(&added, 0))?;
        if !added.contains(&0) {
            return Ok(Answer::Fenced);
        }
        let left: Vec<&JobRow> = jobs().filter(|row| !added.contains(&row.id)).collect();
        let fates = session.behind(self.twins(session, &left).await)?;
        let fate = |row: &JobRow| match added.contains(&row.id) {
            true => Inserted::Stored,
            false => fates.get(&row.id).copied().unwrap_or(Inserted::Missed),
        };
        Ok(Answer::Inserted(jobs().map(fate).collect()))
    }

    /// Those of these jobs whose keys others have.
    async fn twins(&self, session: &Session, jobs: &[&JobRow]) -> Result<Fates, Outcome> {
        if jobs.is_empty() {
            return Ok(Fates::new());
        }
        let ids: Vec<i64> = jobs.iter().map(|row| number(row.id)).collect();
        let keys: Vec<_> = jobs.iter().map(|row| row.key()).collect();
        let functions: Vec<Option<&[u8]>> = keys.iter().map(|key| key.map(|key| key.function)).collect();
        let uniques: Vec<Option<&[u8]>> = keys.iter().map(|key| key.map(|key| key.unique)).collect();
        let data: Vec<Option<&[u8]>> = keys.iter().map(|key| key.map(|key| key.data)).collect();
        let twins = session.query(&self.twins, &[&ids, &functions, &uniques, &data]).await?;
        let twin = |row: &Row| Ok((natural(row.try_get(0)?), Inserted::Exists(natural(row.try_get(1)?))));
        twins.iter().map(|row| twin(row).map_err(|e| Outcome::of(&e))).collect()
    }

    async fn claim(&self, session: &Session, fence: (i64, i64), wants: &[Want]) -> Result<Answer, Outcome> {
        let functions: Vec<&[u8]> = wants.iter().map(|want| &want.function[..]).collect();
        let counts: Vec<i64> = wants.iter().map(|want| want.count.into()).collect();
        let rows = if wants.iter().any(|want| want.limit.is_some()) {
            let limit = |want: &Want| want.limit.unwrap_or_default();
            let most: Vec<Option<i64>> = wants.iter().map(|want| limit(want).concurrency.map(i64::from)).collect();
            let rates = || wants.iter().map(|want| limit(want).rate);
            let steps: Vec<Option<i64>> = rates().map(|rate| rate.map(|r| number(r.interval_us).max(1))).collect();
            let bursts: Vec<Option<i64>> = rates().map(|rate| rate.map(|r| i64::from(r.burst).max(1))).collect();
            let parameters: &Parameters<'_> =
                &[&fence.0, &fence.1, &functions, &counts, &CLAIM_BYTES, &most, &steps, &bursts];
            session.query(&self.claim_limited, parameters).await?
        } else {
            session.query(&self.claim, &[&fence.0, &fence.1, &functions, &counts, &CLAIM_BYTES]).await?
        };
        let claimed = claimed(&rows).map_err(|e| Outcome::of(&e));
        Ok(session.behind(claimed)?.unwrap_or(Answer::Fenced))
    }

    async fn settle(&self, session: &Session, fence: (i64, i64), changes: &[Settle]) -> Result<Answer, Outcome> {
        let mut kinds = Kinds::of(changes);
        let Kinds { done, retry, bury, started, release, forget, revive, set, unset, progress, over } = &mut kinds;
        // Two servers must not wait for each other.
        for ids in [&mut *done, &mut *started, &mut *release, &mut *forget, &mut *revive] {
            ids.sort_unstable();
        }
        progress.sort_unstable();
        over.sort_unstable();
        set.sort_unstable();
        unset.sort_unstable();
        let rows = if done.len() == changes.len() {
            session.query(&self.done, &[&fence.0, &fence.1, done]).await?
        } else {
            let retries: Vec<i64> = retry.iter().map(|r| r.id).collect();
            let retry_tries: Vec<i32> = retry.iter().map(|r| r.tries).collect();
            let retry_firsts: Vec<i64> = retry.iter().map(|r| r.first_ms).collect();
            let dues: Vec<i64> = retry.iter().map(|r| r.time_ms).collect();
            let buried: Vec<i64> = bury.iter().map(|(r, _)| r.id).collect();
            let bury_tries: Vec<i32> = bury.iter().map(|(r, _)| r.tries).collect();
            let bury_firsts: Vec<i64> = bury.iter().map(|(r, _)| r.first_ms).collect();
            let lasts: Vec<i64> = bury.iter().map(|(r, _)| r.time_ms).collect();
            let [reasons, texts, workers] = [0, 1, 2].map(|part| bury.iter().map(|b| b.1[part]).collect::<Vec<_>>());
            let of: Vec<i64> = progress.iter().map(|said| said[0]).collect();
            let [numerators, denominators] = [1, 2].map(|part| progress.iter().map(|p| p[part]).collect::<Vec<i64>>());
            let (keys, values): (Vec<&[u8]>, Vec<&[u8]>) = set.iter().copied().unzip();
            session
                .query(
                    &self.settle,
                    &[
                        &fence.0,
                        &fence.1,
                        done,
                        &retries,
                        &retry_tries,
                        &retry_firsts,
                        &dues,
                        &buried,
                        &bury_tries,
                        &bury_firsts,
                        &lasts,
                        &reasons,
                        &texts,
                        &workers,
                        started,
                        release,
                        forget,
                        revive,
                        &keys,
                        &values,
                        unset,
                        &of,
                        &numerators,
                        &denominators,
                        over,
                    ],
                )
                .await?
        };
        let made: Result<HashSet<(i16, u64)>, tokio_postgres::Error> =
            rows.iter().map(|row| Ok((row.try_get(0)?, natural(row.try_get(1)?)))).collect();
        let made = session.behind(made.map_err(|e| Outcome::of(&e)))?;
        if !made.contains(&(JOB, 0)) {
            return Ok(Answer::Fenced);
        }
        session.behind(self.fates(session, changes, &made).await)
    }

    /// What became of changes of which these were made.
    async fn fates(
        &self,
        session: &Session,
        changes: &[Settle],
        made: &HashSet<(i16, u64)>,
    ) -> Result<Answer, Outcome> {
        let undone = |wanted: i16| {
            let targets = changes.iter().filter_map(target);
            let undone = targets.filter(move |(kind, id)| *kind == wanted && !made.contains(&(*kind, *id)));
            undone.map(|(_, id)| number(id)).collect::<Vec<i64>>()
        };
        let (jobs, letters) = (undone(JOB), undone(REVIVED));
        let mut there = HashSet::new();
        if !jobs.is_empty() {
            there = ids_of(&session.query(&self.there, &[&jobs]).await?, 0)?;
        }
        let mut rivals = HashMap::new();
        if !letters.is_empty() {
            for row in session.query(&self.rivals, &[&letters]).await? {
                let rival = row.try_get::<_, Option<i64>>(1).map_err(|e| Outcome::of(&e))?;
                rivals.insert(id_of(&row, 0)?, rival.map(natural));
            }
        }
        let fate = |change: &Settle| match target(change) {
            None => Settled::Made,
            Some(target) if made.contains(&target) => Settled::Made,
            Some((REVIVED, id)) => match rivals.get(&id) {
                Some(Some(rival)) => Settled::Exists(*rival),
                // Its key was free again when it was looked for.
                Some(None) => Settled::Taken,
                None => Settled::Gone,
            },
            Some((_, id)) if there.contains(&id) => Settled::Taken,
            Some(_) => Settled::Gone,
        };
        Ok(Answer::Settled(changes.iter().map(fate).collect()))
    }

    pub(super) async fn resume(
        &self,
        session: &Session,
        epoch: Epoch,
        turn: u64,
        rows: &[NewRow],
    ) -> Result<Answer, Outcome> {
        let epoch = number(epoch);
        let burned = !session.query(&self.burn, &[&epoch, &number(turn)]).await?.is_empty();
        // An epoch that is not known writes nothing.
        if burned || session.query(&self.known, &[&epoch]).await?.is_empty() {
            return Ok(Answer::Resumed(None));
        }
        if rows.is_empty() {
            return Ok(Answer::Resumed(Some(Vec::new())));
        }
        let ids: Vec<i64> = rows.iter().map(|new| number(new.row.id)).collect();
        let there: HashSet<u64> = ids_of(&session.query(&self.there, &[&ids]).await?, 0)?;
        let left: Vec<&JobRow> = rows.iter().map(|new| &new.row).filter(|row| !there.contains(&row.id)).collect();
        let fates = self.twins(session, &left).await?;
        let fate = |new: &NewRow| match there.contains(&new.row.id) {
            true => Inserted::Stored,
            false => fates.get(&new.row.id).copied().unwrap_or(Inserted::Over),
        };
        Ok(Answer::Resumed(Some(rows.iter().map(fate).collect())))
    }

    pub(super) async fn owned(&self, session: &Session, epoch: Epoch) -> Result<Answer, Outcome> {
        let rows = session.query(&self.owned, &[&number(epoch)]).await?;
        Ok(Answer::Owned(ids_of(&rows, 0)?))
    }
}

/// Jobs, in the order in which they are to be run, and functions that may have more later. `None`: the fence was not passed.
fn claimed(rows: &[Row]) -> Result<Option<Answer>, tokio_postgres::Error> {
    let (mut jobs, mut waits, mut passed) = (Vec::new(), Vec::new(), false);
    for row in rows {
        let last: i64 = row.try_get(9)?;
        match row.try_get::<_, i64>(0)? {
            0 => passed = true,
            ..0 => waits.push((bytes(row, 1)?, Duration::from_micros(natural(last)))),
            _ => jobs.push((job(row)?, last)),
        }
    }
    jobs.sort_by_key(|(job, due)| (job.priority as u32, *due, job.id));
    Ok(passed.then(|| Answer::Rows(jobs.into_iter().map(|(job, _)| job).collect(), waits)))
}

fn id_of(row: &Row, column: usize) -> Result<u64, Outcome> {
    row.try_get(column).map(natural).map_err(|e| Outcome::of(&e))
}

fn ids_of<C: FromIterator<u64>>(rows: &[Row], column: usize) -> Result<C, Outcome> {
    rows.iter().map(|row| id_of(row, column)).collect()
}

/// What settling statements say of a row that they return.
const JOB: i16 = 0;
const FORGOT: i16 = 1;
const REVIVED: i16 = 2;

/// The job or letter that a change is of.
fn target(change: &Settle) -> Option<(i16, u64)> {
    match change {
        Settle::Done(id) | Settle::Retry { id, .. } | Settle::Started(id) | Settle::Release(id) => Some((JOB, *id)),
        Settle::Bury(death) => Some((JOB, death.id)),
        Settle::Progress { numerator: 0, denominator: 0, .. } => None,
        Settle::Progress { id, .. } => Some((JOB, *id)),
        Settle::Forget(id) => Some((FORGOT, *id)),
        Settle::Revive(id) => Some((REVIVED, *id)),
        Settle::Set(..) | Settle::Unset(_) => None,
    }
}

/// A job whose try failed.
struct Tried {
    id: i64,
    tries: i32,
    first_ms: i64,
    /// When it is due, or died.
    time_ms: i64,
}

/// Changes by their kinds.
#[derive(Default)]
struct Kinds<'a> {
    done: Vec<i64>,
    retry: Vec<Tried>,
    /// With reason, text and worker.
    bury: Vec<(Tried, [&'a [u8]; 3])>,
    started: Vec<i64>,
    release: Vec<i64>,
    forget: Vec<i64>,
    revive: Vec<i64>,
    set: Vec<(&'a [u8], &'a [u8])>,
    unset: Vec<&'a [u8]>,
    /// Id, numerator and denominator.
    progress: Vec<[i64; 3]>,
    /// What was said of their progress is not kept.
    over: Vec<i64>,
}

impl Tried {
    fn new(id: u64, tries: u16, first_ms: u64, time_ms: u64) -> Tried {
        Tried { id: number(id), tries: tries.into(), first_ms: number(first_ms), time_ms: number(time_ms) }
    }
}

impl<'a> Kinds<'a> {
    fn of(changes: &'a [Settle]) -> Kinds<'a> {
        let mut kinds = Kinds::default();
        for change in changes {
            match change {
                Settle::Done(id) => kinds.done.push(number(*id)),
                Settle::Retry { id, tries, first_ms, due_ms } => {
                    kinds.retry.push(Tried::new(*id, *tries, *first_ms, *due_ms));
                }
                Settle::Bury(death) => {
                    let tried = Tried::new(death.id, death.tries, death.first_ms, death.last_ms);
                    kinds.bury.push((tried, [&death.reason[..], &death.text, &death.worker]));
                }
                Settle::Started(id) => kinds.started.push(number(*id)),
                Settle::Release(id) => kinds.release.push(number(*id)),
                Settle::Forget(id) => kinds.forget.push(number(*id)),
                Settle::Revive(id) => kinds.revive.push(number(*id)),
                Settle::Set(key, value) => kinds.set.push((key, value)),
                Settle::Unset(key) => kinds.unset.push(key),
                Settle::Progress { id, numerator: 0, denominator: 0 } => kinds.over.push(number(*id)),
                Settle::Progress { id, numerator, denominator } => {
                    kinds.progress.push([number(*id), (*numerator).into(), (*denominator).into()]);
                }
            }
        }
        kinds
    }
}
