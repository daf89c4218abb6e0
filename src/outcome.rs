//! What became of a call: `returnCode()`, `error()`, and what PHP hears of a core error.
use crate::call::Call;
use crate::held::Held;
use bytes::Bytes;
use gearman_core::{Code, Error};
use std::cell::Cell;

/// Why a call did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something of Gearman's.
    Gearman(Error),
    /// PHP code threw or called exit(): the call returns at once, and says nothing.
    Thrown,
    /// A signal was handled, and the call returns for it.
    Signal,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Gearman(error)
    }
}

/// The last outcome of an object.
pub(crate) struct Outcome {
    code: Cell<i64>,
    text: Held,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        Outcome { code: Cell::new(Code::Success.number()), text: Held::default() }
    }
    /// What `returnCode()` gives.
    pub(crate) fn code(&self) -> i64 {
        self.code.get()
    }
    /// What `error()` gives; `None` is false.
    pub(crate) fn error(&self) -> Option<&[u8]> {
        self.text.get()
    }
    /// Notes an outcome without words.
    pub(crate) fn set(&self, code: Code) {
        self.set_number(code.number());
    }
    /// Notes an outcome that a program made up.
    pub(crate) fn set_number(&self, code: i64) {
        self.code.set(code);
        self.text.set(None);
    }
    /// Notes how a job ended that did not end well, which is no failure of the call.
    pub(crate) fn ended(&self, code: i64, text: &'static str) {
        self.code.set(code);
        self.text.set(Bytes::from_static(text.as_bytes()));
    }
    /// Notes an error, with its words for `error()`.
    pub(crate) fn fail(&self, error: &Error) {
        self.code.set(error.code().number());
        self.text.set(Bytes::from(format!("{}: {error}", error.code())));
    }
    /// Notes a failure and warns of it, unless PHP code threw. False: return at once.
    pub(crate) fn report(&self, call: Call, failure: Failure) -> bool {
        match failure {
            Failure::Thrown => return false,
            Failure::Signal => self.set(Code::IoWait),
            Failure::Gearman(error) => {
                self.fail(&error);
                call.warn(error);
            }
        }
        !crate::sys::exception_pending()
    }
}
