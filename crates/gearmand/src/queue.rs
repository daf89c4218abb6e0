//! Lists of jobs that are threaded through the jobs themselves: joining, leaving from anywhere and
//! asking for the next cost the same whatever the depth, and nothing beside the job is allocated.

use crate::job::Job;
use crate::slab::{NONE, Slab};
use gearman_core::message::Priority;

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

    pub(crate) fn push_back(&mut self, jobs: &mut Slab<Job>, id: u32) {
        let job = &mut jobs[id];
        (job.prev, job.next) = (self.tail, NONE);
        match self.tail {
            NONE => self.head = id,
            tail => jobs[tail].next = id,
        }
        self.tail = id;
        self.len += 1;
    }

    pub(crate) fn push_front(&mut self, jobs: &mut Slab<Job>, id: u32) {
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
    pub(crate) fn remove(&mut self, jobs: &mut Slab<Job>, id: u32) {
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

/// The jobs of one function that may run now, oldest first in each priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    lists: [List; 3],
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

    /// The best priority in which a job waits, with the job.
    pub(crate) fn first(&self) -> Option<(Priority, u32)> {
        Priority::ALL.into_iter().find_map(|p| Some((p, self.lists[p as usize].head()?)))
    }

    pub(crate) fn list(&mut self, priority: Priority) -> &mut List {
        &mut self.lists[priority as usize]
    }
}
