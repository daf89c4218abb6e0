//! The requests whose answers are due on one connection, and which answer belongs to which. Pure.
//!
//! Owns the order of the requests and the jobs that have not ended. Must never know sockets, or what a task was asked for.
//!
//! Answers without a handle come in the order of their requests, so they are matched first in, first out. Updates of jobs
//! are matched by handle. A task that nobody waits for any more keeps its entry, so that its late answer is never taken for
//! another's. A request leaves the queue only when it is answered: if its answer is wrong, it is among those that
//! [`Pending::end`] returns.

use crate::client::task::{Event, Kind, Known, NO_LONG_KEYS, TaskId};
use crate::error::{Error, Result};
use crate::protocol::message::{Response, Update, number};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};

/// The state of one connection of a client.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Requests without an answer, in the order they were sent.
    asked: VecDeque<Asked>,
    /// Foreground jobs that have not ended.
    jobs: HashMap<Bytes, Waiting>,
}

#[derive(Debug)]
enum Asked {
    Task(TaskId, Kind),
    /// OPTION_REQ [`crate::client::task::LONG_KEYS`], and the question that is sent if the answer is yes.
    Permission(TaskId, Bytes),
    /// OPTION_REQ; nobody waits for it.
    Option,
}

/// The tasks of one job. Several where they share a unique key: the server then sends each packet
/// once for every one of them.
#[derive(Debug)]
struct Waiting {
    tasks: VecDeque<TaskId>,
    /// Whose copy comes next.
    next: usize,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// For this task; true: the last.
    Event(TaskId, Event, bool),
    /// This question of a task may be sent now.
    Permitted(TaskId, Bytes),
    /// Of no interest.
    Nothing,
}

impl Pending {
    pub(crate) fn sent(&mut self, task: TaskId, kind: Kind) {
        self.asked.push_back(Asked::Task(task, kind));
    }

    pub(crate) fn sent_option(&mut self) {
        self.asked.push_back(Asked::Option);
    }

    /// A question waits until the server answers that it knows such questions.
    pub(crate) fn asked_permission(&mut self, task: TaskId, question: Bytes) {
        self.asked.push_back(Asked::Permission(task, question));
    }

    /// Does nothing wait for this connection?
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_empty() && self.jobs.is_empty()
    }

    /// Waits someone, or one of these, in order, for the answer to a request? Not for the end of a job: that may take long.
    pub(crate) fn owes(&self, only: Option<&[TaskId]>) -> bool {
        self.asked.iter().any(|asked| match asked {
            Asked::Task(task, _) | Asked::Permission(task, _) => {
                only.is_none_or(|only| only.binary_search(task).is_ok())
            }
            Asked::Option => false,
        })
    }

    /// Everyone who waits, in order; none of them will get an answer here any more.
    pub(crate) fn end(&mut self) -> Vec<TaskId> {
        let mut jobs: Vec<TaskId> = self.jobs.drain().flat_map(|(_, w)| w.tasks).collect();
        jobs.sort_by_key(|t| t.serial);
        let asked = self.asked.drain(..).filter_map(|a| match a {
            Asked::Task(task, _) | Asked::Permission(task, _) => Some(task),
            Asked::Option => None,
        });
        jobs.extend(asked);
        jobs
    }

    /// Takes an answer in. `keep` makes owned bytes of a part of the packet.
    pub(crate) fn receive(
        &mut self,
        response: Response<'_>,
        server: &str,
        keep: impl Fn(&[u8]) -> Bytes,
    ) -> Result<Received> {
        if let Response::Work(work) = response {
            return Ok(self.receive_work(work.handle, work.update, keep));
        }
        if matches!(response, Response::Noop | Response::NoJob | Response::JobAssign(_)) {
            return Err(Error::unexpected("the server sent a client what only workers get"));
        }
        // It leaves the queue only when it was answered: a wrong answer ends the connection, and
        // then its task must end.
        let (task, kind) = match self.asked.front() {
            Some(Asked::Task(task, kind)) => (*task, *kind),
            Some(Asked::Option) if matches!(response, Response::Option(_) | Response::Error { .. }) => {
                self.asked.pop_front();
                return Ok(Received::Nothing);
            }
            Some(Asked::Permission(task, question)) => {
                let received = match response {
                    Response::Option(_) => Received::Permitted(*task, question.clone()),
                    Response::Error { .. } => Received::Event(*task, Event::Error(Box::new(NO_LONG_KEYS)), true),
                    other => return Err(unasked(&other)),
                };
                self.asked.pop_front();
                return Ok(received);
            }
            Some(Asked::Option) | None => return Err(unasked(&response)),
        };
        let event = match (response, kind) {
            (Response::JobCreated(handle), Kind::Background) => Event::Created(keep(handle)),
            (Response::JobCreated(handle), Kind::Foreground) => {
                // A copy: it may be long until the job ends.
                let key = Bytes::copy_from_slice(handle);
                let waiting = self.jobs.entry(key).or_insert(Waiting { tasks: VecDeque::with_capacity(1), next: 0 });
                waiting.tasks.push_back(task);
                waiting.next = 0;
                Event::Created(keep(handle))
            }
            (Response::Status { status, .. }, Kind::Status) => Event::Known(known(status, b"")),
            (Response::StatusUnique { status, clients, .. }, Kind::StatusUnique) => {
                Event::Known(known(status, clients))
            }
            (Response::Echo(data), Kind::Echo) => Event::Echoed(keep(data)),
            (Response::Error { code, text }, _) => Event::Error(Error::refused(server, code, text).into()),
            (other, _) => return Err(unasked(&other)),
        };
        self.asked.pop_front();
        let last = !(matches!(event, Event::Created(_)) && kind == Kind::Foreground);
        Ok(Received::Event(task, event, last))
    }

    fn receive_work(&mut self, handle: &[u8], update: Update<'_>, keep: impl Fn(&[u8]) -> Bytes) -> Received {
        // Unknown where the job's last task was ended otherwise, or by a server that repeats itself.
        let Some(waiting) = self.jobs.get_mut(handle) else {
            return Received::Nothing;
        };
        let (event, last) = match update {
            Update::Status(n, d) => (Event::Status { numerator: number(n), denominator: number(d) }, false),
            Update::Data(data) => (Event::Data(keep(data)), false),
            Update::Warning(text) => (Event::Warning(keep(text)), false),
            Update::Complete(result) => (Event::Complete(keep(result)), true),
            Update::Exception(text) => (Event::Exception(keep(text)), true),
            Update::Fail => (Event::Fail, true),
        };
        let index = waiting.next % waiting.tasks.len();
        let task = waiting.tasks[index];
        if !last {
            waiting.next = index + 1;
        } else if waiting.tasks.len() == 1 {
            self.jobs.remove(handle);
        } else {
            waiting.tasks.remove(index);
            waiting.next = index;
        }
        Received::Event(task, event, last)
    }
}

fn known(status: crate::protocol::message::Status<'_>, clients: &[u8]) -> Known {
    Known {
        known: status.known,
        running: status.running,
        numerator: number(status.numerator),
        denominator: number(status.denominator),
        clients: number(clients),
    }
}

fn unasked(response: &Response<'_>) -> Error {
    let what = match response {
        Response::Error { code, text } => {
            return Error::unexpected(format_args!(
                "an ERROR nobody asked for: {} {}",
                code.escape_ascii(),
                text.escape_ascii()
            ));
        }
        Response::JobCreated(_) => "JOB_CREATED",
        Response::Status { .. } => "STATUS_RES",
        Response::StatusUnique { .. } => "STATUS_RES_UNIQUE",
        Response::Echo(_) => "ECHO_RES",
        Response::Option(_) => "OPTION_RES",
        Response::JobNotice(_) => "JOB_NOTICE",
        Response::Noop | Response::NoJob | Response::JobAssign(_) | Response::Work(_) => "an answer",
    };
    Error::unexpected(format_args!("{what} where another answer was due"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Status, Work};

    fn task(n: u32) -> TaskId {
        TaskId { index: n, serial: n }
    }

    fn receive(pending: &mut Pending, response: Response<'_>) -> Result<Received> {
        pending.receive(response, "server", Bytes::copy_from_slice)
    }

    fn work<'a>(handle: &'a [u8], update: Update<'a>) -> Response<'a> {
        Response::Work(Work { handle, update })
    }

    #[test]
    fn answers_without_a_handle_are_in_the_order_of_their_requests() {
        let mut pending = Pending::default();
        pending.sent_option();
        pending.sent(task(1), Kind::Status);
        pending.sent(task(2), Kind::Background);
        pending.sent(task(3), Kind::Echo);
        let status = Response::Status { handle: b"H", status: Status::default() };
        let created = Event::Created(Bytes::from_static(b"H"));
        assert_eq!(receive(&mut pending, Response::Option(b"exceptions")), Ok(Received::Nothing));
        assert_eq!(receive(&mut pending, status), Ok(Received::Event(task(1), Event::Known(Known::default()), true)));
        assert_eq!(receive(&mut pending, Response::JobCreated(b"H")), Ok(Received::Event(task(2), created, true)));
        assert!(!pending.is_idle());
        let error = Response::Error { code: b"X", text: b"no" };
        let refused = Event::Error(Error::refused("server", b"X", b"no").into());
        assert_eq!(receive(&mut pending, error), Ok(Received::Event(task(3), refused, true)));
        assert!(pending.is_idle());
    }

    /// It had left the queue already, was not among those whose connection is lost, and its caller waited for ever.
    #[test]
    fn who_got_a_wrong_answer_still_waits() {
        let mut pending = Pending::default();
        pending.sent(task(1), Kind::Echo);
        assert!(receive(&mut pending, Response::JobCreated(b"H")).is_err());
        assert_eq!(pending.end(), [task(1)]);
        assert!(pending.is_idle());
    }

    #[test]
    fn the_end_of_a_connection_is_told_in_the_order_of_the_tasks() {
        let mut pending = Pending::default();
        for n in 1..=6 {
            pending.sent(task(n), Kind::Foreground);
        }
        for handle in [&b"c"[..], b"a", b"b"] {
            receive(&mut pending, Response::JobCreated(handle)).unwrap();
        }
        assert_eq!(pending.end(), (1..=6).map(task).collect::<Vec<_>>());
        assert_eq!(receive(&mut pending, work(b"a", Update::Fail)), Ok(Received::Nothing));
    }

    #[test]
    fn a_question_that_a_server_may_not_answer_waits_for_its_leave() {
        let mut pending = Pending::default();
        let question = Bytes::from_static(b"question");
        for n in 1..=3 {
            pending.asked_permission(task(n), question.clone());
        }
        assert_eq!(receive(&mut pending, Response::Option(b"unique-64")), Ok(Received::Permitted(task(1), question)));
        let refused = Received::Event(task(2), Event::Error(NO_LONG_KEYS.into()), true);
        assert_eq!(receive(&mut pending, Response::Error { code: b"X", text: b"no" }), Ok(refused));
        assert!(receive(&mut pending, Response::JobCreated(b"H")).is_err());
        assert_eq!(pending.end(), [task(3)]);
    }

    #[test]
    fn tasks_of_one_job_alternate() {
        let mut pending = Pending::default();
        for n in 1..=3 {
            pending.sent(task(n), Kind::Foreground);
            receive(&mut pending, Response::JobCreated(b"H")).unwrap();
        }
        let mut next = |update| match receive(&mut pending, work(b"H", update)) {
            Ok(Received::Event(TaskId { index, .. }, _, last)) => (index, last),
            other => panic!("{other:?}"),
        };
        let data: Vec<_> = (0..6).map(|_| next(Update::Data(b"d"))).collect();
        assert_eq!(data, [1, 2, 3, 1, 2, 3].map(|n| (n, false)));
        let ends: Vec<_> = (0..3).map(|_| next(Update::Complete(b""))).collect();
        assert_eq!(ends, [1, 2, 3].map(|n| (n, true)));
        assert!(pending.is_idle());
    }
}
