//! What Prometheus reads: a status -> its text format.

use crate::runner::status::{Counts, GroupStatus, Status};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// How the text is called in a reply.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(String, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter>;

/// A number of each group.
type Number = (&'static str, &'static str, fn(&GroupStatus) -> Option<f64>);

const NUMBERS: [Number; 8] = [
    ("gearman_runner_wanted", "Processes that there should be", |g| Some(f64::from(g.wanted))),
    ("gearman_runner_min", "Processes that there are at least", |g| Some(f64::from(g.min))),
    ("gearman_runner_max", "Processes that there are at most", |g| Some(f64::from(g.max))),
    ("gearman_runner_waiting_jobs", "Jobs of the group's functions that wait", |g| g.waiting.map(|n| n as f64)),
    ("gearman_runner_oldest_job_seconds", "How long one of them waits", |g| g.waiting.map(|_| g.oldest.unwrap_or(0.0))),
    ("gearman_runner_failing", "Whether the program crashes again and again", |g| {
        Some(f64::from(u8::from(g.state == "failing")))
    }),
    ("gearman_runner_memory_bytes", "Memory of all its processes", |g| {
        Some(g.processes.iter().filter_map(|process| process.memory).sum::<u64>() as f64)
    }),
    ("gearman_runner_oldest_process_seconds", "Age of its oldest process", |g| {
        Some(g.processes.iter().map(|process| process.age).fold(0.0, f64::max))
    }),
];

/// A way to end, and how many did.
type Ends = (&'static str, fn(&Counts) -> u64);

const ENDS: [Ends; 4] = [
    ("stopped", |counts| counts.stopped),
    ("ended", |counts| counts.ended),
    ("crashed", |counts| counts.crashed),
    ("killed", |counts| counts.killed),
];

/// The text.
///
/// # Errors
/// None, as a text takes whatever is written to it.
pub fn text(status: &Status) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    for (name, help, number) in NUMBERS {
        let gauges = Gauges::default();
        for group in &status.groups {
            if let Some(number) = number(group) {
                gauges.get_or_create(&of(group, None)).set(number);
            }
        }
        registry.register(name, help, gauges);
    }
    let processes = Gauges::default();
    let (started, ended) = (Counters::default(), Counters::default());
    for group in &status.groups {
        for (state, count) in [("running", group.running), ("starting", group.starting), ("stopping", group.stopping)] {
            processes.get_or_create(&of(group, Some(("state", state)))).set(count as f64);
        }
        add(&started, &of(group, None), group.counts.started);
        for (how, count) in ENDS {
            add(&ended, &of(group, Some(("how", how))), count(&group.counts));
        }
    }
    registry.register("gearman_runner_processes", "Processes that there are", processes);
    registry.register("gearman_runner_started", "Processes that were started", started);
    registry.register("gearman_runner_ended", "Processes that have ended, by how", ended);
    let servers = Gauges::default();
    for server in &status.servers {
        let up = f64::from(u8::from(server.up == Some(true)));
        servers.get_or_create(&vec![("server".into(), server.server.clone())]).set(up);
    }
    registry.register("gearman_runner_server_up", "Whether a job server answers", servers);
    let usable = Gauge::<f64, AtomicU64>::default();
    usable.set(f64::from(u8::from(status.config_error.is_none())));
    registry.register("gearman_runner_config_usable", "Whether the file was good when it was read last", usable);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn of(group: &GroupStatus, other: Option<(&str, &str)>) -> Labels {
    let group = ("group".to_owned(), group.group.clone());
    std::iter::once(group).chain(other.map(|(name, value)| (name.into(), value.into()))).collect()
}

fn add(counters: &Counters, labels: &Labels, count: u64) {
    counters.get_or_create(labels).inc_by(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::status::ServerStatus;

    #[test]
    fn all_numbers() {
        let counts = Counts { started: 9, crashed: 6, ..Counts::default() };
        let group = GroupStatus {
            group: "mail".into(),
            state: "failing",
            min: 1,
            max: 8,
            wanted: 2,
            running: 1,
            starting: 0,
            stopping: 0,
            waiting: None,
            oldest: None,
            counts,
            crashing: 6,
            last_crash: None,
            processes: Vec::new(),
        };
        let server = ServerStatus { server: "h:4730".into(), up: None, ages: false, error: None };
        let status = Status { servers: vec![server], groups: vec![group], ..Status::default() };
        let text = text(&status).unwrap();
        for line in [
            "gearman_runner_wanted{group=\"mail\"} 2.0",
            "gearman_runner_failing{group=\"mail\"} 1.0",
            "gearman_runner_processes{group=\"mail\",state=\"running\"} 1.0",
            "gearman_runner_started_total{group=\"mail\"} 9",
            "gearman_runner_ended_total{group=\"mail\",how=\"crashed\"} 6",
            "gearman_runner_server_up{server=\"h:4730\"} 0.0",
            "gearman_runner_config_usable 1.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}:\n{text}");
        }
        assert!(!text.contains("waiting_jobs{"), "what nobody tells is no 0");
    }
}
