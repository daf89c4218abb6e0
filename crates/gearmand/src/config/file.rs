//! The words of a command line and of the files that it names, and where in a file each of them is. What they mean is not
//! known here.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

/// One word.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: OsString,
    /// `None`: on the command line.
    pub(crate) line: Option<FileLine>,
}

/// A line of a file, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileLine {
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
}

impl std::fmt::Display for FileLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl From<&OsStr> for Word {
    fn from(text: &OsStr) -> Word {
        Word { text: text.into(), line: None }
    }
}

/// The words of a file. One that begins with # is a remark, and so is all after it on its line.
pub(crate) fn of_file(file: &str) -> io::Result<Vec<Word>> {
    let text = std::fs::read_to_string(file)?;
    let file: Arc<str> = file.into();
    let of_line = |(i, text): (usize, &str)| {
        let line = FileLine { file: file.clone(), line: i + 1 };
        let words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        words.map(|word| Word { text: word.into(), line: Some(line.clone()) }).collect::<Vec<_>>()
    };
    Ok(text.lines().enumerate().flat_map(of_line).collect())
}

/// The line of a file that is wrong, where one is: with the words before it all is well, and from there on never.
/// What is well, `good` decides.
pub(crate) fn wrong_line(words: &[Word], good: impl Fn(&[Word]) -> bool) -> Option<FileLine> {
    let ends = (1..words.len()).rev().filter(|i| words[*i].line != words[i - 1].line);
    let well = ends.into_iter().find(|end| good(&words[..*end])).unwrap_or(0);
    words.get(well)?.line.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(lines: &[(usize, &str)]) -> Vec<Word> {
        let at = |line| (line > 0).then(|| FileLine { file: "f".into(), line });
        lines.iter().map(|(line, text)| Word { text: text.into(), line: at(*line) }).collect()
    }

    #[test]
    fn the_wrong_line_is_the_first_after_which_nothing_is_well() {
        // An `a` wants a `b` somewhere after it; an `x` is always wrong.
        let good = |words: &[Word]| {
            let at = |text: &str| words.iter().rposition(|word| word.text == text);
            at("x").is_none() && at("a") <= at("b")
        };
        let line = |lines: &[(usize, &str)]| wrong_line(&words(lines), good).map(|found| found.line);
        assert_eq!(line(&[(0, "name"), (1, "y"), (2, "y"), (2, "x"), (5, "y")]), Some(2));
        assert_eq!(line(&[(0, "name"), (1, "a"), (2, "b"), (3, "x"), (0, "y")]), Some(3));
        assert_eq!(line(&[(0, "name"), (1, "a"), (2, "y"), (3, "y"), (0, "y")]), Some(1));
        assert_eq!(line(&[(0, "name"), (1, "y"), (0, "y"), (0, "x")]), None);
        assert_eq!(line(&[(0, "x"), (1, "y")]), None);
    }
}
