//! The tables `[schedule.NAME]` in the file of `--policy-file`: jobs that the server submits itself, again and again.
//!
//! Owns which keys a schedule has, and what is wrong with one. Must never know when it runs.
//!
//! Invariant: what a schedule submits is a job that a client could have submitted.

use crate::broker::cron::Cron;
use crate::broker::recurring::Schedule;
use crate::config::rule_file::{Entry, Mistake, entries, scalar};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE, regular};
use jiff::tz::TimeZone;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// Most of a file.
const MAX_SCHEDULES: usize = 1000;
/// Bytes of a workload; what is larger belongs where a job can fetch it.
const MAX_WORKLOAD: u64 = 16 * 1024 * 1024;

const KEYS: [&str; 8] = ["cron", "zone", "function", "workload", "workload-file", "unique", "priority", "catch-up"];

/// A schedule for each table. `file` is the one that they are in: names of other files are meant from its folder on.
pub(super) fn schedules(tables: &[Entry<'_>], file: &Path) -> Result<Vec<Schedule>, Mistake> {
    if let Some((name, _)) = tables.get(MAX_SCHEDULES) {
        return Err(Mistake::of_part(name, format!("there are more than {MAX_SCHEDULES} schedules")));
    }
    tables.iter().map(|(name, table)| schedule(name.get_ref(), table, file)).collect()
}

fn schedule(name: &str, table: &Spanned<DeValue<'_>>, file: &Path) -> Result<Schedule, Mistake> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Mistake::of_part(table, "a schedule has a name, without control characters"));
    }
    let (mut cron, mut function, mut unique, mut workload) = (None, None, None, None);
    let (mut zone, mut priority, mut catch_up) = (None, Priority::Normal, false);
    for (key, value) in entries(table, format!("[schedule.{name}], a table,"))? {
        let text = scalar(value)?;
        let wrong = |reason: String| Mistake::of_part(value, reason);
        match &**key.get_ref() {
            "cron" => cron = Some(Cron::parse(&text).map_err(wrong)?),
            "zone" => zone = Some(TimeZone::get(&text).map_err(|_| wrong(format!("zone: {text} is not known here")))?),
            "function" if text.is_empty() || text.len() > MAX_FUNCTION => {
                return Err(wrong(format!("function: a name has 1 to {MAX_FUNCTION} bytes")));
            }
            "function" => function = Some(text.into_bytes().into()),
            "unique" if text.len() > MAX_UNIQUE => {
                return Err(wrong(format!("unique: a key has {MAX_UNIQUE} bytes at most")));
            }
            "unique" => unique = Some(text.into_bytes().into()),
            "workload" | "workload-file" if workload.is_some() => {
                return Err(Mistake::of_part(key, "there is a workload already"));
            }
            "workload" => workload = Some(Bytes::from(text)),
            "workload-file" => workload = Some(contents(&file.with_file_name(text)).map_err(wrong)?),
            "priority" => priority = priority_of(&text).map_err(wrong)?,
            "catch-up" => catch_up = one_or_none(&text).map_err(wrong)?,
            other => {
                let known = KEYS.join(", ");
                return Err(Mistake::of_part(key, format!("there is no key {other}; the keys are {known}")));
            }
        }
    }
    let lacks = |key: &str| Mistake::of_part(table, format!("[schedule.{name}] has no {key}"));
    let unique = match unique {
        Some(unique) => unique,
        None if name.len() <= MAX_UNIQUE => name.as_bytes().into(),
        None => {
            return Err(Mistake::of_part(table, format!("a name of more than {MAX_UNIQUE} bytes is no unique key")));
        }
    };
    Ok(Schedule {
        name: name.into(),
        cron: cron.ok_or_else(|| lacks("cron"))?,
        zone,
        function: function.ok_or_else(|| lacks("function"))?,
        workload: workload.unwrap_or_default(),
        unique,
        priority,
        catch_up,
    })
}

fn contents(file: &Path) -> Result<Bytes, String> {
    let wrong = |reason: String| format!("workload-file: {}: {reason}", file.display());
    let bytes = regular::read(file, MAX_WORKLOAD).map_err(|e| wrong(e.to_string()))?;
    match bytes.len() as u64 > MAX_WORKLOAD {
        true => Err(wrong(format!("it is larger than {MAX_WORKLOAD} bytes"))),
        false => Ok(bytes.into()),
    }
}

fn priority_of(text: &str) -> Result<Priority, String> {
    match text {
        "high" => Ok(Priority::High),
        "normal" => Ok(Priority::Normal),
        "low" => Ok(Priority::Low),
        _ => Err(format!("priority: {text} is none of high, normal, low")),
    }
}

fn one_or_none(text: &str) -> Result<bool, String> {
    match text {
        "one" => Ok(true),
        "none" => Ok(false),
        _ => Err(format!("catch-up: {text} is neither one nor none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policies;

    fn parse(text: &str) -> Result<Vec<Schedule>, String> {
        Policies::parse(text, Path::new("/nowhere/p.toml")).map(|p| p.schedules).map_err(|e| e.to_string())
    }

    #[test]
    fn what_a_schedule_says() {
        let schedules = parse(
            r#"
            [schedule.nightly]
            cron = "30 2 * * MON-FRI"
            zone = "Europe/Berlin"
            function = "report"
            workload = '{"kind": "full"}'
            priority = "high"
            catch-up = "one"

            [function.report]
            retries = 3

            [schedule.short]
            cron = "@hourly"
            function = "clean_up"
            unique = ""
            "#,
        )
        .unwrap();
        let [nightly, short] = &schedules[..] else { panic!("{schedules:?}") };
        assert_eq!((&*nightly.name, nightly.cron.to_string().as_str()), ("nightly", "30 2 * * MON-FRI"));
        assert_eq!(nightly.zone.as_ref().and_then(TimeZone::iana_name), Some("Europe/Berlin"));
        assert_eq!((&*nightly.function, &nightly.workload[..]), (&b"report"[..], &br#"{"kind": "full"}"#[..]));
        assert_eq!((&*nightly.unique, nightly.priority, nightly.catch_up), (&b"nightly"[..], Priority::High, true));
        assert_eq!((short.zone.is_none(), short.workload.len(), short.unique.len()), (true, 0, 0));
        assert_eq!((short.priority, short.catch_up), (Priority::Normal, false));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        let good = "cron = '@daily'\nfunction = 'f'\n";
        let long = "n".repeat(65);
        for (text, wanted) in [
            ("[schedule.a]\nfunction = 'f'\n".to_string(), "1:1: [schedule.a] has no cron"),
            ("[schedule.a]\ncron = '@daily'\n".into(), "1:1: [schedule.a] has no function"),
            ("[schedule.a]\ncron = '* * *'\n".into(), "2:8: cron \"* * *\": it does not have five fields"),
            ("[schedule.a]\ncron = '0 0 31 2 *'\n".into(), "2:8: cron \"0 0 31 2 *\": it never fires"),
            (format!("[schedule.a]\n{good}zone = 'Mars/Base'\n"), "4:8: zone: Mars/Base is not known here"),
            (format!("[schedule.a]\n{good}priority = 'urgent'\n"), "4:12: priority: urgent is none of high"),
            (format!("[schedule.a]\n{good}catch-up = 'all'\n"), "4:12: catch-up: all is neither one nor none"),
            (format!("[schedule.a]\n{good}every = 5\n"), "4:1: there is no key every; the keys are cron, zone"),
            (format!("[schedule.a]\n{good}workload = 'x'\nworkload-file = 'y'\n"), "5:1: there is a workload already"),
            (
                format!("[schedule.a]\n{good}workload-file = 'none'\n"),
                "4:17: workload-file: /nowhere/none: No such file",
            ),
            (format!("[schedule.a]\n{good}unique = '{long}'\n"), "4:10: unique: a key has 64 bytes at most"),
            (format!("[schedule.{long}]\n{good}"), "1:1: a name of more than 64 bytes is no unique key"),
            ("[schedule.a]\ncron = '@daily'\nfunction = ''\n".into(), "3:12: function: a name has 1 to 512 bytes"),
            ("schedule = 3\n".into(), "1:12: a table for each schedule, such as [schedule.nightly], is wanted"),
            (format!("[schedule.a]\n{good}[schedule.a]\n"), "4:11: duplicate key"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("/nowhere/p.toml:{wanted}")), "{text}: {error}");
        }
        let many: String = (0..=MAX_SCHEDULES).map(|n| format!("[schedule.s{n}]\n{good}")).collect();
        assert!(parse(&many).unwrap_err().ends_with("there are more than 1000 schedules"));
    }
}
