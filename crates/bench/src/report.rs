//! The tables, in Markdown.

use crate::Result;
use crate::row::{Outcome, Verdict};
use crate::stats::Summary;
use std::fmt::Write;

/// On what it was measured, and how busy that was when it began.
pub(crate) fn machine() -> Result<String> {
    let read = |name| std::fs::read_to_string(name).map(|text| text.trim().to_owned());
    let cpus = read("/proc/cpuinfo")?;
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("").trim_matches([':', '\t', ' ']);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or("");
    Ok(format!("{count} × {model}, Linux {}, load {load} at the beginning.", read("/proc/sys/kernel/osrelease")?))
}

/// The whole page: first what was to be reached.
pub(crate) fn all(machine: &str, outcomes: &[Outcome]) -> String {
    let rows: String = outcomes.iter().map(table).collect();
    format!("{machine}\n\n{}{rows}", targets(outcomes))
}

/// A line for each target.
pub(crate) fn targets(outcomes: &[Outcome]) -> String {
    let mut text = String::from("| row | target | median | range | |\n|---|---|---:|---:|---|\n");
    for outcome in outcomes {
        for verdict in &outcome.targets {
            let _ = write!(text, "| {} {}", outcome.name, verdict_line(verdict));
        }
    }
    text.push('\n');
    text
}

/// What was measured of a row.
pub(crate) fn table(outcome: &Outcome) -> String {
    let mut text = format!("### {}: {}\n\n", outcome.name, outcome.title);
    if let Some(error) = &outcome.error {
        let _ = writeln!(text, "**given up**: {error}\n");
    }
    for (i, metric) in outcome.metrics.iter().enumerate() {
        let _ = writeln!(text, "| {}, {} | median | range |\n|---|---:|---:|", metric.name, metric.unit);
        for variant in &outcome.variants {
            if let Some(s) = variant.summaries[i] {
                let _ = writeln!(text, "| {} | {} | {} |", variant.name, number(s.median), range(&s));
            }
        }
        text.push('\n');
    }
    text
}

fn verdict_line(verdict: &Verdict) -> String {
    let reached = if verdict.reached { "reached" } else { "**missed**" };
    match &verdict.found {
        Some(s) => format!("| {} | {} | {} | {reached} |\n", verdict.claim, number(s.median), range(s)),
        None => format!("| {} | – | – | not measured |\n", verdict.claim),
    }
}

fn range(s: &Summary) -> String {
    if s.min == s.max { String::new() } else { format!("{} – {}", number(s.min), number(s.max)) }
}

/// Three digits that count, and no more.
pub(crate) fn number(n: f64) -> String {
    match n.abs() {
        a if a >= 100.0 => format!("{n:.0}"),
        a if a >= 10.0 => format!("{n:.1}"),
        a if a >= 1.0 => format!("{n:.2}"),
        _ => format!("{n:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([1234.5, 12.345, 1.2345, 0.12345].map(number), ["1234", "12.3", "1.23", "0.123"]);
    }
}
