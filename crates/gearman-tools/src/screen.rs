//! Where a table that changes is shown: in place on a terminal, one below the other elsewhere.

use crate::error::{Error, Result};
use crate::table::cut;
use crate::{print, report};
use gearman_core::net::address::ServerAddress;
use nix::sys::signal::{Signal, raise};
use std::io::{self, IsTerminal};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// The other screen, no cursor, and long lines are cut.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l";
/// All as it was.
const LEAVE: &[u8] = b"\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What is shown.
pub(crate) trait Shown {
    /// A line about the server, of at most so many characters; nothing where little is known.
    fn server(&self, width: usize) -> String;

    /// As lines: at most `height` of at most `width` characters, where that is known.
    fn lines(&self, size: Option<(usize, usize)>) -> Vec<String>;

    /// Does it say that there is no server?
    fn is_lost(&self) -> bool;
}

/// A terminal is given back as it was when this is dropped.
#[derive(Debug)]
pub(crate) struct Screen<V> {
    /// Above the table.
    title: String,
    /// Escape codes are understood.
    terminal: bool,
    /// There is no server, and it was said.
    lost: bool,
    view: Option<V>,
    resized: Signals,
    suspended: Signals,
}

impl<V: Shown> Screen<V> {
    pub(crate) fn open(server: &ServerAddress) -> Result<Screen<V>> {
        let handle = |kind| signal(kind).map_err(Error::io("listen for signals"));
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let screen = Screen {
            title: server.to_string(),
            terminal: io::stdout().is_terminal() && !dumb,
            lost: false,
            view: None,
            resized: handle(SignalKind::window_change())?,
            suspended: handle(SignalKind::from_raw(Signal::SIGTSTP as i32))?,
        };
        if screen.terminal {
            print(&[ENTER])?;
        }
        Ok(screen)
    }

    /// Shows this instead of what was shown before, or below it.
    pub(crate) fn show(&mut self, view: V) -> Result<()> {
        let again = self.lost;
        self.lost = view.is_lost();
        let view = self.view.insert(view);
        if self.terminal {
            return self.draw();
        }
        let mut lines = view.lines(None);
        if self.lost {
            if !again {
                report("gearadmin", lines.join("\n"));
            }
            return Ok(());
        }
        let server = view.server(usize::MAX);
        if !server.is_empty() {
            lines.insert(0, server);
        }
        // The empty line tells a program that reads this that the table is whole.
        print(&[lines.join("\n").as_bytes(), b"\n\n"])
    }

    fn draw(&self) -> Result<()> {
        let Some(view) = &self.view else { return Ok(()) };
        let size = terminal_size::terminal_size().map(|(width, height)| (width.0.into(), height.0.into()));
        let (width, height): (usize, usize) = size.filter(|(w, h)| *w > 0 && *h > 0).unwrap_or((80, 24));
        let server = view.server(width.saturating_sub(self.title.chars().count() + 2));
        let title = if server.is_empty() { self.title.clone() } else { format!("{}: {server}", self.title) };
        let lines = [title, String::new()].into_iter().chain(view.lines(Some((width, height.saturating_sub(2)))));
        // The cursor goes home, and what is left of the lines before is wiped away. Behind a line that fills the width the
        // cursor is still on its last character, which would be wiped away, too.
        let whole = |line: String| match cut(&line, width) {
            line if line.chars().count() < width => line + "\x1b[K",
            line => line,
        };
        let lines: Vec<String> = lines.take(height).map(whole).collect();
        print(&[b"\x1b[H", lines.join("\n").as_bytes(), b"\x1b[J"])
    }

    /// Waits, while the terminal may change its size or go away for a time.
    pub(crate) async fn wait(&mut self, until: Instant) -> Result<()> {
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                _ = self.resized.recv() => {}
                _ = self.suspended.recv() => {
                    if self.terminal {
                        print(&[LEAVE])?;
                    }
                    raise(Signal::SIGSTOP).map_err(|e| Error::io("stop")(e.into()))?;
                    if self.terminal {
                        print(&[ENTER])?;
                    }
                }
            }
            if self.terminal {
                self.draw()?;
            }
        }
    }
}

impl<V> Drop for Screen<V> {
    fn drop(&mut self) {
        if self.terminal {
            // Nobody sees it where it fails.
            let _ = print(&[LEAVE]);
        }
    }
}
