//! Signals -> whether to go on. SIGTERM and SIGINT stop, SIGUSR1 drains, SIGHUP reads files anew; SIGUSR2 and
//! SIGPIPE, which mean nothing here, do nothing. What is done then is not known here.

use crate::process::notify::ServiceManager;
use gearmand::Stop;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Handlers that stand. What comes before [`Signals::follow`] is not lost.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    drain: Signal,
    hangup: Signal,
    /// The runtime of the language ignores SIGPIPE already.
    unused: Signal,
}

impl Signals {
    /// Puts the handlers up: from here on no signal that is ours ends the process by itself. Must be called in a
    /// tokio runtime.
    pub(crate) fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            drain: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
            unused: signal(SignalKind::user_defined2())?,
        })
    }

    /// Ends with the first that ends a server, where nobody follows them yet.
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.drain.recv() => {}
        }
    }

    /// Does what they ask for, in a task of its own, for as long as the runtime lives. SIGTERM and SIGINT let running jobs
    /// end for `patience` first; SIGHUP is `reload`.
    pub(crate) fn follow(
        mut self,
        reload: impl Fn() + Send + 'static,
        manager: ServiceManager,
        patience: Duration,
    ) -> watch::Receiver<Stop> {
        let (sender, receiver) = watch::channel(Stop::No);
        tokio::spawn(async move {
            let mut end = End::new(patience);
            loop {
                let before = end.stop;
                tokio::select! {
                    _ = self.terminate.recv() => end.terminate(Instant::now()),
                    _ = self.interrupt.recv() => end.terminate(Instant::now()),
                    _ = self.drain.recv() => end.drain(),
                    () = until(end.deadline) => {
                        tracing::warn!("jobs are still running after {} s: stopping now", patience.as_secs());
                        end.now();
                    }
                    _ = self.hangup.recv() => manager.reload(&reload),
                    _ = self.unused.recv() => tracing::info!("SIGUSR2 means nothing here"),
                }
                if before == Stop::No && end.stop != Stop::No {
                    manager.stopping();
                }
                // The run may have ended.
                sender.send_if_modified(|stop| std::mem::replace(stop, end.stop) != end.stop);
            }
        });
        receiver
    }
}

/// How far the end has come.
#[derive(Debug)]
struct End {
    /// How long SIGTERM lets jobs run.
    patience: Duration,
    stop: Stop,
    /// SIGTERM has come: the next one ends the patience.
    asked: bool,
    /// When the patience ends; `None`: never, or there is nothing to wait for.
    deadline: Option<Instant>,
}

impl End {
    fn new(patience: Duration) -> End {
        End { patience, stop: Stop::No, asked: false, deadline: None }
    }

    /// SIGTERM: the patience begins, in a drain by SIGUSR1 too; where there is none, or it has begun, it is over.
    fn terminate(&mut self, now: Instant) {
        if self.stop == Stop::Now || self.patience.is_zero() || std::mem::replace(&mut self.asked, true) {
            return self.now();
        }
        self.stop = Stop::Drain;
        self.deadline = now.checked_add(self.patience);
    }

    /// SIGUSR1: waits for running jobs as long as they take, but not longer than a SIGTERM before it allows.
    fn drain(&mut self) {
        if self.stop == Stop::No {
            self.stop = Stop::Drain;
        }
    }

    fn now(&mut self) {
        (self.stop, self.deadline) = (Stop::Now, None);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the signals `T`ERM and `U`SR1 lead to: the state, and whether it has a deadline.
    fn after(signals: &str, patience: u64) -> (Stop, bool) {
        let mut end = End::new(Duration::from_secs(patience));
        for signal in signals.chars() {
            match signal {
                'T' => end.terminate(Instant::now()),
                _ => end.drain(),
            }
        }
        (end.stop, end.deadline.is_some())
    }

    #[test]
    fn only_sigterm_has_a_deadline() {
        for (signals, without, with) in [
            ("U", (Stop::Drain, false), (Stop::Drain, false)),
            ("UU", (Stop::Drain, false), (Stop::Drain, false)),
            ("T", (Stop::Now, false), (Stop::Drain, true)),
            ("TT", (Stop::Now, false), (Stop::Now, false)),
            ("UT", (Stop::Now, false), (Stop::Drain, true)),
            ("UTT", (Stop::Now, false), (Stop::Now, false)),
            ("TU", (Stop::Now, false), (Stop::Drain, true)),
            ("TUT", (Stop::Now, false), (Stop::Now, false)),
        ] {
            assert_eq!(after(signals, 0), without, "{signals}");
            assert_eq!(after(signals, 5), with, "{signals} with a patience");
        }
        // So long a patience has no end.
        assert_eq!(after("T", u64::MAX), (Stop::Drain, false));
        assert_eq!(after("TT", u64::MAX), (Stop::Now, false));
    }
}
