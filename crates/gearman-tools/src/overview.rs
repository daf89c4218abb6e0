//! What `gearadmin --watch` shows of a server that counts: how its functions are, what became of their jobs since the look
//! before, and which of them are in trouble.

use crate::counters::{Count, Counters, FunctionCounters, quantile, since};
use crate::table::{Column, printable, table};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const COLUMNS: [Column; 14] = [
    Column { head: "QUEUED", width: 9, rank: 0 },
    Column { head: "RUNNING", width: 9, rank: 2 },
    Column { head: "DELAYED", width: 9, rank: 7 },
    Column { head: "DEAD", width: 7, rank: 4 },
    Column { head: "WORKERS", width: 9, rank: 3 },
    Column { head: "OLDEST", width: 8, rank: 6 },
    Column { head: "IN/S", width: 9, rank: 9 },
    Column { head: "DONE/S", width: 9, rank: 5 },
    Column { head: "FAILED/S", width: 10, rank: 8 },
    Column { head: "WAIT50", width: 8, rank: 12 },
    Column { head: "WAIT95", width: 8, rank: 10 },
    Column { head: "RUN50", width: 8, rank: 13 },
    Column { head: "RUN95", width: 8, rank: 11 },
    Column { head: "STATE", width: 11, rank: 1 },
];

/// Counts that only go up, as long as a function is there.
const COUNTS: [&str; 4] = ["submitted", "assigned", "completed", "dead"];
/// A job, or a try, was in vain.
const FAILURES: [&str; 5] = ["failed", "exceptions", "unstored", "retried", "dead"];
/// So long new dead letters are trouble.
const FRESH: Duration = Duration::from_secs(60);

/// What was seen of the server up to now.
#[derive(Debug, Default)]
pub(crate) struct Before {
    last: Option<Last>,
    /// When functions were last seen to have new dead letters.
    died: HashMap<String, Instant>,
}

/// The look before.
#[derive(Debug)]
struct Last {
    at: Instant,
    functions: HashMap<String, FunctionCounters>,
}

/// What there is to see.
#[derive(Debug)]
pub(crate) struct Overview {
    /// Of the server itself, what matters most first.
    server: Vec<String>,
    /// Functions in trouble first, then the busiest.
    rows: Vec<Row>,
}

/// A function.
#[derive(Debug)]
struct Row {
    name: String,
    trouble: Option<Trouble>,
    queued: u64,
    running: u64,
    /// Jobs that came or ended in a second.
    rate: u64,
    cells: Vec<String>,
}

/// What somebody should look after, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// Jobs wait, and nobody can run them.
    NoWorker,
    /// Jobs became dead letters a short time ago.
    NewDead,
    /// Jobs wait because an operator wants that.
    Paused,
}

impl Before {
    /// After a look. `version`: the server's.
    pub(crate) fn update(&mut self, version: &str, counters: Counters, at: Instant) -> Overview {
        let last = self.last.take();
        let mut rows: Vec<Row> = counters.functions.iter().map(|f| self.row(f, last.as_ref(), at)).collect();
        rows.sort_by(|a, b| a.place().cmp(&b.place()));
        let overview = Overview { server: server(version, &counters), rows };
        let functions = counters.functions.into_iter().map(|f| (f.function.clone(), f)).collect();
        self.last = Some(Last { at, functions });
        overview
    }

    fn row(&mut self, f: &FunctionCounters, last: Option<&Last>, at: Instant) -> Row {
        let number = |name| f.number(name).unwrap_or(0);
        let lately = last.map(|last| Lately::new(f, last.functions.get(&f.function), at - last.at));
        if lately.as_ref().is_some_and(|lately| lately.died) {
            self.died.insert(f.function.clone(), at);
        }
        let queued = number("high") + number("normal") + number("low");
        let paused = number("paused") > 0;
        let trouble = if queued > 0 && number("workers") == 0 {
            Some(Trouble::NoWorker)
        } else if self.died.get(&f.function).is_some_and(|died| at - *died < FRESH) {
            Some(Trouble::NewDead)
        } else {
            (queued > 0 && paused).then_some(Trouble::Paused)
        };
        let state = match trouble {
            Some(Trouble::NoWorker) => "no-worker",
            Some(Trouble::NewDead) => "new-dead",
            _ if paused => "paused",
            _ => "-",
        };
        let shown = |name| f.number(name).map_or("-".into(), |n| n.to_string());
        let oldest = f.number("oldest_us").filter(|_| queued > 0).map(|us| us as f64);
        let mut cells = vec![queued.to_string(), shown("running"), shown("delayed"), shown("dead_letters")];
        cells.extend([shown("workers"), time(oldest)]);
        cells.extend(Lately::cells(lately.as_ref()));
        cells.push(state.into());
        let rate = lately.map_or(0, |lately| (lately.submitted + lately.completed + lately.failed) as u64);
        Row { name: f.function.clone(), trouble, queued, running: number("running"), rate, cells }
    }
}

/// What became of a function's jobs since the look before: how many in a second, and in what time.
#[derive(Debug)]
struct Lately {
    submitted: f64,
    completed: f64,
    failed: f64,
    /// There are new dead letters.
    died: bool,
    /// What half of the jobs waited at most, and 95 in 100; the same of their runs. In microseconds.
    times: [Option<f64>; 4],
}

impl Lately {
    fn new(now: &FunctionCounters, before: Option<&FunctionCounters>, time: Duration) -> Lately {
        // A function that was dropped and made again counts from 0, as one that is new.
        let before = before.filter(|before| COUNTS.iter().all(|name| now.number(name) >= before.number(name)));
        let had = |name: &str| before.and_then(|before| before.number(name)).unwrap_or(0);
        let more = |name: &&str| now.number(name).unwrap_or(0).saturating_sub(had(name));
        let rate = |names: &[&str]| names.iter().map(more).sum::<u64>() as f64 / time.as_secs_f64();
        let times = |name| since(now.times(name), before.map_or(&[], |before| before.times(name)));
        let (waited, ran) = (times("waited_us"), times("ran_us"));
        Lately {
            submitted: rate(&["submitted"]),
            completed: rate(&["completed"]),
            failed: rate(&FAILURES),
            died: more(&"dead") > 0,
            times: [quantile(&waited, 0.5), quantile(&waited, 0.95), quantile(&ran, 0.5), quantile(&ran, 0.95)],
        }
    }

    fn cells(lately: Option<&Lately>) -> impl Iterator<Item = String> {
        let rate = |of: fn(&Lately) -> f64| lately.map_or("-".into(), |lately| format!("{:.1}", of(lately)));
        let rates = [rate(|l| l.submitted), rate(|l| l.completed), rate(|l| l.failed)];
        rates.into_iter().chain(lately.map_or([None; 4], |lately| lately.times).map(time))
    }
}

impl Row {
    fn place(&self) -> impl Ord {
        let trouble = (self.trouble.is_none(), self.trouble);
        (trouble, Reverse(self.queued), Reverse(self.running), Reverse(self.rate), &self.name)
    }
}

impl Overview {
    /// A line about the server, of at most so many characters.
    pub(crate) fn server(&self, width: usize) -> String {
        let mut line = String::new();
        for part in &self.server {
            let separator = if line.is_empty() { "" } else { ", " };
            if line.chars().count() + separator.len() + part.chars().count() > width {
                break;
            }
            line.push_str(separator);
            line.push_str(part);
        }
        line
    }

    pub(crate) fn lines(&self, size: Option<(usize, usize)>) -> Vec<String> {
        table(&COLUMNS, &self.rows, size, |row| &row.name, |row| row.cells.clone())
    }
}

fn server(version: &str, counters: &Counters) -> Vec<String> {
    let number = |name| match counters.server.get(name) {
        Some(Count::Number(n)) => *n,
        _ => 0,
    };
    let many = |name, one: &str, more: &str| match number(name) {
        1 => format!("1 {one}"),
        n => format!("{n} {more}"),
    };
    vec![
        format!("gearmand {}", printable(version)),
        many("jobs", "job", "jobs"),
        format!("{} running", number("running")),
        many("dead", "dead letter", "dead letters"),
        many("connections", "connection", "connections"),
        format!("up {}", uptime(number("uptime_s"))),
        many("functions", "function", "functions"),
    ]
}

/// The two largest units.
fn uptime(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// A time in microseconds, in the unit that shows it best.
fn time(us: Option<f64>) -> String {
    let Some(us) = us else { return "-".into() };
    let units = [("us", 1e3), ("ms", 1e3), ("s", 120.0), ("m", 120.0), ("h", 48.0)];
    let steps = [1e3, 1e3, 60.0, 60.0, 24.0];
    let mut left = us;
    for ((unit, most), step) in units.into_iter().zip(steps) {
        // Decided by what would be shown, so that nothing is shown as 1000ms.
        if left.round() < most {
            let finer = left < 9.95 && unit != "us";
            return if finer { format!("{left:.1}{unit}") } else { format!("{left:.0}{unit}") };
        }
        left /= step;
    }
    format!("{left:.0}d")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::counters;

    /// What a look sees, `lines` of functions, so many seconds after the begin.
    fn look(before: &mut Before, begin: Instant, seconds: u64, lines: &[&str]) -> Overview {
        let server = "server\tuptime_s=90061\tfunctions=2\tjobs=1\trunning=5\tdead=2\tconnections=12\n";
        let functions = lines.iter().map(|line| format!("function\t{}\n", line.replace(' ', "\t")));
        let answer = server.to_owned() + &functions.collect::<String>() + ".\n";
        before.update("2.3.0", counters(answer.as_bytes()).unwrap(), begin + Duration::from_secs(seconds))
    }

    /// The words of each line behind the head.
    fn words(overview: &Overview) -> Vec<String> {
        let lines = overview.lines(None).into_iter().skip(1);
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_became_of_jobs_since_the_look_before() {
        let (mut before, begin) = (Before::default(), Instant::now());
        let f = "f high=1 normal=2 low=4 delayed=5 running=6 workers=8";
        let first =
            format!("{f} submitted=10 completed=5 dead=1 waited_us=64:1000 ran_us= dead_letters=1 oldest_us=3000000");
        let first = look(&mut before, begin, 0, &[&first]);
        assert_eq!(words(&first), ["f 7 6 5 1 8 3.0s - - - - - - - -"]);
        let second = "submitted=20 completed=8 failed=1 exceptions=1 retried=2 dead=2 cancelled=7";
        let times = "waited_us=64:1000,2048:10 ran_us=128:1,inf:1 dead_letters=2 oldest_us=1500 paused=1";
        let g = "g high=0 normal=0 low=0 running=0 workers=0 submitted=3 oldest_us=0 paused=1";
        let second = look(&mut before, begin, 2, &[&format!("{f} {second} {times}"), g]);
        assert_eq!(
            words(&second),
            [
                "f 7 6 5 2 8 1.5ms 5.0 1.5 2.5 1.5ms 2.0ms 128us 19h new-dead",
                "g 0 0 - - 0 - 1.5 0.0 0.0 - - - - paused",
            ]
        );
        let third =
            look(&mut before, begin, 3, &["f high=0 normal=0 low=0 running=0 workers=1 submitted=2 waited_us=64:1"]);
        assert_eq!(words(&third), ["f 0 0 - - 1 - 2.0 0.0 0.0 32us 61us - - new-dead"], "dropped and made again");
    }

    #[test]
    fn dead_letters_are_new_for_a_minute() {
        let (mut before, begin) = (Before::default(), Instant::now());
        let mut state = |seconds, dead| {
            let f = format!("f high=0 normal=0 low=0 running=0 workers=1 dead={dead}");
            words(&look(&mut before, begin, seconds, &[&f]))[0].split(' ').next_back().unwrap().to_owned()
        };
        assert_eq!([state(0, 7), state(1, 8), state(60, 8), state(61, 8)], ["-", "new-dead", "new-dead", "-"]);
    }

    #[test]
    fn troubled_functions_come_first_then_busy_ones() {
        let (mut before, begin) = (Before::default(), Instant::now());
        let function = |name: &str, queued: u32, rest: &str| format!("{name} high=0 normal={queued} low=0 {rest}");
        let all = |submitted: u32, dead: u32| {
            [
                function("idle", 0, "running=0 workers=1"),
                function("waits", 9, "running=0 workers=1"),
                function("runs", 0, "running=3 workers=3"),
                function("quick", 0, &format!("running=0 workers=1 submitted={submitted} completed={submitted}")),
                function("paused", 8, "running=0 workers=1 paused=1"),
                function("paused-idle", 0, "running=0 workers=1 paused=1"),
                function("dies", 0, &format!("running=0 workers=1 dead={dead}")),
                function("alone", 1, "running=0 workers=0"),
                function("alone-paused", 2, "running=0 workers=0 paused=1"),
            ]
        };
        let mut names = |seconds, functions: [String; 9]| {
            let lines: Vec<&str> = functions.iter().map(String::as_str).collect();
            let overview = look(&mut before, begin, seconds, &lines);
            overview.rows.into_iter().map(|row| row.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(0, all(5, 1)), "alone-paused alone paused waits runs dies idle paused-idle quick");
        assert_eq!(names(1, all(99, 2)), "alone-paused alone dies paused waits runs quick idle paused-idle");
    }

    #[test]
    fn the_line_about_the_server_fits() {
        let overview = look(&mut Before::default(), Instant::now(), 0, &[]);
        let all = "gearmand 2.3.0, 1 job, 5 running, 2 dead letters, 12 connections, up 1d 1h, 2 functions";
        assert_eq!(overview.server(usize::MAX), all);
        assert_eq!(overview.server(all.len() - 1), all.rsplit_once(',').unwrap().0);
        assert_eq!(overview.server(25), "gearmand 2.3.0, 1 job");
        assert_eq!(overview.server(3), "");
    }

    #[test]
    fn times_in_few_characters() {
        let of = |us: f64| time(Some(us));
        assert_eq!([of(0.0), of(63.7), of(999.4), of(999.6), of(12_345.0)], ["0us", "64us", "999us", "1.0ms", "12ms"]);
        assert_eq!([of(1e6), of(119e6), of(120e6), of(7000e6), of(7200e6)], ["1.0s", "119s", "2.0m", "117m", "2.0h"]);
        assert_eq!([of(36e9), of(47.0 * 36e8), of(48.0 * 36e8), of(99.0 * 864e8)], ["10h", "47h", "2d", "99d"]);
        assert_eq!([uptime(59), uptime(61), uptime(7260), uptime(90_000)], ["59s", "1m 1s", "2h 1m", "1d 1h"]);
        assert_eq!(time(None), "-");
    }
}
