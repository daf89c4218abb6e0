//! What `gearadmin --watch` shows of a server that does not count the jobs that end, such as C's. It tells how many there
//! are: a number that went down between two looks says how many left, at the least. Several looks make up a round, so that
//! less is missed; a job that came and went between two of them is never seen.

use crate::listing::Function;
use crate::table::{Column, table};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

const COLUMNS: [Column; 4] = [column("QUEUED"), column("RUNNING"), column("WORKERS"), column("JOBS/S")];

const fn column(head: &'static str) -> Column {
    Column { head, width: 10, rank: 0 }
}

/// How many jobs left, as far as it was seen.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    /// How many there were.
    last: HashMap<String, u64>,
    left: HashMap<String, u64>,
}

/// The functions, and how many of their jobs leave in a second; `None`: there was but one look.
#[derive(Debug)]
pub(crate) struct Estimated {
    functions: Vec<Function>,
    rates: Option<HashMap<String, f64>>,
}

impl Estimate {
    /// After a look.
    pub(crate) fn update(&mut self, functions: &[Function]) {
        for f in functions {
            let left = self.last.insert(f.function.clone(), f.total).unwrap_or(0).saturating_sub(f.total);
            *self.left.entry(f.function.clone()).or_default() += left;
        }
        if self.last.len() > functions.len() {
            // A function that was dropped starts anew.
            let names: HashSet<_> = functions.iter().map(|f| &f.function).collect();
            self.last.retain(|name, _| names.contains(name));
        }
    }

    /// What there is after a round, and the next one begins. `time`: what it took.
    pub(crate) fn round(&mut self, functions: Vec<Function>, time: Option<Duration>) -> Estimated {
        let left = std::mem::take(&mut self.left);
        let rate = |left: u64, time: Duration| left as f64 / time.as_secs_f64();
        let rates = time.map(|time| left.into_iter().map(|(name, left)| (name, rate(left, time))).collect());
        Estimated { functions, rates }
    }
}

impl Estimated {
    /// Those with the longest queues first.
    pub(crate) fn lines(&self, size: Option<(usize, usize)>) -> Vec<String> {
        let mut functions: Vec<&Function> = self.functions.iter().collect();
        functions.sort_by_key(|f| (Reverse(f.queued), Reverse(f.running), &f.function));
        let rate = |f: &Function| match &self.rates {
            Some(rates) => format!("{:.1}", rates.get(&f.function).copied().unwrap_or(0.0)),
            None => "-".into(),
        };
        let cells =
            |f: &&Function| [f.queued.to_string(), f.running.to_string(), f.workers.to_string(), rate(f)].into();
        table(&COLUMNS, &functions, size, |f| &f.function, cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, queued: u64, running: u64) -> Function {
        Function { function: name.into(), total: queued + running, queued, running, workers: 1 }
    }

    #[test]
    fn jobs_that_left_are_counted_as_far_as_they_are_seen() {
        let mut estimate = Estimate::default();
        for total in [5, 3, 4, 2, 9] {
            estimate.update(&[function("f", total, 0)]);
        }
        let mut rate = |total| {
            estimate.update(&[]);
            estimate.update(&[function("f", total, 0)]);
            estimate.round(Vec::new(), Some(Duration::from_secs(2))).rates.unwrap()["f"]
        };
        assert_eq!(rate(1), 2.0);
        assert_eq!(rate(0), 0.0, "dropped and made again");
    }

    #[test]
    fn a_table_of_any_size() {
        let functions = [function("idle", 0, 0), function("busy", 0, 2), function("\x1b[31mlong name", 7, 0)].to_vec();
        let rates = HashMap::from([("busy".to_owned(), 1.25)]);
        let all = Estimated { functions: functions.clone(), rates: Some(rates) };
        assert_eq!(
            all.lines(None),
            [
                "FUNCTION               QUEUED   RUNNING   WORKERS    JOBS/S",
                "\\u{1b}[31mlong name         7         0         1       0.0",
                "busy                        0         2         1       1.2",
                "idle                        0         0         1       0.0",
            ]
        );
        assert_eq!(
            Estimated { functions, rates: None }.lines(Some((50, 3))),
            [
                "FUNCTION      QUEUED   RUNNING   WORKERS    JOBS/S",
                "\\u{1b}[31~         7         0         1         -",
                "and 2 more",
            ]
        );
    }
}
