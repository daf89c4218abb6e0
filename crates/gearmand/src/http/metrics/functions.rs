//! The numbers of functions: one entry for each of the first [`NAMED`], one for all others together.
//!
//! Invariants: no entry has the label of another; a function that has an entry of its own keeps it; the counts of others never go
//! down, also when one of them is dropped or gets an entry of its own.

use crate::broker::activity::{Activity, End, Histogram};
use crate::broker::snapshot::{Cursor, Function};
use crate::http::names;
use crate::shared::Shared;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// So many functions have entries of their own, those that were there first. Which ones these are must not change with their jobs:
/// each entry that comes or goes is a time series more.
pub(crate) const NAMED: usize = 2000;
/// Stands for all others. A function of that name is written another way, see [`label`].
const OTHERS: &str = "(others)";
/// Bounds of a histogram.
pub(crate) const BOUNDS: usize = 12;
/// Where times are told apart: 256 µs, four times as long, and so on to 18 minutes. The broker's histogram has a step at each.
const ENDS: [Duration; BOUNDS] = {
    let mut ends = [Duration::from_micros(256); BOUNDS];
    let mut i = 1;
    while i < ends.len() {
        ends[i] = Duration::from_micros(256 << (2 * i));
        i += 1;
    }
    ends
};

/// A function in numbers, or all that have no entry of their own.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) label: String,
    pub(crate) gauges: Gauges,
    pub(crate) counts: Counts,
}

impl Entry {
    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Entry>() + self.label.len()
    }
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// By priority.
    pub(crate) queued: [u64; 3],
    pub(crate) running: u64,
    pub(crate) delayed: u64,
    pub(crate) storing: u64,
    pub(crate) workers: u64,
    pub(crate) dead: u64,
    pub(crate) paused: u64,
    pub(crate) oldest: Duration,
    /// Where servers share a queue.
    pub(crate) free: Option<[u64; 2]>,
}

impl Gauges {
    fn of(f: &Function) -> Gauges {
        Gauges {
            queued: f.queued.map(u64::from),
            running: f.running.into(),
            delayed: f.delayed.into(),
            storing: f.storing.into(),
            workers: f.workers.into(),
            dead: f.dead.into(),
            paused: f.paused.into(),
            oldest: f.oldest.unwrap_or_default(),
            free: f.free.map(|free| [free.due.into(), free.later.into()]),
        }
    }

    fn add(&mut self, more: &Gauges) {
        self.queued.iter_mut().zip(more.queued).for_each(|(sum, n)| *sum += n);
        self.running += more.running;
        self.delayed += more.delayed;
        self.storing += more.storing;
        self.workers += more.workers;
        self.dead += more.dead;
        self.paused += more.paused;
        self.oldest = self.oldest.max(more.oldest);
        if let Some(more) = more.free {
            let [due, later] = self.free.unwrap_or_default();
            self.free = Some([due + more[0], later + more[1]]);
        }
    }

    /// Jobs that have no worker.
    pub(crate) fn waiting(&self) -> u64 {
        self.queued.iter().sum::<u64>() + self.delayed + self.storing
    }
}

/// What became of jobs, all of it one number after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts([u64; COUNTS]);

/// A count by its place among [`Counts`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Submitted,
    Coalesced,
    Refused,
    Restored,
    Revived,
    Assigned,
    TimedOut,
    GivenBack,
    Retried,
}

const ENDED: usize = Count::Retried as usize + 1;
const WAITED: usize = ENDED + End::ALL.len();
/// Of a histogram: its steps, and the sum in microseconds.
const STEPS: usize = ENDS.len() + 2;
const RAN: usize = WAITED + STEPS;
const COUNTS: usize = RAN + STEPS;

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; COUNTS])
    }
}

impl Counts {
    fn of(activity: &Activity) -> Counts {
        let mut counts = Counts::default();
        let first = [
            activity.submitted,
            activity.coalesced,
            activity.refused,
            activity.restored,
            activity.revived,
            activity.assigned,
            activity.timed_out,
            activity.given_back,
            activity.retried,
        ];
        counts.0[..ENDED].copy_from_slice(&first);
        for end in End::ALL {
            counts.0[ENDED + end as usize] = activity.ended(end);
        }
        fold(&activity.waited, &mut counts.0[WAITED..][..STEPS]);
        fold(&activity.ran, &mut counts.0[RAN..][..STEPS]);
        counts
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    /// Jobs that ended so.
    pub(crate) fn ended(&self, end: End) -> u64 {
        self.0[ENDED + end as usize]
    }

    pub(crate) fn waited(&self) -> Times<'_> {
        Times(&self.0[WAITED..][..STEPS])
    }

    pub(crate) fn ran(&self) -> Times<'_> {
        Times(&self.0[RAN..][..STEPS])
    }

    fn add(&mut self, more: &Counts) {
        self.0.iter_mut().zip(more.0).for_each(|(sum, n)| *sum = sum.wrapping_add(n));
    }
}

/// A histogram with fewer steps.
fn fold(from: &Histogram, to: &mut [u64]) {
    for (end, count) in from.buckets() {
        let step = end.map_or(ENDS.len(), |end| ENDS.partition_point(|e| *e < end));
        to[step] += count;
    }
    to[ENDS.len() + 1] = from.sum().as_micros() as u64;
}

/// How often something took how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times<'a>(&'a [u64]);

impl Times<'_> {
    pub(crate) fn sum(self) -> f64 {
        Duration::from_micros(self.0[ENDS.len() + 1]).as_secs_f64()
    }

    pub(crate) fn count(self) -> u64 {
        self.0[..=ENDS.len()].iter().sum()
    }

    /// Seconds, and how many took less.
    pub(crate) fn steps(self) -> [(f64, u64); ENDS.len() + 1] {
        std::array::from_fn(|i| (ENDS.get(i).map_or(f64::INFINITY, Duration::as_secs_f64), self.0[i]))
    }
}

/// What is known of functions from one scrape to the next: who has an entry of its own, and sums of all others that do not go down
/// when something that was in them is gone.
#[derive(Debug)]
pub(crate) struct Steady {
    /// Those with entries of their own. One that lost its entry to a function that came later would be in the sums once more, with all
    /// that it ever did.
    named: HashSet<Arc<[u8]>>,
    /// As they were.
    last: Counts,
    /// What was in them, and is not any more.
    gone: Counts,
    /// There was something.
    used: bool,
}

impl Steady {
    pub(crate) fn new(zero: Counts) -> Steady {
        Steady { named: HashSet::new(), last: zero.clone(), gone: zero, used: false }
    }

    /// Whether a function has an entry of its own, from now on.
    fn has_entry(&mut self, name: &Arc<[u8]>) -> bool {
        self.named.contains(name) || self.named.len() < NAMED && self.named.insert(name.clone())
    }

    /// The sums are these now; as they are to be shown.
    fn next(&mut self, now: Counts) -> Counts {
        for ((gone, last), now) in self.gone.0.iter_mut().zip(self.last.0).zip(now.0) {
            *gone += last.saturating_sub(now);
        }
        self.last = now.clone();
        let mut shown = now;
        shown.add(&self.gone);
        shown
    }
}

/// Reads all functions. The lock is held for a page at a time.
pub(crate) async fn read(shared: &Shared, steady: &mut Steady) -> Vec<Entry> {
    let (mut entries, mut cursor) = (Vec::new(), Some(Cursor::default()));
    let (mut gauges, mut counts) = (Gauges::default(), Counts::default());
    {
        let state = shared.lock();
        steady.named.retain(|name| state.broker.knows(name));
    }
    while let Some(from) = cursor {
        let page = {
            let mut state = shared.lock();
            let now = state.read_clock();
            state.broker.functions_with_activity(&now, from)
        };
        for f in &page.entries {
            let of = (Gauges::of(f), f.activity.as_deref().map(Counts::of).unwrap_or_default());
            if steady.has_entry(&f.name) {
                entries.push(Entry { label: label(&f.name), gauges: of.0, counts: of.1 });
            } else {
                gauges.add(&of.0);
                counts.add(&of.1);
                steady.used = true;
            }
        }
        cursor = page.next;
        tokio::task::yield_now().await;
    }
    if steady.used {
        entries.push(Entry { label: OTHERS.into(), gauges, counts: steady.next(counts) });
    }
    entries
}

/// A name as text, with control characters as `\xHH`, too: programs that show labels do so on one line.
fn label(name: &[u8]) -> String {
    let text = names::shown(name);
    if text == OTHERS {
        return text.replacen('(', &hex('('), 1);
    }
    match text.chars().any(char::is_control) {
        true => text.chars().map(|c| if c.is_control() { hex(c) } else { c.into() }).collect(),
        false => text.into_owned(),
    }
}

fn hex(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::metrics::Format;
    use crate::http::metrics::families::{longest_part, of_functions};

    #[test]
    fn each_name_has_a_text_of_its_own() {
        for (name, text) in [
            (&b"resize"[..], "resize"),
            (b"", ""),
            (b"a \"b\" {c}", "a \"b\" {c}"),
            (b"a\\xffb", "a\\x5cxffb"),
            (b"a\xffb", "a\\xffb"),
            ("größe \u{85}".as_bytes(), "größe \\xc2\\x85"),
            (b"line\n\x7f\0", "line\\x0a\\x7f\\x00"),
            (b"(others)", "\\x28others)"),
            (b"\\x28others)", "\\x5cx28others)"),
        ] {
            assert_eq!(label(name), text);
        }
    }

    #[test]
    fn steps_are_those_of_the_histogram_with_fewer_in_between() {
        let mut histogram = Histogram::default();
        for microseconds in [0, 255, 256, 1023, 1024, 1_073_741_823, 1_073_741_824, u64::MAX >> 8] {
            histogram.record(microseconds);
        }
        let mut folded = [0; STEPS];
        fold(&histogram, &mut folded);
        let times = Times(&folded);
        let steps: Vec<_> = times.steps().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(steps, [(0.000256, 2), (0.001024, 2), (0.004096, 1), (1073.741824, 1), (f64::INFINITY, 2)]);
        assert_eq!((times.count(), times.sum()), (8, histogram.sum().as_secs_f64()));
    }

    #[test]
    fn no_part_of_the_text_is_longer_than_is_said() {
        let long = "\\\"\n".repeat(100);
        for (label, n) in [("", 0), ("f", u64::MAX >> 8), (long.as_str(), 0), (long.as_str(), u64::MAX >> 8)] {
            let gauges = || Gauges { oldest: Duration::MAX, free: Some([n; 2]), dead: n, ..Gauges::default() };
            let entry = || Entry { label: label.into(), gauges: gauges(), counts: Counts([n; COUNTS]) };
            let entries: Vec<Entry> = std::iter::repeat_with(entry).take(20).collect();
            let most = longest_part(&entries);
            for part in of_functions(entries) {
                for format in [Format::OpenMetrics, Format::Prometheus] {
                    let mut text = String::new();
                    format.write(&mut text, &part).unwrap();
                    assert!(text.len() <= most, "{} of {most}: {:.200}", text.len(), text);
                }
            }
        }
    }

    #[test]
    fn sums_do_not_go_down_with_what_is_dropped() {
        let counts = |n| Counts([n; COUNTS]);
        let mut steady = Steady::new(Counts::default());
        assert_eq!([5, 3, 4, 0, 2].map(|n| steady.next(counts(n)).0[0]), [5, 5, 6, 6, 8]);
    }
}
