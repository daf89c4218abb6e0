//! What became of the jobs of a function, and how long they took, since the function appeared. Only counts: no clock, and
//! nothing of who asks for them.
//!
//! What always holds: counts never go down; `submitted`, `restored` and `revived` together are the jobs that there are and
//! those that [`ended`](Activity::ended).

use std::time::Duration;

/// See the module. Numbers of jobs, but for `refused`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// New jobs.
    pub(crate) submitted: u64,
    /// Submits that joined a job with the same unique key.
    pub(crate) coalesced: u64,
    /// Submits that were refused: the queue is full, or the server is to stop.
    pub(crate) refused: u64,
    /// Jobs that the durable queue brought when the server started.
    pub(crate) restored: u64,
    /// Dead letters that became jobs again.
    pub(crate) revived: u64,
    /// Given to a worker; a job that came back counts each time.
    pub(crate) assigned: u64,
    /// Taken from a worker by the function's timeout.
    pub(crate) timed_out: u64,
    /// Came back from a worker that left, or that cannot run the function any more.
    pub(crate) given_back: u64,
    /// Tries that failed, and the job waited for the next.
    pub(crate) retried: u64,
    /// Jobs that are over, by [`End`].
    ended: [u64; End::ALL.len()],
    /// From when a job could be run to its assignment.
    pub(crate) waited: Histogram,
    /// From a job's assignment to the result of that worker.
    pub(crate) ran: Histogram,
}

/// How a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// WORK_COMPLETE.
    Completed,
    /// WORK_FAIL, or it was tried too often.
    Failed,
    /// WORK_EXCEPTION.
    Exception,
    /// An operator cancelled it, or dropped its function.
    Cancelled,
    /// Those who waited for it have left.
    Abandoned,
    /// It could not be stored.
    Unstored,
    /// It is a dead letter.
    Dead,
    /// It is in the queue that servers share, for any of them.
    Released,
}

impl End {
    pub(crate) const ALL: [End; 8] = [
        End::Completed,
        End::Failed,
        End::Exception,
        End::Cancelled,
        End::Abandoned,
        End::Unstored,
        End::Dead,
        End::Released,
    ];
}

impl Activity {
    /// One job less.
    pub(crate) fn end(&mut self, end: End) {
        self.ended[end as usize] += 1;
    }

    /// What happened since an earlier look at the same counts.
    pub(crate) fn since(&self, earlier: &Activity) -> Activity {
        self.with(earlier, u64::saturating_sub)
    }

    /// That of two functions together.
    pub(crate) fn plus(&self, other: &Activity) -> Activity {
        self.with(other, u64::saturating_add)
    }

    fn with(&self, other: &Activity, how: fn(u64, u64) -> u64) -> Activity {
        Activity {
            submitted: how(self.submitted, other.submitted),
            coalesced: how(self.coalesced, other.coalesced),
            refused: how(self.refused, other.refused),
            restored: how(self.restored, other.restored),
            revived: how(self.revived, other.revived),
            assigned: how(self.assigned, other.assigned),
            timed_out: how(self.timed_out, other.timed_out),
            given_back: how(self.given_back, other.given_back),
            retried: how(self.retried, other.retried),
            ended: std::array::from_fn(|i| how(self.ended[i], other.ended[i])),
            waited: self.waited.with(&other.waited, how),
            ran: self.ran.with(&other.ran, how),
        }
    }

    /// Tries that were not done: jobs that ended badly without anybody's wish, and those that are tried again.
    pub(crate) fn failures(&self) -> u64 {
        let bad = [End::Failed, End::Exception, End::Unstored, End::Dead];
        bad.into_iter().map(|end| self.ended(end)).sum::<u64>() + self.retried
    }

    /// How many jobs ended so.
    pub(crate) fn ended(&self, end: End) -> u64 {
        self.ended[end as usize]
    }
}

/// How often something took how long, in steps of a factor of two: from less than 64 µs to 19 hours and more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: [u64; BUCKETS],
    /// All of it together, in microseconds.
    sum: u64,
}

const BUCKETS: usize = 32;
/// Bits of a number of microseconds that the first bucket takes.
const FIRST: u32 = 6;

impl Histogram {
    pub(crate) fn record(&mut self, microseconds: u64) {
        let bits = u64::BITS - microseconds.leading_zeros();
        self.counts[(bits.saturating_sub(FIRST) as usize).min(BUCKETS - 1)] += 1;
        self.sum = self.sum.saturating_add(microseconds);
    }

    /// Counts, each with what is longer than all that it counts; the last has no such end.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let end = |i: usize| (i + 1 < BUCKETS).then(|| Duration::from_micros(1 << (FIRST as usize + i)));
        self.counts.iter().enumerate().map(move |(i, count)| (end(i), *count))
    }

    pub(crate) fn sum(&self) -> Duration {
        Duration::from_micros(self.sum)
    }

    fn with(&self, other: &Histogram, how: fn(u64, u64) -> u64) -> Histogram {
        let counts = std::array::from_fn(|i| how(self.counts[i], other.counts[i]));
        Histogram { counts, sum: how(self.sum, other.sum) }
    }

    /// What so many of a hundred took at most, as exactly as the steps tell: within one, times count as spread evenly. `None`
    /// where nothing was counted.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        let all: u64 = self.counts.iter().sum();
        let rank = (all.saturating_mul(percent)).div_ceil(100).max(1);
        let mut below = 0;
        for (i, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if below + count >= rank {
                let begin = if i == 0 { 0 } else { 1 << (FIRST as usize + i - 1) };
                let end = 1u64 << (FIRST as usize + i);
                let part = (rank - below) as f64 / *count as f64;
                return Some(Duration::from_micros(begin + ((end - begin) as f64 * part) as u64));
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_step() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for microseconds in 1..=1000 {
            histogram.record(microseconds * 1000);
        }
        for (percent, milliseconds) in [(0, 1), (50, 500), (95, 950), (100, 1000)] {
            let found = histogram.percentile(percent).unwrap().as_micros() as f64 / 1000.0;
            assert!((milliseconds as f64 / 2.0..=milliseconds as f64 * 2.0).contains(&found), "{percent}: {found}");
        }
        let mut late = Histogram::default();
        late.record(u64::MAX);
        assert_eq!(late.percentile(95), Some(Duration::from_micros(64 << 31)));
    }

    #[test]
    fn what_happened_in_between() {
        let mut before = Activity { submitted: 5, retried: 1, ..Activity::default() };
        before.waited.record(100);
        before.end(End::Completed);
        let mut after = before.plus(&Activity { submitted: 2, ..Activity::default() });
        after.end(End::Failed);
        after.waited.record(1_000_000);
        let between = after.since(&before);
        assert_eq!((between.submitted, between.ended(End::Completed), between.failures()), (2, 0, 1));
        assert!(between.waited.percentile(50) > Some(Duration::from_millis(500)));
        // A function that is dropped and comes again begins at nothing.
        assert_eq!(before.since(&after).submitted, 0);
    }

    #[test]
    fn each_duration_is_in_the_bucket_that_ends_after_it() {
        let bounds: Vec<_> = Histogram::default().buckets().map(|(end, _)| end).collect();
        assert_eq!((bounds[0], bounds[BUCKETS - 1]), (Some(Duration::from_micros(64)), None));
        assert_eq!(bounds[BUCKETS - 2], Some(Duration::from_micros(64 << 30)));
        for microseconds in [0, 1, 63, 64, 65, 127, 128, 1_000_000, (64 << 30) - 1, 64 << 30, u64::MAX] {
            let mut histogram = Histogram::default();
            histogram.record(microseconds);
            let hit: Vec<usize> = histogram.buckets().enumerate().filter(|(_, b)| b.1 == 1).map(|(i, _)| i).collect();
            let duration = Duration::from_micros(microseconds);
            let expected = bounds.iter().position(|end| end.is_none_or(|end| duration < end)).unwrap();
            assert_eq!((hit, histogram.sum()), (vec![expected], duration), "{microseconds}");
        }
    }
}
