//! Signals -> whether to go on. SIGTERM and SIGINT stop, SIGUSR1 drains, SIGHUP opens the log anew.

use crate::log::Log;
use crate::notify::notify;
use gearmand::Stop;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Listens in a task of its own. SIGTERM and SIGINT let running jobs end for `patience` first, unless
/// there is a drain already.
pub(crate) fn listen(log: Log, patience: Duration) -> std::io::Result<watch::Receiver<Stop>> {
    let (sender, receiver) = watch::channel(Stop::No);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut drain = signal(SignalKind::user_defined1())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut stop = Stop::No;
        let mut deadline = None;
        while stop != Stop::Now {
            let wish = tokio::select! {
                _ = terminate.recv() => end(stop, patience),
                _ = interrupt.recv() => end(stop, patience),
                _ = drain.recv() => Stop::Drain,
                () = until(deadline) => {
                    tracing::warn!("jobs are still running after {} s: stopping now", patience.as_secs());
                    Stop::Now
                }
                _ = hangup.recv() => {
                    log.reopen();
                    continue;
                }
            };
            if stop == Stop::No {
                notify("STOPPING=1");
                // A drain by SIGUSR1 has no end but that of the last job.
                deadline = Instant::now().checked_add(patience).filter(|_| wish == Stop::Drain);
            }
            stop = wish;
            // The run may have ended.
            let _ = sender.send(stop);
        }
    });
    Ok(receiver)
}

fn end(stop: Stop, patience: Duration) -> Stop {
    if stop == Stop::No && !patience.is_zero() { Stop::Drain } else { Stop::Now }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
