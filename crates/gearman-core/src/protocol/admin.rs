//! The text commands that share the port with the binary protocol: one line asks, one line or a
//! list that ends in `.` answers. Read by the server, written by `gearadmin`.
//!
//! Owns which commands there are, and how a line is taken for one. Must never know the answers.
//!
//! Words end at blanks, so what has a blank in its name cannot be named here. A command that changes something
//! takes just its own words: `drop function resize images` does nothing to `resize`.

use crate::MAX_FUNCTION;
use crate::protocol::message::number;

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
    /// `connections`: every connection with what it has done. Our own.
    Connections,
    /// `counters`: what the server and its functions have done so far. Our own.
    Counters,
    /// `whoami`: who this connection is to the server, and its rights. Our own.
    Whoami,
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
    /// `maxqueue NAME [LIMIT | HIGH NORMAL LOW]`: by priority, high first; 0 is no limit.
    MaxQueue(&'a [u8], [u32; 3]),
    /// `cancel job HANDLE`.
    CancelJob(&'a [u8]),
    /// `cancel unique FUNCTION UNIQUE`. Our own, as all that follow.
    CancelUnique(&'a [u8], &'a [u8]),
    /// `policy PATTERN KEY=VALUE...`: sets keys of the policy of functions; `KEY=` takes one back.
    SetPolicy(&'a str, Vec<&'a str>),
    /// `policies`: every rule.
    Policies,
    /// `schedules`: jobs that the server submits itself, and when.
    Schedules,
    /// `servers`: those that share a queue with this one.
    Servers,
    /// `dead [FUNCTION]`: dead letters.
    Dead(Option<&'a [u8]>),
    /// `dead-show HANDLE`: one of them, with its workload.
    DeadShow(&'a [u8]),
    /// `dead-retry HANDLE`, or `dead-retry FUNCTION`: all of it.
    DeadRetry(&'a [u8]),
    /// `dead-forget HANDLE`, or `dead-forget FUNCTION`.
    DeadForget(&'a [u8]),
    /// `bury HANDLE`: a job becomes a dead letter.
    Bury(&'a [u8]),
    /// `job HANDLE`: what is known of a job.
    Job(&'a [u8]),
    /// `job FUNCTION UNIQUE`.
    JobOfUnique(&'a [u8], &'a [u8]),
    /// `result HANDLE`: the result that is kept of a job.
    Result(&'a [u8]),
    /// Something that starts like a command and has not the words it takes, neither fewer nor more: its name.
    InvalidArguments(&'static str),
    /// `show` with words it does not know.
    UnknownShow,
    /// `cancel` with words it does not know.
    UnknownCancel,
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
            (b"connections", []) => Command::Connections,
            (b"counters", _) => Command::Counters,
            (b"whoami", _) => Command::Whoami,
            (b"version", _) => Command::Version,
            (b"getpid", _) => Command::GetPid,
            (b"verbose", _) => Command::Verbose,
            (b"show", [what]) if is(what, "jobs") => Command::ShowJobs,
            (b"show", [what, jobs]) if is(what, "unique") && is(jobs, "jobs") => Command::ShowUniqueJobs,
            (b"show", [_, ..]) => Command::UnknownShow,
            (b"create", [what, name]) if is(what, "function") && is_name(name) => Command::CreateFunction(name),
            (b"drop", [what, name]) if is(what, "function") && is_name(name) => Command::DropFunction(name),
            (b"create", _) => Command::InvalidArguments("create"),
            (b"drop", _) => Command::InvalidArguments("drop"),
            (b"maxqueue", [name, words @ ..]) if is_name(name) => match limits(words) {
                Some(limits) => Command::MaxQueue(name, limits),
                None => Command::InvalidArguments("maxqueue"),
            },
            (b"maxqueue", _) => Command::InvalidArguments("maxqueue"),
            (b"cancel", [what, handle]) if is(what, "job") => Command::CancelJob(handle),
            (b"cancel", [what, function, unique]) if is(what, "unique") && is_name(function) => {
                Command::CancelUnique(function, unique)
            }
            (b"cancel", [_, _, ..]) => Command::UnknownCancel,
            (b"policy", [pattern, words @ ..]) if !words.is_empty() => {
                set_policy(pattern, words).unwrap_or(Command::InvalidArguments("policy"))
            }
            (b"policies", []) => Command::Policies,
            (b"schedules", []) => Command::Schedules,
            (b"servers", []) => Command::Servers,
            (b"dead", []) => Command::Dead(None),
            (b"dead", [function]) if is_name(function) => Command::Dead(Some(function)),
            (b"dead-show", [handle]) => Command::DeadShow(handle),
            (b"dead-retry", [what]) if is_name(what) => Command::DeadRetry(what),
            (b"dead-forget", [what]) if is_name(what) => Command::DeadForget(what),
            (b"bury", [handle]) => Command::Bury(handle),
            (b"job", [handle]) => Command::Job(handle),
            (b"job", [function, unique]) if is_name(function) => Command::JobOfUnique(function, unique),
            (b"result", [handle]) => Command::Result(handle),
            (word, _) => match OURS.iter().find(|name| name.as_bytes() == word) {
                Some(name) => Command::InvalidArguments(name),
                None => Command::Unknown(first),
            },
        }
    }
}

/// Commands of ours that take words.
const OURS: [&str; 12] = [
    "connections",
    "policy",
    "policies",
    "schedules",
    "servers",
    "dead",
    "dead-show",
    "dead-retry",
    "dead-forget",
    "bury",
    "job",
    "result",
];

/// Is this command one that only our server knows?
pub fn is_ours(command: &str) -> bool {
    let word = command.split(' ').next().unwrap_or_default();
    OURS.contains(&word) || matches!(word, "counters" | "whoami") || command.starts_with("cancel unique ")
}

/// Words that are no text name nothing.
fn set_policy<'a>(pattern: &'a [u8], words: &[&'a [u8]]) -> Option<Command<'a>> {
    let text = |word| std::str::from_utf8(word).ok();
    let words = words.iter().map(|word| text(word)).collect::<Option<_>>()?;
    Some(Command::SetPolicy(text(pattern).filter(|p| is_name(p.as_bytes()))?, words))
}

/// Is the answer to this command a list that ends in a line with a dot?
pub fn is_listing(command: &str) -> bool {
    let whole = matches!(
        command,
        "status"
            | "prioritystatus"
            | "workers"
            | "show jobs"
            | "show unique jobs"
            | "connections"
            | "counters"
            | "whoami"
            | "policies"
            | "schedules"
            | "servers"
    );
    whole || matches!(command.split(' ').next(), Some("dead" | "dead-show" | "job" | "result"))
}

/// Why no text command can name this function or job, where none can.
pub fn unspeakable(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("it is empty"),
        _ if name.iter().any(u8::is_ascii_whitespace) => {
            Some("text commands end names at blanks, tabs and line ends: it would be taken for another")
        }
        _ if name.contains(&0) => Some("no name holds a NUL"),
        _ if name.len() > MAX_FUNCTION => Some("it is longer than any function's name"),
        _ => None,
    }
}

fn is_name(name: &[u8]) -> bool {
    unspeakable(name).is_none()
}

/// One number is for all priorities, three are for high, normal and low. None at all, 0 and, as C's PROTOCOL says,
/// negative ones lift the limit. Here something that is no number is part of a name, not a 0 as in C.
fn limits(words: &[&[u8]]) -> Option<[u32; 3]> {
    match words {
        [] => Some([0; 3]),
        [all] => limit(all).map(|all| [all; 3]),
        [high, normal, low] => Some([limit(high)?, limit(normal)?, limit(low)?]),
        _ => None,
    }
}

fn limit(word: &[u8]) -> Option<u32> {
    let (digits, negative) = word.strip_prefix(b"-").map_or((word, false), |digits| (digits, true));
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| if negative { 0 } else { number(digits) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_and_line_ends_do_not_matter() {
        assert_eq!(Command::parse(b"STATUS\r\n"), Command::Status);
        assert_eq!(Command::parse(b"  Show   Unique JOBS \n"), Command::ShowUniqueJobs);
        assert_eq!(Command::parse(b"create function Reverse\r\n"), Command::CreateFunction(b"Reverse"));
        assert_eq!(Command::parse(b"maxqueue f 1 2 3\n"), Command::MaxQueue(b"f", [1, 2, 3]));
    }

    #[test]
    fn our_own() {
        for (line, command) in [
            ("policy resize* retries=3 timeout=", Command::SetPolicy("resize*", vec!["retries=3", "timeout="])),
            ("Policies", Command::Policies),
            ("schedules", Command::Schedules),
            ("servers", Command::Servers),
            ("connections", Command::Connections),
            ("dead", Command::Dead(None)),
            ("DEAD f", Command::Dead(Some(b"f"))),
            ("dead-show H:x:1", Command::DeadShow(b"H:x:1")),
            ("dead-retry f", Command::DeadRetry(b"f")),
            ("dead-forget H:x:1", Command::DeadForget(b"H:x:1")),
            ("bury H:x:1", Command::Bury(b"H:x:1")),
            ("cancel unique f k", Command::CancelUnique(b"f", b"k")),
            ("job H:x:1", Command::Job(b"H:x:1")),
            ("job f k", Command::JobOfUnique(b"f", b"k")),
            ("result H:x:1", Command::Result(b"H:x:1")),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), command, "{line}");
            let list = line.to_ascii_lowercase();
            assert!(is_ours(&list) && !is_ours("cancel job H:x:1") && !is_ours("status"));
            assert_eq!(
                is_listing(&list),
                list.starts_with("dead") && !list.contains("-retry") && !list.contains("-forget")
                    || ["policies", "schedules", "servers", "connections", "job", "result"]
                        .contains(&list.split(' ').next().unwrap()),
                "{line}"
            );
        }
    }

    #[test]
    fn what_lacks_words_and_what_is_unknown() {
        assert_eq!(Command::parse(b"create\n"), Command::InvalidArguments("create"));
        assert_eq!(Command::parse(b"maxqueue\n"), Command::InvalidArguments("maxqueue"));
        assert_eq!(Command::parse(b"show\n"), Command::Unknown(b"show"));
        assert_eq!(Command::parse(b"show foo\n"), Command::UnknownShow);
        assert_eq!(Command::parse(b"cancel job\n"), Command::Unknown(b"cancel"));
        assert_eq!(Command::parse(b"shutdown\n"), Command::Unknown(b"shutdown"));
        assert_eq!(Command::parse(b"\r\n"), Command::Unknown(b""));
    }

    /// `drop function resize images` dropped `resize`, with its jobs.
    #[test]
    fn what_is_left_over_is_refused() {
        for (line, command) in [
            ("drop function resize images", Command::InvalidArguments("drop")),
            ("drop function resize\timages", Command::InvalidArguments("drop")),
            ("create function resize images", Command::InvalidArguments("create")),
            ("maxqueue resize images", Command::InvalidArguments("maxqueue")),
            ("maxqueue resize images 1000", Command::InvalidArguments("maxqueue")),
            ("maxqueue resize 2 1000", Command::InvalidArguments("maxqueue")),
            ("maxqueue resize 1 2 3 4", Command::InvalidArguments("maxqueue")),
            ("cancel job H:x:1 2", Command::UnknownCancel),
            ("cancel function f", Command::UnknownCancel),
            ("show jobs f", Command::UnknownShow),
            ("show unique jobs f", Command::UnknownShow),
            ("cancel unique f", Command::UnknownCancel),
            ("cancel unique f k x", Command::UnknownCancel),
            ("policy f", Command::InvalidArguments("policy")),
            ("policy", Command::InvalidArguments("policy")),
            ("policies f", Command::InvalidArguments("policies")),
            ("schedules f", Command::InvalidArguments("schedules")),
            ("servers f", Command::InvalidArguments("servers")),
            ("connections f", Command::InvalidArguments("connections")),
            ("dead f g", Command::InvalidArguments("dead")),
            ("dead-show", Command::InvalidArguments("dead-show")),
            ("dead-retry f g", Command::InvalidArguments("dead-retry")),
            ("dead-forget", Command::InvalidArguments("dead-forget")),
            ("bury", Command::InvalidArguments("bury")),
            ("job", Command::InvalidArguments("job")),
            ("job f k x", Command::InvalidArguments("job")),
            ("result H:x:1 2", Command::InvalidArguments("result")),
            ("drop function resize\0images", Command::InvalidArguments("drop")),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), command, "{line}");
        }
        assert_eq!(Command::parse(b"policy f\xff retries=1"), Command::InvalidArguments("policy"));
        assert_eq!(Command::parse(b"policy f retries=\xff"), Command::InvalidArguments("policy"));
        let long = format!("create function {}", "x".repeat(MAX_FUNCTION + 1));
        assert_eq!(Command::parse(long.as_bytes()), Command::InvalidArguments("create"));
    }

    #[test]
    fn limits_are_numbers() {
        for (words, limits) in [
            ("", Some([0; 3])),
            ("7", Some([7; 3])),
            ("0", Some([0; 3])),
            ("-1", Some([0; 3])),
            ("1 -2 3", Some([1, 0, 3])),
            ("99999999999999999999", Some([u32::MAX; 3])),
            ("1x", None),
            ("1.5", None),
            ("-", None),
            ("--1", None),
            ("1 2 x", None),
        ] {
            let line = format!("maxqueue f {words}");
            let expected =
                limits.map_or(Command::InvalidArguments("maxqueue"), |limits| Command::MaxQueue(b"f", limits));
            assert_eq!(Command::parse(line.as_bytes()), expected, "{line}");
        }
    }
}
