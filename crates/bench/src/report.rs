//! The table, and the same as JSON.

use crate::row::{Outcome, Verdict};
use crate::stats::Summary;
use std::fmt::Write;

/// A row's part of the table, in Markdown.
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
    if !outcome.targets.is_empty() {
        text.push_str("| target | median | range | |\n|---|---:|---:|---|\n");
        for verdict in &outcome.targets {
            text.push_str(&verdict_line(verdict));
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
