//! Functions, by number and by name: what waits in each, and who can run it.
//!
//! A function's number is reused once it was removed, which the broker does only when neither a job nor a worker names
//! it any more.

use crate::broker::activity::Activity;
use crate::broker::limits::Limiter;
use crate::broker::policy::Policy;
use crate::broker::queue::Queue;
use crate::broker::sessions::Role;
use gearman_core::protocol::message::Priority;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A function that was ever named by a worker, a client or an operator.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Arc<[u8]>,
    /// Jobs that may run now.
    pub(crate) queue: Queue,
    /// Jobs in all: queued, running and waiting for their time.
    pub(crate) total: u32,
    pub(crate) running: u32,
    /// Those that wait for their time.
    pub(crate) delayed: u32,
    /// Connections that can run it.
    pub(crate) workers: u32,
    /// Those of them that sleep. Counted only where the queue is shared.
    pub(crate) idle: u32,
    /// At most so many jobs, by the priority of the one that comes; 0 is no limit.
    pub(crate) limits: [u32; 3],
    /// So many jobs came for which workers are to be woken at the end of the round. Where there is a limiter it decides for
    /// how many.
    pub(crate) calls: u32,
    /// Workers that are on the way to its jobs, see `Session::woken`.
    pub(crate) woken: u32,
    /// Workers that sleep, longest first, as (number, connection). An entry is void when the number is not the connection's any
    /// more, see `Session::sleeps_as`: waking a worker must not cost a visit to each function it knows.
    sleepers: VecDeque<(u64, u32)>,
    /// The same of proxies.
    proxies: VecDeque<(u64, u32)>,
    /// What an operator wants for its jobs; `None`: nothing.
    pub(crate) policy: Option<Box<Policy>>,
    /// What that limits; `None`: nothing.
    pub(crate) limiter: Option<Box<Limiter>>,
    /// What became of its jobs; from the first one on.
    pub(crate) activity: Option<Box<Activity>>,
}

impl Function {
    fn new(name: Arc<[u8]>, limits: [u32; 3]) -> Function {
        Function {
            name,
            queue: Queue::default(),
            total: 0,
            running: 0,
            delayed: 0,
            workers: 0,
            idle: 0,
            limits,
            calls: 0,
            woken: 0,
            sleepers: VecDeque::new(),
            proxies: VecDeque::new(),
            policy: None,
            limiter: None,
            activity: None,
        }
    }

    /// For something to be counted.
    pub(crate) fn activity(&mut self) -> &mut Activity {
        self.activity.get_or_insert_default()
    }

    /// At most so many jobs when one of this priority comes; 0 is no limit.
    pub(crate) fn limit(&self, priority: Priority) -> u32 {
        let policy = self.policy.as_ref().and_then(|policy| policy.max_queue).unwrap_or(0);
        match (self.limits[priority as usize], policy) {
            (0, limit) | (limit, 0) => limit,
            (one, other) => one.min(other),
        }
    }

    /// How long a job may run whose worker announced no time.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.policy.as_ref()?.timeout()
    }

    /// Whether a job may begin, if there is one.
    pub(crate) fn is_open(&self, now: Duration) -> bool {
        self.limiter.as_ref().is_none_or(|limiter| limiter.room(now, self.running) > 0)
    }

    /// Whether a worker is to be woken for one of its jobs. Where there are limits: not where enough are on the way. `except`:
    /// so many of those do not count.
    pub(crate) fn lacks_workers(&self, now: Duration, except: u32) -> bool {
        match &self.limiter {
            None => !self.queue.is_empty(),
            Some(limiter) => self.queue.len().min(limiter.room(now, self.running)) > self.woken - except,
        }
    }

    /// A worker went to sleep; or one that sleeps learned this function.
    pub(crate) fn sleeps(&mut self, number: u64, session: u32, role: Role, valid: impl Fn(u64, u32) -> bool) {
        let sleepers = if role == Role::Proxy { &mut self.proxies } else { &mut self.sleepers };
        // Void entries are swept out before they outnumber the workers, so each costs little.
        if sleepers.len() > 16 + 2 * self.workers as usize {
            sleepers.retain(|(number, session)| valid(*number, *session));
        }
        sleepers.push_back((number, session));
    }

    /// The one that sleeps longest.
    pub(crate) fn wake(&mut self, valid: impl Fn(u64, u32) -> bool) -> Option<u32> {
        first(&mut self.sleepers, valid)
    }

    /// The same of proxies.
    pub(crate) fn wake_proxy(&mut self, valid: impl Fn(u64, u32) -> bool) -> Option<u32> {
        first(&mut self.proxies, valid)
    }

    /// Whether more workers than this sleep; proxies do not count.
    pub(crate) fn has_sleepers(&self, more_than: u32, valid: impl Fn(u64, u32) -> bool) -> bool {
        let mut sleepers = self.sleepers.iter().filter(|(number, session)| valid(*number, *session));
        sleepers.nth(more_than as usize).is_some()
    }

    /// All who sleep, and entries that are void.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sleepers(&self) -> impl Iterator<Item = (u64, u32)> {
        self.sleepers.iter().chain(&self.proxies).copied()
    }
}

/// Takes out the first that sleeps, and all that do not in front of it.
fn first(sleepers: &mut VecDeque<(u64, u32)>, valid: impl Fn(u64, u32) -> bool) -> Option<u32> {
    while let Some((number, session)) = sleepers.pop_front() {
        if valid(number, session) {
            return Some(session);
        }
    }
    None
}

/// All functions, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    list: Vec<Option<Function>>,
    free: Vec<u32>,
    names: HashMap<Arc<[u8]>, u32>,
    /// Limits that were set for functions which nobody named yet.
    limits: HashMap<Box<[u8]>, [u32; 3]>,
}

impl Functions {
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn add(&mut self, name: &[u8]) -> u32 {
        let limits = self.limits.remove(name).unwrap_or_default();
        let name: Arc<[u8]> = name.into();
        let function = Function::new(name.clone(), limits);
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.list.push(None);
                self.list.len() as u32 - 1
            }
        };
        self.list[id as usize] = Some(function);
        self.names.insert(name, id);
        id
    }

    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(function) = self.list.get_mut(id as usize).and_then(Option::take) {
            self.names.remove(&function.name);
            self.free.push(id);
        }
    }

    /// At most `most` functions may be remembered that nobody uses.
    pub(crate) fn limit(&mut self, name: &[u8], limits: [u32; 3], most: usize) {
        match self.find(name) {
            Some(id) => self[id].limits = limits,
            None if limits == [0; 3] => drop(self.limits.remove(name)),
            None if self.limits.len() < most => drop(self.limits.insert(name.into(), limits)),
            None => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Function)> {
        self.range(0..self.end())
    }

    /// All numbers are smaller.
    pub(crate) fn end(&self) -> u32 {
        self.list.len() as u32
    }

    /// The functions with these numbers, by rising number.
    pub(crate) fn range(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, &Function)> {
        let end = numbers.end.min(self.end());
        let list = self.list.get(numbers.start as usize..end as usize).unwrap_or_default();
        list.iter().zip(numbers.start..).filter_map(|(function, id)| Some((id, function.as_ref()?)))
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Function> {
        self.list.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Function> {
        self.list.get_mut(id as usize)?.as_mut()
    }
}

impl std::ops::Index<u32> for Functions {
    type Output = Function;

    /// For numbers that jobs and abilities hold: a function is removed only when there are none.
    #[allow(clippy::panic)]
    fn index(&self, id: u32) -> &Function {
        match self.get(id) {
            Some(function) => function,
            None => panic!("no function under {id}"),
        }
    }
}

impl std::ops::IndexMut<u32> for Functions {
    #[allow(clippy::panic)]
    fn index_mut(&mut self, id: u32) -> &mut Function {
        match self.get_mut(id) {
            Some(function) => function,
            None => panic!("no function under {id}"),
        }
    }
}
