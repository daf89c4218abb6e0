//! A reload, up to the moment from which it counts: the file is read, its socket is opened, and the files that it names are
//! looked at. All of that may take time, so it is done beside the loop.
//!
//! Owns what is needed for it. Must never know what is done with a configuration. Invariants: whatever hangs, something comes
//! of each reload; a file that hangs holds one thread.

use crate::runner::config::Config;
use crate::runner::control::{Place, Socket};
use crate::runner::task::Task;
use crate::runner::watching::Watching;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

/// Longest wait for the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of reading the file; or what is wrong with it, in words.
pub type Outcome = Result<Reload, String>;

/// What a file says, and what it asks for.
#[derive(Debug)]
pub struct Reload {
    /// What it says.
    pub config: Config,
    /// Its socket, where that was not open; or why it cannot be opened, in words.
    pub socket: Option<Result<Socket, String>>,
}

/// Who reads, until this is gone.
#[derive(Debug)]
pub struct Reloads {
    wanted: mpsc::Sender<Option<Place>>,
    outcomes: mpsc::Receiver<Outcome>,
    _task: Task,
}

impl Reloads {
    /// Of this file. Must be called in a tokio runtime.
    pub fn new(file: PathBuf, watching: Watching) -> Reloads {
        let (wanted, wants) = mpsc::channel(1);
        let (sender, outcomes) = mpsc::channel(1);
        Reloads { wanted, outcomes, _task: Task::begin(read_again(file, watching, wants, sender)) }
    }

    /// Begins to read; `open`: the socket that is open. What was wanted before must have come.
    pub fn begin(&self, open: Option<Place>) {
        // There is a place for it: nothing else is wanted.
        let _ = self.wanted.try_send(open);
    }

    /// What came of it.
    pub async fn next(&mut self) -> Option<Outcome> {
        self.outcomes.recv().await
    }
}

async fn read_again(
    file: PathBuf,
    mut watching: Watching,
    mut wants: mpsc::Receiver<Option<Place>>,
    outcomes: mpsc::Sender<Outcome>,
) {
    let silent = || Err(format!("{}: no answer for {} s", file.display(), PATIENCE.as_secs()));
    let mut hangs: Option<AbortHandle> = None;
    while let Some(open) = wants.recv().await {
        let outcome = if hangs.as_ref().is_some_and(|reading| !reading.is_finished()) {
            silent()
        } else {
            let path = file.clone();
            let mut reading = spawn_blocking(move || read(&path, open));
            match timeout(PATIENCE, &mut reading).await {
                Ok(read) => read.unwrap_or_else(|panic| Err(panic.to_string())),
                Err(_) => {
                    hangs = Some(reading.abort_handle());
                    silent()
                }
            }
        };
        if let Ok(reload) = &outcome {
            watching.follow(&reload.config.groups).await;
        }
        if outcomes.send(outcome).await.is_err() {
            return;
        }
    }
}

fn read(file: &Path, open: Option<Place>) -> Outcome {
    let config = Config::read(file).map_err(|error| error.to_string())?;
    // It may have been deleted.
    let open = open.filter(Place::is_there);
    let path = config.socket.as_deref().filter(|path| open.is_none_or(|open| open.path() != *path));
    let socket = path.map(Socket::open);
    Ok(Reload { config, socket })
}
