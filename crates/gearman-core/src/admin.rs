//! The text commands that share the port with the binary protocol: one line asks, one line or a
//! list that ends in `.` answers. Read by the server, written by `gearadmin`.

/// A command line from an operator or a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `status`: every function with its counts.
    Status,
    /// `prioritystatus`: every function with its queued jobs by priority.
    PriorityStatus,
    /// `workers`: every connection.
    Workers,
    /// `show jobs`.
    ShowJobs,
    /// `show unique jobs`.
    ShowUniqueJobs,
    /// `version`.
    Version,
    /// `getpid`.
    GetPid,
    /// `verbose`: the log level.
    Verbose,
    /// `create function NAME`.
    CreateFunction(&'a [u8]),
    /// `drop function NAME`.
    DropFunction(&'a [u8]),
    /// `maxqueue NAME [LIMIT | HIGH NORMAL LOW]`: the words behind the name.
    MaxQueue(&'a [u8], Vec<&'a [u8]>),
    /// `cancel job HANDLE`.
    CancelJob(&'a [u8]),
    /// Something that starts like a command and lacks words: its name.
    Incomplete(&'static str),
    /// `show` with a word it does not know.
    UnknownShow,
    /// Anything else: the line's first word.
    Unknown(&'a [u8]),
}

impl<'a> Command<'a> {
    /// What this line asks; LF or CRLF at its end is ignored, and so is the case of commands.
    pub fn parse(line: &'a [u8]) -> Command<'a> {
        let words: Vec<&[u8]> = line.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()).collect();
        let Some((first, rest)) = words.split_first() else {
            return Command::Unknown(b"");
        };
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match (first.to_ascii_lowercase().as_slice(), rest) {
            (b"status", _) => Command::Status,
            (b"prioritystatus", _) => Command::PriorityStatus,
            (b"workers", _) => Command::Workers,
            (b"version", _) => Command::Version,
            (b"getpid", _) => Command::GetPid,
            (b"verbose", _) => Command::Verbose,
            (b"show", [what, ..]) if is(what, "jobs") => Command::ShowJobs,
            (b"show", [what, jobs, ..]) if is(what, "unique") && is(jobs, "jobs") => Command::ShowUniqueJobs,
            (b"show", [_, ..]) => Command::UnknownShow,
            (b"create", [what, name, ..]) if is(what, "function") => Command::CreateFunction(name),
            (b"drop", [what, name, ..]) if is(what, "function") => Command::DropFunction(name),
            (b"create", _) => Command::Incomplete("create"),
            (b"drop", _) => Command::Incomplete("drop"),
            (b"maxqueue", [name, limits @ ..]) => Command::MaxQueue(name, limits.to_vec()),
            (b"maxqueue", []) => Command::Incomplete("maxqueue"),
            (b"cancel", [what, handle, ..]) if is(what, "job") => Command::CancelJob(handle),
            _ => Command::Unknown(first),
        }
    }
}

/// Is the answer to this command a list that ends in a line with a dot?
pub fn is_listing(command: &str) -> bool {
    matches!(command, "status" | "prioritystatus" | "workers" | "show jobs" | "show unique jobs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_and_line_ends_do_not_matter() {
        assert_eq!(Command::parse(b"STATUS\r\n"), Command::Status);
        assert_eq!(Command::parse(b"  Show   Unique JOBS \n"), Command::ShowUniqueJobs);
        assert_eq!(Command::parse(b"create function Reverse\r\n"), Command::CreateFunction(b"Reverse"));
        assert_eq!(Command::parse(b"maxqueue f 1 2 3\n"), Command::MaxQueue(b"f", vec![b"1", b"2", b"3"]));
    }

    #[test]
    fn what_lacks_words_and_what_is_unknown() {
        assert_eq!(Command::parse(b"create\n"), Command::Incomplete("create"));
        assert_eq!(Command::parse(b"maxqueue\n"), Command::Incomplete("maxqueue"));
        assert_eq!(Command::parse(b"show\n"), Command::Unknown(b"show"));
        assert_eq!(Command::parse(b"show foo\n"), Command::UnknownShow);
        assert_eq!(Command::parse(b"cancel job\n"), Command::Unknown(b"cancel"));
        assert_eq!(Command::parse(b"shutdown\n"), Command::Unknown(b"shutdown"));
        assert_eq!(Command::parse(b"\r\n"), Command::Unknown(b""));
    }
}
