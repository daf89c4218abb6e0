//! Rights: what a connection may do, and the one table of what each packet and each text command needs.
//!
//! Owns the four rights and what they mean. Must never know how a connection came to its rights (`config::acl`), nor
//! sessions and jobs: the broker asks, and does what the answer says.
//!
//! Invariant: what is not in the table cannot be asked for; a new command does not compile without its line.

use crate::net::peer::Peer;
use gearman_core::MAX_FUNCTION;
use gearman_core::protocol::admin;
use gearman_core::protocol::message::Request;
use gearman_core::protocol::packet::Command;
use std::fmt;
use std::sync::Arc;

/// Something that a connection may do, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Submit jobs of a function.
    Submit,
    /// Run jobs of a function.
    Work,
    /// Change what others see.
    Admin,
    /// See what others do.
    Observe,
}

impl Right {
    /// As files and messages call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Right::Submit => "submit",
            Right::Work => "work",
            Right::Admin => "admin",
            Right::Observe => "observe",
        }
    }
}

/// What a packet or a text command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it is about the connection itself, or a job that it was given.
    Nothing,
    /// To submit this function, and the one that joins the parts.
    Submit,
    /// To work on this function.
    Work,
    Admin,
    Observe,
    /// To observe, or to submit a job's function: who may do only the second sees only jobs of those functions.
    Status,
}

#[cfg(test)]
impl Need {
    /// As tables of docs/security.md have it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Need::Nothing => "nothing",
            Need::Submit => "`submit`",
            Need::Work => "`work`",
            Need::Admin => "`admin`",
            Need::Observe => "`observe`",
            Need::Status => "`observe` or `submit`",
        }
    }
}

/// What a packet needs.
pub(crate) const fn of_packet(command: Command) -> Need {
    use Command::*;
    match command {
        SubmitJob
        | SubmitJobBg
        | SubmitJobHigh
        | SubmitJobHighBg
        | SubmitJobLow
        | SubmitJobLowBg
        | SubmitJobSched
        | SubmitJobEpoch
        | SubmitReduceJob
        | SubmitReduceJobBackground => Need::Submit,
        CanDo | CanDoTimeout => Need::Work,
        GetStatus | GetStatusUnique => Need::Status,
        // Jobs come only for functions that were announced by CAN_DO.
        CantDo | ResetAbilities | PreSleep | GrabJob | GrabJobUniq | GrabJobAll | AllYours => Need::Nothing,
        // Count only for jobs that the connection was given.
        WorkStatus | WorkComplete | WorkFail | WorkException | WorkData | WorkWarning => Need::Nothing,
        EchoReq | OptionReq | SetClientId => Need::Nothing,
        // A server sends them, and refuses them.
        Noop | JobCreated | NoJob | JobAssign | JobAssignUniq | JobAssignAll | EchoRes | Error | StatusRes
        | StatusResUnique | OptionRes | JobNotice => Need::Nothing,
    }
}

/// What a text command needs.
pub(crate) const fn of_text(command: &admin::Command<'_>) -> Need {
    use admin::Command::*;
    match command {
        Status | PriorityStatus | Workers | Connections | ShowJobs | ShowUniqueJobs | Counters | GetPid | Verbose
        | Policies | Schedules | Servers | Dead(_) | DeadShow(_) => Need::Observe,
        // Of jobs of functions that may be submitted, as GET_STATUS.
        Job(_) | JobOfUnique(..) | Result(_) => Need::Status,
        CreateFunction(_) | DropFunction(_) | MaxQueue(..) | CancelJob(_) | CancelUnique(..) | SetPolicy(..)
        | DeadRetry(_) | DeadForget(_) | Bury(_) => Need::Admin,
        Version | Whoami => Need::Nothing,
        // The answer is how to ask.
        InvalidArguments(_) | UnknownShow | UnknownCancel | Unknown(_) => Need::Nothing,
    }
}

/// Which functions, hosts or names: all of one text, or of what is before and behind one `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    before: Box<str>,
    /// `None`: there is no `*`.
    behind: Option<Box<str>>,
}

impl Pattern {
    /// What is wrong with it, where something is.
    pub(crate) fn new(text: &str) -> Result<Pattern, &'static str> {
        match text.split_once('*') {
            None if text.is_empty() => Err("an empty name matches nothing"),
            None => Ok(Pattern { before: text.into(), behind: None }),
            Some((_, behind)) if behind.contains('*') => Err("a pattern has one * at most"),
            Some((before, behind)) => Ok(Pattern { before: before.into(), behind: Some(behind.into()) }),
        }
    }

    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let before = self.before.as_bytes();
        match &self.behind {
            None => name == before,
            Some(behind) => name.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind.as_bytes())),
        }
    }

    /// Whether all that the other one matches is matched by this one, too.
    fn includes(&self, other: &Pattern) -> bool {
        match (&self.behind, &other.behind) {
            (_, None) => self.matches(other.before.as_bytes()),
            (None, Some(_)) => false,
            (Some(behind), Some(others)) => other.before.starts_with(&*self.before) && others.ends_with(&**behind),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.behind {
            None => f.write_str(&self.before),
            Some(behind) => write!(f, "{}*{behind}", self.before),
        }
    }
}

/// The rights that a rule grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The rule, by its number and name.
    pub(crate) rule: Box<str>,
    pub(crate) submit: Box<[Pattern]>,
    pub(crate) work: Box<[Pattern]>,
    pub(crate) admin: bool,
    pub(crate) observe: bool,
}

impl Rights {
    pub(crate) fn submits(&self, function: &[u8]) -> bool {
        self.submit.iter().any(|pattern| pattern.matches(function))
    }

    /// Whether jobs of this function may be known.
    pub(crate) fn sees(&self, function: &[u8]) -> bool {
        self.observe || self.submits(function)
    }

    fn works(&self, function: &[u8]) -> bool {
        self.work.iter().any(|pattern| pattern.matches(function))
    }

    /// A packet may be done; or what lacks for it.
    pub(crate) fn allow<'a>(&self, command: Command, request: &Request<'a>) -> Result<(), Lacking<'a>> {
        match (of_packet(command), request) {
            (Need::Submit, Request::Submit(submit)) => {
                let mut functions = std::iter::once(submit.function).chain(submit.reducer);
                functions.find(|f| !self.submits(f)).map_or(Ok(()), |f| Err(Lacking::of(Right::Submit, f)))
            }
            (Need::Work, Request::CanDo { function, .. }) if !self.works(function) => {
                Err(Lacking::of(Right::Work, function))
            }
            (Need::Submit | Need::Work, _) => Ok(()),
            (need, _) => self.meet(need),
        }
    }

    /// The same of a text command.
    pub(crate) fn allow_text(&self, command: &admin::Command<'_>) -> Result<(), Lacking<'static>> {
        self.meet(of_text(command))
    }

    /// The same of what is asked for otherwise; `function` is the one to be submitted or worked on.
    pub(crate) fn allow_need<'a>(&self, need: Need, function: &'a [u8]) -> Result<(), Lacking<'a>> {
        match need {
            Need::Submit if !self.submits(function) => Err(Lacking::of(Right::Submit, function)),
            Need::Work if !self.works(function) => Err(Lacking::of(Right::Work, function)),
            Need::Submit | Need::Work => Ok(()),
            need => self.meet(need),
        }
    }

    fn meet(&self, need: Need) -> Result<(), Lacking<'static>> {
        let lacks = match need {
            Need::Nothing => return Ok(()),
            Need::Submit => self.submit.is_empty().then_some(Right::Submit),
            Need::Work => self.work.is_empty().then_some(Right::Work),
            Need::Admin => (!self.admin).then_some(Right::Admin),
            Need::Observe => (!self.observe).then_some(Right::Observe),
            Need::Status => (!self.observe && self.submit.is_empty()).then_some(Right::Observe),
        };
        lacks.map_or(Ok(()), |right| Err(Lacking { right, function: None }))
    }

    /// Whether whoever had the others has lost nothing by these. Two patterns that only together are as good as one
    /// that was there count as a loss.
    pub(crate) fn include(&self, others: &Rights) -> bool {
        let covers = |ours: &[Pattern], theirs: &[Pattern]| {
            theirs.iter().all(|theirs| ours.iter().any(|ours| ours.includes(theirs)))
        };
        covers(&self.submit, &others.submit)
            && covers(&self.work, &others.work)
            && self.admin >= others.admin
            && self.observe >= others.observe
    }
}

/// A right that a connection has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lacking<'a> {
    right: Right,
    /// For which function, where that is the question.
    function: Option<&'a [u8]>,
}

impl<'a> Lacking<'a> {
    fn of(right: Right, function: &'a [u8]) -> Lacking<'a> {
        Lacking { right, function: Some(&function[..function.len().min(MAX_FUNCTION)]) }
    }
}

impl fmt::Display for Lacking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function {
            Some(function) => write!(f, "no right to {} {}", self.right.name(), function.escape_ascii()),
            None => write!(f, "no right to {}", self.right.name()),
        }
    }
}

/// Who a connection is, and what it may do for that.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Kept so that other rules can be asked later.
    pub(crate) peer: Peer,
    /// Shared by all to whom the same rule applies.
    pub(crate) rights: Arc<Rights>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use gearman_core::protocol::packet::Sender;
    use properties::properties;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    pub(crate) fn patterns(texts: &[&str]) -> Box<[Pattern]> {
        texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
    }

    /// A line for each kind of text command; `match` in [`of_text`] has them all.
    const TEXT: &[&str] = &[
        "status",
        "prioritystatus",
        "workers",
        "connections",
        "show jobs",
        "show unique jobs",
        "counters",
        "getpid",
        "verbose",
        "create function f",
        "drop function f",
        "maxqueue f 1",
        "cancel job H:x:1",
        "cancel unique f k",
        "policy f retries=1",
        "policies",
        "schedules",
        "servers",
        "dead",
        "dead-show H:x:1",
        "dead-retry f",
        "dead-forget f",
        "bury H:x:1",
        "job H:x:1",
        "result H:x:1",
        "version",
        "whoami",
    ];

    /// docs/security.md has this table too: `| PACKET, PACKET, text command | right | ... |`.
    #[test]
    fn the_documented_table_is_this_one() {
        let docs = include_str!("../../../docs/security.md");
        let rows = docs.lines().skip_while(|line| !line.starts_with("| what | needs |")).skip(2);
        let mut documented = BTreeMap::new();
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            for what in cells[0].split(',') {
                let twice = documented.insert(what.trim().trim_matches('`').to_owned(), cells[1].to_owned());
                assert_eq!(twice, None, "{what} is there twice");
            }
        }
        let sent = Command::ALL.iter().filter(|command| command.sender() != Sender::Server);
        let packets = sent.map(|command| (command.name().to_owned(), of_packet(*command).shown().to_owned()));
        let text = TEXT.iter().map(|line| {
            let command = admin::Command::parse(line.as_bytes());
            assert!(!matches!(command, admin::Command::Unknown(_)), "{line}");
            let words: Vec<&str> = line.split(' ').take_while(|word| *word != "f" && !word.starts_with("H:")).collect();
            (words.join(" "), of_text(&command).shown().to_owned())
        });
        assert_eq!(documented, packets.chain(text).collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn what_only_a_server_sends_needs_nothing_as_nobody_may_send_it() {
        for command in Command::ALL.iter().filter(|command| command.sender() == Sender::Server) {
            assert_eq!(of_packet(*command), Need::Nothing, "{command}");
        }
    }

    #[test]
    fn patterns_are_names_with_one_star_at_most() {
        for (pattern, good, bad) in [
            ("resize", &["resize"][..], &["resize2", "resiz", "", "*"][..]),
            ("*", &["", "resize", "*"], &[]),
            ("mail.*", &["mail.", "mail.send"], &["mail", "email.send"]),
            ("*.example.com", &[".example.com", "a.b.example.com"], &["example.com"]),
            ("ab*ba", &["abba", "abxba"], &["aba", "ab"]),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert!(good.iter().all(|name| pattern.matches(name.as_bytes())), "{pattern}");
            assert!(!bad.iter().any(|name| pattern.matches(name.as_bytes())), "{pattern}");
        }
        assert!(Pattern::new("mail.*").unwrap().matches(b"mail.\xff\0"));
        assert_eq!(Pattern::new("a*b*"), Err("a pattern has one * at most"));
        assert!(Pattern::new("").is_err());
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        "[ab]{0,2}[*]?[ab]{0,2}".prop_filter_map("empty", |text| Pattern::new(&text).ok())
    }

    fn rights() -> impl Strategy<Value = Rights> {
        let list = || prop::collection::vec(pattern(), 0..3).prop_map(Vec::into_boxed_slice);
        let fields = (list(), list(), any::<bool>(), any::<bool>());
        fields.prop_map(|(submit, work, admin, observe)| Rights { rule: "1".into(), submit, work, admin, observe })
    }

    properties! {
        cases: 2000;

        /// Who loses nothing may do all that was allowed before; a single pattern that is not included has lost a name.
        #[test]
        fn what_is_included_is_allowed(new in rights(), old in rights(), names in prop::collection::vec("[abc]{0,6}", 20)) {
            let lost = names.iter().any(|name| {
                let name = name.as_bytes();
                old.submits(name) && !new.submits(name) || old.works(name) && !new.works(name)
            });
            prop_assert!(!(new.include(&old) && lost), "{new:?} {old:?}");
            prop_assert!(new.include(&new) && new.include(&Rights::default()));
        }

        #[test]
        fn a_pattern_includes_another_just_if_it_matches_all_its_names(one in pattern(), other in pattern()) {
            // No pattern has a c: what matches with one in place of the * matches with anything.
            let example = other.to_string().replace('*', "c");
            prop_assert_eq!(one.includes(&other), one.matches(example.as_bytes()) , "{} {}", one, other);
        }
    }
}
