//! Values of a policy as people write them: times, waits before a next try, rates, reasons, bounds of what is kept. Each is
//! read from text and written as the shortest text that reads the same. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest time: ten years. What is longer is a mistake.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Units of time, longest first, with their milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A time: `500ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        let wrong = || format!("{text} is not a time, such as 500ms, 30s, 5m, 2h or 7d");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = if unit.is_empty() { "s" } else { unit };
        let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        if digits.is_empty() {
            return Err(wrong());
        }
        // What does not even fit is too long as well.
        let number = digits.parse().unwrap_or(u64::MAX);
        let time = number.checked_mul(*milliseconds).map(Duration::from_millis).filter(|time| *time <= LONGEST);
        time.map(Time).ok_or_else(|| format!("{text} is longer than 3650d"))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis() as u64;
        let fits = |unit: &&(&str, u64)| milliseconds >= unit.1 && milliseconds.is_multiple_of(unit.1);
        match UNITS.iter().find(fits) {
            Some((unit, size)) => write!(f, "{}{unit}", milliseconds / size),
            None => f.write_str("0"),
        }
    }
}

/// How long a job waits before its next try: `FIRST*FACTOR<CAP~JITTER`. Before the second try it waits FIRST; each time FACTOR
/// times as long as the time before, at most CAP, and JITTER percent more or less by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Time,
    /// In hundredths.
    factor: u32,
    cap: Option<Time>,
    /// In percent.
    jitter: u32,
}

impl Backoff {
    pub(crate) const DEFAULT: Backoff = Backoff {
        first: Time(Duration::from_secs(1)),
        factor: 200,
        cap: Some(Time(Duration::from_secs(600))),
        jitter: 20,
    };

    /// The wait after a job's n-th try has failed, n from 1 on. `chance` is anything from 0 to 1.
    pub(crate) fn wait(&self, tries: u16, chance: f64) -> Duration {
        let cap = self.cap.map_or(LONGEST, |cap| cap.0).as_secs_f64();
        let grown = f64::from(self.factor) / 100.0;
        let wait = (self.first.0.as_secs_f64() * grown.powi(i32::from(tries) - 1)).min(cap);
        let jitter = f64::from(self.jitter) / 100.0 * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
        Duration::try_from_secs_f64(wait * (1.0 + jitter)).map_or(LONGEST, |wait| wait.min(LONGEST))
    }
}

impl FromStr for Backoff {
    type Err = String;

    fn from_str(text: &str) -> Result<Backoff, String> {
        let wrong = |what: &str| format!("{text} is not FIRST*FACTOR<CAP~JITTER, such as 1s*2<10m~20%: {what}");
        let (rest, jitter) = split(text, '~');
        let (rest, cap) = split(rest, '<');
        let (first, factor) = split(rest, '*');
        let jitter = match jitter {
            None => 0,
            Some(jitter) => {
                let percent = jitter.strip_suffix('%').and_then(whole).filter(|n| *n <= 100);
                percent.ok_or_else(|| wrong("the jitter is 0% to 100%"))?
            }
        };
        let factor = factor.map_or(Some(100), hundredths).filter(|n| (100..=10_000).contains(n));
        let factor = factor.ok_or_else(|| wrong("the factor is 1 to 100"))?;
        let first: Time = first.parse().map_err(|e: String| wrong(&e))?;
        let cap: Option<Time> = cap.map(str::parse).transpose().map_err(|e: String| wrong(&e))?;
        match cap {
            Some(cap) if cap < first => Err(wrong("the cap is shorter than the first wait")),
            _ => Ok(Backoff { first, factor, cap, jitter }),
        }
    }
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        match (self.factor / 100, self.factor % 100) {
            (1, 0) => {}
            (whole, 0) => write!(f, "*{whole}")?,
            (whole, rest) if rest % 10 == 0 => write!(f, "*{whole}.{}", rest / 10)?,
            (whole, rest) => write!(f, "*{whole}.{rest:02}")?,
        }
        if let Some(cap) = self.cap {
            write!(f, "<{cap}")?;
        }
        if self.jitter > 0 {
            write!(f, "~{}%", self.jitter)?;
        }
        Ok(())
    }
}

/// What is before the last such character, and what is after it.
fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.rsplit_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// A number of digits alone.
pub(super) fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number with two decimals at most, in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (number, decimals) = split(text, '.');
    let decimals = match decimals {
        None => 0,
        Some(d) if d.len() == 1 => whole(d)? * 10,
        Some(d) if d.len() == 2 => whole(d)?,
        Some(_) => return None,
    };
    whole(number)?.checked_mul(100)?.checked_add(decimals)
}

/// So many jobs may begin in a time: `100/s`, `100/m`, `100/h`, `100/d`; with `+20`, so many more at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    count: u32,
    /// An index into `UNITS`.
    unit: usize,
    burst: u32,
}

impl Rate {
    /// From one job to the next.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(UNITS[self.unit].1) / self.count
    }

    /// So many may begin at once when none has begun for long.
    pub(crate) fn burst(&self) -> u32 {
        self.burst + 1
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let wrong =
            || format!("{text} is not a rate up to 1000000, such as 100/s, 100/m or 100/h, with +20 for a burst of 20");
        let (rest, burst) = split(text, '+');
        let (count, unit) = rest.split_once('/').ok_or_else(wrong)?;
        let unit = UNITS.iter().position(|(name, _)| *name == unit && *name != "ms").ok_or_else(wrong)?;
        let count = whole(count).filter(|n| (1..=1_000_000).contains(n)).ok_or_else(wrong)?;
        let burst = burst.map_or(Some(0), whole).filter(|n| *n <= 1_000_000).ok_or_else(wrong)?;
        Ok(Rate { count, unit, burst })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, UNITS[self.unit].0)?;
        if self.burst > 0 {
            write!(f, "+{}", self.burst)?;
        }
        Ok(())
    }
}

/// Why a try of a job ended without its work being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// WORK_FAIL.
    Fail,
    /// WORK_EXCEPTION.
    Exception,
    /// It took longer than it may.
    Timeout,
    /// Its worker's connection ended, or the worker cannot run the function any more.
    Death,
}

impl Reason {
    pub(crate) const ALL: [Reason; 4] = [Reason::Fail, Reason::Exception, Reason::Timeout, Reason::Death];

    /// As it is written in a policy.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Fail => "fail",
            Reason::Exception => "exception",
            Reason::Timeout => "timeout",
            Reason::Death => "death",
        }
    }
}

/// Some of them: `fail,timeout`; `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reasons(u8);

impl Reasons {
    pub(crate) const EVERY: Reasons = Reasons(0b1111);

    pub(crate) fn has(self, reason: Reason) -> bool {
        self.0 & 1 << reason as u8 != 0
    }
}

impl FromStr for Reasons {
    type Err = String;

    fn from_str(text: &str) -> Result<Reasons, String> {
        if text == "all" {
            return Ok(Reasons::EVERY);
        }
        let mut reasons = Reasons(0);
        for name in text.split(',') {
            let reason = Reason::ALL.into_iter().find(|reason| reason.name() == name.trim());
            let reason = reason.ok_or_else(|| format!("{name} is none of fail, exception, timeout, death"))?;
            reasons.0 |= 1 << reason as u8;
        }
        Ok(reasons)
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Reasons::EVERY {
            return f.write_str("all");
        }
        let names: Vec<_> = Reason::ALL.into_iter().filter(|r| self.has(*r)).map(Reason::name).collect();
        f.write_str(&names.join(","))
    }
}

/// How much is kept, and how long: `1000`, `7d`, or both as `1000,7d`; `0` is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// At most so many.
    pub(crate) count: u32,
    /// `None`: however old.
    pub(crate) age: Option<Time>,
}

impl Keep {
    pub(crate) const NOTHING: Keep = Keep { count: 0, age: None };
    pub(crate) const ALL: Keep = Keep { count: u32::MAX, age: None };
    /// Where only a time is named.
    const MANY: u32 = 100_000;
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Keep, String> {
        let (first, second) = text.split_once(',').map_or((text, None), |(a, b)| (a.trim(), Some(b.trim())));
        let wrong = || format!("{text} is not a number up to 1000000, a time with its unit, or both, such as 1000,7d");
        let count = |text| whole(text).filter(|n| *n <= 1_000_000);
        let age = |text: &str| text.parse::<Time>().ok().filter(|time| !time.0.is_zero());
        match (count(first), second) {
            (Some(count), None) => Ok(Keep { count, age: None }),
            (Some(count), Some(second)) if whole(second).is_none() => {
                Ok(Keep { count, age: Some(age(second).ok_or_else(wrong)?) })
            }
            (None, None) if !first.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(Keep { count: Keep::MANY, age: Some(age(first).ok_or_else(wrong)?) })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age {
            None => write!(f, "{}", self.count),
            Some(age) => write!(f, "{},{age}", self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<T: FromStr<Err = String> + fmt::Display>(text: &str) -> String {
        text.parse::<T>().map_or_else(|e| format!("! {e}"), |value| value.to_string())
    }

    #[test]
    fn times() {
        for (text, wanted) in
            [("90", "90s"), ("120s", "2m"), ("500ms", "500ms"), ("24h", "1d"), ("0", "0"), ("3650d", "3650d")]
        {
            assert_eq!(shown::<Time>(text), wanted);
        }
        for bad in ["", "s", "-1s", "1.5h", "1 s", "1w", "+1", "99999999999999999999d"] {
            assert!(shown::<Time>(bad).starts_with("! "), "{bad}");
        }
        assert_eq!(shown::<Time>("3651d"), "! 3651d is longer than 3650d");
        let many = "99999999999999999999s";
        assert_eq!(shown::<Time>(many), format!("! {many} is longer than 3650d"));
    }

    #[test]
    fn backoffs() {
        assert_eq!(shown::<Backoff>("1s*2<10m~20%").parse::<Backoff>(), Ok(Backoff::DEFAULT));
        for same in ["5s", "5s*1.5", "5s<1m", "0", "1s*1.05<1d~100%", "200ms*2"] {
            assert_eq!(shown::<Backoff>(same), same);
        }
        for bad in
            ["", "*2", "1s*0", "1s*0.5", "1s*101", "1s~20", "1s~101%", "1m<1s", "1s<", "1s*1.234", "1s*2*2", "-1s"]
        {
            assert!(shown::<Backoff>(bad).starts_with(&format!("! {bad} is not FIRST*")), "{bad}");
        }
    }

    #[test]
    fn waits_grow_to_the_cap() {
        let seconds = |tries, chance| Backoff::DEFAULT.wait(tries, chance).as_secs_f64();
        assert_eq!([1, 2, 3, 10, 11, 60_000].map(|n| seconds(n, 0.5)), [1.0, 2.0, 4.0, 512.0, 600.0, 600.0]);
        assert_eq!([seconds(1, 0.0), seconds(1, 1.0)], [0.8, 1.2]);
        let endless: Backoff = "10d*100".parse().unwrap();
        assert_eq!(endless.wait(u16::MAX, 1.0), LONGEST);
    }

    #[test]
    fn rates() {
        for same in ["100/s", "1/d", "90/m+30", "1000000/h"] {
            assert_eq!(shown::<Rate>(same), same);
        }
        for bad in ["", "100", "0/s", "1/ms", "1/w", "1/s+", "-1/s", "1.5/s", "1000001/s", "1/s+1000001"] {
            assert!(shown::<Rate>(bad).starts_with("! "), "{bad}");
        }
        let rate: Rate = "90/m+30".parse().unwrap();
        assert_eq!((rate.interval(), rate.burst()), (Duration::from_micros(666_666) + Duration::from_nanos(666), 31));
    }

    #[test]
    fn reasons() {
        for (text, wanted) in [("all", "all"), ("death,fail", "fail,death"), ("fail,exception,timeout,death", "all")] {
            assert_eq!(shown::<Reasons>(text), wanted);
        }
        let some: Reasons = "timeout".parse().unwrap();
        assert_eq!(Reason::ALL.map(|reason| some.has(reason)), [false, false, true, false]);
        for bad in ["", "fail,", "FAIL", "none"] {
            assert!(shown::<Reasons>(bad).starts_with("! "), "{bad}");
        }
    }

    #[test]
    fn what_is_kept() {
        for (text, wanted) in [("1000", "1000"), ("7d", "100000,7d"), ("10, 1h", "10,1h"), ("0", "0")] {
            assert_eq!(shown::<Keep>(text), wanted);
        }
        for bad in ["", "7d,1000", "1,2", "1000001", "-1", "0s", "1,0s", "a", "1,,1d"] {
            assert!(shown::<Keep>(bad).starts_with("! "), "{bad}");
        }
    }
}
