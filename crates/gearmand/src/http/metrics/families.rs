//! The metrics of functions: their names, what they mean, and where their values are. The one table of them.

use crate::broker::activity::End;
use crate::http::metrics::functions::{BOUNDS, Count, Counts, Entry, Gauges, Times};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;

/// One metric of all functions.
struct Family {
    name: &'static str,
    /// Ends the name.
    unit: Option<Unit>,
    help: &'static str,
    value: Value,
}

/// Where the values of an entry are.
enum Value {
    Gauge(fn(&Gauges) -> u64),
    /// Only where servers share a queue.
    Shared(fn(&Gauges) -> Option<u64>),
    Seconds(fn(&Gauges) -> f64),
    /// One each, with the label `priority`.
    Priorities(fn(&Gauges) -> [u64; 3]),
    Counter(Count),
    /// One for each way to end, with the label `outcome`.
    Ends,
    Histogram(fn(&Counts) -> Times<'_>),
}

const PRIORITIES: [&str; 3] = ["high", "normal", "low"];

const fn family(name: &'static str, help: &'static str, value: Value) -> Family {
    Family { name, unit: None, help, value }
}

const fn seconds(name: &'static str, help: &'static str, value: Value) -> Family {
    Family { name, unit: Some(Unit::Seconds), help, value }
}

static FAMILIES: [Family; 24] = [
    family("gearman_jobs", "Jobs that there are", Value::Gauge(|g| g.running + g.waiting())),
    family("gearman_jobs_running", "Jobs that a worker has", Value::Gauge(|g| g.running)),
    family(
        "gearman_jobs_waiting",
        "Jobs that no worker has: queued, delayed or storing",
        Value::Gauge(Gauges::waiting),
    ),
    family("gearman_jobs_queued", "Jobs that may run now and wait for a worker", Value::Priorities(|g| g.queued)),
    family("gearman_jobs_delayed", "Jobs that wait for their time or their next try", Value::Gauge(|g| g.delayed)),
    family("gearman_jobs_storing", "Jobs on their way to the durable queue", Value::Gauge(|g| g.storing)),
    family(
        "gearman_jobs_free",
        "Jobs of the queue that servers share that may run now and are no server's, a few seconds ago; every server says this",
        Value::Shared(|g| g.free.map(|[due, _]| due)),
    ),
    family(
        "gearman_jobs_free_later",
        "The same, of jobs that wait for their time or their next try",
        Value::Shared(|g| g.free.map(|[_, later]| later)),
    ),
    seconds(
        "gearman_oldest_queued",
        "How long the queued job that is next has waited, the longest of all priorities; 0 without any",
        Value::Seconds(|g| g.oldest.as_secs_f64()),
    ),
    family("gearman_workers", "Connections that can run the function", Value::Gauge(|g| g.workers)),
    family("gearman_dead_letters", "Dead letters that there are", Value::Gauge(|g| g.dead)),
    family("gearman_paused", "Whether the function's policy lets no job begin", Value::Gauge(|g| g.paused)),
    family("gearman_jobs_submitted", "New jobs", Value::Counter(Count::Submitted)),
    family(
        "gearman_jobs_coalesced",
        "Submits that joined a job of the same unique key",
        Value::Counter(Count::Coalesced),
    ),
    family(
        "gearman_jobs_refused",
        "Submits that were refused: the queue is full, or the server is to stop",
        Value::Counter(Count::Refused),
    ),
    family(
        "gearman_jobs_restored",
        "Jobs that the durable queue brought at the start",
        Value::Counter(Count::Restored),
    ),
    family("gearman_jobs_revived", "Dead letters that became jobs again", Value::Counter(Count::Revived)),
    family("gearman_jobs_assigned", "Jobs given to workers, each time anew", Value::Counter(Count::Assigned)),
    family(
        "gearman_jobs_timed_out",
        "Jobs that the function's timeout took from a worker",
        Value::Counter(Count::TimedOut),
    ),
    family(
        "gearman_jobs_given_back",
        "Jobs that came back from a worker that left, or cannot run them any more",
        Value::Counter(Count::GivenBack),
    ),
    family(
        "gearman_jobs_retried",
        "Tries that failed, after which the job waited for the next",
        Value::Counter(Count::Retried),
    ),
    family("gearman_jobs_ended", "Jobs that are over, by how they ended", Value::Ends),
    seconds("gearman_job_wait", "From when a job could be run to its assignment", Value::Histogram(Counts::waited)),
    seconds("gearman_job_run", "From a job's assignment to the result of that worker", Value::Histogram(Counts::ran)),
];

/// No part of these is longer, in bytes.
pub(crate) fn longest_part(entries: &[Entry]) -> usize {
    /// The name of a metric, its help and its type.
    const HEAD: usize = 1024;
    /// A line, but for the name of its function.
    const LINE: usize = 128;
    /// None has more lines than a histogram: one for each bound, for what is beyond the last, for the sum and for the count.
    const LINES: usize = BOUNDS + 3;
    // What is escaped is twice as long.
    HEAD + entries.iter().map(|entry| LINES * (LINE + 2 * entry.label.len())).sum::<usize>()
}

/// A part of the text for each metric.
pub(crate) fn of_functions(entries: Vec<Entry>) -> impl Iterator<Item = Registry> {
    let entries = Arc::new(entries);
    let any = |value: fn(&Gauges) -> Option<u64>| entries.iter().any(|entry| value(&entry.gauges).is_some());
    let said = FAMILIES.iter().filter(|family| !matches!(family.value, Value::Shared(value) if !any(value)));
    said.collect::<Vec<_>>().into_iter().map(move |family| {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(OfFunctions { family, entries: entries.clone() }));
        registry
    })
}

/// A metric, with its values.
struct OfFunctions {
    family: &'static Family,
    entries: Arc<Vec<Entry>>,
}

impl fmt::Debug for OfFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family.name)
    }
}

impl Value {
    fn kind(&self) -> MetricType {
        match self {
            Value::Gauge(_) | Value::Shared(_) | Value::Seconds(_) | Value::Priorities(_) => MetricType::Gauge,
            Value::Counter(_) | Value::Ends => MetricType::Counter,
            Value::Histogram(_) => MetricType::Histogram,
        }
    }

    fn encode(&self, entry: &Entry, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        let Entry { label, gauges, counts } = entry;
        let function = ("function", label.as_str());
        match self {
            Value::Gauge(value) => metric.encode_family(&[function])?.encode_gauge(&value(gauges)),
            Value::Shared(value) => match value(gauges) {
                Some(value) => metric.encode_family(&[function])?.encode_gauge(&value),
                None => Ok(()),
            },
            Value::Seconds(value) => metric.encode_family(&[function])?.encode_gauge(&value(gauges)),
            Value::Priorities(values) => {
                PRIORITIES.into_iter().zip(values(gauges)).try_for_each(|(priority, value)| {
                    metric.encode_family(&[function, ("priority", priority)])?.encode_gauge(&value)
                })
            }
            Value::Counter(count) => counter(metric.encode_family(&[function])?, counts.get(*count)),
            Value::Ends => End::ALL.into_iter().try_for_each(|end| {
                counter(metric.encode_family(&[function, ("outcome", outcome(end))])?, counts.ended(end))
            }),
            Value::Histogram(times) => {
                let times = times(counts);
                let (sum, count, steps) = (times.sum(), times.count(), times.steps());
                metric.encode_family(&[function])?.encode_histogram::<NoLabelSet>(sum, count, &steps, None)
            }
        }
    }
}

fn counter(mut metric: MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

/// How a job ended, in one word.
fn outcome(end: End) -> &'static str {
    match end {
        End::Completed => "completed",
        End::Failed => "failed",
        End::Exception => "exception",
        End::Cancelled => "cancelled",
        End::Abandoned => "abandoned",
        End::Unstored => "unstored",
        End::Dead => "dead",
        End::Released => "released",
    }
}

impl Collector for OfFunctions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Family { name, unit, help, value } = self.family;
        let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), value.kind())?;
        self.entries.iter().try_for_each(|entry| value.encode(entry, &mut metric))
    }
}
