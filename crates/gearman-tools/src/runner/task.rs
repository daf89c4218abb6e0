//! A task of tokio's that ends with whoever has begun it.

use tokio::task::JoinHandle;

/// Runs until it is done, or this is gone.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Begins. Must be called in a tokio runtime.
    pub fn begin(work: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
