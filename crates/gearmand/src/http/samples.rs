//! What happened in a while: two looks at the same counts, and what is between them.
//!
//! Owns how that is told. Must never know who looks, and when.

use crate::broker::Now;
use crate::broker::activity::{Activity, End, Histogram};
use crate::broker::snapshot;
use serde::Serialize;
use std::time::Duration;

/// A look at the counts of a function, or of all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// When it was: on the steady clock.
    steady: Duration,
    /// And since 1970.
    wall: Duration,
    queued: u64,
    running: u64,
    delayed: u64,
    dead: u64,
    workers: u64,
    activity: Activity,
}

impl Counts {
    fn at(now: &Now) -> Counts {
        Counts { steady: now.steady, wall: now.wall, ..Counts::default() }
    }

    /// Of all together, to which functions are to be added.
    pub(crate) fn begin(now: &Now, server: &snapshot::Server) -> Counts {
        Counts { workers: server.workers, ..Counts::at(now) }
    }

    /// Of a function that was not there when this was counted.
    pub(crate) fn of_nothing(&self) -> Counts {
        Counts { steady: self.steady, wall: self.wall, ..Counts::default() }
    }

    pub(crate) fn of(now: &Now, function: &snapshot::Function) -> Counts {
        let mut counts = Counts::at(now);
        counts.add(function);
        counts.workers = function.workers.into();
        counts
    }

    /// What was counted of a function is not any more.
    pub(crate) fn without(&mut self, function: &Counts) {
        self.activity = self.activity.since(&function.activity);
    }

    /// This function belongs to all of it. Its workers may be others' too.
    pub(crate) fn add(&mut self, function: &snapshot::Function) {
        self.queued += function.queued.iter().map(|n| u64::from(*n)).sum::<u64>();
        self.running += u64::from(function.running);
        self.delayed += u64::from(function.delayed);
        self.dead += u64::from(function.dead);
        if let Some(activity) = &function.activity {
            self.activity = self.activity.plus(activity);
        }
    }
}

/// A moment, and what happened in the while before it. Many of them are kept, so it is small.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    at: f64,
    queued: u32,
    running: u32,
    delayed: u32,
    dead: u32,
    workers: u32,
    #[serde(flatten)]
    pub(crate) rates: Rates,
}

/// So many a second, and how long most took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Rates {
    submitted: f32,
    completed: f32,
    /// Bad ends, and tries that failed.
    failed: f32,
    waited_p50: Option<f32>,
    waited_p95: Option<f32>,
    ran_p50: Option<f32>,
    ran_p95: Option<f32>,
}

impl Rates {
    /// What happened from an earlier look to this.
    pub(crate) fn between(earlier: &Counts, now: &Counts) -> Rates {
        let time = now.steady.saturating_sub(earlier.steady).as_secs_f64();
        let done = now.activity.since(&earlier.activity);
        let rate = |count: u64| if time > 0.0 { (count as f64 / time) as f32 } else { 0.0 };
        let took = |histogram: &Histogram, percent| histogram.percentile(percent).map(|time| time.as_secs_f32());
        Rates {
            submitted: rate(done.submitted),
            completed: rate(done.ended(End::Completed)),
            failed: rate(done.failures()),
            waited_p50: took(&done.waited, 50),
            waited_p95: took(&done.waited, 95),
            ran_p50: took(&done.ran, 50),
            ran_p95: took(&done.ran, 95),
        }
    }

    /// Nothing happened.
    pub(crate) fn is_quiet(&self) -> bool {
        *self == Rates::default()
    }
}

impl Sample {
    pub(crate) fn between(earlier: &Counts, now: &Counts) -> Sample {
        let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Sample {
            at: now.wall.as_millis() as f64 / 1e3,
            queued: number(now.queued),
            running: number(now.running),
            delayed: number(now.delayed),
            dead: number(now.dead),
            workers: number(now.workers),
            rates: Rates::between(earlier, now),
        }
    }
}
