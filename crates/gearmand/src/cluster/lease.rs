//! A server's lease of the rows that it owns: until when it may hand jobs out. A pure value, so that who hands out can keep a
//! copy and look at it each time.
//!
//! Must never know what a lease is of. What always holds, as long as clocks differ by less than a fifth in speed: the lease is over
//! before the store may declare its epoch dead. For that it is counted from when a renewal was *sent*, by the server's steady
//! clock: the store got it later.

use crate::cluster::ask::Epoch;
use std::time::Duration;

/// How often it is renewed.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(2);
/// For how long nothing was heard of an epoch that may be declared dead, by the clock of the store.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(10);
/// For how long a server has been heard of, without a gap as long, that may declare others dead. When a store is back that all had
/// lost, each of them has come back by then.
pub(crate) const HEARD_FOR: Duration = Duration::from_secs(5);
/// For how long after a renewal was sent jobs are handed out, by the clock of the server.
pub(crate) const HOLD: Duration = Duration::from_secs(8);

/// See the module. Times are of the server's steady clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    held: Option<(Epoch, Duration)>,
}

impl Lease {
    /// Which epoch is thought to live, whether or not anything may be handed out.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.held.map(|(epoch, _)| epoch)
    }

    /// When the lease ends, or ended.
    pub(crate) fn until(&self) -> Option<Duration> {
        self.held.map(|(_, until)| until)
    }

    /// May jobs be handed out now?
    pub(crate) fn holds(&self, now: Duration) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    /// A new epoch, asked for at `sent`.
    pub(crate) fn begin(&mut self, epoch: Epoch, sent: Duration) {
        self.held = Some((epoch, sent + HOLD));
    }

    /// An epoch lives, as was asked at `sent`. What was asked of another says nothing of this one.
    pub(crate) fn renew(&mut self, epoch: Epoch, sent: Duration) {
        if let Some((held, until)) = &mut self.held
            && *held == epoch
        {
            *until = (*until).max(sent + HOLD);
        }
    }
}
