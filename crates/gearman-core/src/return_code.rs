//! `gearman_return_t` of libgearman: how a call ended. PHP programs get the numbers, ERROR packets
//! carry the names without their prefix.
//!
//! Owns the numbers and the names. Must never know which error leads to which code: that is [`crate::error`]'s.

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $value:literal $name:literal,)*) => {
        /// How a call ended, with libgearman's numbers (libgearman-1.0/return.h).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ReturnCode { $($(#[$doc])* $variant = $value,)* }

        impl ReturnCode {
            /// Every code, in order of its number.
            pub const ALL: &[ReturnCode] = &[$(ReturnCode::$variant,)*];

            /// The constant's name without `GEARMAN_`, as it also stands in ERROR packets.
            pub fn name(self) -> &'static str {
                match self { $(ReturnCode::$variant => $name,)* }
            }
        }
    };
}

codes! {
    /// All went well.
    Success = 0 "SUCCESS",
    /// Nothing to be had without waiting.
    IoWait = 1 "IO_WAIT",
    /// A worker function asked to stop.
    Shutdown = 2 "SHUTDOWN",
    /// As above, in a gentle way.
    ShutdownGraceful = 3 "SHUTDOWN_GRACEFUL",
    /// A system call failed.
    Errno = 4 "ERRNO",
    /// Internal to the C server.
    Event = 5 "EVENT",
    /// A text command had too many words.
    TooManyArgs = 6 "TOO_MANY_ARGS",
    /// There is nothing to wait for.
    NoActiveFds = 7 "NO_ACTIVE_FDS",
    /// A packet did not begin with `\0REQ` or `\0RES`.
    InvalidMagic = 8 "INVALID_MAGIC",
    /// A command that does not exist, or not in this direction.
    InvalidCommand = 9 "INVALID_COMMAND",
    /// A packet whose arguments do not fit its command.
    InvalidPacket = 10 "INVALID_PACKET",
    /// A packet that answers nothing that was asked.
    UnexpectedPacket = 11 "UNEXPECTED_PACKET",
    /// A host name could not be resolved.
    Getaddrinfo = 12 "GETADDRINFO",
    /// No server was added.
    NoServers = 13 "NO_SERVERS",
    /// The connection ended while something was expected from it.
    LostConnection = 14 "LOST_CONNECTION",
    /// Out of memory.
    MemoryAllocationFailure = 15 "MEMORY_ALLOCATION_FAILURE",
    /// The job was queued before.
    JobExists = 16 "JOB_EXISTS",
    /// The server takes no more jobs for this function.
    JobQueueFull = 17 "JOB_QUEUE_FULL",
    /// The server answered with an error.
    ServerError = 18 "SERVER_ERROR",
    /// A job ended with an error.
    WorkError = 19 "WORK_ERROR",
    /// Data of a running job arrived.
    WorkData = 20 "WORK_DATA",
    /// A warning of a running job arrived.
    WorkWarning = 21 "WORK_WARNING",
    /// A status of a running job arrived.
    WorkStatus = 22 "WORK_STATUS",
    /// A job ended by an exception.
    WorkException = 23 "WORK_EXCEPTION",
    /// A job failed.
    WorkFail = 24 "WORK_FAIL",
    /// There is no connection.
    NotConnected = 25 "NOT_CONNECTED",
    /// A connection could not be made.
    CouldNotConnect = 26 "COULD_NOT_CONNECT",
    /// A send was begun on this connection before.
    SendInProgress = 27 "SEND_IN_PROGRESS",
    /// A receive was begun on this connection before.
    RecvInProgress = 28 "RECV_IN_PROGRESS",
    /// Nothing is being flushed.
    NotFlushing = 29 "NOT_FLUSHING",
    /// More data than there is room for.
    DataTooLarge = 30 "DATA_TOO_LARGE",
    /// A function's name is empty, too long or unknown.
    InvalidFunctionName = 31 "INVALID_FUNCTION_NAME",
    /// A worker function is not callable.
    InvalidWorkerFunction = 32 "INVALID_WORKER_FUNCTION",
    /// This function was not registered.
    NoRegisteredFunction = 33 "NO_REGISTERED_FUNCTION",
    /// No function was registered.
    NoRegisteredFunctions = 34 "NO_REGISTERED_FUNCTIONS",
    /// No server has a job.
    NoJobs = 35 "NO_JOBS",
    /// An echo came back changed.
    EchoDataCorruption = 36 "ECHO_DATA_CORRUPTION",
    /// A workload callback is needed.
    NeedWorkloadFn = 37 "NEED_WORKLOAD_FN",
    /// A callback asked to pause.
    Pause = 38 "PAUSE",
    /// A state that should not exist.
    UnknownState = 39 "UNKNOWN_STATE",
    /// A thread could not be made.
    Pthread = 40 "PTHREAD",
    /// A pipe was closed.
    PipeEof = 41 "PIPE_EOF",
    /// The server's queue refused the job.
    QueueError = 42 "QUEUE_ERROR",
    /// Internal: data waits to be flushed.
    FlushData = 43 "FLUSH_DATA",
    /// A packet does not fit the send buffer.
    SendBufferTooSmall = 44 "SEND_BUFFER_TOO_SMALL",
    /// Internal: a packet to be skipped.
    IgnorePacket = 45 "IGNORE_PACKET",
    /// An option that does not exist.
    UnknownOption = 46 "UNKNOWN_OPTION",
    /// Nothing came for as long as the caller would wait.
    Timeout = 47 "TIMEOUT",
    /// An argument is longer than the protocol allows.
    ArgumentTooLarge = 48 "ARGUMENT_TOO_LARGE",
    /// An argument that cannot be used.
    InvalidArgument = 49 "INVALID_ARGUMENT",
    /// Still at work on it.
    InProgress = 50 "IN_PROGRESS",
    /// The server does not know an option.
    InvalidServerOption = 51 "INVALID_SERVER_OPTION",
    /// The server does not know a job.
    JobNotFound = 52 "JOB_NOT_FOUND",
    /// One above the last code.
    MaxReturn = 53 "MAX_RETURN",
}

/// What an ERROR packet of gearmand names where its rules do not allow what was asked. libgearman has no number for it: to
/// callers it is [`ReturnCode::ServerError`].
pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";

impl ReturnCode {
    /// The code with this number.
    ///
    /// ```
    /// # use gearman_core::ReturnCode;
    /// assert_eq!(ReturnCode::from_number(47), Some(ReturnCode::Timeout));
    /// assert_eq!(ReturnCode::from_number(54), None);
    /// ```
    pub fn from_number(number: i64) -> Option<ReturnCode> {
        usize::try_from(number).ok().and_then(|n| ReturnCode::ALL.get(n)).copied()
    }

    /// The code that an ERROR packet names, with or without `GEARMAN_` in front.
    pub fn from_wire(name: &[u8]) -> Option<ReturnCode> {
        let name = name.strip_prefix(b"GEARMAN_").unwrap_or(name);
        ReturnCode::ALL.iter().copied().find(|c| c.name().as_bytes() == name)
    }

    /// The number, as PHP's constants have it.
    pub fn number(self) -> i64 {
        i64::from(self as i32)
    }
}

impl std::fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_list() {
        for (i, code) in ReturnCode::ALL.iter().enumerate() {
            assert_eq!(code.number(), i as i64);
        }
    }

    #[test]
    fn wire_names_with_and_without_prefix() {
        assert_eq!(ReturnCode::from_wire(b"QUEUE_ERROR"), Some(ReturnCode::QueueError));
        assert_eq!(ReturnCode::from_wire(b"GEARMAN_QUEUE_ERROR"), Some(ReturnCode::QueueError));
        assert_eq!(ReturnCode::from_wire(b"queue_error"), None);
    }
}
