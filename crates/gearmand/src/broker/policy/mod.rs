//! What an operator wants for the jobs of a function: how often they are tried, what is kept of them, how many run. Policies are
//! given to functions by name or by pattern; each key of a function's policy comes from the rule that fits best and has the key.
//!
//! Owns the rules and what they say. Knows nothing of jobs and time; whoever obeys a policy is elsewhere in the broker.
//!
//! What always holds: each pattern has one rule at most from the file and one that was set at run time, which goes first;
//! a function's name goes before patterns, and a longer pattern before a shorter one.

#![allow(dead_code, reason = "the broker obeys it next")]

mod value;

#[allow(unused_imports, reason = "as above")]
pub(crate) use value::{Backoff, Keep, Rate, Reason, Reasons, Time};

use crate::rights::Pattern;
use gearman_core::MAX_FUNCTION;
use std::fmt;
use std::time::Duration;

/// Most rules that may be set at run time.
pub(crate) const MAX_RULES: usize = 10_000;

/// The keys, in the order in which they are shown, each with how it is written.
macro_rules! keys {
    ($($(#[$doc:meta])* $field:ident $name:literal $type:ty, $read:expr;)*) => {
        /// What a rule says; `None`: nothing about that.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Policy {
            $($(#[$doc])* pub(crate) $field: Option<$type>,)*
        }

        impl Policy {
            /// Sets a key from its text.
            pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
                let wrong = |reason| format!("{key}: {reason}");
                match key {
                    $($name => self.$field = Some($read(value).map_err(wrong)?),)*
                    _ => return Err(Policy::no_key(key)),
                }
                Ok(())
            }

            /// A key is not said any more. False: there is no such key.
            fn unset(&mut self, key: &str) -> bool {
                match key {
                    $($name => self.$field = None,)*
                    _ => return false,
                }
                true
            }

            /// What it does not say, the other one may.
            fn or(self, other: &Policy) -> Policy {
                Policy { $($field: self.$field.or_else(|| other.$field.clone()),)* }
            }

            /// The names of all keys.
            pub(crate) const KEYS: &[&str] = &[$($name),*];

            /// What it says, as keys and values.
            pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
                let mut entries = Vec::new();
                $(if let Some(value) = &self.$field { entries.push(($name, Shown::shown(value))); })*
                entries
            }
        }
    };
}

keys! {
    /// How often a background job is tried again.
    retries "retries" u16, |text| number(text, 1000).map(|n| n as u16);
    /// After which ends it is tried again.
    retry_on "retry-on" Reasons, str::parse::<Reasons>;
    /// How long it waits before.
    backoff "backoff" Backoff, str::parse::<Backoff>;
    /// How many jobs are kept that have run out of tries.
    dead_letters "dead-letters" Keep, str::parse::<Keep>;
    /// How long a job may run where its worker announced no time; zero is no limit.
    timeout "timeout" Time, str::parse::<Time>;
    /// How many jobs there may be, of each priority; 0 is no limit.
    max_queue "max-queue" u32, |text| number(text, u32::MAX);
    /// How many may run at once; 0 is no limit.
    concurrency "concurrency" u32, |text| number(text, u32::MAX);
    /// How many may begin in a time.
    rate "rate" Limit, str::parse::<Limit>;
    /// Jobs are taken, and none is handed out.
    paused "paused" bool, yes_or_no;
    /// How long a unique key counts as taken after its job has ended well.
    unique_for "unique-for" Time, str::parse::<Time>;
    /// How many results of background jobs are kept.
    keep_results "keep-results" Keep, str::parse::<Keep>;
}

/// A rate, or none where a shorter pattern has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Rate>);

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        if text == "0" { Ok(Limit(None)) } else { text.parse().map(|rate| Limit(Some(rate))) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => rate.fmt(f),
            None => f.write_str("0"),
        }
    }
}

/// Values as they are written.
trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown_by_display {
    ($($type:ty),*) => {
        $(impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

shown_by_display!(u16, u32, Reasons, Backoff, Keep, Time, Limit);

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes".into() } else { "no".into() }
    }
}

fn number(text: &str, most: u32) -> Result<u32, String> {
    let number = value::whole(text).filter(|n| *n <= most);
    number.ok_or_else(|| format!("{text} is not a number from 0 to {most}"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("{text} is neither yes nor no")),
    }
}

impl Policy {
    /// The defaults of what it does not say.
    pub(crate) const DEAD_LETTERS: Keep = Keep { count: 1000, age: Some(Time(Duration::from_secs(7 * 24 * 3600))) };

    /// Keys and values in the form of a command line: `retries=3`. All of them are taken, or none.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Policy, String> {
        let mut policy = Policy::default();
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("{word} is not KEY=VALUE"))?;
            policy.set(key, value)?;
        }
        Ok(policy)
    }

    /// What is said of a key that is none.
    pub(crate) fn no_key(key: &str) -> String {
        format!("there is no key {key}; the keys are {}", Policy::KEYS.join(", "))
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// How often a background job is tried again.
    pub(crate) fn retries(&self) -> u16 {
        self.retries.unwrap_or(0)
    }

    /// Whether a job is to be tried again after such an end.
    pub(crate) fn retries_on(&self, reason: Reason) -> bool {
        self.retries() > 0 && self.retry_on.unwrap_or(Reasons::EVERY).has(reason)
    }

    pub(crate) fn backoff(&self) -> Backoff {
        self.backoff.unwrap_or(Backoff::DEFAULT)
    }

    /// What is kept of jobs that ran out of tries.
    pub(crate) fn dead_letters(&self) -> Keep {
        let default = if self.retries() > 0 { Policy::DEAD_LETTERS } else { Keep::NOTHING };
        self.dead_letters.unwrap_or(default)
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout.map(|time| time.0).filter(|time| !time.is_zero())
    }

    pub(crate) fn concurrency(&self) -> Option<u32> {
        self.concurrency.filter(|most| *most > 0)
    }

    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate.and_then(|limit| limit.0)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.unwrap_or(false)
    }

    pub(crate) fn unique_for(&self) -> Option<Duration> {
        self.unique_for.map(|time| time.0).filter(|time| !time.is_zero())
    }

    pub(crate) fn keep_results(&self) -> Keep {
        self.keep_results.unwrap_or(Keep::NOTHING)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.entries().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&words.join(" "))
    }
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The file of policies, with the line in which the rule begins.
    File(u32),
    /// It was set at run time.
    RunTime,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(line) => write!(f, "line {line}"),
            Source::RunTime => f.write_str("run time"),
        }
    }
}

/// A policy, and for which functions it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) pattern: Pattern,
    pub(crate) policy: Policy,
    pub(crate) source: Source,
}

impl Rule {
    /// Which functions a rule is for.
    pub(crate) fn pattern(text: &str) -> Result<Pattern, String> {
        let pattern =
            if text.len() > MAX_FUNCTION { Err("it is longer than any function's name") } else { Pattern::new(text) };
        pattern.map_err(|reason| format!("{text}: {reason}"))
    }

    /// Rules that go first are smaller.
    fn rank(&self) -> (bool, std::cmp::Reverse<usize>, bool, String) {
        let text = self.pattern.to_string();
        (text.contains('*'), std::cmp::Reverse(text.len()), self.source != Source::RunTime, text)
    }
}

/// All rules, those that go first in front.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// What applies to a function; `None` where no rule says anything.
    pub(crate) fn policy_of(&self, function: &[u8]) -> Option<Policy> {
        let fitting = self.0.iter().filter(|rule| rule.pattern.matches(function));
        let policy = fitting.fold(Policy::default(), |policy, rule| policy.or(&rule.policy));
        Some(policy).filter(|policy| !policy.is_empty())
    }

    /// The rules of the file are these now; those set at run time stay.
    pub(crate) fn replace_file(&mut self, rules: Vec<Rule>) {
        self.0.retain(|rule| rule.source == Source::RunTime);
        self.0.extend(rules);
        self.0.sort_by_cached_key(Rule::rank);
    }

    /// None is set at run time any more.
    pub(crate) fn forget_run_time(&mut self) {
        self.0.retain(|rule| rule.source != Source::RunTime);
    }

    /// Sets keys at run time; `KEY=` takes back what was set so. All of it is done, or nothing. The rule that is now set at
    /// run time for this pattern, `None` where it says nothing any more.
    pub(crate) fn set<'a>(
        &mut self,
        pattern: &str,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<Option<&Rule>, String> {
        let pattern = Rule::pattern(pattern)?;
        let place = self.0.iter().position(|rule| rule.source == Source::RunTime && rule.pattern == pattern);
        let mut policy = place.map(|i| self.0[i].policy.clone()).unwrap_or_default();
        for word in words {
            match word.split_once('=') {
                None => return Err(format!("{word} is not KEY=VALUE")),
                Some((key, "")) if policy.unset(key) => {}
                Some((key, value)) => policy.set(key, value)?,
            }
        }
        if place.is_none() && self.0.iter().filter(|rule| rule.source == Source::RunTime).count() >= MAX_RULES {
            return Err(format!("there are {MAX_RULES} rules already"));
        }
        if let Some(place) = place {
            self.0.remove(place);
        }
        if policy.is_empty() {
            return Ok(None);
        }
        let rule = Rule { pattern, policy, source: Source::RunTime };
        // Thousands come back at a restart, one after the other.
        let rank = rule.rank();
        let place = self.0.partition_point(|other| other.rank() < rank);
        self.0.insert(place, rule);
        Ok(self.0.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: u32, pattern: &str, words: &str) -> Rule {
        let policy = Policy::parse(words.split_whitespace()).unwrap();
        Rule { pattern: Pattern::new(pattern).unwrap(), policy, source: Source::File(line) }
    }

    fn shown(rules: &Rules, function: &str) -> String {
        rules.policy_of(function.as_bytes()).map_or("none".into(), |policy| policy.to_string())
    }

    #[test]
    fn each_key_comes_from_the_rule_that_fits_best() {
        let mut rules = Rules::default();
        assert_eq!(shown(&rules, "resize"), "none");
        rules.replace_file(vec![
            file(1, "*", "retries=1 concurrency=50"),
            file(5, "resize*", "retries=2 timeout=60"),
            file(9, "resize_large", "timeout=10m rate=0"),
            file(12, "re*", "rate=10/s"),
        ]);
        assert_eq!(shown(&rules, "other"), "retries=1 concurrency=50");
        assert_eq!(shown(&rules, "resize"), "retries=2 timeout=1m concurrency=50 rate=10/s");
        assert_eq!(shown(&rules, "resize_large"), "retries=2 timeout=10m concurrency=50 rate=0");
        let patterns: Vec<_> = rules.iter().map(|rule| rule.pattern.to_string()).collect();
        assert_eq!(patterns, ["resize_large", "resize*", "re*", "*"]);
    }

    #[test]
    fn what_is_set_at_run_time_goes_before_the_file() {
        let mut rules = Rules::default();
        rules.replace_file(vec![file(1, "f*", "retries=1 paused=yes")]);
        let set = |rules: &mut Rules, words: &str| rules.set("f*", words.split(' ')).map(|rule| rule.cloned());
        assert_eq!(set(&mut rules, "retries=5 paused=no").unwrap().unwrap().policy.to_string(), "retries=5 paused=no");
        assert_eq!(shown(&rules, "f"), "retries=5 paused=no");
        assert_eq!(shown(&rules, "g"), "none");
        rules.replace_file(vec![file(1, "f*", "retries=2 timeout=5")]);
        assert_eq!(shown(&rules, "f"), "retries=5 timeout=5s paused=no");
        assert_eq!(set(&mut rules, "retries= paused=").unwrap(), None);
        assert_eq!(shown(&rules, "f"), "retries=2 timeout=5s");
    }

    #[test]
    fn each_takes_its_place() {
        let mut rules = Rules::default();
        rules.replace_file(vec![file(1, "f*", "retries=1"), file(2, "*", "retries=1")]);
        for pattern in ["*", "g", "f*", "ff*", "f", "*ff"] {
            assert_eq!(rules.set(pattern, ["retries=2"].into_iter()).unwrap().unwrap().pattern.to_string(), pattern);
        }
        let order: Vec<_> = rules.iter().map(|rule| format!("{} {}", rule.pattern, rule.source)).collect();
        let wanted = ["f run time", "g run time", "*ff run time", "ff* run time", "f* run time", "f* line 1"];
        assert_eq!(order[..6], wanted);
        assert_eq!(order[6..], ["* run time", "* line 2"]);
    }

    #[test]
    fn nothing_is_half_applied() {
        let mut rules = Rules::default();
        let mut set = |pattern: &str, words: &str| rules.set(pattern, words.split(' ')).map(drop).unwrap_err();
        assert_eq!(
            set("f", "retries=1 retry=2"),
            format!("there is no key retry; the keys are {}", Policy::KEYS.join(", "))
        );
        assert_eq!(set("f", "retries=1 timeout=soon"), "timeout: soon is not a time, such as 500ms, 30s, 5m, 2h or 7d");
        assert_eq!(set("f", "retries=-1"), "retries: -1 is not a number from 0 to 1000");
        assert_eq!(set("f", "paused=maybe"), "paused: maybe is neither yes nor no");
        assert_eq!(set("f", "paused"), "paused is not KEY=VALUE");
        assert_eq!(set("f**", "retries=1"), "f**: a pattern has one * at most");
        assert_eq!(set("", "retries=1"), ": an empty name matches nothing");
        assert_eq!(rules.iter().count(), 0);
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        let all = "retries=3 retry-on=fail,death backoff=1s*2<10m~20% dead-letters=1000,7d timeout=30s max-queue=10 \
                   concurrency=3 rate=90/m+30 paused=yes unique-for=1h keep-results=10,1d";
        let policy = Policy::parse(all.split_whitespace()).unwrap();
        assert_eq!(policy.entries().len(), Policy::KEYS.len());
        assert_eq!(policy.to_string().split(' ').collect::<Vec<_>>(), all.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn defaults() {
        let none = Policy::default();
        assert_eq!((none.retries_on(Reason::Fail), none.dead_letters(), none.rate()), (false, Keep::NOTHING, None));
        let some = Policy::parse(["retries=2"].into_iter()).unwrap();
        assert_eq!((some.retries_on(Reason::Death), some.dead_letters().count), (true, 1000));
    }
}
