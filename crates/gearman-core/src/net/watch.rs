//! What an event loop of somebody else's watches: one descriptor, which is ready to be read as long as there is something to do.
//!
//! Owns an epoll set and the timer in it. Streams put their sockets into the set and take them out. Must never know what there
//! is to do. Invariants: it is the same descriptor for as long as it lives, whatever becomes of connections; nothing can be read
//! from it; a socket is in the set only while something is waited for there, since it would else keep the set ready for good.
//!
//! It belongs to the process that made it. A fork shares set and timer, so any other process leaves both alone.

use crate::net::fork::Process;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a loop watches for a client or a worker, once one has asked for it.
#[derive(Debug, Default)]
pub struct Watch(Option<Watched>);

impl Watch {
    /// A duplicate of its descriptor, for the loop. It is ready when it is made.
    ///
    /// # Errors
    /// The system's.
    pub fn descriptor(&mut self) -> io::Result<OwnedFd> {
        if self.ours().is_none() {
            self.0 = Some(Watched::new()?);
        }
        self.0.as_ref().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |watched| watched.set.0.0.try_clone())
    }

    /// Is there one, of this process?
    pub fn is_made(&self) -> bool {
        self.0.as_ref().is_some_and(Watched::is_ours)
    }

    /// There is something to do now.
    pub fn rouse(&mut self) {
        if let Some(watched) = self.ours() {
            watched.ready_at(Some(Instant::now()));
        }
    }

    /// There is something to do from that moment on, whatever sockets do.
    pub(crate) fn ready_at(&mut self, due: Option<Instant>) {
        if let Some(watched) = self.ours() {
            watched.ready_at(due);
        }
    }

    /// Where its sockets go, if it is made.
    pub(crate) fn set(&mut self) -> Option<&Set> {
        self.ours().map(|watched| &watched.set)
    }

    fn ours(&mut self) -> Option<&mut Watched> {
        self.0.as_mut().filter(|watched| watched.is_ours())
    }
}

/// Sockets of a client or a worker, and a moment.
#[derive(Debug)]
struct Watched {
    set: Set,
    timer: TimerFd,
    /// When it is ready though no socket is.
    due: Option<Instant>,
    process: Process,
}

impl Watched {
    fn new() -> io::Result<Watched> {
        let epoll = above_stdio(|| Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map(|epoll| epoll.0))?;
        let set = Set(Arc::new(Epoll(epoll)));
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = above_stdio(|| TimerFd::new(ClockId::CLOCK_MONOTONIC, flags))?;
        set.0.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let mut watched = Watched { set, timer, due: None, process: Process::this() };
        watched.ready_at(Some(Instant::now()));
        Ok(watched)
    }

    fn is_ours(&self) -> bool {
        self.process == Process::this()
    }

    fn ready_at(&mut self, due: Option<Instant>) {
        let now = Instant::now();
        let is_past = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        if self.due == due || is_past(self.due) && is_past(due) {
            return;
        }
        // Fails for no timer but one that was made wrong.
        let _ = match due {
            None => self.timer.unset(),
            Some(due) => {
                let left = due.saturating_duration_since(now).max(Duration::from_nanos(1)); // zero would stop it
                self.timer.set(Expiration::OneShot(TimeSpec::from_duration(left)), TimerSetTimeFlags::empty())
            }
        };
        self.due = due;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.is_ours() {
            // A fork may have a copy of the timer, and the loop still has one of the set. Not there: then it is as it should be.
            let _ = self.set.0.delete(&self.timer);
        }
    }
}

/// The epoll set of a [`Watch`].
#[derive(Clone, Debug)]
pub(crate) struct Set(Arc<Epoll>);

/// A socket's place in it.
#[derive(Debug)]
pub(crate) struct Place {
    set: Set,
    wants: Wants,
}

/// What is waited for at a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// That something can be read.
    pub(crate) read: bool,
    /// That something can be written.
    pub(crate) write: bool,
}

impl Wants {
    fn event(self) -> EpollEvent {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, self.read);
        flags.set(EpollFlags::EPOLLOUT, self.write);
        EpollEvent::new(flags, 0)
    }
}

impl Set {
    /// The place of `socket`, which has `place` so far, where this is waited for there.
    pub(crate) fn put(&self, socket: impl AsFd, place: Option<Place>, wants: Wants) -> io::Result<Option<Place>> {
        match place {
            _ if wants == Wants::default() => {
                if let Some(place) = place {
                    place.leave(socket);
                }
                return Ok(None);
            }
            Some(place) if place.wants == wants => return Ok(Some(place)),
            Some(_) => self.0.modify(socket, &mut wants.event())?,
            None => self.0.add(socket, wants.event())?,
        }
        Ok(Some(Place { set: self.clone(), wants }))
    }
}

impl Place {
    /// To be called before the socket is closed: it would stay in the set for as long as a fork has a copy of it.
    pub(crate) fn leave(self, socket: impl AsFd) {
        // Not there: then it is as it should be.
        let _ = self.set.0.delete(socket);
    }
}

/// In a process without standard descriptors the first ones would become those.
fn above_stdio<T: AsFd>(make: impl Fn() -> nix::Result<T>) -> io::Result<T> {
    let mut low = Vec::new();
    loop {
        let made = make()?;
        if made.as_fd().as_raw_fd() > libc::STDERR_FILENO {
            return Ok(made);
        }
        low.push(made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    const READ: Wants = Wants { read: true, write: false };

    fn is_ready(watch: &mut Watch, within: Duration) -> bool {
        let descriptor = watch.descriptor().unwrap();
        let timeout = PollTimeout::try_from(within).unwrap();
        poll(&mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 1
    }

    fn resting() -> Watch {
        let mut watch = Watch::default();
        assert!(is_ready(&mut watch, Duration::ZERO));
        watch.ready_at(None);
        watch
    }

    #[test]
    fn it_is_ready_at_once_and_when_its_time_has_come() {
        let mut watch = Watch::default();
        assert!(is_ready(&mut watch, Duration::ZERO));
        watch.ready_at(None);
        assert!(!is_ready(&mut watch, Duration::ZERO));
        watch.ready_at(Some(Instant::now() + Duration::from_millis(5)));
        assert!(!is_ready(&mut watch, Duration::ZERO));
        assert!(is_ready(&mut watch, Duration::from_secs(10)) && is_ready(&mut watch, Duration::ZERO));
        watch.rouse();
        assert!(is_ready(&mut watch, Duration::ZERO));
        watch.ready_at(Some(Instant::now() + Duration::from_secs(100)));
        assert!(!is_ready(&mut watch, Duration::ZERO));
    }

    #[test]
    fn a_socket_makes_it_ready_for_as_long_as_there_is_something_to_read() {
        let mut watch = resting();
        let (mut ours, mut other) = UnixStream::pair().unwrap();
        let place = watch.set().unwrap().put(&ours, None, READ).unwrap();
        assert!(!is_ready(&mut watch, Duration::ZERO));
        other.write_all(b"ab").unwrap();
        assert!(is_ready(&mut watch, Duration::ZERO) && is_ready(&mut watch, Duration::ZERO));
        ours.read_exact(&mut [0]).unwrap();
        assert!(is_ready(&mut watch, Duration::ZERO));
        ours.read_exact(&mut [0]).unwrap();
        assert!(!is_ready(&mut watch, Duration::ZERO));
        let place = watch.set().unwrap().put(&ours, place, Wants { read: false, write: true }).unwrap();
        assert!(is_ready(&mut watch, Duration::ZERO));
        assert!(watch.set().unwrap().put(&ours, place, Wants::default()).unwrap().is_none());
        drop(other);
        assert!(!is_ready(&mut watch, Duration::ZERO));
    }

    #[test]
    fn a_socket_that_somebody_has_a_copy_of_leaves_it_too() {
        let mut watch = resting();
        let (ours, other) = UnixStream::pair().unwrap();
        let place = watch.set().unwrap().put(&ours, None, READ).unwrap();
        let _copy = ours.try_clone().unwrap();
        drop(other);
        assert!(is_ready(&mut watch, Duration::ZERO));
        place.unwrap().leave(&ours);
        assert!(!is_ready(&mut watch, Duration::ZERO));
    }

    #[test]
    fn who_still_watches_what_is_gone_is_told_nothing() {
        let mut watch = Watch::default();
        let descriptor = watch.descriptor().unwrap();
        drop(watch);
        let mut watched = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut watched, PollTimeout::ZERO).unwrap(), 0);
    }
}
