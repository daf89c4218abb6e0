//! `--import`: moves jobs from one durable queue into another, and tells how far it is.

use crate::process::output;
use gearmand::config::Options;
use gearmand::durable::import::{Moved, import};
use std::time::{Duration, Instant};

/// How often it is told.
const OFTEN: Duration = Duration::from_secs(1);

/// Moves all, and says what became of it.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let none = || "--import: there is no such queue".to_owned();
    let mut source = options.queue.open_import().map_err(|e| format!("--import: {e}"))?.ok_or_else(none)?;
    let mut target = options.queue.open_own().map_err(|e| e.to_string())?.ok_or_else(none)?;
    let mut last = Instant::now();
    let moved = import(&mut *source, &mut *target, &mut |moved| {
        if last.elapsed() >= OFTEN {
            last = Instant::now();
            tell(&format!("{} of {} moved", moved.jobs + moved.dead, moved.total));
        }
    });
    let moved = moved.map_err(|e| format!("{e}; nothing is lost: the same command goes on from here"))?;
    tell(&summary(&moved));
    match moved.left {
        0 => Ok(()),
        n => Err(format!(
            "{n} jobs, dead letters or settings are left where they were: the queue has others with their keys. Let these \
             run, and do the same again"
        )),
    }
}

fn summary(moved: &Moved) -> String {
    let before = match moved.before {
        0 => String::new(),
        n => format!("; {n} of them an import before this one had moved"),
    };
    let Moved { jobs, dead, settings, .. } = moved;
    format!("{jobs} jobs, {dead} dead letters and {settings} settings are moved{before}")
}

/// To stderr; where that cannot be written nobody waits for it.
fn tell(text: &str) {
    let _ = output::to_stderr(format!("gearmand: {text}\n").as_bytes());
}
