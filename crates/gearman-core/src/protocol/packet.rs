//! Commands, the arguments each of them carries, and a packet as a slice of bytes. No I/O.
//!
//! Owns the table of commands. Must never know what an argument means.
//!
//! A packet is a header of 12 bytes (magic, command and body length, big endian) and a body: the
//! arguments joined by NUL. The last argument runs to the end of the body and may hold NULs, so a
//! body is split exactly n-1 times.

use crate::error::{Error, Result};

/// Bytes in front of each packet's body.
pub const HEADER: usize = 12;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// `\0REQ`: from a client or a worker to the server.
    Request,
    /// `\0RES`: from the server.
    Response,
}

impl Magic {
    /// The four bytes on the wire.
    pub const fn bytes(self) -> [u8; 4] {
        match self {
            Magic::Request => *b"\0REQ",
            Magic::Response => *b"\0RES",
        }
    }
}

macro_rules! commands {
    ($($variant:ident = $number:literal $name:literal $sender:ident $arguments:literal,)*) => {
        /// Every command of the protocol with its number (PROTOCOL of gearmand; libgearman-1.0/protocol.h), and ours, from 200
        /// on (docs/protocol.md).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Command { $(#[doc = $name] $variant = $number,)* }

        impl Command {
            /// Every command, in order of its number.
            pub const ALL: &[Command] = &[$(Command::$variant,)*];

            /// The command with this number.
            pub fn from_number(number: u32) -> Option<Command> {
                match number { $($number => Some(Command::$variant),)* _ => None }
            }

            /// Its name in the protocol, such as `SUBMIT_JOB`.
            pub const fn name(self) -> &'static str {
                match self { $(Command::$variant => $name,)* }
            }

            /// Who may send it.
            pub const fn sender(self) -> Sender {
                match self { $(Command::$variant => Sender::$sender,)* }
            }

            /// How many arguments its body holds.
            pub const fn arguments(self) -> usize {
                match self { $(Command::$variant => $arguments,)* }
            }
        }
    };
}

/// Who may send a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client or a worker, with the request magic.
    Peer,
    /// The server, with the response magic.
    Server,
    /// Workers send it as a request; the server passes it on to clients as a response.
    Both,
}

commands! {
    CanDo = 1 "CAN_DO" Peer 1,
    CantDo = 2 "CANT_DO" Peer 1,
    ResetAbilities = 3 "RESET_ABILITIES" Peer 0,
    PreSleep = 4 "PRE_SLEEP" Peer 0,
    Noop = 6 "NOOP" Server 0,
    SubmitJob = 7 "SUBMIT_JOB" Peer 3,
    JobCreated = 8 "JOB_CREATED" Server 1,
    GrabJob = 9 "GRAB_JOB" Peer 0,
    NoJob = 10 "NO_JOB" Server 0,
    JobAssign = 11 "JOB_ASSIGN" Server 3,
    WorkStatus = 12 "WORK_STATUS" Both 3,
    WorkComplete = 13 "WORK_COMPLETE" Both 2,
    WorkFail = 14 "WORK_FAIL" Both 1,
    GetStatus = 15 "GET_STATUS" Peer 1,
    EchoReq = 16 "ECHO_REQ" Peer 1,
    EchoRes = 17 "ECHO_RES" Server 1,
    SubmitJobBg = 18 "SUBMIT_JOB_BG" Peer 3,
    Error = 19 "ERROR" Server 2,
    StatusRes = 20 "STATUS_RES" Server 5,
    SubmitJobHigh = 21 "SUBMIT_JOB_HIGH" Peer 3,
    SetClientId = 22 "SET_CLIENT_ID" Peer 1,
    CanDoTimeout = 23 "CAN_DO_TIMEOUT" Peer 2,
    AllYours = 24 "ALL_YOURS" Peer 0,
    WorkException = 25 "WORK_EXCEPTION" Both 2,
    OptionReq = 26 "OPTION_REQ" Peer 1,
    OptionRes = 27 "OPTION_RES" Server 1,
    WorkData = 28 "WORK_DATA" Both 2,
    WorkWarning = 29 "WORK_WARNING" Both 2,
    GrabJobUniq = 30 "GRAB_JOB_UNIQ" Peer 0,
    JobAssignUniq = 31 "JOB_ASSIGN_UNIQ" Server 4,
    SubmitJobHighBg = 32 "SUBMIT_JOB_HIGH_BG" Peer 3,
    SubmitJobLow = 33 "SUBMIT_JOB_LOW" Peer 3,
    SubmitJobLowBg = 34 "SUBMIT_JOB_LOW_BG" Peer 3,
    SubmitJobSched = 35 "SUBMIT_JOB_SCHED" Peer 8,
    SubmitJobEpoch = 36 "SUBMIT_JOB_EPOCH" Peer 4,
    SubmitReduceJob = 37 "SUBMIT_REDUCE_JOB" Peer 4,
    SubmitReduceJobBackground = 38 "SUBMIT_REDUCE_JOB_BACKGROUND" Peer 4,
    GrabJobAll = 39 "GRAB_JOB_ALL" Peer 0,
    JobAssignAll = 40 "JOB_ASSIGN_ALL" Server 5,
    GetStatusUnique = 41 "GET_STATUS_UNIQUE" Peer 1,
    StatusResUnique = 42 "STATUS_RES_UNIQUE" Server 6,
    JobNotice = 200 "JOB_NOTICE" Server 3,
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A packet in a read buffer: nothing copied, nothing looked at beyond the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which way it goes.
    pub magic: Magic,
    /// The command's number; unknown ones must be answered, so this is not yet a [`Command`].
    pub number: u32,
    /// Everything after the header.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The command, if there is one with this number.
    pub fn command(&self) -> Option<Command> {
        Command::from_number(self.number)
    }

    /// The body's `N` arguments, the last of them to the end of the body.
    ///
    /// # Errors
    /// [`Error::Protocol`] where the body holds fewer.
    pub fn arguments<const N: usize>(&self) -> Result<[&'a [u8]; N]> {
        let mut rest = self.body;
        let mut arguments = [&[][..]; N];
        for (i, argument) in arguments.iter_mut().enumerate() {
            if i + 1 == N {
                *argument = rest;
            } else {
                let nul = memchr::memchr(0, rest).ok_or_else(|| self.malformed())?;
                (*argument, rest) = (&rest[..nul], &rest[nul + 1..]);
            }
        }
        Ok(arguments)
    }

    fn malformed(&self) -> Error {
        let name = self.command().map_or("packet", Command::name);
        Error::protocol(format!("{name} with too few arguments"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(command: Command, body: &[u8]) -> Frame<'_> {
        Frame { magic: Magic::Request, number: command as u32, body }
    }

    #[test]
    fn numbers_name_themselves() {
        for command in Command::ALL {
            assert_eq!(Command::from_number(*command as u32), Some(*command));
        }
        for unused in [0, 5, 43, 199, 201, u32::MAX] {
            assert_eq!(Command::from_number(unused), None);
        }
    }

    #[test]
    fn the_last_argument_keeps_its_nuls() {
        let f = frame(Command::SubmitJob, b"reverse\0key\0a\0b\0");
        assert_eq!(f.arguments::<3>().unwrap(), [&b"reverse"[..], b"key", b"a\0b\0"]);
    }

    #[test]
    fn empty_arguments_are_arguments() {
        assert_eq!(frame(Command::SubmitJob, b"f\0\0").arguments::<3>().unwrap(), [&b"f"[..], b"", b""]);
        assert_eq!(frame(Command::EchoReq, b"").arguments::<1>().unwrap(), [&b""[..]]);
    }

    #[test]
    fn too_few_arguments_are_an_error() {
        let error = frame(Command::SubmitJob, b"f\0key").arguments::<3>().unwrap_err();
        assert_eq!(error.to_string(), "protocol error: SUBMIT_JOB with too few arguments");
    }
}
