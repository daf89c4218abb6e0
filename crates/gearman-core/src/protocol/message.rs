//! Typed packets: what a client or a worker sends ([`Request`]) and what a server sends ([`Response`]). Every packet is read
//! and written here, and nowhere else by hand.
//!
//! Owns which arguments a command has, and in which order. Must never know whether a name, a key or a handle is one that can
//! be, or whether a packet is due: only its form is judged. What is read is borrowed from the read buffer.

use crate::error::{Error, Result};
use crate::protocol::codec::{Sink, body_size, encode};
use crate::protocol::packet::{Command, Frame, HEADER, Magic};
use crate::return_code::ReturnCode;
use arrayvec::ArrayString;

/// The largest body that a header can tell the size of.
const MAX_SIZE: usize = u32::MAX as usize;

/// A job's priority. Lower is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Priority {
    /// Before all others.
    High = 0,
    /// In between.
    #[default]
    Normal = 1,
    /// Only when nothing else waits.
    Low = 2,
}

impl Priority {
    /// All three, in the order they are served.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// In one word: `normal`.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

/// When a submitted job may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start<'a> {
    /// As soon as a worker is free.
    #[default]
    Now,
    /// Not before this moment: decimal seconds since 1970.
    Epoch(&'a [u8]),
    /// At the next minute that fits: minute, hour, day, month, weekday.
    Schedule([&'a [u8]; 5]),
}

/// One SUBMIT_*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submit<'a> {
    /// Which queue of the function it joins.
    pub priority: Priority,
    /// Nobody waits for the result.
    pub background: bool,
    /// Name of the function to run.
    pub function: &'a [u8],
    /// Jobs of one function with the same key are one job; empty: never.
    pub unique: &'a [u8],
    /// What the function works on.
    pub workload: &'a [u8],
    /// When it may run.
    pub start: Start<'a>,
    /// Name of the function that joins the parts of a job that is split.
    pub reducer: Option<&'a [u8]>,
}

/// How a worker wants its job described: what tells more is greater, and newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Grab {
    /// GRAB_JOB: answered by JOB_ASSIGN, without the unique key.
    Plain,
    /// GRAB_JOB_UNIQ: answered by JOB_ASSIGN_UNIQ.
    Uniq,
    /// GRAB_JOB_ALL: by JOB_ASSIGN_ALL where there is a reducer, else by JOB_ASSIGN_UNIQ.
    #[default]
    All,
}

/// What a worker sends about its job, and the server passes on to the clients that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work<'a> {
    /// Of which job.
    pub handle: &'a [u8],
    /// What is new about it.
    pub update: Update<'a>,
}

/// One WORK_*. The last three end the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update<'a> {
    /// WORK_STATUS: decimal numerator and denominator.
    Status(&'a [u8], &'a [u8]),
    /// WORK_DATA: a part of the result.
    Data(&'a [u8]),
    /// WORK_WARNING: a remark.
    Warning(&'a [u8]),
    /// WORK_COMPLETE: the result, or its last part.
    Complete(&'a [u8]),
    /// WORK_EXCEPTION: what was thrown.
    Exception(&'a [u8]),
    /// WORK_FAIL.
    Fail,
}

impl<'a> Work<'a> {
    /// Does it end the job?
    pub fn is_last(&self) -> bool {
        matches!(self.update, Update::Complete(_) | Update::Exception(_) | Update::Fail)
    }

    fn parse(command: Command, frame: &Frame<'a>) -> Result<Option<Work<'a>>> {
        let (handle, update) = match command {
            Command::WorkStatus => {
                let [handle, numerator, denominator] = frame.arguments()?;
                (handle, Update::Status(numerator, denominator))
            }
            Command::WorkFail => {
                // C gearmand leaves a NUL after the handle when it turns an exception into a failure.
                let [handle] = frame.arguments()?;
                (handle.strip_suffix(b"\0").unwrap_or(handle), Update::Fail)
            }
            Command::WorkData | Command::WorkWarning | Command::WorkComplete | Command::WorkException => {
                // Perl workers send a result that is empty or "0" without the NUL in front of it.
                let [handle, data] = frame.arguments().unwrap_or([frame.body, &[]]);
                let update = match command {
                    Command::WorkData => Update::Data(data),
                    Command::WorkWarning => Update::Warning(data),
                    Command::WorkComplete => Update::Complete(data),
                    _ => Update::Exception(data),
                };
                (handle, update)
            }
            _ => return Ok(None),
        };
        Ok(Some(Work { handle, update }))
    }

    /// The command and its arguments. Inlined, since the one who asks for a packet mostly knows which.
    #[inline(always)]
    fn parts<R>(&self, put: impl FnOnce(Command, &[&[u8]]) -> R) -> R {
        let handle = self.handle;
        match self.update {
            Update::Status(numerator, denominator) => put(Command::WorkStatus, &[handle, numerator, denominator]),
            Update::Data(data) => put(Command::WorkData, &[handle, data]),
            Update::Warning(text) => put(Command::WorkWarning, &[handle, text]),
            Update::Complete(result) => put(Command::WorkComplete, &[handle, result]),
            Update::Exception(text) => put(Command::WorkException, &[handle, text]),
            Update::Fail => put(Command::WorkFail, &[handle]),
        }
    }
}

/// What a client or a worker asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// CAN_DO and CAN_DO_TIMEOUT: this worker runs the function; the timeout is decimal milliseconds.
    CanDo {
        /// Name of the function.
        function: &'a [u8],
        /// How long a job of it may run.
        timeout: Option<&'a [u8]>,
    },
    /// CANT_DO: this worker runs the function no more.
    CantDo(&'a [u8]),
    /// RESET_ABILITIES: this worker runs no function any more.
    ResetAbilities,
    /// PRE_SLEEP: wake me by a NOOP when there is a job.
    PreSleep,
    /// GRAB_JOB in its three forms.
    GrabJob(Grab),
    /// ALL_YOURS: I have no other server.
    AllYours,
    /// SET_CLIENT_ID: my name in `workers`.
    SetClientId(&'a [u8]),
    /// SUBMIT_JOB in all its forms.
    Submit(Submit<'a>),
    /// WORK_*.
    Work(Work<'a>),
    /// GET_STATUS of a handle.
    GetStatus(&'a [u8]),
    /// GET_STATUS_UNIQUE of a key.
    GetStatusUnique(&'a [u8]),
    /// ECHO_REQ: send this back.
    Echo(&'a [u8]),
    /// OPTION_REQ: "exceptions", or "all-yours".
    Option(&'a [u8]),
}

/// A SUBMIT_JOB* that starts now and is not split: command, priority, background.
const SUBMITS: [(Command, Priority, bool); 6] = [
    (Command::SubmitJob, Priority::Normal, false),
    (Command::SubmitJobBg, Priority::Normal, true),
    (Command::SubmitJobHigh, Priority::High, false),
    (Command::SubmitJobHighBg, Priority::High, true),
    (Command::SubmitJobLow, Priority::Low, false),
    (Command::SubmitJobLowBg, Priority::Low, true),
];

impl<'a> Request<'a> {
    /// What this frame asks for.
    ///
    /// # Errors
    /// [`Error::Protocol`] where the arguments do not fit, and for commands that only a server sends.
    pub fn parse(command: Command, frame: &Frame<'a>) -> Result<Request<'a>> {
        if let Some(work) = Work::parse(command, frame)? {
            return Ok(Request::Work(work));
        }
        if let Some(&(_, priority, background)) = SUBMITS.iter().find(|s| s.0 == command) {
            let [function, unique, workload] = frame.arguments()?;
            return Ok(Request::Submit(Submit {
                priority,
                background,
                function,
                unique,
                workload,
                start: Start::Now,
                reducer: None,
            }));
        }
        Ok(match command {
            Command::CanDo => Request::CanDo { function: frame.arguments::<1>()?[0], timeout: None },
            Command::CanDoTimeout => {
                let [function, timeout] = frame.arguments()?;
                Request::CanDo { function, timeout: Some(timeout) }
            }
            Command::CantDo => Request::CantDo(frame.arguments::<1>()?[0]),
            Command::ResetAbilities => Request::ResetAbilities,
            Command::PreSleep => Request::PreSleep,
            Command::GrabJob => Request::GrabJob(Grab::Plain),
            Command::GrabJobUniq => Request::GrabJob(Grab::Uniq),
            Command::GrabJobAll => Request::GrabJob(Grab::All),
            Command::AllYours => Request::AllYours,
            Command::SetClientId => Request::SetClientId(frame.arguments::<1>()?[0]),
            Command::GetStatus => Request::GetStatus(frame.arguments::<1>()?[0]),
            Command::GetStatusUnique => Request::GetStatusUnique(frame.arguments::<1>()?[0]),
            Command::EchoReq => Request::Echo(frame.arguments::<1>()?[0]),
            Command::OptionReq => Request::Option(frame.arguments::<1>()?[0]),
            Command::SubmitJobEpoch | Command::SubmitReduceJob | Command::SubmitReduceJobBackground => {
                let [function, unique, third, workload] = frame.arguments()?;
                let epoch = command == Command::SubmitJobEpoch;
                Request::Submit(Submit {
                    priority: Priority::Normal,
                    background: command != Command::SubmitReduceJob,
                    function,
                    unique,
                    workload,
                    start: if epoch { Start::Epoch(third) } else { Start::Now },
                    reducer: (!epoch).then_some(third),
                })
            }
            Command::SubmitJobSched => {
                let [function, unique, minute, hour, day, month, weekday, workload] = frame.arguments()?;
                let start = Start::Schedule([minute, hour, day, month, weekday]);
                Request::Submit(Submit {
                    priority: Priority::Normal,
                    background: true,
                    function,
                    unique,
                    workload,
                    start,
                    reducer: None,
                })
            }
            other => return Err(invalid(format_args!("{other} is not a request"))),
        })
    }

    /// Appends the packet to `out`. It must [fit](Request::fits).
    pub fn encode(&self, out: &mut impl Sink) {
        self.parts(|command, arguments| encode(out, Magic::Request, command, arguments));
    }

    /// The packet alone, in memory of just its size; `None` where it does not [fit](Request::fits).
    #[inline]
    pub fn packet(&self) -> Option<Vec<u8>> {
        self.parts(|command, arguments| {
            let size = Some(body_size(arguments)).filter(|size| *size <= MAX_SIZE)?;
            let mut packet = Vec::with_capacity(HEADER + size);
            encode(&mut packet, Magic::Request, command, arguments);
            Some(packet)
        })
    }

    /// Can a packet hold it? Its length is counted in 32 bits.
    pub fn fits(&self) -> bool {
        self.parts(|_, arguments| body_size(arguments)) <= MAX_SIZE
    }

    /// The command and its arguments. Inlined, since the one who asks for a packet mostly knows which.
    #[inline(always)]
    fn parts<R>(&self, put: impl FnOnce(Command, &[&[u8]]) -> R) -> R {
        match *self {
            Request::CanDo { function, timeout: None } => put(Command::CanDo, &[function]),
            Request::CanDo { function, timeout: Some(t) } => put(Command::CanDoTimeout, &[function, t]),
            Request::CantDo(function) => put(Command::CantDo, &[function]),
            Request::ResetAbilities => put(Command::ResetAbilities, &[]),
            Request::PreSleep => put(Command::PreSleep, &[]),
            Request::GrabJob(Grab::Plain) => put(Command::GrabJob, &[]),
            Request::GrabJob(Grab::Uniq) => put(Command::GrabJobUniq, &[]),
            Request::GrabJob(Grab::All) => put(Command::GrabJobAll, &[]),
            Request::AllYours => put(Command::AllYours, &[]),
            Request::SetClientId(id) => put(Command::SetClientId, &[id]),
            Request::Submit(submit) => submit.parts(put),
            Request::Work(work) => work.parts(put),
            Request::GetStatus(handle) => put(Command::GetStatus, &[handle]),
            Request::GetStatusUnique(unique) => put(Command::GetStatusUnique, &[unique]),
            Request::Echo(data) => put(Command::EchoReq, &[data]),
            Request::Option(name) => put(Command::OptionReq, &[name]),
        }
    }
}

impl Submit<'_> {
    /// The command and its arguments. Inlined, since the one who asks for a packet mostly knows which.
    #[inline(always)]
    fn parts<R>(&self, put: impl FnOnce(Command, &[&[u8]]) -> R) -> R {
        let Submit { function, unique, workload, .. } = *self;
        match (self.start, self.reducer, self.background) {
            (Start::Epoch(when), ..) => put(Command::SubmitJobEpoch, &[function, unique, when, workload]),
            (Start::Schedule([minute, hour, day, month, weekday]), ..) => {
                put(Command::SubmitJobSched, &[function, unique, minute, hour, day, month, weekday, workload])
            }
            (Start::Now, Some(reducer), true) => {
                put(Command::SubmitReduceJobBackground, &[function, unique, reducer, workload])
            }
            (Start::Now, Some(reducer), false) => put(Command::SubmitReduceJob, &[function, unique, reducer, workload]),
            (Start::Now, None, background) => {
                let command = match (self.priority, background) {
                    (Priority::Normal, false) => Command::SubmitJob,
                    (Priority::Normal, true) => Command::SubmitJobBg,
                    (Priority::High, false) => Command::SubmitJobHigh,
                    (Priority::High, true) => Command::SubmitJobHighBg,
                    (Priority::Low, false) => Command::SubmitJobLow,
                    (Priority::Low, true) => Command::SubmitJobLowBg,
                };
                put(command, &[function, unique, workload])
            }
        }
    }
}

/// A job as the server hands it to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assign<'a> {
    /// The job's name at this server.
    pub handle: &'a [u8],
    /// The function to run.
    pub function: &'a [u8],
    /// The job's key; `None` in the form that does not give it.
    pub unique: Option<&'a [u8]>,
    /// The function that joins the parts, for a job that is split.
    pub reducer: Option<&'a [u8]>,
    /// What to work on.
    pub workload: &'a [u8],
}

/// What the server knows of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Status<'a> {
    /// Queued or running.
    pub known: bool,
    /// A worker has it.
    pub running: bool,
    /// Decimal; as the worker last sent it.
    pub numerator: &'a [u8],
    /// Decimal; as the worker last sent it.
    pub denominator: &'a [u8],
}

/// What a worker asked to be told of its jobs, and no answer to anything. Ours: see docs/protocol.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice<'a> {
    /// Of which job.
    pub handle: &'a [u8],
    /// What is to be known of it.
    pub news: News<'a>,
}

/// The second and the third argument of a JOB_NOTICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News<'a> {
    /// `attempt`: the job that is assigned next was tried before. Decimal, from 2 on: which time this is.
    Attempt(&'a [u8]),
    /// `cancelled`: nobody wants its result any more.
    Cancelled,
    /// What a later version may have to tell: its name and its value.
    Other(&'a [u8], &'a [u8]),
}

/// What a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// NOOP: there may be a job.
    Noop,
    /// NO_JOB.
    NoJob,
    /// JOB_ASSIGN in its three forms.
    JobAssign(Assign<'a>),
    /// JOB_CREATED: the handle of a submitted job.
    JobCreated(&'a [u8]),
    /// WORK_*.
    Work(Work<'a>),
    /// STATUS_RES.
    Status {
        /// As it was asked for.
        handle: &'a [u8],
        /// The answer.
        status: Status<'a>,
    },
    /// STATUS_RES_UNIQUE.
    StatusUnique {
        /// As it was asked for.
        unique: &'a [u8],
        /// The answer.
        status: Status<'a>,
        /// Decimal: how many clients wait for it.
        clients: &'a [u8],
    },
    /// JOB_NOTICE.
    JobNotice(Notice<'a>),
    /// ECHO_RES.
    Echo(&'a [u8]),
    /// OPTION_RES: the option is on.
    Option(&'a [u8]),
    /// ERROR.
    Error {
        /// A name of [`crate::ReturnCode`].
        code: &'a [u8],
        /// For people.
        text: &'a [u8],
    },
}

fn invalid(reason: std::fmt::Arguments<'_>) -> Error {
    Error::Protocol { code: ReturnCode::InvalidCommand, reason: reason.to_string() }
}

fn flag(on: bool) -> &'static [u8] {
    if on { b"1" } else { b"0" }
}

impl<'a> Response<'a> {
    /// What this frame means.
    ///
    /// # Errors
    /// [`Error::Protocol`] where the arguments do not fit, where the magic is that of a request, and for
    /// commands that a server does not send.
    pub fn parse(frame: &Frame<'a>) -> Result<Response<'a>> {
        let command = frame.command().ok_or_else(|| invalid(format_args!("unknown command {}", frame.number)))?;
        if frame.magic == Magic::Request {
            let reason = format!("{command} with the magic of a request in answer");
            return Err(Error::Protocol { code: ReturnCode::InvalidMagic, reason });
        }
        if let Some(work) = Work::parse(command, frame)? {
            return Ok(Response::Work(work));
        }
        Ok(match command {
            Command::Noop => Response::Noop,
            Command::NoJob => Response::NoJob,
            Command::JobCreated => Response::JobCreated(frame.arguments::<1>()?[0]),
            Command::JobAssign => {
                let [handle, function, workload] = frame.arguments()?;
                Response::JobAssign(Assign { handle, function, unique: None, reducer: None, workload })
            }
            Command::JobAssignUniq => {
                let [handle, function, unique, workload] = frame.arguments()?;
                Response::JobAssign(Assign { handle, function, unique: Some(unique), reducer: None, workload })
            }
            Command::JobAssignAll => {
                let [handle, function, unique, reducer, workload] = frame.arguments()?;
                Response::JobAssign(Assign { handle, function, unique: Some(unique), reducer: Some(reducer), workload })
            }
            Command::StatusRes => {
                let [handle, known, running, numerator, denominator] = frame.arguments()?;
                Response::Status {
                    handle,
                    status: Status { known: known == b"1", running: running == b"1", numerator, denominator },
                }
            }
            Command::StatusResUnique => {
                let [unique, known, running, numerator, denominator, clients] = frame.arguments()?;
                let status = Status { known: known == b"1", running: running == b"1", numerator, denominator };
                Response::StatusUnique { unique, status, clients }
            }
            Command::JobNotice => {
                let [handle, name, value] = frame.arguments()?;
                let news = match name {
                    b"attempt" => News::Attempt(value),
                    b"cancelled" => News::Cancelled,
                    name => News::Other(name, value),
                };
                Response::JobNotice(Notice { handle, news })
            }
            Command::EchoRes => Response::Echo(frame.arguments::<1>()?[0]),
            Command::OptionRes => Response::Option(frame.arguments::<1>()?[0]),
            Command::Error => {
                let [code, text] = frame.arguments()?;
                Response::Error { code, text }
            }
            other => return Err(invalid(format_args!("{other} is not an answer"))),
        })
    }

    /// Appends the packet to `out`.
    pub fn encode(&self, out: &mut impl Sink) {
        self.parts(|command, arguments| encode(out, Magic::Response, command, arguments));
    }

    /// The command and its arguments. Inlined, since the one who asks for a packet mostly knows which.
    #[inline(always)]
    fn parts<R>(&self, put: impl FnOnce(Command, &[&[u8]]) -> R) -> R {
        match *self {
            Response::Noop => put(Command::Noop, &[]),
            Response::NoJob => put(Command::NoJob, &[]),
            Response::JobCreated(handle) => put(Command::JobCreated, &[handle]),
            Response::JobAssign(Assign { handle, function, unique, reducer, workload }) => match (unique, reducer) {
                (None, None) => put(Command::JobAssign, &[handle, function, workload]),
                (Some(unique), None) => put(Command::JobAssignUniq, &[handle, function, unique, workload]),
                (unique, Some(reducer)) => {
                    put(Command::JobAssignAll, &[handle, function, unique.unwrap_or_default(), reducer, workload])
                }
            },
            Response::Work(work) => work.parts(put),
            Response::Status { handle, status: s } => {
                put(Command::StatusRes, &[handle, flag(s.known), flag(s.running), s.numerator, s.denominator])
            }
            Response::StatusUnique { unique, status: s, clients } => {
                let (known, running) = (flag(s.known), flag(s.running));
                put(Command::StatusResUnique, &[unique, known, running, s.numerator, s.denominator, clients])
            }
            Response::JobNotice(Notice { handle, news }) => {
                let (name, value): (&[u8], &[u8]) = match news {
                    News::Attempt(number) => (b"attempt", number),
                    News::Cancelled => (b"cancelled", b""),
                    News::Other(name, value) => (name, value),
                };
                put(Command::JobNotice, &[handle, name, value])
            }
            Response::Echo(data) => put(Command::EchoRes, &[data]),
            Response::Option(name) => put(Command::OptionRes, &[name]),
            Response::Error { code, text } => put(Command::Error, &[code, text]),
        }
    }
}

/// A decimal number from the wire as C peers read it: digits up to the first other byte, 0 where
/// there are none, and never more than `u32::MAX`, which is what they can hold.
pub fn number(digits: &[u8]) -> u32 {
    let digits = digits.iter().take_while(|d| d.is_ascii_digit());
    digits.fold(0u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0')))
}

/// A decimal number for the wire, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal(ArrayString<20>);

impl Decimal {
    /// The digits of `n`.
    ///
    /// ```
    /// assert_eq!(gearman_core::protocol::message::Decimal::new(4730).as_ref(), b"4730");
    /// ```
    pub fn new(n: u64) -> Decimal {
        let mut digits = ArrayString::new();
        digits.push_str(itoa::Buffer::new().format(n)); // at most 20
        Decimal(digits)
    }
}

impl AsRef<[u8]> for Decimal {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_peers_read_them() {
        for (digits, expected) in [
            (&b""[..], 0),
            (b"17", 17),
            (b"17x3", 17),
            (b"-1", 0),
            (b"4294967295", u32::MAX),
            (b"99999999999999999999999", u32::MAX),
        ] {
            assert_eq!(number(digits), expected);
        }
        assert_eq!(Decimal::new(0).as_ref(), b"0");
        assert_eq!(Decimal::new(u64::MAX).as_ref(), u64::MAX.to_string().as_bytes());
    }

    /// Its header would have held a wrong length.
    #[test]
    fn four_gigabytes_do_not_fit() {
        let large = vec![0; 1 << 32]; // never touched, so it takes no memory
        let fits = |handle, data| Request::Work(Work { handle, update: Update::Complete(data) }).fits();
        assert!(fits(b"H", b""));
        assert!(fits(b"H", &large[..u32::MAX as usize - 2]));
        assert!(!fits(b"H", &large[..u32::MAX as usize - 1]));
        assert!(!fits(b"H", &large));
    }
}
