//! What there is to be seen of a runner, for people and for programs. One value, taken at one moment; all that is shown of it is
//! made of that.

use serde::Serialize;
use std::fmt::Write;

/// All of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Of the program.
    pub version: &'static str,
    /// The runner's own number.
    pub pid: u32,
    /// Seconds since its start.
    pub uptime: f64,
    /// It ends.
    pub stopping: bool,
    /// The file of its configuration.
    pub config: String,
    /// Why the file cannot be used as it is now; then what it said before counts.
    pub config_error: Option<String>,
    /// Who is asked.
    pub servers: Vec<ServerStatus>,
    /// By name.
    pub groups: Vec<GroupStatus>,
}

/// A job server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerStatus {
    /// As it is given.
    pub server: String,
    /// It answers; `None`: it has not yet.
    pub up: Option<bool>,
    /// It tells how long jobs wait.
    pub ages: bool,
    /// Why it does not answer.
    pub error: Option<String>,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: String,
    /// `ok`, `failing` or `leaving`.
    pub state: &'static str,
    /// So many processes at least.
    pub min: u32,
    /// At most.
    pub max: u32,
    /// So many should there be.
    pub wanted: u32,
    /// So many are at work.
    pub running: usize,
    /// So many have not settled yet.
    pub starting: usize,
    /// So many were asked to end.
    pub stopping: usize,
    /// Jobs that wait; `None`: nobody tells.
    pub waiting: Option<u64>,
    /// Seconds that one of them waits.
    pub oldest: Option<f64>,
    /// What has happened so far.
    pub counts: Counts,
    /// Crashes, one after the other, up to now.
    pub crashing: u32,
    /// How the last one ended.
    pub last_crash: Option<String>,
    /// All of them.
    pub processes: Vec<ProcessStatus>,
}

/// What has happened to the processes of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Started.
    pub started: u64,
    /// Ended when they were asked to.
    pub stopped: u64,
    /// Ended well by themselves.
    pub ended: u64,
    /// Ended badly, or too early.
    pub crashed: u64,
    /// Did not end when they were asked to, and were killed.
    pub killed: u64,
}

/// A process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessStatus {
    /// The system's number of it.
    pub pid: u32,
    /// What it may call itself to job servers.
    pub id: String,
    /// `starting`, `running` or `stopping`.
    pub state: &'static str,
    /// Why it is to be replaced.
    pub outdated: Option<&'static str>,
    /// Seconds since its start.
    pub age: f64,
    /// Bytes in memory.
    pub memory: Option<u64>,
    /// Seconds on processors.
    pub cpu: Option<f64>,
    /// Jobs that it has done, where a server tells.
    pub jobs: Option<u64>,
}

impl Status {
    /// As tables.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let stopping = if self.stopping { ", stopping" } else { "" };
        line(
            &mut out,
            format_args!(
                "gearman-runner {}, pid {}, up {}, {}{stopping}",
                self.version,
                self.pid,
                time(self.uptime),
                self.config
            ),
        );
        if let Some(error) = &self.config_error {
            line(&mut out, format_args!("not reloaded: {error}"));
        }
        for server in &self.servers {
            let state = match (&server.error, server.up, server.ages) {
                (Some(error), ..) => error.as_str(),
                (_, None, _) => "no answer yet",
                (_, _, true) => "answers",
                (_, _, false) => "answers, without ages",
            };
            line(&mut out, format_args!("server {}: {state}", server.server));
        }
        let mut groups = vec![words([
            "GROUP", "STATE", "RUNNING", "WANTED", "MIN", "MAX", "WAITING", "OLDEST", "STARTS", "CRASHES", "KILLS",
        ])];
        let mut processes = vec![words(["GROUP", "PID", "STATE", "AGE", "MEMORY", "CPU", "JOBS"])];
        for group in &self.groups {
            groups.push(vec![
                group.group.clone(),
                group.state.into(),
                group.running.to_string(),
                group.wanted.to_string(),
                group.min.to_string(),
                group.max.to_string(),
                known(group.waiting),
                group.oldest.map_or("-".into(), time),
                group.counts.started.to_string(),
                group.counts.crashed.to_string(),
                group.counts.killed.to_string(),
            ]);
            for process in &group.processes {
                let why = process.outdated.filter(|_| process.state != "stopping");
                processes.push(vec![
                    group.group.clone(),
                    process.pid.to_string(),
                    why.map_or(process.state.into(), |why| format!("{} ({why})", process.state)),
                    time(process.age),
                    process.memory.map_or("-".into(), |bytes| format!("{:.1}M", bytes as f64 / f64::from(1 << 20))),
                    process.cpu.map_or("-".into(), time),
                    known(process.jobs),
                ]);
            }
        }
        for rows in [groups, processes] {
            out.push('\n');
            table(&mut out, &rows);
        }
        let crashes = self.groups.iter().filter(|group| group.crashing > 0);
        for (group, how) in crashes.filter_map(|group| Some((group, group.last_crash.as_ref()?))) {
            line(&mut out, format_args!("\n{}: {} crashes, the last: {how}", group.group, group.crashing));
        }
        out
    }
}

fn line(out: &mut String, line: std::fmt::Arguments<'_>) {
    // A string takes whatever is written to it.
    let _ = writeln!(out, "{line}");
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(String::from).into()
}

fn known(number: Option<u64>) -> String {
    number.map_or("-".into(), |n| n.to_string())
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1}s"),
        s if s < 120.0 => format!("{s:.0}s"),
        s if s < 7200.0 => format!("{:.0}m", s / 60.0),
        s if s < 172_800.0 => format!("{:.0}h", s / 3600.0),
        s => format!("{:.0}d", s / 86_400.0),
    }
}

fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(out, format_args!("{}", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let process = ProcessStatus {
            pid: 7,
            id: "mail-1@h".into(),
            state: "running",
            outdated: Some("age"),
            age: 61.0,
            memory: Some(3 << 19),
            cpu: Some(0.25),
            jobs: None,
        };
        let group = GroupStatus {
            group: "mail".into(),
            state: "failing",
            min: 1,
            max: 8,
            wanted: 2,
            running: 1,
            starting: 0,
            stopping: 0,
            waiting: Some(12),
            oldest: Some(3.24),
            counts: Counts { started: 9, crashed: 6, ..Counts::default() },
            crashing: 6,
            last_crash: Some("exit status 255 after 0.1s".into()),
            processes: vec![process],
        };
        let server = ServerStatus { server: "h:4730".into(), up: Some(true), ages: false, error: None };
        let status = Status {
            version: "2.3.0",
            pid: 5,
            uptime: 7300.0,
            config: "/r.toml".into(),
            servers: vec![server],
            groups: vec![group],
            ..Status::default()
        };
        assert_eq!(
            status.text(),
            "gearman-runner 2.3.0, pid 5, up 2h, /r.toml\n\
             server h:4730: answers, without ages\n\
             \n\
             GROUP  STATE    RUNNING  WANTED  MIN  MAX  WAITING  OLDEST  STARTS  CRASHES  KILLS\n\
             mail   failing  1        2       1    8    12       3.2s    9       6        0\n\
             \n\
             GROUP  PID  STATE          AGE  MEMORY  CPU   JOBS\n\
             mail   7    running (age)  61s  1.5M    0.2s  -\n\
             \n\
             mail: 6 crashes, the last: exit status 255 after 0.1s\n"
        );
    }
}
