//! TLS handshakes under way: so many at most, and what is logged of those that fail. Nothing is read or written here.
//!
//! Whoever connects and then does nothing takes a place, and loses it when all are taken: the oldest goes, first of a
//! network that has more than its share. An honest handshake takes milliseconds, and is over by then.

use crate::net::stream::HandshakeError;
use crate::seldom::Seldom;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A network may have this part of all places before its oldest goes first.
const SHARE: usize = 8;
/// How often each kind of trouble is logged as a warning.
const PAUSE: Duration = Duration::from_secs(10);

/// Those of one server.
#[derive(Debug)]
pub(crate) struct Handshakes {
    most: usize,
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: u64,
    /// By number, so that the first is the oldest.
    under_way: BTreeMap<u64, UnderWay>,
    /// How many of them each network has: see [`network`].
    from: HashMap<Option<IpAddr>, usize>,
    /// There is to be no new connection.
    closed: bool,
    crowded: Seldom,
    plain: Seldom,
    failed: Seldom,
}

#[derive(Debug)]
struct UnderWay {
    /// Its network.
    from: Option<IpAddr>,
    /// Dropped, it ends the handshake.
    _end: oneshot::Sender<()>,
}

/// The place of one handshake, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    of: Arc<Handshakes>,
    ended: oneshot::Receiver<()>,
}

impl Handshakes {
    pub(crate) fn new(most: usize) -> Handshakes {
        let seldom = Seldom::every(PAUSE);
        let state = State {
            next: 0,
            under_way: BTreeMap::new(),
            from: HashMap::new(),
            closed: false,
            crowded: seldom.clone(),
            plain: seldom.clone(),
            failed: seldom,
        };
        Handshakes { most: most.max(1), begin: Instant::now(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more begins; where there are too many, another ends. `None`: there is to be no new connection.
    pub(crate) fn begin(self: &Arc<Handshakes>, from: Option<IpAddr>) -> Option<Place> {
        let from = from.map(network);
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if state.under_way.len() >= self.most {
            state.end_one(self.most / SHARE);
            if let Some(omitted) = state.crowded.happened(self.begin.elapsed()) {
                tracing::warn!(
                    "{} TLS handshakes are under way: for each new one the oldest is dropped{omitted}",
                    self.most
                );
            }
        }
        let (end, ended) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number, UnderWay { from, _end: end });
        *state.from.entry(from).or_default() += 1;
        Some(Place { number, of: self.clone(), ended })
    }

    /// All end, and none begins any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.under_way.clear();
        state.from.clear();
    }

    /// Logs what became of one: as a warning now and then, else as any connection that ends.
    pub(crate) fn failed(&self, error: &HandshakeError, name: &dyn fmt::Display) {
        let (mut state, now) = (self.lock(), self.begin.elapsed());
        let warn = match error {
            // Who only looks whether somebody listens, too.
            HandshakeError::Left => None,
            HandshakeError::Plain => state.plain.happened(now),
            HandshakeError::Failed(_) | HandshakeError::Late(_) => state.failed.happened(now),
        };
        match warn {
            Some(omitted) => tracing::warn!("connection from {name} refused: {error}{omitted}"),
            None => tracing::info!("connection from {name} refused: {error}"),
        }
    }
}

/// What one client may have all addresses of: with IPv4 that is one, with IPv6 a network of 2^64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

impl State {
    /// The oldest of a network that has more than its share; else the oldest of all.
    fn end_one(&mut self, share: usize) {
        let greedy = |way: &UnderWay| self.from.get(&way.from).is_some_and(|n| *n > share);
        let found = self.under_way.iter().find(|(_, way)| greedy(way)).or_else(|| self.under_way.iter().next());
        if let Some(number) = found.map(|(number, _)| *number) {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) -> bool {
        let Some(way) = self.under_way.remove(&number) else { return false };
        if let Some(n) = self.from.get_mut(&way.from) {
            *n -= 1;
            if *n == 0 {
                self.from.remove(&way.from);
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

    /// The handshake is over; whether its place was still there.
    pub(crate) fn leave(self) -> bool {
        self.of.lock().remove(self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn the_oldest_goes_and_first_of_an_address_with_more_than_its_share() {
        let handshakes = Arc::new(Handshakes::new(16));
        let honest = handshakes.begin(ip(1)).unwrap();
        let flood: Vec<_> = (0..100).map(|_| handshakes.begin(ip(2)).unwrap()).collect();
        assert_eq!(handshakes.lock().under_way.len(), 16);
        assert!(honest.leave());
        let lasted: Vec<bool> = flood.into_iter().map(Place::leave).collect();
        assert_eq!(lasted, [vec![false; 85], vec![true; 15]].concat());
        let many: Vec<_> = (0..20).map(|i| handshakes.begin(ip(i)).unwrap()).collect();
        assert_eq!(many.into_iter().filter_map(|place| place.leave().then_some(())).count(), 16);
        let state = handshakes.lock();
        assert!(state.under_way.is_empty() && state.from.is_empty());
    }

    /// With an address of its own for each handshake a flood had no more than its share, and the oldest of all went: an
    /// honest one of another network.
    #[test]
    fn the_addresses_of_a_network_are_one_to_it() {
        let handshakes = Arc::new(Handshakes::new(16));
        let v6 = |network: u16, host: u16| Some([0x2001, 0xdb8, 0, network, 0, 0, 0, host].into());
        let honest = handshakes.begin(v6(1, 1)).unwrap();
        let flood: Vec<_> = (0..100).map(|host| handshakes.begin(v6(2, host)).unwrap()).collect();
        assert!(honest.leave());
        assert_eq!(flood.into_iter().filter_map(|place| place.leave().then_some(())).count(), 15);
        assert!(handshakes.lock().from.is_empty());
    }

    #[tokio::test]
    async fn at_the_end_all_are_lost() {
        let handshakes = Arc::new(Handshakes::new(16));
        let mut place = handshakes.begin(None).unwrap();
        handshakes.close();
        place.lost().await;
        assert!(!place.leave() && handshakes.begin(None).is_none());
    }
}
