//! A group at work: its processes, how many are wanted, and what becomes of them.
//!
//! Owns the processes of one group. Must never know servers, nor other groups. Invariant: what is done follows from `plan`
//! alone; all else only says which process is outdated and how many are wanted.

use crate::runner::backoff::Backoff;
use crate::runner::child::{End, Name, Process};
use crate::runner::config;
use crate::runner::log::{Level, Log};
use crate::runner::plan::{Bounds, Member, plan};
use crate::runner::scale::{Demand, Rules, Scale};
use crate::runner::status::{Counts, GroupStatus, ProcessStatus};
use fastrand::Rng;
use nix::sys::signal::Signal;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub struct Group {
    /// What the file says of it.
    pub config: config::Group,
    /// All that have not been buried.
    pub processes: Vec<Process>,
    /// It is not in the file any more, or all ends.
    pub leaving: bool,
    scale: Scale,
    backoff: Backoff,
    demand: Option<Demand>,
    counts: Counts,
    last_crash: Option<String>,
}

/// Names for processes, each of them once.
#[derive(Debug)]
pub struct Names {
    last: u64,
    /// What tells this runner from all others.
    runner: String,
    random: Rng,
}

impl Names {
    /// Of this runner.
    pub fn new() -> Names {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let mut random = Rng::with_seed(RandomState::new().hash_one(std::process::id()));
        Names { last: 0, runner: format!("{}-{:08x}", host.unwrap_or_default(), random.u32(..)), random }
    }

    fn next(&mut self, group: &str) -> Name {
        self.last += 1;
        let id = format!("{group}-{}@{}", self.last, self.runner);
        Name { number: self.last, id, spread: self.random.f64() }
    }
}

impl Default for Names {
    fn default() -> Names {
        Names::new()
    }
}

impl Group {
    /// No process yet.
    pub fn new(config: config::Group) -> Group {
        Group {
            scale: Scale::new(config.min),
            config,
            processes: Vec::new(),
            leaving: false,
            backoff: Backoff::default(),
            demand: None,
            counts: Counts::default(),
            last_crash: None,
        }
    }

    fn rules(&self) -> Rules {
        let config::Group { min, max, grow_after, shrink_after, .. } = self.config;
        Rules { min, max, grow_after, shrink_after }
    }

    /// The file has been read again: all processes are replaced.
    pub fn reload(&mut self, config: config::Group) {
        self.config = config;
        self.leaving = false;
        self.scale.bound(&self.rules());
        self.replace("reload");
    }

    /// All processes are to be replaced. What has crashed may not do so again.
    pub fn replace(&mut self, why: &'static str) {
        self.processes.iter_mut().for_each(|process| process.outdated = Some(why));
        self.backoff = Backoff::default();
    }

    /// What the servers say.
    pub fn look(&mut self, demand: Demand, now: Instant, log: &Log) {
        self.demand = Some(demand);
        if self.leaving || self.config.min == self.config.max {
            return;
        }
        let before = self.scale.wanted();
        if self.scale.look(&demand, &self.rules(), now) {
            let Demand { waiting, running, .. } = demand;
            let text =
                format!("{} processes in place of {before}: {waiting} jobs wait, {running} run", self.scale.wanted());
            log.info(Some(&self.config.name), &text);
        }
    }

    /// No server answers.
    pub fn look_failed(&mut self) {
        self.demand = None;
        self.scale.look_failed();
    }

    /// Whether memory or time on processors has to be looked at.
    pub fn measures(&self) -> bool {
        self.config.limits.memory.is_some() || self.config.limits.cpu.is_some()
    }

    /// Looks at memory, time on processors, and jobs.
    pub fn measure(&mut self) {
        let limits = self.config.limits;
        let reached = |limit: Option<u64>, value: Option<u64>| limit.is_some_and(|limit| value >= Some(limit));
        for process in self.processes.iter_mut().filter(|process| process.outdated.is_none()) {
            if reached(limits.jobs, process.jobs.done()) {
                process.outdated = Some("jobs");
            }
            if limits.memory.is_none() && limits.cpu.is_none() {
                continue;
            }
            let Some(usage) = process.usage() else { continue };
            if reached(limits.memory, Some(usage.memory)) {
                process.outdated = Some("memory");
            } else if limits.cpu.is_some_and(|limit| usage.cpu >= limit) {
                process.outdated = Some("cpu");
            }
        }
    }

    /// All end.
    pub fn leave(&mut self, now: Instant) {
        self.leaving = true;
        self.processes.iter_mut().for_each(|process| process.stop(self.config.stop_timeout, now));
    }

    /// Does what is due.
    pub fn step(&mut self, names: &mut Names, log: &Log, now: Instant) {
        self.note_time(log, now);
        if self.leaving {
            return;
        }
        let members: Vec<Member> = self.processes.iter().map(member).collect();
        let trying =
            |process: &&Process| !process.stopping && !process.settled && self.backoff.is_trial(process.started);
        let trials = self.processes.iter().filter(trying).count();
        let bounds = Bounds { min: self.config.min, max: self.config.max, wanted: self.scale.wanted() };
        let steps = plan(&members, bounds, self.backoff.may_start(trials));
        for process in self.processes.iter_mut().filter(|process| steps.stop.contains(&process.number)) {
            if let Some(why) = process.outdated {
                log.info(Some(&self.config.name), &format!("{} is replaced: {why}", process.pid));
            }
            process.stop(self.config.stop_timeout, now);
        }
        for _ in 0..steps.start {
            if let Err(error) = self.start(names, log) {
                // The next one would be refused as well. Those that were started meanwhile are older than this.
                let now = Instant::now();
                return self.crashed(now, now, &format!("cannot start a process: {error}"), log);
            }
        }
    }

    fn start(&mut self, names: &mut Names, log: &Log) -> io::Result<()> {
        let process = Process::start(&self.config, names.next(&self.config.name), log)?;
        self.counts.started += 1;
        log.info(Some(&self.config.name), &format!("{} started", process.pid));
        self.processes.push(process);
        Ok(())
    }

    fn note_time(&mut self, log: &Log, now: Instant) {
        self.backoff.note_time(now);
        for process in &mut self.processes {
            if !process.settled && now >= process.started + self.config.settle && !process.has_ended() {
                process.settled = true;
                if self.backoff.is_failing() {
                    log.info(Some(&self.config.name), "it does not crash any more");
                }
                self.backoff.settled(process.started);
            }
            if process.outdated.is_none() && process.too_old.is_some_and(|when| now >= when) {
                process.outdated = Some("age");
            }
            if process.deadline.is_some_and(|when| now >= when) {
                log.warning(Some(&self.config.name), &format!("{} does not end: killed", process.pid));
                process.kill();
            }
        }
    }

    /// Takes note of those that have ended.
    pub fn bury(&mut self, log: &Log, now: Instant) {
        let mut ended = Vec::new();
        self.processes.retain_mut(|process| match process.ended() {
            Some(end) => {
                let jobs = process.jobs.done().map_or(String::new(), |n| format!(", {n} jobs"));
                let text =
                    format!("{} ended ({end}) after {:.1} s{jobs}", process.pid, (now - process.started).as_secs_f64());
                ended.push((end, process.started, process.settled, process.stopping, process.killed, text));
                false
            }
            None => true,
        });
        for (end, started, settled, stopping, killed, text) in ended {
            match (stopping, killed) {
                (_, true) => self.counts.killed += 1,
                (true, _) => self.counts.stopped += 1,
                _ if !settled => {
                    self.counts.crashed += 1;
                    self.crashed(started, now, &text, log);
                    continue;
                }
                _ if end == End::Code(0) => self.counts.ended += 1,
                _ => {
                    self.counts.crashed += 1;
                    log.warning(Some(&self.config.name), &text);
                    continue;
                }
            }
            log.info(Some(&self.config.name), &text);
        }
    }

    fn crashed(&mut self, started: Instant, now: Instant, how: &str, log: &Log) {
        let failing = self.backoff.is_failing();
        self.backoff.crashed(started, now);
        self.last_crash = Some(how.into());
        let pause = self.backoff.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let name = Some(&*self.config.name);
        log.warning(name, &format!("{how}; the next start is in {:.1} s", pause.as_secs_f64()));
        if !failing && self.backoff.is_failing() {
            let times = self.backoff.crashes();
            log.say(Level::Error, name, &format!("it has crashed {times} times: its starts are slow from now on"));
        }
    }

    /// When something is due; `None`: nothing, unless something happens. No clock is asked here: what has become due since the last
    /// step is due at once.
    pub fn due(&self) -> Option<Instant> {
        let settle = |process: &Process| (!process.settled).then(|| process.started + self.config.settle);
        let old = |process: &Process| process.too_old.filter(|_| process.outdated.is_none());
        let processes = self.processes.iter().flat_map(|process| [settle(process), old(process), process.deadline]);
        processes.flatten().chain(self.backoff.until()).min()
    }

    /// Sends all a signal.
    pub fn signal(&self, signal: Signal) {
        self.processes.iter().for_each(|process| process.signal(signal));
    }

    /// Kills all; how many.
    pub fn kill(&mut self) {
        self.processes.iter_mut().filter(|process| !process.killed).for_each(Process::kill);
    }

    /// How many had to be killed.
    pub fn killed(&self) -> u64 {
        self.counts.killed
    }

    /// For those who look.
    pub fn status(&self, now: Instant) -> GroupStatus {
        let members: Vec<Member> = self.processes.iter().map(member).collect();
        let count = |state: &str| members.iter().filter(|member| state_of(member) == state).count();
        let state = match (self.leaving, self.backoff.is_failing()) {
            (true, _) => "leaving",
            (_, true) => "failing",
            _ => "ok",
        };
        let waits = self.demand.and_then(|demand| self.scale.waits(&demand, now));
        GroupStatus {
            group: self.config.name.clone(),
            state,
            min: self.config.min,
            max: self.config.max,
            wanted: if self.leaving { 0 } else { self.scale.wanted() },
            running: count("running"),
            starting: count("starting"),
            stopping: count("stopping"),
            waiting: self.demand.filter(|_| !self.config.functions.is_empty()).map(|demand| demand.waiting),
            oldest: waits.map(|waits| waits.as_secs_f64()),
            counts: self.counts,
            crashing: self.backoff.crashes(),
            last_crash: self.last_crash.clone(),
            processes: self.processes.iter().map(|process| process_status(process, now)).collect(),
        }
    }
}

fn member(process: &Process) -> Member {
    let Process { number, settled, outdated, stopping, .. } = process;
    Member { number: *number, settled: *settled, outdated: outdated.is_some(), stopping: *stopping }
}

fn state_of(member: &Member) -> &'static str {
    match (member.stopping, member.settled) {
        (true, _) => "stopping",
        (_, true) => "running",
        _ => "starting",
    }
}

fn process_status(process: &Process, now: Instant) -> ProcessStatus {
    let usage = process.usage();
    ProcessStatus {
        pid: process.pid,
        id: process.id.clone(),
        state: state_of(&member(process)),
        outdated: process.outdated,
        age: (now - process.started).as_secs_f64(),
        memory: usage.map(|usage| usage.memory),
        cpu: usage.map(|usage| usage.cpu.as_secs_f64()),
        jobs: process.jobs.done(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::backoff::FAILING;
    use crate::runner::config::{Config, LogFormat};
    use std::path::Path;

    /// A group, and what it is stepped with.
    fn group(keys: &str) -> (Group, Names, Log) {
        let text = format!("[group.a]\ncommand = '/no/such/program'\n{keys}");
        let mut config = Config::parse(&text, Path::new("/runner.toml")).unwrap();
        (Group::new(config.groups.remove(0)), Names::new(), Log::start(LogFormat::Text).unwrap().0)
    }

    /// All ten were tried in the same moment, and each was a crash: the group was failing, and its pause half a minute, before
    /// anybody could have made the folder.
    #[test]
    fn what_cannot_be_started_is_tried_again_after_each_pause() {
        let (mut group, mut names, log) = group("processes = 10\nstdout = '/no/such/folder/a.log'\n");
        let mut now = Instant::now();
        for crashes in 1..=FAILING {
            group.step(&mut names, &log, now);
            let status = group.status(now);
            assert_eq!((status.crashing, status.state == "failing"), (crashes, crashes == FAILING));
            now = group.due().unwrap();
            group.step(&mut names, &log, now - Duration::from_millis(1));
            assert_eq!(group.status(now).crashing, crashes, "its pause is not over");
        }
    }

    /// Its pause had ended while processes of other groups were started, and was forgotten: it was not started until something else
    /// happened.
    #[test]
    fn a_pause_that_is_over_is_due_until_it_was_noticed() {
        let (mut group, mut names, log) = group("min = 0\nmax = 1\nfunctions = 'f'\n");
        let then = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        group.backoff.crashed(then, then);
        let due = group.due().unwrap();
        assert!(due < Instant::now(), "at once");
        group.step(&mut names, &log, due);
        assert_eq!(group.due(), None);
    }

    /// The last of many began to live when the first was started, or earlier: it had settled, and its crash was none.
    #[test]
    fn a_process_has_not_lived_before_it_was_started() {
        let (mut group, mut names, log) = group("settle = '1h'\nstdout = 'null'\nstderr = 'inherit'\n");
        // So long took the others.
        let turn = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        group.step(&mut names, &log, turn);
        assert!(group.due().unwrap() >= turn + Duration::from_secs(3601));
        group.kill();
    }
}
