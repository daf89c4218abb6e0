//! What a member asks one after the other: writes, and what it owns. One is under way; where its answer is lost, it is found out
//! first whether it was made.

use super::{DOUBT, Member, PATIENCE, Told, Wrong};
use crate::cluster::ask::{
    Answer, Ask, Epoch, Fault, Inserted, JobRow, NewRow, SETTINGS, Settle, Settled, Want, Write,
};
use crate::cluster::changes::Ended;
use crate::cluster::held::{Claimed, Removed};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for free jobs that nobody told of.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How often the store is asked what this server owns.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);
/// How often those are looked for that are to be marked as started.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// The first pause after a failure; each next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Serial {
    flight: Option<Flight>,
    /// The last write of the epoch that took place, or never will.
    turn: u64,
    /// Not before then is anything asked.
    after: Duration,
    /// How long it is waited after the next failure.
    pause: Duration,
    /// Since then nothing works, or there is no epoch.
    failing: Option<Duration>,
    /// Since then no new job can be stored, whatever else can.
    refusing: Option<Duration>,
    next_poll: Duration,
    next_reconcile: Duration,
    next_mark: Duration,
    /// The last was none of the broker's changes: now it is their turn.
    changes_next: bool,
}

/// What is asked now.
#[derive(Debug)]
struct Flight {
    /// Of the ask that is under way; `None` while it is waited for a moment to ask again whether it was made.
    number: Option<u64>,
    epoch: Epoch,
    /// That it has if it is made. 0: it changes nothing.
    turn: u64,
    /// When it was asked first.
    since: Duration,
    /// Its answer was lost: it is asked whether it was made.
    doubted: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    /// New jobs, and their places in the round; empty when the round did not wait.
    Insert(Arc<[NewRow]>, Vec<usize>),
    Settle(Arc<[Settle]>),
    Claim(Vec<Want>),
    Owned,
}

impl Serial {
    /// A new epoch; `inherits`: of a server that had one before.
    pub(super) fn begin(&mut self, now: Duration, inherits: bool) {
        (self.turn, self.failing, self.pause) = (0, None, Duration::ZERO);
        // What it has from the epoch before is to be known at once.
        let next = if inherits { now } else { now + RECONCILE_EVERY };
        (self.next_poll, self.next_reconcile) = (now, next);
    }

    /// There may be free jobs.
    pub(super) fn look(&mut self) {
        self.next_poll = Duration::ZERO;
    }

    /// What is being settled, and will be if this does not succeed.
    pub(super) fn settles(&self, epoch: Option<Epoch>) -> impl Iterator<Item = &Settle> {
        let (settles, current): (&[Settle], bool) = match &self.flight {
            Some(Flight { what: What::Settle(settles), epoch: of, .. }) => (settles, Some(*of) == epoch),
            _ => (&[], true),
        };
        settles.iter().filter(move |settle| current || !settle.is_run())
    }

    pub(super) fn lose(&mut self, now: Duration) {
        self.failing.get_or_insert(now);
    }

    /// Something failed.
    fn fail(&mut self, now: Duration) {
        self.failing.get_or_insert(now);
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.after = now + self.pause;
    }

    fn succeed(&mut self) {
        (self.failing, self.pause) = (None, Duration::ZERO);
    }

    /// When those who wait for new jobs are given errors, if nothing changes.
    fn down_at(&self) -> Option<Duration> {
        let failing = self.failing.map(|since| since + PATIENCE);
        match &self.flight {
            None => failing,
            // It may be made.
            Some(Flight { what: What::Insert(..), since, .. }) => Some(*since + DOUBT),
            Some(flight) => failing.into_iter().chain([flight.since + DOUBT]).min(),
        }
    }
}

impl Member {
    /// Nothing is to be asked, and nothing is asked.
    pub(super) fn is_idle(&self) -> bool {
        self.serial.flight.is_none() && self.changes.is_empty()
    }

    /// Asks what is to be asked now. When there may be more.
    pub(super) fn advance_serial(&mut self, now: Duration) -> Duration {
        if self.serial.down_at().is_some_and(|at| now >= at) && self.changes.is_waited_for() {
            self.refuse();
        }
        if now >= self.serial.next_mark {
            self.serial.next_mark = now + MARK_EVERY;
            self.held.unmarked(now).into_iter().for_each(|id| self.changes.also(Settle::Started(id)));
        }
        if now >= self.serial.after {
            self.ask_next(now);
        }
        let waited_for = self.changes.is_waited_for();
        let down = self.serial.down_at().filter(|_| waited_for);
        let next = match &self.serial.flight {
            Some(flight) if flight.number.is_some() => self.serial.next_mark,
            Some(_) => self.serial.after,
            None if self.lease.epoch().is_none() || !self.agreed => self.serial.next_mark,
            None if !self.changes.is_empty() => self.serial.after,
            None => {
                let held_up = self.held.held_up(now).into_iter().chain([self.serial.next_poll]);
                held_up.chain([self.serial.next_reconcile]).min().unwrap_or(now).max(self.serial.after)
            }
        };
        down.into_iter().chain([next, self.serial.next_mark]).min().unwrap_or(next)
    }

    fn ask_next(&mut self, now: Duration) {
        if let Some(flight) = &mut self.serial.flight {
            if flight.number.is_none() {
                let rows = match &flight.what {
                    What::Insert(rows, _) => rows.clone(),
                    _ => [].into(),
                };
                let ask = Ask::Resume { epoch: flight.epoch, turn: flight.turn, rows };
                let number = self.ask(ask);
                if let Some(flight) = &mut self.serial.flight {
                    flight.number = Some(number);
                }
            }
            return;
        }
        let Some(epoch) = self.lease.epoch().filter(|_| self.agreed) else { return };
        // Not within a round or a batch: what is stored may be claimed, and the broker is not told of it yet.
        while self.changes.round.is_some() || self.changes.is_in_batch() || !self.keeps_house(now, epoch) {
            if self.ask_changes(now, epoch) || !self.end_round() {
                return;
            }
        }
    }

    /// Claims, and looks what is owned. False: there is no need, or it is the turn of changes.
    fn keeps_house(&mut self, now: Duration, epoch: Epoch) -> bool {
        let turn = !std::mem::take(&mut self.serial.changes_next) || self.changes.is_empty();
        self.serial.changes_next = turn && self.keep_house(now, epoch);
        self.serial.changes_next
    }

    /// Claims, and looks what is owned. False: there is no need.
    fn keep_house(&mut self, now: Duration, epoch: Epoch) -> bool {
        if now >= self.serial.next_reconcile {
            self.serial.next_reconcile = now + RECONCILE_EVERY;
            self.fly(now, epoch, What::Owned, Ask::Owned(epoch));
        } else {
            return self.claim(now, epoch);
        }
        true
    }

    fn claim(&mut self, now: Duration, epoch: Epoch) -> bool {
        let poll = now >= self.serial.next_poll;
        if self.leaving || !self.known.is_open() || !self.lease.holds(now) || !(poll || self.held.is_hinted(now)) {
            if poll {
                self.serial.next_poll = now + POLL_EVERY;
            }
            return false;
        }
        if poll {
            self.serial.next_poll = now + POLL_EVERY;
        }
        let wants = self.held.wants(now, poll);
        if wants.is_empty() {
            return false;
        }
        self.held.asked(&wants);
        self.write(now, epoch, What::Claim(wants.clone()), Write::Claim(wants));
        true
    }

    /// False: all changes of the round are made.
    fn ask_changes(&mut self, now: Duration, epoch: Epoch) -> bool {
        self.changes.begin_round();
        let settles: Arc<[Settle]> = self.changes.next_settles().into();
        if !settles.is_empty() {
            self.write(now, epoch, What::Settle(settles.clone()), Write::Settle(settles));
            return true;
        }
        let missing = self.changes.round.as_ref().map(|round| round.missing()).unwrap_or_default();
        if missing.is_empty() {
            return false;
        }
        let places = missing.iter().map(|(at, _)| *at).collect();
        let rows: Vec<JobRow> = missing.into_iter().map(|(_, row)| row.clone()).collect();
        let rows = self.new_rows(now, rows);
        self.write(now, epoch, What::Insert(rows.clone(), places), Write::Insert(rows));
        true
    }

    /// Which rows are kept here: where there is room, and the lease is good.
    fn new_rows(&mut self, now: Duration, rows: Vec<JobRow>) -> Arc<[NewRow]> {
        let holds = self.lease.holds(now) && self.known.is_open() && !self.leaving;
        let mut room: HashMap<Bytes, u32> = HashMap::new();
        let mut own = |row: &JobRow| {
            if !holds || row.due_ms > 0 {
                return false;
            }
            let room = room.entry(row.function.clone()).or_insert_with_key(|name| self.held.room(name, now));
            let own = *room > 0;
            *room -= u32::from(own);
            own
        };
        rows.into_iter().map(|row| NewRow { own: own(&row), row }).collect()
    }

    fn write(&mut self, now: Duration, epoch: Epoch, what: What, write: Write) {
        let turn = self.serial.turn + 1;
        self.fly(now, epoch, what, Ask::Write { epoch, turn, write });
        if let Some(flight) = &mut self.serial.flight {
            flight.turn = turn;
        }
    }

    fn fly(&mut self, now: Duration, epoch: Epoch, what: What, ask: Ask) {
        let number = Some(self.ask(ask));
        self.serial.flight = Some(Flight { number, epoch, turn: 0, since: now, doubted: false, what });
    }

    pub(super) fn answer_serial(&mut self, now: Duration, number: u64, answer: Result<Answer, Fault>) {
        let Some(flight) = self.serial.flight.take_if(|flight| flight.number == Some(number)) else { return };
        let current = self.lease.epoch() == Some(flight.epoch);
        match answer {
            Err(Fault::InDoubt) if flight.turn > 0 && !self.is_wrong(Wrong::NoReadBack) => self.doubt(now, flight),
            Err(_) if flight.doubted => self.doubt(now, flight),
            Err(fault) => {
                self.serial.fail(now);
                let refused = matches!((&fault, &flight.what), (Fault::NotDone(_), What::Insert(..)));
                self.not_made(flight, current);
                if refused && *self.serial.refusing.get_or_insert(now) + PATIENCE <= now {
                    self.end_round();
                }
            }
            Ok(Answer::Fenced) => {
                self.not_made(flight, current);
                if current {
                    tracing::warn!("the shared queue does not take writes of this server: it begins anew");
                    self.lose(now);
                }
            }
            Ok(Answer::Resumed(None)) => {
                self.serial.succeed();
                if current {
                    self.serial.turn = flight.turn + 1;
                }
                self.not_made(flight, current);
            }
            Ok(answer) => {
                self.serial.succeed();
                if current {
                    self.serial.turn = self.serial.turn.max(flight.turn);
                }
                self.made(now, flight, current, answer);
            }
        }
        if self.undone && self.is_settled() {
            self.undone = false;
            self.report_last(true);
        }
    }

    /// All that became of jobs is in the store.
    pub(super) fn is_settled(&self) -> bool {
        let settling = self.serial.settles(self.lease.epoch()).any(|settle| !settle.is_remark());
        !settling && self.changes.are_settled()
    }

    /// It is not known whether something was made: that is asked next.
    fn doubt(&mut self, now: Duration, flight: Flight) {
        self.counts.doubts += u64::from(!flight.doubted);
        self.serial.fail(now);
        self.serial.flight = Some(Flight { number: None, doubted: true, ..flight });
    }

    /// Something was not made, and will not be. What only the owner may do is of no use when the epoch is over.
    fn not_made(&mut self, flight: Flight, current: bool) {
        if let What::Settle(settles) = flight.what {
            self.changes.put_back(settles.to_vec());
            if !current {
                self.lose_changes();
            }
        }
    }

    fn made(&mut self, now: Duration, flight: Flight, current: bool, answer: Answer) {
        match (flight.what, answer) {
            (What::Insert(rows, places), Answer::Inserted(outcomes) | Answer::Resumed(Some(outcomes))) => {
                self.serial.refusing = None;
                if places.is_empty() {
                    // Nobody waited so long: what is ours of it is found by asking what is owned.
                    self.serial.next_reconcile = now;
                }
                let owner = Some(flight.epoch).filter(|_| current && !places.is_empty());
                rows.iter().zip(&outcomes).for_each(|(new, outcome)| self.inserted(new, *outcome, owner));
                if let Some(round) = &mut self.changes.round {
                    places.into_iter().zip(outcomes).for_each(|(at, outcome)| round.set(at, outcome));
                }
            }
            (What::Settle(settles), Answer::Settled(outcomes)) => {
                settles.iter().zip(outcomes).for_each(|(settle, outcome)| self.settled(settle, outcome));
            }
            (What::Settle(settles), Answer::Resumed(Some(_))) => {
                settles.iter().for_each(|settle| self.settled(settle, Settled::Made));
            }
            (What::Claim(wants), Answer::Rows(rows, waits)) if current => {
                for want in &wants {
                    let count = rows.iter().filter(|row| row.function == want.function).count();
                    let wait = waits.iter().find(|(function, _)| *function == want.function);
                    self.held.claimed(now, want, count as u32, wait.map(|(_, after)| *after));
                }
                self.counts.claimed += rows.len() as u64;
                rows.into_iter().for_each(|row| self.own(row, flight.epoch));
            }
            (What::Claim(_), Answer::Resumed(Some(_))) => self.serial.next_reconcile = now,
            (What::Owned, Answer::Owned(ids)) if current => match self.held.reconcile(flight.epoch, &ids) {
                Some(unknown) => unknown.into_iter().for_each(|id| self.reclaim(id, flight.epoch)),
                None => {
                    tracing::error!("the shared queue has lost jobs that this server owned: it begins anew");
                    self.lose(now);
                }
            },
            _ => {}
        }
    }

    fn inserted(&mut self, new: &NewRow, outcome: Inserted, owner: Option<Epoch>) {
        match (outcome, owner) {
            (Inserted::Stored, Some(epoch)) if new.own => drop(self.held.own(new.row.id, &new.row.function, epoch)),
            (Inserted::Stored, _) if !new.own && new.row.due_ms == 0 => {
                self.held.hint(Some(&new.row.function));
                self.to_wake.insert(new.row.function.clone());
            }
            _ => {}
        }
    }

    fn settled(&mut self, settle: &Settle, outcome: Settled) {
        if settle.setting().is_some() {
            self.known.changed();
            if !settle.is_run() {
                self.to_wake.insert(Bytes::from_static(SETTINGS));
            }
        }
        let Some(id) = settle.id() else { return };
        let gives_back = settle.gives_back();
        let ends = matches!(settle, Settle::Done(_) | Settle::Retry { .. } | Settle::Bury(_)) && !gives_back;
        self.counts.late += u64::from(ends && outcome == Settled::Taken);
        self.counts.released += u64::from(gives_back && outcome == Settled::Made);
        match (settle, outcome) {
            (Settle::Started(_) | Settle::Progress { .. } | Settle::Forget(_), _) => return,
            (Settle::Revive(_), outcome) => return self.told.push_back(Told::Revived { id, outcome }),
            // It is another server's, or over: so there is no letter.
            (Settle::Bury(death), Settled::Taken | Settled::Gone) => {
                self.told.push_back(Told::LetterGone { id, last_ms: death.last_ms });
            }
            (Settle::Retry { .. }, _) => self.told.push_back(Told::Free(id)),
            _ => {}
        }
        let Some(Removed { function, progress }) = self.held.remove(id) else { return };
        if progress {
            self.changes.progress(id, 0, 0);
        }
        self.held.ended(&function);
        if gives_back && outcome == Settled::Made {
            // Of some it is not known what they are.
            self.to_wake.extend(Some(function).filter(|name| !name.is_empty()));
            self.held.hint(None);
        }
    }

    /// A row is this server's.
    fn own(&mut self, row: JobRow, epoch: Epoch) {
        match self.held.own(row.id, &row.function, epoch) {
            Claimed::New => self.told.push_back(Told::Claimed(row)),
            Claimed::Adopted => self.adopted(row.id),
            Claimed::Ending => {}
        }
    }

    /// A row is this server's, and it is not known why: an answer was lost. Where a worker has it still, it is owned again; else
    /// it is as good for another server.
    fn reclaim(&mut self, id: u64, epoch: Epoch) {
        match self.held.reclaim(id, epoch) {
            Claimed::New => self.changes.also(Settle::Release(id)),
            Claimed::Adopted => self.adopted(id),
            Claimed::Ending => {}
        }
    }

    fn adopted(&mut self, id: u64) {
        self.counts.adopted += 1;
        self.told.push_back(Told::Adopted(id));
    }

    /// What became of a round is reported. False: there is none.
    fn end_round(&mut self) -> bool {
        let any = self.changes.round.is_some();
        let mut outcomes = Vec::new();
        let ended = self.changes.end_round(|id, outcome, refused| outcomes.push((id, outcome, refused)));
        self.round_ended(&outcomes, ended.into_iter().collect());
        any
    }

    /// The store does not work, or does not answer: those who wait for new jobs get errors.
    fn refuse(&mut self) {
        if let Some(Flight { what: What::Insert(_, places), .. }) = &mut self.serial.flight {
            places.clear();
        }
        let mut outcomes = Vec::new();
        let ended = self.changes.refuse(|id, outcome, refused| outcomes.push((id, outcome, refused)));
        self.round_ended(&outcomes, ended);
    }

    /// What became of new jobs. Of those that are refused some may be stored: somebody else may have been told that they exist.
    fn round_ended(&mut self, outcomes: &[(u64, Option<Inserted>, bool)], ended: Vec<Ended>) {
        for &(id, outcome, refused) in outcomes {
            match outcome {
                Some(Inserted::Stored) if refused => self.give_back(id),
                Some(Inserted::Stored | Inserted::Over) if !refused && !self.held.holds(id) => {
                    self.told.push_back(Told::Free(id))
                }
                Some(Inserted::Exists(same)) if !refused => self.told.push_back(Told::Exists { id, same }),
                _ => {}
            }
        }
        self.report(ended);
    }
}
