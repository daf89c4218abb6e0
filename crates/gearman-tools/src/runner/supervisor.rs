//! All groups: what happens, to whom it matters, and what there is to be seen.
//!
//! Owns the groups and the configuration that counts. Must never wait. Invariant: a configuration that cannot be used changes
//! nothing, and is shown.

use crate::runner::child::bury_others;
use crate::runner::config::Config;
use crate::runner::group::{Group, Names};
use crate::runner::load::{Load, demand};
use crate::runner::log::{Level, Log};
use crate::runner::servers::{Look, Questions};
use crate::runner::status::{ServerStatus, Status};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    file: PathBuf,
    config: Config,
    /// Why the file cannot be used as it is now.
    config_error: Option<String>,
    groups: Vec<Group>,
    names: Names,
    log: Log,
    servers: Vec<Asked>,
    started: Instant,
    stopping: bool,
    /// So many were killed before that.
    killed_before: u64,
}

/// A server, and what it said last.
#[derive(Debug)]
struct Asked {
    name: String,
    said: Option<Result<Load, String>>,
}

impl Supervisor {
    /// Nothing is started yet.
    pub fn new(file: PathBuf, config: Config, log: Log) -> Supervisor {
        let mut supervisor = Supervisor {
            file,
            config_error: None,
            groups: config.groups.iter().cloned().map(Group::new).collect(),
            names: Names::new(),
            log,
            servers: Vec::new(),
            started: Instant::now(),
            stopping: false,
            killed_before: 0,
            config,
        };
        supervisor.forget_servers();
        supervisor
    }

    fn forget_servers(&mut self) {
        let servers = self.questions().map_or(Vec::new(), |questions| questions.servers);
        self.servers = servers.iter().map(|server| Asked { name: server.to_string(), said: None }).collect();
    }

    /// What counts.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What servers are to be asked, where anything is.
    pub fn questions(&self) -> Option<Questions> {
        let Config { servers, tls, look, groups, .. } = &self.config;
        let connections = groups.iter().any(|group| group.limits.jobs.is_some());
        let asks = connections || groups.iter().any(|group| !group.functions.is_empty());
        asks.then(|| Questions { servers: servers.clone(), tls: tls.clone(), connections, every: *look })
    }

    /// Does what is due.
    pub fn step(&mut self) {
        // To start the processes of one takes its time, which is none of the next one's.
        self.groups.iter_mut().for_each(|group| group.step(&mut self.names, &self.log, Instant::now()));
        let stopping = self.stopping;
        self.groups.retain(|group| stopping || !group.leaving || !group.processes.is_empty());
    }

    /// When something is due.
    pub fn due(&self) -> Option<Instant> {
        self.groups.iter().filter_map(Group::due).min()
    }

    /// Processes have ended.
    pub fn bury(&mut self) {
        let now = Instant::now();
        self.groups.iter_mut().for_each(|group| group.bury(&self.log, now));
        let groups = &self.groups;
        bury_others(|pid| groups.iter().flat_map(|group| &group.processes).any(|process| process.pid == pid));
    }

    /// What servers say. One that is not among them has said nothing new.
    pub fn looked(&mut self, look: Look) {
        for (place, said) in look {
            let Some(asked) = self.servers.get_mut(place) else { continue };
            match (&asked.said, &said) {
                (Some(Err(before)), Err(reason)) if before == reason => {}
                (_, Err(reason)) => self.log.warning(None, reason),
                (Some(Err(_)), Ok(_)) => self.log.info(None, &format!("{} answers again", asked.name)),
                (_, Ok(_)) => {}
            }
            asked.said = Some(said);
        }
        let now = Instant::now();
        let loads: Vec<&Load> = self.servers.iter().filter_map(|asked| asked.said.as_ref()?.as_ref().ok()).collect();
        for group in &mut self.groups {
            match loads.is_empty() {
                true => group.look_failed(),
                false => group.look(demand(loads.iter().copied(), &group.config.functions), now, &self.log),
            }
        }
        self.note_jobs();
        self.measure();
    }

    fn note_jobs(&mut self) {
        for (place, asked) in self.servers.iter().enumerate() {
            let Some(Ok(Load { connections: Some(connections), .. })) = &asked.said else { continue };
            for done in connections {
                let mut processes = self.groups.iter_mut().flat_map(|group| &mut group.processes);
                if let Some(process) = processes.find(|process| process.id == done.id) {
                    process.jobs.told(place, &done.connection, done.jobs);
                }
            }
        }
    }

    /// Looks at limits.
    pub fn measure(&mut self) {
        self.groups.iter_mut().for_each(Group::measure);
    }

    /// Whether memory and time on processors have to be looked at.
    pub fn measures(&self) -> bool {
        self.groups.iter().any(Group::measures)
    }

    /// The file cannot be used: all goes on as before.
    pub fn refuse(&mut self, error: &str) {
        self.log.say(Level::Error, None, &format!("not reloaded: {error}"));
        self.config_error = Some(error.into());
    }

    /// Goes on by what was read, and replaces all processes.
    ///
    /// # Errors
    /// The end has begun.
    pub fn apply(&mut self, config: Config) -> Result<String, String> {
        if self.stopping {
            return Err("the runner is stopping".into());
        }
        self.config_error = None;
        self.log.set_format(config.log);
        let now = Instant::now();
        for group in &mut self.groups {
            match config.groups.iter().find(|new| new.name == group.config.name) {
                Some(new) => group.reload(new.clone()),
                None => group.leave(now),
            }
        }
        for new in &config.groups {
            if !self.groups.iter().any(|group| group.config.name == new.name) {
                self.groups.push(Group::new(new.clone()));
            }
        }
        self.groups.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        let before = self.questions();
        self.config = config;
        if self.questions() != before {
            self.forget_servers();
        }
        let said = format!("{} is read, and all processes are replaced", self.file.display());
        self.log.info(None, &said);
        Ok(said)
    }

    /// Replaces all processes of a group.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn restart(&mut self, name: &str, why: &'static str) -> Result<String, String> {
        let group = self.groups.iter_mut().find(|group| group.config.name == name && !group.leaving);
        let group = group.ok_or_else(|| format!("there is no group {name}"))?;
        group.replace(why);
        self.log.info(Some(name), &format!("all processes are replaced: {why}"));
        Ok(format!("all processes of {name} are replaced"))
    }

    /// All end. Those that have been asked to are not asked again.
    pub fn stop(&mut self, why: &str) {
        self.log.info(None, &format!("{why}: all processes are asked to end"));
        if !std::mem::replace(&mut self.stopping, true) {
            self.killed_before = self.killed();
        }
        let now = Instant::now();
        self.groups.iter_mut().for_each(|group| group.leave(now));
    }

    /// Those that have not ended are killed.
    pub fn kill(&mut self, why: &str) {
        self.log.warning(None, &format!("{why}: all are killed"));
        self.groups.iter_mut().for_each(Group::kill);
    }

    /// Passes a signal on.
    pub fn signal(&self, signal: Signal) {
        self.groups.iter().for_each(|group| group.signal(signal));
    }

    /// All is over: true where nobody had to be killed in the end.
    pub fn over(&self) -> Option<bool> {
        let over = self.stopping && self.groups.iter().all(|group| group.processes.is_empty());
        over.then(|| self.killed() == self.killed_before)
    }

    fn killed(&self) -> u64 {
        self.groups.iter().map(Group::killed).sum()
    }

    /// For those who look.
    pub fn status(&self) -> Status {
        let now = Instant::now();
        let server = |asked: &Asked| ServerStatus {
            server: asked.name.clone(),
            up: asked.said.as_ref().map(Result::is_ok),
            ages: asked.said.as_ref().is_some_and(|said| said.as_ref().is_ok_and(|load| load.ours)),
            error: asked.said.as_ref().and_then(|said| said.as_ref().err().cloned()),
        };
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime: (now - self.started).as_secs_f64(),
            stopping: self.stopping,
            config: self.file.display().to_string(),
            config_error: self.config_error.clone(),
            servers: self.servers.iter().map(server).collect(),
            groups: self.groups.iter().map(|group| group.status(now)).collect(),
        }
    }
}
