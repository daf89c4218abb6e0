//! `gearadmin --watch`: functions and how many of their jobs end, again and again, as a table.
//!
//! Our server counts the jobs that ended: `counters`. A C server does not know that command, and its `status` does not
//! count them. What it tells is how many jobs there are: a number that went down between two looks says how many left,
//! at the least. Several looks make up a round, so that less is missed; a job that came and went between two of them is
//! never seen.

use crate::counters::counters;
use crate::error::{Error, Result};
use crate::listing::{self, Function};
use crate::screen::{Screen, Shown};
use crate::text::{Answer, Session};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Looks in a round, where the server does not count.
const LOOKS: u32 = 10;
/// But not more often than this.
const PAUSE: Duration = Duration::from_millis(100);
/// Width of a column of numbers.
const COLUMN: usize = 10;
/// Names are not cut shorter than this.
const NAME: usize = 8;

/// Shows a table every `interval`, until SIGINT or SIGTERM. When the server goes away it says so, and
/// connects again when it can.
///
/// # Errors
/// As [`Session::connect`] where the server cannot be reached at the start; [`Error::Io`] for standard
/// output and signals.
pub fn run(
    server: ServerAddress,
    tls: Option<TlsSettings>,
    patience: Duration,
    interval: Duration,
    runtime: Runtime,
) -> Result<()> {
    let mut source = Source { server, tls, patience, session: None };
    let ended = runtime.block_on(async {
        let handle = |kind| signal(kind).map_err(Error::io("listen for signals"));
        let (mut interrupted, mut terminated) = (handle(SignalKind::interrupt())?, handle(SignalKind::terminate())?);
        tokio::select! {
            biased;
            _ = interrupted.recv() => Ok(()),
            _ = terminated.recv() => Ok(()),
            error = rounds(&mut source, interval) => error,
        }
    });
    // A look at a server that is silent need not come to its end.
    runtime.shutdown_background();
    ended
}

/// Goes on until the screen cannot be written to.
async fn rounds(source: &mut Source, interval: Duration) -> Result<()> {
    let mut look = source.look().await?;
    let mut screen = Screen::open(&source.server)?;
    let mut tally = Tally::default();
    tally.update(&look);
    let mut view = View::Functions(look.functions.clone(), None);
    loop {
        screen.show(&view)?;
        let begun = Instant::now();
        let end = begun + interval;
        let mut trouble = None;
        while trouble.is_none() && Instant::now() < end {
            let pause = if look.ended.is_some() { interval } else { PAUSE.max(interval / LOOKS) };
            screen.wait((Instant::now() + pause).min(end), &view).await?;
            match source.look().await {
                Ok(found) => {
                    tally.update(&found);
                    look = found;
                }
                Err(error) => trouble = Some(error.to_string()),
            }
        }
        view = match trouble {
            None => View::Functions(look.functions.clone(), Some(tally.rates(begun.elapsed()))),
            Some(error) => {
                tally = Tally::default();
                View::Lost(error)
            }
        };
    }
}

/// The server, and the connection to it while there is one.
struct Source {
    server: ServerAddress,
    tls: Option<TlsSettings>,
    patience: Duration,
    session: Option<Connected>,
}

/// A connection, and whether the server counts the jobs that end.
struct Connected {
    session: Session,
    counts: bool,
}

/// What one look at the server shows.
struct Look {
    functions: Vec<Function>,
    /// How many jobs of each were ended by workers since it appeared; `None`: the server does not count.
    ended: Option<Vec<u64>>,
}

impl Connected {
    fn look(&mut self) -> Result<Look> {
        if self.counts {
            let answer = self.session.ask("counters")?;
            if !matches!(Answer::read(&answer), Answer::Refused(_)) {
                let of = counters(&answer)?.functions;
                let functions = of.iter().map(|f| f.function()).collect::<Result<_>>()?;
                return Ok(Look { functions, ended: Some(of.iter().map(|f| f.ended()).collect()) });
            }
            self.counts = false;
        }
        Ok(Look { functions: listing::status(&self.session.ask("status")?)?, ended: None })
    }
}

impl Source {
    /// Asks, on a thread that may wait for the answer.
    async fn look(&mut self) -> Result<Look> {
        let (server, tls) = (self.server.clone(), self.tls.clone());
        let (patience, session) = (self.patience, self.session.take());
        let look = move || {
            let mut session = match session {
                Some(session) => session,
                None => Connected { session: Session::connect(&server, tls, patience)?, counts: true },
            };
            let look = session.look()?;
            Ok::<_, Error>((session, look))
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let (session, look) = looked.map_err(|e| Error::io("ask the server")(e.into()))??;
        self.session = Some(session);
        Ok(look)
    }
}

/// How many jobs ended, or left, as far as it was seen.
#[derive(Debug, Default)]
struct Tally {
    /// How many had ended, where the server counts that; else how many there were.
    last: HashMap<String, u64>,
    left: HashMap<String, u64>,
    /// There was a look before.
    begun: bool,
}

impl Tally {
    fn update(&mut self, look: &Look) {
        for (i, f) in look.functions.iter().enumerate() {
            let left = match look.ended.as_ref().and_then(|ended| ended.get(i)) {
                // A function that was dropped and made again counts from 0, as one that is new.
                Some(&ended) => match self.last.insert(f.function.clone(), ended) {
                    Some(before) => ended.checked_sub(before).unwrap_or(ended),
                    None if self.begun => ended,
                    None => 0,
                },
                None => self.last.insert(f.function.clone(), f.total).unwrap_or(0).saturating_sub(f.total),
            };
            *self.left.entry(f.function.clone()).or_default() += left;
        }
        if self.last.len() > look.functions.len() {
            // A function that was dropped starts anew.
            let names: std::collections::HashSet<_> = look.functions.iter().map(|f| &f.function).collect();
            self.last.retain(|name, _| names.contains(name));
        }
        self.begun = true;
    }

    /// Jobs per second since the last time.
    fn rates(&mut self, time: Duration) -> HashMap<String, f64> {
        self.left.drain().map(|(name, left)| (name, left as f64 / time.as_secs_f64())).collect()
    }
}

/// What there is to see.
#[derive(Debug)]
enum View {
    /// The functions, and how many of their jobs leave in a second.
    Functions(Vec<Function>, Option<HashMap<String, f64>>),
    /// No server, and why.
    Lost(String),
}

impl Shown for View {
    fn lines(&self, size: Option<(usize, usize)>) -> Vec<String> {
        match self {
            View::Functions(functions, rates) => table(functions, rates.as_ref(), size),
            View::Lost(error) => vec![format!("{}; trying again", printable(error))],
        }
    }

    fn is_lost(&self) -> bool {
        matches!(self, View::Lost(_))
    }
}

/// Those with the longest queues first.
fn table(functions: &[Function], rates: Option<&HashMap<String, f64>>, size: Option<(usize, usize)>) -> Vec<String> {
    let mut functions: Vec<&Function> = functions.iter().collect();
    functions.sort_by_key(|f| (Reverse(f.queued), Reverse(f.running), &f.function));
    let room = size.map_or(usize::MAX, |(_, height)| height.saturating_sub(1).max(1));
    let shown = if functions.len() > room { room - 1 } else { functions.len() };
    let names: Vec<String> = functions[..shown].iter().map(|f| printable(&f.function)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("FUNCTION".len());
    let most = size.map_or(usize::MAX, |(width, _)| width.saturating_sub(4 * COLUMN).max(NAME));
    let width = longest.min(most);
    let mut lines = vec![format!(
        "{:width$}{:>COLUMN$}{:>COLUMN$}{:>COLUMN$}{:>COLUMN$}",
        "FUNCTION", "QUEUED", "RUNNING", "WORKERS", "JOBS/S"
    )];
    for (f, name) in functions.iter().zip(names) {
        let rate = rates.map(|rates| format!("{:.1}", rates.get(&f.function).copied().unwrap_or(0.0)));
        lines.push(format!(
            "{:width$}{:>COLUMN$}{:>COLUMN$}{:>COLUMN$}{:>COLUMN$}",
            cut(name, width),
            f.queued,
            f.running,
            f.workers,
            rate.as_deref().unwrap_or("-")
        ));
    }
    match functions.len() - shown {
        0 if shown == 0 => lines.push("no functions yet".into()),
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}

fn cut(name: String, width: usize) -> String {
    if name.chars().count() <= width {
        return name;
    }
    name.chars().take(width - 1).chain(['~']).collect()
}

/// Nothing that would move the cursor or change colours.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, queued: u64, running: u64) -> Function {
        Function { function: name.into(), total: queued + running, queued, running, workers: 1 }
    }

    #[test]
    fn jobs_that_left_are_counted_as_far_as_they_are_seen() {
        let mut tally = Tally::default();
        for total in [5, 3, 4, 2, 9] {
            tally.update(&Look { functions: vec![function("f", total, 0)], ended: None });
        }
        assert_eq!(tally.rates(Duration::from_secs(2))["f"], 2.0);
        tally.update(&Look { functions: Vec::new(), ended: None });
        tally.update(&Look { functions: vec![function("f", 1, 0)], ended: None });
        assert_eq!(tally.rates(Duration::from_secs(2))["f"], 0.0, "dropped and made again");
    }

    #[test]
    fn jobs_that_the_server_counts_are_all_seen() {
        let counted = |ended: &[u64]| Look {
            functions: ["f", "g"][..ended.len()].iter().map(|name| function(name, 9, 0)).collect(),
            ended: Some(ended.to_vec()),
        };
        let mut tally = Tally::default();
        tally.update(&counted(&[1000]));
        tally.update(&counted(&[1000]));
        tally.update(&counted(&[1004, 6]));
        let rates = tally.rates(Duration::from_secs(2));
        assert_eq!((rates["f"], rates["g"]), (2.0, 3.0));
        tally.update(&counted(&[3]));
        assert_eq!(tally.rates(Duration::from_secs(1))["f"], 3.0, "dropped and made again");
    }

    #[test]
    fn a_table_of_any_size() {
        let functions = [function("idle", 0, 0), function("busy", 0, 2), function("\x1b[31mlong name", 7, 0)];
        let rates = HashMap::from([("busy".to_owned(), 1.25)]);
        assert_eq!(
            table(&functions, Some(&rates), None),
            [
                "FUNCTION               QUEUED   RUNNING   WORKERS    JOBS/S",
                "\\u{1b}[31mlong name         7         0         1       0.0",
                "busy                        0         2         1       1.2",
                "idle                        0         0         1       0.0",
            ]
        );
        assert_eq!(
            table(&functions, None, Some((50, 3))),
            [
                "FUNCTION      QUEUED   RUNNING   WORKERS    JOBS/S",
                "\\u{1b}[31~         7         0         1         -",
                "and 2 more",
            ]
        );
        assert_eq!(table(&functions, None, Some((1, 1))).len(), 2);
        assert_eq!(table(&[], None, Some((80, 24)))[1], "no functions yet");
    }
}
