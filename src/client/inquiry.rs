//! cancelJob(), cancelJobByUniqueKey(), jobInfo() and jobResult(): text commands about one job, none of which pecl has. What
//! else a text command can do for a program that has a job's handle goes here.
use crate::call::{Call, Reply, Str, args, handlers, string};
use crate::client::{Client, option};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::runtime::{OnSignal, wait_for};
use bytes::Bytes;
use ext_php_rs::types::{ZendHashTable, Zval};
use gearman_core::client::inquiry::{Outcome, Question};
use gearman_core::protocol::answer::fields;
use gearman_core::{Error, ReturnCode};

/// What is a number in jobInfo(); all else but these and [`SWITCH`] is text.
const NUMBERS: [&str; 5] = ["tries", "due", "age", "numerator", "denominator"];
const SWITCH: &str = "background";

impl Client {
    /// Asks, and waits for the answer; `None`: no server knows the job.
    fn inquire(&self, question: Result<Question, Error>) -> Result<Option<Bytes>, Failure> {
        let question = question?;
        self.begin();
        let id = self.core.borrow_mut().inquire(question)?;
        let until = self.until();
        let stops = self.common.has(option::STOP_WAIT_ON_SIGNAL);
        let answer = wait_for(if stops { OnSignal::Return } else { OnSignal::Resume }, || async {
            self.core.borrow_mut().answer_to(id, until).await
        });
        if answer.is_err() {
            self.core.borrow_mut().forget_inquiry(id);
        }
        answer
    }

    /// The answer, in `reply`. False: there is none, and the call has ended.
    fn has_answer(&self, call: Call, question: Result<Question, Error>) -> bool {
        let last_error = &self.common.last_error;
        match self.inquire(question) {
            Ok(Some(answer)) => {
                self.reply.set(answer);
                return true;
            }
            Ok(None) => {
                last_error.note(ReturnCode::JobNotFound.number(), "no server knows the job");
                call.returns(false);
            }
            Err(failure) => last_error.fail(call, failure),
        }
        false
    }
}

fn cancel(call: Call, this: &Client, question: Result<Question, Error>) {
    if this.has_answer(call, question) {
        this.reply.set(None);
        this.common.last_error.set(ReturnCode::Success);
        call.returns(true);
    }
}

/// The fields of the answer in `reply`, in the order in which they came.
fn info(this: &Client) -> Result<Zval, Error> {
    for field in fields(this.reply.or_empty()) {
        field?;
    }
    let mut table = ZendHashTable::new();
    // What is lent of `reply` stays: no PHP code runs in here.
    for (key, value) in fields(this.reply.or_empty()).flatten() {
        let number = || std::str::from_utf8(&value).ok().and_then(|digits| digits.parse::<i64>().ok());
        let value = match number().filter(|_| NUMBERS.contains(&key) || key == SWITCH) {
            Some(number) if key == SWITCH => Reply::from(number != 0).into(),
            Some(number) => Reply::from(number).into(),
            None => {
                // Before PHP's allocator is called, which may longjmp.
                this.piece.set(Bytes::from(value.into_owned()));
                string(this.piece.or_empty())
            }
        };
        // Fails only when 2^63 elements are there.
        let _ = table.insert(key, value);
    }
    this.piece.set(None);
    let mut array = Zval::new();
    array.set_hashtable(table);
    Ok(array)
}

handlers! {
    fn cancel_job(call) {
        let mut handle = Str::NULL;
        let this = args!(call, Client, "S", &mut handle);
        cancel(call, this, Question::cancel_job(handle.or_empty()));
    }
    fn cancel_job_by_unique_key(call) {
        let (mut function, mut unique) = (Str::NULL, Str::NULL);
        let this = args!(call, Client, "SS", &mut function, &mut unique);
        cancel(call, this, Question::cancel_unique(function.or_empty(), unique.or_empty()));
    }
    fn job_info(call) {
        let mut handle = Str::NULL;
        let this = args!(call, Client, "S", &mut handle);
        if this.has_answer(call, Question::job(handle.or_empty())) {
            let info = info(this);
            this.reply.set(None);
            this.common.last_error.end(call, info);
        }
    }
    fn job_result(call) {
        let mut handle = Str::NULL;
        let this = args!(call, Client, "S", &mut handle);
        if !this.has_answer(call, Question::result(handle.or_empty())) {
            return;
        }
        let last_error = &this.common.last_error;
        match Outcome::read(this.reply.or_empty()) {
            Ok(Outcome::Done(result)) => {
                last_error.set(ReturnCode::Success);
                this.reply.set(result);
                call.returns(this.reply.or_empty());
            }
            Ok(Outcome::Failed(reason)) => {
                let blank = if reason.is_empty() { "" } else { ": " };
                last_error.note(ReturnCode::WorkFail.number(), format_args!("the job failed{blank}{reason}"));
                call.returns(false);
            }
            Ok(Outcome::Unfinished(state)) => {
                last_error.note(ReturnCode::InProgress.number(), format_args!("the job has not ended: {state}"));
                call.returns(false);
            }
            Err(error) => last_error.fail(call, error),
        }
        this.reply.set(None);
    }
}
