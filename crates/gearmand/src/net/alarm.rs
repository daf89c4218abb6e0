//! A timer for short waits. The runtime waits for sockets with a timeout, and for that the system sets a timer and takes
//! it back at each look at them, thousands of times a second: as long as one is near, that costs a tenth of what a
//! job costs. This one is set once, and goes off once.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longer waits are the runtime's.
const SHORT: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: Option<system::Timer>,
    /// What it is set for.
    set: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new() -> Alarm {
        Alarm { timer: system::timer(), set: None }
    }

    /// Waits until then, more or less: whoever waits looks at the clock.
    pub(crate) async fn until(&mut self, when: Instant) {
        let left = when.saturating_duration_since(Instant::now());
        match &self.timer {
            Some(timer) if left < SHORT => {
                // Dropped while it waited, it is still set.
                if self.set != Some(when) && !system::set(timer, left) {
                    return sleep_until(when).await;
                }
                self.set = Some(when);
                system::gone_off(timer).await;
                self.set = None;
            }
            _ => sleep_until(when).await,
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    pub(super) type Timer = AsyncFd<Descriptor>;

    #[derive(Debug)]
    pub(super) struct Descriptor(TimerFd);

    impl AsRawFd for Descriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    /// `None` where the system has none to give: then the runtime's will do.
    #[expect(deprecated, reason = "what replaces it is unsafe; this descriptor is open as long as its owner lives")]
    pub(super) fn timer() -> Option<Timer> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC).ok()?;
        AsyncFd::with_interest(Descriptor(timer), Interest::READABLE).ok()
    }

    pub(super) fn set(timer: &Timer, left: Duration) -> bool {
        // Zero would switch it off.
        let left = TimeSpec::from_duration(left.max(Duration::from_nanos(1)));
        timer.get_ref().0.set(Expiration::OneShot(left), TimerSetTimeFlags::empty()).is_ok()
    }

    pub(super) async fn gone_off(timer: &Timer) {
        let read = |timer: &Descriptor| timer.0.wait().map_err(io::Error::from);
        // An error is not to be waited for.
        let _ = timer.async_io(Interest::READABLE, read).await;
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) enum Timer {}

    pub(super) fn timer() -> Option<Timer> {
        None
    }

    pub(super) fn set(timer: &Timer, _: Duration) -> bool {
        match *timer {}
    }

    pub(super) async fn gone_off(timer: &Timer) {
        match *timer {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_goes_off_when_it_is_set_for_and_can_be_set_anew() {
        let mut alarm = Alarm::new();
        let begin = Instant::now();
        let later = begin + Duration::from_millis(40);
        // Somebody else is first.
        tokio::select! {
            biased;
            () = alarm.until(later) => panic!("too early"),
            () = tokio::task::yield_now() => {}
        }
        for milliseconds in [3, 3, 0, 60, 10] {
            let when = Instant::now() + Duration::from_millis(milliseconds);
            alarm.until(when).await;
            assert!(Instant::now() >= when, "{milliseconds} ms");
        }
        alarm.until(begin).await;
    }
}
