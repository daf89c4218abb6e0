//! Which function names and unique keys the protocol can carry.
//!
//! Owns the limits, and the texts that say which of them was passed. Must never know who asks: client, worker and server have
//! the same.

use crate::error::{Error, Result};
use crate::{MAX_FUNCTION, MAX_UNIQUE};
use memchr::memchr;

/// Is this a name that a function can have?
///
/// # Errors
/// [`Error::Argument`] saying why not.
pub fn check_function(name: &[u8]) -> Result<()> {
    match name.len() {
        0 => Err(Error::Argument("the function name is empty")),
        n if n > MAX_FUNCTION => Err(Error::Argument("the function name is longer than 512 bytes")),
        _ if memchr(0, name).is_some() => Err(Error::Argument("a function name holds no NUL bytes")),
        _ => Ok(()),
    }
}

/// Is this a key that a job can have?
///
/// # Errors
/// [`Error::Argument`] saying why not.
pub fn check_unique(unique: &[u8]) -> Result<()> {
    match unique {
        _ if unique.len() > MAX_UNIQUE => Err(Error::Argument("the unique key is longer than 64 bytes")),
        _ if memchr(0, unique).is_some() => Err(Error::Argument("a unique key holds no NUL bytes")),
        _ => Ok(()),
    }
}
