//! What one server knows of a worker: which functions it announced, and whose turn it is to speak.
//! Pure.

use crate::codec::Sink;
use crate::error::{Error, Result};
use crate::message::{Assign, Decimal, Grab, Request, Response};
use crate::task::check_function;
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
    /// Counts changes, so that a server that knows them all is seen at a glance.
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
        let place = self.list.iter().position(|a| a.function == function).ok_or(Error::NoSuchFunction)?;
        self.list.remove(place);
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
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Ours: a job may be asked for.
    #[default]
    Awake,
    /// The server's: it was asked for a job.
    Grabbing,
    /// Ours: it has no job, and does not know that we wait for one.
    NoJob,
    /// The server's: it will send NOOP when there may be a job.
    Asleep,
}

/// The state of one connection of a worker.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    /// What the server was told.
    announced: Vec<Ability>,
    version: u64,
    pub(crate) turn: Turn,
    /// It is an old server that does not know GRAB_JOB_ALL.
    old: bool,
    /// Requests that are answered in order, beside the grab.
    asked: VecDeque<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// OPTION_REQ.
    Option,
    /// ECHO_REQ with this number.
    Echo(u32),
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A job.
    Job(Assign<'a>),
    /// What the echo with this number brought back.
    Echo(u32, &'a [u8]),
    /// The state changed, or nothing did.
    Nothing,
}

impl Duty {
    /// Tells the server what it does not know yet of the functions.
    pub(crate) fn announce(&mut self, wanted: &Abilities, out: &mut impl Sink) {
        if self.version == wanted.version {
            return;
        }
        if wanted.is_empty() && !self.announced.is_empty() {
            Request::ResetAbilities.encode(out);
        } else {
            for gone in self.announced.iter().filter(|a| !wanted.has(&a.function)) {
                Request::CantDo(&gone.function).encode(out);
            }
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
        if matches!(self.turn, Turn::NoJob | Turn::Asleep) {
            self.turn = Turn::Awake;
        }
    }

    pub(crate) fn grab(&mut self, form: Grab, out: &mut impl Sink) {
        let form = if self.old && form == Grab::All { Grab::Uniq } else { form };
        Request::GrabJob(form).encode(out);
        self.turn = Turn::Grabbing;
    }

    pub(crate) fn sleep(&mut self, out: &mut impl Sink) {
        Request::PreSleep.encode(out);
        self.turn = Turn::Asleep;
    }

    /// We say something else. A server may take any word of a sleeping worker for the end of its sleep,
    /// and would not wake it: so it is asked for a job once more.
    pub(crate) fn speak(&mut self) {
        if self.turn == Turn::Asleep {
            self.turn = Turn::Awake;
        }
    }

    pub(crate) fn option(&mut self, name: &[u8], out: &mut impl Sink) {
        Request::Option(name).encode(out);
        self.asked.push_back(Asked::Option);
    }

    pub(crate) fn echo(&mut self, number: u32, data: &[u8], out: &mut impl Sink) {
        self.speak();
        Request::Echo(data).encode(out);
        self.asked.push_back(Asked::Echo(number));
    }

    pub(crate) fn hear<'a>(&mut self, response: Response<'a>) -> Result<Heard<'a>> {
        match response {
            Response::Noop => {
                // While a grab is unanswered it tells nothing new: the answer to the grab does.
                if self.turn != Turn::Grabbing {
                    self.turn = Turn::Awake;
                }
            }
            Response::NoJob if self.turn == Turn::Grabbing => self.turn = Turn::NoJob,
            Response::JobAssign(job) => {
                self.turn = Turn::Awake;
                return Ok(Heard::Job(job));
            }
            Response::Option(_) if self.asked.front() == Some(&Asked::Option) => _ = self.asked.pop_front(),
            Response::Echo(data) => match self.asked.pop_front() {
                Some(Asked::Echo(number)) => return Ok(Heard::Echo(number, data)),
                _ => return Err(Error::unexpected("a worker got ECHO_RES without having asked")),
            },
            // An option that the server does not know; or it was told of a job that it has given to
            // another worker meanwhile (the function's timeout ran out). Nothing is left to be done about either.
            Response::Error { code, .. } => {
                if self.turn == Turn::Grabbing && code.ends_with(b"INVALID_COMMAND") && !self.old {
                    (self.old, self.turn) = (true, Turn::Awake);
                }
                if self.asked.front() == Some(&Asked::Option) && code.ends_with(b"OPTION") {
                    self.asked.pop_front();
                }
            }
            other => return Err(Error::unexpected(format_args!("a worker got {}", name(&other)))),
        }
        Ok(Heard::Nothing)
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
        Response::Noop | Response::JobAssign(_) | Response::Echo(_) | Response::Error { .. } => "an answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(bytes: &[u8]) -> Vec<String> {
        let (mut rest, mut all) = (bytes, Vec::new());
        while let Ok(crate::codec::Decoded::Frame(frame, size)) = crate::codec::decode(rest, 1000) {
            all.push(format!("{} {}", frame.command().unwrap(), frame.body.escape_ascii()).trim_end().to_string());
            rest = &rest[size..];
        }
        all
    }

    #[test]
    fn only_changes_are_announced() {
        let (mut wanted, mut duty) = (Abilities::default(), Duty::default());
        let mut announce = |wanted: &Abilities| {
            let mut out = Vec::new();
            duty.announce(wanted, &mut out);
            commands(&out)
        };
        wanted.add(b"a", 0).unwrap();
        wanted.add(b"b", 5000).unwrap();
        wanted.add(b"a", 0).unwrap();
        assert_eq!(announce(&wanted), ["CAN_DO_TIMEOUT b\\x005000", "CAN_DO a"]);
        assert_eq!(announce(&wanted), Vec::<String>::new());
        wanted.remove(b"a").unwrap();
        wanted.add(b"c", 0).unwrap();
        assert_eq!(announce(&wanted), ["CANT_DO a", "CAN_DO c"]);
        wanted.clear().unwrap();
        assert_eq!(announce(&wanted), ["RESET_ABILITIES"]);
    }

    #[test]
    fn a_new_function_ends_the_sleep() {
        let (mut wanted, mut duty) = (Abilities::default(), Duty { turn: Turn::Asleep, ..Duty::default() });
        wanted.add(b"a", 0).unwrap();
        duty.announce(&wanted, &mut Vec::new());
        assert_eq!(duty.turn, Turn::Awake);
    }

    #[test]
    fn a_noop_before_the_answer_to_a_grab_changes_nothing() {
        let mut duty = Duty::default();
        duty.grab(Grab::All, &mut Vec::new());
        assert_eq!(duty.hear(Response::Noop), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::Grabbing);
        assert_eq!(duty.hear(Response::NoJob), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::NoJob);
    }

    #[test]
    fn a_word_in_its_sleep_ends_it() {
        let mut duty = Duty::default();
        duty.sleep(&mut Vec::new());
        duty.echo(1, b"x", &mut Vec::new());
        assert_eq!(duty.turn, Turn::Awake);
        duty.grab(Grab::All, &mut Vec::new());
        duty.speak();
        assert_eq!(duty.turn, Turn::Grabbing);
    }

    #[test]
    fn answers_come_in_the_order_of_their_requests() {
        let mut duty = Duty::default();
        let out = &mut Vec::new();
        duty.option(b"exceptions", out);
        duty.echo(7, b"x", out);
        let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
        assert_eq!(duty.hear(unknown), Ok(Heard::Nothing));
        assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(7, b"x")));
        assert!(duty.hear(Response::Option(b"exceptions")).is_err());
    }

    #[test]
    fn an_old_server_is_asked_in_a_form_it_knows() {
        let (mut duty, mut out) = (Duty::default(), Vec::new());
        duty.grab(Grab::All, &mut out);
        let refused = Response::Error { code: b"INVALID_COMMAND", text: b"" };
        assert_eq!(duty.hear(refused), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::Awake);
        duty.grab(Grab::All, &mut out);
        assert_eq!(commands(&out), ["GRAB_JOB_ALL", "GRAB_JOB_UNIQ"]);
        // Refused again: there is nothing else to try, and no use in asking without end.
        assert_eq!(duty.hear(refused), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::Grabbing);
    }

    #[test]
    fn what_a_server_may_not_say_is_an_error() {
        assert!(Duty::default().hear(Response::NoJob).is_err());
        assert!(Duty::default().hear(Response::Echo(b"x")).is_err());
        assert!(Duty::default().hear(Response::JobCreated(b"H:x:1")).is_err());
    }
}
