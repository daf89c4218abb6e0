//! The file of `--policy-file`: what an operator wants for the jobs of functions, `[function."resize*"]` with the keys of a policy;
//! and jobs to be done regularly, `[schedule.nightly]`.
//!
//! Owns which tables the file may have, and where in it something is wrong. Must never know functions and jobs; what keys
//! mean, `broker::policy` says.
//!
//! Invariant: a file is taken whole or not at all.

use crate::broker::policy::{MAX_RULES, Policy, Rule, Source};
use crate::broker::recurring::Schedule;
use crate::config::rule_file::{Entry, Mistake, entries, in_order, scalar};
use crate::config::schedules::schedules;
use gearman_core::settings_file::{self, SettingsError};
use std::path::Path;
use toml::de::DeTable;

/// What a file says.
#[derive(Debug, Default)]
pub struct Policies {
    pub(crate) functions: Vec<Rule>,
    pub(crate) schedules: Vec<Schedule>,
}

impl Policies {
    /// Reads a file.
    ///
    /// # Errors
    /// [`SettingsError`], which names it.
    pub fn read(file: &Path) -> Result<Policies, SettingsError> {
        Policies::parse(&settings_file::read(file)?, file)
    }

    /// Reads the text of a file; the name is for errors.
    ///
    /// # Errors
    /// [`SettingsError::Wrong`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<Policies, SettingsError> {
        let parsed = DeTable::parse(text).map_err(Mistake::from);
        parsed
            .and_then(|tables| Policies::of_tables(tables.get_ref(), text, file))
            .map_err(|mistake| mistake.of(text, file))
    }

    fn of_tables(tables: &DeTable<'_>, text: &str, file: &Path) -> Result<Policies, Mistake> {
        let mut policies = Policies::default();
        for (key, table) in in_order(tables) {
            match &**key.get_ref() {
                "function" => {
                    let tables = entries(table, "a table for each function, such as [function.\"resize*\"],")?;
                    policies.functions = functions(&tables, text)?;
                }
                "schedule" => {
                    let tables = entries(table, "a table for each schedule, such as [schedule.nightly],")?;
                    policies.schedules = schedules(&tables, file)?;
                }
                other => {
                    return Err(Mistake::of_part(
                        key,
                        format!("there is no table {other}, only function and schedule"),
                    ));
                }
            }
        }
        Ok(policies)
    }

    /// What is in it, for the log.
    pub fn summary(&self) -> String {
        format!("{} policies, {} schedules", self.functions.len(), self.schedules.len())
    }
}

/// A rule for each table. One that says nothing is no rule.
fn functions(tables: &[Entry<'_>], text: &str) -> Result<Vec<Rule>, Mistake> {
    if let Some((name, _)) = tables.get(MAX_RULES) {
        return Err(Mistake::of_part(name, format!("there are more than {MAX_RULES} functions")));
    }
    let mut rules = Vec::new();
    // They come in the order of the file, so that its lines are counted once.
    let (mut line, mut counted) = (1, 0);
    for (name, table) in tables {
        let at = name.span().start;
        line += text.get(counted..at).unwrap_or_default().matches('\n').count();
        counted = at;
        let pattern = Rule::pattern(name.get_ref()).map_err(|reason| Mistake::of_part(name, reason))?;
        let mut policy = Policy::default();
        for (key, value) in entries(table, format!("[function.\"{pattern}\"], a table,"))? {
            if !Policy::KEYS.contains(&&**key.get_ref()) {
                return Err(Mistake::of_part(key, Policy::no_key(key.get_ref())));
            }
            policy.set(key.get_ref(), &scalar(value)?).map_err(|reason| Mistake::of_part(value, reason))?;
        }
        if !policy.is_empty() {
            rules.push(Rule { pattern, policy, source: Source::File(line as u32) });
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rule_file::tests::no_text_breaks;
    use properties::properties;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Policies, String> {
        Policies::parse(text, Path::new("p.toml")).map_err(|e| e.to_string())
    }

    fn shown(text: &str) -> Vec<String> {
        let rules = parse(text).unwrap().functions;
        rules.iter().map(|rule| format!("{} | {} | {}", rule.pattern, rule.source, rule.policy)).collect()
    }

    #[test]
    fn values_are_texts_numbers_and_switches() {
        let text = r#"
            # Everything.
            [function."*"]
            retries = 3
            paused = false

            [function.resize]
            retries = "5"
            retry-on = "fail,death"
            backoff = "1s*2<10m~20%"
            dead-letters = 1_000
            timeout = "10m"
            paused = true
            rate = "100/m+20"

            [function."says nothing"]
        "#;
        assert_eq!(
            shown(text),
            [
                "* | line 3 | retries=3 paused=no",
                "resize | line 7 | retries=5 retry-on=fail,death backoff=1s*2<10m~20% dead-letters=1000 timeout=10m \
                 rate=100/m+20 paused=yes",
            ]
        );
        assert_eq!(
            shown("function.a.retries = 0x10\nfunction.b = { timeout = 90 }\n"),
            ["a | line 1 | retries=16", "b | line 2 | timeout=90s"]
        );
        assert!(shown("# nothing yet\n").is_empty());
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        let keys = Policy::KEYS.join(", ");
        for (text, wanted) in [
            ("[function.f]\nretry = 3\n", format!("2:1: there is no key retry; the keys are {keys}")),
            ("[function.f]\nretries = -1\n", "2:11: retries: -1 is not a number from 0 to 1000".into()),
            ("[function.f]\nretries = 1\ntimeout = 'soon'", "3:11: timeout: soon is not a time".into()),
            (
                "[function.f]\ntimeout = 1.5\n",
                "2:11: a text, a whole number, true or false is wanted, not what TOML calls a float".into(),
            ),
            ("[function.f]\nretries = 99999999999999999999", "2:11: retries: 99999999999999999999 is not".into()),
            ("[function.f]\ntimeout = 9223372036854775807", "2:11: timeout: 9223372036854775807 is longer".into()),
            ("[function.f]\nretries = true", "2:11: retries: yes is not a number".into()),
            ("[function.f]\npaused = 1", "2:10: paused: 1 is neither yes nor no".into()),
            ("[function.f]\nrate = [1]\n", "2:8: a text, a whole number".into()),
            ("[function.f]\nretries = ''\n", "2:11: retries:  is not a number".into()),
            ("\n[function.\"a*b*\"]\n", "2:11: a*b*: a pattern has one * at most".into()),
            ("[function.\"\"]\n", "1:11: : an empty name matches nothing".into()),
            ("[function.f]\n\n[function.f]\n", "3:11: duplicate key".into()),
            ("[function.f]\n\n[function.\"f\"]\n", "3:11: duplicate key".into()),
            ("[function.f]\nretries = 1\nretries = 2\n", "3:1: duplicate key".into()),
            ("[function]\nretries = 3\n", "2:11: [function.\"retries\"], a table, is wanted".into()),
            ("function = 3\n", "1:12: a table for each function, such as [function.\"resize*\"], is wanted".into()),
            ("[[function]]\n", "1:1: a table for each function".into()),
            ("[functions.f]\n", "1:2: there is no table functions, only function and schedule".into()),
            ("[z]\n[a]\n", "1:2: there is no table z".into()),
            ("[function.f\n", "1:12: ".into()),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("p.toml:{wanted}")), "{text}: {error}");
        }
        let deep = format!("function = {}", "[".repeat(100_000));
        assert!(parse(&deep).unwrap_err().starts_with("p.toml:1:"));
        let long = format!("[function.{}]\n", "x".repeat(513));
        assert!(parse(&long).unwrap_err().ends_with("it is longer than any function's name"));
        let as_many: String = (0..MAX_RULES).map(|n| format!("[function.f{n}]\nretries = 1\n")).collect();
        let rules = parse(&as_many).unwrap().functions;
        assert_eq!(rules.last().map(|rule| rule.source), Some(Source::File(2 * MAX_RULES as u32 - 1)));
        let many: String = (0..=MAX_RULES).map(|n| format!("[function.f{n}]\n")).collect();
        assert_eq!(
            parse(&many).unwrap_err(),
            format!("p.toml:{}:11: there are more than 10000 functions", MAX_RULES + 1)
        );
    }

    #[test]
    fn the_example_is_good() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/policies.toml");
        let policies = Policies::read(&file).unwrap();
        let said: Vec<_> =
            policies.functions.iter().flat_map(|rule| rule.policy.entries()).map(|(key, _)| key).collect();
        assert!(Policy::KEYS.iter().all(|key| said.contains(key)), "it shows every key: {said:?}");
    }

    properties! {
        cases: 500;

        #[test]
        fn no_text_breaks_it(
            words in prop::collection::vec(prop::sample::select(vec![
                "[function.f]", "[function.\"a*\"]", "[function]", "[[function]]", "function", "\n", "\n", " = ", "=", "retries",
                "backoff", "rate", "paused", "dead-letters", "'1s*2<10m~20%'", "'100/s+20'", "'1000,7d'", "true", "0", "-1", "1e9",
                "0x7f", "1979-05-27", "9223372036854775808", "[", "]", "{", "}", ",", "\"", "'", "#", ".", "*", "é", "\u{0}", "\r\n",
            ]), 0..40),
            noise in any::<String>(),
            at in any::<prop::sample::Index>(),
        ) {
            no_text_breaks(words.concat(), &noise, &at, |text| Policies::parse(text, Path::new("x")).err())?;
        }
    }
}
