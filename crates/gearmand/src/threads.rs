//! The threads that connections are spread over. Each has a runtime of its own: reading, writing and waiting
//! for sockets go on side by side, what is between them has the state's lock. No state here.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread that started the others, and those.
#[derive(Debug)]
pub(crate) struct Threads {
    this: Handle,
    others: Vec<Thread>,
    given: AtomicUsize,
}

/// A thread that serves until its `Thread` is dropped.
#[derive(Debug)]
struct Thread {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// So many threads, with the one that calls this; in a tokio runtime.
    pub(crate) fn start(count: usize) -> io::Result<Threads> {
        let others =
            (1..count).map(|number| Thread::start(format!("connections-{number}"))).collect::<Result<_, _>>()?;
        Ok(Threads { this: Handle::current(), others, given: AtomicUsize::new(0) })
    }

    /// Who gets the next connection: they take turns.
    pub(crate) fn next(&self) -> &Handle {
        let given = self.given.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        given.checked_sub(1).map_or(&self.this, |other| &self.others[other].runtime)
    }

    /// Is this the thread that started the others?
    pub(crate) fn is_this(&self, runtime: &Handle) -> bool {
        runtime.id() == self.this.id()
    }
}

impl Thread {
    fn start(name: String) -> io::Result<Thread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            // An error means that the sender was dropped: that is the end, too.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Thread { runtime: handle, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread that panicked said so itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
