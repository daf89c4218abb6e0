//! `man FOLDER` writes the manual pages of the programs into a folder.
//!
//! All of it comes from the programs' own flags and from the text after them in `--help`, so that
//! there is nothing else to keep up to date. A program of its own, so that the others do without roff.

#![forbid(unsafe_code)]

use clap::{Command, CommandFactory};
use clap_mangen::{Man, roff};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed nobody wants to know.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("man: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: man FOLDER");
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or_else(usage)?);
    std::fs::create_dir_all(&folder)?;
    for (section, command) in programs() {
        let file = folder.join(format!("{}.{section}", command.get_name()));
        std::fs::write(file, page(section, command)?)?;
    }
    Ok(())
}

fn programs() -> [(&'static str, Command); 4] {
    [
        ("8", gearmand::config::Options::command()),
        ("1", gearman_tools::flags::Gearman::command()),
        ("1", gearman_tools::flags::Gearadmin::command()),
        ("1", gearman_tools::runner::flags::Runner::command()),
    ]
}

fn page(section: &'static str, command: Command) -> io::Result<Vec<u8>> {
    let name = command.get_name().to_owned();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command).section(section).manual("Gearman");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    sections(&after).to_writer(&mut out)?;
    see_also(&name).to_writer(&mut out)?;
    Ok(out)
}

/// What stands after the flags in `--help`: a heading with a colon at its end, and indented lines.
/// Lines in columns and examples stay as they are; the rest is text.
fn sections(after: &str) -> roff::Roff {
    let mut page = roff::Roff::new();
    for block in after.split("\n\n") {
        let (heading, body) = match block.split_once(":\n") {
            Some((heading, body)) => (heading, body),
            None => ("Notes", block),
        };
        let lines: Vec<&str> = body.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        page.control("SH", [heading.to_uppercase().as_str()]);
        let columns = heading == "Examples" || lines.iter().any(|line| line.contains("  "));
        if columns {
            page.control("nf", []);
        }
        for line in lines {
            page.text([roff::roman(line)]);
        }
        if columns {
            page.control("fi", []);
        }
    }
    page
}

fn see_also(name: &str) -> roff::Roff {
    let pages = ["gearmand(8)", "gearman(1)", "gearadmin(1)", "gearman-runner(1)"];
    let others: Vec<&str> = pages.into_iter().filter(|page| page.split('(').next() != Some(name)).collect();
    let mut page = roff::Roff::new();
    page.control("SH", ["SEE ALSO"]);
    page.text([roff::roman(others.join(", "))]);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command as Program, Stdio};

    /// The page as its reader sees it, with all of groff's warnings; `None` where there is no groff.
    fn shown(page: &[u8]) -> Option<(String, String)> {
        let mut groff = Program::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-P-c", "-P-b", "-P-u", "-rLL=400n"]);
        groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = groff.spawn().ok()?;
        io::Write::write_all(&mut child.stdin.take().unwrap(), page).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Some((text(output.stdout), text(output.stderr)))
    }

    #[test]
    fn every_flag_is_named_and_nothing_is_amiss() {
        for (section, command) in programs() {
            let (name, flags) = (command.get_name().to_owned(), command.clone());
            let raw = page(section, command).unwrap();
            let (text, warnings) = shown(&raw).unwrap_or_else(|| {
                eprintln!("no groff: the pages are checked as they are written");
                let raw = String::from_utf8_lossy(&raw).replace("\\-", "-");
                (["\\fB", "\\fI", "\\fR"].iter().fold(raw, |raw, font| raw.replace(font, " ")), String::new())
            });
            assert_eq!(warnings, "", "{name}");
            for flag in flags.get_arguments().filter(|flag| !flag.is_hide_set() && !flag.is_positional()) {
                let long = flag.get_long().map(|long| format!("--{long}"));
                let short = flag.get_short().map(|short| format!("-{short}"));
                for word in [long, short].into_iter().flatten() {
                    let found = text.split(|c: char| c.is_whitespace() || "[],=\\".contains(c)).any(|w| w == word);
                    assert!(found, "{name} does not name {word}:\n{text}");
                }
            }
            for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
                assert!(text.contains(heading), "{name} has no {heading}:\n{text}");
            }
        }
    }

    #[test]
    fn text_is_filled_and_columns_are_kept() {
        let roff = sections("Files:\n  /a  one\n  /b  two\n\nWords:\n  as they\n  come").render();
        assert!(roff.contains(".SH FILES\n.nf\n/a  one\n/b  two\n.fi\n.SH WORDS\nas they\ncome"), "{roff}");
    }
}
