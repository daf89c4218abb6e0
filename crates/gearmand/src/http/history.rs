//! What happened in the last quarter of an hour: samples that charts begin with. They are taken as long as HTTP is on.
//!
//! Owns the samples, of all functions together and of each that had jobs. Must never know how they are shown.
//!
//! Invariants:
//! - a series has [`SAMPLES`] samples at most;
//! - at most [`FUNCTIONS`] functions have one, so all together take less than 20 MB: 8 KiB for the samples and the last counts
//!   of each, and its name. Where there are more, one that has jobs takes the place of one without any for the whole time.

use crate::broker::Now;
use crate::broker::snapshot::{Cursor, Function};
use crate::http::Http;
use crate::http::samples::{Counts, Sample};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// From one sample to the next.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// Most that are kept: a quarter of an hour.
const SAMPLES: usize = 90;
/// Most functions of which they are kept.
const FUNCTIONS: usize = 2000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Series>);

/// The last counts, by function.
pub(crate) type Last = HashMap<Arc<[u8]>, Counts>;

#[derive(Debug, Default)]
struct Series {
    total: Ring,
    functions: HashMap<Arc<[u8]>, Ring>,
    /// How often samples were taken.
    round: u64,
    /// Functions had to be left out.
    crowded: bool,
}

#[derive(Debug, Default)]
struct Ring {
    last: Counts,
    samples: VecDeque<Sample>,
    /// So many of the last samples tell of nothing.
    quiet: usize,
    /// The round in which it was seen.
    seen: u64,
}

impl Ring {
    fn add(&mut self, counts: Counts) {
        let sample = Sample::between(&self.last, &counts);
        self.quiet = if sample.rates.is_quiet() { self.quiet + 1 } else { 0 };
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        } else if self.samples.len() == self.samples.capacity() {
            // As few at a time as costs little: there are many rings.
            self.samples.reserve_exact(10);
        }
        self.samples.push_back(sample);
        self.last = counts;
    }
}

impl History {
    fn series(&self) -> MutexGuard<'_, Series> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples of all functions together, or of one; those that are oldest in front.
    pub(crate) fn samples(&self, function: Option<&[u8]>) -> Vec<Sample> {
        let series = self.series();
        let ring = match function {
            None => Some(&series.total),
            Some(name) => series.functions.get(name),
        };
        ring.map(|ring| ring.samples.iter().copied().collect()).unwrap_or_default()
    }

    /// What was counted when the last sample of a function was taken.
    pub(crate) fn last_of(&self, function: &[u8]) -> Option<Counts> {
        self.series().functions.get(function).map(|ring| ring.last.clone())
    }

    /// What was counted when the last sample was taken: of all together, and of each function.
    pub(crate) fn last(&self) -> (Counts, Last) {
        let series = self.series();
        let functions = series.functions.iter().map(|(name, ring)| (name.clone(), ring.last.clone()));
        (series.total.last.clone(), functions.collect())
    }
}

impl Series {
    fn page(&mut self, now: &Now, total: &mut Counts, functions: &[Function]) {
        for function in functions {
            total.add(function);
            let counts = || Counts::of(now, function);
            if let Some(ring) = self.functions.get_mut(&function.name) {
                ring.add(counts());
                ring.seen = self.round;
            } else if function.activity.is_some() && self.has_room(function) {
                let mut ring = Ring { last: counts(), seen: self.round, ..Ring::default() };
                if self.round > 1 && !self.crowded {
                    // Its first jobs: all that was counted came since the last sample.
                    ring.last = self.total.last.of_nothing();
                    ring.add(counts());
                }
                self.functions.insert(function.name.clone(), ring);
            }
        }
    }

    fn has_room(&mut self, function: &Function) -> bool {
        if self.functions.len() >= FUNCTIONS && function.total() > 0 {
            let quiet = self.functions.iter().find(|(_, ring)| ring.quiet >= SAMPLES).map(|(name, _)| name.clone());
            quiet.map(|name| self.functions.remove(&name));
        }
        let room = self.functions.len() < FUNCTIONS;
        self.crowded |= !room;
        room
    }

    /// All functions were seen.
    fn end(&mut self, total: Counts) {
        let round = self.round;
        // What went with a function is in no count any more.
        for (_, gone) in self.functions.extract_if(|_, ring| ring.seen != round) {
            self.total.last.without(&gone.last);
        }
        if round == 1 {
            self.total.last = total;
        } else {
            self.total.add(total);
        }
    }
}

/// Takes samples, for ever.
pub(crate) async fn keep(http: Arc<Http>) {
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sample(&http).await;
    }
}

async fn sample(http: &Http) {
    let mut total = http.look(|broker, now| Counts::begin(now, &broker.server()));
    let mut next = Some(Cursor::default());
    http.history.series().round += 1;
    while let Some(from) = next {
        let (now, page) = http.look(|broker, now| (*now, broker.functions_with_activity(now, from)));
        next = page.next;
        http.history.series().page(&now, &mut total, &page.entries);
        tokio::task::yield_now().await;
    }
    http.history.series().end(total);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::activity::{Activity, End};
    use crate::broker::snapshot::Server;

    fn function(name: &str, submitted: u64, queued: u32) -> Function {
        let mut activity = Activity::default();
        activity.submitted = submitted;
        (0..submitted).for_each(|_| activity.end(End::Completed));
        Function {
            name: name.as_bytes().into(),
            queued: [0, queued, 0],
            running: 0,
            delayed: 0,
            storing: 0,
            workers: 1,
            limits: [0; 3],
            oldest: None,
            dead: 0,
            paused: false,
            activity: (submitted > 0).then(|| activity.into()),
            free: None,
        }
    }

    /// The next look at these functions, a step later.
    fn look(series: &mut Series, functions: &[Function]) {
        series.round += 1;
        let steady = STEP * series.round as u32;
        let now = Now { steady, wall: steady };
        let mut total = Counts::begin(&now, &Server { workers: 7, ..Server::default() });
        series.page(&now, &mut total, functions);
        series.end(total);
    }

    fn last(ring: &Ring) -> serde_json::Value {
        serde_json::to_value(ring.samples.back().unwrap()).unwrap()
    }

    #[test]
    fn rates_are_those_of_a_step() {
        let mut series = Series::default();
        look(&mut series, &[function("a", 1000, 5)]);
        assert!(series.total.samples.is_empty() && series.functions[&b"a"[..]].samples.is_empty());
        look(&mut series, &[function("a", 1050, 6), function("new", 20, 0), function("none", 0, 0)]);
        let (total, a, new) = (&series.total, &series.functions[&b"a"[..]], &series.functions[&b"new"[..]]);
        assert_eq!([total, a, new].map(|ring| last(ring)["completed"].as_f64().unwrap()), [7.0, 5.0, 2.0]);
        assert_eq!(
            (&last(total)["workers"], &last(total)["queued"], &last(a)["workers"]),
            (&7.into(), &6.into(), &1.into())
        );
        assert!(!series.functions.contains_key(&b"none"[..]));
        // A function is dropped: what it counted does not make the others' less.
        look(&mut series, &[function("new", 50, 0)]);
        assert_eq!(last(&series.total)["completed"], 3.0);
        assert!(!series.functions.contains_key(&b"a"[..]));
    }

    #[test]
    fn samples_and_functions_are_bounded() {
        let mut series = Series::default();
        let mut many: Vec<Function> = (0..FUNCTIONS).map(|n| function(&format!("f{n}"), 1, 0)).collect();
        for _ in 0..=SAMPLES {
            look(&mut series, &many);
        }
        assert!(series.total.samples.len() == SAMPLES && series.functions.len() == FUNCTIONS);
        many.push(function("idle", 1, 0));
        many.push(function("busy", 1, 1));
        look(&mut series, &many);
        assert!(series.functions.len() == FUNCTIONS && series.total.samples.len() == SAMPLES);
        assert!(series.functions.contains_key(&b"busy"[..]) && !series.functions.contains_key(&b"idle"[..]));
        let bytes = size_of::<Ring>() + size_of::<Sample>() * SAMPLES;
        assert!(bytes <= 8 * 1024, "{bytes}");
        assert!(series.functions.values().all(|ring| ring.samples.capacity() <= SAMPLES));
    }
}
