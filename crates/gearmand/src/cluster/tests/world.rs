//! Servers that crash, are stopped and lose their connections; answers that are late or lost, and statements that are carried out long
//! after whoever asked for them has given up. And the promises, which are checked all the time and at the end.

use super::broker::{Broker, End, SCHEDULE, Said};
use super::memory::{Memory, Stored, milliseconds, run};
use crate::cluster::ask::{Answer, Ask, Fault, JobRow, LATE, Limit, Pace};
use crate::cluster::lease::DEAD_AFTER;
use crate::cluster::member::{Asked, Counts, Member, Settings, Told, Wrong};
use bytes::Bytes;
use gearman_core::protocol::message::Priority;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

const SERVERS: usize = 3;
const WINDOW: u32 = 6;
const FUNCTIONS: [&str; 3] = ["f0", "f1", "limited"];
/// Who has how many workers: on the first, there are clients only.
const WORKERS: [&[(&str, u32)]; SERVERS] = [&[], &[("f0", 2), ("limited", 2)], &[("f0", 1), ("f1", 2), ("limited", 3)]];
/// What holds for the last of them.
const MOST: u32 = 3;
const BURST: u32 = 2;
const INTERVAL: Duration = Duration::from_millis(500);
/// Virtual time: until then there is trouble, and so long until all must be over.
const TROUBLE: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(40);
const SUBMITS: usize = 60;
/// So many schedules are run however long that takes.
pub(super) const FEW: u64 = 20;

/// Numbers by lot, the same for the same seed.
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    fn of(&mut self, ms: &[u64]) -> Duration {
        Duration::from_millis(ms[self.below(ms.len() as u64) as usize])
    }
}

enum Event {
    Submit,
    Trouble,
    Start(usize),
    /// And it does not come back soon.
    Crash(usize),
    /// Something for a life of a server.
    Server(usize, u32, Input),
    /// An ask reaches the store, over this connection.
    Arrive {
        server: usize,
        life: u32,
        lane: usize,
        connection: u32,
        asked: Asked,
    },
}

#[derive(Debug)]
enum Input {
    Time,
    Said(Said),
    Told(Told),
    /// Over a connection, unless it is known to be broken.
    Answer(Option<(usize, u32)>, u64, Result<Answer, Fault>),
    End(u64, Bytes, End),
}

#[derive(Default, Clone, Copy)]
struct Lane {
    connection: u32,
    arrives: Duration,
    returns: Duration,
}

struct Node {
    up: bool,
    life: u32,
    paused: Duration,
    cut: Duration,
    /// Its steady clock: how fast, in thousandths, and how far ahead.
    speed: u32,
    ahead: Duration,
    /// How far its wall clock is ahead of the store's.
    skew: Duration,
    lanes: [Lane; 2],
    asking: BTreeMap<u64, usize>,
    said: Duration,
    told: Duration,
    wakes: Duration,
    broker: Broker,
    member: Member,
}

impl Node {
    fn clock(&self, now: Duration) -> Duration {
        self.ahead + now * self.speed / 1000
    }
}

/// What was seen of all schedules.
#[derive(Default, Debug)]
pub(super) struct Seen {
    pub(super) schedules: u64,
    pub(super) submits: u64,
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) begun: u64,
    pub(super) again: u64,
    pub(super) dead: u64,
    pub(super) takeovers: u64,
    pub(super) longest: Duration,
    pub(super) counts: Counts,
}

const LIMITED: Bytes = Bytes::from_static(FUNCTIONS[2].as_bytes());

struct World {
    lots: Lots,
    now: Duration,
    queue: std::collections::BinaryHeap<Reverse<(Duration, u64)>>,
    events: HashMap<u64, Event>,
    sequence: u64,
    store: Memory,
    nodes: Vec<Node>,
    /// When each was submitted, and the handle that it got.
    submits: Vec<(Duration, Option<u64>)>,
    cancelled: HashSet<u64>,
    runs: HashMap<u64, u32>,
    /// Which runs of the schedule began under which epoch.
    scheduled: HashSet<(u64, u64)>,
    tries: HashMap<u64, u16>,
    trouble: bool,
    /// All that happens is printed: MODEL_TRACE, with MODEL_SEED and MODEL_SCHEDULES=1.
    trace: bool,
    wrong: Wrong,
    counts: Vec<Counts>,
    bad: Option<String>,
}

fn server(index: usize, wrong: Wrong) -> (Broker, Member) {
    let (name, address) = (format!("s{index}").into(), "".into());
    let mut member = Member::new(Settings { name, address, window: WINDOW, ids: 50 });
    member.wrong = wrong;
    let rate = Some(Pace { interval_us: INTERVAL.as_micros() as u64, burst: BURST });
    member.limit(&LIMITED, Some(Limit { concurrency: Some(MOST), rate }));
    (Broker::new(WORKERS[index], Some(wrong)), member)
}

impl World {
    fn new(seed: u64, wrong: Wrong, trouble: bool) -> World {
        let mut lots = Lots(seed);
        let nodes = (0..SERVERS).map(|index| {
            let (broker, member) = server(index, wrong);
            let (speed, ahead, skew) = (950 + lots.below(100) as u32, lots.ms(0, 100_000), lots.ms(0, 1000));
            let lanes = [Lane::default(); 2];
            let zero = Duration::ZERO;
            let asking = BTreeMap::new();
            let (up, life, paused, cut, said, told, wakes) = (false, 0, zero, zero, zero, zero, Duration::MAX);
            Node { up, life, paused, cut, speed, ahead, skew, lanes, asking, said, told, wakes, broker, member }
        });
        let nodes = nodes.collect();
        let mut store = Memory::default();
        store.wrong = Some(wrong);
        let mut world = World {
            lots,
            now: Duration::ZERO,
            queue: Default::default(),
            events: HashMap::new(),
            sequence: 0,
            store,
            nodes,
            submits: Vec::new(),
            cancelled: HashSet::new(),
            runs: HashMap::new(),
            scheduled: HashSet::new(),
            tries: HashMap::new(),
            trouble,
            trace: std::env::var_os("MODEL_TRACE").is_some(),
            wrong,
            counts: Vec::new(),
            bad: None,
        };
        (0..SERVERS).for_each(|index| world.at(Duration::ZERO, Event::Start(index)));
        let end = TROUBLE.as_millis() as u64;
        for _ in 0..SUBMITS {
            let at = world.lots.ms(500, end);
            world.at(at, Event::Submit);
        }
        for _ in 0..if trouble { 16 } else { 0 } {
            let at = world.lots.ms(1000, end);
            world.at(at, Event::Trouble);
        }
        world
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence)));
        self.events.insert(self.sequence, event);
    }

    fn run(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            if at > TROUBLE + QUIET || self.bad.is_some() {
                break;
            }
            self.now = at;
            let event = self.events.remove(&number).unwrap();
            self.happen(event);
        }
        if self.bad.is_none() {
            self.check_end();
        }
        let last: Vec<_> = self.nodes.iter().map(|node| node.member.counts).collect();
        self.counts.extend(last);
    }

    fn is_quiet(&self) -> bool {
        self.now >= TROUBLE || !self.trouble
    }

    fn latency(&mut self) -> Duration {
        if self.is_quiet() { Duration::from_millis(3) } else { self.lots.of(&[1, 2, 10, 30, 300, 3000]) }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Submit => self.submit(),
            Event::Trouble => self.make_trouble(),
            Event::Start(index) => self.start(index),
            Event::Crash(index) => {
                self.nodes[index].up = false;
                self.at(TROUBLE, Event::Start(index));
            }
            Event::Arrive { server, life, lane, connection, asked } => {
                self.arrive(server, life, lane, connection, asked)
            }
            Event::Server(index, life, input) => {
                let node = &self.nodes[index];
                if node.life != life || !node.up {
                    return;
                }
                if self.now < node.paused {
                    return self.at(node.paused, Event::Server(index, life, input));
                }
                self.input(index, input);
            }
        }
    }

    fn submit(&mut self) {
        let index = self.lots.below(SERVERS as u64) as usize;
        let node = &self.nodes[index];
        if !node.up || self.now < node.paused {
            return;
        }
        let several = 1 + self.lots.below(4);
        for _ in 0..several {
            let function = FUNCTIONS[self.lots.below(FUNCTIONS.len() as u64) as usize];
            let keyed = self.lots.percent(40);
            let unique = if keyed { format!("k{}", self.lots.below(4)) } else { String::new() };
            let late = self.lots.percent(10);
            let due_ms = if late { milliseconds(self.now) + self.lots.below(4000) } else { 0 };
            let priority = Priority::ALL[self.lots.below(3) as usize];
            let (data, reducer) = (Bytes::from_static(b"data"), None);
            let (function, unique) = (Bytes::from_static(function.as_bytes()), unique.into());
            let row = JobRow { id: 0, function, unique, priority, data, reducer, tries: 0, first_ms: 0, due_ms };
            self.submits.push((self.now, None));
            let (submit, now) = (self.submits.len() - 1, self.nodes[index].clock(self.now));
            self.nodes[index].broker.submit(now, submit, row);
        }
        self.nodes[index].broker.progress();
        if self.lots.percent(10) {
            let value = self.lots.below(1000);
            self.nodes[index].broker.set(b"policy f", value);
        }
        if self.lots.percent(5) {
            let cancelled = self.nodes[index].broker.cancel();
            self.cancelled.extend(cancelled);
        }
        if self.lots.percent(10)
            && let Some(letter) = self.store.dead.values().next().cloned()
        {
            self.nodes[index].broker.revive(&letter);
            self.tries.remove(&letter.id);
        }
        self.turn(index);
    }

    fn start(&mut self, index: usize) {
        let (now, wrong) = (self.now, self.wrong);
        let node = &mut self.nodes[index];
        if node.up {
            return;
        }
        self.counts.push(node.member.counts);
        (node.up, node.life, node.wakes) = (true, node.life + 1, Duration::MAX);
        (node.broker, node.member) = server(index, wrong);
        node.asking.clear();
        (node.said, node.told) = (now, now);
        self.turn(index);
    }

    fn make_trouble(&mut self) {
        let index = self.lots.below(SERVERS as u64) as usize;
        match self.lots.below(10) {
            0..3 => {
                self.nodes[index].up = false;
                let again = self.now + self.lots.ms(200, 15_000);
                self.at(again.min(TROUBLE), Event::Start(index));
            }
            3..6 => {
                let pause = self.now + self.lots.of(&[1000, 5000, 7500, 8500, 9500, 11_000, 20_000]);
                self.nodes[index].paused = pause.min(TROUBLE).max(self.nodes[index].paused);
            }
            6..8 => {
                let cut = self.now + self.lots.ms(100, 14_000);
                self.nodes[index].cut = cut.min(TROUBLE).max(self.nodes[index].cut);
                (0..2).for_each(|lane| self.break_connection(index, lane));
            }
            _ => {
                let lane = self.lots.below(2) as usize;
                self.break_connection(index, lane);
            }
        }
    }

    /// Who asked over it learns of it soon or late.
    fn break_connection(&mut self, index: usize, lane: usize) {
        let node = &mut self.nodes[index];
        let (life, broken) = (node.life, node.asking.iter().filter(|(_, on)| **on == lane));
        let broken: Vec<u64> = broken.map(|(number, _)| *number).collect();
        let connection = node.lanes[lane].connection + 1;
        node.lanes[lane] = Lane { connection, ..Lane::default() };
        node.asking.retain(|_, on| *on != lane);
        let at = self.now + self.lots.of(&[1, 10, 500, 5000]);
        for number in broken {
            self.at(at, Event::Server(index, life, Input::Answer(None, number, Err(Fault::InDoubt))));
        }
    }

    fn arrive(&mut self, server: usize, life: u32, lane: usize, connection: u32, asked: Asked) {
        let node = &self.nodes[server];
        let broken = node.life != life || node.lanes[lane].connection != connection;
        if broken && self.lots.percent(50) {
            // It is lost; or carried out some time.
            if self.lots.percent(50) {
                let at = self.now + self.lots.ms(0, 15_000);
                self.at(at, Event::Arrive { server, life, lane, connection, asked });
            }
            return;
        }
        let answer = self.store.ask(self.now, &asked.ask);
        if self.trace {
            println!("{:?} server {server}.{life}, broken: {broken}: {:?} -> {answer:?}", self.now, asked.ask);
        }
        if !matches!(asked.ask, Ask::Beat(_) | Ask::Owned(_) | Ask::Wake(_))
            && answer != Answer::Rows(Vec::new(), Vec::new())
        {
            self.check_store();
        }
        if let Ask::Wake(functions) = &asked.ask {
            for other in (0..SERVERS).filter(|other| *other != server) {
                functions.iter().for_each(|function| self.nodes[other].member.woken(function));
            }
        }
        let back = (self.now + self.latency()).max(self.nodes[server].lanes[lane].returns);
        if !broken {
            self.nodes[server].lanes[lane].returns = back;
            let input = Input::Answer(Some((lane, connection)), asked.number, Ok(answer));
            self.at(back, Event::Server(server, life, input));
        }
    }

    fn input(&mut self, index: usize, input: Input) {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now);
        if self.trace && !matches!(input, Input::Time) {
            println!("{:?} server {index}.{} {input:?}", self.now, node.life);
        }
        match input {
            Input::Time if node.wakes > self.now => return,
            Input::Time => node.wakes = Duration::MAX,
            Input::Said(said) => match said {
                Said::Batch(batch) => node.member.push(&batch),
                Said::Begin(id, function) => node.member.begin(now, id, &function),
                Said::Wait(id) => node.member.wait(id),
                Said::Progress(id) => node.member.progress(id, 1, 2),
                Said::GiveBack(id) => node.member.give_back(id),
                Said::Demand(function, able, idle) => node.member.demand(&function, able, idle),
                Said::Agree => node.member.agree(),
                Said::Obey(version) => node.member.obey(version),
                Said::WantIds => node.member.want_ids(),
            },
            Input::Told(told) => node.broker.tell(now, told),
            Input::Answer(Some((lane, connection)), ..) if node.lanes[lane].connection != connection => return,
            Input::Answer(_, number, answer) => {
                node.asking.remove(&number);
                node.member.answer(now, number, answer);
            }
            Input::End(id, function, end) => {
                node.broker.end(now, milliseconds(self.now + node.skew), id, &function, end)
            }
        }
        self.turn(index);
    }

    /// What a server does when something has happened.
    fn turn(&mut self, index: usize) {
        let now = self.nodes[index].clock(self.now);
        let wall = milliseconds(self.now + self.nodes[index].skew);
        for id in self.nodes[index].broker.turn(now, wall) {
            self.begin(index, id);
        }
        self.check_runs(index);
        let wakes = self.nodes[index].member.advance(now);
        let node = &mut self.nodes[index];
        let life = node.life;
        let mut sent = Vec::new();
        for said in std::mem::take(&mut node.broker.said) {
            node.said = node.said.max(self.now + self.lots.of(&[0, 0, 1, 20]));
            sent.push((node.said, Input::Said(said)));
        }
        while let Some(told) = node.member.next_told() {
            node.told = node.told.max(self.now + self.lots.of(&[0, 0, 1, 20]));
            sent.push((node.told, Input::Told(told)));
        }
        // The broker looks at its queues by itself; this is how it comes to that.
        let wakes =
            self.now + (wakes - now).min(Duration::from_millis(500)) * 1000 / node.speed + Duration::from_millis(1);
        if wakes < node.wakes {
            node.wakes = wakes;
            sent.push((wakes, Input::Time));
        }
        for (submit, handle) in std::mem::take(&mut node.broker.answers) {
            self.submits[submit].1 = handle;
        }
        self.bad = self.bad.take().or_else(|| node.broker.bad.take().map(|bad| format!("server {index}: {bad}")));
        let rules = |node: &&Node| node.up && node.broker.rules(node.clock(self.now));
        if self.nodes.iter().filter(rules).count() > 1 {
            self.bad = Some(format!("two servers are the eldest, since an input of server {index}"));
        }
        let node = &mut self.nodes[index];
        let window = FUNCTIONS.iter().map(|name| node.broker.queued(name.as_bytes())).max();
        if window > Some(WINDOW as usize + 3) {
            self.bad = Some(format!("server {index} has {window:?} jobs that wait"));
        }
        sent.into_iter().for_each(|(at, input)| self.at(at, Event::Server(index, life, input)));
        while let Some(asked) = self.nodes[index].member.next_ask() {
            self.send(index, asked);
        }
    }

    fn send(&mut self, index: usize, asked: Asked) {
        let (life, lane, latency) = (self.nodes[index].life, usize::from(asked.ask.is_serial()), self.latency());
        let quiet = self.is_quiet();
        let node = &mut self.nodes[index];
        if self.now < node.cut {
            let at = self.now + Duration::from_millis(5);
            let fault = Fault::NotDone("not connected".into());
            return self.at(at, Event::Server(index, life, Input::Answer(None, asked.number, Err(fault))));
        }
        node.asking.insert(asked.number, lane);
        let Lane { connection, arrives, .. } = node.lanes[lane];
        node.lanes[lane].arrives = arrives.max(self.now + latency);
        let at = node.lanes[lane].arrives;
        if self.lots.percent(1) && !quiet {
            // The store refuses, for once.
            node.asking.remove(&asked.number);
            let fault = Fault::NotDone("deadlock detected".into());
            return self.at(at, Event::Server(index, life, Input::Answer(None, asked.number, Err(fault))));
        }
        self.at(at, Event::Arrive { server: index, life, lane, connection, asked });
    }

    /// A worker gets a job.
    fn begin(&mut self, index: usize, id: u64) {
        let epoch = self.nodes[index].broker.epoch();
        let owned = self.store.rows.get(&id).is_some_and(|stored| stored.owner.is_some() && stored.owner == epoch);
        let beat = epoch.and_then(|epoch| self.store.live.get(&epoch));
        let leased = beat.is_some_and(|beat| *beat + DEAD_AFTER >= self.now);
        // What was cancelled on its way to the store may be claimed at that very moment.
        let right = owned && leased && !self.store.done.contains(&id);
        if !right && !self.cancelled.contains(&id) {
            let owner = self.store.rows.get(&id).map(|stored| stored.owner);
            let text =
                format!("server {index}, epoch {epoch:?}, heard of at {beat:?}, hands out job {id} of {owner:?}");
            self.bad = Some(format!("{text}; done: {}", self.store.done.contains(&id)));
            return;
        }
        *self.runs.entry(id).or_default() += 1;
        let end = match self.lots.below(100) {
            0..80 => End::Done,
            80..94 => End::Fails,
            _ => End::Leaves,
        };
        let function = self.nodes[index].broker.function(id);
        let at = self.now + self.lots.of(if self.is_quiet() { &[5, 300] } else { &[5, 20, 300, 300, 3000, 12_000] });
        let life = self.nodes[index].life;
        self.at(at, Event::Server(index, life, Input::End(id, function, end)));
    }

    /// No run of a schedule begins twice, but where its server has died before it could write it down.
    fn check_runs(&mut self, index: usize) {
        let broker = &mut self.nodes[index].broker;
        let epoch = broker.epoch().unwrap_or_default();
        let stored = self.store.settings.get(SCHEDULE).map(run);
        for due in std::mem::take(&mut broker.runs) {
            if Some(due) <= stored || !self.scheduled.insert((epoch, due)) {
                let text = format!("server {index}, epoch {epoch}, begins run {due} once more, {stored:?} are stored");
                self.bad = Some(text);
            }
        }
    }

    /// Of a function with limits, no more are owned at all servers together, and no more are claimed in any time.
    fn check_limits(&mut self) {
        let owned = |stored: &&Stored| stored.owner.is_some() && stored.row.function == LIMITED;
        let owned = self.store.rows.values().filter(owned).count() as u32;
        if owned > MOST {
            self.bad = Some(format!("{owned} jobs of a function are owned, of which {MOST} may be"));
        }
        let times: Vec<_> = self.store.claimed.iter().filter(|(_, of)| *of == LIMITED).map(|(at, _)| *at).collect();
        let Some(last) = times.last() else { return };
        for (at, first) in times.iter().enumerate() {
            let tokens = BURST + ((*last - *first + LATE).as_micros() / INTERVAL.as_micros()) as u32 + 1;
            if (times.len() - at) as u32 > tokens {
                let count = times.len() - at;
                self.bad = Some(format!("{count} jobs are claimed in {:?}, for {tokens} tokens", *last - *first));
            }
        }
    }

    fn check_store(&mut self) {
        self.bad = self.bad.take().or_else(|| self.store.bad.take());
        self.check_limits();
        let mut keys = BTreeSet::new();
        for (id, stored) in &self.store.rows {
            if stored.row.key().is_some_and(|key| !keys.insert(key)) {
                self.bad = Some(format!("two jobs have the key of {:?}", stored.row));
            }
            let tries = self.tries.entry(*id).or_default();
            if stored.row.tries < *tries {
                // Tried again after its death, by an operator.
                if stored.row.tries > 0 || stored.owner.is_some() {
                    self.bad = Some(format!("tries of job {id} go down from {tries} to {}", stored.row.tries));
                }
            }
            *tries = stored.row.tries;
        }
    }

    fn check_end(&mut self) {
        for (at, (submitted, handle)) in self.submits.iter().enumerate() {
            let Some(id) = handle.filter(|id| !self.cancelled.contains(id)) else { continue };
            let is_over = |id: &u64| {
                self.store.dead.contains_key(id) || self.store.over.get(id).is_some_and(|over| over >= submitted)
            };
            if !is_over(&id) && !self.store.joined.get(&id).is_some_and(is_over) {
                let row = self.store.rows.get(&id);
                self.bad = Some(format!("submit {at} got job {id}, which was not run since: {row:?}"));
            }
        }
        if let Some((of, progress)) = self.store.progress.iter().next() {
            self.bad = Some(format!("progress {progress:?} of epoch and job {of:?} is left"));
        }
        if let Some((id, stored)) = self.store.rows.iter().next() {
            self.bad = Some(format!("job {id} is left: {stored:?}"));
        }
        let policy = self.store.settings.get(&b"policy f"[..]);
        for (index, node) in self.nodes.iter().enumerate() {
            let known = node.broker.settings.get(&b"policy f"[..]);
            if known != policy {
                self.bad = Some(format!("server {index} knows setting {known:?}, which is {policy:?}"));
            }
        }
        if !self.store.settings.contains_key(SCHEDULE) {
            self.bad = Some("no schedule ran".to_owned());
        }
        if let Some(waiting) = self.nodes.iter().map(|node| node.broker.waiting()).find(|waiting| *waiting > 0) {
            self.bad = Some(format!("{waiting} submits were never answered"));
        }
    }

    fn count(&self, seen: &mut Seen) {
        seen.schedules += 1;
        seen.submits += self.submits.len() as u64;
        seen.acknowledged += self.submits.iter().filter(|(_, handle)| handle.is_some()).count() as u64;
        seen.refused += self.submits.iter().filter(|(_, handle)| handle.is_none()).count() as u64;
        seen.begun += self.runs.len() as u64;
        let tries = |id: &u64| self.tries.get(id).copied().unwrap_or_default();
        seen.again += self.runs.iter().filter(|(id, runs)| **runs > 1 + u32::from(tries(id))).count() as u64;
        seen.dead += self.store.dead.len() as u64;
        seen.takeovers += self.store.takeovers.len() as u64;
        seen.longest = self.store.takeovers.iter().copied().chain([seen.longest]).max().unwrap_or_default();
        for counts in &self.counts {
            let Counts { late, lost, claimed, adopted, released, died, doubts } = *counts;
            let sum = &mut seen.counts;
            (sum.late, sum.lost, sum.claimed) = (sum.late + late, sum.lost + lost, sum.claimed + claimed);
            (sum.adopted, sum.released) = (sum.adopted + adopted, sum.released + released);
            (sum.died, sum.doubts) = (sum.died + died, sum.doubts + doubts);
        }
    }
}

/// Runs schedules until one breaks a promise, all have run or the time is over, but for a few.
pub(super) fn explore(seeds: std::ops::Range<u64>, wrong: Wrong, time: Duration) -> Result<Seen, String> {
    let (begin, mut seen) = (Instant::now(), Seen::default());
    for seed in seeds {
        let mut world = World::new(seed, wrong, true);
        world.run();
        if let Some(bad) = world.bad {
            return Err(format!("schedule {seed}, at {:?}: {bad}", world.now));
        }
        world.count(&mut seen);
        if begin.elapsed() >= time && seen.schedules >= FEW {
            break;
        }
    }
    Ok(seen)
}

/// No trouble but that one server is gone for a while: how long its jobs stayed its own.
pub(super) fn one_crash(seed: u64) -> Result<Vec<Duration>, String> {
    let mut world = World::new(seed, Wrong::Nothing, false);
    world.at(TROUBLE / 2, Event::Crash(2));
    world.run();
    world.bad.map_or(Ok(world.store.takeovers), Err)
}
