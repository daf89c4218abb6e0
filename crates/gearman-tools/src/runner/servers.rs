//! All servers, asked at each look. One that is slow keeps nobody waiting for what the others say.
//!
//! Owns when a server is asked. Must never know what its answer is good for. Invariants: a server is asked one thing at a time;
//! what has come of a look is told at once, and no later than the next look begins.

use crate::runner::load::{Load, PATIENCE, Server, silent};
use crate::runner::task::Task;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Who is asked what, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Questions {
    /// Each has a place, by which its answers are told.
    pub servers: Vec<ServerAddress>,
    /// How TLS is spoken with them, where the file says so.
    pub tls: Option<TlsSettings>,
    /// Whether they are asked for what connections have done, too.
    pub connections: bool,
    /// Time from look to look.
    pub every: Duration,
}

/// What has come of a look: places of servers, and what they say.
pub type Look = Vec<(usize, Result<Load, String>)>;

/// Servers that are asked again and again, until this is gone.
#[derive(Debug)]
pub struct Asking {
    questions: Questions,
    looks: mpsc::Receiver<Look>,
    _task: Task,
}

impl Asking {
    /// Begins. Must be called in a tokio runtime.
    pub fn begin(questions: Questions) -> Asking {
        let (sender, looks) = mpsc::channel(1);
        let task = Task::begin(ask(questions.clone(), sender));
        Asking { questions, looks, _task: task }
    }

    /// What is asked.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// What comes of the next look.
    pub async fn next(&mut self) -> Option<Look> {
        self.looks.recv().await
    }
}

async fn ask(questions: Questions, looks: mpsc::Sender<Look>) {
    let Questions { servers, tls, connections, every } = questions;
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let mut idle: Vec<_> = servers.into_iter().map(|server| Server::new(server, tls.clone())).enumerate().collect();
    let mut asked = JoinSet::new();
    // Whose answer is waited for, and since when.
    let mut since = vec![None; names.len()];
    loop {
        let begun = Instant::now();
        let next = begun + every;
        for (place, mut server) in idle.drain(..) {
            since[place] = Some(begun);
            asked.spawn_blocking(move || {
                let said = server.look(connections);
                (place, server, said)
            });
        }
        let mut look = Look::new();
        // Those that were asked earlier are heard, but not waited for.
        let until = |since: &[_]| if since.contains(&Some(begun)) { next.min(begun + PATIENCE) } else { begun };
        while let Ok(Some(answer)) = timeout_at(until(&since), asked.join_next()).await {
            // An error is a panic, which has been told; the server is one that does not answer.
            let Ok((place, server, said)) = answer else { continue };
            since[place] = None;
            idle.push((place, server));
            look.push((place, said));
        }
        for (place, since) in since.iter_mut().enumerate() {
            if since.take_if(|since| since.elapsed() >= PATIENCE).is_some() {
                look.push((place, Err(silent(&names[place]))));
            }
        }
        if !look.is_empty() && looks.send(look).await.is_err() {
            return;
        }
        sleep_until(next).await;
    }
}
