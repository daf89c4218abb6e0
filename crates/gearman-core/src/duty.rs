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

    /// Has one of them a timeout?
    pub fn have_timeout(&self) -> bool {
        self.list.iter().any(|a| a.timeout > 0)
    }
}

/// The option by which a worker asks for direct assignment.
const ALL_YOURS: &[u8] = b"all-yours";
/// What the echo brings back by which it says that it is awake.
const AWAKE: &[u8] = b"awake";

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
    /// The server's: it will send NOOP when there may be a job, or the job itself.
    Asleep,
    /// The server's: it was told that we no longer wait. A job may be on its way until it has answered.
    Rising,
}

/// How the server hands out jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
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

/// The state of one connection of a worker.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    /// What the server was told.
    announced: Vec<Ability>,
    version: u64,
    pub(crate) turn: Turn,
    pub(crate) way: Way,
    /// GRAB_JOBs without an answer.
    pub(crate) grabs: usize,
    /// The last answer to one was that there is no job.
    pub(crate) dry: bool,
    /// PRE_SLEEP was sent together with the last of them.
    dozes: bool,
    /// It is an old server that does not know GRAB_JOB_ALL.
    old: bool,
    /// Requests that are answered in order, beside the grab.
    asked: VecDeque<Asked>,
    /// Counts our own echoes.
    marks: u32,
    /// Functions that were taken away while a job could be on its way: one that comes before the echo of
    /// this number has been taken back by the server.
    gone: Vec<(u32, Bytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// OPTION_REQ.
    Option,
    /// ECHO_REQ with this number.
    Echo(u32),
    /// ECHO_REQ of our own, with this number.
    Mark(u32),
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
    /// Tells the server what it does not know yet of the functions. True: some were taken away, and with them
    /// their jobs.
    pub(crate) fn announce(&mut self, wanted: &Abilities, out: &mut impl Sink) -> bool {
        if self.version == wanted.version {
            return false;
        }
        self.speak(out);
        let mut gone = self.announced.iter().map(|a| a.function.clone()).collect::<Vec<_>>();
        gone.retain(|function| !wanted.has(function));
        self.expect_none(&gone, out);
        if wanted.is_empty() && !gone.is_empty() {
            Request::ResetAbilities.encode(out);
        } else {
            gone.iter().for_each(|function| Request::CantDo(function).encode(out));
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
        if self.turn == Turn::NoJob {
            self.turn = Turn::Awake;
        }
        !gone.is_empty()
    }

    /// The server is about to take back its jobs of these functions, also one that is on its way.
    fn expect_none(&mut self, gone: &[Bytes], out: &mut impl Sink) {
        if gone.is_empty() || (self.grabs == 0 && self.turn != Turn::Rising) {
            return;
        }
        if self.turn != Turn::Rising {
            self.mark(out);
        }
        self.gone.extend(gone.iter().map(|function| (self.marks, function.clone())));
    }

    /// Asks for direct assignment; to be called before the first [`Duty::grab`] of a connection.
    pub(crate) fn ask_directly(&mut self, out: &mut impl Sink) {
        Request::Option(ALL_YOURS).encode(out);
        self.way = Way::Asked;
    }

    pub(crate) fn grab(&mut self, form: Grab, out: &mut impl Sink) {
        if self.way == Way::Unasked {
            self.way = Way::Classic;
        }
        let form = if self.old && form == Grab::All { Grab::Uniq } else { form };
        Request::GrabJob(form).encode(out);
        self.grabs += 1;
        self.turn = Turn::Grabbing;
    }

    /// Sleeps if that grab brings no job.
    pub(crate) fn doze(&mut self, out: &mut impl Sink) {
        if self.way == Way::Direct {
            Request::PreSleep.encode(out);
            self.dozes = true;
        }
    }

    pub(crate) fn sleep(&mut self, out: &mut impl Sink) {
        Request::PreSleep.encode(out);
        self.turn = Turn::Asleep;
    }

    /// We say something else. A server may take any word of a sleeping worker for the end of its sleep,
    /// and would not wake it: so it is asked for a job once more. Where a job itself may be on its way, that is
    /// waited for first, or there would be two.
    pub(crate) fn speak(&mut self, out: &mut impl Sink) {
        match self.turn {
            Turn::Asleep if self.way != Way::Direct => self.turn = Turn::Awake,
            Turn::Asleep => self.rise(out),
            _ if self.dozes => self.rise(out),
            _ => {}
        }
    }

    /// We do not wait for a job any more.
    pub(crate) fn rise(&mut self, out: &mut impl Sink) {
        let waits = self.turn == Turn::Asleep || self.turn == Turn::Grabbing;
        if waits && self.way == Way::Direct {
            self.mark(out);
            (self.turn, self.dozes) = (Turn::Rising, false);
        }
    }

    fn mark(&mut self, out: &mut impl Sink) {
        self.marks += 1;
        Request::Echo(AWAKE).encode(out);
        self.asked.push_back(Asked::Mark(self.marks));
    }

    fn marked(&mut self, mark: u32) {
        self.gone.retain(|(until, _)| *until > mark);
        if self.turn == Turn::Rising && mark == self.marks {
            self.turn = if self.grabs > 0 { Turn::Grabbing } else { Turn::Awake };
        }
    }

    pub(crate) fn option(&mut self, name: &[u8], out: &mut impl Sink) {
        Request::Option(name).encode(out);
        self.asked.push_back(Asked::Option);
    }

    pub(crate) fn echo(&mut self, number: u32, data: &[u8], out: &mut impl Sink) {
        self.speak(out);
        Request::Echo(data).encode(out);
        self.asked.push_back(Asked::Echo(number));
    }

    pub(crate) fn hear<'a>(&mut self, response: Response<'a>) -> Result<Heard<'a>> {
        match response {
            Response::Noop => {
                // While a grab is unanswered it tells nothing new: the answer to the grab does.
                if matches!(self.turn, Turn::NoJob | Turn::Asleep) {
                    self.turn = Turn::Awake;
                }
            }
            Response::NoJob if self.grabs > 0 => {
                let last = self.answered();
                self.dry = true;
                if last && self.turn == Turn::Grabbing {
                    self.turn = if self.dozes { Turn::Asleep } else { Turn::NoJob };
                    self.dozes = false;
                }
            }
            Response::JobAssign(job) => {
                let last = self.answered();
                self.dry = false;
                if last && self.turn != Turn::Rising {
                    (self.turn, self.dozes) = (Turn::Awake, false);
                }
                let ours = !self.gone.iter().any(|(_, function)| function == job.function);
                return Ok(if ours { Heard::Job(job) } else { Heard::Nothing });
            }
            Response::Option(ALL_YOURS) if self.way == Way::Asked => self.settle(Way::Direct),
            Response::Option(_) if self.asked.front() == Some(&Asked::Option) => _ = self.asked.pop_front(),
            Response::Echo(data) => match self.asked.pop_front() {
                Some(Asked::Echo(number)) => return Ok(Heard::Echo(number, data)),
                Some(Asked::Mark(mark)) => self.marked(mark),
                _ => return Err(Error::unexpected("a worker got ECHO_RES without having asked")),
            },
            // An option that the server does not know; or it was told of a job that it has given to
            // another worker meanwhile (the function's timeout ran out). Nothing is left to be done about either.
            Response::Error { code, .. } => self.refused(code),
            other => return Err(Error::unexpected(format_args!("a worker got {}", name(&other)))),
        }
        Ok(Heard::Nothing)
    }
}

impl Duty {
    /// A job came, or word that there is none. True: no grab is unanswered now.
    fn answered(&mut self) -> bool {
        self.grabs = self.grabs.saturating_sub(1);
        // The option was asked for ahead of the first grab, and what is answered is answered in order.
        if self.way == Way::Asked {
            self.settle(Way::Refused);
        }
        self.grabs == 0
    }

    fn settle(&mut self, way: Way) {
        self.way = way;
        self.asked.retain(|asked| *asked != Asked::Option);
    }

    fn refused(&mut self, code: &[u8]) {
        let unknown = code.ends_with(b"INVALID_COMMAND");
        if unknown || code.ends_with(b"OPTION") {
            if self.asked.front() == Some(&Asked::Option) {
                self.asked.pop_front();
            } else if self.way == Way::Asked {
                self.way = Way::Refused;
            } else if unknown && self.turn == Turn::Grabbing && !self.old {
                (self.old, self.turn, self.grabs, self.dozes) = (true, Turn::Awake, 0, false);
            }
        }
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
        duty.speak(&mut Vec::new());
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

    fn job<'a>() -> Response<'a> {
        Response::JobAssign(Assign { handle: b"H", function: b"f", unique: None, reducer: None, workload: b"" })
    }

    /// What a grab in the direct way says.
    fn enter(duty: &mut Duty) -> Vec<String> {
        let mut out = Vec::new();
        duty.grab(Grab::Plain, &mut out);
        duty.doze(&mut out);
        commands(&out)
    }

    fn direct() -> Duty {
        Duty { way: Way::Direct, ..Duty::default() }
    }

    #[test]
    fn a_server_is_asked_once_and_says_yes() {
        let (mut duty, mut out) = (Duty::default(), Vec::new());
        duty.option(b"exceptions", &mut out);
        duty.ask_directly(&mut out);
        assert_eq!(commands(&out), ["OPTION_REQ exceptions", "OPTION_REQ all-yours"]);
        assert_eq!(enter(&mut duty), ["GRAB_JOB"]);
        assert_eq!(duty.hear(Response::Option(b"exceptions")), Ok(Heard::Nothing));
        assert_eq!(duty.hear(Response::Option(b"all-yours")), Ok(Heard::Nothing));
        assert_eq!(duty.hear(Response::NoJob), Ok(Heard::Nothing));
        assert_eq!((duty.way, duty.turn), (Way::Direct, Turn::NoJob));
        duty.sleep(&mut Vec::new());
        assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
        assert_eq!(enter(&mut duty), ["GRAB_JOB", "PRE_SLEEP"]);
        assert_eq!(duty.hear(Response::NoJob), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::Asleep);
        assert!(duty.hear(Response::Option(b"all-yours")).is_err(), "nobody asked again");
    }

    #[test]
    fn an_error_or_no_answer_is_a_no() {
        let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
        let command = Response::Error { code: b"INVALID_COMMAND", text: b"" };
        for answers in [&[unknown, Response::NoJob][..], &[command, Response::NoJob], &[Response::NoJob], &[job()]] {
            let mut duty = Duty::default();
            duty.option(b"exceptions", &mut Vec::new());
            duty.ask_directly(&mut Vec::new());
            assert_eq!(enter(&mut duty), ["GRAB_JOB"]);
            if answers.len() > 1 {
                duty.hear(Response::Option(b"exceptions")).unwrap();
            }
            for answer in answers {
                duty.hear(*answer).unwrap();
            }
            assert_eq!(duty.way, Way::Refused);
            assert!(!duty.old);
            assert_eq!(enter(&mut duty), ["GRAB_JOB"]);
            // Nothing is waited for any more that will not come.
            duty.echo(1, b"x", &mut Vec::new());
            assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(1, b"x")));
        }
    }

    #[test]
    fn a_noop_means_grab_in_the_direct_way_too() {
        let mut duty = direct();
        enter(&mut duty);
        duty.hear(Response::Noop).unwrap();
        assert_eq!(duty.turn, Turn::Grabbing);
        duty.hear(Response::NoJob).unwrap();
        duty.hear(Response::Noop).unwrap();
        assert_eq!(duty.turn, Turn::Awake);
    }

    #[test]
    fn a_job_may_come_until_the_server_knows_that_we_are_awake() {
        for answered in [true, false] {
            let (mut duty, mut out) = (direct(), Vec::new());
            enter(&mut duty);
            if answered {
                duty.hear(Response::NoJob).unwrap();
            }
            duty.rise(&mut out);
            duty.rise(&mut out);
            assert_eq!(commands(&out), ["ECHO_REQ awake"]);
            if !answered {
                duty.hear(Response::NoJob).unwrap();
            }
            duty.hear(Response::Noop).unwrap();
            assert_eq!(duty.turn, Turn::Rising);
            assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
            assert_eq!(duty.turn, Turn::Rising);
            duty.hear(Response::Echo(b"awake")).unwrap();
            assert_eq!((duty.turn, duty.grabs), (Turn::Awake, 0));
        }
    }

    #[test]
    fn who_does_not_wait_need_not_rise() {
        let (mut duty, mut out) = (direct(), Vec::new());
        duty.rise(&mut out);
        duty.speak(&mut out);
        let mut classic = Duty { turn: Turn::Asleep, ..Duty::default() };
        classic.rise(&mut out);
        assert_eq!((commands(&out), classic.turn), (vec![], Turn::Asleep));
    }

    #[test]
    fn a_word_in_a_direct_sleep_is_preceded_by_an_echo() {
        let (mut duty, mut out) = (direct(), Vec::new());
        enter(&mut duty);
        duty.echo(7, b"x", &mut out);
        assert_eq!(commands(&out), ["ECHO_REQ awake", "ECHO_REQ x"]);
        duty.hear(Response::NoJob).unwrap();
        duty.hear(Response::Echo(b"awake")).unwrap();
        assert_eq!(duty.turn, Turn::Awake);
        assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(7, b"x")));
    }

    #[test]
    fn several_grabs_are_answered_one_by_one() {
        let mut duty = direct();
        for _ in 0..3 {
            duty.grab(Grab::Plain, &mut Vec::new());
        }
        assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
        assert_eq!(duty.turn, Turn::Grabbing);
        duty.hear(Response::NoJob).unwrap();
        assert_eq!(duty.turn, Turn::Grabbing);
        duty.hear(Response::NoJob).unwrap();
        assert_eq!(duty.turn, Turn::NoJob);
        assert!(duty.hear(Response::NoJob).is_err());
    }

    #[test]
    fn a_job_of_a_function_taken_away_meanwhile_is_not_ours() {
        let (mut wanted, mut duty, mut out) = (Abilities::default(), Duty::default(), Vec::new());
        wanted.add(b"f", 0).unwrap();
        wanted.add(b"g", 0).unwrap();
        duty.announce(&wanted, &mut Vec::new());
        duty.grab(Grab::Plain, &mut Vec::new());
        wanted.remove(b"f").unwrap();
        assert!(duty.announce(&wanted, &mut out));
        wanted.add(b"f", 0).unwrap();
        duty.announce(&wanted, &mut out);
        assert_eq!(commands(&out), ["ECHO_REQ awake", "CANT_DO f", "CAN_DO f"]);
        assert_eq!(duty.hear(job()), Ok(Heard::Nothing));
        assert_eq!(duty.turn, Turn::Awake);
        duty.hear(Response::Echo(b"awake")).unwrap();
        assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))), "it was announced anew");
    }

    #[test]
    fn what_a_server_may_not_say_is_an_error() {
        assert!(Duty::default().hear(Response::NoJob).is_err());
        assert!(Duty::default().hear(Response::Echo(b"x")).is_err());
        assert!(Duty::default().hear(Response::JobCreated(b"H:x:1")).is_err());
    }
}
