//! What `returnCode()` and `error()` say of an object's last call, and how a call ends: with its result, or with a warning
//! and false.
//!
//! Must never know what was called. Invariants: `error()` is the text of the warning; nothing is borrowed while a warning is
//! given, since a user's error handler may throw, longjmp or use the object; once something was thrown, a call has no
//! result.
use crate::bytes_cell::BytesCell;
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::sys::exception_pending;
use bytes::Bytes;
use gearman_core::{Error, ReturnCode};
use std::cell::Cell;
use std::fmt::Display;

/// What an object's last call came to.
pub(crate) struct LastError {
    code: Cell<i64>,
    text: BytesCell,
    /// What is noted is that a question was not answered. An answer to one does not change the return code.
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
    pub(crate) fn note_error(&self, error: &Error) {
        self.note(error.code().number(), error);
    }
    /// Notes that a call returned for a signal.
    pub(crate) fn note_signal(&self) {
        self.note(ReturnCode::IoWait.number(), Failure::Signal);
    }

    /// Notes what went wrong and warns of it with the same text, which is moved here: an error handler may longjmp.
    /// False: that has thrown, return at once.
    pub(crate) fn warn(&self, call: Call, code: i64, text: impl Display) -> bool {
        self.note(code, &text);
        call.warn(text);
        !exception_pending()
    }
    /// Notes a failure and warns of it, unless PHP code threw. False: return at once.
    pub(crate) fn report(&self, call: Call, failure: Failure) -> bool {
        match failure {
            Failure::Thrown => false,
            Failure::Signal => {
                self.note_signal();
                true
            }
            Failure::Gearman(error) => self.warn(call, error.code().number(), error),
        }
    }

    /// Ends a call by a warning and false.
    pub(crate) fn refuse(&self, call: Call, code: i64, text: impl Display) {
        if self.warn(call, code, text) {
            call.returns(false);
        }
    }
    /// The same for a failure.
    pub(crate) fn fail(&self, call: Call, failure: impl Into<Failure>) {
        if self.report(call, failure.into()) {
            call.returns(false);
        }
    }
    /// Ends a call by its result and SUCCESS, or by a warning and false.
    pub(crate) fn end(&self, call: Call, result: Result<impl Into<Reply>, impl Into<Failure>>) {
        match result {
            Ok(value) => {
                self.set(ReturnCode::Success);
                call.returns(value);
            }
            Err(failure) => self.fail(call, failure),
        }
    }
}
