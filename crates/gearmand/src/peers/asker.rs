//! A peer is asked for a job.
//!
//! Owns the question and its answer. Must never know how the connection was come by.
//!
//! Invariant: a job is taken only for a worker that is idle when its peer is asked, and for one that is when it comes where that took
//! long.

use crate::peers::counts::Counts;
use crate::peers::forward::{Here, Taken};
use crate::peers::offers::{Asked, Offers};
use crate::peers::proxy::{Job, Proxy};
use crate::seldom::Seldom;
use gearman_core::Result;
use gearman_core::protocol::message::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// So long workers are kept for a peer that was asked for a job and does not answer.
const HOLD: Duration = Duration::from_secs(1);
/// How often it is logged that a peer refuses something.
const REFUSED: Duration = Duration::from_secs(60);

/// See the module; for one connection at a time.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) counts: Arc<Counts>,
    pub(crate) here: Here,
    pub(crate) offers: Offers,
    refused: Seldom,
    begin: Instant,
}

/// What came of a question.
#[derive(Debug)]
pub(crate) enum Answer {
    Job(Box<Taken>),
    /// The peer has none, or there is no room for one here.
    None,
    /// Nobody is idle: it was not asked.
    Unasked,
}

impl Asker {
    pub(crate) fn new(counts: Arc<Counts>, here: Here, offers: Offers) -> Asker {
        Asker { counts, here, offers, refused: Seldom::every(REFUSED), begin: Instant::now() }
    }

    /// Asks for a job of those of these functions for which workers are idle.
    ///
    /// # Errors
    /// Where the connection is of no more use.
    pub(crate) async fn ask(&mut self, proxy: &mut Proxy, functions: &[Arc<[u8]>]) -> Result<Answer> {
        let Some((asked, idle)) = self.offers.ask(functions) else { return Ok(Answer::Unasked) };
        // The error was logged.
        let Ok(local) = self.here.local().await else { return Ok(Answer::None) };
        proxy.announce(&idle);
        proxy.grab();
        match self.answer(proxy, asked).await {
            Ok(Some((job, asked))) => {
                self.counts.take();
                Ok(Answer::Job(Box::new(Taken { job, asked, local })))
            }
            none => {
                self.here.keep(local);
                none.map(|_| Answer::None)
            }
        }
    }

    async fn answer(&mut self, proxy: &mut Proxy, asked: Asked) -> Result<Option<(Job, Asked)>> {
        let (mut asked, until) = (Some(asked), Instant::now() + HOLD);
        loop {
            let next = match &asked {
                Some(_) => match timeout_at(until, proxy.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        asked = None;
                        continue;
                    }
                },
                None => proxy.next().await,
            };
            let Some(packet) = next? else { continue };
            if let Some(job) = proxy.job(&packet)? {
                let function = [Arc::from(&job.function[..])];
                let asked = asked.or_else(|| Some(self.offers.ask(&function)?.0));
                let late = || proxy.wrong("a job that comes too late: nobody is idle for it any more");
                return Ok(Some((job, asked.ok_or_else(late)?)));
            }
            match proxy.response(&packet)? {
                Response::NoJob => return Ok(None),
                other => self.noted(&other),
            }
        }
    }

    /// What a peer says beside answers.
    pub(crate) fn noted(&mut self, response: &Response<'_>) {
        let Response::Error { code, text } = response else { return };
        if *code == b"UNKNOWN_OPTION" {
            return;
        }
        if let Some(omitted) = self.refused.happened(self.begin.elapsed()) {
            let (code, text) = (code.escape_ascii(), text.escape_ascii());
            tracing::warn!("peer {}: it refuses: {text} ({code}){omitted}", self.counts.peer);
        }
    }
}
