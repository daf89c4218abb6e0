//! SUBMIT_JOB_SCHED: the next moment whose local time has a given minute, hour, day, month and
//! weekday. No clock: the present is an argument, and so is the time zone. Owns no state; knows nothing of jobs.
//!
//! What always holds: the moment found is later than the present, and no earlier one fits.
//!
//! What clocks set forward and back make of a time: one that a day leaves out is as far after the gap
//! as it was meant to be after its begin (02:30 is 03:30 then), unless any hour would do; one that a
//! day has twice is whichever comes next.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A time of the local clock and calendar; `None` is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    minute: Option<i8>,
    hour: Option<i8>,
    day: Option<i8>,
    month: Option<i8>,
    /// From Monday, which is 0.
    weekday: Option<i8>,
}

/// Why there is no such time; the text is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("The {name} of a schedule must be {least} to {most}, or * or nothing for any")]
    Field { name: &'static str, least: i8, most: i8 },
    #[error("There is no day {day} in month {month}")]
    Day { day: i8, month: i8 },
    #[error("There is no such time before the end of the calendar")]
    Never,
}

/// The longest time between two days alike, 29 February on one weekday over a century without it.
const YEARS: i16 = 40;

/// The most days of each month.
const DAYS: [i8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Schedule {
    /// Reads the packet's fields, in its order.
    pub(crate) fn parse(fields: [&[u8]; 5]) -> Result<Schedule, Unfit> {
        let [minute, hour, day, month, weekday] = fields;
        let schedule = Schedule {
            minute: field(minute, "minute", 0, 59)?,
            hour: field(hour, "hour", 0, 23)?,
            day: field(day, "day", 1, 31)?,
            month: field(month, "month", 1, 12)?,
            weekday: field(weekday, "weekday", 0, 6)?,
        };
        match (schedule.day, schedule.month) {
            (Some(day), Some(month)) if day > DAYS[month as usize - 1] => Err(Unfit::Day { day, month }),
            _ => Ok(schedule),
        }
    }

    /// The first such moment that is later than `now`, both in time since 1970. A minute that has
    /// begun has passed.
    pub(crate) fn next(&self, now: Duration, zone: &TimeZone) -> Result<u64, Unfit> {
        let now = SignedDuration::try_from(now).and_then(Timestamp::from_duration).map_err(|_| Unfit::Never)?;
        let mut date = now.to_zoned(zone.clone()).date();
        let last = date.year().saturating_add(YEARS);
        while date.year() <= last {
            if self.month.is_some_and(|month| month != date.month()) {
                date = date.last_of_month().tomorrow().map_err(|_| Unfit::Never)?;
                continue;
            }
            if self.has_day(date)
                && let Some(when) = self.on(date, now, zone)
            {
                return u64::try_from(when.as_second()).map_err(|_| Unfit::Never);
            }
            date = date.tomorrow().map_err(|_| Unfit::Never)?;
        }
        Err(Unfit::Never)
    }

    fn has_day(&self, date: Date) -> bool {
        let weekday = date.weekday().to_monday_zero_offset();
        self.day.is_none_or(|day| day == date.day()) && self.weekday.is_none_or(|wanted| wanted == weekday)
    }

    /// The first such moment of this day that is later than `now`.
    fn on(&self, date: Date, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let minutes = || (0..60).filter(|m| self.minute.is_none_or(|minute| minute == *m));
        let hours = (0..24).filter(|h| self.hour.is_none_or(|hour| hour == *h));
        let coming = |hour, minute| {
            let moments = self.moments(date, hour, minute, zone);
            moments.into_iter().flatten().filter(|moment| *moment > now).min()
        };
        // The last minute tells of each hour whether it is over.
        let left = |hour: &i8| minutes().next_back().is_some_and(|minute| coming(*hour, minute).is_some());
        hours.filter(left).find_map(|hour| minutes().filter_map(|minute| coming(hour, minute)).min())
    }

    /// When it is this time on this day: mostly once, but not when the clocks change.
    fn moments(&self, date: Date, hour: i8, minute: i8, zone: &TimeZone) -> [Option<Timestamp>; 2] {
        let ambiguous = zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } if self.hour.is_none() => [None, None],
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => [ambiguous.compatible().ok(), None],
            AmbiguousOffset::Fold { .. } => [ambiguous.earlier().ok(), ambiguous.later().ok()],
        }
    }
}

/// A number within its bounds, or `None` for any.
fn field(text: &[u8], name: &'static str, least: i8, most: i8) -> Result<Option<i8>, Unfit> {
    if text.is_empty() || text == b"*" {
        return Ok(None);
    }
    let digits = text.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(text).ok()).flatten();
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|n| (least..=most).contains(n));
    number.map(Some).ok_or(Unfit::Field { name, least, most })
}

/// The time of SUBMIT_JOB_EPOCH: digits up to the first other byte, and never more than the signed
/// numbers hold in which everyone else keeps times.
pub(crate) fn epoch(seconds: &[u8]) -> u64 {
    let digits = seconds.iter().take_while(|d| d.is_ascii_digit());
    let number = digits.fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0')));
    number.min(i64::MAX as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Zoned;
    use properties::properties;
    use proptest::prelude::*;

    fn parse(fields: &str) -> Result<Schedule, Unfit> {
        let fields: Vec<&[u8]> = fields.split(' ').map(str::as_bytes).collect();
        Schedule::parse(fields.try_into().unwrap())
    }

    /// The next such time after a time of a zone, as that zone's clock shows it.
    fn next(fields: &str, after: &str) -> String {
        let after: Zoned = after.parse().unwrap();
        let now = Duration::try_from(after.timestamp().as_duration()).unwrap();
        let next = parse(fields).unwrap().next(now, after.time_zone()).unwrap();
        let next = Timestamp::from_second(next as i64).unwrap().to_zoned(after.time_zone().clone());
        next.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string()
    }

    #[test]
    fn one_field_at_a_time() {
        let after = "2026-11-24T17:22:53[UTC]";
        for (fields, expected) in [
            ("* * * * *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("23 * * * *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("22 * * * *", "Tue 2026-11-24 18:22:00 +00:00"),
            ("* 17 * * *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("* 16 * * *", "Wed 2026-11-25 16:00:00 +00:00"),
            ("* * 24 * *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("* * 23 * *", "Wed 2026-12-23 00:00:00 +00:00"),
            ("* * 31 * *", "Thu 2026-12-31 00:00:00 +00:00"),
            ("* * * 11 *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("* * * 2 *", "Mon 2027-02-01 00:00:00 +00:00"),
            ("* * * * 1", "Tue 2026-11-24 17:23:00 +00:00"),
            ("* * * * 0", "Mon 2026-11-30 00:00:00 +00:00"),
            ("* * * * 6", "Sun 2026-11-29 00:00:00 +00:00"),
            (" 17 * * *", "Tue 2026-11-24 17:23:00 +00:00"),
            ("05 07   ", "Wed 2026-11-25 07:05:00 +00:00"),
        ] {
            assert_eq!(next(fields, after), expected, "{fields}");
        }
    }

    #[test]
    fn all_fields_must_fit() {
        let after = "2026-11-24T17:22:53[UTC]";
        assert_eq!(next("0 12 13 * 4", after), "Fri 2027-08-13 12:00:00 +00:00");
        assert_eq!(next("59 23 31 12 *", after), "Thu 2026-12-31 23:59:00 +00:00");
        assert_eq!(next("0 0 29 2 *", after), "Tue 2028-02-29 00:00:00 +00:00");
        assert_eq!(next("0 0 29 2 *", "2096-03-01T00:00:00[UTC]"), "Fri 2104-02-29 00:00:00 +00:00");
        // As long as it can take: 2100 is no leap year.
        assert_eq!(next("0 0 29 2 0", "2072-02-29T00:00:00[UTC]"), "Mon 2112-02-29 00:00:00 +00:00");
        for weekday in 0..7 {
            next(&format!("0 0 29 2 {weekday}"), "2080-03-01T00:00:00[UTC]");
        }
    }

    #[test]
    fn a_minute_that_has_begun_has_passed() {
        let at = |after| next("30 17 * * *", after);
        assert_eq!(at("2026-11-24T17:29:59.999[UTC]"), "Tue 2026-11-24 17:30:00 +00:00");
        assert_eq!(at("2026-11-24T17:30:00[UTC]"), "Wed 2026-11-25 17:30:00 +00:00");
        assert_eq!(at("2026-11-24T17:30:01[UTC]"), "Wed 2026-11-25 17:30:00 +00:00");
        assert_eq!(next("* * * * *", "2026-12-31T23:59:59[UTC]"), "Fri 2027-01-01 00:00:00 +00:00");
    }

    #[test]
    fn times_that_a_day_leaves_out() {
        // Clocks go from 02:00 to 03:00.
        let before = "2027-03-28T01:10:00[Europe/Berlin]";
        assert_eq!(next("30 2 * * *", before), "Sun 2027-03-28 03:30:00 +02:00");
        assert_eq!(next("* 2 * * *", before), "Sun 2027-03-28 03:00:00 +02:00");
        assert_eq!(next("30 2 * * *", "2027-03-28T03:30:00[Europe/Berlin]"), "Mon 2027-03-29 02:30:00 +02:00");
        assert_eq!(next("5 * * * *", before), "Sun 2027-03-28 03:05:00 +02:00");
        assert_eq!(next("* * * * *", "2027-03-28T01:59:30[Europe/Berlin]"), "Sun 2027-03-28 03:00:00 +02:00");
        // By half an hour, from 02:00 to 02:30.
        let before = "2026-10-04T01:50:00[Australia/Lord_Howe]";
        assert_eq!(next("15 2 * * *", before), "Sun 2026-10-04 02:45:00 +11:00");
        assert_eq!(next("15 * * * *", before), "Sun 2026-10-04 03:15:00 +11:00");
        // Midnight, and a whole day.
        assert_eq!(next("0 0 * * *", "2026-04-23T12:00:00[Africa/Cairo]"), "Fri 2026-04-24 01:00:00 +03:00");
        assert_eq!(next("0 9 30 12 *", "2011-12-29T12:00:00[Pacific/Apia]"), "Sat 2011-12-31 09:00:00 +14:00");
    }

    #[test]
    fn times_that_a_day_has_twice() {
        // Clocks go from 03:00 back to 02:00.
        let first = "2026-10-25T02:30:00+02:00[Europe/Berlin]";
        let second = "2026-10-25T02:30:00+01:00[Europe/Berlin]";
        assert_eq!(next("30 2 * * *", "2026-10-25T01:00:00[Europe/Berlin]"), "Sun 2026-10-25 02:30:00 +02:00");
        assert_eq!(next("30 2 * * *", first), "Sun 2026-10-25 02:30:00 +01:00");
        assert_eq!(next("30 2 * * *", second), "Mon 2026-10-26 02:30:00 +01:00");
        assert_eq!(next("10 * * * *", first), "Sun 2026-10-25 02:10:00 +01:00");
        assert_eq!(next("10 * * * *", second), "Sun 2026-10-25 03:10:00 +01:00");
        assert_eq!(next("* 3 * * *", first), "Sun 2026-10-25 03:00:00 +01:00");
    }

    #[test]
    fn fields_that_are_none() {
        let text = |fields: &str| parse(fields).unwrap_err().to_string();
        for bad in ["60", "-1", "+1", "1.5", "x", "1 ", "**", "1,2", "*/5", "999999999999", "\u{661}"] {
            let fields = [bad.as_bytes(), b"", b"", b"", b""];
            assert!(matches!(Schedule::parse(fields), Err(Unfit::Field { name: "minute", .. })), "{bad}");
        }
        assert_eq!(text("* 24 * * *"), "The hour of a schedule must be 0 to 23, or * or nothing for any");
        assert_eq!(text("* * 0 * *"), "The day of a schedule must be 1 to 31, or * or nothing for any");
        assert_eq!(text("* * * 13 *"), "The month of a schedule must be 1 to 12, or * or nothing for any");
        assert_eq!(text("* * * * 7"), "The weekday of a schedule must be 0 to 6, or * or nothing for any");
        assert_eq!(text("0 0 31 2 *"), "There is no day 31 in month 2");
        assert_eq!(text("0 0 30 2 0"), "There is no day 30 in month 2");
        assert_eq!(text("0 0 31 11 *"), "There is no day 31 in month 11");
    }

    #[test]
    fn the_end_of_the_calendar() {
        let any = parse("* * * * *").unwrap();
        assert_eq!(any.next(Duration::MAX, &TimeZone::UTC), Err(Unfit::Never));
        let last = Duration::from_secs(253_402_207_199);
        let new_year = parse("0 0 1 1 *").unwrap();
        assert_eq!(new_year.next(last, &TimeZone::UTC), Err(Unfit::Never));
    }

    #[test]
    fn epochs() {
        for (text, seconds) in [
            (&b""[..], 0),
            (b"-5", 0),
            (b"soon", 0),
            (b"1800000000", 1_800_000_000),
            (b"1800000000.5", 1_800_000_000),
            (b"5000000000", 5_000_000_000),
            (b"9223372036854775808", i64::MAX as u64),
            (b"99999999999999999999999999", i64::MAX as u64),
        ] {
            assert_eq!(epoch(text), seconds, "{}", text.escape_ascii());
        }
    }

    /// Whether a clock of this zone shows such a time at this moment.
    fn fits(schedule: &Schedule, when: Timestamp, zone: &TimeZone) -> bool {
        let shown = zone.to_datetime(when);
        let is = |wanted: Option<i8>, shown: i8| wanted.is_none_or(|wanted| wanted == shown);
        is(schedule.minute, shown.minute())
            && is(schedule.hour, shown.hour())
            && is(schedule.day, shown.day())
            && is(schedule.month, shown.month())
            && is(schedule.weekday, shown.weekday().to_monday_zero_offset())
    }

    properties! {
        cases: 256;

        /// No such minute lies between now and the answer; and the answer is one, unless clocks were set
        /// forward over it.
        #[test]
        fn the_next_one_is_the_next_one(
            seconds in 1_700_000_000..1_900_000_000_i64,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]),
            minute in prop::option::of(0..60i8),
            hour in prop::option::of(0..24i8),
            weekday in prop::option::weighted(0.2, 0..7i8),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let schedule = Schedule { minute, hour, day: None, month: None, weekday };
            let next = schedule.next(Duration::from_secs(seconds as u64), &zone).unwrap() as i64;
            prop_assert!(next > seconds);
            let at = |seconds| Timestamp::from_second(seconds).unwrap();
            let mut between = (seconds / 60 + 1) * 60..next;
            prop_assert!(!between.clone().step_by(60).any(|s| fits(&schedule, at(s), &zone)), "{:?}", between.next());
            if !fits(&schedule, at(next), &zone) {
                let hours = |ago: i64| zone.to_offset(at(next - ago));
                prop_assert!(hour.is_some() && hours(0) > hours(3 * 3600), "no gap at {}", at(next));
            }
        }

        #[test]
        fn whatever_is_sent(fields in prop::array::uniform5(prop::collection::vec(prop::num::u8::ANY, 0..4)), now in any::<u64>()) {
            let fields = fields.each_ref().map(|f| &f[..]);
            if let Ok(schedule) = Schedule::parse(fields) {
                let _ = schedule.next(Duration::from_secs(now), &TimeZone::UTC);
            }
        }

        #[test]
        fn every_date_there_is_comes(day in 1..=31i8, month in 1..=12i8, weekday in 0..7i8, now in 0..10_000_000_000u64) {
            let text = [day, month, weekday].map(|n| n.to_string());
            let parsed = Schedule::parse([b"0", b"0", text[0].as_bytes(), text[1].as_bytes(), text[2].as_bytes()]);
            match parsed {
                Ok(schedule) => {
                    let next = schedule.next(Duration::from_secs(now), &TimeZone::UTC).unwrap();
                    prop_assert!(fits(&schedule, Timestamp::from_second(next as i64).unwrap(), &TimeZone::UTC));
                }
                Err(unfit) => prop_assert_eq!(unfit, Unfit::Day { day, month }),
            }
        }
    }
}
