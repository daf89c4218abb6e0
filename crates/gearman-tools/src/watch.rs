//! `gearadmin --watch`: what `status` says, again and again, as a table.
//!
//! `status` does not count finished jobs. What it tells is how many jobs there are: a number that went
//! down between two looks says how many left, at the least. Several looks make up a round, so that less
//! is missed; a job that came and went between two of them is never seen.

use crate::error::{Error, Result};
use crate::listing::{self, Function};
use crate::screen::{Screen, Shown};
use crate::text::Session;
use gearman_core::net::address::ServerAddress;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Looks in a round.
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
pub fn run(server: ServerAddress, patience: Duration, interval: Duration, runtime: Runtime) -> Result<()> {
    let mut source = Source { server, patience, session: None };
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
    let mut functions = source.fetch().await?;
    let mut screen = Screen::open(&source.server)?;
    let mut tally = Tally::default();
    tally.update(&functions);
    let mut view = View::Functions(functions.clone(), None);
    loop {
        screen.show(&view)?;
        let begun = Instant::now();
        let end = begun + interval;
        let mut trouble = None;
        while trouble.is_none() && Instant::now() < end {
            let next = Instant::now() + PAUSE.max(interval / LOOKS);
            screen.wait(next.min(end), &view).await?;
            match source.fetch().await {
                Ok(found) => {
                    tally.update(&found);
                    functions = found;
                }
                Err(error) => trouble = Some(error.to_string()),
            }
        }
        view = match trouble {
            None => View::Functions(functions.clone(), Some(tally.rates(begun.elapsed()))),
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
    patience: Duration,
    session: Option<Session>,
}

impl Source {
    /// Asks for `status`, on a thread that may wait for the answer.
    async fn fetch(&mut self) -> Result<Vec<Function>> {
        let (server, patience, session) = (self.server.clone(), self.patience, self.session.take());
        let look = move || {
            let mut session = match session {
                Some(session) => session,
                None => Session::connect(&server, patience)?,
            };
            let functions = listing::status(&session.ask("status")?)?;
            Ok::<_, Error>((session, functions))
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let (session, functions) = looked.map_err(|e| Error::io("ask the server")(e.into()))??;
        self.session = Some(session);
        Ok(functions)
    }
}

/// How many jobs left, as far as it was seen.
#[derive(Debug, Default)]
struct Tally {
    /// How many there were.
    last: HashMap<String, u64>,
    left: HashMap<String, u64>,
}

impl Tally {
    fn update(&mut self, functions: &[Function]) {
        for f in functions {
            let before = self.last.insert(f.function.clone(), f.total).unwrap_or(0);
            *self.left.entry(f.function.clone()).or_default() += before.saturating_sub(f.total);
        }
        if self.last.len() > functions.len() {
            // A function that was dropped starts anew.
            let names: std::collections::HashSet<_> = functions.iter().map(|f| &f.function).collect();
            self.last.retain(|name, _| names.contains(name));
        }
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
            tally.update(&[function("f", total, 0)]);
        }
        assert_eq!(tally.rates(Duration::from_secs(2))["f"], 2.0);
        tally.update(&[]);
        tally.update(&[function("f", 1, 0)]);
        assert_eq!(tally.rates(Duration::from_secs(2))["f"], 0.0, "dropped and made again");
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
