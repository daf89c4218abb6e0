//! Connections of the HTTP side: so many at most, and which of them ends for a new one. Nothing is read or written here.
//!
//! Whoever connects and then asks for nothing takes a place, and loses it when all are taken: the one that has been idle for
//! longest goes, first of a network that has more than its share. An honest request comes within milliseconds. One that is
//! being answered stays, unless its network has more than its share and the new one is of another.

use crate::net::handshakes::network;
use crate::seldom::Seldom;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A network may have this part of all places before its own go first.
const SHARE: usize = 8;
/// How often it is logged that there are too many.
const PAUSE: Duration = Duration::from_secs(10);

/// Those of one server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: u64,
    taken: BTreeMap<u64, Taken>,
    /// The idle ones, by a count that goes on: the first is idle for longest.
    idle: BTreeMap<u64, u64>,
    /// How many of them each network has: see [`network`].
    from: HashMap<Option<IpAddr>, usize>,
    crowded: Seldom,
}

#[derive(Debug)]
struct Taken {
    /// Its network.
    from: Option<IpAddr>,
    /// Where it is among the idle ones; `None`: it is being answered.
    idle: Option<u64>,
    /// Dropped, it ends the connection.
    _end: oneshot::Sender<()>,
}

/// The place of one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    seat: Arc<Seat>,
    ended: oneshot::Receiver<()>,
}

/// What a request knows of the place of its connection.
#[derive(Debug)]
pub(crate) struct Seat {
    number: u64,
    of: Arc<Places>,
}

/// A request is being answered: until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Seat>);

impl Places {
    pub(crate) fn new(most: usize) -> Places {
        let crowded = Seldom::every(PAUSE);
        let state = State { next: 0, taken: BTreeMap::new(), idle: BTreeMap::new(), from: HashMap::new(), crowded };
        Places { most: most.max(1), begin: Instant::now(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more; where there are too many, another ends. `None`: all are being answered, and it is one too many itself.
    pub(crate) fn enter(self: &Arc<Places>, from: Option<IpAddr>) -> Option<Place> {
        let from = from.map(network);
        let mut state = self.lock();
        if state.taken.len() >= self.most {
            let room = state.end_one(self.most / SHARE, from);
            if let Some(omitted) = state.crowded.happened(self.begin.elapsed()) {
                let what =
                    if room { "for each new one the one that is idle for longest ends" } else { "no more come in" };
                tracing::warn!("HTTP: there are {} connections: {what}{omitted}", self.most);
            }
            if !room {
                return None;
            }
        }
        let (end, ended) = oneshot::channel();
        let number = state.count();
        state.idle.insert(number, number);
        state.taken.insert(number, Taken { from, idle: Some(number), _end: end });
        *state.from.entry(from).or_default() += 1;
        Some(Place { seat: Arc::new(Seat { number, of: self.clone() }), ended })
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Ends one for a new one of this network. Whether there is one that may be ended.
    fn end_one(&mut self, share: usize, new: Option<IpAddr>) -> bool {
        let greedy = |taken: &Taken| self.from.get(&taken.from).is_some_and(|n| *n > share);
        let of_greedy = |number: &&u64| self.taken.get(*number).is_some_and(greedy);
        let idle = self.idle.values().find(of_greedy).or_else(|| self.idle.values().next()).copied();
        let busy =
            || self.taken.iter().find(|(_, taken)| greedy(taken) && taken.from != new).map(|(number, _)| *number);
        idle.or_else(busy).is_some_and(|number| self.remove(number))
    }

    fn remove(&mut self, number: u64) -> bool {
        let Some(taken) = self.taken.remove(&number) else { return false };
        taken.idle.and_then(|since| self.idle.remove(&since));
        if let Some(n) = self.from.get_mut(&taken.from) {
            *n -= 1;
            if *n == 0 {
                self.from.remove(&taken.from);
            }
        }
        true
    }
}

impl Place {
    /// Waits until it is lost.
    pub(crate) async fn lost(&mut self) {
        // Nobody sends.
        let _ = (&mut self.ended).await;
    }

    /// For its requests.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        self.seat.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seat.of.lock().remove(self.seat.number);
    }
}

impl Seat {
    /// A request has come.
    pub(crate) fn busy(self: &Arc<Seat>) -> Busy {
        let mut state = self.of.lock();
        if let Some(since) = state.taken.get_mut(&self.number).and_then(|taken| taken.idle.take()) {
            state.idle.remove(&since);
        }
        Busy(self.clone())
    }
}

impl Busy {
    /// Whether its connection has not lost its place.
    pub(crate) fn is_there(&self) -> bool {
        self.0.of.lock().taken.contains_key(&self.0.number)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let (mut state, number) = (self.0.of.lock(), self.0.number);
        let now = state.count();
        if let Some(taken) = state.taken.get_mut(&number) {
            taken.idle = Some(now);
            state.idle.insert(now, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    fn is_lost(place: &mut Place) -> bool {
        place.ended.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_one_that_is_idle_for_longest_goes_and_first_of_a_network_with_more_than_its_share() {
        let places = Arc::new(Places::new(16));
        let mut honest = places.enter(ip(1)).unwrap();
        let mut flood: Vec<_> = (0..100).map(|_| places.enter(ip(2)).unwrap()).collect();
        assert_eq!(places.lock().taken.len(), 16);
        assert!(!is_lost(&mut honest));
        let lost: Vec<bool> = flood.iter_mut().map(is_lost).collect();
        assert_eq!(lost, [vec![true; 85], vec![false; 15]].concat());
        drop((flood, honest));
        let state = places.lock();
        assert!(state.taken.is_empty() && state.from.is_empty() && state.idle.is_empty());
    }

    #[test]
    fn one_that_is_answered_stays_and_is_the_last_to_go_after_it() {
        let places = Arc::new(Places::new(2));
        let (mut first, mut second) = (places.enter(ip(1)).unwrap(), places.enter(ip(1)).unwrap());
        let busy = first.seat().busy();
        let mut third = places.enter(ip(1)).unwrap();
        assert!(is_lost(&mut second) && !is_lost(&mut first));
        drop(busy);
        let mut fourth = places.enter(ip(1)).unwrap();
        assert!(is_lost(&mut third) && !is_lost(&mut first) && !is_lost(&mut fourth));
    }

    #[test]
    fn where_all_are_answered_a_network_with_too_many_makes_room_for_others_alone() {
        let places = Arc::new(Places::new(16));
        let mut all: Vec<_> = (0..16).map(|_| places.enter(ip(1)).unwrap()).collect();
        let _busy: Vec<_> = all.iter().map(|place| place.seat().busy()).collect();
        assert!(places.enter(ip(1)).is_none());
        assert!(!all.iter_mut().any(is_lost));
        let mut other = places.enter(ip(2)).unwrap();
        assert!(is_lost(&mut all[0]) && !is_lost(&mut other));
    }
}
