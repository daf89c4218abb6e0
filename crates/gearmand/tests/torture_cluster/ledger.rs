//! What clients and workers saw, whatever servers know; and what of it must not have been.
//!
//! Much is right only where a server lost its lease meanwhile. That is known at the end, from the database: until then it is
//! kept as a [`Doubt`].

use super::servers::micros;
use std::collections::{HashMap, HashSet};
use std::fmt::{Display, Formatter};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Clients wait while so many jobs are not over.
const BACKLOG: usize = 300;

/// How a worker ends a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Failed,
}

/// One hand-out of a job.
struct Run {
    server: String,
    /// When its worker asked for it: it was not handed out before.
    asked: i64,
    /// Its worker has said so, or is about to; and in which moment.
    end: Option<End>,
    ended: u64,
    /// When its server had answered that, and in which moment.
    stored: Option<(i64, u64)>,
}

#[derive(Default)]
struct Job {
    key: String,
    /// In which moment a submit was sent and acknowledged; the first.
    submitted: Option<(u64, u64)>,
    runs: Vec<Run>,
}

/// What is right only if this server lost a lease in that time.
struct Doubt {
    kind: Kind,
    what: String,
    server: String,
    from: i64,
    to: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A job is begun that another worker has.
    Twice,
    /// Or that is done, as its server has said.
    AfterItsEnd,
    /// Two jobs of one key are run.
    SameKey,
    /// A submit joins a job that is done.
    JoinsDone,
}

#[derive(Default)]
struct State {
    jobs: HashMap<u64, Job>,
    /// Of each key, the jobs that were seen.
    keys: HashMap<String, Vec<u64>>,
    doubts: Vec<Doubt>,
    /// A job that was acknowledged, and another of its key, acknowledged while nobody had ended the first.
    both: HashSet<(u64, u64)>,
    acknowledged: usize,
    over: usize,
}

#[derive(Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
    changed: Condvar,
    /// Counts what happens.
    moment: AtomicU64,
    refused: AtomicUsize,
    clients_stop: AtomicBool,
    workers_stop: AtomicBool,
}

impl Ledger {
    pub(super) fn clients_stop(&self) -> bool {
        self.clients_stop.load(SeqCst)
    }

    pub(super) fn workers_stop(&self) -> bool {
        self.workers_stop.load(SeqCst)
    }

    pub(super) fn stop_clients(&self) {
        self.clients_stop.store(true, SeqCst);
        self.changed.notify_all();
    }

    pub(super) fn stop_workers(&self) {
        self.workers_stop.store(true, SeqCst);
    }

    /// So many jobs were acknowledged, and so many are over.
    pub(super) fn progress(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.acknowledged, state.over)
    }

    /// Until something has happened, or for a moment.
    pub(super) fn wait(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap());
    }

    /// Waits until there are not too many jobs. False: clients are to stop.
    pub(super) fn has_room(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        while state.acknowledged > state.over + BACKLOG && !self.clients_stop() {
            state = self.changed.wait_timeout(state, Duration::from_secs(1)).unwrap().0;
        }
        !self.clients_stop()
    }

    pub(super) fn moment(&self) -> u64 {
        self.moment.fetch_add(1, SeqCst)
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, SeqCst);
    }

    /// A submit that was sent at that moment has got this job.
    pub(super) fn acknowledge(&self, id: u64, key: String, sent: u64) {
        let mut state = self.state.lock().unwrap();
        let now = self.moment();
        state.joins(id, sent);
        state.is_alone(id, &key, sent);
        let job = state.jobs.entry(id).or_default();
        let new = job.submitted.is_none();
        job.submitted.get_or_insert((sent, now));
        state.acknowledged += usize::from(new);
        state.saw(id, &key);
        self.changed.notify_all();
    }

    /// A worker has a job: which run of it this is.
    pub(super) fn begin(&self, id: u64, key: &str, server: &str, asked: i64) -> usize {
        let mut state = self.state.lock().unwrap();
        let now = micros();
        state.begins(id, now);
        state.runs_alone(id, key, now);
        state.saw(id, key);
        let runs = &mut state.jobs.entry(id).or_default().runs;
        runs.push(Run { server: server.to_owned(), asked, end: None, ended: 0, stored: None });
        runs.len() - 1
    }

    pub(super) fn end(&self, id: u64, run: usize, end: End) {
        let mut state = self.state.lock().unwrap();
        let moment = self.moment();
        let runs = &mut state.jobs.entry(id).or_default().runs;
        let first = runs.iter().all(|run| run.end != Some(End::Done)) && end == End::Done;
        (runs[run].end, runs[run].ended) = (Some(end), moment);
        // One that dies is over after its last try.
        let died = end == End::Failed && run == 3;
        state.over += usize::from(first || died);
        self.changed.notify_all();
    }

    pub(super) fn stored(&self, id: u64, run: usize) {
        let now = micros();
        let mut state = self.state.lock().unwrap();
        let moment = self.moment();
        state.jobs.entry(id).or_default().runs[run].stored = Some((now, moment));
    }

    /// With all that is known of servers that lost their leases, and of dead letters.
    pub(super) fn judge(&self, deaths: &[(String, i64)], dead: &HashSet<u64>) -> Verdict {
        let state = self.state.lock().unwrap();
        let lost = |doubt: &Doubt| {
            deaths.iter().any(|(name, at)| *name == doubt.server && doubt.from < *at && *at <= doubt.to)
        };
        let mut wrong: Vec<String> =
            state.doubts.iter().filter(|doubt| !lost(doubt)).map(|doubt| doubt.what.clone()).collect();
        let is_over = |id: &u64, job: &Job| dead.contains(id) || job.runs.iter().any(|run| run.end == Some(End::Done));
        let missing = state.jobs.iter().filter(|(id, job)| job.submitted.is_some() && !is_over(id, job));
        let (joined, missing): (Vec<u64>, Vec<u64>) =
            missing.map(|(id, _)| *id).partition(|id| state.joined_another(*id));
        wrong.extend(missing.iter().map(|id| format!("job {id} was acknowledged, and is lost: {}", state.told(*id))));
        let both = state.both.iter().filter(|(first, _)| !joined.contains(first));
        wrong.extend(both.map(|(first, second)| format!("jobs {first} and {second} have one key, and both are there")));
        let count = |kind: Kind| state.doubts.iter().filter(|doubt| doubt.kind == kind && lost(doubt)).count();
        Verdict {
            acknowledged: state.acknowledged,
            refused: self.refused.load(SeqCst),
            lost: missing.len(),
            joined: joined.len(),
            runs: state.jobs.values().map(|job| job.runs.len()).sum(),
            died: dead.len(),
            twice: count(Kind::Twice),
            late: count(Kind::AfterItsEnd),
            same_key: count(Kind::SameKey),
            wrong,
        }
    }
}

impl State {
    fn saw(&mut self, id: u64, key: &str) {
        let job = self.jobs.entry(id).or_default();
        if job.key.is_empty() && !key.is_empty() {
            job.key = key.to_owned();
            self.keys.entry(key.to_owned()).or_default().push(id);
        }
    }

    fn doubt(&mut self, kind: Kind, what: String, run: (&str, i64), to: i64) {
        let (server, from) = (run.0.to_owned(), run.1);
        self.doubts.push(Doubt { kind, what, server, from, to });
    }

    /// A job is begun: nobody may have it.
    fn begins(&mut self, id: u64, now: i64) {
        let Some(job) = self.jobs.get(&id) else { return };
        let mut doubts = Vec::new();
        for run in &job.runs {
            let (kind, to) = match (run.end, run.stored) {
                (Some(End::Failed), _) => continue,
                (Some(End::Done), Some((at, _))) => (Kind::AfterItsEnd, at),
                _ => (Kind::Twice, now),
            };
            doubts.push((kind, run.server.clone(), run.asked, to));
        }
        for (kind, server, asked, to) in doubts {
            self.doubt(kind, format!("job {id} is begun, and server {server} had it: {kind:?}"), (&server, asked), to);
        }
    }

    /// A job is begun: no other of its key may be run.
    fn runs_alone(&mut self, id: u64, key: &str, now: i64) {
        let others = self.keys.get(key).cloned().unwrap_or_default();
        for other in others.into_iter().filter(|other| *other != id) {
            let Some(job) = self.jobs.get(&other) else { continue };
            let open = job.runs.iter().filter(|run| run.end.is_none());
            let open: Vec<_> = open.map(|run| (run.server.clone(), run.asked)).collect();
            for (server, asked) in open {
                let what = format!("job {id} is begun while job {other} of key {key} runs at server {server}");
                self.doubt(Kind::SameKey, what, (&server, asked), now);
            }
        }
    }

    /// A submit has got a job that was not done when it was sent.
    fn joins(&mut self, id: u64, sent: u64) {
        let Some(job) = self.jobs.get(&id) else { return };
        let done = job.runs.iter().filter(|run| run.end == Some(End::Done));
        let done = done.filter_map(|run| run.stored.filter(|(_, moment)| *moment < sent).map(|(at, _)| (run, at)));
        let done: Vec<_> = done.map(|(run, at)| (run.server.clone(), run.asked, at)).collect();
        for (server, asked, at) in done {
            let what = format!("a submit has got job {id}, which was done at server {server}");
            self.doubt(Kind::JoinsDone, what, (&server, asked), at);
        }
    }

    /// A submit has got a job: no other of its key, acknowledged before it was sent, may still be there. Its end is said before
    /// a server hears of it, and so that comes first.
    fn is_alone(&mut self, id: u64, key: &str, sent: u64) {
        let others = self.keys.get(key).into_iter().flatten().filter(|other| **other != id);
        let there = others.filter(|other| {
            let job = &self.jobs[other];
            job.submitted.is_some_and(|(_, at)| at < sent) && job.runs.iter().all(|run| run.end.is_none())
        });
        self.both.extend(there.map(|other| (*other, id)));
    }

    /// A job that was never there: the answer to its insert was lost, another one had its key, and was over when that was looked
    /// for. So its client has a handle of its own, as it cannot have the other one's.
    fn joined_another(&self, id: u64) -> bool {
        let job = &self.jobs[&id];
        let Some((sent, acknowledged)) = job.submitted.filter(|_| !job.key.is_empty() && job.runs.is_empty()) else {
            return false;
        };
        let others = self.keys[&job.key].iter().filter(|other| **other != id).flat_map(|other| &self.jobs[other].runs);
        let mut ended = others.filter(|run| run.end.is_some() && run.ended < acknowledged);
        ended.any(|run| run.stored.is_none_or(|(_, stored)| stored > sent))
    }

    /// All that is known of a job and of those with its key, for who looks for what went wrong.
    fn told(&self, id: u64) -> String {
        let job = &self.jobs[&id];
        let same = self.keys.get(&job.key).into_iter().flatten().filter(|other| **other != id);
        let shown = |job: &Job| {
            let runs =
                job.runs.iter().map(|run| format!("{} {:?} {} {:?}", run.server, run.end, run.ended, run.stored));
            format!("{:?} {:?}", job.submitted, runs.collect::<Vec<_>>())
        };
        let others = same.map(|other| format!("{other}: {}", shown(&self.jobs[other]))).collect::<Vec<_>>();
        format!("{} {}; others: {}", job.key, shown(job), others.join(", "))
    }
}

/// What came of it.
pub(super) struct Verdict {
    acknowledged: usize,
    refused: usize,
    lost: usize,
    joined: usize,
    runs: usize,
    died: usize,
    twice: usize,
    late: usize,
    same_key: usize,
    pub(super) wrong: Vec<String>,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.acknowledged > 0 && self.lost == 0 && self.wrong.is_empty()
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Verdict { acknowledged, refused, lost, joined, runs, died, twice, late, same_key, wrong } = self;
        write!(
            f,
            "{acknowledged} jobs acknowledged, {refused} submits refused, {lost} lost; {joined} joined a job that was over when it \
             was known; {runs} runs, {died} died; \
             after a lost lease or a kill {twice} begun again, {late} after an end that came too late, \
             {same_key} beside one of their key; {} wrong",
            wrong.len()
        )
    }
}

/// What a torture would not notice shows nothing.
mod tests {
    use super::*;

    /// What is wrong, where a server died so long after now.
    fn judged(happen: impl Fn(&Ledger), death: Option<(&str, i64)>, dead: &[u64]) -> Vec<String> {
        let ledger = Ledger::default();
        let now = micros();
        happen(&ledger);
        let deaths: Vec<_> = death.into_iter().map(|(name, after)| (name.to_owned(), now + after)).collect();
        ledger.judge(&deaths, &dead.iter().copied().collect()).wrong
    }

    fn taken(ledger: &Ledger, id: u64, key: &str) {
        ledger.acknowledge(id, key.into(), ledger.moment());
    }

    /// One that was asked for long ago.
    fn run(ledger: &Ledger, id: u64, key: &str, server: &str) -> usize {
        ledger.begin(id, key, server, micros() - HOUR)
    }

    fn done(ledger: &Ledger, id: u64, run: usize) {
        ledger.end(id, run, End::Done);
        ledger.stored(id, run);
    }

    const HOUR: i64 = 3_600_000_000;
    const BEFORE: i64 = -2 * HOUR;
    const MEANWHILE: i64 = -HOUR / 2;
    const LATER: i64 = HOUR;

    #[test]
    fn a_ledger_of_what_is_right() {
        let all = |ledger: &Ledger| {
            taken(ledger, 1, "k");
            taken(ledger, 1, "k");
            let first = run(ledger, 1, "k", "a");
            ledger.end(1, first, End::Failed);
            ledger.stored(1, first);
            let second = run(ledger, 1, "k", "b");
            done(ledger, 1, second);
            taken(ledger, 2, "k");
            taken(ledger, 3, "");
        };
        assert_eq!(judged(all, None, &[2, 3]), Vec::<String>::new());
        let lost = judged(all, None, &[2]);
        assert!(lost.len() == 1 && lost[0].starts_with("job 3 was acknowledged, and is lost"), "{lost:?}");
    }

    #[test]
    fn a_ledger_of_runs_that_need_a_cause() {
        let twice = |ledger: &Ledger| {
            run(ledger, 1, "", "a");
            let second = run(ledger, 1, "", "b");
            done(ledger, 1, second);
        };
        assert_eq!(judged(twice, None, &[]).len(), 1);
        assert_eq!(judged(twice, Some(("b", MEANWHILE)), &[]).len(), 1, "the wrong one died");
        assert_eq!(judged(twice, Some(("a", BEFORE)), &[]).len(), 1, "it died before");
        assert_eq!(judged(twice, Some(("a", MEANWHILE)), &[]), Vec::<String>::new());
        let after = |ledger: &Ledger| {
            for server in ["a", "b"] {
                let run = run(ledger, 1, "", server);
                done(ledger, 1, run);
            }
        };
        assert_eq!(judged(after, None, &[]).len(), 1);
        assert_eq!(judged(after, Some(("a", LATER)), &[]).len(), 1, "its end had been stored by then");
        assert_eq!(judged(after, Some(("a", MEANWHILE)), &[]), Vec::<String>::new());
    }

    #[test]
    fn a_ledger_of_keys() {
        let both_there = |ledger: &Ledger| {
            taken(ledger, 1, "k");
            taken(ledger, 2, "k");
        };
        assert_eq!(judged(both_there, None, &[1, 2]), ["jobs 1 and 2 have one key, and both are there"]);
        let never_there = |ledger: &Ledger| {
            let sent = ledger.moment();
            let other = run(ledger, 1, "k", "a");
            done(ledger, 1, other);
            ledger.acknowledge(2, "k".into(), sent);
            taken(ledger, 3, "k");
        };
        assert_eq!(judged(never_there, None, &[3]), Vec::<String>::new());
        let lost = |ledger: &Ledger| {
            let other = run(ledger, 1, "k", "a");
            done(ledger, 1, other);
            taken(ledger, 2, "k");
        };
        assert_eq!(judged(lost, None, &[]).len(), 1, "the other was over before");
        let both_run = |ledger: &Ledger| {
            run(ledger, 1, "k", "a");
            run(ledger, 2, "k", "b");
        };
        assert_eq!(judged(both_run, None, &[]).len(), 1);
        let joined = |ledger: &Ledger| {
            let first = run(ledger, 1, "k", "a");
            done(ledger, 1, first);
            taken(ledger, 1, "k");
        };
        assert_eq!(judged(joined, None, &[]).len(), 1);
    }
}
