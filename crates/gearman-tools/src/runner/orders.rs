//! What others ask of the one who supervises: over the socket, over HTTP, by changed files.
//!
//! Owns the way there. Must never know who asks.

use crate::runner::status::Status;
use tokio::sync::{mpsc, oneshot};

/// Where the answer to an order goes: what was done, or why it was not.
pub type Answer = oneshot::Sender<Result<String, String>>;

/// What is asked, and where the answer goes.
#[derive(Debug)]
pub enum Order {
    /// What there is to be seen.
    Status(oneshot::Sender<Status>),
    /// The file is read again.
    Reload(Answer),
    /// All processes of a group are replaced.
    Restart(String, Answer),
    /// All end.
    Stop(Answer),
    /// Files of a group have changed.
    Changed(String),
}

/// Whom to ask. Clones ask the same.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// And who is asked.
    pub fn new() -> (Orders, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(16);
        (Orders(sender), receiver)
    }

    /// Asks, and waits for the answer; `None`: there is nobody any more.
    pub async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.0.send(order(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Tells. False: there is nobody any more.
    pub async fn tell(&self, order: Order) -> bool {
        self.0.send(order).await.is_ok()
    }
}
