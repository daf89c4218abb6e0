//! Where a table that changes is shown: in place on a terminal, one below the other elsewhere.

use crate::error::{Error, Result};
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
    /// As lines: at most `height` of at most `width` characters, where that is known.
    fn lines(&self, size: Option<(usize, usize)>) -> Vec<String>;

    /// Does it say that there is no server?
    fn is_lost(&self) -> bool;
}

/// A terminal is given back as it was when this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Above the table.
    title: String,
    /// Escape codes are understood.
    terminal: bool,
    /// There is no server, and it was said.
    lost: bool,
    resized: Signals,
    suspended: Signals,
}

impl Screen {
    pub(crate) fn open(server: &ServerAddress) -> Result<Screen> {
        let handle = |kind| signal(kind).map_err(Error::io("listen for signals"));
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let screen = Screen {
            title: server.to_string(),
            terminal: io::stdout().is_terminal() && !dumb,
            lost: false,
            resized: handle(SignalKind::window_change())?,
            suspended: handle(SignalKind::from_raw(Signal::SIGTSTP as i32))?,
        };
        if screen.terminal {
            print(&[ENTER])?;
        }
        Ok(screen)
    }

    /// Shows this instead of what was shown before, or below it.
    pub(crate) fn show(&mut self, view: &impl Shown) -> Result<()> {
        if self.terminal {
            return self.draw(view);
        }
        let again = self.lost;
        self.lost = view.is_lost();
        let mut text = view.lines(None).join("\n");
        if self.lost {
            if !again {
                report("gearadmin", text);
            }
            return Ok(());
        }
        // The empty line tells a program that reads this that the table is whole.
        text.push_str("\n\n");
        print(&[text.as_bytes()])
    }

    fn draw(&self, view: &impl Shown) -> Result<()> {
        let size = terminal_size::terminal_size().map(|(width, height)| (width.0.into(), height.0.into()));
        let (width, height): (usize, usize) = size.filter(|(w, h)| *w > 0 && *h > 0).unwrap_or((80, 24));
        // The cursor goes home, and what is left of the lines before is wiped away.
        let mut text = "\x1b[H".to_owned();
        let title = [self.title.clone(), String::new()];
        let lines = title.into_iter().chain(view.lines(Some((width, height.saturating_sub(2))))).take(height);
        text.push_str(&lines.map(|line| line + "\x1b[K").collect::<Vec<_>>().join("\n"));
        text.push_str("\x1b[J");
        print(&[text.as_bytes()])
    }

    /// Waits, while the terminal may change its size or go away for a time.
    pub(crate) async fn wait(&mut self, until: Instant, view: &impl Shown) -> Result<()> {
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
                self.draw(view)?;
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.terminal {
            // Nobody sees it where it fails.
            let _ = print(&[LEAVE]);
        }
    }
}
