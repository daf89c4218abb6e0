//! Errors of PostgreSQL as an operator reads them, and what they mean for what was asked.
//!
//! Must never show a password, nor what rows hold.

use crate::cluster::ask::Fault;
use crate::durable::postgres::connect::NotConnected;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

/// Why there is no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Unusable {
    /// What is wrong, and how to mend it.
    pub(crate) text: String,
    /// It may get better without anybody mending it.
    pub(crate) passes: bool,
}

impl Unusable {
    pub(crate) fn for_good(text: impl Into<String>) -> Unusable {
        Unusable { text: text.into(), passes: false }
    }
}

impl From<Error> for Unusable {
    fn from(error: Error) -> Unusable {
        let Some(said) = error.as_db_error() else {
            return Unusable { text: explained(&error), passes: true };
        };
        let passes = match said.code().code().get(..2) {
            // Connections, resources, operators, systems: they come back. Rights, names and syntax do not.
            Some("08" | "40" | "53" | "55" | "57" | "58") => true,
            // The last: this server did not get to its next statement for a while.
            _ => [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT]
                .contains(said.code()),
        };
        Unusable { text: explained(&error), passes }
    }
}

impl From<NotConnected> for Unusable {
    fn from(error: NotConnected) -> Unusable {
        match error {
            NotConnected::Failed(error) => error.into(),
            NotConnected::Silent(_) => Unusable { text: error.to_string(), passes: true },
        }
    }
}

/// What became of something that was asked, and failed.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// Nothing was done, and the same may be asked once more at once: others were in the way.
    Again(String),
    /// Nothing was done.
    NotDone(String),
    /// The session is of no use any more, but nothing was done.
    Broken(String),
    /// The session is of no use any more, and nobody knows whether it was done.
    InDoubt,
}

impl Outcome {
    /// Of an error of something that was sent.
    pub(super) fn of(error: &Error) -> Outcome {
        let text = explained(error);
        let Some(said) = error.as_db_error() else {
            // What cannot be sent, or read, is no trouble of the connection.
            let whole = !error.is_closed() && error.source().is_none_or(|cause| !cause.is::<std::io::Error>());
            return if whole { Outcome::NotDone(text) } else { Outcome::InDoubt };
        };
        let code = said.code();
        // It may come behind a commit.
        if matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            return Outcome::InDoubt;
        }
        match code {
            code if *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN || code.code().starts_with("08") => {
                Outcome::InDoubt
            }
            code if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code) => {
                Outcome::Again(text)
            }
            // A standby now; or statements are not those that were prepared.
            code if *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::INVALID_SQL_STATEMENT_NAME
                || *code == SqlState::FEATURE_NOT_SUPPORTED =>
            {
                Outcome::Broken(text)
            }
            _ => Outcome::NotDone(text),
        }
    }
}

impl From<Outcome> for Fault {
    fn from(outcome: Outcome) -> Fault {
        match outcome {
            Outcome::Again(text) | Outcome::NotDone(text) | Outcome::Broken(text) => Fault::NotDone(text),
            Outcome::InDoubt => Fault::InDoubt,
        }
    }
}

/// An error with its causes, and what can be done.
pub(super) fn explained(error: &Error) -> String {
    let Some(said) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        return text;
    };
    let text = format!("{} (SQLSTATE {})", said.message(), said.code().code());
    match help(said.code()) {
        Some(help) => format!("{text}: {help}"),
        None => text,
    }
}

fn help(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "is the user right, and --cluster-password-file?"
        }
        SqlState::INVALID_CATALOG_NAME => "make the database, or name another in --cluster-url",
        SqlState::QUERY_CANCELED => "the statement took too long, or somebody cancelled it",
        SqlState::LOCK_NOT_AVAILABLE => "somebody holds a lock for long: see pg_stat_activity",
        SqlState::DISK_FULL => "the database's disk is full",
        SqlState::TOO_MANY_CONNECTIONS => "raise max_connections; each server needs three",
        SqlState::INSUFFICIENT_PRIVILEGE => "the user lacks a right",
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "this is a standby, or was made read-only: name all hosts in --cluster-url"
        }
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => "the schema was changed by hand",
        _ => return None,
    })
}
