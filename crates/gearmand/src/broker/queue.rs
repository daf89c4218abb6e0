//! Lists of jobs that are threaded through the jobs themselves: joining, leaving from anywhere and
//! asking for the next cost the same whatever the depth, and nothing beside the job is allocated.
//!
//! Owns the ends and lengths of lists, and how often lower priorities were passed over; the links are the jobs'. Knows
//! nothing of functions, workers and time.
//!
//! What always holds: a job is in one list at most; a list's length is what walking it counts; nothing was passed over
//! where nothing waits.

use crate::broker::arena::{Arena, NONE};
use crate::broker::jobs::Job;
use gearman_core::protocol::message::Priority;

/// Jobs in a row, by their `prev` and `next`. A job is in one list at most: a queue of its function
/// or the jobs of its worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) head: u32,
    tail: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        List { head: NONE, tail: NONE, len: 0 }
    }
}

impl List {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn tail(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }

    pub(crate) fn head(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    pub(crate) fn push_back(&mut self, jobs: &mut Arena<Job>, id: u32) {
        let job = &mut jobs[id];
        (job.prev, job.next) = (self.tail, NONE);
        match self.tail {
            NONE => self.head = id,
            tail => jobs[tail].next = id,
        }
        self.tail = id;
        self.len += 1;
    }

    pub(crate) fn push_front(&mut self, jobs: &mut Arena<Job>, id: u32) {
        let job = &mut jobs[id];
        (job.prev, job.next) = (NONE, self.head);
        match self.head {
            NONE => self.tail = id,
            head => jobs[head].prev = id,
        }
        self.head = id;
        self.len += 1;
    }

    /// Takes a job out that is in this list.
    pub(crate) fn remove(&mut self, jobs: &mut Arena<Job>, id: u32) {
        let job = &mut jobs[id];
        let (prev, next) = (job.prev, job.next);
        (job.prev, job.next) = (NONE, NONE);
        match prev {
            NONE => self.head = next,
            prev => jobs[prev].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => jobs[next].prev = prev,
        }
        self.len -= 1;
    }
}

/// Priorities as a set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Priorities(u8);

impl Priorities {
    /// Is a lower one than this among them?
    pub(crate) fn below(self, priority: Priority) -> bool {
        self.0 >> (priority as u8) > 1
    }
}

impl std::ops::BitOrAssign for Priorities {
    fn bitor_assign(&mut self, other: Priorities) {
        self.0 |= other.0;
    }
}

/// A job that waits is let through when so many of higher priorities were handed out ahead of it: who sends urgent
/// jobs without end must not keep others from ever being done.
pub(crate) const AHEAD: u8 = 100;

/// The jobs of one function that may run now, oldest first in each priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    lists: [List; 3],
    /// So many jobs were handed out ahead of those that wait in each, since one of them was.
    passed: [u8; 3],
}

/// The job of a queue that is next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) priority: Priority,
    pub(crate) job: u32,
    /// It has let enough others go first.
    due: bool,
}

impl Next {
    /// Which of several goes first: smaller is earlier.
    pub(crate) fn rank(&self) -> (bool, Priority) {
        (!self.due, self.priority)
    }
}

impl Queue {
    /// How many wait in one priority.
    pub(crate) fn len_of(&self, priority: Priority) -> u32 {
        self.lists[priority as usize].len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.iter().all(List::is_empty)
    }

    /// How many wait in all.
    pub(crate) fn len(&self) -> u32 {
        self.lists.iter().map(List::len).sum()
    }

    /// The priorities in which jobs wait.
    pub(crate) fn waiting(&self) -> Priorities {
        let [high, normal, low] = self.lists.each_ref().map(|list| u8::from(!list.is_empty()));
        Priorities(high | normal << 1 | low << 2)
    }

    /// The job that is to be handed out next.
    pub(crate) fn next(&self) -> Option<Next> {
        let due = Priority::ALL.into_iter().find(|p| self.passed[*p as usize] >= AHEAD);
        if let Some((priority, job)) = due.and_then(|p| Some((p, self.lists[p as usize].head()?))) {
            return Some(Next { priority, job, due: true });
        }
        self.first().map(|(priority, job)| Next { priority, job, due: false })
    }

    /// A job of this priority is handed out.
    pub(crate) fn take(&mut self, jobs: &mut Arena<Job>, priority: Priority, id: u32) {
        self.passed[priority as usize] = 0;
        self.lists[priority as usize].remove(jobs, id);
    }

    /// A job of this priority does not wait any more.
    pub(crate) fn remove(&mut self, jobs: &mut Arena<Job>, priority: Priority, id: u32) {
        let list = &mut self.lists[priority as usize];
        list.remove(jobs, id);
        if list.is_empty() {
            self.passed[priority as usize] = 0;
        }
    }

    /// The first job of each priority that has any.
    pub(crate) fn heads(&self) -> impl Iterator<Item = u32> {
        self.lists.iter().filter_map(List::head)
    }

    /// A job of this priority, of whichever function, is handed out ahead of those of lower ones that wait here.
    pub(crate) fn pass(&mut self, priority: Priority) {
        for (list, passed) in self.lists.iter().zip(&mut self.passed).skip(priority as usize + 1) {
            *passed += u8::from(!list.is_empty() && *passed < AHEAD);
        }
    }

    /// The best priority in which a job waits, with the job.
    pub(crate) fn first(&self) -> Option<(Priority, u32)> {
        Priority::ALL.into_iter().find_map(|p| Some((p, self.lists[p as usize].head()?)))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn passed(&self, priority: Priority) -> u8 {
        self.passed[priority as usize]
    }

    pub(crate) fn list(&mut self, priority: Priority) -> &mut List {
        &mut self.lists[priority as usize]
    }
}
