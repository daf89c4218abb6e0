//! The worker's side of the protocol on one connection: which functions were announced, and whether a job may be asked
//! for, is asked for, or is waited for asleep. Pure.
//!
//! Owns what the server was sent and has not answered. Must never know sockets, clocks, or other servers.
//!
//! ```text
//! Awake     -- GRAB_JOB ----------------> Grabbing
//! Grabbing  -- JOB_ASSIGN --------------> Awake
//! Grabbing  -- NO_JOB ------------------> NoJob
//! NoJob     -- PRE_SLEEP ---------------> Asleep
//! Asleep    -- NOOP --------------------> Awake
//! Asleep    -- JOB_ASSIGN (direct) -----> Awake
//! Asleep    -- ECHO_REQ (direct) -------> Waking
//! Waking    -- ECHO_RES ----------------> Awake
//! ```
//!
//! Every answer belongs to a request: one that nobody asked for is an error, and ends the connection. A job that comes for
//! a function which was taken back is passed over, since the server takes it back too.

use crate::error::{Error, Result};
use crate::protocol::codec::Sink;
use crate::protocol::message::{Assign, Decimal, Grab, News, Notice, Request, Response};
use crate::protocol::names::check_function;
use bytes::Bytes;
use std::collections::VecDeque;

/// A function that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Its name.
    pub function: Bytes,
    /// How long a job of it may run, in milliseconds; 0: for ever.
    pub timeout: u64,
}

/// All functions of a worker, in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Abilities {
    list: Vec<Ability>,
    /// Counts changes, so that one comparison shows whether a server knows them all.
    version: u64,
}

impl Abilities {
    /// Adds a function, or changes its timeout (milliseconds, 0: none).
    ///
    /// # Errors
    /// [`Error::Argument`] for names that no function can have.
    pub fn add(&mut self, function: &[u8], timeout: u64) -> Result<()> {
        check_function(function)?;
        self.version += 1;
        match self.list.iter_mut().find(|a| a.function == function) {
            Some(known) => known.timeout = timeout,
            None => self.list.push(Ability { function: Bytes::copy_from_slice(function), timeout }),
        }
        Ok(())
    }

    /// Removes a function.
    ///
    /// # Errors
    /// [`Error::NoSuchFunction`].
    pub fn remove(&mut self, function: &[u8]) -> Result<()> {
        let index = self.list.iter().position(|a| a.function == function).ok_or(Error::NoSuchFunction)?;
        self.list.remove(index);
        self.version += 1;
        Ok(())
    }

    /// Removes all functions.
    ///
    /// # Errors
    /// [`Error::NoFunctions`] where there is none.
    pub fn clear(&mut self) -> Result<()> {
        if self.list.is_empty() {
            return Err(Error::NoFunctions);
        }
        self.list.clear();
        self.version += 1;
        Ok(())
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Is this function among them?
    pub fn has(&self, function: &[u8]) -> bool {
        self.list.iter().any(|a| a.function == function)
    }

    /// Has one of them a timeout?
    pub fn have_timeout(&self) -> bool {
        self.list.iter().any(|a| a.timeout > 0)
    }
}

/// The option by which a worker asks for direct assignment.
const ALL_YOURS: &[u8] = b"all-yours";
/// The options by which it asks for notices of its jobs: which try one is, and that one was cancelled.
const ATTEMPTS: &[u8] = b"attempts";
const CANCEL_NOTICES: &[u8] = b"cancel-notices";
/// The option by which it says that it runs several jobs at once: a server that knows `attempts` takes it for one that fetches jobs
/// in advance.
const AT_ONCE: &[u8] = b"at-once";
/// The data of the echo that says the worker is awake.
const AWAKE: &[u8] = b"awake";

/// What the worker may send next, or waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// A job may be asked for.
    #[default]
    Awake,
    /// A job was asked for, and the answer is due.
    Grabbing,
    /// The server has no job, and does not know that we wait for one.
    NoJob,
    /// The server will send NOOP when there may be a job, or the job itself.
    Asleep,
    /// We no longer wait, and sent an echo that says so. A job may be on its way until it has answered.
    Waking,
}

/// How the server assigns jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// Nothing was asked of it yet.
    #[default]
    Unasked,
    /// It was asked for direct assignment, and has not answered.
    Asked,
    /// It gives a sleeping worker the job itself.
    Direct,
    /// It knows nothing of that.
    Refused,
    /// It was not asked.
    Classic,
}

/// Is it worth asking for the next job after one has ended? Where jobs come one by one the answer is always no, and
/// costs a packet each way just when the next job may be on its way to the server. So after some empty
/// answers most of those questions are left out.
#[derive(Debug, Default)]
struct Backoff {
    /// So many answers in a row were empty.
    empty: u32,
    /// So many questions are to be left out now.
    skips: u32,
    /// NOOP called for the question that is being asked: its answer does not count.
    called: bool,
}

impl Backoff {
    /// After so many empty answers one question is left out, after each more twice as many, up to 16.
    const BEGINS: u32 = 4;

    fn asked(&mut self, found: bool) {
        if !std::mem::take(&mut self.called) {
            self.empty = if found { 0 } else { self.empty + 1 };
            self.skips = (1 << self.empty.min(Self::BEGINS + 4)) >> Self::BEGINS;
        }
    }
}

/// The state of one connection of a worker.
#[derive(Debug, Default)]
pub(crate) struct Protocol {
    /// The functions that were announced.
    announced: Vec<Ability>,
    version: u64,
    pub(crate) state: State,
    pub(crate) assignment: Assignment,
    /// GRAB_JOBs without an answer.
    pub(crate) grabs: usize,
    /// The last answer to one was that there is no job.
    pub(crate) last_was_empty: bool,
    /// The form of the last of them, as it was wanted.
    form: Option<Grab>,
    /// The greatest form that the server may know.
    known: Grab,
    /// A form that it has answered.
    answered: Option<Grab>,
    /// NOOP came, and no GRAB_JOB has followed yet.
    woken: bool,
    backoff: Backoff,
    /// It tells which try a job is.
    pub(crate) tells_attempts: bool,
    /// It tells which jobs were cancelled.
    pub(crate) tells_cancelled: bool,
    /// It was told that several jobs run at once.
    pub(crate) at_once: bool,
    /// Requests that are answered in order, beside the grab.
    asked: VecDeque<Asked>,
    /// Counts our own echoes, which mark a place in the stream of answers.
    marks: u32,
    /// Functions that were taken away while a job could be on its way: one that comes before the echo of
    /// this number has been taken back by the server.
    taken_back: Vec<(u32, Bytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// OPTION_REQ of this name.
    Option(&'static [u8]),
    /// ECHO_REQ with this number.
    Echo(u32),
    /// ECHO_REQ of our own, with this number.
    Mark(u32),
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    /// A job.
    Job(Assign<'a>),
    /// What the echo with this number brought back.
    Echo(u32, &'a [u8]),
    /// Something about a job that it gave us.
    Notice(Notice<'a>),
    /// It does not know of notices.
    NoNotices,
    /// The state changed, or nothing did.
    Nothing,
}

impl Protocol {
    /// Announces changes of the functions. True: some were taken away, and with them
    /// their jobs.
    pub(crate) fn announce(&mut self, wanted: &Abilities, out: &mut impl Sink) -> bool {
        if self.version == wanted.version {
            return false;
        }
        self.interrupt_sleep(out);
        let mut taken_back = self.announced.iter().map(|a| a.function.clone()).collect::<Vec<_>>();
        taken_back.retain(|function| !wanted.has(function));
        self.expect_none(&taken_back, out);
        if wanted.is_empty() && !taken_back.is_empty() {
            Request::ResetAbilities.encode(out);
        } else {
            taken_back.iter().for_each(|function| Request::CantDo(function).encode(out));
        }
        // The last one first: servers ask the one announced last before the others, and so the one
        // that was added first is served first. libgearman does the same.
        for ability in wanted.list.iter().rev().filter(|a| !self.announced.contains(a)) {
            let digits = Decimal::new(ability.timeout);
            let timeout = (ability.timeout > 0).then_some(digits.as_ref());
            Request::CanDo { function: &ability.function, timeout }.encode(out);
        }
        self.announced.clone_from(&wanted.list);
        self.version = wanted.version;
        // It may have jobs for the new ones, and has not been asked for those.
        if self.state == State::NoJob {
            self.state = State::Awake;
        }
        !taken_back.is_empty()
    }

    /// The server is about to take back its jobs of these functions, also one that is on its way.
    fn expect_none(&mut self, taken_back: &[Bytes], out: &mut impl Sink) {
        if taken_back.is_empty() || (self.grabs == 0 && self.state != State::Waking) {
            return;
        }
        if self.state != State::Waking {
            self.send_mark(out);
        }
        self.taken_back.extend(taken_back.iter().map(|function| (self.marks, function.clone())));
    }

    /// Asks for direct assignment; to be called before the first [`Protocol::grab`] of a connection.
    pub(crate) fn ask_directly(&mut self, out: &mut impl Sink) {
        Request::Option(ALL_YOURS).encode(out);
        self.assignment = Assignment::Asked;
    }

    pub(crate) fn grab(&mut self, form: Grab, out: &mut impl Sink) {
        if self.assignment == Assignment::Unasked {
            self.assignment = Assignment::Classic;
        }
        self.form = Some(form);
        Request::GrabJob(form.min(self.known)).encode(out);
        self.backoff.called |= std::mem::take(&mut self.woken);
        self.grabs += 1;
        self.state = State::Grabbing;
    }

    /// May we go to sleep without having asked for a job? PRE_SLEEP has an answer too where there is one: the job
    /// itself with direct assignment, in the form of the last grab; else NOOP, which pays where the question is
    /// likely to have an empty answer. NOOP is always followed by a question: a server that only wakes its workers need
    /// not do so twice.
    pub(crate) fn may_sleep(&self, form: Grab) -> bool {
        let unasked =
            if self.assignment == Assignment::Direct { self.form == Some(form) } else { self.backoff.skips > 0 };
        unasked && !self.woken
    }

    pub(crate) fn sleep(&mut self, out: &mut impl Sink) {
        Request::PreSleep.encode(out);
        if self.state == State::Awake {
            self.backoff.skips = self.backoff.skips.saturating_sub(1);
        }
        self.state = State::Asleep;
    }

    /// To be called before anything else is sent. A server may take any packet of a sleeping worker for the end of its
    /// sleep, and would not wake it: so it is asked for a job once more. Where a job itself may be on its way, that is
    /// waited for first, or there would be two.
    pub(crate) fn interrupt_sleep(&mut self, out: &mut impl Sink) {
        match self.state {
            State::Asleep if self.assignment != Assignment::Direct => self.state = State::Awake,
            State::Asleep => self.stop_waiting(out),
            _ => {}
        }
    }

    /// We do not wait for a job any more: where one may be on its way, an echo asks for the end of that.
    pub(crate) fn stop_waiting(&mut self, out: &mut impl Sink) {
        let waits = self.state == State::Asleep || self.state == State::Grabbing;
        if waits && self.assignment == Assignment::Direct {
            self.send_mark(out);
            self.state = State::Waking;
        }
    }

    fn send_mark(&mut self, out: &mut impl Sink) {
        self.marks += 1;
        Request::Echo(AWAKE).encode(out);
        self.asked.push_back(Asked::Mark(self.marks));
    }

    fn echo_returned(&mut self, mark: u32) {
        self.taken_back.retain(|(until, _)| *until > mark);
        if self.state == State::Waking && mark == self.marks {
            self.state = if self.grabs > 0 { State::Grabbing } else { State::Awake };
        }
    }

    /// Asks for an option; to be called while no [`Protocol::grab`] is unanswered.
    pub(crate) fn option(&mut self, name: &'static [u8], out: &mut impl Sink) {
        Request::Option(name).encode(out);
        self.asked.push_back(Asked::Option(name));
    }

    /// Asks for notices, as [`Protocol::option`] does.
    pub(crate) fn ask_for_notices(&mut self, out: &mut impl Sink) {
        self.option(ATTEMPTS, out);
        self.option(CANCEL_NOTICES, out);
    }

    /// Tells once that jobs are begun while others run, as [`Protocol::option`] does: their time begins when they are given, and all
    /// count as tried.
    pub(crate) fn runs_at_once(&mut self, out: &mut impl Sink) {
        if self.tells_attempts && !std::mem::replace(&mut self.at_once, true) {
            self.option(AT_ONCE, out);
        }
    }

    pub(crate) fn echo(&mut self, number: u32, data: &[u8], out: &mut impl Sink) {
        self.interrupt_sleep(out);
        Request::Echo(data).encode(out);
        self.asked.push_back(Asked::Echo(number));
    }

    pub(crate) fn receive<'a>(&mut self, response: Response<'a>) -> Result<Received<'a>> {
        match response {
            Response::Noop => {
                // While a grab is unanswered it says nothing new: the answer to the grab does. Otherwise it counts,
                // also where we are awake already, or about to be, and it was sent while we slept.
                self.woken |= self.grabs == 0;
                if matches!(self.state, State::NoJob | State::Asleep) {
                    self.state = State::Awake;
                }
            }
            Response::NoJob if self.grabs > 0 => {
                let last = self.answered();
                self.last_was_empty = true;
                self.backoff.asked(false);
                if last && self.state == State::Grabbing {
                    self.state = State::NoJob;
                }
            }
            Response::JobAssign(job) => {
                let last = self.answered();
                self.last_was_empty = false;
                self.backoff.asked(true);
                if last && self.state != State::Waking {
                    self.state = State::Awake;
                }
                let ours = !self.taken_back.iter().any(|(_, function)| function == job.function);
                return Ok(if ours { Received::Job(job) } else { Received::Nothing });
            }
            Response::Option(ALL_YOURS) if self.assignment == Assignment::Asked => {
                self.set_assignment(Assignment::Direct)
            }
            Response::Option(_) if self.option_is_due() => match self.asked.pop_front() {
                Some(Asked::Option(ATTEMPTS)) => self.tells_attempts = true,
                Some(Asked::Option(CANCEL_NOTICES)) => self.tells_cancelled = true,
                _ => {}
            },
            Response::Echo(data) => {
                self.options_are_over();
                match self.asked.pop_front() {
                    Some(Asked::Echo(number)) => return Ok(Received::Echo(number, data)),
                    Some(Asked::Mark(mark)) => self.echo_returned(mark),
                    _ => return Err(Error::unexpected("a worker got ECHO_RES without having asked")),
                }
            }
            Response::JobNotice(notice) if self.is_told(&notice) => return Ok(Received::Notice(notice)),
            // An option that the server does not know; or it was sent an update of a job that it has given to
            // another worker meanwhile (the function's timeout ran out). Nothing is left to be done about either.
            Response::Error { code, text } => return self.refused(code, text),
            other => return Err(Error::unexpected(format_args!("a worker got {}", name(&other)))),
        }
        Ok(Received::Nothing)
    }

    /// A grab was answered, by a job or by NO_JOB. True: no grab is unanswered now.
    fn answered(&mut self) -> bool {
        self.grabs = self.grabs.saturating_sub(1);
        self.answered = self.last_form();
        self.options_are_over();
        // The option was asked for ahead of the first grab, and what is answered is answered in order.
        if self.assignment == Assignment::Asked {
            self.set_assignment(Assignment::Refused);
        }
        self.grabs == 0
    }

    /// The form of the last grab, as it was sent.
    fn last_form(&self) -> Option<Grab> {
        self.form.map(|form| form.min(self.known))
    }

    fn set_assignment(&mut self, assignment: Assignment) {
        self.assignment = assignment;
        self.options_are_over();
    }

    fn option_is_due(&self) -> bool {
        matches!(self.asked.front(), Some(Asked::Option(_)))
    }

    /// What came after them is answered, so they never will be.
    fn options_are_over(&mut self) {
        while self.option_is_due() {
            self.asked.pop_front();
        }
    }

    fn is_told(&self, notice: &Notice<'_>) -> bool {
        match notice.news {
            News::Attempt(_) => self.tells_attempts,
            News::Cancelled => self.tells_cancelled,
            News::Other(..) => self.tells_attempts || self.tells_cancelled,
        }
    }

    /// A server that does not know a command says so in its own way: gearmand by INVALID_COMMAND, C's with GEARMAN_ in front in some
    /// versions, and Perl's Gearman::Server, which knows GRAB_JOB alone, by `server_error`.
    fn refused<'a>(&mut self, code: &[u8], text: &[u8]) -> Result<Received<'a>> {
        let upper = code.to_ascii_uppercase();
        let unknown = upper.ends_with(b"INVALID_COMMAND") || upper == b"SERVER_ERROR";
        if !unknown && !upper.ends_with(b"OPTION") {
            return Ok(Received::Nothing);
        }
        if self.option_is_due() {
            if let Some(Asked::Option(ATTEMPTS | CANCEL_NOTICES)) = self.asked.pop_front() {
                return Ok(Received::NoNotices);
            }
        } else if self.assignment == Assignment::Asked {
            self.assignment = Assignment::Refused;
        } else if unknown && self.grabs > 0 && self.answered != self.last_form() {
            self.known = match self.last_form() {
                Some(Grab::All) => Grab::Uniq,
                Some(Grab::Uniq) => Grab::Plain,
                _ => {
                    let (code, text) = (code.escape_ascii(), text.escape_ascii());
                    return Err(Error::unexpected(format_args!("it gives no jobs: {text} ({code})")));
                }
            };
            // The question stands, in another form.
            (self.grabs, self.woken) = (0, true);
            if self.state == State::Grabbing {
                self.state = State::Awake;
            }
        }
        Ok(Received::Nothing)
    }
}

fn name(response: &Response<'_>) -> &'static str {
    match response {
        Response::NoJob => "NO_JOB without having asked",
        Response::JobCreated(_) => "JOB_CREATED",
        Response::Work(_) => "news of a job",
        Response::Status { .. } => "STATUS_RES",
        Response::StatusUnique { .. } => "STATUS_RES_UNIQUE",
        Response::Option(_) => "OPTION_RES without having asked",
        Response::JobNotice(_) => "JOB_NOTICE without having asked",
        Response::Noop | Response::JobAssign(_) | Response::Echo(_) | Response::Error { .. } => "an answer",
    }
}

#[cfg(test)]
mod tests;
