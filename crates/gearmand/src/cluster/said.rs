//! What a broker tells the part of its server in a shared queue.

use crate::cluster::ask::{Ask, Limit};
use crate::cluster::member::Member;
use crate::durable::batch::Batch;
use bytes::Bytes;
use std::time::Duration;

/// In the order in which it happened. What is said of a job comes before the batch with what became of it.
#[derive(Debug)]
pub(crate) enum Said {
    /// Changes of the queue.
    Batch(Batch),
    /// See [`Member::begin`].
    Begin {
        /// Which job.
        id: u64,
        /// Its function.
        function: Bytes,
    },
    /// See [`Member::wait`].
    Wait(u64),
    /// See [`Member::give_back`].
    GiveBack(u64),
    /// See [`Member::demand`].
    Demand {
        /// Of which.
        function: Bytes,
        /// How many workers can run it.
        able: u32,
        /// How many of them have nothing to do.
        idle: u32,
    },
    /// Something is to be known that no lease is needed for. It is answered before the next batch.
    Ask {
        /// Its number, in which the answer comes.
        question: u64,
        /// What.
        ask: Ask,
    },
    /// See [`Member::progress`].
    Progress {
        /// Which job.
        id: u64,
        /// Of the denominator.
        numerator: u32,
        /// What is all of it.
        denominator: u32,
    },
    /// See [`Member::limit`].
    Limit {
        /// Of which function.
        function: Bytes,
        /// What; `None`: nothing.
        limit: Option<Limit>,
    },
    /// See [`Member::obey`].
    Obey(u64),
    /// See [`Member::agree`].
    Agree,
    /// See [`Member::want_ids`].
    WantIds,
    /// See [`Member::leave`].
    Leave,
}

impl Member {
    /// Takes in what the broker says.
    pub(crate) fn hear(&mut self, now: Duration, said: &Said) {
        match said {
            Said::Batch(batch) => self.push(batch),
            Said::Begin { id, function } => self.begin(now, *id, function),
            Said::Wait(id) => self.wait(*id),
            Said::GiveBack(id) => self.give_back(*id),
            Said::Demand { function, able, idle } => self.demand(function, *able, *idle),
            // The store is asked.
            Said::Ask { .. } => {}
            Said::Progress { id, numerator, denominator } => self.progress(*id, *numerator, *denominator),
            Said::Limit { function, limit } => self.limit(function, *limit),
            Said::Obey(version) => self.obey(*version),
            Said::Agree => self.agree(),
            Said::WantIds => self.want_ids(),
            Said::Leave => self.leave(),
        }
    }
}
