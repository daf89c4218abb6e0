//! The threads that connections are spread over. Each has a runtime of its own: reading, writing and waiting
//! for sockets go on side by side, what is between them has the state's lock. No state here.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread that started the others, and those. Each has something of its own.
#[derive(Debug)]
pub(crate) struct Threads<T> {
    threads: Vec<(Handle, T)>,
    given: AtomicUsize,
    /// Only to be dropped.
    _others: Vec<Thread>,
}

/// A thread that serves until its `Thread` is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> Threads<T> {
    /// So many threads, with the one that calls this; in a tokio runtime. `own` makes what each has of its own.
    pub(crate) fn start(count: usize, own: impl Fn(&Handle) -> T) -> io::Result<Threads<T>> {
        let others =
            (1..count).map(|number| Thread::start(format!("connections-{number}"))).collect::<Result<Vec<_>, _>>()?;
        let runtimes = std::iter::once(Handle::current()).chain(others.iter().map(|other| other.runtime.clone()));
        let threads = runtimes.map(|runtime| (runtime.clone(), own(&runtime))).collect();
        Ok(Threads { threads, given: AtomicUsize::new(0), _others: others })
    }

    /// The thread that gets the next connection: they take turns.
    pub(crate) fn next(&self) -> &(Handle, T) {
        &self.threads[self.given.fetch_add(1, Ordering::Relaxed) % self.threads.len()]
    }

    /// The thread that started the others.
    pub(crate) fn this(&self) -> &(Handle, T) {
        &self.threads[0]
    }
}

impl Thread {
    pub(crate) fn start(name: String) -> io::Result<Thread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            // An error means that the sender was dropped: that is the end, too.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Thread { runtime: handle, end: Some(end), thread: Some(thread) })
    }

    /// Where its tasks are spawned.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread that panicked has reported it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
