//! The metrics of the server, its durable queue and its process. The one table of them.

use crate::VERSION;
use crate::broker::membership::Standing;
use crate::broker::snapshot;
use crate::durable::Durable;
use crate::durable::batch::{COMMIT_TIMES, Stats};
use crate::http::Http;
use crate::http::metrics::process::Process;
use crate::peers::counts::Counts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is written of the server.
#[derive(Debug)]
struct Server {
    counts: snapshot::Server,
    /// Most connections that are let in.
    most: u64,
    ready: bool,
    draining: bool,
    /// Where there is a durable queue.
    queue: Option<Stats>,
    peers: Vec<Arc<Counts>>,
    started: Duration,
    process: Process,
}

/// What there is now.
pub(crate) fn read(http: &Http) -> Registry {
    let mut server = {
        let mut state = http.shared.lock();
        state.read_clock();
        Server {
            counts: state.counts(),
            most: state.config.max_connections as u64,
            ready: state.not_ready().is_empty(),
            draining: state.broker.is_draining(),
            queue: (state.config.durable != Durable::No).then_some(state.stored),
            peers: state.peers.clone(),
            started: http.metrics.started,
            process: Process::default(),
        }
    };
    // Not under the lock.
    server.process = Process::read();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(server));
    registry
}

/// Writes a metric that has one value.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn seconds(&mut self, name: &str, help: &str, value: Duration) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        metric.encode_gauge(&value.as_secs_f64())
    }

    fn total_bytes(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn bytes(&mut self, name: &str, help: &str, value: Option<u64>) -> fmt::Result {
        let Some(value) = value else { return Ok(()) };
        self.0.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?.encode_gauge(&value)
    }
}

impl Collector for Server {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Writer(encoder);
        self.state(&mut out)?;
        self.connections(&mut out)?;
        if let Some(queue) = &self.queue {
            durable(&mut out, queue)?;
        }
        if let Some(cluster) = &self.counts.cluster {
            standing(&mut out, cluster)?;
        }
        if !self.peers.is_empty() {
            peers(&mut out, &self.peers)?;
        }
        self.process(&mut out)
    }
}

impl Server {
    fn state(&self, out: &mut Writer<'_>) -> fmt::Result {
        out.gauge("gearman_up", "The server answers", 1)?;
        let mut build = out.0.encode_descriptor("gearmand_build", "The program", None, MetricType::Info)?;
        build.encode_info(&[("version", VERSION)])?;
        out.gauge("gearmand_ready", "Whether jobs are taken, as /readyz tells", self.ready.into())?;
        out.gauge(
            "gearmand_draining",
            "Whether the server takes no more jobs, and ends with the last",
            self.draining.into(),
        )?;
        out.gauge("gearmand_functions", "Functions that the server knows", self.counts.functions)?;
        out.counter(
            "gearmand_dead_letters_dropped",
            "Dead letters that had to go because there were too many",
            self.counts.dead_dropped,
        )
    }

    fn connections(&self, out: &mut Writer<'_>) -> fmt::Result {
        let counts = &self.counts;
        out.gauge("gearmand_connections", "Connections that there are", counts.connections)?;
        let most = self.most.min(self.process.descriptors.unwrap_or(u64::MAX));
        out.gauge("gearmand_connections_limit", "Most connections that there may be", most)?;
        out.counter("gearmand_connections_accepted", "Connections since the start", counts.accepted)?;
        out.counter("gearmand_connections_refused", "Connections that were one too many", counts.refused)?;
        out.counter("gearmand_packets_received", "Packets that came", counts.packets_received)?;
        out.counter("gearmand_packets_sent", "Packets and answers to text commands", counts.packets_sent)?;
        out.total_bytes("gearmand_received", "Bytes of packets and text commands that came", counts.bytes_received)?;
        out.total_bytes("gearmand_sent", "Bytes that sockets took", counts.bytes_sent)
    }

    fn process(&self, out: &mut Writer<'_>) -> fmt::Result {
        let Process { resident, virtual_memory, cpu, .. } = self.process;
        let mut metric = out.0.encode_descriptor(
            "process_cpu",
            "Time on processors, in the program and in the system for it",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        metric.encode_counter::<NoLabelSet, _, u64>(&cpu.as_secs_f64(), None)?;
        out.bytes("process_resident_memory", "Memory that the process has", resident)?;
        out.bytes("process_virtual_memory", "Addresses that the process has", virtual_memory)?;
        out.seconds("process_start_time", "When the server started, since 1970", self.started)
    }
}

fn peers(out: &mut Writer<'_>, peers: &[Arc<Counts>]) -> fmt::Result {
    let help = "Whether the server that this one helps was there when a connection to it was wanted last";
    let mut up = out.0.encode_descriptor("gearmand_peer_up", help, None, MetricType::Gauge)?;
    for peer in peers {
        up.encode_family(&[("peer", &*peer.peer)])?.encode_gauge(&u64::from(peer.is_up()))?;
    }
    let counters = [
        ("gearmand_peer_jobs", "Jobs of a server that this one helps that were taken"),
        ("gearmand_peer_jobs_returned", "Those that were not run here to their ends, and went back"),
    ];
    for (which, (name, help)) in counters.into_iter().enumerate() {
        let mut metric = out.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for peer in peers {
            let label = [("peer", &*peer.peer)];
            let mut sample = metric.encode_family(&label)?;
            sample.encode_counter::<NoLabelSet, _, u64>(&peer.jobs()[which], None)?;
        }
    }
    Ok(())
}

fn durable(out: &mut Writer<'_>, queue: &Stats) -> fmt::Result {
    let failing = queue.failing_since.is_some();
    out.gauge("gearmand_queue_failing", "Whether the durable queue cannot be written", failing.into())?;
    out.counter(
        "gearmand_commits_failed",
        "Commits of the durable queue that failed, and what was tried each second since",
        queue.failed,
    )?;
    out.counter("gearmand_commit_changes", "Jobs and others that commits added, changed or removed", queue.changes)?;
    out.seconds("gearmand_longest_commit", "The longest commit since the start", queue.longest)?;
    let ends = COMMIT_TIMES.map(|end| Duration::from_micros(end).as_secs_f64()).into_iter().chain([f64::INFINITY]);
    let times: Vec<(f64, u64)> = ends.zip(queue.times).collect();
    let help = "What commits of the durable queue take";
    let mut metric = out.0.encode_descriptor("gearmand_commit", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(queue.busy.as_secs_f64(), queue.commits, &times, None)
}

fn standing(out: &mut Writer<'_>, Standing { lease, eldest, counts, .. }: &Standing) -> fmt::Result {
    out.gauge("gearmand_cluster_lease", "Whether jobs of the shared queue are handed out", u64::from(*lease))?;
    out.gauge("gearmand_cluster_eldest", "Whether this server submits the jobs of schedules", u64::from(*eldest))?;
    for (name, help, count) in [
        ("gearmand_cluster_claimed", "Jobs that were free and became this server's", counts.claimed),
        ("gearmand_cluster_released", "Jobs that this server gave back", counts.released),
        ("gearmand_cluster_adopted", "Jobs that were lost while a worker had them, and came back", counts.adopted),
        ("gearmand_cluster_lost", "How often this server lost all of its jobs", counts.lost),
        ("gearmand_cluster_late", "Ends of jobs that another server had taken over", counts.late),
        ("gearmand_cluster_died", "Servers that this one declared dead", counts.died),
        ("gearmand_cluster_doubts", "Writes of which it was not known whether they were made", counts.doubts),
    ] {
        out.counter(name, help, count)?;
    }
    Ok(())
}
