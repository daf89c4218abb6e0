//! A store in memory, which does what asks say and nothing more.

use crate::cluster::ask::*;
use crate::cluster::lease::{DEAD_AFTER, HEARD_FOR};
use crate::cluster::member::Wrong;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Stored {
    pub(super) row: JobRow,
    pub(super) owner: Option<Epoch>,
    started: bool,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) rows: BTreeMap<u64, Stored>,
    pub(super) dead: BTreeMap<u64, JobRow>,
    /// When jobs were over; of one that was tried again after its death, the last time.
    pub(super) over: HashMap<u64, Duration>,
    pub(super) done: HashSet<u64>,
    /// Jobs that were not stored because of others. Where that answer is lost and the other one is over meanwhile, they are said to
    /// be stored, and over.
    pub(super) joined: HashMap<u64, u64>,
    /// When epochs that live were heard of.
    pub(super) live: BTreeMap<Epoch, Duration>,
    /// Since when they were, without a gap.
    since: HashMap<Epoch, Duration>,
    /// When epochs were declared dead that owned rows, after they were last heard of.
    pub(super) takeovers: Vec<Duration>,
    turns: HashMap<Epoch, u64>,
    pub(super) settings: BTreeMap<Bytes, Bytes>,
    pub(super) progress: BTreeMap<(Epoch, u64), (u32, u32)>,
    version: u64,
    last_epoch: Epoch,
    last_id: u64,
    missed: u32,
    crowded: u32,
    /// Of functions with a rate: when the next token is due, and whether jobs wait for it.
    paces: HashMap<(Epoch, Bytes), (Duration, bool)>,
    /// When jobs of functions were claimed.
    pub(super) claimed: Vec<(Duration, Bytes)>,
    pub(super) wrong: Option<Wrong>,
    pub(super) bad: Option<String>,
}

/// The wall clock of the store.
pub(super) fn milliseconds(now: Duration) -> u64 {
    1_000_000_000_000 + now.as_millis() as u64
}

/// When a schedule ran, as a setting has it.
pub(super) fn run(value: &Bytes) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

fn is_free(now: Duration, stored: &Stored) -> bool {
    stored.owner.is_none() && stored.row.due_ms <= milliseconds(now)
}

impl Memory {
    /// Does it, and says of which functions others are to be told.
    pub(super) fn ask(&mut self, now: Duration, ask: &Ask) -> Answer {
        match ask {
            Ask::Join { after, .. } => {
                self.last_epoch += 1;
                if let Some(former) = after {
                    self.live.remove(former);
                    let owned = self.rows.values_mut().filter(|stored| stored.owner == Some(*former));
                    owned.for_each(|stored| stored.owner = Some(self.last_epoch));
                }
                self.live.insert(self.last_epoch, now);
                self.since.insert(self.last_epoch, now);
                self.turns.insert(self.last_epoch, 0);
                Answer::Joined { epoch: self.last_epoch, namesake: false }
            }
            Ask::Beat(epoch) => match self.live.get_mut(epoch) {
                Some(beat) => {
                    if std::mem::replace(beat, now) + HEARD_FOR < now {
                        self.since.insert(*epoch, now);
                    }
                    Answer::Beat(if self.is_eldest(now, *epoch) { Beat::Eldest } else { Beat::Lives })
                }
                None => Answer::Beat(Beat::Dead),
            },
            Ask::Leave(epoch) => {
                self.live.remove(epoch);
                self.free_orphans();
                Answer::Done
            }
            Ask::Sweep(epoch) => self.sweep(now, *epoch),
            Ask::Settings { known } => {
                let all = || self.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                let new = *known != Some(self.version);
                Answer::Settings(new.then(|| AllSettings { version: self.version, all: all() }))
            }
            Ask::Block { count } => {
                let first = self.last_id + 1;
                self.last_id += count;
                Answer::Block(first)
            }
            Ask::Wake(_) => Answer::Done,
            Ask::Look(which) => Answer::Looked(self.look(which)),
            Ask::Write { epoch, turn, write } => {
                let last = self.turns.get(epoch).copied().unwrap_or_default();
                let ordered = last + 1 == *turn || self.wrong == Some(Wrong::NoTurns);
                if !self.live.contains_key(epoch) || !ordered {
                    return Answer::Fenced;
                }
                self.turns.insert(*epoch, *turn);
                self.write(now, *epoch, write)
            }
            Ask::Resume { epoch, turn, rows } => {
                let last = self.turns.entry(*epoch).or_default();
                if *last + 1 == *turn {
                    *last = turn + 1;
                }
                Answer::Resumed((*last == *turn).then(|| rows.iter().map(|new| self.resumed(&new.row)).collect()))
            }
            Ask::LetterIds | Ask::Letters(_) | Ask::Servers | Ask::Counts(_) => {
                panic!("no server asks it by itself: {ask:?}")
            }
            Ask::Owned(epoch) => {
                let owned = self.rows.iter().filter(|(_, stored)| stored.owner == Some(*epoch));
                Answer::Owned(owned.map(|(id, _)| *id).collect())
            }
        }
    }

    fn is_eldest(&self, now: Duration, epoch: Epoch) -> bool {
        let silent = |beat: Duration| self.wrong == Some(Wrong::EldestTooSoon) && beat + Duration::from_secs(5) < now;
        self.live.range(..epoch).all(|(_, beat)| silent(*beat))
    }

    fn look(&self, which: &Which) -> Option<Seen> {
        let id = match which {
            Which::Id(id) => *id,
            Which::Unique(unique) => *self.rows.iter().find(|(_, stored)| stored.row.unique == *unique)?.0,
            Which::Key(row) => self.by_key(row)?,
        };
        if let Some(letter) = self.dead.get(&id) {
            return Some(Seen {
                id,
                function: letter.function.clone(),
                tries: letter.tries,
                due_ms: 0,
                state: SeenState::Dead,
            });
        }
        let stored = self.rows.get(&id)?;
        let state = match stored.owner {
            None => SeenState::Free,
            Some(epoch) => {
                let (server, started) = (epoch.to_string(), stored.started);
                SeenState::Owned { server, started, progress: self.progress.get(&(epoch, id)).copied() }
            }
        };
        Some(Seen {
            id,
            function: stored.row.function.clone(),
            tries: stored.row.tries,
            due_ms: stored.row.due_ms,
            state,
        })
    }

    fn sweep(&mut self, now: Duration, sweeper: Epoch) -> Answer {
        let heard = self.live.get(&sweeper).is_some_and(|beat| *beat + HEARD_FOR >= now);
        let may = heard && self.since[&sweeper] + HEARD_FOR <= now;
        let late = self.live.iter().filter(|(_, beat)| may && **beat + DEAD_AFTER < now);
        let died: Vec<Epoch> = late.map(|(epoch, _)| *epoch).collect();
        for epoch in &died {
            let beat = self.live.remove(epoch).unwrap();
            if self.rows.values().any(|stored| stored.owner == Some(*epoch)) {
                self.takeovers.push(now - beat);
            }
        }
        let freed = self.free_orphans();
        Answer::Swept(Swept { died: died.iter().map(ToString::to_string).collect(), freed })
    }

    fn free_orphans(&mut self) -> u64 {
        self.progress.retain(|(epoch, _), _| self.live.contains_key(epoch));
        let mut freed = 0;
        for stored in self.rows.values_mut() {
            if stored.owner.is_some_and(|owner| !self.live.contains_key(&owner)) {
                stored.row.tries += u16::from(stored.started);
                (stored.owner, stored.started, freed) = (None, false, freed + 1);
            }
        }
        freed
    }

    fn by_key(&self, row: &JobRow) -> Option<u64> {
        row.key()?;
        self.rows.iter().find(|(_, stored)| stored.row.key() == row.key()).map(|(id, _)| *id)
    }

    fn resumed(&self, row: &JobRow) -> Inserted {
        match self.by_key(row) {
            _ if self.rows.contains_key(&row.id) => Inserted::Stored,
            Some(id) => Inserted::Exists(id),
            None => Inserted::Over,
        }
    }

    fn write(&mut self, now: Duration, epoch: Epoch, write: &Write) -> Answer {
        match write {
            Write::Insert(rows) => {
                let keys: Vec<_> = rows.iter().filter_map(|new| new.row.key()).collect();
                if !keys.is_sorted_by(|a, b| a < b) {
                    self.bad = Some(format!("keys are not in order, or twice: {keys:?}"));
                }
                Answer::Inserted(rows.iter().map(|new| self.insert(epoch, new)).collect())
            }
            Write::Settle(settles) => {
                let ids: HashSet<_> = settles.iter().filter_map(Settle::id).collect();
                if ids.len() < settles.iter().filter_map(Settle::id).count() {
                    self.bad = Some(format!("a job twice: {settles:?}"));
                }
                Answer::Settled(settles.iter().map(|settle| self.settle(now, epoch, settle)).collect())
            }
            Write::Claim(wants) => {
                if !wants.is_sorted_by(|a, b| a.function < b.function) {
                    self.bad = Some(format!("functions are not in order, or twice: {wants:?}"));
                }
                let (mut rows, mut waits) = (Vec::new(), Vec::new());
                for want in wants {
                    let (count, wait) = match want.limit {
                        Some(limit) => self.room(now, epoch, want, &limit),
                        None => (want.count, None),
                    };
                    rows.extend(self.claim(now, epoch, &Want { count, ..want.clone() }));
                    waits.extend(wait.map(|after| (want.function.clone(), after)));
                }
                Answer::Rows(rows, waits)
            }
        }
    }

    fn insert(&mut self, epoch: Epoch, new: &NewRow) -> Inserted {
        if let Some(id) = self.by_key(&new.row) {
            self.joined.insert(new.row.id, id);
            self.missed += 1;
            // As if its holder were gone when it is looked for.
            return if self.missed.is_multiple_of(16) { Inserted::Missed } else { Inserted::Exists(id) };
        }
        let owner = new.own.then_some(epoch);
        self.rows.insert(new.row.id, Stored { row: new.row.clone(), owner, started: false });
        Inserted::Stored
    }

    fn settle(&mut self, now: Duration, epoch: Epoch, settle: &Settle) -> Settled {
        match settle {
            Settle::Set(key, value) => {
                self.version += 1;
                let before = self.settings.insert(key.clone(), value.clone());
                if key.starts_with(RUN) && before.as_ref().map(run) > Some(run(value)) {
                    self.bad = Some(format!("a last run goes back from {before:?} to {value:?}"));
                }
                return Settled::Made;
            }
            Settle::Unset(key) => {
                self.version += 1;
                self.settings.remove(key);
                return Settled::Made;
            }
            Settle::Progress { id, numerator: 0, denominator: 0 } => {
                self.progress.remove(&(epoch, *id));
                return Settled::Made;
            }
            Settle::Forget(id) => return if self.dead.remove(id).is_some() { Settled::Made } else { Settled::Gone },
            Settle::Revive(id) => return self.revive(*id),
            _ => {}
        }
        let id = settle.id().unwrap();
        let strict = settle.is_remark() || matches!(settle, Settle::Release(_));
        let Some(stored) = self.rows.get_mut(&id) else { return Settled::Gone };
        let allowed = stored.owner == Some(epoch) || (stored.owner.is_none() && !strict);
        if !allowed && self.wrong != Some(Wrong::NoFence) {
            return Settled::Taken;
        }
        let free = stored.owner.is_none();
        match settle {
            Settle::Started(_) => stored.started = true,
            Settle::Progress { numerator, denominator, .. } => {
                self.progress.insert((epoch, id), (*numerator, *denominator));
            }
            Settle::Release(_) => (stored.owner, stored.started) = (None, false),
            Settle::Retry { tries, first_ms, due_ms, .. } => {
                let row = &mut stored.row;
                row.tries = row.tries.max(*tries);
                row.due_ms = if free { row.due_ms.max(*due_ms) } else { *due_ms };
                row.first_ms = if row.first_ms > 0 { row.first_ms } else { *first_ms };
                (stored.owner, stored.started) = (None, false);
            }
            Settle::Done(_) => {
                self.rows.remove(&id);
                self.done.insert(id);
                self.over.insert(id, now);
            }
            Settle::Bury(death) => {
                let mut row = self.rows.remove(&id).unwrap().row;
                row.tries = row.tries.max(death.tries);
                self.dead.insert(id, row);
                self.over.insert(id, now);
            }
            Settle::Set(..) | Settle::Unset(_) | Settle::Forget(_) | Settle::Revive(_) => unreachable!(),
        }
        Settled::Made
    }

    fn revive(&mut self, id: u64) -> Settled {
        let Some(letter) = self.dead.get(&id) else { return Settled::Gone };
        if let Some(same) = self.by_key(letter) {
            return Settled::Exists(same);
        }
        let row = self.dead.remove(&id).unwrap();
        let row = JobRow { tries: 0, first_ms: 0, due_ms: 0, ..row };
        self.rows.insert(id, Stored { row, owner: None, started: false });
        Settled::Made
    }

    /// How many limits let be claimed now, and after how long there may be more. Tokens are taken.
    fn room(&mut self, now: Duration, epoch: Epoch, want: &Want, limit: &Limit) -> (u32, Option<Duration>) {
        self.crowded += 1;
        if self.crowded.is_multiple_of(8) {
            // As if others had claimed at the same time.
            return (0, Some(Duration::ZERO));
        }
        let counts = |owner: Epoch| self.wrong != Some(Wrong::LimitOfServer) || owner == epoch;
        let of = |stored: &&Stored| stored.row.function == want.function;
        let owned = self.rows.values().filter(of).filter(|stored| stored.owner.is_some_and(counts)).count() as u32;
        let places = limit.concurrency.map_or(u32::MAX, |most| most.saturating_sub(owned));
        let free = self.rows.values().filter(of).filter(|stored| is_free(now, stored)).count() as u32;
        let count = want.count.min(places).min(free);
        let Some(Pace { interval_us, burst }) = limit.rate else { return (count, None) };
        let interval = Duration::from_micros(interval_us);
        let ahead = interval * (burst - 1);
        let whose = if self.wrong == Some(Wrong::RateOfServer) { epoch } else { 0 };
        let (next, wanted) = self.paces.entry((whose, want.function.clone())).or_default();
        let base = (*next).max(now.saturating_sub(if *wanted { LATE } else { Duration::ZERO }));
        let tokens = match (now + ahead).checked_sub(base) {
            Some(since) => (since.as_micros() / interval.as_micros()) as u32 + 1,
            None => 0,
        };
        (*next, *wanted) = (base + interval * count.min(tokens), count > tokens);
        (count.min(tokens), wanted.then(|| (*next).saturating_sub(now + ahead)))
    }

    fn claim(&mut self, now: Duration, epoch: Epoch, want: &Want) -> Vec<JobRow> {
        let free = |stored: &&mut Stored| is_free(now, stored) && stored.row.function == want.function;
        let mut free: Vec<_> = self.rows.values_mut().filter(free).collect();
        free.sort_by_key(|stored| (stored.row.priority, stored.row.due_ms, stored.row.id));
        free.truncate(want.count as usize);
        free.iter_mut().for_each(|stored| stored.owner = Some(epoch));
        self.claimed.extend(free.iter().map(|stored| (now, stored.row.function.clone())));
        free.into_iter().map(|stored| stored.row.clone()).collect()
    }
}
