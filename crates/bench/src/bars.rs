//! The README's picture: five paths with default settings, each as long as ours takes of what pecl on C gearmand takes. Its
//! figures are those of the tables that `report` has written, so that the picture and docs/performance.md never differ.

use crate::Result;
use std::fmt::Write;

/// A row of the tables, what it is to a user, and the variant that ours is compared with.
struct Path {
    row: &'static str,
    name: &'static str,
    theirs: &'static str,
}

const PATHS: [Path; 5] = [
    Path { row: "do", name: "doNormal()", theirs: "pecl on C" },
    Path { row: "background", name: "doBackground()", theirs: "pecl on C" },
    Path { row: "page", name: "a web request that submits a job", theirs: "pecl on C" },
    Path { row: "tasks-background", name: "each of 10,000 addTaskBackground()", theirs: "pecl on C" },
    Path { row: "latency", name: "a job on a busy server, 99th percentile", theirs: "C" },
];

const WIDTH: f64 = 760.0;
const LABELS: f64 = 280.0;
const FULL: f64 = 330.0;
const BAR: f64 = 30.0;
const HEADING: f64 = 56.0;

// Its own background, so that it can be read on any page; dark where the reader's system is.
const STYLE: &str = "svg{background:#fff}.b{fill:#fff}.t{fill:#1f2328}.s{fill:#59636e}.f{fill:#d5dbe1}.o{fill:#b7410e}\
@media(prefers-color-scheme:dark){svg{background:#161b22}.b{fill:#161b22}.t{fill:#e6edf3}.s{fill:#a2adb8}.f{fill:#3a434d}.o{fill:#e8743b}}";

/// The picture, of the tables in `page`.
pub(crate) fn picture(page: &str) -> Result<String> {
    let (mut body, mut told) = (String::new(), String::new());
    for (i, path) in PATHS.iter().enumerate() {
        let [ours, theirs] =
            ["ours", path.theirs].map(|variant| cell(page, &format!("### {}: ", path.row), &format!("| {variant} | ")));
        let text = format!("{} of {} µs", ours?, theirs?);
        let ratio = cell(page, "| row | target ", &format!("| {} | ours / {} ≤ ", path.row, path.theirs))?;
        bar(&mut body, HEADING + BAR * i as f64, path.name, ratio.parse()?, &text)?;
        write!(told, " {}: {ratio}, {text}.", path.name)?;
    }
    let height = HEADING + BAR * PATHS.len() as f64 + 10.0;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">What gearman_rs takes of the time of pecl gearman on C gearmand</title>\n\
         <desc id=\"desc\">Less is better.{told}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"b\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"t\" x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"bold\">Time of gearman_rs, with pecl gearman on C gearmand as 1</text>\n\
         <text class=\"s\" x=\"16\" y=\"45\">less is better; default settings, one machine, medians of docs/performance.md</text>\n\
         {body}</svg>\n"
    ))
}

fn bar(body: &mut String, y: f64, name: &str, ratio: f64, figures: &str) -> Result<()> {
    let (text, x, length) = (y + 19.0, LABELS, (FULL * ratio).max(2.0));
    writeln!(body, "<text class=\"t\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>", x - 10.0)?;
    for (class, width) in [("f", FULL), ("o", length)] {
        writeln!(
            body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"{width:.1}\" height=\"20\" rx=\"2\"/>",
            y + 5.0
        )?;
    }
    writeln!(body, "<text class=\"t\" x=\"{}\" y=\"{text}\">{ratio:.2}", x + FULL + 8.0)?;
    writeln!(body, "<tspan class=\"s\" dx=\"6\">{figures}</tspan></text>")?;
    Ok(())
}

/// The median in the line that begins so, in the first table behind a line that begins so. Of a target that is what follows its bound.
fn cell<'a>(page: &'a str, table: &str, line: &str) -> Result<&'a str> {
    let mut lines = page.lines().skip_while(|l| !l.starts_with(table)).skip(1).take_while(|l| !l.starts_with('#'));
    let cells = lines.find_map(|l| l.strip_prefix(line)).ok_or(format!("{table}: there is no {line}"))?;
    let mut cells = cells.split(" | ");
    let bound = if line.ends_with("≤ ") { cells.next() } else { None };
    Ok(cells.next().ok_or(format!("{table}: {line} has no median{}", bound.unwrap_or_default()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_the_readme_has_the_figures_of_the_page() {
        let drawn = picture(include_str!("../../../docs/performance.md")).unwrap();
        assert!(drawn.len() < 10_000, "{}", drawn.len());
        assert!(
            drawn == include_str!("../../../docs/bars.svg"),
            "cargo run -p bench -- bars docs/performance.md > docs/bars.svg"
        );
    }

    #[test]
    fn a_median_is_that_of_its_table() {
        let page = "| row |\n| do | ours / C ≤ 0.2 | 0.1 | |\n### do: a\n\n| ours | 1 | 2 |\n\n### page: b\n\n| ours | 3 | 4 |\n";
        assert_eq!(cell(page, "| row ", "| do | ours / C ≤ ").unwrap(), "0.1");
        assert_eq!(cell(page, "### page: ", "| ours | ").unwrap(), "3");
        assert!(cell(page, "### do: ", "| C | ").is_err());
    }
}
