//! Why a call did not do what it was asked for.
//!
//! Owns the one error type of the module. What is told of it, by a warning, `returnCode()` and `error()`, is
//! last_error.rs's.
use gearman_core::Error;

/// Why a call did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something of Gearman's.
    #[error(transparent)]
    Gearman(#[from] Error),
    /// PHP code threw or called exit(): the call returns at once, without a warning.
    #[error("PHP code threw")]
    Thrown,
    /// A signal was handled, and the call returns for it.
    #[error("a signal was handled")]
    Signal,
}
