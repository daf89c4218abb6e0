//! A table for a terminal or a pipe: a name, columns of short words, and as many lines and columns as there is room for.
//! It knows nothing of what it shows.

/// The name's column is never cut shorter than this.
const NAME: usize = 8;
/// Columns are left out for longer names, but not for more than this, and not for more than a quarter of the width.
const READABLE: usize = 24;

/// A column behind the name's.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    /// It is at least so wide, with the blanks before it, that columns do not move whenever a number does.
    pub(crate) width: usize,
    /// Those with the largest number are left out first; 0: never.
    pub(crate) rank: u8,
}

/// The first `rows`, those that there is room for. `size`: width and height.
pub(crate) fn table<R>(
    columns: &[Column],
    rows: &[R],
    size: Option<(usize, usize)>,
    name: impl Fn(&R) -> &str,
    cells: impl Fn(&R) -> Vec<String>,
) -> Vec<String> {
    let (width, height) = size.unwrap_or((usize::MAX, usize::MAX));
    let room = height.saturating_sub(1).max(1);
    let shown = if rows.len() > room { room - 1 } else { rows.len() };
    // Of all, not only of those that are shown: else columns would move when a row comes or goes.
    let names: Vec<String> = rows.iter().map(|row| printable(name(row))).collect();
    let cells: Vec<Vec<String>> = rows[..shown].iter().map(cells).collect();
    let longest = names.iter().map(|name| count(name)).max().unwrap_or(0).max("FUNCTION".len());

    let widths: Vec<usize> = columns.iter().enumerate().map(|(i, column)| column.fit(i, &cells)).collect();
    let readable = longest.min((width / 4).clamp(NAME, READABLE));
    let kept = kept(columns, &widths, width.saturating_sub(readable));
    let taken: usize = kept.iter().map(|i| widths[*i]).sum();
    let first = longest.min(width.saturating_sub(taken).max(NAME));

    let line = |name: &str, cell: &dyn Fn(usize) -> String| {
        let mut line = format!("{:first$}", cut(name, first));
        kept.iter().for_each(|i| line.push_str(&format!("{:>1$}", cell(*i), widths[*i])));
        line
    };
    let mut lines = vec![line("FUNCTION", &|i| columns[i].head.to_owned())];
    lines.extend(names.iter().zip(&cells).map(|(name, cells)| line(name, &|i| cells[i].clone())));
    match rows.len() - shown {
        0 if shown == 0 => lines.push("no functions yet".into()),
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}

impl Column {
    /// How wide this one, the `i`th, has to be.
    fn fit(&self, i: usize, rows: &[Vec<String>]) -> usize {
        let longest = rows.iter().map(|cells| count(&cells[i])).max().unwrap_or(0).max(self.head.len());
        self.width.max(longest + 2)
    }
}

/// Which columns there is room for, from left to right.
fn kept(columns: &[Column], widths: &[usize], room: usize) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..columns.len()).collect();
    ranked.sort_by_key(|i| columns[*i].rank);
    let mut taken = 0;
    let fitting = ranked.iter().take_while(|i| {
        taken += widths[**i];
        columns[**i].rank == 0 || taken <= room
    });
    let mut kept: Vec<usize> = fitting.copied().collect();
    kept.sort_unstable();
    kept
}

/// Nothing that would move the cursor or change colours.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
}

/// At most so many characters; what was longer ends in `~`.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if count(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['~']).take(width).collect()
}

/// In lines of at most so many characters, as far as its words are not longer.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if count(line) + 1 + count(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column { head: "QUEUED", width: 8, rank: 0 },
        Column { head: "LESS", width: 7, rank: 3 },
        Column { head: "MORE", width: 7, rank: 2 },
        Column { head: "STATE", width: 10, rank: 1 },
    ];

    fn shown(rows: &[(&str, u64)], size: Option<(usize, usize)>) -> Vec<String> {
        let cells = |row: &(&str, u64)| [row.1.to_string(), "l".into(), "m".into(), "-".into()].to_vec();
        table(&COLUMNS, rows, size, |row| row.0, cells)
    }

    #[test]
    fn columns_are_left_out_before_names_are_cut_to_nothing() {
        let rows = [("\x1b[31mlong name", 7), ("f", 123456789)];
        let name = |text: &str| format!("{text:19}");
        assert_eq!(
            shown(&rows, None),
            [
                name("FUNCTION") + "     QUEUED   LESS   MORE     STATE",
                name("\\u{1b}[31mlong name") + "          7      l      m         -",
                name("f") + "  123456789      l      m         -",
            ]
        );
        let heads = |width| shown(&rows, Some((width, 24)))[0].split_whitespace().collect::<Vec<_>>().join(" ");
        let widths = [54, 46, 45, 37, 36, 29, 28, 19, 1];
        let all = "FUNCTION QUEUED LESS MORE STATE";
        let (three, two, one) = ("FUNCTION QUEUED MORE STATE", "FUNCTION QUEUED STATE", "FUNCTION QUEUED");
        assert_eq!(widths.map(heads), [all, all, three, three, two, two, one, one, one].map(str::to_owned));
        for width in 19..60 {
            assert!(shown(&rows, Some((width, 24))).iter().all(|line| count(line) <= width), "{width}");
        }
        assert_eq!(shown(&rows, Some((45, 24)))[1], "\\u{1b}[31mlong n~          7      m         -");
        let long = ["a-name-of-twenty-characters".into(), "x".repeat(200)];
        let rows: Vec<(&str, u64)> = long.iter().map(|name: &String| (name.as_str(), 1)).collect();
        assert_eq!(
            shown(&rows, Some((100, 24)))[1].split_whitespace().collect::<Vec<_>>(),
            [&long[0], "1", "l", "m", "-"]
        );
    }

    #[test]
    fn rows_are_left_out_and_counted() {
        let rows: Vec<(&str, u64)> = (0..2000).map(|n| ("f", n)).collect();
        let lines = shown(&rows, Some((80, 24)));
        assert_eq!((lines.len(), lines[23].as_str()), (24, "and 1978 more"));
        assert_eq!(shown(&rows[..23], Some((80, 24))).len(), 24);
        assert_eq!(shown(&rows, Some((1, 1)))[1..], ["and 2000 more"]);
        assert_eq!(shown(&[], Some((80, 24)))[1], "no functions yet");
    }

    #[test]
    fn texts_of_any_width() {
        assert_eq!([cut("äöü", 3), cut("äöü", 2), cut("äöü", 1), cut("äöü", 0)], ["äöü", "ä~", "~", ""]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", usize::MAX), ["one two three"]);
        assert_eq!(wrap("a very-long b", 4), ["a", "very-long", "b"]);
        assert_eq!(printable("a\r\u{9b}ü"), "a\\r\\u{9b}ü");
    }
}
