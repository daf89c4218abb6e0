//! The thread that brings changes to the durable queue. All that came while it was busy goes with the next commit: a commit
//! is shared by as many as wait for it, and nobody else waits.
//!
//! It owns the backend. Batches are settled in order; jobs that are done and could not be removed are kept until they are.

use crate::durable::batch::{Batch, BatchResult, Change};
use crate::durable::{Backend, BackendError};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long until it is tried again to remove jobs that are done.
const AGAIN: Duration = Duration::from_secs(1);
/// And at the end, when nobody else waits.
const PAUSE: Duration = Duration::from_millis(100);
/// Most batches of one commit.
const BATCHES: usize = 10_000;

/// The thread, from the server's side. It ends, and is waited for, when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<Mutex<Commits>>,
}

/// What was brought to disk so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Commits {
    pub(crate) commits: u64,
    pub(crate) changes: u64,
    /// How long the longest took.
    pub(crate) longest: Duration,
}

impl Writer {
    /// Begins to serve a queue. The receiver gets what became of the batches.
    ///
    /// # Errors
    /// The system's, when there can be no thread.
    pub(crate) fn start(
        queue: Box<dyn Backend>,
        patience: Duration,
    ) -> io::Result<(Writer, UnboundedReceiver<BatchResult>)> {
        let (batches, received) = channel();
        let (results, reported) = unbounded_channel();
        let commits = Arc::new(Mutex::new(Commits::default()));
        let writer = WriterThread::new(queue, patience, results, commits.clone());
        let work = move || writer.run(&received);
        let thread = std::thread::Builder::new().name("gearmand-queue".into()).spawn(work)?;
        Ok((Writer { batches: Some(batches), thread: Some(thread), commits }, reported))
    }

    /// What was brought to disk so far.
    pub(crate) fn commits(&self) -> Commits {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch over. False: the thread is gone, and nothing will be stored any more.
    pub(crate) fn send(&self, batch: Batch) -> bool {
        self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_ok())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the durable queue panicked");
        }
    }
}

/// A key and a function.
type Done = (Box<[u8]>, Box<[u8]>);

struct WriterThread {
    queue: Box<dyn Backend>,
    /// How long an end tries to write what would be lost.
    patience: Duration,
    /// Jobs that are done, by key and function, and could not be removed.
    undone: Vec<Done>,
    /// The last try failed, and the log says so.
    failing: bool,
    /// The last batch that came.
    last: u64,
    commits: Arc<Mutex<Commits>>,
    results: UnboundedSender<BatchResult>,
}

impl WriterThread {
    fn new(
        queue: Box<dyn Backend>,
        patience: Duration,
        results: UnboundedSender<BatchResult>,
        commits: Arc<Mutex<Commits>>,
    ) -> WriterThread {
        WriterThread { queue, patience, undone: Vec::new(), failing: false, last: 0, commits, results }
    }

    fn run(mut self, received: &Receiver<Batch>) {
        let mut batches = Vec::new();
        loop {
            let first = match self.undone.is_empty() {
                true => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => received.recv_timeout(AGAIN),
            };
            match first {
                Ok(batch) => batches.push(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            batches.extend(received.try_iter().take(BATCHES));
            self.commit(&batches);
            batches.clear();
        }
        if !self.undone.is_empty() {
            let _ = self.patiently(|this| this.store(std::iter::empty()));
        }
        let Commits { commits, changes, .. } = *self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!("the durable queue wrote {changes} changes in {commits} commits");
        if !self.undone.is_empty() {
            let n = self.undone.len();
            tracing::error!("{n} jobs that are done could not be removed from the queue, and will be run again");
        }
    }

    fn commit(&mut self, batches: &[Batch]) {
        let changes = || batches.iter().flat_map(Batch::changes);
        let mut added = match batches.iter().any(|batch| batch.last) {
            true => self.patiently(|this| this.store(changes())),
            false => self.store(changes()),
        };
        if let Err(error) = &added {
            self.failed(error);
            // Without what needs room, at least no job runs twice.
            let done = |change: &Change<'_>| matches!(change, Change::Done { .. });
            if self.store(changes().filter(done)).is_err() {
                self.remember(changes());
            }
            // Where there was nothing to add, nothing is lost.
            if changes().all(|change| done(&change)) {
                added = Ok(());
            }
        } else if self.failing {
            self.failing = false;
            tracing::warn!("the durable queue works again");
        }
        let done = self.undone.is_empty();
        // To nobody when the server has stopped.
        self.last = batches.last().map_or(self.last, |batch| batch.number);
        let _ = self.results.send(BatchResult { batch: self.last, added: added.is_ok(), done });
    }

    /// The server ends: what fails is tried again, as another program may hold the file for a while.
    fn patiently(&mut self, store: impl Fn(&mut WriterThread) -> Result<(), BackendError>) -> Result<(), BackendError> {
        let begin = Instant::now();
        let mut reported = false;
        loop {
            let stored = store(self);
            let Err(error) = &stored else { return stored };
            if begin.elapsed() >= self.patience {
                return stored;
            }
            if !std::mem::replace(&mut reported, true) {
                let seconds = self.patience.as_secs();
                tracing::error!("{error}; the end waits for it, up to {seconds} s: else jobs are lost or run again");
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Brings all of these to disk, or none.
    fn store<'a>(&mut self, changes: impl Iterator<Item = Change<'a>>) -> Result<(), BackendError> {
        let begin = Instant::now();
        for (key, function) in &self.undone {
            self.queue.done(key, function)?;
        }
        let mut n = self.undone.len() as u64;
        for change in changes {
            n += 1;
            match change {
                Change::Add(row) => self.queue.add(&row)?,
                Change::Done { key, function } => self.queue.done(key, function)?,
            }
        }
        self.queue.flush()?;
        self.undone.clear();
        if n > 0 {
            let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            (commits.commits, commits.changes) = (commits.commits + 1, commits.changes + n);
            commits.longest = commits.longest.max(begin.elapsed());
        }
        Ok(())
    }

    fn remember<'a>(&mut self, changes: impl Iterator<Item = Change<'a>>) {
        let done = changes.filter_map(|change| match change {
            Change::Done { key, function } => Some((key.into(), function.into())),
            Change::Add(_) => None,
        });
        self.undone.extend(done);
    }

    fn failed(&mut self, error: &BackendError) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!("jobs are refused, they cannot be stored: {error}");
        }
    }
}
