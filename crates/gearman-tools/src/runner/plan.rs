//! Which processes of a group are started and which are asked to end: a decision, made anew whenever something has changed.
//!
//! Owns the rules. Must never know why a process is to be replaced, nor time. Invariants: so many as are wanted have settled
//! before one is asked to end, except where `max` leaves no room, and then `min` of them; with those that are about to end, there are
//! never more than `max`, except one where `min` is `max`, and except up to `min`: what ends keeps nobody from that.

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number; higher ones are younger.
    pub number: u64,
    /// It has lived long enough to count.
    pub settled: bool,
    /// It is to be replaced.
    pub outdated: bool,
    /// It was asked to end.
    pub stopping: bool,
}

/// How many there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
    /// Now; within the two.
    pub wanted: u32,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// So many are started.
    pub start: usize,
    /// These are asked to end.
    pub stop: Vec<u64>,
}

/// What to do. `may_start`: so many at most.
pub fn plan(members: &[Member], bounds: Bounds, may_start: usize) -> Steps {
    let (min, max, wanted) = (bounds.min as usize, bounds.max as usize, bounds.wanted as usize);
    let working: Vec<&Member> = members.iter().filter(|member| !member.stopping).collect();
    let mut settled: Vec<&Member> = working.iter().copied().filter(|member| member.settled).collect();
    let stopping = members.len() - working.len();
    let replace = working.iter().any(|member| member.outdated);
    let starting = working.len() > settled.len();

    // Those that are about to end have their memory still, and their connections.
    let room = |most: usize| most.saturating_sub(members.len());
    let start = match wanted.saturating_sub(working.len()) {
        // Where min is max, only one more than that can take the place of another.
        0 if replace && !starting && working.len() == wanted => room(max.max(min + 1)).min(1),
        missing => room(max).max(min.saturating_sub(working.len())).min(missing),
    };

    let surplus = settled.len().saturating_sub(wanted);
    // Without room for a new one first, an old one goes first.
    let first = replace && !starting && start == 0 && surplus == 0 && stopping == 0 && settled.len() > min;
    let stop = surplus.max(usize::from(first && members.len() >= max));
    settled.sort_by_key(|member| (!member.outdated, if member.outdated { 0 } else { u64::MAX - member.number }));
    let stop = settled.iter().take(stop).map(|member| member.number).collect();
    Steps { start: start.min(may_start), stop }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Processes that settle and end when the test says so.
    #[derive(Default)]
    struct World {
        members: Vec<Member>,
        last: u64,
        most: usize,
        fewest: usize,
    }

    impl World {
        fn with(n: u64) -> World {
            let member = |number| Member { number, settled: true, outdated: false, stopping: false };
            World { members: (1..=n).map(member).collect(), last: n, most: n as usize, fewest: n as usize }
        }

        fn step(&mut self, bounds: Bounds) -> Steps {
            let steps = plan(&self.members, bounds, usize::MAX);
            for _ in 0..steps.start {
                self.last += 1;
                let new = Member { number: self.last, settled: false, outdated: false, stopping: false };
                self.members.push(new);
            }
            for member in &mut self.members {
                member.stopping |= steps.stop.contains(&member.number);
            }
            self.most = self.most.max(self.members.len());
            self.fewest = self.fewest.min(self.members.iter().filter(|m| m.settled && !m.stopping).count());
            steps
        }

        /// All settle, and all that were asked to have ended.
        fn pass(&mut self) {
            self.members.retain(|member| !member.stopping);
            self.members.iter_mut().for_each(|member| member.settled = true);
        }

        fn reload(&mut self, bounds: Bounds) {
            self.members.iter_mut().for_each(|member| member.outdated = true);
            for _ in 0..100 {
                if self.step(bounds) == Steps::default() && self.members.iter().all(|m| m.settled && !m.stopping) {
                    break;
                }
                self.pass();
            }
            assert!(self.members.iter().all(|member| !member.outdated), "{:?}", self.members);
            assert_eq!(self.members.len(), bounds.wanted as usize);
        }
    }

    fn bounds(min: u32, max: u32, wanted: u32) -> Bounds {
        Bounds { min, max, wanted }
    }

    #[test]
    fn as_many_as_are_wanted() {
        let mut world = World::with(0);
        assert_eq!(world.step(bounds(1, 4, 3)).start, 3);
        assert_eq!(world.step(bounds(1, 4, 3)), Steps::default());
        world.pass();
        assert_eq!(world.step(bounds(1, 4, 1)).stop, [3, 2], "the youngest go first");
        assert_eq!(world.step(bounds(1, 4, 1)), Steps::default());
        // Those that are about to end count where it is about max.
        assert_eq!(world.step(bounds(1, 4, 4)).start, 1);
    }

    /// While those that were about to end took up all of `max`, there were none, for as long as their jobs took.
    #[test]
    fn what_is_about_to_end_keeps_nobody_from_min() {
        let mut world = World::with(4);
        assert_eq!(world.step(bounds(1, 1, 1)).stop, [4, 3, 2]);
        world.members.retain(|member| member.stopping);
        assert_eq!(world.step(bounds(1, 1, 1)).start, 1);
        // All of a group that was away for a moment.
        world.members.iter_mut().for_each(|member| member.stopping = true);
        assert_eq!(world.step(bounds(2, 5, 5)).start, 2, "more than min only where max leaves room");
        assert_eq!(world.step(bounds(2, 5, 5)), Steps::default());
        world.pass();
        assert_eq!(world.step(bounds(2, 5, 5)).start, 3);
    }

    /// Another took the place of an old one while one was about to end: three of two.
    #[test]
    fn one_more_than_max_only_where_that_is_min() {
        let mut world = World::with(2);
        world.step(bounds(1, 2, 1));
        world.members.iter_mut().for_each(|member| member.outdated = true);
        assert_eq!(world.step(bounds(1, 2, 1)), Steps::default());
        world.reload(bounds(1, 2, 1));
        assert_eq!((world.most, world.fewest), (2, 1));
    }

    #[test]
    fn a_reload_starts_before_it_ends() {
        for (min, max, wanted) in [(1, 1, 1), (4, 4, 4), (1, 4, 3), (2, 8, 2), (0, 3, 2)] {
            let mut world = World::with(u64::from(wanted));
            world.reload(bounds(min, max, wanted));
            assert_eq!(world.fewest, wanted as usize, "{min} {max} {wanted}");
            assert!(world.most <= (max as usize).max(wanted as usize + 1).min(max as usize + 1));
        }
    }

    #[test]
    fn at_max_an_old_one_ends_first_but_not_below_min() {
        let mut world = World::with(4);
        world.reload(bounds(2, 4, 4));
        assert_eq!((world.most, world.fewest), (4, 3));
    }

    #[test]
    fn what_does_not_start_replaces_nothing() {
        let mut world = World::with(2);
        world.members.iter_mut().for_each(|member| member.outdated = true);
        for _ in 0..10 {
            world.step(bounds(2, 4, 2));
            world.members.retain(|member| member.settled);
        }
        assert_eq!(world.members.iter().filter(|member| !member.stopping).count(), 2);
    }

    #[test]
    fn whatever_happens_it_comes_to_rest() {
        // Simple enough a generator for a test that is the same each time.
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..300 {
            let min = random(4) as u32;
            let max = min.max(1) + random(4) as u32;
            let mut world = World::with(0);
            let mut wanted = VecDeque::from([min]);
            for _ in 0..60 {
                let bounds = bounds(min, max, *wanted.back().unwrap());
                world.step(bounds);
                assert!(world.members.len() <= max.max(min + 1) as usize);
                match random(5) {
                    0 => world.pass(),
                    1 => world.members.iter_mut().for_each(|member| member.outdated = true),
                    2 => wanted.push_back(min + random(u64::from(max - min) + 1) as u32),
                    3 => world.members.iter_mut().for_each(|member| member.settled |= member.number % 2 == 0),
                    _ => world.members.retain(|member| member.number % 3 > 0),
                }
            }
            world.reload(bounds(min, max, *wanted.back().unwrap()));
        }
    }
}
