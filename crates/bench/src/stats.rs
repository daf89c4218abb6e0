//! Medians, and ratios of what was measured together.

use serde::Serialize;

/// Several measurements of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// `None` where nothing was measured.
pub(crate) fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
    Some(Summary { median, min, max })
}

/// The ratios of each round: a machine that is slow for a while is slow for both.
pub(crate) fn paired(subject: &[f64], base: &[f64]) -> Option<Summary> {
    summary(&subject.iter().zip(base).map(|(s, b)| s / b).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(summary(&[4.0, 1.0, 2.0, 3.0]).map(|s| s.median), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The second round ran on a machine ten times as slow.
        let ratios = paired(&[1.0, 10.0, 1.0], &[2.0, 20.0, 2.0]);
        assert_eq!(ratios, Some(Summary { median: 0.5, min: 0.5, max: 0.5 }));
    }
}
