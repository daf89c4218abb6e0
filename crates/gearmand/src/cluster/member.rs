//! One server's part in a shared queue: time, answers and what its broker wants go in, asks and what the broker must know come
//! out. docs/cluster.md has the protocol.
//!
//! It owns the lease, the turns of writes, the rows that are held and the changes that are to be made. It never does I/O or reads a
//! clock. What always holds:
//!
//! - One write is under way; a next one is asked for when it is known whether that was made.
//! - What was an epoch's is of no use after it: nothing is claimed or kept under a new one before the broker has said that it
//!   knows of the loss ([`Member::agree`]), so that all jobs are known here that are still run.
//! - A batch whose fate is unknown is not answered before it is known; at most [`DOUBT`], then its clients get errors.

mod known;
pub(crate) mod serial;

use crate::cluster::ask::{Answer, Ask, Beat, Epoch, Fault, JobRow, Letter, Limit, SETTINGS, Settle, Settled};
use crate::cluster::changes::{Changes, Ended};
use crate::cluster::held::Held;
use crate::cluster::lease::{Lease, RENEW_EVERY};
use crate::durable::batch::{Batch, BatchResult, Stats};
use bytes::Bytes;
use known::Known;
use serial::Serial;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How often those are looked for that died.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// How soon a renewal that failed is tried again; a join, too.
const RENEW_AGAIN: Duration = Duration::from_millis(500);
/// So many renewals may wait for their answers.
const RENEWALS: usize = 4;
/// Others are told of free jobs no sooner after they were told before.
const WAKE_EVERY: Duration = Duration::from_millis(100);
/// For how long new jobs wait for a store that does not work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// And for one that does not answer.
pub(crate) const DOUBT: Duration = Duration::from_secs(10);

/// What a server is in a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What people call it, and where it is.
    pub(crate) name: Arc<str>,
    pub(crate) address: Arc<str>,
    /// Most jobs of a function that wait here.
    pub(crate) window: u32,
    /// How many numbers for jobs are asked for at once.
    pub(crate) ids: u64,
}

/// A question for the store. Its answer has this number.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) number: u64,
    pub(crate) ask: Ask,
}

/// What the broker is told, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// All settings, keys and values, with what the broker changed of them up to this batch: what it changed in later ones is to
    /// be added. Answered by [`Member::obey`].
    Settings { version: u64, batch: u64, all: Vec<(Bytes, Bytes)> },
    /// Until when stored jobs may be handed out. Of a new epoch, settings were told before.
    Lease(Lease),
    /// Whether this epoch is the eldest of those that live. While the lease holds as well, no other server is it. Settings that
    /// were told before have all that the eldest before it made.
    Eldest(bool),
    /// All stored jobs are lost: those that wait are forgotten, those that are run are not owned. Those on their way to the store
    /// stay. Answered by [`Member::agree`].
    Lost,
    /// A job is to be run here.
    Claimed(JobRow),
    /// A job that a worker of this server has is owned again.
    Adopted(u64),
    /// A job on its way to the store is there, as it should be, and is not this server's: it is forgotten.
    Free(u64),
    /// Instead of this job, there is one that has its key.
    Exists { id: u64, same: u64 },
    /// Whether a dead letter is a job again, which whoever claims it runs. Until then, no broker has it.
    Revived { id: u64, outcome: Settled },
    /// What became of batches. What is said of their jobs comes before. Jobs of which nothing was said are owned here.
    Result(BatchResult),
    /// There is this dead letter. Perhaps the broker knows it: it was its own.
    Letter(Box<Letter>),
    /// There is no dead letter of this id any more that died then. There may be another one: the broker's own.
    LetterGone { id: u64, last_ms: u64 },
    /// So many jobs of functions are free; of those that are not named, none.
    FreeJobs(Vec<crate::cluster::ask::Counts>),
    /// What happened until now.
    Counts(Counts),
    /// What was asked by [`Said::Ask`](crate::cluster::said::Said::Ask).
    Answered { question: u64, answer: Result<Answer, Fault> },
    /// So many numbers for jobs, from the first on.
    Ids { first: u64, count: u64 },
}

/// What is asked beside writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aside {
    Join,
    Beat(Epoch),
    Sweep,
    Block,
    Wake,
    Leave,
    Settings {
        epoch: Epoch,
        /// It was known that it is the eldest.
        eldest: bool,
    },
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ends of jobs that others had taken over.
    pub(crate) late: u64,
    /// Epochs that were lost.
    pub(crate) lost: u64,
    /// Jobs that were claimed.
    pub(crate) claimed: u64,
    /// Jobs that a worker had when they were lost, and that are owned again.
    pub(crate) adopted: u64,
    /// Jobs that were given back.
    pub(crate) released: u64,
    /// Servers that this one declared dead.
    pub(crate) died: u64,
    /// Writes of which it was not known whether they were made.
    pub(crate) doubts: u64,
}

/// Mistakes made on purpose, that the model is to find.
#[cfg_attr(not(test), allow(dead_code, reason = "nobody makes them"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// A lease counts from when its renewal was answered.
    LeaseFromAnswer,
    /// A write whose answer was lost is asked for again, without a look at whether it was made.
    NoReadBack,
    /// Rows are claimed before the broker has said what it still runs.
    NoAgreement,
    /// Ends are made whoever owns the row. (The store's mistake.)
    NoFence,
    /// Writes are made in whatever order they come. (The store's.)
    NoTurns,
    /// A submit joins whatever job of its key is in memory. (The broker's.)
    JoinsAny,
    /// An epoch is eldest as soon as the smaller ones are silent for a while. (The store's.)
    EldestTooSoon,
    /// Whoever was eldest is it under a new epoch.
    StaysEldest,
    /// What is told of settings may be from before the broker changed them.
    SettingsGoBack,
    /// When schedules ran last is written by an epoch that is not the eldest any more, as another one.
    RunsOutlive,
    /// A function's limits are not looked at.
    NoLimit,
    /// What a server owns of a function with limits is counted, and not what others do. (The store's.)
    LimitOfServer,
    /// Each server has tokens of its own. (The store's.)
    RateOfServer,
}

/// See the module. Times are of the server's steady clock.
#[derive(Debug)]
pub(crate) struct Member {
    settings: Settings,
    lease: Lease,
    /// The last epoch that was lost: what it still owns goes to the next.
    former: Option<Epoch>,
    known: Known,
    /// The broker knows of all that was lost.
    agreed: bool,
    changes: Changes,
    held: Held,
    serial: Serial,
    /// Asked beside writes and not answered: what, and when.
    aside: HashMap<u64, (Aside, Duration)>,
    /// The last that was asked.
    number: u64,
    next_beat: Duration,
    next_sweep: Duration,
    next_wake: Duration,
    /// Functions with free jobs that nobody was told of.
    to_wake: BTreeSet<Bytes>,
    wants_ids: bool,
    /// Not before then are numbers asked for: a store that is away answers at once.
    next_block: Duration,
    leaving: bool,
    left: bool,
    /// The last batch that came.
    pushed: u64,
    /// The last batch of which a result was reported, and whether it said that something is still to be done.
    reported: u64,
    undone: bool,
    asks: VecDeque<Asked>,
    told: VecDeque<Told>,
    pub(crate) counts: Counts,
    #[cfg(test)]
    pub(crate) wrong: Wrong,
}

impl Member {
    pub(crate) fn new(settings: Settings) -> Member {
        Member {
            lease: Lease::default(),
            former: None,
            known: Known::default(),
            agreed: true,
            changes: Changes::default(),
            held: Held::new(settings.window),
            settings,
            serial: Serial::default(),
            aside: HashMap::new(),
            number: 0,
            next_beat: Duration::ZERO,
            next_sweep: Duration::ZERO,
            next_wake: Duration::ZERO,
            to_wake: BTreeSet::new(),
            wants_ids: true,
            next_block: Duration::ZERO,
            leaving: false,
            left: false,
            pushed: 0,
            reported: 0,
            undone: false,
            asks: VecDeque::new(),
            told: VecDeque::new(),
            counts: Counts::default(),
            #[cfg(test)]
            wrong: Wrong::Nothing,
        }
    }

    /// The broker's changes.
    pub(crate) fn push(&mut self, batch: &Batch) {
        self.pushed = batch.number;
        self.changes.push(batch, |id| self.held.end(id));
        if !self.agreed && !self.is_wrong(Wrong::RunsOutlive) {
            // The broker does not know yet that it was the eldest.
            self.changes.lose_runs();
        }
    }

    /// So many workers can run a function, and so many of them have nothing to do.
    pub(crate) fn demand(&mut self, function: &Bytes, able: u32, idle: u32) {
        self.held.demand(function, able, idle);
    }

    /// What holds for a function from now on, over all servers. To be said of all functions with limits before the first
    /// [`Member::obey`].
    pub(crate) fn limit(&mut self, function: &Bytes, limit: Option<Limit>) {
        self.held.limit(function, limit.filter(|_| !self.is_wrong(Wrong::NoLimit)));
    }

    /// A worker has a job.
    pub(crate) fn begin(&mut self, now: Duration, id: u64, function: &Bytes) {
        self.held.begin(id, function, now);
    }

    /// A worker has a job no more, which waits for another one.
    pub(crate) fn wait(&mut self, id: u64) {
        if self.held.has_progress(id) {
            self.changes.progress(id, 0, 0);
        }
        self.held.wait(id);
    }

    /// A job is so far. To be said once a second at most.
    pub(crate) fn progress(&mut self, id: u64, numerator: u32, denominator: u32) {
        if self.held.progress(id) {
            self.changes.progress(id, numerator, denominator);
        }
    }

    /// The broker has no use for a job, and has forgotten it.
    pub(crate) fn give_back(&mut self, id: u64) {
        if self.held.release(id) {
            self.changes.also(Settle::Release(id));
        }
    }

    /// The broker has obeyed [`Told::Lost`], and said what was before.
    pub(crate) fn agree(&mut self) {
        self.agreed = true;
    }

    /// The broker has obeyed settings of this version, and said what follows from them.
    pub(crate) fn obey(&mut self, version: u64) {
        if self.known.obey(version) {
            self.held.hint(None);
            self.serial.look();
        }
    }

    /// Whether the broker obeys the settings of all servers.
    pub(crate) fn obeys(&self) -> bool {
        self.known.is_open()
    }

    /// The broker will soon be out of numbers.
    pub(crate) fn want_ids(&mut self) {
        self.wants_ids = true;
    }

    /// There are free jobs of a function, or settings have changed.
    pub(crate) fn woken(&mut self, function: &[u8]) {
        match function {
            SETTINGS => self.known.hint(),
            _ => self.held.hint(Some(function)),
        }
    }

    /// The server stops. The broker gives back what it has; when all is settled, the epoch is over.
    pub(crate) fn leave(&mut self) {
        self.leaving = true;
        self.is_no_eldest();
    }

    /// Nothing is to be done any more.
    pub(crate) fn has_left(&self) -> bool {
        self.left
    }

    pub(crate) fn next_ask(&mut self) -> Option<Asked> {
        self.asks.pop_front()
    }

    pub(crate) fn next_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn ask(&mut self, ask: Ask) -> u64 {
        self.number += 1;
        self.asks.push_back(Asked { number: self.number, ask });
        self.number
    }

    fn ask_aside(&mut self, now: Duration, what: Aside, ask: Ask) {
        let number = self.ask(ask);
        self.aside.insert(number, (what, now));
    }

    fn asking(&self, what: Aside) -> usize {
        self.aside.values().filter(|(asked, _)| *asked == what).count()
    }

    /// What the store answered.
    pub(crate) fn answer(&mut self, now: Duration, number: u64, answer: Result<Answer, Fault>) {
        match self.aside.remove(&number) {
            Some((what, sent)) => self.answer_aside(now, what, sent, answer),
            None => self.answer_serial(now, number, answer),
        }
    }

    fn answer_aside(&mut self, now: Duration, what: Aside, sent: Duration, answer: Result<Answer, Fault>) {
        match (what, answer) {
            (Aside::Join, Ok(Answer::Joined { epoch, namesake })) => self.join(now, epoch, sent, namesake),
            (Aside::Beat(epoch), Ok(Answer::Beat(beat))) if self.lease.epoch() == Some(epoch) => {
                self.beaten(now, epoch, sent, beat);
            }
            (Aside::Join | Aside::Beat(_), Err(_)) => self.next_beat = self.next_beat.min(now + RENEW_AGAIN),
            (Aside::Sweep, Ok(Answer::Swept(swept))) => {
                for name in &swept.died {
                    tracing::warn!("server {name} is dead: its jobs are free");
                }
                self.counts.died += swept.died.len() as u64;
                if swept.freed > 0 {
                    self.held.hint(None);
                }
            }
            (Aside::Block, Ok(Answer::Block(first))) => {
                (self.wants_ids, self.next_block) = (false, now);
                self.told.push_back(Told::Ids { first, count: self.settings.ids });
            }
            (Aside::Settings { epoch, eldest }, answer) => {
                let settings = match answer {
                    Ok(Answer::Settings(settings)) => Some(settings),
                    _ => None,
                };
                self.answer_settings(now, epoch, eldest, settings);
            }
            (Aside::Leave, _) => self.left = true,
            _ => {}
        }
    }

    fn join(&mut self, now: Duration, epoch: Epoch, sent: Duration, namesake: bool) {
        if self.lease.epoch().is_some() {
            return;
        }
        if namesake {
            tracing::warn!(
                "another server of the cluster is called {}, or this one was until a moment ago",
                self.settings.name
            );
        }
        self.lease.begin(epoch, self.sent(sent, now));
        self.serial.begin(now, self.former.take().is_some());
        self.begin_known(now);
        // Soon, to know whether it is the eldest.
        self.next_beat = now;
    }

    fn beaten(&mut self, now: Duration, epoch: Epoch, sent: Duration, beat: Beat) {
        if beat == Beat::Dead {
            tracing::warn!("the lease of this server was not renewed in time: it begins anew");
            return self.lose(now);
        }
        self.lease.renew(epoch, self.sent(sent, now));
        self.tell_lease();
        if beat == Beat::Eldest {
            self.is_eldest(now);
        }
    }

    /// From when on a lease counts.
    fn sent(&self, sent: Duration, now: Duration) -> Duration {
        if self.is_wrong(Wrong::LeaseFromAnswer) { now } else { sent }
    }

    /// Is this mistake to be made?
    fn is_wrong(&self, _wrong: Wrong) -> bool {
        #[cfg(test)]
        return self.wrong == _wrong;
        #[cfg(not(test))]
        false
    }

    /// The epoch is dead, or of no use.
    fn lose(&mut self, now: Duration) {
        self.counts.lost += 1;
        self.former = self.lease.epoch().or(self.former);
        self.lease = Lease::default();
        self.agreed = self.is_wrong(Wrong::NoAgreement);
        self.held.lose();
        self.lose_changes();
        self.serial.lose(now);
        self.next_beat = now;
        self.lose_known();
        self.told.push_back(Told::Lost);
    }

    fn lose_changes(&mut self) {
        self.changes.lose();
        if !self.is_wrong(Wrong::RunsOutlive) {
            self.changes.lose_runs();
        }
    }

    /// Asks what is to be asked now. Returns when there may be more, if nothing happens before.
    pub(crate) fn advance(&mut self, now: Duration) -> Duration {
        self.renew(now);
        let sweeper = self.lease.epoch().filter(|_| self.asking(Aside::Sweep) == 0);
        if let Some(epoch) = sweeper.filter(|_| now >= self.next_sweep) {
            self.next_sweep = now + SWEEP_EVERY;
            self.ask_aside(now, Aside::Sweep, Ask::Sweep(epoch));
        }
        let wants_block = self.wants_ids && self.asking(Aside::Block) == 0 && self.lease.epoch().is_some();
        if wants_block && now >= self.next_block {
            self.next_block = now + RENEW_AGAIN;
            self.ask_aside(now, Aside::Block, Ask::Block { count: self.settings.ids });
        }
        if !self.to_wake.is_empty() && now >= self.next_wake {
            self.next_wake = now + WAKE_EVERY;
            let functions = std::mem::take(&mut self.to_wake).into_iter().collect();
            self.ask_aside(now, Aside::Wake, Ask::Wake(functions));
        }
        let mut next = self.next_beat;
        next = self.advance_known(now).map_or(next, |at| next.min(at));
        if wants_block {
            next = next.min(self.next_block);
        }
        if sweeper.is_some() {
            next = next.min(self.next_sweep);
        }
        if !self.to_wake.is_empty() {
            next = next.min(self.next_wake);
        }
        next = next.min(self.advance_serial(now));
        if self.leaving && !self.left && self.is_idle() && self.asking(Aside::Leave) == 0 {
            match self.lease.epoch() {
                Some(epoch) => self.ask_aside(now, Aside::Leave, Ask::Leave(epoch)),
                None => self.left = true,
            }
        }
        next.max(now + Duration::from_millis(1))
    }

    fn renew(&mut self, now: Duration) {
        if now < self.next_beat || self.left {
            return;
        }
        self.next_beat = now + RENEW_EVERY;
        match self.lease.epoch() {
            Some(epoch) if self.asking(Aside::Beat(epoch)) < RENEWALS => {
                self.ask_aside(now, Aside::Beat(epoch), Ask::Beat(epoch));
            }
            None if self.asking(Aside::Join) == 0 && !self.leaving => {
                let (name, address) = (self.settings.name.clone(), self.settings.address.clone());
                let after = self.former;
                self.ask_aside(now, Aside::Join, Ask::Join { name, address, after });
            }
            _ => {}
        }
    }

    /// Reports what became of batches.
    fn report(&mut self, ended: Vec<Ended>) {
        for Ended { batch, added } in ended {
            (self.reported, self.undone) = (batch, !self.is_settled());
            self.report_last(added);
        }
    }

    fn report_last(&mut self, added: bool) {
        let (batch, done, stats) = (self.reported, !self.undone, Stats::default());
        self.told.push_back(Told::Result(BatchResult { batch, added, lost: 0, done, stats }));
    }
}
