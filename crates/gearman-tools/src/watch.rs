//! `gearadmin --watch`: looks at a server again and again, and shows what it saw as a table.
//!
//! Our server counts what becomes of jobs: one look a round tells all. One that does not know `counters`, such as C's, is
//! asked for `status`, more often: see `estimate`.

use crate::counters::{Counters, counters};
use crate::error::{Error, Result};
use crate::estimate::{Estimate, Estimated};
use crate::listing::{self, Function, shown};
use crate::overview::{Before, Overview};
use crate::screen::{Screen, Shown};
use crate::table::{printable, wrap};
use crate::text::{Answer, Session};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Looks in a round, where the server does not count.
const LOOKS: u32 = 10;
/// But not more often than this.
const PAUSE: Duration = Duration::from_millis(100);

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
    let mut seen = Seen::default();
    let mut found: Result<Look> = Ok(source.look().await?);
    let mut screen = Screen::open(&source.server)?;
    loop {
        match found {
            Ok(look) => {
                if let Some(view) = seen.update(look, interval) {
                    screen.show(view)?;
                }
            }
            Err(error) => {
                seen = Seen::default();
                screen.show(View::Lost(error.to_string()))?;
            }
        }
        screen.wait(seen.next_look(interval)).await?;
        found = source.look().await;
    }
}

/// The server, and the connection to it while there is one.
struct Source {
    server: ServerAddress,
    tls: Option<TlsSettings>,
    patience: Duration,
    session: Option<Connected>,
}

/// A connection, and what is known of the server.
struct Connected {
    session: Session,
    /// It does not know `counters`.
    counts_not: bool,
    /// Asked for once.
    version: Option<String>,
}

/// What one look at the server shows.
enum Look {
    Counters { version: String, counters: Counters },
    Status(Vec<Function>),
}

impl Connected {
    fn look(&mut self) -> Result<Look> {
        if !self.counts_not {
            let answer = self.session.ask("counters")?;
            if !matches!(Answer::read(&answer), Answer::Refused(_)) {
                return Ok(Look::Counters { version: self.version()?, counters: counters(&answer)? });
            }
            self.counts_not = true;
        }
        Ok(Look::Status(listing::status(&self.session.ask("status")?)?))
    }

    fn version(&mut self) -> Result<String> {
        if self.version.is_none() {
            let answer = self.session.ask("version")?;
            if let Answer::Said(version) = Answer::read(&answer) {
                self.version = Some(shown(version.trim_ascii_end()));
            }
        }
        Ok(self.version.clone().unwrap_or_default())
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
                None => {
                    let session = Session::connect(&server, tls, patience)?;
                    Connected { session, counts_not: false, version: None }
                }
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

/// What was seen of the server since it is there.
#[derive(Debug, Default)]
enum Seen {
    #[default]
    Nothing,
    Counted(Before),
    /// And when the round began.
    Estimated(Estimate, Instant),
}

impl Seen {
    /// After a look; nothing where it is one of several.
    fn update(&mut self, look: Look, interval: Duration) -> Option<View> {
        let now = Instant::now();
        match (look, self) {
            (Look::Counters { version, counters }, Seen::Counted(before)) => {
                Some(View::Overview(before.update(&version, counters, now)))
            }
            (Look::Status(functions), Seen::Estimated(estimate, begun)) => {
                estimate.update(&functions);
                let time = now - *begun;
                (time >= interval).then(|| {
                    *begun = now;
                    View::Estimated(estimate.round(functions, Some(time)))
                })
            }
            // The first look of all, or at a server of another kind in the place of the one before.
            (Look::Counters { version, counters }, seen) => {
                let mut before = Before::default();
                let overview = before.update(&version, counters, now);
                *seen = Seen::Counted(before);
                Some(View::Overview(overview))
            }
            (Look::Status(functions), seen) => {
                let mut estimate = Estimate::default();
                estimate.update(&functions);
                let estimated = estimate.round(functions, None);
                *seen = Seen::Estimated(estimate, now);
                Some(View::Estimated(estimated))
            }
        }
    }

    /// When to look again, after this moment.
    fn next_look(&self, interval: Duration) -> Instant {
        let now = Instant::now();
        let pause = PAUSE.max(interval / LOOKS);
        match self {
            Seen::Counted(_) => now + interval,
            Seen::Estimated(_, begun) => (now + pause).min(*begun + interval),
            Seen::Nothing => now + pause,
        }
    }
}

/// What there is to see.
#[derive(Debug)]
enum View {
    Overview(Overview),
    Estimated(Estimated),
    /// No server, and why.
    Lost(String),
}

impl Shown for View {
    fn server(&self, width: usize) -> String {
        match self {
            View::Overview(overview) => overview.server(width),
            View::Estimated(_) | View::Lost(_) => String::new(),
        }
    }

    fn lines(&self, size: Option<(usize, usize)>) -> Vec<String> {
        match self {
            View::Overview(overview) => overview.lines(size),
            View::Estimated(estimated) => estimated.lines(size),
            View::Lost(error) => {
                wrap(&format!("{}; trying again", printable(error)), size.map_or(usize::MAX, |(width, _)| width))
            }
        }
    }

    fn is_lost(&self) -> bool {
        matches!(self, View::Lost(_))
    }
}
