//! The rows that a server holds, and how many more it may: of each function only as many as its workers will begin soon.
//!
//! Knows nothing of the store. What always holds: of a function no more jobs wait here than its window.

use crate::cluster::ask::{Epoch, Limit, Want};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// A job that is begun for so long is marked as started.
const MARK_AFTER: Duration = Duration::from_secs(1);

/// A function whose jobs wait for tokens is claimed no sooner again: a store has more to do, and tokens that come late are not lost.
const NEXT_TOKENS: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub(crate) struct Held {
    rows: HashMap<u64, HeldRow>,
    functions: BTreeMap<Bytes, Function>,
    /// Most jobs of a function that wait here.
    window: u32,
}

/// A row that is, or was, this server's.
#[derive(Debug)]
struct HeldRow {
    function: Bytes,
    state: State,
    /// Who owns it; `None` where it was lost while it was run.
    epoch: Option<Epoch>,
    marked: bool,
    /// The store was told how far it is.
    progress: bool,
}

/// What was held of a row.
#[derive(Debug)]
pub(crate) struct Removed {
    /// Its function; empty where it is not known.
    pub(crate) function: Bytes,
    /// The store was told how far it is.
    pub(crate) progress: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For a worker. Only while it is owned.
    Waiting,
    /// A worker has it, since then.
    Begun(Duration),
    /// What became of it is on its way to the store.
    Ending,
    /// It is being given back. Only while it is owned.
    Released,
}

/// What is known of a function's workers.
#[derive(Debug, Default)]
struct Function {
    /// How many can run it, and how many of them have nothing to do.
    able: u32,
    idle: u32,
    /// How many jobs wait for them here.
    waiting: u32,
    begun: Rate,
    /// There may be free jobs.
    hinted: bool,
    /// Over all servers.
    limit: Option<Limit>,
    /// Limits let nothing be claimed before.
    not_before: Duration,
}

impl Function {
    /// How many of its free jobs are wanted: as many as idle workers can take, and will in a second; of one with limits
    /// no more than they can take now.
    fn wants(&mut self, now: Duration, window: u32) -> u32 {
        if let Some(limit) = self.limit {
            let may = limit.concurrency != Some(0);
            return if may { self.idle.min(window).saturating_sub(self.waiting) } else { 0 };
        }
        let reach = self.idle.saturating_add(self.begun.get(now)).min(window);
        let few = self.waiting < self.idle.max(reach / 2);
        if few && self.able > 0 { reach.saturating_sub(self.waiting) } else { 0 }
    }

    fn is_held_up(&self, now: Duration) -> bool {
        self.limit.is_some() && now < self.not_before
    }
}

/// How much there was in the second before.
#[derive(Debug, Default)]
struct Rate {
    second: u64,
    this: u32,
    last: u32,
}

impl Rate {
    fn add(&mut self, now: Duration) {
        self.turn(now);
        self.this = self.this.saturating_add(1);
    }

    fn turn(&mut self, now: Duration) {
        let second = now.as_secs();
        if second > self.second {
            self.last = if second == self.second + 1 { self.this } else { 0 };
            (self.second, self.this) = (second, 0);
        }
    }

    fn get(&mut self, now: Duration) -> u32 {
        self.turn(now);
        self.last.max(self.this)
    }
}

/// What a claimed row is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    New,
    /// A worker of ours has it already.
    Adopted,
    /// What became of it is on its way.
    Ending,
}

impl Held {
    pub(crate) fn new(window: u32) -> Held {
        Held { rows: HashMap::new(), functions: BTreeMap::new(), window }
    }

    fn function(&mut self, name: &Bytes) -> &mut Function {
        self.functions.entry(name.clone()).or_default()
    }

    /// How many workers can run a function, and how many have nothing to do. Of a function that is new there may be free jobs; of
    /// others that is known, however often their workers come and go.
    pub(crate) fn demand(&mut self, name: &Bytes, able: u32, idle: u32) {
        let new = !self.functions.contains_key(name);
        let function = self.function(name);
        (function.able, function.idle) = (able, idle);
        function.hinted |= new;
    }

    /// What holds for a function over all servers. None of its jobs is owned but by claims.
    pub(crate) fn limit(&mut self, name: &Bytes, limit: Option<Limit>) {
        let function = self.function(name);
        if function.limit != limit {
            (function.limit, function.not_before, function.hinted) = (limit, Duration::ZERO, true);
        }
    }

    /// There are free jobs of a function; of any, without a name.
    pub(crate) fn hint(&mut self, name: Option<&[u8]>) {
        match name {
            Some(name) => drop(self.functions.get_mut(name).map(|function| function.hinted = true)),
            None => self.functions.values_mut().for_each(|function| function.hinted = true),
        }
    }

    /// How many more jobs of a function may be kept that are submitted here: twice as many as it has workers, and as many as they
    /// begin in a second.
    pub(crate) fn room(&mut self, name: &Bytes, now: Duration) -> u32 {
        let window = self.window;
        let owns = |function: &&mut Function| function.able > 0 && function.limit.is_none();
        let Some(function) = self.functions.get_mut(name).filter(owns) else { return 0 };
        let reach = function.able.saturating_mul(2).saturating_add(function.begun.get(now));
        reach.min(window).saturating_sub(function.waiting)
    }

    /// What is to be claimed, of functions with free jobs. All may have some where `all` says so.
    pub(crate) fn wants(&mut self, now: Duration, all: bool) -> Vec<Want> {
        let window = self.window;
        let wanted = self.functions.iter_mut().filter_map(|(name, function)| {
            if !(all || function.hinted) || function.is_held_up(now) {
                return None;
            }
            let count = function.wants(now, window);
            (count > 0).then(|| Want { function: name.clone(), count, limit: function.limit })
        });
        wanted.collect()
    }

    /// These are asked for. What is heard of meanwhile may have come too late for that.
    pub(crate) fn asked(&mut self, wants: &[Want]) {
        for want in wants {
            self.function(&want.function).hinted = false;
        }
    }

    /// When limits let something be claimed that is wanted.
    pub(crate) fn held_up(&mut self, now: Duration) -> Option<Duration> {
        let window = self.window;
        let held_up = self.functions.values_mut().filter(|function| function.hinted && function.is_held_up(now));
        held_up.filter_map(|function| (function.wants(now, window) > 0).then_some(function.not_before)).min()
    }

    /// Does [`Held::wants`] without all have anything?
    pub(crate) fn is_hinted(&mut self, now: Duration) -> bool {
        self.functions.values().any(|function| function.hinted) && !self.wants(now, false).is_empty()
    }

    /// So many were claimed of what was wanted: where all were, there may be more; or limits let more be claimed after so long, at
    /// once where another server was in the way.
    pub(crate) fn claimed(&mut self, now: Duration, want: &Want, count: u32, after: Option<Duration>) {
        let pause = |after: Duration| if after.is_zero() { after } else { after.max(NEXT_TOKENS) };
        let function = self.function(&want.function);
        function.hinted |= count >= want.count || after.is_some();
        function.not_before = after.map_or(Duration::ZERO, |after| now + pause(after));
    }

    /// A row is not owned any more: of a function with limits another may be.
    pub(crate) fn ended(&mut self, name: &Bytes) {
        if let Some(function) = self.functions.get_mut(name) {
            function.hinted |= function.limit.is_some();
        }
    }

    /// A row is owned by an epoch, and no worker has it yet, as far as is known.
    pub(crate) fn own(&mut self, id: u64, function: &Bytes, epoch: Epoch) -> Claimed {
        if let Some(row) = self.rows.get_mut(&id) {
            (row.epoch, row.marked) = (Some(epoch), false);
            return match row.state {
                State::Ending | State::Released => Claimed::Ending,
                State::Begun(_) | State::Waiting => Claimed::Adopted,
            };
        }
        let row = HeldRow {
            function: function.clone(),
            state: State::Waiting,
            epoch: Some(epoch),
            marked: false,
            progress: false,
        };
        self.rows.insert(id, row);
        self.function(function).waiting += 1;
        Claimed::New
    }

    /// A row is owned by an epoch, which was not known. A new one is to be given back.
    pub(crate) fn reclaim(&mut self, id: u64, epoch: Epoch) -> Claimed {
        if self.rows.contains_key(&id) {
            return self.own(id, &Bytes::new(), epoch);
        }
        let row = HeldRow {
            function: Bytes::new(),
            state: State::Released,
            epoch: Some(epoch),
            marked: false,
            progress: false,
        };
        self.rows.insert(id, row);
        Claimed::New
    }

    fn set(&mut self, id: u64, state: State) -> bool {
        let Some(row) = self.rows.get_mut(&id) else { return false };
        let waited = std::mem::replace(&mut row.state, state) == State::Waiting;
        if waited != (state == State::Waiting) {
            let function = row.function.clone();
            let waiting = &mut self.function(&function).waiting;
            *waiting = if waited { *waiting - 1 } else { *waiting + 1 };
        }
        true
    }

    /// A worker has a job. It may have been lost meanwhile.
    pub(crate) fn begin(&mut self, id: u64, function: &Bytes, now: Duration) {
        self.function(function).begun.add(now);
        if !self.set(id, State::Begun(now)) {
            let row = HeldRow {
                function: function.clone(),
                state: State::Begun(now),
                epoch: None,
                marked: false,
                progress: false,
            };
            self.rows.insert(id, row);
        }
    }

    /// A job waits again: its worker is gone, say. One that was lost meanwhile is not held any more.
    pub(crate) fn wait(&mut self, id: u64) {
        match self.rows.get(&id).map(|row| row.epoch) {
            Some(Some(_)) => drop(self.set(id, State::Waiting)),
            _ => drop(self.remove(id)),
        }
    }

    /// What became of a job is on its way to the store. Of one that is not held, too: it may be claimed before that is there.
    pub(crate) fn end(&mut self, id: u64) {
        if !self.set(id, State::Ending) {
            let row =
                HeldRow { function: Bytes::new(), state: State::Ending, epoch: None, marked: false, progress: false };
            self.rows.insert(id, row);
        }
    }

    /// A job is to be given back. False: it is not owned, and not held any more.
    pub(crate) fn release(&mut self, id: u64) -> bool {
        let owned = self.holds(id) && self.set(id, State::Released);
        if !owned {
            self.remove(id);
        }
        owned
    }

    /// Is a row owned?
    pub(crate) fn holds(&self, id: u64) -> bool {
        self.rows.get(&id).is_some_and(|row| row.epoch.is_some())
    }

    /// The store is told how far a job is. False: it is not owned.
    pub(crate) fn progress(&mut self, id: u64) -> bool {
        let owned = self.rows.get_mut(&id).filter(|row| row.epoch.is_some());
        owned.map(|row| row.progress = true).is_some()
    }

    /// Was the store told how far a job is?
    pub(crate) fn has_progress(&self, id: u64) -> bool {
        self.rows.get(&id).is_some_and(|row| row.progress)
    }

    /// A row is not held any more.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Removed> {
        self.set(id, State::Ending);
        self.rows.remove(&id).map(|row| Removed { function: row.function, progress: row.progress })
    }

    /// All rows are lost. What is not begun is forgotten.
    pub(crate) fn lose(&mut self) {
        self.rows.retain(|_, row| matches!(row.state, State::Begun(_) | State::Ending));
        self.rows.values_mut().for_each(|row| (row.epoch, row.progress) = (None, false));
        self.functions.values_mut().for_each(|function| function.waiting = 0);
    }

    /// What the store says is owned by an epoch: the ids of those that are not known here to be; `None` where one is missing
    /// that waits or is run here.
    pub(crate) fn reconcile(&self, epoch: Epoch, owned: &[u64]) -> Option<Vec<u64>> {
        let ours = |id: &u64| self.rows.get(id).is_some_and(|row| row.epoch == Some(epoch));
        let theirs: HashSet<_> = owned.iter().collect();
        let there = |(id, row): (&u64, &HeldRow)| {
            matches!(row.state, State::Ending | State::Released) || row.epoch != Some(epoch) || theirs.contains(id)
        };
        self.rows.iter().all(there).then(|| owned.iter().copied().filter(|id| !ours(id)).collect())
    }

    /// Jobs that are begun for a while, and are not marked as started.
    pub(crate) fn unmarked(&mut self, now: Duration) -> Vec<u64> {
        let long = |row: &HeldRow| matches!(row.state, State::Begun(since) if since + MARK_AFTER <= now);
        let unmarked = self.rows.iter_mut().filter(|(_, row)| !row.marked && row.epoch.is_some() && long(row));
        let mut ids: Vec<_> = unmarked
            .map(|(id, row)| {
                row.marked = true;
                *id
            })
            .collect();
        ids.sort_unstable();
        ids
    }
}
