//! Cron expressions: when the next run is. No clock: the present is an argument, and so is the time zone. Owns no state; knows
//! nothing of jobs.
//!
//! What always holds: the moment found is later than the present.
//!
//! Minutes and hours are those of the zone's clock. What clocks set forward and back make of a time is as in
//! [`crate::broker::schedule`], but that a run is not doubled: a time that a day leaves out is as far after the gap as it was
//! meant to be after its begin, unless any hour would do; one that a day has twice is its first, unless any hour would do.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::time::Duration;

/// No clock is set by more.
const SHIFT: SignedDuration = SignedDuration::from_hours(26);

/// Five fields, as in crontab(5): minute, hour, day, month, weekday.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    fields: croner::Cron,
    text: Box<str>,
    /// It names hours. Else it is for every hour that there is, however often.
    hours: bool,
}

impl Cron {
    /// What is wrong with it, where something is; also where no day will ever fit.
    pub(crate) fn parse(text: &str) -> Result<Cron, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let reason = |e: CronError| match e {
            CronError::EmptyPattern => "it is empty".into(),
            CronError::InvalidPattern(_) => "it does not have five fields: minute, hour, day, month, weekday".into(),
            CronError::IllegalCharacters(reason) | CronError::ComponentError(reason) => reason,
            other => other.to_string(),
        };
        let fields = parser.parse(text).map_err(|e| format!("cron \"{text}\": {}", reason(e)))?;
        let hours = fields.pattern.hours.values().len() < 24;
        let cron = Cron { fields, text: text.into(), hours };
        // From a fixed day on, so that what is refused does not depend on when.
        cron.after(DateTime::constant(2026, 1, 1, 0, 0, 0, 0))
            .ok_or_else(|| format!("cron \"{text}\": it never fires"))?;
        Ok(cron)
    }

    /// Whether it names hours. Else it is for every hour that there is.
    pub(crate) fn names_hours(&self) -> bool {
        self.hours
    }

    /// The first run that is later than `now`, both in time since 1970; `None`: before the end of the calendar there is none.
    pub(crate) fn next(&self, now: Duration, zone: &TimeZone) -> Option<u64> {
        let now = SignedDuration::try_from(now).and_then(Timestamp::from_duration).ok()?;
        // Most of the time no clock is set anywhere near.
        let soon = zone.to_timestamp(self.after(zone.to_datetime(now))?).ok()?;
        if [now, soon].into_iter().all(|at| is_steady(at, zone)) {
            return u64::try_from(soon.as_second()).ok();
        }
        let mut clock = zone.to_datetime(now.checked_sub(SHIFT).ok()?);
        let mut next: Option<Timestamp> = None;
        // What the clock shows later may come earlier, but not by more than clocks are set.
        while let Some(shown) = self.after(clock) {
            let bound = |next: Timestamp| zone.to_datetime(next).checked_add(SHIFT).is_ok_and(|end| shown > end);
            if next.is_some_and(bound) {
                break;
            }
            let moments = self.moments(shown, zone).into_iter().flatten().filter(|moment| *moment > now);
            next = next.into_iter().chain(moments).min();
            clock = shown;
        }
        u64::try_from(next?.as_second()).ok()
    }

    /// The first such time after what a clock shows.
    fn after(&self, clock: DateTime) -> Option<DateTime> {
        let clock = clock.to_zoned(TimeZone::UTC).ok()?;
        Some(self.fields.find_next_occurrence(&clock, false).ok()?.datetime())
    }

    /// When the zone's clock shows this: mostly once, but not when the clocks change.
    fn moments(&self, shown: DateTime, zone: &TimeZone) -> [Option<Timestamp>; 2] {
        let ambiguous = zone.to_ambiguous_timestamp(shown);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } if !self.hours => [None, None],
            AmbiguousOffset::Fold { .. } if !self.hours => [ambiguous.earlier().ok(), ambiguous.later().ok()],
            _ => [ambiguous.compatible().ok(), None],
        }
    }
}

/// Does the zone's clock run on from long before a moment to long after?
fn is_steady(at: Timestamp, zone: &TimeZone) -> bool {
    match (at.checked_sub(SHIFT), at.checked_add(SHIFT)) {
        (Ok(before), Ok(after)) => zone.to_offset(before) == zone.to_offset(after),
        _ => false,
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Zoned;

    /// The next runs after a time of a zone, as that zone's clock shows them.
    fn runs(cron: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, mut now): (_, Zoned) = (Cron::parse(cron).unwrap(), after.parse().unwrap());
        let mut runs = Vec::new();
        for _ in 0..count {
            let since = Duration::try_from(now.timestamp().as_duration()).unwrap();
            let next = cron.next(since, now.time_zone()).unwrap();
            now = Timestamp::from_second(next as i64).unwrap().to_zoned(now.time_zone().clone());
            runs.push(now.strftime("%a %m-%d %H:%M %:z").to_string());
        }
        runs
    }

    #[test]
    fn ordinary_days() {
        let after = "2026-11-24T17:22:53[UTC]";
        assert_eq!(
            runs("*/15 * * * *", after, 3),
            ["Tue 11-24 17:30 +00:00", "Tue 11-24 17:45 +00:00", "Tue 11-24 18:00 +00:00"]
        );
        assert_eq!(
            runs("30 6 * * MON-FRI", "2026-11-27T07:00:00[UTC]", 2),
            ["Mon 11-30 06:30 +00:00", "Tue 12-01 06:30 +00:00"]
        );
        assert_eq!(runs("0 0 29 2 *", after, 1), ["Tue 02-29 00:00 +00:00"]);
        assert_eq!(runs("@daily", after, 1), ["Wed 11-25 00:00 +00:00"]);
        // As crontab(5) has it, the 13th or a Friday.
        assert_eq!(
            runs("0 12 13 * 5", after, 3),
            ["Fri 11-27 12:00 +00:00", "Fri 12-04 12:00 +00:00", "Fri 12-11 12:00 +00:00"]
        );
    }

    #[test]
    fn a_minute_that_has_begun_has_passed() {
        assert_eq!(runs("30 17 * * *", "2026-11-24T17:30:00[UTC]", 1), ["Wed 11-25 17:30 +00:00"]);
        assert_eq!(runs("30 17 * * *", "2026-11-24T17:29:59.9[UTC]", 1), ["Tue 11-24 17:30 +00:00"]);
    }

    #[test]
    fn clocks_are_set_forward() {
        // From 02:00 to 03:00.
        let before = "2027-03-28T01:10:00[Europe/Berlin]";
        assert_eq!(runs("30 2 * * *", before, 2), ["Sun 03-28 03:30 +02:00", "Mon 03-29 02:30 +02:00"]);
        assert_eq!(
            runs("*/30 * * * *", before, 3),
            ["Sun 03-28 01:30 +01:00", "Sun 03-28 03:00 +02:00", "Sun 03-28 03:30 +02:00"]
        );
        assert_eq!(runs("45 2,3 * * *", before, 2), ["Sun 03-28 03:45 +02:00", "Mon 03-29 02:45 +02:00"]);
        assert_eq!(runs("50 2-3 * * *", "2027-03-28T03:30:00[Europe/Berlin]", 1), ["Sun 03-28 03:50 +02:00"]);
        // A whole day.
        assert_eq!(runs("0 9 30 12 *", "2011-12-29T12:00:00[Pacific/Apia]", 1), ["Sat 12-31 09:00 +14:00"]);
    }

    #[test]
    fn clocks_are_set_back() {
        // From 03:00 to 02:00.
        let before = "2026-10-25T01:45:00[Europe/Berlin]";
        assert_eq!(runs("30 2 * * *", before, 2), ["Sun 10-25 02:30 +02:00", "Mon 10-26 02:30 +01:00"]);
        assert_eq!(
            runs("30 * * * *", before, 3),
            ["Sun 10-25 02:30 +02:00", "Sun 10-25 02:30 +01:00", "Sun 10-25 03:30 +01:00"]
        );
        assert_eq!(runs("0 3 * * *", before, 1), ["Sun 10-25 03:00 +01:00"]);
    }

    #[test]
    fn what_is_refused() {
        let reason = |text| Cron::parse(text).unwrap_err();
        assert_eq!(reason(""), "cron \"\": it is empty");
        for fields in ["* * * *", "* * * * * *", "x"] {
            assert_eq!(
                reason(fields),
                format!("cron \"{fields}\": it does not have five fields: minute, hour, day, month, weekday")
            );
        }
        assert_eq!(reason("0 0 31 2 *"), "cron \"0 0 31 2 *\": it never fires");
        for bad in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
        ] {
            assert!(reason(bad).starts_with(&format!("cron \"{bad}\": ")), "{bad}");
        }
    }

    #[test]
    fn the_end_of_the_calendar() {
        let cron = Cron::parse("* * * * *").unwrap();
        assert_eq!(cron.next(Duration::MAX, &TimeZone::UTC), None);
    }
}
