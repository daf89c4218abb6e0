//! The picture: for each path, a bar for each variant, as long as it takes beside pecl on C gearmand.

use crate::report::number;
use crate::row::Outcome;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 210.0;
const NUMBERS: f64 = 110.0;
const BAR: f64 = 16.0;
const HEADING: f64 = 30.0;

/// The whole picture. Bars of one path have one scale.
pub(crate) fn picture(outcomes: &[Outcome]) -> String {
    let (mut body, mut y) = (String::new(), 8.0);
    for outcome in outcomes.iter().filter(|o| o.error.is_none()) {
        for (i, metric) in outcome.metrics.iter().enumerate() {
            let bars: Vec<(&str, f64)> =
                outcome.variants.iter().filter_map(|v| Some((v.name, v.summaries[i]?.median))).collect();
            let title = format!("{}: {}, {}", outcome.title, metric.name, metric.unit);
            panel(&mut body, &mut y, &title, &bars);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn panel(body: &mut String, y: &mut f64, title: &str, bars: &[(&str, f64)]) {
    let most = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    *y += HEADING;
    let _ = writeln!(body, "<text x=\"8\" y=\"{:.0}\" font-weight=\"bold\">{}</text>", *y - 8.0, escape(title));
    for (name, value) in bars {
        let length = (value / most * (WIDTH - LABELS - NUMBERS)).max(1.0);
        let (x, text) = (LABELS - 8.0, *y + BAR - 5.0);
        let _ = writeln!(body, "<text x=\"{x}\" y=\"{text:.0}\" text-anchor=\"end\">{}</text>", escape(name));
        let _ = writeln!(
            body,
            "<rect x=\"{LABELS}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>",
            *y + 1.0,
            BAR - 3.0,
            color(name)
        );
        let _ = writeln!(body, "<text x=\"{:.1}\" y=\"{text:.0}\">{}</text>", LABELS + length + 5.0, number(*value));
        *y += BAR;
    }
}

/// Ours, what people have, and what is only there for scale.
fn color(name: &str) -> &'static str {
    match name {
        _ if name.contains("ours") => "#b7410e",
        _ if name.contains(" C") || name.contains("pecl") || name == "C" => "#4a6a8a",
        _ => "#b8b8b0",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_its_room_and_names_are_escaped() {
        let (mut body, mut y) = (String::new(), 0.0);
        panel(&mut body, &mut y, "a < b", &[("ours", 1.0), ("pecl on C", 4.0)]);
        assert!(
            body.contains("a &lt; b") && body.contains("width=\"110.0\"") && body.contains("width=\"440.0\""),
            "{body}"
        );
    }
}
