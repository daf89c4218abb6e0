//! A row of the table: one path, measured in several variants, round by round.
//!
//! Whatever is measured is a cost, so less is better everywhere: microseconds a job instead of jobs a
//! second, and "three times as fast" is a ratio of at most 0.33.

use crate::Result;
use crate::setup::Setup;
use crate::stats::{Summary, paired, summary};
use serde::Serialize;

/// One way to do it. The measurement starts what it needs, checks that everything arrived, and returns
/// a number for each of the row's metrics.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    #[allow(clippy::type_complexity, reason = "it has no shorter form")]
    pub(crate) measure: Box<dyn Fn(&Setup) -> Result<Vec<f64>>>,
}

/// What is measured of a path, and in which unit.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// Something a variant should reach.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    /// Its number among the row's metrics.
    pub(crate) metric: usize,
    pub(crate) subject: &'static str,
    /// The ratio to this variant counts; without one, the number itself.
    pub(crate) base: Option<&'static str>,
    pub(crate) limit: f64,
}

/// A line of the table: reached where any of its claims is.
pub(crate) type Target = Vec<Claim>;

pub(crate) struct Row {
    /// What BENCH_ONLY calls it.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) variants: Vec<Variant>,
    pub(crate) targets: Vec<Target>,
    /// No more rounds than these, where counts are measured that do not scatter.
    pub(crate) rounds: usize,
}

/// What came of a row.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) variants: Vec<Measured>,
    pub(crate) targets: Vec<Verdict>,
    /// Why it was given up, where it was.
    pub(crate) error: Option<String>,
}

/// A variant's numbers: for each metric, one of each round.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Vec<f64>>,
    pub(crate) summaries: Vec<Option<Summary>>,
}

/// A claim, and what was found.
#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) claim: String,
    pub(crate) limit: f64,
    pub(crate) found: Option<Summary>,
    pub(crate) reached: bool,
}

pub(crate) fn variant(name: &'static str, measure: impl Fn(&Setup) -> Result<Vec<f64>> + 'static) -> Variant {
    Variant { name, measure: Box::new(measure) }
}

/// The first metric of `subject` is at most `limit` times that of `base`.
pub(crate) const fn ratio(subject: &'static str, base: &'static str, limit: f64) -> Claim {
    Claim { metric: 0, subject, base: Some(base), limit }
}

/// The first metric is at most `limit`.
pub(crate) const fn most(subject: &'static str, limit: f64) -> Claim {
    Claim { metric: 0, subject, base: None, limit }
}

impl Claim {
    pub(crate) const fn of(self, metric: usize) -> Claim {
        Claim { metric, ..self }
    }
}

impl Row {
    /// Runs all variants in each round, in turns forwards and backwards, so that none always follows another.
    pub(crate) fn run(&self, setup: &Setup, rounds: usize, mut progress: impl FnMut(&str) -> Result<()>) -> Outcome {
        let mut values = vec![vec![Vec::new(); self.metrics.len()]; self.variants.len()];
        let mut rounds_run = || -> Result<()> {
            for round in 0..rounds.min(self.rounds) {
                let mut order: Vec<usize> = (0..self.variants.len()).collect();
                if round % 2 == 1 {
                    order.reverse();
                }
                for i in order {
                    let variant = &self.variants[i];
                    let sample = (variant.measure)(setup).map_err(|e| format!("{}: {e}", variant.name))?;
                    let shown: Vec<String> =
                        sample.iter().zip(self.metrics).map(|(v, m)| format!("{v:.3} {}", m.unit)).collect();
                    progress(&format!("{} {}/{}: {}", self.name, round + 1, variant.name, shown.join(", ")))?;
                    for (metric, value) in sample.into_iter().enumerate() {
                        values[i][metric].push(value);
                    }
                }
            }
            Ok(())
        };
        let error = rounds_run().err().map(|e| e.to_string());
        self.outcome(values, error)
    }

    fn outcome(&self, values: Vec<Vec<Vec<f64>>>, error: Option<String>) -> Outcome {
        let measured = self.variants.iter().zip(values).map(|(variant, values)| {
            let summaries = values.iter().map(|v| summary(v)).collect();
            Measured { name: variant.name, values, summaries }
        });
        let variants: Vec<Measured> = measured.collect();
        let targets = self.targets.iter().map(|target| self.verdict(target, &variants)).collect();
        Outcome { name: self.name, title: self.title, metrics: self.metrics, variants, targets, error }
    }

    /// The claim that is reached, else the first.
    fn verdict(&self, target: &Target, variants: &[Measured]) -> Verdict {
        let mut verdicts: Vec<Verdict> = target.iter().map(|claim| self.judge(claim, variants)).collect();
        let best = verdicts.iter().position(|v| v.reached).unwrap_or(0);
        verdicts.swap_remove(best)
    }

    fn judge(&self, claim: &Claim, variants: &[Measured]) -> Verdict {
        let values = |name: &str| variants.iter().find(|v| v.name == name).map_or(&[][..], |v| &v.values[claim.metric]);
        let (found, against) = match claim.base {
            Some(base) => (paired(values(claim.subject), values(base)), format!(" / {base}")),
            None => (summary(values(claim.subject)), String::new()),
        };
        let metric = self.metrics[claim.metric];
        let name = if self.metrics.len() > 1 { format!("{}, ", metric.name) } else { String::new() };
        let unit = if claim.base.is_none() { format!(" {}", metric.unit) } else { String::new() };
        Verdict {
            claim: format!("{name}{}{against} ≤ {}{unit}", claim.subject, claim.limit),
            limit: claim.limit,
            reached: found.is_some_and(|f| f.median <= claim.limit),
            found,
        }
    }
}
