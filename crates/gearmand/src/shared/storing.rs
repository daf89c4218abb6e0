//! What the state and its durable queue tell each other, whether it is this server's alone or shared.

use crate::admin::dead;
use crate::broker::retries::NotRetried;
use crate::cluster::ask::Settled;
use crate::cluster::member::Told;
use crate::cluster::said::Said;
use crate::durable::Durable;
use crate::durable::batch::{BatchResult, Stats};
use crate::outgoing::Answer;
use crate::shared::State;
use tokio::sync::oneshot;

impl State {
    /// What a round changed goes to the durable queue, or to the one that is shared.
    pub(super) fn store_batch(&mut self) {
        if self.link.is_some() {
            return self.tell_link();
        }
        while let Some(mut batch) = self.broker.take_changes() {
            let number = batch.number;
            batch.last = self.stopping && self.config.durable == Durable::AtEnd;
            if !self.writer.as_ref().is_some_and(|writer| writer.send(batch)) {
                self.refuse_batch(number);
            }
        }
    }

    /// Nobody is there who could store it.
    fn refuse_batch(&mut self, number: u64) {
        tracing::error!("the thread of the durable queue is gone: jobs are refused");
        let failing_since = self.stored.failing_since.or_else(|| Some(std::time::Instant::now()));
        let stats = Stats { failing_since, ..self.stored };
        self.settle(BatchResult { batch: number, stats, ..BatchResult::default() });
    }

    /// What this round did goes to the shared queue.
    fn tell_link(&mut self) {
        let (mut said, batch) = (self.broker.take_said(&self.now), self.broker.take_changes());
        let number = batch.as_ref().map(|batch| batch.number);
        said.extend(batch.map(Said::Batch));
        let heard = said.is_empty() || self.link.as_ref().is_some_and(|link| link.say(said));
        if let Some(number) = number.filter(|_| !heard) {
            self.refuse_batch(number);
        }
    }

    /// No more jobs are taken, and none handed out.
    pub(crate) fn drain(&mut self) {
        if self.broker.drain() && self.link.is_some() {
            self.broker.give_all_back(&mut self.outgoing);
        }
    }

    /// The server stops: other servers get what it has of the shared queue.
    pub(crate) fn leave_cluster(&mut self) {
        if self.link.is_some() {
            self.broker.leave_cluster(&mut self.outgoing);
        }
    }

    /// A dead letter is to be a job again. Where servers share a queue, that says whether it is: what it said is there when the batch
    /// is settled, unless it does not answer.
    ///
    /// # Errors
    /// Those of [`Broker::retry_dead`](crate::broker::Broker::retry_dead).
    pub(crate) fn retry_dead(&mut self, handle: &[u8]) -> Result<Option<oneshot::Receiver<Settled>>, NotRetried> {
        let now = self.read_clock();
        self.broker.retry_dead(&now, handle)?;
        let Some(number) = self.broker.number_of(handle).filter(|_| self.link.is_some()) else { return Ok(None) };
        let (asks, said) = oneshot::channel();
        self.revivals.retain(|(_, asks)| !asks.is_closed());
        self.revivals.push((number, asks));
        Ok(Some(said))
    }

    /// What the shared queue tells.
    pub(crate) fn told(&mut self, told: Vec<Told>) {
        let now = self.read_clock();
        for told in told {
            match told {
                Told::Result(result) => self.settle(result),
                Told::Revived { id, outcome } => {
                    if let Settled::Exists(same) = outcome {
                        let refused = dead::key_taken(&self.broker.handle_of(same));
                        self.outgoing.replace_bytes(Answer::Revived(id), None, refused);
                    }
                    for (_, asks) in self.revivals.extract_if(.., |(number, _)| *number == id) {
                        // The error is that nobody waits any more.
                        let _ = asks.send(outcome);
                    }
                    self.broker.told(&now, told, &mut self.outgoing);
                }
                told => self.broker.told(&now, told, &mut self.outgoing),
            }
        }
    }

    /// What became of a batch of changes.
    pub(crate) fn settle(&mut self, result: BatchResult) {
        if self.stopping && !result.added && self.config.durable == Durable::AtEnd {
            self.lost += self.broker.storing();
        }
        self.lost += result.lost;
        self.stored = result.stats;
        self.settled.send_replace(result.batch);
        let now = self.read_clock();
        self.broker.settle(&now, result, &mut self.outgoing);
    }
}
