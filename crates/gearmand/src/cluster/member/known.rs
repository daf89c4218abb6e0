//! What a broker has to know before it may act under an epoch: the settings of all servers, then its lease, and whether it is the
//! eldest.
//!
//! Knows nothing of what settings mean, but which of them only the eldest makes. What always holds:
//!
//! - Of an epoch, settings are told first; nothing is owned under it before the broker has obeyed them.
//! - Settings that are told have all changes that the broker made before, wherever these are on their way; but for those that are
//!   still on their way to here.
//! - Whoever is the eldest is told so after settings that were read when it was: they have all that the one before did.

use super::{Aside, Member, Told, Wrong};
use crate::cluster::ask::{AllSettings, Ask, Epoch, Settle};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often settings are looked at that nobody told of.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon, after a failure.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Of the settings that the broker was told in this epoch.
    version: Option<u64>,
    /// The broker has obeyed the first of them.
    open: bool,
    /// When they are asked for.
    next: Duration,
    /// Changes of ours were made since they were asked for: the answer may be from before.
    stale: bool,
    eldest: Eldest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Eldest {
    #[default]
    No,
    /// The broker does not know it yet.
    Untold,
    Told,
}

impl Known {
    /// May rows be owned?
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The broker has obeyed settings. True: since then rows may be owned.
    pub(super) fn obey(&mut self, version: u64) -> bool {
        self.version == Some(version) && !std::mem::replace(&mut self.open, true)
    }

    /// There may be others.
    pub(super) fn hint(&mut self) {
        self.next = Duration::ZERO;
    }

    /// A change of ours was made.
    pub(super) fn changed(&mut self) {
        self.stale = true;
    }
}

impl Member {
    /// A new epoch.
    pub(super) fn begin_known(&mut self, now: Duration) {
        self.known = Known { next: now, open: self.is_wrong(Wrong::NoAgreement), ..Known::default() };
    }

    /// The epoch is lost.
    pub(super) fn lose_known(&mut self) {
        self.known.open = false;
        self.tell_lease();
        if !self.is_wrong(Wrong::StaysEldest) {
            self.is_no_eldest();
        }
        self.known.version = None;
    }

    /// The broker learns until when it may hand out, if it may at all.
    pub(super) fn tell_lease(&mut self) {
        if self.known.version.is_some() {
            self.told.push_back(Told::Lease(self.lease));
        }
    }

    pub(super) fn is_eldest(&mut self, now: Duration) {
        if self.known.eldest == Eldest::No && !self.leaving {
            (self.known.eldest, self.known.next) = (Eldest::Untold, now);
        }
    }

    pub(super) fn is_no_eldest(&mut self) {
        if std::mem::take(&mut self.known.eldest) == Eldest::Told {
            self.told.push_back(Told::Eldest(false));
        }
    }

    fn tell_eldest(&mut self) {
        self.known.eldest = Eldest::Told;
        self.told.push_back(Told::Eldest(true));
    }

    /// Asks for settings where it is time. When there may be more to ask.
    pub(super) fn advance_known(&mut self, now: Duration) -> Option<Duration> {
        let epoch = self.lease.epoch()?;
        if self.aside.values().any(|(asked, _)| matches!(asked, Aside::Settings { epoch: of, .. } if *of == epoch)) {
            return None;
        }
        if now >= self.known.next {
            (self.known.next, self.known.stale) = (now + LOOK_EVERY, false);
            let eldest = self.known.eldest != Eldest::No;
            self.ask_aside(now, Aside::Settings { epoch, eldest }, Ask::Settings { known: self.known.version });
            return None;
        }
        Some(self.known.next)
    }

    /// `None`: they could not be read. `eldest`: it was known then that this is the eldest.
    pub(super) fn answer_settings(
        &mut self,
        now: Duration,
        epoch: Epoch,
        eldest: bool,
        answer: Option<Option<AllSettings>>,
    ) {
        if self.lease.epoch() != Some(epoch) {
            return;
        }
        let Some(settings) = answer else {
            self.known.next = self.known.next.min(now + LOOK_AGAIN);
            return;
        };
        if std::mem::take(&mut self.known.stale) && !self.is_wrong(Wrong::SettingsGoBack) {
            self.known.next = now;
            return;
        }
        if let Some(AllSettings { version, all }) = settings {
            let first = self.known.version.replace(version).is_none();
            let all = self.with_changes(all);
            self.told.push_back(Told::Settings { version, batch: self.pushed, all });
            if first {
                self.tell_lease();
            }
        }
        match self.known.eldest {
            Eldest::Untold if eldest => self.tell_eldest(),
            Eldest::Untold => self.known.next = now,
            Eldest::No | Eldest::Told => {}
        }
    }

    /// Settings with the changes of the broker that are not made yet.
    fn with_changes(&self, all: Vec<(Bytes, Bytes)>) -> Vec<(Bytes, Bytes)> {
        let mut all: BTreeMap<_, _> = all.into_iter().collect();
        let changes = self.serial.settles(self.lease.epoch()).chain(self.changes.settles());
        for change in changes.filter(|_| !self.is_wrong(Wrong::SettingsGoBack)) {
            match change {
                Settle::Set(key, value) => drop(all.insert(key.clone(), value.clone())),
                Settle::Unset(key) => drop(all.remove(key)),
                _ => {}
            }
        }
        all.into_iter().collect()
    }
}
