//! The servers, and what happens to them.

use crate::cluster::{Cluster, Mode, Proxy};
use crate::databases::Database;
use crate::process::{Running, ask};
use crate::torture::Moments;
use crate::util::LONG;
use nix::sys::signal::Signal;
use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SERVERS: usize = 3;

/// Names of servers that lost their leases, and when, in microseconds since 1970.
pub(super) const DEATHS: &str =
    "SELECT name, (extract(epoch FROM died) * 1000000)::bigint FROM @.server WHERE died IS NOT NULL";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// kill -9; it is started again.
    Kill,
    /// SIGTERM; it is started again.
    Terminate,
    /// SIGSTOP for less than its lease.
    Stop,
    /// SIGSTOP until it is declared dead, while the rounds go on.
    StopLong,
    /// The database ends without warning, and is started again.
    Restart,
    /// A server's connections to the database end, and come again.
    Cut,
    /// An answer is lost with them.
    CutAnswers,
    /// They end, or stand still, until the server is declared dead.
    CutLong,
}

/// Where a server is to be found now.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) port: u16,
    pub(super) pid: u32,
    /// With each start it has another.
    pub(super) name: String,
}

/// `None`: it is being started.
pub(super) type Places = Arc<Mutex<Vec<Option<Place>>>>;

pub(super) struct Servers<'a> {
    cluster: &'a Cluster,
    proxies: Vec<Proxy>,
    running: Vec<Option<Running>>,
    places: Places,
    starts: u32,
    /// Which is stopped or cut off until it is declared dead.
    away: Option<usize>,
    /// Which were ended by SIGTERM, and when.
    ended: Vec<(String, i64)>,
    log: Arc<Mutex<Vec<String>>>,
}

pub(super) fn micros() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64
}

impl<'a> Servers<'a> {
    pub(super) fn start(cluster: &'a Cluster) -> Servers<'a> {
        let mut servers = Servers {
            cluster,
            proxies: (0..SERVERS).map(|_| cluster.proxy()).collect(),
            running: (0..SERVERS).map(|_| None).collect(),
            places: Arc::new(Mutex::new(vec![None; SERVERS])),
            starts: 0,
            away: None,
            ended: Vec::new(),
            log: Arc::default(),
        };
        (0..SERVERS).for_each(|i| servers.begin(i));
        servers
    }

    pub(super) fn places(&self) -> Places {
        self.places.clone()
    }

    pub(super) fn ended(&self) -> Vec<(String, i64)> {
        self.ended.clone()
    }

    /// The last of what all of them said.
    pub(super) fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        log[log.len().saturating_sub(100)..].concat()
    }

    /// All of them obey it, and those that are started later.
    pub(super) fn policy(&self, policy: &str) {
        let mut stream = self.running[0].as_ref().unwrap().connect();
        assert_eq!(ask(&mut stream, &format!("policy {policy}\n")).trim_end(), "OK");
        let begin = Instant::now();
        for server in self.running.iter().flatten() {
            while ask(&mut server.connect(), "policies\n") == ".\n" {
                assert!(begin.elapsed() < LONG, "a policy is not known to all servers: {}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn begin(&mut self, i: usize) {
        self.starts += 1;
        let name = format!("{i}-{}", self.starts);
        let mut server = self.cluster.start_at(&self.proxies[i].url(), &name, &[]);
        let (mut lines, log, of) = (server.take_log(), self.log.clone(), name.clone());
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
                log.lock().unwrap().push(format!("{of}: {line}"));
                line.clear();
            }
        });
        let place = Place { port: server.port, pid: server.child.id(), name };
        self.places.lock().unwrap()[i] = Some(place);
        self.running[i] = Some(server);
    }

    fn end(&mut self, i: usize, signal: Signal) {
        let mut server = self.running[i].take().unwrap();
        let place = self.places.lock().unwrap()[i].take().unwrap();
        if signal == Signal::SIGTERM {
            self.ended.push((place.name.clone(), micros()));
        }
        server.signal(signal);
        let begin = Instant::now();
        while server.child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < LONG, "{} does not end: {}", place.name, self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, i: usize, signal: Signal) {
        self.running[i].as_ref().unwrap().signal(signal);
    }

    /// Any server that is not away.
    fn any(&self, moments: &mut Moments) -> usize {
        let there: Vec<usize> = (0..SERVERS).filter(|i| self.away != Some(*i)).collect();
        there[moments.below(there.len() as u64) as usize]
    }

    pub(super) fn suffer(&mut self, fault: Fault, moments: &mut Moments, database: &mut Database) {
        let i = self.any(moments);
        match fault {
            Fault::Kill | Fault::Terminate => {
                self.end(i, if fault == Fault::Kill { Signal::SIGKILL } else { Signal::SIGTERM });
                self.begin(i);
            }
            Fault::Stop => {
                self.signal(i, Signal::SIGSTOP);
                std::thread::sleep(moments.next() * 10);
                self.signal(i, Signal::SIGCONT);
            }
            Fault::StopLong | Fault::CutLong if self.away.is_some() => {}
            Fault::StopLong => {
                self.signal(i, Signal::SIGSTOP);
                self.away = Some(i);
            }
            Fault::CutLong => {
                self.proxies[i].set(if moments.below(2) == 0 { Mode::Cut } else { Mode::Stalled });
                self.away = Some(i);
            }
            Fault::Restart => {
                database.signal("QUIT");
                std::thread::sleep(moments.next());
                database.start_again();
            }
            Fault::Cut => {
                self.proxies[i].set(Mode::Cut);
                std::thread::sleep(moments.next());
                self.proxies[i].set(Mode::Open);
            }
            Fault::CutAnswers => self.proxies[i].set(Mode::CutAnswers),
        }
    }

    /// Wakes up whoever is away and was declared dead, and is to find that out. Who was away before it had joined, as happens where
    /// a restart of the database keeps it from that, is declared dead by nobody.
    pub(super) fn heal_those_declared_dead(&mut self) {
        let Some(i) = self.away else { return };
        let name = self.places.lock().unwrap()[i].clone().unwrap().name;
        let living = format!("SELECT count(*) FROM @.server WHERE name = '{name}' AND died IS NULL");
        if self.cluster.sql().number(&living) == 0 {
            self.heal(i);
        }
    }

    fn heal(&mut self, i: usize) {
        self.proxies[i].set(Mode::Open);
        self.signal(i, Signal::SIGCONT);
        self.away = None;
    }

    /// All goes well from now on; whoever is away is waited for.
    pub(super) fn heal_all(&mut self) {
        let begin = Instant::now();
        while self.away.is_some() {
            assert!(begin.elapsed() < LONG, "a server is away, and is not declared dead: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
            self.heal_those_declared_dead();
        }
        self.proxies.iter().for_each(|proxy| proxy.set(Mode::Open));
    }

    /// What they said last.
    pub(super) fn stop(mut self) -> String {
        (0..SERVERS).for_each(|i| self.end(i, Signal::SIGTERM));
        let panicked = self.log.lock().unwrap().iter().any(|line| line.contains("panicked"));
        assert!(!panicked, "{}", self.log());
        self.log()
    }
}
