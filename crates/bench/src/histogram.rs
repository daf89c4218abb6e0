//! How long each of very many things took, within 1/32, in a fixed amount of memory.

/// Steps between a power of two and the next.
const STEPS: u64 = 32;
const SIZE: usize = 64 * STEPS as usize;

/// Counts of nanoseconds: exact below [`STEPS`], then so many steps for each power of two.
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram { counts: vec![0; SIZE], total: 0 }
    }

    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[index(nanoseconds)] += 1;
        self.total += 1;
    }

    /// What `part` (0.99) of all took at most; 0 where nothing was recorded.
    pub(crate) fn percentile(&self, part: f64) -> u64 {
        let wanted = (self.total as f64 * part).ceil() as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted && seen > 0
        });
        found.map_or(0, upper)
    }
}

fn index(n: u64) -> usize {
    let shift = (n | 1).ilog2().saturating_sub(STEPS.ilog2());
    (u64::from(shift) * STEPS + (n >> shift)) as usize
}

/// The largest number with this index.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    ((index - shift * STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_lies_in_its_step() {
        for n in (0..100_000).chain([1 << 40, u64::MAX >> 1]) {
            let top = upper(index(n));
            assert!(n <= top && top - n <= n / STEPS, "{n} in the step up to {top}");
        }
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(0.99), 0);
        (1..=1000).for_each(|n| histogram.record(n));
        assert!((500..=516).contains(&histogram.percentile(0.5)));
        assert!((990..=1023).contains(&histogram.percentile(0.99)));
        assert!((1000..=1031).contains(&histogram.percentile(1.0)));
    }
}
