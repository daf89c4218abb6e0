//! How a call ended: `returnCode()`, `error()`, and the warning for an error of the core.
use crate::bytes_cell::BytesCell;
use crate::call::Call;
use bytes::Bytes;
use gearman_core::{Error, ReturnCode};
use std::cell::Cell;
use std::fmt::Display;

/// Why a call did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something of Gearman's.
    Gearman(Error),
    /// PHP code threw or called exit(): the call returns at once, without a warning.
    Thrown,
    /// A signal was handled, and the call returns for it.
    Signal,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Gearman(error)
    }
}

/// What returnCode() and error() say of the last call of an object.
pub(crate) struct LastError {
    code: Cell<i64>,
    text: BytesCell,
    /// It is that of a question; an answer to one does not change the return code.
    question: Cell<bool>,
}

impl LastError {
    pub(crate) fn new() -> Self {
        LastError {
            code: Cell::new(ReturnCode::Success.number()),
            text: BytesCell::default(),
            question: Cell::default(),
        }
    }
    /// What `returnCode()` gives.
    pub(crate) fn code(&self) -> i64 {
        self.code.get()
    }
    /// What `error()` gives; `None` is false.
    pub(crate) fn error(&self) -> Option<&[u8]> {
        self.text.get()
    }
    /// Notes a code without text.
    pub(crate) fn set(&self, code: ReturnCode) {
        self.set_number(code.number());
    }
    /// Notes a code that a program made up.
    pub(crate) fn set_number(&self, code: i64) {
        self.code.set(code);
        self.text.set(None);
        self.question.set(false);
    }
    /// A question was not answered, as was noted.
    pub(crate) fn unanswered(&self) {
        self.question.set(true);
    }
    /// A question was answered, which leaves alone what other calls came to. Only that an earlier one was not is past.
    pub(crate) fn answered(&self) {
        if self.question.get() {
            self.set(ReturnCode::Success);
        }
    }
    /// Notes what went wrong, with a text for `error()`.
    pub(crate) fn note(&self, code: i64, text: impl Display) {
        let name = ReturnCode::from_number(code).map_or("an unknown code", ReturnCode::name);
        self.code.set(code);
        self.question.set(false);
        // As in the warning, which cannot hold a NUL.
        self.text.set(Bytes::from(format!("{name}: {text}").replace('\0', "\\0")));
    }
    /// Notes an error.
    pub(crate) fn fail(&self, error: &Error) {
        self.note(error.code().number(), error);
    }
    /// Notes what went wrong and warns of it with the same text, which is moved here: an error handler may longjmp.
    /// False: return at once.
    pub(crate) fn refuse(&self, call: Call, code: i64, text: impl Display) -> bool {
        self.note(code, &text);
        call.warn(text);
        !crate::sys::exception_pending()
    }
    /// Notes that a call returned for a signal.
    pub(crate) fn interrupted(&self) {
        self.note(ReturnCode::IoWait.number(), "a signal was handled");
    }
    /// Notes a failure and warns of it, unless PHP code threw. False: return at once.
    pub(crate) fn report(&self, call: Call, failure: Failure) -> bool {
        match failure {
            Failure::Thrown => false,
            Failure::Signal => {
                self.interrupted();
                true
            }
            Failure::Gearman(error) => self.refuse(call, error.code().number(), error),
        }
    }
}
