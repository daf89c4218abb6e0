//! The files of each group that names some: looked at again and again, beside the loop.
//!
//! Owns when they are looked at. Must never decide what comes of a change. Invariants: files that do not answer, as those of a
//! network file system whose server is down, hold up nobody but themselves, and hold no more than one thread a group; it is
//! told.

use crate::runner::config::Group;
use crate::runner::files::Files;
use crate::runner::log::Log;
use crate::runner::orders::{Order, Orders};
use crate::runner::task::Task;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// From look to look.
const EVERY: Duration = Duration::from_secs(2);
/// So long a start or a reload waits for files.
const PATIENCE: Duration = Duration::from_secs(2);
/// When it is told that they do not answer: a look at many of them may take a while.
const SILENT: Duration = Duration::from_secs(5);

/// All groups whose files are looked at.
#[derive(Debug)]
pub struct Watching {
    watches: Vec<Watch>,
    orders: Orders,
    log: Log,
}

impl Watching {
    /// None yet. Changes are told to `orders`.
    pub fn new(orders: Orders, log: Log) -> Watching {
        Watching { watches: Vec::new(), orders, log }
    }

    /// From here on it is about these groups. Whatever changes from now on is a change, where the files answer in time; else what
    /// changes from their first answer on.
    pub async fn follow(&mut self, groups: &[Group]) {
        let mut before = std::mem::take(&mut self.watches);
        for Group { name, watch, .. } in groups.iter().filter(|group| !group.watch.is_empty()) {
            // One that hangs is kept: each of many reloads would leave another thread that hangs.
            let same = before.iter().position(|old| old.group == *name && old.paths == *watch);
            self.watches.push(match same {
                Some(place) => before.swap_remove(place),
                None => Watch::begin(name, watch, self.orders.clone(), self.log.clone()),
            });
        }
        let looks: Vec<_> = self.watches.iter().filter_map(Watch::anew).collect();
        let all = async {
            for look in looks {
                // The end of it is the answer.
                let _ = look.await;
            }
        };
        // Where one takes longer, its own task tells.
        let _ = timeout(PATIENCE, all).await;
    }
}

/// The files of a group, which are looked at until this is gone.
#[derive(Debug)]
struct Watch {
    group: String,
    paths: Vec<PathBuf>,
    anew: mpsc::Sender<oneshot::Sender<()>>,
    _task: Task,
}

impl Watch {
    fn begin(group: &str, paths: &[PathBuf], orders: Orders, log: Log) -> Watch {
        let (anew, wanted) = mpsc::channel(1);
        let looks = Looks { group: group.into(), paths: paths.into(), wrong: None, log };
        let task = Task::begin(looks.go_on(wanted, orders));
        Watch { group: group.into(), paths: paths.into(), anew, _task: task }
    }

    /// As files are at the next look they are used; what is given ends with that look. `None`: one that was wanted before has
    /// not come yet.
    fn anew(&self) -> Option<oneshot::Receiver<()>> {
        let (looked, look) = oneshot::channel();
        self.anew.try_send(looked).is_ok().then_some(look)
    }
}

/// Looks at the files of a group, one after the other, and what came of the last one.
struct Looks {
    group: String,
    paths: Vec<PathBuf>,
    /// Why nothing is known of them now.
    wrong: Option<String>,
    log: Log,
}

impl Looks {
    async fn go_on(mut self, mut wanted: mpsc::Receiver<oneshot::Sender<()>>, orders: Orders) {
        let mut files = Files::new(self.paths.clone());
        loop {
            let anew = tokio::select! {
                Some(looked) = wanted.recv() => Some(looked),
                () = sleep(EVERY) => None,
            };
            let used = anew.is_some();
            let mut looking = spawn_blocking(move || {
                let said = if used { files.look().map(|()| false) } else { files.have_changed() };
                (files, said)
            });
            let looked = match timeout(SILENT, &mut looking).await {
                Ok(looked) => looked,
                Err(_) => {
                    self.note(Some(self.silent()));
                    looking.await
                }
            };
            // An error is a panic, which has been told.
            let Ok((same, said)) = looked else { return };
            files = same;
            drop(anew);
            let changed = said.as_ref().is_ok_and(|changed| *changed);
            self.note(said.err());
            if changed && !orders.tell(Order::Changed(self.group.clone())).await {
                return;
            }
        }
    }

    fn silent(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        format!("{}: no answer for {} s", paths.join(", "), SILENT.as_secs())
    }

    /// Tells what is wrong, and when it is not any more: once.
    fn note(&mut self, wrong: Option<String>) {
        match (&self.wrong, &wrong) {
            (before, Some(reason)) if before.as_ref() != Some(reason) => {
                self.log.warning(Some(&self.group), &format!("changes of its files are not seen: {reason}"));
            }
            (Some(_), None) => self.log.info(Some(&self.group), "its files are looked at again"),
            _ => {}
        }
        self.wrong = wrong;
    }
}
